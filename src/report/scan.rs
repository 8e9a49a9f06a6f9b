//! The document about what could be a source: `SourceScan`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{API_VERSION, Cause, SCHEMA_VERSION, Stamp, Text, Tool, document};
use crate::fleet::SourceKind;

document! {
    /// Which clusters of the kubeconfigs are hubs, and which programs could tell of more clusters.
    SourceScan {
        /// The kinds of hubs that were found, one item for each kind at each server.
        items: Vec<ScanItem>,
        /// Programs of clouds and inventories that are installed. None was run.
        programs: Vec<ProgramItem>,
        /// The contexts that could not be asked.
        errors: Vec<ScanError>,
    }
}

/// A hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScanItem {
    /// The kubeconfig context that leads to it.
    pub context: Text,
    /// Its server.
    pub server: Option<Text>,
    /// The kind of source that it could be.
    pub kind: &'static str,
    /// The group and version that it serves.
    pub api: Text,
    /// Whether a source of that kind over that context is declared already.
    pub declared: bool,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProgramItem {
    /// Its name.
    pub program: &'static str,
    /// Where it is.
    pub path: Text,
    /// The kinds of sources that it could serve.
    pub kinds: Vec<&'static str>,
}

/// A context that could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScanError {
    /// The context.
    pub context: Text,
    /// Why.
    pub cause: Cause,
}

/// API groups by which hubs are known. Argo CD's clusters are Secrets, so its group stands for them.
const GROUPS: [(&str, SourceKind); 11] = [
    ("cluster.x-k8s.io", SourceKind::ClusterApi),
    ("multicluster.x-k8s.io", SourceKind::ClusterProfile),
    ("argoproj.io", SourceKind::ArgoCd),
    ("cluster.open-cluster-management.io", SourceKind::Ocm),
    ("cluster.karmada.io", SourceKind::Karmada),
    ("management.cattle.io", SourceKind::Rancher),
    ("fleet.cattle.io", SourceKind::RancherFleet),
    ("cluster.kubernetes-fleet.io", SourceKind::KubeFleet),
    ("core.kubefed.io", SourceKind::KubeFed),
    ("clusterregistry.k8s.io", SourceKind::ClusterRegistry),
    ("provisioning.cattle.io", SourceKind::Rancher),
];

/// The kinds of hub that a server with these groups could be, each once, with the group that says so.
pub fn hub_kinds<'g>(groups: impl IntoIterator<Item = &'g str>) -> Vec<(SourceKind, &'g str)> {
    let mut found: Vec<(SourceKind, &str)> = Vec::new();
    for group in groups {
        let kind = GROUPS.iter().find(|(name, _)| *name == group).map(|(_, kind)| *kind);
        if let Some(kind) = kind.filter(|kind| found.iter().all(|(known, _)| known != kind)) {
            found.push((kind, group));
        }
    }
    found.sort_by_key(|(kind, _)| *kind);
    found
}

/// The document.
pub fn source_scan(
    items: Vec<ScanItem>,
    programs: Vec<ProgramItem>,
    errors: Vec<ScanError>,
    now: DateTime<Utc>,
    tool: Tool,
) -> SourceScan {
    SourceScan {
        api_version: API_VERSION,
        kind: "SourceScan",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        items,
        programs,
        errors,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hubs_are_known_by_their_groups() {
        let kinds =
            hub_kinds(["apps", "provisioning.cattle.io", "management.cattle.io", "cluster.x-k8s.io", "x.io"]);
        let told: Vec<_> = kinds.iter().map(|(kind, group)| (kind.as_str(), *group)).collect();
        assert_eq!(told, [("cluster-api", "cluster.x-k8s.io"), ("rancher", "provisioning.cattle.io")]);
        assert!(hub_kinds(["batch", ""]).is_empty());
    }
}
