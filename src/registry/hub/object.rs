//! Reading an object that anybody may have written: a wrong type is a problem of one field and never of the whole object.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::fleet::{CleanText, Problem, Severity};

/// Problems of one object that are told.
const MAX_PROBLEMS: usize = 8;

/// Items of one list that are looked at.
const MAX_ITEMS: usize = 1000;

/// An object being read, and what is wrong with it so far.
pub(super) struct Reader<'v> {
    root: &'v Value,
    about: CleanText,
    hint: CleanText,
    problems: Vec<Problem>,
}

impl<'v> Reader<'v> {
    /// Begins to read `root`, which problems call `about`; `hint` says how to look at it.
    pub(super) fn new(root: &'v Value, about: CleanText, hint: CleanText) -> Self {
        Self { root, about, hint, problems: Vec::new() }
    }

    /// What was wrong.
    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// What problems call the object.
    pub(super) fn about(&self) -> &CleanText {
        &self.about
    }

    /// Adds a problem of another kind.
    pub(super) fn tell(&mut self, severity: Severity, code: &'static str, message: &str, hint: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                severity,
                code,
                origin: None,
                subject: self.about.clone(),
                message: CleanText::new(message),
                hint: Some(hint).filter(|h| !h.is_empty()).map(CleanText::new),
            });
        }
    }

    /// The value at `path`; nothing where it is absent or null. `prefix` is where `from` stands, for messages.
    fn dive(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> Option<&'v Value> {
        let mut value = from;
        for (depth, key) in path.iter().enumerate() {
            match value {
                Value::Object(map) => value = map.get(*key)?,
                Value::Null => return None,
                other => {
                    self.wrong(prefix, path.get(..depth).unwrap_or_default(), "a map", other);
                    return None;
                }
            }
        }
        (!value.is_null()).then_some(value)
    }

    fn wrong(&mut self, prefix: &str, path: &[&str], wanted: &str, found: &Value) {
        let place: Vec<_> =
            std::iter::once(prefix).chain(path.iter().copied()).filter(|p| !p.is_empty()).collect();
        let place = if place.is_empty() { "the object".to_owned() } else { place.join(".") };
        let message = format!("{place} must be {wanted}, but is {}", kind(found));
        let hint = self.hint.clone();
        self.tell(Severity::Warning, "BAD_OBJECT", &message, hint.as_str());
    }

    /// Text; an empty one counts as absent.
    pub(super) fn text(&mut self, path: &[&str]) -> Option<&'v str> {
        self.text_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn text_in(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> Option<&'v str> {
        match self.dive(from, prefix, path)? {
            Value::String(text) => Some(text.as_str()).filter(|t| !t.is_empty()),
            other => {
                self.wrong(prefix, path, "text", other);
                None
            }
        }
    }

    /// A whole number from 0.
    pub(super) fn whole(&mut self, path: &[&str]) -> Option<u64> {
        self.whole_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn whole_in(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> Option<u64> {
        let value = self.dive(from, prefix, path)?;
        let whole = value.as_u64();
        if whole.is_none() {
            self.wrong(prefix, path, "a number from 0", value);
        }
        whole
    }

    /// Yes or no; absent is no.
    pub(super) fn flag(&mut self, path: &[&str]) -> bool {
        self.flag_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn flag_in(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> bool {
        match self.dive(from, prefix, path) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(prefix, path, "true or false", other);
                false
            }
        }
    }

    /// A map; empty if it is absent.
    pub(super) fn map(&mut self, path: &[&str]) -> Option<&'v Map<String, Value>> {
        self.map_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn map_in(
        &mut self,
        from: &'v Value,
        prefix: &str,
        path: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        match self.dive(from, prefix, path)? {
            Value::Object(map) => Some(map),
            other => {
                self.wrong(prefix, path, "a map", other);
                None
            }
        }
    }

    /// The items of a list, as far as they are looked at.
    pub(super) fn list(&mut self, path: &[&str]) -> &'v [Value] {
        self.list_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn list_in(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> &'v [Value] {
        match self.dive(from, prefix, path) {
            None => &[],
            Some(Value::Array(items)) => items.get(..MAX_ITEMS).unwrap_or(items),
            Some(other) => {
                self.wrong(prefix, path, "a list", other);
                &[]
            }
        }
    }

    /// Whether there is anything at `path`.
    pub(super) fn has(&mut self, path: &[&str]) -> bool {
        self.dive(self.root, "", path).is_some()
    }

    /// The value at `path` as it is.
    pub(super) fn value(&mut self, path: &[&str]) -> Option<&'v Value> {
        self.dive(self.root, "", path)
    }

    /// A time (RFC 3339).
    pub(super) fn time(&mut self, path: &[&str]) -> Option<DateTime<Utc>> {
        self.time_in(self.root, "", path)
    }

    /// The same below `from`.
    pub(super) fn time_in(&mut self, from: &'v Value, prefix: &str, path: &[&str]) -> Option<DateTime<Utc>> {
        let text = self.text_in(from, prefix, path)?;
        let time = DateTime::parse_from_rfc3339(text).ok().map(|t| t.with_timezone(&Utc));
        if time.is_none() {
            let place: Vec<_> =
                std::iter::once(prefix).chain(path.iter().copied()).filter(|p| !p.is_empty()).collect();
            let message = format!("{} is not a time", place.join("."));
            let hint = self.hint.clone();
            self.tell(Severity::Warning, "BAD_OBJECT", &message, hint.as_str());
        }
        time
    }
}

