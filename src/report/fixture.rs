//! A small fleet for tests, with one cluster of every kind of trouble.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::fleet::spec::{
    ClassSpec, Contact, FleetFile, FleetSpec, LabelRule, Links, Object, Requirements, ServiceRule,
    VersionRules, Window,
};
use crate::fleet::{
    AccessPath, Apart, Attempts, Blocker, CertDates, CertificateEnd, Class, ClassBook, ClassOrigin,
    ClassRules, CleanText, Cluster, ClusterKey, Conflict, Decision, Decisions, Effect, Entry, ErrorCode,
    Facts, Failure, Finding, Fleet, Health, Identity, MergeBy, MergeLink, Method, NodeSummary, Observed,
    Origin, Outlook, Parameter, PendingClass, Phase, Problem, Protection, Provenance, ProviderInsight,
    Readiness, Reason, Recorded, Severity, SightingId, Signals, SourceKind, SourceRef, SourceState, State,
    Sync, Truth, Verdict, VersionInfo, Weight,
};

/// 2026-11-20T09:02:20Z.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_165_340, 0).unwrap()
}

fn ago(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn class(name: &str) -> Class {
    let (order, protection) = match name {
        "prod" => (0, Protection::Locked),
        "stage" => (1, Protection::Confirm),
        "dev" => (2, Protection::None),
        _ => (9, Protection::Locked),
    };
    Class {
        name: name.into(),
        order,
        origin: ClassOrigin::Guessed,
        rule: name.into(),
        rule_at: None,
        protection,
        pending: None,
        rules: None,
    }
}

fn entry(name: &str, line: u32) -> Entry {
    let labels: BTreeMap<CleanText, CleanText> = [("team".into(), "pay".into())].into();
    Entry {
        sources: vec![SourceRef {
            kind: SourceKind::Kubeconfig,
            name: "/home/ana/.kube/config".into(),
            reference: name.into(),
            origin: Some(Origin { path: "/home/ana/.kube/config".into(), line: Some(line), column: Some(3) }),
            gone_at: None,
        }],
        paths: vec![AccessPath {
            server: Some(CleanText::new(&format!("https://{name}.example:6443"))),
            insecure: false,
            proxy: None,
            impersonates: None,
            expires_at: Some(now() + TimeDelta::hours(7) + TimeDelta::minutes(12)),
            ..AccessPath::new("ana@corp".into(), Method::ClientCertificate)
        }],
        labels: Arc::new(labels),
        ..Entry::new(ClusterKey::new(&CleanText::new(name)), CleanText::new(name))
    }
}

fn seen(version: &str, age: i64, ready: usize, total: usize) -> Signals {
    let at = ago(age);
    let mut signals = Signals::default();
    let info = VersionInfo {
        version: version.parse().ok(),
        text: version.into(),
        platform: Some("linux/amd64".into()),
    };
    signals.version.take(Ok(info), at);
    signals.ready.take(Ok(Readiness { ready: true, failed: Vec::new(), total: 31 }), at);
    signals.identity.take(Ok("9f1c6c1e-0000-4000-8000-0000000077aa".into()), at);
    let nodes = NodeSummary {
        total,
        ready,
        cordoned: 0,
        cordoned_not_ready: 0,
        not_ready: (ready..total).map(|n| CleanText::new(&format!("node-{n}"))).collect(),
        kubelets: vec![("v1.34.8".parse().unwrap(), 2), (version.parse().unwrap(), total - 2)],
        region: Some("us-east-1".into()),
        provider: Some("eks".into()),
        ..NodeSummary::default()
    };
    signals.nodes.take(Ok(nodes), at);
    signals.latency = Some(Observed { value: Duration::from_millis(38), at });
    let dates = |days| CertDates {
        not_before: ago(86_400),
        not_after: now() + TimeDelta::days(days),
        subject: "CN=kube-apiserver".into(),
    };
    signals.serving_cert = Some(Observed { value: dates(61), at });
    signals.attempts = Attempts {
        phase: Phase::Idle,
        phase_since: Some(at),
        failed_in_a_row: 0,
        failing_since: None,
        last_failure: None,
        next_at: Some(now() + TimeDelta::seconds(56)),
        last_success: Some(at),
    };
    signals
}

fn lost(mut signals: Signals, failure: Failure) -> Signals {
    signals.unreachable = Some(failure);
    signals.attempts.phase = Phase::BackingOff;
    signals.attempts.failed_in_a_row = 41;
    signals.attempts.failing_since = signals.attempts.last_success;
    signals.attempts.next_at = Some(now() + TimeDelta::seconds(48));
    signals
}

fn cluster(
    entry: Entry,
    class_name: &str,
    signals: Signals,
    state: State,
    reasons: Vec<Reason>,
) -> Arc<Cluster> {
    Arc::new(Cluster {
        signals,
        verdict: Verdict { state, reasons },
        ..Cluster::new(entry, class(class_name))
    })
}

fn reason(code: &'static str, severity: State, message: &str, about: Option<&'static str>) -> Reason {
    Reason { code, severity, message: message.into(), since: Some(ago(360)), about }
}

/// Six clusters: fine, warning, refused, down, not contacted, unusable.
pub(crate) fn fleet() -> Fleet {
    let refused =
        Failure::new(ErrorCode::Http401, "the server does not accept the credential").hint("Sign in again.");
    let timeout = Failure::new(ErrorCode::Tcp, "timeout 10.8.0.9:6443");
    let broken = Problem {
        severity: Severity::Error,
        code: "BAD_SERVER",
        origin: Some(Origin { path: "/home/ana/.kube/config".into(), line: Some(44), column: Some(13) }),
        subject: "dev-broken".into(),
        message: "server is not a URL".into(),
        hint: Some("Write it as https://HOST:PORT.".into()),
    };
    let mut unusable = entry("dev-broken", 40);
    unusable.problems = vec![broken];
    unusable.paths.clear();
    let clusters: Vec<Arc<Cluster>> = vec![
        cluster(
            entry("prod-ap-south-1", 10),
            "prod",
            lost(seen("v1.35.4", 2_520, 38, 38), refused),
            State::Auth,
            vec![reason("HTTP401", State::Auth, "the server does not accept the credential", None)],
        ),
        cluster(
            entry("prod-eu-west-3", 14),
            "prod",
            seen("v1.35.4", 4, 41, 44),
            State::Warn,
            vec![reason("NODES_NOT_READY", State::Warn, "3 nodes NotReady", Some("nodes"))],
        ),
        cluster(entry("prod-us-east-1", 18), "prod", seen("v1.36.1", 3, 120, 120), State::Ok, vec![]),
        cluster(
            entry("stage-eu-2", 22),
            "stage",
            lost(Signals::default(), timeout),
            State::Down,
            vec![reason("TCP", State::Down, "timeout 10.8.0.9:6443", None)],
        ),
        cluster(
            unusable,
            "dev",
            Signals::default(),
            State::Down,
            vec![reason("CONFIG", State::Down, "server is not a URL", None)],
        ),
        cluster(entry("dev-web-1", 30), "dev", Signals::default(), State::New, vec![]),
    ];
    Fleet {
        generation: 7,
        clusters: clusters.into(),
        sources: vec![SourceState {
            entries: 6,
            added: 6,
            synced_at: Some(ago(60)),
            sync: Sync::Watching,
            how: "watching the file".into(),
            ..SourceState::new(SourceKind::Kubeconfig, "/home/ana/.kube/config".into())
        }],
        loaded: true,
        ..Fleet::default()
    }
}

/// A place in the machine's fleet file.
fn rule(line: u32) -> Origin {
    Origin { path: "/etc/fleetglass/fleet.yaml".into(), line: Some(line), column: Some(10) }
}

fn rules() -> Arc<ClassRules> {
    let spec = ClassSpec {
        matches: Some("label.env=prod | name~^prod-".into()),
        owner: Some("team platform".into()),
        tenants: Some(vec!["shop".into()]),
        on_call: Some(Contact {
            name: "rota platform".into(),
            url: Some("https://oncall.example/platform".into()),
        }),
        links: Links { runbook: Some("https://wiki.example/{name}".into()), dashboard: None },
        versions: VersionRules {
            floor: Some("1.36".into()),
            target: Some("1.37".into()),
            accept_end_of_life: None,
        },
        windows: Some(vec![Window { cron: "0 2 * * 6".into(), duration: "4h".into(), time_zone: None }]),
        requires: Requirements {
            services: Some(vec![ServiceRule {
                name: "coredns".into(),
                namespace: None,
                versions: Some(">=1.11".into()),
            }]),
            labels: Some(vec![LabelRule {
                key: "team".into(),
                values: Some(vec!["pay".into(), "shop".into()]),
            }]),
            ..Requirements::default()
        },
        ..ClassSpec::default()
    };
    let object = Object {
        name: "prod".to_owned(),
        labels: BTreeMap::new(),
        origin: rule(10),
        places: [("spec.match".to_owned(), rule(14))].into(),
        policy: true,
        spec: spec.clone(),
    };
    Arc::new(ClassRules {
        name: "prod".into(),
        inherits: Vec::new(),
        spec,
        object: Arc::new(object),
        hours: Arc::default(),
    })
}

fn finding(code: &'static str, weight: Weight, cluster: Option<&str>, line: Option<u32>) -> Finding {
    Finding {
        code,
        weight,
        cluster: cluster.map(|name| ClusterKey::new(&name.into())),
        class: cluster.map(|_| "prod".into()),
        owner: None,
        about: Some("label.tier".into()),
        message: "what is wrong".into(),
        hint: Some("Do something.".into()),
        rule: line.map(rule),
        seen_at: cluster.map(|_| ago(4)),
    }
}

fn blocker(code: &'static str, effect: Effect) -> Blocker {
    Blocker {
        code,
        effect,
        message: "calico v3.27 is not for 1.36".into(),
        hint: Some("Upgrade it first.".into()),
        owner: Some("team eu".into()),
        seen_at: Some(ago(60)),
    }
}

fn hub(reference: &str) -> SightingId {
    SightingId { source: "hub-eu".into(), reference: reference.into() }
}

fn file(reference: &str) -> SightingId {
    SightingId { source: "/home/ana/.kube/config".into(), reference: reference.into() }
}

/// The same fleet with a class that a fleet file declares, a hub, findings, look-alikes and next upgrades.
pub(crate) fn declared() -> Fleet {
    let mut fleet = fleet();
    let rules = rules();
    let mut clusters: Vec<Cluster> = fleet.clusters.iter().map(|c| c.as_ref().clone()).collect();
    for cluster in clusters.iter_mut().filter(|c| c.class.name.as_str() == "prod") {
        cluster.class.origin = ClassOrigin::Declared;
        cluster.class.rule = "label.env=prod | name~^prod-".into();
        cluster.class.rule_at = Some(rule(14));
        cluster.class.rules = Some(Arc::clone(&rules));
    }
    let behind = &mut clusters[1];
    behind.properties =
        Arc::new([("owner".into(), "team eu".into()), ("tenant".into(), "pay".into())].into());
    behind.findings = Arc::new([
        finding("BELOW_FLOOR", Weight::Error, Some("prod-eu-west-3"), Some(22)),
        finding("LABEL_MISSING", Weight::Warning, Some("prod-eu-west-3"), Some(31)),
    ]);
    behind.outlook = Some(Arc::new(Outlook {
        next: "v1.36.0".parse().ok(),
        hops: ["v1.36.0", "v1.37.0"].iter().filter_map(|v| v.parse().ok()).collect(),
        kubelets_first: false,
        blockers: vec![blocker("ADDON", Effect::Blocks), blocker("NOT_INSPECTED", Effect::Unknown)],
        by: Some((now() + TimeDelta::days(100)).date_naive()),
    }));
    let merged = &mut clusters[2];
    let sighting = "fleet-system/us-east-1";
    merged.entry.uid = Some("9f1c6c1e-0000-4000-8000-0000000077aa".into());
    merged.entry.sources.insert(
        0,
        SourceRef {
            kind: SourceKind::ClusterProfile,
            name: "hub-eu".into(),
            reference: sighting.into(),
            origin: None,
            gone_at: None,
        },
    );
    merged.entry.paths.push(AccessPath {
        sighting: hub(sighting),
        break_glass: true,
        via: Some("hub-eu".into()),
        ..AccessPath::new("admin".into(), Method::Token)
    });
    merged.entry.merges = vec![MergeLink {
        first: file("prod-us-east-1"),
        second: hub(sighting),
        by: MergeBy::Uid,
        value: "9f1c6c1e-0000-4000-8000-0000000077aa".into(),
    }];
    merged.entry.conflicts = vec![Conflict {
        field: "label.tier".into(),
        values: vec![(hub(sighting), "1".into()), (file("prod-us-east-1"), "2".into())],
    }];
    merged.entry.provenance =
        vec![Provenance { field: "name".into(), from: "hub-eu:fleet-system/us-east-1".into() }];
    merged.entry.said_at = Some(ago(30));
    merged.entry.facts = Facts {
        version: "v1.36.1".parse().ok(),
        version_text: Some("v1.36.1".into()),
        nodes: Some((120, 120)),
        health: Some(Health {
            healthy: Truth::Yes,
            word: "ControlPlaneHealthy".into(),
            message: "".into(),
            since: Some(ago(86_400)),
        }),
        heartbeat_at: Some(ago(20)),
        heartbeat_seconds: Some(300),
        certificates: vec![CertificateEnd { name: "etcd".into(), at: now() + TimeDelta::days(90) }],
        insights: vec![ProviderInsight {
            code: "insight-1".into(),
            blocks: false,
            message: "old API".into(),
        }],
        ..Facts::default()
    };
    merged.class.pending = Some(PendingClass {
        to: "dev".into(),
        protection: Protection::None,
        because: "label.env was prod and is dev".into(),
    });
    merged.parameters = Arc::new([Parameter {
        key: "registry".into(),
        value: "eu.gcr.io".into(),
        from: "class prod".into(),
        origin: Some(rule(40)),
    }]);
    merged.findings = Arc::new([finding("CONFLICT", Weight::Note, Some("prod-us-east-1"), None)]);
    merged.outlook = Some(Arc::new(Outlook {
        next: "v1.37.0".parse().ok(),
        hops: "v1.37.0".parse().into_iter().collect(),
        kubelets_first: false,
        blockers: Vec::new(),
        by: None,
    }));
    fleet.clusters = clusters.into_iter().map(Arc::new).collect();
    let spec =
        FleetSpec { classes: vec!["prod".into()], ignore: vec!["GHOST".into()], ..FleetSpec::default() };
    let object = Object {
        name: "acme".to_owned(),
        labels: BTreeMap::new(),
        origin: rule(1),
        places: BTreeMap::new(),
        policy: true,
        spec,
    };
    let classes = vec![(*rules.object).clone()];
    let declared = FleetFile { fleet: Some(object), classes, ..FleetFile::default() };
    fleet.classes = Arc::new(ClassBook::compile(Arc::new(declared)).0);
    fleet.files = vec!["/etc/fleetglass/fleet.yaml".into()];
    fleet.sources.push(SourceState {
        entries: 1,
        merged: 1,
        sync: Sync::Failing,
        how: "watch clusterprofiles.multicluster.x-k8s.io".into(),
        synced_at: Some(ago(600)),
        next_at: Some(now() + TimeDelta::seconds(30)),
        failing_since: Some(ago(120)),
        ..SourceState::new(SourceKind::ClusterProfile, "hub-eu".into())
    });
    fleet.findings = Arc::new([finding("SOURCE_FAILING", Weight::Warning, None, None)]);
    fleet.apart = Arc::new([Apart {
        code: "SAME_SERVER_OTHER_AUTHORITY",
        first: file("stage-eu-2"),
        second: file("dev-web-1"),
        why: "both are https://stage-eu-2.example:6443 and trust other certificates".into(),
    }]);
    fleet
}

/// Decisions about that fleet.
pub(crate) fn decisions() -> Decisions {
    let cluster = Identity::of_sighting(&file("stage-eu-2"));
    let record =
        |decision| Recorded { decision, at: ago(3_600), who: "ana".into(), reason: Some("it is".into()) };
    Decisions(vec![
        record(Decision::Label { cluster: cluster.clone(), key: "team".into(), value: Some("shop".into()) }),
        record(Decision::Prefer { cluster, path: None }),
        record(Decision::Merge { first: file("stage-eu-2"), second: hub("x") }),
    ])
}

/// The tool of the golden documents.
pub(crate) const TOOL: super::Tool = super::Tool { name: "fleetglass", version: "0.0.0" };
