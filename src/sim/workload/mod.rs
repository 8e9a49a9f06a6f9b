//! The objects that a cluster holds before anybody touches it, made from its truth when a kind is first asked for.
//!
//! Pure: the same truth, seed and beginning give the same objects. Kinds refer to each other (a pod names its node and
//! its ReplicaSet) by deriving the same plan anew, never by looking into the store.

mod apps;
mod events;
mod nodes;
mod platform;
mod pods;
mod roles;
mod small;

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

pub(super) use events::{About, Said, event};
pub(super) use roles::everywhere as roles_everywhere;

use self::nodes::Depth;
use super::cluster::World;
use super::truth::{ClusterTruth, uid};

/// What every maker of objects needs.
#[derive(Clone, Copy)]
struct Ground<'a> {
    truth: &'a ClusterTruth,
    seed: u64,
    began: DateTime<Utc>,
}

/// The namespaces of a cluster.
pub(super) fn namespaces_of(truth: &ClusterTruth, seed: u64) -> Vec<String> {
    // They do not depend on the time.
    small::namespace_names(Ground { truth, seed, began: DateTime::UNIX_EPOCH })
}

/// The first objects of a kind.
pub(super) fn objects(truth: &ClusterTruth, world: &World, shelf: &str) -> Vec<Value> {
    let ground = Ground { truth, seed: world.seed, began: world.began };
    match shelf {
        "nodes" => nodes::nodes(ground, Depth::Whole),
        "namespaces" => small::namespaces(ground),
        "pods" => pods::pods(ground),
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" => apps::controllers(ground, shelf),
        "events" => events::events(ground),
        "leases" => small::leases(ground),
        "services" => small::services(ground),
        "serviceaccounts" => small::service_accounts(ground),
        "configmaps" => small::config_maps(ground),
        "secrets" => small::secrets(ground),
        "horizontalpodautoscalers" => platform::autoscalers(ground),
        "cronjobs" => platform::cron_jobs(ground),
        "networkpolicies" => platform::network_policies(ground),
        "ingresses" => platform::ingresses(ground),
        "customresourcedefinitions" => platform::definitions(ground),
        "flowschemas" => platform::flow_schemas(ground),
        "volumeattributesclasses" => platform::volume_classes(ground),
        "resourceclaimtemplates" => platform::claim_templates(ground),
        "poddisruptionbudgets" => small::disruption_budgets(ground),
        "clusterroles" | "clusterrolebindings" | "roles" | "rolebindings" => {
            roles::everywhere(world.seed, world.began)
                .into_iter()
                .filter(|object| is_of(object, shelf))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The first nodes, in the order of a list, with as much of them as a Table shows.
pub(super) fn nodes_for_table(truth: &ClusterTruth, world: &World) -> Vec<Value> {
    let mut nodes = nodes::nodes(Ground { truth, seed: world.seed, began: world.began }, Depth::Columns);
    nodes.sort_by_cached_key(|node| node.pointer("/metadata/name").map(Value::to_string));
    nodes
}

/// True when an RBAC object belongs on a shelf: its kind in lower case with an s.
fn is_of(object: &Value, shelf: &str) -> bool {
    object
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| format!("{}s", kind.to_lowercase()) == shelf)
}

/// A time as Kubernetes writes it: RFC 3339, whole seconds, Z.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time with microseconds (meta/v1 MicroTime).
pub(super) fn micro_stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl Ground<'_> {
    /// The time so long before the beginning.
    fn ago(&self, age: Duration) -> String {
        stamp(self.before(age))
    }

    fn before(&self, age: Duration) -> DateTime<Utc> {
        chrono::Duration::from_std(age)
            .ok()
            .and_then(|age| self.began.checked_sub_signed(age))
            .unwrap_or(self.began)
    }

    /// The UID of an object of this cluster.
    fn uid(&self, plural: &str, namespace: &str, name: &str) -> String {
        uid(self.seed, &[&self.truth.name, plural, namespace, name])
    }

    /// Metadata with name, uid and age; namespace only if it has one.
    fn metadata(&self, plural: &str, namespace: &str, name: &str, age: Duration) -> Map<String, Value> {
        let mut metadata = Map::new();
        metadata.insert("name".into(), name.into());
        if !namespace.is_empty() {
            metadata.insert("namespace".into(), namespace.into());
        }
        metadata.insert("uid".into(), self.uid(plural, namespace, name).into());
        metadata.insert("creationTimestamp".into(), self.ago(age).into());
        metadata
    }
}

/// What wrote an object, in the form of managedFields (enough for a reader, not a full field set).
fn managed_by(manager: &str, api_version: &str, at: &str, subresource: Option<&str>, fields: Value) -> Value {
    let mut entry = json!({
        "manager": manager, "operation": "Update", "apiVersion": api_version, "time": at,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if let (Some(subresource), Some(entry)) = (subresource, entry.as_object_mut()) {
        entry.insert("subresource".into(), subresource.into());
    }
    entry
}
