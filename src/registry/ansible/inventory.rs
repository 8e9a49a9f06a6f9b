//! An inventory: groups in groups, hosts in them, variables on both, and who says what in the end.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};

use super::value::Value;
use crate::fleet::{CleanText, Origin, Problem, Severity};

/// Hosts and groups of one inventory.
const MOST: usize = 100_000;
/// Problems that are kept.
const MAX_PROBLEMS: usize = 100;

/// A place in one of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) line: u32,
}

/// A variable's value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Var {
    pub(super) value: Value,
    pub(super) at: Place,
}

pub(super) type Vars = BTreeMap<String, Var>;

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) name: String,
    parents: Vec<usize>,
    children: Vec<usize>,
    /// Of the inventory itself.
    vars: Vars,
    /// Of `group_vars`.
    folder: Vars,
    priority: i64,
    depth: usize,
}

/// A host.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) at: Place,
    groups: Vec<usize>,
    vars: Vars,
    folder: Vars,
}

/// Everything that the files of an inventory say.
#[derive(Debug)]
pub(super) struct Inventory {
    /// The files, for places in them.
    pub(super) files: Vec<PathBuf>,
    pub(super) groups: Vec<Group>,
    pub(super) hosts: Vec<Host>,
    pub(super) problems: Vec<Problem>,
    group_names: HashMap<String, usize>,
    host_names: HashMap<String, usize>,
}

/// The group that all others are in.
const ALL: usize = 0;

impl Inventory {
    pub(super) fn new() -> Self {
        let mut inventory = Self {
            files: Vec::new(),
            groups: Vec::new(),
            hosts: Vec::new(),
            problems: Vec::new(),
            group_names: HashMap::new(),
            host_names: HashMap::new(),
        };
        inventory.group("all");
        inventory
    }

    /// A file that is read now, for places in it.
    pub(super) fn file(&mut self, path: &Path) -> usize {
        self.files.push(path.to_path_buf());
        self.files.len() - 1
    }

    pub(super) fn origin(&self, at: Place) -> Option<Origin> {
        let path = self.files.get(at.file)?.clone();
        Some(Origin { path, line: (at.line > 0).then_some(at.line), column: None })
    }

