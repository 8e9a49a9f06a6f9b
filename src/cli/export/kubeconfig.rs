//! A kubeconfig with one context for each cluster, from the contexts that lead to them.
//!
//! Credential plugins and references to files stay as they are, relative paths made absolute. What is a secret in itself (tokens,
//! passwords, keys, settings of legacy providers, credentials in a proxy's address) stays out unless somebody asks for it; the
//! context then has no user.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::super::output::yaml;
use super::{Exported, Fault};
use crate::access::kubeconfig::{Context, Loaded, Search, load};
use crate::config::yaml as tree;
use crate::fleet::{Cluster, SourceKind};
use crate::host;

/// Kubeconfigs may be that large.
const MOST_BYTES: usize = 128 * 1024 * 1024;
/// Fields of a user that are secrets.
const SECRETS: [&str; 4] = ["token", "password", "client-key-data", "auth-provider"];
/// Fields of a user that are paths.
const USER_PATHS: [&str; 3] = ["client-certificate", "client-key", "tokenFile"];

pub(super) fn export(rows: &[&Cluster], search: &Search, with_credentials: bool) -> Result<Exported, Fault> {
    let loaded = load(search);
    let mut files = Files::default();
    let mut exported = Exported::default();
    let (mut clusters, mut users, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
    let mut without = Vec::new();
    for row in rows {
        let name = row.key().as_str();
        let found =
            context(row, &loaded).and_then(|context| Some((context, files.cluster(context, &loaded)?)));
        let Some((context, mut cluster)) = found else {
            exported.warnings.push(format!("`{name}` is left out: no kubeconfig leads to it"));
            continue;
        };
        let mut secrets = Vec::new();
        if !with_credentials {
            secrets.extend(clean_cluster(&mut cluster));
        }
        let mut entry = Map::new();
        entry.insert("cluster".to_owned(), name.into());
        let mut user = files.user(context, &loaded);
        if let Some(kept) = user.as_mut().filter(|_| !with_credentials) {
            let found = clean_user(kept);
            if !found.is_empty() {
                secrets.extend(found);
                user = None;
            }
        }
        if let Some(user) = user {
            users.push(json!({ "name": name, "user": user }));
            entry.insert("user".to_owned(), name.into());
        } else {
            entry.insert("user".to_owned(), "".into());
        }
        if !secrets.is_empty() {
            without.push(format!("{name} ({})", secrets.join(", ")));
        }
        if let Some(namespace) = &context.namespace {
            entry.insert("namespace".to_owned(), namespace.as_str().into());
        }
        clusters.push(json!({ "name": name, "cluster": cluster }));
        contexts.push(json!({ "name": name, "context": entry }));
    }
    exported.text.push_str("# Made by `fleetglass clusters export --format kubeconfig`.\n");
    for line in &without {
        // Writing to a String cannot fail.
        let _ok = writeln!(exported.text, "# left out, because it is a secret: {line}");
    }
    if !without.is_empty() {
        let list = without.join(", ");
        exported.warnings.push(format!("credentials are left out: {list}; --with-credentials includes them"));
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": clusters,
        "users": users,
        "contexts": contexts,
        // Nobody is to act on whatever happens to come first.
        "current-context": "",
    });
    exported.text.push_str(&yaml(&config)?);
    Ok(exported)
}

/// The context that leads to a cluster.
fn context<'l>(cluster: &Cluster, loaded: &'l Loaded) -> Option<&'l Context> {
    let known =
        cluster.entry.sources.iter().filter(|s| s.kind == SourceKind::Kubeconfig && s.gone_at.is_none());
    known.into_iter().find_map(|source| {
        loaded.contexts.iter().find(|c| {
            let file = loaded.files.get(c.source);
            crate::fleet::CleanText::new(&c.name) == source.reference
                && file.is_some_and(|f| f.shown == source.name)
                && source.origin.as_ref().is_none_or(|o| *o == c.origin)
        })
    })
}

