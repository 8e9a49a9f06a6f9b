use std::sync::Arc;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::spec::{ClassSpec, VersionRules};
use super::super::testing::*;
use super::super::{
    Budget, CertificateEnd, ErrorCode, Failure, Inspection, NodeSummary, OldApi, ProviderInsight, Signals,
    UseEvidence, Workload,
};
use super::*;

/// A cluster on `version` whose class wants `target`, inspected with nothing found.
fn on(version: &str, target: &str) -> Cluster {
    let mut c = cluster("prod-1", healthy());
    see_version(&mut c, version);
    rules(&mut c, VersionRules { target: Some(target.to_owned()), ..VersionRules::default() });
    c.signals.inspection = Some(Arc::new(inspection()));
    c
}

fn see_version(c: &mut Cluster, version: &str) {
    c.signals.version.last.as_mut().unwrap().value = version_info(version);
    see_nodes(c, nodes(3, 3, &[(version, 3)]));
}

fn see_nodes(c: &mut Cluster, summary: NodeSummary) {
    c.signals.nodes.last.as_mut().unwrap().value = summary;
}

fn rules(c: &mut Cluster, versions: VersionRules) {
    let spec = ClassSpec { versions, owner: Some("team pay".to_owned()), ..ClassSpec::default() };
    c.class.rules = Some(Arc::new(class_rules("prod", spec)));
}

fn inspection() -> Inspection {
    Inspection {
        at: now() - TimeDelta::minutes(1),
        workloads: Ok(Vec::new()),
        policies: Ok(Vec::new()),
        budgets: Ok(Vec::new()),
        requested: Ok(Vec::new()),
        stored: Ok(Vec::new()),
        managed: Ok(Vec::new()),
        served: Ok(vec!["v1".into(), "apps/v1".into()]),
    }
}

fn inspect(c: &mut Cluster, change: impl FnOnce(&mut Inspection)) {
    let mut seen = inspection();
    change(&mut seen);
    c.signals.inspection = Some(Arc::new(seen));
}

fn old(group: &str, version: &str, resource: &str, evidence: UseEvidence) -> OldApi {
    let (group, version, resource) = (group.into(), version.into(), resource.into());
    OldApi { group, version, resource, removed_in: None, evidence, by: Vec::new() }
}

fn workload(image: &str) -> Workload {
    Workload {
        kind: "Deployment".into(),
        namespace: "kube-system".into(),
        name: "x".into(),
        images: vec![image.into()],
        ready: 1,
        wanted: 1,
    }
}

fn refused() -> Failure {
    Failure::new(ErrorCode::Http403, "may not list")
}

fn look(c: &Cluster) -> Outlook {
    outlook(c, &Almanac::default(), now())
}

/// Effect, code and message of each blocker.
fn told(c: &Cluster) -> Vec<String> {
    look(c).blockers.iter().map(|b| format!("{} {}: {}", b.effect.as_str(), b.code, b.message)).collect()
}

#[test]
fn the_next_step_is_one_minor_and_the_last_one_is_the_target() {
    for (version, target, hops) in [
        ("v1.35.4", "1.35", ""),
        ("v1.35.4", "1.35.4", ""),
        ("v1.35.4+rke2r1", "1.35.3", ""),
        ("v1.36.0", "1.35", ""),
        ("v1.35.4", "1.35.6", "v1.35.6"),
        ("v1.35.4", "1.36", "v1.36.0"),
        ("v1.35.4", "1.36.2", "v1.36.2"),
        ("v1.33.9-eks-1", "1.36.2", "v1.34.0 v1.35.0 v1.36.2"),
        ("v1.33.9", "1.36", "v1.34.0 v1.35.0 v1.36.0"),
        // Not a version: as if there were no target.
        ("v1.35.4", "newest", "v1.36.0 v1.37.0"),
    ] {
        let outlook = look(&on(version, target));
        let got: Vec<String> = outlook.hops.iter().map(ToString::to_string).collect();
        assert_eq!(got.join(" "), hops, "{version} -> {target}");
        assert_eq!(outlook.next.as_ref(), outlook.hops.first());
        if hops.is_empty() {
            assert_eq!(
                (outlook.blockers, outlook.kubelets_first),
                (Vec::new(), false),
                "{version} -> {target}"
            );
        }
    }
}

