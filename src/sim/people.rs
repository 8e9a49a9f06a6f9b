//! Who signs in: a few identities over many clusters, each a team with a token or a person with a certificate.

use super::dice::Dice;
use super::truth::Trouble;

/// An identity that the kubeconfig of the fleet holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Person {
    /// The platform team on call, by token; cluster-admin through a binding.
    #[default]
    Platform,
    /// The release engineers, by client certificate; edit and read on nodes.
    Release,
    /// Developers, by token; cluster-admin on dev clusters.
    Developers,
    /// The people of the edge sites, by a client certificate that ends soon.
    Edge,
    /// An auditor, by token, who may see workloads but no nodes.
    Auditor,
    /// Break-glass certificate in `system:masters`.
    Breakglass,
}

/// How a person proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// A bearer token.
    Token,
    /// A client certificate that ends in so many days.
    Certificate { days: i64 },
}

impl Person {
    /// Everybody.
    pub(super) const ALL: [Self; 6] =
        [Self::Platform, Self::Release, Self::Developers, Self::Edge, Self::Auditor, Self::Breakglass];

    /// Who a cluster's context signs in as.
    pub(super) fn of(class: Option<&str>, trouble: Trouble) -> Self {
        match (class, trouble) {
            (_, Trouble::NodesForbidden) => Self::Auditor,
            (Some("prod"), _) => Self::Platform,
            (Some("stage"), _) => Self::Release,
            (Some("dev"), _) => Self::Developers,
            (Some(_), _) => Self::Edge,
            (None, _) => Self::Breakglass,
        }
    }

    /// The name of the user entry in the kubeconfig.
    pub(super) fn entry(self) -> &'static str {
        match self {
            Self::Platform => "platform-oncall",
            Self::Release => "release-engineer",
            Self::Developers => "developers",
            Self::Edge => "edge-ops",
            Self::Auditor => "auditor",
            Self::Breakglass => "breakglass",
        }
    }

    /// The name that the API server knows.
    pub(super) fn user(self) -> &'static str {
        match self {
            Self::Platform => "oncall@platform.acme.example",
            Self::Release => "release-engineer",
            Self::Developers => "dev@acme.example",
            Self::Edge => "edge-ops",
            Self::Auditor => "auditor@acme.example",
            Self::Breakglass => "breakglass",
        }
    }

    /// The groups that the API server knows, without `system:authenticated`.
    pub(super) fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Platform => &["acme:platform"],
            Self::Release => &["acme:release"],
            Self::Developers => &["acme:developers"],
            Self::Edge => &["acme:edge"],
            Self::Auditor => &["acme:audit"],
            Self::Breakglass => &["system:masters"],
        }
    }

    /// How they prove it.
    pub(super) fn proof(self) -> Proof {
        match self {
            Self::Platform | Self::Developers | Self::Auditor => Proof::Token,
            Self::Release => Proof::Certificate { days: 190 },
            Self::Edge => Proof::Certificate { days: 21 },
            Self::Breakglass => Proof::Certificate { days: 360 },
        }
    }

    /// The bearer token, the same for the same seed.
    pub(super) fn token(self, seed: u64) -> String {
        format!("sim-{}", Dice::new(seed, &["token", self.entry()]).hex(40))
    }
}
