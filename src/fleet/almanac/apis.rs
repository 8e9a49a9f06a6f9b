//! APIs that releases stop serving.

use std::sync::LazyLock;

use chrono::NaiveDate;

use super::table::Head;
use super::{BadTable, Table};
use crate::fleet::Minor;

const DATA: &str = include_str!("../data/apis.txt");

/// One API that a release stops serving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedApi {
    /// The group; empty for the core.
    pub group: String,
    /// The version.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The resource, in plural.
    pub resource: String,
    /// The release that called it deprecated.
    pub deprecated_in: Option<Minor>,
    /// The first release that does not serve it.
    pub removed_in: Minor,
    /// Group and version to use instead.
    pub replacement: Option<String>,
}

impl RemovedApi {
    /// `policy/v1beta1`, or `v1` for the core.
    pub fn group_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTable {
    /// Where it was read.
    pub source: String,
    /// The day it was read.
    pub date: NaiveDate,
    /// The newest release of which it knows what it removes; nothing is known of those after it.
    pub covers: Minor,
    /// The APIs, in the order of the releases that remove them.
    pub apis: Vec<RemovedApi>,
}

impl ApiTable {
    /// The table that this program was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<ApiTable> = LazyLock::new(|| {
            let empty = ApiTable {
                source: String::new(),
                date: NaiveDate::MIN,
                covers: Minor { major: 1, minor: 0 },
                apis: Vec::new(),
            };
            ApiTable::read(DATA).unwrap_or(empty)
        });
        &BUILTIN
    }

    /// The API of that group and version whose resource or kind is `name`; neither regards case.
    pub fn find(&self, group: &str, version: &str, name: &str) -> Option<&RemovedApi> {
        self.apis.iter().find(|api| {
            api.group == group
                && api.version == version
                && (api.resource.eq_ignore_ascii_case(name) || api.kind.eq_ignore_ascii_case(name))
        })
    }

    /// What is served in `from` and no longer in `to`.
    pub fn removed_between(&self, from: Minor, to: Minor) -> impl Iterator<Item = &RemovedApi> {
        self.apis.iter().filter(move |api| from < api.removed_in && api.removed_in <= to)
    }
}

impl Table for ApiTable {
    type Row = RemovedApi;

    fn row(words: &[&str]) -> Result<RemovedApi, String> {
        let &[group_version, kind, resource, deprecated, removed, replacement] = words else {
            return Err(
                "a row has group/version, kind, resource, deprecated in, removed in and a replacement"
                    .to_owned(),
            );
        };
        let release =
            |text: &str| text.parse().map_err(|_| format!("`{text}` is not a release such as 1.35"));
        let (group, version) = group_version.rsplit_once('/').unwrap_or(("", group_version));
        let api = RemovedApi {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            resource: resource.to_owned(),
            deprecated_in: if deprecated == "-" { None } else { Some(release(deprecated)?) },
            removed_in: release(removed)?,
            replacement: (replacement != "-").then(|| replacement.to_owned()),
        };
        if api.deprecated_in.is_some_and(|deprecated| deprecated >= api.removed_in) {
            return Err(format!("{group_version} {kind} is removed before it is deprecated"));
        }
        Ok(api)
    }

    fn make(mut head: Head, mut apis: Vec<RemovedApi>) -> Result<Self, BadTable> {
        apis.sort_by_key(|api| api.removed_in);
        let covers = match head.more.iter().position(|(_, word, _)| word == "covers") {
            Some(at) => {
                let (line, _, value) = head.more.remove(at);
                let bad = |_| BadTable { line: Some(line), message: "not a release such as 1.35".to_owned() };
                value.parse().map_err(bad)?
            }
            None => return Err(BadTable { line: None, message: "a `covers:` line is missing".to_owned() }),
        };
        head.no_more()?;
        Ok(Self { source: head.source, date: head.date, covers, apis })
    }
}
