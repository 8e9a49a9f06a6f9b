//! Servers in normal form, so that two ways of writing one address are equal.

use url::{Host, Url};

use crate::access::Server;
use crate::fleet::CleanText;

/// The longest address that is looked at, in bytes.
const MAX_LEN: usize = 8192;

/// Why an address is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is empty or longer than any.
    #[error("the address is empty or too long")]
    Length,
    /// Another scheme than http and https.
    #[error("only http and https are supported")]
    Scheme,
    /// A user name or a password stands in it.
    #[error("the address holds a user name or a password")]
    Credentials,
    /// It does not say where.
    #[error("the address has no valid host or port")]
    Host,
    /// A cloud's metadata service, which would hand out this machine's own identity.
    #[error("this is the address of a cloud's metadata service")]
    Metadata,
}

/// Reads the address of an API server; without a scheme it is https. A query or fragment is cut off.
///
/// # Errors
/// If it is none, or none that a cluster could have.
pub fn server_of(text: &str) -> Result<Server, AddressError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_LEN {
        return Err(AddressError::Length);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(AddressError::Host);
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => ("https".to_owned(), text),
    };
    let tls = match scheme.as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(AddressError::Scheme),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(AddressError::Host);
    }
    if authority.contains('@') {
        return Err(AddressError::Credentials);
    }
    let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| AddressError::Host)?;
    let host = match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().to_string(),
        None => String::new(),
    };
    if host.is_empty() {
        return Err(AddressError::Host);
    }
    if is_metadata(&host) {
        return Err(AddressError::Metadata);
    }
    let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(AddressError::Host)?;
    Ok(Server { tls, host, port, path: url.path().trim_end_matches('/').to_owned() })
}

fn is_metadata(host: &str) -> bool {
    matches!(host, "169.254.169.254" | "fd00:ec2::254" | "metadata.google.internal" | "metadata")
}

/// A server in normal form: scheme, host in lower case, port always, path without a slash at its end.
pub fn normal(server: &Server) -> CleanText {
    let scheme = if server.tls { "https" } else { "http" };
    let host = server.host.trim_end_matches('.').to_ascii_lowercase();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    CleanText::new(&format!("{scheme}://{host}:{}{}", server.port, server.path.trim_end_matches('/')))
}

/// The same from text.
///
/// # Errors
/// As [`server_of`].
pub fn normal_text(text: &str) -> Result<CleanText, AddressError> {
    server_of(text).map(|server| normal(&server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_address_has_one_normal_form() {
        for (text, expect) in [
            ("https://EU-1.Example.test", "https://eu-1.example.test:443"),
            ("https://eu-1.example.test:443/", "https://eu-1.example.test:443"),
            ("eu-1.example.test:6443", "https://eu-1.example.test:6443"),
            ("https://eu-1.example.test.:6443", "https://eu-1.example.test:6443"),
            ("http://10.0.0.1", "http://10.0.0.1:80"),
            ("https://rancher.corp/k8s/clusters/c-x/", "https://rancher.corp:443/k8s/clusters/c-x"),
            ("https://[2001:DB8::1]:6443", "https://[2001:db8::1]:6443"),
            ("https://h/p?x=1#y", "https://h:443/p"),
        ] {
            assert_eq!(normal_text(text).unwrap().as_str(), expect, "{text}");
        }
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused() {
        for (text, error) in [
            ("", AddressError::Length),
            (" ", AddressError::Length),
            ("ftp://h", AddressError::Scheme),
            ("https://ana:pw@h", AddressError::Credentials),
            ("https://", AddressError::Host),
            ("https://a b", AddressError::Host),
            ("https://h:0", AddressError::Host),
            ("https://h:99999", AddressError::Host),
            ("https://169.254.169.254/latest", AddressError::Metadata),
            ("https://2852039166", AddressError::Metadata),
            ("https://[::ffff:169.254.169.254]", AddressError::Metadata),
        ] {
            assert_eq!(server_of(text).unwrap_err(), error, "{text}");
        }
    }
}
