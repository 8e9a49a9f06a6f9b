//! The task that owns the fleet: folds what arrives, has rows united, publishes pictures at most twenty times a second.
//!
//! It never waits for anybody who may wait for it: wishes to the poller are sent when there is room for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::api::{Deciding, Refused};
use super::decide;
use super::fold::{Fold, News};
use super::memory;
use super::reports::Change;
use super::routes::Ways;
use super::rows::Built;
use crate::clock::Clock;
use crate::fleet::{CleanText, ClusterKey, Fleet, Recorded};
use crate::observe::{Event, Wish};
use crate::registry::{self, Told};
use crate::store::{Memory, Store, StoreError};

/// Shortest time between two publications.
const PAUSE: Duration = Duration::from_millis(50);
/// How long rows are united after something has changed that matters to them; what changes meanwhile is united with it.
const UNITE_AFTER: Duration = Duration::from_millis(100);
/// How many times as long as uniting took, at least, nothing is united again: while a large fleet is polled for the first time every
/// answer changes something, and the processor is better spent on the answers.
const REST: u32 = 4;
/// The longest that changes wait because uniting takes long.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How often all is judged against the clock.
const JUDGE_AGAIN: Duration = Duration::from_mins(1);
/// How often rows are united although nobody says anything new.
const HEAR_AGAIN: Duration = Duration::from_mins(30);
/// Messages of one kind taken in before anything else is looked at.
const BATCH: usize = 512;
/// From so many clusters on rows are united beside this task, so that it can publish meanwhile.
const MANY: usize = 500;
/// How long the memory may take to write what is left at the end.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What reaches the fold.
pub(super) struct Inbox {
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) decisions: mpsc::Receiver<Deciding>,
    /// Clusters that a person asks to be polled; empty means all.
    pub(super) asked: mpsc::Receiver<Vec<ClusterKey>>,
}

/// Whom it tells.
pub(super) struct Outbox {
    pub(super) fleet: watch::Sender<Arc<Fleet>>,
    pub(super) ways: watch::Sender<Option<Arc<Ways>>>,
    pub(super) poller: mpsc::Sender<Wish>,
    pub(super) registry: mpsc::Sender<registry::Wish>,
}

type Reply = oneshot::Sender<Result<(), Refused>>;

/// Decisions being written down.
struct Writing {
    task: JoinHandle<Result<(), StoreError>>,
    decisions: Vec<Recorded>,
    reply: Reply,
}

/// Those who have decided and are told once the fleet shows it.
#[derive(Default)]
struct Waiting {
    /// Until rows are united.
    unite: Vec<Reply>,
    /// Until the job that is being worked on ends.
    job: Vec<Reply>,
    /// Until the next picture.
    picture: Vec<Reply>,
}

/// The fold with everything around it.
pub(super) struct Keeper {
    pub(super) fold: Fold,
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) who: CleanText,
    pub(super) out: Outbox,
}

/// What happened.
enum Happened {
    Quit,
    United(Option<Built>),
    Written(Result<(), StoreError>),
    Recalled(Option<Result<Memory, StoreError>>),
    DecidedElsewhere,
    MemoryChanged,
    Told(Option<Told>),
    Due(Due),
    Event(Option<Event>),
    Decided(Deciding),
    Asked(Vec<ClusterKey>),
    Sent,
}

#[derive(Clone, Copy)]
enum Due {
    Unite,
    Publish,
    Judge,
    Remember,
}

