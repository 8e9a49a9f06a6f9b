//! Over which path each cluster is contacted, and what the poller is told of it.
//!
//! The rule, which a person can follow by hand:
//! * The first path is taken: the one that a person chose, else the first in the row's order that can be used and is not for
//!   emergencies. A path for emergencies is taken only if a person chose it.
//! * When a path has failed [`TRIES`] polls in a row (no connection, no answer), or signing in was refused once, the next one is
//!   taken, and so on: a connection may be better a moment later, a credential is not. When all of them have failed, the first is gone back to, and only after [`REST`] are the others tried again.
//! * While a path answers it is kept, although it is not the first: going back for no other reason than its place would only show
//!   failures. The first is gone back to when a person asks for the cluster to be polled, or when another path becomes the first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::reports::Reports;
use crate::access::Target;
use crate::fleet::{Cluster, ClusterKey, Entry, ErrorCode, SightingId, Signals, SourceKind};
use crate::observe::{Member, Wish};
use crate::registry;

/// Polls in a row that a path may fail.
const TRIES: u32 = 2;
/// How long it takes until the other paths of a cluster that answers on none are tried again.
const REST: TimeDelta = TimeDelta::minutes(10);
/// How long it takes until a refused credential is read again a second time.
const RENEW: TimeDelta = TimeDelta::seconds(30);

/// The way to each cluster that is shown; `None`: it is not contacted.
pub type Ways = HashMap<ClusterKey, Option<Arc<Target>>>;

/// A path that can be used.
type Path = (SightingId, Arc<Target>);

struct Route {
    /// All paths that can be used, the first one first. Never empty.
    paths: Vec<Path>,
    /// Which is in use.
    at: usize,
    /// Polls in a row that it failed.
    failed: u32,
    /// Paths that have failed since anything answered.
    tried: Vec<SightingId>,
    /// When all had failed.
    exhausted_at: Option<DateTime<Utc>>,
}

impl Route {
    fn path(&self) -> Option<&Path> {
        self.paths.get(self.at)
    }

    fn start_over(&mut self) {
        (self.failed, self.exhausted_at) = (0, None);
        self.tried.clear();
    }
}

/// All routes, and what is to be told of them.
#[derive(Default)]
pub(super) struct Routes {
    contact: bool,
    by_key: HashMap<ClusterKey, Route>,
    /// What the poller is to be told, in order.
    pub(super) wishes: VecDeque<Wish>,
    /// What the registry is to be told.
    pub(super) renewals: VecDeque<registry::Wish>,
    renewed: HashMap<SightingId, DateTime<Utc>>,
    /// Whether some way has changed since this was last cleared.
    pub(super) moved: bool,
}

/// The paths of an entry that the program may use, in order.
fn usable(entry: &Entry, reports: &Reports) -> Vec<Path> {
    if entry.gone_at.is_some() {
        return Vec::new();
    }
    let chosen = entry.chosen.as_ref();
    let first = entry.paths.iter().filter(|p| Some(&p.sighting) == chosen);
    let rest = entry.paths.iter().filter(|p| Some(&p.sighting) != chosen && !p.break_glass);
    let paths = first.chain(rest);
    paths.filter_map(|p| Some((p.sighting.clone(), Arc::clone(reports.target(&p.sighting)?)))).collect()
}

impl Routes {
    pub(super) fn new(contact: bool) -> Self {
        Self { contact, ..Self::default() }
    }

