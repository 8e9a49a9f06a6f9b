//! Which sightings are one cluster: a union-find that refuses contradictions.
//!
//! Links are taken in the order of their strength, each kind over an index, so that the work grows with the number of sightings and
//! not with its square. Within a kind the order is that of the sightings' weight and names, never that in which they came.

use std::collections::{HashMap, HashSet};

use super::Apart;
use super::against::{Against, Group, Known};
use crate::fleet::{CleanText, DecisionIndex, Fingerprint, MergeBy, MergeLink, SightingId, SourceKind};

/// How many groups of look-alikes a sighting is compared with. More than a few mean that what they share says nothing.
const MOST_GROUPS: usize = 32;
/// How many members of a bucket are looked at to find the nearest group.
const MOST_NEIGHBOURS: usize = 256;

/// What sightings may have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Share<'a> {
    Uid(&'a str),
    Authority(&'a str, &'a Fingerprint),
    /// A server that means another machine to everybody: all authorities must be the same.
    Authorities(&'a str, &'a [Fingerprint]),
    Server(&'a str),
    /// The same, as one source means it.
    ServerOf(&'a str, &'a CleanText),
}

impl Share<'_> {
    fn by(&self) -> MergeBy {
        match self {
            Self::Uid(_) => MergeBy::Uid,
            Self::Authority(..) | Self::Authorities(..) => MergeBy::ServerAndAuthority,
            Self::Server(_) | Self::ServerOf(..) => MergeBy::Server,
        }
    }

    /// For people.
    fn value(&self) -> CleanText {
        match self {
            Self::Uid(uid) => CleanText::new(uid),
            Self::Authority(server, ca) => CleanText::new(&format!("{server} signed by {ca}")),
            Self::Authorities(server, cas) => match cas.first() {
                Some(ca) => CleanText::new(&format!("{server} signed by {ca}")),
                None => CleanText::new(server),
            },
            Self::Server(server) => CleanText::new(server),
            Self::ServerOf(server, source) => CleanText::new(&format!("{server} in {source}")),
        }
    }
}

/// Sets of sightings in the making.
pub(super) struct Union<'a> {
    known: &'a [Known<'a>],
    parent: Vec<usize>,
    groups: Vec<Group<'a>>,
    split: Vec<bool>,
    links: Vec<(usize, MergeLink)>,
    apart: Vec<Apart>,
    told: HashSet<(usize, usize)>,
}

/// What became of them.
pub(super) struct United {
    /// For each sighting, one that stands for its set.
    pub(super) root: Vec<usize>,
    /// Why they were joined, with one of the sightings.
    pub(super) links: Vec<(usize, MergeLink)>,
    /// What was not.
    pub(super) apart: Vec<Apart>,
}

/// Finds out which sightings are one. `known` is in the order of weight, those that are gone last.
pub(super) fn united<'a>(known: &'a [Known<'a>], decided: &DecisionIndex<'_>) -> United {
    let mut union = Union {
        known,
        parent: (0..known.len()).collect(),
        groups: known.iter().enumerate().map(|(at, k)| Group::of(at, k)).collect(),
        split: known.iter().map(|k| decided.is_split(&k.sighting.id)).collect(),
        links: Vec::new(),
        apart: Vec::new(),
        told: HashSet::new(),
    };
    union.by_decisions(decided);
    let mut spent = vec![false; known.len()];
    union.by_share(shared_uid, &mut spent);
    union.by_share(shared_authorities, &mut spent);
    union.by_share(shared_server, &mut spent);
    union.by_declaration();
    let root = (0..known.len()).map(|at| union.find(at)).collect();
    United { root, links: union.links, apart: union.apart }
}

fn shared_uid<'a>(known: &'a Known<'a>) -> Vec<Share<'a>> {
    known.uid.map(Share::Uid).into_iter().collect()
}

fn shared_authorities<'a>(known: &'a Known<'a>) -> Vec<Share<'a>> {
    let Some(server) = &known.server else { return Vec::new() };
    if known.local {
        let all = Some(known.authorities).filter(|a| !a.is_empty());
        return all.map(|all| Share::Authorities(server.as_str(), all)).into_iter().collect();
    }
    known.authorities.iter().map(|one| Share::Authority(server.as_str(), one)).collect()
}

fn shared_server<'a>(known: &'a Known<'a>) -> Vec<Share<'a>> {
    let share = |server: &'a CleanText| {
        if known.local {
            Share::ServerOf(server.as_str(), &known.sighting.id.source)
        } else {
            Share::Server(server.as_str())
        }
    };
    known.server.as_ref().map(share).into_iter().collect()
}

