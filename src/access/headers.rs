//! The headers that say who asks, and for whom.

use base64::Engine;
use chrono::{DateTime, Utc};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::pem::config;
use super::proxy::authority;
use super::{Impersonation, Server};
use crate::fleet::Failure;

/// Longest token; API servers refuse heads larger than this anyway.
pub(super) const TOKEN_CAP: usize = 64 << 10;

/// `Host`, `User-Agent` and impersonation: what all requests to a target have in common.
///
/// # Errors
/// `CONFIG` for values that no header can carry.
pub(super) fn common(
    server: &Server,
    user_agent: &HeaderValue,
    impersonation: Option<&Impersonation>,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    let default_port = if server.tls { 443 } else { 80 };
    let host = authority(&server.host, server.port);
    let host = if server.port == default_port {
        host.rsplit_once(':').map_or(host.as_str(), |(h, _)| h).to_owned()
    } else {
        host
    };
    headers.insert(header::HOST, value(&host, "the server's host")?);
    headers.insert(header::USER_AGENT, user_agent.clone());
    if let Some(who) = impersonation {
        headers.insert("impersonate-user", value(&who.user, "the impersonated user")?);
        if let Some(uid) = &who.uid {
            headers.insert("impersonate-uid", value(uid, "the impersonated uid")?);
        }
        for group in &who.groups {
            headers.append("impersonate-group", value(group, "an impersonated group")?);
        }
        for (key, values) in &who.extra {
            let name = HeaderName::try_from(format!("impersonate-extra-{}", escape_key(key)))
                .map_err(|_| config("an impersonated extra has a key that is no header name"))?;
            for extra in values {
                headers.append(name.clone(), value(extra, "an impersonated extra")?);
            }
        }
    }
    Ok(headers)
}

fn value(text: &str, what: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text)
        .map_err(|_| config(&format!("{what} holds characters that no header can carry")))
}

/// Escapes a key as Kubernetes wants it: lower case, everything that is not allowed in a header name, and `%`, as `%XX`.
fn escape_key(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    for b in key.bytes() {
        let c = char::from(b.to_ascii_lowercase());
        if b != b'%' && (b.is_ascii_alphanumeric() || "!#$&'*+-.^_`|~".contains(char::from(b))) {
            out.push(c);
        } else {
            out.push('%');
            for digit in [b >> 4, b & 15] {
                out.extend(char::from_digit(digit.into(), 16).map(|d| d.to_ascii_uppercase()));
            }
        }
    }
    out
}

/// `Authorization: Bearer`, marked as not to be shown. A token is one line of visible ASCII.
///
/// # Errors
/// `CONFIG` without quoting the token; `what` says whose it is.
pub(super) fn bearer(token: &SecretString, what: &str) -> Result<HeaderValue, Failure> {
    let token = token.expose_secret();
    check_token(token, what)?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| config(&format!("{what} is no bearer token")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether `token` can be sent.
///
/// # Errors
/// `CONFIG`, saying in which way it cannot.
pub(super) fn check_token(token: &str, what: &str) -> Result<(), Failure> {
    if token.is_empty() {
        return Err(config(&format!("{what} is empty")));
    }
    if token.len() > TOKEN_CAP {
        return Err(config(&format!("{what} is longer than {} KiB", TOKEN_CAP / 1024)));
    }
    if !token.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        return Err(config(&format!("{what} is not one line of visible ASCII")));
    }
    Ok(())
}

/// When a JSON Web Token ends, if it is one and says so. The signature is the server's business.
pub(super) fn token_end(token: &str) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let mut parts = token.split('.');
    let (_, claims, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let exp = serde_json::from_slice::<Claims>(&json).ok()?.exp;
    #[expect(clippy::cast_possible_truncation, reason = "out of range saturates, and no date comes of it")]
    DateTime::from_timestamp(exp as i64, 0)
}

/// Refuses to show a secret to everybody on the way: a plain connection to another machine.
///
/// # Errors
/// `CONFIG`.
pub(super) fn refuse_in_the_clear(server: &Server) -> Result<(), Failure> {
    let host = server.host.trim_matches(['[', ']']);
    let near = host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback());
    if server.tls || near {
        return Ok(());
    }
    Err(config(&format!("no credential is sent over plain http to {}", authority(host, server.port)))
        .hint("Use an https:// address for this cluster."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::ErrorCode;

    fn server(tls: bool, host: &str, port: u16) -> Server {
        Server { tls, host: host.to_owned(), port, path: String::new() }
    }

    #[test]
    fn impersonation_is_escaped_as_the_api_wants_it() {
        let who = Impersonation {
            user: "jane".to_owned(),
            uid: Some("u-1".to_owned()),
            groups: vec!["dev".to_owned(), "ops".to_owned()],
            extra: vec![("example.com/Scope %".to_owned(), vec!["a".to_owned(), "b".to_owned()])],
        };
        let agent = HeaderValue::from_static("x/1");
        let headers = common(&server(true, "fd00::1", 6443), &agent, Some(&who)).unwrap();
        assert_eq!(headers["host"], "[fd00::1]:6443");
        assert_eq!(headers["impersonate-user"], "jane");
        assert_eq!(headers["impersonate-uid"], "u-1");
        assert_eq!(headers.get_all("impersonate-group").iter().count(), 2);
        assert_eq!(headers.get_all("impersonate-extra-example.com%2fscope%20%25").iter().count(), 2);
        assert_eq!(common(&server(true, "api.corp", 443), &agent, None).unwrap()["host"], "api.corp");
        let bad = Impersonation { user: "a\nb".to_owned(), ..Impersonation::default() };
        let failure = common(&server(true, "a", 1), &agent, Some(&bad)).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Config);
    }

    #[test]
    fn a_token_is_one_line_of_visible_ascii() {
        for (token, error) in [
            ("abc.def", None),
            ("", Some("token is empty")),
            ("a\nb", Some("token is not one line of visible ASCII")),
            ("a\u{1b}[31m", Some("token is not one line of visible ASCII")),
            ("tök", Some("token is not one line of visible ASCII")),
            ("a b", Some("token is not one line of visible ASCII")),
            (&"x".repeat(1 << 20), Some("token is longer than 64 KiB")),
        ] {
            let made = bearer(&token.to_owned().into(), "token");
            assert_eq!(made.as_ref().err().map(|f| f.message.as_str()), error);
            if let Ok(value) = made {
                assert!(value.is_sensitive() && !format!("{value:?}").contains(token));
            }
        }
    }

    #[test]
    fn the_end_of_a_token_is_read_from_its_claims() {
        let jwt = |claims: &str| {
            format!("e30.{}.sig", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims))
        };
        for (token, end) in [
            (jwt(r#"{"exp":1800000000}"#), Some(1_800_000_000)),
            (jwt(r#"{"exp":1e300}"#), None),
            (jwt(r#"{"sub":"x"}"#), None),
            ("opaque".to_owned(), None),
            ("a.b.c".to_owned(), None),
        ] {
            assert_eq!(token_end(&token).map(|t| t.timestamp()), end, "{token}");
        }
    }

    #[test]
    fn secrets_stay_off_plain_connections_to_other_machines() {
        for (tls, host, ok) in [
            (true, "api.corp", true),
            (false, "api.corp", false),
            (false, "10.0.0.1", false),
            (false, "127.0.0.1", true),
            (false, "::1", true),
            (false, "localhost", true),
            (false, "localhost.evil.example", false),
        ] {
            assert_eq!(refuse_in_the_clear(&server(tls, host, 8080)).is_ok(), ok, "{host}");
        }
    }
}
