//! The file provider of the root key: the only input and output of this crate.
//!
//! The file is text of exactly three lines, so that an operator can see what it is and damage is
//! told apart from a wrong key:
//!
//! ```text
//! strongroom-root-key-v1
//! <base64 of the 32 key bytes>
//! <first 16 hexadecimal digits of a SHA-256 over the two lines above>
//! ```
//!
//! Must never replace or repair a file, nor accept one that others can read, that somebody else owns,
//! or that somebody else could have put there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::canonical::Canonical;
use crate::entropy::EntropyError;

const HEADER: &str = "strongroom-root-key-v1";
/// Characters of 32 bytes in padded base64.
const ENCODED_LEN: usize = 44;
const CHECKSUM_LEN: usize = 16;
const FILE_LEN: usize = HEADER.len() + 1 + ENCODED_LEN + 1 + CHECKSUM_LEN + 1;
/// Larger files are not even read.
const READ_LIMIT: u64 = 4096;

/// What is wrong with a root key file. Each is one line that names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// There is no file of that name.
    #[error("the root key file {0:?} does not exist")]
    NotFound(PathBuf),
    /// The name is a symbolic link.
    #[error("the root key file {0:?} is a symbolic link: name the file itself")]
    SymbolicLink(PathBuf),
    /// A directory, device, pipe or socket.
    #[error("the root key file {0:?} is not a regular file")]
    NotAFile(PathBuf),
    /// Group or others have some access.
    #[error("the root key file {path:?} has mode {mode:04o}: it must give group and others nothing (chmod 600)")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns the file: it was planted, or is not this installation's.
    #[error("the root key file {path:?} belongs to user {owner}, not to the user {user} that runs this (chown it)")]
    Owner {
        /// The file.
        path: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
    },
    /// Others may put another file in its place.
    #[error(
        "the directory {path:?} of the root key is not safe (owner {owner}, mode {mode:04o}): it must belong to the user that runs this or to root, and nobody else may write it"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not begin with the header line.
    #[error("{0:?} is not a root key file: its first line is not {HEADER:?}")]
    WrongHeader(PathBuf),
    /// The header is right but the length is not.
    #[error(
        "the root key file {path:?} has {found} bytes instead of {FILE_LEN}: it is damaged or cut short; restore it from its backup"
    )]
    WrongSize {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
    },
    /// The key does not match its checksum, or is not written as expected.
    #[error("the root key file {0:?} is damaged: its checksum does not match; restore it from its backup")]
    Damaged(PathBuf),
    /// Creating would have replaced something.
    #[error("the root key file {0:?} exists already and is never replaced: name another file")]
    AlreadyExists(PathBuf),
    /// The file was exchanged while it was opened.
    #[error("the root key file {0:?} changed while it was opened")]
    Exchanged(PathBuf),
    /// The operating system refused.
    #[error("cannot {action} the root key file {path:?}: {source}")]
    Io {
        /// What was attempted, for example `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// No key could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// What a credential or the environment gives is not a key.
    #[error(
        "the {0} holds no root key: neither the text of a key file nor 32 bytes in base64 (`strongroom seal generate` makes one)"
    )]
    NotAKey(&'static str),
    /// The passphrase is too short to be guessed with effort.
    #[error("the passphrase has {0} characters; at least {MIN_PASSPHRASE} are needed")]
    WeakPassphrase(usize),
    /// What is stored for deriving a key from the passphrase cannot be used.
    #[error("the parameters for deriving the root key from the passphrase are not usable: {0}")]
    Parameters(&'static str),
    /// Deriving failed, for want of memory.
    #[error("the root key cannot be derived from the passphrase: {0}")]
    Derivation(String),
    /// A token does not do what it is needed for; one line that names the token and what to do.
    #[error("{0}")]
    Token(String),
}

/// Shortest passphrase, in characters.
pub(crate) const MIN_PASSPHRASE: usize = 16;

/// Reads and checks a key file.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
    let mut file = open_private(path)?;
    let length = metadata(&file, path)?.len();
    // One allocation for all: growing would leave copies of the key behind.
    let mut text = Zeroizing::new(Vec::with_capacity(READ_LIMIT as usize + 64));
    (&mut file).take(READ_LIMIT).read_to_end(&mut text).map_err(io_error("read", path))?;
    parse(&text, length, path)
}

/// Reads a credential that the service manager put there: private to a user that is this one or root. The
/// group bits may show a mask of access control, so they are not judged.
pub(crate) fn read_credential(path: &Path) -> Result<Zeroizing<Vec<u8>>, RootKeyError> {
    let named = look(path)?;
    let (mode, owner, user) = (named.mode() & 0o7777, named.uid(), effective_user());
    if owner != user && owner != 0 {
        return Err(RootKeyError::Owner { path: path.to_owned(), owner, user });
    }
    if mode & 0o027 != 0 {
        return Err(RootKeyError::Permissions { path: path.to_owned(), mode });
    }
    let mut file = same(File::open(path).map_err(io_error("read", path))?, &named, path)?;
    let mut text = Zeroizing::new(Vec::with_capacity(READ_LIMIT as usize + 64));
    (&mut file).take(READ_LIMIT).read_to_end(&mut text).map_err(io_error("read", path))?;
    Ok(text)
}

