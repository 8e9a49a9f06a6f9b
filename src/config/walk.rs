//! Walking through a TOML document and collecting what is wrong with it, each with line and column.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fleet::{CleanText, Origin, Problem, Severity};

use super::near;

/// Collects problems of one document.
pub(super) struct Walk<'a> {
    path: PathBuf,
    text: &'a str,
    problems: Vec<Problem>,
    /// The syntax is wrong somewhere, so the parser has put values without a place where it could not read any.
    broken: bool,
}

impl<'a> Walk<'a> {
    /// Parses `text`. Syntax errors become problems; what could be read is returned.
    pub(super) fn start(path: &Path, text: &'a str) -> (Self, Spanned<DeTable<'a>>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let broken = !errors.is_empty();
        let mut walk = Self { path: path.to_owned(), text, problems: Vec::new(), broken };
        for error in errors {
            let span = error.span().unwrap_or_default();
            // An error at the very end has an empty span; it must still be told.
            let span = span.start..span.end.max(span.start + 1);
            // One mistake a line: what follows on it is only its echo.
            let line = walk.origin(&span).line;
            if walk.problems.last().and_then(|p| p.origin.as_ref()).is_none_or(|o| o.line != line) {
                walk.error("SYNTAX", &span, "file", error.message(), "See https://toml.io for the syntax.");
            }
        }
        (walk, table)
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        self.problems
    }

    /// Where a span begins. Lines and columns (in characters) count from 1.
    pub(super) fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        Origin { path: self.path.clone(), line: u32::try_from(line).ok(), column: u32::try_from(column).ok() }
    }

    fn push(&mut self, severity: Severity, code: &'static str, span: &Range<usize>, what: [&str; 3]) {
        if self.broken && span.is_empty() {
            return;
        }
        let [subject, message, hint] = what;
        self.problems.push(Problem {
            severity,
            code,
            origin: Some(self.origin(span)),
            subject: CleanText::new(subject),
            message: CleanText::new(message),
            hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
        });
    }

    /// Something cannot be used and keeps its default.
    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        subject: &str,
        message: &str,
        hint: &str,
    ) {
        self.push(Severity::Error, code, span, [subject, message, hint]);
    }

    /// Something is ignored.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        subject: &str,
        message: &str,
        hint: &str,
    ) {
        self.push(Severity::Warning, code, span, [subject, message, hint]);
    }

    /// A key that nobody knows.
    pub(super) fn unknown(&mut self, span: &Range<usize>, key: &str, known: &[&str]) {
        let hint = match near(key.rsplit('.').next().unwrap_or(key), known.iter().copied()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("Known here: {}.", known.join(", ")),
        };
        self.warning("UNKNOWN_KEY", span, key, "unknown key, ignored", &hint);
    }

    /// A value of the wrong type.
    pub(super) fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) {
        let message = format!("expected {wanted}, found {}", value.get_ref().type_str());
        self.error("BAD_TYPE", &value.span(), key, &message, "The default is kept.");
    }

    /// A string; anything else is a problem.
    pub(super) fn string<'v>(&mut self, value: &'v Spanned<DeValue<'_>>, key: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, key, "a string");
        }
        text
    }

    /// A boolean; anything else is a problem.
    pub(super) fn boolean(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(value, key, "true or false");
        }
        flag
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string(value, key)?;
        if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*found);
        }
        let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        let hint = match near(text, known.iter().copied()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("One of: {}.", known.join(", ")),
        };
        self.error("BAD_VALUE", &value.span(), key, "not one of the known words; the default is kept", &hint);
        None
    }

    /// A string or a list of strings, each with its span.
    pub(super) fn strings<'v>(
        &mut self,
        value: &'v Spanned<DeValue<'_>>,
        key: &str,
    ) -> Option<Vec<(&'v str, Range<usize>)>> {
        if let Some(one) = value.get_ref().as_str() {
            return Some(vec![(one, value.span())]);
        }
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a string or a list of strings");
            return None;
        };
        let mut out = Vec::with_capacity(list.len());
        for item in list {
            out.push((self.string(item, key)?, item.span()));
        }
        Some(out)
    }
}
