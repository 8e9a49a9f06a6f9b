//! Whose turn it is: the whole schedule as a value, without waiting, without a clock.
//!
//! Every cluster is a small record that is always in exactly one spot: due at some time, in a lane waiting for a
//! permit, held because its front's budget is spent, in flight, or nowhere. All moves cost O(log N).

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::pace::{Dice, Pace};
use crate::fleet::{ClusterKey, ErrorCode, Phase};

mod wishes;

/// A cluster's number in the queue.
pub(super) type Id = u32;

/// Order of turns within a lane: rank, then who has waited longest.
type Turn = (u32, Instant, Id);

/// Ranks below this are positions on the screen.
const NEVER_CONTACTED: u32 = 1 << 20;

/// What may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Fetch the credential; then [`Queue::prepared`] or [`Queue::finish`].
    Prepare(Id),
    /// Poll; then [`Queue::finish`].
    Poll(Id, Wants),
}

/// What a poll is to ask beyond the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Wants {
    /// The cluster's identity.
    pub identity: bool,
    /// Region and provider.
    pub place: bool,
    /// The cluster has never answered: what is asked beyond the usual may be left to the next poll.
    pub first: bool,
}

impl Wants {
    /// How many requests a poll makes.
    fn cost(self) -> u32 {
        3 + u32::from(self.identity) + u32::from(self.place)
    }
}

/// What a poll came to, as far as the schedule is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    /// The cluster as a whole could not be had.
    pub(super) unreachable: Option<ErrorCode>,
    /// It answered everything that needs permission with 403.
    pub(super) refused: bool,
    /// It asked to be left alone for so long.
    pub(super) retry_after: Option<Duration>,
    /// It asked for fewer requests (429).
    pub(super) slow_down: bool,
    /// It is worth a closer look: not ready, or many nodes are not.
    pub(super) unwell: bool,
    /// The rare readings that need not be asked again soon.
    pub(super) had: Wants,
}

/// When a cluster is polled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) due: Instant,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Prepare,
    Live,
    Dead,
}

#[derive(Clone, Copy, Debug)]
enum Spot {
    Nowhere,
    Due(Instant),
    Waiting(Lane, Turn),
    Held(Turn),
    Flying(Lane),
}

struct Record {
    front: usize,
    dice: Dice,
    /// Whether a credential must be fetched before a permit is taken.
    slow_credential: bool,
    prepared: bool,
    spot: Spot,
    polls: u32,
    failures: u32,
    /// How many polls in a row were answered with 429.
    pushed_back: u32,
    answered: bool,
    dead: bool,
    refused: bool,
    unwell: bool,
    /// Nobody polls it any more; its number is given to another once what is in flight has landed.
    left: bool,
    opened: bool,
    /// Polled again as soon as the poll in flight ends.
    again: bool,
    on_screen: Option<u32>,
    last_end: Option<Instant>,
    /// The server asked to be left alone until then; no wish shortens it.
    hold: Option<Instant>,
    identity_at: Option<Instant>,
    place_at: Option<Instant>,
}

struct Front {
    budget: Budget,
    held: BTreeSet<Turn>,
    /// When one of the held may try again.
    wake: Option<Instant>,
}

struct Permits {
    waiting: BTreeSet<Turn>,
    flying: usize,
    limit: usize,
}

impl Permits {
    fn new(limit: usize) -> Self {
        Self { waiting: BTreeSet::new(), flying: 0, limit: limit.max(1) }
    }
}

/// The schedule.
pub(super) struct Queue {
    pace: Pace,
    focused: bool,
    records: Vec<Record>,
    index: HashMap<ClusterKey, Id>,
    fronts: Vec<Front>,
    front_index: HashMap<String, usize>,
    due: BTreeSet<(Instant, Id)>,
    front_wakes: BTreeSet<(Instant, usize)>,
    prepare: Permits,
    live: Permits,
    dead: Permits,
    unwell: usize,
    /// Numbers of those that have left.
    free: Vec<Id>,
}

