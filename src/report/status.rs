//! The documents about many clusters and about one: `FleetStatus`, `ClusterList`, `ClusterDetail`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::events::EventItem;
use super::item::{ClusterItem, cause, cluster_item};
use super::wire::{API_VERSION, Cause, ProblemItem, SCHEMA_VERSION, Stamp, StateWord, Text, Tool};
use crate::fleet::{Check, Cluster, Detail, EventRow, Fleet, Loadable, Minor, NodeRow, State, StateCounts};

/// The state of the selected clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FleetStatus {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "FleetStatus"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// What was asked.
    pub query: QueryItem,
    /// Whether `errors` is not empty.
    pub partial: bool,
    /// Counts over the selected clusters.
    pub summary: Summary,
    /// The selected clusters, in class order, then by name.
    pub items: Vec<ClusterItem>,
    /// One for each selected cluster that could not be read.
    pub errors: Vec<ErrorItem>,
    /// What is wrong with the files the clusters were learned from.
    pub problems: Vec<ProblemItem>,
}

/// The clusters as their sources and their last contact describe them, without counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterList {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "ClusterList"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// What was asked.
    pub query: QueryItem,
    /// Whether `errors` is not empty.
    pub partial: bool,
    /// The selected clusters, in class order, then by name.
    pub items: Vec<ClusterItem>,
    /// One for each selected cluster that could not be read.
    pub errors: Vec<ErrorItem>,
    /// What is wrong with the files the clusters were learned from.
    pub problems: Vec<ProblemItem>,
}

/// One cluster with what a closer look brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDetail {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "ClusterDetail"))]
    pub kind: &'static str,
    /// The shape's version, `MAJOR.MINOR`.
    pub schema_version: &'static str,
    /// When it was written.
    pub generated_at: Stamp,
    /// By what.
    pub tool: Tool,
    /// Whether something of it could not be read.
    pub partial: bool,
    /// The cluster.
    pub item: ClusterItem,
    /// Every node.
    pub nodes: Part<NodeItem>,
    /// Recent events, newest first.
    pub events: Part<EventItem>,
    /// All readiness checks.
    pub checks: Part<CheckItem>,
}

/// A selection, as the documents are told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The selection, in the selection language; `None` for all.
    pub expr: Option<&'a str>,
    /// How many rows were kept because it is not known whether they match.
    pub unknown: usize,
}

impl<'a> From<Option<&'a str>> for Asked<'a> {
    fn from(expr: Option<&'a str>) -> Self {
        Self { expr, unknown: 0 }
    }
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QueryItem {
    /// The selection, in the selection language; `null` for all.
    pub expr: Option<String>,
    /// How many clusters it matched; those of which it is not known are among them.
    pub matched: usize,
    /// How many of them are there only because what was asked is not known of them.
    pub unknown: usize,
    /// How many there are.
    pub total: usize,
}

/// Counts over the selected clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Clusters in each state.
    pub states: StateTally,
    /// Clusters by class, in class order.
    pub by_class: Vec<ClassTally>,
    /// Clusters by release line of the control plane, newest first; those of unknown version are not here.
    pub versions: Vec<MinorTally>,
}

/// How many clusters are in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "each field is a state, described at `StateWord`")]
pub struct StateTally {
    pub ok: usize,
    pub warn: usize,
    pub crit: usize,
    pub auth: usize,
    pub down: usize,
    pub upgrading: usize,
    pub held: usize,
    pub new: usize,
}

/// The clusters of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClassTally {
    /// The class.
    pub class: Text,
    /// How many clusters.
    pub total: usize,
    /// The worst state among them.
    pub worst: StateWord,
}

/// The clusters of one release line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MinorTally {
    /// `1.35`.
    pub minor: String,
    /// How many clusters.
    pub count: usize,
}

/// A cluster that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorItem {
    /// Its name.
    pub cluster: Text,
    /// A stable word for the cause.
    pub code: &'static str,
    /// For people, without the code.
    pub message: Text,
    /// What to try.
    pub hint: Option<Text>,
    /// Tries since the last success.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try_at: Option<Stamp>,
}

/// How far a part of a closer look has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    /// Not asked.
    Idle,
    /// Asked, no answer yet.
    Loading,
    /// Here.
    Ready,
    /// Could not be had.
    Failed,
}

/// One part of a closer look, with its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Part<T> {
    /// How far it has come.
    pub state: PartState,
    /// When it arrived.
    pub observed_at: Option<Stamp>,
    /// Why it could not be had.
    pub error: Option<Cause>,
    /// The rows.
    pub items: Vec<T>,
}

