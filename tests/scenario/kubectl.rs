//! kubectl, a client that knows nothing of this project, finds the simulated fleet believable.
//!
//! Ignored unless asked for, because a machine that builds this project need not have kubectl; the script that builds
//! the real control plane builds one from the same module. The program is the one that `FLEETGLASS_KUBECTL` names, else the
//! first `kubectl` on the path; without one these tests fail.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::sim::{self, Blueprint, Sim};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// How long one command may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(90);

/// A fleet, its kubeconfig, and kubectl pointed at one cluster.
struct Stage {
    sim: Sim,
    home: tempfile::TempDir,
    context: String,
}

#[expect(clippy::disallowed_methods, reason = "where kubectl is, is for whoever runs the tests to say")]
fn program() -> std::ffi::OsString {
    std::env::var_os("FLEETGLASS_KUBECTL").unwrap_or_else(|| "kubectl".into())
}

impl Stage {
    /// A calm fleet, seen through the context of a production cluster, whose people may do everything.
    async fn new() -> Self {
        let blueprint = Blueprint { clusters: 12, seed: 7, troubled: false, live: false, hubs: false };
        let sim = sim::start(blueprint, Clock::system()).await.expect("a fleet");
        let home = tempfile::tempdir().expect("a folder");
        sim.write(home.path()).expect("a kubeconfig");
        let prod = sim.clusters().iter().find(|cluster| cluster.truth.class == Some("prod"));
        let context = prod.expect("a production cluster").name.clone();
        Self { sim, home, context }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .args(["--context", &self.context])
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.home.path())
            .env_remove("KUBECACHEDIR")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn kubeconfig(&self) -> std::path::PathBuf {
        Path::join(self.home.path(), "kubeconfig")
    }

    async fn run(&self, args: &[&str]) -> Output {
        let output = timeout(PATIENCE, self.command(args).output()).await.expect("kubectl ends in time");
        output.expect("kubectl is there: name it in FLEETGLASS_KUBECTL or put it on the path")
    }

