//! A fleet for the tests of the screens: made by hand and by a seed, at a fixed moment.

mod registry;

pub(crate) use registry::registry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::fleet::{
    AccessPath, CertDates, Check, CleanText, Cluster, ClusterKey, Detail, Entry, ErrorCode, EventRow,
    Failure, Fleet, Loadable, Method, NodeRow, NodeSummary, Observed, Origin, Phase, Problem, Readiness,
    Severity, Signals, Snapshot, SourceKind, SourceRef, SourceState, Sync, Thresholds, VersionInfo,
    guess_class, sort, verdict,
};

/// The moment of all tests.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

/// What a cluster of the sample is like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Ok,
    NotReady,
    CertSoon,
    NodesDown,
    Expired,
    Down,
    New,
    Connecting,
    Unusable,
}

fn entry(name: &str, line: u32) -> Entry {
    let clean = CleanText::new(name);
    let labels: BTreeMap<CleanText, CleanText> = [("team".into(), "pay".into())].into();
    Entry {
        sources: vec![SourceRef {
            kind: SourceKind::Kubeconfig,
            name: "~/.kube/config".into(),
            reference: clean,
            origin: Some(Origin { path: "/home/ana/.kube/config".into(), line: Some(line), column: Some(3) }),
            gone_at: None,
        }],
        paths: vec![AccessPath {
            server: Some(CleanText::new("https://10.8.0.9:6443")),
            insecure: false,
            proxy: None,
            impersonates: None,
            expires_at: None,
            ..AccessPath::new("ana@corp".into(), Method::Exec)
        }],
        labels: Arc::new(labels),
        ..Entry::new(ClusterKey::new(&CleanText::new(name)), CleanText::new(name))
    }
}

fn snapshot(version: &str, ready: usize, total: usize, cert_days: i64) -> Snapshot {
    let info = VersionInfo {
        version: version.parse().ok(),
        text: CleanText::new(version),
        platform: Some("linux/amd64".into()),
    };
    let kubelets = version.parse().map(|v| vec![(v, total)]).unwrap_or_default();
    Snapshot {
        version: Some(Ok(info)),
        ready: Some(Ok(Readiness { ready: true, failed: Vec::new(), total: 42 })),
        identity: Some(Ok("9f1c6c1e-0000-4000-8000-0000000077aa".into())),
        nodes: Some(Ok(NodeSummary {
            total,
            ready,
            not_ready: (ready..total).take(8).map(|n| CleanText::new(&format!("node-{n}"))).collect(),
            kubelets,
            ..NodeSummary::default()
        })),
        latency: Some(Duration::from_millis(38)),
        serving_cert: Some(CertDates {
            not_before: now() - TimeDelta::days(90),
            not_after: now() + TimeDelta::days(cert_days) + TimeDelta::hours(1),
            subject: "CN=kube-apiserver".into(),
        }),
        client_cert: None,
        credential_expires_at: Some(now() + TimeDelta::minutes(7 * 60 + 12)),
        clock_skew_seconds: Some(0),
        unreachable: None,
    }
}

