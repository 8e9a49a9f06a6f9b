//! Which sightings become one row, and what the row says.

mod merging;
mod properties;
mod rows;
mod scale;

use super::*;
use crate::fleet::testing::now;
use crate::fleet::{AccessPath, Decision, Fingerprint, Method, Recorded, SourceKind, TextMap, normal_server};

fn id(source: &str, reference: &str) -> SightingId {
    SightingId { source: source.into(), reference: reference.into() }
}

fn ca(number: u8) -> Fingerprint {
    Fingerprint([number; 32])
}

fn texts(pairs: &[(&str, &str)]) -> TextMap {
    Arc::new(pairs.iter().map(|(k, v)| (CleanText::new(k), CleanText::new(v))).collect())
}

/// A sighting in the making.
#[derive(Debug)]
struct Seen(Sighting);

fn seen(kind: SourceKind, source: &str, reference: &str) -> Seen {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    Seen(Sighting::new(kind, id(source, reference), name.into(), now()))
}

fn context(file: &str, name: &str, server: &str) -> Seen {
    seen(SourceKind::Kubeconfig, file, name).server(server).path()
}

impl Seen {
    fn uid(mut self, uid: &str) -> Self {
        self.0.uid = Some(uid.into());
        self
    }

    fn server(mut self, server: &str) -> Self {
        self.0.server = normal_server(server);
        self
    }

    fn ca(mut self, numbers: &[u8]) -> Self {
        self.0.authorities = numbers.iter().map(|n| ca(*n)).collect();
        self
    }

    fn fronted(mut self) -> Self {
        self.0.fronted = true;
        self
    }

    fn gone(mut self) -> Self {
        self.0.gone_at = Some(now() - chrono::TimeDelta::days(2));
        self
    }

    fn labels(mut self, labels: &[(&str, &str)]) -> Self {
        self.0.labels = texts(labels);
        self
    }

    fn path(mut self) -> Self {
        let path = AccessPath::new("ana@corp".into(), Method::Exec);
        self.0.path = Some(AccessPath { server: self.0.server.clone(), ..path });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Sighting)) -> Self {
        change(&mut self.0);
        self
    }
}

fn all(sightings: Vec<Seen>) -> Vec<Arc<Sighting>> {
    sightings.into_iter().map(|s| Arc::new(s.0)).collect()
}

fn decisions(all: Vec<Decision>) -> Decisions {
    let record = |decision| Recorded { decision, at: now(), who: "ana".into(), reason: None };
    Decisions(all.into_iter().map(record).collect())
}

/// What was seen over paths: sighting, UID, nodes.
type Looks<'a> = &'a [(&'a str, &'a str, &'a str, &'a [&'a str])];

fn evidence(looks: Looks<'_>) -> HashMap<SightingId, Evidence> {
    let look = |(source, reference, uid, nodes): &(&str, &str, &str, &[&str])| {
        let nodes = nodes.iter().map(|n| CleanText::new(n)).collect();
        (
            id(source, reference),
            Evidence { uid: (*uid).into(), nodes, place: CleanText::default(), at: now() },
        )
    };
    looks.iter().map(look).collect()
}

fn united(sightings: Vec<Seen>) -> Roster {
    unite(&all(sightings), &HashMap::new(), &Decisions::default(), now())
}

/// The rows as texts: `key = source:reference source:reference`.
fn lines(roster: &Roster) -> Vec<String> {
    let line = |e: &Entry| {
        let sources: Vec<_> = e.sources.iter().map(|s| s.id().to_string()).collect();
        format!("{} = {}", e.key, sources.join(" "))
    };
    roster.entries.iter().map(line).collect()
}

fn apart(roster: &Roster) -> Vec<String> {
    roster.apart.iter().map(|a| format!("{} {} {}", a.code, a.first, a.second)).collect()
}

/// The sets of sightings, whatever their order.
fn sets(roster: &Roster) -> BTreeMap<SightingId, Vec<SightingId>> {
    let set = |e: &Entry| {
        let mut ids: Vec<_> = e.sources.iter().map(SourceRef::id).collect();
        ids.sort();
        ids
    };
    roster.entries.iter().map(set).map(|ids| (ids.first().cloned().unwrap_or_default(), ids)).collect()
}
