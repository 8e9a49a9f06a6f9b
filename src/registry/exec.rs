//! A program of a person's own that prints clusters as JSON ([`ExecSourceOutput`](crate::fleet::spec::ExecSourceOutput)).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use tokio::sync::watch;

use super::keep::{Reader, Reading, problem};
use super::kubeconfig::{Contexts, Names};
use super::run::Runner;
use super::{Sighted, fingerprints, normal_text, shown_name};
use crate::fleet::spec::{API_VERSION, ExecCluster, Object, SourceSpec};
use crate::fleet::{
    CleanText, Facts, Health, Minor, Problem, Severity, Sighting, SightingId, SourceKind, TextMap, Truth,
    Version,
};

/// Clusters of one output that are read.
const MOST: usize = 100_000;
/// Problems that are kept.
const MAX_PROBLEMS: usize = 100;
/// Labels or properties of one cluster.
const MAX_TEXTS: usize = 256;

/// Reads one source.
pub(super) struct Exec {
    spec: Object<SourceSpec>,
    name: CleanText,
    runner: Runner,
    contexts: watch::Receiver<Option<Arc<Contexts>>>,
}

impl Exec {
    pub(super) fn new(
        spec: Object<SourceSpec>,
        name: CleanText,
        runner: Runner,
        contexts: watch::Receiver<Option<Arc<Contexts>>>,
    ) -> Self {
        Self { spec, name, runner, contexts }
    }
}

impl Reader for Exec {
    async fn read(&mut self, now: DateTime<Utc>) -> Result<Reading, Problem> {
        let output = self.runner.run(&self.spec).await?;
        let contexts = self.contexts.borrow_and_update().clone().unwrap_or_default();
        parse(&output, &self.spec, &self.name, &contexts, now)
    }
}

fn parse(
    output: &[u8],
    spec: &Object<SourceSpec>,
    source: &CleanText,
    contexts: &Contexts,
    now: DateTime<Utc>,
) -> Result<Reading, Problem> {
    let hint = "fleetglass schema ExecSourceOutput prints what it must look like.";
    let bad = |message: &str| problem(spec, "program", "BAD_OUTPUT", message, hint);
    let json: Json =
        serde_json::from_slice(output).map_err(|_| bad("the program's output is not one JSON document"))?;
    for (key, wanted) in [("apiVersion", API_VERSION), ("kind", "ExecSourceOutput")] {
        if json.get(key).is_some_and(|said| said.as_str() != Some(wanted)) {
            return Err(bad(&format!("the output's {key} is not {wanted}")));
        }
    }
    let Some(Json::Array(clusters)) = json.get("clusters") else {
        return Err(bad("the output has no list of clusters"));
    };
    let mut reading = Reading::default();
    let mut ids = Names::default();
    for (index, item) in clusters.iter().enumerate().take(MOST) {
        match serde_json::from_value::<ExecCluster>(item.clone()) {
            Ok(cluster) if !cluster.name.trim().is_empty() => {
                reading.sighted.push(sighted(cluster, source, &mut ids, contexts, now));
            }
            _ => {
                // What is there may be the cluster that is missing.
                reading.partial = true;
                if reading.problems.len() < MAX_PROBLEMS {
                    let message = format!("clusters[{index}]: {}", fault(item));
                    let mut warning = bad(&message);
                    warning.severity = Severity::Warning;
                    reading.problems.push(warning);
                }
            }
        }
    }
    if clusters.len() > MOST {
        reading.partial = true;
        reading.problems.push(bad("the output has more than 100,000 clusters; the rest is not read"));
    }
    Ok(reading)
}

/// What is wrong with a cluster, by the field. Values are not repeated.
fn fault(item: &Json) -> String {
    let Json::Object(fields) = item else { return "a cluster must be a map".to_owned() };
    if fields.get("name").and_then(Json::as_str).is_none_or(|n| n.trim().is_empty()) {
        return "the name is missing or no text".to_owned();
    }
    for (key, value) in fields {
        let alone = serde_json::json!({ "name": "x", key: value });
        if serde_json::from_value::<ExecCluster>(alone).is_err() {
            return format!("the field {} is unknown or of the wrong type", CleanText::with_cap(key, 60));
        }
    }
    "it does not fit the schema".to_owned()
}

