//! What moves by itself in a live fleet: heartbeats, repeated warnings, restarts, a node that comes and goes.
//!
//! One task for all clusters, with a budget of changes per beat, so that a fleet of thousands costs as little as one
//! of forty. Only kinds that somebody has looked at move; nobody can tell whether the others do.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::dice::Dice;
use super::hub;
use super::server::Tasks;
use super::store::Object;
use super::truth::{Trouble, uid};
use super::workload::{About, Said, event, stamp};

/// How often something may happen, and how many clusters share a beat.
const BEAT: Duration = Duration::from_millis(500);
const SHARE: usize = 40;

/// Every so many beats a flapping node turns.
const FLAP: u64 = 40;

/// Every so many beats hubs look at their members.
const FOLLOW: u64 = 4;

/// How many events about nodes a cluster keeps.
const EVENTS: usize = 200;

/// Moves the fleet until it stops.
pub(super) async fn live(clusters: Vec<Arc<Cluster>>, hubs: Vec<Arc<Cluster>>, seed: u64, tasks: Tasks) {
    let mut dice = Dice::new(seed, &["live"]);
    let flapping: Vec<Arc<Cluster>> =
        clusters.iter().filter(|cluster| cluster.truth.trouble == Trouble::Flapping).cloned().collect();
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut beat = 0_u64;
    loop {
        tokio::select! {
            () = tasks.stop.cancelled() => return,
            _ = beats.tick() => {}
        }
        beat += 1;
        for _ in 0..clusters.len().div_ceil(SHARE) {
            if let Some(cluster) = clusters.get(dice.below(clusters.len())) {
                happen(cluster, &mut dice);
            }
        }
        if beat.is_multiple_of(FOLLOW) {
            for hub in &hubs {
                hub::follow(hub);
            }
        }
        if beat.is_multiple_of(FLAP) {
            for cluster in &flapping {
                flap(cluster);
            }
        }
    }
}

/// One small thing.
fn happen(cluster: &Cluster, dice: &mut Dice) {
    let now = cluster.world.clock.now();
    match dice.below(10) {
        0..=5 => heartbeat(cluster, dice, now),
        6..=7 => repeat_warning(cluster, dice, now),
        _ => restart(cluster, dice, now),
    }
}

fn one_of(
    cluster: &Cluster,
    shelf: &'static str,
    dice: &mut Dice,
    fits: impl Fn(&Value) -> bool,
) -> Option<Value> {
    if !cluster.is_stocked(shelf) {
        return None;
    }
    let objects: Vec<Arc<Object>> = cluster.with_store(&[shelf], |store| store.list(shelf, "", None));
    let first = dice.below(objects.len());
    let turned = objects.iter().cycle().skip(first).take(objects.len().min(64));
    turned.map(|object| object.value()).find(fits)
}

/// A kubelet reports that its node is as it was.
fn heartbeat(cluster: &Cluster, dice: &mut Dice, now: DateTime<Utc>) {
    let is_well = |node: &Value| conditions(node).any(|c| kind(c) == "Ready" && says(c) == "True");
    let Some(mut node) = one_of(cluster, "nodes", dice, is_well) else { return };
    if let Some(conditions) = node.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        for condition in conditions {
            set(condition, "lastHeartbeatTime", stamp(now));
        }
    }
    cluster.with_store(&["nodes"], |store| drop(store.put("nodes", node)));
}

/// A warning that holds is said once more.
fn repeat_warning(cluster: &Cluster, dice: &mut Dice, now: DateTime<Utc>) {
    let is_warning = |event: &Value| event.get("type").and_then(Value::as_str) == Some("Warning");
    let Some(mut event) = one_of(cluster, "events", dice, is_warning) else { return };
    let count = event.get("count").and_then(Value::as_u64).unwrap_or(1);
    set(&mut event, "count", count + 1);
    set(&mut event, "lastTimestamp", stamp(now));
    cluster.with_store(&["events"], |store| drop(store.put("events", event)));
}

/// A crashing container crashes again.
fn restart(cluster: &Cluster, dice: &mut Dice, now: DateTime<Utc>) {
    let status = "/status/containerStatuses/0";
    let is_crashing = |pod: &Value| {
        pod.pointer(&format!("{status}/state/waiting/reason")).and_then(Value::as_str)
            == Some("CrashLoopBackOff")
    };
    let Some(mut pod) = one_of(cluster, "pods", dice, is_crashing) else { return };
    if let Some(container) = pod.pointer_mut(status) {
        let restarts = container.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
        set(container, "restartCount", restarts + 1);
        if let Some(ended) = container.pointer_mut("/lastState/terminated") {
            set(ended, "startedAt", stamp(now - chrono::Duration::seconds(9)));
            set(ended, "finishedAt", stamp(now));
        }
    }
    cluster.with_store(&["pods"], |store| drop(store.put("pods", pod)));
}

/// The last node of a cluster goes away, or comes back.
fn flap(cluster: &Cluster) {
    let now = cluster.world.clock.now();
    let last = cluster.with_store(&["nodes"], |store| store.list("nodes", "", None)).pop();
    let Some(mut node) = last.map(|object| object.value()) else { return };
    let was_ready = conditions(&node).any(|c| kind(c) == "Ready" && says(c) == "True");
    if let Some(conditions) = node.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        for condition in conditions.iter_mut().filter(|condition| kind(condition) == "Ready") {
            let (status, reason, message) = if was_ready {
                ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
            } else {
                ("True", "KubeletReady", "kubelet is posting ready status")
            };
            set(condition, "status", status);
            set(condition, "reason", reason);
            set(condition, "message", message);
            set(condition, "lastTransitionTime", stamp(now));
        }
    }
    let text = |at: &str| node.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, node_uid) = (text("/metadata/name"), text("/metadata/uid"));
    let reason = if was_ready { "NodeNotReady" } else { "NodeReady" };
    let number = cluster.throw();
    let event_uid = uid(cluster.world.seed, &[&cluster.truth.name, "flap", &number.to_string()]);
    let about = About { kind: "Node", namespace: "", name: &name, uid: &node_uid };
    let message = format!("Node {name} status is now: {reason}");
    let said =
        Said { warning: false, reason, message, from: "node-controller", count: 1, first: now, last: now };
    let event = event(&about, said, number, &event_uid);
    cluster.with_store(&["nodes", "events"], |store| {
        drop(store.put("nodes", node));
        drop(store.put("events", event));
        // A real server forgets events after an hour; here the number is bounded instead.
        let events = store.list("events", "default", None);
        if let Some(oldest) =
            events.iter().min_by_key(|event| event.revision).filter(|_| events.len() > EVENTS)
        {
            drop(store.remove("events", "default", &oldest.name));
        }
    });
}

fn conditions(node: &Value) -> impl Iterator<Item = &Value> {
    node.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten()
}

fn kind(condition: &Value) -> &str {
    condition.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn says(condition: &Value) -> &str {
    condition.get("status").and_then(Value::as_str).unwrap_or_default()
}

fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), json!(value.into()));
    }
}
