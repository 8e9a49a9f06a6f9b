//! Cluster API: `clusters.cluster.x-k8s.io`, v1beta2 and v1beta1 (Cluster API book, "Migrating from v1beta1 to v1beta2").

use serde_json::Value;

use super::{Draft, clean, property, version};
use crate::fleet::{CleanText, Facts, Health, Sighting, Truth, Version};
use crate::registry::hub::condition::{Condition, conditions, find, health, unknown};
use crate::registry::hub::object::Reader;
use crate::registry::hub::way::{Reach, is_segment};

/// Reasons of the old summary condition that say that something is being done, not that something is wrong.
const IN_PROGRESS: [&str; 6] = [
    "RollingUpdateInProgress",
    "RollingOut",
    "ScalingUp",
    "ScalingDown",
    "WaitingForControlPlane",
    "ControlPlaneUpgradePending",
];

pub(super) fn read(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    // v1beta1 keeps what v1beta2 made of the status in a corner of its own, and the other way round.
    let is_old = draft.version == "v1beta1";
    let (news, olds): (&[&str], &[&str]) = if is_old {
        (&["status", "v1beta2", "conditions"], &["status", "conditions"])
    } else {
        (&["status", "conditions"], &["status", "deprecated", "v1beta1", "conditions"])
    };
    let counters: &[&str] = if is_old { &["status", "v1beta2"] } else { &["status"] };
    let news = conditions(reader, news);
    let olds = conditions(reader, olds);
    let failed = failure(reader, is_old);

    let paused = reader.flag(&["spec", "paused"]);
    let paused = paused || reader.has(&["metadata", "annotations", "cluster.x-k8s.io/paused"]);
    let wanted = reader.text(&["spec", "topology", "version"]);
    let running = lowest(reader, counters);
    let facts = &mut draft.sighting.facts;
    facts.paused = paused;
    facts.phase = reader.text(&["status", "phase"]).map(clean);
    facts.health = Some(summary(&news, &olds, failed));
    facts.nodes = nodes(reader, counters);
    // Before v1.14 nobody says which versions run; but once the topology is reconciled, it is the one that was wanted.
    let reconciled = [&news, &olds].into_iter().find_map(|all| find(all, "TopologyReconciled"));
    let settled = reconciled.is_some_and(|c| c.status == Truth::Yes);
    version(facts, running.or(wanted.filter(|_| settled)));
    wish(facts, wanted);
    facts.provider = provider(reader).map(|p| clean(&p));

    let mut properties = std::collections::BTreeMap::new();
    let class = if is_old { reader.text(&["spec", "topology", "class"]) } else { None };
    let class = class.or_else(|| reader.text(&["spec", "topology", "classRef", "name"]));
    property(&mut properties, "cluster-class", class);
    property(&mut properties, "infrastructure", reader.text(&["spec", "infrastructureRef", "kind"]));
    property(&mut properties, "control-plane", reader.text(&["spec", "controlPlaneRef", "kind"]));
    draft.sighting.properties = properties.into();

    if let Some(host) = reader.text(&["spec", "controlPlaneEndpoint", "host"]) {
        let port = reader.whole(&["spec", "controlPlaneEndpoint", "port"]).filter(|p| *p > 0).unwrap_or(6443);
        let host =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        draft.server(reader, "spec.controlPlaneEndpoint", &format!("https://{host}:{port}"));
    }
    let (name, namespace) = (reader.text(&["metadata", "name"]), reader.text(&["metadata", "namespace"]));
    if let (Some(name), Some(namespace)) = (name, namespace)
        && is_segment(name)
        && is_segment(namespace)
    {
        draft.reach = Reach::kubeconfig(namespace, &format!("{name}-kubeconfig"));
    }
}

/// `Available` of the new conditions, else `Ready` of the old ones. A roll-out is no failure.
fn summary(news: &[Condition<'_>], olds: &[Condition<'_>], failed: Option<&str>) -> Health {
    if let Some(message) = failed {
        return Health { healthy: Truth::No, message: CleanText::new(message), ..unknown("Failed") };
    }
    if let Some(available) = find(news, "Available") {
        return health(available);
    }
    match find(olds, "Ready") {
        Some(ready)
            if ready.status == Truth::No
                && (ready.severity == "Info" || IN_PROGRESS.contains(&ready.reason)) =>
        {
            Health { healthy: Truth::Unknown, ..health(ready) }
        }
        Some(ready) => health(ready),
        None => unknown("NoConditions"),
    }
}

