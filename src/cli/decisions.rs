//! `decisions`: what operators have decided, as a list and as Cluster objects to be put into the fleet file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::TOOL;
use super::args::{self, Format, Global};
use super::fault::{Exit, Fault};
use super::gather::{self, Until};
use super::output::{Page, Text, yaml};
use super::surroundings::Io;
use super::table::{Cell, Table};
use crate::fleet::spec::{API_VERSION, ClusterSpec};
use crate::fleet::{Cluster, Decision, Decisions, Fleet, SightingId};
use crate::report::{self, DecisionList};

/// `decisions ..`.
pub(super) fn run(global: &Global, command: &args::Decisions, io: &mut Io<'_>) -> Result<Exit, Fault> {
    gather::no_watch(global)?;
    gather::no_columns(global)?;
    let mut plan = gather::prepare(global, &[], io)?;
    let printer = plan.printer(global, ("DecisionList", "items"), io)?;
    if printer.format == Format::Name {
        return Err(Fault::usage("decisions are not clusters")
            .place("--output")
            .hint("Use table, json or yaml."));
    }
    let decisions = gather::decisions(global, io)?;
    let (session, got) = plan.open_until(global, Until::Sources, io)?;
    session.running.stop();
    match command {
        args::Decisions::List => {
            let document = report::decision_list(&decisions, &got.fleet, got.now, TOOL);
            let text = Text::Rows(table(&document));
            printer
                .print(io.stdout, Page { document: &document, items: "items", names: Vec::new(), text })?;
        }
        args::Decisions::Export => {
            if !matches!(printer.format, Format::Table | Format::Yaml) {
                return Err(Fault::usage("decisions are exported as YAML")
                    .place("--output")
                    .hint("Leave it away."));
            }
            io.stdout.write_all(export(&decisions, &got.fleet)?.as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

fn table(document: &DecisionList) -> Table {
    let text = |t: Option<&report::Text>| Cell::from(t.map_or("-", report::Text::as_str));
    let row = |item: &report::DecisionItem| {
        let cluster = item.cluster.as_ref().or(item.identity.as_ref());
        let sightings: Vec<&str> = item.sightings.iter().map(report::Text::as_str).collect();
        let value = item.value.as_ref().map_or("-", report::Text::as_str);
        let what = match (&item.key, sightings.as_slice()) {
            (Some(key), _) => format!("{key}={value}"),
            (None, []) => value.to_owned(),
            (None, some) => some.join(" "),
        };
        vec![
            Cell::Time(Some(item.at.0)),
            item.who.as_str().into(),
            item.about.as_str().into(),
            text(cluster),
            what.into(),
            text(item.reason.as_ref()),
        ]
    };
    let heads = ["WHEN", "WHO", "ABOUT", "CLUSTER", "WHAT", "REASON"];
    Table { heads: heads.map(str::to_owned).to_vec(), rows: document.items.iter().map(row).collect() }
}

/// One object of the fleet file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: serde_json::Value,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
}

/// The decisions in force as Cluster objects. What says nothing that such an object can say (a tombstone that was forgotten)
/// becomes a comment, and so does what is about a cluster that is not in the fleet now.
fn export(decisions: &Decisions, fleet: &Fleet) -> Result<String, Fault> {
    let mut specs: BTreeMap<String, ClusterSpec> = BTreeMap::new();
    let mut left: Vec<String> = Vec::new();
    let by_identity = |identity| fleet.clusters.iter().find(|c| report::is_identity_of(identity, c));
    let by_sighting =
        |id: &SightingId| fleet.clusters.iter().find(|c| c.entry.sources.iter().any(|s| s.id() == *id));
    let mut spec_of = |cluster: &Cluster, change: &mut dyn FnMut(&mut ClusterSpec)| {
        change(specs.entry(cluster.key().to_string()).or_insert_with(|| who(cluster)));
    };
    for recorded in &decisions.0 {
        let skipped = |what: &str| format!("{what}, by {} at {}", recorded.who, report::Stamp(recorded.at));
        match &recorded.decision {
            Decision::Class { cluster, class } => match by_identity(cluster) {
                Some(c) => spec_of(c, &mut |spec| spec.class = class.as_ref().map(ToString::to_string)),
                None => left
                    .push(skipped(&format!("the class of {}, which is not in the fleet", cluster.as_str()))),
            },
            Decision::Label { cluster, key, value } => match by_identity(cluster) {
                Some(c) => spec_of(c, &mut |spec| match value {
                    Some(value) => drop(spec.labels.insert(key.to_string(), value.to_string())),
                    None => drop(spec.labels.remove(key.as_str())),
                }),
                None => {
                    left.push(skipped(&format!(
                        "a label of {}, which is not in the fleet",
                        cluster.as_str()
                    )));
                }
            },
            Decision::Prefer { cluster, path } => match by_identity(cluster) {
                Some(c) => spec_of(c, &mut |spec| spec.access_path = path.as_ref().map(ToString::to_string)),
                None => {
                    left.push(skipped(&format!(
                        "the way to {}, which is not in the fleet",
                        cluster.as_str()
                    )));
                }
            },
            Decision::Merge { first, second } => match by_sighting(first) {
                Some(c) => spec_of(c, &mut |spec| {
                    for id in [first, second] {
                        let text = id.to_string();
                        spec.not_same_as.retain(|t| *t != text);
                        if !spec.same_as.contains(&text) {
                            spec.same_as.push(text);
                        }
                    }
                }),
                None => {
                    left.push(skipped(&format!("{first} and {second} are one, and neither is in the fleet")));
                }
            },
            Decision::Split { sighting } => {
                // Whatever it looked like is kept apart from the cluster that it is now.
                let others = fleet.apart.iter().filter_map(|apart| {
                    (apart.first == *sighting)
                        .then_some(&apart.second)
                        .or((apart.second == *sighting).then_some(&apart.first))
                });
                let others: Vec<String> = others.map(ToString::to_string).collect();
                match by_sighting(sighting) {
                    Some(c) if !others.is_empty() => {
                        spec_of(c, &mut |spec| spec.not_same_as.clone_from(&others));
                    }
                    _ => left.push(skipped(&format!("{sighting} is a cluster of its own"))),
                }
            }
            Decision::Unsplit { sighting } => {
                if let Some(c) = by_sighting(sighting) {
                    spec_of(c, &mut |spec| spec.not_same_as.clear());
                }
            }
            Decision::AcceptChange { cluster, to } => {
                left.push(skipped(&format!("{} may be {to}; its labels say so already", cluster.as_str())));
            }
            Decision::Forget { sighting } => left.push(skipped(&format!("{sighting} is forgotten"))),
        }
    }
    let mut text = String::new();
    for line in left {
        // Writing to a String cannot fail.
        let _ok = writeln!(text, "# not exported: {line}");
    }
    for (name, spec) in specs {
        let mut value = serde_json::to_value(&spec)
            .map_err(|e| Fault::failed("a decision cannot be written").why(e.to_string()))?;
        strip(&mut value);
        let object =
            Object { api_version: API_VERSION, kind: "Cluster", metadata: Metadata { name }, spec: value };
        text.push_str("---\n");
        text.push_str(&yaml(&object)?);
    }
    Ok(text)
}

/// What names the cluster in its object.
fn who(cluster: &Cluster) -> ClusterSpec {
    let uid = cluster.entry.uid.as_ref().or_else(|| cluster.signals.identity.value());
    let contexts = cluster.entry.sources.iter().filter(|s| s.kind == crate::fleet::SourceKind::Kubeconfig);
    ClusterSpec {
        uid: uid.map(ToString::to_string),
        contexts: contexts.map(|s| s.reference.to_string()).collect(),
        ..ClusterSpec::default()
    }
}

/// Leaves out what says nothing.
fn strip(value: &mut serde_json::Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, v| match v {
            serde_json::Value::Null => false,
            serde_json::Value::Array(items) => !items.is_empty(),
            serde_json::Value::Object(items) => !items.is_empty(),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Identity, Recorded};
    use crate::report::fixture;

    #[test]
    fn the_decisions_in_force_become_cluster_objects() {
        let fleet = fixture::declared();
        let text = export(&fixture::decisions(), &fleet).unwrap();
        let (documents, error) = crate::config::yaml::documents(&text);
        assert!(error.is_none(), "{text}");
        assert_eq!(documents.len(), 1, "{text}");
        let value = documents[0].to_json(&mut 10_000).unwrap();
        assert_eq!(value["metadata"]["name"], "stage-eu-2");
        let spec: ClusterSpec = serde_json::from_value(value["spec"].clone()).unwrap();
        assert_eq!(spec.labels["team"], "shop");
        assert_eq!(spec.same_as, ["/home/ana/.kube/config:stage-eu-2", "hub-eu:x"]);
        assert_eq!(spec.access_path, None, "it was taken back");
    }

    #[test]
    fn what_no_object_can_say_is_a_comment() {
        let at = fixture::now();
        let record = |decision| Recorded { decision, at, who: "ana".into(), reason: None };
        let decisions = Decisions(vec![
            record(Decision::Forget {
                sighting: SightingId { source: "mgmt".into(), reference: "x/y".into() },
            }),
            record(Decision::Class { cluster: Identity::from_text("uid:gone"), class: Some("prod".into()) }),
        ]);
        let text = export(&decisions, &fixture::fleet()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().all(|l| l.starts_with("# not exported: ")), "{text}");
        assert!(text.contains("mgmt:x/y is forgotten, by ana at 2026-11-20T09:02:20Z"), "{text}");
    }
}
