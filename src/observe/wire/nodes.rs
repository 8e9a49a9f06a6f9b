//! The list of nodes, as the server prints it (a `Table`, whose columns are found by their names) or, from servers that
//! print none, as plain objects.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::json::{Labels, ListMeta, ObjectMeta, Text, lacks, parse};
use crate::fleet::{CleanText, Failure, NodeRow, NodeSummary, Version};

/// Nodes past this number are not looked at, and the list is said to be cut. Kubernetes supports 5,000.
const MOST_NODES: usize = 20_000;
/// How many nodes that are not ready are named.
const MOST_NAMED: usize = 8;
/// How many nodes are named as a sample of who they are.
const MOST_SAMPLED: usize = 16;
/// How many different kubelet versions are counted.
const MOST_VERSIONS: usize = 64;

const WHAT: &str = "a list of nodes";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    metadata: ListMeta<'a>,
    #[serde(borrow, default, rename = "columnDefinitions")]
    columns: Option<Vec<Column<'a>>>,
    #[serde(borrow, default)]
    rows: Option<Vec<Row<'a>>>,
    #[serde(borrow, default)]
    items: Option<Vec<Node<'a>>>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

#[derive(Deserialize)]
struct Column<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    cells: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    #[serde(borrow, default)]
    metadata: ObjectMeta<'a>,
    #[serde(default)]
    spec: Option<Spec>,
    #[serde(borrow, default)]
    status: Option<Status<'a>>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    unschedulable: Option<bool>,
}

#[derive(Default, Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    conditions: Option<Vec<Pair<'a>>>,
    #[serde(borrow, default)]
    addresses: Option<Vec<Address<'a>>>,
    #[serde(borrow, default, rename = "nodeInfo")]
    info: Option<Info<'a>>,
}

#[derive(Deserialize)]
struct Pair<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
}

#[derive(Deserialize)]
struct Address<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    address: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Info<'a> {
    #[serde(borrow, default, rename = "kubeletVersion")]
    kubelet: Text<'a>,
    #[serde(borrow, default, rename = "osImage")]
    os_image: Text<'a>,
    #[serde(borrow, default, rename = "kernelVersion")]
    kernel: Text<'a>,
    #[serde(borrow, default, rename = "containerRuntimeVersion")]
    runtime: Text<'a>,
}

/// One node before it is cleaned, whichever form it came in.
#[derive(Default)]
struct RawNode<'a> {
    name: &'a str,
    status: Cow<'a, str>,
    roles: Cow<'a, str>,
    kubelet: &'a str,
    age: Cow<'a, str>,
    internal_ip: &'a str,
    os_image: &'a str,
    kernel: &'a str,
    runtime: &'a str,
}

impl RawNode<'_> {
    fn says(&self, word: &str) -> bool {
        self.status.split(',').any(|w| w.trim() == word)
    }

    fn ready(&self) -> bool {
        self.says("Ready")
    }

    fn cordoned(&self) -> bool {
        self.says("SchedulingDisabled")
    }
}

/// Reads the answer to a list of nodes as counts.
///
/// # Errors
/// `PARSE` if it is neither a table with a name and a status column nor a list of nodes.
pub fn node_summary(body: &[u8], now: DateTime<Utc>) -> Result<NodeSummary, Failure> {
    let answer: Answer<'_> = parse(body, WHAT)?;
    let mut summary = NodeSummary::default();
    let mut kubelets: BTreeMap<Version, usize> = BTreeMap::new();
    // Most nodes run what the one before them runs.
    let mut last: (&str, Option<Version>) = ("", None);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let seen = each_node(&answer, now, |node| {
        summary.total += 1;
        summary.cordoned += usize::from(node.cordoned());
        sample(&mut names, node.name);
        if node.ready() {
            summary.ready += 1;
        } else {
            summary.cordoned_not_ready += usize::from(node.cordoned());
            if summary.not_ready.len() < MOST_NAMED {
                summary.not_ready.push(CleanText::with_cap(node.name, 253));
            }
        }
        if node.kubelet != last.0 {
            last = (node.kubelet, node.kubelet.parse().ok());
        }
        if let Some(version) = &last.1 {
            if let Some(count) = kubelets.get_mut(version) {
                *count += 1;
            } else if kubelets.len() < MOST_VERSIONS {
                kubelets.insert(version.clone(), 1);
            }
        }
    })?;
    summary.kubelets = kubelets.into_iter().collect();
    summary.names = names.into_iter().map(|name| CleanText::with_cap(name, 253)).collect();
    summary.truncated = seen.cut;
    Ok(summary)
}

