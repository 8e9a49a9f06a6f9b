//! The `exec` part of a user entry (`client.authentication.k8s.io`, v1 and v1beta1).

use std::path::Path;

use super::cluster::resolved;
use super::notes::Notes;
use crate::access::{Exec, Interactive};
use crate::config::yaml::{Node, Pos};

/// Arguments and environment together, in bytes; Linux allows this much for one argument.
const MAX_SIZE: usize = 128 * 1024;

const GROUP: &str = "client.authentication.k8s.io/";

/// Reads the plugin; what is wrong with it is an error of the entry.
pub(super) fn decode(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>, base: &Path) -> Option<Exec> {
    let errors = notes.errors;
    let api_version = api_version(node, at, notes);
    let command = command(node, at, notes, base);
    let args = notes.texts(node, "args");
    let env = environment(node, notes);
    let interactive = interactive(node, at, notes, api_version.as_deref());
    let install_hint = notes.filled(node, "installHint").map(|hint| hint.value);
    let provide_cluster_info = notes.flag(node, "provideClusterInfo").is_some();
    if args.iter().any(|arg| arg.contains('\0')) {
        notes.error("BAD_EXEC", at, "an argument of the plugin holds a NUL character", "");
    }
    let size: usize = args.iter().map(String::len).sum::<usize>()
        + env.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
    if size > MAX_SIZE {
        notes.error("BAD_EXEC", at, "the plugin's arguments and env are larger than 128 KiB", "");
    }
    if notes.errors > errors {
        return None;
    }
    Some(Exec {
        api_version: api_version?,
        command: command?,
        args,
        env,
        install_hint,
        provide_cluster_info,
        interactive,
        cluster_config: None,
    })
}

fn api_version(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>) -> Option<String> {
    let regenerate = "Write the kubeconfig again with a current version of the tool that made it.";
    let Some(version) = notes.filled(node, "apiVersion") else {
        notes.error("BAD_EXEC", at, "the plugin has no apiVersion", regenerate);
        return None;
    };
    match version.value.strip_prefix(GROUP) {
        Some("v1" | "v1beta1") => return Some(version.value),
        Some("v1alpha1") => {
            let message =
                "the plugin uses v1alpha1 of the credential interface, which Kubernetes 1.24 removed";
            notes.error("BAD_EXEC", version.at, message, regenerate);
        }
        _ => {
            let message = "the plugin's apiVersion is none of client.authentication.k8s.io/v1 and /v1beta1";
            notes.error("BAD_EXEC", version.at, message, regenerate);
        }
    }
    None
}

fn command(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>, base: &Path) -> Option<String> {
    let Some(command) = notes.filled(node, "command") else {
        notes.error("BAD_EXEC", at, "the plugin has no command", "");
        return None;
    };
    if command.value.contains('\0') {
        notes.error("BAD_EXEC", command.at, "the plugin's command holds a NUL character", "");
        return None;
    }
    let separated = command.value.contains('/') || (cfg!(windows) && command.value.contains('\\'));
    if !separated {
        return Some(command.value);
    }
    // The folder came from a path that may not be text; the command is then looked up as it is written.
    Some(resolved(base, &command.value).into_os_string().into_string().unwrap_or(command.value))
}

/// Null and numeric values are taken as text; what the dynamic linker obeys is pointed out.
fn environment(node: &Node<'_>, notes: &mut Notes<'_>) -> Vec<(String, String)> {
    let (_, items) = notes.list(node, "env");
    let mut env = Vec::with_capacity(items.len());
    for item in items {
        let name = notes.text(item, "name").map(|t| t.value).unwrap_or_default();
        let value = notes.text(item, "value").map(|t| t.value).unwrap_or_default();
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let message = "a variable of the plugin's env has no usable name or value";
            notes.error("BAD_EXEC", item.at, message, "");
        } else if name == "KUBERNETES_EXEC_INFO" {
            let message = "KUBERNETES_EXEC_INFO in the plugin's env is ignored; it is set for each run";
            notes.warning("EXEC_ENV", item.at, message, "");
        } else {
            if name == "PATH" || name.starts_with("LD_") || name.starts_with("DYLD_") {
                let message = format!("the plugin's env sets {name}, which decides what code runs");
                notes.warning("EXEC_ENV", item.at, &message, "Check that you trust this kubeconfig.");
            }
            env.push((name, value));
        }
    }
    env
}

fn interactive(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>, api_version: Option<&str>) -> Interactive {
    match notes.filled(node, "interactiveMode") {
        None => {
            if api_version == Some("client.authentication.k8s.io/v1") {
                let hint = "Add interactiveMode: IfAvailable to the exec part.";
                notes.error("BAD_EXEC", at, "the plugin has no interactiveMode, which v1 requires", hint);
            }
            Interactive::IfAvailable
        }
        Some(mode) => match mode.value.as_str() {
            "Never" => Interactive::Never,
            "IfAvailable" => Interactive::IfAvailable,
            "Always" => Interactive::Always,
            _ => {
                let message = "interactiveMode is none of Never, IfAvailable and Always";
                notes.error("BAD_EXEC", mode.at, message, "");
                Interactive::IfAvailable
            }
        },
    }
}
