//! What one source knows: its clusters with their ways in, its tombstones, and how its lists go.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::ask::{Held, Refusal};
use super::condition;
use super::connect::{Connection, along, kubeconfig, through};
use super::decode::Decoded;
use super::setting::Setting;
use super::way::{Reach, SecretForm, SecretRef};
use crate::fleet::{AccessPath, CleanText, ErrorCode, Failure, Problem, Severity, Sighting, SourceKind};
use crate::registry::address;
use crate::registry::report::Sighted;

/// Broken objects that one list keeps in mind.
const MAX_BROKEN: usize = 20;

/// What is known of a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretState {
    /// There is none to read.
    Unneeded,
    /// It is to be read.
    Wanted,
    Read,
    Absent,
    Denied,
    Failed,
}

/// One cluster of the source.
pub(super) struct Slot {
    /// The list that it is in; none as long as it is only remembered.
    pub(super) feed: Option<usize>,
    pub(super) base: Sighting,
    pub(super) reach: Reach,
    pub(super) joins: Option<CleanText>,
    pub(super) secret: SecretState,
    pub(super) connection: Option<Connection>,
    pub(super) shown: Sighted,
}

/// How a list goes.
#[derive(Default)]
pub(super) struct List {
    pub(super) what: String,
    /// Whether its objects only add to others, so that it is no trouble if there are none to be had.
    pub(super) part: bool,
    /// What it has said since it began.
    pub(super) seen: Option<HashSet<CleanText>>,
    pub(super) whole: bool,
    pub(super) watched: bool,
    pub(super) synced_at: Option<DateTime<Utc>>,
    pub(super) next_at: Option<DateTime<Utc>>,
    pub(super) failure: Option<(Failure, DateTime<Utc>)>,
    pub(super) broken: Vec<Problem>,
}

/// How much a message has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Nothing that anybody would see.
    Nothing,
    /// A time.
    Slight,
    /// Something that people wait for.
    Real,
}

/// Everything that one source knows.
pub(super) struct Table {
    pub(super) setting: Arc<Setting>,
    pub(super) slots: BTreeMap<CleanText, Slot>,
    pub(super) lists: Vec<List>,
    /// Whether all Secrets have been read once.
    pub(super) settled: bool,
}

impl Table {
    /// A table that begins with what is remembered; `lists` says for people what is read, and which
    /// only add to others.
    pub(super) fn new(setting: Arc<Setting>, known: &[Arc<Sighting>], lists: Vec<(String, bool)>) -> Self {
        let slots = known.iter().map(|sighting| {
            let shown = Sighted { sighting: sighting.clone(), target: None, identity_key: [0; 32] };
            let slot = Slot {
                feed: None,
                base: sighting.as_ref().clone(),
                reach: Reach::Unsaid,
                joins: None,
                secret: SecretState::Unneeded,
                connection: None,
                shown,
            };
            (sighting.id.reference.clone(), slot)
        });
        let slots = slots.collect();
        let lists = lists.into_iter().map(|(what, part)| List { what, part, ..List::default() }).collect();
        Self { setting, slots, lists, settled: false }
    }

    /// A list begins anew.
    pub(super) fn begin(&mut self, feed: usize) {
        if let Some(list) = self.lists.get_mut(feed) {
            list.seen = Some(HashSet::new());
            list.broken.clear();
        }
    }

    /// An object that is left out.
    pub(super) fn broken(&mut self, feed: usize, problem: Problem) -> Change {
        match self.lists.get_mut(feed) {
            Some(list) if list.broken.len() < MAX_BROKEN => {
                list.broken.push(problem);
                Change::Real
            }
            _ => Change::Nothing,
        }
    }

