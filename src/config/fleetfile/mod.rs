//! The shared fleet file: YAML texts of several objects in, [`FleetFile`] out.
//!
//! * One description rules: the published JSON Schemas ([`fleet_schema`]), made from the spec structs and completed with what must be
//!   there, closed sets of words and grammars of texts. [`parse_fleet`] walks the file along them, so what it accepts is valid.
//! * Everything that is wrong is told at once, with its place. An unknown key is an error: the file guards protection, and a
//!   word that nobody reads guards nothing.
//! * An object with an error is left out and the rest loads; `FleetFile::incomplete` says that classes may be missing, so that no
//!   cluster is taken for less precious than it is.
//! * What names other objects is looked at in [`join()`], when the machine's own file and the person's are together.

mod check;
mod draft;
mod join;
mod schema;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;

use crate::fleet::spec::{
    API_VERSION, BundleSpec, ClassSpec, ClusterSpec, FleetFile, FleetSpec, Object, WaveStrategySpec,
};
use crate::fleet::{Origin, Problem, Severity};

use super::near;
use super::yaml::{self, Node, Value};
use walk::Walk;

pub use draft::{Draft, DraftClass, DraftCloud, DraftHub, draft};
pub use join::join;
pub use schema::{EXEC_KIND, FLEET_KINDS, exec_schema_text, fleet_schema, fleet_schema_text, fleet_schemas};

/// The class of `Cluster` objects that cannot be read. No class can be called so.
const UNREAD_CLASS: &str = "";

/// Most problems that are told of one file.
const MAX_PROBLEMS: usize = 500;

/// Reads one text. `policy` says that it is the machine's own file. `path` only names the file in problems.
///
/// Names of other objects (`Fleet.spec.classes`, `inherits`) are not looked at here, since they may stand in another file: see
/// [`join()`].
pub fn parse_fleet(path: &Path, text: &str, policy: bool) -> FleetFile {
    let (documents, error) = yaml::documents(text);
    let mut file = FleetFile::default();
    let mut walk = Walk::new(path);
    for document in &documents {
        object(&mut walk, document, policy, &mut file);
    }
    if let Some(error) = error {
        walk.subject("file");
        walk.error(
            "SYNTAX",
            error.at,
            "",
            error.reason,
            "What stands before it was read, what stands after it was not.",
        );
        file.incomplete = true;
    }
    file.problems = walk.finish();
    if file.problems.len() > MAX_PROBLEMS {
        file.problems.truncate(MAX_PROBLEMS);
        file.problems.push(Problem {
            severity: Severity::Note,
            code: "MORE_PROBLEMS",
            origin: Some(Origin { path: path.to_owned(), line: None, column: None }),
            subject: "file".into(),
            message: "there is more wrong than is told".into(),
            hint: None,
        });
    }
    file
}

/// Reads one document into the file's lists.
fn object(walk: &mut Walk<'_>, node: &Node<'_>, policy: bool, file: &mut FleetFile) {
    let before = walk.errors();
    let Some(kind) = kind_of(walk, node) else {
        file.incomplete = true;
        return;
    };
    let read = match kind {
        "Fleet" => {
            let read = typed::<FleetSpec>(walk, node, kind, policy, before, check::fleet);
            match read {
                Some(object) if file.fleet.is_none() => {
                    file.fleet = Some(object);
                    true
                }
                Some(object) => {
                    let hint = "One Fleet object ties all others together; write its parts into one.";
                    walk.told(
                        Severity::Error,
                        "DUPLICATE_NAME",
                        &object.origin,
                        "a second Fleet object",
                        hint,
                    );
                    false
                }
                None => false,
            }
        }
        "Class" => {
            let read = typed::<ClassSpec>(walk, node, kind, policy, before, check::class);
            add(walk, &mut file.classes, read)
        }
        "Cluster" => {
            let read = typed::<ClusterSpec>(walk, node, kind, policy, before, |_, _| {});
            // What is left of a broken one stands for the cluster: it may have been of any class.
            let read = read.or_else(|| remains(node, policy, walk.origin(node.at)));
            add(walk, &mut file.clusters, read)
        }
        "WaveStrategy" => {
            let read = typed::<WaveStrategySpec>(walk, node, kind, policy, before, check::strategy);
            add(walk, &mut file.strategies, read);
            true
        }
        _ => {
            let read = typed::<BundleSpec>(walk, node, kind, policy, before, check::bundle);
            add(walk, &mut file.bundles, read);
            true
        }
    };
    file.incomplete |= !read;
}