impl Keeper {
    /// Folds until `quit` or until the poller is gone.
    pub(super) async fn run(mut self, mut inbox: Inbox, quit: CancellationToken) {
        let mut problem = self.store.problem();
        let mut elsewhere = self.store.changed();
        let (mut uniting, mut writing): (Option<JoinHandle<Built>>, Option<Writing>) = (None, None);
        // How long uniting took when it last was done beside this task, and when it began.
        let (mut took, mut began) = (Duration::ZERO, self.clock.tick());
        let mut waiting = Waiting::default();
        let mut news = News::default();
        let mut published: Option<Instant> = None;
        let mut unite_at: Option<Instant> = None;
        // Whether somebody waits for what comes of the next uniting: the first rows are not held back for the pause.
        let mut hurry = false;
        let (mut judged, mut remembered) = (self.clock.tick(), self.clock.tick());
        let mut heard = judged;
        let mut recalling: Option<JoinHandle<Result<Memory, StoreError>>> = None;
        let (mut telling, mut deciding, mut asking) = (true, true, true);
        let (mut watching, mut others) = (true, true);
        self.fold.set_memory_problem(problem.borrow_and_update().clone());
        loop {
            let now = self.clock.tick();
            if self.fold.is_dirty() && uniting.is_none() {
                unite_at.get_or_insert(now + UNITE_AFTER.max(REST * took).min(LONGEST_PAUSE));
            }
            let unite = unite_at.filter(|_| uniting.is_none());
            let publish = self.fold.is_changed().then(|| published.map_or(now, |at| at + PAUSE));
            let happened = tokio::select! {
                biased;
                () = quit.cancelled() => Happened::Quit,
                permit = self.out.poller.reserve(), if self.fold.has_wishes() => {
                    if let (Ok(permit), Some(wish)) = (permit, self.fold.next_wish()) {
                        permit.send(wish);
                    }
                    Happened::Sent
                }
                built = joined(&mut uniting) => Happened::United(built),
                written = recorded(&mut writing) => Happened::Written(written),
                () = until(unite) => Happened::Due(Due::Unite),
                () = until(publish) => Happened::Due(Due::Publish),
                changed = problem.changed(), if watching => {
                    watching = changed.is_ok();
                    Happened::MemoryChanged
                }
                memory = joined(&mut recalling) => Happened::Recalled(memory),
                told = inbox.told.recv(), if telling => Happened::Told(told),
                asked = inbox.decisions.recv(), if deciding && writing.is_none() => {
                    deciding = asked.is_some();
                    asked.map_or(Happened::Sent, Happened::Decided)
                }
                keys = inbox.asked.recv(), if asking => {
                    asking = keys.is_some();
                    keys.map_or(Happened::Sent, Happened::Asked)
                }
                changed = elsewhere.changed(), if others && recalling.is_none() => {
                    others = changed.is_ok();
                    if others { Happened::DecidedElsewhere } else { Happened::Sent }
                }
                () = until(Some(judged + JUDGE_AGAIN)) => Happened::Due(Due::Judge),
                () = until(Some(remembered + memory::PAUSE)) => Happened::Due(Due::Remember),
                event = inbox.events.recv() => Happened::Event(event),
            };
            match happened {
                Happened::Quit | Happened::Event(None) => break,
                Happened::Sent => {}
                Happened::Due(Due::Unite) => {
                    unite_at = None;
                    waiting.job.append(&mut waiting.unite);
                    let job = self.fold.job(self.clock.now());
                    if self.fold.size() < MANY {
                        let built = job.run();
                        self.finish(built, &mut waiting);
                        if std::mem::take(&mut hurry) {
                            published = None;
                        }
                    } else {
                        began = self.clock.tick();
                        uniting = Some(tokio::task::spawn_blocking(move || job.run()));
                    }
                }
                Happened::United(built) => {
                    uniting = None;
                    took = self.clock.tick().saturating_duration_since(began);
                    match built {
                        Some(built) => {
                            self.finish(built, &mut waiting);
                            if std::mem::take(&mut hurry) {
                                published = None;
                            }
                        }
                        // It broke; what was there stays, and the next change tries again.
                        None => self.fold.give_up(),
                    }
                }
                Happened::Due(Due::Publish) => {
                    self.out.fleet.send_replace(self.fold.picture());
                    published = Some(self.clock.tick());
                    // Nobody may be listening any more.
                    waiting.picture.drain(..).for_each(|reply| drop(reply.send(Ok(()))));
                }
                Happened::Due(Due::Judge) => {
                    judged = self.clock.tick();
                    // Judging a large fleet takes its time, which a job has; and a job hears what sources have confirmed meanwhile.
                    if self.fold.size() < MANY && judged - heard < HEAR_AGAIN {
                        self.fold.judge_again(self.clock.now());
                    } else {
                        heard = judged;
                        self.fold.make_dirty();
                    }
                }
                Happened::Due(Due::Remember) => {
                    remembered = self.clock.tick();
                    news.extend(self.fold.take_news());
                    news.hand_over(&self.store);
                    if self.fold.is_unsure() && recalling.is_none() {
                        recalling = Some(self.recall());
                    }
                }
                Happened::Told(None) => telling = false,
                Happened::Told(Some(told)) => {
                    let mut at_once = self.hear(told);
                    for _ in 1..BATCH {
                        let Ok(told) = inbox.told.try_recv() else { break };
                        at_once |= self.hear(told);
                    }
                    if at_once {
                        unite_at = Some(self.clock.tick());
                        hurry = true;
                    }
                }
                Happened::Event(Some(event)) => {
                    self.fold.apply(event);
                    for _ in 1..BATCH {
                        let Ok(event) = inbox.events.try_recv() else { break };
                        self.fold.apply(event);
                    }
                }
                Happened::Asked(keys) => self.fold.asked_for(&keys),
                Happened::Decided(asked) => writing = self.admit(asked),
                Happened::Written(done) => {
                    let Some(Writing { decisions, reply, .. }) = writing.take() else { continue };
                    match done {
                        Ok(()) => {
                            self.fold.decide(decisions);
                            waiting.unite.push(reply);
                            unite_at = Some(self.clock.tick());
                        }
                        Err(error) => drop(reply.send(Err(decide::unwritten(&error)))),
                    }
                }
                Happened::MemoryChanged => self.fold.set_memory_problem(problem.borrow_and_update().clone()),
                Happened::DecidedElsewhere => recalling = Some(self.recall()),
                Happened::Recalled(memory) => {
                    recalling = None;
                    if let Some(Ok(memory)) = memory {
                        self.fold.recall(memory);
                    }
                }
            }
            self.tell();
        }
        news.extend(self.fold.take_news());
        if !news.is_empty() {
            news.hand_over(&self.store);
            drop(tokio::time::timeout(LAST_WORDS, self.store.flush()).await);
        }
    }

