//! What the sources of a row say besides labels: the weightiest word of each kind.

use chrono::{DateTime, Utc};

use super::against::Known;
use super::says::{contradiction, note};
use crate::fleet::heartbeat::patience;
use crate::fleet::{CleanText, Entry, Facts, Truth};

/// Fills in UID, facts and the time of the newest word. `members` and `speaking` are in the order of weight.
pub(super) fn fill(entry: &mut Entry, members: &[&Known<'_>], speaking: &[&Known<'_>], now: DateTime<Utc>) {
    uid(entry, members);
    entry.said_at = speaking.iter().map(|k| k.sighting.said_at).max();
    entry.hosts_source = speaking.iter().any(|k| k.sighting.hosts_source);
    let mut of = Reader { entry, speaking, merged: members.len() > 1 };
    let mut facts = Facts::default();
    if let Some(s) = of.first("version", |f| f.version.as_ref().map(|v| CleanText::new(&v.to_string()))) {
        facts.version.clone_from(&s.version);
        facts.version_text.clone_from(&s.version_text);
    }
    facts.version_text = facts.version_text.or_else(|| of.any(|f| f.version_text.clone()));
    facts.wanted_version = of.any(|f| f.wanted_version.clone());
    facts.support_ends = of.any(|f| f.support_ends);
    facts.provider = of.first("provider", |f| f.provider.clone()).and_then(|f| f.provider.clone());
    facts.region = of.first("region", |f| f.region.clone()).and_then(|f| f.region.clone());
    facts.account = of.first("account", |f| f.account.clone()).and_then(|f| f.account.clone());
    facts.nodes = of.any(|f| f.nodes);
    facts.phase = of.any(|f| f.phase.clone());
    facts.paused = speaking.iter().any(|k| k.sighting.facts.paused);
    facts.ghost = speaking.iter().any(|k| k.sighting.facts.ghost);
    health(&mut facts, entry, speaking, members.len() > 1, now);
    for said in speaking.iter().map(|k| &k.sighting.facts) {
        for end in &said.certificates {
            if !facts.certificates.iter().any(|known| known.name == end.name) {
                facts.certificates.push(end.clone());
            }
        }
        for insight in &said.insights {
            if !facts.insights.contains(insight) {
                facts.insights.push(insight.clone());
            }
        }
    }
    entry.facts = facts;
}

/// The UID that is said, else the one that was seen. A source whose own path leads to another cluster than it says is a contradiction.
fn uid(entry: &mut Entry, members: &[&Known<'_>]) {
    let Some(known) = members.iter().find(|k| k.uid.is_some()) else { return };
    entry.uid = known.uid.map(CleanText::new);
    if members.len() > 1 {
        note(entry, "uid", known.whose());
    }
    for known in members {
        let seen = known.seen.map(|e| &e.uid).filter(|uid| !uid.is_empty());
        if let (Some(said), Some(seen)) = (&known.sighting.uid, seen)
            && !said.is_empty()
        {
            let id = &known.sighting.id;
            contradiction(entry, "uid", vec![(id.clone(), said.clone()), (id.clone(), seen.clone())]);
        }
    }
}

/// The weightiest word of health that still counts, else the weightiest that no longer does.
fn health(facts: &mut Facts, entry: &mut Entry, speaking: &[&Known<'_>], merged: bool, now: DateTime<Utc>) {
    let word = |known: &Known<'_>| {
        let s = known.sighting;
        let allowed = u32::try_from(patience(s.kind).num_seconds()).unwrap_or(u32::MAX);
        let aged = Facts {
            health: s.facts.health.clone(),
            heartbeat_at: s.facts.heartbeat_at,
            heartbeat_seconds: s.facts.heartbeat_seconds.or_else(|| s.facts.heartbeat_at.map(|_| allowed)),
            ..Facts::default()
        };
        Facts { health: aged.health_at(now), ..aged }
    };
    let words: Vec<(&Known<'_>, Facts)> = speaking.iter().map(|k| (*k, word(k))).collect();
    let knows = |f: &Facts| f.health.as_ref().is_some_and(|h| h.healthy != Truth::Unknown);
    let taken = words
        .iter()
        .find(|(_, f)| knows(f))
        .or_else(|| words.iter().find(|(_, f)| f.health.is_some()))
        .or_else(|| words.iter().max_by_key(|(_, f)| f.heartbeat_at));
    let Some((known, said)) = taken else { return };
    facts.health.clone_from(&said.health);
    facts.heartbeat_at = said.heartbeat_at;
    facts.heartbeat_seconds = said.heartbeat_seconds;
    if merged && said.health.is_some() {
        note(entry, "health", known.whose());
    }
}

/// Reads one kind of fact after the other.
struct Reader<'a, 'k> {
    entry: &'a mut Entry,
    speaking: &'a [&'k Known<'k>],
    merged: bool,
}

impl<'k> Reader<'_, 'k> {
    /// The first that is said.
    fn any<T>(&self, of: impl Fn(&Facts) -> Option<T>) -> Option<T> {
        self.speaking.iter().find_map(|k| of(&k.sighting.facts))
    }

    /// Who says the first, noted with those who say otherwise.
    fn first(&mut self, field: &str, of: impl Fn(&Facts) -> Option<CleanText>) -> Option<&Facts> {
        let value = |k: &&'k Known<'k>| Some((*k, of(&k.sighting.facts).filter(|v| !v.is_empty())?));
        let said: Vec<_> = self.speaking.iter().filter_map(value).collect();
        let first = said.first()?.0;
        if self.merged {
            note(self.entry, field, first.whose());
        }
        if said.len() > 1 {
            let values = said.into_iter().map(|(k, value)| (k.sighting.id.clone(), value)).collect();
            contradiction(self.entry, field, values);
        }
        Some(&first.sighting.facts)
    }
}
