//! A small fleet for tests, with one cluster of every kind of trouble.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::fleet::{
    AccessPath, Attempts, CertDates, Class, ClassOrigin, CleanText, Cluster, ClusterKey, Entry, ErrorCode,
    Failure, Fleet, Method, NodeSummary, Observed, Origin, Phase, Problem, Protection, Readiness, Reason,
    Severity, Signals, SourceKind, SourceRef, SourceState, State, Verdict, VersionInfo,
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
    Class { name: name.into(), order, origin: ClassOrigin::Guessed, rule: name.into(), protection }
}

fn entry(name: &str, line: u32) -> Entry {
    let labels: BTreeMap<CleanText, CleanText> = [("team".into(), "pay".into())].into();
    Entry {
        key: ClusterKey::new(&name.into()),
        name: name.into(),
        sources: vec![SourceRef {
            kind: SourceKind::Kubeconfig,
            name: "/home/ana/.kube/config".into(),
            reference: name.into(),
            origin: Some(Origin { path: "/home/ana/.kube/config".into(), line: Some(line), column: Some(3) }),
        }],
        paths: vec![AccessPath {
            identity: "ana@corp".into(),
            method: Method::ClientCertificate,
            server: Some(CleanText::new(&format!("https://{name}.example:6443"))),
            insecure: false,
            proxy: None,
            impersonates: None,
            expires_at: Some(now() + TimeDelta::hours(7) + TimeDelta::minutes(12)),
        }],
        labels: Arc::new(labels),
        problems: Vec::new(),
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
        truncated: false,
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
    Arc::new(Cluster { entry, class: class(class_name), signals, verdict: Verdict { state, reasons } })
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
            kind: SourceKind::Kubeconfig,
            name: "/home/ana/.kube/config".into(),
            entries: 6,
            synced_at: Some(ago(60)),
            problems: Vec::new(),
        }],
        problems: Vec::new(),
        loaded: true,
        current: None,
        looked_in: Vec::new(),
    }
}

/// The tool of the golden documents.
pub(crate) const TOOL: super::Tool = super::Tool { name: "fleetglass", version: "0.0.0" };
