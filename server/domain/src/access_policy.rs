//! Access policies of a vault: what a principal or a group may do with what is in it, in Azure's words.
//!
//! They count in the access modes `access-policy` and `layered` alone, and never for management.

mod permissions;

use serde::{Deserialize, Serialize};

use crate::{action::Action, names::VaultId, principal::Grantee, role::Permissions};
use permissions::data_alone;
pub use permissions::{CertificatePermission, KeyPermission, ObjectPermission, ObjectPermissions, SecretPermission};

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

    /// The word for it, as it is sent and kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rbac => "rbac",
            Self::AccessPolicy => "access-policy",
            Self::Layered => "layered",
            Self::Modules => "modules",
        }
    }

    /// What comes of it when a vault that had this mode gets another one: what sleeps from then on, what wakes, and the way
    /// back.
    #[must_use]
    pub fn what_comes_of(self, next: Self) -> Vec<String> {
        let mut told = Vec::new();
        if self == next {
            return told;
        }
        let mut tell = |applies: bool, words: &str| {
            if applies {
                told.push(words.to_owned());
            }
        };
        tell(
            self.asks_roles() && !next.asks_roles(),
            "Role assignments, those at the installation too, sleep for what is in the vault and count for managing it \
             alone. They are kept, and count again in the modes rbac and layered.",
        );
        tell(
            self.asks_access_policies() && !next.asks_access_policies(),
            "The access policies of the vault sleep. They are kept, and count again in the modes access-policy and layered.",
        );
        tell(
            self == Self::Modules,
            "No policy module grants anything any more: those with authority can only deny, as all others do.",
        );
        tell(
            !self.asks_roles() && next.asks_roles(),
            "Role assignments count for what is in the vault, those at the installation too.",
        );
        tell(
            !self.asks_access_policies() && next.asks_access_policies(),
            "The access policies of the vault count, those too that others set while they slept.",
        );
        tell(next == Self::Layered, "A role and an access policy must both allow: who has one of them is denied.");
        tell(next == Self::Modules, "Nothing is granted but what an attached module with authority allows.");
        told.push(format!(
            "The way back is the access mode {}, which somebody has to set who gains nothing in the vault by it.",
            self.as_str()
        ));
        told
    }

    /// The usual one; settings that say nothing else mean it.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything that can be done with what is in a vault.
#[must_use]
pub fn all_of_a_vault() -> Permissions<'static> {
    data_alone(&["Microsoft.KeyVault/vaults/*"])
}

