//! A cluster of the fleet with everything known of it, and the fleet as one immutable picture.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    AccessPath, Apart, ClassBook, ClassRules, CleanText, ClusterKey, Entry, Finding, Origin, Outlook, Phase,
    Problem, SightingId, Signals, SourceState, TextMap, Version,
};

/// The coarse state of a cluster. The order of the variants is the order of precedence, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// The API, etcd, DNS or more than a fifth of the nodes are broken.
    Crit,
    /// Reachable, but our credential was refused or has ended.
    Auth,
    /// Cannot be connected to.
    Down,
    /// A plan is acting on it.
    Upgrading,
    /// A finding, still serving.
    Warn,
    /// A person put a hold on it.
    Held,
    /// Not contacted yet in this session.
    New,
    /// Live, no finding.
    Ok,
}

impl State {
    /// Every state, worst first.
    pub const ALL: [Self; 8] =
        [Self::Crit, Self::Auth, Self::Down, Self::Upgrading, Self::Warn, Self::Held, Self::New, Self::Ok];

    /// The word as JSON and scripts have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crit => "CRIT",
            Self::Auth => "AUTH",
            Self::Down => "DOWN",
            Self::Upgrading => "UPGRADING",
            Self::Warn => "WARN",
            Self::Held => "HELD",
            Self::New => "NEW",
            Self::Ok => "OK",
        }
    }

    /// Position in [`State::ALL`].
    pub fn rank(self) -> usize {
        self as usize
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One reason for a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A stable word: an [`ErrorCode`](super::ErrorCode)'s, or `NOT_READY`, `NODES_NOT_READY`, `CERT_EXPIRES`, `NO_ACCESS` ...
    pub code: &'static str,
    /// The state it argues for.
    pub severity: State,
    /// For people.
    pub message: CleanText,
    /// Since when, if known.
    pub since: Option<DateTime<Utc>>,
    /// The part of the cluster it is about, `apiserver/serving`, `nodes`.
    pub about: Option<&'static str>,
}

/// What all signals come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The worst of the reasons, or [`State::Ok`], or [`State::New`].
    pub state: State,
    /// Why, worst first.
    pub reasons: Vec<Reason>,
}

/// How a change to a class's clusters must be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protection {
    /// No question.
    None,
    /// y/N.
    Confirm,
    /// A phrase is typed.
    Typed,
    /// Not at all.
    Locked,
}

impl Protection {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confirm => "confirm",
            Self::Typed => "typed",
            Self::Locked => "locked",
        }
    }
}

/// How a cluster came by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClassOrigin {
    /// From whole words of its name; a person has not said so.
    Guessed,
    /// By a rule of the fleet file, or by its `Cluster` object there.
    Declared,
    /// By an operator's own decision.
    Override,
}

impl ClassOrigin {
    /// The word as JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guessed => "guessed",
            Self::Declared => "declared",
            Self::Override => "override",
        }
    }
}

/// The class a cluster belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// `prod`, `stage`, `dev`, `edge`, `unclassified`.
    pub name: CleanText,
    /// Where the class stands in the order of classes, from 0.
    pub order: u16,
    /// How it was found.
    pub origin: ClassOrigin,
    /// The rule that matched, for people: the word of the name, the selector.
    pub rule: CleanText,
    /// Where the rule stands.
    pub rule_at: Option<Origin>,
    /// Its protection.
    pub protection: Protection,
    /// A change that would lower the protection and waits for somebody to accept it.
    pub pending: Option<PendingClass>,
    /// What the class wants; `None` if nothing declares it.
    pub rules: Option<Arc<ClassRules>>,
}

/// A class that a cluster would be of by its labels of today, if somebody accepted the weaker protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingClass {
    /// That class.
    pub to: CleanText,
    /// Its protection.
    pub protection: Protection,
    /// What changed, for people: `label.env was prod and is dev`.
    pub because: CleanText,
}

/// A parameter of a cluster and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub key: CleanText,
    /// Its value.
    pub value: CleanText,
    /// `fleet acme`, `class prod`, `cluster prod-eu-1`.
    pub from: CleanText,
    /// Where that stands.
    pub origin: Option<Origin>,
}

/// One cluster of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What its sources say.
    pub entry: Entry,
    /// Its class.
    pub class: Class,
    /// What was seen of it.
    pub signals: Signals,
    /// What that comes to.
    pub verdict: Verdict,
    /// Properties: of the sources, and captured from the name by the class's pattern.
    pub properties: TextMap,
    /// Parameters, in the order of their names.
    pub parameters: Arc<[Parameter]>,
    /// What is not as it should be, the worst first.
    pub findings: Arc<[Finding]>,
    /// How many more there are that the fleet file ignores.
    pub ignored: usize,
    /// Its next upgrade.
    pub outlook: Option<Arc<Outlook>>,
    /// The sighting whose access path it is contacted over; `None` if it is not contacted.
    pub path_in_use: Option<SightingId>,
}

