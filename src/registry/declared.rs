//! `Cluster` objects of the fleet file: one source per file, one sighting per object.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::kubeconfig::{Contexts, Names};
use super::{Sighted, SourceReport, normal_text, shown_name};
use crate::fleet::spec::{ClusterSpec, Object};
use crate::fleet::{
    CleanText, Decision, Identity, Origin, Problem, Recorded, Severity, Sighting, SightingId, SourceKind,
    SourceState, Sync,
};

/// The source's name: the file.
fn shown(path: &Path) -> CleanText {
    CleanText::new(&path.to_string_lossy())
}

fn problem(
    severity: Severity,
    at: &Origin,
    name: &str,
    code: &'static str,
    message: &str,
    hint: &str,
) -> Problem {
    Problem {
        severity,
        code,
        origin: Some(at.clone()),
        subject: CleanText::new(&format!("cluster {}", CleanText::with_cap(name, 256))),
        message: CleanText::new(message),
        hint: (!hint.is_empty()).then(|| CleanText::new(hint)),
    }
}

/// What the fleet files declare, one report for each file, in the order of the files.
pub(super) fn declared(
    clusters: &[Object<ClusterSpec>],
    contexts: &Contexts,
    now: DateTime<Utc>,
) -> Vec<SourceReport> {
    let mut files: Vec<(PathBuf, Vec<&Object<ClusterSpec>>)> = Vec::new();
    for cluster in clusters {
        match files.iter_mut().find(|(path, _)| *path == cluster.origin.path) {
            Some((_, list)) => list.push(cluster),
            None => files.push((cluster.origin.path.clone(), vec![cluster])),
        }
    }
    let mut names = Names::default();
    files
        .into_iter()
        .map(|(path, list)| {
            let name = names.unique(&shown(&path));
            let mut references = Names::default();
            let sighted: Arc<[Sighted]> = list
                .into_iter()
                .map(|object| {
                    let reference = references.unique(&shown_name(&object.name));
                    sighted(object, SightingId { source: name.clone(), reference }, contexts, now)
                })
                .collect();
            let state = SourceState {
                entries: sighted.len(),
                synced_at: Some(now),
                sync: Sync::Watching,
                how: CleanText::new("fleet file"),
                ..SourceState::new(SourceKind::Static, name)
            };
            SourceReport { state, sighted }
        })
        .collect()
}

fn sighted(object: &Object<ClusterSpec>, id: SightingId, contexts: &Contexts, now: DateTime<Utc>) -> Sighted {
    let spec = &object.spec;
    let mut sighting = Sighting::new(SourceKind::Static, id, shown_name(&object.name), now);
    sighting.origin = Some(object.origin.clone());
    sighting.uid = spec.uid.as_deref().map(str::trim).filter(|u| !u.is_empty()).map(CleanText::new);
    let labels: BTreeMap<_, _> = object
        .labels
        .iter()
        .chain(&spec.labels)
        .map(|(k, v)| (CleanText::new(k), CleanText::new(v)))
        .collect();
    sighting.labels = Arc::new(labels);
    if let Some(server) = &spec.server {
        match normal_text(server) {
            Ok(server) => {
                // A path in front of the API is that of somebody who stands before many clusters.
                sighting.fronted = server.as_str().matches('/').count() > 2;
                sighting.server = Some(server);
            }
            Err(error) => {
                let at = object.place("spec.server");
                let hint = "It should look like https://host:6443.";
                let message = format!("server: {error}");
                sighting.problems.push(problem(
                    Severity::Warning,
                    at,
                    &object.name,
                    "BAD_SERVER",
                    &message,
                    hint,
                ));
            }
        }
    }
    for (index, name) in spec.contexts.iter().enumerate() {
        match contexts.find(name) {
            None => {
                let at = object.place(&format!("spec.contexts[{index}]"));
                let message = "no kubeconfig has a context of that name";
                let hint = "Check the name, or remove it.";
                sighting.problems.push(problem(
                    Severity::Warning,
                    at,
                    &object.name,
                    "NO_SUCH_CONTEXT",
                    message,
                    hint,
                ));
            }
            // The object means the cluster that its contexts lead to, unless it says where that is.
            Some(context) => {
                if sighting.server.is_none() {
                    sighting.server.clone_from(&context.server);
                    sighting.fronted = context.fronted;
                }
                if sighting.server == context.server && sighting.authorities.is_empty() {
                    sighting.authorities.clone_from(&context.authorities);
                }
            }
        }
    }
    Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] }
}

