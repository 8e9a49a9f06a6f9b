//! Whom we believe to be the server.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::pem;

/// Roots tried together. The library checks at most a hundred signatures for one server, and all roots of one name count.
const TOGETHER: usize = 64;

/// Verifies a server by a bundle, by the system's roots, or by the first and then the second.
#[derive(Debug)]
pub(super) struct Trust {
    bundle: Vec<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    system: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Trusts what `roots` signed, and the certificates themselves where a server shows one of them.
    pub(super) fn bundle(
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let mut bundle = Vec::new();
        for some in roots.chunks(TOGETHER) {
            let mut store = RootCertStore::empty();
            let (usable, _ignored) = store.add_parsable_certificates(some.iter().cloned());
            if usable > 0 {
                let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
                bundle.push(builder.build()?);
            }
        }
        if bundle.is_empty() {
            return Err(VerifierBuilderError::NoRootAnchors);
        }
        Ok(Self { bundle, roots, system: None, provider: provider.clone() })
    }

    /// Trusts what the system trusts.
    pub(super) fn system(system: Arc<dyn ServerCertVerifier>, provider: &Arc<CryptoProvider>) -> Self {
        Self { bundle: Vec::new(), roots: Vec::new(), system: Some(system), provider: provider.clone() }
    }

    /// Trusts the system's roots too: for proxies, which a cluster's CA seldom signs.
    pub(super) fn or_system(mut self, system: Arc<dyn ServerCertVerifier>) -> Self {
        self.system = Some(system);
        self
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut worst = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for verifier in &self.bundle {
            match verifier.verify_server_cert(leaf, intermediates, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                // Says nothing that the next roots could not mend.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(e) => worst = e,
            }
        }
        let unknown = matches!(
            worst,
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::Other(_)
            )
        );
        if !unknown {
            return Err(worst);
        }
        if self.roots.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return pinned(leaf, name, now);
        }
        match &self.system {
            Some(system) => system.verify_server_cert(leaf, intermediates, name, ocsp, now),
            None => Err(worst),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that stands in the bundle itself: trusted as Go's verifier trusts it, by name and dates.
fn pinned(
    leaf: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
    let dates = pem::dates(leaf).ok_or(CertificateError::BadEncoding)?;
    let unix =
        |t: i64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(t).unwrap_or(0)));
    let (not_before, not_after) = (unix(dates.not_before.timestamp()), unix(dates.not_after.timestamp()));
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    Ok(ServerCertVerified::assertion())
}

/// `insecure-skip-tls-verify`: anybody may be the server, but whoever it is must hold its key.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
