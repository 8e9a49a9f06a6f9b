//! Pods as their kubelets report them, well and unwell.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::dice::Dice;
use super::Ground;
use super::apps::{App, Fare, PodPlan, container, owned_by, plan};

/// All pods of a cluster.
pub(super) fn pods(ground: Ground<'_>) -> Vec<Value> {
    let apps = plan(ground);
    apps.iter().flat_map(|app| app.pods.iter().map(move |pod| object(ground, app, pod))).collect()
}

fn object(ground: Ground<'_>, app: &App, pod: &PodPlan) -> Value {
    let mut metadata = ground.metadata("pods", &app.namespace, &pod.name, pod.age);
    let (kind, plural, owner) = app.owner();
    metadata.insert("generateName".into(), format!("{owner}-").into());
    metadata.insert(
        "labels".into(),
        match kind {
            "ReplicaSet" => json!({"app": app.name, "pod-template-hash": app.hash}),
            _ => app.labels(),
        },
    );
    metadata
        .insert("ownerReferences".into(), owned_by(ground, "apps/v1", kind, plural, &app.namespace, &owner));
    let mut spec = json!({
        "containers": [container(app)], "dnsPolicy": "ClusterFirst", "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority", "priority": 0, "restartPolicy": "Always",
        "schedulerName": "default-scheduler", "securityContext": {}, "serviceAccount": app.name,
        "serviceAccountName": app.name, "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        ],
    });
    if let (Some(node), Some(spec)) = (&pod.node, spec.as_object_mut()) {
        spec.insert("nodeName".into(), node.clone().into());
    }
    json!({"metadata": metadata, "spec": spec, "status": status(ground, app, pod)})
}

fn status(ground: Ground<'_>, app: &App, pod: &PodPlan) -> Value {
    let started = ground.ago(pod.age);
    let condition = |kind: &str, holds: bool, reason: Option<(&str, String)>| {
        let mut condition = json!({"type": kind, "status": if holds { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": started});
        if let (Some((reason, message)), Some(fields)) = (reason, condition.as_object_mut()) {
            fields.insert("reason".into(), reason.into());
            fields.insert("message".into(), message.into());
        }
        condition
    };
    if pod.fare == Fare::Pending {
        let message = format!("0/{} nodes are available: insufficient memory.", ground.truth.nodes.len());
        return json!({"phase": "Pending", "qosClass": "Burstable",
            "conditions": [condition("PodScheduled", false, Some(("Unschedulable", message)))]});
    }
    let ready = pod.fare == Fare::Running;
    let unready =
        (!ready).then(|| ("ContainersNotReady", format!("containers with unready status: [{}]", app.name)));
    let mut dice = Dice::new(ground.seed, &["pod", &ground.truth.name, &pod.name]);
    let address = format!("10.{}.{}.{}", dice.between(64, 79), dice.between(0, 250), dice.between(2, 250));
    json!({
        "phase": if pod.fare == Fare::ImagePull { "Pending" } else { "Running" },
        "conditions": [
            condition("Initialized", true, None),
            condition("Ready", ready, unready.clone()),
            condition("ContainersReady", ready, unready),
            condition("PodScheduled", true, None),
        ],
        "containerStatuses": [container_status(ground, app, pod, &mut dice)],
        "hostIP": format!("10.16.{}.{}", dice.between(0, 250), dice.between(4, 250)),
        "podIP": address, "podIPs": [{"ip": address}], "qosClass": "Burstable", "startTime": started,
    })
}

fn container_status(ground: Ground<'_>, app: &App, pod: &PodPlan, dice: &mut Dice) -> Value {
    let since = dice.between(20, 290).min(pod.age.as_secs());
    let (finished, began) =
        (ground.ago(Duration::from_secs(since)), ground.ago(Duration::from_secs(since + 9)));
    let ended = |reason: &str, code: u32| {
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": finished,
            "containerID": format!("containerd://{}", Dice::new(ground.seed, &[&pod.name]).hex(64))}})
    };
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let back_off = || {
        let message = format!(
            "back-off 5m0s restarting failed container={} pod={}_{}",
            app.name, pod.name, app.namespace
        );
        waiting("CrashLoopBackOff", message)
    };
    let (state, last) = match pod.fare {
        Fare::Running if pod.restarts > 0 => {
            (json!({"running": {"startedAt": ground.ago(pod.age / 3)}}), ended("Error", 1))
        }
        Fare::Running => (json!({"running": {"startedAt": ground.ago(pod.age)}}), json!({})),
        Fare::CrashLoop => (back_off(), ended("Error", 1)),
        Fare::OutOfMemory => (back_off(), ended("OOMKilled", 137)),
        Fare::ImagePull => {
            (waiting("ImagePullBackOff", format!("Back-off pulling image \"{}\"", app.image)), json!({}))
        }
        Fare::Pending => (waiting("ContainerCreating", String::new()), json!({})),
    };
    let well = pod.fare == Fare::Running;
    json!({"name": app.name, "image": app.image, "imageID": format!("{}@sha256:{}", app.image, dice.hex(64)),
        "ready": well, "started": well, "restartCount": pod.restarts, "state": state, "lastState": last})
}
