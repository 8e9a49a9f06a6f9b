//! One cluster as JSON, text and screens tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::belongs::{self, ClassItem, ContactItem, LinksItem, ParameterItem};
use super::breach::{FindingItem, finding_items};
use super::identity::{IdentityBlock, identity_block, told_path, uid};
use super::outlook::{OutlookItem, outlook_item};
use super::said::{RegistryBlock, registry_block};
use super::wire::{Cause, PhaseWord, ProblemItem, ProtectionWord, Stamp, StateWord, Text, file_of, map};
use crate::fleet::{CertDates, Cluster, Observed, SourceRef, Version, lifecycle};

/// One cluster. Every field is always there; `null` means not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterItem {
    /// The durable identity: UID of the `kube-system` namespace.
    pub id: Option<Text>,
    /// The name, unique in the fleet.
    pub name: Text,
    /// Its class.
    pub class: ClassItem,
    /// How a change to it must be confirmed.
    pub protection: ProtectionWord,
    /// The coarse state.
    pub state: StateWord,
    /// What the polling is doing.
    pub phase: PhaseWord,
    /// Why it is in that state, worst first.
    pub reasons: Vec<ReasonItem>,
    /// Whether the newest attempt to reach it succeeded. If not, every value below is from before.
    pub live: bool,
    /// When an answer last arrived.
    pub observed_at: Option<Stamp>,
    /// Why it cannot be reached at all; `null` while it can.
    pub error: Option<Cause>,
    /// The server's URL, without credentials.
    pub server: Option<Text>,
    /// Who runs the control plane, as far as nodes and versions tell.
    pub provider: Option<Text>,
    /// The region.
    pub region: Option<Text>,
    /// Which of `provider` and `region` are guesses from names and addresses.
    pub guessed: Vec<&'static str>,
    /// Labels from the sources and from people.
    pub labels: BTreeMap<String, Text>,
    /// Properties: of the sources, and captured from the name by the class's pattern.
    pub properties: BTreeMap<String, Text>,
    /// Parameters, with where each comes from.
    pub parameters: Vec<ParameterItem>,
    /// Who owns it.
    pub owner: Option<Text>,
    /// Who shares it.
    pub tenants: Vec<Text>,
    /// Whom to reach.
    pub on_call: Option<ContactItem>,
    /// Runbook, dashboard and metrics.
    pub links: LinksItem,
    /// Where it was learned of, the weightiest first.
    pub sources: Vec<SourceLink>,
    /// Who it is, and how it came to be one row.
    pub identity: IdentityBlock,
    /// What the sources say of it.
    pub registry: RegistryBlock,
    /// What is not as it should be, the worst first.
    pub findings: Vec<FindingItem>,
    /// Its next upgrade; `null` if nobody has worked it out.
    pub outlook: Option<OutlookItem>,
    /// Versions.
    pub version: VersionBlock,
    /// Nodes.
    pub nodes: NodesBlock,
    /// The API server.
    pub control_plane: ControlPlaneBlock,
    /// Certificates.
    pub certificates: CertificatesBlock,
    /// How it is reached.
    pub access: AccessBlock,
    /// How contacting it has gone.
    pub attempts: AttemptsBlock,
    /// What is wrong with its entry.
    pub problems: Vec<ProblemItem>,
}

/// One reason for a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReasonItem {
    /// A stable word.
    pub code: &'static str,
    /// The state it argues for.
    pub severity: StateWord,
    /// For people.
    pub message: Text,
    /// Since when.
    pub since: Option<Stamp>,
    /// The part of the cluster it is about.
    #[serde(rename = "ref")]
    pub about: Option<&'static str>,
}

/// A place where the cluster was learned of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceLink {
    /// The kind of source.
    pub kind: &'static str,
    /// The source.
    pub name: Text,
    /// What the cluster is called there.
    #[serde(rename = "ref")]
    pub reference: Text,
    /// The file.
    pub file: Option<Text>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// Since when the source has known it no longer; `null` while it does.
    pub gone_at: Option<Stamp>,
}

