//! Create, update and delete, with preconditions and dry-run.

use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::super::cluster::Cluster;
use super::super::kinds::{KINDS, Kind, find};
use super::super::reply::{Outcome, Refused, json_value};
use super::super::request::Target;
use super::super::store::Store;
use super::super::truth::uid;
use super::super::workload::stamp;
use super::fields;
use super::{Call, old_event, patch, protobuf, typed};

/// What the API server says when a write meets a newer object.
pub(super) const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// How a write is to be carried out.
pub(super) struct Manner {
    pub(super) dry_run: bool,
    pub(super) manager: String,
    pub(super) force: bool,
}

impl Manner {
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Refused> {
        let dry_run = match call.asked.query("dryRun") {
            None => false,
            Some("All") => true,
            Some(other) => {
                let options = match call.method.as_str() {
                    "POST" => "CreateOptions",
                    "PUT" => "UpdateOptions",
                    "PATCH" => "PatchOptions",
                    _ => "DeleteOptions",
                };
                let why = format!("Unsupported value: [\"{other}\"]: supported values: \"All\"");
                return Err(Refused::invalid_option(options, "dryRun", "FieldValueNotSupported", why));
            }
        };
        let agent =
            call.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        let manager =
            call.asked.query("fieldManager").unwrap_or_else(|| agent.split('/').next().unwrap_or(agent));
        let manager = manager.chars().take(128).collect();
        Ok(Self { dry_run, manager, force: call.asked.flag("force") })
    }
}

/// The body of a write as a tree.
pub(super) fn body(call: &Call<'_>) -> Result<Value, Refused> {
    let content =
        call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match content.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => serde_json::from_slice(&call.body).map_err(|why| {
            Refused::bad_request(format!("couldn't get version/kind; json parse error: {why}"))
        }),
        "application/yaml" => yaml(&call.body),
        "application/vnd.kubernetes.protobuf" => protobuf::decode(&call.body),
        _ => Err(Refused::unsupported_media_type()),
    }
}

/// YAML, of which JSON is a part.
pub(super) fn yaml(bytes: &[u8]) -> Result<Value, Refused> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| Refused::bad_request("error decoding YAML: not UTF-8"))?;
    serde_saphyr::from_str(text).map_err(|_| Refused::bad_request("error decoding YAML: not a document"))
}

/// Checks kind and apiVersion of what was sent and takes them off; brings newer events into the kept form.
pub(super) fn untyped(kind: &Kind, mut value: Value) -> Result<Value, Refused> {
    let Some(fields) = value.as_object_mut() else {
        return Err(Refused::bad_request("the object provided is unrecognized (must be of type object)"));
    };
    let said = |fields: &mut Map<String, Value>, name: &str| {
        fields
            .remove(name)
            .and_then(|value| value.as_str().map(str::to_owned))
            .filter(|text| !text.is_empty())
    };
    // What is not said is what the path says.
    let (said_kind, version) = (said(fields, "kind"), said(fields, "apiVersion"));
    let said_kind = said_kind.unwrap_or_else(|| kind.kind.to_owned());
    let version = version.unwrap_or_else(|| kind.api_version());
    if version != kind.api_version() || said_kind != kind.kind {
        let why = format!(
            "{said_kind} in version \"{version}\" cannot be handled as a {}: unknown conversion",
            kind.kind
        );
        return Err(Refused::bad_request(why));
    }
    if !fields.get("metadata").is_some_and(Value::is_object) {
        fields.insert("metadata".into(), json!({}));
    }
    Ok(if kind.group == "events.k8s.io" { old_event(&value) } else { value })
}

