//! What a frame and a change cost, by the number of clusters. A frame must not depend on it.
#![allow(clippy::unwrap_used, reason = "a bench may stop")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use fleetglass::config::{Appearance, ColorLevel, Config, Themes};
use fleetglass::fleet::{
    CleanText, Cluster, ClusterKey, Entry, ErrorCode, Failure, Fleet, NodeSummary, Readiness, Signals,
    Snapshot, Thresholds, VersionInfo, guess_class, sort, verdict,
};
use fleetglass::tui::{Headless, Options};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_165_200, 0).unwrap_or_default()
}

fn cluster(n: usize) -> Cluster {
    let class = ["prod", "stage", "dev", "edge", "lab"].get(n % 5).copied().unwrap_or("lab");
    let name = CleanText::new(&format!("{class}-{n}"));
    let version = ["v1.34.8", "v1.35.4", "v1.36.1"].get(n % 3).copied().unwrap_or("v1.35.0");
    let entry = Entry::new(ClusterKey::new(&name), name);
    let mut signals = Signals::default();
    let info = VersionInfo { version: version.parse().ok(), text: version.into(), platform: None };
    let snapshot = Snapshot {
        version: Some(Ok(info)),
        ready: Some(Ok(Readiness { ready: !n.is_multiple_of(41), failed: Vec::new(), total: 42 })),
        nodes: Some(Ok(NodeSummary {
            total: 20,
            ready: 20 - usize::from(n.is_multiple_of(17)),
            ..NodeSummary::default()
        })),
        latency: Some(Duration::from_millis(38)),
        unreachable: (n.is_multiple_of(23)).then(|| Failure::new(ErrorCode::Tcp, "connection timed out")),
        ..Snapshot::default()
    };
    signals.absorb(&snapshot, now() - TimeDelta::seconds(4));
    let verdict = verdict(&entry, &signals, now(), &Thresholds::default());
    let class = guess_class(entry.name.as_str());
    Cluster { signals, verdict, ..Cluster::new(entry, class) }
}

fn fleet(count: usize) -> Arc<Fleet> {
    let mut clusters: Vec<Cluster> = (0..count).map(cluster).collect();
    clusters.sort_by(sort::stable_order);
    let clusters = clusters.into_iter().map(Arc::new).collect();
    Arc::new(Fleet { generation: 1, clusters, loaded: true, ..Fleet::default() })
}

fn screens(fleet: &Arc<Fleet>) -> Headless {
    let (theme, _) = Themes::default().resolve("default-dark", Appearance::Dark, ColorLevel::Truecolor);
    let options = Options::new(&Config::default(), theme, ColorLevel::Truecolor, false);
    let mut screens = Headless::new(options, now(), 200, 60);
    screens.show(Arc::clone(fleet));
    screens
}

fn key(c: char) -> Event {
    Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
}

fn draw(criterion: &mut Criterion) {
    for count in [1_000, 5_000, 20_000] {
        let fleet = fleet(count);
        let mut group = criterion.benchmark_group("200x60");
        let mut headless = screens(&fleet);
        let mut down = true;
        group.bench_function(BenchmarkId::new("key and frame", count), |bencher| {
            bencher.iter(|| {
                headless.event(key(if down { 'j' } else { 'k' }));
                down = !down;
                black_box(headless.draw());
            });
        });
        let mut headless = screens(&fleet);
        group.bench_function(BenchmarkId::new("new fleet", count), |bencher| {
            bencher.iter(|| headless.show(Arc::clone(&fleet)));
        });
        let mut headless = screens(&fleet);
        headless.event(key('/'));
        let mut letters = "prod-1 ".chars().cycle();
        group.bench_function(BenchmarkId::new("filter key", count), |bencher| {
            bencher.iter(|| {
                if let Some(c) = letters.next() {
                    headless.event(key(c));
                }
                headless.event(Event::Key(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE)));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, draw);
criterion_main!(benches);
