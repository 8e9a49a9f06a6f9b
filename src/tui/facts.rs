//! What is known of one cluster as labelled lines, from the same item that JSON has.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Role;
use crate::fleet::age;
use crate::report::{
    AccessState, CertificateItem, ClusterItem, PathItem, PhaseWord, SourceLink, Stamp, StateWord, TruthWord,
};

/// One labelled line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    pub(crate) role: Role,
}

impl Fact {
    pub(crate) fn new(label: &'static str, text: impl Into<String>, role: Role) -> Self {
        Self { label, text: text.into(), role }
    }
}

/// Everything worth a line in the side pane: health first, then identity.
pub(crate) fn facts(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    let mut out = reasons(item, now);
    out.extend(health(item, now));
    out.extend(identity(item, now));
    out
}

/// What needs somebody: why it is in its state, then what is not as it should be. A finding stands here in full, not as the reason
/// that it is as well.
pub(crate) fn attention(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    let is_finding = |fact: &Fact| item.findings.iter().any(|f| f.code == fact.label);
    let mut out: Vec<Fact> = reasons(item, now).into_iter().filter(|fact| !is_finding(fact)).collect();
    out.extend(super::upgrade::findings(item, now));
    out
}

/// Why it is in its state.
pub(crate) fn reasons(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    let mut out: Vec<Fact> = item
        .reasons
        .iter()
        .map(|reason| {
            // Findings that are not incidents say in their own words how long they have been true.
            let incident = matches!(reason.severity, StateWord::Crit | StateWord::Auth | StateWord::Down);
            let since = reason.since.filter(|_| incident);
            let since = since.map_or_else(String::new, |s| format!(" for {}", between(s.0, now)));
            Fact::new(reason.code, format!("{}{since}", reason.message), role_of(reason.severity))
        })
        .collect();
    if let Some(hint) = item.error.as_ref().and_then(|e| e.hint.as_ref()) {
        out.push(Fact::new("try", hint.as_str(), Role::Text));
    }
    out
}

/// Whether it works, and what was seen when.
pub(crate) fn health(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    let age = |at: Option<Stamp>| at.map_or_else(String::new, |s| format!("  {} ago", between(s.0, now)));
    let live = if item.live { Role::Text } else { Role::Stale };
    let mark = if item.live { "" } else { "~" };
    let mut out = vec![state(item, now)];
    let plane = &item.control_plane;
    if let Some(ready) = plane.ready {
        let checks = match (plane.failed_checks.len(), plane.total_checks) {
            (0, Some(all)) => format!(", {all} checks pass"),
            (0, None) => String::new(),
            (failed, Some(all)) => format!(", {failed} of {all} checks fail"),
            (failed, None) => format!(", {failed} checks fail"),
        };
        let word = if ready { "ready" } else { "not ready" };
        let latency = plane.latency_ms.map_or_else(String::new, |ms| format!("  {ms}ms"));
        let role = if ready { live } else { Role::StateCrit };
        out.push(Fact::new("API", format!("{mark}{word}{checks}{latency}{}", age(plane.observed_at)), role));
    }
    if let (Some(ready), Some(total)) = (item.nodes.ready, item.nodes.total) {
        let cordoned = match item.nodes.cordoned {
            None | Some(0) => String::new(),
            Some(n) => format!(", {n} cordoned"),
        };
        let more = if item.nodes.truncated { " or more" } else { "" };
        let text = format!("{mark}{ready}/{total}{more} Ready{cordoned}{}", age(item.nodes.observed_at));
        out.push(Fact::new("Nodes", text, if ready < total { Role::Warning } else { live }));
    }
    if !item.nodes.not_ready.is_empty() {
        let names: Vec<&str> = item.nodes.not_ready.iter().map(crate::report::Text::as_str).collect();
        out.push(Fact::new("Not ready", names.join(", "), Role::Warning));
    }
    if let Some(version) = &item.version.control_plane {
        let end = match item.version.end_of_life_in_days {
            Some(days) if days < 0 => format!("  upstream support ended {} ago", span(-days * 86_400)),
            Some(days) => format!("  upstream support for {}", span(days * 86_400)),
            None => String::new(),
        };
        let role =
            if item.version.end_of_life_in_days.is_some_and(|d| d < 0) { Role::EolEnded } else { live };
        out.push(Fact::new(
            "Version",
            format!("{mark}{version}{end}{}", age(item.version.observed_at)),
            role,
        ));
    }
    if !item.nodes.kubelets.is_empty() {
        let list: Vec<String> =
            item.nodes.kubelets.iter().map(|k| format!("{}:{}", k.version, k.count)).collect();
        out.push(Fact::new("Kubelets", format!("{mark}{}", list.join(" ")), live));
    }
    if let Some(serving) = &item.certificates.serving {
        out.push(certificate("Serves with", serving, now, item.live));
    }
    if let Some(error) = &item.nodes.error {
        out.push(Fact::new("Nodes say", format!("{} {}", error.code, error.message), Role::Warning));
    }
    out
}