fn text(value: &Value, at: &str) -> String {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn metadata(value: &mut Value) -> Option<&mut Map<String, Value>> {
    value.get_mut("metadata").and_then(Value::as_object_mut)
}

/// POST.
pub(super) fn create(call: &Call<'_>, target: &Target) -> Outcome {
    if target.name.is_some() {
        return Err(Refused::method_not_allowed());
    }
    let manner = Manner::of(call)?;
    let value = untyped(target.kind, body(call)?)?;
    let value = fresh(call, target, value, &manner)?;
    let value = stored_new(call.cluster, target.kind, value, &manner)?;
    Ok(json_value(StatusCode::CREATED, &typed(target.kind, value)))
}

/// Names, stamps and defaults of an object that is to be.
pub(super) fn fresh(
    call: &Call<'_>,
    target: &Target,
    mut value: Value,
    manner: &Manner,
) -> Result<Value, Refused> {
    let kind = target.kind;
    let said = text(&value, "/metadata/namespace");
    if !said.is_empty() && said != target.namespace {
        return Err(Refused::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let mut name = text(&value, "/metadata/name");
    if name.is_empty() {
        let prefix = text(&value, "/metadata/generateName");
        if prefix.is_empty() {
            let why = "Required value: name or generateName is required".to_owned();
            return Err(Refused::invalid(kind, "", &[("metadata.name", "FieldValueRequired", why)]));
        }
        name = format!("{prefix}{}", call.cluster.suffix());
    }
    valid_name(kind, &name)?;
    let now = stamp(call.cluster.world.clock.now());
    let words =
        [&call.cluster.truth.name, kind.plural, &target.namespace, &name, &call.cluster.throw().to_string()];
    let uid = uid(call.cluster.world.seed, &words);
    let has_spec = value.get("spec").is_some();
    if let Some(fields) = metadata(&mut value) {
        let labels = fields.entry("labels").or_insert_with(|| json!({}));
        if let (true, Some(labels)) = (kind.plural == "namespaces", labels.as_object_mut()) {
            labels.insert("kubernetes.io/metadata.name".into(), name.clone().into());
        }
        if labels.as_object().is_none_or(Map::is_empty) {
            fields.remove("labels");
        }
        for server_owned in ["resourceVersion", "managedFields", "selfLink", "deletionTimestamp"] {
            fields.remove(server_owned);
        }
        fields.insert("name".into(), name.clone().into());
        if kind.namespaced {
            fields.insert("namespace".into(), target.namespace.clone().into());
        } else {
            fields.remove("namespace");
        }
        fields.insert("uid".into(), uid.into());
        fields.insert("creationTimestamp".into(), now.clone().into());
        if has_spec && !matches!(kind.plural, "namespaces" | "nodes" | "leases") {
            fields.insert("generation".into(), 1.into());
        }
    }
    fields::written(&mut value, &Value::Null, &manner.manager, kind, &now, None);
    defaults(kind, &mut value);
    Ok(value)
}

/// Status and spec that the server gives a new object; a node's status may come with it, as kubelets need.
fn defaults(kind: &Kind, value: &mut Value) {
    let status = match kind.plural {
        "namespaces" => Some(json!({"phase": "Active"})),
        "pods" => Some(json!({"phase": "Pending", "qosClass": "BestEffort"})),
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" | "poddisruptionbudgets" => {
            Some(json!({}))
        }
        "services" => Some(json!({"loadBalancer": {}})),
        _ => None,
    };
    let Some(fields) = value.as_object_mut() else { return };
    if let Some(status) = status {
        fields.insert("status".into(), status);
    }
    match kind.plural {
        // The taint that admission puts on every new node until a controller has seen it ready.
        "nodes" => {
            let spec = fields.entry("spec").or_insert_with(|| json!({}));
            if let Some(spec) = spec.as_object_mut() {
                let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
                if let Some(taints) = spec.entry("taints").or_insert_with(|| json!([])).as_array_mut() {
                    taints.push(taint);
                }
            }
        }
        "namespaces" => {
            fields.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
        }
        "secrets" => {
            fields.entry("type").or_insert_with(|| "Opaque".into());
        }
        "deployments" | "replicasets" | "statefulsets" => {
            if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
                spec.entry("replicas").or_insert_with(|| 1.into());
            }
        }
        _ => {}
    }
}

/// Names as apimachinery's validation takes them: DNS labels for namespaces and services, path segments for RBAC, DNS
/// subdomains for the rest.
fn valid_name(kind: &Kind, name: &str) -> Result<(), Refused> {
    let label = |text: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
    };
    let (valid, what) = if kind.is_rbac() {
        let free = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%']);
        (free, "a path segment: not '.' or '..', without '/' and '%'")
    } else if matches!(kind.plural, "namespaces" | "services") {
        (
            label(name) && name.len() <= 63,
            "a lowercase RFC 1123 label: letters, digits and '-', at most 63 characters",
        )
    } else {
        (
            name.split('.').all(label) && name.len() <= 253,
            "a lowercase RFC 1123 subdomain: letters, digits, '-' and '.'",
        )
    };
    if valid {
        return Ok(());
    }
    let why = format!("Invalid value: \"{name}\": must be {what}");
    Err(Refused::invalid(kind, name, &[("metadata.name", "FieldValueInvalid", why)]))
}

