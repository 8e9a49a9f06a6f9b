//! The request budget of one front: an API server, or something many API servers stand behind.

use std::time::{Duration, Instant};

/// A bucket that fills with tokens, one for each request, up to a brim.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    per_second: f64,
    brim: f64,
    tokens: f64,
    at: Option<Instant>,
}

impl Budget {
    /// A full bucket.
    pub(super) fn new(per_second: u32, brim: u32) -> Self {
        let brim = f64::from(brim.max(1));
        Self { per_second: f64::from(per_second.max(1)), brim, tokens: brim, at: None }
    }

    fn fill(&mut self, now: Instant) {
        if let Some(before) = self.at {
            let gained = now.saturating_duration_since(before).as_secs_f64() * self.per_second;
            self.tokens = (self.tokens + gained).min(self.brim);
        }
        self.at = Some(now);
    }

    /// Takes `cost` tokens, or says when there will be enough. A cost above the brim is met by a full bucket.
    pub(super) fn take(&mut self, cost: u32, now: Instant) -> Result<(), Instant> {
        self.fill(now);
        let cost = f64::from(cost).min(self.brim);
        let lacking = cost - self.tokens;
        // A hair less than a token is a token: waiting for it may not end in another wait of nothing.
        if lacking <= 1e-6 {
            self.tokens -= cost;
            Ok(())
        } else {
            let wait = Duration::from_secs_f64(lacking / self.per_second).max(Duration::from_millis(1));
            Err(now + wait)
        }
    }

    /// Takes all tokens away: the front has asked for fewer requests.
    pub(super) fn drain(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use proptest::prelude::*;

    #[test]
    fn a_drained_bucket_says_when_it_has_enough() {
        let now = Clock::system().tick();
        let mut budget = Budget::new(10, 20);
        assert_eq!(budget.take(20, now), Ok(()));
        let at = budget.take(5, now).unwrap_err();
        assert!(at - now >= Duration::from_millis(499) && at - now <= Duration::from_millis(501));
        assert_eq!(budget.take(5, at), Ok(()));
        let later = now + Duration::from_hours(1);
        budget.drain(later);
        assert!(budget.take(1, later).is_err());
        assert_eq!(budget.take(1_000, later + Duration::from_secs(2)), Ok(()));
    }

    proptest! {
        #[test]
        fn no_window_sees_more_than_brim_and_rate(costs in prop::collection::vec((1_u32..6, 0_u64..300), 1..200)) {
            let start = Clock::system().tick();
            let (mut budget, mut now, mut spent) = (Budget::new(50, 100), start, 0_u32);
            for (cost, pause) in costs {
                now += Duration::from_millis(pause);
                if budget.take(cost, now).is_ok() {
                    spent += cost;
                }
                let allowed = 50.0_f64.mul_add((now - start).as_secs_f64(), 100.0);
                prop_assert!(f64::from(spent) <= allowed + 0.001);
            }
        }
    }
}
