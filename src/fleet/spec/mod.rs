//! The shared fleet file's objects (`apiVersion: fleetglass.dev/v1alpha1`), as they are written.
//!
//! Texts that have a grammar of their own (selectors, patterns, versions, times) stay texts here; what they mean, and that
//! they mean anything, is worked out where they are read, with the place in the file at hand.

mod class;
mod exec;
mod source;
mod wave;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Origin, Problem};

pub use class::{
    ClassSpec, Concurrency, Contact, Freeze, LabelRule, Links, Metrics, Naming, NetworkPolicyRule,
    ProtectionSpec, Requirements, ServiceRule, VersionRules, Window,
};
pub use exec::{ExecCluster, ExecSourceOutput};
pub use source::{AnsibleMode, AnsibleSpec, ProviderSpec, SourceSpec};
pub use wave::{BundleSpec, GateSpec, WaveSpec, WaveStrategySpec};

/// The `apiVersion` of every object.
pub const API_VERSION: &str = "fleetglass.dev/v1alpha1";

/// One object of a fleet file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<T> {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Where the object begins.
    pub origin: Origin,
    /// Where its values stand, by path: `spec.match`, `spec.windows[0].cron`.
    pub places: BTreeMap<String, Origin>,
    /// Whether it stands in the machine's own file (`/etc`), which nobody's own file can weaken.
    pub policy: bool,
    /// `spec`.
    pub spec: T,
}

impl<T> Object<T> {
    /// Where the value at `path` stands, or else the nearest thing around it.
    pub fn place(&self, path: &str) -> &Origin {
        let mut path = path;
        loop {
            if let Some(origin) = self.places.get(path) {
                return origin;
            }
            match path.rfind(['.', '[']).and_then(|at| path.get(..at)) {
                Some(shorter) => path = shorter,
                None => return &self.origin,
            }
        }
    }
}

/// Everything that the fleet files say, with what is wrong in them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FleetFile {
    /// The `Fleet` object.
    pub fleet: Option<Object<FleetSpec>>,
    /// `Class` objects, in the order of the files.
    pub classes: Vec<Object<ClassSpec>>,
    /// `Cluster` objects.
    pub clusters: Vec<Object<ClusterSpec>>,
    /// `WaveStrategy` objects.
    pub strategies: Vec<Object<WaveStrategySpec>>,
    /// `Bundle` objects.
    pub bundles: Vec<Object<BundleSpec>>,
    /// What is wrong. An object that has an error among these is not in the lists above, but for a `Fleet` or `Cluster` that
    /// names a class which is not there.
    pub problems: Vec<Problem>,
    /// Whether classes may be missing here because something that names or makes them could not be read.
    pub incomplete: bool,
    /// The machine's own file, if there is one and a person's is joined with it: what it protects nobody weakens.
    pub policy: Option<Arc<FleetFile>>,
}

impl FleetFile {
    /// The sources, each as an object of its own. Places are those of the source's values: `path`, `regions[0]`.
    pub fn sources(&self) -> Vec<Object<SourceSpec>> {
        let Some(fleet) = &self.fleet else { return Vec::new() };
        let object = |(index, source): (usize, &SourceSpec)| {
            let at = format!("spec.sources[{index}]");
            let inside = |(path, origin): (&String, &Origin)| {
                let rest = path.strip_prefix(&at)?.strip_prefix('.')?;
                Some((rest.to_owned(), origin.clone()))
            };
            Object {
                name: source.name.clone(),
                labels: BTreeMap::new(),
                origin: fleet.place(&at).clone(),
                places: fleet.places.iter().filter_map(inside).collect(),
                policy: fleet.policy,
                spec: source.clone(),
            }
        };
        fleet.spec.sources.iter().enumerate().map(object).collect()
    }
}

/// `kind: Fleet`: the one object that ties the others together.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FleetSpec {
    /// The names of the classes, in the order in which their rules are tried: the first that fits wins.
    pub classes: Vec<String>,
    /// Where clusters are learned of, besides the kubeconfigs that are found anyway.
    pub sources: Vec<SourceSpec>,
    /// Parameters of every cluster; a class and then a cluster may say otherwise.
    pub parameters: BTreeMap<String, String>,
    /// Patterns (`*`, `?`) of names of access paths that are for emergencies only.
    pub break_glass: Vec<String>,
    /// Credential plugins for ClusterProfiles, in order of preference (KEP-4322). The program's command line stands in the
    /// personal configuration, under `programs`.
    pub access_providers: Vec<ProviderSpec>,
    /// Codes of `fleetglass check` that are not told, `CODE` or `CODE:cluster-name`.
    pub ignore: Vec<String>,
}

/// `kind: Cluster`: what a person declares of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterSpec {
    /// UID of its `kube-system` namespace.
    pub uid: Option<String>,
    /// The URL of its API server.
    pub server: Option<String>,
    /// Contexts that lead to it.
    pub contexts: Vec<String>,
    /// Its class, whatever the rules say.
    pub class: Option<String>,
    /// Labels, over those of other sources.
    pub labels: BTreeMap<String, String>,
    /// Who owns it, over what its class says.
    pub owner: Option<String>,
    /// Parameters, over those of its class.
    pub parameters: BTreeMap<String, String>,
    /// Names of the same cluster in other sources (`source:reference`) that cannot be found to be the same.
    pub same_as: Vec<String>,
    /// Names in other sources (`source:reference`) that look the same and are not.
    pub not_same_as: Vec<String>,
    /// The access path to prefer, by context name or `source:reference`.
    pub access_path: Option<String>,
}
