//! One kept connection to one target.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Empty;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::broker::{Entry, Granted, Key};
use super::classify::{Step, late};
use super::dial::within;
use super::exec::cluster_info;
use super::headers::{bearer, common, refuse_in_the_clear, token_end};
use super::pem::config;
use super::proxy::{authority, basic};
use super::sockets::Parked;
use super::wire::{NoHead, Wire, boxed, collect, pour, target_uri, with};
use super::{Access, Ask, Credential, Purpose, Reply, Roots, Shared, Target};
use crate::fleet::Failure;

/// A kept connection is renewed after this long, so that rotated certificates are seen on both sides.
const LIFE: Duration = Duration::from_mins(30);

/// How long a connection may take to be ready again after an answer has been read; it takes no time at all.
const READY: Duration = Duration::from_secs(1);

/// The way to one target: at most one kept HTTP/1.1 connection, used by one poll at a time.
///
/// Nothing is read, resolved or dialled before the first [`Link::get`].
pub struct Link {
    shared: Arc<Shared>,
    target: Arc<Target>,
    origin: String,
    caller: Option<Arc<Caller>>,
    kept: Option<Kept>,
}

struct Kept {
    wire: Wire<Empty<Bytes>>,
    parked: Option<Parked>,
    granted: Option<Arc<Granted>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("origin", &self.origin)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// Where a body goes that is not to be kept.
struct Sink<'a> {
    cap: usize,
    each: &'a mut (dyn FnMut(Bytes) + Send),
}

/// What is kept of a refusal's body when the body of a success would be given away.
const REFUSAL: usize = 1 << 20;

/// Who asks, made once for a target.
pub(super) struct Caller {
    pub(super) headers: HeaderMap,
    proof: Proof,
}

enum Proof {
    None,
    Fixed { header: HeaderValue, expires_at: Option<chrono::DateTime<chrono::Utc>> },
    Changing(Arc<Entry>),
}

/// What a request is sent with.
pub(super) struct Proven {
    pub(super) header: Option<HeaderValue>,
    pub(super) expires_at: Option<chrono::DateTime<chrono::Utc>>,
    pub(super) granted: Option<Arc<Granted>>,
}

impl Caller {
    /// Prepares headers and credential of `target`.
    ///
    /// # Errors
    /// `CONFIG` for what cannot be sent, or may not be sent in the clear.
    pub(super) async fn new(shared: &Arc<Shared>, target: &Target) -> Result<Self, Failure> {
        let headers = common(&target.server, &shared.dialer.user_agent, target.impersonation.as_ref())?;
        if !matches!(target.credential, Credential::None) {
            refuse_in_the_clear(&target.server)?;
        }
        let proof = match &target.credential {
            Credential::None => Proof::None,
            Credential::Token(token) => {
                Proof::Fixed { header: bearer(token, "token")?, expires_at: token_end(token.expose_secret()) }
            }
            Credential::Basic { username, password } => Proof::Fixed {
                header: basic(username, password.expose_secret())
                    .ok_or_else(|| config("username or password cannot be sent"))?,
                expires_at: None,
            },
            Credential::TokenFile(path) => Proof::Changing(shared.broker.entry(Key::File(path.clone()))),
            Credential::Exec(exec) => {
                let told = if exec.provide_cluster_info {
                    let ca = match &target.tls.roots {
                        Roots::Bundle(source) => {
                            Some(shared.dialer.tls.read(source, "certificate-authority").await?)
                        }
                        Roots::System => None,
                    };
                    let (server, tls) = (&target.server, &target.tls);
                    let info = cluster_info(
                        exec,
                        server,
                        tls,
                        ca.as_deref(),
                        &target.proxy,
                        target.disable_compression,
                    );
                    Some(Arc::from(info))
                } else {
                    None
                };
                Proof::Changing(shared.broker.entry(Key::Exec(exec.clone(), told)))
            }
        };
        Ok(Self { headers, proof })
    }

    /// The credential to send now.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn prove(&self, shared: &Arc<Shared>) -> Result<Proven, Failure> {
        Ok(match &self.proof {
            Proof::None => Proven { header: None, expires_at: None, granted: None },
            Proof::Fixed { header, expires_at } => {
                Proven { header: Some(header.clone()), expires_at: *expires_at, granted: None }
            }
            Proof::Changing(entry) => Proven::from(shared.broker.get(entry).await?),
        })
    }

    /// After a 401: something else to try, if there is.
    pub(super) async fn prove_again(
        &self,
        shared: &Arc<Shared>,
        proven: &Proven,
    ) -> Option<Result<Proven, Failure>> {
        let (Proof::Changing(entry), Some(granted)) = (&self.proof, &proven.granted) else { return None };
        Some(shared.broker.after_401(entry, granted).await?.map(Proven::from))
    }
}

