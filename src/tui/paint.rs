//! Putting text into cells: clipped, by role, and in ASCII where that is all there is.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color as Ink, Modifier, Style as Brush};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::glyph::Glyphs;
use crate::config::{Color, Rgb, Role, Style, Theme};

/// A buffer with a theme and an alphabet. Everything outside the buffer is silently left out.
pub(crate) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    ascii: bool,
    /// The signs to use.
    pub(crate) glyphs: Glyphs,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(buffer: &'a mut Buffer, theme: &'a Theme, ascii: bool) -> Self {
        Self { buffer, theme, ascii, glyphs: Glyphs::of(ascii) }
    }

    /// Fills an area with blanks in the style of a role.
    pub(crate) fn clear(&mut self, area: Rect, role: Role) {
        let area = area.intersection(self.buffer.area);
        let brush = brush(self.theme.style(Role::Bg)).patch(brush(self.theme.style(Role::Text)));
        let brush = brush.patch(self::brush(self.theme.style(role)));
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
                cell.set_style(brush);
            }
        }
    }

    /// Writes `text` from `x` in at most `width` cells, cut with a sign if it is longer. Returns the cell after it.
    pub(crate) fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        if y < self.buffer.area.top() || y >= self.buffer.area.bottom() || x >= self.buffer.area.right() {
            return x;
        }
        let text = if self.ascii { to_ascii(text) } else { Cow::Borrowed(text) };
        let room = width.min(self.buffer.area.right() - x);
        let text = fit(&text, usize::from(room), self.glyphs.cut);
        let style = brush(self.theme.style(role));
        self.buffer.set_stringn(x, y, text, usize::from(room), style).0
    }

    /// Writes `text` so that it ends before `x + width`.
    pub(crate) fn right(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) {
        let used = u16::try_from(text.width()).unwrap_or(u16::MAX).min(width);
        self.text(x + (width - used), y, used, text, role);
    }

    /// Repeats a sign of one cell.
    pub(crate) fn repeat(&mut self, x: u16, y: u16, width: u16, sign: &str, role: Role) {
        let room = width.min(self.buffer.area.right().saturating_sub(x));
        self.text(x, y, room, &sign.repeat(usize::from(room)), role);
    }

    /// Puts a role's style over what is already there.
    pub(crate) fn overlay(&mut self, area: Rect, role: Role) {
        let style = brush(self.theme.style(role));
        for position in area.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(Position::new(position.x, position.y)) {
                cell.set_style(style);
            }
        }
    }

    /// A line across with a title in it: `──┤ title ├────`.
    pub(crate) fn rule(&mut self, area: Rect, title: &str, role: Role) {
        if area.height == 0 {
            return;
        }
        let glyphs = self.glyphs;
        self.repeat(area.x, area.y, area.width, glyphs.horizontal, role);
        if title.is_empty() || area.width < 8 {
            return;
        }
        let right = area.right();
        let x = self.text(area.x + 2, area.y, right - area.x - 2, glyphs.title[0], role);
        let x = self.text(x, area.y, right.saturating_sub(x), " ", role);
        let x = self.text(x, area.y, right.saturating_sub(x + 4), title, Role::Title);
        let x = self.text(x, area.y, right.saturating_sub(x), " ", role);
        self.text(x, area.y, right.saturating_sub(x), glyphs.title[1], role);
    }

    /// A box with a title; returns what is inside.
    pub(crate) fn frame(&mut self, area: Rect, title: &str, role: Role) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 2 || area.height < 2 {
            return Rect::new(area.x, area.y, 0, 0);
        }
        let glyphs = self.glyphs;
        let [top_left, top_right, bottom_left, bottom_right] = glyphs.corners;
        let (left, right) = (area.x, area.right() - 1);
        let (top, bottom) = (area.y, area.bottom() - 1);
        for y in [top, bottom] {
            self.repeat(left, y, area.width, glyphs.horizontal, role);
        }
        for y in top + 1..bottom {
            self.text(left, y, 1, glyphs.vertical, role);
            self.text(right, y, 1, glyphs.vertical, role);
        }
        for (x, y, sign) in [
            (left, top, top_left),
            (right, top, top_right),
            (left, bottom, bottom_left),
            (right, bottom, bottom_right),
        ] {
            self.text(x, y, 1, sign, role);
        }
        if !title.is_empty() && area.width > 8 {
            let x = self.text(left + 1, top, 1, glyphs.horizontal, role);
            let x = self.text(x, top, 2, &format!("{} ", glyphs.title[0]), role);
            let x = self.text(x, top, right.saturating_sub(x + 2), title, Role::Title);
            self.text(x, top, right.saturating_sub(x), &format!(" {}", glyphs.title[1]), role);
        }
        Rect::new(left + 1, top + 1, area.width - 2, area.height - 2)
    }
}

