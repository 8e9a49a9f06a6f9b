//! What a hub's task is started with.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Commands, Means, Told, Wish};
use crate::access::Target;
use crate::fleet::spec::{Object, ProviderSpec, SourceSpec};
use crate::fleet::{Sighting, SightingId};

/// Where sources tell.
pub(super) type Out = mpsc::Sender<Told>;

/// One hub to read.
#[derive(Debug)]
pub(super) struct HubJob {
    /// The source as the fleet file declares it.
    pub(super) spec: Object<SourceSpec>,
    /// The way to the hub.
    pub(super) hub: Arc<Target>,
    /// The kubeconfig context that the way comes from.
    pub(super) hub_sighting: SightingId,
    /// What it works with; `quit` ends it.
    pub(super) means: Means,
    /// Programs that may run.
    pub(super) commands: Arc<Commands>,
    /// Credential plugins for ClusterProfiles, in order of preference.
    pub(super) providers: Arc<[ProviderSpec]>,
    /// What the source said before, tombstones included.
    pub(super) known: Vec<Arc<Sighting>>,
    /// Whether to end after it was read once, or failed once.
    pub(super) once: bool,
    /// What is wished of it.
    pub(super) wishes: mpsc::Receiver<Wish>,
}
