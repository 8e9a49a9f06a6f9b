//! Kubernetes label selectors, as the API server reads them
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>, and to the letter
//! <https://pkg.go.dev/k8s.io/apimachinery/pkg/labels#Parse>): equality, sets, existence and the comparison of whole
//! numbers, joined by commas.

use std::collections::BTreeMap;

use crate::fleet::CleanText;

/// A parsed label selector and the text it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelSelector {
    text: String,
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Greater(i64),
    Less(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    /// One of `= == != ! > < ( ) ,`.
    Sign(&'a str),
}

impl LabelSelector {
    /// Reads a selector; blank text selects all. The error is a lowercase fragment.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text);
        let mut reader = Reader { tokens: tokens.into_iter().peekable() };
        let mut requirements = Vec::new();
        if reader.tokens.peek().is_some() {
            requirements.push(reader.requirement()?);
            while let Some(token) = reader.tokens.next() {
                match token {
                    Token::Sign(",") => requirements.push(reader.requirement()?),
                    Token::Name(t) | Token::Sign(t) => {
                        return Err(format!("`{t}` where a comma was expected"));
                    }
                }
            }
        }
        Ok(Self { text: text.to_owned(), requirements })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn matches(&self, labels: &BTreeMap<CleanText, CleanText>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(labels))
    }

    /// Why labels match, or the first of them that keeps them from it.
    pub(super) fn reason(&self, labels: &BTreeMap<CleanText, CleanText>) -> String {
        match self.requirements.iter().find(|requirement| !requirement.holds(labels)) {
            None => "its labels fit".to_owned(),
            Some(Requirement { key, .. }) => match value_of(labels, key) {
                Some("") => format!("label {key} is empty"),
                Some(value) => format!("label {key} is {value}"),
                None => format!("there is no label {key}"),
            },
        }
    }
}

fn value_of<'a>(labels: &'a BTreeMap<CleanText, CleanText>, key: &str) -> Option<&'a str> {
    labels.iter().find(|(k, _)| k.as_str() == key).map(|(_, v)| v.as_str())
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<CleanText, CleanText>) -> bool {
        self.test.holds(value_of(labels, &self.key))
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => value.is_some_and(|v| values.iter().any(|w| w == v)),
            Self::NotIn(values) => value.is_none_or(|v| values.iter().all(|w| w != v)),
            Self::Greater(than) => number().is_some_and(|n| n > *than),
            Self::Less(than) => number().is_some_and(|n| n < *than),
        }
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '>' | '<' | '(' | ')' | ',')
}

/// Blanks of other alphabets are not blanks to the server.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// The server takes a NUL for the end of the text, or for the end of the token that it follows.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches(is_blank);
    while let Some(first) = rest.chars().next().filter(|c| *c != '\0') {
        let length = if is_sign(first) {
            if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 }
        } else {
            rest.find(|c: char| is_blank(c) || is_sign(c) || c == '\0').unwrap_or(rest.len())
        };
        let (token, next) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push(if is_sign(first) { Token::Sign(token) } else { Token::Name(token) });
        rest = next.strip_prefix('\0').unwrap_or(next).trim_start_matches(is_blank);
    }
    out
}

struct Reader<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
}

impl Reader<'_> {
    fn requirement(&mut self) -> Result<Requirement, String> {
        let missing = self.tokens.next_if_eq(&Token::Sign("!")).is_some();
        let key = match self.tokens.next() {
            Some(Token::Name(key)) => checked_key(key)?,
            Some(Token::Sign(sign)) => return Err(format!("`{sign}` where a label was expected")),
            None => return Err("a label is missing at the end".to_owned()),
        };
        let test = if missing { Test::Missing } else { self.test()? };
        Ok(Requirement { key, test })
    }

    fn test(&mut self) -> Result<Test, String> {
        let Some(operator) = self.tokens.next_if(|t| *t != Token::Sign(",")) else { return Ok(Test::Exists) };
        match operator {
            Token::Sign("=" | "==") => Ok(Test::In(vec![self.exact()?])),
            Token::Sign("!=") => Ok(Test::NotIn(vec![self.exact()?])),
            Token::Name("in") => Ok(Test::In(self.list()?)),
            Token::Name("notin") => Ok(Test::NotIn(self.list()?)),
            Token::Sign(">") => Ok(Test::Greater(self.number()?)),
            Token::Sign("<") => Ok(Test::Less(self.number()?)),
            Token::Name(t) | Token::Sign(t) => {
                Err(format!("`{t}` where an operator or a comma was expected"))
            }
        }
    }

    /// A value, or nothing at all, which is the empty one.
    fn exact(&mut self) -> Result<String, String> {
        match self.tokens.peek() {
            None | Some(Token::Sign(",")) => Ok(String::new()),
            Some(Token::Name(value)) => {
                let value = checked_value(value)?;
                self.tokens.next();
                Ok(value)
            }
            Some(Token::Sign(sign)) => Err(format!("`{sign}` where a value was expected")),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let text = self.exact()?;
        text.parse().map_err(|_| format!("`{text}` is not a whole number"))
    }

    /// Values in parentheses; nothing between two commas, or nothing at all, is the empty value.
    fn list(&mut self) -> Result<Vec<String>, String> {
        if self.tokens.next() != Some(Token::Sign("(")) {
            return Err("a list in parentheses is missing".to_owned());
        }
        let mut values = Vec::new();
        loop {
            let value = match self.tokens.peek() {
                Some(Token::Name(value)) => {
                    let value = checked_value(value)?;
                    self.tokens.next();
                    value
                }
                _ => String::new(),
            };
            values.push(value);
            match self.tokens.next() {
                Some(Token::Sign(")")) => return Ok(values),
                Some(Token::Sign(",")) => {}
                Some(Token::Name(t) | Token::Sign(t)) => return Err(format!("`{t}` in a list of values")),
                None => return Err("the list is never closed".to_owned()),
            }
        }
    }
}

/// A name of a label: up to 63 characters, alphanumeric at both ends, `-`, `_` and `.` between.
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(inner)
}

/// A DNS subdomain of up to 253 characters.
fn is_subdomain(text: &str) -> bool {
    let is_part = |part: &str| {
        let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(end) && part.ends_with(end) && part.chars().all(|c| end(c) || c == '-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

fn checked_key(key: &str) -> Result<String, String> {
    let good = match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
        None => is_name(key),
    };
    if good { Ok(key.to_owned()) } else { Err(format!("`{key}` is not the name of a label")) }
}

fn checked_value(value: &str) -> Result<String, String> {
    if value.is_empty() || is_name(value) {
        Ok(value.to_owned())
    } else {
        Err(format!("`{value}` cannot be the value of a label"))
    }
}

#[cfg(test)]
mod tests;
