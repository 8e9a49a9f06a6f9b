//! The fold: what is known of the fleet, and how each event changes it. A value without waiting and without a clock.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::fleet::{
    CleanText, Cluster, ClusterKey, Fleet, Phase, Problem, Signals, SourceState, Thresholds, guess_class,
    sort, verdict,
};
use crate::observe::Event;
use crate::registry::Registered;

/// Everything known of the fleet. Rows stand in stable order; what has not changed is shared with every picture taken.
#[derive(Default)]
pub struct Fold {
    clusters: Vec<Arc<Cluster>>,
    index: HashMap<ClusterKey, usize>,
    sources: Vec<SourceState>,
    problems: Vec<Problem>,
    current: Option<ClusterKey>,
    looked_in: Vec<(CleanText, bool)>,
    loaded: bool,
    generation: u64,
    thresholds: Thresholds,
    changed: bool,
}

impl Fold {
    /// Takes in what the sources say, in place of what they said before. What was seen of a cluster stays while its key does.
    pub fn load(&mut self, registered: Registered, now: DateTime<Utc>) {
        let mut clusters: Vec<Arc<Cluster>> = registered
            .entries
            .into_iter()
            .map(|row| {
                let known = self.index.get(&row.entry.key).and_then(|at| self.clusters.get(*at));
                let mut signals = known.map_or_else(Signals::default, |c| c.signals.clone());
                if row.target.is_none() {
                    signals.attempts.phase = Phase::Parked;
                }
                let class = guess_class(row.entry.name.as_str());
                let verdict = verdict(&row.entry, &signals, now, &self.thresholds);
                Arc::new(Cluster { entry: row.entry, class, signals, verdict })
            })
            .collect();
        clusters.sort_by(|a, b| sort::stable_order(a, b));
        self.index = clusters.iter().enumerate().map(|(at, c)| (c.key().clone(), at)).collect();
        self.clusters = clusters;
        self.sources = registered.sources;
        self.problems = registered.problems;
        self.current = registered.current;
        self.looked_in = registered.looked_in;
        self.loaded = true;
        self.changed = true;
    }

