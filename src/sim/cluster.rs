//! One simulated cluster: its truth, what it keeps, its faults, and the answers it has ready.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rustls::ServerConfig;
use serde_json::Value;
use tokio::sync::watch;

use super::api::typed;
use super::audit::Audit;
use super::dice::Dice;
use super::fault::{Faults, TlsFault};
use super::hub::{self, Hub};
use super::kinds::{Kind, On, every, kept};
use super::people::Person;
use super::pki::{Pki, PkiError};
use super::rbac::Policy;
use super::store::Store;
use super::truth::{ClusterTruth, Trouble};
use super::upkeep::OldRequest;
use super::workload;
use crate::clock::Clock;

/// How long a Table with ages in words may be served again.
const TABLE_SECONDS: i64 = 30;

/// What all clusters share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) clock: Clock,
    /// When the fleet began; every age in the truth counts back from here.
    pub(super) began: DateTime<Utc>,
    pub(super) pki: Pki,
    /// Tokens and whose they are.
    pub(super) tokens: BTreeMap<String, Person>,
    /// The policy that every cluster starts with.
    pub(super) policy: Arc<Policy>,
    pub(super) audit: Mutex<Audit>,
}

/// A ready answer and what it depends on.
#[derive(Clone, Debug)]
struct Ready {
    revision: u64,
    until: DateTime<Utc>,
    body: Bytes,
}

/// One cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) truth: Arc<ClusterTruth>,
    pub(super) port: u16,
    /// Its CA certificate, PEM.
    pub(super) authority: String,
    /// What makes it a hub, if it is one.
    pub(super) hub: Option<Hub>,
    pub(super) world: Arc<World>,
    /// True while the port listens.
    pub(super) door: watch::Sender<bool>,
    /// The newest revision, for watches to wait on.
    pub(super) news: watch::Sender<u64>,
    pub(super) version: Bytes,
    store: Mutex<Store>,
    faults: Mutex<Faults>,
    /// Set once an RBAC object was written here.
    policy: Mutex<Option<Arc<Policy>>>,
    tls: Mutex<Vec<(Option<TlsFault>, Arc<ServerConfig>)>>,
    ready: Mutex<Vec<(&'static str, Ready)>>,
    throws: Mutex<Dice>,
}

/// A lock whose holder panicked is as good as any other here: every write to it is a single assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    pub(super) fn new(
        truth: ClusterTruth,
        (port, authority): (u16, String),
        world: Arc<World>,
        hub: Option<Hub>,
        faults: Faults,
        open: bool,
    ) -> Self {
        let revision = Dice::new(world.seed, &["revision", &truth.name]).between(200_000, 9_000_000);
        let version = super::health::version_body(&truth.version);
        let throws = Dice::new(world.seed, &["throws", &truth.name]);
        Self {
            truth: Arc::new(truth),
            port,
            authority,
            hub,
            world,
            door: watch::Sender::new(open),
            news: watch::Sender::new(revision),
            version,
            store: Mutex::new(Store::new(revision)),
            faults: Mutex::new(faults),
            policy: Mutex::new(None),
            tls: Mutex::new(Vec::new()),
            ready: Mutex::new(Vec::new()),
            throws: Mutex::new(throws),
        }
    }

    /// `https://127.0.0.1:PORT`.
    pub(super) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Works on the store with the kinds named here in it.
    pub(super) fn with_store<T>(&self, shelves: &[&'static str], work: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = lock(&self.store);
        for shelf in shelves {
            if !store.has(shelf) {
                let mut objects = workload::objects(&self.truth, &self.world, shelf);
                objects.extend(hub::objects(self, shelf));
                store.stock(shelf, objects);
            }
        }
        let before = store.revision();
        let done = work(&mut store);
        let after = store.revision();
        drop(store);
        if after != before {
            self.news.send_replace(after);
        }
        done
    }

    /// Whether this server serves a kind.
    pub(super) fn serves(&self, kind: &Kind) -> bool {
        match kind.on {
            On::All => true,
            On::Since(minor) => self.truth.minor() >= minor,
            On::Through(minor) => self.truth.minor() <= minor,
            On::Hub(role) => self.hub.as_ref().is_some_and(|hub| hub.role == role),
            On::Old => {
                let is_it = |old: &OldRequest| {
                    (old.group, old.version, old.resource) == (kind.group, kind.version, kind.plural)
                };
                self.truth.upkeep.requested.as_ref().is_some_and(is_it)
            }
        }
    }

    /// The kinds that this server serves, in the order of discovery.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static Kind> + use<'_> {
        every().filter(|kind| self.serves(kind))
    }

    /// The newest revision of all.
    pub(super) fn revision(&self) -> u64 {
        lock(&self.store).revision()
    }

    /// True once a kind was asked for; what nobody looked at need not move.
    pub(super) fn is_stocked(&self, shelf: &str) -> bool {
        lock(&self.store).has(shelf)
    }

    /// The next throw of this cluster's dice.
    pub(super) fn throw(&self) -> u64 {
        lock(&self.throws).next()
    }

    /// The random end of a generated name.
    pub(super) fn suffix(&self) -> String {
        lock(&self.throws).suffix(5)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    /// Who may do what here.
    pub(super) fn policy(&self) -> Arc<Policy> {
        lock(&self.policy).clone().unwrap_or_else(|| self.world.policy.clone())
    }

    /// Reads the policy again after a write to an RBAC kind.
    pub(super) fn reload_policy(&self) {
        let objects: Vec<Value> = self.with_store(&Policy::SHELVES, |store| {
            let of = |kind: &'static Kind| {
                store.list(kind.shelf(), "", None).into_iter().map(move |object| typed(kind, object.value()))
            };
            Policy::SHELVES.iter().filter_map(|shelf| kept(shelf)).flat_map(of).collect()
        });
        *lock(&self.policy) = Some(Arc::new(Policy::new(&objects)));
    }

    /// The TLS configuration to meet a connection with, made when first needed.
    pub(super) fn tls(&self, wrong: Option<TlsFault>) -> Result<Arc<ServerConfig>, PkiError> {
        let mut made = lock(&self.tls);
        if let Some((_, config)) = made.iter().find(|(fault, _)| *fault == wrong) {
            return Ok(config.clone());
        }
        let days = match self.truth.trouble {
            Trouble::CertificateEnds(days) => Some(days),
            _ => None,
        };
        let config = self.world.pki.serving(&self.truth.name, days, wrong)?;
        made.push((wrong, config.clone()));
        Ok(config)
    }

    /// The Table of all objects of a kind without filter, ready made while nothing changes.
    pub(super) fn ready_table(&self, kind: &'static Kind, make: impl FnOnce() -> (u64, Bytes)) -> Bytes {
        let shelf = kind.shelf();
        let now = self.world.clock.now();
        let revision = lock(&self.store).changed(shelf);
        let found = lock(&self.ready).iter().find(|(of, _)| *of == shelf).map(|(_, ready)| ready.clone());
        if let Some(ready) = found
            && ready.revision == revision
            && now < ready.until
        {
            return ready.body;
        }
        let (revision, body) = make();
        let made =
            Ready { revision, until: now + chrono::Duration::seconds(TABLE_SECONDS), body: body.clone() };
        let mut ready = lock(&self.ready);
        ready.retain(|(of, _)| *of != shelf);
        ready.push((shelf, made));
        body
    }
}
