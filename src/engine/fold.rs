//! The fold: what is known of the fleet, and how each report, event and decision changes it. A value without waiting and without
//! a clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::reports::{Change, Reports};
use super::routes::{Routes, Ways};
use super::rows::{Built, Job, Measures};
use super::{Settings, adapter};
use crate::access::Target;
use crate::fleet::{
    Apart, ClassBook, ClassInputs, CleanText, Cluster, ClusterKey, Decisions, Evidence, Finding, Fleet,
    Identity, Phase, Problem, Recorded, Sighting, SightingId, Snapshot, SourceKind, SourceState, Thresholds,
};
use crate::observe::{Event, Wish};
use crate::registry::{self, Registered, Told};
use crate::store::Memory;

/// Everything known of the fleet. Rows stand in stable order; what has not changed is shared with every picture taken.
#[derive(Default)]
pub struct Fold {
    rows: Vec<Arc<Cluster>>,
    index: HashMap<ClusterKey, usize>,
    reports: Reports,
    routes: Routes,
    measures: Measures,
    decisions: Arc<Decisions>,
    evidence: Arc<HashMap<SightingId, Evidence>>,
    /// What led to clusters' classes.
    known: Arc<HashMap<Identity, ClassInputs>>,
    /// Of whom that is remembered and cannot be read.
    lost: Arc<HashSet<Identity>>,
    /// Whether decisions cannot be read, nobody knows about whom.
    decisions_lost: bool,
    /// Whether there should be a memory that could not be recalled yet.
    unsure: bool,
    states: Vec<SourceState>,
    apart: Arc<[Apart]>,
    findings: Arc<[Finding]>,
    ignored: usize,
    files: Vec<CleanText>,
    /// Problems of the fleet file.
    file_problems: Vec<Problem>,
    /// What is wrong with the memory.
    memory_problem: Option<Problem>,
    generation: u64,
    loaded: bool,
    changed: bool,
    dirty: bool,
    /// A job is being worked on.
    uniting: bool,
    /// Polls have told who clusters are, and no job knows it yet.
    learned: bool,
    /// The job that is being worked on is the first that knows what they told.
    learning: bool,
    /// States have changed meanwhile.
    states_wait: bool,
    news: News,
}

/// What is to be remembered, since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) inputs: HashMap<Identity, ClassInputs>,
    pub(super) evidence: HashMap<SightingId, Evidence>,
    /// By source.
    pub(super) sightings: HashMap<CleanText, Vec<Arc<Sighting>>>,
}

impl Fold {
    /// A fleet of which nothing is known yet but the rules, and what is remembered.
    pub fn new(settings: &Settings, memory: Memory) -> Self {
        let (book, mut problems) = ClassBook::compile(Arc::clone(&settings.fleet_file));
        problems.splice(0..0, settings.fleet_file.problems.iter().cloned());
        let declared = settings.plan.sources.iter().filter_map(|source| {
            let kind = SourceKind::parse(&source.spec.kind).filter(|kind| *kind != SourceKind::Kubeconfig)?;
            Some((CleanText::new(source.spec.name.trim()), kind))
        });
        let mut fold = Self {
            reports: Reports::new(declared.collect()),
            routes: Routes::new(settings.plan.contact && !settings.sources_only),
            measures: Measures {
                book: Arc::new(book),
                almanac: Arc::new(settings.almanac.clone()),
                thresholds: Thresholds::default(),
            },
            decisions: Arc::new(Decisions(memory.decisions)),
            evidence: Arc::new(memory.evidence),
            known: Arc::new(memory.inputs),
            lost: Arc::new(memory.lost),
            decisions_lost: memory.decisions_lost,
            files: settings.files.clone(),
            file_problems: problems,
            dirty: !memory.sightings.is_empty(),
            ..Self::default()
        };
        fold.reports.remember(&memory.sightings);
        fold
    }

    /// Takes in what was registered, in place of what was before, and unites at once.
    pub fn load(&mut self, registered: Registered, now: DateTime<Utc>) {
        self.take_in(adapter::told(registered, now), now);
    }

    /// Takes in what sources say, and unites at once.
    pub fn take_in(&mut self, told: impl IntoIterator<Item = Told>, now: DateTime<Utc>) {
        for told in told {
            self.hear(told);
        }
        self.reunite(now);
    }