fn texts(map: &BTreeMap<String, String>) -> TextMap {
    Arc::new(map.iter().take(MAX_TEXTS).map(|(k, v)| (CleanText::new(k), CleanText::new(v))).collect())
}

fn sighted(
    cluster: ExecCluster,
    source: &CleanText,
    ids: &mut Names,
    contexts: &Contexts,
    now: DateTime<Utc>,
) -> Sighted {
    let clean =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(CleanText::new);
    let name = shown_name(cluster.name.trim());
    let reference = ids.unique(&clean(&cluster.id).unwrap_or_else(|| name.clone()));
    let id = SightingId { source: source.clone(), reference };
    let mut sighting = Sighting::new(SourceKind::Exec, id, name.clone(), now);
    let mut warn = |code, message: String| {
        sighting.problems.push(Problem {
            severity: Severity::Warning,
            code,
            origin: None,
            subject: name.clone(),
            message: CleanText::new(&message),
            hint: None,
        });
    };
    let server = cluster.server.as_deref().map(normal_text);
    if let Some(Err(error)) = &server {
        warn("BAD_SERVER", format!("server: {error}"));
    }
    let authorities = cluster.certificate_authority.as_deref().map(|pem| fingerprints(pem.as_bytes()));
    if authorities.as_ref().is_some_and(Vec::is_empty) {
        warn("BAD_CA", "certificateAuthority holds no certificate in PEM".to_owned());
    }
    let version = clean(&cluster.version);
    let parsed = version.as_ref().and_then(|v| v.as_str().parse::<Version>().ok());
    if let Some(text) = &version
        && parsed.is_none()
        && text.as_str().parse::<Minor>().is_err()
    {
        warn("BAD_VERSION", "version is no version of Kubernetes".to_owned());
    }
    let context = cluster.context.as_deref().filter(|c| !c.is_empty());
    let found = context.and_then(|c| contexts.find(c));
    if context.is_some() && found.is_none() {
        warn("NO_SUCH_CONTEXT", "no kubeconfig has a context of that name".to_owned());
    }
    sighting.uid = clean(&cluster.uid);
    sighting.server = server.and_then(Result::ok).or_else(|| found.and_then(|c| c.server.clone()));
    sighting.fronted = sighting.server.as_ref().is_some_and(|s| s.as_str().matches('/').count() > 2)
        || found.is_some_and(|c| c.fronted);
    sighting.authorities = authorities.unwrap_or_default();
    if let Some(found) = found
        && sighting.authorities.is_empty()
        && sighting.server == found.server
    {
        sighting.authorities.clone_from(&found.authorities);
    }
    let mut properties = texts(&cluster.properties).as_ref().clone();
    if let Some(context) = context {
        properties.insert(CleanText::new("context"), CleanText::new(context));
    }
    sighting.labels = texts(&cluster.labels);
    sighting.properties = Arc::new(properties);
    let said = cluster.healthy.is_some() || cluster.message.is_some();
    sighting.facts = Facts {
        version: parsed,
        version_text: version,
        support_ends: cluster.support_ends,
        provider: clean(&cluster.provider),
        region: clean(&cluster.region),
        account: clean(&cluster.account),
        health: said.then(|| Health {
            healthy: match cluster.healthy {
                Some(true) => Truth::Yes,
                Some(false) => Truth::No,
                None => Truth::Unknown,
            },
            word: CleanText::new(if cluster.healthy == Some(false) { "unhealthy" } else { "healthy" }),
            message: clean(&cluster.message).unwrap_or_default(),
            since: None,
        }),
        phase: clean(&cluster.phase),
        paused: cluster.paused,
        heartbeat_at: cluster.last_seen,
        ..Facts::default()
    };
    Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::spec::ExecSourceOutput;
    use crate::registry::tests_all::source;

    fn read(output: &str) -> Result<Reading, Problem> {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        parse(output.as_bytes(), &source("cmdb", "exec"), &"cmdb".into(), &Contexts::default(), now)
    }

    const FULL: &str = r#"{"apiVersion": "fleetglass.dev/v1alpha1", "kind": "ExecSourceOutput", "clusters": [
        {"name": "eu-1", "id": "c-7", "uid": "u-1", "server": "https://eu-1.test:6443", "version": "v1.35.4", "provider": "rke2", "region": "eu",
         "account": "pay", "labels": {"env": "prod"}, "properties": {"rack": "7"}, "healthy": false, "message": "etcd has no leader",
         "phase": "active", "paused": true, "lastSeen": "2026-11-02T08:00:00Z", "supportEnds": "2027-01-01T00:00:00Z"},
        {"name": "eu-1"}, {"name": "eu-1", "version": "latest", "server": "ftp://x", "certificateAuthority": "x", "context": "no"}]}"#;

    #[test]
    fn a_full_output_says_everything_and_a_name_is_enough() {
        let reading = read(FULL).unwrap();
        assert!(!reading.partial && reading.problems.is_empty());
        let ids: Vec<_> = reading.sighted.iter().map(|s| s.sighting.id.reference.as_str()).collect();
        assert_eq!(ids, ["c-7", "eu-1", "eu-1~2"]);
        let first = &reading.sighted[0].sighting;
        assert_eq!(first.server.as_ref().unwrap().as_str(), "https://eu-1.test:6443");
        assert_eq!(first.facts.version.as_ref().unwrap().to_string(), "v1.35.4");
        let health = first.facts.health.as_ref().unwrap();
        assert_eq!((health.healthy, health.message.as_str()), (Truth::No, "etcd has no leader"));
        assert!(first.facts.paused && first.facts.support_ends.is_some());
        assert_eq!(reading.sighted[1].sighting.facts, Facts::default());
        let codes: Vec<_> = reading.sighted[2].sighting.problems.iter().map(|p| p.code).collect();
        assert_eq!(codes, ["BAD_SERVER", "BAD_CA", "BAD_VERSION", "NO_SUCH_CONTEXT"]);
    }

    #[test]
    fn the_published_schema_accepts_what_is_read() {
        let schema = serde_json::to_value(schemars::schema_for!(ExecSourceOutput)).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&serde_json::from_str(FULL).unwrap()));
        for wrong in [
            r#"{"clusters": [{}]}"#,
            r#"{"clusters": [{"name": "a", "nmae": "b"}]}"#,
            r#"{"clusters": [{"name": 5}]}"#,
        ] {
            assert!(!validator.is_valid(&serde_json::from_str(wrong).unwrap()), "{wrong}");
        }
    }

    #[test]
    fn one_bad_cluster_is_one_problem_that_names_its_field_and_the_rest_loads() {
        for (item, message) in [
            ("5", "clusters[1]: a cluster must be a map"),
            ("{}", "clusters[1]: the name is missing or no text"),
            (r#"{"name": "  "}"#, "clusters[1]: the name is missing or no text"),
            (
                r#"{"name": "b", "labels": {"a": 1}}"#,
                "clusters[1]: the field labels is unknown or of the wrong type",
            ),
            (
                r#"{"name": "b", "password": "hunter2"}"#,
                "clusters[1]: the field password is unknown or of the wrong type",
            ),
            (
                r#"{"name": "b", "lastSeen": "yesterday"}"#,
                "clusters[1]: the field lastSeen is unknown or of the wrong type",
            ),
        ] {
            let reading =
                read(&format!(r#"{{"clusters": [{{"name": "a"}}, {item}, {{"name": "c"}}]}}"#)).unwrap();
            assert_eq!((reading.sighted.len(), reading.partial), (2, true), "{item}");
            assert_eq!(reading.problems[0].message.as_str(), message);
        }
        for output in [
            "",
            "clusters",
            "{}",
            "[]",
            r#"{"clusters": {}}"#,
            r#"{"kind": "List", "clusters": []}"#,
            r#"{"apiVersion": "v2", "clusters": []}"#,
        ] {
            assert_eq!(read(output).unwrap_err().code, "BAD_OUTPUT", "{output}");
        }
    }
}
