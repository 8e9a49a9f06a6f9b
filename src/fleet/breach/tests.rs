//! Each breach, and what is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;

use super::read::{filled, image_name, image_version, is_like, is_of_shape};
use super::*;
use crate::fleet::grammar::range;
use crate::fleet::spec::{
    ClassSpec, FleetFile, FleetSpec, LabelRule, Naming, NetworkPolicyRule, Object, Requirements, ServiceRule,
    VersionRules,
};
use crate::fleet::testing::{class_rules, entry, healthy, healthy_snapshot, now, version_info};
use crate::fleet::{
    Apart, Class, ClassOrigin, Conflict, ErrorCode, Failure, Inspection, NamespacePolicies, PendingClass,
    Protection, SightingId, Signals, Snapshot, SourceKind, SourceRef, SourceState, Sync, Workload,
    guess_class,
};

fn rules(spec: ClassSpec) -> Arc<ClassRules> {
    let at = |line| Origin { path: "/repo/fleet.yaml".into(), line: Some(line), column: None };
    let places = [
        ("spec", 4),
        ("spec.naming.pattern", 5),
        ("spec.requires.services[0]", 9),
        ("spec.requires.services[0].versions", 11),
        ("spec.requires.labels[1]", 14),
    ];
    let object = Object {
        name: "prod".to_owned(),
        labels: BTreeMap::new(),
        origin: at(1),
        places: places.into_iter().map(|(place, line)| (place.to_owned(), at(line))).collect(),
        policy: false,
        spec: spec.clone(),
    };
    Arc::new(ClassRules { object: Arc::new(object), ..class_rules("prod", spec) })
}

fn in_class(spec: ClassSpec) -> Cluster {
    let class = Class {
        name: "prod".into(),
        origin: ClassOrigin::Declared,
        protection: Protection::Typed,
        rules: Some(rules(spec)),
        ..guess_class("prod")
    };
    Cluster { signals: healthy(), ..Cluster::new(entry("prod-eu-1"), class) }
}

fn found(cluster: &Cluster) -> Vec<Finding> {
    breaches(cluster, &Almanac::default(), now())
}

/// `CODE about: message`.
fn lines(cluster: &Cluster) -> Vec<String> {
    let about = |f: &Finding| f.about.as_ref().map(CleanText::to_string).unwrap_or_default();
    found(cluster).iter().map(|f| format!("{} {}: {}", f.code, about(f), f.message)).collect()
}

fn codes(cluster: &Cluster) -> Vec<&'static str> {
    found(cluster).iter().map(|f| f.code).collect()
}

fn workload(namespace: &str, name: &str, images: &[&str]) -> Workload {
    Workload {
        kind: "Deployment".into(),
        namespace: namespace.into(),
        name: name.into(),
        images: images.iter().map(|i| CleanText::new(i)).collect(),
        ready: 1,
        wanted: 1,
    }
}

fn inspected(cluster: &mut Cluster, workloads: Vec<Workload>, policies: Vec<NamespacePolicies>) {
    cluster.signals.inspection = Some(Arc::new(Inspection {
        at: now() - TimeDelta::minutes(3),
        workloads: Ok(workloads),
        policies: Ok(policies),
        budgets: Ok(Vec::new()),
        requested: Ok(Vec::new()),
        stored: Ok(Vec::new()),
        managed: Ok(Vec::new()),
        served: Ok(Vec::new()),
    }));
}

fn forbidden(cluster: &mut Cluster) {
    inspected(cluster, Vec::new(), Vec::new());
    let inspection = Arc::make_mut(cluster.signals.inspection.as_mut().unwrap());
    inspection.workloads = Err(Failure::new(ErrorCode::Http403, "forbidden"));
    inspection.policies = Err(Failure::new(ErrorCode::Http403, "forbidden"));
}

fn version(cluster: &mut Cluster, version: &str) {
    let mut signals = Signals::default();
    signals.absorb(&Snapshot { version: Some(Ok(version_info(version))), ..healthy_snapshot() }, now());
    cluster.signals = signals;
}

#[test]
fn a_cluster_as_it_should_be_has_none() {
    assert_eq!(lines(&in_class(ClassSpec::default())), Vec::<String>::new());
    assert_eq!(unknown_rules(&in_class(ClassSpec::default())), Vec::<&str>::new());
    let guessed = Cluster::new(entry("unknown-1"), guess_class("zzz"));
    assert_eq!(lines(&guessed), Vec::<String>::new(), "without declared classes nothing is missing");
}

