use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::access::{ProxyChoice, Roots, Server, Tls};
use crate::fleet::CleanText;

fn member(name: &str) -> Member {
    Member {
        key: ClusterKey::new(&CleanText::new(name)),
        target: Arc::new(Target {
            server: Server { tls: true, host: format!("{name}.test"), port: 6443, path: String::new() },
            tls: Tls { roots: Roots::System, server_name: None, insecure: false, client_cert: None },
            proxy: ProxyChoice::Environment,
            credential: Credential::None,
            impersonation: None,
            disable_compression: false,
            namespace: "default".to_owned(),
        }),
    }
}

/// A way that behaves as its cluster is called.
struct Scripted {
    name: String,
    open: bool,
    closed: Arc<AtomicUsize>,
}

impl Way for Scripted {
    async fn prepare(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn poll(&mut self, _wants: Wants) -> Probed {
        match self.name.as_str() {
            "panics" => panic!("as it should"),
            "hangs" => std::future::pending().await,
            "short" => {
                unreachable(Failure::new(ErrorCode::Internal, "all 8 sockets of this program are busy"))
            }
            "dead" => unreachable(Failure::new(ErrorCode::Tcp, "refused")),
            _ => {
                self.open = true;
                let nodes = crate::fleet::NodeSummary::default();
                let place = Place { region: Some("eu-west-1".into()), provider: None };
                Probed {
                    snapshot: Snapshot { nodes: Some(Ok(nodes)), ..Snapshot::default() },
                    place: Some(place),
                    ..Probed::default()
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        self.open
    }

    fn close(&mut self) {
        self.open = false;
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

struct Run {
    wishes: mpsc::Sender<Wish>,
    events: mpsc::Receiver<Event>,
    quit: CancellationToken,
    closed: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

fn run(pace: Pace, names: &[&str]) -> Run {
    let (wishes, wished) = mpsc::channel(8);
    let (tell, events) = mpsc::channel(64);
    let quit = CancellationToken::new();
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let connect = move |member: &Member| {
        let name = member.key.as_str().to_owned();
        (Scripted { name: name.clone(), open: false, closed: Arc::clone(&count) }, name)
    };
    let poller = Poller::new(Clock::system(), pace, connect, tell);
    let task = tokio::spawn(poller.run(wished, quit.clone()));
    wishes.try_send(Wish::Join(names.iter().map(|n| member(n)).collect())).unwrap();
    Run { wishes, events, quit, closed, task }
}

impl Run {
    async fn polled(&mut self) -> (String, Box<Snapshot>, Phase) {
        loop {
            let event =
                tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await.unwrap().unwrap();
            if let Event::Polled { key, snapshot, phase, .. } = event {
                return (key.to_string(), snapshot, phase);
            }
        }
    }
}

#[tokio::test]
async fn a_panic_is_the_failure_of_its_own_cluster() {
    let mut run = run(Pace::default(), &["panics", "fine", "hangs", "dead"]);
    let mut states = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let (name, snapshot, phase) = run.polled().await;
        states.insert(name, (snapshot.unreachable.map(|f| f.code), phase));
    }
    assert_eq!(states["panics"], (Some(ErrorCode::Internal), Phase::BackingOff));
    assert_eq!(states["dead"], (Some(ErrorCode::Tcp), Phase::BackingOff));
    assert_eq!(states["fine"], (None, Phase::Idle));
    // After a panic the cluster is polled again, over a new link.
    let key = member("panics").key;
    run.wishes.send(Wish::Refresh(vec![key])).await.unwrap();
    assert_eq!(run.polled().await.1.unreachable.unwrap().code, ErrorCode::Internal);
}

#[tokio::test]
async fn quitting_waits_for_no_poll() {
    let mut run = run(Pace::default(), &["hangs", "fine"]);
    run.polled().await;
    run.quit.cancel();
    tokio::time::timeout(Duration::from_secs(5), run.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_poller_nobody_listens_to_ends() {
    let run = run(Pace::default(), &["fine"]);
    drop(run.events);
    tokio::time::timeout(Duration::from_secs(5), run.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_region_stands_in_every_reading_of_nodes() {
    let mut run = run(Pace::default(), &["fine"]);
    let nodes = run.polled().await.1.nodes.unwrap().unwrap();
    assert_eq!(nodes.region.unwrap().as_str(), "eu-west-1");
}

#[tokio::test]
async fn connections_are_kept_within_the_budget() {
    let names: Vec<String> = (0..20).map(|n| format!("c-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut few = run(Pace { connections: 15, ..Pace::default() }, &names);
    for _ in 0..20 {
        few.polled().await;
    }
    assert_eq!(few.closed.load(Ordering::Relaxed), 5);
    let mut none = run(Pace { keep: Duration::ZERO, ..Pace::default() }, &names);
    for _ in 0..20 {
        none.polled().await;
    }
    assert_eq!(none.closed.load(Ordering::Relaxed), 20);
}

#[tokio::test]
async fn a_shortage_of_ours_is_not_told_of_the_cluster_until_it_lasts() {
    let mut run = run(Pace { back_off: Duration::from_millis(1), ..Pace::default() }, &["short"]);
    for _ in 0..FORGIVEN {
        let (_, snapshot, phase) = run.polled().await;
        assert_eq!((snapshot.unreachable, phase), (None, Phase::BackingOff));
    }
    assert_eq!(run.polled().await.1.unreachable.unwrap().code, ErrorCode::Internal);
}
