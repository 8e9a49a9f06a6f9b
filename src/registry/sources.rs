//! Kinds of sources: where each is read, and with what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use super::Commands;
use super::ansible::{self, Ansible};
use super::cloud::Cloud;
use super::exec::Exec;
use super::keep::{self, Source, problem};
use super::kubeconfig::Contexts;
use super::run::Runner;
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{Problem, SourceKind};

/// What all sources share.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) commands: Arc<Commands>,
    /// Relative paths start here.
    pub(super) base: PathBuf,
    pub(super) home: Option<PathBuf>,
    pub(super) break_glass: Arc<[String]>,
}

impl Parts {
    /// A path as the fleet file means it: `~` is the home folder, and what is relative is so to the file.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix('~'), &self.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
            _ => self.base.join(Path::new(text)),
        }
    }
}

/// When a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// With the kubeconfigs.
    Kubeconfig,
    /// From files of this machine.
    Near,
    /// By asking somebody.
    Far,
}

/// When a source of that kind is read.
pub(super) fn sort(kind: SourceKind, spec: &SourceSpec) -> Sort {
    match kind {
        SourceKind::Kubeconfig => Sort::Kubeconfig,
        SourceKind::Ansible if spec.ansible.as_ref().is_none_or(|a| !a.run) => Sort::Near,
        SourceKind::Static => Sort::Near,
        _ => Sort::Far,
    }
}

/// Whether it is read from a cluster.
pub(super) fn is_hub(kind: SourceKind) -> bool {
    use SourceKind as K;
    match kind {
        K::ClusterApi
        | K::Rancher
        | K::ClusterProfile
        | K::Ocm
        | K::Karmada
        | K::KubeFleet
        | K::RancherFleet
        | K::ArgoCd
        | K::KubeFed
        | K::ClusterRegistry => true,
        K::Static
        | K::Eks
        | K::Aks
        | K::Gke
        | K::AzureFleet
        | K::GkeFleet
        | K::Exec
        | K::Ansible
        | K::Kubeconfig => false,
    }
}

/// A source that must name a file and does not.
pub(super) fn no_path(spec: &Object<SourceSpec>) -> Problem {
    problem(spec, "path", "NO_PATH", "the source names no file", "Name a file or folder with path.")
}

/// Whether an inventory is what a program prints.
fn runs(spec: &Object<SourceSpec>) -> bool {
    spec.spec.ansible.as_ref().is_some_and(|a| a.run)
}

fn no_program(spec: &Object<SourceSpec>) -> Option<Problem> {
    let hint = "Name it with program, and its command line in config.toml under [programs.NAME].";
    let missing = spec.spec.program.as_deref().is_none_or(str::is_empty);
    missing.then(|| problem(spec, "program", "NO_PROGRAM", "the source names no program", hint))
}

/// Why a source cannot be read as it is declared.
pub(super) fn refused(spec: &Object<SourceSpec>, kind: SourceKind) -> Option<Problem> {
    match kind {
        SourceKind::Static => {
            let message = "clusters of the fleet file need no source";
            Some(problem(spec, "kind", "BAD_KIND", message, "Write objects of kind Cluster."))
        }
        _ if is_hub(kind) && spec.spec.context.as_deref().is_none_or(str::is_empty) => {
            let hint = "Name the kubeconfig context that leads to the hub with context.";
            Some(problem(spec, "context", "NO_CONTEXT", "the source names no context", hint))
        }
        SourceKind::Ansible if runs(spec) => no_program(spec),
        SourceKind::Ansible if spec.spec.path.as_deref().is_none_or(str::is_empty) => Some(no_path(spec)),
        SourceKind::Exec => no_program(spec),
        _ => None,
    }
}

/// Reads a source that is no hub until its end.
pub(super) async fn watch(
    mut source: Source,
    parts: Parts,
    contexts: watch::Receiver<Option<Arc<Contexts>>>,
) {
    let (spec, name, deadline) = (source.spec.clone(), source.name.clone(), source.pace.program);
    let program = spec.spec.program.clone().unwrap_or_default();
    let path = spec.spec.path.clone().filter(|p| !p.is_empty()).map(|p| parts.path(&p));
    match source.kind {
        SourceKind::Ansible if !spec.spec.ansible.as_ref().is_some_and(|a| a.run) => {
            "watch inventory".clone_into(&mut source.how);
            source.watched = true;
            let from = ansible::From::Files(path.unwrap_or_default());
            let reader = Ansible::new(spec, name, from, contexts, source.pace.clone());
            keep::watch(source, reader).await;
        }
        SourceKind::Ansible => {
            let mut args: Vec<String> = Vec::new();
            if let Some(path) = path.as_ref().and_then(|p| p.to_str()) {
                args.extend(["-i".to_owned(), path.to_owned()]);
            }
            args.push("--list".to_owned());
            source.how = format!("run {program}");
            match Runner::named(&spec, &program, args, &parts.commands, deadline) {
                Ok(runner) => {
                    let from = ansible::From::Program(runner);
                    let reader = Ansible::new(spec, name, from, contexts, source.pace.clone());
                    keep::watch(source, reader).await;
                }
                Err(problem) => keep::refuse(source, problem).await,
            }
        }
        SourceKind::Exec => {
            source.how = format!("run {program}");
            match Runner::named(&spec, &program, Vec::new(), &parts.commands, deadline) {
                Ok(runner) => keep::watch(source, Exec::new(spec, name, runner, contexts)).await,
                Err(problem) => keep::refuse(source, problem).await,
            }
        }
        SourceKind::Eks
        | SourceKind::Aks
        | SourceKind::AzureFleet
        | SourceKind::Gke
        | SourceKind::GkeFleet => match Cloud::new(spec, source.kind, name, &parts.commands, deadline) {
            Ok(cloud) => {
                source.how = cloud.how();
                keep::watch(source, cloud).await;
            }
            Err(problem) => keep::refuse(source, problem).await,
        },
        // Hubs and what is read with the kubeconfigs have tasks of their own.
        _ => {}
    }
}
