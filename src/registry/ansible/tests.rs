use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::folder::read;
use super::inventory::Inventory;
use super::sight::{Look, sighted};
use super::value::Value;
use crate::access::kubeconfig::load_text;
use crate::fleet::spec::{AnsibleMode, AnsibleSpec};
use crate::fleet::{CleanText, Problem};
use crate::registry::Sighted;
use crate::registry::kubeconfig::{Contexts, KnownContext};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Writes files (paths with folders) and reads what `path` leads to.
fn inventories(files: &[(&str, &str)], path: &str) -> Vec<(String, Inventory)> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    read(&dir.path().join(path)).unwrap().inventories
}

fn contexts() -> Contexts {
    let text = "clusters:\n- name: c\n  cluster:\n    server: https://real.test:6443\ncontexts:\n- name: eu-1\n  context:\n    cluster: c\n";
    let loaded = load_text(text.as_bytes().to_vec(), Path::new("/k"));
    let target = loaded.contexts[0].target.clone().unwrap();
    Contexts::new(vec![KnownContext {
        name: "eu-1".to_owned(),
        id: crate::fleet::SightingId { source: "/k".into(), reference: "eu-1".into() },
        server: Some(crate::registry::normal(&target.server)),
        target: Some(target),
        authorities: vec![crate::fleet::Fingerprint([7; 32])],
        fronted: false,
        unusable: None,
    }])
}

fn clusters(files: &[(&str, &str)], path: &str, spec: &AnsibleSpec) -> (Vec<Sighted>, Vec<Problem>) {
    let contexts = contexts();
    let source = CleanText::new("inv");
    sighted(&inventories(files, path), &Look { source: &source, spec, contexts: &contexts, now: now() })
}

/// All variables of all hosts, as `ansible-inventory --list` prints them.
fn hostvars(files: &[(&str, &str)], path: &str) -> BTreeMap<String, serde_json::Value> {
    let all = inventories(files, path);
    let inventory = &all[0].1;
    inventory
        .hosts
        .iter()
        .map(|host| {
            let groups = inventory.groups_of(host);
            let vars: serde_json::Map<_, _> = inventory
                .scope(host, &groups)
                .merged()
                .into_iter()
                .map(|(k, v)| (k.to_owned(), json(v)))
                .collect();
            (host.name.clone(), vars.into())
        })
        .collect()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(n) => n.parse::<i64>().unwrap().into(),
        Value::Float(n) => (*n).into(),
        Value::Text(t) => t.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => map.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
        Value::Encrypted => "encrypted".into(),
    }
}

const INI: &str = r#"
mgmt-1 note="a b"   # the hub
[prod]
eu-1 api_server=https://EU-1.example.test:6443 kube_context=eu-1 k8s_version=1.35.4 wave=4
us-1 k8s_version="1.30" api_server=us-1.example.test
ap-1 k8s_version="'1.30'"

[staging]
st-[01:03:2].example.test:2222 kube_version=1.30

[k8s_fleet:children]
prod
staging

[k8s_fleet:vars]
env=production
region = eu-west-1
port=6443
api_server=https://{{ inventory_hostname }}:{{ port }}
quoted="1.30"

[staging:vars]
env=staging
ansible_group_priority=5
"#;

#[test]
fn an_ini_inventory_gives_a_cluster_for_each_host() {
    let (found, problems) = clusters(&[("inv.ini", INI)], "inv.ini", &AnsibleSpec::default());
    assert_eq!(problems, []);
    let told: Vec<_> = found
        .iter()
        .map(|s| {
            let s = &s.sighting;
            let text = |t: &Option<CleanText>| t.as_ref().map_or("-", |t| t.as_str()).to_owned();
            let codes: Vec<_> = s.problems.iter().map(|p| p.code).collect();
            (s.name.as_str().to_owned(), text(&s.server), text(&s.facts.version_text), codes.join(" "))
        })
        .collect();
    let row = |name: &str, server: &str, version: &str, codes: &str| {
        (name.to_owned(), server.to_owned(), version.to_owned(), codes.to_owned())
    };
    assert_eq!(
        told,
        [
            row("mgmt-1", "-", "-", ""),
            row("eu-1", "https://eu-1.example.test:6443", "1.35.4", ""),
            row("us-1", "https://us-1.example.test:443", "-", "BARE_VERSION"),
            row("ap-1", "https://ap-1:6443", "1.30", ""),
            row("st-01.example.test", "https://st-01.example.test:6443", "-", "BARE_VERSION"),
            row("st-03.example.test", "https://st-03.example.test:6443", "-", "BARE_VERSION"),
        ]
    );
    let eu = &found[1].sighting;
    let labels: Vec<_> = eu.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["env=production", "group.k8s_fleet=true", "group.prod=true"]);
    assert_eq!(eu.properties.get(&CleanText::new("context")).unwrap().as_str(), "eu-1");
    assert_eq!(eu.facts.region.as_ref().unwrap().as_str(), "eu-west-1");
    // The server that the inventory says is another one than the context's, so its authorities do not count.
    assert_eq!(eu.authorities, []);
    assert_eq!(eu.origin.as_ref().unwrap().line, Some(4));
    let bare = &found[2].sighting.problems[0];
    assert_eq!(bare.origin.as_ref().unwrap().line, Some(5));
    assert!(bare.message.as_str().starts_with("k8s_version is a number"));
}

