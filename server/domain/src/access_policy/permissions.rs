//! The permissions of access policies, by kind of object, in Azure's words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    action::Action,
    role::{Half, Patterns, Permissions},
};

macro_rules! permissions {
    ($(#[$doc:meta])* $type:ident: $count:literal {
        $($(#[$each:meta])* $variant:ident = $word:literal [$($data_action:literal),*];)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $type { $($(#[$each])* #[serde(rename = $word)] $variant,)* }

        impl $type {
            /// Every permission.
            pub const ALL: [Self; $count] = [$(Self::$variant,)*];

            /// The word, as Azure writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What one must hold by role to give it: its data actions.
            #[must_use]
            pub fn as_permissions(self) -> Permissions<'static> {
                match self { $(Self::$variant => data_alone(&[$($data_action),*]),)* }
            }
        }
    };
}

permissions! {
    /// A permission on secrets (Azure: `secrets` of an access policy's permissions).
    SecretPermission: 8 {
        /// Read a value, or a deleted secret's metadata.
        Get = "get" [
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
        ];
        /// List names, versions and deleted secrets.
        List = "list" ["Microsoft.KeyVault/vaults/secrets/readMetadata/action"];
        /// Make versions and change attributes.
        Set = "set" [
            "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            "Microsoft.KeyVault/vaults/secrets/update/action"
        ];
        /// Soft delete.
        Delete = "delete" ["Microsoft.KeyVault/vaults/secrets/delete"];
        /// Recover what is soft deleted.
        Recover = "recover" ["Microsoft.KeyVault/vaults/secrets/recover/action"];
        /// Back up.
        Backup = "backup" ["Microsoft.KeyVault/vaults/secrets/backup/action"];
        /// Restore a backup.
        Restore = "restore" ["Microsoft.KeyVault/vaults/secrets/restore/action"];
        /// Purge what is soft deleted.
        Purge = "purge" ["Microsoft.KeyVault/vaults/secrets/purge/action"];
    }
}

permissions! {
    /// A permission on keys (Azure: `keys` of an access policy's permissions).
    KeyPermission: 20 {
        /// Read the public half and what is known of a key, or of a deleted one.
        Get = "get" ["Microsoft.KeyVault/vaults/keys/read"];
        /// List names, versions and deleted keys.
        List = "list" ["Microsoft.KeyVault/vaults/keys/read"];
        /// Change attributes and `key_ops`.
        Update = "update" ["Microsoft.KeyVault/vaults/keys/update/action"];
        /// Make keys and versions.
        Create = "create" ["Microsoft.KeyVault/vaults/keys/create/action"];
        /// Take in keys that were made elsewhere.
        Import = "import" ["Microsoft.KeyVault/vaults/keys/import/action"];
        /// Soft delete.
        Delete = "delete" ["Microsoft.KeyVault/vaults/keys/delete"];
        /// Recover what is soft deleted.
        Recover = "recover" ["Microsoft.KeyVault/vaults/keys/recover/action"];
        /// Back up.
        Backup = "backup" ["Microsoft.KeyVault/vaults/keys/backup/action"];
        /// Restore a backup.
        Restore = "restore" ["Microsoft.KeyVault/vaults/keys/restore/action"];
        /// Purge what is soft deleted.
        Purge = "purge" ["Microsoft.KeyVault/vaults/keys/purge/action"];
        /// Encrypt data.
        Encrypt = "encrypt" ["Microsoft.KeyVault/vaults/keys/encrypt/action"];
        /// Decrypt data.
        Decrypt = "decrypt" ["Microsoft.KeyVault/vaults/keys/decrypt/action"];
        /// Wrap keys.
        WrapKey = "wrapKey" ["Microsoft.KeyVault/vaults/keys/wrap/action"];
        /// Unwrap keys.
        UnwrapKey = "unwrapKey" ["Microsoft.KeyVault/vaults/keys/unwrap/action"];
        /// Sign digests.
        Sign = "sign" ["Microsoft.KeyVault/vaults/keys/sign/action"];
        /// Verify signatures.
        Verify = "verify" ["Microsoft.KeyVault/vaults/keys/verify/action"];
        /// Rotate a key now.
        Rotate = "rotate" ["Microsoft.KeyVault/vaults/keys/rotate/action"];
        /// Read a rotation policy.
        GetRotationPolicy = "getrotationpolicy" ["Microsoft.KeyVault/vaults/keyrotationpolicies/read"];
        /// Set a rotation policy.
        SetRotationPolicy = "setrotationpolicy" ["Microsoft.KeyVault/vaults/keyrotationpolicies/write"];
        /// Release a key. Kept for those who list Azure's words: no key is released here.
        Release = "release" ["Microsoft.KeyVault/vaults/keys/release/action"];
    }
}

permissions! {
    /// A permission on certificates (Azure: `certificates` of an access policy's permissions).
    CertificatePermission: 16 {
        /// Read a certificate, its policy and its operation, or what is known of a deleted one.
        Get = "get" ["Microsoft.KeyVault/vaults/certificates/read"];
        /// List names, versions and deleted certificates.
        List = "list" ["Microsoft.KeyVault/vaults/certificates/read"];
        /// Change attributes, the policy and the operation.
        Update = "update" ["Microsoft.KeyVault/vaults/certificates/update/action"];
        /// Make certificates and versions, and merge what an authority made.
        Create = "create" ["Microsoft.KeyVault/vaults/certificates/create/action"];
        /// Take in certificates that were made elsewhere.
        Import = "import" ["Microsoft.KeyVault/vaults/certificates/import/action"];
        /// Soft delete.
        Delete = "delete" ["Microsoft.KeyVault/vaults/certificates/delete"];
        /// Recover what is soft deleted.
        Recover = "recover" ["Microsoft.KeyVault/vaults/certificates/recover/action"];
        /// Back up.
        Backup = "backup" ["Microsoft.KeyVault/vaults/certificates/backup/action"];
        /// Restore a backup.
        Restore = "restore" ["Microsoft.KeyVault/vaults/certificates/restore/action"];
        /// Purge what is soft deleted.
        Purge = "purge" ["Microsoft.KeyVault/vaults/certificates/purge/action"];
        /// See and say who is told about certificates.
        ManageContacts = "managecontacts" ["Microsoft.KeyVault/vaults/certificatecontacts/write"];
        /// Everything with issuers. Whoever says who signs also takes back what was signed: Azure has no word for that,
        /// because none of its authorities is in a vault.
        ManageIssuers = "manageissuers" [
            "Microsoft.KeyVault/vaults/certificatecas/read",
            "Microsoft.KeyVault/vaults/certificatecas/write",
            "Microsoft.KeyVault/vaults/certificatecas/delete",
            "Microsoft.KeyVault/vaults/certificates/revoke/action"
        ];
        /// Read an issuer.
        GetIssuers = "getissuers" ["Microsoft.KeyVault/vaults/certificatecas/read"];
        /// List issuers.
        ListIssuers = "listissuers" ["Microsoft.KeyVault/vaults/certificatecas/read"];
        /// Set issuers up and change them.
        SetIssuers = "setissuers" ["Microsoft.KeyVault/vaults/certificatecas/write"];
        /// Take issuers away.
        DeleteIssuers = "deleteissuers" ["Microsoft.KeyVault/vaults/certificatecas/delete"];
    }
}

impl CertificatePermission {
    /// Whether it is a part of [`Self::ManageIssuers`].
    fn is_on_issuers(self) -> bool {
        matches!(self, Self::GetIssuers | Self::ListIssuers | Self::SetIssuers | Self::DeleteIssuers)
    }
}

/// A permission on one kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectPermission {
    /// On secrets.
    Secret(SecretPermission),
    /// On keys.
    Key(KeyPermission),
    /// On certificates.
    Certificate(CertificatePermission),
}

impl ObjectPermission {
    /// The permission that an action needs; none when no access policy can allow it.
    #[must_use]
    pub fn of(action: Action) -> Option<Self> {
        let on_secrets = |permission| Some(Self::Secret(permission));
        let on_keys = |permission| Some(Self::Key(permission));
        match action {
            // Azure: `get` for one deleted secret, though its data action is that of a listing.
            Action::SecretGet | Action::SecretGetDeleted => on_secrets(SecretPermission::Get),
            Action::SecretList | Action::SecretListVersions | Action::SecretListDeleted | Action::SecretShow => {
                on_secrets(SecretPermission::List)
            }
            Action::SecretSet | Action::SecretUpdate => on_secrets(SecretPermission::Set),
            Action::SecretDelete => on_secrets(SecretPermission::Delete),
            Action::SecretRecover => on_secrets(SecretPermission::Recover),
            Action::SecretBackup => on_secrets(SecretPermission::Backup),
            Action::SecretRestore => on_secrets(SecretPermission::Restore),
            Action::SecretPurge => on_secrets(SecretPermission::Purge),
            Action::KeyGet | Action::KeyGetDeleted => on_keys(KeyPermission::Get),
            Action::KeyList | Action::KeyListVersions | Action::KeyListDeleted => on_keys(KeyPermission::List),
            Action::KeyUpdate => on_keys(KeyPermission::Update),
            Action::KeyCreate => on_keys(KeyPermission::Create),
            Action::KeyImport => on_keys(KeyPermission::Import),
            Action::KeyDelete => on_keys(KeyPermission::Delete),
            Action::KeyRecover => on_keys(KeyPermission::Recover),
            Action::KeyBackup => on_keys(KeyPermission::Backup),
            Action::KeyRestore => on_keys(KeyPermission::Restore),
            Action::KeyPurge => on_keys(KeyPermission::Purge),
            Action::KeyEncrypt => on_keys(KeyPermission::Encrypt),
            Action::KeyDecrypt => on_keys(KeyPermission::Decrypt),
            Action::KeyWrap => on_keys(KeyPermission::WrapKey),
            Action::KeyUnwrap => on_keys(KeyPermission::UnwrapKey),
            Action::KeySign => on_keys(KeyPermission::Sign),
            Action::KeyVerify => on_keys(KeyPermission::Verify),
            Action::KeyRotate | Action::KeyRotateIfDue | Action::KeyNearExpiry => on_keys(KeyPermission::Rotate),
            Action::KeyRotationPolicyGet => on_keys(KeyPermission::GetRotationPolicy),
            Action::KeyRotationPolicySet => on_keys(KeyPermission::SetRotationPolicy),
            _ => Self::on_certificates(action).map(Self::Certificate),
        }
    }

    fn on_certificates(action: Action) -> Option<CertificatePermission> {
        Some(match action {
            Action::CertificateGet
            | Action::CertificateGetDeleted
            | Action::CertificatePolicyGet
            | Action::CertificatePendingGet
            | Action::RevocationListGet
            | Action::RevocationListPublish => CertificatePermission::Get,
            Action::CertificateList | Action::CertificateListVersions | Action::CertificateListDeleted => {
                CertificatePermission::List
            }
            // Azure: an operation is called off and forgotten by whoever may update.
            Action::CertificateUpdate
            | Action::CertificatePolicyUpdate
            | Action::CertificatePendingUpdate
            | Action::CertificatePendingDelete => CertificatePermission::Update,
            Action::CertificateCreate
            | Action::CertificatePendingMerge
            | Action::CertificateRenewIfDue
            | Action::CertificateRenewalPostpone
            | Action::CertificateRenewalPlan
            | Action::CertificateNearExpiry
            | Action::CertificateEnroll
            | Action::CertificateIssue
            | Action::AuthoritySign => CertificatePermission::Create,
            Action::CertificateImport => CertificatePermission::Import,
            Action::CertificateDelete => CertificatePermission::Delete,
            Action::CertificateRecover => CertificatePermission::Recover,
            Action::CertificateBackup => CertificatePermission::Backup,
            Action::CertificateRestore => CertificatePermission::Restore,
            Action::CertificatePurge => CertificatePermission::Purge,
            Action::ContactsGet | Action::ContactsSet | Action::ContactsDelete => CertificatePermission::ManageContacts,
            Action::CertificateRevoke
            | Action::CertificateRevokeVersion
            | Action::CertificateNoteRevoked
            | Action::RevocationListIssue => CertificatePermission::ManageIssuers,
            Action::IssuerGet => CertificatePermission::GetIssuers,
            Action::IssuerList => CertificatePermission::ListIssuers,
            Action::IssuerSet | Action::IssuerUpdate | Action::IssuerAsk => CertificatePermission::SetIssuers,
            Action::IssuerDelete => CertificatePermission::DeleteIssuers,
            _ => return None,
        })
    }

    /// What one must hold by role to give it: its data actions.
    #[must_use]
    pub fn as_permissions(self) -> Permissions<'static> {
        match self {
            Self::Secret(permission) => permission.as_permissions(),
            Self::Key(permission) => permission.as_permissions(),
            Self::Certificate(permission) => permission.as_permissions(),
        }
    }

    /// The kind and the word, as Azure writes them.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Secret(permission) => ("secrets", permission.as_str()),
            Self::Key(permission) => ("keys", permission.as_str()),
            Self::Certificate(permission) => ("certificates", permission.as_str()),
        }
    }
}

