//! Programs that sources run: found on the search path, with a deadline and a cap, and never a word of their environment told.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::keep::problem;
use super::{Commands, Program};
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{CleanText, Problem};
use crate::host::Workers;
use crate::host::child::{self, Exit, Job};

/// Bytes of output; one more ends the program.
const OUTPUT: usize = 16 << 20;
/// Bytes of complaints that are kept.
const COMPLAINTS: usize = 64 << 10;
/// How long finding a program may take.
const LOOK: Duration = Duration::from_secs(5);
/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(2);

/// Why a program gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RunError {
    /// There is no such program.
    #[error("the program {0} was not found")]
    Missing(CleanText),
    /// It could not be started or observed.
    #[error("the program {0} cannot be run")]
    Broken(CleanText),
    /// It took too long.
    #[error("the program {0} did not finish within {1} s")]
    Late(CleanText, u64),
    /// It printed too much.
    #[error("the program {0} printed more than 16 MiB")]
    Large(CleanText),
    /// It failed, and this is the first thing it complained about.
    #[error("the program {name} {ended}{}{complaint}", if complaint.is_empty() { "" } else { ": " })]
    Failed {
        /// The program.
        name: CleanText,
        /// How it ended.
        ended: String,
        /// What it said.
        complaint: CleanText,
    },
}

impl RunError {
    /// The stable word for it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "PROGRAM_NOT_FOUND",
            Self::Late(..) => "PROGRAM_TIMEOUT",
            Self::Large(_) => "TOO_LARGE",
            Self::Broken(_) | Self::Failed { .. } => "PROGRAM_FAILED",
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "Install it, or add its folder to PATH.",
            Self::Late(..) => "Run it from a shell to see what it waits for.",
            Self::Large(_) => "",
            Self::Broken(_) | Self::Failed { .. } => "Run it from a shell to see more.",
        }
    }

    /// What it complained about.
    pub(super) fn complaint(&self) -> &str {
        match self {
            Self::Failed { complaint, .. } => complaint.as_str(),
            _ => "",
        }
    }

    /// The same as a problem of the source.
    pub(super) fn problem(&self, spec: &Object<SourceSpec>) -> Problem {
        problem(spec, "program", self.code(), &self.to_string(), self.hint())
    }
}

/// A program that can be run again and again.
#[derive(Clone)]
pub(super) struct Runner {
    program: Program,
    args: Vec<String>,
    commands: Arc<Commands>,
    deadline: Duration,
    workers: Workers,
}

impl Runner {
    /// `args` follow those of the program's own command line.
    pub(super) fn new(
        program: Program,
        args: Vec<String>,
        commands: Arc<Commands>,
        deadline: Duration,
    ) -> Self {
        Self { program, args, commands, deadline, workers: Workers::new("programs", 2) }
    }

    /// The program that a source names.
    ///
    /// # Errors
    /// If the personal configuration has none of that name.
    pub(super) fn program(
        spec: &Object<SourceSpec>,
        name: &str,
        commands: &Commands,
    ) -> Result<Program, Problem> {
        if let Some(program) = commands.programs.get(name).filter(|p| !p.command.is_empty()) {
            return Ok(program.clone());
        }
        let shown = CleanText::with_cap(name, 100);
        let message = format!("the personal configuration has no program {shown}");
        let hint = format!(
            "Add [programs.{shown}] with its command to config.toml; a fleet file cannot say what runs."
        );
        Err(problem(spec, "program", "UNKNOWN_PROGRAM", &message, &hint))
    }

    /// A runner for the program that a source names.
    ///
    /// # Errors
    /// As [`Runner::program`].
    pub(super) fn named(
        spec: &Object<SourceSpec>,
        name: &str,
        args: Vec<String>,
        commands: &Arc<Commands>,
        deadline: Duration,
    ) -> Result<Self, Problem> {
        let program = Self::program(spec, name, commands)?;
        Ok(Self::new(program, args, Arc::clone(commands), deadline))
    }