    /// Takes in what a source says; whether rows are to be united at once.
    fn hear(&mut self, told: Told) -> bool {
        matches!(self.fold.hear(told), Change::Local | Change::All)
    }

    fn recall(&self) -> JoinHandle<Result<Memory, StoreError>> {
        let store = self.store.clone();
        tokio::spawn(async move { store.recall().await })
    }

    fn finish(&mut self, built: Built, waiting: &mut Waiting) {
        self.fold.finish(built, self.clock.now());
        if !waiting.job.is_empty() {
            waiting.picture.append(&mut waiting.job);
            self.fold.make_changed();
        }
    }

    /// Begins to write decisions down, if they may be taken in.
    fn admit(&mut self, asked: Deciding) -> Option<Writing> {
        match decide::admit(&self.fold, &asked, &self.who, self.clock.now()) {
            Ok(decisions) => {
                let (store, written) = (self.store.clone(), decisions.clone());
                let task = tokio::spawn(async move { store.record(written).await });
                Some(Writing { task, decisions, reply: asked.reply })
            }
            Err(refused) => {
                drop(asked.reply.send(Err(refused)));
                None
            }
        }
    }

    /// Tells what need not be waited for.
    fn tell(&mut self) {
        if let Some(ways) = self.fold.new_ways() {
            self.out.ways.send_replace(Some(Arc::new(ways)));
        }
        while let Some(renewal) = self.fold.next_renewal() {
            // A registry that is busy is asked again when the credential is refused again.
            drop(self.out.registry.try_send(renewal));
        }
    }
}

/// What comes of work beside this task, if there is any; `None` if it broke.
async fn joined<T>(work: &mut Option<JoinHandle<T>>) -> Option<T> {
    match work {
        Some(job) => job.await.ok(),
        None => std::future::pending().await,
    }
}

async fn recorded(writing: &mut Option<Writing>) -> Result<(), StoreError> {
    match writing {
        Some(writing) => (&mut writing.task).await.unwrap_or(Err(StoreError::Absent)),
        None => std::future::pending().await,
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
