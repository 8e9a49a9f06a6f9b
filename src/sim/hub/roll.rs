//! What hubs know of members, and how they write it down.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::super::cluster::{Cluster, lock};
use super::super::dice::Dice;
use super::super::fault::Fault;
use super::super::truth::{ClusterTruth, uid};
use super::super::workload::stamp;
use super::plan::{Enrolment, Registry, Team};

/// The teams of the company.
const TEAMS: &[&str] = &["payments", "ml", "search", "checkout", "data", "web"];

/// A member as hubs know it.
#[derive(Debug)]
pub(in crate::sim) struct Member {
    pub(in crate::sim) cluster: Arc<Cluster>,
    pub(in crate::sim) url: String,
    /// PEM.
    pub(in crate::sim) authority: String,
}

/// Whether a member answers its hubs, and since when that is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) up: bool,
    pub(super) since: DateTime<Utc>,
}

/// What all hubs of a fleet know.
#[derive(Debug)]
pub(in crate::sim) struct Roll {
    pub(in crate::sim) members: Vec<Member>,
    pub(in crate::sim) enrolments: Vec<Enrolment>,
    /// Certificate and key, PEM, of the administrator that Cluster API makes kubeconfigs for.
    pub(in crate::sim) admin: (String, String),
    /// A token that is good on every member.
    pub(in crate::sim) token: String,
    health: Mutex<Vec<Health>>,
}

impl Member {
    pub(super) fn truth(&self) -> &ClusterTruth {
        &self.cluster.truth
    }

    /// Whether connections to it are answered.
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.cluster.faults().connect(), Some(Fault::Refuse | Fault::Silence(_) | Fault::Reset))
    }

    /// The team that it belongs to: that of its name, or one of a few.
    fn team(&self) -> &'static str {
        let name = &self.truth().name;
        let said = TEAMS.iter().find(|team| name.split('-').any(|token| token == **team));
        said.copied().unwrap_or_else(|| Dice::new(self.cluster.world.seed, &["team", name]).pick(TEAMS))
    }

    /// The labels that a platform team puts on it everywhere.
    pub(super) fn labels(&self) -> Map<String, Value> {
        let truth = self.truth();
        let mut labels = Map::new();
        if let Some(class) = truth.class {
            labels.insert("env".into(), class.into());
        }
        labels.insert("class".into(), if truth.class == Some("edge") { "edge" } else { "core" }.into());
        labels.insert("region".into(), truth.region.into());
        labels.insert("team".into(), self.team().into());
        labels
    }

    pub(super) fn authority_data(&self) -> String {
        STANDARD.encode(&self.authority)
    }
}

impl Roll {
    /// What is known when the fleet begins.
    pub(in crate::sim) fn new(
        members: Vec<Member>,
        enrolments: Vec<Enrolment>,
        admin: (String, String),
        token: String,
        began: DateTime<Utc>,
    ) -> Self {
        let healths = members.iter().map(|member| Health { up: member.is_up(), since: began }).collect();
        Self { members, enrolments, admin, token, health: Mutex::new(healths) }
    }

    pub(super) fn member(&self, name: &str) -> Option<(usize, &Member)> {
        self.members.iter().enumerate().find(|(_, member)| member.truth().name == name)
    }

    /// Looks at every member; what has changed is so since `now`.
    pub(super) fn look(&self, now: DateTime<Utc>) {
        let seen: Vec<bool> = self.members.iter().map(Member::is_up).collect();
        for (up, known) in seen.into_iter().zip(lock(&self.health).iter_mut()) {
            if up != known.up {
                *known = Health { up, since: now };
            }
        }
    }

    fn health(&self, at: usize) -> Option<Health> {
        lock(&self.health).get(at).copied()
    }
}

/// A membership with what is needed to write it down.
pub(super) struct Entry<'a> {
    pub(super) enrolment: &'a Enrolment,
    pub(super) member: &'a Member,
    pub(super) health: Health,
}

impl Entry<'_> {
    /// The labels of the membership: those of the member, or what somebody took them for.
    pub(super) fn labels(&self) -> Map<String, Value> {
        let (mut labels, own) = (self.member.labels(), self.member.team());
        let said = match self.enrolment.team {
            Team::Own => Some(own),
            Team::Other => TEAMS.iter().copied().find(|team| *team != own),
            Team::Misspelt => Some("paymnets"),
            Team::Unsaid => None,
        };
        match said {
            Some(team) => drop(labels.insert("team".into(), team.into())),
            None => drop(labels.remove("team")),
        }
        labels
    }
}

