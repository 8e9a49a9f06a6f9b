//! The documents about classes: `ClassList` and `ClassExplain`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::belongs::{ClassItem, ContactItem, LinksItem, ParameterItem};
use super::status::StateTally;
use super::wire::{
    API_VERSION, Place, ProblemItem, ProtectionWord, SCHEMA_VERSION, Stamp, Text, Tool, TruthWord, document,
    map,
};
use crate::fleet::spec::{ClassSpec, Freeze, Window};
use crate::fleet::window::Access;
use crate::fleet::{
    Class, ClassRules, ClassStep, CleanText, Cluster, Decisions, Fleet, Protection, Severity, StateCounts,
    TermResult,
};

document! {
    /// The classes, in the order in which their rules are tried.
    ClassList {
        /// The fleet files that were read, the machine's own first.
        files: Vec<Text>,
        /// The classes; those that nothing declares come last.
        items: Vec<ClassRulesItem>,
        /// What is wrong with the fleet files.
        problems: Vec<ProblemItem>,
    }
}

/// One class with everything it inherits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassRulesItem {
    /// Its name.
    pub name: Text,
    /// Whether a fleet file declares it; if not, clusters got it by a guess or by a decision.
    pub declared: bool,
    /// Whether it stands in the machine's own file, which nobody's own file can weaken.
    pub policy: bool,
    /// Where it is declared.
    pub at: Option<Place>,
    /// The selector that says which clusters are of it.
    #[serde(rename = "match")]
    pub matches: Option<Text>,
    /// Where the selector stands.
    pub match_at: Option<Place>,
    /// The classes that it inherits from, the nearest first.
    pub inherits: Vec<Text>,
    /// How a change must be confirmed; `null` if nothing says so and no cluster is of it.
    pub protection: Option<ProtectionWord>,
    /// From how many clusters on a phrase is asked for.
    pub phrase_above: Option<u32>,
    /// How many clusters may be changed at once.
    pub at_once: Option<u32>,
    /// The same for clusters that share the value of a property, by property.
    pub at_once_per: BTreeMap<String, u32>,
    /// Groups of clusters of which never two are changed at once.
    pub never_together: Vec<Text>,
    /// When changes may be made; empty for always.
    pub windows: Vec<WindowItem>,
    /// When they may not.
    pub freezes: Vec<FreezeItem>,
    /// Whether changes may be made now.
    pub open: Option<bool>,
    /// When that changes next.
    pub changes_at: Option<Stamp>,
    /// The oldest version that is allowed.
    pub floor: Option<Text>,
    /// The version to go to.
    pub target: Option<Text>,
    /// Who owns its clusters.
    pub owner: Option<Text>,
    /// Who shares them.
    pub tenants: Vec<Text>,
    /// Whom to reach.
    pub on_call: Option<ContactItem>,
    /// Links, with their placeholders as they are written.
    pub links: LinksItem,
    /// What names look like.
    pub naming: Option<Text>,
    /// What the host of the API server must be.
    pub domain: Option<Text>,
    /// Services that must be there, `kube-system/coredns >=1.11`.
    pub services: Vec<Text>,
    /// Labels that must be there, `team`, `tier in (1, 2)`.
    pub labels: Vec<Text>,
    /// Namespaces that need a policy which denies what is not allowed.
    pub default_deny_in: Vec<Text>,
    /// Kinds of sources that must know its clusters.
    pub sources: Vec<Text>,
    /// Parameters.
    pub parameters: BTreeMap<String, Text>,
    /// How many clusters are of it.
    pub clusters: usize,
    /// How they are.
    pub states: StateTally,
    /// How many of them would be of another class if somebody accepted its weaker protection.
    pub waiting: usize,
    /// Findings of its clusters.
    pub findings: usize,
}

/// When changes may be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WindowItem {
    /// When it opens, five fields as cron has them.
    pub cron: Text,
    /// How long it stays open.
    pub duration: Text,
    /// The time zone.
    pub time_zone: Text,
}

/// When no changes may be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreezeItem {
    /// From.
    pub from: Text,
    /// To, that day or minute included.
    pub to: Text,
    /// The time zone.
    pub time_zone: Text,
    /// Why.
    pub reason: Text,
}

