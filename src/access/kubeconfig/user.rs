//! The user half of a context: which credential, in which order of precedence, and whether it can work.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::cluster::{Material, material, resolved};
use super::exec;
use super::identity::{Fingerprint, claims, exec_label};
use super::notes::{Notes, Text};
use super::pem::{self, PemFiles};
use crate::access::{ClientCert, Credential, Impersonation, KeySource, PemSource};
use crate::config::yaml::{Node, Pos, Value};
use crate::fleet::Method;

/// The longest token that is sent, in bytes.
const MAX_TOKEN: usize = 64 * 1024;

/// The largest impersonation, in bytes; servers refuse longer headers anyway.
const MAX_IMPERSONATION: usize = 64 * 1024;

/// A user entry, as far as it could be understood. Whether it can be used is said by its problems.
#[derive(Debug)]
pub(super) struct UserPart {
    pub(super) method: Method,
    pub(super) credential: Credential,
    pub(super) client_cert: Option<ClientCert>,
    pub(super) impersonation: Option<Impersonation>,
    /// What people know the credential by, if it says.
    pub(super) label: Option<String>,
    pub(super) identity_key: [u8; 32],
    pub(super) not_before: Option<DateTime<Utc>>,
    pub(super) not_after: Option<DateTime<Utc>>,
}

impl UserPart {
    /// Nobody in particular.
    pub(super) fn anonymous() -> Self {
        Self {
            method: Method::Anonymous,
            credential: Credential::None,
            client_cert: None,
            impersonation: None,
            label: Some("anonymous".to_owned()),
            identity_key: Fingerprint::new(Method::Anonymous.as_str()).finish(),
            not_before: None,
            not_after: None,
        }
    }
}

/// The fields of an entry that can prove an identity.
struct Given {
    token: Option<Text>,
    token_file: Option<Text>,
    username: Option<Text>,
    password: Option<Text>,
    cert: Option<ClientCert>,
}

/// Reads a user entry that begins at `at`.
pub(super) fn decode(
    node: &Node<'_>,
    at: Pos,
    notes: &mut Notes<'_>,
    base: &Path,
    files: &mut PemFiles,
) -> UserPart {
    let mut user = UserPart { label: None, ..UserPart::anonymous() };
    let mut print = Fingerprint::new("static");
    let given = Given {
        cert: certificate(node, notes, base, files, &mut user, &mut print),
        token: notes.filled(node, "token"),
        token_file: notes.filled(node, "tokenFile"),
        username: notes.filled(node, "username"),
        password: notes.filled(node, "password"),
    };
    user.impersonation = impersonation(node, at, notes);
    let is_static = fixed(given, notes, base, &mut user, &mut print);
    if is_static {
        user.identity_key = print.finish();
    }
    let plugin = notes.map(node, "exec");
    let provider = notes.map(node, "auth-provider");
    if let (Some((at, _)), Some(_)) = (plugin, provider) {
        notes.error(
            "MULTIPLE_METHODS",
            at,
            "the user entry has both exec and auth-provider",
            "Remove one of them.",
        );
        return user;
    }
    if let Some((at, node)) = plugin {
        if is_static {
            let message = "exec is never run because the entry has a fixed credential";
            notes.note("UNUSED_CREDENTIAL", at, message, "");
        } else {
            user.method = Method::Exec;
            user.label = None;
            if let Some(exec) = exec::decode(node, at, notes, base) {
                let mut print = Fingerprint::new(Method::Exec.as_str());
                print.part("api", exec.api_version.as_bytes());
                print.part("command", exec.command.as_bytes());
                exec.args.iter().for_each(|arg| print.part("arg", arg.as_bytes()));
                for (name, value) in &exec.env {
                    print.part("env", name.as_bytes());
                    print.part("value", value.as_bytes());
                }
                user.identity_key = print.finish();
                user.label = Some(exec_label(&exec));
                user.credential = Credential::Exec(Arc::new(exec));
            }
        }
    }
    if let Some((at, node)) = provider {
        auth_provider(node, at, is_static, notes, &mut user);
    }
    if user.method == Method::Anonymous {
        user.label = UserPart::anonymous().label;
    }
    user
}

