//! Clouds, by the JSON that their own command-line tools print.
//!
//! `aws`, `az` and `gcloud` are found on the search path, with arguments of ours only; they bring their own sign-in. What they
//! name to get into a cluster with (`aws eks get-token`, `gke-gcloud-auth-plugin`, `kubelogin`) is named here and not by what they
//! print, so it needs no consent. A region, subscription or project that fails is a problem; the others load, and what it knew stays.

mod aks;
mod azure_fleet;
mod eks;
mod gke;
mod gke_fleet;
mod json;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::keep::{Reader, Reading, problem};
use super::run::{RunError, Runner};
use super::{Commands, Program, Sighted};
use crate::access::{Credential, Exec, Interactive, PemSource, ProxyChoice, Roots, Server, Target, Tls};
use crate::fleet::spec::{Object, SourceSpec};
use crate::fleet::{AccessPath, CleanText, Method, Problem, Severity, Sighting, SourceKind};
use crate::registry::{fingerprints, normal, server_of};

/// Programs of one source that run at the same time.
const AT_ONCE: usize = 4;
/// Clusters of one source that are read.
const MOST: usize = 20_000;
/// Problems that are kept.
const MAX_PROBLEMS: usize = 100;

/// One cloud.
pub(super) struct Cloud {
    asking: Asking,
    aks: aks::Authorities,
}

/// What every question to a cloud needs.
pub(super) struct Asking {
    spec: Object<SourceSpec>,
    kind: SourceKind,
    name: CleanText,
    program: Program,
    runner: Runner,
}

/// The usual program of a cloud, and what keeps it from asking back, paging and colouring.
fn usual(kind: SourceKind) -> (&'static str, &'static [(&'static str, &'static str)]) {
    match kind {
        SourceKind::Eks => ("aws", &[("AWS_PAGER", "")]),
        SourceKind::Aks | SourceKind::AzureFleet => (
            "az",
            &[
                ("AZURE_CORE_NO_COLOR", "true"),
                ("AZURE_CORE_ONLY_SHOW_ERRORS", "true"),
                ("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no"),
            ],
        ),
        _ => ("gcloud", &[("CLOUDSDK_CORE_DISABLE_PROMPTS", "1")]),
    }
}

impl Cloud {
    /// # Errors
    /// If the source names a program that the personal configuration does not have.
    pub(super) fn new(
        spec: Object<SourceSpec>,
        kind: SourceKind,
        name: CleanText,
        commands: &Arc<Commands>,
        deadline: std::time::Duration,
    ) -> Result<Self, Problem> {
        let (command, env) = usual(kind);
        let mut program = match spec.spec.program.as_deref().filter(|p| !p.is_empty()) {
            Some(named) => Runner::program(&spec, named, commands)?,
            None => Program { command: vec![command.to_owned()], env: std::collections::BTreeMap::new() },
        };
        let plain = program.clone();
        for (key, value) in env {
            program.env.entry((*key).to_owned()).or_insert_with(|| (*value).to_owned());
        }
        let runner = Runner::new(program, Vec::new(), Arc::clone(commands), deadline);
        let asking = Asking { spec, kind, name, program: plain, runner };
        Ok(Self { asking, aks: aks::Authorities::default() })
    }

    /// What is done, for people.
    pub(super) fn how(&self) -> String {
        let spec = &self.asking.spec.spec;
        let count = |n: usize, what: &str| match n {
            0 => String::new(),
            1 => format!(" (1 {what})"),
            n => format!(" ({n} {what}s)"),
        };
        match self.asking.kind {
            SourceKind::Eks => format!("aws eks{}", count(spec.regions.len(), "region")),
            SourceKind::Aks => format!("az aks{}", count(spec.subscriptions.len(), "subscription")),
            SourceKind::AzureFleet => format!("az fleet member{}", count(spec.fleets.len(), "fleet")),
            SourceKind::Gke => format!("gcloud container clusters{}", count(spec.projects.len(), "project")),
            _ => format!("gcloud container fleet memberships{}", count(spec.projects.len(), "project")),
        }
    }
}

