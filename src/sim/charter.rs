//! What the company wants of its clusters, as a fleet file, and where the fleet falls short of it: part of the truth.
//!
//! The list of breaches is made from the truth by what is planted where, never by reading the file as the client does. What depends on
//! the day (ends of support, certificates) is no breach of the file.

use std::collections::BTreeSet;

use super::hub::{Enrolment, ORPHAN, Registry, Team};
use super::truth::{ClusterTruth, Trouble};
use super::workload;

/// The fleet file. It speaks of the hubs, so it is of use only where there are some.
pub(super) const FLEET_FILE: &str = include_str!("fleet.yaml");

/// The minor that clusters of a class must at least have.
fn floor(class: &str) -> u64 {
    if class == "prod" || class == "stage" { 35 } else { 34 }
}

/// Clusters of no environment that the file knows as shared.
const SHARED: [&str; 3] = ["acme-shared-", "build-farm-", "data-lake-"];

/// Namespaces that must have a policy which denies what is not allowed.
const GUARDED: [&str; 3] = ["payments", "checkout", "store"];

/// One member, as far as its breaches depend on it.
pub(super) struct Member<'a> {
    pub(super) truth: &'a ClusterTruth,
    pub(super) listed: bool,
    /// Its memberships in all registers.
    pub(super) enrolments: Vec<&'a Enrolment>,
}

impl Member<'_> {
    /// Its memberships in the registers that the file names as sources.
    fn known(&self) -> impl Iterator<Item = &Enrolment> {
        let read = [
            Registry::ClusterProfile,
            Registry::ClusterApi,
            Registry::ManagedCluster,
            Registry::ArgoCd,
            Registry::Rancher,
        ];
        self.enrolments.iter().copied().filter(move |one| read.contains(&one.registry))
    }

    /// Whether anybody has a way to it: the access provider of ClusterProfiles is set up nowhere.
    fn has_way(&self) -> bool {
        self.listed || self.known().any(|one| one.dialable && one.registry != Registry::ClusterProfile)
    }

    /// Whether its version is known: it answers, or a register tells it.
    fn has_version(&self) -> bool {
        let silent = matches!(
            self.truth.trouble,
            Trouble::Refused | Trouble::BlackHoled | Trouble::SignedOut | Trouble::RateLimited(_)
        );
        (self.has_way() && !silent) || self.known().any(|one| one.registry != Registry::ArgoCd)
    }

    fn is_shared(&self) -> bool {
        SHARED.iter().any(|name| self.truth.name.starts_with(name))
    }

    fn breaches(&self, seed: u64) -> Vec<&'static str> {
        let truth = self.truth;
        let mut codes = Vec::new();
        let Some(class) = truth.class.or_else(|| self.is_shared().then_some("shared")) else {
            codes.push("UNCLASSIFIED");
            return codes;
        };
        if self.has_version() && truth.minor() < floor(class) {
            codes.push("BELOW_FLOOR");
        }
        if self.has_way() {
            let upkeep = &truth.upkeep;
            if upkeep.missing.is_some() {
                codes.push("SERVICE_MISSING");
            }
            if upkeep.outdated.is_some() {
                codes.push("SERVICE_VERSION");
            }
            if upkeep.unguarded
                && workload::namespaces_of(truth, seed).iter().any(|name| GUARDED.contains(&name.as_str()))
            {
                codes.push("NETWORK_POLICY");
            }
        }
        let teams: BTreeSet<Team> = self.known().map(|one| one.team).collect();
        if teams.len() > 1 {
            codes.push("CONFLICT");
        }
        if class == "prod" {
            if !truth.name.starts_with("prod-") {
                codes.push("NAME_PATTERN");
            }
            if !self.known().any(|one| one.registry == Registry::ClusterProfile) {
                codes.push("SOURCE_MISSING");
            }
            if teams.iter().all(|team| *team == Team::Unsaid) {
                codes.push("LABEL_MISSING");
            }
            if teams.contains(&Team::Misspelt) {
                codes.push("LABEL_VALUE");
            }
        }
        codes
    }
}

/// Every breach of the file that is a warning or an error, by code and cluster.
pub(super) fn breaches<'a>(
    seed: u64,
    members: impl Iterator<Item = Member<'a>>,
) -> BTreeSet<(&'static str, String)> {
    let planted = members.flat_map(|member| {
        let codes = member.breaches(seed);
        codes.into_iter().map(move |code| (code, member.truth.name.clone()))
    });
    // What Open Cluster Management still lists ran 1.33 to the end.
    planted.chain([("BELOW_FLOOR", ORPHAN.to_owned())]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::hub;
    use crate::sim::truth;

    fn planted(seed: u64) -> BTreeSet<(&'static str, String)> {
        let blueprint = crate::sim::Blueprint { seed, hubs: true, ..crate::sim::Blueprint::default() };
        let fleet = truth::fleet(&blueprint);
        let plan = hub::plan(seed, fleet.iter());
        let members = fleet.iter().zip(&plan.listed).map(|(truth, listed)| Member {
            truth,
            listed: *listed,
            enrolments: plan
                .enrolments
                .iter()
                .filter(|one| one.member.as_ref() == Some(&truth.name))
                .collect(),
        });
        breaches(seed, members)
    }

    #[test]
    fn the_usual_fleet_has_a_breach_of_every_kind_and_most_clusters_have_none() {
        let all = planted(7);
        assert_eq!(all, planted(7));
        assert_ne!(all, planted(8));
        let codes: BTreeSet<&str> = all.iter().map(|(code, _)| *code).collect();
        let kinds = [
            "BELOW_FLOOR",
            "CONFLICT",
            "LABEL_MISSING",
            "LABEL_VALUE",
            "NAME_PATTERN",
            "NETWORK_POLICY",
            "SERVICE_MISSING",
            "SERVICE_VERSION",
            "SOURCE_MISSING",
            "UNCLASSIFIED",
        ];
        assert_eq!(codes, BTreeSet::from(kinds));
        let clusters: BTreeSet<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
        assert!(clusters.len() < 21, "{clusters:?}");
    }
}
