//! Hubs: servers that keep registers of the simulated clusters, in the objects of the projects that keep such registers.
//!
//! * `hub-eu` has ClusterProfiles, Open Cluster Management, Argo CD, Karmada and KubeFleet; `mgmt` has Cluster API; `rancher`
//!   has Rancher and Rancher Fleet, and lets requests for its clusters through under `/k8s/clusters/ID`.
//! * A hub is a cluster like any other: the same store, lists, watches and rights; only some kinds are more.
//! * What its objects say of a member is so: address, authority, version, labels, identity. Their status follows when a member
//!   goes away and comes back; the rest stays as it is, whatever others wrote into it.

mod capi;
mod eu;
pub(super) mod kinds;
mod plan;
mod rancher;
mod roll;

pub use plan::{Enrolment, Registry, Team};

pub(super) use plan::{ORPHAN, plan};
pub(super) use rancher::{Passed, pass};
pub(super) use roll::{Member, Roll};

use std::sync::Arc;

use serde_json::Value;

use super::cluster::Cluster;
use super::kinds::Kind;

/// What a hub keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// ClusterProfiles and their like.
    Eu,
    /// Cluster API.
    Mgmt,
    /// Rancher.
    Rancher,
}

impl Role {
    pub(super) const ALL: [Self; 3] = [Self::Eu, Self::Mgmt, Self::Rancher];

    /// The hub's name, and that of its context.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eu => "hub-eu",
            Self::Mgmt => "mgmt",
            Self::Rancher => "rancher",
        }
    }
}

/// What makes a cluster a hub.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) role: Role,
    pub(super) roll: Arc<Roll>,
}

/// The objects of a shelf that a hub has besides those of every cluster.
pub(super) fn objects(cluster: &Cluster, shelf: &str) -> Vec<Value> {
    let Some(hub) = &cluster.hub else { return Vec::new() };
    let desk = roll::Desk { roll: &hub.roll, hub: cluster };
    match hub.role {
        Role::Eu => eu::objects(&desk, shelf),
        Role::Mgmt => capi::objects(&desk, shelf),
        Role::Rancher => rancher::objects(&desk, shelf),
    }
}

/// Brings the status of what a hub keeps up to what is so now. Only kinds that somebody has looked at move.
pub(super) fn follow(cluster: &Cluster) {
    let Some(hub) = &cluster.hub else { return };
    hub.roll.look(cluster.world.clock.now());
    let own = |kind: &&&'static Kind| {
        matches!(kind.on, super::kinds::On::Hub(role) if role == hub.role) && cluster.is_stocked(kind.shelf())
    };
    for kind in kinds::KINDS.iter().filter(|kind| own(&kind)) {
        let shelf = kind.shelf();
        let fresh = objects(cluster, shelf);
        cluster.with_store(&[shelf], |store| {
            for fresh in fresh {
                let text = |at: &str| fresh.pointer(at).and_then(Value::as_str).unwrap_or_default();
                let Some(kept) = store.get(shelf, text("/metadata/namespace"), text("/metadata/name")) else {
                    continue;
                };
                let mut value = kept.value();
                if let (Some(status), Some(fields)) = (fresh.get("status"), value.as_object_mut())
                    && fields.get("status") != Some(status)
                {
                    fields.insert("status".into(), status.clone());
                    drop(store.put(shelf, value));
                }
            }
        });
    }
}
