//! The one task that polls the whole fleet. It owns the schedule and the links; a further task exists only for as long as a
//! poll is in flight, and what it panics of is that poll's failure alone.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id as TaskId, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::Means;
use super::budget::Budget;
use super::inspect::{Desk, End, Flight as DeskFlight, Inspected, inspect};
use super::pace::Pace;
use super::probe::{Probed, probe};
use super::queue::{Id, Next, Outcome, Queue, Start, Wants};
use super::wire::Place;
use crate::access::{Credential, Link, Target};
use crate::clock::Clock;
use crate::fleet::{ClusterKey, ErrorCode, Failure, Inspection, Phase, Snapshot};

/// How many failures of our own in a row are kept from the row.
const FORGIVEN: u32 = 3;

/// A cluster to be polled.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its key.
    pub key: ClusterKey,
    /// The way to it.
    pub target: Arc<Target>,
}

/// What the poller is told.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Poll these too, from now on. A key that is known already is kept as it is.
    Join(Vec<Member>),
    /// Poll these no longer: drop the way to them and forget them. Nothing is told of them after the next event.
    Leave(Vec<ClusterKey>),
    /// The same cluster goes another way: over a new link, polled at once, its back-off forgotten. A key that is not known joins.
    Reroute(Member),
    /// Inspect these (all that are polled, if empty), each once it answers a poll.
    Inspect(Vec<ClusterKey>),
    /// Poll these now (all, if empty) and forget their back-off.
    Refresh(Vec<ClusterKey>),
    /// These are on the screen, in this order.
    Visible(Vec<ClusterKey>),
    /// This one is opened: polled fast, and inspected every ten minutes, at once if it was not within the last ten.
    Open(Option<ClusterKey>),
    /// Whether the screen has the focus.
    Focused(bool),
}

/// What the poller tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// A poll of this cluster has begun, or what comes before it.
    Started {
        /// Which.
        key: ClusterKey,
        /// `SigningIn` while its credential is fetched, then `Connecting`.
        phase: Phase,
        /// When.
        at: DateTime<Utc>,
    },
    /// It has ended, one way or another.
    Polled {
        /// Which.
        key: ClusterKey,
        /// What it brought.
        snapshot: Box<Snapshot>,
        /// When.
        at: DateTime<Utc>,
        /// How the poller goes on.
        phase: Phase,
        /// When it is polled again.
        next_at: DateTime<Utc>,
        /// The way that was taken: the target of the [`Member`] that was polled, to be told by its pointer from one that the
        /// cluster had before a [`Wish::Reroute`] that crossed this event.
        over: Arc<Target>,
    },
    /// An inspection has ended.
    Inspected {
        /// Of which cluster.
        key: ClusterKey,
        /// What it found.
        inspection: Arc<Inspection>,
        /// When.
        at: DateTime<Utc>,
    },
}

/// The way to one cluster as the poller needs it: links over the network, scripts in tests.
pub(super) trait Way: Send + Sized + 'static {
    /// Fetches what is needed before a connection may be made.
    fn prepare(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Polls.
    fn poll(&mut self, wants: Wants) -> impl Future<Output = Probed> + Send;
    /// Inspects, spending `budget`.
    fn inspect(&mut self, budget: &mut Budget) -> impl Future<Output = Inspected> + Send;
    /// Whether a connection is kept.
    fn is_open(&self) -> bool;
    /// Closes it.
    fn close(&mut self);
}

/// The way over a link.
struct LinkWay {
    link: Link,
    clock: Clock,
    deadline: Duration,
    inspection: Duration,
}

impl Way for LinkWay {
    async fn prepare(&mut self) -> Result<(), Failure> {
        self.link.ready().await
    }

    async fn poll(&mut self, wants: Wants) -> Probed {
        probe(&mut self.link, wants, &self.clock, self.deadline).await
    }

    async fn inspect(&mut self, budget: &mut Budget) -> Inspected {
        inspect(&mut self.link, budget, &self.clock, self.inspection).await
    }

    fn is_open(&self) -> bool {
        self.link.is_open()
    }

    fn close(&mut self) {
        self.link.close();
    }
}

/// Polls the fleet until it is told to quit, or until nobody listens to `events` any more.
pub async fn poll_fleet(means: Means, wishes: mpsc::Receiver<Wish>, events: mpsc::Sender<Event>) {
    let Means { access, clock, pace, quit } = means;
    let (deadline, inspection) = (pace.snapshot, pace.inspection);
    let link_clock = clock.clone();
    let connect = move |member: &Member| {
        let link = access.link(Arc::clone(&member.target));
        let front = link.origin_key().to_owned();
        (LinkWay { link, clock: link_clock.clone(), deadline, inspection }, front)
    };
    Poller::new(clock, pace, connect, events).run(wishes, quit).await;
}

