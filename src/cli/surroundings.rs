//! Everything outside of the program that a command depends on, read in one place.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::fault::Exit;
use crate::access::ProxyEnv;
use crate::access::kubeconfig::{self, Kuberc};
use crate::clock::Clock;
use crate::config::Env;
use crate::fleet::CleanText;

/// The environment, the folders and the terminals of the process.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment variables.
    pub vars: BTreeMap<OsString, OsString>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The folder for this program's configuration, by the habits of the system.
    pub config_dir: Option<PathBuf>,
    /// The folder for what this program keeps between sessions, by the habits of the system.
    pub state_dir: Option<PathBuf>,
    /// The machine's own fleet file, whether it is there or not.
    pub policy_fleet: Option<PathBuf>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// How many columns the terminal at standard output has.
    pub stdout_columns: Option<usize>,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// The time.
    pub clock: Clock,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let dirs = directories::ProjectDirs::from("dev", "fleetglass", "fleetglass");
        // Only some systems tell state from data.
        let state =
            |dirs: &directories::ProjectDirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_path_buf();
        Self {
            vars: std::env::vars_os().collect(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            state_dir: dirs.as_ref().map(state),
            config_dir: dirs.map(|dirs| dirs.config_dir().to_path_buf()),
            policy_fleet: Some(PathBuf::from("/etc/fleetglass/fleet.yaml")),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stdout_columns: columns(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            clock: Clock::system(),
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn var_os(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// The same as text; one that is not UTF-8 counts as not set.
    pub(super) fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name)?.to_str()
    }

    /// What looks depend on.
    pub(super) fn looks(&self) -> Env {
        let text = |name: &str| self.var(name).unwrap_or_default().to_owned();
        let set = |name: &str| self.var_os(name).is_some();
        Env {
            no_color: set("NO_COLOR"),
            force_color: self.var("CLICOLOR_FORCE").is_some_and(|v| v != "0"),
            term: text("TERM"),
            colorterm: text("COLORTERM"),
            lang: ["LC_ALL", "LC_CTYPE", "LANG"]
                .iter()
                .find_map(|n| self.var(n))
                .unwrap_or_default()
                .to_owned(),
            term_program: text("TERM_PROGRAM"),
            colorfgbg: text("COLORFGBG"),
            ssh: set("SSH_CONNECTION") || set("SSH_TTY"),
            multiplexer: set("TMUX") || set("STY"),
            stdout_is_terminal: self.stdout_is_terminal,
        }
    }

    /// The proxies that the environment names; upper case wins, as in client-go.
    pub(super) fn proxies(&self) -> ProxyEnv {
        let either =
            |name: &str| self.var(name).or_else(|| self.var(&name.to_lowercase())).map(str::to_owned);
        ProxyEnv {
            https_proxy: either("HTTPS_PROXY"),
            // A CGI program's HTTP_PROXY is a header of its caller (CVE-2016-5386).
            http_proxy: if self.var_os("REQUEST_METHOD").is_some() { None } else { either("HTTP_PROXY") },
            all_proxy: either("ALL_PROXY"),
            no_proxy: either("NO_PROXY"),
        }
    }

    /// The home folder.
    pub(super) fn home(&self) -> Option<PathBuf> {
        self.var_os("HOME").map(PathBuf::from)
    }

    /// The name of the operating system's user, for what is written down.
    pub(super) fn user(&self) -> CleanText {
        let named = ["LOGNAME", "USER"].iter().find_map(|name| self.var(name));
        match named {
            Some(name) => CleanText::with_cap(name, 128),
            #[cfg(unix)]
            None => CleanText::new(&format!("uid {}", rustix::process::getuid().as_raw())),
            #[cfg(not(unix))]
            None => CleanText::new("somebody"),
        }
    }

    /// Which credential plugins may run: what ~/.kube/kuberc says, or the file that $KUBERC names.
    pub(super) fn kuberc(&self) -> Kuberc {
        kubeconfig::load_kuberc(self.var_os("KUBERC"), self.home().as_deref(), &self.cwd)
    }

    /// A path as a person wrote it: `~/` is the home folder, all else is relative to the working directory.
    pub(super) fn path(&self, written: &std::path::Path) -> PathBuf {
        match (written.strip_prefix("~"), self.home()) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => self.cwd.join(written),
        }
    }
}

