//! A simulated fleet: many Kubernetes clusters on real HTTPS sockets, in one process, seeded and believable.
//!
//! For the demo, for tests and for benches. Every cluster has a port of its own on loopback, a CA certificate and a
//! serving certificate of its own, objects, RBAC, and now and then something wrong with it; faults can be switched on
//! and off per cluster and route while it runs. It knows nothing of the client: it is written after the documents of
//! the Kubernetes API, and its authentication, authorization and printing are its own, so that a mistake of the client
//! is not hidden by the same mistake here.
//!
//! Invariants: the truth is a pure function of the blueprint; a kind's objects are made when first asked for; nothing
//! listens but on 127.0.0.1; [`Sim::stop`] ends every task.

mod accept;
mod answer;
mod api;
mod audit;
mod auth;
mod charter;
mod cluster;
mod dice;
mod discovery;
mod fault;
mod health;
mod hostile;
mod hub;
mod kinds;
mod kubeconfig;
mod live;
mod metrics;
mod obstacle;
mod openapi;
mod people;
mod pki;
mod places;
mod rbac;
mod reply;
mod request;
mod select;
mod server;
mod store;
mod table;
mod truth;
mod upkeep;
mod wire;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use audit::AuditLine;
pub use fault::{Fault, Hostile, Refusal, Route, Stage, TlsFault};
pub use hub::{Enrolment, Registry, Team};
pub use pki::PkiError;
pub use places::Provider;
pub use truth::{ClusterTruth, NodeTruth, Pressure, Trouble};
pub use upkeep::{OldRequest, Upkeep};

use self::cluster::{Cluster, World, lock};
use self::fault::Faults;
use self::people::{Person, Proof};
use self::server::Tasks;
use crate::clock::Clock;

/// What fleet to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blueprint {
    /// How many clusters.
    pub clusters: usize,
    /// The same seed gives the same truth.
    pub seed: u64,
    /// Whether believable failures are dealt out.
    pub troubled: bool,
    /// Whether things move by themselves: heartbeats, events, a node that comes and goes.
    pub live: bool,
    /// Whether there are hubs that keep registers of the clusters; some clusters are then in no kubeconfig.
    pub hubs: bool,
}

impl Default for Blueprint {
    fn default() -> Self {
        Self { clusters: 40, seed: 7, troubled: true, live: true, hubs: false }
    }
}

/// Why a fleet could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// No port for a cluster.
    #[error("cannot listen on loopback for cluster {cluster}")]
    Bind {
        /// The cluster's name.
        cluster: String,
        /// What the system said.
        source: io::Error,
    },
    /// No certificates.
    #[error("cannot make the certificates of the simulated fleet")]
    Pki(#[from] PkiError),
}

/// One cluster as its builder sees it.
#[derive(Clone, Debug)]
pub struct SimCluster {
    /// Its name, and that of its context.
    pub name: String,
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// Its port.
    pub port: u16,
    /// Its CA certificate, PEM.
    pub authority: String,
    /// What is so.
    pub truth: Arc<ClusterTruth>,
}

/// A running fleet. Dropping it without [`Sim::stop`] ends its tasks too, a moment later.
#[derive(Debug)]
pub struct Sim {
    clusters: Vec<SimCluster>,
    hubs: Vec<SimCluster>,
    keepers: Vec<Arc<Cluster>>,
    /// Whether each cluster is in the kubeconfig; empty: all are.
    listed: Vec<bool>,
    enrolments: Vec<Enrolment>,
    running: BTreeMap<String, Arc<Cluster>>,
    world: Arc<World>,
    users: String,
    tasks: Tasks,
}

