//! Sources that are objects on a hub's API server: ClusterProfile, Cluster API, Argo CD, Open Cluster Management, Karmada,
//! Rancher, Rancher Fleet, KubeFleet, and the archived KubeFed and cluster-registry.
//!
//! One task per source lists and watches its resources (`feed`), turns objects into sightings (`decode`), fetches the
//! Secrets that say how clusters are reached (`ask`, `connect`), keeps what it knows (`table`) and tells it whole (`run`).
//!
//! * Nothing is written to a hub, no token is minted, and Secrets are read by name or by Argo CD's own label, never all of them.
//! * A registry may name no file of this machine, and no program that is not allowed by name.
//! * A hub that cannot be read keeps what it said; a cluster that a complete list lacks becomes a tombstone.

mod ask;
mod condition;
mod connect;
mod decode;
mod feed;
mod kinds;
mod object;
mod run;
mod setting;
mod table;
mod tell;
mod way;

#[cfg(test)]
mod tests;

pub(super) use run::watch;