/// The texts of kubeconfigs as trees, each read once.
#[derive(Default)]
struct Files(HashMap<PathBuf, Option<Value>>);

impl Files {
    fn root(&mut self, path: &Path) -> Option<&Value> {
        let read = || {
            let (bytes, _) = host::read_capped(path, MOST_BYTES).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let mut budget = tree::MAX_NODES as usize;
            tree::read(&text).ok()?.root?.to_json(&mut budget)
        };
        self.0.entry(path.to_path_buf()).or_insert_with(read).as_ref()
    }

    /// The entry of that name under `list`: in the context's own file first, then in the others in their order, as contexts are
    /// resolved.
    fn entry(
        &mut self,
        list: &str,
        field: &str,
        name: &str,
        context: &Context,
        loaded: &Loaded,
    ) -> Option<(Value, PathBuf)> {
        if name.is_empty() {
            return None;
        }
        let own = loaded.files.get(context.source);
        let others = loaded.files.iter().enumerate().filter(|(i, _)| *i != context.source).map(|(_, f)| f);
        for file in own.into_iter().chain(others) {
            let entries = self.root(&file.path).and_then(|root| root.get(list)).and_then(Value::as_array);
            let found =
                entries.into_iter().flatten().find(|e| e.get("name").and_then(Value::as_str) == Some(name));
            if let Some(value) = found.and_then(|e| e.get(field)) {
                return Some((value.clone(), file.path.parent().map(Path::to_path_buf).unwrap_or_default()));
            }
        }
        None
    }

    fn cluster(&mut self, context: &Context, loaded: &Loaded) -> Option<Value> {
        let (mut value, folder) = self.entry("clusters", "cluster", &context.cluster, context, loaded)?;
        let map = value.as_object_mut()?;
        map.remove("extensions");
        absolute(map, "certificate-authority", &folder);
        Some(value)
    }

    fn user(&mut self, context: &Context, loaded: &Loaded) -> Option<Value> {
        let (mut value, folder) = self.entry("users", "user", &context.user, context, loaded)?;
        let map = value.as_object_mut()?;
        map.remove("extensions");
        for key in USER_PATHS {
            absolute(map, key, &folder);
        }
        if let Some(exec) = map.get_mut("exec").and_then(Value::as_object_mut) {
            // A bare name is looked for on the search path.
            if exec.get("command").and_then(Value::as_str).is_some_and(|c| c.contains('/')) {
                absolute(exec, "command", &folder);
            }
        }
        Some(value)
    }
}

/// A relative path starts at the folder of the file that it stands in.
fn absolute(map: &mut Map<String, Value>, key: &str, folder: &Path) {
    if let Some(Value::String(path)) = map.get_mut(key)
        && !path.is_empty()
        && !Path::new(path).is_absolute()
    {
        *path = folder.join(&*path).to_string_lossy().into_owned();
    }
}

/// Takes secrets out of a cluster entry, and names them.
fn clean_cluster(cluster: &mut Value) -> Option<&'static str> {
    let proxy = cluster.get("proxy-url").and_then(Value::as_str)?;
    // What cannot be read cannot be known to hold no password.
    let holds = url::Url::parse(proxy)
        .map_or(proxy.contains('@'), |url| !url.username().is_empty() || url.password().is_some());
    if holds {
        cluster.as_object_mut()?.remove("proxy-url");
        return Some("proxy-url");
    }
    None
}

/// The secrets that stand in a user entry.
fn clean_user(user: &Value) -> Vec<&'static str> {
    let filled = |key: &&&str| user.get(**key).is_some_and(|v| !v.is_null() && v.as_str() != Some(""));
    SECRETS.iter().filter(filled).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::guess_class;
    use crate::registry;
    use crate::report::fixture;

    const FILE: &str = "apiVersion: v1
kind: Config
current-context: b
clusters:
- name: one
  cluster: {server: 'https://10.0.0.1:6443', certificate-authority: ca.pem, extensions: [{name: x, extension: 1}]}
