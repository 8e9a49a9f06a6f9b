//! A closer look at clusters, once: their events, nodes and readiness checks.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::Global;
use super::fault::{Fault, chain};
use super::gather::{self, Gathered, Session};
use super::surroundings::Io;
use crate::access::Access;
use crate::fleet::{ClusterKey, Detail, Loadable};
use crate::observe::{self, Means, Opened};

/// How many clusters are looked at at the same time.
const AT_ONCE: usize = 32;

/// The longest a closer look takes unless told otherwise.
const WAIT: Duration = Duration::from_secs(15);

/// What has to be there before a look ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Events.
    Events,
    /// Everything.
    All,
}

/// Looks at every selected cluster that can be reached. What is not there when the time is up is still `Loading`.
pub(super) fn look(
    global: &Global,
    got: &Gathered,
    session: &Session,
    part: Part,
    io: &mut Io<'_>,
) -> Result<Vec<(ClusterKey, Detail)>, Fault> {
    let clock = io.around.clock.clone();
    let access = Access::new(gather::access_settings(global, &io.around, &io.around.kuberc()), clock.clone())
        .map_err(|e| Fault::failed("connections cannot be set up").why(chain(&e)))?;
    // Over the ways on which the engine itself polls, so that a row is looked at wherever it is known from.
    let ways = session.running.ways();
    let means = Means { access, clock, pace: gather::pace(global), quit: CancellationToken::new() };
    let opened: Vec<Opened> = got
        .rows
        .iter()
        .filter(|c| c.is_live())
        .map(|c| Opened { key: c.key().clone(), target: ways.get(c.key()).cloned().flatten() })
        .collect();
    let mut stop = io.stop.listen();
    let timeout = global.timeout.unwrap_or(WAIT);
    session.runtime().block_on(async {
        let deadline = Instant::now() + timeout;
        let looks = opened.into_iter().map(|opened| one(means.clone(), opened, part, deadline));
        tokio::select! {
            biased;
            exit = stop.wait() => Err(Fault::stopped(exit)),
            details = stream::iter(looks).buffer_unordered(AT_ONCE).collect::<Vec<_>>() => Ok(details),
        }
    })
}

/// Looks at one cluster until the wanted part is decided or the time is up.
async fn one(means: Means, opened: Opened, part: Part, deadline: Instant) -> (ClusterKey, Detail) {
    let key = opened.key.clone();
    let (_open, opened) = watch::channel(Some(opened));
    let (out, mut detail) = watch::channel(None);
    let decided = |d: &Option<Arc<Detail>>| d.as_ref().is_some_and(|d| is_decided(d, part));
    tokio::select! {
        () = observe::look_closer(means, opened, out) => {}
        _ = detail.wait_for(decided) => {}
        () = tokio::time::sleep_until(deadline) => {}
    }
    let nothing =
        Detail { key: key.clone(), nodes: Loadable::Idle, events: Loadable::Idle, checks: Loadable::Idle };
    let newest = detail.borrow().as_deref().cloned();
    (key, newest.unwrap_or(nothing))
}

fn is_decided(detail: &Detail, part: Part) -> bool {
    let events = has_come(&detail.events);
    match part {
        Part::Events => events,
        Part::All => events && has_come(&detail.nodes) && has_come(&detail.checks),
    }
}

fn has_come<T>(loadable: &Loadable<T>) -> bool {
    matches!(loadable, Loadable::Ready(_) | Loadable::Failed(..))
}
