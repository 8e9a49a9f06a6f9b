//! What class rules look at, and the cluster made of nothing else that they are tried on.

use std::fmt::Write as _;

use crate::fleet::{
    AccessPath, Class, ClassOrigin, CleanText, Cluster, ClusterKey, Entry, Identity, Method, Protection,
    SightingId, SourceRef,
};

use super::ClassInputs;

impl ClassInputs {
    /// What rules look at of that entry.
    pub fn of(entry: &Entry) -> Self {
        Self {
            name: entry.name.clone(),
            uid: entry.uid.clone(),
            server: entry.paths.iter().find_map(|p| p.server.clone()),
            region: entry.facts.region.clone(),
            provider: entry.facts.provider.clone(),
            account: entry.facts.account.clone(),
            labels: entry.labels.clone(),
            properties: entry.properties.clone(),
            sources: entry.sources.iter().map(|s| (s.kind, s.name.clone(), s.reference.clone())).collect(),
            accepted_until: None,
        }
    }

    /// Whether rules see the same in both.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        let Self {
            name,
            uid,
            server,
            region,
            provider,
            account,
            labels,
            properties,
            sources,
            accepted_until: _,
        } = self;
        (name, uid, server, region, provider, account, labels, properties, sources)
            == (
                &other.name,
                &other.uid,
                &other.server,
                &other.region,
                &other.provider,
                &other.account,
                &other.labels,
                &other.properties,
                &other.sources,
            )
    }

    /// The names under which decisions about the cluster are kept.
    pub fn identities(&self) -> Vec<Identity> {
        let by_source = self.sources.iter().map(|(_, source, reference)| {
            Identity::of_sighting(&SightingId { source: source.clone(), reference: reference.clone() })
        });
        self.uid.iter().map(Identity::of_uid).chain(by_source).collect()
    }

    /// A cluster of which nothing else is known, and which has no class yet.
    pub(super) fn cluster(&self) -> Cluster {
        let path = AccessPath {
            server: self.server.clone(),
            ..AccessPath::new(CleanText::default(), Method::Anonymous)
        };
        let source = |(kind, name, reference): &(_, CleanText, CleanText)| SourceRef {
            kind: *kind,
            name: name.clone(),
            reference: reference.clone(),
            origin: None,
            gone_at: None,
        };
        let mut entry = Entry {
            uid: self.uid.clone(),
            sources: self.sources.iter().map(source).collect(),
            paths: vec![path],
            labels: self.labels.clone(),
            properties: self.properties.clone(),
            ..Entry::new(ClusterKey::new(&self.name), self.name.clone())
        };
        entry.facts.region.clone_from(&self.region);
        entry.facts.provider.clone_from(&self.provider);
        entry.facts.account.clone_from(&self.account);
        Cluster::new(
            entry,
            Class {
                name: CleanText::default(),
                order: u16::MAX,
                origin: ClassOrigin::Declared,
                rule: CleanText::default(),
                rule_at: None,
                protection: Protection::Locked,
                pending: None,
                rules: None,
            },
        )
    }

    /// What differs, for people: `label.env was prod and is dev`.
    pub(super) fn difference(&self, now: &Self) -> CleanText {
        let mut changes = Vec::new();
        let mut told = |what: &str, old: Option<&CleanText>, new: Option<&CleanText>| {
            if old != new {
                changes.push(match (old, new) {
                    (Some(old), Some(new)) => format!("{what} was {old} and is {new}"),
                    (Some(old), None) => format!("{what} was {old} and is gone"),
                    (None, Some(new)) => format!("{what} is new, {new}"),
                    (None, None) => String::new(),
                });
            }
        };
        for (prefix, old, new) in
            [("label", &self.labels, &now.labels), ("property", &self.properties, &now.properties)]
        {
            let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in keys {
                told(&format!("{prefix}.{key}"), old.get(key), new.get(key));
            }
        }
        told("name", Some(&self.name), Some(&now.name));
        told("region", self.region.as_ref(), now.region.as_ref());
        told("provider", self.provider.as_ref(), now.provider.as_ref());
        told("account", self.account.as_ref(), now.account.as_ref());
        told("server", self.server.as_ref(), now.server.as_ref());
        told("id", self.uid.as_ref(), now.uid.as_ref());
        for (list, other, words) in
            [(&self.sources, now, "no longer known to"), (&now.sources, self, "newly known to")]
        {
            let gone = list.iter().filter(|s| !other.sources.contains(s));
            changes.extend(gone.map(|(_, source, reference)| format!("{words} {source} as {reference}")));
        }
        let more = changes.len().saturating_sub(3);
        changes.truncate(3);
        let mut text = changes.join(", ");
        if more > 0 {
            let _ok = write!(text, " and {more} more");
        }
        CleanText::new(&text)
    }
}
