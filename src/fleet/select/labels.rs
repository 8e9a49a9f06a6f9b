//! Kubernetes label selectors, as the API server reads them
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>): equality, sets, existence and the
//! comparison of whole numbers, joined by commas.

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
        self.requirements.iter().all(|requirement| {
            let value = labels.iter().find(|(k, _)| k.as_str() == requirement.key).map(|(_, v)| v.as_str());
            requirement.test.holds(value)
        })
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

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_sign(first) {
            if rest.starts_with("==") || rest.starts_with("!=") { 2 } else { 1 }
        } else {
            rest.find(|c: char| c.is_whitespace() || is_sign(c)).unwrap_or(rest.len())
        };
        let (token, next) = rest.split_at_checked(length).unwrap_or((rest, ""));
        out.push(if is_sign(first) { Token::Sign(token) } else { Token::Name(token) });
        rest = next.trim_start();
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

    /// Values in parentheses; nothing between two commas is the empty value, nothing at all is an error.
    fn list(&mut self) -> Result<Vec<String>, String> {
        if self.tokens.next() != Some(Token::Sign("(")) {
            return Err("a list in parentheses is missing".to_owned());
        }
        if self.tokens.next_if_eq(&Token::Sign(")")).is_some() {
            return Err("the list is empty".to_owned());
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
mod tests {
    use super::*;

    #[test]
    fn selectors_select_as_the_server_would() {
        let labels: BTreeMap<CleanText, CleanText> = [
            ("tier", "1"),
            ("team", "pay"),
            ("empty", ""),
            ("topology.kubernetes.io/zone", "a"),
            ("in", "x"),
        ]
        .map(|(k, v)| (k.into(), v.into()))
        .into();
        for (selector, expect) in [
            ("", true),
            ("  ", true),
            ("tier=1", true),
            ("tier==1", true),
            ("tier = 1 , team = pay", true),
            ("tier!=1", false),
            ("tier", true),
            ("!tier", false),
            ("! absent", true),
            ("absent", false),
            ("absent=x", false),
            ("absent!=x", true),
            ("team in (pay,ml)", true),
            ("team in(ml)", false),
            ("team notin (ml)", true),
            ("absent notin (ml)", true),
            ("absent in (ml)", false),
            ("empty=", true),
            ("empty=,tier=1", true),
            ("tier=", false),
            ("empty in (,)", true),
            ("empty in (a,)", true),
            ("tier in (,1)", true),
            ("tier>0", true),
            ("tier>1", false),
            ("tier<2", true),
            ("team>0", false),
            ("absent<9", false),
            ("topology.kubernetes.io/zone=a", true),
            ("in in (x)", true),
        ] {
            let parsed = LabelSelector::parse(selector).unwrap_or_else(|e| panic!("{selector}: {e}"));
            assert_eq!(parsed.matches(&labels), expect, "{selector}");
        }
    }

    #[test]
    fn what_the_server_would_refuse_is_refused() {
        for bad in [
            "tier=1,",
            ",tier=1",
            "tier=1 team=2",
            "tier in 1",
            "tier in ()",
            "tier in (1",
            "tier in (1 2)",
            "!tier=1",
            "=1",
            "tier>x",
            "tier>",
            "-tier=1",
            "tier=1-",
            "tier=a/b",
            "/tier=1",
            "UPPER.io/tier=1",
            "a/b/c=1",
            "tier=größe",
            "tier===1",
            "()",
            &format!("{}=1", "k".repeat(64)),
            &format!("tier={}", "v".repeat(64)),
        ] {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
    }
}
