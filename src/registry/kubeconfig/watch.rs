//! Files and folders looked at from time to time, on threads of their own.
//!
//! Looking is polling: notifications of the operating system do not cross network file systems, miss files that are replaced by
//! renaming, and are limited in number; a look at a file costs microseconds. A change is read once the files have stood still
//! for a moment, so that what a tool writes piece by piece is read whole. A file that was good and does not parse any more is
//! most likely being written: for some seconds nothing of it is believed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};

use super::contexts::Contexts;
use super::read::{FileRead, Reading, Wanted, read};
use crate::fleet::{CleanText, Problem, Severity, SourceKind, SourceState, Sync};
use crate::host::{FileState, Workers};
use crate::registry::pace::{Pace, around};
use crate::registry::same::{keep_targets, says_the_same};
use crate::registry::{Means, Sighted, SourceReport, Told, Wish};

/// Files of one folder that are looked at.
const MAX_FILES: usize = 10_000;

/// What is needed to watch kubeconfigs.
pub(in crate::registry) struct Files {
    pub(in crate::registry) wanted: Wanted,
    pub(in crate::registry) means: Means,
    pub(in crate::registry) once: bool,
    pub(in crate::registry) pace: Pace,
    /// Problems that are told with what was searched.
    pub(in crate::registry) problems: Vec<Problem>,
    pub(in crate::registry) wishes: mpsc::Receiver<Wish>,
    pub(in crate::registry) tell: mpsc::Sender<Told>,
    /// Every context, each time they have been read.
    pub(in crate::registry) contexts: watch::Sender<Option<Arc<Contexts>>>,
}

/// How a set of files stood at a look.
type Stamp = Vec<(PathBuf, Option<FileState>)>;

/// Reads kubeconfigs and tells of them until the end: first [`Told::Searched`], then each file.
pub(in crate::registry) async fn watch_kubeconfigs(files: Files) {
    let quit = files.means.quit.clone();
    let watcher = Watcher {
        workers: Workers::new("kubeconfigs", 2),
        wanted: Arc::new(files.wanted),
        named: Arc::default(),
        stamp: Stamp::new(),
        told: Vec::new(),
        broken: HashMap::new(),
        confirmed: files.means.clock.tick(),
        late: false,
        first: true,
        means: files.means,
        once: files.once,
        pace: files.pace,
        problems: files.problems,
        wishes: files.wishes,
        tell: files.tell,
        contexts: files.contexts,
    };
    tokio::select! {
        () = quit.cancelled() => {}
        () = watcher.run() => {}
    }
}

/// A file as it was told last.
struct ToldFile {
    file: FileRead,
    state: SourceState,
    sighted: Arc<[Sighted]>,
}

struct Watcher {
    workers: Workers,
    wanted: Arc<Wanted>,
    /// Files that contexts name.
    named: Arc<Vec<PathBuf>>,
    stamp: Stamp,
    told: Vec<ToldFile>,
    /// Since when files that were good do not parse.
    broken: HashMap<PathBuf, Instant>,
    confirmed: Instant,
    /// Whether the file system does not answer.
    late: bool,
    first: bool,
    means: Means,
    once: bool,
    pace: Pace,
    problems: Vec<Problem>,
    wishes: mpsc::Receiver<Wish>,
    tell: mpsc::Sender<Told>,
    contexts: watch::Sender<Option<Arc<Contexts>>>,
}

/// What a look came to.
enum Look {
    /// Read everything.
    Read,
    /// Nothing has changed, and somebody should know that we looked.
    Confirm,
    /// The file system does not answer.
    Late,
}

impl Watcher {
    async fn run(mut self) {
        loop {
            match self.read().await {
                Some(reading) => self.take(reading).await,
                None => self.not_answering().await,
            }
            if self.once {
                return;
            }
            loop {
                match self.wait().await {
                    Some(Look::Read) => break,
                    Some(Look::Confirm) => self.confirm().await,
                    Some(Look::Late) => self.not_answering().await,
                    None => return,
                }
            }
        }
    }

    async fn read(&mut self) -> Option<Reading> {
        let (wanted, named) = (Arc::clone(&self.wanted), Arc::clone(&self.named));
        let now = self.means.clock.now();
        let call = move || {
            let before = stamp(&wanted, &named);
            (before, read(&wanted, now))
        };
        let (before, reading) = self.workers.run(self.pace.files, call).await.ok()?;
        self.stamp = before;
        self.late = false;
        if *self.named != reading.named {
            // What is named only now is looked at from now on.
            self.named = Arc::new(reading.named.clone());
            let (wanted, named) = (Arc::clone(&self.wanted), Arc::clone(&self.named));
            let look = self.workers.run(self.pace.files, move || stamp(&wanted, &named));
            self.stamp = look.await.unwrap_or_default();
        }
        Some(reading)
    }

