//! The operating system, once: child processes, private files, bounded reads, limits, name lookups.
//!
//! Nothing here knows what a cluster is. Every call that may take long has a deadline, every read a cap. A child runs
//! in a session of its own, so it has no controlling terminal and dies with everything it started.

pub mod child;
mod limits;
pub mod private;
mod read;
mod resolve;
mod workers;

pub use limits::{Budget, Permit, open_file_limit, raise_open_file_limit, socket_budget};
pub use read::{FileState, ReadError, read_capped};
pub use resolve::{LookupError, Resolver};
pub use workers::{Late, Workers};
