use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::access::kubeconfig::load_text;
use crate::fleet::{AccessPath, Decision, ErrorCode, Failure, Method, NodeSummary, State, Sync, VersionInfo};
use crate::registry::{Sighted, SourceReport, register};
use crate::store::Remembered;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

/// Contexts, each with a cluster of its own; one that ends in `bad` names a cluster that is not there.
fn registered(names: &[&str]) -> Registered {
    let contexts: Vec<_> = names
        .iter()
        .map(|n| {
            let cluster = if n.ends_with("bad") { "missing" } else { n };
            serde_json::json!({"name": n, "context": {"cluster": cluster, "user": "u"}})
        })
        .collect();
    let clusters: Vec<_> = names
        .iter()
        .map(|n| serde_json::json!({"name": n, "cluster": {"server": format!("https://{n}.test")}}))
        .collect();
    let text = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "contexts": contexts, "current-context": names[0],
        "clusters": clusters, "users": [{"name": "u", "user": {"token": "abc"}}],
    });
    register(&load_text(text.to_string().into_bytes(), std::path::Path::new("/k")), now())
}

fn key(name: &str) -> ClusterKey {
    ClusterKey::new(&name.into())
}

/// A poll over the way that is in use.
fn poll(fold: &mut Fold, name: &str, snapshot: Snapshot, at: DateTime<Utc>) {
    let over = fold.routes.way(&key(name)).cloned().unwrap_or_else(target);
    poll_over(fold, name, snapshot, at, over);
}

fn poll_over(fold: &mut Fold, name: &str, snapshot: Snapshot, at: DateTime<Utc>, over: Arc<Target>) {
    let failed = snapshot.unreachable.is_some();
    fold.apply(Event::Polled {
        key: key(name),
        snapshot: Box::new(snapshot),
        at,
        phase: if failed { Phase::BackingOff } else { Phase::Idle },
        next_at: at + TimeDelta::seconds(10),
        over,
    });
}

fn well() -> Snapshot {
    let version = VersionInfo { version: "v1.99.0".parse().ok(), text: "v1.99.0".into(), platform: None };
    Snapshot { version: Some(Ok(version)), ..Snapshot::default() }
}

/// An answer that says who it is.
fn well_as(uid: &str, nodes: &[&str]) -> Snapshot {
    let names = nodes.iter().map(|n| CleanText::new(n)).collect();
    let nodes = NodeSummary { total: nodes.len(), ready: nodes.len(), names, ..NodeSummary::default() };
    Snapshot { identity: Some(Ok(uid.into())), nodes: Some(Ok(nodes)), ..well() }
}

fn dead() -> Snapshot {
    failed(ErrorCode::Tcp)
}

fn failed(code: ErrorCode) -> Snapshot {
    Snapshot { unreachable: Some(Failure::new(code, "refused")), ..Snapshot::default() }
}

fn id(source: &str, reference: &str) -> SightingId {
    SightingId { source: source.into(), reference: reference.into() }
}

fn target() -> Arc<Target> {
    registered(&["t"]).entries[0].target.clone().unwrap()
}

/// What a source says of one cluster, with a way to it.
fn sighted(source: &str, reference: &str, kind: SourceKind) -> Sighted {
    let id = id(source, reference);
    let path = AccessPath { sighting: id.clone(), ..AccessPath::new("ana".into(), Method::Token) };
    let server = Some(CleanText::new(&format!("https://{source}.{reference}.test:443")));
    let sighting = Sighting { path: Some(path), server, ..Sighting::new(kind, id, reference.into(), now()) };
    Sighted { sighting: Arc::new(sighting), target: Some(target()), identity_key: [0; 32] }
}

fn report(source: &str, kind: SourceKind, sighted: Vec<Sighted>) -> Told {
    let state = SourceState {
        entries: sighted.len(),
        sync: Sync::Watching,
        synced_at: Some(now()),
        ..SourceState::new(kind, source.into())
    };
    Told::Source(SourceReport { state, sighted: sighted.into() })
}

