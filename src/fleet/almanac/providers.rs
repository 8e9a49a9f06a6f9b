//! The ends of standard support where a provider runs the control plane.

use std::sync::LazyLock;

use chrono::NaiveDate;

use super::table::Head;
use super::{BadTable, Table};
use crate::fleet::Minor;

const DATA: &str = include_str!("../data/providers.txt");

/// The calendars of providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTable {
    /// Where the dates come from.
    pub source: String,
    /// The day they were read.
    pub date: NaiveDate,
    /// Provider, release, last day of its standard support.
    ends: Vec<(String, Minor, NaiveDate)>,
}

impl ProviderTable {
    /// The table that this program was built with.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<ProviderTable> = LazyLock::new(|| {
            let empty = ProviderTable { source: String::new(), date: NaiveDate::MIN, ends: Vec::new() };
            ProviderTable::read(DATA).unwrap_or(empty)
        });
        &BUILTIN
    }

    /// The last day of a release's standard support at a provider (`eks`), if it is known.
    pub fn end(&self, provider: &str, minor: Minor) -> Option<NaiveDate> {
        self.of(provider).find(|(m, _)| *m == minor).map(|(_, end)| end)
    }

    /// The releases of a provider with the last days of their support, in the order of the file.
    pub fn of(&self, provider: &str) -> impl Iterator<Item = (Minor, NaiveDate)> {
        self.ends.iter().filter(move |(name, ..)| name == provider).map(|(_, minor, end)| (*minor, *end))
    }
}

impl Table for ProviderTable {
    type Row = (String, Minor, NaiveDate);

    fn row(words: &[&str]) -> Result<Self::Row, String> {
        let &[provider, minor, end] = words else {
            return Err("a row has a provider, a release and a date".to_owned());
        };
        let minor = minor.parse().map_err(|_| format!("`{minor}` is not a release such as 1.35"))?;
        let end = end.parse().map_err(|_| format!("`{end}` is not a date"))?;
        Ok((provider.to_owned(), minor, end))
    }

    fn make(head: Head, ends: Vec<Self::Row>) -> Result<Self, BadTable> {
        head.no_more()?;
        Ok(Self { source: head.source, date: head.date, ends })
    }
}
