//! One way to reach one cluster, resolved and checked as far as that can be done without contacting anybody.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

/// A server: scheme, host, port and the path in front of the API (Rancher, Teleport and other fronts have one).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server {
    /// `true` for https.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path prefix without a trailing slash; empty for most.
    pub path: String,
}

/// PEM text and where it comes from. Files are read again when a connection is built, so rotation is seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PemSource {
    /// From the `-data` field, decoded.
    Inline(Arc<[u8]>),
    /// A file, absolute.
    File(PathBuf),
}

/// Which certificates are trusted to sign the server's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Roots {
    /// The operating system's.
    System,
    /// Those of a bundle.
    Bundle(PemSource),
}

/// A client certificate with its key. `Debug` shows no key.
#[derive(Clone)]
pub struct ClientCert {
    /// The chain.
    pub chain: PemSource,
    /// The key.
    pub key: KeySource,
}

/// A private key in PEM.
#[derive(Clone)]
pub enum KeySource {
    /// From `client-key-data`, decoded.
    Inline(Arc<SecretString>),
    /// A file, absolute.
    File(PathBuf),
}

impl std::fmt::Debug for ClientCert {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCert").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// How the connection is secured.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Trust.
    pub roots: Roots,
    /// `tls-server-name`: the name to ask for and verify in place of the host.
    pub server_name: Option<String>,
    /// `insecure-skip-tls-verify`.
    pub insecure: bool,
    /// Our certificate.
    pub client_cert: Option<ClientCert>,
}

/// Through which proxy.
#[derive(Clone)]
pub enum ProxyChoice {
    /// `proxy-url` of the entry; the environment is not consulted. May hold a password.
    Explicit(Arc<SecretString>),
    /// Whatever `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say about the server.
    Environment,
}

impl std::fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Explicit(_) => "Explicit(..)",
            Self::Environment => "Environment",
        })
    }
}

/// Whether a credential plugin may talk to a person (`interactiveMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interactive {
    /// It never needs to.
    Never,
    /// It may where there is a terminal.
    IfAvailable,
    /// It must.
    Always,
}

/// A credential plugin (`client.authentication.k8s.io`). `Debug` shows neither arguments nor environment values.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exec {
    /// `client.authentication.k8s.io/v1` or `/v1beta1`.
    pub api_version: String,
    /// The command: a name for the search path, or an absolute path (relative ones are resolved against the kubeconfig's folder).
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Environment variables added to ours.
    pub env: Vec<(String, String)>,
    /// What to tell a person when the command is missing.
    pub install_hint: Option<String>,
    /// `provideClusterInfo`.
    pub provide_cluster_info: bool,
    /// `interactiveMode`.
    pub interactive: Interactive,
    /// The reserved extension `client.authentication.k8s.io/exec` of the cluster, as JSON text.
    pub cluster_config: Option<String>,
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("command", &self.command).finish_non_exhaustive()
    }
}

/// What proves who we are, besides a client certificate. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Nothing.
    None,
    /// A bearer token: one line of visible ASCII, checked when the kubeconfig was read.
    Token(Arc<SecretString>),
    /// A file with a bearer token, read again after ten seconds.
    TokenFile(PathBuf),
    /// User name and password.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: Arc<SecretString>,
    },
    /// A plugin.
    Exec(Arc<Exec>),
}

/// Impersonation headers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Impersonation {
    /// `Impersonate-User`.
    pub user: String,
    /// `Impersonate-Uid`.
    pub uid: Option<String>,
    /// `Impersonate-Group`, one header each.
    pub groups: Vec<String>,
    /// `Impersonate-Extra-KEY`, percent-escaped by the client stack.
    pub extra: Vec<(String, Vec<String>)>,
}

/// Everything needed to talk to one cluster over one access path.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where.
    pub server: Server,
    /// How it is secured.
    pub tls: Tls,
    /// Through what.
    pub proxy: ProxyChoice,
    /// As whom.
    pub credential: Credential,
    /// In whose name.
    pub impersonation: Option<Impersonation>,
    /// `disable-compression`: no `Accept-Encoding: gzip`.
    pub disable_compression: bool,
    /// The context's namespace; `default` if it names none.
    pub namespace: String,
}

impl Target {
    /// A server over TLS with the machine's own trust, asked by nobody in particular.
    pub fn to(host: &str, port: u16) -> Self {
        Self {
            server: Server { tls: true, host: host.to_owned(), port, path: String::new() },
            tls: Tls { roots: Roots::System, server_name: None, insecure: false, client_cert: None },
            proxy: ProxyChoice::Environment,
            credential: Credential::None,
            impersonation: None,
            disable_compression: false,
            namespace: "default".to_owned(),
        }
    }
}