/// What `Cluster` objects decide: which sightings are the same cluster, which are not, and which way there is preferred. Other
/// sightings are meant by `source:reference` only; [`decisions_among`] also knows contexts by their names.
///
/// The decisions are as old as the world, so that what an operator decides counts over them.
pub fn decisions_of(clusters: &[Object<ClusterSpec>]) -> Vec<Recorded> {
    decide(clusters, &own_id, &sighting_id)
}

/// The same, where the sightings are known: a name without a source is that of a kubeconfig context.
pub fn decisions_among(clusters: &[Object<ClusterSpec>], sightings: &[Arc<Sighting>]) -> Vec<Recorded> {
    let mut by_name: HashMap<String, &SightingId> = HashMap::with_capacity(sightings.len() * 2);
    let mut own: HashMap<&Origin, &SightingId> = HashMap::new();
    for sighting in sightings {
        by_name.entry(sighting.id.to_string()).or_insert(&sighting.id);
        match (sighting.kind, &sighting.origin) {
            (SourceKind::Kubeconfig, _) => {
                by_name.entry(sighting.id.reference.as_str().to_owned()).or_insert(&sighting.id);
            }
            (SourceKind::Static, Some(origin)) => {
                own.insert(origin, &sighting.id);
            }
            _ => {}
        }
    }
    let own = |object: &Object<ClusterSpec>| {
        own.get(&object.origin).map_or_else(|| own_id(object), |id| (*id).clone())
    };
    decide(clusters, &own, &|text| by_name.get(text).map(|id| (*id).clone()).or_else(|| sighting_id(text)))
}

/// What an object is called as a sighting, if no other of the file has its name.
fn own_id(object: &Object<ClusterSpec>) -> SightingId {
    SightingId { source: shown(&object.origin.path), reference: shown_name(&object.name) }
}

fn decide(
    clusters: &[Object<ClusterSpec>],
    own: &dyn Fn(&Object<ClusterSpec>) -> SightingId,
    find: &dyn Fn(&str) -> Option<SightingId>,
) -> Vec<Recorded> {
    let mut found = Vec::new();
    for object in clusters {
        let (own, spec) = (own(object), &object.spec);
        let mut record = |decision, path: &str| {
            let at = object.place(path);
            let line = at.line.map(|line| format!(":{line}")).unwrap_or_default();
            let who = CleanText::new(&format!("{}{line}", shown(&at.path)));
            found.push(Recorded { decision, at: DateTime::UNIX_EPOCH, who, reason: None });
        };
        for (field, names) in [("contexts", &spec.contexts), ("sameAs", &spec.same_as)] {
            for (index, second) in names.iter().enumerate().filter_map(|(i, n)| Some((i, find(n)?))) {
                let decision = Decision::Merge { first: own.clone(), second };
                record(decision, &format!("spec.{field}[{index}]"));
            }
        }
        for (index, sighting) in spec.not_same_as.iter().enumerate().filter_map(|(i, n)| Some((i, find(n)?)))
        {
            record(Decision::Split { sighting }, &format!("spec.notSameAs[{index}]"));
        }
        if let Some(path) = spec.access_path.as_deref().and_then(find) {
            let cluster = match &spec.uid {
                Some(uid) => Identity::of_uid(&CleanText::new(uid.trim())),
                None => Identity::of_sighting(&own),
            };
            record(Decision::Prefer { cluster, path: Some(path) }, "spec.accessPath");
        }
    }
    found
}

