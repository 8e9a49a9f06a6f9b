//! Rancher Fleet (`clusters.fleet.cattle.io`) and KubeFleet (`memberclusters.cluster.kubernetes-fleet.io`): agents in the
//! clusters report to the hub.

use serde_json::Value;

use super::{Draft, clean, property, version, worse};
use crate::fleet::{CleanText, Health, Truth};
use crate::registry::hub::condition::{conditions, conditions_in, find, health, unknown};
use crate::registry::hub::object::{Reader, kind};
use crate::registry::hub::way::{HubPath, Reach, SecretForm, SecretRef, is_segment};

/// An agent of Rancher Fleet checks in every 15 minutes; three times missed is lost, as Fleet itself counts.
const CHECK_IN: u32 = 3 * 15 * 60;

/// Heartbeats of KubeFleet that may be missed.
const MISSED: u64 = 5;

/// Properties of one cluster that are kept.
const MAX_PROPERTIES: usize = 200;

pub(super) fn rancher_fleet(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let all = conditions(reader, &["status", "conditions"]);
    let state = reader.text(&["status", "display", "state"]);
    let facts = &mut draft.sighting.facts;
    facts.paused = reader.flag(&["spec", "paused"]);
    facts.phase = state.map(clean);
    facts.heartbeat_at = reader.time(&["status", "agent", "lastSeen"]);
    facts.heartbeat_seconds = Some(CHECK_IN);
    let ready = find(&all, "Ready");
    let told = match state {
        // What is deployed there differs from what should be; that says nothing bad of the cluster itself.
        Some(state @ ("Ready" | "Modified" | "OutOfSync" | "Pending" | "WaitApplied")) => {
            let healthy = if facts.heartbeat_at.is_some() { Truth::Yes } else { Truth::Unknown };
            Health { healthy, ..unknown(state) }
        }
        Some(state @ ("ErrApplied" | "NotReady")) => Health { healthy: Truth::No, ..unknown(state) },
        Some(state) => unknown(state),
        None => ready.map_or_else(|| unknown("NotReported"), health),
    };
    let message = ready.map(|c| c.message).unwrap_or_default();
    facts.health =
        Some(Health { message: CleanText::new(message), since: ready.and_then(|c| c.since), ..told });

    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "bundles-ready", reader.text(&["status", "display", "readyBundles"]));
    draft.sighting.properties = properties.into();
    // `status.apiServerURL` is the hub's address for the agent and is not looked at.
    let own = reader.text(&["metadata", "namespace"]);
    let namespace = reader.text(&["spec", "kubeConfigSecretNamespace"]).or(own).filter(|n| is_segment(n));
    let secret = reader.text(&["spec", "kubeConfigSecret"]).filter(|n| is_segment(n));
    if let (Some(namespace), Some(secret)) = (namespace, secret) {
        draft.reach = Reach::Secret(Box::new(SecretRef {
            namespace: namespace.to_owned(),
            name: secret.to_owned(),
            form: SecretForm::Kubeconfig { key: "value" },
            otherwise: None,
        }));
    }
    if own == Some("fleet-local") && draft.sighting.name.as_str() == "local" {
        draft.sighting.hosts_source = true;
        draft.reach = Reach::Hub(HubPath::Itself);
    }
}

pub(super) fn kube_fleet(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let joined = conditions(reader, &["status", "conditions"]);
    let mut told = None;
    let mut seen = None;
    for agent in reader.list(&["status", "agentStatus"]) {
        let place = "status.agentStatus[]";
        let is_member = reader.text_in(agent, place, &["type"]) == Some("MemberAgent");
        let at = reader.time_in(agent, place, &["lastReceivedHeartbeat"]);
        let agents = conditions_in(reader, agent, place);
        let Some(healthy) = find(&agents, "Healthy") else { continue };
        if is_member || told.is_none() {
            seen = at;
            told = Some(health(healthy));
        }
    }
    let joined = find(&joined, "Joined");
    let facts = &mut draft.sighting.facts;
    facts.phase = joined.map(|c| CleanText::new(if c.status == Truth::Yes { "Joined" } else { "NotJoined" }));
    facts.heartbeat_at = seen;
    let period = reader.whole(&["spec", "heartbeatPeriodSeconds"]).unwrap_or(60);
    facts.heartbeat_seconds = u32::try_from(period.saturating_mul(MISSED)).ok();
    facts.health = Some(match (told, joined) {
        (Some(told), Some(joined)) if joined.status != Truth::Yes => {
            Health { healthy: worse(told.healthy, joined.status), ..health(joined) }
        }
        (Some(told), _) => told,
        (None, Some(joined)) if joined.status != Truth::Yes => health(joined),
        _ => unknown("NotReported"),
    });

    let mut properties = std::collections::BTreeMap::new();
    let (mut entrypoint, mut authority) = (None, None);
    if let Some(map) = reader.map(&["status", "properties"]) {
        for (name, entry) in map.iter().take(MAX_PROPERTIES) {
            let place = format!("status.properties.{}", CleanText::with_cap(name, 128));
            let Some(value) = text_or_number(reader, entry, &place) else { continue };
            match name.as_str() {
                "k8s.io/cluster-entrypoint" => entrypoint = Some(value),
                "k8s.io/cluster-certificate-authority-data" => authority = Some(value),
                "k8s.io/k8s-version" => version(&mut draft.sighting.facts, Some(&value)),
                _ => property(&mut properties, CleanText::with_cap(name, 384).as_str(), Some(&value)),
            }
        }
    }
    draft.sighting.properties = properties.into();
    if let Some(server) = entrypoint {
        draft.server_from_inside(reader, "status.properties.k8s.io/cluster-entrypoint", &server);
        draft.authority(
            reader,
            "status.properties.k8s.io/cluster-certificate-authority-data",
            authority.as_deref(),
        );
    }
    if draft.sighting.facts.region.is_none() {
        draft.sighting.facts.region =
            draft.sighting.labels.get(&CleanText::new("fleet.azure.com/location")).cloned();
    }
}

/// The `value` of a property.
fn text_or_number(reader: &mut Reader<'_>, entry: &Value, place: &str) -> Option<String> {
    match entry.get("value") {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        None | Some(Value::Null | Value::String(_)) => None,
        Some(other) => {
            let message = format!("{place}.value must be text, but is {}", kind(other));
            reader.tell(crate::fleet::Severity::Warning, "BAD_OBJECT", &message, "");
            None
        }
    }
}
