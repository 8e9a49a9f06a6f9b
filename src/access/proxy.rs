//! Which proxy leads to a server.
//!
//! `proxy-url` of the entry rules; without one the environment does, with the meaning that Go's programs give to
//! `NO_PROXY` (golang.org/x/net/http/httpproxy), because that is what kubectl's users have written there. The server is
//! what is matched, never the proxy.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{ProxyChoice, ProxyEnv, Server};
use crate::fleet::{CleanText, ErrorCode, Failure};

/// How to speak to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    /// Names are looked up by the proxy, also for `socks5`, as Go does.
    Socks5,
}

/// A proxy. `Debug` shows no password.
pub(super) struct Proxy {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<(String, SecretString)>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("scheme", &self.scheme).field("at", &self.at()).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Reads a proxy's address; `what` says where it stands.
    ///
    /// # Errors
    /// `PROXY`; never quotes the address, which may hold a password.
    fn parse(text: &str, what: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::new(ErrorCode::Proxy, &format!("{what} {why}"));
        let url = url::Url::parse(text.trim()).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
        let (scheme, port) = match url.scheme() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5" | "socks5h" => (Scheme::Socks5, 1080),
            other => {
                return Err(wrong(&format!("has the unknown scheme {}", CleanText::with_cap(other, 20)))
                    .hint("Use http, https, socks5 or socks5h."));
            }
        };
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or_else(|| wrong("names no host"))?;
        let user = (!url.username().is_empty() || url.password().is_some()).then(|| {
            (percent_decoded(url.username()), percent_decoded(url.password().unwrap_or_default()).into())
        });
        Ok(Self {
            scheme,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            user,
        })
    }

    /// `proxy host:port`, for messages.
    pub(super) fn at(&self) -> String {
        format!("proxy {}", authority(&self.host, self.port))
    }

    /// `Proxy-Authorization`, if there is a user.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.user.as_ref()?;
        basic(user, password.expose_secret())
    }
}

