//! `check`: what is not as its class, its registry or plain sense wants it.

use std::collections::{BTreeMap, BTreeSet};

use super::TOOL;
use super::args::{CheckArgs, Format, Global};
use super::fault::{Exit, Fault};
use super::gather::{self, Gathered, plural};
use super::output::{Page, Piece, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::fleet::{Cluster, ClusterKey};
use crate::report::{self, CheckReport, FindingItem, Place};

/// `check`.
pub(super) fn run(global: &Global, args: &CheckArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let mut plan = gather::prepare(global, &args.clusters, io)?;
    let printer = plan.printer(global, ("CheckReport", "items"), io)?;
    let (session, mut got) = plan.open(global, io)?;
    if !global.no_contact {
        let keys: Vec<ClusterKey> =
            got.rows.iter().filter(|c| c.is_live() && wants_a_look(c)).map(|c| c.key().clone()).collect();
        session.inspect(keys, global, io)?;
        got = session.again(&plan, got, io);
    }
    session.running.stop();
    let document = report::check_report(&got.fleet, &got.rows, got.asked(), got.now, TOOL);
    got.tell(global, io, &document.problems, &document.errors)?;
    if printer.format == Format::Sarif {
        let root = io.around.cwd.to_string_lossy();
        let log = report::sarif(&document, &root, &places(&got), TOOL);
        let text = serde_json::to_string_pretty(&log)
            .map_err(|e| Fault::failed("the report cannot be written").why(e.to_string()))?;
        writeln!(io.stdout, "{text}")?;
    } else {
        let text = match printer.format {
            Format::Csv => Text::Rows(rows(&document.items, true)),
            _ => Text::Pieces(pages(&document)),
        };
        let names: BTreeSet<&report::Text> =
            document.items.iter().filter_map(|i| i.cluster.as_ref()).collect();
        let names = names.into_iter().map(ToString::to_string).collect();
        printer.print(io.stdout, Page { document: &document, items: "items", names, text })?;
    }
    Ok(match (got.nothing_usable(), document.passed) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}

/// Whether its class has rules that only a closer look can judge.
fn wants_a_look(cluster: &Cluster) -> bool {
    let Some(rules) = &cluster.class.rules else { return false };
    let requires = &rules.spec.requires;
    requires.network_policies.is_some() || requires.services.as_ref().is_some_and(|s| !s.is_empty())
}

/// Where clusters stand in the weightiest of their sources that is a file.
fn places(got: &Gathered) -> BTreeMap<report::Text, Place> {
    let place = |c: &Cluster| {
        let origin = c.entry.sources.iter().find_map(|s| s.origin.as_ref())?;
        Some((report::Text::from(c.key().as_str()), Place::from(origin)))
    };
    got.rows.iter().filter_map(|c| place(c)).collect()
}

/// One table for each owner under a heading, then what could not be judged, then the count.
fn pages(document: &CheckReport) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for group in document.items.chunk_by(|a, b| a.owner == b.owner) {
        let owner = group.first().and_then(|i| i.owner.as_ref());
        let owner = owner.map_or_else(|| "nobody named".to_owned(), ToString::to_string);
        if !pieces.is_empty() {
            pieces.push(Piece::Line(String::new()));
        }
        pieces.push(Piece::Line(format!("{owner} ({})", plural(group.len(), "finding"))));
        pieces.push(Piece::Table(rows(group, false)));
    }
    if !document.unknown.is_empty() {
        if !pieces.is_empty() {
            pieces.push(Piece::Line(String::new()));
        }
        pieces.push(Piece::Line(format!("not judged ({})", plural(document.unknown.len(), "rule"))));
        let row = |u: &report::UnknownItem| {
            vec![Cell::from(u.cluster.as_str()), u.code.into(), u.why.as_str().into()]
        };
        pieces.push(Piece::Table(Table {
            heads: ["CLUSTER", "CODE", "WHY"].map(str::to_owned).to_vec(),
            rows: document.unknown.iter().map(row).collect(),
        }));
    }
    if !pieces.is_empty() {
        pieces.push(Piece::Line(String::new()));
    }
    let counts = document.summary.by_weight;
    let list = [(counts.error, "error"), (counts.warning, "warning"), (counts.note, "note")];
    let list: Vec<String> =
        list.into_iter().filter(|(n, _)| *n > 0).map(|(n, word)| plural(n, word)).collect();
    let all = plural(document.summary.clusters, "cluster");
    let outcome = match list.as_slice() {
        [] => format!("{all}: as they should be"),
        some => format!("{all}, {} of them with breaches: {}", document.summary.breached, some.join(", ")),
    };
    pieces.push(Piece::Line(match document.ignored {
        0 => outcome,
        n => format!("{outcome}; {} ignored by the fleet file", plural(n, "finding")),
    }));
    pieces
}

fn rows(items: &[FindingItem], with_owner: bool) -> Table {
    let text = |t: Option<&report::Text>| Cell::from(t.map_or("-", report::Text::as_str));
    let row = |item: &FindingItem| {
        let mut cells = vec![
            text(item.cluster.as_ref()),
            item.weight.as_str().into(),
            item.code.into(),
            text(item.about.as_ref()),
            item.rule.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string).into(),
            item.message.as_str().into(),
        ];
        if with_owner {
            cells.insert(0, text(item.owner.as_ref()));
        }
        cells
    };
    let mut heads = ["CLUSTER", "WEIGHT", "CODE", "ABOUT", "RULE", "MESSAGE"].map(str::to_owned).to_vec();
    if with_owner {
        heads.insert(0, "OWNER".to_owned());
    }
    Table { heads, rows: items.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::{Asked, fixture};

    #[test]
    fn findings_as_text() {
        let fleet = fixture::declared();
        let now = fixture::now();
        let document = report::check_report(&fleet, &fleet.clusters, Asked::default(), now, fixture::TOOL);
        let style = Style { time: TimeFormat::Relative, now, color: false, room: None };
        let mut text = Vec::new();
        for piece in pages(&document) {
            match piece {
                Piece::Line(line) => text.extend(format!("{line}\n").into_bytes()),
                Piece::Table(rows) => table::write(&mut text, &rows, &style, true).unwrap(),
            }
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }

    #[test]
    fn a_class_that_requires_services_wants_a_look() {
        let fleet = fixture::declared();
        let wanting: Vec<_> =
            fleet.clusters.iter().filter(|c| wants_a_look(c)).map(|c| c.class.name.as_str()).collect();
        assert_eq!(wanting, ["prod", "prod", "prod"]);
    }
}
