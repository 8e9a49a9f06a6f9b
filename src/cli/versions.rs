//! `versions`: clusters counted by version.

mod blocked;

use super::TOOL;
use super::args::{ByArg, Global, MetricArg, VersionsArgs};
use super::fault::{Exit, Fault};
use super::gather;
use super::output::{Page, Text};
use super::status;
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::report::{self, GroupBy, MatrixRow, MatrixShape, Metric, VersionMatrix};

/// `versions`.
pub(super) fn run(global: &Global, args: &VersionsArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    if args.blocked {
        return blocked::run(global, args, io);
    }
    let mut plan = gather::prepare(global, &args.clusters, io)?;
    let printer = plan.printer(global, ("VersionMatrix", "items"), io)?;
    let shape = MatrixShape {
        metric: match args.metric {
            MetricArg::ControlPlane => Metric::ControlPlane,
            MetricArg::Kubelet => Metric::Kubelet,
        },
        by: match args.by {
            ByArg::Class => GroupBy::Class,
            ByArg::Region => GroupBy::Region,
            ByArg::Provider => GroupBy::Provider,
            ByArg::Tenant => GroupBy::Tenant,
            ByArg::Owner => GroupBy::Owner,
        },
    };
    let got = plan.gather(global, io)?;
    let document = report::version_matrix(&got.fleet, &got.rows, got.asked(), shape, got.now, TOOL);
    got.tell(global, io, &report::problems(&got.fleet), &document.errors)?;
    let text = Text::Rows(matrix(&document));
    printer.print(io.stdout, Page { document: &document, items: "items", names: got.names(), text })?;
    let behind = document
        .items
        .iter()
        .any(|i| i.end_of_life_in_days.is_some_and(|d| d < 0) || i.skew_allowed == Some(false));
    let unknown = document.totals.unknown > 0;
    let exit = status::verdict(&Global { exit_code: false, ..global.clone() }, &got);
    Ok(if exit == Exit::Done && global.exit_code && (behind || unknown) { Exit::Failed } else { exit })
}

/// Groups down, release lines across; then all together, and when the lines end.
fn matrix(document: &VersionMatrix) -> Table {
    let mut heads = vec![document.by.as_str().to_uppercase()];
    heads.extend(document.minors.iter().map(|m| m.minor.clone()));
    heads.push("UNKNOWN".to_owned());
    let name = |row: &MatrixRow| row.group.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let mut rows: Vec<Vec<Cell>> = document.rows.iter().map(|r| line(&name(r), r)).collect();
    rows.push(line("all", &document.totals));
    let mut ends: Vec<Cell> = vec!["ends in".into()];
    ends.extend(document.minors.iter().map(|m| match m.end_of_life_in_days {
        Some(days) if days < 0 => Cell::from("ended"),
        Some(days) => format!("{days}d").into(),
        None => "-".into(),
    }));
    ends.push("".into());
    rows.push(ends);
    Table { heads, rows }
}

/// `.` for none, `~` if some are not confirmed just now, `!` if some break the skew policy.
fn line(name: &str, row: &MatrixRow) -> Vec<Cell> {
    let mut cells: Vec<Cell> = vec![name.into()];
    cells.extend(row.cells.iter().map(|cell| match cell.count {
        0 => Cell::from("."),
        n => {
            let stale = if cell.stale > 0 { "~" } else { "" };
            let skewed = if cell.skewed > 0 { " !" } else { "" };
            format!("{stale}{n}{skewed}").into()
        }
    }));
    cells.push(if row.unknown == 0 { ".".into() } else { row.unknown.to_string().into() });
    cells
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeFormat;
    use super::super::table::{self, Style};
    use super::*;
    use crate::report::{Asked, fixture};

    #[test]
    fn the_matrix_as_text() {
        let fleet = fixture::fleet();
        let shape = MatrixShape { metric: Metric::ControlPlane, by: GroupBy::Class };
        let (now, tool) = (fixture::now(), fixture::TOOL);
        let document = report::version_matrix(&fleet, &fleet.clusters, Asked::default(), shape, now, tool);
        let style = Style { time: TimeFormat::Relative, now, color: false, room: None };
        let mut text = Vec::new();
        table::write(&mut text, &matrix(&document), &style, true).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