impl From<Arc<Granted>> for Proven {
    fn from(granted: Arc<Granted>) -> Self {
        Self { header: granted.header.clone(), expires_at: granted.expires_at, granted: Some(granted) }
    }
}

/// Whether a connection made with one credential may carry requests of the other.
pub(super) fn same_connection(one: Option<&Arc<Granted>>, other: Option<&Arc<Granted>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.same_cert(other),
        (None, None) => true,
        _ => false,
    }
}

impl Link {
    pub(super) fn new(access: &Access, target: Arc<Target>) -> Self {
        let origin = authority(&target.server.host, target.server.port);
        Self { shared: access.0.clone(), target, origin, caller: None, kept: None }
    }

    /// Fetches the credential without touching the cluster, so that a slow plugin can be waited for before a permit is
    /// taken. [`Link::get`] does it too if it was not done.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ready(&mut self) -> Result<(), Failure> {
        self.caller().await?.prove(&self.shared).await.map(drop)
    }

    /// Asks; the reply may have any HTTP status.
    ///
    /// A kept connection that the server has closed meanwhile is dialled again, once. A 401 to a credential that a plugin
    /// or a file gave fetches it anew, and asks once more if it is another.
    ///
    /// # Errors
    /// What kept an answer from coming: name lookup, connection, handshake, proxy, deadline, size, credential.
    pub async fn get(&mut self, ask: &Ask<'_>) -> Result<Reply, Failure> {
        self.asked(ask, None).await
    }

    /// Asks as [`Link::get`] does, and gives the body of a success to `each` piece by piece in place of keeping it: for
    /// bodies of tens of mebibytes of which little is wanted. The body of any other status is in the reply.
    ///
    /// # Errors
    /// As [`Link::get`]; `PARSE` once the body is longer than `cap` bytes. What was given away before stays given.
    pub async fn stream(
        &mut self,
        ask: &Ask<'_>,
        cap: usize,
        each: &mut (dyn FnMut(Bytes) + Send),
    ) -> Result<Reply, Failure> {
        self.asked(ask, Some(Sink { cap, each })).await
    }

    async fn asked(&mut self, ask: &Ask<'_>, mut sink: Option<Sink<'_>>) -> Result<Reply, Failure> {
        let caller = self.caller().await?;
        let proven = boxed(caller.prove(&self.shared)).await?;
        let reply = self.exchange(ask, sink.as_mut(), &caller, &proven).await?;
        if reply.status == 401
            && let Some(other) = boxed(caller.prove_again(&self.shared, &proven)).await
        {
            return self.exchange(ask, sink.as_mut(), &caller, &other?).await;
        }
        Ok(reply)
    }

    /// Whether a connection is kept.
    pub fn is_open(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| !kept.wire.is_closed())
    }

    /// Drops the kept connection.
    pub fn close(&mut self) {
        drop(self.take_kept());
    }

    /// Host and port of the API server, or of the front that stands for it: what request budgets go by.
    pub fn origin_key(&self) -> &str {
        &self.origin
    }

    async fn caller(&mut self) -> Result<Arc<Caller>, Failure> {
        if let Some(caller) = &self.caller {
            return Ok(caller.clone());
        }
        let caller = Arc::new(Caller::new(&self.shared, &self.target).await?);
        self.caller = Some(caller.clone());
        Ok(caller)
    }

    /// The kept connection if it is still there.
    fn take_kept(&mut self) -> Option<Kept> {
        let mut kept = self.kept.take()?;
        let is_ours = kept.parked.take().is_some_and(|parked| self.shared.sockets.unpark(&parked));
        (is_ours && !kept.wire.is_closed()).then_some(kept)
    }

    /// One question: over the kept connection if it still carries, else over a new one. The whole deadline runs while the
    /// server is being dealt with, not while one of our own sockets is waited for.
    async fn exchange(
        &mut self,
        ask: &Ask<'_>,
        mut sink: Option<&mut Sink<'_>>,
        caller: &Caller,
        proven: &Proven,
    ) -> Result<Reply, Failure> {
        let (shared, target) = (self.shared.clone(), self.target.clone());
        let deadlines = &shared.dialer.deadlines;
        let total = match ask.purpose {
            Purpose::Poll => deadlines.total_poll,
            Purpose::Action => deadlines.total_action,
            Purpose::BigList => deadlines.total_big_list,
        };
        let request = || -> Result<Request<Empty<Bytes>>, Failure> {
            let mut request = Request::new(Empty::new());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = target_uri(&target.server, ask.path)?;
            *request.headers_mut() = with(&caller.headers, ask.accept.header(), proven.header.as_ref());
            Ok(request)
        };
        let reusable = self.take_kept().filter(|kept| {
            kept.wire.since.elapsed() < LIFE
                && same_connection(kept.granted.as_ref(), proven.granted.as_ref())
        });
        if let Some(mut kept) = reusable {
            let again = sink.as_deref_mut();
            let carried = timeout(total, boxed(self.carry(&mut kept, request()?, ask, again, proven))).await;
            match carried.unwrap_or_else(|_| Err(NoHead::Failed(late(Step::Whole, total, &self.origin)))) {
                Ok(reply) => {
                    self.keep(kept).await;
                    return Ok(reply);
                }
                // The server closed it while it was idle; that says nothing about the server.
                Err(NoHead::Closed(_)) => {}
                Err(NoHead::Failed(failure)) => return Err(failure),
            }
        }
        let permit = shared.sockets.take(deadlines.socket).await?;
        let request = request()?;
        let cert = proven.granted.as_ref().and_then(|g| g.cert.as_ref());
        let work = async {
            let dialed = shared.dialer.dial(&target, cert, permit).await?;
            let wire = Wire::open(dialed, &shared.caps, &self.origin).await?;
            let mut kept = Kept { wire, parked: None, granted: proven.granted.clone() };
            let reply = self.carry(&mut kept, request, ask, sink, proven).await?;
            Ok((kept, reply))
        };
        let (kept, reply) = within(total, Step::Whole, &self.origin, boxed(work)).await?;
        self.keep(kept).await;
        Ok(reply)
    }

    /// Sends over `kept` and reads the whole answer.
    async fn carry(
        &self,
        kept: &mut Kept,
        request: Request<Empty<Bytes>>,
        ask: &Ask<'_>,
        sink: Option<&mut Sink<'_>>,
        proven: &Proven,
    ) -> Result<Reply, NoHead> {
        let shared = &self.shared;
        let (deadlines, caps) = (&shared.dialer.deadlines, &shared.caps);
        let (first_byte, cap) = match ask.purpose {
            Purpose::Poll => (deadlines.first_byte_poll, caps.poll_body),
            Purpose::Action => (deadlines.first_byte_action, caps.action_body),
            Purpose::BigList => (deadlines.first_byte_big_list, caps.action_body),
        };
        let start = shared.clock.tick();
        let response = kept.wire.send(request, first_byte, &self.target.server, &self.origin).await?;
        let first_byte = start.elapsed();
        let (head, body) = response.into_parts();
        let body = match sink {
            Some(sink) if head.status.is_success() => {
                pour(body, sink.cap, deadlines.idle, &self.origin, sink.each).await.map(|()| Bytes::new())
            }
            Some(_) => collect(body, cap.min(REFUSAL), deadlines.idle, &self.origin).await,
            None => collect(body, cap, deadlines.idle, &self.origin).await,
        };
        let body = body.map_err(NoHead::Failed)?;
        let mut reply = Reply::from_head(head.status.as_u16(), &head.headers, shared.clock.now());
        reply.body = body;
        reply.first_byte = first_byte;
        reply.serving_cert.clone_from(&kept.wire.serving_cert);
        reply.client_cert = kept.wire.client_cert();
        reply.credential_expires_at = proven.expires_at;
        reply.warnings.extend(proven.granted.as_ref().and_then(|g| g.warning.clone()));
        Ok(reply)
    }

    /// Keeps the connection for the next request if it can carry one and nobody needs its socket.
    async fn keep(&mut self, mut kept: Kept) {
        if timeout(READY, kept.wire.is_ready()).await == Ok(true) {
            kept.parked = self.shared.sockets.park(kept.wire.abort_handle());
            if kept.parked.is_some() {
                self.kept = Some(kept);
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}
