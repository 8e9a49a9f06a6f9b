//! The registry's root: a task for each source, started in order, each ended alone.
//!
//! Kubeconfigs come first, because they lead to hubs; then everything else on this machine; then hub, clouds and programs. All
//! of them tell through here, so that it is known who has told, and what a hub said last when the way to it changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::declared::declared;
use super::job::HubJob;
use super::keep::{not_read, problem};
use super::kubeconfig::{Contexts, Files, Names, Wanted, Where, watch_kubeconfigs};
use super::pace::Pace;
use super::same::{same_target, says_the_same};
use super::sources::{self, Parts, Sort};
use super::{Means, Plan, SourceReport, Told, Wish, hub};
use crate::access::Target;
use crate::access::kubeconfig::Search;
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{CleanText, Problem, Severity, Sighting, SourceKind, Sync};

/// Reports on their way.
const TOLD: usize = 64;
/// Wishes of one source.
const WISHES: usize = 4;

/// Reads every source of `plan`, and tells of each whenever it says something new, until `means.quit` or, with `plan.once`, until
/// each has been read once. `remembered` is what sources said on an earlier day.
///
/// Order: [`Told::Searched`] and a report for each kubeconfig; the fleet file's own clusters and inventories; [`Told::Local`];
/// hub, clouds and programs as they answer; [`Told::All`] when each of them has told or failed once.
pub async fn watch_sources(
    plan: Plan,
    means: Means,
    remembered: Vec<Arc<Sighting>>,
    wishes: mpsc::Receiver<Wish>,
    tell: mpsc::Sender<Told>,
) {
    conduct(plan, means, remembered, wishes, tell, Pace::default()).await;
}

/// The same at another pace.
pub(super) async fn conduct(
    plan: Plan,
    means: Means,
    remembered: Vec<Arc<Sighting>>,
    wishes: mpsc::Receiver<Wish>,
    tell: mpsc::Sender<Told>,
    pace: Pace,
) {
    let quit = means.quit.clone();
    // Children end with this one, whether it is told to or not.
    let means = Means { quit: quit.child_token(), ..means };
    let ending = means.quit.clone().drop_guard();
    tokio::select! {
        () = quit.cancelled() => {}
        () = Conductor::new(plan, means, remembered, wishes, tell, pace).run() => {}
    }
    drop(ending);
}

/// A source of the fleet file that is not a kubeconfig.
struct Declared {
    spec: Object<SourceSpec>,
    kind: SourceKind,
    sort: Sort,
    /// Its name, unique among sources.
    name: CleanText,
    /// Why it is not read at all.
    refused: Option<Problem>,
    /// How to wish something of it.
    wishes: Option<mpsc::Sender<Wish>>,
    running: Option<Running>,
}

/// A hub that is being read.
struct Running {
    target: Arc<Target>,
    quit: CancellationToken,
    task: AbortHandle,
}

struct Conductor {
    plan: Plan,
    means: Means,
    pace: Pace,
    /// What sources said on an earlier day.
    known: HashMap<CleanText, Vec<Arc<Sighting>>>,
    declared: Vec<Declared>,
    /// Problems that belong to no source.
    problems: Vec<Problem>,
    parts: Parts,
    /// Each ends with its source's name.
    tasks: JoinSet<CleanText>,
    /// Where all sources tell.
    inner: mpsc::Sender<Told>,
    said: mpsc::Receiver<Told>,
    tell: mpsc::Sender<Told>,
    /// What is wished of all; `None` when nobody wishes any more.
    wishes: Option<mpsc::Receiver<Wish>>,
    /// What is wished of the kubeconfigs.
    wish_files: Option<mpsc::Sender<Wish>>,
    /// Every context, each time they have been read.
    contexts: watch::Receiver<Option<Arc<Contexts>>>,
    /// Sources that have told or failed once, or have ended.
    heard: HashSet<CleanText>,
    /// What hubs said last.
    last: HashMap<CleanText, SourceReport>,
    /// What the fleet file's own clusters were told as; `None` before.
    declared_said: Option<Vec<SourceReport>>,
    /// Whether hubs are being read, so that a new way to one matters.
    far: bool,
}

/// The name under which the task of the kubeconfigs ends; no source has it.
fn kubeconfigs() -> CleanText {
    CleanText::default()
}

