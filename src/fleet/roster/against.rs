//! What is known of a sighting that can tell two clusters apart, and when two groups of sightings cannot be one.

use std::cell::OnceCell;
use std::collections::HashSet;

use crate::fleet::server::{is_local, place};
use crate::fleet::{CleanText, Evidence, Fingerprint, Sighting, SourceKind, normal_server};

/// How many sightings with nodes of their own a group remembers. More of one UID are not told apart from each other.
const MOST_SEEN: usize = 64;

/// A sighting with what counts in comparing it.
pub(super) struct Known<'a> {
    /// The sighting.
    pub(super) sighting: &'a Sighting,
    /// Its place among those that were given.
    pub(super) order: usize,
    /// UID of `kube-system`, as the source says it, or else as it was seen.
    pub(super) uid: Option<&'a str>,
    /// What was seen over its path.
    pub(super) seen: Option<&'a Evidence>,
    /// The server, if its URL says anything about which cluster it is.
    pub(super) server: Option<CleanText>,
    /// Whether the server's host means another machine for everybody who reads it.
    pub(super) local: bool,
    /// The authorities that vouch for this cluster and no other.
    pub(super) authorities: &'a [Fingerprint],
    /// Who says what it says, for people.
    whose: OnceCell<CleanText>,
}

impl<'a> Known<'a> {
    pub(super) fn new(sighting: &'a Sighting, order: usize, seen: Option<&'a Evidence>) -> Self {
        let said = sighting.uid.as_ref().filter(|uid| !uid.is_empty());
        let uid = said.or(seen.map(|e| &e.uid).filter(|uid| !uid.is_empty())).map(CleanText::as_str);
        // What the source says of the server is about that one; a path may go through a hub all the same.
        let path = sighting.path.as_ref();
        let (told, fronted) = match &sighting.server {
            Some(server) => (Some(server), sighting.fronted),
            None => (
                path.and_then(|p| p.server.as_ref()),
                sighting.fronted || path.is_some_and(|p| p.via.is_some()),
            ),
        };
        let server = told.and_then(|s| normal_server(s.as_str()));
        let parts = server.as_ref().and_then(|s| place(s.as_str()));
        let local = parts.is_some_and(|p| is_local(p.host));
        let says_nothing = fronted && parts.is_none_or(|p| p.path.is_empty());
        Self {
            sighting,
            order,
            uid,
            seen,
            server: server.filter(|_| !says_nothing),
            local,
            authorities: if fronted { &[] } else { &sighting.authorities },
            whose: OnceCell::new(),
        }
    }

    /// Who says what it says, for people: a place in the fleet file, or the sighting.
    pub(super) fn whose(&self) -> CleanText {
        let told = || {
            let place = self.sighting.origin.as_ref().filter(|_| self.sighting.kind == SourceKind::Static);
            match place.and_then(|o| Some((o.path.file_name()?.to_str()?, o.line?))) {
                Some((file, line)) => CleanText::new(&format!("{file}:{line}")),
                None => CleanText::new(&self.sighting.id.to_string()),
            }
        };
        self.whose.get_or_init(told).clone()
    }

    /// Its weight: less is more. Kubeconfigs keep the order in which they were given, since the first of them counts, as with
    /// kubectl; everything else goes by its name, so that it does not matter which source answered first.
    pub(super) fn weight(&self) -> (u8, usize, &CleanText, &CleanText) {
        let s = self.sighting;
        let order = if s.kind == SourceKind::Kubeconfig { self.order } else { 0 };
        (s.kind.rank(), order, &s.id.source, &s.id.reference)
    }

    fn shares_authority(&self, other: &Self) -> bool {
        self.authorities.iter().any(|a| other.authorities.contains(a))
    }

    /// How near two sightings of one UID are: the less the nearer.
    pub(super) fn distance(&self, other: &Self) -> u8 {
        if self.server.is_some() && self.server == other.server {
            0
        } else if self.shares_authority(other) {
            1
        } else {
            2
        }
    }