fn settings(sources: &[(&str, &str)]) -> Settings {
    let source = |(name, kind): &(&str, &str)| crate::fleet::spec::Object {
        name: String::new(),
        labels: std::collections::BTreeMap::new(),
        origin: crate::fleet::Origin { path: "/fleet.yaml".into(), line: None, column: None },
        places: std::collections::BTreeMap::new(),
        policy: false,
        spec: crate::fleet::spec::SourceSpec {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            ..crate::fleet::spec::SourceSpec::default()
        },
    };
    let plan = registry::Plan {
        sources: sources.iter().map(source).collect(),
        contact: true,
        ..registry::Plan::default()
    };
    Settings { plan, ..Settings::default() }
}

fn wishes(fold: &mut Fold) -> Vec<String> {
    let keys = |keys: Vec<ClusterKey>| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    std::iter::from_fn(|| fold.next_wish())
        .map(|wish| match wish {
            Wish::Join(members) => format!("join {}", keys(members.into_iter().map(|m| m.key).collect())),
            Wish::Leave(left) => format!("leave {}", keys(left)),
            Wish::Reroute(member) => format!("reroute {}", member.key),
            other => format!("{other:?}"),
        })
        .collect()
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
    assert!(fleet.clusters.iter().all(|c| c.verdict.state == State::New && c.is_awaited()));
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
    poll(&mut fold, "b-1", dead(), now());
    poll(&mut fold, "c-1", well(), now());
    let after = fold.picture();
    let b = after.get(&key("b-1")).unwrap();
    assert_eq!((b.verdict.state, b.signals.attempts.phase), (State::Down, Phase::BackingOff));
    assert_eq!(b.signals.attempts.next_at, Some(at(10)));
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
    assert!(!bad.is_awaited());
}

#[test]
fn an_event_of_an_unknown_cluster_changes_nothing() {
    let mut fold = Fold::default();
    fold.load(registered(&["a"]), now());
    fold.picture();
    poll(&mut fold, "ghost", dead(), now());
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
    poll(&mut fold, "a", Snapshot { serving_cert: Some(dates), ..well() }, now());
    assert_eq!(fold.picture().clusters[0].verdict.state, State::Ok);
    fold.judge_again(now() + TimeDelta::minutes(1));
    assert!(!fold.is_changed());
    fold.judge_again(now() + TimeDelta::days(11));
    assert!(fold.is_changed());
    assert_eq!(fold.picture().clusters[0].verdict.state, State::Warn);
}

#[test]
fn reading_the_sources_again_keeps_what_was_seen_and_shares_what_is_the_same() {
    let mut fold = Fold::default();
    fold.load(registered(&["a", "b"]), now());
    poll(&mut fold, "a", well(), now());
    let before = fold.picture();
    fold.load(registered(&["a", "c"]), now());
    let fleet = fold.picture();
    assert!(Arc::ptr_eq(before.get(&key("a")).unwrap(), fleet.get(&key("a")).unwrap()));
    assert_eq!(fleet.get(&key("a")).unwrap().verdict.state, State::Ok);
    assert!(fleet.get(&key("b")).is_none() && fleet.get(&key("c")).is_some());
}

#[test]
fn what_is_polled_while_rows_are_united_is_not_lost() {
    let mut fold = Fold::default();
    fold.load(registered(&["a", "b"]), now());
    fold.make_dirty();
    let job = fold.job(at(1));
    poll(&mut fold, "a", well(), at(2));
    fold.finish(job.run(), at(3));
    assert_eq!(fold.picture().get(&key("a")).unwrap().verdict.state, State::Ok);
}

