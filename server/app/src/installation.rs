//! Opening an installation: data directory, root key, database, signing keys. One clear line for
//! each way in which that fails.

use std::{
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use strongroom_crypto::{AuditSigner, Entropy, OpenError, TokenSigner};
use strongroom_domain::{
    keyring::Keyring,
    names::InstallationId,
    ports::{SealStore as _, StoreError},
    seal::{CONTROL_KEY, CREDENTIALS_KEY, MacSecrets, RootKeyFact, SealedKeys},
    time::uuid_v4,
    token_keys::TokenKeys,
};
use strongroom_store::{Installation, Store, StoreOptions};

use crate::seal::Source;

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

/// The sealed signing keys that an installation does not start without.
pub(crate) fn signing_keys(development: bool) -> [&'static str; 2] {
    let Labels { audit, token } = Labels::of(development);
    [audit, token]
}

/// What an installation is opened with.
pub(crate) struct Opening<'a> {
    pub(crate) data: &'a Path,
    pub(crate) database: Option<&'a str>,
    pub(crate) source: &'a Source,
    pub(crate) node: &'a str,
    /// What it must be; none for whoever only looks after it.
    pub(crate) development: Option<bool>,
    /// Whether no server may be at its database meanwhile, not even on another machine.
    pub(crate) alone: bool,
}

/// An opened installation.
pub(crate) struct Opened {
    pub(crate) installation: Installation,
    pub(crate) store: Store,
    pub(crate) keyring: Keyring,
    pub(crate) auditor: AuditSigner,
    /// The keys that sign tokens, and the label under which they are sealed.
    pub(crate) tokens: TokenKeys,
    pub(crate) token_label: &'static str,
    /// Address of the database.
    pub(crate) database: String,
    /// Made just now.
    pub(crate) fresh: bool,
}

/// Makes the data directory if need be, readable by its owner alone.
pub(crate) fn prepare_directory(data: &Path) -> anyhow::Result<()> {
    let cannot = || format!("the data directory {} cannot be written; --data names another", data.display());
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

/// The database in a data directory.
pub(crate) fn embedded_file(data: &Path) -> PathBuf {
    data.join("strongroom.db")
}

/// Address of the database in a data directory.
pub(crate) fn embedded_database(data: &Path) -> String {
    format!("sqlite://{}", embedded_file(data).display())
}

/// Whether there is an installation to open already; makes and changes nothing.
pub(crate) async fn exists(opening: &Opening<'_>) -> anyhow::Result<bool> {
    let address = opening.database.map_or_else(|| embedded_database(opening.data), str::to_owned);
    Ok(Store::holds_installation(&address).await?)
}

pub(crate) async fn open(opening: &Opening<'_>, now: i64, entropy: &dyn Entropy) -> anyhow::Result<Opened> {
    if opening.development.is_none() && opening.database.is_none() {
        let file = embedded_file(opening.data);
        if !file.is_file() {
            return Err(strongroom_store::OpenError::Missing(file).into());
        }
    }
    prepare_directory(opening.data)?;
    let address = opening.database.map_or_else(|| embedded_database(opening.data), str::to_owned);
    let options = StoreOptions { node: opening.node.to_owned(), alone: opening.alone, ..StoreOptions::default() };
    let store = Store::open(&address, options).await?;
    let (installation, fresh) = match store.installation().await? {
        Some(found) => (found, false),
        None => (make(&store, opening, now, entropy).await?, true),
    };
    match (installation.development, opening.development) {
        (true, Some(false)) => bail!(
            "this installation was made by `strongroom dev` and stays a development installation for ever: `serve` needs another data directory and database"
        ),
        (false, Some(true)) => {
            bail!("this installation was made by `strongroom serve`: `dev` needs another data directory")
        }
        _ => {}
    }
    let keyring = match store.root_key().await? {
        Some(fact) => known_keyring(&store, &installation, opening.source, &fact).await?,
        None => adopted_keyring(&store, &installation, opening.source, now, entropy).await?,
    };
    let sealed = async |label: &'static str| -> anyhow::Result<_> {
        store.sealed_blob(label).await?.with_context(|| format!("the database has no {label}"))
    };
    let labels = Labels::of(installation.development);
    let audit = keyring.open_blob(labels.audit, &sealed(labels.audit).await?.bytes);
    let auditor = AuditSigner::from_pkcs8(audit.map_err(|_| foreign(opening.source))?.expose())?;
    let tokens = TokenKeys::open(&keyring, labels.token, &sealed(labels.token).await?, installation.created_at);
    let tokens = tokens.map_err(|_| anyhow::anyhow!("the keys that sign tokens are not as they were sealed"))?;
    // From here on nothing is written that another root key would have to open.
    store.works_with(&keyring.root_key_id()).await;
    publish_audit_key(opening.data, &auditor)?;
    let token_label = labels.token;
    Ok(Opened { installation, store, keyring, auditor, tokens, token_label, database: address, fresh })
}

