//! Tables as kubectl prints them: columns of text two spaces apart, no lines, no boxes.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::args::TimeFormat;
use crate::fleet::age;
use crate::report::Stamp;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Text that is safe to print.
    Text(String),
    /// A time, written as the reader wants times; `-` if there is none.
    Time(Option<DateTime<Utc>>),
    /// A state: the word, coloured where colours are wanted.
    State(&'static str),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// How cells are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// How times are written.
    pub(super) time: TimeFormat,
    /// The time that ages are counted from.
    pub(super) now: DateTime<Utc>,
    /// Whether states are coloured.
    pub(super) color: bool,
    /// How wide lines may be; `None` for as wide as they are.
    pub(super) room: Option<Room>,
}

/// The width of a terminal, and what stands for text that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Cells in a line.
    pub(super) width: usize,
    /// One cell wide or few.
    pub(super) mark: &'static str,
}

/// The columns of prose, which are cut where lines would be too wide. They stand last.
const PROSE: [&str; 4] = ["WHY", "MESSAGE", "FOUND", "PROBLEM"];
/// A column that is cut keeps this much, however narrow the terminal is.
const LEAST: usize = 12;

impl Cell {
    /// The cell's text.
    pub(super) fn text(&self, style: &Style) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::State(word) => (*word).to_owned(),
            Self::Time(None) => "-".to_owned(),
            Self::Time(Some(at)) => match style.time {
                TimeFormat::Rfc3339 => Stamp(*at).to_string(),
                TimeFormat::Relative => age::since(*at, style.now),
                TimeFormat::Unix => at.timestamp().to_string(),
            },
        }
    }

    /// The sequence that switches the cell's colour on, from the sixteen of every terminal.
    fn color(&self) -> Option<&'static str> {
        let Self::State(word) = self else { return None };
        Some(match *word {
            "OK" => "\u{1b}[32m",
            "WARN" => "\u{1b}[33m",
            "CRIT" => "\u{1b}[1;31m",
            "AUTH" => "\u{1b}[35m",
            "UPGRADING" => "\u{1b}[36m",
            "HELD" => "\u{1b}[34m",
            "DOWN" => "\u{1b}[1;90m",
            _ => "\u{1b}[2m",
        })
    }
}

/// A table: headings and rows of as many cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// The headings, upper case.
    pub(super) heads: Vec<String>,
    /// The rows.
    pub(super) rows: Vec<Vec<Cell>>,
}

/// The widths of columns, which a watch keeps from its first table on.
#[derive(Clone, Debug, Default)]
pub(super) struct Widths {
    columns: Vec<usize>,
    /// How wide the last column may be, and the mark of what was cut.
    last: Option<(usize, &'static str)>,
}

impl Widths {
    /// Widens the columns for the table, its headings included.
    pub(super) fn fit(&mut self, table: &Table, style: &Style) {
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0).max(table.heads.len());
        self.columns.resize(self.columns.len().max(columns), 0);
        for (width, head) in self.columns.iter_mut().zip(&table.heads) {
            *width = (*width).max(head.width());
        }
        for row in &table.rows {
            for (width, cell) in self.columns.iter_mut().zip(row) {
                *width = (*width).max(cell.text(style).width());
            }
        }
        let is_prose = table.heads.last().is_some_and(|head| PROSE.contains(&head.as_str()));
        self.last = style.room.filter(|_| is_prose).map(|room| {
            let others: usize = self.columns.iter().rev().skip(1).map(|width| width + 2).sum();
            (room.width.saturating_sub(others).max(LEAST), room.mark)
        });
    }

    /// The line of headings.
    pub(super) fn write_heads(&self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        self.write_line(out, table.heads.iter().map(|h| (h.clone(), None)))
    }

    /// The rows.
    pub(super) fn write_rows(&self, out: &mut dyn Write, table: &Table, style: &Style) -> io::Result<()> {
        for row in &table.rows {
            let color = |cell: &Cell| cell.color().filter(|_| style.color);
            self.write_line(out, row.iter().map(|cell| (cell.text(style), color(cell))))?;
        }
        Ok(())
    }

    /// One line; nothing stands after its last text.
    fn write_line(
        &self,
        out: &mut dyn Write,
        cells: impl Iterator<Item = (String, Option<&'static str>)>,
    ) -> io::Result<()> {
        let mut line = String::new();
        let mut pending = 0;
        for (index, ((text, color), width)) in cells.zip(&self.columns).enumerate() {
            let text = match self.last {
                Some((room, mark)) if index + 1 == self.columns.len() => cut(text, room, mark),
                _ => text,
            };
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', pending));
                pending = 0;
                match color {
                    Some(on) => line.extend([on, &text, "\u{1b}[0m"]),
                    None => line.push_str(&text),
                }
            }
            pending += width.saturating_sub(text.width()) + 2;
        }
        writeln!(out, "{line}")
    }
}