/// One node as the server's own table prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the columns of `kubectl get nodes -o wide`")]
pub struct NodeItem {
    pub name: Text,
    pub ready: bool,
    pub cordoned: bool,
    pub status: Text,
    pub roles: Text,
    pub kubelet: Text,
    pub age: Text,
    #[serde(rename = "internalIP")]
    pub internal_ip: Text,
    pub os_image: Text,
    pub kernel: Text,
    pub runtime: Text,
}

/// One readiness check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckItem {
    /// Its name.
    pub name: Text,
    /// Whether it passed.
    pub ok: bool,
}

/// The state of `rows`, which `asked` selected from `fleet`.
pub fn fleet_status<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    now: DateTime<Utc>,
    tool: Tool,
) -> FleetStatus {
    let errors = errors(rows);
    FleetStatus {
        api_version: API_VERSION,
        kind: "FleetStatus",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked.into()),
        partial: !errors.is_empty(),
        summary: summary(rows),
        items: rows.iter().map(|c| cluster_item(c, now)).collect(),
        errors,
        problems: problems(fleet),
    }
}

/// The clusters `rows`, which `asked` selected from `fleet`.
pub fn cluster_list<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    now: DateTime<Utc>,
    tool: Tool,
) -> ClusterList {
    let errors = errors(rows);
    ClusterList {
        api_version: API_VERSION,
        kind: "ClusterList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked.into()),
        partial: !errors.is_empty(),
        items: rows.iter().map(|c| cluster_item(c, now)).collect(),
        errors,
        problems: problems(fleet),
    }
}

/// One cluster and what a closer look at it brought so far.
pub fn cluster_detail(
    cluster: &Cluster,
    detail: Option<&Detail>,
    now: DateTime<Utc>,
    tool: Tool,
) -> ClusterDetail {
    let idle = Detail {
        key: cluster.key().clone(),
        nodes: Loadable::Idle,
        events: Loadable::Idle,
        checks: Loadable::Idle,
    };
    let detail = detail.unwrap_or(&idle);
    let nodes = part(&detail.nodes, node_item);
    let events = part(&detail.events, |e: &EventRow| EventItem::new(cluster.key(), e));
    let checks = part(&detail.checks, |c: &Check| CheckItem { name: Text::from(&c.name), ok: c.ok });
    let failed = [nodes.state, events.state, checks.state].contains(&PartState::Failed);
    ClusterDetail {
        api_version: API_VERSION,
        kind: "ClusterDetail",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        partial: failed || cause(cluster).is_some(),
        item: cluster_item(cluster, now),
        nodes,
        events,
        checks,
    }
}

/// One line for each of `rows` that could not be read.
pub fn errors(rows: &[Arc<Cluster>]) -> Vec<ErrorItem> {
    let tell = |cluster: &Arc<Cluster>| {
        let cause = cause(cluster)?;
        Some(ErrorItem {
            cluster: Text::from(cluster.key().as_str()),
            code: cause.code,
            message: cause.message,
            hint: cause.hint,
            attempts: cluster.signals.attempts.failed_in_a_row,
            next_try_at: cluster.signals.attempts.next_at.map(Stamp),
        })
    };
    rows.iter().filter_map(tell).collect()
}

/// Everything that is wrong with the files: of no entry, of the sources and of the entries, each said once.
pub fn problems(fleet: &Fleet) -> Vec<ProblemItem> {
    let sources = fleet.sources.iter().flat_map(|s| s.problems.iter().map(move |p| (Some(&s.name), p)));
    let entries = fleet.clusters.iter().flat_map(|c| &c.entry.problems).map(|p| (None, p));
    let of_none = fleet.problems.iter().map(|p| (None, p));
    let mut out: Vec<ProblemItem> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut of_sources = std::collections::HashSet::new();
    for (source, problem) in of_none.chain(sources).chain(entries) {
        let what = (problem.code, &problem.origin, &problem.subject, &problem.message);
        // A source repeats what is wrong with its objects, which stands on their rows too.
        if source.is_some() {
            of_sources.insert(what);
        } else if of_sources.contains(&what) {
            continue;
        }
        // Where no place says whose it is, the source's name has to.
        let source = source.filter(|name| problem.origin.is_none() && **name != problem.subject);
        if seen.insert((source, problem.code, &problem.origin, &problem.subject, &problem.message)) {
            let mut item = ProblemItem::from(problem);
            if let Some(source) = source {
                item.subject = Text::from(format!("{source}: {}", problem.subject).as_str());
            }
            out.push(item);
        }
    }
    out
}

