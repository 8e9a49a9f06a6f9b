//! What a source says about a cluster, before anybody has contacted it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{CleanText, ClusterKey};

/// Where in a file something stands. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// The line, if known.
    pub line: Option<u32>,
    /// The column, if known.
    pub column: Option<u32>,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something was ignored or looks wrong.
    Warning,
    /// This entry or file cannot be used.
    Error,
}

/// Something wrong with what a person wrote, with where, why and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// A stable word for the kind, `DUPLICATE_NAME`, `UNREADABLE`, `BAD_SERVER` ...
    pub code: &'static str,
    /// Where.
    pub origin: Option<Origin>,
    /// About what: a context, a cluster entry, a key.
    pub subject: CleanText,
    /// What is wrong, a lowercase fragment that never quotes file content that could be secret.
    pub message: CleanText,
    /// What to try, a full sentence.
    pub hint: Option<CleanText>,
}

/// The kinds of places clusters are learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceKind {
    /// A kubeconfig file.
    Kubeconfig,
}

impl SourceKind {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubeconfig => "kubeconfig",
        }
    }
}

/// One place where a cluster was learned of: the source's name and what the cluster is called there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceRef {
    /// The kind.
    pub kind: SourceKind,
    /// The source, `~/.kube/config`.
    pub name: CleanText,
    /// The name there, a context.
    pub reference: CleanText,
    /// Where in the source.
    pub origin: Option<Origin>,
}

/// The state of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// The kind.
    pub kind: SourceKind,
    /// The source's name.
    pub name: CleanText,
    /// How many entries it gave.
    pub entries: usize,
    /// When it was last read to the end.
    pub synced_at: Option<DateTime<Utc>>,
    /// What was wrong with it.
    pub problems: Vec<Problem>,
}

/// How requests to a cluster are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// No credential at all.
    Anonymous,
    /// A client certificate.
    ClientCertificate,
    /// A bearer token written in the kubeconfig.
    Token,
    /// A bearer token in a file that is read again.
    TokenFile,
    /// User name and password.
    Basic,
    /// A credential plugin.
    Exec,
    /// A legacy `auth-provider`.
    AuthProvider,
}

impl Method {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "none",
            Self::ClientCertificate => "client-cert",
            Self::Token => "token",
            Self::TokenFile => "token-file",
            Self::Basic => "basic",
            Self::Exec => "exec",
            Self::AuthProvider => "auth-provider",
        }
    }
}

/// A way to reach a cluster, as far as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPath {
    /// Who one signs in as, shared by many clusters: `ana@corp`, `aws: profile pay`.
    pub identity: CleanText,
    /// How.
    pub method: Method,
    /// The server's URL, cleaned, without any credentials.
    pub server: Option<CleanText>,
    /// Whether the server's certificate is not checked (`insecure-skip-tls-verify`).
    pub insecure: bool,
    /// The proxy named in the entry, without credentials.
    pub proxy: Option<CleanText>,
    /// The user that requests impersonate.
    pub impersonates: Option<CleanText>,
    /// The end of a certificate or token that is written in the entry.
    pub expires_at: Option<DateTime<Utc>>,
}

/// One cluster as its sources describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: ClusterKey,
    /// Its shown name.
    pub name: CleanText,
    /// Where it was learned of.
    pub sources: Vec<SourceRef>,
    /// How to reach it; the first is preferred. Empty if no source says.
    pub paths: Vec<AccessPath>,
    /// Labels from the sources.
    pub labels: Arc<BTreeMap<CleanText, CleanText>>,
    /// What is wrong with the entry. One of severity [`Severity::Error`] means that it is never dialled.
    pub problems: Vec<Problem>,
}

impl Entry {
    /// The first problem that keeps the cluster from being contacted.
    pub fn unusable(&self) -> Option<&Problem> {
        self.problems.iter().find(|p| p.severity == Severity::Error)
    }
}
