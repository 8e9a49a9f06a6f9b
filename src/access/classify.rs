//! What went wrong on the way, in words that a row can show.
//!
//! Libraries wrap causes in causes; what a person needs is the innermost one that says something: the system's
//! error, the handshake's, or the protocol's. Every message names host and port.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::DateTime;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use crate::fleet::{ErrorCode, Failure};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Proxy,
    Handshake,
    Head,
    Body,
    Whole,
}

/// A deadline of `step` passed.
pub(super) fn late(step: Step, after: Duration, at: &str) -> Failure {
    let seconds = if after.subsec_millis() == 0 {
        format!("{} s", after.as_secs())
    } else {
        format!("{} ms", after.as_millis())
    };
    let what = match step {
        Step::Connect => "no connection",
        Step::Proxy => "no answer from the proxy",
        Step::Handshake => "no TLS handshake",
        Step::Head => "no answer",
        Step::Body => "the answer stopped in the middle for",
        Step::Whole => "no complete answer",
    };
    let message = match step {
        Step::Body => format!("{what} {seconds}, {at}"),
        _ => format!("{what} within {seconds}, {at}"),
    };
    Failure::new(ErrorCode::Timeout, &message)
}

/// An error of any library, met during `step`.
pub(super) fn classify(error: &(dyn Error + 'static), step: Step, at: &str) -> Failure {
    let mut protocol = None;
    let mut system = None;
    let mut next = Some(error);
    while let Some(e) = next {
        if let Some(failure) = e.downcast_ref::<Failure>() {
            return failure.clone();
        }
        if let Some(tls) = e.downcast_ref::<rustls::Error>() {
            return handshake(tls, at);
        }
        if let Some(io) = e.downcast_ref::<io::Error>() {
            system = Some(io);
            // What an io::Error wraps is not its source but what it holds.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
        } else if let Some(hyper) = e.downcast_ref::<hyper::Error>() {
            protocol = Some(hyper);
        }
        next = e.source();
    }
    match (system, protocol) {
        (Some(io), _) => system_error(io, step, at),
        (None, Some(hyper)) => protocol_error(hyper, step, at),
        (None, None) => Failure::new(ErrorCode::Internal, &format!("unexpected error, {at}")),
    }
}

/// An error of the operating system.
fn system_error(error: &io::Error, step: Step, at: &str) -> Failure {
    use io::ErrorKind as Kind;
    let code = match step {
        Step::Proxy => ErrorCode::Proxy,
        _ => ErrorCode::Tcp,
    };
    let what = match error.kind() {
        Kind::ConnectionRefused => "connection refused",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkUnreachable => "network unreachable",
        Kind::NetworkDown => "network down",
        Kind::AddrNotAvailable => "no local address to connect from",
        Kind::PermissionDenied => "connecting is not permitted here (firewall?)",
        Kind::TimedOut => return Failure::new(ErrorCode::Timeout, &format!("connection timed out, {at}")),
        Kind::UnexpectedEof if step == Step::Body => {
            return Failure::new(ErrorCode::Parse, &format!("the answer was cut short, {at}"));
        }
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
            return match step {
                Step::Handshake => Failure::new(
                    code,
                    &format!("connection closed during the TLS handshake, {at}"),
                )
                .hint(
                    "Check that the address is an HTTPS port and that nothing between drops the connection.",
                ),
                _ => Failure::new(code, &format!("connection reset, {at}")),
            };
        }
        // How the HTTP library reports chunks that are none.
        Kind::InvalidInput | Kind::InvalidData => {
            return Failure::new(ErrorCode::Parse, &format!("the answer breaks HTTP's rules, {at}"));
        }
        // The system has words of its own for what has no name here.
        _ if error.raw_os_error().is_some() => return Failure::new(code, &format!("{error}, {at}")),
        kind => return Failure::new(code, &format!("{kind}, {at}")),
    };
    Failure::new(code, &format!("{what} {at}"))
}

/// An error of HTTP itself.
fn protocol_error(error: &hyper::Error, step: Step, at: &str) -> Failure {
    if error.is_parse_too_large() {
        return Failure::new(ErrorCode::Parse, &format!("the head of the answer is too large, {at}"));
    }
    if error.is_parse() {
        return Failure::new(ErrorCode::Parse, &format!("the answer is not HTTP/1.1, {at}"))
            .hint("Check the scheme and the port of the server's address.");
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return match step {
            Step::Body => Failure::new(ErrorCode::Parse, &format!("the answer was cut short, {at}")),
            _ => Failure::new(ErrorCode::Tcp, &format!("connection closed without an answer, {at}")),
        };
    }
    if error.is_timeout() {
        return Failure::new(ErrorCode::Timeout, &format!("no answer, {at}"));
    }
    Failure::new(ErrorCode::Parse, &format!("the answer breaks HTTP's rules, {at}"))
}

