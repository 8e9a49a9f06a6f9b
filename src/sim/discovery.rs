//! Discovery: which groups, versions and resources are served, one by one and aggregated (KEP-3352).

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::accept::Form;
use super::kinds::{KINDS, Kind, groups, of_group};
use super::reply::{Outcome, Refused, Reply, json_value, no_page};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/api`, `/apis` and what lies below them, by path segments.
pub(super) fn answer(path: &[&str], form: Form, port: u16) -> Outcome {
    let aggregated = form == Form::Discovery;
    match path {
        ["api"] if aggregated => Ok(aggregate(&[""])),
        ["apis"] if aggregated => Ok(aggregate(&groups())),
        _ if !is_served(path) => Ok(no_page()),
        _ if form != Form::Plain => Err(Refused::not_acceptable()),
        ["api"] => Ok(json_value(
            StatusCode::OK,
            &json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": format!("127.0.0.1:{port}")}]}),
        )),
        ["apis"] => {
            let list: Vec<Value> = groups().iter().map(|group| group_of(group)).collect();
            Ok(json_value(
                StatusCode::OK,
                &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list}),
            ))
        }
        ["apis", group] if groups().contains(group) => {
            let mut value = group_of(group);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("kind".into(), "APIGroup".into());
                fields.insert("apiVersion".into(), "v1".into());
            }
            Ok(json_value(StatusCode::OK, &value))
        }
        ["api", "v1"] => Ok(resources("")),
        ["apis", group, "v1"] if groups().contains(group) => Ok(resources(group)),
        _ => Err(Refused::not_served()),
    }
}

/// True for paths in a group and version that is served, where what is missing is a resource.
fn is_served(path: &[&str]) -> bool {
    match path {
        ["api" | "apis"] | ["api", "v1", ..] => true,
        ["apis", group] | ["apis", group, "v1", ..] => groups().contains(group),
        _ => false,
    }
}

fn group_of(group: &str) -> Value {
    let version = json!({"groupVersion": format!("{group}/v1"), "version": "v1"});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn resources(group: &str) -> Reply {
    let mut list = Vec::new();
    for kind in of_group(group) {
        list.push(resource(kind));
        list.extend(kind.subresources.iter().map(|sub| {
            json!({"name": format!("{}/{sub}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": sub_verbs(sub)})
        }));
    }
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let value =
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list});
    json_value(StatusCode::OK, &value)
}

fn resource(kind: &Kind) -> Value {
    let mut value = json!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": kind.verbs()});
    if let Some(fields) = value.as_object_mut() {
        names(kind, fields);
    }
    value
}

/// Short names and categories, left out where there are none.
fn names(kind: &Kind, fields: &mut Map<String, Value>) {
    if !kind.short.is_empty() {
        fields.insert("shortNames".into(), json!(kind.short));
    }
    if !kind.categories.is_empty() {
        fields.insert("categories".into(), json!(kind.categories));
    }
}

fn sub_verbs(subresource: &str) -> &'static [&'static str] {
    if subresource == "status" { &["get", "patch", "update"] } else { &["update"] }
}

fn aggregate(groups: &[&str]) -> Reply {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let resources: Vec<Value> =
                KINDS.iter().filter(|kind| kind.group == *group).map(discovered).collect();
            let mut metadata = json!({});
            if let (false, Some(fields)) = (group.is_empty(), metadata.as_object_mut()) {
                fields.insert("name".into(), (*group).into());
            }
            json!({"metadata": metadata,
                "versions": [{"version": "v1", "resources": resources, "freshness": "Current"}]})
        })
        .collect();
    let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
        "items": items});
    let mut reply = json_value(StatusCode::OK, &list);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
    reply
}

fn discovered(kind: &Kind) -> Value {
    let response = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    let mut value = json!({"resource": kind.plural, "responseKind": response, "singularResource": kind.singular,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "verbs": kind.verbs()});
    if let Some(fields) = value.as_object_mut() {
        names(kind, fields);
        if !kind.subresources.is_empty() {
            let subresources: Vec<Value> = kind
                .subresources
                .iter()
                .map(|sub| json!({"subresource": sub, "responseKind": response, "verbs": sub_verbs(sub)}))
                .collect();
            fields.insert("subresources".into(), subresources.into());
        }
    }
    value
}