fn foreign(source: &Source) -> anyhow::Error {
    anyhow::anyhow!("the root key {} is not the one of this database", source.shown())
}

/// The keyring of an installation whose sealed keys were read, for checking what it protects.
pub(crate) fn keyring_of(
    sealed: &SealedKeys,
    installation: InstallationId,
    source: &Source,
) -> anyhow::Result<Keyring> {
    let fact = sealed.root_key.as_ref();
    let fact = fact.context("which root key is in use is not written down: the first start of this release does that; if there was one, somebody removed it: see `root_keys` in a backup")?;
    let blob = |label| {
        let found = sealed.blobs.iter().find(|(known, _)| known == label).map(|(_, blob)| blob.as_slice());
        found.with_context(|| format!("the database has no {label}"))
    };
    opened_keyring(installation, source, fact, (blob(CONTROL_KEY)?, blob(CREDENTIALS_KEY)?))
}

/// The keyring of an installation that knows which root key it is sealed under.
async fn known_keyring(
    store: &Store,
    installation: &Installation,
    source: &Source,
    fact: &RootKeyFact,
) -> anyhow::Result<Keyring> {
    let sealed = async |label| -> anyhow::Result<_> {
        let sealed = store.sealed_blob(label).await?.with_context(|| format!("the database has no {label}"))?;
        Ok(sealed.bytes)
    };
    let (control, credentials) = (sealed(CONTROL_KEY).await?, sealed(CREDENTIALS_KEY).await?);
    opened_keyring(installation.id, source, fact, (&control, &credentials))
}

fn opened_keyring(
    installation: InstallationId,
    source: &Source,
    fact: &RootKeyFact,
    (control, credentials): (&[u8], &[u8]),
) -> anyhow::Result<Keyring> {
    let root = source.open(fact)?;
    let secrets = MacSecrets::open(&*root, installation, control, credentials).map_err(|error| match error {
        OpenError::Unreachable => anyhow::Error::from(error),
        _ => anyhow::anyhow!(
            "the installation's own keys are not as they were sealed under the root key {}",
            fact.key_id
        ),
    })?;
    let keyring = Keyring::with_secrets(root, installation, &secrets)?;
    keyring
        .verify_root_key(fact)
        .map_err(|_| anyhow::anyhow!("what the database says of the root key {} was changed by hand", fact.key_id))?;
    Ok(keyring)
}

/// The keyring of an installation from the time when its MAC keys were derived from its root key: they become
/// keys of their own, so that the root key can change.
async fn adopted_keyring(
    store: &Store,
    installation: &Installation,
    source: &Source,
    now: i64,
    entropy: &dyn Entropy,
) -> anyhow::Result<Keyring> {
    for label in [CONTROL_KEY, CREDENTIALS_KEY] {
        if store.sealed_blob(label).await?.is_some() {
            // Never to be taken for an installation from before: its own keys would be lost.
            bail!(
                "the database does not say which root key is in use, but has a {label}: its table root_keys was changed by hand; restore it from a backup"
            );
        }
    }
    let root = source.open_unknown()?;
    let in_memory = root.in_memory().context(
        "this installation is from the time when its keys were derived from its root key: start it once with that, and rotate afterwards",
    )?;
    let secrets = MacSecrets::derived(in_memory, installation.id);
    let keyring = Keyring::with_secrets(root, installation.id, &secrets)?;
    let audit = Labels::of(installation.development).audit;
    let known = store.sealed_blob(audit).await?.with_context(|| format!("the database has no {audit}"))?;
    keyring.open_blob(audit, &known.bytes).map_err(|_| foreign(source))?;
    let control = keyring.seal_blob(CONTROL_KEY, &secrets.control, entropy)?;
    let credentials = keyring.seal_blob(CREDENTIALS_KEY, &secrets.credentials, entropy)?;
    let fact = fact(&keyring, source, String::new(), now)?;
    store.adopt_root_key(&fact, &[(CONTROL_KEY, &control), (CREDENTIALS_KEY, &credentials)]).await?;
    Ok(keyring)
}

