//! Addresses: of API servers and of proxies.
//!
//! Credentials inside an address are refused for servers and hidden for proxies; the address of a cloud's metadata
//! service is refused, because a kubeconfig from somewhere else could make us ask it for our machine's own identity.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, ParseError, Url};

use crate::access::Server;

/// The longest address that is looked at, in bytes.
const MAX_LEN: usize = 8192;

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("the address is longer than 8,192 bytes")]
    TooLong,
    #[error("the address holds a space or a control character")]
    Blank,
    #[error("the address holds a backslash")]
    Backslash,
    #[error("unix sockets are not supported")]
    Unix,
    #[error("only http and https are supported")]
    Scheme,
    #[error("only http, https and socks5 proxies are supported")]
    ProxyScheme,
    #[error("the address holds a user name or a password")]
    Credentials,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("there is no host in the address")]
    NoHost,
    #[error("the host is not a valid name or IP address")]
    Host,
    #[error("this is the address of a cloud's metadata service")]
    Metadata,
}

impl AddressError {
    /// The stable word for it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Credentials => "CREDENTIALS_IN_URL",
            Self::Metadata => "METADATA_ADDRESS",
            _ => "BAD_SERVER",
        }
    }

    /// What to try.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Credentials => "Move them to username and password of the user entry.",
            Self::Metadata => "An API server never stands there; check where this kubeconfig comes from.",
            _ => "It should look like https://host:6443.",
        }
    }
}

/// A server's address as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) server: Server,
    /// For people.
    pub(super) shown: String,
    /// Whether `https` was added by us.
    pub(super) scheme_added: bool,
    /// Whether a query or fragment was cut off.
    pub(super) cut: bool,
}

/// Reads the `server` of a cluster entry. Without a scheme it is https.
pub(super) fn server(raw: &str) -> Result<Address, AddressError> {
    let (scheme, rest) = split(raw)?;
    let tls = match scheme.as_deref() {
        None | Some("https") => true,
        Some("http") => false,
        Some("unix") => return Err(AddressError::Unix),
        Some(_) => return Err(AddressError::Scheme),
    };
    if authority(rest).contains('@') {
        return Err(AddressError::Credentials);
    }
    let url = parse(if tls { "https" } else { "http" }, rest)?;
    let host = host(&url)?;
    if is_metadata(&host) {
        return Err(AddressError::Metadata);
    }
    let port = url.port_or_known_default().filter(|p| *p > 0).ok_or(AddressError::Port)?;
    let path = url.path().trim_end_matches('/').to_owned();
    let name = host_text(&host);
    let bracketed = if name.contains(':') { format!("[{name}]") } else { name.clone() };
    let usual = if tls { 443 } else { 80 };
    let port_text = if port == usual { String::new() } else { format!(":{port}") };
    Ok(Address {
        shown: format!("{}://{bracketed}{port_text}{path}", if tls { "https" } else { "http" }),
        server: Server { tls, host: name, port, path },
        scheme_added: scheme.is_none(),
        cut: url.query().is_some() || url.fragment().is_some(),
    })
}

/// A proxy's address: the URL to use, and the one to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) url: String,
    pub(super) shown: String,
}

/// Reads a `proxy-url`.
pub(super) fn proxy(raw: &str) -> Result<Proxy, AddressError> {
    let (scheme, rest) = split(raw)?;
    let scheme = match scheme.as_deref() {
        Some(scheme @ ("http" | "https" | "socks5" | "socks5h")) => scheme.to_owned(),
        _ => return Err(AddressError::ProxyScheme),
    };
    let url = parse(&scheme, rest)?;
    let name = host_text(&host(&url)?);
    let bracketed = if name.contains(':') { format!("[{name}]") } else { name };
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    Ok(Proxy {
        url: url.as_str().trim_end_matches('/').to_owned(),
        shown: format!("{scheme}://{bracketed}{port}"),
    })
}

/// Whether `host` is this machine by name or number.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The scheme in lower case, and what follows `://`.
fn split(raw: &str) -> Result<(Option<String>, &str), AddressError> {
    if raw.is_empty() {
        return Err(AddressError::Empty);
    }
    if raw.len() > MAX_LEN {
        return Err(AddressError::TooLong);
    }
    if raw.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AddressError::Blank);
    }
    if raw.contains('\\') {
        return Err(AddressError::Backslash);
    }
    if raw.starts_with("unix:") {
        return Err(AddressError::Unix);
    }
    Ok(match raw.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, raw),
    })
}

/// Host, port and credentials: everything before the path.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

fn parse(scheme: &str, rest: &str) -> Result<Url, AddressError> {
    if authority(rest).is_empty() {
        return Err(AddressError::NoHost);
    }
    Url::parse(&format!("{scheme}://{rest}")).map_err(|e| match e {
        ParseError::EmptyHost => AddressError::NoHost,
        ParseError::InvalidPort => AddressError::Port,
        _ => AddressError::Host,
    })
}

