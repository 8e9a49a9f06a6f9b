//! One file's content: entries that were read one by one, each with its own problems.

use std::path::Path;

use super::block;
use super::cluster::{self, ClusterPart};
use super::notes::{Notes, Text, origin, problem};
use super::pem::PemFiles;
use super::user::{self, UserPart};
use crate::config::yaml;
use crate::config::yaml::{Node, Pos, Value};
use crate::fleet::{CleanText, Problem, Severity};

/// Entries of one kind that are read from one file.
const MAX_ENTRIES: usize = 50_000;

/// A named entry. `part` is what was understood; an error among the problems makes the entry unusable.
#[derive(Debug)]
pub(super) struct Named<T> {
    pub(super) name: String,
    pub(super) at: Pos,
    pub(super) part: T,
    pub(super) problems: Vec<Problem>,
}

/// What a context entry says.
#[derive(Debug, Default)]
pub(super) struct ContextPart {
    pub(super) cluster: Option<Text>,
    pub(super) user: Option<Text>,
    pub(super) namespace: Option<String>,
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) clusters: Vec<Named<ClusterPart>>,
    pub(super) users: Vec<Named<UserPart>>,
    pub(super) contexts: Vec<Named<ContextPart>>,
    pub(super) current: Option<Text>,
    /// Problems of the file as a whole, and of entries that have no name.
    pub(super) problems: Vec<Problem>,
}

/// A file while it is being read.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    /// How the file is called in front of people.
    pub(super) shown: &'a CleanText,
    /// The folder that relative paths start from, absolute.
    pub(super) base: &'a Path,
}

/// Reads a file's text. The error is the reason why nothing of it can be used.
pub(super) fn read(text: &str, source: &Source<'_>, files: &mut PemFiles) -> Result<Document, Problem> {
    if let Some(root) = block::read(text) {
        return decode(&root, source, files);
    }
    let refuse = |error: yaml::YamlError| {
        let at = Some(origin(source.path, error.at));
        let hint = "Check that line; kubectl config view --kubeconfig FILE reads the same file.";
        problem(Severity::Error, "BAD_YAML", at, source.shown, error.reason, hint)
    };
    let parsed = yaml::read(text).map_err(refuse)?;
    let mut document = match &parsed.root {
        Some(root) => decode(root, source, files)?,
        None => empty(source),
    };
    if let Some(at) = parsed.second {
        let at = Some(origin(source.path, at));
        let message = "only the first YAML document of a file is read";
        let hint = "Split the file; several can be named.";
        document.problems.push(problem(
            Severity::Warning,
            "SECOND_DOCUMENT",
            at,
            source.shown,
            message,
            hint,
        ));
    }
    Ok(document)
}

fn empty(source: &Source<'_>) -> Document {
    let at = Some(origin(source.path, Pos::default()));
    let note = problem(Severity::Note, "EMPTY", at, source.shown, "the file holds no entries", "");
    Document { problems: vec![note], ..Document::default() }
}

fn decode(root: &Node<'_>, source: &Source<'_>, files: &mut PemFiles) -> Result<Document, Problem> {
    let Value::Map(pairs) = root.value() else {
        return Err(not_a_kubeconfig(
            source,
            root.at,
            &format!("the file holds {}, not a kubeconfig", root.kind()),
        ));
    };
    if pairs.is_empty() {
        return Ok(empty(source));
    }
    check_kind(root, source)?;
    let mut notes = Notes::new(source.path, source.shown.clone());
    let mut document = Document {
        clusters: entries(root, "clusters", "cluster", source, &mut notes, |node, at, notes| {
            cluster::decode(node, at, notes, source.base, files)
        }),
        ..Document::default()
    };
    document.users = entries(root, "users", "user", source, &mut notes, |node, at, notes| {
        user::decode(node, at, notes, source.base, files)
    });
    document.contexts =
        entries(root, "contexts", "context", source, &mut notes, |node, _, notes| context(node, notes));
    document.current = notes.text(root, "current-context");
    document.problems = notes.problems;
    Ok(document)
}

fn not_a_kubeconfig(source: &Source<'_>, at: Pos, message: &str) -> Problem {
    let at = Some(origin(source.path, at));
    let hint = "A kubeconfig has clusters, users and contexts.";
    problem(Severity::Error, "NOT_A_KUBECONFIG", at, source.shown, message, hint)
}

