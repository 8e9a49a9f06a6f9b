//! TLS configurations, one for every set of roots and client certificate, shared by all who have the same.
//!
//! Files are read again for every new connection, so a rotated certificate is seen; the configuration itself is found
//! by the hash of what was read. One is rebuilt after an hour: with it go its session tickets, because a resumed session
//! shows the certificate of the session it resumes, and an old one would hide a renewal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::pem::{self, config};
use super::trust::{Anybody, Trust};
use super::{ClientCert, KeySource, PemSource, Roots, SetupError, Tls};
use crate::clock::Clock;
use crate::fleet::{CertDates, ErrorCode, Failure};
use crate::host::{Workers, read_capped};

/// Largest CA bundle or certificate file.
const PEM_CAP: usize = 4 << 20;

/// How long reading the files of one target may take.
const FILES: Duration = Duration::from_secs(2);

/// How long a configuration is handed out.
const LIFE: chrono::Duration = chrono::Duration::hours(1);

/// A certificate that a plugin gave, with its key.
pub(super) struct PluginCert {
    pub(super) chain: Vec<u8>,
    pub(super) key: SecretString,
}

/// A ready configuration and what it shows about us.
pub(super) struct Profile {
    pub(super) config: Arc<ClientConfig>,
    pub(super) client_cert: Option<Arc<CertDates>>,
    /// How many certificates of the bundle were left out because they have expired.
    pub(super) expired_roots: usize,
    until: DateTime<Utc>,
    /// Kept while this is: others who sign in with the same certificate find it.
    _identity: Option<Arc<Identity>>,
}

/// A client certificate with its key, ready to sign. Clusters by the hundred share one.
struct Identity {
    resolver: Arc<dyn ResolvesClientCert>,
    dates: Option<Arc<CertDates>>,
}

/// Everything a configuration is made of.
struct Material {
    roots: Option<Arc<[u8]>>,
    insecure: bool,
    /// Whether the system's roots count beside the bundle.
    or_system: bool,
    client: Option<(Arc<[u8]>, SecretString)>,
}

/// The configurations in use.
pub(super) struct TlsStore {
    provider: Arc<CryptoProvider>,
    clock: Clock,
    files: Workers,
    system: Mutex<Option<Arc<dyn ServerCertVerifier>>>,
    profiles: Mutex<HashMap<[u8; 32], Weak<Profile>>>,
    identities: Mutex<HashMap<[u8; 32], Weak<Identity>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TlsStore {
    /// An empty store.
    ///
    /// # Errors
    /// If the cryptography supports no TLS version.
    pub(super) fn new(clock: Clock, files: Workers) -> Result<Self, SetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(SetupError::Crypto)?;
        Ok(Self {
            provider,
            clock,
            files,
            system: Mutex::default(),
            profiles: Mutex::default(),
            identities: Mutex::default(),
        })
    }

    /// The configuration for a server.
    ///
    /// # Errors
    /// `CONFIG` for files and certificates that cannot be used, `TLS` for those whose time has not come or is over.
    pub(super) async fn for_server(
        &self,
        tls: &Tls,
        plugin: Option<&PluginCert>,
    ) -> Result<Arc<Profile>, Failure> {
        let roots = match &tls.roots {
            Roots::System => None,
            Roots::Bundle(_) if tls.insecure => None,
            Roots::Bundle(source) => Some(self.read(source, "certificate-authority").await?),
        };
        let client = match (plugin, &tls.client_cert) {
            (Some(cert), _) => Some((Arc::from(cert.chain.as_slice()), cert.key.clone())),
            (None, Some(cert)) => Some(self.client_cert(cert).await?),
            (None, None) => None,
        };
        self.find(Material { roots, insecure: tls.insecure, or_system: false, client })
    }

    /// The configuration for an HTTPS proxy in front of a server: no certificate of ours, and the system's roots
    /// beside the server's.
    ///
    /// # Errors
    /// As for a server.
    pub(super) async fn for_proxy(&self, tls: &Tls) -> Result<Arc<Profile>, Failure> {
        let roots = match &tls.roots {
            Roots::System => None,
            Roots::Bundle(source) => Some(self.read(source, "certificate-authority").await?),
        };
        self.find(Material { roots, insecure: tls.insecure, or_system: true, client: None })
    }

