//! `demo`: a made-up fleet on this machine, alone or under the console.
//!
//! It has a kubeconfig, hubs and a fleet file of its own. Nobody's own fleet file, the machine's or the memory is looked at.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::oneshot;

use super::args::{DemoArgs, Global, StatusArgs};
use super::fault::{Exit, Fault, chain};
use super::notes::Talk;
use super::surroundings::Io;
use super::surroundings::Surroundings;
use super::{console, gather, status, suggest};
use crate::clock::Clock;
use crate::sim::{self, Blueprint};

/// A fleet that has not started by then never will.
const START: Duration = Duration::from_mins(1);

/// `demo`.
pub(super) fn run(global: &Global, args: &DemoArgs, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let (clusters, seed, hubs) = (args.clusters.into(), args.seed, !args.no_hubs);
    let blueprint = Blueprint { clusters, seed, hubs, ..Blueprint::default() };
    match &args.serve {
        Some(dir) => serve(global, blueprint, &io.around.path(dir), io),
        None => console(global, blueprint, io),
    }
}

/// Serves the fleet until somebody ends it. The one line on standard output says that the files are there.
fn serve(global: &Global, blueprint: Blueprint, dir: &Path, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let mut stop = io.stop.listen();
    let (count, hubs) = (blueprint.clusters, blueprint.hubs);
    let fleet = SimThread::start(blueprint, dir, &io.around.clock)?;
    let path = suggest::shown_path(&fleet.kubeconfig);
    let count = gather::plural(count, "cluster");
    let (mut files, mut flags) = (format!("kubeconfig {path}"), format!("--kubeconfig {path}"));
    if hubs {
        let path = suggest::shown_path(&fleet.fleet_file());
        let _written = write!(files, ", fleet file {path}");
        let _written = write!(flags, " --fleet {path}");
    }
    writeln!(io.stdout, "ready: {count}, {files}")?;
    io.stdout.flush()?;
    if Talk::of(global) > Talk::Quiet {
        writeln!(io.stderr, "In another terminal: fleetglass {flags} --no-memory")?;
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Fault::failed("the made-up fleet cannot be waited for").why(e.to_string()))?;
    let exit = runtime.block_on(stop.wait());
    fleet.stop();
    Ok(exit)
}

/// The console on the fleet, or its status where there is no terminal. Nothing of it stays behind.
fn console(global: &Global, blueprint: Blueprint, io: &mut Io<'_>) -> Result<Exit, Fault> {
    if !global.kubeconfig.is_empty() || !global.context.is_empty() {
        return Err(
            Fault::usage("the demo has a fleet of its own").hint("Leave --kubeconfig and --context away.")
        );
    }
    if global.fleet.is_some() {
        return Err(Fault::usage("the demo has a fleet file of its own").hint("Leave --fleet away."));
    }
    // A folder of our own, 0700, removed when it goes out of scope.
    let dir = tempfile::Builder::new()
        .prefix("fleetglass-demo-")
        .tempdir()
        .map_err(|e| Fault::failed("there is no place for the demo's files").why(e.to_string()))?;
    let hubs = blueprint.hubs;
    let fleet = SimThread::start(blueprint, dir.path(), &io.around.clock)?;
    let global = Global { fleet: hubs.then(|| fleet.fleet_file()), ..global.clone() };
    alone(&mut io.around, dir.path());
    let ended = if console::can_draw(&io.around) && !console::wants_text(&global) {
        console::on(&global, Some(&fleet.kubeconfig), io)
    } else {
        let global = Global { kubeconfig: vec![fleet.kubeconfig.clone()], ..global };
        status::run(&global, &StatusArgs::default(), io)
    };
    fleet.stop();
    ended
}

/// Takes away what the person and the machine have of fleets, and puts the memory into the demo's folder.
fn alone(around: &mut Surroundings, dir: &Path) {
    around.policy_fleet = None;
    around.vars.remove(OsStr::new("FLEETGLASS_FLEET"));
    around.vars.insert("XDG_STATE_HOME".into(), dir.join("state").into());
    let Some(config) = around.config_dir.replace(dir.join("config")) else { return };
    // The folder may hold a fleet file and tables of releases; colours and keys are the person's all the same.
    let config = config.join("config.toml");
    if around.var_os("FLEETGLASS_CONFIG").is_none() && config.exists() {
        around.vars.insert("FLEETGLASS_CONFIG".into(), config.into());
    }
}

/// A simulated fleet on a thread and runtime of its own, so that it and the console do not slow each other down.
struct SimThread {
    kubeconfig: PathBuf,
    quit: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SimThread {
    /// Starts the fleet and writes `dir/kubeconfig`.
    fn start(blueprint: Blueprint, dir: &Path, clock: &Clock) -> Result<Self, Fault> {
        let (ready, started) = mpsc::sync_channel(1);
        let (quit, quitting) = oneshot::channel();
        let (dir, clock) = (dir.to_path_buf(), clock.clone());
        let thread = std::thread::Builder::new()
            .name("sim".to_owned())
            .spawn(move || live(blueprint, &dir, clock, &ready, quitting))
            .map_err(|e| Fault::failed("the made-up fleet cannot start").why(e.to_string()))?;
        match started.recv_timeout(START) {
            Ok(Ok(kubeconfig)) => Ok(Self { kubeconfig, quit, thread }),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::failed("the made-up fleet did not start in time")),
        }
    }

    /// Where the fleet file is, if there are hubs.
    fn fleet_file(&self) -> PathBuf {
        self.kubeconfig.with_file_name("fleet.yaml")
    }

    /// Ends the fleet; its sockets are closed when this returns.
    fn stop(self) {
        drop(self.quit);
        // A panic in there has been reported already, and the fleet is gone either way.
        drop(self.thread.join());
    }
}

fn live(
    blueprint: Blueprint,
    dir: &Path,
    clock: Clock,
    ready: &mpsc::SyncSender<Result<PathBuf, Fault>>,
    quitting: oneshot::Receiver<()>,
) {
    let what = "the made-up fleet cannot start";
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            let _gone = ready.send(Err(Fault::failed(what).why(e.to_string())));
            return;
        }
    };
    runtime.block_on(async {
        let fleet = match sim::start(blueprint, clock).await {
            Ok(fleet) => fleet,
            Err(e) => {
                let hint = "Fewer clusters need fewer sockets: --clusters 10.";
                let _gone = ready.send(Err(Fault::failed(what).why(chain(&e)).hint(hint)));
                return;
            }
        };
        let place = suggest::shown_path(dir);
        let written = fleet.write(dir).map_err(|e| {
            Fault::failed("the demo's kubeconfig cannot be written").place(place).why(e.to_string())
        });
        let go_on = written.is_ok();
        if ready.send(written).is_ok() && go_on {
            // Ends when the sender is dropped.
            let _ended = quitting.await;
        }
        fleet.stop().await;
    });
    runtime.shutdown_timeout(Duration::from_millis(500));
}
