//! `sources list`: where clusters are learned of. Contacts no cluster.

use super::TOOL;
use super::args::{Format, Global};
use super::config;
use super::fault::{Exit, Fault};
use super::gather::{self, found};
use super::notes::{self, Talk};
use super::output::{Page, Printer, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::access::kubeconfig;
use crate::engine::fold::Fold;
use crate::fleet::Severity;
use crate::registry;
use crate::report::{self, SourceList};

/// `sources list`.
pub(super) fn list(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let settings = config::load(global, &io.around)?;
    config::tell(io, Talk::of(global), &settings.problems)?;
    let printer =
        Printer::new(global, ("SourceList", "items"), |time| gather::style(global, &settings, io, time))?;
    if printer.format == Format::Name {
        return Err(Fault::usage("sources are not clusters")
            .place("--output")
            .hint("`fleetglass clusters list -o name` prints names of clusters."));
    }
    let now = io.around.clock.now();
    let loaded = kubeconfig::load(&gather::search(global, &settings, &io.around));
    let mut fold = Fold::default();
    fold.load(registry::register(&loaded, now), now);
    let fleet = fold.picture();
    let document = report::source_list(&fleet, now, TOOL);
    let talk = Talk::of(global);
    notes::problems(io.stderr, talk, &document.problems)?;
    if document.items.is_empty() && talk > Talk::Quiet {
        writeln!(io.stderr, "no sources. Looked in:")?;
        for (place, there) in loaded.looked_in() {
            writeln!(io.stderr, "  {place}: {}", found(&place, there))?;
        }
    }
    let text = Text::Rows(table(&document));
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    let broken = fleet.problems.iter().chain(fleet.sources.iter().flat_map(|s| &s.problems));
    let unusable = fleet.clusters.is_empty() && broken.into_iter().any(|p| p.severity == Severity::Error);
    Ok(match unusable {
        true => Exit::Usage,
        false if global.exit_code && document.items.iter().any(|s| s.errors > 0) => Exit::Failed,
        false => Exit::Done,
    })
}

/// The sources as a table.
pub(super) fn table(document: &SourceList) -> Table {
    let heads = ["SOURCE", "KIND", "CLUSTERS", "PROBLEMS", "ERRORS", "READ"];
    let row = |s: &report::SourceItem| {
        vec![
            Cell::from(s.name.as_str()),
            s.kind.into(),
            s.entries.to_string().into(),
            s.problems.to_string().into(),
            s.errors.to_string().into(),
            Cell::Time(s.synced_at.map(|stamp| stamp.0)),
        ]
    };
    Table { heads: heads.map(str::to_owned).to_vec(), rows: document.items.iter().map(row).collect() }
}
