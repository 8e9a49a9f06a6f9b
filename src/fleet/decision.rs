//! What operators have decided about clusters: classes, labels, merges. Kept by whoever has a memory; here they are values.

use chrono::{DateTime, Utc};

use super::{CleanText, SightingId};

/// Something by which a cluster is found again when its name, its sources or its paths have changed: `uid:` and the UID of
/// `kube-system`, or `at:` and a sighting.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(CleanText);

impl Identity {
    /// By the UID of `kube-system`.
    pub fn of_uid(uid: &CleanText) -> Self {
        Self(CleanText::with_cap(&format!("uid:{uid}"), usize::MAX))
    }

    /// By what a source calls it.
    pub fn of_sighting(id: &SightingId) -> Self {
        Self(CleanText::with_cap(&format!("at:{id}"), usize::MAX))
    }

    /// One that was written down before.
    pub fn from_text(text: &str) -> Self {
        Self(CleanText::with_cap(text, usize::MAX))
    }

    /// The text to write down.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The cluster is of that class: a guess accepted, or a class where no rule fits.
    Class {
        /// Which cluster.
        cluster: Identity,
        /// The class; `None` takes an earlier decision back.
        class: Option<CleanText>,
    },
    /// A change of its labels may take it to a class of weaker protection.
    AcceptChange {
        /// Which cluster.
        cluster: Identity,
        /// That class, as it was shown to the person.
        to: CleanText,
    },
    /// A label, over those of the sources.
    Label {
        /// Which cluster.
        cluster: Identity,
        /// The key.
        key: CleanText,
        /// The value; `None` takes an earlier decision back.
        value: Option<CleanText>,
    },
    /// Two sightings are one cluster.
    Merge {
        /// One.
        first: SightingId,
        /// The other.
        second: SightingId,
    },
    /// A sighting is a cluster of its own, whatever it looks like.
    Split {
        /// Which.
        sighting: SightingId,
    },
    /// Merging or splitting of a sighting is left to the rules again.
    Unsplit {
        /// Which.
        sighting: SightingId,
    },
    /// The access path to prefer; also the only way to one that is for emergencies.
    Prefer {
        /// Which cluster.
        cluster: Identity,
        /// The sighting that told of the path; `None` takes an earlier decision back.
        path: Option<SightingId>,
    },
    /// A tombstone has been seen and is no longer shown.
    Forget {
        /// Which.
        sighting: SightingId,
    },
}

/// A decision with who made it and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was decided.
    pub decision: Decision,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: the name of the operating system's user, or the place in a fleet file.
    pub who: CleanText,
    /// Why, if they said so.
    pub reason: Option<CleanText>,
}

/// All decisions, oldest first; where they contradict each other the later one counts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Decisions(pub Vec<Recorded>);
