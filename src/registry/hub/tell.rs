//! What a source tells: its clusters put together, how reading it goes, and what is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decode::join;
use super::table::{Slot, Table};
use crate::fleet::{CleanText, ErrorCode, Failure, Problem, Severity, SourceState, Sync};
use crate::registry::report::{Sighted, SourceReport};

/// Problems of one code that a source tells; the rest is counted.
const MAX_TOLD: usize = 5;

impl Table {
    /// Everything, as the source tells it.
    pub(super) fn report(&self) -> SourceReport {
        let mut sighted = Vec::with_capacity(self.slots.len());
        let mut parts: BTreeMap<&CleanText, Vec<&Slot>> = BTreeMap::new();
        for slot in self.slots.values().filter(|slot| slot.base.gone_at.is_none()) {
            if let Some(whole) = &slot.joins {
                parts.entry(whole).or_default().push(slot);
            }
        }
        for (reference, slot) in &self.slots {
            let is_part = slot.feed.and_then(|feed| self.lists.get(feed)).is_some_and(|list| list.part);
            if is_part || slot.joins.as_ref().is_some_and(|whole| self.slots.contains_key(whole)) {
                continue;
            }
            let mut whole = slot.shown.clone();
            if slot.base.gone_at.is_none() {
                let around = namespace(reference).and_then(|key| self.slots.get(&key));
                let around = around.filter(|slot| slot.base.gone_at.is_none());
                for part in parts.get(reference).into_iter().flatten().copied().chain(around) {
                    let both = Arc::new(join(self.setting.kind, &whole.sighting, &part.shown.sighting));
                    let from = if whole.target.is_some() { &whole } else { &part.shown };
                    whole = Sighted { sighting: both, ..from.clone() };
                }
            }
            sighted.push(whole);
        }
        let state = self.state(&sighted);
        SourceReport { state, sighted: sighted.into() }
    }

    fn state(&self, sighted: &[Sighted]) -> SourceState {
        let lists: Vec<_> = self.lists.iter().filter(|list| !list.part).collect();
        let mut state = SourceState::new(self.setting.kind, self.setting.name.clone());
        state.entries = sighted.iter().filter(|s| s.sighting.gone_at.is_none()).count();
        state.sync = if self.is_failing() {
            Sync::Failing
        } else if !self.is_read() || !self.settled {
            Sync::Reading
        } else if lists.iter().any(|list| list.watched) {
            Sync::Watching
        } else {
            Sync::Polling
        };
        // Confirmed is only what all of it was confirmed at.
        let working = lists.iter().filter(|list| list.failure.is_none() || self.is_failing());
        state.synced_at = working.map(|list| list.synced_at).min().flatten();
        let verb = if lists.iter().any(|list| list.whole && !list.watched) { "list" } else { "watch" };
        let mut what: Vec<_> = lists.iter().map(|list| list.what.as_str()).collect();
        what.dedup();
        state.how = CleanText::new(&format!("{verb} {}", what.join(", ")));
        state.next_at = lists.iter().filter_map(|list| list.next_at).min();
        let since = lists.iter().filter_map(|list| list.failure.as_ref().map(|(_, since)| *since)).min();
        state.failing_since = since.filter(|_| state.sync == Sync::Failing);
        state.problems = self.problems(sighted);
        state
    }

    fn problems(&self, sighted: &[Sighted]) -> Vec<Problem> {
        let mut told = Vec::new();
        for list in &self.lists {
            let absent = |failure: &Failure| list.part && failure.code == ErrorCode::Version;
            if let Some((failure, _)) = list.failure.as_ref().filter(|(failure, _)| !absent(failure)) {
                told.push(Problem {
                    severity: if list.part { Severity::Note } else { Severity::Error },
                    code: failure.code.as_str(),
                    origin: None,
                    subject: CleanText::new(&list.what),
                    message: failure.message.clone(),
                    hint: failure.hint.clone().or_else(|| advice(failure.code, &list.what)),
                });
            }
        }
        let mut counts: BTreeMap<&str, (usize, Severity)> = BTreeMap::new();
        let of_objects =
            sighted.iter().filter(|s| s.sighting.gone_at.is_none()).flat_map(|s| &s.sighting.problems);
        let broken = self.lists.iter().flat_map(|list| &list.broken);
        for problem in broken.chain(of_objects.filter(|p| p.severity > Severity::Note)) {
            let (count, _) = counts.entry(problem.code).or_insert((0, problem.severity));
            *count += 1;
            if *count <= MAX_TOLD {
                told.push(problem.clone());
            }
        }
        for (code, (count, severity)) in counts {
            if let Some(more) = count.checked_sub(MAX_TOLD).filter(|more| *more > 0) {
                let code = told.iter().map(|p| p.code).find(|known| *known == code).unwrap_or("MORE");
                told.push(Problem {
                    severity,
                    code,
                    origin: None,
                    subject: self.setting.name.clone(),
                    message: CleanText::new(&format!("{more} more of this kind ({code})")),
                    hint: None,
                });
            }
        }
        told
    }
}

/// What to try where the client has no advice.
fn advice(code: ErrorCode, what: &str) -> Option<CleanText> {
    let text = match code {
        ErrorCode::Http403 => format!("Ask for the right to list and watch {what}."),
        ErrorCode::Http401 => "Sign in to the hub again: its context's credential was refused.".to_owned(),
        _ => return None,
    };
    Some(CleanText::new(&text))
}

/// The reference of the namespace that an object stands in, where namespaces are read.
fn namespace(reference: &CleanText) -> Option<CleanText> {
    let (namespace, _) = reference.as_str().split_once('/')?;
    Some(CleanText::new(&format!("namespaces {namespace}")))
}
