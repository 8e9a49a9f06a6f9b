//! What the screens and commands speak with the engine: closed enums, one direction each.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::fleet::{ClusterKey, Detail, Fleet};

/// A wish of the user interface. Sending never waits: a full queue drops the oldest wish of the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Poll these now and forget their back-off; an empty list means all.
    Refresh(Vec<ClusterKey>),
    /// These rows are on the screen: poll them at the fast tier, in this order.
    Visible(Vec<ClusterKey>),
    /// A cluster was opened: fetch its detail, and again while it stays open. `None`: closed.
    Open(Option<ClusterKey>),
    /// Whether the terminal has the focus; without it, polling slows down.
    Focused(bool),
    /// End all work; the engine's thread returns once its tasks are gone or 1 s has passed.
    Shutdown,
}

/// A user interface's hold on a running engine.
#[derive(Clone, Debug)]
pub struct Handle {
    /// The newest fleet; `changed()` wakes for every publication (at most 20 a second).
    pub fleet: watch::Receiver<Arc<Fleet>>,
    /// The opened cluster's detail.
    pub detail: watch::Receiver<Option<Arc<Detail>>>,
    /// Wishes, bounded.
    pub commands: mpsc::Sender<Command>,
}