/// Versions of the control plane and the kubelets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionBlock {
    /// The API server's version as it says it.
    pub control_plane: Option<Text>,
    /// Its release line, `1.35`.
    pub minor: Option<String>,
    /// `linux/amd64`.
    pub platform: Option<Text>,
    /// The oldest kubelet.
    pub kubelet_min: Option<String>,
    /// The newest kubelet.
    pub kubelet_max: Option<String>,
    /// How many minors the oldest kubelet is behind the API server (negative: ahead).
    pub skew_minors: Option<i32>,
    /// When upstream support for the release line ends.
    pub end_of_life: Option<String>,
    /// Days until then; negative when past.
    pub end_of_life_in_days: Option<i64>,
    /// When it was seen; if the kubelets were read at another time, the older of the two.
    pub observed_at: Option<Stamp>,
    /// Why the newest reading failed.
    pub error: Option<Cause>,
}

/// Counts of nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodesBlock {
    /// Those that report Ready.
    pub ready: Option<usize>,
    /// All.
    pub total: Option<usize>,
    /// Those that are cordoned.
    pub cordoned: Option<usize>,
    /// Names of up to eight that are not Ready.
    pub not_ready: Vec<Text>,
    /// Kubelet versions and how many nodes run each, oldest first.
    pub kubelets: Vec<KubeletCount>,
    /// Whether the list was cut at a limit, so that counts are lower bounds.
    pub truncated: bool,
    /// When it was seen.
    pub observed_at: Option<Stamp>,
    /// Why the newest reading failed.
    pub error: Option<Cause>,
}

/// How many nodes run one kubelet version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KubeletCount {
    /// The version.
    pub version: String,
    /// Nodes.
    pub count: usize,
}

/// What the API server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneBlock {
    /// Whether it calls itself ready.
    pub ready: Option<bool>,
    /// Readiness checks that failed.
    pub failed_checks: Vec<Text>,
    /// How many checks there were.
    pub total_checks: Option<usize>,
    /// Time to the first byte of an answer.
    pub latency_ms: Option<u64>,
    /// The server's clock minus ours.
    pub clock_skew_seconds: Option<i64>,
    /// When it was seen.
    pub observed_at: Option<Stamp>,
    /// Why the newest reading failed.
    pub error: Option<Cause>,
}

/// The certificates of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificatesBlock {
    /// The server's.
    pub serving: Option<CertificateItem>,
    /// Ours.
    pub client: Option<CertificateItem>,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateItem {
    /// Its subject.
    pub subject: Text,
    /// Not valid before.
    pub not_before: Stamp,
    /// Not valid after.
    pub not_after: Stamp,
    /// Seconds until then; negative when past.
    pub expires_in_seconds: i64,
    /// When it was seen.
    pub observed_at: Stamp,
}

/// Whether the credential works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AccessState {
    /// The server accepted it.
    Ok,
    /// Its end has passed.
    Expired,
    /// The server refused it, or it could not be had.
    Refused,
    /// Not tried, or nothing was reached.
    Unknown,
}

/// How the cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessBlock {
    /// Who one signs in as.
    pub identity: Option<Text>,
    /// How.
    pub method: Option<&'static str>,
    /// Whether it works.
    pub state: AccessState,
    /// When the credential ends.
    pub expires_at: Option<Stamp>,
    /// Seconds until then; negative when past.
    pub expires_in_seconds: Option<i64>,
    /// Whether the server's certificate is not checked.
    pub insecure: Option<bool>,
    /// The proxy named in the entry, without credentials.
    pub proxy: Option<Text>,
    /// The user that requests impersonate.
    pub impersonates: Option<Text>,
}

/// How contacting the cluster has gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsBlock {
    /// Since when the phase holds.
    pub phase_since: Option<Stamp>,
    /// Tries since the last success.
    pub failed_in_a_row: u32,
    /// When the present failure began.
    pub failing_since: Option<Stamp>,
    /// When it is tried again.
    pub next_at: Option<Stamp>,
    /// When an answer last arrived.
    pub last_success_at: Option<Stamp>,
}

