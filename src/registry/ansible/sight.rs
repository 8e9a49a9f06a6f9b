//! From inventories to clusters: each host one, or each inventory or group one (as kubespray has it).

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::inventory::{Inventory, Place, Scope, Var};
use super::value::Value;
use crate::fleet::spec::{AnsibleMode, AnsibleSpec};
use crate::fleet::{CleanText, Minor, Problem, Severity, Sighting, SightingId, SourceKind, Version};
use crate::registry::kubeconfig::{Contexts, Names};
use crate::registry::{Sighted, normal_text, shown_name};

/// Groups of kubespray and kubeadm playbooks whose hosts run the API server.
const CONTROL_PLANES: [&str; 4] = ["kube_control_plane", "kube-control-plane", "kube-master", "kube_master"];

/// Labels of one host that are read.
const MAX_LABELS: usize = 256;

/// Names of variables, in the order in which they are tried.
struct Wanted<'a> {
    server: Vec<&'a str>,
    context: Vec<&'a str>,
    version: Vec<&'a str>,
    region: Vec<&'a str>,
    provider: Vec<&'a str>,
    label: Vec<&'a str>,
}

fn or<'a>(said: &'a [String], usual: &[&'a str]) -> Vec<&'a str> {
    if said.is_empty() { usual.to_vec() } else { said.iter().map(String::as_str).collect() }
}

impl<'a> Wanted<'a> {
    fn of(spec: &'a AnsibleSpec) -> Self {
        Self {
            server: or(&spec.server_vars, &["k8s_api_server", "api_server", "kube_apiserver_endpoint"]),
            context: or(&spec.context_vars, &["kube_context", "kubeconfig", "kubeconfig_path"]),
            version: or(&spec.version_vars, &["kube_version", "k8s_version"]),
            region: or(&spec.region_vars, &["region"]),
            provider: or(&spec.provider_vars, &["provider", "cloud"]),
            label: or(&spec.label_vars, &["cluster_class", "class", "env"]),
        }
    }
}

/// What sightings are made with.
pub(super) struct Look<'a> {
    pub(super) source: &'a CleanText,
    pub(super) spec: &'a AnsibleSpec,
    pub(super) contexts: &'a Contexts,
    pub(super) now: DateTime<Utc>,
}

/// The clusters of all inventories of a source, and what is wrong with the inventories.
pub(super) fn sighted(inventories: &[(String, Inventory)], look: &Look<'_>) -> (Vec<Sighted>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut names = Names::default();
    let mut found = Vec::new();
    let wanted = Wanted::of(look.spec);
    for group in look.spec.groups.iter().filter(|g| inventories.iter().all(|(_, i)| i.has_group(g).is_none()))
    {
        problems.push(Problem {
            severity: Severity::Warning,
            code: "UNKNOWN_GROUP",
            origin: None,
            subject: CleanText::new(&format!("group {}", CleanText::with_cap(group, 256))),
            message: CleanText::new("no inventory of the source has that group"),
            hint: None,
        });
    }
    for (name, inventory) in inventories {
        problems.extend(inventory.problems.iter().cloned());
        let mut look = Finder { look, wanted: &wanted, inventory, names: &mut names, found: &mut found };
        match look.look.spec.mode {
            AnsibleMode::Host => look.hosts(),
            AnsibleMode::Group if look.look.spec.groups.is_empty() => look.cluster(name, 0, false),
            AnsibleMode::Group => {
                for group in &look.look.spec.groups {
                    if let Some(index) = inventory.has_group(group) {
                        look.cluster(group, index, true);
                    }
                }
            }
        }
    }
    (found, problems)
}

struct Finder<'a, 'b> {
    look: &'b Look<'a>,
    wanted: &'b Wanted<'a>,
    inventory: &'b Inventory,
    names: &'b mut Names,
    found: &'b mut Vec<Sighted>,
}

impl Finder<'_, '_> {
    fn begin(&mut self, name: &str, at: Place) -> Sighting {
        let name = shown_name(name);
        let id = SightingId { source: self.look.source.clone(), reference: self.names.unique(&name) };
        Sighting {
            origin: self.inventory.origin(at),
            ..Sighting::new(SourceKind::Ansible, id, name, self.look.now)
        }
    }

