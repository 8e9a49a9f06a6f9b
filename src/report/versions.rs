//! The document about versions: `VersionMatrix`, clusters counted by group and release line.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::belongs::{owner, tenants};
use super::status::{Asked, ErrorItem, QueryItem, errors, query_item};
use super::wire::{API_VERSION, SCHEMA_VERSION, Stamp, StateWord, Text, Tool};
use crate::fleet::lifecycle::{self, Skew};
use crate::fleet::{CleanText, Cluster, Fleet, Minor, Version};

/// Clusters by group and release line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionMatrix {
    /// The group and version.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: &'static str,
    /// The kind.
    #[schemars(extend("const" = "VersionMatrix"))]
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
    /// Whose version is counted.
    pub metric: Metric,
    /// What the rows are.
    pub by: GroupBy,
    /// The release lines, oldest first: the columns.
    pub minors: Vec<MinorItem>,
    /// One row for each group.
    pub rows: Vec<MatrixRow>,
    /// Counts over all groups.
    pub totals: MatrixRow,
    /// The clusters behind the counts, in class order, then by name.
    pub items: Vec<VersionItem>,
    /// One for each cluster that could not be read.
    pub errors: Vec<ErrorItem>,
}

/// Whose version is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The API server's.
    ControlPlane,
    /// The oldest kubelet's.
    Kubelet,
}

/// What clusters are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    /// Class.
    Class,
    /// Region.
    Region,
    /// Provider.
    Provider,
    /// Tenant. A cluster that several tenants share is counted in the row of each, and once in the totals.
    Tenant,
    /// Owner.
    Owner,
}

impl GroupBy {
    /// The word as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Region => "region",
            Self::Provider => "provider",
            Self::Tenant => "tenant",
            Self::Owner => "owner",
        }
    }
}

/// One release line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MinorItem {
    /// `1.35`.
    pub minor: String,
    /// When upstream support ends.
    pub end_of_life: Option<String>,
    /// Days until then; negative when past.
    pub end_of_life_in_days: Option<i64>,
}

/// One group's counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MatrixRow {
    /// The group; `null` for clusters of which it is not known, and in the totals.
    pub group: Option<Text>,
    /// All clusters of the group.
    pub total: usize,
    /// Those whose version is not known.
    pub unknown: usize,
    /// One cell for each of `minors`, in the same order.
    pub cells: Vec<MatrixCell>,
}

/// How many clusters of a group are on a release line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatrixCell {
    /// `1.35`.
    pub minor: String,
    /// How many.
    pub count: usize,
    /// How many of them could not be confirmed just now.
    pub stale: usize,
    /// How many of them have kubelets further from the API server than the skew policy allows.
    pub skewed: usize,
}

/// One cluster's versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionItem {
    /// Its name.
    pub name: Text,
    /// Its class.
    pub class: Text,
    /// Its region.
    pub region: Option<Text>,
    /// Its provider.
    pub provider: Option<Text>,
    /// Who owns it.
    pub owner: Option<Text>,
    /// Who shares it.
    pub tenants: Vec<Text>,
    /// Its state.
    pub state: StateWord,
    /// Whether the newest attempt to reach it succeeded.
    pub live: bool,
    /// The API server's version.
    pub control_plane: Option<Text>,
    /// Its release line.
    pub minor: Option<String>,
    /// The oldest kubelet.
    pub kubelet_min: Option<String>,
    /// The newest kubelet.
    pub kubelet_max: Option<String>,
    /// How many minors the oldest kubelet is behind the API server.
    pub skew_minors: Option<i32>,
    /// Whether the skew policy allows it.
    pub skew_allowed: Option<bool>,
    /// Days until upstream support of the release line ends; negative when past.
    pub end_of_life_in_days: Option<i64>,
    /// When it was seen.
    pub observed_at: Option<Stamp>,
}

