use futures::{AsyncBufReadExt, TryStreamExt};
use http::Request;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use super::*;
use crate::fleet::ErrorCode;

const LIST: &str =
    r#"{"apiVersion":"v1","kind":"ConfigMapList","metadata":{},"items":[{"metadata":{"name":"a"}}]}"#;

fn writing() -> Access {
    Access::new(Settings { read_only: false, ..settings() }, Clock::system()).unwrap()
}

fn maps(access: &Access, target: Target) -> Api<ConfigMap> {
    Api::default_namespaced(access.client(&Arc::new(target)).unwrap())
}

fn map() -> ConfigMap {
    serde_json::from_str(r#"{"metadata":{"name":"a"}}"#).unwrap()
}

#[tokio::test]
async fn it_reads_over_kept_connections_with_our_headers() {
    let server = serve(None, |_| vec![ok(LIST)]);
    let mut target = plain(&server);
    target.server.path = "/front".to_owned();
    target.namespace = "team".to_owned();
    target.credential = Credential::Token(Arc::new("tok".to_owned().into()));
    let access = access();
    let api = maps(&access, target);
    for _ in 0..3 {
        assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
    }
    assert_eq!(server.connections(), 1);
    let head = server.heads().pop().unwrap();
    assert!(head.starts_with("GET /front/api/v1/namespaces/team/configmaps?"), "{head}");
    assert_eq!(header(&head, "authorization"), Some("Bearer tok"));
    assert_eq!(header(&head, "host"), Some(&*server.addr.to_string()));
    drop(api);
    until("every socket is given back", || access.sockets() == 0).await;
}

#[tokio::test]
async fn a_read_on_a_stale_connection_is_asked_again() {
    let server = serve(None, |_| vec![ok(LIST), Act::Close]);
    let access = access();
    let api = maps(&access, plain(&server));
    for _ in 0..3 {
        assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 1);
    }
    assert_eq!(server.heads().len(), 3);
}

#[tokio::test]
async fn a_read_only_client_sends_no_write() {
    let server = serve(None, |_| vec![ok(LIST)]);
    let access = access();
    let api = maps(&access, plain(&server));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let error = api.create(&dry, &map()).await.unwrap_err();
    let failure = client_failure(&error);
    assert_eq!(failure.code, ErrorCode::Config);
    assert!(failure.message.as_str().contains("read-only"), "{failure}");
    assert!(api.delete("a", &DeleteParams::default()).await.is_err());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_comes_of_it() {
    let refused = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"slow down","reason":"TooManyRequests","code":429,"details":{"retryAfterSeconds":3600}}"#;
    for (acts, code) in [
        (vec![Act::Close], ErrorCode::Tcp),
        (vec![reply("429 Too Many Requests", "application/json", refused)], ErrorCode::Http429),
        (vec![reply("401 Unauthorized", "text/plain", "")], ErrorCode::Http401),
        (vec![reply("504 Gateway Timeout", "text/html", "<html>")], ErrorCode::Http5xx),
    ] {
        let acts = Mutex::new(Some(acts));
        let server = serve(None, move |head| {
            if head.starts_with("GET") { vec![ok(LIST)] } else { acts.lock().unwrap().take().unwrap() }
        });
        let access = writing();
        let api = maps(&access, plain(&server));
        api.list(&ListParams::default()).await.unwrap();
        let failure = client_failure(&api.create(&PostParams::default(), &map()).await.unwrap_err());
        assert_eq!(failure.code, code, "{failure}");
        let posts = server.heads().iter().filter(|head| head.starts_with("POST")).count();
        assert_eq!(posts, 1);
        assert_eq!(server.connections(), 2, "a write has a connection of its own");
        if code == ErrorCode::Http429 {
            assert_eq!(failure.retry_after, Some(Duration::from_secs(30)));
        }
    }
}

#[tokio::test]
async fn bodies_and_lines_of_a_watch_have_their_caps() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = serve(None, move |_| {
        vec![raw(head), Act::Flood(format!("1000\r\n{}\r\n", "x".repeat(4096)).into_bytes())]
    });
    let mut settings = settings();
    settings.caps.action_body = 1 << 20;
    settings.caps.watch_line = 1 << 20;
    let access = Access::new(settings, Clock::system()).unwrap();
    let failure =
        client_failure(&maps(&access, plain(&server)).list(&ListParams::default()).await.unwrap_err());
    assert_eq!(failure.code, ErrorCode::Parse, "{failure}");
    assert!(failure.message.as_str().contains("the answer is larger than 1 MiB"), "{failure}");
    let client = access.client(&Arc::new(plain(&server))).unwrap();
    let request = Request::get("/api/v1/configmaps?watch=true").body(Vec::new()).unwrap();
    let mut lines = client.request_stream(request).await.unwrap().lines();
    let error = lines.try_next().await.unwrap_err();
    assert!(format!("{error:?}").contains("a line of the answer is larger than 1 MiB"), "{error:?}");
}

#[tokio::test]
async fn a_long_watch_of_short_lines_goes_on() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = format!("1000\r\n{}\n\r\n", "x".repeat(4095));
    let server = serve(None, move |_| vec![raw(head), Act::Flood(line.clone().into_bytes())]);
    let mut settings = settings();
    settings.caps.action_body = 1 << 16;
    settings.caps.watch_line = 1 << 13;
    let access = Access::new(settings, Clock::system()).unwrap();
    let client = access.client(&Arc::new(plain(&server))).unwrap();
    let request = Request::get("/api/v1/configmaps?watch=true").body(Vec::new()).unwrap();
    let mut lines = client.request_stream(request).await.unwrap().lines();
    for _ in 0..100 {
        assert_eq!(lines.try_next().await.unwrap().unwrap().len(), 4095);
    }
}

#[tokio::test]
async fn a_body_that_stops_ends() {
    let server = serve(None, |_| vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), Act::Stall]);
    let mut settings = settings();
    settings.deadlines.idle = Duration::from_millis(200);
    let access = Access::new(settings, Clock::system()).unwrap();
    let failure =
        client_failure(&maps(&access, plain(&server)).list(&ListParams::default()).await.unwrap_err());
    assert_eq!(failure.code, ErrorCode::Timeout, "{failure}");
}