/// Keeps a new object unless it is there already or its namespace is not.
pub(super) fn stored_new(
    cluster: &Cluster,
    kind: &'static Kind,
    value: Value,
    manner: &Manner,
) -> Result<Value, Refused> {
    let (namespace, name) = (text(&value, "/metadata/namespace"), text(&value, "/metadata/name"));
    let shelf = kind.shelf();
    let kept = cluster.with_store(&[shelf, "namespaces"], |store| {
        if kind.namespaced && store.get("namespaces", "", &namespace).is_none() {
            return Err(find("", "v1", "namespaces")
                .map_or_else(Refused::not_served, |k| Refused::not_found(k, &namespace)));
        }
        if store.get(shelf, &namespace, &name).is_some() {
            return Err(Refused::already_exists(kind, &name));
        }
        if manner.dry_run {
            return Ok(value);
        }
        Ok(store.put(shelf, value).value())
    })?;
    settle(cluster, kind, manner);
    Ok(kept)
}

/// A write to an RBAC kind changes who may do what.
fn settle(cluster: &Cluster, kind: &Kind, manner: &Manner) {
    if kind.is_rbac() && !manner.dry_run {
        cluster.reload_policy();
    }
}

/// PUT.
pub(super) fn update(call: &Call<'_>, target: &Target) -> Outcome {
    let manner = Manner::of(call)?;
    let value = untyped(target.kind, body(call)?)?;
    same_name(&value, target.name.as_deref().unwrap_or_default())?;
    let kept = change(call, target, &manner, "update", |_| Ok(value))?;
    Ok(json_value(StatusCode::OK, &typed(target.kind, kept)))
}

/// The name inside must be that of the path.
pub(super) fn same_name(value: &Value, name: &str) -> Result<(), Refused> {
    let own = text(value, "/metadata/name");
    if own == name {
        return Ok(());
    }
    let why = format!("the name of the object ({own}) does not match the name on the URL ({name})");
    Err(Refused::bad_request(why))
}