impl VersionItem {
    /// Whether the cluster is counted in the row of `group`; `None` is the row of those of which it is not known.
    pub fn is_in(&self, by: GroupBy, group: Option<&Text>) -> bool {
        match by {
            GroupBy::Class => group == Some(&self.class),
            GroupBy::Region => group == self.region.as_ref(),
            GroupBy::Provider => group == self.provider.as_ref(),
            GroupBy::Owner => group == self.owner.as_ref(),
            GroupBy::Tenant => group.map_or(self.tenants.is_empty(), |g| self.tenants.contains(g)),
        }
    }
}

/// What to count and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixShape {
    /// Whose version.
    pub metric: Metric,
    /// Grouped by.
    pub by: GroupBy,
}

/// Counts `rows`, which `asked` selected from `fleet`.
pub fn version_matrix<'a>(
    fleet: &Fleet,
    rows: &[Arc<Cluster>],
    asked: impl Into<Asked<'a>>,
    shape: MatrixShape,
    now: DateTime<Utc>,
    tool: Tool,
) -> VersionMatrix {
    let mut lines: Vec<Minor> = rows.iter().filter_map(|c| line_of(c, shape.metric)).collect();
    lines.sort_unstable();
    lines.dedup();
    let mut groups: BTreeMap<(u16, Option<CleanText>), Vec<&Cluster>> = BTreeMap::new();
    for cluster in rows {
        for group in groups_of(cluster, shape.by) {
            groups.entry(group).or_default().push(cluster);
        }
    }
    let errors = errors(rows);
    let all: Vec<&Cluster> = rows.iter().map(AsRef::as_ref).collect();
    VersionMatrix {
        api_version: API_VERSION,
        kind: "VersionMatrix",
        schema_version: SCHEMA_VERSION,
        generated_at: Stamp(now),
        tool,
        query: query_item(fleet, rows, asked.into()),
        partial: !errors.is_empty(),
        metric: shape.metric,
        by: shape.by,
        minors: lines.iter().map(|l| minor_item(*l, now)).collect(),
        rows: groups.iter().map(|((_, g), of)| matrix_row(g.as_ref(), of, &lines, shape.metric)).collect(),
        totals: matrix_row(None, &all, &lines, shape.metric),
        items: rows.iter().map(|c| version_item(c, now)).collect(),
        errors,
    }
}

/// Whether the kubelets are within what the version skew policy allows of the API server.
pub fn skew_allowed(cluster: &Cluster) -> Option<bool> {
    let server = cluster.version()?;
    let allowed =
        |kubelet: &Version| lifecycle::kubelet_skew(server, kubelet).map(|s| matches!(s, Skew::Allowed(_)));
    Some(allowed(cluster.oldest_kubelet()?)? && allowed(cluster.newest_kubelet()?)?)
}

fn line_of(cluster: &Cluster, metric: Metric) -> Option<Minor> {
    match metric {
        Metric::ControlPlane => Some(cluster.version()?.line),
        Metric::Kubelet => Some(cluster.oldest_kubelet()?.line),
    }
}

/// The groups a cluster falls in; unknown groups sort last.
fn groups_of(cluster: &Cluster, by: GroupBy) -> Vec<(u16, Option<CleanText>)> {
    let told = match by {
        GroupBy::Class => return vec![(cluster.class.order, Some(cluster.class.name.clone()))],
        GroupBy::Region => cluster.region().map(|told| told.value),
        GroupBy::Provider => cluster.provider().map(|told| told.value),
        GroupBy::Owner => owner(cluster).map(|text| text.0),
        GroupBy::Tenant => {
            let all = tenants(cluster);
            if !all.is_empty() {
                return all.into_iter().map(|text| (0, Some(text.0))).collect();
            }
            None
        }
    };
    vec![(u16::from(told.is_none()), told)]
}

fn matrix_row(
    group: Option<&CleanText>,
    clusters: &[&Cluster],
    lines: &[Minor],
    metric: Metric,
) -> MatrixRow {
    let cell = |line: &Minor| {
        let here = || clusters.iter().filter(|c| line_of(c, metric) == Some(*line));
        MatrixCell {
            minor: line.to_string(),
            count: here().count(),
            stale: here().filter(|c| !c.is_live()).count(),
            skewed: here().filter(|c| skew_allowed(c) == Some(false)).count(),
        }
    };
    MatrixRow {
        group: group.map(Text::from),
        total: clusters.len(),
        unknown: clusters.iter().filter(|c| line_of(c, metric).is_none()).count(),
        cells: lines.iter().map(cell).collect(),
    }
}

