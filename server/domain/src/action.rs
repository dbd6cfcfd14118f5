//! Actions: what can be asked of a vault or of the installation, in Azure's words where Azure has one.

use serde::{Deserialize, Serialize};

use crate::names::ObjectKind;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $data_action:literal, $operation:literal;)*) => {
        /// One thing that can be asked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Action { $($(#[$doc])* #[serde(rename = $operation)] $variant,)* }

        impl Action {
            /// Every action, for matrices and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The action or data action that a role definition must contain (Azure role-based access control).
            #[must_use]
            pub fn data_action(self) -> &'static str {
                match self { $(Self::$variant => $data_action,)* }
            }

            /// Whether it is asked of a vault that has to be there.
            #[must_use]
            pub fn is_in_vault(self) -> bool {
                let of_vaults = ["Microsoft.KeyVault/vaults/", "Strongroom/vaults/"];
                self != Self::VaultCreate && of_vaults.iter().any(|start| self.data_action().starts_with(start))
            }

            /// The operation name of audit records (Azure's AuditEvent names where they exist).
            #[must_use]
            pub fn operation(self) -> &'static str {
                match self { $(Self::$variant => $operation,)* }
            }
        }
    };
}

/// Which vaults an action can be about: to all others it is as if the vault were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Vaults in use.
    Active,
    /// Soft-deleted vaults.
    Deleted,
    /// Both: the name is what counts.
    Any,
}

impl Action {
    /// Which vaults the action can be about.
    #[must_use]
    pub fn reach(self) -> Reach {
        match self {
            // Whoever checks certificates hears of those that were revoked, whatever becomes of the vault.
            Self::VaultCreate | Self::RevocationListPublish => Reach::Any,
            Self::VaultGetDeleted | Self::VaultRecover | Self::VaultPurge => Reach::Deleted,
            _ => Reach::Active,
        }
    }

    /// Whether an object that is not there comes to be by the action.
    #[must_use]
    pub fn makes_objects(self) -> bool {
        matches!(
            self,
            Self::SecretSet
                | Self::SecretRestore
                | Self::KeyCreate
                | Self::KeyImport
                | Self::KeyRestore
                | Self::CertificateCreate
                | Self::CertificateImport
                | Self::CertificateRestore
                | Self::IssuerSet
                | Self::ContactsSet
                | Self::CertificateRevoke
                | Self::RevocationListIssue
        )
    }

    /// Whether the action removes for good, so that a vault's row is not believed without the audit log.
    #[must_use]
    pub fn purges(self) -> bool {
        matches!(self, Self::SecretPurge | Self::KeyPurge | Self::CertificatePurge | Self::VaultPurge)
    }

    /// Whether all versions of an object are given out at once.
    #[must_use]
    pub fn backs_up(self) -> bool {
        matches!(self, Self::SecretBackup | Self::KeyBackup | Self::CertificateBackup)
    }

    /// Whether it lists what is in a vault, each entry of which modules are asked about.
    #[must_use]
    pub fn is_of_entries(self) -> bool {
        matches!(
            self,
            Self::SecretList
                | Self::SecretListVersions
                | Self::SecretListDeleted
                | Self::KeyList
                | Self::KeyListVersions
                | Self::KeyListDeleted
                | Self::CertificateList
                | Self::CertificateListVersions
                | Self::CertificateListDeleted
        )
    }

    /// Whether all versions of an object are given out or come back at once.
    #[must_use]
    pub fn is_of_versions(self) -> bool {
        self.backs_up() || matches!(self, Self::SecretRestore | Self::KeyRestore | Self::CertificateRestore)
    }
}

