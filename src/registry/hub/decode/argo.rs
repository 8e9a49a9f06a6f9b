//! Argo CD: Secrets labelled `argocd.argoproj.io/secret-type: cluster` (Argo CD manual, "Declarative setup, clusters").

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Draft, clean, decoded, property, version};
use crate::fleet::{CleanText, Severity};
use crate::registry::hub::object::Reader;
use crate::registry::hub::way::{HubPath, Reach, Way};

/// What Argo CD calls the cluster that it runs in.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// The largest `config`.
const MAX_CONFIG: usize = 1 << 20;

pub(super) fn read(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    // A server that does not know selectors must not make other Secrets clusters.
    let kind = reader.text(&["metadata", "labels", "argocd.argoproj.io/secret-type"]);
    if kind != Some("cluster") {
        reader.tell(
            Severity::Warning,
            "BAD_OBJECT",
            "the Secret is not labelled as a cluster of Argo CD",
            "",
        );
        return;
    }
    let labels = Arc::make_mut(&mut draft.sighting.labels);
    let info = labels.remove(&CleanText::new("argocd.argoproj.io/kubernetes-version"));
    for ours in ["argocd.argoproj.io/secret-type", "argocd.argoproj.io/auto-label-cluster-info"] {
        drop(labels.remove(&CleanText::new(ours)));
    }
    version(&mut draft.sighting.facts, info.as_ref().map(CleanText::as_str));
    draft.sighting.facts.paused =
        reader.text(&["metadata", "annotations", "argocd.argoproj.io/skip-reconcile"]) == Some("true");

    let name = data(reader, "name");
    if let Some(name) = name.as_deref().filter(|n| !n.is_empty()) {
        draft.sighting.name = clean(name);
    }
    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "argocd-project", data(reader, "project").as_deref());
    draft.sighting.properties = properties.into();

    let Some(server) = data(reader, "server") else {
        reader.tell(Severity::Warning, "BAD_OBJECT", "data.server is missing", "");
        return;
    };
    let server = server.trim().trim_end_matches('/').to_owned();
    if server == IN_CLUSTER || server == format!("{IN_CLUSTER}:443") {
        draft.sighting.hosts_source = true;
        draft.reach = Reach::Hub(HubPath::Itself);
        return;
    }
    draft.server(reader, "data.server", &server);
    let Some(config) = data(reader, "config") else { return };
    if config.len() > MAX_CONFIG {
        reader.tell(Severity::Warning, "BAD_OBJECT", "data.config is larger than 1 MiB", "");
        return;
    }
    // The parser's own words are left out: they could quote the config.
    let Ok(config) = serde_json::from_str::<Value>(&config) else {
        reader.tell(Severity::Warning, "BAD_OBJECT", "data.config is not JSON", "");
        return;
    };
    let mut inner = Reader::new(&config, reader.about().clone(), CleanText::default());
    let way = way(&mut inner, &server);
    for problem in inner.finish() {
        reader.tell(problem.severity, problem.code, &format!("data.config: {}", problem.message), "");
    }
    if let Some(ca) = config.get("tlsClientConfig").and_then(|t| t.get("caData")).and_then(Value::as_str) {
        draft.authority(reader, "data.config: tlsClientConfig.caData", Some(ca));
    }
    if let Some(way) = way {
        draft.reach = Reach::Way(Box::new(way));
    }
}

/// One entry of the Secret as text.
fn data(reader: &mut Reader<'_>, key: &str) -> Option<String> {
    let text = reader.text(&["data", key])?;
    let text = decoded(text).and_then(|bytes| String::from_utf8(bytes).ok());
    if text.is_none() {
        reader.tell(Severity::Warning, "BAD_OBJECT", &format!("data.{key} is not base64 of text"), "");
    }
    text
}

