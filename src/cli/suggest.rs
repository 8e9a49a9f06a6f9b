//! What to say about a word that is not known.

use std::path::Path;

use crate::config::near;
use crate::fleet::CleanText;

/// The word as it may be shown: nothing in it can move a cursor, and not more than a line.
pub(super) fn shown(word: &str) -> String {
    CleanText::with_cap(word, 80).to_string()
}

/// A path as it may be shown.
pub(super) fn shown_path(path: &Path) -> String {
    CleanText::with_cap(&path.to_string_lossy(), 4096).to_string()
}

/// A sentence with the nearest known word, if any, and all of them.
pub(super) fn one_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, also: &str) -> String {
    let mut all: Vec<&str> = known.into_iter().collect();
    let near = near(word, all.iter().copied());
    if !also.is_empty() {
        all.push(also);
    }
    let list = format!("One of: {}.", all.join(", "));
    match near {
        Some(near) => format!("Did you mean `{near}`? {list}"),
        None => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_listed_after_the_near_one() {
        assert_eq!(one_of("quite-else", ["a"], "b"), "One of: a, b.");
        assert_eq!(one_of("versoin", ["version"], ""), "Did you mean `version`? One of: version.");
        assert_eq!(shown("a\u{1b}[2J"), "a␛[2J");
    }
}
