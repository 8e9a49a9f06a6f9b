//! Whether a cluster is ready for its next upgrade: the step, what stands in its way, who must act, by when.

mod addons;
mod apis;
mod blockers;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Almanac, CleanText, Cluster, Minor, Told, Version};

/// What a blocker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// The step must not be taken.
    Blocks,
    /// The step can be taken, with care.
    Warns,
    /// It is not known whether something stands in the way.
    Unknown,
}

impl Effect {
    /// The word as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::Unknown => "unknown",
        }
    }
}

/// The codes of blockers. They never change their meaning.
pub const BLOCKER_CODES: [&str; 14] = [
    "KUBELET_SKEW",
    "REMOVED_API",
    "DISRUPTION_BUDGET",
    "ADDON",
    "CERTIFICATE",
    "PROVIDER",
    "PAUSED",
    "FLOOR",
    "END_OF_LIFE",
    "NODES_NOT_READY",
    "UNREACHABLE",
    "NOT_INSPECTED",
    "NO_TARGET",
    "GONE",
];

/// Something in the way of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// A stable word, one of [`BLOCKER_CODES`].
    pub code: &'static str,
    /// What it does.
    pub effect: Effect,
    /// For people.
    pub message: CleanText,
    /// What to do, a full sentence.
    pub hint: Option<CleanText>,
    /// Who must act: the owner of the cluster, of a namespace, the provider.
    pub owner: Option<CleanText>,
    /// When what it rests on was seen.
    pub seen_at: Option<DateTime<Utc>>,
}

/// A cluster's next upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The version to go to next: the class's target, or one minor on the way there. `None` if it is where it should be, or
    /// if that is not known.
    pub next: Option<Version>,
    /// Every step to the target, the first of them `next`.
    pub hops: Vec<Version>,
    /// Whether kubelets must be upgraded before the control plane can take the step.
    pub kubelets_first: bool,
    /// What stands in the way, the worst first.
    pub blockers: Vec<Blocker>,
    /// The day by which it must have happened: the end of support of the present release, by the provider's calendar if that
    /// is known.
    pub by: Option<NaiveDate>,
}

impl Outlook {
    /// Whether something blocks the next step.
    pub fn is_blocked(&self) -> bool {
        self.blockers.iter().any(|b| b.effect == Effect::Blocks)
    }

    /// Whether everything is known that could block the next step.
    pub fn is_certain(&self) -> bool {
        self.blockers.iter().all(|b| b.effect != Effect::Unknown)
    }
}

/// Most minors between a cluster and its target; what is further away was hardly meant.
const MAX_HOPS: u16 = 32;

/// Works out the next upgrade of a cluster: towards its class's target, or else towards the newest release that is supported
/// where it runs, one minor at a time (<https://kubernetes.io/releases/version-skew-policy/>).
///
/// A cluster that is where it should be has neither a next version nor blockers. What could not be looked at is a blocker of
/// [`Effect::Unknown`], never nothing.
pub fn outlook(cluster: &Cluster, almanac: &Almanac, now: DateTime<Utc>) -> Outlook {
    let provider = cluster.provider();
    let mut outlook =
        Outlook { next: None, hops: Vec::new(), kubelets_first: false, blockers: Vec::new(), by: None };
    let version = cluster.told_version();
    outlook.by = version.and_then(|v| end_of_support(cluster, v.line, almanac, provider.as_ref()));
    let hops = match version {
        _ if cluster.entry.gone_at.is_some() => Err(blockers::gone(cluster)),
        None => Err(blockers::no_version(cluster)),
        Some(version) => hops(version, goal(cluster, almanac, provider.as_ref(), now))
            .map_err(|why| blockers::no_target(cluster, &why)),
    };
    match hops {
        Err(blocker) => outlook.blockers.push(blocker),
        Ok(hops) => {
            if let (Some(from), Some(next)) = (version, hops.first()) {
                let by = outlook.by;
                let step = blockers::Step { cluster, almanac, now, from, next, by, provider };
                (outlook.blockers, outlook.kubelets_first) = step.look();
                outlook.next = Some(next.clone());
            }
            outlook.hops = hops;
        }
    }
    outlook
}

/// Where a cluster is to go in the end: a release, and a patch of it if the class names one.
fn goal(
    cluster: &Cluster,
    almanac: &Almanac,
    provider: Option<&Told>,
    now: DateTime<Utc>,
) -> Option<(Minor, Option<u16>)> {
    cluster.target().or_else(|| almanac.newest_supported(provider, now).map(|minor| (minor, None)))
}

/// The last day on which a cluster's release is supported: as its source says of this very cluster, or by a calendar.
fn end_of_support(
    cluster: &Cluster,
    line: Minor,
    almanac: &Almanac,
    provider: Option<&Told>,
) -> Option<NaiveDate> {
    let said = cluster.entry.facts.support_ends.map(|end| end.date_naive());
    said.or_else(|| almanac.end_of_support(line, provider).map(|(end, _)| end))
}

/// Every step from a version to the goal; none if it is there or beyond. The error is a lowercase fragment.
fn hops(from: &Version, goal: Option<(Minor, Option<u16>)>) -> Result<Vec<Version>, String> {
    let Some((line, patch)) = goal else {
        return Err("its class has no target, and no supported release is known".to_owned());
    };
    let target = Version { patch: patch.unwrap_or(0), ..Version::first_of(line) };
    if line.major != from.line.major {
        return Err(format!("{line}, its target, is another major release than {from}"));
    }
    if target <= *from || (patch.is_none() && line == from.line) {
        return Ok(Vec::new());
    }
    if line.minor - from.line.minor > MAX_HOPS {
        return Err(format!("{line}, its target, is more than {MAX_HOPS} releases after {from}"));
    }
    let between = (from.line.minor + 1..line.minor).map(|minor| Version::first_of(Minor { minor, ..line }));
    Ok(between.chain([target]).collect())
}

#[cfg(test)]
mod tests;
