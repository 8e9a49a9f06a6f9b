//! From entries to contexts: which cluster and user a context means, and what the two make together.
//!
//! A context looks for its cluster and user in its own file first and then in the other files, in order. So files that
//! were written by the same tool under the same names do not mix, and a file with contexts only still works.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::cluster::ClusterPart;
use super::document::{ContextPart, Document, Named, subject};
use super::identity::Fingerprint;
use super::notes::{Notes, origin, problem};
use super::server::is_loopback;
use super::user::UserPart;
use super::{Context, Loaded};
use crate::access::{Credential, PemSource, ProxyChoice, Roots, Target, Tls};
use crate::fleet::{AccessPath, CleanText, Method, Problem, Severity};

/// How many contexts of one name are compared to find equal ones.
const MAX_COMPARED: usize = 32;

/// Problems of unused entries that are told per file.
const MAX_UNUSED: usize = 1000;

/// A document and the file it came from, by its place in [`Loaded::files`].
pub(super) struct Input {
    pub(super) file: usize,
    pub(super) path: PathBuf,
    pub(super) document: Document,
}

/// The first entry of each name, and the line of the second.
struct Names<'a> {
    first: HashMap<&'a str, usize>,
    again: HashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn of<T>(entries: &'a [Named<T>]) -> Self {
        let mut names = Self { first: HashMap::with_capacity(entries.len()), again: HashMap::new() };
        for (index, entry) in entries.iter().enumerate() {
            match names.first.get(entry.name.as_str()) {
                None => {
                    names.first.insert(&entry.name, index);
                }
                Some(_) => {
                    names.again.entry(&entry.name).or_insert(entry.at.line);
                }
            }
        }
        names
    }
}

/// The names of one kind of entry, over all files.
struct Index<'a> {
    own: Vec<Names<'a>>,
    anywhere: HashMap<&'a str, (usize, usize)>,
}

impl<'a> Index<'a> {
    fn of<T>(inputs: &'a [Input], entries: impl Fn(&'a Document) -> &'a [Named<T>]) -> Self
    where
        T: 'a,
    {
        let own: Vec<_> = inputs.iter().map(|input| Names::of(entries(&input.document))).collect();
        let mut anywhere = HashMap::new();
        for (file, names) in own.iter().enumerate() {
            for (name, index) in &names.first {
                anywhere.entry(*name).or_insert((file, *index));
            }
        }
        Self { own, anywhere }
    }

    /// The entry that a context of input `from` means, as (input, index).
    fn find(&self, from: usize, name: &str) -> Option<(usize, usize)> {
        let own = self.own.get(from).and_then(|names| names.first.get(name));
        own.map(|index| (from, *index)).or_else(|| self.anywhere.get(name).copied())
    }

    /// The line of a second entry of that name in the same file.
    fn again(&self, file: usize, name: &str) -> Option<u32> {
        self.own.get(file)?.again.get(name).copied()
    }
}

/// Turns all documents into contexts.
pub(super) fn resolve(inputs: &[Input], loaded: &mut Loaded) {
    let index = (
        Index::of(inputs, |d| d.clusters.as_slice()),
        Index::of(inputs, |d| d.users.as_slice()),
        Index::of(inputs, |d| d.contexts.as_slice()),
    );
    let mut used = Used::default();
    let mut labels: HashMap<[u8; 32], CleanText> = HashMap::new();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, input) in inputs.iter().enumerate() {
        for (place, entry) in input.document.contexts.iter().enumerate() {
            let resolver = Resolver { inputs, clusters: &index.0, users: &index.1, number, input };
            let mut context = resolver.context(entry, &mut used);
            let names = index.2.own.get(number);
            resolver.mark_duplicate(&mut context, entry, place, names);
            let known = labels.entry(context.identity_key).or_insert_with(|| context.access.identity.clone());
            context.access.identity = known.clone();
            let namesakes = by_name.entry(&entry.name).or_default();
            let twin = namesakes.iter().take(MAX_COMPARED).find_map(|i| {
                loaded
                    .contexts
                    .get(*i)
                    .filter(|other| other.source != context.source && same(other, &context))
            });
            if let Some(twin) = twin {
                let message =
                    format!("the same context is in {}; it is shown once", shown(loaded, twin.source));
                let about = subject("context", &entry.name);
                let note = problem(
                    Severity::Note,
                    "SAME_CONTEXT",
                    Some(context.origin.clone()),
                    &about,
                    &message,
                    "",
                );
                if let Some(file) = loaded.files.get_mut(input.file) {
                    file.problems.push(note);
                }
                continue;
            }
            namesakes.push(loaded.contexts.len());
            loaded.contexts.push(context);
        }
    }
    for (number, input) in inputs.iter().enumerate() {
        let rest = unused(&input.document.clusters, |i| used.clusters.contains(&(number, i)))
            .chain(unused(&input.document.users, |i| used.users.contains(&(number, i))));
        if let Some(file) = loaded.files.get_mut(input.file) {
            file.problems.extend(rest.take(MAX_UNUSED));
        }
    }
    current(inputs, loaded);
}

