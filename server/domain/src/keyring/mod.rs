//! The keyring: what the domain seals, opens and authenticates with.
//!
//! Holds the root key and, once used, the vault keys; it is dropped with the process. Knows which
//! bytes of a row are authenticated under which key. It never gives a key out and never decides
//! whether something may be opened: its callers hold a permit.

mod rows;
mod vaults;

use std::{
    collections::HashMap,
    sync::{Arc, RwLock, Weak},
};

use strongroom_crypto::{
    Entropy, EntropyError, MacKey, OpenError, Place, PlaceParts, Plaintext, RootCipher, RootKey, SealError,
    SealedValue, VaultKey, WrappedKey,
};

use crate::{
    names::{InstallationId, ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    seal::MacSecrets,
    secret::{SecretMeta, VersionMeta},
    vault::Vault,
};

/// Why the keyring refuses.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A row is not what Strongroom wrote, or stands where it was not written.
    #[error("a stored row fails its authentication")]
    Tampered,
    /// A key or a value could not be sealed.
    #[error("sealing failed")]
    Seal(#[from] SealError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The root key is in a token that does not answer: nothing is said of what was to be opened.
    #[error("the root key is out of reach: its token does not answer")]
    Unreachable,
    /// Data could not be put into canonical form.
    #[error("canonical form: {0}")]
    Canonical(#[from] serde_json::Error),
}

impl From<OpenError> for KeyringError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unreachable => Self::Unreachable,
            OpenError::Tampered | OpenError::UnsupportedFormat => Self::Tampered,
        }
    }
}

/// Keys of one vault, unwrapped.
pub struct VaultKeys {
    id: VaultId,
    key: VaultKey,
    mac: MacKey,
}

/// The installation's keys.
pub struct Keyring {
    root: Box<dyn RootCipher>,
    installation: InstallationId,
    control: MacKey,
    credentials: MacKey,
    /// Seals what lasts for minutes.
    passing: RootKey,
    /// Seals where the pages of listings begin.
    pages: RootKey,
    vaults: RwLock<HashMap<WrappedVaultKey, Arc<VaultKeys>>>,
    /// Rows of vaults that were verified, as they lie in memory, where nothing changes them: once is enough.
    verified: RwLock<HashMap<VaultId, Weak<Vault>>>,
}

/// What every place of a page is padded to: no name is longer.
const PLACE_BYTES: usize = 128;

/// A vault and its key as wrapped: a key that was wrapped anew is unwrapped anew.
type WrappedVaultKey = (VaultId, Vec<u8>);

impl Keyring {
    /// A keyring under this root key, with the MAC keys that were derived from it: an installation from
    /// before they were keys of their own, and tests.
    #[must_use]
    pub fn new(root: RootKey, installation: InstallationId) -> Self {
        let id = installation.0.as_bytes();
        let control = root.mac_key("control-rows-v1", id);
        let credentials = root.mac_key("client-secrets-v1", id);
        Self::of(Box::new(root), installation, control, credentials)
    }

    /// A keyring under this root key with the installation's own MAC keys.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when a secret has another length.
    pub fn with_secrets(
        root: Box<dyn RootCipher>,
        installation: InstallationId,
        secrets: &MacSecrets,
    ) -> Result<Self, KeyringError> {
        let control = MacKey::from_kept(&secrets.control)?;
        let credentials = MacKey::from_kept(&secrets.credentials)?;
        Ok(Self::of(root, installation, control, credentials))
    }

    fn of(root: Box<dyn RootCipher>, installation: InstallationId, control: MacKey, credentials: MacKey) -> Self {
        let passing = control.sealing_key();
        let pages = control.for_purpose("page-tokens-v1").sealing_key();
        let (vaults, verified) = (RwLock::default(), RwLock::default());
        Self { root, installation, control, credentials, passing, pages, vaults, verified }
    }

    /// Fingerprint of the root key.
    #[must_use]
    pub fn root_key_id(&self) -> String {
        self.root.id()
    }

    /// Seals what a blob holds under another root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when it does not open.
    pub(crate) fn reseal_blob(
        &self,
        label: &str,
        sealed: &[u8],
        new: &dyn RootCipher,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        let opened = self.open_blob(label, sealed)?;
        Ok(new.seal_blob(label, self.installation.0.as_bytes(), &opened, entropy)?)
    }

