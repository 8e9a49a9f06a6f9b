//! What the program knows of itself: schemas and manual pages.

use std::path::Path;

use clap::CommandFactory;

use super::args::Cli;
use super::fault::{Exit, Fault};
use super::suggest;
use super::surroundings::Io;
use crate::config::{EXEC_KIND, FLEET_KINDS, exec_schema_text, fleet_schema_text};
use crate::report;

/// `schema [KIND]`: documents that are printed, objects of the fleet file, and what exec sources print.
pub(super) fn schema(kind: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let Some(kind) = kind else {
        for kind in kinds() {
            writeln!(io.stdout, "{kind}")?;
        }
        return Ok(Exit::Done);
    };
    let of_programs = || exec_schema_text().filter(|_| kind.eq_ignore_ascii_case(EXEC_KIND));
    let Some(text) = report::schema_text(kind).or_else(|| fleet_schema_text(kind)).or_else(of_programs)
    else {
        return Err(Fault::usage(format!("there is no document of kind `{}`", suggest::shown(kind)))
            .hint(suggest::one_of(kind, kinds(), "")));
    };
    io.stdout.write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Everything that has a schema.
fn kinds() -> impl Iterator<Item = &'static str> {
    report::KINDS.into_iter().chain(FLEET_KINDS).chain([EXEC_KIND])
}

/// `man [DIR]`.
pub(super) fn man(dir: Option<&Path>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        io.stdout.write_all(&page)?;
        return Ok(Exit::Done);
    };
    let dir = io.around.path(dir);
    let failed = |e: std::io::Error| {
        Fault::failed("the manual pages cannot be written")
            .place(suggest::shown(&dir.to_string_lossy()))
            .why(e.to_string())
    };
    std::fs::create_dir_all(&dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &dir).map_err(failed)?;
    Ok(Exit::Done)
}