fn shown(loaded: &Loaded, file: usize) -> &str {
    loaded.files.get(file).map_or("another file", |f| f.shown.as_str())
}

/// Entries that some context means, as (input, index).
#[derive(Default)]
struct Used {
    clusters: std::collections::HashSet<(usize, usize)>,
    users: std::collections::HashSet<(usize, usize)>,
}

/// What is wrong with entries that no context uses: worth knowing, keeps nothing from working.
fn unused<T>(entries: &[Named<T>], is_used: impl Fn(usize) -> bool) -> impl Iterator<Item = Problem> {
    entries.iter().enumerate().filter(move |(i, _)| !is_used(*i)).flat_map(|(_, entry)| {
        entry.problems.iter().cloned().map(|p| Problem { severity: p.severity.min(Severity::Warning), ..p })
    })
}

struct Resolver<'a> {
    inputs: &'a [Input],
    clusters: &'a Index<'a>,
    users: &'a Index<'a>,
    number: usize,
    input: &'a Input,
}

impl Resolver<'_> {
    fn context(&self, entry: &Named<ContextPart>, used: &mut Used) -> Context {
        let mut notes = Notes::new(&self.input.path, subject("context", &entry.name));
        notes.problems.clone_from(&entry.problems);
        let cluster_name = entry.part.cluster.as_ref().map(|t| t.value.clone()).unwrap_or_default();
        let user_name = entry.part.user.as_ref().map(|t| t.value.clone()).unwrap_or_default();
        let cluster = self.cluster(entry, used, &mut notes);
        let anonymous = UserPart::anonymous();
        let user = self.user(entry, used, &mut notes).unwrap_or(&anonymous);
        let mut context = Context {
            name: entry.name.clone(),
            identity_key: user.identity_key,
            access: access(cluster, user, &user_name),
            cluster: cluster_name,
            user: user_name,
            namespace: entry.part.namespace.clone(),
            origin: origin(&self.input.path, entry.at),
            source: self.input.file,
            target: None,
            not_before: user.not_before,
            ca_expires: cluster.and_then(|c| c.ca_expires),
            problems: Vec::new(),
        };
        if let Some(cluster) = cluster {
            refuse_cleartext(cluster, user, entry, &mut notes);
            let usable = !notes.problems.iter().any(|p| p.severity == Severity::Error);
            if let (true, Some(target)) = (usable, target(cluster, user, entry.part.namespace.as_deref())) {
                context.identity_key = identity_key(&target, user);
                context.target = Some(Arc::new(target));
            }
        }
        context.problems = notes.problems;
        context
    }

    fn cluster(
        &self,
        entry: &Named<ContextPart>,
        used: &mut Used,
        notes: &mut Notes<'_>,
    ) -> Option<&ClusterPart> {
        let Some(name) = &entry.part.cluster else {
            if entry.problems.is_empty() {
                notes.error("NO_CLUSTER", entry.at, "the context names no cluster", "");
            }
            return None;
        };
        let Some(place) = self.clusters.find(self.number, &name.value) else {
            let message =
                format!("there is no cluster entry named {}", CleanText::with_cap(&name.value, 256));
            notes.error("UNKNOWN_CLUSTER", name.at, &message, "Add it, or remove the context.");
            return None;
        };
        used.clusters.insert(place);
        let found = self.inputs.get(place.0)?.document.clusters.get(place.1)?;
        notes.problems.extend(found.problems.iter().cloned());
        if let Some(line) = self.clusters.again(place.0, &name.value) {
            ambiguous(notes, found, "cluster", line);
        }
        Some(&found.part)
    }

    fn user(&self, entry: &Named<ContextPart>, used: &mut Used, notes: &mut Notes<'_>) -> Option<&UserPart> {
        let Some(name) = &entry.part.user else {
            if entry.problems.is_empty() {
                notes.note(
                    "NO_USER",
                    entry.at,
                    "the context names no user; requests carry no credential",
                    "",
                );
            }
            return None;
        };
        let Some(place) = self.users.find(self.number, &name.value) else {
            let message = format!("there is no user entry named {}", CleanText::with_cap(&name.value, 256));
            notes.error("UNKNOWN_USER", name.at, &message, "Add it, or remove the context.");
            return None;
        };
        used.users.insert(place);
        let found = self.inputs.get(place.0)?.document.users.get(place.1)?;
        notes.problems.extend(found.problems.iter().cloned());
        if let Some(line) = self.users.again(place.0, &name.value) {
            ambiguous(notes, found, "user", line);
        }
        Some(&found.part)
    }

    /// Inside one file, the first context of a name is used and says so; the others are shown, and not used.
    fn mark_duplicate(
        &self,
        context: &mut Context,
        entry: &Named<ContextPart>,
        place: usize,
        names: Option<&Names<'_>>,
    ) {
        let Some(again) = names.and_then(|names| names.again.get(entry.name.as_str())) else { return };
        let first = names.and_then(|names| names.first.get(entry.name.as_str())).copied().unwrap_or(place);
        let about = subject("context", &entry.name);
        let hint = "Give them different names.";
        let at = Some(context.origin.clone());
        let problem = if first == place {
            let message = format!("the name is there again in line {again}; this first one is used");
            problem(Severity::Warning, "DUPLICATE_NAME", at, &about, &message, hint)
        } else {
            context.target = None;
            let line = self.input.document.contexts.get(first).map_or(0, |c| c.at.line);
            let message = format!("the name is taken by the context in line {line}");
            problem(Severity::Error, "DUPLICATE_CONTEXT", at, &about, &message, hint)
        };
        context.problems.push(problem);
    }
}

