//! What one source says of one cluster, before anybody has compared it with what the others say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{AccessPath, CleanText, Origin, Problem, SightingId, SourceKind, Truth, Version};

/// Labels or properties: clean names and values.
pub type TextMap = Arc<BTreeMap<CleanText, CleanText>>;

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a source says of a cluster's health. Absent is not healthy: a source that says nothing has none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it is healthy. A heartbeat that is too old is [`Truth::Unknown`], whatever was said before.
    pub healthy: Truth,
    /// The word for it: a condition's type or reason, a state of the provider's.
    pub word: CleanText,
    /// The message that came with it.
    pub message: CleanText,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
}

/// A certificate that a source knows the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    /// Which: `kube-apiserver`, `etcd`, `ca`.
    pub name: CleanText,
    /// Its end.
    pub at: DateTime<Utc>,
}

/// Something a provider says about an upgrade of a cluster: an insight, a recommendation, a blocked release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInsight {
    /// The provider's own word or id.
    pub code: CleanText,
    /// Whether the provider says that it stands in the way of the next upgrade.
    pub blocks: bool,
    /// For people.
    pub message: CleanText,
}

/// What a source says of a cluster besides who it is and how to get there. Everything may be unknown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// The control plane's version; `None` also if the text is no version.
    pub version: Option<Version>,
    /// The version as the source writes it, `1.35`, `v1.34.6+rke2r1`.
    pub version_text: Option<CleanText>,
    /// The version that the source wants, where it differs.
    pub wanted_version: Option<Version>,
    /// The end of the provider's own standard support, where it says so.
    pub support_ends: Option<DateTime<Utc>>,
    /// The provider or distribution: `eks`, `rke2`.
    pub provider: Option<CleanText>,
    /// The region.
    pub region: Option<CleanText>,
    /// Account, subscription or project.
    pub account: Option<CleanText>,
    /// Nodes: ready and all.
    pub nodes: Option<(usize, usize)>,
    /// Health.
    pub health: Option<Health>,
    /// The source's own word for the phase of the cluster's life: `Provisioned`, `ACTIVE`, `Deleting`.
    pub phase: Option<CleanText>,
    /// Whether whoever manages it has been told to leave it alone.
    pub paused: bool,
    /// When the cluster last reported to the source.
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// After how many seconds without a report it counts as lost.
    pub heartbeat_seconds: Option<u32>,
    /// Ends of certificates.
    pub certificates: Vec<CertificateEnd>,
    /// What the provider says of upgrades.
    pub insights: Vec<ProviderInsight>,
    /// The source says that the cluster itself no longer exists; what is left is its membership.
    pub ghost: bool,
}

/// What one source says of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The source and the name there.
    pub id: SightingId,
    /// The kind of the source.
    pub kind: SourceKind,
    /// Where in the source.
    pub origin: Option<Origin>,
    /// The name for people.
    pub name: CleanText,
    /// UID of the cluster's `kube-system` namespace, if the source says it.
    pub uid: Option<CleanText>,
    /// The API server's URL in normal form: scheme, host in lower case, port always written, path without a trailing slash. No
    /// credentials, no query.
    pub server: Option<CleanText>,
    /// Whether `server` is a front that many clusters share (a proxy of a hub), so that its certificate and its host say
    /// nothing about the cluster. Its path does.
    pub fronted: bool,
    /// The certificates that are trusted to have signed the server's.
    pub authorities: Vec<Fingerprint>,
    /// How to get there, for people; `None` if the source does not say. Whoever reads the source keeps what is needed to dial.
    pub path: Option<AccessPath>,
    /// Labels.
    pub labels: TextMap,
    /// Properties: cluster claims, ClusterProfile properties, inventory variables.
    pub properties: TextMap,
    /// Everything else.
    pub facts: Facts,
    /// When the source last said so.
    pub said_at: DateTime<Utc>,
    /// Since when the source has known it no longer: a tombstone.
    pub gone_at: Option<DateTime<Utc>>,
    /// Whether this cluster hosts the source itself (Rancher's `local`, Argo CD's in-cluster, a hub that joined itself).
    pub hosts_source: bool,
    /// What is wrong with what the source says.
    pub problems: Vec<Problem>,
}

impl Sighting {
    /// A sighting of which only the names are known.
    pub fn new(kind: SourceKind, id: SightingId, name: CleanText, said_at: DateTime<Utc>) -> Self {
        Self {
            id,
            kind,
            origin: None,
            name,
            uid: None,
            server: None,
            fronted: false,
            authorities: Vec::new(),
            path: None,
            labels: TextMap::default(),
            properties: TextMap::default(),
            facts: Facts::default(),
            said_at,
            gone_at: None,
            hosts_source: false,
            problems: Vec::new(),
        }
    }

    /// Where its path leads, as far as it is said: the server that is dialled, the server that is meant, and who may have signed
    /// for it. Two texts that differ may be two clusters, though the sighting has kept its name.
    pub fn place(&self) -> CleanText {
        let dialled = self.path.as_ref().and_then(|path| path.server.as_ref());
        let servers = [dialled, self.server.as_ref()].map(|s| s.map_or("-", CleanText::as_str)).join(" ");
        let signers: Vec<String> = self.authorities.iter().map(ToString::to_string).collect();
        CleanText::with_cap(&format!("{servers} {}", signers.join(" ")), usize::MAX)
    }
}

/// What was seen of a cluster over one sighting's access path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// UID of `kube-system`.
    pub uid: CleanText,
    /// Names of some of its nodes, sorted; empty if they may not be listed.
    pub nodes: Vec<CleanText>,
    /// Where the sighting led then ([`Sighting::place`]). What was seen says nothing of a path that leads elsewhere since.
    pub place: CleanText,
    /// When.
    pub at: DateTime<Utc>,
}
