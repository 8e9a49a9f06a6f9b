//! The whole program against a floor: `fleetglass status --json` beside a client that does nothing but ask the same questions.
//!
//! ```sh
//! cargo bench --bench poll -- [--clusters N] [--rounds R] [--silent PERCENT] [--latency MS] [--files N]
//! ```
//!
//! A simulated fleet runs in a process of its own; then both clients run in turn, round by round, each as a process of its
//! own, so that figures of one round have the same neighbours. What is printed is for reading side by side: nothing is asserted.
//! CPU is the trustworthy column; walls hold the simulated servers too, which share the machine.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a bench that cannot set itself up may end, and it measures real time"
)]
#![allow(clippy::print_stdout, clippy::exit, clippy::panic, reason = "printing is what this program is for")]

mod answers;
mod floor;
mod frame;
mod measured;
mod serve;

use std::path::Path;
use std::process::Command;

use measured::Figures;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
struct Plan {
    clusters: Vec<usize>,
    rounds: usize,
    /// Of a hundred clusters, how many accept a connection and never say a word.
    silent: usize,
    /// Milliseconds before every answer.
    latency: u64,
    /// The limit of open files of `fleetglass`; the floor would fail.
    files: Option<u64>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("floor") => return floor::run(Path::new(&args[1]), &args[2]),
        Some("answers") => return answers::run(Path::new(&args[1]), &args[2]),
        Some("measured") => return measured::run(&args[1..]),
        Some("serve") => return serve::run(&args[1..]),
        _ => {}
    }
    // `cargo test --all-targets` runs this without the flag, and wants no figures.
    if !args.iter().any(|a| a == "--bench") {
        return;
    }
    let plan = plan(&args);
    let mut alone = Vec::new();
    for clusters in plan.clusters.clone() {
        alone.push((clusters, compare(&plan, clusters)));
    }
    if let [(few, first), .., (many, last)] = alone.as_slice() {
        let each = |n: usize, f: &[Figures]| median(f, |f| f.cpu_ms) / n as f64;
        println!(
            "\nCPU for each cluster, {few} -> {many} clusters: {:.3} -> {:.3} ms, {:.2} x",
            each(*few, first),
            each(*many, last),
            each(*many, last) / each(*few, first)
        );
    }
}

fn plan(args: &[String]) -> Plan {
    let number = |name: &str| {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let count = |name: &str, usual: u64| usize::try_from(number(name).unwrap_or(usual)).unwrap();
    let clusters =
        number("--clusters").map_or_else(|| vec![100, 1_000], |n| vec![usize::try_from(n).unwrap()]);
    Plan {
        clusters,
        rounds: count("--rounds", 5).max(1),
        silent: count("--silent", 0),
        latency: number("--latency").unwrap_or(0),
        files: number("--files"),
    }
}

/// Runs all clients in turn and prints them; the answer is what `fleetglass` took.
fn compare(plan: &Plan, clusters: usize) -> Vec<Figures> {
    let dir = tempfile::tempdir().unwrap();
    let fleet = serve::Fleet::start(dir.path(), clusters, plan.silent, plan.latency);
    let kubeconfig = dir.path().join("kubeconfig");
    let program = env!("CARGO_BIN_EXE_fleetglass");
    let this = std::env::current_exe().unwrap();
    let client = |name: &str| {
        let mut command;
        if name == "fleetglass" {
            command = Command::new(program);
            command.args(["status", "--json", "--timeout", "60s", "--kubeconfig"]).arg(&kubeconfig);
            command.env("HOME", dir.path()).env("XDG_CONFIG_HOME", dir.path());
        } else {
            command = Command::new(&this);
            command.arg("floor").arg(&kubeconfig).arg(name);
        }
        command
    };
    let names = ["fleetglass", "floor 3", "floor 5"];
    let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); names.len()];
    let mut states = String::new();
    // The first round warms the servers up and is not counted.
    for round in 0..=plan.rounds {
        for (name, all) in names.iter().zip(&mut figures) {
            let out = dir.path().join("out");
            let got = measured::measure(&client(name), &out, plan.files.filter(|_| *name == "fleetglass"));
            if round > 0 {
                all.push(got);
            }
            if *name == "fleetglass" {
                states = tally(&out);
            } else if plan.silent == 0 {
                let answered = std::fs::read_to_string(&out).unwrap();
                assert_eq!(answered.trim().parse(), Ok(clusters), "the floor did not get all answers");
            }
        }
    }
    let with = |what: u64, text: &str| if what == 0 { String::new() } else { format!(", {what} {text}") };
    let files = plan.files.map_or_else(String::new, |n| format!(", at most {n} open files"));
    println!(
        "\n{clusters} clusters, {} rounds{}{}{files}: median (min-max)",
        plan.rounds,
        with(plan.silent as u64, "% silent"),
        with(plan.latency, "ms before each answer")
    );
    println!("{:<12} {:>24} {:>24} {:>24}", "", "CPU ms", "wall ms", "peak RSS MiB");
    for (name, all) in names.iter().zip(&figures) {
        let cell = |of: fn(&Figures) -> f64| {
            let (low, high) = (least(all, of), -least(all, |f| -of(f)));
            format!("{:.0} ({low:.0}-{high:.0})", median(all, of))
        };
        let (cpu, wall, rss) = (cell(|f| f.cpu_ms), cell(|f| f.wall_ms), cell(|f| f.rss_mib));
        println!("{name:<12} {cpu:>24} {wall:>24} {rss:>24}");
    }
    if let [ours, floors @ ..] = figures.as_slice() {
        for (name, floor) in names.iter().skip(1).zip(floors) {
            // Round by round: the two of one round had the same neighbours.
            let ratio = |of: fn(&Figures) -> f64| {
                let mut all: Vec<f64> = ours.iter().zip(floor).map(|(a, b)| of(a) / of(b)).collect();
                all.sort_by(f64::total_cmp);
                all[all.len() / 2]
            };
            println!("  x {name}: CPU {:.2}, wall {:.2}", ratio(|f| f.cpu_ms), ratio(|f| f.wall_ms));
        }
    }
    println!("  fleetglass says: {states}");
    if plan.silent > 0 {
        answers::compare(plan, clusters, &kubeconfig);
    } else {
        frame::first(program, &kubeconfig, dir.path(), plan.rounds);
    }
    fleet.stop();
    figures.swap_remove(0)
}

/// How many clusters are in which state, and with which codes, by the document that was written.
fn tally(out: &Path) -> String {
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap_or_default();
    let mut counts = std::collections::BTreeMap::new();
    for item in document["items"].as_array().into_iter().flatten() {
        let state = item["state"].as_str().unwrap_or("?");
        let code = item["reasons"][0]["code"].as_str().filter(|_| state != "OK").unwrap_or("");
        *counts.entry(format!("{state} {code}").trim().to_owned()).or_insert(0) += 1;
    }
    counts.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
}

fn median(all: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn least(all: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    all.iter().map(of).fold(f64::INFINITY, f64::min)
}
