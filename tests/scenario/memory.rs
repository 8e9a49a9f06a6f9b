//! One cluster over several paths, sources that fail, and what outlives a session.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fleetglass::clock::Clock;
use fleetglass::config::fleetfile::parse_fleet;
use fleetglass::engine::api::{Deciding, Refused};
use fleetglass::engine::{self, Running, Settings, api};
use fleetglass::fleet::{
    CleanText, Cluster, Decision, Fleet, Identity, MergeBy, Recorded, SightingId, State, Sync,
};
use fleetglass::observe::Pace;
use fleetglass::store::{self, Store, Verified};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::{Stand, decided, fleet_where, settings, stand};

fn state(stand: &Stand) -> PathBuf {
    stand.dir.path().join("state/fleet.db")
}

fn quick(stand: &Stand) -> Settings {
    let fast = Duration::from_millis(200);
    let pace = Pace { fast, back_off: fast, ..Pace::default() };
    Settings { pace, memory: Some(state(stand)), who: "ana".into(), ..stand.settings() }
}

async fn decide(running: &Running, decisions: Vec<Decision>) -> Result<(), Refused> {
    let (reply, answer) = oneshot::channel();
    let deciding = Deciding { decisions, reason: Some("because".into()), who: CleanText::default(), reply };
    running.handle.decisions.send(deciding).await.unwrap();
    tokio::time::timeout(Duration::from_mins(1), answer).await.unwrap().unwrap()
}

fn label(row: &Cluster, value: &str) -> Decision {
    let cluster = row.entry.identities().first().unwrap().clone();
    Decision::Label { cluster, key: "team".into(), value: Some(value.into()) }
}

fn team(row: &Cluster) -> Option<&str> {
    row.entry.labels.get(&CleanText::new("team")).map(CleanText::as_str)
}

fn named<'a>(fleet: &'a Fleet, name: &str) -> Option<&'a Arc<Cluster>> {
    fleet.clusters.iter().find(|c| c.entry.name.as_str() == name)
}

async fn stopped(running: Running) {
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
}

