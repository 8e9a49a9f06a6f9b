//! Entries: names, duplicates, references, types.

use std::fs;

use super::*;

#[test]
fn one_broken_context_among_a_thousand_keeps_none_of_the_others() {
    let mut input = "clusters:\n- name: c\n  cluster:\n    server: https://h\nusers:\n- name: u\n  user:\n    token: t\ncontexts:\n".to_owned();
    for i in 0..1000 {
        let cluster = if i == 500 { "missing" } else { "c" };
        input.push_str(&format!("- name: n{i}\n  context:\n    cluster: {cluster}\n    user: u\n"));
    }
    let loaded = text(&input);
    assert_eq!(loaded.contexts.iter().filter(|c| c.target.is_some()).count(), 999);
    let problem = loaded.contexts[500].unusable().unwrap();
    assert_eq!((problem.code, line(problem)), ("UNKNOWN_CLUSTER", Some(10 + 500 * 4 + 2)));
}

#[test]
fn a_badly_typed_field_costs_its_own_entry() {
    for (cluster, user, codes, usable) in [
        ("certificate-authority-data: [1]", "token: t", &["BAD_FIELD"][..], false),
        ("insecure-skip-tls-verify: maybe", "token: t", &["BAD_FIELD"], false),
        ("insecure-skip-tls-verify: \"true\"", "token: t", &["BAD_FIELD"], false),
        ("disable-compression: null", "token: t", &[], true),
        ("insecure-skip-tls-verify: yes", "token: t", &[], true),
        ("server: {a: b}", "token: t", &["BAD_FIELD"], false),
        ("extensions: 5", "token: t", &["BAD_FIELD"], false),
        ("tls-server-name: ''", "token: 12345", &[], true),
        ("", "token: {a: b}", &["BAD_FIELD"], false),
        ("", "as-groups: x", &["BAD_FIELD"], false),
        ("", "exec: []", &["BAD_FIELD"], false),
        ("", "token: null", &[], true),
        ("", "token: t\nunknown: [1, {a: b}]", &[], true),
        ("server: https://h\nserver: https://i", "token: t", &["DUPLICATE_KEY"], true),
    ] {
        let loaded = with(cluster, user);
        assert_eq!(verdict(&loaded), (codes.to_vec(), usable), "{cluster} {user}");
    }
    let loaded = with("server: https://h\nserver: https://i", "token: t");
    assert_eq!(loaded.contexts[0].access.server.as_ref().unwrap().as_str(), "https://i");
    assert_eq!(line(&loaded.contexts[0].problems[0]), Some(5));
}

#[test]
fn entries_that_are_no_entries_are_problems_of_the_file() {
    let loaded = text(
        "clusters: nonsense\nusers:\n- 5\n- name: [a]\n  user: {}\n- name: u\n  user: text\ncontexts:\n- name: a\n- context: {}\n- name: b\n  context: [x]\n",
    );
    assert_eq!(codes(&loaded.files[0].problems), ["BAD_FIELD", "BAD_ENTRY", "BAD_FIELD", "BAD_FIELD"]);
    assert_eq!(
        loaded.files[0].problems.iter().map(line).collect::<Vec<_>>(),
        [Some(1), Some(3), Some(4), Some(7)]
    );
    // The user entry is used by nobody, so its error is only a warning.
    assert_eq!(loaded.files[0].problems[3].severity, Severity::Warning);
    let told: Vec<_> =
        loaded.contexts.iter().map(|c| (c.name.as_str(), c.unusable().unwrap().code)).collect();
    assert_eq!(told, [("a", "NO_CLUSTER"), ("", "NO_CLUSTER"), ("b", "BAD_FIELD")]);
}

