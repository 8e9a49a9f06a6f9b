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

/// A kubeconfig of the first server with these contexts of it, in that order.
fn contexts(plane: &ControlPlane, names: &[&str]) -> tempfile::NamedTempFile {
    let all = plane.kubectl("real-1", &["config", "view", "--raw", "-o", "json"]).unwrap();
    let mut all: Value = serde_json::from_str(&all).unwrap();
    let known = all["contexts"].as_array().unwrap().clone();
    let picked = names.iter().map(|name| known.iter().find(|c| c["name"] == *name).unwrap().clone());
    all["contexts"] = picked.collect();
    all["current-context"] = names[0].into();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), all.to_string()).unwrap();
    file
}

/// How many requests of ours the administrator's certificate was used for.
fn by_admin(plane: &ControlPlane) -> usize {
    let lines = plane.audit_lines(0).unwrap();
    let ours = |l: &&Value| l["userAgent"].as_str().is_some_and(|agent| agent.starts_with("fleetglass/"));
    lines.iter().filter(ours).filter(|l| l["user"]["username"] == "admin").count()
}

/// The only row, the path in use, and all paths in their order.
fn only(document: &Value) -> (&Value, Vec<&str>, Vec<&str>) {
    let items = document["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{document:#}");
    let (mut used, mut all) = (Vec::new(), Vec::new());
    for path in items[0]["identity"]["paths"].as_array().unwrap() {
        let name = path["sighting"].as_str().unwrap().rsplit(':').next().unwrap();
        all.push(name);
        used.extend((path["used"] == true).then_some(name));
    }
    (&items[0], used, all)
}

#[test]
#[ignore = "needs real control plane"]
fn contexts_of_one_server_are_paths_of_one_row_and_each_shows_what_it_may_see() {
    let Some(mut plane) = ControlPlane::start_or_skip(1) else { return };
    let home = tempfile::tempdir().unwrap();
    let file = plane.kubeconfig().to_owned();
    let all = ["real-1", "real-1-token", "real-1-viewer", "real-1-stranger"];
    let document = status(home.path(), &[&file], &["--no-memory"]);
    let (row, used, paths) = only(&document);
    assert_eq!(
        (&row["live"], &row["id"]),
        (&true.into(), &plane.servers()[0].kube_system_uid.as_str().into())
    );
    assert_eq!((used, paths), (vec!["real-1"], all.to_vec()), "{row:#}");

    // One of them alone.
    let document = status(home.path(), &[&file], &["--context", "real-1-viewer", "--no-memory"]);
    let (viewer, used, _) = only(&document);
    assert_eq!(viewer["nodes"]["error"]["code"], "HTTP403", "{viewer}");
    assert_eq!(viewer["version"]["controlPlane"], plane.servers()[0].version.as_str());
    assert_eq!(used, ["real-1-viewer"]);
    let document = status(home.path(), &[&file], &["--context", "real-1-stranger", "--no-memory"]);
    let (stranger, ..) = only(&document);
    assert_eq!((&stranger["state"], &stranger["error"]["code"]), (&"AUTH".into(), &"HTTP401".into()));

    // Refused on the first path, it is contacted over the next; that for emergencies is nobody's choice but a person's.
    let before = by_admin(&plane);
    let paths = contexts(&plane, &["real-1-stranger", "real-1", "real-1-viewer"]);
    let fleet = home.path().join("fleet.yaml");
    let glass = "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: real}\nspec: {breakGlass: [real-1]}\n";
    std::fs::write(&fleet, glass).unwrap();
    let rules = ["--fleet", fleet.to_str().unwrap(), "--no-memory"];
    let document = status(home.path(), &[paths.path()], &rules);
    let (row, used, order) = only(&document);
    assert_eq!((&row["live"], used), (&true.into(), vec!["real-1-viewer"]), "{row:#}");
    assert_eq!(order, ["real-1-stranger", "real-1-viewer", "real-1"], "the one for emergencies comes last");
    assert_eq!(row["nodes"]["error"]["code"], "HTTP403", "{row:#}");
    let refused = contexts(&plane, &["real-1-stranger", "real-1"]);
    let document = status(home.path(), &[refused.path()], &rules);
    let (row, used, _) = only(&document);
    assert_eq!((&row["state"], used), (&"AUTH".into(), vec!["real-1-stranger"]), "{row:#}");
    assert_eq!(by_admin(&plane), before, "no request was made with what is for emergencies");

    plane.stop(0);
    let document = status(home.path(), &[&file], &["--context", "real-1", "--no-memory"]);
    let (stopped, ..) = only(&document);
    assert_eq!((&stopped["state"], &stopped["error"]["code"]), (&"DOWN".into(), &"TCP".into()), "{stopped}");
    assert_eq!(document["partial"], true);
}
