//! What `strongroom login` keeps for later commands: one short-lived token for each server.
//!
//! In `$XDG_RUNTIME_DIR/strongroom`, which lies in memory, belongs to one user and goes when they log out of the
//! machine; without one, in `$XDG_STATE_HOME/strongroom` or `~/.local/state/strongroom`. The directory has mode 0700
//! and the files 0600. Must never read a file that somebody else could have written or read, and never give a token
//! for another server than it was kept for.

use std::{
    borrow::Cow,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use strongroom_crypto::SecretText;
use url::Url;
use zeroize::Zeroizing;

use crate::private_file;

/// Longest file that is read.
const MAX_FILE: u64 = 64 * 1024;

/// A token that is kept. Has no `Debug`.
pub(crate) struct KeptLogin {
    /// The token.
    pub(crate) token: SecretText,
    /// Whose it is, in words.
    pub(crate) name: String,
    /// When it ends, Unix milliseconds.
    pub(crate) expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    /// Origin of the server.
    server: &'a str,
    /// May hold what JSON writes with a backslash.
    name: Cow<'a, str>,
    expires_at: i64,
    /// Borrowed, so that no copy stays behind.
    token: &'a str,
}

impl KeptLogin {
    /// What is kept for the server of this origin, whether it has ended or not.
    pub(crate) fn find(server: &Url) -> anyhow::Result<Option<Self>> {
        let Some(path) = folder().map(|folder| file(&folder, server)) else { return Ok(None) };
        Self::read(&path, server)
    }

    fn read(path: &Path, server: &Url) -> anyhow::Result<Option<Self>> {
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        let user = rustix::process::geteuid().as_raw();
        if !found.is_file() || found.uid() != user || found.mode() & 0o077 != 0 || found.len() > MAX_FILE {
            bail!("{} is not a file of yours alone (mode 0600): remove it and log in again", path.display());
        }
        let text = Zeroizing::new(std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?);
        let line: Line<'_> = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not as it was written: remove it and log in again", path.display()))?;
        if line.server != origin(server) {
            bail!("{} is of another server: remove it and log in again", path.display());
        }
        let token = SecretText::new(line.token.to_owned());
        Ok(Some(Self { token, name: line.name.into_owned(), expires_at: line.expires_at }))
    }

    /// Keeps it for the server of this origin, in place of what was kept; gives the file.
    pub(crate) fn keep(&self, server: &Url) -> anyhow::Result<PathBuf> {
        let folder = folder().context("nowhere to keep a login: neither XDG_RUNTIME_DIR nor HOME is set")?;
        self.keep_in(&folder, server)
    }

    fn keep_in(&self, folder: &Path, server: &Url) -> anyhow::Result<PathBuf> {
        let cannot = || format!("the directory {} cannot be made", folder.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(cannot)?;
        let found = folder.symlink_metadata().with_context(cannot)?;
        if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            bail!("{} is not a directory of yours that nobody else can write", folder.display());
        }
        let server_origin = origin(server);
        let line = Line {
            server: &server_origin,
            name: Cow::Borrowed(self.name.as_str()),
            expires_at: self.expires_at,
            token: self.token.expose(),
        };
        // All of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(4096 + self.token.len() + self.name.len() * 6));
        serde_json::to_writer(&mut *text, &line)?;
        let path = file(folder, server);
        private_file::write(&path, &text, true)?;
        Ok(path)
    }

    /// Forgets what is kept for a server; gives whether there was anything.
    pub(crate) fn forget(server: &Url) -> anyhow::Result<bool> {
        let Some(path) = folder().map(|folder| file(&folder, server)) else { return Ok(false) };
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("{} cannot be removed", path.display())),
        }
    }
}

fn origin(server: &Url) -> String {
    server.origin().ascii_serialization()
}

fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let place = absolute("XDG_RUNTIME_DIR").or_else(|| absolute("XDG_STATE_HOME")).or_else(home)?;
    Some(place.join("strongroom"))
}

/// Hosts and ports make names of files as they are; a colon of an IPv6 address becomes a hyphen.
fn file(folder: &Path, server: &Url) -> PathBuf {
    let host = server.host_str().unwrap_or_default().replace(['[', ']'], "").replace(':', "-");
    folder.join(format!("{host}_{}.json", server.port_or_known_default().unwrap_or(443)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn server(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn login() -> KeptLogin {
        KeptLogin { token: SecretText::new("srp_t".into()), name: "Zoë \"x\"".into(), expires_at: 7 }
    }

    #[test]
    fn what_is_kept_is_found_for_its_server_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/strongroom");
        let path = login().keep_in(&folder, &server("https://vault.example:8443/x")).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let found = KeptLogin::read(&path, &server("https://vault.example:8443")).unwrap().unwrap();
        assert_eq!((found.token.expose(), found.name.as_str(), found.expires_at), ("srp_t", "Zoë \"x\"", 7));
        assert!(KeptLogin::read(&path, &server("https://vault.example")).is_err(), "of another port");
        for other in ["https://vault.example", "https://other.example:8443", "https://[::1]:8443"] {
            assert_ne!(file(&folder, &server(other)), path);
            assert!(KeptLogin::read(&file(&folder, &server(other)), &server(other)).unwrap().is_none());
        }
        login().keep_in(&folder, &server("https://vault.example:8443")).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_a_link_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let url = server("https://vault.example");
        let path = login().keep_in(place.path(), &url).unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(KeptLogin::read(&link, &url).is_err());
        for mode in [0o640, 0o604, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = KeptLogin::read(&path, &url).err().unwrap().to_string();
            assert!(error.contains("log in again"), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "{}").unwrap();
        assert!(KeptLogin::read(&path, &url).is_err());
    }

    #[test]
    fn a_directory_that_others_may_write_keeps_nothing() {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(login().keep_in(place.path(), &server("https://vault.example")).is_err());
    }
}
