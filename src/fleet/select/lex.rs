//! Reading a selector's text from left to right: characters, quoted text, bare values, all with where they stand.

use std::ops::Range;

use super::SelectError;
use super::ast::Op;

/// A place in the text. Positions are bytes and always borders of characters.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// What ends a bare word or value.
pub(super) fn is_end(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '|' | '(' | ')')
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Takes `expected` if it is next.
    pub(super) fn eat(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(super) fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    /// The span from `start` to here.
    pub(super) fn since(&self, start: usize) -> Range<usize> {
        start..self.at
    }

    /// The span of the next character; empty at the end.
    pub(super) fn next_span(&self) -> Range<usize> {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    /// The operator that is next.
    pub(super) fn peek_op(&self) -> Option<(&'static str, Op)> {
        Op::SPELLINGS.into_iter().find(|(spelling, _)| self.rest().starts_with(spelling))
    }

    /// The name at the beginning of a term: everything up to an end, an operator or a quote.
    pub(super) fn name(&mut self) -> &'a str {
        let start = self.at;
        while let Some(c) = self.peek() {
            if is_end(c) || matches!(c, '"' | '\'') || self.peek_op().is_some() {
                break;
            }
            self.bump();
        }
        self.text.get(start..self.at).unwrap_or("")
    }

    pub(super) fn is_at_quote(&self) -> bool {
        matches!(self.peek(), Some('"' | '\''))
    }

    /// Text in quotes of either kind, in which a backslash takes the next character as it is.
    pub(super) fn quoted(&mut self) -> Result<String, SelectError> {
        let start = self.at;
        let quote = self.bump();
        let mut out = String::new();
        loop {
            match self.bump() {
                None => {
                    let error = SelectError::new(self.since(start), "this quote is never closed");
                    return Err(error.hint("Close it with the same kind of quote."));
                }
                c if c == quote => return Ok(out),
                Some('\\') => out.extend(self.bump()),
                Some(c) => out.push(c),
            }
        }
    }

    /// A value: quoted, or bare up to an end. `after` names what it belongs to, for the error if there is none.
    pub(super) fn value(&mut self, after: &str) -> Result<(String, Range<usize>), SelectError> {
        let start = self.at;
        let text =
            if self.is_at_quote() { self.quoted()? } else { self.take_while(|c| !is_end(c)).to_owned() };
        if self.at == start {
            let error = SelectError::new(self.next_span(), format!("a value is missing after `{after}`"));
            return Err(
                error.hint("Write the value right after it, without a blank, in quotes if it holds blanks.")
            );
        }
        Ok((text, self.since(start)))
    }

    /// What stands between slashes, with `\/` for a slash.
    pub(super) fn slashed(&mut self) -> Result<(String, Range<usize>), SelectError> {
        let start = self.at;
        self.bump();
        let mut out = String::new();
        loop {
            match self.bump() {
                None => {
                    let error = SelectError::new(self.since(start), "this pattern is never closed");
                    return Err(error.hint("Close it with /, or put text that begins with / in quotes."));
                }
                Some('/') => return Ok((out, self.since(start))),
                Some('\\') => match self.bump() {
                    Some('/') => out.push('/'),
                    Some(c) => out.extend(['\\', c]),
                    None => out.push('\\'),
                },
                Some(c) => out.push(c),
            }
        }
    }
}
