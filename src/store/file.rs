//! The file: where it may stand, how it is opened, and its tables.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::host::private::{PrivateError, ensure_dir};

/// The number of the newest set of tables that this program knows.
pub(super) const SCHEMA: i32 = 2;
/// `flg1`: tells our file from any other SQLite file.
const APPLICATION: i32 = 0x666c_6731;
/// How long one waits for another process that is writing.
const BUSY: Duration = Duration::from_secs(3);

/// How the tables came to be, one step for each schema; the first makes them.
const STEPS: [&str; 2] = ["
    CREATE TABLE journal (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
        previous BLOB NOT NULL, hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT, value TEXT NOT NULL,
        entry INTEGER NOT NULL REFERENCES journal (seq)
    ) STRICT;
    CREATE TRIGGER journal_stays BEFORE DELETE ON journal BEGIN SELECT raise(ABORT, 'the journal is only added to'); END;
    CREATE TRIGGER journal_is BEFORE UPDATE ON journal BEGIN SELECT raise(ABORT, 'the journal is only added to'); END;
    CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions BEGIN SELECT raise(ABORT, 'decisions are only added'); END;
    CREATE TRIGGER decisions_are BEFORE UPDATE ON decisions BEGIN SELECT raise(ABORT, 'decisions are only added'); END;
    CREATE TABLE inputs (identity TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE sightings (
        source TEXT NOT NULL, reference TEXT NOT NULL, place INTEGER NOT NULL, value TEXT NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, gone_at INTEGER,
        PRIMARY KEY (source, reference)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE evidence (
        source TEXT NOT NULL, reference TEXT NOT NULL, uid TEXT NOT NULL, nodes TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (source, reference)
    ) STRICT, WITHOUT ROWID;
", "
    ALTER TABLE evidence ADD COLUMN place TEXT NOT NULL DEFAULT '';
"];

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("its folder cannot be used")]
    Folder(#[source] PrivateError),
    #[error("it cannot be used")]
    Place(#[source] PrivateError),
    #[error("it is of schema {0}, and this program knows {SCHEMA}")]
    Newer(i32),
    #[error("it is the file of another program")]
    Foreign,
    #[error("it is damaged")]
    Damaged,
    #[error("it cannot be opened")]
    Sql(#[from] rusqlite::Error),
}

/// Opens the file, making it first if it is not there. The flag is whether it stands on a file system of other machines too.
pub(super) fn open(path: &Path, max_bytes: u64) -> Result<(Connection, bool), OpenError> {
    let folder = path.parent().ok_or(OpenError::Folder(PrivateError::Kind("folder")))?;
    ensure_dir(folder).map_err(OpenError::Folder)?;
    make(path).map_err(OpenError::Place)?;
    if !begins_well(path).map_err(|e| OpenError::Place(e.into()))? {
        return Err(OpenError::Damaged);
    }
    let shared = is_shared(folder);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Before anything is changed.
    whose(&connection)?;
    // Memory shared between processes, which WAL needs, ends at the machine's border.
    let mode = if shared { "DELETE" } else { "WAL" };
    connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(max_bytes).unwrap_or(i64::MAX) / page.max(1);
    connection.pragma_update_and_check(None, "max_page_count", pages.max(1), |_| Ok(()))?;
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(OpenError::Damaged);
    }
    migrate(&mut connection)?;
    Ok((connection, shared))
}

/// An empty file of ours if there is none, and nobody else's.
fn make(path: &Path) -> Result<(), PrivateError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => return Ok(file.sync_all()?),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e.into()),
    }
    let meta = std::fs::symlink_metadata(path)?;
    if meta.file_type().is_symlink() {
        return Err(PrivateError::Symlink);
    }
    if !meta.is_file() {
        return Err(PrivateError::Kind("file"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivateError::Owner);
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Whether it begins as such files do. SQLite takes one of a few bytes for an empty one and writes over it.
fn begins_well(path: &Path) -> std::io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin == *b"SQLite format 3\0")
}

/// The schema of a file of ours; 0 for one that is still empty.
fn whose(connection: &Connection) -> Result<i32, OpenError> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (version, application) = (number("user_version")?, number("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = version == 0 && application == 0 && tables == 0;
    if !fresh && (application != APPLICATION || version < 0) {
        return Err(OpenError::Foreign);
    }
    if version > SCHEMA {
        return Err(OpenError::Newer(version));
    }
    Ok(version)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(whose(&transaction)?).map_err(|_| OpenError::Foreign)?;
    if done < STEPS.len() {
        for step in STEPS.iter().skip(done) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Whether other machines can open files of this folder too, as far as the kernel says.
#[cfg(target_os = "linux")]
fn is_shared(folder: &Path) -> bool {
    /// NFS, SMB, CIFS, SMB2, AFS, Coda, 9P, Ceph, OCFS2, GFS2, Lustre: `statfs(2)` and `linux/magic.h`.
    const NETWORK: [u32; 11] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x5346_414f,
        0x7375_7245,
        0x0102_1997,
        0x00c3_6400,
        0x7461_636f,
        0x0116_1970,
        0x0bd0_0bd0,
    ];
    let Ok(folder) = File::open(folder) else { return false };
    // Magic numbers have 32 bits; the type they come in is wider on some machines and signed on others.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low 32 bits are the number"
    )]
    rustix::fs::fstatfs(&folder).is_ok_and(|fs| NETWORK.contains(&(fs.f_type as u32)))
}

/// Whether other machines can open files of this folder too. Not known here.
#[cfg(not(target_os = "linux"))]
fn is_shared(_folder: &Path) -> bool {
    false
}
