//! Writes, their conditions, and the rights they need.

use serde_json::{Value, json};

use super::calm;
use super::client::{Answer, Client, Way};
use crate::sim::people::Person;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": {"a": "1", "b": "2"}})
}

fn reason(answer: &Answer) -> (u16, String) {
    (answer.code, answer.json()["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn creating_checks_names_places_and_kinds() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let check = async |path: &str, body: Value, code: u16, why: &str| {
        let answer = client.write("POST", path, &body).await;
        assert_eq!(reason(&answer), (code, why.to_owned()), "{path} {body}");
        answer.json()
    };
    let made = check(MAPS, map("m"), 201, "").await;
    assert_eq!(made["metadata"]["namespace"], "default");
    assert!(made["metadata"]["uid"].is_string() && made["metadata"]["creationTimestamp"].is_string());
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "sim-test");
    check(MAPS, map("m"), 409, "AlreadyExists").await;
    check(MAPS, map("Bad_Name"), 422, "Invalid").await;
    check("/api/v1/namespaces/none/configmaps", map("m"), 404, "NotFound").await;
    check("/api/v1/configmaps", map("m"), 405, "MethodNotAllowed").await;
    check(MAPS, json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}}), 400, "BadRequest")
        .await;
    check(MAPS, json!({"metadata": {"name": "untyped"}}), 201, "").await;
    check(
        MAPS,
        json!({"kind": "ConfigMap", "apiVersion": "v2", "metadata": {"name": "s"}}),
        400,
        "BadRequest",
    )
    .await;
    let mut elsewhere = map("n");
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    check(MAPS, elsewhere, 400, "BadRequest").await;
    let mut generated = map("");
    generated["metadata"] = json!({"generateName": "gen-"});
    let made = check(MAPS, generated, 201, "").await;
    assert!(made["metadata"]["name"].as_str().unwrap().starts_with("gen-"));
    let answer = client.send("POST", MAPS, &[("content-type", "text/html")], "<p>").await.unwrap();
    assert_eq!(reason(&answer), (415, "UnsupportedMediaType".to_owned()));
    check(&format!("{MAPS}?dryRun=All"), map("dry"), 201, "").await;
    assert_eq!(client.get(&format!("{MAPS}/dry")).await.unwrap().code, 404);
    check(&format!("{MAPS}?dryRun=Some"), map("dry"), 422, "Invalid").await;
    sim.stop().await;
}

#[tokio::test]
async fn a_write_over_a_newer_object_is_a_conflict() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = format!("{MAPS}/m");
    let mut object = client.write("POST", MAPS, &map("m")).await.json();
    object["data"]["a"] = json!("x");
    let newer = client.write("PUT", &path, &object).await;
    assert_eq!(newer.code, 200);
    assert_eq!(reason(&client.write("PUT", &path, &object).await), (409, "Conflict".to_owned()));
    let mut same = newer.json();
    assert_eq!(
        client.write("PUT", &path, &same).await.json()["metadata"]["resourceVersion"],
        same["metadata"]["resourceVersion"]
    );
    same["metadata"]["uid"] = json!("another");
    assert_eq!(client.write("PUT", &path, &same).await.code, 409);
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"a": "y"}});
    assert_eq!(client.write("merge", &path, &stale).await.code, 409);
    for (precondition, code) in
        [(json!({"uid": "another"}), 409), (json!({"resourceVersion": "1"}), 409), (json!({}), 200)]
    {
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": precondition});
        assert_eq!(client.write("DELETE", &path, &options).await.code, code, "{options}");
    }
    assert_eq!(client.get(&path).await.unwrap().code, 404);
    sim.stop().await;
}

#[tokio::test]
async fn every_patch_format_changes_what_it_says() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = format!("{MAPS}/m");
    client.write("POST", MAPS, &map("m")).await;
    let check = async |kind: &str, patch: Value, code: u16, expect: Value| {
        let answer = client.write(kind, &path, &patch).await;
        assert_eq!(answer.code, code, "{kind} {patch}: {}", answer.text());
        assert_eq!(client.get(&path).await.unwrap().json()["data"], expect, "{kind} {patch}");
    };
    check("merge", json!({"data": {"a": null, "c": "3"}}), 200, json!({"b": "2", "c": "3"})).await;
    check("strategic", json!({"data": {"a": "1"}}), 200, json!({"a": "1", "b": "2", "c": "3"})).await;
    let tested = |was: &str| json!([{"op": "test", "path": "/data/a", "value": was}, {"op": "replace", "path": "/data/a", "value": "7"}]);
    check("json", tested("no"), 422, json!({"a": "1", "b": "2", "c": "3"})).await;
    check("json", tested("1"), 200, json!({"a": "7", "b": "2", "c": "3"})).await;
    let kind = json!([{"op": "test", "path": "/kind", "value": "ConfigMap"}, {"op": "test", "path": "/apiVersion", "value": "v1"}]);
    check("json", kind, 200, json!({"a": "7", "b": "2", "c": "3"})).await;
    check("json", json!({"not": "a list"}), 400, json!({"a": "7", "b": "2", "c": "3"})).await;
    check("merge", json!({"metadata": {"name": "other"}}), 400, json!({"a": "7", "b": "2", "c": "3"})).await;
    let dry = client.write("merge", &format!("{path}?dryRun=All"), &json!({"data": {"a": "8"}})).await;
    assert_eq!((dry.code, dry.json()["data"]["a"].as_str()), (200, Some("8")));
    check("merge", json!({}), 200, json!({"a": "7", "b": "2", "c": "3"})).await;
    sim.stop().await;
}

