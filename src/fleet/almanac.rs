//! What is known of Kubernetes at large, as data with a source and a date: releases, the calendars of providers, removed
//! APIs, add-ons.
//!
//! Each table is a text file: a `source:` and a `date:` line, rows of words, and comments after `#`. A table of one's own takes
//! the place of the built-in one as a whole, so that its date stays true of all of it; one that is not understood is refused
//! with the number of the line, and the built-in one stays.

mod addons;
mod apis;
mod providers;
mod table;

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};

use super::lifecycle::Calendar;
use super::{CleanText, Minor, Origin, Problem, Severity, Told};

pub use addons::{Addon, AddonFit, AddonTable, Claim, Releases, Sureness};
pub use apis::{ApiTable, RemovedApi};
pub use providers::ProviderTable;
pub(super) use table::{Head, Table, is_stale};

/// All tables together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Almanac {
    /// Releases and the ends of their support by the project.
    pub releases: Calendar,
    /// The ends of standard support where a provider runs the control plane.
    pub providers: ProviderTable,
    /// Removed APIs.
    pub apis: ApiTable,
    /// Add-ons and the releases they go with.
    pub addons: AddonTable,
}

impl Default for Almanac {
    fn default() -> Self {
        Self {
            releases: Calendar::builtin().clone(),
            providers: ProviderTable::builtin().clone(),
            apis: ApiTable::builtin().clone(),
            addons: AddonTable::builtin().clone(),
        }
    }
}

/// The names of the tables' files.
pub const ALMANAC_FILES: [&str; 4] = ["releases.txt", "providers.txt", "apis.txt", "addons.txt"];

impl Almanac {
    /// The built-in tables, but for those that are given as text.
    pub fn with(releases: Option<&str>, apis: Option<&str>, addons: Option<&str>) -> (Self, Vec<Problem>) {
        let given = [("releases.txt", releases), ("apis.txt", apis), ("addons.txt", addons)];
        Self::with_files(given.into_iter().filter_map(|(name, text)| Some((name, text?))))
    }

    /// The built-in tables, but for those whose file is given by its name, one of [`ALMANAC_FILES`], and text. The problems name
    /// the file without a folder.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<Problem>) {
        let mut almanac = Self::default();
        let mut problems = Vec::new();
        for (name, text) in files {
            let read = match name {
                "releases.txt" => Calendar::read(text).map(|table| almanac.releases = table),
                "providers.txt" => Table::read(text).map(|table| almanac.providers = table),
                "apis.txt" => Table::read(text).map(|table| almanac.apis = table),
                "addons.txt" => Table::read(text).map(|table| almanac.addons = table),
                _ => Err(BadTable { line: None, message: "no table has this name".to_owned() }),
            };
            problems.extend(read.err().map(|bad| bad.problem(name)));
        }
        (almanac, problems)
    }

    /// For each table that is older than 180 days, its name and a sentence about that.
    pub fn staleness(&self, now: DateTime<Utc>) -> Vec<(&'static str, CleanText)> {
        let stale = |name: &'static str, what: &str, date: NaiveDate| {
            let days = is_stale(date, now)?;
            let told =
                format!("{what} are {days} days old (read {date}), what has changed since is not known");
            Some((name, CleanText::new(&told)))
        };
        [
            stale("releases", "release dates", self.releases.date),
            stale("providers", "the providers' support dates", self.providers.date),
            stale("apis", "removed APIs", self.apis.date),
            stale("addons", "the add-ons' compatibility tables", self.addons.date),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The last day on which a release is supported, and by whose calendar: the provider's, if it is known and not guessed and
    /// its calendar has the release, or else the project's (`None`).
    pub fn end_of_support<'a>(
        &self,
        minor: Minor,
        provider: Option<&'a Told>,
    ) -> Option<(NaiveDate, Option<&'a str>)> {
        let provider = provider.filter(|told| !told.guessed).map(|told| told.value.as_str());
        if let Some((name, end)) = provider.and_then(|name| Some((name, self.providers.end(name, minor)?))) {
            return Some((end, Some(name)));
        }
        self.releases.get(minor).map(|release| (release.end_of_life, None))
    }

    /// The newest release that is out and supported, at the provider if it is known and not guessed, or else by the project.
    pub fn newest_supported(&self, provider: Option<&Told>, now: DateTime<Utc>) -> Option<Minor> {
        let today = now.date_naive();
        let provider = provider.filter(|told| !told.guessed).map(|told| told.value.as_str());
        let released = |minor: Minor| self.releases.get(minor).is_none_or(|r| r.released <= today);
        let at_provider = provider.and_then(|name| {
            self.providers
                .of(name)
                .filter(|(minor, end)| *end >= today && released(*minor))
                .map(|(m, _)| m)
                .max()
        });
        at_provider.or_else(|| {
            let supported = self.releases.releases.iter();
            supported.filter(|r| r.released <= today && r.end_of_life >= today).map(|r| r.minor).max()
        })
    }
}

/// A table that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadTable {
    /// The line, from 1; `None` if it is about the whole.
    pub line: Option<u32>,
    /// What is wrong, a lowercase fragment.
    pub message: String,
}

impl BadTable {
    fn problem(&self, name: &str) -> Problem {
        Problem {
            severity: Severity::Warning,
            code: "BAD_DATA",
            origin: Some(Origin { path: PathBuf::from(name), line: self.line, column: None }),
            subject: CleanText::new(name),
            message: CleanText::new(&self.message),
            hint: Some(CleanText::new("The built-in table is used instead.")),
        }
    }
}

#[cfg(test)]
mod tests;
