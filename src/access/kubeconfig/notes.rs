//! Reading typed fields out of a node, and writing down what is wrong with them.
//!
//! A badly typed field is an error of its entry and of nothing else. Messages name fields and types, never values.

use std::path::Path;

use crate::config::yaml::{Node, Pos, Value};
use crate::fleet::{CleanText, Origin, Problem, Severity};

/// Problems that are kept of one entry; a file that is wrong everywhere says so often enough with these.
const MAX_PROBLEMS: usize = 12;

/// Problems of one entry (or of a file's top level).
pub(super) struct Notes<'p> {
    path: &'p Path,
    subject: CleanText,
    pub(super) problems: Vec<Problem>,
    /// How many problems there were, kept or not.
    pub(super) count: usize,
    /// How many of them were errors.
    pub(super) errors: usize,
}

/// A text field and where its key stands.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) at: Pos,
}

/// A place in `path`.
pub(super) fn origin(path: &Path, at: Pos) -> Origin {
    let known = |n: u32| (n > 0).then_some(n);
    Origin { path: path.to_path_buf(), line: known(at.line), column: known(at.column) }
}

/// A problem; an empty hint means none, and a place of line 0 means the file as a whole.
pub(super) fn problem(
    severity: Severity,
    code: &'static str,
    origin: Option<Origin>,
    subject: &CleanText,
    message: &str,
    hint: &str,
) -> Problem {
    Problem {
        severity,
        code,
        origin,
        subject: subject.clone(),
        message: CleanText::new(message),
        hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
    }
}

impl<'p> Notes<'p> {
    pub(super) fn new(path: &'p Path, subject: CleanText) -> Self {
        Self { path, subject, problems: Vec::new(), count: 0, errors: 0 }
    }

    fn push(&mut self, severity: Severity, code: &'static str, at: Pos, message: &str, hint: &str) {
        let first_error = severity == Severity::Error && self.errors == 0;
        self.count += 1;
        self.errors += usize::from(severity == Severity::Error);
        if self.problems.len() >= MAX_PROBLEMS {
            if !first_error {
                return;
            }
            // Whatever is left out, an entry with an error has one to show.
            self.problems.pop();
        }
        let origin = Some(origin(self.path, at));
        self.problems.push(problem(severity, code, origin, &self.subject, message, hint));
    }

    pub(super) fn note(&mut self, code: &'static str, at: Pos, message: &str, hint: &str) {
        self.push(Severity::Note, code, at, message, hint);
    }

    pub(super) fn warning(&mut self, code: &'static str, at: Pos, message: &str, hint: &str) {
        self.push(Severity::Warning, code, at, message, hint);
    }

    pub(super) fn error(&mut self, code: &'static str, at: Pos, message: &str, hint: &str) {
        self.push(Severity::Error, code, at, message, hint);
    }

    fn wrong_type(&mut self, key: &str, at: Pos, wanted: &str, node: &Node<'_>) {
        self.error("BAD_FIELD", at, &format!("{key} must be {wanted}, but is {}", node.kind()), "");
    }

    /// The field `key`, unless it is absent or null.
    pub(super) fn field<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> Option<(Pos, &'n Node<'t>)> {
        if let Some(at) = node.repeated(key) {
            self.warning(
                "DUPLICATE_KEY",
                at,
                &format!("{key} is there twice; the last one counts"),
                "Remove one of them.",
            );
        }
        node.get(key).filter(|(_, value)| !value.is_null())
    }

    /// A text field; numbers and booleans without quotes are taken as they are written.
    pub(super) fn text(&mut self, node: &Node<'_>, key: &str) -> Option<Text> {
        let (at, value) = self.field(node, key)?;
        let text = value.text();
        if text.is_none() {
            self.wrong_type(key, at, "text", value);
        }
        text.map(|text| Text { value: text.to_owned(), at })
    }

    /// The same, and an empty text is nothing.
    pub(super) fn filled(&mut self, node: &Node<'_>, key: &str) -> Option<Text> {
        self.text(node, key).filter(|text| !text.value.is_empty())
    }

    /// Where a boolean field is true; `None` if it is false or absent.
    pub(super) fn flag(&mut self, node: &Node<'_>, key: &str) -> Option<Pos> {
        let (at, value) = self.field(node, key)?;
        if let Value::Scalar { text, plain: true } = value.value() {
            match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => return Some(at),
                "false" | "no" | "off" | "n" => return None,
                _ => {}
            }
        }
        self.error("BAD_FIELD", at, &format!("{key} must be true or false, without quotes"), "");
        None
    }

    /// A list field with where its key stands; empty if absent.
    pub(super) fn list<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> (Pos, &'n [Node<'t>]) {
        let Some((at, value)) = self.field(node, key) else { return (node.at, &[]) };
        if let Value::List(items) = value.value() {
            return (at, items);
        }
        self.wrong_type(key, at, "a list", value);
        (at, &[])
    }

    /// A list of texts; null items are empty texts.
    pub(super) fn texts(&mut self, node: &Node<'_>, key: &str) -> Vec<String> {
        let (_, items) = self.list(node, key);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.text() {
                Some(text) => texts.push(text.to_owned()),
                None if item.is_null() => texts.push(String::new()),
                None => self.wrong_type(key, item.at, "a list of texts", item),
            }
        }
        texts
    }

    /// A mapping field.
    pub(super) fn map<'n, 't>(&mut self, node: &'n Node<'t>, key: &str) -> Option<(Pos, &'n Node<'t>)> {
        let (at, value) = self.field(node, key)?;
        if matches!(value.value(), Value::Map(_)) {
            return Some((at, value));
        }
        self.wrong_type(key, at, "a map", value);
        None
    }
}
