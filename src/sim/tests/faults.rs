//! Every fault, switched on, seen from outside, and switched off again.

use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::calm;
use super::client::Client;
use crate::sim::{Clock, Fault, Hostile, Refusal, Route, Sim, Stage, TlsFault};

const NODES: &str = "/api/v1/nodes";

fn set(sim: &Sim, route: Route, fault: Option<Fault>) {
    sim.set_fault(&sim.clusters()[0].name, route, fault);
}

#[tokio::test]
async fn refusals_have_their_code_reason_and_content() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    for (refusal, code, reason) in [
        (Refusal::Unauthorized, 401, "Unauthorized"),
        (Refusal::Forbidden, 403, "Forbidden"),
        (Refusal::ForbiddenHtml, 403, ""),
        (Refusal::GroupMissing, 404, "NotFound"),
        (Refusal::Conflict, 409, "Conflict"),
        (Refusal::Expired, 410, "Expired"),
        (Refusal::UnsupportedMediaType, 415, "UnsupportedMediaType"),
        (Refusal::Invalid, 422, "Invalid"),
        (Refusal::Internal, 500, "InternalError"),
        (Refusal::BadGatewayHtml, 502, ""),
        (Refusal::Unavailable, 503, "ServiceUnavailable"),
    ] {
        set(&sim, Route::Nodes, Some(Fault::Refusal(refusal)));
        let answer = client.get(NODES).await.unwrap();
        assert_eq!(answer.code, code, "{refusal:?}");
        if reason.is_empty() {
            assert!(
                answer.header("content-type").starts_with("text/html")
                    && answer.text().starts_with("<!DOCTYPE")
            );
        } else {
            let status = answer.json();
            assert_eq!(
                (status["kind"].as_str(), status["reason"].as_str()),
                (Some("Status"), Some(reason)),
                "{refusal:?}"
            );
            assert_eq!(status["code"].as_u64(), Some(u64::from(code)));
        }
        assert_eq!(client.get("/version").await.unwrap().code, 200);
    }
    set(&sim, Route::Nodes, None);
    assert_eq!(client.get(NODES).await.unwrap().code, 200);
    sim.stop().await;
}

#[tokio::test]
async fn too_many_requests_says_whatever_it_is_told_about_when_to_come_again() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    for retry_after in [None, Some("1"), Some("4294967295"), Some("soon")] {
        let fault = Fault::TooManyRequests { retry_after: retry_after.map(str::to_owned) };
        set(&sim, Route::All, Some(fault));
        let answer = client.get("/version").await.unwrap();
        assert_eq!(
            (answer.code, answer.header("retry-after").as_str()),
            (429, retry_after.unwrap_or_default())
        );
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_gateway_timeout_hides_whether_the_write_happened() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let path = "/api/v1/namespaces/default/configmaps";
    for (committed, name, code) in [(false, "lost", 404), (true, "kept", 200)] {
        set(&sim, Route::Path(path.into()), Some(Fault::GatewayTimeout { committed }));
        let body = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}});
        assert_eq!(client.write("POST", path, &body).await.code, 504);
        set(&sim, Route::Path(path.into()), None);
        assert_eq!(client.get(&format!("{path}/{name}")).await.unwrap().code, code);
    }
    sim.stop().await;
}

#[tokio::test]
async fn answers_that_are_not_what_they_should_be() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let with = async |fault: Fault| {
        set(&sim, Route::Nodes, Some(fault));
        client.get(NODES).await.unwrap()
    };
    let answer = with(Fault::Redirect("https://elsewhere.example/".into())).await;
    assert_eq!((answer.code, answer.header("location").as_str()), (302, "https://elsewhere.example/"));
    let answer = with(Fault::Html).await;
    assert!(answer.code == 200 && answer.text().contains("<html>"));
    let answer = with(Fault::ContentType("text/csv".into())).await;
    assert_eq!(
        (answer.header("content-type").as_str(), answer.json()["kind"].as_str()),
        ("text/csv", Some("NodeList"))
    );
    let answer = with(Fault::TruncatedJson).await;
    assert!(answer.code == 200 && serde_json::from_slice::<Value>(&answer.body).is_err());
    assert_eq!(with(Fault::WrongKind).await.json()["kind"], "ConfigMapList");
    assert!(with(Fault::NullItems).await.json()["items"].is_null());
    assert_eq!(
        with(Fault::Warning("old \u{1b}[31m version".into())).await.header("warning"),
        "299 - \"old [31m version\""
    );
    let date = with(Fault::DateSkew { seconds: 86_400 }).await.header("date");
    let date = chrono::NaiveDateTime::parse_from_str(&date, "%a, %d %b %Y %H:%M:%S GMT").unwrap().and_utc();
    assert!((date - Clock::system().now()).num_hours() >= 23);
    set(&sim, Route::Readyz, Some(Fault::Unready("informer-sync".into())));
    let answer = client.get("/readyz?verbose").await.unwrap();
    assert!(answer.code == 500 && answer.text().contains("[-]informer-sync failed"));
    sim.stop().await;
}

