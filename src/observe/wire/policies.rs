//! Namespaces, network policies (networking.k8s.io/v1) and disruption budgets (policy/v1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::json::{Labels, Text};
use super::list::{Count, Named, each_item};
use crate::fleet::{Budget, CleanText, Failure, NamespacePolicies};

/// Namespaces past this number are not looked at.
const MOST_NAMESPACES: usize = 10_000;
/// Blocking budgets past this number are not looked at.
const MOST_BUDGETS: usize = 1_000;

/// Namespaces with the policies counted in them so far.
#[derive(Clone, Debug, Default)]
pub struct Policies(BTreeMap<CleanText, (usize, bool)>);

#[derive(Deserialize)]
struct Bare<'a> {
    #[serde(borrow, default)]
    metadata: Named<'a>,
}

#[derive(Deserialize)]
struct Policy<'a> {
    #[serde(borrow, default)]
    metadata: Named<'a>,
    #[serde(borrow, default)]
    spec: Option<PolicySpec<'a>>,
}

#[derive(Deserialize)]
struct PolicySpec<'a> {
    #[serde(borrow, default, rename = "podSelector")]
    pods: Option<PodSelector<'a>>,
    #[serde(borrow, default, rename = "policyTypes")]
    types: Option<Vec<Text<'a>>>,
    #[serde(default)]
    ingress: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Default, Deserialize)]
struct PodSelector<'a> {
    #[serde(borrow, default, rename = "matchLabels")]
    labels: Option<Labels<'a>>,
    #[serde(default, rename = "matchExpressions")]
    expressions: Option<Vec<serde::de::IgnoredAny>>,
}

impl PolicySpec<'_> {
    /// Selects every pod and lets nothing in: types default to at least `Ingress`, and no rule means no traffic.
    fn denies_all(&self) -> bool {
        let every = self.pods.as_ref().is_none_or(|pods| {
            pods.labels.as_ref().is_none_or(|l| l.keys().next().is_none())
                && pods.expressions.as_ref().is_none_or(Vec::is_empty)
        });
        let types = self.types.as_deref().unwrap_or_default();
        let inward = types.is_empty() || types.iter().any(|t| t.as_str() == "Ingress");
        every && inward && self.ingress.as_ref().is_none_or(Vec::is_empty)
    }
}

impl Policies {
    /// Reads one page of namespaces, whole or as metadata alone; the answer is the token of the next page.
    ///
    /// # Errors
    /// `PARSE` if it is not that list.
    pub fn namespaces(&mut self, body: &[u8]) -> Result<Option<String>, Failure> {
        let kinds = ["NamespaceList", "PartialObjectMetadataList"];
        each_item(body, "a list of namespaces", &kinds, |item: Bare<'_>| {
            if item.metadata.is_named() && self.0.len() < MOST_NAMESPACES {
                self.0.entry(item.metadata.name()).or_default();
            }
        })
    }

    /// Reads one page of network policies. A namespace that is not known is not added: it is gone, or too many are there.
    ///
    /// # Errors
    /// `PARSE` if it is not that list.
    pub fn policies(&mut self, body: &[u8]) -> Result<Option<String>, Failure> {
        each_item(body, "a list of network policies", &["NetworkPolicyList"], |item: Policy<'_>| {
            if let Some((count, deny)) = self.0.get_mut(&item.metadata.namespace()) {
                *count += 1;
                *deny |= item.spec.as_ref().is_some_and(PolicySpec::denies_all);
            }
        })
    }

    /// What was counted, by namespace.
    pub fn into_rows(self) -> Vec<NamespacePolicies> {
        let row = |(namespace, (count, default_deny))| NamespacePolicies { namespace, count, default_deny };
        self.0.into_iter().map(row).collect()
    }
}

#[derive(Deserialize)]
struct BudgetItem<'a> {
    #[serde(borrow, default)]
    metadata: Named<'a>,
    #[serde(default)]
    status: Option<BudgetStatus>,
}

#[derive(Deserialize)]
struct BudgetStatus {
    #[serde(default, rename = "disruptionsAllowed")]
    allowed: Count,
    #[serde(default, rename = "currentHealthy")]
    healthy: Count,
    #[serde(default, rename = "desiredHealthy")]
    desired: Count,
    #[serde(default, rename = "expectedPods")]
    expected: Count,
}

