//! What is seen of clusters: polls of the whole fleet, inspections of those that somebody wants to know more of, and a closer
//! look at the one that is opened.
//!
//! * One task owns the schedule of all clusters; a further task exists only while a poll is in flight.
//! * A poll brings one `Snapshot`; each request of it fails for itself. A cluster that cannot be had is data, never an
//!   error, and costs the others neither a permit (the dead have their own), nor a deadline, nor a place in the budget of another front.
//! * An inspection is what is too much for a poll: few at a time, with permits and budgets of their own, so that none delays a poll.
//! * Nothing here decides what a reading means: that is `fleet::verdict`'s.
//!
//! [`poll_fleet`] and [`look_closer`] run until their token is cancelled; [`Pace`] holds every interval and limit.

use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::clock::Clock;

mod budget;
mod detail;
mod inspect;
mod pace;
mod poller;
mod probe;
mod queue;
pub mod wire;

pub use detail::{Opened, look_closer};
pub use pace::Pace;
pub use poller::{Event, Member, Wish, poll_fleet};

/// What the tasks of this room work with.
#[derive(Clone)]
pub struct Means {
    /// The way to clusters.
    pub access: Access,
    /// Time.
    pub clock: Clock,
    /// How often and how much.
    pub pace: Pace,
    /// Cancelled when all shall end.
    pub quit: CancellationToken,
}
