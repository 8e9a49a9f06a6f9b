//! `hub-eu`: ClusterProfiles, Open Cluster Management, Argo CD, Karmada and KubeFleet.

use serde_json::{Map, Value, json};

use super::super::places::Provider;
use super::plan::{ORPHAN, Registry};
use super::roll::{Desk, Entry, condition, truth_of};

/// The access provider of this company's ClusterProfiles.
const PROVIDER: &str = "acme-token";

pub(super) fn objects(desk: &Desk<'_>, shelf: &str) -> Vec<Value> {
    match shelf {
        "clusterprofiles" => desk.entries(Registry::ClusterProfile).map(|e| profile(desk, &e)).collect(),
        "managedclusters" => {
            desk.entries(Registry::ManagedCluster).map(|e| managed(desk, &e)).chain([orphan(desk)]).collect()
        }
        "managedclustersets" => sets(desk),
        "clusters.karmada" => desk.entries(Registry::Karmada).map(|e| karmada(desk, &e)).collect(),
        "memberclusters" => desk.entries(Registry::KubeFleet).map(|e| member(desk, &e)).collect(),
        "secrets" => secrets(desk),
        "namespaces" => namespaces(desk),
        _ => Vec::new(),
    }
}

fn text(value: &str) -> Value {
    value.into()
}