#[test]
fn without_a_target_the_newest_supported_release_is_it() {
    let mut c = cluster("a", healthy());
    assert_eq!(look(&c).hops.iter().map(|h| h.line.minor).collect::<Vec<_>>(), [36, 37]);
    see_version(&mut c, "v1.35.4-eks-1a2b3c4");
    assert_eq!(look(&c).hops.iter().map(|h| h.line.minor).collect::<Vec<_>>(), [36]);
    see_version(&mut c, "v1.37.1");
    let outlook = look(&c);
    assert_eq!((outlook.next, outlook.blockers), (None, Vec::new()));
}

#[test]
fn where_it_cannot_go_is_unknown_and_not_up_to_date() {
    for (target, says) in [("2.1", "another major release"), ("1.350", "more than 32 releases after")] {
        let outlook = look(&on("v1.35.4", target));
        assert_eq!((outlook.next, outlook.hops), (None, Vec::new()), "{target}");
        let [blocker] = &outlook.blockers[..] else { panic!("{target}") };
        assert_eq!((blocker.code, blocker.effect), ("NO_TARGET", Effect::Unknown));
        assert!(blocker.message.as_str().contains(says), "{}", blocker.message);
    }
    let outlook = outlook(&cluster("a", healthy()), &Almanac::default(), now() + TimeDelta::days(9000));
    assert_eq!(outlook.blockers.iter().map(|b| b.code).collect::<Vec<_>>(), ["NO_TARGET"]);
}

#[test]
fn a_cluster_that_nobody_can_see_is_told_so() {
    let unseen = cluster("a", Signals::default());
    assert_eq!(
        told(&unseen),
        ["unknown UNREACHABLE: its version is not known: it has not been contacted yet"]
    );

    let mut hub_only = unseen.clone();
    hub_only.entry.paths.clear();
    assert_eq!(
        told(&hub_only),
        ["unknown UNREACHABLE: its version is not known: no access path leads to it"]
    );
    hub_only.entry.facts.version = "v1.36.1".parse().ok();
    assert_eq!(look(&hub_only).next, "v1.37.0".parse().ok());
    assert_eq!(
        told(&hub_only),
        [
            "unknown NOT_INSPECTED: nobody has looked for old APIs, disruption budgets and add-ons",
            "unknown UNREACHABLE: what is in the way now cannot be seen: no access path leads to it",
        ]
    );

    let mut lost = on("v1.35.4", "1.36");
    lost.signals.unreachable = Some(Failure::new(ErrorCode::Tcp, "connection refused"));
    assert_eq!(
        told(&lost),
        ["unknown UNREACHABLE: what is in the way now cannot be seen: TCP connection refused"]
    );

    let mut gone = on("v1.35.4", "1.36");
    gone.entry.gone_at = Some(now());
    assert_eq!(told(&gone), ["blocks GONE: no source has known it since 2026-11-20"]);
    assert_eq!(look(&gone).next, None);
}

#[test]
fn old_kubelets_go_first() {
    let too_old = |on: &str| format!("blocks KUBELET_SKEW: kubelets are too old for 1.36: {on}");
    for (kubelets, expect) in [
        (&[("v1.35.4", 3)][..], vec![]),
        (&[("v1.33.0", 3)], vec![]),
        (&[("v1.32.9", 2), ("v1.35.4", 1)], vec![too_old("v1.32.9 on 2")]),
        (
            &[("v1.24.0", 1), ("v1.30.0", 1), ("v1.31.0", 1), ("v1.32.0", 1)],
            vec![too_old("v1.24.0 on 1, v1.30.0 on 1, v1.31.0 on 1 and 1 more")],
        ),
        (
            &[("v1.37.0", 2)],
            vec!["warns KUBELET_SKEW: kubelets are newer than v1.36.0: v1.37.0 on 2".to_owned()],
        ),
    ] {
        let mut c = on("v1.35.4", "1.36");
        see_nodes(&mut c, nodes(3, 3, kubelets));
        assert_eq!(told(&c), expect, "{kubelets:?}");
        assert_eq!(look(&c).kubelets_first, expect.iter().any(|b| b.starts_with("blocks")), "{kubelets:?}");
    }
    // Two minors only for those before 1.25.
    for (kubelet, blocked) in [("v1.25.0", false), ("v1.24.17", true)] {
        let mut c = on("v1.26.0", "1.27");
        see_nodes(&mut c, nodes(1, 1, &[(kubelet, 1)]));
        assert_eq!(look(&c).kubelets_first, blocked, "{kubelet}");
    }
}

