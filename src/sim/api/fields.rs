//! managedFields: who wrote which field (KEP-555), in FieldsV1 form.
//!
//! Fields are kept as sets of paths; a path's last step is a leaf or a list that is replaced whole. Lists with a merge
//! key are entered item by item. Without schemas a map is always entered, which is what granular types do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::kinds::Kind;
use super::patch::merge_key;

/// One step: `f:name`, or `k:{"name":"x"}` for an item of a keyed list.
type Path = Vec<String>;

/// Fields that no manager owns.
const UNOWNED: &[&[&str]] = &[
    &["kind"],
    &["apiVersion"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
    &["metadata", "generation"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "managedFields"],
];

/// Every leaf of a tree with its value.
fn leaves(value: &Value) -> Vec<(Path, Value)> {
    let mut found = Vec::new();
    walk(value, "", &mut Vec::new(), &mut found);
    found.retain(|(path, _)| {
        let owned = |unowned: &&[&str]| {
            path.len() >= unowned.len()
                && path.iter().zip(unowned.iter()).all(|(step, name)| step.strip_prefix("f:") == Some(*name))
        };
        !UNOWNED.iter().any(owned)
    });
    found
}

fn walk(value: &Value, field: &str, path: &mut Path, found: &mut Vec<(Path, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                path.push(format!("f:{name}"));
                walk(value, name, path, found);
                path.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => match merge_key(field, items) {
            Some(key) => {
                for item in items {
                    let mut named = Map::new();
                    named.insert(key.to_owned(), item.get(key).cloned().unwrap_or_default());
                    path.push(format!("k:{}", Value::Object(named)));
                    walk(item, "", path, found);
                    path.pop();
                }
            }
            None => found.push((path.clone(), value.clone())),
        },
        _ => found.push((path.clone(), value.clone())),
    }
}

/// FieldsV1 of a set of paths.
fn tree(paths: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in paths {
        let mut at = &mut root;
        for step in path {
            let Some(fields) = at.as_object_mut() else { break };
            at = fields.entry(step.clone()).or_insert_with(|| json!({}));
        }
    }
    root
}

/// The paths of FieldsV1.
fn paths(tree: &Value) -> BTreeSet<Path> {
    fn descend(tree: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
        let steps = tree.as_object().into_iter().flatten().filter(|(step, _)| *step != ".");
        let mut any = false;
        for (step, below) in steps {
            any = true;
            path.push(step.clone());
            descend(below, path, found);
            path.pop();
        }
        if !any && !path.is_empty() {
            found.insert(path.clone());
        }
    }
    let mut found = BTreeSet::new();
    descend(tree, &mut Vec::new(), &mut found);
    found
}

/// One entry of managedFields.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: String,
    applied: bool,
    subresource: Option<String>,
    api_version: String,
    time: String,
    fields: BTreeSet<Path>,
}

fn entries(value: &Value) -> Vec<Entry> {
    let list = value.pointer("/metadata/managedFields").and_then(Value::as_array);
    let text =
        |entry: &Value, field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    list.into_iter()
        .flatten()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            applied: text(entry, "operation") == "Apply",
            subresource: entry.get("subresource").and_then(Value::as_str).map(str::to_owned),
            api_version: text(entry, "apiVersion"),
            time: text(entry, "time"),
            fields: paths(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        })
        .collect()
}

fn store(value: &mut Value, entries: Vec<Entry>) {
    let list: Vec<Value> = entries
        .into_iter()
        .filter(|entry| !entry.fields.is_empty())
        .map(|entry| {
            let operation = if entry.applied { "Apply" } else { "Update" };
            let mut value = json!({"manager": entry.manager, "operation": operation, "apiVersion": entry.api_version,
                "time": entry.time, "fieldsType": "FieldsV1", "fieldsV1": tree(&entry.fields)});
            if let (Some(subresource), Some(fields)) = (entry.subresource, value.as_object_mut()) {
                fields.insert("subresource".into(), subresource.into());
            }
            value
        })
        .collect();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        if list.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".into(), list.into());
        }
    }
}

