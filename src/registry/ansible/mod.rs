//! Ansible inventories: INI, YAML, and the JSON of `ansible-inventory --list`, with `group_vars` and `host_vars`.
//!
//! Inventories are read here and not by Ansible, because Ansible runs the code of plugins and scripts that inventories name. Who
//! wants that sets `ansible.run` and names a program. Values are what Ansible would make of them, as measured with ansible-core
//! 2.19, traps included. Of the variables, only those that the source names are ever shown: the others hold passwords.

mod folder;
mod ini;
mod inventory;
mod list;
mod literal;
mod range;
mod sight;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use self::folder::OnDisk;
use self::inventory::Inventory;
use self::sight::Look;
use super::keep::{Reader, Reading, problem};
use super::kubeconfig::Contexts;
use super::pace::{Pace, around};
use super::run::Runner;
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{CleanText, Problem};
use crate::host::{FileState, Workers};

/// Where the inventory comes from.
pub(super) enum From {
    /// Files, watched.
    Files(PathBuf),
    /// What a program prints.
    Program(Runner),
}

/// Reads one source.
pub(super) struct Ansible {
    spec: Object<SourceSpec>,
    name: CleanText,
    from: From,
    contexts: watch::Receiver<Option<Arc<Contexts>>>,
    workers: Workers,
    pace: Pace,
    stamp: Vec<(PathBuf, Option<FileState>)>,
    round: u32,
}

impl Ansible {
    pub(super) fn new(
        spec: Object<SourceSpec>,
        name: CleanText,
        from: From,
        contexts: watch::Receiver<Option<Arc<Contexts>>>,
        pace: Pace,
    ) -> Self {
        let workers = Workers::new("inventory", 2);
        Self { spec, name, from, contexts, workers, pace, stamp: Vec::new(), round: 0 }
    }

    async fn on_disk(&mut self, path: PathBuf) -> Result<OnDisk, Problem> {
        let bad = |code, message: &str, hint: &str| problem(&self.spec, "path", code, message, hint);
        let shown = path.clone();
        let call = move || {
            let mut disk = folder::read(&path);
            let looked_at = disk.as_mut().map(|d| std::mem::take(&mut d.looked_at));
            let stamp = looked_at.unwrap_or_else(|_| stamp(&[path]));
            (disk, stamp)
        };
        match self.workers.run(self.pace.files, call).await {
            Err(_) => Err(bad(
                "NOT_ANSWERING",
                "the file system with the inventory does not answer",
                "Check whether a network file system is reachable.",
            )),
            Ok((disk, stamp)) => {
                self.stamp = stamp;
                disk.map_err(|error| {
                    let shown = CleanText::with_cap(&shown.to_string_lossy(), 300);
                    bad("UNREADABLE", &format!("{shown} cannot be read: {error}"), "Check the path.")
                })
            }
        }
    }
}

impl Reader for Ansible {
    async fn read(&mut self, now: DateTime<Utc>) -> Result<Reading, Problem> {
        let inventories = match &self.from {
            From::Files(path) => self.on_disk(path.clone()).await?.inventories,
            From::Program(runner) => {
                let output = runner.run(&self.spec).await?;
                let json: serde_json::Value = serde_json::from_slice(&output).map_err(|_| {
                    let hint = "The program must print what ansible-inventory --list prints.";
                    problem(&self.spec, "program", "BAD_OUTPUT", "the program's output is no JSON", hint)
                })?;
                let mut inventory = Inventory::new();
                list::read(&json, &mut inventory, 0);
                inventory.finish();
                vec![(self.name.as_str().to_owned(), inventory)]
            }
        };
        let contexts = self.contexts.borrow_and_update().clone().unwrap_or_default();
        let usual = crate::fleet::spec::AnsibleSpec::default();
        let look = Look {
            source: &self.name,
            spec: self.spec.spec.ansible.as_ref().unwrap_or(&usual),
            contexts: &contexts,
            now,
        };
        let (sighted, problems) = sight::sighted(&inventories, &look);
        Ok(Reading { sighted, problems, partial: false })
    }

    async fn changed(&mut self) {
        loop {
            self.round = self.round.wrapping_add(1);
            let wait = around(self.pace.look, self.name.as_str(), self.round);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Ok(()) = self.contexts.changed() => return,
            }
            if let From::Program(_) = self.from {
                continue;
            }
            let paths: Vec<PathBuf> = self.stamp.iter().map(|(path, _)| path.clone()).collect();
            let now = self.workers.run(self.pace.files, move || stamp(&paths)).await;
            if now.is_ok_and(|now| now != self.stamp) {
                tokio::time::sleep(self.pace.settle).await;
                return;
            }
        }
    }
}

fn stamp(paths: &[PathBuf]) -> Vec<(PathBuf, Option<FileState>)> {
    paths.iter().map(|path| (path.clone(), FileState::at(path))).collect()
}
