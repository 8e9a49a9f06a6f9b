//! From objects to sightings: pure, one module per kind of object.
//!
//! A field of a wrong type is a problem that names object and field; the sighting survives as long as it has a name. Whatever
//! an object holds, what is kept of it is bounded.

mod argo;
mod cluster_api;
mod cluster_profile;
mod fleets;
mod karmada;
mod legacy;
mod ocm;
mod rancher;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::target as tests_target;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::condition;
use super::kinds::{Resource, Shape};
use super::object::{Reader, kind};
use super::setting::Setting;
use super::way::Reach;
use crate::fleet::{CleanText, Facts, Problem, Severity, Sighting, SourceKind, Truth, Version};
use crate::registry::address;
use crate::registry::authority::fingerprints;

/// Labels or properties of one object that are kept.
const MAX_PAIRS: usize = 200;

/// The longest reference, in bytes: a namespace and a name have 63 and 253.
const MAX_REFERENCE: usize = 512;

/// What came of one object.
#[derive(Clone)]
pub(super) struct Decoded {
    pub(super) sighting: Sighting,
    pub(super) reach: Reach,
    /// The object that this one only adds to, where a source describes a cluster twice.
    pub(super) joins: Option<CleanText>,
}

/// What a decoder fills in.
struct Draft<'s> {
    setting: &'s Setting,
    /// The version of the API that the object was read in.
    version: &'s str,
    sighting: Sighting,
    reach: Reach,
    joins: Option<CleanText>,
}

/// The reference of an object, by which it is known in its source: `namespace/name`, or `name`.
pub(super) fn reference(resource: &Resource, object: &Value) -> Option<CleanText> {
    let metadata = object.get("metadata")?;
    let part = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    let name = part("name")?;
    let text = if resource.namespaced { format!("{}/{name}", part("namespace")?) } else { name.to_owned() };
    // A part may have the name of the whole.
    let text = if resource.part { format!("{} {text}", resource.plural) } else { text };
    Some(CleanText::with_cap(&text, MAX_REFERENCE))
}

/// Reads an object.
///
/// # Errors
/// If it has no name, which leaves nothing to know it by.
pub(super) fn decode(
    setting: &Setting,
    resource: &Resource,
    version: &str,
    object: &Value,
    now: DateTime<Utc>,
) -> Result<Decoded, Problem> {
    let Some(reference) = reference(resource, object) else {
        let what = if object.is_object() { "has no name" } else { kind(object) };
        return Err(Problem {
            severity: Severity::Warning,
            code: "BAD_OBJECT",
            origin: None,
            subject: CleanText::new(&resource.name()),
            message: CleanText::new(&format!(
                "an object of the list is left out: it is no object with metadata.name ({what})"
            )),
            hint: None,
        });
    };
    let metadata = |key: &str| {
        object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default()
    };
    let name = CleanText::with_cap(metadata("name"), MAX_REFERENCE);
    let place = if resource.namespaced {
        CleanText::with_cap(metadata("namespace"), 128)
    } else {
        CleanText::default()
    };
    let place = if place.is_empty() { String::new() } else { format!(" -n {place}") };
    let hint = format!("Look at it with: kubectl get {}{place} {name} -o yaml", resource.name());
    let mut reader = Reader::new(object, reference.clone(), CleanText::new(&hint));
    let mut sighting = Sighting::new(setting.kind, setting.id(&reference), name, now);
    let labels = reader.map(&["metadata", "labels"]);
    let labels =
        pairs(&mut reader, "metadata.labels", labels, |key| !key.starts_with("kubectl.kubernetes.io/"));
    sighting.labels = Arc::new(labels);
    sighting.facts.region = sighting.labels.get(&CleanText::new("topology.kubernetes.io/region")).cloned();
    let mut draft = Draft { setting, version, sighting, reach: Reach::Unsaid, joins: None };
    match resource.shape {
        Shape::ClusterProfile => cluster_profile::read(&mut reader, &mut draft),
        Shape::ClusterApi => cluster_api::read(&mut reader, &mut draft),
        Shape::NamespaceSet => cluster_profile::namespace(&mut reader, &mut draft),
        Shape::ControlPlane => cluster_api::control_plane(&mut reader, &mut draft),
        Shape::Argo => argo::read(&mut reader, &mut draft),
        Shape::Ocm => ocm::read(&mut reader, &mut draft),
        Shape::Karmada => karmada::read(&mut reader, &mut draft),
        Shape::RancherManagement => rancher::management(&mut reader, &mut draft),
        Shape::RancherProvisioning => rancher::provisioning(&mut reader, &mut draft),
        Shape::RancherFleet => fleets::rancher_fleet(&mut reader, &mut draft),
        Shape::KubeFleet => fleets::kube_fleet(&mut reader, &mut draft),
        Shape::KubeFed => legacy::kube_fed(&mut reader, &mut draft),
        Shape::ClusterRegistry => legacy::cluster_registry(&mut reader, &mut draft),
    }
    let Draft { mut sighting, reach, joins, .. } = draft;
    if reader.has(&["metadata", "deletionTimestamp"]) {
        sighting.facts.phase = Some(CleanText::new("Deleting"));
    }
    condition::age(&mut sighting.facts, now);
    add_labels(setting, &mut sighting);
    sighting.problems = reader.finish();
    Ok(Decoded { sighting, reach, joins })
}

