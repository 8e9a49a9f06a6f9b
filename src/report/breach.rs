//! The document about what is not as it should be: `CheckReport`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::belongs::owner;
use super::status::{Asked, ErrorItem, QueryItem, errors, problems, query_item};
use super::wire::{API_VERSION, Place, ProblemItem, SCHEMA_VERSION, Stamp, Text, Tool, WeightWord, document};
use crate::fleet::{Cluster, Finding, Fleet};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingItem {
    /// A stable word: `NAME_PATTERN`, `BELOW_FLOOR`, `LABEL_MISSING` ...
    pub code: &'static str,
    /// How much it weighs.
    pub weight: WeightWord,
    /// The cluster; `null` if it is about the fleet.
    pub cluster: Option<Text>,
    /// Its class.
    pub class: Option<Text>,
    /// Who has to act.
    pub owner: Option<Text>,
    /// What exactly: `label.team`, `kube-system/coredns`, a sighting.
    pub about: Option<Text>,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub hint: Option<Text>,
    /// The rule that is broken.
    pub rule: Option<Place>,
    /// When what it rests on was seen; `null` if it rests on what is written.
    pub observed_at: Option<Stamp>,
}

document! {
    /// What is not as it should be.
    CheckReport {
        /// What was asked.
        query: QueryItem,
        /// Whether `errors` is not empty.
        partial: bool,
        /// Whether no finding is a warning or an error.
        passed: bool,
        /// Counts.
        summary: CheckSummary,
        /// The findings, by owner, then by cluster, the worst first; those that nobody owns come last.
        items: Vec<FindingItem>,
        /// Rules that could not be judged, because what they ask is not known.
        unknown: Vec<UnknownItem>,
        /// What the fleet file says is not to be told: `CODE` or `CODE:cluster`.
        ignore: Vec<Text>,
        /// How many findings are not told because of that.
        ignored: usize,
        /// One for each cluster that could not be read.
        errors: Vec<ErrorItem>,
        /// What is wrong with the files.
        problems: Vec<ProblemItem>,
    }
}

/// Counts over the findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckSummary {
    /// The selected clusters.
    pub clusters: usize,
    /// Those with a warning or an error.
    pub breached: usize,
    /// By weight.
    pub by_weight: WeightTally,
    /// By code, the most frequent first.
    pub by_code: Vec<CodeTally>,
    /// By class, in the order of classes.
    pub by_class: Vec<NameTally>,
    /// By owner, the busiest first.
    pub by_owner: Vec<NameTally>,
    /// How many rules could not be judged.
    pub unknown: usize,
}

/// Findings by weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "each field is a weight, described at `WeightWord`")]
pub struct WeightTally {
    pub error: usize,
    pub warning: usize,
    pub note: usize,
}

/// How often one code was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CodeTally {
    /// The code.
    pub code: &'static str,
    /// How often.
    pub count: usize,
}

/// How many findings belong to a class or an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NameTally {
    /// Its name; `null` if there is none.
    pub name: Option<Text>,
    /// How many.
    pub count: usize,
}

/// A rule of a class that could not be judged for a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnknownItem {
    /// The cluster.
    pub cluster: Text,
    /// The finding that it could have been.
    pub code: &'static str,
    /// What is not known.
    pub why: Text,
}

/// A finding as documents tell it; `owner` is who has to act if the finding itself does not say.
pub fn finding_item(finding: &Finding, owner: Option<&Text>) -> FindingItem {
    FindingItem {
        code: finding.code,
        weight: finding.weight.into(),
        cluster: finding.cluster.as_ref().map(|key| Text::from(key.as_str())),
        class: finding.class.as_ref().map(Text::from),
        owner: finding.owner.as_ref().map(Text::from).or_else(|| owner.cloned()),
        about: finding.about.as_ref().map(Text::from),
        message: Text::from(&finding.message),
        hint: finding.hint.as_ref().map(Text::from),
        rule: finding.rule.as_ref().map(Place::from),
        observed_at: finding.seen_at.map(Stamp),
    }
}

/// The findings of one cluster.
pub(super) fn finding_items(cluster: &Cluster) -> Vec<FindingItem> {
    let owner = owner(cluster);
    let tell = |finding: &Finding| {
        let mut item = finding_item(finding, owner.as_ref());
        item.cluster.get_or_insert_with(|| Text::from(cluster.key().as_str()));
        item.class.get_or_insert_with(|| Text::from(&cluster.class.name));
        item
    };
    cluster.findings.iter().map(tell).collect()
}

