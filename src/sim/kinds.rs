//! The kinds that the simulated API server serves.

/// One resource of one group and version.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "`kind` is the field's name in Kubernetes")]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) singular: &'static str,
    pub(super) short: &'static [&'static str],
    pub(super) categories: &'static [&'static str],
    pub(super) namespaced: bool,
    pub(super) subresources: &'static [&'static str],
    /// False for the review kinds, which are created and never kept.
    pub(super) stored: bool,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    singular: &'static str,
    namespaced: bool,
) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
        singular,
        short: &[],
        categories: &[],
        namespaced,
        subresources: &[],
        stored: true,
    }
}

const fn short(mut of: Kind, names: &'static [&'static str]) -> Kind {
    of.short = names;
    of
}

const fn all(mut of: Kind) -> Kind {
    of.categories = &["all"];
    of
}

const fn with(mut of: Kind, subresources: &'static [&'static str]) -> Kind {
    of.subresources = subresources;
    of
}

const fn review(
    of_group: &'static str,
    name: &'static str,
    plural: &'static str,
    singular: &'static str,
) -> Kind {
    let mut of = kind(of_group, "v1", name, plural, singular, false);
    of.stored = false;
    of
}

const CORE: &str = "";
const APPS: &str = "apps";
const RBAC: &str = "rbac.authorization.k8s.io";
const AUTHZ: &str = "authorization.k8s.io";

/// Everything that is served, in the order of discovery.
pub(super) const KINDS: &[Kind] = &[
    short(kind(CORE, "v1", "ConfigMap", "configmaps", "configmap", true), &["cm"]),
    short(kind(CORE, "v1", "Event", "events", "event", true), &["ev"]),
    with(
        short(kind(CORE, "v1", "Namespace", "namespaces", "namespace", false), &["ns"]),
        &["status", "finalize"],
    ),
    with(short(kind(CORE, "v1", "Node", "nodes", "node", false), &["no"]), &["status"]),
    with(all(short(kind(CORE, "v1", "Pod", "pods", "pod", true), &["po"])), &["status"]),
    kind(CORE, "v1", "Secret", "secrets", "secret", true),
    with(all(short(kind(CORE, "v1", "Service", "services", "service", true), &["svc"])), &["status"]),
    short(kind(CORE, "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", true), &["sa"]),
    with(all(short(kind(APPS, "v1", "DaemonSet", "daemonsets", "daemonset", true), &["ds"])), &["status"]),
    with(
        all(short(kind(APPS, "v1", "Deployment", "deployments", "deployment", true), &["deploy"])),
        &["status"],
    ),
    with(all(short(kind(APPS, "v1", "ReplicaSet", "replicasets", "replicaset", true), &["rs"])), &["status"]),
    with(
        all(short(kind(APPS, "v1", "StatefulSet", "statefulsets", "statefulset", true), &["sts"])),
        &["status"],
    ),
    short(kind("events.k8s.io", "v1", "Event", "events", "event", true), &["ev"]),
    review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview"),
    review(AUTHZ, "SelfSubjectAccessReview", "selfsubjectaccessreviews", "selfsubjectaccessreview"),
    review(AUTHZ, "SelfSubjectRulesReview", "selfsubjectrulesreviews", "selfsubjectrulesreview"),
    with(
        short(
            kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", true),
            &["pdb"],
        ),
        &["status"],
    ),
    kind(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", false),
    kind(RBAC, "v1", "ClusterRole", "clusterroles", "clusterrole", false),
    kind(RBAC, "v1", "RoleBinding", "rolebindings", "rolebinding", true),
    kind(RBAC, "v1", "Role", "roles", "role", true),
    kind("coordination.k8s.io", "v1", "Lease", "leases", "lease", true),
];

impl Kind {
    /// `v1` or `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Where objects of this kind are kept: plurals are unique here but for the two groups of events, which show the
    /// same objects.
    pub(super) fn shelf(&self) -> &'static str {
        self.plural
    }

    /// True for the kinds that decide who may do what.
    pub(super) fn is_rbac(&self) -> bool {
        self.group == RBAC
    }

    /// The resource as messages name it: `deployments.apps`, `nodes`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The verbs of discovery.
    pub(super) fn verbs(&self) -> &'static [&'static str] {
        if self.stored {
            &["create", "delete", "get", "list", "patch", "update", "watch"]
        } else {
            &["create"]
        }
    }
}

/// The kind behind a group, version and plural.
pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// The kind whose objects a shelf keeps, in the form they are kept.
pub(super) fn kept(plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.plural == plural)
}

/// The groups with a name, each once, in the order of discovery.
pub(super) fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&'static str> =
        KINDS.iter().map(|kind| kind.group).filter(|g| !g.is_empty()).collect();
    groups.dedup();
    groups
}

/// The kinds of one group.
pub(super) fn of_group(group: &str) -> impl Iterator<Item = &'static Kind> + use<'_> {
    KINDS.iter().filter(move |kind| kind.group == group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_together_and_plurals_are_unique_but_for_events() {
        let groups = groups();
        let unique: std::collections::BTreeSet<_> = groups.iter().collect();
        assert_eq!(unique.len(), groups.len());
        let mut plurals: Vec<_> = KINDS.iter().map(|kind| kind.plural).filter(|p| *p != "events").collect();
        plurals.sort_unstable();
        let before = plurals.len();
        plurals.dedup();
        assert_eq!(plurals.len(), before);
    }
}
