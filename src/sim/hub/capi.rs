//! `mgmt`: Cluster API, in both of its versions.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::dice::Dice;
use super::super::places::Provider;
use super::super::truth::NodeTruth;
use super::plan::{GHOST, Registry};
use super::roll::{Desk, Entry, condition, kubeconfig, truth_of};

/// Which version an object is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    V1beta1,
    V1beta2,
}

/// Nobody listens there.
const NOWHERE: (&str, u16) = ("127.0.0.1", 1);

const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";

pub(super) fn objects(desk: &Desk<'_>, shelf: &str) -> Vec<Value> {
    let form = if shelf.ends_with("v1beta1") { Form::V1beta1 } else { Form::V1beta2 };
    let entries = || desk.entries(Registry::ClusterApi);
    match shelf.split('/').next().unwrap_or_default() {
        "clusters.capi" => entries().map(|e| cluster(desk, &e, form)).chain([ghost(desk, form)]).collect(),
        "machinedeployments" => entries().filter_map(|e| machines(desk, &e, form)).collect(),
        "kubeadmcontrolplanes" => {
            let kubeadm = entries().filter(|e| e.member.truth().provider == Provider::Kubeadm);
            kubeadm.map(|e| control_plane(desk, &e, form)).collect()
        }
        "secrets" => entries().map(|e| secret(desk, &e)).chain([ghost_secret(desk)]).collect(),
        "namespaces" => vec![desk.namespace("clusters", &[])],
        _ => Vec::new(),
    }
}

/// Kinds of the control plane and of the infrastructure that a provider has in Cluster API.
fn references(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::Eks => ("AWSManagedControlPlane", "AWSManagedCluster"),
        Provider::Gke => ("GCPManagedControlPlane", "GCPManagedCluster"),
        Provider::Aks => ("AzureASOManagedControlPlane", "AzureASOManagedCluster"),
        Provider::K3s => ("KThreesControlPlane", "VSphereCluster"),
        Provider::Rke2 => ("RKE2ControlPlane", "VSphereCluster"),
        Provider::Talos => ("TalosControlPlane", "VSphereCluster"),
        Provider::Kubeadm => ("KubeadmControlPlane", "VSphereCluster"),
    }
}

fn reference(kind: &str, group: &str, namespace: &str, name: &str, form: Form) -> Value {
    match form {
        Form::V1beta2 => json!({"apiGroup": group, "kind": kind, "name": name}),
        Form::V1beta1 => {
            json!({"apiVersion": format!("{group}/v1beta1"), "kind": kind, "name": name, "namespace": namespace})
        }
    }
}

/// How many nodes run each version.
fn versions<'a>(nodes: impl Iterator<Item = &'a NodeTruth>) -> Vec<Value> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        *counts.entry(&node.version).or_default() += 1;
    }
    counts.into_iter().map(|(version, replicas)| json!({"version": version, "replicas": replicas})).collect()
}

fn counters<'a>(nodes: impl Iterator<Item = &'a NodeTruth> + Clone) -> Value {
    let (total, ready) = (nodes.clone().count(), nodes.clone().filter(|node| node.ready).count());
    json!({"desiredReplicas": total, "replicas": total, "upToDateReplicas": total, "readyReplicas": ready,
        "availableReplicas": ready, "versions": versions(nodes)})
}