/// What an object says together with what another one adds to it.
pub(super) fn join(kind: SourceKind, first: &Sighting, second: &Sighting) -> Sighting {
    match kind {
        SourceKind::Rancher => rancher::join(first, second),
        SourceKind::ClusterProfile => cluster_profile::join(first, second),
        _ => cluster_api::join(first, second),
    }
}

/// The labels that the fleet file gives all clusters of the source.
fn add_labels(setting: &Setting, sighting: &mut Sighting) {
    if setting.spec.labels.is_empty() {
        return;
    }
    let labels = Arc::make_mut(&mut sighting.labels);
    for (key, value) in &setting.spec.labels {
        labels.entry(CleanText::new(key)).or_insert_with(|| CleanText::new(value));
    }
}

/// Pairs of texts, cleaned and bounded.
fn pairs<'v>(
    reader: &mut Reader<'v>,
    place: &str,
    map: Option<&'v Map<String, Value>>,
    keep: impl Fn(&str) -> bool,
) -> BTreeMap<CleanText, CleanText> {
    let mut kept = BTreeMap::new();
    let Some(map) = map else { return kept };
    for (key, value) in map.iter().filter(|(key, _)| keep(key)) {
        if kept.len() == MAX_PAIRS {
            let message = format!("{place} has {} entries; the first {MAX_PAIRS} are kept", map.len());
            reader.tell(Severity::Note, "TOO_LARGE", &message, "");
            break;
        }
        let shown = CleanText::with_cap(key, 384);
        match value {
            Value::String(text) => drop(kept.insert(shown, CleanText::new(text))),
            other => {
                let message = format!("{place}.{shown} must be text, but is {}", kind(other));
                reader.tell(Severity::Warning, "BAD_OBJECT", &message, "");
            }
        }
    }
    kept
}

/// Properties written as a list of names and values, as claims are.
fn named_values(reader: &mut Reader<'_>, path: &[&str]) -> BTreeMap<CleanText, CleanText> {
    let prefix = format!("{}[]", path.join("."));
    let mut kept = BTreeMap::new();
    for item in reader.list(path) {
        if kept.len() == MAX_PAIRS {
            let message =
                format!("{} has more than {MAX_PAIRS} entries; the rest is left out", path.join("."));
            reader.tell(Severity::Note, "TOO_LARGE", &message, "");
            break;
        }
        let Some(name) = reader.text_in(item, &prefix, &["name"]) else { continue };
        if let Some(value) = reader.text_in(item, &prefix, &["value"]) {
            drop(kept.insert(CleanText::with_cap(name, 384), CleanText::new(value)));
        }
    }
    kept
}

/// Takes the version that the source writes, whether or not it is a whole one.
fn version(facts: &mut Facts, text: Option<&str>) {
    if let Some(text) = text {
        facts.version = text.trim().parse::<Version>().ok();
        facts.version_text = Some(CleanText::with_cap(text, 128));
    }
}

/// A text as it is shown.
fn clean(text: &str) -> CleanText {
    CleanText::with_cap(text, 512)
}

/// Takes `value` unless it is empty.
fn property(properties: &mut BTreeMap<CleanText, CleanText>, key: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        properties.entry(CleanText::new(key)).or_insert_with(|| CleanText::new(value));
    }
}

/// What two opinions come to: the worse one.
fn worse(a: Truth, b: Truth) -> Truth {
    a.and(b)
}

impl Draft<'_> {
    /// Takes the server's address that stands at `place`, in normal form.
    fn server(&mut self, reader: &mut Reader<'_>, place: &str, text: &str) {
        match address::server_of(text) {
            Ok(server) => {
                self.sighting.fronted = !server.path.is_empty();
                self.sighting.server = Some(address::normal(&server));
            }
            Err(error) => {
                let hint = "It should look like https://host:6443.";
                reader.tell(Severity::Warning, "BAD_SERVER", &format!("{place}: {error}"), hint);
            }
        }
    }

    /// The same for an address that an agent inside the cluster may have given: that of the service `kubernetes` is the same
    /// in many clusters and leads nowhere from outside.
    fn server_from_inside(&mut self, reader: &mut Reader<'_>, place: &str, text: &str) {
        let inside = address::server_of(text).is_ok_and(|server| {
            let ip = server.host.parse::<IpAddr>();
            server.port == 443 && ip.is_ok_and(is_private) || server.host.rsplit('.').next() == Some("svc")
        });
        if !inside {
            self.server(reader, place, text);
        }
    }

    /// Takes the signing certificates that stand at `place` as base64 of PEM.
    fn authority(&mut self, reader: &mut Reader<'_>, place: &str, base64: Option<&str>) {
        let Some(text) = base64 else { return };
        match decoded(text) {
            Some(pem) if !self.sighting.fronted => self.sighting.authorities = fingerprints(&pem),
            Some(_) => {}
            None => reader.tell(Severity::Warning, "BAD_CA", &format!("{place} is not valid base64"), ""),
        }
    }
}

/// RFC 1918, RFC 6598 and RFC 4193, where networks of services are.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64),
        IpAddr::V6(ip) => ip.segments()[0] & 0xfe00 == 0xfc00,
    }
}

/// Decodes base64, with or without padding and line breaks.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').collect();
    STANDARD_NO_PAD.decode(packed).ok()
}
