//! What a real server is filled with: nodes, workloads, their troubles, and a user who may only look.
//!
//! No kubelet and no controller runs, so every status is written by hand, in the words that the real ones use.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::https::Connection;

/// The user of the token that may only read what the built-in role `view` lets it: no nodes, no secrets.
pub const VIEWER: &str = "viewer";

/// Where a cluster pretends to be and what is wrong there.
pub struct Profile {
    /// Cloud region, in node labels.
    pub region: &'static str,
    /// How many nodes, the first of them a control plane node.
    pub nodes: usize,
    /// Index of the node that is cordoned.
    pub cordoned: Option<usize>,
    /// Index of the node that is not ready.
    pub not_ready: Option<usize>,
    /// Index of the node whose kubelet is a minor behind.
    pub behind: Option<usize>,
}

impl Profile {
    /// The profile of the server with this index; they repeat after four.
    pub fn of(index: usize) -> Self {
        let profile =
            |region, nodes, cordoned, not_ready, behind| Self { region, nodes, cordoned, not_ready, behind };
        match index % 4 {
            0 => profile("eu-west-1", 4, Some(2), None, None),
            1 => profile("us-east-1", 3, None, Some(1), None),
            2 => profile("ap-south-1", 6, None, None, Some(5)),
            _ => profile("eu-north-1", 5, Some(4), Some(3), Some(1)),
        }
    }

    /// How many nodes say they are ready.
    pub fn ready(&self) -> usize {
        self.nodes - usize::from(self.not_ready.is_some())
    }
}

/// Fills the server behind `connection`. `version` is the server's own, `v1.2.3`.
pub fn fill(
    connection: &mut Connection,
    profile: &Profile,
    version: &str,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let mut create = |path: &str, object: &Value| -> Result<(), String> {
        let answer = connection.send("POST", path, "application/json", Some(object))?;
        answer.ok().map_err(|why| format!("cannot create in {path}: {why}"))?;
        // Where the API drops the status on creation, the subresource takes it.
        if let (Some(status), Some(name)) = (object.get("status"), object.pointer("/metadata/name")) {
            let path = format!("{path}/{}/status", name.as_str().unwrap_or_default());
            let answer =
                connection.send("PATCH", &path, "application/json", Some(&json!({ "status": status })))?;
            answer.ok().map_err(|why| format!("cannot write the status {path}: {why}"))?;
        }
        Ok(())
    };
    for namespace in ["shop", "monitoring"] {
        create(
            "/api/v1/namespaces",
            &json!({ "metadata": { "name": namespace, "labels": { "team": namespace } } }),
        )?;
    }
    create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &view_binding())?;
    for index in 0..profile.nodes {
        create("/api/v1/nodes", &node(profile, index, version, now))?;
        create(
            "/api/v1/namespaces/kube-system/pods",
            &running("kube-proxy", "kube-system", profile, index, now),
        )?;
    }
    for index in 0..2 {
        create(
            "/api/v1/namespaces/kube-system/pods",
            &running("coredns", "kube-system", profile, index, now),
        )?;
        create("/api/v1/namespaces/shop/pods", &running("checkout", "shop", profile, index + 1, now))?;
    }
    create("/api/v1/namespaces/shop/pods", &crashing(profile, now))?;
    create("/api/v1/namespaces/shop/pods", &unschedulable(now))?;
    create("/apis/apps/v1/namespaces/shop/deployments", &deployment("checkout", 2, 2))?;
    create("/apis/apps/v1/namespaces/shop/deployments", &deployment("cart", 2, 0))?;
    for (namespace, event) in events(profile, now) {
        create(&format!("/api/v1/namespaces/{namespace}/events"), &event)?;
    }
    Ok(())
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn node_name(profile: &Profile, index: usize) -> String {
    format!("{}-node-{}", profile.region, index + 1)
}

