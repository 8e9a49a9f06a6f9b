//! The ways to a cluster, the one to take first, and which problems keep it from being contacted.

use super::against::Known;
use crate::fleet::{AccessPath, DecisionIndex, Entry, Identity, Problem, Severity, SourceKind};

/// A problem with which a source tells of a path that must not be taken: a credential plugin that nobody has allowed.
const FORBIDDEN: &str = "PLUGIN_NOT_ALLOWED";

fn is_usable(known: &Known<'_>) -> bool {
    known.sighting.problems.iter().all(|p| p.severity < Severity::Error)
}

/// Fills in paths, the chosen one, and problems. `speaking` is in the order of weight.
///
/// First comes what a person prefers. Then paths for emergencies come last, those that can be used before those that cannot,
/// and what the user has named in a kubeconfig before what a registry tells.
pub(super) fn fill(
    entry: &mut Entry,
    speaking: &[&Known<'_>],
    decided: &DecisionIndex<'_>,
    ids: &[Identity],
) {
    let preferred = decided.preferred(ids).map(|(id, _)| id);
    let mut ways: Vec<(AccessPath, bool, bool)> = Vec::new();
    for known in speaking {
        let Some(path) = &known.sighting.path else { continue };
        if known.sighting.problems.iter().any(|p| p.code == FORBIDDEN) {
            continue;
        }
        let path = AccessPath { sighting: known.sighting.id.clone(), ..path.clone() };
        ways.push((path, is_usable(known), known.sighting.kind == SourceKind::Kubeconfig));
    }
    ways.sort_by_key(|(path, usable, named)| {
        (preferred != Some(&path.sighting), path.break_glass, !usable, !named)
    });
    entry.chosen = preferred.filter(|id| ways.iter().any(|(p, ..)| p.sighting == **id)).cloned();
    let first_usable =
        ways.iter().find(|(p, ..)| !p.break_glass || entry.chosen.as_ref() == Some(&p.sighting));
    let can_be_used = first_usable.is_some_and(|(_, usable, _)| *usable);
    entry.paths = ways.into_iter().map(|(path, ..)| path).collect();
    for problem in speaking.iter().flat_map(|k| &k.sighting.problems) {
        let problem = if can_be_used && problem.severity == Severity::Error {
            Problem { severity: Severity::Warning, ..problem.clone() }
        } else {
            problem.clone()
        };
        if !entry.problems.contains(&problem) {
            entry.problems.push(problem);
        }
    }
}
