//! Node objects as kubelets and cloud controllers leave them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::dice::Dice;
use super::super::places::Provider;
use super::super::truth::{NodeTruth, Pressure};
use super::{Ground, managed_by};

/// Images that nodes report, with their sizes.
const IMAGES: &[(&str, u64)] = &[
    ("registry.k8s.io/kube-proxy", 94_112_000),
    ("registry.k8s.io/coredns/coredns", 70_026_017),
    ("registry.k8s.io/pause", 742_080),
    ("quay.io/cilium/cilium", 243_807_211),
    ("quay.io/prometheus/node-exporter", 12_882_441),
    ("registry.acme.example/web/frontend", 188_220_117),
    ("registry.acme.example/payments/api", 211_004_312),
    ("docker.io/library/redis", 57_120_002),
];

/// How much of a node is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// All of it.
    Whole,
    /// Without the bulk that no column shows: images and managedFields.
    Columns,
}

/// All nodes of a cluster.
pub(super) fn nodes(ground: Ground<'_>, depth: Depth) -> Vec<Value> {
    ground.truth.nodes.iter().enumerate().map(|(index, node)| object(ground, index, node, depth)).collect()
}

fn object(ground: Ground<'_>, index: usize, node: &NodeTruth, depth: Depth) -> Value {
    let truth = ground.truth;
    let mut dice = Dice::new(ground.seed, &["node", &truth.name, &node.name]);
    let mut metadata = ground.metadata("nodes", "", &node.name, node.age);
    metadata.insert("labels".into(), labels(ground, node));
    metadata.insert(
        "annotations".into(),
        json!({
            "node.alpha.kubernetes.io/ttl": "0",
            "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        }),
    );
    let joined = ground.ago(node.age);
    let beat = ground.ago(Duration::from_secs(dice.between(5, 290)));
    if depth == Depth::Whole {
        metadata.insert("managedFields".into(), managed_fields(&joined, &beat));
    }
    let pods = format!("10.{}.{index}.0/24", 64 + index / 256);
    let mut spec = json!({
        "podCIDR": pods, "podCIDRs": [pods],
        "providerID": truth.provider.provider_id(&truth.name, &node.zone, &node.name, &mut dice),
    });
    if let Some(spec) = spec.as_object_mut() {
        if node.cordoned {
            spec.insert("unschedulable".into(), true.into());
        }
        let taints = taints(ground, node);
        if !taints.is_empty() {
            spec.insert("taints".into(), Value::Array(taints));
        }
    }
    json!({"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": spec,
        "status": status(ground, index, node, depth, (&beat, &mut dice))})
}

fn managed_fields(joined: &str, beat: &str) -> Value {
    let fields = json!({"f:metadata": {"f:annotations": {".": {}}, "f:labels": {".": {}}}});
    let reported = json!({"f:status": {"f:conditions": {}, "f:images": {}, "f:nodeInfo": {}}});
    json!([
        managed_by("kubelet", "v1", joined, None, fields),
        managed_by("kubelet", "v1", beat, Some("status"), reported),
    ])
}

fn labels(ground: Ground<'_>, node: &NodeTruth) -> Value {
    let truth = ground.truth;
    let mut labels = Map::new();
    let mut set = |key: &str, value: &str| labels.insert(key.to_owned(), value.into());
    set("beta.kubernetes.io/arch", "amd64");
    set("beta.kubernetes.io/os", "linux");
    set("kubernetes.io/arch", "amd64");
    set("kubernetes.io/os", "linux");
    set("kubernetes.io/hostname", &node.name);
    set("node.kubernetes.io/instance-type", node.instance_type);
    set("topology.kubernetes.io/region", truth.region);
    set("topology.kubernetes.io/zone", &node.zone);
    match truth.provider {
        Provider::Eks => drop(set("eks.amazonaws.com/nodegroup", "default")),
        Provider::Gke => drop(set("cloud.google.com/gke-nodepool", "default")),
        Provider::Aks => drop(set("kubernetes.azure.com/agentpool", "nodepool1")),
        Provider::K3s | Provider::Rke2 | Provider::Kubeadm | Provider::Talos => {}
    }
    if node.control_plane {
        set(
            "node-role.kubernetes.io/control-plane",
            if truth.provider == Provider::Kubeadm { "" } else { "true" },
        );
        if truth.provider == Provider::Rke2 {
            set("node-role.kubernetes.io/etcd", "true");
        }
    }
    Value::Object(labels)
}

fn taints(ground: Ground<'_>, node: &NodeTruth) -> Vec<Value> {
    let since = ground.ago(Duration::from_mins(90));
    let mut taints = Vec::new();
    if node.control_plane
        && matches!(ground.truth.provider, Provider::Kubeadm | Provider::Talos)
        && ground.truth.nodes.len() > 3
    {
        taints.push(json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}));
    }
    if !node.ready {
        taints.push(
            json!({"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule", "timeAdded": since}),
        );
        taints.push(
            json!({"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": since}),
        );
    }
    if node.cordoned {
        taints.push(
            json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": since}),
        );
    }
    taints
}

