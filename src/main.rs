//! The `fleetglass` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleetglass::cli::run_process().into()
}