#[test]
fn names_are_of_the_class_s_shape() {
    for (pattern, broken) in [
        ("prod-[a-z]+-[0-9]+", false),
        ("prod", true),
        ("stage-.*", true),
        ("(prod|x)-eu-1", false),
        ("(", false),
    ] {
        let spec = ClassSpec { naming: Some(Naming { pattern: pattern.to_owned() }), ..ClassSpec::default() };
        assert_eq!(codes(&in_class(spec)) == ["NAME_PATTERN"], broken, "{pattern}");
    }
    let spec = ClassSpec {
        naming: Some(Naming { pattern: "x".to_owned() }),
        owner: Some("team platform".to_owned()),
        ..ClassSpec::default()
    };
    let mut cluster = in_class(spec);
    let finding = found(&cluster).remove(0);
    assert_eq!(finding.rule.and_then(|o| o.line), Some(5));
    assert_eq!(finding.owner, Some("team platform".into()));
    assert_eq!((finding.weight, finding.class), (Weight::Error, Some("prod".into())));
    cluster.properties = Arc::new([("owner".into(), "team pay".into())].into());
    assert_eq!(
        found(&cluster)[0].owner,
        Some("team pay".into()),
        "the cluster's own declaration counts more"
    );
}

#[test]
fn hosts_are_what_the_class_wants() {
    let spec =
        || ClassSpec { domain: Some("{name}.{region}.k8s.example.com".to_owned()), ..ClassSpec::default() };
    let reached = |servers: &[&str], change: fn(&mut crate::fleet::AccessPath)| {
        let mut cluster = in_class(spec());
        cluster.entry.facts.region = Some("eu".into());
        let first = cluster.entry.paths[0].clone();
        cluster.entry.paths = servers
            .iter()
            .map(|s| {
                let mut path = crate::fleet::AccessPath { server: Some(CleanText::new(s)), ..first.clone() };
                change(&mut path);
                path
            })
            .collect();
        (codes(&cluster).len(), unknown_rules(&cluster) == ["domain"])
    };
    for (servers, breached, unknown) in [
        (vec!["https://prod-eu-1.eu.k8s.example.com:6443"], 0, false),
        (vec!["https://PROD-EU-1.eu.k8s.example.com"], 0, false),
        (vec!["https://10.0.0.9:6443"], 1, false),
        (vec!["https://10.0.0.9:6443", "https://10.0.0.9:443", "https://b.test"], 2, false),
        (vec!["https://127.0.0.1:6443"], 0, true),
        (vec!["https://rancher.test/k8s/clusters/c-1"], 0, true),
        (vec![], 0, true),
    ] {
        assert_eq!(reached(&servers, |_| ()), (breached, unknown), "{servers:?}");
    }
    assert_eq!(reached(&["https://10.0.0.9"], |p| p.via = Some("hub".into())), (0, true));
    assert_eq!(reached(&["https://10.0.0.9"], |p| p.break_glass = true), (0, true));
    let unfilled = in_class(spec());
    assert_eq!((codes(&unfilled), unknown_rules(&unfilled)), (vec![], vec!["domain"]), "no region is known");
}

#[test]
fn versions_are_not_below_the_floor() {
    for (floor, seen, broken) in [
        ("1.35", "v1.34.9", true),
        ("1.35", "v1.35.0", false),
        ("v1.35.4", "v1.35.3", true),
        ("1.35.4", "v1.35.4-eks-1", false),
        ("new", "v1.35.0", false),
    ] {
        let versions = VersionRules { floor: Some(floor.to_owned()), ..VersionRules::default() };
        let mut cluster = in_class(ClassSpec { versions, ..ClassSpec::default() });
        version(&mut cluster, seen);
        let below = found(&cluster).into_iter().find(|f| f.code == "BELOW_FLOOR");
        assert_eq!(below.is_some(), broken, "{floor} {seen}");
        assert!(below.is_none_or(|f| f.seen_at == Some(now())));
        assert_eq!(unknown_rules(&cluster).is_empty(), floor != "new");
    }
    let versions = VersionRules { floor: Some("1.35".to_owned()), ..VersionRules::default() };
    let mut cluster = in_class(ClassSpec { versions, ..ClassSpec::default() });
    cluster.signals = Signals::default();
    assert_eq!(unknown_rules(&cluster), ["versions.floor"]);
    cluster.entry.facts.version = "v1.35.1".parse().ok();
    assert_eq!(unknown_rules(&cluster), Vec::<&str>::new(), "a source says it");
    cluster.entry.facts.version = "v1.34.9".parse().ok();
    assert!(codes(&cluster).contains(&"BELOW_FLOOR"));
}

