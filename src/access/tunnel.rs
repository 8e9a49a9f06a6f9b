//! A way through a proxy: HTTP CONNECT (RFC 9110, 9.3.6) or SOCKS 5 (RFC 1928).

use std::sync::Mutex;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use tokio_util::task::AbortOnDropHandle;
use tower::{Service, service_fn};

use super::classify::{Step, classify};
use super::dial::BoxIo;
use super::proxy::{Proxy, authority};
use crate::fleet::{ErrorCode, Failure};

/// Asks the HTTP proxy at the other end of `io` for a tunnel to `host:port`.
///
/// # Errors
/// `PROXY` if it refuses or answers nonsense.
pub(super) async fn connect(
    io: BoxIo,
    proxy: &Proxy,
    host: &str,
    port: u16,
    user_agent: &HeaderValue,
) -> Result<BoxIo, Failure> {
    let at = proxy.at();
    let proxied = |e: hyper::Error| {
        let told = classify(&e, Step::Proxy, &at);
        Failure { code: ErrorCode::Proxy, ..told }
    };
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(16 << 10)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .map_err(proxied)?;
    // Ends by itself when the upgrade has taken the stream, or with this function.
    let task = AbortOnDropHandle::new(tokio::spawn(async move {
        let _closed = connection.with_upgrades().await;
    }));
    let target = authority(host, port);
    let mut request =
        Request::builder().method(Method::CONNECT).uri(target.as_str()).header(HOST, target.as_str());
    request = request.header(USER_AGENT, user_agent);
    if let Some(authorization) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request
        .body(Empty::new())
        .map_err(|_| Failure::new(ErrorCode::Config, "the server's address cannot be given to a proxy"))?;
    let response = sender.send_request(request).await.map_err(proxied)?;
    if !response.status().is_success() {
        return Err(refusal(response.status().as_u16(), response.headers(), &at));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(proxied)?;
    drop(task);
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// What a proxy's refusal means.
pub(super) fn refusal(status: u16, headers: &http::HeaderMap, at: &str) -> Failure {
    let html = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|t| t.to_ascii_lowercase().contains("html"));
    let page = if html { " with an HTML page" } else { "" };
    let failure = |what: &str| Failure::new(ErrorCode::Proxy, &format!("{what}{page}, {at}"));
    match status {
        407 => failure("407: the proxy wants a user name and password")
            .hint("Put them into the proxy's URL as user:password@, percent-escaped."),
        403 => failure("403: the proxy does not let this server through"),
        502..=504 => failure(&format!("{status}: the proxy cannot reach the server")),
        _ => failure(&format!("{status}: the proxy gives no tunnel")),
    }
}

/// Asks the SOCKS 5 proxy at the other end of `io` for a connection to `host:port`; it looks the name up.
///
/// # Errors
/// `PROXY` if it refuses or answers nonsense.
pub(super) async fn socks5(io: BoxIo, proxy: &Proxy, host: &str, port: u16) -> Result<BoxIo, Failure> {
    let at = proxy.at();
    let uri: Uri = format!("https://{}", authority(host, port))
        .parse()
        .map_err(|_| Failure::new(ErrorCode::Config, "the server's address cannot be given to a proxy"))?;
    // The library wants to dial by itself; it is given the stream that is there already.
    let ready = Mutex::new(Some(io));
    let hand_over = service_fn(move |_: Uri| {
        let io = ready.lock().ok().and_then(|mut slot| slot.take());
        async move { io.map(TokioIo::new).ok_or_else(|| std::io::Error::other("the stream was taken")) }
    });
    let mut socks = SocksV5::new(uri.clone(), hand_over);
    if let Some((user, password)) = &proxy.user {
        socks = socks.with_auth(user.clone(), password.expose_secret().to_owned());
    }
    let stream = socks
        .call(uri)
        .await
        .map_err(|e| Failure::new(ErrorCode::Proxy, &format!("the proxy refuses ({e}), {at}")))?;
    Ok(Box::new(stream.into_inner()))
}
