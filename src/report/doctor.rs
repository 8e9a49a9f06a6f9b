//! The documents about the console's own surroundings: `SourceList` and `DoctorReport`.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::status::problems;
use super::wire::{API_VERSION, ProblemItem, SCHEMA_VERSION, SeverityWord, Stamp, Text, Tool};
use crate::fleet::{Fleet, Problem, Severity, Sync};

/// Where clusters were learned of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceList {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "SourceList"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// The sources.
    pub items: Vec<SourceItem>,
    /// What is wrong with them and with their entries.
    pub problems: Vec<ProblemItem>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceItem {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Text,
    /// How reading it goes.
    pub sync: SyncWord,
    /// What is done to read it, for people.
    pub how: Text,
    /// How many entries it gave, those that are gone not counted.
    pub entries: usize,
    /// How many of them are a row that no earlier source had.
    pub added: usize,
    /// How many of them joined a row of another entry.
    pub merged: usize,
    /// When it was last read to the end, or last confirmed by a watch.
    pub synced_at: Option<Stamp>,
    /// When it is read again, if that is known.
    pub next_at: Option<Stamp>,
    /// Since when it cannot be read; `null` while it can.
    pub failing_since: Option<Stamp>,
    /// Problems of the source itself and of the entries that stand in it.
    pub problems: usize,
    /// How many of those are errors.
    pub errors: usize,
}

/// How reading a source goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyncWord {
    /// Not read to the end yet.
    Reading,
    /// Read, and changes arrive by themselves.
    Watching,
    /// Read, and read again from time to time.
    Polling,
    /// Cannot be read now; what it said before is kept.
    Failing,
}

impl SyncWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Watching => "watching",
            Self::Polling => "polling",
            Self::Failing => "failing",
        }
    }
}

impl From<Sync> for SyncWord {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Reading => Self::Reading,
            Sync::Watching => Self::Watching,
            Sync::Polling => Self::Polling,
            Sync::Failing => Self::Failing,
        }
    }
}

/// What the console found around itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "DoctorReport"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// Whether no finding is an error.
    pub healthy: bool,
    /// What was looked at, in the order in which a person would look.
    pub findings: Vec<Finding>,
    /// Where clusters were learned of.
    pub sources: Vec<SourceItem>,
    /// What is wrong with them and with their entries.
    pub problems: Vec<ProblemItem>,
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Will hurt.
    Warning,
    /// Does not work.
    Error,
}

impl Grade {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The group: `sources`, `limits`, `proxy`, `plugins`, `terminal`, `files`.
    pub topic: &'static str,
    /// What.
    pub subject: Text,
    /// How it is to be taken.
    pub grade: Grade,
    /// What was found.
    pub message: Text,
    /// What to try.
    pub hint: Option<Text>,
}

/// The sources of `fleet`.
pub fn source_list(fleet: &Fleet, now: DateTime<Utc>, tool: Tool) -> SourceList {
    SourceList {
        api_version: API_VERSION,
        kind: "SourceList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        items: source_items(fleet),
        problems: problems(fleet),
    }
}

/// Whether both are the same problem of the same thing, however much it matters there.
fn is_same(a: &Problem, b: &Problem) -> bool {
    (a.code, &a.subject, &a.message) == (b.code, &b.subject, &b.message)
}

/// One item for each source of `fleet`.
pub fn source_items(fleet: &Fleet) -> Vec<SourceItem> {
    let tell = |source: &crate::fleet::SourceState| {
        let of_entries = fleet
            .clusters
            .iter()
            .filter(|c| c.entry.sources.first().is_some_and(|s| s.name == source.name))
            .flat_map(|c| &c.entry.problems)
            // A hub tells of its objects' problems itself.
            .filter(|p| !source.problems.iter().any(|own| is_same(own, p)));
        let all: Vec<_> = source.problems.iter().chain(of_entries).collect();
        SourceItem {
            kind: source.kind.as_str(),
            name: Text::from(&source.name),
            sync: source.sync.into(),
            how: Text::from(&source.how),
            entries: source.entries,
            added: source.added,
            merged: source.merged,
            next_at: source.next_at.map(Stamp),
            failing_since: source.failing_since.map(Stamp),
            synced_at: source.synced_at.map(Stamp),
            problems: all.len(),
            errors: all.iter().filter(|p| p.severity == Severity::Error).count(),
        }
    };
    fleet.sources.iter().map(tell).collect()
}

/// The report over `fleet` and what else was looked at.
pub fn doctor_report(fleet: &Fleet, findings: Vec<Finding>, now: DateTime<Utc>, tool: Tool) -> DoctorReport {
    let problems = problems(fleet);
    let broken = problems.iter().any(|p| p.severity == SeverityWord::Error)
        || findings.iter().any(|f| f.grade == Grade::Error);
    DoctorReport {
        api_version: API_VERSION,
        kind: "DoctorReport",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        healthy: !broken,
        findings,
        sources: source_items(fleet),
        problems,
    }
}