/// Keeps the first names in their order, so that the sample does not depend on how the server sorts its list.
fn sample<'a>(names: &mut BTreeSet<&'a str>, name: &'a str) {
    if name.is_empty() || (names.len() == MOST_SAMPLED && names.last().is_some_and(|last| name >= *last)) {
        return;
    }
    if names.insert(name) && names.len() > MOST_SAMPLED {
        names.pop_last();
    }
}

/// Reads the same answer as rows for the screen, in the order of the answer, and whether the list was cut.
///
/// # Errors
/// As [`node_summary`].
pub fn node_rows(body: &[u8], now: DateTime<Utc>) -> Result<(Vec<NodeRow>, bool), Failure> {
    let answer: Answer<'_> = parse(body, WHAT)?;
    let mut rows = Vec::new();
    let seen = each_node(&answer, now, |node| {
        let clean = |text: &str| CleanText::with_cap(text, 253);
        rows.push(NodeRow {
            name: clean(node.name),
            ready: node.ready(),
            cordoned: node.cordoned(),
            status: clean(&node.status),
            roles: clean(&node.roles),
            kubelet: clean(node.kubelet),
            age: clean(&node.age),
            internal_ip: clean(node.internal_ip),
            os_image: clean(node.os_image),
            kernel: clean(node.kernel),
            runtime: clean(node.runtime),
        });
    })?;
    Ok((rows, seen.cut))
}

struct Seen {
    cut: bool,
}

fn each_node<'a>(
    answer: &'a Answer<'a>,
    now: DateTime<Utc>,
    mut take: impl FnMut(RawNode<'a>),
) -> Result<Seen, Failure> {
    // Some test servers leave the kind out; a kind that is there must be the right one.
    if !matches!(answer.kind.as_str(), "Table" | "NodeList" | "") {
        return Err(lacks(WHAT, "such kind"));
    }
    let more = !answer.metadata.token.as_str().is_empty() || answer.metadata.remaining.unwrap_or(0) > 0;
    let mut count = 0_usize;
    let mut give = |node: RawNode<'a>| {
        count += 1;
        if count <= MOST_NODES {
            take(node);
        }
    };
    if let Some(columns) = &answer.columns {
        let at = Columns::find(columns)?;
        for row in answer.rows.iter().flatten() {
            if let Some(node) = row.cells.as_deref().and_then(|cells| at.node(cells)) {
                give(node);
            }
        }
    } else if let Some(items) = &answer.items {
        for item in items {
            give(plain_node(item, now));
        }
    } else if answer.kind.as_str() != "NodeList" {
        // An empty list may leave `items` out or null; anything else without rows is no list.
        return Err(lacks(WHAT, "rows and no items"));
    }
    Ok(Seen { cut: more || count > MOST_NODES })
}

/// Where each column stands in this table.
struct Columns {
    name: usize,
    status: usize,
    rest: [Option<usize>; 7],
}

