//! From what an object or a Secret says to a target: through the reader of kubeconfigs, so that addresses, certificates,
//! tokens and proxies are checked by the same rules wherever they come from.
//!
//! What comes from a registry is less trusted than a file that a person named: it may name no file of this machine, and no
//! program but those that are allowed by name.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::setting::Setting;
use super::way::{HubPath, Way, is_loader};
use crate::access::kubeconfig::{Context, load_text};
use crate::access::{
    Credential, Exec, Interactive, KeySource, PemSource, ProxyChoice, Roots, Server, Target,
};
use crate::config::yaml::{self, Node, Value};
use crate::fleet::{AccessPath, CleanText, Fingerprint, Method, Problem, Severity};
use crate::registry::address;
use crate::registry::authority::fingerprints;

/// Where texts are said to come from; nothing is there.
const NOWHERE: &str = "/registry/object";

/// The largest kubeconfig of one cluster.
const MAX_KUBECONFIG: usize = 1 << 20;

/// A way that has been looked at. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) target: Option<Arc<Target>>,
    pub(super) path: AccessPath,
    pub(super) identity_key: [u8; 32],
    pub(super) server: Option<Server>,
    pub(super) authorities: Vec<Fingerprint>,
    pub(super) problems: Vec<Problem>,
}

impl Connection {
    /// No way, and why.
    pub(super) fn refused(about: &CleanText, code: &'static str, message: &str, hint: &str) -> Self {
        Self {
            target: None,
            path: AccessPath::new(CleanText::default(), Method::Anonymous),
            identity_key: [0; 32],
            server: None,
            authorities: Vec::new(),
            problems: vec![warning(about, code, message, hint)],
        }
    }

    /// Whether requests over both would be the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        let tls = |c: &Self| {
            c.target.as_ref().map(|t| (t.tls.roots.clone(), t.tls.server_name.clone(), t.tls.insecure))
        };
        self.identity_key == other.identity_key
            && self.server == other.server
            && self.path == other.path
            && self.problems == other.problems
            && tls(self) == tls(other)
    }
}

fn warning(about: &CleanText, code: &'static str, message: &str, hint: &str) -> Problem {
    Problem {
        severity: Severity::Warning,
        code,
        origin: None,
        subject: about.clone(),
        message: CleanText::new(message),
        hint: Some(hint).filter(|h| !h.is_empty()).map(CleanText::new),
    }
}

/// Checks a way that stands in an object.
pub(super) fn along(setting: &Setting, about: &CleanText, way: &Way) -> Connection {
    let mut way = way.clone();
    // An object has no folder that these could be relative to.
    for key in ["certificate-authority", "tokenFile", "client-certificate", "client-key"] {
        drop(way.cluster.remove(key));
        drop(way.user.remove(key));
    }
    let loaded = load_text(way.kubeconfig().into_bytes(), Path::new(NOWHERE));
    match loaded.contexts.into_iter().next() {
        Some(context) => finish(setting, about, context, way.own_plugin),
        None => Connection::refused(about, "BAD_ACCESS", "how the cluster is reached cannot be read", ""),
    }
}

/// Checks a kubeconfig that a Secret holds, and takes its current context or its only one.
pub(super) fn kubeconfig(setting: &Setting, about: &CleanText, bytes: &[u8]) -> Connection {
    let refuse = |code, message: &str, hint: &str| Connection::refused(about, code, message, hint);
    if bytes.len() > MAX_KUBECONFIG {
        return refuse("BAD_KUBECONFIG", "the kubeconfig in the Secret is larger than 1 MiB", "");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse("BAD_KUBECONFIG", "the kubeconfig in the Secret is not UTF-8", "");
    };
    let parsed = match yaml::read(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = format!("the kubeconfig in the Secret: {}, line {}", error.reason, error.at.line);
            return refuse("BAD_KUBECONFIG", &message, "");
        }
    };
    if let Some(field) = parsed.root.as_ref().and_then(named_file) {
        let message = format!(
            "the kubeconfig in the Secret names a file ({field}), which cannot be meant for this machine"
        );
        return refuse(
            "FILE_IN_REGISTRY",
            &message,
            "Only certificates and tokens inside the kubeconfig are used.",
        );
    }
    let loaded = load_text(bytes.to_vec(), Path::new(NOWHERE));
    let chosen = loaded.current.or((loaded.contexts.len() == 1).then_some(0));
    if let Some(context) = chosen.and_then(|at| loaded.contexts.into_iter().nth(at)) {
        return finish(setting, about, context, false);
    }
    let reason = loaded.files.iter().flat_map(|f| &f.problems).find(|p| p.severity == Severity::Error);
    let message = match reason {
        Some(problem) => format!("the kubeconfig in the Secret: {}", problem.message),
        None => "the kubeconfig in the Secret has no current context".to_owned(),
    };
    refuse("BAD_KUBECONFIG", &message, "")
}