/// Adds an object unless its name is taken; whether it was added.
fn add<T>(walk: &mut Walk<'_>, list: &mut Vec<Object<T>>, object: Option<Object<T>>) -> bool {
    let Some(object) = object else { return false };
    if let Some(first) = list.iter().find(|o| o.name == object.name) {
        let message = match first.origin.line {
            Some(line) => format!("the name is taken by the object in line {line}"),
            None => "the name is taken by an object before it".to_owned(),
        };
        let at = object.place("metadata.name").clone();
        walk.told(Severity::Error, "DUPLICATE_NAME", &at, &message, "Names are unique within a kind.");
        return false;
    }
    list.push(object);
    true
}

/// The kind of an object, if it is one of ours.
fn kind_of(walk: &mut Walk<'_>, node: &Node<'_>) -> Option<&'static str> {
    walk.subject("object");
    if !matches!(node.value(), Value::Map(_)) {
        let message = format!("expected an object, found {}", node.kind());
        walk.error("BAD_TYPE", node.at, "", &message, "Objects have apiVersion, kind, metadata and spec.");
        return None;
    }
    let version = node.get("apiVersion");
    if version.and_then(|(_, v)| v.text()) != Some(API_VERSION) {
        let hint = format!("Write `apiVersion: {API_VERSION}`.");
        match version {
            Some((_, v)) => {
                walk.error("BAD_API_VERSION", v.at, "apiVersion", "not a version that is known here", &hint);
            }
            None => walk.error("MISSING", node.at, "apiVersion", "missing", &hint),
        }
        return None;
    }
    let Some((_, value)) = node.get("kind") else {
        let hint = format!("One of: {}.", FLEET_KINDS.join(", "));
        walk.error("MISSING", node.at, "kind", "missing", &hint);
        return None;
    };
    let text = value.text().unwrap_or_default();
    let known = FLEET_KINDS.iter().find(|k| **k == text);
    if known.is_none() {
        let hint = match near(text, FLEET_KINDS.iter().copied()) {
            Some(word) => format!("Did you mean `{word}`?"),
            None => format!("One of: {}.", FLEET_KINDS.join(", ")),
        };
        walk.error("UNKNOWN_KIND", value.at, "kind", "not a kind that is known here", &hint);
    }
    known.copied()
}

/// A `Cluster` object that cannot be read, by its name and its UID, of a class that is not there; `None` if it has no name.
fn remains(node: &Node<'_>, policy: bool, origin: Origin) -> Option<Object<ClusterSpec>> {
    let text = |of: &str, key: &str| {
        let (_, value) = node.get(of).and_then(|(_, part)| part.get(key))?;
        value.text().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let spec = ClusterSpec {
        uid: text("spec", "uid"),
        class: Some(UNREAD_CLASS.to_owned()),
        ..ClusterSpec::default()
    };
    let name = text("metadata", "name")?;
    Some(Object { name, labels: BTreeMap::new(), origin, places: BTreeMap::new(), policy, spec })
}

/// Walks the object along its schema, and reads what came through.
fn typed<T: serde::de::DeserializeOwned>(
    walk: &mut Walk<'_>,
    node: &Node<'_>,
    kind: &'static str,
    policy: bool,
    before: usize,
    check: impl FnOnce(&mut Walk<'_>, &Object<T>),
) -> Option<Object<T>> {
    let name = node.get("metadata").and_then(|(_, m)| m.get("name")).and_then(|(_, n)| n.text());
    walk.subject(&match name {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    });
    let (mut json, places) = walk.object(node, schema::of(kind))?;
    let origin = walk.origin(node.at);
    let spec = json.remove("spec").unwrap_or_else(|| serde_json::json!({}));
    let mut metadata = json.remove("metadata").unwrap_or_default();
    let labels = metadata.get_mut("labels").map(serde_json::Value::take).unwrap_or_default();
    let Ok(spec) = serde_json::from_value(spec) else {
        if walk.errors() == before {
            walk.error(
                "BAD_TYPE",
                node.at,
                "spec",
                "not what its kind has",
                "See `fleetglass schema` for its shape.",
            );
        }
        return None;
    };
    let labels = serde_json::from_value(labels).unwrap_or_default();
    let object = Object { name: name.unwrap_or_default().to_owned(), labels, origin, places, policy, spec };
    check(walk, &object);
    (walk.errors() == before).then_some(object)
}

#[cfg(test)]
mod tests;