#[test]
fn nodes_that_are_not_seen_or_not_ready_are_told() {
    let mut c = on("v1.35.4", "1.36");
    c.signals.nodes.last = None;
    c.signals.nodes.trouble = Some(refused());
    assert_eq!(
        told(&c),
        ["unknown KUBELET_SKEW: how old its kubelets are is not known: HTTP403 may not list"]
    );

    let mut c = on("v1.35.4", "1.36");
    see_nodes(&mut c, NodeSummary { truncated: true, ..nodes(2, 5, &[("v1.35.4", 5)]) });
    assert_eq!(
        told(&c),
        [
            "warns NODES_NOT_READY: 3 of 5 nodes are not Ready: node-0, node-1, node-2",
            "unknown KUBELET_SKEW: how old all of its kubelets are is not known, only some were listed",
        ]
    );
    see_nodes(&mut c, NodeSummary { cordoned: 3, cordoned_not_ready: 3, ..nodes(2, 5, &[("v1.35.4", 5)]) });
    assert!(told(&c).is_empty());
    see_nodes(&mut c, NodeSummary::default());
    assert!(told(&c).is_empty());
}

#[test]
fn an_api_in_use_blocks_and_one_only_served_warns() {
    const PDB: &str = "poddisruptionbudgets of policy/v1beta1 are gone in 1.25 and in use: ";
    let mut c = on("v1.24.17", "1.25");
    // What the server itself counted, and the same by its kind in managedFields.
    inspect(&mut c, |i| {
        i.requested = Ok(vec![OldApi {
            removed_in: "1.25".parse().ok(),
            ..old("policy", "v1beta1", "poddisruptionbudgets", UseEvidence::Requested)
        }]);
        i.managed = Ok(vec![OldApi {
            by: vec!["helm".into(), "argocd".into()],
            ..old("policy", "v1beta1", "PodDisruptionBudget", UseEvidence::ManagedFields)
        }]);
        i.served = Ok(vec!["policy/v1beta1".into(), "batch/v1beta1".into()]);
    });
    assert_eq!(
        told(&c),
        [
            &format!(
                "blocks REMOVED_API: {PDB}requests were counted since the server started, objects name it as written; argocd, helm"
            ),
            "warns REMOVED_API: cronjobs of batch/v1beta1 are gone in 1.25; nobody is known to use them",
            "warns REMOVED_API: evictions, podsecuritypolicies of policy/v1beta1 are gone in 1.25; nobody is known to use them",
            "warns END_OF_LIFE: support of 1.24 ended before 2024-10-22",
        ]
    );
    let blocker = &look(&c).blockers[0];
    assert_eq!(blocker.hint.as_ref().unwrap().as_str(), "Move whoever uses them to policy/v1.");
    assert_eq!(blocker.owner, Some("team pay".into()));
    assert_eq!(blocker.seen_at, Some(now() - TimeDelta::minutes(1)));

    // The same cluster one release earlier: nothing is removed in between.
    let mut c = on("v1.23.17", "1.24");
    inspect(&mut c, |i| {
        i.requested = Ok(vec![old("policy", "v1beta1", "poddisruptionbudgets", UseEvidence::Requested)]);
        i.served = Ok(vec!["policy/v1beta1".into()]);
    });
    assert_eq!(told(&c), ["warns END_OF_LIFE: support of 1.23 ended before 2024-10-22"]);
}

