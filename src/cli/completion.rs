//! Scripts that complete commands in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::fault::{Exit, Fault};
use super::surroundings::Io;

/// `completions SHELL`.
pub(super) fn script(shell: Shell, io: &mut Io<'_>) -> Result<Exit, Fault> {
    // The generator panics on a pipe that is gone, so it writes to memory.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fleetglass", &mut text);
    io.stdout.write_all(&text)?;
    Ok(Exit::Done)
}
