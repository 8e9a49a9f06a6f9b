//! Against real Kubernetes API servers, built from source; `tests/controlplane/README.md` says how.
//!
//! Ignored unless asked for: `cargo test --test real -- --ignored`.

#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, unreachable_pub, reason = "see above")]
#[path = "support/controlplane.rs"]
mod controlplane;

#[cfg(test)]
#[path = "real/console.rs"]
mod console;
#[cfg(test)]
#[path = "support/contract.rs"]
mod contract;
#[cfg(test)]
#[path = "real/hub.rs"]
mod hub;
#[cfg(test)]
#[path = "real/inspect.rs"]
mod inspect;
#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, reason = "see above")]
#[path = "support/pane.rs"]
mod pane;
#[cfg(test)]
#[path = "real/registry.rs"]
mod registry;
#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, reason = "see above")]
#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use controlplane::ControlPlane;
use controlplane::https::Login;
use controlplane::pki::Authority;
use controlplane::processes::{Family, Program, exists, wait_for};
use fleetglass::clock::Clock;
use serde_json::Value;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// The cells of a column of a Table, as text; nothing if there is no such column or a cell is no text.
fn column(table: &Value, name: &str) -> Option<Vec<String>> {
    let at = table["columnDefinitions"].as_array()?.iter().position(|column| column["name"] == name)?;
    let cell = |row: &Value| row["cells"].get(at)?.as_str().map(str::to_owned);
    table["rows"].as_array()?.iter().map(cell).collect()
}

#[test]
#[ignore = "needs real control plane"]
fn three_real_servers_answer_each_with_its_own_version_identity_nodes_and_audit_log() {
    let Some(plane) = ControlPlane::start_or_skip(3) else { return };
    let mut versions = BTreeSet::new();
    let mut identities = BTreeSet::new();
    for (index, server) in plane.servers().iter().enumerate() {
        let context = server.name.as_str();
        let kubectl = |args: &[&str]| plane.kubectl(context, args).unwrap();
        let json = |args: &[&str]| serde_json::from_str::<Value>(&kubectl(args)).unwrap();

        let version = json(&["get", "--raw", "/version"]);
        assert_eq!(version["gitVersion"], server.version.as_str());
        versions.insert(server.version.clone());
        let ready = kubectl(&["get", "--raw", "/readyz?verbose"]);
        assert!(ready.contains("[+]etcd ok") && ready.contains("readyz check passed"), "{ready}");
        let namespace = json(&["get", "namespace", "kube-system", "-o", "json"]);
        assert_eq!(namespace["metadata"]["uid"], server.kube_system_uid.as_str());
        identities.insert(server.kube_system_uid.clone());

        let client = server.admin_client().unwrap();
        let answer = client.get("/api/v1/nodes", TABLE).unwrap().ok().unwrap();
        let table = answer.json().unwrap();
        assert_eq!(table["kind"], "Table", "{table}");
        let states = column(&table, "Status").unwrap();
        let profile = &server.profile;
        assert_eq!(states.len(), profile.nodes);
        let ready = states.iter().filter(|state| state.split(',').any(|part| part == "Ready")).count();
        assert_eq!(ready, profile.ready(), "{states:?}");
        let cordoned = states.iter().filter(|state| state.contains("SchedulingDisabled")).count();
        assert_eq!(cordoned, usize::from(profile.cordoned.is_some()), "{states:?}");
        let kubelets: BTreeSet<String> = column(&table, "Version").unwrap().into_iter().collect();
        assert_eq!(kubelets.len(), 1 + usize::from(profile.behind.is_some()), "{kubelets:?}");
        assert!(kubelets.contains(&server.version), "{kubelets:?}");

        let lines = plane.audit_lines(index).unwrap();
        let asked = |line: &&Value| line["requestURI"] == "/api/v1/nodes" && line["verb"] == "list";
        assert_eq!(lines.iter().filter(asked).count(), 1, "each server has an audit log of its own");
    }
    assert_eq!(versions.len(), 3, "{versions:?}");
    assert_eq!(identities.len(), 3, "{identities:?}");
}

