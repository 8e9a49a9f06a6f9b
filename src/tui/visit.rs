//! What Enter and a few keys of their own do on the screens about the whole fleet.

use super::act::{filter_changed, go, open};
use super::model::{Effect, Model, Overlay, Screen};
use super::sheet::Sheet;
use super::sources::Row;
use super::update::copy_out;
use crate::config::Role;
use crate::engine::api::Command;
use crate::fleet::ClusterKey;
use crate::report::ProblemItem;

/// The list of a cell was opened: what the next upgrades depend on is looked at, once for each cluster.
pub(super) fn inspect(model: &mut Model, effects: &mut Vec<Effect>) {
    let versions = &mut model.versions;
    let Some(matrix) = &versions.matrix else { return };
    let listed = versions.members.iter().filter_map(|i| matrix.items.get(*i));
    let keys: Vec<ClusterKey> = listed
        .map(|item| ClusterKey::new(&item.name.0))
        .filter(|key| versions.asked.insert(key.clone()))
        .collect();
    // An empty list would mean all of them.
    if !keys.is_empty() {
        effects.push(Effect::Command(Command::Inspect(keys)));
    }
}

/// The source under the cursor is read again; elsewhere all of them.
pub(super) fn read_source(model: &mut Model, effects: &mut Vec<Effect>) {
    let source = match super::sources::row(model) {
        Some(Row::Source(n)) => model.page.sources.get(n).map(|s| s.name.0.clone()),
        _ => None,
    };
    let what = source.as_ref().map_or_else(|| "all sources".to_owned(), ToString::to_string);
    effects.push(Effect::Command(Command::Sync(source)));
    model.say(Role::Notice, format!("reading {what} again"));
}

/// Opens what is under the cursor of the Sources screen.
pub(super) fn enter_source(model: &mut Model, effects: &mut Vec<Effect>) {
    match super::sources::row(model) {
        Some(Row::Source(n)) => model.overlay = Sheet::of_source(model, n).map(Overlay::Sheet),
        Some(Row::United(_) | Row::Apart(_)) => match model.focus().map(|c| c.key().clone()) {
            Some(key) => open(model, key, effects),
            None => model.say(Role::Warning, "its cluster is no longer there"),
        },
        Some(Row::Class(n)) => {
            let Some(name) = model.page.classes.get(n).map(|c| c.name.to_string()) else { return };
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            let text = if plain { format!("@{name}") } else { format!("@\"{name}\"") };
            if model.filter.put(&text) {
                go(model, Screen::Fleet, effects);
                filter_changed(model);
                let height = model.list_height();
                model.list.rest_on_row(height);
            } else {
                model.say(Role::Warning, "no filter can name this class");
            }
        }
        Some(Row::Problem(n)) => {
            let place = model.page.problems.get(n).and_then(ProblemItem::place);
            match place {
                Some(place) => copy_out(model, &place, effects),
                None => model.say(Role::Warning, "this problem stands in no file"),
            }
        }
        _ => {}
    }
}
