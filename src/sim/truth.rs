//! What is so in the simulated fleet before anybody asks: names, places, versions, nodes and what is wrong.
//!
//! A pure function of the blueprint. Times are durations before the start, so that the truth does not depend on the
//! hour; nothing here knows of sockets or JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Blueprint;
use super::dice::Dice;
use super::people::Person;
use super::places::{PLACES, Place, Provider, upstream};
use super::upkeep::{Upkeep, upkeeps};

/// What is wrong with a cluster, as whoever built the fleet knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Its port refuses connections.
    Refused,
    /// Connections are accepted and never answered.
    BlackHoled,
    /// The credentials in the kubeconfig are no longer good: every request gets a 401.
    SignedOut,
    /// Every answer takes this many milliseconds.
    Slow(u64),
    /// One check of `/readyz` fails.
    Degraded,
    /// The serving certificate ends in this many days.
    CertificateEnds(u32),
    /// The kubeconfig's user may not read nodes.
    NodesForbidden,
    /// Every request gets a 429 with a Retry-After of this many seconds.
    RateLimited(u32),
    /// A node goes and comes while the fleet is live.
    Flapping,
}

/// A node's resource trouble, as its conditions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// `MemoryPressure`.
    Memory,
    /// `DiskPressure`.
    Disk,
    /// `PIDPressure`.
    Pid,
}

/// One node of the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTruth {
    /// Its name.
    pub name: String,
    /// The kubelet's version, with the provider's suffix.
    pub version: String,
    /// True for nodes of the control plane.
    pub control_plane: bool,
    /// Its zone label.
    pub zone: String,
    /// Its machine type label.
    pub instance_type: &'static str,
    /// False for a node whose kubelet stopped reporting.
    pub ready: bool,
    /// True for a node marked unschedulable.
    pub cordoned: bool,
    /// A pressure condition that holds.
    pub pressure: Option<Pressure>,
    /// How long before the start it joined.
    pub age: Duration,
}

/// One cluster of the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterTruth {
    /// The name, used for the context and the cluster entry of the kubeconfig.
    pub name: String,
    /// What its name says it is for (`prod`, `stage`, `dev`, `edge`); nothing when the name does not say.
    pub class: Option<&'static str>,
    /// The region, as its provider spells it.
    pub region: &'static str,
    /// Who made it.
    pub provider: Provider,
    /// The API server's version.
    pub version: String,
    /// Its nodes.
    pub nodes: Vec<NodeTruth>,
    /// What is wrong.
    pub trouble: Trouble,
    /// What its next upgrade will stumble over.
    pub upkeep: Upkeep,
    /// UID of its `kube-system` namespace: what identifies a cluster, whatever it is called.
    pub uid: String,
    /// How long before the start it was made.
    pub age: Duration,
    /// Who the kubeconfig's context signs in as.
    pub(super) person: Person,
    /// True when its workloads may have believable failures.
    pub(super) troubled: bool,
}

/// The whole fleet, in the order of the kubeconfig.
pub(super) fn fleet(blueprint: &Blueprint) -> Vec<ClusterTruth> {
    let seed = blueprint.seed;
    let troubles = troubles(blueprint);
    let mut taken = BTreeSet::new();
    let mut fleet: Vec<ClusterTruth> = (0..blueprint.clusters)
        .map(|index| {
            let trouble = troubles.get(index).copied().unwrap_or_default();
            cluster(seed, index, trouble, blueprint.troubled, &mut taken)
        })
        .collect();
    if blueprint.troubled {
        let versions: Vec<(Trouble, u64)> = fleet.iter().map(|one| (one.trouble, one.minor())).collect();
        for (one, upkeep) in fleet.iter_mut().zip(upkeeps(seed, &versions)) {
            one.upkeep = upkeep;
        }
    }
    fleet
}

