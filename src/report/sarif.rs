//! Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), for whatever collects the results of checks.
//!
//! Only what such a collector reads is written: one run, its rules with help, and one result for each finding with its place,
//! its fingerprint, and the cluster and the owner as properties.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::breach::{CheckReport, FindingItem};
use super::wire::{Place, Text, Tool, WeightWord};

/// The schema of the format.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Where the program is described.
const HOME: &str = "https://fleetglass.dev";

/// A SARIF log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: RunTool,
    column_kind: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    original_uri_base_ids: BTreeMap<&'static str, ArtifactLocation>,
    results: Vec<SarifResult>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct RunTool {
    driver: Driver,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    information_uri: &'static str,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Message {
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
    properties: Properties,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<String>,
}

/// Where files stand: paths below `root` are written relative to it, as collectors want them.
const ROOT: &str = "ROOT";

/// The report as SARIF. `root` is the folder that paths of files are told relative to, an absolute path; `places` are where
/// clusters stand in their sources, for findings that break no written rule.
pub fn sarif(report: &CheckReport, root: &str, places: &BTreeMap<Text, Place>, tool: Tool) -> Sarif {
    let codes: BTreeSet<&'static str> = report.items.iter().map(|i| i.code).collect();
    let worst = |code: &str| report.items.iter().filter(|i| i.code == code).map(|i| i.weight).max();
    let rules = codes
        .iter()
        .map(|code| {
            let (short, help) = describe(code);
            Rule {
                id: code,
                short_description: Message { text: short.to_owned() },
                full_description: Message { text: short.to_owned() },
                help: Message { text: help.to_owned() },
                default_configuration: Configuration {
                    level: level(worst(code).unwrap_or(WeightWord::Warning)),
                },
            }
        })
        .collect();
    let index = |code: &str| codes.iter().position(|c| *c == code).unwrap_or(0);
    let results: Vec<SarifResult> =
        report.items.iter().map(|item| result(item, index(item.code), root, places)).collect();
    let is_relative = |r: &SarifResult| {
        let mut located = r.locations.iter().filter_map(|l| l.physical_location.as_ref());
        located.any(|p| p.artifact_location.uri_base_id.is_some())
    };
    let mut bases = BTreeMap::new();
    if results.iter().any(is_relative) {
        let uri = format!("file://{}/", encode(root.trim_end_matches('/')));
        bases.insert(ROOT, ArtifactLocation { uri, uri_base_id: None });
    }
    let driver = Driver { name: tool.name, semantic_version: tool.version, information_uri: HOME, rules };
    let run = Run {
        tool: RunTool { driver },
        column_kind: "unicodeCodePoints",
        original_uri_base_ids: bases,
        results,
    };
    Sarif { schema: SCHEMA, version: "2.1.0", runs: [run] }
}

fn result(item: &FindingItem, rule_index: usize, root: &str, places: &BTreeMap<Text, Place>) -> SarifResult {
    let place = item.rule.as_ref().or_else(|| places.get(item.cluster.as_ref()?));
    let physical = place.map(|place| physical(place, root));
    let logical: Vec<LogicalLocation> = item
        .cluster
        .iter()
        .map(|name| LogicalLocation {
            name: name.to_string(),
            fully_qualified_name: format!("cluster/{name}"),
            kind: "resource",
        })
        .collect();
    let locations = if physical.is_none() && logical.is_empty() {
        Vec::new()
    } else {
        vec![Location { physical_location: physical, logical_locations: logical }]
    };
    let text = |t: &Option<Text>| t.as_ref().map(ToString::to_string);
    SarifResult {
        rule_id: item.code,
        rule_index,
        level: level(item.weight),
        message: Message { text: message(item) },
        locations,
        partial_fingerprints: [("finding/v1", fingerprint(item))].into(),
        properties: Properties {
            cluster: text(&item.cluster),
            class: text(&item.class),
            owner: text(&item.owner),
            about: text(&item.about),
        },
    }
}

/// The cluster, what is wrong, and what to do.
fn message(item: &FindingItem) -> String {
    let cluster = item.cluster.as_ref().map(|c| format!("{c}: ")).unwrap_or_default();
    let hint = item.hint.as_ref().map(|h| format!(". {h}")).unwrap_or_default();
    format!("{cluster}{}{hint}", item.message)
}

/// The same finding has the same fingerprint at every run: numbers and times that stand in its message do not count.
fn fingerprint(item: &FindingItem) -> String {
    let part = |t: &Option<Text>| t.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}|{}|{}", item.code, part(&item.cluster), part(&item.about))
}

fn level(weight: WeightWord) -> &'static str {
    weight.as_str()
}