/// One cluster, `age` seconds after it was last seen.
pub(crate) fn cluster(name: &str, kind: Kind, version: &str, nodes: usize, age: i64, line: u32) -> Cluster {
    let mut entry = entry(name, line);
    let mut signals = Signals::default();
    let at = |seconds: i64| now() - TimeDelta::seconds(seconds);
    let good = snapshot(version, nodes, nodes, 201);
    let mut fail = |failure: Failure| {
        signals.absorb(&good, at(age));
        signals.absorb(&Snapshot { unreachable: Some(failure), ..Snapshot::default() }, at(12));
        signals.attempts.phase = Phase::BackingOff;
        signals.attempts.next_at = Some(now() + TimeDelta::seconds(48));
    };
    match kind {
        Kind::Ok => signals.absorb(&good, at(age)),
        Kind::NotReady => {
            let failed = vec![Check { name: "etcd".into(), ok: false }];
            let ready = Readiness { ready: false, failed, total: 42 };
            for n in [370, age] {
                signals.absorb(&Snapshot { ready: Some(Ok(ready.clone())), ..good.clone() }, at(n));
            }
        }
        Kind::CertSoon => signals.absorb(&snapshot(version, nodes, nodes, 12), at(age)),
        Kind::NodesDown => signals.absorb(&snapshot(version, nodes * 3 / 8, nodes, 40), at(age)),
        Kind::Expired => {
            fail(
                Failure::new(ErrorCode::Http401, "the server does not accept the credential")
                    .hint("Sign in again."),
            );
            signals.credential_expires_at = Some(at(60));
        }
        Kind::Down => fail(Failure::new(ErrorCode::Tcp, "connection timed out 10.8.0.9:6443")),
        Kind::New => {}
        Kind::Connecting => {
            signals.attempts.phase = Phase::Connecting;
            signals.attempts.phase_since = Some(at(3));
        }
        Kind::Unusable => {
            entry.paths.clear();
            entry.problems.push(Problem {
                severity: Severity::Error,
                code: "BAD_SERVER",
                origin: Some(Origin {
                    path: "/home/ana/.kube/config".into(),
                    line: Some(line),
                    column: Some(13),
                }),
                subject: CleanText::new(name),
                message: "server is not a URL".into(),
                hint: Some("Write it as https://HOST:PORT.".into()),
            });
        }
    }
    let verdict = verdict(&entry, &signals, now(), &Thresholds::default());
    Cluster { signals, verdict, ..Cluster::new(entry, guess_class(name)) }
}

fn fleet_of(mut clusters: Vec<Cluster>) -> Fleet {
    clusters.sort_by(sort::stable_order);
    let clusters: Arc<[Arc<Cluster>]> = clusters.into_iter().map(Arc::new).collect();
    Fleet {
        generation: 7,
        sources: vec![SourceState {
            entries: clusters.len(),
            added: clusters.len(),
            synced_at: Some(now() - TimeDelta::seconds(70)),
            sync: Sync::Watching,
            how: "watching the file".into(),
            ..SourceState::new(SourceKind::Kubeconfig, "~/.kube/config".into())
        }],
        clusters,
        loaded: true,
        ..Fleet::default()
    }
}

/// A fleet of 68 with a bit of everything: the normal case.
pub(crate) fn normal() -> Fleet {
    let mut all = vec![
        cluster("prod-eu-west-3", Kind::NotReady, "v1.34.8", 44, 4, 10),
        cluster("prod-ap-south-1", Kind::Expired, "v1.35.4-eks-1a2b3c4", 38, 2_530, 20),
        cluster("prod-sa-east-1", Kind::Down, "v1.35.4", 22, 10_900, 30),
        cluster("prod-us-east-1", Kind::CertSoon, "v1.35.4", 120, 3, 40),
        cluster("prod-us-east-2", Kind::CertSoon, "v1.35.4", 118, 3, 50),
        cluster("stage-eu-2", Kind::NodesDown, "v1.36.1", 12, 3, 60),
        cluster("dev-ml-4", Kind::NodesDown, "v1.36.2", 8, 6, 70),
        cluster("dev-tmp-2", Kind::Down, "v1.33.9", 1, 777_700, 80),
        cluster("dev-broken", Kind::Unusable, "", 0, 0, 90),
        cluster("hub", Kind::Ok, "v1.36.1", 3, 5, 100),
    ];
    for n in 0..20 {
        all.push(cluster(&format!("prod-fill-{n}"), Kind::Ok, "v1.35.4", 24, 3 + n % 5, 200));
    }
    for n in 0..14 {
        all.push(cluster(&format!("stage-fill-{n}"), Kind::Ok, "v1.36.1", 9, 3 + n % 5, 300));
    }
    for n in 0..18i64 {
        let version = ["v1.33.9", "v1.36.2", "v1.37.0"][usize::try_from(n % 3).unwrap()];
        all.push(cluster(&format!("dev-fill-{n}"), Kind::Ok, version, 4, 3 + n % 5, 400));
    }
    for n in 0..6 {
        all.push(cluster(&format!("edge-store-{n}"), Kind::Ok, "v1.33.9+k3s1", 1, 9, 500));
    }
    fleet_of(all)
}

