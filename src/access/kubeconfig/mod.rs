//! Kubeconfigs: found, read and checked, one context at a time.
//!
//! A file is text first, then a tree of nodes with positions, then entries, then contexts. What is wrong with an entry is a
//! [`Problem`] of the contexts that use it and keeps no other context from working; only a file that cannot be
//! read as a whole is refused as a whole, and even then the other files are read. Rules of precedence are those of
//! client-go's `clientcmd`, with two differences that many files in one fleet need: a context looks for its cluster and user
//! in its own file first, and contexts of the same name in different files are all kept unless they are equal.
//!
//! Nothing is written, executed or contacted. Messages name fields, never values; tokens, keys and passwords live
//! in [`SecretString`](secrecy::SecretString)s and enter the identity only as part of a hash. Files are opened
//! without waiting, are regular ones, and are limited in size.

mod block;
mod cluster;
mod document;
mod exec;
mod identity;
mod kuberc;
mod notes;
mod pem;
mod read;
mod resolve;
mod search;
mod server;
mod user;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use kuberc::{Kuberc, load_kuberc};
pub use search::{Search, load, load_text};

use crate::access::Target;
use crate::fleet::{AccessPath, CleanText, Origin, Problem, Severity};

/// What came of a search: every context of every file, and what is wrong.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Every file that was looked at, in order.
    pub files: Vec<FileReport>,
    /// Every context, file by file in the order of the text.
    pub contexts: Vec<Context>,
    /// The context that `current-context` names, by its place in `contexts`.
    pub current: Option<usize>,
    /// Problems of the search as a whole.
    pub problems: Vec<Problem>,
    looked: Vec<(String, bool)>,
}

impl Loaded {
    /// The places that were looked at, as people know them, and whether something was there.
    pub fn looked_in(&self) -> Vec<(String, bool)> {
        self.looked.clone()
    }
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was read.
    Read,
    /// It does not exist.
    Missing,
    /// It stands in a folder and is no kubeconfig, or cannot be read.
    Skipped,
    /// It was asked for and cannot be used.
    Refused,
}

/// One file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Where it is, absolute if it was found by a search.
    pub path: PathBuf,
    /// The path for people, with `~`.
    pub shown: CleanText,
    /// What happened to it.
    pub outcome: Outcome,
    /// How many contexts it gave.
    pub contexts: usize,
    /// Problems that belong to no context.
    pub problems: Vec<Problem>,
}

/// One context with the cluster and the user it means.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its name as it is written; may hold anything and is never a path.
    pub name: String,
    /// The name of its cluster entry, as written; empty if it names none.
    pub cluster: String,
    /// The name of its user entry, as written; empty if it names none.
    pub user: String,
    /// Its namespace, if it names one.
    pub namespace: Option<String>,
    /// Where the entry stands.
    pub origin: Origin,
    /// The file, by its place in [`Loaded::files`].
    pub source: usize,
    /// What is needed to contact the cluster; `None` if a problem is an error.
    pub target: Option<Arc<Target>>,
    /// The same for people, as far as it is known. Contexts that share a credential have the same identity.
    pub access: AccessPath,
    /// SHA-256 over what makes the credential: equal keys, one sign-in.
    pub identity_key: [u8; 32],
    /// The beginning of the validity of a certificate or token in the entry; its end is in `access`.
    pub not_before: Option<DateTime<Utc>>,
    /// When the last certificate of the CA bundle ends.
    pub ca_expires: Option<DateTime<Utc>>,
    /// Everything that is wrong with the context, its cluster and its user.
    pub problems: Vec<Problem>,
}

impl Context {
    /// The first problem that keeps it from being used.
    pub fn unusable(&self) -> Option<&Problem> {
        self.problems.iter().find(|p| p.severity == Severity::Error)
    }
}

#[cfg(test)]
mod tests;
