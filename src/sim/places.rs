//! Where clusters stand and who runs them: providers, regions, machine types and the shape of their version strings.

use super::dice::Dice;

/// Who made the cluster; decides version suffix, provider ids, names of nodes and images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Amazon EKS: `v1.35.4-eks-1a2b3c4`.
    Eks,
    /// Google GKE: `v1.34.8-gke.1201000`.
    Gke,
    /// Azure AKS: plain upstream version.
    Aks,
    /// k3s: `v1.33.9+k3s1`.
    K3s,
    /// RKE2: `v1.35.2+rke2r1`.
    Rke2,
    /// kubeadm on machines: plain upstream version.
    #[default]
    Kubeadm,
    /// Talos Linux: plain upstream version.
    Talos,
}

impl Provider {
    /// The name people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eks => "EKS",
            Self::Gke => "GKE",
            Self::Aks => "AKS",
            Self::K3s => "k3s",
            Self::Rke2 => "RKE2",
            Self::Kubeadm => "kubeadm",
            Self::Talos => "Talos",
        }
    }

    /// True where the provider runs the control plane out of sight.
    pub fn hides_control_plane(self) -> bool {
        matches!(self, Self::Eks | Self::Gke | Self::Aks)
    }

    /// The build suffix of this provider's version strings.
    pub(super) fn suffix(self, dice: &mut Dice) -> String {
        match self {
            Self::Eks => format!("-eks-{}", dice.hex(7)),
            Self::Gke => format!("-gke.{}", dice.between(1000, 1299) * 1000),
            Self::K3s => "+k3s1".to_owned(),
            Self::Rke2 => format!("+rke2r{}", dice.between(1, 2)),
            Self::Aks | Self::Kubeadm | Self::Talos => String::new(),
        }
    }

    /// The region's name as this provider spells it.
    pub(super) fn region(self, place: &Place) -> &'static str {
        match self {
            Self::Eks => place.aws,
            Self::Gke => place.gcp,
            Self::Aks => place.azure,
            Self::K3s | Self::Rke2 | Self::Kubeadm | Self::Talos => place.plain,
        }
    }

    /// Zone number `index` of a region.
    pub(super) fn zone(self, region: &str, index: usize) -> String {
        let letter = ["a", "b", "c"].get(index % 3).copied().unwrap_or("a");
        match self {
            Self::Eks => format!("{region}{letter}"),
            Self::Gke | Self::Aks => {
                format!("{region}-{}", if self == Self::Gke { letter } else { digit(index) })
            }
            Self::K3s | Self::Rke2 | Self::Kubeadm | Self::Talos => format!("{region}-{letter}"),
        }
    }

    /// A machine type of this provider.
    pub(super) fn instance_type(self, dice: &mut Dice) -> &'static str {
        match self {
            Self::Eks => {
                dice.weighted(&[(4, "m7i.xlarge"), (3, "m7g.2xlarge"), (2, "r7i.2xlarge"), (1, "g6.xlarge")])
            }
            Self::Gke => dice.weighted(&[(4, "e2-standard-8"), (3, "n4-standard-8"), (1, "g2-standard-12")]),
            Self::Aks => {
                dice.weighted(&[(4, "Standard_D4s_v5"), (3, "Standard_D8s_v5"), (1, "Standard_E8s_v5")])
            }
            Self::K3s => dice.pick(&["k3s", "edge-nuc12", "edge-opti7k"]),
            Self::Rke2 => dice.pick(&["rke2", "dell-r650", "dell-r750"]),
            Self::Kubeadm | Self::Talos => dice.pick(&["vm-4c-16g", "vm-8c-32g", "hpe-dl360"]),
        }
    }

    /// Operating system, kernel and container runtime of its nodes.
    pub(super) fn system(self) -> [&'static str; 3] {
        match self {
            Self::Eks => {
                ["Amazon Linux 2023.9.20260914", "6.12.40-63.114.amzn2023.x86_64", "containerd://2.1.4"]
            }
            Self::Gke => ["Container-Optimized OS from Google", "6.12.38+", "containerd://2.1.3"],
            Self::Aks => ["Ubuntu 24.04.3 LTS", "6.8.0-1031-azure", "containerd://2.0.5-1"],
            Self::K3s => ["Debian GNU/Linux 13 (trixie)", "6.12.43+deb13-amd64", "containerd://2.1.4-k3s1"],
            Self::Rke2 => ["SUSE Linux Enterprise Micro 6.1", "6.4.0-33-default", "containerd://2.1.4-k3s2"],
            Self::Kubeadm => ["Ubuntu 24.04.3 LTS", "6.8.0-79-generic", "containerd://2.1.4"],
            Self::Talos => ["Talos (v1.13.2)", "6.18.9-talos", "containerd://2.2.0"],
        }
    }

    /// `spec.providerID` of a node.
    pub(super) fn provider_id(self, cluster: &str, zone: &str, node: &str, dice: &mut Dice) -> String {
        match self {
            Self::Eks => format!("aws:///{zone}/i-0{}", dice.hex(16)),
            Self::Gke => format!("gce://acme-{cluster}/{zone}/{node}"),
            Self::Aks => format!(
                "azure:///subscriptions/{}/resourceGroups/mc_{cluster}/providers/Microsoft.Compute/virtualMachineScaleSets/{node}",
                dice.hex(12)
            ),
            Self::K3s => format!("k3s://{node}"),
            Self::Rke2 => format!("rke2://{node}"),
            Self::Kubeadm => format!("vsphere://{}", dice.hex(32)),
            Self::Talos => format!("talos://{}/{node}", dice.hex(12)),
        }
    }
}

