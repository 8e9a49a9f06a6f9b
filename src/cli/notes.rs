//! What goes to standard error beside the data: problems in files, and clusters that cannot be read.

use std::io::{self, Write};

use super::args::Global;
use crate::report::{ErrorItem, ProblemItem, SeverityWord};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Talk {
    /// Errors only.
    Quiet,
    /// Errors, warnings, clusters that cannot be read.
    Usual,
    /// Hints and notes as well.
    Verbose,
}

impl Talk {
    /// As the flags say.
    pub(super) fn of(global: &Global) -> Self {
        match (global.quiet, global.verbose) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Verbose,
            (false, false) => Self::Usual,
        }
    }
}

/// Tells problems in files, each with its place.
pub(super) fn problems(err: &mut dyn Write, talk: Talk, problems: &[ProblemItem]) -> io::Result<()> {
    for problem in problems {
        let least = match problem.severity {
            SeverityWord::Error => Talk::Quiet,
            SeverityWord::Warning => Talk::Usual,
            SeverityWord::Note => Talk::Verbose,
        };
        if talk < least {
            continue;
        }
        write!(err, "{}: ", problem.severity.as_str())?;
        if let Some(place) = problem.place() {
            write!(err, "{place}: ")?;
        }
        let said = problem.file.as_ref().is_some_and(|f| f == &problem.subject);
        if !problem.subject.as_str().is_empty() && !said {
            write!(err, "{}: ", problem.subject)?;
        }
        writeln!(err, "{}", problem.message)?;
        // What cannot be used is explained even if nobody asked for more.
        let explain = talk == Talk::Verbose || problem.severity == SeverityWord::Error;
        if let Some(hint) = problem.hint.as_ref().filter(|_| explain) {
            writeln!(err, "  try: {hint}")?;
        }
    }
    Ok(())
}

/// Tells the clusters that could not be read, one line each. Those whose entry is wrong have been told as problems.
pub(super) fn unread(err: &mut dyn Write, talk: Talk, errors: &[ErrorItem]) -> io::Result<()> {
    if talk == Talk::Quiet {
        return Ok(());
    }
    for error in errors.iter().filter(|e| e.code != "CONFIG") {
        writeln!(err, "cluster {}: {} {}", error.cluster, error.code, error.message)?;
        if let Some(hint) = error.hint.as_ref().filter(|_| talk == Talk::Verbose) {
            writeln!(err, "  try: {hint}")?;
        }
    }
    Ok(())
}

/// Tells a warning.
pub(super) fn warning(err: &mut dyn Write, talk: Talk, text: &str) -> io::Result<()> {
    if talk == Talk::Quiet { Ok(()) } else { writeln!(err, "warning: {text}") }
}

/// Tells something that only those want to know who asked for more.
pub(super) fn detail(err: &mut dyn Write, talk: Talk, text: &str) -> io::Result<()> {
    if talk == Talk::Verbose { writeln!(err, "{text}") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{self, fixture};

    fn told(talk: Talk) -> String {
        let fleet = fixture::fleet();
        let mut err = Vec::new();
        problems(&mut err, talk, &report::problems(&fleet)).unwrap();
        unread(&mut err, talk, &report::errors(&fleet.clusters)).unwrap();
        String::from_utf8(err).unwrap()
    }

    #[test]
    fn problems_name_file_and_line_and_dead_clusters_have_a_line_each() {
        assert_eq!(
            told(Talk::Usual),
            "error: /home/ana/.kube/config:44:13: dev-broken: server is not a URL\n  try: Write it as https://HOST:PORT.\n\
             cluster prod-ap-south-1: HTTP401 the server does not accept the credential\n\
             cluster stage-eu-2: TCP timeout 10.8.0.9:6443\n"
        );
    }

    #[test]
    fn quiet_leaves_errors_and_verbose_adds_hints() {
        assert_eq!(told(Talk::Quiet).lines().count(), 2);
        assert!(told(Talk::Verbose).contains("  try: Sign in again.\n"));
    }
}
