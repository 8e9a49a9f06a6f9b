use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::fleet::CleanText;

fn member(name: &str) -> Member {
    Member {
        key: ClusterKey::new(&CleanText::new(name)),
        target: Arc::new(Target::to(&format!("{name}.test"), 6443)),
    }
}

/// A way that behaves as its cluster is called.
struct Scripted {
    name: String,
    open: bool,
    closed: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
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

    async fn inspect(&mut self, _budget: &mut Budget) -> Inspected {
        if self.name.starts_with("stuck") {
            std::future::pending::<()>().await;
        }
        let nothing = || Err(Failure::new(ErrorCode::Http403, "no"));
        let inspection = Inspection {
            at: DateTime::UNIX_EPOCH,
            workloads: Ok(Vec::new()),
            policies: nothing(),
            budgets: Ok(Vec::new()),
            requested: Ok(Vec::new()),
            stored: Ok(Vec::new()),
            managed: Ok(Vec::new()),
            served: Ok(vec![CleanText::new(&self.name)]),
        };
        Inspected { inspection, broken_off: None }
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
    dropped: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

fn run(pace: Pace, names: &[&str]) -> Run {
    let (wishes, wished) = mpsc::channel(8);
    let (tell, events) = mpsc::channel(64);
    let quit = CancellationToken::new();
    let closed = Arc::new(AtomicUsize::new(0));
    let dropped = Arc::new(AtomicUsize::new(0));
    let (count, gone) = (Arc::clone(&closed), Arc::clone(&dropped));
    // A way behaves as its host is called: `fine.test` is fine, whatever the cluster's key.
    let connect = move |member: &Member| {
        let name = member.target.server.host.trim_end_matches(".test").to_owned();
        let (closed, dropped) = (Arc::clone(&count), Arc::clone(&gone));
        (Scripted { name: name.clone(), open: false, closed, dropped }, name)
    };
    let poller = Poller::new(Clock::system(), pace, connect, tell);
    let task = tokio::spawn(poller.run(wished, quit.clone()));
    wishes.try_send(Wish::Join(names.iter().map(|n| member(n)).collect())).unwrap();
    Run { wishes, events, quit, closed, dropped, task }
}

impl Run {
    async fn event(&mut self) -> Event {
        tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await.unwrap().unwrap()
    }

    async fn inspected(&mut self) -> (String, Arc<Inspection>) {
        let told = async {
            loop {
                if let Event::Inspected { key, inspection, .. } = self.events.recv().await.unwrap() {
                    return (key.to_string(), inspection);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap()
    }

    /// Waits until so many ways are gone.
    async fn until_dropped(&self, ways: usize) {
        let all = async {
            while self.dropped.load(Ordering::Relaxed) < ways {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    }

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

#[tokio::test]
async fn who_leaves_is_forgotten_with_its_way_even_in_flight() {
    let mut run = run(Pace { in_flight: 2, ..Pace::default() }, &["hangs", "fine"]);
    run.polled().await;
    let keys = ["hangs", "fine", "never there"].map(|name| member(name).key);
    run.wishes.send(Wish::Leave(keys.to_vec())).await.unwrap();
    run.until_dropped(2).await;
    // The permit of the poll that hung is free again, and so are the numbers; a name that left may come back.
    let members = ["hangs", "a", "fine"].map(member);
    run.wishes.send(Wish::Join(members.to_vec())).await.unwrap();
    let mut names = [run.polled().await.0, run.polled().await.0];
    names.sort_unstable();
    assert_eq!(names, ["a", "fine"]);
}

#[tokio::test]
async fn another_way_is_taken_at_once_and_every_answer_says_which_way_it_came() {
    for before in ["dead", "fine", "hangs"] {
        let mut run = run(Pace::default(), &[before]);
        if before != "hangs" {
            run.polled().await;
        }
        let there = Member { key: member(before).key, target: member("elsewhere").target };
        run.wishes.send(Wish::Reroute(there.clone())).await.unwrap();
        loop {
            if let Event::Polled { key, snapshot, over, phase, .. } = run.event().await
                && Arc::ptr_eq(&over, &there.target)
            {
                assert_eq!((key, phase), (there.key.clone(), Phase::Idle));
                assert!(snapshot.unreachable.is_none());
                break;
            }
        }
        run.until_dropped(1).await;
    }
}

#[tokio::test]
async fn who_is_not_known_joins_by_its_new_way() {
    let mut run = run(Pace::default(), &[]);
    run.wishes.send(Wish::Reroute(member("fine"))).await.unwrap();
    assert_eq!(run.polled().await.0, "fine");
}

#[tokio::test]
async fn inspections_are_told_of_those_that_answer() {
    let mut run = run(Pace { inspecting: 2, ..Pace::default() }, &["dead", "stuck", "fine", "also"]);
    run.wishes.send(Wish::Inspect(Vec::new())).await.unwrap();
    let mut names = [run.inspected().await.0, run.inspected().await.0];
    names.sort_unstable();
    assert_eq!(names, ["also", "fine"]);
    // One that hangs keeps neither polls nor other inspections, and goes with its cluster.
    run.wishes.send(Wish::Inspect(vec![member("fine").key])).await.unwrap();
    let (name, inspection) = run.inspected().await;
    assert_eq!((name.as_str(), inspection.served.as_ref().unwrap()[0].as_str()), ("fine", "fine"));
    let there = Member { key: member("stuck").key, target: member("free").target };
    run.wishes.send(Wish::Reroute(there)).await.unwrap();
    let (name, inspection) = run.inspected().await;
    assert_eq!((name.as_str(), inspection.served.as_ref().unwrap()[0].as_str()), ("stuck", "free"));
    // Whoever is opened is inspected without a wish.
    run.wishes.send(Wish::Join(vec![member("opened")])).await.unwrap();
    run.wishes.send(Wish::Open(Some(member("opened").key))).await.unwrap();
    assert_eq!(run.inspected().await.0, "opened");
}
