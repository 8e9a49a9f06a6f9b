//! The byte stream under a connection, which can be told to drip, stall or break off.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::cluster::lock;

/// How the bytes of the next answer leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flow {
    /// As fast as they can.
    #[default]
    Free,
    /// So many, a pause, so many again.
    Drip { bytes: usize, every: Duration },
    /// So many, then the end: a reset, or a plain FIN.
    Cut { after: usize, reset: bool },
}

/// The handle by which the server tells its stream.
#[derive(Clone, Debug)]
pub(super) struct Valve {
    /// How every answer of this connection leaves unless something else is said.
    usual: Flow,
    now: Arc<Mutex<Flow>>,
}

impl Valve {
    pub(super) fn new(usual: Flow) -> Self {
        Self { usual, now: Arc::new(Mutex::new(usual)) }
    }

    pub(super) fn set(&self, flow: Flow) {
        *lock(&self.now) = flow;
    }

    /// Back to what is usual here.
    pub(super) fn reset(&self) {
        self.set(self.usual);
    }

    fn get(&self) -> Flow {
        *lock(&self.now)
    }

    /// Counts bytes that left against what a cut still allows.
    fn passed(&self, written: usize) {
        if let Flow::Cut { after, .. } = &mut *lock(&self.now) {
            *after = after.saturating_sub(written);
        }
    }
}

/// A TLS stream with a valve.
pub(super) struct Wire {
    inner: TlsStream<TcpStream>,
    valve: Valve,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(inner: TlsStream<TcpStream>, valve: Valve) -> Self {
        Self { inner, valve, pause: None }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let allowed = match this.valve.get() {
            Flow::Free => buf.len(),
            Flow::Drip { bytes, every } => {
                if let Some(pause) = &mut this.pause {
                    ready!(pause.as_mut().poll(cx));
                    this.pause = None;
                }
                this.pause = Some(Box::pin(tokio::time::sleep(every)));
                bytes.max(1).min(buf.len())
            }
            Flow::Cut { after: 0, reset } => {
                if reset {
                    this.inner.get_ref().0.set_zero_linger()?;
                } else {
                    ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
                }
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            Flow::Cut { after, .. } => after.min(buf.len()),
        };
        let part = buf.get(..allowed).unwrap_or(buf);
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, part))?;
        this.valve.passed(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
