//! The built-in role definitions. Their names and ids are frozen: assignments refer to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Half, Patterns, Permissions};
use crate::action::Action;

const VAULT_READ: &str = "Microsoft.KeyVault/vaults/read";
/// The actions that Azure documents for its data roles, as far as they mean anything here.
const READ_AROUND: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
    VAULT_READ,
];

struct Definition {
    id: u128,
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
}

macro_rules! built_in_roles {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $description:literal,
        actions: $actions:expr, not_actions: $not:expr, data_actions: $data:expr;)*) => {
        /// A built-in role definition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Role { $($(#[$doc])* #[serde(rename = $name)] $variant,)* }

        impl Role {
            /// Every built-in role.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn definition(self) -> &'static Definition {
                match self { $(Self::$variant => {
                    const DEFINITION: Definition = Definition {
                        id: $id,
                        name: $name,
                        description: $description,
                        actions: $actions,
                        not_actions: $not,
                        data_actions: $data,
                    };
                    &DEFINITION
                })* }
            }
        }
    };
}

built_in_roles! {
    /// All data-plane operations; cannot manage vaults or grants.
    Administrator = 0x00482a5a_887f_4fb3_b363_3b7fe8e74483, "Key Vault Administrator",
        "Perform all data plane operations on a vault and all objects in it. Cannot manage vaults or role assignments.",
        actions: READ_AROUND, not_actions: &[], data_actions: &["Microsoft.KeyVault/vaults/*"];
    /// Metadata only, never a value.
    Reader = 0x21090545_7ca7_4776_b22c_e363652d74d2, "Key Vault Reader",
        "Read metadata of vaults and their certificates, keys and secrets. Cannot read secret values or key material.",
        actions: READ_AROUND, not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"];
    /// Every operation on secrets except grants.
    SecretsOfficer = 0xb86a8fe4_44ce_4948_aee5_eccb2c155cd7, "Key Vault Secrets Officer",
        "Perform any action on the secrets of a vault, except managing permissions.",
        actions: READ_AROUND, not_actions: &[], data_actions: &["Microsoft.KeyVault/vaults/secrets/*"];
    /// Reads secret values.
    SecretsUser = 0x4633458b_17de_408a_b874_0445c86b69e6, "Key Vault Secrets User",
        "Read secret contents.",
        actions: &[VAULT_READ], not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
        ];
    /// Every operation on keys except grants.
    CryptoOfficer = 0x14b46e9e_c2b7_41b4_b07b_48a6ebf60603, "Key Vault Crypto Officer",
        "Perform any action on the keys of a vault, except managing permissions.",
        actions: READ_AROUND, not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/keys/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"];
    /// Uses keys.
    CryptoUser = 0x12338af0_0e69_4776_bea7_57ae8d297424, "Key Vault Crypto User",
        "Perform cryptographic operations using keys.",
        actions: &[VAULT_READ], not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/update/action",
            "Microsoft.KeyVault/vaults/keys/backup/action",
            "Microsoft.KeyVault/vaults/keys/encrypt/action",
            "Microsoft.KeyVault/vaults/keys/decrypt/action",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
            "Microsoft.KeyVault/vaults/keys/sign/action",
            "Microsoft.KeyVault/vaults/keys/verify/action"
        ];
    /// Wraps and unwraps with keys.
    CryptoServiceEncryptionUser = 0xe147488a_f6f5_4113_8e2d_b22465e65bf6, "Key Vault Crypto Service Encryption User",
        "Read metadata of keys and perform wrap and unwrap operations.",
        actions: &[VAULT_READ], not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action"
        ];
    /// Has keys released.
    CryptoServiceReleaseUser = 0x08bbd89e_9f13_488c_ac41_acfcb10c90ab, "Key Vault Crypto Service Release User",
        "Release keys.",
        actions: &[VAULT_READ], not_actions: &[], data_actions: &["Microsoft.KeyVault/vaults/keys/release/action"];
    /// Every operation on certificates except grants.
    CertificatesOfficer = 0xa4417e6f_fecd_4de8_b567_7b0420556985, "Key Vault Certificates Officer",
        "Perform any action on the certificates of a vault, except managing permissions.",
        actions: READ_AROUND, not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/certificatecas/*",
            "Microsoft.KeyVault/vaults/certificates/*",
            "Microsoft.KeyVault/vaults/certificatecontacts/write"
        ];
    /// Reads certificates with their keys and secrets.
    CertificateUser = 0xdb79e9a7_68ee_4b58_9aeb_b90e7c24fcba, "Key Vault Certificate User",
        "Read entire certificate contents including secret and key portion.",
        actions: &[VAULT_READ], not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/certificates/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            "Microsoft.KeyVault/vaults/keys/read"
        ];
    /// Purges soft-deleted vaults.
    PurgeOperator = 0xa68e7c17_0ab2_4c09_9a58_125dae29748c, "Key Vault Purge Operator",
        "Allows permanent deletion of soft-deleted vaults.",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.KeyVault/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/read",
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/locations/operationResults/read"
        ], not_actions: &[], data_actions: &[];
    /// Gives and takes roles, as far as it holds them itself.
    DataAccessAdministrator = 0x8b54135c_b56d_4d72_a534_26097cfdc8d8, "Key Vault Data Access Administrator",
        "Manage access to a vault by adding or removing assignments of the roles one holds.",
        actions: &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.KeyVault/vaults/*/read",
            VAULT_READ
        ], not_actions: &[], data_actions: &[];
    /// Makes and configures vaults; no access to what is in them, and no say in who has.
    Contributor = 0xf25e0fa2_a7c8_4377_a976_54943a77a395, "Key Vault Contributor",
        "Manage vaults, without assigning roles and without access to secrets, keys or certificates.",
        actions: &["Microsoft.Authorization/*/read", "Microsoft.KeyVault/*"],
        not_actions: &[
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/hsmPools/*",
            "Microsoft.KeyVault/managedHsms/*"
        ], data_actions: &[];
    /// Reads audit records.
    Auditor = 0x5c1b6f0e_5d0a_4b0e_9c53_7a1d8a5e2f10, "Strongroom Auditor",
        "Read audit records.",
        actions: &["Strongroom/audit/read"], not_actions: &[], data_actions: &[];
    /// Agrees to what policy modules want a second person for, and can do nothing else.
    Approver = 0x2b7e9d34_61c8_4a5f_8e02_c94d7f13a6b5, "Strongroom Approver",
        "See which requests wait for approval in a vault, and grant or refuse those of others.",
        actions: &["Strongroom/vaults/approvals/read", "Strongroom/vaults/approvals/decide/action", VAULT_READ],
        not_actions: &[], data_actions: &[];
    /// Everything, grants included.
    Owner = 0x8e3af657_a8ff_443c_a75c_2fe8c4bcb635, "Owner",
        "Everything, grants and data included.",
        actions: &["*"], not_actions: &[], data_actions: &["*"];
}

impl Role {
    /// Identity of the definition; Azure's for Azure's roles.
    #[must_use]
    pub fn id(self) -> Uuid {
        Uuid::from_u128(self.definition().id)
    }

    /// The role's name, as Azure spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// One sentence for people.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.definition().description
    }

    /// Finds a role by its name, ignoring ASCII case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name().eq_ignore_ascii_case(name))
    }

    /// Finds a role by its id.
    #[must_use]
    pub fn by_id(id: Uuid) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.id() == id)
    }

    /// What it permits.
    #[must_use]
    pub fn permissions(self) -> Permissions<'static> {
        let Definition { actions, not_actions, data_actions, .. } = self.definition();
        Permissions {
            actions: Half { granted: Patterns::BuiltIn(actions), excluded: Patterns::BuiltIn(not_actions) },
            data: Half { granted: Patterns::BuiltIn(data_actions), excluded: Patterns::BuiltIn(&[]) },
        }
    }

    /// The role that allows an action and does as little harm as possible: what it can do beyond reading
    /// metadata counts first, for a role that sees much is smaller than one that reads a value.
    #[must_use]
    pub fn least_for(action: Action) -> Option<Self> {
        // The one that people know for it; another may have the same of what there is today.
        if Self::Reader.allows(action) {
            return Some(Self::Reader);
        }
        // Of two that can do the same today, the one that is part of the other.
        let included = |role: &Self| Self::ALL.iter().filter(|other| role.includes(**other)).count();
        let breadth = |role: &Self| (role.permissions().breadth(), included(role));
        Self::ALL.iter().copied().filter(|role| role.allows(action)).min_by_key(breadth)
    }

    /// Whether the role allows the action.
    #[must_use]
    pub fn allows(self, action: Action) -> bool {
        self.permissions().allows(action)
    }

    /// Whether everything in `other` is also in this role.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        other.permissions().within(&[self.permissions()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::pattern::is_pattern;

    /// One line for each action, so that a new one shows as one line.
    #[test]
    fn permission_matrix() {
        let mut lines = String::new();
        for action in Action::ALL {
            let roles = Role::ALL.iter().filter(|role| role.allows(*action)).map(|role| role.name());
            let (sort, roles) = (if action.is_data() { "data" } else { "management" }, roles.collect::<Vec<_>>());
            lines.push_str(&format!("{} ({sort}): {}\n", action.operation(), roles.join(", ")));
        }
        lines.push('\n');
        for role in Role::ALL {
            lines.push_str(&format!("{} {}\n", role.id(), role.name()));
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn names_and_ids_are_different_and_patterns_are_patterns() {
        for role in Role::ALL {
            assert_eq!(Role::by_name(&role.name().to_ascii_uppercase()), Some(*role));
            assert_eq!(Role::by_id(role.id()), Some(*role));
            let Permissions { actions, data } = role.permissions();
            for patterns in [actions.granted, actions.excluded, data.granted, data.excluded] {
                assert!(patterns.iter().all(is_pattern), "{}", role.name());
            }
        }
    }

    #[test]
    fn the_role_to_ask_for_is_the_smallest() {
        assert_eq!(Role::least_for(Action::SecretGet), Some(Role::SecretsUser));
        assert_eq!(Role::least_for(Action::SecretSet), Some(Role::SecretsOfficer));
        assert_eq!(Role::least_for(Action::SecretList), Some(Role::Reader));
        assert_eq!(Role::least_for(Action::VaultRead), Some(Role::Reader));
        assert_eq!(Role::least_for(Action::AuditRead), Some(Role::Auditor));
        assert_eq!(Role::least_for(Action::VaultCreate), Some(Role::Contributor));
        assert_eq!(Role::least_for(Action::TokenIssue), Some(Role::Owner));
    }

    #[test]
    fn nobody_grants_more_than_they_hold() {
        assert!(Role::Owner.includes(Role::Administrator));
        assert!(Role::Owner.includes(Role::Contributor), "exceptions of the wanted role do no harm");
        assert!(Role::Administrator.includes(Role::SecretsOfficer));
        assert!(Role::SecretsOfficer.includes(Role::SecretsUser));
        assert!(!Role::SecretsUser.includes(Role::SecretsOfficer));
        assert!(!Role::DataAccessAdministrator.includes(Role::SecretsUser));
        assert!(!Role::Administrator.includes(Role::Contributor));
        for role in Role::ALL.iter().filter(|r| **r != Role::Owner) {
            assert!(!role.includes(Role::Owner), "{}", role.name());
        }
    }
}