#[tokio::test]
async fn server_side_apply_creates_owns_conflicts_and_takes_back() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = format!("{MAPS}/m");
    let said = |data: Value| json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "m"}, "data": data});
    let apply =
        async |query: &str, data: Value| client.write("apply", &format!("{path}?{query}"), &said(data)).await;
    assert_eq!(apply("", json!({"a": "1"})).await.code, 422);
    assert_eq!(apply("fieldManager=one", json!({"a": "1", "b": "2"})).await.code, 201);
    let refused = apply("fieldManager=two", json!({"a": "9"})).await;
    assert_eq!(reason(&refused), (409, "Conflict".to_owned()));
    assert_eq!(refused.json()["details"]["causes"][0]["field"], ".data.a");
    assert_eq!(apply("fieldManager=two&force=true", json!({"a": "9"})).await.code, 200);
    let object = apply("fieldManager=one", json!({"c": "3"})).await.json();
    assert_eq!(object["data"], json!({"a": "9", "c": "3"}));
    let managers: Vec<&str> = object["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["manager"].as_str().unwrap())
        .collect();
    assert!(managers.contains(&"one") && managers.contains(&"two"), "{managers:?}");
    sim.stop().await;
}

#[tokio::test]
async fn a_status_is_written_apart_and_a_spec_counts_generations() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let body = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"},
        "spec": {"replicas": 1}, "status": {"replicas": 5}});
    let made = client.write("POST", path, &body).await.json();
    assert_eq!((made["status"].clone(), made["metadata"]["generation"].as_u64()), (json!({}), Some(1)));
    let path = format!("{path}/d");
    let both = json!({"spec": {"replicas": 2}, "status": {"replicas": 2}});
    let object = client.write("merge", &path, &both).await.json();
    assert_eq!((object["status"].clone(), object["metadata"]["generation"].as_u64()), (json!({}), Some(2)));
    let both = json!({"spec": {"replicas": 3}, "status": {"replicas": 3}});
    let object = client.write("merge", &format!("{path}/status"), &both).await.json();
    assert_eq!(
        (object["spec"]["replicas"].as_u64(), object["status"]["replicas"].as_u64()),
        (Some(2), Some(3))
    );
    assert_eq!(object["metadata"]["generation"].as_u64(), Some(2));
    sim.stop().await;
}

#[tokio::test]
async fn finalizers_hold_an_object_and_a_namespace_takes_its_objects_along() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let mut held = map("held");
    held["metadata"]["finalizers"] = json!(["acme.example/hold"]);
    client.write("POST", MAPS, &held).await;
    let path = format!("{MAPS}/held");
    let doomed = client.send("DELETE", &path, &[], "").await.unwrap().json();
    assert!(doomed["metadata"]["deletionTimestamp"].is_string());
    client.write("merge", &path, &json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(client.get(&path).await.unwrap().code, 404);
    let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "short"}});
    let made = client.write("POST", "/api/v1/namespaces", &namespace).await.json();
    assert_eq!(
        (
            made["status"]["phase"].as_str(),
            made["metadata"]["labels"]["kubernetes.io/metadata.name"].as_str()
        ),
        (Some("Active"), Some("short"))
    );
    client.write("POST", "/api/v1/namespaces/short/configmaps", &map("m")).await;
    let status = client.send("DELETE", "/api/v1/namespaces/short", &[], "").await.unwrap().json();
    assert_eq!(status["status"]["phase"], "Terminating");
    assert_eq!(client.get("/api/v1/namespaces/short/configmaps/m").await.unwrap().code, 404);
    sim.stop().await;
}

#[tokio::test]
async fn rights_change_with_the_objects_that_give_them() {
    let sim = calm(60).await;
    let cluster = &sim.clusters()[0];
    let mut admin = Client::of(&sim, cluster);
    let (certificate, key) = sim.world.pki.person("root", &["system:masters"], 10).unwrap();
    admin.way = Way::Certificate(certificate, key);
    let mut auditor = Client::of(&sim, cluster);
    auditor.way = Way::Token(Person::Auditor.token(sim.world.seed));
    assert_eq!(auditor.get("/api/v1/nodes").await.unwrap().code, 403);
    let review = json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
        "spec": {"resourceAttributes": {"verb": "list", "resource": "nodes"}}});
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(auditor.write("POST", reviews, &review).await.json()["status"]["allowed"], false);
    let binding = json!({"kind": "ClusterRoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "audit:nodes"}, "subjects": [{"kind": "User", "name": Person::Auditor.user()}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "acme:fleet-reader"}});
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    assert_eq!(auditor.write("POST", path, &binding).await.code, 403);
    assert_eq!(admin.write("POST", path, &binding).await.code, 201);
    assert_eq!(auditor.get("/api/v1/nodes").await.unwrap().code, 200);
    assert_eq!(auditor.write("POST", reviews, &review).await.json()["status"]["allowed"], true);
    sim.stop().await;
}
