//! Azure Kubernetes Fleet Manager: `az fleet member list` per fleet; where its members are from `az aks list`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::aks::{address, clusters, subscription};
use super::json::{clean, labels, text, version};
use super::{Asking, each, locate, or_usual, part_name, sighted};
use crate::fleet::{CleanText, Facts, Health, Problem, Sighting, SightingId, SourceKind, Truth};
use crate::registry::keep::{Reading, problem};

/// A subscription, if it is named, and `group/fleet`.
type Part = (Option<String>, String);

pub(super) async fn read(asking: &Asking, now: DateTime<Utc>) -> Vec<Result<Reading, Problem>> {
    let spec = &asking.spec.spec;
    if spec.fleets.is_empty() {
        let hint = "Name them as group/fleet with fleets.";
        return vec![Err(problem(&asking.spec, "fleets", "NO_FLEET", "the source names no fleet", hint))];
    }
    let mut parts: Vec<Part> = Vec::new();
    for subscription in or_usual(&spec.subscriptions) {
        parts.extend(spec.fleets.iter().map(|fleet| (subscription.clone(), fleet.clone())));
    }
    let lists = each(parts, async |part: Part| members(asking, &part).await).await;
    // A member says which cluster it is, and nothing of where that is; the clusters' own list does.
    let mut owners: Vec<String> = lists
        .iter()
        .flatten()
        .flatten()
        .filter_map(|m| text(m, "clusterResourceId"))
        .filter(|id| is_aks(id))
        .filter_map(|id| subscription(id).map(str::to_ascii_lowercase))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let known = each(owners, async |owner: String| (clusters(asking, Some(&owner)).await, owner)).await;
    let mut by_id: HashMap<String, Json> = HashMap::new();
    let mut readable: Vec<String> = Vec::new();
    for (list, owner) in known {
        let Ok(list) = list else { continue };
        readable.push(owner);
        by_id.extend(list.into_iter().filter_map(|c| Some((text(&c, "id")?.to_ascii_lowercase(), c))));
    }
    let look = Look { asking, by_id: &by_id, readable: &readable, now };
    lists
        .into_iter()
        .map(|list| {
            list.map(|members| Reading {
                sighted: members.iter().filter_map(|m| look.sight(m)).collect(),
                ..Reading::default()
            })
        })
        .collect()
}

async fn members(asking: &Asking, (subscription, fleet): &Part) -> Result<Vec<Json>, Problem> {
    let name = part_name(&[subscription.as_deref(), Some(fleet)], "");
    let Some((group, fleet)) = fleet.split_once('/') else {
        let message = format!("{name}: a fleet is named as group/fleet");
        return Err(problem(&asking.spec, "fleets", "BAD_FLEET", &message, ""));
    };
    asking.check(&name, &[group, fleet])?;
    asking.check(&name, &subscription.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut args = vec!["fleet", "member", "list", "--resource-group", group, "--fleet-name", fleet];
    args.extend(["--output", "json"]);
    if let Some(subscription) = subscription {
        args.extend(["--subscription", subscription.as_str()]);
    }
    match asking.ask(&args, &name).await? {
        Json::Array(members) => Ok(members),
        _ => Err(asking.bad_output(&name)),
    }
}

fn is_aks(id: &str) -> bool {
    id.to_ascii_lowercase().contains("/microsoft.containerservice/managedclusters/")
}

struct Look<'a> {
    asking: &'a Asking,
    by_id: &'a HashMap<String, Json>,
    /// Subscriptions whose clusters are known.
    readable: &'a [String],
    now: DateTime<Utc>,
}

impl Look<'_> {
    fn sight(&self, member: &Json) -> Option<crate::registry::Sighted> {
        let id = SightingId { source: self.asking.name.clone(), reference: clean(member, "id")? };
        let name = clean(member, "name").unwrap_or_else(|| id.reference.clone());
        let mut sighting = Sighting::new(SourceKind::AzureFleet, id, name, self.now);
        sighting.labels = labels(member, "labels");
        let resource = text(member, "clusterResourceId").unwrap_or_default();
        let cluster = self.by_id.get(&resource.to_ascii_lowercase());
        let owner = subscription(resource).map(str::to_ascii_lowercase);
        let mut properties = BTreeMap::new();
        for (key, path) in [("update-group", "group"), ("cluster-resource-id", "clusterResourceId")] {
            if let Some(value) = clean(member, path) {
                properties.insert(CleanText::new(key), value);
            }
        }
        sighting.properties = Arc::new(properties);
        let state = clean(member, "provisioningState");
        let (parsed, version_text) =
            cluster.map(|c| version(c, "currentKubernetesVersion")).unwrap_or_default();
        sighting.facts = Facts {
            version: parsed,
            version_text,
            provider: is_aks(resource).then(|| CleanText::new("aks")),
            region: cluster.and_then(|c| clean(c, "location")),
            account: subscription(resource).map(CleanText::new),
            health: state.clone().filter(|s| s.as_str() == "Failed").map(|word| Health {
                healthy: Truth::No,
                word,
                message: clean(member, "status.lastOperationError.message").unwrap_or_default(),
                since: None,
            }),
            phase: state,
            ghost: is_aks(resource) && cluster.is_none() && owner.is_some_and(|o| self.readable.contains(&o)),
            ..Facts::default()
        };
        if let Some(address) = cluster.and_then(address) {
            locate(&mut sighting, &address, None);
        }
        Some(sighted(sighting, None))
    }
}
