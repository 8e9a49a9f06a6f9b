//! Decisions, indexed: what counts for one cluster, found without reading all of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::{CleanText, Decision, Decisions, Identity, Recorded, SightingId};

/// A decision with its place among all of them: the later one counts.
type Placed<'a> = (usize, &'a Recorded);

/// What was decided, by cluster and by sighting. Made once, asked often.
#[derive(Clone, Debug, Default)]
pub struct DecisionIndex<'a> {
    classes: HashMap<&'a Identity, Placed<'a>>,
    accepted: HashMap<&'a Identity, Placed<'a>>,
    labels: HashMap<&'a Identity, BTreeMap<&'a CleanText, Placed<'a>>>,
    preferred: HashMap<&'a Identity, Placed<'a>>,
    merges: Vec<(&'a SightingId, &'a SightingId, &'a CleanText)>,
    split: HashSet<&'a SightingId>,
    forgotten: HashMap<&'a SightingId, DateTime<Utc>>,
}

impl Decisions {
    /// Reads all of them once.
    pub fn index(&self) -> DecisionIndex<'_> {
        let mut index = DecisionIndex::default();
        let mut merges: Vec<Option<(&SightingId, &SightingId, &CleanText)>> = Vec::new();
        let mut merges_of: HashMap<&SightingId, Vec<usize>> = HashMap::new();
        for (place, recorded) in self.0.iter().enumerate() {
            let placed = (place, recorded);
            match &recorded.decision {
                Decision::Class { cluster, .. } => {
                    index.classes.insert(cluster, placed);
                }
                Decision::AcceptChange { cluster, .. } => {
                    index.accepted.insert(cluster, placed);
                }
                Decision::Label { cluster, key, .. } => {
                    index.labels.entry(cluster).or_default().insert(key, placed);
                }
                Decision::Prefer { cluster, .. } => {
                    index.preferred.insert(cluster, placed);
                }
                Decision::Merge { first, second } => {
                    merges_of.entry(first).or_default().push(merges.len());
                    merges_of.entry(second).or_default().push(merges.len());
                    merges.push(Some((first, second, &recorded.who)));
                }
                Decision::Split { sighting } | Decision::Unsplit { sighting } => {
                    for at in merges_of.remove(sighting).into_iter().flatten() {
                        if let Some(merge) = merges.get_mut(at) {
                            *merge = None;
                        }
                    }
                    if matches!(recorded.decision, Decision::Split { .. }) {
                        index.split.insert(sighting);
                    } else {
                        index.split.remove(sighting);
                    }
                }
                Decision::Forget { sighting } => {
                    let at = index.forgotten.entry(sighting).or_insert(recorded.at);
                    *at = recorded.at.max(*at);
                }
            }
        }
        index.merges = merges.into_iter().flatten().collect();
        index
    }
}

impl<'a> DecisionIndex<'a> {
    /// Whether nothing was decided about any cluster. Sightings may have been merged, split or forgotten all the same.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
            && self.accepted.is_empty()
            && self.labels.is_empty()
            && self.preferred.is_empty()
    }

    /// The class that a person gave the cluster, with the decision; `None` if nobody did or it was taken back.
    pub fn class(&self, cluster: &[Identity]) -> Option<(&'a CleanText, &'a Recorded)> {
        let recorded = latest(&self.classes, cluster)?;
        match &recorded.decision {
            Decision::Class { class: Some(class), .. } => Some((class, recorded)),
            _ => None,
        }
    }

    /// The newest acceptance of a change of the cluster's class, with the class that was accepted.
    pub fn accepted(&self, cluster: &[Identity]) -> Option<(&'a CleanText, &'a Recorded)> {
        let recorded = latest(&self.accepted, cluster)?;
        match &recorded.decision {
            Decision::AcceptChange { to, .. } => Some((to, recorded)),
            _ => None,
        }
    }

    /// The labels that people gave the cluster, in the order of their keys.
    pub fn labels(&self, cluster: &[Identity]) -> BTreeMap<&'a CleanText, (&'a CleanText, &'a Recorded)> {
        let mut newest: BTreeMap<&CleanText, Placed<'a>> = BTreeMap::new();
        for (key, placed) in cluster.iter().filter_map(|id| self.labels.get(id)).flatten() {
            let known = newest.entry(*key).or_insert(*placed);
            if placed.0 > known.0 {
                *known = *placed;
            }
        }
        let given = newest.into_iter().filter_map(|(key, (_, recorded))| match &recorded.decision {
            Decision::Label { value: Some(value), .. } => Some((key, (value, recorded))),
            _ => None,
        });
        given.collect()
    }

    /// The sighting whose access path a person prefers for the cluster.
    pub fn preferred(&self, cluster: &[Identity]) -> Option<(&'a SightingId, &'a Recorded)> {
        let recorded = latest(&self.preferred, cluster)?;
        match &recorded.decision {
            Decision::Prefer { path: Some(path), .. } => Some((path, recorded)),
            _ => None,
        }
    }

    /// Sightings that people said are one cluster, with who said so, oldest first. A later split of one of them has taken a merge back.
    pub fn merges(&self) -> &[(&'a SightingId, &'a SightingId, &'a CleanText)] {
        &self.merges
    }

    /// Whether a person has said that a sighting is a cluster of its own. It may still be merged by a later decision.
    pub fn is_split(&self, sighting: &SightingId) -> bool {
        self.split.contains(sighting)
    }

    /// Whether a tombstone of that time has been seen and is no longer to be shown.
    pub fn is_forgotten(&self, sighting: &SightingId, gone_at: DateTime<Utc>) -> bool {
        self.forgotten.get(sighting).is_some_and(|at| gone_at <= *at)
    }
}