#[test]
#[ignore = "needs real control plane"]
fn every_way_in_ends_where_it_should_and_servers_can_go_and_come_back() {
    let Some(mut plane) = ControlPlane::start_or_skip(1) else { return };
    let who = |plane: &ControlPlane, context: &str| {
        let answer = plane.kubectl(context, &["auth", "whoami", "-o", "json"])?;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        Ok::<_, String>(answer["status"]["userInfo"]["username"].as_str().unwrap().to_owned())
    };
    assert_eq!(who(&plane, "real-1").unwrap(), "admin");
    assert_eq!(who(&plane, "real-1-token").unwrap(), "token-admin");
    assert_eq!(who(&plane, "real-1-viewer").unwrap(), "viewer");
    assert!(who(&plane, "real-1-stranger").unwrap_err().contains("Unauthorized"));

    let server = &plane.servers()[0];
    let status =
        |login| server.client(login).unwrap().get("/api/v1/nodes", "application/json").unwrap().status;
    assert_eq!(status(Login::Token(&server.admin_token)), 200);
    assert_eq!(status(Login::Token(&server.viewer_token)), 403);
    assert_eq!(status(Login::Token("nobody-knows-this-token")), 401);
    assert_eq!(status(Login::Anonymous), 403);
    let warnings = plane
        .kubectl("real-1-viewer", &["get", "events", "-A", "--field-selector=type=Warning", "-o", "name"]);
    assert!(warnings.unwrap().contains("event/cart-0.backoff"));
    let pods = plane.kubectl("real-1-viewer", &["get", "pods", "-n", "shop"]).unwrap();
    assert!(pods.contains("CrashLoopBackOff") && pods.contains("Pending"), "{pods}");
    let made = plane.kubectl_with_input(
        "real-1",
        &["create", "-f", "-"],
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "shop"}}"#,
    );
    assert_eq!(made.unwrap(), "configmap/kept created\n");

    let version = ["get", "--raw", "/version", "--request-timeout=1s"];
    plane.freeze(0).unwrap();
    let nothing = plane.kubectl("real-1", &version).unwrap_err();
    plane.thaw(0).unwrap();
    assert!(nothing.to_lowercase().contains("timeout"), "{nothing}");
    plane.kubectl("real-1", &["get", "--raw", "/version"]).unwrap();

    plane.stop(0);
    let refused = plane.servers()[0].admin_client().unwrap().get("/readyz", "*/*").unwrap_err();
    assert!(refused.contains("refused"), "{refused}");
    plane.start_again(0).unwrap();
    let kept = plane.kubectl("real-1", &["get", "configmap", "kept", "-n", "shop", "-o", "name"]);
    assert_eq!(kept.unwrap(), "configmap/kept\n");

    let (dir, ids) = (plane.dir().to_owned(), plane.process_ids());
    drop(plane);
    assert!(!dir.exists(), "its files go with it");
    assert!(!ids.into_iter().any(exists), "its processes go with it");
}

#[test]
fn servers_and_their_files_end_with_a_test_that_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut family = Family::new(dir.path()).unwrap();
    let mut command = family.command(Path::new("sleep"), dir.path());
    command.arg("600");
    let mut server = Program::start(command, &dir.path().join("log")).unwrap();
    assert!(server.ended().is_none() && exists(server.id()));
    family.let_go();
    let ended = wait_for("the watchdog", Duration::from_secs(30), || Ok(server.ended()));
    assert!(!ended.unwrap().success());
    assert!(!dir.path().exists());
}

#[test]
fn certificates_end_when_their_makers_say() {
    let now = Clock::system().now();
    let authority = Authority::new("test", now).unwrap();
    for (identity, days) in [
        (authority.serving(5).unwrap(), 5),
        (authority.serving(200).unwrap(), 200),
        (authority.client("admin", "system:masters", 25).unwrap(), 25),
    ] {
        let (_, pem) = x509_parser::pem::parse_x509_pem(identity.cert_pem.as_bytes()).unwrap();
        let cert = pem.parse_x509().unwrap();
        assert_eq!(cert.validity().not_after.timestamp(), identity.not_after.timestamp());
        assert_eq!((identity.not_after - now + chrono::Duration::seconds(1)).num_days(), days);
        assert!(cert.validity().is_valid());
    }
}

#[test]
#[ignore = "needs real control plane"]
fn a_real_server_keeps_the_contract_that_the_simulation_is_held_to() {
    let Some(mut plane) = ControlPlane::start_or_skip(1) else { return };
    // A server that has been up since its first write remembers everything; after a restart the past is gone.
    plane.stop(0);
    plane.start_again(0).unwrap();
    let server = &plane.servers()[0];
    let subject = contract::Subject {
        admin: server.admin_client().unwrap(),
        viewer: server.client(Login::Token(&server.viewer_token)).unwrap(),
        viewer_name: controlplane::seed::VIEWER.to_owned(),
        stranger: server.client(Login::Token("nobody-was-given-this")).unwrap(),
    };
    contract::check("kube-apiserver", &subject);
}
