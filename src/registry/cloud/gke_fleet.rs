//! GKE fleets: `gcloud container fleet memberships list` per project.
//!
//! The connect gateway is not offered as a way in: its address needs the project's number, which the list does not have.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::json::{at, clean, labels, text, time, version};
use super::{Asking, each, or_usual, part_name, sighted};
use crate::fleet::{CleanText, Facts, Health, Problem, Sighting, SightingId, SourceKind, Truth};
use crate::registry::Sighted;
use crate::registry::keep::Reading;

/// After this many seconds without a word from a cluster's agent, what the membership says of it is old.
const SILENCE: u32 = 1800;

pub(super) async fn read(asking: &Asking, now: DateTime<Utc>) -> Vec<Result<Reading, Problem>> {
    each(or_usual(&asking.spec.spec.projects), async |project: Option<String>| {
        let part = part_name(&[project.as_deref()], "the current project");
        asking.check(&part, project.as_deref().as_slice())?;
        let mut args = vec!["container", "fleet", "memberships", "list", "--format", "json"];
        if let Some(project) = &project {
            args.extend(["--project", project.as_str()]);
        }
        let Json::Array(members) = asking.ask(&args, &part).await? else {
            return Err(asking.bad_output(&part));
        };
        let sighted = members.iter().filter_map(|m| sight(asking, m, now)).collect();
        Ok(Reading { sighted, ..Reading::default() })
    })
    .await
}

fn sight(asking: &Asking, member: &Json, now: DateTime<Utc>) -> Option<Sighted> {
    let full = text(member, "name")?;
    let segment =
        |text: &str, key: &str| text.split('/').skip_while(|part| *part != key).nth(1).map(CleanText::new);
    let id = SightingId { source: asking.name.clone(), reference: CleanText::new(full) };
    let name = CleanText::new(full.rsplit('/').next().unwrap_or(full));
    let mut sighting = Sighting::new(SourceKind::GkeFleet, id, name, now);
    sighting.uid = clean(member, "externalId");
    sighting.labels = labels(member, "labels");
    let link = text(member, "endpoint.gkeCluster.resourceLink");
    let node = text(member, "endpoint.kubernetesMetadata.nodeProviderId").unwrap_or_default();
    let provider = match node.split_once("://").map(|(scheme, _)| scheme) {
        _ if link.is_some() => Some("gke"),
        Some("aws") => Some("aws"),
        Some("azure") => Some("azure"),
        Some("kind") => Some("kind"),
        _ => None,
    };
    let mut properties = BTreeMap::new();
    if let Some(nodes) = at(member, "endpoint.kubernetesMetadata.nodeCount").and_then(Json::as_u64) {
        properties.insert(CleanText::new("nodes"), CleanText::new(&nodes.to_string()));
    }
    if let Some(link) = link {
        properties.insert(CleanText::new("resource-link"), CleanText::new(link));
    }
    sighting.properties = Arc::new(properties);
    let heartbeat_at = time(member, "lastConnectionTime");
    let silent = heartbeat_at.is_some_and(|at| now - at > TimeDelta::seconds(SILENCE.into()));
    let (parsed, version_text) = version(member, "endpoint.kubernetesMetadata.kubernetesApiServerVersion");
    sighting.facts = Facts {
        version: parsed,
        version_text,
        provider: provider.map(CleanText::new),
        region: link.and_then(|l| segment(l, "locations").or_else(|| segment(l, "zones"))),
        account: segment(full, "projects"),
        health: clean(member, "state.code").map(|word| Health {
            healthy: if word.as_str() == "READY" && !silent { Truth::Yes } else { Truth::Unknown },
            word,
            message: CleanText::default(),
            since: None,
        }),
        phase: clean(member, "state.code"),
        heartbeat_at,
        heartbeat_seconds: heartbeat_at.map(|_| SILENCE),
        ghost: at(member, "endpoint.gkeCluster.clusterMissing").and_then(Json::as_bool) == Some(true),
        ..Facts::default()
    };
    Some(sighted(sighting, None))
}
