//! A real program in a pseudo-terminal: starts it, types, and reads the screen as a terminal would show it.
//!
//! Waiting is always for a condition with a deadline. `FLEETGLASS_TEST_PATIENCE` (a factor, default 1) stretches every
//! deadline on slow machines.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fleetglass::clock::Clock;
use pty_process::blocking::{Command, Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// `seconds`, stretched by the patience factor.
#[expect(clippy::disallowed_methods, reason = "how patient tests are is for whoever runs them to say")]
pub(crate) fn patience(seconds: f64) -> Duration {
    let factor =
        std::env::var("FLEETGLASS_TEST_PATIENCE").ok().and_then(|f| f.parse::<f64>().ok()).unwrap_or(1.0);
    Duration::from_secs_f64(seconds * factor.max(0.1))
}

struct Shared {
    parser: vt100::Parser,
    /// Everything the program wrote, for looking at sequences.
    raw: Vec<u8>,
    first_byte: Option<Instant>,
    closed: bool,
}

/// A program on a terminal of its own.
pub(crate) struct Pane {
    child: Option<Child>,
    terminal: Option<(Pty, File)>,
    reader: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    shared: Arc<(Mutex<Shared>, Condvar)>,
    started: Instant,
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has at least one row and column")
}

impl Pane {
    /// Starts `command` on a terminal of `rows` by `columns`.
    pub(crate) fn start(command: Command, rows: u16, columns: u16) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(pty_process::Size::new(rows, columns)).expect("resize");
        let mut output = File::from(pty.as_fd().try_clone_to_owned().expect("dup"));
        let input = File::from(pty.as_fd().try_clone_to_owned().expect("dup"));
        let mut answers = input.try_clone().expect("dup");
        let shared = Arc::new((
            Mutex::new(Shared {
                parser: vt100::Parser::new(size(rows), size(columns), 0),
                raw: Vec::new(),
                first_byte: None,
                closed: false,
            }),
            Condvar::new(),
        ));
        let started = Clock::system().tick();
        let child = command.spawn(pts).expect("the program starts");
        let theirs = Arc::clone(&shared);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let reader = std::thread::spawn(move || {
            let mut buffer = vec![0_u8; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                let mut wanted = [PollFd::new(&output, PollFlags::IN)];
                let soon = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
                if poll(&mut wanted, Some(&soon)).unwrap_or(0) == 0 {
                    continue;
                }
                let read = output.read(&mut buffer).unwrap_or(0);
                let (lock, changed) = &*theirs;
                let mut shared = lock.lock().unwrap();
                if read == 0 {
                    shared.closed = true;
                    changed.notify_all();
                    return;
                }
                shared.first_byte.get_or_insert_with(|| Clock::system().tick());
                let bytes = &buffer[..read];
                shared.parser.process(bytes);
                shared.raw.extend_from_slice(bytes);
                let (row, column) = shared.parser.screen().cursor_position();
                drop(shared);
                changed.notify_all();
                // A terminal answers when it is asked where its cursor is and what it is.
                if bytes.windows(4).any(|w| w == b"\x1b[6n") {
                    answers.write_all(format!("\x1b[{};{}R", row + 1, column + 1).as_bytes()).ok();
                }
                if bytes.windows(3).any(|w| w == b"\x1b[c") {
                    answers.write_all(b"\x1b[?62c").ok();
                }
            }
        });
        Self { child: Some(child), terminal: Some((pty, input)), reader: Some(reader), stop, shared, started }
    }

    /// Types `keys` as they are (`\r` is Enter, `\x1b` Esc, `\x03` Ctrl-C).
    pub(crate) fn press(&mut self, keys: &str) {
        let (_, input) = self.terminal.as_mut().expect("a terminal");
        input.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// The screen as text, trailing blanks removed.
    pub(crate) fn text(&self) -> String {
        let (lock, _) = &*self.shared;
        lock.lock().unwrap().parser.screen().contents()
    }

    /// Every byte written so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        let (lock, _) = &*self.shared;
        lock.lock().unwrap().raw.clone()
    }

    /// Whether the alternate screen is on, and whether the cursor is hidden.
    pub(crate) fn modes(&self) -> (bool, bool) {
        let (lock, _) = &*self.shared;
        let shared = lock.lock().unwrap();
        (shared.parser.screen().alternate_screen(), shared.parser.screen().hide_cursor())
    }

    /// How long the program took to its first byte.
    pub(crate) fn first_byte(&self) -> Option<Duration> {
        let (lock, _) = &*self.shared;
        lock.lock().unwrap().first_byte.map(|at| at - self.started)
    }

    /// Changes the terminal's size and tells the program.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let (pty, _) = self.terminal.as_ref().expect("a terminal");
        pty.resize(pty_process::Size::new(rows, columns)).expect("resize");
        let (lock, _) = &*self.shared;
        lock.lock().unwrap().parser.set_size(size(rows), size(columns));
    }

    /// Waits until the screen satisfies `wanted`; panics with the screen when it did not in time. Returns how long it took.
    pub(crate) fn wait(
        &self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Duration {
        let began = Clock::system().tick();
        let (lock, changed) = &*self.shared;
        let mut shared = lock.lock().unwrap();
        loop {
            let text = shared.parser.screen().contents();
            if wanted(&text) {
                return began.elapsed();
            }
            let left = within.saturating_sub(began.elapsed());
            assert!(
                !left.is_zero() && !shared.closed,
                "{what}: not within {within:?}; the screen says:\n{text}"
            );
            shared = changed.wait_timeout(shared, left.min(Duration::from_millis(50))).unwrap().0;
        }
    }

    /// Waits until `wanted` holds or the time is up; what follows asserts it.
    pub(crate) fn settle(&self, within: Duration, wanted: impl Fn(&Self) -> bool) {
        let began = Clock::system().tick();
        while !wanted(self) && began.elapsed() < within {
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// From now on nobody reads what the program writes, as when a person pressed Ctrl-S or a link hangs.
    pub(crate) fn stop_reading(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends");
        }
    }

    /// Process id of the program.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("a program").id()
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).expect("signal");
    }

    /// Waits until the program has ended; panics when it has not in time.
    pub(crate) fn ended(&mut self, within: Duration) -> (ExitStatus, Duration) {
        let began = Clock::system().tick();
        loop {
            if let Some(status) = self.child.as_mut().expect("a program").try_wait().expect("wait") {
                return (status, began.elapsed());
            }
            assert!(
                began.elapsed() < within,
                "still running after {within:?}; the screen says:\n{}",
                self.text()
            );
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Pane {
    /// Takes the terminal away, as a closed window or a lost connection does, and leaves the program to the caller.
    pub(crate) fn hang_up(mut self) -> Child {
        self.stop_reading();
        self.terminal = None;
        self.child.take().expect("a program")
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
