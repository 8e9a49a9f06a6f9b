//! The only reader of time.
//!
//! Wall time (`now`) is for people, certificates and wire documents; the monotonic reading (`tick`) is for
//! durations. Everything else takes a [`Clock`] or a `now` argument, so tests decide what time it is.
#![expect(clippy::disallowed_methods, reason = "this module is the one place that may ask the system")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, Duration, Utc};

/// A source of time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Milliseconds since the Unix epoch, moved by [`Clock::advance`].
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `at` until [`Clock::advance`] moves it; clones share it.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.timestamp_millis()))))
    }

    /// Wall time, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Manual(ms) => {
                DateTime::from_timestamp_millis(ms.load(Ordering::Relaxed)).unwrap_or_default()
            }
        }
    }

    /// A monotonic reading, for measuring how long something took. Real time even on a manual clock.
    pub fn tick(&self) -> Instant {
        Instant::now()
    }

    /// Moves a manual clock forward (or back); does nothing to the system's.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(ms) = &self.0 {
            ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_is_shared_by_its_clones() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let clock = Clock::manual(start);
        let other = clock.clone();
        assert_eq!(other.now(), start);
        clock.advance(Duration::seconds(90));
        assert_eq!(other.now(), start + Duration::seconds(90));
    }
}
