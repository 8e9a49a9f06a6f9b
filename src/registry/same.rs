//! Whether two ways to a cluster are the same, so that a source that was read again disturbs no connection.

use std::collections::HashMap;
use std::sync::Arc;

use secrecy::ExposeSecret;

use super::Sighted;
use crate::access::{ClientCert, Credential, KeySource, ProxyChoice, Target, Tls};
use crate::fleet::{Sighting, SightingId};

/// Whether both lead to the same place in the same way as the same person.
pub fn same_target(a: &Target, b: &Target) -> bool {
    a.server == b.server
        && same_tls(&a.tls, &b.tls)
        && same_proxy(&a.proxy, &b.proxy)
        && same_credential(&a.credential, &b.credential)
        && a.impersonation == b.impersonation
        && a.disable_compression == b.disable_compression
        && a.namespace == b.namespace
}

fn same_tls(a: &Tls, b: &Tls) -> bool {
    a.roots == b.roots
        && a.server_name == b.server_name
        && a.insecure == b.insecure
        && match (&a.client_cert, &b.client_cert) {
            (None, None) => true,
            (Some(a), Some(b)) => same_certificate(a, b),
            _ => false,
        }
}

fn same_certificate(a: &ClientCert, b: &ClientCert) -> bool {
    a.chain == b.chain
        && match (&a.key, &b.key) {
            (KeySource::Inline(a), KeySource::Inline(b)) => a.expose_secret() == b.expose_secret(),
            (KeySource::File(a), KeySource::File(b)) => a == b,
            _ => false,
        }
}

fn same_proxy(a: &ProxyChoice, b: &ProxyChoice) -> bool {
    match (a, b) {
        (ProxyChoice::Environment, ProxyChoice::Environment) => true,
        (ProxyChoice::Explicit(a), ProxyChoice::Explicit(b)) => a.expose_secret() == b.expose_secret(),
        _ => false,
    }
}

fn same_credential(a: &Credential, b: &Credential) -> bool {
    match (a, b) {
        (Credential::None, Credential::None) => true,
        (Credential::Token(a), Credential::Token(b)) => a.expose_secret() == b.expose_secret(),
        (Credential::TokenFile(a), Credential::TokenFile(b)) => a == b,
        (Credential::Basic { username: a, password: x }, Credential::Basic { username: b, password: y }) => {
            a == b && x.expose_secret() == y.expose_secret()
        }
        (Credential::Exec(a), Credential::Exec(b)) => a == b,
        _ => false,
    }
}

/// Gives what is said anew the targets that were told before, where they are the same.
pub(super) fn keep_targets(before: &[Sighted], now: &mut [Sighted]) {
    let known: HashMap<&SightingId, &Arc<Target>> =
        before.iter().filter_map(|s| Some((&s.sighting.id, s.target.as_ref()?))).collect();
    for sighted in now {
        let Some(new) = &sighted.target else { continue };
        if let Some(old) = known.get(&sighted.sighting.id)
            && same_target(old, new)
        {
            sighted.target = Some(Arc::clone(old));
        }
    }
}

/// Whether both say the same, but for when they said it. Targets must be the very same.
pub(super) fn says_the_same(a: &[Sighted], b: &[Sighted]) -> bool {
    let pointer = |s: &Sighted| s.target.as_ref().map(Arc::as_ptr);
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            pointer(a) == pointer(b)
                && a.identity_key == b.identity_key
                && *a.sighting == Sighting { said_at: a.sighting.said_at, ..b.sighting.as_ref().clone() }
        })
}