/// A hub: a small cluster that nothing is wrong with.
pub(super) fn hub(seed: u64, name: &str) -> ClusterTruth {
    let mut dice = Dice::new(seed, &["hub", name]);
    let (provider, region, trouble) = (Provider::Kubeadm, "fra", Trouble::None);
    let version = upstream(36, &mut dice);
    let shape =
        Shape { name, minor: 36, version: &version, suffix: "", provider, region, troubled: false, trouble };
    let age = Duration::from_secs(dice.between(700, 1_200) * 86_400);
    let nodes = nodes(&shape, 4, age, &mut dice);
    let uid = uid(seed, &[name, "namespaces", "", "kube-system"]);
    ClusterTruth {
        name: name.to_owned(),
        class: None,
        region,
        provider,
        version,
        nodes,
        trouble,
        upkeep: Upkeep::default(),
        uid,
        age,
        person: Person::Platform,
        troubled: false,
    }
}

impl ClusterTruth {
    /// The minor of its API server.
    pub(super) fn minor(&self) -> u64 {
        self.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default()
    }
}

/// A UUID (version 4 in shape) that depends on the words alone.
pub(super) fn uid(seed: u64, words: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    let mut hex = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        let _written = write!(hex, "{byte:02x}");
    }
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// Who is in trouble: shares for the common ones, one of each rare kind once there are enough clusters to lose one.
fn troubles(blueprint: &Blueprint) -> Vec<Trouble> {
    let count = blueprint.clusters;
    let mut dice = Dice::new(blueprint.seed, &["troubles"]);
    let mut dealt = Vec::new();
    if blueprint.troubled {
        let share = |percent: usize| (count * percent + 50) / 100;
        for index in 0..share(5) {
            dealt.push(if index % 2 == 0 { Trouble::BlackHoled } else { Trouble::Refused });
        }
        dealt.extend((0..share(4)).map(|_| Trouble::SignedOut));
        for _ in 0..share(5) {
            dealt.push(Trouble::Slow(dice.between(300, 1500)));
        }
        dealt.extend((0..share(6)).map(|_| Trouble::Degraded));
        if count >= 20 {
            for _ in 0..count.div_ceil(200) {
                dealt.extend([Trouble::CertificateEnds(12), Trouble::CertificateEnds(3)]);
            }
            dealt.extend([Trouble::NodesForbidden, Trouble::RateLimited(2), Trouble::Flapping]);
        }
    }
    dealt.resize(count, Trouble::None);
    dice.shuffle(&mut dealt);
    dealt
}

fn cluster(
    seed: u64,
    index: usize,
    trouble: Trouble,
    troubled: bool,
    taken: &mut BTreeSet<String>,
) -> ClusterTruth {
    let mut dice = Dice::new(seed, &["cluster", &index.to_string()]);
    let class = dice.weighted(&[
        (32, Some("prod")),
        (18, Some("stage")),
        (18, Some("dev")),
        (22, Some("edge")),
        (10, None),
    ]);
    let place = dice.pick(PLACES);
    let provider = match class {
        Some("edge") => dice.weighted(&[(8, Provider::K3s), (2, Provider::Talos)]),
        Some(_) => dice.weighted(&[
            (30, Provider::Eks),
            (22, Provider::Gke),
            (18, Provider::Aks),
            (15, Provider::Rke2),
            (10, Provider::Kubeadm),
            (5, Provider::Talos),
        ]),
        None => dice.weighted(&[(5, Provider::Kubeadm), (3, Provider::Rke2), (2, Provider::K3s)]),
    };
    let name = name(class, &place, &mut dice, taken);
    let minor = match class {
        Some("prod") => dice.weighted(&[(5, 35), (4, 36), (1, 34)]),
        Some("stage") => dice.weighted(&[(5, 36), (3, 35)]),
        Some("dev") => dice.weighted(&[(5, 36), (3, 37), (1, 35)]),
        Some(_) => dice.weighted(&[(6, 35), (2, 34), (1, 33)]),
        None => dice.weighted(&[(1, 31), (2, 34), (4, 35)]),
    };
    let suffix = provider.suffix(&mut dice);
    let version = format!("{}{suffix}", upstream(minor, &mut dice));
    let size: usize = match class {
        Some("prod") => dice.weighted(&[(3, 6), (5, 12), (4, 24), (3, 45), (1, 120)]),
        Some("stage") => dice.weighted(&[(4, 4), (4, 8), (2, 14)]),
        Some("dev") => dice.weighted(&[(4, 3), (3, 5), (2, 9)]),
        Some(_) => dice.weighted(&[(6, 1), (3, 3)]),
        None => dice.weighted(&[(3, 3), (3, 7), (1, 16)]),
    };
    let size = (size + dice.below(size.div_ceil(4))).min(120);
    let region = provider.region(&place);
    let shape =
        Shape { name: &name, minor, version: &version, suffix: &suffix, provider, region, troubled, trouble };
    let age = Duration::from_secs(dice.between(20, 900) * 86_400 + dice.between(0, 86_399));
    let nodes = nodes(&shape, size, age, &mut dice);
    let uid = uid(seed, &[&name, "namespaces", "", "kube-system"]);
    let person = Person::of(class, trouble);
    let upkeep = Upkeep::default();
    ClusterTruth {
        name,
        class,
        region,
        provider,
        version,
        nodes,
        trouble,
        upkeep,
        uid,
        age,
        person,
        troubled,
    }
}

