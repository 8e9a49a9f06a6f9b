//! What is to be remembered, on its way to the memory: gathered, and handed over from time to time.

use std::time::Duration;

use super::fold::News;
use crate::store::{Store, StoreError};

/// How often it is handed over.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

impl News {
    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.evidence.is_empty() && self.sightings.is_empty()
    }

    /// Takes newer news in.
    pub(super) fn extend(&mut self, newer: Self) {
        self.inputs.extend(newer.inputs);
        self.evidence.extend(newer.evidence);
        self.sightings.extend(newer.sightings);
    }

    /// Hands all of it over. What the memory has no time for stays for the next time; without a memory nothing stays.
    pub(super) fn hand_over(&mut self, store: &Store) {
        let busy = |handed: Result<(), StoreError>| matches!(handed, Err(StoreError::Busy));
        for source in self.sightings.keys().cloned().collect::<Vec<_>>() {
            let Some(sightings) = self.sightings.remove(&source) else { continue };
            if busy(store.remember_sightings(source.clone(), sightings.clone())) {
                self.sightings.insert(source, sightings);
                return;
            }
        }
        if !self.inputs.is_empty() {
            let inputs = self.inputs.iter().map(|(id, inputs)| (id.clone(), inputs.clone())).collect();
            if busy(store.remember_inputs(inputs)) {
                return;
            }
            self.inputs.clear();
        }
        if !self.evidence.is_empty() {
            let evidence = self.evidence.iter().map(|(id, seen)| (id.clone(), seen.clone())).collect();
            if !busy(store.remember_evidence(evidence)) {
                self.evidence.clear();
            }
        }
    }
}