impl Queue {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            focused: true,
            records: Vec::new(),
            index: HashMap::new(),
            fronts: Vec::new(),
            front_index: HashMap::new(),
            due: BTreeSet::new(),
            front_wakes: BTreeSet::new(),
            prepare: Permits::new(pace.preparing),
            live: Permits::new(pace.in_flight),
            dead: Permits::new(pace.in_flight_dead),
            unwell: 0,
            free: Vec::new(),
            pace,
        }
    }

    /// Adds a cluster, due at once. A key that is known already keeps its record.
    pub(super) fn insert(
        &mut self,
        key: &ClusterKey,
        front: &str,
        slow_credential: bool,
        now: Instant,
    ) -> Id {
        if let Some(id) = self.index.get(key) {
            return *id;
        }
        let front = self.front(front);
        let record = Record {
            front,
            dice: Dice::of(key.as_str()),
            slow_credential,
            prepared: false,
            spot: Spot::Nowhere,
            polls: 0,
            failures: 0,
            pushed_back: 0,
            answered: false,
            dead: false,
            refused: false,
            unwell: false,
            left: false,
            opened: false,
            again: false,
            on_screen: None,
            last_end: None,
            hold: None,
            identity_at: None,
            place_at: None,
        };
        let id = if let Some(id) = self.free.pop()
            && let Some(slot) = self.records.get_mut(id as usize)
        {
            *slot = record;
            id
        } else {
            self.records.push(record);
            Id::try_from(self.records.len() - 1).unwrap_or(Id::MAX)
        };
        self.index.insert(key.clone(), id);
        self.put(id, Spot::Due(now));
        id
    }

    /// The number of that front, which is new if nobody had it.
    fn front(&mut self, front: &str) -> usize {
        if let Some(at) = self.front_index.get(front) {
            return *at;
        }
        let budget = Budget::new(self.pace.front_rate, self.pace.front_burst);
        self.fronts.push(Front { budget, held: BTreeSet::new(), wake: None });
        self.front_index.insert(front.to_owned(), self.fronts.len() - 1);
        self.fronts.len() - 1
    }

    /// The number of a cluster.
    pub(super) fn id(&self, key: &ClusterKey) -> Option<Id> {
        self.index.get(key).copied()
    }

    /// How many polls in a row have failed.
    pub(super) fn failures(&self, id: Id) -> u32 {
        self.record(id).map_or(0, |r| r.failures)
    }

    fn record(&self, id: Id) -> Option<&Record> {
        self.records.get(id as usize)
    }

    fn record_mut(&mut self, id: Id) -> Option<&mut Record> {
        self.records.get_mut(id as usize)
    }

    fn permits(&mut self, lane: Lane) -> &mut Permits {
        match lane {
            Lane::Prepare => &mut self.prepare,
            Lane::Live => &mut self.live,
            Lane::Dead => &mut self.dead,
        }
    }

    /// Takes a record from wherever it is and puts it to `spot`.
    fn put(&mut self, id: Id, spot: Spot) {
        let Some(record) = self.record_mut(id) else { return };
        let before = std::mem::replace(&mut record.spot, spot);
        let front = record.front;
        match before {
            Spot::Nowhere => {}
            Spot::Due(at) => {
                self.due.remove(&(at, id));
            }
            Spot::Waiting(lane, turn) => {
                self.permits(lane).waiting.remove(&turn);
            }
            Spot::Held(turn) => {
                if let Some(front) = self.fronts.get_mut(front) {
                    front.held.remove(&turn);
                }
            }
            Spot::Flying(lane) => {
                let permits = self.permits(lane);
                permits.flying = permits.flying.saturating_sub(1);
            }
        }
        match spot {
            Spot::Nowhere => {}
            Spot::Due(at) => {
                self.due.insert((at, id));
            }
            Spot::Waiting(lane, turn) => {
                self.permits(lane).waiting.insert(turn);
            }
            Spot::Held(turn) => {
                if let Some(front) = self.fronts.get_mut(front) {
                    front.held.insert(turn);
                }
            }
            Spot::Flying(lane) => self.permits(lane).flying += 1,
        }
    }

    /// The next thing that may begin at `now`, if a permit and a budget allow one. Call until it gives none.
    pub(super) fn next(&mut self, now: Instant) -> Option<Start> {
        self.wake(now);
        if self.prepare.flying < self.prepare.limit
            && let Some((_, _, id)) = self.prepare.waiting.first().copied()
        {
            self.put(id, Spot::Flying(Lane::Prepare));
            return Some(Start::Prepare(id));
        }
        self.poll_from(Lane::Live, now).or_else(|| self.poll_from(Lane::Dead, now))
    }

    fn poll_from(&mut self, lane: Lane, now: Instant) -> Option<Start> {
        loop {
            let permits = self.permits(lane);
            if permits.flying >= permits.limit {
                return None;
            }
            let turn = permits.waiting.first().copied()?;
            let id = turn.2;
            let wants = self.wants(id, now);
            let at = self.record(id)?.front;
            let front = self.fronts.get_mut(at)?;
            match front.budget.take(wants.cost(), now) {
                Ok(()) => {
                    self.put(id, Spot::Flying(lane));
                    self.arm(at, now);
                    return Some(Start::Poll(id, wants));
                }
                Err(when) => {
                    if front.wake.is_none() {
                        front.wake = Some(when);
                        self.front_wakes.insert((when, at));
                    }
                    self.put(id, Spot::Held(turn));
                }
            }
        }
    }

    /// Sees to it that a front with held records wakes.
    fn arm(&mut self, at: usize, now: Instant) {
        let Some(front) = self.fronts.get_mut(at) else { return };
        if front.wake.is_none() && !front.held.is_empty() {
            front.wake = Some(now);
            self.front_wakes.insert((now, at));
        }
    }

    /// Moves what has become due into its lane.
    fn wake(&mut self, now: Instant) {
        while let Some((at, id)) = self.due.first().copied()
            && at <= now
        {
            self.queue_up(id, now);
        }
        while let Some((when, at)) = self.front_wakes.first().copied()
            && when <= now
        {
            self.front_wakes.remove(&(when, at));
            let Some(front) = self.fronts.get_mut(at) else { continue };
            front.wake = None;
            if let Some((_, _, id)) = front.held.first().copied() {
                self.queue_up(id, now);
            }
        }
    }

    /// Puts a record into the lane where it waits for its permit.
    fn queue_up(&mut self, id: Id, now: Instant) {
        let rank = self.rank(id);
        let Some(record) = self.record(id) else { return };
        let since = match record.spot {
            Spot::Waiting(_, turn) | Spot::Held(turn) => turn.1,
            _ => now,
        };
        let lane = match record {
            r if r.slow_credential && !r.prepared => Lane::Prepare,
            r if r.dead => Lane::Dead,
            _ => Lane::Live,
        };
        self.put(id, Spot::Waiting(lane, (rank, since, id)));
    }

    /// Lower goes first.
    fn rank(&self, id: Id) -> u32 {
        let Some(record) = self.record(id) else { return u32::MAX };
        match record.on_screen {
            _ if record.opened => 0,
            Some(position) => 1 + position.min(NEVER_CONTACTED - 2),
            None if record.polls == 0 => NEVER_CONTACTED,
            None => {
                NEVER_CONTACTED + 1 + u32::try_from(self.period(record).as_secs()).unwrap_or(u32::MAX / 2)
            }
        }
    }

    fn wants(&self, id: Id, now: Instant) -> Wants {
        let Some(record) = self.record(id) else { return Wants::default() };
        let old =
            |at: Option<Instant>| at.is_none_or(|at| now.saturating_duration_since(at) >= self.pace.rare);
        Wants { identity: old(record.identity_at), place: old(record.place_at), first: !record.answered }
    }

    /// How long a healthy cluster is left alone.
    fn period(&self, record: &Record) -> Duration {
        let pace = &self.pace;
        let watched = record.opened || record.on_screen.is_some_and(|n| (n as usize) < pace.small_fleet);
        let others = match self.index.len() {
            n if n <= pace.small_fleet => pace.fast,
            n if n <= pace.middling_fleet => pace.medium,
            _ => pace.slow,
        };
        let tier = if watched || (record.unwell && self.unwell <= pace.small_fleet) {
            pace.fast
        } else if record.unwell {
            pace.medium.min(others)
        } else {
            others
        };
        if self.focused { tier } else { tier.saturating_mul(pace.unfocused.max(1)) }
    }

    /// The earliest time at which [`Queue::next`] may have something new, if nothing ends before.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let due = self.due.first().map(|d| d.0);
        let fronts = self.front_wakes.first().map(|w| w.0);
        due.into_iter().chain(fronts).min()
    }

    /// The credential is there: the record goes on to wait for a permit.
    pub(super) fn prepared(&mut self, id: Id, now: Instant) {
        if let Some(record) = self.record_mut(id).filter(|record| !record.left) {
            record.prepared = true;
            self.queue_up(id, now);
        }
    }

    /// A poll, or the fetching of a credential, has ended.
    pub(super) fn finish(&mut self, id: Id, outcome: Outcome, now: Instant) -> Option<Next> {
        let record = self.record_mut(id)?;
        if record.left {
            self.landed_stale(id, now);
            return None;
        }
        let was_answered = record.answered;
        let was_unwell = std::mem::replace(&mut record.unwell, outcome.unwell);
        let again = std::mem::take(&mut record.again);
        let first = record.polls == 0;
        record.prepared = false;
        record.polls = record.polls.saturating_add(1);
        record.last_end = Some(now);
        let ours = |code: ErrorCode| code.is_sign_in() || code == ErrorCode::Internal;
        record.dead = outcome.unreachable.is_some_and(|code| !ours(code));
        record.refused = outcome.refused || outcome.unreachable.is_some_and(ErrorCode::is_sign_in);
        record.failures = if outcome.unreachable.is_some() { record.failures.saturating_add(1) } else { 0 };
        record.pushed_back = if outcome.slow_down { record.pushed_back.saturating_add(1) } else { 0 };
        record.answered |= outcome.unreachable.is_none();
        record.hold = outcome.retry_after.map(|wait| now + wait);
        if outcome.had.identity {
            record.identity_at = Some(now);
        }
        if outcome.had.place {
            record.place_at = Some(now);
        }
        let (failures, refused, hold, front) = (record.failures, record.refused, record.hold, record.front);
        let pushed_back = record.pushed_back;
        let dice = record.dice.throw(record.polls);
        self.unwell = (self.unwell + usize::from(outcome.unwell)).saturating_sub(usize::from(was_unwell));
        if outcome.slow_down
            && let Some(front) = self.fronts.get_mut(front)
        {
            front.budget.drain(now);
        }
        let wait = if again {
            Duration::ZERO
        } else if refused && !(was_answered && failures == 1) {
            dice.around(self.pace.refused)
        } else if failures > 0 {
            self.pace.back_off_after(failures, dice)
        } else {
            let period = self.record(id).map_or(self.pace.slow, |r| self.period(r));
            let usual = if first { dice.within(period) } else { dice.around(period) };
            // Who goes on saying "too many" without saying for how long is asked less and less.
            let pushed = (pushed_back > 0).then(|| self.pace.back_off_after(pushed_back, dice));
            usual.max(pushed.unwrap_or_default())
        };
        let due = (now + wait).max(hold.unwrap_or(now));
        self.put(id, Spot::Due(due));
        Some(Next { due, phase: if failures + pushed_back > 0 { Phase::BackingOff } else { Phase::Idle } })
    }
}

#[cfg(test)]
mod tests;
