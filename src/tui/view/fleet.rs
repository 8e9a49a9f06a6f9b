//! The list of clusters.

use ratatui::layout::{Position, Rect};

use super::super::areas::{Areas, Tier};
use super::super::columns::{Cell, Column, columns};
use super::super::list::Line;
use super::super::model::Model;
use super::super::paint::{Canvas, fit_middle, width};
use super::pane;
use crate::config::{GroupBy, Role, SortBy};
use crate::fleet::{Cluster, Protection, State, Truth, UNCLASSIFIED};

/// The states that a group's strip always counts.
const STRIP: [State; 5] = [State::Ok, State::Warn, State::Crit, State::Auth, State::Down];

/// Draws the screen; returns where the terminal's cursor belongs if the filter is being typed.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) -> Option<Position> {
    let cursor = title(model, canvas, areas.title);
    if model.fleet.clusters.is_empty() {
        empty(model, canvas, areas.body.union(areas.side.unwrap_or(areas.body)));
        return cursor;
    }
    let body = areas.body;
    let columns = columns(areas.tier, body.width, model);
    head(model, canvas, body, &columns);
    let rows = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
    if model.list.lines.is_empty() {
        let text = "no cluster is let through; Esc shows all again";
        canvas.text(rows.x + 3, rows.y + 1, rows.width, text, Role::Muted);
    }
    let lines = model.list.window(usize::from(rows.height));
    for (number, (line, y)) in lines.iter().zip(rows.y..rows.bottom()).enumerate() {
        let area = Rect { y, height: 1, ..rows };
        match line {
            Line::Group(n) => group(model, canvas, area, *n, areas.tier),
            Line::Row(i) => {
                if let Some(cluster) = model.fleet.clusters.get(*i) {
                    row(model, canvas, area, cluster, *i, &columns);
                }
            }
            Line::Fold(n, hidden) => fold(model, canvas, area, *n, *hidden),
        }
        if model.list.top + number == model.list.cursor {
            canvas.overlay(area, Role::Cursor);
        }
    }
    if let Some(side) = areas.side {
        pane::draw(model, canvas, side);
    }
    cursor
}

/// What is shown: grouping, filter, marks, order; while the filter is typed, the filter.
pub(super) fn title(model: &Model, canvas: &mut Canvas<'_>, area: Rect) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    let total = model.fleet.clusters.len();
    if model.filter.editing {
        return Some(filter(model, canvas, area));
    }
    let mut parts = Vec::new();
    match model.shape.group_by {
        GroupBy::None => parts.push("Fleet".to_owned()),
        by => {
            let word = GroupBy::WORDS.iter().find(|(_, g)| *g == by).map_or("", |(w, _)| *w);
            parts.push(format!("Fleet by {word}"));
        }
    }
    match &model.filter.good {
        Some((text, _)) => {
            let unknown = match model.filter.unknown {
                0 => String::new(),
                n => format!(", {n} unknown"),
            };
            parts.push(format!("filter: {text}  {}/{total}{unknown}", model.list.shown));
        }
        None => parts.push("filter: none".to_owned()),
    }
    if model.shape.problems_only {
        parts.push(format!("problems only {}/{total}", model.list.shown));
    }
    if !model.marks.is_empty() {
        parts.push(format!("marked: {} ({} hidden)", model.marks.len(), model.hidden_marks()));
    }
    let sort = SortBy::WORDS.iter().find(|(_, s)| *s == model.shape.sort).map_or("", |(w, _)| *w);
    let turned = if model.shape.descending { " reversed" } else { "" };
    let late = if model.unsorted { "~" } else { "" };
    parts.push(format!("{late}sort: {sort}{turned}"));
    canvas.rule(area, &parts.join("   "), Role::Border);
    None
}

fn filter(model: &Model, canvas: &mut Canvas<'_>, area: Rect) -> Position {
    canvas.repeat(area.x, area.y, area.width, " ", Role::Text);
    let x = canvas.text(area.x + 1, area.y, 2, "/ ", Role::HintKey);
    let (told, role) = match &model.filter.fault {
        Some(fault) => (fault.text.clone(), Role::Error),
        None if model.filter.good.is_some() => {
            let unknown = match model.filter.unknown {
                0 => String::new(),
                n => format!(" ({n} unknown)"),
            };
            (format!("{}/{}{unknown}", model.list.shown, model.fleet.clusters.len()), Role::Muted)
        }
        None => ("words, or field op value: class=prod version<1.35 cert<30d".to_owned(), Role::Muted),
    };
    let room = area.right().saturating_sub(x);
    let told_width = width(&told).min(room * 2 / 3);
    let told_x = area.right().saturating_sub(told_width + 1);
    canvas.text(told_x, area.y, told_width, &told, role);
    let wrong = model.filter.fault.as_ref().map(|f| &f.span);
    super::input(canvas, &model.filter.input, Position::new(x, area.y), told_x.saturating_sub(x + 1), wrong)
}

