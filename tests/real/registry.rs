//! Sources read from a real API server that holds the projects' own definitions: once, and by watch.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::controlplane::ApiServer;
use crate::controlplane::https::Connection;
use crate::hub::{
    Hub, admin_kubeconfig, argo, argo_config, capi, capi_secret, managed, named, names, profile, sources,
    token_kubeconfig,
};

const JSON: &str = "application/json";

fn post(connection: &mut Connection, path: &str, object: &Value) -> Value {
    connection.send("POST", path, JSON, Some(object)).unwrap().ok().unwrap().json().unwrap()
}

/// What a server was asked by the program.
fn requests(hub: &Hub, server: usize) -> Vec<String> {
    let uri = |line: &Value| line["requestURI"].as_str().unwrap().to_owned();
    let ours =
        |line: &&Value| line["userAgent"].as_str().is_some_and(|agent| agent.starts_with("fleetglass/"));
    hub.plane.audit_lines(server).unwrap().iter().filter(ours).map(uri).collect()
}

/// The same without what follows a question mark.
fn asked(hub: &Hub, server: usize) -> Vec<String> {
    requests(hub, server).iter().map(|uri| uri.split('?').next().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs real control plane"]
fn four_projects_objects_on_a_real_server_become_the_clusters_they_describe() {
    let Some(hub) = Hub::start(3) else { return };
    hub.fill();
    let document = hub.document("real-1", &["status", "--json", "--timeout", "60s"]);
    assert_eq!(names(&document), ["pay-eu-1", "plant-7", "real-1", "store-0042"], "{document:#}");

    let pay = named(&document, "pay-eu-1");
    assert_eq!(sources(pay), ["argo", "profiles"]);
    assert_eq!((&pay["live"], &pay["id"]), (&json!(true), &json!(hub.server(1).kube_system_uid)), "{pay:#}");
    assert_eq!(pay["version"]["controlPlane"], hub.server(1).version.as_str());
    assert_eq!((&pay["labels"]["env"], &pay["labels"]["team"]), (&json!("prod"), &json!("pay")));
    // Who the cluster is was seen over the one path, and is what the other source says.
    let plant = named(&document, "plant-7");
    assert_eq!(sources(plant), ["capi", "ocm"]);
    assert_eq!(plant["identity"]["merges"][0]["by"], "uid", "{plant:#}");
    assert_eq!((&plant["live"], &plant["id"]), (&json!(true), &json!(hub.server(2).kube_system_uid)));
    assert_eq!((&plant["labels"]["class"], &plant["labels"]["region"]), (&json!("edge"), &json!("eu")));
    let store = named(&document, "store-0042");
    assert_eq!((&store["live"], sources(store)), (&json!(false), vec!["ocm"]), "{store:#}");

    let listed = hub.document("real-1", &["sources", "list", "--json"]);
    for (name, entries) in [("profiles", 1), ("capi", 1), ("argo", 1), ("ocm", 2)] {
        let source = named(&listed, name);
        assert_eq!((&source["entries"], &source["problems"]), (&json!(entries), &json!(0)), "{listed:#}");
    }
    let printed = listed.to_string() + &document.to_string();
    for server in hub.plane.servers() {
        assert!(!printed.contains(&server.admin_token), "no credential is ever printed");
    }
    // Both versions are served; the newer one is asked for. No Secret is listed but those with Argo CD's label.
    let asked = asked(&hub, 0);
    assert!(asked.iter().any(|path| path.starts_with("/apis/cluster.x-k8s.io/v1beta2/")), "{asked:?}");
    assert!(!asked.iter().any(|path| path.contains("cluster.x-k8s.io/v1beta1")), "{asked:?}");
    let lists: Vec<_> = requests(&hub, 0).into_iter().filter(|uri| uri.contains("/secrets?")).collect();
    let label = "labelSelector=argocd.argoproj.io%2Fsecret-type%3Dcluster";
    assert!(!lists.is_empty() && lists.iter().all(|uri| uri.contains(label)), "{lists:?}");
}

#[test]
#[ignore = "needs real control plane"]
fn what_changes_on_a_real_hub_arrives_by_watch_and_stays_when_the_hub_goes() {
    let Some(mut hub) = Hub::start(3) else { return };
    let mut shown = hub.watch();
    shown.wait("the hub itself", "real-1", |item| item["live"] == true);
    hub.fill();
    for (name, known) in [("pay-eu-1", ["argo", "profiles"]), ("plant-7", ["capi", "ocm"])] {
        shown.wait("a live row of two sources", name, |i| i["live"] == true && sources(i) == known);
    }
    shown.wait("a cluster nobody can dial", "store-0042", |_| true);

    hub.kubectl(&["delete", "managedcluster", "store-0042"], "");
    let gone = shown.wait("the tombstone", "store-0042", |i| !i["identity"]["goneAt"].is_null());
    assert!(!gone["sources"][0]["goneAt"].is_null(), "{gone:#}");
    let label = ["label", "clusters.cluster.x-k8s.io/plant-7", "-n", "clusters", "class=core", "--overwrite"];
    hub.kubectl(&label, "");
    shown.wait("a changed label", "plant-7", |i| i["labels"]["class"] == "core");

    hub.plane.stop(0);
    shown.wait("the hub is down", "real-1", |i| i["live"] == false);
    let plant = shown.wait("a member that answers", "plant-7", |i| i["live"] == true);
    assert_eq!(sources(&plant), ["capi", "ocm"]);
    assert_eq!(shown.len(), 4);
    drop(shown);

    // Another session knows of the clusters, and that nobody confirms them.
    let later = hub.document("real-1", &["status", "--json", "--timeout", "30s"]);
    assert_eq!(names(&later), ["pay-eu-1", "plant-7", "real-1", "store-0042"]);
    assert_eq!(named(&later, "plant-7")["labels"]["class"], "core");
    assert_eq!(sources(named(&later, "plant-7")), ["capi", "ocm"], "what was seen of its UID is remembered");
    assert!(!named(&later, "store-0042")["identity"]["goneAt"].is_null());
    let listed = hub.document("real-1", &["sources", "list", "--json"]);
    for name in ["profiles", "capi", "argo", "ocm"] {
        let source = named(&listed, name);
        assert_eq!((&source["sync"], &source["errors"]), (&json!("failing"), &json!(1)), "{source:#}");
    }

    hub.plane.start_again(0).unwrap();
    let again = hub.document("real-1", &["status", "--json", "--timeout", "60s"]);
    assert_eq!(
        (&named(&again, "plant-7")["live"], again["items"].as_array().unwrap().len()),
        (&json!(true), 4)
    );
}

/// A service account of an administrator, and a token of it that ends with it.
fn robot(server: &ApiServer, name: &str) -> String {
    let mut connection = server.admin_client().unwrap().connect().unwrap();
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    post(&mut connection, accounts, &json!({"metadata": {"name": name}}));
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    });
    post(&mut connection, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
    let wanted = json!({"spec": {"expirationSeconds": 3600}});
    let answer = post(&mut connection, &format!("{accounts}/{name}/token"), &wanted);
    answer["status"]["token"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs real control plane"]
fn a_credential_of_a_secret_that_is_refused_is_read_again() {
    let Some(hub) = Hub::start(2) else { return };
    hub.sources("real-1", &["capi"]);
    let member = hub.server(1);
    hub.create(&capi_secret("plant-7", &token_kubeconfig(member, &robot(member, "first"))));
    hub.create(&capi("plant-7", member));
    let mut shown = hub.watch();
    shown.wait("the member", "plant-7", |i| i["live"] == true);

    // As Cluster API does it: the new credential is there before the old one ends.
    let second = token_kubeconfig(member, &robot(member, "second"));
    hub.kubectl(
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        &capi_secret("plant-7", &second).to_string(),
    );
    let mut connection = member.admin_client().unwrap().connect().unwrap();
    let first = "/api/v1/namespaces/default/serviceaccounts/first";
    connection.send("DELETE", first, JSON, None).unwrap().ok().unwrap();
    let used = |who: &str, verb: &str| {
        let name = format!("system:serviceaccount:default:{who}");
        let lines = hub.plane.audit_lines(1).unwrap();
        lines.iter().any(|l| l["user"]["username"] == name.as_str() && l["verb"] == verb)
    };
    let renewed = crate::controlplane::processes::wait_for(
        "the new credential in use",
        std::time::Duration::from_secs(90),
        || Ok(used("second", "list").then_some(())),
    );
    renewed.unwrap();
    let lines = hub.plane.audit_lines(1).unwrap();
    assert!(lines.iter().any(|l| l["responseStatus"]["code"] == 401), "the old one was refused");
    shown.wait("the member again", "plant-7", |i| i["live"] == true && i["error"].is_null());
    let secrets = asked(&hub, 0).into_iter().filter(|path| path.contains("/secrets"));
    let read: BTreeMap<String, usize> = secrets.fold(BTreeMap::new(), |mut all, path| {
        *all.entry(path).or_default() += 1;
        all
    });
    let only = "/api/v1/namespaces/clusters/secrets/plant-7-kubeconfig";
    assert!(read.keys().all(|path| path == only) && (2..6).contains(&read[only]), "{read:?}");
}

#[test]
#[ignore = "needs real control plane"]
fn what_may_not_be_read_and_what_is_broken_is_one_problem_each_and_the_rest_loads() {
    let Some(hub) = Hub::start(2) else { return };
    let member = hub.server(1);
    // Somebody who may read profiles, and nothing else of the hub.
    let mut connection = hub.server(0).admin_client().unwrap().connect().unwrap();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let group = "rbac.authorization.k8s.io";
    let role = json!({"metadata": {"name": "profiles"}, "rules": [{
        "apiGroups": ["multicluster.x-k8s.io"], "resources": ["clusterprofiles"], "verbs": ["list", "watch"]}]});
    post(&mut connection, &format!("{rbac}/clusterroles"), &role);
    let binding = json!({"metadata": {"name": "profiles"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "profiles"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": crate::controlplane::seed::VIEWER}]});
    post(&mut connection, &format!("{rbac}/clusterrolebindings"), &binding);
    hub.create(&profile("lab-7f2kq", member));
    hub.create(&managed("store-0042", None));
    hub.sources("real-1-viewer", &["profiles", "ocm"]);
    let listed = hub.document("real-1-viewer", &["sources", "list", "--json"]);
    let (profiles, ocm) = (named(&listed, "profiles"), named(&listed, "ocm"));
    assert_eq!((&profiles["sync"], &profiles["entries"]), (&json!("watching"), &json!(1)), "{listed:#}");
    assert_eq!((&ocm["sync"], &ocm["errors"], &ocm["problems"]), (&json!("failing"), &json!(1), &json!(1)));
    let of = |document: &Value, code: &str| -> Vec<String> {
        let problems = document["problems"].as_array().unwrap().iter().filter(|p| p["code"] == code);
        problems
            .map(|p| format!("{}: {}", p["subject"].as_str().unwrap(), p["message"].as_str().unwrap()))
            .collect()
    };
    let refused = of(&listed, "HTTP403");
    assert_eq!(refused.len(), 1, "{listed:#}");
    assert!(refused[0].starts_with("ocm: managedclusters.cluster.open-cluster-management.io"), "{refused:?}");

    // Secrets that hold what their controllers would never write, beside good ones.
    hub.sources("real-1", &["capi", "argo"]);
    hub.create(&argo("pay-eu-1", &member.url, &argo_config(member)));
    hub.create(&argo("torn", "https://torn.example.test", "{\"bearerToken\": \"not-for-your-eyes"));
    hub.create(&argo("nowhere", "", "{}"));
    hub.create(&capi("plant-7", member));
    hub.create(&capi_secret("plant-7", &admin_kubeconfig(member)));
    let mut other = capi("plant-8", member);
    other["spec"]["controlPlaneEndpoint"]["host"] = json!("plant-8.example.test");
    hub.create(&other);
    hub.create(&capi_secret("plant-8", "users: [{name: a, user: {token: not-for-your-eyes"));
    let listed = hub.document("real-1", &["sources", "list", "--json"]);
    for (source, problems) in [("argo", 2), ("capi", 1)] {
        let source = named(&listed, source);
        assert_eq!((&source["errors"], &source["problems"]), (&json!(0), &json!(problems)), "{listed:#}");
    }
    let mut broken = of(&listed, "BAD_OBJECT");
    broken.sort();
    assert_eq!(
        broken,
        ["argo: argocd/nowhere: data.server is missing", "argo: argocd/torn: data.config is not JSON"]
    );
    let broken = of(&listed, "BAD_KUBECONFIG");
    assert!(
        broken.len() == 1 && broken[0].contains("clusters/plant-8") && broken[0].contains("line 1"),
        "{broken:?}"
    );
    let document = hub.document("real-1", &["status", "--json", "--timeout", "60s"]);
    assert!(!(listed.to_string() + &document.to_string()).contains("not-for-your-eyes"));
    assert_eq!(names(&document), ["nowhere", "plant-7", "plant-8", "real-1", "torn"], "{document:#}");
    let member = named(&document, "plant-7");
    assert_eq!((&member["live"], sources(member)), (&json!(true), vec!["argo", "capi"]), "{document:#}");
}

#[test]
#[ignore = "needs real control plane"]
fn two_thousand_profiles_are_two_thousand_rows_and_an_old_hub_of_cluster_api_is_read() {
    let Some(hub) = Hub::start(2) else { return };
    let path = "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/clusters/clusterprofiles";
    let client = hub.server(0).admin_client().unwrap();
    std::thread::scope(|scope| {
        for quarter in 0..4 {
            let client = &client;
            scope.spawn(move || {
                let mut connection = client.connect().unwrap();
                for number in (quarter * 500)..(quarter * 500 + 500) {
                    let object = json!({
                        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
                        "metadata": {"name": format!("store-{number:04}"), "labels": {"x-k8s.io/cluster-manager": "lab"}},
                        "spec": {"displayName": format!("store-{number:04}"), "clusterManager": {"name": "lab"}},
                    });
                    post(&mut connection, path, &object);
                }
            });
        }
    });
    // An old hub serves v1beta1 alone, and stores it.
    let versions = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": true},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/served", "value": false},
    ]);
    let patch = ["patch", "crd", "clusters.cluster.x-k8s.io", "--type=json", "-p", &versions.to_string()];
    hub.kubectl(&patch, "");
    let member = hub.server(1);
    hub.create(&json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1", "kind": "Cluster",
        "metadata": {"name": "plant-7", "namespace": "clusters"},
        "spec": {
            "controlPlaneEndpoint": {"host": "127.0.0.1", "port": member.port},
            "infrastructureRef": {"apiVersion": "infrastructure.cluster.x-k8s.io/v1beta1", "kind": "DockerCluster", "name": "plant-7"},
            "topology": {"class": "edge", "version": member.version},
        },
        "status": {
            "phase": "Provisioned",
            "conditions": [{"type": "Ready", "status": "False", "severity": "Error", "reason": "EtcdDown",
                            "message": "no quorum", "lastTransitionTime": "2026-11-01T10:00:00Z"}],
        },
    }));
    hub.create(&capi_secret("plant-7", &admin_kubeconfig(member)));
    hub.sources("real-1", &["profiles", "capi"]);

    let document = hub.document("real-1", &["status", "--json", "--timeout", "60s"]);
    assert_eq!(document["items"].as_array().unwrap().len(), 2_002);
    let stores = document["items"].as_array().unwrap().iter();
    assert_eq!(stores.filter(|i| sources(i) == ["profiles"]).count(), 2_000);
    let plant = named(&document, "plant-7");
    assert_eq!(
        (&plant["live"], &plant["properties"]["cluster-class"]),
        (&json!(true), &json!("edge")),
        "{plant:#}"
    );
    let health = &plant["registry"]["health"];
    assert!(health.to_string().contains("EtcdDown") && health.to_string().contains("no quorum"), "{plant:#}");
    // Four pages and a look at what is served; nothing per object.
    let pages = asked(&hub, 0).into_iter().filter(|p| p.ends_with("/clusterprofiles")).count();
    assert!((4..=6).contains(&pages), "{pages}");
    let old = asked(&hub, 0);
    assert!(
        old.iter().any(|p| p == "/apis/cluster.x-k8s.io/v1beta1/namespaces/clusters/clusters"),
        "{old:?}"
    );
}
