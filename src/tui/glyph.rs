//! The few signs that are drawn, in Unicode and in ASCII.

use crate::fleet::State;

/// The signs of one alphabet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    pub(crate) horizontal: &'static str,
    pub(crate) vertical: &'static str,
    pub(crate) corners: [&'static str; 4],
    pub(crate) title: [&'static str; 2],
    pub(crate) tab: [&'static str; 2],
    pub(crate) open: &'static str,
    pub(crate) closed: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) more: &'static str,
    pub(crate) cut: char,
    pub(crate) rising: &'static str,
    pub(crate) falling: &'static str,
    pub(crate) full: &'static str,
    pub(crate) blank: &'static str,
    /// A weaker class that waits for somebody to accept it.
    pub(crate) waits: &'static str,
    states: [&'static str; 8],
}

/// States in the order of [`State::ALL`]: CRIT, AUTH, DOWN, UPGRADING, WARN, HELD, NEW, OK.
const UNICODE: Glyphs = Glyphs {
    horizontal: "─",
    vertical: "│",
    corners: ["┌", "┐", "└", "┘"],
    title: ["┤", "├"],
    tab: ["‹", "›"],
    open: "▾",
    closed: "▸",
    mark: "✓",
    more: "…",
    cut: '…',
    rising: "▴",
    falling: "▾",
    full: "█",
    blank: "·",
    waits: "↓",
    states: ["✖", "◆", "○", "»", "▲", "‖", "…", "●"],
};

const ASCII: Glyphs = Glyphs {
    horizontal: "-",
    vertical: "|",
    corners: ["+", "+", "+", "+"],
    title: ["[", "]"],
    tab: ["<", ">"],
    open: "v",
    closed: ">",
    mark: "*",
    more: "...",
    cut: '>',
    rising: "^",
    falling: "v",
    full: "#",
    blank: ".",
    waits: "v",
    states: ["X", "#", "-", ">", "!", "=", "?", "+"],
};

impl Glyphs {
    /// The signs to use.
    pub(crate) fn of(ascii: bool) -> Self {
        if ascii { ASCII } else { UNICODE }
    }

    /// The sign of a state.
    pub(crate) fn state(&self, state: State) -> &'static str {
        self.states.get(state.rank()).copied().unwrap_or(" ")
    }
}

/// The word of a state in at most five cells.
pub(crate) fn word(state: State) -> &'static str {
    if state == State::Upgrading { "UPGR" } else { state.as_str() }
}
