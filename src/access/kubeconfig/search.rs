//! Where kubeconfigs are looked for, and what came of each place.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::document::{Document, Source, read};
use super::notes::problem;
use super::pem::PemFiles;
use super::read::{MAX_KUBECONFIG, ReadError, explain, read_regular, to_text};
use super::resolve::{Input, resolve};
use super::{FileReport, Loaded, Outcome};
use crate::fleet::{CleanText, Origin, Problem, Severity};

/// Files of one folder that are looked at.
const MAX_FILES: usize = 10_000;
/// Bytes of all kubeconfigs together.
const MAX_TOTAL: u64 = 512 * 1024 * 1024;

/// Where to look. Filled by the command line; nothing here reads the environment.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Files and folders that were named (`--kubeconfig`); if there are any, nothing else is looked at.
    pub explicit: Vec<PathBuf>,
    /// `$KUBECONFIG` as it is: a list of files.
    pub env: Option<OsString>,
    /// The home folder, for `~/.kube/config` and for showing paths.
    pub home: Option<PathBuf>,
}

/// How a file came to be read, which decides how bad it is if it cannot be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// By a person, just now.
    Explicitly,
    /// In `$KUBECONFIG`, or as the default: may be missing.
    Usually,
    /// By standing in a folder: may be something else.
    ByFolder,
}

struct Loader<'s> {
    search: &'s Search,
    loaded: Loaded,
    inputs: Vec<Input>,
    files: PemFiles,
    bytes: u64,
    seen: HashSet<PathBuf>,
}

/// Finds and reads all kubeconfigs. Blocks on the file system; never waits for pipes or devices.
pub fn load(search: &Search) -> Loaded {
    let mut loader = Loader::new(search);
    if !search.explicit.is_empty() {
        for path in &search.explicit {
            if path.is_dir() { loader.folder(path) } else { loader.file(path, Named::Explicitly) }
        }
        return loader.finish();
    }
    let listed: Vec<PathBuf> = search.env.iter().flat_map(std::env::split_paths).collect();
    let listed: Vec<PathBuf> = listed.into_iter().filter(|p| !p.as_os_str().is_empty()).collect();
    if listed.is_empty() {
        loader.loaded.looked.push(("$KUBECONFIG".to_owned(), false));
        if let Some(home) = &search.home {
            loader.file(&home.join(".kube").join("config"), Named::Usually);
        }
        return loader.finish();
    }
    for path in &listed {
        loader.file(path, Named::Usually);
    }
    if loader.loaded.files.iter().all(|f| f.outcome == Outcome::Missing) {
        let message = "none of the files in KUBECONFIG exists";
        let hint = "Check the variable, or name a file with --kubeconfig.";
        let subject = CleanText::new("$KUBECONFIG");
        loader.loaded.problems.push(problem(Severity::Warning, "NOT_FOUND", None, &subject, message, hint));
    }
    loader.finish()
}

/// Reads one kubeconfig that is already in memory; `path` is where it is said to come from.
pub fn load_text(bytes: Vec<u8>, path: &Path) -> Loaded {
    let search = Search::default();
    let mut loader = Loader::new(&search);
    let report = loader.report(path);
    loader.content(bytes, report, Named::Explicitly);
    loader.finish()
}

impl<'s> Loader<'s> {
    fn new(search: &'s Search) -> Self {
        Self {
            search,
            loaded: Loaded::default(),
            inputs: Vec::new(),
            files: PemFiles::default(),
            bytes: 0,
            seen: HashSet::new(),
        }
    }

    fn finish(mut self) -> Loaded {
        resolve(&self.inputs, &mut self.loaded);
        for context in &self.loaded.contexts {
            if let Some(file) = self.loaded.files.get_mut(context.source) {
                file.contexts += 1;
            }
        }
        self.loaded
    }

    /// The path as people know it, `~` for the home folder.
    fn shown(&self, path: &Path) -> CleanText {
        shown(path, self.search.home.as_deref())
    }

    fn report(&self, path: &Path) -> FileReport {
        FileReport {
            path: path.to_path_buf(),
            shown: self.shown(path),
            outcome: Outcome::Read,
            contexts: 0,
            problems: Vec::new(),
        }
    }

