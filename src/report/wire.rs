//! The small words of the documents: times, texts, closed enums, and the head that every document has.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::fleet::{
    CleanText, Failure, Origin, Phase, Problem, Protection, Severity, SightingId, State, TextMap, Truth,
    Weight,
};

/// A document: the head that all have, and its own fields.
macro_rules! document {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The group and version.
            #[schemars(extend("const" = crate::report::API_VERSION))]
            pub api_version: &'static str,
            /// The kind.
            #[schemars(extend("const" = stringify!($name)))]
            pub kind: &'static str,
            /// The shape's version, `MAJOR.MINOR`.
            pub schema_version: &'static str,
            /// When it was written.
            pub generated_at: crate::report::Stamp,
            /// By what.
            pub tool: crate::report::Tool,
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}
pub(super) use document;

/// The group and version of every document.
pub const API_VERSION: &str = "fleetglass.dev/v1alpha1";

/// `MAJOR.MINOR` of the documents' shape: a minor only adds.
pub const SCHEMA_VERSION: &str = "1.1";

/// A moment, written as RFC 3339 in UTC with whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub DateTime<Utc>);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl From<DateTime<Utc>> for Stamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl JsonSchema for Stamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "description": "RFC 3339, UTC, whole seconds" })
    }
}

/// Text from outside that is safe to print; a string on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text(pub CleanText);

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<&CleanText> for Text {
    fn from(text: &CleanText) -> Self {
        Self(text.clone())
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        Self(CleanText::new(raw))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// The coarse state of a cluster. Closed; a reader that meets another word treats it as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StateWord {
    /// The API, etcd, DNS or more than a fifth of the nodes are broken.
    Crit,
    /// Reachable, but the credential was refused or has ended.
    Auth,
    /// Cannot be connected to.
    Down,
    /// A plan is acting on it.
    Upgrading,
    /// A finding, still serving.
    Warn,
    /// A person put a hold on it.
    Held,
    /// Not contacted yet.
    New,
    /// Live, no finding.
    Ok,
}

impl From<State> for StateWord {
    fn from(state: State) -> Self {
        match state {
            State::Crit => Self::Crit,
            State::Auth => Self::Auth,
            State::Down => Self::Down,
            State::Upgrading => Self::Upgrading,
            State::Warn => Self::Warn,
            State::Held => Self::Held,
            State::New => Self::New,
            State::Ok => Self::Ok,
        }
    }
}

/// What the polling of a cluster is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PhaseWord {
    /// Waits for its turn or for its first contact.
    Waiting,
    /// Its credential is being fetched: a plugin is at work or waits for its turn.
    SigningIn,
    /// A connection is being made or an answer awaited.
    Connecting,
    /// Between polls.
    Idle,
    /// Failed, and waits for the next try.
    BackingOff,
    /// Not tried until a person does something.
    Parked,
}

impl From<Phase> for PhaseWord {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Waiting => Self::Waiting,
            Phase::SigningIn => Self::SigningIn,
            Phase::Connecting => Self::Connecting,
            Phase::Idle => Self::Idle,
            Phase::BackingOff => Self::BackingOff,
            Phase::Parked => Self::Parked,
        }
    }
}

/// How a change to the cluster must be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProtectionWord {
    /// No question.
    None,
    /// y/N.
    Confirm,
    /// A phrase is typed.
    Typed,
    /// Not at all.
    Locked,
}

impl From<Protection> for ProtectionWord {
    fn from(protection: Protection) -> Self {
        match protection {
            Protection::None => Self::None,
            Protection::Confirm => Self::Confirm,
            Protection::Typed => Self::Typed,
            Protection::Locked => Self::Locked,
        }
    }
}

/// How bad a problem in a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeverityWord {
    /// Worth knowing; nothing is lost.
    Note,
    /// Something was ignored or looks wrong.
    Warning,
    /// This entry or file cannot be used.
    Error,
}