    /// Takes what an object says. The second answer is whether its Secret is to be read.
    pub(super) fn take(&mut self, feed: usize, decoded: Decoded) -> (Change, bool) {
        let Decoded { sighting, reach, joins } = decoded;
        let reference = sighting.id.reference.clone();
        if let Some(seen) = self.lists.get_mut(feed).and_then(|list| list.seen.as_mut()) {
            seen.insert(reference.clone());
        }
        let before = self.slots.remove(&reference);
        let same_way = before.as_ref().is_some_and(|slot| slot.feed.is_some() && slot.reach == reach);
        let about = &sighting.id.reference;
        let (connection, secret) = match (&reach, &before) {
            (_, Some(slot)) if same_way => (slot.connection.clone(), slot.secret),
            (Reach::Unsaid, _) => (None, SecretState::Unneeded),
            (Reach::Way(way), _) => (Some(along(&self.setting, about, way)), SecretState::Unneeded),
            (Reach::Hub(path), _) => (Some(through(&self.setting, path)), SecretState::Unneeded),
            (Reach::Secret(_), _) => (None, SecretState::Wanted),
        };
        // A Secret that was not there may have come with the change.
        let wanted = matches!(secret, SecretState::Wanted | SecretState::Absent | SecretState::Failed);
        let shown = show(&self.setting, &sighting, connection.as_ref());
        let change = match &before {
            Some(slot) if same_way && slot.joins == joins => difference(&slot.shown, &shown),
            _ => Change::Real,
        };
        let slot = Slot { feed: Some(feed), base: sighting, reach, joins, secret, connection, shown };
        self.slots.insert(reference, slot);
        (change, wanted)
    }

    /// A list is complete: what it has not said is gone.
    pub(super) fn whole(&mut self, feed: usize, at: DateTime<Utc>) {
        let Some(list) = self.lists.get_mut(feed) else { return };
        let seen = list.seen.take().unwrap_or_default();
        list.whole = true;
        list.failure = None;
        list.synced_at = Some(at);
        list.next_at = None;
        let all = self.lists.iter().all(|list| list.part || list.whole);
        for (reference, slot) in &mut self.slots {
            // What is only remembered could be in any of the lists.
            let lost = match slot.feed {
                Some(owner) => owner == feed && !seen.contains(reference),
                None => all,
            };
            if lost {
                bury(slot, at);
            }
        }
    }

    /// The hub has said that an object was deleted.
    pub(super) fn removed(&mut self, reference: &CleanText, at: DateTime<Utc>) -> Change {
        match self.slots.get_mut(reference) {
            Some(slot) => {
                bury(slot, at);
                Change::Real
            }
            None => Change::Nothing,
        }
    }

    /// The hub has said that nothing else has changed.
    pub(super) fn confirmed(&mut self, feed: usize, at: DateTime<Utc>) -> Change {
        let Some(list) = self.lists.get_mut(feed) else { return Change::Nothing };
        let changed = !list.watched || list.failure.is_some();
        list.watched = true;
        list.failure = None;
        list.next_at = None;
        list.synced_at = Some(at);
        if changed { Change::Real } else { Change::Slight }
    }

    /// The list cannot be watched and is read again later.
    pub(super) fn unwatched(&mut self, feed: usize, next: DateTime<Utc>) {
        if let Some(list) = self.lists.get_mut(feed) {
            list.watched = false;
            list.next_at = Some(next);
        }
    }

    /// The list cannot be read for now. That it still cannot be is no news.
    pub(super) fn failed(
        &mut self,
        feed: usize,
        failure: Failure,
        at: DateTime<Utc>,
        next: Option<DateTime<Utc>>,
    ) -> Change {
        let Some(list) = self.lists.get_mut(feed) else { return Change::Nothing };
        let before = list.failure.as_ref().map(|(failure, _)| failure);
        let change = match before {
            Some(before) if *before == failure && list.part => Change::Nothing,
            Some(before) if *before == failure => Change::Slight,
            _ => Change::Real,
        };
        let since = list.failure.as_ref().map_or(at, |(_, since)| *since);
        list.failure = Some((failure, since));
        list.next_at = next;
        change
    }