#[test]
fn stored_versions_and_removals_that_only_the_server_knows_count() {
    let mut c = on("v1.35.4", "1.36");
    inspect(&mut c, |i| {
        i.stored = Ok(vec![old("example.com", "v1alpha1", "widgets", UseEvidence::StoredVersion)]);
        i.requested = Ok(vec![
            OldApi {
                removed_in: "1.36".parse().ok(),
                ..old("x.k8s.io", "v1beta1", "ys", UseEvidence::Requested)
            },
            OldApi {
                removed_in: "1.38".parse().ok(),
                ..old("x.k8s.io", "v1beta2", "ys", UseEvidence::Requested)
            },
            // Deprecated, and never to be removed.
            old("", "v1", "endpoints", UseEvidence::Requested),
        ]);
    });
    assert_eq!(
        told(&c),
        [
            "blocks REMOVED_API: ys of x.k8s.io/v1beta1 are gone in 1.36 and in use: requests were counted since the server started",
            "warns REMOVED_API: objects of widgets are stored as example.com/v1alpha1, which is no longer served",
        ]
    );
}

#[test]
fn what_could_not_be_read_is_unknown_only_where_something_could_be_there() {
    // 1.37 removes APIs, 1.36 removes none.
    for (version, target, served, expect) in [
        ("v1.35.4", "1.36", Ok(vec![]), 0),
        ("v1.36.1", "1.37", Ok(vec![]), 0),
        ("v1.36.1", "1.37", Ok(vec!["networking.k8s.io/v1beta1".into()]), 2),
        ("v1.36.1", "1.37", Err(refused()), 3),
        ("v1.36.1", "1.36.2", Err(refused()), 0),
        // Nothing is known of what 1.38 removes.
        ("v1.37.0", "1.38", Ok(vec![]), 3),
    ] {
        let mut c = on(version, target);
        inspect(&mut c, |i| {
            i.requested = Err(refused());
            i.managed = Err(refused());
            i.served = served.clone();
        });
        let unknown = look(&c)
            .blockers
            .iter()
            .filter(|b| b.effect == Effect::Unknown && b.code == "REMOVED_API")
            .count();
        assert_eq!(unknown, expect, "{version} -> {target} {served:?}: {:?}", told(&c));
    }
}

#[test]
fn budgets_warn_by_name() {
    let mut c = on("v1.35.4", "1.36");
    let budget = |name: &str| Budget {
        namespace: "pay".into(),
        name: name.into(),
        healthy: 1,
        desired: 1,
        expected: 1,
    };
    inspect(&mut c, |i| i.budgets = Ok(vec![budget("a")]));
    assert_eq!(told(&c), ["warns DISRUPTION_BUDGET: 1 disruption budget allows no disruption now: pay/a"]);
    inspect(&mut c, |i| i.budgets = Ok(["a", "b", "c", "d", "e"].map(budget).into()));
    assert_eq!(
        told(&c),
        [
            "warns DISRUPTION_BUDGET: 5 disruption budgets allow no disruption now: pay/a, pay/b, pay/c and 2 more"
        ]
    );
    inspect(&mut c, |i| i.budgets = Err(refused()));
    assert_eq!(
        told(&c),
        ["unknown DISRUPTION_BUDGET: disruption budgets could not be read: HTTP403 may not list"]
    );
}