fn ambiguous<T>(notes: &mut Notes<'_>, found: &Named<T>, kind: &str, line: u32) {
    let name = CleanText::with_cap(&found.name, 256);
    let message = format!(
        "there are two {kind} entries named {name}; the first (line {}) is used, not that in line {line}",
        found.at.line
    );
    notes.warning("DUPLICATE_NAME", found.at, &message, "Give them different names.");
}

/// A credential in a header goes over an open connection to this machine only.
fn refuse_cleartext(
    cluster: &ClusterPart,
    user: &UserPart,
    entry: &Named<ContextPart>,
    notes: &mut Notes<'_>,
) {
    let open = cluster.address.as_ref().is_some_and(|a| !a.server.tls && !is_loopback(&a.server.host));
    if open && !matches!(user.credential, Credential::None) {
        let message = "the credential would be sent over an unencrypted connection (http)";
        notes.error("TOKEN_OVER_HTTP", entry.at, message, "Use https for server.");
    }
}

fn access(cluster: Option<&ClusterPart>, user: &UserPart, user_name: &str) -> AccessPath {
    let address = cluster.and_then(|c| c.address.as_ref());
    AccessPath {
        server: address.map(|a| CleanText::new(&a.shown)),
        insecure: cluster.is_some_and(|c| c.insecure) && address.is_none_or(|a| a.server.tls),
        proxy: cluster.and_then(|c| c.proxy.as_ref()).map(|p| CleanText::new(&p.shown)),
        impersonates: user.impersonation.as_ref().map(|i| CleanText::new(&i.user)),
        expires_at: user.not_after,
        ..AccessPath::new(CleanText::new(user.label.as_deref().unwrap_or(user_name)), user.method)
    }
}

