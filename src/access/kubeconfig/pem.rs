//! Certificates and keys: decoded, counted, dated and matched, so that what is wrong is said before a handshake fails.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, Utc};
use rustls::pki_types::pem::{PemObject, SectionKind};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::read::{MAX_PEM, ReadError, read_regular};

/// Certificates of a bundle that are looked into; the rest is only carried along.
const MAX_INSPECTED: usize = 1000;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes a `-data` field; line breaks and blanks in it do not matter.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok().or_else(|| {
        let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        BASE64.decode(packed).ok()
    })
}

/// Files named in kubeconfigs, each read once while loading.
#[derive(Default)]
pub(super) struct PemFiles(HashMap<PathBuf, Result<Arc<[u8]>, Arc<ReadError>>>);

impl PemFiles {
    pub(super) fn read(&mut self, path: &Path) -> Result<Arc<[u8]>, Arc<ReadError>> {
        self.0
            .entry(path.to_path_buf())
            .or_insert_with(|| read_regular(path, MAX_PEM).map(Arc::from).map_err(Arc::new))
            .clone()
    }
}

/// What a bundle of CA certificates comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// When the last of its certificates ends.
    pub(super) not_after: Option<DateTime<Utc>>,
    /// Certificates that cannot be read.
    pub(super) broken: usize,
}

/// What a client's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) not_before: Option<DateTime<Utc>>,
    pub(super) not_after: Option<DateTime<Utc>>,
    pub(super) common_name: Option<String>,
    public: Vec<u8>,
}

/// Why PEM is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PemError {
    #[error("holds no certificate")]
    NoCertificate,
    #[error("holds a certificate in DER form, not PEM")]
    Der,
    #[error("holds a certificate that cannot be read")]
    Broken,
    #[error("holds no private key")]
    NoKey,
    #[error("holds an encrypted private key")]
    Encrypted,
}

impl PemError {
    /// What to try.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Der => "Convert it with: openssl x509 -inform der -in FILE -out FILE.pem",
            Self::Encrypted => "Write it without a passphrase: openssl pkey -in KEY -out PLAIN_KEY",
            Self::NoCertificate | Self::Broken => {
                "It must be PEM that begins with -----BEGIN CERTIFICATE-----."
            }
            Self::NoKey => "It must be PEM that begins with -----BEGIN PRIVATE KEY-----.",
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, PemError> {
    if let Some(found) = plain_certificates(pem) {
        return Ok(found);
    }
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).take(2 * MAX_INSPECTED) {
        if let (SectionKind::Certificate, der) = section.map_err(|_| PemError::Broken)? {
            found.push(der);
        }
    }
    match (found.is_empty(), pem.starts_with(&[0x30])) {
        (false, _) => Ok(found),
        (true, true) => Err(PemError::Der),
        (true, false) => Err(PemError::NoCertificate),
    }
}

/// The certificates of text that holds nothing else, as nearly all bundles do. The library's reader takes the same time whatever the
/// bytes are, which keys need and certificates do not: this one is several times as fast. Anything unusual is left to the library.
fn plain_certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = std::str::from_utf8(pem).ok()?.trim_ascii_end();
    let mut found = Vec::new();
    let mut packed = String::new();
    while !rest.is_empty() && found.len() < MAX_INSPECTED {
        let body = rest.trim_ascii_start().strip_prefix("-----BEGIN CERTIFICATE-----\n")?;
        let (body, after) = body.split_once("\n-----END CERTIFICATE-----")?;
        packed.clear();
        body.lines().for_each(|line| packed.push_str(line));
        found.push(BASE64.decode(&packed).ok()?);
        if !(after.is_empty() || after.starts_with('\n')) {
            return None;
        }
        rest = after;
    }
    (!found.is_empty()).then_some(found)
}

fn date(time: x509_parser::time::ASN1Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.timestamp(), 0)
}

/// Checks a CA bundle. At least one certificate must be readable.
pub(super) fn bundle(pem: &[u8]) -> Result<Bundle, PemError> {
    let mut bundle = Bundle { not_after: None, broken: 0 };
    let mut usable = 0usize;
    for der in certificates(pem)?.iter().take(MAX_INSPECTED) {
        match X509Certificate::from_der(der) {
            Ok((_, cert)) => {
                usable += 1;
                bundle.not_after = bundle.not_after.max(date(cert.validity().not_after));
            }
            Err(_) => bundle.broken += 1,
        }
    }
    if usable == 0 { Err(PemError::Broken) } else { Ok(bundle) }
}

