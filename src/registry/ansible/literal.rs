//! Values of INI inventories: Ansible reads each as a Python literal, and as text only if it is none.
//!
//! The grammar is that of Python's `ast.literal_eval` as far as values of variables go: numbers, quoted text, `True`,
//! `False`, `None`, lists, tuples, sets and dicts. Complex numbers and bytes stay text.

use std::collections::BTreeMap;

use super::value::Value;

const MAX_DEPTH: u8 = 32;

/// The value that Ansible makes of an INI value.
pub(super) fn value(text: &str) -> Value {
    let mut reader = Reader { rest: text };
    if let Some(value) = reader.value(MAX_DEPTH) {
        reader.blank();
        // What follows `#` is a comment of Python's.
        if reader.rest.is_empty() || reader.rest.starts_with('#') {
            return value;
        }
    }
    Value::of_text(text)
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, c: char) -> bool {
        self.blank();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.blank();
        match self.rest.chars().next()? {
            '\'' | '"' => self.texts(),
            '[' => self.list('[', ']', depth).map(|(items, _)| Value::List(items)),
            '(' => match self.list('(', ')', depth)? {
                // Parentheses around one value are only parentheses.
                (items, false) if items.len() == 1 => items.into_iter().next(),
                (items, _) => Some(Value::List(items)),
            },
            '{' => self.braces(depth),
            '0'..='9' | '.' | '+' | '-' => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Value> {
        for (word, value) in
            [("True", Value::Bool(true)), ("False", Value::Bool(false)), ("None", Value::Null)]
        {
            if let Some(rest) = self.rest.strip_prefix(word) {
                let over = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
                self.rest = rest;
                return over.then_some(value);
            }
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let end = self
            .rest
            .char_indices()
            .scan(' ', |before, (at, c)| {
                let exponent = matches!(*before, 'e' | 'E') && matches!(c, '+' | '-');
                let sign = at == 0 && matches!(c, '+' | '-');
                *before = c;
                Some((at, c.is_alphanumeric() || matches!(c, '.' | '_') || exponent || sign))
            })
            .find(|(_, part)| !part)
            .map_or(self.rest.len(), |(at, _)| at);
        let (token, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let (sign, body) = match token.strip_prefix('-') {
            Some(body) => ("-", body),
            None => ("", token.strip_prefix('+').unwrap_or(token)),
        };
        if body.starts_with('_') || body.ends_with('_') || body.contains("__") {
            return None;
        }
        let body = body.replace('_', "").to_ascii_lowercase();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if let Some(digits) = body.strip_prefix(prefix) {
                return i128::from_str_radix(digits, radix).ok().map(|n| Value::Int(format!("{sign}{n}")));
            }
        }
        if !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit()) {
            // A zero in front of other digits is an error in Python, so the value is text.
            let zeros = body.bytes().all(|b| b == b'0');
            let value = if zeros { "0" } else { &body };
            return (zeros || !body.starts_with('0')).then(|| Value::Int(format!("{sign}{value}")));
        }
        let mantissa = body.split('e').next().unwrap_or_default();
        let plain = mantissa.bytes().any(|b| b.is_ascii_digit())
            && body.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'+' | b'-'));
        let number = plain.then(|| body.parse::<f64>().ok()).flatten()?;
        Some(Value::Float(if sign == "-" { -number } else { number }))
    }

    /// Texts that follow each other are one.
    fn texts(&mut self) -> Option<Value> {
        let mut whole = String::new();
        loop {
            self.blank();
            match self.rest.chars().next() {
                Some(quote @ ('\'' | '"')) => self.quoted(quote, &mut whole)?,
                _ => return Some(Value::of_text(&whole)),
            }
        }
    }

    fn quoted(&mut self, quote: char, into: &mut String) -> Option<()> {
        let mut chars = self.rest.chars();
        chars.next();
        while let Some(c) = chars.next() {
            match c {
                _ if c == quote => {
                    self.rest = chars.as_str();
                    return Some(());
                }
                '\\' => match chars.next()? {
                    'n' => into.push('\n'),
                    't' => into.push('\t'),
                    'r' => into.push('\r'),
                    escaped @ ('\\' | '\'' | '"') => into.push(escaped),
                    other => into.extend(['\\', other]),
                },
                _ => into.push(c),
            }
        }
        None
    }

    /// Values between brackets, and whether a comma stood after the last.
    fn list(&mut self, open: char, close: char, depth: u8) -> Option<(Vec<Value>, bool)> {
        if !self.take(open) {
            return None;
        }
        let mut items = Vec::new();
        let mut comma = false;
        while !self.take(close) {
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value(depth)?);
            comma = self.take(',');
        }
        Some((items, comma))
    }

    fn braces(&mut self, depth: u8) -> Option<Value> {
        let before = self.rest;
        if !self.take('{') {
            return None;
        }
        let mut map = BTreeMap::new();
        let mut comma = true;
        while !self.take('}') {
            if !comma {
                return None;
            }
            let key = self.value(depth)?;
            if !self.take(':') {
                // No colon: a set.
                self.rest = before;
                return self.list('{', '}', depth).map(|(items, _)| Value::List(items));
            }
            let value = self.value(depth)?;
            map.insert(key.shown()?, value);
            comma = self.take(',');
        }
        Some(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_python_reads() {
        let text = |t: &str| Value::Text(t.to_owned());
        let int = |t: &str| Value::Int(t.to_owned());
        for (written, expect) in [
            ("1.30", Value::Float(1.3)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("-1.5e-1", Value::Float(-0.15)),
            ("'1.30'", text("1.30")),
            ("\"1.30\"", text("1.30")),
            ("1.35.4", text("1.35.4")),
            ("v1.35", text("v1.35")),
            ("True", Value::Bool(true)),
            ("true", text("true")),
            ("None", Value::Null),
            ("Nones", text("Nones")),
            ("3", int("3")),
            ("1_000", int("1000")),
            ("007", text("007")),
            ("00", int("0")),
            ("0x10", int("16")),
            ("-4", int("-4")),
            ("10.0.0.1", text("10.0.0.1")),
            ("1.30 # old", Value::Float(1.3)),
            ("eu # old", text("eu # old")),
            ("['a', 1,]", Value::List(vec![text("a"), int("1")])),
            ("('a')", text("a")),
            ("('a',)", Value::List(vec![text("a")])),
            ("[]", Value::List(vec![])),
            ("{'a': 1}", Value::Map([("a".to_owned(), int("1"))].into())),
            ("{1, 2}", Value::List(vec![int("1"), int("2")])),
            ("{}", Value::Map(BTreeMap::new())),
            ("['a'", text("['a'")),
            ("'a' 'b'", text("ab")),
            ("'a\\n'", text("a\n")),
            ("'a", text("'a")),
            ("1j", text("1j")),
            ("--1", text("--1")),
            ("inf", text("inf")),
            ("", text("")),
        ] {
            assert_eq!(value(written), expect, "{written}");
        }
    }

    #[test]
    fn deep_brackets_end_as_text() {
        let deep = "[".repeat(100_000);
        assert_eq!(value(&deep), Value::Text(deep.clone()));
    }
}