fn latest<'a>(map: &HashMap<&'a Identity, Placed<'a>>, cluster: &[Identity]) -> Option<&'a Recorded> {
    cluster.iter().filter_map(|id| map.get(id)).max_by_key(|(place, _)| *place).map(|(_, recorded)| *recorded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::testing::now;
    use chrono::TimeDelta;

    fn id(reference: &str) -> SightingId {
        SightingId { source: "mgmt".into(), reference: reference.into() }
    }

    fn decisions(all: Vec<Decision>) -> Decisions {
        let record = |(i, decision)| Recorded {
            decision,
            at: now() + TimeDelta::seconds(i),
            who: "ana".into(),
            reason: None,
        };
        Decisions((0..).zip(all).map(record).collect())
    }

    fn by(reference: &str) -> Identity {
        Identity::of_sighting(&id(reference))
    }

    #[test]
    fn the_latest_decision_about_any_identity_of_a_cluster_counts() {
        let label = |cluster: &str, key: &str, value: Option<&str>| Decision::Label {
            cluster: by(cluster),
            key: key.into(),
            value: value.map(CleanText::new),
        };
        let class = |cluster: &str, class: Option<&str>| Decision::Class {
            cluster: by(cluster),
            class: class.map(CleanText::new),
        };
        let all = decisions(vec![
            label("a", "env", Some("prod")),
            label("b", "env", Some("dev")),
            label("a", "team", Some("pay")),
            label("b", "team", None),
            class("a", Some("prod")),
            class("b", Some("dev")),
            class("c", None),
            Decision::Prefer { cluster: by("a"), path: Some(id("x")) },
            Decision::AcceptChange { cluster: by("b"), to: "dev".into() },
        ]);
        let index = all.index();
        let both = [by("a"), by("b")];
        let labels: Vec<_> =
            index.labels(&both).into_iter().map(|(k, (v, _))| (k.as_str(), v.as_str())).collect();
        assert_eq!(labels, [("env", "dev")]);
        assert_eq!(index.labels(&[by("a")]).len(), 2);
        assert_eq!(index.class(&both).map(|(c, _)| c.as_str()), Some("dev"));
        assert_eq!(index.class(&[by("b"), by("c")]), None, "taken back");
        assert_eq!(index.preferred(&both).map(|(p, _)| p.clone()), Some(id("x")));
        assert_eq!(index.preferred(&[by("b")]), None);
        assert_eq!(
            index.accepted(&both).map(|(c, r)| (c.as_str(), r.at)),
            Some(("dev", now() + TimeDelta::seconds(8)))
        );
    }

    #[test]
    fn a_later_split_takes_merges_back_and_a_later_merge_stands() {
        let merge = |a: &str, b: &str| Decision::Merge { first: id(a), second: id(b) };
        let split = |a: &str| Decision::Split { sighting: id(a) };
        for (all, merges, split_now) in [
            (vec![merge("a", "b")], vec![("a", "b")], false),
            (vec![merge("a", "b"), split("a")], vec![], true),
            (vec![split("a"), merge("a", "b")], vec![("a", "b")], true),
            (vec![split("a"), Decision::Unsplit { sighting: id("a") }], vec![], false),
            (vec![merge("a", "b"), Decision::Unsplit { sighting: id("b") }], vec![], false),
            (vec![merge("a", "b"), merge("b", "c"), split("c")], vec![("a", "b")], false),
        ] {
            let all = decisions(all);
            let index = all.index();
            let found: Vec<_> =
                index.merges().iter().map(|(a, b, _)| (a.reference.as_str(), b.reference.as_str())).collect();
            assert_eq!((found, index.is_split(&id("a"))), (merges, split_now), "{all:?}");
        }
    }

    #[test]
    fn forgetting_is_about_the_tombstone_that_was_there() {
        let all = decisions(vec![Decision::Forget { sighting: id("a") }]);
        let index = all.index();
        assert!(index.is_forgotten(&id("a"), now()));
        assert!(!index.is_forgotten(&id("a"), now() + TimeDelta::seconds(1)), "gone again later");
        assert!(!index.is_forgotten(&id("b"), now()));
    }
}
