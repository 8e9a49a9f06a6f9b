//! Kubeconfigs as a source: one source per file, one sighting per context.
//!
//! Nothing is contacted; dates are compared with `now`, so that a credential that has ended is known before anybody uses it.
//! Every context is known here, also those that the person has not asked for: they may lead to hubs.

mod contexts;
mod read;
mod watch;

#[cfg(test)]
mod tests;

pub(super) use contexts::Contexts;
#[cfg(test)]
pub(super) use contexts::KnownContext;
pub(super) use read::{Names, Wanted, Where};
pub(super) use watch::{Files, watch_kubeconfigs};