actions! {
    /// PUT /secrets/{name}
    SecretSet = "Microsoft.KeyVault/vaults/secrets/setSecret/action", "SecretSet";
    /// GET /secrets/{name}/{version}
    SecretGet = "Microsoft.KeyVault/vaults/secrets/getSecret/action", "SecretGet";
    /// PATCH /secrets/{name}/{version}
    SecretUpdate = "Microsoft.KeyVault/vaults/secrets/update/action", "SecretUpdate";
    /// GET /secrets
    SecretList = "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "SecretList";
    /// GET /secrets/{name}/versions
    SecretListVersions = "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "SecretListVersions";
    /// Metadata of one secret without its value (dashboard).
    SecretShow = "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "SecretShow";
    /// DELETE /secrets/{name}
    SecretDelete = "Microsoft.KeyVault/vaults/secrets/delete", "SecretDelete";
    /// GET /deletedsecrets/{name}
    SecretGetDeleted = "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "SecretGetDeleted";
    /// GET /deletedsecrets
    SecretListDeleted = "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "SecretListDeleted";
    /// POST /deletedsecrets/{name}/recover
    SecretRecover = "Microsoft.KeyVault/vaults/secrets/recover/action", "SecretRecover";
    /// POST /secrets/{name}/backup
    SecretBackup = "Microsoft.KeyVault/vaults/secrets/backup/action", "SecretBackup";
    /// POST /secrets/restore
    SecretRestore = "Microsoft.KeyVault/vaults/secrets/restore/action", "SecretRestore";
    /// DELETE /deletedsecrets/{name}
    SecretPurge = "Microsoft.KeyVault/vaults/secrets/purge/action", "SecretPurge";
    /// POST /keys/{name}/create
    KeyCreate = "Microsoft.KeyVault/vaults/keys/create/action", "KeyCreate";
    /// GET /keys/{name}/{version}
    KeyGet = "Microsoft.KeyVault/vaults/keys/read", "KeyGet";
    /// PATCH /keys/{name}/{version}
    KeyUpdate = "Microsoft.KeyVault/vaults/keys/update/action", "KeyUpdate";
    /// GET /keys
    KeyList = "Microsoft.KeyVault/vaults/keys/read", "KeyList";
    /// GET /keys/{name}/versions
    KeyListVersions = "Microsoft.KeyVault/vaults/keys/read", "KeyListVersions";
    /// DELETE /keys/{name}
    KeyDelete = "Microsoft.KeyVault/vaults/keys/delete", "KeyDelete";
    /// GET /deletedkeys/{name}
    KeyGetDeleted = "Microsoft.KeyVault/vaults/keys/read", "KeyGetDeleted";
    /// GET /deletedkeys
    KeyListDeleted = "Microsoft.KeyVault/vaults/keys/read", "KeyListDeleted";
    /// POST /deletedkeys/{name}/recover
    KeyRecover = "Microsoft.KeyVault/vaults/keys/recover/action", "KeyRecover";
    /// DELETE /deletedkeys/{name}
    KeyPurge = "Microsoft.KeyVault/vaults/keys/purge/action", "KeyPurge";
    /// POST /keys/{name}/backup
    KeyBackup = "Microsoft.KeyVault/vaults/keys/backup/action", "KeyBackup";
    /// POST /keys/restore
    KeyRestore = "Microsoft.KeyVault/vaults/keys/restore/action", "KeyRestore";
    /// PUT /keys/{name}
    KeyImport = "Microsoft.KeyVault/vaults/keys/import/action", "KeyImport";
    /// POST /keys/{name}/rotate
    KeyRotate = "Microsoft.KeyVault/vaults/keys/rotate/action", "KeyRotate";
    /// What the schedule does when a rotation policy says so.
    KeyRotateIfDue = "Microsoft.KeyVault/vaults/keys/rotate/action", "KeyRotateIfDue";
    /// What the schedule does when a version ends soon: it says so.
    KeyNearExpiry = "Microsoft.KeyVault/vaults/keys/rotate/action", "KeyNearExpiry";
    /// GET /keys/{name}/rotationpolicy
    KeyRotationPolicyGet = "Microsoft.KeyVault/vaults/keyrotationpolicies/read", "KeyRotationPolicyGet";
    /// PUT /keys/{name}/rotationpolicy
    KeyRotationPolicySet = "Microsoft.KeyVault/vaults/keyrotationpolicies/write", "KeyRotationPolicySet";
    /// POST /keys/{name}/{version}/encrypt
    KeyEncrypt = "Microsoft.KeyVault/vaults/keys/encrypt/action", "KeyEncrypt";
    /// POST /keys/{name}/{version}/decrypt
    KeyDecrypt = "Microsoft.KeyVault/vaults/keys/decrypt/action", "KeyDecrypt";
    /// POST /keys/{name}/{version}/sign
    KeySign = "Microsoft.KeyVault/vaults/keys/sign/action", "KeySign";
    /// POST /keys/{name}/{version}/verify
    KeyVerify = "Microsoft.KeyVault/vaults/keys/verify/action", "KeyVerify";
    /// POST /keys/{name}/{version}/wrapkey
    KeyWrap = "Microsoft.KeyVault/vaults/keys/wrap/action", "KeyWrap";
    /// POST /keys/{name}/{version}/unwrapkey
    KeyUnwrap = "Microsoft.KeyVault/vaults/keys/unwrap/action", "KeyUnwrap";
    /// POST /rng. Azure has an action for it in its managed HSM alone.
    RandomBytes = "Microsoft.KeyVault/vaults/keys/rng/action", "RandomBytes";
    /// POST /certificates/{name}/create
    CertificateCreate = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateCreate";
    /// POST /certificates/{name}/import
    CertificateImport = "Microsoft.KeyVault/vaults/certificates/import/action", "CertificateImport";
    /// GET /certificates/{name}/{version}
    CertificateGet = "Microsoft.KeyVault/vaults/certificates/read", "CertificateGet";
    /// PATCH /certificates/{name}/{version}
    CertificateUpdate = "Microsoft.KeyVault/vaults/certificates/update/action", "CertificateUpdate";
    /// GET /certificates
    CertificateList = "Microsoft.KeyVault/vaults/certificates/read", "CertificateList";
    /// GET /certificates/{name}/versions
    CertificateListVersions = "Microsoft.KeyVault/vaults/certificates/read", "CertificateListVersions";
    /// DELETE /certificates/{name}
    CertificateDelete = "Microsoft.KeyVault/vaults/certificates/delete", "CertificateDelete";
    /// GET /deletedcertificates/{name}
    CertificateGetDeleted = "Microsoft.KeyVault/vaults/certificates/read", "CertificateGetDeleted";
    /// GET /deletedcertificates
    CertificateListDeleted = "Microsoft.KeyVault/vaults/certificates/read", "CertificateListDeleted";
    /// POST /deletedcertificates/{name}/recover
    CertificateRecover = "Microsoft.KeyVault/vaults/certificates/recover/action", "CertificateRecover";
    /// DELETE /deletedcertificates/{name}
    CertificatePurge = "Microsoft.KeyVault/vaults/certificates/purge/action", "CertificatePurge";
    /// POST /certificates/{name}/backup
    CertificateBackup = "Microsoft.KeyVault/vaults/certificates/backup/action", "CertificateBackup";
    /// POST /certificates/restore
    CertificateRestore = "Microsoft.KeyVault/vaults/certificates/restore/action", "CertificateRestore";
    /// GET /certificates/{name}/policy
    CertificatePolicyGet = "Microsoft.KeyVault/vaults/certificates/read", "CertificatePolicyGet";
    /// PATCH /certificates/{name}/policy
    CertificatePolicyUpdate = "Microsoft.KeyVault/vaults/certificates/update/action", "CertificatePolicyUpdate";
    /// GET /certificates/{name}/pending
    CertificatePendingGet = "Microsoft.KeyVault/vaults/certificates/read", "CertificatePendingGet";
    /// PATCH /certificates/{name}/pending
    CertificatePendingUpdate = "Microsoft.KeyVault/vaults/certificates/update/action", "CertificatePendingUpdate";
    /// DELETE /certificates/{name}/pending
    CertificatePendingDelete = "Microsoft.KeyVault/vaults/certificates/update/action", "CertificatePendingDelete";
    /// POST /certificates/{name}/pending/merge
    CertificatePendingMerge = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificatePendingMerge";
    /// What the schedule does when a certificate's policy says so: a new version.
    CertificateRenewIfDue = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateRenewIfDue";
    /// What the schedule does after a renewal that failed: it says when it tries again.
    CertificateRenewalPostpone = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateRenewalPostpone";
    /// What the schedule does with a certificate from before there was one: it works out when it is due.
    CertificateRenewalPlan = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateRenewalPlan";
    /// What the schedule does when somebody is to be told of the end of a certificate: it says so.
    CertificateNearExpiry = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateNearExpiry";
    /// What the schedule does while an issuer has an operation: it says when it asks, and how that went.
    CertificateEnroll = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateEnroll";
    /// What the schedule does when an issuer has issued: a new version.
    CertificateIssue = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateIssue";
    /// What the schedule does to sign with an authority that is kept in a vault: it opens the authority's key.
    AuthoritySign = "Microsoft.KeyVault/vaults/certificates/create/action", "CertificateAuthoritySign";
    /// POST /certificates/{name}/revoke: what the authority of this name signed is not to be taken any more. Of Azure's
    /// authorities none is in a vault, so it has no action for it.
    CertificateRevoke = "Microsoft.KeyVault/vaults/certificates/revoke/action", "CertificateRevoke";
    /// POST /certificates/{name}/revoke, of a version of the name itself: whoever issued it elsewhere takes it back.
    CertificateRevokeVersion = "Microsoft.KeyVault/vaults/certificates/revoke/action", "CertificateVersionRevoke";
    /// What the server does once an issuer has taken a version back: it says so of the name.
    CertificateNoteRevoked = "Microsoft.KeyVault/vaults/certificates/revoke/action", "CertificateRevocationNote";
    /// GET /certificates/{name}/revocations
    RevocationListGet = "Microsoft.KeyVault/vaults/certificates/read", "CertificateRevocationListGet";
    /// What the schedule does before a list of revoked certificates lapses: it makes the next one.
    RevocationListIssue = "Microsoft.KeyVault/vaults/certificates/revoke/action", "CertificateRevocationListIssue";
    /// What the server does when somebody wants a list of revoked certificates, which is for everybody: it opens it.
    RevocationListPublish = "Microsoft.KeyVault/vaults/certificates/read", "CertificateRevocationListPublish";
    /// What the schedule does to ask an issuer: it opens its credentials, and keeps what the issuer wants kept.
    IssuerAsk = "Microsoft.KeyVault/vaults/certificatecas/write", "CertificateIssuerAsk";
    /// GET /certificates/issuers
    IssuerList = "Microsoft.KeyVault/vaults/certificatecas/read", "CertificateIssuersList";
    /// GET /certificates/issuers/{name}; never its password.
    IssuerGet = "Microsoft.KeyVault/vaults/certificatecas/read", "CertificateIssuerGet";
    /// PUT /certificates/issuers/{name}
    IssuerSet = "Microsoft.KeyVault/vaults/certificatecas/write", "CertificateIssuerSet";
    /// PATCH /certificates/issuers/{name}
    IssuerUpdate = "Microsoft.KeyVault/vaults/certificatecas/write", "CertificateIssuerUpdate";
    /// DELETE /certificates/issuers/{name}
    IssuerDelete = "Microsoft.KeyVault/vaults/certificatecas/delete", "CertificateIssuerDelete";
    /// GET /certificates/contacts
    ContactsGet = "Microsoft.KeyVault/vaults/certificatecontacts/write", "CertificateContactsGet";
    /// PUT /certificates/contacts
    ContactsSet = "Microsoft.KeyVault/vaults/certificatecontacts/write", "CertificateContactsSet";
    /// DELETE /certificates/contacts
    ContactsDelete = "Microsoft.KeyVault/vaults/certificatecontacts/write", "CertificateContactsDelete";
    /// Make a vault.
    VaultCreate = "Microsoft.KeyVault/vaults/write", "VaultPut";
    /// Change a vault's settings.
    VaultUpdate = "Microsoft.KeyVault/vaults/write", "VaultPatch";
    /// See a vault's settings.
    VaultRead = "Microsoft.KeyVault/vaults/read", "VaultGet";
    /// Soft delete a vault.
    VaultDelete = "Microsoft.KeyVault/vaults/delete", "VaultDelete";
    /// See a soft-deleted vault.
    VaultGetDeleted = "Microsoft.KeyVault/locations/deletedVaults/read", "VaultGetDeleted";
    /// Take a soft-deleted vault back into use.
    VaultRecover = "Microsoft.KeyVault/vaults/write", "VaultRecover";
    /// Remove a soft-deleted vault for good.
    VaultPurge = "Microsoft.KeyVault/locations/deletedVaults/purge/action", "VaultPurge";
    /// Give somebody a role.
    AssignmentAdd = "Microsoft.Authorization/roleAssignments/write", "RoleAssignmentCreate";
    /// See who holds which role.
    AssignmentRead = "Microsoft.Authorization/roleAssignments/read", "RoleAssignmentRead";
    /// Take a role away.
    AssignmentRemove = "Microsoft.Authorization/roleAssignments/delete", "RoleAssignmentDelete";
    /// See role definitions.
    RoleRead = "Microsoft.Authorization/roleDefinitions/read", "RoleDefinitionRead";
    /// Make or change a custom role definition.
    RoleWrite = "Microsoft.Authorization/roleDefinitions/write", "RoleDefinitionWrite";
    /// Delete a custom role definition.
    RoleDelete = "Microsoft.Authorization/roleDefinitions/delete", "RoleDefinitionDelete";
    /// See a vault's access policies.
    AccessPolicyRead = "Microsoft.KeyVault/vaults/accessPolicies/read", "AccessPolicyRead";
    /// Change a vault's access policies.
    AccessPolicyWrite = "Microsoft.KeyVault/vaults/accessPolicies/write", "AccessPolicyWrite";
    /// See what waits for somebody's approval in a vault, and what was approved.
    ApprovalRead = "Strongroom/vaults/approvals/read", "ApprovalRead";
    /// Grant or refuse what somebody else asks for.
    ApprovalDecide = "Strongroom/vaults/approvals/decide/action", "ApprovalDecide";
    /// What the gate does when a policy module wants other people's approval: it opens the request. Nobody asks for it.
    ApprovalOpen = "Strongroom/vaults/approvals/open/action", "ApprovalOpen";
    /// Make a workload identity.
    WorkloadCreate = "Strongroom/workloads/write", "WorkloadCreate";
    /// See workload identities; never a client secret.
    WorkloadRead = "Strongroom/workloads/read", "WorkloadGet";
    /// Rename, disable or enable a workload identity.
    WorkloadUpdate = "Strongroom/workloads/write", "WorkloadUpdate";
    /// Give a workload identity a credential or take one away.
    WorkloadCredential = "Strongroom/workloads/credentials/write", "WorkloadCredential";
    /// Delete a workload identity.
    WorkloadDelete = "Strongroom/workloads/delete", "WorkloadDelete";
    /// Upload a policy module.
    PolicyModuleWrite = "Strongroom/policyModules/write", "PolicyModulePush";
    /// See policy modules: what they say about themselves, who uploaded them.
    PolicyModuleRead = "Strongroom/policyModules/read", "PolicyModuleRead";
    /// Remove an uploaded policy module that is attached nowhere.
    PolicyModuleDelete = "Strongroom/policyModules/delete", "PolicyModuleDelete";
    /// Write a document that policy modules read.
    PolicyDocumentWrite = "Strongroom/policyDocuments/write", "PolicyDocumentPut";
    /// See the documents that policy modules read.
    PolicyDocumentRead = "Strongroom/policyDocuments/read", "PolicyDocumentRead";
    /// Remove a document that policy modules read.
    PolicyDocumentDelete = "Strongroom/policyDocuments/delete", "PolicyDocumentDelete";
    /// See which modules are attached to every vault.
    PolicyRead = "Strongroom/policies/read", "PolicyRead";
    /// Attach modules to every vault.
    PolicyWrite = "Strongroom/policies/write", "PolicyWrite";
    /// Turn off all modules of a vault, or of all, on the machine itself.
    PolicyRecover = "Strongroom/policies/recover/action", "PolicyRecover";
    /// Read audit records.
    AuditRead = "Strongroom/audit/read", "AuditRead";
    /// Have a request judged that nobody makes, and see what each stage would say.
    DecisionForesee = "Strongroom/audit/read", "DecisionForesee";
    /// Ask recorded decisions again, with other policy modules, and keep what would change.
    PolicyReplay = "Strongroom/audit/read", "PolicyReplay";
    /// See what replays found.
    PolicyReplayRead = "Strongroom/audit/read", "PolicyReplayRead";
    /// Say that one has looked at what would change alike.
    PolicyReplayReview = "Strongroom/audit/read", "PolicyReplayReview";
    /// Have a token explained.
    TokenExplain = "Strongroom/tokens/explain/action", "TokenExplain";
    /// See which keys sign tokens.
    TokenKeyRead = "Strongroom/tokenKeys/read", "TokenKeyRead";
    /// Announce a new key that signs tokens.
    TokenKeyRotate = "Strongroom/tokenKeys/rotate/action", "TokenKeyRotate";
    /// Put a new key in the place of all that sign tokens, at once.
    TokenKeyRevoke = "Strongroom/tokenKeys/rotate/action", "TokenKeyRevoke";
    /// Destroy keys whose last token has expired.
    TokenKeyRetire = "Strongroom/tokenKeys/rotate/action", "TokenKeyRetire";
    /// Seal everything under a new root key.
    SealRotate = "Strongroom/seal/rotate/action", "SealRotate";
    /// Exchange a credential for an access token.
    TokenIssue = "Strongroom/token/issue", "Authentication";
    /// End the dashboard sessions of somebody else.
    SessionRevoke = "Strongroom/sessions/delete", "SessionRevoke";
    /// Begin or end a dashboard session.
    SessionChange = "Strongroom/session/write", "Session";
    /// POST /setup: the first provider and the first Owner, by the code of the terminal.
    SetupFinish = "Strongroom/setup/write", "SetupFinish";
}

