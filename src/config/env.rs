//! What the environment says about the terminal, as plain values that only `cli` fills.

use super::{Appearance, ColorChoice, ColorLevel};

/// The environment as far as looks depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set and neither empty nor `0`.
    pub force_color: bool,
    /// `TERM`.
    pub term: String,
    /// `COLORTERM`.
    pub colorterm: String,
    /// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty.
    pub lang: String,
    /// `TERM_PROGRAM`.
    pub term_program: String,
    /// `COLORFGBG`, as rxvt and some others set it.
    pub colorfgbg: String,
    /// Whether the session comes over SSH (`SSH_CONNECTION` or `SSH_TTY` is set).
    pub ssh: bool,
    /// Whether it runs inside tmux or screen.
    pub multiplexer: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
}

impl Env {
    /// How many colours to use.
    pub fn color_level(&self, choice: ColorChoice) -> ColorLevel {
        match choice {
            ColorChoice::Never => ColorLevel::Mono,
            ColorChoice::Ansi16 => ColorLevel::Ansi16,
            ColorChoice::Ansi256 => ColorLevel::Ansi256,
            ColorChoice::Truecolor => ColorLevel::Truecolor,
            ColorChoice::Always => self.depth().max(ColorLevel::Ansi16),
            ColorChoice::Auto if self.force_color => self.depth().max(ColorLevel::Ansi16),
            ColorChoice::Auto if self.no_color || !self.stdout_is_terminal => ColorLevel::Mono,
            ColorChoice::Auto => self.depth(),
        }
    }

    /// Whether only ASCII should be drawn: the locale is not UTF-8, or the terminal is the kernel's console.
    pub fn wants_ascii(&self) -> bool {
        let lang = self.lang.to_ascii_lowercase();
        !(lang.contains("utf-8") || lang.contains("utf8")) || self.is_dumb() || self.term == "linux"
    }

    /// Whether the terminal cannot place the cursor; no full screen is drawn there.
    pub fn is_dumb(&self) -> bool {
        self.term.is_empty() || self.term == "dumb"
    }

    /// Whether the background is known to be light; dark is the usual guess.
    pub fn appearance(&self) -> Appearance {
        match self.colorfgbg.rsplit(';').next().and_then(|bg| bg.parse::<u8>().ok()) {
            Some(7 | 9..=15) => Appearance::Light,
            _ => Appearance::Dark,
        }
    }

    fn depth(&self) -> ColorLevel {
        if matches!(self.colorterm.as_str(), "truecolor" | "24bit") || self.term.ends_with("-direct") {
            ColorLevel::Truecolor
        } else if self.term.contains("256color") {
            ColorLevel::Ansi256
        } else if self.is_dumb() {
            ColorLevel::Mono
        } else {
            ColorLevel::Ansi16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(term: &str, colorterm: &str, no_color: bool) -> Env {
        Env {
            term: term.into(),
            colorterm: colorterm.into(),
            no_color,
            stdout_is_terminal: true,
            ..Env::default()
        }
    }

    #[test]
    fn colours_follow_the_terminal_and_the_person_comes_first() {
        use ColorChoice as C;
        use ColorLevel as L;
        for (env, choice, level) in [
            (env("xterm-256color", "truecolor", false), C::Auto, L::Truecolor),
            (env("xterm-256color", "", false), C::Auto, L::Ansi256),
            (env("xterm", "", false), C::Auto, L::Ansi16),
            (env("dumb", "", false), C::Auto, L::Mono),
            (env("xterm-256color", "truecolor", true), C::Auto, L::Mono),
            (env("xterm-256color", "truecolor", true), C::Always, L::Truecolor),
            (env("dumb", "", true), C::Always, L::Ansi16),
            (env("xterm-256color", "truecolor", false), C::Never, L::Mono),
            (env("xterm", "", false), C::Ansi256, L::Ansi256),
            (Env { force_color: true, ..env("xterm", "", true) }, C::Auto, L::Ansi16),
            (Env { stdout_is_terminal: false, ..env("xterm", "", false) }, C::Auto, L::Mono),
        ] {
            assert_eq!(env.color_level(choice), level, "{env:?} {choice:?}");
        }
    }

    #[test]
    fn ascii_is_for_locales_without_unicode() {
        for (lang, term, ascii) in [
            ("en_GB.UTF-8", "xterm", false),
            ("de_DE.utf8", "xterm", false),
            ("C", "xterm", true),
            ("", "xterm", true),
            ("C.UTF-8", "linux", true),
        ] {
            let env = Env { lang: lang.into(), term: term.into(), ..Env::default() };
            assert_eq!(env.wants_ascii(), ascii, "{lang} {term}");
        }
    }

    #[test]
    fn a_light_background_is_believed_when_the_terminal_says_so() {
        for (value, expect) in [
            ("0;15", Appearance::Light),
            ("15;0", Appearance::Dark),
            ("", Appearance::Dark),
            ("x", Appearance::Dark),
        ] {
            let env = Env { colorfgbg: value.into(), ..Env::default() };
            assert_eq!(env.appearance(), expect, "{value}");
        }
    }
}
