//! The document about next upgrades: `OutlookList`, what stands in their way, who must act, by when.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::belongs::owner;
use super::status::{Asked, ErrorItem, QueryItem, errors, query_item};
use super::wire::{API_VERSION, SCHEMA_VERSION, Stamp, StateWord, Text, Tool, document};
use crate::fleet::{Blocker, Cluster, Effect, Fleet, Outlook};

/// A cluster's next upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutlookItem {
    /// The version to go to next; `null` if it is where it should be, or if that is not known.
    pub next: Option<String>,
    /// Every step to the target, the first of them `next`.
    pub hops: Vec<String>,
    /// Whether kubelets must be upgraded before the control plane can take the step.
    pub kubelets_first: bool,
    /// Whether something blocks the step.
    pub blocked: bool,
    /// What stands in the way, the worst first.
    pub blockers: Vec<BlockerItem>,
    /// The day by which it must have happened, `2027-02-28`.
    pub by: Option<String>,
    /// Days until then; negative when past.
    pub by_in_days: Option<i64>,
}

/// What a blocker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EffectWord {
    /// The step must not be taken.
    Blocks,
    /// The step can be taken, with care.
    Warns,
    /// It is not known whether something stands in the way.
    Unknown,
}

impl EffectWord {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Warns => "warns",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Effect> for EffectWord {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Blocks => Self::Blocks,
            Effect::Warns => Self::Warns,
            Effect::Unknown => Self::Unknown,
        }
    }
}

/// Something in the way of an upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockerItem {
    /// A stable word.
    pub code: &'static str,
    /// What it does.
    pub effect: EffectWord,
    /// For people.
    pub message: Text,
    /// What to do.
    pub hint: Option<Text>,
    /// Who must act.
    pub owner: Option<Text>,
    /// When what it rests on was seen.
    pub observed_at: Option<Stamp>,
}

document! {
    /// The next upgrades of clusters.
    OutlookList {
        /// What was asked.
        query: QueryItem,
        /// Whether `errors` is not empty.
        partial: bool,
        /// Counts over the clusters.
        summary: OutlookSummary,
        /// One for each cluster that has something before it, in class order, then by name.
        items: Vec<OutlookRow>,
        /// One for each cluster that could not be read.
        errors: Vec<ErrorItem>,
    }
}

/// Counts over the selected clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutlookSummary {
    /// All.
    pub clusters: usize,
    /// Those whose next step something blocks.
    pub blocked: usize,
    /// Those that have a next step that nothing blocks.
    pub ready: usize,
    /// Those that are where they should be, or of which that is not known.
    pub settled: usize,
    /// Blockers by their code, the most frequent first.
    pub by_code: Vec<BlockerTally>,
    /// Blockers by who must act, the busiest first.
    pub by_owner: Vec<OwnerTally>,
}

/// How often something stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlockerTally {
    /// The code.
    pub code: &'static str,
    /// How many clusters have it.
    pub count: usize,
}

/// How much waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnerTally {
    /// Who must act; `null` if nobody is named.
    pub owner: Option<Text>,
    /// How many blockers.
    pub count: usize,
}

/// One cluster's next upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutlookRow {
    /// Its name.
    pub name: Text,
    /// Its class.
    pub class: Text,
    /// Who owns it.
    pub owner: Option<Text>,
    /// Its region.
    pub region: Option<Text>,
    /// Its state.
    pub state: StateWord,
    /// The control plane's version.
    pub version: Option<Text>,
    /// The next upgrade.
    pub outlook: OutlookItem,
}

/// The next upgrade as documents tell it.
pub fn outlook_item(outlook: &Outlook, now: DateTime<Utc>) -> OutlookItem {
    OutlookItem {
        next: outlook.next.as_ref().map(ToString::to_string),
        hops: outlook.hops.iter().map(ToString::to_string).collect(),
        kubelets_first: outlook.kubelets_first,
        blocked: outlook.is_blocked(),
        blockers: outlook.blockers.iter().map(blocker_item).collect(),
        by: outlook.by.map(|day| day.to_string()),
        by_in_days: outlook.by.map(|day| (day - now.date_naive()).num_days()),
    }
}

