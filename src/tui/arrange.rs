//! Bringing what is derived up to date: filter, order, lines, counts. Done when something changed, never while drawing.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::columns::measure;
use super::list::List;
use super::model::{Model, Screen};
use crate::fleet::{CleanText, Cluster, ClusterKey, Fleet, Outlook, Scope, Truth, Version};
use crate::report::{Asked, GroupBy, Metric, Tool, VersionItem, class_list, outlook_item, version_matrix};

/// How the program calls itself in documents.
pub(super) const TOOL: Tool = Tool { name: "fleetglass", version: env!("CARGO_PKG_VERSION") };

/// Asks the filter about every cluster.
pub(super) fn refilter(model: &mut Model) {
    let Model { filter, fleet, marks, now, .. } = model;
    filter.unknown = 0;
    filter.hits.clear();
    if let Some((_, query)) = &filter.good {
        let marked = |key: &ClusterKey| marks.contains(key);
        let scope = Scope { now: *now, marked: &marked };
        filter.hits.extend(fleet.clusters.iter().map(|c| query.matches(c, &scope)));
        filter.unknown = filter.hits.iter().filter(|h| **h == Truth::Unknown).count();
    }
    model.versions.made = None;
    model.dirty = true;
}

/// Groups and sorts again. `before` is the fleet that the list was made from.
pub(super) fn rearrange(model: &mut Model, settled: bool, before: &Fleet) {
    let at = model.list.at(before);
    let Model { list, filter, fleet, shape, now, .. } = model;
    list.arrange(fleet, shape, |i| filter.keeps(i), settled, before);
    list.widths = measure(fleet, list.groups.iter().flat_map(|g| &g.members), *now);
    model.unsorted = !settled && !is_sorted(list, fleet, shape);
    let height = model.list_height();
    model.list.lay_out(&model.fleet, &model.shape, height, at.as_ref());
    model.dirty = true;
}

fn is_sorted(list: &List, fleet: &Fleet, shape: &super::list::Shape) -> bool {
    list.groups.iter().all(|group| {
        group.members.is_sorted_by(|a, b| match (fleet.clusters.get(*a), fleet.clusters.get(*b)) {
            (Some(a), Some(b)) => {
                crate::fleet::sort::compare(a, b, shape.sort.key(), shape.descending).is_le()
            }
            _ => true,
        })
    })
}

/// Lays the same rows out for another size or other folds.
pub(super) fn relayout(model: &mut Model) {
    let at = model.list.at(&model.fleet);
    let height = model.list_height();
    model.list.lay_out(&model.fleet, &model.shape, height, at.as_ref());
    model.dirty = true;
}

/// Makes what the present screen needs, if it is out of date.
pub(super) fn remake(model: &mut Model) {
    match model.screen {
        Screen::Versions => {
            let fresh = model.versions.made.is_some_and(|at| model.now - at < TimeDelta::seconds(1));
            if !fresh {
                remake_versions(model);
            }
        }
        Screen::Sources | Screen::Fleet
            if model.page.of != Some(model.fleet.generation)
                && (model.screen == Screen::Sources || model.fleet.clusters.is_empty()) =>
        {
            let height = super::sources::list_height(model);
            let fleet = Arc::clone(&model.fleet);
            model.page.remake(&fleet, model.now, height);
            model.dirty = true;
        }
        Screen::Sources | Screen::Fleet | Screen::Cluster(_) => {}
    }
}

fn remake_versions(model: &mut Model) {
    let keeps = |i: &usize| model.filter.keeps(*i);
    let rows: Vec<_> = (0..model.fleet.clusters.len())
        .filter(keeps)
        .filter_map(|i| model.fleet.clusters.get(i).cloned())
        .collect();
    let expr = model.filter.good.as_ref().map(|(text, _)| text.as_str());
    let query = Asked { expr, unknown: model.filter.unknown };
    let shape = model.versions.shape;
    model.versions.matrix = Some(version_matrix(&model.fleet, &rows, query, shape, model.now, TOOL));
    model.versions.aims = match shape.by {
        GroupBy::Class if model.fleet.classes.is_declared() => aims(model),
        _ => Vec::new(),
    };
    if model.versions.made.is_none() && model.versions.members.is_empty() {
        first_cell(model);
    }
    model.versions.made = Some(model.now);
    model.dirty = true;
    list_cell(model);
}

/// Floor and target of the classes that have any.
fn aims(model: &Model) -> Vec<(CleanText, Option<String>, Option<String>)> {
    let classes = class_list(&model.fleet, model.now, TOOL).items.into_iter();
    let text = |t: Option<crate::report::Text>| t.map(|t| t.to_string());
    let aims = classes.map(|c| (c.name.0, text(c.floor), text(c.target)));
    aims.filter(|(_, floor, target)| floor.is_some() || target.is_some()).collect()
}

/// Puts the cursor on the first cell that is not empty.
fn first_cell(model: &mut Model) {
    let Some(matrix) = &model.versions.matrix else { return };
    let mut filled = matrix.rows.iter().enumerate().filter_map(|(group, row)| {
        row.cells.iter().position(|cell| cell.count > 0).map(|line| (group, line))
    });
    if let Some((group, line)) = filled.next() {
        (model.versions.group, model.versions.line) = (group, line);
    }
}

/// Lists the clusters of the cell under the cursor.
pub(super) fn list_cell(model: &mut Model) {
    let height = super::versions::list_height(model);
    let Model { versions, fleet, now, .. } = model;
    let Some(matrix) = &versions.matrix else { return };
    let clusters: HashMap<&str, &Arc<Cluster>> =
        fleet.clusters.iter().map(|c| (c.key().as_str(), c)).collect();
    versions.group = versions.group.min(matrix.rows.len());
    versions.line = versions.line.min(matrix.minors.len());
    let group = matrix.rows.get(versions.group).map(|r| r.group.as_ref());
    let line = matrix.minors.get(versions.line).map(|m| m.minor.as_str());
    let line_of = |item: &VersionItem| match matrix.metric {
        Metric::ControlPlane => item.minor.clone(),
        Metric::Kubelet => {
            let oldest = item.kubelet_min.as_deref().and_then(|v| v.parse::<Version>().ok());
            oldest.map(|v| v.line.to_string())
        }
    };
    let items = matrix.items.iter().enumerate();
    let members = items.filter(|(_, item)| {
        group.is_none_or(|g| item.is_in(matrix.by, g)) && line_of(item).as_deref() == line
    });
    let outlook = |item: &VersionItem| clusters.get(item.name.as_str())?.outlook.as_deref();
    let members =
        members.filter(|(_, item)| !versions.blocked || outlook(item).is_some_and(Outlook::is_blocked));
    (versions.members, versions.outlooks) =
        members.map(|(i, item)| (i, outlook(item).map(|o| outlook_item(o, *now)))).unzip();
    versions.list.clamp(versions.members.len(), height);
    if versions.members.is_empty() {
        versions.in_list = false;
    }
}
