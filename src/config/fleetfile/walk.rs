//! Walking through an object along its schema, collecting what is wrong with it and where its values stand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use crate::fleet::{CleanText, Origin, Problem, Severity};

use super::super::near;
use super::super::yaml::{Node, Pos, Value};
use super::check;

/// Values in one file, aliases written out: 20,000 clusters with fifty values each.
const MAX_VALUES: u32 = 1_000_000;

/// Values of an object by path.
pub(super) type Places = BTreeMap<String, Origin>;

/// Collects problems of one file.
pub(super) struct Walk<'p> {
    path: &'p Path,
    problems: Vec<Problem>,
    subject: String,
    places: Places,
    values: u32,
    errors: usize,
}

impl<'p> Walk<'p> {
    pub(super) fn new(path: &'p Path) -> Self {
        Self {
            path,
            problems: Vec::new(),
            subject: String::new(),
            places: Places::new(),
            values: 0,
            errors: 0,
        }
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        self.problems
    }

    /// How many errors there are by now.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// What the next problems are about: `Class prod`.
    pub(super) fn subject(&mut self, subject: &str) {
        subject.clone_into(&mut self.subject);
    }

    pub(super) fn origin(&self, at: Pos) -> Origin {
        Origin { path: PathBuf::from(self.path), line: Some(at.line), column: Some(at.column) }
    }

    /// Something that keeps the object from being used, at `path` in it.
    pub(super) fn error(&mut self, code: &'static str, at: Pos, path: &str, message: &str, hint: &str) {
        let origin = self.origin(at);
        self.push(Severity::Error, code, &origin, path, message, hint);
    }

    /// Something about the object as a whole, or about a value whose place is known.
    pub(super) fn told(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: &Origin,
        message: &str,
        hint: &str,
    ) {
        self.push(severity, code, at, "", message, hint);
    }

    pub(super) fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: &Origin,
        path: &str,
        message: &str,
        hint: &str,
    ) {
        self.errors += usize::from(severity == Severity::Error);
        let gap = if path.is_empty() { "" } else { " " };
        self.problems.push(Problem {
            severity,
            code,
            origin: Some(at.clone()),
            subject: CleanText::new(&format!("{}{gap}{path}", self.subject)),
            message: CleanText::new(message),
            hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
        });
    }

    /// Walks a whole object; its values as they are to be read, and where they stand. `None` if it is too big.
    pub(super) fn object(&mut self, node: &Node<'_>, schema: &Json) -> Option<(Map<String, Json>, Places)> {
        self.places.clear();
        let value = self.value(node, schema, schema, "");
        let places = std::mem::take(&mut self.places);
        match value {
            Some(Json::Object(map)) => Some((map, places)),
            _ => None,
        }
    }

    /// One value. What is wrong in it is told and left out.
    fn value(&mut self, node: &Node<'_>, schema: &Json, root: &Json, path: &str) -> Option<Json> {
        self.values += 1;
        if self.values > MAX_VALUES {
            if self.values == MAX_VALUES + 1 {
                let hint = "Aliases count as what they stand for; split the file.";
                self.error("TOO_BIG", node.at, path, "the file holds more values than are read", hint);
            }
            return None;
        }
        if !path.is_empty() {
            let origin = self.origin(node.at);
            self.places.insert(path.to_owned(), origin);
        }
        let (schema, nullable) = resolve(schema, root);
        if node.is_null() {
            if nullable {
                return Some(Json::Null);
            }
            self.wrong_type(node, schema, path);
            return None;
        }
        if let Some(words) = words_of(schema) {
            return self.word(node, &words, path);
        }
        match (wanted(schema), node.value()) {
            ("object", Value::Map(_)) => Some(Json::Object(self.map(node, schema, root, path))),
            ("array", Value::List(items)) => {
                let schema = schema.get("items").unwrap_or(&Json::Null);
                let one = |(i, item)| self.value(item, schema, root, &format!("{path}[{i}]"));
                Some(Json::Array(items.iter().enumerate().filter_map(one).collect()))
            }
            ("string", Value::Scalar { text, plain }) => {
                self.text(node.at, text, *plain, schema, path);
                Some(Json::from(text.as_ref()))
            }
            // As JSON writes numbers: no sign, no leading zero, so that every reader of YAML sees the same one.
            ("integer", Value::Scalar { text, plain: true })
                if serde_json::from_str::<u32>(text).is_ok_and(|n| n.to_string() == *text) =>
            {
                serde_json::from_str(text).ok()
            }
            ("boolean", Value::Scalar { text, plain: true }) if matches!(text.as_ref(), "true" | "false") => {
                Some(Json::from(text == "true"))
            }
            _ => {
                self.wrong_type(node, schema, path);
                None
            }
        }
    }

    fn wrong_type(&mut self, node: &Node<'_>, schema: &Json, path: &str) {
        let expected = match wanted(schema) {
            "object" => "a map",
            "array" => "a list",
            "integer" => "a whole number",
            "boolean" => "true or false",
            _ => "text",
        };
        let found = match node.value() {
            Value::Scalar { plain: false, .. } => "text in quotes",
            _ => node.kind(),
        };
        let hint = match (expected, found) {
            (_, "nothing") => "Remove the key, or write a value.".to_owned(),
            ("a list", _) => "Write it as `- item` lines below the key, or in brackets.".to_owned(),
            ("text", _) => "Put text that looks like a list or a map in quotes.".to_owned(),
            ("a map", _) => "Write its fields below the key, indented.".to_owned(),
            _ => format!("Write {expected}, without quotes."),
        };
        self.error("BAD_TYPE", node.at, path, &format!("expected {expected}, found {found}"), &hint);
    }

    fn map(&mut self, node: &Node<'_>, schema: &Json, root: &Json, path: &str) -> Map<String, Json> {
        let mut map = Map::new();
        let Value::Map(pairs) = node.value() else { return map };
        let properties = schema.get("properties").and_then(Json::as_object);
        let rest = schema.get("additionalProperties").filter(|s| s.is_object());
        let mut seen = std::collections::HashSet::new();
        for (key, value) in pairs {
            let name: &str = &key.text;
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if !seen.insert(name) {
                let hint = "Keep one of them; which one was meant is not guessed.";
                self.error("DUPLICATE_KEY", key.at, &below, "the key stands twice in one map", hint);
                continue;
            }
            let known = properties.and_then(|p| p.get(name)).or(rest);
            let Some(schema) = known else {
                let hint = hint_for_key(name, path, properties);
                self.error("UNKNOWN_KEY", key.at, &below, "unknown key", &hint);
                continue;
            };
            if let Some(value) = self.value(value, schema, root, &below) {
                map.insert(name.to_owned(), value);
            }
        }
        let required = schema.get("required").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for name in required.iter().filter_map(Json::as_str).filter(|name| !seen.contains(name)) {
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let about = properties.and_then(|p| p.get(name)?.get("description")?.as_str());
            let hint = about.map(|a| format!("`{name}`: {}", a.replace('\n', " "))).unwrap_or_default();
            self.error("MISSING", node.at, &below, "missing", &hint);
        }
        map
    }

    /// One of a closed set of words.
    fn word(&mut self, node: &Node<'_>, words: &[&str], path: &str) -> Option<Json> {
        let text = node.text().unwrap_or_default();
        if words.contains(&text) {
            return Some(Json::from(text));
        }
        let hint = match near(text, words.iter().copied()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("One of: {}.", words.join(", ")),
        };
        self.error("BAD_VALUE", node.at, path, "not one of the known words", &hint);
        None
    }

    /// Text with the grammar that its schema names.
    fn text(&mut self, at: Pos, text: &str, plain: bool, schema: &Json, path: &str) {
        let word = |key: &str| schema.get(key).and_then(Json::as_str).unwrap_or_default();
        if schema.get("minLength").is_some() && text.is_empty() {
            self.error("MISSING", at, path, "empty", "Give it a name.");
        }
        if !word("pattern").is_empty() && !check::is_name(text) {
            let hint = "Up to 63 letters and digits of ASCII, with - _ . between them.";
            self.error("BAD_NAME", at, path, "not a name", hint);
        }
        let format = word("format");
        if let Err(wrong) = check::text(format, text) {
            let mut at = at;
            // Only on the line of a plain text does the column count as the characters do.
            if let (true, Some(part)) = (plain, wrong.offset) {
                at.column = at.column.saturating_add(part);
            }
            self.error(wrong.code, at, path, &wrong.message, &wrong.hint);
        }
        if plain && format == "version" && text.ends_with('0') && text.parse::<f64>().is_ok() {
            let origin = self.origin(at);
            let hint = "Put it in quotes; here it is taken as it is written.";
            let message = "other readers of YAML take this for a number and drop the zero";
            self.push(Severity::Note, "BARE_VERSION", &origin, path, message, hint);
        }
    }
}

