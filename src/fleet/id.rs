//! Names that stand for things.

use std::fmt;
use std::sync::Arc;

use super::CleanText;

/// How a row, a command and an event name one cluster: its shown name, unique in the fleet.
///
/// Two entries of the same name from different files become `name` and `name~2`. The key is stable for as long
/// as the sources say the same; the durable identity of a cluster is the UID of its `kube-system` namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterKey(Arc<str>);

impl ClusterKey {
    /// A key from a name that is already clean.
    pub fn new(name: &CleanText) -> Self {
        Self(Arc::from(name.as_str()))
    }

    /// The key as text; safe to print.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
