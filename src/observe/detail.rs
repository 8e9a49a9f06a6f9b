//! A closer look at the one cluster that is opened: its nodes, events and readiness checks, read again while it stays open.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;

use super::Means;
use super::pace::{Dice, Pace};
use super::probe::NODE_TABLE;
use super::wire;
use crate::access::{Accept, Access, Ask, Link, Purpose, Reply, Target};
use crate::clock::Clock;
use crate::fleet::{Check, ClusterKey, Detail, ErrorCode, EventRow, Failure, Loadable, NodeRow, Observed};

/// Events kept, newest first.
const MOST_EVENTS: usize = 500;
/// Pages of events that are read at most; a list that never ends is left there.
const MOST_PAGES: usize = 8;
/// The first page of them.
const EVENTS: &str = "/api/v1/events?limit=500";
/// A failed reading hides the last good one once that is older.
const STALE: TimeDelta = TimeDelta::seconds(30);

/// The cluster that is opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its key.
    pub key: ClusterKey,
    /// The way to it; `None` if its entry cannot be used.
    pub target: Option<Arc<Target>>,
}

/// Follows `opened` and publishes the detail of whatever is opened, until it is told to quit. What is closed is dropped.
pub async fn look_closer(
    means: Means,
    mut opened: watch::Receiver<Option<Opened>>,
    out: watch::Sender<Option<Arc<Detail>>>,
) {
    let Means { access, clock, pace, quit } = means;
    loop {
        let now_open = opened.borrow_and_update().clone();
        let looking = async {
            if let Some(one) = now_open {
                Look::at(one, &clock, &out).go_on(&access, &pace).await;
            } else {
                out.send_replace(None);
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = quit.cancelled() => return,
            changed = opened.changed() => if changed.is_err() {
                return;
            },
            () = looking => {}
        }
    }
}

struct Look<'a> {
    target: Option<Arc<Target>>,
    clock: &'a Clock,
    detail: Detail,
    out: &'a watch::Sender<Option<Arc<Detail>>>,
}

impl<'a> Look<'a> {
    /// Shows at once that something is being fetched.
    fn at(opened: Opened, clock: &'a Clock, out: &'a watch::Sender<Option<Arc<Detail>>>) -> Self {
        let now = clock.now();
        let detail = Detail {
            key: opened.key,
            nodes: Loadable::Loading(now),
            events: Loadable::Loading(now),
            checks: Loadable::Loading(now),
        };
        let look = Self { target: opened.target, clock, detail, out };
        look.publish();
        look
    }

    /// Reads again and again. Ends never: it is dropped.
    async fn go_on(mut self, access: &Access, pace: &Pace) {
        let Some(target) = self.target.take() else {
            let failure = Failure::new(ErrorCode::Config, "the entry of this cluster cannot be used");
            self.fail_all(&failure);
            return std::future::pending().await;
        };
        let mut link = access.link(target);
        let dice = Dice::of(self.detail.key.as_str());
        let mut failures = 0_u32;
        let mut round = 0_u32;
        loop {
            let wait = match self.round(&mut link).await {
                Ok(()) => {
                    failures = 0;
                    pace.detail
                }
                Err(asked) => {
                    failures = failures.saturating_add(1);
                    pace.back_off_after(failures, dice.throw(round)).max(pace.detail).max(asked)
                }
            };
            round = round.wrapping_add(1);
            tokio::time::sleep(wait).await;
        }
    }

    /// Reads everything once. `Err`: the cluster could not be had, and how long it asked to be left alone.
    async fn round(&mut self, link: &mut Link) -> Result<(), Duration> {
        let answer = link.get(&ask("/readyz?verbose", Accept::Any, Purpose::Action)).await;
        let (checks, gone) = reading(answer, |reply| wire::readiness_checks(reply.status, &reply.body), true);
        self.file_checks(checks);
        self.gone(gone)?;

        let answer = link.get(&ask(NODE_TABLE, Accept::Table, Purpose::Action)).await;
        let now = self.clock.now();
        let (nodes, gone) = reading(answer, |reply| wire::node_rows(&reply.body, now).map(|n| n.0), false);
        self.file_nodes(nodes);
        self.gone(gone)?;

        let (events, gone) = newest_events(link).await;
        self.file_events(events);
        self.gone(gone)
    }

    /// Where the way itself failed, the rest of the round would only fail the same way.
    fn gone(&mut self, gone: Option<Failure>) -> Result<(), Duration> {
        let Some(failure) = gone else { return Ok(()) };
        self.fail_all(&failure);
        Err(failure.retry_after.unwrap_or_default())
    }

    fn fail_all(&mut self, failure: &Failure) {
        self.file_checks(Err(failure.clone()));
        self.file_nodes(Err(failure.clone()));
        self.file_events(Err(failure.clone()));
    }

    fn file_checks(&mut self, reading: Result<Vec<Check>, Failure>) {
        file(&mut self.detail.checks, reading, self.clock);
        self.publish();
    }

    fn file_nodes(&mut self, reading: Result<Vec<NodeRow>, Failure>) {
        file(&mut self.detail.nodes, reading, self.clock);
        self.publish();
    }

