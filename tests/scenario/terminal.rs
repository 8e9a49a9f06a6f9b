//! The real binary in a pseudo-terminal: what is on the screen and when, and that the terminal is given back whatever happens.
//!
//! Deadlines are ten times what is promised to people, because the fleet is simulated on the same machine, without optimisation.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::sim::{Blueprint, Fault, Hostile, Route, Stage};
use pty_process::blocking::Command;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::pane::{Pane, patience};
use crate::support::{Served, quiet};

/// The console over `kubeconfig` with nothing of this machine's own configuration.
pub(crate) fn console(kubeconfig: &Path, home: &Path, extra: &[&str]) -> Command {
    Command::new(env!("CARGO_BIN_EXE_fleetglass"))
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(extra)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
}

/// How many clusters the first line says are in that state; nothing before it says so.
fn count(screen: &str, state: &str) -> usize {
    let words: Vec<_> = screen.lines().next().unwrap_or_default().split_whitespace().collect();
    words.windows(2).find(|w| w[1] == state).and_then(|w| w[0].parse().ok()).unwrap_or(0)
}

/// How many answer. Which of them have a finding depends on the date: releases reach their end of life.
fn live(screen: &str) -> usize {
    count(screen, "OK") + count(screen, "WARN")
}

/// A small healthy fleet, its kubeconfig, and a console on it that has shown it.
fn shown(clusters: usize, rows: u16, columns: u16) -> (Served, Pane) {
    let fleet = Served::start(quiet(clusters));
    let pane = Pane::start(console(&fleet.kubeconfig, fleet.dir.path(), &[]), rows, columns);
    pane.wait("the fleet", patience(60.0), |t| live(t) == clusters);
    (fleet, pane)
}

fn restored(pane: &Pane) {
    let paste_is_off = |pane: &Pane| {
        let raw = pane.raw();
        let last = |what: &[u8]| raw.windows(what.len()).rposition(|w| w == what);
        last(b"\x1b[?2004l") > last(b"\x1b[?2004h")
    };
    // What the program wrote last may still be on its way through the terminal.
    pane.settle(patience(10.0), |pane| pane.modes() == (false, false) && paste_is_off(pane));
    assert_eq!(pane.modes(), (false, false), "the alternate screen is left and the cursor shown");
    assert!(paste_is_off(pane), "bracketed paste is switched off again");
}

#[test]
fn four_hundred_clusters_forty_of_them_black_holes() {
    let fleet = Served::start(quiet(400));
    let names = fleet.sim(|sim| sim.clusters().iter().take(40).map(|c| c.name.clone()).collect::<Vec<_>>());
    for cluster in names {
        fleet.sim(move |sim| sim.set_fault(&cluster, Route::Connect, Some(Fault::Silence(Stage::Accept))));
    }
    let mut pane = Pane::start(console(&fleet.kubeconfig, fleet.dir.path(), &[]), 36, 120);
    pane.wait("a skeleton", patience(1.5), |t| t.contains("fleetglass") && t.contains("Fleet"));
    assert!(pane.first_byte().unwrap() < patience(1.5), "{:?}", pane.first_byte());
    pane.wait("every row's name", patience(3.0), |t| t.contains("400"));
    // While nothing has been decided yet, keys are answered.
    pane.press("?");
    pane.wait("help while clusters hang", patience(0.5), |t| t.contains("Help"));
    pane.press("\x1b");
    pane.wait("help gone", patience(0.5), |t| !t.contains("Help"));
    pane.wait("all live ones", patience(100.0), |t| live(t) == 360);
    pane.wait("the dead ones", patience(200.0), |t| count(t, "DOWN") == 40);
    pane.press("qq");
    let (status, took) = pane.ended(patience(1.0));
    assert!(status.success(), "{status:?}");
    assert!(took < patience(1.0));
    restored(&pane);
}

#[test]
fn quits_at_once_while_every_cluster_hangs() {
    let fleet = Served::start(quiet(30));
    let names = fleet.sim(|sim| sim.clusters().iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    for cluster in names {
        fleet.sim(move |sim| sim.set_fault(&cluster, Route::Connect, Some(Fault::Silence(Stage::Accept))));
    }
    let mut pane = Pane::start(console(&fleet.kubeconfig, fleet.dir.path(), &[]), 24, 80);
    pane.wait("rows", patience(10.0), |t| t.contains("prod-"));
    pane.press("\x03");
    let (_, took) = pane.ended(patience(1.0));
    assert!(took < patience(1.0));
    restored(&pane);
}

#[test]
fn signals_give_the_terminal_back_and_name_themselves_in_the_exit_code() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let (_fleet, mut pane) = shown(3, 24, 80);
        pane.signal(signal);
        let (status, _) = pane.ended(patience(2.0));
        assert_eq!(status.code(), Some(code), "{signal:?}");
        restored(&pane);
    }
}

