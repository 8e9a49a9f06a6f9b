//! One API server: what it needs before it starts, its command line, and how it becomes ready and filled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::Digest as _;

use super::https::{Client, Login, plain_get};
use super::pki::{self, Authority, Identity, write};
use super::processes::{Family, Port, Program, wait_for};
use super::seed;

/// How long one server may take until it is ready, on a machine that does much else.
const START: Duration = Duration::from_mins(3);

/// Who asked what and the answer's status, for every request, once, when it is answered
/// (<https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>).
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

/// How long the certificates of a server live, in days from now; at least one.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// The serving certificate.
    pub serving_days: i64,
    /// The administrator's client certificate.
    pub admin_days: i64,
}

/// A running API server and the ways in.
pub struct ApiServer {
    /// Its name in the kubeconfigs: `real-1`, `real-2`, ...
    pub name: String,
    /// What it says at `/version`, such as `v1.35.4`.
    pub version: String,
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// Its port on 127.0.0.1; stays ours while the server is stopped.
    pub port: u16,
    /// The UID of its `kube-system` namespace, the identity of a cluster.
    pub kube_system_uid: String,
    /// The authority of its serving certificate, PEM.
    pub ca_pem: String,
    /// The end of its serving certificate, UTC.
    pub serving_not_after: DateTime<Utc>,
    /// Client certificate of an administrator (group `system:masters`).
    pub admin: Identity,
    /// Bearer token of an administrator.
    pub admin_token: String,
    /// Bearer token of a user with the built-in role `view`: no nodes, no secrets.
    pub viewer_token: String,
    /// What it was filled with.
    pub profile: seed::Profile,
}

impl ApiServer {
    /// An independent client with that login.
    pub fn client(&self, login: Login<'_>) -> Result<Client, String> {
        Client::new(self.port, &self.ca_pem, login)
    }

    /// An independent client with the administrator's certificate.
    pub fn admin_client(&self) -> Result<Client, String> {
        self.client(Login::Certificate(&self.admin))
    }
}

/// Everything one server needs, written to its folder before it starts.
pub struct Setup {
    index: usize,
    name: String,
    /// Its files, among them `audit.log` and `server.log`.
    pub dir: PathBuf,
    program: PathBuf,
    etcd: u16,
    port: Port,
    ca_pem: String,
    serving_not_after: DateTime<Utc>,
    admin: Identity,
    admin_token: String,
    viewer_token: String,
}

impl Setup {
    /// Makes its folder under `root`, keys and certificates, and reserves its port.
    pub fn new(
        index: usize,
        root: &Path,
        program: PathBuf,
        etcd: u16,
        lifetimes: Lifetimes,
        now: DateTime<Utc>,
    ) -> Result<Self, String> {
        let name = format!("real-{}", index + 1);
        let dir = root.join(&name);
        std::fs::create_dir(&dir).map_err(|why| format!("cannot make {}: {why}", dir.display()))?;
        let serving_ca = Authority::new(&format!("{name} serving"), now)?;
        let client_ca = Authority::new(&format!("{name} clients"), now)?;
        let serving = serving_ca.serving(lifetimes.serving_days)?;
        let admin = client_ca.client("admin", "system:masters", lifetimes.admin_days)?;
        let admin_token = token(&admin, "admin");
        let viewer_token = token(&admin, seed::VIEWER);
        write(&dir.join("serving.crt"), &serving.cert_pem)?;
        write(&dir.join("serving.key"), &serving.key_pem)?;
        write(&dir.join("clients.crt"), &client_ca.pem())?;
        pki::write_token_key(&dir.join("tokens.key"), &dir.join("tokens.pub"))?;
        // token, user, uid, groups: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
        let users = format!(
            "{admin_token},token-admin,1,\"system:masters\"\n{viewer_token},{viewer},2\n",
            viewer = seed::VIEWER
        );
        write(&dir.join("users.csv"), &users)?;
        write(&dir.join("audit.yaml"), AUDIT_POLICY)?;
        Ok(Self {
            index,
            name,
            dir,
            program,
            etcd,
            port: Port::reserve()?,
            ca_pem: serving_ca.pem(),
            serving_not_after: serving.not_after,
            admin,
            admin_token,
            viewer_token,
        })
    }