/// The host; for schemes that the URL standard does not know, an IP address is still a text there.
fn host(url: &Url) -> Result<Host<String>, AddressError> {
    let host = url.host().ok_or(AddressError::NoHost)?.to_owned();
    match host {
        Host::Domain(name) if name.is_empty() => Err(AddressError::NoHost),
        Host::Domain(name) => Ok(name.parse().map_or(Host::Domain(name), Host::Ipv4)),
        ip => Ok(ip),
    }
}

fn host_text(host: &Host<String>) -> String {
    match host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

/// The metadata services of AWS, GCP, Azure and others share one link-local address; AWS has two more.
fn is_metadata(host: &Host<String>) -> bool {
    const V4: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(169, 254, 170, 2)];
    const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match host {
        Host::Ipv4(ip) => V4.contains(ip),
        Host::Ipv6(ip) => *ip == V6 || ip.to_ipv4().is_some_and(|v4| V4.contains(&v4)),
        Host::Domain(name) => name.trim_end_matches('.').eq_ignore_ascii_case("metadata.google.internal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_people_write_them() {
        for (raw, shown, added) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443", false),
            ("HTTPS://API.Example.com", "https://api.example.com", false),
            ("https://api.example.com:443/", "https://api.example.com", false),
            ("https://rancher.corp/k8s/clusters/c-m-1", "https://rancher.corp/k8s/clusters/c-m-1", false),
            ("https://rancher.corp/k8s/clusters/c-m-1/", "https://rancher.corp/k8s/clusters/c-m-1", false),
            ("127.0.0.1:6443", "https://127.0.0.1:6443", true),
            ("api.corp", "https://api.corp", true),
            ("api.corp:6443/path", "https://api.corp:6443/path", true),
            ("[::1]:6443", "https://[::1]:6443", true),
            ("https://[2001:db8::1]:6443/p", "https://[2001:db8::1]:6443/p", false),
            ("http://localhost:8080", "http://localhost:8080", false),
        ] {
            let address = server(raw).unwrap();
            assert_eq!((address.shown.as_str(), address.scheme_added), (shown, added), "{raw}");
        }
        let v6 = server("https://[::1]:6443").unwrap().server;
        assert_eq!((v6.host.as_str(), v6.port), ("::1", 6443));
        assert!(server("https://h/p?x=1").unwrap().cut);
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused_by_cause() {
        use AddressError as E;
        for (raw, error) in [
            ("", E::Empty),
            ("ftp://host", E::Scheme),
            ("javascript://host", E::Scheme),
            ("unix:/run/kube.sock", E::Unix),
            ("unix:///run/kube.sock", E::Unix),
            ("https://user:pw@host", E::Credentials),
            ("user:pw@host:6443", E::Credentials),
            ("https://@host", E::Credentials),
            ("https://ho st", E::Blank),
            (" https://host", E::Blank),
            ("https://host\n", E::Blank),
            ("https://host\u{a0}", E::Blank),
            ("https://host:99999", E::Port),
            ("https://host:0", E::Port),
            ("https://host:port", E::Port),
            ("https://", E::NoHost),
            ("https:///path", E::NoHost),
            ("https://:6443", E::NoHost),
            ("https:\\\\host", E::Backslash),
            ("https://[::1", E::Host),
            ("https://a|b", E::Host),
            ("https://169.254.169.254/latest", E::Metadata),
            ("http://169.254.169.254", E::Metadata),
            ("https://2852039166", E::Metadata),
            ("https://0xa9fea9fe", E::Metadata),
            ("https://[::ffff:169.254.169.254]", E::Metadata),
            ("https://[fd00:ec2::254]", E::Metadata),
            ("https://metadata.google.internal", E::Metadata),
        ] {
            assert_eq!(server(raw).unwrap_err(), error, "{raw}");
        }
        assert_eq!(server(&format!("https://{}", "a".repeat(9000))).unwrap_err(), E::TooLong);
    }

    #[test]
    fn proxies_are_checked_and_their_passwords_hidden() {
        for (raw, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://ana:secret@proxy:3128", "http://proxy:3128"),
            ("https://proxy", "https://proxy"),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("socks5://u:p@[::1]:1080", "socks5://[::1]:1080"),
        ] {
            assert_eq!(proxy(raw).unwrap().shown, shown, "{raw}");
        }
        assert_eq!(proxy("http://ana:secret@proxy:3128").unwrap().url, "http://ana:secret@proxy:3128");
        for raw in
            ["proxy:3128", "ftp://proxy", "http://", "http://proxy:70000", "http://a b", "", "socks5://"]
        {
            assert!(proxy(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for (host, loopback) in [
            ("localhost", true),
            ("kind.localhost", true),
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("localhost.evil.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), loopback, "{host}");
        }
    }
}