/// What is not as it should be with `rows`, which `asked` selected from `fleet`. What belongs to no cluster is told if nothing was
/// asked for.
pub fn check_report<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    now: DateTime<Utc>,
    tool: Tool,
) -> CheckReport {
    let asked = asked.into();
    let is_row = |f: &Finding| match &f.cluster {
        Some(key) => rows.iter().any(|c| c.key() == key),
        None => asked.expr.is_none(),
    };
    let of_rows = rows.iter().flat_map(|c| finding_items(c));
    let of_fleet = fleet.findings.iter().filter(|f| is_row(f)).map(|f| finding_item(f, None));
    let mut items: Vec<FindingItem> = of_rows.chain(of_fleet).collect();
    items.sort_by(|a, b| order(a).cmp(&order(b)));
    let unknown: Vec<UnknownItem> = rows.iter().flat_map(|c| unjudged(c)).collect();
    let errors = errors(rows);
    let ignore = fleet.classes.file.fleet.iter().flat_map(|f| &f.spec.ignore);
    CheckReport {
        api_version: API_VERSION,
        kind: "CheckReport",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked),
        partial: !errors.is_empty(),
        passed: items.iter().all(|i| i.weight == WeightWord::Note),
        summary: summary(rows, &items, unknown.len()),
        items,
        unknown,
        ignore: ignore.map(|text| Text::from(text.as_str())).collect(),
        ignored: rows.iter().map(|c| c.ignored).sum::<usize>()
            + if asked.expr.is_none() { fleet.ignored } else { 0 },
        errors,
        problems: problems(fleet),
    }
}

/// Owners by name and nobody last; then what is about the fleet, then clusters by name; the worst first.
fn order(item: &FindingItem) -> impl Ord + '_ {
    let about = item.about.as_ref().map(Text::as_str);
    (item.owner.is_none(), &item.owner, &item.cluster, std::cmp::Reverse(item.weight), item.code, about)
}

fn summary(rows: &[Arc<Cluster>], items: &[FindingItem], unknown: usize) -> CheckSummary {
    let mut by_weight = WeightTally::default();
    let mut codes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut owners: BTreeMap<Option<Text>, usize> = BTreeMap::new();
    let mut classes: BTreeMap<(usize, Option<Text>), usize> = BTreeMap::new();
    let mut breached: Vec<&Text> = Vec::new();
    for item in items {
        match item.weight {
            WeightWord::Error => by_weight.error += 1,
            WeightWord::Warning => by_weight.warning += 1,
            WeightWord::Note => by_weight.note += 1,
        }
        *codes.entry(item.code).or_default() += 1;
        *owners.entry(item.owner.clone()).or_default() += 1;
        let place = rows.iter().position(|c| item.class.as_ref().is_some_and(|name| name.0 == c.class.name));
        *classes.entry((place.unwrap_or(usize::MAX), item.class.clone())).or_default() += 1;
        breached.extend(item.cluster.as_ref().filter(|_| item.weight > WeightWord::Note));
    }
    breached.sort_unstable();
    breached.dedup();
    let mut by_code: Vec<_> = codes.into_iter().map(|(code, count)| CodeTally { code, count }).collect();
    by_code.sort_by_key(|tally| std::cmp::Reverse(tally.count));
    let mut by_owner: Vec<_> = owners.into_iter().map(|(name, count)| NameTally { name, count }).collect();
    by_owner.sort_by_key(|tally| std::cmp::Reverse(tally.count));
    let by_class = classes.into_iter().map(|((_, name), count)| NameTally { name, count }).collect();
    CheckSummary {
        clusters: rows.len(),
        breached: breached.len(),
        by_weight,
        by_code,
        by_class,
        by_owner,
        unknown,
    }
}

