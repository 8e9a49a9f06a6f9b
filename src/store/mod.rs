//! What outlives a session: operators' decisions, the journal of what was done, and what sources and clusters said before.
//!
//! * One SQLite file, 0600 in a 0700 folder, worked by a thread of its own. Nobody waits for it longer than [`PATIENCE`].
//! * Decisions and the journal are only added to, both in one transaction; a decision that was answered with `Ok` survives a crash.
//! * A file that is damaged, of a newer program or somebody else's is left exactly as it is. There is no memory then: nothing is
//!   recalled, decisions are refused, and [`Store::problem`] says why.
//! * Several processes may work on one file; what another one decides wakes [`Store::changed`] within seconds.
//! * No secret is ever stored.

mod file;
mod journal;
mod keeper;
mod rows;
#[cfg(test)]
mod tests;
mod work;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::fleet::{ClassInputs, CleanText, Evidence, Identity, Problem, Recorded, Sighting, SightingId};

pub use journal::Verified;
use work::Order;

/// How long an answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Orders that may wait; whoever comes when it is full is told so.
const QUEUE: usize = 64;

/// Where things are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file; `None`: there is no memory, and nobody wants one.
    pub path: Option<PathBuf>,
    /// How large the file may grow, in bytes.
    pub max_bytes: u64,
}

impl Settings {
    /// That file, with the usual limit of 1 GiB.
    pub fn at(path: Option<PathBuf>) -> Self {
        Self { path, max_bytes: 1 << 30 }
    }
}

/// Why something was not kept or not recalled.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no memory, or what there is cannot be used.
    #[error("there is no memory to keep it in")]
    Absent,
    /// Too much waits to be written, or the answer takes too long.
    #[error("the memory is busy")]
    Busy,
    /// No room is left on the disk, or the file is as large as it may become.
    #[error("there is no room left for it")]
    Full,
    /// The file could not be read or written.
    #[error("the memory cannot be read or written")]
    Sql(#[source] rusqlite::Error),
    /// A row cannot be written as text.
    #[error("it cannot be written down")]
    Text(#[from] serde_json::Error),
}

/// A sighting of an earlier session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// As its source last told of it.
    pub sighting: Arc<Sighting>,
    /// When it was first told of.
    pub first_seen: DateTime<Utc>,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Decisions, oldest first.
    pub decisions: Vec<Recorded>,
    /// What led to each cluster's class.
    pub inputs: HashMap<Identity, ClassInputs>,
    /// What each source last told, in its order.
    pub sightings: Vec<Remembered>,
    /// What was seen over each sighting's path.
    pub evidence: HashMap<SightingId, Evidence>,
    /// Rows that could not be understood.
    pub unreadable: usize,
    /// Whether decisions are among them: then nobody knows what was decided.
    pub decisions_lost: bool,
    /// Whose inputs are among them.
    pub lost: HashSet<Identity>,
}

/// A hold on the memory. Clones share it; the thread ends after the last of them is gone.
#[derive(Clone, Debug)]
pub struct Store {
    orders: Option<SyncSender<Order>>,
    problem: watch::Receiver<Option<Problem>>,
    changed: watch::Receiver<u64>,
}

impl Store {
    /// Opens the memory, on its own thread; what is wrong with it shows in [`Store::problem`], and whoever asks meanwhile waits.
    pub fn open(settings: Settings, clock: Clock) -> Self {
        let (tell_problem, problem) = watch::channel(None);
        let (tell_changed, changed) = watch::channel(0);
        let Some(path) = settings.path else { return Self { orders: None, problem, changed } };
        let (orders, ordered) = sync_channel(QUEUE);
        let shown = path.clone();
        let problems = tell_problem.clone();
        let thread = std::thread::Builder::new().name("fleetglass-store".to_owned());
        let started = thread.spawn(move || {
            work::work(&path, settings.max_bytes, &clock, &ordered, &tell_problem, &tell_changed);
        });
        if started.is_ok() {
            return Self { orders: Some(orders), problem, changed };
        }
        problems.send_replace(Some(work::trouble(
            "STORE_UNUSABLE",
            &shown,
            "no thread could be started to read it",
            "Raise the limit of processes (`ulimit -u`) and start again.",
        )));
        Self { orders: None, problem, changed }
    }

    /// What is wrong with the memory now.
    pub fn problem(&self) -> watch::Receiver<Option<Problem>> {
        self.problem.clone()
    }

    /// Counts up when another process has decided something.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Everything that is remembered.
    ///
    /// # Errors
    /// If there is no memory, or it does not answer in time.
    pub async fn recall(&self) -> Result<Memory, StoreError> {
        self.ask(Order::Recall).await
    }

    /// Writes decisions down, all or none. Once it answers with `Ok`, no crash undoes it.
    ///
    /// # Errors
    /// If there is no memory, no room, or no answer in time. In the last case it may still be written later.
    pub async fn record(&self, decisions: Vec<Recorded>) -> Result<(), StoreError> {
        self.ask(|reply| Order::Record(decisions, reply)).await
    }

    /// Keeps what led to clusters' classes, in place of what was kept for these clusters before.
    ///
    /// # Errors
    /// If there is no memory, or too much waits to be written.
    pub fn remember_inputs(&self, inputs: Vec<(Identity, ClassInputs)>) -> Result<(), StoreError> {
        self.order(Order::Inputs(inputs))
    }

    /// Keeps what a source told, in place of all that it told before.
    ///
    /// # Errors
    /// If there is no memory, or too much waits to be written.
    pub fn remember_sightings(
        &self,
        source: CleanText,
        sightings: Vec<Arc<Sighting>>,
    ) -> Result<(), StoreError> {
        self.order(Order::Sightings(source, sightings))
    }

    /// Keeps what was seen over access paths, in place of what was seen over the same ones before.
    ///
    /// # Errors
    /// If there is no memory, or too much waits to be written.
    pub fn remember_evidence(&self, evidence: Vec<(SightingId, Evidence)>) -> Result<(), StoreError> {
        self.order(Order::Evidence(evidence))
    }

    /// Reads the whole journal and checks that nothing in it was changed.
    ///
    /// # Errors
    /// If there is no memory, or it does not answer in time.
    pub async fn verify(&self) -> Result<Verified, StoreError> {
        self.ask(Order::Verify).await
    }

    /// Waits until everything that was ordered before is written.
    ///
    /// # Errors
    /// If there is no memory, or it does not answer in time.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Order::Flush).await
    }

    fn order(&self, order: Order) -> Result<(), StoreError> {
        let orders = self.orders.as_ref().ok_or(StoreError::Absent)?;
        orders.try_send(order).map_err(|e| match e {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Absent,
        })
    }

    async fn ask<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Order,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.order(order(reply))?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Absent),
            Err(_) => Err(StoreError::Busy),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sql(error),
        }
    }
}
