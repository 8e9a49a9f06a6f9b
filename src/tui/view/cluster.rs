//! One cluster: overview, nodes, events, conditions.

use chrono::{DateTime, Utc};
use ratatui::layout::Rect;

use super::super::areas::{Areas, Tier};
use super::super::cluster::{check_needs, event_needs, node_needs};
use super::super::facts::{Fact, attention, between, health, identity};
use super::super::model::{Model, Screen, Tab};
use super::super::paint::{Canvas, fit_middle, width};
use super::super::upgrade;
use super::pane::{column, column_from, label_width, wrap};
use crate::config::{Action, Role};
use crate::fleet::{Check, EventRow, Loadable, NodeRow, Observed};
use crate::report::{ClusterItem, cluster_item, words};

/// Draws the screen.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    let Screen::Cluster(key) = &model.screen else { return };
    tabs(model, canvas, areas.title);
    let Some(cluster) = model.fleet.get(key) else {
        let text = "no source names this cluster any more; Esc goes back";
        canvas.text(areas.body.x + 3, areas.body.y + 1, areas.body.width, text, Role::Warning);
        return;
    };
    let detail = model.opened_detail();
    match model.tab {
        Tab::Overview => {
            let item = cluster_item(cluster, model.now);
            let events = detail.map(|d| &d.events);
            overview(model, canvas, areas, &item, events);
        }
        Tab::Upgrade => {
            let item = cluster_item(cluster, model.now);
            let sections = upgrade::sections(&item, model.now);
            stacked(model, canvas, areas.body, &sections);
        }
        Tab::Nodes => {
            let sheet = Sheet {
                what: "nodes",
                columns: NODES,
                show: node,
                name: Some(|row| row.name.as_str()),
                needs: node_needs,
            };
            list(model, canvas, areas.body, detail.map(|d| &d.nodes), &sheet);
        }
        Tab::Events => {
            let sheet =
                Sheet { what: "events", columns: EVENTS, show: event, name: None, needs: event_needs };
            list(model, canvas, areas.body, detail.map(|d| &d.events), &sheet);
        }
        Tab::Checks => {
            let sheet = Sheet {
                what: "conditions",
                columns: CHECKS,
                show: check,
                name: Some(|row| row.name.as_str()),
                needs: check_needs,
            };
            list(model, canvas, areas.body, detail.map(|d| &d.checks), &sheet);
        }
    }
}

/// How long a list is, once it is here.
fn ready<T>(loadable: &Loadable<Vec<T>>) -> Option<usize> {
    match loadable {
        Loadable::Ready(Observed { value, .. }) => Some(value.len()),
        _ => None,
    }
}

fn tabs(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let detail = model.opened_detail();
    let count = |n: Option<usize>| n.map_or_else(String::new, |n| format!(":{n}"));
    let all = [
        (Action::TabOverview, Tab::Overview, "Overview", None),
        (Action::TabNodes, Tab::Nodes, "Nodes", detail.and_then(|d| ready(&d.nodes))),
        (Action::TabEvents, Tab::Events, "Events", detail.and_then(|d| ready(&d.events))),
        (Action::TabChecks, Tab::Checks, "Conditions", detail.and_then(|d| ready(&d.checks))),
        (Action::TabUpgrade, Tab::Upgrade, "Upgrade", in_the_way(model)),
    ];
    let glyphs = canvas.glyphs;
    let mut x = area.x + 1;
    for (action, tab, title, number) in all {
        let key = model.options.keys.label(action).unwrap_or_default();
        let active = model.tab == tab;
        let [open, close] = if active { glyphs.tab } else { [" ", " "] };
        let text = format!("{open}{key} {title}{}{close}", count(number));
        let role = if active { Role::TabActive } else { Role::Tab };
        x = canvas.text(x, area.y, area.right().saturating_sub(x), &text, role) + 1;
    }
}

/// How much stands in the way of the next upgrade.
fn in_the_way(model: &Model) -> Option<usize> {
    let blockers = model.focus()?.outlook.as_ref()?.blockers.len();
    (blockers > 0).then_some(blockers)
}

/// Whether there is room for boxes side by side.
pub(in super::super) fn boxed(areas: &Areas) -> bool {
    areas.tier >= Tier::Large && areas.body.height >= 24
}