/// `Basic` credentials (RFC 7617), marked as not to be shown.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        let mut ahead = rest.clone();
        let digit = |d: Option<u8>| d.and_then(|d| char::from(d).to_digit(16));
        match (b, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            _ => bytes.push(b),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The environment's rules, read once.
pub(super) struct ProxyRules {
    https: Option<Result<Arc<Proxy>, Failure>>,
    http: Option<Result<Arc<Proxy>, Failure>>,
    direct: NoProxy,
}

impl ProxyRules {
    /// Reads the variables. What cannot be read fails when it is needed, and nobody else.
    pub(super) fn new(env: &ProxyEnv) -> Self {
        let read = |value: &Option<String>, name: &str| {
            let text = value.as_deref().map(str::trim).filter(|v| !v.is_empty())?;
            // Programs of all kinds take a bare host:port here.
            let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
            Some(Proxy::parse(&text, name).map(Arc::new))
        };
        let all = || read(&env.all_proxy, "ALL_PROXY");
        Self {
            https: read(&env.https_proxy, "HTTPS_PROXY").or_else(all),
            http: read(&env.http_proxy, "HTTP_PROXY").or_else(all),
            direct: NoProxy::new(env.no_proxy.as_deref().unwrap_or_default()),
        }
    }

    /// The proxy for `server`, if any.
    ///
    /// # Errors
    /// `PROXY` if the address that would be used cannot be read.
    pub(super) fn choose(
        &self,
        choice: &ProxyChoice,
        server: &Server,
    ) -> Result<Option<Arc<Proxy>>, Failure> {
        match choice {
            ProxyChoice::Explicit(url) => {
                Proxy::parse(url.expose_secret(), "proxy-url").map(|proxy| Some(Arc::new(proxy)))
            }
            ProxyChoice::Environment => {
                let proxy = if server.tls { &self.https } else { &self.http };
                match proxy {
                    Some(found) if !self.direct.matches(&server.host, server.port) => found.clone().map(Some),
                    _ => Ok(None),
                }
            }
        }
    }

    /// Items of `NO_PROXY` that were ignored, and proxies that cannot be used.
    pub(super) fn warnings(&self) -> Vec<CleanText> {
        let bad = |p: &Option<Result<Arc<Proxy>, Failure>>| {
            p.as_ref().and_then(|p| p.as_ref().err().map(|f| f.message.clone()))
        };
        let mut all: Vec<_> = bad(&self.https).into_iter().chain(bad(&self.http)).collect();
        all.dedup();
        all.extend(self.direct.ignored.iter().cloned());
        all
    }
}

/// `NO_PROXY`.
#[derive(Default)]
struct NoProxy {
    everything: bool,
    rules: Vec<Rule>,
    ignored: Vec<CleanText>,
}

struct Rule {
    what: What,
    port: Option<u16>,
}

enum What {
    Address(IpAddr),
    Network(IpAddr, u8),
    /// With its leading dot; the flag says whether the name itself matches too.
    Suffix(String, bool),
}

impl NoProxy {
    fn new(text: &str) -> Self {
        let mut found = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if item == "*" {
                found.everything = true;
            } else if let Some(rule) = rule(&item.to_ascii_lowercase()) {
                found.rules.push(rule);
            } else if found.ignored.len() < 8 {
                let item = CleanText::with_cap(without_user(item), 60);
                found
                    .ignored
                    .push(CleanText::new(&format!("NO_PROXY item {item} is not understood and ignored")));
            }
        }
        found
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|a| a.to_canonical());
        if self.everything || host == "localhost" || address.is_some_and(|a| a.is_loopback()) {
            return true;
        }
        self.rules.iter().any(|rule| {
            rule.port.is_none_or(|p| p == port)
                && match (&rule.what, address) {
                    (What::Address(own), Some(a)) => *own == a,
                    (What::Network(net, bits), Some(a)) => in_network(a, *net, *bits),
                    (What::Suffix(dotted, itself), None) => {
                        host.ends_with(dotted.as_str())
                            || (*itself && dotted.strip_prefix('.').is_some_and(|d| d == host))
                    }
                    _ => false,
                }
        })
    }
}

/// An item without the user and password that somebody may have written before a host.
fn without_user(item: &str) -> &str {
    item.rsplit_once('@').map_or(item, |(_, host)| host)
}

fn rule(item: &str) -> Option<Rule> {
    if let Some((net, bits)) = item.split_once('/') {
        let net: IpAddr = net.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        let most = if net.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then_some(Rule { what: What::Network(net, bits), port: None });
    }
    if let Ok(address) = item.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(Rule { what: What::Address(address.to_canonical()), port: None });
    }
    let (host, port) = match item.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (item, None),
    };
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Some(Rule { what: What::Address(address.to_canonical()), port });
    }
    let host = host.strip_prefix('*').filter(|h| h.starts_with('.')).unwrap_or(host);
    let name = host.strip_prefix('.').unwrap_or(host);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(fits) {
        return None;
    }
    Some(Rule { what: What::Suffix(format!(".{name}"), !host.starts_with('.')), port })
}