/// The credentials that are written down. Returns whether there is one.
fn fixed(
    given: Given,
    notes: &mut Notes<'_>,
    base: &Path,
    user: &mut UserPart,
    print: &mut Fingerprint,
) -> bool {
    let has_cert = given.cert.is_some();
    user.client_cert = given.cert;
    let basic = given.username.as_ref().or(given.password.as_ref()).map(|t| t.at);
    if let (Some(at), true) = (basic, given.token.is_some() || given.token_file.is_some()) {
        let message = "the user entry has both a token and a user name or password";
        notes.error("MULTIPLE_METHODS", at, message, "Remove one of them.");
    }
    // As in client-go: the file wins, because it is read again while the text gets old.
    if let Some(file) = given.token_file {
        if given.token.is_some() {
            notes.note("OVERRIDDEN", file.at, "token is ignored because tokenFile is there too", "");
        }
        let path = resolved(base, &file.value);
        print.part("token-file", path.as_os_str().as_encoded_bytes());
        user.credential = Credential::TokenFile(path);
        user.method = Method::TokenFile;
    } else if let Some(token) = given.token {
        token_text(token, notes, user, print);
        user.method = Method::Token;
    } else if basic.is_some() {
        let username = given.username.map(|t| t.value).unwrap_or_default();
        let password = given.password.map(|t| t.value).unwrap_or_default();
        if username.len() > 1024 || password.len() > MAX_TOKEN {
            let message = "the user name is longer than 1 KiB, or the password than 64 KiB";
            notes.error("BAD_CREDENTIAL", basic.unwrap_or_default(), message, "");
        } else if username.contains(':') || username.chars().chain(password.chars()).any(char::is_control) {
            let message =
                "the user name or password holds a character that basic authentication cannot carry";
            notes.error("BAD_CREDENTIAL", basic.unwrap_or_default(), message, "");
        }
        print.part("username", username.as_bytes());
        print.part("password", password.as_bytes());
        user.label = Some(username.clone()).filter(|name| !name.is_empty());
        user.credential = Credential::Basic { username, password: Arc::new(SecretString::from(password)) };
        user.method = Method::Basic;
    } else if !has_cert {
        return false;
    }
    // An API server looks at the certificate first.
    if has_cert {
        user.method = Method::ClientCertificate;
    }
    true
}

fn token_text(token: Text, notes: &mut Notes<'_>, user: &mut UserPart, print: &mut Fingerprint) {
    let text = token.value;
    if let Some(fault) = token_fault(&text) {
        let hint = "Write the token on one line, exactly as it was issued.";
        notes.error("BAD_TOKEN", token.at, fault, hint);
        return;
    }
    print.part("token", text.as_bytes());
    let claims = claims(&text);
    if user.client_cert.is_none() {
        user.label = claims.subject;
        user.not_before = claims.not_before;
        user.not_after = claims.expires;
    }
    user.credential = Credential::Token(Arc::new(SecretString::from(text)));
}

/// Why a text cannot stand in an `Authorization: Bearer` header (RFC 6750 section 2.1, RFC 9110 section 5.5).
fn token_fault(token: &str) -> Option<&'static str> {
    if token.len() > MAX_TOKEN {
        return Some("the token is longer than 64 KiB");
    }
    if token.contains(['\n', '\r']) {
        return Some("the token holds a line break");
    }
    if !token.is_ascii() {
        return Some("the token holds characters outside ASCII");
    }
    if token.bytes().any(|b| b.is_ascii_control()) {
        return Some("the token holds a control character");
    }
    token.contains(' ').then_some("the token holds a space")
}

/// The client certificate with its key, checked against each other.
fn certificate(
    node: &Node<'_>,
    notes: &mut Notes<'_>,
    base: &Path,
    files: &mut PemFiles,
    user: &mut UserPart,
    print: &mut Fingerprint,
) -> Option<ClientCert> {
    let before = notes.count;
    let cert = material(node, "client-certificate", "BAD_CERT", notes, base, files);
    let key = material(node, "client-key", "BAD_KEY", notes, base, files);
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (Some(cert), None) => {
            if notes.count == before {
                let hint = "Add client-key or client-key-data.";
                notes.error("CERT_WITHOUT_KEY", cert.at, "there is a client certificate but no key", hint);
            }
            user.method = Method::ClientCertificate;
            return None;
        }
        (None, Some(key)) => {
            if notes.count == before {
                let message = "the client key is ignored because there is no client certificate";
                notes.warning(
                    "KEY_WITHOUT_CERT",
                    key.at,
                    message,
                    "Add client-certificate or client-certificate-data.",
                );
            }
            return None;
        }
        (None, None) => return None,
    };
    user.method = Method::ClientCertificate;
    pair(cert, key, notes, user, print)
}