    /// The PEM text of `source`.
    pub(super) async fn read(&self, source: &PemSource, what: &'static str) -> Result<Arc<[u8]>, Failure> {
        let path = match source {
            PemSource::Inline(bytes) => return Ok(bytes.clone()),
            PemSource::File(path) => path.clone(),
        };
        let shown = path.display().to_string();
        match self.files.run(FILES, move || read_capped(&path, PEM_CAP)).await {
            Ok(Ok((bytes, _))) => Ok(Arc::from(bytes)),
            Ok(Err(e)) => Err(config(&format!("{what} {shown}: {e}"))),
            Err(_) => Err(config(&format!("{what} {shown}: not readable within {} s", FILES.as_secs()))),
        }
    }

    async fn client_cert(&self, cert: &ClientCert) -> Result<(Arc<[u8]>, SecretString), Failure> {
        let chain = self.read(&cert.chain, "client-certificate").await?;
        let key = match &cert.key {
            KeySource::Inline(key) => (**key).clone(),
            KeySource::File(path) => {
                let bytes = self.read(&PemSource::File(path.clone()), "client-key").await?;
                let text = std::str::from_utf8(&bytes).map_err(|_| config("client-key is not text"))?;
                SecretString::from(text)
            }
        };
        Ok((chain, key))
    }

    fn find(&self, material: Material) -> Result<Arc<Profile>, Failure> {
        let key = material.digest();
        let now = self.clock.now();
        let known = lock(&self.profiles).get(&key).and_then(Weak::upgrade);
        let profile = match known {
            Some(profile) if now < profile.until => profile,
            _ => {
                let profile = Arc::new(self.build(material, now)?);
                remember(&self.profiles, key, &profile);
                profile
            }
        };
        if let Some(dates) = &profile.client_cert {
            check_dates(dates, now)?;
        }
        Ok(profile)
    }

    fn build(&self, material: Material, now: DateTime<Utc>) -> Result<Profile, Failure> {
        let mut until = now + LIFE;
        let mut expired_roots = 0;
        let shared = material.roots.is_none();
        let verifier: Arc<dyn ServerCertVerifier> = if material.insecure {
            Arc::new(Anybody(self.provider.clone()))
        } else if let Some(roots) = &material.roots {
            let (trust, expired, ends) = self.bundle(roots, now)?;
            expired_roots = expired;
            until = until.min(ends);
            let system = if material.or_system { self.system().ok() } else { None };
            Arc::new(match system {
                Some(system) => trust.or_system(system),
                None => trust,
            })
        } else {
            Arc::new(Trust::system(self.system()?, &self.provider))
        };
        let builder = ClientConfig::builder_with_details(
            self.provider.clone(),
            Arc::new(ClockTime(self.clock.clone())),
        )
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::new(ErrorCode::Internal, "TLS cannot be set up"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
        let identity = match &material.client {
            Some((chain, key)) => Some(self.identity(chain, key)?),
            None => None,
        };
        let mut built = match &identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(identity.resolver.clone()),
        };
        // Tickets are kept per server name, at least eight for one; many servers share the system's roots.
        built.resumption = Resumption::in_memory_sessions(if shared { 256 } else { 4 });
        let client_cert = identity.as_ref().and_then(|i| i.dates.clone());
        Ok(Profile { config: Arc::new(built), client_cert, expired_roots, until, _identity: identity })
    }

