//! Fleetglass: one terminal pane of glass over many Kubernetes clusters.
//!
//! The library is rooms named after the words of the problem, in layers; `docs/ARCHITECTURE.md` has the map, the
//! invariants and the table of who may import whom, which `tests/architecture.rs` checks.

pub mod access;
pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod fleet;
pub mod host;
pub mod observe;
pub mod registry;
pub mod report;
pub mod sim;
pub mod store;
pub mod tui;
