//! What a fault does to a request and its answer: the one place where faults take effect above the socket.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::accept::{self, Form};
use super::cluster::Cluster;
use super::fault::{Fault, Refusal, Stage};
use super::hostile;
use super::kinds::Kind;
use super::reply::{Body, Refused, Reply, html, json_value, whole};
use super::request::Asked;
use super::wire::{Flow, Valve};

/// What becomes of a request before the API server sees it.
pub(super) enum Passage {
    /// It goes through.
    Open,
    /// This is said instead.
    Instead(Reply),
    /// Nothing is ever said.
    Never,
    /// The connection breaks.
    Break,
}

/// A request as a fault sees it.
pub(super) struct Met<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) asked: &'a Asked,
    pub(super) headers: &'a HeaderMap,
    pub(super) valve: &'a Valve,
}

/// Waits, answers or breaks off in place of the API server.
pub(super) async fn before(fault: Option<&Fault>, met: &Met<'_>) -> Passage {
    met.valve.reset();
    let Some(fault) = fault else { return Passage::Open };
    let reply = match fault {
        Fault::Latency { base, tail } => {
            tokio::time::sleep(base.saturating_add(heavy(*tail, met.cluster))).await;
            return Passage::Open;
        }
        Fault::Drip { bytes, every } => {
            met.valve.set(Flow::Drip { bytes: *bytes, every: *every });
            return Passage::Open;
        }
        Fault::Silence(Stage::BeforeHeaders | Stage::Accept) => return Passage::Never,
        Fault::Reset | Fault::Refuse => {
            met.valve.set(Flow::Cut { after: 0, reset: true });
            return Passage::Break;
        }
        Fault::Refusal(refusal) => refuse(*refusal, met.asked),
        Fault::TooManyRequests { retry_after } => {
            let seconds = retry_after.as_deref().and_then(|text| text.parse().ok());
            let mut reply = Refused::too_many_requests(seconds).reply();
            if let Some(value) = retry_after.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                reply.headers_mut().insert(header::RETRY_AFTER, value);
            }
            reply
        }
        Fault::GatewayTimeout { committed: false } => timed_out(),
        Fault::Redirect(to) => {
            let mut reply = whole(StatusCode::FOUND, "text/plain", "");
            if let Ok(to) = HeaderValue::from_str(to) {
                reply.headers_mut().insert(header::LOCATION, to);
            }
            reply
        }
        Fault::Html => html(StatusCode::OK, "Sign in to the network"),
        Fault::WrongKind => {
            let list = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []});
            json_value(StatusCode::OK, &list)
        }
        Fault::HugeList { bytes } => huge_list(*bytes, met),
        Fault::GiantLine { bytes } => giant_line(*bytes),
        Fault::GzipBomb { bytes } => {
            let mut reply = json_chunks(hostile::gzip_bomb(*bytes));
            reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            reply
        }
        _ => return Passage::Open,
    };
    Passage::Instead(reply)
}