fn head(model: &Model, canvas: &mut Canvas<'_>, body: Rect, columns: &[Column]) {
    if body.height == 0 {
        return;
    }
    let mut x = body.x + 3;
    for column in columns {
        let sorted = column.sort.is_some_and(|s| s == model.shape.sort);
        let sign = if model.shape.descending { canvas.glyphs.falling } else { canvas.glyphs.rising };
        let text = if sorted { format!("{}{sign}", column.head) } else { column.head.to_owned() };
        let role = if sorted { Role::ColumnSorted } else { Role::ColumnHead };
        if column.right {
            canvas.right(x, body.y, column.width, &text, role);
        } else {
            canvas.text(x, body.y, column.width, &text, role);
        }
        x += column.width + column.gap;
    }
}

fn row(
    model: &Model,
    canvas: &mut Canvas<'_>,
    area: Rect,
    cluster: &Cluster,
    index: usize,
    columns: &[Column],
) {
    let glyphs = canvas.glyphs;
    if model.marks.contains(cluster.key()) {
        canvas.text(area.x, area.y, 1, glyphs.mark, Role::Mark);
    }
    let state = cluster.verdict.state;
    canvas.text(area.x + 1, area.y, 1, glyphs.state(state), Role::of_state(state));
    if model.filter.good.is_some() && model.filter.hits.get(index) == Some(&Truth::Unknown) {
        canvas.text(area.x + 2, area.y, 1, "?", Role::Muted);
    } else if cluster.class.pending.is_some() {
        canvas.text(area.x + 2, area.y, 1, glyphs.waits, Role::Warning);
    }
    let mut x = area.x + 3;
    for column in columns {
        let Cell { mut text, role } = (column.cell)(cluster, model.now);
        let is_name = column.sort == Some(SortBy::Name);
        if is_name {
            text = fit_middle(&text, usize::from(column.width), glyphs.cut).into_owned();
        }
        if column.right {
            canvas.right(x, area.y, column.width, &text, role);
        } else {
            canvas.text(x, area.y, column.width, &text, role);
        }
        if is_name {
            matches(model, canvas, Rect { x, width: column.width, ..area }, &text);
        }
        x += column.width + column.gap;
    }
    if cluster.entry.gone_at.is_some() {
        // A tombstone: nothing of it is of today.
        canvas.overlay(Rect { x: area.x + 3, width: area.width.saturating_sub(3), ..area }, Role::Stale);
    }
}

/// Shows which part of a name the plain words of the filter have found.
fn matches(model: &Model, canvas: &mut Canvas<'_>, area: Rect, name: &str) {
    let Some((filter, _)) = &model.filter.good else { return };
    let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let lower = name.to_ascii_lowercase();
    for word in filter.split_whitespace().filter(plain) {
        if let Some(before) = lower.find(&word.to_ascii_lowercase()).and_then(|at| name.get(..at)) {
            let at = area.x + width(before).min(area.width);
            let part = Rect { x: at, width: width(word), ..area };
            canvas.overlay(part.intersection(area), Role::Match);
        }
    }
}

