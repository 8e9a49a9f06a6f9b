//! Whether a decision may be taken in: what it speaks of is there, and the machine's own rules are not weakened by it.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};

use super::api::{Deciding, Refused};
use super::fold::Fold;
use crate::fleet::{CleanText, Cluster, Decision, Decisions, Identity, Recorded, SightingId, class_names};
use crate::store::StoreError;

fn refused(code: &'static str, message: &str, hint: &str) -> Refused {
    Refused { code, message: CleanText::new(message), hint: Some(CleanText::new(hint)) }
}

/// As they are written down, if all of them may be taken in.
pub(super) fn admit(
    fold: &Fold,
    deciding: &Deciding,
    who: &CleanText,
    now: DateTime<Utc>,
) -> Result<Vec<Recorded>, Refused> {
    let who = if deciding.who.is_empty() { who } else { &deciding.who };
    let record = |decision: &Decision| Recorded {
        decision: decision.clone(),
        // As the memory keeps it, so that it counts the same before and after it is recalled.
        at: now.trunc_subsecs(3),
        who: who.clone(),
        reason: deciding.reason.clone(),
    };
    let recorded: Vec<Recorded> = deciding.decisions.iter().map(record).collect();
    deciding.decisions.iter().try_for_each(|decision| check(fold, decision, &recorded, now))?;
    Ok(recorded)
}

/// Why what was admitted could not be written down.
pub(super) fn unwritten(error: &StoreError) -> Refused {
    let hint = match error {
        StoreError::Busy => {
            "Another process may be writing; try again, and look first whether it was written after all."
        }
        _ => {
            "`fleetglass doctor` tells what is wrong with the memory; without one, write it into the fleet file."
        }
    };
    refused("NO_MEMORY", &format!("it cannot be written down: {error}"), hint)
}

fn check(fold: &Fold, decision: &Decision, all: &[Recorded], now: DateTime<Utc>) -> Result<(), Refused> {
    match decision {
        Decision::Class { cluster, class } => {
            let row = row(fold, cluster)?;
            class.as_ref().map_or(Ok(()), |class| check_class(fold, row, class, all, now))
        }
        Decision::AcceptChange { cluster, to } => {
            let pending = row(fold, cluster)?.class.pending.as_ref();
            if pending.is_some_and(|p| p.to == *to) {
                return Ok(());
            }
            let message = format!("no change to class {to} waits for this cluster any more");
            Err(refused("CHANGED", &message, "Look at the cluster again: `fleetglass clusters show`."))
        }
        Decision::Label { cluster, key, .. } => {
            row(fold, cluster)?;
            if key.as_str().trim().is_empty() {
                return Err(refused("BAD_LABEL", "a label needs a key", "Write it as `key=value`."));
            }
            Ok(())
        }
        Decision::Merge { first, second } => {
            sighting(fold, first)?;
            sighting(fold, second)?;
            if first == second {
                let hint = "Name two: `fleetglass clusters merge A B`.";
                return Err(refused("SAME_SIGHTING", "a sighting cannot be merged with itself", hint));
            }
            Ok(())
        }
        Decision::Split { sighting: id } | Decision::Unsplit { sighting: id } => sighting(fold, id),
        Decision::Prefer { cluster, path } => {
            let row = row(fold, cluster)?;
            let Some(path) = path else { return Ok(()) };
            if row.entry.paths.iter().any(|p| p.sighting == *path) {
                return Ok(());
            }
            let hint = "`fleetglass clusters show` lists its access paths.";
            Err(refused("NO_SUCH_PATH", &format!("{path} is no access path of this cluster"), hint))
        }
        Decision::Forget { sighting: id } => {
            let known = fold.reports().sighting(id).ok_or_else(|| unknown(id))?;
            if known.gone_at.is_some() {
                return Ok(());
            }
            let message = format!("{id} is not gone: its source still tells of it");
            Err(refused("NOT_GONE", &message, "Only what its source no longer knows can be forgotten."))
        }
    }
}

fn check_class(
    fold: &Fold,
    row: &Cluster,
    class: &CleanText,
    all: &[Recorded],
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let book = fold.book();
    let declared: Vec<&str> = book.classes.iter().map(|c| c.name.as_str()).collect();
    let names = if declared.is_empty() { class_names().collect() } else { declared };
    if !names.contains(&class.as_str()) {
        let hint = format!("Classes are: {}.", names.join(", "));
        return Err(refused("NO_SUCH_CLASS", &format!("there is no class {class}"), &hint));
    }
    // The book is asked what would come of it: a rule of the machine's own file, or the cluster's own object, may say otherwise.
    let mut then = Decisions(fold.decisions().0.clone());
    then.0.extend(all.iter().cloned());
    let settled = book.settle(&row.entry, None, &then, now);
    if settled.class.name == *class {
        return Ok(());
    }
    let at = settled.class.rule_at.as_ref().map(|o| o.path.display().to_string());
    let place = at.map_or_else(String::new, |path| format!(" ({path})"));
    let message =
        format!("the cluster would stay in class {}: {}{place}", settled.class.name, settled.class.rule);
    Err(refused(
        "POLICY",
        &message,
        "`fleetglass classes explain` tells which rule counts, and where it stands.",
    ))
}

fn row<'a>(fold: &'a Fold, identity: &Identity) -> Result<&'a Arc<Cluster>, Refused> {
    fold.row_of(identity).ok_or_else(|| {
        let message = format!("there is no cluster {}", identity.as_str());
        refused(
            "NO_SUCH_CLUSTER",
            &message,
            "It may have gone meanwhile; `fleetglass clusters list` tells what is there.",
        )
    })
}

fn sighting(fold: &Fold, id: &SightingId) -> Result<(), Refused> {
    fold.reports().sighting(id).map(drop).ok_or_else(|| unknown(id))
}

fn unknown(id: &SightingId) -> Refused {
    let message = format!("no source tells of {id}");
    refused(
        "NO_SUCH_SIGHTING",
        &message,
        "`fleetglass sources show` lists what each source calls its clusters.",
    )
}
