//! Where a cluster runs and who runs it: from its nodes, its version and its address, or else guessed from names.

use super::{CleanText, Cluster, Minor, Version};

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
    /// The region: of its nodes, as its sources say, of its labels, of its address, or guessed from its name.
    pub fn region(&self) -> Option<Told> {
        let nodes = self.signals.nodes.value().and_then(|n| n.region.as_ref());
        let labels = &self.entry.labels;
        let label =
            ["topology.kubernetes.io/region", "region"].iter().find_map(|k| labels.get(&CleanText::new(k)));
        nodes
            .or(self.entry.facts.region.as_ref())
            .or(label)
            .map(|region| Told { value: region.clone(), guessed: false })
            .or_else(|| guess_region(self.entry.name.as_str(), self.server_text()))
    }

    /// The provider or distribution: of its nodes, its version or its kubelets' versions, as its sources say, or by its address.
    pub fn provider(&self) -> Option<Told> {
        let nodes = self.signals.nodes.value();
        let mut kubelets = nodes.into_iter().flat_map(|n| n.kubelets.iter().map(|(version, _)| version));
        let from_nodes = nodes.and_then(|n| n.provider.as_ref());
        let seen = guess_provider(self.version(), None, from_nodes)
            .or_else(|| kubelets.find_map(provider_of_version).map(Told::known));
        let said = || self.entry.facts.provider.clone().map(|value| Told { value, guessed: false });
        seen.or_else(said).or_else(|| guess_provider(self.told_version(), self.server_text(), None))
    }

    /// The account, subscription or project, as its sources say.
    pub fn account(&self) -> Option<Told> {
        self.entry.facts.account.clone().map(|value| Told { value, guessed: false })
    }

    /// Who owns it: as its property `owner` says, or else its class.
    pub fn owner(&self) -> Option<CleanText> {
        let own = self.properties.get(&CleanText::new("owner")).filter(|owner| !owner.is_empty()).cloned();
        own.or_else(|| self.class.rules.as_ref()?.spec.owner.as_deref().map(CleanText::new))
    }

    /// The tenants that share it: of its property `tenant`, and of its class, in that order.
    pub fn tenants(&self) -> Vec<CleanText> {
        let own = self.properties.get(&CleanText::new("tenant")).filter(|tenant| !tenant.is_empty());
        let mut all: Vec<CleanText> = own.cloned().into_iter().collect();
        let of_class = self.class.rules.as_ref().and_then(|rules| rules.spec.tenants.as_ref());
        for tenant in of_class.into_iter().flatten().map(|t| CleanText::new(t)) {
            if !all.contains(&tenant) {
                all.push(tenant);
            }
        }
        all
    }

    /// The control plane's version as last seen, or else as its sources say.
    pub fn told_version(&self) -> Option<&Version> {
        self.version().or(self.entry.facts.version.as_ref())
    }

    /// The oldest version that its class allows: a release, and a patch of it if the class names one. `None` if it sets
    /// none, or one that is no version.
    pub fn floor(&self) -> Option<(Minor, Option<u16>)> {
        wanted(self.class.rules.as_ref()?.spec.versions.floor.as_deref()?)
    }

    /// The version that its class is to go to, read like [`Cluster::floor`].
    pub fn target(&self) -> Option<(Minor, Option<u16>)> {
        wanted(self.class.rules.as_ref()?.spec.versions.target.as_deref()?)
    }

    /// The address of its own server; a hub's says nothing of the clusters behind it.
    fn server_text(&self) -> Option<&str> {
        let own = self.entry.paths.iter().find(|path| path.via.is_none())?;
        own.server.as_ref().map(CleanText::as_str)
    }
}

/// `1.34`, or `1.34.5`.
fn wanted(text: &str) -> Option<(Minor, Option<u16>)> {
    let text = text.trim();
    let release = || text.parse().ok().map(|line| (line, None));
    release().or_else(|| text.parse::<Version>().ok().map(|v| (v.line, Some(v.patch))))
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
    use super::super::{Signals, spec};
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
    fn what_sources_say_beats_names_and_nodes_beat_sources() {
        let mut c = cluster("prod-eu-west-3", Signals::default());
        c.entry.paths[0].server = Some("https://x.azmk8s.io:443".into());
        assert_eq!(c.region().map(|t| t.guessed), Some(true));
        assert_eq!(c.provider(), Some(Told::guess("aks")));
        c.entry.facts.version = "v1.35.4+rke2r1".parse().ok();
        assert_eq!(c.provider(), Some(Told::known("rke2")));
        c.entry.facts.region = Some("fra".into());
        c.entry.facts.provider = Some("capa".into());
        assert_eq!((c.region(), c.provider()), (Some(Told::known("fra")), Some(Told::known("capa"))));
        assert_eq!(c.told_version(), c.entry.facts.version.as_ref());
        c.signals = healthy();
        assert_eq!(c.told_version().map(ToString::to_string).as_deref(), Some("v1.35.4"));
        let summary = &mut c.signals.nodes.last.as_mut().unwrap().value;
        summary.region = Some("eu-north-1".into());
        summary.provider = Some("eks".into());
        assert_eq!((c.region(), c.provider()), (Some(Told::known("eu-north-1")), Some(Told::known("eks"))));
    }

    #[test]
    fn the_address_of_a_hub_says_nothing_of_its_clusters() {
        let mut c = cluster("pay", Signals::default());
        c.entry.paths[0].server = Some("https://x.gr7.us-east-1.eks.amazonaws.com".into());
        assert_eq!((c.region(), c.provider()), (Some(Told::known("us-east-1")), Some(Told::guess("eks"))));
        c.entry.paths[0].via = Some("hub".into());
        assert_eq!((c.region(), c.provider()), (None, None));
    }

    #[test]
    fn owners_and_tenants_are_its_own_first_and_then_its_classs() {
        let mut c = cluster("a", Signals::default());
        assert_eq!((c.owner(), c.tenants(), c.floor(), c.target()), (None, Vec::new(), None, None));
        let spec = spec::ClassSpec {
            owner: Some("team a".to_owned()),
            tenants: Some(vec!["x".to_owned(), "y".to_owned()]),
            versions: spec::VersionRules {
                floor: Some(" v1.34 ".to_owned()),
                target: Some("1.35.2".to_owned()),
                ..spec::VersionRules::default()
            },
            ..spec::ClassSpec::default()
        };
        c.class.rules = Some(std::sync::Arc::new(class_rules("a", spec)));
        assert_eq!(c.owner(), Some("team a".into()));
        assert_eq!(c.tenants(), ["x".into(), "y".into()]);
        assert_eq!(c.floor(), Some((Minor { major: 1, minor: 34 }, None)));
        assert_eq!(c.target(), Some((Minor { major: 1, minor: 35 }, Some(2))));
        c.properties =
            std::sync::Arc::new([("owner".into(), "me".into()), ("tenant".into(), "y".into())].into());
        assert_eq!((c.owner(), c.tenants()), (Some("me".into()), vec!["y".into(), "x".into()]));
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
