//! Rules over what is known without looking into a cluster: its name, hosts, version, labels, sources.

use super::read::{filled, is_of_shape};
use super::{Check, Rule, Told};
use crate::fleet::grammar::{Wanted, wanted};
use crate::fleet::lifecycle::Support;
use crate::fleet::server::{is_local, place};
use crate::fleet::{
    Almanac, ClassOrigin, ClassRules, CleanText, Cluster, SourceKind, UNCLASSIFIED, Version, Weight,
    normal_server,
};

impl Check<'_> {
    pub(super) fn name(&mut self, rules: &ClassRules) {
        let Some(naming) = &rules.spec.naming else { return };
        let name = self.cluster.entry.name.as_str();
        if is_of_shape(&naming.pattern, name) == Some(false) {
            let message = format!("the name is not of the shape that class {} wants", rules.name);
            let hint = "Rename it where it is registered, or change the class's pattern.";
            let at = Rule { rules, place: "spec.naming.pattern", about: "name", seen_at: None };
            self.broken("NAME_PATTERN", at, message, hint);
        }
    }

    pub(super) fn domain(&mut self, rules: &ClassRules) {
        let Some(wanted) = rules.spec.domain.as_deref().and_then(|d| filled(d, self.cluster)) else { return };
        let wanted = wanted.trim_end_matches('.').to_lowercase();
        for host in hosts(self.cluster) {
            if host != wanted {
                let message =
                    format!("its API server is reached at {host}, and class {} wants {wanted}", rules.name);
                let hint = "Give the API server that name, or point the path at it.";
                let at = Rule { rules, place: "spec.domain", about: &host, seen_at: None };
                self.broken("DOMAIN", at, message, hint);
            }
        }
    }

    pub(super) fn floor(&mut self, rules: &ClassRules) {
        let Some(floor) = rules.spec.versions.floor.as_deref() else { return };
        let Some((version, seen_at)) = version(self.cluster) else { return };
        if is_below(version, floor) == Some(true) {
            let message =
                format!("{version} is older than {floor}, the oldest that class {} allows", rules.name);
            let hint = "Upgrade it, one minor release at a time.";
            let at = Rule { rules, place: "spec.versions.floor", about: "version", seen_at };
            self.broken("BELOW_FLOOR", at, message, hint);
        }
    }

    /// The end of support: by the provider's word if it gives it, or else by its calendar, or else by that of the project.
    pub(super) fn support(&mut self, almanac: &Almanac) {
        let rules = self.cluster.class.rules.as_deref();
        if rules.is_some_and(|r| r.spec.versions.accept_end_of_life == Some(true)) {
            return;
        }
        let Some((version, seen_at)) = version(self.cluster) else { return };
        let line = version.line;
        let today = self.now.date_naive();
        let provider = self.cluster.provider();
        let message =
            match (self.cluster.entry.facts.support_ends, almanac.end_of_support(line, provider.as_ref())) {
                (Some(end), _) if end > self.now => return,
                (Some(end), _) => {
                    format!("the provider's standard support of {line} ended on {}", end.format("%Y-%m-%d"))
                }
                (None, Some((end, _))) if end >= today => return,
                (None, Some((end, Some(provider)))) => {
                    format!("standard support of {line} by {provider} ended on {end}")
                }
                (None, Some((end, None))) => format!("upstream support of {line} ended on {end}"),
                (None, None) => match almanac.releases.support(line, self.now) {
                    Support::EndedBefore(day) => format!("upstream support of {line} ended before {day}"),
                    _ => return,
                },
            };
        self.push(Told {
            code: "END_OF_LIFE",
            weight: Weight::Warning,
            about: "version",
            message,
            hint: "Upgrade it, or let its class accept releases without support (versions.acceptEndOfLife).",
            rule: None,
            seen_at,
        });
    }

    pub(super) fn labels(&mut self, rules: &ClassRules) {
        for (i, rule) in rules.spec.requires.labels.iter().flatten().enumerate() {
            let place = format!("spec.requires.labels[{i}]");
            let about = format!("label.{}", rule.key);
            let Some(value) = self.cluster.entry.labels.get(&CleanText::new(&rule.key)) else {
                let message = format!("no label {}, which class {} wants", rule.key, rules.name);
                let hint = "Set the label in a source, or with `fleetglass clusters label`.";
                let at = Rule { rules, place: &place, about: &about, seen_at: None };
                self.broken("LABEL_MISSING", at, message, hint);
                continue;
            };
            let allowed = rule.values.as_deref().unwrap_or_default();
            if rule.values.is_some() && !allowed.iter().any(|v| v == value.as_str()) {
                let list = super::listed(allowed.iter().map(String::as_str));
                let message =
                    format!("label {} is {value}, and class {} allows {list}", rule.key, rules.name);
                let hint = "Correct the label in its source, or with `fleetglass clusters label`.";
                let at = Rule { rules, place: &place, about: &about, seen_at: None };
                self.broken("LABEL_VALUE", at, message, hint);
            }
        }
    }

    pub(super) fn sources(&mut self, rules: &ClassRules) {
        for (i, word) in rules.spec.requires.sources.iter().flatten().enumerate() {
            let Some(kind) = SourceKind::parse(word) else { continue };
            let known = self.cluster.entry.sources.iter().any(|s| s.kind == kind && s.gone_at.is_none());
            if !known {
                let message = format!("no source of kind {kind} knows it, which class {} wants", rules.name);
                let hint = "Register the cluster there, or declare that source in the fleet file.";
                let place = format!("spec.requires.sources[{i}]");
                let at = Rule { rules, place: &place, about: word, seen_at: None };
                self.broken("SOURCE_MISSING", at, message, hint);
            }
        }
    }

    /// What is to be said of the class itself.
    pub(super) fn class(&mut self) {
        let class = &self.cluster.class;
        // A guess is no class of anybody's: without declared classes nothing is missing.
        if class.name.as_str() == UNCLASSIFIED && class.origin != ClassOrigin::Guessed {
            self.push(Told {
                code: "UNCLASSIFIED",
                weight: Weight::Warning,
                about: "class",
                message: "no class of the fleet file fits it, so it is locked".to_owned(),
                hint: "Widen the match of a class, or give it one with `fleetglass clusters class`.",
                rule: None,
                seen_at: None,
            });
        }
        if let Some(pending) = &class.pending {
            let message = format!(
                "it would be of class {} with protection {}, because {}; it stays in {} until somebody accepts that",
                pending.to,
                pending.protection.as_str(),
                pending.because,
                class.name,
            );
            self.push(Told {
                code: "CLASS_WAITS",
                weight: Weight::Warning,
                about: "class",
                message,
                hint: "Accept it with `fleetglass clusters class NAME --accept`, or take the change back.",
                rule: class.rule_at.clone(),
                seen_at: None,
            });
        }
    }
}

