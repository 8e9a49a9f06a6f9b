//! The console's own configuration: where it is, what it says, and what is wrong with it.

use std::path::{Path, PathBuf};

use super::args::{self, Global};
use super::fault::{Exit, Fault};
use super::notes::{self, Talk};
use super::surroundings::{Io, Surroundings};
use super::{fleetfile, gather, suggest};
use crate::config::{self, ColorChoice, Config, Themes, Toggle};
use crate::fleet::{Problem, Severity};
use crate::report::ProblemItem;

/// More than this is no configuration file.
const MOST_BYTES: u64 = 1024 * 1024;

/// The configuration in force and what is wrong with it.
#[derive(Debug)]
pub(super) struct Settings {
    /// The values, flags included.
    pub(super) config: Config,
    /// The themes, those of the configuration folder included.
    pub(super) themes: Themes,
    /// What is wrong with the files.
    pub(super) problems: Vec<Problem>,
}

/// Where the file is looked for, and whether a person named it.
pub(super) fn location(global: &Global, around: &Surroundings) -> (Option<PathBuf>, bool) {
    let named = global.config.clone().or_else(|| around.var_os("FLEETGLASS_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => (Some(around.path(&path)), true),
        None => (around.config_dir.as_ref().map(|dir| dir.join("config.toml")), false),
    }
}

/// Reads the configuration. Mistakes in it are told and stop nothing; a file that was named and cannot be read does.
pub(super) fn load(global: &Global, around: &Surroundings) -> Result<Settings, Fault> {
    let (path, named) = location(global, around);
    let (mut config, mut problems) = match &path {
        Some(path) => match read(path) {
            Ok(text) => config::parse(path, &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named => Default::default(),
            Err(e) => return Err(unreadable(path, &e)),
        },
        None => Default::default(),
    };
    let folder = path.as_deref().and_then(Path::parent).map(|dir| dir.join("themes"));
    let themes = folder.map(|dir| read_themes(&dir, &mut problems)).unwrap_or_default();
    if let Some(word) = &global.color {
        config.color = color(word)?;
    }
    if global.ascii {
        config.ascii = Toggle::On;
    }
    if let Some(name) = &global.theme {
        let names = themes.names();
        if !names.contains(&name.as_str()) {
            return Err(Fault::usage(format!("there is no theme `{}`", suggest::shown(name)))
                .place("--theme")
                .hint(suggest::one_of(name, names, "")));
        }
        config.theme.dark.clone_from(name);
        config.theme.light.clone_from(name);
    }
    Ok(Settings { config, themes, problems })
}

fn color(word: &str) -> Result<ColorChoice, Fault> {
    ColorChoice::WORDS.iter().find(|(w, _)| *w == word).map(|(_, choice)| *choice).ok_or_else(|| {
        Fault::usage(format!("`{}` says nothing about colours", suggest::shown(word)))
            .place("--color")
            .hint(suggest::one_of(word, ColorChoice::WORDS.iter().map(|(w, _)| *w), ""))
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    let meta = std::fs::metadata(path)?;
    if !meta.is_file() || meta.len() > MOST_BYTES {
        return Err(std::io::Error::other("not a regular file of at most 1 MiB"));
    }
    std::fs::read_to_string(path)
}

/// Themes are the `*.toml` files of a folder, named after the file.
fn read_themes(dir: &Path, problems: &mut Vec<Problem>) -> Themes {
    let mut themes = Themes::default();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let Some(name) = path.file_stem().and_then(|s| s.to_str()) else { continue };
        match read(path) {
            Ok(text) => themes.add(name, &text),
            Err(e) => problems.push(Problem {
                severity: Severity::Warning,
                code: "UNREADABLE",
                origin: Some(crate::fleet::Origin { path: path.clone(), line: None, column: None }),
                subject: "theme".into(),
                message: crate::fleet::CleanText::new(&format!("cannot be read: {e}")),
                hint: None,
            }),
        }
    }
    themes
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::usage("the configuration file cannot be read")
        .place(suggest::shown(&path.to_string_lossy()))
        .why(error.to_string())
        .hint("Check --config and $FLEETGLASS_CONFIG.")
}

/// `config ..`.
pub(super) fn run(global: &Global, command: &args::Config, io: &mut Io<'_>) -> Result<Exit, Fault> {
    if global.output.is_some() || global.json.is_some() || global.jq.is_some() {
        return Err(Fault::usage("`config` prints text only").hint("Leave --output, --json and --jq away."));
    }
    match command {
        args::Config::Print => print(global, io),
        args::Config::Path => {
            let (path, _) = location(global, &io.around);
            let Some(path) = path else {
                return Err(Fault::failed("there is no folder for configuration files")
                    .why("neither $HOME nor $XDG_CONFIG_HOME is set")
                    .hint("Name a file with --config."));
            };
            writeln!(io.stdout, "{}", suggest::shown_path(&path))?;
            Ok(Exit::Done)
        }
        args::Config::Validate { file } => validate(global, file.as_deref(), io),
        args::Config::Schema => {
            let text = serde_json::to_string_pretty(&config::schema())
                .map_err(|e| Fault::failed("the schema cannot be written").why(e.to_string()))?;
            writeln!(io.stdout, "{text}")?;
            Ok(Exit::Done)
        }
    }
}

/// The values as TOML, each with where it comes from.
fn print(global: &Global, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let settings = load(global, &io.around)?;
    tell(io, Talk::of(global), &settings.problems)?;
    for setting in config::print(&settings.config) {
        let origin = setting.origin.as_ref().map_or_else(
            || "default".to_owned(),
            |o| {
                format!(
                    "{}{}",
                    suggest::shown_path(&o.path),
                    o.line.map(|l| format!(":{l}")).unwrap_or_default()
                )
            },
        );
        writeln!(io.stdout, "{} = {}  # {origin}", setting.key, setting.value)?;
    }
    Ok(Exit::Done)
}

/// Says everything that is wrong with the configuration and the theme it names, and with the fleet files; or with the one file that
/// is named.
fn validate(global: &Global, file: Option<&Path>, io: &mut Io<'_>) -> Result<Exit, Fault> {
    let is_fleet = |file: &Path| file.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let mut problems = Vec::new();
    if !file.is_some_and(is_fleet) {
        problems.extend(mistakes(global, file, io)?);
    }
    match file {
        Some(file) if is_fleet(file) => {
            // Alone, and as the file that somebody named; the machine's own file says nothing here.
            let mut around = io.around.clone();
            around.policy_fleet = None;
            let global = Global { fleet: Some(file.to_path_buf()), ..global.clone() };
            problems.extend(fleetfile::problems(&fleetfile::read(&global, &around)?));
        }
        Some(_) => {}
        None => {
            problems.extend(fleetfile::problems(&fleetfile::read(global, &io.around)?));
            problems.extend(gather::almanac(&io.around).1);
        }
    }
    tell(io, Talk::Verbose, &problems)?;
    if problems.iter().any(|p| p.severity >= Severity::Warning) { Ok(Exit::Usage) } else { Ok(Exit::Done) }
}

fn mistakes(global: &Global, file: Option<&Path>, io: &Io<'_>) -> Result<Vec<Problem>, Fault> {
    let mut global = global.clone();
    if let Some(file) = file {
        global.config = Some(file.to_path_buf());
    }
    let settings = load(&global, &io.around)?;
    let mut problems = settings.problems;
    let looks = io.around.looks();
    let mut names = vec![&settings.config.theme.dark, &settings.config.theme.light];
    names.dedup();
    for name in names {
        let level = looks.color_level(settings.config.color);
        problems.extend(settings.themes.resolve(name, looks.appearance(), level).1);
    }
    Ok(problems)
}

/// Tells problems of the configuration.
pub(super) fn tell(io: &mut Io<'_>, talk: Talk, problems: &[Problem]) -> Result<(), Fault> {
    let items: Vec<ProblemItem> = problems.iter().map(ProblemItem::from).collect();
    Ok(notes::problems(io.stderr, talk, &items)?)
}
