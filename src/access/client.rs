//! The Kubernetes client that a person's actions go through: the same dialer, credentials, deadlines and caps.
//!
//! Reads may use a kept connection and be asked again on a new one if it was stale. A write always gets a connection of its
//! own and is sent once, whatever comes of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{self, HeaderMap};
use http::{Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use kube::client::Body as KubeBody;
use tokio::sync::OnceCell;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower::BoxError;

use super::broker::Granted;
use super::classify::{Step, classify, late};
use super::dial::within;
use super::guard::allow_reading;
use super::link::{Caller, Proven, same_connection};
use super::proxy::authority;
use super::reply::retry_after;
use super::sockets::Parked;
use super::wire::{NoHead, Wire, mebibytes, target_uri};
use super::{Access, Deadlines, Shared, Target};
use crate::fleet::{ErrorCode, Failure};

/// Idle connections kept for one client: as many as one source asks over at the same time.
const IDLE: usize = 8;

/// A kept connection is renewed after this long.
const LIFE: Duration = Duration::from_mins(10);

/// How long a kept connection may take to say that it is ready; it takes no time at all.
const READY: Duration = Duration::from_secs(1);

/// A client for `target`.
///
/// # Errors
/// `INTERNAL` outside a runtime: the client's queue is a task.
pub(super) fn client(access: &Access, target: &Arc<Target>) -> Result<kube::Client, Failure> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Failure::new(ErrorCode::Internal, "a client is made outside the runtime"));
    }
    let stack = Stack(Arc::new(Inner {
        shared: access.0.clone(),
        at: authority(&target.server.host, target.server.port),
        target: target.clone(),
        caller: OnceCell::new(),
        idle: Mutex::default(),
    }));
    Ok(kube::Client::new(stack, target.namespace.clone()))
}

/// What a client's error means, as a row shows it.
pub fn client_failure(error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => {
            let code = match status.code {
                401 => ErrorCode::Http401,
                403 => ErrorCode::Http403,
                429 => ErrorCode::Http429,
                500..=599 => ErrorCode::Http5xx,
                _ => ErrorCode::Http,
            };
            let said = Some(status.message.trim()).filter(|m| !m.is_empty()).unwrap_or(&status.reason);
            let wait = status.details.as_ref().map(|d| d.retry_after_seconds).filter(|s| *s > 0);
            Failure {
                retry_after: wait.and_then(|s| retry_after(&s.to_string(), chrono::DateTime::UNIX_EPOCH)),
                ..Failure::new(code, said)
            }
        }
        kube::Error::SerdeError(e) => Failure::new(
            ErrorCode::Parse,
            &format!("JSON of an unexpected shape at line {}, column {}", e.line(), e.column()),
        ),
        kube::Error::FromUtf8(_) => Failure::new(ErrorCode::Parse, "the answer is not UTF-8"),
        kube::Error::LinesCodecMaxLineLengthExceeded => {
            Failure::new(ErrorCode::Parse, "a line of the watch is too long")
        }
        other => classify(other, Step::Body, "the API server"),
    }
}

#[derive(Clone)]
struct Stack(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    target: Arc<Target>,
    at: String,
    caller: OnceCell<Caller>,
    idle: Mutex<Vec<Kept>>,
}

struct Kept {
    wire: Wire<KubeBody>,
    parked: Parked,
    granted: Option<Arc<Granted>>,
}