fn state(item: &ClusterItem, now: DateTime<Utc>) -> Fact {
    let word = word_of(item.state);
    let seen = item
        .observed_at
        .map_or_else(|| "never seen".to_owned(), |at| format!("seen {} ago", between(at.0, now)));
    let tries = match item.attempts.failed_in_a_row {
        0 => String::new(),
        1 => ", 1 try failed".to_owned(),
        n => format!(", {n} tries failed"),
    };
    let next = match (item.phase, item.attempts.next_at) {
        (PhaseWord::BackingOff, Some(at)) => format!(", next try in {}", between(now, at.0)),
        (PhaseWord::Connecting, _) => ", connecting now".to_owned(),
        (PhaseWord::Parked, _) => ", not tried until somebody acts".to_owned(),
        _ => String::new(),
    };
    Fact::new("State", format!("{word}, {seen}{tries}{next}"), role_of(item.state))
}

/// Who it is and how it is reached.
pub(crate) fn identity(item: &ClusterItem, now: DateTime<Utc>) -> Vec<Fact> {
    let mut out = Vec::new();
    let guess = |field: &str| if item.guessed.contains(&field) { "?" } else { "" };
    let place: Vec<String> = [("provider", &item.provider), ("region", &item.region)]
        .into_iter()
        .filter_map(|(field, value)| Some(format!("{}{}", value.as_ref()?, guess(field))))
        .collect();
    if !place.is_empty() {
        out.push(Fact::new("Where", place.join(" "), Role::Text));
    }
    if let Some(server) = &item.server {
        out.push(Fact::new("Server", server.as_str(), Role::Text));
    }
    if let Some(at) = item.identity.gone_at {
        let text = format!("no source has known it for {}", between(at.0, now));
        out.push(Fact::new("Gone", text, Role::Warning));
    }
    out.extend(item.sources.iter().map(|source| told_by(source, now)));
    out.extend(said(item, now));
    out.push(access(item, now));
    if item.identity.paths.len() > 1 || item.identity.paths.iter().any(|p| p.break_glass) {
        out.extend(item.identity.paths.iter().map(way));
    }
    if item.access.insecure == Some(true) {
        out.push(Fact::new("Insecure", "the server's certificate is not checked", Role::Warning));
    }
    if let Some(proxy) = &item.access.proxy {
        out.push(Fact::new("Proxy", proxy.as_str(), Role::Text));
    }
    if let Some(user) = &item.access.impersonates {
        out.push(Fact::new("Acts as", user.as_str(), Role::Text));
    }
    if let Some(client) = &item.certificates.client {
        out.push(certificate("Our cert", client, now, true));
    }
    out.extend(belongs(item));
    if let Some(id) = &item.id {
        out.push(Fact::new("Id", id.as_str(), Role::Muted));
    }
    for problem in &item.problems {
        let place = problem.place().map_or_else(String::new, |p| format!(" {p}"));
        out.push(Fact::new("Problem", format!("{}{place}", problem.message), Role::Warning));
    }
    out
}

