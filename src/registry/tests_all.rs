//! The registry as a whole: order, names, contexts that lead to hubs, and the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::conduct::conduct;
use super::pace::Pace;
use super::{Means, Plan, Program, SourceReport, Told, Wish};
use crate::access::kubeconfig::Search;
use crate::access::{Access, Settings};
use crate::clock::Clock;
use crate::fleet::spec::{AnsibleSpec, ClusterSpec, Object, SourceSpec};
use crate::fleet::{CleanText, Origin, Sighting, SightingId, SourceKind, Sync};

pub(super) fn object<T>(name: &str, spec: T) -> Object<T> {
    Object {
        name: name.to_owned(),
        labels: std::collections::BTreeMap::new(),
        origin: Origin { path: PathBuf::from("/f/fleet.yaml"), line: Some(3), column: Some(1) },
        places: std::collections::BTreeMap::new(),
        policy: false,
        spec,
    }
}

pub(super) fn source(name: &str, kind: &str) -> Object<SourceSpec> {
    object(name, SourceSpec { name: name.to_owned(), kind: kind.to_owned(), ..SourceSpec::default() })
}

pub(super) fn means() -> (Means, CancellationToken) {
    let quit = CancellationToken::new();
    let clock = Clock::system();
    let access = Access::new(Settings::default(), clock.clone()).unwrap();
    (Means { access, clock, quit: quit.clone() }, quit)
}

pub(super) fn kubeconfig(names: &[&str]) -> String {
    let head = "clusters:\n- name: c\n  cluster:\n    server: https://h.test:6443\ncontexts:\n".to_owned();
    let context = |name: &&str| format!("- name: {name}\n  context:\n    cluster: c\n");
    std::iter::once(head).chain(names.iter().map(context)).collect()
}

pub(super) fn plan(dir: &Path, sources: Vec<Object<SourceSpec>>) -> Plan {
    Plan {
        search: Search { explicit: vec![dir.join("config")], ..Search::default() },
        sources,
        base: dir.to_path_buf(),
        contact: true,
        once: true,
        ..Plan::default()
    }
}

/// Everything that is told until the registry ends by itself.
pub(super) async fn all(plan: Plan, remembered: Vec<Arc<Sighting>>) -> Vec<Told> {
    all_at(plan, remembered, Pace::default()).await
}

async fn all_at(plan: Plan, remembered: Vec<Arc<Sighting>>, pace: Pace) -> Vec<Told> {
    let (means, _quit) = means();
    let (tell, mut told) = mpsc::channel(8);
    let (_wish, wishes) = mpsc::channel(1);
    let task = tokio::spawn(conduct(plan, means, remembered, wishes, tell, pace));
    let mut all = Vec::new();
    timeout(Duration::from_mins(1), async {
        while let Some(one) = told.recv().await {
            all.push(one);
        }
        task.await.unwrap();
    })
    .await
    .unwrap();
    all
}

/// The last report of each source.
pub(super) fn reports(told: &[Told]) -> Vec<&SourceReport> {
    let mut last: Vec<&SourceReport> = Vec::new();
    for one in told {
        if let Told::Source(report) = one {
            last.retain(|r| r.state.name != report.state.name);
            last.push(report);
        }
    }
    last
}

fn word(told: &Told) -> String {
    match told {
        Told::Source(report) => report.state.name.as_str().rsplit('/').next().unwrap().to_owned(),
        Told::Gone(_) => "gone".to_owned(),
        Told::Searched { .. } => "searched".to_owned(),
        Told::Local => "local".to_owned(),
        Told::All => "all".to_owned(),
    }
}

#[tokio::test]
async fn files_come_first_and_every_source_is_heard_before_the_end() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["mgmt"])).unwrap();
    let mut unknown = source("lost", "cluster-api");
    unknown.spec.context = Some("nowhere".to_owned());
    let sources =
        vec![unknown, source("hub", "ocm"), source("odd", "excel"), source("", "ocm"), source("hub", "ocm")];
    let mut plan = plan(dir.path(), sources);
    plan.clusters =
        vec![object("eu", ClusterSpec { contexts: vec!["mgmt".to_owned()], ..ClusterSpec::default() })];
    let told = all(plan, Vec::new()).await;
    let words: Vec<_> = told.iter().map(word).collect();
    assert_eq!(words[..4], ["searched", "config", "fleet.yaml", "local"]);
    assert_eq!(words.last().unwrap(), "all");
    let Told::Searched { problems, .. } = &told[0] else { panic!("not searched") };
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["UNKNOWN_KIND"]);
    let mut failing: Vec<_> = reports(&told)
        .iter()
        .filter(|r| r.state.sync == Sync::Failing)
        .map(|r| (r.state.name.as_str().to_owned(), r.state.problems[0].code))
        .collect();
    failing.sort();
    let expect =
        [("hub", "NO_CONTEXT"), ("hub~2", "DUPLICATE_NAME"), ("lost", "NO_SUCH_CONTEXT"), ("ocm", "NO_NAME")];
    assert_eq!(failing, expect.map(|(name, code)| (name.to_owned(), code)));
}

