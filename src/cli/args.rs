//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod registry;

pub(super) use registry::{
    ByArg, CheckArgs, Classes, Clusters, Deciding, Decisions, ExportFormat, InitArgs, MetricArg, Sources,
    VersionsArgs,
};

/// A terminal single pane of glass for fleets of Kubernetes clusters.
///
/// Without a command: the console on a terminal, `status` elsewhere.
#[derive(Debug, Parser)]
#[command(
    name = "fleetglass",
    bin_name = "fleetglass",
    version,
    propagate_version = true,
    disable_help_subcommand = false
)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed or (with --exit-code) a finding, 2 wrong usage, configuration or query, \
3 partly done, 4 sign-in needed, 5 refused, 130 and 143 interrupted."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Global {
    /// A kubeconfig file, or a folder of them; may be given more than once. Replaces $KUBECONFIG and ~/.kube/config.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Sources")]
    pub(super) kubeconfig: Vec<PathBuf>,
    /// Only contexts of this name; `*` and `?` stand for any text and any letter; may be given more than once.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Sources")]
    pub(super) context: Vec<String>,
    /// The fleet file; $FLEETGLASS_FLEET names one too. Otherwise fleet.yaml in the folder of the configuration.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Sources")]
    pub(super) fleet: Option<PathBuf>,
    /// Contact no cluster and no hub, and run no program: only what stands in files.
    #[arg(long, global = true, help_heading = "Sources")]
    pub(super) no_contact: bool,
    /// Neither recall nor keep anything: no decisions, nothing of what sources said before.
    #[arg(long, global = true, help_heading = "Sources")]
    pub(super) no_memory: bool,

    /// Clusters that match this expression, such as `class=prod version<1.35`.
    #[arg(short, long, global = true, value_name = "EXPR", help_heading = "Selection")]
    pub(super) query: Option<String>,
    /// Clusters that match this label selector, as kubectl has it: `tier=1,team!=ml`.
    #[arg(short = 'l', long, global = true, value_name = "SELECTOR", help_heading = "Selection")]
    pub(super) selector: Option<String>,
    /// Clusters of these classes.
    #[arg(long, global = true, value_name = "CLASS", value_delimiter = ',', help_heading = "Selection")]
    pub(super) class: Vec<String>,
    /// The cluster of this name; may be given more than once; `-` reads names from standard input.
    #[arg(short = 'c', long, global = true, value_name = "NAME", help_heading = "Selection")]
    pub(super) cluster: Vec<String>,

    /// How to print.
    #[arg(short, long, global = true, value_name = "FORMAT", help_heading = "Output")]
    pub(super) output: Option<Format>,
    /// The whole document as JSON; with `=FIELD,..` a bare array with those fields of each item.
    #[arg(
        long,
        global = true,
        value_name = "FIELDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        conflicts_with = "output",
        help_heading = "Output"
    )]
    pub(super) json: Option<String>,
    /// Filter the JSON with a jq expression; texts are printed without quotes.
    #[arg(long, global = true, value_name = "EXPR", help_heading = "Output")]
    pub(super) jq: Option<String>,
    /// No line of headings above a table or CSV.
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) no_headers: bool,
    /// Sort clusters by class, state, name, version, kubelet, nodes, cert, seen or latency; `-` in front turns it round.
    #[arg(long, global = true, value_name = "FIELD", allow_hyphen_values = true, help_heading = "Output")]
    pub(super) sort_by: Option<String>,
    /// The columns of a table or CSV, by name.
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',', help_heading = "Output")]
    pub(super) columns: Vec<String>,
    /// How times are written in tables and CSV.
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Output")]
    pub(super) time_format: Option<TimeFormat>,
    /// Exit with 1 if there is a finding: a cluster that is not well, a version out of support.
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) exit_code: bool,
    /// Exit with 0 even if some clusters could not be read.
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) partial_ok: bool,

    /// Keep running and print what changes (table or ndjson).
    #[arg(short, long, global = true, help_heading = "Watching")]
    pub(super) watch: bool,
    /// With --watch: print at most this often.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, default_value = "1s", help_heading = "Watching")]
    pub(super) interval: Duration,
    /// Wait at most this long for clusters to answer, 10 s unless said; with --watch: end after this long.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, help_heading = "Watching")]
    pub(super) timeout: Option<Duration>,
    /// The longest one request to a cluster may take.
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, help_heading = "Watching")]
    pub(super) request_timeout: Option<Duration>,
    /// How many requests may be under way at the same time.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Watching")]
    pub(super) max_in_flight: Option<u16>,

    /// Colours: auto, always, never, 16, 256, truecolor.
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Other")]
    pub(super) color: Option<String>,
    /// Draw with ASCII only.
    #[arg(long, global = true, help_heading = "Other")]
    pub(super) ascii: bool,
    /// The console's theme.
    #[arg(long, global = true, value_name = "NAME", help_heading = "Other")]
    pub(super) theme: Option<String>,
    /// The configuration file; $FLEETGLASS_CONFIG names one too.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Other")]
    pub(super) config: Option<PathBuf>,
    /// Never ask anything. Nothing ever does, so this changes nothing; it is there for scripts that say it.
    #[arg(long, global = true, help_heading = "Other")]
    pub(super) non_interactive: bool,
    /// Print errors only, no warnings and no lines about clusters that cannot be read.
    #[arg(long, global = true, conflicts_with = "verbose", help_heading = "Other")]
    pub(super) quiet: bool,
    /// Say more on standard error: what was read, how long it took, what to try.
    #[arg(short, long, global = true, help_heading = "Other")]
    pub(super) verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The state of clusters.
    Status(StatusArgs),
    /// List clusters, look at one, hand them to other programs, or decide about them.
    #[command(subcommand)]
    Clusters(Clusters),
    /// What is not as its class, its registry or plain sense wants it. Exits with 1 if there is a warning or an error.
    Check(CheckArgs),
    /// Count clusters by version, or list what stands in the way of their next upgrade.
    Versions(VersionsArgs),
    /// Events of clusters, newest first.
    Events(EventsArgs),
    /// Where clusters are learned of.
    #[command(subcommand)]
    Sources(Sources),
    /// The classes of clusters.
    #[command(subcommand)]
    Classes(Classes),
    /// What operators have decided about clusters.
    #[command(subcommand)]
    Decisions(Decisions),
    /// Write a commented fleet file from what was found. Prints it unless told to write it.
    Init(InitArgs),
    /// What was read, and what stands in the way.
    Doctor,
    /// The console's own configuration.
    #[command(subcommand)]
    Config(Config),
    /// The JSON Schema of a document or of an object of the fleet file, or the list of them.
    Schema {
        /// The kind.
        kind: Option<String>,
    },
    /// A script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// The manual page; with a folder, one page for every command written there.
    Man {
        /// The folder.
        dir: Option<PathBuf>,
    },
    /// A made-up fleet on this machine: the console on it, or the fleet alone.
    Demo(DemoArgs),
    /// The console.
    Tui,
    /// The version of this program.
    Version,
}

