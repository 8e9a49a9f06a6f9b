//! Sockets: listening, the TLS handshake, one task per connection.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer;
use super::auth::Peer;
use super::cluster::Cluster;
use super::fault::{Fault, Stage, TlsFault};
use super::wire::{Flow, Valve, Wire};

/// How long a handshake may take, and how long a silent connection is kept.
const HANDSHAKE: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_mins(10);

/// What ends and counts the tasks of a fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    pub(super) stop: CancellationToken,
    pub(super) tracker: TaskTracker,
}

/// A port of our own on loopback, bound but not yet listening: connections to it are refused.
pub(super) fn reserve(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // A port that is let go and taken again must not wait for its old connections.
    #[cfg(unix)]
    if port != 0 {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
    }
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    // Set after binding, so that the kernel never hands out a port that somebody else shares.
    #[cfg(unix)]
    {
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
    }
    Ok(socket)
}

/// A cluster's port: listening, or held while connections to it are refused.
pub(super) enum Port {
    Open(TcpListener),
    Closed(TcpSocket),
}

impl Port {
    pub(super) fn new(socket: TcpSocket, open: bool) -> io::Result<Self> {
        if open { socket.listen(1024).map(Self::Open) } else { Ok(Self::Closed(socket)) }
    }

    /// Opens or closes. A second socket takes the port over before the first lets go, so nobody else can get it; if
    /// the system gives none, the port stays as it is.
    fn turned(self, number: u16, open: bool) -> Self {
        match self {
            Self::Closed(socket) if open => {
                match reserve(number).and_then(|second| Self::new(second, true)) {
                    Ok(port) => port,
                    Err(_) => Self::Closed(socket),
                }
            }
            Self::Open(listener) if !open => match reserve(number) {
                Ok(second) => Self::Closed(second),
                Err(_) => Self::Open(listener),
            },
            same => same,
        }
    }
}

/// Serves a cluster on its port until the fleet stops, closing and opening the door as faults ask.
pub(super) async fn serve(cluster: Arc<Cluster>, mut port: Port, number: u16, tasks: Tasks) {
    let mut door = cluster.door.subscribe();
    loop {
        let open = *door.borrow_and_update();
        port = port.turned(number, open);
        let accepted = async {
            match &port {
                Port::Open(listener) => listener.accept().await,
                Port::Closed(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tasks.stop.cancelled() => return,
            changed = door.changed() => if changed.is_err() { return },
            accepted = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(cluster.clone(), stream);
                    let stop = tasks.stop.clone();
                    tasks.tracker.spawn(async move {
                        tokio::select! { () = stop.cancelled() => {}, () = connection => {} }
                    });
                }
                // Out of descriptors: those in use come back when their connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// One connection from accept to end.
async fn connection(cluster: Arc<Cluster>, stream: TcpStream) {
    let fault = cluster.faults().connect().cloned();
    let (mut wrong, mut flow): (Option<TlsFault>, Flow) = (None, Flow::Free);
    match fault {
        Some(Fault::Silence(Stage::Accept)) => return hold(stream).await,
        Some(Fault::Reset) => {
            let _late = stream.set_zero_linger();
            return;
        }
        Some(Fault::Latency { base, .. }) => tokio::time::sleep(base).await,
        Some(Fault::Drip { bytes, every }) => flow = Flow::Drip { bytes, every },
        Some(Fault::Tls(fault)) => wrong = Some(fault),
        _ => {}
    }
    let _late = stream.set_nodelay(true);
    let Ok(config) = cluster.tls(wrong) else { return };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let Ok(Ok(tls)) = tokio::time::timeout(HANDSHAKE, handshake).await else { return };
    let peer = match tls.get_ref().1.peer_certificates() {
        None | Some([]) => Peer::Unnamed,
        Some(chain) => match cluster.world.pki.identify(chain, cluster.world.clock.now()) {
            Some(subject) => Peer::Named(subject),
            None => Peer::Stranger,
        },
    };
    let valve = Valve::new(flow);
    let io = TokioIo::new(Wire::new(tls, valve.clone()));
    let peer = Arc::new(peer);
    let service = service_fn(move |request| {
        let (cluster, peer, valve) = (cluster.clone(), peer.clone(), valve.clone());
        async move { Ok::<_, Infallible>(answer::answer(cluster, peer, valve, request).await) }
    });
    // How a connection ends is the client's affair; the audit has what was asked on it.
    let _ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(64 * 1024)
        .serve_connection(io, service)
        .await;
}

/// Keeps a connection without ever answering, until the client gives up.
async fn hold(mut stream: TcpStream) {
    let mut nowhere = tokio::io::sink();
    let drained = tokio::io::copy(&mut stream, &mut nowhere);
    let _given_up = tokio::time::timeout(IDLE, drained).await;
}
