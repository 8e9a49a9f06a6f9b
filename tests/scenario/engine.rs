//! The engine against trouble.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fleetglass::access::kubeconfig::Search;
use fleetglass::clock::Clock;
use fleetglass::engine::{self, Running, Settings, api::Command};
use fleetglass::fleet::{
    CleanText, Cluster, ClusterKey, Decision, ErrorCode, Fleet, Loadable, Phase, Recorded, SightingId, State,
};
use fleetglass::observe::Pace;
use fleetglass::registry::Plan;
use fleetglass::sim::{self, Blueprint, ClusterTruth, Fault, Hostile, Refusal, Route, Sim, Stage, Trouble};
use fleetglass::store::Store;

/// How long anything may take here: many times what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) struct Stand {
    pub(crate) sim: Sim,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) kubeconfig: PathBuf,
}

pub(crate) async fn stand(clusters: usize, troubled: bool) -> Stand {
    let blueprint = Blueprint { clusters, seed: 11, troubled, live: false, hubs: false };
    let sim = sim::start(blueprint, Clock::system()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = sim.write(dir.path()).unwrap();
    Stand { sim, dir, kubeconfig }
}

pub(crate) fn settings(kubeconfig: PathBuf) -> Settings {
    let search = Search { explicit: vec![kubeconfig], env: None, home: None };
    Settings { plan: Plan { search, contact: true, ..Plan::default() }, ..Settings::default() }
}

impl Stand {
    pub(crate) fn settings(&self) -> Settings {
        settings(self.kubeconfig.clone())
    }

    fn start(&self) -> Running {
        engine::start(self.settings(), Clock::system()).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.sim.clusters().iter().map(|c| c.name.clone()).collect()
    }

    fn requests(&self, cluster: &str) -> usize {
        self.sim.audit().iter().filter(|line| line.cluster == cluster).count()
    }
}

/// The first fleet of which `is` is true.
pub(crate) async fn fleet_where(
    running: &Running,
    what: &str,
    mut is: impl FnMut(&Fleet) -> bool,
) -> Arc<Fleet> {
    let mut fleet = running.handle.fleet.clone();
    let found =
        tokio::time::timeout(PATIENCE, fleet.wait_for(|fleet| is(fleet))).await.map(|f| f.unwrap().clone());
    found.unwrap_or_else(|late| panic!("{late}: {what}\n{}", shown(&running.handle.fleet.borrow())))
}

fn shown(fleet: &Fleet) -> String {
    let rows = fleet.clusters.iter().map(|c| {
        let why: Vec<_> = c.verdict.reasons.iter().map(|r| format!("{} {}", r.code, r.message)).collect();
        format!("{} {} {:?} {}", c.verdict.state, c.key(), c.signals.attempts.phase, why.join("; "))
    });
    rows.collect::<Vec<_>>().join("\n")
}

pub(crate) async fn decided(running: &Running) -> Arc<Fleet> {
    fleet_where(running, "all decided", |f| {
        f.loaded && f.clusters.iter().all(|c| c.verdict.state != State::New)
    })
    .await
}

fn row<'a>(fleet: &'a Fleet, name: &str) -> &'a Cluster {
    fleet.get(&key(name)).unwrap_or_else(|| panic!("no row {name}"))
}

pub(crate) fn key(name: &str) -> ClusterKey {
    ClusterKey::new(&name.into())
}

fn has(cluster: &Cluster, state: State, code: &str) -> bool {
    cluster.verdict.reasons.iter().any(|r| r.severity == state && r.code == code)
}

