//! What class rules may not ask.

use std::ops::Range;

use super::SelectError;
use super::ast::Term;

/// Why a class rule may not use a term; `None` if it may.
pub(super) fn refusal(term: &Term, span: Range<usize>) -> Option<SelectError> {
    let (what, hint) = match term {
        Term::Word(_) | Term::Pattern(_) | Term::Labels(_) | Term::Cluster(_) => return None,
        Term::Compare { field, .. } | Term::List { field, .. } | Term::Has(field) if field.is_identity() => {
            return None;
        }
        Term::Compare { field, .. } | Term::List { field, .. } | Term::Has(field) => {
            (format!("a class rule cannot look at `{field}`"), ALLOWED)
        }
        Term::Is(flag) => (format!("a class rule cannot ask `is:{}`", flag.as_str()), ALLOWED),
        Term::Class(name) => (
            format!("a class rule cannot look at a class, as `@{name}` does"),
            "Use `inherits` to share settings.",
        ),
        Term::Fuzzy(_) => (
            "a class rule cannot search loosely".to_owned(),
            "Write a part of the name, or a pattern: name~^prod-.",
        ),
    };
    Some(SelectError::new(span, what).hint(hint))
}

const ALLOWED: &str = "Rules look at name, source, context, server, id, region, provider, account, label.KEY, \
    property.KEY and -l selectors: what a cluster is, not how it is.";