    fn hosts(&mut self) {
        let asked: Vec<usize> =
            self.look.spec.groups.iter().filter_map(|g| self.inventory.has_group(g)).collect();
        for host in &self.inventory.hosts {
            let groups = self.inventory.groups_of(host);
            let all = self.look.spec.groups.is_empty() || self.look.spec.groups.iter().any(|g| g == "all");
            if !all && !asked.iter().any(|g| groups.contains(g)) {
                continue;
            }
            let mut sighting = self.begin(&host.name, host.at);
            let mut labels = self.group_labels(&groups);
            self.describe(&mut sighting, &mut labels, self.inventory.scope(host, &groups));
            self.push(sighting, labels);
        }
    }

    /// A group, or a whole inventory, whose hosts are nodes.
    fn cluster(&mut self, name: &str, group: usize, label: bool) {
        let members = self.inventory.hosts_in(group);
        let planes: Vec<usize> = CONTROL_PLANES.iter().filter_map(|g| self.inventory.has_group(g)).collect();
        let members: Vec<_> = members.iter().filter_map(|i| self.inventory.hosts.get(*i)).collect();
        let is_plane = |groups: &[usize]| planes.iter().any(|p| groups.contains(p));
        // Variables of a cluster are read as its first control plane would read them.
        let speaker = members
            .iter()
            .find(|h| is_plane(&self.inventory.groups_of(h)))
            .or_else(|| members.first())
            .copied();
        let Some(speaker) = speaker else { return };
        let groups = self.inventory.groups_of(speaker);
        let scope = self.inventory.scope(speaker, &groups);
        let mut sighting = self.begin(name, speaker.at);
        let mut labels = BTreeMap::new();
        if label {
            labels.extend(self.group_labels(&[group]));
        }
        self.describe(&mut sighting, &mut labels, scope);
        if sighting.server.is_none() {
            let server = balancer(scope).or_else(|| is_plane(&groups).then(|| address(scope)).flatten());
            sighting.server = server.and_then(|s| normal_text(&s).ok());
        }
        let nodes = CleanText::new(&members.len().to_string());
        Arc::make_mut(&mut sighting.properties).insert(CleanText::new("nodes"), nodes);
        self.push(sighting, labels);
    }

    fn push(&mut self, mut sighting: Sighting, labels: BTreeMap<CleanText, CleanText>) {
        sighting.labels = Arc::new(labels);
        self.found.push(Sighted { sighting: Arc::new(sighting), target: None, identity_key: [0; 32] });
    }

    fn group_labels(&self, groups: &[usize]) -> BTreeMap<CleanText, CleanText> {
        let groups = groups.iter().filter_map(|i| self.inventory.groups.get(*i));
        groups
            .filter(|g| !matches!(g.name.as_str(), "all" | "ungrouped"))
            .map(|g| (CleanText::new(&group_label(&g.name)), CleanText::new("true")))
            .collect()
    }

    /// Everything that variables say.
    fn describe(
        &self,
        sighting: &mut Sighting,
        labels: &mut BTreeMap<CleanText, CleanText>,
        scope: Scope<'_>,
    ) {
        let mut properties = BTreeMap::new();
        let text = |names: &[&str]| {
            names.iter().find_map(|name| {
                let shown = scope.get(name)?.value.shown()?;
                scope.filled(&shown).filter(|t| !t.is_empty())
            })
        };
        self.server(sighting, scope);
        self.context(sighting, &mut properties, scope);
        self.version(sighting, scope);
        sighting.facts.region = text(&self.wanted.region).map(|t| CleanText::new(&t));
        sighting.facts.provider = text(&self.wanted.provider).map(|t| CleanText::new(&t));
        for name in &self.wanted.label {
            if let Some(value) = text(&[name]) {
                labels.insert(CleanText::new(name), CleanText::new(&value));
            }
        }
        if let Some(Value::Map(map)) = scope.get("labels").map(|var| &var.value) {
            for (key, value) in map.iter().take(MAX_LABELS) {
                if let Some(value) = value.shown().and_then(|t| scope.filled(&t)) {
                    labels.insert(CleanText::new(key), CleanText::new(&value));
                }
            }
        }
        if let Some(name) = text(&["fleetglass_name"]) {
            sighting.name = CleanText::new(&name);
        }
        sighting.facts.account = text(&["account"]).map(|t| CleanText::new(&t));
        if let Some(host) = text(&["ansible_host"]) {
            properties.insert(CleanText::new("ansible_host"), CleanText::new(&host));
        }
        sighting.properties = Arc::new(properties);
    }