/// The rules of its class that cannot be judged for a cluster, and why.
fn unjudged(cluster: &Cluster) -> Vec<UnknownItem> {
    let Some(rules) = &cluster.class.rules else { return Vec::new() };
    if cluster.entry.gone_at.is_some() {
        return Vec::new();
    }
    let spec = &rules.spec;
    let mut items = Vec::new();
    let mut tell = |code, why: &str| {
        items.push(UnknownItem { cluster: Text::from(cluster.key().as_str()), code, why: Text::from(why) });
    };
    let version = cluster.version().or(cluster.entry.facts.version.as_ref());
    if version.is_none() && spec.versions.floor.is_some() {
        tell("BELOW_FLOOR", "its version is not known");
    }
    if version.is_none() && spec.versions.accept_end_of_life != Some(true) {
        tell("END_OF_LIFE", "its version is not known");
    }
    let server = cluster.entry.paths.iter().any(|path| path.server.is_some());
    if spec.domain.is_some() && !server {
        tell("DOMAIN", "the address of its API server is not known");
    }
    let inspection = cluster.signals.inspection.as_deref();
    let missing = |part: Option<Option<String>>| match part {
        None => Some("nobody has looked into the cluster".to_owned()),
        Some(failure) => failure,
    };
    if spec.requires.services.as_ref().is_some_and(|services| !services.is_empty()) {
        let part = inspection.map(|i| i.workloads.as_ref().err().map(super::words::failure));
        if let Some(why) = missing(part) {
            tell("SERVICE_MISSING", &why);
        }
    }
    if spec.requires.network_policies.is_some() {
        let part = inspection.map(|i| i.policies.as_ref().err().map(super::words::failure));
        if let Some(why) = missing(part) {
            tell("NETWORK_POLICY", &why);
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn check(expr: Option<&str>, keep: &str) -> CheckReport {
        let fleet = fixture::declared();
        let rows: Vec<_> =
            fleet.clusters.iter().filter(|c| c.key().as_str().contains(keep)).cloned().collect();
        check_report(&fleet, &rows, expr, fixture::now(), fixture::TOOL)
    }

    #[test]
    fn findings_are_told_by_owner_and_counted() {
        let doc = check(None, "");
        let told: Vec<_> = doc
            .items
            .iter()
            .map(|i| {
                (
                    i.owner.as_ref().map_or("-", Text::as_str),
                    i.cluster.as_ref().map_or("-", Text::as_str),
                    i.code,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("team eu", "prod-eu-west-3", "BELOW_FLOOR"),
                ("team eu", "prod-eu-west-3", "LABEL_MISSING"),
                ("team platform", "prod-us-east-1", "CONFLICT"),
                ("-", "-", "SOURCE_FAILING"),
            ]
        );
        assert!(!doc.passed);
        let counts = doc.summary.by_weight;
        assert_eq!((counts.error, counts.warning, counts.note), (1, 2, 1));
        assert_eq!((doc.summary.clusters, doc.summary.breached), (6, 1));
        assert_eq!(doc.summary.by_owner[0].count, 2);
        assert_eq!(doc.ignore, ["GHOST".into()]);
    }

    #[test]
    fn what_is_ignored_is_counted_as_far_as_it_was_asked_for() {
        let mut fleet = fixture::declared();
        let mut cluster = fleet.clusters[0].as_ref().clone();
        (cluster.ignored, fleet.ignored) = (2, 1);
        let rows = [Arc::new(cluster)];
        let count =
            |expr: Option<&str>| check_report(&fleet, &rows, expr, fixture::now(), fixture::TOOL).ignored;
        assert_eq!((count(None), count(Some("name:x"))), (3, 2));
    }

    #[test]
    fn what_belongs_to_no_cluster_is_told_where_nothing_was_asked_for() {
        let doc = check(Some("name:us"), "us-east");
        assert_eq!(doc.items.iter().map(|i| i.code).collect::<Vec<_>>(), ["CONFLICT"]);
        assert!(doc.passed, "a note breaks nothing");
    }

    #[test]
    fn a_rule_that_cannot_be_judged_is_unknown_and_no_breach() {
        let doc = check(None, "");
        let of = |name: &str| -> Vec<_> {
            doc.unknown.iter().filter(|u| u.cluster.as_str() == name).map(|u| u.code).collect()
        };
        assert_eq!(of("prod-eu-west-3"), ["SERVICE_MISSING"]);
        assert_eq!(of("dev-web-1"), Vec::<&str>::new(), "no rules, nothing to judge");
        assert_eq!(doc.summary.unknown, doc.unknown.len());
    }
}
