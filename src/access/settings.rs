//! What a person, an environment and an operating system decide about how clusters are reached.

use std::ffi::OsString;
use std::time::Duration;

/// Everything [`Access`](super::Access) needs to know besides the targets.
#[derive(Clone)]
pub struct Settings {
    /// Proxies of the environment.
    pub proxies: ProxyEnv,
    /// How long each phase of a request may take.
    pub deadlines: Deadlines,
    /// How much an answer may hold.
    pub caps: Caps,
    /// The `User-Agent` header: visible ASCII.
    pub user_agent: String,
    /// `PATH`, where credential plugins named without a folder are looked for. The current folder is never searched.
    pub search_path: Option<OsString>,
    /// The environment that plugins inherit.
    pub plugin_env: Vec<(OsString, OsString)>,
    /// Which plugins may run at all.
    pub plugin_policy: PluginPolicy,
    /// Refuse everything that changes a cluster.
    pub read_only: bool,
    /// Plugins that run at the same time, at least one.
    pub max_plugins: usize,
    /// Sockets open at the same time, at least one.
    pub max_sockets: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            proxies: ProxyEnv::default(),
            deadlines: Deadlines::default(),
            caps: Caps::default(),
            user_agent: concat!("fleetglass/", env!("CARGO_PKG_VERSION")).to_owned(),
            search_path: None,
            plugin_env: Vec::new(),
            plugin_policy: PluginPolicy::default(),
            read_only: true,
            max_plugins: cores.clamp(2, 8),
            max_sockets: 512,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("deadlines", &self.deadlines)
            .field("caps", &self.caps)
            .field("read_only", &self.read_only)
            .field("max_plugins", &self.max_plugins)
            .field("max_sockets", &self.max_sockets)
            .finish_non_exhaustive()
    }
}

/// The proxy variables of the environment, upper case or lower case, as they stand there. May hold passwords.
#[derive(Clone, Default)]
pub struct ProxyEnv {
    /// `HTTPS_PROXY`, for `https` servers.
    pub https_proxy: Option<String>,
    /// `HTTP_PROXY`, for `http` servers.
    pub http_proxy: Option<String>,
    /// `ALL_PROXY`, for what the two others leave open.
    pub all_proxy: Option<String>,
    /// `NO_PROXY`: hosts, suffixes, addresses and networks that are reached directly.
    pub no_proxy: Option<String>,
}

impl std::fmt::Debug for ProxyEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyEnv").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}

/// How long each phase may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Looking a name up.
    pub resolve: Duration,
    /// A TCP connection, to the server or to its proxy.
    pub connect: Duration,
    /// Asking a proxy for a tunnel.
    pub proxy: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the request to the head of the answer, when polling.
    pub first_byte_poll: Duration,
    /// The same for what a person asked for.
    pub first_byte_action: Duration,
    /// The same for a list that is known to be big.
    pub first_byte_big_list: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// The same for streams (watches, followed logs), which are quiet for minutes.
    pub idle_stream: Duration,
    /// A whole request when polling, dialling included, waiting for credentials and sockets not.
    pub total_poll: Duration,
    /// The same for what a person asked for.
    pub total_action: Duration,
    /// The same for a list that is known to be big.
    pub total_big_list: Duration,
    /// Waiting for one of the sockets of the budget.
    pub socket: Duration,
    /// The first run of a credential plugin.
    pub plugin_first: Duration,
    /// Each later run.
    pub plugin: Duration,
    /// Between the polite signal and the one that cannot be refused.
    pub plugin_grace: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            resolve: seconds(2),
            connect: seconds(2),
            proxy: seconds(3),
            tls: seconds(3),
            first_byte_poll: seconds(5),
            first_byte_action: seconds(15),
            first_byte_big_list: seconds(60),
            idle: seconds(5),
            idle_stream: seconds(330),
            total_poll: seconds(8),
            total_action: seconds(30),
            total_big_list: seconds(120),
            socket: seconds(10),
            plugin_first: seconds(60),
            plugin: seconds(30),
            plugin_grace: seconds(2),
        }
    }
}

/// How much an answer may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of a body when polling.
    pub poll_body: usize,
    /// Bytes of a body when a person asked, and of a big list.
    pub action_body: usize,
    /// Bytes of the head of an answer; also the size of a connection's read buffer.
    pub head: usize,
    /// Header lines of an answer.
    pub headers: usize,
    /// Bytes of one line of a watch.
    pub watch_line: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { poll_body: 8 << 20, action_body: 64 << 20, head: 16 << 10, headers: 100, watch_line: 8 << 20 }
    }
}

/// Which credential plugins may run (`credentialPluginPolicy` of a kuberc, KEP-3104).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum PluginPolicy {
    /// All.
    #[default]
    AllowAll,
    /// None.
    DenyAll,
    /// Those of a list: a bare name matches the command as it is found on the search path, an absolute path matches
    /// that file only.
    Allowlist(Vec<String>),
}

/// Why nothing can be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The cryptography library supports no protocol version that is needed.
    #[error("TLS cannot be set up")]
    Crypto(#[source] rustls::Error),
    /// The user agent holds characters that a header cannot.
    #[error("the user agent is not visible ASCII")]
    UserAgent,
}
