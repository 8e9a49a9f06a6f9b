//! Terminal keys as the table of actions names them.

use crossterm::event::{KeyCode as Code, KeyEvent, KeyModifiers};

use crate::config::{Key, KeyCode};

/// The key of an event; `None` for keys that no action can have.
pub(crate) fn key_of(event: &KeyEvent) -> Option<Key> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let mut shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let code = match event.code {
        Code::Char(c) => {
            let upper = shift && !ctrl;
            shift = false;
            match c {
                // Terminals without a newer protocol send Ctrl-\ as byte 0x1C, which arrives here as Ctrl-4.
                '4' if ctrl => KeyCode::Char('\\'),
                c if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
                c if upper => KeyCode::Char(c.to_uppercase().next().unwrap_or(c)),
                c => KeyCode::Char(c),
            }
        }
        Code::BackTab => {
            shift = true;
            KeyCode::Tab
        }
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::F(n) => KeyCode::F(n),
        _ => return None,
    };
    Some(Key { code, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT), shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_arrive_as_the_table_names_them() {
        for (code, modifiers, name) in [
            (Code::Char('g'), KeyModifiers::NONE, "g"),
            (Code::Char('G'), KeyModifiers::SHIFT, "G"),
            (Code::Char('g'), KeyModifiers::SHIFT, "G"),
            (Code::Char('R'), KeyModifiers::CONTROL, "ctrl-r"),
            (Code::Char(' '), KeyModifiers::CONTROL, "ctrl-space"),
            (Code::Char('4'), KeyModifiers::CONTROL, "ctrl-\\"),
            (Code::BackTab, KeyModifiers::SHIFT, "shift-tab"),
            (Code::F(5), KeyModifiers::NONE, "f5"),
        ] {
            assert_eq!(key_of(&KeyEvent::new(code, modifiers)), name.parse().ok(), "{name}");
        }
        assert_eq!(key_of(&KeyEvent::new(Code::CapsLock, KeyModifiers::NONE)), None);
    }
}
