//! File descriptors: how many there are, and who holds one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Kept free for files, pipes, the terminal and the database.
const RESERVED: u64 = 64;

/// Fewest sockets a budget shrinks to.
const FLOOR: usize = 8;

/// The most that every system of interest takes where the hard limit says "unlimited" (macOS refuses more).
const OPEN_MAX: u64 = 10_240;

/// The soft limit of open files.
pub fn open_file_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Raises the soft limit of open files to the hard one and returns what holds afterwards.
pub fn raise_open_file_limit() -> u64 {
    let now = getrlimit(Resource::Nofile);
    for wanted in [now.maximum, now.maximum.map_or(Some(OPEN_MAX), |m| Some(m.min(OPEN_MAX)))] {
        let is_more = wanted.unwrap_or(u64::MAX) > now.current.unwrap_or(u64::MAX);
        if is_more && setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum: now.maximum }).is_ok() {
            break;
        }
    }
    open_file_limit()
}

/// How many sockets may be open at once: what was configured, if the limit of open files leaves so many.
pub fn socket_budget(open_files: u64, configured: usize) -> usize {
    let room = usize::try_from(open_files.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    room.min(configured).max(1)
}

/// A number of sockets that shrinks when the system has fewer than we thought.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    size: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
}

/// One socket of a budget; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _slot: OwnedSemaphorePermit,
    held: Arc<AtomicUsize>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Budget {
    /// A budget of `size`, at least one.
    pub fn new(size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(size)),
            size: Arc::new(AtomicUsize::new(size)),
            held: Arc::default(),
        }
    }

    /// A permit if one is free now.
    pub fn try_take(&self) -> Option<Permit> {
        self.free.clone().try_acquire_owned().ok().map(|slot| self.permit(slot))
    }

    /// Waits in line for a permit; the caller sets the deadline.
    pub async fn take(&self) -> Option<Permit> {
        self.free.clone().acquire_owned().await.ok().map(|slot| self.permit(slot))
    }

    fn permit(&self, slot: OwnedSemaphorePermit) -> Permit {
        self.held.fetch_add(1, Ordering::Relaxed);
        Permit { _slot: slot, held: self.held.clone() }
    }

    /// Makes the budget one smaller, giving up `permit`; a budget at its floor stays.
    pub fn shrink(&self, permit: Permit) {
        drop(permit);
        let shrunk = self
            .size
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |size| (size > FLOOR).then(|| size - 1));
        if shrunk.is_ok() && self.free.forget_permits(1) == 0 {
            self.size.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many may be held.
    pub fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// How many are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_leaves_room_for_files() {
        for (open_files, configured, budget) in
            [(1_024, 512, 512), (256, 512, 192), (64, 512, 1), (10, 512, 1), (u64::MAX, 1_000, 1_000)]
        {
            assert_eq!(socket_budget(open_files, configured), budget);
        }
    }

    #[test]
    fn raising_never_lowers() {
        let before = open_file_limit();
        assert!(raise_open_file_limit() >= before);
    }

    #[tokio::test]
    async fn a_budget_shrinks_to_its_floor_and_counts_what_is_held() {
        let budget = Budget::new(10);
        let first = budget.take().await.unwrap();
        assert_eq!((budget.size(), budget.held()), (10, 1));
        budget.shrink(first);
        assert_eq!((budget.size(), budget.held()), (9, 0));
        for _ in 0..20 {
            let permit = budget.take().await.unwrap();
            budget.shrink(permit);
        }
        assert_eq!(budget.size(), FLOOR);
        let all: Vec<_> = std::iter::from_fn(|| budget.try_take()).collect();
        assert_eq!(all.len(), FLOOR);
    }
}
