//! From a document to standard output, in the shape that was asked for.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::args::{Format, Global, TimeFormat};
use super::fault::Fault;
use super::fields::{self, Fields};
use super::jq::Jq;
use super::table::{self, Style, Table};
use crate::report;

/// A part of a text that is not one table.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// A line.
    Line(String),
    /// A table.
    Table(Table),
}

/// What a document looks like as text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// One table, which can be CSV as well.
    Rows(Table),
    /// Lines and tables.
    Pieces(Vec<Piece>),
}

/// A document and its other faces.
pub(super) struct Page<'a, T> {
    /// The document.
    pub(super) document: &'a T,
    /// Where its items stand.
    pub(super) items: &'static str,
    /// The names of its clusters, for `-o name`.
    pub(super) names: Vec<String>,
    /// It as text.
    pub(super) text: Text,
}

/// How a command prints, checked before any work is done.
pub(super) struct Printer {
    /// The shape.
    pub(super) format: Format,
    fields: Option<Fields>,
    jq: Option<Jq>,
    /// Whether there are headings.
    pub(super) heads: bool,
    /// How cells are written.
    pub(super) style: Style,
}

impl Printer {
    /// Reads the output flags for a command whose document is of `kind`, with its items under `items`.
    pub(super) fn new(
        global: &Global,
        (kind, items): (&str, &str),
        style: impl FnOnce(TimeFormat) -> Style,
    ) -> Result<Self, Fault> {
        let format = match (global.output, &global.json, &global.jq) {
            (Some(format), _, Some(_)) if !matches!(format, Format::Json | Format::Ndjson) => {
                return Err(Fault::usage("--jq works on JSON only")
                    .place("--output")
                    .hint("Leave --output away, or say json or ndjson."));
            }
            (Some(format), _, _) => format,
            (None, Some(_), _) | (None, None, Some(_)) => Format::Json,
            (None, None, None) => Format::Table,
        };
        if format == Format::Sarif && kind != "CheckReport" {
            return Err(Fault::usage("SARIF holds findings")
                .place("--output")
                .hint("`fleetglass check -o sarif`."));
        }
        let wanted = global.json.as_deref().filter(|text| !text.is_empty());
        let fields = wanted.map(|text| {
            let schema = report::schema(kind).map(schemars::Schema::to_value).unwrap_or_default();
            Fields::parse(text, &fields::of_items(&schema, items))
        });
        let usual = if format == Format::Csv { TimeFormat::Rfc3339 } else { TimeFormat::Relative };
        Ok(Self {
            format,
            fields: fields.transpose()?,
            jq: global.jq.as_deref().map(Jq::new).transpose()?,
            heads: !global.no_headers,
            style: style(global.time_format.unwrap_or(usual)),
        })
    }

    /// Whether it prints all columns.
    pub(super) fn wide(&self) -> bool {
        matches!(self.format, Format::Wide | Format::Csv)
    }

    /// Prints a page.
    pub(super) fn print<T: Serialize>(&self, out: &mut dyn Write, page: Page<'_, T>) -> Result<(), Fault> {
        match self.format {
            // A log in SARIF is no face of a document: whoever offers it writes it.
            Format::Json | Format::Sarif => self.json(out, &page)?,
            Format::Ndjson => {
                for item in items(page.document, page.items)? {
                    self.line(out, &item)?;
                }
            }
            Format::Yaml => out.write_all(yaml(page.document)?.as_bytes())?,
            Format::Name => {
                for name in &page.names {
                    writeln!(out, "cluster/{name}")?;
                }
            }
            Format::Csv => match &page.text {
                Text::Rows(rows) => table::write_csv(out, rows, &self.style, self.heads)?,
                Text::Pieces(_) => {
                    return Err(Fault::usage("this command has no rows for CSV")
                        .place("--output")
                        .hint("Use table, json or yaml."));
                }
            },
            Format::Table | Format::Wide => self.text(out, &page.text)?,
        }
        out.flush()?;
        Ok(())
    }

    fn json<T: Serialize>(&self, out: &mut dyn Write, page: &Page<'_, T>) -> Result<(), Fault> {
        let text = match &self.fields {
            Some(fields) => fields.pick(&items(page.document, page.items)?),
            None => serde_json::to_string_pretty(page.document).map_err(unwritable)?,
        };
        match &self.jq {
            Some(jq) => jq.run(&text, |line| Ok(writeln!(out, "{line}")?)),
            None => Ok(writeln!(out, "{text}")?),
        }
    }

    /// One value on a line of its own.
    pub(super) fn line<T: Serialize>(&self, out: &mut dyn Write, value: &T) -> Result<(), Fault> {
        let text = serde_json::to_string(value).map_err(unwritable)?;
        match &self.jq {
            Some(jq) => jq.run(&text, |line| Ok(writeln!(out, "{line}")?)),
            None => Ok(writeln!(out, "{text}")?),
        }
    }

    fn text(&self, out: &mut dyn Write, text: &Text) -> Result<(), Fault> {
        match text {
            Text::Rows(rows) => table::write(out, rows, &self.style, self.heads)?,
            Text::Pieces(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Line(line) => writeln!(out, "{line}")?,
                        Piece::Table(rows) => table::write(out, rows, &self.style, self.heads)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// The items of a document; an object counts as a list of one.
fn items<T: Serialize>(document: &T, field: &str) -> Result<Vec<Value>, Fault> {
    let mut value = serde_json::to_value(document).map_err(unwritable)?;
    Ok(match value.get_mut(field).map(Value::take) {
        Some(Value::Array(items)) => items,
        Some(item) => vec![item],
        None => vec![value],
    })
}

/// A document as YAML.
pub(super) fn yaml<T: Serialize>(document: &T) -> Result<String, Fault> {
    serde_saphyr::to_string(document)
        .map_err(|e| Fault::failed("the document cannot be written as YAML").why(e.to_string()))
}

fn unwritable(error: serde_json::Error) -> Fault {
    Fault::failed("the document cannot be written as JSON").why(error.to_string())
}
