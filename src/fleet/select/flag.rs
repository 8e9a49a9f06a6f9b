//! What a cluster is or is not.

use chrono::TimeDelta;

use super::field::Flag;
use super::{Truth, View};
use crate::fleet::{ClassOrigin, Cluster, Protection, UNCLASSIFIED};

/// A cluster that last answered longer ago is stale even if nothing has failed since: two of the slowest polls.
const STALE_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Whether a cluster is what a flag names.
pub(super) fn holds(flag: Flag, cluster: &Cluster, view: &View<'_>) -> Truth {
    let entry = &cluster.entry;
    match flag {
        Flag::Marked => (view.marked)(cluster.key()).into(),
        Flag::Protected => (cluster.class.protection >= Protection::Typed).into(),
        Flag::Live => cluster.is_live().into(),
        Flag::Stale => {
            let old = cluster.seen_at().map(|at| view.now - at > STALE_AFTER || !cluster.is_live());
            old.unwrap_or(false).into()
        }
        // Nothing is kept from one session to the next, so nothing shown comes from there.
        Flag::Cached => Truth::No,
        Flag::Unclassified => (cluster.class.name.as_str() == UNCLASSIFIED).into(),
        Flag::Guessed => (cluster.class.origin == ClassOrigin::Guessed).into(),
        Flag::Pending => cluster.class.pending.is_some().into(),
        Flag::Merged => (entry.sources.len() > 1).into(),
        Flag::Gone => entry.gone_at.is_some().into(),
        Flag::Hub => entry.hosts_source.into(),
        Flag::Dialable => (entry.path().is_some() && entry.unusable().is_none()).into(),
        Flag::Inspected => cluster.signals.inspection.is_some().into(),
        Flag::Insecure => entry.paths.first().is_some_and(|p| p.insecure).into(),
        Flag::InState(state) => (cluster.verdict.state == state).into(),
        Flag::BelowFloor => match (cluster.floor(), cluster.told_version()) {
            (None, _) => Truth::No,
            (Some(_), None) => Truth::Unknown,
            (Some((line, patch)), Some(version)) => {
                ((version.line, version.patch) < (line, patch.unwrap_or(0))).into()
            }
        },
        Flag::Blocked => match &cluster.outlook {
            None => Truth::Unknown,
            Some(outlook) if outlook.is_blocked() => Truth::Yes,
            Some(outlook) => {
                if outlook.is_certain() {
                    Truth::No
                } else {
                    Truth::Unknown
                }
            }
        },
        Flag::Upgradable => match &cluster.outlook {
            None => Truth::Unknown,
            Some(outlook) if outlook.is_blocked() => Truth::No,
            Some(outlook) if !outlook.is_certain() => Truth::Unknown,
            Some(outlook) => outlook.next.is_some().into(),
        },
        // There is nothing yet that holds a cluster or compares it with what was applied.
        Flag::Held | Flag::Drifted => Truth::Unknown,
    }
}

/// Why a flag holds or does not, `it is below-floor: version is v1.33.2, the floor 1.34`.
pub(super) fn words(flag: Flag, truth: Truth, cluster: &Cluster) -> String {
    let name = flag.as_str();
    let plain = match (truth, flag) {
        (Truth::Yes, _) => format!("it is {name}"),
        (Truth::No, _) => format!("it is not {name}"),
        (Truth::Unknown, Flag::Held | Flag::Drifted | Flag::InState(_)) => {
            format!("whether it is {name} is not measured yet")
        }
        (Truth::Unknown, _) => format!("whether it is {name} is not known"),
    };
    let because = match flag {
        Flag::BelowFloor => match (cluster.floor(), cluster.told_version()) {
            (None, _) => Some("its class has no floor".to_owned()),
            (Some(_), None) => Some("its version is not known".to_owned()),
            (Some((line, patch)), Some(version)) => {
                let patch = patch.map(|p| format!(".{p}")).unwrap_or_default();
                Some(format!("version is {version}, the floor {line}{patch}"))
            }
        },
        Flag::Blocked | Flag::Upgradable => match &cluster.outlook {
            None => Some("its next upgrade is not worked out".to_owned()),
            Some(outlook) => {
                let mut codes: Vec<&str> = outlook.blockers.iter().map(|b| b.code).collect();
                codes.dedup();
                match (&outlook.next, codes.is_empty()) {
                    (None, true) => Some("it needs no upgrade".to_owned()),
                    (Some(next), true) => Some(format!("next is {next}")),
                    (_, false) => Some(codes.join(", ")),
                }
            }
        },
        Flag::Pending => {
            let pending = cluster.class.pending.as_ref();
            pending.map(|p| format!("{} waits to be accepted, {}", p.to, p.because))
        }
        _ => None,
    };
    because.map_or(plain.clone(), |because| format!("{plain}: {because}"))
}