/// A name whose whole tokens say the class, or one that says nothing.
fn name(class: Option<&'static str>, place: &Place, dice: &mut Dice, taken: &mut BTreeSet<String>) -> String {
    let team = dice.pick(&["payments", "ml", "search", "checkout", "data", "web"]);
    let stem = match class {
        Some("prod") if dice.chance(25) => format!("{team}-prod-{}", place.short),
        Some("prod") => format!("prod-{}", place.short),
        Some("stage") => format!("stage-{}", place.coarse),
        Some("dev") => format!("dev-{team}"),
        Some(_) => {
            let kind = dice.weighted(&[(6, "store"), (2, "depot"), (1, "plant")]);
            let number = dice.between(1, 4999);
            let fits =
                (number..number + 9999).map(|n| format!("edge-{kind}-{n:04}")).find(|n| !taken.contains(n));
            let name = fits.unwrap_or_else(|| format!("edge-{kind}-{}", taken.len()));
            taken.insert(name.clone());
            return name;
        }
        None => dice
            .pick(&[
                "atlas",
                "kraken",
                "legacy-dc",
                "data-lake",
                "zeus",
                "blue-whale",
                "build-farm",
                "acme-shared",
            ])
            .to_owned(),
    };
    let mut number = 1_usize;
    loop {
        let name = format!("{stem}-{number}");
        if taken.insert(name.clone()) {
            return name;
        }
        number += 1;
    }
}

/// What the nodes of one cluster have in common.
struct Shape<'a> {
    name: &'a str,
    minor: u64,
    version: &'a str,
    suffix: &'a str,
    provider: Provider,
    region: &'a str,
    troubled: bool,
    trouble: Trouble,
}

fn nodes(shape: &Shape<'_>, size: usize, age: Duration, dice: &mut Dice) -> Vec<NodeTruth> {
    let provider = shape.provider;
    let servers = match (provider.hides_control_plane(), size) {
        (true, _) => 0,
        (false, 0..=3) => 1,
        (false, _) => 3,
    };
    let skewed = shape.troubled && dice.chance(15);
    let older = format!("{}{}", upstream(shape.minor.saturating_sub(1), dice), shape.suffix);
    let ill = shape.troubled && size > 2 && dice.chance(22);
    let pool = dice.hex(8);
    (0..size)
        .map(|index| {
            let control_plane = index < servers;
            let zone = provider.zone(shape.region, index);
            let worker = !control_plane;
            let throw = dice.below(100);
            let sick = ill && worker && throw < 12;
            NodeTruth {
                name: node_name(shape, index, control_plane, &pool, dice),
                version: if skewed && worker && dice.chance(60) {
                    older.clone()
                } else {
                    shape.version.to_owned()
                },
                control_plane,
                zone,
                instance_type: provider.instance_type(dice),
                ready: !(sick && throw < 5) || shape.trouble == Trouble::Flapping,
                cordoned: sick && (5..9).contains(&throw),
                pressure: match throw {
                    9 if sick => Some(Pressure::Memory),
                    10 if sick => Some(Pressure::Disk),
                    11 if sick => Some(Pressure::Pid),
                    _ => None,
                },
                age: if control_plane {
                    age
                } else {
                    age.min(Duration::from_secs(dice.between(3_600, 120 * 86_400)))
                },
            }
        })
        .collect()
}