/// Reads `source:reference`. The first colon counts: references hold some, names of sources hardly ever.
fn sighting_id(text: &str) -> Option<SightingId> {
    let (source, reference) = text.split_once(':')?;
    let filled = !source.is_empty() && !reference.is_empty();
    filled.then(|| SightingId { source: CleanText::new(source), reference: CleanText::new(reference) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests_all::object;

    fn cluster(name: &str, line: u32, spec: ClusterSpec) -> Object<ClusterSpec> {
        let mut object = object(name, spec);
        object.origin.line = Some(line);
        object
    }

    #[test]
    fn objects_are_sightings_at_their_places() {
        let labels = [("env".to_owned(), "prod".to_owned())].into();
        let mut first = cluster(
            "eu",
            3,
            ClusterSpec { server: Some("EU.test:6443".to_owned()), labels, ..ClusterSpec::default() },
        );
        first.labels.insert("env".to_owned(), "meta".to_owned());
        let second = cluster(
            "us",
            9,
            ClusterSpec {
                server: Some("x y".to_owned()),
                contexts: vec!["no".to_owned()],
                ..ClusterSpec::default()
            },
        );
        let mut third = cluster("eu", 1, ClusterSpec::default());
        third.origin.path = "/etc/fleetglass/fleet.yaml".into();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let reports = declared(&[first, second, third], &Contexts::default(), now);
        let names: Vec<_> = reports.iter().map(|r| (r.state.name.as_str(), r.state.entries)).collect();
        assert_eq!(names, [("/f/fleet.yaml", 2), ("/etc/fleetglass/fleet.yaml", 1)]);
        let eu = &reports[0].sighted[0].sighting;
        assert_eq!(eu.server.as_ref().unwrap().as_str(), "https://eu.test:6443");
        assert_eq!(eu.labels.get(&CleanText::new("env")).unwrap().as_str(), "prod");
        assert_eq!(eu.origin.as_ref().unwrap().line, Some(3));
        let codes: Vec<_> = reports[0].sighted[1].sighting.problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, ["BAD_SERVER", "NO_SUCH_CONTEXT"]);
    }

    #[test]
    fn same_as_not_same_as_and_access_path_are_decisions_with_their_line() {
        let mut object = cluster(
            "eu",
            3,
            ClusterSpec {
                uid: Some("u-1".to_owned()),
                contexts: vec!["ctx".to_owned()],
                same_as: vec!["hub:clusters/eu".to_owned(), "nonsense".to_owned()],
                not_same_as: vec!["~/.kube/config:arn:aws:eks:eu".to_owned()],
                access_path: Some("ctx".to_owned()),
                ..ClusterSpec::default()
            },
        );
        let at = Origin { line: Some(7), ..object.origin.clone() };
        object.places.insert("spec.sameAs[0]".to_owned(), at);
        let id =
            |source: &str, reference: &str| SightingId { source: source.into(), reference: reference.into() };
        let own = id("/f/fleet.yaml", "eu");
        let clusters = [object];
        let words = |recorded: &[Recorded]| {
            recorded.iter().map(|r| (r.decision.clone(), r.who.as_str().to_owned())).collect::<Vec<_>>()
        };
        let merge = |second| Decision::Merge { first: own.clone(), second };
        let told = words(&decisions_of(&clusters));
        assert_eq!(
            told,
            [
                (merge(id("hub", "clusters/eu")), "/f/fleet.yaml:7".to_owned()),
                (
                    Decision::Split { sighting: id("~/.kube/config", "arn:aws:eks:eu") },
                    "/f/fleet.yaml:3".to_owned()
                ),
            ]
        );
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let context = id("~/.kube/config", "ctx");
        let known = Arc::new(Sighting::new(SourceKind::Kubeconfig, context.clone(), "ctx".into(), now));
        let told = words(&decisions_among(&clusters, &[known]));
        assert_eq!(told.len(), 4);
        assert_eq!(told[0].0, merge(context.clone()));
        let prefer = Decision::Prefer { cluster: Identity::of_uid(&"u-1".into()), path: Some(context) };
        assert_eq!(told[3].0, prefer);
    }
}
