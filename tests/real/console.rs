//! Fleetglass itself on real API servers, beside simulated ones: as JSON and on the screen.

use std::path::Path;
use std::process::Output;

use chrono::{DateTime, TimeDelta, Utc};
use fleetglass::clock::Clock;
use serde_json::Value;

use crate::controlplane::ControlPlane;
use crate::pane::{Pane, patience};
use crate::support::{Served, quiet};

fn fleetglass(home: &Path, kubeconfigs: &[&Path], args: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fleetglass"));
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").args(args);
    for path in kubeconfigs {
        command.arg("--kubeconfig").arg(path);
    }
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn status(home: &Path, kubeconfigs: &[&Path], args: &[&str]) -> Value {
    let args: Vec<_> = ["status", "--json", "--timeout", "60s"].iter().chain(args).copied().collect();
    let output = fleetglass(home, kubeconfigs, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn time(value: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap().to_utc()
}

#[test]
#[ignore = "needs real control plane"]
fn three_real_servers_are_shown_beside_simulated_ones_and_everything_said_of_them_is_right() {
    let Some(plane) = ControlPlane::start_or_skip(3) else { return };
    let simulated = Served::start(quiet(5));
    let files = [plane.fleet_kubeconfig(), simulated.kubeconfig.as_path()];
    let clock = Clock::system();
    let before = clock.now();
    let document = status(simulated.dir.path(), &files, &[]);
    let after = clock.now();

    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 8);
    assert_eq!(items.iter().filter(|i| i["live"] == true).count(), 8, "{document}");
    for (index, server) in plane.servers().iter().enumerate() {
        let item = items.iter().find(|i| i["name"] == server.name.as_str()).unwrap();
        assert_eq!(item["version"]["controlPlane"], server.version.as_str());
        assert_eq!(item["id"], server.kube_system_uid.as_str());
        assert_eq!(item["server"], server.url.as_str());
        assert_eq!(item["controlPlane"]["ready"], true);
        assert!(item["controlPlane"]["totalChecks"].as_u64().unwrap() > 20, "{item}");
        assert_eq!(item["nodes"]["total"], server.profile.nodes);
        assert_eq!(item["nodes"]["ready"], server.profile.ready());
        assert_eq!(item["nodes"]["cordoned"], usize::from(server.profile.cordoned.is_some()));
        assert_eq!(item["region"], server.profile.region, "{item}");
        assert_eq!(item["access"]["method"], "client-cert");
        let end = time(&item["certificates"]["serving"]["notAfter"]);
        assert_eq!(end.timestamp(), server.serving_not_after.timestamp());
        let end = time(&item["certificates"]["client"]["notAfter"]);
        assert_eq!(end.timestamp(), server.admin.not_after.timestamp());
        for block in [&item["version"], &item["nodes"], &item["controlPlane"], item] {
            let at = time(&block["observedAt"]);
            assert!(before <= at + TimeDelta::seconds(1) && at <= after, "{block}");
        }
        let codes: Vec<_> =
            item["reasons"].as_array().unwrap().iter().map(|r| r["code"].as_str().unwrap()).collect();
        let days = (server.serving_not_after - after).num_days();
        assert_eq!(codes.contains(&"CERT_EXPIRES"), days < 30, "{index}: {codes:?}");
        assert_eq!(codes.contains(&"NODES_NOT_READY"), server.profile.not_ready.is_some(), "{codes:?}");
        let wanted = match (days, server.profile.not_ready) {
            (..7, _) | (_, Some(_)) => "CRIT", // one of three nodes is more than a fifth
            (..30, None) => "WARN",
            _ => "OK",
        };
        assert_eq!(item["state"], wanted, "{item}");
    }
}

#[test]
#[ignore = "needs real control plane"]
fn real_servers_are_on_the_screen_and_open_with_their_nodes_and_events() {
    let Some(plane) = ControlPlane::start_or_skip(3) else { return };
    let simulated = Served::start(quiet(5));
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_fleetglass"))
        .arg("--kubeconfig")
        .arg(plane.fleet_kubeconfig())
        .arg("--kubeconfig")
        .arg(&simulated.kubeconfig)
        .env_clear()
        .env("HOME", simulated.dir.path())
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8");
    let mut pane = Pane::start(command, 36, 120);
    for server in plane.servers() {
        let (name, version) = (server.name.clone(), server.version.clone());
        let nodes = format!("{}/{}", server.profile.ready(), server.profile.nodes);
        pane.wait("a real server's row", patience(60.0), |text| {
            text.lines().any(|l| l.contains(&name) && l.contains(&version) && l.contains(&nodes))
        });
    }
    pane.press("/cluster:real-1\rj\r");
    pane.wait("its drill-down", patience(20.0), |t| t.contains(&plane.servers()[0].kube_system_uid));
    pane.press("2");
    pane.wait("its nodes", patience(20.0), |t| t.contains("Ready,Sched"));
    pane.press("3");
    pane.wait("its events", patience(20.0), |t| t.contains("BackOff"));
    pane.press("\x03");
    pane.ended(patience(2.0));
}

#[test]
#[ignore = "needs real control plane"]
fn a_viewer_a_stranger_and_a_stopped_server_are_rows_with_a_reason() {
    let Some(mut plane) = ControlPlane::start_or_skip(1) else { return };
    let home = tempfile::tempdir().unwrap();
    let file = plane.kubeconfig().to_owned();
    let document = status(home.path(), &[&file], &[]);
    let item = |document: &Value, name: &str| {
        document["items"].as_array().unwrap().iter().find(|i| i["name"] == name).unwrap().clone()
    };
    let viewer = item(&document, "real-1-viewer");
    assert_eq!(viewer["nodes"]["error"]["code"], "HTTP403", "{viewer}");
    assert_eq!(viewer["version"]["controlPlane"], plane.servers()[0].version.as_str());
    let stranger = item(&document, "real-1-stranger");
    assert_eq!((&stranger["state"], &stranger["error"]["code"]), (&"AUTH".into(), &"HTTP401".into()));
    assert_eq!(item(&document, "real-1")["live"], true);

    plane.stop(0);
    let document = status(home.path(), &[&file], &["-c", "real-1"]);
    let stopped = item(&document, "real-1");
    assert_eq!((&stopped["state"], &stopped["error"]["code"]), (&"DOWN".into(), &"TCP".into()), "{stopped}");
    assert_eq!(document["partial"], true);
}