/// Whether the row says what is so.
fn is_told(truth: &ClusterTruth, row: &Cluster) -> bool {
    let s = &row.signals;
    match truth.trouble {
        Trouble::Refused => has(row, State::Down, "TCP"),
        Trouble::BlackHoled => has(row, State::Down, "TIMEOUT"),
        Trouble::SignedOut => has(row, State::Auth, "HTTP401"),
        Trouble::RateLimited(_) => has(row, State::Warn, "HTTP429"),
        Trouble::Degraded => has(row, State::Warn, "NOT_READY") || has(row, State::Crit, "NOT_READY"),
        Trouble::NodesForbidden => {
            s.unreachable.is_none() && s.nodes.trouble.as_ref().is_some_and(|f| f.code == ErrorCode::Http403)
        }
        Trouble::CertificateEnds(days) => {
            has(row, if days < 7 { State::Crit } else { State::Warn }, "CERT_EXPIRES")
        }
        // What comes last may not fit into the poll of a slow one.
        Trouble::Slow(_) => is_seen(truth, row),
        Trouble::None | Trouble::Flapping => {
            let nodes = s.nodes.value();
            is_seen(truth, row)
                && nodes.and_then(|n| n.region.as_ref()).is_some_and(|r| r.as_str() == truth.region)
                && s.identity.value().is_some_and(|uid| uid.as_str() == truth.uid)
                && s.attempts.phase == Phase::Idle
        }
    }
}

fn is_seen(truth: &ClusterTruth, row: &Cluster) -> bool {
    let s = &row.signals;
    s.unreachable.is_none()
        && s.nodes.value().is_some_and(|n| n.total == truth.nodes.len())
        && s.version.value().is_some_and(|v| v.text.as_str() == truth.version)
        && s.latency.is_some()
        && s.serving_cert.is_some()
}

#[tokio::test]
async fn forty_clusters_are_decided_each_with_its_own_cause() {
    let stand = stand(40, true).await;
    let running = stand.start();
    assert!(!running.handle.fleet.borrow().loaded);
    // A machine under load may miss a deadline at first; what counts is where each row settles.
    let settled = |fleet: &Fleet| stand.sim.clusters().iter().all(|c| is_told(&c.truth, row(fleet, &c.name)));
    let fleet =
        fleet_where(&running, "each its own cause", |f| f.clusters.len() == 40 && f.loaded && settled(f))
            .await;
    assert_eq!(fleet.totals().decided, 40);
    let kinds: BTreeSet<_> = stand
        .sim
        .clusters()
        .iter()
        .map(|c| std::mem::discriminant(&c.truth.trouble))
        .map(|d| format!("{d:?}"))
        .collect();
    assert!(kinds.len() >= 5, "too little trouble to say anything: {kinds:?}");
    running.stop();
}

#[tokio::test]
async fn four_hundred_clusters_are_live_although_forty_swallow_every_connection() {
    let stand = stand(400, false).await;
    let names = stand.names();
    for name in names.iter().step_by(10) {
        stand.sim.set_fault(name, Route::Connect, Some(Fault::Silence(Stage::Accept)));
    }
    let running = stand.start();
    let live = fleet_where(&running, "all live ones shown", |fleet| {
        fleet.loaded && fleet.clusters.iter().filter(|c| c.seen_at().is_some()).count() == 360
    });
    live.await;
    let fleet = decided(&running).await;
    for name in names.iter().step_by(10) {
        assert!(has(row(&fleet, name), State::Down, "TIMEOUT"), "{}", shown(&fleet));
    }
    running.stop();
}

#[tokio::test]
async fn a_hostile_cluster_changes_nothing_for_the_other_ninety_nine() {
    let stand = stand(100, false).await;
    let names = stand.names();
    let hostile = &names[50];
    let slowly = Fault::Drip { bytes: 1, every: Duration::from_secs(1) };
    stand.sim.set_fault(hostile, Route::Version, Some(Fault::Hostile(Hostile::Escapes)));
    stand.sim.set_fault(hostile, Route::Readyz, Some(slowly));
    stand.sim.set_fault(hostile, Route::Nodes, Some(Fault::HugeList { bytes: 500 << 20 }));
    let running = stand.start();
    let told = |fleet: &Fleet| {
        let row = row(fleet, hostile);
        let slow = row.signals.ready.trouble.as_ref().is_some_and(|f| f.code == ErrorCode::Timeout);
        // The list is cut at the cap, or at the deadline if the machine is slow.
        let huge = row.signals.nodes.trouble.as_ref();
        slow && huge.is_some_and(|f| matches!(f.code, ErrorCode::Parse | ErrorCode::Timeout))
    };
    let whole = |row: &Cluster| row.signals.unreachable.is_none() && row.signals.nodes.value().is_some();
    let fleet = fleet_where(&running, "99 whole and one hostile", |fleet| {
        fleet.clusters.len() == 100
            && names.iter().filter(|n| *n != hostile).all(|n| whole(row(fleet, n)))
            && told(fleet)
    })
    .await;
    assert!(!shown(&fleet).chars().any(|c| c.is_control() && c != '\n'));
    running.stop();
}

