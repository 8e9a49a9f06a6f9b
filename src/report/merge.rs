//! The document about which sources describe one cluster: `MergeReview`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::identity::{ConflictItem, MergeItem, uid};
use super::item::SourceLink;
use super::wire::{API_VERSION, SCHEMA_VERSION, Stamp, Text, Tool, document, sighting};
use crate::fleet::{Apart, Fleet, SightingId};

document! {
    /// Which sightings are one cluster and which are not, with the reasons.
    MergeReview {
        /// How many sightings there are.
        sightings: usize,
        /// How many clusters they are.
        clusters: usize,
        /// The clusters of more than one sighting.
        united: Vec<UnitedItem>,
        /// What looks like one cluster and was kept apart.
        apart: Vec<ApartItem>,
    }
}

/// A cluster of more than one sighting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnitedItem {
    /// Its name.
    pub name: Text,
    /// UID of its `kube-system` namespace.
    pub uid: Option<Text>,
    /// The sightings, the weightiest first.
    pub sources: Vec<SourceLink>,
    /// Why they are one.
    pub merges: Vec<MergeItem>,
    /// Where they contradict each other.
    pub conflicts: Vec<ConflictItem>,
}

/// Two sightings that were kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApartItem {
    /// `SAME_UID_OTHER_NODES`, `SAME_SERVER_OTHER_AUTHORITY`, `SAME_NAME`, `SPLIT`.
    pub code: &'static str,
    /// One.
    pub first: Text,
    /// Its cluster.
    pub first_cluster: Option<Text>,
    /// The other.
    pub second: Text,
    /// Its cluster.
    pub second_cluster: Option<Text>,
    /// Why.
    pub why: Text,
}

/// Which sightings of `fleet` are one cluster.
pub fn merge_review(fleet: &Fleet, now: DateTime<Utc>, tool: Tool) -> MergeReview {
    let united = fleet.clusters.iter().filter(|c| c.entry.sources.len() > 1);
    MergeReview {
        api_version: API_VERSION,
        kind: "MergeReview",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        sightings: fleet.clusters.iter().map(|c| c.entry.sources.len()).sum(),
        clusters: fleet.clusters.len(),
        united: united
            .map(|c| UnitedItem {
                name: Text::from(c.key().as_str()),
                uid: uid(c),
                sources: c.entry.sources.iter().map(SourceLink::from).collect(),
                merges: c.entry.merges.iter().map(MergeItem::from).collect(),
                conflicts: c.entry.conflicts.iter().map(ConflictItem::from).collect(),
            })
            .collect(),
        apart: fleet.apart.iter().map(|a| apart_item(fleet, a)).collect(),
    }
}

fn apart_item(fleet: &Fleet, apart: &Apart) -> ApartItem {
    let cluster = |id: &SightingId| {
        let of = fleet.clusters.iter().find(|c| c.entry.sources.iter().any(|s| s.id() == *id));
        of.map(|c| Text::from(c.key().as_str()))
    };
    ApartItem {
        code: apart.code,
        first: sighting(&apart.first),
        first_cluster: cluster(&apart.first),
        second: sighting(&apart.second),
        second_cluster: cluster(&apart.second),
        why: Text::from(&apart.why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn united_rows_and_pairs_kept_apart_have_their_reasons() {
        let fleet = fixture::declared();
        let doc = merge_review(&fleet, fixture::now(), fixture::TOOL);
        assert_eq!((doc.sightings, doc.clusters), (7, 6));
        let united = &doc.united[0];
        assert_eq!((united.name.as_str(), united.sources.len()), ("prod-us-east-1", 2));
        assert_eq!(united.merges[0].by, "uid");
        assert_eq!(united.merges[0].second.as_str(), "hub-eu:fleet-system/us-east-1");
        let apart = &doc.apart[0];
        assert_eq!(apart.code, "SAME_SERVER_OTHER_AUTHORITY");
        assert_eq!(apart.first_cluster.as_ref().unwrap().as_str(), "stage-eu-2");
    }
}