/// Tells one cluster at the time `now`.
pub fn cluster_item(cluster: &Cluster, now: DateTime<Utc>) -> ClusterItem {
    let entry = &cluster.entry;
    let signals = &cluster.signals;
    let (provider, region) = (cluster.provider(), cluster.region());
    ClusterItem {
        id: uid(cluster),
        name: Text::from(entry.key.as_str()),
        class: ClassItem::from(&cluster.class),
        protection: cluster.class.protection.into(),
        state: cluster.verdict.state.into(),
        phase: signals.attempts.phase.into(),
        reasons: reasons(cluster),
        live: cluster.is_live(),
        observed_at: cluster.seen_at().map(Stamp),
        error: cause(cluster),
        server: told_path(cluster).and_then(|p| p.server.as_ref()).or(entry.server.as_ref()).map(Text::from),
        provider: provider.as_ref().map(|p| Text::from(&p.value)),
        region: region.as_ref().map(|r| Text::from(&r.value)),
        guessed: [("provider", &provider), ("region", &region)]
            .into_iter()
            .filter(|(_, told)| told.as_ref().is_some_and(|t| t.guessed))
            .map(|(name, _)| name)
            .collect(),
        labels: map(&entry.labels),
        properties: map(&cluster.properties),
        parameters: cluster.parameters.iter().map(ParameterItem::from).collect(),
        owner: belongs::owner(cluster),
        tenants: belongs::tenants(cluster),
        on_call: belongs::on_call(cluster),
        links: belongs::links(cluster),
        sources: entry.sources.iter().map(SourceLink::from).collect(),
        identity: identity_block(cluster),
        registry: registry_block(cluster, now),
        findings: finding_items(cluster),
        outlook: cluster.outlook.as_ref().map(|o| outlook_item(o, now)),
        version: version_block(cluster, now),
        nodes: nodes_block(cluster),
        control_plane: control_plane_block(cluster),
        certificates: CertificatesBlock {
            serving: signals.serving_cert.as_ref().map(|c| certificate(c, now)),
            client: signals.client_cert.as_ref().map(|c| certificate(c, now)),
        },
        access: access_block(cluster, now),
        attempts: attempts_block(cluster),
        problems: entry.problems.iter().map(ProblemItem::from).collect(),
    }
}

/// Why nothing can be had from the cluster: the failure to reach it, or the entry that cannot be used.
pub(super) fn cause(cluster: &Cluster) -> Option<Cause> {
    if let Some(problem) = cluster.entry.unusable() {
        return Some(Cause {
            code: "CONFIG",
            message: Text::from(&problem.message),
            hint: problem.hint.as_ref().map(Text::from),
        });
    }
    cluster.signals.unreachable.as_ref().map(Cause::from)
}

/// When the credential in use ends: what the credential itself said, else what stands in the entry.
pub(super) fn credential_end(cluster: &Cluster) -> Option<DateTime<Utc>> {
    let stated = told_path(cluster).and_then(|p| p.expires_at);
    cluster.signals.credential_expires_at.or(stated)
}

/// The older of two readings' times.
fn older(a: Option<DateTime<Utc>>, b: Option<DateTime<Utc>>) -> Option<Stamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Stamp(a.min(b))),
        (a, b) => a.or(b).map(Stamp),
    }
}

fn reasons(cluster: &Cluster) -> Vec<ReasonItem> {
    let tell = |r: &crate::fleet::Reason| ReasonItem {
        code: r.code,
        severity: r.severity.into(),
        message: Text::from(&r.message),
        since: r.since.map(Stamp),
        about: r.about,
    };
    cluster.verdict.reasons.iter().map(tell).collect()
}

impl From<&SourceRef> for SourceLink {
    fn from(source: &SourceRef) -> Self {
        Self {
            kind: source.kind.as_str(),
            name: Text::from(&source.name),
            reference: Text::from(&source.reference),
            file: source.origin.as_ref().map(file_of),
            line: source.origin.as_ref().and_then(|o| o.line),
            gone_at: source.gone_at.map(Stamp),
        }
    }
}

