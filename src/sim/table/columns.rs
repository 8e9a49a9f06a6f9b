//! The columns of each kind and what stands in them, as the printers of a real API server show it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::since;

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// `string`, `integer` or `date`, as OpenAPI says it.
    pub(super) kind: &'static str,
    /// 0 always shown, 1 in wide output.
    pub(super) priority: i32,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: "string", priority: 0 }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: "integer", priority: 0 }
}

const fn wide(name: &'static str) -> Column {
    Column { name, kind: "string", priority: 1 }
}

const NODES: &[Column] = &[
    text("Name"),
    text("Status"),
    text("Roles"),
    text("Age"),
    text("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
];
const PODS: &[Column] = &[
    text("Name"),
    text("Ready"),
    text("Status"),
    text("Restarts"),
    text("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];
const EVENTS: &[Column] = &[
    text("Last Seen"),
    text("Type"),
    text("Reason"),
    text("Object"),
    wide("Subobject"),
    wide("Source"),
    text("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name"),
];
const DEPLOYMENTS: &[Column] = &[
    text("Name"),
    text("Ready"),
    number("Up-to-date"),
    number("Available"),
    text("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const REPLICA_SETS: &[Column] = &[
    text("Name"),
    number("Desired"),
    number("Current"),
    number("Ready"),
    text("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const STATEFUL_SETS: &[Column] =
    &[text("Name"), text("Ready"), text("Age"), wide("Containers"), wide("Images")];
const DAEMON_SETS: &[Column] = &[
    text("Name"),
    number("Desired"),
    number("Current"),
    number("Ready"),
    number("Up-to-date"),
    number("Available"),
    text("Node Selector"),
    text("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const SERVICES: &[Column] = &[
    text("Name"),
    text("Type"),
    text("Cluster-IP"),
    text("External-IP"),
    text("Port(s)"),
    text("Age"),
    wide("Selector"),
];
const BUDGETS: &[Column] = &[
    text("Name"),
    text("Min Available"),
    text("Max Unavailable"),
    number("Allowed Disruptions"),
    text("Age"),
];
const BINDINGS: &[Column] =
    &[text("Name"), text("Role"), text("Age"), wide("Users"), wide("Groups"), wide("ServiceAccounts")];
const SECRETS: &[Column] = &[text("Name"), text("Type"), number("Data"), text("Age")];
const ROLES: &[Column] = &[text("Name"), Column { name: "Created At", kind: "date", priority: 0 }];

const NAMESPACES: &[Column] = &[text("Name"), text("Status"), text("Age")];
const CONFIG_MAPS: &[Column] = &[text("Name"), text("Data"), text("Age")];
const SERVICE_ACCOUNTS: &[Column] = &[text("Name"), number("Secrets"), text("Age")];
const LEASES: &[Column] = &[text("Name"), text("Holder"), text("Age")];
const OTHERS: &[Column] = &[text("Name"), text("Age")];

/// The columns of a kind.
pub(super) fn of(plural: &str) -> &'static [Column] {
    match plural {
        "nodes" => NODES,
        "pods" => PODS,
        "events" => EVENTS,
        "deployments" => DEPLOYMENTS,
        "replicasets" => REPLICA_SETS,
        "statefulsets" => STATEFUL_SETS,
        "daemonsets" => DAEMON_SETS,
        "services" => SERVICES,
        "poddisruptionbudgets" => BUDGETS,
        "clusterrolebindings" | "rolebindings" => BINDINGS,
        "clusterroles" | "roles" => ROLES,
        "secrets" => SECRETS,
        "namespaces" => NAMESPACES,
        "configmaps" => CONFIG_MAPS,
        "serviceaccounts" => SERVICE_ACCOUNTS,
        "leases" => LEASES,
        _ => OTHERS,
    }
}

/// A place in an object, with the ways in which printers read it.
struct Look<'a>(&'a Value);

impl Look<'_> {
    fn text(&self, at: &str) -> String {
        self.0.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn or_none(&self, at: &str) -> String {
        let text = self.text(at);
        if text.is_empty() { "<none>".to_owned() } else { text }
    }

    fn count(&self, at: &str) -> i64 {
        self.0.pointer(at).and_then(Value::as_i64).unwrap_or_default()
    }

    fn size(&self, at: &str) -> usize {
        match self.0.pointer(at) {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(items)) => items.len(),
            _ => 0,
        }
    }

    fn items(&self, at: &str) -> &[Value] {
        self.0.pointer(at).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn joined(&self, at: &str, field: &str) -> String {
        let items = self.items(at).iter().filter_map(|item| item.get(field)?.as_str());
        items.collect::<Vec<_>>().join(",")
    }

    /// `a=b,c=d` of a map, `<none>` of an empty one.
    fn pairs(&self, at: &str) -> String {
        let map = self.0.pointer(at).and_then(Value::as_object);
        let pairs: Vec<String> = map
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
    }

    fn address(&self, kind: &str) -> String {
        let addresses = self.items("/status/addresses").iter();
        let found = addresses.filter(|a| a.get("type").and_then(Value::as_str) == Some(kind));
        let mut found = found.filter_map(|a| a.get("address")?.as_str());
        found.next().unwrap_or("<none>").to_owned()
    }
}

/// The cells of one row.
pub(super) fn cells(plural: &str, object: &Value, now: DateTime<Utc>) -> Vec<Value> {
    let look = Look(object);
    let name = json!(look.text("/metadata/name"));
    let age = json!(since(object.pointer("/metadata/creationTimestamp"), now));
    let containers = || json!(look.joined("/spec/template/spec/containers", "name"));
    let images = || json!(look.joined("/spec/template/spec/containers", "image"));
    let selector = || json!(look.pairs("/spec/selector/matchLabels"));
    let of = |ready: &str, wanted: &str| json!(format!("{}/{}", look.count(ready), look.count(wanted)));
    match plural {
        "nodes" => vec![
            name,
            json!(node_status(&look)),
            json!(roles(object)),
            age,
            json!(look.text("/status/nodeInfo/kubeletVersion")),
            json!(look.address("InternalIP")),
            json!(look.address("ExternalIP")),
            json!(look.text("/status/nodeInfo/osImage")),
            json!(look.text("/status/nodeInfo/kernelVersion")),
            json!(look.text("/status/nodeInfo/containerRuntimeVersion")),
        ],
        "pods" => pod(&look, name, age, now),
        "events" => event(&look, name, now),
        "namespaces" => vec![name, json!(look.text("/status/phase")), age],
        "deployments" => vec![
            name,
            of("/status/readyReplicas", "/spec/replicas"),
            json!(look.count("/status/updatedReplicas")),
            json!(look.count("/status/availableReplicas")),
            age,
            containers(),
            images(),
            selector(),
        ],
        "replicasets" => vec![
            name,
            json!(look.count("/spec/replicas")),
            json!(look.count("/status/replicas")),
            json!(look.count("/status/readyReplicas")),
            age,
            containers(),
            images(),
            selector(),
        ],
        "statefulsets" => {
            vec![name, of("/status/readyReplicas", "/spec/replicas"), age, containers(), images()]
        }
        "daemonsets" => vec![
            name,
            json!(look.count("/status/desiredNumberScheduled")),
            json!(look.count("/status/currentNumberScheduled")),
            json!(look.count("/status/numberReady")),
            json!(look.count("/status/updatedNumberScheduled")),
            json!(look.count("/status/numberAvailable")),
            json!(look.pairs("/spec/template/spec/nodeSelector")),
            age,
            containers(),
            images(),
            selector(),
        ],
        "services" => {
            let ports = look.items("/spec/ports").iter().map(|port| {
                let port = Look(port);
                format!("{}/{}", port.count("/port"), port.text("/protocol"))
            });
            vec![
                name,
                json!(look.text("/spec/type")),
                json!(look.or_none("/spec/clusterIP")),
                json!("<none>"),
                json!(ports.collect::<Vec<_>>().join(",")),
                age,
                json!(look.pairs("/spec/selector")),
            ]
        }
        "poddisruptionbudgets" => {
            let limit = |at: &str| match object.pointer(at) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => "N/A".to_owned(),
            };
            let allowed = json!(look.count("/status/disruptionsAllowed"));
            vec![name, json!(limit("/spec/minAvailable")), json!(limit("/spec/maxUnavailable")), allowed, age]
        }
        "clusterrolebindings" | "rolebindings" => {
            let subjects = |kind: &str| {
                let of_kind =
                    look.items("/subjects").iter().map(Look).filter(|subject| subject.text("/kind") == kind);
                let names: Vec<String> = of_kind
                    .map(|subject| match subject.text("/namespace") {
                        namespace if namespace.is_empty() => subject.text("/name"),
                        namespace => format!("{namespace}/{}", subject.text("/name")),
                    })
                    .collect();
                json!(names.join(", "))
            };
            let role = format!("{}/{}", look.text("/roleRef/kind"), look.text("/roleRef/name"));
            vec![name, json!(role), age, subjects("User"), subjects("Group"), subjects("ServiceAccount")]
        }
        "clusterroles" | "roles" => vec![name, json!(look.text("/metadata/creationTimestamp"))],
        "configmaps" => vec![name, json!(look.size("/data") + look.size("/binaryData")), age],
        "secrets" => vec![name, json!(look.text("/type")), json!(look.size("/data")), age],
        "serviceaccounts" => vec![name, json!(look.size("/secrets")), age],
        "leases" => vec![name, json!(look.text("/spec/holderIdentity")), age],
        _ => vec![name, age],
    }
}

/// `Ready`, `NotReady` or `Unknown`, and whether it takes pods.
fn node_status(look: &Look<'_>) -> String {
    let conditions = look.items("/status/conditions").iter().map(Look);
    let ready =
        conditions.filter(|condition| condition.text("/type") == "Ready").map(|c| c.text("/status")).next();
    let state = match ready.as_deref() {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let closed = look.0.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or_default();
    if closed { format!("{state},SchedulingDisabled") } else { state.to_owned() }
}

fn roles(object: &Value) -> String {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let mut roles = BTreeSet::new();
    for (key, value) in labels.into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty()) {
            roles.insert(role.to_owned());
        } else if key == "kubernetes.io/role" {
            roles.extend(value.as_str().filter(|role| !role.is_empty()).map(str::to_owned));
        }
    }
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

/// Ready count, the reason that explains the state best, restarts with the time of the last.
fn pod(look: &Look<'_>, name: Value, age: Value, now: DateTime<Utc>) -> Vec<Value> {
    let mut reason = look.text("/status/reason");
    if reason.is_empty() {
        reason = look.text("/status/phase");
    }
    let (mut ready, mut restarts, mut last) = (0, 0, None);
    let containers = look.items("/status/containerStatuses");
    for container in containers.iter().rev() {
        let one = Look(container);
        restarts += one.count("/restartCount");
        last = last.max(container.pointer("/lastState/terminated/finishedAt").and_then(Value::as_str));
        for state in ["/state/waiting/reason", "/state/terminated/reason"] {
            let why = one.text(state);
            if !why.is_empty() {
                reason = why;
            }
        }
        if container.get("ready").and_then(Value::as_bool) == Some(true) {
            ready += 1;
        }
    }
    if look.0.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating".clone_into(&mut reason);
    }
    let restarts = match last {
        Some(at) if restarts > 0 => format!("{restarts} ({} ago)", since(Some(&json!(at)), now)),
        _ => restarts.to_string(),
    };
    let total = look.size("/spec/containers");
    vec![
        name,
        json!(format!("{ready}/{total}")),
        json!(reason),
        json!(restarts),
        age,
        json!(look.or_none("/status/podIP")),
        json!(look.or_none("/spec/nodeName")),
        json!(look.or_none("/status/nominatedNodeName")),
        json!("<none>"),
    ]
}

fn event(look: &Look<'_>, name: Value, now: DateTime<Utc>) -> Vec<Value> {
    let first = look.0.get("firstTimestamp").filter(|at| !at.is_null()).or_else(|| look.0.get("eventTime"));
    let last = look.0.pointer("/series/lastObservedTime").or_else(|| look.0.get("lastTimestamp"));
    let last = last.filter(|at| !at.is_null()).or(first);
    let mut source = look.text("/source/component");
    if source.is_empty() {
        source = look.text("/reportingComponent");
    }
    let host = look.text("/source/host");
    if !host.is_empty() {
        source = format!("{source}, {host}");
    }
    let count = look.count("/series/count").max(look.count("/count")).max(1);
    let about =
        format!("{}/{}", look.text("/involvedObject/kind").to_lowercase(), look.text("/involvedObject/name"));
    vec![
        json!(since(last, now)),
        json!(look.text("/type")),
        json!(look.text("/reason")),
        json!(about),
        json!(look.text("/involvedObject/fieldPath")),
        json!(source),
        json!(look.text("/message").trim()),
        json!(since(first, now)),
        json!(count),
        name,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_as_many_cells_as_columns() {
        for kind in super::super::super::kinds::KINDS {
            let cells = cells(kind.plural, &json!({"metadata": {"name": "x"}}), now());
            assert_eq!(cells.len(), of(kind.plural).len(), "{}", kind.plural);
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_crashing_pod_says_so_with_its_restarts() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{}, {}]}, "status": {"phase": "Running",
            "containerStatuses": [
                {"ready": true, "restartCount": 0, "state": {"running": {}}},
                {"ready": false, "restartCount": 12, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                 "lastState": {"terminated": {"finishedAt": "2027-01-15T07:57:00Z"}}}]}});
        let cells = cells("pods", &pod, now());
        assert_eq!(cells[1..4], [json!("1/2"), json!("CrashLoopBackOff"), json!("12 (3m ago)")]);
    }

    #[test]
    fn a_cordoned_node_says_so() {
        let node = json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/etcd": "", "node-role.kubernetes.io/control-plane": ""}},
            "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        let cells = cells("nodes", &node, now());
        assert_eq!(cells[1..3], [json!("NotReady,SchedulingDisabled"), json!("control-plane,etcd")]);
    }
}
