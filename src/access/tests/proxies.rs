use super::*;
use crate::fleet::ErrorCode;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A proxy that leads every tunnel to `to`, and the requests it saw.
struct TestProxy {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    _task: AbortOnDropHandle<()>,
}

async fn http_proxy(to: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>) -> TestProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heads = seen.clone();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (heads, tls) = (heads.clone(), tls.clone());
            open.spawn(async move {
                match tls {
                    None => tunnel(stream, to, &heads).await,
                    Some(tls) => {
                        if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                            tunnel(stream, to, &heads).await;
                        }
                    }
                }
            });
        }
    });
    TestProxy { addr, seen, _task: AbortOnDropHandle::new(task) }
}

async fn tunnel(mut stream: impl AsyncRead + AsyncWrite + Unpin, to: SocketAddr, heads: &Mutex<Vec<String>>) {
    let head = read_head(&mut stream).await;
    heads.lock().unwrap().push(head);
    let mut server = TcpStream::connect(to).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _closed = copy_bidirectional(&mut stream, &mut server).await;
}

fn through(mut target: Target, proxy: &str) -> Target {
    target.proxy = ProxyChoice::Explicit(Arc::new(proxy.to_owned().into()));
    target
}

fn api() -> (Ca, Server) {
    let ca = Ca::new(NOW);
    let server = serve(Some(server_tls(&ca.issue("s", &["api.test"], NOW), None)), |_| vec![ok("{}")]);
    (ca, server)
}

/// A server known by a name that only its proxy can find.
fn hidden(server: &Server, ca: &Ca) -> Target {
    let mut target = secure(server, &ca.pem);
    target.server.host = "api.test".to_owned();
    target
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_name_with_user_and_password() {
    let (ca, server) = api();
    let proxy = http_proxy(server.addr, None).await;
    let url = format!("http://ada:p%40ss@{}", proxy.addr);
    let reply = ask(through(hidden(&server, &ca), &url)).await.unwrap();
    assert_eq!(reply.serving_cert.unwrap().subject.as_str(), "s");
    let head = proxy.seen.lock().unwrap()[0].clone();
    assert!(head.starts_with(&format!("CONNECT api.test:{} HTTP/1.1\r\n", server.addr.port())), "{head}");
    assert_eq!(header(&head, "proxy-authorization"), Some("Basic YWRhOnBAc3M="));
    assert_eq!(header(&server.heads()[0], "proxy-authorization"), None);
}

#[tokio::test]
async fn an_https_proxy_is_verified_by_the_targets_trust() {
    let (ca, server) = api();
    let proxy =
        http_proxy(server.addr, Some(server_tls(&ca.issue("proxy", &["127.0.0.1"], NOW), None))).await;
    let url = format!("https://{}", proxy.addr);
    assert_eq!(ask(through(hidden(&server, &ca), &url)).await.unwrap().status, 200);
    let stranger = Ca::new(NOW).issue("proxy", &["127.0.0.1"], NOW);
    let proxy = http_proxy(server.addr, Some(server_tls(&stranger, None))).await;
    let failure = ask(through(hidden(&server, &ca), &format!("https://{}", proxy.addr))).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Proxy, "the proxy is not the server: {failure}");
    assert!(failure.message.as_str().contains("unknown authority"), "{failure}");
}

