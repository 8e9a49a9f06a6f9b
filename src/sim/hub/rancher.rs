//! `rancher`: the objects of Rancher and Rancher Fleet, and the way through it to its clusters.

use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use super::super::cluster::Cluster;
use super::super::dice::Dice;
use super::super::places::Provider;
use super::super::rbac::Identity;
use super::super::reply::Refused;
use super::super::truth::Trouble;
use super::super::workload::stamp;
use super::plan::Registry;
use super::roll::{Desk, Entry, kubeconfig, truth_of};
use super::{Role, roll::Roll};

/// Where the clusters behind the front begin.
const CLUSTERS: &str = "/k8s/clusters/";

pub(super) fn objects(desk: &Desk<'_>, shelf: &str) -> Vec<Value> {
    let entries = || desk.entries(Registry::Rancher);
    match shelf {
        "clusters.management" => entries().map(|e| management(desk, &e)).collect(),
        "clusters.provisioning" => entries().map(|e| provisioning(desk, &e)).collect(),
        "clusters.fleet" => desk.entries(Registry::RancherFleet).map(|e| fleet(desk, &e)).collect(),
        "secrets" => entries().map(|e| secret(desk, &e)).collect(),
        "namespaces" => ["fleet-default", "cattle-system"].map(|name| desk.namespace(name, &[])).into(),
        _ => Vec::new(),
    }
}

/// The id under which Rancher knows a cluster.
fn id(seed: u64, cluster: &str) -> String {
    format!("c-m-{}", Dice::new(seed, &["rancher", cluster]).hex(8))
}

/// The token that Rancher gave out for a cluster, good for that one alone.
fn token(seed: u64, cluster: &str) -> String {
    let mut dice = Dice::new(seed, &["rancher-token", cluster]);
    format!("kubeconfig-u-{}:{}", dice.suffix(5), dice.hex(54))
}

/// A condition as Rancher writes it: with times as texts.
fn said(kind: &str, is: bool, since: &str) -> Value {
    json!({"type": kind, "status": truth_of(is), "lastUpdateTime": since, "lastTransitionTime": since})
}

fn provider(of: Provider) -> (&'static str, &'static str) {
    match of {
        Provider::Rke2 => ("rke2", "rke2"),
        Provider::K3s => ("k3s", "k3s"),
        Provider::Eks => ("eks", "imported"),
        Provider::Gke => ("gke", "imported"),
        Provider::Aks => ("aks", "imported"),
        Provider::Kubeadm | Provider::Talos => ("", "imported"),
    }
}

fn management(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let metadata =
        desk.metadata("clusters.management", "", &id(desk.seed(), &truth.name), truth.age, entry.labels());
    let (provider, driver) = provider(truth.provider);
    let days = if let Trouble::CertificateEnds(days) = truth.trouble { i64::from(days) } else { 190 };
    let ends = stamp(desk.hub.world.began + chrono::Duration::days(days));
    let (began, since) = (stamp(desk.hub.world.began), stamp(health.since));
    let nodes = truth.nodes.len();
    json!({"metadata": metadata,
        "spec": {"displayName": truth.name, "fleetWorkspaceName": entry.enrolment.namespace, "internal": false},
        "status": {"provider": provider, "driver": driver, "nodeCount": nodes, "linuxWorkerCount": nodes,
            "version": {"gitVersion": truth.version, "major": "1", "minor": truth.minor().to_string(), "platform": "linux/amd64"},
            "apiEndpoint": entry.member.url, "caCert": entry.member.authority_data(),
            "certificatesExpiration": {"kube-apiserver": {"expirationDate": ends}},
            "conditions": [said("Ready", health.up, &since), said("Connected", health.up, &since),
                said("Provisioned", true, &began), said("Updated", true, &began), said("AgentDeployed", true, &began)]}})
}