/// Starts a fleet on the current tokio runtime.
///
/// # Errors
/// When the system gives no port for a cluster or no keys can be made.
pub async fn start(blueprint: Blueprint, clock: Clock) -> Result<Sim, SimError> {
    let began = clock.now();
    let seed = blueprint.seed;
    let pki = pki::Pki::new(began)?;
    let tokens = Person::ALL.into_iter().filter(|person| person.proof() == Proof::Token);
    let tokens = tokens.map(|person| (person.token(seed), person)).collect();
    let policy = Arc::new(rbac::Policy::new(&workload::roles_everywhere(seed, began)));
    let world = Arc::new(World { seed, clock, began, pki, tokens, policy, audit: Mutex::default() });
    let builder = Builder { world: world.clone(), tasks: Tasks::default() };
    let (mut clusters, mut running, mut members) =
        (Vec::with_capacity(blueprint.clusters), BTreeMap::new(), Vec::new());
    for truth in truth::fleet(&blueprint) {
        if clusters.len().is_multiple_of(64) {
            // Signing certificates for thousands of clusters must not hold up what else runs on this thread.
            tokio::task::yield_now().await;
        }
        let (made, cluster) = builder.cluster(truth, None)?;
        members.push(hub::Member {
            cluster: cluster.clone(),
            url: made.url.clone(),
            authority: made.authority.clone(),
        });
        running.insert(made.name.clone(), cluster);
        clusters.push(made);
    }
    let all: Vec<Arc<Cluster>> = running.values().cloned().collect();
    let (mut hubs, mut keepers, mut listed, mut enrolments) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    if blueprint.hubs {
        let plan = hub::plan(seed, clusters.iter().map(|cluster| &*cluster.truth));
        (listed, enrolments) = (plan.listed, plan.enrolments);
        let admin = world.pki.person("kubernetes-admin", &["system:masters"], 360)?;
        let token = Person::Platform.token(seed);
        let roll = Arc::new(hub::Roll::new(members, enrolments.clone(), admin, token, began));
        for role in hub::Role::ALL {
            let hub = hub::Hub { role, roll: roll.clone() };
            let (made, cluster) = builder.cluster(truth::hub(seed, role.name()), Some(hub))?;
            keepers.push(cluster.clone());
            running.insert(made.name.clone(), cluster);
            hubs.push(made);
        }
    }
    let tasks = builder.tasks;
    if blueprint.live {
        tasks.tracker.spawn(live::live(all, keepers.clone(), seed, tasks.clone()));
    }
    let signs_in = |person| {
        // Where there are hubs there are contexts for emergencies too.
        let is_spare = person == Person::Breakglass && blueprint.hubs;
        is_spare || clusters.iter().chain(&hubs).any(|c| c.truth.person == person)
    };
    let users = kubeconfig::users(&world.pki, seed, signs_in)?;
    Ok(Sim { clusters, hubs, keepers, listed, enrolments, running, world, users, tasks })
}

/// What every server of a fleet is started with.
struct Builder {
    world: Arc<World>,
    tasks: Tasks,
}

impl Builder {
    /// Starts a server on a port of its own.
    fn cluster(
        &self,
        truth: ClusterTruth,
        hub: Option<hub::Hub>,
    ) -> Result<(SimCluster, Arc<Cluster>), SimError> {
        let name = truth.name.clone();
        let bind = |source| SimError::Bind { cluster: name.clone(), source };
        let socket = server::reserve(0).map_err(bind)?;
        let port = socket.local_addr().map_err(bind)?.port();
        let authority = self.world.pki.authority_pem(&name)?;
        let (open, faults) = (truth.trouble != Trouble::Refused, standing(truth.trouble));
        let place = (port, authority.clone());
        let cluster = Arc::new(Cluster::new(truth, place, self.world.clone(), hub, faults, open));
        let listening = server::Port::new(socket, open).map_err(bind)?;
        self.tasks.tracker.spawn(server::serve(cluster.clone(), listening, port, self.tasks.clone()));
        let truth = cluster.truth.clone();
        Ok((SimCluster { name, url: cluster.url(), port, authority, truth }, cluster))
    }
}

/// The faults that a trouble amounts to.
fn standing(trouble: Trouble) -> Faults {
    let mut faults = Faults::default();
    match trouble {
        Trouble::None | Trouble::CertificateEnds(_) | Trouble::NodesForbidden | Trouble::Flapping => {}
        Trouble::Refused => faults.set(Route::Connect, Some(Fault::Refuse)),
        Trouble::BlackHoled => faults.set(Route::Connect, Some(Fault::Silence(Stage::Accept))),
        Trouble::SignedOut => faults.set(Route::All, Some(Fault::Refusal(Refusal::Unauthorized))),
        Trouble::Slow(ms) => {
            let base = Duration::from_millis(ms);
            faults.set(Route::All, Some(Fault::Latency { base, tail: Duration::ZERO }));
        }
        Trouble::Degraded => faults.set(Route::Readyz, Some(Fault::Unready("etcd".to_owned()))),
        Trouble::RateLimited(seconds) => {
            let retry_after = Some(seconds.to_string());
            faults.set(Route::All, Some(Fault::TooManyRequests { retry_after }));
        }
    }
    faults
}

