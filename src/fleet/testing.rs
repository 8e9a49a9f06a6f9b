//! Small clusters for the tests of this room.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;

/// The moment at which these tests happen.
pub(super) fn now() -> DateTime<Utc> {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

pub(super) fn path() -> AccessPath {
    AccessPath {
        server: Some("https://10.0.0.9:6443".into()),
        insecure: false,
        proxy: None,
        impersonates: None,
        expires_at: None,
        ..AccessPath::new("ana@corp".into(), Method::ClientCertificate)
    }
}

pub(super) fn entry(name: &str) -> Entry {
    let name = CleanText::new(name);
    Entry {
        sources: vec![SourceRef {
            kind: SourceKind::Kubeconfig,
            name: "~/.kube/config".into(),
            reference: name.clone(),
            origin: Some(Origin {
                path: PathBuf::from("/home/ana/.kube/config"),
                line: Some(3),
                column: None,
            }),
            gone_at: None,
        }],
        paths: vec![path()],
        labels: Arc::new(BTreeMap::new()),
        ..Entry::new(ClusterKey::new(&name), name.clone())
    }
}

pub(super) fn version_info(text: &str) -> VersionInfo {
    VersionInfo { version: text.parse().ok(), text: text.into(), platform: Some("linux/amd64".into()) }
}

pub(super) fn not_ready(checks: &[&str]) -> Readiness {
    let failed = checks.iter().map(|c| Check { name: CleanText::new(c), ok: false }).collect();
    Readiness { ready: false, failed, total: 40 }
}

pub(super) fn ready() -> Readiness {
    Readiness { ready: true, failed: Vec::new(), total: 40 }
}

pub(super) fn nodes(ready: usize, total: usize, kubelets: &[(&str, usize)]) -> NodeSummary {
    NodeSummary {
        total,
        ready,
        not_ready: (0..total.saturating_sub(ready).min(8))
            .map(|i| CleanText::new(&format!("node-{i}")))
            .collect(),
        kubelets: kubelets.iter().map(|(v, n)| (v.parse().unwrap(), *n)).collect(),
        ..NodeSummary::default()
    }
}

pub(super) fn cert(ends_in: TimeDelta) -> CertDates {
    CertDates {
        not_before: now() - TimeDelta::days(300),
        not_after: now() + ends_in,
        subject: "CN=kube-apiserver".into(),
    }
}

/// A snapshot in which everything is well.
pub(super) fn healthy_snapshot() -> Snapshot {
    Snapshot {
        version: Some(Ok(version_info("v1.35.4"))),
        ready: Some(Ok(ready())),
        identity: Some(Ok("9f1c6c1e-0000-4000-8000-0000000077aa".into())),
        nodes: Some(Ok(nodes(3, 3, &[("v1.35.4", 3)]))),
        latency: Some(std::time::Duration::from_millis(38)),
        serving_cert: Some(cert(TimeDelta::days(200))),
        client_cert: Some(cert(TimeDelta::days(200))),
        credential_expires_at: None,
        clock_skew_seconds: Some(0),
        unreachable: None,
    }
}

/// Signals of a cluster that answered well four seconds ago.
pub(super) fn healthy() -> Signals {
    let mut signals = Signals::default();
    signals.absorb(&healthy_snapshot(), now() - TimeDelta::seconds(4));
    signals
}

pub(super) fn cluster(name: &str, signals: Signals) -> Cluster {
    let entry = entry(name);
    let verdict = verdict(&entry, &signals, now(), &Thresholds::default());
    Cluster { signals, verdict, ..Cluster::new(entry, guess_class(name)) }
}

/// A declared class with its rules.
pub(super) fn class_rules(name: &str, spec: spec::ClassSpec) -> ClassRules {
    let origin = Origin { path: PathBuf::from("/home/ana/fleet.yaml"), line: Some(7), column: None };
    let object = spec::Object {
        name: name.to_owned(),
        labels: BTreeMap::new(),
        origin,
        places: BTreeMap::new(),
        policy: false,
        spec: spec.clone(),
    };
    let hours = Arc::new(window::Hours::of(&spec));
    ClassRules { name: name.into(), inherits: Vec::new(), spec, object: Arc::new(object), hours }
}