/// What a task in flight comes back with.
enum Flight<W> {
    Prepared(Id, W, Result<(), Failure>),
    Polled(Id, W, Box<Probed>),
}

/// An inspection that has ended, with what is left of its budget.
type Landed = (Budget, Box<Inspected>);

/// What is kept for a cluster between polls.
struct Kept<W> {
    member: Member,
    /// `None` while a poll is in flight.
    way: Option<W>,
    /// The poll in flight.
    flight: Option<AbortHandle>,
    /// What is in flight goes a way that is not this cluster's any more.
    stale: bool,
    /// The inspection in flight.
    inspection: Option<AbortHandle>,
    place: Option<Place>,
    idle_since: Option<Instant>,
}

struct Poller<W, C> {
    clock: Clock,
    pace: Pace,
    connect: C,
    events: mpsc::Sender<Event>,
    queue: Queue,
    kept: Vec<Kept<W>>,
    flights: JoinSet<Flight<W>>,
    flying: HashMap<TaskId, Id>,
    desk: Desk,
    inspections: JoinSet<Landed>,
    inspected: HashMap<TaskId, DeskFlight>,
    /// Open connections, the one idle for longest first.
    idle: BTreeSet<(Instant, Id)>,
}

/// Nobody listens any more.
struct Deaf;

impl<W: Way, C: Fn(&Member) -> (W, String)> Poller<W, C> {
    fn new(clock: Clock, pace: Pace, connect: C, events: mpsc::Sender<Event>) -> Self {
        Self {
            queue: Queue::new(pace.clone()),
            desk: Desk::new(&pace),
            inspections: JoinSet::new(),
            inspected: HashMap::new(),
            clock,
            pace,
            connect,
            events,
            kept: Vec::new(),
            flights: JoinSet::new(),
            flying: HashMap::new(),
            idle: BTreeSet::new(),
        }
    }

    async fn run(mut self, mut wishes: mpsc::Receiver<Wish>, quit: CancellationToken) {
        let mut wishing = true;
        loop {
            if self.begin().await.is_err() {
                return;
            }
            self.begin_inspections();
            let wake = self.queue.wake_at().into_iter().chain(self.desk.wake_at()).min();
            tokio::select! {
                biased;
                () = quit.cancelled() => return,
                wish = wishes.recv(), if wishing => match wish {
                    Some(wish) => self.obey(wish),
                    None => wishing = false,
                },
                Some(ended) = self.flights.join_next_with_id() => {
                    if self.land(ended).await.is_err() {
                        return;
                    }
                }
                Some(ended) = self.inspections.join_next_with_id() => {
                    if self.inspected(ended).await.is_err() {
                        return;
                    }
                }
                () = until(wake) => {}
            }
        }
    }

    /// Begins everything that may begin now.
    async fn begin(&mut self) -> Result<(), Deaf> {
        while let Some(start) = self.queue.next(self.clock.tick()) {
            let (id, wants) = match start {
                Start::Prepare(id) => (id, None),
                Start::Poll(id, wants) => (id, Some(wants)),
            };
            let Some(kept) = self.kept.get_mut(id as usize) else { continue };
            if let Some(since) = kept.idle_since.take() {
                self.idle.remove(&(since, id));
            }
            let mut way = kept.way.take().unwrap_or_else(|| (self.connect)(&kept.member).0);
            let task = match wants {
                None => self.flights.spawn(async move {
                    let got = way.prepare().await;
                    Flight::Prepared(id, way, got)
                }),
                Some(wants) => self.flights.spawn(async move {
                    let probed = way.poll(wants).await;
                    Flight::Polled(id, way, Box::new(probed))
                }),
            };
            self.flying.insert(task.id(), id);
            kept.flight = Some(task);
            let phase = if wants.is_some() { Phase::Connecting } else { Phase::SigningIn };
            let key = kept.member.key.clone();
            self.tell(Event::Started { key, phase, at: self.clock.now() }).await?;
        }
        Ok(())
    }

