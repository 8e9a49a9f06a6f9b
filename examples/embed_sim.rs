//! A simulated fleet inside a test: real HTTPS servers in this process, one of them broken on purpose.
//!
//! ```sh
//! cargo run --example embed_sim
//! ```

use std::error::Error;
use std::io::{Write as _, stdout};
use std::time::Duration;

use fleetglass::access::kubeconfig;
use fleetglass::clock::Clock;
use fleetglass::engine::{self, Settings};
use fleetglass::registry;
use fleetglass::sim::{self, Blueprint, Fault, Refusal, Route};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let blueprint = Blueprint { clusters: 12, seed: 42, troubled: false, live: false, hubs: false };
    let fleet = sim::start(blueprint, Clock::system()).await?;
    let broken = fleet.clusters().first().map(|c| c.name.clone()).unwrap_or_default();
    fleet.set_fault(&broken, Route::All, Some(Fault::Refusal(Refusal::Unauthorized)));

    let dir = tempfile::tempdir()?;
    let settings = Settings {
        plan: registry::Plan {
            search: kubeconfig::Search { explicit: vec![fleet.write(dir.path())?], env: None, home: None },
            contact: true,
            ..registry::Plan::default()
        },
        ..Settings::default()
    };
    let running = engine::start(settings, Clock::system())?;
    // The engine has a thread of its own; waiting for it must not keep this one from serving the fleet.
    let (running, seen) = tokio::task::spawn_blocking(move || {
        let seen = running.wait_decided(Duration::from_secs(30));
        (running, seen)
    })
    .await?;
    for cluster in seen.clusters.iter() {
        let why = cluster.verdict.reasons.first().map(|r| r.message.clone()).unwrap_or_default();
        writeln!(stdout(), "{:<28} {:<5} {why}", cluster.entry.name, cluster.verdict.state)?;
    }
    let wrong = seen.clusters.iter().filter(|c| c.verdict.state == fleetglass::fleet::State::Auth).count();
    tokio::task::spawn_blocking(move || running.stop()).await?;
    fleet.stop().await;
    if wrong == 1 { Ok(()) } else { Err(format!("{wrong} clusters refuse us, expected one").into()) }
}