impl tower::Service<Request<KubeBody>> for Stack {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<KubeBody>) -> Self::Future {
        let inner = self.0.clone();
        Box::pin(async move { inner.answer(request).await.map_err(BoxError::from) })
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self: Arc<Self>, request: Request<KubeBody>) -> Result<Response<Answer>, Failure> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        if self.shared.read_only {
            allow_reading(&parts.method, &path, &parts.headers)?;
        }
        let shared = &self.shared;
        let caller = self.caller.get_or_try_init(|| Caller::new(shared, &self.target)).await?;
        parts.uri = target_uri(&self.target.server, &path)?;
        prepare(&mut parts.headers, &caller.headers);
        let plan = Plan::of(&parts.method, &path, &self.shared.dialer.deadlines);
        let proven = caller.prove(shared).await?;

        if parts.method != Method::GET {
            let answer = self.clone().send(parts, body, &proven, &plan, true).await;
            if answer.as_ref().is_ok_and(|a| a.status() == 401) {
                // Not sent again; but the next request will have a fresh credential.
                let inner = self.clone();
                drop(tokio::spawn(async move {
                    if let Some(caller) = inner.caller.get() {
                        drop(caller.prove_again(&inner.shared, &proven).await);
                    }
                }));
            }
            return answer.map_err(Failure::from);
        }
        let first = self.clone().send(parts.clone(), KubeBody::empty(), &proven, &plan, false).await;
        match first {
            Err(NoHead::Closed(_)) => {
                self.clone().send(parts, KubeBody::empty(), &proven, &plan, true).await.map_err(Failure::from)
            }
            Ok(answer) if answer.status() == 401 => match caller.prove_again(shared, &proven).await {
                None => Ok(answer),
                Some(other) => {
                    let other = other?;
                    drop(answer);
                    self.clone()
                        .send(parts, KubeBody::empty(), &other, &plan, true)
                        .await
                        .map_err(Failure::from)
                }
            },
            other => other.map_err(Failure::from),
        }
    }

    /// Sends once, on a connection of its own if `fresh`.
    async fn send(
        self: Arc<Self>,
        mut parts: http::request::Parts,
        body: KubeBody,
        proven: &Proven,
        plan: &Plan,
        fresh: bool,
    ) -> Result<Response<Answer>, NoHead> {
        let dialer = &self.shared.dialer;
        if let Some(value) = &proven.header {
            parts.headers.insert(header::AUTHORIZATION, value.clone());
        }
        let kept = if fresh { None } else { self.take_idle(proven).await };
        let was_kept = kept.is_some();
        let mut wire = match kept {
            Some(wire) => wire,
            None => self.dial(proven).await.map_err(NoHead::Failed)?,
        };
        let request = Request::from_parts(parts, body);
        let sent =
            wire.send(request, dialer.deadlines.first_byte_action, &self.target.server, &self.at).await;
        let response = match sent {
            // Only a connection that was kept can have been stale.
            Err(NoHead::Closed(failure)) if !was_kept => return Err(NoHead::Failed(failure)),
            other => other?,
        };
        let (parts, body) = response.into_parts();
        let total = if plan.is_stream { None } else { Some(Box::pin(sleep(plan.total))) };
        let idle = if plan.is_stream { dialer.deadlines.idle_stream } else { dialer.deadlines.idle };
        let caps = &self.shared.caps;
        let cap = if plan.is_stream { caps.watch_line } else { caps.action_body };
        let answer = Answer {
            body,
            wire: Some(wire),
            granted: proven.granted.clone(),
            limit: Limit { cap, used: 0, per_line: plan.is_stream },
            idle,
            idle_timer: Box::pin(sleep(idle)),
            total,
            whole: plan.total,
            over: false,
            inner: self.clone(),
        };
        Ok(Response::from_parts(parts, answer))
    }

    async fn dial(&self, proven: &Proven) -> Result<Wire<KubeBody>, Failure> {
        let shared = &self.shared;
        let cert = proven.granted.as_ref().and_then(|g| g.cert.as_ref());
        let work = async {
            let permit = shared.sockets.take(shared.dialer.deadlines.socket).await?;
            let dialed = shared.dialer.dial(&self.target, cert, permit).await?;
            Wire::open(dialed, &shared.caps, &self.at).await
        };
        within(shared.dialer.deadlines.total_action, Step::Connect, &self.at, work).await
    }

    async fn take_idle(&self, proven: &Proven) -> Option<Wire<KubeBody>> {
        loop {
            let mut kept = self.idle().pop()?;
            let is_ours = self.shared.sockets.unpark(&kept.parked);
            let fits = kept.wire.since.elapsed() < LIFE
                && same_connection(kept.granted.as_ref(), proven.granted.as_ref());
            if is_ours && fits && timeout(READY, kept.wire.is_ready()).await == Ok(true) {
                return Some(kept.wire);
            }
        }
    }

    fn keep(&self, wire: Wire<KubeBody>, granted: Option<Arc<Granted>>) {
        let mut idle = self.idle();
        if wire.is_closed() || idle.len() >= IDLE {
            return;
        }
        if let Some(parked) = self.shared.sockets.park(wire.abort_handle()) {
            idle.push(Kept { wire, parked, granted });
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for kept in self.idle().drain(..) {
            let _was_there = self.shared.sockets.unpark(&kept.parked);
        }
    }
}