/// A kubeconfig may leave out `kind` and `apiVersion`; if they are there, they must be its own.
fn check_kind(root: &Node<'_>, source: &Source<'_>) -> Result<(), Problem> {
    let word = |key: &str| {
        let (at, node) = root.get(key)?;
        let text = node.text().filter(|t| !t.is_empty())?;
        Some((at, text))
    };
    let kind = word("kind");
    if let Some((at, kind)) = kind.filter(|(_, kind)| *kind != "Config") {
        // The kind of an API object is a word; anything else is not repeated.
        let is_word = kind.len() <= 63 && kind.bytes().all(|b| b.is_ascii_alphanumeric());
        let what = if is_word { format!("a {kind}") } else { "something else".to_owned() };
        return Err(not_a_kubeconfig(
            source,
            at,
            &format!("the file holds {what}, not a kubeconfig (kind: Config)"),
        ));
    }
    if let Some((at, _)) = word("apiVersion").filter(|(_, version)| *version != "v1") {
        return Err(not_a_kubeconfig(source, at, "the file's apiVersion is not v1"));
    }
    let known = ["clusters", "users", "contexts", "current-context", "preferences", "extensions"];
    if kind.is_none() && !known.iter().any(|key| root.get(key).is_some()) {
        return Err(not_a_kubeconfig(source, root.at, "the file has neither clusters nor contexts"));
    }
    Ok(())
}

/// The entries of one of the three lists. An entry that is not even a map is a problem of the file.
fn entries<'n, 't: 'n, T>(
    root: &'n Node<'t>,
    section: &'static str,
    inner: &'static str,
    source: &Source<'_>,
    file: &mut Notes<'_>,
    mut decode: impl FnMut(&Node<'t>, Pos, &mut Notes<'_>) -> T,
) -> Vec<Named<T>> {
    let (at, items) = file.list(root, section);
    if items.len() > MAX_ENTRIES {
        let message = format!(
            "{section} has {} entries; those after the first {MAX_ENTRIES} are not read",
            items.len()
        );
        file.warning("TOO_LARGE", at, &message, "Split the file; several can be named.");
    }
    let mut named = Vec::with_capacity(items.len().min(MAX_ENTRIES));
    for item in items.iter().take(MAX_ENTRIES) {
        if !matches!(item.value(), Value::Map(_)) {
            let message = format!("an entry of {section} must be a map, but is {}", item.kind());
            file.error("BAD_ENTRY", item.at, &message, "");
            continue;
        }
        let errors = file.errors;
        let name = file.text(item, "name").map(|name| name.value);
        if name.is_none() && file.errors > errors {
            continue;
        }
        let name = name.unwrap_or_default();
        let mut notes = Notes::new(source.path, subject(inner, &name));
        let nothing = Node { at: item.at, value: Value::Map(Vec::new()) };
        let content = notes.map(item, inner).map_or(&nothing, |(_, node)| node);
        let part = decode(content, item.at, &mut notes);
        named.push(Named { name, at: item.at, part, problems: notes.problems });
    }
    named
}

/// How an entry is called in problems.
pub(super) fn subject(kind: &str, name: &str) -> CleanText {
    if name.is_empty() {
        return CleanText::new(&format!("{kind} without a name"));
    }
    let name = CleanText::with_cap(name, 256);
    CleanText::new(&format!("{kind} {name}"))
}

fn context(node: &Node<'_>, notes: &mut Notes<'_>) -> ContextPart {
    let part = ContextPart {
        cluster: notes.filled(node, "cluster"),
        user: notes.filled(node, "user"),
        namespace: None,
    };
    let Some(namespace) = notes.filled(node, "namespace") else { return part };
    if !is_dns_label(&namespace.value) {
        let message = "the namespace is not a valid name (lower-case letters, digits and -, at most 63)";
        notes.error("BAD_NAMESPACE", namespace.at, message, "");
    }
    ContextPart { namespace: Some(namespace.value), ..part }
}

/// RFC 1123 section 2.1, as Kubernetes applies it to namespaces.
fn is_dns_label(name: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}