#[test]
fn add_ons_are_held_against_what_their_projects_say() {
    for (image, expect) in [
        (
            "registry.k8s.io/ingress-nginx/controller:v1.15.1",
            "warns ADDON: ingress-nginx v1.15.1 is tested on 1.31 to 1.35, not on 1.36",
        ),
        ("registry.k8s.io/kube-proxy:v1.35.4", ""),
        ("registry.k8s.io/kube-proxy:v1.32.0", "blocks ADDON: kube-proxy v1.32.0 is too old for 1.36"),
        ("registry.k8s.io/kube-proxy:v1.37.0", "warns ADDON: kube-proxy v1.37.0 is newer than 1.36"),
        // What is only quoted by others does not block.
        (
            "quay.io/jetstack/cert-manager-controller:v1.20.0",
            "warns ADDON: cert-manager v1.20.0 is supported on 1.32 to 1.35, not on 1.36",
        ),
        (
            "quay.io/jetstack/cert-manager-controller:v1.17.0",
            "blocks ADDON: cert-manager v1.17.0 is supported on 1.29 to 1.32, not on 1.36",
        ),
        ("quay.io/jetstack/cert-manager-controller:v1.21.2", ""),
        (
            "quay.io/cilium/cilium:v1.99.0",
            "unknown ADDON: whether cilium v1.99.0 goes with 1.36 is not known",
        ),
        (
            "quay.io/cilium/cilium:latest",
            "unknown ADDON: the version of cilium cannot be told from its image",
        ),
        ("registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.0", ""),
        (
            "registry.k8s.io/autoscaling/cluster-autoscaler:v1.30.0",
            "warns ADDON: cluster-autoscaler v1.30.0 belongs to 1.30, neither to 1.35 nor to 1.36",
        ),
        ("example.com/pay/api:v1.0.0", ""),
    ] {
        let mut c = on("v1.35.4", "1.36");
        inspect(&mut c, |i| i.workloads = Ok(vec![workload(image), workload(image)]));
        assert_eq!(told(&c).join("\n"), expect, "{image}");
        // A patch changes nothing for add-ons.
        let mut c = on("v1.35.4", "1.35.5");
        inspect(&mut c, |i| i.workloads = Ok(vec![workload(image)]));
        assert!(told(&c).is_empty(), "{image}");
    }
}

#[test]
fn what_kubeadm_installs_says_nothing_of_other_distributions() {
    let image = "mirror/coredns/coredns:v1.11.3";
    for (version, expect) in [
        ("v1.33.4", "warns ADDON: coredns v1.11.3 is older than v1.12.0, which kubeadm installs with 1.33"),
        ("v1.33.4+rke2r1", ""),
        ("v1.33.4-eks-1", ""),
    ] {
        let mut c = on(version, "1.34");
        inspect(&mut c, |i| i.workloads = Ok(vec![workload(image)]));
        let addons: Vec<String> = told(&c).into_iter().filter(|b| b.contains("ADDON")).collect();
        assert_eq!(addons.join("\n"), expect, "{version}");
    }
}

#[test]
fn certificates_managers_and_providers_have_their_say() {
    let mut c = on("v1.35.4-eks-1", "1.36");
    c.signals.serving_cert.as_mut().unwrap().value = cert(TimeDelta::days(29));
    c.entry.facts.paused = true;
    c.entry.facts.certificates = vec![
        CertificateEnd { name: "etcd".into(), at: now() - TimeDelta::days(2) },
        CertificateEnd { name: "ca".into(), at: now() + TimeDelta::days(900) },
    ];
    c.entry.facts.insights = vec![
        ProviderInsight { code: "UPGRADE".into(), blocks: true, message: "kubelet version skew".into() },
        ProviderInsight { code: "NOTE".into(), blocks: false, message: "add-on is old".into() },
    ];
    assert_eq!(
        told(&c),
        [
            "blocks PAUSED: its manager has been told to leave it alone",
            "blocks PROVIDER: UPGRADE: kubelet version skew",
            "blocks CERTIFICATE: the certificate of etcd ended on 2026-11-18",
            "warns PROVIDER: NOTE: add-on is old",
            "warns CERTIFICATE: the certificate of kube-apiserver ends on 2026-12-19",
        ]
    );
    let owners: Vec<String> =
        look(&c).blockers.iter().map(|b| b.owner.clone().unwrap().to_string()).collect();
    assert_eq!(owners, ["team pay", "eks", "team pay", "eks", "team pay"]);
    assert!(look(&c).is_blocked());

    // The certificate that is seen through a hub is the hub's.
    c.entry.paths[0].via = Some("hub".into());
    assert!(!told(&c).iter().any(|b| b.contains("kube-apiserver")));
}

#[test]
fn the_clusters_own_owner_comes_before_its_classs() {
    let mut c = on("v1.32.4", "1.36");
    c.properties = Arc::new([("owner".into(), "team shop".into())].into());
    assert!(look(&c).blockers.iter().all(|b| b.owner == Some("team shop".into())));
    assert!(!look(&c).blockers.is_empty());
}