/// The version as it was seen, or else as a source says it, and when.
fn version(cluster: &Cluster) -> Option<(&Version, Option<chrono::DateTime<chrono::Utc>>)> {
    let seen_at = cluster.version().and(cluster.signals.version.last.as_ref()).map(|o| o.at);
    cluster.told_version().map(|version| (version, seen_at.or(cluster.entry.said_at)))
}

/// `None` if the floor is no version.
fn is_below(version: &Version, floor: &str) -> Option<bool> {
    match wanted(floor).ok()? {
        Wanted::Line(line) => Some(version.line < line),
        Wanted::Release(floor) => Some(*version < floor),
    }
}

/// The hosts at which people and programs reach it day by day, each once. What stands behind a front or a tunnel says nothing of the
/// cluster's own name.
fn hosts(cluster: &Cluster) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for path in cluster.entry.paths.iter().filter(|p| !p.break_glass && p.via.is_none()) {
        let Some(server) = path.server.as_ref().and_then(|s| normal_server(s.as_str())) else { continue };
        let Some(place) = place(server.as_str()).filter(|p| p.path.is_empty() && !is_local(p.host)) else {
            continue;
        };
        if !hosts.iter().any(|h| h == place.host) {
            hosts.push(place.host.to_owned());
        }
    }
    hosts
}

pub(super) fn is_domain_unknown(cluster: &Cluster, rules: &ClassRules) -> bool {
    let wanted = rules.spec.domain.as_deref();
    wanted.is_some_and(|d| filled(d, cluster).is_none() || hosts(cluster).is_empty())
}

pub(super) fn is_floor_unknown(cluster: &Cluster, rules: &ClassRules) -> bool {
    let floor = rules.spec.versions.floor.as_deref();
    floor.is_some_and(|floor| version(cluster).is_none_or(|(v, _)| is_below(v, floor).is_none()))
}
