//! What joins, and what keeps apart.

use super::*;
use crate::fleet::MergeBy;
use SourceKind::{Ansible, ArgoCd, ClusterApi, ClusterProfile, Ocm, Rancher, Static};

const A: &str = "https://a.test:6443";
const B: &str = "https://b.test:6443";

#[test]
fn two_are_one_by_uid_by_server_and_authority_or_by_server_alone() {
    let k = |name: &str, server: &str| context("k", name, server);
    let c = |name: &str| seen(ClusterApi, "mgmt", name);
    for (what, one, other, rows) in vec![
        ("uid, whatever else", k("a", A).ca(&[1]).uid("u1"), c("x").server(B).ca(&[2]).uid("u1"), 1),
        (
            "other uid, same server and authority",
            k("a", A).ca(&[1]).uid("u1"),
            c("x").server(A).ca(&[1]).uid("u2"),
            2,
        ),
        ("server and authority", k("a", A).ca(&[1]), c("x").server(A).ca(&[1]), 1),
        ("an authority in common", k("a", A).ca(&[1, 2]), c("x").server(A).ca(&[2, 3]), 1),
        ("same authority, other server", k("a", A).ca(&[1]), c("x").server(B).ca(&[1]), 2),
        ("same server, other authority", k("a", A).ca(&[1]), c("x").server(A).ca(&[2]), 2),
        ("same server, authority known to one", k("a", A).ca(&[1]), c("x").server(A), 1),
        ("same server, uid known to one", k("a", A).uid("u1"), c("x").server(A), 1),
        ("written differently", k("a", "HTTPS://A.test:443/"), c("x").server("a.test"), 1),
        ("other port", k("a", A), c("x").server("https://a.test"), 2),
        (
            "other path",
            k("a", "https://r.test/k8s/clusters/c-1"),
            c("x").server("https://r.test/k8s/clusters/c-2"),
            2,
        ),
        ("same name only", k("x", A), c("x").server(B), 2),
        ("nothing known", k("a", ""), c("a"), 2),
    ] {
        for swapped in [false, true] {
            let (one, other) = (&one.0, &other.0);
            let pair = if swapped { [other, one] } else { [one, other] };
            let pair: Vec<_> = pair.into_iter().cloned().map(Arc::new).collect();
            let roster = unite(&pair, &HashMap::new(), &Decisions::default(), now());
            assert_eq!(roster.entries.len(), rows, "{what}: {:?}", lines(&roster));
        }
    }
}

#[test]
fn every_merge_is_explained_with_what_is_shared() {
    let roster = united(vec![
        context("k", "a", A).ca(&[1]),
        seen(ClusterApi, "mgmt", "ns/a").server(A).ca(&[1]).uid("u1"),
        seen(Ocm, "hub", "a").uid("u1"),
        seen(Ansible, "inv", "a").server(A),
    ]);
    assert_eq!(lines(&roster), ["a = mgmt:ns/a hub:a inv:a k:a"]);
    let told: Vec<_> = roster.entries[0]
        .merges
        .iter()
        .map(|m| format!("{} {} {} {}", m.first, m.second, m.by.as_str(), m.value))
        .collect();
    assert_eq!(
        told,
        [
            "mgmt:ns/a hub:a uid u1",
            "mgmt:ns/a k:a server-and-authority https://a.test:6443 signed by 0101010101010101",
            "mgmt:ns/a inv:a server https://a.test:6443",
        ]
    );
    let counts: Vec<_> = roster.counts.iter().map(|(s, c)| (s.as_str(), *c)).collect();
    assert_eq!(counts, [("hub", (0, 1)), ("inv", (0, 1)), ("k", (1, 0)), ("mgmt", (0, 1))]);
}

#[test]
fn a_uid_that_was_seen_joins_contexts_that_share_nothing_else() {
    let sightings =
        all(vec![context("k", "a", A).ca(&[1]), context("k", "bastion", "https://10.0.0.1:6443").ca(&[2])]);
    let looks = evidence(&[("k", "a", "u1", &["n1"]), ("k", "bastion", "u1", &["n1", "n2"])]);
    let roster = unite(&sightings, &looks, &Decisions::default(), now());
    assert_eq!(lines(&roster), ["a = k:a k:bastion"]);
    assert_eq!(roster.entries[0].uid, Some("u1".into()));
}

