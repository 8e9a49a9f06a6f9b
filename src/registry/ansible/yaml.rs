//! The YAML form, which is that of JSON files too: groups with `hosts`, `children` and `vars`, each a map.

use super::inventory::{Inventory, Place};
use super::range::hosts;
use super::value::Value;
use crate::config::yaml::{Key, Node, Pos, Value as Yaml};

/// Groups inside each other.
const MAX_DEPTH: u8 = 32;

fn place(file: usize, at: Pos) -> Place {
    Place { file, line: at.line }
}

/// Whether a document can be an inventory: a map of groups. A file of another form may be read otherwise.
pub(super) fn is_inventory(root: &Node<'_>) -> bool {
    let Yaml::Map(pairs) = root.value() else { return false };
    pairs.iter().all(|(_, value)| value.is_null() || matches!(value.value(), Yaml::Map(_)))
}

/// Whether it names an inventory plugin, which would have to be run.
pub(super) fn is_plugin(root: &Node<'_>) -> bool {
    root.get("plugin").is_some_and(|(_, value)| value.text().is_some())
}

/// Reads a document into the inventory.
pub(super) fn read(root: &Node<'_>, inventory: &mut Inventory, file: usize) {
    let Yaml::Map(pairs) = root.value() else { return };
    for (key, value) in pairs {
        group(key, value, inventory, file, MAX_DEPTH);
    }
}

fn group(key: &Key<'_>, node: &Node<'_>, inventory: &mut Inventory, file: usize, depth: u8) -> Option<usize> {
    let at = place(file, key.at);
    let name = key.text.as_ref();
    let subject = format!("group {name}");
    let Some(depth) = depth.checked_sub(1) else {
        inventory.warn("TOO_DEEP", at, &subject, "groups are nested too deeply", "");
        return None;
    };
    if !node.is_null() && !matches!(node.value(), Yaml::Map(_)) {
        inventory.warn("BAD_GROUP", at, &subject, "a group must be a map of hosts, children and vars", "");
        return Some(inventory.group(name));
    }
    let index = inventory.group(name);
    let Yaml::Map(parts) = node.value() else { return Some(index) };
    for (part, content) in parts {
        let part_at = place(file, part.at);
        match part.text.as_ref() {
            _ if content.is_null() => {}
            known @ ("hosts" | "children" | "vars") => {
                let single = Yaml::Map(Vec::new());
                let entries = match (content.value(), content.text()) {
                    (Yaml::Map(entries), _) => entries.as_slice(),
                    // One name alone may stand without a colon.
                    (_, Some(text)) if known != "vars" => {
                        let key = Key { at: part.at, text: text.into() };
                        let nothing = Node { at: part.at, value: single };
                        member(known, &key, &nothing, index, inventory, file, depth);
                        continue;
                    }
                    _ => {
                        let message = format!("{known} must be a map, not {}", content.kind());
                        let hint = "Write each name with a colon after it, not with a dash before it.";
                        inventory.warn("BAD_GROUP", part_at, &subject, &message, hint);
                        continue;
                    }
                };
                for (key, value) in entries {
                    member(known, key, value, index, inventory, file, depth);
                }
            }
            _ => {
                let message = "a group has hosts, children and vars; anything else is ignored";
                inventory.warn("BAD_GROUP", part_at, &subject, message, "");
            }
        }
    }
    Some(index)
}

fn member(
    part: &str,
    key: &Key<'_>,
    value: &Node<'_>,
    parent: usize,
    inventory: &mut Inventory,
    file: usize,
    depth: u8,
) {
    let at = place(file, key.at);
    match part {
        "vars" => inventory.set_group(parent, key.text.to_string(), Value::of_yaml(value), at),
        "children" => {
            if let Some(child) = group(key, value, inventory, file, depth) {
                inventory.child(parent, child);
            }
        }
        _ => match hosts(&key.text) {
            Err(error) => inventory.warn("BAD_HOST", at, "inventory", &error.to_string(), ""),
            Ok((names, port)) => {
                for name in names {
                    let Some(host) = inventory.host(&name, parent, at) else { return };
                    if let Some(port) = port {
                        inventory.set_host(host, "ansible_port".to_owned(), Value::Int(port.to_string()), at);
                    }
                    let Yaml::Map(vars) = value.value() else { continue };
                    for (key, value) in vars {
                        let at = place(file, key.at);
                        inventory.set_host(host, key.text.to_string(), Value::of_yaml(value), at);
                    }
                }
            }
        },
    }
}
