//! `kind: WaveStrategy` and `kind: Bundle`: published and checked, carried out when there is something that runs them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `kind: WaveStrategy`: in what order the clusters of a plan are changed.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaveStrategySpec {
    /// The waves, in order. Each takes from what earlier ones left.
    pub waves: Vec<WaveSpec>,
    /// How many clusters may be changed at once, over all waves.
    pub max_at_once: Option<u32>,
    /// How many clusters may fail before the run halts: a number, or a share rounded down, `5%`.
    pub failure_budget: Option<String>,
    /// What becomes of clusters that cannot be reached: `block` (unless said) or `skip`.
    pub unreachable: Option<String>,
    /// What becomes of clusters that changed since the plan was made: `block` (unless said) or `skip`.
    pub drifted: Option<String>,
}

/// One wave.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WaveSpec {
    /// Its name.
    pub name: String,
    /// Which clusters: a selector; all that are left unless said.
    pub select: Option<String>,
    /// How many of them: a number or a share, `10%`; all unless said.
    pub take: Option<String>,
    /// How many at once.
    pub max_at_once: Option<u32>,
    /// How long to wait after it: `24h`.
    pub soak: Option<String>,
    /// What must hold before the next wave.
    pub gates: Vec<GateSpec>,
}

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GateSpec {
    /// `approval`, `health`, `metric` or `program`.
    pub kind: String,
    /// `approval`: how many people.
    pub approvals: Option<u32>,
    /// `metric`: the PromQL expression that must be true.
    pub query: Option<String>,
    /// `program`: its name in the personal configuration.
    pub program: Option<String>,
}

/// `kind: Bundle`: manifests that clusters are to have.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BundleSpec {
    /// The folder, relative to the fleet file.
    pub path: Option<String>,
    /// The git repository.
    pub git: Option<String>,
    /// Its revision; per class in `revisions`.
    pub revision: Option<String>,
    /// Revisions by class.
    pub revisions: BTreeMap<String, String>,
    /// How it is rendered: `plain` (unless said), `template`, `kustomize` or `helm`.
    pub render: Option<String>,
    /// Which clusters: a selector.
    pub select: Option<String>,
    /// Parameters.
    pub parameters: BTreeMap<String, String>,
}