#[test]
fn the_end_of_support_is_the_provider_s_where_it_says_so() {
    let judged = |accept: Option<bool>, ends_in_days: Option<i64>| {
        let versions = VersionRules { accept_end_of_life: accept, ..VersionRules::default() };
        let mut cluster = in_class(ClassSpec { versions, ..ClassSpec::default() });
        version(&mut cluster, "v1.30.4");
        cluster.entry.facts.support_ends = ends_in_days.map(|d| now() + TimeDelta::days(d));
        found(&cluster).into_iter().map(|f| f.message.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(judged(None, None), ["upstream support of 1.30 ended on 2025-07-15"]);
    assert_eq!(judged(Some(true), None), Vec::<String>::new());
    assert_eq!(judged(None, Some(30)), Vec::<String>::new());
    assert_eq!(
        judged(Some(false), Some(-1)),
        ["the provider's standard support of 1.30 ended on 2026-11-19"]
    );
}

#[test]
fn labels_and_sources_are_there() {
    let label = |key: &str, values: Option<&[&str]>| LabelRule {
        key: key.to_owned(),
        values: values.map(|v| v.iter().map(|v| (*v).to_owned()).collect()),
    };
    let requires = Requirements {
        labels: Some(vec![
            label("team", None),
            label("tier", Some(&["1", "2"])),
            label("env", Some(&["prod"])),
        ]),
        sources: Some(vec!["kubeconfig".to_owned(), "cluster-api".to_owned(), "nonsense".to_owned()]),
        ..Requirements::default()
    };
    let mut cluster = in_class(ClassSpec { requires, ..ClassSpec::default() });
    cluster.entry.labels = Arc::new([("tier".into(), "3".into()), ("env".into(), "prod".into())].into());
    assert_eq!(
        lines(&cluster),
        [
            "LABEL_MISSING label.team: no label team, which class prod wants",
            "LABEL_VALUE label.tier: label tier is 3, and class prod allows 1, 2",
            "SOURCE_MISSING cluster-api: no source of kind cluster-api knows it, which class prod wants",
        ]
    );
    let at: Vec<_> = found(&cluster).iter().map(|f| f.rule.as_ref().and_then(|o| o.line)).collect();
    assert_eq!(at, [Some(4), Some(14), Some(4)], "or else the nearest place around it");
}

#[test]
fn services_are_there_in_the_range() {
    let service = |name: &str, namespace: Option<&str>, versions: Option<&str>| ServiceRule {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        versions: versions.map(str::to_owned),
    };
    let requires = Requirements {
        services: Some(vec![
            service("coredns", None, Some(">=1.11 <1.13")),
            service("ingress-*", Some("ingress"), None),
            service("cert-manager", Some("cert-manager"), Some("1.18")),
        ]),
        ..Requirements::default()
    };
    let class = || in_class(ClassSpec { requires: requires.clone(), ..ClassSpec::default() });
    let mut never = class();
    assert_eq!((codes(&never), unknown_rules(&never)), (vec![], vec!["requires.services"]));
    forbidden(&mut never);
    assert_eq!((codes(&never), unknown_rules(&never)), (vec![], vec!["requires.services"]));

    let mut cluster = class();
    let workloads = vec![
        workload("kube-system", "coredns", &["registry.k8s.io/coredns/coredns:v1.13.1"]),
        workload("default", "ingress-nginx", &[]),
        workload(
            "cert-manager",
            "cert-manager",
            &["quay.io/jetstack/cert-manager-controller@sha256:abc", "quay.io/istio/proxy:1.2.3"],
        ),
    ];
    inspected(&mut cluster, workloads, Vec::new());
    assert_eq!(
        lines(&cluster),
        [
            "SERVICE_MISSING ingress/ingress-*: no workload ingress/ingress-*, which class prod wants",
            "SERVICE_VERSION kube-system/coredns: kube-system/coredns is 1.13.1, and class prod wants >=1.11 <1.13",
            "SERVICE_VERSION cert-manager/cert-manager: the version of cert-manager/cert-manager is not known: no image of it has a version for a tag",
        ]
    );
    let findings = found(&cluster);
    let weights: Vec<_> = findings.iter().map(|f| f.weight).collect();
    assert_eq!(weights, [Weight::Error, Weight::Error, Weight::Note]);
    assert_eq!(findings[1].rule.as_ref().and_then(|o| o.line), Some(11));
    assert_eq!(findings[1].seen_at, Some(now() - TimeDelta::minutes(3)));
    assert_eq!(unknown_rules(&cluster), Vec::<&str>::new());
    // Of more workloads than are read, nobody can say that one is missing.
    inspected(&mut cluster, vec![workload("a", "b", &[]); 5_000], Vec::new());
    assert_eq!((codes(&cluster), unknown_rules(&cluster)), (vec![], vec!["requires.services"]));
}

#[test]
fn namespaces_deny_by_default() {
    let network_policies =
        Some(NetworkPolicyRule { default_deny_in: vec!["pay-*".to_owned(), "shop".to_owned()] });
    let requires = Requirements { network_policies, ..Requirements::default() };
    let mut cluster = in_class(ClassSpec { requires, ..ClassSpec::default() });
    assert_eq!(unknown_rules(&cluster), ["requires.networkPolicies"]);
    let namespace =
        |name: &str, default_deny| NamespacePolicies { namespace: name.into(), count: 1, default_deny };
    let policies = vec![
        namespace("pay-a", false),
        namespace("pay-b", true),
        namespace("pay-c", false),
        namespace("shop", true),
        namespace("default", false),
    ];
    inspected(&mut cluster, Vec::new(), policies);
    assert_eq!(
        lines(&cluster),
        [
            "NETWORK_POLICY pay-*: no policy denies by default in pay-a, pay-c, which class prod wants in pay-*"
        ]
    );
    assert_eq!(unknown_rules(&cluster), Vec::<&str>::new());
}

#[test]
fn classes_that_are_missing_or_wait_are_told() {
    let mut cluster = in_class(ClassSpec::default());
    cluster.class = Class { origin: ClassOrigin::Declared, ..guess_class("zzz") };
    assert_eq!(codes(&cluster), ["UNCLASSIFIED"]);
    let mut cluster = in_class(ClassSpec::default());
    cluster.class.pending = Some(PendingClass {
        to: "dev".into(),
        protection: Protection::Confirm,
        because: "label.env was prod and is dev".into(),
    });
    assert_eq!(
        lines(&cluster),
        [
            "CLASS_WAITS class: it would be of class dev with protection confirm, because label.env was prod and is dev; \
          it stays in prod until somebody accepts that"
        ]
    );
}

fn source(kind: SourceKind, name: &str, gone: bool) -> SourceRef {
    SourceRef {
        kind,
        name: name.into(),
        reference: "a".into(),
        origin: None,
        gone_at: gone.then(|| now() - TimeDelta::days(3)),
    }
}

#[test]
fn what_a_registry_no_longer_knows_leaves_orphans() {
    use SourceKind::{Ansible, ArgoCd, ClusterApi, Eks, Kubeconfig, Ocm};
    for (what, sources, orphan) in [
        ("a context", vec![source(Ocm, "hub", true), source(Kubeconfig, "k", false)], true),
        ("a note", vec![source(ClusterApi, "mgmt", true), source(Ansible, "inv", false)], true),
        ("a membership", vec![source(ClusterApi, "mgmt", true), source(Ocm, "hub", false)], true),
        ("it only left a hub", vec![source(ClusterApi, "mgmt", false), source(Ocm, "hub", true)], false),
        ("it moved", vec![source(ClusterApi, "mgmt", true), source(Eks, "aws", false)], false),
        ("one hub of two", vec![source(Ocm, "hub", true), source(ArgoCd, "argo", false)], false),
        ("no registry ever", vec![source(Kubeconfig, "k", false)], false),
    ] {
        let mut cluster = in_class(ClassSpec::default());
        cluster.entry.sources = sources;
        assert_eq!(codes(&cluster) == ["ORPHAN"], orphan, "{what}: {:?}", lines(&cluster));
    }
    let mut cluster = in_class(ClassSpec::default());
    cluster.entry.sources = vec![source(ClusterApi, "mgmt", true), source(Kubeconfig, "k", false)];
    assert_eq!(lines(&cluster), ["ORPHAN k:a: mgmt has not known it since 3 days ago; what is left is k:a"]);
    cluster.entry.gone_at = Some(now() - TimeDelta::days(3));
    assert_eq!(
        lines(&cluster),
        ["GONE sources: no source has known it since 3 days ago"],
        "and nothing else"
    );
    cluster.entry.gone_at = None;
    cluster.entry.sources = vec![source(Ocm, "hub", false)];
    cluster.entry.facts.ghost = true;
    assert_eq!(codes(&cluster), ["GHOST"]);
}

#[test]
fn contradictions_weigh_by_what_they_are_about() {
    let id = |source: &str| SightingId { source: source.into(), reference: "a".into() };
    for (field, weight, message) in [
        ("uid", Weight::Error, "mgmt:a says that its kube-system UID is x, and its path leads to y"),
        ("label.env", Weight::Warning, "label env is x in mgmt:a and y in k:a"),
        ("label.cattle.io/x", Weight::Note, "label cattle.io/x is x in mgmt:a and y in k:a"),
        ("version", Weight::Note, "its version is x in mgmt:a and y in k:a"),
    ] {
        let mut cluster = in_class(ClassSpec::default());
        let values = vec![(id("mgmt"), "x".into()), (id("other"), "x".into()), (id("k"), "y".into())];
        cluster.entry.conflicts = vec![Conflict { field: field.into(), values }];
        let found = found(&cluster);
        assert_eq!(
            (found.len(), found[0].code, found[0].weight, found[0].message.as_str()),
            (1, "CONFLICT", weight, message)
        );
    }
}

#[test]
fn the_fleet_s_own_breaches_are_of_sources_look_alikes_and_old_tables() {
    let id = |reference: &str| SightingId { source: "k".into(), reference: reference.into() };
    let apart = |code| Apart { code, first: id("a"), second: id("b"), why: "because".into() };
    let sources = [
        SourceState {
            sync: Sync::Failing,
            failing_since: Some(now() - TimeDelta::hours(3)),
            ..SourceState::new(SourceKind::Rancher, "hub-1".into())
        },
        SourceState { sync: Sync::Watching, ..SourceState::new(SourceKind::Ocm, "hub-2".into()) },
    ];
    let alike =
        [apart("SAME_UID_OTHER_NODES"), apart("SAME_NAME"), apart("SPLIT"), apart("SAME_SERVER_OTHER_UID")];
    let told = |book: &ClassBook, at| {
        let findings = fleet_breaches(&sources, &alike, &Almanac::default(), at);
        findings
            .iter()
            .filter(|f| book.heeds(f))
            .map(|f| format!("{} {}", f.code, f.message))
            .collect::<Vec<_>>()
    };
    let all = told(&ClassBook::default(), now());
    assert_eq!(
        all,
        [
            "SAME_SERVER_OTHER_UID k:a and k:b: because",
            "SAME_UID_OTHER_NODES k:a and k:b: because",
            "SOURCE_FAILING rancher source hub-1 cannot be read for 3 hours",
        ]
    );
    let later = told(&ClassBook::default(), now() + TimeDelta::days(400));
    assert!(later.iter().any(|line| line.starts_with("STALE_DATA")), "{later:?}");
    let book = ignoring(&["SOURCE_FAILING", "SAME_UID_OTHER_NODES:x"]);
    assert_eq!(told(&book, now()), all[..2]);
}

fn ignoring(codes: &[&str]) -> ClassBook {
    let origin = Origin { path: "fleet.yaml".into(), line: Some(1), column: None };
    let spec = FleetSpec { ignore: codes.iter().map(|c| (*c).to_owned()).collect(), ..FleetSpec::default() };
    let fleet = Object {
        name: "acme".to_owned(),
        labels: BTreeMap::new(),
        origin,
        places: BTreeMap::new(),
        policy: false,
        spec,
    };
    ClassBook::compile(Arc::new(FleetFile { fleet: Some(fleet), ..FleetFile::default() })).0
}

#[test]
fn what_the_fleet_file_ignores_is_not_heeded() {
    let spec = ClassSpec { naming: Some(Naming { pattern: "x".to_owned() }), ..ClassSpec::default() };
    let finding = found(&in_class(spec)).remove(0);
    for (ignore, heeded) in [
        (&["NAME_PATTERN"] as &[&str], false),
        (&["NAME_PATTERN:prod-eu-1"], false),
        (&["NAME_PATTERN:prod-eu-2", "DOMAIN"], true),
        (&["NAME"], true),
        (&[], true),
    ] {
        assert_eq!(ignoring(ignore).heeds(&finding), heeded, "{ignore:?}");
    }
}

#[test]
fn every_code_is_documented_and_those_of_a_cluster_can_be_reasons() {
    let document = include_str!("../../../docs/thresholds.md");
    for (code, _) in BREACH_CODES {
        assert!(document.contains(code), "{code} is not in docs/thresholds.md");
    }
    for code in crate::fleet::FINDING_CODES {
        assert!(document.contains(code), "{code} is not in docs/thresholds.md");
    }
    let fleet_wide = [
        "SAME_UID_OTHER_NODES",
        "SAME_SERVER_OTHER_AUTHORITY",
        "SAME_SERVER_OTHER_UID",
        "DECISION_OTHER_UID",
        "SOURCE_FAILING",
        "STALE_DATA",
    ];
    for (code, _) in BREACH_CODES.iter().filter(|(code, _)| !fleet_wide.contains(code)) {
        assert!(crate::fleet::FINDING_CODES.contains(code), "{code}");
    }
}

#[test]
fn ranges_hold_for_major_minor_and_patch_of_a_tag() {
    for (wanted, image, expect) in [
        (">=1.11 <1.13", "registry.k8s.io/coredns/coredns:v1.12.0", Some(true)),
        (">=1.11, <1.13", "coredns:1.13.0", Some(false)),
        (">= 1.11 < 1.13", "coredns:1.12.9-eksbuild.2", Some(true)),
        ("<1.13", "coredns:1.13.0-rc.1", Some(false)),
        (">1.12", "coredns:1.12.9", Some(false)),
        ("1.12", "host:5000/coredns:v1.12.3@sha256:abc", Some(true)),
        ("v1.12.3", "coredns:1.12.3", Some(true)),
        ("=1.12.3", "coredns:1.12.4", Some(false)),
        (">=1.28", "app:1.28.5.4_build7", Some(true)),
        (">=3.9", "pause:3.10", Some(true)),
        (">=1", "coredns", None),
        (">=1", "coredns:latest", None),
        (">=1", "coredns:1", None),
        (">=1", "coredns@sha256:abc", None),
        (">=1", "host:5000/coredns", None),
        (">=1", "app:2024.01.02beta", None),
    ] {
        let found = image_version(image).map(|v| range(wanted).unwrap().matches(&v));
        assert_eq!(found, expect, "{wanted} {image}");
    }
    for wrong in ["", "latest", ">=", ">= <", "1.2.3.4", "^"] {
        assert!(range(wrong).is_err(), "{wrong}");
    }
    assert_eq!(image_name("host:5000/a/coredns:v1@sha256:x"), "coredns");
}

#[test]
fn patterns_and_templates_are_read() {
    for (pattern, text, expect) in [
        ("*", "", true),
        ("*", "abc", true),
        ("a*c", "abc", true),
        ("a*c", "abd", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*-nginx-*", "ingress-nginx-controller", true),
        ("*a*b*", "xxaxxbxx", true),
        ("", "", true),
        ("", "a", false),
        ("größe", "größe", true),
    ] {
        assert_eq!(is_like(pattern, text), expect, "{pattern} {text}");
    }
    assert!(!is_like(&"*a".repeat(200), &"b".repeat(2_000)), "and in time");
    assert_eq!(is_of_shape("a|b", "ab"), Some(false));
    assert_eq!(is_of_shape("(", "a"), None);
    for i in 0..200 {
        assert_eq!(is_of_shape(&format!("a{i}"), "a7"), Some(i == 7));
    }
    let mut cluster = in_class(ClassSpec::default());
    cluster.properties = Arc::new([("ring".into(), "r1".into()), ("name".into(), "short".into())].into());
    cluster.entry.labels = Arc::new([("team".into(), "pay".into())].into());
    for (template, expect) in [
        ("{class}.{ring}.x", Some("prod.r1.x")),
        ("{name}", Some("short")),
        ("{label.team}/{property.ring}", Some("pay/r1")),
        ("plain", Some("plain")),
        ("{nothing}", None),
        ("{open", None),
    ] {
        assert_eq!(filled(template, &cluster).as_deref(), expect, "{template}");
    }
}