impl Columns {
    fn find(columns: &[Column<'_>]) -> Result<Self, Failure> {
        let at = |name: &str| columns.iter().position(|c| c.name.as_str().eq_ignore_ascii_case(name));
        Ok(Self {
            name: at("Name").ok_or_else(|| lacks(WHAT, "column Name"))?,
            status: at("Status").ok_or_else(|| lacks(WHAT, "column Status"))?,
            rest: [
                at("Roles"),
                at("Version"),
                at("Age"),
                at("Internal-IP"),
                at("OS-Image"),
                at("Kernel-Version"),
                at("Container-Runtime"),
            ],
        })
    }

    /// The node of one row; `None` if the row is too short to name one.
    fn node<'a>(&self, cells: &'a [Text<'a>]) -> Option<RawNode<'a>> {
        let cell = |at: Option<usize>| at.and_then(|i| cells.get(i)).map_or("", Text::as_str);
        let [roles, version, age, ip, os, kernel, runtime] = self.rest.map(cell);
        Some(RawNode {
            name: cells.get(self.name)?.as_str(),
            status: Cow::Borrowed(cells.get(self.status)?.as_str()),
            roles: Cow::Borrowed(roles),
            kubelet: version,
            age: Cow::Borrowed(age),
            internal_ip: ip,
            os_image: os,
            kernel,
            runtime,
        })
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// A node object with its columns worked out as the server's own printer does.
fn plain_node<'a>(node: &'a Node<'a>, now: DateTime<Utc>) -> RawNode<'a> {
    let status = node.status.as_ref();
    let conditions = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let ready = conditions.iter().find(|c| c.kind.as_str() == "Ready");
    let mut words = match ready.map(|c| c.status.as_str()) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if node.spec.as_ref().and_then(|s| s.unschedulable) == Some(true) {
        words.push_str(",SchedulingDisabled");
    }
    let labels = node.metadata.labels.as_ref();
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flat_map(Labels::keys)
        .filter_map(|k| k.strip_prefix("node-role.kubernetes.io/"))
        .filter(|r| !r.is_empty())
        .collect();
    roles.sort_unstable();
    let address = status
        .and_then(|s| s.addresses.as_deref())
        .unwrap_or_default()
        .iter()
        .find(|a| a.kind.as_str() == "InternalIP");
    let info = status.and_then(|s| s.info.as_ref());
    let told = |get: fn(&'a Info<'a>) -> &'a str| info.map_or("", get);
    RawNode {
        name: node.metadata.name.as_str(),
        status: Cow::Owned(words),
        roles: Cow::Owned(or_none(&roles.join(",")).to_owned()),
        kubelet: told(|i| i.kubelet.as_str()),
        age: Cow::Owned(age(node.metadata.created.as_str(), now)),
        internal_ip: or_none(address.map_or("", |a| a.address.as_str())),
        os_image: told(|i| i.os_image.as_str()),
        kernel: told(|i| i.kernel.as_str()),
        runtime: told(|i| i.runtime.as_str()),
    }
}

/// How long ago `created` was, in its largest unit; `<unknown>` as the server's own printer says it.
fn age(created: &str, now: DateTime<Utc>) -> String {
    let Ok(created) = DateTime::parse_from_rfc3339(created) else { return "<unknown>".to_owned() };
    let seconds = (now - created.with_timezone(&Utc)).num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        172_800..63_072_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn table(columns: &[&str], rows: &[&[&str]]) -> Vec<u8> {
        let columns: Vec<_> =
            columns.iter().map(|c| serde_json::json!({"name": c, "type": "string"})).collect();
        let rows: Vec<_> = rows.iter().map(|r| serde_json::json!({"cells": r, "object": null})).collect();
        serde_json::to_vec(&serde_json::json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
            "columnDefinitions": columns, "rows": rows,
        }))
        .unwrap()
    }

    const ALL: [&str; 10] = [
        "Name",
        "Status",
        "Roles",
        "Age",
        "Version",
        "Internal-IP",
        "External-IP",
        "OS-Image",
        "Kernel-Version",
        "Container-Runtime",
    ];

    #[test]
    fn a_table_is_counted() {
        let body = table(
            &ALL,
            &[
                &[
                    "cp-1",
                    "Ready",
                    "control-plane",
                    "14d",
                    "v1.35.4",
                    "10.0.0.1",
                    "<none>",
                    "Talos",
                    "6.12",
                    "containerd://2",
                ],
                &["w-1", "Ready,SchedulingDisabled", "<none>", "3d", "v1.34.8"],
                &["w-2", "NotReady", "<none>", "3d", "v1.34.8"],
                &["w-3", "NotReady,SchedulingDisabled", "<none>", "3d", "nonsense"],
                &["w-4", "Unknown", "<none>", "3d", "v1.35.4+rke2r1"],
            ],
        );
        let summary = node_summary(&body, now()).unwrap();
        assert_eq!((summary.total, summary.ready, summary.cordoned), (5, 2, 2));
        assert_eq!(summary.cordoned_not_ready, 1);
        let names: Vec<_> = summary.not_ready.iter().map(CleanText::as_str).collect();
        assert_eq!(names, ["w-2", "w-3", "w-4"]);
        let kubelets: Vec<_> = summary.kubelets.iter().map(|(v, n)| (v.to_string(), *n)).collect();
        assert_eq!(kubelets, [("v1.34.8".to_owned(), 2), ("v1.35.4".to_owned(), 2)]);
        assert!(!summary.truncated);
    }

    #[test]
    fn the_first_nodes_by_name_are_the_sample_whatever_the_order() {
        let names: Vec<String> = (0..40).map(|n| format!("n-{:02}", (n * 7) % 40)).collect();
        let cells: Vec<[&str; 2]> = names.iter().map(|n| [n.as_str(), "Ready"]).collect();
        let rows: Vec<&[&str]> = cells.iter().map(|c| &c[..]).chain([&["n-03", "Ready"][..]]).collect();
        let summary = node_summary(&table(&["Name", "Status"], &rows), now()).unwrap();
        let expect: Vec<CleanText> = (0..16).map(|n| CleanText::new(&format!("n-{n:02}"))).collect();
        assert_eq!((summary.total, summary.names), (41, expect));
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let body = table(&["Version", "Extra", "STATUS", "Name"], &[&["v1.35.4", "?", "Ready", "n1"]]);
        let (rows, cut) = node_rows(&body, now()).unwrap();
        assert!(!cut);
        let row = &rows[0];
        assert_eq!((row.name.as_str(), row.ready, row.kubelet.as_str()), ("n1", true, "v1.35.4"));
        assert!(row.internal_ip.is_empty());
    }

    #[test]
    fn words_that_only_begin_with_ready_are_not_ready() {
        for (status, ready) in [
            ("Ready", true),
            ("Ready,MemoryPressure", true),
            ("MemoryPressure, Ready", true),
            ("ReadyOrNot", false),
            ("NotReady", false),
            ("", false),
            ("ready", false),
        ] {
            let body = table(&["Name", "Status"], &[&["n", status]]);
            assert_eq!(node_summary(&body, now()).unwrap().ready == 1, ready, "{status}");
        }
    }

    #[test]
    fn plain_objects_are_printed_as_the_server_would() {
        let body = serde_json::to_vec(&serde_json::json!({
            "kind": "NodeList", "apiVersion": "v1", "metadata": {"continue": "abc", "remainingItemCount": 4},
            "items": [{
                "metadata": {"name": "n1", "creationTimestamp": "2027-01-12T08:00:00Z",
                    "labels": {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "a": "b"}},
                "spec": {"unschedulable": true, "taints": []},
                "status": {
                    "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"}],
                    "nodeInfo": {"kubeletVersion": "v1.35.4", "osImage": "Talos", "kernelVersion": "6.12", "containerRuntimeVersion": "containerd://2"}}
            }, {"metadata": {"name": "n2"}}, {"metadata": {"name": "n3"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}]
        }))
        .unwrap();
        let (rows, cut) = node_rows(&body, now()).unwrap();
        assert!(cut);
        let row = &rows[0];
        assert_eq!(row.status.as_str(), "Ready,SchedulingDisabled");
        assert_eq!(row.roles.as_str(), "control-plane,worker");
        assert_eq!(row.age.as_str(), "3d");
        assert_eq!((row.internal_ip.as_str(), row.runtime.as_str()), ("10.0.0.1", "containerd://2"));
        assert_eq!(rows[1].status.as_str(), "Unknown");
        assert_eq!(rows[1].age.as_str(), "<unknown>");
        assert_eq!(rows[2].status.as_str(), "NotReady");
    }

    #[test]
    fn an_empty_list_is_no_failure() {
        for body in [
            r#"{"kind":"NodeList","items":null}"#,
            r#"{"kind":"NodeList","items":[]}"#,
            r#"{"kind":"NodeList"}"#,
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name"},{"name":"Status"}],"rows":null}"#,
        ] {
            assert_eq!(node_summary(body.as_bytes(), now()).unwrap().total, 0, "{body}");
        }
    }

    #[test]
    fn what_is_no_list_of_nodes_is_a_failure() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"kind":"Status","code":500}"#,
            r#"{"kind":"PodList","items":[]}"#,
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[]}"#,
            r#"{"kind":"Table","columnDefinitions":[],"rows":[{"cells":["a"]}]}"#,
            r#"{"items":[7]}"#,
            r#"{"items":{"a":1}}"#,
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name"},{"name":"Status"}],"rows":[{"cells":["a","Rea"#,
        ] {
            assert_eq!(node_summary(body.as_bytes(), now()).unwrap_err().code, ErrorCode::Parse, "{body}");
        }
        let deep = format!("{}{}", r#"{"items":"#, "[".repeat(100_000));
        assert_eq!(node_summary(deep.as_bytes(), now()).unwrap_err().code, ErrorCode::Parse);
    }

    #[test]
    fn hostile_cells_are_cleaned_and_short_rows_are_skipped() {
        let body = br#"{"columnDefinitions":[{"name":"Name"},{"name":"Status"},{"name":null},{"name":"Name"}],
            "rows":[{"cells":["a\u001b]0;x\u0007","NotReady",{"x":[1]},7]},{"cells":["short"]},{"cells":null},{}]}"#;
        let summary = node_summary(body, now()).unwrap();
        assert_eq!(summary.total, 1);
        assert_eq!(summary.not_ready[0].as_str(), "a␛]0;x␇");
    }

    #[test]
    fn a_flood_of_nodes_is_cut_and_says_so() {
        let rows: Vec<&[&str]> = (0..MOST_NODES + 5).map(|_| &["n", "NotReady"][..]).collect();
        let body = table(&["Name", "Status"], &rows);
        let summary = node_summary(&body, now()).unwrap();
        assert_eq!((summary.total, summary.truncated), (MOST_NODES, true));
        assert_eq!(summary.not_ready.len(), MOST_NAMED);
    }

    #[test]
    fn ages_are_in_the_largest_unit() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_800, "2d"),
            (63_072_000, "2y"),
        ] {
            let created = now() - chrono::Duration::seconds(seconds);
            assert_eq!(age(&created.to_rfc3339(), now()), text);
        }
    }
}