#[test]
fn what_is_remembered_is_shown_until_its_source_tells() {
    let remembered = |source: &str, name: &str| Remembered {
        sighting: sighted(source, name, SourceKind::ClusterApi).sighting,
        first_seen: now(),
    };
    let memory =
        Memory { sightings: vec![remembered("mgmt", "old"), remembered("gone", "x")], ..Memory::default() };
    let mut fold = Fold::new(&settings(&[("mgmt", "cluster-api")]), memory);
    assert!(fold.is_dirty());
    fold.reunite(now());
    let first = fold.picture();
    let row = first.get(&key("old")).unwrap();
    assert_eq!(first.clusters.len(), 1);
    assert!(!first.loaded && !row.is_live() && row.is_awaited() && row.path_in_use.is_none());
    assert!(wishes(&mut fold).is_empty(), "nobody is dialled by memory");
    assert_eq!(first.sources.iter().map(|s| s.sync).collect::<Vec<_>>(), [Sync::Reading]);

    fold.hear(report("mgmt", SourceKind::ClusterApi, vec![sighted("mgmt", "new", SourceKind::ClusterApi)]));
    fold.hear(Told::Local);
    fold.reunite(now());
    let fleet = fold.picture();
    let names: Vec<_> = fleet.clusters.iter().map(|c| c.entry.name.as_str()).collect();
    assert_eq!((names, fleet.loaded), (vec!["new"], true));
    assert_eq!(fleet.clusters[0].path_in_use, Some(id("mgmt", "new")));
    assert_eq!(wishes(&mut fold), ["join new"]);
    let told = fold.take_news().sightings;
    assert_eq!(told.keys().map(CleanText::as_str).collect::<Vec<_>>(), ["mgmt"]);
}

#[test]
fn a_source_that_fails_keeps_its_rows_and_says_so() {
    let mut fold = Fold::new(&settings(&[("mgmt", "cluster-api")]), Memory::default());
    let rows = vec![sighted("mgmt", "a", SourceKind::ClusterApi)];
    fold.hear(report("mgmt", SourceKind::ClusterApi, rows.clone()));
    fold.hear(Told::Local);
    fold.reunite(now());
    poll(&mut fold, "a", well(), at(1));
    let before = fold.picture();
    let state = SourceState {
        sync: Sync::Failing,
        failing_since: Some(at(2)),
        ..SourceState::new(SourceKind::ClusterApi, "mgmt".into())
    };
    fold.hear(Told::Source(SourceReport { state, sighted: rows.into() }));
    assert!(fold.is_changed() && !fold.is_dirty(), "the clusters are the same");
    let fleet = fold.picture();
    assert_eq!(fleet.sources[0].sync, Sync::Failing);
    assert!(Arc::ptr_eq(&before.clusters[0], &fleet.clusters[0]));
}

#[test]
fn clusters_that_come_and_go_join_and_leave() {
    let mut fold = Fold::new(&settings(&[]), Memory::default());
    let rows = |names: &[&str]| names.iter().map(|n| sighted("k", n, SourceKind::Ocm)).collect::<Vec<_>>();
    let all = rows(&["a", "b"]);
    for (said, expect) in [
        (all.clone(), vec!["join a,b"]),
        (all.clone(), vec![]),
        (vec![all[0].clone()], vec!["leave b"]),
        (vec![all[0].clone(), rows(&["c"])[0].clone()], vec!["join c"]),
        // Another way to the same cluster, as after a credential was renewed.
        (rows(&["a"]), vec!["leave c", "reroute a"]),
    ] {
        fold.hear(report("k", SourceKind::Ocm, said));
        fold.reunite(now());
        assert_eq!(wishes(&mut fold), expect);
    }
}

#[test]
fn without_contact_nobody_joins() {
    let mut settings = settings(&[]);
    settings.plan.contact = false;
    let mut fold = Fold::new(&settings, Memory::default());
    fold.hear(report("k", SourceKind::Ocm, vec![sighted("k", "a", SourceKind::Ocm)]));
    fold.reunite(now());
    assert!(wishes(&mut fold).is_empty());
    let ways = fold.new_ways().unwrap();
    assert!(ways.get(&key("a")).unwrap().is_none());
    assert_eq!(fold.picture().clusters[0].path_in_use, None);
}

