//! The small kinds: namespaces, leases, services, accounts, config maps, secrets, disruption budgets.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::dice::Dice;
use super::apps::{self, App, Controller};
use super::{Ground, micro_stamp};

/// The namespaces that every cluster has.
const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Names of all namespaces of a cluster, in order.
pub(super) fn namespace_names(ground: Ground<'_>) -> Vec<String> {
    let mut names: Vec<String> = SYSTEM.iter().map(|&name| name.to_owned()).collect();
    names.extend(apps::plan(ground).into_iter().map(|app| app.namespace));
    names.sort();
    names.dedup();
    names
}

pub(super) fn namespaces(ground: Ground<'_>) -> Vec<Value> {
    let of = |name: String| {
        let age = if SYSTEM.contains(&name.as_str()) { ground.truth.age } else { younger(ground, &name) };
        let mut metadata = ground.metadata("namespaces", "", &name, age);
        metadata.insert("labels".into(), json!({"kubernetes.io/metadata.name": name}));
        json!({"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
    };
    namespace_names(ground).into_iter().map(of).collect()
}

/// An age below the cluster's, from the words alone.
pub(super) fn younger(ground: Ground<'_>, what: &str) -> Duration {
    let oldest = ground.truth.age.as_secs();
    let share = Dice::new(ground.seed, &["age", &ground.truth.name, what]).between(20, 95);
    Duration::from_secs(oldest / 100 * share)
}

pub(super) fn leases(ground: Ground<'_>) -> Vec<Value> {
    let truth = ground.truth;
    let lease = |namespace: &str, name: &str, holder: &str, seconds: u64, age: Duration, beat: u64| {
        let renewed = ground.before(Duration::from_secs(beat));
        json!({"metadata": ground.metadata("leases", namespace, name, age),
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": micro_stamp(renewed)}})
    };
    let nodes = truth.nodes.iter().map(|node| {
        let beat = if node.ready { 4 } else { 5_460 };
        lease("kube-node-lease", &node.name, &node.name, 40, node.age, beat)
    });
    let leaders = ["kube-controller-manager", "kube-scheduler"].map(|name| {
        let holder = format!("{name}-0_{}", ground.uid("holder", "", name));
        lease("kube-system", name, &holder, 15, truth.age, 1)
    });
    nodes.chain(leaders).collect()
}

pub(super) fn services(ground: Ground<'_>) -> Vec<Value> {
    let service = |namespace: &str, name: &str, address: String, port: u32, target: &str, selector: Value| {
        json!({"metadata": ground.metadata("services", namespace, name, younger(ground, name)),
            "spec": {"clusterIP": address, "clusterIPs": [address], "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                "ports": [{"name": "http", "port": port, "protocol": "TCP", "targetPort": target}],
                "selector": selector, "sessionAffinity": "None", "type": "ClusterIP"},
            "status": {"loadBalancer": {}}})
    };
    let api = service("default", "kubernetes", "10.96.0.1".to_owned(), 443, "6443", Value::Null);
    let dns = service(
        "kube-system",
        "kube-dns",
        "10.96.0.10".to_owned(),
        53,
        "dns",
        json!({"k8s-app": "kube-dns"}),
    );
    let apps = apps::plan(ground)
        .into_iter()
        .enumerate()
        .filter(|(_, app)| app.controller == Controller::Deployment);
    let apps = apps.filter(|(_, app)| app.namespace != "kube-system").map(|(index, app)| {
        let address = format!("10.96.{}.{}", 1 + index / 250, 10 + index % 240);
        service(&app.namespace, &app.name, address, 80, "http", json!({"app": app.name}))
    });
    [api, dns].into_iter().chain(apps).collect()
}

pub(super) fn service_accounts(ground: Ground<'_>) -> Vec<Value> {
    let defaults = namespace_names(ground).into_iter().map(|namespace| (namespace, "default".to_owned()));
    let own = apps::plan(ground).into_iter().map(|app| (app.namespace, app.name));
    defaults
        .chain(own)
        .map(|(namespace, name)| {
            json!({"metadata": ground.metadata("serviceaccounts", &namespace, &name, younger(ground, &namespace))})
        })
        .collect()
}

pub(super) fn config_maps(ground: Ground<'_>) -> Vec<Value> {
    let map = |namespace: &str, name: &str, key: &str, text: String| {
        json!({"metadata": ground.metadata("configmaps", namespace, name, younger(ground, namespace)),
            "data": {key: text}})
    };
    let roots = namespace_names(ground);
    let roots = roots.iter().map(|namespace| {
        map(namespace, "kube-root-ca.crt", "ca.crt", format!("# authority of {}\n", ground.truth.name))
    });
    let own = apps::plan(ground).into_iter().filter(|app| app.namespace != "kube-system").map(|app: App| {
        let text =
            format!("log.level: info\nregion: {}\nreplicas: {}\n", ground.truth.region, app.pods.len());
        map(&app.namespace, &format!("{}-config", app.name), "config.yaml", text)
    });
    roots.chain(own).collect()
}

pub(super) fn secrets(ground: Ground<'_>) -> Vec<Value> {
    let own = apps::plan(ground).into_iter().filter(|app| app.controller == Controller::StatefulSet);
    own.map(|app| {
        let name = format!("{}-credentials", app.name);
        let word = Dice::new(ground.seed, &["secret", &ground.truth.name, &name]).hex(24);
        json!({"metadata": ground.metadata("secrets", &app.namespace, &name, younger(ground, &app.namespace)),
            "data": {"password": STANDARD.encode(word)}, "type": "Opaque"})
    })
    .collect()
}

pub(super) fn disruption_budgets(ground: Ground<'_>) -> Vec<Value> {
    let guarded =
        apps::plan(ground).into_iter().filter(|app| app.namespace != "kube-system" && app.pods.len() > 1);
    let guarded = guarded.filter(|app| app.controller != Controller::DaemonSet);
    // What a cluster cannot be drained past: a budget that wants every replica all the time.
    let strict =
        apps::plan(ground).into_iter().filter(|app| app.name == "coredns" && ground.truth.upkeep.blocked);
    let strict = strict.map(|app| {
        let total = app.pods.len();
        json!({"metadata": ground.metadata("poddisruptionbudgets", &app.namespace, &app.name, younger(ground, &app.name)),
            "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"app": app.name}}},
            "status": {"conditions": [], "currentHealthy": total, "desiredHealthy": total, "disruptionsAllowed": 0,
                "expectedPods": total, "observedGeneration": 1}})
    });
    guarded
        .map(|app| {
            let (total, healthy) = (app.pods.len(), app.ready());
            json!({"metadata": ground.metadata("poddisruptionbudgets", &app.namespace, &app.name, younger(ground, &app.name)),
                "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": app.name}}},
                "status": {"conditions": [], "currentHealthy": healthy, "desiredHealthy": total - 1,
                    "disruptionsAllowed": (healthy + 1).saturating_sub(total), "expectedPods": total,
                    "observedGeneration": 1}})
        })
        .chain(strict)
        .collect()
}
