//! Why a cluster, or one answer of it, could not be had.

use std::fmt;

use super::CleanText;

/// The stable words for causes, the same on rows, in JSON and in scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorCode {
    /// The name does not resolve, or resolving failed.
    Dns,
    /// No connection: refused, unreachable, reset before TLS.
    Tcp,
    /// The handshake failed: wrong CA, wrong name, expired certificate, alert.
    Tls,
    /// The proxy refused or answered nonsense.
    Proxy,
    /// A deadline passed.
    Timeout,
    /// 401.
    Http401,
    /// 403.
    Http403,
    /// 429.
    Http429,
    /// 500 to 599.
    Http5xx,
    /// Any other unexpected status, redirects included.
    Http,
    /// A credential plugin failed or is missing.
    Exec,
    /// A sign-in with an identity provider is needed or failed.
    Oidc,
    /// The configuration of this cluster cannot be used.
    Config,
    /// The answer could not be understood, or was larger than allowed.
    Parse,
    /// The clocks differ so much that certificates or tokens look wrong.
    Clock,
    /// The server speaks no version of the API that is understood here.
    Version,
    /// Somebody cancelled.
    Cancelled,
    /// A fault of this program.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Proxy,
        Self::Timeout,
        Self::Http401,
        Self::Http403,
        Self::Http429,
        Self::Http5xx,
        Self::Http,
        Self::Exec,
        Self::Oidc,
        Self::Config,
        Self::Parse,
        Self::Clock,
        Self::Version,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Proxy => "PROXY",
            Self::Timeout => "TIMEOUT",
            Self::Http401 => "HTTP401",
            Self::Http403 => "HTTP403",
            Self::Http429 => "HTTP429",
            Self::Http5xx => "HTTP5XX",
            Self::Http => "HTTP",
            Self::Exec => "EXEC",
            Self::Oidc => "OIDC",
            Self::Config => "CONFIG",
            Self::Parse => "PARSE",
            Self::Clock => "CLOCK",
            Self::Version => "VERSION",
            Self::Cancelled => "CANCELLED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether signing in (or mending a credential) is what would help.
    pub fn is_sign_in(self) -> bool {
        matches!(self, Self::Http401 | Self::Exec | Self::Oidc)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failure, told so that a row can show it and a person can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of cause.
    pub code: ErrorCode,
    /// A lowercase fragment, without the code: `connection refused 10.0.0.9:6443`.
    pub message: CleanText,
    /// What to try next, a full sentence.
    pub hint: Option<CleanText>,
    /// How long the server asked to be left alone, already capped at 30 s.
    pub retry_after: Option<std::time::Duration>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: ErrorCode, message: &str) -> Self {
        Self { code, message: CleanText::new(message), hint: None, retry_after: None }
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(CleanText::new(hint));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
