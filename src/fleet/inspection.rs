//! What a closer look at a cluster finds: workloads, network policies, disruption budgets, and uses of old APIs.

use chrono::{DateTime, Utc};

use super::{CleanText, Failure, Minor};

/// One part of an inspection: what was found, or why it could not be looked for.
pub type Part<T> = Result<T, Failure>;

/// A Deployment, DaemonSet or StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `Deployment`, `DaemonSet`, `StatefulSet`.
    pub kind: CleanText,
    /// Its namespace.
    pub namespace: CleanText,
    /// Its name.
    pub name: CleanText,
    /// The images of its containers, `registry.k8s.io/coredns/coredns:v1.12.0`.
    pub images: Vec<CleanText>,
    /// Pods that are ready.
    pub ready: u32,
    /// Pods that are wanted.
    pub wanted: u32,
}

/// The network policies of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespacePolicies {
    /// The namespace.
    pub namespace: CleanText,
    /// How many.
    pub count: usize,
    /// Whether one selects all pods and allows nothing in.
    pub default_deny: bool,
}

/// A PodDisruptionBudget that allows no disruption now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its namespace.
    pub namespace: CleanText,
    /// Its name.
    pub name: CleanText,
    /// Pods that are healthy.
    pub healthy: u32,
    /// Pods that must be.
    pub desired: u32,
    /// Pods that it covers.
    pub expected: u32,
}

/// How the use of an old API is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UseEvidence {
    /// The API server counted a request since it started (`apiserver_requested_deprecated_apis`). Says nothing of who.
    Requested,
    /// An object's `managedFields` name a writer that used it.
    ManagedFields,
    /// A CustomResourceDefinition stores objects in a version that it no longer serves.
    StoredVersion,
    /// The server serves it, so that it can be used; nobody is known to.
    Served,
}

impl UseEvidence {
    /// The word as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::ManagedFields => "managed-fields",
            Self::StoredVersion => "stored-version",
            Self::Served => "served",
        }
    }
}

/// Something that uses an API that some release removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldApi {
    /// The group; empty for the core.
    pub group: CleanText,
    /// The version.
    pub version: CleanText,
    /// The resource in plural, or the kind where only that is known.
    pub resource: CleanText,
    /// The release that removes it, if the server says so.
    pub removed_in: Option<Minor>,
    /// How it is known.
    pub evidence: UseEvidence,
    /// Who or what: a field manager, an object. Up to eight.
    pub by: Vec<CleanText>,
}

/// What an inspection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Workloads of all namespaces that may be read, at most 5,000.
    pub workloads: Part<Vec<Workload>>,
    /// Namespaces with their network policies; those without any are listed with a count of 0.
    pub policies: Part<Vec<NamespacePolicies>>,
    /// Budgets that allow no disruption.
    pub budgets: Part<Vec<Budget>>,
    /// Uses counted by the API server. Empty does not prove that there are none: the count begins anew with every process,
    /// and each replica has its own.
    pub requested: Part<Vec<OldApi>>,
    /// Versions stored by CustomResourceDefinitions and no longer served.
    pub stored: Part<Vec<OldApi>>,
    /// Uses found in `managedFields`.
    pub managed: Part<Vec<OldApi>>,
    /// Group and version of every API that is served, `apps/v1`.
    pub served: Part<Vec<CleanText>>,
}
