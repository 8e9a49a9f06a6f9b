//! Open Cluster Management: `managedclusters.cluster.open-cluster-management.io`. It knows where clusters are and how they
//! do, and gives no way in.

use super::{Draft, named_values, property, version};
use crate::fleet::{CleanText, Health, Truth};
use crate::registry::hub::condition::{conditions, find, health, unknown};
use crate::registry::hub::object::{Reader, uid};
use crate::registry::hub::way::{HubPath, Reach};

pub(super) fn read(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    facts.health =
        Some(match (find(&all, "ManagedClusterConditionAvailable"), find(&all, "HubDeniedManagedCluster")) {
            (_, Some(denied)) if denied.status == Truth::Yes => {
                Health { healthy: Truth::No, ..health(denied) }
            }
            (Some(available), _) => health(available),
            (None, _) => unknown("NotReported"),
        });
    let phase = ["ManagedClusterJoined", "HubAcceptedManagedCluster"].into_iter().find_map(|kind| {
        find(&all, kind).filter(|c| c.status == Truth::Yes).map(|c| CleanText::with_cap(c.kind, 64))
    });
    facts.phase = Some(phase.unwrap_or_else(|| CleanText::new("Pending")));
    if find(&all, "Deleting").is_some_and(|c| c.status == Truth::Yes) {
        facts.phase = Some(CleanText::new("Deleting"));
    }
    version(facts, reader.text(&["status", "version", "kubernetes"]));

    let mut claims = named_values(reader, &["status", "clusterClaims"]);
    let get = |key: &str| claims.get(&CleanText::new(key)).cloned();
    draft.sighting.uid = get("id.k8s.io").and_then(|id| uid(id.as_str()));
    let platform = get("platform.open-cluster-management.io");
    let product = get("product.open-cluster-management.io");
    let region = get("region.open-cluster-management.io");
    let claimed = get("kubeversion.open-cluster-management.io");
    let facts = &mut draft.sighting.facts;
    if facts.version_text.is_none() {
        version(facts, claimed.as_ref().map(CleanText::as_str));
    }
    facts.provider = product
        .filter(|p| p.as_str() != "Other")
        .or(platform)
        .map(|p| CleanText::new(&p.as_str().to_lowercase()));
    if facts.region.is_none() {
        facts.region = region;
    }
    let set = draft.sighting.labels.get(&CleanText::new("cluster.open-cluster-management.io/clusterset"));
    property(&mut claims, "clusterset", set.map(CleanText::as_str));
    draft.sighting.properties = claims.into();

    let place = "spec.managedClusterClientConfigs[]";
    // The first that can be read; others are other networks' names of the same server.
    for config in reader.list(&["spec", "managedClusterClientConfigs"]) {
        let Some(url) = reader.text_in(config, place, &["url"]) else { continue };
        draft.server(reader, &format!("{place}.url"), url);
        let bundle = reader.text_in(config, place, &["caBundle"]);
        draft.authority(reader, &format!("{place}.caBundle"), bundle);
        if draft.sighting.server.is_some() {
            break;
        }
    }
    // A hub that has joined itself.
    let local = draft.sighting.labels.get(&CleanText::new("local-cluster"));
    if local.is_some_and(|v| v.as_str() == "true") {
        draft.sighting.hosts_source = true;
        draft.reach = Reach::Hub(HubPath::Itself);
    }
}
