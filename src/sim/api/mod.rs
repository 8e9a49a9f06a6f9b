//! Resource requests: reading, watching, writing and the reviews of one's own rights.

mod fields;
mod patch;
mod protobuf;
mod read;
mod review;
mod watch;
mod write;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::accept::{self, Form};
use super::auth::authorize;
use super::cluster::Cluster;
use super::kinds::Kind;
use super::rbac::Identity;
use super::reply::{Outcome, Refused};
use super::request::{Asked, Target};
use super::store::Object;

/// A request that passed authentication.
pub(super) struct Call<'a> {
    pub(super) cluster: &'a std::sync::Arc<Cluster>,
    pub(super) who: &'a Identity,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) asked: &'a Asked,
    pub(super) body: Bytes,
}

impl Call<'_> {
    fn form(&self) -> Result<Form, Refused> {
        accept::form(self.headers)
    }
}

/// Answers a request for a resource.
pub(super) fn answer(call: &Call<'_>, target: &Target) -> Outcome {
    let watch = call.asked.flag("watch") && *call.method == Method::GET;
    let verb = target.verb(call.method, watch);
    authorize(call.cluster, call.who, target, verb)?;
    match &target.subresource {
        Some(sub) if !target.kind.subresources.contains(&sub.as_str()) => return Err(Refused::not_served()),
        _ => {}
    }
    if !target.kind.stored {
        return if verb == "create" {
            review::review(call, target)
        } else {
            Err(Refused::method_not_allowed())
        };
    }
    // Namespaced objects have no address but in their namespace; only reading goes across.
    let placed = target.namespace.is_empty() != target.kind.namespaced;
    match verb {
        "list" => read::list(call, target),
        "watch" => watch::watch(call, target),
        _ if !placed => Err(Refused::method_not_allowed()),
        "get" => read::get(call, target),
        "create" => write::create(call, target),
        "update" => write::update(call, target),
        "patch" if target.name.is_some() => write::patched(call, target),
        "delete" => write::delete(call, target),
        _ => Err(Refused::method_not_allowed()),
    }
}

/// An object with kind and apiVersion in front, in the shape of the group it is asked in.
pub(super) fn typed(kind: &Kind, mut object: Value) -> Value {
    if kind.group == "events.k8s.io" {
        object = new_event(&object);
    }
    if let Some(fields) = object.as_object_mut() {
        fields.insert("kind".into(), kind.kind.into());
        fields.insert("apiVersion".into(), kind.api_version().into());
    }
    object
}

/// The JSON of a kept object with kind and apiVersion, without parsing it where that can be spared.
fn typed_json(kind: &Kind, object: &Object) -> Vec<u8> {
    if kind.group == "events.k8s.io" {
        return typed(kind, object.value()).to_string().into_bytes();
    }
    let mut json =
        format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", kind.kind, kind.api_version()).into_bytes();
    json.extend_from_slice(object.json.get(1..).unwrap_or_default());
    json
}

/// A core event in the fields of `events.k8s.io/v1`.
fn new_event(old: &Value) -> Value {
    let take = |field: &str| old.get(field).cloned().unwrap_or_default();
    let mut event = json!({
        "metadata": take("metadata"),
        "eventTime": take("eventTime"),
        "regarding": take("involvedObject"),
        "note": take("message"),
        "reason": take("reason"),
        "type": take("type"),
        "deprecatedSource": take("source"),
        "deprecatedFirstTimestamp": take("firstTimestamp"),
        "deprecatedLastTimestamp": take("lastTimestamp"),
        "deprecatedCount": take("count"),
        "reportingController": take("reportingComponent"),
        "reportingInstance": take("reportingInstance"),
    });
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|name, value| !value.is_null() || name == "eventTime");
        for field in ["action", "series", "related"] {
            if let Some(value) = old.get(field) {
                fields.insert(field.into(), value.clone());
            }
        }
    }
    event
}

/// The other way: an `events.k8s.io/v1` event as it is kept.
fn old_event(new: &Value) -> Value {
    let names = [
        ("regarding", "involvedObject"),
        ("note", "message"),
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("reportingController", "reportingComponent"),
    ];
    let mut event = new.clone();
    if let Some(fields) = event.as_object_mut() {
        for (new, old) in names {
            if let Some(value) = fields.remove(new) {
                fields.insert(old.into(), value);
            }
        }
    }
    event
}