fn fact(keyring: &Keyring, source: &Source, parameters: String, now: i64) -> anyhow::Result<RootKeyFact> {
    let provider = source.name().to_owned();
    let mut fact = RootKeyFact { key_id: keyring.root_key_id(), provider, parameters, since: now, tag: Vec::new() };
    fact.tag = keyring.tag_root_key(&fact)?;
    Ok(fact)
}

async fn make(store: &Store, opening: &Opening<'_>, now: i64, entropy: &dyn Entropy) -> anyhow::Result<Installation> {
    let Some(development) = opening.development else { bail!("the database holds no installation") };
    let (root, parameters) = opening.source.create(entropy)?;
    let id = InstallationId(uuid_v4(entropy)?);
    let secrets = MacSecrets::generate(entropy)?;
    let keyring = Keyring::with_secrets(root, id, &secrets)?;
    let labels = Labels::of(development);
    let keys = [
        (labels.audit, &AuditSigner::generate(entropy)?.to_pkcs8()),
        (labels.token, &TokenKeys::first(TokenSigner::generate(entropy)?, now).to_document()?),
        (CONTROL_KEY, &secrets.control),
        (CREDENTIALS_KEY, &secrets.credentials),
    ];
    let sealed = keys.map(|(label, key)| keyring.seal_blob(label, key, entropy).map(|sealed| (label, sealed)));
    let sealed = sealed.into_iter().collect::<Result<Vec<_>, _>>()?;
    let blobs: Vec<(&str, &[u8])> = sealed.iter().map(|(label, bytes)| (*label, bytes.as_slice())).collect();
    let fact = fact(&keyring, opening.source, parameters, now)?;
    let made = store.create_installation_sealed(id.0, now, development, &blobs, Some(&fact)).await;
    made.map_err(|error| match error {
        StoreError::Stale => anyhow::anyhow!(
            "the database was given an installation by another process just now (start again), or holds the keys of one whose row was deleted by hand (restore it from a backup)"
        ),
        other => other.into(),
    })
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

    /// An installation from the time when MAC keys were derived from the root key: what was tagged then
    /// still counts, also after the root key changed.
    #[tokio::test]
    async fn an_older_installation_is_taken_over_as_it_is() {
        use strongroom_crypto::{RootKey, SystemEntropy};
        use strongroom_domain::{identity::Session, principal::Principal};

        let data = directory(0o700);
        let source = Source::file(data.path().join("root.key"));
        let root = RootKey::create_file(&data.path().join("root.key"), &SystemEntropy).unwrap();
        let id = InstallationId(uuid_v4(&SystemEntropy).unwrap());
        let old = Keyring::new(root, id);
        let labels = Labels::of(false);
        let audit = AuditSigner::generate(&SystemEntropy).unwrap().to_pkcs8();
        let token = TokenSigner::generate(&SystemEntropy).unwrap().to_pkcs8();
        let audit = old.seal_blob(labels.audit, &audit, &SystemEntropy).unwrap();
        let token = old.seal_blob(labels.token, &token, &SystemEntropy).unwrap();
        let store = Store::open(&embedded_database(data.path()), StoreOptions::default()).await.unwrap();
        store.create_installation(id.0, 1, false, &[(labels.audit, &audit), (labels.token, &token)]).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let mut session = Session {
            id_hash: [1; 32],
            principal: Principal::system("test"),
            display_name: String::new(),
            created: 1,
            expires: 2,
            provider_session: None,
            authenticated: None,
            begun: None,
            tag: Vec::new(),
        };
        session.tag = old.tag_session(&session).unwrap();
        let form = old.form_token(&[1; 32]);

        for _ in 0..2 {
            let opening = Opening {
                data: data.path(),
                database: None,
                source: &source,
                node: "n",
                development: Some(false),
                alone: false,
            };
            let opened = open(&opening, 5, &SystemEntropy).await.unwrap();
            opened.keyring.verify_session(&session).unwrap();
            assert_eq!(opened.keyring.form_token(&[1; 32]), form);
            let sealed = opened.store.sealed_keys().await.unwrap();
            assert_eq!(sealed.root_key.unwrap().key_id, old.root_key_id());
            assert_eq!(sealed.blobs.len(), 4);
            opened.store.close().await.unwrap();
        }
        let foreign = directory(0o700);
        let foreign = Source::file(foreign.path().join("root.key"));
        foreign.create(&SystemEntropy).unwrap();
        let opening = Opening {
            data: data.path(),
            database: None,
            source: &foreign,
            node: "n",
            development: Some(false),
            alone: false,
        };
        let error = open(&opening, 5, &SystemEntropy).await.err().unwrap().to_string();
        assert!(error.contains("not the root key of this database"), "{error}");
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