impl Action {
    /// The action of this operation, if somebody can ask for it of a vault or of what is in one.
    #[must_use]
    pub fn in_vault(operation: &str) -> Option<Self> {
        // What the gate and schedules do by themselves.
        let nobody_asks =
            |action: Self| matches!(action, Self::ApprovalOpen | Self::KeyRotateIfDue | Self::KeyNearExpiry);
        Self::done_in_vault(operation).filter(|action| !nobody_asks(*action))
    }

    /// The same of what schedules do, too.
    #[must_use]
    pub(crate) fn done_in_vault(operation: &str) -> Option<Self> {
        let found = Self::ALL.iter().copied().find(|action| action.operation() == operation);
        found.filter(|action| action.is_in_vault())
    }

    /// Of which kind of object it is asked: the vault, or what is in it.
    #[must_use]
    pub fn object_kind(self) -> ObjectKind {
        if matches!(
            self,
            Self::CertificateRevoke | Self::RevocationListGet | Self::RevocationListIssue | Self::RevocationListPublish
        ) {
            return ObjectKind::Revocations;
        }
        let inside = self.data_action().strip_prefix("Microsoft.KeyVault/vaults/").unwrap_or_default();
        match inside.split('/').next() {
            Some("secrets") => ObjectKind::Secret,
            Some("keys" | "keyrotationpolicies") => ObjectKind::Key,
            Some("certificates") => ObjectKind::Certificate,
            Some("certificatecas") => ObjectKind::Issuer,
            Some("certificatecontacts") => ObjectKind::Contacts,
            _ => ObjectKind::Vault,
        }
    }

