//! `Fleet.spec.sources` and `accessProviders`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One place that clusters are learned from. Which fields mean something depends on the kind.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceSpec {
    /// Its name, unique in the fleet.
    pub name: String,
    /// Its kind: `cluster-api`, `cluster-profile`, `argocd`, `eks`, `ansible`, `exec` ...
    pub kind: String,
    /// Hubs: the kubeconfig context that leads to the hub.
    pub context: Option<String>,
    /// Hubs: namespaces to read; all unless said.
    pub namespaces: Vec<String>,
    /// Hubs: objects must have these labels, as kubectl selects them.
    pub selector: Option<String>,
    /// Files and folders: `kubeconfig`, `ansible`; relative to the fleet file.
    pub path: Option<String>,
    /// `eks`: profiles of the AWS CLI; the default one unless said.
    pub profiles: Vec<String>,
    /// `eks`: regions.
    pub regions: Vec<String>,
    /// `aks`, `azure-fleet`: subscriptions; the current one unless said.
    pub subscriptions: Vec<String>,
    /// `gke`, `gke-fleet`: projects; the current one unless said.
    pub projects: Vec<String>,
    /// `azure-fleet`: the fleet, and its resource group, as `group/fleet`.
    pub fleets: Vec<String>,
    /// `exec`: the name of a program whose command line stands in the personal configuration. Clouds: the program to run
    /// in place of `aws`, `az`, `gcloud`, named the same way.
    pub program: Option<String>,
    /// `ansible`: how to read it.
    pub ansible: Option<AnsibleSpec>,
    /// How often sources that cannot be watched are read: `15m`; 10 minutes unless said.
    pub interval: Option<String>,
    /// Labels that every cluster of this source gets, unless it has them already.
    pub labels: BTreeMap<String, String>,
    /// Whether its access paths are for emergencies only.
    pub break_glass: bool,
    /// Rancher: the server's URL, where clusters are reached through it, `https://rancher.example.com`.
    pub server: Option<String>,
}

/// What the hosts of an inventory are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnsibleMode {
    /// Each host is a cluster.
    #[default]
    Host,
    /// Each inventory (or each group named) is a cluster, and its hosts are nodes, as kubespray has it.
    Group,
}

/// How an Ansible inventory is read. Names of variables are tried in order.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AnsibleSpec {
    /// What hosts are.
    pub mode: AnsibleMode,
    /// Only hosts of this group, or with `mode: group` only these groups.
    pub groups: Vec<String>,
    /// Variables with the server's URL.
    pub server_vars: Vec<String>,
    /// Variables with a kubeconfig context.
    pub context_vars: Vec<String>,
    /// Variables with the version.
    pub version_vars: Vec<String>,
    /// Variables with the region.
    pub region_vars: Vec<String>,
    /// Variables with the provider.
    pub provider_vars: Vec<String>,
    /// Variables that become labels, besides the groups; those of the class unless said.
    pub label_vars: Vec<String>,
    /// Whether to run `ansible-inventory --list`, which runs the code of inventory plugins. Needs `program`.
    pub run: bool,
}

/// A credential plugin for ClusterProfiles (KEP-4322).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProviderSpec {
    /// The provider's name in profiles' `accessProviders`.
    pub name: String,
    /// The program's name in the personal configuration's `programs`.
    pub program: String,
    /// What becomes of arguments that a profile brings: `Ignore` (unless said) or `Append`.
    pub args_policy: Option<String>,
    /// What becomes of variables that a profile brings: `Ignore` (unless said), `AppendIfNotExists` or `Replace`.
    pub env_policy: Option<String>,
}
