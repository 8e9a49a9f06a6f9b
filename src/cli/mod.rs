//! Arguments, environment, exit codes and output: the one door between the program and a shell.
//!
//! Nothing else reads the environment, the arguments or the standard streams. Standard output carries data only; warnings,
//! problems in files and clusters that cannot be read are told on standard error. A command that is run with a closed
//! pipe, without a terminal or with an early end says nothing that a script would trip over. The exit codes are in
//! `fault`.

mod args;
mod check;
mod classes;
mod closer;
mod clusters;
mod columns;
mod completion;
mod config;
mod console;
mod decide;
mod decisions;
mod demo;
mod doctor;
#[cfg(test)]
mod document;
mod events;
mod export;
mod fault;
mod fields;
mod fleetfile;
mod gather;
mod init;
mod jq;
mod merges;
mod notes;
mod output;
mod reference;
mod scan;
mod select;
mod sources;
mod status;
mod suggest;
mod surroundings;
mod table;
mod versions;
mod watch;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;

use self::args::{Cli, Command};
use self::fault::{Exit, Fault};
pub use self::surroundings::{Io, Stop, Surroundings};
use crate::report::Tool;

/// What stands in documents as the program that wrote them.
const TOOL: Tool = Tool { name: "fleetglass", version: env!("CARGO_PKG_VERSION") };

/// Runs the program as it was called in a shell, on the process's own streams, and returns its exit code.
pub fn run_process() -> u8 {
    let mut stdout = std::io::BufWriter::new(std::io::stdout());
    main(
        std::env::args_os().collect(),
        Io {
            stdout: &mut stdout,
            stderr: &mut std::io::stderr(),
            stdin: &mut std::io::stdin(),
            around: Surroundings::of_process(),
            stop: Stop::Signals,
        },
    )
}

/// Runs one command, the program's name first in `args`, and returns the exit code.
pub fn main(args: Vec<OsString>, mut io: Io<'_>) -> u8 {
    // Fails only if a provider is set already, which is then the same one.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let outcome = match Cli::try_parse_from(args) {
        Ok(cli) => run(cli, &mut io),
        Err(error) => usage(&error, &mut io),
    };
    let outcome = outcome.and_then(|exit| Ok(io.stdout.flush().map(|()| exit)?));
    match outcome {
        Ok(exit) => exit.into(),
        Err(fault) => {
            if !fault.is_silent() {
                // Nothing is left to be done if standard error is gone too.
                let _gone = writeln!(io.stderr, "{fault}");
            }
            fault.exit.into()
        }
    }
}

/// Help and version are data; everything else that clap has to say is an error.
fn usage(error: &clap::Error, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            write!(io.stdout, "{text}")?;
            Ok(Exit::Done)
        }
        _ => {
            write!(io.stderr, "{text}")?;
            Ok(Exit::Usage)
        }
    }
}

fn run(cli: Cli, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let Cli { global, command } = cli;
    let Some(command) = command else {
        return console::run_or_status(&global, io);
    };
    match command {
        Command::Status(args) => status::run(&global, &args, io),
        Command::Clusters(args::Clusters::List { clusters }) => clusters::list(&global, &clusters, io),
        Command::Clusters(args::Clusters::Show { name }) => clusters::show(&global, &name, io),
        Command::Clusters(args::Clusters::Merges) => merges::run(&global, io),
        Command::Clusters(args::Clusters::Export { clusters, format, to, with_credentials }) => {
            export::run(&global, &clusters, format, to.as_deref(), with_credentials, io)
        }
        Command::Clusters(deciding) => decide::run(&global, &deciding, io),
        Command::Check(args) => check::run(&global, &args, io),
        Command::Versions(args) => versions::run(&global, &args, io),
        Command::Events(args) => events::run(&global, &args, io),
        Command::Sources(command) => sources::run(&global, &command, io),
        Command::Classes(command) => classes::run(&global, &command, io),
        Command::Decisions(command) => decisions::run(&global, &command, io),
        Command::Init(args) => init::run(&global, &args, io),
        Command::Doctor => doctor::run(&global, io),
        Command::Config(config) => config::run(&global, &config, io),
        Command::Schema { kind } => reference::schema(kind.as_deref(), io),
        Command::Completions { shell } => completion::script(shell, io),
        Command::Man { dir } => reference::man(dir.as_deref(), io),
        Command::Demo(args) => demo::run(&global, &args, io),
        Command::Tui => console::run(&global, io),
        Command::Version => {
            writeln!(io.stdout, "{} {}", TOOL.name, TOOL.version)?;
            Ok(Exit::Done)
        }
    }
}
