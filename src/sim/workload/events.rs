//! Events: what controllers and kubelets had to say lately.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::dice::Dice;
use super::super::truth::Pressure;
use super::Ground;
use super::apps::{App, Fare, PodPlan, plan};
use super::stamp;

/// What an event is about: kind, apiVersion, namespace, name, uid.
pub(in crate::sim) struct About<'a> {
    pub(in crate::sim) kind: &'a str,
    pub(in crate::sim) namespace: &'a str,
    pub(in crate::sim) name: &'a str,
    pub(in crate::sim) uid: &'a str,
}

/// What it says, how often, and between when.
pub(in crate::sim) struct Said<'a> {
    pub(in crate::sim) warning: bool,
    pub(in crate::sim) reason: &'a str,
    pub(in crate::sim) message: String,
    pub(in crate::sim) from: &'a str,
    pub(in crate::sim) count: u64,
    pub(in crate::sim) first: DateTime<Utc>,
    pub(in crate::sim) last: DateTime<Utc>,
}

/// One core/v1 event; its name is that of its object and a number, as client-go's recorder makes it.
pub(in crate::sim) fn event(about: &About<'_>, said: Said<'_>, number: u64, uid: &str) -> Value {
    // Events about cluster-wide objects live in `default`.
    let namespace = if about.namespace.is_empty() { "default" } else { about.namespace };
    let mut object = json!({"kind": about.kind, "apiVersion": "v1", "name": about.name, "uid": about.uid});
    if let (false, Some(object)) = (about.namespace.is_empty(), object.as_object_mut()) {
        object.insert("namespace".into(), about.namespace.into());
    }
    json!({
        "metadata": {"name": format!("{}.{number:016x}", about.name), "namespace": namespace, "uid": uid,
            "creationTimestamp": stamp(said.first)},
        "involvedObject": object,
        "reason": said.reason, "message": said.message,
        "source": {"component": said.from},
        "firstTimestamp": stamp(said.first), "lastTimestamp": stamp(said.last), "count": said.count,
        "type": if said.warning { "Warning" } else { "Normal" },
        "eventTime": null, "reportingComponent": said.from, "reportingInstance": "",
    })
}

/// The events that explain a cluster's trouble, and a few ordinary ones.
pub(super) fn events(ground: Ground<'_>) -> Vec<Value> {
    let mut dice = Dice::new(ground.seed, &["events", &ground.truth.name]);
    let mut events = Vec::new();
    for app in plan(ground) {
        for pod in &app.pods {
            events.extend(of_pod(ground, &app, pod, &mut dice));
        }
    }
    for node in &ground.truth.nodes {
        let said = if node.ready {
            match node.pressure {
                Some(Pressure::Memory) => {
                    Some((true, "EvictionThresholdMet", "Attempting to reclaim memory".to_owned()))
                }
                Some(Pressure::Disk) => Some((
                    true,
                    "FreeDiskSpaceFailed",
                    "Failed to garbage collect required amount of images.".to_owned(),
                )),
                Some(Pressure::Pid) => Some((
                    true,
                    "NodeHasInsufficientPID",
                    format!("Node {} status is now: NodeHasInsufficientPID", node.name),
                )),
                None if node.cordoned => Some((
                    false,
                    "NodeNotSchedulable",
                    format!("Node {} status is now: NodeNotSchedulable", node.name),
                )),
                None => None,
            }
        } else {
            Some((false, "NodeNotReady", format!("Node {} status is now: NodeNotReady", node.name)))
        };
        if let Some((warning, reason, message)) = said {
            let uid = ground.uid("nodes", "", &node.name);
            let about = About { kind: "Node", namespace: "", name: &node.name, uid: &uid };
            events.push(said_of(ground, &about, (warning, reason, message, "kubelet"), &mut dice));
        }
    }
    events
}

fn of_pod(ground: Ground<'_>, app: &App, pod: &PodPlan, dice: &mut Dice) -> Option<Value> {
    let (warning, reason, message, from) = match pod.fare {
        Fare::Running if pod.age.as_secs() < 4_000 => {
            let message = format!("Container image \"{}\" already present on machine", app.image);
            (false, "Pulled", message, "kubelet")
        }
        Fare::Running => return None,
        Fare::CrashLoop | Fare::OutOfMemory => {
            let message = format!(
                "Back-off restarting failed container {} in pod {}_{}",
                app.name, pod.name, app.namespace
            );
            (true, "BackOff", message, "kubelet")
        }
        Fare::ImagePull => {
            (true, "Failed", format!("Failed to pull image \"{}\": not found", app.image), "kubelet")
        }
        Fare::Pending => {
            let nodes = ground.truth.nodes.len();
            let message = format!("0/{nodes} nodes are available: {nodes} Insufficient memory.");
            (true, "FailedScheduling", message, "default-scheduler")
        }
    };
    let uid = ground.uid("pods", &app.namespace, &pod.name);
    let about = About { kind: "Pod", namespace: &app.namespace, name: &pod.name, uid: &uid };
    Some(said_of(ground, &about, (warning, reason, message, from), dice))
}

/// An event of the last hour, repeated as often as its age allows.
fn said_of(
    ground: Ground<'_>,
    about: &About<'_>,
    (warning, reason, message, from): (bool, &str, String, &str),
    dice: &mut Dice,
) -> Value {
    let last = dice.between(5, 900);
    let first = last + dice.between(60, 2_600);
    let ago = |seconds: u64| ground.before(std::time::Duration::from_secs(seconds));
    let count = if warning { dice.between(2, 300) } else { 1 };
    let said = Said { warning, reason, message, from, count, first: ago(first), last: ago(last) };
    let number = 0x1880_0000_0000_0000 | (dice.next() >> 16);
    let name = format!("{}.{number:016x}", about.name);
    event(about, said, number, &ground.uid("events", about.namespace, &name))
}