/// A word for what a value is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The UID that a text is, in lower case: five groups of hexadecimal digits (RFC 9562).
pub(super) fn uid(text: &str) -> Option<CleanText> {
    let groups: Vec<_> = text.trim().split('-').collect();
    let fits = groups.len() == 5
        && groups
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(g, len)| g.len() == len && g.bytes().all(|b| b.is_ascii_hexdigit()));
    fits.then(|| CleanText::new(&text.trim().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reader(value: &Value) -> Reader<'_> {
        Reader::new(value, CleanText::new("ns/x"), CleanText::new("Look at it."))
    }

    #[test]
    fn a_wrong_type_is_told_with_its_place_and_costs_one_field() {
        let value =
            json!({"a": {"b": 5, "t": "soon"}, "list": {}, "s": "yes", "n": -1, "empty": "", "null": null});
        let mut r = reader(&value);
        assert_eq!(r.text(&["a", "b"]), None);
        assert_eq!(r.text(&["s", "deeper"]), None);
        assert_eq!(r.text(&["empty"]), None);
        assert_eq!(r.text(&["null", "x"]), None);
        assert!(r.list(&["list"]).is_empty());
        assert_eq!(r.whole(&["n"]), None);
        assert!(!r.flag(&["s"]));
        assert_eq!(r.time(&["a", "t"]), None);
        let told: Vec<_> = r.finish().into_iter().map(|p| p.message.to_string()).collect();
        assert_eq!(
            told,
            [
                "a.b must be text, but is a number",
                "s must be a map, but is text",
                "list must be a list, but is a map",
                "n must be a number from 0, but is a number",
                "s must be true or false, but is text",
                "a.t is not a time",
            ]
        );
    }

    #[test]
    fn an_object_that_is_all_wrong_tells_a_few_things_only() {
        let value = json!({"items": vec![json!(1); 500]});
        let mut r = reader(&value);
        for item in r.list(&["items"]) {
            assert_eq!(r.text_in(item, "items[]", &[]), None);
        }
        assert_eq!(r.finish().len(), MAX_PROBLEMS);
    }

    #[test]
    fn only_what_looks_like_a_uid_is_one() {
        for (text, good) in [
            ("0D6F2C1E-5a3b-4c55-9a57-0e7e3c8a1b11", true),
            (" 0d6f2c1e-5a3b-4c55-9a57-0e7e3c8a1b11\n", true),
            ("prod-eu-1", false),
            ("0d6f2c1e5a3b4c559a570e7e3c8a1b11", false),
            ("0d6f2c1e-5a3b-4c55-9a57-0e7e3c8a1bxx", false),
            ("", false),
        ] {
            assert_eq!(uid(text).is_some(), good, "{text}");
        }
    }
}
