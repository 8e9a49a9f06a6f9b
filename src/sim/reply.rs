//! Answers: bodies, JSON, and the Status objects of refusals, field for field as an API server sends them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use serde_json::{Value, json};

use super::kinds::Kind;

/// Chunks that are made while they are sent.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A body: whole and known, or chunks as they come.
pub(super) enum Body {
    Whole(Option<Bytes>),
    Chunks(Chunks),
}

/// An answer.
pub(super) type Reply = Response<Body>;

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Chunks(chunks) => {
                chunks.as_mut().poll_next(cx).map(|next| next.map(|bytes| bytes.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Chunks(_) => http_body::SizeHint::default(),
        }
    }
}

/// A whole answer.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Body::Whole(Some(body.into())));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// 200 with JSON that is ready.
pub(super) fn json_bytes(body: impl Into<Bytes>) -> Reply {
    whole(StatusCode::OK, "application/json", body)
}

/// JSON of a value; objects end in a line feed, as Go's encoder leaves one.
pub(super) fn json_value(status: StatusCode, value: &Value) -> Reply {
    let mut body = value.to_string();
    body.push('\n');
    whole(status, "application/json", body)
}

/// Plain text.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    whole(status, "text/plain; charset=utf-8", body)
}

/// 404 for a path behind which there is no API at all.
pub(super) fn no_page() -> Reply {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// A page of HTML.
pub(super) fn html(status: StatusCode, title: &str) -> Reply {
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body><h1>{title}</h1><p>gateway</p></body></html>\n"
    );
    whole(status, "text/html; charset=utf-8", body)
}