- name: two
  cluster: {server: 'https://10.0.0.2:6443', proxy-url: 'http://ana:pw-s3cr3t@proxy:3128'}
users:
- name: plugin
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: ['1.30', 'yes'], interactiveMode: Never}}
- name: secret
  user: {token: t0k-s3cr3t}
- name: files
  user: {client-certificate: c.pem, client-key: /abs/k.pem}
contexts:
- {name: a, context: {cluster: one, user: plugin, namespace: web}}
- {name: b, context: {cluster: two, user: secret}}
- {name: c, context: {cluster: one, user: files}}
";

    fn exported(with_credentials: bool) -> (Exported, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config"), FILE).unwrap();
        std::fs::write(dir.path().join("ca.pem"), "").unwrap();
        let search = Search { explicit: vec![dir.path().join("config")], ..Search::default() };
        let loaded = load(&search);
        let rows: Vec<Cluster> = registry::register(&loaded, fixture::now())
            .entries
            .into_iter()
            .map(|row| {
                let class = guess_class(row.entry.name.as_str());
                Cluster::new(row.entry, class)
            })
            .collect();
        let rows: Vec<&Cluster> = rows.iter().collect();
        (export(&rows, &search, with_credentials).unwrap(), dir)
    }

    fn parse(text: &str) -> Value {
        tree::read(text).unwrap().root.unwrap().to_json(&mut 10_000).unwrap()
    }

    #[test]
    fn plugins_and_files_stay_and_secrets_are_left_out_and_told() {
        let (exported, dir) = exported(false);
        assert!(!exported.text.contains("s3cr3t"), "{}", exported.text);
        assert!(exported.text.contains("# left out, because it is a secret: b (proxy-url, token)"));
        assert!(exported.warnings[0].contains("--with-credentials"), "{:?}", exported.warnings);
        let config = parse(&exported.text);
        let root = dir.path().to_string_lossy().into_owned();
        assert_eq!(config["clusters"][0]["cluster"]["certificate-authority"], format!("{root}/ca.pem"));
        assert_eq!(config["users"][0]["user"]["exec"]["command"], format!("{root}/bin/login"));
        assert_eq!(config["users"][0]["user"]["exec"]["args"], json!(["1.30", "yes"]), "still texts");
        assert_eq!(config["users"][1]["user"]["client-certificate"], format!("{root}/c.pem"));
        assert_eq!(config["users"][1]["user"]["client-key"], "/abs/k.pem");
        assert_eq!(config["contexts"][0]["context"]["namespace"], "web");
        assert_eq!(config["contexts"][1]["context"]["user"], "");
        assert_eq!(config["current-context"], "");
    }

    #[test]
    fn credentials_are_there_for_whoever_asks() {
        let (exported, _dir) = exported(true);
        let config = parse(&exported.text);
        assert_eq!(config["users"][1]["user"]["token"], "t0k-s3cr3t");
        assert_eq!(config["clusters"][1]["cluster"]["proxy-url"], "http://ana:pw-s3cr3t@proxy:3128");
    }

    #[test]
    fn what_was_exported_is_read_back() {
        let (exported, dir) = exported(true);
        let path = dir.path().join("exported");
        std::fs::write(&path, &exported.text).unwrap();
        let loaded = load(&Search { explicit: vec![path], ..Search::default() });
        let read: Vec<_> =
            loaded.contexts.iter().map(|c| (c.name.as_str(), c.access.method.as_str())).collect();
        assert_eq!(read, [("a", "exec"), ("b", "token"), ("c", "none")], "the certificate of c is not there");
        assert!(loaded.current.is_none());
        let kept = fixture::fleet();
        let rows: Vec<&Cluster> = kept.clusters.iter().map(AsRef::as_ref).collect();
        let none = export(&rows, &Search::default(), false).unwrap();
        assert_eq!(none.warnings.len(), 6, "no kubeconfig leads to them");
    }
}
