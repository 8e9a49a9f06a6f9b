//! Certificates of the simulated fleet: one authority and one serving certificate per cluster, one authority for people.
//!
//! Every cluster has its own CA certificate and its own serving certificate, but they share key pairs: making a P-256
//! signature costs microseconds, making thousands of keys does not. Serving certificates are signed when the first
//! connection needs one.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{
    DigitallySignedStruct, DistinguishedName as SubjectName, RootCertStore, ServerConfig, SignatureScheme,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::fault::TlsFault;

/// What went wrong while making certificates or TLS configurations.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key or a certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A TLS configuration was refused.
    #[error("cannot make a TLS configuration")]
    Tls(#[from] rustls::Error),
    /// The verifier of client certificates could not be made.
    #[error("cannot make the verifier of client certificates")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// Days that a serving certificate is good for when nothing is wrong with it.
const SERVING_DAYS: i64 = 270;

/// Keys, authorities and the verifier that all clusters share.
pub(super) struct Pki {
    now: DateTime<Utc>,
    provider: Arc<CryptoProvider>,
    authority_key: KeyPair,
    stranger_key: KeyPair,
    leaf_key: KeyPair,
    leaf_signer: Arc<dyn SigningKey>,
    people: Arc<dyn ClientCertVerifier>,
    ask: Arc<dyn ClientCertVerifier>,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Who a client certificate says its holder is: common name and organizations (RFC 5280; the API server's x509
/// authenticator reads them as user and groups).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
}

impl Pki {
    /// Fresh keys, and the authority that signs people's certificates.
    pub(super) fn new(now: DateTime<Utc>) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authority_key = KeyPair::generate()?;
        let leaf_key = KeyPair::generate()?;
        let leaf_der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
        let leaf_signer = provider.key_provider.load_private_key(leaf_der)?;
        let root = authority(&people_name(), now).self_signed(&authority_key)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone())?;
        let people =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
        let ask = Arc::new(AskEverybody { people: people.clone() });
        Ok(Self {
            now,
            provider,
            authority_key,
            stranger_key: KeyPair::generate()?,
            leaf_key,
            leaf_signer,
            people,
            ask,
        })
    }

    /// The CA certificate of a cluster, PEM.
    pub(super) fn authority_pem(&self, cluster: &str) -> Result<String, PkiError> {
        Ok(authority(&cluster_name(cluster), self.now).self_signed(&self.authority_key)?.pem())
    }

    /// What a cluster presents: a certificate that ends in `days` (or is wrong on purpose), client certificates
    /// asked for but not demanded, HTTP/1.1.
    pub(super) fn serving(
        &self,
        cluster: &str,
        days: Option<u32>,
        wrong: Option<TlsFault>,
    ) -> Result<Arc<ServerConfig>, PkiError> {
        let issuer_params = authority(&cluster_name(cluster), self.now);
        let names = match wrong {
            Some(TlsFault::WrongName) => vec!["kubernetes.invalid".to_owned()],
            _ => [
                "127.0.0.1",
                "localhost",
                "kubernetes",
                "kubernetes.default",
                "kubernetes.default.svc",
                cluster,
            ]
            .map(str::to_owned)
            .to_vec(),
        };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name("kube-apiserver", &[]);
        let (from, until) = match wrong {
            Some(TlsFault::Expired) => (-400, -2),
            Some(TlsFault::NotYetValid) => (2, 400),
            _ => (-30, days.map_or(SERVING_DAYS, i64::from)),
        };
        valid(&mut params, self.now, from, until);
        params.serial_number = Some(serial(&["serving", cluster]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key =
            if wrong == Some(TlsFault::UnknownAuthority) { &self.stranger_key } else { &self.authority_key };
        let issuer = Issuer::from_params(&issuer_params, key);
        let certificate = params.signed_by(&self.leaf_key, &issuer)?;
        let certified = CertifiedKey::new(vec![certificate.der().clone()], self.leaf_signer.clone());
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(self.ask.clone())
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Tickets are sealed with a key of this configuration alone, so no cluster resumes another's session.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = rustls::crypto::ring::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }

    /// A client certificate and its key, PEM, signed by the authority that every cluster trusts for people.
    pub(super) fn person(
        &self,
        user: &str,
        groups: &[&str],
        days: i64,
    ) -> Result<(String, String), PkiError> {
        let issuer_params = authority(&people_name(), self.now);
        let issuer = Issuer::from_params(&issuer_params, &self.authority_key);
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(user, groups);
        valid(&mut params, self.now, -10, days);
        params.serial_number = Some(serial(&["person", user]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&self.leaf_key, &issuer)?;
        Ok((certificate.pem(), self.leaf_key.serialize_pem()))
    }

    /// Who presented this chain, or nothing when no authority here vouches for it (which makes a 401 of the request,
    /// not a failure of the handshake, as in a real API server).
    pub(super) fn identify(&self, chain: &[CertificateDer<'_>], now: DateTime<Utc>) -> Option<Subject> {
        let (leaf, rest) = chain.split_first()?;
        let seconds = u64::try_from(now.timestamp()).ok()?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.people.verify_client_cert(leaf, rest, at).ok()?;
        let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
        let subject = certificate.subject();
        let name = subject.iter_common_name().next()?.as_str().ok()?.to_owned();
        let groups = subject.iter_organization().filter_map(|o| o.as_str().ok()).map(str::to_owned).collect();
        Some(Subject { name, groups })
    }
}

fn cluster_name(cluster: &str) -> DistinguishedName {
    common_name("kubernetes", &[cluster])
}

fn people_name() -> DistinguishedName {
    common_name("acme-people", &[])
}

fn common_name(name: &str, organizations: &[&str]) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    for organization in organizations {
        subject.push(DnType::OrganizationName, *organization);
    }
    subject.push(DnType::CommonName, name);
    subject
}

fn authority(name: &DistinguishedName, now: DateTime<Utc>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name.clone();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    valid(&mut params, now, -400, 3250);
    params.serial_number = Some(serial(&["authority"]));
    params
}

/// Makes the certificate good from so many days before or after now until so many after.
fn valid(params: &mut CertificateParams, now: DateTime<Utc>, from: i64, until: i64) {
    let since_epoch = |days: i64| {
        let seconds = now.timestamp().saturating_add(days.saturating_mul(86_400));
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    };
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(from);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(until);
}

fn serial(words: &[&str]) -> SerialNumber {
    let number = super::dice::Dice::new(1, words).next() >> 1;
    SerialNumber::from(number)
}

/// Asks every client for a certificate and takes whatever it offers, if the key belongs to it; whether the chain is
/// good is decided per request.
#[derive(Debug)]
struct AskEverybody {
    people: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for AskEverybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[SubjectName] {
        self.people.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.people.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.people.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.people.supported_verify_schemes()
    }
}
