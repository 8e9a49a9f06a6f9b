//! Labels and properties of a row: who says what, whose word counts, and where they contradict each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::against::Known;
use crate::fleet::{
    CleanText, Conflict, DecisionIndex, Entry, Identity, Provenance, Sighting, SightingId, TextMap,
};

/// Notes where a field's value comes from.
pub(super) fn note(entry: &mut Entry, field: &str, from: CleanText) {
    entry.provenance.push(Provenance { field: CleanText::new(field), from });
}

/// Notes a contradiction, if there is one: of `said`, the first was taken.
pub(super) fn contradiction(entry: &mut Entry, field: &str, said: Vec<(SightingId, CleanText)>) {
    let differs = said.first().is_some_and(|(_, first)| said.iter().any(|(_, value)| value != first));
    if differs {
        entry.conflicts.push(Conflict { field: CleanText::new(field), values: said });
    }
}

/// Fills in labels, with those that people gave on top, and properties.
pub(super) fn fill(
    entry: &mut Entry,
    speaking: &[&Known<'_>],
    decided: &DecisionIndex<'_>,
    ids: &[Identity],
    merged: bool,
) {
    entry.labels = union(entry, "label", speaking, |s| &s.labels, merged);
    entry.properties = union(entry, "property", speaking, |s| &s.properties, merged);
    let given = decided.labels(ids);
    if given.is_empty() {
        return;
    }
    let mut labels = BTreeMap::clone(&entry.labels);
    for (key, (value, _)) in given {
        labels.insert(key.clone(), value.clone());
        let field = CleanText::new(&format!("label.{key}"));
        // A person has settled it.
        entry.conflicts.retain(|c| c.field != field);
        entry.provenance.retain(|p| p.field != field);
        entry.provenance.push(Provenance { field, from: CleanText::new("you") });
    }
    entry.labels = Arc::new(labels);
}

fn union<'a>(
    entry: &mut Entry,
    what: &str,
    speaking: &[&'a Known<'a>],
    of: impl Fn(&'a Sighting) -> &'a TextMap,
    merged: bool,
) -> TextMap {
    let mut saying = speaking.iter().filter(|k| !of(k.sighting).is_empty());
    let (first, second) = (saying.next(), saying.next());
    let Some(first) = first else { return TextMap::default() };
    if second.is_none() && !merged {
        return Arc::clone(of(first.sighting));
    }
    let mut said: BTreeMap<&CleanText, Vec<(&Known<'_>, &CleanText)>> = BTreeMap::new();
    for known in speaking {
        for (key, value) in of(known.sighting).iter() {
            said.entry(key).or_default().push((known, value));
        }
    }
    for (key, values) in &said {
        let field = format!("{what}.{key}");
        let Some((first, taken)) = values.first() else { continue };
        note(entry, &field, first.whose());
        if values.iter().any(|(_, value)| value != taken) {
            let said = values.iter().map(|(k, v)| (k.sighting.id.clone(), (*v).clone())).collect();
            contradiction(entry, &field, said);
        }
    }
    if second.is_none() {
        return Arc::clone(of(first.sighting));
    }
    let taken = said.into_iter().filter_map(|(key, values)| Some((key.clone(), values.first()?.1.clone())));
    Arc::new(taken.collect())
}