/// Two sightings that a person has said are one cluster, `a` first.
fn merged(kinds: [SourceKind; 2]) -> Fold {
    let decision = Decision::Merge { first: id("one", "a"), second: id("two", "b") };
    let recorded = Recorded { decision, at: now(), who: "ana".into(), reason: None };
    let memory = Memory { decisions: vec![recorded], ..Memory::default() };
    let mut fold = Fold::new(&settings(&[]), memory);
    fold.hear(report("one", kinds[0], vec![sighted("one", "a", kinds[0])]));
    fold.hear(report("two", kinds[1], vec![sighted("two", "b", kinds[1])]));
    fold.hear(Told::Local);
    fold.reunite(now());
    assert_eq!(fold.picture().clusters.len(), 1);
    assert_eq!(wishes(&mut fold).len(), 1);
    fold
}

fn path(fold: &mut Fold) -> String {
    fold.picture().clusters[0].path_in_use.as_ref().unwrap().to_string()
}

#[test]
fn a_path_that_fails_twice_makes_way_and_all_that_fail_are_left_in_peace() {
    let mut fold = merged([SourceKind::Kubeconfig, SourceKind::Kubeconfig]);
    let name = fold.picture().clusters[0].key().to_string();
    let (first, other) = ("one:a", "two:b");
    let minutes = |n: i64| n * 60;
    for (step, (seconds, snapshot, expect)) in [
        (0, dead(), first),
        (10, dead(), other),
        (20, well(), other),
        (30, dead(), other),
        // Failed in turn; and the one that was left is tried again.
        (40, dead(), first),
        (50, dead(), first),
        // Now both have failed: back to the first, and there it stays.
        (60, dead(), first),
        (70, dead(), first),
        (80, dead(), first),
        (minutes(9), dead(), first),
        (minutes(12), dead(), other),
        (minutes(13), well(), other),
    ]
    .into_iter()
    .enumerate()
    {
        poll(&mut fold, &name, snapshot, at(seconds));
        assert_eq!(path(&mut fold), expect, "step {step}");
    }
    // A person asks: the first is tried before the others.
    wishes(&mut fold);
    fold.asked_for(&[]);
    assert_eq!((path(&mut fold), wishes(&mut fold)), (first.to_owned(), vec![format!("reroute {name}")]));
}

#[test]
fn a_path_whose_credential_is_refused_makes_way_at_once_and_until_the_next_is_polled_nothing_is_settled() {
    let mut fold = merged([SourceKind::Kubeconfig, SourceKind::Kubeconfig]);
    let name = fold.picture().clusters[0].key().to_string();
    assert!(fold.picture().settled);
    poll(&mut fold, &name, failed(ErrorCode::Http401), at(0));
    assert_eq!((path(&mut fold).as_str(), fold.picture().settled), ("two:b", false));
    poll(&mut fold, &name, well(), at(1));
    assert_eq!((path(&mut fold).as_str(), fold.picture().settled), ("two:b", true));
    // Refused on both: back to the first, and nothing more is to be waited for.
    for second in [2, 3, 4] {
        poll(&mut fold, &name, failed(ErrorCode::Http401), at(second));
    }
    assert_eq!((path(&mut fold).as_str(), fold.picture().settled), ("one:a", true));
}

#[test]
fn a_path_for_emergencies_is_taken_only_by_choice() {
    let kind = SourceKind::ClusterApi;
    let mut emergency = sighted("two", "b", kind);
    let mut sighting = (*emergency.sighting).clone();
    sighting.path.as_mut().unwrap().break_glass = true;
    emergency.sighting = Arc::new(sighting);
    let merge = Decision::Merge { first: id("one", "a"), second: id("two", "b") };
    let record = |decision| Recorded { decision, at: now(), who: "ana".into(), reason: None };
    let mut fold = Fold::new(&settings(&[]), Memory { decisions: vec![record(merge)], ..Memory::default() });
    fold.hear(report("one", kind, vec![sighted("one", "a", kind)]));
    fold.hear(report("two", kind, vec![emergency]));
    fold.reunite(now());
    let cluster = fold.picture().clusters[0].clone();
    for second in 0..9 {
        poll(&mut fold, cluster.key().as_str(), dead(), at(second));
        assert_eq!(path(&mut fold), "one:a", "after {} polls", second + 1);
    }
    wishes(&mut fold);
    let chosen = Some(id("two", "b"));
    fold.decide(vec![record(Decision::Prefer {
        cluster: cluster.entry.identities()[0].clone(),
        path: chosen,
    })]);
    fold.reunite(now());
    assert_eq!((path(&mut fold).as_str(), wishes(&mut fold).len()), ("two:b", 1));
}