/// Somebody who writes the objects of one hub.
pub(super) struct Desk<'a> {
    pub(super) roll: &'a Roll,
    pub(super) hub: &'a Cluster,
}

impl<'a> Desk<'a> {
    /// The members of a register.
    pub(super) fn entries(&self, registry: Registry) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let roll = self.roll;
        roll.enrolments.iter().filter(move |enrolment| enrolment.registry == registry).filter_map(
            move |enrolment| {
                let (at, member) = roll.member(enrolment.member.as_deref()?)?;
                Some(Entry { enrolment, member, health: roll.health(at)? })
            },
        )
    }

    pub(super) fn seed(&self) -> u64 {
        self.hub.world.seed
    }

    /// So long before the fleet began.
    pub(super) fn ago(&self, age: Duration) -> String {
        stamp(chrono::Duration::from_std(age).map_or(self.hub.world.began, |age| self.hub.world.began - age))
    }

    /// Metadata of an object that is half as old as what it describes.
    pub(super) fn metadata(
        &self,
        shelf: &str,
        namespace: &str,
        name: &str,
        age: Duration,
        labels: Map<String, Value>,
    ) -> Map<String, Value> {
        let mut metadata = Map::new();
        metadata.insert("name".into(), name.into());
        if !namespace.is_empty() {
            metadata.insert("namespace".into(), namespace.into());
        }
        // Versions of one object are one object.
        let kind = shelf.split('/').next().unwrap_or_default();
        metadata
            .insert("uid".into(), uid(self.seed(), &[&self.hub.truth.name, kind, namespace, name]).into());
        metadata.insert("creationTimestamp".into(), self.ago(age / 2).into());
        metadata.insert("generation".into(), 1.into());
        if !labels.is_empty() {
            metadata.insert("labels".into(), labels.into());
        }
        metadata
    }

    /// Metadata of a membership.
    pub(super) fn entry_metadata(&self, shelf: &str, entry: &Entry<'_>) -> Map<String, Value> {
        let (namespace, name) = (&entry.enrolment.namespace, &entry.enrolment.name);
        self.metadata(shelf, namespace, name, entry.member.truth().age, entry.labels())
    }

    /// A namespace of this hub.
    pub(super) fn namespace(&self, name: &str, labels: &[(&str, &str)]) -> Value {
        let mut all = Map::new();
        all.insert("kubernetes.io/metadata.name".into(), name.into());
        all.extend(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
        let metadata = self.metadata("namespaces", "", name, self.hub.truth.age, all);
        json!({"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
    }

    /// A Secret with these texts.
    pub(super) fn secret(
        &self,
        (namespace, name): (&str, &str),
        kind: &str,
        labels: Map<String, Value>,
        data: &[(&str, &str)],
    ) -> Value {
        let data: Map<String, Value> =
            data.iter().map(|(key, text)| ((*key).to_owned(), STANDARD.encode(text).into())).collect();
        let metadata = self.metadata("secrets", namespace, name, self.hub.truth.age, labels);
        json!({"metadata": metadata, "type": kind, "data": data})
    }
}

/// A condition as meta/v1 has it.
pub(super) fn condition(
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    since: DateTime<Utc>,
) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp(since)})
}

/// `True` or `False`.
pub(super) fn truth_of(is: bool) -> &'static str {
    if is { "True" } else { "False" }
}

/// A kubeconfig with one context.
pub(super) fn kubeconfig(
    names: (&str, &str),
    server: &str,
    authority: &str,
    user: &[(&str, &str)],
) -> String {
    let (cluster, person) = names;
    let mut proof = String::new();
    for (key, value) in user {
        let _written = writeln!(proof, "    {key}: {value}");
    }
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: {server}\n  name: {cluster}\n\
         contexts:\n- context:\n    cluster: {cluster}\n    user: {person}\n  name: {person}@{cluster}\n\
         current-context: {person}@{cluster}\nkind: Config\npreferences: {{}}\nusers:\n- name: {person}\n  user:\n{proof}",
        STANDARD.encode(authority)
    )
}
