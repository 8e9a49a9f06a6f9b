//! Folders and files that only their owner reads.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

/// Why a private file or folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The system says no.
    #[error("cannot be read or written")]
    Io(#[from] io::Error),
    /// A symbolic link stands there.
    #[error("is a symbolic link")]
    Symlink,
    /// Somebody else owns it.
    #[error("belongs to somebody else")]
    Owner,
    /// Not what it should be.
    #[error("is not a {0}")]
    Kind(&'static str),
}

/// Makes sure that `path` is a folder of ours that nobody else enters (0700); parents are created the same way.
///
/// # Errors
/// If something else stands there, or somebody else owns it.
pub fn ensure_dir(path: &Path) -> Result<(), PrivateError> {
    if std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound) {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    }
    let meta = checked(path)?;
    if !meta.is_dir() {
        return Err(PrivateError::Kind("folder"));
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes `content` to `path` at once or not at all, readable by its owner only (0600). The folder must exist.
///
/// # Errors
/// If a link or somebody else's file stands there, or writing fails; what stood there is then unchanged.
pub fn write(path: &Path, content: &[u8]) -> Result<(), PrivateError> {
    match checked(path) {
        Ok(meta) if !meta.is_file() => return Err(PrivateError::Kind("file")),
        Ok(_) => {}
        Err(PrivateError::Io(e)) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let folder = path.parent().ok_or(PrivateError::Kind("file"))?;
    // Created with 0600 and a name nobody can guess; renaming replaces what stands there in one step.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Looks at `path` without following a link at its end.
fn checked(path: &Path) -> Result<Metadata, PrivateError> {
    let meta = std::fs::symlink_metadata(path)?;
    if meta.file_type().is_symlink() {
        return Err(PrivateError::Symlink);
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivateError::Owner);
    }
    Ok(meta)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn folders_and_files_are_their_owners_only() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        ensure_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        std::fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        ensure_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let file = dir.join("state");
        write(&file, b"one").unwrap();
        write(&file, b"two").unwrap();
        assert_eq!((std::fs::read(&file).unwrap(), mode(&file)), (b"two".to_vec(), 0o600));
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn links_and_other_things_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("target");
        std::fs::write(&target, b"mine").unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(write(&link, b"x"), Err(PrivateError::Symlink)));
        assert_eq!(std::fs::read(&target).unwrap(), b"mine");
        assert!(matches!(ensure_dir(&link), Err(PrivateError::Symlink)));
        assert!(matches!(ensure_dir(&target), Err(PrivateError::Kind("folder"))));
        assert!(matches!(write(root.path(), b"x"), Err(PrivateError::Kind("file"))));
    }
}
