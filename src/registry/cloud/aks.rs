//! AKS: `az aks list` per subscription; the certificate authority of each cluster from `az aks get-credentials`, once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::json::{at, clean, labels, text, version};
use super::{Asking, Way, each, exec, is_plain, locate, or_usual, part_name, sighted};
use crate::access::kubeconfig::load_text;
use crate::access::{PemSource, Roots};
use crate::fleet::{CleanText, Facts, Health, Problem, Sighting, SightingId, SourceKind, Truth};
use crate::registry::keep::Reading;

/// The application that AKS' API servers are in Entra ID, the same for all clusters.
const SERVER_APP: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// PEM by the cluster's resource id: it does not change, and asking costs a call each.
pub(super) type Authorities = HashMap<String, Arc<[u8]>>;

pub(super) async fn read(
    asking: &Asking,
    known: &mut Authorities,
    now: DateTime<Utc>,
) -> Vec<Result<Reading, Problem>> {
    let lists = each(or_usual(&asking.spec.spec.subscriptions), async |subscription: Option<String>| {
        clusters(asking, subscription.as_deref()).await
    })
    .await;
    let missing: Vec<Json> = lists
        .iter()
        .flatten()
        .flatten()
        .filter(|c| signs_in_with_entra(c) && text(c, "id").is_some_and(|id| !known.contains_key(id)))
        .cloned()
        .collect();
    let found = each(missing, async |cluster: Json| (authority(asking, &cluster).await, cluster)).await;
    let mut failed: HashMap<String, Problem> = HashMap::new();
    for (result, cluster) in found {
        let Some(id) = text(&cluster, "id").map(str::to_owned) else { continue };
        match result {
            Ok(Some(pem)) => drop(known.insert(id, pem)),
            Ok(None) => {}
            Err(problem) => drop(failed.insert(id, problem)),
        }
    }
    let reading = |clusters: Vec<Json>| {
        let mut reading = Reading::default();
        for cluster in &clusters {
            let Some(id) = text(cluster, "id") else { continue };
            reading.problems.extend(failed.remove(id));
            reading.sighted.push(sight(asking, cluster, id, known.get(id), now));
        }
        reading
    };
    let mut reading = reading;
    lists.into_iter().map(|list| list.map(&mut reading)).collect()
}

/// The clusters of one subscription.
pub(super) async fn clusters(asking: &Asking, subscription: Option<&str>) -> Result<Vec<Json>, Problem> {
    let part = part_name(&[subscription], "the current subscription");
    asking.check(&part, subscription.as_slice())?;
    let mut args = vec!["aks", "list", "--output", "json"];
    if let Some(subscription) = subscription {
        args.extend(["--subscription", subscription]);
    }
    match asking.ask(&args, &part).await? {
        Json::Array(clusters) => Ok(clusters),
        _ => Err(asking.bad_output(&part)),
    }
}

/// The address of a cluster's server: the private one where it has no other.
pub(super) fn address(cluster: &Json) -> Option<String> {
    let host = text(cluster, "fqdn").or_else(|| text(cluster, "privateFqdn"));
    let private = at(cluster, "apiServerAccessProfile.enablePrivateCluster").and_then(Json::as_bool);
    let host = if private == Some(true) { text(cluster, "privateFqdn").or(host) } else { host };
    host.map(|host| format!("https://{host}:443"))
}

/// The subscription of a resource id, `/subscriptions/S/resourceGroups/G/providers/...`.
pub(super) fn subscription(id: &str) -> Option<&str> {
    id.split('/').skip_while(|part| !part.eq_ignore_ascii_case("subscriptions")).nth(1)
}

/// Only such clusters have credentials that are a person's own; the others hand out one that all share.
fn signs_in_with_entra(cluster: &Json) -> bool {
    at(cluster, "aadProfile").is_some()
}

async fn authority(asking: &Asking, cluster: &Json) -> Result<Option<Arc<[u8]>>, Problem> {
    let (Some(name), Some(group)) = (text(cluster, "name"), text(cluster, "resourceGroup")) else {
        return Ok(None);
    };
    let stopped = text(cluster, "powerState.code").is_some_and(|code| code != "Running");
    if stopped {
        return Ok(None);
    }
    let part = CleanText::with_cap(name, 100);
    asking.check(part.as_str(), &[name, group])?;
    let mut args = vec!["aks", "get-credentials", "--name", name, "--resource-group", group];
    args.extend(["--format", "exec", "--file", "-"]);
    if let Some(subscription) = text(cluster, "id").and_then(subscription).filter(|s| is_plain(s)) {
        args.extend(["--subscription", subscription]);
    }
    let output = asking.runner.with(&args).await.map_err(|error| asking.explain(&error, part.as_str()))?;
    let loaded = load_text(output, Path::new("az"));
    let roots = loaded.contexts.first().and_then(|c| c.target.as_ref()).map(|t| t.tls.roots.clone());
    Ok(match roots {
        Some(Roots::Bundle(PemSource::Inline(pem))) => Some(pem),
        _ => None,
    })
}

fn sight(
    asking: &Asking,
    cluster: &Json,
    resource: &str,
    authority: Option<&Arc<[u8]>>,
    now: DateTime<Utc>,
) -> crate::registry::Sighted {
    let id = SightingId { source: asking.name.clone(), reference: CleanText::new(resource) };
    let name = clean(cluster, "name").unwrap_or_else(|| CleanText::new(resource));
    let mut sighting = Sighting::new(SourceKind::Aks, id, name, now);
    sighting.labels = labels(cluster, "tags");
    let mut properties = BTreeMap::new();
    for (key, path) in [("resource-group", "resourceGroup"), ("support-plan", "supportPlan")] {
        if let Some(value) = clean(cluster, path) {
            properties.insert(CleanText::new(key), value);
        }
    }
    sighting.properties = Arc::new(properties);
    let (wanted, wanted_text) = version(cluster, "kubernetesVersion");
    let (running, running_text) = version(cluster, "currentKubernetesVersion");
    let wanted_version = wanted.clone().filter(|w| running.as_ref().is_some_and(|r| r != w));
    sighting.facts = Facts {
        version: running.or(wanted),
        version_text: running_text.or(wanted_text),
        wanted_version,
        provider: Some(CleanText::new("aks")),
        region: clean(cluster, "location"),
        account: subscription(resource).map(CleanText::new),
        health: health(cluster),
        phase: clean(cluster, "provisioningState"),
        ..Facts::default()
    };
    let server = address(cluster).and_then(|a| locate(&mut sighting, &a, authority.map(AsRef::as_ref)));
    let way = server.zip(authority).map(|(server, authority)| {
        let plugin = exec("kubelogin", &["get-token", "--login", "azurecli", "--server-id", SERVER_APP]);
        Way::with(plugin, server, authority, "azure: az login")
    });
    sighted(sighting, way)
}

fn health(cluster: &Json) -> Option<Health> {
    let state = clean(cluster, "provisioningState")?;
    let power = clean(cluster, "powerState.code");
    let stopped = power.as_ref().is_some_and(|p| p.as_str() != "Running");
    let healthy = match state.as_str() {
        "Failed" => Truth::No,
        "Succeeded" if !stopped => Truth::Yes,
        _ => Truth::Unknown,
    };
    let word = if stopped { power.unwrap_or(state) } else { state };
    Some(Health { healthy, word, message: CleanText::default(), since: None })
}
