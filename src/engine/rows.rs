//! From what sources say to rows: everything that costs, as one value in and one value out, so that it can be worked out beside the
//! task that owns the fleet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::fleet::{
    Almanac, Apart, Class, ClassBook, ClassInputs, CleanText, Cluster, Decision, Decisions, Entry, Evidence,
    Finding, Identity, PendingClass, Protection, Recorded, Settled, Sighting, SightingId, Signals,
    SourceState, Sync, Thresholds, breaches, fleet_breaches, may_weaken, outlook, sort, unite, verdict,
    with_findings,
};
use crate::registry::decisions_among;

/// How exactly the age of a source's word is known.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// What clusters are measured by.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures {
    pub(super) book: Arc<ClassBook>,
    pub(super) almanac: Arc<Almanac>,
    pub(super) thresholds: Thresholds,
}

/// Everything that rows are made of.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) sightings: Vec<Arc<Sighting>>,
    pub(super) states: Vec<SourceState>,
    pub(super) evidence: Arc<HashMap<SightingId, Evidence>>,
    pub(super) decisions: Arc<Decisions>,
    /// What led to clusters' classes before.
    pub(super) known: Arc<HashMap<Identity, ClassInputs>>,
    /// Of whom that was written down and cannot be read.
    pub(super) lost: Arc<HashSet<Identity>>,
    /// Whether decisions were written down that cannot be read, nobody knows about whom.
    pub(super) decisions_lost: bool,
    /// Whether there should be a memory that could not be recalled.
    pub(super) unsure: bool,
    /// The rows as they are now.
    pub(super) before: Vec<Arc<Cluster>>,
    pub(super) measures: Measures,
    /// Whether everything on this machine has been read.
    pub(super) local: bool,
    pub(super) now: DateTime<Utc>,
}

/// A row, and the one of before that it goes on from.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) cluster: Arc<Cluster>,
    pub(super) before: Option<Arc<Cluster>>,
}

/// What a job comes to.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// In the order of all lists.
    pub(super) rows: Vec<Row>,
    pub(super) states: Vec<SourceState>,
    pub(super) apart: Vec<Apart>,
    pub(super) findings: Vec<Finding>,
    /// How many more there are that the fleet file ignores.
    pub(super) ignored: usize,
    /// What is to be remembered of classes, where it is new.
    pub(super) inputs: Vec<(Identity, ClassInputs)>,
    pub(super) local: bool,
}

impl Job {
    /// Unites, classifies and judges. Costs what the whole fleet costs; a row of which nothing has changed stays the same one.
    pub(super) fn run(mut self) -> Built {
        self.decisions = self.with_declared();
        let about_classes = AboutClasses::of(&self.decisions);
        let roster = unite(&self.sightings, &self.still_true(), &self.decisions, self.now);
        let confirmed = self.confirmed();
        let mut before = Before::new(&self.before, &roster.entries);
        let mut inputs = Vec::new();
        let mut rows: Vec<Row> = Vec::with_capacity(roster.entries.len());
        for mut entry in roster.entries {
            let old = before.take(&entry);
            let identities = entry.identities();
            let settled = self.settle(&entry, &identities, &about_classes);
            let sure = !self.unsure && !self.is_lost(&identities, &settled.class.name);
            hear_again(&mut entry, &confirmed);
            for identity in identities {
                if sure && self.known.get(&identity) != Some(&settled.inputs) {
                    inputs.push((identity, settled.inputs.clone()));
                }
            }
            let signals = old.as_ref().map_or_else(Signals::default, |c| c.signals.clone());
            let mut cluster = Cluster { signals, ..Cluster::new(entry, settled.class) };
            cluster.properties = settled.properties;
            cluster.parameters = settled.parameters;
            cluster.path_in_use = old.as_ref().and_then(|c| c.path_in_use.clone());
            if let Some(old) = &old {
                (cluster.findings, cluster.outlook) = (Arc::clone(&old.findings), old.outlook.clone());
            }
            self.measures.judge(&mut cluster, self.now);
            let cluster = match &old {
                Some(old) if **old == cluster => Arc::clone(old),
                _ => Arc::new(cluster),
            };
            rows.push(Row { cluster, before: old });
        }
        rows.sort_by(|a, b| sort::stable_order(&a.cluster, &b.cluster));
        for state in &mut self.states {
            (state.added, state.merged) = roster.counts.get(&state.name).copied().unwrap_or_default();
        }
        let Measures { book, almanac, .. } = &self.measures;
        let mut findings = fleet_breaches(&self.states, &roster.apart, almanac, self.now);
        let all = findings.len();
        findings.retain(|finding| book.heeds(finding));
        let ignored = all.saturating_sub(findings.len());
        Built { rows, states: self.states, apart: roster.apart, findings, ignored, inputs, local: self.local }
    }
}

