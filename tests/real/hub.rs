//! A hub on a real API server that serves the projects' own definitions, and what the tests put there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::controlplane::{ApiServer, ControlPlane};
use crate::pane::patience;

/// When conditions are said to have changed.
const SINCE: &str = "2026-11-01T10:00:00Z";

/// Sources of the fleet file, by their names.
const SOURCES: [(&str, &str); 4] = [
    ("profiles", "kind: cluster-profile"),
    ("capi", "kind: cluster-api, namespaces: [clusters]"),
    ("argo", "kind: argocd, namespaces: [argocd]"),
    ("ocm", "kind: ocm"),
];

/// The first server, with the definitions of ClusterProfile, Cluster API and Open Cluster Management. The others are its members.
pub(crate) struct Hub {
    pub(crate) plane: ControlPlane,
    home: tempfile::TempDir,
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn condition(kind: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": SINCE})
}

/// A kubeconfig with one user, whose fields are given.
fn kubeconfig(server: &ApiServer, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "admin@it",
        "clusters": [{"name": "it", "cluster": {
            "server": server.url, "certificate-authority-data": base64(&server.ca_pem)}}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": "admin@it", "context": {"cluster": "it", "user": "admin"}}],
    })
    .to_string()
}

/// The kubeconfig of a server's administrator, as Cluster API makes it.
pub(crate) fn admin_kubeconfig(server: &ApiServer) -> String {
    let admin = &server.admin;
    kubeconfig(
        server,
        &json!({"client-certificate-data": base64(&admin.cert_pem), "client-key-data": base64(&admin.key_pem)}),
    )
}

/// A kubeconfig with a token.
pub(crate) fn token_kubeconfig(server: &ApiServer, token: &str) -> String {
    kubeconfig(server, &json!({"token": token}))
}

/// A ClusterProfile that says how `server` is reached, by the provider `lab`.
pub(crate) fn profile(name: &str, server: &ApiServer) -> Value {
    json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": {"name": name, "namespace": "clusters",
                     "labels": {"x-k8s.io/cluster-manager": "lab", "env": "prod"}},
        "spec": {"displayName": "pay-eu-1", "clusterManager": {"name": "lab"}},
        "status": {
            "version": {"kubernetes": server.version},
            "properties": [{"name": "cluster.clusterset.k8s.io", "value": server.kube_system_uid},
                           {"name": "location", "value": "eu-west-1"}],
            "conditions": [condition("ControlPlaneHealthy")],
            "accessProviders": [{"name": "lab", "cluster": {
                "server": server.url, "certificate-authority-data": base64(&server.ca_pem)}}],
        },
    })
}

/// A cluster's Secret as Argo CD has it; `config` may be anything.
pub(crate) fn argo(name: &str, server: &str, config: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": name, "namespace": "argocd",
                     "labels": {"argocd.argoproj.io/secret-type": "cluster", "team": "pay"}},
        "stringData": {"name": name, "server": server, "config": config},
    })
}

/// What Argo CD keeps of how a server is reached.
pub(crate) fn argo_config(server: &ApiServer) -> String {
    json!({"bearerToken": server.admin_token, "tlsClientConfig": {"caData": base64(&server.ca_pem)}})
        .to_string()
}

/// A Cluster of Cluster API, v1beta2.
pub(crate) fn capi(name: &str, server: &ApiServer) -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta2", "kind": "Cluster",
        "metadata": {"name": name, "namespace": "clusters", "labels": {"class": "edge"}},
        "spec": {
            "controlPlaneEndpoint": {"host": "127.0.0.1", "port": server.port},
            "controlPlaneRef": {"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "name": name},
            "infrastructureRef": {"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "DevCluster", "name": name},
            "topology": {"classRef": {"name": "edge"}, "version": server.version},
        },
        "status": {"phase": "Provisioned", "conditions": [condition("Available")]},
    })
}

