//! Prometheus' `file_sd`: each API server is a target, with what is known of its cluster as labels.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Exported, Fault, facts_of, server_of};
use crate::fleet::Cluster;

#[derive(Serialize)]
struct Group {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

pub(super) fn export(rows: &[&Cluster]) -> Result<Exported, Fault> {
    let mut exported = Exported::default();
    let mut groups = Vec::new();
    for cluster in rows {
        let name = cluster.key().as_str();
        match server_of(cluster).map(target) {
            Some(Ok(target)) => groups.push(Group { targets: [target], labels: labels(cluster) }),
            Some(Err(why)) => exported.warnings.push(format!("`{name}` is left out: {why}")),
            None => exported.warnings.push(format!("`{name}` is left out: its server is not known")),
        }
    }
    exported.text = serde_json::to_string_pretty(&groups)
        .map_err(|e| Fault::failed("the targets cannot be written").why(e.to_string()))?;
    exported.text.push('\n');
    Ok(exported)
}

/// Host and port of a URL. A server behind a path is somebody else's front, which a target cannot say.
fn target(server: &str) -> Result<String, &'static str> {
    let url = url::Url::parse(server).map_err(|_| "its server is no URL")?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err("its server has no host");
    };
    if !matches!(url.path(), "" | "/") {
        return Err("its server is reached below a path, which a target cannot say");
    }
    Ok(format!("{host}:{port}"))
}

fn labels(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in cluster.entry.labels.iter() {
        labels.entry(format!("label_{}", fit(key.as_str()))).or_insert_with(|| value.to_string());
    }
    labels.insert("cluster".to_owned(), cluster.key().to_string());
    labels.insert("class".to_owned(), cluster.class.name.to_string());
    labels.extend(facts_of(cluster).into_iter().map(|(key, value)| (key.to_owned(), value)));
    labels
}

/// A label's name as Prometheus takes it: letters, digits and underscores. Names that begin with two underscores are
/// Prometheus' own; none does here.
fn fit(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn api_servers_are_targets_with_labels() {
        let fleet = fixture::declared();
        let rows: Vec<&Cluster> = fleet.clusters.iter().map(AsRef::as_ref).collect();
        let exported = export(&rows).unwrap();
        let groups: serde_json::Value = serde_json::from_str(&exported.text).unwrap();
        assert_eq!(groups.as_array().unwrap().len(), 5);
        assert_eq!(groups[1]["targets"][0], "prod-eu-west-3.example:6443");
        assert_eq!(groups[1]["labels"]["owner"], "team eu");
        assert_eq!(groups[1]["labels"]["label_team"], "pay");
        assert_eq!(exported.warnings, ["`dev-broken` is left out: its server is not known"]);
        let names = groups.as_array().unwrap().iter().flat_map(|g| g["labels"].as_object().unwrap().keys());
        assert!(names.into_iter().all(|name| !name.starts_with("__")));
    }

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for (server, expect) in [
            ("https://a.example", Ok("a.example:443")),
            ("https://a.example:6443/", Ok("a.example:6443")),
            ("https://[::1]:6443", Ok("[::1]:6443")),
            (
                "https://rancher.example/k8s/clusters/c-1",
                Err("its server is reached below a path, which a target cannot say"),
            ),
            ("nonsense", Err("its server is no URL")),
        ] {
            assert_eq!(target(server), expect.map(str::to_owned), "{server}");
        }
    }
}