impl Job {
    /// The class of a cluster. Where several are remembered under its names, because rows have come together, the most
    /// protected outcome counts: coming together must not weaken what each of them had.
    fn settle(&self, entry: &Entry, identities: &[Identity], decided: &AboutClasses<'_>) -> Settled {
        let settle = |known: Option<&ClassInputs>| {
            let decisions = decided.on(identities, known);
            let settled = self.measures.book.settle(entry, known, &decisions, self.now);
            self.doubt(settled, identities)
        };
        let mut known: Vec<&ClassInputs> = Vec::new();
        for inputs in identities.iter().filter_map(|id| self.known.get(id)).filter(|k| is_of(k, entry)) {
            if !known.contains(&inputs) {
                known.push(inputs);
            }
        }
        let mut first = settle(known.first().copied());
        for inputs in known.into_iter().skip(1) {
            let other = settle(Some(inputs));
            if other.class.protection > first.class.protection {
                first = other;
            }
        }
        first
    }

    /// Locks what a memory that cannot be read may say otherwise of: the whole fleet while there is none, or clusters until a person
    /// accepts their classes.
    fn doubt(&self, settled: Settled, identities: &[Identity]) -> Settled {
        let Settled { class, .. } = &settled;
        let unknown = self.decisions_lost || self.is_lost(identities, &class.name);
        let waits = unknown && !self.is_accepted(identities, &class.name);
        if class.protection == Protection::Locked || !(self.unsure || waits) {
            return settled;
        }
        let why = "what was remembered of the cluster cannot be read";
        let waiting = || PendingClass {
            to: class.name.clone(),
            protection: class.protection,
            because: CleanText::new(why),
        };
        let class = Class {
            pending: if waits { Some(waiting()) } else { class.pending.clone() },
            rule: CleanText::new(&format!("{}; locked, because {why}", class.rule)),
            protection: Protection::Locked,
            ..class.clone()
        };
        Settled { class, ..settled }
    }

    /// Whether something was written down of a cluster, cannot be read, and no person has accepted its class since.
    fn is_lost(&self, identities: &[Identity], class: &CleanText) -> bool {
        let lost = |id: &Identity| self.lost.contains(id) && !self.known.contains_key(id);
        identities.iter().any(lost) && !self.is_accepted(identities, class)
    }

    fn is_accepted(&self, identities: &[Identity], class: &CleanText) -> bool {
        may_weaken(&self.decisions, identities, class, None)
    }

    /// What was seen over paths, but for those that lead elsewhere since: what a path led to says nothing of where it leads now.
    fn still_true(&self) -> HashMap<SightingId, Evidence> {
        let seen = |s: &Arc<Sighting>| {
            let seen = self.evidence.get(&s.id).filter(|e| e.place == s.place())?;
            Some((s.id.clone(), seen.clone()))
        };
        self.sightings.iter().filter_map(seen).collect()
    }

