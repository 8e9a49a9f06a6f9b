//! The plan of what runs in a cluster, and the controllers (Deployments and their like) that say so.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::dice::Dice;
use super::Ground;
use super::small::younger;

/// What keeps an application's pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Controller {
    #[default]
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// How a pod fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fare {
    #[default]
    Running,
    CrashLoop,
    ImagePull,
    OutOfMemory,
    Pending,
}

/// A pod of the plan.
#[derive(Clone, Debug)]
pub(super) struct PodPlan {
    pub(super) name: String,
    /// None while it waits for a place.
    pub(super) node: Option<String>,
    pub(super) fare: Fare,
    pub(super) restarts: u64,
    pub(super) age: Duration,
}

/// An application of the plan.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) controller: Controller,
    pub(super) image: String,
    /// The pod template's hash, which names the ReplicaSet.
    pub(super) hash: String,
    pub(super) pods: Vec<PodPlan>,
}

impl App {
    /// How many of its pods are ready.
    pub(super) fn ready(&self) -> usize {
        self.pods.iter().filter(|pod| pod.fare == Fare::Running).count()
    }

    /// The labels that its pods carry and its selector asks for.
    pub(super) fn labels(&self) -> Value {
        json!({"app": self.name})
    }

    /// Kind and name of what owns its pods.
    pub(super) fn owner(&self) -> (&'static str, &'static str, String) {
        match self.controller {
            Controller::Deployment => ("ReplicaSet", "replicasets", format!("{}-{}", self.name, self.hash)),
            Controller::StatefulSet => ("StatefulSet", "statefulsets", self.name.clone()),
            Controller::DaemonSet => ("DaemonSet", "daemonsets", self.name.clone()),
        }
    }
}

/// What a class of clusters runs beyond the system: namespace, name, controller, replicas.
type Sort = (&'static str, &'static str, Controller, usize);

const SYSTEM: &[Sort] = &[
    ("kube-system", "coredns", Controller::Deployment, 2),
    ("kube-system", "kube-proxy", Controller::DaemonSet, 0),
    ("kube-system", "cilium", Controller::DaemonSet, 0),
    ("monitoring", "node-exporter", Controller::DaemonSet, 0),
    ("monitoring", "prometheus", Controller::StatefulSet, 1),
];
const PLATFORM: &[Sort] = &[
    ("kube-system", "metrics-server", Controller::Deployment, 2),
    ("cert-manager", "cert-manager", Controller::Deployment, 1),
];
const SERVICES: &[Sort] = &[
    ("ingress", "ingress-gateway", Controller::Deployment, 3),
    ("payments", "api", Controller::Deployment, 6),
    ("payments", "ledger", Controller::StatefulSet, 3),
    ("web", "frontend", Controller::Deployment, 8),
    ("web", "session-cache", Controller::StatefulSet, 2),
    ("search", "query", Controller::Deployment, 5),
    ("search", "indexer", Controller::Deployment, 2),
    ("checkout", "cart", Controller::Deployment, 4),
    ("ml", "inference", Controller::Deployment, 3),
    ("data", "stream-consumer", Controller::Deployment, 4),
];
const STORES: &[Sort] = &[
    ("store", "point-of-sale", Controller::Deployment, 2),
    ("store", "stock-sync", Controller::Deployment, 1),
    ("telemetry", "shipper", Controller::Deployment, 1),
];

/// Everything that runs in a cluster.
pub(super) fn plan(ground: Ground<'_>) -> Vec<App> {
    let truth = ground.truth;
    let mut dice = Dice::new(ground.seed, &["plan", &truth.name]);
    let sorts = match truth.class {
        Some("edge") => STORES,
        _ => SERVICES,
    };
    let wanted = match truth.class {
        Some("prod" | "stage") => 75,
        Some("edge") => 100,
        _ => 45,
    };
    let chosen: Vec<Sort> = sorts.iter().filter(|_| dice.chance(wanted)).copied().collect();
    let system = SYSTEM.iter().copied().chain(chosen).map(|sort| app(ground, sort, &mut dice));
    let mut apps: Vec<App> = system.collect();
    // Dice of their own, so that what was dealt before stays as it was.
    let mut dice = Dice::new(ground.seed, &["platform", &truth.name]);
    apps.extend(PLATFORM.iter().map(|sort| app(ground, *sort, &mut dice)));
    apps.retain(|app| truth.upkeep.missing != Some(app.name.as_str()));
    apps
}

