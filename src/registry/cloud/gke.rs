//! GKE: `gcloud container clusters list` per project.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::json::{at, clean, labels, list, pem, text, version};
use super::{Asking, Way, each, exec, locate, or_usual, part_name, sighted};
use crate::fleet::{CleanText, Facts, Health, Problem, Sighting, SightingId, SourceKind, Truth};
use crate::registry::Sighted;
use crate::registry::keep::Reading;

pub(super) async fn read(asking: &Asking, now: DateTime<Utc>) -> Vec<Result<Reading, Problem>> {
    each(or_usual(&asking.spec.spec.projects), async |project: Option<String>| {
        let part = part_name(&[project.as_deref()], "the current project");
        asking.check(&part, project.as_deref().as_slice())?;
        let mut args = vec!["container", "clusters", "list", "--format", "json"];
        if let Some(project) = &project {
            args.extend(["--project", project.as_str()]);
        }
        let Json::Array(clusters) = asking.ask(&args, &part).await? else {
            return Err(asking.bad_output(&part));
        };
        let sighted = clusters.iter().filter_map(|c| sight(asking, c, project.as_deref(), now)).collect();
        Ok(Reading { sighted, ..Reading::default() })
    })
    .await
}

fn sight(asking: &Asking, cluster: &Json, project: Option<&str>, now: DateTime<Utc>) -> Option<Sighted> {
    let name = text(cluster, "name")?;
    let location = text(cluster, "location").or_else(|| text(cluster, "zone"));
    // `https://container.googleapis.com/v1/projects/P/locations/L/clusters/N`
    let owner = text(cluster, "selfLink")
        .and_then(|link| link.split('/').skip_while(|part| *part != "projects").nth(1))
        .or(project);
    let reference =
        format!("projects/{}/locations/{}/clusters/{name}", owner.unwrap_or("-"), location.unwrap_or("-"));
    let id = SightingId { source: asking.name.clone(), reference: CleanText::new(&reference) };
    let mut sighting = Sighting::new(SourceKind::Gke, id, CleanText::new(name), now);
    sighting.labels = labels(cluster, "resourceLabels");
    let mut properties = BTreeMap::new();
    for (key, path) in [("release-channel", "releaseChannel.channel"), ("node-version", "currentNodeVersion")]
    {
        if let Some(value) = clean(cluster, path) {
            properties.insert(CleanText::new(key), value);
        }
    }
    if let Some(nodes) = at(cluster, "currentNodeCount").and_then(Json::as_u64) {
        properties.insert(CleanText::new("nodes"), CleanText::new(&nodes.to_string()));
    }
    sighting.properties = Arc::new(properties);
    let (parsed, version_text) = version(cluster, "currentMasterVersion");
    sighting.facts = Facts {
        version: parsed,
        version_text,
        provider: Some(CleanText::new("gke")),
        region: location.map(CleanText::new),
        account: owner.map(CleanText::new),
        health: health(cluster),
        phase: clean(cluster, "status"),
        ..Facts::default()
    };
    let authority = pem(cluster, "masterAuth.clusterCaCertificate");
    let server = text(cluster, "endpoint").and_then(|endpoint| {
        let host = if endpoint.contains(':') { format!("[{endpoint}]") } else { endpoint.to_owned() };
        locate(&mut sighting, &format!("https://{host}"), authority.as_deref())
    });
    let way = server.zip(authority.as_deref()).map(|(server, authority)| {
        let mut plugin = exec("gke-gcloud-auth-plugin", &[]);
        plugin.provide_cluster_info = true;
        plugin.install_hint = Some("gcloud components install gke-gcloud-auth-plugin".to_owned());
        Way::with(plugin, server, authority, "gcloud: active account")
    });
    Some(sighted(sighting, way))
}

fn health(cluster: &Json) -> Option<Health> {
    let status = clean(cluster, "status")?;
    let condition = list(cluster, "conditions").first();
    let healthy = match status.as_str() {
        "RUNNING" | "RECONCILING" if condition.is_none() => Truth::Yes,
        "DEGRADED" | "ERROR" => Truth::No,
        _ => Truth::Unknown,
    };
    let message = clean(cluster, "statusMessage").or_else(|| condition.and_then(|c| clean(c, "message")));
    Some(Health { healthy, word: status, message: message.unwrap_or_default(), since: None })
}