#[test]
fn the_same_inventory_in_every_form_gives_the_same_variables() {
    let yaml = r"
all:
  children:
    k8s_fleet:
      children:
        prod:
          hosts:
            eu-1: {kube_context: eu-1, k8s_version: 1.35.4}
            us-1:
          vars: {env: production}
        staging:
          hosts:
            st-[1:2].test: {k8s_version: 1.30}
      vars: {env: none, region: eu}
";
    let ini = "[prod]\neu-1 kube_context=eu-1 k8s_version=1.35.4\nus-1\n[prod:vars]\nenv=production\n[staging]\nst-[1:2].test k8s_version=1.30\n\
        [k8s_fleet:children]\nprod\nstaging\n[k8s_fleet:vars]\nenv=none\nregion=eu\n";
    // As `ansible-inventory --list` prints it.
    let list = r#"{"_meta": {"hostvars": {"eu-1": {"env": "production", "k8s_version": "1.35.4", "kube_context": "eu-1", "region": "eu"},
        "st-1.test": {"env": "none", "k8s_version": 1.3, "region": "eu"}, "st-2.test": {"env": "none", "k8s_version": 1.3, "region": "eu"},
        "us-1": {"env": "production", "region": "eu"}}, "profile": "inventory_legacy"},
        "all": {"children": ["ungrouped", "k8s_fleet"]}, "k8s_fleet": {"children": ["prod", "staging"]},
        "prod": {"hosts": ["eu-1", "us-1"]}, "staging": {"hosts": ["st-1.test", "st-2.test"]}}"#;
    // As it prints it with `--export`.
    let export = r#"{"_meta": {"hostvars": {"eu-1": {"k8s_version": "1.35.4", "kube_context": "eu-1"}, "st-1.test": {"k8s_version": 1.3},
        "st-2.test": {"k8s_version": 1.3}}}, "all": {"children": ["ungrouped", "k8s_fleet"]},
        "k8s_fleet": {"children": ["prod", "staging"], "vars": {"env": "none", "region": "eu"}},
        "prod": {"hosts": ["eu-1", "us-1"], "vars": {"env": "production"}}, "staging": {"hosts": ["st-1.test", "st-2.test"]}}"#;
    let expect = hostvars(&[("i.yml", yaml)], "i.yml");
    assert_eq!(expect["us-1"], serde_json::json!({"env": "production", "region": "eu"}));
    assert_eq!(expect["st-2.test"], serde_json::json!({"env": "none", "region": "eu", "k8s_version": 1.3}));
    for (name, text) in [
        ("hosts", ini),
        ("hosts", yaml),
        ("i.ini", ini),
        ("l.json", list),
        ("hosts", list),
        ("e.json", export),
    ] {
        assert_eq!(hostvars(&[(name, text)], name), expect, "{name} {text}");
    }
}

#[test]
fn a_list_without_meta_and_with_bare_groups_still_names_its_hosts() {
    let text = r#"{"prod": ["eu-1", "us-1"], "lab": {"hosts": ["l-1"], "vars": {"env": "lab"}}, "all": {"children": ["prod", "lab"]}}"#;
    let (found, problems) = clusters(&[("l.json", text)], "l.json", &AnsibleSpec::default());
    let mut names: Vec<_> = found.iter().map(|s| s.sighting.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["eu-1", "l-1", "us-1"]);
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["NO_HOSTVARS"]);
}

