//! A vault and its settings.

use serde::{Deserialize, Serialize};

use crate::{
    names::{VaultId, VaultName},
    network::NetworkRules,
    policy::PolicyAttachment,
};

/// Days a deleted object stays recoverable when nothing else is said.
pub const DEFAULT_RETENTION_DAYS: u16 = 90;

/// Settings of a vault, authenticated as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultSettings {
    /// From where it may be reached.
    pub network: NetworkRules,
    /// Modules asked about every request, in order.
    pub policies: Vec<PolicyAttachment>,
    /// Days a deleted object stays recoverable: 7 to 90.
    pub retention_days: u16,
    /// While on, nothing in the vault can be purged before its time, by anybody.
    pub purge_protection: bool,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            network: NetworkRules::default(),
            policies: Vec::new(),
            retention_days: DEFAULT_RETENTION_DAYS,
            purge_protection: false,
        }
    }
}

impl VaultSettings {
    /// Azure's recovery level for objects of this vault.
    #[must_use]
    pub fn recovery_level(&self) -> &'static str {
        match (self.retention_days >= DEFAULT_RETENTION_DAYS, self.purge_protection) {
            (true, false) => "Recoverable+Purgeable",
            (true, true) => "Recoverable",
            (false, false) => "CustomizedRecoverable+Purgeable",
            (false, true) => "CustomizedRecoverable",
        }
    }
}

/// A vault as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {
    /// Identity.
    pub id: VaultId,
    /// Name, unique among all vaults.
    pub name: VaultName,
    /// Settings.
    pub settings: VaultSettings,
    /// Counts changes of the row; part of what is authenticated.
    pub revision: i64,
    /// Unix milliseconds.
    pub created_at: i64,
    /// The vault key, wrapped by the root key.
    pub wrapped_key: Vec<u8>,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Vault {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