#[tokio::test]
async fn answers_of_every_hostile_kind_end_in_a_code() {
    let stand = stand(12, false).await;
    let names = stand.names();
    let faults = [
        (Route::All, Fault::Html, ErrorCode::Parse),
        (Route::All, Fault::Redirect("https://portal.test/login".to_owned()), ErrorCode::Http),
        (Route::All, Fault::Refusal(Refusal::BadGatewayHtml), ErrorCode::Http5xx),
        (Route::All, Fault::Refusal(Refusal::Unavailable), ErrorCode::Http5xx),
        (Route::All, Fault::Silence(Stage::BeforeHeaders), ErrorCode::Timeout),
        (Route::All, Fault::Reset, ErrorCode::Tcp),
    ];
    for (name, (route, fault, _)) in names.iter().zip(&faults) {
        stand.sim.set_fault(name, route.clone(), Some(fault.clone()));
    }
    stand.sim.set_fault(&names[6], Route::Nodes, Some(Fault::TruncatedJson));
    stand.sim.set_fault(&names[7], Route::Nodes, Some(Fault::WrongKind));
    stand.sim.set_fault(&names[8], Route::Nodes, Some(Fault::NullItems));
    stand.sim.set_fault(&names[9], Route::Readyz, Some(Fault::Html));
    stand.sim.set_fault(&names[10], Route::All, Some(Fault::Refusal(Refusal::ForbiddenHtml)));
    let running = stand.start();
    let code = |fleet: &Fleet, n: usize| row(fleet, &names[n]).signals.unreachable.as_ref().map(|f| f.code);
    let trouble =
        |fleet: &Fleet, n: usize| row(fleet, &names[n]).signals.nodes.trouble.as_ref().map(|f| f.code);
    let fleet = fleet_where(&running, "every fault with its code", |fleet| {
        fleet.clusters.len() == 12
            && faults.iter().enumerate().all(|(n, fault)| code(fleet, n) == Some(fault.2))
            && [6, 7]
                .into_iter()
                .all(|n| code(fleet, n).is_none() && trouble(fleet, n) == Some(ErrorCode::Parse))
            && row(fleet, &names[8]).signals.nodes.value().is_some_and(|n| n.total == 0)
            && row(fleet, &names[9]).signals.nodes.value().is_some()
            && has(row(fleet, &names[10]), State::Warn, "NO_ACCESS")
    })
    .await;
    let unserved = row(&fleet, &names[9]);
    assert!(unserved.signals.ready.trouble.is_none() && unserved.signals.ready.last.is_none());
    running.stop();
}

