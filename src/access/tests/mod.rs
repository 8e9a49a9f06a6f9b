//! The stack against small loopback servers that behave well or badly on purpose.

mod client;
mod link;
mod plugins;
mod proxies;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::fleet::Failure;

/// Years between which a certificate is valid.
const NOW: (i32, i32) = (2020, 2090);
const PAST: (i32, i32) = (2010, 2011);
const FUTURE: (i32, i32) = (2090, 2091);

/// A certificate authority.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its key, PEM.
struct Pair {
    cert: String,
    key: String,
}

impl Ca {
    fn new(years: (i32, i32)) -> Self {
        Self::named("test CA", years)
    }

    fn named(name: &str, years: (i32, i32)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, name: &str, names: &[&str], years: (i32, i32)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// A TLS side of a server; with `clients`, only those it signed are let in.
fn server_tls(pair: &Pair, clients: Option<&Ca>) -> Arc<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// What a server does after the head of a request.
enum Act {
    Send(Vec<u8>),
    /// One byte now and then, for ever.
    Trickle,
    /// The same bytes over and over.
    Flood(Vec<u8>),
    /// Nothing, for ever.
    Stall,
    Close,
}

fn raw(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

fn reply(status: &str, kind: &str, body: &str) -> Act {
    raw(&format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn ok(body: &str) -> Act {
    reply("200 OK", "application/json", body)
}

/// A loopback server and what it saw.
struct Server {
    addr: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves with `handler`, which gets each request's head.
fn serve(
    tls: Option<Arc<rustls::ServerConfig>>,
    handler: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static,
) -> Server {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let connections: Arc<AtomicUsize> = Arc::default();
    let handler = Arc::new(handler);
    let (seen, counted) = (heads.clone(), connections.clone());
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let (tls, handler, seen) = (tls.clone(), handler.clone(), seen.clone());
            open.spawn(async move {
                match tls {
                    None => talk(stream, &*handler, &seen).await,
                    Some(tls) => {
                        if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                            talk(stream, &*handler, &seen).await;
                        }
                    }
                }
            });
        }
    });
    Server { addr, heads, connections, _task: AbortOnDropHandle::new(task) }
}

/// The head of one request, empty at the end of the connection.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &(impl Fn(&str) -> Vec<Act> + ?Sized),
    seen: &Mutex<Vec<String>>,
) {
    loop {
        let head = read_head(&mut stream).await;
        if head.is_empty() {
            return;
        }
        seen.lock().unwrap().push(head.clone());
        for act in handler(&head) {
            match act {
                Act::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
                Act::Flood(bytes) => while stream.write_all(&bytes).await.is_ok() {},
                Act::Trickle => {
                    while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                Act::Stall => std::future::pending().await,
                Act::Close => {
                    let _gone = stream.shutdown().await;
                    return;
                }
            }
        }
    }
}

/// Patient settings: deadlines that only a hang can reach.
fn settings() -> Settings {
    let patience = Duration::from_mins(1);
    Settings {
        deadlines: Deadlines {
            resolve: patience,
            connect: patience,
            proxy: patience,
            tls: patience,
            first_byte_poll: patience,
            first_byte_action: patience,
            first_byte_big_list: patience,
            idle: patience,
            idle_stream: patience,
            total_poll: patience,
            total_action: patience,
            total_big_list: patience,
            socket: patience,
            plugin_first: patience,
            plugin: patience,
            plugin_grace: Duration::from_millis(100),
        },
        search_path: Some("/usr/bin:/bin".into()),
        plugin_env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        ..Settings::default()
    }
}

fn access() -> Access {
    Access::new(settings(), Clock::system()).unwrap()
}

/// A target without TLS and without a credential.
fn plain(server: &Server) -> Target {
    Target {
        server: super::Server {
            tls: false,
            host: server.addr.ip().to_string(),
            port: server.addr.port(),
            path: String::new(),
        },
        tls: Tls { roots: Roots::System, server_name: None, insecure: false, client_cert: None },
        proxy: ProxyChoice::Environment,
        credential: Credential::None,
        impersonation: None,
        disable_compression: false,
        namespace: "default".to_owned(),
    }
}

/// The same over TLS, trusting `ca`.
fn secure(server: &Server, ca: &str) -> Target {
    let mut target = plain(server);
    target.server.tls = true;
    target.tls.roots = Roots::Bundle(PemSource::Inline(Arc::from(ca.as_bytes())));
    target
}

const VERSION: Ask<'static> = Ask { path: "/version", accept: Accept::Json, purpose: Purpose::Poll };

async fn ask(target: Target) -> Result<Reply, Failure> {
    access().link(Arc::new(target)).get(&VERSION).await
}

#[test]
fn no_debug_of_the_stack_has_a_secret() {
    let secret = || Arc::new(secrecy::SecretString::from("hunter2"));
    let mut settings = settings();
    settings.proxies.https_proxy = Some("http://u:hunter2@p:1".to_owned());
    settings.proxies.all_proxy = Some("socks5://u:hunter2@p:1".to_owned());
    settings.plugin_env.push(("TOKEN".into(), "hunter2".into()));
    let mut said = vec![format!("{settings:?}")];
    let access = Access::new(settings, Clock::system()).unwrap();
    said.push(format!("{access:?} {:?}", access.proxy_warnings()));
    let exec = Exec {
        api_version: "client.authentication.k8s.io/v1".to_owned(),
        command: "p".to_owned(),
        args: vec!["--password=hunter2".to_owned()],
        env: vec![("KEY".to_owned(), "hunter2".to_owned())],
        install_hint: None,
        provide_cluster_info: true,
        interactive: Interactive::Never,
        cluster_config: Some(r#"{"client-secret":"hunter2"}"#.to_owned()),
    };
    for credential in [
        Credential::None,
        Credential::Token(secret()),
        Credential::Basic { username: "u".to_owned(), password: secret() },
        Credential::Exec(Arc::new(exec)),
    ] {
        let target = Target {
            server: super::Server { tls: true, host: "h".to_owned(), port: 1, path: String::new() },
            tls: Tls {
                roots: Roots::System,
                server_name: None,
                insecure: false,
                client_cert: Some(ClientCert {
                    chain: PemSource::Inline(Arc::from(&b"chain"[..])),
                    key: KeySource::Inline(secret()),
                }),
            },
            proxy: ProxyChoice::Explicit(Arc::new("http://u:hunter2@p:1".to_owned().into())),
            credential,
            impersonation: None,
            disable_compression: false,
            namespace: "default".to_owned(),
        };
        said.push(format!("{target:?} {target:#?} {:?}", access.link(Arc::new(target.clone()))));
    }
    assert!(said.iter().all(|text| !text.contains("hunter2")), "{said:?}");
}

/// The value of a header in a head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Waits until `done`, at most a minute.
async fn until(what: &str, done: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_mins(1), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("never: {what}"));
}