/// `status`.
#[derive(Args, Debug, Default)]
pub(super) struct StatusArgs {
    /// Only these clusters.
    #[arg(value_name = "CLUSTER")]
    pub(super) clusters: Vec<String>,
    /// Group the table.
    #[arg(long, value_name = "BY", default_value = "none")]
    pub(super) group_by: Grouping,
}

/// `events`.
#[derive(Args, Debug)]
pub(super) struct EventsArgs {
    /// Only these clusters.
    #[arg(value_name = "CLUSTER")]
    pub(super) clusters: Vec<String>,
    /// The type of events.
    #[arg(long = "type", value_name = "TYPE", default_value = "Warning", ignore_case = true)]
    pub(super) kind: EventType,
}

/// `config`.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// The configuration that is in force, with where each value comes from.
    Print,
    /// Where the configuration file is looked for.
    Path,
    /// Check the configuration file, the fleet file, or the file that is named: TOML is configuration, YAML a fleet file.
    Validate {
        /// The file; those in force unless given.
        file: Option<PathBuf>,
    },
    /// The JSON Schema of the configuration file.
    Schema,
}

/// `demo`.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// Only serve the fleet: write DIR/kubeconfig and DIR/fleet.yaml, print one line when ready, run until interrupted.
    #[arg(long, value_name = "DIR")]
    pub(super) serve: Option<PathBuf>,
    /// How many clusters.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(super) clusters: u16,
    /// The same seed makes the same fleet.
    #[arg(long, value_name = "SEED", default_value_t = 7)]
    pub(super) seed: u64,
    /// Only a kubeconfig with all clusters: no hubs and no fleet file.
    #[arg(long)]
    pub(super) no_hubs: bool,
}

