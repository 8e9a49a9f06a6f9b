//! The document about what operators have decided: `DecisionList`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{API_VERSION, SCHEMA_VERSION, Stamp, Text, Tool, document, sighting};
use crate::fleet::{Cluster, Decision, Decisions, Fleet, Identity, Recorded};

document! {
    /// What operators have decided.
    DecisionList {
        /// The decisions, oldest first; a later one outweighs an earlier one.
        items: Vec<DecisionItem>,
    }
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionWord {
    /// The class of a cluster.
    Class,
    /// A change to a class of weaker protection was accepted.
    AcceptChange,
    /// A label.
    Label,
    /// Two sightings are one cluster.
    Merge,
    /// A sighting is a cluster of its own.
    Split,
    /// Merging or splitting is left to the rules again.
    Unsplit,
    /// The access path to prefer.
    Prefer,
    /// A tombstone is no longer shown.
    Forget,
}

impl DecisionWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::AcceptChange => "accept-change",
            Self::Label => "label",
            Self::Merge => "merge",
            Self::Split => "split",
            Self::Unsplit => "unsplit",
            Self::Prefer => "prefer",
            Self::Forget => "forget",
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecisionItem {
    /// What it is about.
    pub about: DecisionWord,
    /// The name of the cluster, if it is in the fleet now.
    pub cluster: Option<Text>,
    /// By what the cluster is found: `uid:..` or `at:source:reference`.
    pub identity: Option<Text>,
    /// The label.
    pub key: Option<Text>,
    /// The class, the label's value or the path; `null` where an earlier decision was taken back.
    pub value: Option<Text>,
    /// The sightings.
    pub sightings: Vec<Text>,
    /// When it was made.
    pub at: Stamp,
    /// By whom.
    pub who: Text,
    /// Why.
    pub reason: Option<Text>,
}

/// The decisions; names are those of `fleet`.
pub fn decision_list(decisions: &Decisions, fleet: &Fleet, now: DateTime<Utc>, tool: Tool) -> DecisionList {
    DecisionList {
        api_version: API_VERSION,
        kind: "DecisionList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        items: decisions.0.iter().map(|recorded| decision_item(recorded, fleet)).collect(),
    }
}

/// Whether `identity` means `cluster`.
pub fn is_identity_of(identity: &Identity, cluster: &Cluster) -> bool {
    let uids = cluster.entry.uid.iter().chain(cluster.signals.identity.value());
    uids.into_iter().any(|uid| Identity::of_uid(uid) == *identity)
        || cluster.entry.sources.iter().any(|s| Identity::of_sighting(&s.id()) == *identity)
}

fn decision_item(recorded: &Recorded, fleet: &Fleet) -> DecisionItem {
    let (about, identity, key, value, sightings) = parts(&recorded.decision);
    let is_meant = |cluster: &Cluster| match identity {
        Some(identity) => is_identity_of(identity, cluster),
        None => cluster.entry.sources.iter().any(|s| sightings.first() == Some(&sighting(&s.id()))),
    };
    DecisionItem {
        about,
        cluster: fleet.clusters.iter().find(|c| is_meant(c)).map(|c| Text::from(c.key().as_str())),
        identity: identity.map(|i| Text::from(i.as_str())),
        key,
        value,
        sightings,
        at: Stamp(recorded.at),
        who: Text::from(&recorded.who),
        reason: recorded.reason.as_ref().map(Text::from),
    }
}

type Parts<'a> = (DecisionWord, Option<&'a Identity>, Option<Text>, Option<Text>, Vec<Text>);

fn parts(decision: &Decision) -> Parts<'_> {
    match decision {
        Decision::Class { cluster, class } => {
            (DecisionWord::Class, Some(cluster), None, class.as_ref().map(Text::from), Vec::new())
        }
        Decision::AcceptChange { cluster, to } => {
            (DecisionWord::AcceptChange, Some(cluster), None, Some(Text::from(to)), Vec::new())
        }
        Decision::Label { cluster, key, value } => {
            let value = value.as_ref().map(Text::from);
            (DecisionWord::Label, Some(cluster), Some(Text::from(key)), value, Vec::new())
        }
        Decision::Prefer { cluster, path } => {
            (DecisionWord::Prefer, Some(cluster), None, path.as_ref().map(sighting), Vec::new())
        }
        Decision::Merge { first, second } => {
            (DecisionWord::Merge, None, None, None, vec![sighting(first), sighting(second)])
        }
        Decision::Split { sighting: id } => (DecisionWord::Split, None, None, None, vec![sighting(id)]),
        Decision::Unsplit { sighting: id } => (DecisionWord::Unsplit, None, None, None, vec![sighting(id)]),
        Decision::Forget { sighting: id } => (DecisionWord::Forget, None, None, None, vec![sighting(id)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::SightingId;
    use crate::report::fixture;

    #[test]
    fn decisions_name_the_cluster_that_they_are_about() {
        let id = SightingId { source: "/home/ana/.kube/config".into(), reference: "stage-eu-2".into() };
        let record = |decision| Recorded { decision, at: fixture::now(), who: "ana".into(), reason: None };
        let decisions = Decisions(vec![
            record(Decision::Label { cluster: Identity::of_sighting(&id), key: "team".into(), value: None }),
            record(Decision::Class {
                cluster: Identity::of_uid(&"9f1c6c1e-0000-4000-8000-0000000077aa".into()),
                class: Some("prod".into()),
            }),
            record(Decision::Split { sighting: id }),
            record(Decision::Class { cluster: Identity::from_text("uid:none"), class: None }),
        ]);
        let doc = decision_list(&decisions, &fixture::fleet(), fixture::now(), fixture::TOOL);
        let clusters: Vec<_> =
            doc.items.iter().map(|i| i.cluster.as_ref().map(ToString::to_string)).collect();
        assert_eq!(
            clusters,
            [Some("stage-eu-2".into()), Some("prod-ap-south-1".into()), Some("stage-eu-2".into()), None]
        );
        assert_eq!(doc.items[0].key.as_ref().unwrap().as_str(), "team");
        assert_eq!(doc.items[2].sightings[0].as_str(), "/home/ana/.kube/config:stage-eu-2");
    }
}