impl Conductor {
    fn new(
        plan: Plan,
        means: Means,
        remembered: Vec<Arc<Sighting>>,
        wishes: mpsc::Receiver<Wish>,
        tell: mpsc::Sender<Told>,
        pace: Pace,
    ) -> Self {
        let mut known: HashMap<CleanText, Vec<Arc<Sighting>>> = HashMap::new();
        for sighting in remembered {
            known.entry(sighting.id.source.clone()).or_default().push(sighting);
        }
        let (inner, said) = mpsc::channel(TOLD);
        let parts = Parts {
            commands: Arc::new(plan.commands.clone()),
            base: plan.base.clone(),
            home: plan.home.clone(),
            break_glass: plan.break_glass.clone().into(),
        };
        let mut conductor = Self {
            known,
            declared: Vec::new(),
            problems: Vec::new(),
            parts,
            tasks: JoinSet::new(),
            inner,
            said,
            tell,
            wishes: Some(wishes),
            wish_files: None,
            contexts: watch::channel(None).1,
            heard: HashSet::new(),
            last: HashMap::new(),
            declared_said: None,
            far: false,
            plan,
            means,
            pace,
        };
        conductor.declare();
        conductor
    }

    /// Looks at what the fleet file declares. Kubeconfigs are left to the one who reads them.
    fn declare(&mut self) {
        let mut names = Names::default();
        for spec in &self.plan.sources {
            let Some(kind) = SourceKind::parse(&spec.spec.kind) else {
                let kinds: Vec<_> = SourceKind::ALL.iter().map(|k| k.as_str()).collect();
                let hint = format!("Kinds are: {}.", kinds.join(", "));
                let message = "there is no such kind of source";
                self.problems.push(problem(spec, "kind", "UNKNOWN_KIND", message, &hint));
                continue;
            };
            let sort = sources::sort(kind, &spec.spec);
            if sort == Sort::Kubeconfig {
                if spec.spec.path.is_none() {
                    self.problems.push(sources::no_path(spec));
                }
                continue;
            }
            let wanted = CleanText::new(spec.spec.name.trim());
            let shown = if wanted.is_empty() { CleanText::new(kind.as_str()) } else { wanted.clone() };
            let name = names.unique(&shown);
            let refused = if wanted.is_empty() {
                Some(problem(spec, "name", "NO_NAME", "the source has no name", "Give it one with name."))
            } else if name != wanted {
                let message = "another source has the same name";
                Some(problem(spec, "name", "DUPLICATE_NAME", message, "Give them different names."))
            } else if sort == Sort::Far && !self.plan.contact {
                let hint = "Without --no-contact it is asked.";
                let mut note = problem(spec, "name", "NOT_ASKED", "the source was not asked", hint);
                note.severity = Severity::Note;
                Some(note)
            } else {
                sources::refused(spec, kind)
            };
            let declared =
                Declared { spec: spec.clone(), kind, sort, name, refused, wishes: None, running: None };
            self.declared.push(declared);
        }
    }

    /// Where kubeconfigs are, with what the fleet file adds.
    fn wanted(&self) -> Wanted {
        let mut places = vec![Where { search: self.plan.search.clone(), ..Where::default() }];
        for spec in self.plan.sources.iter().map(|object| &object.spec) {
            let (true, Some(path)) = (spec.kind == SourceKind::Kubeconfig.as_str(), &spec.path) else {
                continue;
            };
            let labels = spec.labels.iter().map(|(k, v)| (CleanText::new(k), CleanText::new(v)));
            places.push(Where {
                search: Search {
                    explicit: vec![self.parts.path(path)],
                    env: None,
                    home: self.plan.home.clone(),
                },
                break_glass: spec.break_glass,
                labels: labels.collect(),
            });
        }
        Wanted { places, contexts: self.plan.contexts.clone(), break_glass: self.plan.break_glass.clone() }
    }

    async fn run(mut self) {
        self.read_kubeconfigs();
        while self.contexts.borrow().is_none() && !self.heard.contains(&kubeconfigs()) {
            if !self.step().await {
                return;
            }
        }
        // What the files said stands in the queue before the word that they were read.
        self.pass_waiting().await;
        self.tell_declared().await;
        self.start(Sort::Near).await;
        if !self.hear(Sort::Near).await {
            return;
        }
        self.pass(Told::Local).await;
        self.far = true;
        self.start(Sort::Far).await;
        self.reach_hubs().await;
        if !self.hear(Sort::Far).await {
            return;
        }
        self.pass(Told::All).await;
        while !(self.plan.once && self.tasks.is_empty()) {
            if !self.step().await {
                return;
            }
        }
        self.pass_waiting().await;
    }

    /// Goes on until all sources of a sort have been heard; `false` if nobody listens.
    async fn hear(&mut self, sort: Sort) -> bool {
        while self.declared.iter().any(|d| d.sort == sort && !self.heard.contains(&d.name)) {
            if !self.step().await {
                return false;
            }
        }
        self.pass_waiting().await;
        true
    }