/// The config's way to the server; `None` if it cannot be understood.
fn way(config: &mut Reader<'_>, server: &str) -> Option<Way> {
    let mut way = Way::to(server);
    let tls = |key| ["tlsClientConfig", key];
    way.cluster("tls-server-name", config.text(&tls("serverName")));
    way.authority(config.text(&tls("caData")));
    way.insecure(config.flag(&tls("insecure")));
    way.cluster("proxy-url", config.text(&["proxyUrl"]));
    if config.flag(&["disableCompression"]) {
        way.cluster("disable-compression", Some(true));
    }
    // The order of precedence is Argo CD's.
    if config.has(&["awsAuthConfig"]) {
        way.user("exec", Some(aws(config)?));
        return Some(way);
    }
    if config.has(&["execProviderConfig"]) {
        let exec = exec(config)?;
        if let Some(extension) = config.value(&["execProviderConfig", "config"]) {
            let extension = json!([{"name": "client.authentication.k8s.io/exec", "extension": extension}]);
            way.cluster("extensions", Some(extension));
        }
        way.user("exec", Some(exec));
        return Some(way);
    }
    let token = config.text(&["bearerToken"]);
    way.user("token", token);
    if token.is_none() {
        way.user("username", config.text(&["username"]));
        way.user("password", config.text(&["password"]));
    }
    way.user("client-certificate-data", config.text(&tls("certData")));
    way.user("client-key-data", config.text(&tls("keyData")));
    Some(way)
}

/// What Argo CD's own helper would do for EKS, with the tool that people have: `aws eks get-token`.
fn aws(config: &mut Reader<'_>) -> Option<Map<String, Value>> {
    let mut args = vec!["eks".to_owned(), "get-token".to_owned()];
    for (key, flag) in
        [("clusterName", "--cluster-name"), ("roleARN", "--role-arn"), ("profile", "--profile")]
    {
        let Some(value) = config.text(&["awsAuthConfig", key]) else { continue };
        if value.starts_with('-') {
            let message = format!("awsAuthConfig.{key} begins with a dash");
            config.tell(Severity::Warning, "BAD_OBJECT", &message, "");
            return None;
        }
        args.extend([flag.to_owned(), value.to_owned()]);
    }
    Some(plugin("client.authentication.k8s.io/v1beta1", "aws", args, Vec::new()))
}

fn plugin(version: &str, command: &str, args: Vec<String>, env: Vec<Value>) -> Map<String, Value> {
    let mut exec = Map::new();
    exec.insert("apiVersion".to_owned(), version.into());
    exec.insert("command".to_owned(), command.into());
    exec.insert("args".to_owned(), args.into());
    exec.insert("env".to_owned(), env.into());
    exec.insert("interactiveMode".to_owned(), "Never".into());
    exec
}

fn exec(config: &mut Reader<'_>) -> Option<Map<String, Value>> {
    let at = |key| ["execProviderConfig", key];
    let command = config.text(&at("command"))?.to_owned();
    let version = config.text(&at("apiVersion")).unwrap_or("client.authentication.k8s.io/v1beta1").to_owned();
    let items = config.list(&at("args"));
    let mut args: Vec<String> = Vec::new();
    for item in items {
        args.push(config.text_in(item, "execProviderConfig.args[]", &[])?.to_owned());
    }
    let mut env = Vec::new();
    if let Some(map) = config.map(&at("env")) {
        for (name, value) in map {
            let Some(value) = value.as_str() else {
                let message =
                    format!("execProviderConfig.env.{} must be text", CleanText::with_cap(name, 64));
                config.tell(Severity::Warning, "BAD_OBJECT", &message, "");
                return None;
            };
            env.push(json!({"name": name, "value": value}));
        }
    }
    let (command, args) = substitute(command, args);
    let mut exec = plugin(&version, &command, args, env);
    if config.flag(&at("provideClusterInfo")) {
        exec.insert("provideClusterInfo".to_owned(), true.into());
    }
    if let Some(hint) = config.text(&at("installHint")) {
        exec.insert("installHint".to_owned(), hint.into());
    }
    Some(exec)
}

/// `argocd-k8s-auth` exists in Argo CD's image only; people have the clouds' own plugins.
fn substitute(command: String, args: Vec<String>) -> (String, Vec<String>) {
    if command.rsplit('/').next() != Some("argocd-k8s-auth") {
        return (command, args);
    }
    match args.split_first().map(|(cloud, rest)| (cloud.as_str(), rest)) {
        Some(("aws", rest)) => {
            let own = ["eks".to_owned(), "get-token".to_owned()];
            ("aws".to_owned(), own.into_iter().chain(rest.iter().cloned()).collect())
        }
        Some(("gcp", _)) => ("gke-gcloud-auth-plugin".to_owned(), Vec::new()),
        Some(("azure", _)) => ("kubelogin".to_owned(), vec!["get-token".to_owned()]),
        _ => (command, args),
    }
}
