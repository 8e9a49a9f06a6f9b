//! What is the same for all objects of one source.

use std::sync::Arc;

use crate::access::Target;
use crate::fleet::spec::{ProviderSpec, SourceSpec};
use crate::fleet::{CleanText, SightingId, SourceKind};
use crate::registry::report::Commands;

/// One source, as far as decoding its objects goes.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) kind: SourceKind,
    /// The source's name.
    pub(super) name: CleanText,
    pub(super) spec: SourceSpec,
    pub(super) hub: Arc<Target>,
    pub(super) hub_sighting: SightingId,
    pub(super) commands: Arc<Commands>,
    pub(super) providers: Arc<[ProviderSpec]>,
}

impl Setting {
    /// What an object of the source is called.
    pub(super) fn id(&self, reference: &CleanText) -> SightingId {
        SightingId { source: self.name.clone(), reference: reference.clone() }
    }

    /// The URL that clusters of a Rancher are reached below: as it is declared, or as the hub itself is reached.
    pub(super) fn rancher_front(&self) -> Option<String> {
        if let Some(server) = self.spec.server.as_deref().filter(|s| !s.is_empty()) {
            return Some(server.trim_end_matches('/').to_owned());
        }
        self.rancher_prefix().map(|prefix| {
            let server = &self.hub.server;
            let scheme = if server.tls { "https" } else { "http" };
            let host =
                if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
            format!("{scheme}://{host}:{}{prefix}", server.port)
        })
    }

    /// Where the hub is itself reached through a Rancher: what stands before `/k8s/clusters/` in its path.
    pub(super) fn rancher_prefix(&self) -> Option<&str> {
        let (prefix, id) = self.hub.server.path.split_once("/k8s/clusters/")?;
        (!id.is_empty() && !id.contains('/')).then_some(prefix)
    }
}