    /// When each source that can be heard confirmed the last time that what it says still holds, to the hour.
    fn confirmed(&self) -> HashMap<CleanText, DateTime<Utc>> {
        let hears = |s: &&SourceState| matches!(s.sync, Sync::Watching | Sync::Polling);
        let to_the_hour = |s: &SourceState| Some((s.name.clone(), s.synced_at?.duration_trunc(HOUR).ok()?));
        self.states.iter().filter(hears).filter_map(to_the_hour).collect()
    }

    /// What the fleet file's own clusters decide, and then what people decided, which counts over it.
    fn with_declared(&self) -> Arc<Decisions> {
        let mut declared = decisions_among(&self.measures.book.file.clusters, &self.sightings);
        if declared.is_empty() {
            return Arc::clone(&self.decisions);
        }
        declared.extend(self.decisions.0.iter().cloned());
        Arc::new(Decisions(declared))
    }
}

/// Decisions about classes, by whom they are about: a book reads all that it is given, for each cluster.
struct AboutClasses<'a>(HashMap<&'a Identity, Vec<(usize, &'a Recorded)>>);

impl<'a> AboutClasses<'a> {
    fn of(decisions: &'a Decisions) -> Self {
        let mut by_cluster: HashMap<&Identity, Vec<(usize, &Recorded)>> = HashMap::new();
        for (place, recorded) in decisions.0.iter().enumerate() {
            if let Decision::Class { cluster, .. } | Decision::AcceptChange { cluster, .. } =
                &recorded.decision
            {
                by_cluster.entry(cluster).or_default().push((place, recorded));
            }
        }
        Self(by_cluster)
    }

    /// Those that may count for a cluster, as it is now or was when it was last seen, oldest first.
    fn on(&self, identities: &[Identity], known: Option<&ClassInputs>) -> Decisions {
        if self.0.is_empty() {
            return Decisions::default();
        }
        let before = known.map(ClassInputs::identities).unwrap_or_default();
        let mut found: Vec<&(usize, &Recorded)> =
            identities.iter().chain(&before).filter_map(|id| self.0.get(id)).flatten().collect();
        found.sort_by_key(|(place, _)| *place);
        found.dedup_by_key(|(place, _)| *place);
        Decisions(found.into_iter().map(|(_, recorded)| (*recorded).clone()).collect())
    }
}

/// A watch that has nothing to tell goes on saying what it said: the word of a source is as young as its last confirmation. By the
/// hour is enough, so that rows do not change for it all the time.
fn hear_again(entry: &mut Entry, confirmed: &HashMap<CleanText, DateTime<Utc>>) {
    let heard = entry.sources.iter().filter(|s| s.gone_at.is_none()).filter_map(|s| confirmed.get(&s.name));
    entry.said_at = entry.said_at.max(heard.max().copied());
}

/// Whether inputs were those of this cluster, and not of another one that had its name before.
fn is_of(inputs: &ClassInputs, entry: &Entry) -> bool {
    inputs.uid.is_none() || entry.uid.is_none() || inputs.uid == entry.uid
}

impl Measures {
    /// Works out what a cluster's readings come to. What comes out as it was stays shared.
    pub(super) fn judge(&self, cluster: &mut Cluster, now: DateTime<Utc>) {
        let mut findings = breaches(cluster, &self.almanac, now);
        let all = findings.len();
        findings.retain(|finding| self.book.heeds(finding));
        cluster.ignored = all.saturating_sub(findings.len());
        if *cluster.findings != *findings {
            cluster.findings = findings.into();
        }
        let next = outlook(cluster, &self.almanac, now);
        if cluster.outlook.as_deref() != Some(&next) {
            cluster.outlook = Some(Arc::new(next));
        }
        let plain = verdict(&cluster.entry, &cluster.signals, now, &self.thresholds);
        cluster.verdict = with_findings(plain, &cluster.findings);
    }
}

/// The rows of before, each to be gone on from once.
///
/// What was seen of a cluster belongs to the sighting over whose path it was seen: when sightings come together or part, it goes
/// where that one goes. Only where that sighting is no more does the UID count, then any other sighting.
struct Before<'a> {
    rows: &'a [Arc<Cluster>],
    by_path: HashMap<&'a SightingId, Vec<usize>>,
    by_uid: HashMap<&'a CleanText, Vec<usize>>,
    by_sighting: HashMap<SightingId, usize>,
    taken: HashSet<usize>,
}

