//! The program against every trouble that the simulated fleet knows: one document says of each cluster what is wrong with it,
//! and of its neighbours nothing.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::sim::{Fault, Hostile, Refusal, Route, Stage, TlsFault};
use serde_json::Value;

use crate::pane::patience;
use crate::support::{Served, quiet};

/// The program with nothing of this machine's own configuration.
pub(crate) fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetglass"));
    command.args(args).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&output.stdout), text(&output.stderr)))
}

/// Where in a row something is told.
#[derive(Clone, Copy, Debug)]
enum At {
    /// The cluster cannot be had.
    Whole,
    /// One reading failed.
    Nodes,
    Version,
    /// Among the reasons of the verdict.
    Reason,
}

/// What a row must say: where, the code, the state, and words of the message.
type Says = (At, &'static str, &'static str, &'static str);

/// What is wrong with `row`, measured by `says`; nothing if it is as it should be.
fn lie(row: &Value, says: Says) -> Option<String> {
    let (at, code, state, words) = says;
    let found = match at {
        At::Whole => row["error"].clone(),
        At::Nodes => row["nodes"]["error"].clone(),
        At::Version => row["version"]["error"].clone(),
        At::Reason => {
            row["reasons"].as_array()?.iter().find(|r| r["code"] == code).cloned().unwrap_or_default()
        }
    };
    let fits = found["code"] == code
        && found["message"].as_str().is_some_and(|m| m.contains(words))
        && row["state"] == state;
    (!fits).then(|| {
        format!("{}: wanted {says:?}, found {} {found} of {}", row["name"], row["state"], row["reasons"])
    })
}

/// What is wrong with a row that nothing is wrong with.
fn unwell(row: &Value) -> Option<String> {
    let untouched = row["error"].is_null()
        && ["nodes", "version", "controlPlane"].iter().all(|part| row[part]["error"].is_null())
        && row["controlPlane"]["ready"] == true
        && row["nodes"]["total"].as_u64() > Some(0)
        && ["OK", "WARN"].iter().any(|state| row["state"] == *state)
        // Which releases are past their end depends on the day.
        && row["reasons"].as_array()?.iter().all(|r| r["code"] == "END_OF_LIFE" || r["code"] == "SKEW");
    (!untouched).then(|| format!("{}: {} {} {}", row["name"], row["state"], row["error"], row["reasons"]))
}

fn refusal(refusal: Refusal) -> Fault {
    Fault::Refusal(refusal)
}

fn too_many(retry_after: &str) -> Fault {
    Fault::TooManyRequests { retry_after: Some(retry_after.to_owned()) }
}

/// Every trouble and what the row says of it.
fn troubles() -> Vec<(Route, Fault, Says)> {
    use At::{Nodes, Reason, Version, Whole};
    let second = Duration::from_secs(1);
    let html = "HTML page";
    vec![
        // Nobody there, or nobody who speaks.
        (Route::Connect, Fault::Refuse, (Whole, "TCP", "DOWN", "connection refused")),
        (Route::Connect, Fault::Reset, (Whole, "TCP", "DOWN", "connection ")),
        (
            Route::Connect,
            Fault::Silence(Stage::Accept),
            (Whole, "TIMEOUT", "DOWN", "no TLS handshake within 3 s"),
        ),
        (
            Route::All,
            Fault::Silence(Stage::BeforeHeaders),
            (Whole, "TIMEOUT", "DOWN", "no answer within 5 s"),
        ),
        (
            Route::All,
            Fault::Silence(Stage::AfterHeaders),
            (Whole, "TIMEOUT", "DOWN", "stopped in the middle"),
        ),
        (Route::All, Fault::Silence(Stage::MidBody), (Whole, "TIMEOUT", "DOWN", "stopped in the middle")),
        (Route::Nodes, Fault::Silence(Stage::MidBody), (Nodes, "TIMEOUT", "WARN", "")),
        (Route::All, Fault::Drip { bytes: 1, every: second }, (Whole, "TIMEOUT", "DOWN", "")),
        (Route::Nodes, Fault::Drip { bytes: 16, every: second }, (Nodes, "TIMEOUT", "WARN", "")),
        (Route::All, Fault::Reset, (Whole, "TCP", "DOWN", "")),
        (Route::All, Fault::MidChunk, (Whole, "PARSE", "DOWN", "cut short")),
        // Somebody else.
        (Route::Connect, Fault::Tls(TlsFault::Expired), (Whole, "TLS", "DOWN", "expired")),
        (Route::Connect, Fault::Tls(TlsFault::NotYetValid), (Whole, "TLS", "DOWN", "not valid before")),
        (Route::Connect, Fault::Tls(TlsFault::WrongName), (Whole, "TLS", "DOWN", "is not for 127.0.0.1")),
        (Route::Connect, Fault::Tls(TlsFault::UnknownAuthority), (Whole, "TLS", "DOWN", "unknown authority")),
        (Route::All, Fault::Html, (Whole, "PARSE", "DOWN", "web page")),
        (
            Route::All,
            Fault::Redirect("https://portal.test/login".to_owned()),
            (Whole, "HTTP", "DOWN", "302 redirects to portal.test"),
        ),
        // Refusals.
        (Route::All, refusal(Refusal::Unauthorized), (Whole, "HTTP401", "AUTH", "")),
        (Route::All, refusal(Refusal::Forbidden), (Reason, "NO_ACCESS", "WARN", "")),
        (Route::All, refusal(Refusal::ForbiddenHtml), (Reason, "NO_ACCESS", "WARN", "")),
        (Route::Nodes, refusal(Refusal::Forbidden), (Nodes, "HTTP403", "OK", "nodes is forbidden")),
        (Route::All, refusal(Refusal::GroupMissing), (Whole, "HTTP", "DOWN", "")),
        (Route::All, refusal(Refusal::Conflict), (Whole, "HTTP", "DOWN", "")),
        (Route::Nodes, refusal(Refusal::Expired), (Nodes, "HTTP", "WARN", "")),
        (Route::All, refusal(Refusal::UnsupportedMediaType), (Whole, "HTTP", "DOWN", "")),
        (Route::All, refusal(Refusal::Invalid), (Whole, "HTTP", "DOWN", "")),
        (Route::All, refusal(Refusal::Internal), (Whole, "HTTP5XX", "DOWN", "")),
        (Route::All, refusal(Refusal::BadGatewayHtml), (Whole, "HTTP5XX", "DOWN", html)),
        (Route::All, refusal(Refusal::Unavailable), (Whole, "HTTP5XX", "DOWN", "")),
        (Route::All, Fault::GatewayTimeout { committed: false }, (Whole, "HTTP5XX", "DOWN", "")),
        (Route::All, Fault::TooManyRequests { retry_after: None }, (Reason, "HTTP429", "WARN", "")),
        (Route::All, too_many("4294967295"), (Reason, "HTTP429", "WARN", "")),
        (Route::All, too_many("soon"), (Reason, "HTTP429", "WARN", "")),
        // Bodies that are not what they should be.
        (
            Route::All,
            Fault::ContentType("text/plain".to_owned()),
            (Version, "PARSE", "WARN", "answered text/plain"),
        ),
        (
            Route::Nodes,
            Fault::ContentType("image/png".to_owned()),
            (Nodes, "PARSE", "WARN", "answered image/png"),
        ),
        (Route::Nodes, Fault::TruncatedJson, (Nodes, "PARSE", "WARN", "ends too early")),
        (Route::Nodes, Fault::WrongKind, (Nodes, "PARSE", "WARN", "")),
        (Route::Version, Fault::TruncatedJson, (Version, "PARSE", "WARN", "ends too early")),
        (Route::Nodes, Fault::HugeList { bytes: 500 << 20 }, (Nodes, "PARSE", "WARN", "larger than 8 MiB")),
        (Route::Nodes, Fault::GzipBomb { bytes: 1 << 30 }, (Nodes, "PARSE", "WARN", "compressed")),
        (Route::All, Fault::GzipBomb { bytes: 1 << 30 }, (Whole, "PARSE", "DOWN", "compressed")),
        (Route::All, Fault::Hostile(Hostile::RawControls), (Version, "PARSE", "WARN", "not the JSON")),
        (Route::Nodes, Fault::Hostile(Hostile::InvalidUtf8), (Nodes, "PARSE", "WARN", "")),
        // Answers that are right and say something.
        (Route::All, Fault::DateSkew { seconds: 3_600 }, (Reason, "CLOCK_SKEW", "WARN", "ahead of")),
        (Route::Readyz, Fault::Unready("etcd".to_owned()), (Reason, "NOT_READY", "WARN", "etcd")),
    ]
}

/// Asks again until `wrong` has nothing to say: on a machine under load a healthy cluster may once be too slow.
fn settle(fleet: &Served, args: &[&str], wrong: impl Fn(&Value) -> Vec<String>) -> Output {
    let began = Clock::system().tick();
    loop {
        let kubeconfig = fleet.kubeconfig.to_str().unwrap();
        let mut all = args.to_vec();
        all.extend(["--kubeconfig", kubeconfig]);
        let output = program(fleet.dir.path(), &all).output().unwrap();
        let wrongs = wrong(&document(&output));
        if wrongs.is_empty() {
            return output;
        }
        assert!(began.elapsed() < patience(100.0), "{}", wrongs.join("\n"));
    }
}

#[test]
fn every_trouble_has_its_code_and_the_neighbours_none() {
    let troubles = troubles();
    let fleet = Served::start(quiet(100));
    let names = fleet.sim(|sim| sim.clusters().iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    for (name, (route, fault, _)) in names.iter().zip(&troubles) {
        let (name, route, fault) = (name.clone(), route.clone(), fault.clone());
        fleet.sim(move |sim| sim.set_fault(&name, route, Some(fault)));
    }
    // These two change nothing: a slow answer and what a server wants people to know.
    let slow = Fault::Latency { base: Duration::from_millis(50), tail: Duration::ZERO };
    let (late, warned) = (names[98].clone(), names[99].clone());
    fleet.sim(move |sim| {
        sim.set_fault(&late, Route::All, Some(slow));
        sim.set_fault(&warned, Route::All, Some(Fault::Warning("policy/v1beta1 is old".to_owned())));
    });
    let output = settle(&fleet, &["status", "--json", "--timeout", "60s"], |document| {
        let row = |name: &String| {
            document["items"].as_array().unwrap().iter().find(|r| r["name"] == **name).cloned().unwrap()
        };
        let lies = names.iter().zip(&troubles).filter_map(|(name, trouble)| lie(&row(name), trouble.2));
        let ill = names.iter().skip(troubles.len()).filter_map(|name| unwell(&row(name)));
        lies.chain(ill).collect()
    });
    assert_eq!(output.status.code(), Some(0), "dead rows are data");
}

#[test]
fn text_from_a_hostile_cluster_comes_clean_through_every_output() {
    let fleet = Served::start(quiet(3));
    let victim = fleet.sim(|sim| {
        let name = sim.clusters()[1].name.clone();
        sim.set_fault(&name, Route::All, Some(Fault::Hostile(Hostile::Escapes)));
        name
    });
    let show = ["clusters", "show", &victim, "--timeout", "60s"];
    let with = |head: &[&'static str], tail: &[&'static str]| [head, tail].concat();
    let status = ["status", "--timeout", "60s"];
    let mut runs: Vec<Vec<&str>> = ["table", "wide", "json", "yaml", "name", "csv", "ndjson"]
        .iter()
        .map(|format| with(&status, &["-o", format]))
        .collect();
    runs.push(with(&["events", "--timeout", "60s"], &["--type", "all"]));
    runs.push(with(&["events", "--timeout", "60s"], &["--type", "all", "-o", "json"]));
    runs.push(with(&["versions", "--timeout", "60s"], &[]));
    runs.push(show.to_vec());
    runs.push([&show[..], &["-o", "json"]].concat());
    let mut seen_foreign = false;
    for args in runs {
        let output =
            program(fleet.dir.path(), &args).arg("--kubeconfig").arg(&fleet.kubeconfig).output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            let shown = text(stream);
            let bad = |c: &char| {
                (c.is_control() && !matches!(c, '\n'))
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
            };
            assert_eq!(shown.chars().find(bad), None, "{args:?}: {shown:?}");
            // Nor hidden in JSON, where a terminal would see it after one more program.
            for escaped in ["\\u001b", "\\u0007", "\\u009b", "\\u202e", "\\r"] {
                assert!(!shown.contains(escaped), "{args:?}: {escaped}");
            }
            seen_foreign |= shown.contains('\u{241b}') || shown.contains("U+");
        }
    }
    assert!(seen_foreign, "the hostile text was never shown at all");
}

#[test]
fn a_thousand_contexts_with_one_slow_plugin_run_it_once_and_say_that_they_wait() {
    let fleet = Served::start(quiet(2));
    let dir = fleet.dir.path();
    let runs = dir.join("runs");
    let script = |name: &str, body: &str| {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, executable).unwrap();
        path
    };
    let slow = script("slow", &format!("echo $$ >> {}\nexec sleep 600", runs.display()));
    let quick = script(
        "quick",
        r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"not-known"}}'"#,
    );
    let text = std::fs::read_to_string(&fleet.kubeconfig).unwrap();
    let (cluster, url) = fleet.sim(|sim| (sim.clusters()[0].name.clone(), sim.clusters()[0].url.clone()));
    let user = |name: &str, command: &Path| {
        format!(
            "- name: {name}\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: {}\n",
            command.display()
        )
    };
    let users = format!("users:\n{}{}", user("slow", &slow), user("quick", &quick));
    let context = |name: &str, cluster: &str, user: &str| {
        format!("- name: {name}\n  context: {{cluster: {cluster}, user: {user}}}\n")
    };
    // One address would be one cluster; behind a front each has a path of its own.
    let fronts = (0..1_000).fold(String::new(), |text, n| {
        let server = format!("{{server: '{url}/{n}', insecure-skip-tls-verify: true}}");
        text + "- name: front-" + &n.to_string() + "\n  cluster: " + &server + "\n"
    });
    let many: String =
        (0..1_000).map(|n| context(&format!("slow-{n}"), &format!("front-{n}"), "slow")).collect();
    // The last of all, so that it stands behind those that wait.
    let contexts = format!("contexts:\n{many}{}", context("quick", &cluster, "quick"));
    let text = text.replacen("users:\n", &users, 1).replacen("contexts:\n", &contexts, 1);
    let text = text.replacen("clusters:\n", &format!("clusters:\n{fronts}"), 1);
    std::fs::write(dir.join("many"), text).unwrap();
    let began = Clock::system().tick();
    let output = loop {
        let args = [
            "status",
            "--json",
            "--timeout",
            "8s",
            "--context",
            "slow-*",
            "--context",
            "quick",
            "--kubeconfig",
        ];
        let output = program(dir, &args).arg(dir.join("many")).output().unwrap();
        let rows = document(&output)["items"].as_array().unwrap().clone();
        let is_quick = |row: &&Value| row["name"] == "quick";
        let quick_is_told = rows.iter().find(is_quick).is_some_and(|row| row["error"]["code"] == "HTTP401");
        let waiting = rows.iter().filter(|r| r["state"] == "NEW" && r["phase"] == "signingIn").count();
        if quick_is_told && waiting == 1_000 {
            break output;
        }
        assert!(
            began.elapsed() < patience(60.0),
            "{waiting} wait, quick: {:?}\n{}",
            rows.iter().find(is_quick),
            text_of(&output)
        );
        std::fs::remove_file(&runs).ok();
    };
    assert!(text_of(&output).contains("1000 of them wait for a credential plugin"), "{}", text_of(&output));
    let pids = std::fs::read_to_string(&runs).unwrap();
    assert_eq!(pids.lines().count(), 1, "one run for all");
    // What was still at work when the program ended went with it.
    let process = Path::new("/proc").join(pids.trim());
    let began = Clock::system().tick();
    while std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z")) {
        assert!(began.elapsed() < patience(10.0), "the plugin outlived the program");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).chars().take(3_000).collect()
}

#[test]
fn variables_that_redirect_other_clients_are_not_read() {
    let fleet = Served::start(quiet(2));
    let output = program(fleet.dir.path(), &["status", "--json", "--timeout", "60s", "--kubeconfig"])
        .arg(&fleet.kubeconfig)
        .env("KUBE_RS_DEBUG_OVERRIDE_URL", "https://203.0.113.1:1")
        .env("KUBE_RS_DEBUG_IMPERSONATE_USER", "somebody")
        .env("KUBE_RS_DEBUG_IMPERSONATE_GROUP", "nobody")
        .output()
        .unwrap();
    let document = document(&output);
    assert!(document["items"].as_array().unwrap().iter().all(|r| r["error"].is_null()), "{document}");
    assert!(fleet.sim(|sim| sim.audit()).iter().all(|line| line.user != "somebody"));
}
