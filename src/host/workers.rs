//! A few threads for calls that block, so that a call that never returns costs a thread and nothing else.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Calls that may wait for a thread.
const QUEUE: usize = 4_096;

/// An idle thread ends after this long.
const IDLE: Duration = Duration::from_secs(30);

/// The deadline passed, or there was no room to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no thread was free in time, or the call did not return")]
pub struct Late;

type Call = Box<dyn FnOnce() + Send>;

struct Job {
    call: Call,
    wanted: Box<dyn Fn() -> bool + Send>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

struct Pool {
    name: &'static str,
    most: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
}

/// A small set of threads, started when needed. Threads are not waited for when the program ends.
#[derive(Clone)]
pub struct Workers(Arc<Pool>);

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("name", &self.0.name).field("most", &self.0.most).finish()
    }
}

impl Workers {
    /// At most `most` threads called `name`; none is started yet.
    pub fn new(name: &'static str, most: usize) -> Self {
        Self(Arc::new(Pool { name, most: most.max(1), queue: Mutex::default(), wake: Condvar::new() }))
    }

    /// Runs `call` on one of the threads. A call that nobody waits for any more is not begun.
    ///
    /// # Errors
    /// [`Late`] if it has not returned within `deadline`; it may still be running.
    pub async fn run<T, F>(&self, deadline: Duration, call: F) -> Result<T, Late>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, wait) = oneshot::channel();
        let answer = Arc::new(Mutex::new(Some(answer)));
        let shared = answer.clone();
        let wanted = move || lock(&shared).as_ref().is_some_and(|a: &oneshot::Sender<T>| !a.is_closed());
        let call = move || {
            let value = call();
            if let Some(answer) = lock(&answer).take() {
                let _nobody_waits = answer.send(value);
            }
        };
        self.0.add(Job { call: Box::new(call), wanted: Box::new(wanted) })?;
        match tokio::time::timeout(deadline, wait).await {
            Ok(Ok(value)) => Ok(value),
            // A panic in the call drops the sender; to the caller that is an answer that never came.
            Ok(Err(_)) | Err(_) => Err(Late),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    fn add(self: &Arc<Self>, job: Job) -> Result<(), Late> {
        let mut queue = lock(&self.queue);
        if queue.jobs.len() >= QUEUE {
            queue.jobs.retain(|job| (job.wanted)());
            if queue.jobs.len() >= QUEUE {
                return Err(Late);
            }
        }
        queue.jobs.push_back(job);
        if queue.idle < queue.jobs.len() && queue.threads < self.most {
            let pool = self.clone();
            let builder = std::thread::Builder::new().name(self.name.to_owned()).stack_size(512 << 10);
            match builder.spawn(move || pool.work()) {
                Ok(_) => queue.threads += 1,
                // Without any thread the job would wait for nobody.
                Err(_) if queue.threads == 0 => {
                    queue.jobs.clear();
                    return Err(Late);
                }
                Err(_) => {}
            }
        }
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if (job.wanted)() {
                // A panic ends the call, whose waiter learns it from the dropped sender, and not the thread: a thread that
                // unwinds is still counted while the next call is already looking for one.
                let _panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.call));
            }
        }
    }

    /// The next job; `None` when this thread has been idle for long and is no longer counted.
    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue.idle += 1;
            let (woken, timeout) =
                self.wake.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if timeout.timed_out() && queue.jobs.is_empty() {
                // Under the same lock as the look at the queue, so that no job is left to a thread that is leaving.
                queue.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_never_returns_costs_its_thread_only() {
        let workers = Workers::new("test", 2);
        let (_open, never) = std::sync::mpsc::sync_channel::<()>(1);
        let stuck = workers.run(Duration::from_millis(50), move || never.recv().is_ok()).await;
        assert_eq!(stuck, Err(Late));
        for i in 0..50 {
            assert_eq!(workers.run(Duration::from_secs(20), move || i).await, Ok(i));
        }
    }

    #[tokio::test]
    async fn a_call_nobody_waits_for_is_not_begun() {
        let workers = Workers::new("test", 1);
        let (open, gate) = std::sync::mpsc::sync_channel::<()>(1);
        let (began, count) = std::sync::mpsc::sync_channel::<()>(8);
        let busy = workers.clone();
        let first =
            tokio::spawn(async move { busy.run(Duration::from_secs(20), move || gate.recv()).await.is_ok() });
        tokio::task::yield_now().await;
        let late = workers.run(Duration::from_millis(20), move || began.send(())).await;
        assert_eq!(late, Err(Late));
        open.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(workers.run(Duration::from_secs(20), || 7).await, Ok(7));
        assert!(count.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_never_came_and_the_next_call_runs() {
        let workers = Workers::new("test", 1);
        assert_eq!(workers.run(Duration::from_secs(20), || panic!("on purpose")).await, Err::<(), _>(Late));
        assert_eq!(workers.run(Duration::from_secs(20), || 1).await, Ok(1));
    }
}
