//! Who a cluster is: why its sources are one cluster, where they contradict each other, and the ways to it.

use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{Stamp, Text, sighting};
use crate::fleet::{AccessPath, Cluster, Conflict, MergeLink};

/// Who a cluster is and how it came to be one row. Where it was learned of stands in the cluster's `sources`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityBlock {
    /// UID of the `kube-system` namespace, as it was seen or as a source says it.
    pub uid: Option<Text>,
    /// Since when no source has known the cluster any more; `null` while one does.
    pub gone_at: Option<Stamp>,
    /// Whether it hosts one of the sources.
    pub hosts_source: bool,
    /// The ways to it, the preferred one first.
    pub paths: Vec<PathItem>,
    /// Why its sources are one cluster.
    pub merges: Vec<MergeItem>,
    /// Where they contradict each other.
    pub conflicts: Vec<ConflictItem>,
    /// Where values come from, where more than one place could have said them.
    pub provenance: Vec<ProvenanceItem>,
}

/// A way to a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PathItem {
    /// The sighting that told of it, as `clusters prefer` takes it: `source:reference`.
    pub sighting: Text,
    /// Whether it is the one that is used.
    pub used: bool,
    /// Whether it is for emergencies only and never chosen by the program itself.
    pub break_glass: bool,
    /// The hub through which requests go.
    pub via: Option<Text>,
    /// Who one signs in as.
    pub identity: Text,
    /// How.
    pub method: &'static str,
    /// The server's URL, without credentials.
    pub server: Option<Text>,
    /// Whether the server's certificate is not checked.
    pub insecure: bool,
    /// The proxy named in the entry, without credentials.
    pub proxy: Option<Text>,
    /// The user that requests impersonate.
    pub impersonates: Option<Text>,
    /// When the credential that is written in the entry ends.
    pub expires_at: Option<Stamp>,
}

/// Why one sighting joined another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MergeItem {
    /// The one that was there.
    pub first: Text,
    /// The one that joined it.
    pub second: Text,
    /// `decision`, `uid`, `server-and-authority` or `server`.
    pub by: &'static str,
    /// The value that they share.
    pub value: Text,
}

/// A field that sources say different things of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConflictItem {
    /// The field.
    pub field: Text,
    /// Who says what; the first one was taken.
    pub values: Vec<SaidItem>,
}

/// Who says what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SaidItem {
    /// The sighting.
    pub sighting: Text,
    /// What it says.
    pub value: Text,
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProvenanceItem {
    /// The field: `name`, `region`, `label.env`.
    pub field: Text,
    /// Who says it: a sighting, a place in a file, `you`.
    pub from: Text,
}

/// Who `cluster` is.
pub(super) fn identity_block(cluster: &Cluster) -> IdentityBlock {
    let entry = &cluster.entry;
    let used = used_path(cluster);
    IdentityBlock {
        uid: uid(cluster),
        gone_at: entry.gone_at.map(Stamp),
        hosts_source: entry.hosts_source,
        paths: entry.paths.iter().map(|p| path_item(p, used.is_some_and(|u| std::ptr::eq(u, p)))).collect(),
        merges: entry.merges.iter().map(MergeItem::from).collect(),
        conflicts: entry.conflicts.iter().map(ConflictItem::from).collect(),
        provenance: entry
            .provenance
            .iter()
            .map(|p| ProvenanceItem { field: Text::from(&p.field), from: Text::from(&p.from) })
            .collect(),
    }
}

/// UID of `kube-system`: as it was seen, else as a source says it.
pub(super) fn uid(cluster: &Cluster) -> Option<Text> {
    cluster.signals.identity.value().or(cluster.entry.uid.as_ref()).map(Text::from)
}

/// The path whose server, identity and credential are told of a cluster. One that is for emergencies only is told where there
/// is no other; it is not used.
pub(super) fn told_path(cluster: &Cluster) -> Option<&AccessPath> {
    used_path(cluster).or_else(|| cluster.entry.paths.first())
}

fn used_path(cluster: &Cluster) -> Option<&AccessPath> {
    cluster.path()
}

fn path_item(path: &AccessPath, used: bool) -> PathItem {
    PathItem {
        sighting: sighting(&path.sighting),
        used,
        break_glass: path.break_glass,
        via: path.via.as_ref().map(Text::from),
        identity: Text::from(&path.identity),
        method: path.method.as_str(),
        server: path.server.as_ref().map(Text::from),
        insecure: path.insecure,
        proxy: path.proxy.as_ref().map(Text::from),
        impersonates: path.impersonates.as_ref().map(Text::from),
        expires_at: path.expires_at.map(Stamp),
    }
}

impl From<&MergeLink> for MergeItem {
    fn from(link: &MergeLink) -> Self {
        Self {
            first: sighting(&link.first),
            second: sighting(&link.second),
            by: link.by.as_str(),
            value: Text::from(&link.value),
        }
    }
}

impl From<&Conflict> for ConflictItem {
    fn from(conflict: &Conflict) -> Self {
        let said = |(from, value): &(crate::fleet::SightingId, crate::fleet::CleanText)| SaidItem {
            sighting: sighting(from),
            value: Text::from(value),
        };
        Self { field: Text::from(&conflict.field), values: conflict.values.iter().map(said).collect() }
    }
}
