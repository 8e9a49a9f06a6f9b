//! The four patch formats: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch and server-side apply.

use http::{StatusCode, header};
use serde_json::{Map, Value};

use super::super::reply::Refused;
use super::super::request::Target;
use super::super::workload::stamp;
use super::Call;
use super::fields;
use super::write::{Manner, change, fresh, same_name, stored_new, untyped, yaml};

/// Carries out a patch; 201 when an apply made the object.
pub(super) fn patch(
    call: &Call<'_>,
    target: &Target,
    manner: &Manner,
) -> Result<(StatusCode, Value), Refused> {
    let content =
        call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content = content.split(';').next().unwrap_or_default().trim();
    let json = || {
        serde_json::from_slice::<Value>(&call.body)
            .map_err(|why| Refused::bad_request(format!("error decoding patch: {why}")))
    };
    let name = target.name.as_deref().unwrap_or_default();
    let kept = match content {
        "application/json-patch+json" => {
            let patch: json_patch::Patch = serde_json::from_value(json()?)
                .map_err(|why| Refused::bad_request(format!("error decoding patch: {why}")))?;
            change(call, target, manner, "patch", |old| {
                let mut new = old.clone();
                json_patch::patch(&mut new, &patch).map_err(|_| Refused::patch_failed())?;
                same_name(&new, name)?;
                Ok(new)
            })?
        }
        "application/merge-patch+json" => {
            let patch = json()?;
            change(call, target, manner, "patch", |old| {
                let mut new = old.clone();
                json_patch::merge(&mut new, &patch);
                same_name(&new, name)?;
                Ok(new)
            })?
        }
        "application/strategic-merge-patch+json" => {
            let patch = json()?;
            change(call, target, manner, "patch", |old| {
                let mut new = old.clone();
                strategic(&mut new, &patch, "");
                same_name(&new, name)?;
                Ok(new)
            })?
        }
        "application/apply-patch+yaml" => return apply(call, target, manner, yaml(&call.body)?),
        _ => return Err(Refused::unsupported_patch()),
    };
    Ok((StatusCode::OK, kept))
}

/// Server-side apply (KEP-555): what the manager says is so, what it said before and says no more goes.
fn apply(
    call: &Call<'_>,
    target: &Target,
    manner: &Manner,
    said: Value,
) -> Result<(StatusCode, Value), Refused> {
    let kind = target.kind;
    let name = target.name.clone().unwrap_or_default();
    if call.asked.query("fieldManager").is_none() {
        let why = "Required value: is required for apply patch".to_owned();
        return Err(Refused::invalid_option("PatchOptions", "fieldManager", "FieldValueRequired", why));
    }
    let said = untyped(kind, said)?;
    if said.pointer("/metadata/managedFields").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    {
        return Err(Refused::bad_request("metadata.managedFields must be nil"));
    }
    same_name(&said, &name)?;
    let now = stamp(call.cluster.world.clock.now());
    let shelf = kind.shelf();
    let there =
        call.cluster.with_store(&[shelf], |store| store.get(shelf, &target.namespace, &name).is_some());
    if !there {
        if target.subresource.is_some() {
            return Err(Refused::not_found(kind, &name));
        }
        let mut value = fresh(call, target, said.clone(), manner)?;
        fields::applied(&mut value, &said, &manner.manager, kind, &now, None);
        return Ok((StatusCode::CREATED, stored_new(call.cluster, kind, value, manner)?));
    }
    let subresource = target.subresource.as_deref();
    let kept = change(call, target, manner, "apply", |old| {
        let conflicts = fields::conflicts(old, &said, &manner.manager);
        if !conflicts.is_empty() && !manner.force {
            return Err(Refused::apply_conflict(&conflicts));
        }
        let mut new = old.clone();
        fields::withdraw(&mut new, &said, &manner.manager, subresource);
        strategic(&mut new, &said, "");
        fields::applied(&mut new, &said, &manner.manager, kind, &now, subresource);
        Ok(new)
    })?;
    Ok((StatusCode::OK, kept))
}

/// The key by which a list of a well-known field is merged (the `patchMergeKey` of the Go types); lists of other
/// fields are replaced whole.
pub(super) fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let key = match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => "name",
        "volumeMounts" => "mountPath",
        "conditions" | "addresses" => "type",
        "ownerReferences" => "uid",
        "taints" => "key",
        "ports" if items.iter().any(|item| item.get("containerPort").is_some()) => "containerPort",
        "ports" => "port",
        "hostAliases" => "ip",
        _ => return None,
    };
    items.iter().all(|item| item.get(key).is_some()).then_some(key)
}