#[test]
fn a_terminal_that_nobody_reads_does_not_keep_the_program() {
    let (_fleet, mut pane) = shown(5, 60, 200);
    pane.stop_reading();
    // Frames enough to fill what a terminal holds back for a slow reader.
    for columns in (100..200).cycle().take(400) {
        pane.resize(60, columns);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    pane.signal(Signal::TERM);
    let (status, _) = pane.ended(patience(20.0));
    assert_eq!(status.code(), Some(143));
}

#[test]
fn a_stopped_console_gives_the_terminal_back_and_returns() {
    let (_fleet, mut pane) = shown(3, 24, 80);
    for by_palette in [true, false] {
        if by_palette {
            pane.press(":");
            pane.wait("the palette", patience(2.0), |t| t.contains("Commands and clusters"));
            pane.press("suspend\r");
        } else {
            pane.signal(Signal::TSTP);
        }
        pane.settle(patience(5.0), |pane| !pane.modes().0);
        assert!(!pane.modes().0, "still on the alternate screen:\n{}", pane.text());
        pane.signal(Signal::CONT);
        pane.wait("the fleet again", patience(5.0), |t| live(t) == 3);
        assert!(pane.modes().0, "back on the alternate screen");
    }
}

#[test]
fn a_terminal_that_is_resized_to_nothing_and_back_is_drawn_again() {
    let (_fleet, mut pane) = shown(5, 24, 80);
    for (rows, columns) in [(1, 1), (2, 200), (60, 20), (12, 60), (36, 120)] {
        pane.resize(rows, columns);
    }
    pane.wait("the wide layout", patience(5.0), |t| t.contains("CTL-PLANE") && live(t) == 5);
    pane.press("qq");
    pane.ended(patience(2.0));
}

#[test]
fn a_pasted_book_runs_no_commands() {
    let (_fleet, mut pane) = shown(3, 24, 80);
    pane.press("\x1b[200~qq:quit\rqqqq\x1b[201~");
    pane.press("?");
    pane.wait("help", patience(5.0), |t| t.contains("Help"));
}

#[test]
fn escape_sequences_in_every_name_never_reach_the_terminal() {
    let fleet = Served::start(quiet(4));
    let victim = fleet.sim(|sim| sim.clusters()[0].name.clone());
    let name = victim.clone();
    fleet.sim(move |sim| sim.set_fault(&name, Route::All, Some(Fault::Hostile(Hostile::Escapes))));
    let mut pane = Pane::start(console(&fleet.kubeconfig, fleet.dir.path(), &[]), 36, 120);
    pane.wait("all of them", patience(60.0), |t| t.contains("seen 4/4"));
    pane.press("/");
    pane.press(&victim);
    pane.press("\r\r");
    pane.wait("the drill-down", patience(10.0), |t| t.contains("Overview"));
    pane.press("2");
    pane.wait("its nodes", patience(30.0), |t| t.contains('\u{241b}') || t.contains("\u{2039}U+"));
    let raw = pane.raw();
    for bad in [&b"\x1b]52;"[..], b"\x1b]8;", b"\x1bP"] {
        assert!(!raw.windows(bad.len()).any(|w| w == bad), "{bad:?} came through");
    }
    // The only bells are those that end the window titles which the console sets itself.
    let count = |what: &[u8]| raw.windows(what.len()).filter(|w| *w == what).count();
    assert_eq!(count(b"\x07"), count(b"\x1b]0;fleetglass"));
    assert!(
        !String::from_utf8_lossy(&raw).chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c)),
        "C1 came through"
    );
}

#[test]
fn without_a_terminal_the_status_is_printed() {
    let fleet = Served::start(quiet(3));
    let run = |term: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_fleetglass"))
            .arg("--kubeconfig")
            .arg(&fleet.kubeconfig)
            .env_clear()
            .env("HOME", fleet.dir.path())
            .env("TERM", term)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = run("xterm-256color");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(text.lines().filter(|l| l.contains(" OK ") || l.contains(" WARN ")).count(), 3, "{text}");
    assert!(!text.contains('\u{1b}'), "no escape sequence in a pipe");
}

