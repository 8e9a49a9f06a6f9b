//! What the sources say of a cluster, as it stands beside what was seen of it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{Stamp, Text, TruthWord};
use crate::fleet::{Cluster, Health};

/// What the sources say, the weightiest first in each part. Nothing here was seen by this program itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryBlock {
    /// When the newest of them said so.
    pub said_at: Option<Stamp>,
    /// Seconds since then.
    pub said_seconds_ago: Option<i64>,
    /// Their word for the phase of the cluster's life: `Provisioned`, `ACTIVE`.
    pub phase: Option<Text>,
    /// Its health.
    pub health: Option<HealthItem>,
    /// Whether whoever manages it has been told to leave it alone.
    pub paused: bool,
    /// Whether a source says that the cluster itself no longer exists.
    pub ghost: bool,
    /// When it last reported to a source.
    pub heartbeat_at: Option<Stamp>,
    /// After how many seconds without a report it counts as lost.
    pub heartbeat_seconds: Option<u32>,
    /// The version of the control plane, as the source writes it.
    pub version: Option<Text>,
    /// The version that the source wants, where it differs.
    pub wanted_version: Option<String>,
    /// The end of the provider's own standard support.
    pub support_ends: Option<Stamp>,
    /// The provider.
    pub provider: Option<Text>,
    /// The region.
    pub region: Option<Text>,
    /// Account, subscription or project.
    pub account: Option<Text>,
    /// Nodes that are ready.
    pub nodes_ready: Option<usize>,
    /// All nodes.
    pub nodes_total: Option<usize>,
    /// Ends of certificates.
    pub certificates: Vec<CertificateEndItem>,
    /// What the provider says of upgrades.
    pub insights: Vec<InsightItem>,
}

/// A cluster's health as a source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HealthItem {
    /// Whether it is healthy; `unknown` also if it has not reported for too long.
    pub healthy: TruthWord,
    /// The source's word for it.
    pub word: Text,
    /// The message that came with it.
    pub message: Text,
    /// Since when.
    pub since: Option<Stamp>,
}

/// The end of a certificate that a source knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateEndItem {
    /// Which: `kube-apiserver`, `etcd`, `ca`.
    pub name: Text,
    /// Its end.
    pub not_after: Stamp,
    /// Seconds until then; negative when past.
    pub expires_in_seconds: i64,
}

/// What a provider says about an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InsightItem {
    /// The provider's own word or id.
    pub code: Text,
    /// Whether it stands in the way of the next upgrade.
    pub blocks: bool,
    /// For people.
    pub message: Text,
}

/// What the sources say of `cluster`.
pub(super) fn registry_block(cluster: &Cluster, now: DateTime<Utc>) -> RegistryBlock {
    let (entry, facts) = (&cluster.entry, &cluster.entry.facts);
    RegistryBlock {
        said_at: entry.said_at.map(Stamp),
        said_seconds_ago: entry.said_at.map(|at| (now - at).num_seconds()),
        phase: facts.phase.as_ref().map(Text::from),
        health: facts.health.as_ref().map(health_item),
        paused: facts.paused,
        ghost: facts.ghost,
        heartbeat_at: facts.heartbeat_at.map(Stamp),
        heartbeat_seconds: facts.heartbeat_seconds,
        version: facts
            .version_text
            .as_ref()
            .map(Text::from)
            .or_else(|| facts.version.as_ref().map(|v| Text::from(v.to_string().as_str()))),
        wanted_version: facts.wanted_version.as_ref().map(ToString::to_string),
        support_ends: facts.support_ends.map(Stamp),
        provider: facts.provider.as_ref().map(Text::from),
        region: facts.region.as_ref().map(Text::from),
        account: facts.account.as_ref().map(Text::from),
        nodes_ready: facts.nodes.map(|(ready, _)| ready),
        nodes_total: facts.nodes.map(|(_, total)| total),
        certificates: facts
            .certificates
            .iter()
            .map(|c| CertificateEndItem {
                name: Text::from(&c.name),
                not_after: Stamp(c.at),
                expires_in_seconds: (c.at - now).num_seconds(),
            })
            .collect(),
        insights: facts
            .insights
            .iter()
            .map(|i| InsightItem {
                code: Text::from(&i.code),
                blocks: i.blocks,
                message: Text::from(&i.message),
            })
            .collect(),
    }
}

fn health_item(health: &Health) -> HealthItem {
    HealthItem {
        healthy: health.healthy.into(),
        word: Text::from(&health.word),
        message: Text::from(&health.message),
        since: health.since.map(Stamp),
    }
}
