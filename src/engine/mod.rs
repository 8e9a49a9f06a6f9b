//! The shell: one task owns the fleet, folds what the rooms report into it, and publishes it whole.
//!
//! [`start`] returns at once; sources are read by tasks of their own, and everything that waits for a network lives on one
//! runtime on one thread of its own. The task tree is flat and known: the conductor, the fold, the registry, the poller, the
//! closer look. None of them waits for a cluster when it is told to end, and [`Running::stop`] waits for none of them longer than a
//! second. Commands and decisions flow in, pictures of the fleet flow out, nothing else crosses the border.

mod adapter;
pub mod api;
mod conduct;
mod decide;
pub mod fold;
mod memory;
mod publish;
mod reports;
mod routes;
mod rows;
mod running;

use std::path::PathBuf;
use std::sync::Arc;

use crate::fleet::spec::FleetFile;
use crate::fleet::{Almanac, CleanText};
use crate::{access, observe, registry};

pub use routes::Ways;
pub use running::{Running, StartError, start};

/// Everything that decides what an engine does.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Which sources are read. Without its `contact`, clusters are listed and never dialled.
    pub plan: registry::Plan,
    /// Whether sources are read, hubs too, and clusters listed and never dialled for themselves.
    pub sources_only: bool,
    /// The fleet file, with the machine's own.
    pub fleet_file: Arc<FleetFile>,
    /// The files that it was read from, the machine's own first.
    pub files: Vec<CleanText>,
    /// What is known of Kubernetes at large.
    pub almanac: Almanac,
    /// How clusters are reached.
    pub access: access::Settings,
    /// How often and how much.
    pub pace: observe::Pace,
    /// Where decisions and what was known are kept; `None`: nowhere.
    pub memory: Option<PathBuf>,
    /// Who decides, where a decision does not say: the name of the operating system's user.
    pub who: CleanText,
}
