//! The places that clusters are learned from, and how reading them goes.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{CleanText, Origin, Problem};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $word:literal $trust:literal,)*) => {
        /// The kinds of places clusters are learned from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum SourceKind {
            $($(#[$doc])* $variant,)*
        }

        impl SourceKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as it is written and printed.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// How much weight its word has where sources contradict each other; less is more. A person's own
            /// declaration comes first, then whoever runs the cluster, then whoever only watches it, then notes.
            pub fn rank(self) -> u8 {
                match self {
                    $(Self::$variant => $trust,)*
                }
            }
        }
    };
}

kinds! {
    /// `Cluster` objects of the fleet file.
    Static "static" 0,
    /// Cluster API (`cluster.x-k8s.io`).
    ClusterApi "cluster-api" 1,
    /// Rancher's management and provisioning objects.
    Rancher "rancher" 1,
    /// `aws eks`.
    Eks "eks" 1,
    /// `az aks`.
    Aks "aks" 1,
    /// `gcloud container clusters`.
    Gke "gke" 1,
    /// `multicluster.x-k8s.io` ClusterProfile (KEP-4322).
    ClusterProfile "cluster-profile" 2,
    /// Open Cluster Management's ManagedCluster.
    Ocm "ocm" 2,
    /// Karmada's Cluster.
    Karmada "karmada" 2,
    /// KubeFleet's MemberCluster.
    KubeFleet "kubefleet" 2,
    /// `az fleet member`.
    AzureFleet "azure-fleet" 2,
    /// `gcloud container fleet memberships`.
    GkeFleet "gke-fleet" 2,
    /// Rancher Fleet's Cluster.
    RancherFleet "rancher-fleet" 2,
    /// Argo CD's cluster Secrets.
    ArgoCd "argocd" 3,
    /// KubeFed's KubeFedCluster (archived).
    KubeFed "kubefed" 3,
    /// `clusterregistry.k8s.io` Cluster (archived).
    ClusterRegistry "cluster-registry" 3,
    /// A named program that prints clusters as JSON.
    Exec "exec" 3,
    /// An Ansible inventory.
    Ansible "ansible" 4,
    /// A kubeconfig file.
    Kubeconfig "kubeconfig" 5,
}

impl SourceKind {
    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Whether it keeps a list of clusters of its own accord, so that a cluster that is missing there is gone. A kubeconfig is a
    /// way to clusters and an inventory is somebody's note.
    pub fn is_registry(self) -> bool {
        !matches!(self, Self::Kubeconfig | Self::Ansible | Self::Exec | Self::Static)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a source calls one cluster, unique over all sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SightingId {
    /// The source's name, unique among sources: `~/.kube/config`, `mgmt`.
    pub source: CleanText,
    /// The name there, unique in the source: a context, `clusters/prod-eu-1`.
    pub reference: CleanText,
}

impl fmt::Display for SightingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.reference)
    }
}

/// One place where a cluster was learned of: the source's name and what the cluster is called there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceRef {
    /// The kind.
    pub kind: SourceKind,
    /// The source, `~/.kube/config`.
    pub name: CleanText,
    /// The name there, a context.
    pub reference: CleanText,
    /// Where in the source.
    pub origin: Option<Origin>,
    /// Since when the source has known it no longer.
    pub gone_at: Option<DateTime<Utc>>,
}

impl SourceRef {
    /// What it points at.
    pub fn id(&self) -> SightingId {
        SightingId { source: self.name.clone(), reference: self.reference.clone() }
    }
}

/// How reading a source goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Sync {
    /// Not read to the end yet.
    #[default]
    Reading,
    /// Read, and changes arrive by themselves.
    Watching,
    /// Read, and read again from time to time.
    Polling,
    /// Cannot be read now; what it said before is kept.
    Failing,
}

impl Sync {
    /// The word as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Watching => "watching",
            Self::Polling => "polling",
            Self::Failing => "failing",
        }
    }
}

/// The state of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// The kind.
    pub kind: SourceKind,
    /// The source's name.
    pub name: CleanText,
    /// How many entries it gave, tombstones not counted.
    pub entries: usize,
    /// How many of them are a row that no earlier source had.
    pub added: usize,
    /// How many of them joined a row of another entry.
    pub merged: usize,
    /// When it was last read to the end, or last confirmed by a watch.
    pub synced_at: Option<DateTime<Utc>>,
    /// How reading it goes.
    pub sync: Sync,
    /// What is done to read it, for people: `watch clusters.cluster.x-k8s.io`, `aws eks (3 regions)`.
    pub how: CleanText,
    /// When it is read again, if that is known.
    pub next_at: Option<DateTime<Utc>>,
    /// Since when it has been failing.
    pub failing_since: Option<DateTime<Utc>>,
    /// What was wrong with it.
    pub problems: Vec<Problem>,
}

impl SourceState {
    /// A source that nothing is known of yet.
    pub fn new(kind: SourceKind, name: CleanText) -> Self {
        Self {
            kind,
            name,
            entries: 0,
            added: 0,
            merged: 0,
            synced_at: None,
            sync: Sync::Reading,
            how: CleanText::default(),
            next_at: None,
            failing_since: None,
            problems: Vec::new(),
        }
    }
}