/// The Secret that Cluster API keeps beside a Cluster.
pub(crate) fn capi_secret(cluster: &str, kubeconfig: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "cluster.x-k8s.io/secret",
        "metadata": {"name": format!("{cluster}-kubeconfig"), "namespace": "clusters",
                     "labels": {"cluster.x-k8s.io/cluster-name": cluster}},
        "stringData": {"value": kubeconfig},
    })
}

/// A ManagedCluster; without a server it is one that nobody can dial.
pub(crate) fn managed(name: &str, server: Option<&ApiServer>) -> Value {
    let url = server.map_or("https://store-0042.example.test:6443", |s| s.url.as_str());
    let claims = server.map_or(json!([]), |s| json!([{"name": "id.k8s.io", "value": s.kube_system_uid}]));
    json!({
        "apiVersion": "cluster.open-cluster-management.io/v1", "kind": "ManagedCluster",
        "metadata": {"name": name, "labels": {"region": "eu"}},
        "spec": {"hubAcceptsClient": true, "managedClusterClientConfigs": [{"url": url}]},
        "status": {"version": {"kubernetes": "v1.33.6"}, "clusterClaims": claims,
                   "conditions": [condition("ManagedClusterConditionAvailable")]},
    })
}

impl Hub {
    /// So many servers, the definitions on the first, and the personal configuration.
    pub(crate) fn start(servers: usize) -> Option<Self> {
        let plane = ControlPlane::start_or_skip(servers)?;
        let hub = Self { plane, home: tempfile::tempdir().unwrap() };
        let folder = ControlPlane::definitions().unwrap();
        let files = ["clusterprofiles.yaml", "capi-clusters.yaml", "managedclusters.yaml"];
        let files = files.map(|name| folder.join(name).to_str().unwrap().to_owned());
        hub.kubectl(&["create", "-f", &files[0], "-f", &files[1], "-f", &files[2]], "");
        hub.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"], "");
        hub.kubectl(&["create", "namespace", "clusters"], "");
        hub.kubectl(&["create", "namespace", "argocd"], "");
        hub.configure();
        Some(hub)
    }

    pub(crate) fn kubectl(&self, args: &[&str], input: &str) -> String {
        self.plane.kubectl_with_input("real-1", args, input).unwrap_or_else(|why| panic!("{args:?}: {why}"))
    }

    /// Creates an object on the hub and, if it has one, its status, which is a resource of its own.
    pub(crate) fn create(&self, object: &Value) {
        // A definition is served a moment after it is established.
        let text = object.to_string();
        let made =
            crate::controlplane::processes::wait_for("the definition", Duration::from_secs(30), || {
                Ok(self.plane.kubectl_with_input("real-1", &["create", "-f", "-"], &text).ok())
            });
        made.unwrap_or_else(|why| panic!("{why}: {text}"));
        if object.get("status").is_some() {
            let args = ["apply", "--server-side", "--subresource=status", "--force-conflicts", "-f", "-"];
            self.kubectl(&args, &text);
        }
    }

