//! A console without a terminal: keys go in, text comes out.

use std::sync::Arc;

use crossterm::event::{Event, KeyCode as Code, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use ratatui::style::{Color as Ink, Modifier};
use tokio::sync::watch;

use super::super::fixture;
use super::super::model::{Effect, Model};
use super::super::update::{Msg, update};
use super::super::view::view;
use super::super::{Options, drive};
use crate::config::{Appearance, Color, ColorLevel, Config, Role, Style, Theme, Themes};
use crate::fleet::{Detail, Fleet};

/// A model with what it wanted done.
pub(super) struct Console {
    pub(super) model: Model,
    pub(super) effects: Vec<Effect>,
}

pub(super) fn options(theme: Theme, ascii: bool) -> Options {
    Options::new(&Config::default(), theme, ColorLevel::Truecolor, ascii)
}

/// A theme in which every role can be told from the drawn cell: its number is the colour. Roles that lie over others
/// change the background, or the underline.
pub(super) fn role_theme() -> Theme {
    let mut theme = Theme::default();
    for role in Role::ALL {
        let style = match role {
            Role::Cursor => Style { reverse: true, ..Style::default() },
            Role::Match => Style { underline: true, ..Style::default() },
            Role::Bg | Role::Popup => Style::default(),
            role => Style { fg: Some(Color::Indexed(*role as u8)), ..Style::default() },
        };
        theme.set(*role, style);
    }
    theme
}

impl Console {
    pub(super) fn new(width: u16, height: u16) -> Self {
        Self::with(options(role_theme(), false), width, height)
    }

    pub(super) fn ascii(width: u16, height: u16) -> Self {
        Self::with(options(role_theme(), true), width, height)
    }

    pub(super) fn themed(name: &str, level: ColorLevel) -> Self {
        let (theme, problems) = Themes::default().resolve(name, Appearance::Dark, level);
        assert_eq!(problems, []);
        Self::with(options(theme, false), 120, 36)
    }

    pub(super) fn with(options: Options, width: u16, height: u16) -> Self {
        let model = Model::new(options, fixture::now(), Size::new(width, height));
        Self { model, effects: Vec::new() }
    }

    pub(super) fn send(&mut self, msg: Msg) {
        self.effects.extend(update(&mut self.model, msg));
    }

    pub(super) fn fleet(mut self, fleet: Fleet) -> Self {
        self.send(Msg::Fleet(Arc::new(fleet)));
        self
    }

    pub(super) fn detail(mut self, detail: Detail) -> Self {
        self.send(Msg::Detail(Some(Arc::new(detail))));
        self
    }

    /// Presses keys: `/prod<cr>jj<ctrl-r>`.
    pub(super) fn press(mut self, script: &str) -> Self {
        for event in events(script) {
            self.send(Msg::Event(event));
        }
        self
    }

    /// Lets seconds pass.
    pub(super) fn wait(mut self, seconds: i64) -> Self {
        let now = self.model.now + chrono::TimeDelta::seconds(seconds);
        self.send(Msg::Tick(now));
        self
    }

    pub(super) fn buffer(&self) -> Buffer {
        let Size { width, height } = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.model, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as text, without blanks at the ends of lines.
    pub(super) fn text(&self) -> String {
        lines(&self.buffer()).join("\n")
    }

    /// The line that holds `needle`.
    pub(super) fn line(&self, needle: &str) -> String {
        let text = self.text();
        let found = text.lines().find(|l| l.contains(needle));
        found.unwrap_or_else(|| panic!("no line holds {needle:?}:\n{text}")).to_owned()
    }

    pub(super) fn has(&self, needle: &str) -> bool {
        self.text().contains(needle)
    }

    /// The role of every run of cells: `0-9 brand | 12-20 state_ok`, `+cursor` where the cursor lies over it.
    pub(super) fn roles(&self) -> String {
        let buffer = self.buffer();
        let mut out = Vec::new();
        for y in 0..buffer.area.height {
            let mut runs: Vec<(u16, u16, String)> = Vec::new();
            for x in 0..buffer.area.width {
                let cell = &buffer[(x, y)];
                let role = role_of(cell.fg, cell.modifier);
                if cell.symbol() == " " && role == "text" {
                    continue;
                }
                match runs.last_mut() {
                    Some((_, end, last)) if *end + 1 == x && *last == role => *end = x,
                    _ => runs.push((x, x, role)),
                }
            }
            let runs: Vec<String> = runs.into_iter().map(|(a, b, role)| format!("{a}-{b} {role}")).collect();
            out.push(format!("{y:2}: {}", runs.join(" | ")));
        }
        out.join("\n")
    }
}

fn role_of(fg: Ink, modifier: Modifier) -> String {
    let role = match fg {
        Ink::Indexed(n) => Role::ALL[usize::from(n)].as_str(),
        _ => "plain",
    };
    let over = if modifier.contains(Modifier::REVERSED) {
        "+cursor"
    } else if modifier.contains(Modifier::UNDERLINED) {
        "+match"
    } else {
        ""
    };
    format!("{role}{over}")
}

pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    let text = |row: &[ratatui::buffer::Cell]| {
        let mut out = String::new();
        let mut hidden = 0;
        for cell in row {
            if hidden == 0 {
                out.push_str(cell.symbol());
                hidden = unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1);
            }
            hidden -= 1;
        }
        out.trim_end().to_owned()
    };
    rows.map(text).collect()
}

