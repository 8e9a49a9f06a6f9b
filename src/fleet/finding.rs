//! Breaches: what is not as a class, a registry or plain sense wants it.

use chrono::{DateTime, Utc};

use super::{CleanText, ClusterKey, Origin};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing.
    Note,
    /// Not as it should be.
    Warning,
    /// A rule is broken.
    Error,
}

impl Weight {
    /// The word as JSON has it; SARIF has the same three.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable word: `NAME_PATTERN`, `BELOW_FLOOR`, `LABEL_MISSING` ...
    pub code: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// The cluster; `None` if it is about the fleet.
    pub cluster: Option<ClusterKey>,
    /// Its class.
    pub class: Option<CleanText>,
    /// Who has to act, as far as the fleet file says.
    pub owner: Option<CleanText>,
    /// What exactly: `label.team`, `kube-system/coredns`, a sighting.
    pub about: Option<CleanText>,
    /// What is wrong, a lowercase fragment.
    pub message: CleanText,
    /// What to do, a full sentence.
    pub hint: Option<CleanText>,
    /// The rule that is broken, in the fleet file.
    pub rule: Option<Origin>,
    /// When what it rests on was seen; `None` if it rests on what is written.
    pub seen_at: Option<DateTime<Utc>>,
}
