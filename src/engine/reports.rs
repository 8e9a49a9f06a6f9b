//! What all sources say now: the newest report of each, and what is remembered of those that have not told yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::access::Target;
use crate::fleet::{CleanText, Problem, Sighting, SightingId, SourceKind, SourceState};
use crate::registry::{Sighted, SourceReport, Told};
use crate::store::Remembered;

/// What taking something in comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// How reading the sources goes; the clusters are the same.
    State,
    /// Other clusters, or other things said of them.
    Clusters,
    /// Everything on this machine has been read for the first time.
    Local,
    /// Every source has been read, or has failed, for the first time.
    All,
}

/// What one source said, or what is remembered of it.
struct Source {
    state: SourceState,
    sighted: Arc<[Sighted]>,
    /// Whether it has told in this session.
    told: bool,
}

/// The newest word of every source.
#[derive(Default)]
pub(super) struct Reports {
    /// The fleet file's sources, in its order.
    declared: Vec<(CleanText, SourceKind)>,
    sources: Vec<Source>,
    /// Sightings that a way came with, and the way.
    targets: HashMap<SightingId, (Arc<Sighting>, Arc<Target>)>,
    current: Option<SightingId>,
    looked_in: Vec<(CleanText, bool)>,
    problems: Vec<Problem>,
    local: bool,
    all: bool,
}

impl Reports {
    /// `declared`: the fleet file's sources.
    pub(super) fn new(declared: Vec<(CleanText, SourceKind)>) -> Self {
        Self { declared, ..Self::default() }
    }

    /// Stands in for sources of the fleet file until they tell. What is remembered of others is left out: files of this machine
    /// are read as quickly as a memory, and a source that is no longer declared tells nothing any more.
    pub(super) fn remember(&mut self, sightings: &[Remembered]) {
        let mut by_source: HashMap<&CleanText, Vec<&Arc<Sighting>>> = HashMap::new();
        for remembered in sightings.iter().filter(|r| self.is_declared(&r.sighting.id.source)) {
            by_source.entry(&remembered.sighting.id.source).or_default().push(&remembered.sighting);
        }
        for (name, known) in by_source {
            let told = self.sources.iter().any(|s| s.state.name == *name);
            let Some(kind) = known.first().map(|s| s.kind).filter(|_| !told) else { continue };
            let mut state = SourceState::new(kind, name.clone());
            state.entries = known.iter().filter(|s| s.gone_at.is_none()).count();
            let bare =
                |s: &Arc<Sighting>| Sighted { sighting: Arc::clone(s), target: None, identity_key: [0; 32] };
            self.insert(Source { state, sighted: known.into_iter().map(bare).collect(), told: false });
        }
    }

    /// Puts a source where the fleet file has it; those that it does not name come first, as they arrive.
    fn insert(&mut self, source: Source) {
        let place = |name: &CleanText| self.declared.iter().position(|(d, _)| d == name);
        let own = place(&source.state.name);
        let at = self.sources.iter().position(|s| place(&s.state.name) > own).unwrap_or(self.sources.len());
        self.sources.insert(at, source);
    }

    pub(super) fn take(&mut self, told: Told) -> Change {
        match told {
            Told::Source(report) => self.take_report(report),
            Told::Gone(name) => {
                self.sources.retain(|s| s.state.name != name);
                self.index_targets();
                Change::Clusters
            }
            Told::Searched { current, looked_in, problems } => {
                let moved = self.current != current;
                (self.current, self.looked_in, self.problems) = (current, looked_in, problems);
                if moved { Change::Clusters } else { Change::State }
            }
            Told::Local => {
                let first = !std::mem::replace(&mut self.local, true);
                if first { Change::Local } else { Change::State }
            }
            Told::All => {
                let first = !std::mem::replace(&mut self.all, true);
                self.local = true;
                if first { Change::All } else { Change::State }
            }
        }
    }

    fn take_report(&mut self, report: SourceReport) -> Change {
        let SourceReport { state, sighted } = report;
        let Some(source) = self.sources.iter_mut().find(|s| s.state.name == state.name) else {
            self.insert(Source { state, sighted, told: true });
            self.index_targets();
            return Change::Clusters;
        };
        let same = source.told && says_the_same(&source.sighted, &sighted);
        *source =
            Source { state, sighted: if same { Arc::clone(&source.sighted) } else { sighted }, told: true };
        if same {
            return Change::State;
        }
        self.index_targets();
        Change::Clusters
    }

    fn index_targets(&mut self) {
        let all = self.sources.iter().flat_map(|s| s.sighted.iter());
        let with_way =
            |s: &Sighted| Some((s.sighting.id.clone(), (Arc::clone(&s.sighting), s.target.clone()?)));
        self.targets = all.filter_map(with_way).collect();
    }

    /// Everything that is said, in a stable order.
    pub(super) fn sightings(&self) -> Vec<Arc<Sighting>> {
        self.sources.iter().flat_map(|s| s.sighted.iter()).map(|s| Arc::clone(&s.sighting)).collect()
    }

    /// How many sightings there are.
    pub(super) fn count(&self) -> usize {
        self.sources.iter().map(|s| s.sighted.len()).sum()
    }

    /// What one source says.
    pub(super) fn of_source(&self, name: &CleanText) -> Option<Vec<Arc<Sighting>>> {
        let source = self.sources.iter().find(|s| s.told && s.state.name == *name)?;
        Some(source.sighted.iter().map(|s| Arc::clone(&s.sighting)).collect())
    }

