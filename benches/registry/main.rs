//! What a large registry costs: uniting what three sources say of each cluster, giving all their classes and holding them to these,
//! making rows of them and making them again after a change, filtering all rows for one keystroke, reading fleet files.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up may end")]

mod makings;

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use fleetglass::access::kubeconfig::load_text;
use fleetglass::clock::Clock;
use fleetglass::config::fleetfile::{join, parse_fleet};
use fleetglass::engine::Settings;
use fleetglass::engine::fold::Fold;
use fleetglass::fleet::spec::FleetFile;
use fleetglass::fleet::{
    Almanac, ClassBook, CleanText, Cluster, Decisions, Entry, Evidence, Roster, Scope, Selector, Sighting,
    SightingId, Truth, breaches, outlook, unite,
};
use fleetglass::registry::{Told, register};
use fleetglass::store::{self, Memory, Store};
use makings::{changed, fleet_file, fleet_text, kubeconfig, now, sightings, told};

fn united(sightings: &[Arc<Sighting>]) -> Roster {
    let evidence: HashMap<SightingId, Evidence> = HashMap::new();
    unite(sightings, &evidence, &Decisions::default(), now())
}

fn book(file: Arc<FleetFile>) -> ClassBook {
    let (book, problems) = ClassBook::compile(file);
    assert_eq!(problems, []);
    book
}

fn fold(file: &Arc<FleetFile>) -> Fold {
    Fold::new(&Settings { fleet_file: Arc::clone(file), ..Settings::default() }, Memory::default())
}

fn uniting(group: &mut BenchmarkGroup<'_, WallTime>) {
    for n in [1_000, 10_000] {
        let sightings = sightings(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("unite {n} clusters of 3 sightings"), |b| {
            b.iter(|| {
                let roster = united(&sightings);
                assert_eq!(roster.entries.len(), n);
                black_box(roster)
            });
        });
    }
}

/// Settling and judging, each alone.
fn judging(group: &mut BenchmarkGroup<'_, WallTime>, file: &Arc<FleetFile>) {
    let (book, almanac) = (book(Arc::clone(file)), Almanac::default());
    let entries = united(&sightings(10_000)).entries;
    let settle = || entries.iter().map(|entry| settled(&book, entry));
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("classes of 10,000 clusters, 10 rules", |b| {
        b.iter(|| settle().filter(|c| c.class.rules.is_some()).count());
    });
    let clusters: Vec<Cluster> = settle().collect();
    assert!(clusters.iter().all(|c| c.class.rules.is_some()));
    group.bench_function("10,000 clusters held to their class", |b| {
        b.iter(|| clusters.iter().map(|c| breaches(c, &almanac, now()).len()).sum::<usize>());
    });
    group.bench_function("the next upgrade of 10,000 clusters", |b| {
        b.iter(|| clusters.iter().map(|c| outlook(c, &almanac, now()).blockers.len()).sum::<usize>());
    });
}

fn settled(book: &ClassBook, entry: &Entry) -> Cluster {
    let settled = book.settle(entry, None, &Decisions::default(), now());
    let mut cluster = Cluster::new(entry.clone(), settled.class);
    (cluster.properties, cluster.parameters) = (settled.properties, settled.parameters);
    cluster
}

/// All that the engine does between a report and the rows.
fn rows(group: &mut BenchmarkGroup<'_, WallTime>, files: &[(&str, Arc<FleetFile>)]) {
    for (what, file) in files {
        for n in [1_000, 10_000] {
            let all = told(n);
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(format!("rows of {n} clusters, {what}: first"), |b| {
                b.iter_batched(
                    || (fold(file), all.clone()),
                    |(mut fold, all)| {
                        fold.take_in(all, now());
                        fold
                    },
                    BatchSize::PerIteration,
                );
            });
            let mut fold = fold(file);
            fold.take_in(all, now());
            let mut reports = [changed(n, "v1.35.5"), changed(n, "v1.35.6")];
            group.bench_function(format!("rows of {n} clusters, {what}: one in 100 changed"), |b| {
                b.iter(|| {
                    reports.swap(0, 1);
                    fold.take_in([Told::Source(reports.first().unwrap().clone())], now());
                });
            });
            assert_eq!(fold.picture().clusters.len(), n);
        }
    }
}

