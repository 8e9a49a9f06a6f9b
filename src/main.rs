//! The `fleetglass` program.

fn main() {}
