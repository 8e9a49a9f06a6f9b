//! The fleet that is asked: healthy but for what a bench takes away from it, in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::sim::{self, Blueprint, Fault, Route, Stage};

/// A fleet at work.
pub(crate) struct Fleet(Child);

impl Fleet {
    /// Starts it and waits until its kubeconfig is in `dir`.
    pub(crate) fn start(dir: &Path, clusters: usize, silent: usize, latency: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("serve").arg(dir).args([clusters.to_string(), silent.to_string(), latency.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the fleet did not start");
        Self(child)
    }

    /// Ends it: it lives for as long as its standard input is open.
    pub(crate) fn stop(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// The fleet's process: `DIR CLUSTERS SILENT LATENCY`.
pub(crate) fn run(args: &[String]) {
    let number = |n: usize| args[n].parse::<u64>().unwrap();
    let (clusters, silent, latency) = (usize::try_from(number(1)).unwrap(), number(2), number(3));
    fleetglass::host::raise_open_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _fleet = runtime.block_on(async {
        let blueprint = Blueprint { clusters, seed: 7, troubled: false, live: false, hubs: false };
        let fleet = sim::start(blueprint, Clock::system()).await.unwrap();
        for (n, cluster) in fleet.clusters().iter().enumerate() {
            if latency > 0 {
                let latency = Fault::Latency { base: Duration::from_millis(latency), tail: Duration::ZERO };
                fleet.set_fault(&cluster.name, Route::All, Some(latency));
            }
            if (n as u64 * silent) / 100 != ((n as u64 + 1) * silent) / 100 {
                fleet.set_fault(&cluster.name, Route::Connect, Some(Fault::Silence(Stage::Accept)));
            }
        }
        fleet.write(Path::new(&args[0])).unwrap();
        println!("ready");
        let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        end.await.unwrap().unwrap();
        fleet
    });
}