impl Reader for Cloud {
    async fn read(&mut self, now: DateTime<Utc>) -> Result<Reading, Problem> {
        let asking = &self.asking;
        let parts = match asking.kind {
            SourceKind::Eks => eks::read(asking, now).await,
            SourceKind::Aks => aks::read(asking, &mut self.aks, now).await,
            SourceKind::AzureFleet => azure_fleet::read(asking, now).await,
            SourceKind::Gke => gke::read(asking, now).await,
            _ => gke_fleet::read(asking, now).await,
        };
        let all = parts.len();
        let mut reading = Reading::default();
        let mut failed = 0;
        let mut seen = HashSet::new();
        for part in parts {
            match part {
                Ok(part) => {
                    reading.partial |= part.partial;
                    reading.problems.extend(part.problems);
                    // The same cluster through two profiles is one.
                    reading
                        .sighted
                        .extend(part.sighted.into_iter().filter(|s| seen.insert(s.sighting.id.clone())));
                }
                Err(problem) => {
                    failed += 1;
                    reading.partial = true;
                    reading.problems.push(problem);
                }
            }
        }
        if reading.sighted.len() > MOST {
            reading.sighted.truncate(MOST);
            reading.partial = true;
        }
        if all > 0 && failed == all {
            // Nothing could be asked: that is a failure of the source, and the first one says why.
            let first = reading.problems.into_iter().find(|p| p.severity == Severity::Error);
            return Err(first.unwrap_or_else(|| asking.bad_output("the cloud")));
        }
        for problem in &mut reading.problems {
            problem.severity = problem.severity.min(Severity::Warning);
        }
        reading.problems.truncate(MAX_PROBLEMS);
        Ok(reading)
    }
}

/// Runs what is to be done for each item, four at a time, and keeps their order.
async fn each<T, O, F>(items: Vec<T>, run: impl Fn(T) -> F) -> Vec<O>
where
    F: Future<Output = O>,
{
    stream::iter(items).map(run).buffered(AT_ONCE).collect().await
}

/// Items that a person has listed, or the one that the tool has set up.
fn or_usual(said: &[String]) -> Vec<Option<String>> {
    if said.is_empty() { vec![None] } else { said.iter().cloned().map(Some).collect() }
}

impl Asking {
    /// What the tool prints. `part` is what is asked about, for people.
    async fn ask(&self, args: &[&str], part: &str) -> Result<Json, Problem> {
        let output = self.runner.with(args).await.map_err(|error| self.explain(&error, part))?;
        if output.iter().all(u8::is_ascii_whitespace) {
            // `gcloud` prints nothing for no clusters when its output is cut short; `[]` is what it means.
            return Ok(Json::Array(Vec::new()));
        }
        serde_json::from_slice(&output).map_err(|_| self.bad_output(part))
    }

    /// Refuses names that a tool would not read as names: flags, files (`@x`, `file://x`), and what no cloud calls anything.
    fn check(&self, part: &str, names: &[&str]) -> Result<(), Problem> {
        if names.iter().all(|name| is_plain(name)) {
            return Ok(());
        }
        let message = format!("{part}: this is not a name that {} can be asked about", usual(self.kind).0);
        Err(problem(&self.spec, "name", "BAD_NAME", &message, "Names begin with a letter or a digit."))
    }

    fn bad_output(&self, part: &str) -> Problem {
        let message = format!("{part}: what {} printed cannot be understood", usual(self.kind).0);
        problem(&self.spec, "name", "BAD_OUTPUT", &message, "Check that its version is a current one.")
    }

    /// A failure of the tool, with how to sign in if that is what is missing.
    fn explain(&self, error: &RunError, part: &str) -> Problem {
        let (tool, _) = usual(self.kind);
        let complaint = error.complaint().to_ascii_lowercase();
        let signs: &[&str] = match tool {
            "aws" => &[
                "unable to locate credentials",
                "expired",
                "sso",
                "invalidclienttoken",
                "unrecognizedclient",
                "accessdenied for getcalleridentity",
            ],
            "az" => &["az login", "aadsts", "no subscription found", "not logged in"],
            _ => &[
                "auth login",
                "active account",
                "reauthentication",
                "invalid_grant",
                "could not be refreshed",
            ],
        };
        if signs.iter().any(|sign| complaint.contains(sign)) {
            let message = format!("{part}: {tool} is not signed in: {}", error.complaint());
            // What is asked about begins with the profile, if one is named.
            let profile = self.spec.spec.profiles.iter().find(|p| part.split(' ').next() == Some(p.as_str()));
            let hint = match (tool, profile) {
                ("aws", Some(profile)) => format!("Sign in from a shell: aws sso login --profile {profile}"),
                ("aws", _) => "Sign in from a shell: aws sso login".to_owned(),
                ("az", _) => "Sign in from a shell: az login".to_owned(),
                _ => "Sign in from a shell: gcloud auth login".to_owned(),
            };
            return problem(&self.spec, "name", "NOT_SIGNED_IN", &message, &hint);
        }
        let mut told = error.problem(&self.spec);
        told.message = CleanText::new(&format!("{part}: {}", told.message));
        told
    }