/// The first field that names a file.
fn named_file(root: &Node<'_>) -> Option<&'static str> {
    let fields = [
        ("clusters", "cluster", &["certificate-authority"][..]),
        ("users", "user", &["tokenFile", "client-certificate", "client-key"][..]),
    ];
    for (section, inner, keys) in fields {
        let Some((_, list)) = root.get(section) else { continue };
        let Value::List(items) = list.value() else { continue };
        for item in items {
            let Some((_, part)) = item.get(inner) else { continue };
            let named = keys.iter().find(|key| {
                let data = format!("{key}-data");
                let filled = |key: &str| {
                    part.get(key).and_then(|(_, node)| node.text()).is_some_and(|t| !t.is_empty())
                };
                filled(key) && !filled(&data)
            });
            if let Some(key) = named {
                return Some(key);
            }
        }
    }
    None
}

/// What a context of a registry comes to, after what registries may not do is taken away.
fn finish(setting: &Setting, about: &CleanText, context: Context, own_plugin: bool) -> Connection {
    // An error is one of this way only; the cluster may have others.
    let mut problems: Vec<_> = context
        .problems
        .into_iter()
        // A variable in a command line of one's own needs no warning.
        .filter(|p| p.severity > Severity::Note && !(own_plugin && p.code == "EXEC_ENV"))
        .map(|p| Problem { severity: Severity::Warning, origin: None, subject: about.clone(), ..p })
        .collect();
    let mut target = context.target;
    if target.as_ref().is_some_and(|t| names_file(t)) {
        let message = "the way to the cluster names a file, which cannot be meant for this machine";
        problems.push(warning(about, "FILE_IN_REGISTRY", message, ""));
        target = None;
    }
    if let Some(held) = &target
        && let Credential::Exec(exec) = &held.credential
    {
        match plugin(setting, exec, own_plugin) {
            Ok(exec) => {
                target = Some(Arc::new(Target {
                    credential: Credential::Exec(Arc::new(exec)),
                    ..held.as_ref().clone()
                }));
            }
            Err((message, hint)) => {
                problems.push(warning(about, "PLUGIN_NOT_ALLOWED", &message, &hint));
                target = None;
            }
        }
    }
    let server = target.as_ref().map(|t| t.server.clone());
    let server =
        server.or_else(|| context.access.server.as_ref().and_then(|s| address::server_of(s.as_str()).ok()));
    let authorities = match target.as_ref().map(|t| &t.tls.roots) {
        Some(Roots::Bundle(PemSource::Inline(pem))) => fingerprints(pem),
        _ => Vec::new(),
    };
    Connection {
        target,
        path: context.access,
        identity_key: context.identity_key,
        server,
        authorities,
        problems,
    }
}

fn names_file(target: &Target) -> bool {
    let cert = target.tls.client_cert.as_ref();
    matches!(target.credential, Credential::TokenFile(_))
        || matches!(target.tls.roots, Roots::Bundle(PemSource::File(_)))
        || cert.is_some_and(|c| matches!(c.chain, PemSource::File(_)) || matches!(c.key, KeySource::File(_)))
}

/// The plugin as it is run, or why it is not, with a hint.
fn plugin(setting: &Setting, exec: &Exec, own: bool) -> Result<Exec, (String, String)> {
    let exec = Exec { interactive: Interactive::Never, ..exec.clone() };
    if own {
        return Ok(exec);
    }
    let shown = CleanText::with_cap(&exec.command, 128);
    if !setting.commands.allowed_plugins.contains(&exec.command) {
        let message = format!("the credential plugin {shown} is named by the registry and is not allowed");
        let hint = format!(
            "Add \"{shown}\" to allowed_plugins in your config.toml if this registry may have it run."
        );
        return Err((message, hint));
    }
    if let Some((name, _)) = exec.env.iter().find(|(name, _)| is_loader(name)) {
        let message = format!(
            "the registry sets {} for the plugin {shown}, which decides what code runs",
            CleanText::with_cap(name, 64)
        );
        return Err((message, "Have the variable removed from the object.".to_owned()));
    }
    Ok(exec)
}

/// The way over the hub, with the hub's own credential.
pub(super) fn through(setting: &Setting, path: &HubPath) -> Connection {
    let mut target = setting.hub.as_ref().clone();
    target.server.path = match path {
        HubPath::Itself => target.server.path,
        HubPath::Below(below) => format!("{}{below}", target.server.path.trim_end_matches('/')),
        HubPath::Instead(other) => other.clone(),
    };
    let itself = *path == HubPath::Itself;
    let authorities = match &target.tls.roots {
        Roots::Bundle(PemSource::Inline(pem)) if itself && !target.tls.insecure => fingerprints(pem),
        _ => Vec::new(),
    };
    let (method, identity) = credential(&target);
    let hub = &setting.hub_sighting.reference;
    let identity = identity.unwrap_or_else(|| CleanText::new(&format!("as for {hub}")));
    let shown = address::normal(&target.server);
    let path = AccessPath {
        via: (!itself).then(|| hub.clone()),
        server: Some(shown),
        insecure: target.tls.insecure,
        proxy: matches!(target.proxy, ProxyChoice::Explicit(_)).then(|| CleanText::new("as for the hub")),
        impersonates: target.impersonation.as_ref().map(|i| CleanText::new(&i.user)),
        ..AccessPath::new(identity, method)
    };
    let mut print = Sha256::new();
    for part in [&setting.hub_sighting.source, hub] {
        print.update((part.as_str().len() as u64).to_be_bytes());
        print.update(part.as_str());
    }
    Connection {
        server: Some(target.server.clone()),
        target: Some(Arc::new(target)),
        path,
        identity_key: print.finalize().into(),
        authorities,
        problems: Vec::new(),
    }
}

/// How the hub is signed in to, and as whom if that is written down.
fn credential(target: &Target) -> (Method, Option<CleanText>) {
    match &target.credential {
        _ if target.tls.client_cert.is_some() => (Method::ClientCertificate, None),
        Credential::None => (Method::Anonymous, Some(CleanText::new("anonymous"))),
        Credential::Token(_) => (Method::Token, None),
        Credential::TokenFile(_) => (Method::TokenFile, None),
        Credential::Basic { username, .. } => (Method::Basic, Some(CleanText::new(username))),
        Credential::Exec(_) => (Method::Exec, None),
    }
}
