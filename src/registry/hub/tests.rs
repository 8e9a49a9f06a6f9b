//! The whole source against a small hub on loopback that lists, watches, forgets and refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::run::{Timing, watch_at};
use crate::access::{Access, Credential, Server, Settings};
use crate::clock::Clock;
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{CleanText, Origin, Sighting, SightingId, SourceKind, Sync};
use crate::registry::job::HubJob;
use crate::registry::report::{Commands, Means, SourceReport, Told, Wish};

const CAPI: &str = "/apis/cluster.x-k8s.io/v1beta2";

#[derive(Default)]
struct State {
    /// Discovery and Secrets, by path.
    fixed: BTreeMap<String, Value>,
    /// Lists, by path.
    lists: BTreeMap<String, Vec<Value>>,
    /// Paths (without the query) that are answered with a status.
    refused: BTreeMap<String, u16>,
    /// Watches are refused with this.
    watch_status: Option<u16>,
    watchers: Vec<(String, mpsc::Sender<String>)>,
    /// Every path and query that was asked for.
    asked: Vec<String>,
    version: u64,
}

/// A hub; clones are the same.
#[derive(Clone)]
struct Hub {
    state: Arc<Mutex<State>>,
    addr: SocketAddr,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl Hub {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(talk(stream, shared.clone()));
            }
        });
        Self { state, addr, _task: Arc::new(AbortOnDropHandle::new(task)) }
    }

    fn serving(group: &str, version: &str, plural: &str) -> Self {
        let hub = Self::new();
        hub.serve(group, &[version], plural);
        hub
    }

    fn serve(&self, group: &str, versions: &[&str], plural: &str) {
        self.with(|s| {
            let listed: Vec<_> = versions
                .iter()
                .map(|v| json!({"groupVersion": format!("{group}/{v}"), "version": v}))
                .collect();
            s.fixed.insert(
                format!("/apis/{group}"),
                json!({"kind": "APIGroup", "name": group, "versions": listed}),
            );
            for version in versions {
                let resources =
                    json!({"resources": [{"name": plural}, {"name": format!("{plural}/status")}]});
                s.fixed.insert(format!("/apis/{group}/{version}"), resources);
            }
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    fn put(&self, list: &str, objects: Vec<Value>) {
        self.with(|s| s.lists.insert(list.to_owned(), objects));
    }

    fn secret(&self, namespace: &str, name: &str, kubeconfig: &str) {
        let secret = json!({"metadata": {"name": name}, "data": {"value": STANDARD.encode(kubeconfig)}});
        self.with(|s| s.fixed.insert(format!("/api/v1/namespaces/{namespace}/secrets/{name}"), secret));
    }

    /// Sends an event to those who watch `list`.
    fn event(&self, list: &str, kind: &str, object: &Value) {
        self.line(list, &json!({"type": kind, "object": object}).to_string());
    }

    fn line(&self, list: &str, line: &str) {
        self.with(|s| {
            for (path, watcher) in &s.watchers {
                if path == list {
                    let _gone = watcher.try_send(format!("{line}\n"));
                }
            }
        });
    }

    fn drop_watches(&self) {
        self.with(|s| s.watchers.clear());
    }

    fn asked(&self, part: &str) -> usize {
        self.with(|s| s.asked.iter().filter(|path| path.contains(part)).count())
    }

    fn watched(&self) -> usize {
        self.with(|s| s.watchers.len())
    }
}

async fn talk(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let url = url::Url::parse(&format!("http://hub{target}")).unwrap();
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let path = url.path().to_owned();
        let is_watch = query.get("watch").is_some_and(|w| w == "1" || w == "true");
        let (status, body, watcher) = {
            let mut state = state.lock().unwrap();
            state.asked.push(target);
            if let Some(status) = state.refused.get(&path).copied() {
                (status, Value::Null, None)
            } else if let Some(status) = state.watch_status.filter(|_| is_watch) {
                (status, Value::Null, None)
            } else if is_watch {
                let (tx, rx) = mpsc::channel(64);
                state.watchers.push((path, tx));
                (200, Value::Null, Some(rx))
            } else if let Some(items) = state.lists.get(&path) {
                let limit: usize = query.get("limit").map_or(usize::MAX, |l| l.parse().unwrap());
                let from: usize = query.get("continue").map_or(0, |c| c.parse().unwrap());
                let page: Vec<_> = items.iter().skip(from).take(limit).cloned().collect();
                let next = from + page.len();
                let next = if next < items.len() { next.to_string() } else { String::new() };
                let version = state.version.to_string();
                (
                    200,
                    json!({"metadata": {"resourceVersion": version, "continue": next}, "items": page}),
                    None,
                )
            } else if let Some(value) = state.fixed.get(&path) {
                (200, value.clone(), None)
            } else {
                (404, Value::Null, None)
            }
        };
        if let Some(mut events) = watcher {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            while let Some(line) = events.recv().await {
                if stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes()).await.is_err() {
                    return;
                }
            }
            if stream.write_all(b"0\r\n\r\n").await.is_err() {
                return;
            }
            continue;
        }
        let body = if status == 200 {
            body.to_string()
        } else {
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": format!("refused {status}"), "reason": "X", "code": status}).to_string()
        };
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn cluster(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "clusters", "resourceVersion": "5", "managedFields": [{"manager": "x"}]},
        "spec": {"controlPlaneEndpoint": {"host": "10.0.0.10", "port": 6443}},
        "status": {"phase": "Provisioned"}
    })
}

