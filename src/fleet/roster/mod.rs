//! From sightings to clusters: which of them are one, and what the sources together say.
//!
//! Two sightings are one cluster, in this order of strength: because a person said so; because the UID of `kube-system` is the same, as
//! a source says it or as it was seen over the sighting's path (KEP-2149); because server and signing authority are the
//! same; because the server's URL is the same and nothing speaks against it. Two UIDs, or authorities that have nothing in
//! common, speak against it, also through a third sighting: the weaker link is then dropped and told as [`Apart`].
//!
//! * The order of the sightings decides about nothing but the order of rows and which of several equal kubeconfig names is first.
//! * No sighting is lost or in two rows, except tombstones that a person has seen and wants to forget.
//! * A tombstone joins its row, but says nothing there while another source still knows the cluster; only its name stays, so that the
//!   row keeps its key.

mod against;
mod facts;
mod names;
mod paths;
mod says;
mod union;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    CleanText, ClusterKey, DecisionIndex, Decisions, Entry, Evidence, Identity, MergeLink, Sighting,
    SightingId, SourceRef,
};
use against::Known;

/// Two sightings that look like one cluster and were kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// A stable word: `SAME_UID_OTHER_NODES`, `SAME_SERVER_OTHER_UID`, `SAME_SERVER_OTHER_AUTHORITY`, `DECISION_OTHER_UID`, `SAME_NAME`,
    /// `SPLIT`.
    pub code: &'static str,
    /// One.
    pub first: SightingId,
    /// The other.
    pub second: SightingId,
    /// Why, for people.
    pub why: CleanText,
}

/// All clusters.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Roster {
    /// The clusters, in the order of their first sightings; keys are unique.
    pub entries: Vec<Entry>,
    /// What was kept apart.
    pub apart: Vec<Apart>,
    /// For each source, how many of its sightings are a row of their own or the first of one, and how many joined a row. Tombstones
    /// are not counted.
    pub counts: BTreeMap<CleanText, (usize, usize)>,
}

impl Roster {
    /// Which keys have become others since `before`: rows are the same if they have a sighting in common. So what was seen of a
    /// cluster can follow it to its new name.
    pub fn renamed(&self, before: &[Entry]) -> HashMap<ClusterKey, ClusterKey> {
        let mut now: HashMap<(&CleanText, &CleanText), &ClusterKey> = HashMap::new();
        for entry in &self.entries {
            now.extend(entry.sources.iter().map(|s| ((&s.name, &s.reference), &entry.key)));
        }
        let follow = |entry: &Entry| {
            let key = entry.sources.iter().find_map(|s| now.get(&(&s.name, &s.reference)))?;
            (**key != entry.key).then(|| (entry.key.clone(), (*key).clone()))
        };
        before.iter().filter_map(follow).collect()
    }
}

/// Makes clusters of sightings. The same sightings in the same order give the same clusters under the same keys.
#[expect(clippy::implicit_hasher, reason = "there is one kind of map in the fleet")]
pub fn unite(
    sightings: &[Arc<Sighting>],
    evidence: &HashMap<SightingId, Evidence>,
    decisions: &Decisions,
    now: DateTime<Utc>,
) -> Roster {
    let decided = decisions.index();
    let is_shown = |s: &Sighting| s.gone_at.is_none_or(|gone| !decided.is_forgotten(&s.id, gone));
    let mut known: Vec<Known<'_>> = sightings
        .iter()
        .enumerate()
        .filter(|(_, s)| is_shown(s))
        .map(|(order, s)| Known::new(s, order, evidence.get(&s.id)))
        .collect();
    known.sort_by(|a, b| canonical(a).cmp(&canonical(b)));
    let united = union::united(&known, &decided);

    let mut links: HashMap<usize, Vec<MergeLink>> = HashMap::new();
    for (at, link) in united.links {
        links.entry(united.root.get(at).copied().unwrap_or(at)).or_default().push(link);
    }
    let mut rows = rows(&known, &united.root);
    let is_gone = |r: &Row<'_>| r.members.iter().all(|k| k.sighting.gone_at.is_some());
    let namers: Vec<(bool, &Known<'_>)> =
        rows.iter().filter_map(|r| Some((is_gone(r), *r.members.first()?))).collect();
    let keys = names::keys(&namers);
    let mut roster = Roster { apart: united.apart, ..Roster::default() };
    for (row, key) in rows.iter_mut().zip(keys) {
        count(&mut roster.counts, &row.members);
        let links = links.remove(&row.root).unwrap_or_default();
        roster.entries.push(entry(&row.members, key, links, &decided, now));
    }
    same_names(&namers, &mut roster.apart);
    roster
}

/// An order that does not depend on which source was read first: live before gone, then weight, then names.
fn canonical<'a>(known: &'a Known<'_>) -> impl Ord + use<'a> {
    let s = known.sighting;
    (s.gone_at.is_some(), s.kind.rank(), &s.id, &known.server, &s.uid)
}

/// One row in the making.
struct Row<'a> {
    root: usize,
    /// In the order of weight.
    members: Vec<&'a Known<'a>>,
}