fn cluster(desk: &Desk<'_>, entry: &Entry<'_>, form: Form) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let (namespace, name) = (&entry.enrolment.namespace, &entry.enrolment.name);
    let (control, infrastructure) = references(truth.provider);
    let mut metadata = desk.entry_metadata("clusters.capi", entry);
    metadata.insert("annotations".into(), json!({"acme.example/owner": "platform"}));
    // Somebody has stopped reconciliation of a few and forgotten about it.
    let paused = Dice::new(desk.seed(), &["paused", name]).chance(15);
    let control_group = "controlplane.cluster.x-k8s.io";
    let control_name = format!("{name}-cp");
    let spec = json!({
        "paused": paused,
        "controlPlaneEndpoint": {"host": "127.0.0.1", "port": entry.member.cluster.port},
        "controlPlaneRef": reference(control, control_group, namespace, &control_name, form),
        "infrastructureRef": reference(infrastructure, "infrastructure.cluster.x-k8s.io", namespace, name, form),
        "topology": match form {
            Form::V1beta2 => json!({"classRef": {"name": "standard"}, "version": truth.version}),
            Form::V1beta1 => json!({"class": "standard", "version": truth.version}),
        },
    });
    let (control_nodes, workers) =
        (truth.nodes.iter().filter(|n| n.control_plane), truth.nodes.iter().filter(|n| !n.control_plane));
    let began = desk.hub.world.began;
    let (reason, message) = if health.up {
        ("Available", "")
    } else {
        ("NotAvailable", "* RemoteConnectionProbe: the cluster does not answer")
    };
    let new_style = json!([
        condition("Available", truth_of(health.up), reason, message, health.since),
        condition(
            "RemoteConnectionProbe",
            truth_of(health.up),
            if health.up { "ProbeSucceeded" } else { "ProbeFailed" },
            "",
            health.since
        ),
        condition("RollingOut", "False", "NotRollingOut", "", began),
        condition("Paused", truth_of(paused), if paused { "Paused" } else { "NotPaused" }, "", began),
    ]);
    let old_style = json!([
        condition("Ready", truth_of(health.up), reason, message, health.since),
        condition("ControlPlaneInitialized", "True", "", "", began),
        condition("InfrastructureReady", "True", "", "", began),
    ]);
    let status = match form {
        Form::V1beta2 => json!({"phase": "Provisioned", "observedGeneration": 1, "conditions": new_style,
            "initialization": {"infrastructureProvisioned": true, "controlPlaneInitialized": true},
            "controlPlane": counters(control_nodes), "workers": counters(workers),
            "deprecated": {"v1beta1": {"conditions": old_style}}}),
        Form::V1beta1 => json!({"phase": "Provisioned", "observedGeneration": 1, "conditions": old_style,
            "infrastructureReady": true, "controlPlaneReady": true,
            "v1beta2": {"conditions": new_style, "controlPlane": counters(control_nodes), "workers": counters(workers)}}),
    };
    json!({"metadata": metadata, "spec": spec, "status": status})
}

/// A cluster that is no more although everything about it is still there.
fn ghost(desk: &Desk<'_>, form: Form) -> Value {
    let year = Duration::from_hours(24 * 365);
    let left = desk.hub.world.began - chrono::Duration::days(20);
    let mut labels = Map::new();
    labels.insert("env".into(), "stage".into());
    let metadata = desk.metadata("clusters.capi", "clusters", GHOST, year, labels);
    let gone = condition(
        "Available",
        "False",
        "NotAvailable",
        "* RemoteConnectionProbe: the cluster does not answer",
        left,
    );
    let ready = condition("Ready", "False", "NotAvailable", "the cluster does not answer", left);
    let spec = json!({"controlPlaneEndpoint": {"host": NOWHERE.0, "port": NOWHERE.1},
        "controlPlaneRef": reference("KubeadmControlPlane", "controlplane.cluster.x-k8s.io", "clusters", "stage-eu-0-cp", form)});
    let status = match form {
        Form::V1beta2 => json!({"phase": "Provisioned", "conditions": [gone],
            "initialization": {"infrastructureProvisioned": true, "controlPlaneInitialized": true}}),
        Form::V1beta1 => json!({"phase": "Provisioned", "conditions": [ready], "infrastructureReady": true,
            "controlPlaneReady": false}),
    };
    json!({"metadata": metadata, "spec": spec, "status": status})
}

