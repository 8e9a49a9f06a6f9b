//! ClusterProfile objects (KEP-4322), for an inventory that other controllers read.
//!
//! `status` is a subresource: an API server takes `spec` and labels at one door and `status` at another, and ignores what stands at
//! the wrong one. So the same text is applied twice, which the first lines of it say.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::super::output::yaml;
use super::{Exported, Fault, Names, facts_of, server_of, version_of};
use crate::fleet::Cluster;
use crate::report::Stamp;

/// Who manages the objects, as KEP-4322 wants it said.
const MANAGER: &str = "fleetglass";

const HEAD: &str = "\
# Made by `fleetglass clusters export --format clusterprofile`. Status is a subresource, so apply this twice:
#   kubectl apply --server-side -n NAMESPACE -f FILE
#   kubectl apply --server-side -n NAMESPACE --subresource=status -f FILE
";

pub(super) fn export(rows: &[&Cluster], now: DateTime<Utc>) -> Result<Exported, Fault> {
    let mut names = Names::default();
    let mut exported = Exported { text: HEAD.to_owned(), warnings: Vec::new() };
    for cluster in rows {
        exported.text.push_str("---\n");
        exported.text.push_str(&yaml(&profile(cluster, &mut names, now))?);
    }
    Ok(exported)
}

fn profile(cluster: &Cluster, names: &mut Names, now: DateTime<Utc>) -> Value {
    let name = cluster.key().as_str();
    // A DNS name: lower case, letters and digits at both ends.
    let lower = name.to_lowercase();
    let trimmed = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let short = trimmed.get(..trimmed.len().min(240)).unwrap_or("cluster");
    let object_name =
        names.give(short, '-', |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
    let mut labels: BTreeMap<String, String> = cluster
        .entry
        .labels
        .iter()
        .filter(|(key, value)| is_label(key.as_str(), value.as_str()))
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    labels.insert("x-k8s.io/cluster-manager".to_owned(), MANAGER.to_owned());
    let mut status = Map::new();
    if let Some(version) = version_of(cluster) {
        status.insert("version".to_owned(), json!({ "kubernetes": version }));
    }
    let seen = cluster.seen_at().or(cluster.entry.said_at).unwrap_or(now);
    let properties: Vec<Value> = properties(cluster)
        .into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value, "lastObservedTime": Stamp(seen).to_string() }))
        .collect();
    status.insert("properties".to_owned(), Value::Array(properties));
    if let Some(server) = server_of(cluster) {
        let provider = json!({ "name": MANAGER, "cluster": { "server": server } });
        status.insert("accessProviders".to_owned(), json!([provider]));
    }
    json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1",
        "kind": "ClusterProfile",
        "metadata": { "name": object_name, "labels": labels },
        "spec": { "displayName": name, "clusterManager": { "name": MANAGER } },
        "status": status,
    })
}

/// Names of properties are unique and short; `location` and `cluster.clusterset.k8s.io` have a meaning that others know.
fn properties(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<String, String> =
        cluster.properties.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    for (key, value) in facts_of(cluster) {
        let key = if key == "region" { "location" } else { key };
        properties.insert(key.to_owned(), value);
    }
    properties.insert("class".to_owned(), cluster.class.name.to_string());
    let uid = cluster.signals.identity.value().or(cluster.entry.uid.as_ref());
    if let Some(uid) = uid {
        properties.insert("cluster.clusterset.k8s.io".to_owned(), uid.to_string());
    }
    // The API takes 128 letters as a value.
    properties
        .retain(|key, value| !key.is_empty() && key.len() <= 253 && !value.is_empty() && value.len() <= 128);
    properties
}

/// Whether Kubernetes takes this label on an object.
fn is_label(key: &str, value: &str) -> bool {
    let fine = |t: &str| {
        t.len() <= 63
            && t.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && t.starts_with(|c: char| c.is_ascii_alphanumeric())
            && t.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("x", key));
    let dns = prefix.len() <= 253
        && prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    dns && !prefix.is_empty() && fine(name) && (value.is_empty() || fine(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml as tree;
    use crate::report::fixture;

    #[test]
    fn profiles_have_names_labels_properties_and_status() {
        let fleet = fixture::declared();
        let rows: Vec<&Cluster> = fleet.clusters.iter().map(AsRef::as_ref).collect();
        let text = export(&rows, fixture::now()).unwrap().text;
        let (documents, error) = tree::documents(&text);
        assert!(error.is_none());
        assert_eq!(documents.len(), 6);
        let profile = documents[2].to_json(&mut 10_000).unwrap();
        assert_eq!(profile["spec"]["displayName"], "prod-us-east-1");
        assert_eq!(profile["metadata"]["labels"]["team"], "pay");
        assert_eq!(profile["metadata"]["labels"]["x-k8s.io/cluster-manager"], "fleetglass");
        assert_eq!(profile["status"]["version"]["kubernetes"], "v1.36.1");
        let property = |name: &str| {
            let all = profile["status"]["properties"].as_array().unwrap();
            all.iter().find(|p| p["name"] == name).map(|p| p["value"].clone())
        };
        assert_eq!(property("location").unwrap(), "us-east-1");
        assert_eq!(property("cluster.clusterset.k8s.io").unwrap(), "9f1c6c1e-0000-4000-8000-0000000077aa");
        assert_eq!(
            profile["status"]["accessProviders"][0]["cluster"]["server"],
            "https://prod-us-east-1.example:6443"
        );
    }

    /// The registry's own reader is tested with the same file.
    #[test]
    fn what_is_written_is_what_the_reader_is_tested_with() {
        let fleet = fixture::declared();
        let rows: Vec<&Cluster> = fleet.clusters.iter().map(AsRef::as_ref).collect();
        let text = export(&rows, fixture::now()).unwrap().text;
        assert_eq!(text, include_str!("../../registry/hub/decode/exported.yaml"));
    }

    #[test]
    fn names_and_labels_that_kubernetes_refuses_are_made_fit_or_left_out() {
        let mut cluster = fixture::fleet().clusters[0].as_ref().clone();
        cluster.entry.key = crate::fleet::ClusterKey::new(&"ARN:eks/Prod_1~".into());
        let labels = [("a b".into(), "x".into()), ("ok".into(), "y".into()), ("z".into(), "no good".into())];
        cluster.entry.labels = std::sync::Arc::new(labels.into());
        let value = profile(&cluster, &mut Names::default(), fixture::now());
        assert_eq!(value["metadata"]["name"], "arn-eks-prod-1");
        assert_eq!(value["metadata"]["labels"].as_object().unwrap().len(), 2);
        assert_eq!(value["spec"]["displayName"], "ARN:eks/Prod_1~");
    }
}
