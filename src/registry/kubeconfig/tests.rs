use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::read::{Reading, read};
use super::{Contexts, Files, Wanted, Where, watch_kubeconfigs};
use crate::access::kubeconfig::Search;
use crate::access::{Access, Settings};
use crate::clock::Clock;
use crate::fleet::{CleanText, Sync};
use crate::registry::pace::Pace;
use crate::registry::{Means, SourceReport, Told, Wish};

fn contexts(names: &[&str]) -> String {
    let entries = names.iter().map(|name| {
        let name = serde_json::to_string(name).unwrap();
        format!("- name: {name}\n  context:\n    cluster: c\n")
    });
    let head =
        "clusters:\n- name: c\n  cluster:\n    server: https://H.Example.test:443/\ncontexts:\n".to_owned();
    std::iter::once(head).chain(entries).collect()
}

fn place(paths: &[&Path]) -> Where {
    let explicit = paths.iter().map(|p| p.to_path_buf()).collect();
    Where { search: Search { explicit, ..Search::default() }, ..Where::default() }
}

fn reading(files: &[(&str, &str)], wanted: impl FnOnce(&mut Wanted)) -> Reading {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut all = Wanted { places: vec![place(&[dir.path()])], ..Wanted::default() };
    wanted(&mut all);
    read(&all, DateTime::from_timestamp(1_800_000_000, 0).unwrap())
}

#[test]
fn every_context_is_a_sighting_with_a_name_of_its_own() {
    let read = reading(&[("a", &contexts(&["x", "x~2", "x", "", ""])), ("b", &contexts(&["x"]))], |_| ());
    let told: Vec<Vec<_>> = read
        .files
        .iter()
        .map(|f| f.sighted.iter().map(|s| (s.sighting.id.reference.as_str(), s.target.is_some())).collect())
        .collect();
    let first = [("x", true), ("x~2", true), ("x~3", false), ("(no name)", true), ("(no name)~2", false)];
    // The context of the other file is the same one, and is shown once.
    assert_eq!(told, [first.to_vec(), vec![]]);
    let sighting = &read.files[0].sighted[2].sighting;
    assert_eq!(sighting.name.as_str(), "x");
    assert_eq!(sighting.problems.last().unwrap().code, "DUPLICATE_CONTEXT");
    let path = sighting.path.as_ref().unwrap();
    assert_eq!((&path.sighting, path.break_glass), (&sighting.id, false));
    assert_eq!(sighting.server.as_ref().unwrap().as_str(), "https://h.example.test:443");
    assert_eq!(sighting.origin.as_ref().unwrap().line, Some(12));
}

#[test]
fn what_is_shown_is_chosen_and_what_leads_to_hubs_is_known_all_the_same() {
    let text = format!("current-context: dev\n{}", contexts(&["prod-1", "prod-2", "dev"]));
    let read = reading(&[("a", &text)], |wanted| {
        wanted.contexts = vec!["prod-*".to_owned(), "stage".to_owned()];
        wanted.break_glass = vec!["*-2".to_owned()];
    });
    let file = &read.files[0];
    let shown: Vec<_> = file
        .sighted
        .iter()
        .map(|s| (s.sighting.name.as_str(), s.sighting.path.as_ref().unwrap().break_glass))
        .collect();
    assert_eq!(shown, [("prod-1", false), ("prod-2", true)]);
    assert_eq!(read.current, None);
    let problems: Vec<_> = read.problems.iter().map(|p| (p.code, p.subject.as_str())).collect();
    assert_eq!(problems, [("NO_SUCH_CONTEXT", "stage")]);
    let known = Contexts::new(file.contexts.clone());
    assert!(known.find("dev").unwrap().target.is_some());
    assert!(known.find(&format!("{}:dev", file.name)).is_some());
    assert!(known.find("stage").is_none());
    let all = reading(&[("a", &text)], |_| ());
    assert_eq!(all.current.unwrap().reference.as_str(), "dev");
}

#[test]
fn files_of_two_places_are_one_source_each_and_dressed_by_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    std::fs::write(&a, contexts(&["x"])).unwrap();
    std::fs::write(&b, contexts(&["y"])).unwrap();
    let mut second = place(&[dir.path()]);
    second.break_glass = true;
    second.labels.insert("env".into(), "lab".into());
    let wanted = Wanted { places: vec![place(&[&a]), second], ..Wanted::default() };
    let read = read(&wanted, DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let told: Vec<_> = read
        .files
        .iter()
        .flat_map(|f| &f.sighted)
        .map(|s| {
            let s = &s.sighting;
            (s.name.as_str(), s.path.as_ref().unwrap().break_glass, s.labels.len())
        })
        .collect();
    assert_eq!(told, [("x", false, 0), ("y", true, 1)]);
    assert_eq!(read.looked_in.len(), 1);
}

#[test]
fn fronts_are_known_by_their_path_and_teleport_by_its_name() {
    let cluster = |extra: &str| {
        format!("clusters:\n- name: c\n  cluster:\n{extra}contexts:\n- name: x\n  context:\n    cluster: c\n")
    };
    for (extra, fronted) in [
        ("    server: https://h\n", false),
        ("    server: https://h/\n", false),
        ("    server: https://h/k8s/clusters/c-x\n", true),
        ("    server: https://h\n    tls-server-name: kube-teleport-proxy-alpn.t.example\n", true),
    ] {
        let read = reading(&[("a", &cluster(extra))], |_| ());
        assert_eq!(read.files[0].sighted[0].sighting.fronted, fronted, "{extra}");
    }
}

