//! The selection language: one grammar for the filter line, `-q`, saved views, class rules and the scopes of plans.
//!
//! ```text
//! expr := and { "|" and }
//! and  := not { [","] not }                 a blank or a comma is AND
//! not  := "!" not | "(" expr ")" | term
//! term := word | /regex/ | ~regex | -f word | -l selector
//!       | field op value | field in (list) | field notin (list)
//!       | is:flag | has:field | @class | cluster:name
//! op   := = != ~ !~ < <= > >= :             ":" is "contains"
//! ```
//!
//! * A word is found anywhere in the name, the class, the region or a label's value; letters in lower case match both cases.
//! * A bare value ends at a blank, a comma, `|` or a parenthesis; anything can stand in quotes. The selector after
//!   `-l` is a label selector as the API server reads it, and ends at a blank if it is not quoted.
//! * `version=1.35` is any patch of it, `version>1.35` is 1.36 and later, `version=1.35.4` is that one, whatever its build.
//! * What is not known is neither true nor false: [`Truth::Unknown`] goes through `!`, AND and OR as in Kleene's logic. Lists
//!   keep such rows and say so; rules and scopes must not take them. `has:field` asks whether a field is known.
//!
//! Everything is bounded: 4 KiB of text, 64 levels, small compiled patterns that match in linear time.

mod ast;
mod eval;
mod field;
mod labels;
mod lex;
mod parse;
mod value;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use self::ast::Expr;
use super::{CleanText, Cluster, ClusterKey};

pub use self::field::{field_names, flag_names};

/// Longest selector, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// Deepest nesting of parentheses and `!`.
pub const MAX_DEPTH: usize = 64;

/// A parsed selector. Its text form is normal: parsing what it displays gives an equal one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector(Expr);

/// Whether a cluster is selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// That depends on something not known.
    Unknown,
}

impl Truth {
    /// AND: no if either is no.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }

    /// OR: yes if either is yes.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// What a selector may need to know beyond the cluster.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The present, for everything that has an age or an end.
    pub now: DateTime<Utc>,
    /// Whether a person has marked a cluster.
    pub marked: &'a dyn Fn(&ClusterKey) -> bool,
}

impl Scope<'_> {
    /// A scope in which nothing is marked.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { now, marked: &|_| false }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What one term says of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermResult {
    /// The term as it would be written.
    pub term: CleanText,
    /// Whether it holds.
    pub truth: Truth,
    /// Why, `version is v1.35.4`.
    pub words: CleanText,
}

/// Text that is not a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    /// The part that is wrong, in bytes of the text; it may be empty at the end. Both ends are borders of characters.
    pub span: Range<usize>,
    /// What is wrong, a lowercase fragment.
    pub message: CleanText,
    /// What to try, a full sentence.
    pub hint: Option<CleanText>,
}

impl SelectError {
    fn new(span: Range<usize>, message: impl AsRef<str>) -> Self {
        Self { span, message: CleanText::new(message.as_ref()), hint: None }
    }

    fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(CleanText::new(hint.as_ref()));
        self
    }
}

impl Selector {
    /// The selector that every cluster matches; its text is empty.
    pub fn all() -> Self {
        Self(Expr::all())
    }

    /// Reads a selector. Blank text selects all.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        parse::parse(text).map(Self)
    }

    /// Whether it selects every cluster because nothing is written in it.
    pub fn is_all(&self) -> bool {
        self.0 == Expr::all()
    }

    /// Whether `cluster` is selected.
    pub fn matches(&self, cluster: &Cluster, scope: &Scope<'_>) -> Truth {
        eval::evaluate(&self.0, cluster, scope)
    }

    /// What each term says of `cluster`, in the order in which they are written.
    pub fn explain(&self, cluster: &Cluster, scope: &Scope<'_>) -> Vec<TermResult> {
        let mut results = Vec::new();
        self.0.for_each_term(&mut |term| {
            let (truth, words) = eval::explain(term, cluster, scope);
            let term = CleanText::new(&term.to_string());
            results.push(TermResult { term, truth, words: CleanText::new(&words) });
        });
        results
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Selector {
    type Err = SelectError;

    fn from_str(text: &str) -> Result<Self, SelectError> {
        Self::parse(text)
    }
}

/// The known word nearest to `word`, if one is near enough to have been meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .map(|k| (strsim::damerau_levenshtein(&word, k), k))
        .filter(|(distance, k)| *distance <= (k.len().max(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests;