fn rows<'a>(known: &'a [Known<'a>], root: &[usize]) -> Vec<Row<'a>> {
    let mut members: HashMap<usize, Vec<&Known<'_>>> = HashMap::with_capacity(known.len());
    for (one, root) in known.iter().zip(root) {
        members.entry(*root).or_default().push(one);
    }
    let mut rows: Vec<(usize, Row<'_>)> = members
        .into_iter()
        .map(|(root, mut members)| {
            let first = members.iter().map(|k| k.order).min().unwrap_or(usize::MAX);
            members.sort_by(|a, b| a.weight().cmp(&b.weight()));
            (first, Row { root, members })
        })
        .collect();
    rows.sort_by_key(|(first, _)| *first);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn count(counts: &mut BTreeMap<CleanText, (usize, usize)>, members: &[&Known<'_>]) {
    let live = || members.iter().filter(|k| k.sighting.gone_at.is_none());
    let first = live().map(|k| k.order).min();
    for known in live() {
        let count = counts.entry(known.sighting.id.source.clone()).or_default();
        if Some(known.order) == first {
            count.0 += 1;
        } else {
            count.1 += 1;
        }
    }
}

fn entry(
    members: &[&Known<'_>],
    key: ClusterKey,
    links: Vec<MergeLink>,
    decided: &DecisionIndex<'_>,
    now: DateTime<Utc>,
) -> Entry {
    let name = members.first().map(|k| names::shown(&k.sighting.name)).unwrap_or_default();
    let mut entry = Entry { merges: links, ..Entry::new(key, name) };
    entry.sources = members.iter().map(|k| source(k.sighting)).collect();
    let live: Vec<&Known<'_>> = members.iter().filter(|k| k.sighting.gone_at.is_none()).copied().collect();
    let speaking = if live.is_empty() { members } else { live.as_slice() };
    if live.is_empty() {
        entry.gone_at = members.iter().filter_map(|k| k.sighting.gone_at).max();
    }
    if members.len() > 1
        && let Some(first) = members.first()
    {
        says::note(&mut entry, "name", first.whose());
        name_conflict(&mut entry, speaking);
    }
    entry.server = speaking.iter().find_map(|k| k.sighting.server.clone());
    facts::fill(&mut entry, members, speaking, now);
    let ids: Vec<Identity> = if decided.is_empty() { Vec::new() } else { entry.identities() };
    says::fill(&mut entry, speaking, decided, &ids, members.len() > 1);
    paths::fill(&mut entry, speaking, decided, &ids);
    entry
}

/// Different names in kubeconfigs and notes are everyday; registries that run or watch a cluster should agree.
fn name_conflict(entry: &mut Entry, speaking: &[&Known<'_>]) {
    let registries = speaking.iter().filter(|k| k.sighting.kind.is_registry() && !k.sighting.name.is_empty());
    let said = registries.map(|k| (k.sighting.id.clone(), k.sighting.name.clone())).collect();
    says::contradiction(entry, "name", said);
}

fn source(s: &Sighting) -> SourceRef {
    SourceRef {
        kind: s.kind,
        name: s.id.source.clone(),
        reference: s.id.reference.clone(),
        origin: s.origin.clone(),
        gone_at: s.gone_at,
    }
}

/// Rows that have the same name and are not the same cluster, each told against the first of that name.
fn same_names(namers: &[(bool, &Known<'_>)], apart: &mut Vec<Apart>) {
    let mut told: HashSet<(SightingId, SightingId)> = HashSet::new();
    for pair in apart.iter() {
        told.insert((pair.first.clone(), pair.second.clone()));
        told.insert((pair.second.clone(), pair.first.clone()));
    }
    let mut order = namers.to_vec();
    order.sort_by(|a, b| (a.0, a.1.weight()).cmp(&(b.0, b.1.weight())));
    let mut first_of: HashMap<&CleanText, &Known<'_>> = HashMap::new();
    for (_, known) in order {
        let Some(first) = first_of.get(&known.sighting.name).copied() else {
            first_of.insert(&known.sighting.name, known);
            continue;
        };
        let pair = (first.sighting.id.clone(), known.sighting.id.clone());
        if !told.contains(&pair) {
            let why = CleanText::new(&format!("the same name, {}", difference(first, known)));
            apart.push(Apart { code: "SAME_NAME", first: pair.0, second: pair.1, why });
        }
    }
}

fn difference(a: &Known<'_>, b: &Known<'_>) -> &'static str {
    if a.uid.is_some() && b.uid.is_some() && a.uid != b.uid {
        "but their kube-system UIDs differ"
    } else if a.server.is_some() && b.server.is_some() && a.server != b.server {
        "but other servers"
    } else if !a.authorities.is_empty() && !b.authorities.is_empty() {
        "but signed by other authorities"
    } else {
        "and nothing says that they are one cluster"
    }
}

#[cfg(test)]
mod tests;
