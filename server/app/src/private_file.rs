//! Files that belong to who runs the program and to nobody else (mode 0600), written whole or not at all.
//! Must never replace a file that nobody said may be replaced.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rustix::{fs::OFlags, process::geteuid};
use strongroom_crypto::SecretText;
use zeroize::Zeroizing;

/// Longest text, in bytes.
const READ_LIMIT: u64 = 4096;

/// Reads one line of secret text, without its newline. Refuses a file that somebody else owns or can read.
pub(crate) fn read_line(path: &Path) -> anyhow::Result<SecretText> {
    let unread = || format!("{} cannot be read", path.display());
    // No link is followed, and no pipe waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).with_context(unread)?;
    let facts = file.metadata().with_context(unread)?;
    if !facts.is_file() {
        bail!("{} is not a regular file", path.display());
    }
    let (owner, mode, user) = (facts.uid(), facts.mode() & 0o7777, geteuid().as_raw());
    if owner != user {
        bail!("{} belongs to user {owner}, not to the user {user} that runs this (chown it)", path.display());
    }
    if mode & 0o077 != 0 {
        bail!("{} has mode {mode:04o}: it must give group and others nothing (chmod 600)", path.display());
    }
    let mut text = Zeroizing::new(String::with_capacity(READ_LIMIT as usize + 1));
    file.take(READ_LIMIT).read_to_string(&mut text).with_context(unread)?;
    Ok(SecretText::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}

/// Says so when everybody on the machine may read a file that is secret: no reason not to start, because what keeps
/// others away may be a folder above it.
pub(crate) fn warn_if_open_to_all(path: &Path, what: &str) {
    if is_open_to_all(path) {
        tracing::warn!(path = %path.display(), "everybody on this machine may read {what}: chmod o-r");
    }
}

/// Whether everybody on the machine may read a file.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    path.metadata().is_ok_and(|facts| facts.is_file() && facts.mode() & 0o004 != 0)
}

/// Writes a file that is not there yet, or, when told so, in place of the one that is.
pub(crate) fn write(path: &Path, content: &[u8], replace: bool) -> anyhow::Result<()> {
    let unwritten = || format!("{} cannot be written", path.display());
    if replace {
        // A device or a pipe is not a file to be replaced, whoever may.
        if path.symlink_metadata().is_ok_and(|facts| !facts.is_file() && !facts.is_symlink()) {
            bail!("{} is not a regular file, and nothing was written", path.display());
        }
        // Beside it first: whoever reads meanwhile finds the old file or the new one.
        let mut beside = path.file_name().with_context(unwritten)?.to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside: PathBuf = path.with_file_name(beside);
        fill(&beside, content).with_context(unwritten)?;
        if let Err(error) = std::fs::rename(&beside, path) {
            let _ = std::fs::remove_file(&beside);
            return Err(error).with_context(unwritten);
        }
        return Ok(());
    }
    match fill(path, content) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already, and nothing was written: name another file, or move it away", path.display())
        }
        done => done.with_context(unwritten),
    }
}

fn fill(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = write_all(&mut file, content);
    if written.is_err() {
        // Half a file helps nobody.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write_all(file: &mut File, content: &[u8]) -> std::io::Result<()> {
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_for_its_owner_alone_and_is_not_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backup");
        write(&path, b"one", false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused = write(&path, b"two", false).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"three", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600,
            "also what others could read"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("no/such"), b"x", false).is_err());
    }

    #[test]
    fn a_secret_is_read_only_from_a_file_of_ones_own() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("pin"), folder.path().join("link"));
        write(&path, b"1234\n", false).unwrap();
        assert_eq!(read_line(&path).ok().unwrap().expose(), "1234");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for other in [link.as_path(), folder.path(), &folder.path().join("none")] {
            assert!(read_line(other).is_err(), "{}", other.display());
        }
        assert!(!is_open_to_all(&path));
        for mode in [0o640, 0o604, 0o644, 0o610] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_all(&path), mode & 0o004 != 0);
            let refused = read_line(&path).err().unwrap().to_string();
            assert!(refused.contains("chmod 600") && !refused.contains("1234"), "{refused}");
        }
    }

    #[test]
    fn a_link_that_was_laid_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(write(&link, b"x", false).is_err());
        write(&link, b"x", true).unwrap();
        assert!(!target.exists());
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for no_file in [socket.as_path(), folder.path()] {
            let refused = write(no_file, b"x", true).unwrap_err().to_string();
            assert!(refused.contains("not a regular file"), "{refused}");
        }
        assert!(!socket.symlink_metadata().unwrap().is_file());
    }
}
