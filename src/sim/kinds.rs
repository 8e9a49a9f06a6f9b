//! The kinds that the simulated API server serves.

use super::hub::{self, Role};

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
    /// Where objects of this kind are kept. Versions whose objects look the same share a shelf, and so do the two groups of
    /// events, which show the same objects.
    pub(super) shelf: &'static str,
    /// Which servers serve it.
    pub(super) on: On,
}

/// Which servers serve a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// Every one.
    All,
    /// Those of this minor or later.
    Since(u64),
    /// Those of this minor or earlier.
    Through(u64),
    /// Hubs of this role.
    Hub(Role),
    /// Those on which somebody asks for it although it is old; others have it switched off.
    Old,
}

pub(super) const fn kind(
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
        shelf: plural,
        on: On::All,
    }
}

const fn on(mut of: Kind, on: On) -> Kind {
    of.on = on;
    of
}

const fn short(mut of: Kind, names: &'static [&'static str]) -> Kind {
    of.short = names;
    of
}

const fn all(mut of: Kind) -> Kind {
    of.categories = &["all"];
    of
}

pub(super) const fn with(mut of: Kind, subresources: &'static [&'static str]) -> Kind {
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
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const STORAGE: &str = "storage.k8s.io";

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
    with(
        short(
            kind(
                "autoscaling",
                "v2",
                "HorizontalPodAutoscaler",
                "horizontalpodautoscalers",
                "horizontalpodautoscaler",
                true,
            ),
            &["hpa"],
        ),
        &["status"],
    ),
    with(short(kind("batch", "v1", "CronJob", "cronjobs", "cronjob", true), &["cj"]), &["status"]),
    short(
        kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "networkpolicy", true),
        &["netpol"],
    ),
    with(
        short(kind("networking.k8s.io", "v1", "Ingress", "ingresses", "ingress", true), &["ing"]),
        &["status"],
    ),
    with(
        short(
            kind(
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
                "customresourcedefinition",
                false,
            ),
            &["crd", "crds"],
        ),
        &["status"],
    ),
    with(kind(FLOW, "v1", "FlowSchema", "flowschemas", "flowschema", false), &["status"]),
    on(
        with(kind(FLOW, "v1beta3", "FlowSchema", "flowschemas", "flowschema", false), &["status"]),
        On::Through(31),
    ),
    on(
        short(
            kind(
                STORAGE,
                "v1",
                "VolumeAttributesClass",
                "volumeattributesclasses",
                "volumeattributesclass",
                false,
            ),
            &["vac"],
        ),
        On::Since(34),
    ),
    on(
        kind(
            STORAGE,
            "v1beta1",
            "VolumeAttributesClass",
            "volumeattributesclasses",
            "volumeattributesclass",
            false,
        ),
        On::Old,
    ),
    on(
        kind(
            "resource.k8s.io",
            "v1beta1",
            "ResourceClaimTemplate",
            "resourceclaimtemplates",
            "resourceclaimtemplate",
            true,
        ),
        On::Old,
    ),
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

    /// Where objects of this kind are kept.
    pub(super) fn shelf(&self) -> &'static str {
        self.shelf
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

/// The kinds of members and of hubs, in the order of discovery.
pub(super) fn every() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().chain(hub::kinds::KINDS)
}

/// The kind behind a group, version and plural.
pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    every().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// The kind whose objects a shelf keeps, in the form they are kept.
pub(super) fn kept(shelf: &str) -> Option<&'static Kind> {
    every().find(|kind| kind.shelf == shelf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_together_and_only_what_looks_the_same_shares_a_shelf() {
        let all: Vec<&Kind> = every().collect();
        let mut groups: Vec<_> = all.iter().map(|kind| kind.group).collect();
        groups.dedup();
        let unique: std::collections::BTreeSet<_> = groups.iter().collect();
        assert_eq!(unique.len(), groups.len());
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                let same = (one.group, one.plural) == (other.group, other.plural) || one.plural == "events";
                assert!(one.shelf != other.shelf || same, "{one:?} {other:?}");
                let named =
                    (one.group, one.version, one.plural) == (other.group, other.version, other.plural);
                assert!(!named, "{one:?}");
            }
        }
    }
}
