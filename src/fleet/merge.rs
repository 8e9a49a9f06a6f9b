//! How the answers of one poll change what is known of a cluster.

use chrono::{DateTime, Utc};

use super::{ErrorCode, Failure, Observed, Signal, Signals, Snapshot};

impl Signals {
    /// Takes in what one poll brought, at the time its answers arrived.
    ///
    /// * A failure never erases a last good value; it stands beside it as trouble.
    /// * What was not asked stays as it is.
    /// * Taking the same snapshot in twice is the same as once.
    /// * A snapshot in which something was asked and nothing came back counts as out of reach, even if it does not say so.
    ///
    /// `attempts.phase`, `phase_since` and `next_at` belong to whoever polls and stay untouched.
    pub fn absorb(&mut self, snapshot: &Snapshot, at: DateTime<Utc>) {
        self.absorb_readings(snapshot, at);
        self.absorb_handshake(snapshot, at);
        match outcome(snapshot) {
            Outcome::Nothing => {}
            Outcome::Answered => {
                self.unreachable = None;
                self.attempts.failed_in_a_row = 0;
                self.attempts.failing_since = None;
                self.attempts.last_failure = None;
                self.attempts.last_success = Some(at);
            }
            Outcome::Unreachable(failure) => {
                self.unreachable = Some(failure.clone());
                if self.attempts.last_failure != Some(at) {
                    self.attempts.failed_in_a_row = self.attempts.failed_in_a_row.saturating_add(1);
                    self.attempts.last_failure = Some(at);
                }
                self.attempts.failing_since.get_or_insert(at);
            }
        }
    }

    fn absorb_readings(&mut self, snapshot: &Snapshot, at: DateTime<Utc>) {
        take(&mut self.version, snapshot.version.as_ref(), at);
        take(&mut self.identity, snapshot.identity.as_ref(), at);
        if let Some(Ok(readiness)) = &snapshot.ready {
            if readiness.ready {
                self.not_ready_in_a_row = 0;
                self.not_ready_since = None;
            } else {
                let counted =
                    self.not_ready_in_a_row > 0 && self.ready.last.as_ref().is_some_and(|o| o.at == at);
                if !counted {
                    self.not_ready_in_a_row = self.not_ready_in_a_row.saturating_add(1);
                }
                self.not_ready_since.get_or_insert(at);
            }
        }
        take(&mut self.ready, snapshot.ready.as_ref(), at);
        if let Some(Ok(nodes)) = &snapshot.nodes {
            if nodes.ready < nodes.total {
                self.nodes_not_ready_since.get_or_insert(at);
            } else {
                self.nodes_not_ready_since = None;
            }
        }
        take(&mut self.nodes, snapshot.nodes.as_ref(), at);
    }

    /// What is known from connecting and from headers, whatever the answers were.
    fn absorb_handshake(&mut self, snapshot: &Snapshot, at: DateTime<Utc>) {
        if let Some(latency) = snapshot.latency {
            self.latency = Some(Observed { value: latency, at });
        }
        if let Some(cert) = &snapshot.serving_cert {
            self.serving_cert = Some(Observed { value: cert.clone(), at });
        }
        if let Some(cert) = &snapshot.client_cert {
            self.client_cert = Some(Observed { value: cert.clone(), at });
        }
        self.credential_expires_at = snapshot.credential_expires_at.or(self.credential_expires_at);
        self.clock_skew_seconds = snapshot.clock_skew_seconds.or(self.clock_skew_seconds);
    }
}

fn take<T: Clone>(signal: &mut Signal<T>, reading: Option<&Result<T, Failure>>, at: DateTime<Utc>) {
    if let Some(reading) = reading {
        signal.take(reading.clone(), at);
    }
}

/// What a poll says about reaching the cluster.
enum Outcome<'a> {
    /// Nothing was asked.
    Nothing,
    /// The server answered, if only to refuse.
    Answered,
    Unreachable(&'a Failure),
}

fn outcome(snapshot: &Snapshot) -> Outcome<'_> {
    match &snapshot.unreachable {
        Some(failure) if failure.code == ErrorCode::Cancelled => return Outcome::Nothing,
        Some(failure) => return Outcome::Unreachable(failure),
        None => {}
    }
    let results = [
        snapshot.version.as_ref().map(|r| r.as_ref().err()),
        snapshot.ready.as_ref().map(|r| r.as_ref().err()),
        snapshot.identity.as_ref().map(|r| r.as_ref().err()),
        snapshot.nodes.as_ref().map(|r| r.as_ref().err()),
    ];
    let mut asked = results.into_iter().flatten().peekable();
    if asked.peek().is_none() {
        return Outcome::Nothing;
    }
    let mut worst = None;
    for result in asked {
        match result {
            None => return Outcome::Answered,
            Some(failure) if is_answer(failure.code) => return Outcome::Answered,
            Some(failure) => worst = worst.or(Some(failure)),
        }
    }
    match worst {
        Some(failure) if failure.code != ErrorCode::Cancelled => Outcome::Unreachable(failure),
        _ => Outcome::Nothing,
    }
}