    fn folder(&mut self, path: &Path) {
        self.loaded.looked.push((self.shown(path).as_str().to_owned(), true));
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                let mut report = self.report(path);
                refuse(&mut report, &explain(path, &error), Named::Explicitly);
                self.loaded.files.push(report);
                return;
            }
        };
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|e| e.ok().map(|e| e.path())).take(MAX_FILES + 1).collect();
        paths.sort();
        if paths.len() > MAX_FILES {
            let message = "the folder holds more than 10,000 files; the rest is not looked at";
            let subject = self.shown(path);
            let at = Some(Origin { path: path.to_path_buf(), line: None, column: None });
            self.loaded.problems.push(problem(Severity::Warning, "TOO_LARGE", at, &subject, message, ""));
            paths.truncate(MAX_FILES);
        }
        // What stands in a folder may be anybody's doing, so its links lead only to where the person's own files are.
        let homes = [Some(path), self.search.home.as_deref()];
        let homes: Vec<PathBuf> = homes.into_iter().flatten().filter_map(|h| h.canonicalize().ok()).collect();
        for file in paths.iter().filter(|p| !p.is_dir()) {
            // A link that leads nowhere has an error of its own.
            let meant = file.is_symlink().then(|| file.canonicalize().ok()).flatten();
            match meant {
                Some(meant) if !homes.iter().any(|home| meant.starts_with(home)) => {
                    let mut report = self.report(file);
                    refuse(&mut report, &ReadError::LeadsOut, Named::ByFolder);
                    self.loaded.files.push(report);
                }
                _ => self.file(file, Named::ByFolder),
            }
        }
    }

    fn file(&mut self, path: &Path, named: Named) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        if !self.seen.insert(path.clone()) {
            return;
        }
        let mut report = self.report(&path);
        let left = MAX_TOTAL.saturating_sub(self.bytes).min(MAX_KUBECONFIG);
        let read = read_regular(&path, left);
        if named != Named::ByFolder {
            let found = !matches!(read, Err(ReadError::Missing));
            self.loaded.looked.push((report.shown.as_str().to_owned(), found));
        }
        match read {
            Ok(bytes) => self.content(bytes, report, named),
            Err(error) => {
                refuse(&mut report, &error, named);
                self.loaded.files.push(report);
            }
        }
    }

    fn content(&mut self, bytes: Vec<u8>, mut report: FileReport, named: Named) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let likely = looks_like_one(&bytes);
        match self.document(bytes, &report) {
            Ok(mut document) => {
                report.problems.append(&mut document.problems);
                let file = self.loaded.files.len();
                self.inputs.push(Input { file, path: report.path.clone(), document });
            }
            Err(mut fault) => {
                report.outcome = Outcome::Refused;
                if named == Named::ByFolder {
                    report.outcome = Outcome::Skipped;
                    fault.severity = if likely { Severity::Warning } else { Severity::Note };
                }
                report.problems.push(fault);
            }
        }
        self.loaded.files.push(report);
    }

    fn document(&mut self, bytes: Vec<u8>, report: &FileReport) -> Result<Document, Problem> {
        let text = to_text(bytes).map_err(|error| {
            let at = Some(Origin { path: report.path.clone(), line: None, column: None });
            let hint = "A kubeconfig is a UTF-8 text file.";
            problem(Severity::Error, "BAD_ENCODING", at, &report.shown, &error.to_string(), hint)
        })?;
        let base = report.path.parent().unwrap_or(Path::new("/"));
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf());
        let source = Source { path: &report.path, shown: &report.shown, base: &base };
        read(&text, &source, &mut self.files)
    }
}

/// Whether a file in a folder was most likely meant to be a kubeconfig.
fn looks_like_one(bytes: &[u8]) -> bool {
    let head = bytes.get(..64 * 1024).unwrap_or(bytes);
    [
        b"current-context".as_slice(),
        b"clusters:".as_slice(),
        b"contexts:".as_slice(),
        b"\"contexts\"".as_slice(),
    ]
    .into_iter()
    .any(|word| head.windows(word.len()).any(|w| w == word))
}

fn refuse(report: &mut FileReport, error: &ReadError, named: Named) {
    let missing = matches!(error, ReadError::Missing);
    report.outcome = match named {
        _ if missing => Outcome::Missing,
        Named::ByFolder => Outcome::Skipped,
        _ => Outcome::Refused,
    };
    if missing && named == Named::Usually {
        return;
    }
    let severity = if named == Named::ByFolder { Severity::Note } else { Severity::Error };
    let hint = match error {
        ReadError::Missing => "Check the path.",
        ReadError::LeadsOut => "Name the file itself with --kubeconfig if it is to be read.",
        ReadError::NotRegular("a directory") => "--kubeconfig FOLDER reads a folder of kubeconfigs.",
        ReadError::NotRegular(_) => "Write the kubeconfig to a file first.",
        _ => "",
    };
    let at = Some(Origin { path: report.path.clone(), line: None, column: None });
    report.problems.push(problem(severity, error.code(), at, &report.shown, &error.to_string(), hint));
}

/// A path for people, with `~`.
pub(super) fn shown(path: &Path, home: Option<&Path>) -> CleanText {
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) => CleanText::new(&Path::new("~").join(rest).to_string_lossy()),
        None => CleanText::new(&path.to_string_lossy()),
    }
}