    /// What it prints.
    pub(super) async fn run(&self, spec: &Object<SourceSpec>) -> Result<Vec<u8>, Problem> {
        self.with(&[]).await.map_err(|error| error.problem(spec))
    }

    /// What it prints with more arguments.
    pub(super) async fn with(&self, more: &[&str]) -> Result<Vec<u8>, RunError> {
        let command = self.program.command.first().cloned().unwrap_or_default();
        let name =
            Path::new(&command).file_name().map_or(command.as_str(), |n| n.to_str().unwrap_or("program"));
        let name = CleanText::with_cap(name, 60);
        let path = self.commands.search_path.clone();
        let look = move || find(&command, path.as_ref());
        let found = self.workers.run(LOOK, look).await.unwrap_or_default();
        let program = found.ok_or_else(|| RunError::Missing(name.clone()))?;
        let own = &self.program.env;
        let inherited =
            self.commands.env.iter().filter(|(k, _)| k.to_str().is_none_or(|k| !own.contains_key(k)));
        let mut env: Vec<(OsString, OsString)> = inherited.cloned().collect();
        env.extend(own.iter().map(|(k, v)| (k.into(), v.into())));
        let args = self.program.command.iter().skip(1).chain(&self.args).map(OsString::from);
        let job = Job {
            program,
            args: args.chain(more.iter().map(OsString::from)).collect(),
            env,
            deadline: self.deadline,
            grace: GRACE,
            stdout_cap: OUTPUT,
            stderr_cap: COMPLAINTS,
        };
        let outcome = child::run(&job).await.map_err(|_| RunError::Broken(name.clone()))?;
        if outcome.timed_out {
            return Err(RunError::Late(name, self.deadline.as_secs()));
        }
        if outcome.truncated {
            return Err(RunError::Large(name));
        }
        let ended = match outcome.exit {
            Exit::Code(0) => return Ok(outcome.stdout),
            Exit::Code(code) => format!("ended with exit code {code}"),
            Exit::Signal(signal) => format!("was ended by signal {signal}"),
        };
        Err(RunError::Failed { name, ended, complaint: self.first_words(&outcome.stderr) })
    }

    /// The first line of complaint that calls itself an error, or else the first that says something; without values of the
    /// program's own environment.
    fn first_words(&self, stderr: &[u8]) -> CleanText {
        let text = String::from_utf8_lossy(stderr);
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        let error = |line: &&str| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
        let line = lines().find(error).or_else(|| lines().next()).unwrap_or_default();
        let mut line = line.to_owned();
        for secret in self.program.env.values().filter(|v| v.len() >= 4) {
            line = line.replace(secret.as_str(), "…");
        }
        CleanText::with_cap(&line, 300)
    }
}

/// The file to execute: absolute, or a name that is looked for in the absolute folders of the search path.
fn find(command: &str, search_path: Option<&OsString>) -> Option<PathBuf> {
    let runs = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    let path = Path::new(command);
    if command.contains('/') {
        return (path.is_absolute() && runs(path)).then(|| path.to_path_buf());
    }
    if command.is_empty() {
        return None;
    }
    std::env::split_paths(search_path?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command))
        .find(|file| runs(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_whole_paths_and_in_folders_of_whole_paths() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cmdb");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let here = std::env::current_dir().unwrap();
        let up = "../".repeat(here.components().count() - 1);
        let relative = format!("{up}{}", file.strip_prefix("/").unwrap().display());
        assert!(std::fs::metadata(&relative).is_ok(), "{relative} leads there");
        let folder = Path::new(&relative).parent().unwrap().as_os_str().to_owned();
        let whole = dir.path().as_os_str().to_owned();
        for (command, search_path, found) in [
            (file.to_str().unwrap(), None, true),
            ("cmdb", Some(&whole), true),
            (&*relative, Some(&whole), false),
            ("./cmdb", Some(&whole), false),
            ("cmdb", Some(&folder), false),
            ("cmdb", None, false),
            ("", Some(&whole), false),
        ] {
            assert_eq!(find(command, search_path), found.then(|| file.clone()), "{command}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(find("cmdb", Some(&whole)), None, "not executable");
    }
}
