//! Which certificates sign a cluster's: by their fingerprints, so that two sources can be seen to mean the same cluster.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::access::{PemSource, Roots, Tls};
use crate::fleet::Fingerprint;
use crate::host::read_capped;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Certificates of one bundle that are looked at; a cluster has one or two, a bundle of public authorities has 150.
const MOST: usize = 1000;
/// The largest bundle that is read.
const MAX_PEM: usize = 16 << 20;

/// SHA-256 of each certificate (its DER) in a bundle, sorted, each once. What cannot be read is left out.
pub fn fingerprints(pem: &[u8]) -> Vec<Fingerprint> {
    let text = String::from_utf8_lossy(pem);
    let mut rest = text.as_ref();
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((body, next)) = after.split_once(END) else { break };
        rest = next;
        let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if let Ok(der) = STANDARD.decode(packed)
            && !der.is_empty()
        {
            found.push(Fingerprint(Sha256::digest(&der).into()));
        }
        if found.len() >= MOST {
            break;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Fingerprints of what targets trust; a bundle that many of them share is looked at once. Reads files.
#[derive(Default)]
pub(super) struct Authorities(HashMap<PemSource, Vec<Fingerprint>>);

impl Authorities {
    /// The authorities of one target; none where the system's are trusted, or nothing is checked.
    pub(super) fn of(&mut self, tls: &Tls) -> Vec<Fingerprint> {
        let Roots::Bundle(source) = &tls.roots else { return Vec::new() };
        if tls.insecure {
            return Vec::new();
        }
        if let Some(known) = self.0.get(source) {
            return known.clone();
        }
        let found = match source {
            PemSource::Inline(pem) => fingerprints(pem),
            PemSource::File(path) => {
                read_capped(path, MAX_PEM).map(|(pem, _)| fingerprints(&pem)).unwrap_or_default()
            }
        };
        self.0.insert(source.clone(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> (String, Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let cert = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        (cert.pem(), cert.der().to_vec())
    }

    #[test]
    fn a_bundle_is_its_certificates_in_whatever_order_and_form() {
        let ((a, der_a), (b, der_b)) = (certificate(), certificate());
        let mut expect: Vec<_> =
            [&der_a, &der_b].iter().map(|der| Fingerprint(Sha256::digest(der.as_slice()).into())).collect();
        expect.sort_unstable();
        for text in [
            format!("{a}{b}"),
            format!("{b}{a}{b}"),
            format!("# root\r\n{}\nnotes\n{b}", a.replace('\n', "\r\n")),
            format!("{a}{b}-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"),
            format!("{a}{b}-----BEGIN CERTIFICATE-----\nAAAA"),
        ] {
            assert_eq!(fingerprints(text.as_bytes()), expect);
        }
        assert_eq!(fingerprints(b"no certificate"), []);
        assert_eq!(fingerprints(&[0xff, 0x30]), []);
    }

    #[test]
    fn files_and_inline_text_give_the_same_fingerprints() {
        let (pem, _) = certificate();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.crt");
        std::fs::write(&file, &pem).unwrap();
        let tls = |roots, insecure| Tls { roots, server_name: None, insecure, client_cert: None };
        let mut known = Authorities::default();
        let inline = Roots::Bundle(PemSource::Inline(pem.as_bytes().into()));
        let expect = fingerprints(pem.as_bytes());
        assert_eq!(expect.len(), 1);
        assert_eq!(known.of(&tls(inline.clone(), false)), expect);
        assert_eq!(known.of(&tls(Roots::Bundle(PemSource::File(file)), false)), expect);
        assert_eq!(known.of(&tls(inline, true)), []);
        assert_eq!(known.of(&tls(Roots::System, false)), []);
    }
}
