//! Whose a cluster is: its class, owner, tenants and on-call, its parameters, and links with their placeholders filled.

use schemars::JsonSchema;
use serde::Serialize;

use super::wire::{Place, ProtectionWord, Text};
use crate::fleet::spec::Contact;
use crate::fleet::{Class, CleanText, Cluster, Parameter};

/// A cluster's class and how it came by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClassItem {
    /// `prod`, `stage`, ..
    pub name: Text,
    /// `guessed`: from the name, not said by a person.
    pub source: &'static str,
    /// The rule that matched, for people.
    pub rule: Text,
    /// Where the rule stands.
    pub rule_at: Option<Place>,
    /// A change to a class of weaker protection that waits for somebody to accept it.
    pub pending: Option<PendingItem>,
}

/// A class that a cluster would be of, if somebody accepted the weaker protection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PendingItem {
    /// That class.
    pub to: Text,
    /// Its protection.
    pub protection: ProtectionWord,
    /// What changed.
    pub because: Text,
}

/// A parameter and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ParameterItem {
    /// Its name.
    pub key: Text,
    /// Its value.
    pub value: Text,
    /// `fleet acme`, `class prod`, `cluster prod-eu-1`.
    pub from: Text,
    /// Where that stands.
    pub at: Option<Place>,
}

/// Whom to reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ContactItem {
    /// A rota, a channel.
    pub name: Text,
    /// Where to reach it.
    pub url: Option<Text>,
}

/// Links of a cluster. One whose placeholders are not all known is `null`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LinksItem {
    /// The runbook.
    pub runbook: Option<Text>,
    /// The dashboard.
    pub dashboard: Option<Text>,
    /// The Prometheus endpoint.
    pub metrics: Option<Text>,
}

impl From<&Class> for ClassItem {
    fn from(class: &Class) -> Self {
        Self {
            name: Text::from(&class.name),
            source: class.origin.as_str(),
            rule: Text::from(&class.rule),
            rule_at: class.rule_at.as_ref().map(Place::from),
            pending: class.pending.as_ref().map(|p| PendingItem {
                to: Text::from(&p.to),
                protection: p.protection.into(),
                because: Text::from(&p.because),
            }),
        }
    }
}

impl From<&Parameter> for ParameterItem {
    fn from(parameter: &Parameter) -> Self {
        Self {
            key: Text::from(&parameter.key),
            value: Text::from(&parameter.value),
            from: Text::from(&parameter.from),
            at: parameter.origin.as_ref().map(Place::from),
        }
    }
}

impl From<&Contact> for ContactItem {
    fn from(contact: &Contact) -> Self {
        Self { name: Text::from(contact.name.as_str()), url: contact.url.as_deref().map(Text::from) }
    }
}

/// Who owns `cluster`: its own property, else what its class says.
pub fn owner(cluster: &Cluster) -> Option<Text> {
    let own = property(cluster, "owner").map(Text::from);
    own.or_else(|| cluster.class.rules.as_ref()?.spec.owner.as_deref().map(Text::from))
}

/// Who shares `cluster`: its own property `tenant`, then the tenants of its class.
pub fn tenants(cluster: &Cluster) -> Vec<Text> {
    let mut all: Vec<Text> = property(cluster, "tenant").map(Text::from).into_iter().collect();
    let class = cluster.class.rules.as_ref().and_then(|rules| rules.spec.tenants.as_ref());
    for tenant in class.into_iter().flatten().map(|t| Text::from(t.as_str())) {
        if !all.contains(&tenant) {
            all.push(tenant);
        }
    }
    all
}

/// Whom to reach about `cluster`.
pub(super) fn on_call(cluster: &Cluster) -> Option<ContactItem> {
    cluster.class.rules.as_ref()?.spec.on_call.as_ref().map(ContactItem::from)
}

/// The links of `cluster`.
pub(super) fn links(cluster: &Cluster) -> LinksItem {
    let Some(rules) = &cluster.class.rules else { return LinksItem::default() };
    let filled =
        |text: Option<&str>| text.and_then(|t| fill(t, cluster)).map(|t| Text(CleanText::with_cap(&t, 2048)));
    LinksItem {
        runbook: filled(rules.spec.links.runbook.as_deref()),
        dashboard: filled(rules.spec.links.dashboard.as_deref()),
        metrics: filled(rules.spec.metrics.as_ref().map(|m| m.url.as_str())),
    }
}

fn property<'a>(cluster: &'a Cluster, key: &str) -> Option<&'a CleanText> {
    cluster.properties.get(&CleanText::new(key)).filter(|value| !value.is_empty())
}

/// What a placeholder stands for.
fn value(cluster: &Cluster, key: &str) -> Option<CleanText> {
    if let Some(label) = key.strip_prefix("label.") {
        return cluster.entry.labels.get(&CleanText::new(label)).cloned();
    }
    let known = match key {
        "name" => Some(cluster.entry.name.clone()),
        "class" => Some(cluster.class.name.clone()),
        "region" => cluster.region().map(|told| told.value),
        "provider" => cluster.provider().map(|told| told.value),
        "account" => cluster.entry.facts.account.clone(),
        "uid" => super::identity::uid(cluster).map(|text| text.0),
        _ => None,
    };
    known.or_else(|| property(cluster, key).cloned()).or_else(|| {
        let parameter = cluster.parameters.iter().find(|p| p.key.as_str() == key);
        parameter.map(|p| p.value.clone())
    })
}

/// A link with `{name}` and the like replaced by what is known of the cluster, percent-encoded, so that a name cannot lead
/// anywhere else. `None` if one is not known.
fn fill(template: &str, cluster: &Cluster) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((key, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        encode(value(cluster, key.trim())?.as_str(), &mut out);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

/// RFC 3986: everything but the unreserved characters is escaped.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            for half in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase());
            }
            // The sign goes in front of the two digits.
            out.insert(out.len().saturating_sub(2), '%');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn placeholders_are_filled_from_the_cluster_and_encoded() {
        let mut cluster = fixture::fleet().clusters[2].as_ref().clone();
        cluster.properties = std::sync::Arc::new([("ring".into(), "a/b?x=1 é".into())].into());
        for (template, expect) in [
            ("https://d/{name}", Some("https://d/prod-us-east-1")),
            ("https://d/{ region }/x", Some("https://d/us-east-1/x")),
            ("https://d/{label.team}", Some("https://d/pay")),
            ("https://d/{ring}", Some("https://d/a%2Fb%3Fx%3D1%20%C3%A9")),
            ("https://d/{nothing}", None),
            ("https://d/{open", Some("https://d/{open")),
            ("plain", Some("plain")),
        ] {
            assert_eq!(fill(template, &cluster).as_deref(), expect, "{template}");
        }
    }

    #[test]
    fn a_cluster_s_own_owner_and_tenants_outweigh_its_class() {
        let fleet = fixture::declared();
        let of = |name: &str| fleet.clusters.iter().find(|c| c.key().as_str() == name).unwrap();
        let (own, class) = (of("prod-eu-west-3"), of("prod-us-east-1"));
        assert_eq!(owner(own).unwrap().as_str(), "team eu");
        assert_eq!(owner(class).unwrap().as_str(), "team platform");
        assert_eq!(tenants(own), ["pay".into(), "shop".into()]);
        assert_eq!(tenants(class), ["shop".into()]);
        assert_eq!(owner(of("dev-web-1")), None);
    }
}
