//! ClusterProfile: `clusterprofiles.multicluster.x-k8s.io` (KEP-4322), and the choice of a credential plugin for it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Draft, clean, named_values, property, version};
use crate::fleet::spec::ProviderSpec;
use crate::fleet::{CleanText, Severity, Sighting};
use crate::registry::hub::condition::{conditions, find, health, unknown};
use crate::registry::hub::kinds::SET_LABELS;
use crate::registry::hub::object::{Reader, uid};
use crate::registry::hub::way::{HubPath, Reach, Way, is_loader};

const EXTRA_ARGS: &str = "clusterprofiles.multicluster.x-k8s.io/exec/additional-args";
const EXTRA_ENV: &str = "clusterprofiles.multicluster.x-k8s.io/exec/additional-envs";

/// Arguments and variables of one profile that are looked at.
const MAX_EXTRA: usize = 100;

pub(super) fn read(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    // The name of the object is generated and means nothing.
    if let Some(name) = reader.text(&["spec", "displayName"]) {
        draft.sighting.name = clean(name);
    }
    let mut properties = named_values(reader, &["status", "properties"]);
    let get = |key: &str| properties.get(&CleanText::new(key)).cloned();
    draft.sighting.uid =
        get("cluster.clusterset.k8s.io").or_else(|| get("id.k8s.io")).and_then(|v| uid(v.as_str()));
    let location = get("location").or_else(|| get("region.open-cluster-management.io"));
    let set = get("clusterset.k8s.io");
    let label = |key: &str| draft.sighting.labels.get(&CleanText::new(key)).cloned();
    let set = set.or_else(|| SET_LABELS.iter().find_map(|key| label(key)));
    property(&mut properties, "clusterset", set.as_ref().map(CleanText::as_str));
    property(&mut properties, "cluster-manager", reader.text(&["spec", "clusterManager", "name"]));
    draft.sighting.properties = properties.into();

    let all = conditions(reader, &["status", "conditions"]);
    let facts = &mut draft.sighting.facts;
    if facts.region.is_none() {
        facts.region = location;
    }
    version(facts, reader.text(&["status", "version", "kubernetes"]));
    facts.health = Some(find(&all, "ControlPlaneHealthy").map_or_else(|| unknown("NotReported"), health));
    facts.phase = find(&all, "Joined").map(|joined| clean(health(joined).word.as_str()));
    access(reader, draft);
}

/// A namespace, for the set that its profiles belong to.
pub(super) fn namespace(_: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let labels = &draft.sighting.labels;
    let set = SET_LABELS.iter().find_map(|key| labels.get(&CleanText::new(key)).cloned());
    let mut properties = std::collections::BTreeMap::new();
    property(&mut properties, "clusterset", set.as_ref().map(CleanText::as_str));
    draft.sighting.properties = properties.into();
}

/// A profile with the set that its namespace belongs to.
pub(super) fn join(first: &Sighting, second: &Sighting) -> Sighting {
    let mut both = first.clone();
    let properties = Arc::make_mut(&mut both.properties);
    for (key, value) in second.properties.iter() {
        properties.entry(key.clone()).or_insert_with(|| value.clone());
    }
    both
}

/// One provider of the profile.
struct Offer<'v> {
    name: &'v str,
    cluster: &'v Value,
}

/// The profile's providers; of two with one name, the newer list's counts.
fn offers<'v>(reader: &mut Reader<'v>) -> Vec<Offer<'v>> {
    let mut found: Vec<Offer<'v>> = Vec::new();
    for list in ["accessProviders", "credentialProviders"] {
        let place = format!("status.{list}[]");
        for item in reader.list(&["status", list]) {
            let Some(name) = reader.text_in(item, &place, &["name"]) else { continue };
            let Some(cluster) = item.get("cluster") else { continue };
            if reader.map_in(cluster, &format!("{place}.cluster"), &[]).is_some()
                && !found.iter().any(|offer| offer.name == name)
            {
                found.push(Offer { name, cluster });
            }
        }
    }
    found
}