/// The events of a script of keys.
pub(super) fn events(script: &str) -> Vec<Event> {
    let mut out = Vec::new();
    let mut chars = script.chars();
    while let Some(c) = chars.next() {
        let name: String = if c == '<' {
            let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
            if name.is_empty() { "<".to_owned() } else { name }
        } else {
            c.to_string()
        };
        let name = match name.as_str() {
            "cr" => "enter",
            "lt" => "<",
            other => other,
        };
        out.push(Event::Key(key_event(name)));
    }
    out
}

fn key_event(name: &str) -> KeyEvent {
    use crate::config::{Key, KeyCode as K};
    let key: Key = name.parse().unwrap_or_else(|_| panic!("no key is called {name}"));
    let code = match key.code {
        K::Char(c) => Code::Char(c),
        K::Enter => Code::Enter,
        K::Esc => Code::Esc,
        K::Tab if key.shift => Code::BackTab,
        K::Tab => Code::Tab,
        K::Backspace => Code::Backspace,
        K::Delete => Code::Delete,
        K::Up => Code::Up,
        K::Down => Code::Down,
        K::Left => Code::Left,
        K::Right => Code::Right,
        K::Home => Code::Home,
        K::End => Code::End,
        K::PageUp => Code::PageUp,
        K::PageDown => Code::PageDown,
        K::F(n) => Code::F(n),
    };
    let mut modifiers = KeyModifiers::NONE;
    for (on, modifier) in
        [(key.ctrl, KeyModifiers::CONTROL), (key.alt, KeyModifiers::ALT), (key.shift, KeyModifiers::SHIFT)]
    {
        if on {
            modifiers |= modifier;
        }
    }
    KeyEvent::new(code, modifiers)
}

/// A surface that draws into memory and writes down what it was asked.
pub(super) struct Paper {
    pub(super) terminal: Terminal<TestBackend>,
    pub(super) frames: usize,
    pub(super) log: Vec<String>,
    pub(super) alive: bool,
    pub(super) broken: bool,
    pub(super) faults: Vec<String>,
    /// The text of the newest frame.
    pub(super) text: watch::Sender<String>,
}

impl Paper {
    pub(super) fn new(width: u16, height: u16) -> Self {
        Self {
            terminal: Terminal::new(TestBackend::new(width, height)).unwrap(),
            frames: 0,
            log: Vec::new(),
            alive: true,
            broken: false,
            faults: Vec::new(),
            text: watch::Sender::new(String::new()),
        }
    }
}

impl drive::Surface for Paper {
    fn size(&self) -> std::io::Result<Size> {
        Ok(self.terminal.backend().buffer().area.as_size())
    }
    fn draw(&mut self, model: &Model) -> std::io::Result<()> {
        if self.broken {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        }
        self.frames += 1;
        self.terminal.backend_mut().resize(model.size.width, model.size.height);
        self.terminal.draw(|frame| view(model, frame)).unwrap();
        self.text.send_replace(lines(self.terminal.backend().buffer()).join("\n"));
        Ok(())
    }
    fn redraw(&mut self) {
        self.log.push("redraw".into());
    }
    fn copy(&mut self, text: &str) -> std::io::Result<()> {
        self.log.push(format!("copy {text}"));
        Ok(())
    }
    fn title(&mut self, text: &str) -> std::io::Result<()> {
        self.log.push(format!("title {text}"));
        Ok(())
    }
    fn suspend(&mut self) -> std::io::Result<()> {
        self.log.push("suspend".into());
        Ok(())
    }
    fn resume(&mut self) -> std::io::Result<()> {
        self.log.push("resume".into());
        Ok(())
    }
    fn alive(&self) -> bool {
        self.alive
    }
    fn faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }
}
