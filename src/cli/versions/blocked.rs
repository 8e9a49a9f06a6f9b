//! `versions --blocked`: what stands in the way of next upgrades, who must act, by when.

use std::collections::BTreeMap;

use super::super::TOOL;
use super::super::args::{ByArg, Format, Global, VersionsArgs};
use super::super::fault::{Exit, Fault};
use super::super::gather::{self, plural};
use super::super::output::{Page, Piece, Text};
use super::super::surroundings::Io;
use super::super::table::{Cell, Table};
use crate::fleet::{Cluster, ClusterKey, Fleet};
use crate::report::{self, EffectWord, OutlookList, OutlookRow};

/// `versions --blocked`.
pub(super) fn run(global: &Global, args: &VersionsArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut plan = gather::prepare(global, &args.clusters, io)?;
    let printer = plan.printer(global, ("OutlookList", "items"), io)?;
    let (session, mut got) = plan.open(global, io)?;
    if !global.no_contact {
        let live = got.rows.iter().filter(|c| c.is_live());
        let keys: Vec<ClusterKey> = live.map(|c| c.key().clone()).collect();
        session.inspect(keys, global, io)?;
        got = session.again(&plan, got, io);
    }
    session.running.stop();
    let document = report::outlook_list(&got.fleet, &got.rows, got.asked(), true, got.now, TOOL);
    got.tell(global, io, &report::problems(&got.fleet), &document.errors)?;
    let text = match printer.format {
        Format::Csv => Text::Rows(table(&document.items.iter().collect::<Vec<_>>())),
        _ => Text::Pieces(pages(&document, &got.fleet, args.by)),
    };
    let names = document.items.iter().map(|i| i.name.to_string()).collect();
    printer.print(io.stdout, Page { document: &document, items: "items", names, text })?;
    Ok(match (got.nothing_usable(), document.summary.blocked) {
        (true, _) => Exit::Usage,
        (false, n) if n > 0 && global.exit_code => Exit::Failed,
        (false, _) => Exit::Done,
    })
}

/// The groups that a row falls in. By owner these are those who must act.
fn groups(row: &OutlookRow, cluster: Option<&Cluster>, by: ByArg) -> Vec<Option<String>> {
    let text = |t: Option<&report::Text>| vec![t.map(ToString::to_string)];
    match by {
        ByArg::Class => text(Some(&row.class)),
        ByArg::Region => text(row.region.as_ref()),
        ByArg::Provider => vec![cluster.and_then(Cluster::provider).map(|t| t.value.to_string())],
        ByArg::Tenant => {
            let all: Vec<_> = cluster.map(report::tenants).unwrap_or_default();
            if all.is_empty() { vec![None] } else { all.iter().map(|t| Some(t.to_string())).collect() }
        }
        ByArg::Owner => {
            let blocking = row.outlook.blockers.iter().filter(|b| b.effect == EffectWord::Blocks);
            let mut owners: Vec<Option<String>> =
                blocking.map(|b| b.owner.as_ref().or(row.owner.as_ref()).map(ToString::to_string)).collect();
            owners.sort();
            owners.dedup();
            owners
        }
    }
}

fn pages(document: &OutlookList, fleet: &Fleet, by: ByArg) -> Vec<Piece> {
    let mut grouped: BTreeMap<(bool, Option<String>), Vec<&OutlookRow>> = BTreeMap::new();
    for row in &document.items {
        let cluster = fleet.clusters.iter().find(|c| c.key().as_str() == row.name.as_str());
        for group in groups(row, cluster.map(AsRef::as_ref), by) {
            grouped.entry((group.is_none(), group)).or_default().push(row);
        }
    }
    let mut pieces = Vec::new();
    for ((_, group), rows) in grouped {
        let name = group.unwrap_or_else(|| "unknown".to_owned());
        pieces.push(Piece::Line(format!("{name} ({})", plural(rows.len(), "cluster"))));
        pieces.push(Piece::Table(table(&rows)));
        pieces.push(Piece::Line(String::new()));
    }
    let summary = &document.summary;
    pieces.push(Piece::Line(format!(
        "{}: {} blocked, {} ready for the next step, {} with none",
        plural(summary.clusters, "cluster"),
        summary.blocked,
        summary.ready,
        summary.settled
    )));
    pieces
}

/// One line for each blocker.
fn table(rows: &[&OutlookRow]) -> Table {
    let heads = ["CLUSTER", "VERSION", "NEXT", "BY", "CODE", "EFFECT", "WHO", "MESSAGE"];
    let lines = rows.iter().flat_map(|row| {
        let blockers = row.outlook.blockers.iter().filter(|b| b.effect != EffectWord::Warns);
        blockers.map(|blocker| {
            let who = blocker.owner.as_ref().or(row.owner.as_ref());
            let by = match (&row.outlook.by, row.outlook.by_in_days) {
                (Some(day), Some(days)) if days < 0 => format!("{day} (past)"),
                (Some(day), Some(days)) => format!("{day} ({days}d)"),
                _ => "-".to_owned(),
            };
            vec![
                Cell::from(row.name.as_str()),
                row.version.as_ref().map_or("-", report::Text::as_str).into(),
                row.outlook.next.as_deref().unwrap_or("-").into(),
                by.into(),
                blocker.code.into(),
                blocker.effect.as_str().into(),
                who.map_or("-", report::Text::as_str).into(),
                blocker.message.as_str().into(),
            ]
        })
    });
    Table { heads: heads.map(str::to_owned).to_vec(), rows: lines.collect() }
}

#[cfg(test)]
mod tests {
    use super::super::super::args::TimeFormat;
    use super::super::super::table::{self as tables, Style};
    use super::*;
    use crate::report::{Asked, fixture};

    #[test]
    fn what_blocks_as_text_by_who_must_act() {
        let fleet = fixture::declared();
        let now = fixture::now();
        let document =
            report::outlook_list(&fleet, &fleet.clusters, Asked::default(), true, now, fixture::TOOL);
        let style = Style { time: TimeFormat::Relative, now, color: false, room: None };
        let mut text = Vec::new();
        for by in [ByArg::Owner, ByArg::Tenant] {
            for piece in pages(&document, &fleet, by) {
                match piece {
                    Piece::Line(line) => text.extend(format!("{line}\n").into_bytes()),
                    Piece::Table(rows) => tables::write(&mut text, &rows, &style, true).unwrap(),
                }
            }
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