fn version_block(cluster: &Cluster, now: DateTime<Utc>) -> VersionBlock {
    let signal = &cluster.signals.version;
    let said = signal.value();
    let line = cluster.version().map(|v| v.line);
    let ends = line.and_then(lifecycle::end_of_life);
    let oldest = cluster.oldest_kubelet();
    let nodes_at = oldest.and(cluster.signals.nodes.last.as_ref()).map(|o| o.at);
    VersionBlock {
        control_plane: said.map(|v| Text::from(&v.text)),
        minor: line.map(|l| l.to_string()),
        platform: said.and_then(|v| v.platform.as_ref()).map(Text::from),
        kubelet_min: oldest.map(Version::to_string),
        kubelet_max: cluster.newest_kubelet().map(Version::to_string),
        skew_minors: cluster.kubelet_skew(),
        end_of_life: ends.map(|d| d.to_string()),
        end_of_life_in_days: line.and_then(|l| lifecycle::days_left(l, now)),
        observed_at: older(signal.last.as_ref().map(|o| o.at), nodes_at),
        error: signal.trouble.as_ref().map(Cause::from),
    }
}

fn nodes_block(cluster: &Cluster) -> NodesBlock {
    let signal = &cluster.signals.nodes;
    let seen = signal.value();
    NodesBlock {
        ready: seen.map(|n| n.ready),
        total: seen.map(|n| n.total),
        cordoned: seen.map(|n| n.cordoned),
        not_ready: seen.map(|n| n.not_ready.iter().map(Text::from).collect()).unwrap_or_default(),
        kubelets: seen.map(|n| n.kubelets.iter().map(kubelet_count).collect()).unwrap_or_default(),
        truncated: seen.is_some_and(|n| n.truncated),
        observed_at: signal.last.as_ref().map(|o| Stamp(o.at)),
        error: signal.trouble.as_ref().map(Cause::from),
    }
}

fn kubelet_count((version, count): &(Version, usize)) -> KubeletCount {
    KubeletCount { version: version.to_string(), count: *count }
}

fn control_plane_block(cluster: &Cluster) -> ControlPlaneBlock {
    let signals = &cluster.signals;
    let seen = signals.ready.value();
    ControlPlaneBlock {
        ready: seen.map(|r| r.ready),
        failed_checks: seen
            .map(|r| r.failed.iter().map(|c| Text::from(&c.name)).collect())
            .unwrap_or_default(),
        total_checks: seen.map(|r| r.total),
        latency_ms: signals.latency.as_ref().map(|l| millis(l.value)),
        clock_skew_seconds: signals.clock_skew_seconds,
        observed_at: older(signals.ready.last.as_ref().map(|o| o.at), signals.latency.as_ref().map(|o| o.at)),
        error: signals.ready.trouble.as_ref().map(Cause::from),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn certificate(cert: &Observed<CertDates>, now: DateTime<Utc>) -> CertificateItem {
    CertificateItem {
        subject: Text::from(&cert.value.subject),
        not_before: Stamp(cert.value.not_before),
        not_after: Stamp(cert.value.not_after),
        expires_in_seconds: (cert.value.not_after - now).num_seconds(),
        observed_at: Stamp(cert.at),
    }
}

fn access_block(cluster: &Cluster, now: DateTime<Utc>) -> AccessBlock {
    let path = told_path(cluster);
    let end = credential_end(cluster);
    AccessBlock {
        identity: path.map(|p| Text::from(&p.identity)),
        method: path.map(|p| p.method.as_str()),
        state: access_state(cluster, end, now),
        expires_at: end.map(Stamp),
        expires_in_seconds: end.map(|e| (e - now).num_seconds()),
        insecure: path.map(|p| p.insecure),
        proxy: path.and_then(|p| p.proxy.as_ref()).map(Text::from),
        impersonates: path.and_then(|p| p.impersonates.as_ref()).map(Text::from),
    }
}

fn access_state(cluster: &Cluster, end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> AccessState {
    let refused = cluster.signals.unreachable.as_ref().is_some_and(|f| f.code.is_sign_in());
    if end.is_some_and(|e| e <= now) {
        AccessState::Expired
    } else if refused {
        AccessState::Refused
    } else if cluster.is_live() {
        AccessState::Ok
    } else {
        AccessState::Unknown
    }
}

fn attempts_block(cluster: &Cluster) -> AttemptsBlock {
    let attempts = &cluster.signals.attempts;
    AttemptsBlock {
        phase_since: attempts.phase_since.map(Stamp),
        failed_in_a_row: attempts.failed_in_a_row,
        failing_since: attempts.failing_since.map(Stamp),
        next_at: attempts.next_at.map(Stamp),
        last_success_at: attempts.last_success.map(Stamp),
    }
}