    /// Lets the health of clusters grow old that have not reported for too long.
    pub(super) fn age(&mut self, now: DateTime<Utc>) -> Change {
        let mut change = Change::Nothing;
        for slot in self.slots.values_mut().filter(|slot| slot.base.gone_at.is_none()) {
            let before = slot.base.facts.health.as_ref().map(|h| h.healthy);
            condition::age(&mut slot.base.facts, now);
            if slot.base.facts.health.as_ref().map(|h| h.healthy) != before {
                slot.shown = show(&self.setting, &slot.base, slot.connection.as_ref());
                change = Change::Real;
            }
        }
        change
    }

    /// The Secret of a cluster, if it has one.
    pub(super) fn secret(&self, reference: &CleanText) -> Option<&SecretRef> {
        let slot = self.slots.get(reference)?;
        if slot.base.gone_at.is_some() { None } else { slot.reach.secret() }
    }

    /// The object that holds the Secret for a sighting: its own, or that of the object that was joined to it.
    pub(super) fn holder(&self, reference: &CleanText) -> Option<CleanText> {
        if self.secret(reference).is_some() {
            return Some(reference.clone());
        }
        let joined = self.slots.iter().find(|(_, slot)| slot.joins.as_ref() == Some(reference))?;
        joined.1.reach.secret().map(|_| joined.0.clone())
    }

    /// The clusters whose Secret is in one of these states.
    pub(super) fn waiting(&self, states: &[SecretState]) -> Vec<CleanText> {
        let waiting =
            self.slots.iter().filter(|(_, s)| s.base.gone_at.is_none() && states.contains(&s.secret));
        waiting.map(|(reference, _)| reference.clone()).collect()
    }

    /// Takes what came of reading a Secret.
    pub(super) fn read(&mut self, reference: &CleanText, answer: Result<Held, Refusal>) -> Change {
        let setting = &self.setting;
        let Some(slot) = self.slots.get_mut(reference) else { return Change::Nothing };
        let Reach::Secret(secret) = &slot.reach else { return Change::Nothing };
        let name = format!("{}/{}", secret.namespace, secret.name);
        let (state, connection) = match answer {
            Ok(held) => (SecretState::Read, open(setting, reference, secret, &held)),
            // What was read before is better than nothing, and the hub's trouble is told by its lists.
            Err(Refusal::Failed(failure)) if failure.code != ErrorCode::Http403 => {
                if slot.connection.is_some() {
                    return Change::Nothing;
                }
                let message = format!("the Secret {name} cannot be read: {failure}");
                (SecretState::Failed, Connection::refused(reference, "SECRET_UNREAD", &message, ""))
            }
            Err(refusal) => {
                let denied = matches!(refusal, Refusal::Failed(_));
                let state = if denied { SecretState::Denied } else { SecretState::Absent };
                let connection = match &secret.otherwise {
                    Some(path) => through(setting, path),
                    None if denied => Connection::refused(
                        reference,
                        "SECRET_DENIED",
                        &format!("the Secret {name}, which says how the cluster is reached, may not be read"),
                        "Ask for the right to get this Secret, or reach the cluster by a kubeconfig of your own.",
                    ),
                    None => {
                        let message = "which says how the cluster is reached, does not exist";
                        let message = format!("the Secret {name}, {message}");
                        let mut none = Connection::refused(reference, "SECRET_ABSENT", &message, "");
                        if is_young(&slot.base) {
                            none.problems.iter_mut().for_each(|p| p.severity = Severity::Note);
                        }
                        none
                    }
                };
                (state, connection)
            }
        };
        let same = slot.connection.as_ref().is_some_and(|known| known.same(&connection));
        slot.secret = state;
        if same {
            return Change::Nothing;
        }
        slot.shown = show(setting, &slot.base, Some(&connection));
        slot.connection = Some(connection);
        Change::Real
    }

    /// Whether every list has ended or failed once.
    pub(super) fn is_read(&self) -> bool {
        self.lists.iter().all(|list| list.whole || list.failure.is_some())
    }

