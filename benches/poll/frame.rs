//! The console on a terminal: how long until it draws at all, and until clusters' names stand there.

use std::path::Path;
use std::time::{Duration, Instant};

use pty_process::blocking::Command;

#[path = "../../tests/support/pane.rs"]
#[expect(clippy::allow_attributes, reason = "the tests use another part of it")]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the tests use the rest"
)]
mod pane;

use pane::Pane;

/// Starts the console `rounds` times and prints when what was there.
pub(crate) fn first(program: &str, kubeconfig: &Path, home: &Path, rounds: usize) {
    // The head of the list of a class stands above its first names.
    let head = "[guessed]";
    let (mut bytes, mut names) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let command = Command::new(program).arg("--kubeconfig").arg(kubeconfig).env("HOME", home);
        let command =
            command.env("XDG_CONFIG_HOME", home).env("XDG_STATE_HOME", home).env("TERM", "xterm-256color");
        let began = Instant::now();
        let pane = Pane::start(command, 60, 200);
        pane.wait("a name", Duration::from_secs(20), |screen| screen.contains(head));
        names.push(began.elapsed());
        bytes.extend(pane.first_byte());
    }
    for (what, mut times) in [("first bytes", bytes), ("first names", names)] {
        times.sort();
        let ms = |t: &Duration| t.as_secs_f64() * 1_000.0;
        let [first, .., last] = times.as_slice() else { continue };
        println!(
            "  {what} on a terminal: {:.1} ms ({:.1}-{:.1})",
            ms(&times[times.len() / 2]),
            ms(first),
            ms(last)
        );
    }
}
