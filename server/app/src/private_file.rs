//! Files that belong to who runs the program and to nobody else (mode 0600), written whole or not at all.
//! Must never replace a file that nobody said may be replaced.

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// Writes a file that is not there yet, or, when told so, in place of the one that is.
pub(crate) fn write(path: &Path, content: &[u8], replace: bool) -> anyhow::Result<()> {
    let unwritten = || format!("{} cannot be written", path.display());
    if replace {
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
    fn a_link_that_was_laid_there_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(write(&link, b"x", false).is_err());
        write(&link, b"x", true).unwrap();
        assert!(!target.exists());
    }
}