#[test]
fn reasons_to_hurry_are_warnings() {
    let mut c = on("v1.33.4", "1.35");
    rules(
        &mut c,
        VersionRules {
            floor: Some("1.34".to_owned()),
            target: Some("1.35".to_owned()),
            ..VersionRules::default()
        },
    );
    assert_eq!(
        told(&c),
        [
            "warns FLOOR: v1.33.4 is below the floor 1.34 of class prod",
            "warns END_OF_LIFE: support of 1.33 ended on 2026-06-28, 145 days ago",
        ]
    );
    assert!(!look(&c).is_blocked());
}

#[test]
fn it_must_have_happened_by_the_end_of_support() {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    assert_eq!(look(&on("v1.35.4", "1.36")).by, day("2027-02-28"));
    assert_eq!(look(&on("v1.35.4-eks-1", "1.36")).by, day("2027-03-27"));
    // Also where it is in its place already.
    assert_eq!(look(&on("v1.35.4", "1.35")).by, day("2027-02-28"));
    let mut said = on("v1.35.4-eks-1", "1.36");
    said.entry.facts.support_ends = "2027-01-31T00:00:00Z".parse().ok();
    assert_eq!(look(&said).by, day("2027-01-31"));
    assert_eq!(look(&on("v1.99.0", "1.99")).by, None);
}

#[test]
fn every_code_is_a_known_one() {
    let mut c = on("v1.24.0", "1.25");
    c.entry.facts.paused = true;
    inspect(&mut c, |i| {
        i.budgets = Err(refused());
        i.workloads = Err(refused());
        i.served = Err(refused());
    });
    see_nodes(&mut c, nodes(1, 3, &[("v1.10.0", 3)]));
    c.signals.unreachable = Some(refused());
    let outlook = look(&c);
    assert!(outlook.blockers.len() >= 7, "{:?}", told(&c));
    assert!(outlook.blockers.iter().all(|b| BLOCKER_CODES.contains(&b.code)));
    assert!(outlook.blockers.windows(2).all(|w| w[0].effect <= w[1].effect));
}

proptest! {
    #[test]
    fn steps_go_up_by_one_and_end_in_the_target(
        (minor, patch) in (1_u16..60, 0_u16..20),
        (to, to_patch) in (1_u16..60, prop::option::of(0_u16..20)),
        kubelet in 1_u16..60,
        inspected in any::<bool>(),
    ) {
        let target = to_patch.map_or(format!("1.{to}"), |p| format!("1.{to}.{p}"));
        let mut c = on(&format!("v1.{minor}.{patch}"), &target);
        see_nodes(&mut c, nodes(2, 2, &[(&format!("v1.{kubelet}.3"), 2)]));
        if !inspected {
            c.signals.inspection = None;
        }
        let from = c.version().unwrap().clone();
        let outlook = look(&c);
        prop_assert_eq!(outlook.next.as_ref(), outlook.hops.first());
        let mut at = from.clone();
        for hop in &outlook.hops {
            prop_assert!(*hop > at, "{} after {}", hop, at);
            prop_assert!(hop.line.minor - at.line.minor <= 1, "{} after {}", hop, at);
            at = hop.clone();
        }
        match outlook.hops.last() {
            Some(last) => {
                prop_assert_eq!((last.line.minor, last.patch), (to, to_patch.unwrap_or(0)));
                prop_assert_eq!(outlook.kubelets_first, {
                    let next = outlook.next.as_ref().unwrap();
                    let allowed = if kubelet < 25 { 2 } else { 3 };
                    kubelet + allowed < next.line.minor
                });
            }
            None if outlook.blockers.is_empty() => {
                prop_assert!((to, to_patch.unwrap_or(patch)) <= (minor, patch));
            }
            None => prop_assert!(to > minor + 32, "{:?}", outlook.blockers),
        }
        prop_assert!(outlook.blockers.iter().all(|b| BLOCKER_CODES.contains(&b.code)));
        prop_assert!(outlook.blockers.windows(2).all(|w| w[0].effect <= w[1].effect));
    }
}

#[test]
fn the_document_names_every_code() {
    let document = include_str!("../../../docs/reference/data.md");
    let table = document.split("## What is in the way").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(' ').map(|(code, _)| code))
        .filter(|code| *code != "code")
        .collect();
    assert_eq!(rows, BLOCKER_CODES);
}