    /// Whether a role at a vault, or at what is in one, can permit it there: what is asked of the installation alone
    /// is permitted at `/` and nowhere else. Making a vault is asked of the installation, under the action that also
    /// changes one.
    #[must_use]
    pub fn applies_below_installation(self) -> bool {
        let below = ["Microsoft.KeyVault/", "Microsoft.Authorization/", "Strongroom/vaults/"];
        below.iter().any(|start| self.data_action().starts_with(start))
    }

    /// Whether it is an action on what is in a vault (Azure: data action), not on the vault or the
    /// installation. Only data actions follow a vault's access mode; management is role-based alone.
    #[must_use]
    pub fn is_data(self) -> bool {
        const IN_A_VAULT: [&str; 6] =
            ["secrets/", "keys/", "keyrotationpolicies/", "certificates/", "certificatecas/", "certificatecontacts/"];
        let inside = self.data_action().strip_prefix("Microsoft.KeyVault/vaults/");
        inside.is_some_and(|rest| IN_A_VAULT.iter().any(|kind| rest.starts_with(kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    /// Whoever writes a module or asks why finds the names there and nowhere else.
    #[test]
    fn every_action_is_in_the_documents() {
        let kind = |action: Action| match action.data_action() {
            of_vaults
                if of_vaults.starts_with("Microsoft.KeyVault/") || of_vaults.starts_with("Strongroom/vaults/") =>
            {
                action.object_kind().as_str()
            }
            roles if roles.starts_with("Microsoft.Authorization/") => "vault, server",
            workloads if workloads.starts_with("Strongroom/workloads/") => "workload",
            _ => "server",
        };
        let line =
            |action: &Action| format!("| `{}` | `{}` | {} |", action.operation(), action.data_action(), kind(*action));
        let written: Vec<&str> =
            include_str!("../../docs/actions.md").lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(written, Action::ALL.iter().map(line).collect::<Vec<_>>());
    }
}
