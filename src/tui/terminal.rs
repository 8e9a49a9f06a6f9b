//! The terminal: set up, drawn on, and given back as it was on every way out.

use std::io::{self, BufWriter, Stdout, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::style::{Print, ResetColor};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::drive::Surface;
use super::model::Model;
use super::view::view;
use crate::config::ColorLevel;

/// A whole frame fits in, so it leaves in one write.
const BUFFER: usize = 256 * 1024;
/// How many faults of other threads are kept until somebody reads them.
const FAULTS: usize = 16;
/// xterm: keep the window's title, and bring it back.
const KEEP_TITLE: &str = "\x1b[22;0t";
const RESTORE_TITLE: &str = "\x1b[23;0t";

/// Standard output, as long as the screen is ours; after that, whatever is still buffered goes nowhere.
struct Sink {
    out: Stdout,
    ours: Arc<AtomicBool>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.ours.load(Ordering::Acquire) { self.out.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.ours.load(Ordering::Acquire) { self.out.flush() } else { Ok(()) }
    }
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// The real terminal.
pub(crate) struct Tty {
    terminal: Terminal<CrosstermBackend<BufWriter<Sink>>>,
    size: Size,
    ours: Arc<AtomicBool>,
    titled: bool,
    faults: Receiver<String>,
    /// Faults that were shown in one line and are printed in full at the end.
    kept: Vec<String>,
    hook: Arc<Hook>,
}

impl Tty {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, focus events, cursor hidden; and a panic hook
    /// that gives it back before the message is printed.
    pub(crate) fn open(color: ColorLevel, titled: bool) -> io::Result<Self> {
        let ours = Arc::new(AtomicBool::new(false));
        let (sender, faults) = sync_channel(FAULTS);
        let hook = Arc::new(std::panic::take_hook());
        install(Arc::clone(&hook), Arc::clone(&ours), titled, sender);
        if color != ColorLevel::Mono {
            crossterm::style::force_color_output(true);
        }
        let sink = Sink { out: io::stdout(), ours: Arc::clone(&ours) };
        let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, sink));
        let viewport = Viewport::Fixed(Rect::ZERO);
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
        let mut tty = Self { terminal, size: Size::ZERO, ours, titled, faults, kept: Vec::new(), hook };
        tty.enter()?;
        Ok(tty)
    }

    fn enter(&mut self) -> io::Result<()> {
        self.ours.store(true, Ordering::Release);
        enable_raw_mode()?;
        let out = self.terminal.backend_mut();
        if self.titled {
            queue!(out, Print(KEEP_TITLE))?;
        }
        execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Hide)?;
        self.size = Size::ZERO;
        Ok(())
    }

    fn leave(&self) {
        leave(&self.ours, self.titled);
    }
}

/// Gives the terminal back, once. Whatever fails here cannot be helped: the terminal may be gone.
fn leave(ours: &AtomicBool, titled: bool) {
    if !ours.swap(false, Ordering::AcqRel) {
        return;
    }
    let mut out = io::stdout();
    let title = if titled { RESTORE_TITLE } else { "" };
    let given_back = execute!(
        out,
        EndSynchronizedUpdate,
        ResetColor,
        Show,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Print(title)
    );
    drop(given_back);
    drop(disable_raw_mode());
}

/// A panic of this thread gives the terminal back and is told as usual. One of another thread does neither: the screen
/// goes on, and the fault is shown on it.
fn install(before: Arc<Hook>, ours: Arc<AtomicBool>, titled: bool, faults: SyncSender<String>) {
    let screen = thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == screen || !ours.load(Ordering::Acquire) {
            leave(&ours, titled);
            before(info);
        } else {
            // A full queue means that the first faults, which matter most, are already there.
            drop(faults.try_send(info.to_string()));
        }
    }));
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.leave();
        self.kept.extend(self.faults.try_iter());
        let mut err = io::stderr();
        for fault in &self.kept {
            drop(writeln!(err, "internal fault: {fault}"));
        }
        if !thread::panicking() {
            let before = Arc::clone(&self.hook);
            drop(std::panic::take_hook());
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

impl Surface for Tty {
    fn size(&self) -> io::Result<Size> {
        window_size()
    }

    fn draw(&mut self, model: &Model) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        if self.size != model.size {
            // Clears without asking the terminal anything, unlike `Terminal::clear`.
            self.terminal.resize(Rect::new(0, 0, model.size.width, model.size.height))?;
            self.size = model.size;
        }
        self.terminal.draw(|frame| view(model, frame))?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    fn redraw(&mut self) {
        self.size = Size::ZERO;
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    fn title(&mut self, text: &str) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), SetTitle(text))
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        stop()?;
        self.enter()
    }

    fn resume(&mut self) -> io::Result<()> {
        // Whoever had the terminal meanwhile has set it up for itself; leaving makes raw mode be set again.
        drop(disable_raw_mode());
        self.enter()
    }

    fn alive(&self) -> bool {
        window_size().is_ok()
    }

    fn faults(&mut self) -> Vec<String> {
        let new: Vec<String> = self.faults.try_iter().collect();
        self.kept.extend(new.iter().cloned());
        new.iter()
            .map(|f| format!("internal fault, told in full at the end: {}", f.lines().next().unwrap_or("")))
            .collect()
    }
}

/// The size of the terminal that standard output is; an error once it is gone (a hung-up terminal answers EIO).
#[cfg(unix)]
fn window_size() -> io::Result<Size> {
    let size = rustix::termios::tcgetwinsize(io::stdout())?;
    Ok(Size::new(size.ws_col, size.ws_row))
}

/// The size of the terminal that standard output is.
#[cfg(not(unix))]
fn window_size() -> io::Result<Size> {
    crossterm::terminal::size().map(|(width, height)| Size::new(width, height))
}

/// Sleeps until the shell continues us.
#[cfg(unix)]
fn stop() -> io::Result<()> {
    use rustix::process::{Signal, getpid, kill_process};
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// There is no job control here.
#[cfg(not(unix))]
fn stop() -> io::Result<()> {
    Ok(())
}