#[tokio::test]
async fn hostile_text_comes_in_names_versions_health_and_headers() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    set(&sim, Route::All, Some(Fault::Hostile(Hostile::Escapes)));
    let node = client.get(NODES).await.unwrap().json()["items"][0].clone();
    assert!(node["metadata"]["name"].as_str().unwrap().contains('\u{1b}'));
    assert!(node["status"]["nodeInfo"]["kubeletVersion"].as_str().unwrap().contains('\u{202e}'));
    assert!(client.get("/version").await.unwrap().json()["gitVersion"].as_str().unwrap().contains('\u{9b}'));
    let answer = client.get("/readyz?verbose").await.unwrap();
    assert!(answer.body.contains(&0x1b) && answer.header("warning").contains('\u{9b}'));
    set(&sim, Route::All, Some(Fault::Hostile(Hostile::InvalidUtf8)));
    assert!(std::str::from_utf8(&client.get("/version").await.unwrap().body).is_err());
    set(&sim, Route::All, Some(Fault::Hostile(Hostile::RawControls)));
    assert!(client.get("/version").await.unwrap().body.contains(&0));
    sim.stop().await;
}

#[tokio::test]
async fn big_bodies_are_made_while_they_are_sent() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    set(&sim, Route::Nodes, Some(Fault::HugeList { bytes: 3_000_000 }));
    let answer = client.get(NODES).await.unwrap();
    assert!(answer.body.len() > 3_000_000 && answer.json()["kind"] == "NodeList");
    let table = client.get_as(NODES, "application/json;as=Table;v=v1;g=meta.k8s.io").await;
    assert!(table.body.len() > 3_000_000 && table.json()["kind"] == "Table");
    // Endless for all that a client can take: only the beginning is read, the rest was never held anywhere.
    set(&sim, Route::Nodes, Some(Fault::HugeList { bytes: 500_000_000_000 }));
    let mut response = client.open("GET", NODES, &[], "").await.unwrap();
    assert!(
        response.frame().await.unwrap().unwrap().into_data().unwrap().starts_with(b"{\"kind\":\"NodeList\"")
    );
    drop(response);
    set(&sim, Route::Nodes, Some(Fault::GiantLine { bytes: 2_000_000 }));
    let answer = client.get(&format!("{NODES}?watch=true")).await.unwrap();
    assert_eq!(answer.text().lines().count(), 1);
    assert!(answer.body.len() > 2_000_000);
    set(&sim, Route::Nodes, Some(Fault::GzipBomb { bytes: 100_000_000 }));
    let answer = client.get(NODES).await.unwrap();
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.body.starts_with(&[0x1f, 0x8b]) && answer.body.len() < 1_000_000);
    sim.stop().await;
}

