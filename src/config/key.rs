//! Keys as people write them: `ctrl-r`, `shift-left`, `G`, `space`.

use std::fmt;
use std::str::FromStr;

/// The key itself, without what is held down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character, as typed: `G` is `g` with shift.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
}

/// One press. Shift with a character is told by the character, not by `shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which.
    pub code: KeyCode,
    /// Control is held.
    pub ctrl: bool,
    /// Alt is held.
    pub alt: bool,
    /// Shift is held, for keys that are no characters.
    pub shift: bool,
}

impl Key {
    /// The key with nothing held.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }
}

/// Names of keys that are no characters, and of characters that cannot be written as themselves.
const NAMED: [(&str, KeyCode); 19] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
    ("escape", KeyCode::Esc),
    ("return", KeyCode::Enter),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

/// The text names no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key")]
pub struct NotAKey;

impl FromStr for Key {
    type Err = NotAKey;

    /// Reads `x`, `G`, `ctrl-r`, `shift-tab`, `alt-enter`, `f5`, `space`, `-`.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut key = Self::plain(KeyCode::Esc);
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('-').filter(|(_, tail)| !tail.is_empty()) {
            match head.to_ascii_lowercase().as_str() {
                "ctrl" | "c" => key.ctrl = true,
                "alt" | "a" | "meta" => key.alt = true,
                "shift" | "s" => key.shift = true,
                _ => return Err(NotAKey),
            }
            rest = tail;
        }
        key.code = code(rest).ok_or(NotAKey)?;
        if let (KeyCode::Char(c), true) = (key.code, key.shift) {
            key.code = KeyCode::Char(c.to_ascii_uppercase());
            key.shift = false;
        }
        if let (KeyCode::Char(c), true) = (key.code, key.ctrl) {
            key.code = KeyCode::Char(c.to_ascii_lowercase());
        }
        Ok(key)
    }
}

fn code(text: &str) -> Option<KeyCode> {
    let mut chars = text.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control()).then_some(KeyCode::Char(c));
    }
    let lower = text.to_ascii_lowercase();
    if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == lower) {
        return Some(*code);
    }
    let n = lower.strip_prefix('f')?.parse::<u8>().ok()?;
    (1..=24).contains(&n).then_some(KeyCode::F(n))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        if self.shift {
            f.write_str("Shift-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) if self.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::Enter => f.write_str("Enter"),
            KeyCode::Esc => f.write_str("Esc"),
            KeyCode::Tab => f.write_str("Tab"),
            KeyCode::Backspace => f.write_str("Backspace"),
            KeyCode::Delete => f.write_str("Delete"),
            KeyCode::Up => f.write_str("Up"),
            KeyCode::Down => f.write_str("Down"),
            KeyCode::Left => f.write_str("Left"),
            KeyCode::Right => f.write_str("Right"),
            KeyCode::Home => f.write_str("Home"),
            KeyCode::End => f.write_str("End"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::F(n) => write!(f, "F{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_printed() {
        for (text, printed) in [
            ("x", "x"),
            ("G", "G"),
            ("shift-g", "G"),
            ("ctrl-r", "Ctrl-R"),
            ("Ctrl-R", "Ctrl-R"),
            ("ctrl-space", "Ctrl-Space"),
            ("ctrl-\\", "Ctrl-\\"),
            ("shift-tab", "Shift-Tab"),
            ("-", "-"),
            ("minus", "-"),
            ("ctrl--", "Ctrl--"),
            ("pgdn", "PgDn"),
            ("F5", "F5"),
            ("é", "é"),
        ] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), printed, "{text}");
        }
        for bad in ["", "ctrl-", "hyper-x", "f25", "xx", "\u{7}"] {
            assert_eq!(bad.parse::<Key>(), Err(NotAKey), "{bad:?}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_key() {
        for info in super::super::ACTIONS {
            for text in info.keys {
                let key: Key = text.parse().unwrap();
                assert_eq!(key.to_string().parse::<Key>(), Ok(key), "{text}");
            }
        }
    }
}