    fn server(&self, sighting: &mut Sighting, scope: Scope<'_>) {
        let said = self.wanted.server.iter().find_map(|n| Some((n, scope.get(n)?)));
        let Some((name, var)) = said else { return };
        if let Value::Encrypted | Value::Null = var.value {
            return;
        }
        let text = var.value.text().and_then(|text| scope.filled(text));
        match text.as_deref().map(normal_text) {
            Some(Ok(server)) => {
                sighting.fronted = server.as_str().matches('/').count() > 2;
                sighting.server = Some(server);
            }
            Some(Err(error)) => {
                self.warn(
                    sighting,
                    var,
                    "BAD_SERVER",
                    &format!("{name}: {error}"),
                    "It should look like https://host:6443.",
                );
            }
            None => {
                let message = format!("{name} is a template or no text; it is not read");
                self.warn(sighting, var, "BAD_SERVER", &message, "ansible.run lets Ansible work it out.");
            }
        }
    }

    /// A context that is loaded says where the cluster is; what is none is kept for people.
    fn context(
        &self,
        sighting: &mut Sighting,
        properties: &mut BTreeMap<CleanText, CleanText>,
        scope: Scope<'_>,
    ) {
        for name in &self.wanted.context {
            let said = scope.get(name).and_then(|var| var.value.shown()).and_then(|t| scope.filled(&t));
            let Some(text) = said.filter(|t| !t.is_empty()) else { continue };
            let found = self.look.contexts.find(&text);
            let is_path = text.contains('/') && found.is_none();
            let key = if is_path || name.contains("kubeconfig") && found.is_none() {
                "kubeconfig"
            } else {
                "context"
            };
            properties.entry(CleanText::new(key)).or_insert_with(|| CleanText::new(&text));
            let Some(context) = found else { continue };
            if sighting.server.is_none() {
                sighting.server.clone_from(&context.server);
                sighting.fronted = context.fronted;
            }
            if sighting.server == context.server && sighting.authorities.is_empty() {
                sighting.authorities.clone_from(&context.authorities);
            }
        }
    }

    fn version(&self, sighting: &mut Sighting, scope: Scope<'_>) {
        let said = self.wanted.version.iter().find_map(|n| Some((n, scope.get(n)?)));
        let Some((name, var)) = said else { return };
        match &var.value {
            Value::Float(_) | Value::Int(_) => {
                let message = format!(
                    "{name} is a number, and numbers lose zeros at their end: 1.30 and 1.3 are the same; it is not read as a version"
                );
                let hint = "Write all three parts (1.30.4), or quotes: in YAML \"1.30\", on a host line of an INI file \"'1.30'\".";
                self.warn(sighting, var, "BARE_VERSION", &message, hint);
            }
            Value::Text(text) => {
                let Some(text) = scope.filled(text.trim()).filter(|t| !t.is_empty()) else { return };
                sighting.facts.version = text.parse::<Version>().ok();
                if sighting.facts.version.is_some() || text.parse::<Minor>().is_ok() {
                    sighting.facts.version_text = Some(CleanText::new(&text));
                } else {
                    let message = format!("{name} is no version of Kubernetes");
                    self.warn(sighting, var, "BAD_VERSION", &message, "It should look like 1.35.4.");
                }
            }
            _ => {}
        }
    }

    fn warn(&self, sighting: &mut Sighting, var: &Var, code: &'static str, message: &str, hint: &str) {
        sighting.problems.push(Problem {
            severity: Severity::Warning,
            code,
            origin: self.inventory.origin(var.at),
            subject: sighting.name.clone(),
            message: CleanText::new(message),
            hint: Some(CleanText::new(hint)),
        });
    }
}

/// A group as a key of a label: `group.` and the name, with what labels may not hold as `-`.
fn group_label(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let key: String = format!("group.{name}").chars().map(fits).take(63).collect();
    key.trim_end_matches(['-', '_', '.']).to_owned()
}

/// kubespray's load balancer in front of the API servers.
fn balancer(scope: Scope<'_>) -> Option<String> {
    let balancer = &scope.get("loadbalancer_apiserver")?.value;
    let address = scope.filled(balancer.get("address")?.text()?)?;
    let port = balancer.get("port").and_then(Value::shown).unwrap_or_else(|| "6443".to_owned());
    Some(host_port(&address, &port))
}

/// The first control plane's own address.
fn address(scope: Scope<'_>) -> Option<String> {
    let said = ["ip", "access_ip", "ansible_host"].iter().find_map(|n| scope.get(n)?.value.text());
    let address = scope.filled(said?)?;
    let port = scope.get("kube_apiserver_port").and_then(|v| v.value.shown());
    Some(host_port(&address, port.as_deref().unwrap_or("6443")))
}

fn host_port(host: &str, port: &str) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    }
}