/// The same fleet while most of it has not answered yet.
pub(crate) fn loading() -> Fleet {
    fleet_of(vec![
        cluster("prod-eu-west-3", Kind::Ok, "v1.35.4", 44, 1, 10),
        cluster("prod-sa-east-1", Kind::Connecting, "", 0, 0, 20),
        cluster("prod-us-east-1", Kind::New, "", 0, 0, 30),
        cluster("stage-eu-2", Kind::Connecting, "", 0, 0, 40),
        cluster("dev-web-1", Kind::New, "", 0, 0, 50),
    ])
}

/// Everything has failed, sources have problems.
pub(crate) fn failing() -> Fleet {
    let mut fleet = fleet_of(vec![
        cluster("prod-eu-west-3", Kind::Down, "v1.35.4", 44, 4_000, 10),
        cluster("prod-sa-east-1", Kind::Expired, "v1.35.4", 22, 4_000, 20),
        cluster("prod-us-east-1", Kind::NotReady, "v1.35.4", 12, 4, 30),
        cluster("stage-broken", Kind::Unusable, "", 0, 0, 44),
    ]);
    fleet.problems.push(Problem {
        severity: Severity::Error,
        code: "UNREADABLE",
        origin: Some(Origin { path: "/home/ana/.kube/configs/old.yaml".into(), line: None, column: None }),
        subject: "old.yaml".into(),
        message: "permission denied".into(),
        hint: Some("Check who owns the file.".into()),
    });
    if let Some(source) = fleet.sources.first_mut() {
        source.problems.push(Problem {
            severity: Severity::Warning,
            code: "DUPLICATE_NAME",
            origin: Some(Origin { path: "/home/ana/.kube/config".into(), line: Some(7), column: Some(5) }),
            subject: "prod-eu-west-3".into(),
            message: "another context of that name stands in line 3; both are kept".into(),
            hint: None,
        });
    }
    fleet
}

/// Sources were read and held nothing.
pub(crate) fn empty() -> Fleet {
    let mut fleet = fleet_of(Vec::new());
    fleet.problems.push(Problem {
        severity: Severity::Note,
        code: "NOT_FOUND",
        origin: Some(Origin { path: "/home/ana/.kube/configs".into(), line: None, column: None }),
        subject: "$KUBECONFIG".into(),
        message: "names a folder that is not there".into(),
        hint: Some("Check the spelling.".into()),
    });
    fleet.looked_in = vec![("$KUBECONFIG".into(), false), ("~/.kube/configs".into(), false)];
    fleet
}

/// Names and messages that a terminal must not obey.
pub(crate) fn hostile() -> Fleet {
    let flood = format!("a{}", "\u{301}".repeat(300));
    let names = [
        "prod-\u{1b}[2J\u{1b}[31mred",
        "prod-\u{1b}]52;c;ZXZpbA==\u{7}",
        "dev-\u{9b}31m\u{90}q",
        "dev-\u{202e}evil\u{202c}",
        "stage-\u{200b}zero\u{feff}width",
        "stage-a\r\nb\tc",
        "東京-prod-データセンター一号機の名前はとても長い",
        &flood,
    ];
    let mut all: Vec<Cluster> = names
        .iter()
        .zip(1..)
        .map(|(n, line)| cluster(n, Kind::Ok, "v1.35.4\u{1b}[31m", 3, 4, line))
        .collect();
    let mut down = cluster("prod-msg", Kind::Down, "v1.35.4", 3, 100, 50);
    let failure = Failure::new(ErrorCode::Tls, "alert \u{1b}[31m\u{1b}]8;;http://x\u{7}click\r\n");
    down.signals.unreachable = Some(failure);
    down.verdict = verdict(&down.entry, &down.signals, now(), &Thresholds::default());
    all.push(down);
    fleet_of(all)
}