/// The set that a cluster belongs to.
fn set_of(entry: &Entry<'_>) -> &'static str {
    entry.member.truth().class.unwrap_or("shared")
}

fn profile(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let mut metadata = desk.entry_metadata("clusterprofiles", entry);
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.insert("x-k8s.io/cluster-manager".into(), text("acme-hub"));
    }
    let property = |name: &str, value: &str| json!({"name": name, "value": value});
    let properties = [
        property("cluster.clusterset.k8s.io", &truth.uid),
        property("clusterset.k8s.io", set_of(entry)),
        property("location", truth.region),
        property("platform.acme.example", truth.provider.name()),
    ];
    let healthy = if health.up {
        ("True", "Probed", "")
    } else {
        ("Unknown", "ProbeFailed", "the cluster does not answer")
    };
    let mut status = json!({
        "version": {"kubernetes": truth.version}, "properties": properties,
        "conditions": [
            condition("ControlPlaneHealthy", healthy.0, healthy.1, healthy.2, health.since),
            condition("Joined", "True", "Joined", "", desk.hub.world.began),
        ],
    });
    if let (true, Some(fields)) = (entry.enrolment.dialable, status.as_object_mut()) {
        let cluster = json!({"server": entry.member.url, "certificate-authority-data": entry.member.authority_data(),
            "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"clusterName": truth.name}}]});
        fields.insert("accessProviders".into(), json!([{"name": PROVIDER, "cluster": cluster}]));
    }
    json!({"metadata": metadata, "status": status,
        "spec": {"displayName": truth.name, "clusterManager": {"name": "acme-hub"}}})
}

fn managed(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let mut metadata = desk.entry_metadata("managedclusters", entry);
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.insert("cluster.open-cluster-management.io/clusterset".into(), text(set_of(entry)));
    }
    let claim = |name: &str, value: &str| json!({"name": name, "value": value});
    // The infrastructure, not the distribution.
    let infrastructure = match truth.provider {
        Provider::Kubeadm | Provider::Talos => "VSphere",
        other => other.name(),
    };
    let claims = [
        claim("id.k8s.io", &truth.uid),
        claim("kubeversion.open-cluster-management.io", &truth.version),
        claim("platform.open-cluster-management.io", infrastructure),
        claim("region.open-cluster-management.io", truth.region),
    ];
    let available = if health.up {
        condition(
            "ManagedClusterConditionAvailable",
            "True",
            "ManagedClusterAvailable",
            "Managed cluster is available",
            health.since,
        )
    } else {
        condition(
            "ManagedClusterConditionAvailable",
            "Unknown",
            "ManagedClusterLeaseUpdateStopped",
            "Registration agent stopped updating its lease.",
            health.since,
        )
    };
    let began = desk.hub.world.began;
    let nodes = truth.nodes.len();
    json!({"metadata": metadata,
    "spec": {"hubAcceptsClient": true, "leaseDurationSeconds": 60,
        "managedClusterClientConfigs": [{"url": entry.member.url, "caBundle": entry.member.authority_data()}]},
    "status": {"version": {"kubernetes": truth.version}, "clusterClaims": claims,
        "capacity": {"cpu": (nodes * 8).to_string(), "memory": format!("{}Gi", nodes * 32)},
        "conditions": [
            condition("HubAcceptedManagedCluster", "True", "HubClusterAdminAccepted", "Accepted by hub cluster admin", began),
            condition("ManagedClusterJoined", "True", "ManagedClusterJoined", "Managed cluster joined", began),
            available,
        ]}})
}

/// A membership that was left behind: the cluster was taken down, and nobody told the hub.
fn orphan(desk: &Desk<'_>) -> Value {
    let (month, half) = (std::time::Duration::from_hours(24 * 30), std::time::Duration::from_hours(24 * 15));
    let mut labels = Map::new();
    labels.insert("env".into(), text("edge"));
    labels.insert("cluster.open-cluster-management.io/clusterset".into(), text("edge"));
    let left = desk.hub.world.began - half;
    json!({"metadata": desk.metadata("managedclusters", "", ORPHAN, month * 10, labels),
    "spec": {"hubAcceptsClient": true, "leaseDurationSeconds": 60},
    "status": {"version": {"kubernetes": "v1.33.4+k3s1"},
        "clusterClaims": [{"name": "id.k8s.io", "value": super::super::truth::uid(desk.seed(), &["orphan", ORPHAN])}],
        "conditions": [
            condition("HubAcceptedManagedCluster", "True", "HubClusterAdminAccepted", "", left - month),
            condition("ManagedClusterJoined", "True", "ManagedClusterJoined", "", left - month),
            condition("ManagedClusterConditionAvailable", "Unknown", "ManagedClusterLeaseUpdateStopped",
                "Registration agent stopped updating its lease.", left),
        ]}})
}

fn sets(desk: &Desk<'_>) -> Vec<Value> {
    let set = |name: &&str| {
        let metadata = desk.metadata("managedclustersets", "", name, desk.hub.truth.age, Map::new());
        json!({"metadata": metadata, "spec": {"clusterSelector": {"selectorType": "ExclusiveClusterSetLabel"}},
            "status": {"conditions": [condition("ClusterSetEmpty", "False", "ClustersSelected", "", desk.hub.world.began)]}})
    };
    ["dev", "edge", "prod", "shared", "stage"].iter().map(set).collect()
}

fn karmada(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (truth, health, name) = (entry.member.truth(), entry.health, &entry.enrolment.name);
    let ready = if health.up {
        condition(
            "Ready",
            "True",
            "ClusterReady",
            "cluster is healthy and ready to accept workloads",
            health.since,
        )
    } else {
        condition("Ready", "False", "ClusterNotReachable", "cluster is not reachable", health.since)
    };
    let nodes = truth.nodes.iter().filter(|node| node.ready).count();
    let secret = json!({"namespace": "karmada-cluster", "name": name});
    json!({"metadata": desk.entry_metadata("clusters.karmada", entry),
        "spec": {"id": truth.uid, "syncMode": "Push", "apiEndpoint": entry.member.url, "secretRef": secret,
            "impersonatorSecretRef": secret, "provider": truth.provider.name(), "region": truth.region},
        "status": {"kubernetesVersion": truth.version, "conditions": [ready],
            "nodeSummary": {"totalNum": truth.nodes.len(), "readyNum": nodes}}})
}

fn member(desk: &Desk<'_>, entry: &Entry<'_>) -> Value {
    let (truth, health) = (entry.member.truth(), entry.health);
    let began = super::super::workload::stamp(desk.hub.world.began);
    let property = |value: String| json!({"value": value, "observationTime": began});
    let properties = json!({
        "k8s.io/k8s-version": property(truth.version.clone()),
        "k8s.io/cluster-entrypoint": property(entry.member.url.clone()),
        "k8s.io/cluster-certificate-authority-data": property(entry.member.authority_data()),
        "kubernetes-fleet.io/node-count": property(truth.nodes.len().to_string()),
    });
    let healthy = if health.up { "AgentHealthy" } else { "AgentNoHeartbeat" };
    json!({"metadata": desk.entry_metadata("memberclusters", entry),
        "spec": {"heartbeatPeriodSeconds": 15,
            "identity": {"kind": "ServiceAccount", "name": "fleet-member-agent", "namespace": "fleet-system"}},
        "status": {"properties": properties,
            "conditions": [
                condition("ReadyToJoin", "True", "MemberClusterReadyToJoin", "", desk.hub.world.began),
                condition("Joined", "True", "MemberClusterJoined", "", desk.hub.world.began),
                condition("Healthy", truth_of(health.up), healthy, "", health.since),
            ],
            "agentStatus": [{"type": "MemberAgent", "lastReceivedHeartbeat": super::super::workload::stamp(health.since),
                "conditions": [condition("Healthy", truth_of(health.up), healthy, "", health.since)]}]}})
}

fn secrets(desk: &Desk<'_>) -> Vec<Value> {
    let argo = desk.entries(Registry::ArgoCd).map(|entry| {
        let mut labels = entry.labels();
        labels.insert("argocd.argoproj.io/secret-type".into(), text("cluster"));
        labels.insert("argocd.argoproj.io/auto-label-cluster-info".into(), text("true"));
        labels.insert(
            "argocd.argoproj.io/kubernetes-version".into(),
            format!("1.{}", entry.member.truth().minor()).into(),
        );
        let config = json!({"bearerToken": desk.roll.token,
            "tlsClientConfig": {"insecure": false, "caData": entry.member.authority_data()}});
        let place = (entry.enrolment.namespace.as_str(), entry.enrolment.name.as_str());
        let data = [
            ("name", entry.member.truth().name.as_str()),
            ("server", entry.member.url.as_str()),
            ("config", &config.to_string()),
        ];
        desk.secret(place, "Opaque", labels, &data)
    });
    let karmada = desk.entries(Registry::Karmada).map(|entry| {
        let data = [("token", desk.roll.token.as_str()), ("caBundle", entry.member.authority.as_str())];
        desk.secret(("karmada-cluster", &entry.enrolment.name), "Opaque", Map::new(), &data)
    });
    // Another Secret of Argo CD, which is no cluster.
    let mut labels = Map::new();
    labels.insert("argocd.argoproj.io/secret-type".into(), text("repository"));
    let repository = [("url", "https://git.acme.example/platform/deploy.git")];
    let repository = desk.secret(("argocd", "repo-platform"), "Opaque", labels, &repository);
    argo.chain(karmada).chain([repository]).collect()
}

fn namespaces(desk: &Desk<'_>) -> Vec<Value> {
    let sets = ["dev", "edge", "prod", "shared", "stage"]
        .map(|set| desk.namespace(&format!("fleet-{set}"), &[("multicluster.x-k8s.io/clusterset", set)]));
    let members =
        desk.entries(Registry::ManagedCluster).map(|entry| desk.namespace(&entry.enrolment.name, &[]));
    let fixed = ["argocd", "karmada-cluster", ORPHAN].map(|name| desk.namespace(name, &[]));
    sets.into_iter().chain(members).chain(fixed).collect()
}
