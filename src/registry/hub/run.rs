//! One source's task: starts the lists, reads Secrets a few at a time, and tells what it knows when it has been quiet for a
//! moment.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::ask::{self, Held, Refusal};
use super::feed::{self, Feed, Heard};
use super::kinds::{Resource, resources};
use super::setting::Setting;
use super::table::{Change, SecretState, Table};
use super::way::is_segment;
use crate::fleet::{CleanText, ErrorCode, Failure, Problem, Severity, SourceKind, SourceState, Sync};
use crate::registry::job::{HubJob, Out};
use crate::registry::pace::interval;
use crate::registry::report::{SourceReport, Told, Wish};

/// Secrets that are read at the same time.
const FETCHES: usize = 8;

/// Secrets of one namespace that may be refused, with none granted, before the others are not asked for.
const DENIALS: usize = 20;

/// Messages of lists that wait.
const QUEUE: usize = 16;

/// The times of a source.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// Changes that come closer together than this are told together.
    pub(super) quiet: Duration,
    /// But no later than this after the first.
    pub(super) latest: Duration,
    /// When nothing but times have changed.
    pub(super) slight: Duration,
    /// Between two tries for Secrets that could not be read.
    pub(super) secrets: Duration,
    /// The same for one that was refused by the cluster, at most this often.
    pub(super) renew: Duration,
    pub(super) feed: feed::Pace,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            quiet: Duration::from_millis(200),
            latest: seconds(1),
            slight: seconds(10),
            secrets: seconds(30),
            renew: seconds(10),
            feed: feed::Pace {
                retry: seconds(2),
                longest: seconds(120),
                refused: seconds(120),
                interval: seconds(600),
            },
        }
    }
}

/// Reads a hub and keeps up with it, until the job's end.
pub(in crate::registry) async fn watch(job: HubJob, out: Out) {
    watch_at(job, out, Timing::default()).await;
}

