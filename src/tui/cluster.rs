//! The screen about one cluster: how long its lists are.

use super::model::{Model, Screen, Tab};
use super::view::{boxed, lines, sections};
use crate::fleet::{Check, EventRow, Loadable, NodeRow, Observed};
use crate::report::cluster_item;

/// How many lines of the present tab's list are on the screen.
pub(crate) fn list_height(model: &Model) -> usize {
    let body = model.areas().body.height;
    usize::from(match model.tab {
        Tab::Overview | Tab::Upgrade => body,
        _ => body.saturating_sub(3),
    })
}

/// How many lines the present tab's list has.
pub(crate) fn count(model: &Model) -> usize {
    fn ready<T>(loadable: &Loadable<Vec<T>>, keeps: impl Fn(&T) -> bool) -> usize {
        match loadable {
            Loadable::Ready(Observed { value, .. }) => value.iter().filter(|row| keeps(row)).count(),
            Loadable::Idle | Loadable::Loading(_) | Loadable::Failed(..) => 0,
        }
    }
    let detail = model.opened_detail();
    let all = !model.tab_problems;
    match model.tab {
        Tab::Overview => overview_lines(model),
        Tab::Upgrade => upgrade_lines(model),
        Tab::Nodes => detail.map_or(0, |d| ready(&d.nodes, |n| all || node_needs(n))),
        Tab::Events => detail.map_or(0, |d| ready(&d.events, |e| all || event_needs(e))),
        Tab::Checks => detail.map_or(0, |d| ready(&d.checks, |c| all || check_needs(c))),
    }
}

/// Whether somebody should look at a node.
pub(crate) fn node_needs(row: &NodeRow) -> bool {
    !row.ready || row.cordoned
}

/// Whether somebody should look at an event.
pub(crate) fn event_needs(row: &EventRow) -> bool {
    row.kind.as_str() != "Normal"
}

/// Whether somebody should look at a condition.
pub(crate) fn check_needs(row: &Check) -> bool {
    !row.ok
}

/// How many lines the tab about the next upgrade has.
fn upgrade_lines(model: &Model) -> usize {
    let width = model.areas().body.width;
    model.focus().map_or(0, |cluster| {
        let sections = super::upgrade::sections(&cluster_item(cluster, model.now), model.now);
        sections.iter().map(|(_, facts)| usize::from(lines(facts, width)) + 1).sum()
    })
}

/// How many lines the overview has; boxes do not scroll.
fn overview_lines(model: &Model) -> usize {
    let areas = model.areas();
    match model.focus() {
        Some(cluster) if matches!(model.screen, Screen::Cluster(_)) && !boxed(&areas) => {
            let sections = sections(&cluster_item(cluster, model.now), model.now);
            sections.iter().map(|(_, facts)| usize::from(lines(facts, areas.body.width)) + 1).sum()
        }
        _ => 0,
    }
}
