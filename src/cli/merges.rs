//! `clusters merges`: which sources tell of one cluster, and what was kept apart.

use super::TOOL;
use super::args::{Format, Global};
use super::fault::{Exit, Fault};
use super::gather;
use super::output::{Page, Piece, Text};
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::report::{self, MergeReview};

/// `clusters merges`.
pub(super) fn run(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let mut plan = gather::prepare(global, &[], io)?;
    let printer = plan.printer(global, ("MergeReview", "united"), io)?;
    // Two ways to one cluster may only be known to be that once both have been used.
    let (session, got) = plan.open(global, io)?;
    session.running.stop();
    let document = report::merge_review(&got.fleet, got.now, TOOL);
    got.tell(global, io, &report::problems(&got.fleet), &[])?;
    let names = document.united.iter().map(|u| u.name.to_string()).collect();
    let text = match printer.format {
        Format::Csv => Text::Rows(united(&document)),
        _ => Text::Pieces(pages(&document)),
    };
    printer.print(io.stdout, Page { document: &document, items: "united", names, text })?;
    Ok(if got.nothing_usable() { Exit::Usage } else { Exit::Done })
}

fn united(document: &MergeReview) -> Table {
    let rows = document.united.iter().flat_map(|cluster| {
        cluster.merges.iter().map(|link| {
            vec![
                Cell::from(cluster.name.as_str()),
                link.first.as_str().into(),
                link.second.as_str().into(),
                link.by.into(),
                link.value.as_str().into(),
            ]
        })
    });
    let heads = ["CLUSTER", "ONE", "OTHER", "BY", "VALUE"].map(str::to_owned).to_vec();
    Table { heads, rows: rows.collect() }
}

fn pages(document: &MergeReview) -> Vec<Piece> {
    let mut pieces = vec![Piece::Line(format!(
        "{} are {}",
        gather::plural(document.sightings, "entry").replace("entrys", "entries"),
        gather::plural(document.clusters, "cluster")
    ))];
    if !document.united.is_empty() {
        pieces.push(Piece::Line(String::new()));
        pieces.push(Piece::Table(united(document)));
    }
    if !document.apart.is_empty() {
        pieces.push(Piece::Line(String::new()));
        pieces.push(Piece::Line("kept apart".to_owned()));
        let row = |a: &report::ApartItem| {
            vec![Cell::from(a.code), a.first.as_str().into(), a.second.as_str().into(), a.why.as_str().into()]
        };
        let heads = ["CODE", "ONE", "OTHER", "WHY"].map(str::to_owned).to_vec();
        pieces.push(Piece::Table(Table { heads, rows: document.apart.iter().map(row).collect() }));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::fixture;

    #[test]
    fn merges_as_text() {
        let now = fixture::now();
        let document = report::merge_review(&fixture::declared(), now, fixture::TOOL);
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
}