fn status(
    ground: Ground<'_>,
    index: usize,
    node: &NodeTruth,
    depth: Depth,
    (beat, dice): (&str, &mut Dice),
) -> Value {
    let [image, kernel, runtime] = ground.truth.provider.system();
    let (cpu, memory) = match dice.below(3) {
        0 => (4, 16_177_948),
        1 => (8, 32_563_336),
        _ => (16, 65_108_112),
    };
    let amounts = |cpu: String, memory: u64| {
        json!({"cpu": cpu, "ephemeral-storage": "102625208Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0",
            "memory": format!("{memory}Ki"), "pods": "110"})
    };
    let mut addresses = vec![
        json!({"type": "InternalIP", "address": format!("10.{}.{}.{}", 16 + index / 250, dice.between(0, 250), 4 + index % 250)}),
        json!({"type": "Hostname", "address": node.name}),
    ];
    if ground.truth.provider == Provider::Gke {
        let outside = format!("203.0.113.{}", 1 + index % 250);
        addresses.insert(1, json!({"type": "ExternalIP", "address": outside}));
    }
    let images = if depth == Depth::Whole { IMAGES } else { &[] };
    let images: Vec<Value> = images
        .iter()
        .map(|(name, size)| {
            let digest = dice.hex(64);
            json!({"names": [format!("{name}@sha256:{digest}"), format!("{name}:v1.{}", dice.between(2, 40))], "sizeBytes": size})
        })
        .collect();
    json!({
        "addresses": addresses,
        "allocatable": amounts(format!("{}m", cpu * 1000 - 80), memory - 900_000),
        "capacity": amounts(cpu.to_string(), memory),
        "conditions": conditions(ground, node, beat),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": images,
        "nodeInfo": {
            "architecture": "amd64", "bootID": ground.uid("boot", "", &node.name), "containerRuntimeVersion": runtime,
            "kernelVersion": kernel, "kubeProxyVersion": "", "kubeletVersion": node.version,
            "machineID": dice.hex(32), "operatingSystem": "linux", "osImage": image,
            "systemUUID": ground.uid("system", "", &node.name),
        },
    })
}

fn conditions(ground: Ground<'_>, node: &NodeTruth, beat: &str) -> Value {
    let joined = ground.ago(node.age);
    let recently = ground.ago(Duration::from_mins(90));
    let lost = ground.ago(Duration::from_mins(91));
    let one = |kind: &str, holds: bool, bad: (&str, &str), good: (&str, &str)| {
        let (status, (reason, message)) = match (node.ready, holds) {
            (false, _) => ("Unknown", ("NodeStatusUnknown", "Kubelet stopped posting node status.")),
            (true, true) => ("True", bad),
            (true, false) => ("False", good),
        };
        let since = if !node.ready || (holds && kind != "Ready") { &recently } else { &joined };
        json!({"type": kind, "status": status, "lastHeartbeatTime": if node.ready { beat } else { lost.as_str() },
            "lastTransitionTime": since, "reason": reason, "message": message})
    };
    json!([
        one(
            "MemoryPressure",
            node.pressure == Some(Pressure::Memory),
            ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
            ("KubeletHasSufficientMemory", "kubelet has sufficient memory available")
        ),
        one(
            "DiskPressure",
            node.pressure == Some(Pressure::Disk),
            ("KubeletHasDiskPressure", "kubelet has disk pressure"),
            ("KubeletHasNoDiskPressure", "kubelet has no disk pressure")
        ),
        one(
            "PIDPressure",
            node.pressure == Some(Pressure::Pid),
            ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
            ("KubeletHasSufficientPID", "kubelet has sufficient PID available")
        ),
        one("Ready", true, ("KubeletReady", "kubelet is posting ready status"), ("", "")),
    ])
}
