//! `clusters export`: the registry in the shapes that other programs read.
//!
//! A file is new, never overwritten, and readable by its owner only. What a shape cannot say is told on standard error.

mod ansible;
mod file_sd;
mod kubeconfig;
mod profile;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::args::{ExportFormat, Global};
use super::fault::{Exit, Fault};
use super::gather::{self, Until};
use super::notes::{self, Talk};
use super::suggest;
use super::surroundings::Io;
use crate::fleet::{AccessPath, Cluster, SourceKind};
use crate::report;

/// What was made, and what it could not say.
#[derive(Debug, Default)]
struct Exported {
    text: String,
    /// For standard error.
    warnings: Vec<String>,
}

/// `clusters export`.
pub(super) fn run(
    global: &Global,
    named: &[String],
    format: ExportFormat,
    to: Option<&Path>,
    with_credentials: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    if global.output.is_some() || global.json.is_some() || global.jq.is_some() {
        return Err(Fault::usage("an export has a shape of its own")
            .hint("Leave --output, --json and --jq away; `clusters list` has them."));
    }
    if with_credentials && format != ExportFormat::Kubeconfig {
        return Err(Fault::usage("only a kubeconfig can hold credentials").place("--with-credentials"));
    }
    let mut plan = gather::prepare(global, named, io)?;
    // A kubeconfig needs nothing that only the clusters themselves know.
    let until = if format == ExportFormat::Kubeconfig { Until::Sources } else { Until::Decided };
    let (session, got) = plan.open_until(global, until, io)?;
    session.running.stop();
    got.tell(global, io, &[], &[])?;
    let rows: Vec<&Cluster> =
        got.rows.iter().map(AsRef::as_ref).filter(|c| c.entry.gone_at.is_none()).collect();
    let exported = match format {
        ExportFormat::Ansible => ansible::export(&rows),
        ExportFormat::FileSd => file_sd::export(&rows)?,
        ExportFormat::Kubeconfig => kubeconfig::export(&rows, &got.search, with_credentials)?,
        ExportFormat::Clusterprofile => profile::export(&rows, got.now)?,
    };
    for warning in &exported.warnings {
        notes::warning(io.stderr, Talk::of(global), warning)?;
    }
    match to {
        None => io.stdout.write_all(exported.text.as_bytes())?,
        Some(path) => write_new(&io.around.path(path), exported.text.as_bytes())?,
    }
    Ok(if got.nothing_usable() { Exit::Usage } else { Exit::Done })
}

/// Writes a new file that only its owner can read. One that is there already is left as it is.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(path).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(|e| {
        let place = suggest::shown_path(path);
        if e.kind() == ErrorKind::AlreadyExists {
            return Fault::usage("there is a file of that name already")
                .place(place)
                .hint("Nothing is overwritten; choose another name, or remove the file yourself.");
        }
        Fault::failed("the file cannot be written").place(place).why(e.to_string())
    })
}

/// The way to a cluster that is told to others.
fn path_of(cluster: &Cluster) -> Option<&AccessPath> {
    cluster.entry.path().or_else(|| cluster.entry.paths.first())
}

/// The server's URL.
fn server_of(cluster: &Cluster) -> Option<&str> {
    let path = path_of(cluster).and_then(|path| path.server.as_ref());
    path.or(cluster.entry.server.as_ref()).map(crate::fleet::CleanText::as_str)
}

/// The kubeconfig context that leads to a cluster.
fn context_of(cluster: &Cluster) -> Option<&str> {
    let mut contexts =
        cluster.entry.sources.iter().filter(|s| s.kind == SourceKind::Kubeconfig && s.gone_at.is_none());
    Some(contexts.next()?.reference.as_str())
}

/// The control plane's version: as seen, else as sources say.
fn version_of(cluster: &Cluster) -> Option<String> {
    let said = || cluster.entry.facts.version.as_ref().map(ToString::to_string);
    cluster.version().map(ToString::to_string).or_else(said)
}

/// What is told of a cluster besides its name, its server and its labels: always the same words.
fn facts_of(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let text = |told: Option<crate::fleet::Told>| told.map(|t| t.value.to_string());
    let facts = [
        ("region", text(cluster.region())),
        ("provider", text(cluster.provider())),
        ("account", cluster.entry.facts.account.as_ref().map(ToString::to_string)),
        ("owner", report::owner(cluster).map(|t| t.to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Names in which every character that `is_fine` refuses is replaced, each given out once.
#[derive(Debug, Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn give(&mut self, name: &str, replace: char, is_fine: impl Fn(char) -> bool) -> String {
        let mut base: String = name.chars().map(|c| if is_fine(c) { c } else { replace }).collect();
        if base.is_empty() {
            base.push('x');
        }
        let mut given = base.clone();
        let mut count = 2;
        while !self.0.insert(given.clone()) {
            given = format!("{base}{replace}{count}");
            count += 1;
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_and_stay_apart() {
        let mut names = Names::default();
        let fine = |c: char| c.is_ascii_alphanumeric();
        assert_eq!(names.give("a:b", '-', fine), "a-b");
        assert_eq!(names.give("a/b", '-', fine), "a-b-2");
        assert_eq!(names.give("", '-', fine), "x");
    }

    #[test]
    fn a_file_is_new_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        write_new(&path, b"one").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let fault = write_new(&path, b"two").unwrap_err();
        assert_eq!(u8::from(fault.exit), 2);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(u8::from(write_new(&dir.path().join("no/where"), b"").unwrap_err().exit), 1);
    }
}
