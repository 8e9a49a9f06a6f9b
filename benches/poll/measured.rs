//! One run of a program as the system accounts for it.
//!
//! What the system says of ended children it says of all of them together, so every run gets a parent of its own.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{Resource, Rlimit, setrlimit};

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) wall_ms: f64,
    /// User and system time of all threads.
    pub(crate) cpu_ms: f64,
    pub(crate) rss_mib: f64,
}

/// Runs `command` below a parent of its own, what it prints in `out`.
pub(crate) fn measure(command: &Command, out: &Path, files: Option<u64>) -> Figures {
    let mut parent = Command::new(std::env::current_exe().unwrap());
    parent.arg("measured").arg(out).arg(files.unwrap_or(0).to_string());
    parent.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            parent.env(name, value);
        }
    }
    let said = parent.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let values: Vec<f64> = said.split_whitespace().map(|v| v.parse().unwrap()).collect();
    let [wall_ms, cpu_ms, rss_mib] = values.as_slice() else { panic!("the parent said {said:?}") };
    Figures { wall_ms: *wall_ms, cpu_ms: *cpu_ms, rss_mib: *rss_mib }
}

/// The parent: `OUT FILES PROGRAM ARGS...`.
pub(crate) fn run(args: &[String]) {
    let [out, files, program, rest @ ..] = args else { panic!("measured OUT FILES PROGRAM ARGS...") };
    let files: u64 = files.parse().unwrap();
    if files > 0 {
        setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum: Some(files) }).unwrap();
    }
    let mut command = Command::new(program);
    command.args(rest).stdout(File::create(out).unwrap()).stderr(Stdio::null()).stdin(Stdio::null());
    let began = Instant::now();
    let _ended = command.status().unwrap();
    let wall = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 * 1e6 + t.tv_usec() as f64;
    let cpu = (micros(usage.user_time()) + micros(usage.system_time())) / 1_000.0;
    // Linux counts in KiB.
    println!("{} {cpu} {}", wall.as_secs_f64() * 1_000.0, usage.max_rss() as f64 / 1_024.0);
}
