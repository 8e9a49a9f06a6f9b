//! A registry as teams have it, and registries that are large or made to be slow.

use std::time::{Duration, Instant};

use super::*;
use SourceKind::{Ansible, ClusterApi, ClusterProfile, Ocm};

/// Two hubs, three kubeconfigs and an inventory: 65 sightings of 40 clusters.
///
/// * clusters 0..16 stand in the first hub with their UID, 10..20 in the second one;
/// * 0..10 have a context in the first kubeconfig, told by UID once it was seen there;
/// * 14..26 in the second, with the server's authority; 24..32 in the third, by server alone;
/// * 31..40 are in the inventory, with their server.
fn registry() -> (Vec<Arc<Sighting>>, HashMap<SightingId, Evidence>) {
    let name = |i: usize| format!("prod-{i}");
    let server = |i: usize| format!("https://api-{i}.test:6443");
    let uid = |i: usize| format!("00000000-0000-4000-8000-{i:012}");
    let authority = |i: usize| [u8::try_from(i).unwrap() + 1];
    let mut sightings = Vec::new();
    for i in 0..16 {
        sightings.push(
            seen(ClusterApi, "mgmt", &format!("clusters/{}", name(i)))
                .uid(&uid(i))
                .server(&server(i))
                .ca(&authority(i)),
        );
    }
    for i in 10..20 {
        sightings.push(
            seen(ClusterProfile, "hub-eu", &format!("fleet/{}", name(i)))
                .uid(&uid(i))
                .server(&server(i))
                .ca(&authority(i)),
        );
    }
    let mut evidence = HashMap::new();
    for i in 0..10 {
        // Reached through a bastion: neither server nor authority is the cluster's own.
        sightings.push(
            context("~/.kube/config", &format!("p{i}"), &format!("https://bastion.test:{}", 7000 + i))
                .ca(&[200]),
        );
        let seen = Evidence {
            uid: CleanText::new(&uid(i)),
            nodes: vec![CleanText::new(&format!("node-{i}"))],
            place: CleanText::default(),
            at: now(),
        };
        evidence.insert(id("~/.kube/config", &format!("p{i}")), seen);
    }
    for i in 14..26 {
        sightings.push(context("~/.kube/team", &format!("team-{i}"), &server(i)).ca(&authority(i)));
    }
    for i in 24..32 {
        sightings.push(context("~/.kube/old", &format!("old-{i}"), &server(i)));
    }
    for i in 31..40 {
        sightings.push(seen(Ansible, "inventory", &name(i)).server(&server(i)));
    }
    (all(sightings), evidence)
}

#[test]
fn two_hubs_three_kubeconfigs_and_an_inventory_are_forty_clusters() {
    let (sightings, evidence) = registry();
    assert_eq!(sightings.len(), 40 + 25);
    let roster = unite(&sightings, &evidence, &Decisions::default(), now());
    assert_eq!(roster.entries.len(), 40, "{:#?}", lines(&roster));
    assert_eq!(roster.entries.iter().map(|e| e.merges.len()).sum::<usize>(), 25);
    assert_eq!(apart(&roster), Vec::<String>::new());
    let links = |key: &str| -> Vec<String> {
        let entry = roster.entries.iter().find(|e| e.key.as_str() == key).unwrap();
        entry
            .merges
            .iter()
            .map(|m| format!("{}+{} by {}", m.first.source, m.second.source, m.by.as_str()))
            .collect()
    };
    assert_eq!(links("prod-3"), ["~/.kube/config+mgmt by uid"]);
    assert_eq!(links("prod-12"), ["mgmt+hub-eu by uid"]);
    assert_eq!(links("prod-15"), ["mgmt+hub-eu by uid", "mgmt+~/.kube/team by server-and-authority"]);
    assert_eq!(links("team-25"), ["~/.kube/old+~/.kube/team by server"]);
    assert_eq!(links("prod-31"), ["inventory+~/.kube/old by server"]);
    let counts: Vec<_> =
        roster.counts.iter().map(|(s, (added, merged))| (s.as_str(), added + merged, *merged)).collect();
    assert_eq!(
        counts,
        [
            ("hub-eu", 10, 6),
            ("inventory", 9, 1),
            ("mgmt", 16, 0),
            ("~/.kube/config", 10, 10),
            ("~/.kube/old", 8, 2),
            ("~/.kube/team", 12, 6),
        ]
    );
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn within(limit: Duration, what: &str, sightings: &[Arc<Sighting>], rows: usize) {
    let start = Instant::now();
    let roster = unite(sightings, &HashMap::new(), &Decisions::default(), now());
    let took = start.elapsed();
    assert_eq!(roster.entries.len(), rows, "{what}");
    assert!(took < limit, "{what} took {took:?}");
}

/// Ten times what it takes in a build without optimisation; quadratic work would take minutes.
const GENEROUS: Duration = Duration::from_secs(20);

#[test]
fn a_large_registry_is_united_in_time_that_grows_with_it() {
    let three = |i: usize| {
        let (name, server) = (format!("c-{i}"), format!("https://api-{i}.test:6443"));
        [
            seen(ClusterApi, "mgmt", &format!("ns/{name}"))
                .uid(&name)
                .server(&server)
                .ca(&[1])
                .labels(&[("env", "prod")]),
            seen(Ocm, "hub", &name).uid(&name).labels(&[("env", "prod"), ("region", "eu")]),
            context("k", &name, &server).ca(&[1]),
        ]
    };
    within(GENEROUS, "10,000 clusters", &all((0..10_000).flat_map(three).collect()), 10_000);
}

#[test]
fn what_all_have_in_common_costs_no_more() {
    let n = 5_000;
    let name = |i: usize| format!("c-{i}");
    let many = |make: &dyn Fn(usize) -> Seen| all((0..n).map(make).collect());
    let one_server = "https://lb.test:6443";
    within(GENEROUS, "one server", &many(&|i| context("k", &name(i), one_server)), 1);
    within(GENEROUS, "one uid", &many(&|i| seen(Ocm, "hub", &name(i)).uid("u")), 1);
    within(
        GENEROUS,
        "one server, a uid each",
        &many(&|i| context("k", &name(i), one_server).uid(&name(i))),
        n,
    );
    within(
        GENEROUS,
        "one name",
        &many(&|i| context(&format!("k{i}"), "admin", &format!("https://c-{i}.test"))),
        n,
    );
    let authority = |i: usize| {
        let mut print = [0; 32];
        print[..8].copy_from_slice(&i.to_le_bytes());
        Fingerprint(print)
    };
    let bundle = |i: usize| {
        context("k", &name(i), one_server).with(|s| s.authorities = vec![authority(i), authority(i + 1)])
    };
    within(GENEROUS, "a chain of bundles", &many(&bundle), 1);
}
