//! What a read-only program does not send.

use http::{HeaderMap, Method, header};

use crate::fleet::{ErrorCode, Failure};

/// Subresources through which something is done with a plain GET.
const DOORS: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

/// Resources that only ask a question, though by POST.
const QUESTIONS: [(&str, &str); 5] = [
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("authorization.k8s.io", "localsubjectaccessreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
];

/// Lets through what reads, and access reviews; refuses writes, dry-runs included, and every way into a container, a
/// node or a network.
///
/// # Errors
/// `CONFIG`, naming what was refused.
pub(super) fn allow_reading(method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Failure> {
    let refused = |what: &str| {
        Err(Failure::new(ErrorCode::Config, &format!("{what} refused: this program is read-only"))
            .hint("Start it without the read-only setting to change clusters."))
    };
    let asked = Asked::new(path);
    if headers.contains_key(header::UPGRADE) {
        return refused("a connection into the cluster is");
    }
    if let Some(door) = DOORS.iter().find(|door| asked.subresource == Some(**door)) {
        return refused(&format!("{door} is"));
    }
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let is_question = *method == Method::POST
        && asked.name.is_none()
        && QUESTIONS
            .iter()
            .any(|(group, resource)| asked.group == Some(*group) && asked.resource == Some(*resource));
    if is_question { Ok(()) } else { refused(&format!("{method} is")) }
}

/// The parts of an API path (Kubernetes API concepts, "Resource URIs").
#[derive(Default)]
struct Asked<'a> {
    group: Option<&'a str>,
    resource: Option<&'a str>,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn new(path: &'a str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let group = match parts.next() {
            Some("api") => None,
            Some("apis") => parts.next(),
            _ => return Self::default(),
        };
        let _version = parts.next();
        let mut parts: Vec<_> = parts.collect();
        // `namespaces/NAME/pods` is about pods, `namespaces/NAME` about a namespace.
        if parts.len() > 2 && parts.first() == Some(&"namespaces") {
            drop(parts.drain(..2));
        }
        let at = |i: usize| parts.get(i).copied();
        Self { group, resource: at(0), name: at(1), subresource: at(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_access_reviews_pass_and_nothing_else_does() {
        let (get, post, put, patch, delete) =
            (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
        for (method, path, ok) in [
            (&get, "/version", true),
            (&get, "/api/v1/nodes?limit=500", true),
            (&get, "/api/v1/namespaces/proxy/pods/exec", true),
            (&get, "/api/v1/namespaces/a/pods/b/log?follow=true", true),
            (&get, "/api/v1/namespaces/a/pods/b/exec?command=sh", false),
            (&get, "/api/v1/namespaces/a/pods/b/attach", false),
            (&get, "/api/v1/namespaces/a/pods/b/portforward", false),
            (&get, "/api/v1/namespaces/a/services/b/proxy/admin", false),
            (&get, "/api/v1/nodes/n/proxy/logs", false),
            (&get, "//api//v1/nodes/n//proxy", false),
            (&post, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true),
            (&post, "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", true),
            (&post, "/apis/authentication.k8s.io/v1/selfsubjectreviews", true),
            (&post, "/apis/evil.example/v1/selfsubjectaccessreviews", false),
            (&post, "/api/v1/namespaces/a/pods?dryRun=All", false),
            (&post, "/api/v1/namespaces/a/serviceaccounts/b/token", false),
            (&post, "/apis/authentication.k8s.io/v1/tokenreviews", false),
            (&put, "/api/v1/nodes/n", false),
            (&patch, "/api/v1/nodes/n", false),
            (&delete, "/api/v1/nodes/n", false),
        ] {
            assert_eq!(allow_reading(method, path, &HeaderMap::new()).is_ok(), ok, "{method} {path}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, "websocket".parse().unwrap());
        assert!(allow_reading(&get, "/api/v1/pods", &headers).is_err());
    }
}
