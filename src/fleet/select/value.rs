//! Values as fields read them: text, patterns, versions, numbers, shares and lengths of time.

use std::fmt;
use std::ops::Range;

use chrono::TimeDelta;
use regex::{Regex, RegexBuilder};

use super::SelectError;
use super::ast::{Op, bare_or_quoted};
use super::field::{Field, Kind};
use crate::fleet::{Minor, Version};

/// Largest compiled pattern, in bytes.
const PATTERN_SIZE: usize = 256 * 1024;

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Pattern(Pattern),
    /// A release, or one version of it.
    Version(Minor, Option<u16>),
    Count(i64),
    /// In percent.
    Percent(i64),
    Length(TimeDelta),
}

/// A regular expression. Without a capital letter in it, it does not regard case.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    source: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
impl Eq for Pattern {}

impl Pattern {
    pub(super) fn new(source: &str, span: Range<usize>) -> Result<Self, SelectError> {
        let compiled = RegexBuilder::new(source)
            .case_insensitive(!has_capital(source))
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(PATTERN_SIZE)
            .nest_limit(32)
            .build();
        match compiled {
            Ok(regex) => Ok(Self { source: source.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => {
                let error = SelectError::new(span, "this pattern is too large");
                Err(error.hint("Use smaller counts of repetition."))
            }
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or("").trim_start_matches("error: ");
                Err(SelectError::new(span, format!("not a regular expression: {why}")))
            }
        }
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Whether a pattern names a capital letter; `\S` and `\p{Lu}` do not count.
fn has_capital(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c.is_uppercase() {
            return true;
        }
    }
    false
}

impl Value {
    /// Reads what stands after `field op` as that field wants it.
    pub(super) fn read(field: &Field, op: Op, text: &str, span: Range<usize>) -> Result<Self, SelectError> {
        if matches!(op, Op::Match | Op::NotMatch) && field.kind() != Kind::Opaque {
            check_textual(field, op, &span)?;
            return Pattern::new(text, span).map(Self::Pattern);
        }
        if op == Op::Contains {
            check_textual(field, op, &span)?;
            return Ok(Self::Text(text.to_owned()));
        }
        let wants = |what: &str| {
            let error = SelectError::new(span.clone(), format!("`{text}` is not {what}"));
            error.hint(format!("{field} takes {what}, such as {}.", example(field)))
        };
        match field.kind() {
            Kind::Text if op.is_order() => {
                let error = SelectError::new(span, format!("{field} is text and has no order"));
                Err(error.hint("Use = != ~ !~ or : with it."))
            }
            Kind::Text | Kind::Opaque => Ok(Self::Text(text.to_owned())),
            Kind::Version => read_version(text).ok_or_else(|| wants("a version")),
            Kind::Minor => read_minor(text).ok_or_else(|| wants("a minor release")),
            Kind::Count => text.parse().map(Self::Count).map_err(|_| wants("a whole number")),
            Kind::Share => match text.strip_suffix('%') {
                Some(percent) => percent.parse().map(Self::Percent),
                None => text.parse().map(Self::Count),
            }
            .map_err(|_| wants("a number or a share in percent")),
            Kind::Length => {
                read_length(text).map(Self::Length).ok_or_else(|| wants("a length of time with its unit"))
            }
        }
    }
}

fn check_textual(field: &Field, op: Op, span: &Range<usize>) -> Result<(), SelectError> {
    match field.kind() {
        Kind::Text | Kind::Version | Kind::Opaque => Ok(()),
        Kind::Minor | Kind::Count | Kind::Share | Kind::Length => {
            let error =
                SelectError::new(span.clone(), format!("`{}` needs text, and {field} has none", op.as_str()));
            Err(error.hint(format!("Use = != < <= > >= with it, such as {field}<{}.", example(field))))
        }
    }
}

fn example(field: &Field) -> &'static str {
    match field.kind() {
        Kind::Text | Kind::Opaque => "text",
        Kind::Version => "1.35 or 1.35.4",
        Kind::Minor => "1.35",
        Kind::Count => "3",
        Kind::Share => "3 or 90%",
        Kind::Length if *field == Field::Latency => "500ms",
        Kind::Length => "30m, 12h or 90d",
    }
}

/// `1.35`, `v1.35`, `1.35.4`, `v1.35.4+rke2r1`; what follows the patch is not compared and so not kept.
fn read_version(text: &str) -> Option<Value> {
    if let Ok(minor) = text.parse::<Minor>() {
        return Some(Value::Version(minor, None));
    }
    let version: Version = text.parse().ok()?;
    Some(Value::Version(version.line, Some(version.patch)))
}

/// `1.35`, or `35` for short.
fn read_minor(text: &str) -> Option<Value> {
    let minor = text.parse().or_else(|_| format!("1.{text}").parse()).ok()?;
    Some(Value::Version(minor, None))
}

/// Units with their milliseconds, largest first.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// `90d`, `7h12m`, `500ms`, `-2d`, `0`.
fn read_length(text: &str) -> Option<TimeDelta> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    if rest == "0" {
        return Some(TimeDelta::zero());
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let (unit, next) =
            after.split_at_checked(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()))?;
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(factor)?)?;
        rest = next;
    }
    TimeDelta::try_milliseconds(sign * total)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&bare_or_quoted(text)),
            Self::Pattern(pattern) => f.write_str(&bare_or_quoted(pattern.source())),
            Self::Version(minor, None) => write!(f, "{minor}"),
            Self::Version(minor, Some(patch)) => write!(f, "{minor}.{patch}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Length(length) => {
                let ms = length.num_milliseconds();
                let unit =
                    UNITS.iter().find(|(name, factor)| !matches!(*name, "y" | "w") && ms % factor == 0);
                let (name, factor) = unit.copied().unwrap_or(("ms", 1));
                write!(f, "{}{name}", ms / factor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units() {
        for (text, ms) in [
            ("500ms", Some(500)),
            ("42s", Some(42_000)),
            ("30m", Some(1_800_000)),
            ("7h12m", Some(25_920_000)),
            ("90d", Some(7_776_000_000)),
            ("2w", Some(1_209_600_000)),
            ("-2d", Some(-172_800_000)),
            ("0", Some(0)),
            ("0d", Some(0)),
            ("90", None),
            ("d", None),
            ("", None),
            ("-", None),
            ("3x", None),
            ("1h-2m", None),
            ("99999999999999999999d", None),
            ("9223372036854775807d", None),
        ] {
            assert_eq!(read_length(text).map(|l| l.num_milliseconds()), ms, "{text}");
        }
    }

    #[test]
    fn a_pattern_without_capitals_does_not_regard_case() {
        for (pattern, text, expect) in [
            ("^eu-", "EU-west", true),
            ("^EU-", "eu-west", false),
            ("\\S+\\D", "ABC", true),
            ("a.c", "abc", true),
        ] {
            assert_eq!(Pattern::new(pattern, 0..0).unwrap().is_match(text), expect, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        for bad in ["(", "a{1000}{1000}{1000}", &"(".repeat(100), "[z-a]", "\\p{Nope}", "(?=a)"] {
            let error = Pattern::new(bad, 3..5).unwrap_err();
            assert_eq!(error.span, 3..5);
            assert!(!error.message.as_str().contains('␊'), "{}", error.message);
        }
    }
}
