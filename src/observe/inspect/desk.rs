//! Whose inspection is next: wishes, the opened cluster every ten minutes, and who must wait. A value without a clock.
//!
//! A cluster is inspected only after a poll of it was answered; over one front there is one inspection at a time; what broke
//! off is tried again a few times, later.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::observe::budget::Budget;
use crate::observe::pace::{Dice, Pace};
use crate::observe::queue::Id;

/// How often an inspection that breaks off is begun before what there is of it is told.
const TRIES: u32 = 3;

/// The order of turns: the opened one first, then who was wished for first.
type Turn = (bool, u64, Id);

#[derive(Clone, Copy, Debug, Default)]
enum Spot {
    #[default]
    Nowhere,
    Due(Instant),
    Ready(Turn),
    /// Ready, but its front is busy.
    Held(Turn),
    Flying,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    front: usize,
    /// Which of those that had this number; a flight of another one concerns nobody here any more.
    tenant: u64,
    reachable: bool,
    opened: bool,
    wished: Option<u64>,
    /// How often it broke off.
    broken: u32,
    not_before: Option<Instant>,
    last: Option<Instant>,
    spot: Spot,
}

struct Front {
    /// Away with the inspection that goes on over this front.
    budget: Option<Budget>,
    held: BTreeSet<Turn>,
}

/// An inspection that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::observe) struct Flight {
    pub(in crate::observe) id: Id,
    front: usize,
    tenant: u64,
}

/// How an inspection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::observe) enum End {
    /// With all that could be had.
    Whole,
    /// Before its time; perhaps the server wants to be left alone for so long.
    BrokenOff(Option<Duration>),
}

/// The schedule of inspections.
pub(in crate::observe) struct Desk {
    limit: usize,
    every: Duration,
    pace: Pace,
    seats: Vec<Seat>,
    fronts: Vec<Front>,
    front_index: HashMap<String, usize>,
    ready: BTreeSet<Turn>,
    due: BTreeSet<(Instant, Id)>,
    flying: usize,
    wishes: u64,
    tenants: u64,
}

impl Desk {
    pub(in crate::observe) fn new(pace: &Pace) -> Self {
        Self {
            limit: pace.inspecting.max(1),
            every: pace.inspect,
            pace: pace.clone(),
            seats: Vec::new(),
            fronts: Vec::new(),
            front_index: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            flying: 0,
            wishes: 0,
            tenants: 0,
        }
    }

    /// A cluster has this number from now on, and goes over that front. Whoever had it is forgotten.
    pub(in crate::observe) fn seat(&mut self, id: Id, front: &str) {
        let at = id as usize;
        if self.seats.len() <= at {
            self.seats.resize(at + 1, Seat::default());
        }
        self.leave(id);
        let front = self.front(front);
        let tenant = self.tenants;
        if let Some(seat) = self.seats.get_mut(at) {
            *seat = Seat { front, tenant, ..Seat::default() };
        }
    }

    fn front(&mut self, front: &str) -> usize {
        if let Some(at) = self.front_index.get(front) {
            return *at;
        }
        let budget = Budget::new(self.pace.inspect_rate, self.pace.inspect_burst);
        self.fronts.push(Front { budget: Some(budget), held: BTreeSet::new() });
        self.front_index.insert(front.to_owned(), self.fronts.len() - 1);
        self.fronts.len() - 1
    }

    /// Nobody has this number any more.
    pub(in crate::observe) fn leave(&mut self, id: Id) {
        self.put(id, Spot::Nowhere);
        self.tenants += 1;
        let tenant = self.tenants;
        if let Some(seat) = self.seats.get_mut(id as usize) {
            *seat = Seat { tenant, ..Seat::default() };
        }
    }

    /// It goes another way now. What was wished stays wished; what is in flight over the old way counts no more.
    pub(in crate::observe) fn reroute(&mut self, id: Id, front: &str) {
        let Some(old) = self.seats.get(id as usize).copied() else { return };
        self.seat(id, front);
        if let Some(seat) = self.seats.get_mut(id as usize) {
            (seat.opened, seat.wished) = (old.opened, old.wished);
        }
    }