#[test]
fn inside_one_file_the_first_of_a_name_is_used_and_the_context_is_marked() {
    let loaded = text(
        "clusters:\n- name: c\n  cluster:\n    server: https://first\n- name: c\n  cluster:\n    server: https://second\n\
         users:\n- name: u\n  user:\n    token: t\n\
         contexts:\n- name: x\n  context:\n    cluster: c\n    user: u\n- name: x\n  context:\n    cluster: c\n    user: u\n    namespace: other\n- name: y\n  context:\n    cluster: c\n    user: u\n",
    );
    let told: Vec<_> =
        loaded.contexts.iter().map(|c| (c.name.as_str(), codes(&c.problems), c.target.is_some())).collect();
    assert_eq!(
        told,
        [
            ("x", vec!["DUPLICATE_NAME", "DUPLICATE_NAME"], true),
            ("x", vec!["DUPLICATE_NAME", "DUPLICATE_CONTEXT"], false),
            ("y", vec!["DUPLICATE_NAME"], true),
        ]
    );
    assert_eq!(loaded.contexts[2].access.server.as_ref().unwrap().as_str(), "https://first");
    assert!(loaded.contexts[0].problems[0].message.as_str().contains("line 5"));
    assert!(loaded.contexts[0].problems[1].message.as_str().contains("line 17"));
}