document! {
    /// Why a cluster is of its class.
    ClassExplain {
        /// The cluster.
        cluster: Text,
        /// Its class.
        class: ClassItem,
        /// How a change to it must be confirmed.
        protection: ProtectionWord,
        /// The region that rules see, as sources say it.
        region: Option<Text>,
        /// The provider that rules see, as sources say it.
        provider: Option<Text>,
        /// The labels that rules see.
        labels: BTreeMap<String, Text>,
        /// Properties: of the sources, and captured from the name by the class's pattern.
        properties: BTreeMap<String, Text>,
        /// Parameters.
        parameters: Vec<ParameterItem>,
        /// What the rule of each declared class says of it, in their order. The first `yes` decides, unless a `Cluster` object or an
        /// operator says otherwise.
        rules: Vec<TrialItem>,
    }
}

/// What one class's rule says of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrialItem {
    /// The class.
    pub class: Text,
    /// Its rule, or what else gives the class; `null` if it has none and is only inherited from or given by name.
    #[serde(rename = "match")]
    pub matches: Option<Text>,
    /// Where the rule stands.
    pub at: Option<Place>,
    /// What it comes to; only `yes` makes a cluster be of the class.
    pub result: TruthWord,
    /// Whether this is what gave the cluster its class.
    pub chosen: bool,
    /// What else is to be said.
    pub note: Option<Text>,
    /// What each part of the rule says.
    pub terms: Vec<TermItem>,
}

/// What one term of a selector says of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TermItem {
    /// The term.
    pub term: Text,
    /// Whether it holds.
    pub result: TruthWord,
    /// Why.
    pub why: Text,
}

/// The classes of `fleet`.
pub fn class_list(fleet: &Fleet, now: DateTime<Utc>, tool: Tool) -> ClassList {
    let mut members: BTreeMap<(u16, &str), Vec<&Arc<Cluster>>> = BTreeMap::new();
    for cluster in fleet.clusters.iter() {
        members.entry((cluster.class.order, cluster.class.name.as_str())).or_default().push(cluster);
    }
    let of =
        |name: &str| members.iter().filter(|((_, n), _)| *n == name).flat_map(|(_, m)| m).copied().collect();
    let declared = fleet.classes.classes.iter().map(|rules| {
        let members: Vec<&Arc<Cluster>> = of(rules.name.as_str());
        declared_item(rules, &members, now)
    });
    let is_declared = |name: &str| fleet.classes.classes.iter().any(|c| c.name.as_str() == name);
    let guessed = members
        .iter()
        .filter(|((_, name), _)| !is_declared(name))
        .filter_map(|(_, members)| Some(guessed_item(&members.first()?.class, members)));
    ClassList {
        api_version: API_VERSION,
        kind: "ClassList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        files: fleet.files.iter().map(Text::from).collect(),
        items: declared.chain(guessed).collect(),
        problems: fleet
            .classes
            .file
            .problems
            .iter()
            .filter(|p| p.severity > Severity::Note)
            .map(ProblemItem::from)
            .collect(),
    }
}

