//! The demo's registry: kubeconfig, ClusterProfiles, Cluster API and Rancher at once, its planted breaches, and what may not happen to a
//! class unasked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::config::fleetfile::parse_fleet;
use fleetglass::engine;
use fleetglass::fleet::spec::FleetFile;
use fleetglass::fleet::{Cluster, Fleet};
use fleetglass::sim::{self, Blueprint, Registry, Sim};
use fleetglass::store::{self, Store};
use serde_json::{Value, json};

use crate::controlplane::https::{Client, Login};
use crate::engine::{Stand, fleet_where, settings};

/// The program, in a home of its own.
fn program(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetglass"));
    command.args(args).env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

fn ran(home: &Path, args: &[&str]) -> Output {
    program(home, args).output().unwrap()
}

fn document(output: &Output) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&output.stdout), text(&output.stderr)))
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no {at} in {value}"))
}

/// `demo --serve fleet` as a process, until dropped.
struct Demo {
    child: Child,
    home: tempfile::TempDir,
}

impl Demo {
    fn serve(seed: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = program(home.path(), &["demo", "--serve", "fleet", "--seed", &seed.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let files = ["kubeconfig", "fleet.yaml"].map(|name| home.path().join("fleet").join(name));
        let [kubeconfig, fleet] = files.each_ref().map(|path| path.display());
        assert_eq!(line.trim(), format!("ready: 40 clusters, kubeconfig {kubeconfig}, fleet file {fleet}"));
        Self { child, home }
    }

    fn ran(&self, args: &[&str]) -> Output {
        let files = ["--kubeconfig", "fleet/kubeconfig", "--fleet", "fleet/fleet.yaml", "--no-memory"];
        ran(self.home.path(), &[args, &files].concat())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn with_hubs(blueprint: Blueprint) -> Sim {
    sim::start(Blueprint { hubs: true, live: false, ..blueprint }, Clock::system()).await.unwrap()
}

fn check_finds_what_is_planted(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let planted = runtime.block_on(async {
        let sim = with_hubs(Blueprint { seed, ..Blueprint::default() }).await;
        let planted = sim.breaches();
        sim.stop().await;
        planted
    });
    assert!(planted.len() >= 10, "{planted:?}");
    let demo = Demo::serve(seed);
    let output = demo.ran(&["check", "-o", "json", "--timeout", "2m"]);
    let report = document(&output);
    let serious = report["items"].as_array().unwrap().iter().filter(|item| item["weight"] != "note");
    let found: BTreeSet<(&str, String)> = serious
        .map(|item| (text(item, "/code"), item["cluster"].as_str().unwrap_or_default().to_owned()))
        .collect();
    let missed: Vec<_> = planted.difference(&found).collect();
    let made_up: Vec<_> = found.difference(&planted).collect();
    assert!(missed.is_empty() && made_up.is_empty(), "seed {seed}: missed {missed:?}, made up {made_up:?}");
    assert_eq!(output.status.code(), Some(1), "there are breaches");
}

#[test]
fn what_is_remembered_of_sources_holds_no_credential() {
    let demo = Demo::serve(7);
    let home = demo.home.path();
    let files = ["--kubeconfig", "fleet/kubeconfig", "--fleet", "fleet/fleet.yaml"];
    let output = ran(home, &[&["status", "--json", "--timeout", "2m"], files.as_slice()].concat());
    assert!(document(&output)["items"].as_array().unwrap().len() > 40);
    let folder = home.join(".local/state/fleetglass");
    let mut kept = output.stdout.clone();
    for file in std::fs::read_dir(&folder).unwrap() {
        kept.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |secret: &str| kept.windows(secret.len()).any(|part| part == secret.as_bytes());
    assert!(holds("acme-hub"), "what the hubs say is remembered");
    let kubeconfig = std::fs::read_to_string(home.join("fleet/kubeconfig")).unwrap();
    let secrets: BTreeSet<&str> = kubeconfig
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(key, _)| matches!(*key, "token" | "client-key-data" | "password"))
        .map(|(_, value)| value.trim_matches(['"', '\'']))
        .collect();
    assert!(secrets.len() > 3, "{}", secrets.len());
    // A key, a certificate or a whole kubeconfig would begin like this, as it is or in base64.
    for secret in secrets.into_iter().chain(["-----BEGIN", "LS0tLS1CRUdJTi", "PRIVATE KEY"]) {
        assert!(!holds(secret), "a secret that begins with {secret:.6} is kept or printed");
    }
}

#[test]
fn check_finds_the_planted_breaches_no_more_and_no_fewer() {
    check_finds_what_is_planted(7);
}

#[test]
fn check_finds_the_planted_breaches_of_another_fleet() {
    check_finds_what_is_planted(8);
}

#[test]
fn check_finds_the_planted_breaches_of_a_third_fleet() {
    check_finds_what_is_planted(2026);
}

#[test]
fn the_demo_has_forty_clusters_and_their_hubs_from_kubeconfigs_cluster_profiles_and_cluster_api() {
    let demo = Demo::serve(7);
    let list = document(&demo.ran(&["clusters", "list", "-o", "json", "--timeout", "1m"]));
    let names: BTreeSet<&str> =
        list["items"].as_array().unwrap().iter().map(|item| text(item, "/name")).collect();
    let besides = ["hub-eu", "mgmt", "rancher", "edge-depot-0000", "stage-eu-0"];
    assert!(besides.iter().all(|name| names.contains(name)), "{names:?}");
    assert_eq!(names.len(), 40 + besides.len());
    let valid = demo.ran(&["config", "validate", "fleet/fleet.yaml"]);
    assert!(valid.status.success() && valid.stderr.is_empty(), "{valid:?}");
    let sources = document(&demo.ran(&["sources", "list", "-o", "json"]));
    for source in sources["items"].as_array().unwrap() {
        assert_eq!((text(source, "/sync"), &source["errors"]), ("watching", &json!(0)), "{source}");
    }
}

/// A fleet with hubs under an engine in this process.
async fn stand(blueprint: Blueprint) -> Stand {
    let sim = with_hubs(blueprint).await;
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = sim.write(dir.path()).unwrap();
    Stand { sim, dir, kubeconfig }
}

fn memory_of(stand: &Stand) -> PathBuf {
    stand.dir.path().join("state/fleetglass/fleet.db")
}

/// The engine on a kubeconfig and a fleet file.
fn on(stand: &Stand, file: FleetFile) -> engine::Settings {
    assert_eq!(file.problems, []);
    let mut settings = settings(stand.kubeconfig.clone());
    settings.plan.sources = file.sources();
    settings.plan.clusters.clone_from(&file.clusters);
    settings.memory = Some(memory_of(stand));
    engine::Settings { fleet_file: std::sync::Arc::new(file), ..settings }
}

fn named<'a>(fleet: &'a Fleet, name: &str) -> Option<&'a Cluster> {
    fleet.clusters.iter().find(|c| c.entry.name.as_str() == name).map(|c| &**c)
}

/// Answers off this thread, on which the simulation runs.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn a_label_flipped_in_a_hub_moves_no_typed_class_until_somebody_accepts_it() {
    let stand = stand(Blueprint { clusters: 16, troubled: false, ..Blueprint::default() }).await;
    let is_prod = |name: &String| stand.sim.cluster(name).is_some_and(|c| c.truth.class == Some("prod"));
    let profile = stand
        .sim
        .enrolments()
        .iter()
        .find(|one| one.registry == Registry::ClusterProfile && one.member.as_ref().is_some_and(is_prod))
        .cloned()
        .expect("a prod cluster with a ClusterProfile");
    let name = profile.member.clone().unwrap();
    let rules = stand.dir.path().join("rules.yaml");
    std::fs::write(
        &rules,
        "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec:\n  classes: [prod, dev]\n  sources:\n    \
         - {name: hub-eu, kind: cluster-profile, context: hub-eu}\n---\n\
         apiVersion: fleetglass.dev/v1alpha1\nkind: Class\nmetadata: {name: prod}\nspec: {match: label.env=prod, protection: typed}\n---\n\
         apiVersion: fleetglass.dev/v1alpha1\nkind: Class\nmetadata: {name: dev}\nspec: {match: label.env=dev, protection: none}\n",
    )
    .unwrap();
    let file = parse_fleet(&rules, &std::fs::read_to_string(&rules).unwrap(), false);
    let running = engine::start(on(&stand, file), Clock::system()).unwrap();
    let class = |fleet: &Fleet| named(fleet, &name).map(|c| c.class.name.to_string());
    fleet_where(&running, "prod by its label", |f| class(f).as_deref() == Some("prod")).await;

    let hub = stand.sim.hubs().iter().find(|hub| hub.name == "hub-eu").unwrap().clone();
    let (token, namespace, object) = (stand.sim.token(), profile.namespace.clone(), profile.name.clone());
    aside(move || {
        let client = Client::new(hub.port, &hub.authority, Login::Token(&token)).unwrap();
        let path =
            format!("/apis/multicluster.x-k8s.io/v1alpha1/namespaces/{namespace}/clusterprofiles/{object}");
        let flip = json!({"metadata": {"labels": {"env": "dev"}}});
        let accept = "application/json";
        client.connect().unwrap().send("PATCH", &path, accept, Some(&flip)).unwrap().ok().unwrap();
    })
    .await;
    let waits = |f: &Fleet| {
        named(f, &name).is_some_and(|c| {
            c.class.name.as_str() == "prod"
                && c.class.pending.as_ref().is_some_and(|to| to.to.as_str() == "dev")
                && c.findings.iter().any(|found| found.code == "CLASS_WAITS")
        })
    };
    fleet_where(&running, "it stays prod, and the change waits", waits).await;

    // What it was before is written down soon, so that no later session takes it for a new cluster.
    let identities = named(&running.handle.fleet.borrow(), &name).unwrap().entry.identities();
    let memory = Store::open(store::Settings::at(Some(memory_of(&stand))), Clock::system());
    let written = async {
        while !memory.recall().await.unwrap().inputs.keys().any(|known| identities.contains(known)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), written).await.unwrap();

    // Another console on the same memory accepts it, and this one follows.
    let command = {
        let (home, cluster) = (stand.dir.path().to_path_buf(), name.clone());
        move || {
            let files = ["--kubeconfig", "kubeconfig", "--fleet", "rules.yaml"];
            let accept = ["clusters", "class", &cluster, "--accept", "--yes", "--reason", "moved to dev"];
            program(&home, &[&accept[..], &files].concat())
                .env("XDG_STATE_HOME", home.join("state"))
                .output()
                .unwrap()
        }
    };
    let accepted = aside(command).await;
    assert!(accepted.status.success(), "{accepted:?}");
    let moved = |f: &Fleet| {
        named(f, &name).is_some_and(|c| c.class.name.as_str() == "dev" && c.class.pending.is_none())
    };
    fleet_where(&running, "it is dev", moved).await;
    aside(move || running.stop()).await;
    stand.sim.stop().await;
}

#[tokio::test]
async fn a_cluster_behind_rancher_is_reached_through_it_and_every_request_keeps_the_front_s_path() {
    let stand = stand(Blueprint { troubled: false, ..Blueprint::default() }).await;
    let text = "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec:\n  sources:\n    \
                - {name: rancher, kind: rancher, context: rancher}\n";
    let file = parse_fleet(Path::new("rules.yaml"), text, false);
    let listed: BTreeSet<String> = stand.sim.listed().map(|c| c.name.clone()).collect();
    let behind = stand.sim.enrolments().iter().find(|one| {
        one.registry == Registry::Rancher && one.member.as_ref().is_some_and(|name| !listed.contains(name))
    });
    let name = behind.and_then(|one| one.member.clone()).expect("a cluster that only Rancher knows");
    let truth = stand.sim.cluster(&name).unwrap().clone();
    let running = engine::start(on(&stand, file), Clock::system()).unwrap();
    let is_live = |f: &Fleet| {
        named(f, &name).is_some_and(|c| {
            c.is_live() && c.signals.nodes.value().is_some_and(|n| n.total == truth.truth.nodes.len())
        })
    };
    let fleet = fleet_where(&running, "live through Rancher", is_live).await;
    let row = named(&fleet, &name).unwrap();
    assert_eq!(row.signals.version.value().map(|v| v.text.to_string()), Some(truth.truth.version.clone()));
    assert_eq!(row.signals.identity.value().map(ToString::to_string), Some(truth.truth.uid.clone()));
    let rancher = stand.sim.hubs().iter().find(|hub| hub.name == "rancher").unwrap();
    let server = row.entry.paths[0].server.as_ref().unwrap().to_string();
    let prefix = server.strip_prefix(&rancher.url).unwrap_or_else(|| panic!("{server}")).to_owned();
    assert!(prefix.starts_with("/k8s/clusters/c-m-"), "{server}");
    // The front's own log has them with the prefix, and the cluster's own port was never asked.
    let audit = stand.sim.audit();
    for path in ["/version", "/readyz", "/api/v1/nodes", "/api/v1/namespaces/kube-system"] {
        let whole = format!("{prefix}{path}");
        assert!(
            audit.iter().any(|line| line.path.starts_with(&whole) && line.code == 200),
            "{whole} among {:?}",
            audit.iter().filter(|line| line.path.contains("c-m-")).map(|line| &line.path).collect::<Vec<_>>()
        );
    }
    let unfit: Vec<_> = audit
        .iter()
        .filter(|line| line.cluster == name && !line.path.starts_with(&prefix))
        .map(|line| &line.path)
        .collect();
    assert!(unfit.is_empty(), "{unfit:?}");
    aside(move || running.stop()).await;
    stand.sim.stop().await;
}

/// A kubeconfig with these contexts of another one, each under another name.
fn part(whole: &Value, names: &[&str], rename: impl Fn(&str) -> String) -> String {
    let mut part = whole.clone();
    let chosen = |entry: &Value| names.contains(&entry["name"].as_str().unwrap());
    part["clusters"].as_array_mut().unwrap().retain(chosen);
    let contexts = part["contexts"].as_array_mut().unwrap();
    contexts.retain(chosen);
    for context in contexts {
        let name = rename(context["name"].as_str().unwrap());
        context["name"] = json!(name);
    }
    part["current-context"] = json!("");
    part.to_string()
}

#[test]
fn two_hubs_three_kubeconfigs_and_an_inventory_with_25_overlaps_are_40_clusters_and_each_merge_is_explained()
{
    // 38 members and the two hubs, which are clusters too.
    let blueprint =
        Blueprint { clusters: 38, troubled: false, live: false, hubs: true, ..Blueprint::default() };
    let served = crate::support::Served::start(blueprint);
    let (names, enrolments, kubeconfig) = served.sim(|sim| {
        let names: Vec<String> = sim.clusters().iter().map(|c| c.name.clone()).collect();
        let all = sim.clusters().iter().chain(sim.hubs());
        let entry = |c: &sim::SimCluster| {
            json!({"name": c.name, "cluster": {"server": c.url,
                "certificate-authority-data": base64(c.authority.as_bytes())}})
        };
        let context = |c: &sim::SimCluster| json!({"name": c.name, "context": {"cluster": c.name, "user": "platform"}});
        let whole = json!({"apiVersion": "v1", "kind": "Config", "clusters": all.clone().map(entry).collect::<Vec<_>>(),
            "contexts": all.map(context).collect::<Vec<_>>(),
            "users": [{"name": "platform", "user": {"token": sim.token()}}]});
        (names, sim.enrolments().to_vec(), whole)
    });
    let in_hubs: Vec<&str> = enrolments
        .iter()
        .filter(|one| matches!(one.registry, Registry::ClusterProfile | Registry::ClusterApi))
        .filter_map(|one| one.member.as_deref())
        .collect();
    let distinct: BTreeSet<&str> = in_hubs.iter().copied().collect();
    let unknown: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !distinct.contains(name)).collect();
    // The first file has the hubs and every member that they do not tell of. What the others have is known already.
    let first: Vec<&str> = unknown.iter().copied().chain(["hub-eu", "mgmt"]).collect();
    let overlaps = 25 - (in_hubs.len() - distinct.len());
    let inventory: Vec<&str> = unknown.iter().copied().take(5).collect();
    let mut others = names.iter().map(String::as_str);
    let second: Vec<&str> = others.by_ref().take(6).collect();
    let third: Vec<&str> = others.take(overlaps - inventory.len() - second.len()).collect();
    assert_eq!(inventory.len() + second.len() + third.len(), overlaps);
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    write("one", &part(&kubeconfig, &first, str::to_owned));
    write("two", &part(&kubeconfig, &second, |name| format!("ana@{name}")));
    write("three", &part(&kubeconfig, &third, |name| format!("admin-{name}")));
    let mut hosts = String::from("[clusters]\n");
    for name in &inventory {
        writeln!(hosts, "{name} kube_context={name}").unwrap();
    }
    write("hosts.ini", &hosts);
    write(
        "fleet.yaml",
        "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec:\n  sources:\n    \
         - {name: hub-eu, kind: cluster-profile, context: hub-eu}\n    \
         - {name: mgmt, kind: cluster-api, context: mgmt, selector: region}\n    \
         - {name: racks, kind: ansible, path: hosts.ini, ansible: {mode: host}}\n",
    );
    let files = [
        "--kubeconfig",
        "one",
        "--kubeconfig",
        "two",
        "--kubeconfig",
        "three",
        "--fleet",
        "fleet.yaml",
        "--no-memory",
    ];
    let json = |args: &[&str]| {
        document(&ran(home.path(), &[args, &files, &["-o", "json", "--timeout", "1m"]].concat()))
    };
    let list = json(&["clusters", "list"]);
    let rows: BTreeSet<&str> =
        list["items"].as_array().unwrap().iter().map(|item| text(item, "/name")).collect();
    assert_eq!(rows.len(), 40, "{rows:?}");
    let sources = json(&["sources", "list"]);
    assert_eq!(sources["items"].as_array().unwrap().len(), 6, "{sources}");
    let review = json(&["clusters", "merges"]);
    let count = |key: &str| usize::try_from(review[key].as_u64().unwrap()).unwrap();
    assert_eq!((count("clusters"), count("sightings") - count("clusters")), (40, 25));
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    for cluster in review["united"].as_array().unwrap() {
        let sources = cluster["sources"].as_array().unwrap().len();
        let merges = cluster["merges"].as_array().unwrap();
        // As many reasons as there are entries besides the first, or more.
        assert!(merges.len() + 1 >= sources, "{cluster}");
        for merge in merges {
            assert!(!text(merge, "/value").is_empty(), "{merge}");
            *by.entry(text(merge, "/by")).or_default() += 1;
        }
    }
    assert!(by.len() >= 2, "{by:?}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
