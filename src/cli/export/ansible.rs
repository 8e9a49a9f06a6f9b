//! An Ansible inventory in YAML: each cluster is a host of the group of its class.
//!
//! Every value is a quoted text, so that `1.30` stays the version 1.30. Ansible takes texts with `{{` for templates and would
//! run them; such texts are marked `!unsafe`, which says that they are none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Exported, Names, context_of, facts_of, server_of, version_of};
use crate::fleet::Cluster;

pub(super) fn export(rows: &[&Cluster]) -> Exported {
    let mut groups: BTreeMap<(u16, String), Vec<&Cluster>> = BTreeMap::new();
    for cluster in rows {
        groups.entry((cluster.class.order, cluster.class.name.to_string())).or_default().push(cluster);
    }
    let (mut hosts, mut group_names) = (Names::default(), Names::default());
    let mut exported = Exported::default();
    // Writing to a String cannot fail.
    let out = &mut exported.text;
    out.push_str("# Made by `fleetglass clusters export --format ansible`.\nall:\n  children:\n");
    if groups.is_empty() {
        out.truncate(out.len().saturating_sub("  children:\n".len()));
        out.push_str("    {}\n");
    }
    for ((_, class), clusters) in groups {
        // Groups are identifiers; a digit in front is none.
        let group = group_names.give(&class, '_', |c| c.is_ascii_alphanumeric() || c == '_');
        let group = if group.starts_with(|c: char| c.is_ascii_digit()) { format!("_{group}") } else { group };
        let _ok =
            writeln!(out, "    {group}:\n      vars:\n        cluster_class: {}\n      hosts:", text(&class));
        for cluster in clusters {
            let name = cluster.key().as_str();
            // Brackets are ranges and a colon begins a port.
            let host =
                hosts.give(name, '-', |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'));
            if host != name {
                exported
                    .warnings
                    .push(format!("`{name}` is called `{host}`, since Ansible would misread its name"));
            }
            let _ok = writeln!(out, "        {}:", text(&host));
            let mut vars: Vec<(&str, String)> = vec![("fleetglass_name", name.to_owned())];
            vars.extend(server_of(cluster).map(|s| ("k8s_api_server", s.to_owned())));
            vars.extend(context_of(cluster).map(|c| ("kube_context", c.to_owned())));
            vars.extend(version_of(cluster).map(|v| ("k8s_version", v)));
            vars.extend(facts_of(cluster));
            for (key, value) in vars {
                let _ok = writeln!(out, "          {key}: {}", text(&value));
            }
            if cluster.entry.labels.is_empty() {
                continue;
            }
            out.push_str("          labels:\n");
            for (key, value) in cluster.entry.labels.iter() {
                let _ok = writeln!(out, "            {}: {}", text(key.as_str()), text(value.as_str()));
            }
        }
    }
    exported
}

/// A text in double quotes: what JSON writes is YAML as well.
fn text(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    if value.contains("{{") || value.contains("{%") || value.contains("{#") {
        return format!("!unsafe {quoted}");
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml;
    use crate::report::fixture;

    #[test]
    fn clusters_are_hosts_in_the_group_of_their_class() {
        let fleet = fixture::declared();
        let rows: Vec<&Cluster> = fleet.clusters.iter().map(AsRef::as_ref).collect();
        let exported = export(&rows);
        let parsed = yaml::read(&exported.text).unwrap().root.unwrap().to_json(&mut 10_000).unwrap();
        let hosts = &parsed["all"]["children"]["prod"]["hosts"];
        assert_eq!(hosts.as_object().unwrap().len(), 3);
        let host = &hosts["prod-us-east-1"];
        assert_eq!(host["k8s_api_server"], "https://prod-us-east-1.example:6443");
        assert_eq!(host["kube_context"], "prod-us-east-1");
        assert_eq!(host["k8s_version"], "v1.36.1");
        assert_eq!(host["owner"], "team platform");
        assert_eq!(host["labels"]["team"], "pay");
        assert_eq!(parsed["all"]["children"]["prod"]["vars"]["cluster_class"], "prod");
        assert!(exported.warnings.is_empty());
        assert!(yaml::read(&export(&[]).text).is_ok());
    }

    #[test]
    fn names_that_ansible_would_misread_are_told_and_templates_do_not_run() {
        let fleet = fixture::fleet();
        let mut cluster = fleet.clusters[0].as_ref().clone();
        cluster.entry.key = crate::fleet::ClusterKey::new(&"arn:aws:eks:eu:1:cluster/[x]".into());
        let labels = [("note".into(), "{{ lookup('pipe', 'id') }}".into())];
        cluster.entry.labels = std::sync::Arc::new(labels.into());
        let exported = export(&[&cluster]);
        assert!(exported.text.contains("\"arn-aws-eks-eu-1-cluster--x-\":"), "{}", exported.text);
        assert!(exported.text.contains("\"note\": !unsafe \"{{ lookup"), "{}", exported.text);
        assert_eq!(exported.warnings.len(), 1);
    }
}
