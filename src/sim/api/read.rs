//! Get and list: whole objects, Tables, partial metadata, pages.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::accept::Form;
use super::super::kinds::Kind;
use super::super::reply::{Outcome, Refused, json_bytes, json_value};
use super::super::request::Target;
use super::super::select::Filter;
use super::super::store::{Key, Object};
use super::super::table::{Include, include, partial, table};
use super::super::workload::nodes_for_table;
use super::{Call, typed, typed_json};

/// One object.
pub(super) fn get(call: &Call<'_>, target: &Target) -> Outcome {
    let kind = target.kind;
    let name = target.name.as_deref().unwrap_or_default();
    let form = call.form()?;
    let shelf = kind.shelf();
    let found = call.cluster.with_store(&[shelf], |store| store.get(shelf, &target.namespace, name));
    let object = found.ok_or_else(|| Refused::not_found(kind, name))?;
    match form {
        Form::Plain => {
            let mut json = typed_json(kind, &object);
            json.push(b'\n');
            Ok(json_bytes(json))
        }
        Form::Table => {
            let metadata = json!({"resourceVersion": object.revision.to_string()});
            let now = call.cluster.world.clock.now();
            let value = table(kind, metadata, &[object.value()], include(call.asked)?, now, true);
            Ok(json_value(StatusCode::OK, &value))
        }
        Form::Metadata => Ok(json_value(StatusCode::OK, &partial(&object.value()))),
        Form::MetadataList => Err(Refused::not_that_shape("PartialObjectMetadataList", kind, false)),
        Form::Discovery => Err(Refused::not_acceptable()),
    }
}

/// What a page of a list holds.
struct Page {
    objects: Vec<(Arc<Object>, Option<Value>)>,
    metadata: Value,
}

/// A list, whole or by pages.
pub(super) fn list(call: &Call<'_>, target: &Target) -> Outcome {
    let kind = target.kind;
    let form = call.form()?;
    let filter = Filter::new(kind, call.asked)?;
    let now = call.cluster.world.clock.now();
    match form {
        Form::Plain => {
            let page = page(call, target, &filter)?;
            Ok(json_bytes(plain(kind, &page)))
        }
        Form::Table => {
            let include = include(call.asked)?;
            let plain_question = filter.is_empty()
                && target.namespace.is_empty()
                && include == Include::None
                && ["limit", "continue", "resourceVersion"]
                    .iter()
                    .all(|name| call.asked.query(name).is_none());
            if plain_question {
                return Ok(json_bytes(call.cluster.ready_table(kind, || whole_table(call, kind))));
            }
            let page = page(call, target, &filter)?;
            let objects: Vec<Value> = page.objects.into_iter().map(value).collect();
            Ok(json_value(StatusCode::OK, &table(kind, page.metadata, &objects, include, now, true)))
        }
        Form::MetadataList => {
            let page = page(call, target, &filter)?;
            let items: Vec<Value> = page.objects.into_iter().map(|object| partial(&value(object))).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                "metadata": page.metadata, "items": items});
            Ok(json_value(StatusCode::OK, &list))
        }
        Form::Metadata => Err(Refused::not_that_shape("PartialObjectMetadata", kind, true)),
        Form::Discovery => Err(Refused::not_acceptable()),
    }
}

/// Everything of a kind as a Table without objects, and the revision of the kind that it shows.
///
/// A fleet is mostly polled for this one answer, so nodes that nobody has looked at otherwise are made for it in short
/// and not kept.
fn whole_table(call: &Call<'_>, kind: &'static Kind) -> (u64, Bytes) {
    let (cluster, shelf) = (call.cluster, kind.shelf());
    let (values, changed, revision) = if shelf == "nodes" && !cluster.is_stocked(shelf) {
        (nodes_for_table(&cluster.truth, &cluster.world), 0, cluster.revision())
    } else {
        let (objects, changed, revision) = cluster.with_store(&[shelf], |store| {
            (store.list(shelf, "", None), store.changed(shelf), store.revision())
        });
        (objects.iter().map(|object| object.value()).collect(), changed, revision)
    };
    let metadata = json!({"resourceVersion": revision.to_string()});
    let table = table(kind, metadata, &values, Include::None, cluster.world.clock.now(), true);
    (changed, Bytes::from(format!("{table}\n")))
}

