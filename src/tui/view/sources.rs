//! Where clusters are learned of, and what is wrong there; also the screen shown when there is no cluster at all.

use ratatui::layout::Rect;

use super::super::areas::Areas;
use super::super::facts::between;
use super::super::model::Model;
use super::super::paint::{Canvas, width};
use super::super::sources::parts;
use super::pane::wrap;
use crate::config::{Action, Role};
use crate::report::{ProblemItem, SeverityWord, SourceItem};

/// Draws the screen.
pub(super) fn draw(model: &Model, canvas: &mut Canvas<'_>, areas: &Areas) {
    let sources = &model.source_items;
    let entries: usize = sources.iter().map(|s| s.entries).sum();
    let title = format!(
        "Sources: {}, {} -> {}   {}",
        count(sources.len(), "source", "sources"),
        count(entries, "entry", "entries"),
        count(model.fleet.clusters.len(), "cluster", "clusters"),
        count(model.problem_items.len(), "problem", "problems"),
    );
    canvas.rule(areas.title, &title, Role::Border);
    let [top, rule, problems, about] = parts(model);
    table(model, canvas, top);
    let cursor = model.problem_items.get(model.sources.cursor);
    canvas.rule(rule, &count(model.problem_items.len(), "problem", "problems"), Role::Border);
    let shown = model.problem_items.iter().skip(model.sources.top);
    for ((number, problem), y) in shown.enumerate().zip(problems.y..problems.bottom()) {
        let row = Rect { y, height: 1, ..problems };
        line(canvas, row, problem);
        if model.sources.top + number == model.sources.cursor {
            canvas.overlay(row, Role::Cursor);
        }
    }
    if model.problem_items.is_empty() && problems.height > 0 {
        canvas.text(problems.x + 3, problems.y, problems.width, "none", Role::Muted);
    }
    if let Some(problem) = cursor.filter(|_| about.height > 1) {
        let place = problem.place().unwrap_or_else(|| "nowhere in particular".to_owned());
        canvas.rule(Rect { height: 1, ..about }, &place, Role::Border);
        let hint = problem.hint.as_ref().map_or_else(String::new, |h| format!(" {h}"));
        let text = format!("{}: {}.{hint}", problem.subject, problem.message);
        let room = about.width.saturating_sub(6);
        for (text, y) in wrap(&text, usize::from(room)).iter().zip(about.y + 1..about.bottom()) {
            canvas.text(about.x + 3, y, room, text, Role::Text);
        }
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn table(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let tail = 38;
    let name_width = area.width.saturating_sub(tail + 4).max(10);
    let columns = |canvas: &mut Canvas<'_>, y: u16, cells: [&str; 4], role: Role| {
        canvas.text(area.x + 3, y, name_width, cells[0], role);
        let x = area.x + 3 + name_width + 1;
        canvas.text(x, y, 11, cells[1], role);
        canvas.right(x + 11, y, 8, cells[2], role);
        canvas.right(x + 19, y, 7, cells[3], role);
        x + 28
    };
    let x = columns(canvas, area.y, ["SOURCE", "KIND", "ENTRIES", "READ"], Role::ColumnHead);
    canvas.text(x, area.y, area.right().saturating_sub(x), "STATE", Role::ColumnHead);
    for (source, y) in model.source_items.iter().zip(area.y + 1..area.bottom()) {
        let entries = source.entries.to_string();
        let read = source.synced_at.map_or_else(|| "-".to_owned(), |at| between(at.0, model.now));
        let (state, role) = state_of(source);
        let x = columns(canvas, y, [source.name.as_str(), source.kind, &entries, &read], Role::Text);
        canvas.text(x, y, area.right().saturating_sub(x), &state, role);
    }
    if model.source_items.is_empty() {
        canvas.text(area.x + 3, area.y + 1, area.width, "none", Role::Muted);
    }
}

fn state_of(source: &SourceItem) -> (String, Role) {
    match (source.synced_at, source.errors, source.problems) {
        (None, 0, 0) => ("reading".to_owned(), Role::Progress),
        (None, ..) => ("unreadable".to_owned(), Role::Error),
        (Some(_), 0, 0) => ("ok".to_owned(), Role::StateOk),
        (Some(_), 0, n) => (count(n, "problem", "problems"), Role::Warning),
        (Some(_), n, _) => (count(n, "error", "errors"), Role::Error),
    }
}

fn line(canvas: &mut Canvas<'_>, area: Rect, problem: &ProblemItem) {
    let role = match problem.severity {
        SeverityWord::Error => Role::Error,
        SeverityWord::Warning => Role::Warning,
        SeverityWord::Note => Role::Muted,
    };
    let x = canvas.text(area.x + 1, area.y, 8, problem.severity.as_str(), role).max(area.x + 9);
    let end = area.right();
    let place = problem.place().unwrap_or_default();
    let place_width = width(&place).min(area.width / 2);
    let text_room = end.saturating_sub(x + place_width + 2);
    let text = format!("{}: {}", problem.subject, problem.message);
    canvas.text(x, area.y, text_room, &text, Role::Text);
    // The end of a path says more than its beginning: file, line and column.
    let tail: String = {
        let chars: Vec<char> = place.chars().collect();
        let keep = usize::from(place_width);
        chars.iter().skip(chars.len().saturating_sub(keep)).collect()
    };
    canvas.right(end.saturating_sub(place_width + 1), area.y, place_width, &tail, Role::Muted);
}

/// No cluster was found: where it was looked, and what can be done.
pub(super) fn first_run(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let mut y = area.y + 1;
    let mut say = |canvas: &mut Canvas<'_>, indent: u16, text: &str, role: Role| {
        if y < area.bottom() {
            canvas.text(area.x + 3 + indent, y, area.width.saturating_sub(4 + indent), text, role);
        }
        y += 1;
    };
    say(canvas, 0, "no clusters yet", Role::Title);
    say(canvas, 0, "", Role::Text);
    say(canvas, 0, "Looked in:", Role::Label);
    for source in &model.source_items {
        let (state, _) = state_of(source);
        let entries =
            if source.synced_at.is_some() { count(source.entries, "entry", "entries") } else { state };
        say(canvas, 2, &format!("{:<44} {entries}", source.name.as_str()), Role::Text);
    }
    for problem in model.problem_items.iter().take(6) {
        let place = problem.place().map_or_else(String::new, |p| format!("  ({p})"));
        say(canvas, 2, &format!("{}: {}{place}", problem.subject, problem.message), Role::Warning);
    }
    let told = |place: &str| model.problem_items.iter().any(|p| p.subject.as_str() == place);
    for (place, _) in model.fleet.looked_in.iter().filter(|(p, there)| !there && !told(p.as_str())) {
        let unset = if place.as_str().starts_with('$') { "not set" } else { "not there" };
        say(canvas, 2, &format!("{:<44} {unset}", place.as_str()), Role::Text);
    }
    let key = |action| model.options.keys.label(action).unwrap_or_default();
    say(canvas, 0, "", Role::Text);
    say(canvas, 0, "Start with one of these, from a shell:", Role::Label);
    say(canvas, 2, "fleetglass --kubeconfig FILE-OR-FOLDER    read only, never changed", Role::Text);
    say(canvas, 2, "fleetglass demo                           a made-up fleet, no network", Role::Text);
    say(canvas, 0, "", Role::Text);
    let (help, sources, quit) = (key(Action::Help), key(Action::Sources), key(Action::Quit));
    say(canvas, 0, &format!("{help} keys    {sources} sources in full    {quit} quit"), Role::HintText);
}