/// The same at a pace.
pub(super) async fn watch_at(job: HubJob, out: Out, mut timing: Timing) {
    let quit = job.means.quit.clone();
    if let Some(every) = job.spec.spec.interval.as_deref().and_then(interval) {
        timing.feed.interval = every;
    }
    let work = async {
        match Source::start(&job, timing) {
            Ok(source) => source.run(job, &out).await,
            Err(problem) => {
                let kind = SourceKind::parse(&job.spec.spec.kind).unwrap_or(SourceKind::ClusterApi);
                let mut state = SourceState::new(kind, CleanText::new(&job.spec.spec.name));
                state.sync = Sync::Failing;
                state.failing_since = Some(job.means.clock.now());
                state.problems.push(*problem);
                let known = job.known.iter().map(|sighting| crate::registry::report::Sighted {
                    sighting: sighting.clone(),
                    target: None,
                    identity_key: [0; 32],
                });
                let report = SourceReport { state, sighted: known.collect() };
                let _listens = out.send(Told::Source(report)).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = quit.cancelled() => {}
    }
}

/// A Secret that was asked for.
type Fetch = BoxFuture<'static, (CleanText, Result<Held, Refusal>)>;

/// One source at work.
struct Source {
    table: Table,
    client: Client,
    timing: Timing,
    heard: mpsc::Receiver<Heard>,
    again: watch::Sender<u64>,
    /// Lists that are still going; they end with the source.
    _lists: Vec<AbortOnDropHandle<()>>,
    queue: VecDeque<CleanText>,
    queued: HashSet<CleanText>,
    fetches: FuturesUnordered<Fetch>,
    /// Per namespace: how many Secrets were refused and how many granted.
    luck: HashMap<String, (usize, usize)>,
    renewed: HashMap<CleanText, Instant>,
    /// When to tell, and since when there is something to tell.
    due: Option<(Instant, Instant)>,
    /// What is wrong with how the source is declared.
    declared: Vec<Problem>,
}

impl Source {
    fn start(job: &HubJob, timing: Timing) -> Result<Self, Box<Problem>> {
        let spec = &job.spec.spec;
        let problem = |severity, code, place: &str, message: &str, hint: &str| Problem {
            severity,
            code,
            origin: Some(job.spec.place(place).clone()),
            subject: CleanText::new(&spec.name),
            message: CleanText::new(message),
            hint: Some(hint).filter(|h| !h.is_empty()).map(CleanText::new),
        };
        let bad =
            |place: &str, message: &str| Box::new(problem(Severity::Error, "BAD_SOURCE", place, message, ""));
        let kind = SourceKind::parse(&spec.kind)
            .ok_or_else(|| bad("kind", "the kind of the source is not known"))?;
        let resources = resources(kind);
        if resources.is_empty() {
            return Err(bad("kind", "the kind of the source is not read from a hub"));
        }
        if let Some(namespace) = spec.namespaces.iter().find(|n| !is_segment(n)) {
            let message = format!("{} is no name of a namespace", CleanText::with_cap(namespace, 64));
            return Err(bad("namespaces", &message));
        }
        let client = job.means.access.client(&job.hub);
        let client = client.map_err(|failure| bad("context", failure.message.as_str()))?;
        let mut declared = Vec::new();
        if !spec.namespaces.is_empty() && resources.iter().all(|r| !r.namespaced) {
            let message = "the source's objects stand in no namespace, so namespaces means nothing";
            declared.push(problem(Severity::Warning, "BAD_SOURCE", "namespaces", message, "Remove it."));
        }
        let setting = Arc::new(Setting {
            kind,
            name: CleanText::new(&spec.name),
            spec: spec.clone(),
            hub: job.hub.clone(),
            hub_sighting: job.hub_sighting.clone(),
            commands: job.commands.clone(),
            providers: job.providers.clone(),
        });
        let parts: Vec<(&'static Resource, Option<String>)> = resources
            .iter()
            .flat_map(|resource| {
                let some = if resource.namespaced { spec.namespaces.as_slice() } else { &[] };
                let all = some.is_empty().then_some((resource, None));
                some.iter().map(move |namespace| (resource, Some(namespace.clone()))).chain(all)
            })
            .collect();
        let what = parts.iter().map(|(resource, namespace)| {
            let labels = resource.selector.map(|selector| format!(" ({selector})")).unwrap_or_default();
            let place = namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
            (format!("{}{labels}{place}", resource.name()), resource.part)
        });
        let table = Table::new(setting.clone(), &job.known, what.collect());
        let (tx, heard) = mpsc::channel(QUEUE);
        let (again, _) = watch::channel(0);
        let lists = parts.into_iter().enumerate().map(|(number, (resource, namespace))| {
            let wished = spec.selector.as_deref().filter(|s| !s.trim().is_empty() && !resource.part);
            let selectors = [resource.selector, wished];
            let selectors: Vec<_> = selectors.into_iter().flatten().collect();
            let feed = Feed {
                number,
                resource,
                namespace,
                selector: (!selectors.is_empty()).then(|| selectors.join(",")),
                setting: setting.clone(),
                client: client.clone(),
                clock: job.means.clock.clone(),
                pace: timing.feed.clone(),
                once: job.once,
                again: again.subscribe(),
                out: tx.clone(),
            };
            AbortOnDropHandle::new(tokio::spawn(feed.run()))
        });
        let lists = lists.collect();
        Ok(Self {
            table,
            client,
            timing,
            heard,
            again,
            _lists: lists,
            queue: VecDeque::new(),
            queued: HashSet::new(),
            fetches: FuturesUnordered::new(),
            luck: HashMap::new(),
            renewed: HashMap::new(),
            due: None,
            declared,
        })
    }

    async fn run(mut self, mut job: HubJob, out: &Out) {
        if !job.once && !job.known.is_empty() && !self.tell(out).await {
            return;
        }
        job.known = Vec::new();
        let mut rounds = 0_u32;
        let mut retry = Instant::now() + self.timing.secrets;
        let (mut wishes_open, mut lists_open) = (true, true);
        loop {
            self.fetch();
            if !self.table.settled && self.table.is_read() && self.fetches.is_empty() {
                self.table.settled = true;
                self.change(Change::Real);
                if job.once {
                    let _listens = self.tell(out).await;
                    return;
                }
            }
            let due = self.due.map(|(due, _)| due);
            tokio::select! {
                heard = self.heard.recv(), if lists_open => match heard {
                    Some(heard) => self.hear(heard),
                    None if job.once => lists_open = false,
                    // In a long run, lists do not end of themselves.
                    None => { let _listens = self.tell(out).await; return; }
                },
                Some((reference, answer)) = self.fetches.next(), if !self.fetches.is_empty() => {
                    self.fetched(&reference, answer);
                }
                wish = job.wishes.recv(), if wishes_open => match wish {
                    Some(wish) => self.wish(&wish),
                    None => wishes_open = false,
                },
                () = sleep_until(due.unwrap_or(retry)), if due.is_some() && !job.once => {
                    if !self.tell(out).await {
                        return;
                    }
                }
                () = sleep_until(retry), if !job.once => {
                    retry = Instant::now() + self.timing.secrets;
                    let aged = self.table.age(job.means.clock.now());
                    self.change(aged);
                    rounds = rounds.wrapping_add(1);
                    self.retry(rounds);
                }
            }
        }
    }

    fn hear(&mut self, heard: Heard) {
        let change = match heard {
            Heard::Begun { feed } => {
                self.table.begin(feed);
                Change::Nothing
            }
            Heard::Some { feed, decoded, broken } => {
                let mut change = Change::Nothing;
                for problem in broken {
                    change = change.max(self.table.broken(feed, problem));
                }
                for decoded in decoded {
                    change = change.max(self.take(feed, decoded));
                }
                change
            }
            Heard::Whole { feed, at } => {
                self.table.whole(feed, at);
                Change::Real
            }
            Heard::Confirmed { feed, at } => self.table.confirmed(feed, at),
            Heard::Changed { feed, decoded, at } => {
                let confirmed = self.table.confirmed(feed, at);
                self.take(feed, *decoded).max(confirmed)
            }
            Heard::Broken { feed, problem } => self.table.broken(feed, *problem),
            Heard::Removed { feed, reference, at } => {
                let confirmed = self.table.confirmed(feed, at);
                self.table.removed(&reference, at).max(confirmed)
            }
            Heard::Failed { feed, failure, at, next } => self.table.failed(feed, *failure, at, next),
            Heard::Unwatched { feed, next } => {
                self.table.unwatched(feed, next);
                Change::Real
            }
        };
        self.change(change);
    }

    fn take(&mut self, feed: usize, decoded: super::decode::Decoded) -> Change {
        let reference = decoded.sighting.id.reference.clone();
        let (change, wanted) = self.table.take(feed, decoded);
        if wanted {
            self.want(reference);
        }
        change
    }

    /// Puts a Secret into the queue, unless it is there.
    fn want(&mut self, reference: CleanText) {
        if self.queued.insert(reference.clone()) {
            self.queue.push_back(reference);
        }
    }

    /// Asks for Secrets, a few at a time.
    fn fetch(&mut self) {
        while self.fetches.len() < FETCHES {
            let Some(reference) = self.queue.pop_front() else { return };
            let Some(secret) = self.table.secret(&reference).cloned() else {
                self.queued.remove(&reference);
                continue;
            };
            if self
                .luck
                .get(&secret.namespace)
                .is_some_and(|(refused, granted)| *refused >= DENIALS && *granted == 0)
            {
                self.queued.remove(&reference);
                let denied =
                    Refusal::Failed(Failure::new(ErrorCode::Http403, "Secrets of the namespace are refused"));
                let change = self.table.read(&reference, Err(denied));
                self.change(change);
                continue;
            }
            let client = self.client.clone();
            self.fetches.push(Box::pin(async move {
                let answer = ask::secret(&client, &secret).await;
                (reference, answer)
            }));
        }
    }

    fn fetched(&mut self, reference: &CleanText, answer: Result<Held, Refusal>) {
        self.queued.remove(reference);
        if let Some(secret) = self.table.secret(reference) {
            let luck = self.luck.entry(secret.namespace.clone()).or_default();
            match &answer {
                Ok(_) | Err(Refusal::Absent) => luck.1 += 1,
                Err(Refusal::Failed(failure)) if failure.code == ErrorCode::Http403 => luck.0 += 1,
                Err(_) => {}
            }
        }
        let change = self.table.read(reference, answer);
        self.change(change);
    }

    /// Tries again what could not be read: often after trouble, seldom after a refusal.
    fn retry(&mut self, round: u32) {
        if self.table.is_failing() {
            return;
        }
        let seldom = round.is_multiple_of(20);
        if seldom {
            self.luck.clear();
            let now = Instant::now();
            self.renewed.retain(|_, at| now.duration_since(*at) < self.timing.renew);
        }
        let states: &[_] = if seldom {
            &[SecretState::Failed, SecretState::Absent, SecretState::Denied]
        } else {
            &[SecretState::Failed]
        };
        for reference in self.table.waiting(states) {
            self.want(reference);
        }
    }

    fn wish(&mut self, wish: &Wish) {
        match wish {
            Wish::Sync(_) => {
                self.luck.clear();
                self.again.send_modify(|n| *n = n.wrapping_add(1));
                for reference in
                    self.table.waiting(&[SecretState::Failed, SecretState::Absent, SecretState::Denied])
                {
                    self.want(reference);
                }
            }
            Wish::Renew(id) => {
                let Some(holder) = self.table.holder(&id.reference) else { return };
                let now = Instant::now();
                let recent =
                    self.renewed.get(&holder).is_some_and(|at| now.duration_since(*at) < self.timing.renew);
                if !recent && self.queued.insert(holder.clone()) {
                    self.renewed.insert(holder.clone(), now);
                    self.queue.push_front(holder);
                }
            }
        }
    }

    /// Makes sure that a change is told in time.
    fn change(&mut self, change: Change) {
        let now = Instant::now();
        let (wait, latest) = match change {
            Change::Nothing => return,
            Change::Slight => (self.timing.slight, self.timing.slight),
            Change::Real => (self.timing.quiet, self.timing.latest),
        };
        let (due, since) = self.due.unwrap_or((now + wait, now));
        // What is only slight moves nothing that is waited for already.
        if change == Change::Real {
            let since = if due > now + latest { now } else { since };
            self.due = Some(((now + wait).min(since + latest), since));
        } else {
            self.due = Some((due, since));
        }
    }

    async fn tell(&mut self, out: &Out) -> bool {
        self.due = None;
        let mut report = self.table.report();
        report.state.problems.extend(self.declared.iter().cloned());
        out.send(Told::Source(report)).await.is_ok()
    }
}
