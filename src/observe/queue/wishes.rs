//! How the wishes of whoever looks change the schedule: never so that a server is asked before it wants to be.

use std::time::Instant;

use super::{Id, Lane, Queue, Spot};
use crate::fleet::ClusterKey;

impl Queue {
    /// Polls these at once (all, if empty) and forgets their back-off. What a server asked for by `Retry-After` stands.
    pub(in crate::observe) fn refresh(&mut self, keys: &[ClusterKey], now: Instant) {
        for id in self.ids(keys) {
            let Some(record) = self.record_mut(id) else { continue };
            (record.failures, record.pushed_back) = (0, 0);
            match record.spot {
                Spot::Due(_) => {
                    let due = record.hold.unwrap_or(now).max(now);
                    self.put(id, Spot::Due(due));
                }
                Spot::Flying(_) => record.again = true,
                Spot::Nowhere | Spot::Waiting(..) | Spot::Held(_) => {}
            }
        }
    }

    /// These are on the screen, in this order.
    pub(in crate::observe) fn visible(&mut self, keys: &[ClusterKey], now: Instant) {
        let mut touched: Vec<Id> = Vec::new();
        for (id, record) in (0..).zip(self.records.iter_mut()) {
            if record.on_screen.take().is_some() {
                touched.push(id);
            }
        }
        for (position, key) in (0..).zip(keys) {
            let Some(id) = self.index.get(key).copied() else { continue };
            if let Some(record) = self.record_mut(id)
                && record.on_screen.is_none()
            {
                record.on_screen = Some(position);
                touched.push(id);
            }
        }
        self.reconsider(touched, now);
    }

    /// This one was opened; `None`: the one that was is closed.
    pub(in crate::observe) fn opened(&mut self, key: Option<&ClusterKey>, now: Instant) {
        let id = key.and_then(|k| self.index.get(k).copied());
        let mut touched = Vec::new();
        for (at, record) in (0..).zip(self.records.iter_mut()) {
            let opened = Some(at) == id;
            if record.opened != opened {
                record.opened = opened;
                touched.push(at);
            }
        }
        self.reconsider(touched, now);
    }

    /// Nobody polls it any more. The answer is its number; a poll in flight keeps the number until it lands.
    pub(in crate::observe) fn leave(&mut self, key: &ClusterKey) -> Option<Id> {
        let id = self.index.remove(key)?;
        let record = self.record_mut(id)?;
        let was_unwell = std::mem::take(&mut record.unwell);
        (record.left, record.opened, record.on_screen) = (true, false, None);
        let flying = matches!(record.spot, Spot::Flying(_));
        self.unwell = self.unwell.saturating_sub(usize::from(was_unwell));
        if !flying {
            self.put(id, Spot::Nowhere);
            self.free.push(id);
        }
        Some(id)
    }

    /// It goes another way from now on, and is polled at once as if it never was: no back-off, no credential at hand, nothing
    /// rare known. Its turn is kept if it waits for one. A poll in flight must end in [`Queue::landed_stale`].
    pub(in crate::observe) fn reroute(
        &mut self,
        key: &ClusterKey,
        front: &str,
        slow_credential: bool,
        now: Instant,
    ) -> Option<Id> {
        let id = self.id(key)?;
        let before = self.record(id)?.spot;
        if !matches!(before, Spot::Flying(_)) {
            // Taken from its old front before that is forgotten.
            self.put(id, Spot::Nowhere);
        }
        let front = self.front(front);
        let record = self.record_mut(id)?;
        if record.front != front {
            // It was another server that wanted to be left alone.
            record.hold = None;
        }
        (record.front, record.slow_credential, record.prepared) = (front, slow_credential, false);
        (record.failures, record.pushed_back) = (0, 0);
        (record.answered, record.dead, record.refused) = (false, false, false);
        (record.identity_at, record.place_at) = (None, None);
        match before {
            Spot::Flying(_) => {}
            Spot::Waiting(_, turn) | Spot::Held(turn) => {
                self.put(id, Spot::Waiting(Lane::Live, turn));
                self.queue_up(id, now);
            }
            Spot::Due(_) | Spot::Nowhere => self.restart(id, now),
        }
        Some(id)
    }

    /// Polls it at once; what is in flight of it has landed and counts for nothing.
    pub(in crate::observe) fn restart(&mut self, id: Id, now: Instant) {
        if let Some(record) = self.record_mut(id) {
            (record.again, record.prepared) = (false, false);
            let due = record.hold.unwrap_or(now).max(now);
            self.put(id, Spot::Due(due));
        }
    }

    /// What was in flight over a way that is no longer taken has landed: polled again, or gone with its cluster.
    pub(in crate::observe) fn landed_stale(&mut self, id: Id, now: Instant) {
        let Some(record) = self.record(id) else { return };
        if record.left {
            self.put(id, Spot::Nowhere);
            self.free.push(id);
        } else {
            self.restart(id, now);
        }
    }

    /// Its server wants to be left alone until then, which was said to somebody else than a poll.
    pub(in crate::observe) fn hold(&mut self, id: Id, until: Instant) {
        let Some(record) = self.record_mut(id) else { return };
        record.hold = Some(record.hold.map_or(until, |before| before.max(until)));
        if let Spot::Due(at) = record.spot
            && at < until
        {
            self.put(id, Spot::Due(until));
        }
    }

    /// The numbers of these clusters (of all, if empty).
    pub(in crate::observe) fn ids(&self, keys: &[ClusterKey]) -> Vec<Id> {
        if !keys.is_empty() {
            return keys.iter().filter_map(|key| self.id(key)).collect();
        }
        let mut ids: Vec<Id> = self.index.values().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Whether somebody looks.
    pub(in crate::observe) fn focused(&mut self, focused: bool, now: Instant) {
        if self.focused != focused {
            self.focused = focused;
            let all = self.index.values().copied().collect();
            self.reconsider(all, now);
        }
    }

    /// Gives records whose importance has changed their new place: an earlier time or another rank. Nothing becomes later.
    fn reconsider(&mut self, ids: Vec<Id>, now: Instant) {
        for id in ids {
            let Some(record) = self.record(id) else { continue };
            match record.spot {
                Spot::Due(at) if record.failures == 0 && record.pushed_back == 0 && !record.refused => {
                    let wait = record.dice.throw(record.polls).around(self.period(record));
                    let due = record.last_end.map_or(now, |end| end + wait);
                    let due = due.max(record.hold.unwrap_or(due));
                    if due < at {
                        self.put(id, Spot::Due(due));
                    }
                }
                Spot::Waiting(lane, (_, since, _)) => {
                    let rank = self.rank(id);
                    self.put(id, Spot::Waiting(lane, (rank, since, id)));
                }
                Spot::Held((_, since, _)) => {
                    let rank = self.rank(id);
                    self.put(id, Spot::Held((rank, since, id)));
                }
                Spot::Due(_) | Spot::Flying(_) | Spot::Nowhere => {}
            }
        }
    }
}
