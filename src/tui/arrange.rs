//! Bringing what is derived up to date: filter, order, lines, counts. Done when something changed, never while drawing.

use chrono::TimeDelta;

use super::columns::measure;
use super::list::List;
use super::model::{Model, Screen};
use crate::fleet::{ClusterKey, Fleet, Scope, Truth, Version};
use crate::report::{Asked, GroupBy, Metric, Tool, VersionItem, problems, source_items, version_matrix};

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
            if model.sources_of != Some(model.fleet.generation)
                && (model.screen == Screen::Sources || model.fleet.clusters.is_empty()) =>
        {
            model.problem_items = problems(&model.fleet);
            model.source_items = source_items(&model.fleet);
            model.sources_of = Some(model.fleet.generation);
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
    if model.versions.made.is_none() && model.versions.members.is_empty() {
        first_cell(model);
    }
    model.versions.made = Some(model.now);
    model.dirty = true;
    list_cell(model);
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
    let versions = &mut model.versions;
    let Some(matrix) = &versions.matrix else { return };
    versions.group = versions.group.min(matrix.rows.len());
    versions.line = versions.line.min(matrix.minors.len());
    let group = matrix.rows.get(versions.group).map(|r| r.group.as_ref());
    let line = matrix.minors.get(versions.line).map(|m| m.minor.as_str());
    let group_of = |item: &'_ VersionItem| match matrix.by {
        GroupBy::Class => Some(item.class.clone()),
        GroupBy::Region => item.region.clone(),
        GroupBy::Provider => item.provider.clone(),
    };
    let line_of = |item: &VersionItem| match matrix.metric {
        Metric::ControlPlane => item.minor.clone(),
        Metric::Kubelet => {
            let oldest = item.kubelet_min.as_deref().and_then(|v| v.parse::<Version>().ok());
            oldest.map(|v| v.line.to_string())
        }
    };
    let items = matrix.items.iter().enumerate();
    let members = items.filter(|(_, item)| {
        group.is_none_or(|g| g == group_of(item).as_ref()) && line_of(item).as_deref() == line
    });
    versions.members = members.map(|(i, _)| i).collect();
    versions.list.clamp(versions.members.len(), height);
    if versions.members.is_empty() {
        versions.in_list = false;
    }
}