#[test]
fn a_restored_etcd_is_told_and_not_merged() {
    let sightings = all(vec![
        context("k", "a", A).ca(&[1]),
        context("k", "copy", B).ca(&[2]),
        seen(Ocm, "hub", "copy-by-server").uid("u1").server(B),
        seen(Ocm, "hub", "nobody-knows").uid("u1"),
    ]);
    let clone = evidence(&[("k", "a", "u1", &["n1", "n2"]), ("k", "copy", "u1", &["m1", "m2"])]);
    let roster = unite(&sightings, &clone, &Decisions::default(), now());
    assert_eq!(
        lines(&roster),
        ["nobody-knows = hub:nobody-knows k:a", "copy-by-server = hub:copy-by-server k:copy"]
    );
    assert_eq!(apart(&roster), ["SAME_UID_OTHER_NODES k:a k:copy"]);
    // One node in common, or one authority: the same cluster, seen at two times or in two ways.
    for (looks, authorities) in [
        (evidence(&[("k", "a", "u1", &["n1", "n2"]), ("k", "copy", "u1", &["m1", "n2"])]), [1, 2]),
        (clone, [1, 1]),
        (evidence(&[("k", "a", "u1", &["n1"]), ("k", "copy", "u1", &[])]), [1, 2]),
    ] {
        let pair = all(vec![
            context("k", "a", A).ca(&authorities[..1]),
            context("k", "copy", B).ca(&authorities[1..]),
        ]);
        assert_eq!(unite(&pair, &looks, &Decisions::default(), now()).entries.len(), 1);
    }
    // A person knows better.
    let decided = decisions(vec![Decision::Merge { first: id("k", "a"), second: id("k", "copy") }]);
    let looks = evidence(&[
        ("k", "a", "u1", &["n1"]),
        ("k", "copy", "u1", &["m1"]),
        ("k", "third", "u1", &["m1", "m2"]),
    ]);
    let three = all(vec![
        context("k", "a", A).ca(&[1]),
        context("k", "copy", B).ca(&[2]),
        context("k", "third", "https://c.test").ca(&[3]),
    ]);
    assert_eq!(lines(&unite(&three, &looks, &decided, now())), ["a = k:a k:copy k:third"]);
}

#[test]
fn a_third_joins_no_contradiction() {
    // Without an authority of its own it could be either; the other one is told.
    let roster = united(vec![
        context("k", "blind", A),
        context("k", "old", A).ca(&[1]),
        context("k", "new", A).ca(&[2]),
    ]);
    assert_eq!(lines(&roster), ["blind = k:blind k:new", "old = k:old"]);
    assert_eq!(apart(&roster), ["SAME_SERVER_OTHER_AUTHORITY k:new k:old"]);

    let roster = united(vec![
        context("k", "blind", A),
        seen(Ocm, "hub", "x").server(A).uid("u1"),
        seen(Ocm, "hub", "y").server(A).uid("u2"),
    ]);
    assert_eq!(lines(&roster), ["x = hub:x k:blind", "y = hub:y"]);
    assert_eq!(apart(&roster), ["SAME_SERVER_OTHER_UID hub:x hub:y"]);
    // A bundle with both authorities is what a rotation looks like.
    let roster = united(vec![
        context("k", "old", A).ca(&[1]),
        context("k", "new", A).ca(&[2]),
        context("k", "bundle", A).ca(&[1, 2]),
    ]);
    assert_eq!(roster.entries.len(), 1);
    // Who stands where a known one stands is the known one, by whichever way that is reached besides.
    let roster = united(vec![
        context("k", "direct", A).ca(&[1]).uid("u1"),
        context("k", "front", B).ca(&[2]).uid("u1"),
        context("k", "again", A).ca(&[1]),
    ]);
    assert_eq!(roster.entries.len(), 1);
}

#[test]
fn local_servers_are_the_same_only_with_the_same_authority_or_in_one_file() {
    let local = "https://127.0.0.1:6443";
    for (what, sightings, rows) in [
        ("two files", vec![context("k1", "a", local), context("k2", "b", local)], 2),
        (
            "two files, same authority",
            vec![context("k1", "a", local).ca(&[1]), context("k2", "b", local).ca(&[1])],
            1,
        ),
        ("one file", vec![context("k1", "a", local), context("k1", "b", local)], 1),
        (
            "one file, other authority",
            vec![context("k1", "a", local).ca(&[1]), context("k1", "b", local).ca(&[2])],
            2,
        ),
        (
            "authority in part",
            vec![context("k1", "a", local).ca(&[1, 2]), context("k2", "b", local).ca(&[1])],
            2,
        ),
        (
            "in-cluster of two hubs",
            vec![
                seen(ArgoCd, "argo-1", "in-cluster").server("https://kubernetes.default.svc"),
                seen(ArgoCd, "argo-2", "in-cluster").server("https://kubernetes.default.svc"),
            ],
            2,
        ),
        (
            "same uid all the same",
            vec![context("k1", "a", local).uid("u1"), context("k2", "b", local).uid("u1")],
            1,
        ),
    ] {
        let roster = united(sightings);
        assert_eq!(roster.entries.len(), rows, "{what}");
        assert!(roster.apart.iter().all(|a| a.code == "SAME_NAME"), "{what}: {:?}", apart(&roster));
    }
}

#[test]
fn a_front_tells_clusters_apart_by_its_path_alone() {
    let front = |name: &str, path: &str| {
        seen(Rancher, "rancher", name).server(&format!("https://rancher.test{path}")).ca(&[9]).fronted()
    };
    for (what, sightings, rows) in [
        ("other paths", vec![front("c-1", "/k8s/clusters/c-1"), front("c-2", "/k8s/clusters/c-2")], 2),
        ("no path", vec![front("c-1", ""), front("c-2", "/")], 2),
        (
            "a context over the same front",
            vec![
                front("c-1", "/k8s/clusters/c-1"),
                context("k", "pay", "https://rancher.test/k8s/clusters/c-1/").ca(&[7]),
            ],
            1,
        ),
    ] {
        assert_eq!(united(sightings).entries.len(), rows, "{what}");
    }
}

