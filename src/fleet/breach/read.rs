//! What the texts of rules mean. A text that means nothing is a problem of the fleet file, told where that is read; here it judges nobody.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use crate::fleet::grammar::{Piece, name_pattern, template};
use crate::fleet::{CleanText, Cluster};

/// How many compiled patterns are kept. Classes are few.
const MOST_PATTERNS: usize = 64;

/// Whether a whole name is of a shape; `None` if the pattern is no regular expression.
pub(super) fn is_of_shape(pattern: &str, name: &str) -> Option<bool> {
    thread_local! {
        // Ten thousand clusters of one class would compile one pattern ten thousand times.
        static COMPILED: RefCell<HashMap<String, Option<Regex>>> = RefCell::new(HashMap::new());
    }
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= MOST_PATTERNS && !compiled.contains_key(pattern) {
            compiled.clear();
        }
        let regex = compiled.entry(pattern.to_owned()).or_insert_with(|| name_pattern(pattern).ok());
        regex.as_ref().map(|regex| regex.is_match(name))
    })
}

/// The version in an image's tag: `registry:5000/coredns/coredns:v1.12.0-eksbuild.2@sha256:..` is 1.12.0. Only major, minor and patch
/// count; `None` if there is no tag, or none with at least two numbers.
pub(super) fn image_version(image: &str) -> Option<semver::Version> {
    let named = image.split('@').next().unwrap_or(image);
    let last = named.rsplit('/').next().unwrap_or(named);
    let (_, tag) = last.split_once(':')?;
    let tag = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = tag.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tag.len());
    let (numbers, rest) = tag.split_at_checked(end)?;
    if !(rest.is_empty() || rest.starts_with(['-', '+', '_'])) {
        return None;
    }
    let numbers: Vec<u64> = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [major, minor] => Some(semver::Version::new(*major, *minor, 0)),
        [major, minor, patch, ..] => Some(semver::Version::new(*major, *minor, *patch)),
        _ => None,
    }
}

/// The last part of an image's repository, `coredns`.
pub(super) fn image_name(image: &str) -> &str {
    let named = image.split('@').next().unwrap_or(image);
    let last = named.rsplit('/').next().unwrap_or(named);
    last.split(':').next().unwrap_or(last)
}

/// Whether a text is of a pattern in which `*` stands for anything and `?` for one character.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was and what it stood for so far: going back there is all the backtracking that is needed.
    let mut star = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(x) if *x == '?' || x == c => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// A template with the cluster's properties in place of what stands in braces; `None` if it has not all of them.
pub(super) fn filled(text: &str, cluster: &Cluster) -> Option<String> {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Text(text) => Some(text.to_owned()),
        Piece::Property(property) => value(cluster, property).map(|v| v.to_string()),
    };
    template(text).ok()?.into_iter().map(piece).collect()
}

fn value(cluster: &Cluster, property: &str) -> Option<CleanText> {
    let facts = &cluster.entry.facts;
    let known = match property {
        "name" => Some(cluster.entry.name.clone()),
        "class" => Some(cluster.class.name.clone()),
        "region" => facts.region.clone().or_else(|| cluster.region().filter(|t| !t.guessed).map(|t| t.value)),
        "provider" => {
            facts.provider.clone().or_else(|| cluster.provider().filter(|t| !t.guessed).map(|t| t.value))
        }
        "account" => facts.account.clone(),
        _ => None,
    };
    let label =
        || property.strip_prefix("label.").and_then(|key| cluster.entry.labels.get(&CleanText::new(key)));
    let key = CleanText::new(property.strip_prefix("property.").unwrap_or(property));
    let parameter = || cluster.parameters.iter().find(|p| p.key == key).map(|p| p.value.clone());
    // What a pattern captured from the name says more than what is known by the same word.
    cluster.properties.get(&key).cloned().or(known).or_else(|| label().cloned()).or_else(parameter)
}
