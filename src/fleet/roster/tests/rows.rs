//! What a row says: names, keys, labels, facts, paths, tombstones.

use chrono::TimeDelta;

use super::*;
use crate::fleet::{Health, Origin, Problem, Severity, Truth};
use SourceKind::{Ansible, ClusterApi, GkeFleet, KubeFleet, Kubeconfig, Ocm, RancherFleet, Static};

const A: &str = "https://a.test:6443";
const B: &str = "https://b.test:6443";

fn keys(roster: &Roster) -> Vec<&str> {
    roster.entries.iter().map(|e| e.key.as_str()).collect()
}

#[test]
fn names_come_from_the_weightiest_source_and_keys_are_unique() {
    let one = united(vec![
        context("k", "kubernetes-admin@kubernetes", A),
        seen(ClusterApi, "mgmt", "ns/prod-eu-1").server(A),
    ]);
    assert_eq!(keys(&one), ["prod-eu-1"]);
    let three = united(vec![
        context("k1", "a", A),
        context("k2", "a", B),
        context("k3", "a~2", "https://c.test"),
        context("k4", "", "https://d.test"),
    ]);
    assert_eq!(keys(&three), ["a", "a~2", "a~2~2", "(no name)"]);
    assert_eq!(apart(&three), ["SAME_NAME k1:a k2:a"]);
    let first_is_first = united(vec![context("z", "a", A), context("b", "b", A)]);
    assert_eq!(keys(&first_is_first), ["a"], "among kubeconfigs the first counts");
}

#[test]
fn a_key_does_not_change_because_a_source_was_read_later_or_again() {
    let hubs = |order: [usize; 3]| {
        let all = [
            seen(Ocm, "hub-1", "prod").uid("u1"),
            seen(Ocm, "hub-2", "prod").uid("u2"),
            seen(ClusterApi, "mgmt", "ns/other").uid("u1").gone(),
        ];
        let mut all: Vec<_> = all.into_iter().map(Some).collect();
        let roster = united(order.map(|i| all[i].take().unwrap()).into());
        let mut keys: Vec<_> =
            roster.entries.iter().map(|e| (e.uid.clone().unwrap(), e.key.as_str().to_owned())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect::<Vec<_>>()
    };
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
        assert_eq!(hubs(order), ["other", "prod"], "a tombstone keeps the name: {order:?}");
    }
    let before = united(vec![context("k", "a", A), context("k", "b", B)]);
    let after = united(vec![
        context("k", "a", A),
        context("k", "b", B),
        seen(ClusterApi, "mgmt", "ns/prod").server(A),
    ]);
    let renamed = after.renamed(&before.entries);
    assert_eq!(renamed.len(), 1);
    assert_eq!(renamed.get(&before.entries[0].key), Some(&after.entries[0].key));
}

#[test]
fn labels_are_the_union_and_contradictions_are_shown() {
    let sightings = all(vec![
        context("k", "a", A).labels(&[("env", "dev"), ("only", "here")]),
        seen(ClusterApi, "mgmt", "ns/a").server(A).labels(&[("env", "prod"), ("team", "pay")]),
        seen(Static, "fleet.yaml", "a").server(A).labels(&[("tier", "1")]).with(|s| {
            s.origin = Some(Origin { path: "/etc/fleet.yaml".into(), line: Some(12), column: None });
        }),
    ]);
    let roster = unite(&sightings, &HashMap::new(), &Decisions::default(), now());
    let entry = &roster.entries[0];
    assert_eq!(*entry.labels, *texts(&[("env", "prod"), ("only", "here"), ("team", "pay"), ("tier", "1")]));
    let conflicts: Vec<_> =
        entry.conflicts.iter().map(|c| (c.field.as_str(), c.values[0].1.as_str())).collect();
    assert_eq!(conflicts, [("label.env", "prod")]);
    let from = |entry: &Entry, field: &str| {
        entry.provenance.iter().find(|p| p.field.as_str() == field).map(|p| p.from.to_string())
    };
    assert_eq!(from(entry, "label.tier").as_deref(), Some("fleet.yaml:12"));
    assert_eq!(from(entry, "label.only").as_deref(), Some("k:a"));
    assert_eq!(from(entry, "name").as_deref(), Some("fleet.yaml:12"));

    let cluster = Identity::of_sighting(&id("k", "a"));
    let label = |key: &str, value: Option<&str>| Decision::Label {
        cluster: cluster.clone(),
        key: key.into(),
        value: value.map(CleanText::new),
    };
    let decided = decisions(vec![label("env", Some("stage")), label("team", Some("x")), label("team", None)]);
    let roster = unite(&sightings, &HashMap::new(), &decided, now());
    let entry = &roster.entries[0];
    assert_eq!(entry.labels.get(&"env".into()), Some(&"stage".into()));
    assert_eq!(entry.labels.get(&"team".into()), Some(&"pay".into()), "taken back");
    assert_eq!(from(entry, "label.env").as_deref(), Some("you"));
    assert_eq!(entry.conflicts, []);
}