    pub(super) fn warn(&mut self, code: &'static str, at: Place, subject: &str, message: &str, hint: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let problem = Problem {
            severity: Severity::Warning,
            code,
            origin: self.origin(at),
            subject: CleanText::with_cap(subject, 256),
            message: CleanText::new(message),
            hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
        };
        self.problems.push(problem);
    }

    /// The group of that name, made if there is none.
    pub(super) fn group(&mut self, name: &str) -> usize {
        if let Some(index) = self.group_names.get(name) {
            return *index;
        }
        if self.groups.len() >= MOST {
            return ALL;
        }
        self.groups.push(Group { name: name.to_owned(), ..Group::default() });
        self.group_names.insert(name.to_owned(), self.groups.len() - 1);
        self.groups.len() - 1
    }

    pub(super) fn has_host(&self, name: &str) -> Option<usize> {
        self.host_names.get(name).copied()
    }

    pub(super) fn has_group(&self, name: &str) -> Option<usize> {
        self.group_names.get(name).copied()
    }

    /// The host of that name, made if there is none, and put into the group. `None` if there are too many.
    pub(super) fn host(&mut self, name: &str, group: usize, at: Place) -> Option<usize> {
        let index = match self.host_names.get(name) {
            Some(index) => *index,
            None if self.hosts.len() >= MOST => {
                if self.hosts.len() == MOST && !self.problems.iter().any(|p| p.code == "TOO_LARGE") {
                    let message = "the inventory has more than 100,000 hosts; the rest is not read";
                    self.warn("TOO_LARGE", at, "inventory", message, "");
                }
                return None;
            }
            None => {
                self.hosts.push(Host { name: name.to_owned(), at, ..Host::default() });
                self.host_names.insert(name.to_owned(), self.hosts.len() - 1);
                self.hosts.len() - 1
            }
        };
        let host = self.hosts.get_mut(index)?;
        if !host.groups.contains(&group) {
            host.groups.push(group);
        }
        Some(index)
    }

    pub(super) fn child(&mut self, parent: usize, child: usize) {
        if parent == child || parent == ALL && child == ALL {
            return;
        }
        if let Some(group) = self.groups.get_mut(parent)
            && !group.children.contains(&child)
        {
            group.children.push(child);
            if let Some(group) = self.groups.get_mut(child) {
                group.parents.push(parent);
            }
        }
    }

    pub(super) fn set_group(&mut self, group: usize, key: String, value: Value, at: Place) {
        let Some(group) = self.groups.get_mut(group) else { return };
        if key == "ansible_group_priority" {
            // Only an inventory itself may say it, not the folders beside it.
            if let Some(priority) = value.shown().and_then(|t| t.parse().ok()) {
                group.priority = priority;
            }
            return;
        }
        group.vars.insert(key, Var { value, at });
    }

    pub(super) fn set_host(&mut self, host: usize, key: String, value: Value, at: Place) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.vars.insert(key, Var { value, at });
        }
    }

    /// Variables of `group_vars`; later files win.
    pub(super) fn add_group_folder(&mut self, group: usize, vars: Vars) {
        if let Some(group) = self.groups.get_mut(group) {
            group.folder.extend(vars);
        }
    }

    /// Variables of `host_vars`; later files win.
    pub(super) fn add_host_folder(&mut self, host: usize, vars: Vars) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.folder.extend(vars);
        }
    }

    /// Works out how deep groups lie: everything without a parent is in `all`. Groups that contain themselves are told of, and
    /// the link that closes the circle is forgotten.
    pub(super) fn finish(&mut self) {
        let mut missing: Vec<usize> = self.groups.iter().map(|g| g.parents.len()).collect();
        let mut ready: VecDeque<usize> =
            missing.iter().enumerate().filter(|(_, m)| **m == 0).map(|(i, _)| i).collect();
        let mut done = 0;
        while done < self.groups.len() {
            let Some(index) = ready.pop_front() else {
                // Only groups in a circle, and what hangs on them, are left: the first one is set free.
                let Some(index) = missing.iter().position(|m| *m > 0) else { return };
                self.free(index, &missing);
                if let Some(m) = missing.get_mut(index) {
                    *m = 0;
                }
                ready.push_back(index);
                continue;
            };
            done += 1;
            let parents = self.groups.get(index).map(|g| g.parents.clone()).unwrap_or_default();
            let above = parents.iter().filter_map(|p| self.groups.get(*p)).map(|p| p.depth + 1).max();
            let children = match self.groups.get_mut(index) {
                Some(group) => {
                    group.depth = if index == ALL { 0 } else { above.unwrap_or(1) };
                    group.children.clone()
                }
                None => Vec::new(),
            };
            for child in children {
                if let Some(m) = missing.get_mut(child)
                    && *m > 0
                {
                    *m -= 1;
                    if *m == 0 {
                        ready.push_back(child);
                    }
                }
            }
        }
    }

    fn free(&mut self, index: usize, missing: &[usize]) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let name = group.name.clone();
        let stuck = |parent: &usize| missing.get(*parent).is_some_and(|m| *m > 0);
        let dropped: Vec<usize> = group.parents.iter().copied().filter(stuck).collect();
        group.parents.retain(|parent| !stuck(parent));
        for parent in dropped {
            if let Some(parent) = self.groups.get_mut(parent) {
                parent.children.retain(|child| *child != index);
            }
        }
        let message = "the group contains itself; that link is ignored";
        self.warn("LOOP", Place::default(), &format!("group {name}"), message, "");
    }

    /// Every group that a host is in, `all` not counted, in the order in which their variables are laid over each other: outer
    /// ones first, and at the same depth by priority and name.
    pub(super) fn groups_of(&self, host: &Host) -> Vec<usize> {
        let mut found: HashSet<usize> = HashSet::new();
        let mut todo = host.groups.clone();
        while let Some(index) = todo.pop() {
            if index != ALL && found.insert(index) {
                todo.extend(self.groups.get(index).into_iter().flat_map(|g| &g.parents));
            }
        }
        let mut order: Vec<&Group> = found.iter().filter_map(|i| self.groups.get(*i)).collect();
        order.sort_by(|a, b| (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name)));
        order.iter().filter_map(|g| self.group_names.get(&g.name).copied()).collect()
    }

    /// The hosts in a group and in the groups in it.
    pub(super) fn hosts_in(&self, group: usize) -> Vec<usize> {
        let in_it = |host: &Host| group == ALL || self.groups_of(host).contains(&group);
        self.hosts.iter().enumerate().filter(|(_, h)| in_it(h)).map(|(i, _)| i).collect()
    }

    /// What one host may read. `groups` are those of [`Inventory::groups_of`].
    pub(super) fn scope<'a>(&'a self, host: &'a Host, groups: &'a [usize]) -> Scope<'a> {
        Scope { inventory: self, host, groups }
    }
}

