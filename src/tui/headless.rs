//! The screens without a terminal: keys go in, a buffer comes out. For benches, pictures and tests of other rooms.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;

use super::Options;
use super::model::Model;
use super::update::{Msg, update};
use super::view::view;
use crate::fleet::Fleet;

/// The screens, drawn into memory. What they want done about the world is left undone.
#[derive(Debug)]
pub struct Headless {
    model: Model,
    terminal: Terminal<TestBackend>,
}

impl Headless {
    /// Screens of that many columns and rows at the time `now`.
    pub fn new(options: Options, now: DateTime<Utc>, columns: u16, rows: u16) -> Self {
        let Ok(terminal) = Terminal::new(TestBackend::new(columns, rows));
        Self { model: Model::new(options, now, Size::new(columns, rows)), terminal }
    }

    /// Shows a fleet.
    pub fn show(&mut self, fleet: Arc<Fleet>) {
        drop(update(&mut self.model, Msg::Fleet(fleet)));
    }

    /// Takes an event in: a key, a paste, a new size.
    pub fn event(&mut self, event: Event) {
        drop(update(&mut self.model, Msg::Event(event)));
    }

    /// Draws and returns what was drawn.
    pub fn draw(&mut self) -> &Buffer {
        let Size { width, height } = self.model.size;
        self.terminal.backend_mut().resize(width, height);
        let Ok(_) = self.terminal.draw(|frame| view(&self.model, frame));
        self.terminal.backend().buffer()
    }
}
