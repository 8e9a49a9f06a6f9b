//! One question to an API server, and what came back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{self, HeaderMap};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::fleet::{CertDates, CleanText, ErrorCode, Failure};

/// Longest time that a server may ask to be left alone; more is cut to this.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(30);

/// Warnings kept of one answer.
const WARNINGS: usize = 8;

/// One GET.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Path and query below the server's path prefix: `/version`, `/api/v1/nodes?limit=500`.
    pub path: &'a str,
    /// In which shape.
    pub accept: Accept,
    /// Which deadlines and caps hold.
    pub purpose: Purpose,
}

/// The shape asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Whatever the server likes (`/readyz` is plain text).
    Any,
    /// JSON.
    Json,
    /// `meta.k8s.io/v1` Table, JSON where the server knows no Table.
    Table,
    /// `PartialObjectMetadata` of one object, JSON where the server knows none. For a list the server answers 406.
    PartialMetadata,
    /// `PartialObjectMetadataList`, JSON where the server knows none. For one object the server answers 406.
    PartialMetadataList,
    /// Aggregated discovery (KEP-3352), as its version 2 or 2beta1; one by one where the server knows neither.
    Discovery,
}

impl Accept {
    /// The header's value.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Any => "*/*",
            Self::Json => "application/json",
            Self::Table => "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Self::PartialMetadata => {
                "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
            }
            Self::PartialMetadataList => {
                "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
            }
            Self::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                 application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
            }
        }
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The fleet's own round: short deadlines, small bodies.
    Poll,
    /// A person waits for it.
    Action,
    /// A list that may be long.
    BigList,
}

/// An answer of any status, complete and within its cap. `Debug` shows the size of the body only.
#[derive(Clone, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// `Content-Type` as sent.
    pub content_type: Option<String>,
    /// From the request's end to the head of the answer, dialling not included.
    pub first_byte: Duration,
    /// The server's clock.
    pub date: Option<DateTime<Utc>>,
    /// How long the server asks to be left alone, at most 30 s.
    pub retry_after: Option<Duration>,
    /// Texts of `Warning: 299` headers, at most eight.
    pub warnings: Vec<CleanText>,
    /// The server's certificate.
    pub serving_cert: Option<Arc<CertDates>>,
    /// The certificate we showed.
    pub client_cert: Option<Arc<CertDates>>,
    /// When the credential we used ends.
    pub credential_expires_at: Option<DateTime<Utc>>,
    /// Where a redirect points: its host, or that it stays on this one. Redirects are never followed.
    pub redirect: Option<CleanText>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .field("first_byte", &self.first_byte)
            .finish_non_exhaustive()
    }
}

/// What a body looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Empty,
    Json,
    Html,
    Packed,
    Other,
}