/// Lists of plain values that are merged as sets.
fn is_set(field: &str) -> bool {
    field == "finalizers"
}

/// Merges a strategic merge patch into a tree, with its directives.
pub(super) fn strategic(into: &mut Value, patch: &Value, field: &str) {
    match (into, patch) {
        (Value::Object(fields), Value::Object(changes)) => strategic_object(fields, changes),
        (into @ Value::Array(_), Value::Array(changes)) if is_set(field) => {
            if let Some(items) = into.as_array_mut() {
                for change in changes {
                    if !items.contains(change) {
                        items.push(change.clone());
                    }
                }
            }
        }
        (Value::Array(items), Value::Array(changes)) => match merge_key(field, changes) {
            Some(key) if !changes.iter().any(replaces) => strategic_list(items, changes, key),
            _ => *items = changes.iter().filter(|change| !replaces(change)).map(clean).collect(),
        },
        (into, patch) => *into = clean(patch),
    }
}

fn replaces(item: &Value) -> bool {
    item.get("$patch").and_then(Value::as_str) == Some("replace")
}

fn strategic_object(fields: &mut Map<String, Value>, changes: &Map<String, Value>) {
    if changes.get("$patch").and_then(Value::as_str) == Some("replace") {
        fields.clear();
    }
    if let Some(kept) = changes.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|name, _| kept.iter().any(|keep| keep.as_str() == Some(name)));
    }
    for (name, change) in changes {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(items), Some(gone)) =
                (fields.get_mut(list).and_then(Value::as_array_mut), change.as_array())
            {
                items.retain(|item| !gone.contains(item));
            }
        } else if name.starts_with('$') {
        } else if change.is_null() || change.get("$patch").and_then(Value::as_str) == Some("delete") {
            fields.remove(name);
        } else {
            match fields.get_mut(name) {
                Some(into) => strategic(into, change, name),
                None => drop(fields.insert(name.clone(), clean(change))),
            }
        }
    }
}

fn strategic_list(items: &mut Vec<Value>, changes: &[Value], key: &str) {
    for change in changes {
        let at = items.iter().position(|item| item.get(key) == change.get(key));
        let delete = change.get("$patch").and_then(Value::as_str) == Some("delete");
        match at {
            Some(at) if delete => drop(items.remove(at)),
            Some(at) => {
                if let Some(item) = items.get_mut(at) {
                    strategic(item, change, "");
                }
            }
            None if delete => {}
            None => items.push(clean(change)),
        }
    }
}

/// A part of a patch that has nothing to merge with: without directives and nulls.
fn clean(patch: &Value) -> Value {
    match patch {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), clean(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(clean).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strategic_patches_merge_lists_by_their_key_and_obey_directives() {
        let check = |mut into: Value, patch: Value, expect: Value| {
            strategic(&mut into, &patch, "");
            assert_eq!(into, expect, "{patch}");
        };
        check(json!({"a": 1, "b": 2}), json!({"a": null, "c": 3}), json!({"b": 2, "c": 3}));
        check(
            json!({"containers": [{"name": "x", "image": "1", "tty": true}, {"name": "y"}]}),
            json!({"containers": [{"name": "x", "image": "2"}, {"name": "z"}]}),
            json!({"containers": [{"name": "x", "image": "2", "tty": true}, {"name": "y"}, {"name": "z"}]}),
        );
        check(
            json!({"taints": [{"key": "a"}, {"key": "b"}]}),
            json!({"taints": [{"$patch": "delete", "key": "a"}]}),
            json!({"taints": [{"key": "b"}]}),
        );
        check(
            json!({"taints": [{"key": "a"}, {"key": "b"}]}),
            json!({"taints": [{"$patch": "replace"}, {"key": "c"}], "$setElementOrder/taints": []}),
            json!({"taints": [{"key": "c"}]}),
        );
        check(json!({"args": ["a", "b"]}), json!({"args": ["c"]}), json!({"args": ["c"]}));
        check(json!({"finalizers": ["a"]}), json!({"finalizers": ["b"]}), json!({"finalizers": ["a", "b"]}));
        check(
            json!({"finalizers": ["a", "b"]}),
            json!({"$deleteFromPrimitiveList/finalizers": ["a"]}),
            json!({"finalizers": ["b"]}),
        );
        check(
            json!({"s": {"a": 1, "b": 2}}),
            json!({"s": {"$retainKeys": ["b", "c"], "c": 3}}),
            json!({"s": {"b": 2, "c": 3}}),
        );
    }
}
