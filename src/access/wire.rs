//! HTTP/1.1 over a dialled stream.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Response, Uri};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::classify::{Step, classify, late};
use super::dial::{ByProxy, Dialed};
use super::pem::config;
use super::tls::Profile;
use super::{Caps, Server};
use crate::fleet::{CertDates, ErrorCode, Failure};

/// The smallest read buffer that the library takes.
const LEAST_BUFFER: usize = 8 << 10;

/// One HTTP/1.1 connection, closed when dropped.
pub(super) struct Wire<B> {
    sender: http1::SendRequest<B>,
    task: AbortOnDropHandle<()>,
    by_proxy: Option<ByProxy>,
    profile: Option<Arc<Profile>>,
    pub(super) serving_cert: Option<Arc<CertDates>>,
    pub(super) since: Instant,
}

/// Why a request got no head.
pub(super) enum NoHead {
    /// The connection was closed before anything of an answer came.
    Closed(Failure),
    /// Anything else.
    Failed(Failure),
}

impl From<NoHead> for Failure {
    fn from(no: NoHead) -> Self {
        match no {
            NoHead::Closed(failure) | NoHead::Failed(failure) => failure,
        }
    }
}

impl<B> Wire<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Speaks HTTP over `dialed`; a task of its own moves the bytes.
    ///
    /// # Errors
    /// If the connection is gone already.
    pub(super) async fn open(dialed: Dialed, caps: &Caps, at: &str) -> Result<Self, Failure> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(caps.head.max(LEAST_BUFFER))
            .max_headers(caps.headers)
            .handshake(TokioIo::new(dialed.io))
            .await
            .map_err(|e| classify(&e, Step::Head, at))?;
        let task = tokio::spawn(async move {
            // How it ended is told to whoever waits for an answer.
            let _ended = connection.with_upgrades().await;
        });
        Ok(Self {
            sender,
            task: AbortOnDropHandle::new(task),
            by_proxy: dialed.by_proxy,
            profile: dialed.profile,
            serving_cert: dialed.serving_cert,
            since: Instant::now(),
        })
    }

    /// The certificate we showed.
    pub(super) fn client_cert(&self) -> Option<Arc<CertDates>> {
        self.profile.as_ref().and_then(|p| p.client_cert.clone())
    }

    /// Stops the connection from outside.
    pub(super) fn abort_handle(&self) -> tokio::task::AbortHandle {
        self.task.abort_handle()
    }

    /// Whether it cannot carry another request.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the last answer has been read off.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// [`NoHead::Closed`] if the other side was gone, so that a GET on a kept connection may be asked again.
    pub(super) async fn send(
        &mut self,
        mut request: Request<B>,
        first_byte: Duration,
        server: &Server,
        at: &str,
    ) -> Result<Response<Incoming>, NoHead> {
        if let Some(proxy) = &self.by_proxy {
            let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            let absolute = format!("http://{}{path}", super::proxy::authority(&server.host, server.port));
            *request.uri_mut() = absolute
                .parse::<Uri>()
                .map_err(|_| NoHead::Failed(config("the server's address cannot be given to a proxy")))?;
            if let Some(authorization) = &proxy.authorization {
                request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
            }
        }
        match timeout(first_byte, self.sender.send_request(request)).await {
            Err(_) => Err(NoHead::Failed(late(Step::Head, first_byte, at))),
            Ok(Ok(response)) if response.status() == 407 && self.by_proxy.is_some() => {
                Err(NoHead::Failed(super::tunnel::refusal(407, response.headers(), at)))
            }
            Ok(Ok(response)) => Ok(response),
            Ok(Err(e)) => {
                let failure = classify(&e, Step::Head, at);
                let gone = e.is_canceled() || e.is_closed() || e.is_incomplete_message();
                Err(if gone || failure.code == ErrorCode::Tcp {
                    NoHead::Closed(failure)
                } else {
                    NoHead::Failed(failure)
                })
            }
        }
    }
}

/// Reads a whole body: at most `cap` bytes, never longer than `idle` between two pieces.
///
/// # Errors
/// `PARSE` if it is larger or cut short, `TIMEOUT` if it stops.
pub(super) async fn collect(body: Incoming, cap: usize, idle: Duration, at: &str) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    pour(body, cap, idle, at, &mut |data| {
        // Most answers come in one piece, which is then not copied.
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
    })
    .await?;
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Gives a body away piece by piece as it comes and keeps none of it, under the same limits.
///
/// # Errors
/// As [`collect`].
pub(super) async fn pour(
    mut body: Incoming,
    cap: usize,
    idle: Duration,
    at: &str,
    each: &mut (dyn FnMut(Bytes) + Send),
) -> Result<(), Failure> {
    let too_large =
        || Failure::new(ErrorCode::Parse, &format!("the answer is larger than {}, {at}", mebibytes(cap)));
    if body.size_hint().lower() > u64::try_from(cap).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let mut had = 0_usize;
    while let Some(frame) = timeout(idle, body.frame()).await.map_err(|_| late(Step::Body, idle, at))? {
        let Ok(data) = frame.map_err(|e| classify(&e, Step::Body, at))?.into_data() else { continue };
        had = had.saturating_add(data.len());
        if had > cap {
            return Err(too_large());
        }
        each(data);
    }
    Ok(())
}

pub(super) fn mebibytes(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

/// The path of a request below the server's prefix.
///
/// # Errors
/// `INTERNAL` if it is not a path.
pub(super) fn target_uri(server: &Server, path: &str) -> Result<Uri, Failure> {
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{}{slash}{path}", server.path.trim_end_matches('/'))
        .parse()
        .map_err(|_| Failure::new(ErrorCode::Internal, "the request's path is not a path"))
}

/// `headers` plus what differs from request to request.
pub(super) fn with(
    headers: &HeaderMap,
    accept: &'static str,
    authorization: Option<&HeaderValue>,
) -> HeaderMap {
    let mut all = headers.clone();
    all.insert(header::ACCEPT, HeaderValue::from_static(accept));
    if let Some(value) = authorization {
        all.insert(header::AUTHORIZATION, value.clone());
    }
    all
}

/// `work` boxed, so that the futures of those who wait stay small.
pub(super) fn boxed<'a, T>(
    work: impl Future<Output = T> + Send + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(work)
}
