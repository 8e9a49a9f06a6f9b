//! The help screen's text, made from the table of actions.

use super::glyph::{Glyphs, word};
use super::model::Model;
use crate::config::{ACTIONS, Action, Keymap, Place, Role, Shelf};
use crate::fleet::State;

/// A piece of a line: text and what it is.
pub(crate) type Piece = (String, Role);

/// One action: its keys and what they do.
fn entries(shelf: Shelf, place: Place, keys: &Keymap) -> Vec<(String, &'static str)> {
    let infos = ACTIONS.iter().filter(|i| i.shelf == shelf && i.place.meets(place));
    infos
        .map(|info| {
            let keys: Vec<String> = keys.keys(info.action).iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() { format!(":{}", info.name) } else { keys.join(" ") };
            (keys, info.help)
        })
        .collect()
}

/// The lines for `width` cells: two columns where they fit.
pub(crate) fn lines(model: &Model, width: usize) -> Vec<Vec<Piece>> {
    let place = model.screen.place();
    let keys = &model.options.keys;
    let column = |shelf: Shelf| -> Vec<Vec<Piece>> {
        let mut out = vec![vec![(shelf.title().to_owned(), Role::Title)]];
        for (keys, help) in entries(shelf, place, keys) {
            out.push(vec![(format!("{keys:<13} "), Role::HintKey), (help.to_owned(), Role::Text)]);
        }
        out.push(Vec::new());
        out
    };
    let columns: Vec<Vec<Vec<Piece>>> = Shelf::ALL.into_iter().map(column).collect();
    let mut out = Vec::new();
    if width >= 104 {
        let half = width / 2;
        let mut left: Vec<Vec<Piece>> = Vec::new();
        let mut right: Vec<Vec<Piece>> = Vec::new();
        for column in columns {
            if left.len() <= right.len() { left.extend(column) } else { right.extend(column) }
        }
        for row in 0..left.len().max(right.len()) {
            let mut line = left.get(row).cloned().unwrap_or_default();
            let used: usize = line.iter().map(|(t, _)| t.chars().count()).sum();
            line.push((" ".repeat(half.saturating_sub(used)), Role::Text));
            line.extend(right.get(row).cloned().unwrap_or_default());
            out.push(line);
        }
    } else {
        out.extend(columns.into_iter().flatten());
    }
    let glyphs = Glyphs::of(model.options.ascii);
    let mut states = vec![("STATES  ".to_owned(), Role::Title)];
    for state in State::ALL.into_iter().rev() {
        states.push((format!("{} {}   ", glyphs.state(state), word(state)), Role::of_state(state)));
    }
    out.push(states);
    out.push(vec![
        ("        ~ not confirmed just now; ".to_owned(), Role::Stale),
        ("state is sign, word and colour, never colour alone".to_owned(), Role::Muted),
    ]);
    out.push(Vec::new());
    out.push(vec![
        ("FILTER  ".to_owned(), Role::Title),
        ("words look in names, classes, regions and labels; ".to_owned(), Role::Text),
    ]);
    for example in [
        "class=prod version<1.35        one field, one comparison; a blank is \"and\"",
        "cert<30d | token<10m           \"or\"",
        "!region~^eu-  -l team=pay      \"not\"; a label selector as kubectl has it",
    ] {
        out.push(vec![("        ".to_owned(), Role::Text), (example.to_owned(), Role::Text)]);
    }
    out.push(vec![
        ("        ".to_owned(), Role::Text),
        ("what is not known yet keeps its row, marked ?".to_owned(), Role::Muted),
    ]);
    out
}

/// The last line that may stand at the top.
pub(crate) fn last_top(model: &Model) -> usize {
    let area = area(model);
    let inside = usize::from(area.height.saturating_sub(2));
    lines(model, usize::from(area.width.saturating_sub(4))).len().saturating_sub(inside)
}

/// Where the help stands.
pub(crate) fn area(model: &Model) -> ratatui::layout::Rect {
    super::view::popup(model.areas().full, 116, 40)
}

/// How to close it.
pub(crate) fn title(model: &Model) -> String {
    let close = model.options.keys.label(Action::Back).unwrap_or_default();
    format!("Help: {}   {close} closes", model.screen.place().words())
}