fn kubeconfig(token: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: c, cluster: {{server: 'https://10.0.0.10:6443'}}}}]\n\
         users: [{{name: u, user: {{token: {token}}}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
    )
}

/// A source at work, and what it tells.
struct Running {
    told: mpsc::Receiver<Told>,
    wishes: mpsc::Sender<Wish>,
    quit: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    last: Option<SourceReport>,
    reports: usize,
}

fn timing() -> Timing {
    let short = Duration::from_millis(20);
    let mut timing = Timing {
        quiet: short,
        latest: Duration::from_millis(200),
        slight: short,
        renew: short,
        secrets: Duration::from_millis(100),
        ..Timing::default()
    };
    timing.feed.retry = short;
    timing.feed.longest = short;
    timing.feed.refused = Duration::from_millis(50);
    timing.feed.interval = Duration::from_millis(50);
    timing
}

fn start(hub: &Hub, kind: SourceKind, change: impl FnOnce(&mut HubJob)) -> Running {
    let clock = Clock::system();
    let quit = CancellationToken::new();
    let server =
        Server { tls: false, host: "127.0.0.1".to_owned(), port: hub.addr.port(), path: String::new() };
    let mut target = super::decode::tests_target(server);
    target.credential = Credential::None;
    let (wishes, wished) = mpsc::channel(8);
    let origin = Origin { path: "fleet.yaml".into(), line: Some(3), column: None };
    let spec =
        SourceSpec { name: "mgmt".to_owned(), kind: kind.as_str().to_owned(), ..SourceSpec::default() };
    let mut job = HubJob {
        spec: Object {
            name: "fleet".to_owned(),
            labels: BTreeMap::new(),
            origin,
            places: BTreeMap::new(),
            policy: false,
            spec,
        },
        hub: Arc::new(target),
        hub_sighting: SightingId { source: CleanText::new("kc"), reference: CleanText::new("mgmt-context") },
        means: Means {
            access: Access::new(Settings::default(), clock.clone()).unwrap(),
            clock,
            quit: quit.clone(),
        },
        commands: Arc::new(Commands::default()),
        providers: Arc::from([]),
        known: Vec::new(),
        once: false,
        wishes: wished,
    };
    change(&mut job);
    let (out, told) = mpsc::channel(4);
    let task = tokio::spawn(watch_at(job, out, timing()));
    Running { told, wishes, quit, task, last: None, reports: 0 }
}

impl Running {
    /// The next report that fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&SourceReport) -> bool) -> SourceReport {
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                match self.told.recv().await {
                    Some(Told::Source(report)) => {
                        self.reports += 1;
                        self.last = Some(report.clone());
                        if fits(&report) {
                            return report;
                        }
                    }
                    other => panic!("{what}: {other:?}, last {:?}", self.last),
                }
            }
        });
        let waited = waited.await;
        waited.unwrap_or_else(|_| {
            panic!("{what} never came; last: {:?}", self.last.as_ref().map(|r| (&r.state, r.sighted.len())))
        })
    }

    /// The next one in which everything is read and watched.
    async fn watching(&mut self) -> SourceReport {
        self.until("watching", |r| r.state.sync == Sync::Watching).await
    }
}