    /// The plugin that the tool itself is: its program, its own arguments, then ours.
    fn plugin(&self, args: &[&str]) -> Exec {
        let own = self.program.command.iter().skip(1).cloned();
        Exec {
            args: own.chain(args.iter().map(|a| (*a).to_owned())).collect(),
            env: self.program.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            ..exec(self.program.command.first().map_or("", String::as_str), &[])
        }
    }
}

impl Way {
    /// With a plugin.
    fn with(plugin: Exec, server: Server, authority: &[u8], identity: &str) -> Self {
        let mut hash = Sha256::new();
        let parts = [plugin.command.as_str(), identity].into_iter();
        for part in parts.chain(plugin.args.iter().map(String::as_str)) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let roots = Roots::Bundle(PemSource::Inline(authority.into()));
        let shown = normal(&server);
        let path =
            AccessPath { server: Some(shown), ..AccessPath::new(CleanText::new(identity), Method::Exec) };
        let target = Target {
            server,
            tls: Tls { roots, server_name: None, insecure: false, client_cert: None },
            proxy: ProxyChoice::Environment,
            credential: Credential::Exec(Arc::new(plugin)),
            impersonation: None,
            disable_compression: false,
            namespace: "default".to_owned(),
        };
        Self { path, target, identity_key: hash.finalize().into() }
    }
}

/// A credential plugin that stays quiet.
fn exec(command: &str, args: &[&str]) -> Exec {
    Exec {
        api_version: "client.authentication.k8s.io/v1beta1".to_owned(),
        command: command.to_owned(),
        args: args.iter().map(|a| (*a).to_owned()).collect(),
        env: Vec::new(),
        install_hint: None,
        provide_cluster_info: false,
        interactive: Interactive::IfAvailable,
        cluster_config: None,
    }
}

/// How to get into a cluster.
struct Way {
    path: AccessPath,
    target: Target,
    identity_key: [u8; 32],
}

/// Puts a sighting and the way there together.
fn sighted(mut sighting: Sighting, way: Option<Way>) -> Sighted {
    let Some(way) = way else {
        return Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] };
    };
    sighting.path = Some(AccessPath { sighting: sighting.id.clone(), ..way.path });
    Sighted {
        sighting: Arc::new(sighting),
        target: Some(Arc::new(way.target)),
        identity_key: way.identity_key,
    }
}

/// Says where a cluster's server is, and what signs its certificate.
fn locate(sighting: &mut Sighting, address: &str, authority: Option<&[u8]>) -> Option<Server> {
    sighting.authorities = authority.map(fingerprints).unwrap_or_default();
    match server_of(address) {
        Ok(server) => {
            sighting.server = Some(normal(&server));
            Some(server)
        }
        Err(error) => {
            sighting.problems.push(Problem {
                severity: Severity::Warning,
                code: "BAD_SERVER",
                origin: None,
                subject: sighting.name.clone(),
                message: CleanText::new(&format!("the cloud's address of the server: {error}")),
                hint: None,
            });
            None
        }
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(char::is_alphanumeric)
        && name.len() <= 256
        && !name.contains("://")
        && name.chars().all(|c| c.is_alphanumeric() || " -_.()/+@,:".contains(c))
}

/// What is asked about, for people: the parts that a person has named.
fn part_name(parts: &[Option<&str>], usual: &str) -> String {
    let named: Vec<&str> = parts.iter().copied().flatten().collect();
    if named.is_empty() {
        usual.to_owned()
    } else {
        CleanText::with_cap(&named.join(" "), 200).as_str().to_owned()
    }
}