/// The access policy of one grantee in one vault. Authenticated by `tag`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPolicy {
    /// Which vault.
    pub vault: VaultId,
    /// For whom; one policy for each.
    pub grantee: Grantee,
    /// What they may do.
    #[serde(flatten)]
    pub permissions: ObjectPermissions,
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
        ObjectPermission::of(action).is_some_and(|permission| self.permissions.contains(permission))
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
            let permission = ObjectPermission::of(*action).map_or("-".to_owned(), |permission| {
                let (kind, word) = permission.words();
                format!("{kind} {word}")
            });
            lines.push_str(&format!("{}: {permission}\n", action.operation()));
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn no_access_policy_is_about_management_and_every_action_on_what_is_in_a_vault_has_a_permission() {
        for action in Action::ALL {
            // Azure has random bytes in its managed HSM alone, which has no access policies.
            let on_objects = action.is_data() && *action != Action::RandomBytes;
            assert_eq!(ObjectPermission::of(*action).is_some(), on_objects, "{action:?}");
            if let Some(permission) = ObjectPermission::of(*action) {
                let inside = action.data_action().strip_prefix("Microsoft.KeyVault/vaults/").unwrap_or_default();
                let (kind, _) = permission.words();
                assert!(inside.starts_with(kind.trim_end_matches('s')), "{action:?}");
            }
        }
    }

    #[test]
    fn who_gives_a_permission_holds_the_actions_it_allows() {
        for action in Action::ALL {
            if let Some(permission) = ObjectPermission::of(*action) {
                assert!(permission.as_permissions().allows(*action), "{action:?}");
            }
        }
    }

    #[test]
    fn a_change_of_mode_says_what_sleeps_what_wakes_and_which_way_leads_back() {
        use AccessMode::{AccessPolicy, Layered, Modules, Rbac};
        let told = |from: AccessMode, to| from.what_comes_of(to).join("\n");
        let (roles, policies) =
            ("Role assignments, those at the installation too, sleep", "The access policies of the vault sleep");
        for (from, to, sleeps, stays) in [
            (Rbac, AccessPolicy, vec![roles], vec![policies]),
            (Rbac, Layered, vec![], vec![roles, policies]),
            (Rbac, Modules, vec![roles], vec![policies]),
            (AccessPolicy, Rbac, vec![policies], vec![roles]),
            (AccessPolicy, Layered, vec![], vec![roles, policies]),
            (Layered, Rbac, vec![policies], vec![roles]),
            (Layered, AccessPolicy, vec![roles], vec![policies]),
            (Layered, Modules, vec![roles, policies], vec![]),
            (Modules, Rbac, vec!["No policy module grants"], vec![roles, policies]),
        ] {
            let told = told(from, to);
            assert!(sleeps.iter().all(|words| told.contains(words)), "{from:?} to {to:?}: {told}");
            assert!(!stays.iter().any(|words| told.contains(words)), "{from:?} to {to:?}: {told}");
            assert!(told.contains(&format!("The way back is the access mode {},", from.as_str())), "{told}");
        }
        for mode in AccessMode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.as_str());
            assert_eq!(mode.what_comes_of(mode), Vec::<String>::new());
        }
    }

    #[test]
    fn every_word_is_kept_as_azure_writes_it() {
        for permission in KeyPermission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
        }
        for permission in SecretPermission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
        }
        for permission in CertificatePermission::ALL {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.as_str());
        }
        assert_eq!(KeyPermission::WrapKey.as_str(), "wrapKey");
    }

    #[test]
    fn who_manages_issuers_may_do_whatever_is_done_with_them_and_revoke() {
        let with = |permission| ObjectPermissions { certificates: [permission].into(), ..ObjectPermissions::default() };
        let allows = |permissions: &ObjectPermissions, action| {
            ObjectPermission::of(action).is_some_and(|permission| permissions.contains(permission))
        };
        let on_issuers =
            [Action::IssuerGet, Action::IssuerList, Action::IssuerSet, Action::IssuerUpdate, Action::IssuerDelete];
        let manages = with(CertificatePermission::ManageIssuers);
        assert!(
            on_issuers.iter().all(|action| allows(&manages, *action)) && allows(&manages, Action::CertificateRevoke)
        );
        assert!(!allows(&manages, Action::ContactsSet) && !allows(&manages, Action::CertificateUpdate));
        let gets = with(CertificatePermission::GetIssuers);
        assert_eq!(on_issuers.map(|action| allows(&gets, action)), [true, false, false, false, false]);
        assert!(
            !allows(&with(CertificatePermission::Update), Action::CertificateRevoke),
            "it is others' that are revoked"
        );
    }

    /// Pins the form: it is authenticated as written, and policies from before keys had permissions go on.
    #[test]
    fn a_policy_keeps_its_form() {
        let secrets = ObjectPermissions { secrets: [SecretPermission::Get].into(), ..ObjectPermissions::default() };
        let policy = AccessPolicy {
            vault: VaultId(uuid::Uuid::nil()),
            grantee: Grantee::Group { issuer: "i".into(), group: "g".into() },
            permissions: secrets,
            revision: 7,
            tag: Vec::new(),
        };
        let text = String::from_utf8(policy.authenticated().unwrap()).unwrap();
        assert!(text.ends_with(r#","secrets":["get"],"revision":7}"#), "{text}");
        let keys = [KeyPermission::Get, KeyPermission::WrapKey].into();
        let both = AccessPolicy { permissions: ObjectPermissions { keys, ..policy.permissions.clone() }, ..policy };
        let text = String::from_utf8(both.authenticated().unwrap()).unwrap();
        assert!(text.ends_with(r#","secrets":["get"],"keys":["get","wrapKey"],"revision":7}"#), "{text}");
        assert_eq!(serde_json::from_str::<AccessPolicy>(&text).unwrap(), both);
    }
}