fn names(report: &SourceReport) -> Vec<String> {
    let living = report.sighted.iter().filter(|s| s.sighting.gone_at.is_none());
    living.map(|s| s.sighting.id.reference.to_string()).collect()
}

fn capi(objects: Vec<Value>) -> Hub {
    let hub = Hub::new();
    hub.serve("cluster.x-k8s.io", &["v1beta1", "v1beta2"], "clusters");
    hub.put(&format!("{CAPI}/clusters"), objects);
    hub
}

const LIST: &str = "/apis/cluster.x-k8s.io/v1beta2/clusters";

#[tokio::test]
async fn clusters_are_listed_watched_and_buried() {
    let hub = capi(vec![cluster("a"), cluster("b")]);
    for name in ["a", "b", "c"] {
        hub.secret("clusters", &format!("{name}-kubeconfig"), &kubeconfig(name));
    }
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    let report = source.watching().await;
    assert_eq!(names(&report), ["clusters/a", "clusters/b"]);
    assert!(report.sighted.iter().all(|s| s.target.is_some()));
    assert_ne!(report.sighted[0].identity_key, report.sighted[1].identity_key);
    assert_eq!(report.state.how.as_str(), "watch clusters.cluster.x-k8s.io");
    assert_eq!((report.state.entries, report.state.problems.len()), (2, 0));
    let synced = report.state.synced_at.unwrap();
    assert_eq!(hub.asked("v1beta1"), 0, "the newer version is preferred");
    assert_eq!(hub.asked("/secrets?"), 0, "Secrets are never listed");

    hub.event(LIST, "ADDED", &cluster("c"));
    let report =
        source.until("a third cluster", |r| r.sighted.len() == 3 && r.sighted[2].target.is_some()).await;
    assert_eq!(names(&report), ["clusters/a", "clusters/b", "clusters/c"]);
    let mut changed = cluster("a");
    changed["status"]["phase"] = json!("Deleting");
    hub.event(LIST, "MODIFIED", &changed);
    source
        .until("a change", |r| {
            r.sighted[0].sighting.facts.phase.as_ref().is_some_and(|p| p.as_str() == "Deleting")
        })
        .await;
    assert_eq!(hub.asked("a-kubeconfig"), 1, "a Secret that is known is not read for every change");
    hub.event(LIST, "DELETED", &cluster("b"));
    let report = source.until("a tombstone", |r| r.sighted[1].sighting.gone_at.is_some()).await;
    assert_eq!((report.sighted.len(), report.state.entries), (3, 2));
    assert!(report.sighted[1].target.is_none());
    hub.event(LIST, "ADDED", &cluster("b"));
    source.until("it is back", |r| r.state.entries == 3 && r.sighted[1].target.is_some()).await;
    hub.event(LIST, "BOOKMARK", &json!({"kind": "Cluster", "apiVersion": "cluster.x-k8s.io/v1beta2", "metadata": {"resourceVersion": "99"}}));
    source.until("a bookmark confirms", |r| r.state.synced_at.unwrap() > synced).await;
    source.quit.cancel();
    source.task.await.unwrap();
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_and_one_that_is_forgotten_is_listed_again() {
    let hub = capi(vec![cluster("a"), cluster("b")]);
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    source.watching().await;
    hub.event(LIST, "BOOKMARK", &json!({"kind": "Cluster", "apiVersion": "cluster.x-k8s.io/v1beta2", "metadata": {"resourceVersion": "99"}}));
    source.until("a bookmark", |_| true).await;
    hub.drop_watches();
    source.until("watched again", |_| hub.asked("resourceVersion=99") == 1).await;
    assert_eq!(hub.asked("limit="), 1, "the list was read once");
    // 410 in the stream: read anew; what is missing then is gone.
    hub.put(LIST, vec![cluster("b")]);
    hub.line(LIST, &json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}}).to_string());
    let report = source.until("read anew", |r| r.state.entries == 1).await;
    assert_eq!(names(&report), ["clusters/b"]);
    assert!(report.sighted[0].sighting.gone_at.is_some());
    assert_eq!(report.state.sync, Sync::Watching);
}

