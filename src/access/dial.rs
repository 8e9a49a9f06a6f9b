//! From a target to a stream that speaks HTTP: lookup, TCP, proxy, TLS, each with its deadline.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::classify::{Step, classify, late};
use super::proxy::{Proxy, ProxyRules, Scheme, authority};
use super::sockets::{Sockets, shortage};
use super::tls::{PluginCert, Profile, TlsStore, server_name};
use super::{Deadlines, Target, pem, tunnel};
use crate::fleet::{CertDates, ErrorCode, Failure};
use crate::host::{LookupError, Permit, Resolver};

/// Head start of an address before the next one is tried beside it (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Pause before a socket is asked for again when the system had none.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(50);

/// A stream of any kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}
/// A stream of any kind, owned.
pub(super) type BoxIo = Box<dyn Io>;

/// What dialling needs.
pub(super) struct Dialer {
    pub(super) deadlines: Deadlines,
    pub(super) user_agent: HeaderValue,
    pub(super) resolver: Resolver,
    pub(super) sockets: Arc<Sockets>,
    pub(super) proxies: ProxyRules,
    pub(super) tls: TlsStore,
}

/// A stream to a server, ready for a request.
pub(super) struct Dialed {
    pub(super) io: BoxIo,
    /// Kept while the connection is: other connections of the same kind find its tickets.
    pub(super) profile: Option<Arc<Profile>>,
    pub(super) serving_cert: Option<Arc<CertDates>>,
    /// Set when requests go to an HTTP proxy in absolute form; with the proxy's password if it wants one.
    pub(super) by_proxy: Option<ByProxy>,
}

/// How requests are written for a plain HTTP server behind an HTTP proxy.
pub(super) struct ByProxy {
    pub(super) authorization: Option<HeaderValue>,
}

impl Dialer {
    /// Dials `target` on the socket of `permit`, with `plugin`'s certificate if there is one.
    ///
    /// # Errors
    /// What stood in the way, by its step.
    pub(super) async fn dial(
        &self,
        target: &Target,
        plugin: Option<&PluginCert>,
        permit: Permit,
    ) -> Result<Dialed, Failure> {
        let server = &target.server;
        let at = authority(&server.host, server.port);
        let proxy = self.proxies.choose(&target.proxy, server)?;
        // Files before sockets: a bad certificate needs no connection to be told.
        let profile = if server.tls { Some(self.tls.for_server(&target.tls, plugin).await?) } else { None };
        let mut by_proxy = None;
        let io = match &proxy {
            None => self.tcp(&server.host, server.port, Step::Connect, permit).await?,
            Some(proxy) => {
                let io = self.to_proxy(proxy, target, permit).await?;
                if !server.tls && proxy.scheme != Scheme::Socks5 {
                    by_proxy = Some(ByProxy { authorization: proxy.authorization() });
                    io
                } else {
                    let opened = timeout(self.deadlines.proxy, async {
                        match proxy.scheme {
                            Scheme::Socks5 => tunnel::socks5(io, proxy, &server.host, server.port).await,
                            _ => {
                                tunnel::connect(io, proxy, &server.host, server.port, &self.user_agent).await
                            }
                        }
                    });
                    opened.await.unwrap_or_else(|_| Err(late_proxy(self.deadlines.proxy, proxy)))?
                }
            }
        };
        let Some(profile) = profile else {
            return Ok(Dialed { io, profile: None, serving_cert: None, by_proxy });
        };
        let name = target.tls.server_name.as_deref().unwrap_or(&server.host);
        let (io, serving_cert) = self.secure(io, &profile, name, &at).await?;
        Ok(Dialed { io, profile: Some(profile), serving_cert, by_proxy })
    }

    /// A TLS session on top of `io`, and the dates of the certificate that the server showed.
    async fn secure(
        &self,
        io: BoxIo,
        profile: &Profile,
        name: &str,
        at: &str,
    ) -> Result<(BoxIo, Option<Arc<CertDates>>), Failure> {
        let connector = TlsConnector::from(profile.config.clone());
        let handshake = connector.connect(server_name(name)?, io);
        let stream = match timeout(self.deadlines.tls, handshake).await {
            Err(_) => return Err(late(Step::Handshake, self.deadlines.tls, at)),
            Ok(Err(e)) => {
                let mut failure = classify(&e, Step::Handshake, at);
                if profile.expired_roots > 0 && failure.code == ErrorCode::Tls {
                    failure = failure.hint(&format!(
                        "{} expired certificates of the CA bundle do not count; fetch the cluster's present CA.",
                        profile.expired_roots
                    ));
                }
                return Err(failure);
            }
            Ok(Ok(stream)) => stream,
        };
        let (_, session) = stream.get_ref();
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let dates = leaf.and_then(|leaf| pem::dates(leaf)).map(Arc::new);
        Ok((Box::new(stream), dates))
    }

