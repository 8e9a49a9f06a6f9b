//! `config.toml`: the values, and reading them.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fleet::Problem;
use crate::fleet::sort::SortKey;

use super::keymap::Keymap;
use super::print::Places;
use super::programs::{self, Program};
use super::walk::Walk;
use super::{ACTIONS, Appearance, Key, near};

/// When to use colours, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColorChoice {
    /// What the terminal and `NO_COLOR` say.
    #[default]
    Auto,
    /// Even if `NO_COLOR` is set or the output is no terminal.
    Always,
    /// None.
    Never,
    /// Sixteen.
    #[serde(rename = "16")]
    Ansi16,
    /// 256.
    #[serde(rename = "256")]
    Ansi256,
    /// 24 bits.
    Truecolor,
}

impl ColorChoice {
    /// Every choice with its word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("always", Self::Always),
        ("never", Self::Never),
        ("16", Self::Ansi16),
        ("256", Self::Ansi256),
        ("truecolor", Self::Truecolor),
    ];
}

/// Yes, no, or what the environment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Toggle {
    /// What the environment says.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

const TOGGLES: &[(&str, Toggle)] = &[("auto", Toggle::Auto), ("on", Toggle::On), ("off", Toggle::Off)];

/// How the Fleet screen groups its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// By class.
    #[default]
    Class,
    /// By region.
    Region,
    /// By provider.
    Provider,
    /// By minor version.
    Version,
    /// By where it was learned of.
    Source,
    /// Not at all.
    None,
}

impl GroupBy {
    /// Every grouping with its word, in the order `T` walks through.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("class", Self::Class),
        ("region", Self::Region),
        ("provider", Self::Provider),
        ("version", Self::Version),
        ("source", Self::Source),
        ("none", Self::None),
    ];
}

/// What the rows of a group are sorted by; the name decides between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SortBy {
    /// Worst first.
    #[default]
    State,
    /// By name.
    Name,
    /// Oldest version first.
    Version,
    /// Fewest nodes first.
    Nodes,
    /// The serving certificate that ends first, first.
    Cert,
    /// What was not seen for the longest time, first.
    Seen,
    /// Fastest first.
    Latency,
}

impl SortBy {
    /// Every order with its word.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("state", Self::State),
        ("name", Self::Name),
        ("version", Self::Version),
        ("nodes", Self::Nodes),
        ("cert", Self::Cert),
        ("seen", Self::Seen),
        ("latency", Self::Latency),
    ];

    /// The order it stands for.
    pub fn key(self) -> SortKey {
        match self {
            Self::State => SortKey::State,
            Self::Name => SortKey::Name,
            Self::Version => SortKey::Version,
            Self::Nodes => SortKey::Nodes,
            Self::Cert => SortKey::Cert,
            Self::Seen => SortKey::Seen,
            Self::Latency => SortKey::Latency,
        }
    }
}

/// Where the pane with the row under the cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SidePane {
    /// Where there is room: right on wide screens, else below, else nowhere.
    #[default]
    Auto,
    /// Below the list.
    Bottom,
    /// To the right.
    Right,
    /// Nowhere.
    Off,
}

impl SidePane {
    /// Every choice with its word.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("bottom", Self::Bottom), ("right", Self::Right), ("off", Self::Off)];
}

/// Which theme to use: a name, or one for dark and one for light backgrounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ThemeChoice {
    /// On a dark background, or one nobody knows.
    pub dark: String,
    /// On a light background.
    pub light: String,
}

impl Default for ThemeChoice {
    fn default() -> Self {
        Self { dark: "default-dark".to_owned(), light: "default-light".to_owned() }
    }
}

impl ThemeChoice {
    /// The theme's name for a background.
    pub fn name(&self, appearance: Appearance) -> &str {
        match appearance {
            Appearance::Light => &self.light,
            Appearance::Dark | Appearance::Any => &self.dark,
        }
    }
}

/// Everything `config.toml` can say.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// `theme`: `"auto"`, a name, or `{ dark, light }`.
    pub theme: ThemeChoice,
    /// `color`.
    pub color: ColorChoice,
    /// `ascii`: draw with ASCII only.
    pub ascii: Toggle,
    /// `group_by`: how the Fleet screen starts.
    pub group_by: GroupBy,
    /// `sort`: how the Fleet screen starts.
    pub sort: SortBy,
    /// `side_pane`: how the Fleet screen starts.
    pub side_pane: SidePane,
    /// `kubeconfig`: files and folders to read when neither the command line nor `$KUBECONFIG` names any.
    pub kubeconfig: Vec<String>,
    /// `allowed_plugins`: credential plugins that may be run when a registry, and not one's own kubeconfig, asks for them.
    pub allowed_plugins: Vec<String>,
    /// `[programs.NAME]`: the command lines of programs that the fleet file names.
    pub programs: BTreeMap<String, Program>,
    /// `[keys]` over the table of actions.
    pub keys: Keymap,
    /// Where in the file each value stands.
    pub(super) places: Places,
}

