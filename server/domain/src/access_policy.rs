//! Access policies of a vault: what a principal or a group may do with what is in it, in Azure's words.
//!
//! They count in the access modes `access-policy` and `layered` alone, and never for management.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    names::VaultId,
    principal::Grantee,
    role::{Half, Patterns, Permissions},
};

/// Most access policies of a vault (Azure: 1,024).
pub const MAX_ACCESS_POLICIES: usize = 1024;

/// What says which requests for a vault's contents are granted. In every mode, network rules and
/// attached policy modules can only narrow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessMode {
    /// Role assignments.
    #[default]
    Rbac,
    /// Access policies.
    AccessPolicy,
    /// Both must.
    Layered,
    /// An attached policy module with authority must.
    Modules,
}

impl AccessMode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Rbac, Self::AccessPolicy, Self::Layered, Self::Modules];

    /// Whether role assignments are asked.
    #[must_use]
    pub fn asks_roles(self) -> bool {
        matches!(self, Self::Rbac | Self::Layered)
    }

    /// Whether access policies are asked.
    #[must_use]
    pub fn asks_access_policies(self) -> bool {
        matches!(self, Self::AccessPolicy | Self::Layered)
    }

    /// The usual one; settings that say nothing else mean it.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A permission on secrets (Azure: `secrets` of an access policy's permissions).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretPermission {
    /// Read a value, or a deleted secret's metadata.
    Get,
    /// List names, versions and deleted secrets.
    List,
    /// Make versions and change attributes.
    Set,
    /// Soft delete.
    Delete,
    /// Recover what is soft deleted.
    Recover,
    /// Back up.
    Backup,
    /// Restore a backup.
    Restore,
    /// Purge what is soft deleted.
    Purge,
}

impl SecretPermission {
    /// Every permission.
    pub const ALL: [Self; 8] =
        [Self::Get, Self::List, Self::Set, Self::Delete, Self::Recover, Self::Backup, Self::Restore, Self::Purge];

    /// The permission that an action needs; none when no access policy can allow it.
    #[must_use]
    pub fn of(action: Action) -> Option<Self> {
        let verb = action.data_action().strip_prefix("Microsoft.KeyVault/vaults/secrets/")?;
        Some(match verb {
            // Azure: `get` for one deleted secret, though its data action is that of a listing.
            _ if action == Action::SecretGetDeleted => Self::Get,
            "getSecret/action" => Self::Get,
            "readMetadata/action" => Self::List,
            "setSecret/action" | "update/action" => Self::Set,
            "delete" => Self::Delete,
            "recover/action" => Self::Recover,
            "backup/action" => Self::Backup,
            "restore/action" => Self::Restore,
            "purge/action" => Self::Purge,
            _ => return None,
        })
    }

    /// What one must hold by role to give it: its data actions.
    #[must_use]
    pub fn as_permissions(self) -> Permissions<'static> {
        let data: &'static [&'static str] = match self {
            Self::Get => &[
                "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            ],
            Self::List => &["Microsoft.KeyVault/vaults/secrets/readMetadata/action"],
            Self::Set => &[
                "Microsoft.KeyVault/vaults/secrets/setSecret/action",
                "Microsoft.KeyVault/vaults/secrets/update/action",
            ],
            Self::Delete => &["Microsoft.KeyVault/vaults/secrets/delete"],
            Self::Recover => &["Microsoft.KeyVault/vaults/secrets/recover/action"],
            Self::Backup => &["Microsoft.KeyVault/vaults/secrets/backup/action"],
            Self::Restore => &["Microsoft.KeyVault/vaults/secrets/restore/action"],
            Self::Purge => &["Microsoft.KeyVault/vaults/secrets/purge/action"],
        };
        data_alone(data)
    }
}

/// Everything that can be done with what is in a vault.
#[must_use]
pub fn all_of_a_vault() -> Permissions<'static> {
    data_alone(&["Microsoft.KeyVault/vaults/*"])
}

fn data_alone(data: &'static [&'static str]) -> Permissions<'static> {
    let none = Half { granted: Patterns::BuiltIn(&[]), excluded: Patterns::BuiltIn(&[]) };
    Permissions { actions: none, data: Half { granted: Patterns::BuiltIn(data), ..none } }
}

/// The access policy of one grantee in one vault. Authenticated by `tag`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPolicy {
    /// Which vault.
    pub vault: VaultId,
    /// For whom; one policy for each.
    pub grantee: Grantee,
    /// What they may do with secrets.
    pub secrets: BTreeSet<SecretPermission>,
    /// Counts changes, from the moment of its making (Unix milliseconds), so that a policy made again
    /// is told from the one before.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl AccessPolicy {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether it allows the action.
    #[must_use]
    pub fn allows(&self, action: Action) -> bool {
        SecretPermission::of(action).is_some_and(|permission| self.secrets.contains(&permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which permission each data action needs; a new action shows up here.
    #[test]
    fn permission_matrix() {
        let mut lines = String::new();
        for action in Action::ALL {
            let permission = SecretPermission::of(*action).map_or("-".to_owned(), |p| format!("{p:?}").to_lowercase());
            lines.push_str(&format!("{}: {permission}\n", action.operation()));
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn no_access_policy_is_about_management_and_every_action_on_secrets_has_a_permission() {
        for action in Action::ALL {
            let on_secrets = action.data_action().contains("/vaults/secrets/");
            assert_eq!(SecretPermission::of(*action).is_some(), on_secrets, "{action:?}");
            assert!(!on_secrets || action.is_data());
        }
    }

    #[test]
    fn who_gives_a_permission_holds_the_actions_it_allows() {
        for action in Action::ALL {
            if let Some(permission) = SecretPermission::of(*action) {
                assert!(permission.as_permissions().allows(*action), "{action:?}");
            }
        }
    }
}