fn failure<'v>(reader: &mut Reader<'v>, is_old: bool) -> Option<&'v str> {
    let at: &[&str] = if is_old { &["status"] } else { &["status", "deprecated", "v1beta1"] };
    ["failureMessage", "failureReason"].into_iter().find_map(|key| {
        let path: Vec<_> = at.iter().copied().chain([key]).collect();
        reader.text(&path)
    })
}

fn below<'p>(at: &[&'p str], rest: &[&'p str]) -> Vec<&'p str> {
    at.iter().chain(rest).copied().collect()
}

/// The lowest version that a control plane runs (`versions`, since v1.14).
fn lowest<'v>(reader: &mut Reader<'v>, at: &[&str]) -> Option<&'v str> {
    let items: &'v [Value] = reader.list(&below(at, &["controlPlane", "versions"]));
    let texts = items.iter().filter_map(|item| reader.text_in(item, "controlPlane.versions[]", &["version"]));
    let mut texts: Vec<_> = texts.collect();
    texts.sort_by_key(|text| text.parse::<Version>().ok());
    texts.first().copied()
}

/// The version that is wanted, if it is not the one that runs.
fn wish(facts: &mut Facts, wanted: Option<&str>) {
    let wanted = wanted.and_then(|text| text.parse::<Version>().ok());
    facts.wanted_version = wanted.filter(|wanted| facts.version.as_ref() != Some(wanted));
}

/// Machines of control plane and workers, ready and all.
fn nodes(reader: &mut Reader<'_>, at: &[&str]) -> Option<(usize, usize)> {
    let mut sum = None;
    for part in ["controlPlane", "workers"] {
        let all = reader.whole(&below(at, &[part, "replicas"]));
        let ready = reader.whole(&below(at, &[part, "readyReplicas"]));
        if let Some(all) = all {
            let (r, a) = sum.unwrap_or((0, 0));
            let (ready, all) = (ready.unwrap_or(0), all);
            let number = |n: u64| usize::try_from(n.min(10_000_000)).unwrap_or(0);
            sum = Some((r + number(ready), a + number(all)));
        }
    }
    sum
}

/// The provider by the kind of the control plane where a cloud runs it, else by that of the infrastructure.
fn provider(reader: &mut Reader<'_>) -> Option<String> {
    match reader.text(&["spec", "controlPlaneRef", "kind"]).unwrap_or_default() {
        "AWSManagedControlPlane" => return Some("eks".to_owned()),
        "AzureManagedControlPlane" | "AzureASOManagedControlPlane" => return Some("aks".to_owned()),
        "GCPManagedControlPlane" => return Some("gke".to_owned()),
        "ROSAControlPlane" => return Some("rosa".to_owned()),
        _ => {}
    }
    let kind = reader.text(&["spec", "infrastructureRef", "kind"])?;
    let name = kind.strip_suffix("ManagedCluster").or_else(|| kind.strip_suffix("Cluster")).unwrap_or(kind);
    Some(name.to_ascii_lowercase()).filter(|name| !name.is_empty())
}

/// A control plane of Cluster API's group: it knows the version that runs and the one that is wanted.
pub(super) fn control_plane(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let namespace = reader.text(&["metadata", "namespace"]).unwrap_or_default();
    let label = reader.text(&["metadata", "labels", "cluster.x-k8s.io/cluster-name"]);
    let owners = reader.list(&["metadata", "ownerReferences"]);
    let owner = owners.iter().find(|o| o.get("kind").and_then(Value::as_str) == Some("Cluster"));
    let owner = owner.and_then(|o| reader.text_in(o, "metadata.ownerReferences[]", &["name"]));
    draft.joins =
        Some(CleanText::with_cap(&format!("{namespace}/{}", label.or(owner).unwrap_or_default()), 512));
    let facts = &mut draft.sighting.facts;
    version(facts, reader.text(&["status", "version"]));
    wish(facts, reader.text(&["spec", "version"]));
}

/// A cluster with what its control plane adds.
pub(super) fn join(first: &Sighting, second: &Sighting) -> Sighting {
    let mut both = first.clone();
    let (facts, more) = (&mut both.facts, &second.facts);
    if facts.version.is_none() && more.version_text.is_some() {
        facts.version.clone_from(&more.version);
        facts.version_text.clone_from(&more.version_text);
    }
    let wanted = facts.wanted_version.take().or_else(|| more.wanted_version.clone());
    facts.wanted_version = wanted.filter(|wanted| facts.version.as_ref() != Some(wanted));
    both.problems.extend(second.problems.iter().cloned());
    both
}