    /// Takes one event in. Costs the same however large the fleet is; an event of an unknown cluster changes nothing.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Started { key, phase, at } => {
                if let Some(cluster) = self.cluster(&key) {
                    let attempts = &mut cluster.signals.attempts;
                    attempts.phase = phase;
                    attempts.phase_since = Some(at);
                }
            }
            Event::Polled { key, snapshot, at, phase, next_at } => {
                let thresholds = self.thresholds.clone();
                let Some(cluster) = self.cluster(&key) else { return };
                cluster.signals.absorb(&snapshot, at);
                let attempts = &mut cluster.signals.attempts;
                attempts.phase = phase;
                attempts.phase_since = Some(at);
                attempts.next_at = Some(next_at);
                cluster.verdict = verdict(&cluster.entry, &cluster.signals, at, &thresholds);
            }
        }
    }

    fn cluster(&mut self, key: &ClusterKey) -> Option<&mut Cluster> {
        let at = *self.index.get(key)?;
        let cluster = self.clusters.get_mut(at)?;
        self.changed = true;
        Some(Arc::make_mut(cluster))
    }

    /// Judges all again, because time has passed: certificates end and releases age without any event.
    pub fn judge_again(&mut self, now: DateTime<Utc>) {
        for cluster in &mut self.clusters {
            let verdict = verdict(&cluster.entry, &cluster.signals, now, &self.thresholds);
            if verdict != cluster.verdict {
                Arc::make_mut(cluster).verdict = verdict;
                self.changed = true;
            }
        }
    }

    /// Whether anything has changed since the last picture.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The fleet as it is, sharing every row with this fold.
    pub fn picture(&mut self) -> Arc<Fleet> {
        self.changed = false;
        self.generation += 1;
        Arc::new(Fleet {
            generation: self.generation,
            clusters: self.clusters.as_slice().into(),
            sources: self.sources.clone(),
            problems: self.problems.clone(),
            loaded: self.loaded,
            current: self.current.clone(),
            looked_in: self.looked_in.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::kubeconfig::load_text;
    use crate::fleet::{ErrorCode, Failure, Snapshot, State, VersionInfo};
    use crate::registry::register;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn registered(names: &[&str]) -> Registered {
        let contexts: Vec<_> = names
            .iter()
            .map(|n| serde_json::json!({"name": n, "context": {"cluster": if n.ends_with("bad") { "x" } else { "c" }, "user": "u"}}))
            .collect();
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "contexts": contexts, "current-context": names[0],
            "clusters": [{"name": "c", "cluster": {"server": "https://c.test"}}],
            "users": [{"name": "u", "user": {"token": "abc"}}],
        });
        register(&load_text(text.to_string().into_bytes(), std::path::Path::new("/k")), now())
    }

    fn key(name: &str) -> ClusterKey {
        ClusterKey::new(&name.into())
    }

    fn polled(name: &str, snapshot: Snapshot, at: DateTime<Utc>) -> Event {
        let failed = snapshot.unreachable.is_some();
        Event::Polled {
            key: key(name),
            snapshot: Box::new(snapshot),
            at,
            phase: if failed { Phase::BackingOff } else { Phase::Idle },
            next_at: at + TimeDelta::seconds(10),
        }
    }

    fn well() -> Snapshot {
        let version = VersionInfo { version: "v1.99.0".parse().ok(), text: "v1.99.0".into(), platform: None };
        Snapshot { version: Some(Ok(version)), ..Snapshot::default() }
    }

    fn dead() -> Snapshot {
        Snapshot { unreachable: Some(Failure::new(ErrorCode::Tcp, "refused")), ..Snapshot::default() }
    }

    #[test]
    fn rows_stand_by_class_and_natural_name() {
        let mut fold = Fold::default();
        fold.load(registered(&["zoo", "dev-10", "prod-2", "dev-9", "prod-10"]), now());
        let fleet = fold.picture();
        let names: Vec<_> = fleet.clusters.iter().map(|c| c.entry.name.as_str()).collect();
        assert_eq!(names, ["prod-2", "prod-10", "dev-9", "dev-10", "zoo"]);
        assert!(fleet.loaded);
        assert_eq!(fleet.current, Some(key("zoo")));
        assert!(fleet.clusters.iter().all(|c| c.verdict.state == State::New));
    }

    #[test]
    fn a_poll_decides_its_row_and_leaves_the_others_shared() {
        let mut fold = Fold::default();
        fold.load(registered(&["a-1", "b-1", "c-1"]), now());
        let before = fold.picture();
        assert!(!fold.is_changed());
        fold.apply(Event::Started { key: key("b-1"), phase: Phase::Connecting, at: now() });
        assert!(fold.is_changed());
        let connecting = fold.picture();
        assert_eq!(connecting.get(&key("b-1")).unwrap().signals.attempts.phase, Phase::Connecting);
        fold.apply(polled("b-1", dead(), now()));
        fold.apply(polled("c-1", well(), now()));
        let after = fold.picture();
        let b = after.get(&key("b-1")).unwrap();
        assert_eq!((b.verdict.state, b.signals.attempts.phase), (State::Down, Phase::BackingOff));
        assert_eq!(b.signals.attempts.next_at, Some(now() + TimeDelta::seconds(10)));
        assert_eq!(after.get(&key("c-1")).unwrap().verdict.state, State::Ok);
        let (old, new) = (before.get(&key("a-1")).unwrap(), after.get(&key("a-1")).unwrap());
        assert!(Arc::ptr_eq(old, new));
        assert_eq!(before.get(&key("b-1")).unwrap().verdict.state, State::New);
        assert!(after.generation > before.generation);
        assert_eq!(after.totals().decided, 2);
    }

    #[test]
    fn an_entry_that_cannot_be_used_is_parked_and_down() {
        let mut fold = Fold::default();
        fold.load(registered(&["good", "is-bad"]), now());
        let fleet = fold.picture();
        let bad = fleet.get(&key("is-bad")).unwrap();
        assert_eq!((bad.verdict.state, bad.signals.attempts.phase), (State::Down, Phase::Parked));
    }

    #[test]
    fn an_event_of_an_unknown_cluster_changes_nothing() {
        let mut fold = Fold::default();
        fold.load(registered(&["a"]), now());
        fold.picture();
        fold.apply(polled("ghost", dead(), now()));
        assert!(!fold.is_changed());
    }

    #[test]
    fn time_alone_changes_a_verdict() {
        let mut fold = Fold::default();
        fold.load(registered(&["a"]), now());
        let dates = crate::fleet::CertDates {
            not_before: now(),
            not_after: now() + TimeDelta::days(40),
            subject: "CN=a".into(),
        };
        fold.apply(polled("a", Snapshot { serving_cert: Some(dates), ..well() }, now()));
        assert_eq!(fold.picture().clusters[0].verdict.state, State::Ok);
        fold.judge_again(now() + TimeDelta::minutes(1));
        assert!(!fold.is_changed());
        fold.judge_again(now() + TimeDelta::days(11));
        assert!(fold.is_changed());
        assert_eq!(fold.picture().clusters[0].verdict.state, State::Warn);
    }

    #[test]
    fn reading_the_sources_again_keeps_what_was_seen() {
        let mut fold = Fold::default();
        fold.load(registered(&["a", "b"]), now());
        fold.apply(polled("a", well(), now()));
        fold.load(registered(&["a", "c"]), now());
        let fleet = fold.picture();
        assert_eq!(fleet.get(&key("a")).unwrap().verdict.state, State::Ok);
        assert!(fleet.get(&key("b")).is_none() && fleet.get(&key("c")).is_some());
    }

    proptest! {
        #[test]
        fn events_of_different_clusters_may_come_in_any_order(
            events in prop::collection::vec((0_usize..4, any::<bool>()), 0..20),
        ) {
            let names = ["a", "b", "c", "d"];
            let make = |(i, (cluster, alive)): (usize, &(usize, bool))| {
                let at = now() + TimeDelta::seconds(i64::try_from(i).unwrap());
                polled(names[*cluster], if *alive { well() } else { dead() }, at)
            };
            let run = |order: Vec<Event>| {
                let mut fold = Fold::default();
                fold.load(registered(&names), now());
                for event in order {
                    fold.apply(event);
                }
                fold.picture().clusters.iter().map(|c| (**c).clone()).collect::<Vec<_>>()
            };
            let in_order: Vec<Event> = events.iter().enumerate().map(make).collect();
            let mut by_cluster: Vec<(usize, &(usize, bool))> = events.iter().enumerate().collect();
            by_cluster.sort_by_key(|(_, (cluster, _))| *cluster);
            let regrouped = by_cluster.into_iter().map(make).collect();
            prop_assert_eq!(run(in_order), run(regrouped));
        }
    }
}
