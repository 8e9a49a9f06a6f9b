//! The rows as they are written: forms of their own, so that what is stored changes only when somebody means it to.
//!
//! What a program of today cannot read (a kind of source it does not know) makes that row unreadable, never the file. No row holds
//! a secret: sightings are what people may see, targets are not among them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::fleet::{
    AccessPath, CertificateEnd, ClassInputs, CleanText, Decision, Facts, Fingerprint, Health, Identity,
    Method, Origin, ProviderInsight, Sighting, SightingId, SourceKind, TextMap, Truth,
};

/// The text of a row was clean when it was written, and is cleaned again because a file can be changed by anybody.
fn clean(text: &str) -> CleanText {
    CleanText::with_cap(text, usize::MAX)
}

fn maybe(text: Option<&String>) -> Option<CleanText> {
    text.map(|t| clean(t))
}

fn text(clean: &CleanText) -> String {
    clean.as_str().to_owned()
}

fn maybe_text(clean: Option<&CleanText>) -> Option<String> {
    clean.map(text)
}

type Map = BTreeMap<String, String>;

fn map(values: &TextMap) -> Map {
    values.iter().map(|(k, v)| (text(k), text(v))).collect()
}

fn text_map(values: &Map) -> TextMap {
    Arc::new(values.iter().map(|(k, v)| (clean(k), clean(v))).collect())
}

/// A sighting's name.
#[derive(Serialize, Deserialize)]
pub(super) struct IdRow {
    source: String,
    reference: String,
}

impl IdRow {
    fn of(id: &SightingId) -> Self {
        Self { source: text(&id.source), reference: text(&id.reference) }
    }

    fn id(&self) -> SightingId {
        sighting_id(&self.source, &self.reference)
    }
}

/// A sighting's name from its two columns.
pub(super) fn sighting_id(source: &str, reference: &str) -> SightingId {
    SightingId { source: clean(source), reference: clean(reference) }
}

/// A decision. Identities are the text of [`Identity::as_str`].
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum DecisionRow {
    Class { cluster: String, class: Option<String> },
    AcceptChange { cluster: String, to: String },
    Label { cluster: String, key: String, value: Option<String> },
    Merge { first: IdRow, second: IdRow },
    Split { sighting: IdRow },
    Unsplit { sighting: IdRow },
    Prefer { cluster: String, path: Option<IdRow> },
    Forget { sighting: IdRow },
}

impl From<&Decision> for DecisionRow {
    fn from(decision: &Decision) -> Self {
        let known = |cluster: &Identity| cluster.as_str().to_owned();
        match decision {
            Decision::Class { cluster, class } => {
                Self::Class { cluster: known(cluster), class: maybe_text(class.as_ref()) }
            }
            Decision::AcceptChange { cluster, to } => {
                Self::AcceptChange { cluster: known(cluster), to: text(to) }
            }
            Decision::Label { cluster, key, value } => {
                Self::Label { cluster: known(cluster), key: text(key), value: maybe_text(value.as_ref()) }
            }
            Decision::Merge { first, second } => {
                Self::Merge { first: IdRow::of(first), second: IdRow::of(second) }
            }
            Decision::Split { sighting } => Self::Split { sighting: IdRow::of(sighting) },
            Decision::Unsplit { sighting } => Self::Unsplit { sighting: IdRow::of(sighting) },
            Decision::Prefer { cluster, path } => {
                Self::Prefer { cluster: known(cluster), path: path.as_ref().map(IdRow::of) }
            }
            Decision::Forget { sighting } => Self::Forget { sighting: IdRow::of(sighting) },
        }
    }
}