/// `-o`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns of text.
    Table,
    /// All columns of text.
    Wide,
    /// The document.
    Json,
    /// The document.
    Yaml,
    /// `cluster/NAME` lines, made to be read with `-c -`.
    Name,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One item to a line.
    Ndjson,
    /// SARIF 2.1.0, of `check` only.
    Sarif,
}

/// `--time-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TimeFormat {
    /// `2026-11-20T09:02:20Z`.
    Rfc3339,
    /// How long ago: `4s`.
    Relative,
    /// Seconds since 1970.
    Unix,
}

/// `--group-by`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Grouping {
    Class,
    Region,
    Provider,
    Version,
    #[default]
    None,
}

/// `--type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EventType {
    /// Something went wrong.
    Warning,
    /// All is as it should be.
    Normal,
    /// Both.
    All,
}

/// A length of time as people write it: `500ms`, `10s`, `5m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let number: u64 = number.parse().map_err(|_| "write it as 500ms, 10s, 5m or 2h".to_owned())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write it as 500ms, 10s, 5m or 2h".to_owned()),
    };
    match number.checked_mul(millis) {
        Some(millis) if (1..=7 * 24 * 3_600_000).contains(&millis) => Ok(Duration::from_millis(millis)),
        _ => Err("it must be longer than nothing and at most a week".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_of_a_command_is_taken_for_a_flag_that_all_take() {
        fn look(command: &clap::Command, flags: &[String], path: &str) {
            for arg in command.get_arguments().filter(|a| !a.is_global_set()) {
                assert!(!flags.contains(&arg.get_id().to_string()), "{path}: {}", arg.get_id());
            }
            for sub in command.get_subcommands() {
                look(sub, flags, &format!("{path} {}", sub.get_name()));
            }
        }
        let root = Cli::command();
        let flags: Vec<String> =
            root.get_arguments().filter(|a| a.is_global_set()).map(|a| a.get_id().to_string()).collect();
        assert!(flags.contains(&"class".to_owned()));
        look(&root, &flags, "fleetglass");
    }

    #[test]
    fn lengths_of_time_have_a_unit() {
        for (text, expect) in [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("10", None),
            ("0s", None),
            ("-1s", None),
            ("s", None),
            ("10d", None),
            ("99999999999999999999s", None),
            ("200h", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), expect, "{text}");
        }
    }

    #[test]
    fn json_takes_fields_only_after_an_equals_sign() {
        let parse = |args: &[&str]| Cli::try_parse_from(args).unwrap();
        assert_eq!(parse(&["fleetglass", "--json", "status"]).global.json.as_deref(), Some(""));
        let with = parse(&["fleetglass", "status", "--json=name,state"]);
        assert_eq!(with.global.json.as_deref(), Some("name,state"));
        assert!(Cli::try_parse_from(["fleetglass", "status", "--json", "-o", "yaml"]).is_err());
    }
}
