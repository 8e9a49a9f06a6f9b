//! The question before a decision, and the input before the question.

use ratatui::layout::{Position, Rect};

use super::super::confirm::{Confirm, Entry, Stage, Subject};
use super::super::model::Model;
use super::super::paint::{Canvas, fit_middle, width};
use super::overlay::popup;
use super::pane::wrap;
use crate::config::Role;

/// Lines under the clusters: the commands, a blank and the question.
const FOOT: u16 = 6;
/// Lines of the question alone, where there is no room for the commands: what it is about comes first.
const QUESTION: u16 = 3;

/// Draws the question; returns where the terminal's cursor belongs.
pub(super) fn draw(
    model: &Model,
    confirm: &Confirm,
    canvas: &mut Canvas<'_>,
    full: Rect,
) -> Option<Position> {
    let proposal = &confirm.proposal;
    let wide = 96.min(full.width.saturating_sub(4));
    let room = usize::from(wide.saturating_sub(4));
    let weaker = proposal.weaker.as_ref().map(|why| format!("Less safe: {why}."));
    let about: Vec<(String, Role)> = weaker
        .iter()
        .map(|text| (text.as_str(), Role::Warning))
        .chain(proposal.about.iter().map(|text| (text.as_str(), Role::Text)))
        .flat_map(|(text, role)| wrap(text, room).into_iter().map(move |line| (line, role)))
        .collect();
    let hidden = proposal.subjects.iter().filter(|s| s.hidden).count();
    let wanted = about.len() + proposal.subjects.len() + usize::from(FOOT) + 4;
    let area = popup(full, wide, u16::try_from(wanted).unwrap_or(u16::MAX));
    canvas.clear(area, Role::Popup);
    let inside = canvas.frame(area, &proposal.title, Role::PopupBorder);
    let (x, text_room) = (inside.x + 1, inside.width.saturating_sub(2));
    let need = if inside.height >= FOOT + 5 { FOOT } else { QUESTION };
    let foot = Rect {
        y: inside.bottom().saturating_sub(need.min(inside.height)),
        height: need.min(inside.height),
        ..inside
    };
    let mut y = inside.y;
    for (text, role) in about.iter().take(usize::from(inside.height.saturating_sub(need + 1))) {
        canvas.text(x, y, text_room, text, *role);
        y += 1;
    }
    y += u16::from(y + 1 < foot.y);
    subjects(model, confirm, canvas, Rect { y, height: foot.y.saturating_sub(y), ..inside }, hidden);
    if need == FOOT {
        commands(confirm, canvas, foot);
    }
    let above = need - QUESTION;
    question(confirm, canvas, Rect { y: foot.y + above, height: foot.height.saturating_sub(above), ..foot })
}

fn subjects(model: &Model, confirm: &Confirm, canvas: &mut Canvas<'_>, area: Rect, hidden: usize) {
    let all = &confirm.proposal.subjects;
    let rows = usize::from(area.height);
    let fits = all.len() <= rows;
    let shown = if fits { rows } else { rows.saturating_sub(1) };
    let name_width = (area.width / 3).clamp(16, 34);
    for (subject, y) in all.iter().skip(confirm.top).take(shown).zip(area.y..) {
        line(model, subject, canvas, Rect { y, height: 1, ..area }, name_width);
    }
    let below = all.len().saturating_sub(confirm.top + shown);
    if !fits && rows > 0 {
        let hidden = if hidden > 0 { format!(", {hidden} hidden by the filter") } else { String::new() };
        let text = format!("{} in all{hidden}; {below} more below (Down shows them)", all.len());
        canvas.text(area.x + 3, area.bottom() - 1, area.width.saturating_sub(4), &text, Role::Muted);
    }
}

/// One cluster with its state of now, and what becomes of it.
fn line(model: &Model, subject: &Subject, canvas: &mut Canvas<'_>, area: Rect, name_width: u16) {
    let glyphs = canvas.glyphs;
    if let Some(now) = model.fleet.get(&subject.key) {
        let state = now.verdict.state;
        canvas.text(area.x + 1, area.y, 1, glyphs.state(state), Role::of_state(state));
    }
    let name = fit_middle(subject.key.as_str(), usize::from(name_width), glyphs.cut);
    canvas.text(area.x + 3, area.y, name_width, &name, Role::Text);
    let x = area.x + 4 + name_width;
    let hidden = if subject.hidden { "(hidden) " } else { "" };
    let text = format!("{hidden}{}", subject.then);
    canvas.text(x, area.y, area.right().saturating_sub(x + 1), &text, Role::Muted);
}

/// How it is taken back, and the same from a shell.
fn commands(confirm: &Confirm, canvas: &mut Canvas<'_>, area: Rect) {
    let proposal = &confirm.proposal;
    let first = proposal.twins.first().map_or("", String::as_str);
    let more = match proposal.twins.len() {
        0 | 1 => String::new(),
        n => format!("  and {} like it", n - 1),
    };
    let lines = [("Undo", proposal.undo.clone()), ("Shell", format!("{first}{more}"))];
    for ((label, text), y) in lines.into_iter().zip(area.y..area.bottom()) {
        let x = canvas.text(area.x + 1, y, 7, label, Role::Label).max(area.x + 8);
        canvas.text(x, y, area.right().saturating_sub(x + 1), &text, Role::Muted);
    }
}

