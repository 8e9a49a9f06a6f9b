//! What sources are told and what they tell: plain values.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::access::{Access, Target, kubeconfig};
use crate::clock::Clock;
use crate::fleet::spec::{ClusterSpec, Object, ProviderSpec, SourceSpec};
use crate::fleet::{CleanText, Problem, Sighting, SightingId, SourceState};

/// A sighting and what is needed to contact the cluster over it. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// What the source says.
    pub sighting: Arc<Sighting>,
    /// How to get there; `None` if the source does not say, or says nothing that can be used. In the latter case one of the
    /// sighting's problems says why.
    pub target: Option<Arc<Target>>,
    /// Equal for sightings that share a credential.
    pub identity_key: [u8; 32],
}

/// Everything that one source says now. It takes the place of everything that it said before.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// How reading it goes. While it fails, `sighted` is what it last knew.
    pub state: SourceState,
    /// Every cluster that it knows.
    pub sighted: Arc<[Sighted]>,
}

/// What the registry tells.
#[derive(Clone, Debug)]
pub enum Told {
    /// A source has read something, or failed to.
    Source(SourceReport),
    /// A source is no longer there: a file of a watched folder was removed.
    Gone(CleanText),
    /// The kubeconfigs were searched for.
    Searched {
        /// What the current context is.
        current: Option<SightingId>,
        /// Where kubeconfigs were looked for, and whether anything was there.
        looked_in: Vec<(CleanText, bool)>,
        /// Problems that belong to no source.
        problems: Vec<Problem>,
    },
    /// Everything on this machine has been read once: kubeconfigs, inventories, the fleet file's own clusters.
    Local,
    /// Every source has been read once, or has failed once.
    All,
}

/// What is wished of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Read that source again now, or all of them.
    Sync(Option<CleanText>),
    /// The credential that came with this sighting was refused: read it again.
    Renew(SightingId),
}

/// A program that a person has named in the personal configuration. `Debug` shows no arguments.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    /// The command and its arguments; a name without a slash is looked for on the search path.
    pub command: Vec<String>,
    /// Variables that it gets besides those of the environment.
    pub env: BTreeMap<String, String>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("command", &self.command.first()).finish_non_exhaustive()
    }
}

/// Which programs may run.
#[derive(Clone, Debug, Default)]
pub struct Commands {
    /// Programs by the name that fleet files call them.
    pub programs: BTreeMap<String, Program>,
    /// Credential plugins that objects of a registry may name: names as they stand there, `kubelogin`. Anything else that a registry
    /// names is not run.
    pub allowed_plugins: Vec<String>,
    /// Where programs are looked for: `$PATH`.
    pub search_path: Option<std::ffi::OsString>,
    /// The environment that programs get.
    pub env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Where kubeconfigs are looked for.
    pub search: kubeconfig::Search,
    /// Patterns (`*`, `?`) of contexts to keep; empty keeps all. Hubs may be reached through any context all the same.
    pub contexts: Vec<String>,
    /// The sources of the fleet file.
    pub sources: Vec<Object<SourceSpec>>,
    /// The clusters of the fleet file.
    pub clusters: Vec<Object<ClusterSpec>>,
    /// Credential plugins for ClusterProfiles, in order of preference.
    pub access_providers: Vec<ProviderSpec>,
    /// Patterns of contexts that are for emergencies only.
    pub break_glass: Vec<String>,
    /// Relative paths of the fleet file start here.
    pub base: PathBuf,
    /// The home folder, for `~`.
    pub home: Option<PathBuf>,
    /// Programs.
    pub commands: Commands,
    /// Whether hubs and programs are asked at all. Without, only files are read.
    pub contact: bool,
    /// Whether sources are read once, each to its first end, and not watched.
    pub once: bool,
}

/// What sources work with.
#[derive(Clone, Debug)]
pub struct Means {
    /// The way to hubs.
    pub access: Access,
    /// Time.
    pub clock: Clock,
    /// The end.
    pub quit: CancellationToken,
}