#[test]
fn variables_are_laid_over_each_other_in_ansibles_order() {
    let files = [
        (
            "inv/hosts",
            "[a]\nh own=inventory inline=host\n[b]\nh\n[outer:children]\na\nb\n[a:vars]\nv=a\nonly=a-inline\nx=a\n[b:vars]\nv=b\nx=b\nansible_group_priority=0\n[outer:vars]\nv=outer\n[all:vars]\nv=all\nlow=all\n",
        ),
        ("inv/group_vars/all.yml", "only: all-folder\nlow: all-folder\nlevel: all\n"),
        ("inv/group_vars/a/20.yml", "level: a20\nd: 20\n"),
        ("inv/group_vars/a/10.yaml", "level: a10\nd: 10\ne: 10\n"),
        ("inv/group_vars/a/.hidden.yml", "e: hidden\n"),
        ("inv/group_vars/a/note.txt", "e: note\n"),
        ("inv/group_vars/a/sub/x.json", "{\"sub\": 1}"),
        ("inv/group_vars/a.yml", "level: never\n"),
        ("inv/group_vars/b", "none: without ending\n"),
        ("inv/group_vars/b.yml", "none: never\n"),
        ("inv/host_vars/h.yml", "own: folder\nsecret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3738\n"),
        ("inv/host_vars/other.yml", "own: other\n"),
    ];
    let expect = serde_json::json!({
        "own": "folder", "inline": "host", "v": "b", "x": "b", "only": "all-folder", "low": "all-folder", "level": "a20",
        "d": 20, "e": 10, "sub": 1, "none": "without ending", "secret": "encrypted",
    });
    assert_eq!(hostvars(&files, "inv/hosts")["h"], expect);
    assert_eq!(hostvars(&files, "inv")["h"], expect);
    // A higher priority wins over the alphabet.
    let text = files[0].1.replace("[a:vars]\n", "[a:vars]\nansible_group_priority=9\n");
    assert_eq!(hostvars(&[("hosts", &text)], "hosts")["h"]["x"], "a");
}

#[test]
fn a_context_lends_its_server_and_its_authorities() {
    let text = "eu-1 kube_context=eu-1\nus-1 kubeconfig=~/.kube/us\nx-1 kube_context=eu-1 api_server=https://real.test:6443/\n";
    let (found, _) = clusters(&[("i.ini", text)], "i.ini", &AnsibleSpec::default());
    for index in [0, 2] {
        let sighting = &found[index].sighting;
        assert_eq!(sighting.server.as_ref().unwrap().as_str(), "https://real.test:6443");
        assert_eq!(sighting.authorities.len(), 1);
        assert!(found[index].target.is_none() && sighting.path.is_none());
    }
    let us = &found[1].sighting.properties;
    assert_eq!(us.get(&CleanText::new("kubeconfig")).unwrap().as_str(), "~/.kube/us");
}

#[test]
fn only_the_variables_that_are_named_are_shown() {
    let text = "eu-1 ansible_password=hunter2 token=abc provider=kubeadm kube_version=1.35.4 stage=live\n";
    let spec = AnsibleSpec { label_vars: vec!["stage".to_owned()], ..AnsibleSpec::default() };
    let (found, _) = clusters(&[("i.ini", text)], "i.ini", &spec);
    let shown = format!("{:?}", found[0].sighting);
    assert!(!shown.contains("hunter2") && !shown.contains("abc") && shown.contains("kubeadm"), "{shown}");
    assert_eq!(found[0].sighting.labels.get(&CleanText::new("stage")).unwrap().as_str(), "live");
}

#[test]
fn only_hosts_of_the_groups_that_are_asked_for_are_clusters() {
    let spec =
        AnsibleSpec { groups: vec!["k8s_fleet".to_owned(), "none".to_owned()], ..AnsibleSpec::default() };
    let (found, problems) = clusters(&[("inv.ini", INI)], "inv.ini", &spec);
    assert_eq!(found.len(), 5);
    assert_eq!(problems.iter().map(|p| p.subject.as_str()).collect::<Vec<_>>(), ["group none"]);
}