/// What an access policy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectPermissions {
    /// With secrets.
    pub secrets: BTreeSet<SecretPermission>,
    /// With keys.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<KeyPermission>,
    /// With certificates.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub certificates: BTreeSet<CertificatePermission>,
}

impl ObjectPermissions {
    /// Whether it allows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty() && self.keys.is_empty() && self.certificates.is_empty()
    }

    /// Whether a permission is among them.
    #[must_use]
    pub fn contains(&self, permission: ObjectPermission) -> bool {
        match permission {
            ObjectPermission::Secret(permission) => self.secrets.contains(&permission),
            ObjectPermission::Key(permission) => self.keys.contains(&permission),
            ObjectPermission::Certificate(permission) => {
                let by_part =
                    permission.is_on_issuers() && self.certificates.contains(&CertificatePermission::ManageIssuers);
                by_part || self.certificates.contains(&permission)
            }
        }
    }

    /// Adds one.
    pub(crate) fn insert(&mut self, permission: ObjectPermission) {
        match permission {
            ObjectPermission::Secret(permission) => self.secrets.insert(permission),
            ObjectPermission::Key(permission) => self.keys.insert(permission),
            ObjectPermission::Certificate(permission) => self.certificates.insert(permission),
        };
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ObjectPermission> {
        let secrets = self.secrets.iter().copied().map(ObjectPermission::Secret);
        let certificates = self.certificates.iter().copied().map(ObjectPermission::Certificate);
        secrets.chain(self.keys.iter().copied().map(ObjectPermission::Key)).chain(certificates)
    }
}

pub(super) fn data_alone(data: &'static [&'static str]) -> Permissions<'static> {
    let none = Half { granted: Patterns::BuiltIn(&[]), excluded: Patterns::BuiltIn(&[]) };
    Permissions { actions: none, data: Half { granted: Patterns::BuiltIn(data), ..none } }
}