/// The same patch level of the minor before, `v1.35.4` for `v1.36.4`.
fn minor_before(version: &str) -> String {
    let mut parts = version.split('.');
    let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
    let minor = minor.and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(1).saturating_sub(1);
    format!("{}.{minor}.{}", major.unwrap_or("v1"), patch.unwrap_or("0"))
}

fn node(profile: &Profile, index: usize, version: &str, now: DateTime<Utc>) -> Value {
    let name = node_name(profile, index);
    let zone = format!("{}{}", profile.region, ["a", "b", "c"].get(index % 3).unwrap_or(&"a"));
    let ready = profile.not_ready != Some(index);
    let cordoned = profile.cordoned == Some(index);
    let kubelet = if profile.behind == Some(index) { minor_before(version) } else { version.to_owned() };
    let mut labels = json!({
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": profile.region,
        "topology.kubernetes.io/zone": zone,
        "node.kubernetes.io/instance-type": "m6i.large",
    });
    if index == 0 {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
    }
    let mut taints = Vec::new();
    if cordoned {
        taints.push(json!({ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }));
    }
    if !ready {
        taints.push(json!({ "key": "node.kubernetes.io/unreachable", "effect": "NoSchedule" }));
    }
    let beat = rfc3339(now - Duration::seconds(if ready { 20 } else { 900 }));
    let condition = |kind: &str, bad: &str, good: &str, reason: &str| {
        let (status, reason, message) = if ready {
            (good, reason, "kubelet has said so")
        } else {
            (bad, "NodeStatusUnknown", "Kubelet stopped posting node status.")
        };
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": beat, "lastTransitionTime": rfc3339(now - Duration::minutes(14)),
        })
    };
    let amounts = json!({ "cpu": "2", "memory": "8Gi", "pods": "110", "ephemeral-storage": "80Gi" });
    json!({
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "providerID": format!("aws:///{zone}/i-0fee1600d{index:08x}"),
            "podCIDR": format!("10.244.{index}.0/24"),
            "unschedulable": cordoned,
            "taints": taints,
        },
        "status": {
            "capacity": amounts,
            "allocatable": { "cpu": "1930m", "memory": "7300Mi", "pods": "110", "ephemeral-storage": "70Gi" },
            "conditions": [
                condition("MemoryPressure", "Unknown", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "Unknown", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "Unknown", "False", "KubeletHasSufficientPID"),
                condition("Ready", "Unknown", "True", "KubeletReady"),
            ],
            "addresses": [
                { "type": "InternalIP", "address": format!("10.0.{}.{}", profile.nodes, index + 10) },
                { "type": "Hostname", "address": name },
            ],
            "nodeInfo": {
                "machineID": format!("{index:032x}"), "systemUUID": format!("{index:032x}"),
                "bootID": "00000000-0000-4000-8000-000000000000", "kernelVersion": "6.12.30",
                "osImage": "Debian GNU/Linux 13 (trixie)", "containerRuntimeVersion": "containerd://2.1.4",
                "kubeletVersion": kubelet, "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
            },
        },
    })
}

fn pod(name: &str, namespace: &str, app: &str, node: Option<String>, status: Value) -> Value {
    json!({
        "metadata": { "name": name, "namespace": namespace, "labels": { "app": app } },
        "spec": {
            "nodeName": node,
            "containers": [{
                "name": app, "image": format!("registry.example/{app}:1.0"),
                "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
            }],
        },
        "status": status,
    })
}

fn container(app: &str, ready: bool, restarts: u32, state: Value) -> Value {
    json!({
        "name": app, "image": format!("registry.example/{app}:1.0"), "imageID": "", "ready": ready, "started": ready,
        "restartCount": restarts, "state": state,
    })
}

fn running(app: &str, namespace: &str, profile: &Profile, index: usize, now: DateTime<Utc>) -> Value {
    let since = rfc3339(now - Duration::hours(30));
    let status = json!({
        "phase": "Running", "startTime": since, "podIP": format!("10.244.{index}.7"),
        "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": since }],
        "containerStatuses": [container(app, true, 0, json!({ "running": { "startedAt": since } }))],
    });
    pod(&format!("{app}-{index}"), namespace, app, Some(node_name(profile, index % profile.nodes)), status)
}