/// From the bytes of a kubeconfig to a picture.
fn kubeconfigs(group: &mut BenchmarkGroup<'_, WallTime>, file: &Arc<FleetFile>) {
    let text = kubeconfig(10_000);
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("a kubeconfig of 10,000 contexts, from bytes to a picture", |b| {
        b.iter_batched(
            || (fold(file), text.clone().into_bytes()),
            |(mut fold, text)| {
                fold.load(register(&load_text(text, Path::new("/bench")), now()), now());
                black_box(fold.picture());
                fold
            },
            BatchSize::PerIteration,
        );
    });
}

fn keystrokes(group: &mut BenchmarkGroup<'_, WallTime>, file: &Arc<FleetFile>) {
    let mut fold = fold(file);
    fold.take_in(told(10_000), now());
    let fleet = fold.picture();
    group.throughput(Throughput::Elements(10_000));
    for query in [
        "p",
        "eu-west-1",
        "label.env=prod region=eu-west-1",
        "-l \"env in (prod,stage),team=pay\"",
        "@prod version<1.36 !label.team=shop",
        "name~-[0-9]*7$ | context=admin@prod-eu-west-1-4",
    ] {
        group.bench_function(format!("a keystroke: {query}"), |b| {
            b.iter(|| {
                // As the screen does it: the text is read anew and all rows are asked.
                let selector = Selector::parse(black_box(query)).unwrap();
                let scope = Scope::at(now());
                fleet.clusters.iter().filter(|c| selector.matches(c, &scope) != Truth::No).count()
            });
        });
    }
}

fn files(group: &mut BenchmarkGroup<'_, WallTime>) {
    let text = fleet_text(200, 1_000);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("a fleet file of 200 classes and 1,000 clusters", |b| {
        b.iter(|| {
            let file = join(None, Some(parse_fleet(Path::new("fleet.yaml"), &text, false)));
            book(Arc::new(file))
        });
    });
}

/// What is read before anything else at the start: a memory of 10,000 clusters that three sources know.
fn recalling(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.db");
    let open = || Store::open(store::Settings::at(Some(path.clone())), Clock::system());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = sightings(10_000);
    let inputs = united(&all).entries.into_iter().flat_map(|entry| {
        let settled = ClassBook::default().settle(&entry, None, &Decisions::default(), now());
        entry.identities().into_iter().map(move |identity| (identity, settled.inputs.clone()))
    });
    let mut by_source: BTreeMap<CleanText, Vec<Arc<Sighting>>> = BTreeMap::new();
    for sighting in &all {
        by_source.entry(sighting.id.source.clone()).or_default().push(Arc::clone(sighting));
    }
    let store = open();
    store.remember_inputs(inputs.collect()).unwrap();
    for (source, sightings) in by_source {
        store.remember_sightings(source, sightings).unwrap();
    }
    while runtime.block_on(store.flush()).is_err() {}
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("a memory of 10,000 clusters of 3 sightings, recalled", |b| {
        b.iter(|| {
            let memory = runtime.block_on(open().recall()).unwrap();
            assert_eq!((memory.inputs.len(), memory.sightings.len()), (40_000, 30_000));
            memory
        });
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("registry");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    let none = Arc::new(FleetFile::default());
    let ten = fleet_file(10, 0);
    uniting(&mut group);
    judging(&mut group, &ten);
    let large = fleet_file(200, 1_000);
    rows(
        &mut group,
        &[
            ("guessed", Arc::clone(&none)),
            ("10 classes", Arc::clone(&ten)),
            ("200 classes and 1,000 Clusters", large),
        ],
    );
    kubeconfigs(&mut group, &none);
    keystrokes(&mut group, &ten);
    files(&mut group);
    recalling(&mut group);
    group.finish();
    criterion.final_summary();
}