fn provisioning(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let truth = entry.member.truth();
    let began = stamp(desk.hub.world.began);
    let mut spec = json!({});
    if let (Provider::Rke2 | Provider::K3s, Some(fields)) = (truth.provider, spec.as_object_mut()) {
        fields.insert("kubernetesVersion".into(), truth.version.as_str().into());
        let upgrade = json!({"controlPlaneConcurrency": "1", "workerConcurrency": "10%"});
        fields.insert("rkeConfig".into(), json!({"upgradeStrategy": upgrade}));
    }
    // `ready` stays true once it was, as in Rancher.
    json!({"metadata": desk.entry_metadata("clusters.provisioning", entry), "spec": spec,
        "status": {"ready": true, "clusterName": id(desk.seed(), &truth.name), "agentDeployed": true, "observedGeneration": 1,
            "clientSecretName": format!("{}-kubeconfig", entry.enrolment.name),
            "fleetWorkspaceName": entry.enrolment.namespace,
            "conditions": [said("Updated", true, &began), said("Provisioned", true, &began),
                said("Ready", entry.health.up, &stamp(entry.health.since))]}})
}

fn fleet(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (name, health) = (&entry.enrolment.name, entry.health);
    let ready = if health.up { 12 } else { 9 };
    json!({"metadata": desk.entry_metadata("clusters.fleet", entry),
        "spec": {"kubeConfigSecret": format!("{name}-kubeconfig")},
        "status": {
            "display": {"state": if health.up { "Ready" } else { "WaitCheckIn" }, "readyBundles": format!("{ready}/12")},
            "agent": {"lastSeen": stamp(health.since), "namespace": "cattle-fleet-system"},
            "apiServerURL": desk.hub.url(),
            "summary": {"ready": ready, "desiredReady": 12, "notReady": 12 - ready},
            "conditions": [said("Ready", health.up, &stamp(health.since)), said("Processed", true, &stamp(desk.hub.world.began))]}})
}

fn secret(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (name, seed) = (&entry.enrolment.name, desk.seed());
    let token = token(seed, name);
    let server = format!("{}{CLUSTERS}{}", desk.hub.url(), id(seed, name));
    let config =
        kubeconfig((name, name), &server, &desk.hub.authority, &[("token", &format!("\"{token}\""))]);
    let place = (entry.enrolment.namespace.as_str(), format!("{name}-kubeconfig"));
    desk.secret((place.0, &place.1), "Opaque", Map::new(), &[("value", &config), ("token", &token)])
}

/// A request that goes through Rancher to a cluster behind it.
pub(in crate::sim) struct Passed<'p> {
    /// Who answers: the cluster behind, or Rancher itself where there is no way on.
    pub(in crate::sim) cluster: Arc<Cluster>,
    /// The path as the cluster behind sees it.
    pub(in crate::sim) path: &'p str,
    /// As whom.
    pub(in crate::sim) who: Result<Identity, Refused>,
}

/// Takes a request for a cluster behind this one; `None` if this is no such front or the path is its own.
pub(in crate::sim) fn pass<'p>(
    front: &Arc<Cluster>,
    path: &'p str,
    headers: &HeaderMap,
) -> Option<Passed<'p>> {
    let hub = front.hub.as_ref().filter(|hub| hub.role == Role::Rancher)?;
    let behind = path.strip_prefix(CLUSTERS)?;
    let (wanted, rest) = behind.find('/').and_then(|at| behind.split_at_checked(at)).unwrap_or((behind, "/"));
    let refuse = |refused| Some(Passed { cluster: front.clone(), path: rest, who: Err(refused) });
    let seed = front.world.seed;
    let of = |roll: &Roll| {
        let known = roll.enrolments.iter().filter(|e| e.registry == Registry::Rancher);
        let mut names = known.filter_map(|e| e.member.clone());
        names.find(|name| id(seed, name) == wanted)
    };
    let Some(name) = of(&hub.roll) else { return refuse(Refused::unauthorized()) };
    let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if said.strip_prefix("Bearer ").map(str::trim) != Some(token(seed, &name).as_str()) {
        return refuse(Refused::unauthorized());
    }
    let Some((_, member)) = hub.roll.member(&name).filter(|(_, member)| member.is_up()) else {
        return refuse(Refused::unavailable("ClusterUnavailable: cluster agent disconnected"));
    };
    let groups = ["system:masters", "system:authenticated"].map(str::to_owned).into();
    let who = Identity {
        user: "system:serviceaccount:cattle-impersonation-system:cattle-impersonation-admin".to_owned(),
        groups,
    };
    Some(Passed { cluster: member.cluster.clone(), path: rest, who: Ok(who) })
}
