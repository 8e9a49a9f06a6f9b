//! What was seen of a cluster, each reading with its age.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{CleanText, ClusterKey, Failure, Inspection, Version};

/// A value and when it was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed<T> {
    /// The value.
    pub value: T,
    /// When the answer arrived.
    pub at: DateTime<Utc>,
}

/// One kind of reading: the last good one, and what went wrong since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal<T> {
    /// The last good reading.
    pub last: Option<Observed<T>>,
    /// Why the newest attempt gave none; `None` after a good one or before the first.
    pub trouble: Option<Failure>,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self { last: None, trouble: None }
    }
}

impl<T> Signal<T> {
    /// The last good value, however old.
    pub fn value(&self) -> Option<&T> {
        self.last.as_ref().map(|o| &o.value)
    }

    /// Takes a new reading in: a good one clears the trouble, a failed one keeps the last good value.
    pub fn take(&mut self, reading: Result<T, Failure>, at: DateTime<Utc>) {
        match reading {
            Ok(value) => *self = Self { last: Some(Observed { value, at }), trouble: None },
            Err(failure) => self.trouble = Some(failure),
        }
    }
}

/// What `/version` said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInfo {
    /// The parsed version; `None` if the text is none.
    pub version: Option<Version>,
    /// The text as the server gave it.
    pub text: CleanText,
    /// `linux/amd64`.
    pub platform: Option<CleanText>,
}

/// One line of `/readyz?verbose`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `etcd`, `poststarthook/rbac/bootstrap-roles`.
    pub name: CleanText,
    /// Whether it passed.
    pub ok: bool,
}

/// What `/readyz?verbose` said.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Whether the server calls itself ready.
    pub ready: bool,
    /// The checks that failed.
    pub failed: Vec<Check>,
    /// How many checks there were.
    pub total: usize,
}

/// The dates of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertDates {
    /// Not valid before.
    pub not_before: DateTime<Utc>,
    /// Not valid after.
    pub not_after: DateTime<Utc>,
    /// The subject, for people.
    pub subject: CleanText,
}

/// One node, as the server's own table prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its name.
    pub name: CleanText,
    /// Whether it reports Ready.
    pub ready: bool,
    /// Whether it is cordoned.
    pub cordoned: bool,
    /// The status column as printed.
    pub status: CleanText,
    /// The roles column.
    pub roles: CleanText,
    /// The kubelet's version.
    pub kubelet: CleanText,
    /// The age column as printed, `14d`.
    pub age: CleanText,
    /// Internal IP.
    pub internal_ip: CleanText,
    /// Operating system image.
    pub os_image: CleanText,
    /// Kernel.
    pub kernel: CleanText,
    /// Container runtime.
    pub runtime: CleanText,
}

/// What the list of nodes comes to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeSummary {
    /// All nodes.
    pub total: usize,
    /// Those that report Ready.
    pub ready: usize,
    /// Those that are cordoned.
    pub cordoned: usize,
    /// Those that are cordoned and not Ready: being worked on, not broken. Included in `cordoned`.
    pub cordoned_not_ready: usize,
    /// Names of up to 16 nodes, the first by name: who they are tells a restored cluster from the one it was copied from.
    pub names: Vec<CleanText>,
    /// Names of up to 8 nodes that are not Ready.
    pub not_ready: Vec<CleanText>,
    /// Kubelet versions with how many nodes run each, oldest first.
    pub kubelets: Vec<(Version, usize)>,
    /// Region and zone, provider and architecture cannot be had from a table; they come with labels, if asked for.
    pub region: Option<CleanText>,
    /// The provider, from node labels, provider ids or version suffixes.
    pub provider: Option<CleanText>,
    /// Whether the list was cut at a limit.
    pub truncated: bool,
}