/// The sections of the overview where there is no room for boxes: what needs somebody first.
pub(in super::super) fn sections(item: &ClusterItem, now: DateTime<Utc>) -> Vec<(&'static str, Vec<Fact>)> {
    let all = [
        ("Needs attention", attention(item, now)),
        ("Health", health(item, now)),
        ("Identity", identity(item, now)),
    ];
    all.into_iter().filter(|(_, facts)| !facts.is_empty()).collect()
}

/// How many lines facts take in `room` cells.
pub(in super::super) fn lines(facts: &[Fact], room: u16) -> u16 {
    let room = usize::from(room.saturating_sub(label_width(facts, room) + 2));
    facts.iter().map(|f| wrap(&f.text, room).len()).sum::<usize>().try_into().unwrap_or(u16::MAX)
}

fn overview(
    model: &Model,
    canvas: &mut Canvas<'_>,
    areas: &Areas,
    item: &ClusterItem,
    events: Option<&Loadable<Vec<EventRow>>>,
) {
    let body = areas.body;
    let rest = if boxed(areas) {
        boxes(model, canvas, body, item)
    } else {
        stacked(model, canvas, body, &sections(item, model.now))
    };
    if rest.height >= 3 {
        recent(model, canvas, rest, events, boxed(areas));
    }
}

/// Sections in one column that scrolls; returns what is left below.
fn stacked(
    model: &Model,
    canvas: &mut Canvas<'_>,
    body: Rect,
    sections: &[(impl AsRef<str>, Vec<Fact>)],
) -> Rect {
    let mut skip = u16::try_from(model.scroll.top).unwrap_or(u16::MAX);
    let mut y = body.y;
    for (title, facts) in sections {
        if skip == 0 {
            canvas.rule(below(body, y, 1), title.as_ref(), Role::Border);
            y += 1;
        } else {
            skip -= 1;
        }
        let all = lines(facts, body.width);
        let hidden = skip.min(all);
        skip -= hidden;
        column_from(canvas, below(body, y, all - hidden), facts, hidden);
        y = y.saturating_add(all - hidden);
    }
    below(body, y, u16::MAX)
}

/// The part of `body` that begins at `y`, at most `height` lines of it.
fn below(body: Rect, y: u16, height: u16) -> Rect {
    let top = y.min(body.bottom());
    Rect { y: top, height: height.min(body.bottom() - top), ..body }
}

/// Health and identity side by side, under them what needs somebody; returns what is left.
fn boxes(model: &Model, canvas: &mut Canvas<'_>, body: Rect, item: &ClusterItem) -> Rect {
    let (health, identity) = (health(item, model.now), identity(item, model.now));
    let reasons = attention(item, model.now);
    let half = body.width / 2;
    let height = lines(&health, half - 2).max(lines(&identity, body.width - half - 2)).saturating_add(2);
    let row = below(body, body.y, height);
    let left = canvas.frame(Rect { width: half, ..row }, "Health", Role::Border);
    column(canvas, left, &health);
    let right = Rect { x: row.x + half, width: row.width - half, ..row };
    let right = canvas.frame(right, "Identity", Role::Border);
    column(canvas, right, &identity);
    let mut y = row.bottom();
    if !reasons.is_empty() {
        let height = lines(&reasons, body.width - 2).saturating_add(2);
        let hints = reasons.iter().filter(|f| f.label == "try").count();
        let title = format!("Needs attention ({})", reasons.len() - hints);
        let inside = canvas.frame(below(body, y, height), &title, Role::Border);
        column(canvas, inside, &reasons);
        y = below(body, y, height).bottom();
    }
    below(body, y, u16::MAX)
}