impl<'a> Before<'a> {
    fn new(rows: &'a [Arc<Cluster>], entries: &[Entry]) -> Self {
        let still: HashSet<SightingId> =
            entries.iter().flat_map(|e| e.sources.iter().map(crate::fleet::SourceRef::id)).collect();
        let mut before = Self {
            rows,
            by_path: HashMap::new(),
            by_uid: HashMap::new(),
            by_sighting: HashMap::new(),
            taken: HashSet::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            match &row.path_in_use {
                Some(path) if still.contains(path) => before.by_path.entry(path).or_default().push(at),
                _ => {
                    if let Some(uid) = &row.entry.uid {
                        before.by_uid.entry(uid).or_default().push(at);
                    }
                    for source in &row.entry.sources {
                        before.by_sighting.entry(source.id()).or_insert(at);
                    }
                }
            }
        }
        before
    }

    fn take(&mut self, entry: &Entry) -> Option<Arc<Cluster>> {
        let ids: Vec<SightingId> = entry.sources.iter().map(crate::fleet::SourceRef::id).collect();
        let by_path = ids.iter().filter_map(|id| self.by_path.get(id)).flatten();
        let by_uid = entry.uid.iter().filter_map(|uid| self.by_uid.get(uid)).flatten();
        let by_sighting = ids.iter().filter_map(|id| self.by_sighting.get(id));
        let best = |at: &usize| {
            let row = self.rows.get(*at)?;
            Some((row.entry.key == entry.key, row.signals.attempts.last_success))
        };
        let free = |at: &&usize| !self.taken.contains(*at);
        let at = *by_path
            .filter(free)
            .max_by_key(|at| best(at))
            .or_else(|| by_uid.filter(free).max_by_key(|at| best(at)))
            .or_else(|| by_sighting.filter(free).max_by_key(|at| best(at)))?;
        self.taken.insert(at);
        self.rows.get(at).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(reference: &str) -> Identity {
        Identity::of_sighting(&SightingId { source: "mgmt".into(), reference: reference.into() })
    }

    #[test]
    fn a_book_is_given_what_was_decided_about_a_cluster_as_it_is_and_as_it_was_in_order() {
        let class =
            |cluster: &str, class: &str| Decision::Class { cluster: at(cluster), class: Some(class.into()) };
        let accepted =
            |cluster: &str, to: &str| Decision::AcceptChange { cluster: at(cluster), to: to.into() };
        let label = Decision::Label { cluster: at("a"), key: "env".into(), value: None };
        let all = [class("b", "1"), class("a", "2"), accepted("c", "3"), label, accepted("b", "4")];
        let recorded =
            |decision| Recorded { decision, at: DateTime::UNIX_EPOCH, who: "ana".into(), reason: None };
        let decisions = Decisions(all.into_iter().map(recorded).collect());
        let decided = AboutClasses::of(&decisions);
        let source =
            |reference: &str| (crate::fleet::SourceKind::ClusterApi, "mgmt".into(), reference.into());
        for (is, was, expect) in [
            (vec!["a"], None, vec![1]),
            (vec!["a", "b"], None, vec![0, 1, 4]),
            (vec!["a", "b"], Some(vec!["b", "c"]), vec![0, 1, 2, 4]),
            (vec!["d"], Some(vec!["c"]), vec![2]),
            (vec!["d"], None, vec![]),
        ] {
            let is: Vec<_> = is.into_iter().map(at).collect();
            let was = was.map(|was| ClassInputs {
                sources: was.into_iter().map(source).collect(),
                ..ClassInputs::default()
            });
            let expect: Vec<_> = expect.into_iter().map(|i: usize| decisions.0[i].clone()).collect();
            assert_eq!(decided.on(&is, was.as_ref()).0, expect);
        }
    }
}
