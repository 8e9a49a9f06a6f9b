//! The cluster half of a context: where the server is and how it is trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::pki_types::ServerName;

use super::notes::Notes;
use super::pem::{self, PemFiles};
use super::server::{self, Address, AddressError, Proxy};
use crate::access::{PemSource, Roots};
use crate::config::yaml::{Node, Pos};

/// The reserved extension that carries a cluster's configuration to credential plugins (KEP-541).
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// A cluster entry, as far as it could be understood. Whether it can be used is said by its problems.
#[derive(Debug)]
pub(super) struct ClusterPart {
    pub(super) address: Option<Address>,
    pub(super) roots: Roots,
    pub(super) ca_expires: Option<DateTime<Utc>>,
    pub(super) server_name: Option<String>,
    pub(super) insecure: bool,
    pub(super) proxy: Option<Proxy>,
    pub(super) disable_compression: bool,
    pub(super) exec_config: Option<String>,
}

/// PEM that an entry names.
pub(super) struct Material {
    pub(super) source: PemSource,
    pub(super) bytes: Arc<[u8]>,
    pub(super) at: Pos,
}

/// `path`, or `path` in `base` if it is relative.
pub(super) fn resolved(base: &Path, path: &str) -> PathBuf {
    base.join(path)
}

/// Reads `KEY-data` or, if that is absent or empty, the file `KEY`. What cannot be read is an error of the entry.
pub(super) fn material(
    node: &Node<'_>,
    key: &'static str,
    code: &'static str,
    notes: &mut Notes<'_>,
    base: &Path,
    files: &mut PemFiles,
) -> Option<Material> {
    let data_key = format!("{key}-data");
    let data = notes.text(node, &data_key);
    let file = notes.filled(node, key);
    if let Some(data) = data {
        if !data.value.is_empty() {
            if file.is_some() {
                let message = format!("{key} is ignored because {data_key} is there too");
                notes.warning("OVERRIDDEN", data.at, &message, "Remove one of them.");
            }
            let Some(bytes) = pem::base64(&data.value) else {
                notes.error(code, data.at, &format!("{data_key} is not valid base64"), "");
                return None;
            };
            let bytes: Arc<[u8]> = bytes.into();
            return Some(Material { source: PemSource::Inline(Arc::clone(&bytes)), bytes, at: data.at });
        }
        if file.is_none() {
            notes.note("EMPTY_DATA", data.at, &format!("{data_key} is empty and counts as absent"), "");
        }
    }
    let file = file?;
    let path = resolved(base, &file.value);
    match files.read(&path) {
        Ok(bytes) => Some(Material { source: PemSource::File(path), bytes, at: file.at }),
        Err(error) => {
            // Not the path itself: sometimes it is a key that was written into the wrong field.
            let hint = format!("{key} names a file; base64 text belongs in {data_key}.");
            notes.error(code, file.at, &format!("the file of {key} cannot be used: {error}"), &hint);
            None
        }
    }
}

/// Reads a cluster entry that begins at `at`.
pub(super) fn decode(
    node: &Node<'_>,
    at: Pos,
    notes: &mut Notes<'_>,
    base: &Path,
    files: &mut PemFiles,
) -> ClusterPart {
    let insecure = notes.flag(node, "insecure-skip-tls-verify");
    let (roots, ca_expires) = authority(node, insecure, notes, base, files);
    ClusterPart {
        address: address(node, at, notes),
        roots,
        ca_expires,
        server_name: server_name(node, notes),
        insecure: insecure.is_some(),
        proxy: proxy(node, notes),
        disable_compression: notes.flag(node, "disable-compression").is_some(),
        exec_config: exec_config(node, notes),
    }
}

fn address(node: &Node<'_>, at: Pos, notes: &mut Notes<'_>) -> Option<Address> {
    let before = notes.count;
    let Some(raw) = notes.text(node, "server") else {
        if notes.count == before {
            let hint = "Add server: https://host:6443 to the cluster entry.";
            notes.error("NO_SERVER", at, "the cluster entry names no server", hint);
        }
        return None;
    };
    match server::server(&raw.value) {
        Err(AddressError::Empty) => {
            let hint = "Add server: https://host:6443 to the cluster entry.";
            notes.error("NO_SERVER", raw.at, "the cluster entry names no server", hint);
            None
        }
        Err(error) => {
            notes.error(error.code(), raw.at, &format!("server: {error}"), error.hint());
            None
        }
        Ok(address) => {
            if address.scheme_added {
                notes.note("NO_SCHEME", raw.at, "server has no scheme; https is used", "");
            }
            if !address.server.tls {
                let hint = "Use https if the server has it.";
                notes.note("PLAIN_HTTP", raw.at, "the connection is not encrypted (http)", hint);
            }
            if address.cut {
                notes.warning("BAD_SERVER", raw.at, "what follows ? or # in server is ignored", "");
            }
            Some(address)
        }
    }
}

fn authority(
    node: &Node<'_>,
    insecure: Option<Pos>,
    notes: &mut Notes<'_>,
    base: &Path,
    files: &mut PemFiles,
) -> (Roots, Option<DateTime<Utc>>) {
    let Some(ca) = material(node, "certificate-authority", "BAD_CA", notes, base, files) else {
        return (Roots::System, None);
    };
    if insecure.is_some() {
        let hint = "Remove insecure-skip-tls-verify to have the server's certificate checked.";
        notes.warning(
            "INSECURE_WITH_CA",
            ca.at,
            "the CA is ignored because insecure-skip-tls-verify is set",
            hint,
        );
        return (Roots::System, None);
    }
    match pem::bundle(&ca.bytes) {
        Err(error) => {
            notes.error("BAD_CA", ca.at, &format!("the CA bundle {error}"), error.hint());
            (Roots::System, None)
        }
        Ok(bundle) => {
            if bundle.broken > 0 {
                let message =
                    format!("the CA bundle holds {} certificates that cannot be read", bundle.broken);
                notes.warning("BAD_CA", ca.at, &message, "");
            }
            (Roots::Bundle(ca.source), bundle.not_after)
        }
    }
}

fn server_name(node: &Node<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let name = notes.filled(node, "tls-server-name")?;
    if ServerName::try_from(name.value.as_str()).is_err() {
        let message = "tls-server-name is not a host name or IP address";
        notes.error("BAD_SERVER_NAME", name.at, message, "Write it without scheme and port.");
        return None;
    }
    Some(name.value)
}

fn proxy(node: &Node<'_>, notes: &mut Notes<'_>) -> Option<Proxy> {
    let raw = notes.filled(node, "proxy-url")?;
    match server::proxy(&raw.value) {
        Ok(proxy) => Some(proxy),
        Err(error) => {
            let hint = "It should look like http://proxy:3128 or socks5://proxy:1080.";
            notes.error("BAD_PROXY", raw.at, &format!("proxy-url: {error}"), hint);
            None
        }
    }
}

/// The plugin extension as JSON text.
fn exec_config(node: &Node<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let (_, items) = notes.list(node, "extensions");
    let item = items.iter().find(|i| i.get("name").and_then(|(_, n)| n.text()) == Some(EXEC_EXTENSION))?;
    let (at, extension) = item.get("extension")?;
    let json = extension.to_json(&mut 10_000).map(|json| json.to_string()).filter(|t| t.len() <= 64 * 1024);
    if json.is_none() {
        notes.error("BAD_FIELD", at, "the extension for credential plugins is too large", "");
    }
    json
}