/// The width of the terminal at standard output, if there is one and it says.
fn columns() -> Option<usize> {
    #[cfg(unix)]
    return rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0);
    #[cfg(not(unix))]
    None
}

/// What ends a command before it is done.
#[derive(Clone, Debug)]
pub enum Stop {
    /// SIGINT and SIGTERM of this process, once a command listens for them; until then they do what the system says.
    Signals,
    /// Whoever holds the sender: 130 for an interruption, 143 for a request to end.
    Given(watch::Receiver<Option<u8>>),
}

impl Stop {
    /// Listens from now on.
    pub(super) fn listen(&mut self) -> Stopped {
        if let Self::Signals = self {
            let (sender, receiver) = watch::channel(None);
            if listen_for_signals(sender).is_ok() {
                *self = Self::Given(receiver);
            }
        }
        match self {
            Self::Given(receiver) => Stopped(Some(receiver.clone())),
            // No thread to listen: the system ends the process, which is what the signals are for.
            Self::Signals => Stopped(None),
        }
    }
}

/// The end of a command, to be waited for.
#[derive(Clone, Debug)]
pub(super) struct Stopped(Option<watch::Receiver<Option<u8>>>);

impl Stopped {
    /// Waits until the command is to end.
    pub(super) async fn wait(&mut self) -> Exit {
        let Some(receiver) = &mut self.0 else { return std::future::pending().await };
        let code = receiver.wait_for(Option::is_some).await.map(|code| *code);
        match code {
            Ok(Some(143)) => Exit::TERMINATED,
            Ok(_) => Exit::INTERRUPTED,
            Err(_) => std::future::pending().await,
        }
    }
}

/// How long a command has to end by itself after a signal; it may hang in a write to a pipe that nobody reads.
const GRACE: Duration = Duration::from_millis(800);

/// Tells `sender` about the first signal, and ends the process if it is still there after [`GRACE`].
fn listen_for_signals(sender: watch::Sender<Option<u8>>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listen = move || {
        let exit: u8 = runtime.block_on(async {
            let exit = signal().await.into();
            sender.send_replace(Some(exit));
            tokio::time::sleep(GRACE).await;
            exit
        });
        end_process(exit);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}

/// How long a console has to end by itself after a signal; it may hang in a write to a terminal that nobody reads.
const CONSOLE_GRACE: Duration = Duration::from_secs(2);

/// Ends the process if a console is still there [`CONSOLE_GRACE`] after it was told to end. The screen cannot be put right
/// then, because the terminal takes nothing more, but its line discipline is.
pub(super) fn end_a_stuck_console() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listen = move || {
        let exit: u8 = runtime.block_on(async {
            let exit = tokio::select! {
                exit = signal() => exit.into(),
                exit = hang_up() => exit,
            };
            tokio::time::sleep(CONSOLE_GRACE).await;
            exit
        });
        let _gone = crossterm::terminal::disable_raw_mode();
        end_process(exit);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}

#[cfg(unix)]
async fn hang_up() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut hang_up) = signal(SignalKind::hangup()) {
        hang_up.recv().await;
        return 129;
    }
    std::future::pending().await
}

#[cfg(not(unix))]
async fn hang_up() -> u8 {
    std::future::pending().await
}

#[expect(
    clippy::disallowed_methods,
    clippy::exit,
    reason = "it hangs in a write, or it would have ended by itself; there is nothing that could still be put right"
)]
fn end_process(exit: u8) {
    std::process::exit(exit.into());
}

#[cfg(unix)]
async fn signal() -> Exit {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => Exit::INTERRUPTED,
            _ = terminate.recv() => Exit::TERMINATED,
        },
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn signal() -> Exit {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Exit::INTERRUPTED,
        Err(_) => std::future::pending().await,
    }
}

/// The streams of a command and what it depends on.
pub struct Io<'a> {
    /// Data, and nothing else.
    pub stdout: &'a mut dyn Write,
    /// Warnings and errors.
    pub stderr: &'a mut dyn Write,
    /// Names for `-c -`.
    pub stdin: &'a mut dyn Read,
    /// What it depends on.
    pub around: Surroundings,
    /// What ends it early.
    pub stop: Stop,
}
