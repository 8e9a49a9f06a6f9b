//! The screens: a model, messages that change it, and a view that draws it.
//!
//! `update` takes a message and returns what is to be done; it does nothing itself. `view` reads the model and draws; it
//! finds nothing out. Only [`run`] and the surface under it touch the terminal. No screen waits for a cluster: the first
//! frame is painted before anything is awaited, and everything else arrives as messages. What a screen shows comes from
//! [`report`](crate::report), so that JSON can say the same; text from outside is drawn only as
//! [`CleanText`](crate::fleet::CleanText). Frames cost what is visible, not what there is.
//!
//! The terminal is restored on every way out: the end, a panic, a signal, a lost terminal.

mod act;
mod areas;
mod arrange;
mod cluster;
mod columns;
mod confirm;
mod decide;
mod drive;
mod facts;
mod filter;
#[cfg(test)]
mod fixture;
mod glyph;
mod headless;
mod help;
mod input;
mod list;
mod mark;
mod menu;
mod model;
mod paint;
mod palette;
mod sheet;
mod signals;
mod sources;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod upgrade;
mod versions;
mod view;
mod visit;

pub use headless::Headless;

use crossterm::event::EventStream;
use ratatui::layout::Size;

use crate::clock::Clock;
use crate::config::{ColorLevel, Config, GroupBy, Keymap, SidePane, SortBy, Theme};
use crate::engine::api::{Command, Handle};

/// How the screens look and what the keys do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The theme, already in the colours that the terminal can show.
    pub theme: Theme,
    /// The colours that the terminal can show; [`ColorLevel::Mono`] leaves `NO_COLOR` in force.
    pub color: ColorLevel,
    /// Draw with ASCII only.
    pub ascii: bool,
    /// Keys to actions.
    pub keys: Keymap,
    /// How the Fleet screen groups at the start.
    pub group_by: GroupBy,
    /// How the Fleet screen sorts at the start.
    pub sort: SortBy,
    /// Where the side pane stands at the start.
    pub side_pane: SidePane,
    /// Whether the window's title tells the worst state.
    pub title: bool,
    /// The filter in force at the start, in the selection language. One that cannot be understood is told in the last
    /// line, and nothing is filtered.
    pub filter: Option<String>,
    /// One line to show at the start, such as how many problems the configuration has.
    pub notice: Option<String>,
}

impl Options {
    /// What a configuration asks for, in a theme and alphabet that were chosen for the terminal.
    pub fn new(config: &Config, theme: Theme, color: ColorLevel, ascii: bool) -> Self {
        Self {
            theme,
            color,
            ascii,
            keys: config.keys.clone(),
            group_by: config.group_by,
            sort: config.sort,
            side_pane: config.side_pane,
            title: true,
            filter: None,
            notice: None,
        }
    }
}

/// How the screens ended. The terminal is restored in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A person quit.
    Quit,
    /// A signal with this number; the shell expects exit code 128 + number.
    Signal(i32),
    /// The terminal is gone.
    TerminalLost,
}

/// The screens could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal refused to be set up.
    #[error("the terminal cannot be used")]
    Terminal(#[source] std::io::Error),
    /// The event loop could not be set up.
    #[error("the event loop cannot be set up")]
    Loop(#[source] std::io::Error),
}

/// Shows the screens until a person quits, a signal ends the program or the terminal is gone.
///
/// Call it on the main thread. The first frame is painted before anything is awaited. On the way out the engine is told
/// to shut down, but not waited for.
///
/// # Errors
///
/// [`TuiError`] if the terminal or the event loop cannot be set up; the terminal is restored then too.
pub fn run(handle: Handle, options: Options, clock: Clock) -> Result<Exit, TuiError> {
    let mut tty = terminal::Tty::open(options.color, options.title).map_err(TuiError::Terminal)?;
    let size = drive::Surface::size(&tty).unwrap_or(Size::new(80, 24));
    let mut model = model::Model::new(options, clock.now(), size);
    drive::Surface::draw(&mut tty, &model).map_err(TuiError::Terminal)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(TuiError::Loop)?;
    let commands = handle.commands.clone();
    let exit = runtime.block_on(async {
        let signals = signals::listen().map_err(TuiError::Loop)?;
        let events = EventStream::new();
        Ok(drive::drive(&mut model, &mut tty, events, signals, handle, &clock).await)
    });
    // A full queue means that the engine is busy; it also ends when the handle is dropped.
    drop(commands.try_send(Command::Shutdown));
    // A thread that still waits for the terminal must not hold up the way out.
    runtime.shutdown_background();
    drop(tty);
    exit
}
