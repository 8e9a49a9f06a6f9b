//! The shape of a selector, and its text.

use std::fmt;

use super::field::{Field, Flag};
use super::labels::LabelSelector;
use super::value::{Pattern, Value};

/// A selector's tree. AND and OR are flat: neither holds one of its own kind, nor fewer than two parts, but for the empty
/// AND, which is everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Term(Term),
}

/// One thing that is asked of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Word(String),
    Pattern(Pattern),
    Fuzzy(String),
    Labels(LabelSelector),
    Compare { field: Field, op: Op, value: Value },
    List { field: Field, negated: bool, values: Vec<Value> },
    Is(Flag),
    Has(Field),
    Class(String),
    Cluster(String),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Match,
    NotMatch,
    Lt,
    Le,
    Gt,
    Ge,
    Contains,
}

impl Op {
    /// Every operator; where one begins another, the longer stands first. `==` is read as `=`.
    pub(super) const SPELLINGS: [(&'static str, Self); 10] = [
        ("!=", Self::Ne),
        ("!~", Self::NotMatch),
        ("<=", Self::Le),
        (">=", Self::Ge),
        ("==", Self::Eq),
        ("=", Self::Eq),
        ("~", Self::Match),
        ("<", Self::Lt),
        (">", Self::Gt),
        (":", Self::Contains),
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Match => "~",
            Self::NotMatch => "!~",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Contains => ":",
        }
    }

    /// Whether it compares sizes or order.
    pub(super) fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }
}

impl Expr {
    pub(super) fn all() -> Self {
        Self::And(Vec::new())
    }

    pub(super) fn and(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::And(inner) => inner,
            other => vec![other],
        });
        single_or(flat.collect(), Self::And)
    }

    pub(super) fn or(parts: Vec<Self>) -> Self {
        let flat = parts.into_iter().flat_map(|part| match part {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        single_or(flat.collect(), Self::Or)
    }

    /// Calls `f` for each term from left to right.
    pub(super) fn for_each_term<'a>(&'a self, f: &mut impl FnMut(&'a Term)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.for_each_term(f)),
            Self::Not(inner) => inner.for_each_term(f),
            Self::Term(term) => f(term),
        }
    }
}

fn single_or(mut parts: Vec<Expr>, make: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            make(parts)
        }
        None => make(parts),
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, " ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => join(f, parts, " | ", |_| false),
            Self::Not(inner) => match **inner {
                Self::And(_) | Self::Or(_) => write!(f, "!({inner})"),
                _ => write!(f, "!{inner}"),
            },
            Self::Term(term) => write!(f, "{term}"),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expr],
    between: &str,
    in_parentheses: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        if in_parentheses(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) if is_plain_word(word) => f.write_str(word),
            Self::Word(word) => f.write_str(&quoted(word)),
            Self::Pattern(pattern) => write!(f, "~{}", quoted(pattern.source())),
            Self::Fuzzy(word) => write!(f, "-f {}", bare_or_quoted(word)),
            Self::Labels(selector) => write!(f, "-l {}", quoted(selector.text())),
            Self::Compare { field, op, value } => write!(f, "{field}{}{value}", op.as_str()),
            Self::List { field, negated, values } => {
                write!(f, "{field} {}(", if *negated { "notin " } else { "in " })?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { "," } else { "" })?;
                }
                f.write_str(")")
            }
            Self::Is(flag) => write!(f, "is:{}", flag.as_str()),
            Self::Has(field) => write!(f, "has:{field}"),
            Self::Class(name) => write!(f, "@{}", bare_or_quoted(name)),
            Self::Cluster(name) => write!(f, "cluster:{}", bare_or_quoted(name)),
        }
    }
}

/// Whether a word can stand without quotes at the beginning of a term.
fn is_plain_word(word: &str) -> bool {
    word.starts_with(char::is_alphanumeric)
        && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'))
        && !matches!(word, "in" | "notin")
}

/// A value, in quotes unless it is plain.
pub(super) fn bare_or_quoted(text: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '%' | ':' | '@' | '~' | '+');
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
