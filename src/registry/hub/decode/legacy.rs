//! The archived registries: KubeFed (`kubefedclusters.core.kubefed.io`) and cluster-registry (`clusters.clusterregistry.k8s.io`).

use super::{Draft, clean, property, version};
use crate::fleet::{Health, Truth};
use crate::registry::hub::condition::{conditions, find, health, unknown};
use crate::registry::hub::object::Reader;
use crate::registry::hub::way::{Reach, SecretForm, SecretRef, Way, is_segment};

/// KubeFed probes every ten seconds, and gives up after three failures that take three seconds each.
const PROBE: u32 = 120;

/// cluster-registry does not say how often its controllers look.
const HEARTBEAT: u32 = 600;

pub(super) fn kube_fed(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let all = conditions(reader, &["status", "conditions"]);
    let bad = |kind: &str| find(&all, kind).filter(|c| c.status == Truth::Yes);
    let facts = &mut draft.sighting.facts;
    // An unreachable cluster has Offline and nothing else: no Ready is not good.
    facts.health = Some(match bad("Offline").or_else(|| bad("ConfigMalformed")) {
        Some(condition) => Health { healthy: Truth::No, ..health(condition) },
        None => find(&all, "Ready").map_or_else(|| unknown("NotReported"), health),
    });
    facts.heartbeat_at = all.iter().filter_map(|c| c.seen).max();
    facts.heartbeat_seconds = Some(PROBE);
    version(facts, reader.text(&["status", "kubernetesVersion"]));
    if let Some(region) = reader.text(&["status", "region"]) {
        facts.region = Some(clean(region));
    }
    let mut properties = std::collections::BTreeMap::new();
    let zones: Vec<_> = reader.list(&["status", "zones"]).iter().filter_map(|z| z.as_str()).collect();
    property(&mut properties, "zones", Some(&zones.join(",")));
    draft.sighting.properties = properties.into();

    let Some(endpoint) = reader.text(&["spec", "apiEndpoint"]) else { return };
    draft.server(reader, "spec.apiEndpoint", endpoint);
    let bundle = reader.text(&["spec", "caBundle"]);
    draft.authority(reader, "spec.caBundle", bundle);
    let namespace = reader.text(&["metadata", "namespace"]).filter(|n| is_segment(n));
    let secret = reader.text(&["spec", "secretRef", "name"]).filter(|n| is_segment(n));
    if let (Some(namespace), Some(secret)) = (namespace, secret) {
        let mut way = Way::to(endpoint);
        way.authority(bundle);
        // Names of single checks would need a verifier of our own; `*` is the one that is in use.
        let disabled = reader.list(&["spec", "disabledTLSValidations"]);
        way.insecure(disabled.iter().any(|check| check.as_str() == Some("*")));
        way.cluster("proxy-url", reader.text(&["spec", "proxyURL"]));
        draft.reach = Reach::Secret(Box::new(SecretRef {
            namespace: namespace.to_owned(),
            name: secret.to_owned(),
            form: SecretForm::Token { way, key: "token", authority: None },
            otherwise: None,
        }));
    }
}

pub(super) fn cluster_registry(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    let ok = find(&all, "OK");
    facts.health = Some(ok.map_or_else(|| unknown("NotReported"), health));
    facts.heartbeat_at = ok.and_then(|c| c.seen);
    facts.heartbeat_seconds = Some(HEARTBEAT);

    let endpoints = reader.list(&["spec", "kubernetesApiEndpoints", "serverEndpoints"]);
    let place = "spec.kubernetesApiEndpoints.serverEndpoints[]";
    let mut servers = Vec::new();
    for endpoint in endpoints {
        let cidr = reader.text_in(endpoint, place, &["clientCIDR"]);
        if let Some(server) = reader.text_in(endpoint, place, &["serverAddress"]) {
            servers.push((cidr, server));
        }
    }
    // Which network this machine is in, the object's author cannot know; the entry for everybody is the safe one.
    let chosen = servers.iter().find(|(cidr, _)| *cidr == Some("0.0.0.0/0")).or_else(|| servers.first());
    if let Some((_, server)) = chosen {
        draft.server(reader, &format!("{place}.serverAddress"), server);
        let bundle = reader.text(&["spec", "kubernetesApiEndpoints", "caBundle"]);
        draft.authority(reader, "spec.kubernetesApiEndpoints.caBundle", bundle);
    }
}
