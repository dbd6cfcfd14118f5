//! Opening an installation: data directory, root key, database, signing keys. One clear line for
//! each way in which that fails.

use std::{
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use strongroom_crypto::{AuditSigner, Entropy, RootKey, RootKeyError, TokenSigner};
use strongroom_domain::{keyring::Keyring, names::InstallationId, time::uuid_v4};
use strongroom_store::{Installation, Store, StoreOptions};

/// Labels of the sealed signing keys. The development mark is part of them, and a label is part of
/// what the seal authenticates: whoever clears the mark in the database has no keys.
struct Labels {
    audit: &'static str,
    token: &'static str,
}

impl Labels {
    fn of(development: bool) -> Self {
        if development {
            Self { audit: "audit-signing-key-v1-development", token: "token-signing-key-v1-development" }
        } else {
            Self { audit: "audit-signing-key-v1", token: "token-signing-key-v1" }
        }
    }
}

/// What an installation is opened with.
pub(crate) struct Opening<'a> {
    pub(crate) data: &'a Path,
    pub(crate) database: Option<&'a str>,
    pub(crate) root_key: PathBuf,
    pub(crate) node: &'a str,
    pub(crate) development: bool,
}

/// An opened installation.
pub(crate) struct Opened {
    pub(crate) installation: Installation,
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) auditor: AuditSigner,
    pub(crate) tokens: TokenSigner,
    /// Address of the database.
    pub(crate) database: String,
    /// Made just now.
    pub(crate) fresh: bool,
}

/// Makes the data directory if need be, readable by its owner alone.
pub(crate) fn prepare_directory(data: &Path) -> anyhow::Result<()> {
    let cannot = || format!("the data directory {} cannot be written", data.display());
    if !data.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).with_context(cannot)?;
    }
    let metadata = data.metadata().with_context(cannot)?;
    let (mode, owner) = (metadata.permissions().mode(), metadata.uid());
    let user = rustix::process::geteuid().as_raw();
    if owner != user && owner != 0 {
        bail!("the data directory {} belongs to user {owner}, not to the user {user} that runs this", data.display());
    }
    if mode & 0o022 != 0 {
        bail!(
            "the data directory {} can be written by others (mode {:03o}): chmod go-w it",
            data.display(),
            mode & 0o777
        );
    }
    let probe = data.join(format!(".write-test-{}", std::process::id()));
    // Made anew or not at all: a link that stands there is not followed.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    made.and_then(|_| std::fs::remove_file(&probe)).with_context(cannot)
}

/// Address of the database in a data directory.
pub(crate) fn embedded_database(data: &Path) -> String {
    format!("sqlite://{}", data.join("strongroom.db").display())
}

pub(crate) async fn open(opening: &Opening<'_>, now: i64, entropy: &dyn Entropy) -> anyhow::Result<Opened> {
    prepare_directory(opening.data)?;
    let address = opening.database.map_or_else(|| embedded_database(opening.data), str::to_owned);
    let options = StoreOptions { node: opening.node.to_owned(), ..StoreOptions::default() };
    let store = Store::open(&address, options).await?;
    let (installation, fresh) = match store.installation().await? {
        Some(found) => (found, false),
        None => (make(&store, opening, now, entropy).await?, true),
    };
    match (installation.development, opening.development) {
        (true, false) => bail!(
            "this installation was made by `strongroom dev` and stays a development installation for ever: `serve` needs another data directory and database"
        ),
        (false, true) => bail!("this installation was made by `strongroom serve`: `dev` needs another data directory"),
        _ => {}
    }
    let root = RootKey::from_file(&opening.root_key)?;
    let keyring = Keyring::new(root, installation.id);
    let open_key = async |label| -> anyhow::Result<_> {
        let sealed = store.sealed_blob(label).await?.with_context(|| format!("the database has no {label}"))?;
        keyring
            .open_blob(label, &sealed)
            .map_err(|_| anyhow::anyhow!("the root key {} is not the one of this database", opening.root_key.display()))
    };
    let labels = Labels::of(installation.development);
    let auditor = AuditSigner::from_pkcs8(open_key(labels.audit).await?.expose())?;
    let tokens = TokenSigner::from_pkcs8(open_key(labels.token).await?.expose())?;
    publish_audit_key(opening.data, &auditor)?;
    Ok(Opened { installation, store, keyring, auditor, tokens, database: address, fresh })
}

async fn make(store: &Store, opening: &Opening<'_>, now: i64, entropy: &dyn Entropy) -> anyhow::Result<Installation> {
    let root = match RootKey::create_file(&opening.root_key, entropy) {
        Ok(root) => root,
        Err(RootKeyError::AlreadyExists { .. }) => RootKey::from_file(&opening.root_key)?,
        Err(error) => return Err(error.into()),
    };
    let id = InstallationId(uuid_v4(entropy)?);
    let keyring = Keyring::new(root, id);
    let auditor = AuditSigner::generate(entropy)?.to_pkcs8();
    let tokens = TokenSigner::generate(entropy)?.to_pkcs8();
    let labels = Labels::of(opening.development);
    let auditor = keyring.seal_blob(labels.audit, &auditor, entropy)?;
    let tokens = keyring.seal_blob(labels.token, &tokens, entropy)?;
    let blobs = [(labels.audit, auditor.as_slice()), (labels.token, tokens.as_slice())];
    Ok(store.create_installation(id.0, now, opening.development, &blobs).await?)
}

/// Writes the public audit key beside the database, for verifying offline.
fn publish_audit_key(data: &Path, auditor: &AuditSigner) -> anyhow::Result<()> {
    let path = data.join("audit.pub");
    let text = format!("{}\n", data_encoding::HEXLOWER.encode(&auditor.public_key()));
    if std::fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file that only its owner may read, in one step.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
        // What an interrupted write left goes; what then stands there is nobody else's.
        match std::fs::remove_file(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(mode: u32) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        directory
    }

    #[test]
    fn a_data_directory_that_others_can_write_is_refused() {
        for mode in [0o770, 0o720, 0o702, 0o777, 0o1777] {
            let error = prepare_directory(directory(mode).path()).unwrap_err().to_string();
            assert!(error.contains("can be written by others") && !error.contains('\n'), "{mode:o}: {error}");
        }
        for mode in [0o700, 0o750, 0o755] {
            prepare_directory(directory(mode).path()).unwrap();
        }
    }

    #[test]
    fn a_new_data_directory_is_for_its_owner_alone() {
        let parent = directory(0o700);
        let data = parent.path().join("a/b");
        prepare_directory(&data).unwrap();
        assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    /// Only root can give a directory away, so only root can try.
    #[test]
    fn a_data_directory_of_another_user_is_refused() {
        let data = directory(0o700);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(data.path(), Some(12_345), None).unwrap();
            let error = prepare_directory(data.path()).unwrap_err().to_string();
            assert!(error.contains("belongs to user 12345"), "{error}");
        }
    }
}
