//! Real Kubernetes API servers on loopback, for tests: one etcd, any number of kube-apiservers in front of it.
//!
//! The programs are built by `tests/controlplane/build.sh`; `tests/controlplane/README.md` says how that works and in
//! what these servers differ from a cluster. Every server has its own authorities, certificates, users, storage prefix
//! and audit log, so nothing tells them from servers on different continents but the address.
//!
//! Nothing outlives the test: dropping the [`ControlPlane`] kills the processes, and a watchdog does so when the
//! test process dies without dropping it. It may therefore live in a `static`.
//!
//! `tests/real.rs` shows how to include it: under `#[cfg(test)]`, so that the lints know it for test code, and with dead
//! code allowed, for no test needs all of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleetglass::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

#[path = "controlplane/https.rs"]
pub mod https;
#[path = "controlplane/kubeconfig.rs"]
mod kubeconfig;
#[path = "controlplane/pki.rs"]
pub mod pki;
#[path = "controlplane/processes.rs"]
pub mod processes;
#[path = "controlplane/programs.rs"]
mod programs;
#[path = "controlplane/seed.rs"]
pub mod seed;
#[path = "controlplane/server.rs"]
mod server;

use pki::write;
use processes::{Family, Port, Program, wait_for};
use programs::{env, patch_levels, programs};
pub use server::{ApiServer, Lifetimes};
use server::{Setup, start_etcd};

/// The folder with the definitions that hubs serve, or why there is none.
pub fn definitions() -> Result<PathBuf, String> {
    programs::definitions()
}

/// How long one kubectl may take.
const KUBECTL: Duration = Duration::from_mins(1);

/// One etcd and the API servers in front of it. Fields drop in this order: servers, group, files.
pub struct ControlPlane {
    servers: Vec<ApiServer>,
    running: Vec<Option<Program>>,
    setups: Vec<Setup>,
    _etcd: Program,
    family: Family,
    _etcd_ports: [Port; 2],
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    fleet_kubeconfig: PathBuf,
    dir: TempDir,
}

impl ControlPlane {
    /// Starts `n` servers side by side and fills them. Patch levels go round; the serving certificates end in 200, 20
    /// and 5 days and the administrators' in 300, 25 and 300, so that one of each kind is worth a warning.
    ///
    /// # Errors
    /// Says what is missing, or which program failed and its last words.
    pub fn start(n: usize) -> Result<Self, String> {
        let lifetimes = [(200, 300), (20, 25), (5, 300)];
        let lifetimes = lifetimes.map(|(serving_days, admin_days)| Lifetimes { serving_days, admin_days });
        Self::start_with(&lifetimes.into_iter().cycle().take(n).collect::<Vec<_>>())
    }