/// An error of the TLS handshake.
pub(super) fn handshake(error: &rustls::Error, at: &str) -> Failure {
    let tls = |what: &str| Failure::new(ErrorCode::Tls, &format!("{what}, {at}"));
    match error {
        rustls::Error::InvalidCertificate(certificate) => server_certificate(certificate, at),
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => tls("the server wants a client certificate")
                .hint("The user entry has none; add client-certificate and client-key, or a credential plugin that gives them."),
            AlertDescription::CertificateExpired => tls("the server says our client certificate has expired")
                .hint("Renew the client certificate."),
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied => tls(&format!("the server refuses our client certificate ({alert:?})")),
            AlertDescription::UnrecognisedName => tls("the server does not serve this name")
                .hint("Set tls-server-name to a name that the server knows."),
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure => {
                tls(&format!("no common TLS version or cipher ({alert:?})"))
            }
            other => tls(&format!("the server broke the handshake off ({other:?})")),
        },
        rustls::Error::InvalidMessage(_) => tls("the server does not speak TLS")
            .hint("Check the scheme and the port of the server's address; http:// may be meant."),
        rustls::Error::PeerIncompatible(_) => tls("no common TLS version or cipher"),
        rustls::Error::NoCertificatesPresented => tls("the server shows no certificate"),
        _ => tls("the TLS handshake failed"),
    }
}

fn server_certificate(error: &CertificateError, at: &str) -> Failure {
    let tls = |what: &str| Failure::new(ErrorCode::Tls, &format!("{what}, {at}"));
    match error {
        CertificateError::UnknownIssuer => tls("server certificate signed by an unknown authority")
            .hint("Check certificate-authority: it must hold the CA that signed this server's certificate."),
        CertificateError::Expired => tls("server certificate has expired"),
        CertificateError::ExpiredContext { not_after, .. } => tls(&format!(
            "server certificate expired {}",
            day(*not_after)
        ))
        .hint(
            "The cluster's certificates need renewal; if the date looks wrong, check this machine's clock.",
        ),
        CertificateError::NotValidYet => tls("server certificate is not valid yet"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            tls(&format!("server certificate is not valid before {}", day(*not_before)))
                .hint("Check this machine's clock.")
        }
        CertificateError::NotValidForName => tls("server certificate is for another name")
            .hint("Set tls-server-name to one of the certificate's names."),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().take(8).map(|n| plain_name(n)).collect();
            let listed = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            tls(&format!("server certificate is not for {} but for {listed}", expected.to_str())).hint(
                "Set tls-server-name to one of these names, or use one of them as the server's address.",
            )
        }
        CertificateError::Revoked => tls("server certificate is revoked"),
        // Many clusters' authorities have the same name, so this is what a mixed-up bundle looks like.
        CertificateError::BadSignature => {
            tls("server certificate signed by an unknown authority of the same name as one we trust").hint(
                "Check certificate-authority: it holds another cluster's CA, or one from before the CA was renewed.",
            )
        }
        CertificateError::BadEncoding => tls("server certificate cannot be read"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            tls("server certificate is not meant for servers")
        }
        CertificateError::UnhandledCriticalExtension => {
            tls("server certificate holds a critical extension that is not understood")
        }
        // How the certificate library says that the server shows a CA's own certificate, and the like.
        other => tls(&format!("server certificate is not acceptable ({})", short(other))),
    }
}

/// `DnsName("a.b")` and the like are how the library presents names; people want the name.
fn plain_name(presented: &str) -> String {
    presented
        .split('"')
        .nth(1)
        .unwrap_or_else(|| {
            presented.trim_start_matches("IpAddress(").trim_start_matches("DnsName(").trim_end_matches(')')
        })
        .to_owned()
}

/// The first line of what a library says, short.
fn short(error: &CertificateError) -> String {
    format!("{error:?}").chars().filter(|c| !c.is_control()).take(80).collect()
}

/// A day, UTC.
fn day(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|s| DateTime::from_timestamp(s, 0))
        .map_or_else(|| "at an unknown date".to_owned(), |t| t.format("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_however_deep_they_are_wrapped() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        let twice = io::Error::other(io::Error::other(refused()));
        for (error, step, code, message) in [
            (refused(), Step::Connect, ErrorCode::Tcp, "connection refused h:1"),
            (twice, Step::Connect, ErrorCode::Tcp, "connection refused h:1"),
            (
                wrapped,
                Step::Handshake,
                ErrorCode::Tls,
                "server certificate signed by an unknown authority, h:1",
            ),
            (refused(), Step::Proxy, ErrorCode::Proxy, "connection refused h:1"),
            (io::ErrorKind::HostUnreachable.into(), Step::Connect, ErrorCode::Tcp, "host unreachable h:1"),
            (
                io::ErrorKind::UnexpectedEof.into(),
                Step::Body,
                ErrorCode::Parse,
                "the answer was cut short, h:1",
            ),
            (
                io::Error::other(Failure::new(ErrorCode::Config, "own words")),
                Step::Head,
                ErrorCode::Config,
                "own words",
            ),
        ] {
            let failure = classify(&error, step, "h:1");
            assert_eq!((failure.code, failure.message.as_str()), (code, message));
        }
    }

    #[test]
    fn deadlines_name_their_step() {
        let second = Duration::from_secs(1);
        assert_eq!(late(Step::Connect, second * 2, "h:1").message.as_str(), "no connection within 2 s, h:1");
        assert_eq!(late(Step::Head, second / 4, "h:1").message.as_str(), "no answer within 250 ms, h:1");
        assert_eq!(
            late(Step::Body, second * 5, "h:1").message.as_str(),
            "the answer stopped in the middle for 5 s, h:1"
        );
    }
}
