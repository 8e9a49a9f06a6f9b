//! What a source says about a cluster, before anybody has contacted it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::{CleanText, ClusterKey, Facts, Identity, SightingId, SourceRef, TextMap};

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
    /// The sighting that told of it.
    pub sighting: SightingId,
    /// Whether it is for emergencies only and never chosen by the program itself.
    pub break_glass: bool,
    /// The hub through which requests go, if the server is not the cluster's own.
    pub via: Option<CleanText>,
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

impl AccessPath {
    /// A path of which only identity and method are known.
    pub fn new(identity: CleanText, method: Method) -> Self {
        Self {
            sighting: SightingId::default(),
            break_glass: false,
            via: None,
            identity,
            method,
            server: None,
            insecure: false,
            proxy: None,
            impersonates: None,
            expires_at: None,
        }
    }
}

/// Why two sightings are one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MergeBy {
    /// A person said so.
    Decision,
    /// The UID of `kube-system` is the same.
    Uid,
    /// Server and signing certificate are the same.
    ServerAndAuthority,
    /// The server's URL is the same, and nothing speaks against it.
    Server,
}

impl MergeBy {
    /// The word as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Uid => "uid",
            Self::ServerAndAuthority => "server-and-authority",
            Self::Server => "server",
        }
    }
}

/// Why one sighting joined another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeLink {
    /// The one that was there.
    pub first: SightingId,
    /// The one that joined it.
    pub second: SightingId,
    /// Why.
    pub by: MergeBy,
    /// The value that they share, for people.
    pub value: CleanText,
}

/// Where sources contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The field: `name`, `label.env`, `server`, `version`.
    pub field: CleanText,
    /// Who says what; the first one was taken.
    pub values: Vec<(SightingId, CleanText)>,
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The field: `name`, `region`, `label.env`, `property.location`.
    pub field: CleanText,
    /// Who says it: a sighting, `fleet.yaml:12`, `you`.
    pub from: CleanText,
}

/// One cluster as all its sources describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: ClusterKey,
    /// Its shown name.
    pub name: CleanText,
    /// UID of `kube-system`, as sources say it or as it was seen before.
    pub uid: Option<CleanText>,
    /// Where it was learned of, the weightiest first.
    pub sources: Vec<SourceRef>,
    /// How to reach it; the first is preferred, unless it is for emergencies only. Empty if no source says.
    pub paths: Vec<AccessPath>,
    /// The API server's URL as the weightiest source that says one has it, whether or not a path leads there.
    pub server: Option<CleanText>,
    /// The sighting whose path a person has chosen, if its path is still there; the only way to one for emergencies.
    pub chosen: Option<SightingId>,
    /// Labels from the sources and from people.
    pub labels: TextMap,
    /// Properties from the sources.
    pub properties: TextMap,
    /// What the sources say about it, the weightiest first in each part.
    pub facts: Facts,
    /// When the newest of them said so.
    pub said_at: Option<DateTime<Utc>>,
    /// Why its sightings are one cluster.
    pub merges: Vec<MergeLink>,
    /// Where they contradict each other.
    pub conflicts: Vec<Conflict>,
    /// Where values come from, where more than one place could have said them.
    pub provenance: Vec<Provenance>,
    /// Since when no source has known it any more: a tombstone.
    pub gone_at: Option<DateTime<Utc>>,
    /// Whether it hosts one of the sources.
    pub hosts_source: bool,
    /// What is wrong with the entry. One of severity [`Severity::Error`] means that it is never dialled.
    pub problems: Vec<Problem>,
}

impl Entry {
    /// An entry of which only key and name are known.
    pub fn new(key: ClusterKey, name: CleanText) -> Self {
        Self {
            key,
            name,
            uid: None,
            sources: Vec::new(),
            paths: Vec::new(),
            server: None,
            chosen: None,
            labels: TextMap::default(),
            properties: TextMap::default(),
            facts: Facts::default(),
            said_at: None,
            merges: Vec::new(),
            conflicts: Vec::new(),
            provenance: Vec::new(),
            gone_at: None,
            hosts_source: false,
            problems: Vec::new(),
        }
    }

    /// The path to take: the one that a person has chosen, else the first that is not for emergencies only.
    pub fn path(&self) -> Option<&AccessPath> {
        let chosen = self.chosen.as_ref().and_then(|id| self.paths.iter().find(|p| p.sighting == *id));
        chosen.or_else(|| self.paths.iter().find(|p| !p.break_glass))
    }

    /// Everything by which it is found again, the surest first: the UID of `kube-system`, then what each source calls it.
    pub fn identities(&self) -> Vec<Identity> {
        let uid = self.uid.iter().map(Identity::of_uid);
        uid.chain(self.sources.iter().map(|s| Identity::of_sighting(&s.id()))).collect()
    }

    /// The API server's URL: that of its first path, else as sources say.
    pub fn server(&self) -> Option<&CleanText> {
        self.paths.first().and_then(|path| path.server.as_ref()).or(self.server.as_ref())
    }

    /// The first problem that keeps the cluster from being contacted.
    pub fn unusable(&self) -> Option<&Problem> {
        self.problems.iter().find(|p| p.severity == Severity::Error)
    }
}