impl Cluster {
    /// A cluster that nobody has looked at yet.
    pub fn new(entry: Entry, class: Class) -> Self {
        let properties = entry.properties.clone();
        Self {
            entry,
            class,
            signals: Signals::default(),
            verdict: Verdict { state: State::New, reasons: Vec::new() },
            properties,
            parameters: Arc::new([]),
            findings: Arc::new([]),
            ignored: 0,
            outlook: None,
            path_in_use: None,
        }
    }

    /// Its key.
    pub fn key(&self) -> &ClusterKey {
        &self.entry.key
    }

    /// The path it is contacted over; while it is not, the one that would be taken first.
    pub fn path(&self) -> Option<&AccessPath> {
        let used =
            self.path_in_use.as_ref().and_then(|id| self.entry.paths.iter().find(|p| p.sighting == *id));
        used.or_else(|| self.entry.path())
    }

    /// When anything of it was last seen.
    pub fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.signals.attempts.last_success
    }

    /// The API server's version, as last seen.
    pub fn version(&self) -> Option<&Version> {
        self.signals.version.value()?.version.as_ref()
    }

    /// The oldest kubelet's version, as last seen.
    pub fn oldest_kubelet(&self) -> Option<&Version> {
        self.signals.nodes.value()?.kubelets.iter().map(|(version, _)| version).min()
    }

    /// The newest kubelet's version, as last seen.
    pub fn newest_kubelet(&self) -> Option<&Version> {
        self.signals.nodes.value()?.kubelets.iter().map(|(version, _)| version).max()
    }

    /// How many minors the oldest kubelet is behind the API server; negative if it is ahead.
    pub fn kubelet_skew(&self) -> Option<i32> {
        self.version()?.minors_ahead_of(self.oldest_kubelet()?)
    }

    /// Whether nothing is known of it yet that its first contact could tell. A cluster that is never contacted waits for nothing.
    pub fn is_awaited(&self) -> bool {
        self.verdict.state == State::New && self.signals.attempts.phase != Phase::Parked
    }

    /// Whether what is shown of it was confirmed by the newest attempt to contact it.
    pub fn is_live(&self) -> bool {
        self.signals.unreachable.is_none() && self.signals.attempts.last_success.is_some()
    }
}

/// How many clusters are in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StateCounts([usize; 8]);

impl StateCounts {
    /// Counts one more.
    pub fn add(&mut self, state: State) {
        if let Some(n) = self.0.get_mut(state.rank()) {
            *n += 1;
        }
    }

    /// How many are in `state`.
    pub fn get(&self, state: State) -> usize {
        self.0.get(state.rank()).copied().unwrap_or(0)
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// The worst state that is present.
    pub fn worst(&self) -> Option<State> {
        State::ALL.into_iter().find(|s| self.get(*s) > 0)
    }
}

/// The line at the top of every screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Totals {
    /// Clusters by state.
    pub states: StateCounts,
    /// Clusters that have been decided in this session: answered, failed or unusable.
    pub decided: usize,
}

/// The whole fleet at one moment. Immutable; the engine publishes a new one for every batch of changes.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Counts up with every publication.
    pub generation: u64,
    /// All clusters in stable order: class order, then name.
    pub clusters: Arc<[Arc<Cluster>]>,
    /// Where they were learned of.
    pub sources: Vec<SourceState>,
    /// Problems that belong to no entry.
    pub problems: Vec<Problem>,
    /// Whether the sources have been read at least once; before that, an empty fleet says nothing.
    pub loaded: bool,
    /// Whether nothing is about to change because of what sources and polls have told: until then two rows may yet turn out to be
    /// one cluster, or a cluster may answer on its next path.
    pub settled: bool,
    /// The context that `current-context` names.
    pub current: Option<ClusterKey>,
    /// Where clusters were looked for, and whether anything was there.
    pub looked_in: Vec<(CleanText, bool)>,
    /// The classes and their rules.
    pub classes: Arc<ClassBook>,
    /// What is not as it should be and belongs to no cluster.
    pub findings: Arc<[Finding]>,
    /// How many more of those there are that the fleet file ignores.
    pub ignored: usize,
    /// What looks like one cluster and was kept apart.
    pub apart: Arc<[Apart]>,
    /// The fleet files that were read, the machine's own first.
    pub files: Vec<CleanText>,
}

impl Fleet {
    /// The cluster with that key.
    pub fn get(&self, key: &ClusterKey) -> Option<&Arc<Cluster>> {
        self.clusters.iter().find(|c| c.key() == key)
    }

    /// Counts over all clusters.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for cluster in self.clusters.iter() {
            totals.states.add(cluster.verdict.state);
            totals.decided += usize::from(cluster.verdict.state != State::New);
        }
        totals
    }
}
