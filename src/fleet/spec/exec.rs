//! What a program of a source of kind `exec` prints.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whole output, as one JSON document on standard output. Exit code 0 means that the list is whole: a cluster that is missing
/// in it is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecSourceOutput {
    /// `fleetglass.dev/v1alpha1`.
    pub api_version: String,
    /// `ExecSourceOutput`.
    pub kind: String,
    /// The clusters.
    pub clusters: Vec<ExecCluster>,
}

/// One cluster. Everything but the name may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecCluster {
    /// The name for people.
    pub name: String,
    /// What the program calls it, unique in the output; the name unless said.
    #[serde(default)]
    pub id: Option<String>,
    /// UID of its `kube-system` namespace.
    #[serde(default)]
    pub uid: Option<String>,
    /// The URL of its API server.
    #[serde(default)]
    pub server: Option<String>,
    /// The certificates that sign the server's, in PEM.
    #[serde(default)]
    pub certificate_authority: Option<String>,
    /// A kubeconfig context that leads to it.
    #[serde(default)]
    pub context: Option<String>,
    /// The control plane's version: `v1.35.4`, `1.35`.
    #[serde(default)]
    pub version: Option<String>,
    /// The provider or distribution: `eks`, `rke2`.
    #[serde(default)]
    pub provider: Option<String>,
    /// The region.
    #[serde(default)]
    pub region: Option<String>,
    /// Account, subscription or project.
    #[serde(default)]
    pub account: Option<String>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Properties.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    /// Whether it is healthy.
    #[serde(default)]
    pub healthy: Option<bool>,
    /// What there is to say about its health.
    #[serde(default)]
    pub message: Option<String>,
    /// The phase of its life, in the program's own words.
    #[serde(default)]
    pub phase: Option<String>,
    /// Whether whoever manages it has been told to leave it alone.
    #[serde(default)]
    pub paused: bool,
    /// When it last reported, RFC 3339.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_seen: Option<DateTime<Utc>>,
    /// The end of the provider's standard support, RFC 3339.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub support_ends: Option<DateTime<Utc>>,
}