    /// The next thing that happens; `false` if nobody listens any more.
    async fn step(&mut self) -> bool {
        tokio::select! {
            biased;
            Some(told) = self.said.recv() => self.pass(told).await,
            Ok(()) = self.contexts.changed() => {
                if self.declared_said.is_some() {
                    self.tell_declared().await;
                }
                if self.far {
                    self.reach_hubs().await;
                }
            }
            Some(ended) = self.tasks.join_next() => {
                // One that was told to end, or broke, says no name.
                if let Ok(name) = ended {
                    self.pass_waiting().await;
                    self.heard.insert(name);
                } else {
                    self.bury().await;
                }
            }
            wish = next(&mut self.wishes) => self.obey(wish),
            () = self.tell.closed() => return false,
        }
        true
    }

    async fn pass_waiting(&mut self) {
        while let Ok(told) = self.said.try_recv() {
            self.pass(told).await;
        }
    }

    async fn pass(&mut self, told: Told) {
        if let Told::Source(report) = &told {
            if report.state.sync != Sync::Reading {
                self.heard.insert(report.state.name.clone());
            }
            if self.declared.iter().any(|d| d.running.is_some() && d.name == report.state.name) {
                self.last.insert(report.state.name.clone(), report.clone());
            }
        }
        drop(self.tell.send(told).await);
    }

    fn obey(&mut self, wish: Wish) {
        let meant = match &wish {
            Wish::Sync(None) => None,
            Wish::Sync(Some(name)) => Some(name.clone()),
            Wish::Renew(id) => Some(id.source.clone()),
        };
        let declared = self.declared.iter().find(|d| Some(&d.name) == meant.as_ref());
        let senders: Vec<_> = match (declared, meant) {
            (Some(declared), _) => declared.wishes.iter().collect(),
            // All others are kubeconfigs.
            (None, Some(_)) => self.wish_files.iter().collect(),
            (None, None) => {
                self.wish_files.iter().chain(self.declared.iter().filter_map(|d| d.wishes.as_ref())).collect()
            }
        };
        for sender in senders {
            // A source that has not got to its last wishes yet will read everything anyway.
            drop(sender.try_send(wish.clone()));
        }
    }

    fn read_kubeconfigs(&mut self) {
        let (give, contexts) = watch::channel(None);
        let (wish, wishes) = mpsc::channel(WISHES);
        self.contexts = contexts;
        self.wish_files = Some(wish);
        let files = Files {
            wanted: self.wanted(),
            means: self.means.clone(),
            once: self.plan.once,
            pace: self.pace.clone(),
            problems: std::mem::take(&mut self.problems),
            wishes,
            tell: self.inner.clone(),
            contexts: give,
        };
        self.tasks.spawn(async move {
            watch_kubeconfigs(files).await;
            kubeconfigs()
        });
    }

    /// The fleet file's own clusters, whose contexts say where some of them are.
    async fn tell_declared(&mut self) {
        let contexts = self.contexts.borrow_and_update().clone().unwrap_or_default();
        let before = self.declared_said.take().unwrap_or_default();
        let reports = declared(&self.plan.clusters, &contexts, self.means.clock.now());
        for report in &reports {
            let same = |old: &SourceReport| {
                old.state.name == report.state.name && says_the_same(&old.sighted, &report.sighted)
            };
            if !before.iter().any(same) {
                self.pass(Told::Source(report.clone())).await;
            }
        }
        self.declared_said = Some(reports);
    }

    /// Starts everything of a sort but hubs; what cannot be read is told.
    async fn start(&mut self, sort: Sort) {
        for index in 0..self.declared.len() {
            let Some(declared) = self.declared.get_mut(index).filter(|d| d.sort == sort) else { continue };
            if let Some(problem) = declared.refused.clone() {
                self.tell_not_read(index, problem).await;
                continue;
            }
            if sources::is_hub(declared.kind) {
                continue;
            }
            let (wish, wishes) = mpsc::channel(WISHES);
            declared.wishes = Some(wish);
            let source = super::keep::Source {
                spec: declared.spec.clone(),
                kind: declared.kind,
                name: declared.name.clone(),
                how: String::new(),
                watched: false,
                known: self.known.remove(&declared.name).unwrap_or_default(),
                break_glass: Arc::clone(&self.parts.break_glass),
                once: self.plan.once,
                means: self.means.clone(),
                pace: self.pace.clone(),
                wishes,
                tell: self.inner.clone(),
            };
            let name = declared.name.clone();
            let task = Box::pin(sources::watch(source, self.parts.clone(), self.contexts.clone()));
            self.tasks.spawn(async move {
                task.await;
                name
            });
        }
    }