/// The image of what everybody runs, with a version that fits the cluster's.
fn known_image(ground: Ground<'_>, name: &str) -> Option<String> {
    let truth = ground.truth;
    let upstream = truth.version.split(['-', '+']).next().unwrap_or_default();
    let patch = Dice::new(ground.seed, &["image", &truth.name, name]).between(0, 3);
    let minor = truth.minor();
    Some(match name {
        // What kubeadm installs with a release.
        "coredns" => {
            let version = match minor {
                ..=31 => "v1.11.3",
                32 | 33 => "v1.12.0",
                34 => "v1.12.1",
                _ => "v1.13.1",
            };
            format!("registry.k8s.io/coredns/coredns:{version}")
        }
        "kube-proxy" => format!("registry.k8s.io/kube-proxy:{upstream}"),
        "cilium" => format!("quay.io/cilium/cilium:v1.18.{patch}"),
        "metrics-server" => format!("registry.k8s.io/metrics-server/metrics-server:v0.8.{}", patch.min(1)),
        "cert-manager" if truth.upkeep.outdated == Some(name) => {
            "quay.io/jetstack/cert-manager-controller:v1.17.4".to_owned()
        }
        "cert-manager" => format!("quay.io/jetstack/cert-manager-controller:v1.19.{patch}"),
        "ingress-gateway" => format!("registry.k8s.io/ingress-nginx/controller:v1.13.{patch}"),
        "node-exporter" => format!("quay.io/prometheus/node-exporter:v1.9.{}", patch.min(1)),
        "prometheus" => format!("quay.io/prometheus/prometheus:v3.{}.0", 4 + patch),
        _ => return None,
    })
}

fn app(ground: Ground<'_>, (namespace, name, controller, replicas): Sort, dice: &mut Dice) -> App {
    let truth = ground.truth;
    let daemon = controller == Controller::DaemonSet;
    let small = truth.nodes.len() < 4 && !daemon;
    let replicas = if daemon {
        truth.nodes.len()
    } else if small {
        replicas.div_ceil(2)
    } else {
        replicas
    };
    let hash = format!("{}{}", dice.hex(4), dice.suffix(5));
    let fails = truth.troubled && namespace != "kube-system" && dice.chance(9);
    let fare = if fails {
        dice.weighted(&[
            (4, Fare::CrashLoop),
            (2, Fare::ImagePull),
            (2, Fare::Pending),
            (1, Fare::OutOfMemory),
        ])
    } else {
        Fare::Running
    };
    let oldest = younger(ground, name).as_secs();
    let pods = (0..replicas)
        .map(|index| {
            let suffix = dice.suffix(5);
            // Of a failing application some pods are old and well, as after a bad rollout.
            let fare = if index * 2 < replicas { fare } else { Fare::Running };
            let place = if daemon { index } else { dice.below(truth.nodes.len()) };
            let node = truth.nodes.get(place).filter(|_| fare != Fare::Pending).map(|node| node.name.clone());
            let age = match fare {
                Fare::Running => dice.between(3_600, oldest.max(7_200)),
                _ => dice.between(600, 20_000),
            };
            PodPlan {
                name: match controller {
                    Controller::Deployment => format!("{name}-{hash}-{suffix}"),
                    Controller::StatefulSet => format!("{name}-{index}"),
                    Controller::DaemonSet => format!("{name}-{suffix}"),
                },
                node,
                fare,
                restarts: match fare {
                    Fare::CrashLoop | Fare::OutOfMemory => dice.between(4, 90),
                    Fare::Running => dice.weighted(&[(12, 0), (2, 1), (1, 3)]),
                    Fare::ImagePull | Fare::Pending => 0,
                },
                age: Duration::from_secs(age),
            }
        })
        .collect();
    let image = match namespace {
        "kube-system" => format!("registry.k8s.io/{name}:v1.{}.{}", dice.between(11, 14), dice.between(0, 9)),
        _ => format!(
            "registry.acme.example/{namespace}/{name}:2026.{}.{}",
            dice.between(1, 11),
            dice.between(0, 30)
        ),
    };
    let image = known_image(ground, name).unwrap_or(image);
    App { namespace: namespace.to_owned(), name: name.to_owned(), controller, image, hash, pods }
}

/// The objects of one kind of controller.
pub(super) fn controllers(ground: Ground<'_>, shelf: &str) -> Vec<Value> {
    let of =
        |controller: Controller| plan(ground).into_iter().filter(move |app| app.controller == controller);
    match shelf {
        "deployments" => of(Controller::Deployment).map(|app| deployment(ground, &app)).collect(),
        "replicasets" => of(Controller::Deployment).map(|app| replica_set(ground, &app)).collect(),
        "statefulsets" => of(Controller::StatefulSet).map(|app| stateful_set(ground, &app)).collect(),
        "daemonsets" => of(Controller::DaemonSet).map(|app| daemon_set(ground, &app)).collect(),
        _ => Vec::new(),
    }
}

