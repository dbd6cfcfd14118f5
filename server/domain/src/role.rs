//! Role definitions: Azure's built-in Key Vault roles by name, and Strongroom's own for what Azure
//! keeps outside the vault. Source: Azure built-in roles for Key Vault data plane.

use serde::{Deserialize, Serialize};

use crate::action::Action;

/// A built-in role definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// All data-plane operations; cannot manage grants.
    #[serde(rename = "Key Vault Administrator")]
    Administrator,
    /// Metadata only, never a value.
    #[serde(rename = "Key Vault Reader")]
    Reader,
    /// Every operation on secrets except grants.
    #[serde(rename = "Key Vault Secrets Officer")]
    SecretsOfficer,
    /// Reads secret values.
    #[serde(rename = "Key Vault Secrets User")]
    SecretsUser,
    /// Purges what is soft deleted.
    #[serde(rename = "Key Vault Purge Operator")]
    PurgeOperator,
    /// Gives and takes the Key Vault roles it holds itself.
    #[serde(rename = "Key Vault Data Access Administrator")]
    DataAccessAdministrator,
    /// Makes and configures vaults; no access to what is in them.
    #[serde(rename = "Key Vault Contributor")]
    Contributor,
    /// Reads audit records.
    #[serde(rename = "Strongroom Auditor")]
    Auditor,
    /// Everything, grants included.
    #[serde(rename = "Owner")]
    Owner,
}

const SECRETS: &str = "Microsoft.KeyVault/vaults/secrets/*";
const METADATA: &str = "Microsoft.KeyVault/vaults/secrets/readMetadata/action";
const VAULT_READ: &str = "Microsoft.KeyVault/vaults/read";

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Administrator,
        Self::Reader,
        Self::SecretsOfficer,
        Self::SecretsUser,
        Self::PurgeOperator,
        Self::DataAccessAdministrator,
        Self::Contributor,
        Self::Auditor,
        Self::Owner,
    ];

    /// The role's name, as Azure spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Administrator => "Key Vault Administrator",
            Self::Reader => "Key Vault Reader",
            Self::SecretsOfficer => "Key Vault Secrets Officer",
            Self::SecretsUser => "Key Vault Secrets User",
            Self::PurgeOperator => "Key Vault Purge Operator",
            Self::DataAccessAdministrator => "Key Vault Data Access Administrator",
            Self::Contributor => "Key Vault Contributor",
            Self::Auditor => "Strongroom Auditor",
            Self::Owner => "Owner",
        }
    }

    /// Finds a role by its name, ignoring ASCII case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name().eq_ignore_ascii_case(name))
    }

    /// Data actions the role contains; `*` at the end stands for any rest.
    #[must_use]
    pub fn data_actions(self) -> &'static [&'static str] {
        match self {
            Self::Administrator => &["Microsoft.KeyVault/vaults/secrets/*", VAULT_READ],
            Self::Reader => &[METADATA, VAULT_READ],
            Self::SecretsOfficer => &[SECRETS, VAULT_READ],
            Self::SecretsUser => &["Microsoft.KeyVault/vaults/secrets/getSecret/action", METADATA, VAULT_READ],
            Self::PurgeOperator => &["Microsoft.KeyVault/vaults/secrets/purge/action", METADATA, VAULT_READ],
            Self::DataAccessAdministrator => &["Microsoft.Authorization/roleAssignments/*", VAULT_READ],
            Self::Contributor => &["Microsoft.KeyVault/vaults/write", VAULT_READ],
            Self::Auditor => &["Strongroom/audit/read"],
            Self::Owner => &["*"],
        }
    }

    /// Whether the role allows the action.
    #[must_use]
    pub fn allows(self, action: Action) -> bool {
        self.covers(action.data_action())
    }

    /// Whether the role contains this data action, or all that this pattern stands for.
    #[must_use]
    pub fn covers(self, data_action: &str) -> bool {
        self.data_actions().iter().any(|pattern| matches(pattern, data_action))
    }

    /// Whether everything in `other` is also in this role: the condition for granting it.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        other.data_actions().iter().all(|wanted| self.covers(wanted))
    }
}

/// Compares by ASCII case rules; a pattern may end in `*`. A pattern that is itself wanted (`x/*`)
/// is matched only by an equal or wider one.
fn matches(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => action.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)),
        None => pattern.eq_ignore_ascii_case(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_matrix() {
        let mut lines = String::new();
        for role in Role::ALL {
            let allowed: Vec<_> = Action::ALL.iter().filter(|a| role.allows(**a)).map(|a| a.operation()).collect();
            lines.push_str(&format!("{}: {}\n", role.name(), allowed.join(" ")));
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn nobody_grants_more_than_they_hold() {
        assert!(Role::Owner.includes(Role::Administrator));
        assert!(Role::SecretsOfficer.includes(Role::SecretsUser));
        assert!(!Role::SecretsUser.includes(Role::SecretsOfficer));
        assert!(!Role::DataAccessAdministrator.includes(Role::SecretsUser));
        for role in Role::ALL.iter().filter(|r| **r != Role::Owner) {
            assert!(!role.includes(Role::Owner), "{}", role.name());
        }
    }
}
