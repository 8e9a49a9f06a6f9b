//! What was registered in one go, told as sources tell.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::fleet::{CleanText, Sighting, SightingId, SourceKind, Sync};
use crate::registry::{Registered, Registration, Sighted, SourceReport, Told, normal_text};

/// What was registered, as reports of its sources.
pub(super) fn told(registered: Registered, now: DateTime<Utc>) -> Vec<Told> {
    let mut taken = HashSet::new();
    let mut current = None;
    let mut rows: Vec<Sighted> = Vec::with_capacity(registered.entries.len());
    for row in registered.entries {
        let is_current = registered.current.as_ref() == Some(&row.entry.key);
        let Some(sighted) = sighted(row, &mut taken, now) else { continue };
        if is_current {
            current = Some(sighted.sighting.id.clone());
        }
        rows.push(sighted);
    }
    let searched = Told::Searched { current, looked_in: registered.looked_in, problems: registered.problems };
    let reports = registered.sources.into_iter().map(|mut state| {
        state.sync = if state.synced_at.is_some() { Sync::Polling } else { Sync::Failing };
        let sighted = rows.iter().filter(|s| s.sighting.id.source == state.name).cloned().collect();
        Told::Source(SourceReport { state, sighted })
    });
    std::iter::once(searched).chain(reports).chain([Told::Local, Told::All]).collect()
}

fn sighted(row: Registration, taken: &mut HashSet<SightingId>, now: DateTime<Utc>) -> Option<Sighted> {
    let source = row.entry.sources.first()?;
    let mut id = source.id();
    let mut number = 1;
    while !taken.insert(id.clone()) {
        number += 1;
        id.reference = CleanText::with_cap(&format!("{}~{number}", source.reference), usize::MAX);
    }
    let mut path = row.entry.paths.first().cloned();
    if let Some(path) = &mut path {
        path.sighting = id.clone();
    }
    let sighting = Sighting {
        origin: source.origin.clone(),
        server: path.as_ref().and_then(|p| normal_text(p.server.as_ref()?.as_str()).ok()),
        path,
        problems: row.entry.problems,
        ..Sighting::new(SourceKind::Kubeconfig, id, row.entry.name, now)
    };
    Some(Sighted { sighting: Arc::new(sighting), target: row.target, identity_key: row.identity_key })
}