/// The parts of `metav1.Status` that say why.
#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl Reply {
    /// Takes what the head of an answer says.
    pub(super) fn from_head(status: u16, headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let text = |name| headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
        Self {
            status,
            content_type: text(header::CONTENT_TYPE).map(|t| t.chars().take(200).collect()),
            date: text(header::DATE).and_then(http_date),
            retry_after: text(header::RETRY_AFTER).and_then(|t| retry_after(t, now)),
            warnings: warnings(headers),
            redirect: (300..400)
                .contains(&status)
                .then(|| text(header::LOCATION).map_or_else(|| CleanText::new("no address"), redirect_host)),
            ..Self::default()
        }
    }

    /// What is wrong with this answer by its status; `None` for 2xx.
    pub fn failure(&self) -> Option<Failure> {
        if (200..300).contains(&self.status) {
            return None;
        }
        let code = match self.status {
            401 => ErrorCode::Http401,
            403 => ErrorCode::Http403,
            429 => ErrorCode::Http429,
            500..=599 => ErrorCode::Http5xx,
            _ => ErrorCode::Http,
        };
        let mut failure = match (&self.redirect, self.status) {
            (Some(to), 300..=399) => {
                Failure::new(code, &format!("{} redirects to {to}, not followed", self.status))
                    .hint("Something between here and the API server answers in its place; check the server address and the network's sign-in page.")
            }
            _ => Failure::new(code, &self.reason_text()),
        };
        // What Go's servers say to somebody who does not speak TLS.
        if self.status == 400 && contains(&self.body, b"HTTP request to an HTTPS server") {
            failure = failure.hint("The port speaks HTTPS; write https:// in the server's address.");
        }
        if failure.hint.is_none() {
            failure.hint = hint_for(self.status).map(CleanText::new);
        }
        failure.retry_after = self.retry_after;
        Some(failure)
    }

    /// Why this is not the JSON that was asked for, as far as its head and its first bytes tell; `None` if it may be, and
    /// for an HTML page, which decoders have better words for.
    pub fn not_json(&self) -> Option<Failure> {
        if self.look() == Look::Packed {
            return Some(Failure::new(ErrorCode::Parse, "a compressed body that was not asked for"));
        }
        let kind = self.content_type.as_deref()?;
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = essence.is_empty() || essence == "application/json" || essence.ends_with("+json");
        (!fits && self.look() != Look::Html).then(|| {
            Failure::new(ErrorCode::Parse, &format!("answered {essence} where JSON was asked for"))
                .hint("Something between here and the API server may answer in its place.")
        })
    }

    /// The body as `T`.
    ///
    /// # Errors
    /// The failure of [`Reply::failure`] if the status is none of success; otherwise `PARSE` for HTML, for empty or
    /// cut bodies, and for JSON of another shape. The message never quotes the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let wrong = |what: &str| Failure::new(ErrorCode::Parse, what);
        match self.look() {
            Look::Empty => return Err(wrong("an empty body where JSON was expected")),
            Look::Html => {
                return Err(wrong("an HTML page where JSON was expected (captive portal or proxy?)")
                    .hint("Open the server's address in a browser to see who answers there."));
            }
            Look::Packed => return Err(wrong("a compressed body that was not asked for")),
            Look::Json => self.not_json().map_or(Ok(()), Err)?,
            Look::Other => {
                let kind = self.content_type.as_deref().unwrap_or("no content type");
                return Err(wrong(&format!("a body that is not JSON ({kind})")));
            }
        }
        serde_json::from_slice(&self.body).map_err(|e| {
            wrong(&match e.classify() {
                serde_json::error::Category::Eof => {
                    format!("JSON ends too early, after {} bytes", self.body.len())
                }
                serde_json::error::Category::Data => {
                    format!("JSON of an unexpected shape at line {}, column {}", e.line(), e.column())
                }
                _ => format!("broken JSON at line {}, column {}", e.line(), e.column()),
            })
        })
    }

    /// What the server says about a refusal: the message of its `Status`, else what the body looks like.
    fn reason_text(&self) -> String {
        let status = http::StatusCode::from_u16(self.status).ok();
        let phrase = status.and_then(|s| s.canonical_reason()).unwrap_or("unknown status");
        match self.look() {
            Look::Html => format!("{} with an HTML page (captive portal or proxy?)", self.status),
            Look::Json => match serde_json::from_slice::<Status>(&self.body) {
                Ok(s) if s.kind == "Status" => s
                    .message
                    .filter(|m| !m.trim().is_empty())
                    .or(s.reason)
                    .unwrap_or_else(|| format!("{} {phrase}", self.status)),
                _ => format!("{} {phrase}", self.status),
            },
            _ => format!("{} {phrase}", self.status),
        }
    }

    fn look(&self) -> Look {
        let Some(first) = self.body.iter().copied().find(|b| !b.is_ascii_whitespace()) else {
            return Look::Empty;
        };
        let html = self.content_type.as_deref().is_some_and(|t| t.to_ascii_lowercase().contains("html"));
        match first {
            _ if self.body.starts_with(&[0x1f, 0x8b]) => Look::Packed,
            b'<' => Look::Html,
            // Nothing that a Kubernetes API answers as JSON is a bare scalar.
            b'{' => Look::Json,
            b'[' if !self.content_type.as_deref().is_some_and(|t| t.starts_with("text/plain")) => Look::Json,
            _ if html => Look::Html,
            _ => Look::Other,
        }
    }
}

fn contains(body: &[u8], words: &[u8]) -> bool {
    body.windows(words.len()).any(|w| w == words)
}

fn hint_for(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("The server does not accept this credential; sign in again or mend the user entry."),
        403 => Some("The server knows who asks and refuses; ask for the missing permission."),
        404 => Some("Check the path of the server's address."),
        429 => Some("The server asks for fewer requests; it is left alone for a while."),
        _ => None,
    }
}

/// An HTTP date (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|d| d.to_utc())
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds or a date, cut to the cap.
pub(super) fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wanted = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        http_date(text)?.signed_duration_since(now).to_std().unwrap_or_default()
    };
    Some(wanted.min(RETRY_AFTER_CAP))
}

/// Texts of warnings with code 299 (KEP-1693; RFC 7234, 5.5).
fn warnings(headers: &HeaderMap) -> Vec<CleanText> {
    let mut found = Vec::new();
    for value in headers.get_all(header::WARNING) {
        let raw = String::from_utf8_lossy(value.as_bytes());
        let Some(rest) = raw.trim_start().strip_prefix("299 ") else { continue };
        let Some((_, quoted)) = rest.split_once('"') else { continue };
        found.push(CleanText::new(&unquote(quoted)));
        if found.len() == WARNINGS {
            break;
        }
    }
    found
}