/// Reads a key that is given as text: the content of a key file, or its second line alone.
pub(crate) fn from_text(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = text.trim_ascii();
    if let Some(body) = text.strip_prefix(HEADER.as_bytes()) {
        let mut lines = Zeroizing::new(Vec::with_capacity(FILE_LEN));
        lines.extend_from_slice(body.trim_ascii_start());
        lines.push(b'\n');
        return decode(&lines);
    }
    let mut key = Zeroizing::new([0u8; 32]);
    (text.len() == ENCODED_LEN && matches!(STANDARD.decode_slice(text, key.as_mut_slice()), Ok(32))).then_some(key)
}

/// Writes a new key file and makes it durable, directory entry included.
pub(crate) fn create(path: &Path, key: &[u8; 32]) -> Result<(), RootKeyError> {
    match check_directory(path) {
        // What is wrong with the path itself is told by creating the file.
        Ok(()) | Err(RootKeyError::Io { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RootKeyError::AlreadyExists(path.to_owned()),
            _ => io_error("create", path)(error),
        })?;
    let written = check_permissions(&metadata(&file, path)?, path).and_then(|()| {
        file.write_all(&format(key))
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_directory(path))
            .map_err(io_error("write", path))
    });
    if written.is_err() {
        // It is this call's own file and nobody uses its key yet. If removing fails as well, the next
        // start reports the file as damaged, and the first error is the one to tell.
        let _ = fs::remove_file(path);
    }
    written
}

fn open_private(path: &Path) -> Result<File, RootKeyError> {
    let named = look(path)?;
    check_permissions(&named, path)?;
    check_directory(path)?;
    let file = same(File::open(path).map_err(io_error("read", path))?, &named, path)?;
    check_permissions(&metadata(&file, path)?, path)?;
    Ok(file)
}

/// What stands at the path itself: a regular file, or an error. Before opening, because opening a pipe would
/// wait for a writer.
fn look(path: &Path) -> Result<fs::Metadata, RootKeyError> {
    let named = fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RootKeyError::NotFound(path.to_owned()),
        _ => io_error("read", path)(error),
    })?;
    if named.is_symlink() {
        return Err(RootKeyError::SymbolicLink(path.to_owned()));
    }
    if named.is_file() { Ok(named) } else { Err(RootKeyError::NotAFile(path.to_owned())) }
}

/// What was checked by name must be what was opened, not a link put in its place meanwhile.
fn same(file: File, named: &fs::Metadata, path: &Path) -> Result<File, RootKeyError> {
    let opened = metadata(&file, path)?;
    if (opened.dev(), opened.ino()) == (named.dev(), named.ino()) {
        Ok(file)
    } else {
        Err(RootKeyError::Exchanged(path.to_owned()))
    }
}

fn check_permissions(metadata: &fs::Metadata, path: &Path) -> Result<(), RootKeyError> {
    let (mode, owner, user) = (metadata.mode() & 0o7777, metadata.uid(), effective_user());
    if owner != user {
        return Err(RootKeyError::Owner { path: path.to_owned(), owner, user });
    }
    if mode & 0o077 == 0 { Ok(()) } else { Err(RootKeyError::Permissions { path: path.to_owned(), mode }) }
}

/// Whoever may write the directory can put a key of their own there before the first start.
fn check_directory(path: &Path) -> Result<(), RootKeyError> {
    let directory = directory_of(path);
    let metadata = fs::metadata(directory).map_err(io_error("read", path))?;
    let (mode, owner) = (metadata.mode() & 0o7777, metadata.uid());
    if (owner == effective_user() || owner == 0) && mode & 0o022 == 0 {
        return Ok(());
    }
    Err(RootKeyError::Directory { path: directory.to_owned(), owner, mode })
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn metadata(file: &File, path: &Path) -> Result<fs::Metadata, RootKeyError> {
    file.metadata().map_err(io_error("read", path))
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> RootKeyError {
    move |source| RootKeyError::Io { action, path: path.to_owned(), source }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn format(key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut encoded = Zeroizing::new(String::with_capacity(ENCODED_LEN));
    STANDARD.encode_string(key, &mut encoded);
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_LEN));
    for line in [HEADER, &encoded, &checksum(encoded.as_bytes())] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}

fn parse(text: &[u8], length: u64, path: &Path) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
    let body = text
        .strip_prefix(HEADER.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
        .ok_or_else(|| RootKeyError::WrongHeader(path.to_owned()))?;
    if text.len() != FILE_LEN || length != FILE_LEN as u64 {
        return Err(RootKeyError::WrongSize { path: path.to_owned(), found: length });
    }
    decode(body).ok_or_else(|| RootKeyError::Damaged(path.to_owned()))
}

/// Reads the key line and the checksum line.
fn decode(body: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let (encoded, rest) = body.split_at_checked(ENCODED_LEN)?;
    let stated = rest.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    if stated != checksum(encoded).as_bytes() {
        return None;
    }
    let mut key = Zeroizing::new([0u8; 32]);
    match STANDARD.decode_slice(encoded, key.as_mut_slice()) {
        Ok(32) => Some(key),
        _ => None,
    }
}

fn checksum(encoded: &[u8]) -> String {
    let hash = Canonical::new("strongroom/v1/root-key-file").field(HEADER.as_bytes()).field(encoded).sha256();
    let mut digits = data_encoding::HEXLOWER.encode(&hash);
    digits.truncate(CHECKSUM_LEN);
    digits
}

#[cfg(test)]
mod tests;
