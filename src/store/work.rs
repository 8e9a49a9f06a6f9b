//! The thread: takes orders one after another, and looks every two seconds whether another process has decided something.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::ErrorCode;
use tokio::sync::{oneshot, watch};

use super::file::{self, OpenError};
use super::keeper::Keeper;
use super::{Memory, StoreError, Verified};
use crate::clock::Clock;
use crate::fleet::{
    ClassInputs, CleanText, Evidence, Identity, Origin, Problem, Recorded, Severity, Sighting, SightingId,
};
use crate::host::private::PrivateError;

/// How often others' decisions are looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Order {
    Recall(Reply<Memory>),
    Record(Vec<Recorded>, Reply<()>),
    Inputs(Vec<(Identity, ClassInputs)>),
    Sightings(CleanText, Vec<Arc<Sighting>>),
    Evidence(Vec<(SightingId, Evidence)>),
    Verify(Reply<Verified>),
    Flush(Reply<()>),
}

/// Works until nobody can order any more.
pub(super) fn work(
    path: &Path,
    max_bytes: u64,
    clock: &Clock,
    orders: &Receiver<Order>,
    problem: &watch::Sender<Option<Problem>>,
    changed: &watch::Sender<u64>,
) {
    let mut worker =
        Worker { path, clock, problem, changed, keeper: None, lasting: None, looked: clock.tick() };
    worker.open(max_bytes);
    loop {
        match orders.recv_timeout(LOOK) {
            Ok(order) => worker.obey(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if worker.looked.elapsed() >= LOOK {
            worker.look();
        }
    }
}

struct Worker<'a> {
    path: &'a Path,
    clock: &'a Clock,
    problem: &'a watch::Sender<Option<Problem>>,
    changed: &'a watch::Sender<u64>,
    /// `None`: there is no memory.
    keeper: Option<Keeper>,
    /// What is to be said of the file while nothing worse is.
    lasting: Option<Problem>,
    looked: std::time::Instant,
}

impl Worker<'_> {
    fn open(&mut self, max_bytes: u64) {
        let opened = file::open(self.path, max_bytes).and_then(|(connection, shared)| {
            Keeper::new(connection).map(|keeper| (keeper, shared)).map_err(|e| match e {
                StoreError::Sql(e) => OpenError::Sql(e),
                _ => OpenError::Damaged,
            })
        });
        match opened {
            Ok((keeper, shared)) => {
                self.keeper = Some(keeper);
                if shared {
                    let mut note = trouble(
                        "STORE_NETWORK",
                        self.path,
                        "it stands on a network file system, where locks cannot be relied on",
                        "Put the state folder ($XDG_STATE_HOME) on a disk of this machine.",
                    );
                    note.severity = Severity::Note;
                    self.lasting = Some(note);
                }
                self.problem.send_replace(self.lasting.clone());
            }
            Err(error) => drop(self.problem.send_replace(Some(unopened(self.path, &error)))),
        }
    }

    fn obey(&mut self, order: Order) {
        let now = self.clock.now().timestamp_millis();
        // Whoever asked may have gone; what was ordered is done all the same.
        match order {
            Order::Recall(reply) => {
                let memory = self.with(Keeper::recall);
                if let Ok(memory) = &memory {
                    self.tell_unreadable(memory.unreadable);
                }
                drop(reply.send(memory));
            }
            Order::Record(decisions, reply) => {
                let recorded = self.with(|keeper| keeper.record(&decisions));
                if let Ok(true) = recorded {
                    self.changed.send_modify(|n| *n += 1);
                }
                drop(reply.send(recorded.map(drop)));
            }
            Order::Inputs(inputs) => drop(self.with(|keeper| keeper.remember_inputs(&inputs, now))),
            Order::Sightings(source, sightings) => {
                drop(self.with(|keeper| keeper.remember_sightings(source.as_str(), &sightings, now)));
            }
            Order::Evidence(evidence) => drop(self.with(|keeper| keeper.remember_evidence(&evidence))),
            Order::Verify(reply) => drop(reply.send(self.with(|keeper| keeper.verify()))),
            Order::Flush(reply) => drop(reply.send(self.with(|_| Ok(())))),
        }
    }

    fn look(&mut self) {
        self.looked = self.clock.tick();
        if let Ok(true) = self.with(Keeper::has_news) {
            self.changed.send_modify(|n| *n += 1);
        }
    }

    /// Does something with the file and tells how the file is afterwards. A file that turns out to be damaged is let go.
    fn with<T>(&mut self, act: impl FnOnce(&mut Keeper) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let keeper = self.keeper.as_mut().ok_or(StoreError::Absent)?;
        let done = act(keeper);
        let told = match &done {
            Ok(_) => self.lasting.clone(),
            Err(StoreError::Sql(e)) if is_damage(e) => {
                self.keeper = None;
                Some(unopened(self.path, &OpenError::Damaged))
            }
            Err(error) => Some(trouble(
                "STORE_UNWRITTEN",
                self.path,
                &error.to_string(),
                "Make room on the disk and check that the file may be written; nothing that was kept is lost.",
            )),
        };
        self.problem.send_if_modified(|now| {
            let changes = *now != told;
            *now = told;
            changes
        });
        done
    }

    fn tell_unreadable(&mut self, rows: usize) {
        if rows == 0 {
            return;
        }
        let mut problem = trouble(
            "STORE_ROWS",
            self.path,
            &format!("{rows} of its rows cannot be understood and are left out"),
            "They were written by another version of the program, or by hand; that version still reads them.",
        );
        problem.severity = Severity::Warning;
        self.lasting = Some(problem);
        self.problem.send_replace(self.lasting.clone());
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Says why there is no memory, and what to do.
fn unopened(path: &Path, error: &OpenError) -> Problem {
    let damaged = matches!(error, OpenError::Sql(e) if is_damage(e)) || matches!(error, OpenError::Damaged);
    let (code, hint) = match error {
        _ if damaged => (
            "STORE_DAMAGED",
            "Move the file away, with those beside it that end in -wal and -shm; a copy from a backup can take its place.",
        ),
        OpenError::Newer(_) => {
            ("STORE_NEWER", "Use the newer fleetglass that wrote it, or another state folder.")
        }
        OpenError::Foreign => ("STORE_FOREIGN", "Move that file away, or set another state folder."),
        OpenError::Folder(_) | OpenError::Place(_) => {
            ("STORE_PLACE", "Make the state folder ($XDG_STATE_HOME/fleetglass) yours alone and writable.")
        }
        _ => (
            "STORE_UNUSABLE",
            "Check that the file and its folder may be read and written, and that the disk has room.",
        ),
    };
    let message = match error {
        _ if damaged => "it is damaged".to_owned(),
        OpenError::Folder(cause) | OpenError::Place(cause) => format!("{error}: {}", cause_of(cause)),
        other => other.to_string(),
    };
    trouble(code, path, &format!("{message}; nothing is remembered in this session"), hint)
}

fn cause_of(cause: &PrivateError) -> String {
    match cause {
        PrivateError::Io(e) => format!("it {cause} ({})", e.kind()),
        _ => format!("it {cause}"),
    }
}

/// Something wrong with the file.
pub(super) fn trouble(code: &'static str, path: &Path, message: &str, hint: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        code,
        origin: Some(Origin { path: path.to_owned(), line: None, column: None }),
        subject: CleanText::new("memory"),
        message: CleanText::new(message),
        hint: Some(CleanText::new(hint)),
    }
}
