//! Credential plugins: found, judged, run and believed only to the letter (`client.authentication.k8s.io`, v1 and v1beta1).

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::headers::check_token;
use super::pem;
use super::redact::redact;
use super::tls::PluginCert;
use super::{Exec, Interactive, PluginPolicy, ProxyChoice, Server, Tls};
use crate::fleet::{CleanText, ErrorCode, Failure};
use crate::host::Workers;
use crate::host::child::{self, Exit, Job, Outcome};

/// Name of the variable through which a plugin learns what is wanted.
const INFO: &str = "KUBERNETES_EXEC_INFO";

/// Longest string of an environment on Linux, name and closing zero included (MAX_ARG_STRLEN).
const VARIABLE_CAP: usize = 128 << 10;

/// How long finding a plugin's file may take.
const LOOK: Duration = Duration::from_secs(5);

/// What a plugin runs with.
pub(super) struct PluginSettings {
    pub(super) search_path: Option<OsString>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) policy: PluginPolicy,
    pub(super) first: Duration,
    pub(super) later: Duration,
    pub(super) grace: Duration,
}

/// What a plugin said.
pub(super) struct Answer {
    pub(super) token: Option<SecretString>,
    pub(super) cert: Option<PluginCert>,
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// Something to know about the plugin itself.
    pub(super) warning: Option<CleanText>,
}

fn failed(message: &str) -> Failure {
    Failure::new(ErrorCode::Exec, message)
}

/// The name for messages: the last part of the command.
fn short_name(exec: &Exec) -> CleanText {
    let name = Path::new(&exec.command)
        .file_name()
        .map_or(exec.command.as_str(), |n| n.to_str().unwrap_or("plugin"));
    CleanText::with_cap(name, 60)
}

/// Runs the plugin once; `files` is where files are looked at.
///
/// # Errors
/// `EXEC`, with what the plugin complained about, made safe to show. Neither arguments nor environment are told.
pub(super) async fn run(
    exec: &Arc<Exec>,
    cluster: Option<&str>,
    settings: &Arc<PluginSettings>,
    files: &Workers,
    first: bool,
) -> Result<Answer, Failure> {
    let name = short_name(exec);
    if exec.interactive == Interactive::Always {
        return Err(failed(&format!("plugin {name} wants a terminal to sign in, which it cannot have here"))
            .hint("Sign in from a shell with kubectl and this context, then refresh."));
    }
    let look = {
        let (exec, settings) = (exec.clone(), settings.clone());
        move || find(&exec, &settings)
    };
    let found = files.run(LOOK, look).await;
    let (program, warning) = found.unwrap_or_else(|_| Err(failed("the search path does not answer")))?;
    let info = info(exec, cluster);
    if INFO.len() + info.len() + 2 > VARIABLE_CAP {
        return Err(failed(&format!(
            "the cluster information for plugin {name} has {} KiB; the system passes 128",
            info.len() / 1024
        ))
        .hint("Set provideClusterInfo to false, or make the CA bundle smaller."));
    }
    let deadline = if first { settings.first } else { settings.later };
    let mut env: Vec<_> = settings.env.iter().filter(|(k, _)| !is_overridden(exec, k)).cloned().collect();
    env.extend(exec.env.iter().filter(|(k, _)| k != INFO).map(|(k, v)| (k.into(), v.into())));
    env.push((INFO.into(), info.into()));
    let job = Job {
        program,
        args: exec.args.iter().map(OsString::from).collect(),
        env,
        deadline,
        grace: settings.grace,
        stdout_cap: 1 << 20,
        stderr_cap: 64 << 10,
    };
    let outcome = child::run(&job).await.map_err(|e| {
        let cause = std::error::Error::source(&e).map(ToString::to_string).unwrap_or_default();
        failed(&format!("plugin {name}: {e} ({cause})"))
    })?;
    let stdout = judge(&outcome, exec, &name, deadline)?;
    let answer = parse(stdout, exec).map_err(|mut f| {
        f.message = CleanText::new(&format!("plugin {name}: {}", f.message));
        f
    })?;
    Ok(Answer { warning, ..answer })
}

/// Finds the plugin and asks the policy about it.
fn find(exec: &Exec, settings: &PluginSettings) -> Result<(PathBuf, Option<CleanText>), Failure> {
    let name = short_name(exec);
    let program = resolve(exec, settings)?;
    if !settings.allows(&program) {
        return Err(failed(&format!("plugin {name} is not allowed by credentialPluginPolicy"))
            .hint("Add it to the allowlist of the kuberc file if it is to be trusted."));
    }
    let warning = writable_by_all(&program).map(|what| {
        CleanText::new(&format!("plugin {name}: anybody may replace it, {what} is writable by all"))
    });
    Ok((program, warning))
}