fn question(confirm: &Confirm, canvas: &mut Canvas<'_>, area: Rect) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    let (x, y, room) = (area.x + 1, area.y, area.width.saturating_sub(2));
    let hint = |canvas: &mut Canvas<'_>, text: &str| {
        let y = area.bottom().saturating_sub(1);
        if y > area.y {
            canvas.text(x, y, room, text, Role::HintText);
        }
    };
    match &confirm.stage {
        Stage::Ask(yes) => {
            let x = canvas.text(x, y, room, "Do it?  ", Role::Title);
            let no = canvas.text(x, y, room, "[ No ]", if *yes { Role::Text } else { Role::TabActive });
            if !yes {
                canvas.overlay(Rect { x, y, width: 6, height: 1 }, Role::Cursor);
            }
            let x = no + 2;
            canvas.text(x, y, room, "[ Yes ]", if *yes { Role::TabActive } else { Role::Text });
            if *yes {
                canvas.overlay(Rect { x, y, width: 7, height: 1 }, Role::Cursor);
            }
            hint(canvas, "y yes   Enter no   Tab button   Ctrl-Y copy command   Esc cancel");
            None
        }
        Stage::Type { phrase, input } => {
            let x = canvas.text(x, y, room, "Type  ", Role::Label);
            let end = canvas.text(x, y, area.right().saturating_sub(x + 1), phrase, Role::HintKey);
            canvas.text(
                end + 2,
                y,
                area.right().saturating_sub(end + 3),
                "(pasting is off here)",
                Role::Muted,
            );
            let right = input.value() == phrase;
            let good = phrase.starts_with(input.value());
            let wrong = 0..input.value().len();
            let at = Position::new(x, y + 1);
            let room = area.right().saturating_sub(x + 1);
            let cursor = super::input(canvas, input, at, room, (!good).then_some(&wrong));
            let text = if right { "Enter decides it" } else { "Enter works once it is whole" };
            hint(canvas, &format!("{text}   Esc cancel   Ctrl-Y copy command"));
            Some(cursor)
        }
        Stage::Waiting => {
            canvas.text(x, y, room, "writing it down", Role::Progress);
            hint(canvas, "Esc close; it will be told what came of it");
            None
        }
        Stage::Refused(refused) => {
            let text = format!("{}: {}", refused.code, refused.message);
            let mut lines: Vec<(String, Role)> =
                wrap(&text, usize::from(room)).into_iter().map(|l| (l, Role::Error)).collect();
            if let Some(told) = &refused.hint {
                lines.extend(wrap(told.as_str(), usize::from(room)).into_iter().map(|l| (l, Role::Text)));
            }
            // What was refused matters more than the commands above it.
            let need = u16::try_from(lines.len()).unwrap_or(u16::MAX);
            let top = area.bottom().saturating_sub(need).min(y).max(area.y.saturating_sub(3));
            for row in top..area.bottom() {
                canvas.clear(Rect { y: row, height: 1, ..area }, Role::Popup);
            }
            for ((text, role), y) in lines.iter().zip(top..area.bottom()) {
                canvas.text(x, y, room, text, *role);
            }
            if u16::try_from(lines.len()).is_ok_and(|n| top + n < area.bottom()) {
                hint(canvas, "nothing was decided; Enter or Esc close");
            }
            None
        }
    }
}

/// Draws the input of a label; returns where the terminal's cursor belongs.
pub(super) fn entry(entry: &Entry, canvas: &mut Canvas<'_>, full: Rect) -> Position {
    let area = popup(full, 72, 7);
    canvas.clear(area, Role::Popup);
    let title = match entry.keys.as_slice() {
        [one] => format!("Label of {one}"),
        more => format!("Label of {} clusters", more.len()),
    };
    let inside = canvas.frame(area, &title, Role::PopupBorder);
    let (x, room) = (inside.x + 1, inside.width.saturating_sub(2));
    let wrong = 0..entry.input.value().len();
    let cursor =
        super::input(canvas, &entry.input, Position::new(x, inside.y + 1), room, entry.fault.map(|_| &wrong));
    let told = entry.fault.unwrap_or("KEY=VALUE sets one, KEY- takes it back");
    let role = if entry.fault.is_some() { Role::Error } else { Role::Muted };
    canvas.text(x, inside.y + 2, room, told, role);
    let hint = "Enter goes on to the question   Esc cancel";
    let y = inside.bottom().saturating_sub(1);
    canvas.text(x, y, room, hint, Role::HintText);
    let used = width(entry.input.value());
    Position::new(cursor.x.min(x + used.min(room)), cursor.y)
}