impl From<&DecisionRow> for Decision {
    fn from(row: &DecisionRow) -> Self {
        let known = |cluster: &String| Identity::from_text(cluster);
        match row {
            DecisionRow::Class { cluster, class } => {
                Self::Class { cluster: known(cluster), class: maybe(class.as_ref()) }
            }
            DecisionRow::AcceptChange { cluster, to } => {
                Self::AcceptChange { cluster: known(cluster), to: clean(to) }
            }
            DecisionRow::Label { cluster, key, value } => {
                Self::Label { cluster: known(cluster), key: clean(key), value: maybe(value.as_ref()) }
            }
            DecisionRow::Merge { first, second } => Self::Merge { first: first.id(), second: second.id() },
            DecisionRow::Split { sighting } => Self::Split { sighting: sighting.id() },
            DecisionRow::Unsplit { sighting } => Self::Unsplit { sighting: sighting.id() },
            DecisionRow::Prefer { cluster, path } => {
                Self::Prefer { cluster: known(cluster), path: path.as_ref().map(IdRow::id) }
            }
            DecisionRow::Forget { sighting } => Self::Forget { sighting: sighting.id() },
        }
    }
}

/// What a journal's reader calls a decision, and what it is about.
pub(super) fn named(decision: &Decision) -> (&'static str, String) {
    match decision {
        Decision::Class { cluster, .. } => ("class", cluster.as_str().to_owned()),
        Decision::AcceptChange { cluster, .. } => ("accept-change", cluster.as_str().to_owned()),
        Decision::Label { cluster, .. } => ("label", cluster.as_str().to_owned()),
        Decision::Merge { first, second } => ("merge", format!("{first} {second}")),
        Decision::Split { sighting } => ("split", sighting.to_string()),
        Decision::Unsplit { sighting } => ("unsplit", sighting.to_string()),
        Decision::Prefer { cluster, .. } => ("prefer", cluster.as_str().to_owned()),
        Decision::Forget { sighting } => ("forget", sighting.to_string()),
    }
}

/// What class rules looked at.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InputsRow {
    name: String,
    uid: Option<String>,
    server: Option<String>,
    region: Option<String>,
    provider: Option<String>,
    account: Option<String>,
    labels: Map,
    properties: Map,
    sources: Vec<(String, String, String)>,
    accepted_until: Option<DateTime<Utc>>,
}

impl From<&ClassInputs> for InputsRow {
    fn from(inputs: &ClassInputs) -> Self {
        Self {
            name: text(&inputs.name),
            uid: maybe_text(inputs.uid.as_ref()),
            server: maybe_text(inputs.server.as_ref()),
            region: maybe_text(inputs.region.as_ref()),
            provider: maybe_text(inputs.provider.as_ref()),
            account: maybe_text(inputs.account.as_ref()),
            labels: map(&inputs.labels),
            properties: map(&inputs.properties),
            sources: inputs
                .sources
                .iter()
                .map(|(kind, name, reference)| (kind.as_str().to_owned(), text(name), text(reference)))
                .collect(),
            accepted_until: inputs.accepted_until,
        }
    }
}

