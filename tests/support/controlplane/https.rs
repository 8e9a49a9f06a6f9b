//! A small blocking HTTPS client for seeding and for looking at a server with eyes of our own.
//!
//! It shares no code with the product's access layer, so that a test which compares the two compares two things.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::pki::Identity;

/// Longest answer that is read.
const LARGEST_BODY: u64 = 64 << 20;
/// Longest single wait on the socket.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who asks.
#[derive(Clone, Copy)]
pub enum Login<'a> {
    /// With a client certificate.
    Certificate(&'a Identity),
    /// With a bearer token.
    Token(&'a str),
    /// With nothing.
    Anonymous,
}

/// A server and a login; each [`Client::connect`] is one connection.
#[derive(Clone)]
pub struct Client {
    tls: Arc<ClientConfig>,
    port: u16,
    authorization: String,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header lines as received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its transfer encoding.
    pub body: Vec<u8>,
}

/// One kept-alive connection.
pub struct Connection {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    authorization: String,
    host: String,
}

impl Client {
    /// A client that trusts `ca_pem` alone.
    pub fn new(port: u16, ca_pem: &str, login: Login<'_>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(|why| format!("CA: {why}"))?;
        roots.add(ca).map_err(|why| format!("CA: {why}"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| format!("TLS: {why}"))?
            .with_root_certificates(roots);
        let tls = if let Login::Certificate(identity) = login {
            let cert = CertificateDer::from_pem_slice(identity.cert_pem.as_bytes())
                .map_err(|why| format!("client certificate: {why}"))?;
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
                .map_err(|why| format!("client key: {why}"))?;
            builder
                .with_client_auth_cert(vec![cert], key)
                .map_err(|why| format!("client certificate: {why}"))?
        } else {
            builder.with_no_client_auth()
        };
        let authorization = match login {
            Login::Token(token) => format!("Authorization: Bearer {token}\r\n"),
            Login::Certificate(_) | Login::Anonymous => String::new(),
        };
        Ok(Self { tls: Arc::new(tls), port, authorization })
    }

    /// Opens a connection; the handshake happens with the first request.
    pub fn connect(&self) -> Result<Connection, String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let tcp =
            TcpStream::connect_timeout(&address, PATIENCE).map_err(|why| format!("{address}: {why}"))?;
        tcp.set_read_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
        tcp.set_write_timeout(Some(PATIENCE)).map_err(|why| why.to_string())?;
        tcp.set_nodelay(true).map_err(|why| why.to_string())?;
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let session =
            ClientConnection::new(Arc::clone(&self.tls), name).map_err(|why| format!("TLS: {why}"))?;
        Ok(Connection {
            stream: BufReader::new(StreamOwned::new(session, tcp)),
            authorization: self.authorization.clone(),
            host: address.to_string(),
        })
    }

    /// One GET on a connection of its own.
    pub fn get(&self, path: &str, accept: &str) -> Result<Answer, String> {
        self.connect()?.send("GET", path, accept, None)
    }
}

impl Connection {
    /// One request and its whole answer. A body is sent as JSON, or as a merge patch when the method is PATCH.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        self.exchange(method, path, accept, body).map_err(|why| format!("{method} {path}: {why}"))
    }

    fn exchange(
        &mut self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<&Value>,
    ) -> Result<Answer, std::io::Error> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let described = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: fleetglass-tests\r\nAccept: {accept}\r\n{}{described}\r\n{body}",
            self.host, self.authorization
        );
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes())?;
        stream.flush()?;

        let status = self
            .line()?
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| malformed("no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = self.line()?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| malformed("a chunk without a size"))?;
                self.take(size, &mut answer.body)?;
                self.line()?;
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        let length = answer.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        self.take(length, &mut answer.body)?;
        Ok(answer)
    }

    fn line(&mut self) -> Result<String, std::io::Error> {
        let mut line = String::new();
        if self.stream.by_ref().take(64 << 10).read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn take(&mut self, size: u64, into: &mut Vec<u8>) -> Result<(), std::io::Error> {
        if size > LARGEST_BODY {
            return Err(malformed("an answer beyond any reason"));
        }
        let read = self.stream.by_ref().take(size).read_to_end(into)?;
        if u64::try_from(read).ok() == Some(size) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Answer {
    /// The first header of that (lower case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|why| format!("the answer is not JSON: {why}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer again if it is a 2xx, else its words.
    pub fn ok(self) -> Result<Self, String> {
        if (200..300).contains(&self.status) {
            Ok(self)
        } else {
            Err(format!("HTTP {}: {}", self.status, self.text()))
        }
    }
}

/// The status of one GET without TLS, for programs that serve their health so.
pub fn plain_get(port: u16, path: &str) -> Result<u16, std::io::Error> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(1 << 10)).read_line(&mut line)?;
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| malformed("no status line"))
}

fn malformed(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}
