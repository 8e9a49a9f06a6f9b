//! The vocabulary: clusters, where they were learned of, what was seen there, and what that means.
//!
//! Pure: no waiting, no files, no network, no clock (`now` comes in as an argument), no terminal. Everything that a
//! person will read has passed through [`CleanText`] by the time it stands in one of these types.

pub mod age;
mod almanac;
mod book;
mod breach;
mod class;
mod cluster;
mod decided;
mod decision;
mod entry;
mod failure;
mod finding;
pub mod grammar;
mod heartbeat;
mod id;
mod inspection;
pub mod lifecycle;
mod merge;
mod outlook;
mod place;

mod roster;
pub mod select;
mod server;
mod sighting;
mod signal;
pub mod sort;
mod source;
pub mod spec;
#[cfg(test)]
mod testing;
mod text;
mod verdict;
mod version;
pub mod window;

pub use almanac::{
    ALMANAC_FILES, Addon, AddonFit, AddonTable, Almanac, ApiTable, BadTable, Claim, ProviderTable, Releases,
    RemovedApi, Sureness,
};
pub use book::{ClassBook, ClassInputs, ClassRules, ClassStep, Settled, may_weaken};
pub use breach::{BREACH_CODES, breaches, fleet_breaches, unknown_rules};
pub use class::{UNCLASSIFIED, class_names, guess_class};
pub use cluster::{
    Class, ClassOrigin, Cluster, Fleet, Parameter, PendingClass, Protection, Reason, State, StateCounts,
    Totals, Verdict,
};
pub use decided::DecisionIndex;
pub use decision::{Decision, Decisions, Identity, Recorded};
pub use entry::{
    AccessPath, Conflict, Entry, MergeBy, MergeLink, Method, Origin, Problem, Provenance, Severity,
};
pub use failure::{ErrorCode, Failure};
pub use finding::{Finding, Weight};
pub use id::ClusterKey;
pub use inspection::{Budget, Inspection, NamespacePolicies, OldApi, Part, UseEvidence, Workload};
pub use outlook::{BLOCKER_CODES, Blocker, Effect, Outlook, outlook};
pub use place::{Told, guess_provider, guess_region};
pub use roster::{Apart, Roster, unite};
pub use select::{Scope, SelectError, Selector, TermResult, Truth};
pub use server::normal_server;
pub use sighting::{
    CertificateEnd, Evidence, Facts, Fingerprint, Health, ProviderInsight, Sighting, TextMap,
};
pub use signal::{
    Attempts, CertDates, Check, Detail, EventRow, Loadable, NodeRow, NodeSummary, Observed, Phase, Readiness,
    Signal, Signals, Snapshot, VersionInfo,
};
pub use source::{SightingId, SourceKind, SourceRef, SourceState, Sync};
pub use text::CleanText;
pub use verdict::{FINDING_CODES, Thresholds, verdict, with_findings};
pub use version::{Minor, NotAVersion, Version};