fn physical(place: &Place, root: &str) -> PhysicalLocation {
    let file = place.file.as_str();
    let below = file.strip_prefix(root.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    let artifact_location = match below {
        Some(path) => ArtifactLocation { uri: encode(path), uri_base_id: Some(ROOT) },
        None if file.starts_with('/') => {
            ArtifactLocation { uri: format!("file://{}", encode(file)), uri_base_id: None }
        }
        None => ArtifactLocation { uri: encode(file), uri_base_id: None },
    };
    let region = place.line.map(|start_line| Region { start_line, start_column: place.column });
    PhysicalLocation { artifact_location, region }
}

/// A path as part of a URI (RFC 3986): what may not stand there is escaped, slashes stay.
fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ok = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What a code is about, and what to do.
fn describe(code: &str) -> (&'static str, &'static str) {
    match code {
        "NAME_PATTERN" => (
            "The name does not follow the pattern of the class.",
            "Rename the cluster in its source, or correct `naming.pattern` of the class.",
        ),
        "DOMAIN" => (
            "The API server's host is not the one that the class expects.",
            "Give the API server its name in DNS, or correct `domain` of the class.",
        ),
        "BELOW_FLOOR" => (
            "The cluster runs an older version than its class allows.",
            "Upgrade it; `fleetglass versions --blocked` shows what stands in the way.",
        ),
        "END_OF_LIFE" => (
            "The release that the cluster runs is out of support.",
            "Upgrade it, or accept it for the class with `versions.acceptEndOfLife`.",
        ),
        "LABEL_MISSING" => (
            "A label that the class requires is missing.",
            "Set it in the source, or with `fleetglass clusters label NAME KEY=VALUE`.",
        ),
        "LABEL_VALUE" => (
            "A label has a value that the class does not allow.",
            "Correct it in the source, or allow the value in `requires.labels` of the class.",
        ),
        "SERVICE_MISSING" => {
            ("A service that the class requires is not there.", "Install it, or correct `requires.services`.")
        }
        "SERVICE_VERSION" => (
            "A required service runs a version outside of the allowed range.",
            "Upgrade the service, or correct its `versions` in the class.",
        ),
        "NETWORK_POLICY" => (
            "A namespace has no network policy that denies what is not allowed.",
            "Add a NetworkPolicy that selects all pods and allows nothing.",
        ),
        "SOURCE_MISSING" => (
            "A source that the class requires does not know the cluster.",
            "Register the cluster there, or correct `requires.sources` of the class.",
        ),
        "UNCLASSIFIED" => (
            "No rule says what class the cluster is of.",
            "Write a rule, or decide with `fleetglass clusters class`.",
        ),
        "CLASS_WAITS" => (
            "A change to a class of weaker protection waits for somebody to accept it.",
            "Look at the change, then accept it with `fleetglass clusters class NAME --accept`.",
        ),
        "CONFLICT" => ("Sources contradict each other.", "Correct the source that is wrong."),
        "ORPHAN" => (
            "A context or a membership leads to a cluster that no registry knows any more.",
            "Remove it from its source if the cluster is gone.",
        ),
        "GHOST" => (
            "A source keeps a cluster that it says no longer exists.",
            "Remove what is left of it from the source.",
        ),
        "GONE" => {
            ("No source knows the cluster any more.", "Forget it with `fleetglass clusters forget NAME`.")
        }
        "SAME_UID_OTHER_NODES" => (
            "Two clusters have the same identity and other nodes: one was restored or cloned from the other's etcd.",
            "Find out which is the real one; split or merge them by hand.",
        ),
        "SAME_SERVER_OTHER_AUTHORITY" => (
            "Two entries have the same server and trust other certificates.",
            "Find out which certificate is the right one, and correct the other entry.",
        ),
        "STALE_DATA" => (
            "Tables about Kubernetes are old.",
            "Update the program, or put newer tables into the folder `data`.",
        ),
        "SOURCE_FAILING" => (
            "A source cannot be read; what it said before is kept.",
            "`fleetglass sources test NAME` shows why.",
        ),
        _ => ("Something is not as it should be.", "`fleetglass clusters show NAME` shows more."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Asked, check_report, fixture};

    #[test]
    fn a_log_has_rules_results_places_and_fingerprints() {
        let fleet = fixture::declared();
        let report = check_report(&fleet, &fleet.clusters, Asked::default(), fixture::now(), fixture::TOOL);
        let at = Place { file: "/home/ana/.kube/config".into(), line: Some(18), column: None };
        let places = [("prod-us-east-1".into(), at)].into();
        insta::assert_json_snapshot!(sarif(&report, "/etc/fleetglass", &places, fixture::TOOL));
    }

    #[test]
    fn paths_are_relative_to_the_root_where_they_stand_below_it() {
        for (file, root, uri, base) in [
            ("/r/fleet/a b.yaml", "/r", "fleet/a%20b.yaml", Some(ROOT)),
            ("/r/fleet.yaml", "/r/", "fleet.yaml", Some(ROOT)),
            ("/rest/fleet.yaml", "/r", "file:///rest/fleet.yaml", None),
            ("~/.kube/config", "/r", "~/.kube/config", None),
        ] {
            let place = Place { file: file.into(), line: None, column: None };
            let location = physical(&place, root).artifact_location;
            assert_eq!((location.uri.as_str(), location.uri_base_id), (uri, base), "{file}");
        }
    }
}