/// The newest warnings.
fn recent(
    model: &Model,
    canvas: &mut Canvas<'_>,
    area: Rect,
    events: Option<&Loadable<Vec<EventRow>>>,
    boxed: bool,
) {
    let title = "Recent warnings";
    let warnings: Option<Vec<&EventRow>> = match events {
        Some(Loadable::Ready(Observed { value, .. })) => {
            Some(value.iter().filter(|e| event_needs(e)).collect())
        }
        _ => None,
    };
    let inside = if boxed {
        // A box is as high as what is in it.
        let most = warnings.as_ref().map_or(2, Vec::len).max(1);
        let height = u16::try_from(most).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
        canvas.frame(Rect { height, ..area }, title, Role::Border)
    } else {
        canvas.rule(Rect { height: 1, ..area }, title, Role::Border);
        Rect { y: area.y + 1, height: area.height - 1, ..area }
    };
    let Some(warnings) = warnings else {
        return waiting(model, canvas, inside, events, "events");
    };
    if warnings.is_empty() {
        canvas.text(inside.x + 1, inside.y, inside.width, "none", Role::Muted);
    }
    for (row, y) in warnings.into_iter().zip(inside.y..inside.bottom()) {
        cells(canvas, Rect { y, height: 1, ..inside }, EVENTS, &event(row, model), 0);
    }
}

/// What stands where a list would be while there is none.
fn waiting<T>(
    model: &Model,
    canvas: &mut Canvas<'_>,
    area: Rect,
    loadable: Option<&Loadable<T>>,
    what: &str,
) {
    let (text, role) = match loadable {
        None | Some(Loadable::Idle) if model.focus().is_some_and(|c| c.entry.path().is_none()) => {
            ("no way leads to this cluster, so it is not asked".to_owned(), Role::Muted)
        }
        None | Some(Loadable::Idle) => (format!("{what} are asked for"), Role::Progress),
        Some(Loadable::Loading(since)) => {
            (format!("asking for {what}, {}", between(*since, model.now)), Role::Progress)
        }
        Some(Loadable::Failed(failure, at)) => {
            let age = between(*at, model.now);
            (format!("{what} could not be read {age} ago: {}", words::failure(failure)), Role::Error)
        }
        Some(Loadable::Ready(_)) => return,
    };
    let room = area.width.saturating_sub(2);
    let mut lines: Vec<(String, Role)> =
        wrap(&text, usize::from(room)).into_iter().map(|line| (line, role)).collect();
    if let Some(Loadable::Failed(crate::fleet::Failure { hint: Some(hint), .. }, _)) = loadable {
        lines.extend(wrap(hint.as_str(), usize::from(room)).into_iter().map(|line| (line, Role::Text)));
    }
    for ((line, role), y) in lines.iter().zip(area.y..area.bottom()) {
        canvas.text(area.x + 1, y, room, line, *role);
    }
}

/// Head of a column, its width, and its width on narrow screens (0: left out). The last takes what is left.
type Columns = &'static [(&'static str, u16, u16)];

/// A list of one tab.
struct Sheet<T> {
    what: &'static str,
    columns: Columns,
    show: fn(&T, &Model) -> Vec<(String, Role)>,
    /// The name in the first column, if that is to be as wide as the names are.
    name: Option<fn(&T) -> &str>,
    /// Whether somebody should look at a row.
    needs: fn(&T) -> bool,
}

/// The first column grows with its names up to this.
const WIDEST_NAME: u16 = 48;

const NODES: Columns = &[
    ("NAME", 28, 28),
    ("STATUS", 18, 14),
    ("ROLES", 14, 13),
    ("KUBELET", 14, 11),
    ("AGE", 5, 5),
    ("ADDRESS", 15, 0),
    ("SYSTEM", 0, 0),
];
const EVENTS: Columns = &[
    ("SEEN", 5, 4),
    ("TYPE", 7, 7),
    ("NAMESPACE", 12, 9),
    ("OBJECT", 24, 16),
    ("REASON", 18, 14),
    ("COUNT", 5, 0),
    ("MESSAGE", 0, 0),
];
const CHECKS: Columns = &[("CONDITION", 50, 50), ("STATE", 0, 0)];

fn node(row: &NodeRow, _: &Model) -> Vec<(String, Role)> {
    let status = if row.ready { Role::Text } else { Role::StateCrit };
    let status = if row.cordoned && row.ready { Role::Warning } else { status };
    vec![
        (row.name.to_string(), Role::Text),
        (row.status.to_string(), status),
        (row.roles.to_string(), Role::Text),
        (row.kubelet.to_string(), Role::Text),
        (row.age.to_string(), Role::Text),
        (row.internal_ip.to_string(), Role::Muted),
        (format!("{}  {}  {}", row.os_image, row.kernel, row.runtime), Role::Muted),
    ]
}