#[test]
fn a_poll_that_crossed_with_a_change_of_path_says_nothing_of_the_new_one() {
    let mut fold = merged([SourceKind::Kubeconfig, SourceKind::Kubeconfig]);
    let name = fold.picture().clusters[0].key().to_string();
    let first = fold.routes.way(&key(&name)).cloned().unwrap();
    poll(&mut fold, &name, dead(), at(1));
    poll(&mut fold, &name, dead(), at(2));
    assert_eq!(path(&mut fold), "two:b");
    for second in 3..9 {
        poll_over(&mut fold, &name, dead(), at(second), Arc::clone(&first));
    }
    poll_over(&mut fold, &name, well_as("7f", &[]), at(9), first);
    assert_eq!((path(&mut fold).as_str(), fold.take_news().evidence.len()), ("two:b", 0));
}

#[test]
fn what_says_nothing_of_the_path_moves_nobody() {
    let mut fold = merged([SourceKind::Kubeconfig, SourceKind::Kubeconfig]);
    let name = fold.picture().clusters[0].key().to_string();
    for code in [ErrorCode::Http429, ErrorCode::Internal, ErrorCode::Cancelled] {
        for second in 0..5 {
            poll(&mut fold, &name, failed(code), at(second));
        }
    }
    assert_eq!(path(&mut fold), "one:a");
}

#[test]
fn a_refused_credential_of_a_hub_is_read_again_but_not_too_often() {
    for (kind, expect) in [(SourceKind::ClusterApi, 2), (SourceKind::Kubeconfig, 0)] {
        let mut fold = Fold::new(&settings(&[]), Memory::default());
        fold.hear(report("mgmt", kind, vec![sighted("mgmt", "a", kind)]));
        fold.reunite(now());
        for second in [0, 10, 20, 31, 40] {
            poll(&mut fold, "a", failed(ErrorCode::Http401), at(second));
        }
        let renewals: Vec<_> = std::iter::from_fn(|| fold.next_renewal()).collect();
        assert_eq!(renewals, vec![registry::Wish::Renew(id("mgmt", "a")); expect]);
    }
}

#[test]
fn a_uid_that_was_seen_makes_two_rows_one_and_what_was_seen_stays() {
    let mut fold = Fold::new(&settings(&[]), Memory::default());
    let kind = SourceKind::ClusterApi;
    fold.hear(report("one", kind, vec![sighted("one", "a", kind)]));
    fold.hear(report("two", kind, vec![sighted("two", "b", kind)]));
    fold.hear(Told::Local);
    fold.reunite(now());
    assert_eq!((fold.picture().clusters.len(), wishes(&mut fold)), (2, vec!["join a,b".to_owned()]));
    poll(&mut fold, "a", well_as("7f", &["n1"]), at(1));
    assert!(fold.is_dirty() && !fold.picture().settled);
    fold.reunite(at(2));
    assert!(fold.picture().settled);
    poll(&mut fold, "b", well_as("7f", &["n1"]), at(3));
    fold.reunite(at(4));
    let fleet = fold.picture();
    assert_eq!(fleet.clusters.len(), 1);
    let row = &fleet.clusters[0];
    assert_eq!((row.verdict.state, row.entry.uid.as_ref().unwrap().as_str()), (State::Ok, "7f"));
    assert_eq!(wishes(&mut fold).len(), 1, "one leaves, the other is polled as before");
    assert_eq!(fold.take_news().evidence.len(), 2);
    // The same answer again is no news.
    let key = row.key().to_string();
    poll(&mut fold, &key, well_as("7f", &["n1"]), at(5));
    assert!(!fold.is_dirty() && fold.take_news().evidence.is_empty());
}

