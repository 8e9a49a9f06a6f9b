//! The commands about the registry: clusters, sources, classes, decisions, findings.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `clusters`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Clusters {
    /// Clusters and where they were learned of.
    List {
        /// Only these clusters.
        #[arg(value_name = "CLUSTER")]
        clusters: Vec<String>,
    },
    /// One cluster: its state, identity, findings, next upgrade, nodes, readiness checks and events.
    Show {
        /// Its name.
        name: String,
    },
    /// Which sources tell of one cluster, and why; and what looks like one cluster and was kept apart.
    Merges,
    /// Clusters in the shape that another program reads. Never overwrites a file.
    Export {
        /// Only these clusters.
        #[arg(value_name = "CLUSTER")]
        clusters: Vec<String>,
        /// The shape.
        #[arg(long, value_name = "FORMAT")]
        format: ExportFormat,
        /// A new file, which only its owner can read; standard output unless given.
        #[arg(long, value_name = "PATH")]
        to: Option<PathBuf>,
        /// With kubeconfig: include tokens, passwords and keys that are written in the kubeconfigs. They are secrets.
        #[arg(long)]
        with_credentials: bool,
    },
    /// Set labels of a cluster (`KEY=VALUE`) or take them back (`KEY-`), over what its sources say.
    Label {
        /// Its name.
        name: String,
        /// `KEY=VALUE` or `KEY-`.
        #[arg(required = true, value_name = "LABEL")]
        labels: Vec<String>,
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Decide the class of a cluster that no rule puts in one, or accept the class that was guessed or that waits.
    Class {
        /// Its name.
        name: String,
        /// The class.
        // Not called `class`, which is the name of a flag that every command takes.
        #[arg(value_name = "CLASS", required_unless_present_any = ["accept", "unset"], conflicts_with_all = ["accept", "unset"])]
        to: Option<String>,
        /// Accept the class that was guessed, or the change that waits.
        #[arg(long, conflicts_with = "unset")]
        accept: bool,
        /// Take the decision back.
        #[arg(long)]
        unset: bool,
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Say that two are one cluster: names of clusters, or `SOURCE:REF`.
    Merge {
        /// One.
        first: String,
        /// The other.
        second: String,
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Say that what a source tells of is a cluster of its own, whatever it looks like; with --undo leave it to the rules again.
    Split {
        /// `SOURCE:REF`.
        sighting: String,
        /// Leave merging and splitting of it to the rules again.
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        deciding: Deciding,
    },
    /// No longer show a cluster that no source knows any more.
    Forget {
        /// Its name.
        name: String,
        #[command(flatten)]
        deciding: Deciding,
    },
    /// Choose the way to a cluster; the only way to one that is for emergencies.
    Prefer {
        /// Its name.
        name: String,
        /// `SOURCE:REF`, as `clusters show -o json` has it under `identity.paths`.
        #[arg(required_unless_present = "unset", conflicts_with = "unset")]
        path: Option<String>,
        /// Take the choice back.
        #[arg(long)]
        unset: bool,
        #[command(flatten)]
        deciding: Deciding,
    },
}

/// Flags of commands that decide something.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct Deciding {
    /// Why; kept with the decision.
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: Option<String>,
    /// Do it also where it makes a cluster less protected, or leads to it by a way for emergencies.
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportFormat {
    /// An Ansible inventory in YAML, grouped by class.
    Ansible,
    /// Prometheus' `file_sd` targets in JSON.
    FileSd,
    /// A kubeconfig with one context for each cluster.
    Kubeconfig,
    /// ClusterProfile objects (KEP-4322) in YAML.
    Clusterprofile,
}

/// `check`.
#[derive(Args, Debug)]
pub(in crate::cli) struct CheckArgs {
    /// Only these clusters.
    #[arg(value_name = "CLUSTER")]
    pub(in crate::cli) clusters: Vec<String>,
}

/// `init`.
#[derive(Args, Debug)]
pub(in crate::cli) struct InitArgs {
    /// A new file to write; never overwrites one.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) write: Option<PathBuf>,
}

/// `versions`.
#[derive(Args, Debug)]
pub(in crate::cli) struct VersionsArgs {
    /// Only these clusters.
    #[arg(value_name = "CLUSTER")]
    pub(in crate::cli) clusters: Vec<String>,
    /// Whose version is counted.
    #[arg(long, value_name = "WHOSE", default_value = "control-plane")]
    pub(in crate::cli) metric: MetricArg,
    /// What the rows are.
    #[arg(long, value_name = "BY", default_value = "class")]
    pub(in crate::cli) by: ByArg,
    /// The clusters whose next upgrade something stands in the way of, and who must act.
    #[arg(long, conflicts_with = "metric")]
    pub(in crate::cli) blocked: bool,
}

/// `--metric`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum MetricArg {
    /// The API server's.
    ControlPlane,
    /// The oldest kubelet's.
    Kubelet,
}

/// `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ByArg {
    Class,
    Region,
    Provider,
    Tenant,
    Owner,
}

/// `sources`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Sources {
    /// The places that clusters are learned of, and how reading them goes. Without a fleet file this contacts no cluster.
    List,
    /// One source, its clusters, and what is wrong with it.
    Show {
        /// Its name.
        name: String,
    },
    /// Read a source again, or all of them, and say what came of it.
    Sync {
        /// Its name.
        name: Option<String>,
    },
    /// Read one source and say what is wrong. Exits with 1 if it cannot be read.
    Test {
        /// Its name.
        name: String,
    },
    /// Look which of the clusters in the kubeconfigs are hubs, and which programs could tell of more.
    Scan,
}

/// `classes`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Classes {
    /// The classes in the order in which their rules are tried.
    List,
    /// One class with everything it inherits.
    Show {
        /// Its name.
        name: String,
    },
    /// Why a cluster is of its class.
    Explain {
        /// The cluster's name.
        #[arg(value_name = "CLUSTER")]
        name: String,
    },
}

/// `decisions`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Decisions {
    /// What operators have decided, oldest first.
    List,
    /// The decisions in force as Cluster objects, to be put into the fleet file.
    Export,
}
