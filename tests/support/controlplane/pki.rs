//! Certificates for the real servers: authorities, serving and client certificates with a chosen lifetime.

use std::path::Path;
use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

/// A certificate authority that signs for one purpose of one server.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    now: DateTime<Utc>,
}

/// A certificate with its private key.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, PEM.
    pub cert_pem: String,
    /// The private key, PKCS#8 PEM.
    pub key_pem: String,
    /// The end of its validity, whole seconds.
    pub not_after: DateTime<Utc>,
}

impl Authority {
    /// A self-signed authority that is valid for ten years from `now`.
    pub fn new(name: &str, now: DateTime<Utc>) -> Result<Self, String> {
        let mut params = params(name, "", now, Duration::days(3650))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(say)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(say)?;
        Ok(Self { issuer, now })
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A serving certificate for the loopback address.
    pub fn serving(&self, days: i64) -> Result<Identity, String> {
        let mut params = params("kube-apiserver", "", self.now, Duration::days(days))?;
        for name in ["localhost", "127.0.0.1"] {
            // rcgen tells an address from a name by itself.
            let parsed = CertificateParams::new(vec![name.to_owned()]).map_err(say)?;
            params.subject_alt_names.extend(parsed.subject_alt_names);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(params, days)
    }

    /// A client certificate: Kubernetes reads the user from the common name and the group from the organization
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>).
    pub fn client(&self, user: &str, group: &str, days: i64) -> Result<Identity, String> {
        let mut params = params(user, group, self.now, Duration::days(days))?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(params, days)
    }

    fn issue(&self, mut params: CertificateParams, days: i64) -> Result<Identity, String> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(say)?;
        let cert = params.signed_by(&key, &self.issuer).map_err(say)?;
        let not_after = self.now + Duration::days(days);
        Ok(Identity {
            cert_pem: cert.pem(),
            key_pem: key.serialize_pem(),
            not_after: DateTime::from_timestamp(not_after.timestamp(), 0).unwrap_or(not_after),
        })
    }
}

/// Writes the two halves of a key for service account tokens. The server takes the public half out of an EC private key
/// only in the older SEC 1 form, hence two files.
pub fn write_token_key(private: &Path, public: &Path) -> Result<(), String> {
    let key = KeyPair::generate().map_err(say)?;
    write(private, &key.serialize_pem())?;
    write(public, &key.public_key_pem())
}

/// Writes a file, naming it when that fails.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|why| format!("cannot write {}: {why}", path.display()))
}

fn params(name: &str, group: &str, now: DateTime<Utc>, valid: Duration) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(say)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    let seconds = |at: DateTime<Utc>| {
        u64::try_from(at.timestamp()).map(StdDuration::from_secs).map_err(|_| "a date before 1970".to_owned())
    };
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // An hour back, so that a clock corrected meanwhile does not make the certificate one of the future.
    params.not_before = epoch + seconds(now - Duration::hours(1))?;
    params.not_after = epoch + seconds(now + valid)?;
    Ok(params)
}

fn say(why: rcgen::Error) -> String {
    format!("cannot make a certificate: {why}")
}
