//! What the questions cost at least: one connection to each cluster, the same requests, the least of decoding, nothing kept.
//!
//! `floor 3` asks for the version, readiness and the node table; `floor 5` also asks what a first poll asks once an hour, the
//! cluster's identity and a sample of the nodes' labels.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

/// Connections at the same time.
const IN_FLIGHT: usize = 256;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

/// What is asked, with the media type that is asked for.
const REQUESTS: [(&str, &str); 5] = [
    ("/version", "application/json"),
    ("/readyz?verbose", "*/*"),
    ("/api/v1/nodes?limit=5000&resourceVersion=0&includeObject=None", TABLE),
    ("/api/v1/namespaces/kube-system", METADATA),
    ("/api/v1/nodes?limit=5", METADATA_LIST),
];

/// One context.
struct Way {
    at: String,
    ca: Vec<u8>,
    token: Option<String>,
    cert: Option<(Vec<u8>, Vec<u8>)>,
}

/// The client's process.
pub(crate) fn run(kubeconfig: &Path, requests: &str) {
    let requests: usize = requests.rsplit(' ').next().unwrap().parse().unwrap();
    let ways = ways(&std::fs::read_to_string(kubeconfig).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let good = runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut asking = tokio::task::JoinSet::new();
        for way in ways {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let provider = provider.clone();
            asking.spawn(async move {
                let limit = std::time::Duration::from_secs(8);
                let answered = tokio::time::timeout(limit, ask(&way, provider, &REQUESTS[..requests])).await;
                drop(permit);
                matches!(answered, Ok(Some(_)))
            });
        }
        asking.join_all().await.into_iter().filter(|good| *good).count()
    });
    println!("{good}");
}

/// Scans the text that the simulated fleet writes, and no other.
fn ways(text: &str) -> Vec<Way> {
    let mut users: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    let (mut cas, mut contexts) = (HashMap::new(), Vec::new());
    let (mut section, mut user) = ("", "");
    let (mut ca, mut server) = ("", "");
    for line in text.lines() {
        let line = line.trim_start_matches(['-', ' ']);
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match (section, key) {
            (_, "clusters" | "contexts" | "users") => section = key,
            ("clusters", "certificate-authority-data") => ca = value,
            ("clusters", "server") => server = value,
            ("clusters", "name") => drop(cas.insert(value, (ca, server))),
            ("contexts", "name") => contexts.push((value, user)),
            ("contexts", "user") | ("users", "name") => user = value,
            ("users", _) => users.entry(user).or_default().push((key, value)),
            _ => {}
        }
    }
    let decode = |text: &str| STANDARD.decode(text).unwrap();
    let way = |(name, user): &(&str, &str)| {
        let (ca, server) = cas[name];
        let field = |key: &str| users[user].iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        let cert = field("client-certificate-data").zip(field("client-key-data"));
        Way {
            at: server.trim_start_matches("https://").to_owned(),
            ca: decode(ca),
            token: field("token").map(str::to_owned),
            cert: cert.map(|(cert, key)| (decode(cert), decode(key))),
        }
    };
    contexts.iter().map(way).collect()
}

async fn ask(
    way: &Way,
    provider: Arc<rustls::crypto::CryptoProvider>,
    requests: &[(&str, &str)],
) -> Option<usize> {
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(&way.ca) {
        roots.add(ca.ok()?).ok()?;
    }
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match &way.cert {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>().ok()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key).ok()?).ok()?
        }
    };
    config.resumption = rustls::client::Resumption::disabled();
    let tcp = TcpStream::connect(&way.at).await.ok()?;
    tcp.set_nodelay(true).ok()?;
    let host = way.at.rsplit_once(':')?.0.to_owned();
    let tls =
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(host).ok()?, tcp).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.ok()?;
    let moving = tokio::spawn(connection);
    let mut found = 0;
    for (path, accept) in requests {
        let mut request = Request::get(*path).header("host", &way.at).header("accept", *accept);
        if let Some(token) = &way.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).ok()?).await.ok()?;
        let is_good = answer.status() == 200;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        found += if is_good { decode(accept, &body)? } else { 0 };
    }
    moving.abort();
    Some(found)
}

/// What there is to learn from an answer, with as little work as possible.
fn decode(accept: &str, body: &[u8]) -> Option<usize> {
    #[derive(serde::Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        rows: Vec<Row<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Row<'a> {
        #[serde(borrow)]
        cells: Vec<Cell<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Cell<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);
    #[derive(serde::Deserialize)]
    struct Version<'a> {
        #[serde(borrow, rename = "gitVersion")]
        version: std::borrow::Cow<'a, str>,
    }
    #[derive(serde::Deserialize)]
    struct Items {
        items: Vec<serde::de::IgnoredAny>,
    }
    match accept {
        TABLE => {
            let table: Rows<'_> = serde_json::from_slice(body).ok()?;
            Some(table.rows.iter().filter(|r| r.cells.get(1).is_some_and(|c| c.0 == "Ready")).count())
        }
        METADATA_LIST => Some(serde_json::from_slice::<Items>(body).ok()?.items.len()),
        METADATA => serde_json::from_slice::<serde::de::IgnoredAny>(body).ok().map(|_| 1),
        "*/*" => Some(body.split(|b| *b == b'\n').filter(|line| line.starts_with(b"[+]")).count()),
        _ => Some(serde_json::from_slice::<Version<'_>>(body).ok()?.version.len()),
    }
}