/// The keys of the file, for suggestions.
const KNOWN: &[&str] = &[
    "theme",
    "color",
    "ascii",
    "group_by",
    "sort",
    "side_pane",
    "kubeconfig",
    "allowed_plugins",
    "programs",
    "keys",
];

/// Reads `config.toml`. Whatever cannot be used keeps its default and is told, all of it, with line and column.
/// `path` only names the file in problems.
pub fn parse(path: &Path, text: &str) -> (Config, Vec<Problem>) {
    let (mut walk, table) = Walk::start(path, text);
    let mut config = Config::default();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let origin = walk.origin(&key.span());
        if KNOWN.contains(&name) {
            config.places.insert(name.to_owned(), origin);
        }
        match name {
            "theme" => set(&mut config.theme, theme(&mut walk, value)),
            "color" => set(&mut config.color, walk.choice(value, name, ColorChoice::WORDS)),
            "ascii" => set(&mut config.ascii, toggle(&mut walk, value, name)),
            "group_by" => set(&mut config.group_by, walk.choice(value, name, GroupBy::WORDS)),
            "sort" => set(&mut config.sort, walk.choice(value, name, SortBy::WORDS)),
            "side_pane" => set(&mut config.side_pane, walk.choice(value, name, SidePane::WORDS)),
            "kubeconfig" => {
                let list = walk.strings(value, name);
                set(&mut config.kubeconfig, list.map(|l| l.into_iter().map(|(s, _)| s.to_owned()).collect()));
            }
            "allowed_plugins" => config.allowed_plugins = programs::plugins(&mut walk, value),
            "programs" => {
                for (name, span, program) in programs::programs(&mut walk, value) {
                    config.places.insert(programs::label(&name), walk.origin(&span));
                    config.programs.insert(name, program);
                }
            }
            "keys" => keys(&mut walk, value, &mut config),
            _ => walk.unknown(&key.span(), name, KNOWN),
        }
    }
    (config, walk.finish())
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn toggle(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Toggle> {
    match value.get_ref().as_bool() {
        Some(true) => Some(Toggle::On),
        Some(false) => Some(Toggle::Off),
        None => walk.choice(value, key, TOGGLES),
    }
}

fn theme(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>) -> Option<ThemeChoice> {
    match value.get_ref() {
        DeValue::String(name) if name == "auto" => Some(ThemeChoice::default()),
        DeValue::String(name) => Some(ThemeChoice { dark: name.to_string(), light: name.to_string() }),
        DeValue::Table(table) => Some(theme_table(walk, table)),
        _ => {
            walk.wrong_type(value, "theme", "a name or { dark, light }");
            None
        }
    }
}

fn theme_table(walk: &mut Walk<'_>, table: &DeTable<'_>) -> ThemeChoice {
    let mut choice = ThemeChoice::default();
    for (key, value) in table {
        let name: &str = key.get_ref();
        let place = match name {
            "dark" => &mut choice.dark,
            "light" => &mut choice.light,
            _ => {
                walk.unknown(&key.span(), &format!("theme.{name}"), &["dark", "light"]);
                continue;
            }
        };
        if let Some(text) = walk.string(value, &format!("theme.{name}")) {
            text.clone_into(place);
        }
    }
    choice
}

/// `[keys]`: action = key or list of keys. All are read before conflicts are looked for, so two actions may swap.
fn keys(walk: &mut Walk<'_>, value: &Spanned<DeValue<'_>>, config: &mut Config) {
    let Some(table) = value.get_ref().as_table() else {
        walk.wrong_type(value, "keys", "a table of action = key");
        return;
    };
    let mut map = Keymap::default();
    let mut bound = Vec::new();
    for (name, value) in table {
        let label = format!("keys.{}", name.get_ref());
        let Some(info) = ACTIONS.iter().find(|i| i.name == name.get_ref().as_ref()) else {
            let hint = match near(name.get_ref(), ACTIONS.iter().map(|i| i.name)) {
                Some(word) => format!("Did you mean `{word}`?"),
                None => "The help screen and `fleetglass config schema` list the actions.".to_owned(),
            };
            walk.warning("UNKNOWN_KEY", &name.span(), &label, "unknown action, ignored", &hint);
            continue;
        };
        let Some(texts) = walk.strings(value, &label) else { continue };
        let mut keys = Vec::with_capacity(texts.len());
        for (text, span) in texts {
            match text.parse::<Key>() {
                Ok(key) => {
                    keys.push(key);
                    bound.push((info, key, span));
                }
                Err(error) => {
                    let hint = "Write it like `x`, `G`, `ctrl-r`, `shift-tab`, `f5` or `space`.";
                    walk.error("BAD_KEY", &span, &label, &error.to_string(), hint);
                }
            }
        }
        if !keys.is_empty() || value.get_ref().as_array().is_some_and(|list| list.as_ref().is_empty()) {
            map.rebind(info.action, keys);
        }
        config.places.insert(label, walk.origin(&name.span()));
    }
    let mut sound = true;
    for (info, key, span) in bound {
        if let Some(other) = map.conflict(info.action, key) {
            let message = format!("{key} is also the key of `{}` ({})", other.name, other.place.words());
            let hint = "Give one of them another key; until then all keys are the usual ones.";
            walk.error("KEY_CONFLICT", &span, &format!("keys.{}", info.name), &message, hint);
            sound = false;
        }
    }
    if sound {
        config.keys = map;
    }
}

/// The file's shape, for the JSON Schema.
#[derive(JsonSchema)]
#[schemars(title = "fleetglass config.toml", deny_unknown_fields)]
#[expect(dead_code, reason = "read only by the schema generator; the file is read by hand, for line numbers")]
struct Shape {
    /// `"auto"`, the name of a theme, or one for dark and one for light backgrounds.
    theme: Option<ThemeShape>,
    /// When to use colours, and how many.
    color: Option<ColorChoice>,
    /// Draw with ASCII only.
    ascii: Option<ToggleShape>,
    /// How the Fleet screen groups its rows at the start.
    group_by: Option<GroupBy>,
    /// What the Fleet screen sorts by at the start.
    sort: Option<SortBy>,
    /// Where the pane with the row under the cursor stands at the start.
    side_pane: Option<SidePane>,
    /// Files and folders to read when neither the command line nor `$KUBECONFIG` names any.
    kubeconfig: Option<OneOrMore>,
    /// Credential plugins that may be run when a registry, and not one's own kubeconfig, asks for them.
    allowed_plugins: Option<Vec<String>>,
    /// The command lines of programs that the fleet file names.
    programs: Option<BTreeMap<String, ProgramShape>>,
    /// Action = key or list of keys.
    keys: Option<BTreeMap<String, OneOrMore>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "read only by the schema generator")]