/// The variables of one host.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    inventory: &'a Inventory,
    host: &'a Host,
    groups: &'a [usize],
}

impl<'a> Scope<'a> {
    /// The value that wins: `host_vars`, the host, `group_vars` of its groups from the inside out, `group_vars/all`, the inventory's
    /// own variables of its groups from the inside out, those of `all`.
    pub(super) fn get(&self, name: &str) -> Option<&'a Var> {
        let inside_out = || self.groups.iter().rev().filter_map(|i| self.inventory.groups.get(*i));
        let all = self.inventory.groups.get(ALL);
        self.host
            .folder
            .get(name)
            .or_else(|| self.host.vars.get(name))
            .or_else(|| inside_out().find_map(|g| g.folder.get(name)))
            .or_else(|| all.and_then(|g| g.folder.get(name)))
            .or_else(|| inside_out().find_map(|g| g.vars.get(name)))
            .or_else(|| all.and_then(|g| g.vars.get(name)))
    }

    /// Text with the variables in it filled in: `{{ name }}` and nothing more of Jinja's. `None` if something else stands there.
    pub(super) fn filled(&self, text: &str) -> Option<String> {
        self.fill(text, 8)
    }

    fn fill(&self, text: &str, levels: u8) -> Option<String> {
        if text.contains("{%") || text.contains("{#") {
            return None;
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}")?;
            out.push_str(before);
            out.push_str(&self.named(name.trim(), levels.checked_sub(1)?)?);
            rest = tail;
            if out.len() > 8192 {
                return None;
            }
        }
        out.push_str(rest);
        Some(out)
    }

    fn named(&self, name: &str, levels: u8) -> Option<String> {
        let host = &self.host.name;
        match name {
            "inventory_hostname" => return Some(host.clone()),
            "inventory_hostname_short" => return host.split('.').next().map(str::to_owned),
            _ => {}
        }
        let mut parts = name.split('.');
        let first = parts.next().filter(|n| n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))?;
        let mut value = &self.get(first)?.value;
        for part in parts {
            value = value.get(part)?;
        }
        match value {
            Value::Text(text) => self.fill(text, levels),
            Value::Int(_) | Value::Float(_) => value.shown(),
            _ => None,
        }
    }

    /// The same map that `ansible-inventory --list` prints for the host.
    #[cfg(test)]
    pub(super) fn merged(&self) -> BTreeMap<&'a str, &'a Value> {
        let group = |i: &usize| self.inventory.groups.get(*i).unwrap();
        let all = &self.inventory.groups[ALL];
        let layers = std::iter::once(&all.vars)
            .chain(self.groups.iter().map(|i| &group(i).vars))
            .chain([&all.folder])
            .chain(self.groups.iter().map(|i| &group(i).folder))
            .chain([&self.host.vars, &self.host.folder]);
        layers.flatten().map(|(k, v)| (k.as_str(), &v.value)).collect()
    }
}
