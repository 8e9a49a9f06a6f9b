//! What the screens and commands speak with the engine: closed enums, one direction each.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::fleet::{CleanText, ClusterKey, Decision, Detail, Fleet};

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
    /// Read that source again, or all of them.
    Sync(Option<CleanText>),
    /// Inspect these closely, once; an empty list means all. While a cluster is open it is inspected without being asked.
    Inspect(Vec<ClusterKey>),
    /// End all work; the engine's thread returns once its tasks are gone or 1 s has passed.
    Shutdown,
}

/// Why a decision was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// A stable word: `POLICY`, `NO_MEMORY`, `NO_SUCH_CLASS`, `CHANGED` ...
    pub code: &'static str,
    /// Why, a lowercase fragment.
    pub message: CleanText,
    /// What to do, a full sentence.
    pub hint: Option<CleanText>,
}

/// Decisions that are to be taken in, all of them or none.
#[derive(Debug)]
pub struct Deciding {
    /// What is decided.
    pub decisions: Vec<Decision>,
    /// Why, if the person said so.
    pub reason: Option<CleanText>,
    /// Who: the name of the operating system's user.
    pub who: CleanText,
    /// What came of it, once it is written down and the fleet has changed.
    pub reply: oneshot::Sender<Result<(), Refused>>,
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
    /// Decisions, bounded.
    pub decisions: mpsc::Sender<Deciding>,
}