fn declared_item(rules: &ClassRules, members: &[&Arc<Cluster>], now: DateTime<Utc>) -> ClassRulesItem {
    let spec = &rules.spec;
    let text = |raw: &Option<String>| raw.as_deref().map(Text::from);
    let texts = |raw: &[String]| raw.iter().map(|t| Text::from(t.as_str())).collect::<Vec<_>>();
    let said = spec.protection.map(|p| Protection::from(p).into());
    let protection = members.first().map(|c| c.class.protection.into()).or(said);
    let (open, changes_at) = opening(rules, now);
    let blank = guessed_item_of(members);
    ClassRulesItem {
        name: Text::from(&rules.name),
        declared: true,
        policy: rules.object.policy,
        at: Some(Place::from(&rules.object.origin)),
        matches: text(&spec.matches),
        match_at: spec.matches.as_ref().map(|_| Place::from(rules.object.place("spec.match"))),
        inherits: rules.inherits.iter().map(Text::from).collect(),
        protection,
        phrase_above: spec.phrase_above,
        at_once: spec.concurrency.as_ref().and_then(|c| c.max),
        at_once_per: spec.concurrency.as_ref().map(|c| c.per.clone()).unwrap_or_default(),
        never_together: texts(spec.never_together.as_deref().unwrap_or_default()),
        windows: spec.windows.iter().flatten().map(WindowItem::from).collect(),
        freezes: spec.freezes.iter().flatten().map(FreezeItem::from).collect(),
        open,
        changes_at: changes_at.map(Stamp),
        floor: text(&spec.versions.floor),
        target: text(&spec.versions.target),
        owner: text(&spec.owner),
        tenants: texts(spec.tenants.as_deref().unwrap_or_default()),
        on_call: spec.on_call.as_ref().map(ContactItem::from),
        links: LinksItem {
            runbook: text(&spec.links.runbook),
            dashboard: text(&spec.links.dashboard),
            metrics: spec.metrics.as_ref().map(|m| Text::from(m.url.as_str())),
        },
        naming: spec.naming.as_ref().map(|n| Text::from(n.pattern.as_str())),
        domain: text(&spec.domain),
        services: services(spec),
        labels: labels(spec),
        default_deny_in: texts(
            spec.requires.network_policies.as_ref().map(|n| n.default_deny_in.as_slice()).unwrap_or_default(),
        ),
        sources: texts(spec.requires.sources.as_deref().unwrap_or_default()),
        parameters: spec.parameters.iter().map(|(k, v)| (k.clone(), Text::from(v.as_str()))).collect(),
        ..blank
    }
}

/// A class that no file declares, as its clusters have it.
fn guessed_item(class: &Class, members: &[&Arc<Cluster>]) -> ClassRulesItem {
    ClassRulesItem {
        name: Text::from(&class.name),
        protection: Some(class.protection.into()),
        open: Some(true),
        ..guessed_item_of(members)
    }
}

/// What the clusters of a class come to, and nothing else.
fn guessed_item_of(members: &[&Arc<Cluster>]) -> ClassRulesItem {
    let mut states = StateCounts::default();
    for cluster in members {
        states.add(cluster.verdict.state);
    }
    ClassRulesItem {
        name: Text::default(),
        declared: false,
        policy: false,
        at: None,
        matches: None,
        match_at: None,
        inherits: Vec::new(),
        protection: None,
        phrase_above: None,
        at_once: None,
        at_once_per: BTreeMap::new(),
        never_together: Vec::new(),
        windows: Vec::new(),
        freezes: Vec::new(),
        open: None,
        changes_at: None,
        floor: None,
        target: None,
        owner: None,
        tenants: Vec::new(),
        on_call: None,
        links: LinksItem::default(),
        naming: None,
        domain: None,
        services: Vec::new(),
        labels: Vec::new(),
        default_deny_in: Vec::new(),
        sources: Vec::new(),
        parameters: BTreeMap::new(),
        clusters: members.len(),
        states: StateTally::from(&states),
        waiting: members.iter().filter(|c| c.class.pending.is_some()).count(),
        findings: members.iter().map(|c| c.findings.len()).sum(),
    }
}

/// Whether changes may be made now, and when that changes.
fn opening(rules: &ClassRules, now: DateTime<Utc>) -> (Option<bool>, Option<DateTime<Utc>>) {
    match rules.hours.at(now) {
        Access::Open { until } => (Some(true), until),
        Access::Closed { next, .. } => (Some(false), next),
    }
}

fn services(spec: &ClassSpec) -> Vec<Text> {
    let tell = |rule: &crate::fleet::spec::ServiceRule| {
        let namespace = rule.namespace.as_deref().unwrap_or("kube-system");
        let versions = rule.versions.as_deref().map(|v| format!(" {v}")).unwrap_or_default();
        Text::from(format!("{namespace}/{}{versions}", rule.name).as_str())
    };
    spec.requires.services.iter().flatten().map(tell).collect()
}