#[test]
fn a_path_through_a_hub_leaves_the_server_its_own() {
    let via = |s: &mut Sighting| {
        let path = s.path.as_mut().unwrap();
        path.via = Some("rancher".into());
        path.server = Some("https://rancher.test/k8s/clusters/c-1".into());
    };
    let hub = || seen(Rancher, "rancher", "c-1").server(A).ca(&[1]).path().with(via);
    assert_eq!(united(vec![hub(), context("k", "a", A).ca(&[1])]).entries.len(), 1);
    let proxied = || hub().with(|s| s.server = None);
    assert_eq!(united(vec![proxied(), context("k", "a", A).ca(&[1])]).entries.len(), 2);
    let context = context("k", "a", "https://rancher.test/k8s/clusters/c-1").ca(&[9]);
    assert_eq!(united(vec![proxied(), context]).entries.len(), 1, "nor does the hub's authority count");
}

#[test]
fn the_same_cluster_from_every_namespace_is_one() {
    let profile = |ns: &str| seen(ClusterProfile, "hub", &format!("{ns}/a")).uid("u1");
    let roster = united(["ns-1", "ns-2", "ns-3"].map(profile).into());
    assert_eq!(lines(&roster), ["a = hub:ns-1/a hub:ns-2/a hub:ns-3/a"]);
    assert_eq!(roster.entries[0].merges.len(), 2);
}

#[test]
fn a_hub_that_is_a_member_is_one_row_that_hosts_a_source() {
    let roster = united(vec![
        context("k", "hub", A).uid("u1"),
        seen(Rancher, "rancher", "local").uid("u1").with(|s| s.hosts_source = true),
        seen(ArgoCd, "argo", "in-cluster")
            .uid("u1")
            .server("https://kubernetes.default.svc")
            .with(|s| s.hosts_source = true),
    ]);
    assert_eq!(roster.entries.len(), 1);
    assert!(roster.entries[0].hosts_source);
}

#[test]
fn people_decide_but_two_uids_are_two_clusters() {
    let merge = |a: &str, b: &str| Decision::Merge { first: id("k", a), second: id("k", b) };
    let split = |a: &str| Decision::Split { sighting: id("k", a) };
    let three =
        || vec![context("k", "a", A).ca(&[1]), context("k", "b", B).ca(&[2]), context("k", "c", A).ca(&[1])];
    for (decided, rows, told) in [
        (vec![], vec!["a = k:a k:c", "b = k:b"], vec![]),
        (vec![merge("a", "b")], vec!["a = k:a k:b k:c"], vec![]),
        (vec![split("c")], vec!["a = k:a", "b = k:b", "c = k:c"], vec!["SPLIT k:a k:c"]),
        (vec![split("c"), merge("b", "c")], vec!["a = k:a", "b = k:b k:c"], vec!["SPLIT k:a k:c"]),
        (vec![merge("a", "b"), split("b")], vec!["a = k:a k:c", "b = k:b"], vec![]),
        (vec![merge("a", "nobody")], vec!["a = k:a k:c", "b = k:b"], vec![]),
    ] {
        let roster = unite(&all(three()), &HashMap::new(), &decisions(decided.clone()), now());
        assert_eq!(
            (lines(&roster), apart(&roster)),
            (rows.into_iter().map(str::to_owned).collect(), told.into_iter().map(str::to_owned).collect()),
            "{decided:?}"
        );
    }
    let two = all(vec![context("k", "a", A).uid("u1"), context("k", "b", B).uid("u2")]);
    let roster = unite(&two, &HashMap::new(), &decisions(vec![merge("a", "b")]), now());
    assert_eq!(roster.entries.len(), 2);
    assert_eq!(apart(&roster), ["DECISION_OTHER_UID k:a k:b"]);
    let joined = unite(&all(three()), &HashMap::new(), &decisions(vec![merge("a", "b")]), now());
    assert!(joined.entries[0].merges.iter().any(|m| m.by == MergeBy::Decision && m.value.as_str() == "ana"));
}

#[test]
fn a_cluster_declared_by_name_alone_is_the_only_one_of_that_name() {
    let declared = |name: &str| seen(Static, "fleet.yaml", name);
    for (what, sightings, rows) in [
        ("one of that name", vec![declared("a"), context("k", "a", A)], 1),
        ("none", vec![declared("a"), context("k", "b", A)], 2),
        ("two", vec![declared("a"), context("k1", "a", A), context("k2", "a", B)], 3),
        ("declared with a server", vec![declared("a").server(B), context("k", "a", A)], 2),
    ] {
        assert_eq!(united(sightings).entries.len(), rows, "{what}");
    }
}
