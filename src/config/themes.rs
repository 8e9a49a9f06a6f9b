//! Theme files: reading them, and what each inherits.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fleet::{Problem, Severity};

use super::walk::Walk;
use super::{Appearance, Color, ColorLevel, Role, Style, Theme, near};

/// The themes that come with the program: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("default-dark", include_str!("../../themes/default-dark.toml")),
    ("default-light", include_str!("../../themes/default-light.toml")),
    ("high-contrast-dark", include_str!("../../themes/high-contrast-dark.toml")),
    ("high-contrast-light", include_str!("../../themes/high-contrast-light.toml")),
    ("okabe-dark", include_str!("../../themes/okabe-dark.toml")),
    ("okabe-light", include_str!("../../themes/okabe-light.toml")),
    ("ansi-16", include_str!("../../themes/ansi-16.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// Themes may inherit from themes that inherit, this often.
const DEPTH: usize = 8;

/// The theme files that can be named.
#[derive(Clone, Debug, Default)]
pub struct Themes {
    own: Vec<(String, String)>,
}

/// What one file says, before inheritance.
#[derive(Default)]
struct Sheet {
    inherits: Option<String>,
    appearance: Option<Appearance>,
    palette: Vec<(String, Color)>,
    roles: Vec<(Role, Paint)>,
}

/// A style whose colours may still be names of a palette.
#[derive(Clone, Default)]
struct Paint {
    fg: Option<String>,
    bg: Option<String>,
    style: Style,
}

impl Themes {
    /// Adds a person's own theme file under the name it is chosen by; it hides a built-in one of that name.
    pub fn add(&mut self, name: &str, text: &str) {
        self.own.push((name.to_owned(), text.to_owned()));
    }

    /// Every name, a person's own first.
    pub fn names(&self) -> Vec<&str> {
        let own = self.own.iter().map(|(n, _)| n.as_str());
        own.chain(BUILT_IN.iter().map(|(n, _)| *n)).collect()
    }

    /// The theme of that name in the colours of `level`, and everything that is wrong with its files.
    ///
    /// A name that nobody knows is a warning, and the default for `appearance` is used. Without colours, `mono` is;
    /// with sixteen, `ansi-16` stands in for the default ones.
    pub fn resolve(&self, name: &str, appearance: Appearance, level: ColorLevel) -> (Theme, Vec<Problem>) {
        let mut problems = Vec::new();
        let fallback = if appearance == Appearance::Light { "default-light" } else { "default-dark" };
        let own = |name| self.own.iter().any(|(n, _)| n == name);
        let name = if level == ColorLevel::Mono {
            "mono"
        } else if level == ColorLevel::Ansi16
            && matches!(name, "default-dark" | "default-light")
            && !own(name)
        {
            "ansi-16"
        } else if self.text(name).is_some() {
            name
        } else {
            let hint = match near(name, self.names()) {
                Some(word) => format!("Did you mean `{word}`?"),
                None => format!("Known: {}.", self.names().join(", ")),
            };
            problems.push(problem(
                "UNKNOWN_THEME",
                name,
                &format!("unknown theme, {fallback} is used"),
                &hint,
            ));
            fallback
        };
        let mut chain = Vec::new();
        let mut palette = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(current) = next.take() {
            let Some(text) = self.text(&current) else {
                problems.push(problem(
                    "UNKNOWN_THEME",
                    &current,
                    "inherits from a theme that is not there",
                    "",
                ));
                break;
            };
            let (sheet, found) = read(&current, text);
            problems.extend(found);
            next.clone_from(&sheet.inherits);
            let looped =
                sheet.inherits.as_ref().is_some_and(|n| *n == current || chain.iter().any(|(c, _)| c == n));
            palette.extend(sheet.palette.iter().cloned());
            chain.push((current.clone(), sheet));
            if looped || chain.len() >= DEPTH {
                problems.push(problem(
                    "THEME_CYCLE",
                    &current,
                    "themes inherit from each other in a circle",
                    "",
                ));
                break;
            }
        }
        let mut theme = Theme::default();
        name.clone_into(&mut theme.name);
        for (file, sheet) in chain.iter().rev() {
            theme.appearance = sheet.appearance.unwrap_or(theme.appearance);
            for (role, paint) in &sheet.roles {
                let mut color = |text: &Option<String>| {
                    let text = text.as_deref()?;
                    let named = palette.iter().find(|(n, _)| n == text).map(|(_, c)| *c);
                    let color = named.or_else(|| text.parse().ok());
                    if color.is_none() {
                        let about = format!("{file}: roles.{}", role.as_str());
                        let hint = "Use a name of [palette] or of the 16, 0 to 255, `#rrggbb` or `default`.";
                        problems.push(problem("BAD_COLOR", &about, "not a colour; left as it was", hint));
                    }
                    color
                };
                let (fg, bg) = (color(&paint.fg), color(&paint.bg));
                theme.set(*role, Style { fg, bg, ..paint.style });
            }
        }
        (theme.at(level), problems)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let own = self.own.iter().map(|(n, t)| (n.as_str(), t.as_str()));
        own.chain(BUILT_IN.iter().copied()).find(|(n, _)| *n == name).map(|(_, t)| t)
    }
}

fn problem(code: &'static str, subject: &str, message: &str, hint: &str) -> Problem {
    Problem {
        severity: Severity::Warning,
        code,
        origin: None,
        subject: subject.into(),
        message: message.into(),
        hint: (!hint.is_empty()).then(|| hint.into()),
    }
}

fn read(name: &str, text: &str) -> (Sheet, Vec<Problem>) {
    let path = format!("themes/{name}.toml");
    let (mut walk, table) = Walk::start(Path::new(&path), text);
    let mut sheet = Sheet::default();
    for (key, value) in table.get_ref() {
        let word: &str = key.get_ref();
        match word {
            "name" => drop(walk.string(value, word)),
            "inherits" => sheet.inherits = walk.string(value, word).map(str::to_owned),
            "appearance" => {
                let words =
                    [("dark", Appearance::Dark), ("light", Appearance::Light), ("any", Appearance::Any)];
                sheet.appearance = walk.choice(value, word, &words);
            }
            "palette" => palette(&mut walk, value, &mut sheet),
            "roles" => roles(&mut walk, value, &mut sheet),
            _ => walk.unknown(&key.span(), word, &["name", "inherits", "appearance", "palette", "roles"]),
        }
    }
    (sheet, walk.finish())
}

fn palette(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, sheet: &mut Sheet) {
    let Some(table) = value.get_ref().as_table() else {
        return walk.wrong_type(value, "palette", "a table of name = colour");
    };
    for (key, value) in table {
        let label = format!("palette.{}", key.get_ref());
        if let Some(color) = text_of(value).and_then(|t| t.parse::<Color>().ok()) {
            sheet.palette.push((key.get_ref().to_string(), color));
        } else {
            let hint = "Use one of the 16 names, 0 to 255, `#rrggbb` or `default`.";
            walk.error("BAD_COLOR", &value.span(), &label, "not a colour", hint);
        }
    }
}

fn roles(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, sheet: &mut Sheet) {
    let Some(table) = value.get_ref().as_table() else {
        return walk.wrong_type(value, "roles", "a table of role = style");
    };
    for (key, value) in table {
        let label = format!("roles.{}", key.get_ref());
        let Some(role) = Role::from_name(key.get_ref()) else {
            let known: Vec<&str> = Role::ALL.iter().map(|r| r.as_str()).collect();
            let hint = near(key.get_ref(), known).map(|w| format!("Did you mean `{w}`?")).unwrap_or_default();
            walk.warning("UNKNOWN_KEY", &key.span(), &label, "unknown role, ignored", &hint);
            continue;
        };
        if let Some(table) = value.get_ref().as_table() {
            let paint = paint(walk, &label, table);
            sheet.roles.push((role, paint));
        } else if let Some(color) = text_of(value) {
            let paint = if role == Role::Bg {
                Paint { bg: Some(color), ..Paint::default() }
            } else {
                Paint { fg: Some(color), ..Paint::default() }
            };
            sheet.roles.push((role, paint));
        } else {
            walk.wrong_type(value, &label, "a colour or { fg, bg, bold, dim, reverse, underline, italic }");
        }
    }
}

fn paint(walk: &mut Walk<'_>, label: &str, table: &DeTable<'_>) -> Paint {
    let mut paint = Paint::default();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let label = format!("{label}.{name}");
        let flag = match name {
            "fg" | "bg" => {
                let color = text_of(value);
                if color.is_none() {
                    walk.wrong_type(value, &label, "a colour");
                }
                *(if name == "fg" { &mut paint.fg } else { &mut paint.bg }) = color;
                continue;
            }
            "bold" => &mut paint.style.bold,
            "dim" => &mut paint.style.dim,
            "reverse" => &mut paint.style.reverse,
            "underline" => &mut paint.style.underline,
            "italic" => &mut paint.style.italic,
            _ => {
                walk.unknown(
                    &key.span(),
                    &label,
                    &["fg", "bg", "bold", "dim", "reverse", "underline", "italic"],
                );
                continue;
            }
        };
        *flag = walk.boolean(value, &label).unwrap_or(false);
    }
    paint
}

/// A colour's text; whole numbers are written without quotes.
fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    let value = value.get_ref();
    value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|i| i.as_str().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rgb;

    const STATES: [Role; 8] = [
        Role::StateOk,
        Role::StateWarn,
        Role::StateCrit,
        Role::StateAuth,
        Role::StateDown,
        Role::StateUpgrading,
        Role::StateHeld,
        Role::StateNew,
    ];

    #[test]
    fn every_theme_that_ships_is_sound_and_tells_its_states_apart() {
        for (name, _) in BUILT_IN {
            let level = if *name == "mono" { ColorLevel::Mono } else { ColorLevel::Truecolor };
            let (theme, problems) = Themes::default().resolve(name, Appearance::Any, level);
            assert_eq!(problems, [], "{name}");
            assert_eq!(theme.name, *name);
            for role in Role::ALL {
                if !matches!(
                    role,
                    Role::Text | Role::Bg | Role::Header | Role::Popup | Role::Tab | Role::HintText
                ) {
                    assert_ne!(theme.style(*role), Style::default(), "{name} leaves {role:?} plain");
                }
            }
            if *name != "mono" {
                let mut seen: Vec<Style> = STATES.iter().map(|r| theme.style(*r)).collect();
                seen.dedup();
                assert_eq!(seen.len(), STATES.len(), "{name}");
            }
        }
    }

    #[test]
    fn state_colours_can_be_seen_on_the_backgrounds_they_are_for() {
        for (name, _) in BUILT_IN {
            let (theme, _) = Themes::default().resolve(name, Appearance::Any, ColorLevel::Truecolor);
            let (grounds, least) = match theme.appearance {
                Appearance::Dark => ([Rgb(0, 0, 0), Rgb(0x1e, 0x1e, 0x1e)], 3.0),
                Appearance::Light => ([Rgb(255, 255, 255), Rgb(0xf5, 0xf5, 0xf5)], 3.0),
                Appearance::Any => continue,
            };
            let least = if name.starts_with("high-contrast") { 7.0 } else { least };
            for role in Role::ALL {
                let style = theme.style(*role);
                let Some(fg) = style.fg.and_then(Color::rgb) else { continue };
                let bg = style.bg.and_then(Color::rgb);
                for ground in grounds {
                    let (fg, bg) =
                        if style.reverse { (bg.unwrap_or(ground), fg) } else { (fg, bg.unwrap_or(ground)) };
                    let least = if *role == Role::Border { 1.5 } else { least };
                    let ratio = fg.contrast(bg);
                    assert!(ratio >= least, "{name} {role:?}: {ratio:.2} on {ground:?}");
                }
            }
        }
    }

    #[test]
    fn a_theme_of_ones_own_inherits_and_its_mistakes_are_told() {
        let mut themes = Themes::default();
        themes.add(
            "mine",
            "inherits = \"default-dark\"\n[palette]\ngreen = \"#010203\"\n[roles]\nstate_crit = { fg = \"gren\", bold = 1 }\nstate_okay = \"green\"\ntitle = 208\n",
        );
        let (theme, problems) = themes.resolve("mine", Appearance::Dark, ColorLevel::Truecolor);
        assert_eq!(
            theme.style(Role::StateOk).fg,
            Some(Color::Rgb(Rgb(1, 2, 3))),
            "palette reaches the parent's roles"
        );
        assert_eq!(theme.style(Role::Title).fg, Some(Color::Indexed(208)));
        let codes: Vec<_> =
            problems.iter().map(|p| (p.code, p.origin.as_ref().and_then(|o| o.line))).collect();
        assert_eq!(codes, [("BAD_TYPE", Some(5)), ("UNKNOWN_KEY", Some(6)), ("BAD_COLOR", None)]);
    }

    #[test]
    fn circles_and_unknown_names_end_in_a_usable_theme() {
        let mut themes = Themes::default();
        themes.add("a", "inherits = \"b\"\n");
        themes.add("b", "inherits = \"a\"\n[roles]\ntext = \"red\"\n");
        let (theme, problems) = themes.resolve("a", Appearance::Dark, ColorLevel::Ansi16);
        assert_eq!(theme.style(Role::Text).fg, Some(Color::Indexed(1)));
        assert_eq!(problems[0].code, "THEME_CYCLE");
        let (theme, problems) = themes.resolve("okabe-drak", Appearance::Light, ColorLevel::Ansi16);
        assert_eq!(theme.name, "default-light");
        assert_eq!(problems[0].hint.as_ref().unwrap().as_str(), "Did you mean `okabe-dark`?");
    }

    #[test]
    fn without_colours_only_weight_is_left() {
        let (theme, _) = Themes::default().resolve("okabe-dark", Appearance::Dark, ColorLevel::Mono);
        assert_eq!(theme.name, "mono");
        for role in Role::ALL {
            assert_eq!((theme.style(*role).fg, theme.style(*role).bg), (None, None), "{role:?}");
        }
    }
}