fn node_name(shape: &Shape<'_>, index: usize, control_plane: bool, pool: &str, dice: &mut Dice) -> String {
    let cluster = shape.name;
    match shape.provider {
        Provider::Eks => {
            let third = dice.between(0, 255);
            format!(
                "ip-10-{}-{third}-{}.{}.compute.internal",
                16 + index / 200,
                4 + index % 200,
                shape.region
            )
        }
        Provider::Gke => format!("gke-{cluster}-default-{pool}-{}{index}", dice.suffix(4)),
        Provider::Aks => {
            format!("aks-nodepool1-{}-vmss{index:06}", pool.replace(|c: char| c.is_alphabetic(), "7"))
        }
        Provider::K3s => format!("{cluster}-{:02}", index + 1),
        Provider::Talos => format!("talos-{}-{}{index}", dice.suffix(3), dice.suffix(3)),
        Provider::Rke2 | Provider::Kubeadm if control_plane => format!("{cluster}-cp-{}", index + 1),
        Provider::Rke2 | Provider::Kubeadm => format!("{cluster}-worker-{}", index + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blueprint(clusters: usize, seed: u64, troubled: bool) -> Blueprint {
        Blueprint { clusters, seed, troubled, live: false, hubs: false }
    }

    #[test]
    fn the_same_seed_gives_the_same_fleet_and_another_does_not() {
        let one = fleet(&blueprint(60, 7, true));
        assert_eq!(one, fleet(&blueprint(60, 7, true)));
        assert_ne!(one, fleet(&blueprint(60, 8, true)));
    }

    #[test]
    fn names_and_identities_are_unique_in_a_big_fleet() {
        let fleet = fleet(&blueprint(2000, 7, true));
        assert_eq!(fleet.iter().map(|c| &c.name).collect::<BTreeSet<_>>().len(), 2000);
        assert_eq!(fleet.iter().map(|c| &c.uid).collect::<BTreeSet<_>>().len(), 2000);
        for cluster in &fleet {
            let names: BTreeSet<_> = cluster.nodes.iter().map(|n| &n.name).collect();
            assert_eq!(names.len(), cluster.nodes.len(), "{}", cluster.name);
            assert!((1..=120).contains(&cluster.nodes.len()));
        }
    }

    #[test]
    fn a_class_is_a_whole_token_of_the_name() {
        for cluster in fleet(&blueprint(500, 3, true)) {
            let said = cluster.name.split('-').find(|t| ["prod", "stage", "dev", "edge"].contains(t));
            assert_eq!(said, cluster.class, "{}", cluster.name);
        }
    }

    #[test]
    fn the_default_fleet_has_each_kind_of_trouble_and_a_calm_one_has_none() {
        let fleet_of = |troubled| fleet(&blueprint(40, 7, troubled));
        let has =
            |matches: fn(&Trouble) -> bool| fleet_of(true).iter().filter(|c| matches(&c.trouble)).count();
        for (expect, matches) in [
            (1, (|t| matches!(t, Trouble::BlackHoled)) as fn(&Trouble) -> bool),
            (1, |t| matches!(t, Trouble::Refused)),
            (2, |t| matches!(t, Trouble::SignedOut)),
            (2, |t| matches!(t, Trouble::Slow(300..=1500))),
            (2, |t| matches!(t, Trouble::Degraded)),
            (1, |t| matches!(t, Trouble::CertificateEnds(12))),
            (1, |t| matches!(t, Trouble::CertificateEnds(3))),
            (1, |t| matches!(t, Trouble::NodesForbidden)),
            (1, |t| matches!(t, Trouble::RateLimited(_))),
            (1, |t| matches!(t, Trouble::Flapping)),
        ] {
            assert_eq!(has(matches), expect);
        }
        for cluster in fleet_of(false) {
            assert_eq!(cluster.trouble, Trouble::None);
            assert!(cluster.nodes.iter().all(|n| n.ready && !n.cordoned && n.pressure.is_none()));
        }
    }

    #[test]
    fn uids_have_the_shape_of_a_uuid() {
        let uid = uid(7, &["a"]);
        let lengths: Vec<usize> = uid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
    }
}