    /// Whether the fleet file declares a source of that name.
    pub(super) fn is_declared(&self, name: &CleanText) -> bool {
        self.declared.iter().any(|(declared, _)| declared == name)
    }

    /// Whether a sighting is there.
    pub(super) fn sighting(&self, id: &SightingId) -> Option<&Arc<Sighting>> {
        let source = self.sources.iter().find(|s| s.state.name == id.source)?;
        source.sighted.iter().map(|s| &s.sighting).find(|s| s.id == *id)
    }

    /// The way that came with a sighting.
    pub(super) fn target(&self, id: &SightingId) -> Option<&Arc<Target>> {
        self.targets.get(id).map(|(_, target)| target)
    }

    /// Where the way that came with a sighting leads, as far as its source says.
    pub(super) fn place(&self, id: &SightingId) -> Option<CleanText> {
        self.targets.get(id).map(|(sighting, _)| sighting.place())
    }

    /// Names of sources that have not told yet, although something is remembered of them.
    pub(super) fn untold(&self) -> HashSet<CleanText> {
        if self.all {
            return HashSet::new();
        }
        self.sources.iter().filter(|s| !s.told).map(|s| s.state.name.clone()).collect()
    }

    /// How reading the sources goes, in order; those that have not told yet are being read.
    pub(super) fn states(&self) -> Vec<SourceState> {
        let mut states: Vec<SourceState> = self.sources.iter().map(|s| s.state.clone()).collect();
        if !self.all {
            for (name, kind) in &self.declared {
                if !states.iter().any(|s| s.name == *name) {
                    states.push(SourceState::new(*kind, name.clone()));
                }
            }
        }
        states
    }

    pub(super) fn current(&self) -> Option<&SightingId> {
        self.current.as_ref()
    }

    pub(super) fn looked_in(&self) -> &[(CleanText, bool)] {
        &self.looked_in
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether everything on this machine has been read.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }
}

/// Whether two reports mean the same clusters in the same way. Whoever reads a source keeps a way that has not changed.
fn says_the_same(a: &Arc<[Sighted]>, b: &Arc<[Sighted]>) -> bool {
    let pointer = |s: &Sighted| s.target.as_ref().map(Arc::as_ptr);
    Arc::ptr_eq(a, b)
        || (a.len() == b.len()
            && a.iter().zip(b.iter()).all(|(a, b)| a.sighting == b.sighting && pointer(a) == pointer(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn sighted(source: &str, reference: &str) -> Sighted {
        let id = SightingId { source: source.into(), reference: reference.into() };
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let sighting = Arc::new(Sighting::new(SourceKind::ClusterApi, id, reference.into(), at));
        Sighted { sighting, target: None, identity_key: [0; 32] }
    }

    fn report(source: &str, references: &[&str]) -> Told {
        let state = SourceState::new(SourceKind::ClusterApi, source.into());
        Told::Source(SourceReport { state, sighted: references.iter().map(|r| sighted(source, r)).collect() })
    }

    fn declared(names: &[&str]) -> Vec<(CleanText, SourceKind)> {
        names.iter().map(|name| ((*name).into(), SourceKind::ClusterApi)).collect()
    }

    fn names(reports: &Reports) -> Vec<String> {
        reports.sightings().iter().map(|s| s.id.to_string()).collect()
    }

    #[test]
    fn a_report_takes_the_place_of_the_one_before_and_of_what_is_remembered() {
        let mut reports = Reports::new(declared(&["b", "a"]));
        let remembered = |source: &str, reference: &str| Remembered {
            sighting: sighted(source, reference).sighting,
            first_seen: DateTime::UNIX_EPOCH,
        };
        let memory =
            [remembered("a", "1"), remembered("a", "2"), remembered("b", "3"), remembered("other", "4")];
        reports.remember(&memory);
        assert_eq!(names(&reports), ["b:3", "a:1", "a:2"]);
        assert_eq!(reports.untold(), HashSet::from(["a".into(), "b".into()]));
        for (told, change, expect) in [
            (report("a", &["2"]), Change::Clusters, vec!["b:3", "a:2"]),
            (report("a", &["2"]), Change::State, vec!["b:3", "a:2"]),
            (report("~/k", &["x"]), Change::Clusters, vec!["~/k:x", "b:3", "a:2"]),
            (Told::Local, Change::Local, vec!["~/k:x", "b:3", "a:2"]),
            (Told::Local, Change::State, vec!["~/k:x", "b:3", "a:2"]),
            (Told::Gone("~/k".into()), Change::Clusters, vec!["b:3", "a:2"]),
            (Told::All, Change::All, vec!["b:3", "a:2"]),
        ] {
            assert_eq!(reports.take(told), change);
            assert_eq!(names(&reports), expect);
        }
        assert!(reports.untold().is_empty());
    }

    #[test]
    fn a_source_that_has_not_told_is_being_read() {
        let mut reports = Reports::new(declared(&["a", "b"]));
        reports.take(report("b", &["x"]));
        let states = |reports: &Reports| {
            reports.states().iter().map(|s| s.name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(states(&reports), ["b", "a"]);
        reports.take(Told::All);
        assert_eq!(states(&reports), ["b"]);
    }

    #[test]
    fn sources_stand_as_declared_whoever_tells_first() {
        let orders = [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]];
        for order in orders {
            let mut reports = Reports::new(declared(&["a", "b", "c"]));
            for source in order {
                reports.take(report(source, &["x"]));
            }
            assert_eq!(names(&reports), ["a:x", "b:x", "c:x"]);
        }
    }
}
