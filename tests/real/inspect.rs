//! A closer look at a real API server: what is there is what was put there.

use serde_json::{Value, json};

use crate::controlplane::ControlPlane;
use crate::controlplane::https::Connection;

const JSON: &str = "application/json";

fn send(connection: &mut Connection, method: &str, path: &str, object: &Value) -> Value {
    connection.send(method, path, JSON, Some(object)).unwrap().ok().unwrap().json().unwrap()
}

/// A definition that stores one version and serves it, and perhaps another one.
fn definition(stored: &str) -> Value {
    let version = |name: &str| {
        json!({"name": name, "served": name == stored, "storage": name == stored,
               "schema": {"openAPIV3Schema": {"type": "object"}}})
    };
    json!({
        "metadata": {"name": "gauges.plants.example.test"},
        "spec": {"group": "plants.example.test", "scope": "Cluster",
                 "names": {"kind": "Gauge", "plural": "gauges", "singular": "gauge"},
                 "versions": [version("v1"), version("v1alpha1")]},
    })
}

#[test]
#[ignore = "needs real control plane"]
fn what_a_real_server_says_of_budgets_policies_and_old_apis_is_read_right() {
    let Some(plane) = ControlPlane::start_or_skip(1) else { return };
    let server = &plane.servers()[0];
    let mut connection = server.admin_client().unwrap().connect().unwrap();
    let c = &mut connection;

    // Two budgets, of which one allows nothing; nobody here counts pods, so the status is written by hand.
    let budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";
    for (name, allowed) in [("cart", 0), ("checkout", 1)] {
        let budget = json!({"metadata": {"name": name},
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": name}}}});
        send(c, "POST", budgets, &budget);
        let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1 + allowed,
                                       "desiredHealthy": 1, "expectedPods": 2}});
        send(c, "PATCH", &format!("{budgets}/{name}/status"), &status);
    }
    // One namespace lets nothing in; another has a policy that only covers some pods.
    for (namespace, selector) in [("shop", json!({})), ("monitoring", json!({"matchLabels": {"app": "x"}}))] {
        let policies = format!("/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies");
        let policy = json!({"metadata": {"name": "closed"},
                            "spec": {"podSelector": selector, "policyTypes": ["Ingress"]}});
        send(c, "POST", &policies, &policy);
    }
    // Somebody asks for an API that the next minor no longer has.
    c.send("GET", "/apis/networking.k8s.io/v1beta1/ipaddresses", JSON, None).unwrap().ok().unwrap();
    // A definition that has stored objects in a version which it serves no more.
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    send(c, "POST", definitions, &definition("v1alpha1"));
    let at = format!("{definitions}/gauges.plants.example.test");
    let stores =
        |c: &mut Connection| c.send("GET", &at, JSON, None).unwrap().json().unwrap()["status"].clone();
    crate::controlplane::processes::wait_for("the definition", std::time::Duration::from_secs(30), || {
        let status = stores(c);
        Ok((status["storedVersions"] == json!(["v1alpha1"]) && status["conditions"].is_array()).then_some(()))
    })
    .unwrap();
    let specs = json!({"spec": {"versions": definition("v1")["spec"]["versions"]}});
    send(c, "PATCH", &at, &specs);
    assert_eq!(stores(c)["storedVersions"], json!(["v1alpha1", "v1"]));

    let home = tempfile::tempdir().unwrap();
    let fleet = home.path().join("fleet.yaml");
    std::fs::write(
        &fleet,
        "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: real}\nspec: {classes: [edge]}\n---\n\
         apiVersion: fleetglass.dev/v1alpha1\nkind: Class\nmetadata: {name: edge}\nspec:\n  \
         match: name:real\n  protection: none\n  versions: {target: \"1.37\"}\n  \
         requires: {networkPolicies: {defaultDenyIn: [shop, monitoring]}}\n",
    )
    .unwrap();
    let fleetglass = |args: &[&str]| -> Value {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fleetglass"));
        command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        command.arg("--kubeconfig").arg(plane.fleet_kubeconfig()).arg("--fleet").arg(&fleet);
        let output = command.args(args).args(["--timeout", "60s"]).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let blocked = fleetglass(&["versions", "--blocked", "-o", "json"]);
    let row = &blocked["items"][0];
    assert_eq!((&row["name"], &row["outlook"]["next"]), (&json!("real-1"), &json!("v1.37.0")), "{blocked:#}");
    let blockers = row["outlook"]["blockers"].as_array().unwrap();
    let told = |code: &str| -> Vec<&str> {
        let of = blockers.iter().filter(|b| b["code"] == code);
        of.map(|b| b["message"].as_str().unwrap()).collect()
    };
    let budgets = told("DISRUPTION_BUDGET");
    assert!(budgets.len() == 1 && budgets[0].contains("shop/cart"), "{blocked:#}");
    assert!(!budgets[0].contains("checkout"), "{budgets:?}");
    let removed = told("REMOVED_API").join("\n");
    assert!(removed.contains("ipaddresses") && removed.contains("networking.k8s.io/v1beta1"), "{blocked:#}");
    assert!(removed.contains("gauges") && removed.contains("v1alpha1"), "{blocked:#}");
    assert!(told("NOT_INSPECTED").is_empty(), "{blocked:#}");

    let report = fleetglass(&["check", "-o", "json"]);
    let policies = report["items"].as_array().unwrap().iter().filter(|i| i["code"] == "NETWORK_POLICY");
    let policies: Vec<_> = policies.map(|i| i["message"].as_str().unwrap()).collect();
    let all = policies.join("\n");
    assert!(all.contains("monitoring") && !all.contains("shop"), "{report:#}");
}