/// The last digit of a zone's number, counted from one.
fn digit(index: usize) -> &'static str {
    ["1", "2", "3"].get(index % 3).copied().unwrap_or("1")
}

/// A region under the names that each provider gives it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// As cluster names say it: `eu-west`.
    pub(super) short: &'static str,
    /// The continent alone: `eu`.
    pub(super) coarse: &'static str,
    aws: &'static str,
    gcp: &'static str,
    azure: &'static str,
    plain: &'static str,
}

/// Every region of the simulated company.
pub(super) const PLACES: &[Place] = &[
    place("eu-west", "eu", "eu-west-1", "europe-west4", "westeurope", "ams"),
    place("eu-central", "eu", "eu-central-1", "europe-west3", "germanywestcentral", "fra"),
    place("eu-north", "eu", "eu-north-1", "europe-north1", "swedencentral", "sto"),
    place("us-east", "us", "us-east-1", "us-east4", "eastus2", "iad"),
    place("us-west", "us", "us-west-2", "us-west1", "westus3", "pdx"),
    place("ap-south", "ap", "ap-south-1", "asia-south1", "centralindia", "bom"),
    place("ap-northeast", "ap", "ap-northeast-1", "asia-northeast1", "japaneast", "nrt"),
    place("sa-east", "sa", "sa-east-1", "southamerica-east1", "brazilsouth", "gru"),
];

const fn place(
    short: &'static str,
    coarse: &'static str,
    aws: &'static str,
    gcp: &'static str,
    azure: &'static str,
    plain: &'static str,
) -> Place {
    Place { short, coarse, aws, gcp, azure, plain }
}

/// The newest patch of each minor that the simulated world knows, oldest first.
pub(super) const PATCHES: &[(u64, u64)] = &[(31, 14), (32, 13), (33, 12), (34, 9), (35, 6), (36, 3), (37, 1)];

/// An upstream version `v1.MINOR.PATCH` of about this minor, patch somewhat behind the newest.
pub(super) fn upstream(minor: u64, dice: &mut Dice) -> String {
    let newest = PATCHES.iter().find(|(known, _)| *known == minor).map_or(0, |(_, patch)| *patch);
    let behind = dice.weighted(&[(5, 0), (3, 1), (2, 2), (1, 4)]);
    format!("v1.{minor}.{}", newest.saturating_sub(behind))
}
