//! A small HTTPS client: one connection per request, no retries, errors as text.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::people::Proof;
use super::super::{Sim, SimCluster};

/// Longer than anything here takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a client says who it is.
pub(super) enum Way {
    Nobody,
    Token(String),
    Certificate(String, String),
}

pub(super) struct Client {
    pub(super) address: SocketAddr,
    pub(super) authority: String,
    pub(super) way: Way,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> String {
        let value =
            self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_default()
    }
}

impl Client {
    /// The client that the kubeconfig describes for a cluster.
    pub(super) fn of(sim: &Sim, cluster: &SimCluster) -> Self {
        let person = cluster.truth.person;
        let way = match person.proof() {
            Proof::Token => Way::Token(person.token(sim.world.seed)),
            Proof::Certificate { days } => {
                let (certificate, key) = sim.world.pki.person(person.user(), person.groups(), days).unwrap();
                Way::Certificate(certificate, key)
            }
        };
        let address = SocketAddr::from(([127, 0, 0, 1], cluster.port));
        Self { address, authority: cluster.authority.clone(), way }
    }

    /// A client of the first cluster with every right.
    pub(super) fn first(sim: &Sim) -> Self {
        let mut client = Self::of(sim, &sim.clusters()[0]);
        let (certificate, key) =
            sim.world.pki.person(sim.clusters()[0].truth.person.user(), &["system:masters"], 10).unwrap();
        client.way = Way::Certificate(certificate, key);
        client
    }

    async fn connect(&self) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match &self.way {
            Way::Certificate(certificate, key) => {
                let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                    .unwrap()
            }
            Way::Nobody | Way::Token(_) => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await.map_err(|why| why.to_string())?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|why| why.to_string())
    }

    /// When the serving certificate ends, seconds since the epoch.
    pub(super) async fn certificate_ends(&self) -> i64 {
        let stream = self.connect().await.unwrap();
        let chain = stream.get_ref().1.peer_certificates().unwrap();
        let (_, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
        certificate.validity().not_after.timestamp()
    }

    pub(super) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<http::Response<Incoming>, String> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.connect().await?)).await.map_err(|why| why.to_string())?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "127.0.0.1").header("user-agent", "sim-test");
        if let Way::Token(token) = &self.way {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        sender.send_request(request).await.map_err(|why| format!("{why:?}"))
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let whole = async {
            let (head, body) = self.open(method, path, headers, body).await?.into_parts();
            let body = body.collect().await.map_err(|why| format!("{why:?}"))?.to_bytes();
            Ok(Answer { code: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(PATIENCE, whole).await.map_err(|_| "no answer in time".to_owned())?
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send("GET", path, &[], "").await
    }

    /// A GET with an Accept header.
    pub(super) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        self.send("GET", path, &[("accept", accept)], "").await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Result<Answer, String> {
        self.send("POST", path, &[("content-type", "application/json")], body).await
    }

    /// A request with a JSON body that must be answered; the patch types by their short names.
    pub(super) async fn write(&self, method: &str, path: &str, body: &Value) -> Answer {
        let (method, content) = match method {
            "json" => ("PATCH", "application/json-patch+json"),
            "merge" => ("PATCH", "application/merge-patch+json"),
            "strategic" => ("PATCH", "application/strategic-merge-patch+json"),
            "apply" => ("PATCH", "application/apply-patch+yaml"),
            method => (method, "application/json"),
        };
        self.send(method, path, &[("content-type", content)], &body.to_string()).await.unwrap()
    }

    /// Opens a watch.
    pub(super) async fn watch(&self, path: &str) -> Lines {
        self.watch_as(path, "application/json").await
    }

    pub(super) async fn watch_as(&self, path: &str, accept: &str) -> Lines {
        let response = self.open("GET", path, &[("accept", accept)], "").await.unwrap();
        assert_eq!(response.status(), 200);
        Lines { body: response.into_body(), buffer: BytesMut::new() }
    }
}

/// The lines of a watch.
pub(super) struct Lines {
    body: Incoming,
    buffer: BytesMut,
}

impl Lines {
    /// The next event; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let buffer = &mut self.buffer;
            if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(end + 1);
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("an event in time");
            match frame {
                Some(frame) => buffer.extend_from_slice(&frame.unwrap().into_data().unwrap()),
                None => return None,
            }
        }
    }
}