    /// The vault's row with its key wrapped by another root key. The row is verified first.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when the row or its key is not what was written.
    pub(crate) fn rewrap_vault(
        &self,
        vault: &Vault,
        new: &dyn RootCipher,
        entropy: &dyn Entropy,
    ) -> Result<Vault, KeyringError> {
        self.verify_vault(vault)?;
        let (installation, id) = (self.installation.0.as_bytes(), vault.id.0.as_bytes());
        let key = VaultKey::unwrap(&WrappedKey(vault.wrapped_key.clone()), &*self.root, installation, id)?;
        let wrapped_key = key.wrap(new, installation, id, entropy)?.0;
        let mut rewrapped = Vault { wrapped_key, tag: Vec::new(), ..vault.clone() };
        rewrapped.tag = self.tag_vault(&rewrapped)?;
        Ok(rewrapped)
    }

    /// The installation.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// The key under which client secrets of workloads are hashed.
    #[must_use]
    pub fn credentials(&self) -> &MacKey {
        &self.credentials
    }

    /// Seals something of the installation's own (signing keys) for storage.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_blob(
        &self,
        label: &str,
        plaintext: &Plaintext,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        Ok(self.root.seal_blob(label, self.installation.0.as_bytes(), plaintext, entropy)?)
    }

    /// Opens what [`Keyring::seal_blob`] sealed under the same label.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn open_blob(&self, label: &str, sealed: &[u8]) -> Result<Plaintext, KeyringError> {
        Ok(self.root.open_blob(label, self.installation.0.as_bytes(), sealed)?)
    }

    /// Seals what lasts for minutes, such as a sign-in under way, under a key that is always in memory:
    /// anybody can ask for it any number of times, which is nothing for a root key.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_passing(
        &self,
        label: &str,
        plaintext: &Plaintext,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        Ok(self.passing.seal_blob(label, self.installation.0.as_bytes(), plaintext, entropy)?)
    }

    /// Opens what [`Keyring::seal_passing`] sealed under the same label.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn open_passing(&self, label: &str, sealed: &[u8]) -> Result<Plaintext, KeyringError> {
        Ok(self.passing.open_blob(label, self.installation.0.as_bytes(), sealed)?)
    }

    /// Where a page of a listing of this vault begins, in a form that nobody else can make or read, and that every
    /// node opens, also after its next start. The place may be the name of something that its reader is not shown,
    /// so neither it nor its length is told.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn page_token(
        &self,
        vault: &VaultName,
        listing: &str,
        place: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        let mut padded = place.as_bytes().to_vec();
        padded.resize(place.len().max(PLACE_BYTES), 0);
        let (label, id) = (page(vault, listing), self.installation.0.as_bytes());
        Ok(self.pages.seal_blob(&label, id, &Plaintext::from_slice(&padded), entropy)?)
    }

    /// The place in what [`Keyring::page_token`] made for the same listing. `None` for everything else.
    #[must_use]
    pub fn page_place(&self, vault: &VaultName, listing: &str, token: &[u8]) -> Option<String> {
        let opened = self.pages.open_blob(&page(vault, listing), self.installation.0.as_bytes(), token).ok()?;
        Some(std::str::from_utf8(opened.expose()).ok()?.trim_end_matches('\0').to_owned())
    }

    /// Makes the key of a new vault, wrapped.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn new_vault_key(&self, vault: VaultId, entropy: &dyn Entropy) -> Result<Vec<u8>, KeyringError> {
        let key = VaultKey::generate(entropy)?;
        Ok(key.wrap(&*self.root, self.installation.0.as_bytes(), vault.0.as_bytes(), entropy)?.0)
    }

    /// Seals a value to its place.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(
        &self,
        vault: &VaultKeys,
        kind: ObjectKind,
        name: &ObjectName,
        version: &ObjectVersion,
        value: &Plaintext,
        entropy: &dyn Entropy,
    ) -> Result<SealedValue, KeyringError> {
        let parts = PlaceParts {
            installation: self.installation.0.as_bytes(),
            vault: vault.id.0.as_bytes(),
            kind: kind.as_str(),
            name: name.as_str(),
            version: version.as_str(),
        };
        Ok(vault.key.seal(&parts, value, entropy)?)
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn open(
        &self,
        vault: &VaultKeys,
        kind: ObjectKind,
        name: &ObjectName,
        version: &ObjectVersion,
        sealed: &SealedValue,
    ) -> Result<Plaintext, KeyringError> {
        let place = Place {
            installation: self.installation.0.as_bytes(),
            vault: vault.id.0.as_bytes(),
            kind: kind.as_str(),
            name: name.as_str(),
            version: version.as_str(),
            data_key_id: &sealed.data_key_id,
            row_format: sealed.row_format,
        };
        Ok(vault.key.open(&place, sealed)?)
    }

    /// Seals a backup of a secret of this vault.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_backup(
        &self,
        vault: &VaultKeys,
        backup: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        Ok(vault.key.seal_backup(self.installation.0.as_bytes(), vault.id.0.as_bytes(), backup, entropy)?)
    }

    /// Opens a backup that was sealed for this vault.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn open_backup(&self, vault: &VaultKeys, blob: &[u8]) -> Result<Vec<u8>, KeyringError> {
        Ok(vault.key.open_backup(self.installation.0.as_bytes(), vault.id.0.as_bytes(), blob)?)
    }

    /// Tag of a name's row.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_name(&self, vault: &VaultKeys, kind: ObjectKind, secret: &SecretMeta) -> Result<Vec<u8>, KeyringError> {
        let body = serde_json::to_vec(secret)?;
        Ok(vault.mac.tag(&[name_label(kind), secret.name.as_str().as_bytes(), &body]).to_vec())
    }

    /// Tag of a version's row.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_version(
        &self,
        vault: &VaultKeys,
        kind: ObjectKind,
        name: &ObjectName,
        meta: &VersionMeta,
    ) -> Result<Vec<u8>, KeyringError> {
        let body = serde_json::to_vec(meta)?;
        Ok(vault.mac.tag(&[version_label(kind), name.as_str().as_bytes(), &body]).to_vec())
    }

    /// Checks a name's row, found under `name`.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_name(
        &self,
        vault: &VaultKeys,
        kind: ObjectKind,
        name: &ObjectName,
        secret: &SecretMeta,
    ) -> Result<(), KeyringError> {
        let body = serde_json::to_vec(secret)?;
        let found_here = secret.name == *name;
        if found_here && vault.mac.verify(&[name_label(kind), name.as_str().as_bytes(), &body], &secret.tag) {
            Ok(())
        } else {
            Err(KeyringError::Tampered)
        }
    }

    /// Checks a version's row, found under `name`.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_version(
        &self,
        vault: &VaultKeys,
        kind: ObjectKind,
        name: &ObjectName,
        meta: &VersionMeta,
    ) -> Result<(), KeyringError> {
        let body = serde_json::to_vec(meta)?;
        if vault.mac.verify(&[version_label(kind), name.as_str().as_bytes(), &body], &meta.tag) {
            Ok(())
        } else {
            Err(KeyringError::Tampered)
        }
    }
}

/// What a page's place is sealed to. No vault's name has a space in it.
fn page(vault: &VaultName, listing: &str) -> String {
    format!("page {vault} {listing}")
}

/// What the tag of a name's row begins with. Frozen: rows of different kinds must never pass for each other.
fn name_label(kind: ObjectKind) -> &'static [u8] {
    kind.as_str().as_bytes()
}

/// What the tag of a version's row begins with. Frozen; secrets were there first.
fn version_label(kind: ObjectKind) -> &'static [u8] {
    match kind {
        ObjectKind::Secret => b"version",
        ObjectKind::Key => b"key-version",
        ObjectKind::Certificate => b"certificate-version",
        ObjectKind::Issuer => b"issuer-version",
        ObjectKind::Contacts => b"contacts-version",
        ObjectKind::Revocations => b"revocations-version",
        ObjectKind::Vault | ObjectKind::Server | ObjectKind::Workload => b"no-version",
    }
}

#[cfg(test)]
mod tests;