/// The one container of an application.
pub(super) fn container(app: &App) -> Value {
    json!({
        "name": app.name, "image": app.image, "imagePullPolicy": "IfNotPresent",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
    })
}

fn template(app: &App) -> Value {
    json!({"metadata": {"labels": app.labels()}, "spec": {
        "containers": [container(app)], "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
        "schedulerName": "default-scheduler", "securityContext": {}, "serviceAccountName": app.name,
        "terminationGracePeriodSeconds": 30,
    }})
}

fn metadata(ground: Ground<'_>, plural: &str, app: &App, name: &str) -> Map<String, Value> {
    let mut metadata = ground.metadata(plural, &app.namespace, name, younger(ground, &app.name));
    metadata.insert("labels".into(), app.labels());
    metadata.insert("generation".into(), 1.into());
    metadata
}

fn deployment(ground: Ground<'_>, app: &App) -> Value {
    let (total, ready) = (app.pods.len(), app.ready());
    let at = ground.ago(younger(ground, &app.name));
    let available = if ready * 4 >= total * 3 {
        json!({"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability.", "lastTransitionTime": at, "lastUpdateTime": at})
    } else {
        json!({"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable",
            "message": "Deployment does not have minimum availability.", "lastTransitionTime": at, "lastUpdateTime": at})
    };
    let mut status = json!({"observedGeneration": 1, "replicas": total, "updatedReplicas": total, "conditions": [available]});
    counts(
        &mut status,
        &[("readyReplicas", ready), ("availableReplicas", ready), ("unavailableReplicas", total - ready)],
    );
    json!({"metadata": metadata(ground, "deployments", app, &app.name),
        "spec": {"replicas": total, "selector": {"matchLabels": app.labels()}, "template": template(app),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
        "status": status})
}

fn replica_set(ground: Ground<'_>, app: &App) -> Value {
    let (total, ready) = (app.pods.len(), app.ready());
    let (_, _, name) = app.owner();
    let mut metadata = metadata(ground, "replicasets", app, &name);
    metadata.insert(
        "ownerReferences".into(),
        owned_by(ground, "apps/v1", "Deployment", "deployments", &app.namespace, &app.name),
    );
    metadata.insert("labels".into(), json!({"app": app.name, "pod-template-hash": app.hash}));
    let mut status = json!({"observedGeneration": 1, "replicas": total, "fullyLabeledReplicas": total});
    counts(&mut status, &[("readyReplicas", ready), ("availableReplicas", ready)]);
    json!({"metadata": metadata, "spec": {"replicas": total, "template": template(app),
        "selector": {"matchLabels": {"app": app.name, "pod-template-hash": app.hash}}}, "status": status})
}

fn stateful_set(ground: Ground<'_>, app: &App) -> Value {
    let (total, ready) = (app.pods.len(), app.ready());
    let mut status = json!({"observedGeneration": 1, "replicas": total, "currentReplicas": total, "updatedReplicas": total,
        "collisionCount": 0, "availableReplicas": ready});
    counts(&mut status, &[("readyReplicas", ready)]);
    json!({"metadata": metadata(ground, "statefulsets", app, &app.name),
        "spec": {"replicas": total, "selector": {"matchLabels": app.labels()}, "serviceName": app.name,
            "template": template(app), "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
        "status": status})
}

fn daemon_set(ground: Ground<'_>, app: &App) -> Value {
    let (total, ready) = (app.pods.len(), app.ready());
    let mut template = template(app);
    if let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("nodeSelector".into(), json!({"kubernetes.io/os": "linux"}));
    }
    let mut status = json!({"observedGeneration": 1, "desiredNumberScheduled": total, "currentNumberScheduled": total,
        "numberMisscheduled": 0, "numberReady": ready, "updatedNumberScheduled": total});
    counts(&mut status, &[("numberAvailable", ready), ("numberUnavailable", total - ready)]);
    json!({"metadata": metadata(ground, "daemonsets", app, &app.name),
        "spec": {"selector": {"matchLabels": app.labels()}, "template": template,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}},
        "status": status})
}

/// Counts that are left out of a status when they are zero.
fn counts(status: &mut Value, counts: &[(&str, usize)]) {
    if let Some(status) = status.as_object_mut() {
        for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
            status.insert((*name).into(), (*count).into());
        }
    }
}

/// An owner reference to a controller.
pub(super) fn owned_by(
    ground: Ground<'_>,
    api_version: &str,
    kind: &str,
    plural: &str,
    namespace: &str,
    name: &str,
) -> Value {
    json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": ground.uid(plural, namespace, name),
        "controller": true, "blockOwnerDeletion": true}])
}
