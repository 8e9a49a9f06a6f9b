//! What a platform team puts around the applications: policies, autoscalers, definitions, and the leftovers of old APIs.

use std::time::Duration;

use serde_json::{Value, json};

use super::apps::{self, App, Controller};
use super::small::younger;
use super::{Ground, managed_by};

/// The applications' own namespaces, each once.
fn own_namespaces(ground: Ground<'_>) -> Vec<String> {
    let apart = ["kube-system", "monitoring", "cert-manager"];
    let mut names: Vec<String> = apps::plan(ground)
        .into_iter()
        .map(|app| app.namespace)
        .filter(|namespace| !apart.contains(&namespace.as_str()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The Deployments of the applications.
fn own_deployments(ground: Ground<'_>) -> impl Iterator<Item = App> {
    let namespaces = own_namespaces(ground);
    apps::plan(ground)
        .into_iter()
        .filter(move |app| app.controller == Controller::Deployment && namespaces.contains(&app.namespace))
}

pub(super) fn network_policies(ground: Ground<'_>) -> Vec<Value> {
    if ground.truth.upkeep.unguarded {
        return Vec::new();
    }
    let policy = |namespace: &str, name: &str, spec: Value| {
        let metadata = ground.metadata("networkpolicies", namespace, name, younger(ground, namespace));
        json!({"metadata": metadata, "spec": spec})
    };
    let deny = |namespace: String| {
        policy(&namespace, "default-deny", json!({"podSelector": {}, "policyTypes": ["Ingress"]}))
    };
    let allow = |app: App| {
        let ingress = json!([{"from": [{"podSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]}]);
        let spec = json!({"podSelector": {"matchLabels": app.labels()}, "policyTypes": ["Ingress"], "ingress": ingress});
        policy(&app.namespace, &format!("allow-{}", app.name), spec)
    };
    own_namespaces(ground).into_iter().map(deny).chain(own_deployments(ground).map(allow)).collect()
}

pub(super) fn ingresses(ground: Ground<'_>) -> Vec<Value> {
    let front = own_deployments(ground).filter(|app| matches!(app.name.as_str(), "api" | "frontend"));
    front
        .map(|app| {
            let metadata =
                ground.metadata("ingresses", &app.namespace, &app.name, younger(ground, &app.name));
            let backend = json!({"service": {"name": app.name, "port": {"number": 80}}});
            let host = format!("{}.{}.acme.example", app.name, ground.truth.name);
            json!({"metadata": metadata, "status": {"loadBalancer": {}},
                "spec": {"ingressClassName": "nginx", "rules": [{"host": host,
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}})
        })
        .collect()
}

pub(super) fn autoscalers(ground: Ground<'_>) -> Vec<Value> {
    let scaled = own_deployments(ground).filter(|app| app.pods.len() > 3);
    scaled
        .map(|app| {
            let age = younger(ground, &app.name);
            let mut metadata = ground.metadata("horizontalpodautoscalers", &app.namespace, &app.name, age);
            let fields = json!({"f:spec": {"f:maxReplicas": {}, "f:minReplicas": {}}});
            let writer = managed_by("helm", "autoscaling/v2", &ground.ago(age), None, fields);
            metadata.insert("managedFields".into(), json!([writer]));
            let target = json!({"type": "Utilization", "averageUtilization": 70});
            json!({"metadata": metadata,
                "spec": {"minReplicas": 2, "maxReplicas": 3 * app.pods.len(),
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]},
                "status": {"currentReplicas": app.pods.len(), "desiredReplicas": app.pods.len(), "conditions": []}})
        })
        .collect()
}

pub(super) fn cron_jobs(ground: Ground<'_>) -> Vec<Value> {
    let stores = apps::plan(ground)
        .into_iter()
        .filter(|app| app.controller == Controller::StatefulSet && app.namespace != "monitoring");
    stores
        .map(|app| {
            let name = format!("{}-backup", app.name);
            let metadata = ground.metadata("cronjobs", &app.namespace, &name, younger(ground, &app.name));
            let container = json!({"name": "backup", "image": "registry.acme.example/tools/backup:2026.9.1"});
            let pod = json!({"spec": {"containers": [container], "restartPolicy": "OnFailure"}});
            json!({"metadata": metadata, "status": {},
                "spec": {"schedule": "17 3 * * *", "concurrencyPolicy": "Forbid", "suspend": false,
                    "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
                    "jobTemplate": {"spec": {"template": pod}}}})
        })
        .collect()
}

/// Definitions of custom resources. The resources themselves are not served here.
pub(super) fn definitions(ground: Ground<'_>) -> Vec<Value> {
    let (neglected, old) = ground.truth.upkeep.stored.unzip();
    let all = [
        ("ciliumnetworkpolicies", "cilium.io", "CiliumNetworkPolicy", "v2"),
        ("certificates", "cert-manager.io", "Certificate", "v1"),
        ("backups", "velero.acme.example", "Backup", "v1"),
    ];
    all.into_iter()
        .map(|(plural, group, kind, version)| {
            let name = format!("{plural}.{group}");
            let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
            let mut versions = vec![json!({"name": version, "served": true, "storage": true, "schema": schema})];
            let mut stored = vec![version];
            if let (Some(neglected), Some(old)) = (neglected, old)
                && neglected == name
            {
                versions.push(json!({"name": old, "served": false, "storage": false, "schema": schema}));
                stored.insert(0, old);
            }
            let names = json!({"plural": plural, "singular": kind.to_lowercase(), "kind": kind,
                "listKind": format!("{kind}List")});
            let age = younger(ground, &name);
            let condition = |kind: &str, reason: &str| {
                json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": ground.ago(age)})
            };
            json!({"metadata": ground.metadata("customresourcedefinitions", "", &name, age),
                "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": versions,
                    "conversion": {"strategy": "None"}},
                "status": {"acceptedNames": names, "storedVersions": stored,
                    "conditions": [condition("NamesAccepted", "NoConflicts"), condition("Established", "InitialNamesAccepted")]}})
        })
        .collect()
}

/// Metadata of an object that somebody writes, by the old API if that is in use here.
fn written(
    ground: Ground<'_>,
    plural: &str,
    namespace: &str,
    name: &str,
    usual: &str,
    age: Duration,
) -> Value {
    let mut metadata = ground.metadata(plural, namespace, name, age);
    let old = ground.truth.upkeep.requested.filter(|old| old.resource == plural);
    let (manager, version) = match old {
        Some(old) => (old.manager, format!("{}/{}", old.group, old.version)),
        None => ("api-priority-and-fairness-config-producer-v1", usual.to_owned()),
    };
    let fields = json!({"f:spec": {}});
    metadata.insert(
        "managedFields".into(),
        json!([managed_by(manager, &version, &ground.ago(age), None, fields)]),
    );
    metadata.into()
}

pub(super) fn flow_schemas(ground: Ground<'_>) -> Vec<Value> {
    let schema = |(name, level, precedence): (&str, &str, u32)| {
        let metadata =
            written(ground, "flowschemas", "", name, "flowcontrol.apiserver.k8s.io/v1", ground.truth.age);
        json!({"metadata": metadata, "status": {"conditions": []},
            "spec": {"priorityLevelConfiguration": {"name": level}, "matchingPrecedence": precedence,
                "distinguisherMethod": {"type": "ByUser"}}})
    };
    [("exempt", "exempt", 1), ("system-nodes", "system", 500), ("global-default", "global-default", 9_900)]
        .map(schema)
        .into()
}

pub(super) fn volume_classes(ground: Ground<'_>) -> Vec<Value> {
    let age = younger(ground, "volumeattributesclasses");
    let class = |(name, iops): (&str, &str)| {
        let metadata = written(ground, "volumeattributesclasses", "", name, "storage.k8s.io/v1", age);
        json!({"metadata": metadata, "driverName": "csi.acme.example", "parameters": {"iops": iops}})
    };
    [("gold", "16000"), ("silver", "3000")].map(class).into()
}

pub(super) fn claim_templates(ground: Ground<'_>) -> Vec<Value> {
    let age = younger(ground, "resourceclaimtemplates");
    let metadata = written(ground, "resourceclaimtemplates", "default", "one-gpu", "resource.k8s.io/v1", age);
    vec![json!({"metadata": metadata,
        "spec": {"spec": {"devices": {"requests": [{"name": "gpu", "deviceClassName": "gpu.acme.example"}]}}}})]
}