    /// Takes the rows as they are now. Each comes with its key of before, under which its route is known.
    pub(super) fn settle<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a Cluster, Option<&'a ClusterKey>)>,
        reports: &Reports,
    ) {
        let mut before = std::mem::take(&mut self.by_key);
        let polled: HashMap<ClusterKey, Arc<Target>> = before
            .iter()
            .filter_map(|(key, route)| Some((key.clone(), Arc::clone(&route.path()?.1))))
            .collect();
        for (row, old_key) in rows {
            let paths = usable(&row.entry, reports);
            let old = old_key.and_then(|key| before.remove(key));
            if let Some(route) = carried_on(old, paths) {
                self.by_key.insert(row.entry.key.clone(), route);
            }
        }
        if !self.contact {
            return;
        }
        let left: Vec<ClusterKey> =
            polled.keys().filter(|key| !self.by_key.contains_key(*key)).cloned().collect();
        let mut joined = Vec::new();
        for (key, route) in &self.by_key {
            let Some((_, target)) = route.path() else { continue };
            let member = || Member { key: key.clone(), target: Arc::clone(target) };
            match polled.get(key) {
                None => joined.push(member()),
                Some(before) if Arc::ptr_eq(before, target) => {}
                Some(_) => {
                    self.moved = true;
                    self.wishes.push_back(Wish::Reroute(member()));
                }
            }
        }
        self.moved |= !left.is_empty() || !joined.is_empty();
        if !left.is_empty() {
            self.wishes.push_front(Wish::Leave(left));
        }
        if !joined.is_empty() {
            joined.sort_by(|a, b| a.key.cmp(&b.key));
            self.wishes.push_back(Wish::Join(joined));
        }
    }

    /// The sighting whose path is in use for a row; `None` if it is not contacted.
    pub(super) fn path_of(&self, key: &ClusterKey) -> Option<&SightingId> {
        self.by_key.get(key).filter(|_| self.contact).and_then(Route::path).map(|(id, _)| id)
    }

    /// The way to a row, be it used or not.
    pub(super) fn way(&self, key: &ClusterKey) -> Option<&Arc<Target>> {
        self.by_key.get(key).and_then(Route::path).map(|(_, target)| target)
    }

    /// The ways to all rows.
    pub(super) fn ways<'a>(&self, keys: impl Iterator<Item = &'a ClusterKey>) -> Ways {
        let way = |key| self.by_key.get(key).and_then(Route::path).filter(|_| self.contact);
        keys.map(|key| (key.clone(), way(key).map(|(_, target)| Arc::clone(target)))).collect()
    }

    /// A poll has ended at `at`; `cluster` has taken it in.
    pub(super) fn polled(&mut self, cluster: &Cluster, at: DateTime<Utc>) {
        let attempts = &cluster.signals.attempts;
        let Some(route) = self.by_key.get_mut(&cluster.entry.key) else { return };
        if attempts.last_success == Some(at) {
            route.start_over();
            return;
        }
        let Some(code) = failure_of(&cluster.signals, at) else { return };
        route.failed = route.failed.saturating_add(1);
        let path = route.path().map(|(id, _)| id.clone());
        if let Some(path) = path.filter(|_| code == ErrorCode::Http401) {
            self.renew(cluster, path, at);
        }
        let tries = if code.is_sign_in() { 1 } else { TRIES };
        self.try_next(&cluster.entry.key, tries, at);
    }

    /// Whether some cluster's path has just made way for one that has not been polled yet.
    pub(super) fn is_trying(&self) -> bool {
        let moved = |r: &Route| r.failed == 0 && !r.tried.is_empty() && r.exhausted_at.is_none();
        self.contact && self.by_key.values().any(moved)
    }

    /// A credential that a registry gave was refused: it may have a newer one.
    fn renew(&mut self, cluster: &Cluster, path: SightingId, at: DateTime<Utc>) {
        let source = cluster.entry.sources.iter().find(|s| s.id() == path);
        if source.is_none_or(|s| matches!(s.kind, SourceKind::Kubeconfig | SourceKind::Static)) {
            return;
        }
        if self.renewed.get(&path).is_some_and(|before| at - *before < RENEW) {
            return;
        }
        self.renewed.insert(path.clone(), at);
        self.renewals.push_back(registry::Wish::Renew(path));
    }

    fn try_next(&mut self, key: &ClusterKey, tries: u32, at: DateTime<Utc>) {
        let Some(route) = self.by_key.get_mut(key) else { return };
        if route.failed < tries || route.paths.len() < 2 {
            return;
        }
        match route.exhausted_at {
            Some(since) if at - since < REST => return,
            Some(_) => route.start_over(),
            None => {}
        }
        let Some((failed, _)) = route.path().cloned() else { return };
        route.tried.push(failed);
        let count = route.paths.len();
        let mut others = (1..count).map(|step| (route.at + step) % count);
        let next = others.find(|at| route.paths.get(*at).is_some_and(|(id, _)| !route.tried.contains(id)));
        if next.is_none() {
            route.exhausted_at = Some(at);
        }
        self.go(key, next.unwrap_or(0));
    }

    /// A person asks for these (all, if empty): their first paths are tried before the others.
    pub(super) fn go_back(&mut self, keys: &[ClusterKey]) {
        let keys = if keys.is_empty() { self.by_key.keys().cloned().collect() } else { keys.to_vec() };
        for key in &keys {
            let Some(route) = self.by_key.get_mut(key) else { continue };
            route.start_over();
            self.go(key, 0);
        }
    }

    fn go(&mut self, key: &ClusterKey, to: usize) {
        let Some(route) = self.by_key.get_mut(key) else { return };
        if route.at == to {
            return;
        }
        (route.at, route.failed) = (to, 0);
        if let Some((_, target)) = route.path().filter(|_| self.contact) {
            let member = Member { key: key.clone(), target: Arc::clone(target) };
            self.moved = true;
            self.wishes.push_back(Wish::Reroute(member));
        }
    }
}

/// The route over `paths`, kept where it was if that path is still there and the first one is the same.
fn carried_on(old: Option<Route>, paths: Vec<Path>) -> Option<Route> {
    let first = paths.first()?.0.clone();
    let fresh = |paths| Route { paths, at: 0, failed: 0, tried: Vec::new(), exhausted_at: None };
    let Some(old) = old else { return Some(fresh(paths)) };
    let same_first = old.paths.first().is_some_and(|(id, _)| *id == first);
    let at = old.path().and_then(|(id, _)| paths.iter().position(|(other, _)| other == id));
    match at.filter(|_| same_first) {
        Some(at) => Some(Route { paths, at, ..old }),
        None => Some(fresh(paths)),
    }
}

/// Why the poll that ended at `at` failed, if another path may do better.
fn failure_of(signals: &Signals, at: DateTime<Utc>) -> Option<ErrorCode> {
    let failure = signals.unreachable.as_ref().filter(|_| signals.attempts.last_failure == Some(at))?;
    let ours = matches!(failure.code, ErrorCode::Cancelled | ErrorCode::Internal | ErrorCode::Http429);
    (!ours).then_some(failure.code)
}
