//! The JSON form that `ansible-inventory --list` and inventory scripts print.

use serde_json::{Map, Value as Json};

use super::inventory::{Inventory, Place};
use super::value::Value;

/// Whether JSON is of this form, and not an inventory in the YAML form that is written as JSON.
pub(super) fn is_list(json: &Json) -> bool {
    let Json::Object(groups) = json else { return false };
    let listed = |group: &Json| match group {
        Json::Array(_) => true,
        Json::Object(group) => {
            ["hosts", "children"].iter().any(|key| matches!(group.get(*key), Some(Json::Array(_))))
        }
        _ => false,
    };
    groups.contains_key("_meta") || groups.values().any(listed)
}

/// Reads it into the inventory.
pub(super) fn read(json: &Json, inventory: &mut Inventory, file: usize) {
    let Json::Object(groups) = json else { return };
    let at = Place { file, line: 0 };
    for (name, group) in groups.iter().filter(|(name, _)| *name != "_meta") {
        let index = inventory.group(name);
        match group {
            Json::Array(hosts) => members(hosts, index, inventory, at),
            Json::Object(parts) => parts_of(name, parts, index, inventory, at),
            Json::Null => {}
            _ => {
                let message = "a group must be a list of hosts or a map";
                inventory.warn("BAD_GROUP", at, &format!("group {name}"), message, "");
            }
        }
    }
    let hostvars = groups.get("_meta").and_then(|m| m.get("hostvars")).and_then(Json::as_object);
    let Some(hostvars) = hostvars else {
        if groups.get("_meta").is_none() {
            let message = "the list has no _meta; variables of hosts are not known";
            let hint = "ansible-inventory --list prints them; a script must print _meta.hostvars.";
            inventory.warn("NO_HOSTVARS", at, "inventory", message, hint);
        }
        return;
    };
    let ungrouped = inventory.group("ungrouped");
    for (name, vars) in hostvars {
        // A host that stands in no group is in the list for its variables alone.
        let known = inventory.has_host(name);
        let Some(host) = known.or_else(|| inventory.host(name, ungrouped, at)) else { return };
        for (key, value) in vars.as_object().into_iter().flatten() {
            inventory.set_host(host, key.clone(), Value::of_json(value), at);
        }
    }
}

fn members(hosts: &[Json], group: usize, inventory: &mut Inventory, at: Place) {
    for name in hosts.iter().filter_map(Json::as_str).filter(|name| !name.is_empty()) {
        inventory.host(name, group, at);
    }
}

fn parts_of(name: &str, parts: &Map<String, Json>, group: usize, inventory: &mut Inventory, at: Place) {
    if !parts.is_empty() && !["hosts", "children", "vars"].iter().any(|key| parts.contains_key(*key)) {
        // A script may print a host alone, as a group of its own name.
        if let Some(host) = inventory.host(name, group, at) {
            for (key, value) in parts {
                inventory.set_host(host, key.clone(), Value::of_json(value), at);
            }
        }
        return;
    }
    if let Some(Json::Array(hosts)) = parts.get("hosts") {
        members(hosts, group, inventory, at);
    }
    if let Some(Json::Array(children)) = parts.get("children") {
        for child in children.iter().filter_map(Json::as_str) {
            let child = inventory.group(child);
            inventory.child(group, child);
        }
    }
    if let Some(Json::Object(vars)) = parts.get("vars") {
        for (key, value) in vars {
            inventory.set_group(group, key.clone(), Value::of_json(value), at);
        }
    }
}