/// Changes what the API server said.
pub(super) fn after(fault: Option<&Fault>, reply: Reply, met: &Met<'_>) -> Reply {
    let Some(fault) = fault else { return reply };
    match fault {
        Fault::GatewayTimeout { committed: true } => timed_out(),
        Fault::Silence(Stage::AfterHeaders) => with_body(reply, |_| Body::Chunks(stream::pending().boxed())),
        Fault::Silence(Stage::MidBody) => with_body(reply, |body| {
            let (first, _) = halves(body);
            Body::Chunks(stream::iter([Ok(first)]).chain(stream::pending()).boxed())
        }),
        Fault::MidChunk => {
            let valve = met.valve.clone();
            with_body(reply, |body| mid_chunk(body, valve))
        }
        Fault::TruncatedJson => with_body(reply, |body| Body::Whole(Some(halves(body).0))),
        Fault::NullItems => with_body(reply, null_items),
        Fault::ContentType(kind) => with_header(reply, header::CONTENT_TYPE, kind),
        Fault::Warning(text) => with_header(reply, header::WARNING, &format!("299 - \"{text}\"")),
        Fault::DateSkew { seconds } => {
            let now = met.cluster.world.clock.now();
            let date = now.checked_add_signed(chrono::Duration::seconds(*seconds)).unwrap_or(now);
            with_header(reply, header::DATE, &date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
        Fault::Hostile(kind) => {
            let reply = with_body(reply, |body| match body {
                Body::Whole(Some(bytes)) => Body::Whole(Some(hostile::rewrite(&bytes, *kind))),
                other => other,
            });
            with_header(reply, header::WARNING, hostile::WARNING)
        }
        _ => reply,
    }
}

/// A wait that is mostly short and now and then up to a hundred times the scale.
fn heavy(tail: Duration, cluster: &Cluster) -> Duration {
    if tail.is_zero() {
        return tail;
    }
    let throw = u32::try_from(cluster.throw() % 1000).unwrap_or_default() + 1;
    tail.saturating_mul(1000 / throw / 10).min(tail.saturating_mul(100))
}

fn refuse(refusal: Refusal, asked: &Asked) -> Reply {
    let target = asked.target();
    let kind: Option<&'static Kind> = target.as_ref().map(|target| target.kind);
    let name = target.as_ref().and_then(|target| target.name.clone()).unwrap_or_default();
    let refused = match (refusal, kind) {
        (Refusal::Unauthorized, _) => Refused::unauthorized(),
        (Refusal::Forbidden, Some(kind)) => Refused::forbidden(kind, &name, "this cluster forbids it"),
        (Refusal::Forbidden, None) => Refused::forbidden_path("this cluster forbids it"),
        (Refusal::ForbiddenHtml, _) => return html(StatusCode::FORBIDDEN, "403 Forbidden"),
        (Refusal::BadGatewayHtml, _) => return html(StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
        (Refusal::GroupMissing, _) | (Refusal::Conflict | Refusal::Invalid, None) => Refused::not_served(),
        (Refusal::Conflict, Some(kind)) => Refused::conflict(
            kind,
            &name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ),
        (Refusal::Expired, _) => {
            let refused = Refused::expired("too old resource version: 1 (200000)");
            if asked.flag("watch") {
                let event = json!({"type": "ERROR", "object": refused.status()});
                return json_value(StatusCode::OK, &event);
            }
            refused
        }
        (Refusal::UnsupportedMediaType, _) => Refused::unsupported_media_type(),
        (Refusal::Invalid, Some(kind)) => Refused::invalid(
            kind,
            &name,
            &[("spec", "FieldValueInvalid", "Invalid value: refused on purpose".to_owned())],
        ),
        (Refusal::Internal, _) => Refused::internal("etcdserver: request timed out"),
        (Refusal::Unavailable, _) => {
            Refused::unavailable("the server is currently unable to handle the request")
        }
    };
    refused.reply()
}

fn timed_out() -> Reply {
    Refused::timeout("Timeout: request did not complete within requested timeout - context deadline exceeded")
        .reply()
}

fn with_header(mut reply: Reply, name: header::HeaderName, text: &str) -> Reply {
    let allowed: Vec<u8> = text.bytes().filter(|byte| *byte >= 0x20 && *byte != 0x7f).collect();
    if let Ok(value) = HeaderValue::from_bytes(&allowed) {
        reply.headers_mut().insert(name, value);
    }
    reply
}

fn with_body(reply: Reply, change: impl FnOnce(Body) -> Body) -> Reply {
    let (mut head, body) = reply.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    Reply::from_parts(head, change(body))
}

/// A body in two halves; one that is made while it is sent has a small invented first half.
fn halves(body: Body) -> (Bytes, Bytes) {
    match body {
        Body::Whole(Some(mut bytes)) => {
            let first = bytes.split_to(bytes.len() / 2);
            (first, bytes)
        }
        Body::Whole(None) => (Bytes::new(), Bytes::new()),
        Body::Chunks(_) => {
            (Bytes::from_static(b"{\"type\":\"ADDED\",\"obj"), Bytes::from_static(b"ect\":{}}\n"))
        }
    }
}

/// The first half as one chunk, then a chunk of which only the beginning leaves before the connection ends.
fn mid_chunk(body: Body, valve: Valve) -> Body {
    let (first, second) = halves(body);
    let rest = stream::once(async move {
        // Lets the first chunk leave before the stream is told to break.
        tokio::time::sleep(Duration::from_millis(20)).await;
        valve.set(Flow::Cut { after: 10, reset: false });
        Ok::<_, io::Error>(second)
    });
    Body::Chunks(stream::iter([Ok(first)]).chain(rest).boxed())
}

fn null_items(body: Body) -> Body {
    let Body::Whole(Some(bytes)) = body else { return body };
    let Ok(mut list) = serde_json::from_slice::<Value>(&bytes) else { return Body::Whole(Some(bytes)) };
    for field in ["items", "rows"] {
        if let Some(items) = list.get_mut(field) {
            *items = Value::Null;
        }
    }
    Body::Whole(Some(Bytes::from(list.to_string())))
}

fn json_chunks(chunks: impl futures::Stream<Item = Bytes> + Send + 'static) -> Reply {
    let mut reply = Reply::new(Body::Chunks(chunks.map(Ok).boxed()));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// A list or a Table of the kind asked for whose one item is repeated until the size is reached.
fn huge_list(bytes: u64, met: &Met<'_>) -> Reply {
    let kind = met.asked.target().map_or("Node", |target| target.kind.kind);
    let filler = "x".repeat(900);
    let (head, item) = if accept::form(met.headers) == Ok(Form::Table) {
        let column =
            json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0});
        let head = format!(
            "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{}},\"columnDefinitions\":[{column}],\"rows\":["
        );
        (head, json!({"cells": [filler], "object": null}))
    } else {
        let head = format!("{{\"kind\":\"{kind}List\",\"apiVersion\":\"v1\",\"metadata\":{{}},\"items\":[");
        (head, json!({"metadata": {"name": "big", "annotations": {"filler": filler}}}))
    };
    let block = Bytes::from(format!("{item},").repeat(64));
    let count = usize::try_from(bytes / (block.len() as u64) + 1).unwrap_or(usize::MAX);
    let body = stream::iter([Bytes::from(head)])
        .chain(stream::repeat(block).take(count))
        .chain(stream::iter([Bytes::from(format!("{item}]}}\n"))]));
    json_chunks(body)
}

fn giant_line(bytes: u64) -> Reply {
    let head = "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"";
    let block = Bytes::from("a".repeat(64 * 1024));
    let count = usize::try_from(bytes / (block.len() as u64) + 1).unwrap_or(usize::MAX);
    let body = stream::iter([Bytes::from_static(head.as_bytes())])
        .chain(stream::repeat(block).take(count))
        .chain(stream::iter([Bytes::from_static(b"\"}}}\n")]));
    json_chunks(body)
}
