//! Child processes that cannot hang us, flood us or touch the terminal.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessSession};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::time::{sleep, timeout};

/// How long output is still read after the process itself has ended: whatever it started may hold the pipe open.
const AFTERMATH: Duration = Duration::from_secs(1);

/// Tries to start a program that somebody is just writing.
const BUSY_TRIES: u32 = 10;

/// What to run and within which limits.
#[derive(Clone)]
pub struct Job {
    /// The file to execute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment; nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub deadline: Duration,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Bytes of standard output; one more ends the process.
    pub stdout_cap: usize,
    /// Bytes of standard error that are kept.
    pub stderr_cap: usize,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("program", &self.program)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What came of a job. `Debug` does not show the output.
pub struct Outcome {
    /// How it ended.
    pub exit: Exit,
    /// Standard output up to its cap.
    pub stdout: Vec<u8>,
    /// Standard error up to its cap.
    pub stderr: Vec<u8>,
    /// It was ended because its time was over.
    pub timed_out: bool,
    /// It was ended because it printed more than its cap.
    pub truncated: bool,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outcome")
            .field("exit", &self.exit)
            .field("stdout", &self.stdout.len())
            .field("stderr", &self.stderr.len())
            .field("timed_out", &self.timed_out)
            .field("truncated", &self.truncated)
            .finish()
    }
}

/// Why a job could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error("the program cannot be started")]
    Spawn(#[source] std::io::Error),
    /// Its end could not be observed.
    #[error("the program's end cannot be observed")]
    Wait(#[source] std::io::Error),
}

/// Runs `job` to its end: standard input empty, in a session of its own.
///
/// At the deadline, or when it prints too much, the whole group gets SIGTERM, and SIGKILL when the grace is over.
/// Dropping the future kills the group at once.
///
/// # Errors
/// If the process cannot be started or waited for. A process that fails is an [`Outcome`].
pub async fn run(job: &Job) -> Result<Outcome, RunError> {
    let mut group = Group { child: spawn(job).await.map_err(RunError::Spawn)?, over: false };
    let mut out = Capture::new(group.child.stdout().take(), job.stdout_cap, true);
    let mut err = Capture::new(group.child.stderr().take(), job.stderr_cap, false);

    let mut timer = std::pin::pin!(sleep(job.deadline));
    let mut reading = true;
    let first = loop {
        tokio::select! {
            status = group.child.wait() => break Some(status.map_err(RunError::Wait)?),
            full = gather(&mut out, &mut err), if reading => {
                if full { break None }
                reading = false;
            }
            () = &mut timer => break None,
        }
    };

    let (status, timed_out) = if let Some(status) = first {
        // Too late to be an error of the process: what is missing now is in the hands of somebody it left behind.
        let _left_open = timeout(AFTERMATH, gather(&mut out, &mut err)).await;
        (status, false)
    } else {
        let timed_out = !out.over;
        let status = group.end(job.grace).await.map_err(RunError::Wait)?;
        let _left_open = timeout(AFTERMATH / 4, gather(&mut out, &mut err)).await;
        (status, timed_out)
    };
    group.over = true;

    let exit = status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or(0)), Exit::Code);
    Ok(Outcome { exit, truncated: out.over, stdout: out.kept, stderr: err.kept, timed_out })
}

