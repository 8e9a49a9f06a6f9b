//! `status`: the state of clusters.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::args::{Format, Global, Grouping, StatusArgs};
use super::columns::{self, Column, Kind};
use super::fault::{Exit, Fault};
use super::gather::{self, Gathered};
use super::output::{Page, Piece, Text};
use super::surroundings::Io;
use super::{TOOL, watch};
use crate::fleet::{CleanText, Cluster, State, StateCounts};
use crate::report;

/// `status`.
pub(super) fn run(global: &Global, args: &StatusArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, &args.clusters, io)?;
    let printer = plan.printer(global, ("FleetStatus", "items"), io)?;
    let columns = columns::choose(&global.columns, Kind::Status, printer.wide())?;
    let is_table = matches!(printer.format, Format::Table | Format::Wide);
    if args.group_by != Grouping::None && (!is_table || global.watch) {
        return Err(Fault::usage("only tables are grouped")
            .place("--group-by")
            .hint("The JSON has `class`, `region`, `provider` and `version.minor` for each item."));
    }
    if global.watch {
        return watch::run(global, plan, &printer, &columns, io);
    }
    let got = plan.gather(global, io)?;
    let now = got.now;
    let document = report::fleet_status(&got.fleet, &got.rows, got.asked(), now, TOOL);
    got.tell(global, io, &document.problems, &document.errors)?;
    let text = if args.group_by == Grouping::None {
        Text::Rows(columns::table(&columns, &got.rows, now))
    } else {
        Text::Pieces(grouped(&columns, &got.rows, args.group_by, now))
    };
    let names = got.names();
    printer.print(io.stdout, Page { document: &document, items: "items", names, text })?;
    Ok(verdict(global, &got))
}

/// 1 if there is a finding and somebody wants to know; 2 if a source that was asked for gave nothing.
pub(super) fn verdict(global: &Global, got: &Gathered) -> Exit {
    let finding = got.rows.iter().any(|c| {
        matches!(c.verdict.state, State::Crit | State::Auth | State::Down | State::Warn | State::New)
    });
    if got.nothing_usable() {
        Exit::Usage
    } else if global.exit_code && finding {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// One table under each group's heading.
fn grouped(columns: &[Column], rows: &[Arc<Cluster>], by: Grouping, now: DateTime<Utc>) -> Vec<Piece> {
    let mut groups: BTreeMap<(u16, CleanText), Vec<Arc<Cluster>>> = BTreeMap::new();
    for cluster in rows {
        groups.entry(group_of(cluster, by)).or_default().push(Arc::clone(cluster));
    }
    let mut pieces = Vec::new();
    for ((_, name), of) in &groups {
        if !pieces.is_empty() {
            pieces.push(Piece::Line(String::new()));
        }
        let mut counts = StateCounts::default();
        for cluster in of {
            counts.add(cluster.verdict.state);
        }
        let states: Vec<String> = State::ALL
            .into_iter()
            .filter(|s| counts.get(*s) > 0)
            .map(|s| format!("{} {s}", counts.get(s)))
            .collect();
        pieces.push(Piece::Line(format!("{name} ({}): {}", of.len(), states.join(", "))));
        pieces.push(Piece::Table(columns::table(columns, of, now)));
    }
    pieces
}

/// Unknown groups come last.
fn group_of(cluster: &Cluster, by: Grouping) -> (u16, CleanText) {
    let told = match by {
        Grouping::Class => return (cluster.class.order, cluster.class.name.clone()),
        Grouping::Region => cluster.region().map(|t| t.value),
        Grouping::Provider => cluster.provider().map(|t| t.value),
        Grouping::Version => cluster.version().map(|v| CleanText::new(&v.line.to_string())),
        Grouping::None => None,
    };
    match told {
        Some(name) => (0, name),
        None => (1, "unknown".into()),
    }
}