fn pair(
    cert: Material,
    key: Material,
    notes: &mut Notes<'_>,
    user: &mut UserPart,
    print: &mut Fingerprint,
) -> Option<ClientCert> {
    let leaf = pem::leaf(&cert.bytes)
        .map_err(|e| notes.error("BAD_CERT", cert.at, &format!("the client certificate {e}"), e.hint()))
        .ok();
    let parsed = pem::key(&key.bytes)
        .map_err(|e| {
            let code = if e == pem::PemError::Encrypted { "ENCRYPTED_KEY" } else { "BAD_KEY" };
            notes.error(code, key.at, &format!("the client key {e}"), e.hint());
        })
        .ok();
    let (leaf, parsed) = (leaf?, parsed?);
    if parsed.matches(&leaf) == Some(false) {
        let hint = "Take certificate and key from the same place.";
        notes.error("KEY_MISMATCH", key.at, "the client key does not belong to the client certificate", hint);
    }
    // Files are read again when they change, so their path is the identity; texts are their own.
    for (tag, source, bytes) in [("cert", &cert.source, &cert.bytes), ("key", &key.source, &key.bytes)] {
        match source {
            PemSource::File(path) => print.part(tag, path.as_os_str().as_encoded_bytes()),
            PemSource::Inline(_) => print.part(tag, bytes),
        }
    }
    user.label = leaf.common_name;
    user.not_before = leaf.not_before;
    user.not_after = leaf.not_after;
    let key = match key.source {
        PemSource::File(path) => KeySource::File(path),
        PemSource::Inline(_) => KeySource::Inline(Arc::new(SecretString::from(parsed.pem))),
    };
    Some(ClientCert { chain: cert.source, key })
}

/// Legacy providers are not spoken; where there is a fixed credential they are not needed.
fn auth_provider(node: &Node<'_>, at: Pos, is_static: bool, notes: &mut Notes<'_>, user: &mut UserPart) {
    if is_static {
        let message = "auth-provider is ignored because the entry has a fixed credential";
        notes.note("UNUSED_CREDENTIAL", at, message, "");
        return;
    }
    user.method = Method::AuthProvider;
    user.label = None;
    let name = notes.filled(node, "name").map(|name| name.value);
    let (message, hint) = match name.as_deref() {
        Some("oidc") => (
            "the built-in oidc auth-provider is not supported",
            "Use a credential plugin: kubectl oidc-login setup writes one (github.com/int128/kubelogin).",
        ),
        Some("gcp") => (
            "the gcp auth-provider was removed from Kubernetes clients in 1.26",
            "Install gke-gcloud-auth-plugin and run: gcloud container clusters get-credentials NAME",
        ),
        Some("azure") => (
            "the azure auth-provider was removed from Kubernetes clients in 1.26",
            "Run: kubelogin convert-kubeconfig",
        ),
        _ => (
            "this auth-provider is not supported",
            "Use a credential plugin (exec), a token or a client certificate.",
        ),
    };
    let mut print = Fingerprint::new(Method::AuthProvider.as_str());
    print.part("name", name.unwrap_or_default().as_bytes());
    user.identity_key = print.finish();
    notes.error("AUTH_PROVIDER", at, message, hint);
}

fn impersonation(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>) -> Option<Impersonation> {
    let name = notes.filled(node, "as");
    let uid = notes.filled(node, "as-uid");
    let groups = notes.texts(node, "as-groups");
    let mut extra = Vec::new();
    if let Some((_, map)) = notes.map(node, "as-user-extra")
        && let Value::Map(pairs) = map.value()
    {
        for (key, _) in pairs {
            extra.push((key.text.to_string(), notes.texts(map, &key.text)));
        }
    }
    let Some(name) = name else {
        if uid.is_some() || !groups.is_empty() || !extra.is_empty() {
            let message = "as-uid, as-groups and as-user-extra need as";
            notes.error("IMPERSONATION", at, message, "Add as: USER, or remove them.");
        }
        return None;
    };
    let texts = [&name.value].into_iter().chain(uid.as_ref().map(|t| &t.value)).chain(&groups);
    let texts: Vec<_> = texts.chain(extra.iter().flat_map(|(_, values)| values)).collect();
    if texts.iter().map(|t| t.len() + 32).sum::<usize>() > MAX_IMPERSONATION {
        let message = "the impersonated user has more groups and extras than fit into a request";
        notes.error("IMPERSONATION", name.at, message, "");
        return None;
    }
    if texts.into_iter().any(|t| t.chars().any(char::is_control))
        || extra.iter().any(|(key, _)| key.is_empty())
    {
        let message = "the impersonated user holds a character that a header cannot carry";
        notes.error("IMPERSONATION", name.at, message, "");
    }
    Some(Impersonation { user: name.value, uid: uid.map(|t| t.value), groups, extra })
}