/// The workers of a cluster, if it has any.
fn machines(desk: &Desk<'_>, entry: &Entry<'_>, form: Form) -> Option<Value> {
    let truth = entry.member.truth();
    let workers = || truth.nodes.iter().filter(|node| !node.control_plane);
    let (total, ready) = (workers().count(), workers().filter(|node| node.ready).count());
    if total == 0 {
        return None;
    }
    let (namespace, cluster) = (&entry.enrolment.namespace, &entry.enrolment.name);
    let name = format!("{cluster}-md-0");
    let mut labels = entry.labels();
    labels.insert(CLUSTER_NAME.into(), cluster.as_str().into());
    let metadata = desk.metadata("machinedeployments", namespace, &name, truth.age, labels);
    let phase = if ready == total { "Running" } else { "ScalingUp" };
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    let template = json!({"spec": {"clusterName": cluster, "version": truth.version}});
    let (spec, status) = match form {
        Form::V1beta2 => (
            json!({"clusterName": cluster, "replicas": total, "template": template, "rollout": {"strategy": strategy}}),
            json!({"phase": phase, "replicas": total, "upToDateReplicas": total, "readyReplicas": ready,
                "availableReplicas": ready, "versions": versions(workers())}),
        ),
        Form::V1beta1 => (
            json!({"clusterName": cluster, "replicas": total, "template": template, "strategy": strategy}),
            json!({"phase": phase, "replicas": total, "updatedReplicas": total, "readyReplicas": ready,
                "availableReplicas": ready, "unavailableReplicas": total - ready}),
        ),
    };
    Some(json!({"metadata": metadata, "spec": spec, "status": status}))
}

fn control_plane(desk: &Desk<'_>, entry: &Entry<'_>, form: Form) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let (namespace, cluster) = (&entry.enrolment.namespace, &entry.enrolment.name);
    let nodes = || truth.nodes.iter().filter(|node| node.control_plane);
    let (total, ready) = (nodes().count(), nodes().filter(|node| node.ready).count());
    let mut labels = entry.labels();
    labels.insert(CLUSTER_NAME.into(), cluster.as_str().into());
    let metadata =
        desk.metadata("kubeadmcontrolplanes", namespace, &format!("{cluster}-cp"), truth.age, labels);
    let up = truth_of(health.up);
    let available =
        condition("Available", up, if health.up { "Available" } else { "NotAvailable" }, "", health.since);
    let etcd = condition(
        "EtcdClusterHealthy",
        up,
        if health.up { "Healthy" } else { "HealthUnknown" },
        "",
        health.since,
    );
    let surge = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    let (spec, status) = match form {
        Form::V1beta2 => (
            json!({"version": truth.version, "replicas": total, "rollout": {"strategy": surge}}),
            json!({"version": truth.version, "replicas": total, "readyReplicas": ready, "availableReplicas": ready,
                "upToDateReplicas": total, "versions": versions(nodes()), "conditions": [available, etcd],
                "initialization": {"controlPlaneInitialized": true}}),
        ),
        Form::V1beta1 => (
            json!({"version": truth.version, "replicas": total, "rolloutStrategy": surge}),
            json!({"version": truth.version, "replicas": total, "readyReplicas": ready, "updatedReplicas": total,
                "unavailableReplicas": total - ready, "initialized": true, "ready": health.up, "conditions": [available, etcd]}),
        ),
    };
    json!({"metadata": metadata, "spec": spec, "status": status})
}

fn admin_secret(desk: &Desk<'_>, cluster: &str, server: &str, authority: &str) -> Value {
    let user = format!("{cluster}-admin");
    let (cert, key) = (STANDARD.encode(&desk.roll.admin.0), STANDARD.encode(&desk.roll.admin.1));
    let proof = [("client-certificate-data", cert.as_str()), ("client-key-data", key.as_str())];
    let config = kubeconfig((cluster, &user), server, authority, &proof);
    let mut labels = Map::new();
    labels.insert(CLUSTER_NAME.into(), cluster.into());
    let name = format!("{cluster}-kubeconfig");
    desk.secret(("clusters", &name), "cluster.x-k8s.io/secret", labels, &[("value", &config)])
}

fn secret(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    admin_secret(desk, &entry.enrolment.name, &entry.member.url, &entry.member.authority)
}

fn ghost_secret(desk: &Desk<'_>) -> Value {
    // Some authority, as a certificate must be there; nobody answers to be checked against it.
    let authority = desk.roll.members.first().map(|member| member.authority.as_str()).unwrap_or_default();
    admin_secret(desk, GHOST, &format!("https://{}:{}", NOWHERE.0, NOWHERE.1), authority)
}