fn hint_for_key(name: &str, path: &str, properties: Option<&Map<String, Json>>) -> String {
    if name == "<<" {
        return "Merge keys are not read here; classes inherit with `inherits`.".to_owned();
    }
    let known: Vec<&str> = properties.into_iter().flat_map(|p| p.keys().map(String::as_str)).collect();
    match near(name, known.iter().copied()) {
        Some(word) => format!("Did you mean `{word}`?"),
        None if path.is_empty() && !known.is_empty() => format!("Known here: {}.", known.join(", ")),
        None => format!("Known in {path}: {}.", known.join(", ")),
    }
}

/// The schema behind references and choices with null, and whether null may stand there.
fn resolve<'s>(schema: &'s Json, root: &'s Json) -> (&'s Json, bool) {
    let mut nullable = false;
    let mut schema = schema;
    for _ in 0..8 {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
        {
            schema = root.get("$defs").and_then(|d| d.get(name)).unwrap_or(&Json::Null);
        } else if let Some(choices) = schema.get("anyOf").and_then(Json::as_array) {
            let is_null = |s: &&Json| s.get("type").and_then(Json::as_str) == Some("null");
            nullable |= choices.iter().any(|s| is_null(&s));
            schema = choices.iter().find(|s| !is_null(s)).unwrap_or(&Json::Null);
        } else {
            break;
        }
    }
    let listed = schema.get("type").and_then(Json::as_array).is_some_and(|l| l.iter().any(|k| k == "null"));
    (schema, nullable || listed)
}

/// The type that is wanted, apart from null; where text is, it may be written as anything.
fn wanted(schema: &Json) -> &str {
    match schema.get("type") {
        Some(Json::String(kind)) => kind,
        Some(Json::Array(kinds)) => {
            kinds.iter().filter_map(Json::as_str).find(|k| *k != "null").unwrap_or_default()
        }
        // A constant of the envelope.
        _ => "string",
    }
}

/// The words of a closed set.
fn words_of(schema: &Json) -> Option<Vec<&str>> {
    if let Some(word) = schema.get("const").and_then(Json::as_str) {
        return Some(vec![word]);
    }
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(Json::as_str).collect());
    }
    let choices = schema.get("oneOf").and_then(Json::as_array)?;
    Some(choices.iter().filter_map(|c| c.get("const").and_then(Json::as_str)).collect())
}