fn is_overridden(exec: &Exec, key: &OsStr) -> bool {
    key == OsStr::new(INFO) || exec.env.iter().any(|(own, _)| OsStr::new(own) == key)
}

/// The output of a run that went well.
fn judge<'a>(
    outcome: &'a Outcome,
    exec: &Exec,
    name: &CleanText,
    deadline: Duration,
) -> Result<&'a [u8], Failure> {
    let complaint = last_words(&outcome.stderr, exec);
    let with = |what: String| match &complaint {
        Some(words) => failed(&format!("{what}: {words}")),
        None => failed(&what),
    };
    if outcome.timed_out {
        let seconds = deadline.as_secs_f64();
        return Err(with(format!("plugin {name} did not finish within {seconds} s"))
            .hint("It may be waiting for a sign-in; run it from a shell to see what it asks."));
    }
    if outcome.truncated {
        return Err(failed(&format!("plugin {name} printed more than 1 MiB")));
    }
    match outcome.exit {
        Exit::Code(0) => Ok(&outcome.stdout),
        exit => {
            // Newer plugins say why on standard output, as a Status.
            if let Some(message) = status_message(&outcome.stdout, exec) {
                return Err(failed(&format!("plugin {name}: {message}")));
            }
            Err(with(match exit {
                Exit::Code(code) => format!("plugin {name} failed with exit code {code}"),
                Exit::Signal(signal) => format!("plugin {name} was ended by signal {signal}"),
            }))
        }
    }
}

fn status_message(stdout: &[u8], exec: &Exec) -> Option<CleanText> {
    let status: Value = serde_json::from_slice(stdout).ok()?;
    let is_status = status.get("kind").and_then(Value::as_str) == Some("Status");
    let message = status.get("message").and_then(Value::as_str).filter(|m| !m.trim().is_empty())?;
    is_status.then(|| CleanText::with_cap(&redact(message, exec), 300))
}

/// The last line of complaint that says something, cut and made safe.
fn last_words(stderr: &[u8], exec: &Exec) -> Option<CleanText> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(CleanText::with_cap(&redact(line, exec), 300))
}

/// The file to execute.
fn resolve(exec: &Exec, settings: &PluginSettings) -> Result<PathBuf, Failure> {
    let command = Path::new(&exec.command);
    let shown = CleanText::with_cap(&exec.command, 200);
    let missing = || {
        let failure = failed(&format!("plugin {shown} not found"));
        match exec.install_hint.as_deref().map(str::trim).filter(|h| !h.is_empty()) {
            Some(hint) => failure.hint(&first_lines(hint)),
            None => failure.hint("Install the plugin, or add its folder to PATH."),
        }
    };
    if exec.command.is_empty() {
        return Err(failed("the plugin has no command"));
    }
    let found = if command.is_absolute() {
        command.to_owned()
    } else if exec.command.contains('/') {
        return Err(failed(&format!("plugin {shown} is a relative path without a folder to start from")));
    } else {
        settings.search(&exec.command).ok_or_else(missing)?
    };
    let meta = std::fs::metadata(&found).map_err(|_| missing())?;
    if !meta.is_file() {
        return Err(failed(&format!("plugin {shown} is not a file")));
    }
    if !is_executable(&found) {
        return Err(
            failed(&format!("plugin {shown} is not executable")).hint("Set its executable bit (chmod +x).")
        );
    }
    Ok(found)
}

