//! Where a cluster stands and who runs it, from the labels of some of its nodes.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::json::{Labels, ObjectMeta, parse};
use crate::fleet::{CleanText, Failure};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    items: Option<Vec<Item<'a>>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    metadata: ObjectMeta<'a>,
}

/// What labels say of a cluster. `None`: they say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The region that most of the nodes name.
    pub region: Option<CleanText>,
    /// `eks`, `gke`, `aks`, `k3s` ...
    pub provider: Option<CleanText>,
}

/// The well-known label (kubernetes.io/docs/reference/labels-annotations-taints) and the one it replaced.
const REGION: [&str; 2] = ["topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"];

/// Prefixes of label keys that only one provider's node pools carry, most specific first.
const PROVIDERS: [(&str, &str); 16] = [
    ("eks.amazonaws.com/", "eks"),
    ("alpha.eksctl.io/", "eks"),
    ("cloud.google.com/gke-", "gke"),
    ("kubernetes.azure.com/", "aks"),
    ("node.openshift.io/", "openshift"),
    ("doks.digitalocean.com/", "doks"),
    ("oke.oraclecloud.com/", "oke"),
    ("oci.oraclecloud.com/", "oke"),
    ("ibm-cloud.kubernetes.io/", "iks"),
    ("lke.linode.com/", "lke"),
    ("k8s.scaleway.com/", "kapsule"),
    ("alibabacloud.com/", "ack"),
    ("run.tanzu.vmware.com/", "tanzu"),
    ("rke.cattle.io/", "rke2"),
    ("minikube.k8s.io/", "minikube"),
    ("node.kubernetes.io/microk8s-", "microk8s"),
];

/// Values of the instance-type label that distributions set where no cloud does.
const INSTANCE_TYPES: [(&str, &str); 2] = [("k3s", "k3s"), ("rke2", "rke2")];

/// Reads a list of nodes (whole or metadata alone) for where they stand.
///
/// # Errors
/// `PARSE` if it is no list of objects.
pub fn place(body: &[u8]) -> Result<Place, Failure> {
    let answer: Answer<'_> = parse(body, "a list of nodes' labels")?;
    let mut regions: BTreeMap<&str, usize> = BTreeMap::new();
    let mut provider = None;
    for labels in answer.items.iter().flatten().filter_map(|item| item.metadata.labels.as_ref()) {
        if let Some(region) = REGION.into_iter().find_map(|key| labels.get(key)) {
            *regions.entry(region).or_default() += 1;
        }
        provider = provider.or_else(|| provider_of(labels));
    }
    let region = regions.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(a.0))).map(|(name, _)| name);
    Ok(Place { region: region.map(|r| CleanText::with_cap(r, 63)), provider: provider.map(CleanText::new) })
}

fn provider_of(labels: &Labels<'_>) -> Option<&'static str> {
    let by_key = PROVIDERS
        .into_iter()
        .find(|(prefix, _)| labels.keys().any(|key| key.starts_with(prefix)))
        .map(|(_, provider)| provider);
    by_key.or_else(|| {
        let kind = labels.get("node.kubernetes.io/instance-type")?;
        INSTANCE_TYPES.into_iter().find(|(value, _)| *value == kind).map(|(_, provider)| provider)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[serde_json::Value]) -> Place {
        let items: Vec<_> = labels.iter().map(|l| serde_json::json!({"metadata": {"labels": l}})).collect();
        place(&serde_json::to_vec(&serde_json::json!({ "items": items })).unwrap()).unwrap()
    }

    #[test]
    fn the_region_is_the_one_most_nodes_name() {
        let place = of(&[
            serde_json::json!({"topology.kubernetes.io/region": "eu-west-1"}),
            serde_json::json!({"failure-domain.beta.kubernetes.io/region": "eu-west-1"}),
            serde_json::json!({"topology.kubernetes.io/region": "eu-north-1", "eks.amazonaws.com/nodegroup": "a"}),
            serde_json::json!({"topology.kubernetes.io/region": ""}),
            serde_json::json!(null),
        ]);
        assert_eq!(place.region.unwrap().as_str(), "eu-west-1");
        assert_eq!(place.provider.unwrap().as_str(), "eks");
    }

    #[test]
    fn providers_are_known_by_their_labels() {
        for (labels, provider) in [
            (serde_json::json!({"cloud.google.com/gke-nodepool": "p"}), Some("gke")),
            (serde_json::json!({"kubernetes.azure.com/cluster": "c"}), Some("aks")),
            (serde_json::json!({"node.kubernetes.io/instance-type": "k3s"}), Some("k3s")),
            (serde_json::json!({"node.kubernetes.io/instance-type": "m5.large"}), None),
            (serde_json::json!({}), None),
        ] {
            let found = of(std::slice::from_ref(&labels)).provider;
            assert_eq!(found.as_ref().map(CleanText::as_str), provider, "{labels}");
        }
    }

    #[test]
    fn nothing_comes_of_nothing() {
        for body in ["{}", r#"{"items":null}"#, r#"{"items":[{}]}"#] {
            assert_eq!(place(body.as_bytes()).unwrap(), Place::default());
        }
        for body in ["", "7", r#"{"items":7}"#] {
            assert!(place(body.as_bytes()).is_err(), "{body}");
        }
    }
}
