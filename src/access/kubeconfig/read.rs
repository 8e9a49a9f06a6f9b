//! Files: opened without waiting, only regular ones, only up to a size, and turned into text.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// The largest kubeconfig that is read.
pub(super) const MAX_KUBECONFIG: u64 = 128 * 1024 * 1024;
/// The largest certificate bundle or key that is read.
pub(super) const MAX_PEM: u64 = 16 * 1024 * 1024;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// There is none.
    #[error("the file does not exist")]
    Missing,
    /// A link whose target does not exist.
    #[error("the link leads nowhere")]
    Dangling,
    /// Links in a circle.
    #[error("the link leads back to itself")]
    Loop,
    /// A link out of the folder that it was found in.
    #[error("the link leads out of the folder")]
    LeadsOut,
    /// Something else than a file.
    #[error("this is {0}, not a regular file")]
    NotRegular(&'static str),
    /// Too large.
    #[error("the file is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    /// The system refuses.
    #[error("the file cannot be read: {0}")]
    Io(String),
}

impl ReadError {
    /// The stable word for it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Missing | Self::Dangling => "NOT_FOUND",
            Self::NotRegular(_) => "NOT_A_FILE",
            Self::LeadsOut => "OUTSIDE",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::Loop | Self::Io(_) => "UNREADABLE",
        }
    }
}

/// The bytes of a regular file of at most `cap` bytes. Never waits for a writer, a reader or a device.
pub(super) fn read_regular(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    // Looking first keeps devices closed: to open some of them is to act on them. The file that is really opened is checked again.
    check(&std::fs::metadata(path).map_err(|e| explain(path, &e))?, cap)?;
    let file = open(path).map_err(|e| explain(path, &e))?;
    let metadata = file.metadata().map_err(|e| explain(path, &e))?;
    check(&metadata, cap)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| explain(path, &e))?;
    if bytes.len() as u64 > cap {
        return Err(ReadError::TooLarge(cap));
    }
    Ok(bytes)
}

fn check(metadata: &Metadata, cap: u64) -> Result<(), ReadError> {
    if !metadata.is_file() {
        return Err(ReadError::NotRegular(type_name(metadata.file_type())));
    }
    if metadata.len() > cap {
        return Err(ReadError::TooLarge(cap));
    }
    Ok(())
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn type_name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        return "a directory";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe (FIFO)";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "something else"
}

/// The system's answer in words, without error numbers.
pub(super) fn explain(path: &Path, error: &io::Error) -> ReadError {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return ReadError::Loop;
    }
    match error.kind() {
        io::ErrorKind::NotFound if std::fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) => {
            ReadError::Dangling
        }
        io::ErrorKind::NotFound => ReadError::Missing,
        io::ErrorKind::PermissionDenied => ReadError::Io("permission denied".to_owned()),
        io::ErrorKind::NotADirectory => ReadError::Io("a part of the path is not a folder".to_owned()),
        _ => {
            let text = error.to_string();
            ReadError::Io(text.split(" (os error").next().unwrap_or("unknown reason").to_lowercase())
        }
    }
}

/// Why bytes are not text. Offsets are in bytes from 0.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EncodingError {
    /// Not UTF-8.
    #[error("not valid UTF-8 at byte {0}")]
    Utf8(usize),
    /// Half a character at the end.
    #[error("UTF-16 text of an odd length; the file is cut short")]
    Odd,
    /// An unpaired surrogate.
    #[error("not valid UTF-16 at byte {0}")]
    Utf16(usize),
    /// A NUL.
    #[error("a NUL byte at byte {0}; this is not a text file")]
    Nul(usize),
}

/// UTF-8 with or without a byte order mark, or UTF-16 with one.
pub(super) fn to_text(bytes: Vec<u8>) -> Result<String, EncodingError> {
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            // Asked first because it is many times as fast as looking for the place.
            if bytes.contains(&0) {
                return Err(EncodingError::Nul(bytes.iter().position(|b| *b == 0).unwrap_or(0)));
            }
            let text =
                String::from_utf8(bytes).map_err(|e| EncodingError::Utf8(e.utf8_error().valid_up_to()))?;
            Ok(match text.strip_prefix('\u{feff}') {
                Some(rest) => rest.to_owned(),
                None => text,
            })
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, EncodingError> {
    let (pairs, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(EncodingError::Odd);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut at = 2;
    for decoded in char::decode_utf16(pairs.iter().map(|p| unit(*p))) {
        let c = decoded.map_err(|_| EncodingError::Utf16(at))?;
        if c == '\0' {
            return Err(EncodingError::Nul(at));
        }
        at += c.len_utf16() * 2;
        text.push(c);
    }
    Ok(text)
}