#[tokio::test]
async fn silence_and_breaks_come_where_they_are_put() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let short = Duration::from_millis(300);
    set(&sim, Route::Nodes, Some(Fault::Silence(Stage::BeforeHeaders)));
    assert!(tokio::time::timeout(short, client.open("GET", NODES, &[], "")).await.is_err());
    for (stage, bytes) in [(Stage::AfterHeaders, false), (Stage::MidBody, true)] {
        set(&sim, Route::Nodes, Some(Fault::Silence(stage)));
        let mut response = client.open("GET", NODES, &[], "").await.unwrap();
        assert_eq!(response.status(), 200);
        let mut got = 0;
        // The body never ends: what comes, comes, and then there is only waiting.
        while let Ok(frame) = tokio::time::timeout(short, response.frame()).await {
            got += frame.expect("no end").unwrap().into_data().unwrap().len();
        }
        assert_eq!(got > 0, bytes, "{stage:?}");
    }
    set(&sim, Route::Nodes, Some(Fault::MidChunk));
    assert!(client.open("GET", NODES, &[], "").await.is_ok());
    let error = client.get(NODES).await.unwrap_err();
    assert!(error.contains("IncompleteMessage") || error.contains("UnexpectedEof"), "{error}");
    set(&sim, Route::Nodes, Some(Fault::Reset));
    let error = client.get(NODES).await.unwrap_err();
    assert!(error.contains("ConnectionReset"), "{error}");
    let unanswered = || sim.audit().iter().filter(|line| line.code == 0).count();
    assert_eq!(unanswered(), 2);
    let base = Duration::from_mins(10);
    set(&sim, Route::Version, Some(Fault::Latency { base, tail: Duration::ZERO }));
    assert!(tokio::time::timeout(short, client.get("/version")).await.is_err());
    // The server notices in its own time that the client is gone; each request gives it some.
    for _ in 0..2_000 {
        assert_eq!(client.get("/healthz").await.unwrap().code, 200);
        if unanswered() == 3 {
            return sim.stop().await;
        }
    }
    panic!("a request that was given up is not in the audit");
}

#[tokio::test]
async fn a_reset_of_one_route_leaves_the_others() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    set(&sim, Route::Nodes, Some(Fault::Reset));
    assert!(client.get(NODES).await.is_err());
    assert_eq!(client.get("/version").await.unwrap().code, 200);
    sim.stop().await;
}

#[tokio::test]
async fn latency_and_dripping_take_their_time() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let clock = Clock::system();
    let (base, tail) = (Duration::from_millis(120), Duration::from_micros(1));
    set(&sim, Route::Version, Some(Fault::Latency { base, tail }));
    let before = clock.tick();
    assert_eq!(client.get("/version").await.unwrap().code, 200);
    assert!(before.elapsed() >= base);
    set(&sim, Route::Version, Some(Fault::Drip { bytes: 50, every: Duration::from_millis(20) }));
    let before = clock.tick();
    let answer = client.get("/version").await.unwrap();
    assert!(answer.code == 200 && answer.body.len() > 200);
    assert!(before.elapsed() >= Duration::from_millis(80), "{:?}", before.elapsed());
    sim.stop().await;
}

#[tokio::test]
async fn certificates_go_wrong_in_each_way_and_right_again() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    for (fault, expect) in [
        (TlsFault::Expired, "expired"),
        (TlsFault::NotYetValid, "not valid yet"),
        (TlsFault::WrongName, "not valid for name"),
        (TlsFault::UnknownAuthority, "BadSignature"),
    ] {
        set(&sim, Route::Connect, Some(Fault::Tls(fault)));
        let error = client.get("/version").await.unwrap_err();
        assert!(error.contains(expect), "{fault:?}: {error}");
    }
    set(&sim, Route::Connect, None);
    assert_eq!(client.get("/version").await.unwrap().code, 200);
    sim.stop().await;
}

#[tokio::test]
async fn a_port_is_closed_held_and_opened_again() {
    let sim = calm(1).await;
    let client = Client::first(&sim);
    let opens = async |wanted: bool| {
        // The door turns in its own task; each try gives it time.
        for _ in 0..2_000 {
            if client.get("/version").await.is_ok() == wanted {
                return true;
            }
        }
        false
    };
    for _ in 0..3 {
        set(&sim, Route::Connect, Some(Fault::Refuse));
        assert!(opens(false).await);
        let error = client.get("/version").await.unwrap_err();
        assert!(error.contains("refused"), "{error}");
        set(&sim, Route::Connect, None);
        assert!(opens(true).await);
    }
    set(&sim, Route::Connect, Some(Fault::Silence(Stage::Accept)));
    assert!(tokio::time::timeout(Duration::from_millis(200), client.get("/version")).await.is_err());
    set(&sim, Route::Connect, Some(Fault::Reset));
    assert!(client.get("/version").await.is_err());
    sim.stop().await;
}
