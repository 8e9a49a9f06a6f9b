//! Which resources of a hub a kind of source is read from. Kind `Cluster` exists in six groups, so group and plural name them.

use crate::fleet::SourceKind;

/// What the objects of a resource look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    ClusterProfile,
    ClusterApi,
    ControlPlane,
    NamespaceSet,
    Argo,
    Ocm,
    Karmada,
    RancherManagement,
    RancherProvisioning,
    RancherFleet,
    KubeFleet,
    KubeFed,
    ClusterRegistry,
}

/// One resource.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) shape: Shape,
    /// Empty for the core group.
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    /// Versions that are understood, the preferred one first.
    pub(super) versions: &'static [&'static str],
    pub(super) namespaced: bool,
    /// Labels that an object must have to be what is looked for.
    pub(super) selector: Option<&'static str>,
    /// Whether its objects only add to those of the first resource; then it is no trouble if there are none to be had.
    pub(super) part: bool,
}

impl Resource {
    /// `clusters.cluster.x-k8s.io`.
    pub(super) fn name(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

const fn crd(
    shape: Shape,
    group: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
    namespaced: bool,
) -> Resource {
    Resource { shape, group, plural, versions, namespaced, selector: None, part: false }
}

/// Before Cluster API v1.14, only the control plane's own object says which version runs.
const fn control_plane(plural: &'static str) -> Resource {
    let group = "controlplane.cluster.x-k8s.io";
    Resource { part: true, ..crd(Shape::ControlPlane, group, plural, &["v1beta2", "v1beta1"], true) }
}

/// The label by which a namespace says which set its profiles belong to; the KEP's text and its code disagree on the name.
pub(super) const SET_LABELS: [&str; 2] =
    ["multicluster.x-k8s.io/clusterset", "clusterset.multicluster.x-k8s.io"];

const fn namespaces(label: &'static str) -> Resource {
    let all = crd(Shape::NamespaceSet, "", "namespaces", &["v1"], false);
    Resource { part: true, selector: Some(label), ..all }
}

const CLUSTER_PROFILE: &[Resource] = &[
    crd(Shape::ClusterProfile, "multicluster.x-k8s.io", "clusterprofiles", &["v1alpha1"], true),
    namespaces(SET_LABELS[0]),
    namespaces(SET_LABELS[1]),
];
const CLUSTER_API: &[Resource] = &[
    crd(Shape::ClusterApi, "cluster.x-k8s.io", "clusters", &["v1beta2", "v1beta1"], true),
    control_plane("kubeadmcontrolplanes"),
    control_plane("rke2controlplanes"),
];
/// Secrets of this one label value; others of the label are repositories. Never all Secrets.
const ARGO: &[Resource] = &[Resource {
    shape: Shape::Argo,
    group: "",
    plural: "secrets",
    versions: &["v1"],
    namespaced: true,
    selector: Some("argocd.argoproj.io/secret-type=cluster"),
    part: false,
}];
const OCM: &[Resource] =
    &[crd(Shape::Ocm, "cluster.open-cluster-management.io", "managedclusters", &["v1"], false)];
const KARMADA: &[Resource] = &[crd(Shape::Karmada, "cluster.karmada.io", "clusters", &["v1alpha1"], false)];
const RANCHER: &[Resource] = &[
    crd(Shape::RancherManagement, "management.cattle.io", "clusters", &["v3"], false),
    crd(Shape::RancherProvisioning, "provisioning.cattle.io", "clusters", &["v1"], true),
];
const RANCHER_FLEET: &[Resource] =
    &[crd(Shape::RancherFleet, "fleet.cattle.io", "clusters", &["v1alpha1"], true)];
const KUBE_FLEET: &[Resource] =
    &[crd(Shape::KubeFleet, "cluster.kubernetes-fleet.io", "memberclusters", &["v1", "v1beta1"], false)];
const KUBE_FED: &[Resource] =
    &[crd(Shape::KubeFed, "core.kubefed.io", "kubefedclusters", &["v1beta1"], true)];
const CLUSTER_REGISTRY: &[Resource] =
    &[crd(Shape::ClusterRegistry, "clusterregistry.k8s.io", "clusters", &["v1alpha1"], true)];

/// The resources of a kind; none for kinds that are not read from a hub.
pub(super) fn resources(kind: SourceKind) -> &'static [Resource] {
    match kind {
        SourceKind::ClusterProfile => CLUSTER_PROFILE,
        SourceKind::ClusterApi => CLUSTER_API,
        SourceKind::ArgoCd => ARGO,
        SourceKind::Ocm => OCM,
        SourceKind::Karmada => KARMADA,
        SourceKind::Rancher => RANCHER,
        SourceKind::RancherFleet => RANCHER_FLEET,
        SourceKind::KubeFleet => KUBE_FLEET,
        SourceKind::KubeFed => KUBE_FED,
        SourceKind::ClusterRegistry => CLUSTER_REGISTRY,
        _ => &[],
    }
}
