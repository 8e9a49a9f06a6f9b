//! `sources`: where clusters are learned of, and how reading that goes.

use std::sync::Arc;

use super::args::{self, Format, Global};
use super::columns::{self, Kind};
use super::fault::{Exit, Fault};
use super::gather::{self, Gathered, Until};
use super::notes::{self, Talk};
use super::output::{Page, Piece, Printer, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use super::{TOOL, scan, suggest};
use crate::fleet::{Cluster, Severity};
use crate::report::{self, SourceList, SyncWord};

/// `sources ..`.
pub(super) fn run(global: &Global, command: &args::Sources, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    match command {
        args::Sources::List => list(global, None, io),
        args::Sources::Show { name } => show(global, name, io),
        args::Sources::Sync { name } => sync(global, name.as_deref(), io),
        args::Sources::Test { name } => test(global, name, io),
        args::Sources::Scan => scan::run(global, io),
    }
}

/// The sources, read once; of one source if it is named.
fn read(
    global: &Global,
    only: Option<&str>,
    io: &mut Io<'_>,
) -> Result<(Gathered, SourceList, Printer), Fault> {
    let mut plan = gather::prepare(global, &[], io)?;
    let printer = plan.printer(global, ("SourceList", "items"), io)?;
    if printer.format == Format::Name {
        return Err(Fault::usage("sources are not clusters")
            .place("--output")
            .hint("`fleetglass clusters list -o name` prints names of clusters."));
    }
    // Without a fleet file there are only kubeconfigs, and those need nobody to be asked.
    let quiet = Global { no_contact: global.no_contact || !plan.has_fleet_file(), ..global.clone() };
    let (session, got) = plan.open_until(&quiet, Until::Sources, io)?;
    session.running.stop();
    let mut document = report::source_list(&got.fleet, got.now, TOOL);
    if let Some(name) = only {
        let known: Vec<String> = document.items.iter().map(|i| i.name.to_string()).collect();
        document.items.retain(|i| i.name.as_str() == name);
        if document.items.is_empty() {
            return Err(Fault::usage(format!("there is no source `{}`", suggest::shown(name)))
                .hint(suggest::one_of(name, known.iter().map(String::as_str), "")));
        }
        let of_it = got.fleet.sources.iter().filter(|s| s.name.as_str() == name).flat_map(|s| &s.problems);
        let of_rows = members(&got, name).into_iter().flat_map(|c| c.entry.problems.clone());
        document.problems = of_it.cloned().chain(of_rows).map(|p| report::ProblemItem::from(&p)).collect();
    }
    Ok((got, document, printer))
}

/// The clusters that a source tells of.
fn members(got: &Gathered, name: &str) -> Vec<Arc<Cluster>> {
    let knows = |c: &&Arc<Cluster>| c.entry.sources.iter().any(|s| s.name.as_str() == name);
    got.fleet.clusters.iter().filter(knows).cloned().collect()
}

fn list(global: &Global, only: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let (got, document, printer) = read(global, only, io)?;
    notes::problems(io.stderr, Talk::of(global), &document.problems)?;
    if document.items.is_empty() {
        got.tell_places("no sources", global, io)?;
    }
    let text = Text::Rows(table(&document));
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    let broken = got.fleet.problems.iter().chain(got.fleet.sources.iter().flat_map(|s| &s.problems));
    let unusable = got.fleet.clusters.is_empty() && broken.into_iter().any(|p| p.severity == Severity::Error);
    Ok(match unusable {
        true => Exit::Usage,
        false if global.exit_code && document.items.iter().any(|s| s.errors > 0) => Exit::Failed,
        false => Exit::Done,
    })
}

/// One source: how it is read, what is wrong with it, and its clusters.
fn show(global: &Global, name: &str, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let (got, document, printer) = read(global, Some(name), io)?;
    let text = if printer.format == Format::Csv {
        Text::Rows(table(&document))
    } else {
        let mut pieces = vec![Piece::Table(facts(&document))];
        pieces.extend(problems(&document));
        let rows = members(&got, name);
        if !rows.is_empty() {
            let columns = columns::choose(&[], Kind::List, printer.wide())?;
            pieces.push(Piece::Line(String::new()));
            pieces.push(Piece::Table(columns::table(&columns, &rows, got.now)));
        }
        Text::Pieces(pieces)
    };
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    Ok(Exit::Done)
}

/// Reads again, and says what came of it. Every start of the program reads all sources; what they say is kept.
fn sync(global: &Global, name: Option<&str>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let (_, document, printer) = read(global, name, io)?;
    notes::problems(io.stderr, Talk::of(global), &document.problems)?;
    let text = Text::Rows(table(&document));
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    let unread = |s: &report::SourceItem| matches!(s.sync, SyncWord::Failing) || s.synced_at.is_none();
    let failing = document.items.iter().any(unread);
    Ok(if failing && !global.partial_ok { Exit::Partial } else { Exit::Done })
}

fn test(global: &Global, name: &str, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let (_, document, printer) = read(global, Some(name), io)?;
    let mut pieces = vec![Piece::Table(facts(&document))];
    pieces.extend(problems(&document));
    let text = match printer.format {
        Format::Csv => Text::Rows(table(&document)),
        _ => Text::Pieces(pieces),
    };
    printer.print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
    let bad = document.items.iter().any(|s| matches!(s.sync, SyncWord::Failing) || s.synced_at.is_none())
        || document.problems.iter().any(|p| p.severity == report::SeverityWord::Error);
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

/// What is wrong with a source, each with what to try.
fn problems(document: &SourceList) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for problem in &document.problems {
        let place = problem.place().map(|p| format!(" ({p})")).unwrap_or_default();
        let word = problem.severity.as_str();
        pieces.push(Piece::Line(format!(
            "{word}: {} {}: {}{place}",
            problem.code, problem.subject, problem.message
        )));
        pieces.extend(problem.hint.as_ref().map(|hint| Piece::Line(format!("  try: {hint}"))));
    }
    if !pieces.is_empty() {
        pieces.insert(0, Piece::Line(String::new()));
    }
    pieces
}

fn facts(document: &SourceList) -> Table {
    let mut rows = Vec::new();
    for item in &document.items {
        let mut fact = |name: &str, cell: Cell| rows.push(vec![Cell::from(format!("{name}:")), cell]);
        fact("Name", item.name.as_str().into());
        fact("Kind", item.kind.into());
        fact("State", item.sync.as_str().into());
        fact("How", item.how.as_str().into());
        fact("Clusters", item.entries.to_string().into());
        fact("Added", item.added.to_string().into());
        fact("Merged", item.merged.to_string().into());
        fact("Read", Cell::Time(item.synced_at.map(|s| s.0)));
        if let Some(next) = item.next_at {
            fact("Next", next.to_string().into());
        }
        if let Some(since) = item.failing_since {
            fact("Failing for", Cell::Time(Some(since.0)));
        }
    }
    Table { heads: Vec::new(), rows }
}

/// The sources as a table.
pub(super) fn table(document: &SourceList) -> Table {
    let heads =
        ["SOURCE", "KIND", "CLUSTERS", "PROBLEMS", "ERRORS", "ADDED", "MERGED", "STATE", "READ", "HOW"];
    let row = |s: &report::SourceItem| {
        vec![
            Cell::from(s.name.as_str()),
            s.kind.into(),
            s.entries.to_string().into(),
            s.problems.to_string().into(),
            s.errors.to_string().into(),
            s.added.to_string().into(),
            s.merged.to_string().into(),
            s.sync.as_str().into(),
            Cell::Time(s.synced_at.map(|stamp| stamp.0)),
            s.how.as_str().into(),
        ]
    };
    Table { heads: heads.map(str::to_owned).to_vec(), rows: document.items.iter().map(row).collect() }
}