/// Who manages what, without the times.
pub(super) fn managers(value: &Value) -> BTreeSet<(String, bool, BTreeSet<Vec<String>>)> {
    entries(value).into_iter().map(|entry| (entry.manager, entry.applied, entry.fields)).collect()
}

/// Records a create, update or patch: the manager owns what it changed, the others lose it.
pub(super) fn written(
    new: &mut Value,
    old: &Value,
    manager: &str,
    kind: &Kind,
    now: &str,
    subresource: Option<&str>,
) {
    // Of a kind with a status subresource the status is recorded where it is written alone.
    let apart = kind.subresources.contains(&"status") && subresource.is_none();
    let recorded = |value: &Value| {
        let mut leaves = leaves(value);
        leaves.retain(|(path, _)| !(apart && path.first().is_some_and(|step| step == "f:status")));
        leaves
    };
    let (before, after) = (recorded(old), recorded(new));
    let changed: BTreeSet<Path> =
        after.iter().filter(|leaf| !before.contains(leaf)).map(|(path, _)| path.clone()).collect();
    let there: BTreeSet<&Path> = after.iter().map(|(path, _)| path).collect();
    let gone: BTreeSet<Path> =
        before.iter().map(|(path, _)| path).filter(|path| !there.contains(path)).cloned().collect();
    if changed.is_empty() && gone.is_empty() {
        return;
    }
    let mut all = entries(new);
    for entry in &mut all {
        entry.fields.retain(|path| !changed.contains(path) && !gone.contains(path));
    }
    own(&mut all, manager, false, changed, (kind, now, subresource));
    store(new, all);
}

/// Records an apply: the manager owns exactly what it said.
pub(super) fn applied(
    new: &mut Value,
    said: &Value,
    manager: &str,
    kind: &Kind,
    now: &str,
    subresource: Option<&str>,
) {
    let said = leaves(said);
    let mine: BTreeSet<Path> = said.iter().map(|(path, _)| path.clone()).collect();
    let had: Vec<(Path, Value)> = leaves(new);
    let mut all = entries(new);
    // Whoever else said the same keeps it too; forced values were taken from the others by then.
    for entry in all.iter_mut().filter(|entry| !(entry.manager == manager && entry.applied)) {
        let fresh = entry.manager == manager && !entry.applied;
        entry.fields.retain(|path| !(fresh && mine.contains(path)) && had.iter().any(|(at, _)| at == path));
    }
    all.retain(|entry| {
        !(entry.manager == manager && entry.applied && entry.subresource.as_deref() == subresource)
    });
    own(&mut all, manager, true, mine, (kind, now, subresource));
    store(new, all);
}

fn own(
    all: &mut Vec<Entry>,
    manager: &str,
    applied: bool,
    fields: BTreeSet<Path>,
    (kind, now, subresource): (&Kind, &str, Option<&str>),
) {
    if fields.is_empty() {
        return;
    }
    let same = |entry: &&mut Entry| {
        entry.manager == manager && entry.applied == applied && entry.subresource.as_deref() == subresource
    };
    match all.iter_mut().find(same) {
        Some(entry) => {
            entry.fields.extend(fields);
            now.clone_into(&mut entry.time);
        }
        None => all.push(Entry {
            manager: manager.to_owned(),
            applied,
            subresource: subresource.map(str::to_owned),
            api_version: kind.api_version(),
            time: now.to_owned(),
            fields,
        }),
    }
}

/// The fields of an apply that another manager owns with another value: manager and field as messages name them.
pub(super) fn conflicts(old: &Value, said: &Value, manager: &str) -> Vec<(String, String)> {
    let had = leaves(old);
    let differs = |(path, value): &(Path, Value)| had.iter().any(|(at, was)| at == path && was != value);
    let mut found = Vec::new();
    for (path, _) in leaves(said).into_iter().filter(differs) {
        for entry in
            entries(old).iter().filter(|entry| entry.manager != manager && entry.fields.contains(&path))
        {
            let field: String =
                path.iter().map(|step| step.replacen("f:", ".", 1).replacen("k:", "", 1)).collect();
            found.push((entry.manager.clone(), field));
        }
    }
    found
}

