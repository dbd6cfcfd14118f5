//! Keys in a hardware token that are to be destroyed there, because their name or their vault is purged.
//!
//! Written before the purge, so that none is forgotten when the program ends in between, and done once the purge
//! has happened. A family and a vault are never used again, so an old row that comes back destroys nothing. Only
//! names and vaults that have something in the token are written down: a token that shows no mark of ours has been
//! exchanged or is away, and one that never had a key of ours would look the same.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    keyring::{Keyring, KeyringError},
    names::{ObjectName, VaultId, VaultName},
    ports::StoreError,
    vault::Vault,
};

/// What is to be destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The vault.
    pub vault: VaultId,
    /// Its name.
    pub vault_name: VaultName,
    /// The key, and which objects are its; none for all keys of the vault.
    pub key: Option<(ObjectName, Uuid)>,
    /// When it was written, in Unix seconds.
    pub at: i64,
    /// Authenticates the rest.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Condemned {
    /// What is to be destroyed once a key, or a vault with all of its keys, is gone.
    ///
    /// # Errors
    /// When the row has no canonical form.
    pub(crate) fn new(
        keyring: &Keyring,
        vault: &Vault,
        key: Option<(ObjectName, Uuid)>,
        at: i64,
    ) -> Result<Self, KeyringError> {
        let mut condemned = Self { vault: vault.id, vault_name: vault.name.clone(), key, at, tag: Vec::new() };
        condemned.tag = keyring.tag_condemned(&condemned)?;
        Ok(condemned)
    }

    /// Label of the objects in the token, or what it begins with.
    #[must_use]
    pub fn label(&self) -> String {
        label(self.vault, self.key.as_ref().map(|(_, family)| *family))
    }

    /// What the tag covers.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Label of a name's objects in a token; without a family what those of the vault begin with.
#[must_use]
pub fn label(vault: VaultId, family: Option<Uuid>) -> String {
    let family = family.map(|family| family.simple().to_string()).unwrap_or_default();
    format!("strongroom/{}/{family}", vault.0.simple())
}

/// Where it is written down.
#[async_trait]
pub trait CondemnedKeys: Send + Sync {
    /// Whether a key of the vault has, or had, a version in a token.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn has_token_keys(&self, vault: VaultId) -> Result<bool, StoreError>;

    /// Writes it down, in place of what was written down for the same objects.
    ///
    /// # Errors
    /// When the store refuses.
    async fn condemn(&self, condemned: &Condemned) -> Result<(), StoreError>;

    /// Some of all, at most `limit`, in order of their labels after `after`.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn condemned(&self, after: Option<&str>, limit: usize) -> Result<Vec<Condemned>, StoreError>;

    /// Forgets it.
    ///
    /// # Errors
    /// When the store refuses.
    async fn forget_condemned(&self, condemned: &Condemned) -> Result<(), StoreError>;
}
