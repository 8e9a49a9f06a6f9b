//! Where fleet files are, and their texts: the machine's own, and the person's.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Global;
use super::fault::Fault;
use super::suggest;
use super::surroundings::Surroundings;
use crate::config::fleetfile::{self, parse_fleet};
use crate::fleet::spec::FleetFile;
use crate::fleet::{ClassBook, CleanText, Origin, Problem, Severity};
use crate::host;

/// Fleet files are YAML of at most so many bytes.
const MOST_BYTES: usize = 10 * 1024 * 1024;

/// One fleet file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FleetText {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What stands in it, or why it cannot be read.
    pub(super) text: Result<String, String>,
    /// Whether it is the machine's own file, which nobody's own file can weaken.
    pub(super) policy: bool,
}

/// Where the person's own file is looked for, and whether somebody named it: --fleet, $FLEETGLASS_FLEET, else `fleet.yaml` in the
/// folder of the configuration.
pub(super) fn location(global: &Global, around: &Surroundings) -> (Option<PathBuf>, bool) {
    let named = global.fleet.clone().or_else(|| around.var_os("FLEETGLASS_FLEET").map(PathBuf::from));
    match named {
        Some(path) => (Some(around.path(&path)), true),
        None => (around.config_dir.as_ref().map(|dir| dir.join("fleet.yaml")), false),
    }
}

/// The texts of all fleet files, the machine's own first. One that is not there is left out, unless somebody named it. The machine's
/// own file that is there and cannot be read is told as such: it must not be taken for one that says nothing.
pub(super) fn read(global: &Global, around: &Surroundings) -> Result<Vec<FleetText>, Fault> {
    let mut texts = Vec::new();
    if let Some(path) = &around.policy_fleet {
        match read_one(path) {
            Ok(text) => texts.push(FleetText { path: path.clone(), text: Ok(text), policy: true }),
            Err(None) => {}
            Err(Some(why)) => texts.push(FleetText { path: path.clone(), text: Err(why), policy: true }),
        }
    }
    let (own, named) = location(global, around);
    let Some(path) = own.filter(|path| around.policy_fleet.as_ref() != Some(path)) else { return Ok(texts) };
    match read_one(&path) {
        Ok(text) => texts.push(FleetText { path, text: Ok(text), policy: false }),
        Err(None) if !named => {}
        Err(why) => {
            let why = why.unwrap_or_else(|| "there is no such file".to_owned());
            return Err(Fault::usage("the fleet file cannot be read")
                .place(suggest::shown_path(&path))
                .why(why)
                .hint("Check --fleet and $FLEETGLASS_FLEET; `fleetglass init` writes a new one."));
        }
    }
    Ok(texts)
}

/// Everything that the fleet files say together, with what is wrong in them. A file that cannot be read may have said anything.
pub(super) fn join(texts: &[FleetText]) -> FleetFile {
    let read = |policy: bool| {
        let file = texts.iter().find(|file| file.policy == policy)?;
        Some(match &file.text {
            Ok(text) => parse_fleet(&file.path, text, policy),
            Err(why) => {
                let problem = Problem {
                    severity: Severity::Error,
                    code: "UNREADABLE",
                    origin: Some(Origin { path: file.path.clone(), line: None, column: None }),
                    subject: CleanText::new("fleet file"),
                    message: CleanText::new(why),
                    hint: Some(CleanText::new("Make it readable for you, or remove it.")),
                };
                FleetFile { problems: vec![problem], incomplete: true, ..FleetFile::default() }
            }
        })
    };
    fleetfile::join(read(true), read(false))
}

/// The names of the classes that the fleet files declare.
pub(super) fn class_names(texts: &[FleetText]) -> Vec<String> {
    join(texts).classes.into_iter().map(|class| class.name).collect()
}

/// What is wrong with the fleet files, and with what they say together.
pub(super) fn problems(texts: &[FleetText]) -> Vec<Problem> {
    let file = join(texts);
    let mut problems = file.problems.clone();
    problems.extend(ClassBook::compile(Arc::new(file)).1);
    problems
}

/// The text of a file; `None` as the error if there is none.
pub(super) fn read_one(path: &Path) -> Result<String, Option<String>> {
    let bytes = match host::read_capped(path, MOST_BYTES) {
        Ok((bytes, _)) => bytes,
        Err(host::ReadError::Io(e)) if e.kind() == ErrorKind::NotFound => return Err(None),
        Err(e) => return Err(Some(super::fault::chain(&e))),
    };
    String::from_utf8(bytes).map_err(|_| Some("it is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(dir: &Path) -> Surroundings {
        Surroundings {
            cwd: dir.to_path_buf(),
            config_dir: Some(dir.join("config")),
            policy_fleet: Some(dir.join("etc/fleet.yaml")),
            ..Surroundings::default()
        }
    }

    #[test]
    fn the_flag_comes_before_the_variable_and_that_before_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut around = around(dir.path());
        let mut global = Global::default();
        let place = |global: &Global, around: &Surroundings| location(global, around).0.unwrap();
        assert_eq!(place(&global, &around), dir.path().join("config/fleet.yaml"));
        around.vars.insert("FLEETGLASS_FLEET".into(), "env.yaml".into());
        assert_eq!(place(&global, &around), dir.path().join("env.yaml"));
        global.fleet = Some("flag.yaml".into());
        assert_eq!(place(&global, &around), dir.path().join("flag.yaml"));
    }

    #[test]
    fn the_machine_s_file_comes_first_and_a_broken_one_is_not_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let around = around(dir.path());
        let read = |global: &Global| read(global, &around);
        assert_eq!(read(&Global::default()).unwrap(), []);
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::create_dir_all(dir.path().join("config")).unwrap();
        std::fs::write(dir.path().join("config/fleet.yaml"), "own").unwrap();
        std::fs::write(dir.path().join("etc/fleet.yaml"), b"\xff").unwrap();
        let texts = read(&Global::default()).unwrap();
        assert_eq!((texts[0].policy, texts[0].text.is_err()), (true, true));
        assert_eq!((texts[1].policy, texts[1].text.as_deref()), (false, Ok("own")));
        let missing = Global { fleet: Some("no.yaml".into()), ..Global::default() };
        let fault = read(&missing).unwrap_err();
        assert_eq!((u8::from(fault.exit), fault.why.as_deref()), (2, Some("there is no such file")));
    }
}
