//! Drawing the model. Reads only; everything it shows can be read from the model and from `report`.

mod cluster;
mod confirm;
mod fleet;
mod head;
mod overlay;
mod pane;
mod sources;
mod versions;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::act::unavailable;
use super::areas::Tier;
use super::model::{Model, Overlay, Screen};
use super::paint::{Canvas, width};
use crate::config::{Action, Role};

pub(super) use cluster::{boxed, lines, sections};
pub(super) use overlay::{palette_area, popup, sheet_area};

/// Draws everything.
pub(crate) fn view(model: &Model, frame: &mut Frame<'_>) {
    let areas = model.areas();
    let mut cursor = None;
    {
        let mut canvas = Canvas::new(frame.buffer_mut(), &model.options.theme, model.options.ascii);
        canvas.clear(areas.full, Role::Text);
        if areas.tier == Tier::Tiny {
            notice(model, &mut canvas, areas.full);
        } else {
            head::draw(model, &mut canvas, &areas);
            match model.screen {
                Screen::Fleet => cursor = fleet::draw(model, &mut canvas, &areas),
                Screen::Versions => cursor = versions::draw(model, &mut canvas, &areas),
                Screen::Sources => sources::draw(model, &mut canvas, &areas),
                Screen::Cluster(_) => cluster::draw(model, &mut canvas, &areas),
            }
            foot(model, &mut canvas, &areas);
            match &model.overlay {
                Some(Overlay::Palette(palette)) => {
                    cursor = Some(overlay::palette(palette, &mut canvas, areas.full));
                }
                Some(Overlay::Help(top)) => overlay::help(model, *top, &mut canvas, areas.full),
                Some(Overlay::Menu(menu)) => overlay::menu(menu, &mut canvas, areas.full),
                Some(Overlay::Sheet(sheet)) => overlay::sheet(sheet, &mut canvas, areas.full),
                Some(Overlay::Entry(entry)) => cursor = Some(confirm::entry(entry, &mut canvas, areas.full)),
                Some(Overlay::Confirm(asked)) => {
                    cursor = confirm::draw(model, asked, &mut canvas, areas.full);
                }
                None => {}
            }
        }
    }
    if let Some(position) = cursor.filter(|p| frame.area().contains(*p)) {
        frame.set_cursor_position(position);
    }
}

/// Too small for anything else.
fn notice(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let quit = model.options.keys.label(Action::Quit).unwrap_or_default();
    let size = format!("{}x{}", area.width, area.height);
    let lines = [format!("{size} is too small"), "60x12 is needed".to_owned(), format!("{quit} quits")];
    let middle = area.y + area.height.saturating_sub(3) / 2;
    for (y, text) in (middle..area.bottom()).zip(&lines) {
        let x = area.x + area.width.saturating_sub(width(text)) / 2;
        canvas.text(x, y, area.width, text, Role::Text);
    }
}

/// The line of hints and the line of messages.
fn foot(model: &Model, canvas: &mut Canvas<'_>, areas: &super::areas::Areas) {
    canvas.rule(areas.rule, "", Role::Border);
    if areas.hints.height > 0 {
        hints(model, canvas, areas.hints);
    }
    if areas.message.height == 0 {
        return;
    }
    let area = areas.message;
    let room = area.width.saturating_sub(2);
    if let Some(message) = &model.message {
        canvas.text(area.x + 1, area.y, room, &message.text, message.role);
    } else if model.range_mode {
        canvas.text(area.x + 1, area.y, room, "range: moving marks, v ends it", Role::Notice);
    } else if !model.marks.is_empty() {
        canvas.text(area.x + 1, area.y, room, &marked(model), Role::Mark);
    } else if !model.engine_alive {
        canvas.text(area.x + 1, area.y, room, "the engine has stopped; what is shown ages", Role::Error);
    }
}

/// `3 marked (1 hidden): a, b, c`.
fn marked(model: &Model) -> String {
    let hidden = match model.hidden_marks() {
        0 => String::new(),
        n => format!(" ({n} hidden)"),
    };
    let names: Vec<&str> = model.marks.iter().take(12).map(crate::fleet::ClusterKey::as_str).collect();
    let more = if model.marks.len() > 12 { ", ..." } else { "" };
    format!("{} marked{hidden}: {}{more}", model.marks.len(), names.join(", "))
}

/// The keys worth knowing here, from the table of actions, as many as fit.
fn hints(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let mut x = area.x + 1;
    let place = model.screen.place();
    let pairs: Vec<(String, &str)> = if model.filter.editing {
        [("Enter", "keep"), ("Esc", "clear"), ("Up Down", "move")].map(|(k, h)| (k.to_owned(), h)).into()
    } else {
        let infos = crate::config::ACTIONS.iter().filter(|i| i.place.meets(place) && !i.hint.is_empty());
        let infos = infos.filter(|i| unavailable(model, i.action).is_none());
        // On Fleet there is mostly nothing to go back from, and everybody tries Esc.
        let infos = infos.filter(|i| i.action != Action::Back || model.screen != Screen::Fleet);
        infos.filter_map(|i| Some((model.options.keys.label(i.action)?, i.hint))).collect()
    };
    // Whatever else has no room, the last two do: with palette and help everything can be found.
    let need = |(key, hint): &(String, &str)| width(key) + width(hint) + 3;
    let kept: u16 = pairs.iter().rev().take(2).map(need).sum();
    let count = pairs.len();
    for (number, pair) in pairs.into_iter().enumerate() {
        let last = number + 2 >= count;
        let limit = area.right().saturating_sub(if last { 0 } else { kept });
        let need = need(&pair);
        if x + need.saturating_sub(2) > limit {
            continue;
        }
        let (key, hint) = pair;
        x = canvas.text(x, area.y, need, &key, Role::HintKey);
        x = canvas.text(x + 1, area.y, need, hint, Role::HintText) + 2;
    }
}

/// Draws an input with the wrong part shown as such; returns where the terminal's cursor belongs.
fn input(
    canvas: &mut Canvas<'_>,
    input: &tui_input::Input,
    at: Position,
    room: u16,
    wrong: Option<&std::ops::Range<usize>>,
) -> Position {
    let room = room.max(1);
    let scroll = input.visual_scroll(usize::from(room.saturating_sub(1)));
    let mut column = 0;
    let mut x = at.x;
    let graphemes = unicode_segmentation::UnicodeSegmentation::grapheme_indices(input.value(), true);
    for (byte, grapheme) in graphemes {
        let wide = width(grapheme);
        column += usize::from(wide);
        if column <= scroll {
            continue;
        }
        if x + wide > at.x + room {
            break;
        }
        let role = if wrong.is_some_and(|w| w.contains(&byte)) { Role::InputError } else { Role::Input };
        x = canvas.text(x, at.y, wide, grapheme, role);
    }
    let cursor = input.visual_cursor().saturating_sub(scroll);
    Position::new(at.x + u16::try_from(cursor).unwrap_or(0).min(room - 1), at.y)
}