    async fn land(&mut self, ended: Result<(TaskId, Flight<W>), JoinError>) -> Result<(), Deaf> {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let kept =
            self.flying.get(&task).and_then(|id| self.kept.get_mut(*id as usize).map(|kept| (*id, kept)));
        if let Some((id, kept)) = kept {
            kept.flight = None;
            if std::mem::take(&mut kept.stale) {
                self.flying.remove(&task);
                self.queue.landed_stale(id, self.clock.tick());
                return Ok(());
            }
        }
        match ended {
            Ok((task, Flight::Prepared(id, way, got))) => {
                self.flying.remove(&task);
                self.keep(id, way);
                match got {
                    Ok(()) => {
                        self.queue.prepared(id, self.clock.tick());
                        Ok(())
                    }
                    Err(failure) => self.polled(id, unreachable(failure), true).await,
                }
            }
            Ok((task, Flight::Polled(id, way, probed))) => {
                self.flying.remove(&task);
                self.keep(id, way);
                self.polled(id, *probed, true).await
            }
            Err(error) => {
                let Some(id) = self.flying.remove(&error.id()) else { return Ok(()) };
                // The link went down with its task; the next poll begins with a new one.
                let failure = Failure::new(ErrorCode::Internal, "the poll of this cluster panicked").hint(
                    "This is a fault of fleetglass; other clusters are not affected. Please report it.",
                );
                self.polled(id, unreachable(failure), false).await
            }
        }
    }

    fn keep(&mut self, id: Id, way: W) {
        if let Some(kept) = self.kept.get_mut(id as usize) {
            kept.way = Some(way);
        }
    }

    /// Files what a poll brought: with the schedule, and with whoever listens.
    ///
    /// A shortage on our side (no socket left) says nothing about the cluster: `forgiving`, the first few are not told.
    async fn polled(&mut self, id: Id, mut probed: Probed, forgiving: bool) -> Result<(), Deaf> {
        let (now, at) = (self.clock.tick(), self.clock.now());
        let ours = probed.snapshot.unreachable.as_ref().is_some_and(|f| f.code == ErrorCode::Internal);
        let untold = forgiving && ours && self.queue.failures(id) < FORGIVEN;
        let Some(next) = self.queue.finish(id, outcome(&probed), now) else { return Ok(()) };
        if untold {
            probed.snapshot = Snapshot::default();
        }
        let mut snapshot = probed.snapshot;
        let Some(kept) = self.kept.get_mut(id as usize) else { return Ok(()) };
        if probed.place.is_some() {
            kept.place = probed.place;
        }
        if let (Some(Ok(nodes)), Some(place)) = (&mut snapshot.nodes, &kept.place) {
            nodes.region.clone_from(&place.region);
            nodes.provider.clone_from(&place.provider);
        }
        let Member { key, target: over } = kept.member.clone();
        self.spare_connections(id, &next, now);
        if let Some(wait) = probed.retry_after {
            self.desk.hold(id, now + wait, now);
        }
        self.desk.answers(id, snapshot.unreachable.is_none() && !untold, now);
        let next_at = at + TimeDelta::from_std(next.due - now).unwrap_or_default();
        let phase = next.phase;
        self.tell(Event::Polled { key, snapshot: Box::new(snapshot), at, phase, next_at, over }).await
    }

    /// Keeps the connection of `id` if it will be used soon, and never more connections than the budget.
    fn spare_connections(&mut self, id: Id, next: &Next, now: Instant) {
        let Some(kept) = self.kept.get_mut(id as usize) else { return };
        let Some(way) = kept.way.as_mut().filter(|way| way.is_open()) else { return };
        if next.due.saturating_duration_since(now) > self.pace.keep {
            way.close();
            return;
        }
        kept.idle_since = Some(now);
        self.idle.insert((now, id));
        while self.idle.len() > self.pace.connections
            && let Some((_, oldest)) = self.idle.pop_first()
        {
            if let Some(kept) = self.kept.get_mut(oldest as usize) {
                kept.idle_since = None;
                if let Some(way) = &mut kept.way {
                    way.close();
                }
            }
        }
    }

    fn obey(&mut self, wish: Wish) {
        let now = self.clock.tick();
        match wish {
            Wish::Join(members) => members.into_iter().for_each(|member| self.join(member, now)),
            Wish::Leave(keys) => keys.iter().for_each(|key| self.leave(key)),
            Wish::Reroute(member) => self.reroute(member, now),
            Wish::Inspect(keys) => self.desk.wish(self.queue.ids(&keys), now),
            Wish::Refresh(keys) => self.queue.refresh(&keys, now),
            Wish::Visible(keys) => self.queue.visible(&keys, now),
            Wish::Open(key) => {
                self.queue.opened(key.as_ref(), now);
                self.desk.opened(key.and_then(|key| self.queue.id(&key)), now);
            }
            Wish::Focused(focused) => self.queue.focused(focused, now),
        }
    }