    /// Starts one server for each of `lifetimes`, and fills them.
    pub fn start_with(lifetimes: &[Lifetimes]) -> Result<Self, String> {
        let bin = programs()?;
        let versions = patch_levels(&bin)?;
        let now = Clock::system().now();
        let dir = tempfile::Builder::new()
            .prefix("fleetglass-controlplane-")
            .tempdir()
            .map_err(|why| format!("cannot make a temporary folder: {why}"))?;
        let family = Family::new(dir.path())?;
        let etcd_ports = [Port::reserve()?, Port::reserve()?];
        let etcd = start_etcd(&family, &bin.join("etcd"), dir.path(), &etcd_ports)?;

        let mut setups = Vec::new();
        for (index, lifetimes) in lifetimes.iter().enumerate() {
            let version = versions.get(index % versions.len()).ok_or("no kube-apiserver was built")?;
            let (etcd, program) = (etcd_ports[0].number(), bin.join(format!("kube-apiserver-{version}")));
            setups.push(Setup::new(index, dir.path(), program, etcd, *lifetimes, now)?);
        }
        let started: Vec<Result<(ApiServer, Program), String>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                setups.iter().map(|setup| scope.spawn(|| setup.start_and_fill(&family, now))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err("a thread that starts a server panicked".to_owned()))
            };
            threads.into_iter().map(join).collect()
        });
        let (mut servers, mut running) = (Vec::new(), Vec::new());
        for one in started {
            let (server, program) = one?;
            servers.push(server);
            running.push(Some(program));
        }
        let (kubeconfig, fleet_kubeconfig) =
            (dir.path().join("kubeconfig"), dir.path().join("kubeconfig-fleet"));
        write(&kubeconfig, &kubeconfig::text(&servers, true))?;
        write(&fleet_kubeconfig, &kubeconfig::text(&servers, false))?;
        Ok(Self {
            servers,
            running,
            setups,
            _etcd: etcd,
            family,
            _etcd_ports: etcd_ports,
            kubectl: bin.join("kubectl"),
            kubeconfig,
            fleet_kubeconfig,
            dir,
        })
    }

    /// [`ControlPlane::start`], or nothing (and a word on stderr) where the programs were never built, unless
    /// `FLEETGLASS_REQUIRE_CONTROLPLANE=1` says that this is a failure. Any other failure panics.
    pub fn start_or_skip(n: usize) -> Option<Self> {
        if let Err(why) = programs() {
            assert!(env("FLEETGLASS_REQUIRE_CONTROLPLANE").is_none_or(|value| value != "1"), "{why}");
            eprintln!("skipped: {why}");
            return None;
        }
        Some(Self::start(n).unwrap_or_else(|why| panic!("{why}")))
    }

    /// The folder with the definitions that real hubs serve.
    ///
    /// # Errors
    /// Says how they are fetched, if they are not there.
    pub fn definitions() -> Result<PathBuf, String> {
        programs::definitions()
    }

    /// The servers, in the order of their names.
    pub fn servers(&self) -> &[ApiServer] {
        &self.servers
    }

    /// A kubeconfig (YAML, everything inline) with four contexts per server: `real-1` (administrator's certificate),
    /// `real-1-token` (administrator's token), `real-1-viewer` (may not read nodes), `real-1-stranger` (a token that
    /// the server does not know).
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig with the contexts `real-1`, `real-2`, ... alone, as a fleet has them.
    pub fn fleet_kubeconfig(&self) -> &Path {
        &self.fleet_kubeconfig
    }

    /// What kubectl says on stdout; `Err` has its stderr.
    pub fn kubectl(&self, context: &str, args: &[&str]) -> Result<String, String> {
        self.kubectl_with_input(context, args, "")
    }

    /// [`ControlPlane::kubectl`] with `input` on stdin, for `-f -`.
    pub fn kubectl_with_input(&self, context: &str, args: &[&str], input: &str) -> Result<String, String> {
        // Files and not pipes: nobody has to read while another writes, and a deadline is a deadline.
        let folder =
            tempfile::tempdir_in(self.dir.path()).map_err(|why| format!("no temporary folder: {why}"))?;
        let [stdin, stdout, stderr] = ["in", "out", "err"].map(|name| folder.path().join(name));
        write(&stdin, input)?;
        let file =
            |result: std::io::Result<std::fs::File>| result.map_err(|why| format!("temporary file: {why}"));
        let mut command = self.family.command(&self.kubectl, self.dir.path());
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--context", context]).args(args);
        command.stdin(file(std::fs::File::open(&stdin))?);
        command.stdout(file(std::fs::File::create(&stdout))?).stderr(file(std::fs::File::create(&stderr))?);
        let mut child = command.spawn().map_err(|why| format!("cannot start kubectl: {why}"))?;
        let what = format!("kubectl {}", args.join(" "));
        let status = wait_for(&what, KUBECTL, || child.try_wait().map_err(|why| format!("{what}: {why}")));
        if status.is_err() {
            drop(child.kill());
            drop(child.wait());
        }
        let read =
            |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        match status? {
            status if status.success() => Ok(read(&stdout)),
            status => Err(format!("{what}: {status}: {}", read(&stderr).trim())),
        }
    }

    /// The audit log of a server: one JSON object per answered request, without bodies.
    pub fn audit(&self, server: usize) -> PathBuf {
        self.setups[server].dir.join("audit.log")
    }

    /// The audit log so far, parsed. The server writes a line before the request's answer is finished.
    pub fn audit_lines(&self, server: usize) -> Result<Vec<Value>, String> {
        let path = self.audit(server);
        let text = std::fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        // A line being written has no end yet.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|why| format!("audit line: {why}")))
            .collect()
    }

    /// Ends a server at once; its port then refuses connections.
    pub fn stop(&mut self, server: usize) {
        self.running[server] = None;
    }

    /// Starts a stopped server again, with the same port, certificates and objects.
    pub fn start_again(&mut self, server: usize) -> Result<(), String> {
        self.stop(server);
        let setup = &self.setups[server];
        let mut program = setup.start(&self.family)?;
        setup.wait_until_ready(&mut program)?;
        self.running[server] = Some(program);
        Ok(())
    }

    /// Makes a server a black hole: connections are accepted and nothing ever answers.
    pub fn freeze(&self, server: usize) -> Result<(), String> {
        self.running[server].as_ref().ok_or("that server is stopped")?.freeze()
    }

    /// Ends [`ControlPlane::freeze`].
    pub fn thaw(&self, server: usize) -> Result<(), String> {
        self.running[server].as_ref().ok_or("that server is stopped")?.thaw()
    }

    /// Process ids of the running servers.
    pub fn process_ids(&self) -> Vec<u32> {
        self.running.iter().flatten().map(Program::id).collect()
    }

    /// The folder that holds everything and goes with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}