#[test]
fn kubespray_inventories_are_a_cluster_each() {
    let ini = "[all]\ncp-1 ansible_host=10.1.0.1 ip=10.2.0.1\nn-1\nn-2\n[kube_control_plane]\ncp-1\n[etcd]\ncp-1\n[kube_node]\nn-[1:2]\n\
        [k8s_cluster:children]\nkube_control_plane\nkube_node\n";
    let files = [
        ("k/prod/inventory.ini", ini),
        ("k/prod/group_vars/k8s_cluster/k8s-cluster.yml", "kube_version: 1.33.4\ncluster_class: core\n"),
        (
            "k/prod/group_vars/all/all.yml",
            "loadbalancer_apiserver:\n  address: lb.example.test\n  port: 8443\n",
        ),
        ("k/lab/inventory.ini", ini),
        ("k/lab/group_vars/k8s_cluster/k8s-cluster.yml", "kube_version: 1.30\n"),
        ("k/README.md", "read me"),
    ];
    let spec = AnsibleSpec { mode: AnsibleMode::Group, ..AnsibleSpec::default() };
    let (found, problems) = clusters(&files, "k", &spec);
    assert_eq!(problems, []);
    let told: Vec<_> = found
        .iter()
        .map(|s| {
            let s = &s.sighting;
            let nodes = s.properties.get(&CleanText::new("nodes")).unwrap().as_str();
            let version = s.facts.version.as_ref().map(ToString::to_string).unwrap_or_default();
            (s.name.as_str(), s.server.as_ref().unwrap().as_str(), nodes, version)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("lab", "https://10.2.0.1:6443", "3", String::new()),
            ("prod", "https://lb.example.test:8443", "3", "v1.33.4".to_owned()),
        ]
    );
    assert_eq!(found[0].sighting.problems[0].code, "BARE_VERSION");
    assert_eq!(found[1].sighting.labels.get(&CleanText::new("cluster_class")).unwrap().as_str(), "core");
    // One inventory, and its groups are the clusters.
    let ini = "[eu]\na kube_version=1.35.1\nb\n[us]\nc\n[none]\n";
    let groups = ["eu", "us", "none"].map(str::to_owned).to_vec();
    let (found, _) = clusters(&[("h.ini", ini)], "h.ini", &AnsibleSpec { groups, ..spec });
    let names: Vec<_> = found.iter().map(|s| s.sighting.name.as_str()).collect();
    assert_eq!(names, ["eu", "us"]);
}

#[test]
fn what_is_wrong_has_a_place_and_the_rest_loads() {
    for (name, text, code, line) in [
        ("i.ini", "a\nb c\n", "BAD_LINE", 2),
        ("i.ini", "a\nb c='d\n", "BAD_LINE", 2),
        ("i.ini", "a\nb[1:9999999]\n", "BAD_HOST", 2),
        ("i.ini", "a\n[x:tasks]\nb\n", "BAD_SECTION", 2),
        ("i.ini", "a\n[x:vars]\nk=v\n", "UNKNOWN_GROUP", 2),
        ("i.ini", "a\n[x:children]\ny\n", "UNKNOWN_GROUP", 3),
        ("i.ini", "a\n[x:vars]\nkv\n[x]\n", "BAD_LINE", 3),
        ("i.yml", "all:\n  hosts: {a\n  b]\n", "BAD_YAML", 2),
        ("i.yml", "all:\n  hosts: {a: }\nx:\n  hosts: [b]\n", "BAD_GROUP", 4),
        ("i.yml", "all:\n  hosts: a\nx: text\n", "BAD_GROUP", 3),
        ("i.yml", "- a\n", "BAD_INVENTORY", 0),
        ("i.yml", "plugin: aws_ec2\n", "NOT_RUN", 0),
        ("i.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n", "ENCRYPTED", 0),
        ("i.ini", "[x:children]\ny\n[y:children]\nx\n[x]\na\n[y]\n", "LOOP", 0),
    ] {
        let (found, problems) = clusters(&[(name, text)], name, &AnsibleSpec::default());
        let told: Vec<_> =
            problems.iter().map(|p| (p.code, p.origin.as_ref().and_then(|o| o.line).unwrap_or(0))).collect();
        assert_eq!(told, [(code, line)], "{text}");
        let empty = matches!(code, "BAD_YAML" | "BAD_INVENTORY" | "NOT_RUN" | "ENCRYPTED");
        assert_eq!(found.is_empty(), empty, "{text}");
    }
}

#[test]
fn programs_in_a_folder_of_inventories_are_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "eu-1\n").unwrap();
    let script = dir.path().join("dynamic");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}/ran\n", dir.path().display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let disk = read(dir.path()).unwrap();
    let inventory = &disk.inventories[0].1;
    assert_eq!(inventory.hosts.len(), 1);
    assert_eq!(inventory.problems[0].code, "NOT_RUN");
    assert!(!dir.path().join("ran").exists());
    assert!(disk.looked_at.iter().any(|(path, _)| *path == script));
}

#[test]
fn arbitrary_text_never_panics() {
    use proptest::prelude::*;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    runner
        .run(&"[\\[\\]a-c:0-9=#'\"\\\\{} \n\u{fe}-\u{110}]{0,120}", |text| {
            let mut inventory = Inventory::new();
            super::ini::read(&text, &mut inventory, 0);
            inventory.finish();
            for host in &inventory.hosts {
                let groups = inventory.groups_of(host);
                let scope = inventory.scope(host, &groups);
                drop((scope.filled(&text), Arc::new(scope.merged())));
            }
            Ok(())
        })
        .unwrap();
}