/// Passes connections on to a port, until it is dropped.
struct Tunnel {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut passing = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                passing.spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The kubeconfig with a second context `name` to the first cluster, over another server, that comes before all others.
fn with_second_path(stand: &Stand, name: &str, server: &str) -> PathBuf {
    let mut config: Value = serde_saphyr::from_str(&stand.sim.kubeconfig()).unwrap();
    let mut cluster = config["clusters"][0].clone();
    let mut context = config["contexts"][0].clone();
    cluster["name"] = json!(name);
    cluster["cluster"]["server"] = json!(server);
    (context["name"], context["context"]["cluster"]) = (json!(name), json!(name));
    config["clusters"].as_array_mut().unwrap().insert(0, cluster);
    config["contexts"].as_array_mut().unwrap().insert(0, context);
    let path = stand.dir.path().join("two-paths");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[tokio::test]
async fn two_contexts_are_one_row_once_their_uid_is_seen_and_one_path_stands_in_for_the_other() {
    let stand = stand(3, false).await;
    let first = stand.sim.clusters()[0].clone();
    let tunnel = Tunnel::to(first.port).await;
    // Another name of the same machine: neither the server nor its port tells that they are one.
    let kubeconfig =
        with_second_path(&stand, "tunnel", &format!("https://localhost:{}", tunnel.address.port()));
    let settings = Settings { plan: settings(kubeconfig).plan, ..quick(&stand) };
    let running = engine::start(settings.clone(), Clock::system()).unwrap();
    let one_row = |f: &Fleet| f.loaded && f.clusters.len() == 3 && f.clusters.iter().all(|c| c.is_live());
    fleet_where(&running, "both seen, one row", one_row).await;
    let merged = |f: &Fleet| f.clusters.iter().find(|c| c.entry.sources.len() == 2).cloned();
    let row = merged(&running.handle.fleet.borrow()).unwrap();
    assert_eq!(row.entry.merges.iter().map(|m| m.by).collect::<Vec<_>>(), [MergeBy::Uid]);
    assert_eq!(row.entry.uid.as_ref().unwrap().as_str(), first.truth.uid);
    let over = |f: &Fleet| merged(f)?.path_in_use.as_ref().map(|p| p.reference.to_string());
    assert_eq!(over(&running.handle.fleet.borrow()).as_deref(), Some("tunnel"));

    drop(tunnel);
    let moved =
        |f: &Fleet| over(f).as_deref() == Some(first.name.as_str()) && merged(f).is_some_and(|c| c.is_live());
    fleet_where(&running, "the other path answers", moved).await;
    stopped(running).await;

    // The next session knows from the start that they are one, although the first path leads nowhere.
    let again = engine::start(settings, Clock::system()).unwrap();
    let fleet = fleet_where(&again, "loaded", |f| f.loaded).await;
    assert_eq!(fleet.clusters.len(), 3);
    fleet_where(&again, "the other path answers again", moved).await;
    stopped(again).await;
}

#[tokio::test]
async fn a_source_that_can_no_longer_be_read_keeps_its_rows() {
    let stand = stand(3, false).await;
    let running = engine::start(quick(&stand), Clock::system()).unwrap();
    decided(&running).await;
    std::fs::write(&stand.kubeconfig, "[").unwrap();
    running.handle.commands.send(api::Command::Sync(None)).await.unwrap();
    let failing = |f: &Fleet| f.sources.iter().any(|s| s.sync == Sync::Failing && !s.problems.is_empty());
    let fleet = fleet_where(&running, "the source fails", failing).await;
    assert_eq!(fleet.clusters.len(), 3);
    // They are polled as before.
    let seen = fleet.clusters[0].seen_at();
    fleet_where(&running, "polled on", |f| f.clusters.len() == 3 && f.clusters[0].seen_at() > seen).await;
    std::fs::write(&stand.kubeconfig, stand.sim.kubeconfig()).unwrap();
    running.handle.commands.send(api::Command::Sync(None)).await.unwrap();
    fleet_where(&running, "read again", |f| f.sources.iter().all(|s| s.sync != Sync::Failing)).await;
    stopped(running).await;
}

#[tokio::test]
async fn what_was_decided_is_shown_at_once_and_in_the_next_session() {
    let stand = stand(2, false).await;
    let name = stand.names()[0].clone();
    let running = engine::start(quick(&stand), Clock::system()).unwrap();
    let fleet = decided(&running).await;
    decide(&running, vec![label(named(&fleet, &name).unwrap(), "pay")]).await.unwrap();
    let shown = running.handle.fleet.borrow().clone();
    assert_eq!(team(named(&shown, &name).unwrap()), Some("pay"), "whoever is answered sees it");

    // A second console on the same memory sees it, and the first one sees what the second decides.
    let second = engine::start(quick(&stand), Clock::system()).unwrap();
    let is = |value: &'static str| {
        let name = name.clone();
        move |f: &Fleet| named(f, &name).is_some_and(|row| team(row) == Some(value))
    };
    fleet_where(&second, "the label, recalled", is("pay")).await;
    let row = named(&second.handle.fleet.borrow(), &name).unwrap().clone();
    decide(&second, vec![label(&row, "ops")]).await.unwrap();
    fleet_where(&running, "the label of the other console", is("ops")).await;
    stopped(running).await;
    stopped(second).await;

    let third = engine::start(quick(&stand), Clock::system()).unwrap();
    fleet_where(&third, "the newest label", is("ops")).await;
    stopped(third).await;
    let memory = Store::open(store::Settings::at(Some(state(&stand))), Clock::system());
    let recalled = memory.recall().await.unwrap();
    let who: Vec<_> =
        recalled.decisions.iter().map(|d| (d.who.as_str(), d.reason.as_ref().unwrap().as_str())).collect();
    assert_eq!(who, [("ana", "because"); 2]);
    assert_eq!(memory.verify().await.unwrap(), Verified::Whole(2));
    assert!(recalled.evidence.len() == 2 && !recalled.inputs.is_empty());
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused_with_a_word_and_a_hint() {
    let stand = stand(1, false).await;
    let running = engine::start(quick(&stand), Clock::system()).unwrap();
    let fleet = decided(&running).await;
    let row = &fleet.clusters[0];
    let cluster = row.entry.identities()[0].clone();
    let here = row.entry.sources[0].id();
    let nowhere = SightingId { source: "x".into(), reference: "y".into() };
    let ghost = Identity::of_uid(&"ghost".into());
    for (decision, code) in [
        (Decision::Label { cluster: ghost, key: "a".into(), value: None }, "NO_SUCH_CLUSTER"),
        (Decision::Label { cluster: cluster.clone(), key: " ".into(), value: None }, "BAD_LABEL"),
        (Decision::Class { cluster: cluster.clone(), class: Some("castle".into()) }, "NO_SUCH_CLASS"),
        (Decision::AcceptChange { cluster: cluster.clone(), to: "dev".into() }, "CHANGED"),
        (Decision::Merge { first: here.clone(), second: nowhere.clone() }, "NO_SUCH_SIGHTING"),
        (Decision::Merge { first: here.clone(), second: here.clone() }, "SAME_SIGHTING"),
        (Decision::Split { sighting: nowhere.clone() }, "NO_SUCH_SIGHTING"),
        (Decision::Prefer { cluster: cluster.clone(), path: Some(nowhere) }, "NO_SUCH_PATH"),
        (Decision::Forget { sighting: here }, "NOT_GONE"),
    ] {
        let good = label(row, "pay");
        let refused = decide(&running, vec![good, decision.clone()]).await.unwrap_err();
        assert_eq!(refused.code, code, "{decision:?}");
        assert!(refused.hint.is_some_and(|hint| hint.as_str().ends_with('.')), "{decision:?}");
    }
    let shown = running.handle.fleet.borrow().clone();
    assert_eq!(team(&shown.clusters[0]), None, "all of them or none");
    stopped(running).await;
}

const POLICY: &str = "\
apiVersion: fleetglass.dev/v1alpha1
kind: Fleet
metadata: {name: acme}
spec: {classes: [prod]}
---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {name: prod}
spec: {match: source=kubeconfig, protection: typed}
---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {name: vault}
spec: {protection: locked}
---
apiVersion: fleetglass.dev/v1alpha1
kind: Class
metadata: {name: toys}
spec: {protection: none}
";

#[tokio::test]
async fn a_class_can_be_given_but_not_against_the_machines_own_file() {
    let stand = stand(1, false).await;
    for (policy, class, expect) in
        [(false, "toys", Ok(())), (true, "toys", Err("POLICY")), (true, "vault", Ok(()))]
    {
        let file = parse_fleet(Path::new("/etc/fleetglass/fleet.yaml"), POLICY, policy);
        assert_eq!(file.problems, []);
        let memory = Some(stand.dir.path().join(format!("{class}-{policy}/fleet.db")));
        let settings = Settings { fleet_file: Arc::new(file), memory, ..quick(&stand) };
        let running = engine::start(settings, Clock::system()).unwrap();
        let row = decided(&running).await.clusters[0].clone();
        assert_eq!(row.class.name.as_str(), "prod");
        let cluster = row.entry.identities()[0].clone();
        let done = decide(&running, vec![Decision::Class { cluster, class: Some(class.into()) }]).await;
        assert_eq!(done.as_ref().map_err(|refused| refused.code), expect.as_ref().map_err(|code| *code));
        let now = running.handle.fleet.borrow().clusters[0].class.name.to_string();
        assert_eq!(now, if expect.is_ok() { class } else { "prod" });
        stopped(running).await;
    }
}

#[tokio::test]
async fn without_a_memory_nothing_is_decided_and_everything_is_shown() {
    let stand = stand(1, false).await;
    std::fs::create_dir(stand.dir.path().join("state")).unwrap();
    std::fs::write(state(&stand), "this was a database once").unwrap();
    for (memory, problem) in [(Some(state(&stand)), Some("STORE_DAMAGED")), (None, None)] {
        let running = engine::start(Settings { memory, ..quick(&stand) }, Clock::system()).unwrap();
        let fleet = decided(&running).await;
        assert_eq!(fleet.clusters[0].verdict.state, State::Ok);
        let told = fleet.problems.iter().map(|p| p.code).find(|code| code.starts_with("STORE"));
        assert_eq!(told, problem);
        let refused = decide(&running, vec![label(&fleet.clusters[0], "pay")]).await.unwrap_err();
        assert_eq!(refused.code, "NO_MEMORY");
        stopped(running).await;
    }
    assert_eq!(std::fs::read(state(&stand)).unwrap(), b"this was a database once");
}

fn numbered(n: usize) -> Recorded {
    let cluster = Identity::of_uid(&"7f".into());
    Recorded {
        decision: Decision::Label { cluster, key: "n".into(), value: Some(CleanText::new(&n.to_string())) },
        at: Clock::system().now(),
        who: "ana".into(),
        reason: None,
    }
}

const PLACE: &str = "FLEETGLASS_TEST_MEMORY";

/// The process that is killed: decides until it is no more, and says each number that was written down.
#[tokio::test]
#[ignore = "runs as a child of the test below"]
async fn a_process_that_decides_and_decides() {
    // Whoever runs all ignored tests is not that other test.
    let Some(path) = std::env::vars_os().find(|(name, _)| name == PLACE).map(|(_, path)| PathBuf::from(path))
    else {
        return;
    };
    let store = Store::open(store::Settings::at(Some(path)), Clock::system());
    for n in 0.. {
        store.record(vec![numbered(n)]).await.unwrap();
        println!("written {n}");
    }
}

fn killed_after(path: &Path, enough: usize) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::a_process_that_decides_and_decides", "--ignored", "--nocapture"])
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut written = 0;
    for n in lines.filter_map(|line| line.strip_prefix("written ").and_then(|n| n.parse::<usize>().ok())) {
        written = n + 1;
        if written == enough {
            // SIGKILL: nothing of it runs after this. What it has said until then still comes.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(written >= enough);
    written
}

#[tokio::test]
async fn what_was_answered_before_a_kill_is_there_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/fleet.db");
    let mut least = 0;
    for enough in [1, 7, 20] {
        let place = path.clone();
        least += tokio::task::spawn_blocking(move || killed_after(&place, enough)).await.unwrap();
        let store = Store::open(store::Settings::at(Some(path.clone())), Clock::system());
        let kept = store.recall().await.unwrap().decisions;
        assert!(store.problem().borrow().is_none());
        // The last one may have been written without anybody having heard.
        assert!(kept.len() == least || kept.len() == least + 1, "{} of {least}", kept.len());
        assert_eq!(store.verify().await.unwrap(), Verified::Whole(kept.len() as u64));
        least = kept.len();
    }
}
