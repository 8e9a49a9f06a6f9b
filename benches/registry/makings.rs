//! A large fleet as three sources tell of it, and the fleet file that it is held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fleetglass::access::Target;
use fleetglass::access::kubeconfig::load_text;
use fleetglass::config::fleetfile::{join, parse_fleet};
use fleetglass::fleet::spec::FleetFile;
use fleetglass::fleet::{
    AccessPath, CleanText, Fingerprint, Method, Sighting, SightingId, SourceKind, SourceState, Sync,
};
use fleetglass::registry::{Sighted, SourceReport, Told};

const CLASSES: [&str; 4] = ["prod", "stage", "dev", "edge"];
const REGIONS: [&str; 5] = ["eu-west-1", "us-east-1", "ap-south-1", "eu-central-1", "sa-east-1"];

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn text(text: &str) -> CleanText {
    CleanText::new(text)
}

/// One of a few words, by number.
fn one_of(words: &[&'static str], i: usize) -> &'static str {
    words.get(i % words.len()).copied().unwrap()
}

pub(crate) fn name(i: usize) -> String {
    format!("{}-{}-{i}", one_of(&CLASSES, i), one_of(&REGIONS, i / 7))
}

/// What stands in every kubeconfig of the benches besides the servers.
fn contexts(n: usize, server: impl Fn(usize) -> String) -> String {
    let mut text =
        "apiVersion: v1\nkind: Config\nusers:\n- {name: ana, user: {token: t0ps3cret}}\nclusters:\n"
            .to_owned();
    for i in 0..n {
        writeln!(text, "- {{name: c{i}, cluster: {{server: '{}'}}}}", server(i)).unwrap();
    }
    text.push_str("contexts:\n");
    for i in 0..n {
        writeln!(text, "- {{name: admin@{}, context: {{cluster: c{i}, user: ana}}}}", name(i)).unwrap();
    }
    text
}

fn server(i: usize) -> String {
    format!("https://api-{i}.k8s.example.com:6443")
}

/// A kubeconfig of so many contexts, each of a cluster of its own.
pub(crate) fn kubeconfig(n: usize) -> String {
    contexts(n, server)
}

fn ways(n: usize) -> Vec<Option<Arc<Target>>> {
    let loaded = load_text(kubeconfig(n).into_bytes(), Path::new("/bench"));
    loaded.contexts.into_iter().map(|context| context.target).collect()
}

fn sighting(kind: SourceKind, source: &str, reference: &str, name: &str) -> Sighting {
    let id = SightingId { source: text(source), reference: text(reference) };
    Sighting::new(kind, id, text(name), now())
}

/// What Cluster API says of a cluster.
fn managed(i: usize, version: &str) -> Sighting {
    let name = name(i);
    let mut managed = sighting(SourceKind::ClusterApi, "mgmt", &format!("clusters/{name}"), &name);
    managed.uid = Some(uid(i));
    managed.server = Some(text(&server(i)));
    managed.authorities = vec![authority(i)];
    managed.facts.version = version.parse().ok();
    managed.facts.region = Some(text(one_of(&REGIONS, i / 7)));
    managed.labels = Arc::new(labels(i));
    managed
}

/// What Open Cluster Management says of it.
fn joined(i: usize) -> Sighting {
    let name = name(i);
    let mut joined = sighting(SourceKind::Ocm, "hub-eu", &name, &name);
    joined.uid = Some(uid(i));
    joined.labels = Arc::new(labels(i));
    joined
}

/// What a kubeconfig says of it.
fn context(i: usize) -> Sighting {
    let name = format!("admin@{}", name(i));
    let mut context = sighting(SourceKind::Kubeconfig, "~/.kube/config", &name, &name);
    let server = Some(text(&server(i)));
    context.path =
        Some(AccessPath { server: server.clone(), ..AccessPath::new(text("ana@corp"), Method::Token) });
    context.server = server;
    context.authorities = vec![authority(i)];
    context
}

fn uid(i: usize) -> CleanText {
    text(&format!("00000000-0000-4000-8000-{i:012}"))
}

fn authority(i: usize) -> Fingerprint {
    let mut print = [0; 32];
    print[..8].copy_from_slice(&i.to_le_bytes());
    Fingerprint(print)
}

fn labels(i: usize) -> BTreeMap<CleanText, CleanText> {
    let (class, region) = (one_of(&CLASSES, i), one_of(&REGIONS, i / 7));
    [("env", class), ("region", region), ("team", "pay")].iter().map(|(k, v)| (text(k), text(v))).collect()
}

/// Each cluster in Cluster API, in Open Cluster Management and in a kubeconfig: joined by UID, and by server and authority.
pub(crate) fn sightings(n: usize) -> Vec<Arc<Sighting>> {
    (0..n).flat_map(|i| [managed(i, "v1.35.4"), joined(i), context(i)]).map(Arc::new).collect()
}

fn report(kind: SourceKind, sighted: Vec<Sighted>) -> SourceReport {
    let name = sighted.first().unwrap().sighting.id.source.clone();
    let mut state = SourceState::new(kind, name);
    (state.entries, state.synced_at, state.sync) = (sighted.len(), Some(now()), Sync::Watching);
    SourceReport { state, sighted: sighted.into() }
}

/// The same as [`sightings`], as the registry tells it.
pub(crate) fn told(n: usize) -> Vec<Told> {
    let bare = |s: Sighting| Sighted { sighting: Arc::new(s), target: None, identity_key: [0; 32] };
    let reports = [
        report(SourceKind::ClusterApi, (0..n).map(|i| bare(managed(i, "v1.35.4"))).collect()),
        report(SourceKind::Ocm, (0..n).map(|i| bare(joined(i))).collect()),
        report(
            SourceKind::Kubeconfig,
            ways(n).into_iter().zip(0..).map(|(target, i)| Sighted { target, ..bare(context(i)) }).collect(),
        ),
    ];
    reports.map(Told::Source).into_iter().chain([Told::Local, Told::All]).collect()
}

/// The report of Cluster API in which every hundredth cluster has another version.
pub(crate) fn changed(n: usize, version: &str) -> SourceReport {
    let one = |i: usize| {
        let sighting = managed(i, if i.is_multiple_of(100) { version } else { "v1.35.4" });
        Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] }
    };
    report(SourceKind::ClusterApi, (0..n).map(one).collect())
}

