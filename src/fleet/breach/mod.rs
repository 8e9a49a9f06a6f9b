//! From a cluster and its class to what is not as it should be.
//!
//! * A rule of a class that is broken is an error; what plain sense or a registry finds is a warning or a note.
//! * Nothing is told of what is not known: a rule that cannot be judged is among [`unknown_rules`], not a breach.
//! * The same cluster at the same time gives the same findings in the same order.

mod fleet;
mod network;
mod read;
mod registry;
mod rules;
mod services;

use std::cmp::Reverse;

use chrono::{DateTime, Utc};

use super::{Almanac, ClassBook, ClassRules, CleanText, Cluster, Finding, Origin, Weight};

pub use fleet::fleet_breaches;

/// The codes of all breaches with their usual weight. They never change their meaning.
pub const BREACH_CODES: [(&str, Weight); 22] = [
    ("NAME_PATTERN", Weight::Error),
    ("DOMAIN", Weight::Error),
    ("BELOW_FLOOR", Weight::Error),
    ("END_OF_LIFE", Weight::Warning),
    ("LABEL_MISSING", Weight::Error),
    ("LABEL_VALUE", Weight::Error),
    ("SERVICE_MISSING", Weight::Error),
    ("SERVICE_VERSION", Weight::Error),
    ("NETWORK_POLICY", Weight::Error),
    ("SOURCE_MISSING", Weight::Error),
    ("UNCLASSIFIED", Weight::Warning),
    ("CLASS_WAITS", Weight::Warning),
    ("CONFLICT", Weight::Warning),
    ("ORPHAN", Weight::Warning),
    ("GHOST", Weight::Warning),
    ("GONE", Weight::Warning),
    ("SAME_UID_OTHER_NODES", Weight::Warning),
    ("SAME_SERVER_OTHER_AUTHORITY", Weight::Warning),
    ("SAME_SERVER_OTHER_UID", Weight::Warning),
    ("DECISION_OTHER_UID", Weight::Warning),
    ("SOURCE_FAILING", Weight::Warning),
    ("STALE_DATA", Weight::Note),
];

/// What is not as it should be with one cluster, the worst first. What the fleet file ignores is among it; see [`ClassBook::heeds`].
pub fn breaches(cluster: &Cluster, almanac: &Almanac, now: DateTime<Utc>) -> Vec<Finding> {
    let mut check = Check { cluster, now, findings: Vec::new() };
    if cluster.entry.gone_at.is_some() {
        check.gone();
        return check.findings;
    }
    check.support(almanac);
    check.class();
    check.registries();
    if let Some(rules) = &cluster.class.rules {
        check.name(rules);
        check.domain(rules);
        check.floor(rules);
        check.labels(rules);
        check.sources(rules);
        check.services(rules);
        check.network_policies(rules);
    }
    let mut findings = check.findings;
    findings
        .sort_by(|a, b| (Reverse(a.weight), a.code, &a.about).cmp(&(Reverse(b.weight), b.code, &b.about)));
    findings
}

/// The rules of its class that cannot be judged for a cluster, by their names in the fleet file: it was never inspected, or may not be;
/// its version is not known; the rule needs a property that it does not have.
pub fn unknown_rules(cluster: &Cluster) -> Vec<&'static str> {
    let Some(rules) = &cluster.class.rules else { return Vec::new() };
    if cluster.entry.gone_at.is_some() {
        return Vec::new();
    }
    let unknown = [
        ("domain", rules::is_domain_unknown(cluster, rules)),
        ("versions.floor", rules::is_floor_unknown(cluster, rules)),
        ("requires.services", services::is_unknown(cluster, rules)),
        ("requires.networkPolicies", network::is_unknown(cluster, rules)),
    ];
    unknown.into_iter().filter(|(_, unknown)| *unknown).map(|(name, _)| name).collect()
}

impl ClassBook {
    /// Whether a finding is to be told: the fleet file's `ignore` names neither its code nor `CODE:cluster`.
    pub fn heeds(&self, finding: &Finding) -> bool {
        let ignore = self.file.fleet.as_ref().map(|f| f.spec.ignore.as_slice()).unwrap_or_default();
        !ignore.iter().any(|one| match one.split_once(':') {
            Some((code, name)) => {
                code == finding.code && finding.cluster.as_ref().is_some_and(|key| key.as_str() == name)
            }
            None => one == finding.code,
        })
    }
}

/// The breaches of one cluster in the making.
struct Check<'a> {
    cluster: &'a Cluster,
    now: DateTime<Utc>,
    findings: Vec<Finding>,
}

/// What is told of a breach besides its cluster.
struct Told<'a> {
    code: &'static str,
    weight: Weight,
    about: &'a str,
    message: String,
    hint: &'a str,
    rule: Option<Origin>,
    seen_at: Option<DateTime<Utc>>,
}

/// A rule of a class, and what of the cluster it is about.
struct Rule<'a> {
    rules: &'a ClassRules,
    place: &'a str,
    about: &'a str,
    seen_at: Option<DateTime<Utc>>,
}

impl Check<'_> {
    fn push(&mut self, told: Told<'_>) {
        let text = |t: &str| (!t.is_empty()).then(|| CleanText::new(t));
        self.findings.push(Finding {
            code: told.code,
            weight: told.weight,
            cluster: Some(self.cluster.key().clone()),
            class: Some(self.cluster.class.name.clone()),
            owner: self.cluster.owner(),
            about: text(told.about),
            message: CleanText::new(&told.message),
            hint: text(told.hint),
            rule: told.rule,
            seen_at: told.seen_at,
        });
    }

    /// A rule of the class that is broken.
    fn broken(&mut self, code: &'static str, at: Rule<'_>, message: String, hint: &str) {
        let Rule { rules, place, about, seen_at } = at;
        let rule = Some(rules.object.place(place).clone());
        self.push(Told { code, weight: Weight::Error, about, message, hint, rule, seen_at });
    }
}

/// Up to three texts, and how many more there are.
fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let all: Vec<&str> = texts.collect();
    let shown = all.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
