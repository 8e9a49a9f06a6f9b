//! The fleet as JSON, through the library: what `fleetglass status --json` prints.
//!
//! ```sh
//! cargo run --example fleet_json -- ~/.kube/config
//! ```

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use fleetglass::access::kubeconfig;
use fleetglass::clock::Clock;
use fleetglass::engine::{self, Settings};
use fleetglass::{registry, report};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err("name one or more kubeconfig files or folders".into());
    }
    let clock = Clock::system();
    let settings = Settings {
        plan: registry::Plan {
            search: kubeconfig::Search { explicit: files, env: None, home: None },
            contact: true,
            ..registry::Plan::default()
        },
        ..Settings::default()
    };
    let running = engine::start(settings, clock.clone())?;
    // Every row is decided, or ten seconds have passed: a dead cluster is a row like any other.
    let fleet = running.wait_decided(Duration::from_secs(10));
    let document = report::fleet_status(
        &fleet,
        &fleet.clusters,
        None,
        clock.now(),
        report::Tool { name: "fleet_json", version: env!("CARGO_PKG_VERSION") },
    );
    writeln!(stdout(), "{}", serde_json::to_string_pretty(&document)?)?;
    running.stop();
    Ok(())
}