/// What was asked and what it selected.
pub(super) fn query_item(fleet: &Fleet, rows: &[Arc<Cluster>], asked: Asked<'_>) -> QueryItem {
    QueryItem {
        expr: asked.expr.map(str::to_owned),
        matched: rows.len(),
        unknown: asked.unknown,
        total: fleet.clusters.len(),
    }
}

/// Counts over `rows`.
pub fn summary(rows: &[Arc<Cluster>]) -> Summary {
    let mut states = StateCounts::default();
    let mut classes: BTreeMap<(u16, &str), StateCounts> = BTreeMap::new();
    let mut minors: BTreeMap<Minor, usize> = BTreeMap::new();
    for cluster in rows {
        states.add(cluster.verdict.state);
        let class = (cluster.class.order, cluster.class.name.as_str());
        classes.entry(class).or_default().add(cluster.verdict.state);
        if let Some(line) = cluster.version().map(|v| v.line) {
            *minors.entry(line).or_default() += 1;
        }
    }
    let class_tally = |((_, name), counts): (&(u16, &str), &StateCounts)| ClassTally {
        class: Text::from(*name),
        total: counts.total(),
        worst: counts.worst().unwrap_or(State::New).into(),
    };
    Summary {
        states: StateTally::from(&states),
        by_class: classes.iter().map(class_tally).collect(),
        versions: minors.iter().rev().map(|(m, n)| MinorTally { minor: m.to_string(), count: *n }).collect(),
    }
}

impl From<&StateCounts> for StateTally {
    fn from(states: &StateCounts) -> Self {
        Self {
            ok: states.get(State::Ok),
            warn: states.get(State::Warn),
            crit: states.get(State::Crit),
            auth: states.get(State::Auth),
            down: states.get(State::Down),
            upgrading: states.get(State::Upgrading),
            held: states.get(State::Held),
            new: states.get(State::New),
        }
    }
}

fn part<A, B>(loadable: &Loadable<Vec<A>>, tell: impl Fn(&A) -> B) -> Part<B> {
    let (state, observed_at, error, items) = match loadable {
        Loadable::Idle => (PartState::Idle, None, None, Vec::new()),
        Loadable::Loading(_) => (PartState::Loading, None, None, Vec::new()),
        Loadable::Ready(o) => (PartState::Ready, Some(Stamp(o.at)), None, o.value.iter().map(tell).collect()),
        Loadable::Failed(failure, at) => {
            (PartState::Failed, Some(Stamp(*at)), Some(Cause::from(failure)), Vec::new())
        }
    };
    Part { state, observed_at, error, items }
}

fn node_item(node: &NodeRow) -> NodeItem {
    NodeItem {
        name: Text::from(&node.name),
        ready: node.ready,
        cordoned: node.cordoned,
        status: Text::from(&node.status),
        roles: Text::from(&node.roles),
        kubelet: Text::from(&node.kubelet),
        age: Text::from(&node.age),
        internal_ip: Text::from(&node.internal_ip),
        os_image: Text::from(&node.os_image),
        kernel: Text::from(&node.kernel),
        runtime: Text::from(&node.runtime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_document_says_everything_with_its_age() {
        let fleet = fixture::declared();
        let doc = fleet_status(&fleet, &fleet.clusters, Asked::default(), fixture::now(), fixture::TOOL);
        assert!(doc.partial);
        assert_eq!(doc.errors.len(), 3, "the refused, the dead and the unusable one");
        insta::assert_json_snapshot!(doc);
    }

    #[test]
    fn counts_follow_the_selection() {
        let fleet = fixture::fleet();
        let prod: Vec<_> =
            fleet.clusters.iter().filter(|c| c.class.name.as_str() == "prod").cloned().collect();
        let doc = fleet_status(
            &fleet,
            &prod,
            Asked { expr: Some("class=prod"), unknown: 1 },
            fixture::now(),
            fixture::TOOL,
        );
        assert_eq!((doc.query.matched, doc.query.total), (3, 6));
        assert_eq!((doc.summary.states.ok, doc.summary.states.auth, doc.summary.states.down), (1, 1, 0));
        assert_eq!(doc.summary.by_class.len(), 1);
        assert_eq!(doc.summary.by_class[0].worst, StateWord::Auth);
        assert_eq!(doc.summary.versions[0].minor, "1.36", "newest first");
        assert_eq!(doc.problems.len(), 1, "problems in files are said whatever was selected");
    }

    #[test]
    fn a_problem_that_stands_in_two_places_is_said_once() {
        let mut fleet = fixture::fleet();
        let again = fleet.clusters.iter().find_map(|c| c.entry.unusable()).cloned();
        fleet.problems.extend(again);
        assert_eq!(problems(&fleet).len(), 1);
    }
}
