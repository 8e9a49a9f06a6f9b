//! Exit codes, and errors that end a command.

use std::fmt;
use std::io;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// 0: done.
    Done,
    /// 1: failed; with `--exit-code`: a finding.
    Failed,
    /// 2: wrong usage, configuration or query.
    Usage,
    /// 3: partly done, some clusters could not be read.
    Partial,
    /// 4: a sign-in would fix every failure.
    SignIn,
    /// 5: refused, by a policy or because a confirmation is missing.
    Refused,
    /// 128 and the number: ended by a signal.
    Signal(u8),
}

impl Exit {
    /// Ended by SIGINT: 130.
    pub(super) const INTERRUPTED: Self = Self::Signal(2);
    /// Ended by SIGTERM: 143.
    pub(super) const TERMINATED: Self = Self::Signal(15);
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::SignIn => 4,
            Exit::Refused => 5,
            Exit::Signal(number) => number.saturating_add(128),
        }
    }
}

/// Why a command ends without having done its work: what, where, why and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The exit code.
    pub(super) exit: Exit,
    /// What could not be done.
    pub(super) what: String,
    /// Where the mistake stands: a file with line and column, or a flag.
    pub(super) place: Option<String>,
    /// Why.
    pub(super) why: Option<String>,
    /// What to try, a full sentence.
    pub(super) hint: Option<String>,
    /// Nothing is to be said: the reader of our output has gone away.
    silent: bool,
}

impl Fault {
    /// Wrong usage, configuration or query.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The work failed.
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// It may not be done, or not without a confirmation.
    pub(super) fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what)
    }

    /// Somebody ended the command; nothing is to be said about that.
    pub(super) fn stopped(exit: Exit) -> Self {
        Self { silent: true, ..Self::new(exit, "ended early") }
    }

    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), place: None, why: None, hint: None, silent: false }
    }

    pub(super) fn place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it is to be reported at all.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for (label, text) in [("where", &self.place), ("why", &self.why), ("try", &self.hint)] {
            if let Some(text) = text {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

/// Output that cannot be written ends the command; if the reader is gone, without a word and with success, as a
/// program in a pipe should.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let mut fault = Self::failed("the output cannot be written").why(error.to_string());
        if error.kind() == io::ErrorKind::BrokenPipe {
            fault.silent = true;
            fault.exit = Exit::Done;
        }
        fault
    }
}

/// The chain of causes of an error in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_where_why_and_what_to_try() {
        let fault = Fault::usage("the query cannot be read")
            .place("--query, column 7")
            .why("unknown field `verison`")
            .hint("Did you mean `version`?");
        assert_eq!(
            fault.to_string(),
            "error: the query cannot be read\n  where: --query, column 7\n  why: unknown field `verison`\n  try: Did you mean `version`?"
        );
        assert_eq!(u8::from(fault.exit), 2);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let gone = Fault::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(gone.is_silent());
        assert_eq!(gone.exit, Exit::Done);
        assert_eq!(Fault::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Failed);
    }
}
