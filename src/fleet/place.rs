//! Where a cluster runs and who runs it: from its nodes, its version and its address, or else guessed from names.

use super::{CleanText, Cluster, Version};

/// Something said of a cluster, and whether it is only a guess from a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What is said.
    pub value: CleanText,
    /// Whether it was read out of a name that a person chose freely.
    pub guessed: bool,
}

impl Told {
    fn known(value: &str) -> Self {
        Self { value: CleanText::new(value), guessed: false }
    }

    fn guess(value: &str) -> Self {
        Self { value: CleanText::new(value), guessed: true }
    }
}

impl Cluster {
    /// The region: of its nodes, of its labels, of its address, or guessed from its name.
    pub fn region(&self) -> Option<Told> {
        let nodes = self.signals.nodes.value().and_then(|n| n.region.as_ref());
        let labels = &self.entry.labels;
        let label =
            ["topology.kubernetes.io/region", "region"].iter().find_map(|k| labels.get(&CleanText::new(k)));
        nodes
            .or(label)
            .map(|region| Told { value: region.clone(), guessed: false })
            .or_else(|| guess_region(self.entry.name.as_str(), self.server_text()))
    }

    /// The provider or distribution: of its nodes, its version or its address.
    pub fn provider(&self) -> Option<Told> {
        let nodes = self.signals.nodes.value();
        let kubelets = nodes.into_iter().flat_map(|n| n.kubelets.iter().map(|(version, _)| version));
        let from_nodes = nodes.and_then(|n| n.provider.as_ref());
        guess_provider(self.version(), self.server_text(), from_nodes)
            .or_else(|| kubelets.into_iter().find_map(|v| provider_of_version(v)).map(Told::known))
    }

    fn server_text(&self) -> Option<&str> {
        self.entry.paths.first()?.server.as_ref().map(CleanText::as_str)
    }
}

/// What distributions append to the version they build.
const SUFFIXES: [(&str, &str); 9] = [
    ("-eks-", "eks"),
    ("-gke.", "gke"),
    ("-aliyun", "ack"),
    ("-tke.", "tke"),
    ("+k3s", "k3s"),
    ("+rke2", "rke2"),
    ("+k0s", "k0s"),
    ("+vmware", "tkg"),
    ("-mirantis", "mke"),
];

/// Domains in which providers put the API servers that they run.
const DOMAINS: [(&str, &str); 13] = [
    (".eks.amazonaws.com", "eks"),
    (".eks.amazonaws.com.cn", "eks"),
    (".azmk8s.io", "aks"),
    (".azmk8s.us", "aks"),
    (".cx.prod.service.azk8s.cn", "aks"),
    (".gke.goog", "gke"),
    ("container.googleapis.com", "gke"),
    ("connectgateway.googleapis.com", "gke"),
    (".k8s.ondigitalocean.com", "doks"),
    (".linodelke.net", "lke"),
    (".k8s.ovh.net", "ovh"),
    (".scw.cloud", "kapsule"),
    (".openshiftapps.com", "openshift"),
];

/// The provider or distribution of a cluster: as its nodes say, by the suffix of its version, or by the domain of its server.
/// None of these is chosen by the user, so none is marked as a guess, except a domain, which may be a front.
pub fn guess_provider(
    version: Option<&Version>,
    server: Option<&str>,
    node_fact: Option<&CleanText>,
) -> Option<Told> {
    if let Some(fact) = node_fact {
        return Some(Told { value: fact.clone(), guessed: false });
    }
    if let Some(provider) = version.and_then(provider_of_version) {
        return Some(Told::known(provider));
    }
    let host = host_of(server?);
    DOMAINS.iter().find(|(domain, _)| host.ends_with(domain)).map(|(_, provider)| Told::guess(provider))
}

fn provider_of_version(version: &Version) -> Option<&'static str> {
    SUFFIXES.iter().find(|(mark, _)| version.suffix.contains(mark)).map(|(_, provider)| *provider)
}

/// The region of a cluster by its server's address where that is a provider's, or guessed from words of its name or address.
pub fn guess_region(name: &str, server: Option<&str>) -> Option<Told> {
    let host = server.map(host_of);
    let by_host = host.as_deref().and_then(region_in);
    if let (Some(host), Some(region)) = (&host, &by_host)
        && DOMAINS.iter().any(|(domain, _)| host.ends_with(domain))
    {
        return Some(Told::known(region));
    }
    region_in(&name.to_lowercase()).or(by_host).map(|region| Told::guess(&region))
}

/// The host of a URL, in lower case, without port.
fn host_of(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    host.trim_end_matches('.').to_lowercase()
}

/// First words of regions at AWS, Alibaba and the like (`eu-west-1`), and at Google (`europe-west1`).
const AREAS: [&str; 19] = [
    "us",
    "eu",
    "ap",
    "sa",
    "ca",
    "me",
    "af",
    "il",
    "mx",
    "cn",
    "europe",
    "asia",
    "northamerica",
    "southamerica",
    "australia",
    "africa",
    "uk",
    "jp",
    "in",
];

const DIRECTIONS: [&str; 9] =
    ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