/// A big fleet from a seed; the same seed gives the same fleet.
pub(crate) fn big(count: usize, seed: u64) -> Fleet {
    let mut state = seed | 1;
    let mut next = |below: usize| {
        // xorshift64: enough to scatter states.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let all = (0..count).map(|n| {
        let class = ["prod", "stage", "dev", "edge", "x"][next(5)];
        let kind = match next(40) {
            0 => Kind::NotReady,
            1 => Kind::Down,
            2 => Kind::Expired,
            3 => Kind::CertSoon,
            4 => Kind::New,
            _ => Kind::Ok,
        };
        let version = ["v1.33.9", "v1.34.8", "v1.35.4", "v1.36.1"][next(4)];
        cluster(&format!("{class}-{n}"), kind, version, 1 + next(30), 3, 1)
    });
    fleet_of(all.collect())
}

/// What a closer look at a cluster brings.
pub(crate) fn detail(name: &str) -> Detail {
    let at = now() - TimeDelta::seconds(5);
    let node = |n: usize| NodeRow {
        name: CleanText::new(&format!("ip-10-0-{n}-7.ec2.internal")),
        ready: n != 1,
        cordoned: n == 2,
        status: match n {
            1 => "NotReady".into(),
            2 => "Ready,SchedulingDisabled".into(),
            _ => "Ready".into(),
        },
        roles: if n == 0 { "control-plane".into() } else { "<none>".into() },
        kubelet: "v1.35.4".into(),
        age: "14d".into(),
        internal_ip: CleanText::new(&format!("10.0.{n}.7")),
        os_image: "Debian 13".into(),
        kernel: "6.12.9".into(),
        runtime: "containerd://2.1.4".into(),
    };
    let event = |n: i64, kind: &str, object: &str, reason: &str, message: &str| EventRow {
        last_seen: Some(now() - TimeDelta::seconds(n)),
        kind: CleanText::new(kind),
        namespace: "batch".into(),
        object: CleanText::new(object),
        reason: CleanText::new(reason),
        count: 6,
        message: CleanText::new(message),
    };
    Detail {
        key: ClusterKey::new(&CleanText::new(name)),
        nodes: Loadable::Ready(Observed { value: (0..24).map(node).collect(), at }),
        events: Loadable::Ready(Observed {
            value: vec![
                event(
                    19,
                    "Warning",
                    "Pod/train-7",
                    "FailedScheduling",
                    "0/120 nodes: insufficient nvidia.com/gpu",
                ),
                event(470, "Normal", "Pod/fx-6c9b-2hk", "Pulled", "image is present"),
                event(490, "Warning", "Pod/fx-6c9b-2hk", "Unhealthy", "readiness probe failed: HTTP 503"),
            ],
            at,
        }),
        checks: Loadable::Ready(Observed {
            value: ["ping", "log", "etcd", "poststarthook/rbac/bootstrap-roles"]
                .iter()
                .map(|n| Check { name: CleanText::new(n), ok: *n != "etcd" })
                .collect(),
            at,
        }),
    }
}

/// The same while nothing, or nothing good, has come.
pub(crate) fn detail_in_trouble(name: &str) -> Detail {
    Detail {
        nodes: Loadable::Failed(
            Failure::new(ErrorCode::Http403, "nodes is forbidden: user ana cannot list nodes")
                .hint("Ask for the role view."),
            now() - TimeDelta::seconds(9),
        ),
        events: Loadable::Loading(now() - TimeDelta::seconds(2)),
        checks: Loadable::Idle,
        ..detail(name)
    }
}
