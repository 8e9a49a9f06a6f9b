//! What lies over a screen: palette, help, menus.

use ratatui::layout::{Position, Rect};

use super::super::help;
use super::super::menu::Menu;
use super::super::model::Model;
use super::super::paint::{Canvas, fit_middle, width};
use super::super::palette::{Palette, Target};
use super::super::sheet::Sheet;
use crate::config::Role;

/// A box in the middle, at most that large, with a line of the screen left on each side if there is room.
pub(in super::super) fn popup(full: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(full.width.saturating_sub(4));
    let height = height.min(full.height.saturating_sub(4));
    Rect { x: full.x + (full.width - width) / 2, y: full.y + (full.height - height) / 2, width, height }
}

/// Where the palette stands.
pub(in super::super) fn palette_area(full: Rect) -> Rect {
    popup(full, 92, 20)
}

/// Draws the palette; returns where the terminal's cursor belongs.
pub(super) fn palette(palette: &Palette, canvas: &mut Canvas<'_>, full: Rect) -> Position {
    let area = palette_area(full);
    canvas.clear(area, Role::Popup);
    let title = format!("Commands and clusters   {} of {}", palette.hits.len(), palette.items.len());
    let inside = canvas.frame(area, &title, Role::PopupBorder);
    let x = canvas.text(inside.x + 1, inside.y, 2, ": ", Role::HintKey);
    let room = inside.right().saturating_sub(x + 1);
    let cursor = super::input(canvas, &palette.input, Position::new(x, inside.y), room, None);
    let rows = Rect { y: inside.y + 2, height: inside.height.saturating_sub(3), ..inside };
    let glyphs = canvas.glyphs;
    let shown = palette.hits.iter().skip(palette.scroll.top).filter_map(|i| palette.items.get(*i));
    for ((number, item), y) in shown.enumerate().zip(rows.y..rows.bottom()) {
        let kind = match &item.target {
            Target::Action(_) => " ",
            Target::Cluster(_) => item.state.map_or(" ", |s| glyphs.state(s)),
        };
        let role = item.state.map_or(Role::Muted, Role::of_state);
        canvas.text(rows.x + 1, y, 1, kind, role);
        let name = 28.min(rows.width / 2);
        canvas.text(rows.x + 3, y, name, &item.name, if item.possible { Role::Text } else { Role::Muted });
        let x = rows.x + 3 + name + 1;
        let key_x = rows.right().saturating_sub(width(&item.key) + 1);
        canvas.text(x, y, key_x.saturating_sub(x + 1), &item.help, Role::Muted);
        canvas.text(key_x, y, width(&item.key), &item.key, Role::HintKey);
        if palette.scroll.top + number == palette.scroll.cursor {
            canvas.overlay(Rect { y, height: 1, ..rows }, Role::Cursor);
        }
    }
    if palette.hits.is_empty() {
        canvas.text(rows.x + 3, rows.y, rows.width.saturating_sub(3), "nothing is called that", Role::Muted);
    }
    let hint = "Enter run   Tab complete   Ctrl-Y copy as command   Esc close";
    let y = inside.bottom().saturating_sub(1).max(inside.y);
    canvas.text(inside.x + 1, y, inside.width.saturating_sub(2), hint, Role::HintText);
    cursor
}

/// Draws the help.
pub(super) fn help(model: &Model, top: usize, canvas: &mut Canvas<'_>, _: Rect) {
    let area = help::area(model);
    canvas.clear(area, Role::Popup);
    let inside = canvas.frame(area, &help::title(model), Role::PopupBorder);
    let lines = help::lines(model, usize::from(area.width.saturating_sub(4)));
    let more = lines.len().saturating_sub(top + usize::from(inside.height));
    for (line, y) in lines.iter().skip(top).zip(inside.y..inside.bottom()) {
        let mut x = inside.x + 1;
        for (text, role) in line {
            x = canvas.text(x, y, inside.right().saturating_sub(x), text, *role);
        }
    }
    if more > 0 {
        let text = format!(" {more} more lines ");
        let x = area.right().saturating_sub(width(&text) + 2);
        canvas.text(x, area.bottom().saturating_sub(1), width(&text), &text, Role::HintText);
    }
}

/// Draws a menu.
pub(super) fn menu(menu: &Menu, canvas: &mut Canvas<'_>, full: Rect) {
    let height = u16::try_from(menu.entries.len()).unwrap_or(u16::MAX).saturating_add(2);
    let name_width = menu.name_width();
    let area = popup(full, 62 + name_width, height);
    canvas.clear(area, Role::Popup);
    let inside = canvas.frame(area, &menu.title, Role::PopupBorder);
    let top = (menu.cursor + 1).saturating_sub(usize::from(inside.height));
    for ((number, (name, detail, _)), y) in
        menu.entries.iter().enumerate().skip(top).zip(inside.y..inside.bottom())
    {
        let cut = canvas.glyphs.cut;
        let room = name_width.min(inside.width / 2);
        canvas.text(inside.x + 1, y, room, &fit_middle(name, usize::from(room), cut), Role::Text);
        let x = inside.x + 2 + room;
        canvas.text(x, y, inside.right().saturating_sub(x + 1), detail, Role::Muted);
        if number == menu.cursor {
            canvas.overlay(Rect { y, height: 1, ..inside }, Role::Cursor);
        }
    }
}

/// Where a sheet of so many lines stands.
pub(in super::super) fn sheet_area(full: Rect, lines: usize) -> Rect {
    popup(full, 104, u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(4).min(32))
}

/// Draws what one source says.
pub(super) fn sheet(sheet: &Sheet, canvas: &mut Canvas<'_>, full: Rect) {
    let area = sheet_area(full, sheet.lines.len());
    canvas.clear(area, Role::Popup);
    let inside = canvas.frame(area, &sheet.title, Role::PopupBorder);
    let rows = Rect { height: inside.height.saturating_sub(2), ..inside };
    let lines = sheet.lines.iter().enumerate().skip(sheet.scroll.top);
    for ((number, line), y) in lines.zip(rows.y..rows.bottom()) {
        let more_width = width(&line.more).min(rows.width / 2);
        let more_x = rows.right().saturating_sub(more_width + 1);
        canvas.text(rows.x + 1, y, more_x.saturating_sub(rows.x + 3), &line.text, line.role);
        let cut = canvas.glyphs.cut;
        canvas.text(
            more_x,
            y,
            more_width,
            &fit_middle(&line.more, usize::from(more_width), cut),
            Role::Muted,
        );
        if number == sheet.scroll.cursor {
            canvas.overlay(Rect { y, height: 1, ..rows }, Role::Cursor);
        }
    }
    let hint = "Enter open the cluster   Esc close";
    canvas.text(
        inside.x + 1,
        inside.bottom().saturating_sub(1),
        inside.width.saturating_sub(2),
        hint,
        Role::HintText,
    );
}