    /// Waits for a reason to do something. `None` if nobody wishes or listens any more.
    async fn wait(&mut self) -> Option<Look> {
        let mut n = 0_u32;
        let mut period = self.pace.look;
        loop {
            n = n.wrapping_add(1);
            tokio::select! {
                () = tokio::time::sleep(around(period, "kubeconfigs", n)) => {}
                wish = self.wishes.recv() => return wish.map(|_| Look::Read),
                () = self.tell.closed() => return None,
            }
            let began = self.means.clock.tick();
            let Some(now) = self.look().await else { return Some(Look::Late) };
            if now != self.stamp || self.late {
                self.settle(now).await;
                return Some(Look::Read);
            }
            let over = |since: &Instant| self.since(*since) >= self.pace.grace;
            let untold = |t: &ToldFile| {
                t.state.sync != Sync::Failing && self.broken.get(&t.file.path).is_some_and(over)
            };
            if self.told.iter().any(untold) {
                return Some(Look::Read);
            }
            if self.since(self.confirmed) >= self.pace.confirm {
                // What could not be used may name files that are there by now.
                let unusable = self.told.iter().flat_map(|t| &t.file.contexts).any(|c| c.target.is_none());
                return Some(if unusable { Look::Read } else { Look::Confirm });
            }
            // A folder that is slow to look at is looked at less often.
            period = self.pace.look.max(self.since(began).saturating_mul(10));
        }
    }

    fn since(&self, then: Instant) -> Duration {
        self.means.clock.tick().duration_since(then)
    }

    async fn look(&self) -> Option<Stamp> {
        let (wanted, named) = (Arc::clone(&self.wanted), Arc::clone(&self.named));
        self.workers.run(self.pace.files, move || stamp(&wanted, &named)).await.ok()
    }

    /// Waits until the files stand still, but not forever.
    async fn settle(&self, mut last: Stamp) {
        let began = self.means.clock.tick();
        while self.since(began) < self.pace.grace {
            tokio::time::sleep(self.pace.settle).await;
            match self.look().await {
                Some(now) if now != last => last = now,
                _ => return,
            }
        }
    }

    /// Compares what was read with what was told, and tells what is new.
    async fn take(&mut self, reading: Reading) {
        self.confirmed = self.means.clock.tick();
        if self.suspects(&reading) {
            return;
        }
        let contexts = self.publish(reading).await;
        self.contexts.send_replace(Some(Arc::new(contexts)));
        self.first = false;
    }

    /// Whether a file that was good looks half-written, and has not for long.
    fn suspects(&mut self, reading: &Reading) -> bool {
        let now = self.means.clock.tick();
        let good = |path: &Path| self.told.iter().any(|t| t.file.path == path && !t.file.contexts.is_empty());
        let mut broken = HashMap::new();
        for file in reading.files.iter().filter(|f| f.half_written() && good(&f.path)) {
            let since = self.broken.get(&file.path).copied().unwrap_or(now);
            broken.insert(file.path.clone(), since);
        }
        self.broken = broken;
        self.broken.values().any(|since| now.duration_since(*since) < self.pace.grace)
    }

    async fn publish(&mut self, reading: Reading) -> Contexts {
        let now = self.means.clock.now();
        let mut problems = reading.problems;
        problems.extend(self.problems.iter().cloned());
        let searched = Told::Searched { current: reading.current, looked_in: reading.looked_in, problems };
        self.say(searched).await;
        let before = std::mem::take(&mut self.told);
        let by_path: HashMap<&Path, &ToldFile> = before.iter().map(|t| (t.file.path.as_path(), t)).collect();
        let mut contexts = Vec::new();
        let mut reports = Vec::new();
        for mut file in reading.files {
            let old = by_path.get(file.path.as_path()).copied();
            // What cannot be read any more is as it was when it could.
            let kept = old.filter(|old| file.broken() && !old.file.contexts.is_empty());
            if let Some(old) = kept {
                file.contexts.clone_from(&old.file.contexts);
                file.sighted = old.sighted.to_vec();
            }
            contexts.extend(file.contexts.iter().cloned());
            if !file.is_told() {
                continue;
            }
            let mut sighted = std::mem::take(&mut file.sighted);
            if let Some(old) = old {
                keep_targets(&old.sighted, &mut sighted);
            }
            let sighted: Arc<[Sighted]> = match old {
                Some(old) if says_the_same(&old.sighted, &sighted) => Arc::clone(&old.sighted),
                _ => sighted.into(),
            };
            let state = state_of(&file, &sighted, old.map(|o| &o.state), now);
            let same = old.is_some_and(|old| {
                Arc::ptr_eq(&old.sighted, &sighted)
                    && old.state == SourceState { synced_at: old.state.synced_at, ..state.clone() }
            });
            if !same {
                reports.push(SourceReport { state: state.clone(), sighted: Arc::clone(&sighted) });
            }
            self.told.push(ToldFile { file, state, sighted });
        }
        let names: HashSet<CleanText> = self.told.iter().map(|t| t.state.name.clone()).collect();
        for old in before.into_iter().filter(|old| !names.contains(&old.state.name)) {
            self.say(Told::Gone(old.state.name)).await;
        }
        for report in reports {
            self.say(Told::Source(report)).await;
        }
        Contexts::new(contexts)
    }