#[test]
fn without_a_controlling_terminal_it_is_a_console_on_the_one_it_was_given() {
    let fleet = Served::start(quiet(2));
    // In a session of its own there is no /dev/tty, although input and output are a terminal.
    let command = Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_fleetglass"), "--kubeconfig"])
        .arg(&fleet.kubeconfig)
        .env_clear()
        .env("HOME", fleet.dir.path())
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color");
    let mut pane = Pane::start(command, 24, 80);
    pane.wait("the fleet", patience(60.0), |t| live(t) == 2);
    pane.press("qq");
    let (status, _) = pane.ended(patience(5.0));
    assert!(status.success(), "{status:?}");
    restored(&pane);
}

#[test]
fn who_asks_for_the_console_without_a_terminal_is_told_and_gets_exit_code_2() {
    let fleet = Served::start(quiet(1));
    let output = std::process::Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_fleetglass"), "tui", "--kubeconfig"])
        .arg(&fleet.kubeconfig)
        .env_clear()
        .env("HOME", fleet.dir.path())
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("needs a terminal") && output.stdout.is_empty(), "{said}");
}

#[test]
fn a_plugin_cannot_reach_the_terminal_of_the_console() {
    let fleet = Served::start(quiet(1));
    let dir = fleet.dir.path();
    let (plugin, told) = (dir.join("plugin"), dir.join("told"));
    let script = format!(
        "#!/bin/sh\n( (printf INTRUDER > /dev/tty) 2>/dev/null && echo reached || echo none ) > {0}.new\nmv {0}.new {0}\nprintf INTRUDER >&2\nexit 1\n",
        told.display()
    );
    std::fs::write(&plugin, script).unwrap();
    std::fs::set_permissions(&plugin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (cluster, text) = (
        fleet.sim(|sim| sim.clusters()[0].name.clone()),
        std::fs::read_to_string(&fleet.kubeconfig).unwrap(),
    );
    let user = format!(
        "users:\n- name: asks\n  user:\n    exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: IfAvailable, command: {}}}\n",
        plugin.display()
    );
    let context = format!("contexts:\n- name: intruded\n  context: {{cluster: {cluster}, user: asks}}\n");
    let text = text.replacen("users:\n", &user, 1).replacen("contexts:\n", &context, 1);
    std::fs::write(dir.join("asking"), text).unwrap();
    let mut pane = Pane::start(console(&dir.join("asking"), dir, &["--context", "intruded"]), 24, 80);
    pane.wait("the failure of the plugin on its row", patience(60.0), |t| count(t, "AUTH") == 1);
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "none\n", "there was a terminal to write to");
    pane.press("qq");
    pane.ended(patience(5.0));
    restored(&pane);
}

#[test]
fn a_dumb_terminal_gets_the_status_too() {
    let fleet = Served::start(quiet(3));
    let home = TempDir::new().unwrap();
    let mut pane = Pane::start(console(&fleet.kubeconfig, home.path(), &[]).env("TERM", "dumb"), 24, 120);
    pane.ended(patience(60.0));
    pane.settle(patience(5.0), |pane| pane.text().contains("CLUSTER"));
    let text = pane.text();
    assert!(text.contains("CLUSTER") || text.contains("NAME"), "{text}");
    assert!(!pane.raw().contains(&0x1b));
}

#[test]
fn a_lost_terminal_ends_the_program_without_a_busy_loop() {
    let (_fleet, pane) = shown(3, 24, 80);
    let mut child = pane.hang_up();
    let began = Clock::system().tick();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < patience(20.0), "still running without a terminal");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn few_file_descriptors_make_it_slower_and_fail_no_cluster() {
    let fleet =
        Served::start(Blueprint { clusters: 150, troubled: false, live: false, ..Blueprint::default() });
    let output = std::process::Command::new("/bin/sh")
        .args([
            "-c",
            "ulimit -n 64; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_fleetglass"),
            "status",
            "--timeout",
            "120s",
            "--json",
        ])
        .arg("--kubeconfig")
        .arg(&fleet.kubeconfig)
        .env("HOME", fleet.dir.path())
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let states = &document["summary"]["states"];
    let live = states["OK"].as_u64().unwrap() + states["WARN"].as_u64().unwrap();
    assert_eq!(live, 150, "{}", document["errors"]);
}
