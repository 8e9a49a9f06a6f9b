//! A minimal OpenAPI description: enough for kubectl to find that the server itself validates fields.
//!
//! kubectl reads v3 per group and version, looks for the PATCH of a kind and the `fieldValidation` parameter there, and
//! then leaves validation to the server. Version 2 is there for clients that ask for it, with kinds and no fields.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::kinds::{KINDS, Kind};
use super::reply::{Reply, json_value, no_page, whole};

/// The media type under which kubectl asks for version 2.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// `/openapi/v2`, `/openapi/v3` and `/openapi/v3/api/v1` and its like.
pub(super) fn answer(path: &[&str], headers: &HeaderMap, version: &str) -> Reply {
    match path {
        ["openapi", "v2"] => second(headers, version),
        ["openapi", "v3"] => json_value(StatusCode::OK, &index()),
        ["openapi", "v3", "api", "v1"] => third("", "v1", version),
        ["openapi", "v3", "apis", group, of] => third(group, of, version),
        _ => no_page(),
    }
}

fn index() -> Value {
    let mut paths = Map::new();
    for kind in described() {
        let path = base(kind.group, kind.version);
        let path = path.trim_start_matches('/').to_owned();
        paths.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash=1")}));
    }
    json!({"paths": paths})
}

/// The kinds that are described: what members serve, some of them. kubectl leaves the others to the server unseen.
fn described() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter()
}

fn base(group: &str, version: &str) -> String {
    if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/{version}") }
}

fn gvk(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

/// The schema's name, after the Go package as Kubernetes does it.
fn schema_name(kind: &Kind) -> String {
    let group = kind.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    format!("io.k8s.api.{group}.{}.{}", kind.version, kind.kind)
}

fn third(group: &str, of: &str, version: &str) -> Reply {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for kind in described().filter(|kind| (kind.group, kind.version) == (group, of)) {
        let namespace = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("{}{namespace}/{}", base(group, of), kind.plural);
        let query = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let parameters = json!([query("dryRun"), query("fieldManager"), query("fieldValidation")]);
        let operation = |action: &str| {
            json!({"parameters": parameters, "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk(kind)})
        };
        paths.insert(collection.clone(), json!({"post": operation("post")}));
        if kind.stored {
            let item = json!({"patch": operation("patch"), "put": operation("put")});
            paths.insert(format!("{collection}/{{name}}"), item);
        }
        let schema = json!({"type": "object", "x-kubernetes-group-version-kind": [gvk(kind)]});
        schemas.insert(schema_name(kind), schema);
    }
    if paths.is_empty() {
        return no_page();
    }
    let document = json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": version}, "paths": paths,
        "components": {"schemas": schemas}});
    json_value(StatusCode::OK, &document)
}

fn second(headers: &HeaderMap, version: &str) -> Reply {
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|accept| accept.contains("protobuf"));
    if headers.get_all(header::ACCEPT).iter().any(accepts) {
        return whole(StatusCode::OK, PROTOBUF, document(version));
    }
    let definitions: Map<String, Value> = KINDS
        .iter()
        .map(|kind| {
            (schema_name(kind), json!({"type": "object", "x-kubernetes-group-version-kind": [gvk(kind)]}))
        })
        .collect();
    json_value(
        StatusCode::OK,
        &json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": version},
        "paths": {}, "definitions": definitions}),
    )
}

/// The document as protobuf (gnostic openapi.v2.Document): swagger = 1, info = 2 (title = 1, version = 2), paths = 8.
fn document(version: &str) -> Vec<u8> {
    let mut info = field(1, b"Kubernetes");
    info.extend(field(2, version.as_bytes()));
    let mut document = field(1, b"2.0");
    document.extend(field(2, &info));
    document.extend(field(8, b""));
    document
}

/// A length-delimited field; everything here is shorter than 128 bytes, so that lengths are one byte.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len().min(127)).unwrap_or_default();
    let mut bytes = vec![number << 3 | 2, length];
    bytes.extend(content.iter().take(usize::from(length)));
    bytes
}