/// Changes a kept object: `make` gives the new tree from the old one; what the server owns is put right, conditions in
/// the new tree (resourceVersion, uid) are checked, and a change that changes nothing writes nothing.
pub(super) fn change(
    call: &Call<'_>,
    target: &Target,
    manner: &Manner,
    how: &'static str,
    make: impl FnOnce(&Value) -> Result<Value, Refused>,
) -> Result<Value, Refused> {
    let (kind, shelf) = (target.kind, target.kind.shelf());
    let name = target.name.as_deref().unwrap_or_default();
    let now = stamp(call.cluster.world.clock.now());
    let kept = call.cluster.with_store(&[shelf], |store| {
        let Some(object) = store.get(shelf, &target.namespace, name) else {
            return Err(Refused::not_found(kind, name));
        };
        let old = object.value();
        // A patch may name kind and apiVersion, as in a test, though they are not kept.
        let mut new = make(&typed(kind, old.clone()))?;
        if let Some(fields) = new.as_object_mut() {
            fields.remove("kind");
            fields.remove("apiVersion");
        }
        if kind.group == "events.k8s.io" {
            new = old_event(&new);
        }
        let wanted = text(&new, "/metadata/resourceVersion");
        if !wanted.is_empty() && wanted != object.revision.to_string() {
            return Err(Refused::conflict(kind, name, MODIFIED));
        }
        let (has, wants) = (text(&old, "/metadata/uid"), text(&new, "/metadata/uid"));
        if !wants.is_empty() && wants != has && how == "patch" {
            let why = format!("Invalid value: \"{wants}\": field is immutable");
            return Err(Refused::invalid(kind, name, &[("metadata.uid", "FieldValueInvalid", why)]));
        }
        if !wants.is_empty() && wants != has {
            let why = format!("Precondition failed: UID in precondition: {wants}, UID in object meta: {has}");
            return Err(Refused::conflict(kind, name, &why));
        }
        preserved(kind, target.subresource.as_deref(), &old, &mut new);
        if how != "apply" {
            fields::written(&mut new, &old, &manner.manager, kind, &now, target.subresource.as_deref());
        }
        if same(&old, &new) {
            return Ok(old);
        }
        let spec_changed = old.get("spec") != new.get("spec");
        if let Some(generation) = new.pointer_mut("/metadata/generation").filter(|_| spec_changed) {
            *generation = (generation.as_u64().unwrap_or_default() + 1).into();
        }
        if manner.dry_run {
            return Ok(new);
        }
        let doomed = new.pointer("/metadata/deletionTimestamp").is_some();
        let held = new
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty());
        let value = store.put(shelf, new).value();
        if doomed && !held {
            drop(store.remove(shelf, &target.namespace, name));
        }
        Ok(value)
    })?;
    settle(call.cluster, kind, manner);
    Ok(kept)
}

/// Puts back what a client may not change: identity, and status or spec, whichever was not addressed.
fn preserved(kind: &Kind, subresource: Option<&str>, old: &Value, new: &mut Value) {
    let take = |field: &str| old.get(field).cloned();
    if let (Some(new), Some(was)) = (metadata(new), old.get("metadata").and_then(Value::as_object)) {
        let owned = [
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "generation",
            "resourceVersion",
            "deletionTimestamp",
        ];
        for field in owned {
            match was.get(field) {
                Some(value) => drop(new.insert(field.into(), value.clone())),
                None => drop(new.remove(field)),
            }
        }
        if !new.contains_key("managedFields")
            && let Some(managed) = was.get("managedFields")
        {
            new.insert("managedFields".into(), managed.clone());
        }
    }
    let put = |new: &mut Value, field: &str| {
        if let Some(fields) = new.as_object_mut() {
            match take(field) {
                Some(value) => drop(fields.insert(field.into(), value)),
                None => drop(fields.remove(field)),
            }
        }
    };
    match subresource {
        Some("status") => {
            let status = new.get("status").cloned();
            let metadata = new.get("metadata").cloned();
            *new = old.clone();
            if let Some(fields) = new.as_object_mut() {
                fields.extend(status.map(|status| ("status".to_owned(), status)));
                fields.extend(metadata.map(|metadata| ("metadata".to_owned(), metadata)));
            }
        }
        _ if kind.subresources.contains(&"status") => put(new, "status"),
        _ => {}
    }
}

/// Equal but for who is said to have written it and when.
fn same(old: &Value, new: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(fields) = metadata(&mut value) {
            fields.remove("managedFields");
        }
        value
    };
    bare(old) == bare(new) && fields::managers(old) == fields::managers(new)
}