    /// Somebody wants these inspected. Whose inspection goes on already is not inspected twice.
    pub(in crate::observe) fn wish(&mut self, ids: impl IntoIterator<Item = Id>, now: Instant) {
        for id in ids {
            self.wishes += 1;
            let turn = self.wishes;
            if let Some(seat) = self.seats.get_mut(id as usize) {
                seat.wished.get_or_insert(turn);
                self.settle(id, now);
            }
        }
    }

    /// This one is opened and wants to be inspected as soon as what is known is older than the interval, and so on; `None`: none is.
    pub(in crate::observe) fn opened(&mut self, opened: Option<Id>, now: Instant) {
        let mut touched = Vec::new();
        for (id, seat) in (0..).zip(self.seats.iter_mut()) {
            let is = Some(id) == opened;
            if seat.opened != is {
                seat.opened = is;
                touched.push(id);
            }
        }
        for id in touched {
            self.settle(id, now);
        }
    }

    /// A poll has told whether it answers.
    pub(in crate::observe) fn answers(&mut self, id: Id, reachable: bool, now: Instant) {
        let Some(seat) = self.seats.get_mut(id as usize) else { return };
        if seat.reachable != reachable {
            seat.reachable = reachable;
            self.settle(id, now);
        }
    }

    /// Its server wants to be left alone until then.
    pub(in crate::observe) fn hold(&mut self, id: Id, until: Instant, now: Instant) {
        let Some(seat) = self.seats.get_mut(id as usize) else { return };
        seat.not_before = Some(seat.not_before.map_or(until, |before| before.max(until)));
        self.settle(id, now);
    }

    fn put(&mut self, id: Id, spot: Spot) {
        let Some(seat) = self.seats.get_mut(id as usize) else { return };
        let front = seat.front;
        match std::mem::replace(&mut seat.spot, spot) {
            Spot::Nowhere | Spot::Flying => {}
            Spot::Due(at) => drop(self.due.remove(&(at, id))),
            Spot::Ready(turn) => drop(self.ready.remove(&turn)),
            Spot::Held(turn) => drop(self.fronts.get_mut(front).map(|f| f.held.remove(&turn))),
        }
        match spot {
            Spot::Nowhere | Spot::Flying => {}
            Spot::Due(at) => drop(self.due.insert((at, id))),
            Spot::Ready(turn) => drop(self.ready.insert(turn)),
            Spot::Held(turn) => drop(self.fronts.get_mut(front).map(|f| f.held.insert(turn))),
        }
    }

    /// Puts it where it belongs by what is known of it.
    fn settle(&mut self, id: Id, now: Instant) {
        let Some(seat) = self.seats.get(id as usize).copied() else { return };
        if matches!(seat.spot, Spot::Flying) {
            return;
        }
        let again = seat.opened.then(|| seat.last.map_or(now, |last| last + self.every));
        let spot = match (seat.wished, again) {
            _ if !seat.reachable => Spot::Nowhere,
            (None, None) => Spot::Nowhere,
            (wished, again) => {
                let due = if wished.is_some() { now } else { again.unwrap_or(now) };
                let due = seat.not_before.map_or(due, |not_before| due.max(not_before));
                if due > now {
                    Spot::Due(due)
                } else {
                    Spot::Ready((!seat.opened, wished.unwrap_or_default(), id))
                }
            }
        };
        self.put(id, spot);
    }

    /// The next inspection that may begin at `now`, with the budget of its front. Call until it gives none.
    pub(in crate::observe) fn next(&mut self, now: Instant) -> Option<(Flight, Budget)> {
        while let Some((at, id)) = self.due.first().copied()
            && at <= now
        {
            self.due.remove(&(at, id));
            self.settle(id, now);
        }
        while self.flying < self.limit {
            let turn = self.ready.first().copied()?;
            let id = turn.2;
            let seat = *self.seats.get(id as usize)?;
            let budget = self.fronts.get_mut(seat.front)?.budget.take();
            let Some(budget) = budget else {
                self.put(id, Spot::Held(turn));
                continue;
            };
            self.put(id, Spot::Flying);
            self.flying += 1;
            return Some((Flight { id, front: seat.front, tenant: seat.tenant }, budget));
        }
        None
    }