    /// Takes in what a source says. Rows change when they are next united.
    pub(super) fn hear(&mut self, told: Told) -> Change {
        let source = match &told {
            Told::Source(report) => Some(report.state.name.clone()),
            _ => None,
        };
        let change = self.reports.take(told);
        match change {
            // A state is not told before the rows that come with it.
            Change::State if self.dirty || self.uniting => self.states_wait = true,
            Change::State => self.states = counted(self.reports.states(), &self.states),
            Change::Clusters | Change::Local | Change::All => self.dirty = true,
        }
        self.changed = true;
        // Only what the fleet file declares is remembered: the files of this machine are read as quickly.
        if change == Change::Clusters
            && let Some(name) = source.filter(|name| self.reports.is_declared(name))
            && let Some(sightings) = self.reports.of_source(&name)
        {
            self.news.sightings.insert(name, sightings);
        }
        change
    }

    /// Whether rows are to be united again.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Asks for rows to be united again, and judged.
    pub(super) fn make_dirty(&mut self) {
        self.dirty = true;
    }

    /// Everything that uniting needs, as it is now.
    pub(super) fn job(&mut self, now: DateTime<Utc>) -> Job {
        (self.dirty, self.uniting, self.states_wait) = (false, true, false);
        (self.learned, self.learning) = (false, self.learned);
        let sightings = self.reports.sightings();
        Job {
            sightings,
            states: self.reports.states(),
            evidence: Arc::clone(&self.evidence),
            decisions: Arc::clone(&self.decisions),
            known: Arc::clone(&self.known),
            lost: Arc::clone(&self.lost),
            decisions_lost: self.decisions_lost,
            unsure: self.unsure,
            before: self.rows.clone(),
            measures: self.measures.clone(),
            local: self.reports.is_local(),
            now,
        }
    }

    /// The job broke: rows stay as they are until something changes again.
    pub(super) fn give_up(&mut self) {
        (self.uniting, self.learning) = (false, false);
        self.changed = true;
    }

    /// Unites at once.
    pub(super) fn reunite(&mut self, now: DateTime<Utc>) {
        let built = self.job(now).run();
        self.finish(built, now);
    }

    /// Takes the rows that a job came to. What was seen of a cluster while it ran is not lost.
    pub(super) fn finish(&mut self, built: Built, now: DateTime<Utc>) {
        let Built { rows, states, apart, findings, ignored, inputs, local } = built;
        self.ignored = ignored;
        let keys: Vec<Option<ClusterKey>> =
            rows.iter().map(|r| r.before.as_ref().map(|b| b.entry.key.clone())).collect();
        let mut clusters = Vec::with_capacity(rows.len());
        for row in rows {
            let newest = row
                .before
                .as_ref()
                .and_then(|b| self.index.get(&b.entry.key))
                .and_then(|at| self.rows.get(*at));
            match (newest, &row.before) {
                (Some(newest), Some(before)) if !Arc::ptr_eq(newest, before) => {
                    let mut cluster = (*row.cluster).clone();
                    cluster.signals = newest.signals.clone();
                    self.measures.judge(&mut cluster, now);
                    clusters.push(Arc::new(cluster));
                }
                _ => clusters.push(row.cluster),
            }
        }
        self.rows = clusters;
        self.index = self.rows.iter().enumerate().map(|(at, c)| (c.entry.key.clone(), at)).collect();
        self.routes.moved = true;
        self.routes
            .settle(self.rows.iter().map(|c| &**c).zip(keys.iter().map(Option::as_ref)), &self.reports);
        self.mark_routes();
        (self.states, self.apart, self.findings) = (states, apart.into(), findings.into());
        (self.loaded, self.uniting, self.learning, self.changed) = (local, false, false, true);
        if self.states_wait && !self.dirty {
            self.states = counted(self.reports.states(), &self.states);
        }
        if !inputs.is_empty() {
            let known = Arc::make_mut(&mut self.known);
            for (identity, inputs) in inputs {
                known.insert(identity.clone(), inputs.clone());
                self.news.inputs.insert(identity, inputs);
            }
        }
        self.changed = true;
    }

    /// Writes down on each row over which path it is contacted, and whether it is at all.
    fn mark_routes(&mut self) {
        let untold = self.reports.untold();
        for row in &mut self.rows {
            let path = self.routes.path_of(&row.entry.key).cloned();
            let phase = row.signals.attempts.phase;
            // A row that only a source knows that has not told yet may still come by a way.
            let waits = self.routes.way(&row.entry.key).is_some()
                || row.entry.sources.iter().any(|s| untold.contains(&s.name));
            let marked = match (waits, phase) {
                (false, _) => Phase::Parked,
                // The poller parks too; another way is another try.
                (true, Phase::Parked) if row.path_in_use != path => Phase::Waiting,
                (true, phase) => phase,
            };
            if row.path_in_use != path || phase != marked {
                let row = Arc::make_mut(row);
                row.path_in_use = path;
                row.signals.attempts.phase = marked;
            }
        }
    }

