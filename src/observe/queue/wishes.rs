//! How the wishes of whoever looks change the schedule: never so that a server is asked before it wants to be.

use std::time::Instant;

use super::{Id, Queue, Spot};
use crate::fleet::ClusterKey;

impl Queue {
    /// Polls these at once (all, if empty) and forgets their back-off. What a server asked for by `Retry-After` stands.
    pub(in crate::observe) fn refresh(&mut self, keys: &[ClusterKey], now: Instant) {
        let ids: Vec<Id> = if keys.is_empty() {
            self.index.values().copied().collect()
        } else {
            keys.iter().filter_map(|k| self.index.get(k).copied()).collect()
        };
        for id in ids {
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