    fn file_events(&mut self, reading: Result<Vec<EventRow>, Failure>) {
        file(&mut self.detail.events, reading, self.clock);
        self.publish();
    }

    fn publish(&self) {
        self.out.send_replace(Some(Arc::new(self.detail.clone())));
    }
}

fn ask(path: &str, accept: Accept, purpose: Purpose) -> Ask<'_> {
    Ask { path, accept, purpose }
}

/// Puts a reading where it is shown. A failure leaves a good reading standing while that is fresh; its age shows.
fn file<T>(slot: &mut Loadable<T>, reading: Result<T, Failure>, clock: &Clock) {
    let now = clock.now();
    match reading {
        Ok(value) => *slot = Loadable::Ready(Observed { value, at: now }),
        Err(failure) => {
            let fresh = matches!(slot, Loadable::Ready(last) if now - last.at <= STALE);
            if !fresh {
                *slot = Loadable::Failed(failure, now);
            }
        }
    }
}

/// Decodes an answer; beside it, the failure that makes further requests of this round pointless.
fn reading<T>(
    answer: Result<Reply, Failure>,
    decode: impl FnOnce(&Reply) -> Result<T, Failure>,
    any_status: bool,
) -> (Result<T, Failure>, Option<Failure>) {
    let reply = match answer {
        Ok(reply) => reply,
        Err(failure) => {
            let nonsense = matches!(failure.code, ErrorCode::Parse | ErrorCode::Http | ErrorCode::Timeout);
            return (Err(failure.clone()), (!nonsense).then_some(failure));
        }
    };
    match reply.failure() {
        Some(failure) if matches!(failure.code, ErrorCode::Http401 | ErrorCode::Http429) => {
            (Err(failure.clone()), Some(failure))
        }
        Some(failure) if failure.code == ErrorCode::Http403 || !any_status => (Err(failure), None),
        _ => match reply.not_json().filter(|_| !any_status) {
            Some(failure) => (Err(failure), None),
            None => (decode(&reply), None),
        },
    }
}

/// The newest events of all namespaces. The list comes in the order of names, so several pages are read to find them.
async fn newest_events(link: &mut Link) -> (Result<Vec<EventRow>, Failure>, Option<Failure>) {
    let mut rows = Vec::new();
    let mut path = EVENTS.to_owned();
    for page in 0..MOST_PAGES {
        let answer = link.get(&ask(&path, Accept::Json, Purpose::Action)).await;
        let got = match reading(answer, |reply| wire::events(&reply.body), false) {
            (Ok(got), _) => got,
            // What the first pages held is worth more than the failure of a later one (410: the list was too old).
            (Err(_), None) if page > 0 => break,
            (Err(failure), gone) => return (Err(failure), gone),
        };
        rows.extend(got.rows);
        wire::newest_first(&mut rows, MOST_EVENTS);
        let Some(token) = got.next else { break };
        path = next_page(&token);
    }
    (Ok(rows), None)
}

/// The page that `token` stands for.
fn next_page(token: &str) -> String {
    url::form_urlencoded::Serializer::new(EVENTS.to_owned()).append_pair("continue", token).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use chrono::DateTime;

    #[test]
    fn a_good_reading_stands_until_it_is_stale() {
        let clock = Clock::manual(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let failure = Failure::new(ErrorCode::Timeout, "no answer");
        let mut slot = Loadable::Loading(clock.now());
        file(&mut slot, Err(failure.clone()), &clock);
        assert_eq!(slot, Loadable::Failed(failure.clone(), clock.now()));
        file(&mut slot, Ok(7), &clock);
        let read_at = clock.now();
        clock.advance(TimeDelta::seconds(30));
        file(&mut slot, Err(failure.clone()), &clock);
        assert_eq!(slot, Loadable::Ready(Observed { value: 7, at: read_at }));
        clock.advance(TimeDelta::seconds(1));
        file(&mut slot, Err(failure.clone()), &clock);
        assert_eq!(slot, Loadable::Failed(failure, clock.now()));
    }

    #[test]
    fn a_token_is_sent_back_as_one_parameter() {
        assert_eq!(next_page("a&b=c d\r\n"), "/api/v1/events?limit=500&continue=a%26b%3Dc+d%0D%0A");
    }

    #[test]
    fn only_what_concerns_the_whole_cluster_ends_a_round() {
        let status = |status| Ok(Reply { status, body: Bytes::from_static(b"x"), ..Reply::default() });
        let failed = |code| Err(Failure::new(code, "said so"));
        for (answer, any_status, good, ends) in [
            (status(200), false, true, false),
            (status(500), true, true, false),
            (status(500), false, false, false),
            (status(403), true, false, false),
            (status(404), false, false, false),
            (status(401), true, false, true),
            (status(429), false, false, true),
            (failed(ErrorCode::Tcp), false, false, true),
            (failed(ErrorCode::Exec), true, false, true),
            (failed(ErrorCode::Timeout), false, false, false),
            (failed(ErrorCode::Parse), false, false, false),
        ] {
            let shown = format!("{answer:?}");
            let (reading, gone) = reading(answer, |_| Ok(()), any_status);
            assert_eq!((reading.is_ok(), gone.is_some()), (good, ends), "{shown}");
        }
    }
}