/// Reads the first certificate of a client's chain.
pub(super) fn leaf(pem: &[u8]) -> Result<Leaf, PemError> {
    let chain = certificates(pem)?;
    let der = chain.first().ok_or(PemError::NoCertificate)?;
    let (_, cert) = X509Certificate::from_der(der).map_err(|_| PemError::Broken)?;
    let common_name =
        cert.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).map(str::to_owned);
    Ok(Leaf {
        not_before: date(cert.validity().not_before),
        not_after: date(cert.validity().not_after),
        common_name: common_name.filter(|name| !name.is_empty()),
        public: cert.public_key().subject_public_key.data.to_vec(),
    })
}

/// A private key: its PEM without anything else (`EC PARAMETERS` blocks, certificates), and the public half if it is written in it.
pub(super) struct Key {
    pub(super) pem: String,
    public: Option<Public>,
}

enum Public {
    /// The modulus of an RSA key.
    Modulus(Vec<u8>),
    /// A point, or the raw key of the Edwards curves.
    Raw(Vec<u8>),
}

/// Reads the first private key.
pub(super) fn key(pem: &[u8]) -> Result<Key, PemError> {
    let text = String::from_utf8_lossy(pem);
    let labels =
        ["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"];
    let begin = if labels.iter().any(|label| text.starts_with(label)) {
        Some(0)
    } else {
        labels.into_iter().filter_map(|label| text.find(label)).min()
    };
    let Some(begin) = begin else {
        let encrypted = text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
        return Err(if encrypted { PemError::Encrypted } else { PemError::NoKey });
    };
    let rest = text.get(begin..).unwrap_or_default();
    let end = rest.find("-----END ").and_then(|at| {
        let line = rest.get(at..)?;
        Some(at + line.find('\n').unwrap_or(line.len()))
    });
    let block = end.and_then(|end| rest.get(..end)).ok_or(PemError::NoKey)?;
    // RFC 1421 headers: the old way of openssl to encrypt a key.
    if block.contains("Proc-Type:") && block.contains("ENCRYPTED") {
        return Err(PemError::Encrypted);
    }
    let (kind, der) =
        <(SectionKind, Vec<u8>)>::from_pem_slice(block.as_bytes()).map_err(|_| PemError::NoKey)?;
    let public = match kind {
        SectionKind::RsaPrivateKey => rsa_public(&der),
        SectionKind::EcPrivateKey => ec_public(&der),
        SectionKind::PrivateKey => pkcs8_public(&der),
        _ => return Err(PemError::NoKey),
    };
    Ok(Key { pem: format!("{}\n", block.trim_end()), public })
}

impl Key {
    /// Whether the key belongs to the certificate; `None` if the key does not say.
    pub(super) fn matches(&self, leaf: &Leaf) -> Option<bool> {
        match self.public.as_ref()? {
            Public::Raw(raw) => Some(*raw == leaf.public),
            // A certificate whose key has no modulus is not for an RSA key at all.
            Public::Modulus(modulus) => {
                let theirs = sequence(&leaf.public).and_then(integer);
                Some(theirs.is_some_and(|(theirs, _)| theirs == modulus.as_slice()))
            }
        }
    }
}

/// One DER element: tag, content, what follows (X.690 section 8.1).
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0usize, |n, b| (n << 8) | usize::from(*b)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    expect(0x30, der).map(|(content, _)| content)
}

/// An integer without leading zeros, and what follows.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, rest) = expect(0x02, der)?;
    let zeros = content.iter().take_while(|b| **b == 0).count();
    Some((content.get(zeros..)?, rest))
}

/// RFC 8017, RSAPrivateKey.
fn rsa_public(der: &[u8]) -> Option<Public> {
    let (_, rest) = integer(sequence(der)?)?;
    integer(rest).map(|(modulus, _)| Public::Modulus(modulus.to_vec()))
}

/// RFC 5915, ECPrivateKey: the public key is optional.
fn ec_public(der: &[u8]) -> Option<Public> {
    let (_, rest) = integer(sequence(der)?)?;
    let (_, mut rest) = expect(0x04, rest)?;
    while let Some((tag, content, next)) = element(rest) {
        if tag == 0xa1 {
            let (bits, _) = expect(0x03, content)?;
            return bits.get(1..).map(|raw| Public::Raw(raw.to_vec()));
        }
        rest = next;
    }
    None
}

/// RFC 5958, OneAsymmetricKey.
fn pkcs8_public(der: &[u8]) -> Option<Public> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let (_, rest) = integer(sequence(der)?)?;
    let (algorithm, rest) = expect(0x30, rest)?;
    let (oid, _) = expect(0x06, algorithm)?;
    let (inner, mut rest) = expect(0x04, rest)?;
    match oid {
        RSA => return rsa_public(inner),
        EC => return ec_public(inner),
        _ => {}
    }
    while let Some((tag, content, next)) = element(rest) {
        if tag == 0x81 {
            return content.get(1..).map(|raw| Public::Raw(raw.to_vec()));
        }
        rest = next;
    }
    None
}
