//! When the clusters that answer have answered, beside clusters that never will: the silent must cost the others nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fleetglass::access::kubeconfig::Search;
use fleetglass::clock::Clock;
use fleetglass::engine::{self, Settings};
use fleetglass::registry;

use crate::{Plan, serve};

/// Runs the engine in turn against `kubeconfig` and against a fleet of which all clusters answer, and prints both.
pub(crate) fn compare(plan: &Plan, clusters: usize, kubeconfig: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let whole = serve::Fleet::start(dir.path(), clusters, 0, plan.latency);
    let all = dir.path().join("kubeconfig");
    let mut ratios = Vec::new();
    let answering = clusters - clusters * plan.silent / 100;
    println!(
        "  the first {answering} answers of the engine, ms: half, 95 of 100, last; all answer | {} % silent",
        plan.silent
    );
    for _ in 0..plan.rounds {
        let (healthy, troubled) = (once(&all, answering), once(kubeconfig, answering));
        println!("    {healthy:.0?} | {troubled:.0?}");
        ratios.push(troubled[2] / healthy[2]);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "  last answer, silent x healthy: {:.2} ({:.2}-{:.2})",
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1]
    );
    whole.stop();
}

fn once(kubeconfig: &Path, wanted: usize) -> [f64; 3] {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let out = command.arg("answers").arg(kubeconfig).arg(wanted.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let values: Vec<f64> = said.split_whitespace().map(|v| v.parse().unwrap()).collect();
    values.try_into().unwrap()
}

/// The process: an engine that is watched until `wanted` clusters have answered.
pub(crate) fn run(kubeconfig: &Path, wanted: &str) {
    let wanted: usize = wanted.parse().unwrap();
    let began = Instant::now();
    let search = Search { explicit: vec![kubeconfig.to_path_buf()], env: None, home: None };
    let plan = registry::Plan { search, contact: true, ..registry::Plan::default() };
    let settings = Settings { plan, ..Settings::default() };
    fleetglass::host::raise_open_file_limit();
    let running = engine::start(settings, Clock::system()).unwrap();
    let mut fleet = running.handle.fleet.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut when = |share: usize| {
        let enough = wanted * share / 100;
        let answered = fleet.wait_for(|fleet| {
            fleet.clusters.iter().filter(|c| c.signals.version.last.is_some()).count() >= enough
        });
        let in_time =
            runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), answered).await.is_ok() });
        assert!(in_time, "not all answered");
        began.elapsed().as_secs_f64() * 1_000.0
    };
    let (half, most, last) = (when(50), when(95), when(100));
    println!("{half} {most} {last}");
    running.stop();
}
