//! Lists, Tables, pages, selectors, discovery.

use serde_json::Value;

use super::calm;
use super::client::Client;
use crate::sim::{Blueprint, Clock, start};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

#[tokio::test]
async fn the_three_questions_of_a_poll_are_answered() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let truth = &sim.clusters()[0].truth;
    assert_eq!(client.get("/version").await.unwrap().json()["gitVersion"], truth.version.as_str());
    let ready = client.get("/readyz?verbose").await.unwrap();
    assert_eq!(ready.code, 200);
    assert!(ready.text().starts_with("[+]ping ok\n") && ready.text().ends_with("readyz check passed\n"));
    for _ in 0..2 {
        let table = client.get_as("/api/v1/nodes?includeObject=None", TABLE).await.json();
        assert_eq!(
            (table["kind"].as_str(), table["apiVersion"].as_str()),
            (Some("Table"), Some("meta.k8s.io/v1"))
        );
        let rows = table["rows"].as_array().unwrap();
        assert_eq!(rows.len(), truth.nodes.len());
        assert!(rows.iter().all(|row| row["object"].is_null() && row["cells"][1] == "Ready"));
        let names: Vec<&str> = table["columnDefinitions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap())
            .collect();
        assert_eq!(names[..5], ["Name", "Status", "Roles", "Age", "Version"]);
    }
    let uid = client.get("/api/v1/namespaces/kube-system").await.unwrap().json();
    assert_eq!(uid["metadata"]["uid"], truth.uid.as_str());
    sim.stop().await;
}

#[tokio::test]
async fn a_ready_table_is_made_anew_when_a_node_changes() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = "/api/v1/nodes?includeObject=None";
    let status = |table: &Value| table["rows"][0]["cells"][1].as_str().unwrap().to_owned();
    let table = client.get_as(path, TABLE).await.json();
    assert_eq!(status(&table), "Ready");
    // The short form of nodes and the kept objects print alike.
    client.get("/api/v1/nodes").await.unwrap();
    assert_eq!(client.get_as(path, TABLE).await.json()["rows"], table["rows"]);
    let node = format!("/api/v1/nodes/{}", table["rows"][0]["cells"][0].as_str().unwrap());
    let patch = serde_json::json!({"spec": {"unschedulable": true}});
    assert_eq!(client.write("strategic", &node, &patch).await.code, 200);
    assert_eq!(status(&client.get_as(path, TABLE).await.json()), "Ready,SchedulingDisabled");
    sim.stop().await;
}

#[tokio::test]
async fn objects_and_lists_have_the_forms_that_are_asked_for() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let partials = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    for (path, accept, code, kind) in [
        ("/api/v1/namespaces", "application/json", 200, "NamespaceList"),
        ("/api/v1/namespaces/default", "*/*", 200, "Namespace"),
        ("/api/v1/namespaces/default", partial, 200, "PartialObjectMetadata"),
        ("/api/v1/namespaces", partials, 200, "PartialObjectMetadataList"),
        ("/api/v1/namespaces/default", TABLE, 200, "Table"),
        ("/api/v1/namespaces", "application/vnd.kubernetes.protobuf", 406, "Status"),
        ("/api/v1/namespaces", "application/vnd.kubernetes.protobuf,application/json", 200, "NamespaceList"),
        ("/api/v1/namespaces/none", TABLE, 404, "Status"),
        ("/api/v1/nothing", "application/json", 404, "Status"),
        ("/apis/events.k8s.io/v1/events", "application/json", 200, "EventList"),
    ] {
        let answer = client.get_as(path, accept).await;
        assert_eq!((answer.code, answer.json()["kind"].as_str()), (code, Some(kind)), "{path} as {accept}");
    }
    let missing = client.get("/api/v1/namespaces/none").await.unwrap().json();
    let expect = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "namespaces \"none\" not found", "reason": "NotFound",
        "details": {"name": "none", "kind": "namespaces"}, "code": 404});
    assert_eq!(missing, expect);
    sim.stop().await;
}

#[tokio::test]
async fn pages_add_up_to_the_whole() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let whole = client.get("/api/v1/pods").await.unwrap().json();
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| format!("{}/{}", item["metadata"]["namespace"], item["metadata"]["name"])).collect()
    };
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/pods?limit=3&continue={token}")).await.unwrap().json();
        found.extend(names(&page));
        match page["metadata"]["continue"].as_str() {
            Some(more) => {
                let left = page["metadata"]["remainingItemCount"].as_u64().unwrap();
                assert_eq!(usize::try_from(left).unwrap() + found.len(), names(&whole).len());
                token = more.to_owned();
            }
            None => break,
        }
    }
    assert!(found.len() > 3);
    assert_eq!(found, names(&whole));
    assert_eq!(client.get("/api/v1/pods?continue=nonsense").await.unwrap().code, 400);
    let ahead = client.get("/api/v1/pods?resourceVersion=99999999999").await.unwrap();
    assert_eq!(ahead.code, 504);
    sim.stop().await;
}

#[tokio::test]
async fn pods_are_found_by_node_label_and_phase() {
    let blueprint = Blueprint { clusters: 6, seed: 5, troubled: true, live: false, hubs: false };
    let sim = start(blueprint, Clock::system()).await.unwrap();
    let client = Client::first(&sim);
    let node = &sim.clusters()[0].truth.nodes[0].name;
    let count = async |query: &str| {
        let list = client.get(&format!("/api/v1/pods?{query}")).await.unwrap().json();
        list["items"].as_array().map(Vec::len).unwrap_or_default()
    };
    let all = count("").await;
    let here = count(&format!("fieldSelector=spec.nodeName%3D{node}")).await;
    let elsewhere = count(&format!("fieldSelector=spec.nodeName%21%3D{node}")).await;
    assert!(here > 0);
    assert_eq!(here + elsewhere, all);
    let (proxies, others) =
        (count("labelSelector=app%3Dkube-proxy").await, count("labelSelector=app%21%3Dkube-proxy").await);
    assert_eq!(proxies, sim.clusters()[0].truth.nodes.len());
    assert_eq!(proxies + others, all);
    sim.stop().await;
}

#[tokio::test]
async fn discovery_plain_and_aggregated_name_the_same_resources() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let mut plain = Vec::new();
    let mut found = Vec::new();
    for root in ["/api", "/apis"] {
        let list = client.get_as(root, aggregated).await;
        assert_eq!(list.header("content-type"), aggregated);
        for group in list.json()["items"].as_array().unwrap() {
            for resource in group["versions"][0]["resources"].as_array().unwrap() {
                found.push(format!(
                    "{} {}",
                    group["metadata"]["name"].as_str().unwrap_or_default(),
                    resource["resource"]
                ));
            }
        }
    }
    let groups = client.get("/apis").await.unwrap().json();
    let groups = groups["groups"].as_array().unwrap().iter().map(|group| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&group["name"]), text(&group["preferredVersion"]["version"]))
    });
    for (group, version) in std::iter::once((String::new(), "v1".to_owned())).chain(groups) {
        let path = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/{version}") };
        let list = client.get(&path).await.unwrap().json();
        for resource in list["resources"].as_array().unwrap() {
            if !resource["name"].as_str().unwrap().contains('/') {
                plain.push(format!("{group} {}", resource["name"]));
            }
        }
        let schema = client.get(&format!("/openapi/v3{path}")).await.unwrap().json();
        assert_eq!(schema["openapi"], "3.0.0");
    }
    assert_eq!(plain, found);
    assert!(
        client
            .get_as("/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
            .await
            .body
            .starts_with(b"\x0a\x032.0")
    );
    sim.stop().await;
}
