//! One poll of one cluster: a handful of requests over one connection, each answer a signal of its own.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::queue::Wants;
use super::wire::{self, NOT_SERVED, Place};
use crate::access::{Accept, Ask, Link, Purpose, Reply};
use crate::clock::Clock;
use crate::fleet::{ErrorCode, Failure, Snapshot};

/// The table of nodes from the server's watch cache, rows without objects: some 340 bytes for each node in place of 10 KiB.
pub(super) const NODE_TABLE: &str = "/api/v1/nodes?limit=5000&resourceVersion=0&includeObject=None";

/// The requests of a poll, in order: what people look for first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Version,
    Ready,
    Nodes,
    Identity,
    Place,
}

impl Call {
    fn ask(self) -> Ask<'static> {
        let (path, accept) = match self {
            Self::Version => ("/version", Accept::Json),
            Self::Ready => ("/readyz?verbose", Accept::Any),
            Self::Nodes => (NODE_TABLE, Accept::Table),
            Self::Identity => ("/api/v1/namespaces/kube-system", Accept::PartialMetadata),
            // Without a resource version, so that the limit is obeyed. A small sample will do: a node's metadata are some 3 KiB.
            Self::Place => ("/api/v1/nodes?limit=5", Accept::PartialMetadataList),
        };
        Ask { path, accept, purpose: Purpose::Poll }
    }
}

/// What a poll brought.
#[derive(Debug, Default)]
pub(super) struct Probed {
    pub(super) snapshot: Snapshot,
    /// Region and provider, if they were asked for and said.
    pub(super) place: Option<Place>,
    /// The rare readings that were answered, if only by a refusal.
    pub(super) had: Wants,
    /// The longest `Retry-After` of all answers.
    pub(super) retry_after: Option<Duration>,
    /// Whether an answer was 429.
    pub(super) slow_down: bool,
    /// Everything that needs permission was refused.
    pub(super) refused: bool,
}

/// Whether the next request is worth making.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Go {
    On,
    Stop,
}

/// Polls over `link` within `deadline`. Never fails: what went wrong is in the snapshot. The link stays usable.
pub(super) async fn probe(link: &mut Link, wants: Wants, clock: &Clock, deadline: Duration) -> Probed {
    let ends = clock.tick() + deadline;
    let mut findings = Findings::default();
    for call in calls(wants) {
        let left = ends.saturating_duration_since(clock.tick());
        if !findings.is_worth(call) || (wants.first && can_wait(call, deadline, left)) {
            continue;
        }
        let answer = within(link, &call.ask(), ends, deadline, clock).await;
        if findings.take(call, answer, clock.now()) == Go::Stop {
            break;
        }
    }
    findings.close()
}

/// Whether a question of a first poll is left to the next one because half of the time is used: what hardly ever changes must
/// not keep a slow cluster's state from being known.
fn can_wait(call: Call, deadline: Duration, left: Duration) -> bool {
    matches!(call, Call::Identity | Call::Place) && left < deadline / 2
}

fn calls(wants: Wants) -> impl Iterator<Item = Call> {
    [
        (Call::Version, true),
        (Call::Ready, true),
        (Call::Nodes, true),
        (Call::Identity, wants.identity),
        (Call::Place, wants.place),
    ]
    .into_iter()
    .filter_map(|(call, wanted)| wanted.then_some(call))
}

async fn within(
    link: &mut Link,
    ask: &Ask<'_>,
    ends: Instant,
    deadline: Duration,
    clock: &Clock,
) -> Result<Reply, Failure> {
    let left = ends.saturating_duration_since(clock.tick());
    if let Ok(answer) = tokio::time::timeout(left, link.get(ask)).await {
        return answer;
    }
    // Half an answer may still be on its way.
    link.close();
    Err(Failure::new(ErrorCode::Timeout, &format!("not done within {} s", deadline.as_secs())))
}

/// What has been learned so far.
#[derive(Debug, Default)]
struct Findings {
    out: Probed,
    answered: bool,
    /// Whether something was read, or refused in a way that shows a live API server.
    lively: bool,
    timeouts: u32,
}

impl Findings {
    /// Labels are read from the same list as nodes: where that cannot be had, they cannot either.
    fn is_worth(&mut self, call: Call) -> bool {
        let Some(Err(failure)) = &self.out.snapshot.nodes else { return true };
        if call == Call::Place {
            self.out.had.place = failure.code == ErrorCode::Http403;
        }
        call != Call::Place
    }

    fn take(&mut self, call: Call, answer: Result<Reply, Failure>, now: DateTime<Utc>) -> Go {
        let reply = match answer {
            Ok(reply) => reply,
            Err(failure) => return self.no_answer(call, failure),
        };
        self.answered = true;
        self.head(&reply, now);
        match reply.failure() {
            Some(failure) if failure.code == ErrorCode::Http401 => {
                self.out.snapshot.unreachable = Some(failure);
                Go::Stop
            }
            Some(failure) if failure.code == ErrorCode::Http429 => {
                self.out.slow_down = true;
                self.lively = true;
                self.fail(call, failure);
                Go::Stop
            }
            Some(failure) if failure.code == ErrorCode::Http403 => {
                self.lively = true;
                self.fail(call, failure);
                Go::On
            }
            // For readiness a 500 is an answer, and a 404 says that the endpoint is missing.
            Some(failure) if call != Call::Ready => {
                self.fail(call, failure);
                Go::On
            }
            _ => {
                match reply.not_json().filter(|_| call != Call::Ready) {
                    Some(failure) => self.fail(call, failure),
                    None => self.read(call, &reply, now),
                }
                Go::On
            }
        }
    }