#[tokio::test]
async fn a_hub_that_fails_keeps_what_it_said_and_comes_back() {
    let hub = capi(vec![cluster("a")]);
    hub.secret("clusters", "a-kubeconfig", &kubeconfig("t"));
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    source.watching().await;
    hub.with(|s| s.watch_status = Some(503));
    hub.with(|s| s.refused.insert(LIST.to_owned(), 503));
    hub.drop_watches();
    let report = source.until("failing", |r| r.state.sync == Sync::Failing).await;
    assert_eq!(names(&report), ["clusters/a"]);
    assert!(report.sighted[0].target.is_some(), "the way in is kept");
    assert!(
        report.state.next_at.is_some()
            && report.state.failing_since.is_some()
            && report.state.synced_at.is_some()
    );
    assert_eq!(report.state.problems[0].code, "HTTP5XX");
    let since = report.state.failing_since;
    let report = source.until("still failing", |r| r.state.sync == Sync::Failing).await;
    assert_eq!(report.state.failing_since, since);
    hub.with(|s| (s.watch_status, s.refused) = (None, BTreeMap::new()));
    let report = source.watching().await;
    assert!(report.state.problems.is_empty() && report.state.next_at.is_none());
}

#[tokio::test]
async fn what_is_not_served_or_not_allowed_is_said_in_words() {
    let hub = Hub::new();
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    let report = source.until("not served", |r| r.state.sync == Sync::Failing).await;
    assert_eq!(report.state.problems[0].message.as_str(), "the hub does not serve clusters.cluster.x-k8s.io");
    assert_eq!(report.state.problems[0].code, "VERSION");

    let hub = Hub::serving("cluster.x-k8s.io", "v1gamma9", "clusters");
    let mut source = start(&hub, SourceKind::ClusterApi, |job| job.once = true);
    let report = source.until("too new", |_| true).await;
    assert!(report.state.problems[0].message.as_str().contains("v1gamma9"), "{:?}", report.state.problems);

    let hub = Hub::new();
    hub.serve("cluster.x-k8s.io", &["v1beta1"], "clusters");
    let (good, bad) = (
        "/apis/cluster.x-k8s.io/v1beta1/namespaces/good/clusters",
        "/apis/cluster.x-k8s.io/v1beta1/namespaces/bad/clusters",
    );
    let mut mine = cluster("a");
    mine["metadata"]["namespace"] = json!("good");
    hub.put(good, vec![mine]);
    hub.with(|s| s.refused.insert(bad.to_owned(), 403));
    let known = |name: &str| {
        let id = SightingId { source: CleanText::new("mgmt"), reference: CleanText::new(name) };
        Arc::new(Sighting::new(SourceKind::ClusterApi, id, CleanText::new(name), DateTime::UNIX_EPOCH))
    };
    let mut source = start(&hub, SourceKind::ClusterApi, |job| {
        job.spec.spec.namespaces = vec!["good".to_owned(), "bad".to_owned()];
        job.known = vec![known("bad/x")];
    });
    let report = source.watching().await;
    assert_eq!(names(&report), ["bad/x", "good/a"], "what may not be read now is not gone");
    let told: Vec<_> = report.state.problems.iter().map(|p| (p.code, p.subject.as_str())).collect();
    assert!(told.contains(&("HTTP403", "clusters.cluster.x-k8s.io in bad")), "{told:?}");
}

#[tokio::test]
async fn what_is_remembered_is_told_first_and_buried_once_it_is_missing() {
    let hub = capi(vec![cluster("a")]);
    let id = |name: &str| SightingId { source: CleanText::new("mgmt"), reference: CleanText::new(name) };
    let known = ["clusters/a", "clusters/old"].map(|name| {
        Arc::new(Sighting::new(SourceKind::ClusterApi, id(name), CleanText::new(name), DateTime::UNIX_EPOCH))
    });
    let mut source = start(&hub, SourceKind::ClusterApi, |job| job.known = known.to_vec());
    let report = source.until("first", |_| true).await;
    assert_eq!((report.state.sync, report.state.entries), (Sync::Reading, 2));
    let report = source.watching().await;
    assert_eq!(names(&report), ["clusters/a"]);
    assert!(report.sighted[1].sighting.gone_at.is_some());
    assert_eq!(report.sighted[0].sighting.name.as_str(), "a");
}