    /// Starts hubs that a context leads to now, and starts those anew to which the way has changed.
    async fn reach_hubs(&mut self) {
        let contexts = self.contexts.borrow_and_update().clone().unwrap_or_default();
        for index in 0..self.declared.len() {
            let Some(declared) = self.declared.get(index) else { continue };
            if !sources::is_hub(declared.kind) || declared.refused.is_some() {
                continue;
            }
            let wanted = declared.spec.spec.context.clone().unwrap_or_default();
            let found = contexts.find(&wanted);
            match found.and_then(|c| Some((c.target.clone()?, c.id.clone()))) {
                Some((target, id)) => {
                    let as_before =
                        declared.running.as_ref().is_some_and(|r| same_target(&r.target, &target));
                    if !as_before {
                        self.start_hub(index, target, id);
                    }
                }
                // A hub that is being read goes on over the way that it has.
                None if declared.running.is_some() => {}
                None => {
                    let (code, message) = match found {
                        None => (
                            "NO_SUCH_CONTEXT",
                            "no kubeconfig has the context that leads to the hub".to_owned(),
                        ),
                        Some(context) => {
                            let why = context.unusable.clone().unwrap_or_default();
                            (
                                "CONTEXT_UNUSABLE",
                                format!("the context that leads to the hub cannot be used: {why}"),
                            )
                        }
                    };
                    let hint = "Name a context of a kubeconfig that is read; kubectl config get-contexts lists them.";
                    let problem = problem(&declared.spec, "context", code, &message, hint);
                    self.tell_not_read(index, problem).await;
                }
            }
        }
    }

    fn start_hub(&mut self, index: usize, target: Arc<Target>, id: crate::fleet::SightingId) {
        let Some(declared) = self.declared.get_mut(index) else { return };
        if let Some(old) = declared.running.take() {
            old.quit.cancel();
            old.task.abort();
        }
        let known = match self.last.get(&declared.name) {
            Some(report) => report.sighted.iter().map(|s| Arc::clone(&s.sighting)).collect(),
            None => self.known.get(&declared.name).cloned().unwrap_or_default(),
        };
        let (wish, wishes) = mpsc::channel(WISHES);
        declared.wishes = Some(wish);
        let quit = self.means.quit.child_token();
        let job = HubJob {
            spec: declared.spec.clone(),
            hub: Arc::clone(&target),
            hub_sighting: id,
            means: Means { quit: quit.clone(), ..self.means.clone() },
            commands: Arc::clone(&self.parts.commands),
            providers: self.plan.access_providers.clone().into(),
            known,
            once: self.plan.once,
            wishes,
        };
        let (name, out) = (declared.name.clone(), self.inner.clone());
        let task = self.tasks.spawn(async move {
            hub::watch(job, out).await;
            name
        });
        declared.running = Some(Running { target, quit, task });
    }

    async fn tell_not_read(&mut self, index: usize, problem: Problem) {
        let Some(declared) = self.declared.get(index) else { return };
        let known = self.known.get(&declared.name).map(Vec::as_slice).unwrap_or_default();
        let report = not_read(declared.kind, declared.name.clone(), known, problem, self.means.clock.now());
        self.pass(Told::Source(report)).await;
    }

    /// A task has broken off: whoever has no task any more is told of.
    async fn bury(&mut self) {
        self.pass_waiting().await;
        for index in 0..self.declared.len() {
            let Some(declared) = self.declared.get(index) else { continue };
            let hub_over = declared.running.as_ref().is_some_and(|r| r.task.is_finished());
            let far_over = declared.wishes.as_ref().is_some_and(mpsc::Sender::is_closed);
            if (hub_over || far_over) && !self.heard.contains(&declared.name) {
                let hint = "This is a fault of fleetglass; please report it.";
                let problem =
                    problem(&declared.spec, "name", "INTERNAL", "reading the source broke off", hint);
                self.tell_not_read(index, problem).await;
            }
        }
        if self.wish_files.as_ref().is_some_and(mpsc::Sender::is_closed) {
            self.heard.insert(kubeconfigs());
        }
    }
}

async fn next(wishes: &mut Option<mpsc::Receiver<Wish>>) -> Wish {
    if let Some(receiver) = wishes
        && let Some(wish) = receiver.recv().await
    {
        return wish;
    }
    *wishes = None;
    std::future::pending().await
}