impl Sim {
    /// The clusters, in the order of the kubeconfig.
    pub fn clusters(&self) -> &[SimCluster] {
        &self.clusters
    }

    /// A cluster by name.
    pub fn cluster(&self, name: &str) -> Option<&SimCluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// The hubs, `hub-eu`, `mgmt` and `rancher`; none unless the blueprint wants them.
    pub fn hubs(&self) -> &[SimCluster] {
        &self.hubs
    }

    /// Who is registered where.
    pub fn enrolments(&self) -> &[Enrolment] {
        &self.enrolments
    }

    /// The clusters that have a context in the kubeconfig: all, unless there are hubs.
    pub fn listed(&self) -> impl Iterator<Item = &SimCluster> {
        let is_listed = |at: usize| self.listed.get(at).copied().unwrap_or(true);
        self.clusters.iter().enumerate().filter(move |(at, _)| is_listed(*at)).map(|(_, cluster)| cluster)
    }

    /// The token of the platform team, which is good on every cluster: what the access provider `acme-token` of
    /// ClusterProfiles gives.
    pub fn token(&self) -> String {
        Person::Platform.token(self.world.seed)
    }

    /// A kubeconfig with one context per listed cluster and per hub; with hubs, a few prod clusters have a second one for emergencies.
    pub fn kubeconfig(&self) -> String {
        let all: Vec<&SimCluster> = self.listed().chain(&self.hubs).collect();
        let prod = self.listed().filter(|cluster| cluster.truth.class == Some("prod"));
        let emergencies: Vec<&SimCluster> = prod.take(if self.hubs.is_empty() { 0 } else { 3 }).collect();
        kubeconfig::render(&all, &emergencies, &self.users)
    }

    /// What the company that the fleet belongs to says of it: a fleet file for the kubeconfig, of use only with hubs.
    pub fn fleet_file(&self) -> &'static str {
        charter::FLEET_FILE
    }

    /// Every breach of the fleet file that is a warning or an error, as code and cluster: planted, and the same on every day. Without
    /// hubs there are none, because the fleet file is of no use then.
    pub fn breaches(&self) -> BTreeSet<(&'static str, String)> {
        if self.hubs.is_empty() {
            return BTreeSet::new();
        }
        let members = self.clusters.iter().zip(&self.listed).map(|(cluster, listed)| charter::Member {
            truth: &cluster.truth,
            listed: *listed,
            enrolments: self
                .enrolments
                .iter()
                .filter(|one| one.member.as_ref() == Some(&cluster.name))
                .collect(),
        });
        charter::breaches(self.world.seed, members)
    }

    /// Writes the kubeconfig to `dir/kubeconfig` (0600), making the folder (0700) if it is not there, and with hubs the fleet file to
    /// `dir/fleet.yaml`.
    ///
    /// # Errors
    /// What the file system said.
    pub fn write(&self, dir: &Path) -> io::Result<PathBuf> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        builder.create(dir)?;
        let path = dir.join("kubeconfig");
        let mut file = options.open(&path)?;
        io::Write::write_all(&mut file, self.kubeconfig().as_bytes())?;
        if !self.hubs.is_empty() {
            let mut file = options.open(dir.join("fleet.yaml"))?;
            io::Write::write_all(&mut file, self.fleet_file().as_bytes())?;
        }
        Ok(path)
    }

    /// Every request so far, oldest first; only the newest twenty thousand are kept.
    pub fn audit(&self) -> Vec<AuditLine> {
        lock(&self.world.audit).lines()
    }

    /// Sets, replaces or (with none) clears the fault of a cluster's route; a cluster that is not there has none.
    /// Takes effect with the next connection or request; connections that are open stay open.
    pub fn set_fault(&self, cluster: &str, route: Route, fault: Option<Fault>) {
        let Some(cluster) = self.running.get(cluster) else { return };
        let mut faults = cluster.faults();
        faults.set(route, fault);
        let open = faults.connect() != Some(&Fault::Refuse);
        drop(faults);
        cluster.door.send_if_modified(|door| std::mem::replace(door, open) != open);
        for hub in &self.keepers {
            hub::follow(hub);
        }
    }

    /// Ends every task and connection.
    pub async fn stop(self) {
        let tasks = self.tasks.clone();
        drop(self);
        tasks.tracker.close();
        tasks.tracker.wait().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
