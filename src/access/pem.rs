//! Certificates and keys out of PEM text.

use chrono::{DateTime, Utc};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fleet::{CertDates, CleanText, ErrorCode, Failure};

/// A certificate and what it says of itself.
pub(super) type Dated = (CertificateDer<'static>, CertDates);

/// Every certificate of `pem`, at least one.
///
/// # Errors
/// `CONFIG`; `what` names the field.
pub(super) fn certificates(pem: &[u8], what: &str) -> Result<Vec<Dated>, Failure> {
    let mut found = Vec::new();
    for item in CertificateDer::pem_slice_iter(pem) {
        let Ok(der) = item else {
            return Err(config(&format!("{what} holds broken PEM after {} certificates", found.len())));
        };
        let Some(dates) = dates(&der) else {
            return Err(config(&format!("{what}: certificate {} is not X.509", found.len() + 1)));
        };
        found.push((der, dates));
    }
    if found.is_empty() {
        return Err(config(&format!("{what} holds no certificate")));
    }
    Ok(found)
}

/// The private key of `pem`. Blocks of other kinds before it are skipped, as `openssl ecparam -genkey` writes one.
///
/// # Errors
/// `CONFIG`; an encrypted key is told apart from none. Never quotes the text.
pub(super) fn private_key(pem: &[u8], what: &str) -> Result<PrivateKeyDer<'static>, Failure> {
    let has = |needle: &[u8]| pem.windows(needle.len()).any(|w| w == needle);
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"4,ENCRYPTED") {
        return Err(config(&format!("{what} is encrypted")).hint(
            "A key with a passphrase cannot be used here; write it without one, or use a credential plugin.",
        ));
    }
    PrivateKeyDer::from_pem_slice(pem).map_err(|e| match e {
        rustls::pki_types::pem::Error::NoItemsFound => config(&format!("{what} holds no private key")),
        _ => config(&format!("{what} holds broken PEM")),
    })
}

/// The dates and the subject of a certificate; `None` if it is not X.509.
pub(super) fn dates(der: &[u8]) -> Option<CertDates> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    let subject = certificate.subject();
    let name = subject.iter_common_name().next().and_then(|cn| cn.as_str().ok());
    Some(CertDates {
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
        subject: name.map_or_else(|| CleanText::new(&subject.to_string()), CleanText::new),
    })
}

/// The public key of a certificate, with its algorithm (`SubjectPublicKeyInfo`, DER).
pub(super) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

fn time(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}

/// A failure of what the kubeconfig, or a plugin, gave us.
pub(super) fn config(message: &str) -> Failure {
    Failure::new(ErrorCode::Config, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_read_whole_or_said_to_be_bad() {
        let key = rcgen::KeyPair::generate().unwrap();
        let one =
            rcgen::CertificateParams::new(vec!["a.b".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        assert_eq!(certificates(one.repeat(500).as_bytes(), "CA bundle").unwrap().len(), 500);
        let text = "# my CA\n".to_owned() + &one;
        assert_eq!(certificates(text.as_bytes(), "CA bundle").unwrap().len(), 1);
        let cut = one.get(..one.len() / 2).unwrap();
        for (pem, message) in [
            ("", "CA bundle holds no certificate"),
            ("hello", "CA bundle holds no certificate"),
            (cut, "CA bundle holds broken PEM after 0 certificates"),
            (&key.serialize_pem(), "CA bundle holds no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
                "CA bundle: certificate 1 is not X.509",
            ),
        ] {
            let failure = certificates(pem.as_bytes(), "CA bundle").unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::Config, message));
        }
    }

    #[test]
    fn keys_are_read_past_parameters_and_refused_when_encrypted() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let params = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        assert!(private_key(format!("{params}{key}").as_bytes(), "client key").is_ok());
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        for (pem, message) in [
            (encrypted.as_str(), "client key is encrypted"),
            (old, "client key is encrypted"),
            ("", "client key holds no private key"),
            (params, "client key holds no private key"),
        ] {
            let failure = private_key(pem.as_bytes(), "client key").unwrap_err();
            assert_eq!((failure.code, failure.message.as_str()), (ErrorCode::Config, message));
        }
    }
}