    /// Whether an inspection is still that of the cluster which has its number, over its way of now.
    pub(in crate::observe) fn is_of(&self, flight: Flight) -> bool {
        self.seats.get(flight.id as usize).is_some_and(|seat| seat.tenant == flight.tenant)
    }

    /// An inspection has ended, with what is left of its budget (`None`: that was lost with it). Whether what it brought is to be told.
    pub(in crate::observe) fn ended(
        &mut self,
        flight: Flight,
        budget: Option<Budget>,
        end: End,
        now: Instant,
    ) -> bool {
        self.flying = self.flying.saturating_sub(1);
        let held = self.fronts.get_mut(flight.front).map(|front| {
            // What an inspection that was dropped had spent is not known: all of it.
            front.budget = Some(budget.unwrap_or_else(|| {
                let mut fresh = Budget::new(self.pace.inspect_rate, self.pace.inspect_burst);
                fresh.drain(now);
                fresh
            }));
            front.held.first().copied()
        });
        if let Some(turn) = held.flatten() {
            self.put(turn.2, Spot::Ready(turn));
        }
        let dice = Dice::of("inspection").throw(flight.id);
        let Some(seat) = self.seats.get_mut(flight.id as usize).filter(|seat| seat.tenant == flight.tenant)
        else {
            return false;
        };
        let again = end != End::Whole && seat.broken + 1 < TRIES;
        if let End::BrokenOff(asked) = end {
            seat.broken += 1;
            let wait = self.pace.back_off_after(seat.broken, dice).max(asked.unwrap_or_default());
            seat.not_before = Some(seat.not_before.map_or(now + wait, |before| before.max(now + wait)));
        }
        if !again {
            (seat.broken, seat.wished, seat.last) = (0, None, Some(now));
        } else if seat.wished.is_none() {
            seat.wished = Some(0);
        }
        seat.spot = Spot::Nowhere;
        self.settle(flight.id, now);
        !again
    }

