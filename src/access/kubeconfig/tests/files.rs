//! Files: what they are, where they are found, how they are encoded.

use std::fs;
use std::time::Duration;

use super::*;
use crate::clock::Clock;

fn one(bytes: &[u8]) -> Loaded {
    load_text(bytes.to_vec(), Path::new(PATH))
}

fn explicit(paths: &[PathBuf]) -> Loaded {
    load(&Search { explicit: paths.to_vec(), ..Search::default() })
}

#[test]
fn a_file_without_content_is_an_empty_config_and_a_note() {
    for input in ["", "\n\n", "# only\n# comments\n", "---\n", "---", "--- \n...\n", "{}", "null", "\u{feff}"]
    {
        let loaded = text(input);
        assert_eq!(codes(&loaded.files[0].problems), ["EMPTY"], "{input:?}");
        assert_eq!(loaded.files[0].problems[0].severity, Severity::Note);
        assert_eq!((loaded.files[0].outcome, loaded.contexts.len()), (Outcome::Read, 0));
    }
}

#[test]
fn utf16_is_read_and_half_a_character_is_an_error_with_the_path() {
    let text = entry("größe");
    let little: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> =
        [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    for bytes in [&little, &big] {
        assert_eq!(one(bytes).contexts[0].name, "größe");
        let loaded = one(&bytes[..bytes.len() - 1]);
        let problem = &loaded.files[0].problems[0];
        assert_eq!((problem.code, problem.severity), ("BAD_ENCODING", Severity::Error));
        assert_eq!(problem.origin.as_ref().unwrap().path, Path::new(PATH));
    }
    let lonely = one(&[0xff, 0xfe, b'a', 0, 0x00, 0xd8]);
    assert!(lonely.files[0].problems[0].message.as_str().contains("byte 4"));
}

#[test]
fn bytes_that_are_no_text_are_an_error_with_their_offset() {
    for (bytes, at) in [
        (&b"a: b\xff"[..], "UTF-8 at byte 4"),
        (b"a: \xe2\x82", "UTF-8 at byte 3"),
        (b"a: b\0c", "at byte 4"),
        (b"\0", "at byte 0"),
        (b"\xff\xfea\0\0\0", "at byte 4"),
    ] {
        let loaded = one(bytes);
        let problem = &loaded.files[0].problems[0];
        assert_eq!(problem.code, "BAD_ENCODING");
        assert!(problem.message.as_str().contains(at), "{}", problem.message);
    }
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend(entry("a").bytes());
    assert_eq!(one(&marked).contexts.len(), 1);
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_opened_and_the_error_names_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::File::create(at("sparse")).unwrap().set_len(1 << 30).unwrap();
    fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink("loop-b", at("loop-a")).unwrap();
    std::os::unix::fs::symlink("loop-a", at("loop-b")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
    let clock = Clock::system();
    let started = clock.tick();
    for (path, code, word) in [
        (at("fifo"), "NOT_A_FILE", "FIFO"),
        (at("socket"), "NOT_A_FILE", "socket"),
        (PathBuf::from("/dev/zero"), "NOT_A_FILE", "device"),
        (at("sparse"), "TOO_LARGE", "128 MiB"),
        (at("loop-a"), "UNREADABLE", "back to itself"),
        (at("dangling"), "NOT_FOUND", "leads nowhere"),
        (at("missing"), "NOT_FOUND", "does not exist"),
        (at("missing/below"), "NOT_FOUND", "does not exist"),
    ] {
        let loaded = explicit(std::slice::from_ref(&path));
        let problem = &loaded.files[0].problems[0];
        assert_eq!((problem.code, problem.severity), (code, Severity::Error), "{path:?}");
        assert!(problem.message.as_str().contains(word), "{path:?}: {}", problem.message);
        assert!(!problem.message.as_str().contains("os error"));
    }
    let env = Some(at("folder").into_os_string());
    let listed = load(&Search { env, ..Search::default() });
    assert_eq!(codes(&listed.files[0].problems), ["NOT_A_FILE"]);
    assert!(listed.files[0].problems[0].message.as_str().contains("directory"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn a_folder_is_read_in_order_and_what_is_no_kubeconfig_is_skipped_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("b.yaml"), entry("b")).unwrap();
    fs::write(at("a.yaml"), entry("a")).unwrap();
    fs::write(at("broken.yaml"), "contexts: [\n").unwrap();
    fs::write(at("deploy.yaml"), "apiVersion: apps/v1\nkind: Deployment\n").unwrap();
    fs::write(at("notes.txt"), "the password is hunter2\n").unwrap();
    fs::write(at("picture.png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    fs::create_dir(at("deeper")).unwrap();
    fs::write(at("deeper/c.yaml"), entry("c")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
    std::os::unix::fs::symlink("ring", at("ring")).unwrap();
    let loaded = explicit(&[dir.path().to_path_buf()]);
    let names: Vec<_> = loaded.contexts.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let told: Vec<_> = loaded
        .files
        .iter()
        .filter(|f| f.outcome == Outcome::Skipped)
        .map(|f| {
            let name = f.path.file_name().unwrap().to_str().unwrap();
            (name, f.problems[0].code, f.problems[0].severity)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("broken.yaml", "BAD_YAML", Severity::Warning),
            ("dangling", "NOT_FOUND", Severity::Note),
            ("deploy.yaml", "NOT_A_KUBECONFIG", Severity::Note),
            ("notes.txt", "NOT_A_KUBECONFIG", Severity::Note),
            ("picture.png", "BAD_ENCODING", Severity::Note),
            ("ring", "UNREADABLE", Severity::Note),
        ]
    );
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert_eq!(loaded.looked_in().len(), 1);
}

#[cfg(unix)]
#[test]
fn links_in_a_folder_lead_no_further_than_the_folder_and_the_home_of_the_person() {
    use std::os::unix::fs::symlink;
    let (outside, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = home.path().join("shared");
    let at = |name: &str| folder.join(name);
    fs::create_dir(&folder).unwrap();
    fs::create_dir(at("..data")).unwrap();
    fs::write(at("..data/inside"), entry("inside")).unwrap();
    fs::write(home.path().join("own"), entry("own")).unwrap();
    fs::write(outside.path().join("other"), entry("other")).unwrap();
    fs::write(outside.path().join("shadow"), "root:hunter2:19000:0:99999:7:::\n").unwrap();
    symlink("..data/inside", at("inside")).unwrap();
    symlink(home.path().join("own"), at("own")).unwrap();
    symlink(outside.path().join("other"), at("other")).unwrap();
    symlink(outside.path().join("shadow"), at("shadow")).unwrap();
    symlink("shadow", at("twice")).unwrap();
    symlink("/etc/shadow", at("system")).unwrap();
    let load = |home: Option<&Path>| {
        load(&Search {
            explicit: vec![folder.clone()],
            home: home.map(Path::to_path_buf),
            ..Search::default()
        })
    };
    let names = |loaded: &Loaded| loaded.contexts.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let loaded = load(Some(home.path()));
    assert_eq!(names(&loaded), ["inside", "own"]);
    let skipped: Vec<_> = loaded.files.iter().filter(|f| f.outcome == Outcome::Skipped).collect();
    assert_eq!(skipped.len(), 4);
    for file in skipped {
        assert_eq!(codes(&file.problems), ["OUTSIDE"], "{file:?}");
        assert!(file.problems[0].message.as_str().contains("leads out of the folder"));
    }
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert_eq!(names(&load(None)), ["inside"]);
    // Whoever names the file means it; a file that is no kubeconfig is not quoted.
    let named = explicit(&[at("other"), at("shadow")]);
    assert_eq!(names(&named), ["other"]);
    assert!(!format!("{named:?}").contains("hunter2"));
}

#[test]
fn the_environment_list_skips_what_is_missing_and_reads_on_after_a_bad_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a"), entry("a")).unwrap();
    fs::write(at("bad"), "\"never closed").unwrap();
    fs::write(at("b"), entry("b")).unwrap();
    let list = |names: &[&str]| {
        Some(
            std::env::join_paths(names.iter().map(|n| if n.is_empty() { PathBuf::new() } else { at(n) }))
                .unwrap(),
        )
    };
    let loaded = load(&Search { env: list(&["", "a", "missing", "a", "bad", "", "b"]), ..Search::default() });
    let outcomes: Vec<_> = loaded.files.iter().map(|f| f.outcome).collect();
    assert_eq!(outcomes, [Outcome::Read, Outcome::Missing, Outcome::Refused, Outcome::Read]);
    assert_eq!(loaded.contexts.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(codes(&loaded.files[2].problems), ["BAD_YAML"]);
    assert!(loaded.problems.is_empty() && loaded.files[1].problems.is_empty());

    let none = load(&Search { env: list(&["missing", "also"]), ..Search::default() });
    assert_eq!(codes(&none.problems), ["NOT_FOUND"]);
    assert_eq!(none.problems[0].severity, Severity::Warning);
}

#[test]
fn without_names_the_default_file_is_read_and_its_absence_is_no_problem() {
    let home = tempfile::tempdir().unwrap();
    let search = Search { home: Some(home.path().to_path_buf()), env: Some("".into()), ..Search::default() };
    let loaded = load(&search);
    assert_eq!(loaded.looked_in(), [("$KUBECONFIG".to_owned(), false), ("~/.kube/config".to_owned(), false)]);
    assert!(loaded.problems.is_empty() && loaded.files[0].problems.is_empty());
    fs::create_dir(home.path().join(".kube")).unwrap();
    fs::write(home.path().join(".kube/config"), entry("a")).unwrap();
    let loaded = load(&search);
    assert_eq!(loaded.looked_in()[1], ("~/.kube/config".to_owned(), true));
    assert_eq!((loaded.contexts.len(), loaded.files[0].contexts), (1, 1));
    assert_eq!(loaded.files[0].shown.as_str(), "~/.kube/config");
}

#[test]
fn a_named_file_beats_the_environment_and_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), entry("a")).unwrap();
    let search = Search {
        explicit: vec![dir.path().join("missing"), dir.path().join("missing")],
        env: Some(dir.path().join("a").into_os_string()),
        home: None,
    };
    let loaded = load(&search);
    assert_eq!((loaded.files.len(), loaded.contexts.len()), (1, 0));
    assert_eq!(loaded.files[0].problems[0].severity, Severity::Error);
}

#[test]
fn alias_bombs_and_deep_nesting_end_fast() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..40 {
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", format!("*a{}, ", i - 1).repeat(9)));
    }
    bomb.push_str("clusters: *a39\n");
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for i in 1..200_000 {
        chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    let mut merges = "m0: &m0 {x: 1}\n".to_owned();
    for i in 1..24 {
        merges.push_str(&format!("m{i}: &m{i} {{<<: [*m{0}, *m{0}]}}\n", i - 1));
    }
    merges.push_str("clusters:\n- <<: *m20\n- <<: *m20\n");
    let mut stairs = String::new();
    for i in 0..20_000 {
        stairs.push_str(&format!("{}a:\n", " ".repeat(i % 300)));
    }
    for (input, code) in [
        (bomb, "BAD_YAML"),
        (chain, "BAD_YAML"),
        (merges, "BAD_YAML"),
        ("[".repeat(20_000), "BAD_YAML"),
        ("{a: ".repeat(20_000), "BAD_YAML"),
        ("- ".repeat(20_000), "BAD_YAML"),
        (stairs, "BAD_YAML"),
        ("a: &a [*a]\n".to_owned(), "BAD_YAML"),
    ] {
        let clock = Clock::system();
        let started = clock.tick();
        let loaded = text(&input);
        assert_eq!(codes(&loaded.files[0].problems), [code], "{input:.40}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn twenty_thousand_contexts_are_all_there() {
    let mut text = "clusters:\n- name: c\n  cluster:\n    server: https://h\nusers:\n- name: u\n  user:\n    token: t\ncontexts:\n".to_owned();
    for i in 0..20_000 {
        text.push_str(&format!("- context:\n    cluster: c\n    user: u\n  name: prod-{i}\n"));
    }
    let clock = Clock::system();
    let started = clock.tick();
    let loaded = super::text(&text);
    assert_eq!(loaded.contexts.iter().filter(|c| c.target.is_some()).count(), 20_000);
    // The same through the YAML parser.
    let loaded = super::text(&text.replace("prod-0\n", "'prod''s'\n"));
    assert_eq!(loaded.contexts.iter().filter(|c| c.target.is_some()).count(), 20_000);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn errors_never_repeat_what_the_file_holds() {
    for input in [
        "users:\n- name: u\n  user:\n    token: \"hunter2\n",
        "users: {hunter2: [",
        "token: hunter2: hunter2\n",
        "- hunter2",
        "hunter2",
        "kind: hunter2 is not a word\n",
        "apiVersion: hunter2\n",
        "hunter2: true\n",
        "users:\n- hunter2\n",
        "clusters: hunter2\n",
    ] {
        let loaded = text(input);
        assert!(!loaded.files[0].problems.is_empty(), "{input}");
        assert!(!format!("{loaded:?}").contains("hunter2"), "{input}: {loaded:?}");
    }
}

#[test]
fn other_kinds_of_documents_are_refused_in_words() {
    for (input, words) in [
        ("apiVersion: apps/v1\nkind: Deployment\n", "a Deployment"),
        ("kind: Config\napiVersion: v2\n", "apiVersion"),
        ("[1, 2]", "a list"),
        ("just text", "text"),
        ("foo: bar\n", "neither clusters nor contexts"),
    ] {
        let loaded = text(input);
        assert_eq!(loaded.files[0].outcome, Outcome::Refused);
        assert_eq!(codes(&loaded.files[0].problems), ["NOT_A_KUBECONFIG"], "{input}");
        assert!(loaded.files[0].problems[0].message.as_str().contains(words), "{input}");
    }
}

#[test]
fn json_and_a_second_document_are_understood() {
    let json = r#"{
	"kind": "Config", "apiVersion": "v1",
	"clusters": [{"name": "c", "cluster": {"server": "https:\/\/h", "insecure-skip-tls-verify": true}}],
	"users": null, "unknown": {"a": [1]},
	"contexts": [{"name": "\u006fne", "context": {"cluster": "c", "user": ""}}]
}"#;
    let loaded = text(json);
    assert_eq!(loaded.contexts[0].name, "one");
    assert!(loaded.contexts[0].target.as_ref().unwrap().tls.insecure && loaded.contexts[0].access.insecure);

    let two = format!("{}---\n{}", entry("a"), entry("b"));
    let loaded = text(&two);
    assert_eq!(loaded.contexts.len(), 1);
    assert_eq!(codes(&loaded.files[0].problems), ["SECOND_DOCUMENT"]);
    assert_eq!(line(&loaded.files[0].problems[0]), Some(14));
}

#[test]
fn a_file_that_is_wrong_everywhere_stays_small_and_keeps_its_errors() {
    let warnings = "{name: PATH, value: x}, ".repeat(100);
    let user = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: p, env: [{warnings}{{name: ''}}]}}"
    );
    let loaded = with("", &user);
    assert!(loaded.contexts[0].problems.len() < 20);
    assert_eq!(loaded.contexts[0].unusable().unwrap().code, "BAD_EXEC");

    let loaded = text(&format!("contexts:\n{}", "- x\n".repeat(60_000)));
    let problems = &loaded.files[0].problems;
    assert!(
        problems.len() < 20
            && codes(problems).contains(&"TOO_LARGE")
            && codes(problems).contains(&"BAD_ENTRY")
    );
}
