//! Sources that are read from time to time: what they said before, what is gone, and when they are read again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::pace::{Pace, around, back_off, interval};
use super::pattern::fits;
use super::same::{keep_targets, says_the_same};
use super::{Means, Sighted, SourceReport, Told, Wish};
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{CleanText, Problem, Severity, Sighting, SourceKind, SourceState, Sync};

/// What came of reading a source once.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The clusters.
    pub(super) sighted: Vec<Sighted>,
    /// What is wrong with them, or with parts of the source.
    pub(super) problems: Vec<Problem>,
    /// Whether a part of the source could not be read, so that what is missing may still be there.
    pub(super) partial: bool,
}

/// Something that can be read again and again.
pub(super) trait Reader: Send {
    /// Reads it once. The error is why nothing could be read.
    fn read(&mut self, now: DateTime<Utc>) -> impl Future<Output = Result<Reading, Problem>> + Send;

    /// Resolves when there is reason to believe that it has changed; never for what cannot be watched.
    fn changed(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// A source and everything around it.
pub(super) struct Source {
    pub(super) spec: Object<SourceSpec>,
    pub(super) kind: SourceKind,
    pub(super) name: CleanText,
    /// What is done to read it.
    pub(super) how: String,
    /// Whether changes are noticed.
    pub(super) watched: bool,
    pub(super) known: Vec<Arc<Sighting>>,
    pub(super) break_glass: Arc<[String]>,
    pub(super) once: bool,
    pub(super) means: Means,
    pub(super) pace: Pace,
    pub(super) wishes: mpsc::Receiver<Wish>,
    pub(super) tell: mpsc::Sender<Told>,
}

/// A sighting of an earlier day: what is needed to get there is not remembered.
pub(super) fn remembered(sighting: &Arc<Sighting>) -> Sighted {
    Sighted { sighting: Arc::clone(sighting), target: None, identity_key: [0; 32] }
}

/// A problem of a source as a whole.
pub(super) fn problem(
    spec: &Object<SourceSpec>,
    field: &str,
    code: &'static str,
    message: &str,
    hint: &str,
) -> Problem {
    Problem {
        severity: Severity::Error,
        code,
        origin: Some(spec.place(field).clone()),
        subject: CleanText::new(&spec.name),
        message: CleanText::new(message),
        hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
    }
}

/// The report of a source that is not read, or cannot be: what it said before, and why.
pub(super) fn not_read(
    kind: SourceKind,
    name: CleanText,
    known: &[Arc<Sighting>],
    problem: Problem,
    now: DateTime<Utc>,
) -> SourceReport {
    let sighted: Arc<[Sighted]> = known.iter().map(remembered).collect();
    let state = SourceState {
        entries: alive(&sighted),
        sync: Sync::Failing,
        failing_since: Some(now),
        problems: vec![problem],
        ..SourceState::new(kind, name)
    };
    SourceReport { state, sighted }
}

/// Entries that are no tombstones.
fn alive(sighted: &[Sighted]) -> usize {
    sighted.iter().filter(|s| s.sighting.gone_at.is_none()).count()
}

/// Puts what was said now together with what was said before: what is missing in a list that is whole is gone.
fn settle(kind: SourceKind, before: &[Sighted], reading: &mut Reading, now: DateTime<Utc>) {
    keep_targets(before, &mut reading.sighted);
    let said: HashSet<_> = reading.sighted.iter().map(|s| s.sighting.id.clone()).collect();
    for old in before.iter().filter(|s| !said.contains(&s.sighting.id)) {
        if old.sighting.gone_at.is_some() || reading.partial {
            reading.sighted.push(old.clone());
        } else if kind.is_registry() {
            let gone = Sighting { gone_at: Some(now), ..old.sighting.as_ref().clone() };
            reading.sighted.push(remembered(&Arc::new(gone)));
        }
    }
}

/// Adds what the fleet file says of every cluster of a source.
pub(super) fn dress(sighted: &mut Sighted, spec: &SourceSpec, break_glass: &[String]) {
    let id = sighted.sighting.id.to_string();
    let emergency = spec.break_glass
        || break_glass.iter().any(|p| fits(p, sighted.sighting.name.as_str()) || fits(p, &id));
    let bare = spec.labels.is_empty() && !emergency;
    if bare {
        return;
    }
    let sighting = Arc::make_mut(&mut sighted.sighting);
    if let Some(path) = &mut sighting.path {
        path.break_glass |= emergency;
    }
    if !spec.labels.is_empty() {
        let own = sighting.labels.as_ref().clone();
        let mut labels: BTreeMap<_, _> =
            spec.labels.iter().map(|(k, v)| (CleanText::new(k), CleanText::new(v))).collect();
        labels.extend(own);
        sighting.labels = Arc::new(labels);
    }
}

/// Tells that a source cannot be read as it is declared, until the end.
pub(super) async fn refuse(source: Source, problem: Problem) {
    let report = not_read(source.kind, source.name, &source.known, problem, source.means.clock.now());
    drop(source.tell.send(Told::Source(report)).await);
}

/// Reads a source until the end, and tells what came of it each time.
pub(super) async fn watch(source: Source, reader: impl Reader) {
    let quit = source.means.quit.clone();
    tokio::select! {
        () = quit.cancelled() => {}
        () = Keeper::new(source).run(reader) => {}
    }
}

struct Keeper {
    source: Source,
    interval: Duration,
    state: SourceState,
    sighted: Arc<[Sighted]>,
    failures: u32,
    round: u32,
    /// Problems of the declaration itself, told each time.
    standing: Vec<Problem>,
}

impl Keeper {
    fn new(source: Source) -> Self {
        let mut standing = Vec::new();
        let wanted = source.spec.spec.interval.as_deref().map(interval);
        if wanted == Some(None) {
            let hint = "Write it like 90s, 15m or 2h; from 10 seconds to 7 days.";
            let mut bad =
                problem(&source.spec, "interval", "BAD_INTERVAL", "the interval is not a time", hint);
            bad.severity = Severity::Warning;
            standing.push(bad);
        }
        let state = SourceState {
            how: CleanText::new(&source.how),
            ..SourceState::new(source.kind, source.name.clone())
        };
        Self {
            interval: wanted.flatten().unwrap_or(source.pace.interval),
            sighted: source.known.iter().map(remembered).collect(),
            state,
            failures: 0,
            round: 0,
            standing,
            source,
        }
    }

    async fn run(mut self, mut reader: impl Reader) {
        if !self.sighted.is_empty() {
            self.state.entries = alive(&self.sighted);
            self.say().await;
        }
        loop {
            self.round = self.round.wrapping_add(1);
            let now = self.source.means.clock.now();
            match reader.read(now).await {
                Ok(reading) => self.take(reading),
                Err(problem) => self.fail(problem),
            }
            let wait = self.wait();
            let at = chrono::Duration::from_std(wait).ok().map(|w| self.source.means.clock.now() + w);
            let by_itself = self.source.once || self.source.watched && self.failures == 0;
            self.state.next_at = at.filter(|_| !by_itself);
            self.say().await;
            if self.source.once {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = reader.changed() => {}
                wish = self.source.wishes.recv() => if wish.is_none() { return },
                () = self.source.tell.closed() => return,
            }
        }
    }

    fn wait(&self) -> Duration {
        let period = if self.failures > 0 {
            back_off(self.source.pace.retry, self.interval, self.failures)
        } else {
            self.interval
        };
        around(period, self.source.name.as_str(), self.round)
    }

    fn take(&mut self, mut reading: Reading) {
        let now = self.source.means.clock.now();
        for sighted in &mut reading.sighted {
            dress(sighted, &self.source.spec.spec, &self.source.break_glass);
        }
        settle(self.source.kind, &self.sighted, &mut reading, now);
        if !says_the_same(&self.sighted, &reading.sighted) {
            self.sighted = reading.sighted.into();
        }
        self.failures = if reading.partial { self.failures.saturating_add(1) } else { 0 };
        self.state.entries = alive(&self.sighted);
        self.state.synced_at = Some(now);
        self.state.failing_since = None;
        self.state.sync = if self.source.watched { Sync::Watching } else { Sync::Polling };
        self.state.problems = self.standing.iter().cloned().chain(reading.problems).collect();
    }

    fn fail(&mut self, problem: Problem) {
        self.failures = self.failures.saturating_add(1);
        self.state.entries = alive(&self.sighted);
        self.state.sync = Sync::Failing;
        self.state.failing_since.get_or_insert(self.source.means.clock.now());
        self.state.problems = self.standing.iter().cloned().chain([problem]).collect();
    }

    async fn say(&self) {
        let report = SourceReport { state: self.state.clone(), sighted: Arc::clone(&self.sighted) };
        drop(self.source.tell.send(Told::Source(report)).await);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::timeout;

    use super::*;
    use crate::fleet::{AccessPath, Method, SightingId};
    use crate::registry::tests_all::{means, source};

    fn sighted(name: &str) -> Sighted {
        let id = SightingId { source: "s".into(), reference: name.into() };
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        remembered(&Arc::new(Sighting::new(SourceKind::Eks, id, name.into(), at)))
    }

    /// Reads what it is given, one after the other, and then what it was given last.
    struct Script(VecDeque<Result<(Vec<&'static str>, bool), &'static str>>);

    impl Reader for Script {
        async fn read(&mut self, _now: DateTime<Utc>) -> Result<Reading, Problem> {
            let next = if self.0.len() > 1 { self.0.pop_front() } else { self.0.front().cloned() };
            match next.unwrap() {
                Ok((names, partial)) => {
                    let sighted = names.into_iter().map(sighted).collect();
                    Ok(Reading { sighted, problems: Vec::new(), partial })
                }
                Err(code) => Err(problem(&source("s", "eks"), "name", code, "it failed", "")),
            }
        }
    }

    /// What is told after each reading: names, those that are gone in brackets.
    async fn told(
        kind: SourceKind,
        known: &[&str],
        script: Vec<Result<(Vec<&'static str>, bool), &'static str>>,
    ) -> Vec<(String, Sync)> {
        let (means, _quit) = means();
        let (tell, mut told) = mpsc::channel(1);
        let (wish, wishes) = mpsc::channel(1);
        let rounds = script.len();
        let source = Source {
            spec: source("s", kind.as_str()),
            kind,
            name: "s".into(),
            how: "test".to_owned(),
            watched: false,
            known: known.iter().map(|n| sighted(n).sighting).collect(),
            break_glass: Arc::new([]),
            once: false,
            means,
            pace: Pace::default(),
            wishes,
            tell,
        };
        let task = tokio::spawn(watch(source, Script(script.into())));
        let mut all = Vec::new();
        let collect = async {
            while all.len() < rounds {
                let Some(Told::Source(report)) = told.recv().await else { panic!("the source ended") };
                if report.state.sync == Sync::Reading {
                    continue;
                }
                let name = |s: &Sighted| {
                    let name = s.sighting.name.as_str().to_owned();
                    if s.sighting.gone_at.is_some() { format!("[{name}]") } else { name }
                };
                all.push((report.sighted.iter().map(name).collect::<Vec<_>>().join(" "), report.state.sync));
                wish.send(Wish::Sync(None)).await.unwrap();
            }
        };
        timeout(Duration::from_secs(30), collect).await.unwrap();
        task.abort();
        all
    }

    #[tokio::test]
    async fn what_a_registry_no_longer_lists_is_a_tombstone_and_what_it_cannot_list_stays() {
        let script = vec![
            Err("DOWN"),
            Ok((vec!["a", "b"], false)),
            Err("DOWN"),
            Ok((vec!["a"], true)),
            Ok((vec!["a"], false)),
            Ok((vec!["a", "b"], false)),
        ];
        let told = told(SourceKind::Eks, &["a", "b", "c"], script).await;
        let words: Vec<_> = told.iter().map(|(names, sync)| (names.as_str(), *sync)).collect();
        assert_eq!(
            words,
            [
                ("a b c", Sync::Failing),
                ("a b [c]", Sync::Polling),
                ("a b [c]", Sync::Failing),
                ("a b [c]", Sync::Polling),
                ("a [b] [c]", Sync::Polling),
                ("a b [c]", Sync::Polling),
            ]
        );
    }

    #[tokio::test]
    async fn what_is_no_registry_forgets_what_it_no_longer_lists() {
        let told =
            told(SourceKind::Exec, &["x"], vec![Err("DOWN"), Ok((vec!["a"], false)), Ok((vec![], false))])
                .await;
        let words: Vec<_> = told.iter().map(|(names, _)| names.as_str()).collect();
        assert_eq!(words, ["x", "a", ""]);
    }

    #[test]
    fn labels_of_a_source_do_not_cover_a_clusters_own_and_emergencies_are_by_name() {
        let mut spec = source("s", "eks").spec;
        spec.labels = [("env".to_owned(), "usual".to_owned()), ("team".to_owned(), "pay".to_owned())].into();
        let mut one = sighted("a-admin");
        let sighting = Arc::make_mut(&mut one.sighting);
        sighting.labels = Arc::new([("env".into(), "own".into())].into());
        sighting.path = Some(AccessPath::new("x".into(), Method::Exec));
        dress(&mut one, &spec, &["*-admin".to_owned()]);
        let labels: Vec<_> = one.sighting.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(labels, ["env=own", "team=pay"]);
        assert!(one.sighting.path.as_ref().unwrap().break_glass);
    }
}