fn first_lines(hint: &str) -> String {
    hint.lines().map(str::trim).filter(|l| !l.is_empty()).take(4).collect::<Vec<_>>().join(" ")
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

/// The file, or the folder above it, that everybody may write to.
fn writable_by_all(program: &Path) -> Option<String> {
    const STICKY: u32 = 0o1000;
    let mut at = Some(program);
    while let Some(path) = at {
        let mode = std::fs::metadata(path).map_or(0, |m| m.mode());
        let folder = path != program;
        if mode & 0o002 != 0 && !(folder && mode & STICKY != 0) {
            return Some(path.display().to_string());
        }
        at = path.parent();
    }
    None
}

impl PluginSettings {
    /// Whether the plugin at `program` may run. An entry of the allowlist is found the way a command is, and must lead to
    /// the same file.
    fn allows(&self, program: &Path) -> bool {
        match &self.policy {
            PluginPolicy::AllowAll => true,
            PluginPolicy::DenyAll => false,
            PluginPolicy::Allowlist(entries) => entries.iter().any(|entry| {
                let path = Path::new(entry);
                let meant = if path.is_absolute() { Some(path.to_owned()) } else { self.search(entry) };
                meant.is_some_and(|meant| lexically_clean(&meant) == lexically_clean(program))
            }),
        }
    }

    /// The first executable file called `name` on the search path.
    fn search(&self, name: &str) -> Option<PathBuf> {
        if name.is_empty() || name.contains('/') {
            return None;
        }
        std::env::split_paths(self.search_path.as_deref().unwrap_or_default())
            // A relative or empty entry means the current folder, which may be anybody's.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|file| is_executable(file))
    }
}

fn lexically_clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                let _at_root = clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// What the plugin is told.
fn info(exec: &Exec, cluster: Option<&str>) -> String {
    let mut spec = json!({ "interactive": false });
    if let (Some(cluster), Some(spec)) =
        (cluster.and_then(|c| serde_json::from_str(c).ok()), spec.as_object_mut())
    {
        let _replaced: Option<Value> = spec.insert("cluster".to_owned(), cluster);
    }
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
}

/// `spec.cluster` for a plugin that wants it; `ca` is the bundle's text.
pub(super) fn cluster_info(
    exec: &Exec,
    server: &Server,
    tls: &Tls,
    ca: Option<&[u8]>,
    proxy: &ProxyChoice,
    disable_compression: bool,
) -> String {
    use base64::Engine;
    let scheme = if server.tls { "https" } else { "http" };
    let mut cluster = serde_json::Map::new();
    let mut put = |key: &str, value: Value| {
        cluster.insert(key.to_owned(), value);
    };
    put(
        "server",
        json!(format!("{scheme}://{}{}", super::proxy::authority(&server.host, server.port), server.path)),
    );
    if let Some(name) = &tls.server_name {
        put("tls-server-name", json!(name));
    }
    if tls.insecure {
        put("insecure-skip-tls-verify", json!(true));
    }
    if let Some(ca) = ca {
        put("certificate-authority-data", json!(base64::engine::general_purpose::STANDARD.encode(ca)));
    }
    if let ProxyChoice::Explicit(url) = proxy {
        put("proxy-url", json!(secrecy::ExposeSecret::expose_secret(&**url)));
    }
    if disable_compression {
        put("disable-compression", json!(true));
    }
    if let Some(config) = exec.cluster_config.as_deref().and_then(|c| serde_json::from_str(c).ok()) {
        put("config", config);
    }
    Value::Object(cluster).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Reads an answer as strictly as client-go does. Never quotes it.
fn parse(stdout: &[u8], exec: &Exec) -> Result<Answer, Failure> {
    if stdout.iter().all(u8::is_ascii_whitespace) {
        return Err(failed("the answer is empty"));
    }
    let said: ExecCredential = serde_json::from_slice(stdout).map_err(|e| match e.classify() {
        serde_json::error::Category::Data => failed("the answer is JSON, but no ExecCredential"),
        _ => failed("the answer is not one JSON object"),
    })?;
    if said.kind.as_deref() != Some("ExecCredential") {
        return Err(failed("the answer is not of kind ExecCredential"));
    }
    if said.api_version.as_deref() != Some(exec.api_version.as_str()) {
        let theirs = CleanText::with_cap(said.api_version.as_deref().unwrap_or("none"), 80);
        return Err(failed(&format!("the answer has apiVersion {theirs}, asked was {}", exec.api_version))
            .hint("Write the kubeconfig entry anew with the plugin's present version."));
    }
    let status = said.status.ok_or_else(|| failed("the answer has no status"))?;
    let given = |text: Option<String>| text.filter(|t| !t.is_empty());
    let token = given(status.token);
    if let Some(token) = &token {
        check_token(token, "the token").map_err(|f| Failure { code: ErrorCode::Exec, ..f })?;
    }
    let cert = match (given(status.client_certificate_data), given(status.client_key_data)) {
        (None, None) => None,
        (Some(chain), Some(key)) => Some(checked_cert(chain, key)?),
        (Some(_), None) => return Err(failed("the answer has a certificate without its key")),
        (None, Some(_)) => return Err(failed("the answer has a key without its certificate")),
    };
    if token.is_none() && cert.is_none() {
        return Err(failed("the answer has neither a token nor a certificate"));
    }
    let expires_at = match given(status.expiration_timestamp) {
        None => None,
        Some(text) => Some(
            DateTime::parse_from_rfc3339(&text)
                .map_err(|_| failed("the answer's expirationTimestamp is no RFC 3339 time"))?
                .to_utc(),
        ),
    };
    Ok(Answer { token: token.map(SecretString::from), cert, expires_at, warning: None })
}

fn checked_cert(chain: String, key: String) -> Result<PluginCert, Failure> {
    let as_exec = |f: Failure| Failure { code: ErrorCode::Exec, ..f };
    pem::certificates(chain.as_bytes(), "clientCertificateData").map_err(as_exec)?;
    pem::private_key(key.as_bytes(), "clientKeyData").map_err(as_exec)?;
    Ok(PluginCert { chain: chain.into_bytes(), key: SecretString::from(key) })
}
