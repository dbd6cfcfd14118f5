//! The keys of vaults, unwrapped by the root key and kept. Where the root key is in a token this is where one waits for
//! it: never on a thread that serves requests.

use std::{
    ptr,
    sync::{Arc, Weak},
};

use strongroom_crypto::{VaultKey, WrappedKey};

use super::{Keyring, KeyringError, VaultKeys};
use crate::{names::VaultId, vault::Vault};

/// Most unwrapped vault keys kept, and verified rows; beyond, the cache starts anew.
const MAX_VAULTS: usize = 1024;

impl Keyring {
    /// Whether the root key answered the last time. One in memory always does.
    #[must_use]
    pub fn root_key_is_reachable(&self) -> bool {
        self.root.is_reachable()
    }

    /// Whether it did not because the token that it is in takes no PIN.
    #[must_use]
    pub fn root_key_refuses_pin(&self) -> bool {
        self.root.refuses_pin()
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

    /// The keys of a vault whose row is verified here, without holding up the thread. Keys that are kept
    /// need no root key.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when row or wrapped key is not this vault's; [`KeyringError::Unreachable`].
    pub async fn verified_vault_keys(self: &Arc<Self>, vault: &Arc<Vault>) -> Result<Arc<VaultKeys>, KeyringError> {
        self.verify_once(vault)?;
        match self.kept(vault) {
            Some(keys) => Ok(keys),
            None => {
                let vault = Arc::clone(vault);
                self.apart(move |keyring| keyring.vault_keys(&vault)).await
            }
        }
    }

    /// The same, and keys that were not in memory do not stay there: for whoever passes by every vault.
    ///
    /// # Errors
    /// As [`Keyring::verified_vault_keys`].
    pub(crate) async fn passing_vault_keys(
        self: &Arc<Self>,
        vault: &Arc<Vault>,
    ) -> Result<Arc<VaultKeys>, KeyringError> {
        self.verify_once(vault)?;
        match self.kept(vault) {
            Some(keys) => Ok(keys),
            None => {
                let vault = Arc::clone(vault);
                self.apart(move |keyring| keyring.unwrapped(&vault)).await
            }
        }
    }

    /// Checks a vault's row, but for one that was checked and is still the very same in memory. Whatever was read anew
    /// lies elsewhere: what is known holds on to its place.
    fn verify_once(&self, vault: &Arc<Vault>) -> Result<(), KeyringError> {
        let is_it = |known: &Weak<Vault>| ptr::eq(known.as_ptr(), Arc::as_ptr(vault));
        if self.verified.read().is_ok_and(|known| known.get(&vault.id).is_some_and(is_it)) {
            return Ok(());
        }
        self.verify_vault(vault)?;
        if let Ok(mut known) = self.verified.write() {
            if known.len() >= MAX_VAULTS {
                known.clear();
            }
            known.insert(vault.id, Arc::downgrade(vault));
        }
        Ok(())
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
        let keys = self.unwrapped(vault)?;
        if let Ok(mut known) = self.vaults.write() {
            if known.len() >= MAX_VAULTS {
                known.clear();
            }
            known.insert(slot, Arc::clone(&keys));
        }
        Ok(keys)
    }

    fn unwrapped(&self, vault: &Vault) -> Result<Arc<VaultKeys>, KeyringError> {
        let (installation, id) = (self.installation.0.as_bytes(), vault.id.0.as_bytes());
        let key = VaultKey::unwrap(&WrappedKey(vault.wrapped_key.clone()), &*self.root, installation, id)?;
        let mac = key.mac_key("metadata-v1", installation, id);
        Ok(Arc::new(VaultKeys { id: vault.id, key, mac }))
    }

    /// Drops a vault's keys from memory, once the vault is purged.
    pub fn forget(&self, vault: VaultId) {
        if let Ok(mut known) = self.vaults.write() {
            known.retain(|(id, _), _| *id != vault);
        }
        if let Ok(mut known) = self.verified.write() {
            known.remove(&vault);
        }
    }
}
