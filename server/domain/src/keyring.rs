//! The keyring: what the domain seals, opens and authenticates with.
//!
//! Holds the root key and, once used, the vault keys; it is dropped with the process. Knows which
//! bytes of a row are authenticated under which key. It never gives a key out and never decides
//! whether something may be opened: its callers hold a permit.

use std::{collections::HashMap, sync::Arc, sync::RwLock};

use strongroom_crypto::{
    Entropy, EntropyError, MacKey, OpenError, Place, PlaceParts, Plaintext, RootCipher, RootKey, SealError,
    SealedValue, VaultKey, WrappedKey,
};

use crate::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    grant::Assignment,
    identity::{Session, Workload},
    names::{InstallationId, ObjectKind, ObjectName, ObjectVersion, VaultId},
    policy_module::{InstallationPolicies, PolicyModule},
    role::RoleDefinition,
    seal::{MacSecrets, RootKeyFact},
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
    vaults: RwLock<HashMap<WrappedVaultKey, Arc<VaultKeys>>>,
}

/// A vault and its key as wrapped: a key that was wrapped anew is unwrapped anew.
type WrappedVaultKey = (VaultId, Vec<u8>);

/// Most unwrapped vault keys kept; beyond, the cache starts anew.
const MAX_VAULTS: usize = 1024;

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
        Self { root, installation, control, credentials, passing, vaults: RwLock::default() }
    }

    /// Whether the root key answered the last time. One in memory always does.
    #[must_use]
    pub fn root_key_is_reachable(&self) -> bool {
        self.root.is_reachable()
    }

    /// Does something that may need the root key, without holding up the thread: where the root key is in a
    /// token, on a thread of its own.
    ///
    /// # Errors
    /// What `work` says; [`KeyringError::Unreachable`] when the program is ending.
    pub async fn apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, KeyringError> {
        if self.root.in_memory().is_some() {
            return work(self);
        }
        let keyring = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&keyring)).await.unwrap_or(Err(KeyringError::Unreachable))
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

    /// Tag of what is known of a root key.
    ///
    /// # Errors
    /// When it has no canonical form.
    pub fn tag_root_key(&self, fact: &RootKeyFact) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"root-key", &fact.authenticated()?]).to_vec())
    }

    /// Checks what is known of a root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_root_key(&self, fact: &RootKeyFact) -> Result<(), KeyringError> {
        self.check_control(b"root-key", &fact.authenticated()?, &fact.tag)
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

    /// Makes the key of a new vault, wrapped.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn new_vault_key(&self, vault: VaultId, entropy: &dyn Entropy) -> Result<Vec<u8>, KeyringError> {
        let key = VaultKey::generate(entropy)?;
        Ok(key.wrap(&*self.root, self.installation.0.as_bytes(), vault.0.as_bytes(), entropy)?.0)
    }

    /// The keys of a vault whose row is verified here, without holding up the thread. Keys that are kept
    /// need no root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when row or wrapped key is not this vault's; [`KeyringError::Unreachable`].
    pub async fn verified_vault_keys(self: &Arc<Self>, vault: &Arc<Vault>) -> Result<Arc<VaultKeys>, KeyringError> {
        self.verify_vault(vault)?;
        match self.kept(vault) {
            Some(keys) => Ok(keys),
            None => {
                let vault = Arc::clone(vault);
                self.apart(move |keyring| keyring.vault_keys(&vault)).await
            }
        }
    }

    fn kept(&self, vault: &Vault) -> Option<Arc<VaultKeys>> {
        let known = self.vaults.read().ok()?;
        known.get(&(vault.id, vault.wrapped_key.clone())).map(Arc::clone)
    }

    /// The vault's keys, unwrapped once and kept. The vault must have been verified. Waits for the root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when the wrapped key is not this vault's; [`KeyringError::Unreachable`].
    pub fn vault_keys(&self, vault: &Vault) -> Result<Arc<VaultKeys>, KeyringError> {
        if let Some(keys) = self.kept(vault) {
            return Ok(keys);
        }
        let slot = (vault.id, vault.wrapped_key.clone());
        let (installation, id) = (self.installation.0.as_bytes(), vault.id.0.as_bytes());
        let key = VaultKey::unwrap(&WrappedKey(vault.wrapped_key.clone()), &*self.root, installation, id)?;
        let mac = key.mac_key("metadata-v1", installation, id);
        let keys = Arc::new(VaultKeys { id: vault.id, key, mac });
        if let Ok(mut known) = self.vaults.write() {
            if known.len() >= MAX_VAULTS {
                known.clear();
            }
            known.insert(slot, Arc::clone(&keys));
        }
        Ok(keys)
    }

    /// Drops a vault's keys from memory, once the vault is purged.
    pub fn forget(&self, vault: VaultId) {
        if let Ok(mut known) = self.vaults.write() {
            known.retain(|(id, _), _| *id != vault);
        }
    }

    /// Tag of a vault's row.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_vault(&self, vault: &Vault) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"vault", &vault.authenticated()?]).to_vec())
    }

    /// Checks a vault's row.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_vault(&self, vault: &Vault) -> Result<(), KeyringError> {
        self.check_control(b"vault", &vault.authenticated()?, &vault.tag)
    }

    /// Tag of an assignment.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_assignment(&self, assignment: &Assignment) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"assignment", &assignment.authenticated()?]).to_vec())
    }

    /// Checks an assignment.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_assignment(&self, assignment: &Assignment) -> Result<(), KeyringError> {
        self.check_control(b"assignment", &assignment.authenticated()?, &assignment.tag)
    }

    /// Tag of a custom role definition.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_role(&self, role: &RoleDefinition) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"role-definition", &role.authenticated()?]).to_vec())
    }

    /// Checks a custom role definition.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_role(&self, role: &RoleDefinition) -> Result<(), KeyringError> {
        self.check_control(b"role-definition", &role.authenticated()?, &role.tag)
    }

    /// Tag of an access policy.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_access_policy(&self, policy: &AccessPolicy) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"access-policy", &policy.authenticated()?]).to_vec())
    }

    /// Checks an access policy.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_access_policy(&self, policy: &AccessPolicy) -> Result<(), KeyringError> {
        self.check_control(b"access-policy", &policy.authenticated()?, &policy.tag)
    }

    /// Tag of what is known of an uploaded policy module.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_policy_module(&self, module: &PolicyModule) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"policy-module", &module.authenticated()?]).to_vec())
    }

    /// Checks what is known of an uploaded policy module.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_policy_module(&self, module: &PolicyModule) -> Result<(), KeyringError> {
        self.check_control(b"policy-module", &module.authenticated()?, &module.tag)
    }

    /// Tag of the modules that are attached to every vault.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_installation_policies(&self, policies: &InstallationPolicies) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"installation-policies", &policies.authenticated()?]).to_vec())
    }

    /// Checks the modules that are attached to every vault. Before the first change there is no row, and
    /// nothing to check.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_installation_policies(&self, policies: &InstallationPolicies) -> Result<(), KeyringError> {
        if policies.revision == 0 && policies.policies.is_empty() && policies.tag.is_empty() {
            return Ok(());
        }
        self.check_control(b"installation-policies", &policies.authenticated()?, &policies.tag)
    }

    /// Tag of a request for approval.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_approval(&self, request: &ApprovalRequest) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"approval-request", &request.authenticated()?]).to_vec())
    }

    /// Checks a request for approval.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_approval(&self, request: &ApprovalRequest) -> Result<(), KeyringError> {
        self.check_control(b"approval-request", &request.authenticated()?, &request.tag)
    }

    /// Tag of a workload.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_workload(&self, workload: &Workload) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"workload", &workload.authenticated()?]).to_vec())
    }

    /// Checks a workload.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_workload(&self, workload: &Workload) -> Result<(), KeyringError> {
        self.check_control(b"workload", &workload.authenticated()?, &workload.tag)
    }

    /// Tag of a session.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub fn tag_session(&self, session: &Session) -> Result<Vec<u8>, KeyringError> {
        Ok(self.control.tag(&[b"session", &session.authenticated()?]).to_vec())
    }

    /// Checks a session.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`].
    pub fn verify_session(&self, session: &Session) -> Result<(), KeyringError> {
        self.check_control(b"session", &session.authenticated()?, &session.tag)
    }

    /// Tag of a compiled policy module, which the policy host keeps so that it need not compile it again.
    #[must_use]
    pub fn tag_policy_artefact(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.control.tag(&[&[b"policy-artefact".as_slice()], parts].concat())
    }

    /// Whether a compiled policy module is one that was tagged here.
    #[must_use]
    pub fn verify_policy_artefact(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        self.control.verify(&[&[b"policy-artefact".as_slice()], parts].concat(), tag)
    }

    /// A short-lived token that only this installation can have made, for forms of the dashboard.
    #[must_use]
    pub fn form_token(&self, session: &[u8; 32]) -> [u8; 32] {
        self.control.tag(&[b"form-token", session])
    }

    /// Tag of the moment (Unix seconds) at which a session was last used.
    #[must_use]
    pub fn session_used(&self, session: &[u8; 32], used: i64) -> [u8; 32] {
        self.control.tag(&[b"session-used", session, &used.to_be_bytes()])
    }

    /// The secret of a session of the command line, out of its seed: only this installation can have made it.
    #[must_use]
    pub fn command_line_token(&self, seed: &[u8; 32]) -> [u8; 32] {
        self.control.tag(&[b"command-line-token", seed])
    }

    fn check_control(&self, label: &[u8], body: &[u8], tag: &[u8]) -> Result<(), KeyringError> {
        if self.control.verify(&[label, body], tag) { Ok(()) } else { Err(KeyringError::Tampered) }
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
        ObjectKind::Vault | ObjectKind::Server | ObjectKind::Workload => b"no-version",
    }
}

#[cfg(test)]
mod tests;