fn in_network(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let shift = |width: u8| u32::from(width.saturating_sub(bits));
    match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            (u32::from(a) ^ u32::from(n)).checked_shr(shift(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (u128::from(a) ^ u128::from(n)).checked_shr(shift(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16, tls: bool) -> Server {
        Server { tls, host: host.to_owned(), port, path: String::new() }
    }

    #[test]
    fn no_proxy_means_what_it_means_to_kubectl() {
        for (list, host, port, direct) in [
            ("", "api.corp", 6443, false),
            ("api.corp", "api.corp", 6443, true),
            ("api.corp", "x.api.corp", 6443, true),
            ("api.corp", "notapi.corp", 6443, false),
            (".corp", "api.corp", 443, true),
            (".corp", "corp", 443, false),
            ("*.corp", "api.corp", 443, true),
            ("*.corp", "corp", 443, false),
            ("CORP", "Api.Corp.", 443, true),
            ("corp:6443", "api.corp", 6443, true),
            ("corp:6443", "api.corp", 443, false),
            ("10.0.0.0/8", "10.2.3.4", 6443, true),
            ("10.0.0.0/8", "11.2.3.4", 6443, false),
            ("10.0.0.0/8", "api.corp", 6443, false),
            ("0.0.0.0/0", "11.2.3.4", 6443, true),
            ("10.1.1.1", "10.1.1.1", 6443, true),
            ("10.1.1.1:6443", "10.1.1.1", 443, false),
            ("fd00::/8", "fd12::1", 443, true),
            ("[fd12::1]:443", "fd12::1", 443, true),
            ("fd12::1", "fd12::1", 443, true),
            ("*", "api.corp", 443, true),
            ("a, ,,api.corp,", "api.corp", 443, true),
            ("", "localhost", 443, true),
            ("", "127.0.0.9", 443, true),
            ("", "::1", 443, true),
            ("proxy.corp:3128", "api.corp", 443, false),
        ] {
            assert_eq!(NoProxy::new(list).matches(host, port), direct, "{list} {host}:{port}");
        }
    }

    #[test]
    fn what_is_not_understood_is_ignored_and_said() {
        let rules = ProxyRules::new(&ProxyEnv {
            no_proxy: Some("10.0.0.0/99,http://u:secret@x y,api.corp:port,api.corp".to_owned()),
            https_proxy: Some("ftp://user:secret@p:1".to_owned()),
            ..ProxyEnv::default()
        });
        let warnings = rules.warnings();
        assert_eq!(warnings.len(), 4);
        assert!(warnings.iter().all(|w| !w.as_str().contains("secret")));
        let environment = ProxyChoice::Environment;
        assert!(rules.choose(&environment, &server("api.corp", 443, true)).unwrap().is_none());
        let failure = rules.choose(&environment, &server("other", 443, true)).unwrap_err();
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (ErrorCode::Proxy, "HTTPS_PROXY has the unknown scheme ftp")
        );
    }

    #[test]
    fn the_entry_rules_then_the_scheme_then_all() {
        let rules = ProxyRules::new(&ProxyEnv {
            https_proxy: Some("secure:1".to_owned()),
            http_proxy: Some(" ".to_owned()),
            all_proxy: Some("socks5h://us%65r:p%40ss@all".to_owned()),
            no_proxy: Some("*".to_owned()),
        });
        let open = ProxyRules { direct: NoProxy::default(), ..rules };
        let environment = ProxyChoice::Environment;
        let secure = open.choose(&environment, &server("a", 443, true)).unwrap().unwrap();
        assert_eq!((secure.scheme, secure.at().as_str()), (Scheme::Http, "proxy secure:1"));
        let plain = open.choose(&environment, &server("a", 80, false)).unwrap().unwrap();
        assert_eq!((plain.scheme, plain.port), (Scheme::Socks5, 1080));
        let (user, password) = plain.user.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("user", "p@ss"));
        assert!(!format!("{plain:?}").contains("p@ss"));
        let rules = ProxyRules::new(&ProxyEnv { no_proxy: Some("*".to_owned()), ..ProxyEnv::default() });
        let own = ProxyChoice::Explicit(Arc::new("https://[::1]:8443".to_owned().into()));
        let own = rules.choose(&own, &server("localhost", 443, true)).unwrap().unwrap();
        assert_eq!((own.scheme, own.host.as_str(), own.port), (Scheme::Https, "::1", 8443));
        for (text, why) in
            [("proxy:3128", "unknown scheme proxy"), ("not a url", "not a URL"), ("http://", "not a URL")]
        {
            let bad = ProxyChoice::Explicit(Arc::new(text.to_owned().into()));
            let failure = rules.choose(&bad, &server("a", 443, true)).unwrap_err();
            assert!(failure.message.as_str().contains(why), "{failure}");
        }
    }
}