    /// What a command that succeeds prints.
    async fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {args:?}: {err}{out}");
        out.into_owned()
    }

    /// What a command that fails complains of.
    async fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(!output.status.success(), "kubectl {args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A command that reads a document from its input.
    async fn feed(&self, args: &[&str], document: &str) -> Output {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().expect("kubectl");
        let mut input = child.stdin.take().expect("its input");
        input.write_all(document.as_bytes()).await.expect("written");
        drop(input);
        timeout(PATIENCE, child.wait_with_output()).await.expect("kubectl ends in time").expect("its output")
    }

    fn node(&self) -> String {
        self.sim.cluster(&self.context).expect("the cluster").truth.nodes[0].name.clone()
    }
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn get_shows_nodes_and_workloads_narrow_and_wide() {
    let stage = Stage::new().await;
    let truth = stage.sim.cluster(&stage.context).expect("the cluster").truth.clone();
    let nodes = stage.ok(&["get", "nodes"]).await;
    let head: Vec<&str> = nodes.lines().next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    for node in &truth.nodes {
        let line = nodes.lines().find(|line| line.starts_with(&node.name)).expect("the node's line");
        assert!(line.contains(" Ready ") && line.ends_with(&node.version), "{line}");
    }
    let wide = stage.ok(&["get", "nodes", "-o", "wide"]).await;
    assert!(
        wide.contains("INTERNAL-IP") && wide.contains("CONTAINER-RUNTIME") && wide.contains("containerd://")
    );
    let pods = stage.ok(&["get", "pods", "--all-namespaces"]).await;
    assert!(pods.contains("kube-system") && pods.contains("coredns") && pods.contains("1/1"));
    let json = stage.ok(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"]).await;
    assert_eq!(json, truth.uid);
    let everything = stage.ok(&["get", "all", "-n", "kube-system"]).await;
    assert!(
        everything.contains("deployment.apps/coredns") && everything.contains("daemonset.apps/kube-proxy")
    );
    stage.sim.stop().await;
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn get_watching_shows_a_change_as_it_happens() {
    let stage = Stage::new().await;
    stage.ok(&["create", "configmap", "seen", "--from-literal=a=1"]).await;
    let mut child = stage.command(&["get", "configmaps", "-w"]).spawn().expect("kubectl");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut next =
        async || timeout(PATIENCE, lines.next_line()).await.expect("a line in time").expect("text");
    while !next().await.expect("a line").starts_with("seen") {}
    stage.ok(&["patch", "configmap", "seen", "--type", "merge", "-p", r#"{"data":{"b":"2"}}"#]).await;
    let line = next().await.expect("the change");
    assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), ["seen", "2"]);
    child.kill().await.expect("ended");
    stage.sim.stop().await;
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn describe_node_gathers_conditions_pods_and_lease() {
    let stage = Stage::new().await;
    let text = stage.ok(&["describe", "node", &stage.node()]).await;
    for expect in [
        "Name:               ",
        "topology.kubernetes.io/zone=",
        "MemoryPressure   False",
        "KubeletReady",
        "HolderIdentity:",
        "kube-proxy",
        "Allocated resources:",
        "ProviderID:",
    ] {
        assert!(text.contains(expect), "{expect} is not in\n{text}");
    }
    stage.sim.stop().await;
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn create_label_and_delete_change_what_get_shows() {
    let stage = Stage::new().await;
    assert!(
        stage.ok(&["create", "namespace", "short-lived"]).await.contains("namespace/short-lived created")
    );
    let created = stage
        .ok(&["create", "deployment", "web", "--image=web:1", "--replicas=2", "-n", "short-lived"])
        .await;
    assert!(created.contains("deployment.apps/web created"));
    assert!(stage.ok(&["get", "deployments", "-n", "short-lived"]).await.contains("0/2"));
    stage.ok(&["create", "secret", "generic", "word", "--from-literal=word=x", "-n", "short-lived"]).await;
    let node = stage.node();
    assert!(stage.ok(&["label", "node", &node, "team=blue"]).await.contains("labeled"));
    let found = stage.ok(&["get", "nodes", "-l", "team=blue", "-o", "name"]).await;
    assert_eq!(found.trim(), format!("node/{node}"));
    assert!(stage.fails(&["label", "node", &node, "team=red"]).await.contains("already has a value"));
    assert!(stage.ok(&["delete", "namespace", "short-lived"]).await.contains("deleted"));
    let missing = stage.fails(&["get", "namespace", "short-lived"]).await;
    assert!(missing.contains("(NotFound): namespaces \"short-lived\" not found"), "{missing}");
    assert!(stage.fails(&["create", "namespace", "Not-A-Name"]).await.contains("is invalid: metadata.name"));
    stage.sim.stop().await;
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn apply_works_from_either_side_and_create_validates() {
    let stage = Stage::new().await;
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: conf\n  namespace: default\ndata:\n  a: '{value}'\n"
        )
    };
    let check = async |args: &[&str], document: &str, expect: &str| {
        let output = stage.feed(args, document).await;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(expect), "kubectl {args:?}: {said}");
    };
    check(&["create", "-f", "-"], &map("0"), "configmap/conf created").await;
    check(&["create", "-f", "-"], &map("0"), "already exists").await;
    check(&["apply", "-f", "-"], &map("1"), "configmap/conf configured").await;
    check(&["apply", "-f", "-"], &map("1"), "configmap/conf unchanged").await;
    check(&["apply", "--server-side", "--field-manager=other", "-f", "-"], &map("2"), "conflict").await;
    check(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &map("2"), "serverside-applied").await;
    assert_eq!(stage.ok(&["get", "configmap", "conf", "-o", "jsonpath={.data.a}"]).await, "2");
    check(&["delete", "-f", "-"], &map("2"), "deleted").await;
    stage.sim.stop().await;
}

#[tokio::test]
#[ignore = "needs real control plane"]
async fn whoami_resources_and_rights_are_told() {
    let stage = Stage::new().await;
    let me = stage.ok(&["auth", "whoami"]).await;
    assert!(me.contains("oncall@platform.acme.example") && me.contains("system:authenticated"), "{me}");
    let resources = stage.ok(&["api-resources"]).await;
    for expect in ["configmaps", "deployments", "poddisruptionbudgets", "clusterrolebindings", "leases"] {
        assert!(resources.lines().any(|line| line.starts_with(expect)), "{expect}");
    }
    assert_eq!(stage.ok(&["auth", "can-i", "delete", "nodes"]).await.trim(), "yes");
    let version = stage.ok(&["version", "-o", "json"]).await;
    assert!(
        version.contains(&stage.sim.cluster(&stage.context).expect("the cluster").truth.version),
        "{version}"
    );
    stage.sim.stop().await;
}
