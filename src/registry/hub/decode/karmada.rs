//! Karmada: `clusters.cluster.karmada.io`, as its aggregated API server has them.

use super::{Draft, clean, property, version};
use crate::fleet::CleanText;
use crate::registry::hub::condition::{conditions, find, health, unknown};
use crate::registry::hub::object::{Reader, uid};
use crate::registry::hub::way::{HubPath, Reach, SecretForm, SecretRef, Way, is_segment};

pub(super) fn read(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    draft.sighting.uid = reader.text(&["spec", "id"]).and_then(uid);
    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    facts.health = Some(find(&all, "Ready").map_or_else(|| unknown("NotReported"), health));
    version(facts, reader.text(&["status", "kubernetesVersion"]));
    facts.provider = reader.text(&["spec", "provider"]).map(clean);
    if let Some(region) = reader.text(&["spec", "region"]) {
        facts.region = Some(clean(region));
    }
    let number = |n: u64| usize::try_from(n.min(10_000_000)).unwrap_or(0);
    let total = reader.whole(&["status", "nodeSummary", "totalNum"]);
    let ready = reader.whole(&["status", "nodeSummary", "readyNum"]);
    facts.nodes = total.map(|total| (number(ready.unwrap_or(0)), number(total)));

    let mode = reader.text(&["spec", "syncMode"]);
    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "sync-mode", mode);
    let zones: Vec<_> = reader.list(&["spec", "zones"]).iter().filter_map(|z| z.as_str()).collect();
    property(&mut properties, "zones", Some(&zones.join(",")));
    draft.sighting.properties = properties.into();
    let taints = reader.list(&["spec", "taints"]);
    let keys: Vec<_> = taints.iter().filter_map(|t| reader.text_in(t, "spec.taints[]", &["key"])).collect();
    let lost = keys.iter().find(|key| key.starts_with("cluster.karmada.io/"));
    draft.sighting.facts.phase = lost.map(|key| CleanText::with_cap(key, 128));

    let endpoint = reader.text(&["spec", "apiEndpoint"]);
    if let Some(endpoint) = endpoint {
        draft.server(reader, "spec.apiEndpoint", endpoint);
    }
    let Some(name) = reader.text(&["metadata", "name"]).filter(|name| is_segment(name)) else { return };
    let proxy = HubPath::Below(format!("/apis/cluster.karmada.io/v1alpha1/clusters/{name}/proxy"));
    let namespace = reader.text(&["spec", "secretRef", "namespace"]);
    let secret = reader.text(&["spec", "secretRef", "name"]);
    draft.reach = match (endpoint, namespace, secret) {
        (Some(endpoint), Some(namespace), Some(secret))
            if mode != Some("Pull") && is_segment(namespace) && is_segment(secret) =>
        {
            let mut way = Way::to(endpoint);
            way.insecure(reader.flag(&["spec", "insecureSkipTLSVerification"]));
            way.cluster("proxy-url", reader.text(&["spec", "proxyURL"]));
            Reach::Secret(Box::new(SecretRef {
                namespace: namespace.to_owned(),
                name: secret.to_owned(),
                form: SecretForm::Token { way, key: "token", authority: Some("caBundle") },
                otherwise: Some(proxy),
            }))
        }
        _ => Reach::Hub(proxy),
    };
}
