//! An engine on its thread: started at once, stopped within a second.

use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::api::Handle;
use super::conduct::{Ends, conduct};
use super::routes::Ways;
use crate::access::{Access, SetupError};
use crate::clock::Clock;
use crate::fleet::{Fleet, Sync};

/// How long [`Running::stop`] waits at most.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The way to clusters cannot be set up.
    #[error("connections cannot be set up")]
    Access(#[from] SetupError),
    /// The operating system gives no thread, or no means to wait for sockets.
    #[error("the engine's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// An engine that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    /// What a user interface holds.
    pub handle: Handle,
    ways: watch::Receiver<Option<Arc<Ways>>>,
    contact: bool,
    quit: CancellationToken,
    runtime: runtime::Handle,
    /// Closes when the thread is at its end.
    ended: blocking::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Starts an engine. Returns at once: the first fleet is empty and says that nothing has been read yet.
///
/// # Errors
/// When there is no thread, or no cryptography, to work with.
pub fn start(settings: Settings, clock: Clock) -> Result<Running, StartError> {
    let access = Access::new(settings.access.clone(), clock.clone())?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
    let (fleet_in, fleet) = watch::channel(Arc::new(Fleet::default()));
    let (detail_in, detail) = watch::channel(None);
    let (ways_in, ways) = watch::channel(None);
    let (commands, commanded) = mpsc::channel(64);
    let (decisions, decided) = mpsc::channel(16);
    let (alive, ended) = blocking::sync_channel(0);
    let quit = CancellationToken::new();
    let ends =
        Ends { fleet: fleet_in, detail: detail_in, ways: ways_in, commands: commanded, decisions: decided };
    let contact = settings.plan.contact && !settings.sources_only;
    let (token, handle) = (quit.clone(), runtime.handle().clone());
    let thread = std::thread::Builder::new()
        .name("fleetglass-io".to_owned())
        .spawn(move || {
            runtime.block_on(conduct(settings, access, clock, ends, token));
            // Does not wait for threads that are stuck in a file or a name lookup.
            runtime.shutdown_background();
            drop(alive);
        })
        .map_err(StartError::Thread)?;
    let handle_out = Handle { fleet, detail, commands, decisions };
    Ok(Running { handle: handle_out, ways, contact, quit, runtime: handle, ended, thread: Some(thread) })
}

impl Running {
    /// Waits until every cluster is decided (answered, failed or unusable), at most `timeout`, and returns the fleet as it is
    /// then. Without contact nothing is ever decided, and only the sources are waited for. Blocks; not for use on a runtime.
    pub fn wait_decided(&self, timeout: Duration) -> Arc<Fleet> {
        let mut fleet = self.handle.fleet.clone();
        let contact = self.contact;
        let (done, wait) = blocking::sync_channel(1);
        let quit = self.quit.clone();
        let waiting = async move {
            let decided = fleet.wait_for(|fleet| is_decided(fleet, contact));
            tokio::select! {
                // Either it is decided, or there will be no further fleet.
                _ = decided => {}
                () = quit.cancelled() => {}
                () = tokio::time::sleep(timeout) => {}
            }
            let _ = done.send(());
        };
        let task = self.runtime.spawn(waiting);
        // The engine's own timer ends the wait; this one is for an engine that cannot keep time.
        let _ = wait.recv_timeout(timeout.saturating_add(Duration::from_millis(200)));
        task.abort();
        Arc::clone(&self.handle.fleet.borrow())
    }

    /// The way over which each cluster of the newest fleet is contacted: `None` for one that is not. Empty before any row is made.
    pub fn ways(&self) -> Arc<Ways> {
        self.ways.borrow().clone().unwrap_or_default()
    }

    /// Ends all work and returns within a second, whatever hangs.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.quit.cancel();
        // Nothing is ever sent: the other end closes, or the time is up and the thread is left behind.
        if let Err(blocking::RecvTimeoutError::Disconnected) = self.ended.recv_timeout(PATIENCE) {
            drop(thread.join());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn is_decided(fleet: &Fleet, contact: bool) -> bool {
    let read = fleet.loaded && fleet.sources.iter().all(|s| s.sync != Sync::Reading);
    read && (!contact || !fleet.clusters.iter().any(|c| c.is_awaited()))
}
