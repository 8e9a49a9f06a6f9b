//! How often and how much: the numbers of polling, and the arithmetic of jitter and back-off.

use std::time::Duration;

/// The numbers that polling goes by. The defaults are those of the documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// Between two polls of a cluster that is looked at or that is unwell, and of every cluster of a small fleet: 10 s.
    pub fast: Duration,
    /// Between two polls of the others in a middling fleet: 60 s.
    pub medium: Duration,
    /// Between two polls of the others in a large fleet: 300 s.
    pub slow: Duration,
    /// Most clusters in the fast tier, and the largest fleet that is small: 256.
    pub small_fleet: usize,
    /// The largest fleet that is middling: 1,000.
    pub middling_fleet: usize,
    /// By how much the tiers slow down while nobody looks: 4.
    pub unfocused: u32,
    /// The first wait after a failure, doubled with each further one: 5 s.
    pub back_off: Duration,
    /// The longest such wait: 5 min.
    pub back_off_most: Duration,
    /// The wait after a refusal that only a new credential can mend: 5 min.
    pub refused: Duration,
    /// For one poll, from its first request on: 8 s.
    pub snapshot: Duration,
    /// Between two readings of what hardly changes: identity, region, provider. 1 h.
    pub rare: Duration,
    /// Polls in flight: 256.
    pub in_flight: usize,
    /// Polls in flight of clusters that did not answer the last time: 32, apart from the others.
    pub in_flight_dead: usize,
    /// Clusters whose credential is being fetched: 4,096. Most of them only wait for a plugin that somebody else runs, and
    /// must not keep those with another plugin from it; how many plugins run at once is not decided here.
    pub preparing: usize,
    /// Requests per second that one API server, or one front of many, gets from polling: 50.
    pub front_rate: u32,
    /// How many requests it may get at once after a rest: 100.
    pub front_burst: u32,
    /// Connections kept open between polls: 1,024.
    pub connections: usize,
    /// A connection that would lie idle for longer is closed: 120 s.
    pub keep: Duration,
    /// Between two readings of the opened cluster: 5 s.
    pub detail: Duration,
    /// Between two inspections of the opened cluster: 10 min.
    pub inspect: Duration,
    /// For one whole inspection: 4 min.
    pub inspection: Duration,
    /// Inspections at the same time: 4, apart from polls, and never two over one front.
    pub inspecting: usize,
    /// Requests per second that one front gets from inspections, besides those of polling: 10.
    pub inspect_rate: u32,
    /// How many of them it may get at once after a rest: 20.
    pub inspect_burst: u32,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            fast: seconds(10),
            medium: seconds(60),
            slow: seconds(300),
            small_fleet: 256,
            middling_fleet: 1_000,
            unfocused: 4,
            back_off: seconds(5),
            back_off_most: seconds(300),
            refused: seconds(300),
            snapshot: seconds(8),
            rare: seconds(3_600),
            in_flight: 256,
            in_flight_dead: 32,
            preparing: 4_096,
            front_rate: 50,
            front_burst: 100,
            connections: 1_024,
            keep: seconds(120),
            detail: seconds(5),
            inspect: seconds(600),
            inspection: seconds(240),
            inspecting: 4,
            inspect_rate: 10,
            inspect_burst: 20,
        }
    }
}

impl Pace {
    /// The same within `sockets` sockets, so that polls never wait for one: what is in flight takes up to three quarters, kept
    /// connections the rest.
    pub fn within(mut self, sockets: usize) -> Self {
        let sockets = sockets.max(4);
        self.in_flight = self.in_flight.min(sockets / 2).max(1);
        self.in_flight_dead = self.in_flight_dead.min(sockets / 8).max(1);
        self.inspecting = self.inspecting.min(sockets / 16).max(1);
        // The opened cluster has a connection of its own, and so has each inspection.
        let spare = sockets.saturating_sub(self.in_flight + self.in_flight_dead + 1 + self.inspecting);
        self.connections = self.connections.min(spare);
        self
    }

    /// The wait after `failures` failures in a row: full jitter under a ceiling that doubles, but never under a second.
    pub(super) fn back_off_after(&self, failures: u32, dice: Dice) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let ceiling = self.back_off.saturating_mul(1 << doublings).min(self.back_off_most);
        let floor = Duration::from_secs(1).min(self.back_off);
        ceiling.mul_f64(dice.unit()).max(floor)
    }
}

/// A number that looks random and is decided by what it was made from: where a cluster stands in each period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of a name (FNV-1a).
    pub(super) fn of(name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(hash)
    }

    /// The dice of the same name at its `n`th throw (splitmix64).
    pub(super) fn throw(self, n: u32) -> Self {
        let mut z = self.0.wrapping_add(u64::from(n).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    /// From 0 to 1.
    pub(super) fn unit(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `period` with a fifth more or less.
    pub(super) fn around(self, period: Duration) -> Duration {
        period.mul_f64(0.4_f64.mul_add(self.unit(), 0.8))
    }

    /// Anywhere within `period`, so that clusters first polled together part ways.
    pub(super) fn within(self, period: Duration) -> Duration {
        period.mul_f64(0.2 + self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_double_up_to_a_ceiling_and_are_spread() {
        let pace = Pace::default();
        let mut seen = std::collections::BTreeSet::new();
        for failures in 1..40 {
            let ceiling = Duration::from_secs((5_u64 << (failures - 1).min(10)).min(300));
            for n in 0..50 {
                let wait = pace.back_off_after(failures, Dice::of("a").throw(n));
                assert!(wait <= ceiling && wait >= Duration::from_secs(1), "{failures} {wait:?}");
                if failures > 8 {
                    seen.insert(wait.as_secs() / 30);
                }
            }
        }
        assert!(seen.len() >= 9, "{seen:?}");
    }

    #[test]
    fn a_small_budget_of_sockets_is_shared_out() {
        for (sockets, in_flight, dead) in
            [(4_096, 256, 32), (512, 256, 32), (100, 50, 12), (4, 2, 1), (0, 2, 1)]
        {
            let pace = Pace::default().within(sockets);
            assert_eq!((pace.in_flight, pace.in_flight_dead), (in_flight, dead));
            assert!(pace.in_flight + pace.in_flight_dead + pace.connections < sockets.max(5));
        }
    }

    proptest! {
        #[test]
        fn jitter_is_a_fifth_and_repeats_itself(name in "[a-z]{1,12}", n in 0_u32..1000) {
            let period = Duration::from_secs(10);
            let wait = Dice::of(&name).throw(n).around(period);
            prop_assert!(wait >= Duration::from_secs(8) && wait <= Duration::from_secs(12));
            prop_assert_eq!(wait, Dice::of(&name).throw(n).around(period));
            let first = Dice::of(&name).throw(n).within(period);
            prop_assert!(first >= Duration::from_secs(2) && first <= Duration::from_secs(12));
        }
    }
}
