//! The vocabulary: clusters, where they were learned of, what was seen there, and what that means.
//!
//! Pure: no waiting, no files, no network, no clock (`now` comes in as an argument), no terminal. Everything that a
//! person will read has passed through [`CleanText`] by the time it stands in one of these types.

pub mod age;
mod class;
mod cluster;
mod entry;
mod failure;
mod id;
pub mod lifecycle;
mod merge;
mod place;
pub mod select;
mod signal;
pub mod sort;
#[cfg(test)]
mod testing;
mod text;
mod verdict;
mod version;

pub use class::{UNCLASSIFIED, class_names, guess_class};
pub use cluster::{
    Class, ClassOrigin, Cluster, Fleet, Protection, Reason, State, StateCounts, Totals, Verdict,
};
pub use entry::{AccessPath, Entry, Method, Origin, Problem, Severity, SourceKind, SourceRef, SourceState};
pub use failure::{ErrorCode, Failure};
pub use id::ClusterKey;
pub use place::{Told, guess_provider, guess_region};
pub use select::{Scope, SelectError, Selector, TermResult, Truth};
pub use signal::{
    Attempts, CertDates, Check, Detail, EventRow, Loadable, NodeRow, NodeSummary, Observed, Phase, Readiness,
    Signal, Signals, Snapshot, VersionInfo,
};
pub use text::CleanText;
pub use verdict::{FINDING_CODES, Thresholds, verdict};
pub use version::{Minor, NotAVersion, Version};