#[tokio::test]
async fn the_environment_is_matched_against_the_server() {
    let (ca, server) = api();
    let proxy = http_proxy(server.addr, None).await;
    for (no_proxy, host, uses) in [
        ("", "api.test", true),
        (&*proxy.addr.to_string(), "api.test", true),
        ("a,", "api.test", true),
        ("", "127.0.0.1", false),
    ] {
        proxy.seen.lock().unwrap().clear();
        let mut settings = settings();
        settings.proxies.https_proxy = Some(proxy.addr.to_string());
        settings.proxies.no_proxy = Some(no_proxy.to_owned());
        let access = Access::new(settings, Clock::system()).unwrap();
        let mut target = hidden(&server, &ca);
        target.server.host = host.to_owned();
        target.tls.server_name = Some("api.test".to_owned());
        assert_eq!(access.link(Arc::new(target)).get(&VERSION).await.unwrap().status, 200);
        assert_eq!(!proxy.seen.lock().unwrap().is_empty(), uses, "{no_proxy}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_or_babbles_is_the_proxys_failure_and_keeps_its_password() {
    let (ca, server) = api();
    for (answer, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "407: the proxy wants a user name",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            "403: the proxy does not let this server through with an HTML page",
        ),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502: the proxy cannot reach"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal\r\nContent-Length: 0\r\n\r\n",
            "302: the proxy gives no tunnel",
        ),
        ("<html>welcome</html>\r\n\r\n", "not HTTP/1.1"),
    ] {
        let proxy = serve(None, move |_| vec![raw(answer), Act::Close]);
        let url = format!("http://ada:hunter2@{}", proxy.addr);
        let failure = ask(through(hidden(&server, &ca), &url)).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Proxy, "{failure}");
        assert!(failure.message.as_str().contains(words), "{failure}");
        assert!(failure.message.as_str().contains(&proxy.addr.to_string()), "{failure}");
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = ask(through(hidden(&server, &ca), &format!("http://{closed}"))).await.unwrap_err();
    assert_eq!(
        (failure.code, failure.message.as_str()),
        (ErrorCode::Proxy, &*format!("connection refused proxy {closed}"))
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_proxy_that_says_nothing_ends_at_its_own_deadline() {
    let (ca, server) = api();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings();
    settings.deadlines.proxy = Duration::from_millis(200);
    let access = Access::new(settings, Clock::system()).unwrap();
    for scheme in ["http", "socks5"] {
        let target = through(hidden(&server, &ca), &format!("{scheme}://{}", silent.local_addr().unwrap()));
        let failure = access.link(Arc::new(target)).get(&VERSION).await.unwrap_err();
        assert_eq!(failure.code, ErrorCode::Proxy, "{failure}");
        assert!(failure.message.as_str().contains("200 ms"), "{failure}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_plain_server_behind_a_proxy_is_asked_in_absolute_form() {
    let proxy = serve(None, |head| {
        let known = header(head, "proxy-authorization").is_some();
        vec![if known { ok("{}") } else { reply("407 Proxy Authentication Required", "text/html", "<html>") }]
    });
    let mut target = plain(&proxy);
    target.server.host = "api.test".to_owned();
    target.server.port = 8080;
    let reply = ask(through(target.clone(), &format!("http://a:b@{}", proxy.addr))).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(proxy.heads()[0].starts_with("GET http://api.test:8080/version HTTP/1.1\r\n"));
    let failure = ask(through(target, &format!("http://{}", proxy.addr))).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Proxy);
}

#[tokio::test]
async fn socks_proxies_look_the_name_up_themselves() {
    let (ca, server) = api();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let to = server.addr;
    let names: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = names.clone();
    let proxy = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 3];
            stream.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello, [5, 1, 0], "SOCKS 5, no authentication");
            stream.write_all(&[5, 0]).await.unwrap();
            let mut start = [0; 5];
            stream.read_exact(&mut start).await.unwrap();
            assert_eq!(start[..4], [5, 1, 0, 3], "connect to a name");
            let mut rest = vec![0; usize::from(start[4]) + 2];
            stream.read_exact(&mut rest).await.unwrap();
            let name = String::from_utf8(rest[..rest.len() - 2].to_vec()).unwrap();
            let refused = name != "api.test";
            seen.lock().unwrap().push(name);
            if refused {
                stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
                continue;
            }
            let mut server = TcpStream::connect(to).await.unwrap();
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut server).await });
        }
    });
    for scheme in ["socks5", "socks5h"] {
        let reply = ask(through(hidden(&server, &ca), &format!("{scheme}://{addr}"))).await.unwrap();
        assert_eq!(reply.status, 200);
    }
    let mut other = hidden(&server, &ca);
    other.server.host = "elsewhere.test".to_owned();
    let failure = ask(through(other, &format!("socks5://{addr}"))).await.unwrap_err();
    assert_eq!(failure.code, ErrorCode::Proxy, "{failure}");
    assert_eq!(*names.lock().unwrap(), ["api.test", "api.test", "elsewhere.test"]);
    proxy.abort();
}
