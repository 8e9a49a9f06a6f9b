//! What an upgrade of a cluster will stumble over, as whoever built the fleet knows it: part of the truth.

use super::dice::Dice;
use super::truth::Trouble;

/// An API that somebody asks for although a later release removes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldRequest {
    /// Its group.
    pub group: &'static str,
    /// The old version.
    pub version: &'static str,
    /// The resource in plural.
    pub resource: &'static str,
    /// The release that removes it.
    pub removed_in: &'static str,
    /// Who writes objects by it, as `managedFields` name them.
    pub manager: &'static str,
}

/// What is neglected in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// The Deployment or DaemonSet of the platform that is not there.
    pub missing: Option<&'static str>,
    /// The Deployment of the platform that nobody has upgraded for long.
    pub outdated: Option<&'static str>,
    /// The old API that is asked for.
    pub requested: Option<OldRequest>,
    /// A CustomResourceDefinition and the version that it stores and does not serve.
    pub stored: Option<(&'static str, &'static str)>,
    /// Whether the disruption budget `kube-system/coredns` never allows a disruption.
    pub blocked: bool,
    /// Whether the applications' namespaces have no network policy.
    pub unguarded: bool,
}

/// What may be missing.
const PLATFORM: &[&str] = &["metrics-server", "node-exporter", "cert-manager"];

/// The neglect of a fleet, for each cluster by its trouble and minor: a few of each kind, dealt to clusters that answer.
pub(super) fn upkeeps(seed: u64, fleet: &[(Trouble, u64)]) -> Vec<Upkeep> {
    let mut dealt = vec![Upkeep::default(); fleet.len()];
    let mut dice = Dice::new(seed, &["upkeep"]);
    let answers = |trouble: Trouble| matches!(trouble, Trouble::None | Trouble::CertificateEnds(_));
    let mut able: Vec<usize> =
        fleet.iter().enumerate().filter(|(_, (trouble, _))| answers(*trouble)).map(|(at, _)| at).collect();
    let share = (fleet.len() * 8).div_ceil(100).min(able.len());
    for kind in 0..6 {
        dice.shuffle(&mut able);
        for at in able.iter().take(share) {
            let (Some(upkeep), Some((_, minor))) = (dealt.get_mut(*at), fleet.get(*at)) else { continue };
            match kind {
                0 => upkeep.missing = Some(dice.pick(PLATFORM)),
                1 => upkeep.requested = Some(old_request(*minor)),
                2 => upkeep.stored = Some(("backups.velero.acme.example", "v1alpha1")),
                3 => upkeep.blocked = true,
                4 => upkeep.unguarded = true,
                _ => upkeep.outdated = Some("cert-manager").filter(|name| upkeep.missing != Some(name)),
            }
        }
    }
    dealt
}

/// An old API that a server of this minor still serves, if it is told to.
fn old_request(minor: u64) -> OldRequest {
    match minor {
        ..=31 => OldRequest {
            group: "flowcontrol.apiserver.k8s.io",
            version: "v1beta3",
            resource: "flowschemas",
            removed_in: "1.32",
            manager: "platform-operator",
        },
        32..=36 => OldRequest {
            group: "storage.k8s.io",
            version: "v1beta1",
            resource: "volumeattributesclasses",
            removed_in: "1.37",
            manager: "storage-operator",
        },
        _ => OldRequest {
            group: "resource.k8s.io",
            version: "v1beta1",
            resource: "resourceclaimtemplates",
            removed_in: "1.38",
            manager: "gpu-operator",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_clusters_that_answer_have_each_kind_of_neglect() {
        let mut fleet = vec![(Trouble::None, 35); 40];
        fleet[3].0 = Trouble::Refused;
        let dealt = upkeeps(7, &fleet);
        assert_eq!(dealt, upkeeps(7, &fleet));
        assert_eq!(dealt[3], Upkeep::default());
        let count = |has: fn(&Upkeep) -> bool| dealt.iter().filter(|upkeep| has(upkeep)).count();
        for has in [
            (|u| u.missing.is_some()) as fn(&Upkeep) -> bool,
            |u| u.requested.is_some(),
            |u| u.stored.is_some(),
            |u| u.blocked,
            |u| u.unguarded,
        ] {
            assert_eq!(count(has), 4);
        }
    }

    #[test]
    fn an_old_api_is_removed_after_the_version_that_serves_it() {
        for minor in 30..40 {
            let removed = old_request(minor).removed_in.trim_start_matches("1.").parse::<u64>().unwrap();
            assert!(removed > minor || minor > 37, "{minor}");
        }
    }
}