#[test]
fn files_with_the_same_names_do_not_mix_and_equal_contexts_are_shown_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, server: &str, more: &str| {
        let path = dir.path().join(name);
        let text = format!(
            "current-context: '{more}'\nclusters:\n- name: kubernetes\n  cluster:\n    server: https://{server}\n\
             users:\n- name: admin\n  user:\n    token: t-{server}\n\
             contexts:\n- name: admin@kubernetes\n  context:\n    cluster: kubernetes\n    user: admin\n"
        );
        fs::write(&path, text).unwrap();
        path
    };
    let contexts_only = dir.path().join("4");
    fs::write(
        &contexts_only,
        "contexts:\n- name: extra\n  context:\n    cluster: kubernetes\n    user: admin\n",
    )
    .unwrap();
    let explicit = vec![
        file("1", "a", ""),
        file("2", "b", "admin@kubernetes"),
        file("3", "a", "nonsense"),
        contexts_only,
    ];
    let loaded = load(&Search { explicit, ..Search::default() });
    let servers: Vec<_> = loaded
        .contexts
        .iter()
        .map(|c| (c.name.as_str(), c.access.server.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(
        servers,
        [("admin@kubernetes", "https://a"), ("admin@kubernetes", "https://b"), ("extra", "https://a")]
    );
    assert_eq!(codes(&loaded.files[2].problems), ["SAME_CONTEXT"]);
    // The first current-context that is not empty, in its own file.
    assert_eq!(loaded.current, Some(1));
    assert_eq!(loaded.contexts[0].identity_key, loaded.contexts[2].identity_key);
    assert_ne!(loaded.contexts[0].identity_key, loaded.contexts[1].identity_key);
}

#[test]
fn names_may_hold_anything_and_are_only_shown_clean() {
    for name in [
        "../../etc/passwd",
        "a/b\\c:d",
        "CON",
        "..",
        "",
        "two\nlines",
        "right\u{202e}left",
        "esc\u{1b}[31m",
        "größe 東京",
        &"x".repeat(1 << 20),
    ] {
        let quoted = serde_json::to_string(name).unwrap();
        let loaded = text(&format!(
            "clusters:\n- name: {quoted}\n  cluster:\n    server: https://h\nusers:\n- name: {quoted}\n  user:\n    token: t\n\
             contexts:\n- name: {quoted}\n  context:\n    cluster: {quoted}\n    user: {quoted}\ncurrent-context: {quoted}\n"
        ));
        let context = &loaded.contexts[0];
        assert_eq!(context.name, name);
        let shown = context.access.identity.as_str();
        assert!(shown.len() < 1100 && !shown.chars().any(char::is_control) && !shown.contains('\u{202e}'));
        if name.is_empty() {
            assert_eq!(verdict(&loaded), (vec!["NO_CLUSTER", "NO_USER"], false));
        } else {
            assert_eq!(verdict(&loaded), (vec![], true), "{shown}");
            assert_eq!(loaded.current, Some(0));
        }
    }
}

#[test]
fn a_current_context_that_leads_nowhere_is_a_note() {
    for (line, codes_expected, current) in [
        ("", &[][..], None),
        ("current-context: ''\n", &["CURRENT_CONTEXT"], None),
        ("current-context: gone\n", &["CURRENT_CONTEXT"], None),
        ("current-context: a\n", &[], Some(0)),
        ("current-context:\n", &[], None),
    ] {
        let loaded = text(&format!("{}{line}", entry("a")));
        assert_eq!(codes(&loaded.problems), codes_expected, "{line}");
        assert!(loaded.problems.iter().all(|p| p.severity == Severity::Note));
        assert_eq!(loaded.current, current, "{line}");
    }
}

#[test]
fn servers_are_judged_by_what_they_are() {
    for (server, codes, usable) in [
        ("127.0.0.1:6443", &["NO_SCHEME"][..], true),
        ("https://rancher/k8s/clusters/c1", &[], true),
        ("ftp://h", &["BAD_SERVER"], false),
        ("unix:/run/x", &["BAD_SERVER"], false),
        ("https://user:hunter2@h", &["CREDENTIALS_IN_URL"], false),
        ("https://a b", &["BAD_SERVER"], false),
        ("https://h:99999", &["BAD_SERVER"], false),
        ("https://169.254.169.254", &["METADATA_ADDRESS"], false),
        ("''", &["NO_SERVER"], false),
        ("null", &["NO_SERVER"], false),
        ("https://h?x", &["BAD_SERVER"], true),
    ] {
        let loaded = with(&format!("server: {server}"), "token: t");
        assert_eq!(verdict(&loaded), (codes.to_vec(), usable), "{server}");
        assert!(!format!("{loaded:?}").contains("hunter2"));
    }
    let loaded =
        text("clusters:\n- name: c\n  cluster: {}\ncontexts:\n- name: one\n  context: {cluster: c}\n");
    assert_eq!(verdict(&loaded), (vec!["NO_SERVER", "NO_USER"], false));
    assert_eq!(line(&loaded.contexts[0].problems[0]), Some(2));
}

#[test]
fn namespaces_must_be_names() {
    for (namespace, usable) in [
        ("kube-system", true),
        ("5", true),
        ("Upper", false),
        ("-a", false),
        ("a/b", false),
        (&*"a".repeat(64), false),
    ] {
        let loaded = text(&format!("{}    namespace: {namespace}\n", entry("a")));
        assert_eq!(loaded.contexts[0].target.is_some(), usable, "{namespace}");
        if let Some(target) = &loaded.contexts[0].target {
            assert_eq!(target.namespace, namespace);
        } else {
            assert_eq!(verdict(&loaded).0, ["BAD_NAMESPACE"]);
        }
    }
    assert_eq!(text(&entry("a")).contexts[0].target.as_ref().unwrap().namespace, "default");
}

#[test]
fn a_proxy_is_checked_and_shown_without_its_password() {
    let loaded = with("proxy-url: http://ana:hunter2@proxy:3128", "token: t");
    assert_eq!(verdict(&loaded), (vec![], true));
    assert_eq!(loaded.contexts[0].access.proxy.as_ref().unwrap().as_str(), "http://proxy:3128");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    for bad in ["proxy:3128", "ftp://x", "http://ana:hunter2@"] {
        let loaded = with(&format!("proxy-url: {bad}"), "token: t");
        assert_eq!(verdict(&loaded), (vec!["BAD_PROXY"], false), "{bad}");
        assert!(!format!("{loaded:?}").contains("hunter2"));
    }
}

#[test]
fn anchors_merge_keys_tabs_and_carriage_returns_take_the_long_way() {
    let loaded = text(
        "base: &base {server: 'https://h', disable-compression: true}\nclusters:\n- name: c\n  cluster:\n    <<: *base\n\
         users:\n- name: u\n  user: &u\n    token: >-\n      t\ncontexts:\n- {name: one, context: {cluster: c, user: u}}\n",
    );
    assert_eq!(verdict(&loaded), (vec![], true));
    assert!(loaded.contexts[0].target.as_ref().unwrap().disable_compression);
    let loaded = text(&entry("a").replace('\n', "\r\n"));
    assert_eq!(verdict(&loaded), (vec![], true));
    let loaded = text(&entry("a").replace("token: ", "token:\t"));
    assert_eq!(verdict(&loaded), (vec![], true));
}
