//! Who holds the sockets: busy connections, and idle ones that give way when somebody waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::fleet::{ErrorCode, Failure};
use crate::host::{Budget, Permit};

/// The sockets of the program.
pub(super) struct Sockets {
    budget: Budget,
    /// Idle connections in the order in which they became idle.
    idle: Mutex<BTreeMap<u64, AbortHandle>>,
    next: AtomicU64,
    waiting: AtomicUsize,
}

/// The place of an idle connection in the line.
#[derive(Debug)]
pub(super) struct Parked(u64);

impl Sockets {
    pub(super) fn new(size: usize) -> Self {
        Self {
            budget: Budget::new(size),
            idle: Mutex::default(),
            next: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<u64, AbortHandle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sockets open now.
    pub(super) fn held(&self) -> usize {
        self.budget.held()
    }

    /// How many may be open.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.budget.size()
    }

    /// A socket, in place of the longest idle connection if there is no other.
    ///
    /// # Errors
    /// `INTERNAL` if none came free within `deadline`: the shortage is ours, not the cluster's.
    pub(super) async fn take(&self, deadline: Duration) -> Result<Permit, Failure> {
        if let Some(permit) = self.budget.try_take() {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        self.evict();
        match timeout(deadline, self.budget.take()).await {
            Ok(Some(permit)) => Ok(permit),
            _ => Err(shortage(self.budget.size())),
        }
    }

    /// The system had no file descriptor left: the budget shrinks and an idle connection goes.
    pub(super) fn exhausted(&self, permit: Permit) {
        self.budget.shrink(permit);
        self.evict();
    }

    /// Lets an idle connection stay open, unless somebody waits for its socket.
    pub(super) fn park(&self, connection: AbortHandle) -> Option<Parked> {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return None;
        }
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        self.idle().insert(place, connection);
        Some(Parked(place))
    }

    /// Takes an idle connection back into use; `false` if it had to go.
    pub(super) fn unpark(&self, parked: &Parked) -> bool {
        self.idle().remove(&parked.0).is_some()
    }

    fn evict(&self) {
        let mut idle = self.idle();
        // Those that the server closed hold nothing any more.
        while let Some((_, connection)) = idle.pop_first() {
            if !connection.is_finished() {
                connection.abort();
                break;
            }
        }
    }
}

/// What is said when no socket is free.
pub(super) fn shortage(size: usize) -> Failure {
    Failure::new(ErrorCode::Internal, &format!("all {size} sockets of this program are busy"))
        .hint("Raise the limit of open files (ulimit -n), or the configured number of sockets.")
}

/// Counts a task that waits for a socket.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(permit: Permit) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(permit);
        })
    }

    #[tokio::test]
    async fn the_longest_idle_connection_gives_way() {
        let sockets = Sockets::new(2);
        let wait = Duration::from_secs(20);
        let first = connection(sockets.take(wait).await.unwrap());
        let second = connection(sockets.take(wait).await.unwrap());
        let (older, younger) =
            (sockets.park(first.abort_handle()).unwrap(), sockets.park(second.abort_handle()).unwrap());
        let third = sockets.take(wait).await.unwrap();
        assert!(!sockets.unpark(&older));
        assert!(sockets.unpark(&younger));
        assert_eq!(sockets.held(), 2);
        let failure = sockets.take(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Internal);
        drop(third);
        second.abort();
    }

    #[tokio::test]
    async fn nothing_is_kept_open_while_somebody_waits() {
        let sockets = Sockets::new(1);
        let busy = connection(sockets.take(Duration::from_secs(20)).await.unwrap());
        let wait = sockets.take(Duration::from_secs(20));
        tokio::pin!(wait);
        assert!(futures::poll!(&mut wait).is_pending());
        assert!(sockets.park(busy.abort_handle()).is_none());
        busy.abort();
        assert!(wait.await.is_ok());
    }
}