    /// Says again what was said, as of now.
    async fn confirm(&mut self) {
        self.confirmed = self.means.clock.tick();
        let now = self.means.clock.now();
        let mut again = Vec::new();
        for told in
            self.told.iter_mut().filter(|t| t.state.synced_at.is_some() && t.state.sync != Sync::Failing)
        {
            told.state.synced_at = Some(now);
            again.push(SourceReport { state: told.state.clone(), sighted: Arc::clone(&told.sighted) });
        }
        for report in again {
            self.say(Told::Source(report)).await;
        }
    }

    /// The file system does not answer: everything stays as it was.
    async fn not_answering(&mut self) {
        if std::mem::replace(&mut self.late, true) && !self.first {
            return;
        }
        let problem = Problem {
            severity: Severity::Error,
            code: "NOT_ANSWERING",
            origin: None,
            subject: CleanText::new("kubeconfig"),
            message: CleanText::new("the file system with the kubeconfigs does not answer"),
            hint: Some(CleanText::new("Check whether a network file system is reachable.")),
        };
        if self.first {
            let mut problems = self.problems.clone();
            problems.push(problem);
            self.say(Told::Searched { current: None, looked_in: Vec::new(), problems }).await;
            self.contexts.send_replace(Some(Arc::default()));
            self.first = false;
            return;
        }
        let now = self.means.clock.now();
        let mut reports = Vec::new();
        for told in &mut self.told {
            told.state.sync = Sync::Failing;
            told.state.failing_since.get_or_insert(now);
            told.state.problems.push(problem.clone());
            reports.push(SourceReport { state: told.state.clone(), sighted: Arc::clone(&told.sighted) });
        }
        for report in reports {
            self.say(Told::Source(report)).await;
        }
    }

    /// Nobody who listens any more needs to be told.
    async fn say(&self, told: Told) {
        drop(self.tell.send(told).await);
    }
}

fn state_of(
    file: &FileRead,
    sighted: &[Sighted],
    before: Option<&SourceState>,
    now: DateTime<Utc>,
) -> SourceState {
    let failing = file.broken() && file.problems.iter().any(|p| p.severity == Severity::Error)
        || file.broken() && !sighted.is_empty();
    let since = before.and_then(|s| s.failing_since).unwrap_or(now);
    SourceState {
        entries: sighted.len(),
        synced_at: match file.outcome {
            crate::access::kubeconfig::Outcome::Read => Some(now),
            _ => before.and_then(|s| s.synced_at),
        },
        sync: if failing { Sync::Failing } else { Sync::Watching },
        failing_since: failing.then_some(since),
        how: CleanText::new("watch file"),
        problems: file.problems.clone(),
        ..SourceState::new(SourceKind::Kubeconfig, file.name.clone())
    }
}

/// How everything stands that could change what is read. Blocks on the file system.
fn stamp(wanted: &Wanted, named: &[PathBuf]) -> Stamp {
    let mut stamp = Stamp::new();
    let mut add = |path: PathBuf| {
        let state = FileState::at(&path);
        stamp.push((path, state));
    };
    for place in &wanted.places {
        let search = &place.search;
        for path in &search.explicit {
            let Ok(entries) = std::fs::read_dir(path) else {
                add(path.clone());
                continue;
            };
            let mut inside: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).take(MAX_FILES).collect();
            inside.sort();
            inside.into_iter().for_each(&mut add);
        }
        if search.explicit.is_empty() {
            search.env.iter().flat_map(std::env::split_paths).for_each(&mut add);
            search.home.iter().map(|h| h.join(".kube").join("config")).for_each(&mut add);
        }
    }
    named.iter().cloned().for_each(add);
    stamp
}
