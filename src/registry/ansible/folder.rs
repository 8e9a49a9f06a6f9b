//! Inventories on disk: a file, or a folder of files, with `group_vars` and `host_vars` beside it. Blocks on the file system.
//!
//! Nothing is executed: a script, or a file that names a plugin, is told of and left out.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::inventory::{Inventory, Place, Var, Vars};
use super::value::{Value, is_vault};
use super::{ini, list, yaml};
use crate::config::yaml as text;
use crate::host::{FileState, ReadError, read_capped};

/// The largest file that is read.
const MAX_FILE: usize = 10 << 20;
/// Bytes of all files of one source together.
const MAX_TOTAL: usize = 256 << 20;
/// Files and folders of one folder that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// Endings of what a folder of inventories may hold besides.
const IGNORED: &[&str] =
    &["pyc", "pyo", "orig", "cfg", "retry", "md", "txt", "bak", "rst", "j2", "sh", "py", "toml", "csv"];
const VARIABLES: [&str; 2] = ["group_vars", "host_vars"];

/// What was read of a source, and everything that it was read from.
#[derive(Debug, Default)]
pub(super) struct OnDisk {
    /// Each inventory with its name for people.
    pub(super) inventories: Vec<(String, Inventory)>,
    /// How each stood before it was read; a folder that is not there may come.
    pub(super) looked_at: Vec<(PathBuf, Option<FileState>)>,
    bytes: usize,
}

/// Reads what `path` leads to. A folder without inventories of its own is a folder of inventories.
pub(super) fn read(path: &Path) -> Result<OnDisk, ReadError> {
    let meta = std::fs::metadata(path).map_err(ReadError::Io)?;
    let mut disk = OnDisk::default();
    if !meta.is_dir() {
        let mut inventory = Inventory::new();
        disk.source(path, &mut inventory)?;
        disk.finish(path, path.parent().unwrap_or(Path::new("/")), inventory);
        return Ok(disk);
    }
    let inside = disk.entries(path)?;
    if inside.iter().any(|p| may_be_inventory(p)) {
        disk.folder(path, &inside);
        return Ok(disk);
    }
    for folder in inside.iter().filter(|p| p.is_dir() && !is_variables(p) && !is_hidden(p)) {
        let below = disk.entries(folder)?;
        if below.iter().any(|p| may_be_inventory(p)) {
            disk.folder(folder, &below);
        }
    }
    Ok(disk)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or_default()
}

fn is_hidden(path: &Path) -> bool {
    file_name(path).starts_with('.') || file_name(path).ends_with('~')
}

fn is_variables(path: &Path) -> bool {
    VARIABLES.contains(&file_name(path))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

fn may_be_inventory(path: &Path) -> bool {
    !is_hidden(path) && !IGNORED.contains(&extension(path)) && path.is_file()
}

/// What people call an inventory: the file, or the folder if the file's name says nothing.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
    let says_nothing = path.is_file() && matches!(stem, "hosts" | "inventory" | "inventories" | "");
    let path = if says_nothing { path.parent().unwrap_or(path) } else { path };
    let name = if path.is_file() { path.file_stem() } else { path.file_name() };
    name.map_or_else(|| "inventory".to_owned(), |n| n.to_string_lossy().into_owned())
}