/// Why a request is refused; becomes a Status object (meta/v1 Status, StatusReason).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl Refused {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        let mut details = serde_json::Map::new();
        if !name.is_empty() {
            details.insert("name".into(), name.into());
        }
        if !kind.group.is_empty() {
            details.insert("group".into(), kind.group.into());
        }
        details.insert("kind".into(), kind.plural.into());
        self.details = Some(Value::Object(details));
        self
    }

    /// 401.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403; `what` is the clause after "forbidden: ".
    pub(super) fn forbidden(kind: &Kind, name: &str, what: &str) -> Self {
        let quoted = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        Self::new(403, "Forbidden", format!("{}{quoted} is forbidden: {what}", kind.qualified()))
            .about(kind, name)
    }

    /// 403 for something that is no kind served here (users and groups of impersonation).
    pub(super) fn forbidden_plain(plural: &str, name: &str, what: &str) -> Self {
        let mut refused = Self::new(403, "Forbidden", format!("{plural} \"{name}\" is forbidden: {what}"));
        refused.details = Some(json!({"name": name, "kind": plural}));
        refused
    }

    /// 403 for a path that is no resource.
    pub(super) fn forbidden_path(what: &str) -> Self {
        let mut refused = Self::new(403, "Forbidden", format!("forbidden: {what}"));
        refused.details = Some(json!({}));
        refused
    }

    /// 404 for a path that is not served.
    pub(super) fn not_served() -> Self {
        let mut refused = Self::new(404, "NotFound", "the server could not find the requested resource");
        refused.details = Some(json!({}));
        refused
    }

    /// 404 for an object.
    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.qualified())).about(kind, name)
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        let mut refused = Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        );
        refused.details = Some(json!({}));
        refused
    }

    /// 406.
    pub(super) fn not_acceptable() -> Self {
        let mut refused = Self::new(
            406,
            "NotAcceptable",
            "406: Not Acceptable\n\nAvailable representations: application/json",
        );
        refused.details = Some(json!({}));
        refused
    }

    /// 406 for metadata of one object where a list is asked for, or the other way round.
    pub(super) fn not_that_shape(asked: &str, kind: &Kind, list: bool) -> Self {
        let is = if list {
            format!("a list (*core.{}List)", kind.kind)
        } else {
            format!("no list (*core.{})", kind.kind)
        };
        Self::new(406, "NotAcceptable", format!("you requested {asked}, but the requested object is {is}"))
    }

    /// 409 for a name that is taken.
    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.qualified()))
            .about(kind, name)
    }

    /// 409 for a write over a newer object, or a precondition that failed.
    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.qualified());
        Self::new(409, "Conflict", message).about(kind, name)
    }

    /// 409 for a deletion whose condition does not hold; names the kind where other conflicts name the resource.
    pub(super) fn precondition(kind: &Kind, name: &str, what: &str, wanted: &str, has: &str) -> Self {
        let qualified = if kind.group.is_empty() {
            kind.kind.to_owned()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let why = if what == "UID" { "deleted and then recreated" } else { "modified" };
        let message = format!(
            "Operation cannot be fulfilled on {qualified} \"{name}\": the {what} in the precondition ({wanted}) does \
             not match the {what} in record ({has}). The object might have been {why}"
        );
        let mut refused = Self::new(409, "Conflict", message).about(kind, name);
        if let Some(details) = refused.details.as_mut().and_then(Value::as_object_mut) {
            details.insert("kind".into(), kind.kind.into());
        }
        refused
    }

    /// 409 of server-side apply, one cause per field that another manager owns.
    pub(super) fn apply_conflict(fields: &[(String, String)]) -> Self {
        let causes: Vec<Value> = fields
            .iter()
            .map(|(manager, field)| {
                json!({"reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\""), "field": field})
            })
            .collect();
        let list: Vec<String> =
            fields.iter().map(|(manager, field)| format!("conflict with \"{manager}\": {field}")).collect();
        let plural = if fields.len() == 1 { "conflict" } else { "conflicts" };
        let message = format!("Apply failed with {} {plural}: {}", fields.len(), list.join("\n"));
        let mut refused = Self::new(409, "Conflict", message);
        refused.details = Some(json!({"causes": causes}));
        refused
    }

    /// 410 for a watch or a continue token that is too old.
    pub(super) fn expired(message: &str) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 415 for an object.
    pub(super) fn unsupported_media_type() -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, \
             application/yaml, application/vnd.kubernetes.protobuf",
        )
    }

    /// 415 for a patch.
    pub(super) fn unsupported_patch() -> Self {
        let mut refused = Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type");
        refused.details = Some(json!({}));
        refused
    }

    /// 422 with one cause per field.
    pub(super) fn invalid(kind: &Kind, name: &str, causes: &[(&str, &'static str, String)]) -> Self {
        Self::invalid_of((kind.group, kind.kind), name, causes)
    }

    /// 422 for a query parameter: these are checked as fields of CreateOptions, PatchOptions or ListOptions.
    pub(super) fn invalid_option(options: &str, field: &str, reason: &'static str, why: String) -> Self {
        Self::invalid_of(("meta.k8s.io", options), "", &[(field, reason, why)])
    }

    fn invalid_of((group, kind): (&str, &str), name: &str, causes: &[(&str, &'static str, String)]) -> Self {
        let list: Vec<String> = causes.iter().map(|(field, _, why)| format!("{field}: {why}")).collect();
        let list = match list.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let causes: Vec<Value> = causes
            .iter()
            .map(|(field, reason, why)| json!({"reason": reason, "message": why, "field": field}))
            .collect();
        let mut refused = Self::new(422, "Invalid", format!("{qualified} \"{name}\" is invalid: {list}"));
        let mut details = json!({"kind": kind, "causes": causes});
        if let Some(details) = details.as_object_mut() {
            for (field, text) in [("name", name), ("group", group)] {
                if !text.is_empty() {
                    details.insert(field.into(), text.into());
                }
            }
        }
        refused.details = Some(details);
        refused
    }

    /// 422 for a JSON patch whose test fails or whose path is not there.
    pub(super) fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut refused = Self::new(422, "Invalid", message);
        refused.details = Some(json!({}));
        refused
    }

    /// 429.
    pub(super) fn too_many_requests(retry_seconds: Option<u64>) -> Self {
        let mut refused = Self::new(429, "TooManyRequests", "too many requests, please try again later");
        refused.details = retry_seconds.map(|seconds| json!({"retryAfterSeconds": seconds}));
        refused
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 413.
    pub(super) fn too_large() -> Self {
        Self::new(413, "RequestEntityTooLarge", "limit is 3145728")
    }

    /// 500.
    pub(super) fn internal(message: &str) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// 503.
    pub(super) fn unavailable(message: &str) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// 504 for a revision that is not there yet.
    pub(super) fn too_large_revision(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let mut refused = Self::new(504, "Timeout", message);
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        refused.details = Some(json!({"causes": [cause], "retryAfterSeconds": 1}));
        refused
    }

    /// 504.
    pub(super) fn timeout(message: &str) -> Self {
        Self::new(504, "Timeout", message)
    }

    /// The Status object.
    pub(super) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let (Some(details), Some(status)) = (&self.details, status.as_object_mut()) {
            status.insert("details".into(), details.clone());
        }
        status
    }

    /// The answer; a time to come again stands in a header too.
    pub(super) fn reply(&self) -> Reply {
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = json_value(status, &self.status());
        let seconds = self.details.as_ref().and_then(|details| details.get("retryAfterSeconds")?.as_u64());
        if let Some(seconds) = seconds {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}

/// An answer or a refusal.
pub(super) type Outcome = Result<Reply, Refused>;