async fn spawn(job: &Job) -> std::io::Result<Box<dyn ChildWrapper>> {
    let mut tries = 0;
    loop {
        let mut command = Command::new(&job.program);
        command
            .args(&job.args)
            .env_clear()
            .envs(job.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match CommandWrap::from(command).wrap(ProcessSession).wrap(KillOnDrop).spawn() {
            Err(e) if e.kind() == std::io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                tries += 1;
                sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// A process with everything it started; killed when dropped before its end.
struct Group {
    child: Box<dyn ChildWrapper>,
    over: bool,
}

impl Group {
    /// Asks politely, waits for `grace`, then does not ask.
    async fn end(&mut self, grace: Duration) -> std::io::Result<std::process::ExitStatus> {
        let asked = self.child.signal(rustix::process::Signal::TERM.as_raw());
        if asked.is_ok()
            && let Ok(status) = timeout(grace, self.child.wait()).await
        {
            // The leader went; those it started may not have.
            let _gone = self.child.start_kill();
            return status;
        }
        let _gone = self.child.start_kill();
        self.child.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            let _gone = self.child.start_kill();
        }
    }
}

/// One pipe, read up to a cap.
struct Capture<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
    cap: usize,
    /// Whether a full buffer ends the reading, or only the keeping.
    strict: bool,
    over: bool,
}

impl<R: AsyncRead + Unpin> Capture<R> {
    fn new(pipe: Option<R>, cap: usize, strict: bool) -> Self {
        Self { pipe, kept: Vec::new(), cap, strict, over: false }
    }

    /// Reads once; does nothing after the end. Safe to cancel.
    async fn step(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut chunk = [0; 4096];
        match pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(n) => {
                let room = self.cap.saturating_sub(self.kept.len());
                self.kept.extend(chunk.iter().take(n.min(room)));
                if self.strict && n > room {
                    self.over = true;
                    self.pipe = None;
                }
            }
        }
    }
}

/// Reads both pipes to their ends; `true` if standard output went past its cap.
async fn gather(out: &mut Capture<ChildStdout>, err: &mut Capture<ChildStderr>) -> bool {
    while out.pipe.is_some() || err.pipe.is_some() {
        let (read_out, read_err) = (out.pipe.is_some(), err.pipe.is_some());
        tokio::select! {
            () = out.step(), if read_out => {}
            () = err.step(), if read_err => {}
        }
        if out.over {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn shell(script: &str) -> Job {
        Job {
            program: PathBuf::from("/bin/sh"),
            args: vec!["-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hello".into())],
            deadline: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            stdout_cap: 1 << 20,
            stderr_cap: 64 << 10,
        }
    }

    #[tokio::test]
    async fn output_exit_and_environment_are_the_childs_own() {
        let out = run(&shell("echo $GREETING; echo oops >&2; exit 3")).await.unwrap();
        assert_eq!(out.exit, Exit::Code(3));
        assert_eq!(out.stdout, b"hello\n");
        assert_eq!(out.stderr, b"oops\n");
        assert!(!out.timed_out && !out.truncated);
        let out = run(&shell("cat; env | grep -c HOME; exit 0")).await.unwrap();
        assert_eq!(out.stdout, b"0\n", "stdin is empty and nothing is inherited");
    }

    #[tokio::test]
    async fn there_is_no_terminal_to_ask_on() {
        let out = run(&shell("(echo x > /dev/tty) 2>/dev/null && echo has || echo none")).await.unwrap();
        assert_eq!(out.stdout, b"none\n");
    }

    #[tokio::test]
    async fn a_child_that_hangs_is_ended_with_everything_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let mut job = shell(&format!(
            "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & wait; while :; do sleep 1; done",
            pid_file.display()
        ));
        job.deadline = Duration::from_millis(500);
        job.grace = Duration::from_millis(200);
        let clock = Clock::system();
        let start = clock.tick();
        let out = run(&job).await.unwrap();
        assert!(out.timed_out);
        assert_eq!(out.exit, Exit::Signal(9));
        assert!(start.elapsed() < Duration::from_secs(20));
        let pid: i32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        timeout(Duration::from_secs(10), async {
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the grandchild outlived its group");
    }

    fn is_zombie(pid: rustix::process::Pid) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
            .map_or(true, |s| s.contains(") Z"))
    }

    #[tokio::test]
    async fn somebody_left_behind_with_the_pipe_open_delays_nobody() {
        let clock = Clock::system();
        let start = clock.tick();
        let out = run(&shell("sleep 60 & echo done")).await.unwrap();
        assert_eq!(out.stdout, b"done\n");
        assert_eq!(out.exit, Exit::Code(0));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn too_much_output_ends_the_child_and_too_many_complaints_do_not() {
        let mut job = shell("yes");
        job.stdout_cap = 10_000;
        let out = run(&job).await.unwrap();
        assert!(out.truncated && !out.timed_out);
        assert_eq!(out.stdout.len(), 10_000);
        let mut job = shell("yes | head -c 300000 >&2; echo fine");
        job.stderr_cap = 1_000;
        let out = run(&job).await.unwrap();
        assert_eq!((out.stdout.as_slice(), out.stderr.len()), (b"fine\n".as_slice(), 1_000));
        assert!(!out.truncated);
    }

    #[tokio::test]
    async fn dropping_the_run_kills_the_child() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let job = shell(&format!("echo $$ > {}; exec sleep 600", pid_file.display()));
        let run = tokio::spawn(async move { run(&job).await.map(drop) });
        let pid = timeout(Duration::from_secs(20), async {
            loop {
                if let Ok(pid) = std::fs::read_to_string(&pid_file).unwrap_or_default().trim().parse::<i32>()
                {
                    break pid;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        run.abort();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        timeout(Duration::from_secs(10), async {
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the child outlived its run");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error() {
        let mut job = shell("");
        job.program = "/nonexistent/plugin".into();
        assert!(matches!(run(&job).await, Err(RunError::Spawn(_))));
    }
}