/// The width of a text in cells.
pub(crate) fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// The text, or as much of it as fits into `room` cells with `cut` at the end.
pub(crate) fn fit(text: &str, room: usize, cut: char) -> Cow<'_, str> {
    if text.len() <= room || text.width() <= room {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(room + 4);
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let width = grapheme.width();
        if used + width + 1 > room {
            break;
        }
        used += width;
        out.push_str(grapheme);
    }
    if room > 0 {
        out.push(cut);
    }
    Cow::Owned(out)
}

/// The text, or its beginning and end with `cut` between them: names of clusters and nodes differ at their ends.
pub(crate) fn fit_middle(text: &str, room: usize, cut: char) -> Cow<'_, str> {
    if text.len() <= room || text.width() <= room {
        return Cow::Borrowed(text);
    }
    let tail_room = room.saturating_sub(1) / 2;
    let mut tail: Vec<&str> = Vec::new();
    let mut used = 0;
    for grapheme in text.graphemes(true).rev() {
        used += grapheme.width();
        if used > tail_room {
            break;
        }
        tail.push(grapheme);
    }
    let tail: String = tail.into_iter().rev().collect();
    let head = fit(text, room.saturating_sub(tail.width()), cut);
    Cow::Owned(format!("{head}{tail}"))
}

/// Everything that is not ASCII becomes `?`, one for each cell.
fn to_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let ascii = text.graphemes(true).map(|g| if g.is_ascii() { g.to_owned() } else { "?".repeat(g.width()) });
    Cow::Owned(ascii.collect())
}

fn brush(style: Style) -> Brush {
    let mut brush = Brush { fg: style.fg.map(ink), bg: style.bg.map(ink), ..Brush::default() };
    for (on, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.reverse, Modifier::REVERSED),
        (style.underline, Modifier::UNDERLINED),
        (style.italic, Modifier::ITALIC),
    ] {
        if on {
            brush = brush.add_modifier(modifier);
        }
    }
    brush
}

fn ink(color: Color) -> Ink {
    match color {
        Color::Default => Ink::Reset,
        Color::Indexed(i) => Ink::Indexed(i),
        Color::Rgb(Rgb(r, g, b)) => Ink::Rgb(r, g, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_cells_and_says_so() {
        for (text, room, expect) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("東京都", 5, "東京…"),
            ("東京都", 4, "東…"),
            ("é́x", 1, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(fit(text, room, '…'), expect, "{text} in {room}");
        }
    }

    #[test]
    fn names_keep_their_ends() {
        for (text, room, expect) in [
            ("prod-1", 6, "prod-1"),
            ("payments-prod-ap-south-1", 16, "payments…south-1"),
            ("東京-prod-データ", 9, "東京…ータ"),
            ("abcdef", 1, "…"),
            ("abcdef", 0, ""),
        ] {
            assert_eq!(fit_middle(text, room, '…'), expect, "{text} in {room}");
        }
    }

    #[test]
    fn ascii_keeps_the_width() {
        assert_eq!(to_ascii("größe 東"), "gr??e ??");
        assert_eq!(to_ascii("plain"), "plain");
    }

    #[test]
    fn drawing_outside_is_left_out() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        let theme = Theme::default();
        let mut canvas = Canvas::new(&mut buffer, &theme, false);
        canvas.text(9, 0, 5, "x", Role::Text);
        canvas.text(0, 9, 5, "x", Role::Text);
        canvas.right(0, 0, 40, "right", Role::Text);
        canvas.rule(Rect::new(0, 1, 40, 1), "title", Role::Border);
        canvas.frame(Rect::new(2, 1, 40, 40), "title", Role::Border);
        canvas.clear(Rect::new(1, 1, 99, 99), Role::Popup);
        canvas.overlay(Rect::new(1, 1, 99, 99), Role::Cursor);
    }
}
