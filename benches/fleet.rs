//! What polling costs besides the network: decoding a node table, judging a snapshot, taking a picture of the fleet.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up may end")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BatchSize, Criterion, Throughput};
use fleetglass::access::Target;
use fleetglass::access::kubeconfig::load_text;
use fleetglass::engine::fold::Fold;
use fleetglass::fleet::{CleanText, ClusterKey, Phase, Snapshot};
use fleetglass::observe::{Event, wire};
use fleetglass::registry::{Registered, register};

const CLUSTERS: usize = 5_000;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

/// The table of `n` nodes as a server prints it, without objects.
fn table(n: usize) -> Vec<u8> {
    let columns = [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
    ];
    let columns: Vec<_> = columns
        .iter()
        .map(|c| serde_json::json!({"name": c, "type": "string", "format": "", "description": "", "priority": 0}))
        .collect();
    let rows: Vec<_> = (0..n)
        .map(|i| {
            let status = if i % 19 == 18 { "NotReady" } else { "Ready" };
            let address = format!("10.0.{}.{}", i / 250, i % 250);
            serde_json::json!({"object": null, "cells": [
                format!("ip-10-0-3-{i}.eu-west-1.compute.internal"), status, "<none>", "14d", "v1.35.4-eks-ffb1a9e",
                address, "<none>", "Bottlerocket OS 1.42.0 (aws-k8s-1.35)", "6.12.37", "containerd://2.1.4+bottlerocket",
            ]})
        })
        .collect();
    serde_json::to_vec(&serde_json::json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "81234567"},
        "columnDefinitions": columns, "rows": rows,
    }))
    .unwrap()
}

fn contexts() -> Registered {
    let mut text =
        String::from("apiVersion: v1\nkind: Config\nusers:\n- {name: u, user: {token: abc}}\nclusters:\n");
    for i in 0..CLUSTERS {
        writeln!(text, "- {{name: c-{i}, cluster: {{server: 'https://10.0.{}.{}:6443'}}}}", i / 250, i % 250)
            .unwrap();
    }
    text.push_str("contexts:\n");
    for i in 0..CLUSTERS {
        writeln!(text, "- {{name: prod-eu-west-{i}, context: {{cluster: c-{i}, user: u}}}}").unwrap();
    }
    register(&load_text(text.into_bytes(), Path::new("/bench")), now())
}

fn loaded_fold() -> Fold {
    let mut fold = Fold::default();
    fold.load(contexts(), now());
    fold
}

fn polled(i: usize, at: DateTime<Utc>, nodes: &[u8]) -> Event {
    let version = wire::version(br#"{"gitVersion":"v1.35.4-eks-ffb1a9e","platform":"linux/amd64"}"#);
    let ready = wire::readiness(200, b"[+]ping ok\n[+]etcd ok\nreadyz check passed\n");
    let snapshot = Snapshot {
        version: Some(version),
        ready: Some(ready),
        nodes: Some(wire::node_summary(nodes, at)),
        latency: Some(Duration::from_millis(20)),
        ..Snapshot::default()
    };
    Event::Polled {
        key: ClusterKey::new(&CleanText::new(&format!("prod-eu-west-{i}"))),
        snapshot: Box::new(snapshot),
        at,
        phase: Phase::Idle,
        next_at: at + TimeDelta::seconds(60),
        over: Arc::new(Target::to("localhost", 6443)),
    }
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for n in [20, 5_000] {
        let body = table(n);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format!("node table, summary, {n}"), |b| {
            b.iter(|| wire::node_summary(black_box(&body), now()));
        });
        group.bench_function(format!("node table, rows, {n}"), |b| {
            b.iter(|| wire::node_rows(black_box(&body), now()));
        });
    }
    group.finish();
}

fn fold(c: &mut Criterion) {
    let nodes = table(20);
    let mut group = c.benchmark_group("fold");
    group.bench_function(format!("one snapshot into {CLUSTERS}"), |b| {
        let mut fold = loaded_fold();
        // A picture shares every row, so each snapshot pays for its own copy; taking it is spread over all of them.
        let mut picture = fold.picture();
        let (mut next, mut applied) = (0, 0);
        b.iter_batched(
            || {
                next = (next + 1) % CLUSTERS;
                polled(next, now(), &nodes)
            },
            |event| {
                fold.apply(event);
                applied += 1;
                if applied % CLUSTERS == 0 {
                    picture = fold.picture();
                }
            },
            BatchSize::SmallInput,
        );
        drop(picture);
    });
    group.bench_function(format!("a picture of {CLUSTERS}"), |b| {
        let mut fold = loaded_fold();
        b.iter(|| fold.picture());
    });
    group.bench_function(format!("uniting {CLUSTERS} again"), |b| {
        let (mut fold, contexts) = (loaded_fold(), contexts());
        b.iter_batched(|| contexts.clone(), |contexts| fold.load(contexts, now()), BatchSize::LargeInput);
    });
    group.bench_function(format!("judging {CLUSTERS} again"), |b| {
        let mut fold = loaded_fold();
        for i in 0..CLUSTERS {
            fold.apply(polled(i, now(), &nodes));
        }
        b.iter(|| fold.judge_again(now() + TimeDelta::minutes(1)));
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decode(&mut criterion);
    fold(&mut criterion);
    criterion.final_summary();
}
