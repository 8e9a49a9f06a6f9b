//! The way to a cluster: kubeconfigs, credentials and the HTTP client stack.
//!
//! Nothing here goes through the Kubernetes client's own authentication: our stack sets the header, the deadlines and
//! the byte limits, and never retries a write. A kubeconfig is only read. No type here prints a secret.

mod broker;
mod classify;
mod client;
mod dial;
mod exec;
mod guard;
mod headers;
pub mod kubeconfig;
mod link;
mod pem;
mod proxy;
mod redact;
mod reply;
mod settings;
mod sockets;
mod target;
mod tls;
mod trust;
mod tunnel;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderValue;

use crate::clock::Clock;
use crate::fleet::{CleanText, Failure};
use crate::host::{Resolver, Workers, open_file_limit, socket_budget};

use broker::Broker;
use dial::Dialer;
use exec::PluginSettings;
use proxy::ProxyRules;
use sockets::Sockets;
use tls::TlsStore;

pub use client::client_failure;
pub use link::Link;
pub use reply::{Accept, Ask, Purpose, Reply};
pub use settings::{Caps, Deadlines, PluginPolicy, ProxyEnv, Settings, SetupError};
pub use target::{
    ClientCert, Credential, Exec, Impersonation, Interactive, KeySource, PemSource, ProxyChoice, Roots,
    Server, Target, Tls,
};

/// Threads that read files and look for plugins.
const FILE_THREADS: usize = 4;

/// Everything that clusters share on the way to them. Clones are the same.
#[derive(Clone)]
pub struct Access(Arc<Shared>);

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("sockets", &self.sockets()).finish_non_exhaustive()
    }
}

struct Shared {
    clock: Clock,
    caps: Caps,
    read_only: bool,
    sockets: Arc<Sockets>,
    broker: Arc<Broker>,
    dialer: Dialer,
}

impl Access {
    /// Sets up what is shared; contacts nobody and reads no file.
    ///
    /// # Errors
    /// If the settings cannot work for any cluster.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, SetupError> {
        let files = Workers::new("files", FILE_THREADS);
        let sockets = Arc::new(Sockets::new(socket_budget(open_file_limit(), settings.max_sockets)));
        let plugins = PluginSettings {
            search_path: settings.search_path,
            env: settings.plugin_env,
            policy: settings.plugin_policy,
            first: settings.deadlines.plugin_first,
            later: settings.deadlines.plugin,
            grace: settings.deadlines.plugin_grace,
        };
        let dialer = Dialer {
            deadlines: settings.deadlines,
            user_agent: HeaderValue::try_from(settings.user_agent).map_err(|_| SetupError::UserAgent)?,
            resolver: Resolver::new(),
            sockets: sockets.clone(),
            proxies: ProxyRules::new(&settings.proxies),
            tls: TlsStore::new(clock.clone(), files.clone())?,
        };
        Ok(Self(Arc::new(Shared {
            broker: Arc::new(Broker::new(clock.clone(), plugins, settings.max_plugins, files)),
            clock,
            caps: settings.caps,
            read_only: settings.read_only,
            sockets,
            dialer,
        })))
    }

    /// A way to `target`. Nothing is read, resolved or dialled until it is used.
    pub fn link(&self, target: Arc<Target>) -> Link {
        Link::new(self, target)
    }

    /// A Kubernetes client over the same stack, for what a person opens.
    ///
    /// It obeys the read-only setting, follows no redirect, and never sends a write twice. Its errors are read with
    /// [`client_failure`].
    ///
    /// # Errors
    /// `INTERNAL` outside a runtime.
    pub fn client(&self, target: &Arc<Target>) -> Result<kube::Client, Failure> {
        client::client(self, target)
    }

    /// Sockets open now.
    pub fn sockets(&self) -> usize {
        self.0.sockets.held()
    }

    /// What in the environment's proxy variables was not understood.
    pub fn proxy_warnings(&self) -> Vec<CleanText> {
        self.0.dialer.proxies.warnings()
    }

    /// Forgets failures of credential plugins, so that the next use runs them again at once.
    pub fn forget_credential_failures(&self) {
        self.0.broker.forget_failures();
    }
}
