//! `kind: Class`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a change to a class's clusters must be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProtectionSpec {
    /// No question.
    None,
    /// y/N.
    Confirm,
    /// A phrase is typed.
    Typed,
    /// Not at all.
    Locked,
}

/// `kind: Class`: a rule that says which clusters are alike, and what is to be so of them. What is left out comes from the
/// class that it inherits from.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClassSpec {
    /// Which clusters: a selector over names, sources, labels and properties. Not inherited. A class without it is
    /// only inherited from, or given to clusters by name.
    #[serde(rename = "match")]
    pub matches: Option<String>,
    /// The class that everything left out comes from.
    pub inherits: Option<String>,
    /// Tenants that share its clusters.
    pub tenants: Option<Vec<String>>,
    /// Who owns its clusters: `team platform`.
    pub owner: Option<String>,
    /// Whom to reach.
    pub on_call: Option<Contact>,
    /// Links; `{name}`, `{region}` and other properties stand for those of a cluster.
    pub links: Links,
    /// Parameters; a cluster may say otherwise.
    pub parameters: BTreeMap<String, String>,
    /// What names look like.
    pub naming: Option<Naming>,
    /// What the host of the API server must be: `{name}.k8s.example.com`.
    pub domain: Option<String>,
    /// Versions.
    pub versions: VersionRules,
    /// How a change must be confirmed.
    pub protection: Option<ProtectionSpec>,
    /// From how many clusters of an unprotected class on a phrase is asked for; 5 unless said.
    pub phrase_above: Option<u32>,
    /// How many clusters may be changed at once.
    pub concurrency: Option<Concurrency>,
    /// Groups of clusters of which never two are changed at once, each a selector.
    pub never_together: Option<Vec<String>>,
    /// When changes may be made; none: always.
    pub windows: Option<Vec<Window>>,
    /// When they may not, whatever the windows say.
    pub freezes: Option<Vec<Freeze>>,
    /// What its clusters must have.
    pub requires: Requirements,
    /// Where its metrics are.
    pub metrics: Option<Metrics>,
}

/// Whom to reach when something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Contact {
    /// A name: a rota, a channel.
    pub name: String,
    /// Where to reach it.
    pub url: Option<String>,
}

/// Links of a class.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Links {
    /// The runbook.
    pub runbook: Option<String>,
    /// The dashboard.
    pub dashboard: Option<String>,
}

/// What names look like.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Naming {
    /// A regular expression for the whole name. Named groups become properties of the cluster.
    pub pattern: String,
}

/// What versions a class wants.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VersionRules {
    /// The oldest that is allowed: `1.34` or `1.34.5`.
    pub floor: Option<String>,
    /// The one to go to: `1.36` or `1.36.1`.
    pub target: Option<String>,
    /// Whether a release that is out of support is accepted.
    pub accept_end_of_life: Option<bool>,
}

/// How many clusters may be changed at once.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Concurrency {
    /// In all.
    pub max: Option<u32>,
    /// Of those that share the value of a property (`region`, `account`, `label.registry`), by property.
    pub per: BTreeMap<String, u32>,
}

/// When changes may be made.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Window {
    /// When it opens, five fields as cron has them.
    pub cron: String,
    /// How long it stays open: `4h`.
    pub duration: String,
    /// The time zone, `Europe/Berlin`; UTC unless said.
    pub time_zone: Option<String>,
}

/// When no changes may be made.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Freeze {
    /// From: `2026-12-18` or `2026-12-18T17:00`.
    pub from: String,
    /// To, that day or minute included.
    pub to: String,
    /// The time zone; UTC unless said.
    pub time_zone: Option<String>,
    /// Why.
    pub reason: String,
}

/// What every cluster of a class must have.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Requirements {
    /// Services.
    pub services: Option<Vec<ServiceRule>>,
    /// Labels of the cluster.
    pub labels: Option<Vec<LabelRule>>,
    /// Network policies.
    pub network_policies: Option<NetworkPolicyRule>,
    /// Kinds of sources that must know it, `cluster-api`.
    pub sources: Option<Vec<String>>,
}

/// A workload that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceRule {
    /// The name of a Deployment, DaemonSet or StatefulSet; `*` and `?` as in patterns.
    pub name: String,
    /// Its namespace; `kube-system` unless said.
    pub namespace: Option<String>,
    /// The range of its image's version: `>=1.11 <1.13`.
    pub versions: Option<String>,
}

/// A label that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LabelRule {
    /// Its key.
    pub key: String,
    /// The values that are allowed; any unless said.
    pub values: Option<Vec<String>>,
}

/// Network policies that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkPolicyRule {
    /// Namespaces that need a policy for all pods that denies what is not allowed; patterns.
    pub default_deny_in: Vec<String>,
}

/// Where a class's metrics are.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Metrics {
    /// The Prometheus endpoint; properties in braces.
    pub url: String,
}
