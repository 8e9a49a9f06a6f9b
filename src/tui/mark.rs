//! Marking clusters.

use super::act;
use super::arrange::refilter;
use super::list::Line;
use super::model::{Model, Screen};
use crate::config::{Action, Role};
use crate::fleet::ClusterKey;

/// Marks what is under the cursor, or takes the mark away, and moves down. On a group: all its clusters.
pub(super) fn toggle(model: &mut Model) {
    let keys = under_cursor(model);
    if keys.is_empty() {
        return;
    }
    if keys.iter().all(|k| model.marks.contains(k)) {
        for key in &keys {
            model.marks.remove(key);
        }
    } else {
        model.anchor = keys.last().cloned();
        model.marks.extend(keys);
    }
    changed(model);
    let moves = match model.screen {
        Screen::Fleet => matches!(model.list.lines.get(model.list.cursor), Some(Line::Row(_))),
        _ => model.versions.in_list,
    };
    if moves {
        act::act(model, Action::Down, &mut Vec::new());
    }
}

fn under_cursor(model: &Model) -> Vec<ClusterKey> {
    let key = |i: &usize| model.fleet.clusters.get(*i).map(|c| c.key().clone());
    match model.screen {
        Screen::Fleet => match model.list.lines.get(model.list.cursor) {
            Some(Line::Row(i)) => key(i).into_iter().collect(),
            Some(Line::Group(n) | Line::Fold(n, _)) => model
                .list
                .groups
                .get(*n)
                .map(|g| g.members.iter().filter_map(key).collect())
                .unwrap_or_default(),
            None => Vec::new(),
        },
        Screen::Versions if model.versions.in_list => model.version_row().into_iter().collect(),
        Screen::Versions => cell(model),
        Screen::Sources | Screen::Cluster(_) => Vec::new(),
    }
}

/// Marks everything from the last mark to the cursor.
pub(super) fn range(model: &mut Model) {
    let anchor = model.anchor.clone();
    let is_anchor = |line: &Line| match line {
        Line::Row(i) => model.fleet.clusters.get(*i).map(|c| c.key()) == anchor.as_ref(),
        _ => false,
    };
    match model.list.lines.iter().position(is_anchor) {
        Some(from) if model.screen == Screen::Fleet => between(model, from, model.list.cursor),
        _ => toggle(model),
    }
}

/// Marks all clusters between two lines.
pub(super) fn between(model: &mut Model, from: usize, to: usize) {
    let rows = model.list.lines.get(from.min(to)..=from.max(to)).unwrap_or(&[]);
    let keys: Vec<ClusterKey> = rows
        .iter()
        .filter_map(|line| match line {
            Line::Row(i) => model.fleet.clusters.get(*i).map(|c| c.key().clone()),
            _ => None,
        })
        .collect();
    model.marks.extend(keys);
    changed(model);
}

/// Moving marks, until it is called again.
pub(super) fn range_mode(model: &mut Model) {
    model.range_mode = !model.range_mode && model.screen == Screen::Fleet;
    if model.range_mode {
        between(model, model.list.cursor, model.list.cursor);
    }
}

/// Everything that the screen lists, folded rows too.
fn shown(model: &Model) -> Vec<ClusterKey> {
    if model.screen == Screen::Versions {
        return cell(model);
    }
    let rows = model.list.groups.iter().flat_map(|g| &g.members);
    rows.filter_map(|i| model.fleet.clusters.get(*i)).map(|c| c.key().clone()).collect()
}

/// The clusters of the cell under the cursor.
fn cell(model: &Model) -> Vec<ClusterKey> {
    let Some(matrix) = &model.versions.matrix else { return Vec::new() };
    let items = model.versions.members.iter().filter_map(|i| matrix.items.get(*i));
    items.map(|item| ClusterKey::new(&item.name.0)).collect()
}

/// Marks all that are shown.
pub(super) fn all(model: &mut Model) {
    let keys = shown(model);
    let count = keys.len();
    model.marks.extend(keys);
    changed(model);
    if count > 100 {
        model.say(Role::Warning, format!("{count} clusters are marked"));
    }
}

/// Marks what is shown and not marked, and the other way round.
pub(super) fn flip(model: &mut Model) {
    for key in shown(model) {
        if !model.marks.remove(&key) {
            model.marks.insert(key);
        }
    }
    changed(model);
}

/// Takes all marks away, hidden ones too.
pub(super) fn none(model: &mut Model) {
    model.marks.clear();
    model.range_mode = false;
    changed(model);
}

/// A filter may ask for marks.
fn changed(model: &mut Model) {
    model.dirty = true;
    if model.filter.good.is_some() {
        refilter(model);
    }
}