#[test]
fn a_single_sighting_shares_its_labels() {
    let sightings = all(vec![context("k", "a", A).labels(&[("env", "dev")])]);
    let roster = unite(&sightings, &HashMap::new(), &Decisions::default(), now());
    assert!(Arc::ptr_eq(&roster.entries[0].labels, &sightings[0].labels));
    assert_eq!(roster.entries[0].provenance, []);
}

#[test]
fn facts_are_the_weightiest_word_of_each_kind() {
    let roster = united(vec![
        seen(Ansible, "inv", "a").server(A).with(|s| {
            s.facts.version = "v1.33.0".parse().ok();
            s.facts.region = Some("eu-west-1".into());
            s.facts.account = Some("42".into());
            s.said_at = now() - TimeDelta::days(1);
        }),
        seen(ClusterApi, "mgmt", "ns/a").server(A).with(|s| {
            s.facts.version = "v1.35.4".parse().ok();
            s.facts.paused = true;
        }),
        seen(Ocm, "hub", "a").server(A).with(|s| {
            s.facts.version = "v1.35.4+rke2r1".parse().ok();
            s.facts.region = Some("eu-west-1".into());
            s.facts.phase = Some("Joined".into());
        }),
    ]);
    let entry = &roster.entries[0];
    assert_eq!(entry.facts.version, "1.35.4".parse().ok());
    assert_eq!(entry.facts.region, Some("eu-west-1".into()));
    assert_eq!(entry.facts.account, Some("42".into()));
    assert_eq!(entry.facts.phase, Some("Joined".into()));
    assert!(entry.facts.paused && !entry.facts.ghost);
    assert_eq!(entry.said_at, Some(now()));
    let version: Vec<_> = entry.conflicts.iter().filter(|c| c.field.as_str() == "version").collect();
    assert_eq!(version.len(), 1, "{:?}", entry.conflicts);
    assert!(!entry.conflicts.iter().any(|c| c.field.as_str() == "region"));
}

#[test]
fn a_silent_cluster_is_not_known_to_be_healthy() {
    let health =
        |healthy| Health { healthy, word: "Available".into(), message: CleanText::default(), since: None };
    let hub = |kind, source: &str, age: Option<i64>, seconds| {
        seen(kind, source, "a").uid("u1").with(|s| {
            s.facts.health = Some(health(Truth::Yes));
            s.facts.heartbeat_at = age.map(|a| now() - TimeDelta::seconds(a));
            s.facts.heartbeat_seconds = seconds;
        })
    };
    for (kind, age, seconds, expect) in [
        (Ocm, Some(300), None, Truth::Yes),
        (Ocm, Some(301), None, Truth::Unknown),
        (Ocm, Some(61), Some(60), Truth::Unknown),
        (KubeFleet, Some(181), None, Truth::Unknown),
        (GkeFleet, Some(29 * 60), None, Truth::Yes),
        (GkeFleet, Some(31 * 60), None, Truth::Unknown),
        (RancherFleet, Some(16 * 60), None, Truth::Unknown),
        (ClusterApi, None, None, Truth::Yes),
    ] {
        let roster = united(vec![hub(kind, "hub", age, seconds)]);
        let found = roster.entries[0].facts.health.as_ref().map(|h| h.healthy);
        assert_eq!(found, Some(expect), "{kind} {age:?} {seconds:?}");
    }
    // Another hub that still hears of it knows more than a weightier one that does not.
    let roster =
        united(vec![hub(Ocm, "hub", Some(9_000), None), hub(SourceKind::ArgoCd, "argo", Some(10), None)]);
    assert_eq!(roster.entries[0].facts.health.as_ref().map(|h| h.healthy), Some(Truth::Yes));
    let roster = united(vec![seen(Ocm, "hub", "a")]);
    assert_eq!(roster.entries[0].facts.health, None, "nothing said is not healthy");
}