/// A quoted string from after its first quote up to its last one, escapes undone.
fn unquote(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Host and port that a `Location` names, without path, query or user.
fn redirect_host(location: &str) -> CleanText {
    match url::Url::parse(location) {
        Ok(url) => {
            let host = url.host_str().unwrap_or("no host");
            CleanText::with_cap(&url.port().map_or_else(|| host.to_owned(), |p| format!("{host}:{p}")), 255)
        }
        Err(_) => CleanText::new("another path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, content_type: &str, body: &'static str) -> Reply {
        Reply {
            status,
            content_type: Some(content_type.to_owned()),
            body: Bytes::from_static(body.as_bytes()),
            ..Reply::default()
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words_or_by_the_look_of_its_body() {
        let status = r#"{"kind":"Status","message":"nodes is forbidden: no \u001b[31mway"}"#;
        for (status, kind, body, code, message) in [
            (
                401,
                "application/json",
                r#"{"kind":"Status","message":"Unauthorized"}"#,
                ErrorCode::Http401,
                "Unauthorized",
            ),
            (403, "application/json", status, ErrorCode::Http403, "nodes is forbidden: no ␛[31mway"),
            (
                403,
                "text/html",
                "<html>",
                ErrorCode::Http403,
                "403 with an HTML page (captive portal or proxy?)",
            ),
            (429, "text/plain", "Too many requests", ErrorCode::Http429, "429 Too Many Requests"),
            (
                503,
                "application/json",
                r#"{"kind":"Status","reason":"ServiceUnavailable"}"#,
                ErrorCode::Http5xx,
                "ServiceUnavailable",
            ),
            (404, "application/json", r#"{"error":"no"}"#, ErrorCode::Http, "404 Not Found"),
            (599, "text/plain", "", ErrorCode::Http5xx, "599 unknown status"),
        ] {
            let failure = reply(status, kind, body).failure().unwrap();
            assert_eq!((failure.code, failure.message.as_str()), (code, message));
        }
        assert!(reply(204, "", "").failure().is_none());
    }

    #[test]
    fn hints_name_what_helps() {
        for (status, body, hint) in [
            (400, "Client sent an HTTP request to an HTTPS server.\n", Some("write https://")),
            (400, "bad", None),
            (401, "", Some("sign in again")),
            (404, "", Some("path of the server's address")),
        ] {
            let found = reply(status, "text/plain", body).failure().unwrap().hint;
            assert_eq!(found.is_some(), hint.is_some(), "{status}");
            assert!(hint.is_none_or(|words| found.unwrap().as_str().contains(words)));
        }
    }

    #[test]
    fn a_body_that_is_no_json_is_a_parse_failure_that_does_not_quote_it() {
        for (kind, body, part) in [
            ("text/html", "<!doctype html><p>sign in", "HTML page"),
            ("application/json", " <html>", "HTML page"),
            ("text/html; charset=utf-8", "sign in", "HTML page"),
            ("application/json", "", "empty body"),
            ("application/json", r#"{"major":"1","#, "ends too early"),
            ("application/json", r#"{"secret":}"#, "broken JSON"),
            ("application/json", r#"{"major":7}"#, "unexpected shape"),
            ("text/plain", "ok", "not JSON (text/plain)"),
            ("text/plain", r#"{"major":"1"}"#, "answered text/plain"),
            (
                "application/vnd.kubernetes.protobuf",
                r#"{"major":"1"}"#,
                "answered application/vnd.kubernetes.protobuf",
            ),
            ("application/json", "\u{1f}packed", "not JSON"),
        ] {
            #[derive(Debug, Deserialize)]
            struct Wanted {
                #[serde(rename = "major")]
                _major: String,
            }
            let failure = reply(200, kind, body).json::<Wanted>().unwrap_err();
            assert_eq!(failure.code, ErrorCode::Parse);
            assert!(failure.message.as_str().contains(part), "{failure}");
            assert!(!failure.message.as_str().contains("secret"));
        }
    }

    #[test]
    fn what_a_server_asks_for_is_capped() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").unwrap().to_utc();
        for (text, seconds) in [
            ("1", Some(1)),
            ("4294967295", Some(30)),
            ("99999999999999999999999999", Some(30)),
            ("Fri, 20 Nov 2026 12:00:05 GMT", Some(5)),
            ("Fri, 20 Nov 2026 11:00:05 GMT", Some(0)),
            ("Fri, 20 Nov 2099 11:00:05 GMT", Some(30)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_head_gives_warnings_clock_and_redirect() {
        let mut headers = HeaderMap::new();
        headers.append(header::WARNING, r#"299 - "v1 ComponentStatus is \"old\"""#.parse().unwrap());
        headers.append(header::WARNING, r#"199 - "not ours""#.parse().unwrap());
        for i in 0..20 {
            headers.append(header::WARNING, format!(r#"299 kube "number {i}""#).parse().unwrap());
        }
        headers.insert(header::DATE, "Fri, 20 Nov 2026 12:00:05 GMT".parse().unwrap());
        headers.insert(header::LOCATION, "https://u:p@portal.corp:8443/login?x=1".parse().unwrap());
        let reply = Reply::from_head(302, &headers, DateTime::UNIX_EPOCH);
        assert_eq!(reply.warnings.len(), WARNINGS);
        assert_eq!(reply.warnings[0].as_str(), r#"v1 ComponentStatus is "old""#);
        assert_eq!(reply.date.unwrap().timestamp(), 1_795_176_005);
        let failure = reply.failure().unwrap();
        assert_eq!(failure.code, ErrorCode::Http);
        assert_eq!(failure.message.as_str(), "302 redirects to portal.corp:8443, not followed");
    }
}
