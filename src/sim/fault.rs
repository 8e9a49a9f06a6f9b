//! Faults that can be switched on and off per cluster and route, and which of them meets a request.

use std::time::Duration;

/// What part of a cluster a fault touches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// Every request.
    All,
    /// `/version`.
    Version,
    /// `/readyz`, `/livez` and `/healthz`.
    Readyz,
    /// `/api/v1/nodes` and below.
    Nodes,
    /// Every path that starts with this text.
    Path(String),
    /// The connection itself, before any request.
    Connect,
}

impl Route {
    /// How closely this route matches a path; nothing when it does not.
    fn closeness(&self, path: &str) -> Option<usize> {
        let below =
            |base: &str| path == base || path.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'));
        match self {
            Self::Connect => None,
            Self::All => Some(0),
            Self::Version => below("/version").then_some(1),
            Self::Readyz => ["/readyz", "/livez", "/healthz"].into_iter().any(below).then_some(1),
            Self::Nodes => below("/api/v1/nodes").then_some(1),
            Self::Path(prefix) => path.starts_with(prefix.as_str()).then_some(2 + prefix.len()),
        }
    }
}

/// Where in an exchange a server falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// After accepting the connection, before TLS (only on [`Route::Connect`]).
    Accept,
    /// After reading the request, before any byte of the answer.
    BeforeHeaders,
    /// After the header section.
    AfterHeaders,
    /// In the middle of the body.
    MidBody,
}

/// What is wrong with the certificate that a cluster presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// It ended two days ago.
    Expired,
    /// It begins in two days.
    NotYetValid,
    /// It names another host.
    WrongName,
    /// An authority with the right name but another key signed it.
    UnknownAuthority,
}

/// A refusal with the Status object (or the page) that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401.
    Unauthorized,
    /// 403 with a Status.
    Forbidden,
    /// 403 with a page of HTML, as a gateway in front of the API server sends it.
    ForbiddenHtml,
    /// 404 as for an API group that is not served.
    GroupMissing,
    /// 409 Conflict.
    Conflict,
    /// 410 Expired: on a list, on its continue token, and as the first event of a watch.
    Expired,
    /// 415.
    UnsupportedMediaType,
    /// 422 Invalid.
    Invalid,
    /// 500.
    Internal,
    /// 502 with a page of HTML.
    BadGatewayHtml,
    /// 503.
    Unavailable,
}

/// Text that tries to reach a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// ESC, CSI, OSC 8 and 52, DCS, C1, BEL, CR, NUL, bidirectional controls, zero-width and combining floods, all as
    /// valid JSON.
    Escapes,
    /// The same controls as raw bytes inside JSON strings, which JSON forbids (RFC 8259 §7).
    RawControls,
    /// Bytes that are not UTF-8 inside JSON strings.
    InvalidUtf8,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// An answer waits: always `base`, and now and then (heavy tail) up to a hundred times `tail` more.
    Latency {
        /// What every answer waits.
        base: Duration,
        /// Scale of the tail; zero for none.
        tail: Duration,
    },
    /// Bytes leave one small portion at a time (slow-loris).
    Drip {
        /// Portion.
        bytes: usize,
        /// Pause after each portion.
        every: Duration,
    },
    /// The server falls silent and keeps the connection open.
    Silence(Stage),
    /// Connections are refused ([`Route::Connect`]).
    Refuse,
    /// The connection is reset (RST) instead of an answer, or right after accept.
    Reset,
    /// The connection is ended (FIN) in the middle of a chunk of the body.
    MidChunk,
    /// A refusal.
    Refusal(Refusal),
    /// 429 with this `Retry-After`, whatever it says.
    TooManyRequests {
        /// The header's value; none sends no header.
        retry_after: Option<String>,
    },
    /// 504 from a gateway: the write was carried out all the same, or never reached the server.
    GatewayTimeout {
        /// True when it was carried out.
        committed: bool,
    },
    /// 302 to this URL.
    Redirect(String),
    /// 200 with a page of HTML (a captive portal).
    Html,
    /// The right body with this content type.
    ContentType(String),
    /// 200 with JSON that ends half-way, in a body that is complete for HTTP.
    TruncatedJson,
    /// 200 with an object of another kind.
    WrongKind,
    /// A list (or a Table) whose items are null.
    NullItems,
    /// A list of about this many bytes, made while it is sent.
    HugeList {
        /// Bytes.
        bytes: u64,
    },
    /// One line of about this many bytes on a watch, made while it is sent.
    GiantLine {
        /// Bytes.
        bytes: u64,
    },
    /// A small gzip body that unpacks to about this many bytes.
    GzipBomb {
        /// Bytes after unpacking.
        bytes: u64,
    },
    /// Hostile text in names, labels, conditions, messages, versions and a Warning header.
    Hostile(Hostile),
    /// A `Warning` header with this text (bytes that no header may hold are left out).
    Warning(String),
    /// The `Date` header is off by so many seconds.
    DateSkew {
        /// Seconds ahead; negative for behind.
        seconds: i64,
    },
    /// This check of `/readyz` fails.
    Unready(String),
    /// The certificate is wrong ([`Route::Connect`]).
    Tls(TlsFault),
}

/// The faults of one cluster.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Route, Fault)>);

impl Faults {
    /// Sets, replaces or clears the fault of a route.
    pub(super) fn set(&mut self, route: Route, fault: Option<Fault>) {
        self.0.retain(|(at, _)| *at != route);
        self.0.extend(fault.map(|fault| (route, fault)));
    }

    /// The fault of the connection.
    pub(super) fn connect(&self) -> Option<&Fault> {
        self.0.iter().find(|(route, _)| *route == Route::Connect).map(|(_, fault)| fault)
    }

    /// The fault that a request for this path meets: that of the closest route.
    pub(super) fn meets(&self, path: &str) -> Option<&Fault> {
        let matching = self.0.iter().filter_map(|(route, fault)| Some((route.closeness(path)?, fault)));
        matching.max_by_key(|(closeness, _)| *closeness).map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_route_wins_and_clearing_it_brings_back_the_wider_one() {
        let mut faults = Faults::default();
        faults.set(Route::All, Some(Fault::Html));
        faults.set(Route::Nodes, Some(Fault::NullItems));
        faults.set(Route::Path("/api/v1/nodes/a".into()), Some(Fault::Reset));
        for (path, expect) in [
            ("/version", Fault::Html),
            ("/api/v1/nodes", Fault::NullItems),
            ("/api/v1/nodes/b", Fault::NullItems),
            ("/api/v1/nodesets", Fault::Html),
            ("/api/v1/nodes/a1", Fault::Reset),
        ] {
            assert_eq!(faults.meets(path), Some(&expect), "{path}");
        }
        faults.set(Route::Nodes, None);
        assert_eq!(faults.meets("/api/v1/nodes"), Some(&Fault::Html));
    }

    #[test]
    fn a_fault_of_the_connection_touches_no_path() {
        let mut faults = Faults::default();
        faults.set(Route::Connect, Some(Fault::Refuse));
        assert_eq!(faults.meets("/version"), None);
        assert_eq!(faults.connect(), Some(&Fault::Refuse));
    }
}
