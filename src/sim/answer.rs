//! One request from its head to its answer: who asks, which fault meets it, what is said, and the audit line.

use std::sync::Arc;

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::accept;
use super::api::{self, Call};
use super::audit::AuditLine;
use super::auth::{Peer, authorize_path, identity};
use super::cluster::{Cluster, lock};
use super::discovery;
use super::fault::Fault;
use super::health;
use super::hub;
use super::metrics;
use super::obstacle::{self, Met, Passage};
use super::openapi;
use super::reply::{Outcome, Refused, Reply, json_bytes, no_page, text};
use super::request::Asked;
use super::wire::Valve;

/// What an API server takes of a body, bytes.
const BODY: usize = 3 * 1024 * 1024;

/// Answers a request.
pub(super) async fn answer(
    cluster: Arc<Cluster>,
    peer: Arc<Peer>,
    valve: Valve,
    request: Request<Incoming>,
) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let passed = hub::pass(&cluster, path, &head.headers);
    let (cluster, path, who) = if let Some(hub::Passed { cluster, path, who }) = passed {
        (cluster, path, who)
    } else {
        let who = identity(&cluster, &peer, &head.headers);
        (cluster, path, who)
    };
    let fault = cluster.faults().meets(path).cloned();
    let line = Entry::new(
        &cluster,
        AuditLine {
            at: cluster.world.clock.now(),
            cluster: cluster.truth.name.clone(),
            method: head.method.to_string(),
            path: head.uri.path_and_query().map_or(path, |whole| whole.as_str()).to_owned(),
            user: who.as_ref().map(|who| who.user.clone()).unwrap_or_default(),
            user_agent: text_of(&head.headers, &header::USER_AGENT),
            code: 0,
        },
    );
    let body = match Limited::new(body, BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(Refused::too_large()),
    };
    let asked = Asked::new(path, head.uri.query());
    let met = Met { cluster: &cluster, asked: &asked, headers: &head.headers, valve: &valve };
    match obstacle::before(fault.as_ref(), &met).await {
        Passage::Open => {}
        Passage::Instead(reply) => {
            line.close(reply.status().as_u16());
            return reply;
        }
        Passage::Break => {
            line.close(0);
            return text(StatusCode::OK, "broken off");
        }
        Passage::Never => {
            line.close(0);
            return std::future::pending().await;
        }
    }
    let said = who.and_then(|who| {
        let call = Call {
            cluster: &cluster,
            who: &who,
            method: &head.method,
            headers: &head.headers,
            asked: &asked,
            body: body?,
        };
        served(&call, path, fault.as_ref())
    });
    let reply = obstacle::after(fault.as_ref(), said.unwrap_or_else(|refused| refused.reply()), &met);
    line.close(reply.status().as_u16());
    reply
}

/// A line of the audit that is still open; written without a code if the client gives up before it is closed.
struct Entry<'a> {
    cluster: &'a Cluster,
    line: Option<AuditLine>,
}

impl<'a> Entry<'a> {
    fn new(cluster: &'a Cluster, line: AuditLine) -> Self {
        Self { cluster, line: Some(line) }
    }

    /// Writes the line with what was sent.
    fn close(mut self, code: u16) {
        if let Some(line) = &mut self.line {
            line.code = code;
        }
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            lock(&self.cluster.world.audit).push(line);
        }
    }
}

/// What the API server says when nothing is in its way.
fn served(call: &Call<'_>, path: &str, fault: Option<&Fault>) -> Outcome {
    if let Some(target) = call.asked.target().filter(|target| call.cluster.serves(target.kind)) {
        return api::answer(call, &target);
    }
    authorize_path(call.cluster, call.who, call.method, path)?;
    if !matches!(*call.method, Method::GET | Method::HEAD) {
        return Err(Refused::method_not_allowed());
    }
    match call.asked.path().as_slice() {
        ["version"] => Ok(json_bytes(call.cluster.version.clone())),
        ["healthz" | "livez" | "readyz", ..] => {
            let failing = match fault {
                Some(Fault::Unready(check)) => Some(check.as_str()),
                _ => None,
            };
            health::answer(call.asked, failing)
        }
        path @ ["api" | "apis", ..] => discovery::answer(path, accept::form(call.headers)?, call.cluster),
        ["metrics"] => Ok(metrics::answer(call.cluster)),
        path @ ["openapi", ..] => Ok(openapi::answer(path, call.headers, &call.cluster.truth.version)),
        _ => Ok(no_page()),
    }
}

fn text_of(headers: &HeaderMap, name: &header::HeaderName) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