    fn join(&mut self, member: Member, now: Instant) {
        if self.queue.id(&member.key).is_some() {
            return;
        }
        let (way, front) = (self.connect)(&member);
        let id = self.queue.insert(&member.key, &front, is_slow(&member), now);
        self.desk.seat(id, &front);
        let kept = Kept {
            member,
            way: Some(way),
            flight: None,
            stale: false,
            inspection: None,
            place: None,
            idle_since: None,
        };
        match self.kept.get_mut(id as usize) {
            Some(slot) => *slot = kept,
            None => self.kept.push(kept),
        }
    }

    fn leave(&mut self, key: &ClusterKey) {
        let Some(id) = self.queue.leave(key) else { return };
        self.desk.leave(id);
        self.part(id);
    }

    fn reroute(&mut self, member: Member, now: Instant) {
        let (way, front) = (self.connect)(&member);
        let Some(id) = self.queue.reroute(&member.key, &front, is_slow(&member), now) else {
            return self.join(member, now);
        };
        self.desk.reroute(id, &front);
        let flies = self.part(id);
        if let Some(kept) = self.kept.get_mut(id as usize) {
            kept.member = member;
            kept.place = None;
            // While a poll is in flight the new way would be lost when that comes back; it is made again then.
            kept.way = (!flies).then_some(way);
        }
    }

    /// Gives up the way to a cluster, and whatever goes on over it; whether a poll was in flight.
    fn part(&mut self, id: Id) -> bool {
        let Some(kept) = self.kept.get_mut(id as usize) else { return false };
        if let Some(since) = kept.idle_since.take() {
            self.idle.remove(&(since, id));
        }
        kept.way = None;
        if let Some(inspection) = kept.inspection.take() {
            inspection.abort();
        }
        let Some(flight) = kept.flight.take() else { return false };
        flight.abort();
        kept.stale = true;
        true
    }

    /// Begins every inspection that may begin now.
    fn begin_inspections(&mut self) {
        while let Some((flight, mut budget)) = self.desk.next(self.clock.tick()) {
            let Some(kept) = self.kept.get_mut(flight.id as usize) else { continue };
            let (mut way, _) = (self.connect)(&kept.member);
            let task = self.inspections.spawn(async move {
                let inspected = way.inspect(&mut budget).await;
                (budget, Box::new(inspected))
            });
            self.inspected.insert(task.id(), flight);
            kept.inspection = Some(task);
        }
    }

    async fn inspected(&mut self, ended: Result<(TaskId, Landed), JoinError>) -> Result<(), Deaf> {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(flight) = self.inspected.remove(&task) else { return Ok(()) };
        let (now, at) = (self.clock.tick(), self.clock.now());
        let Ok((_, (budget, inspected))) = ended else {
            // Dropped, or it panicked: then there is nothing to be told, and the next wish begins another.
            self.desk.ended(flight, None, End::Whole, now);
            return Ok(());
        };
        let end = match &inspected.broken_off {
            None => End::Whole,
            Some(broken) => {
                if let Some(wait) = broken.retry_after
                    && self.desk.is_of(flight)
                {
                    self.queue.hold(flight.id, now + wait);
                }
                End::BrokenOff(broken.retry_after)
            }
        };
        if !self.desk.ended(flight, Some(budget), end, now) {
            return Ok(());
        }
        let Some(kept) = self.kept.get_mut(flight.id as usize) else { return Ok(()) };
        kept.inspection = None;
        let key = kept.member.key.clone();
        self.tell(Event::Inspected { key, inspection: Arc::new(inspected.inspection), at }).await
    }

    async fn tell(&self, event: Event) -> Result<(), Deaf> {
        self.events.send(event).await.map_err(|_| Deaf)
    }
}

/// Whether its credential must be fetched before a permit is taken.
fn is_slow(member: &Member) -> bool {
    matches!(member.target.credential, Credential::Exec(_))
}

fn unreachable(failure: Failure) -> Probed {
    Probed {
        retry_after: failure.retry_after,
        snapshot: Snapshot { unreachable: Some(failure), ..Snapshot::default() },
        ..Probed::default()
    }
}

fn outcome(probed: &Probed) -> Outcome {
    let snapshot = &probed.snapshot;
    let not_ready = matches!(&snapshot.ready, Some(Ok(ready)) if !ready.ready);
    let nodes_gone = matches!(&snapshot.nodes, Some(Ok(n)) if n.total.saturating_sub(n.ready) * 5 > n.total);
    Outcome {
        unreachable: snapshot.unreachable.as_ref().map(|f| f.code),
        refused: probed.refused,
        retry_after: probed.retry_after,
        slow_down: probed.slow_down,
        unwell: not_ready || nodes_gone,
        had: probed.had,
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