#[tokio::test]
async fn stopping_waits_for_nobody() {
    let stand = stand(60, false).await;
    for name in stand.names() {
        stand.sim.set_fault(&name, Route::Connect, Some(Fault::Silence(Stage::Accept)));
    }
    let running = stand.start();
    let connecting = |f: &Fleet| f.clusters.iter().any(|c| c.signals.attempts.phase == Phase::Connecting);
    fleet_where(&running, "connecting", connecting).await;
    let clock = Clock::system();
    let before = clock.tick();
    running.stop();
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_shutdown_command_ends_the_engine() {
    let stand = stand(2, false).await;
    let running = stand.start();
    decided(&running).await;
    running.handle.commands.send(Command::Shutdown).await.unwrap();
    let mut fleet = running.handle.fleet.clone();
    let ended = async { while fleet.changed().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let stand = stand(3, false).await;
    let names = stand.names();
    let slow_down = Fault::TooManyRequests { retry_after: Some("2".to_owned()) };
    stand.sim.set_fault(&names[1], Route::All, Some(slow_down));
    let pace = Pace { fast: Duration::from_millis(200), ..Pace::default() };
    let running = engine::start(Settings { pace, ..stand.settings() }, Clock::system()).unwrap();
    decided(&running).await;
    let commands = running.handle.commands.clone();
    fleet_where(&running, "four refusals", |_| {
        // Whoever presses the key does not shorten it.
        drop(commands.try_send(Command::Refresh(vec![])));
        stand.requests(&names[1]) >= 4
    })
    .await;
    let lines = stand.sim.audit();
    let times: Vec<_> = lines.iter().filter(|l| l.cluster == names[1]).map(|l| l.at).collect();
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        assert!(gap >= chrono::Duration::milliseconds(1_990), "{gap}");
    }
    assert!(stand.requests(&names[0]) > 30, "the others are polled as ever");
    assert!(has(row(&running.handle.fleet.borrow(), &names[1]), State::Warn, "HTTP429"));
    running.stop();
}

#[tokio::test]
async fn whoever_never_stops_refusing_is_asked_less_and_less() {
    let stand = stand(6, false).await;
    let names = stand.names();
    let faults = [
        Fault::TooManyRequests { retry_after: None },
        Fault::TooManyRequests { retry_after: Some("0".to_owned()) },
        Fault::TooManyRequests { retry_after: Some("4294967295".to_owned()) },
        Fault::Refusal(Refusal::Unauthorized),
        Fault::Refusal(Refusal::ForbiddenHtml),
    ];
    for (name, fault) in names.iter().zip(&faults) {
        stand.sim.set_fault(name, Route::All, Some(fault.clone()));
    }
    let pace =
        Pace { fast: Duration::from_millis(50), back_off: Duration::from_millis(200), ..Pace::default() };
    let running = engine::start(Settings { pace, ..stand.settings() }, Clock::system()).unwrap();
    // Measured by what the healthy one was asked meanwhile: some eighty polls of three requests.
    fleet_where(&running, "the healthy one polled often", |_| stand.requests(&names[5]) >= 240).await;
    for ((name, fault), most) in names.iter().zip(&faults).zip([20, 20, 1, 1, 5]) {
        let asked = stand.requests(name);
        assert!((1..=most).contains(&asked), "{fault:?}: {asked} requests");
    }
    let fleet = running.handle.fleet.borrow().clone();
    for name in names.iter().take(3) {
        assert!(has(row(&fleet, name), State::Warn, "HTTP429"));
    }
    let waits = row(&fleet, &names[2]).signals.attempts.next_at.unwrap() - Clock::system().now();
    assert!(waits <= chrono::Duration::seconds(31), "no server can ask for more than half a minute: {waits}");
    running.stop();
}

#[tokio::test]
async fn clusters_behind_one_front_share_its_request_budget() {
    let stand = stand(1, false).await;
    let name = &stand.names()[0];
    let text = stand.sim.kubeconfig();
    let context = |n: usize| {
        let user =
            text.lines().find_map(|l| l.trim().strip_prefix("user: ")).filter(|u| !u.is_empty()).unwrap();
        format!("- name: row-{n}\n  context: {{cluster: {name}, user: {user}}}\n")
    };
    let rows: String = (0..40).map(context).collect();
    let kubeconfig = stand.dir.path().join("many");
    std::fs::write(&kubeconfig, text.replace("contexts:\n", &format!("contexts:\n{rows}"))).unwrap();
    let pace = Pace { front_rate: 40, front_burst: 20, in_flight: 4, ..Pace::default() };
    // They are one cluster, and would be one row if nobody had said otherwise.
    let memory = stand.dir.path().join("state/fleet.db");
    let source = CleanText::new(&kubeconfig.to_string_lossy());
    let split = |n: usize| Recorded {
        decision: Decision::Split {
            sighting: SightingId { source: source.clone(), reference: CleanText::new(&format!("row-{n}")) },
        },
        at: Clock::system().now(),
        who: "ana".into(),
        reason: None,
    };
    let store = Store::open(fleetglass::store::Settings::at(Some(memory.clone())), Clock::system());
    store.record((0..40).map(split).collect()).await.unwrap();
    let settings = settings(kubeconfig);
    let plan = Plan { contexts: vec!["row-*".to_owned()], ..settings.plan };
    let settings = Settings { pace, plan, memory: Some(memory), ..settings };
    let running = engine::start(settings, Clock::system()).unwrap();
    fleet_where(&running, "all rows seen", |fleet| {
        fleet.clusters.len() == 40 && fleet.clusters.iter().all(|c| c.seen_at().is_some())
    })
    .await;
    let lines = stand.sim.audit();
    assert!(lines.len() >= 200);
    // A poll pays for all its requests when it begins, so what is in flight may come in late: four polls of five requests.
    for (i, first) in lines.iter().enumerate() {
        for (j, last) in lines.iter().enumerate().skip(i) {
            let seconds = (last.at - first.at).num_milliseconds() as f64 / 1_000.0;
            let most = 40.0f64.mul_add(seconds + 0.05, 40.0);
            assert!((j - i) as f64 <= most, "{} requests in {seconds} s", j - i + 1);
        }
    }
    running.stop();
}

#[tokio::test]
async fn a_refresh_finds_a_cluster_that_came_back() {
    let stand = stand(3, false).await;
    let name = stand.names()[2].clone();
    stand.sim.set_fault(&name, Route::All, Some(Fault::Refusal(Refusal::Unauthorized)));
    let running = stand.start();
    let fleet = decided(&running).await;
    assert_eq!(row(&fleet, &name).verdict.state, State::Auth);
    assert!(
        row(&fleet, &name).signals.attempts.next_at.unwrap()
            > Clock::system().now() + chrono::Duration::minutes(3)
    );
    stand.sim.set_fault(&name, Route::All, None);
    running.handle.commands.send(Command::Refresh(vec![key(&name)])).await.unwrap();
    fleet_where(&running, "back", |fleet| row(fleet, &name).signals.unreachable.is_none()).await;
    running.stop();
}

#[tokio::test]
async fn an_opened_cluster_shows_its_detail_until_it_is_closed() {
    let stand = stand(3, false).await;
    let cluster = &stand.sim.clusters()[1];
    let pace = Pace { detail: Duration::from_millis(100), ..Pace::default() };
    let running = engine::start(Settings { pace, ..stand.settings() }, Clock::system()).unwrap();
    // Opened before the kubeconfig has been read.
    running.handle.commands.send(Command::Open(Some(key(&cluster.name)))).await.unwrap();
    let mut detail = running.handle.detail.clone();
    let complete = detail.wait_for(|d| {
        d.as_ref().is_some_and(|d| {
            let ready = (&d.nodes, &d.events, &d.checks);
            matches!(ready, (Loadable::Ready(_), Loadable::Ready(_), Loadable::Ready(_)))
        })
    });
    let seen = tokio::time::timeout(PATIENCE, complete).await.unwrap().unwrap().clone().unwrap();
    let (Loadable::Ready(nodes), Loadable::Ready(events), Loadable::Ready(checks)) =
        (&seen.nodes, &seen.events, &seen.checks)
    else {
        panic!("not complete")
    };
    assert_eq!(nodes.value.len(), cluster.truth.nodes.len());
    assert!(nodes.value.iter().all(|n| n.kubelet.as_str().starts_with('v') && !n.internal_ip.is_empty()));
    assert!(events.value.is_sorted_by(|a, b| a.last_seen >= b.last_seen));
    assert!(checks.value.iter().any(|c| c.name.as_str() == "etcd" && c.ok));
    // It is read again while it stays open.
    stand.sim.set_fault(&cluster.name, Route::Readyz, Some(Fault::Unready("etcd".to_owned())));
    let worse = detail.wait_for(|d| {
        matches!(d.as_ref().map(|d| &d.checks), Some(Loadable::Ready(c)) if c.value.iter().any(|c| !c.ok))
    });
    drop(tokio::time::timeout(PATIENCE, worse).await.unwrap().unwrap());
    running.handle.commands.send(Command::Open(None)).await.unwrap();
    drop(tokio::time::timeout(PATIENCE, detail.wait_for(Option::is_none)).await.unwrap().unwrap());
    running.stop();
}

#[tokio::test]
async fn without_contact_rows_are_listed_and_nobody_is_dialled() {
    let stand = stand(5, false).await;
    let running = engine::start(
        Settings { plan: Plan { contact: false, ..stand.settings().plan }, ..stand.settings() },
        Clock::system(),
    )
    .unwrap();
    let fleet = running.wait_decided(PATIENCE);
    assert!(fleet.loaded);
    assert_eq!(fleet.totals().states.get(State::New), 5);
    running.handle.commands.send(Command::Refresh(vec![])).await.unwrap();
    running.handle.commands.send(Command::Open(Some(fleet.clusters[0].key().clone()))).await.unwrap();
    let mut detail = running.handle.detail.clone();
    let opened = tokio::time::timeout(PATIENCE, detail.wait_for(Option::is_some)).await;
    drop(opened.unwrap().unwrap());
    assert!(stand.sim.audit().is_empty());
    running.stop();
}

#[tokio::test]
async fn nothing_to_read_is_said_and_decided_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let running = engine::start(settings(dir.path().join("missing")), Clock::system()).unwrap();
    let fleet = running.wait_decided(PATIENCE);
    assert!(fleet.loaded && fleet.clusters.is_empty());
    let problems = fleet.problems.len() + fleet.sources.iter().map(|s| s.problems.len()).sum::<usize>();
    assert!(problems > 0);
    running.stop();
}