fn crashing(profile: &Profile, now: DateTime<Utc>) -> Value {
    let since = rfc3339(now - Duration::minutes(40));
    let waiting = json!({ "waiting": {
        "reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=cart pod=cart-0_shop",
    } });
    let mut container = container("cart", false, 11, waiting);
    container["lastState"] = json!({ "terminated": {
        "exitCode": 137, "reason": "OOMKilled", "startedAt": since, "finishedAt": rfc3339(now - Duration::minutes(3)),
    } });
    let status = json!({
        "phase": "Running", "startTime": since,
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": since,
        }],
        "containerStatuses": [container],
    });
    pod("cart-0", "shop", "cart", Some(node_name(profile, 1)), status)
}

fn unschedulable(now: DateTime<Utc>) -> Value {
    let status = json!({
        "phase": "Pending",
        "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/4 nodes are available: 4 Insufficient memory.",
            "lastTransitionTime": rfc3339(now - Duration::minutes(8)),
        }],
    });
    pod("cart-1", "shop", "cart", None, status)
}

fn deployment(name: &str, wanted: u32, available: u32) -> Value {
    let labels = json!({ "app": name });
    json!({
        "metadata": { "name": name, "namespace": "shop", "labels": labels },
        "spec": {
            "replicas": wanted,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{ "name": name, "image": format!("registry.example/{name}:1.0") }] },
            },
        },
        "status": {
            "observedGeneration": 1, "replicas": wanted, "updatedReplicas": wanted,
            "readyReplicas": available, "availableReplicas": available, "unavailableReplicas": wanted - available,
            "conditions": [{
                "type": "Available", "status": if available < wanted { "False" } else { "True" },
                "reason": if available < wanted { "MinimumReplicasUnavailable" } else { "MinimumReplicasAvailable" },
                "message": "",
            }],
        },
    })
}

/// Warnings, each with the namespace it lives in; events about nodes live in `default`.
fn events(profile: &Profile, now: DateTime<Utc>) -> Vec<(&'static str, Value)> {
    let warning =
        |name: &str, namespace: &str, kind: &str, about: &str, reason: &str, message: &str, count: u32| {
            json!({
                "metadata": { "name": name, "namespace": namespace },
                "involvedObject": {
                    "apiVersion": "v1", "kind": kind, "name": about,
                    "namespace": if kind == "Node" { Value::Null } else { json!(namespace) },
                },
                "type": "Warning", "reason": reason, "message": message, "count": count,
                "firstTimestamp": rfc3339(now - Duration::minutes(40)),
                "lastTimestamp": rfc3339(now - Duration::minutes(2)),
                "source": { "component": if kind == "Node" { "node-controller" } else { "kubelet" } },
            })
        };
    let back_off = "Back-off restarting failed container cart in pod cart-0";
    let no_room = "0/4 nodes are available: 4 Insufficient memory.";
    let mut all = vec![
        ("shop", warning("cart-0.backoff", "shop", "Pod", "cart-0", "BackOff", back_off, 57)),
        ("shop", warning("cart-1.scheduling", "shop", "Pod", "cart-1", "FailedScheduling", no_room, 6)),
    ];
    if let Some(index) = profile.not_ready {
        let name = node_name(profile, index);
        let message = format!("Node {name} status is now: NodeNotReady");
        all.push((
            "default",
            warning("node.notready", "default", "Node", &name, "NodeNotReady", &message, 1),
        ));
    }
    all
}

/// `view` itself is put together by a controller that does not run here; this role is the part it would be made of.
fn view_binding() -> Value {
    json!({
        "metadata": { "name": "fleetglass-test-viewer" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:aggregate-to-view" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": VIEWER }],
    })
}