    /// A stream to the proxy itself.
    async fn to_proxy(&self, proxy: &Proxy, target: &Target, permit: Permit) -> Result<BoxIo, Failure> {
        let at = proxy.at();
        let as_proxy = |failure: Failure| match failure.code {
            ErrorCode::Internal | ErrorCode::Config => failure,
            _ => Failure { code: ErrorCode::Proxy, ..failure },
        };
        let io = self.tcp(&proxy.host, proxy.port, Step::Proxy, permit).await.map_err(as_proxy)?;
        if proxy.scheme != Scheme::Https {
            return Ok(io);
        }
        let profile = self.tls.for_proxy(&target.tls).await?;
        let (io, _) = self.secure(io, &profile, &proxy.host, &at).await.map_err(as_proxy)?;
        Ok(io)
    }

    /// A TCP connection that holds a permit.
    async fn tcp(&self, host: &str, port: u16, step: Step, permit: Permit) -> Result<BoxIo, Failure> {
        let at = match step {
            Step::Proxy => format!("proxy {}", authority(host, port)),
            _ => authority(host, port),
        };
        let addresses = self
            .resolver
            .lookup(host, port, self.deadlines.resolve)
            .await
            .map_err(|e| unknown_name(&e, &at, self.deadlines.resolve))?;
        let give_up = Instant::now() + self.deadlines.socket / 4;
        let mut permit = permit;
        loop {
            let connected = timeout(self.deadlines.connect, first_of(&addresses)).await;
            match connected {
                Err(_) => return Err(late(Step::Connect, self.deadlines.connect, &at)),
                Ok(Ok(stream)) => {
                    // Requests are small and answered one by one; waiting to fill a segment only costs time.
                    let _best_effort = stream.set_nodelay(true);
                    return Ok(Box::new(Held { stream, _permit: permit }));
                }
                Ok(Err(e)) if is_shortage(&e) => {
                    self.sockets.exhausted(permit);
                    if Instant::now() >= give_up {
                        return Err(shortage(self.sockets.held()));
                    }
                    sleep(SHORTAGE_PAUSE).await;
                    permit = self.sockets.take(give_up.saturating_duration_since(Instant::now())).await?;
                }
                Ok(Err(e)) => return Err(classify(&e, step, &at)),
            }
        }
    }
}

fn late_proxy(after: Duration, proxy: &Proxy) -> Failure {
    Failure { code: ErrorCode::Proxy, ..late(Step::Proxy, after, &proxy.at()) }
}

fn unknown_name(error: &LookupError, at: &str, deadline: Duration) -> Failure {
    match error {
        LookupError::Late => Failure::new(
            ErrorCode::Dns,
            &format!("no answer from the name service within {} s, {at}", deadline.as_secs()),
        ),
        other => Failure::new(ErrorCode::Dns, &format!("{other}, {at}"))
            .hint("Check the name, and whether a VPN or another name server is needed."),
    }
}

/// EMFILE, ENFILE or ENOBUFS: this machine has no socket left.
fn is_shortage(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let code = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS].iter().any(|e| Some(e.raw_os_error()) == code)
}

/// The first address that answers, each with a head start before the next.
async fn first_of(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut trying = FuturesUnordered::new();
    let mut last = None;
    for address in addresses {
        trying.push(TcpStream::connect(address));
        tokio::select! {
            Some(tried) = trying.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(e) => last = Some(e),
            },
            () = sleep(HEAD_START) => {}
        }
    }
    while let Some(tried) = trying.next().await {
        match tried {
            Ok(stream) => return Ok(stream),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()))
}

/// A TCP stream and the permit for it, given back together.
struct Held {
    stream: TcpStream,
    _permit: Permit,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// `work` within `deadline`, else `late`.
pub(super) async fn within<T>(
    deadline: Duration,
    step: Step,
    at: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(deadline, work).await.unwrap_or_else(|_| Err(late(step, deadline, at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_shortage_counts_as_one() {
        for (errno, shortage) in
            [(24, true), (23, true), (105, cfg!(target_os = "linux")), (111, false), (110, false)]
        {
            assert_eq!(is_shortage(&std::io::Error::from_raw_os_error(errno)), shortage, "{errno}");
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hide_the_next() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let open = listener.local_addr().unwrap();
        assert_eq!(first_of(&[closed, open]).await.unwrap().peer_addr().unwrap(), open);
        let refused = first_of(&[closed, closed]).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