    /// The earliest time at which [`Desk::next`] may have something new, if nothing ends before.
    pub(in crate::observe) fn wake_at(&self) -> Option<Instant> {
        self.due.first().map(|due| due.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn desk(fronts: &[&str], limit: usize) -> (Desk, Instant) {
        let mut desk = Desk::new(&Pace { inspecting: limit, ..Pace::default() });
        let now = Clock::system().tick();
        for (id, front) in (0..).zip(fronts) {
            desk.seat(id, front);
        }
        (desk, now)
    }

    fn begun(desk: &mut Desk, now: Instant) -> Vec<(Flight, Budget)> {
        std::iter::from_fn(|| desk.next(now)).collect()
    }

    fn ids(flights: &[(Flight, Budget)]) -> Vec<Id> {
        flights.iter().map(|(flight, _)| flight.id).collect()
    }

    fn end(desk: &mut Desk, flights: Vec<(Flight, Budget)>, broken: End, now: Instant) -> bool {
        flights.into_iter().all(|(flight, budget)| desk.ended(flight, Some(budget), broken, now))
    }

    #[test]
    fn nobody_is_inspected_before_a_poll_was_answered() {
        let (mut desk, now) = desk(&["a", "b"], 4);
        desk.wish([0, 1, 99], now);
        assert!(begun(&mut desk, now).is_empty());
        desk.answers(1, true, now);
        let flights = begun(&mut desk, now);
        assert_eq!(ids(&flights), [1]);
        assert!(end(&mut desk, flights, End::Whole, now));
        desk.answers(0, true, now);
        desk.answers(0, false, now);
        assert!(begun(&mut desk, now).is_empty());
        desk.answers(0, true, now);
        assert_eq!(ids(&begun(&mut desk, now)), [0]);
    }

    #[test]
    fn permits_are_few_and_a_front_has_one_at_a_time() {
        let (mut desk, now) = desk(&["x", "x", "y", "z"], 2);
        desk.wish(0..4, now);
        (0..4).for_each(|id| desk.answers(id, true, now));
        let first = begun(&mut desk, now);
        assert_eq!(ids(&first), [0, 2]);
        assert!(end(&mut desk, first, End::Whole, now));
        assert_eq!(ids(&begun(&mut desk, now)), [1, 3]);
        assert_eq!(desk.wake_at(), None);
    }

    #[test]
    fn the_opened_one_goes_first_and_again_every_ten_minutes() {
        let (mut desk, now) = desk(&["a", "b", "c"], 1);
        (0..3).for_each(|id| desk.answers(id, true, now));
        desk.wish([0, 1], now);
        desk.opened(Some(2), now);
        let flights = begun(&mut desk, now);
        assert_eq!(ids(&flights), [2]);
        // A wish while it goes on is not a second inspection.
        desk.wish([2], now);
        assert!(end(&mut desk, flights, End::Whole, now));
        for id in [0, 1] {
            let flights = begun(&mut desk, now);
            assert_eq!(ids(&flights), [id]);
            end(&mut desk, flights, End::Whole, now);
        }
        assert_eq!(desk.wake_at(), Some(now + Duration::from_mins(10)));
        assert!(begun(&mut desk, now + Duration::from_secs(599)).is_empty());
        let flights = begun(&mut desk, now + Duration::from_mins(10));
        assert_eq!(ids(&flights), [2]);
        desk.opened(None, now);
        end(&mut desk, flights, End::Whole, now);
        assert_eq!(desk.wake_at(), None);
    }

    #[test]
    fn what_breaks_off_is_tried_again_later_and_then_told() {
        let (mut desk, mut now) = desk(&["a"], 4);
        desk.answers(0, true, now);
        desk.opened(Some(0), now);
        for _ in 1..TRIES {
            let flights = begun(&mut desk, now);
            assert_eq!(flights.len(), 1);
            assert!(!end(&mut desk, flights, End::BrokenOff(Some(Duration::from_secs(30))), now));
            assert!(begun(&mut desk, now + Duration::from_secs(29)).is_empty());
            now = desk.wake_at().unwrap();
        }
        let flights = begun(&mut desk, now);
        assert!(end(&mut desk, flights, End::BrokenOff(None), now));
        assert!(desk.wake_at().unwrap() >= now + Duration::from_mins(10));
    }

    #[test]
    fn a_server_that_wants_to_be_left_alone_is() {
        let (mut desk, now) = desk(&["a"], 4);
        desk.answers(0, true, now);
        desk.wish([0], now);
        desk.hold(0, now + Duration::from_secs(20), now);
        assert!(begun(&mut desk, now + Duration::from_secs(19)).is_empty());
        desk.wish([0], now);
        assert!(begun(&mut desk, now + Duration::from_secs(19)).is_empty());
        assert_eq!(begun(&mut desk, now + Duration::from_secs(20)).len(), 1);
    }

    #[test]
    fn a_flight_of_somebody_who_left_frees_its_permit_and_tells_nothing() {
        let (mut desk, now) = desk(&["a", "a"], 1);
        (0..2).for_each(|id| desk.answers(id, true, now));
        desk.wish([0, 1], now);
        let (flight, _) = begun(&mut desk, now).remove(0);
        desk.leave(0);
        desk.seat(0, "a");
        desk.answers(0, true, now);
        assert!(begun(&mut desk, now).is_empty());
        assert!(!desk.ended(flight, None, End::Whole, now));
        assert_eq!(ids(&begun(&mut desk, now)), [1]);
    }

    #[test]
    fn who_goes_another_way_keeps_its_wish_and_waits_for_an_answer() {
        let (mut desk, now) = desk(&["a"], 4);
        desk.answers(0, true, now);
        desk.wish([0], now);
        let flights = begun(&mut desk, now);
        desk.reroute(0, "b");
        assert!(!end(&mut desk, flights, End::Whole, now));
        assert!(begun(&mut desk, now).is_empty());
        desk.answers(0, true, now);
        assert_eq!(ids(&begun(&mut desk, now)), [0]);
    }
}