fn labels(spec: &ClassSpec) -> Vec<Text> {
    let tell = |rule: &crate::fleet::spec::LabelRule| match &rule.values {
        Some(values) => Text::from(format!("{} in ({})", rule.key, values.join(", ")).as_str()),
        None => Text::from(rule.key.as_str()),
    };
    spec.requires.labels.iter().flatten().map(tell).collect()
}

impl From<&Window> for WindowItem {
    fn from(window: &Window) -> Self {
        Self {
            cron: Text::from(window.cron.as_str()),
            duration: Text::from(window.duration.as_str()),
            time_zone: Text::from(window.time_zone.as_deref().unwrap_or("UTC")),
        }
    }
}

impl From<&Freeze> for FreezeItem {
    fn from(freeze: &Freeze) -> Self {
        Self {
            from: Text::from(freeze.from.as_str()),
            to: Text::from(freeze.to.as_str()),
            time_zone: Text::from(freeze.time_zone.as_deref().unwrap_or("UTC")),
            reason: Text::from(freeze.reason.as_str()),
        }
    }
}

/// Why `cluster` of `fleet` is of its class, with what operators have decided.
pub fn class_explain(
    fleet: &Fleet,
    cluster: &Cluster,
    decisions: &Decisions,
    now: DateTime<Utc>,
    tool: Tool,
) -> ClassExplain {
    let steps = fleet.classes.explain(&cluster.entry, decisions, now);
    ClassExplain {
        api_version: API_VERSION,
        kind: "ClassExplain",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        cluster: Text::from(cluster.key().as_str()),
        class: ClassItem::from(&cluster.class),
        protection: cluster.class.protection.into(),
        region: cluster.entry.facts.region.as_ref().map(Text::from),
        provider: cluster.entry.facts.provider.as_ref().map(Text::from),
        labels: map(&cluster.entry.labels),
        properties: map(&cluster.properties),
        parameters: cluster.parameters.iter().map(ParameterItem::from).collect(),
        rules: steps.into_iter().map(trial).collect(),
    }
}

fn trial(step: ClassStep) -> TrialItem {
    let some = |text: &CleanText| (!text.is_empty()).then(|| Text::from(text));
    let term = |term: TermResult| TermItem {
        term: Text::from(&term.term),
        result: term.truth.into(),
        why: Text::from(&term.words),
    };
    TrialItem {
        class: Text::from(&step.class),
        matches: some(&step.rule),
        at: step.rule_at.as_ref().map(Place::from),
        result: step.truth.into(),
        chosen: step.chosen,
        note: some(&step.words),
        terms: step.terms.into_iter().map(term).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn declared_classes_come_first_in_their_order_and_guessed_ones_after_them() {
        let fleet = fixture::declared();
        let doc = class_list(&fleet, fixture::now(), fixture::TOOL);
        let told: Vec<_> = doc
            .items
            .iter()
            .map(|i| (i.name.as_str(), i.declared, i.clusters, i.findings, i.waiting))
            .collect();
        assert_eq!(told, [("prod", true, 3, 3, 1), ("stage", false, 1, 0, 0), ("dev", false, 2, 0, 0)]);
        let prod = &doc.items[0];
        assert_eq!(prod.match_at.as_ref().unwrap().to_string(), "/etc/fleetglass/fleet.yaml:14:10");
        assert_eq!((prod.states.auth, prod.states.warn, prod.states.ok), (1, 1, 1));
        assert_eq!(prod.services[0].as_str(), "kube-system/coredns >=1.11");
        assert_eq!(prod.labels[0].as_str(), "team in (pay, shop)");
    }

    #[test]
    fn an_explanation_has_every_rule_with_its_parts() {
        let fleet = fixture::declared();
        let doc =
            class_explain(&fleet, &fleet.clusters[2], &Decisions::default(), fixture::now(), fixture::TOOL);
        let trial = &doc.rules[0];
        assert_eq!((trial.result, trial.chosen), (TruthWord::Yes, true));
        let results: Vec<_> = trial.terms.iter().map(|t| (t.term.as_str(), t.result)).collect();
        assert_eq!(results, [("label.env=prod", TruthWord::No), ("name~\"^prod-\"", TruthWord::Yes)]);
        assert_eq!(doc.parameters[0].from.as_str(), "class prod");
    }
}