/// A fleet file: `classes` of them with a regular expression each, and `clusters`.
pub(crate) fn fleet_text(classes: usize, clusters: usize) -> String {
    let names: Vec<String> = (0..classes).map(|c| format!("class-{c}")).collect();
    let mut text = format!(
        "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {{name: all}}\nspec:\n  classes: [{}]\n  parameters: {{log: warn}}\n",
        names.join(", ")
    );
    for (c, class) in names.iter().enumerate() {
        write!(
            text,
            "---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {{name: {class}}}
spec:
  match: name~^[a-z]+-[a-z]+-[a-z]+-[0-9]+-[0-9]*{c}$ label.team in (pay,shop)
  owner: team pay
  protection: confirm
  links: {{runbook: 'https://runbooks.example.com/{{name}}'}}
  naming: {{pattern: '(prod|stage|dev|edge)-(?<place>[a-z]+-[a-z]+-[0-9])-[0-9]+'}}
  domain: 'api-{{name}}.k8s.example.com'
  versions: {{floor: '1.34', target: '1.36'}}
  requires:
    labels: [{{key: team, values: [pay, shop]}}, {{key: cost-center}}]
    sources: [cluster-api]
  parameters: {{log: info, place: '{class}'}}
"
        )
        .unwrap();
    }
    for i in 0..clusters {
        let uid = uid(i);
        write!(
            text,
            "---
apiVersion: fleetglass.dev/v1alpha1
kind: Cluster
metadata: {{name: {}, labels: {{rack: r{i}}}}}
spec: {{class: class-{}, uid: {uid}, owner: team shop}}
",
            name(i),
            i % classes
        )
        .unwrap();
    }
    text
}

/// The same, read.
pub(crate) fn fleet_file(classes: usize, clusters: usize) -> Arc<FleetFile> {
    let file = join(None, Some(parse_fleet(Path::new("fleet.yaml"), &fleet_text(classes, clusters), false)));
    assert_eq!(file.problems, []);
    Arc::new(file)
}
