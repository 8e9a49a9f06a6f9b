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
mod flag;
mod labels;
mod lex;
mod parse;
mod rule;
mod value;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use self::ast::Expr;
use super::{CleanText, Cluster, ClusterKey, Told, UNCLASSIFIED, class_names};

pub use self::field::{field_names, flag_names};

/// Longest selector, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// Deepest nesting of parentheses and `!`.
pub const MAX_DEPTH: usize = 64;

/// A parsed selector. Its text form is normal: parsing what it displays gives an equal one. Where its terms stood in the text
/// it was read from takes no part in that.
#[derive(Clone, Debug)]
pub struct Selector {
    expr: Expr,
    /// Where each term stands, in the order in which [`Expr::for_each_term`] comes to them.
    spans: Vec<Range<usize>>,
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}
impl Eq for Selector {}

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

/// A scope, and whether the selector is tried as a class rule.
struct View<'a> {
    now: DateTime<Utc>,
    marked: &'a dyn Fn(&ClusterKey) -> bool,
    is_rule: bool,
}

impl View<'_> {
    /// Whether something told of a cluster may be looked at: in rules not what was only guessed from a name.
    fn may_tell(&self, told: &Told) -> bool {
        !(self.is_rule && told.guessed)
    }
}

impl<'a> Scope<'a> {
    fn view(&self, is_rule: bool) -> View<'a> {
        View { now: self.now, marked: self.marked, is_rule }
    }
}

/// What one term says of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermResult {
    /// The term as it would be written.
    pub term: CleanText,
    /// Where it stands in the text that was read, in bytes; empty in a selector that was not read from a text.
    pub span: Range<usize>,
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
        Self { expr: Expr::all(), spans: Vec::new() }
    }

    /// Reads a selector in which only the guessed classes may stand after `@`. Blank text selects all.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        Self::parse_with(text, [])
    }

    /// Reads a selector in which the names of `classes` may stand after `@`, besides that of clusters without one; those of the
    /// guessed classes, if there are none.
    pub fn parse_with<'a>(
        text: &str,
        classes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SelectError> {
        let mut known: Vec<&str> = classes.into_iter().collect();
        if known.is_empty() {
            known.extend(class_names().map(|name| -> &str { name }));
        } else if !known.contains(&UNCLASSIFIED) {
            known.push(UNCLASSIFIED);
        }
        parse::parse(text, &known).map(|(expr, spans)| Self { expr, spans })
    }

    /// Whether it selects every cluster because nothing is written in it.
    pub fn is_all(&self) -> bool {
        self.expr == Expr::all()
    }

    /// Whether `cluster` is selected.
    pub fn matches(&self, cluster: &Cluster, scope: &Scope<'_>) -> Truth {
        eval::evaluate(&self.expr, cluster, &scope.view(false))
    }

    /// Whether `cluster` fits this selector as a class rule: what is guessed from its name is not known, and its class is not
    /// looked at.
    pub fn fits(&self, cluster: &Cluster, now: DateTime<Utc>) -> Truth {
        eval::evaluate(&self.expr, cluster, &Scope::at(now).view(true))
    }

    /// What each term says of `cluster`, in the order in which they are written.
    pub fn explain(&self, cluster: &Cluster, scope: &Scope<'_>) -> Vec<TermResult> {
        self.explain_in(cluster, &scope.view(false))
    }

    /// The same, as [`Selector::fits`] sees it.
    pub fn explain_fit(&self, cluster: &Cluster, now: DateTime<Utc>) -> Vec<TermResult> {
        self.explain_in(cluster, &Scope::at(now).view(true))
    }

    fn explain_in(&self, cluster: &Cluster, view: &View<'_>) -> Vec<TermResult> {
        let mut results = Vec::new();
        self.for_each_term(&mut |term, span| {
            let (truth, words) = eval::explain(term, cluster, view);
            let term = CleanText::new(&term.to_string());
            results.push(TermResult { term, span, truth, words: CleanText::new(&words) });
        });
        results
    }

    /// The first term that a class rule may not use, and why; `None` if the selector can be a rule.
    ///
    /// A rule looks at who a cluster is and what its sources say of it: name, words and patterns, `source`, `context`,
    /// `server`, `id`, `region`, `provider`, `account`, `label.KEY`, `property.KEY`, `-l` and `cluster:NAME`. What changes by
    /// itself (state, versions, times, plans) and what follows from the class (class, owner, findings) would let a
    /// cluster move from one protection to another without anybody's doing.
    ///
    /// [`Selector::fits`] tries it.
    pub fn rule_error(&self) -> Option<SelectError> {
        let mut first = None;
        self.for_each_term(&mut |term, span| {
            if first.is_none() {
                first = rule::refusal(term, span);
            }
        });
        first
    }

    fn for_each_term(&self, f: &mut impl FnMut(&ast::Term, Range<usize>)) {
        let mut spans = self.spans.iter().cloned();
        self.expr.for_each_term(&mut |term| f(term, spans.next().unwrap_or(0..0)));
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)
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
