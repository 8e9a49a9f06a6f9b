//! Processes that end with the test, however it ends: normally, by a panic, or by `kill -9`.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use fleetglass::clock::Clock;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use tokio::net::TcpSocket;

/// The watchdog: its input ends when the test process is gone, and then it takes its whole group with it. It is the
/// leader of that group, so the number cannot have been given to somebody else meanwhile.
const WATCHDOG: &str = "trap '' HUP INT TERM; while read -r _; do :; done; rm -rf \"$1\"; kill -KILL 0";

/// A process group with a watchdog in front.
pub struct Family {
    leader: Child,
    /// Never written to: it closes with this process.
    lifeline: Option<ChildStdin>,
}

impl Family {
    /// Starts the watchdog. `dir` is removed if this process dies without running its destructors.
    pub fn new(dir: &Path) -> Result<Self, String> {
        let mut leader = Command::new("sh")
            .args(["-c", WATCHDOG, "fleetglass-test-watchdog"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|why| format!("cannot start sh: {why}"))?;
        let lifeline = leader.stdin.take();
        Ok(Self { leader, lifeline })
    }

    /// A command that will run in this group, with a clean environment and `home` as its home and working folder.
    pub fn command(&self, program: &Path, home: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home).current_dir(home);
        command.stdin(Stdio::null()).process_group(i32::try_from(self.leader.id()).unwrap_or(0));
        command
    }

    /// Does to the watchdog what the sudden death of this process would do.
    pub fn let_go(&mut self) {
        self.lifeline = None;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(group) = pid(&self.leader) {
            // Fails only if everybody is gone already.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        drop(self.leader.wait());
    }
}

/// A running server and the file with its words.
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` with both outputs in `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            options
                .append(true)
                .create(true)
                .open(log)
                .map_err(|why| format!("cannot open {}: {why}", log.display()))
        };
        command.stdout(open()?).stderr(open()?);
        let child = command
            .spawn()
            .map_err(|why| format!("cannot start {}: {why}", Path::new(command.get_program()).display()))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it without ending it: connections are accepted by the kernel and nothing ever answers.
    pub fn freeze(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub fn thaw(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let id = pid(&self.child).ok_or("the process has no id")?;
        kill_process(id, signal).map_err(|why| format!("cannot signal process {}: {why}", self.child.id()))
    }

    /// The end of its words, for an error message.
    pub fn tail(&self) -> String {
        const LINES: usize = 25;
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LINES);
        lines.into_iter().skip(from).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Not waited for yet, so the id is still its own.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a process of that id exists.
pub fn exists(id: u32) -> bool {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id) != Err(Errno::SRCH))
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// A loopback port that is ours. The socket stays bound without listening and the server binds the same port beside it
/// (both with `SO_REUSEPORT`), so nobody can take it between our choosing it and the server's start, and while the
/// server is stopped connections are refused.
pub struct Port {
    _socket: TcpSocket,
    number: u16,
}

impl Port {
    /// Lets the kernel choose one.
    pub fn reserve() -> Result<Self, String> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseport(true)?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let number = socket.local_addr()?.port();
            Ok::<_, std::io::Error>(Self { _socket: socket, number })
        };
        reserve().map_err(|why| format!("cannot reserve a loopback port: {why}"))
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Asks `probe` again and again until it has an answer, fails, or `limit` is over.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>, String>,
) -> Result<T, String> {
    let clock = Clock::system();
    let started = clock.tick();
    loop {
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        if started.elapsed() > limit {
            return Err(format!("{what}: nothing within {} s", limit.as_secs()));
        }
        // Another process' readiness can only be asked for; nobody unparks this thread.
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