fn event(row: &EventRow, model: &Model) -> Vec<(String, Role)> {
    let seen = row.last_seen.map_or_else(|| "-".to_owned(), |at| between(at, model.now));
    let kind = if row.kind.as_str() == "Warning" { Role::Warning } else { Role::Muted };
    vec![
        (seen, Role::Text),
        (row.kind.to_string(), kind),
        (row.namespace.to_string(), Role::Text),
        (row.object.to_string(), Role::Text),
        (row.reason.to_string(), kind),
        (format!("x{}", row.count), Role::Muted),
        (row.message.to_string(), Role::Text),
    ]
}

fn check(row: &Check, _: &Model) -> Vec<(String, Role)> {
    let (word, role) = if row.ok { ("ok", Role::StateOk) } else { ("failed", Role::StateCrit) };
    vec![(row.name.to_string(), Role::Text), (word.to_owned(), role)]
}

fn list<T>(
    model: &Model,
    canvas: &mut Canvas<'_>,
    body: Rect,
    loadable: Option<&Loadable<Vec<T>>>,
    sheet: &Sheet<T>,
) {
    let Sheet { what, columns, show, name, needs } = *sheet;
    let rule = Rect { height: 1.min(body.height), ..body };
    let Some(Loadable::Ready(Observed { value, at })) = loadable else {
        canvas.rule(rule, what, Role::Border);
        let rest = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
        return waiting(model, canvas, rest, loadable, what);
    };
    let kept: Vec<&T> = value.iter().filter(|row| !model.tab_problems || needs(row)).collect();
    let age = between(*at, model.now);
    let title = if model.tab_problems {
        format!("{} of {} {what}, {age} ago   problems only", kept.len(), value.len())
    } else {
        format!("{} {what}, {age} ago", value.len())
    };
    canvas.rule(rule, &title, Role::Border);
    let rows = Rect { y: body.y + 2, height: body.height.saturating_sub(3), ..body };
    if kept.is_empty() {
        let key = model.options.keys.label(Action::ProblemsOnly).unwrap_or_default();
        let text = match value.len() {
            0 => "none".to_owned(),
            n => format!("none of the {n} needs somebody; {key} shows them all"),
        };
        canvas.text(rows.x + 1, body.y + 1, rows.width, &text, Role::Muted);
        return;
    }
    let first = name.map_or(0, |name| kept.iter().map(|row| width(name(row))).max().unwrap_or(0));
    let heads: Vec<(String, Role)> =
        columns.iter().map(|(h, ..)| ((*h).to_owned(), Role::ColumnHead)).collect();
    cells(canvas, Rect { y: body.y + 1, height: 1, ..body }, columns, &heads, first);
    let shown = kept.iter().skip(model.scroll.top);
    for ((number, row), y) in shown.enumerate().zip(rows.y..rows.bottom()) {
        let area = Rect { y, height: 1, ..rows };
        cells(canvas, area, columns, &show(row, model), first);
        if model.scroll.top + number == model.scroll.cursor {
            canvas.overlay(area, Role::Cursor);
        }
    }
}

/// Draws the cells of a row. The first is at least `first` cells wide where there is room.
fn cells(canvas: &mut Canvas<'_>, area: Rect, columns: Columns, row: &[(String, Role)], first: u16) {
    let narrow = area.width < 100;
    let mut x = area.x + 1;
    let last = columns.len().saturating_sub(1);
    for (number, ((text, role), (_, wide, small))) in row.iter().zip(columns).enumerate() {
        let left = area.right().saturating_sub(x);
        let room = match number {
            // A stub of a few cells says nothing.
            n if n == last => {
                if left < 8 {
                    0
                } else {
                    left
                }
            }
            0 if !narrow => (*wide).max(first.min(WIDEST_NAME)),
            _ if narrow => *small,
            _ => *wide,
        };
        let room = room.min(left);
        if room > 0 {
            let cut = canvas.glyphs.cut;
            let text = if number == 0 { fit_middle(text, usize::from(room), cut) } else { text.into() };
            canvas.text(x, area.y, room, &text, *role);
            x += room + 1;
        }
    }
}
