//! A vault and its settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use serde::{Deserialize, Serialize};

use crate::{
    access_policy::AccessMode,
    key::KeyAlgorithm,
    names::{ObjectName, VaultId, VaultName},
    network::NetworkRules,
    policy::{AttachmentState, MAX_SETTINGS_BYTES, PolicyAttachment},
    secret::LifeState,
};

/// Days a deleted object stays recoverable when nothing else is said.
pub const DEFAULT_RETENTION_DAYS: u16 = 90;

/// Most vaults of an installation, deleted ones included.
pub const MAX_VAULTS: usize = 1000;
/// How many of them are for those who may assign roles on the installation: whoever may only make vaults cannot keep
/// its owners from making one.
pub const KEPT_VAULTS: usize = 50;
/// Days a deleted object may stay recoverable (Azure: 7 to 90).
pub const RETENTION_DAYS: RangeInclusive<u16> = 7..=90;
/// Most tags of a vault (Azure Resource Manager: 50).
pub const MAX_TAGS: usize = 50;
/// Longest name of a vault's tag in characters (Azure Resource Manager: 512).
pub const MAX_TAG_NAME: usize = 512;
/// Longest value of a vault's tag in characters (Azure Resource Manager: 256).
pub const MAX_TAG_VALUE: usize = 256;
/// Most bytes of a vault's tags, all together: settings are read with each request that the cache does not hold.
pub const MAX_TAG_BYTES: usize = 16 * 1024;
/// Most bytes of the settings of a vault's policies, all together.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;
/// Longest region label in characters.
pub const MAX_REGION: usize = 64;
/// Most modules attached to a vault.
pub const MAX_ATTACHMENTS: usize = 16;

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
    /// Labels for people and their tools; nothing is judged by them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Where the owner says that the vault is, for example `westeurope`; nothing is judged by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What grants requests for its contents.
    #[serde(default, skip_serializing_if = "AccessMode::is_usual")]
    pub access_mode: AccessMode,
    /// Algorithms that no key of the vault is used by, whoever asks.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub refused_algorithms: BTreeSet<KeyAlgorithm>,
}

/// What a vault is made with.
#[derive(Clone, Debug)]
pub struct NewVault {
    /// Its settings.
    pub settings: VaultSettings,
    /// Make it even if its author could not reach it. The record says so.
    pub force: bool,
}

impl From<VaultSettings> for NewVault {
    fn from(settings: VaultSettings) -> Self {
        Self { settings, force: false }
    }
}

/// Settings outside the documented limits. Says which, for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub &'static str);

/// A change of settings: what is absent stays as it is. Every setting that may be changed has its
/// field here and is put in place by [`VaultUpdate::apply`], and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultUpdate {
    /// Replaces the network rules.
    pub network: Option<NetworkRules>,
    /// Replaces the attachments, in order.
    pub policies: Option<Vec<PolicyAttachment>>,
    /// Puts the module that was attached under this name before in its place again. Not together with
    /// `policies`.
    pub roll_back: Option<String>,
    /// Detaches the module that is attached under this name, whatever else is attached: so can somebody whom it lets
    /// read nothing. Not together with the two before.
    pub detach: Option<String>,
    /// Fixed when the vault is made: only what it is already may be said.
    pub retention_days: Option<u16>,
    /// Can be turned on, never off.
    pub purge_protection: Option<bool>,
    /// Replaces all tags.
    pub tags: Option<BTreeMap<String, String>>,
    /// Replaces the region label; the empty text removes it.
    pub region: Option<String>,
    /// What grants requests for its contents.
    pub access_mode: Option<AccessMode>,
    /// Replaces the refused algorithms.
    pub refused_algorithms: Option<BTreeSet<KeyAlgorithm>>,
    /// Change the network rules and the modules even if the caller could not reach the vault any more. The record
    /// says so.
    pub force: bool,
}

impl VaultUpdate {
    /// Whether it says which modules are attached, and nothing else.
    #[must_use]
    pub fn changes_modules_alone(&self) -> bool {
        let alone = Self {
            policies: self.policies.clone(),
            roll_back: self.roll_back.clone(),
            detach: self.detach.clone(),
            force: self.force,
            ..Self::default()
        };
        self.touches_modules() && *self == alone
    }

    /// Whether it says something of which modules are attached.
    #[must_use]
    pub fn touches_modules(&self) -> bool {
        self.policies.is_some() || self.roll_back.is_some() || self.detach.is_some()
    }