/// Our headers in place of whatever the client set by itself.
fn prepare(headers: &mut HeaderMap, ours: &HeaderMap) {
    // What is not asked for compressed cannot grow when unpacked.
    for name in [header::AUTHORIZATION, header::ACCEPT_ENCODING] {
        drop(headers.remove(name));
    }
    for name in ours.keys() {
        drop(headers.remove(name));
        for value in ours.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Which limits hold for a request.
struct Plan {
    /// A watch or a followed log: no end, but lines.
    is_stream: bool,
    total: Duration,
}

impl Plan {
    fn of(method: &Method, path: &str, deadlines: &Deadlines) -> Self {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let is_stream = *method == Method::GET
            && query.split('&').any(|pair| {
                matches!(pair.split_once('='), Some(("watch" | "follow", value)) if !matches!(value, "false" | "0"))
            });
        let total = if *method == Method::GET { deadlines.total_big_list } else { deadlines.total_action };
        Self { is_stream, total }
    }
}

/// How much may still come.
struct Limit {
    cap: usize,
    used: usize,
    /// Counted anew after each line, for streams.
    per_line: bool,
}

impl Limit {
    fn take(&mut self, data: &[u8]) -> bool {
        if !self.per_line {
            self.used = self.used.saturating_add(data.len());
            return self.used <= self.cap;
        }
        let mut lines = data.split(|b| *b == b'\n');
        let first = lines.next().map_or(0, <[u8]>::len);
        self.used = self.used.saturating_add(first);
        let mut longest = self.used;
        for line in lines {
            self.used = line.len();
            longest = longest.max(self.used);
        }
        longest <= self.cap
    }
}

/// A body within its limits, which gives its connection back when it has been read to the end.
struct Answer {
    body: Incoming,
    wire: Option<Wire<KubeBody>>,
    granted: Option<Arc<Granted>>,
    limit: Limit,
    idle: Duration,
    idle_timer: Pin<Box<Sleep>>,
    total: Option<Pin<Box<Sleep>>>,
    whole: Duration,
    over: bool,
    inner: Arc<Inner>,
}

impl Answer {
    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.over = true;
        self.wire = None;
        Poll::Ready(Some(Err(failure)))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let (whole, at) = (self.whole, self.inner.at.clone());
        if let Some(total) = &mut self.total
            && total.as_mut().poll(cx).is_ready()
        {
            return self.fail(late(Step::Whole, whole, &at));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                ready!(self.idle_timer.as_mut().poll(cx));
                let idle = self.idle;
                self.fail(late(Step::Body, idle, &at))
            }
            Poll::Ready(None) => {
                self.over = true;
                if let Some(wire) = self.wire.take() {
                    let granted = self.granted.take();
                    self.inner.keep(wire, granted);
                }
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(e))) => {
                let failure = classify(&e, Step::Body, &at);
                self.fail(failure)
            }
            Poll::Ready(Some(Ok(frame))) => {
                let next = Instant::now() + self.idle;
                self.idle_timer.as_mut().reset(next);
                if frame.data_ref().is_some_and(|data| !self.limit.take(data)) {
                    let what = if self.limit.per_line { "a line of the answer" } else { "the answer" };
                    let cap = mebibytes(self.limit.cap);
                    return self
                        .fail(Failure::new(ErrorCode::Parse, &format!("{what} is larger than {cap}, {at}")));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