#[test]
fn a_row_that_comes_apart_leaves_what_was_seen_where_it_was_seen() {
    let mut fold = merged([SourceKind::ClusterApi, SourceKind::Ocm]);
    let name = fold.picture().clusters[0].key().to_string();
    poll(&mut fold, &name, well(), at(1));
    let over = fold.picture().clusters[0].path_in_use.clone().unwrap();
    let split = Decision::Split { sighting: id("two", "b") };
    fold.decide(vec![Recorded { decision: split, at: at(2), who: "ana".into(), reason: None }]);
    fold.reunite(at(3));
    let fleet = fold.picture();
    let seen: Vec<_> =
        fleet.clusters.iter().map(|c| (c.entry.sources[0].id() == over, c.verdict.state)).collect();
    assert_eq!(seen.len(), 2);
    for (is_it, state) in seen {
        assert_eq!(state, if is_it { State::Ok } else { State::New });
    }
}

proptest! {
    #[test]
    fn events_of_different_clusters_may_come_in_any_order(
        events in prop::collection::vec((0_usize..4, any::<bool>()), 0..20),
    ) {
        let names = ["a", "b", "c", "d"];
        let run = |order: Vec<(usize, &(usize, bool))>| {
            let mut fold = Fold::default();
            fold.load(registered(&names), now());
            for (i, (cluster, alive)) in order {
                let snapshot = if *alive { well() } else { dead() };
                poll(&mut fold, names[*cluster], snapshot, at(i64::try_from(i).unwrap()));
            }
            fold.picture().clusters.iter().map(|c| (**c).clone()).collect::<Vec<_>>()
        };
        let in_order: Vec<(usize, &(usize, bool))> = events.iter().enumerate().collect();
        let mut by_cluster = in_order.clone();
        by_cluster.sort_by_key(|(_, (cluster, _))| *cluster);
        prop_assert_eq!(run(in_order), run(by_cluster));
    }
}

const CLASSES: &str = "\
apiVersion: fleetglass.dev/v1alpha1
kind: Fleet
metadata: {name: acme}
spec: {classes: [prod, dev]}
---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {name: prod}
spec: {match: label.env=prod, protection: typed}
---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {name: dev}
spec: {match: label.env=dev, protection: none}
";

fn classed() -> Settings {
    let file = crate::config::fleetfile::parse_fleet(std::path::Path::new("/fleet.yaml"), CLASSES, false);
    assert_eq!(file.problems, []);
    Settings { fleet_file: Arc::new(file), ..settings(&[]) }
}

fn labelled(source: &str, reference: &str, env: &str) -> Sighted {
    let sighted = sighted(source, reference, SourceKind::ClusterApi);
    let mut sighting = (*sighted.sighting).clone();
    sighting.labels = Arc::new([("env".into(), env.into())].into());
    Sighted { sighting: Arc::new(sighting), ..sighted }
}

fn class(fold: &mut Fold) -> (String, Option<String>) {
    let fleet = fold.picture();
    let class = &fleet.clusters[0].class;
    (class.name.to_string(), class.pending.as_ref().map(|p| p.to.to_string()))
}

#[test]
fn a_label_that_flips_between_two_sessions_waits_for_somebody_to_accept_it() {
    let kind = SourceKind::ClusterApi;
    let mut before = Fold::new(&classed(), Memory::default());
    before.hear(report("one", kind, vec![labelled("one", "a", "prod")]));
    before.reunite(now());
    assert_eq!(class(&mut before), ("prod".into(), None));
    let inputs = before.take_news().inputs;

    let mut fold = Fold::new(&classed(), Memory { inputs, ..Memory::default() });
    fold.hear(report("one", kind, vec![labelled("one", "a", "dev")]));
    fold.reunite(at(1));
    assert_eq!(class(&mut fold), ("prod".into(), Some("dev".into())));
    let cluster = fold.picture().clusters[0].entry.identities()[0].clone();
    let accept = Decision::AcceptChange { cluster, to: "dev".into() };
    fold.decide(vec![Recorded { decision: accept, at: at(2), who: "ana".into(), reason: None }]);
    fold.reunite(at(3));
    assert_eq!(class(&mut fold), ("dev".into(), None));
}

