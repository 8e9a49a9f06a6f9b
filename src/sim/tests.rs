//! The fleet from outside, through sockets, with a client of rustls and hyper alone.

mod client;
mod faults;
mod hubs;
mod reading;
mod watching;
mod writing;

use chrono::DateTime;
use serde_json::Value;

use self::client::{Client, Way};
use super::*;

/// A calm fleet of so many clusters.
async fn calm(clusters: usize) -> Sim {
    let blueprint = Blueprint { clusters, seed: 11, troubled: false, live: false, hubs: false };
    start(blueprint, Clock::system()).await.unwrap()
}

#[tokio::test]
async fn every_trouble_of_the_default_fleet_shows_from_outside() {
    let sim = start(Blueprint { live: false, ..Blueprint::default() }, Clock::system()).await.unwrap();
    let mut seen = 0;
    for cluster in sim.clusters().iter().filter(|cluster| cluster.truth.trouble != Trouble::None) {
        let client = Client::of(&sim, cluster);
        let name = &cluster.name;
        seen += 1;
        match cluster.truth.trouble {
            Trouble::Refused => {
                let error = client.get("/version").await.unwrap_err();
                assert!(error.contains("refused"), "{name}: {error}");
            }
            Trouble::BlackHoled => {
                let waiting = tokio::time::timeout(Duration::from_millis(300), client.get("/version"));
                assert!(waiting.await.is_err(), "{name} answered");
            }
            Trouble::SignedOut => assert_eq!(client.get("/api/v1/nodes").await.unwrap().code, 401, "{name}"),
            Trouble::Slow(ms) => {
                let before = Clock::system().tick();
                assert_eq!(client.get("/version").await.unwrap().code, 200);
                assert!(before.elapsed() >= Duration::from_millis(ms), "{name}");
            }
            Trouble::Degraded => {
                let answer = client.get("/readyz?verbose").await.unwrap();
                assert_eq!(answer.code, 500);
                assert!(answer.text().contains("[-]etcd failed"), "{name}");
            }
            Trouble::CertificateEnds(days) => {
                let left = client.certificate_ends().await - Clock::system().now().timestamp();
                assert_eq!((left + 3_600) / 86_400, i64::from(days), "{name}");
            }
            Trouble::NodesForbidden => {
                assert_eq!(client.get("/api/v1/nodes").await.unwrap().code, 403, "{name}");
                assert_eq!(client.get("/api/v1/namespaces/kube-system").await.unwrap().code, 200);
            }
            Trouble::RateLimited(seconds) => {
                let answer = client.get("/api/v1/nodes").await.unwrap();
                assert_eq!((answer.code, answer.header("retry-after")), (429, seconds.to_string()));
            }
            Trouble::Flapping => assert_eq!(client.get("/api/v1/nodes").await.unwrap().code, 200),
            Trouble::None => {}
        }
    }
    assert!(seen >= 12, "{seen}");
    sim.stop().await;
}