/// Whether a failure is something that the server itself said.
fn is_answer(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Http403
            | ErrorCode::Http429
            | ErrorCode::Http5xx
            | ErrorCode::Http
            | ErrorCode::Parse
            | ErrorCode::Version
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        now() + TimeDelta::seconds(seconds)
    }

    fn unreachable() -> Snapshot {
        Snapshot { unreachable: Some(Failure::new(ErrorCode::Tcp, "refused")), ..Snapshot::default() }
    }

    #[test]
    fn failures_are_counted_from_the_last_success() {
        let mut s = Signals::default();
        s.absorb(&healthy_snapshot(), at(0));
        assert_eq!(s.attempts.last_success, Some(at(0)));
        for i in 1..=3 {
            s.absorb(&unreachable(), at(i * 10));
        }
        assert_eq!((s.attempts.failed_in_a_row, s.attempts.failing_since), (3, Some(at(10))));
        assert!(s.unreachable.is_some());
        assert_eq!(s.attempts.last_success, Some(at(0)));
        s.absorb(&healthy_snapshot(), at(40));
        assert_eq!((s.attempts.failed_in_a_row, s.attempts.failing_since), (0, None));
        assert_eq!((s.unreachable, s.attempts.last_success), (None, Some(at(40))));
    }

    #[test]
    fn not_ready_is_counted_until_ready() {
        let mut s = Signals::default();
        let sick = Snapshot { ready: Some(Ok(not_ready(&["etcd"]))), ..Snapshot::default() };
        s.absorb(&sick, at(0));
        s.absorb(&unreachable(), at(5));
        s.absorb(&sick, at(10));
        assert_eq!((s.not_ready_in_a_row, s.not_ready_since), (2, Some(at(0))));
        s.absorb(&healthy_snapshot(), at(20));
        assert_eq!((s.not_ready_in_a_row, s.not_ready_since), (0, None));
    }

    #[test]
    fn a_refusal_is_an_answer_and_silence_is_not() {
        for (code, reached) in [
            (ErrorCode::Http403, true),
            (ErrorCode::Http5xx, true),
            (ErrorCode::Timeout, false),
            (ErrorCode::Tcp, false),
        ] {
            let mut s = healthy();
            let failure = Failure::new(code, "said so");
            s.absorb(&Snapshot { nodes: Some(Err(failure.clone())), ..Snapshot::default() }, at(0));
            assert_eq!(s.unreachable.is_none(), reached, "{code}");
            assert_eq!(s.nodes.trouble, Some(failure));
            assert!(s.nodes.value().is_some());
        }
    }

    #[test]
    fn a_poll_that_asked_nothing_or_was_cancelled_changes_no_attempts() {
        let before = healthy();
        let mut s = before.clone();
        s.absorb(&Snapshot::default(), at(0));
        assert_eq!(s, before);
        let cancelled = Failure::new(ErrorCode::Cancelled, "quit");
        s.absorb(&Snapshot { unreachable: Some(cancelled.clone()), ..Snapshot::default() }, at(0));
        s.absorb(&Snapshot { nodes: Some(Err(cancelled)), ..Snapshot::default() }, at(0));
        assert_eq!((s.unreachable, s.attempts), (None, before.attempts));
    }

    fn reading<T: Clone + std::fmt::Debug + 'static>(
        good: T,
    ) -> impl Strategy<Value = Option<Result<T, Failure>>> {
        prop::option::of(prop_oneof![
            Just(Ok(good)),
            (0..ErrorCode::ALL.len()).prop_map(|i| Err(Failure::new(ErrorCode::ALL[i], "said so"))),
        ])
    }

    prop_compose! {
        fn any_snapshot()(
            version in reading(version_info("v1.35.4")),
            ready in prop_oneof![reading(ready()), reading(not_ready(&["etcd"]))],
            nodes in prop_oneof![reading(nodes(3, 3, &[])), reading(nodes(1, 3, &[]))],
            unreachable in prop::option::weighted(0.3, Just(Failure::new(ErrorCode::Tcp, "refused"))),
            skew in prop::option::of(-50_i64..50),
        ) -> Snapshot {
            Snapshot { version, ready, nodes, unreachable, clock_skew_seconds: skew, ..Snapshot::default() }
        }
    }

    proptest! {
        #[test]
        fn a_duplicate_is_harmless(snapshots in prop::collection::vec(any_snapshot(), 0..8)) {
            let (mut once, mut twice) = (Signals::default(), Signals::default());
            for (i, snapshot) in (0..).zip(&snapshots) {
                once.absorb(snapshot, at(i));
                twice.absorb(snapshot, at(i));
                twice.absorb(snapshot, at(i));
            }
            prop_assert_eq!(once, twice);
        }

        #[test]
        fn the_order_of_clusters_does_not_matter(
            snapshots in prop::collection::vec((0_usize..4, any_snapshot()), 0..12)
        ) {
            let mut mixed = vec![Signals::default(); 4];
            for (i, (cluster, snapshot)) in (0..).zip(&snapshots) {
                mixed[*cluster].absorb(snapshot, at(i));
            }
            for (cluster, together) in mixed.iter().enumerate() {
                let mut alone = Signals::default();
                for (i, (_, snapshot)) in (0..).zip(&snapshots).filter(|(_, (c, _))| *c == cluster) {
                    alone.absorb(snapshot, at(i));
                }
                prop_assert_eq!(&alone, together);
            }
        }

        #[test]
        fn a_failure_never_erases_a_good_value(snapshots in prop::collection::vec(any_snapshot(), 0..8)) {
            let mut s = healthy();
            for (i, snapshot) in (0..).zip(&snapshots) {
                let before = s.clone();
                s.absorb(snapshot, at(i));
                if !matches!(snapshot.nodes, Some(Ok(_))) {
                    prop_assert_eq!(&s.nodes.last, &before.nodes.last);
                }
                if !matches!(snapshot.version, Some(Ok(_))) {
                    prop_assert_eq!(&s.version.last, &before.version.last);
                }
                prop_assert!(s.clock_skew_seconds.is_some() && s.serving_cert.is_some());
                prop_assert_eq!(s.attempts.failing_since.is_some(), s.unreachable.is_some());
                prop_assert_eq!(s.attempts.failed_in_a_row > 0, s.unreachable.is_some());
                prop_assert!(s.attempts.last_success >= before.attempts.last_success);
            }
        }
    }
}