/// Azure writes its regions as one word.
const AZURE: [&str; 33] = [
    "eastus",
    "eastus2",
    "centralus",
    "northcentralus",
    "southcentralus",
    "westcentralus",
    "westus",
    "westus2",
    "westus3",
    "canadacentral",
    "canadaeast",
    "brazilsouth",
    "northeurope",
    "westeurope",
    "uksouth",
    "ukwest",
    "francecentral",
    "germanywestcentral",
    "switzerlandnorth",
    "norwayeast",
    "swedencentral",
    "polandcentral",
    "italynorth",
    "spaincentral",
    "uaenorth",
    "qatarcentral",
    "southafricanorth",
    "centralindia",
    "southindia",
    "japaneast",
    "koreacentral",
    "southeastasia",
    "australiaeast",
];

/// The first region that stands in `text` as whole words.
fn region_in(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    if let Some(azure) = words.iter().find(|w| AZURE.contains(w)) {
        return Some((*azure).to_owned());
    }
    words.windows(2).enumerate().find_map(|(at, pair)| {
        let [area, next] = pair else { return None };
        if !AREAS.contains(area) {
            return None;
        }
        let (direction, digits) =
            next.split_at_checked(next.trim_end_matches(|c: char| c.is_ascii_digit()).len())?;
        if DIRECTIONS.contains(&direction) && (1..=2).contains(&digits.len()) {
            return Some(format!("{area}-{next}"));
        }
        let (direction, number, prefix) = if *next == "gov" {
            (*words.get(at + 2)?, *words.get(at + 3)?, format!("{area}-gov"))
        } else {
            (*next, *words.get(at + 2)?, (*area).to_owned())
        };
        let is_number = number.len() == 1 && number.chars().all(|c| c.is_ascii_digit());
        (DIRECTIONS.contains(&direction) && is_number).then(|| format!("{prefix}-{direction}-{number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn providers_are_known_by_version_and_guessed_by_domain() {
        for (version, server, expect) in [
            ("v1.35.4-eks-1a2b3c4", None, Some(("eks", false))),
            ("v1.35.4-gke.1201000", None, Some(("gke", false))),
            ("v1.33.9+k3s1", None, Some(("k3s", false))),
            ("v1.35.4+rke2r1", Some("https://x.gr7.us-east-1.eks.amazonaws.com"), Some(("rke2", false))),
            ("v1.35.4", Some("https://ABCD.gr7.us-east-1.EKS.amazonaws.com:443/x"), Some(("eks", true))),
            ("v1.35.4", Some("https://pay-dns-1a2b.hcp.westeurope.azmk8s.io:443"), Some(("aks", true))),
            ("v1.35.4", Some("https://10.0.0.9:6443"), None),
            ("v1.35.4", Some("https://eks.amazonaws.com.evil.example"), None),
            ("v1.35.4", Some("https://[fd00::1]:6443"), None),
            ("v1.35.4", None, None),
        ] {
            let version = version.parse().unwrap();
            let told = guess_provider(Some(&version), server, None);
            let told = told.as_ref().map(|t| (t.value.as_str(), t.guessed));
            assert_eq!(told, expect, "{version} {server:?}");
        }
        let fact = CleanText::new("talos");
        assert_eq!(guess_provider(None, None, Some(&fact)), Some(Told { value: fact, guessed: false }));
    }

    #[test]
    fn regions_are_read_from_providers_addresses_and_guessed_from_names() {
        for (name, server, expect) in [
            ("prod", Some("https://ABCD.gr7.us-east-1.eks.amazonaws.com"), Some(("us-east-1", false))),
            ("prod-eu-west-3", Some("https://x.hcp.westeurope.azmk8s.io"), Some(("westeurope", false))),
            ("prod-eu-west-3", Some("https://10.0.0.9:6443"), Some(("eu-west-3", true))),
            ("gke_acme_europe-west1-b_prod", None, Some(("europe-west1", true))),
            ("arn:aws:eks:us-gov-west-1:1234:cluster/pay", None, Some(("us-gov-west-1", true))),
            ("PROD-EU-CENTRAL-1", None, Some(("eu-central-1", true))),
            ("pay", Some("https://api.ap-south-1.corp.example"), Some(("ap-south-1", true))),
            ("prod-eu-1", None, None),
            ("stage-eu-west", None, None),
            ("bureau-west-1", None, None),
            ("", None, None),
        ] {
            let told = guess_region(name, server);
            assert_eq!(told.as_ref().map(|t| (t.value.as_str(), t.guessed)), expect, "{name} {server:?}");
        }
    }

    #[test]
    fn what_nodes_say_beats_every_name() {
        let mut signals = healthy();
        let summary = &mut signals.nodes.last.as_mut().unwrap().value;
        summary.region = Some("eu-north-1".into());
        summary.kubelets = vec![("v1.35.4+k3s1".parse().unwrap(), 3)];
        let cluster = cluster("prod-eu-west-3", signals);
        assert_eq!(cluster.region(), Some(Told::known("eu-north-1")));
        assert_eq!(cluster.provider(), Some(Told::known("k3s")));
    }
}