impl InputsRow {
    /// `None` if a source is of a kind that is not known here.
    pub(super) fn inputs(&self) -> Option<ClassInputs> {
        let source = |(kind, name, reference): &(String, String, String)| {
            Some((SourceKind::parse(kind)?, clean(name), clean(reference)))
        };
        Some(ClassInputs {
            name: clean(&self.name),
            uid: maybe(self.uid.as_ref()),
            server: maybe(self.server.as_ref()),
            region: maybe(self.region.as_ref()),
            provider: maybe(self.provider.as_ref()),
            account: maybe(self.account.as_ref()),
            labels: text_map(&self.labels),
            properties: text_map(&self.properties),
            sources: self.sources.iter().map(source).collect::<Option<_>>()?,
            accepted_until: self.accepted_until,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathRow {
    break_glass: bool,
    via: Option<String>,
    identity: String,
    method: String,
    server: Option<String>,
    insecure: bool,
    proxy: Option<String>,
    impersonates: Option<String>,
    expires_at: Option<DateTime<Utc>>,
}

const METHODS: [Method; 7] = [
    Method::Anonymous,
    Method::ClientCertificate,
    Method::Token,
    Method::TokenFile,
    Method::Basic,
    Method::Exec,
    Method::AuthProvider,
];

impl PathRow {
    fn of(path: &AccessPath) -> Self {
        Self {
            break_glass: path.break_glass,
            via: maybe_text(path.via.as_ref()),
            identity: text(&path.identity),
            method: path.method.as_str().to_owned(),
            server: maybe_text(path.server.as_ref()),
            insecure: path.insecure,
            proxy: maybe_text(path.proxy.as_ref()),
            impersonates: maybe_text(path.impersonates.as_ref()),
            expires_at: path.expires_at,
        }
    }

    fn path(&self, sighting: SightingId) -> Option<AccessPath> {
        let method = METHODS.into_iter().find(|m| m.as_str() == self.method)?;
        Some(AccessPath {
            sighting,
            break_glass: self.break_glass,
            via: maybe(self.via.as_ref()),
            server: maybe(self.server.as_ref()),
            insecure: self.insecure,
            proxy: maybe(self.proxy.as_ref()),
            impersonates: maybe(self.impersonates.as_ref()),
            expires_at: self.expires_at,
            ..AccessPath::new(clean(&self.identity), method)
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthRow {
    healthy: Option<bool>,
    word: String,
    message: String,
    since: Option<DateTime<Utc>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsightRow {
    code: String,
    blocks: bool,
    message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FactsRow {
    version: Option<String>,
    version_text: Option<String>,
    wanted_version: Option<String>,
    support_ends: Option<DateTime<Utc>>,
    provider: Option<String>,
    region: Option<String>,
    account: Option<String>,
    nodes: Option<(usize, usize)>,
    health: Option<HealthRow>,
    phase: Option<String>,
    paused: bool,
    heartbeat_at: Option<DateTime<Utc>>,
    heartbeat_seconds: Option<u32>,
    certificates: Vec<(String, DateTime<Utc>)>,
    insights: Vec<InsightRow>,
    ghost: bool,
}

impl FactsRow {
    fn of(facts: &Facts) -> Self {
        let healthy = |truth: Truth| match truth {
            Truth::Yes => Some(true),
            Truth::No => Some(false),
            Truth::Unknown => None,
        };
        Self {
            version: facts.version.as_ref().map(ToString::to_string),
            version_text: maybe_text(facts.version_text.as_ref()),
            wanted_version: facts.wanted_version.as_ref().map(ToString::to_string),
            support_ends: facts.support_ends,
            provider: maybe_text(facts.provider.as_ref()),
            region: maybe_text(facts.region.as_ref()),
            account: maybe_text(facts.account.as_ref()),
            nodes: facts.nodes,
            health: facts.health.as_ref().map(|h| HealthRow {
                healthy: healthy(h.healthy),
                word: text(&h.word),
                message: text(&h.message),
                since: h.since,
            }),
            phase: maybe_text(facts.phase.as_ref()),
            paused: facts.paused,
            heartbeat_at: facts.heartbeat_at,
            heartbeat_seconds: facts.heartbeat_seconds,
            certificates: facts.certificates.iter().map(|c| (text(&c.name), c.at)).collect(),
            insights: facts
                .insights
                .iter()
                .map(|i| InsightRow { code: text(&i.code), blocks: i.blocks, message: text(&i.message) })
                .collect(),
            ghost: facts.ghost,
        }
    }

    fn facts(&self) -> Facts {
        let version = |text: &Option<String>| text.as_ref().and_then(|t| t.parse().ok());
        Facts {
            version: version(&self.version),
            version_text: maybe(self.version_text.as_ref()),
            wanted_version: version(&self.wanted_version),
            support_ends: self.support_ends,
            provider: maybe(self.provider.as_ref()),
            region: maybe(self.region.as_ref()),
            account: maybe(self.account.as_ref()),
            nodes: self.nodes,
            health: self.health.as_ref().map(|h| Health {
                healthy: h.healthy.map_or(Truth::Unknown, |well| if well { Truth::Yes } else { Truth::No }),
                word: clean(&h.word),
                message: clean(&h.message),
                since: h.since,
            }),
            phase: maybe(self.phase.as_ref()),
            paused: self.paused,
            heartbeat_at: self.heartbeat_at,
            heartbeat_seconds: self.heartbeat_seconds,
            certificates: self
                .certificates
                .iter()
                .map(|(name, at)| CertificateEnd { name: clean(name), at: *at })
                .collect(),
            insights: self
                .insights
                .iter()
                .map(|i| ProviderInsight {
                    code: clean(&i.code),
                    blocks: i.blocks,
                    message: clean(&i.message),
                })
                .collect(),
            ghost: self.ghost,
        }
    }
}

/// A sighting without its name and its end, which have columns of their own. Problems are not kept: they are found anew.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SightingRow {
    kind: String,
    name: String,
    origin: Option<(PathBuf, Option<u32>, Option<u32>)>,
    uid: Option<String>,
    server: Option<String>,
    fronted: bool,
    authorities: Vec<String>,
    path: Option<PathRow>,
    labels: Map,
    properties: Map,
    facts: FactsRow,
    said_at: DateTime<Utc>,
    hosts_source: bool,
}

impl From<&Sighting> for SightingRow {
    fn from(s: &Sighting) -> Self {
        let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
        let hex = |print: &Fingerprint| print.0.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
        Self {
            kind: s.kind.as_str().to_owned(),
            name: text(&s.name),
            origin: s.origin.as_ref().map(|o| (o.path.clone(), o.line, o.column)),
            uid: maybe_text(s.uid.as_ref()),
            server: maybe_text(s.server.as_ref()),
            fronted: s.fronted,
            authorities: s.authorities.iter().map(hex).collect(),
            path: s.path.as_ref().map(PathRow::of),
            labels: map(&s.labels),
            properties: map(&s.properties),
            facts: FactsRow::of(&s.facts),
            said_at: s.said_at,
            hosts_source: s.hosts_source,
        }
    }
}

impl SightingRow {
    /// `None` if it speaks of kinds or methods that are not known here.
    pub(super) fn sighting(&self, id: SightingId, gone_at: Option<DateTime<Utc>>) -> Option<Sighting> {
        let path = match &self.path {
            Some(path) => Some(path.path(id.clone())?),
            None => None,
        };
        let kind = SourceKind::parse(&self.kind)?;
        Some(Sighting {
            origin: self.origin.as_ref().map(|(path, line, column)| Origin {
                path: path.clone(),
                line: *line,
                column: *column,
            }),
            uid: maybe(self.uid.as_ref()),
            server: maybe(self.server.as_ref()),
            fronted: self.fronted,
            authorities: self.authorities.iter().map(|hex| fingerprint(hex)).collect::<Option<_>>()?,
            path,
            labels: text_map(&self.labels),
            properties: text_map(&self.properties),
            facts: self.facts.facts(),
            gone_at,
            hosts_source: self.hosts_source,
            ..Sighting::new(kind, id, clean(&self.name), self.said_at)
        })
    }
}

fn fingerprint(hex: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    if digits.len() != 64 {
        return None;
    }
    Some(Fingerprint(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap()
    }

    fn id(reference: &str) -> SightingId {
        SightingId { source: "~/.kube/config".into(), reference: reference.into() }
    }

    fn pair(key: &str, value: &str) -> TextMap {
        Arc::new(BTreeMap::from([(key.into(), value.into())]))
    }

    fn full(method: Method, healthy: Truth) -> Sighting {
        let path = AccessPath {
            sighting: id("prod"),
            break_glass: true,
            via: Some("hub".into()),
            server: Some("https://a:6443".into()),
            insecure: true,
            proxy: Some("http://p:1".into()),
            impersonates: Some("root".into()),
            expires_at: Some(at(1)),
            ..AccessPath::new("ana@corp".into(), method)
        };
        Sighting {
            origin: Some(Origin { path: "/k".into(), line: Some(3), column: None }),
            uid: Some("7f-1".into()),
            server: Some("https://a:6443".into()),
            fronted: true,
            authorities: vec![Fingerprint([7; 32]), Fingerprint([0xfe; 32])],
            path: Some(path),
            labels: pair("env", "prod"),
            properties: pair("location", "eu\u{202e}"),
            facts: Facts {
                version: "v1.35.2-eks-1a".parse().ok(),
                version_text: Some("1.35".into()),
                wanted_version: "v1.36.0".parse().ok(),
                support_ends: Some(at(2)),
                provider: Some("eks".into()),
                region: Some("eu-1".into()),
                account: Some("42".into()),
                nodes: Some((2, 3)),
                health: Some(Health {
                    healthy,
                    word: "Ready".into(),
                    message: "m".into(),
                    since: Some(at(3)),
                }),
                phase: Some("ACTIVE".into()),
                paused: true,
                heartbeat_at: Some(at(4)),
                heartbeat_seconds: Some(60),
                certificates: vec![CertificateEnd { name: "etcd".into(), at: at(5) }],
                insights: vec![ProviderInsight { code: "I".into(), blocks: true, message: "x".into() }],
                ghost: true,
            },
            gone_at: Some(at(6)),
            hosts_source: true,
            ..Sighting::new(SourceKind::Eks, id("prod"), "prod".into(), at(7))
        }
    }

    #[test]
    fn a_sighting_comes_back_as_it_was() {
        for (method, healthy) in
            METHODS.into_iter().zip([Truth::Yes, Truth::No, Truth::Unknown].into_iter().cycle())
        {
            let before = full(method, healthy);
            let text = serde_json::to_string(&SightingRow::from(&before)).unwrap();
            let row: SightingRow = serde_json::from_str(&text).unwrap();
            assert_eq!(row.sighting(before.id.clone(), before.gone_at), Some(before));
        }
    }

    #[test]
    fn what_is_not_known_here_is_no_sighting() {
        let row = || serde_json::to_value(SightingRow::from(&full(Method::Exec, Truth::Yes))).unwrap();
        for (place, value) in [
            ("/kind", serde_json::json!("telepathy")),
            ("/path/method", serde_json::json!("wink")),
            ("/authorities/0", serde_json::json!("zz")),
            ("/authorities/0", serde_json::json!("abc")),
        ] {
            let mut changed = row();
            *changed.pointer_mut(place).unwrap() = value;
            let read: SightingRow = serde_json::from_value(changed).unwrap();
            assert!(read.sighting(id("x"), None).is_none(), "{place}");
        }
    }

    #[test]
    fn every_decision_and_all_inputs_come_back_as_they_were() {
        let cluster = Identity::of_uid(&"7f-1".into());
        let decisions = [
            Decision::Class { cluster: cluster.clone(), class: Some("prod".into()) },
            Decision::Class { cluster: cluster.clone(), class: None },
            Decision::AcceptChange { cluster: cluster.clone(), to: "dev".into() },
            Decision::Label { cluster: cluster.clone(), key: "team".into(), value: Some("pay".into()) },
            Decision::Merge { first: id("a"), second: id("b") },
            Decision::Split { sighting: id("a") },
            Decision::Unsplit { sighting: id("a") },
            Decision::Prefer { cluster, path: Some(id("b")) },
            Decision::Forget { sighting: id("a") },
        ];
        let mut names = std::collections::BTreeSet::new();
        for decision in decisions {
            let text = serde_json::to_string(&DecisionRow::from(&decision)).unwrap();
            let row: DecisionRow = serde_json::from_str(&text).unwrap();
            assert_eq!(Decision::from(&row), decision);
            names.insert(named(&decision).0);
        }
        assert_eq!(names.len(), 8);
        let inputs = ClassInputs {
            name: "prod".into(),
            region: Some("eu-1".into()),
            labels: pair("env", "prod"),
            sources: vec![(SourceKind::Ocm, "hub".into(), "prod".into())],
            accepted_until: Some(at(8)),
            ..ClassInputs::default()
        };
        let text = serde_json::to_string(&InputsRow::from(&inputs)).unwrap();
        assert_eq!(serde_json::from_str::<InputsRow>(&text).unwrap().inputs(), Some(inputs));
        let unknown = text.replace("ocm", "telepathy");
        assert_eq!(serde_json::from_str::<InputsRow>(&unknown).unwrap().inputs(), None);
    }
}
