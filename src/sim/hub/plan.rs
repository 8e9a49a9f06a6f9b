//! Who is registered where: part of the truth, a pure function of the fleet.

use super::super::dice::Dice;
use super::super::places::Provider;
use super::super::truth::ClusterTruth;
use super::Role;

/// A register of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Registry {
    /// `multicluster.x-k8s.io` ClusterProfile, on `hub-eu`.
    ClusterProfile,
    /// Open Cluster Management, on `hub-eu`.
    ManagedCluster,
    /// Secrets of Argo CD, on `hub-eu`.
    ArgoCd,
    /// Karmada, on `hub-eu`.
    Karmada,
    /// KubeFleet, on `hub-eu`.
    KubeFleet,
    /// Cluster API, on `mgmt`.
    ClusterApi,
    /// Rancher, on `rancher`.
    Rancher,
    /// Rancher Fleet, on `rancher`.
    RancherFleet,
}

impl Registry {
    /// The context of its hub.
    pub fn hub(self) -> &'static str {
        match self {
            Self::ClusterApi => Role::Mgmt.name(),
            Self::Rancher | Self::RancherFleet => Role::Rancher.name(),
            _ => Role::Eu.name(),
        }
    }
}

/// What a membership's label `team` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Team {
    /// The team that the cluster belongs to.
    #[default]
    Own,
    /// Another team.
    Other,
    /// A name that no team has.
    Misspelt,
    /// Nothing: there is no such label.
    Unsaid,
}

/// One membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Where.
    pub registry: Registry,
    /// The object's namespace; empty for those of the whole cluster.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The member that it describes; `None` for a membership whose cluster is no more.
    pub member: Option<String>,
    /// Whether the hub says how to get there: a kubeconfig, a token, or an access provider.
    pub dialable: bool,
    /// What its label `team` says.
    pub team: Team,
}

/// The cluster that Open Cluster Management still lists although it was taken down.
pub(in crate::sim) const ORPHAN: &str = "edge-depot-0000";
/// The cluster that Cluster API still lists, with a kubeconfig that leads nowhere.
pub(super) const GHOST: &str = "stage-eu-0";

/// The plan of a fleet.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Plan {
    /// Whether each member has a context in the kubeconfig.
    pub(in crate::sim) listed: Vec<bool>,
    pub(in crate::sim) enrolments: Vec<Enrolment>,
}

/// Deals the members out. Every eighth is in no kubeconfig, and known to one register alone.
pub(in crate::sim) fn plan<'a>(seed: u64, fleet: impl Iterator<Item = &'a ClusterTruth>) -> Plan {
    let (mut plan, mut prod) = (Plan::default(), Vec::new());
    for (at, truth) in fleet.enumerate() {
        let hidden = at % 8 == 7;
        plan.listed.push(!hidden);
        if truth.class == Some("prod") && !hidden {
            prod.push(truth.name.as_str());
        }
        let registries = if hidden { vec![only(at / 8)] } else { registries(seed, at, truth) };
        plan.enrolments
            .extend(registries.into_iter().map(|registry| enrol(seed, registry, truth, at, hidden)));
    }
    let orphan = |registry, namespace: &str, name: &str, dialable| Enrolment {
        registry,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        member: None,
        dialable,
        team: Team::Unsaid,
    };
    mislabel(seed, &mut plan, &prod);
    plan.enrolments.push(orphan(Registry::ManagedCluster, "", ORPHAN, false));
    plan.enrolments.push(orphan(Registry::ClusterApi, "clusters", GHOST, true));
    plan
}

/// Has people make mistakes with the label `team` of three prod clusters: one has none, one a misspelt one, and of one the registers
/// say different things.
fn mislabel(seed: u64, plan: &mut Plan, prod: &[&str]) {
    let is_in = |plan: &Plan, registry, name: &str| {
        plan.enrolments.iter().any(|one| one.registry == registry && one.member.as_deref() == Some(name))
    };
    let mut names: Vec<&str> =
        prod.iter().copied().filter(|name| is_in(plan, Registry::ClusterProfile, name)).collect();
    Dice::new(seed, &["mislabel"]).shuffle(&mut names);
    let two =
        |name: &&&str| is_in(plan, Registry::ManagedCluster, name) || is_in(plan, Registry::ClusterApi, name);
    let disputed = names.iter().find(two).copied();
    let mut others = names.iter().copied().filter(|name| Some(*name) != disputed);
    let (unsaid, misspelt) = (others.next(), others.next());
    for one in &mut plan.enrolments {
        let name = one.member.as_deref();
        if name.is_some() && name == unsaid {
            one.team = Team::Unsaid;
        } else if name.is_some() && name == misspelt {
            one.team = Team::Misspelt;
        } else if name.is_some() && name == disputed && one.registry == Registry::ClusterProfile {
            one.team = Team::Other;
        }
    }
}

/// The one register of a member that no kubeconfig names; by Open Cluster Management alone there is no way to it.
fn only(turn: usize) -> Registry {
    match turn % 5 {
        0 => Registry::ClusterApi,
        1 => Registry::ClusterProfile,
        2 => Registry::ManagedCluster,
        3 => Registry::ArgoCd,
        _ => Registry::Rancher,
    }
}

fn registries(seed: u64, at: usize, truth: &ClusterTruth) -> Vec<Registry> {
    let provider = truth.provider;
    let of_rancher = matches!(provider, Provider::Rke2 | Provider::K3s) && at.is_multiple_of(2);
    let of_capi = matches!(provider, Provider::Kubeadm | Provider::Talos) || at % 4 == 2;
    // The platform team's inventory has every prod cluster but the few that were forgotten.
    let profiled = match truth.class {
        Some("prod") => !Dice::new(seed, &["forgotten", &truth.name]).chance(8),
        _ => at.is_multiple_of(3),
    };
    [
        (Registry::ClusterProfile, profiled),
        (Registry::ManagedCluster, at.is_multiple_of(3) || at % 4 == 1),
        (Registry::ArgoCd, at % 5 == 2),
        (Registry::Karmada, at % 10 == 4),
        (Registry::KubeFleet, provider == Provider::Aks),
        (Registry::ClusterApi, of_capi && !of_rancher),
        (Registry::Rancher, of_rancher),
        (Registry::RancherFleet, of_rancher),
    ]
    .into_iter()
    .filter_map(|(registry, is_in)| is_in.then_some(registry))
    .collect()
}

fn enrol(seed: u64, registry: Registry, truth: &ClusterTruth, at: usize, hidden: bool) -> Enrolment {
    let name = truth.name.clone();
    let (namespace, name) = match registry {
        Registry::ClusterProfile => {
            let suffix = Dice::new(seed, &["profile", &name]).suffix(5);
            (format!("fleet-{}", truth.class.unwrap_or("shared")), format!("acme-hub-{suffix}"))
        }
        Registry::ManagedCluster | Registry::KubeFleet => (String::new(), name),
        Registry::Karmada => (String::new(), format!("m-{name}")),
        Registry::ArgoCd => ("argocd".to_owned(), format!("cluster-{name}")),
        Registry::ClusterApi => ("clusters".to_owned(), name),
        Registry::Rancher | Registry::RancherFleet => ("fleet-default".to_owned(), name),
    };
    let dialable = match registry {
        Registry::ClusterProfile => hidden || at.is_multiple_of(20),
        Registry::ManagedCluster | Registry::KubeFleet => false,
        _ => true,
    };
    Enrolment { registry, namespace, name, member: Some(truth.name.clone()), dialable, team: Team::Own }
}