/// Everything one poll of a cluster brought back. `None` in a field: not asked this time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// `/version`.
    pub version: Option<Result<VersionInfo, Failure>>,
    /// `/readyz?verbose`. A 500 with failed checks is a good reading that says "not ready".
    pub ready: Option<Result<Readiness, Failure>>,
    /// UID of the `kube-system` namespace.
    pub identity: Option<Result<CleanText, Failure>>,
    /// Nodes.
    pub nodes: Option<Result<NodeSummary, Failure>>,
    /// Time from request to first byte of the fastest answer.
    pub latency: Option<Duration>,
    /// The server's certificate, from the handshake.
    pub serving_cert: Option<CertDates>,
    /// The client certificate that was used, from files or a plugin.
    pub client_cert: Option<CertDates>,
    /// When the credential that was used ends, if it says.
    pub credential_expires_at: Option<DateTime<Utc>>,
    /// The server's clock minus ours, in seconds, from its `Date` header.
    pub clock_skew_seconds: Option<i64>,
    /// Set when the cluster as a whole could not be reached or refused us: nothing else was learned.
    pub unreachable: Option<Failure>,
}

/// What is happening to a cluster's polling just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// Waits for its turn or for its first contact.
    #[default]
    Waiting,
    /// Its credential is being fetched: a plugin is at work or waits for its turn.
    SigningIn,
    /// A connection is being made or an answer awaited.
    Connecting,
    /// Between polls.
    Idle,
    /// Failed, and waiting for the next try.
    BackingOff,
    /// Will not be tried until a person does something.
    Parked,
}

/// How contacting a cluster has gone.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Attempts {
    /// What is happening now.
    pub phase: Phase,
    /// Since when.
    pub phase_since: Option<DateTime<Utc>>,
    /// Tries since the last success (or ever).
    pub failed_in_a_row: u32,
    /// When the present failure began.
    pub failing_since: Option<DateTime<Utc>>,
    /// When the newest failure happened; `None` after a success.
    pub last_failure: Option<DateTime<Utc>>,
    /// When it is tried again.
    pub next_at: Option<DateTime<Utc>>,
    /// When an answer last arrived.
    pub last_success: Option<DateTime<Utc>>,
}

/// Everything known of a cluster by looking at it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Signals {
    /// `/version`.
    pub version: Signal<VersionInfo>,
    /// `/readyz`.
    pub ready: Signal<Readiness>,
    /// How many polls in a row said "not ready".
    pub not_ready_in_a_row: u32,
    /// When the first of them said so.
    pub not_ready_since: Option<DateTime<Utc>>,
    /// UID of the `kube-system` namespace.
    pub identity: Signal<CleanText>,
    /// Nodes.
    pub nodes: Signal<NodeSummary>,
    /// Since when some node has not been Ready.
    pub nodes_not_ready_since: Option<DateTime<Utc>>,
    /// Latency of the last poll.
    pub latency: Option<Observed<Duration>>,
    /// The server's certificate.
    pub serving_cert: Option<Observed<CertDates>>,
    /// Our certificate.
    pub client_cert: Option<Observed<CertDates>>,
    /// When the credential in use ends.
    pub credential_expires_at: Option<DateTime<Utc>>,
    /// The server's clock minus ours, in seconds.
    pub clock_skew_seconds: Option<i64>,
    /// What the newest inspection found; `None` before the first.
    pub inspection: Option<Arc<Inspection>>,
    /// Why the cluster as a whole cannot be reached; `None` while it can.
    pub unreachable: Option<Failure>,
    /// How contacting it has gone.
    pub attempts: Attempts,
}

/// One Warning or Normal event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// When it was last seen.
    pub last_seen: Option<DateTime<Utc>>,
    /// `Warning` or `Normal`.
    pub kind: CleanText,
    /// Namespace of the object.
    pub namespace: CleanText,
    /// `Pod/train-7`.
    pub object: CleanText,
    /// `FailedScheduling`.
    pub reason: CleanText,
    /// How often.
    pub count: u32,
    /// The message.
    pub message: CleanText,
}

/// Something being fetched for a drill-down.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Loadable<T> {
    /// Not asked yet.
    #[default]
    Idle,
    /// Asked at that time.
    Loading(DateTime<Utc>),
    /// Here, with its age.
    Ready(Observed<T>),
    /// Could not be had.
    Failed(Failure, DateTime<Utc>),
}

/// What the drill-down shows beyond the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Of which cluster.
    pub key: ClusterKey,
    /// Every node.
    pub nodes: Loadable<Vec<NodeRow>>,
    /// Recent events, newest first, at most 500.
    pub events: Loadable<Vec<EventRow>>,
    /// All readiness checks.
    pub checks: Loadable<Vec<Check>>,
}