    /// The certificate of `chain` with its key: reading a key and matching the two costs a tenth of a handshake.
    fn identity(&self, chain: &[u8], key: &SecretString) -> Result<Arc<Identity>, Failure> {
        let digest = digest([chain, key.expose_secret().as_bytes()]);
        if let Some(known) = lock(&self.identities).get(&digest).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let chain = pem::certificates(chain, "client-certificate")?;
        let dates = chain.first().map(|(_, dates)| Arc::new(dates.clone()));
        let key = pem::private_key(key.expose_secret().as_bytes(), "client-key")?;
        let key = self
            .provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| config("client-key is of a kind that is not supported"))?;
        // The library's own comparison refuses certificates of version 1, which servers take.
        let public = chain.first().and_then(|(leaf, _)| pem::public_key(leaf));
        if let (Some(of_key), Some(of_cert)) = (key.public_key(), public)
            && of_key.as_ref() != of_cert.as_slice()
        {
            return Err(config("client-key does not belong to client-certificate"));
        }
        let certified = CertifiedKey::new(chain.into_iter().map(|(der, _)| der).collect(), key);
        let identity = Arc::new(Identity { resolver: Arc::new(SingleCertAndKey::from(certified)), dates });
        remember(&self.identities, digest, &identity);
        Ok(identity)
    }

    /// Trust in a bundle, how many of its certificates have expired, and when the next one will.
    fn bundle(&self, roots: &[u8], now: DateTime<Utc>) -> Result<(Trust, usize, DateTime<Utc>), Failure> {
        let all = pem::certificates(roots, "CA bundle")?;
        let count = all.len();
        let mut ends = DateTime::<Utc>::MAX_UTC;
        let mut last_end = None;
        // The TLS library does not look at the dates of a root; whoever keeps an expired CA in use should hear of it.
        let valid: Vec<_> = all
            .into_iter()
            .filter_map(|(root, dates)| {
                last_end = last_end.max(Some(dates.not_after));
                let holds = now <= dates.not_after;
                if holds {
                    ends = ends.min(dates.not_after);
                }
                holds.then_some(root)
            })
            .collect();
        let expired = count - valid.len();
        if valid.is_empty() {
            let when = last_end.map_or_else(String::new, |t| t.format(" on %Y-%m-%d").to_string());
            return Err(Failure::new(
                ErrorCode::Tls,
                &format!("every certificate of the CA bundle has expired, the last{when}"),
            )
            .hint("Fetch the cluster's new CA; if the date looks wrong, check this machine's clock."));
        }
        let trust = Trust::bundle(valid, &self.provider)
            .map_err(|_| config("CA bundle holds no certificate that can be a root"))?;
        Ok((trust, expired, ends))
    }

    /// The system's roots, loaded once.
    fn system(&self) -> Result<Arc<dyn ServerCertVerifier>, Failure> {
        let mut system = lock(&self.system);
        if let Some(verifier) = &*system {
            return Ok(verifier.clone());
        }
        let verifier: Arc<dyn ServerCertVerifier> =
            Arc::new(rustls_platform_verifier::Verifier::new(self.provider.clone()).map_err(|_| {
                config("the system has no trusted certificates")
                    .hint("Install the system's CA certificates, or name a certificate-authority.")
            })?);
        *system = Some(verifier.clone());
        Ok(verifier)
    }
}

impl Material {
    fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([u8::from(self.insecure), u8::from(self.or_system), u8::from(self.roots.is_some())]);
        let empty: &[u8] = &[];
        let (chain, key) = self
            .client
            .as_ref()
            .map_or((empty, empty), |(chain, key)| (&**chain, key.expose_secret().as_bytes()));
        let parts = digest([self.roots.as_deref().unwrap_or_default(), chain, key]);
        hash.update(parts);
        hash.finalize().into()
    }
}

/// A hash over parts that cannot be shifted into each other.
fn digest<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Files `value` for as long as somebody uses it.
fn remember<T>(known: &Mutex<HashMap<[u8; 32], Weak<T>>>, key: [u8; 32], value: &Arc<T>) {
    let mut known = lock(known);
    if known.len() % 64 == 63 {
        known.retain(|_, value| value.strong_count() > 0);
    }
    known.insert(key, Arc::downgrade(value));
}

/// Says that our certificate is out of time before anything is sent with it.
fn check_dates(dates: &CertDates, now: DateTime<Utc>) -> Result<(), Failure> {
    let tls = |what: &str, at: DateTime<Utc>| {
        Failure::new(
            ErrorCode::Tls,
            &format!("client certificate {what} {}", at.format("%Y-%m-%d %H:%M UTC")),
        )
    };
    if now > dates.not_after {
        return Err(tls("expired", dates.not_after).hint("Renew the client certificate of this user entry."));
    }
    if now < dates.not_before {
        return Err(tls("is not valid before", dates.not_before).hint("Check this machine's clock."));
    }
    Ok(())
}

/// The name to verify: `tls-server-name`, else the host.
///
/// # Errors
/// `CONFIG` if it is neither a DNS name nor an address.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
        .map_err(|_| config(&format!("{name} is neither a DNS name nor an address")))
}

/// Our clock, for the handshake.
#[derive(Debug)]
struct ClockTime(Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().timestamp()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