    /// One of the servers; the first is the hub itself.
    pub(crate) fn server(&self, index: usize) -> &ApiServer {
        &self.plane.servers()[index]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The objects of four projects about three clusters: one that two of them know, another, and one that cannot be dialled.
    pub(crate) fn fill(&self) {
        let (second, third) = (self.server(1), self.server(2));
        self.create(&profile("lab-7f2kq", second));
        self.create(&argo("pay-eu-1", &format!("{}/", second.url), &argo_config(second)));
        self.create(&capi("plant-7", third));
        self.create(&capi_secret("plant-7", &admin_kubeconfig(third)));
        // The Secret comes after the Cluster, which changes again when its controllers have taken notice.
        let notice = ["annotate", "clusters.cluster.x-k8s.io/plant-7", "-n", "clusters", "noticed=yes"];
        self.kubectl(&notice, "");
        self.create(&managed("plant-7", Some(third)));
        self.create(&managed("store-0042", None));
    }

    /// The fleet file with all sources, the personal configuration, and a plugin that gives out the second server's token.
    fn configure(&self) {
        let plugin = self.path("lab-credentials");
        let token = self.plane.servers().get(1).map(|server| &server.admin_token);
        let credential = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                                "status": {"token": token}});
        std::fs::write(&plugin, format!("#!/bin/sh\ncat <<'END'\n{credential}\nEND\n")).unwrap();
        std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o700)).unwrap();
        let config = format!("[programs.lab]\ncommand = [\"{}\"]\n", plugin.display());
        std::fs::write(self.path("config.toml"), config).unwrap();
        self.sources("real-1", &["profiles", "capi", "argo", "ocm"]);
    }

    /// Writes the fleet file with these sources, read over that context.
    pub(crate) fn sources(&self, context: &str, names: &[&str]) {
        let of = |name: &&str| {
            let (_, kind) = SOURCES.iter().find(|(known, _)| known == name).unwrap();
            format!("  - {{name: {name}, context: {context}, {kind}}}\n")
        };
        let sources: String = names.iter().map(of).collect();
        let text = format!(
            "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {{name: real}}\nspec:\n  \
             accessProviders: [{{name: lab, program: lab}}]\n  sources:\n{sources}"
        );
        std::fs::write(self.path("fleet.yaml"), text).unwrap();
    }

    /// The program on the hub's kubeconfig, of which only `context` counts.
    pub(crate) fn fleetglass(&self, context: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetglass"));
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.arg("--kubeconfig").arg(self.plane.kubeconfig()).args(["--context", context]);
        command.arg("--config").arg(self.path("config.toml")).arg("--fleet").arg(self.path("fleet.yaml"));
        command.args(args).stdin(Stdio::null());
        command
    }

    /// The JSON that a command prints.
    pub(crate) fn document(&self, context: &str, args: &[&str]) -> Value {
        let output = self.fleetglass(context, args).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What `status --watch` shows from now on.
    pub(crate) fn watch(&self) -> Shown {
        Shown::start(self.fleetglass("real-1", &["status", "--watch", "-o", "ndjson", "--timeout", "10m"]))
    }
}

/// Names of a document's items, in order.
pub(crate) fn names(document: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        document["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// The item of that name.
pub(crate) fn named<'v>(document: &'v Value, name: &str) -> &'v Value {
    let items = document["items"].as_array().unwrap();
    items.iter().find(|i| i["name"] == name).unwrap_or_else(|| panic!("no {name} in {document:#}"))
}

/// Which sources know a cluster.
pub(crate) fn sources(item: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        item["sources"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

/// What a command that watches has shown so far; it is ended with its test.
pub(crate) struct Shown {
    child: Child,
    lines: mpsc::Receiver<Value>,
    /// The newest item of each cluster.
    items: BTreeMap<String, Value>,
}

impl Shown {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::sync_channel(256);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, items: BTreeMap::new() }
    }

    fn take(&mut self, line: &Value) {
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        match line["type"].as_str().unwrap() {
            "snapshot" => {
                self.items = line["items"].as_array().unwrap().iter().map(|i| (name(i), i.clone())).collect();
            }
            "update" => drop(self.items.insert(name(&line["item"]), line["item"].clone())),
            "delete" => drop(self.items.remove(&name(line))),
            _ => {}
        }
    }

    /// Waits until a cluster is shown that way, and says how.
    pub(crate) fn wait(&mut self, what: &str, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let clock = fleetglass::clock::Clock::system();
        let until = clock.tick() + patience(90.0);
        loop {
            if let Some(item) = self.items.get(name).filter(|item| is(item)) {
                return item.clone();
            }
            let left = until.saturating_duration_since(clock.tick());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.take(&line),
                Err(why) => panic!("{why}: waited in vain for {what}: {:#?}", self.items),
            }
        }
    }

    /// How many clusters are shown.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
