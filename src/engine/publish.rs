//! The task that owns the fleet: folds events, publishes pictures, at most twenty a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::fold::Fold;
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::observe::Event;
use crate::registry::Registered;

/// Shortest time between two publications.
const PAUSE: Duration = Duration::from_millis(50);
/// How often verdicts are checked against the clock.
const JUDGE_AGAIN: Duration = Duration::from_mins(1);
/// Events taken in before anything else is looked at.
const BATCH: usize = 512;

/// Folds until `quit` or until all who report are gone. What is registered is always taken in before any event of it.
pub(super) async fn fold_events(
    clock: Clock,
    registered: oneshot::Receiver<Registered>,
    mut events: mpsc::Receiver<Event>,
    out: watch::Sender<Arc<Fleet>>,
    quit: CancellationToken,
) {
    let mut fold = Fold::default();
    let mut registered = Some(registered);
    let mut published: Option<Instant> = None;
    let mut judged = clock.tick();
    loop {
        let publish_at = fold.is_changed().then(|| published.map_or_else(|| clock.tick(), |at| at + PAUSE));
        tokio::select! {
            biased;
            () = quit.cancelled() => return,
            got = arrival(&mut registered) => {
                registered = None;
                if let Some(got) = got {
                    fold.load(got, clock.now());
                }
            }
            () = until(publish_at) => {
                out.send_replace(fold.picture());
                published = Some(clock.tick());
            }
            () = until(Some(judged + JUDGE_AGAIN)) => {
                fold.judge_again(clock.now());
                judged = clock.tick();
            }
            event = events.recv() => {
                let Some(event) = event else { return };
                fold.apply(event);
                for _ in 1..BATCH {
                    let Ok(event) = events.try_recv() else { break };
                    fold.apply(event);
                }
            }
        }
    }
}

async fn arrival(registered: &mut Option<oneshot::Receiver<Registered>>) -> Option<Registered> {
    match registered {
        Some(receiver) => receiver.await.ok(),
        None => std::future::pending().await,
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
