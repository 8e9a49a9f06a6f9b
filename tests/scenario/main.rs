//! The program against the simulated fleet. One binary, because every test binary links everything.

#[cfg(test)]
#[path = "../support/contract.rs"]
mod contract;
#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, unreachable_pub, reason = "see above")]
#[path = "../support/controlplane.rs"]
mod controlplane;
#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, reason = "see above")]
#[path = "../support/pane.rs"]
mod pane;
#[cfg(test)]
#[expect(
    clippy::allow_attributes,
    reason = "each test binary that includes this module uses another part of it"
)]
#[allow(dead_code, reason = "see above")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod cli;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod kubectl;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod secrets;
#[cfg(test)]
#[path = "contract.rs"]
mod simulation;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod trouble;
