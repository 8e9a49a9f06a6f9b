//! The name of a row and its key.

use std::collections::{HashMap, HashSet};

use super::against::Known;
use crate::fleet::{CleanText, ClusterKey};

/// The name to show for what a source calls a cluster.
pub(super) fn shown(name: &CleanText) -> CleanText {
    if name.is_empty() { CleanText::new("(no name)") } else { name.clone() }
}

/// The keys of rows, of which is told whether they are gone and which sighting gives them their name. A name that several rows have goes
/// to a live one, of those to the weightiest, and the others become `name~2`, `name~3` ...; so it does not matter which source was
/// read first.
pub(super) fn keys(named: &[(bool, &Known<'_>)]) -> Vec<ClusterKey> {
    let mut order: Vec<usize> = (0..named.len()).collect();
    order.sort_by_key(|at| named.get(*at).map(|(gone, known)| (*gone, known.weight())));
    let mut keys = Keys::default();
    let mut given: Vec<(usize, ClusterKey)> = Vec::with_capacity(named.len());
    for at in order {
        if let Some((_, known)) = named.get(at) {
            given.push((at, keys.unique(&shown(&known.sighting.name))));
        }
    }
    given.sort_unstable_by_key(|(at, _)| *at);
    given.into_iter().map(|(_, key)| key).collect()
}

/// Gives out keys: the name itself, then `name~2`, `name~3` ...
#[derive(Default)]
struct Keys {
    taken: HashSet<ClusterKey>,
    last: HashMap<CleanText, usize>,
}

impl Keys {
    fn unique(&mut self, name: &CleanText) -> ClusterKey {
        let key = ClusterKey::new(name);
        if self.taken.insert(key.clone()) {
            return key;
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last += 1;
            // A name at the limit of CleanText keeps its number, so the loop ends.
            let key = ClusterKey::new(&CleanText::with_cap(&format!("{name}~{last}"), usize::MAX));
            if self.taken.insert(key.clone()) {
                return key;
            }
        }
    }
}
