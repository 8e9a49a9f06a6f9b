//! Discovery: which groups, versions and resources are served, one by one and aggregated (KEP-3352).

use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::accept::Form;
use super::cluster::Cluster;
use super::kinds::Kind;
use super::reply::{Outcome, Refused, Reply, json_value, no_page};

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `/api`, `/apis` and what lies below them, by path segments.
pub(super) fn answer(path: &[&str], form: Form, cluster: &Cluster) -> Outcome {
    let served = Served::by(cluster);
    let port = cluster.port;
    let aggregated = form == Form::Discovery;
    match path {
        ["api"] if aggregated => Ok(served.aggregate(&[""])),
        ["apis"] if aggregated => Ok(served.aggregate(&served.groups())),
        _ if !served.knows(path) => Ok(no_page()),
        _ if form != Form::Plain => Err(Refused::not_acceptable()),
        ["api"] => Ok(json_value(
            StatusCode::OK,
            &json!({"kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": format!("127.0.0.1:{port}")}]}),
        )),
        ["apis"] => {
            let list: Vec<Value> = served.groups().iter().map(|group| served.group(group)).collect();
            Ok(json_value(
                StatusCode::OK,
                &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list}),
            ))
        }
        ["apis", group] if served.groups().contains(group) => {
            let mut value = served.group(group);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("kind".into(), "APIGroup".into());
                fields.insert("apiVersion".into(), "v1".into());
            }
            Ok(json_value(StatusCode::OK, &value))
        }
        ["api", "v1"] => Ok(served.resources("", "v1")),
        ["apis", group, version] if served.has(group, version) => Ok(served.resources(group, version)),
        _ => Err(Refused::not_served()),
    }
}

/// The kinds that a server serves.
struct Served(Vec<&'static Kind>);

impl Served {
    fn by(cluster: &Cluster) -> Self {
        Self(cluster.kinds().collect())
    }

    /// The groups with a name, each once, in the order of discovery.
    fn groups(&self) -> Vec<&'static str> {
        let mut groups: Vec<_> =
            self.0.iter().map(|kind| kind.group).filter(|group| !group.is_empty()).collect();
        groups.dedup();
        groups
    }

    fn has(&self, group: &str, version: &str) -> bool {
        self.0.iter().any(|kind| (kind.group, kind.version) == (group, version))
    }

    /// The versions of a group, the preferred one first.
    fn versions(&self, group: &str) -> Vec<&'static str> {
        let mut versions: Vec<&'static str> = Vec::new();
        for kind in self.0.iter().filter(|kind| kind.group == group) {
            if !versions.contains(&kind.version) {
                versions.push(kind.version);
            }
        }
        // A stable version goes before those that are not, the newer before the older.
        versions.sort_by_key(|version| (version.len() > 2, std::cmp::Reverse(*version)));
        versions
    }

    /// True for paths in a group and version that is served, where what is missing is a resource.
    fn knows(&self, path: &[&str]) -> bool {
        match path {
            ["api" | "apis"] | ["api", "v1", ..] => true,
            ["apis", group] => self.groups().contains(group),
            ["apis", group, version, ..] => self.has(group, version),
            _ => false,
        }
    }

    fn group(&self, group: &str) -> Value {
        let version =
            |version: &&str| json!({"groupVersion": format!("{group}/{version}"), "version": version});
        let versions: Vec<Value> = self.versions(group).iter().map(version).collect();
        json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
    }

    fn resources(&self, group: &str, version: &str) -> Reply {
        let mut list = Vec::new();
        for kind in self.0.iter().filter(|kind| (kind.group, kind.version) == (group, version)) {
            list.push(resource(kind));
            list.extend(kind.subresources.iter().map(|sub| {
                json!({"name": format!("{}/{sub}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                    "kind": kind.kind, "verbs": sub_verbs(sub)})
            }));
        }
        let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/{version}") };
        let value = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list});
        json_value(StatusCode::OK, &value)
    }

    fn aggregate(&self, groups: &[&str]) -> Reply {
        let of = |group: &str, version: &str| -> Vec<Value> {
            let of = self.0.iter().filter(|kind| (kind.group, kind.version) == (group, version));
            of.map(|kind| discovered(kind)).collect()
        };
        let items: Vec<Value> = groups
            .iter()
            .map(|group| {
                let mut metadata = json!({});
                if let (false, Some(fields)) = (group.is_empty(), metadata.as_object_mut()) {
                    fields.insert("name".into(), (*group).into());
                }
                let version = |version: &&str| {
                    json!({"version": version, "resources": of(group, version), "freshness": "Current"})
                };
                let versions: Vec<Value> = self.versions(group).iter().map(version).collect();
                json!({"metadata": metadata, "versions": versions})
            })
            .collect();
        let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
            "items": items});
        let mut reply = json_value(StatusCode::OK, &list);
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(AGGREGATED));
        reply
    }
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
