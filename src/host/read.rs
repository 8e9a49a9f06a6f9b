//! Files read within bounds.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// What tells one version of a file from the next: device, inode, size and time of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl FileState {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            seconds: meta.mtime(),
            nanoseconds: meta.mtime_nsec(),
        }
    }

    /// The state of the file that `path` leads to now.
    pub fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|meta| Self::of(&meta))
    }
}

/// Why a file was not read. Never quotes its content.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Opening, looking or reading failed.
    #[error("{}", reason(.0))]
    Io(#[source] std::io::Error),
    /// Not a regular file.
    #[error("a {0}, not a regular file")]
    Kind(&'static str),
    /// Larger than allowed.
    #[error("larger than {0} KiB")]
    TooLarge(usize),
}

fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}

/// Reads a regular file of at most `cap` bytes. A pipe or a device cannot make it wait.
///
/// # Errors
/// If there is none, if it is something else than a regular file, or larger.
pub fn read_capped(path: &Path, cap: usize) -> Result<(Vec<u8>, FileState), ReadError> {
    // O_NONBLOCK: opening a pipe without a writer must return; it means nothing for a regular file.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file: File =
        rustix::fs::open(path, flags, Mode::empty()).map_err(|e| ReadError::Io(e.into()))?.into();
    let meta = file.metadata().map_err(ReadError::Io)?;
    if !meta.is_file() {
        return Err(ReadError::Kind(kind_of(&meta)));
    }
    let limit = u64::try_from(cap).unwrap_or(u64::MAX);
    if meta.len() > limit {
        return Err(ReadError::TooLarge(cap / 1024));
    }
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(ReadError::Io)?;
    if content.len() > cap {
        return Err(ReadError::TooLarge(cap / 1024));
    }
    Ok((content, FileState::of(&meta)))
}

fn kind_of(meta: &std::fs::Metadata) -> &'static str {
    let kind = meta.file_type();
    if kind.is_dir() {
        "directory"
    } else if kind.is_fifo() {
        "named pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_within_the_cap_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, b"0123456789").unwrap();
        assert_eq!(read_capped(&file, 10).unwrap().0, b"0123456789");
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        for (path, cap, words) in [
            (file.as_path(), 9, "larger than 0 KiB"),
            (&dir.path().join("none"), 10, "no such file"),
            (dir.path(), 10, "a directory, not a regular file"),
            (&pipe, 10, "a named pipe, not a regular file"),
            (Path::new("/dev/zero"), 10, "a device, not a regular file"),
        ] {
            assert_eq!(read_capped(path, cap).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn a_replaced_file_has_another_state() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, b"one").unwrap();
        let before = FileState::at(&file);
        assert_eq!(before, Some(read_capped(&file, 10).unwrap().1));
        let next = dir.path().join("next");
        std::fs::write(&next, b"two").unwrap();
        std::fs::rename(&next, &file).unwrap();
        assert_ne!(before, FileState::at(&file));
    }
}