/// Reads one page of disruption budgets and adds those that allow no disruption now of pods that are there; the answer is the
/// token of the next page. A budget without a status has not been looked at by the cluster yet and says nothing.
///
/// # Errors
/// `PARSE` if it is not that list; `rows` is then as it was.
pub fn budgets(body: &[u8], rows: &mut Vec<Budget>) -> Result<Option<String>, Failure> {
    let before = rows.len();
    let read = each_item(
        body,
        "a list of disruption budgets",
        &["PodDisruptionBudgetList"],
        |item: BudgetItem<'_>| {
            let Some(status) = item.status else { return };
            if status.allowed.0 == 0 && status.expected.0 > 0 && rows.len() < MOST_BUDGETS {
                rows.push(Budget {
                    namespace: item.metadata.namespace(),
                    name: item.metadata.name(),
                    healthy: status.healthy.0,
                    desired: status.desired.0,
                    expected: status.expected.0,
                });
            }
        },
    );
    if read.is_err() {
        rows.truncate(before);
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_without_a_policy_are_listed_too() {
        let mut seen = Policies::default();
        let next = seen.namespaces(
            br#"{"kind":"PartialObjectMetadataList","metadata":{"continue":"c"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#,
        );
        assert_eq!(next.unwrap().as_deref(), Some("c"));
        seen.namespaces(br#"{"kind":"NamespaceList","items":[{"metadata":{"name":"c"},"status":{}}]}"#)
            .unwrap();
        seen.policies(
            br#"{"kind":"NetworkPolicyList","items":[
            {"metadata":{"name":"p","namespace":"b"},"spec":{"podSelector":{"matchLabels":{"app":"x"}},"policyTypes":["Ingress"]}},
            {"metadata":{"name":"q","namespace":"b"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"]}},
            {"metadata":{"name":"r","namespace":"gone"},"spec":{"podSelector":{}}}]}"#,
        )
        .unwrap();
        let rows: Vec<_> = seen
            .into_rows()
            .into_iter()
            .map(|r| (r.namespace.to_string(), r.count, r.default_deny))
            .collect();
        assert_eq!(rows, [("a".into(), 0, false), ("b".into(), 2, true), ("c".into(), 0, false)]);
    }

    #[test]
    fn only_what_selects_all_and_allows_nothing_in_denies_all() {
        for (spec, denies) in [
            (r#"{"podSelector":{}}"#, true),
            (r#"{"podSelector":{},"policyTypes":["Ingress"],"ingress":[]}"#, true),
            (
                r#"{"podSelector":{"matchLabels":{},"matchExpressions":[]},"policyTypes":["Egress","Ingress"]}"#,
                true,
            ),
            (r#"{"podSelector":{},"policyTypes":["Egress"]}"#, false),
            (r#"{"podSelector":{},"ingress":[{}]}"#, false),
            (r#"{"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]}"#, false),
            (r#"{"podSelector":{"matchLabels":{"a":"b"}}}"#, false),
            (r#"{"podSelector":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<PolicySpec<'_>>(spec).unwrap().denies_all(), denies, "{spec}");
        }
    }

    #[test]
    fn a_budget_blocks_when_it_allows_nothing_of_pods_that_are_there() {
        let item = |name: &str, status: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"n"}},"spec":{{"minAvailable":"50%"}},"status":{status}}}"#
            )
        };
        let items = [
            item(
                "blocks",
                r#"{"disruptionsAllowed":0,"currentHealthy":2,"desiredHealthy":2,"expectedPods":2}"#,
            ),
            item(
                "allows",
                r#"{"disruptionsAllowed":1,"currentHealthy":3,"desiredHealthy":2,"expectedPods":3}"#,
            ),
            item(
                "empty",
                r#"{"disruptionsAllowed":0,"currentHealthy":0,"desiredHealthy":0,"expectedPods":0}"#,
            ),
            item("young", "null"),
        ];
        let body = format!(r#"{{"kind":"PodDisruptionBudgetList","items":[{}]}}"#, items.join(","));
        let mut rows = Vec::new();
        assert_eq!(budgets(body.as_bytes(), &mut rows).unwrap(), None);
        let blocks =
            Budget { namespace: "n".into(), name: "blocks".into(), healthy: 2, desired: 2, expected: 2 };
        assert_eq!(rows, [blocks]);
        assert!(budgets(&body.as_bytes()[..body.len() - 9], &mut rows).is_err());
        assert_eq!(rows.len(), 1);
    }
}