#[tokio::test]
async fn without_contact_what_was_remembered_is_shown_and_nobody_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["mgmt"])).unwrap();
    let mut hub = source("hub", "ocm");
    hub.spec.context = Some("mgmt".to_owned());
    let mut plan = plan(dir.path(), vec![hub]);
    plan.contact = false;
    let id = SightingId { source: "hub".into(), reference: "eu".into() };
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let known = Arc::new(Sighting::new(SourceKind::Ocm, id, "eu".into(), at));
    let told = all(plan, vec![Arc::clone(&known)]).await;
    let reports = reports(&told);
    let hub = reports.iter().find(|r| r.state.name.as_str() == "hub").unwrap();
    assert_eq!((hub.state.problems[0].code, hub.state.sync), ("NOT_ASKED", Sync::Failing));
    assert_eq!(hub.sighted[0].sighting, known);
}

#[tokio::test]
async fn a_hub_whose_context_appears_is_begun_and_the_end_comes_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["other"])).unwrap();
    let mut hub = source("hub", "ocm");
    hub.spec.context = Some("mgmt".to_owned());
    let mut plan = plan(dir.path(), vec![hub]);
    plan.once = false;
    let (means, quit) = means();
    let (tell, mut told) = mpsc::channel(8);
    let (wish, wishes) = mpsc::channel(1);
    let pace = Pace { look: Duration::from_millis(20), settle: Duration::from_millis(5), ..Pace::default() };
    let task = tokio::spawn(conduct(plan, means, Vec::new(), wishes, tell, pace));
    let mut wait = async |reached: bool| {
        let lost = |r: &SourceReport| r.state.problems.iter().any(|p| p.code == "NO_SUCH_CONTEXT");
        let found = async {
            loop {
                match told.recv().await.unwrap() {
                    Told::Source(r) if r.state.name.as_str() == "hub" && lost(&r) != reached => return,
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(30), found).await.unwrap();
    };
    wait(false).await;
    std::fs::write(dir.path().join("config"), kubeconfig(&["other", "mgmt"])).unwrap();
    wish.send(Wish::Sync(Some(CleanText::new("config")))).await.unwrap();
    wait(true).await;
    quit.cancel();
    timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
}

/// A program in `dir` that runs `script`.
fn program(dir: &Path, name: &str, script: &str) -> Program {
    use std::os::unix::fs::PermissionsExt;
    let file = dir.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    Program { command: vec![file.display().to_string()], env: std::collections::BTreeMap::new() }
}

#[tokio::test]
async fn inventories_come_before_the_word_that_files_are_read_and_programs_after_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["eu-1"])).unwrap();
    std::fs::write(dir.path().join("hosts"), "[prod]\neu-1 kube_context=eu-1\nus-1\n").unwrap();
    let mut inventory = source("inv", "ansible");
    inventory.spec.path = Some("hosts".to_owned());
    let mut missing = source("lost", "ansible");
    missing.spec.path = Some("nowhere".to_owned());
    let mut run = source("run", "ansible");
    run.spec.program = Some("ansible-inventory".to_owned());
    run.spec.path = Some("hosts".to_owned());
    run.spec.ansible = Some(AnsibleSpec { run: true, ..AnsibleSpec::default() });
    let mut cmdb = source("cmdb", "exec");
    cmdb.spec.program = Some("cmdb".to_owned());
    cmdb.spec.labels = [("from".to_owned(), "cmdb".to_owned())].into();
    let mut unknown = source("other", "exec");
    unknown.spec.program = Some("nobody-named-it".to_owned());
    let mut plan = plan(dir.path(), vec![cmdb, unknown, inventory, missing, run]);
    let list = r#"test "$*" = "-i $0.hosts --list" || exit 3; echo '{"g": {"hosts": ["a"]}, "_meta": {"hostvars": {"a": {"kube_version": 1.3}}}}'"#
        .replace("$0.hosts", &dir.path().join("hosts").display().to_string());
    plan.commands.programs = [
        ("ansible-inventory".to_owned(), program(dir.path(), "ai", &list)),
        (
            "cmdb".to_owned(),
            program(dir.path(), "cmdb", r#"echo '{"clusters": [{"name": "x", "context": "eu-1"}]}'"#),
        ),
    ]
    .into();
    let told = all(plan, Vec::new()).await;
    let words: Vec<_> = told.iter().map(word).collect();
    let local = words.iter().position(|w| w == "local").unwrap();
    let mut near = words[2..local].to_vec();
    near.sort();
    assert_eq!(near, ["inv", "lost"]);
    let reports = reports(&told);
    let report = |name: &str| *reports.iter().find(|r| r.state.name.as_str() == name).unwrap();
    let inv = report("inv");
    assert_eq!((inv.state.entries, inv.state.sync, inv.state.next_at), (2, Sync::Watching, None));
    let server = |r: &SourceReport| r.sighted[0].sighting.server.clone().unwrap();
    assert_eq!(server(inv).as_str(), "https://h.test:6443");
    assert_eq!(report("lost").state.problems[0].code, "UNREADABLE");
    let run = report("run");
    assert_eq!(run.sighted[0].sighting.problems[0].code, "BARE_VERSION");
    let cmdb = report("cmdb");
    assert_eq!((server(cmdb).as_str(), cmdb.state.how.as_str()), ("https://h.test:6443", "run cmdb"));
    assert_eq!(cmdb.sighted[0].sighting.labels.len(), 1);
    assert_eq!(report("other").state.problems[0].code, "UNKNOWN_PROGRAM");
}