#[tokio::test]
async fn readiness_that_fails_twice_is_critical_and_heals() {
    let stand = stand(2, false).await;
    let name = stand.names()[0].clone();
    let pace = Pace { fast: Duration::from_millis(200), ..Pace::default() };
    let running = engine::start(Settings { pace, ..stand.settings() }, Clock::system()).unwrap();
    let ready =
        |fleet: &Fleet| fleet.loaded && row(fleet, &name).signals.ready.value().is_some_and(|r| r.ready);
    fleet_where(&running, "ready", ready).await;
    stand.sim.set_fault(&name, Route::Readyz, Some(Fault::Unready("etcd".to_owned())));
    let mut worse = Vec::new();
    fleet_where(&running, "critical", |fleet| {
        worse.extend(
            row(fleet, &name).verdict.reasons.iter().find(|r| r.code == "NOT_READY").map(|r| r.severity),
        );
        has(row(fleet, &name), State::Crit, "NOT_READY")
    })
    .await;
    assert!(worse.is_sorted_by(|a, b| a >= b), "{worse:?}");
    stand.sim.set_fault(&name, Route::Readyz, None);
    fleet_where(&running, "healed", |fleet| {
        ready(fleet) && !row(fleet, &name).verdict.reasons.iter().any(|r| r.code == "NOT_READY")
    })
    .await;
    running.stop();
}

#[tokio::test]
async fn a_slow_cluster_is_known_before_its_identity_is() {
    let stand = stand(2, false).await;
    let slow = stand.names()[0].clone();
    // Five such answers would not fit into the time of one poll; three do.
    let latency = Fault::Latency { base: Duration::from_millis(1_700), tail: Duration::ZERO };
    stand.sim.set_fault(&slow, Route::All, Some(latency));
    let running = stand.start();
    let fleet = decided(&running).await;
    let signals = &row(&fleet, &slow).signals;
    assert!(signals.unreachable.is_none() && signals.version.last.is_some(), "{}", shown(&fleet));
    assert!(signals.identity.last.is_none(), "it was asked in the same poll");
    running.handle.commands.send(Command::Refresh(vec![key(&slow)])).await.unwrap();
    let known = |fleet: &Fleet| row(fleet, &slow).signals.identity.last.is_some();
    fleet_where(&running, "the identity, a poll later", known).await;
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
    stand.sim.stop().await;
}