fn group(model: &Model, canvas: &mut Canvas<'_>, area: Rect, number: usize, tier: Tier) {
    let Some(group) = model.list.groups.get(number) else { return };
    let glyphs = canvas.glyphs;
    let closed = model.shape.closed.contains(&group.name);
    let sign = if closed { glyphs.closed } else { glyphs.open };
    let role = if model.shape.group_by == GroupBy::Class {
        Role::of_class(group.name.as_str())
    } else {
        Role::Group
    };

    let mut strip: Vec<(String, Role)> = Vec::new();
    for state in STRIP.into_iter().chain([State::Upgrading, State::Held, State::New]) {
        let count = group.counts.get(state);
        let fixed = STRIP.contains(&state) && tier >= Tier::Medium;
        if count > 0 || fixed {
            let role = if count == 0 { Role::Muted } else { Role::of_state(state) };
            let text = format!("{count}{}", glyphs.state(state));
            let text = if fixed { format!("{text:>5}") } else { format!(" {text}") };
            strip.push((text, role));
        }
    }
    let versions: Vec<String> = group.versions.iter().map(|(minor, n)| format!("{minor}:{n}")).collect();
    let versions_width = if tier >= Tier::Large { 34 } else { 0 };
    let strip_width: u16 = strip.iter().map(|(t, _)| width(t)).sum();
    let end = area.right().saturating_sub(versions_width + 1);
    let strip_x = end.saturating_sub(strip_width).max(area.x);

    let room = |x: u16| strip_x.saturating_sub(x + 1);
    let x = canvas.text(area.x, area.y, 2, sign, Role::Group) + 1;
    let x = canvas.text(x, area.y, room(x), group.name.as_str(), role);
    let x = canvas.text(x, area.y, room(x), &format!(" ({})", group.members.len()), Role::Group);
    let by_class = model.shape.group_by == GroupBy::Class;
    let badge = match group.protection.filter(|_| by_class) {
        _ if group.guessed && group.name.as_str() != UNCLASSIFIED => "  [guessed]",
        Some(Protection::Locked) => "  [locked]",
        Some(Protection::Typed) => "  [typed]",
        _ => "",
    };
    let x = canvas.text(x, area.y, room(x), badge, Role::Guessed);
    // That the unclassified are unclassified is in the name of their group.
    let unclassified = group.name.as_str() == UNCLASSIFIED;
    let findings = group.findings.iter().filter(|(code, _)| !unclassified || *code != "UNCLASSIFIED");
    let mut told: Vec<String> =
        findings.map(|(code, count)| format!("{count} {}", finding_word(code))).collect();
    let all = told.len();
    // What does not fit is counted.
    let most = room(x + 2);
    while told.len() > 1 && width(&shorten(&told, all)) > most {
        told.pop();
    }
    if !told.is_empty() {
        canvas.text(x + 2, area.y, most, &shorten(&told, all), Role::Warning);
    }
    let mut x = strip_x;
    for (text, role) in &strip {
        x = canvas.text(x, area.y, width(text), text, *role);
    }
    if versions_width > 0 {
        canvas.text(end + 2, area.y, versions_width - 2, &versions.join(" "), Role::Muted);
    }
}

fn shorten(told: &[String], all: usize) -> String {
    let more = match all.saturating_sub(told.len()) {
        0 => String::new(),
        n => format!(" +{n}"),
    };
    format!("{}{more}", told.join(", "))
}

/// A finding's code in a word or two, as it is counted in the head of a group.
fn finding_word(code: &str) -> String {
    let word = match code {
        "NAME_PATTERN" => "misnamed",
        "DOMAIN" => "in another domain",
        "BELOW_FLOOR" => "below floor",
        "END_OF_LIFE" => "past support",
        "LABEL_MISSING" => "without a label",
        "LABEL_VALUE" => "with a wrong label",
        "SERVICE_MISSING" => "without a service",
        "SERVICE_VERSION" => "with an old service",
        "NETWORK_POLICY" => "without a policy",
        "SOURCE_MISSING" => "not in a source",
        "UNCLASSIFIED" => "unclassified",
        "CLASS_WAITS" => "class waits",
        "CONFLICT" => "contradicted",
        "ORPHAN" => "orphaned",
        "GHOST" => "ghosts",
        "GONE" => "gone",
        other => return other.to_lowercase().replace('_', " "),
    };
    word.to_owned()
}

fn fold(model: &Model, canvas: &mut Canvas<'_>, area: Rect, number: usize, hidden: usize) {
    let Some(group) = model.list.groups.get(number) else { return };
    let open = model.options.keys.label(crate::config::Action::Right).unwrap_or_default();
    let text = format!("{} {hidden} more OK in {} ({open} shows them)", canvas.glyphs.more, group.name);
    canvas.text(area.x + 3, area.y, area.width.saturating_sub(3), &text, Role::Muted);
}

/// Nothing to list: the skeleton while sources are read, the first-run screen when they held nothing.
fn empty(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    if model.fleet.loaded {
        return super::sources::first_run(model, canvas, area);
    }
    canvas.text(area.x + 3, area.y, area.width, "NAME", Role::ColumnHead);
    let blank = canvas.glyphs.blank;
    for (n, y) in (area.y + 1..area.bottom()).take(5).enumerate() {
        let name = u16::try_from(18 - n * 2).unwrap_or(8);
        canvas.repeat(area.x + 3, y, name, blank, Role::Muted);
        canvas.repeat(area.x + 26, y, 8, blank, Role::Muted);
        canvas.repeat(area.x + 38, y, 5, blank, Role::Muted);
    }
    canvas.text(area.x + 3, area.y + 7, area.width, "reading where clusters are", Role::Progress);
}