    /// Whether the same UID was seen on other nodes behind another server that another authority vouches for: an etcd that was
    /// restored or cloned.
    fn is_clone_of(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (self.seen, other.seen) else { return false };
        !mine.nodes.is_empty()
            && !theirs.nodes.is_empty()
            && self.server != other.server
            && !self.shares_authority(other)
            && !mine.nodes.iter().any(|n| theirs.nodes.contains(n))
    }
}

/// Why two groups cannot be one, with the sighting of each that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Different UIDs.
    Uid(usize, usize),
    /// Authorities that have nothing in common.
    Authority(usize, usize),
    /// The same UID on other nodes.
    Nodes(usize, usize),
}

/// What the sightings of a group together say.
#[derive(Default)]
pub(super) struct Group<'a> {
    /// How many.
    pub(super) size: usize,
    /// The UID, and a sighting that has it.
    uid: Option<(usize, &'a str)>,
    /// All authorities, and a sighting that has some.
    authorities: HashSet<&'a Fingerprint>,
    vouched: Option<usize>,
    /// Sightings over whose paths nodes were seen.
    seen: Vec<usize>,
}

impl<'a> Group<'a> {
    pub(super) fn of(at: usize, known: &Known<'a>) -> Self {
        let authorities: HashSet<_> = known.authorities.iter().collect();
        let has_nodes = known.seen.is_some_and(|e| !e.nodes.is_empty());
        Self {
            size: 1,
            uid: known.uid.map(|uid| (at, uid)),
            vouched: (!authorities.is_empty()).then_some(at),
            authorities,
            seen: if has_nodes { vec![at] } else { Vec::new() },
        }
    }

    /// Takes the smaller of two groups into the larger.
    pub(super) fn take_in(&mut self, mut other: Self) {
        if other.size > self.size {
            std::mem::swap(self, &mut other);
        }
        self.size += other.size;
        self.uid = self.uid.or(other.uid);
        self.vouched = self.vouched.or(other.vouched);
        self.authorities.extend(other.authorities);
        let room = MOST_SEEN.saturating_sub(self.seen.len());
        self.seen.extend(other.seen.into_iter().take(room));
    }

    /// Why `self` and `other` cannot be one cluster; `None` if nothing speaks against it. A person's decision counts more than
    /// anything but two UIDs: those are two clusters, and whoever acted on the row would act on the wrong one.
    ///
    /// Authorities are compared by group, so that a bundle with an old and a new one joins those who know only one of them.
    pub(super) fn against(&self, other: &Self, known: &[Known<'_>], decided: bool) -> Option<Against> {
        let same_uid = match (self.uid, other.uid) {
            (Some((a, x)), Some((b, y))) if x != y => return Some(Against::Uid(a, b)),
            (Some(_), Some(_)) => true,
            _ => false,
        };
        if decided {
            return None;
        }
        if same_uid {
            return self.clones(other, known);
        }
        let (small, large) =
            if self.authorities.len() < other.authorities.len() { (self, other) } else { (other, self) };
        match (self.vouched, other.vouched) {
            (Some(a), Some(b)) if !small.authorities.iter().any(|f| large.authorities.contains(f)) => {
                Some(Against::Authority(a, b))
            }
            _ => None,
        }
    }

    /// One pair that was seen to be the same is enough: who was joined by a person stays joined when a third path turns up.
    fn clones(&self, other: &Self, known: &[Known<'_>]) -> Option<Against> {
        let mut found = None;
        for a in &self.seen {
            for b in &other.seen {
                match known.get(*a).zip(known.get(*b)) {
                    Some((mine, theirs)) if mine.is_clone_of(theirs) => {
                        found.get_or_insert(Against::Nodes(*a, *b));
                    }
                    _ => return None,
                }
            }
        }
        found
    }
}