    /// Starts the program, without waiting for it.
    pub fn start(&self, family: &Family) -> Result<Program, String> {
        let mut command = family.command(&self.program, &self.dir);
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.dir.join(name).display());
        command.args([
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd),
            format!("--etcd-prefix=/{}", self.name),
            "--bind-address=127.0.0.1".to_owned(),
            // Without a default route the server refuses to start unless it is told an address; and this one may not be
            // published as the endpoint of the `kubernetes` service, where loopback is not allowed.
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.port.number()),
            "--permit-port-sharing=true".to_owned(),
            file("tls-cert-file", "serving.crt"),
            file("tls-private-key-file", "serving.key"),
            file("client-ca-file", "clients.crt"),
            file("token-auth-file", "users.csv"),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            file("service-account-key-file", "tokens.pub"),
            file("service-account-signing-key-file", "tokens.key"),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--allow-privileged=true".to_owned(),
            // No controller runs: nobody would make the default service accounts, nor ever take off the taint that
            // new nodes get.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition".to_owned(),
            file("audit-policy-file", "audit.yaml"),
            file("audit-log-path", "audit.log"),
            "--profiling=false".to_owned(),
            // A beta API that the next minor removes, for a test of whoever still uses it.
            "--runtime-config=networking.k8s.io/v1beta1=true".to_owned(),
        ]);
        Program::start(command, &self.dir.join("server.log"))
    }

    fn client(&self) -> Result<Client, String> {
        Client::new(self.port.number(), &self.ca_pem, Login::Certificate(&self.admin))
    }

    /// Returns when `/readyz` is 200; the error has the program's last words.
    pub fn wait_until_ready(&self, program: &mut Program) -> Result<(), String> {
        let client = self.client()?;
        let ready = wait_for(&format!("{} is not ready", self.name), START, || {
            if let Some(status) = program.ended() {
                return Err(format!("{} ended with {status}", self.name));
            }
            Ok(client.get("/readyz", "*/*").ok().filter(|answer| answer.status == 200).map(|_| ()))
        });
        ready.map_err(|why| format!("{why}; its last words:\n{}", program.tail()))
    }

    /// Starts it, waits, and writes the objects of its profile.
    pub fn start_and_fill(
        &self,
        family: &Family,
        now: DateTime<Utc>,
    ) -> Result<(ApiServer, Program), String> {
        let mut program = self.start(family)?;
        self.wait_until_ready(&mut program)?;
        let server = self.fill(now);
        let server =
            server.map_err(|why| format!("{}: {why}; its last words:\n{}", self.name, program.tail()))?;
        Ok((server, program))
    }

    fn fill(&self, now: DateTime<Utc>) -> Result<ApiServer, String> {
        let mut connection = self.client()?.connect()?;
        let text = |value: &Value, pointer: &str| {
            let found = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| format!("no {pointer} in the answer"))
        };
        let version = connection.send("GET", "/version", "application/json", None)?.ok()?.json()?;
        let version = text(&version, "/gitVersion")?;
        // The server makes these by itself, a moment after it is ready.
        let mut namespace = |name: &str| {
            wait_for(&format!("namespace {name}"), START, || {
                let path = format!("/api/v1/namespaces/{name}");
                let answer = connection.send("GET", &path, "application/json", None)?;
                if answer.status == 404 { Ok(None) } else { answer.ok()?.json().map(Some) }
            })
        };
        namespace("default")?;
        let kube_system_uid = text(&namespace("kube-system")?, "/metadata/uid")?;
        let profile = seed::Profile::of(self.index);
        seed::fill(&mut connection, &profile, &version, now)?;
        Ok(ApiServer {
            name: self.name.clone(),
            version,
            url: format!("https://127.0.0.1:{}", self.port.number()),
            port: self.port.number(),
            kube_system_uid,
            ca_pem: self.ca_pem.clone(),
            serving_not_after: self.serving_not_after,
            admin: self.admin.clone(),
            admin_token: self.admin_token.clone(),
            viewer_token: self.viewer_token.clone(),
            profile,
        })
    }
}

/// Starts the etcd that all servers share and waits until it answers. `ports` are for clients and peers.
pub fn start_etcd(
    family: &Family,
    program: &Path,
    root: &Path,
    ports: &[Port; 2],
) -> Result<Program, String> {
    let [clients, peers] = ports.each_ref().map(|port| format!("http://127.0.0.1:{}", port.number()));
    let mut command = family.command(program, root);
    command.args([
        "--name=test".to_owned(),
        format!("--data-dir={}", root.join("etcd").display()),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=test={peers}"),
        "--socket-reuse-port=true".to_owned(),
        // It is thrown away anyway.
        "--unsafe-no-fsync=true".to_owned(),
        "--log-level=warn".to_owned(),
    ]);
    let mut program = Program::start(command, &root.join("etcd.log"))?;
    let ready = wait_for("etcd is not ready", START, || match program.ended() {
        Some(status) => Err(format!("etcd ended with {status}")),
        None => Ok(plain_get(ports[0].number(), "/readyz").ok().filter(|status| *status == 200)),
    });
    ready.map_err(|why| format!("{why}; its last words:\n{}", program.tail()))?;
    Ok(program)
}

/// A token nobody can guess, different for every server and user.
fn token(secret: &Identity, user: &str) -> String {
    let digest = sha2::Sha256::new().chain_update(&secret.key_pem).chain_update(user).finalize();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}
