//! What is in force and where it comes from.

use std::collections::BTreeMap;

use crate::fleet::Origin;

use super::{ACTIONS, ColorChoice, Config, GroupBy, Key, Keymap, SidePane, SortBy, Toggle, programs};

/// Key of the file -> where it stands.
pub(super) type Places = BTreeMap<String, Origin>;

/// One value in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, `keys.filter` for those of a table.
    pub key: String,
    /// The value as TOML.
    pub value: String,
    /// Where it stands; `None`: the default.
    pub origin: Option<Origin>,
}

/// Every value in force, in the order of the documentation; of `[keys]` only those that were changed.
pub fn print(config: &Config) -> Vec<Setting> {
    let word = |text: &str| format!("{text:?}");
    let theme = if config.theme.dark == config.theme.light {
        word(&config.theme.dark)
    } else {
        format!("{{ dark = {:?}, light = {:?} }}", config.theme.dark, config.theme.light)
    };
    let ascii = match config.ascii {
        Toggle::Auto => word("auto"),
        Toggle::On => "true".to_owned(),
        Toggle::Off => "false".to_owned(),
    };
    let mut rows = vec![
        ("theme".to_owned(), theme),
        ("color".to_owned(), word(name(config.color, ColorChoice::WORDS))),
        ("ascii".to_owned(), ascii),
        ("group_by".to_owned(), word(name(config.group_by, GroupBy::WORDS))),
        ("sort".to_owned(), word(name(config.sort, SortBy::WORDS))),
        ("side_pane".to_owned(), word(name(config.side_pane, SidePane::WORDS))),
        ("kubeconfig".to_owned(), format!("{:?}", config.kubeconfig)),
        ("allowed_plugins".to_owned(), format!("{:?}", config.allowed_plugins)),
    ];
    let programs = config.programs.iter();
    rows.extend(programs.map(|(name, program)| (programs::label(name), program.written())));
    let usual = Keymap::default();
    for info in ACTIONS {
        let keys = config.keys.keys(info.action);
        if keys != usual.keys(info.action) {
            let keys: Vec<String> = keys.iter().map(|k| written(*k)).collect();
            rows.push((format!("keys.{}", info.name), format!("{keys:?}")));
        }
    }
    rows.into_iter()
        .map(|(key, value)| Setting { origin: config.places.get(&key).cloned(), key, value })
        .collect()
}

/// The word for a value of a closed set.
fn name<T: PartialEq>(value: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, v)| *v == value).map_or("", |(w, _)| w)
}

/// A key as the file has it: names written small, letters as they are.
fn written(key: Key) -> String {
    let shown = key.to_string();
    if shown.chars().count() == 1 { shown } else { shown.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration() {
        let text = "sort = \"name\"\nascii = false\nallowed_plugins = [\"a\"]\nprograms.\"x y\".command = [\"y\"]\n[keys]\nfilter = \"ctrl-s\"\ntop = \"G\"\nbottom = \"g\"\n";
        let (config, problems) = super::super::parse(Path::new("c.toml"), text);
        assert_eq!(problems, []);
        let settings = print(&config);
        let again: String = settings.iter().flat_map(|s| [&s.key, " = ", &s.value, "\n"]).collect();
        let (read, problems) = super::super::parse(Path::new("c.toml"), &again);
        assert_eq!(problems, []);
        assert_eq!((read.sort, read.ascii, read.theme), (config.sort, config.ascii, config.theme.clone()));
        assert_eq!(read.keys, config.keys);
        assert_eq!(
            (read.programs, read.allowed_plugins),
            (config.programs.clone(), config.allowed_plugins.clone())
        );
        let line =
            |key: &str| settings.iter().find(|s| s.key == key).unwrap().origin.as_ref().and_then(|o| o.line);
        assert_eq!((line("sort"), line("keys.filter"), line("color")), (Some(1), Some(6), None));
    }
}