#[test]
fn rows_that_come_together_are_as_protected_as_the_stronger_of_them_was() {
    let kind = SourceKind::ClusterApi;
    for (first, second) in [("prod", "dev"), ("dev", "prod")] {
        let mut fold = Fold::new(&classed(), Memory::default());
        fold.hear(report("one", kind, vec![labelled("one", "a", first)]));
        fold.hear(report("two", kind, vec![labelled("two", "b", second)]));
        fold.reunite(now());
        let merge = Decision::Merge { first: id("one", "a"), second: id("two", "b") };
        fold.decide(vec![Recorded { decision: merge, at: at(1), who: "ana".into(), reason: None }]);
        fold.reunite(at(2));
        assert_eq!(fold.picture().clusters.len(), 1);
        assert_eq!(class(&mut fold).0, "prod", "{first} and {second}");
    }
}

#[test]
fn a_path_that_leads_elsewhere_has_seen_nothing() {
    let kind = SourceKind::ClusterApi;
    let mut fold = Fold::new(&settings(&[("one", "cluster-api"), ("two", "cluster-api")]), Memory::default());
    let moved = |server: &str, ca: u8| {
        let first = sighted("one", "a", kind);
        let mut sighting = (*first.sighting).clone();
        sighting.server = Some(server.into());
        sighting.authorities = vec![crate::fleet::Fingerprint([ca; 32])];
        Sighted { sighting: Arc::new(sighting), ..first }
    };
    fold.hear(report("one", kind, vec![moved("https://a.test:443", 1)]));
    fold.hear(report("two", kind, vec![sighted("two", "b", kind)]));
    fold.reunite(now());
    let names = |fold: &mut Fold| {
        fold.picture().clusters.iter().map(|c| c.entry.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&mut fold), ["a", "b"]);
    for name in ["a", "b"] {
        poll(&mut fold, name, well_as("u-1", &["n1"]), at(1));
    }
    fold.reunite(at(2));
    assert_eq!(names(&mut fold).len(), 1, "the same UID over both");
    let evidence = fold.take_news().evidence;
    assert_eq!(evidence.len(), 2);
    for (what, server, ca, rows) in [
        ("another server", "https://c.test:443", 1, 2),
        ("another authority", "https://a.test:443", 2, 2),
        ("as it was", "https://a.test:443", 1, 1),
    ] {
        fold.hear(report("one", kind, vec![moved(server, ca)]));
        fold.reunite(at(3));
        assert_eq!(names(&mut fold).len(), rows, "{what}");
        // The same after a restart.
        let memory = Memory { evidence: evidence.clone(), ..Memory::default() };
        let mut again = Fold::new(&settings(&[("one", "cluster-api"), ("two", "cluster-api")]), memory);
        again.hear(report("one", kind, vec![moved(server, ca)]));
        again.hear(report("two", kind, vec![sighted("two", "b", kind)]));
        again.reunite(at(3));
        assert_eq!(names(&mut again).len(), rows, "{what}, recalled");
    }
    fold.hear(report("one", kind, vec![moved("https://c.test:443", 1)]));
    fold.reunite(at(4));
    let row =
        fold.picture().clusters.iter().find(|c| c.entry.sources[0].name.as_str() == "one").unwrap().clone();
    poll(&mut fold, row.entry.key.as_str(), well(), at(5));
    fold.reunite(at(6));
    assert_eq!(
        names(&mut fold).len(),
        2,
        "an answer that does not say who it is brings the old one back to nobody"
    );
}

fn protection(fold: &mut Fold) -> (crate::fleet::Protection, Option<String>) {
    let class = fold.picture().clusters[0].class.clone();
    (class.protection, class.pending.map(|p| p.to.to_string()))
}

