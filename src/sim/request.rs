//! What a request asks for: path, query and verb taken apart as an API server's RequestInfo does.

use super::kinds::{Kind, find};

/// Path and query of a request, decoded.
#[derive(Debug)]
pub(super) struct Asked {
    /// The path's segments, percent-decoded, empty ones left out.
    pub(super) segments: Vec<String>,
    query: Vec<(String, String)>,
}

/// A resource path: `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUB]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: &'static Kind,
    /// Empty for the whole cluster.
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Asked {
    /// Takes a request target apart.
    pub(super) fn new(path: &str, query: Option<&str>) -> Self {
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(percent_decode).collect();
        let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { segments, query }
    }

    /// The first value of a query parameter, if it says anything.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let value = self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    }

    /// True when the parameter is there at all: `?verbose`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.query.iter().any(|(key, _)| key == name)
    }

    /// True for the ways in which Go's query decoding says yes.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.has(name) && !matches!(self.query(name), Some("false" | "0"))
    }

    /// The segments, for matching.
    pub(super) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The resource asked for, if the path is that of one.
    pub(super) fn target(&self) -> Option<Target> {
        let path = self.path();
        let (group, version, rest) = match path.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // `namespaces/X/status` is a subresource of the namespace; `namespaces/X/pods` lies inside it.
            ["namespaces", name, inner @ ..]
                if inner.first().is_some_and(|first| !matches!(*first, "status" | "finalize")) =>
            {
                (*name, inner)
            }
            _ => ("", rest),
        };
        let (plural, rest) = rest.split_first()?;
        let kind = find(group, version, plural)?;
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some((*name).to_owned()), None),
            [name, sub] => (Some((*name).to_owned()), Some((*sub).to_owned())),
            _ => return None,
        };
        if !namespace.is_empty() && !kind.namespaced {
            return None;
        }
        Some(Target { kind, namespace: namespace.to_owned(), name, subresource })
    }
}

impl Target {
    /// The RBAC verb of a method here.
    pub(super) fn verb(&self, method: &http::Method, watch: bool) -> &'static str {
        match (method.as_str(), self.name.is_some()) {
            (_, _) if watch && method == http::Method::GET => "watch",
            ("GET" | "HEAD", true) => "get",
            ("GET" | "HEAD", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => "",
        }
    }

    /// The resource with its subresource, as RBAC names it.
    pub(super) fn resource(&self) -> String {
        match &self.subresource {
            Some(sub) => format!("{}/{sub}", self.kind.plural),
            None => self.kind.plural.to_owned(),
        }
    }
}

/// Decodes `%XX`; what is no such escape stays as it is.
fn percent_decode(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let ahead: Vec<u8> = rest.clone().take(2).collect();
        let escape = std::str::from_utf8(&ahead).ok().filter(|hex| hex.len() == 2);
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest.nth(1);
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_paths_come_apart_as_a_server_reads_them() {
        let check = |path: &str, expect: Option<(&str, &str, Option<&str>, Option<&str>)>| {
            let target = Asked::new(path, None).target();
            let got = target
                .as_ref()
                .map(|t| (t.kind.plural, t.namespace.as_str(), t.name.as_deref(), t.subresource.as_deref()));
            assert_eq!(got, expect, "{path}");
        };
        check("/api/v1/nodes", Some(("nodes", "", None, None)));
        check("/api/v1/nodes/a/status", Some(("nodes", "", Some("a"), Some("status"))));
        check("/api/v1/namespaces", Some(("namespaces", "", None, None)));
        check("/api/v1/namespaces/x", Some(("namespaces", "", Some("x"), None)));
        check("/api/v1/namespaces/x/status", Some(("namespaces", "", Some("x"), Some("status"))));
        check("/api/v1/namespaces/x/pods", Some(("pods", "x", None, None)));
        check("/apis/apps/v1/namespaces/x/deployments/d", Some(("deployments", "x", Some("d"), None)));
        check(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
            Some(("clusterroles", "", Some("system:node"), None)),
        );
        check("/api/v1/namespaces/x/nodes", None);
        check("/apis/apps/v1beta1/deployments", None);
        check("/version", None);
    }

    #[test]
    fn flags_follow_go() {
        let asked = Asked::new("/x", Some("watch=true&verbose&pretty=0&limit=&a=b%20c"));
        assert!(asked.flag("watch") && asked.flag("verbose") && !asked.flag("pretty") && !asked.flag("none"));
        assert_eq!((asked.query("limit"), asked.query("a")), (None, Some("b c")));
    }
}
