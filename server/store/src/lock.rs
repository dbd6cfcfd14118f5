//! One process per SQLite database.
//!
//! An advisory lock on a file beside the database, held until the store is dropped or the process
//! ends, however it ends. On the lock file and not on the database, because SQLite's own locks
//! (POSIX) vanish when any descriptor of the database is closed.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use crate::open::OpenError;

/// Holds the lock.
#[derive(Debug)]
pub(crate) struct Ownership {
    _file: File,
}

impl Ownership {
    /// Makes the database file if need be, for the owner's eyes only, and locks it.
    pub(crate) fn take(database: &Path) -> Result<Self, OpenError> {
        let unwritable =
            |error: std::io::Error| OpenError::Unwritable { path: database.to_owned(), reason: error.to_string() };
        drop(private_file(database).map_err(unwritable)?);
        // Two ways to one file share one lock.
        let real = database.canonicalize().map_err(unwritable)?;
        let file = private_file(&beside(&real)).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyInUse(database.to_owned())),
            Err(TryLockError::Error(error)) => Err(unwritable(error)),
        }
    }
}

/// A number for one of PostgreSQL's advisory locks: FNV-1a of what is locked.
pub(crate) fn number(kind: &str, name: &str) -> i64 {
    let hash = kind
        .bytes()
        .chain(name.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    i64::from_be_bytes(hash.to_be_bytes())
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