#[test]
fn paths_are_in_the_order_in_which_to_try_them() {
    let broken = |s: &mut Sighting| {
        s.problems.push(Problem {
            severity: Severity::Error,
            code: "NO_USER",
            origin: None,
            subject: s.name.clone(),
            message: "no such user".into(),
            hint: None,
        });
    };
    let emergency = |s: &mut Sighting| s.path.as_mut().unwrap().break_glass = true;
    let sightings = all(vec![
        seen(ClusterApi, "mgmt", "ns/a").server(A).path(),
        context("k", "admin", A).with(emergency),
        context("k", "broken", A).with(broken),
        context("k", "ana", A),
    ]);
    let order = |roster: &Roster| {
        let entry = &roster.entries[0];
        let paths: Vec<_> = entry.paths.iter().map(|p| p.sighting.reference.as_str().to_owned()).collect();
        (paths, entry.path().map(|p| p.sighting.reference.as_str().to_owned()))
    };
    let roster = unite(&sightings, &HashMap::new(), &Decisions::default(), now());
    let expect = ["ana", "ns/a", "broken", "admin"].map(str::to_owned).to_vec();
    assert_eq!(order(&roster), (expect, Some("ana".into())));
    let entry = &roster.entries[0];
    assert!(entry.unusable().is_none(), "another path can be used");
    assert_eq!(entry.problems[0].severity, Severity::Warning);

    let prefer = |path: Option<&str>| Decision::Prefer {
        cluster: Identity::of_sighting(&id("k", "ana")),
        path: path.map(|p| id("k", p)),
    };
    for (decided, first) in [
        (vec![prefer(Some("admin"))], "admin"),
        (vec![prefer(Some("broken"))], "broken"),
        (vec![prefer(Some("admin")), prefer(None)], "ana"),
        (vec![prefer(Some("nowhere"))], "ana"),
    ] {
        let roster = unite(&sightings, &HashMap::new(), &decisions(decided), now());
        assert_eq!(order(&roster).1.as_deref(), Some(first));
        assert_eq!(roster.entries[0].unusable().is_some(), first == "broken");
    }
    // An emergency path is never chosen by itself, and a plugin that nobody allowed is no way at all.
    let roster = united(vec![context("k", "admin", A).with(emergency)]);
    assert_eq!((roster.entries[0].paths.len(), roster.entries[0].path()), (1, None));
    let roster = united(vec![seen(Ocm, "hub", "a").server(A).path().with(|s| {
        broken(s);
        s.problems[0].code = "PLUGIN_NOT_ALLOWED";
        s.problems[0].severity = Severity::Warning;
    })]);
    assert_eq!(roster.entries[0].paths, []);
    assert_eq!(roster.entries[0].problems.len(), 1);
}

#[test]
fn tombstones_join_their_row_and_say_nothing_while_others_speak() {
    let sightings = || {
        vec![
            seen(ClusterApi, "mgmt", "ns/a").server(A).uid("u1").labels(&[("env", "prod")]).gone(),
            context("k", "ctx", A).labels(&[("team", "pay")]),
            seen(Ocm, "hub", "b").uid("u2").gone(),
        ]
    };
    let roster = united(sightings());
    assert_eq!(lines(&roster), ["a = mgmt:ns/a k:ctx", "b = hub:b"]);
    let [row, stone] = roster.entries.as_slice() else { panic!("{:?}", lines(&roster)) };
    assert_eq!((row.gone_at, stone.gone_at), (None, Some(now() - TimeDelta::days(2))));
    assert_eq!(*row.labels, *texts(&[("team", "pay")]));
    assert_eq!(row.uid, Some("u1".into()));
    assert!(row.sources[0].gone_at.is_some());
    assert_eq!(roster.counts.get(&"mgmt".into()), None, "tombstones are not counted");

    let forget = Decision::Forget { sighting: id("hub", "b") };
    let roster = unite(&all(sightings()), &HashMap::new(), &decisions(vec![forget.clone()]), now());
    assert_eq!(lines(&roster), ["a = mgmt:ns/a k:ctx"]);
    let again = all(vec![seen(Ocm, "hub", "b").uid("u2")]);
    assert_eq!(
        unite(&again, &HashMap::new(), &decisions(vec![forget]), now()).entries.len(),
        1,
        "it is back"
    );
}

#[test]
fn a_rebuilt_cluster_is_not_its_tombstone() {
    let roster = united(vec![
        seen(ClusterApi, "mgmt", "ns/a").server(A).uid("u1").gone(),
        context("k", "a", A).uid("u2"),
    ]);
    assert_eq!(lines(&roster), ["a~2 = mgmt:ns/a", "a = k:a"]);
}

#[test]
fn a_path_that_leads_elsewhere_is_a_contradiction() {
    let sightings = all(vec![seen(Static, "fleet.yaml", "a").uid("u1").server(A).path()]);
    let looks = evidence(&[("fleet.yaml", "a", "u9", &[])]);
    let roster = unite(&sightings, &looks, &Decisions::default(), now());
    let conflict = &roster.entries[0].conflicts[0];
    assert_eq!(conflict.field.as_str(), "uid");
    assert_eq!(conflict.values.iter().map(|v| v.1.as_str()).collect::<Vec<_>>(), ["u1", "u9"]);
    assert_eq!(roster.entries[0].uid, Some("u1".into()));
}

#[test]
fn an_entry_is_found_again_by_its_uid_and_by_every_sighting() {
    let roster = united(vec![context("k", "a", A), seen(Kubeconfig, "k2", "a").server(A).uid("u1")]);
    let ids: Vec<_> = roster.entries[0].identities().iter().map(|i| i.as_str().to_owned()).collect();
    assert_eq!(ids, ["uid:u1", "at:k:a", "at:k2:a"]);
}
