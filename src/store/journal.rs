//! The journal: what was done, by whom, when, each entry holding the hash of the one before it.
//!
//! An entry that is changed or taken out afterwards no longer fits the next one. This shows an accident or a clumsy hand; whoever
//! may write the file and means it can write all of the chain anew.

use rusqlite::{Connection, Transaction, params};
use sha2::{Digest, Sha256};

use super::StoreError;

/// The hash that the first entry holds.
const BEGINNING: [u8; 32] = [0; 32];

/// What is to be entered.
pub(super) struct Line<'a> {
    /// Milliseconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) who: &'a str,
    pub(super) action: &'a str,
    pub(super) subject: &'a str,
    pub(super) detail: &'a str,
}

impl Line<'_> {
    /// SHA-256 over the hash before it, its number, its time, and its texts, each after its length in bytes.
    fn hash(&self, seq: i64, before: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(before);
        hash.update(seq.to_be_bytes());
        hash.update(self.at.to_be_bytes());
        for text in [self.who, self.action, self.subject, self.detail] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}

/// Enters `line`; the answer is its number.
pub(super) fn append(transaction: &Transaction<'_>, line: &Line<'_>) -> rusqlite::Result<i64> {
    // The highest number ever given, which the table remembers even if its last rows were taken out.
    let last: i64 = transaction.query_row(
        "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0),
                    coalesce((SELECT max(seq) FROM journal), 0))",
        [],
        |row| row.get(0),
    )?;
    let before: Vec<u8> =
        match transaction.query_row("SELECT hash FROM journal ORDER BY seq DESC LIMIT 1", [], |r| r.get(0)) {
            Err(rusqlite::Error::QueryReturnedNoRows) => BEGINNING.to_vec(),
            read => read?,
        };
    let seq = last.saturating_add(1);
    transaction.execute(
        "INSERT INTO journal (seq, at, who, action, subject, detail, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![seq, line.at, line.who, line.action, line.subject, line.detail, before, line.hash(seq, &before)],
    )?;
    Ok(seq)
}

/// What came of reading the whole journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// All of it fits together; so many entries.
    Whole(u64),
    /// The entry of that number is not what was entered, or something before it is missing.
    Broken(i64),
}

/// Reads all of it again: every hash, every number, and that every decision is the one that was entered.
pub(super) fn verify(connection: &Connection) -> Result<Verified, StoreError> {
    let mut statement = connection
        .prepare("SELECT seq, at, who, action, subject, detail, previous, hash FROM journal ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let (mut before, mut count, mut last) = (BEGINNING.to_vec(), 0_u64, 0_i64);
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let texts: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        let [who, action, subject, detail] = &texts;
        let line = Line { at: row.get(1)?, who, action, subject, detail };
        let (previous, hash): (Vec<u8>, Vec<u8>) = (row.get(6)?, row.get(7)?);
        if seq != last.saturating_add(1) || previous != before || hash != line.hash(seq, &before) {
            return Ok(Verified::Broken(seq));
        }
        (before, last, count) = (hash, seq, count + 1);
    }
    let given: i64 = connection.query_row(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0)",
        [],
        |row| row.get(0),
    )?;
    if given != last {
        return Ok(Verified::Broken(given));
    }
    let strange: Option<i64> = connection.query_row(
        "SELECT min(d.entry) FROM decisions d LEFT JOIN journal j ON j.seq = d.entry
         WHERE j.seq IS NULL OR j.detail <> d.value OR j.at <> d.at OR j.who <> d.who",
        [],
        |row| row.get(0),
    )?;
    Ok(strange.map_or(Verified::Whole(count), Verified::Broken))
}