fn blocker_item(blocker: &Blocker) -> BlockerItem {
    BlockerItem {
        code: blocker.code,
        effect: blocker.effect.into(),
        message: Text::from(&blocker.message),
        hint: blocker.hint.as_ref().map(Text::from),
        owner: blocker.owner.as_ref().map(Text::from),
        observed_at: blocker.seen_at.map(Stamp),
    }
}

/// The next upgrades of `rows`, which `asked` selected from `fleet`; with `only_blocked` only those that something blocks.
pub fn outlook_list<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    only_blocked: bool,
    now: DateTime<Utc>,
    tool: Tool,
) -> OutlookList {
    let errors = errors(rows);
    let told = rows.iter().filter_map(|c| Some((c, c.outlook.as_deref()?)));
    let has_something =
        |o: &Outlook| if only_blocked { o.is_blocked() } else { o.next.is_some() || !o.blockers.is_empty() };
    OutlookList {
        api_version: API_VERSION,
        kind: "OutlookList",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked.into()),
        partial: !errors.is_empty(),
        summary: summary(rows),
        items: told.filter(|(_, o)| has_something(o)).map(|(c, o)| outlook_row(c, o, now)).collect(),
        errors,
    }
}

fn outlook_row(cluster: &Cluster, outlook: &Outlook, now: DateTime<Utc>) -> OutlookRow {
    OutlookRow {
        name: Text::from(cluster.key().as_str()),
        class: Text::from(&cluster.class.name),
        owner: owner(cluster),
        region: cluster.region().map(|told| Text(told.value)),
        state: cluster.verdict.state.into(),
        version: cluster.signals.version.value().map(|v| Text::from(&v.text)),
        outlook: outlook_item(outlook, now),
    }
}

fn summary(rows: &[Arc<Cluster>]) -> OutlookSummary {
    let outlooks: Vec<&Outlook> = rows.iter().filter_map(|c| c.outlook.as_deref()).collect();
    let blocked = outlooks.iter().filter(|o| o.is_blocked()).count();
    let ready = outlooks.iter().filter(|o| !o.is_blocked() && o.next.is_some()).count();
    let mut codes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut owners: BTreeMap<Option<Text>, usize> = BTreeMap::new();
    for outlook in &outlooks {
        let blocking = outlook.blockers.iter().filter(|b| b.effect == Effect::Blocks);
        let mut seen = Vec::new();
        for blocker in blocking {
            *owners.entry(blocker.owner.as_ref().map(Text::from)).or_default() += 1;
            if !seen.contains(&blocker.code) {
                seen.push(blocker.code);
                *codes.entry(blocker.code).or_default() += 1;
            }
        }
    }
    let mut by_code: Vec<_> = codes.into_iter().map(|(code, count)| BlockerTally { code, count }).collect();
    by_code.sort_by_key(|t| std::cmp::Reverse(t.count));
    let mut by_owner: Vec<_> = owners.into_iter().map(|(owner, count)| OwnerTally { owner, count }).collect();
    by_owner.sort_by_key(|t| std::cmp::Reverse(t.count));
    OutlookSummary {
        clusters: rows.len(),
        blocked,
        ready,
        settled: rows.len() - blocked - ready,
        by_code,
        by_owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn what_blocks_is_counted_by_code_and_by_who_must_act() {
        let fleet = fixture::declared();
        let list = |blocked| {
            outlook_list(&fleet, &fleet.clusters, Asked::default(), blocked, fixture::now(), fixture::TOOL)
        };
        let (all, blocked) = (list(false), list(true));
        let names = |l: &OutlookList| l.items.iter().map(|i| i.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&blocked), ["prod-eu-west-3"]);
        assert_eq!(names(&all), ["prod-eu-west-3", "prod-us-east-1"]);
        assert_eq!((all.summary.blocked, all.summary.ready, all.summary.settled), (1, 1, 4));
        assert_eq!(all.summary.by_code[0], BlockerTally { code: "ADDON", count: 1 });
        assert_eq!(all.summary.by_owner[0].owner.as_ref().unwrap().as_str(), "team eu");
        assert_eq!(blocked.items[0].outlook.by_in_days, Some(100));
    }
}
