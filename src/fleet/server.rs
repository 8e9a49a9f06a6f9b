//! URLs of API servers in one form, so that equal ones can be told by comparing texts.

use url::{Host, Url};

use super::CleanText;

/// Longest URL that is looked at, in bytes. Those of API servers are far shorter.
const LONGEST: usize = 1_024;

/// The URL of an API server in normal form: scheme, host in lower case, port always written, path without a trailing slash.
///
/// Without a scheme `https` is meant, as client-go has it. User info, query and fragment are dropped, and so is the dot
/// that may end a fully qualified name. The path is kept: fronts that many clusters share tell them apart by it. `None` if the
/// text is no URL of the schemes `http` and `https` (RFC 3986), or is longer than 1,024 bytes.
pub fn normal_server(text: &str) -> Option<CleanText> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    if is_normal(text) {
        return Some(CleanText::new(text));
    }
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = url.ok().filter(|u| matches!(u.scheme(), "https" | "http"))?;
    let host = url.host_str()?.trim_end_matches('.');
    if host.is_empty() {
        return None;
    }
    let port = url.port_or_known_default()?;
    let path = url.path().trim_end_matches('/');
    Some(CleanText::with_cap(&format!("{}://{host}:{port}{path}", url.scheme()), usize::MAX))
}

/// Whether a text is plainly in normal form already. Most are, and taking them apart is most of what comparing them costs. Host names
/// of letters only are asked for, since numbers may be addresses in another spelling.
fn is_normal(text: &str) -> bool {
    let Some((host, rest)) = text.strip_prefix("https://").and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let digits = rest.find('/').unwrap_or(rest.len());
    let Some((port, path)) = rest.split_at_checked(digits) else { return false };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let port_is_plain =
        !port.starts_with('0') && port.parse::<u16>().is_ok() && port.bytes().all(|b| b.is_ascii_digit());
    let last = host.rsplit('.').next().unwrap_or(host);
    host.bytes().all(plain)
        && !host.starts_with('.')
        && !host.contains("..")
        && !host.contains("xn--")
        && last.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && port_is_plain
        && path.is_empty()
}

/// What a URL in normal form says of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The host, an IPv6 address in brackets.
    pub(super) host: &'a str,
    /// The path, from its slash on; empty if there is none.
    pub(super) path: &'a str,
}

/// Takes a URL in normal form apart; `None` if the text is none.
pub(super) fn place(server: &str) -> Option<Place<'_>> {
    let (_, rest) = server.split_once("://")?;
    let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    (!host.is_empty()).then_some(Place { host, path })
}

/// Whether a host means another machine for everybody who reads it: loopback, link-local, unspecified, and the names that mean
/// "this cluster" inside of each.
pub(super) fn is_local(host: &str) -> bool {
    // What ends in letters is a name, and most are neither of those below; asking that costs less than taking a host apart.
    let is_name = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_lowercase()));
    if is_name && host.is_ascii() {
        return is_local_name(host);
    }
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        Ok(Host::Ipv6(ip)) => {
            let v4 = ip.to_ipv4_mapped();
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unicast_link_local()
                || v4.is_some_and(|ip| ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
        }
        Ok(Host::Domain(name)) => is_local_name(&name),
        Err(_) => false,
    }
}

fn is_local_name(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || matches!(name, "kubernetes" | "kubernetes.default" | "host.docker.internal")
        || name.rsplit('.').next() == Some("svc")
        || name.ends_with(".svc.cluster.local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_one_form() {
        for (text, expect) in [
            ("https://api.example.com", "https://api.example.com:443"),
            ("https://api.example.com:443/", "https://api.example.com:443"),
            ("https://api.example.com:6443", "https://api.example.com:6443"),
            ("HTTPS://API.Example.COM:6443///", "https://api.example.com:6443"),
            ("  https://api.example.com:6443\n", "https://api.example.com:6443"),
            ("https://api.example.com.:6443", "https://api.example.com:6443"),
            ("http://10.0.0.9", "http://10.0.0.9:80"),
            ("http://10.0.0.9:80", "http://10.0.0.9:80"),
            ("10.0.0.9:6443", "https://10.0.0.9:6443"),
            ("api.example.com", "https://api.example.com:443"),
            ("api.example.com:6443/k8s/clusters/c-1/", "https://api.example.com:6443/k8s/clusters/c-1"),
            ("https://rancher.test/k8s/clusters/c-m-1", "https://rancher.test:443/k8s/clusters/c-m-1"),
            ("https://gate.test/v1/projects/P/x?alt=json#top", "https://gate.test:443/v1/projects/P/x"),
            ("https://ana:secret@api.test:6443/a", "https://api.test:6443/a"),
            ("https://[2001:DB8::1]:6443/", "https://[2001:db8::1]:6443"),
            ("[fd00::a]:6443", "https://[fd00::a]:6443"),
            ("https://[2001:db8:0:0::1]", "https://[2001:db8::1]:443"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example:443"),
        ] {
            let normal = normal_server(text).unwrap();
            assert_eq!(normal.as_str(), expect, "{text}");
            assert_eq!(normal_server(normal.as_str()).unwrap().as_str(), expect, "twice: {text}");
        }
        let long = format!("https://{}.test", "a".repeat(2_000));
        for text in [
            "",
            "   ",
            "ftp://a.test",
            "https://",
            "https://:6443",
            "https://a b",
            "file:///etc",
            &long,
            "https://a:99999",
        ] {
            assert_eq!(normal_server(text), None, "{text}");
        }
    }

    #[test]
    fn the_short_way_gives_what_the_long_one_gives() {
        for host in [
            "a.test",
            "api-1.k8s.example.com",
            "a",
            "a.b",
            "a-b.c",
            "a.0x1",
            "1.2.3.4",
            "1.a",
            "x.1",
            "0x7f.1",
            ".a",
            "a.",
            "a..b",
            "-a",
            "xn--a.b",
        ] {
            for rest in ["", ":443", ":6443", ":06443", ":0", ":70000", ":6443/", ":6443/x", ":+1", "?a"] {
                let text = format!("https://{host}{rest}");
                if is_normal(&text) {
                    let url = Url::parse(&text).unwrap();
                    let long = format!(
                        "https://{}:{}",
                        url.host_str().unwrap(),
                        url.port_or_known_default().unwrap()
                    );
                    assert_eq!(long, text);
                }
            }
        }
        assert!(is_normal("https://api-1.k8s.example.com:6443"));
    }

    #[test]
    fn a_normal_form_comes_apart() {
        for (server, host, path) in [
            ("https://api.test:443", "api.test", ""),
            ("https://[fd00::a]:6443", "[fd00::a]", ""),
            ("https://r.test:443/k8s/clusters/c-1", "r.test", "/k8s/clusters/c-1"),
            ("https://api.test", "api.test", ""),
        ] {
            assert_eq!(place(server), Some(Place { host, path }), "{server}");
        }
        assert_eq!(place("api.test"), None);
    }

    #[test]
    fn some_hosts_mean_another_machine_to_everybody() {
        for (host, local) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("localhost", true),
            ("a.localhost", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("0.0.0.0", true),
            ("169.254.1.1", true),
            ("[fe80::1]", true),
            ("kubernetes.default.svc", true),
            ("kubernetes.default.svc.cluster.local", true),
            ("kubernetes", true),
            ("host.docker.internal", true),
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("api.test", false),
            ("kubernetes.example.com", false),
            ("[2001:db8::1]", false),
        ] {
            assert_eq!(is_local(host), local, "{host}");
        }
    }
}