#[tokio::test]
async fn a_refused_credential_is_read_again_and_told_only_if_it_changed() {
    let hub = capi(vec![cluster("a")]);
    hub.secret("clusters", "a-kubeconfig", &kubeconfig("first"));
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    let report = source.watching().await;
    let (key, id) = (report.sighted[0].identity_key, report.sighted[0].sighting.id.clone());
    let reports = source.reports;
    source.wishes.send(Wish::Renew(id.clone())).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), async {
        while hub.asked("a-kubeconfig") < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    hub.secret("clusters", "a-kubeconfig", &kubeconfig("second"));
    // Wishes that come too close together are one.
    tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            source.wishes.send(Wish::Renew(id.clone())).await.unwrap();
            tokio::select! {
                told = source.told.recv() => {
                    let Some(Told::Source(report)) = told else { panic!("ended") };
                    assert_ne!(report.sighted[0].identity_key, key, "nothing is told that has not changed");
                    return;
                }
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(source.reports, reports);
}

#[tokio::test]
async fn a_secret_that_is_missing_or_denied_is_a_problem_of_that_cluster() {
    let mut young = cluster("young");
    young["status"]["phase"] = json!("Provisioning");
    let hub = capi(vec![cluster("a"), cluster("b"), young]);
    hub.with(|s| s.refused.insert("/api/v1/namespaces/clusters/secrets/b-kubeconfig".to_owned(), 403));
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    let report = source.watching().await;
    let code = |at: usize| report.sighted[at].sighting.problems.iter().map(|p| p.code).collect::<Vec<_>>();
    assert_eq!((code(0), code(1)), (vec!["SECRET_ABSENT"], vec!["SECRET_DENIED"]));
    assert_eq!(code(2), ["SECRET_ABSENT"]);
    assert_eq!(report.state.problems.len(), 2, "nobody expects a Secret of a cluster that is being made");
    // The control plane comes up: the object changes, and the Secret is there.
    hub.secret("clusters", "a-kubeconfig", &kubeconfig("t"));
    hub.event(LIST, "MODIFIED", &cluster("a"));
    source.until("the Secret has come", |r| r.sighted[0].target.is_some()).await;
}

#[tokio::test]
async fn one_bad_object_is_one_problem_and_the_rest_loads() {
    let mut bad = cluster("bad");
    bad["status"]["phase"] = json!(5);
    let hub = capi(vec![cluster("a"), bad, json!({"metadata": 7}), cluster("z")]);
    for name in ["a", "bad", "z"] {
        hub.secret("clusters", &format!("{name}-kubeconfig"), &kubeconfig("t"));
    }
    let mut source = start(&hub, SourceKind::ClusterApi, |job| job.once = true);
    let report = source.until("read", |_| true).await;
    assert_eq!(names(&report), ["clusters/a", "clusters/bad", "clusters/z"]);
    let mut told: Vec<_> = report
        .state
        .problems
        .iter()
        .map(|p| (p.subject.as_str(), p.message.as_str().contains("status.phase"), p.hint.is_some()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("clusters.cluster.x-k8s.io", false, false), ("clusters/bad", true, true)]);
    source.task.await.unwrap();
    assert_eq!(hub.asked("watch="), 0, "once is once");
    assert_eq!(
        (report.state.sync, report.state.how.as_str()),
        (Sync::Polling, "list clusters.cluster.x-k8s.io")
    );
}

#[tokio::test]
async fn once_ends_with_a_failure_too() {
    let hub = capi(vec![]);
    hub.with(|s| s.refused.insert(LIST.to_owned(), 500));
    let mut source = start(&hub, SourceKind::ClusterApi, |job| job.once = true);
    let report = source.until("failed", |_| true).await;
    assert_eq!((report.state.sync, report.state.next_at), (Sync::Failing, None));
    source.task.await.unwrap();
}

#[tokio::test]
async fn argo_secrets_are_selected_by_their_label() {
    let hub = Hub::new();
    let data = json!({"name": STANDARD.encode("eu"), "server": STANDARD.encode("https://eu.example.test"), "config": STANDARD.encode(r#"{"bearerToken":"t"}"#)});
    hub.put("/api/v1/secrets", vec![json!({"metadata": {"name": "eu", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "cluster"}}, "data": data})]);
    let mut source =
        start(&hub, SourceKind::ArgoCd, |job| job.spec.spec.selector = Some("env in (prod)".to_owned()));
    let report = source.watching().await;
    assert!(report.sighted[0].target.is_some());
    let asked = hub.with(|s| s.asked.clone());
    let wanted = "labelSelector=argocd.argoproj.io%2Fsecret-type%3Dcluster%2Cenv+in+%28prod%29";
    assert!(asked.iter().all(|path| path.contains(wanted)), "{asked:?}");
    assert_eq!(report.state.how.as_str(), "watch secrets (argocd.argoproj.io/secret-type=cluster)");
}

#[tokio::test]
async fn a_list_that_may_not_be_watched_is_read_now_and_then() {
    let hub = Hub::serving("cluster.open-cluster-management.io", "v1", "managedclusters");
    let list = "/apis/cluster.open-cluster-management.io/v1/managedclusters";
    hub.put(list, vec![json!({"metadata": {"name": "a"}})]);
    hub.with(|s| s.watch_status = Some(403));
    let mut source = start(&hub, SourceKind::Ocm, |_| {});
    let report =
        source.until("polling", |r| r.state.sync == Sync::Polling && r.state.next_at.is_some()).await;
    assert_eq!(report.state.how.as_str(), "list managedclusters.cluster.open-cluster-management.io");
    hub.put(list, vec![json!({"metadata": {"name": "a"}}), json!({"metadata": {"name": "b"}})]);
    source.until("read again", |r| r.state.entries == 2).await;
}

#[tokio::test]
async fn rancher_does_with_one_of_its_two_resources() {
    let hub = Hub::serving("provisioning.cattle.io", "v1", "clusters");
    hub.put("/apis/provisioning.cattle.io/v1/clusters", vec![json!({"metadata": {"name": "p", "namespace": "fleet-default"}, "status": {"clusterName": "c-m-1", "clientSecretName": "p-kubeconfig"}})]);
    hub.secret("fleet-default", "p-kubeconfig", &kubeconfig("t"));
    let mut source = start(&hub, SourceKind::Rancher, |_| {});
    let report = source.watching().await;
    assert_eq!(names(&report), ["fleet-default/p"]);
    assert!(report.sighted[0].target.is_some());
    assert!(
        report
            .state
            .problems
            .iter()
            .any(|p| p.message.as_str() == "the hub does not serve clusters.management.cattle.io")
    );
}

#[tokio::test]
async fn ten_thousand_objects_make_few_reports() {
    let objects: Vec<_> = (0..10_000).map(|n| json!({"metadata": {"name": format!("m{n}")}, "status": {"version": {"kubernetes": "v1.33.6"}}})).collect();
    let hub = Hub::serving("cluster.open-cluster-management.io", "v1", "managedclusters");
    hub.put("/apis/cluster.open-cluster-management.io/v1/managedclusters", objects);
    let mut source = start(&hub, SourceKind::Ocm, |_| {});
    let report = source.watching().await;
    assert_eq!(report.state.entries, 10_000);
    assert_eq!(hub.asked("limit=500"), 20);
    assert!(source.reports < 100, "{} reports", source.reports);
    assert_eq!(hub.watched(), 1);
}

#[tokio::test]
async fn a_source_that_cannot_be_is_told_with_its_place() {
    let hub = Hub::new();
    for (kind, namespaces) in [(SourceKind::Eks, vec![]), (SourceKind::ClusterApi, vec!["../x".to_owned()])] {
        let mut source = start(&hub, kind, |job| job.spec.spec.namespaces = namespaces);
        let report = source.until("refused", |_| true).await;
        assert_eq!((report.state.sync, report.state.problems[0].code), (Sync::Failing, "BAD_SOURCE"));
        assert_eq!(report.state.problems[0].origin.as_ref().unwrap().line, Some(3));
        source.task.await.unwrap();
    }
    let codes: BTreeSet<_> = hub.with(|s| s.asked.iter().cloned().collect());
    assert!(codes.is_empty());
}

#[tokio::test]
async fn a_control_plane_adds_its_version_to_its_cluster_and_is_no_row() {
    let hub = capi(vec![cluster("a")]);
    hub.secret("clusters", "a-kubeconfig", &kubeconfig("t"));
    hub.serve("controlplane.cluster.x-k8s.io", &["v1beta2"], "kubeadmcontrolplanes");
    let list = "/apis/controlplane.cluster.x-k8s.io/v1beta2/kubeadmcontrolplanes";
    let plane = |running: &str| {
        json!({"metadata": {"name": "a", "namespace": "clusters", "labels": {"cluster.x-k8s.io/cluster-name": "a"}},
            "spec": {"version": "v1.35.4"}, "status": {"version": running}})
    };
    hub.put(list, vec![plane("v1.34.8"), json!({"metadata": {"name": "b", "namespace": "clusters"}})]);
    let mut source = start(&hub, SourceKind::ClusterApi, |_| {});
    let running = |r: &SourceReport, text: &str| {
        r.sighted.len() == 1
            && r.sighted[0].sighting.facts.version.as_ref().is_some_and(|v| v.to_string() == text)
    };
    let report =
        source.until("the version", |r| running(r, "v1.34.8") && r.state.sync == Sync::Watching).await;
    let facts = &report.sighted[0].sighting.facts;
    assert_eq!(facts.wanted_version.as_ref().unwrap().to_string(), "v1.35.4");
    assert!(report.state.problems.is_empty(), "{:?}", report.state.problems);
    assert!(report.sighted[0].target.is_some());
    assert_eq!(report.state.how.as_str(), "watch clusters.cluster.x-k8s.io");
    hub.event(list, "MODIFIED", &plane("v1.35.4"));
    let report = source.until("upgraded", |r| running(r, "v1.35.4")).await;
    assert_eq!(report.sighted[0].sighting.facts.wanted_version, None);
}

#[tokio::test]
async fn profiles_belong_to_the_set_of_their_namespace() {
    let hub = Hub::serving("multicluster.x-k8s.io", "v1alpha1", "clusterprofiles");
    let list = "/apis/multicluster.x-k8s.io/v1alpha1/clusterprofiles";
    let profile = |namespace: &str| json!({"metadata": {"name": "p", "namespace": namespace}});
    hub.put(list, vec![profile("prod"), profile("other")]);
    hub.put(
        "/api/v1/namespaces",
        vec![json!({"metadata": {"name": "prod", "labels": {"multicluster.x-k8s.io/clusterset": "blue"}}})],
    );
    let mut source = start(&hub, SourceKind::ClusterProfile, |_| {});
    let report = source.watching().await;
    let sets: Vec<_> = report
        .sighted
        .iter()
        .map(|s| s.sighting.properties.get(&CleanText::new("clusterset")).map(ToString::to_string))
        .collect();
    assert_eq!(names(&report), ["other/p", "prod/p"]);
    assert_eq!(sets, [None, Some("blue".to_owned())]);
    assert!(hub.with(|s| {
        s.asked.iter().all(|a| !a.starts_with("/api/v1/namespaces?") || a.contains("labelSelector="))
    }));
    assert_eq!(report.state.how.as_str(), "watch clusterprofiles.multicluster.x-k8s.io");
}

#[tokio::test]
async fn health_grows_old_without_a_word_from_the_hub() {
    let hub = Hub::serving("cluster.kubernetes-fleet.io", "v1", "memberclusters");
    let start_at = "2026-11-02T08:00:00Z".parse().unwrap();
    let clock = Clock::manual(start_at);
    let agent = json!({"type": "MemberAgent", "lastReceivedHeartbeat": "2026-11-02T08:00:00Z", "conditions": [{"type": "Healthy", "status": "True"}]});
    let member = json!({"metadata": {"name": "m"}, "spec": {"heartbeatPeriodSeconds": 15}, "status": {"agentStatus": [agent]}});
    hub.put("/apis/cluster.kubernetes-fleet.io/v1/memberclusters", vec![member]);
    let mut source = start(&hub, SourceKind::KubeFleet, |job| job.means.clock = clock.clone());
    let healthy = |r: &SourceReport| r.sighted[0].sighting.facts.health.as_ref().unwrap().healthy;
    let report = source.watching().await;
    assert_eq!(healthy(&report), crate::fleet::Truth::Yes);
    clock.advance(chrono::Duration::seconds(76));
    source.until("unknown", |r| healthy(r) == crate::fleet::Truth::Unknown).await;
}
