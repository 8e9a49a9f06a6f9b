//! Network policies that a class wants.

use super::read::is_like;
use super::{Check, Rule};
use crate::fleet::{ClassRules, CleanText, Cluster, NamespacePolicies};

/// The namespaces of the newest inspection; `None` if there was none, or if they could not be listed.
fn namespaces(cluster: &Cluster) -> Option<&[NamespacePolicies]> {
    cluster.signals.inspection.as_ref()?.policies.as_deref().ok()
}

impl Check<'_> {
    pub(super) fn network_policies(&mut self, rules: &ClassRules) {
        let Some(wanted) = &rules.spec.requires.network_policies else { return };
        let Some(namespaces) = namespaces(self.cluster) else { return };
        let seen_at = self.cluster.signals.inspection.as_ref().map(|i| i.at);
        for (i, pattern) in wanted.default_deny_in.iter().enumerate() {
            let open: Vec<&CleanText> = namespaces
                .iter()
                .filter(|n| !n.default_deny && is_like(pattern, n.namespace.as_str()))
                .map(|n| &n.namespace)
                .collect();
            if open.is_empty() {
                continue;
            }
            let list = super::listed(open.iter().map(|n| n.as_str()));
            let message = format!(
                "no policy denies by default in {list}, which class {} wants in {pattern}",
                rules.name
            );
            let hint = "Add a NetworkPolicy that selects all pods and allows nothing in.";
            let place = format!("spec.requires.networkPolicies.defaultDenyIn[{i}]");
            let at = Rule { rules, place: &place, about: pattern, seen_at };
            self.broken("NETWORK_POLICY", at, message, hint);
        }
    }
}

/// Whether policies are wanted and cannot be judged.
pub(super) fn is_unknown(cluster: &Cluster, rules: &ClassRules) -> bool {
    let wanted = rules.spec.requires.network_policies.as_ref();
    wanted.is_some_and(|w| !w.default_deny_in.is_empty()) && namespaces(cluster).is_none()
}