/// A watcher on a folder, and what it tells.
struct Watched {
    dir: tempfile::TempDir,
    told: mpsc::Receiver<Told>,
    wishes: mpsc::Sender<Wish>,
    contexts: watch::Receiver<Option<Arc<Contexts>>>,
    _quit: tokio_util::sync::DropGuard,
}

impl Watched {
    fn start(files: &[(&str, &str)], pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let quit = CancellationToken::new();
        let clock = Clock::system();
        let access = Access::new(Settings::default(), clock.clone()).unwrap();
        let (tell, told) = mpsc::channel(64);
        let (wishes, wished) = mpsc::channel(4);
        let (give, contexts) = watch::channel(None);
        tokio::spawn(watch_kubeconfigs(Files {
            wanted: Wanted { places: vec![place(&[dir.path()])], ..Wanted::default() },
            means: Means { access, clock, quit: quit.clone() },
            once: false,
            pace,
            problems: Vec::new(),
            wishes: wished,
            tell,
            contexts: give,
        }));
        Self { dir, told, wishes, contexts, _quit: quit.drop_guard() }
    }

    async fn next(&mut self) -> Told {
        timeout(Duration::from_secs(30), self.told.recv()).await.unwrap().unwrap()
    }

    /// The next report that `fits`.
    async fn report(&mut self, fits: impl Fn(&SourceReport) -> bool) -> SourceReport {
        loop {
            if let Told::Source(report) = self.next().await
                && fits(&report)
            {
                return report;
            }
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn replace(&self, name: &str, text: &str) {
        self.write("next.tmp", text);
        std::fs::rename(self.dir.path().join("next.tmp"), self.dir.path().join(name)).unwrap();
    }
}

fn quick() -> Pace {
    Pace {
        look: Duration::from_millis(20),
        settle: Duration::from_millis(10),
        grace: Duration::from_millis(400),
        ..Pace::default()
    }
}

fn names(report: &SourceReport) -> Vec<&str> {
    report.sighted.iter().map(|s| s.sighting.name.as_str()).collect()
}

#[tokio::test]
async fn new_changed_and_removed_files_are_noticed() {
    let mut watched = Watched::start(&[("a", &contexts(&["x"]))], quick());
    assert!(matches!(watched.next().await, Told::Searched { .. }));
    let first = watched.report(|_| true).await;
    assert_eq!((names(&first), first.state.sync), (vec!["x"], Sync::Watching));
    watched.replace("a", &contexts(&["x", "y"]));
    let second = watched.report(|r| r.sighted.len() == 2).await;
    assert!(
        Arc::ptr_eq(first.sighted[0].target.as_ref().unwrap(), second.sighted[0].target.as_ref().unwrap()),
        "what has not changed keeps its way"
    );
    watched.write("b", &contexts(&["z"]));
    let other = watched.report(|r| names(r) == ["z"]).await;
    std::fs::remove_file(watched.dir.path().join("b")).unwrap();
    loop {
        if let Told::Gone(name) = watched.next().await {
            assert_eq!(name, other.state.name);
            break;
        }
    }
    let known = watched.contexts.borrow().clone().unwrap();
    assert!(known.find("y").is_some() || watched.contexts.changed().await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_being_written_keeps_what_it_said() {
    let mut pace = quick();
    pace.grace = Duration::from_mins(10);
    let mut watched = Watched::start(&[("a", &contexts(&["x"]))], pace);
    watched.report(|r| names(r) == ["x"]).await;
    for half in ["", "clusters:\n- name: [", "\u{0}"] {
        watched.write("a", half);
        watched.wishes.send(Wish::Sync(None)).await.unwrap();
    }
    watched.write("a", &contexts(&["x", "y"]));
    // Nothing in between was told.
    assert!(matches!(watched.next().await, Told::Searched { .. }));
    let Told::Source(report) = watched.next().await else { panic!("no report") };
    assert_eq!((names(&report), report.state.problems.len()), (vec!["x", "y"], 0));
}

#[tokio::test]
async fn a_file_that_stays_broken_is_told_and_keeps_its_clusters() {
    let mut watched = Watched::start(&[("a", &contexts(&["x"])), ("b", &contexts(&["y"]))], quick());
    watched.report(|r| names(r) == ["y"] || r.state.name.as_str().ends_with("/b")).await;
    watched.write("a", "clusters:\n- name: [");
    let report = watched.report(|r| r.state.sync == Sync::Failing).await;
    assert_eq!((names(&report), report.state.problems[0].code), (vec!["x"], "BAD_YAML"));
    assert!(report.state.failing_since.is_some());
    watched.write("a", &contexts(&["w"]));
    let report = watched.report(|r| r.state.sync == Sync::Watching).await;
    assert_eq!((names(&report), report.state.failing_since), (vec!["w"], None));
}

#[tokio::test]
async fn a_wish_reads_again_what_looks_the_same() {
    let mut pace = quick();
    pace.look = Duration::from_hours(1);
    let mut watched = Watched::start(&[("a", &contexts(&["x"]))], pace);
    watched.report(|_| true).await;
    watched.write("a", &contexts(&["z"]));
    watched.wishes.send(Wish::Sync(Some(CleanText::new("a")))).await.unwrap();
    watched.report(|r| names(r) == ["z"]).await;
}
