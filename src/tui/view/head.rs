//! The top lines: totals, progress, tabs.

use super::super::areas::{Areas, Tier};
use super::super::glyph::word;
use super::super::model::{Model, Screen};
use super::super::paint::{Canvas, width};
use crate::config::{Action, Role};
use crate::fleet::State;

/// The order of the totals: what is well first, then what somebody must look at.
const ORDER: [State; 8] = [
    State::Ok,
    State::Warn,
    State::Crit,
    State::Auth,
    State::Down,
    State::Upgrading,
    State::Held,
    State::New,
];

/// Draws both lines.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    if areas.header.height > 0 {
        totals(model, canvas, areas);
    }
    if areas.tabs.height == 0 {
        return;
    }
    if let Screen::Cluster(key) = &model.screen {
        crumbs(model, key, canvas, areas);
    } else {
        tabs(model, canvas, areas);
    }
}

fn totals(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    let area = areas.header;
    canvas.overlay(area, Role::Header);
    let totals = model.totals;
    let all = totals.states.total();
    let glyphs = canvas.glyphs;
    let progress = match all {
        0 => String::new(),
        all if totals.decided < all && areas.tier >= Tier::Large => {
            let done = totals.decided * 8 / all;
            let bar = format!("{}{}", glyphs.full.repeat(done), glyphs.blank.repeat(8 - done));
            format!("seen {}/{} [{bar}]", grouped(totals.decided), grouped(all))
        }
        all if areas.tier >= Tier::Large => format!("seen {}/{}", grouped(totals.decided), grouped(all)),
        all => format!("{}/{}", grouped(totals.decided), grouped(all)),
    };
    let badge = "[RO]";
    let right = area.right();
    let badge_x = right.saturating_sub(width(badge));
    canvas.text(badge_x, area.y, 4, badge, Role::Badge);
    let progress_x = badge_x.saturating_sub(width(&progress) + 1);
    let role = if totals.decided < all { Role::Progress } else { Role::Muted };
    canvas.text(progress_x, area.y, width(&progress), &progress, role);

    let end = progress_x.saturating_sub(1);
    let mut x = canvas.text(area.x + 1, area.y, 10, "fleetglass", Role::Brand) + 1;
    if all == 0 {
        let text = if model.fleet.loaded { "no clusters" } else { "reading where clusters are" };
        canvas.text(x, area.y, end.saturating_sub(x), text, Role::Muted);
        return;
    }
    x = canvas.text(x, area.y, 8, &grouped(all), Role::Header) + 1;
    x = canvas.text(x, area.y, 1, glyphs.vertical, Role::Border) + 1;
    let shown: Vec<(State, usize)> = ORDER
        .into_iter()
        .map(|s| (s, totals.states.get(s)))
        .filter(|(s, n)| {
            *n > 0 || matches!(s, State::Ok | State::Warn | State::Crit | State::Auth | State::Down)
        })
        .collect();
    let long =
        |(s, n): &(State, usize)| width(&format!("{} {} {}  ", glyphs.state(*s), grouped(*n), word(*s)));
    let words = shown.iter().map(long).sum::<u16>() <= end.saturating_sub(x) + 2;
    for (state, count) in shown {
        let text = if words {
            format!("{} {} {}", glyphs.state(state), grouped(count), word(state))
        } else {
            format!("{}{}", glyphs.state(state), grouped(count))
        };
        if x + width(&text) > end {
            break;
        }
        let role = if count == 0 { Role::Muted } else { Role::of_state(state) };
        x = canvas.text(x, area.y, width(&text), &text, role) + if words { 2 } else { 1 };
    }
}

/// `5,000`.
fn grouped(n: usize) -> String {
    if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

fn tabs(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    let area = areas.tabs;
    let glyphs = canvas.glyphs;
    let mut x = area.x + 1;
    let problems =
        model.fleet.problems.len() + model.fleet.sources.iter().map(|s| s.problems.len()).sum::<usize>();
    let tabs = [
        (Action::Fleet, Screen::Fleet, "Fleet".to_owned()),
        (Action::Versions, Screen::Versions, "Versions".to_owned()),
        (
            Action::Sources,
            Screen::Sources,
            if problems > 0 { format!("Sources:{problems}") } else { "Sources".to_owned() },
        ),
    ];
    for (action, screen, title) in tabs {
        let key = model.options.keys.label(action).unwrap_or_default();
        let active = model.screen == screen;
        let [open, close] = if active { glyphs.tab } else { [" ", " "] };
        let text = format!("{open}{key} {title}{close}");
        let role = if active { Role::TabActive } else { Role::Tab };
        x = canvas.text(x, area.y, area.right().saturating_sub(x), &text, role) + 1;
    }
}

/// `Fleet > prod > prod-us-east-1`, and at the right what changing it would take.
fn crumbs(model: &Model, key: &crate::fleet::ClusterKey, canvas: &mut Canvas<'_>, areas: &Areas) {
    let area = areas.tabs;
    let mut x = canvas.text(area.x + 1, area.y, 8, "Fleet > ", Role::Tab);
    let Some(cluster) = model.fleet.get(key) else {
        canvas.text(x, area.y, area.right().saturating_sub(x), key.as_str(), Role::Title);
        return;
    };
    let protection = format!("changes: {}", cluster.class.protection.as_str());
    let right_x = area.right().saturating_sub(width(&protection) + 1);
    canvas.text(right_x, area.y, width(&protection), &protection, Role::Badge);
    let class = cluster.class.name.as_str();
    x = canvas.text(x, area.y, right_x.saturating_sub(x + 1), class, Role::of_class(class));
    let guessed = format!(" [{}] > ", cluster.class.origin.as_str());
    x = canvas.text(x, area.y, right_x.saturating_sub(x + 1), &guessed, Role::Guessed);
    canvas.text(x, area.y, right_x.saturating_sub(x + 1), cluster.entry.name.as_str(), Role::Title);
}