/// The text, or as much of it as there is room for, with a mark behind it.
fn cut(text: String, room: usize, mark: &str) -> String {
    if text.width() <= room {
        return text;
    }
    let room = room.saturating_sub(mark.width());
    let mut kept = String::new();
    let mut used = 0;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(letter);
    }
    format!("{}{mark}", kept.trim_end())
}

/// Prints a table. One without rows is nothing at all.
pub(super) fn write(out: &mut dyn Write, table: &Table, style: &Style, heads: bool) -> io::Result<()> {
    let mut widths = Widths::default();
    widths.fit(table, style);
    if heads && !table.rows.is_empty() && !table.heads.is_empty() {
        widths.write_heads(out, table)?;
    }
    widths.write_rows(out, table, style)
}

/// Prints comma-separated values as RFC 4180 has them, with LF line ends as every tool on Unix reads them.
pub(super) fn write_csv(out: &mut dyn Write, table: &Table, style: &Style, heads: bool) -> io::Result<()> {
    let plain = Style { color: false, ..*style };
    if heads {
        let heads = table.heads.iter().map(|h| h.to_lowercase());
        writeln!(out, "{}", heads.map(|h| quoted(&h)).collect::<Vec<_>>().join(","))?;
    }
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|c| quoted(&c.text(&plain))).collect();
        writeln!(out, "{}", cells.join(","))?;
    }
    Ok(())
}

/// A CSV field. One that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '@']) || (field.starts_with('-') && field.len() > 1);
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(color: bool) -> Style {
        Style {
            time: TimeFormat::Relative,
            now: DateTime::from_timestamp(1_000_000, 0).unwrap(),
            color,
            room: None,
        }
    }

    fn table() -> Table {
        Table {
            heads: vec!["NAME".into(), "STATE".into(), "SEEN".into(), "WHY".into()],
            rows: vec![
                vec![
                    "prod-東京".into(),
                    Cell::State("OK"),
                    Cell::Time(DateTime::from_timestamp(999_996, 0)),
                    "".into(),
                ],
                vec!["a".into(), Cell::State("DOWN"), Cell::Time(None), "x, \"y\"".into()],
            ],
        }
    }

    #[test]
    fn columns_line_up_by_width_and_nothing_trails() {
        let mut out = Vec::new();
        write(&mut out, &table(), &style(false), true).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NAME       STATE  SEEN  WHY\nprod-東京  OK     4s\na          DOWN   -     x, \"y\"\n"
        );
    }

    #[test]
    fn colour_changes_no_position() {
        let mut out = Vec::new();
        write(&mut out, &table(), &style(true), false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("prod-東京  \u{1b}[32mOK\u{1b}[0m     4s\n"), "{text:?}");
    }

    #[test]
    fn prose_is_cut_to_the_width_of_a_terminal_and_nothing_else_is() {
        let long = |head: &str, width: usize| {
            let table = Table {
                heads: vec!["NAME".into(), head.into()],
                rows: vec![vec!["a".into(), "the 東京 server did not answer in time".into()]],
            };
            let mut out = Vec::new();
            let room = Some(Room { width, mark: "…" });
            write(&mut out, &table, &Style { room, ..style(false) }, false).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(long("WHY", 80), "a     the 東京 server did not answer in time\n");
        assert_eq!(long("WHY", 30), "a     the 東京 server did not…\n");
        assert_eq!(long("WHY", 2), "a     the 東京 se…\n", "a little is always left");
        assert_eq!(long("SOURCE", 30), long("WHY", 80));
        for width in 18..60 {
            assert!(long("WHY", width).trim_end().width() <= width);
        }
    }

    #[test]
    fn csv_quotes_what_must_be_and_disarms_formulas() {
        let mut out = Vec::new();
        write_csv(&mut out, &table(), &style(true), true).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name,state,seen,why\nprod-東京,OK,4s,\na,DOWN,-,\"x, \"\"y\"\"\"\n"
        );
        for (field, expect) in
            [("=1+1", "'=1+1"), ("-", "-"), ("-2", "'-2"), ("a\nb", "\"a\nb\""), (" a", "\" a\"")]
        {
            assert_eq!(quoted(field), expect);
        }
    }
}