fn value((object, parsed): (Arc<Object>, Option<Value>)) -> Value {
    parsed.unwrap_or_else(|| object.value())
}

fn page(call: &Call<'_>, target: &Target, filter: &Filter) -> Result<Page, Refused> {
    let shelf = target.kind.shelf();
    let limit = match call.asked.query("limit").map(str::parse::<usize>) {
        None | Some(Ok(0)) => usize::MAX,
        Some(Ok(limit)) => limit,
        Some(Err(_)) => {
            let limit = call.asked.query("limit").unwrap_or_default();
            return Err(Refused::bad_request(format!(
                "strconv.ParseInt: parsing \"{limit}\": invalid syntax"
            )));
        }
    };
    let from = call.asked.query("continue").map(token_from).transpose()?;
    let wanted = call.asked.query("resourceVersion").map(|revision| {
        let why = format!(
            "invalid resource version: resourceVersion: Invalid value: \"{revision}\": strconv.ParseUint: parsing \
             \"{revision}\": invalid syntax"
        );
        revision.parse::<u64>().map_err(|_| Refused::bad_request(why))
    });
    let wanted = wanted.transpose()?.unwrap_or_default();
    let after = from.as_ref().map(|(_, key)| key);
    let (kept, revision, gone) = call.cluster.with_store(&[shelf], |store| {
        let gone = from.as_ref().is_some_and(|(revision, _)| store.is_gone(*revision));
        (store.list(shelf, &target.namespace, after), store.revision(), gone)
    });
    if gone {
        return Err(Refused::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter.",
        ));
    }
    if wanted > revision {
        return Err(Refused::too_large_revision(wanted, revision));
    }
    let revision = from.as_ref().map_or(revision, |(revision, _)| *revision);
    let mut passing = kept.into_iter().filter_map(|object| {
        if filter.is_empty() {
            return Some((object, None));
        }
        let value = object.value();
        filter.passes(&value).then_some((object, Some(value)))
    });
    let objects: Vec<_> = passing.by_ref().take(limit).collect();
    let rest = passing.count();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let (true, Some((last, _)), Some(metadata)) = (rest > 0, objects.last(), metadata.as_object_mut()) {
        metadata.insert("continue".into(), token(revision, last).into());
        if filter.is_empty() {
            metadata.insert("remainingItemCount".into(), rest.into());
        }
    }
    Ok(Page { objects, metadata })
}

fn plain(kind: &Kind, page: &Page) -> Vec<u8> {
    let head = format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[",
        kind.kind,
        kind.api_version(),
        page.metadata
    );
    let mut json = head.into_bytes();
    let mut first = true;
    for (object, _) in &page.objects {
        if !first {
            json.push(b',');
        }
        first = false;
        if kind.group == "events.k8s.io" {
            let mut event = typed(kind, object.value());
            if let Some(fields) = event.as_object_mut() {
                fields.remove("kind");
                fields.remove("apiVersion");
            }
            json.extend_from_slice(event.to_string().as_bytes());
        } else {
            json.extend_from_slice(&object.json);
        }
    }
    json.extend_from_slice(b"]}\n");
    json
}

/// A continue token: opaque to clients, the revision of the first page and the last key here.
fn token(revision: u64, last: &Object) -> String {
    let start = format!("{}/{}\u{0}", last.namespace, last.name);
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

fn token_from(text: &str) -> Result<(u64, Key), Refused> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let token: Value = serde_json::from_slice(&bytes).ok()?;
        let (namespace, name) = token.get("start")?.as_str()?.trim_end_matches('\u{0}').split_once('/')?;
        Some((token.get("rv")?.as_u64()?, (namespace.to_owned(), name.to_owned())))
    };
    read().ok_or_else(|| Refused::bad_request("invalid continue token: continue key is not valid"))
}