/// Takes away what the manager applied before and says no more, unless somebody else owns it too; and takes from the
/// others what this apply sets otherwise.
pub(super) fn withdraw(new: &mut Value, said: &Value, manager: &str, subresource: Option<&str>) {
    let saying = leaves(said);
    let mine: BTreeSet<&Path> = saying.iter().map(|(path, _)| path).collect();
    let had = leaves(new);
    let mut all = entries(new);
    let before = all.iter().find(|entry| {
        entry.manager == manager && entry.applied && entry.subresource.as_deref() == subresource
    });
    let gone: Vec<Path> =
        before.iter().flat_map(|entry| &entry.fields).filter(|path| !mine.contains(path)).cloned().collect();
    for path in gone {
        let shared = all
            .iter()
            .any(|entry| !(entry.manager == manager && entry.applied) && entry.fields.contains(&path));
        if !shared {
            remove(new, &path);
        }
    }
    for entry in all.iter_mut().filter(|entry| entry.manager != manager) {
        entry.fields.retain(|path| {
            !saying.iter().any(|(at, value)| at == path && !had.contains(&(at.clone(), value.clone())))
        });
    }
    store(new, all);
}

/// Removes one leaf, and the maps and items that it leaves empty.
fn remove(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    if let (Some(name), Some(fields)) = (step.strip_prefix("f:"), value.as_object_mut()) {
        if let (false, Some(below)) = (rest.is_empty(), fields.get_mut(name)) {
            remove(below, rest);
        }
        if rest.is_empty() || fields.get(name).is_some_and(is_empty) {
            fields.remove(name);
        }
    } else if let (Some(key), Some(items)) = (step.strip_prefix("k:"), value.as_array_mut()) {
        let key: Map<String, Value> = serde_json::from_str(key).unwrap_or_default();
        let named = |item: &Value| key.iter().all(|(name, value)| item.get(name) == Some(value));
        for item in items.iter_mut().filter(|item| named(item)) {
            remove(item, rest);
        }
        items.retain(|item| !is_empty(item));
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::kinds::find;
    use super::*;

    #[test]
    fn field_sets_survive_the_way_through_their_tree() {
        let value = json!({"metadata": {"name": "x", "labels": {"a": "1"}}, "spec": {"replicas": 2,
            "containers": [{"name": "c", "image": "i"}], "args": ["a", "b"]}});
        let set: BTreeSet<Path> = leaves(&value).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths(&tree(&set)), set);
        assert_eq!(
            tree(&set)["f:spec"]["f:containers"]["k:{\"name\":\"c\"}"],
            json!({"f:name": {}, "f:image": {}})
        );
        assert!(tree(&set)["f:metadata"].get("f:name").is_none());
    }

    #[test]
    fn an_apply_owns_what_it_says_takes_back_what_it_says_no_more_and_meets_conflicts() {
        let kind = find("", "v1", "configmaps").unwrap();
        let first = json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}});
        let mut object = first.clone();
        applied(&mut object, &first, "one", kind, "t", None);
        let second = json!({"metadata": {"name": "m"}, "data": {"a": "9", "c": "3"}});
        assert_eq!(conflicts(&object, &second, "two"), [("one".to_owned(), ".data.a".to_owned())]);
        assert!(conflicts(&object, &second, "one").is_empty());
        withdraw(&mut object, &second, "one", None);
        assert_eq!(object["data"], json!({"a": "1"}));
    }

    #[test]
    fn an_update_moves_ownership_of_what_it_changes() {
        let kind = find("", "v1", "configmaps").unwrap();
        let mut object = json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}});
        written(&mut object, &Value::Null, "maker", kind, "t", None);
        let old = object.clone();
        object["data"]["a"] = json!("5");
        written(&mut object, &old, "changer", kind, "t", None);
        let owns = |manager: &str| {
            let entry = entries(&object).into_iter().find(|entry| entry.manager == manager).unwrap();
            entry.fields.into_iter().map(|path| path.join("/")).collect::<Vec<_>>()
        };
        assert_eq!(owns("maker"), ["f:data/f:b"]);
        assert_eq!(owns("changer"), ["f:data/f:a"]);
    }
}