fn minor_item(line: Minor, now: DateTime<Utc>) -> MinorItem {
    MinorItem {
        minor: line.to_string(),
        end_of_life: lifecycle::end_of_life(line).map(|d| d.to_string()),
        end_of_life_in_days: lifecycle::days_left(line, now),
    }
}

fn version_item(cluster: &Cluster, now: DateTime<Utc>) -> VersionItem {
    let said = cluster.signals.version.value();
    let line = cluster.version().map(|v| v.line);
    VersionItem {
        name: Text::from(cluster.key().as_str()),
        class: Text::from(&cluster.class.name),
        region: cluster.region().map(|t| Text(t.value)),
        provider: cluster.provider().map(|t| Text(t.value)),
        owner: owner(cluster),
        tenants: tenants(cluster),
        state: cluster.verdict.state.into(),
        live: cluster.is_live(),
        control_plane: said.map(|v| Text::from(&v.text)),
        minor: line.map(|l| l.to_string()),
        kubelet_min: cluster.oldest_kubelet().map(Version::to_string),
        kubelet_max: cluster.newest_kubelet().map(Version::to_string),
        skew_minors: cluster.kubelet_skew(),
        skew_allowed: skew_allowed(cluster),
        end_of_life_in_days: line.and_then(|l| lifecycle::days_left(l, now)),
        observed_at: cluster.signals.version.last.as_ref().map(|o| Stamp(o.at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn clusters_are_counted_by_group_and_line() {
        let fleet = fixture::fleet();
        let shape = MatrixShape { metric: Metric::ControlPlane, by: GroupBy::Class };
        let doc =
            version_matrix(&fleet, &fleet.clusters, Asked::default(), shape, fixture::now(), fixture::TOOL);
        insta::assert_json_snapshot!((&doc.minors, &doc.rows, &doc.totals));
        let counted: usize = doc.totals.cells.iter().map(|c| c.count).sum();
        assert_eq!(counted + doc.totals.unknown, fleet.clusters.len());
    }

    #[test]
    fn kubelets_count_by_the_oldest_and_skew_is_judged() {
        let fleet = fixture::fleet();
        let shape = MatrixShape { metric: Metric::Kubelet, by: GroupBy::Region };
        let doc =
            version_matrix(&fleet, &fleet.clusters, Asked::default(), shape, fixture::now(), fixture::TOOL);
        let minors: Vec<_> = doc.minors.iter().map(|m| m.minor.as_str()).collect();
        assert_eq!(minors, ["1.34"]);
        assert_eq!(doc.rows.last().unwrap().group, None, "clusters of no known region come last");
        let by_name = |n: &str| doc.items.iter().find(|i| i.name.as_str() == n).unwrap();
        assert_eq!(by_name("prod-us-east-1").skew_minors, Some(2));
        assert_eq!(by_name("prod-us-east-1").skew_allowed, Some(true));
        assert_eq!(by_name("dev-web-1").skew_allowed, None);
    }

    #[test]
    fn a_shared_cluster_counts_for_each_tenant_and_once_in_the_totals() {
        let fleet = fixture::declared();
        let shape = MatrixShape { metric: Metric::ControlPlane, by: GroupBy::Tenant };
        let doc =
            version_matrix(&fleet, &fleet.clusters, Asked::default(), shape, fixture::now(), fixture::TOOL);
        let rows: Vec<_> =
            doc.rows.iter().map(|r| (r.group.as_ref().map(Text::to_string), r.total)).collect();
        assert_eq!(rows, [(Some("pay".into()), 1), (Some("shop".into()), 3), (None, 3)]);
        assert_eq!(doc.totals.total, 6);
    }
}
