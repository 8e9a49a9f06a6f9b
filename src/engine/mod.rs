//! The shell: one task owns the fleet, folds what the rooms report into it, and publishes it whole.
//!
//! [`start`] returns at once; kubeconfigs are read on another thread, and everything that waits for a network lives on one
//! runtime on one thread of its own. The task tree is flat and known: the conductor, the fold, the poller, the closer
//! look. None of them waits for a cluster when it is told to end, and [`Running::stop`] waits for none of them longer than a
//! second. Commands flow in, pictures of the fleet flow out, nothing else crosses the border.

pub mod api;
mod conduct;
pub mod fold;
mod glob;
mod publish;
mod running;

use crate::access::{self, kubeconfig};
use crate::observe;

pub use running::{Running, StartError, start};

/// Everything that decides what an engine does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where kubeconfigs are looked for.
    pub search: kubeconfig::Search,
    /// How clusters are reached.
    pub access: access::Settings,
    /// How often and how much.
    pub pace: observe::Pace,
    /// Patterns (`*`, `?`) of contexts to keep; empty keeps all.
    pub contexts: Vec<String>,
    /// Whether clusters are contacted at all. Without, they are listed and never dialled.
    pub contact: bool,
}
