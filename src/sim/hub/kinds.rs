//! The kinds that only hubs serve.
//!
//! Versions of one kind whose fields differ are kept apart, each in its own form, so that reading one by the other's fields
//! finds nothing, as in a real server.

use super::super::kinds::{Kind, On, kind, with};
use super::Role;

const fn hub(mut of: Kind, shelf: &'static str, role: Role) -> Kind {
    of.shelf = shelf;
    of.on = On::Hub(role);
    with(of, &["status"])
}

const CAPI: &str = "cluster.x-k8s.io";
const KUBEADM: &str = "controlplane.cluster.x-k8s.io";
const MACHINES: (&str, &str, &str) = ("MachineDeployment", "machinedeployments", "machinedeployment");
const CONTROL: (&str, &str, &str) = ("KubeadmControlPlane", "kubeadmcontrolplanes", "kubeadmcontrolplane");

const fn clusters(group: &'static str, version: &'static str, namespaced: bool) -> Kind {
    kind(group, version, "Cluster", "clusters", "cluster", namespaced)
}

const fn capi(
    group: &'static str,
    version: &'static str,
    (name, plural, singular): (&'static str, &'static str, &'static str),
) -> Kind {
    kind(group, version, name, plural, singular, true)
}

/// All of them, in the order of discovery.
pub(in crate::sim) const KINDS: &[Kind] = &[
    hub(
        kind(
            "multicluster.x-k8s.io",
            "v1alpha1",
            "ClusterProfile",
            "clusterprofiles",
            "clusterprofile",
            true,
        ),
        "clusterprofiles",
        Role::Eu,
    ),
    hub(
        kind(
            "cluster.open-cluster-management.io",
            "v1",
            "ManagedCluster",
            "managedclusters",
            "managedcluster",
            false,
        ),
        "managedclusters",
        Role::Eu,
    ),
    hub(
        kind(
            "cluster.open-cluster-management.io",
            "v1beta2",
            "ManagedClusterSet",
            "managedclustersets",
            "managedclusterset",
            false,
        ),
        "managedclustersets",
        Role::Eu,
    ),
    hub(clusters("cluster.karmada.io", "v1alpha1", false), "clusters.karmada", Role::Eu),
    hub(
        kind("cluster.kubernetes-fleet.io", "v1", "MemberCluster", "memberclusters", "membercluster", false),
        "memberclusters",
        Role::Eu,
    ),
    hub(clusters(CAPI, "v1beta2", true), "clusters.capi/v1beta2", Role::Mgmt),
    hub(clusters(CAPI, "v1beta1", true), "clusters.capi/v1beta1", Role::Mgmt),
    hub(capi(CAPI, "v1beta2", MACHINES), "machinedeployments/v1beta2", Role::Mgmt),
    hub(capi(CAPI, "v1beta1", MACHINES), "machinedeployments/v1beta1", Role::Mgmt),
    hub(capi(KUBEADM, "v1beta2", CONTROL), "kubeadmcontrolplanes/v1beta2", Role::Mgmt),
    hub(capi(KUBEADM, "v1beta1", CONTROL), "kubeadmcontrolplanes/v1beta1", Role::Mgmt),
    hub(clusters("management.cattle.io", "v3", false), "clusters.management", Role::Rancher),
    hub(clusters("provisioning.cattle.io", "v1", true), "clusters.provisioning", Role::Rancher),
    hub(clusters("fleet.cattle.io", "v1alpha1", true), "clusters.fleet", Role::Rancher),
];
