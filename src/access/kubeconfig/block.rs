//! The quick reader: block style as kubectl and most tools write it.
//!
//! It understands a part of YAML that has one reading only: mappings and sequences by indentation, plain keys of letters
//! and digits, values on one line that are plain, or quoted without escapes. At anything else it gives up, and the
//! YAML parser reads the whole text. A test holds the two readers equal, positions included.

use std::borrow::Cow;

use crate::config::yaml::{Key, MAX_NODES, Node, Pos, Value};

/// Deeper than any kubeconfig is; beyond, the YAML parser decides.
const MAX_DEPTH: usize = 24;

/// The tree of `text`, or `None` if it holds anything unusual (or nothing at all).
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    let strange = text
        .as_bytes()
        .chunks(4096)
        .any(|chunk| chunk.iter().fold(false, |bad, b| bad | !((0x20..0x7f).contains(b) || *b == b'\n')));
    if strange {
        return None;
    }
    let mut scanner = Scanner { rest: text, line: 0, nodes: MAX_NODES, current: None };
    scanner.advance()?;
    let column = scanner.current?.column;
    let node = scanner.block(column, MAX_DEPTH)?;
    scanner.current.is_none().then_some(node)
}

/// One line, without its indentation. After the dash of a sequence entry, the remainder of the line is treated as a line of its own.
#[derive(Clone, Copy)]
struct Line<'t> {
    number: u32,
    /// Columns in front of the content, from 0.
    column: u32,
    content: &'t str,
}

impl Line<'_> {
    fn pos(&self) -> Pos {
        Pos { line: self.number, column: self.column + 1 }
    }

    fn is_dash(&self) -> bool {
        self.content == "-" || self.content.starts_with("- ")
    }
}

struct Scanner<'t> {
    rest: &'t str,
    line: u32,
    /// How many more values may come.
    nodes: u32,
    current: Option<Line<'t>>,
}

impl<'t> Scanner<'t> {
    /// Moves to the next line that holds something; `None` from here means "give up".
    fn advance(&mut self) -> Option<()> {
        self.current = None;
        while !self.rest.is_empty() {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = rest;
            self.line = self.line.checked_add(1)?;
            let content = line.trim_start_matches(' ');
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let column = u32::try_from(line.len() - content.len()).ok()?;
            let marker = column == 0 && (content.starts_with("---") || content.starts_with("..."));
            if marker || content.ends_with(' ') {
                return None;
            }
            self.current = Some(Line { number: self.line, column, content });
            return Some(());
        }
        Some(())
    }

    /// Whatever begins at `column` of the current line.
    fn block(&mut self, column: u32, depth: usize) -> Option<Node<'t>> {
        let depth = depth.checked_sub(1)?;
        self.nodes = self.nodes.checked_sub(1)?;
        let line = self.current?;
        if line.is_dash() { self.list(column, depth) } else { self.map(column, depth) }
    }

    fn list(&mut self, column: u32, depth: usize) -> Option<Node<'t>> {
        let at = self.current?.pos();
        let mut items = Vec::new();
        while let Some(line) = self.current {
            if line.column < column || (line.column == column && !line.is_dash()) {
                break;
            }
            if line.column > column {
                return None;
            }
            let after = line.content.strip_prefix('-')?;
            let content = after.trim_start_matches(' ');
            if content.is_empty() {
                // An entry that begins on the next line is rare enough for the other reader.
                return None;
            }
            let skipped = u32::try_from(line.content.len() - content.len()).ok()?;
            let inner = Line { content, column: line.column + skipped, ..line };
            if inner.is_dash() {
                return None;
            }
            if split_key(content).is_some() {
                self.current = Some(inner);
                self.nodes = self.nodes.checked_sub(1)?;
                items.push(self.map(inner.column, depth.checked_sub(1)?)?);
            } else {
                items.push(self.inline(inner, column)?);
            }
        }
        Some(Node { at, value: Value::List(items) })
    }

    fn map(&mut self, column: u32, depth: usize) -> Option<Node<'t>> {
        let at = self.current?.pos();
        let mut pairs = Vec::new();
        while let Some(line) = self.current {
            if line.column < column {
                break;
            }
            if line.column > column || line.is_dash() {
                return None;
            }
            let (key, after) = split_key(line.content)?;
            let key = Key { at: line.pos(), text: Cow::Borrowed(key) };
            let content = after.trim_start_matches(' ');
            let node = if content.is_empty() {
                self.advance()?;
                match self.current {
                    Some(next) if next.column > column => self.block(next.column, depth)?,
                    Some(next) if next.column == column && next.is_dash() => {
                        self.list(column, depth.checked_sub(1)?)?
                    }
                    _ => Node { at: key.at, value: Value::Scalar { text: Cow::Borrowed(""), plain: true } },
                }
            } else {
                let skipped = u32::try_from(line.content.len() - content.len()).ok()?;
                self.inline(Line { content, column: line.column + skipped, ..line }, column)?
            };
            pairs.push((key, node));
        }
        Some(Node { at, value: Value::Map(pairs) })
    }

    /// A value that ends with its line. What follows must not be indented deeper than `column`, or it would belong to the value.
    fn inline(&mut self, line: Line<'t>, column: u32) -> Option<Node<'t>> {
        let value = scalar(line.content)?;
        self.nodes = self.nodes.checked_sub(1)?;
        self.advance()?;
        match self.current {
            Some(next) if next.column > column => None,
            _ => Some(Node { at: line.pos(), value }),
        }
    }
}

/// Splits `key: rest` or `key:`.
fn split_key(content: &str) -> Option<(&str, &str)> {
    let end = content
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/')))?;
    let (key, rest) = content.split_at_checked(end)?;
    let rest = rest.strip_prefix(':')?;
    let plain = key.starts_with(|c: char| c.is_ascii_alphanumeric()) && key.len() <= 256;
    (plain && (rest.is_empty() || rest.starts_with(' '))).then_some((key, rest))
}

/// A value on one line.
fn scalar(content: &str) -> Option<Value<'_>> {
    match content {
        "{}" => return Some(Value::Map(Vec::new())),
        "[]" => return Some(Value::List(Vec::new())),
        _ => {}
    }
    for quote in ['"', '\''] {
        if let Some(inner) = content.strip_prefix(quote) {
            let inner = inner.strip_suffix(quote)?;
            let simple = !inner.contains(quote) && (quote == '\'' || !inner.contains('\\'));
            return simple.then_some(Value::Scalar { text: Cow::Borrowed(inner), plain: false });
        }
    }
    let mut bytes = content.bytes();
    let safe = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'.' | b'+' | b'~' | b'(' | b'$' | b'^' | b';')
    };
    let first = bytes.next()?;
    let begins = safe(first) || (first == b'-' && bytes.next().is_some_and(|b| b == b'-' || safe(b)));
    let plain = begins && !content.ends_with(':') && !content.contains(": ") && !content.contains(" #");
    plain.then_some(Value::Scalar { text: Cow::Borrowed(content), plain: true })
}
