//! The form that all tables share.

use chrono::{DateTime, NaiveDate, Utc};

use super::BadTable;

/// After how many days a table is too old to be believed without a word.
const STALE_AFTER_DAYS: i64 = 180;

/// Longest table, in lines.
const MAX_LINES: usize = 10_000;

/// How many days old a table is, if that is too old.
pub(in crate::fleet) fn is_stale(date: NaiveDate, now: DateTime<Utc>) -> Option<i64> {
    let days = now.date_naive().signed_duration_since(date).num_days();
    (days > STALE_AFTER_DAYS).then_some(days)
}

/// What stands at the head of a table.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(in crate::fleet) struct Head {
    pub(in crate::fleet) source: String,
    pub(in crate::fleet) date: NaiveDate,
    /// Other `word: value` lines.
    pub(in crate::fleet) more: Vec<(u32, String, String)>,
}

/// A table that is read from a text.
pub(in crate::fleet) trait Table: Sized {
    /// One row.
    type Row;

    /// Reads one row from its words. The error is a lowercase fragment.
    fn row(words: &[&str]) -> Result<Self::Row, String>;

    /// Puts the table together.
    fn make(head: Head, rows: Vec<Self::Row>) -> Result<Self, BadTable>;

    /// Reads a table: `source:` and `date:` lines, and a line for each row. Refused as a whole if any line is not understood.
    fn read(text: &str) -> Result<Self, BadTable> {
        let mut head = Head::default();
        let mut rows = Vec::new();
        let mut dated = false;
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let bad = |message: String| BadTable { line: Some(number), message };
            if at >= MAX_LINES {
                return Err(bad(format!("longer than {MAX_LINES} lines")));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(':').filter(|(word, _)| word.chars().all(|c| c.is_ascii_lowercase())) {
                Some(("source", value)) => value.trim().clone_into(&mut head.source),
                Some(("date", value)) => {
                    head.date =
                        value.trim().parse().map_err(|_| bad("not a date such as 2026-11-20".to_owned()))?;
                    dated = true;
                }
                Some((word, value)) => head.more.push((number, word.to_owned(), value.trim().to_owned())),
                None => {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    rows.push(Self::row(&words).map_err(bad)?);
                }
            }
        }
        if !dated {
            return Err(BadTable { line: None, message: "a `date:` line is missing".to_owned() });
        }
        if rows.is_empty() {
            return Err(BadTable { line: None, message: "there is no row in it".to_owned() });
        }
        Self::make(head, rows)
    }
}

impl Head {
    /// Refuses lines of the head that no table of this kind has.
    pub(in crate::fleet) fn no_more(&self) -> Result<(), BadTable> {
        match self.more.first() {
            Some((line, word, _)) => {
                Err(BadTable { line: Some(*line), message: format!("`{word}:` means nothing here") })
            }
            None => Ok(()),
        }
    }
}
