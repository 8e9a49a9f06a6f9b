//! RBAC objects that every cluster starts with: the ones a real API server makes at start, and the company's own.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::truth::uid;
use super::stamp;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const BOUND: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// All of them, the same on every cluster.
pub(in crate::sim) fn everywhere(seed: u64, began: DateTime<Utc>) -> Vec<Value> {
    let made = stamp(began - chrono::Duration::days(400));
    let mut objects = roles();
    objects.extend(bindings());
    for object in &mut objects {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("uid".into(), uid(seed, &["everywhere", &kind, &name]).into());
            metadata.insert("creationTimestamp".into(), made.clone().into());
        }
    }
    objects
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

fn paths(paths: &[&str]) -> Value {
    json!({"nonResourceURLs": paths, "verbs": ["get"]})
}

fn role(name: &str, rules: Vec<Value>) -> Value {
    let bootstrapped = !name.starts_with("acme:");
    let mut metadata = json!({"name": name});
    if let (true, Some(metadata)) = (bootstrapped, metadata.as_object_mut()) {
        metadata.insert("labels".into(), json!({"kubernetes.io/bootstrapping": "rbac-defaults"}));
        metadata.insert("annotations".into(), json!({BOUND: "true"}));
    }
    json!({"kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata, "rules": rules})
}

fn roles() -> Vec<Value> {
    let workloads: &[&str] =
        &["daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"];
    let core: &[&str] =
        &["configmaps", "pods", "pods/log", "pods/status", "services", "serviceaccounts", "events"];
    let view = || {
        vec![
            rule(&[""], core, READ),
            rule(&[""], &["namespaces", "namespaces/status"], READ),
            rule(&["apps"], workloads, READ),
            rule(&["events.k8s.io"], &["events"], READ),
            rule(&["policy"], &["poddisruptionbudgets"], READ),
            rule(&["networking.k8s.io"], &["networkpolicies", "ingresses"], READ),
            rule(&["autoscaling"], &["horizontalpodautoscalers"], READ),
            rule(&["batch"], &["cronjobs"], READ),
        ]
    };
    let edit = || {
        let mut rules = view();
        rules.push(rule(&[""], &["configmaps", "pods", "secrets", "services", "serviceaccounts"], WRITE));
        rules.push(rule(&[""], &["secrets"], READ));
        rules.push(rule(&["apps"], workloads, WRITE));
        rules.push(rule(&["policy"], &["poddisruptionbudgets"], WRITE));
        rules
    };
    let mut admin = edit();
    admin.push(rule(&["rbac.authorization.k8s.io"], &["roles", "rolebindings"], READ));
    admin.push(rule(&["rbac.authorization.k8s.io"], &["roles", "rolebindings"], WRITE));
    let health = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let mut discovery = health.to_vec();
    discovery.extend(["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]);
    let reviews = &["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let all = vec![rule(&["*"], &["*"], &["*"]), json!({"nonResourceURLs": ["*"], "verbs": ["*"]})];
    vec![
        role("cluster-admin", all),
        role("admin", admin),
        role("edit", edit()),
        role("view", view()),
        role("system:public-info-viewer", vec![paths(&health)]),
        role("system:discovery", vec![paths(&discovery)]),
        role(
            "system:basic-user",
            vec![
                rule(&["authorization.k8s.io"], reviews, &["create"]),
                rule(&["authentication.k8s.io"], &["selfsubjectreviews"], &["create"]),
            ],
        ),
        role(
            "acme:fleet-reader",
            vec![
                rule(&[""], &["nodes", "namespaces", "events"], READ),
                rule(&["coordination.k8s.io"], &["leases"], READ),
                rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], READ),
                paths(&["/readyz/*", "/livez/*", "/metrics"]),
            ],
        ),
        role(
            "acme:node-keeper",
            vec![rule(&[""], &["nodes", "nodes/status"], &["get", "list", "watch", "patch", "update"])],
        ),
    ]
}

fn binding(name: &str, role: &str, groups: &[&str]) -> Value {
    let subjects: Vec<Value> = groups
        .iter()
        .map(|group| json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}))
        .collect();
    json!({
        "kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name},
        "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    })
}

fn bindings() -> Vec<Value> {
    let anyone = &["system:authenticated", "system:unauthenticated"];
    let known = &["system:authenticated"];
    vec![
        binding("cluster-admin", "cluster-admin", &["system:masters"]),
        binding("system:public-info-viewer", "system:public-info-viewer", anyone),
        binding("system:discovery", "system:discovery", known),
        binding("system:basic-user", "system:basic-user", known),
        binding("acme:platform", "cluster-admin", &["acme:platform"]),
        binding("acme:developers", "cluster-admin", &["acme:developers"]),
        binding("acme:release-edit", "edit", &["acme:release"]),
        binding("acme:release-nodes", "acme:node-keeper", &["acme:release"]),
        binding("acme:edge-edit", "edit", &["acme:edge"]),
        binding("acme:edge-nodes", "acme:node-keeper", &["acme:edge"]),
        binding("acme:readers", "acme:fleet-reader", &["acme:release", "acme:edge"]),
        binding("acme:audit", "view", &["acme:audit"]),
    ]
}