/// KEP-4322, "Consumer": our own order of providers decides, and our own command line runs.
fn access(reader: &mut Reader<'_>, draft: &mut Draft<'_>) {
    let setting = draft.setting;
    let offers = offers(reader);
    let chosen = setting.providers.iter().find_map(|provider| {
        offers.iter().find(|offer| offer.name == provider.name).map(|offer| (provider, offer))
    });
    // Where the server is, is worth knowing even if nobody can sign in.
    let known = chosen.map(|(_, offer)| offer).or_else(|| offers.first());
    if let Some(offer) = known {
        let place = "status.accessProviders[].cluster";
        if let Some(server) = reader.text_in(offer.cluster, place, &["server"]) {
            draft.server(reader, &format!("{place}.server"), server);
        }
        let data = reader.text_in(offer.cluster, place, &["certificate-authority-data"]);
        draft.authority(reader, &format!("{place}.certificate-authority-data"), data);
    }
    let Some((provider, offer)) = chosen else {
        if draft.sighting.labels.get(&CleanText::new("local-cluster")).is_some_and(|v| v.as_str() == "true") {
            draft.sighting.hosts_source = true;
            draft.reach = Reach::Hub(HubPath::Itself);
        } else if !offers.is_empty() {
            let names: Vec<_> =
                offers.iter().take(5).map(|o| CleanText::with_cap(o.name, 64).to_string()).collect();
            let message =
                format!("no credential plugin is configured for its access providers ({})", names.join(", "));
            let hint =
                "Add the provider to accessProviders of the fleet file, and its program to your config.toml.";
            reader.tell(Severity::Note, "NO_ACCESS_PROVIDER", &message, hint);
        }
        return;
    };
    let Some(program) = setting.commands.programs.get(&provider.program) else {
        let message = format!(
            "the program {} of access provider {} is not configured on this machine",
            provider.program, provider.name
        );
        let hint = format!("Add [programs.{}] with a command to your config.toml.", provider.program);
        reader.tell(Severity::Warning, "NO_PROGRAM", &message, &hint);
        return;
    };
    let Some((command, own)) = program.command.split_first() else {
        let message = format!("the program {} has an empty command", provider.program);
        reader.tell(Severity::Warning, "NO_PROGRAM", &message, "Write its command in your config.toml.");
        return;
    };
    let mut args: Vec<String> = own.to_vec();
    let mut env: Vec<(String, String)> = program.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    if !extras(reader, offer, provider, &mut args, &mut env) {
        return;
    }
    let Some(cluster) = offer.cluster.as_object() else { return };
    let mut way = Way { cluster: cluster.clone(), own_plugin: true, ..Way::default() };
    drop(way.cluster.remove("certificate-authority"));
    if way.cluster.get("insecure-skip-tls-verify") == Some(&Value::Bool(true)) {
        way.insecure(true);
    }
    let env: Vec<Value> =
        env.into_iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
    let mut exec = Map::new();
    exec.insert("apiVersion".to_owned(), "client.authentication.k8s.io/v1".into());
    exec.insert("command".to_owned(), command.as_str().into());
    exec.insert("args".to_owned(), args.into());
    exec.insert("env".to_owned(), env.into());
    exec.insert("interactiveMode".to_owned(), "Never".into());
    exec.insert("provideClusterInfo".to_owned(), true.into());
    way.user("exec", Some(exec));
    draft.reach = Reach::Way(Box::new(way));
}

/// What the profile would have the plugin run with besides: untrusted, so it is ignored and told unless the fleet file says
/// otherwise. False if the fleet file says something that is not understood.
fn extras(
    reader: &mut Reader<'_>,
    offer: &Offer<'_>,
    provider: &ProviderSpec,
    args: &mut Vec<String>,
    env: &mut Vec<(String, String)>,
) -> bool {
    let extension = |name: &str| {
        let items = offer.cluster.get("extensions").and_then(Value::as_array)?;
        items
            .iter()
            .take(MAX_EXTRA)
            .find(|i| i.get("name").and_then(Value::as_str) == Some(name))?
            .get("extension")
    };
    let more_args: Vec<String> = match extension(EXTRA_ARGS) {
        Some(Value::Array(items)) => {
            items.iter().take(MAX_EXTRA).filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let mut more_env: Vec<(String, String)> = match extension(EXTRA_ENV) {
        Some(Value::Object(map)) => {
            let pairs = map.iter().take(MAX_EXTRA);
            pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
        }
        _ => Vec::new(),
    };
    let all = more_env.len();
    more_env.retain(|(name, _)| !is_loader(name));
    if more_env.len() < all {
        let message = "the profile sets variables that decide what code a plugin runs; they are never let in";
        reader.tell(Severity::Warning, "PROFILE_EXEC", message, "");
    }
    let unknown = |reader: &mut Reader<'_>, field: &str| {
        let message =
            format!("{field} of access provider {} is none of the policies of KEP-4322", provider.name);
        reader.tell(Severity::Warning, "BAD_POLICY", &message, "Correct accessProviders in the fleet file.");
    };
    let ignored = |reader: &mut Reader<'_>, what: &str, count: usize| {
        if count > 0 {
            let message = format!(
                "the profile brings {count} {what} for the plugin of {}; they are ignored",
                provider.name
            );
            reader.tell(
                Severity::Note,
                "PROFILE_EXEC",
                &message,
                "A policy in accessProviders of the fleet file can let them in.",
            );
        }
    };
    match provider.args_policy.as_deref().filter(|p| !p.is_empty()).unwrap_or("Ignore") {
        "Ignore" => ignored(reader, "arguments", more_args.len()),
        "Append" => args.extend(more_args),
        _ => {
            unknown(reader, "argsPolicy");
            return false;
        }
    }
    match provider.env_policy.as_deref().filter(|p| !p.is_empty()).unwrap_or("Ignore") {
        "Ignore" => ignored(reader, "variables", more_env.len()),
        "AppendIfNotExists" => {
            for (name, value) in more_env {
                if !env.iter().any(|(known, _)| *known == name) {
                    env.push((name, value));
                }
            }
        }
        "Replace" => {
            env.retain(|(known, _)| !more_env.iter().any(|(name, _)| name == known));
            env.extend(more_env);
        }
        _ => {
            unknown(reader, "envPolicy");
            return false;
        }
    }
    true
}