#[tokio::test]
async fn a_program_that_fails_keeps_what_it_said_and_one_that_hangs_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["eu-1"])).unwrap();
    for (script, code, words) in [
        (
            "echo '{\"clusters\": []}'; echo 'no database' >&2; exit 4",
            "PROGRAM_FAILED",
            "ended with exit code 4: no database",
        ),
        ("sleep 600", "PROGRAM_TIMEOUT", "did not finish within 0 s"),
        ("exec yes", "TOO_LARGE", "printed more than 16 MiB"),
        ("kill -9 $$", "PROGRAM_FAILED", "was ended by signal 9"),
        ("echo hello", "BAD_OUTPUT", "is not one JSON document"),
    ] {
        let mut cmdb = source("cmdb", "exec");
        cmdb.spec.program = Some("cmdb".to_owned());
        let mut plan = plan(dir.path(), vec![cmdb]);
        plan.commands.programs = [("cmdb".to_owned(), program(dir.path(), "cmdb", script))].into();
        plan.commands.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
        let id = SightingId { source: "cmdb".into(), reference: "eu".into() };
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let known = Arc::new(Sighting::new(SourceKind::Exec, id, "eu".into(), at));
        let deadline = if code == "PROGRAM_TIMEOUT" { 200 } else { 60_000 };
        let pace = Pace { program: Duration::from_millis(deadline), ..Pace::default() };
        let told = all_at(plan, vec![Arc::clone(&known)], pace).await;
        let reports = reports(&told);
        let report = reports.iter().find(|r| r.state.name.as_str() == "cmdb").unwrap();
        assert_eq!((report.state.sync, report.state.problems[0].code), (Sync::Failing, code));
        assert!(
            report.state.problems[0].message.as_str().contains(words),
            "{}",
            report.state.problems[0].message
        );
        assert_eq!(report.sighted[0].sighting, known);
    }
}

#[tokio::test]
async fn an_inventory_that_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config"), kubeconfig(&["eu-1"])).unwrap();
    std::fs::create_dir(dir.path().join("inv")).unwrap();
    std::fs::write(dir.path().join("inv/hosts"), "a\n").unwrap();
    let mut inventory = source("inv", "ansible");
    inventory.spec.path = Some("inv".to_owned());
    let mut plan = plan(dir.path(), vec![inventory]);
    plan.once = false;
    let (means, quit) = means();
    let (tell, mut told) = mpsc::channel(8);
    let (_wish, wishes) = mpsc::channel(1);
    let pace = Pace { look: Duration::from_millis(20), settle: Duration::from_millis(5), ..Pace::default() };
    let task = tokio::spawn(conduct(plan, means, Vec::new(), wishes, tell, pace));
    let mut wait = async |region: Option<&str>| {
        let found = async {
            loop {
                match told.recv().await.unwrap() {
                    Told::Source(r) if r.state.name.as_str() == "inv" => {
                        let said = r.sighted[0].sighting.facts.region.as_ref().map(CleanText::as_str);
                        if said == region {
                            return;
                        }
                    }
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(30), found).await.unwrap();
    };
    wait(None).await;
    // A folder of variables that was not there before, and then another file in it.
    std::fs::create_dir(dir.path().join("inv/group_vars")).unwrap();
    std::fs::write(dir.path().join("inv/group_vars/all.yml"), "region: eu\n").unwrap();
    wait(Some("eu")).await;
    std::fs::write(dir.path().join("inv/group_vars/ungrouped"), "region: us\n").unwrap();
    wait(Some("us")).await;
    quit.cancel();
    timeout(Duration::from_secs(5), task).await.unwrap().unwrap();
}