struct ProgramShape {
    /// The program and its arguments; no shell reads them.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Variables of its environment.
    env: Option<BTreeMap<String, String>>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read only by the schema generator")]
enum ThemeShape {
    Name(String),
    Pair { dark: Option<String>, light: Option<String> },
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read only by the schema generator")]
enum ToggleShape {
    Flag(bool),
    Word(Toggle),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "read only by the schema generator")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The JSON Schema of `config.toml`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, Place};

    fn check(text: &str) -> (Config, Vec<String>) {
        let (config, problems) = parse(Path::new("config.toml"), text);
        let told = problems
            .iter()
            .map(|p| {
                let o = p.origin.as_ref().unwrap();
                let hint = p.hint.as_ref().map_or("", |h| h.as_str());
                let (line, column) = (o.line.unwrap(), o.column.unwrap());
                format!("{line}:{column} {} {}: {}. {hint}", p.code, p.subject, p.message)
            })
            .collect();
        (config, told)
    }

    #[test]
    fn a_full_file_is_read() {
        let (config, told) = check(
            r#"
theme = { dark = "okabe-dark", light = "okabe-light" }
color = "256"
ascii = true
group_by = "region"
sort = "seen"
side_pane = "right"
kubeconfig = ["~/.kube/configs", "/srv/kube"]
[keys]
filter = ["ctrl-s", "/"]
versions = "9"
"#,
        );
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(config.theme.name(Appearance::Light), "okabe-light");
        assert_eq!((config.color, config.ascii), (ColorChoice::Ansi256, Toggle::On));
        assert_eq!((config.group_by, config.sort), (GroupBy::Region, SortBy::Seen));
        assert_eq!(config.kubeconfig.len(), 2);
        assert_eq!(config.keys.action("9".parse().unwrap(), Place::FLEET), Some(Action::Versions));
        assert_eq!(config.keys.action("2".parse().unwrap(), Place::FLEET), None);
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_the_rest_is_used() {
        let (config, told) = check(
            "them = \"x\"\ncolor = \"nver\"\nsort = 7\nascii = \"perhaps\"\ngroup_by = \"source\"\n[keys]\nfilte = \"x\"\nopen = \"hyper-x\"\n",
        );
        assert_eq!(
            told,
            [
                "1:1 UNKNOWN_KEY them: unknown key, ignored. Did you mean `theme`?",
                "2:9 BAD_VALUE color: not one of the known words; the default is kept. Did you mean `never`?",
                "3:8 BAD_TYPE sort: expected a string, found integer. The default is kept.",
                "4:9 BAD_VALUE ascii: not one of the known words; the default is kept. One of: auto, on, off.",
                "7:1 UNKNOWN_KEY keys.filte: unknown action, ignored. Did you mean `filter`?",
                "8:8 BAD_KEY keys.open: not the name of a key. Write it like `x`, `G`, `ctrl-r`, `shift-tab`, `f5` or `space`.",
            ]
        );
        assert_eq!(config.group_by, GroupBy::Source);
        assert_eq!(config.sort, SortBy::State);
    }

    #[test]
    fn programs_are_read_whole_or_not_at_all() {
        let (config, told) = check(
            "allowed_plugins = [\"kubelogin\", \"*\", 3]\n[programs.cmdb]\ncommand = [\"cmdb\", \"--all\"]\nenv = { TOKEN = \"s3cret\" }\n[programs.a]\ncommand = \"cmdb --all\"\n[programs.b]\ncommnd = [\"x\"]\n[programs.c]\ncommand = []\n[programs.d]\ncommand = [\"x\"]\nenv = { N = 3 }\n",
        );
        assert_eq!(
            told,
            [
                "1:33 BAD_VALUE allowed_plugins: not the name of one program. Write the name or the whole path of each; patterns are not read.",
                "1:38 BAD_TYPE allowed_plugins: expected a string, found integer. The default is kept.",
                "6:11 BAD_TYPE programs.a.command: expected a list, the program and each argument by itself, found string. The default is kept.",
                "7:1 MISSING programs.b.command: missing. Write the program and its arguments: command = [\"prog\", \"arg\"].",
                "8:1 UNKNOWN_KEY programs.b.commnd: unknown key, ignored. Did you mean `command`?",
                "10:11 BAD_VALUE programs.c.command: does not begin with a program. Write the program and its arguments: command = [\"prog\", \"arg\"].",
                "13:13 BAD_TYPE programs.d.env.N: expected a string, found integer. The default is kept.",
            ]
        );
        assert_eq!(config.allowed_plugins, ["kubelogin"]);
        assert_eq!(config.programs.keys().collect::<Vec<_>>(), ["cmdb"]);
        let cmdb = &config.programs["cmdb"];
        assert_eq!(
            (cmdb.command.as_slice(), cmdb.env["TOKEN"].as_str()),
            (&["cmdb".to_owned(), "--all".to_owned()][..], "s3cret")
        );
        assert!(!format!("{config:?}").contains("s3cret"));
        assert!(super::super::print(&config).iter().all(|s| !s.value.contains("s3cret")));
    }

    #[test]
    fn two_actions_on_one_key_are_refused_with_the_line_unless_their_screens_differ() {
        let (config, told) = check("[keys]\nfilter = \"m\"\n");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("2:10 KEY_CONFLICT keys.filter: m is also the key of `problems-first`"),
            "{told:?}"
        );
        assert_eq!(config.keys, Keymap::default());
        let (_, told) = check("[keys]\ntranspose = \"i\"\n");
        assert_eq!(told, Vec::<String>::new());
        let (swapped, told) = check("[keys]\ntop = \"G\"\nbottom = \"g\"\n");
        assert_eq!(told, Vec::<String>::new());
        assert_eq!(swapped.keys.action("G".parse().unwrap(), Place::FLEET), Some(Action::Top));
    }

    #[test]
    fn broken_syntax_loses_no_more_than_it_must() {
        let (config, told) = check("sort = \"name\"\ncolor = = \"never\"\n");
        assert_eq!(config.sort, SortBy::Name);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("2:9 SYNTAX"), "{told:?}");
        let (_, told) = check("theme = \"open");
        assert!(told.len() == 1 && told[0].starts_with("1:"), "{told:?}");
        let (_, told) = check("[keys\nfilter = \"x\"");
        assert!(told[0].starts_with("1:6 SYNTAX"), "{told:?}");
    }

    #[test]
    fn the_schema_names_every_key() {
        let schema = serde_json::to_value(schema()).unwrap();
        for key in KNOWN {
            assert!(schema["properties"][key].is_object(), "{key}");
        }
    }
}
