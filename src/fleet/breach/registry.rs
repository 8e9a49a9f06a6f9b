//! What the registries give away by what they say, and by what they no longer say.

use super::{Check, Told};
use crate::fleet::{Conflict, Weight, age};

/// The rank of sources that run clusters, and not only watch or list them.
const RUNS_IT: u8 = 1;

impl Check<'_> {
    /// A tombstone.
    pub(super) fn gone(&mut self) {
        let Some(since) = self.cluster.entry.gone_at else { return };
        self.push(Told {
            code: "GONE",
            weight: Weight::Warning,
            about: "sources",
            message: format!("no source has known it since {}", age::relative(since, self.now)),
            hint: "Find out who removed it, then end it with `fleetglass clusters forget`.",
            rule: None,
            seen_at: Some(since),
        });
    }

    pub(super) fn registries(&mut self) {
        self.orphan();
        self.ghost();
        let entry = &self.cluster.entry;
        for conflict in &entry.conflicts {
            self.conflict(conflict);
        }
    }

    /// Contexts or memberships that are left of a cluster which the registry that ran it, or every registry, no longer knows.
    fn orphan(&mut self) {
        let sources = &self.cluster.entry.sources;
        let gone: Vec<_> = sources.iter().filter(|s| s.gone_at.is_some() && s.kind.is_registry()).collect();
        let left: Vec<_> = sources.iter().filter(|s| s.gone_at.is_none()).collect();
        let is_known = left.iter().any(|s| s.kind.is_registry());
        let is_run = left.iter().any(|s| s.kind.is_registry() && s.kind.rank() <= RUNS_IT);
        let was_run = gone.iter().any(|s| s.kind.rank() <= RUNS_IT);
        if left.is_empty() || gone.is_empty() || is_run || (is_known && !was_run) {
            return;
        }
        let Some(newest) = gone.iter().max_by_key(|s| s.gone_at) else { return };
        let ids: Vec<String> = left.iter().map(|s| s.id().to_string()).collect();
        let since = newest.gone_at.map(|at| age::relative(at, self.now)).unwrap_or_default();
        let message = format!(
            "{} has not known it since {since}; what is left is {}",
            newest.name,
            super::listed(ids.iter().map(String::as_str))
        );
        let about = ids.first().cloned().unwrap_or_default();
        self.push(Told {
            code: "ORPHAN",
            weight: Weight::Warning,
            about: &about,
            message,
            hint: "Remove what is left if the cluster is gone; register it again if it is not.",
            rule: None,
            seen_at: newest.gone_at,
        });
    }

    fn ghost(&mut self) {
        if !self.cluster.entry.facts.ghost {
            return;
        }
        let phase = self.cluster.entry.facts.phase.as_ref().filter(|p| !p.is_empty());
        let said = phase.map(|p| format!(" ({p})")).unwrap_or_default();
        self.push(Told {
            code: "GHOST",
            weight: Weight::Warning,
            about: "membership",
            message: format!(
                "a hub says that the cluster itself no longer exists{said}; its membership is left"
            ),
            hint: "Remove the membership from the hub.",
            rule: None,
            seen_at: self.cluster.entry.said_at,
        });
    }

    fn conflict(&mut self, conflict: &Conflict) {
        let field = conflict.field.as_str();
        let Some((who, taken)) = conflict.values.first() else { return };
        let Some((other, value)) = conflict.values.iter().find(|(_, v)| v != taken) else { return };
        let (weight, message, hint) = if field == "uid" {
            (
                Weight::Error,
                format!("{who} says that its kube-system UID is {taken}, and its path leads to {value}"),
                "Correct the UID if the cluster was built again; else the path leads to another cluster.",
            )
        } else {
            let what = field
                .strip_prefix("label.")
                .map_or_else(|| format!("its {field}"), |key| format!("label {key}"));
            let hint = "Correct it in one of them; the first one counts until then.";
            (weight_of(field), format!("{what} is {taken} in {who} and {value} in {other}"), hint)
        };
        self.push(Told {
            code: "CONFLICT",
            weight,
            about: field,
            message,
            hint,
            rule: None,
            seen_at: self.cluster.entry.said_at,
        });
    }
}

/// Labels of people's own lead classes and plans. Those with a prefix belong to the systems that set them (Kubernetes documents
/// it so), each of which may see the cluster in its own way; and versions and names lag behind in notes.
fn weight_of(field: &str) -> Weight {
    match field.strip_prefix("label.") {
        Some(key) if !key.contains('/') => Weight::Warning,
        _ => Weight::Note,
    }
}
