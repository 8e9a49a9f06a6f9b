//! Rancher: `clusters.management.cattle.io` and `clusters.provisioning.cattle.io`, two objects of one cluster. Kubeconfigs
//! are those that Rancher has made already; no token is ever minted.

use std::sync::Arc;

use super::{Draft, clean, property, version, worse};
use crate::fleet::{CertificateEnd, CleanText, Sighting, Truth, Version};
use crate::registry::hub::condition::{conditions, find, health, unknown};
use crate::registry::hub::object::Reader;
use crate::registry::hub::way::{HubPath, Reach, is_segment};

/// Certificates of one cluster that are kept.
const MAX_CERTIFICATES: usize = 64;

pub(super) fn management(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    if let Some(name) = reader.text(&["spec", "displayName"]) {
        draft.sighting.name = clean(name);
    }
    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    // Both or nothing: Ready keeps its last word when the agent is gone.
    facts.health = Some(match (find(&all, "Ready"), find(&all, "Connected")) {
        (Some(ready), Some(connected)) if ready.status == Truth::Yes => {
            let both = worse(ready.status, connected.status);
            let told = if both == Truth::Yes { health(ready) } else { health(connected) };
            crate::fleet::Health { healthy: both, ..told }
        }
        (Some(ready), _) => health(ready),
        (None, Some(connected)) if connected.status != Truth::Yes => health(connected),
        _ => unknown("NotReported"),
    });
    facts.phase = ["Removed", "Waiting", "Pending", "Updated", "Provisioned"].into_iter().find_map(|kind| {
        let condition = find(&all, kind)?;
        let open = if matches!(kind, "Updated" | "Provisioned") { Truth::Unknown } else { Truth::Yes };
        (condition.status == open).then(|| CleanText::new(kind))
    });
    version(facts, reader.text(&["status", "version", "gitVersion"]));
    let wanted = ["rke2Config", "k3sConfig", "eksConfig", "aksConfig", "gkeConfig", "aliConfig"];
    let wanted = wanted.into_iter().find_map(|config| reader.text(&["spec", config, "kubernetesVersion"]));
    facts.wanted_version =
        wanted.and_then(|text| text.parse::<Version>().ok()).filter(|v| facts.version.as_ref() != Some(v));
    let provider = reader.text(&["status", "provider"]).or_else(|| reader.text(&["status", "driver"]));
    facts.provider = provider.map(|p| clean(&p.to_lowercase()));
    facts.certificates = certificates(reader);

    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "rancher-driver", reader.text(&["status", "driver"]));
    property(&mut properties, "fleet-workspace", reader.text(&["spec", "fleetWorkspaceName"]));
    // How many of them are ready is not said.
    let count =
        reader.whole(&["status", "nodeCount"]).or_else(|| reader.whole(&["status", "info", "nodeCount"]));
    property(&mut properties, "node-count", count.map(|n| n.to_string()).as_deref());
    draft.sighting.properties = properties.into();

    let Some(id) = reader.text(&["metadata", "name"]).filter(|id| is_segment(id)) else { return };
    let path = format!("/k8s/clusters/{id}");
    match draft.setting.rancher_front() {
        Some(front) => draft.server(reader, "the server of the source", &format!("{front}{path}")),
        None => {
            if let Some(server) = reader.text(&["status", "apiEndpoint"]) {
                draft.server_from_inside(reader, "status.apiEndpoint", server);
                let ca = reader.text(&["status", "caCert"]);
                draft.authority(reader, "status.caCert", ca);
            }
        }
    }
    draft.reach = match draft.setting.rancher_prefix() {
        // The credential that opens the hub's own door opens the others too.
        Some(prefix) => Reach::Hub(HubPath::Instead(format!("{prefix}{path}"))),
        None => Reach::Unsaid,
    };
    if id == "local" {
        draft.sighting.hosts_source = true;
        draft.reach = Reach::Hub(HubPath::Itself);
    }
}

/// When certificates of the cluster end.
fn certificates(reader: &mut Reader<'_>) -> Vec<CertificateEnd> {
    let Some(map) = reader.map(&["status", "certificatesExpiration"]) else { return Vec::new() };
    let mut ends = Vec::new();
    for (name, entry) in map.iter().take(MAX_CERTIFICATES) {
        let place = format!("status.certificatesExpiration.{}", CleanText::with_cap(name, 64));
        if let Some(at) = reader.time_in(entry, &place, &["expirationDate"]) {
            ends.push(CertificateEnd { name: CleanText::with_cap(name, 128), at });
        }
    }
    ends
}

pub(super) fn provisioning(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    // `status.ready` never goes back to false, so it says nothing of today.
    facts.health = Some(find(&all, "Ready").map_or_else(|| unknown("NotReported"), health));
    let wanted = reader.text(&["spec", "kubernetesVersion"]);
    facts.wanted_version = wanted.and_then(|text| text.parse().ok());
    facts.phase = ["Removed", "Updated", "Provisioned"].into_iter().find_map(|kind| {
        let condition = find(&all, kind)?;
        let open = if kind == "Removed" { Truth::Yes } else { Truth::Unknown };
        (condition.status == open).then(|| CleanText::new(kind))
    });
    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "fleet-workspace", reader.text(&["status", "fleetWorkspaceName"]));
    draft.sighting.properties = properties.into();

    let id = reader.text(&["status", "clusterName"]).filter(|id| is_segment(id));
    draft.joins = id.map(CleanText::new);
    if let (Some(id), Some(front)) = (id, draft.setting.rancher_front()) {
        draft.server(reader, "the server of the source", &format!("{front}/k8s/clusters/{id}"));
    }
    let namespace = reader.text(&["metadata", "namespace"]).filter(|n| is_segment(n));
    let secret = reader.text(&["status", "clientSecretName"]).filter(|n| is_segment(n));
    if let (Some(namespace), Some(secret)) = (namespace, secret) {
        draft.reach = Reach::kubeconfig(namespace, secret);
    }
    if id == Some("local") {
        draft.sighting.hosts_source = true;
        draft.reach = Reach::Hub(HubPath::Itself);
    }
}

/// The management object with what the provisioning object of the same cluster adds.
pub(super) fn join(first: &Sighting, second: &Sighting) -> Sighting {
    let mut both = first.clone();
    let labels = Arc::make_mut(&mut both.labels);
    for (key, value) in second.labels.iter() {
        labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let properties = Arc::make_mut(&mut both.properties);
    for (key, value) in second.properties.iter() {
        properties.entry(key.clone()).or_insert_with(|| value.clone());
    }
    properties.entry(CleanText::new("rancher-object")).or_insert_with(|| second.id.reference.clone());
    let facts = &mut both.facts;
    let wanted = facts.wanted_version.take().or_else(|| second.facts.wanted_version.clone());
    facts.wanted_version = wanted.filter(|wanted| facts.version.as_ref() != Some(wanted));
    facts.phase = facts.phase.take().or_else(|| second.facts.phase.clone());
    if facts.region.is_none() {
        facts.region.clone_from(&second.facts.region);
    }
    if both.path.is_none() {
        both.path =
            second.path.clone().map(|path| crate::fleet::AccessPath { sighting: both.id.clone(), ..path });
    }
    if both.server.is_none() {
        both.server.clone_from(&second.server);
        both.fronted = second.fronted;
        both.authorities.clone_from(&second.authorities);
    }
    both.hosts_source |= second.hosts_source;
    both.problems.extend(second.problems.iter().cloned());
    both
}
