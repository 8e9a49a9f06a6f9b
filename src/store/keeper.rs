//! What is done with an open file: every order as one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::journal::{self, Line};
use super::rows::{DecisionRow, InputsRow, SightingRow, named, sighting_id};
use super::{Memory, Remembered, StoreError, Verified};
use crate::fleet::{ClassInputs, CleanText, Decision, Evidence, Identity, Recorded, Sighting, SightingId};

/// An open file.
pub(super) struct Keeper {
    connection: Connection,
    /// The number of the newest decision that whoever asks knows of.
    known: i64,
    /// SQLite's count of changes by others.
    others: i64,
}

fn time(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

fn clean(text: &str) -> CleanText {
    CleanText::with_cap(text, usize::MAX)
}

impl Keeper {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        let mut keeper = Self { connection, known: 0, others: 0 };
        keeper.others = keeper.data_version()?;
        keeper.known = newest(&keeper.connection)?;
        Ok(keeper)
    }

    fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Whether another process has decided something since this was last asked or everything recalled.
    pub(super) fn has_news(&mut self) -> Result<bool, StoreError> {
        let others = self.data_version()?;
        if others == self.others {
            return Ok(false);
        }
        self.others = others;
        let newest = newest(&self.connection)?;
        Ok(std::mem::replace(&mut self.known, newest) < newest)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Enters decisions; whether another process had decided something meanwhile.
    pub(super) fn record(&mut self, decisions: &[Recorded]) -> Result<bool, StoreError> {
        let known = self.known;
        let transaction = self.begin()?;
        let news = newest(&transaction)? > known;
        for recorded in decisions {
            let value = serde_json::to_string(&DecisionRow::from(&recorded.decision))?;
            let at = recorded.at.timestamp_millis();
            let (action, subject) = named(&recorded.decision);
            let who = recorded.who.as_str();
            let line = Line { at, who, action, subject: &subject, detail: &value };
            let entry = journal::append(&transaction, &line)?;
            let reason = recorded.reason.as_ref().map(CleanText::as_str);
            transaction.execute(
                "INSERT INTO decisions (at, who, reason, value, entry) VALUES (?, ?, ?, ?, ?)",
                params![at, who, reason, value, entry],
            )?;
        }
        let newest = newest(&transaction)?;
        transaction.commit()?;
        self.known = newest;
        Ok(news)
    }

    pub(super) fn remember_inputs(
        &mut self,
        inputs: &[(Identity, ClassInputs)],
        now: i64,
    ) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        {
            let mut put = transaction.prepare(
                "INSERT INTO inputs (identity, value, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = ?2, at = ?3",
            )?;
            for (identity, inputs) in inputs {
                put.execute(params![
                    identity.as_str(),
                    serde_json::to_string(&InputsRow::from(inputs))?,
                    now
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn remember_sightings(
        &mut self,
        source: &str,
        sightings: &[Arc<Sighting>],
        now: i64,
    ) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let mut before: HashMap<String, i64> = {
            let mut all =
                transaction.prepare("SELECT reference, first_seen FROM sightings WHERE source = ?")?;
            all.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
        };
        {
            let mut put = transaction.prepare(
                "INSERT INTO sightings (source, reference, place, value, first_seen, last_seen, gone_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)
                 ON CONFLICT DO UPDATE SET place = ?3, value = ?4, last_seen = ?5, gone_at = ?6",
            )?;
            for (place, sighting) in (0_i64..).zip(sightings) {
                let reference = sighting.id.reference.as_str();
                let value = serde_json::to_string(&SightingRow::from(&**sighting))?;
                let gone_at = sighting.gone_at.map(|at| at.timestamp_millis());
                put.execute(params![source, reference, place, value, now, gone_at])?;
                before.remove(reference);
            }
            let mut drop_row =
                transaction.prepare("DELETE FROM sightings WHERE source = ? AND reference = ?")?;
            for reference in before.keys() {
                drop_row.execute(params![source, reference])?;
            }
        }
        Ok(transaction.commit()?)
    }

    pub(super) fn remember_evidence(
        &mut self,
        evidence: &[(SightingId, Evidence)],
    ) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        {
            let mut put = transaction.prepare(
                "INSERT INTO evidence (source, reference, uid, nodes, at, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET uid = ?3, nodes = ?4, at = ?5, place = ?6",
            )?;
            for (id, evidence) in evidence {
                let nodes: Vec<_> = evidence.nodes.iter().map(CleanText::as_str).collect();
                put.execute(params![
                    id.source.as_str(),
                    id.reference.as_str(),
                    evidence.uid.as_str(),
                    serde_json::to_string(&nodes)?,
                    evidence.at.timestamp_millis(),
                    evidence.place.as_str(),
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// Everything, as it is at one moment.
    pub(super) fn recall(&mut self) -> Result<Memory, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut memory = Memory::default();
        decisions(&transaction, &mut memory)?;
        inputs(&transaction, &mut memory)?;
        sightings(&transaction, &mut memory)?;
        evidence(&transaction, &mut memory)?;
        let newest = newest(&transaction)?;
        transaction.commit()?;
        self.known = newest;
        Ok(memory)
    }

    pub(super) fn verify(&self) -> Result<Verified, StoreError> {
        journal::verify(&self.connection)
    }
}

fn newest(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT coalesce(max(seq), 0) FROM decisions", [], |row| row.get(0))?)
}

fn decisions(transaction: &Transaction<'_>, memory: &mut Memory) -> Result<(), StoreError> {
    let mut all = transaction.prepare("SELECT at, who, reason, value FROM decisions ORDER BY seq")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (at, who, reason, value): (i64, String, Option<String>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let read = serde_json::from_str::<DecisionRow>(&value).ok().zip(time(at));
        let Some((decision, at)) = read else {
            memory.unreadable += 1;
            memory.decisions_lost = true;
            continue;
        };
        let decision = Decision::from(&decision);
        memory.decisions.push(Recorded {
            decision,
            at,
            who: clean(&who),
            reason: reason.as_deref().map(clean),
        });
    }
    Ok(())
}

fn inputs(transaction: &Transaction<'_>, memory: &mut Memory) -> Result<(), StoreError> {
    let mut all = transaction.prepare("SELECT identity, value FROM inputs")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (identity, value): (String, String) = (row.get(0)?, row.get(1)?);
        let read = serde_json::from_str::<InputsRow>(&value).ok().and_then(|row| row.inputs());
        if let Some(inputs) = read {
            memory.inputs.insert(Identity::from_text(&identity), inputs);
        } else {
            memory.unreadable += 1;
            memory.lost.insert(Identity::from_text(&identity));
        }
    }
    Ok(())
}

fn sightings(transaction: &Transaction<'_>, memory: &mut Memory) -> Result<(), StoreError> {
    let mut all = transaction.prepare(
        "SELECT source, reference, value, first_seen, gone_at FROM sightings ORDER BY source, place",
    )?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (source, reference, value): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (first_seen, gone_at): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
        let id = sighting_id(&source, &reference);
        let read = serde_json::from_str::<SightingRow>(&value).ok();
        let sighting = read.and_then(|row| row.sighting(id, gone_at.and_then(time)));
        match sighting.zip(time(first_seen)) {
            Some((sighting, first_seen)) => {
                memory.sightings.push(Remembered { sighting: Arc::new(sighting), first_seen });
            }
            None => memory.unreadable += 1,
        }
    }
    Ok(())
}

fn evidence(transaction: &Transaction<'_>, memory: &mut Memory) -> Result<(), StoreError> {
    let mut all = transaction.prepare("SELECT source, reference, uid, nodes, at, place FROM evidence")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (source, reference, uid): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (nodes, at, place): (String, i64, String) = (row.get(3)?, row.get(4)?, row.get(5)?);
        match serde_json::from_str::<Vec<String>>(&nodes).ok().zip(time(at)) {
            Some((nodes, at)) => {
                let nodes = nodes.iter().map(|n| clean(n)).collect();
                let seen = Evidence { uid: clean(&uid), nodes, place: clean(&place), at };
                memory.evidence.insert(sighting_id(&source, &reference), seen);
            }
            None => memory.unreadable += 1,
        }
    }
    Ok(())
}