/// A place where it was learned of.
fn told_by(source: &SourceLink, now: DateTime<Utc>) -> Fact {
    let line = source.line.map_or_else(String::new, |l| format!(":{l}"));
    let (label, text) = match &source.file {
        Some(file) => ("Context", format!("{} in {file}{line}", source.reference)),
        None if source.kind == "kubeconfig" => {
            ("Context", format!("{} in {}", source.reference, source.name))
        }
        None => ("Source", format!("{} in {} ({})", source.reference, source.name, source.kind)),
    };
    match source.gone_at {
        Some(at) => Fact::new(label, format!("{text}, gone for {}", between(at.0, now)), Role::Stale),
        None => Fact::new(label, text, Role::Text),
    }
}

/// What its sources say of it; nothing of this was seen by us.
fn said(item: &ClusterItem, now: DateTime<Utc>) -> Option<Fact> {
    let registry = &item.registry;
    let mut told: Vec<String> = Vec::new();
    told.extend(registry.health.as_ref().map(|h| match h.message.as_str() {
        "" => h.word.to_string(),
        message => format!("{}: {message}", h.word),
    }));
    told.extend(registry.phase.as_ref().map(|p| format!("phase {p}")));
    told.extend(registry.version.as_ref().map(ToString::to_string));
    told.extend(registry.wanted_version.as_ref().map(|v| format!("wants {v}")));
    if let (Some(ready), Some(total)) = (registry.nodes_ready, registry.nodes_total) {
        told.push(format!("{ready}/{total} nodes"));
    }
    if registry.paused {
        told.push("paused".to_owned());
    }
    if registry.ghost {
        told.push("the cluster itself no longer exists".to_owned());
    }
    told.extend(registry.heartbeat_at.map(|at| format!("heard from it {} ago", between(at.0, now))));
    if told.is_empty() {
        return None;
    }
    let age = registry.said_at.map(|at| format!("  {} ago", between(at.0, now))).unwrap_or_default();
    let bad = registry.ghost || registry.health.as_ref().is_some_and(|h| h.healthy == TruthWord::No);
    let role = if bad { Role::Warning } else { Role::Text };
    Some(Fact::new("Hub says", format!("{}{age}", told.join(", ")), role))
}

/// One of several ways to it.
fn way(path: &PathItem) -> Fact {
    let used = if path.used { "in use: " } else { "" };
    let glass = if path.break_glass { ", for emergencies only" } else { "" };
    let via = path.via.as_ref().map(|v| format!(" via {v}")).unwrap_or_default();
    let text = format!("{used}{} as {} ({}){via}{glass}", path.sighting, path.identity, path.method);
    let role = match (path.used, path.break_glass) {
        (true, true) => Role::Warning,
        (true, false) => Role::Text,
        (false, _) => Role::Muted,
    };
    Fact::new("Way", text, role)
}