/// DELETE.
pub(super) fn delete(call: &Call<'_>, target: &Target) -> Outcome {
    let mut manner = Manner::of(call)?;
    let options: Value = if call.body.is_empty() { json!({}) } else { body(call)? };
    if options.pointer("/dryRun/0").and_then(Value::as_str) == Some("All") {
        manner.dry_run = true;
    }
    let (kind, shelf) = (target.kind, target.kind.shelf());
    let name = target.name.as_deref().unwrap_or_default();
    let policy = call.asked.query("propagationPolicy").map(str::to_owned);
    let policy = policy.unwrap_or_else(|| text(&options, "/propagationPolicy"));
    let now = stamp(call.cluster.world.clock.now());
    let mut shelves: Vec<&'static str> = vec![shelf];
    match kind.plural {
        "namespaces" => shelves.extend(KINDS.iter().filter(|k| k.stored && k.namespaced).map(Kind::shelf)),
        "deployments" | "replicasets" | "statefulsets" | "daemonsets" => {
            shelves.extend(["replicasets", "pods"]);
        }
        _ => {}
    }
    let (uid, remains) = call.cluster.with_store(&shelves, |store| {
        let object =
            store.get(shelf, &target.namespace, name).ok_or_else(|| Refused::not_found(kind, name))?;
        let mut value = object.value();
        let uid = text(&value, "/metadata/uid");
        let wanted = text(&options, "/preconditions/uid");
        if !wanted.is_empty() && wanted != uid {
            return Err(Refused::precondition(kind, name, "UID", &wanted, &uid));
        }
        let wanted = text(&options, "/preconditions/resourceVersion");
        if !wanted.is_empty() && wanted != object.revision.to_string() {
            let has = object.revision.to_string();
            return Err(Refused::precondition(kind, name, "ResourceVersion", &wanted, &has));
        }
        if manner.dry_run {
            return Ok((uid, None));
        }
        if value
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
        {
            if let Some(fields) = metadata(&mut value) {
                fields.entry("deletionTimestamp").or_insert_with(|| now.into());
            }
            return Ok((uid, Some(store.put(shelf, value).value())));
        }
        if kind.plural == "namespaces" {
            // What a controller does a little later happens at once; the answer is that of the beginning.
            empty(store, name, &shelves);
            drop(store.remove(shelf, "", name));
            if let Some(fields) = metadata(&mut value) {
                fields.insert("deletionTimestamp".into(), now.into());
            }
            if let Some(phase) = value.pointer_mut("/status/phase") {
                *phase = "Terminating".into();
            }
            return Ok((uid, Some(value)));
        }
        drop(store.remove(shelf, &target.namespace, name));
        if policy != "Orphan" {
            orphans(store, &uid, &target.namespace);
        }
        Ok((uid, None))
    })?;
    settle(call.cluster, kind, &manner);
    if let Some(object) = remains {
        return Ok(json_value(StatusCode::OK, &typed(kind, object)));
    }
    let mut details = json!({"name": name, "kind": kind.plural, "uid": uid});
    if let (false, Some(details)) = (kind.group.is_empty(), details.as_object_mut()) {
        details.insert("group".into(), kind.group.into());
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok(json_value(StatusCode::OK, &status))
}

/// Removes everything inside a namespace.
fn empty(store: &mut Store, namespace: &str, shelves: &[&'static str]) {
    for shelf in shelves.iter().filter(|shelf| **shelf != "namespaces") {
        for object in store.list(shelf, namespace, None) {
            drop(store.remove(shelf, namespace, &object.name));
        }
    }
}

/// Removes what a removed object owned, and what that owned.
fn orphans(store: &mut Store, owner: &str, namespace: &str) {
    for shelf in ["replicasets", "pods"] {
        for object in store.list(shelf, namespace, None) {
            let value = object.value();
            let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let owned =
                owners.into_iter().flatten().any(|one| one.get("uid").and_then(Value::as_str) == Some(owner));
            if owned {
                drop(store.remove(shelf, namespace, &object.name));
                orphans(store, &text(&value, "/metadata/uid"), namespace);
            }
        }
    }
}

/// PATCH of every sort.
pub(super) fn patched(call: &Call<'_>, target: &Target) -> Outcome {
    let manner = Manner::of(call)?;
    let (status, value) = patch::patch(call, target, &manner)?;
    Ok(json_value(status, &typed(target.kind, value)))
}
