use super::*;
use crate::fleet::ErrorCode;

#[tokio::test]
async fn asks_go_over_one_kept_connection_with_the_headers_of_the_target() {
    let server = serve(None, |_| vec![ok(r#"{"gitVersion":"v1.35.1"}"#)]);
    let mut target = plain(&server);
    target.server.path = "/k8s/clusters/c-1/".to_owned();
    target.credential = Credential::Token(Arc::new("secret-token".to_owned().into()));
    target.impersonation = Some(Impersonation {
        user: "jane".to_owned(),
        groups: vec!["a".to_owned(), "b".to_owned()],
        ..Impersonation::default()
    });
    let access = access();
    let mut link = access.link(Arc::new(target));
    assert!(!link.is_open());
    for _ in 0..3 {
        let reply = link.get(&VERSION).await.unwrap();
        assert_eq!((reply.status, reply.failure()), (200, None));
        assert_eq!(reply.json::<serde_json::Value>().unwrap()["gitVersion"], "v1.35.1");
    }
    assert!(link.is_open());
    assert_eq!((server.connections(), access.sockets()), (1, 1));
    assert_eq!(link.origin_key(), server.addr.to_string());
    let head = server.heads().pop().unwrap();
    assert!(head.starts_with("GET /k8s/clusters/c-1/version HTTP/1.1\r\n"), "{head}");
    for (name, value) in [
        ("authorization", "Bearer secret-token"),
        ("accept", "application/json"),
        ("host", &server.addr.to_string()),
        ("impersonate-user", "jane"),
        ("impersonate-group", "a"),
    ] {
        assert_eq!(header(&head, name), Some(value));
    }
    assert_eq!(header(&head, "accept-encoding"), None, "nothing compressed is asked for");
    assert!(header(&head, "user-agent").unwrap().starts_with("fleetglass/"));
    link.close();
    assert!(!link.is_open());
    until("the socket is given back", || access.sockets() == 0).await;
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_dialled_again() {
    let server = serve(None, |_| vec![ok("{}"), Act::Close]);
    let access = access();
    let mut link = access.link(Arc::new(plain(&server)));
    for round in 1..4 {
        assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
        assert_eq!(server.heads().len(), round);
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_fresh_connection_closed_without_an_answer_is_not_asked_again() {
    let server = serve(None, |_| vec![Act::Close]);
    let failure = ask(plain(&server)).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Tcp, "{failure}");
    assert!(failure.message.as_str().ends_with(&server.addr.to_string()), "{failure}");
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed_and_the_credential_goes_nowhere_else() {
    let other = serve(None, |_| vec![ok("{}")]);
    let location = format!("Location: http://{}/login?next=x\r\n", other.addr);
    let server = serve(None, move |_| {
        vec![raw(&format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"))]
    });
    let mut target = plain(&server);
    target.credential = Credential::Token(Arc::new("t".to_owned().into()));
    let reply = ask(target).await.unwrap();
    let failure = reply.failure().unwrap();
    assert_eq!(failure.code, ErrorCode::Http);
    assert_eq!(failure.message.as_str(), format!("302 redirects to {}, not followed", other.addr));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn hostile_answers_are_typed_failures() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let flood = || Act::Flood(format!("1000\r\n{}\r\n", "x".repeat(4096)).into_bytes());
    let cases: Vec<(&str, Vec<Act>, &str)> = vec![
        (
            "500 MB announced",
            vec![raw(&format!("{head}Content-Length: 524288000\r\n\r\n{{"))],
            "larger than 8 MiB",
        ),
        ("endless chunks", vec![raw(&format!("{head}{chunked}")), flood()], "larger than 8 MiB"),
        (
            "cut body",
            vec![raw(&format!("{head}Content-Length: 100\r\n\r\n{{\"a\":")), Act::Close],
            "cut short",
        ),
        ("cut chunk", vec![raw(&format!("{head}{chunked}10\r\n{{\"a\"")), Act::Close], "cut short"),
        ("bad chunk", vec![raw(&format!("{head}{chunked}zz\r\n"))], "HTTP"),
        ("not HTTP", vec![raw("SSH-2.0-OpenSSH_9.9\r\n\r\n")], "not HTTP/1.1"),
        ("endless head", vec![raw("HTTP/1.1 200 OK\r\nX: "), Act::Flood(vec![b'x'; 4096])], "too large"),
    ];
    for (name, acts, words) in cases {
        let acts = Mutex::new(Some(acts));
        let server = serve(None, move |_| acts.lock().unwrap().take().unwrap_or_default());
        let failure = ask(plain(&server)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Parse, "{name}: {failure}");
        assert!(failure.message.as_str().contains(words), "{name}: {failure}");
    }
    for (kind, words) in [
        ("text/plain", "answered text/plain where JSON was asked for"),
        ("application/octet-stream", "answered application/octet-stream"),
    ] {
        let server = serve(None, move |_| vec![reply("200 OK", kind, r#"{"gitVersion":"v1.35.1"}"#)]);
        let failure = ask(plain(&server)).await.unwrap().not_json().unwrap();
        assert!(failure.code == ErrorCode::Parse && failure.message.as_str().contains(words), "{failure}");
    }
    let bomb = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n";
    let server = serve(None, move |_| vec![raw(bomb), Act::Send(vec![0x1f, 0x8b, 8, 0])]);
    let reply_of = ask(plain(&server)).await.unwrap();
    assert_eq!(reply_of.body.len(), 4, "nothing is unpacked");
    assert!(reply_of.not_json().unwrap().message.as_str().contains("compressed"));
    let portal = serve(None, |_| vec![reply("200 OK", "text/html", "<html>sign in</html>")]);
    let failure = ask(plain(&portal)).await.unwrap().json::<serde_json::Value>().unwrap_err();
    assert_eq!(failure.code, ErrorCode::Parse);
    assert!(failure.message.as_str().contains("captive portal"));
}

#[tokio::test]
async fn every_kind_of_slowness_ends() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
    let cases: Vec<(&str, Vec<Act>, &str)> = vec![
        ("silence", vec![Act::Stall], "no answer within"),
        ("head by single bytes", vec![raw("HTTP/1.1 200 OK\r\nX: "), Act::Trickle], "no answer within"),
        ("stops in the body", vec![raw(&format!("{head}abc")), Act::Stall], "stopped in the middle"),
        ("body by single bytes", vec![raw(head), Act::Trickle], "no complete answer within"),
    ];
    let mut settings = settings();
    settings.deadlines.first_byte_poll = Duration::from_secs(2);
    settings.deadlines.idle = Duration::from_secs(2);
    settings.deadlines.total_poll = Duration::from_secs(5);
    let access = Access::new(settings, Clock::system()).unwrap();
    let all = cases.into_iter().map(async |(name, acts, words)| {
        let acts = Mutex::new(Some(acts));
        let server = serve(None, move |_| acts.lock().unwrap().take().unwrap_or_default());
        let mut link = access.link(Arc::new(plain(&server)));
        let failure = link.get(&VERSION).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Timeout, "{name}: {failure}");
        assert!(failure.message.as_str().contains(words), "{name}: {failure}");
        assert!(!link.is_open());
    });
    futures::future::join_all(all).await;
    until("every socket is given back", || access.sockets() == 0).await;
}

#[tokio::test]
async fn a_handshake_that_never_comes_ends() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = serve(None, |_| vec![]);
    let mut target = secure(&server, &Ca::new(NOW).pem);
    target.server.port = silent.local_addr().unwrap().port();
    let mut settings = settings();
    settings.deadlines.tls = Duration::from_millis(200);
    let access = Access::new(settings, Clock::system()).unwrap();
    let failure = access.link(Arc::new(target)).get(&VERSION).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Timeout);
    assert!(failure.message.as_str().starts_with("no TLS handshake within 200 ms"), "{failure}");
}

#[tokio::test]
async fn unreachable_places_are_told_apart() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = serve(None, |_| vec![]);
    let mut target = plain(&server);
    target.server.port = closed.port();
    let failure = ask(target).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (ErrorCode::Tcp, &*format!("connection refused {closed}"))
    );
    let mut target = plain(&server);
    target.server.host = "no-such-host.invalid".to_owned();
    assert_eq!(ask(target).await.unwrap_err().code, ErrorCode::Dns);
}

#[tokio::test]
async fn no_secret_goes_to_another_machine_in_the_clear() {
    let server = serve(None, |_| vec![ok("{}")]);
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "t").unwrap();
    for credential in [
        Credential::Token(Arc::new("t".to_owned().into())),
        Credential::TokenFile(token),
        Credential::Basic { username: "u".to_owned(), password: Arc::new("p".to_owned().into()) },
    ] {
        let mut target = plain(&server);
        target.server.host = "192.0.2.1".to_owned();
        target.credential = credential;
        let failure = ask(target).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
        assert!(failure.message.as_str().contains("plain http"), "{failure}");
    }
}

#[tokio::test]
async fn user_and_password_are_sent_as_basic() {
    let server = serve(None, |_| vec![ok("{}")]);
    let mut target = plain(&server);
    target.credential =
        Credential::Basic { username: "ada".to_owned(), password: Arc::new("pw".to_owned().into()) };
    assert_eq!(ask(target).await.unwrap().status, 200);
    assert_eq!(header(&server.heads()[0], "authorization"), Some("Basic YWRhOnB3"));
}

#[tokio::test]
async fn tokens_that_no_header_can_carry_are_refused_before_dialling() {
    let server = serve(None, |_| vec![ok("{}")]);
    for token in ["a\nb", "a\u{7}b", "tök", "", &"x".repeat(1 << 20)] {
        let mut target = plain(&server);
        target.credential = Credential::Token(Arc::new(token.to_owned().into()));
        let failure = ask(target).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn more_clusters_than_sockets_all_get_their_turn() {
    let servers: Vec<_> = (0..6).map(|_| serve(None, |_| vec![ok("{}")])).collect();
    let access = Access::new(Settings { max_sockets: 2, ..settings() }, Clock::system()).unwrap();
    let mut links: Vec<_> = servers.iter().map(|s| access.link(Arc::new(plain(s)))).collect();
    for _ in 0..2 {
        for link in &mut links {
            assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
            assert!(access.sockets() <= 2);
        }
    }
    let together = links.iter_mut().map(|link| link.get(&VERSION));
    for reply in futures::future::join_all(together).await {
        assert_eq!(reply.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_token_file_is_trimmed_and_read_again_after_a_401() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "  old-token\n").unwrap();
    let good: Arc<Mutex<&str>> = Arc::new(Mutex::new("Bearer old-token"));
    let wanted = good.clone();
    let server = serve(None, move |head| {
        let fits = header(head, "authorization") == Some(*wanted.lock().unwrap());
        vec![if fits { ok("{}") } else { reply("401 Unauthorized", "text/plain", "no") }]
    });
    let mut target = plain(&server);
    target.credential = Credential::TokenFile(file.clone());
    let access = access();
    let mut link = access.link(Arc::new(target));
    assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
    std::fs::write(&file, "new-token").unwrap();
    *good.lock().unwrap() = "Bearer new-token";
    assert_eq!(link.get(&VERSION).await.unwrap().status, 200);
    assert_eq!(server.heads().len(), 3, "old, refused, new");
    *good.lock().unwrap() = "Bearer other";
    assert_eq!(link.get(&VERSION).await.unwrap().status, 401);
    assert_eq!(server.heads().len(), 4, "the same token is not sent twice");
    assert_eq!(link.get(&VERSION).await.unwrap().status, 401);
    assert_eq!(server.heads().len(), 5);
}

#[tokio::test]
async fn a_rotated_token_is_used_without_a_refusal_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "one\n").unwrap();
    let server = serve(None, |_| vec![ok("{}")]);
    let mut target = plain(&server);
    target.credential = Credential::TokenFile(file.clone());
    let clock = Clock::manual(Clock::system().now());
    let access = Access::new(settings(), clock.clone()).unwrap();
    let mut link = access.link(Arc::new(target));
    let sent = |server: &Server| header(server.heads().last().unwrap(), "authorization").unwrap().to_owned();
    link.get(&VERSION).await.unwrap();
    // As a kubelet does it: another file takes the name.
    std::fs::write(dir.path().join("next"), "two\n").unwrap();
    std::fs::rename(dir.path().join("next"), &file).unwrap();
    clock.advance(chrono::TimeDelta::seconds(9));
    link.get(&VERSION).await.unwrap();
    assert_eq!(sent(&server), "Bearer one");
    clock.advance(chrono::TimeDelta::seconds(2));
    link.get(&VERSION).await.unwrap();
    assert_eq!((sent(&server).as_str(), server.heads().len()), ("Bearer two", 3));
}

#[tokio::test]
async fn a_token_file_that_is_no_file_is_named_and_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let server = serve(None, |_| vec![ok("{}")]);
    for (path, words) in [
        (pipe.as_path(), "named pipe"),
        (dir.path(), "directory"),
        (std::path::Path::new("/dev/zero"), "device"),
    ] {
        let mut target = plain(&server);
        target.credential = Credential::TokenFile(path.to_owned());
        let failure = ask(target).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
        assert!(failure.message.as_str().contains(words), "{failure}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_token_file_that_goes_bad_leaves_the_last_good_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let server = serve(None, |_| vec![ok("{}")]);
    let mut target = plain(&server);
    target.credential = Credential::TokenFile(file.clone());
    let target = Arc::new(target);
    let clock = Clock::manual(Clock::system().now());
    let access = Access::new(settings(), clock.clone()).unwrap();
    let mut link = access.link(target);
    for (content, words) in [
        (None, "no such file"),
        (Some(String::new()), "empty"),
        (Some(" \n".to_owned()), "empty"),
        (Some("two\nlines".to_owned()), "not one line"),
        (Some("x".repeat(10 << 20)), "larger than 64 KiB"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let failure = link.get(&VERSION).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
        assert!(failure.message.as_str().contains(words), "{failure}");
        clock.advance(chrono::TimeDelta::minutes(6));
    }
    assert_eq!(server.connections(), 0);
    std::fs::write(&file, "good").unwrap();
    assert!(link.get(&VERSION).await.unwrap().warnings.is_empty());
    std::fs::remove_file(&file).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
    clock.advance(chrono::TimeDelta::minutes(1));
    let reply = link.get(&VERSION).await.unwrap();
    assert!(reply.warnings[0].as_str().contains("named pipe"), "{:?}", reply.warnings);
    assert_eq!(header(server.heads().last().unwrap(), "authorization"), Some("Bearer good"));
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_capped() {
    let server = serve(None, |_| {
        vec![raw("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 4294967295\r\nContent-Length: 0\r\n\r\n")]
    });
    let reply = ask(plain(&server)).await.unwrap();
    let failure = reply.failure().unwrap();
    assert_eq!((failure.code, failure.retry_after), (ErrorCode::Http429, Some(Duration::from_secs(30))));
    assert_eq!(server.heads().len(), 1, "and nothing is asked again by itself");
}

/// The limit of open files in that process; nobody else has this number.
const FEW: u64 = 197;

/// Runs in a process of its own with few descriptors; the server's address comes on standard input.
#[tokio::test]
#[ignore = "started by running_out_of_descriptors_is_no_clusters_fault"]
async fn with_few_descriptors() {
    if open_file_limit() != FEW {
        return;
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let addr: SocketAddr = line.trim().parse().unwrap();
    let access = access();
    // The system has far fewer left than the limit promised.
    let taken: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let mut target = plain(&serve(None, |_| vec![]));
    target.server.port = addr.port();
    let target = Arc::new(target);
    let mut links: Vec<_> = (0..300).map(|_| access.link(target.clone())).collect();
    for round in 0..2 {
        for reply in futures::future::join_all(links.iter_mut().map(|link| link.get(&VERSION))).await {
            assert_eq!(reply.unwrap().status, 200, "round {round}");
        }
    }
    drop(taken);
    assert!(access.0.sockets.size() < 130, "the shortage was met");
    println!("all answered");
}

#[tokio::test]
async fn running_out_of_descriptors_is_no_clusters_fault() {
    let server = serve(None, |_| vec![ok("{}")]);
    let mut child = tokio::process::Command::new("/bin/sh")
        .arg("-c")
        .arg(format!(
            "ulimit -n {FEW}; exec \"$0\" --exact access::tests::link::with_few_descriptors --ignored --nocapture"
        ))
        .arg(std::env::current_exe().unwrap())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{}\n", server.addr).as_bytes()).await.unwrap();
    let out = tokio::time::timeout(Duration::from_mins(2), child.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && said.contains("all answered"),
        "{said}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