    /// What every answer says, whatever it is about.
    fn head(&mut self, reply: &Reply, now: DateTime<Utc>) {
        let snapshot = &mut self.out.snapshot;
        snapshot.latency =
            Some(snapshot.latency.map_or(reply.first_byte, |fastest| fastest.min(reply.first_byte)));
        if let Some(date) = reply.date {
            snapshot.clock_skew_seconds = Some((date - now).num_seconds());
        }
        if let Some(cert) = &reply.serving_cert {
            snapshot.serving_cert = Some((**cert).clone());
        }
        if let Some(cert) = &reply.client_cert {
            snapshot.client_cert = Some((**cert).clone());
        }
        snapshot.credential_expires_at = reply.credential_expires_at.or(snapshot.credential_expires_at);
        self.out.retry_after = self.out.retry_after.max(reply.retry_after);
    }

    /// A failure without an answer. Before the first answer it is the cluster's; after it, it is the call's.
    fn no_answer(&mut self, call: Call, failure: Failure) -> Go {
        let nonsense = matches!(failure.code, ErrorCode::Parse | ErrorCode::Http);
        if !self.answered && !nonsense {
            self.out.snapshot.unreachable = Some(failure);
            return Go::Stop;
        }
        // One slow call (a list from a server whose store hangs) does not say that the next will be.
        let go_on = match failure.code {
            ErrorCode::Timeout => {
                self.timeouts += 1;
                self.timeouts < 2
            }
            _ => nonsense,
        };
        self.fail(call, failure);
        if go_on { Go::On } else { Go::Stop }
    }

    fn fail(&mut self, call: Call, failure: Failure) {
        // A refusal will not be another one in a minute; anything else is asked again at the next poll.
        let settled = failure.code == ErrorCode::Http403;
        let snapshot = &mut self.out.snapshot;
        match call {
            Call::Version => snapshot.version = Some(Err(failure)),
            Call::Ready => snapshot.ready = Some(Err(failure)),
            Call::Nodes => snapshot.nodes = Some(Err(failure)),
            Call::Identity => {
                self.out.had.identity = settled;
                snapshot.identity = Some(Err(failure));
            }
            Call::Place => self.out.had.place = settled,
        }
    }

    fn read(&mut self, call: Call, reply: &Reply, now: DateTime<Utc>) {
        let snapshot = &mut self.out.snapshot;
        let good = match call {
            Call::Version => is_good(snapshot.version.insert(wire::version(&reply.body))),
            Call::Ready => match wire::readiness(reply.status, &reply.body) {
                // A server without the endpoint says nothing about its health: as if it had not been asked.
                Err(failure) if failure.message.as_str() == NOT_SERVED => false,
                reading => is_good(snapshot.ready.insert(reading)),
            },
            Call::Nodes => is_good(snapshot.nodes.insert(wire::node_summary(&reply.body, now))),
            Call::Identity => {
                self.out.had.identity = is_good(snapshot.identity.insert(wire::identity(&reply.body)));
                self.out.had.identity
            }
            Call::Place => {
                self.out.place = wire::place(&reply.body).ok();
                self.out.had.place = self.out.place.is_some();
                self.out.had.place
            }
        };
        self.lively |= good;
    }

    /// The end of the poll. A server of which nothing could be read is out of reach, whatever answers in its place.
    fn close(self) -> Probed {
        let mut out = self.out;
        let snapshot = &out.snapshot;
        let (version, ready) = (told(snapshot.version.as_ref()), told(snapshot.ready.as_ref()));
        let (nodes, identity) = (told(snapshot.nodes.as_ref()), told(snapshot.identity.as_ref()));
        // `/version` is open to everybody on most servers, so an answer to it is not being let in.
        let guarded = || [ready, nodes, identity].into_iter().flatten();
        let forbidden = |answer: Told<'_>| answer.is_err_and(|f| f.code == ErrorCode::Http403);
        let refused = guarded().next().is_some() && guarded().all(forbidden);
        let first = [version, nodes, ready].into_iter().flatten().find_map(Result::err).cloned();
        if out.snapshot.unreachable.is_none() && !self.lively {
            out.snapshot.unreachable = first;
        }
        out.refused = refused;
        let wait = out.snapshot.unreachable.as_ref().and_then(|f| f.retry_after);
        out.retry_after = out.retry_after.max(wait);
        out
    }
}

fn is_good<T>(reading: &Result<T, Failure>) -> bool {
    reading.is_ok()
}

/// Whether an answer was good, or why not.
type Told<'a> = Result<(), &'a Failure>;

/// `None`: not asked.
fn told<T>(reading: Option<&Result<T, Failure>>) -> Option<Told<'_>> {
    reading.map(|r| r.as_ref().map(drop))
}

#[cfg(test)]
mod tests;
