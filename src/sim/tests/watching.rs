//! Watches.

use serde_json::{Value, json};

use super::calm;
use super::client::Client;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str, tier: &str) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "labels": {"tier": tier}}, "data": {"a": "1"}})
}

async fn revision(client: &Client) -> String {
    let list = client.get(&format!("{MAPS}?limit=1")).await.unwrap().json();
    list["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_watch_tells_what_happens_after_its_revision_and_ends_with_a_bookmark() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let from = revision(&client).await;
    let path = format!("{MAPS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion={from}");
    let mut lines = client.watch(&path).await;
    client.write("POST", MAPS, &map("m", "a")).await;
    client.write("merge", &format!("{MAPS}/m"), &json!({"data": {"a": "2"}})).await;
    client.write("DELETE", &format!("{MAPS}/m"), &json!({"kind": "DeleteOptions", "apiVersion": "v1"})).await;
    let mut seen = Vec::new();
    let mut last = 0;
    while let Some(event) = lines.next().await {
        seen.push(event["type"].as_str().unwrap().to_owned());
        let at: u64 = event["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        assert!(at >= last);
        last = at;
    }
    assert_eq!(seen, ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]);
    sim.stop().await;
}

#[tokio::test]
async fn a_watch_without_a_revision_begins_with_what_is_there() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let mut lines = client.watch("/api/v1/namespaces?watch=1&timeoutSeconds=1").await;
    let mut names = Vec::new();
    while let Some(event) = lines.next().await {
        assert_eq!(event["type"], "ADDED");
        names.push(event["object"]["metadata"]["name"].as_str().unwrap().to_owned());
    }
    assert!(names.contains(&"kube-system".to_owned()) && names.len() >= 4, "{names:?}");
    let path = "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut lines = client.watch(path).await;
    for _ in &names {
        assert_eq!(lines.next().await.unwrap()["type"], "ADDED");
    }
    let end = lines.next().await.unwrap();
    assert_eq!(end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    assert_eq!(client.get("/api/v1/namespaces?watch=1&sendInitialEvents=true").await.unwrap().code, 422);
    let ahead = "/api/v1/namespaces?watch=1&resourceVersion=99999999999&timeoutSeconds=1";
    assert!(client.watch(ahead).await.next().await.is_none());
    sim.stop().await;
}

#[tokio::test]
async fn what_leaves_a_selector_is_deleted_and_what_enters_is_added() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let from = revision(&client).await;
    let mut lines =
        client.watch(&format!("{MAPS}?watch=1&labelSelector=tier%3Da&resourceVersion={from}")).await;
    client.write("POST", MAPS, &map("m", "a")).await;
    for tier in ["b", "a"] {
        client.write("merge", &format!("{MAPS}/m"), &json!({"metadata": {"labels": {"tier": tier}}})).await;
    }
    for expect in ["ADDED", "DELETED", "ADDED"] {
        let event = lines.next().await.unwrap();
        assert_eq!(
            (event["type"].as_str(), event["object"]["metadata"]["labels"]["tier"].as_str()),
            (Some(expect), Some("a"))
        );
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_watch_as_table_sends_its_columns_once() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut lines = client.watch_as("/api/v1/namespaces?watch=1", accept).await;
    let (first, second) = (lines.next().await.unwrap(), lines.next().await.unwrap());
    assert_eq!(first["object"]["kind"], "Table");
    assert!(
        first["object"]["columnDefinitions"].is_array() && second["object"]["columnDefinitions"].is_null()
    );
    assert_eq!(second["object"]["rows"].as_array().unwrap().len(), 1);
    sim.stop().await;
}

#[tokio::test]
async fn a_revision_that_is_too_old_is_gone_for_watches_and_pages() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let from = revision(&client).await;
    let page = client.get("/api/v1/namespaces?limit=1").await.unwrap().json();
    let token = page["metadata"]["continue"].as_str().unwrap().to_owned();
    let cluster = sim.running.values().next().unwrap();
    cluster.with_store(&["configmaps"], |store| {
        for index in 0..600 {
            store.put(
                "configmaps",
                json!({"metadata": {"name": format!("m{index}"), "namespace": "default"}}),
            );
        }
    });
    let mut lines = client.watch(&format!("{MAPS}?watch=1&resourceVersion={from}")).await;
    let event = lines.next().await.unwrap();
    let object = &event["object"];
    assert_eq!((event["type"].as_str(), object["code"].as_u64()), (Some("ERROR"), Some(410)));
    assert_eq!((object["kind"].as_str(), object["reason"].as_str()), (Some("Status"), Some("Expired")));
    assert!(lines.next().await.is_none());
    let answer = client.get(&format!("/api/v1/namespaces?limit=1&continue={token}")).await.unwrap();
    assert_eq!((answer.code, answer.json()["reason"].as_str()), (410, Some("Expired")));
    sim.stop().await;
}
