//! Names by pattern.

use std::collections::HashSet;

use crate::fleet::{CleanText, Problem, Severity};
use crate::registry::Registered;

/// Whether `name` is what `pattern` says: `*` stands for any characters, `?` for one, all else for itself.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Where to go on after a mismatch: behind the last star, one character later than the last time.
    let (mut p, mut n, mut retry) = (0, 0, None);
    while let Some(c) = name.get(n) {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(q) if *q == '?' || q == c => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                retry = Some((after_star, from + 1));
                p = after_star;
                n = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|q| *q == '*')
}

/// Keeps the rows whose context or key one of `patterns` names, and says which patterns name none. No patterns keep all.
pub(super) fn keep_named(registered: &mut Registered, patterns: &[String]) {
    if patterns.is_empty() {
        return;
    }
    let mut used = HashSet::new();
    registered.entries.retain(|row| {
        let entry = &row.entry;
        let mut keep = false;
        for (at, pattern) in patterns.iter().enumerate() {
            let named = matches(pattern, entry.key.as_str())
                || entry.sources.iter().any(|s| matches(pattern, s.reference.as_str()));
            if named {
                used.insert(at);
                keep = true;
            }
        }
        keep
    });
    for (at, pattern) in patterns.iter().enumerate() {
        if !used.contains(&at) {
            registered.problems.push(Problem {
                severity: Severity::Error,
                code: "NO_SUCH_CONTEXT",
                origin: None,
                subject: CleanText::new(pattern),
                message: CleanText::new("no context has a name like that"),
                hint: Some(CleanText::new("Patterns are whole names; `*` stands for any characters.")),
            });
        }
    }
    let gone = |key| !registered.entries.iter().any(|row| &row.entry.key == key);
    if registered.current.as_ref().is_some_and(gone) {
        registered.current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::kubeconfig::load_text;
    use crate::registry::register;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expect) in [
            ("prod", "prod", true),
            ("prod", "prod-1", false),
            ("prod*", "prod-1", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*-eu-*", "prod-eu-1", true),
            ("*-eu-*", "prod-eu", false),
            ("?rod", "prod", true),
            ("?", "é", true),
            ("*aab", "aaaab", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expect, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_many_stars_cost_little(name in "[a-c]{0,40}") {
            prop_assert!(matches(&name, &name));
            let stars: String = std::iter::once('*').chain(name.chars().flat_map(|c| ['*', c, '*'])).collect();
            prop_assert!(matches(&stars, &name));
            let other = stars + "x";
            prop_assert!(!matches(&other, &name));
        }
    }

    #[test]
    fn rows_are_kept_by_name_and_an_idle_pattern_is_told() {
        let text = "apiVersion: v1\nkind: Config\ncurrent-context: dev-1\n\
            clusters: [{name: c, cluster: {server: 'https://c.test'}}]\nusers: [{name: u, user: {token: abc}}]\n\
            contexts:\n- {name: prod-1, context: {cluster: c, user: u}}\n- {name: prod-2, context: {cluster: c, user: u}}\n\
            - {name: dev-1, context: {cluster: c, user: u}}\n";
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let loaded = load_text(text.as_bytes().to_vec(), std::path::Path::new("/k"));
        let mut registered = register(&loaded, now);
        keep_named(&mut registered, &["prod-*".to_owned(), "stage".to_owned()]);
        let keys: Vec<_> = registered.entries.iter().map(|row| row.entry.key.as_str()).collect();
        assert_eq!(keys, ["prod-1", "prod-2"]);
        assert_eq!(registered.current, None);
        let codes: Vec<_> = registered.problems.iter().map(|p| (p.code, p.subject.as_str())).collect();
        assert_eq!(codes, [("NO_SUCH_CONTEXT", "stage")]);
        let mut all = register(&loaded, now);
        keep_named(&mut all, &[]);
        assert_eq!((all.entries.len(), all.current.is_some()), (3, true));
    }
}
