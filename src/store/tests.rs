use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::fleet::{Decision, SourceKind};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).unwrap()
}

fn open(path: &Path) -> Store {
    Store::open(Settings::at(Some(path.to_owned())), Clock::manual(now()))
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/fleet.db");
    (dir, path)
}

fn id(source: &str, reference: &str) -> SightingId {
    SightingId { source: source.into(), reference: reference.into() }
}

fn label(n: usize) -> Recorded {
    let cluster = Identity::of_sighting(&id("k", "prod"));
    let value = Some(CleanText::new(&format!("value-{n}")));
    Recorded {
        decision: Decision::Label { cluster, key: "team".into(), value },
        at: now() + chrono::TimeDelta::milliseconds(i64::try_from(n).unwrap()),
        who: "ana".into(),
        reason: n.is_multiple_of(2).then(|| "because".into()),
    }
}

fn sighting(source: &str, reference: &str) -> Arc<Sighting> {
    Arc::new(Sighting::new(SourceKind::ClusterApi, id(source, reference), reference.into(), now()))
}

async fn code(store: &Store) -> Option<&'static str> {
    drop(store.flush().await);
    store.problem().borrow().as_ref().map(|p| p.code)
}

fn database(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

#[tokio::test]
async fn all_that_was_kept_is_recalled_by_the_next_session() {
    let (_dir, path) = place();
    let first = open(&path);
    assert_eq!(first.recall().await.unwrap(), Memory::default());
    first.record(vec![label(0), label(1)]).await.unwrap();
    first.record(vec![label(2)]).await.unwrap();
    let who = Identity::of_uid(&"7f".into());
    let inputs = |name: &str| ClassInputs { name: name.into(), ..ClassInputs::default() };
    first.remember_inputs(vec![(who.clone(), inputs("old"))]).unwrap();
    first.remember_inputs(vec![(who.clone(), inputs("new"))]).unwrap();
    first.remember_sightings("mgmt".into(), vec![sighting("mgmt", "b"), sighting("mgmt", "a")]).unwrap();
    first.remember_sightings("hub".into(), vec![sighting("hub", "z")]).unwrap();
    let seen = Evidence { uid: "7f".into(), nodes: vec!["n1".into()], place: "https://a".into(), at: now() };
    first.remember_evidence(vec![(id("mgmt", "a"), seen.clone())]).unwrap();
    first.flush().await.unwrap();
    drop(first);

    let second =
        Store::open(Settings::at(Some(path.clone())), Clock::manual(now() + chrono::TimeDelta::days(1)));
    let memory = second.recall().await.unwrap();
    assert_eq!(memory.decisions, [label(0), label(1), label(2)]);
    assert_eq!(memory.inputs, HashMap::from([(who, inputs("new"))]));
    let names: Vec<_> = memory.sightings.iter().map(|r| r.sighting.id.to_string()).collect();
    assert_eq!(names, ["hub:z", "mgmt:b", "mgmt:a"]);
    assert_eq!(memory.evidence, HashMap::from([(id("mgmt", "a"), seen)]));
    assert_eq!(second.verify().await.unwrap(), Verified::Whole(3));
    assert_eq!(code(&second).await, None);

    // What a source no longer tells is dropped; what it still tells keeps its first day.
    second.remember_sightings("mgmt".into(), vec![sighting("mgmt", "a"), sighting("mgmt", "c")]).unwrap();
    let again = second.recall().await.unwrap().sightings;
    let first_seen: Vec<_> =
        again.iter().map(|r| (r.sighting.id.to_string(), (r.first_seen - now()).num_days())).collect();
    assert_eq!(first_seen, [("hub:z".to_owned(), 0), ("mgmt:a".to_owned(), 0), ("mgmt:c".to_owned(), 1)]);

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn without_a_place_nothing_is_kept_and_nothing_is_wrong() {
    let store = Store::open(Settings::at(None), Clock::manual(now()));
    assert!(matches!(store.record(vec![label(0)]).await, Err(StoreError::Absent)));
    assert!(matches!(store.recall().await, Err(StoreError::Absent)));
    assert!(store.problem().borrow().is_none());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told_and_left_as_they_are() {
    type Prepare<'a> = &'a dyn Fn(&Path);
    let sqlite = |path: &Path, sql: &str| database(path).execute_batch(sql).unwrap();
    let cases: [(&str, Prepare<'_>); 6] = [
        ("STORE_DAMAGED", &|path| {
            std::fs::write(path, "not a database, and long enough to be looked at".repeat(40)).unwrap();
        }),
        ("STORE_FOREIGN", &|path| sqlite(path, "CREATE TABLE songs (title TEXT)")),
        ("STORE_NEWER", &|path| sqlite(path, "PRAGMA application_id = 0x666c6731; PRAGMA user_version = 99")),
        ("STORE_PLACE", &|path| std::fs::create_dir(path).unwrap()),
        ("STORE_PLACE", &|path| {
            std::fs::write(path.with_extension("else"), "x").unwrap();
            std::os::unix::fs::symlink(path.with_extension("else"), path).unwrap();
        }),
        ("STORE_PLACE", &|path| {
            std::fs::remove_dir(path.parent().unwrap()).unwrap();
            std::fs::write(path.parent().unwrap(), "a file where the folder should be").unwrap();
        }),
    ];
    for (n, (expect, prepare)) in cases.iter().enumerate() {
        let (_dir, path) = place();
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        prepare(&path);
        let before = std::fs::read(&path).ok();
        let store = open(&path);
        assert!(matches!(store.recall().await, Err(StoreError::Absent)), "case {n}");
        assert!(matches!(store.record(vec![label(0)]).await, Err(StoreError::Absent)), "case {n}");
        assert_eq!(code(&store).await, Some(*expect), "case {n}");
        assert!(store.problem().borrow().as_ref().unwrap().hint.is_some());
        drop(store);
        assert_eq!(std::fs::read(&path).ok(), before, "case {n}");
    }
}

#[tokio::test]
async fn a_file_cut_anywhere_is_damaged_or_as_it_was_but_never_something_else() {
    let (_dir, path) = place();
    let store = open(&path);
    store.record((0..200).map(label).collect()).await.unwrap();
    drop(store);
    // Everything into the main file.
    database(&path).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = std::fs::read(&path).unwrap();
    for part in [1, 99, 100, 4_096, 8_192, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        let (_dir, cut) = place();
        std::fs::create_dir(cut.parent().unwrap()).unwrap();
        std::fs::write(&cut, &whole[..part]).unwrap();
        let store = open(&cut);
        match store.recall().await {
            Ok(memory) => assert!(memory.decisions.len() == 200, "{part} bytes"),
            Err(e) => assert!(matches!(e, StoreError::Absent), "{part} bytes: {e}"),
        }
        let told = code(&store).await;
        assert!(told.is_none_or(|code| code == "STORE_DAMAGED"), "{part} bytes: {told:?}");
        assert_eq!(std::fs::metadata(&cut).unwrap().len(), part as u64);
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let (_dir, path) = place();
    let settings = Settings { path: Some(path.clone()), max_bytes: 120 << 10 };
    let store = Store::open(settings, Clock::manual(now()));
    let mut kept = 0;
    let full = loop {
        match store.record((kept..kept + 20).map(label).collect()).await {
            Ok(()) => kept += 20,
            Err(e) => break e,
        }
        assert!(kept < 10_000, "the limit is not held");
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    // Reading still works, and clears what was said of the last try to write.
    let told = store.problem().borrow().as_ref().map(|p| p.code);
    assert_eq!(told, Some("STORE_UNWRITTEN"));
    assert_eq!(store.recall().await.unwrap().decisions.len(), kept);
    assert_eq!(store.verify().await.unwrap(), Verified::Whole(kept as u64));
    drop(store);
    let roomy = open(&path);
    roomy.record(vec![label(kept)]).await.unwrap();
    assert_eq!(roomy.recall().await.unwrap().decisions.len(), kept + 1);
}

#[tokio::test]
async fn an_entry_that_was_changed_afterwards_is_found() {
    let changes = [
        ("UPDATE journal SET detail = replace(detail, 'value-3', 'value-9') WHERE seq = 4", 4),
        ("UPDATE journal SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE journal SET who = 'eve' WHERE seq = 1", 1),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 5", 5),
        ("UPDATE journal SET previous = zeroblob(32) WHERE seq = 5", 5),
        ("DELETE FROM journal WHERE seq = 3", 4),
        ("DELETE FROM journal WHERE seq = 6", 6),
        ("UPDATE decisions SET value = replace(value, 'value-1', 'value-9') WHERE seq = 2", 2),
    ];
    for (change, at) in changes {
        let (_dir, path) = place();
        let store = open(&path);
        store.record((0..6).map(label).collect()).await.unwrap();
        let connection = database(&path);
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        let refused = connection.execute_batch(change).unwrap_err();
        assert!(refused.to_string().contains("only added"), "{refused}");
        connection
            .execute_batch(
                "DROP TRIGGER journal_is; DROP TRIGGER journal_stays; DROP TRIGGER decisions_are; DROP TRIGGER decisions_stay",
            )
            .unwrap();
        assert_eq!(store.verify().await.unwrap(), Verified::Whole(6));
        connection.execute_batch(change).unwrap();
        assert_eq!(store.verify().await.unwrap(), Verified::Broken(at), "{change}");
    }
}

#[tokio::test]
async fn two_sessions_on_one_file_hear_of_each_others_decisions() {
    let (_dir, path) = place();
    let (here, there) = (open(&path), open(&path));
    here.recall().await.unwrap();
    there.recall().await.unwrap();
    let mut changed = there.changed();
    here.remember_sightings("mgmt".into(), vec![sighting("mgmt", "a")]).unwrap();
    here.record(vec![label(0)]).await.unwrap();
    tokio::time::timeout(Duration::from_mins(1), changed.changed()).await.unwrap().unwrap();
    assert_eq!(there.recall().await.unwrap().decisions, [label(0)]);
    assert!(!here.changed().has_changed().unwrap(), "one's own decisions are no news");

    // Both write at once, many times; nothing is lost and the chain is one.
    let write = async |store: &Store, from: usize| {
        for n in from..from + 25 {
            store.record(vec![label(n)]).await.unwrap();
        }
    };
    tokio::join!(write(&here, 1), write(&there, 26));
    // Before anything is recalled, which is to hear of it too.
    let mut news = here.changed();
    tokio::time::timeout(Duration::from_mins(1), news.wait_for(|count| *count > 0)).await.unwrap().unwrap();
    let all = here.recall().await.unwrap().decisions;
    assert_eq!(all, there.recall().await.unwrap().decisions);
    assert_eq!((all.len(), here.verify().await.unwrap()), (51, Verified::Whole(51)));
}

#[tokio::test]
async fn a_transaction_that_never_ended_leaves_nothing_behind() {
    let (_dir, path) = place();
    let store = open(&path);
    store.record(vec![label(0)]).await.unwrap();
    // As a process that dies between its two inserts: the file and its log are copied as they are at that moment.
    let connection = database(&path);
    connection
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO journal VALUES (2, 1, 'a', 'b', 'c', 'd', x'00', x'00')")
        .unwrap();
    let (_other, copy) = place();
    std::fs::create_dir(copy.parent().unwrap()).unwrap();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(file.path(), copy.with_file_name(file.file_name())).unwrap();
        }
    }
    let after = open(&copy);
    assert_eq!(after.recall().await.unwrap().decisions, [label(0)]);
    assert_eq!(after.verify().await.unwrap(), Verified::Whole(1));
}

#[tokio::test]
async fn rows_that_cannot_be_understood_are_counted_and_the_rest_is_recalled() {
    let (_dir, path) = place();
    let store = open(&path);
    store.record(vec![label(0), label(1)]).await.unwrap();
    store.remember_sightings("mgmt".into(), vec![sighting("mgmt", "a"), sighting("mgmt", "b")]).unwrap();
    store.flush().await.unwrap();
    database(&path)
        .execute_batch(
            "UPDATE sightings SET value = replace(value, 'cluster-api', 'telepathy') WHERE reference = 'a';
             INSERT INTO inputs VALUES ('uid:x', '[', 1)",
        )
        .unwrap();
    let memory = store.recall().await.unwrap();
    assert_eq!((memory.unreadable, memory.sightings.len(), memory.decisions.len()), (2, 1, 2));
    assert!(!memory.decisions_lost);
    assert_eq!(memory.lost, HashSet::from([Identity::from_text("uid:x")]));
    assert_eq!(code(&store).await, Some("STORE_ROWS"));
    let row = "INSERT INTO decisions (at, who, value, entry) VALUES (1, 'ana', '{}', 1)";
    database(&path).execute_batch(row).unwrap();
    assert!(store.recall().await.unwrap().decisions_lost);
}