/// Whose it is: class, owner, on-call, links, labels, parameters.
fn belongs(item: &ClusterItem) -> Vec<Fact> {
    let at = item.class.rule_at.as_ref().map(|at| format!("  {at}")).unwrap_or_default();
    let class = format!("{} ({}: {}){at}", item.class.name, item.class.source, item.class.rule);
    let mut out = vec![Fact::new("Class", class, Role::of_class(item.class.name.as_str()))];
    if let Some(pending) = &item.class.pending {
        let text = format!("class {} waits to be accepted: {}", pending.to, pending.because);
        out.push(Fact::new("Waits", text, Role::Warning));
    }
    let mut say = |label, text: Option<String>| out.extend(text.map(|t| Fact::new(label, t, Role::Text)));
    say("Owner", item.owner.as_ref().map(ToString::to_string));
    say(
        "On call",
        item.on_call.as_ref().map(|c| match &c.url {
            Some(url) => format!("{} {url}", c.name),
            None => c.name.to_string(),
        }),
    );
    let tenants: Vec<&str> = item.tenants.iter().map(crate::report::Text::as_str).collect();
    say("Tenants", (!tenants.is_empty()).then(|| tenants.join(", ")));
    for (label, link) in [
        ("Runbook", &item.links.runbook),
        ("Dashboard", &item.links.dashboard),
        ("Metrics", &item.links.metrics),
    ] {
        say(label, link.as_ref().map(ToString::to_string));
    }
    let from = |kind: &str, key: &str| {
        let field = format!("{kind}.{key}");
        let told = item.identity.provenance.iter().find(|p| p.field.as_str() == field);
        told.map(|p| format!(" ({})", p.from)).unwrap_or_default()
    };
    let list = |kind: &str, map: &std::collections::BTreeMap<String, crate::report::Text>| {
        let texts: Vec<String> = map.iter().map(|(k, v)| format!("{k}={v}{}", from(kind, k))).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    say("Labels", list("label", &item.labels));
    say("Properties", list("property", &item.properties));
    let parameters: Vec<String> =
        item.parameters.iter().map(|p| format!("{}={} ({})", p.key, p.value, p.from)).collect();
    say("Parameters", (!parameters.is_empty()).then(|| parameters.join(" ")));
    out
}

fn access(item: &ClusterItem, now: DateTime<Utc>) -> Fact {
    let access = &item.access;
    let who = access.identity.as_ref().map_or("nobody", crate::report::Text::as_str);
    let how = access.method.unwrap_or("no way to sign in");
    let end = match access.expires_at {
        Some(at) if at.0 > now => format!(", {} left", between(now, at.0)),
        _ => String::new(),
    };
    let (word, role) = match access.state {
        AccessState::Ok => (", accepted", Role::Text),
        AccessState::Expired => (", expired", Role::StateAuth),
        AccessState::Refused => (", refused", Role::StateAuth),
        AccessState::Unknown => ("", Role::Text),
    };
    Fact::new("Signs in", format!("{who} ({how}){word}{end}"), role)
}

fn certificate(label: &'static str, item: &CertificateItem, now: DateTime<Utc>, live: bool) -> Fact {
    let mark = if live { "" } else { "~" };
    let live = if live { Role::Text } else { Role::Stale };
    let (text, role) = match item.expires_in_seconds {
        s if s <= 0 => (format!("certificate expired {} ago", span(-s)), Role::StateCrit),
        s if s < 30 * 86_400 => (format!("certificate for {} more", span(s)), Role::Warning),
        s => (format!("certificate for {} more", span(s)), live),
    };
    Fact::new(label, format!("{mark}{text}  {} ago", between(item.observed_at.0, now)), role)
}

/// The role of a state's word.
pub(crate) fn role_of(state: StateWord) -> Role {
    match state {
        StateWord::Crit => Role::StateCrit,
        StateWord::Auth => Role::StateAuth,
        StateWord::Down => Role::StateDown,
        StateWord::Upgrading => Role::StateUpgrading,
        StateWord::Warn => Role::StateWarn,
        StateWord::Held => Role::StateHeld,
        StateWord::New => Role::StateNew,
        StateWord::Ok => Role::StateOk,
    }
}

/// The word itself.
pub(crate) fn word_of(state: StateWord) -> &'static str {
    match state {
        StateWord::Crit => "CRIT",
        StateWord::Auth => "AUTH",
        StateWord::Down => "DOWN",
        StateWord::Upgrading => "UPGR",
        StateWord::Warn => "WARN",
        StateWord::Held => "HELD",
        StateWord::New => "NEW",
        StateWord::Ok => "OK",
    }
}

/// How long from one moment to another.
pub(crate) fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    age::short(to - from)
}

/// A number of seconds as a length of time.
pub(crate) fn span(seconds: i64) -> String {
    age::short(TimeDelta::seconds(seconds))
}
