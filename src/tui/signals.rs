//! Signals as a stream.

use std::io;

use futures::stream::{BoxStream, StreamExt};

/// A signal that concerns the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To end; the number.
    End(i32),
    /// To go to sleep.
    Stop,
    /// To wake up.
    Continue,
}

/// Every signal that concerns the screens.
#[cfg(unix)]
pub(crate) fn listen() -> io::Result<BoxStream<'static, Told>> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        (SignalKind::terminate(), Told::End(15)),
        (SignalKind::hangup(), Told::End(1)),
        (SignalKind::interrupt(), Told::End(2)),
        (SignalKind::quit(), Told::End(3)),
        (SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()), Told::Stop),
        (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), Told::Continue),
    ];
    let mut streams = Vec::new();
    for (kind, told) in kinds {
        let signal = signal(kind)?;
        let stream = futures::stream::unfold(signal, move |mut signal| async move {
            signal.recv().await.map(|()| (told, signal))
        });
        streams.push(stream.boxed());
    }
    Ok(futures::stream::select_all(streams).boxed())
}

/// Every signal that concerns the screens.
#[cfg(not(unix))]
pub(crate) fn listen() -> io::Result<BoxStream<'static, Told>> {
    let stream = futures::stream::once(async {
        drop(tokio::signal::ctrl_c().await);
        Told::End(2)
    });
    Ok(stream.boxed())
}