#[test]
fn without_the_memory_that_should_be_there_all_is_locked_and_nothing_is_taken_for_settled() {
    use crate::fleet::Protection;
    let kind = SourceKind::ClusterApi;
    let mut before = Fold::new(&classed(), Memory::default());
    before.hear(report("one", kind, vec![labelled("one", "a", "prod")]));
    before.reunite(now());
    let inputs = before.take_news().inputs;

    let mut fold = Fold::new(&classed(), Memory::default());
    fold.forget_nothing();
    fold.hear(report("one", kind, vec![labelled("one", "a", "dev")]));
    fold.reunite(at(1));
    assert!(fold.is_unsure());
    assert_eq!(protection(&mut fold), (Protection::Locked, None));
    assert!(fold.take_news().inputs.is_empty(), "or what was remembered would be written over");
    fold.recall(Memory { inputs, ..Memory::default() });
    fold.reunite(at(2));
    assert_eq!(class(&mut fold), ("prod".into(), Some("dev".into())));
}

#[test]
fn what_is_remembered_and_cannot_be_read_locks_until_somebody_accepts() {
    use crate::fleet::Protection;
    let kind = SourceKind::ClusterApi;
    let me = Identity::of_sighting(&id("one", "a"));
    for memory in [
        Memory { decisions_lost: true, ..Memory::default() },
        Memory { lost: [me.clone()].into(), ..Memory::default() },
    ] {
        let mut fold = Fold::new(&classed(), memory);
        fold.hear(report("one", kind, vec![labelled("one", "a", "dev")]));
        for second in 1..3 {
            fold.make_dirty();
            fold.reunite(at(second));
            assert_eq!(protection(&mut fold), (Protection::Locked, Some("dev".into())));
        }
        let accept = Decision::AcceptChange { cluster: me.clone(), to: "dev".into() };
        fold.decide(vec![Recorded { decision: accept, at: at(3), who: "ana".into(), reason: None }]);
        for second in 4..6 {
            fold.make_dirty();
            fold.reunite(at(second));
            assert_eq!(protection(&mut fold), (Protection::None, None));
        }
        assert!(fold.take_news().inputs.contains_key(&me), "and is readable again");
    }
}

#[test]
fn what_another_process_takes_for_settled_settles_nothing_here() {
    let kind = SourceKind::ClusterApi;
    let mut fold = Fold::new(&classed(), Memory::default());
    fold.hear(report("one", kind, vec![labelled("one", "a", "prod")]));
    fold.reunite(now());
    fold.hear(report("one", kind, vec![labelled("one", "a", "dev")]));
    fold.reunite(at(1));
    assert_eq!(class(&mut fold), ("prod".into(), Some("dev".into())));
    let mut other = Fold::new(&settings(&[]), Memory::default());
    other.hear(report("one", kind, vec![labelled("one", "a", "dev")]));
    other.reunite(at(2));
    fold.recall(Memory { inputs: other.take_news().inputs, ..Memory::default() });
    fold.reunite(at(3));
    assert_eq!(class(&mut fold), ("prod".into(), Some("dev".into())));
}

#[test]
fn the_word_of_a_source_that_confirms_it_is_never_old() {
    let mut fold = Fold::default();
    let told = |synced: i64, sync: Sync| {
        let sighted = vec![sighted("one", "a", SourceKind::ClusterApi)];
        let Told::Source(mut report) = report("one", SourceKind::ClusterApi, sighted) else { panic!() };
        (report.state.synced_at, report.state.sync) = (Some(at(synced)), sync);
        Told::Source(report)
    };
    let day = 24 * 3600;
    for (what, synced, sync, age) in [
        ("fresh", 0, Sync::Watching, 0),
        ("confirmed a day later", day, Sync::Watching, 1),
        ("asked again two days later", 2 * day, Sync::Polling, 2),
        ("it does not answer", 3 * day, Sync::Failing, 0),
    ] {
        fold.hear(told(synced, sync));
        fold.make_dirty();
        fold.reunite(at(synced));
        let said = fold.picture().clusters[0].entry.said_at.unwrap();
        let late = at(age * day) - said;
        assert!(late >= TimeDelta::zero() && late < TimeDelta::hours(1), "{what}: {said}");
    }
}