    /// Takes one event in. Costs the same however large the fleet is; an event of an unknown cluster changes nothing.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Started { key, phase, at } => {
                if let Some(cluster) = self.cluster(&key) {
                    let attempts = &mut cluster.signals.attempts;
                    attempts.phase = phase;
                    attempts.phase_since = Some(at);
                }
            }
            Event::Polled { key, snapshot, at, phase, next_at, over } => {
                let measures = self.measures.clone();
                let Some(cluster) = self.cluster(&key) else { return };
                cluster.signals.absorb(&snapshot, at);
                let attempts = &mut cluster.signals.attempts;
                attempts.phase = phase;
                attempts.phase_since = Some(at);
                attempts.next_at = Some(next_at);
                measures.judge(cluster, at);
                self.learn(&key, &snapshot, &over, at);
            }
            Event::Inspected { key, inspection, at } => {
                let measures = self.measures.clone();
                let Some(cluster) = self.cluster(&key) else { return };
                cluster.signals.inspection = Some(inspection);
                measures.judge(cluster, at);
            }
        }
    }

    fn cluster(&mut self, key: &ClusterKey) -> Option<&mut Cluster> {
        let at = *self.index.get(key)?;
        let cluster = self.rows.get_mut(at)?;
        self.changed = true;
        Some(Arc::make_mut(cluster))
    }

    /// What a poll says of the path that it went over; nothing, if another one has been taken meanwhile.
    fn learn(&mut self, key: &ClusterKey, snapshot: &Snapshot, over: &Arc<Target>, at: DateTime<Utc>) {
        let Some(row) = self.index.get(key).and_then(|at| self.rows.get(*at)) else { return };
        if !self.routes.way(key).is_some_and(|way| Arc::ptr_eq(way, over)) {
            return;
        }
        if let Some(path) = &row.path_in_use
            && let Some(place) = self.reports.place(path)
            && let told = self.evidence.get(path).filter(|told| told.place == place)
            && let Some(seen) = seen(told, snapshot, place, at)
        {
            let moves =
                told.is_none_or(|t| t.uid != seen.uid || (t.nodes.is_empty() && !seen.nodes.is_empty()));
            self.dirty |= moves;
            self.learned |= moves;
            if moves || told.is_some_and(|t| t.nodes != seen.nodes) {
                self.news.evidence.insert(path.clone(), seen.clone());
                Arc::make_mut(&mut self.evidence).insert(path.clone(), seen);
            }
        }
        self.routes.polled(row, at);
        self.mark_route(key);
    }

    fn mark_route(&mut self, key: &ClusterKey) {
        let Some(row) = self.index.get(key).and_then(|at| self.rows.get_mut(*at)) else { return };
        let path = self.routes.path_of(key);
        if row.path_in_use.as_ref() != path {
            Arc::make_mut(row).path_in_use = path.cloned();
            self.changed = true;
        }
    }

    /// A person asks for these (all, if empty) to be polled.
    pub(super) fn asked_for(&mut self, keys: &[ClusterKey]) {
        self.routes.go_back(keys);
        self.mark_routes();
        self.changed = true;
    }

    /// Judges all again, because time has passed: certificates end and releases age without any event.
    pub fn judge_again(&mut self, now: DateTime<Utc>) {
        for row in &mut self.rows {
            let mut judged = (**row).clone();
            self.measures.judge(&mut judged, now);
            if judged != **row {
                *row = Arc::new(judged);
                self.changed = true;
            }
        }
    }

    /// Takes decisions in that have been written down.
    pub(super) fn decide(&mut self, decisions: Vec<Recorded>) {
        Arc::make_mut(&mut self.decisions).0.extend(decisions);
        self.dirty = true;
    }

    /// Takes in what another process has decided, or what could not be recalled before. What is known here of a cluster stays:
    /// another process may go by other rules, and what it takes for settled is settled nowhere else.
    pub(super) fn recall(&mut self, memory: Memory) {
        (self.unsure, self.decisions_lost) = (false, memory.decisions_lost);
        self.decisions = Arc::new(Decisions(memory.decisions));
        let known = Arc::make_mut(&mut self.known);
        for (identity, inputs) in memory.inputs {
            known.entry(identity).or_insert(inputs);
        }
        let evidence = Arc::make_mut(&mut self.evidence);
        for (id, seen) in memory.evidence {
            evidence.entry(id).or_insert(seen);
        }
        self.lost = Arc::new(memory.lost);
        self.dirty = true;
    }

    /// There should be a memory, and it could not be recalled: nobody knows what was decided, nor what clusters were before. Until
    /// it is recalled, all of them are locked and nothing is taken for settled.
    pub(super) fn forget_nothing(&mut self) {
        self.unsure = true;
        self.dirty = true;
    }

    /// Whether there should be a memory that could not be recalled yet.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// What is wrong with the memory now.
    pub(super) fn set_memory_problem(&mut self, problem: Option<Problem>) {
        self.changed |= self.memory_problem != problem;
        self.memory_problem = problem;
    }

    /// Whether anything has changed since the last picture.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Asks for another picture.
    pub(super) fn make_changed(&mut self) {
        self.changed = true;
    }

    /// What the poller is to be told next.
    pub(super) fn next_wish(&mut self) -> Option<Wish> {
        self.routes.wishes.pop_front()
    }

    /// Whether the poller is to be told something.
    pub(super) fn has_wishes(&self) -> bool {
        !self.routes.wishes.is_empty()
    }

    /// What the registry is to be told next.
    pub(super) fn next_renewal(&mut self) -> Option<registry::Wish> {
        self.routes.renewals.pop_front()
    }

    /// The ways to all clusters, if some of them have changed since this was last asked.
    pub(super) fn new_ways(&mut self) -> Option<Ways> {
        std::mem::take(&mut self.routes.moved).then(|| self.routes.ways(self.index.keys()))
    }

    /// What is to be remembered, since this was last asked.
    pub(super) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// How many clusters there are, or will be.
    pub(super) fn size(&self) -> usize {
        self.rows.len().max(self.reports.count())
    }

    pub(super) fn reports(&self) -> &Reports {
        &self.reports
    }

    pub(super) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    pub(super) fn book(&self) -> &ClassBook {
        &self.measures.book
    }

    /// The row that one of its identities names.
    pub(super) fn row_of(&self, identity: &Identity) -> Option<&Arc<Cluster>> {
        self.rows.iter().find(|row| row.entry.identities().contains(identity))
    }

    /// The fleet as it is, sharing every row with this fold.
    pub fn picture(&mut self) -> Arc<Fleet> {
        self.changed = false;
        self.generation += 1;
        let current = self.reports.current().and_then(|id| {
            let holds = |row: &&Arc<Cluster>| row.entry.sources.iter().any(|s| s.id() == *id);
            self.rows.iter().find(holds).map(|row| row.entry.key.clone())
        });
        let problems = self.file_problems.iter().chain(&self.memory_problem).chain(self.reports.problems());
        Arc::new(Fleet {
            generation: self.generation,
            clusters: self.rows.as_slice().into(),
            sources: self.states.clone(),
            problems: problems.cloned().collect(),
            loaded: self.loaded,
            settled: !self.dirty
                && !self.uniting
                && !self.learned
                && !self.learning
                && !self.routes.is_trying(),
            current,
            looked_in: self.reports.looked_in().to_vec(),
            classes: Arc::clone(&self.measures.book),
            findings: Arc::clone(&self.findings),
            ignored: self.ignored,
            apart: Arc::clone(&self.apart),
            files: self.files.clone(),
        })
    }
}

/// States as they are now, with the counts of the last time that rows were united.
fn counted(mut states: Vec<SourceState>, before: &[SourceState]) -> Vec<SourceState> {
    for state in &mut states {
        if let Some(known) = before.iter().find(|b| b.name == state.name) {
            (state.added, state.merged) = (known.added, known.merged);
        }
    }
    states
}

/// What is known over a path after a poll; `None` if the poll says nothing of who the cluster is.
fn seen(
    before: Option<&Evidence>,
    snapshot: &Snapshot,
    place: CleanText,
    at: DateTime<Utc>,
) -> Option<Evidence> {
    let uid = match &snapshot.identity {
        Some(Ok(uid)) => uid.clone(),
        Some(Err(_)) | None => before?.uid.clone(),
    };
    let known = before.filter(|b| b.uid == uid).map(|b| b.nodes.clone());
    let nodes = match &snapshot.nodes {
        Some(Ok(nodes)) if !nodes.names.is_empty() => nodes.names.clone(),
        _ => known.unwrap_or_default(),
    };
    Some(Evidence { uid, nodes, place, at })
}

#[cfg(test)]
mod tests;