impl OnDisk {
    fn entries(&mut self, folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
        self.looked_at.push((folder.to_path_buf(), FileState::at(folder)));
        let entries = std::fs::read_dir(folder).map_err(ReadError::Io)?;
        let mut inside: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).take(MAX_ENTRIES).collect();
        inside.sort();
        Ok(inside)
    }

    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, ReadError> {
        self.looked_at.push((path.to_path_buf(), FileState::at(path)));
        let left = MAX_TOTAL.saturating_sub(self.bytes).min(MAX_FILE);
        let (bytes, _) = read_capped(path, left)?;
        self.bytes += bytes.len();
        Ok(bytes)
    }

    /// All files of a folder are one inventory.
    fn folder(&mut self, folder: &Path, inside: &[PathBuf]) {
        let mut inventory = Inventory::new();
        for file in inside.iter().filter(|p| may_be_inventory(p)) {
            if let Err(error) = self.source(file, &mut inventory) {
                let index = inventory.file(file);
                let at = Place { file: index, line: 0 };
                inventory.warn(
                    "UNREADABLE",
                    at,
                    "inventory",
                    &format!("the file cannot be read: {error}"),
                    "",
                );
            }
        }
        self.finish(folder, folder, inventory);
    }

    fn finish(&mut self, path: &Path, folder: &Path, mut inventory: Inventory) {
        self.variables(folder, &mut inventory);
        inventory.finish();
        self.inventories.push((name_of(path), inventory));
    }

    /// One file of an inventory, of whatever form.
    fn source(&mut self, path: &Path, inventory: &mut Inventory) -> Result<(), ReadError> {
        let bytes = self.bytes(path)?;
        let file = inventory.file(path);
        let at = Place { file, line: 0 };
        if bytes.starts_with(b"#!")
            && std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0)
        {
            let hint = "Set ansible.run and name a program if it is to be run.";
            inventory.warn("NOT_RUN", at, "inventory", "the inventory is a program and was not run", hint);
            return Ok(());
        }
        let Ok(content) = String::from_utf8(bytes) else {
            inventory.warn("BAD_ENCODING", at, "inventory", "the file is not UTF-8 text", "");
            return Ok(());
        };
        let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
        if is_vault(content) {
            inventory.warn("ENCRYPTED", at, "inventory", "the file is encrypted", "");
            return Ok(());
        }
        if content.trim_start().starts_with('{')
            && let Ok(json) = serde_json::from_str::<serde_json::Value>(content)
            && list::is_list(&json)
        {
            list::read(&json, inventory, file);
            return Ok(());
        }
        // A file without one of these endings may be of either form; only YAML can be told.
        let sure = matches!(extension(path), "yml" | "yaml" | "json");
        let maybe = sure || extension(path).is_empty();
        match text::read(content) {
            Ok(parsed) if maybe => match parsed.root {
                Some(root) if yaml::is_plugin(&root) => {
                    let hint = "Set ansible.run and name a program if the plugin is to be run.";
                    let message = "the file names an inventory plugin, which was not run";
                    inventory.warn("NOT_RUN", at, "inventory", message, hint);
                }
                Some(root) if sure || yaml::is_inventory(&root) => {
                    if !matches!(root.value(), text::Value::Map(_)) {
                        let message = format!("an inventory is a map of groups, but this is {}", root.kind());
                        inventory.warn("BAD_INVENTORY", at, "inventory", &message, "");
                    }
                    yaml::read(&root, inventory, file);
                }
                Some(_) => ini::read(content, inventory, file),
                None => {}
            },
            Err(error) if sure => {
                let at = Place { file, line: error.at.line };
                inventory.warn("BAD_YAML", at, "inventory", error.reason, "");
            }
            _ => ini::read(content, inventory, file),
        }
        Ok(())
    }

    /// `group_vars` and `host_vars`.
    fn variables(&mut self, folder: &Path, inventory: &mut Inventory) {
        for kind in VARIABLES {
            let beside = folder.join(kind);
            let Ok(inside) = self.entries(&beside) else { continue };
            // What there is by name, so that a fleet of hosts costs one look at the folder.
            let present: HashMap<&str, &PathBuf> = inside.iter().map(|p| (file_name(p), p)).collect();
            let names: Vec<(usize, String)> = match kind {
                "group_vars" => inventory.groups.iter().map(|g| g.name.clone()).enumerate().collect(),
                _ => inventory.hosts.iter().map(|h| h.name.clone()).enumerate().collect(),
            };
            for (index, name) in names {
                if name.starts_with('/') {
                    continue;
                }
                // The first of these that is there is read, and no other.
                let found = ["", ".yml", ".yaml", ".json"]
                    .iter()
                    .find_map(|ending| present.get(format!("{name}{ending}").as_str()));
                let Some(found) = found else { continue };
                let mut vars = Vars::new();
                self.variable_files(found, inventory, &mut vars, 8);
                match kind {
                    "group_vars" => inventory.add_group_folder(index, vars),
                    _ => inventory.add_host_folder(index, vars),
                }
            }
        }
    }

    /// A file of variables, or a folder of them in lexical order.
    fn variable_files(&mut self, path: &Path, inventory: &mut Inventory, vars: &mut Vars, levels: u8) {
        let Some(levels) = levels.checked_sub(1) else { return };
        if !path.is_dir() {
            self.variable_file(path, inventory, vars);
            return;
        }
        let Ok(inside) = self.entries(path) else { return };
        for entry in inside.iter().filter(|p| !is_hidden(p)) {
            let known = matches!(extension(entry), "" | "yml" | "yaml" | "json");
            // A folder with an ending is no part of it.
            if known && (extension(entry).is_empty() || !entry.is_dir()) {
                self.variable_files(entry, inventory, vars, levels);
            }
        }
    }

    fn variable_file(&mut self, path: &Path, inventory: &mut Inventory, vars: &mut Vars) {
        let read = self.bytes(path);
        let file = inventory.file(path);
        let at = Place { file, line: 0 };
        let content = match read.map(String::from_utf8) {
            Ok(Ok(content)) => content,
            Ok(Err(_)) => {
                inventory.warn("BAD_ENCODING", at, "variables", "the file is not UTF-8 text", "");
                return;
            }
            Err(error) => {
                inventory.warn(
                    "UNREADABLE",
                    at,
                    "variables",
                    &format!("the file cannot be read: {error}"),
                    "",
                );
                return;
            }
        };
        if is_vault(&content) {
            // What is in it stays secret; other files say what can be said.
            return;
        }
        match text::read(&content) {
            Ok(parsed) => match parsed.root.as_ref().map(text::Node::value) {
                Some(text::Value::Map(pairs)) => {
                    for (key, value) in pairs {
                        let at = Place { file, line: key.at.line };
                        vars.insert(key.text.to_string(), Var { value: Value::of_yaml(value), at });
                    }
                }
                Some(_) => inventory.warn("BAD_VARIABLES", at, "variables", "variables are a map", ""),
                None => {}
            },
            Err(error) => {
                let at = Place { file, line: error.at.line };
                inventory.warn("BAD_YAML", at, "variables", error.reason, "");
            }
        }
    }
}