fn target(cluster: &ClusterPart, user: &UserPart, namespace: Option<&str>) -> Option<Target> {
    let credential = match (&user.credential, &cluster.exec_config) {
        (Credential::Exec(exec), Some(config)) if exec.provide_cluster_info => {
            let mut exec = exec.as_ref().clone();
            exec.cluster_config = Some(config.clone());
            Credential::Exec(Arc::new(exec))
        }
        (credential, _) => credential.clone(),
    };
    Some(Target {
        server: cluster.address.as_ref()?.server.clone(),
        tls: Tls {
            roots: cluster.roots.clone(),
            server_name: cluster.server_name.clone(),
            insecure: cluster.insecure,
            client_cert: user.client_cert.clone(),
        },
        proxy: match &cluster.proxy {
            Some(proxy) => ProxyChoice::Explicit(Arc::new(SecretString::from(proxy.url.clone()))),
            None => ProxyChoice::Environment,
        },
        credential,
        impersonation: user.impersonation.clone(),
        disable_compression: cluster.disable_compression,
        namespace: namespace.unwrap_or("default").to_owned(),
    })
}

/// A plugin that is told about the cluster has one credential per cluster.
fn identity_key(target: &Target, user: &UserPart) -> [u8; 32] {
    let Credential::Exec(exec) = &target.credential else { return user.identity_key };
    if !exec.provide_cluster_info {
        return user.identity_key;
    }
    let server = &target.server;
    let mut print = Fingerprint::new(Method::Exec.as_str());
    print.part("user", &user.identity_key);
    print.part("host", server.host.as_bytes());
    print.part("port", &server.port.to_be_bytes());
    print.part("path", server.path.as_bytes());
    print.part("name", target.tls.server_name.as_deref().unwrap_or_default().as_bytes());
    print.part("insecure", &[u8::from(target.tls.insecure)]);
    match &target.tls.roots {
        Roots::System => print.part("roots", b""),
        Roots::Bundle(PemSource::Inline(pem)) => print.part("pem", pem),
        Roots::Bundle(PemSource::File(path)) => print.part("file", path.as_os_str().as_encoded_bytes()),
    }
    if let ProxyChoice::Explicit(url) = &target.proxy {
        print.part("proxy", url.expose_secret().as_bytes());
    }
    print.part("config", exec.cluster_config.as_deref().unwrap_or_default().as_bytes());
    print.finish()
}

/// Whether two contexts lead to the same place as the same person. Unusable ones are never the same.
fn same(a: &Context, b: &Context) -> bool {
    let (Some(x), Some(y)) = (&a.target, &b.target) else { return false };
    let proxy = |choice: &ProxyChoice| match choice {
        ProxyChoice::Environment => None,
        ProxyChoice::Explicit(url) => Some(url.expose_secret().to_owned()),
    };
    proxy(&x.proxy) == proxy(&y.proxy)
        && a.identity_key == b.identity_key
        && x.server == y.server
        && x.tls.roots == y.tls.roots
        && x.tls.server_name == y.tls.server_name
        && x.tls.insecure == y.tls.insecure
        && x.impersonation == y.impersonation
        && x.disable_compression == y.disable_compression
        && x.namespace == y.namespace
}

/// The first `current-context` that is not empty decides.
fn current(inputs: &[Input], loaded: &mut Loaded) {
    let named = inputs.iter().filter_map(|i| i.document.current.as_ref().map(|text| (i, text)));
    let mut empty = None;
    for (input, text) in named {
        if text.value.is_empty() {
            empty = empty.or(Some((input, text)));
            continue;
        }
        let of_that_name = || loaded.contexts.iter().enumerate().filter(|(_, c)| c.name == text.value);
        let found = of_that_name().find(|(_, c)| c.source == input.file).or_else(|| of_that_name().next());
        loaded.current = found.map(|(index, _)| index);
        if loaded.current.is_none() {
            let mut notes = Notes::new(&input.path, CleanText::new("current-context"));
            let name = CleanText::with_cap(&text.value, 256);
            let message = format!("current-context names {name}, which does not exist");
            notes.note("CURRENT_CONTEXT", text.at, &message, "Set it with: kubectl config use-context NAME");
            loaded.problems.extend(notes.problems);
        }
        return;
    }
    if let Some((input, text)) = empty {
        let mut notes = Notes::new(&input.path, CleanText::new("current-context"));
        let hint = "Set it with: kubectl config use-context NAME";
        notes.note("CURRENT_CONTEXT", text.at, "current-context is empty", hint);
        loaded.problems.extend(notes.problems);
    }
}