impl SeverityWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl From<Severity> for SeverityWord {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Self::Note,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

/// What wrote the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// `fleetglass`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// Why a value or a whole cluster could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cause {
    /// A stable word: DNS, TCP, TLS, PROXY, TIMEOUT, HTTP401, HTTP403, HTTP429, HTTP5XX, HTTP, EXEC, OIDC, CONFIG,
    /// PARSE, CLOCK, VERSION, CANCELLED, INTERNAL.
    pub code: &'static str,
    /// For people, without the code.
    pub message: Text,
    /// What to try next.
    pub hint: Option<Text>,
}

impl From<&Failure> for Cause {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.as_str(),
            message: Text::from(&failure.message),
            hint: failure.hint.as_ref().map(Text::from),
        }
    }
}

/// Something wrong with what a person wrote: what, where, why and what to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProblemItem {
    /// How bad it is.
    pub severity: SeverityWord,
    /// A stable word for the kind.
    pub code: &'static str,
    /// The context, entry or key it is about.
    pub subject: Text,
    /// What is wrong.
    pub message: Text,
    /// What to try.
    pub hint: Option<Text>,
    /// The file it stands in.
    pub file: Option<Text>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

impl From<&Problem> for ProblemItem {
    fn from(problem: &Problem) -> Self {
        let origin = problem.origin.as_ref();
        Self {
            severity: problem.severity.into(),
            code: problem.code,
            subject: Text::from(&problem.subject),
            message: Text::from(&problem.message),
            hint: problem.hint.as_ref().map(Text::from),
            file: origin.map(file_of),
            line: origin.and_then(|o| o.line),
            column: origin.and_then(|o| o.column),
        }
    }
}

impl ProblemItem {
    /// `file:line:column`, as far as it is known.
    pub fn place(&self) -> Option<String> {
        let mut place = self.file.as_ref()?.to_string();
        for number in [self.line, self.line.and(self.column)].into_iter().flatten() {
            place.push(':');
            place.push_str(&number.to_string());
        }
        Some(place)
    }
}

/// A place in a file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file.
    pub file: Text,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

impl From<&Origin> for Place {
    fn from(origin: &Origin) -> Self {
        Self { file: file_of(origin), line: origin.line, column: origin.column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        [self.line, self.line.and(self.column)].into_iter().flatten().try_for_each(|n| write!(f, ":{n}"))
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WeightWord {
    /// Worth knowing.
    Note,
    /// Not as it should be.
    Warning,
    /// A rule is broken.
    Error,
}

impl WeightWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl From<Weight> for WeightWord {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Note => Self::Note,
            Weight::Warning => Self::Warning,
            Weight::Error => Self::Error,
        }
    }
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TruthWord {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// Nobody can say.
    Unknown,
}

impl TruthWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Truth> for TruthWord {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::Yes => Self::Yes,
            Truth::No => Self::No,
            Truth::Unknown => Self::Unknown,
        }
    }
}

/// A sighting as commands take it: `source:reference`.
pub(super) fn sighting(id: &SightingId) -> Text {
    Text(CleanText::with_cap(&id.to_string(), 4096))
}

/// Labels or properties.
pub(super) fn map(of: &TextMap) -> BTreeMap<String, Text> {
    of.iter().map(|(k, v)| (k.as_str().to_owned(), Text::from(v))).collect()
}

/// The file of an origin as safe text.
pub(super) fn file_of(origin: &Origin) -> Text {
    Text(CleanText::with_cap(&origin.path.to_string_lossy(), 4096))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_whole_seconds() {
        let at = DateTime::from_timestamp(1_763_629_340, 987_000_000).unwrap();
        assert_eq!(serde_json::to_string(&Stamp(at)).unwrap(), "\"2025-11-20T09:02:20Z\"");
    }

    #[test]
    fn a_place_says_as_much_as_is_known() {
        let at = |line, column| {
            ProblemItem::from(&Problem {
                severity: Severity::Error,
                code: "BAD_SERVER",
                origin: Some(Origin { path: "/k/config".into(), line, column }),
                subject: "a".into(),
                message: "b".into(),
                hint: None,
            })
            .place()
            .unwrap()
        };
        assert_eq!(at(None, None), "/k/config");
        assert_eq!(at(Some(7), None), "/k/config:7");
        assert_eq!(at(Some(7), Some(3)), "/k/config:7:3");
    }
}