impl<'a> Union<'a> {
    fn find(&mut self, mut at: usize) -> usize {
        loop {
            let up = self.parent.get(at).copied().unwrap_or(at);
            if up == at {
                return at;
            }
            let above = self.parent.get(up).copied().unwrap_or(up);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = above;
            }
            at = above;
        }
    }

    /// Joins two, or says what speaks against it. `Ok(false)`: they were one already.
    fn join(&mut self, first: usize, second: usize, decided: bool) -> Result<bool, Against> {
        let (a, b) = (self.find(first), self.find(second));
        if a == b {
            return Ok(false);
        }
        let (Some(mine), Some(theirs)) = (self.groups.get(a), self.groups.get(b)) else { return Ok(false) };
        if let Some(against) = mine.against(theirs, self.known, decided) {
            return Err(against);
        }
        let (keep, give) = if mine.size < theirs.size { (b, a) } else { (a, b) };
        let given = self.groups.get_mut(give).map(std::mem::take).unwrap_or_default();
        if let Some(kept) = self.groups.get_mut(keep) {
            kept.take_in(given);
        }
        if let Some(slot) = self.parent.get_mut(give) {
            *slot = keep;
        }
        Ok(true)
    }

    fn link(&mut self, first: usize, second: usize, by: MergeBy, value: CleanText) {
        if let Some((first_id, second_id)) = self.id(first).zip(self.id(second)) {
            self.links.push((first, MergeLink { first: first_id, second: second_id, by, value }));
        }
    }

    fn id(&self, at: usize) -> Option<SightingId> {
        self.known.get(at).map(|k| k.sighting.id.clone())
    }

    /// Tells once of two that were kept apart.
    fn tell(&mut self, code: &'static str, first: usize, second: usize, why: &str) {
        if self.told.insert((first.min(second), first.max(second)))
            && let Some((first, second)) = self.id(first).zip(self.id(second))
        {
            self.apart.push(Apart { code, first, second, why: CleanText::new(why) });
        }
    }

    fn by_decisions(&mut self, decided: &DecisionIndex<'_>) {
        if decided.merges().is_empty() {
            return;
        }
        let mut at: HashMap<&SightingId, usize> = HashMap::new();
        for (place, known) in self.known.iter().enumerate() {
            at.entry(&known.sighting.id).or_insert(place);
        }
        for (first, second, who) in decided.merges() {
            let (Some(first), Some(second)) = (at.get(*first).copied(), at.get(*second).copied()) else {
                continue;
            };
            match self.join(first, second, true) {
                Ok(true) => self.link(first, second, MergeBy::Decision, (*who).clone()),
                Ok(false) => {}
                Err(_) => {
                    let why = format!("{who} said that they are one, but their kube-system UIDs differ");
                    self.tell("DECISION_OTHER_UID", first, second, &why);
                }
            }
        }
    }

    /// Joins what has something in common, bucket by bucket.
    fn by_share(&mut self, shares: fn(&'a Known<'a>) -> Vec<Share<'a>>, told: &mut [bool]) {
        let known = self.known;
        let mut buckets: HashMap<Share<'a>, Vec<usize>> = HashMap::with_capacity(known.len());
        let mut order = Vec::new();
        for (at, one) in known.iter().enumerate() {
            for share in shares(one) {
                let bucket = buckets.entry(share).or_default();
                if bucket.is_empty() {
                    order.push(share);
                }
                bucket.push(at);
            }
        }
        for share in order {
            if let Some(bucket) = buckets.get(&share).filter(|b| b.len() > 1) {
                self.settle(share, bucket, told);
            }
        }
    }

    /// Joins the members of one bucket, each to the nearest group that it does not contradict.
    fn settle(&mut self, share: Share<'_>, bucket: &[usize], told: &mut [bool]) {
        let is_split = |at: &usize| self.split.get(*at).copied().unwrap_or(false);
        let (split, mut members): (Vec<usize>, Vec<usize>) = bucket.iter().copied().partition(is_split);
        // Who was seen comes first: the others then join whom they are nearest to.
        if matches!(share, Share::Uid(_)) {
            members.sort_by_key(|at| self.known.get(*at).is_none_or(|k| k.seen.is_none()));
        }
        let mut fronts: Vec<usize> = Vec::new();
        for (done, member) in members.iter().copied().enumerate() {
            let root = self.find(member);
            if fronts.iter().take(MOST_GROUPS).any(|f| self.find(*f) == root) {
                continue;
            }
            let mut candidates: Vec<usize> = fronts.iter().take(MOST_GROUPS).copied().collect();
            if candidates.len() > 1 && matches!(share, Share::Uid(_)) {
                let placed = members.get(..done.min(MOST_NEIGHBOURS)).unwrap_or_default();
                self.nearest_first(member, placed, &mut candidates);
            }
            let mut refused = None;
            let mut joined = false;
            for front in candidates {
                match self.join(front, member, false) {
                    Ok(new) => {
                        if new {
                            self.link(front, member, share.by(), share.value());
                        }
                        joined = true;
                        break;
                    }
                    Err(against) => {
                        refused.get_or_insert(against);
                    }
                }
            }
            if !joined {
                fronts.push(member);
                if let Some(against) = refused {
                    self.explain(share, against);
                }
            }
        }
        self.tell_split(&split, members.first().copied(), told);
    }

    fn nearest_first(&mut self, member: usize, placed: &[usize], candidates: &mut [usize]) {
        let Some(me) = self.known.get(member) else { return };
        let mut nearest: HashMap<usize, u8> = HashMap::new();
        for other in placed {
            let Some(distance) = self.known.get(*other).map(|k| k.distance(me)) else { continue };
            let root = self.find(*other);
            nearest.entry(root).and_modify(|d| *d = distance.min(*d)).or_insert(distance);
        }
        let roots: HashMap<usize, usize> = candidates.iter().map(|c| (*c, self.find(*c))).collect();
        candidates.sort_by_key(|c| roots.get(c).and_then(|r| nearest.get(r)).copied().unwrap_or(u8::MAX));
    }

    fn explain(&mut self, share: Share<'_>, against: Against) {
        let value = share.value();
        match against {
            Against::Nodes(a, b) => {
                let why = format!(
                    "the kube-system UID {value} was seen on other nodes behind another server: a restored or cloned etcd"
                );
                self.tell("SAME_UID_OTHER_NODES", a, b, &why);
            }
            Against::Uid(a, b) => {
                let why = format!("the same server {value}, but their kube-system UIDs differ");
                self.tell("SAME_SERVER_OTHER_UID", a, b, &why);
            }
            // What is local to everybody is not expected to be the same.
            Against::Authority(..) if matches!(share, Share::ServerOf(..)) => {}
            Against::Authority(a, b) => {
                let why = format!("the same server {value}, but signed by other authorities");
                self.tell("SAME_SERVER_OTHER_AUTHORITY", a, b, &why);
            }
        }
    }

    /// Tells of each sighting that a person has split off, once, by the strongest of its likenesses.
    fn tell_split(&mut self, split: &[usize], other: Option<usize>, told: &mut [bool]) {
        for (i, at) in split.iter().copied().enumerate() {
            let other = other.or_else(|| i.checked_sub(1).and_then(|before| split.get(before).copied()));
            let Some(other) = other else { continue };
            let first_time = told.get_mut(at).is_some_and(|told| !std::mem::replace(told, true));
            if first_time && self.find(at) != self.find(other) {
                self.tell("SPLIT", other, at, "they look the same, and a person has said that they are not");
            }
        }
    }

    /// A cluster that a person has declared by its name alone is the one of that name, if there is only one.
    fn by_declaration(&mut self) {
        let says_who = |k: &Known<'_>| k.uid.is_some() || k.server.is_some() || k.sighting.path.is_some();
        let known = self.known;
        let mut declared: Vec<usize> = Vec::new();
        let mut named: HashMap<&CleanText, HashMap<usize, usize>> = HashMap::new();
        for (at, k) in known.iter().enumerate() {
            let bare = k.sighting.kind == SourceKind::Static && !says_who(k);
            if bare && self.group_size(at) == 1 && !self.split.get(at).copied().unwrap_or(false) {
                declared.push(at);
            } else {
                let root = self.find(at);
                named.entry(&k.sighting.name).or_default().entry(root).or_insert(at);
            }
        }
        for at in declared {
            let Some(k) = known.get(at) else { continue };
            let name = &k.sighting.name;
            let only = named.get(name).filter(|groups| groups.len() == 1);
            let Some(first) = only.and_then(|groups| groups.values().next()).copied() else { continue };
            if self.join(first, at, false) == Ok(true) {
                let value = CleanText::new(&format!("declared by the name {name}"));
                self.link(first, at, MergeBy::Decision, value);
            }
        }
    }

    fn group_size(&mut self, at: usize) -> usize {
        let root = self.find(at);
        self.groups.get(root).map_or(0, |g| g.size)
    }
}