#[tokio::test]
async fn the_same_seed_serves_the_same_objects() {
    let now = DateTime::from_timestamp(Clock::system().now().timestamp(), 0).unwrap();
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let blueprint = Blueprint { clusters: 2, live: false, ..Blueprint::default() };
        let sim = start(blueprint, Clock::manual(now)).await.unwrap();
        let client = Client::first(&sim);
        let mut all = String::new();
        for kind in kinds::KINDS.iter().filter(|kind| kind.stored && kind.on == kinds::On::All) {
            let group = if kind.group.is_empty() { "api".to_owned() } else { format!("apis/{}", kind.group) };
            let answer = client.get(&format!("/{group}/{}/{}", kind.version, kind.plural)).await.unwrap();
            assert_eq!(answer.code, 200, "{}", kind.plural);
            all.push_str(&answer.text());
        }
        bodies.push(all);
        sim.stop().await;
    }
    assert!(bodies[0].len() > 20_000);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn the_kubeconfig_names_every_cluster_and_only_few_people() {
    let sim = calm(60).await;
    let dir = tempfile::tempdir().unwrap();
    let path = sim.write(&dir.path().join("made")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let config: Value = serde_saphyr::from_str(&text).unwrap();
    let len = |field: &str| config[field].as_array().unwrap().len();
    assert_eq!((len("clusters"), len("contexts")), (60, 60));
    assert!((2..=6).contains(&len("users")), "{}", len("users"));
    assert_eq!(config["contexts"][0]["context"]["cluster"], sim.clusters()[0].name.as_str());
    assert_eq!(config["clusters"][0]["cluster"]["server"], sim.clusters()[0].url.as_str());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_certificate_or_token_of_the_kubeconfig_signs_in_and_others_do_not() {
    let sim = calm(60).await;
    let who =
        |answer: client::Answer| answer.json()["status"]["userInfo"]["username"].as_str().map(str::to_owned);
    let review = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = r#"{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}"#;
    for person in Person::ALL.into_iter().filter(|person| *person != Person::Auditor) {
        let cluster = sim.clusters().iter().find(|cluster| cluster.truth.person == person).unwrap();
        let answer = Client::of(&sim, cluster).post(review, body).await.unwrap();
        assert_eq!((answer.code, who(answer).as_deref()), (201, Some(person.user())));
    }
    let mut client = Client::first(&sim);
    client.way = Way::Nobody;
    assert_eq!(client.get("/version").await.unwrap().code, 200);
    let answer = client.get("/api/v1/nodes").await.unwrap();
    assert_eq!(answer.code, 403);
    assert!(answer.text().contains("User \\\"system:anonymous\\\" cannot list resource \\\"nodes\\\""));
    client.way = Way::Token("not-a-token".into());
    let answer = client.get("/version").await.unwrap();
    assert_eq!((answer.code, answer.json()["reason"].as_str()), (401, Some("Unauthorized")));
    let stranger = pki::Pki::new(Clock::system().now()).unwrap();
    let (certificate, key) = stranger.person("root", &["system:masters"], 10).unwrap();
    client.way = Way::Certificate(certificate, key);
    assert_eq!(client.get("/version").await.unwrap().code, 401);
    sim.stop().await;
}

#[tokio::test]
async fn impersonation_needs_the_right_and_then_counts() {
    let sim = calm(60).await;
    let platform = sim.clusters().iter().find(|cluster| cluster.truth.person == Person::Platform).unwrap();
    let edge = sim.clusters().iter().find(|cluster| cluster.truth.person == Person::Edge).unwrap();
    let ask = |cluster| {
        let client = Client::of(&sim, cluster);
        async move {
            let headers = [("impersonate-user", "somebody"), ("impersonate-group", "acme:audit")];
            client.send("GET", "/api/v1/nodes", &headers, "").await.unwrap()
        }
    };
    assert!(ask(platform).await.text().contains("User \\\"somebody\\\" cannot list resource"));
    assert!(ask(edge).await.text().contains("cannot impersonate resource \\\"users\\\""));
    sim.stop().await;
}

#[tokio::test]
async fn the_audit_has_every_request_with_who_and_what_came_of_it() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    client.get("/version").await.unwrap();
    client.get("/api/v1/namespaces/none?x=1").await.unwrap();
    let lines = sim.audit();
    assert_eq!(lines.len(), 2);
    assert_eq!((lines[0].path.as_str(), lines[0].code), ("/version", 200));
    assert_eq!((lines[1].path.as_str(), lines[1].code), ("/api/v1/namespaces/none?x=1", 404));
    assert_eq!((lines[1].method.as_str(), lines[1].user_agent.as_str()), ("GET", "sim-test"));
    assert_eq!(lines[1].user, sim.clusters()[0].truth.person.user());
    sim.stop().await;
}

#[tokio::test]
async fn a_stopped_fleet_refuses_connections() {
    let sim = calm(2).await;
    let client = Client::first(&sim);
    assert_eq!(client.get("/version").await.unwrap().code, 200);
    let address = client.address;
    sim.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_live_fleet_moves_by_itself() {
    let blueprint = Blueprint { clusters: 1, seed: 11, troubled: false, live: true, hubs: false };
    let sim = start(blueprint, Clock::system()).await.unwrap();
    let client = Client::first(&sim);
    let list = client.get("/api/v1/nodes?limit=1").await.unwrap().json();
    let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
    let mut lines = client.watch(&format!("/api/v1/nodes?watch=true&resourceVersion={revision}")).await;
    assert_eq!(lines.next().await.unwrap()["type"], "MODIFIED");
    sim.stop().await;
}