    /// The settings as they would be.
    ///
    /// # Errors
    /// [`SettingsError`] when one of them may not be changed so.
    pub fn apply(self, before: &VaultSettings) -> Result<VaultSettings, SettingsError> {
        if self.retention_days.is_some_and(|days| days != before.retention_days) {
            return Err(SettingsError("soft-delete retention is fixed when a vault is made"));
        }
        if before.purge_protection && self.purge_protection == Some(false) {
            return Err(SettingsError("purge protection cannot be turned off: enabling it is irreversible"));
        }
        let after = VaultSettings {
            network: self.network.unwrap_or_else(|| before.network.clone()),
            policies: match (self.policies, self.roll_back, self.detach) {
                (Some(new), None, None) => PolicyAttachment::following(new, &before.policies),
                (None, Some(name), None) => PolicyAttachment::rolled_back(&before.policies, &name)?,
                (None, None, Some(name)) => PolicyAttachment::without(&before.policies, &name)?,
                (None, None, None) => before.policies.clone(),
                _ => return Err(SettingsError("policies are replaced, rolled back or detached, one at a time")),
            },
            retention_days: before.retention_days,
            purge_protection: before.purge_protection || self.purge_protection == Some(true),
            tags: self.tags.unwrap_or_else(|| before.tags.clone()),
            region: self.region.or_else(|| before.region.clone()).filter(|region| !region.is_empty()),
            access_mode: self.access_mode.unwrap_or(before.access_mode),
            refused_algorithms: self.refused_algorithms.unwrap_or_else(|| before.refused_algorithms.clone()),
        };
        after.check()?;
        Ok(after)
    }
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            network: NetworkRules::default(),
            policies: Vec::new(),
            retention_days: DEFAULT_RETENTION_DAYS,
            purge_protection: false,
            tags: BTreeMap::new(),
            region: None,
            access_mode: AccessMode::Rbac,
            refused_algorithms: BTreeSet::new(),
        }
    }
}

impl VaultSettings {
    /// Checks the limits.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn check(&self) -> Result<(), SettingsError> {
        let refuse = |why| Err(SettingsError(why));
        if !RETENTION_DAYS.contains(&self.retention_days) {
            return refuse("soft-delete retention is 7 to 90 days");
        }
        self.network.check().map_err(SettingsError)?;
        check_attachments(&self.policies)?;
        if self.tags.len() > MAX_TAGS {
            return refuse("a vault has at most 50 tags");
        }
        let long = |(name, value): (&String, &String)| {
            name.is_empty() || name.chars().count() > MAX_TAG_NAME || value.chars().count() > MAX_TAG_VALUE
        };
        if self.tags.iter().any(long) {
            return refuse("a tag's name has 1 to 512 characters and its value at most 256");
        }
        let tag_bytes: usize = self.tags.iter().map(|(name, value)| name.len() + value.len()).sum();
        let policy_bytes: usize = self.policies.iter().map(|policy| policy.settings.len()).sum();
        if tag_bytes > MAX_TAG_BYTES || policy_bytes > MAX_POLICY_BYTES {
            return refuse("a vault's tags have at most 16 KiB, and the settings of its policies 64 KiB, all together");
        }
        let mut folded: Vec<String> = self.tags.keys().map(|name| name.to_lowercase()).collect();
        folded.sort_unstable();
        if folded.windows(2).any(|pair| pair.first() == pair.last()) {
            return refuse("tag names that differ in case alone are the same name");
        }
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_. ".contains(c));
        if self.region.as_deref().is_some_and(|region| region.len() > MAX_REGION || !plain(region)) {
            return refuse("a region has at most 64 letters, digits, spaces, dots, hyphens and underscores");
        }
        Ok(())
    }

    /// The attachments that grant in the access mode `modules`.
    pub fn authorities(&self) -> impl Iterator<Item = &PolicyAttachment> {
        self.policies.iter().filter(|a| a.authority && a.state == AttachmentState::Enforce)
    }

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

pub(crate) fn check_attachments(policies: &[PolicyAttachment]) -> Result<(), SettingsError> {
    if policies.len() > MAX_ATTACHMENTS {
        return Err(SettingsError("there are more than 16 policy attachments"));
    }
    let mut names: Vec<&str> = policies.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() != policies.len() || names.iter().any(|name| ObjectName::parse(name).is_err()) {
        return Err(SettingsError("policy attachments have distinct names of letters, digits and hyphens"));
    }
    if policies.iter().any(|p| p.settings.len() > MAX_SETTINGS_BYTES) {
        return Err(SettingsError("a policy attachment's settings are longer than 16 KiB"));
    }
    Ok(())
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
    /// In use, or soft deleted with everything in it.
    #[serde(default = "active", skip_serializing_if = "is_active")]
    pub life: LifeState,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

fn active() -> LifeState {
    LifeState::Active
}

fn is_active(life: &LifeState) -> bool {
    *life == LifeState::Active
}

/// What a change made of a vault, as the audit record of the change tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultChange {
    /// Which vault: names can be used again, identities cannot.
    pub vault: VaultId,
    /// Whether it was protected against purging afterwards.
    pub purge_protection: bool,
}

/// What the audit log says of a vault. The vault's own row can be exchanged for an older one that is
/// just as authentic; the log cannot be without breaking its chain. Whoever purges asks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultEvidence {
    /// Revision after the last recorded change.
    pub revision: i64,
    /// Whether purge protection was ever on.
    pub purge_protection: bool,
}

impl VaultEvidence {
    /// Whether the row is the one that the log tells of.
    #[must_use]
    pub fn supports(self, vault: &Vault) -> bool {
        self.revision == vault.revision && self.purge_protection == vault.settings.purge_protection
    }
}

impl Vault {
    /// What the record of a change that leads to this row tells.
    #[must_use]
    pub fn as_changed(&self) -> VaultChange {
        VaultChange { vault: self.id, purge_protection: self.settings.purge_protection }
    }

    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}