    /// Whether the hub answers at all.
    pub(super) fn is_failing(&self) -> bool {
        self.lists.iter().all(|list| list.part || list.failure.is_some())
    }
}

/// What a Secret's content comes to.
fn open(setting: &Setting, about: &CleanText, secret: &SecretRef, held: &Held) -> Connection {
    let missing = |key: &str| {
        let message = format!("the Secret {}/{} has no {key}", secret.namespace, secret.name);
        Connection::refused(about, "BAD_SECRET", &message, "")
    };
    match &secret.form {
        SecretForm::Kubeconfig { key } => match held.0.get(key) {
            Some(bytes) => kubeconfig(setting, about, bytes),
            None => missing(key),
        },
        SecretForm::Token { way, key, authority } => {
            let token = held.0.get(key).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let Some(token) = token else { return missing(key) };
            let mut way = way.clone();
            way.user("token", Some(token.trim()));
            let bundle = authority.and_then(|key| held.0.get(key));
            if let Some(pem) = bundle.filter(|_| !way.cluster.contains_key("insecure-skip-tls-verify")) {
                use base64::Engine;
                let text = base64::engine::general_purpose::STANDARD.encode(pem);
                way.authority(Some(&text));
            }
            along(setting, about, &way)
        }
    }
}

/// An object with its way in, as it is told.
fn show(setting: &Setting, base: &Sighting, connection: Option<&Connection>) -> Sighted {
    let mut sighting = base.clone();
    let Some(connection) = connection else {
        return Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] };
    };
    sighting.problems.extend(connection.problems.iter().cloned());
    if let Some(server) = &connection.server {
        let over_hub = connection.path.via.is_some();
        let fronted = over_hub || !server.path.is_empty();
        let via = connection.path.via.clone().or_else(|| fronted.then(|| CleanText::new(&server.host)));
        sighting.path = Some(AccessPath {
            sighting: sighting.id.clone(),
            break_glass: setting.spec.break_glass,
            via,
            ..connection.path.clone()
        });
        if sighting.server.is_none() {
            sighting.server = Some(address::normal(server));
            sighting.fronted = fronted;
        }
        if sighting.authorities.is_empty() && !fronted && !sighting.fronted {
            sighting.authorities.clone_from(&connection.authorities);
        }
    }
    Sighted {
        sighting: Arc::new(sighting),
        target: connection.target.clone(),
        identity_key: connection.identity_key,
    }
}

/// Whether a cluster is still being made, or is being taken down: then nobody expects to get in.
fn is_young(sighting: &Sighting) -> bool {
    let phase = sighting.facts.phase.as_ref().map_or("", CleanText::as_str);
    matches!(phase, "Pending" | "Provisioning" | "Deleting")
        || (sighting.kind == SourceKind::ClusterApi && phase.is_empty())
}

/// Makes a slot a tombstone.
fn bury(slot: &mut Slot, at: DateTime<Utc>) {
    if slot.base.gone_at.is_some() {
        return;
    }
    slot.base.gone_at = Some(at);
    slot.connection = None;
    slot.reach = Reach::Unsaid;
    slot.secret = SecretState::Unneeded;
    let sighting = Sighting { gone_at: Some(at), ..slot.shown.sighting.as_ref().clone() };
    slot.shown = Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] };
}

/// Whether two states of a cluster differ in more than times.
fn difference(old: &Sighted, new: &Sighted) -> Change {
    let (a, b) = (&old.sighting, &new.sighting);
    if old.identity_key != new.identity_key || old.target.is_some() != new.target.is_some() {
        return Change::Real;
    }
    let mut calm = a.as_ref().clone();
    calm.said_at = b.said_at;
    calm.facts.heartbeat_at = b.facts.heartbeat_at;
    if calm != **b {
        return Change::Real;
    }
    if a.facts.heartbeat_at == b.facts.heartbeat_at { Change::Nothing } else { Change::Slight }
}
