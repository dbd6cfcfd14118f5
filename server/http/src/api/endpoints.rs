//! What is known of an endpoint before it is asked: what records call its operation, and with which status it answers when
//! all goes well.

use crate::{
    message::Method,
    routes::{Access, Endpoint, Route},
};

/// Operation name for records that the edge writes.
pub(crate) fn operation(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::SecretList => "SecretList",
        Endpoint::SecretSet | Endpoint::NewSecretForm | Endpoint::NewVersionForm | Endpoint::RollBackForm => {
            "SecretSet"
        }
        Endpoint::SecretGet
        | Endpoint::SecretGetVersion
        | Endpoint::SecretReveal
        | Endpoint::CertificateExportForm
        | Endpoint::CompareForm => "SecretGet",
        Endpoint::SecretUpdate
        | Endpoint::SecretUpdateVersion
        | Endpoint::VersionEditForm
        | Endpoint::VersionEnableForm
        | Endpoint::VersionDisableForm => "SecretUpdate",
        Endpoint::SecretDelete | Endpoint::SecretDeleteForm => "SecretDelete",
        Endpoint::SecretVersions => "SecretListVersions",
        Endpoint::SecretBackup => "SecretBackup",
        Endpoint::SecretRestore => "SecretRestore",
        Endpoint::DeletedList | Endpoint::DeletedPage => "SecretListDeleted",
        Endpoint::DeletedGet | Endpoint::PurgePage => "SecretGetDeleted",
        Endpoint::DeletedPurge | Endpoint::PurgeForm => "SecretPurge",
        Endpoint::DeletedRecover | Endpoint::RecoverForm => "SecretRecover",
        Endpoint::KeyRotate | Endpoint::KeyRotateForm => "KeyRotate",
        Endpoint::KeyRotationGet | Endpoint::KeyRotationPage => "KeyRotationPolicyGet",
        Endpoint::KeyRotationPut | Endpoint::KeyRotationForm => "KeyRotationPolicySet",
        // Until the form is read, nobody knows which.
        Endpoint::KeyUseForm => "KeyUse",
        Endpoint::KeyEncrypt => "KeyEncrypt",
        Endpoint::KeyDecrypt => "KeyDecrypt",
        Endpoint::KeySign => "KeySign",
        Endpoint::KeyVerify => "KeyVerify",
        Endpoint::KeyWrap => "KeyWrap",
        Endpoint::KeyUnwrap => "KeyUnwrap",
        Endpoint::RandomBytes => "RandomBytes",
        Endpoint::KeyList | Endpoint::KeysPage => "KeyList",
        Endpoint::KeyCreate | Endpoint::NewKeyForm => "KeyCreate",
        Endpoint::KeyImport | Endpoint::KeyImportForm => "KeyImport",
        Endpoint::KeyGet
        | Endpoint::KeyGetVersion
        | Endpoint::KeyPage
        | Endpoint::KeyPublicFile
        | Endpoint::KeyVersionPage
        | Endpoint::KeyEditPage
        | Endpoint::KeyDeletePage => "KeyGet",
        Endpoint::KeyUpdate
        | Endpoint::KeyUpdateVersion
        | Endpoint::KeyEditForm
        | Endpoint::KeyEnableForm
        | Endpoint::KeyDisableForm => "KeyUpdate",
        Endpoint::KeyDelete | Endpoint::KeyDeleteForm => "KeyDelete",
        Endpoint::KeyVersions => "KeyListVersions",
        Endpoint::KeyBackup | Endpoint::KeyBackupForm => "KeyBackup",
        Endpoint::KeyRestore | Endpoint::KeyRestoreForm => "KeyRestore",
        Endpoint::DeletedKeyList | Endpoint::DeletedKeysPage => "KeyListDeleted",
        Endpoint::DeletedKeyGet | Endpoint::KeyPurgePage => "KeyGetDeleted",
        Endpoint::DeletedKeyPurge | Endpoint::KeyPurgeForm => "KeyPurge",
        Endpoint::DeletedKeyRecover | Endpoint::KeyRecoverForm => "KeyRecover",
        Endpoint::CertificateList | Endpoint::CertificatesPage => "CertificateList",
        Endpoint::ContactsGet => "CertificateContactsGet",
        Endpoint::ContactsSet | Endpoint::ContactsForm => "CertificateContactsSet",
        Endpoint::ContactsDelete | Endpoint::ContactsDeleteForm => "CertificateContactsDelete",
        Endpoint::IssuerList | Endpoint::IssuersPage => "CertificateIssuersList",
        Endpoint::IssuerGet | Endpoint::IssuerPage | Endpoint::IssuerEditPage | Endpoint::IssuerDeletePage => {
            "CertificateIssuerGet"
        }
        Endpoint::IssuerSet | Endpoint::NewIssuerForm => "CertificateIssuerSet",
        Endpoint::IssuerUpdate
        | Endpoint::IssuerEditForm
        | Endpoint::IssuerEnableForm
        | Endpoint::IssuerDisableForm => "CertificateIssuerUpdate",
        Endpoint::IssuerDelete | Endpoint::IssuerDeleteForm => "CertificateIssuerDelete",
        Endpoint::CertificateRevoke | Endpoint::RevokeSignedForm | Endpoint::RevokeVersionForm => "CertificateRevoke",
        Endpoint::RevocationsGet => "CertificateRevocationListGet",
        Endpoint::RevocationList => "CertificateRevocationListRead",
        Endpoint::CertificateCreate | Endpoint::MakeCertificateForm | Endpoint::CertificateRenewForm => {
            "CertificateCreate"
        }
        Endpoint::CertificateImport | Endpoint::CertificateImportForm => "CertificateImport",
        Endpoint::CertificateLookForm => "CertificateInspect",
        Endpoint::KeyLookForm => "KeyInspect",
        Endpoint::CertificateGet
        | Endpoint::CertificateGetVersion
        | Endpoint::CertificatePage
        | Endpoint::CertificateVersionPage
        | Endpoint::CertificatePublicFile
        | Endpoint::RevocationsPage
        | Endpoint::RevokeSignedPage
        | Endpoint::RevokeVersionPage
        | Endpoint::CertificateEditPage
        | Endpoint::CertificateDeletePage => "CertificateGet",
        Endpoint::CertificateUpdate
        | Endpoint::CertificateUpdateVersion
        | Endpoint::CertificateEditForm
        | Endpoint::CertificateEnableForm
        | Endpoint::CertificateDisableForm => "CertificateUpdate",
        Endpoint::CertificateDelete | Endpoint::CertificateVersionsDelete | Endpoint::CertificateDeleteForm => {
            "CertificateDelete"
        }
        Endpoint::CertificateVersions => "CertificateListVersions",
        Endpoint::CertificatePolicyGet | Endpoint::CertificatePolicyPage => "CertificatePolicyGet",
        Endpoint::CertificatePolicyUpdate | Endpoint::CertificatePolicyForm => "CertificatePolicyUpdate",
        Endpoint::CertificatePendingGet => "CertificatePendingGet",
        Endpoint::CertificatePendingUpdate | Endpoint::CertificateCancelForm => "CertificatePendingUpdate",
        Endpoint::CertificatePendingDelete | Endpoint::CertificateForgetForm => "CertificatePendingDelete",
        Endpoint::CertificatePendingMerge | Endpoint::CertificateMergeForm => "CertificatePendingMerge",
        Endpoint::CertificateBackup => "CertificateBackup",
        Endpoint::CertificateRestore => "CertificateRestore",
        Endpoint::DeletedCertificateList | Endpoint::DeletedCertificatesPage => "CertificateListDeleted",
        Endpoint::DeletedCertificateGet | Endpoint::CertificatePurgePage => "CertificateGetDeleted",
        Endpoint::DeletedCertificatePurge | Endpoint::CertificatePurgeForm => "CertificatePurge",
        Endpoint::DeletedCertificateRecover | Endpoint::CertificateRecoverForm => "CertificateRecover",
        Endpoint::SecretsPage => "SecretList",
        Endpoint::SecretPage
        | Endpoint::SecretVersionPage
        | Endpoint::NewVersionPage
        | Endpoint::VersionEditPage
        | Endpoint::SecretDeletePage => "SecretShow",
        // What it shows of the contacts is a read of its own, and that there are none is no failure.
        Endpoint::ContactsPage => "Page",
        // A form to fill in: nothing of the vault is on it.
        Endpoint::NewSecretPage
        | Endpoint::SecretImportPage
        | Endpoint::NewIssuerPage
        | Endpoint::NewKeyPage
        | Endpoint::KeyImportPage
        | Endpoint::KeyRestorePage
        | Endpoint::MakeCertificatePage
        | Endpoint::CertificateImportPage
        | Endpoint::LookForm
        | Endpoint::PinForm
        | Endpoint::AuditViewForm
        | Endpoint::NewVaultPage
        | Endpoint::NewAssignmentPage
        | Endpoint::NewRolePage
        | Endpoint::ModuleUploadPage
        | Endpoint::NewDocumentPage
        // Ways in and out, where nobody came in or went yet.
        | Endpoint::SignInPage
        | Endpoint::SignInStart
        | Endpoint::SignedOut
        // What is asked there is a request of its own.
        | Endpoint::WhyPage
        | Endpoint::EndSessionsPage
        | Endpoint::NewWorkloadPage => "Page",
        Endpoint::VaultList
        | Endpoint::VaultsPage
        | Endpoint::OverviewPage
        | Endpoint::SearchPage
        | Endpoint::PoliciesPage
        | Endpoint::Home => "VaultList",
        Endpoint::VaultCreate | Endpoint::NewVaultForm => "VaultPut",
        Endpoint::VaultGet
        | Endpoint::VaultPage
        | Endpoint::VaultSettingsPage
        | Endpoint::VaultProtectPage
        | Endpoint::NetworkPage
        | Endpoint::VaultDeletePage => "VaultGet",
        Endpoint::VaultUpdate | Endpoint::VaultSettingsForm | Endpoint::VaultProtectForm | Endpoint::NetworkForm => {
            "VaultPatch"
        }
        Endpoint::RoleList
        | Endpoint::RoleShow
        | Endpoint::DefinitionList
        | Endpoint::DefinitionGet
        | Endpoint::RolesPage
        | Endpoint::RolePage
        | Endpoint::RoleEditPage
        | Endpoint::RoleDeletePage => "RoleDefinitionRead",
        Endpoint::RoleCreate
        | Endpoint::RolePut
        | Endpoint::DefinitionPut
        | Endpoint::NewRoleForm
        | Endpoint::RoleEditForm => "RoleDefinitionWrite",
        Endpoint::RoleDelete | Endpoint::DefinitionDelete | Endpoint::RoleDeleteForm => "RoleDefinitionDelete",
        Endpoint::PolicyList => "VaultGet",
        // Of a vault or of all: what the gate was asked for stands in the record.
        Endpoint::AttachmentPage
        | Endpoint::AttachmentSettingsPage
        | Endpoint::EnforcePage
        | Endpoint::DetachPage => "PolicyRead",
        Endpoint::ApprovalList | Endpoint::ApprovalsPage => "ApprovalRead",
        Endpoint::ApprovalAskForm => "ApprovalAsk",
        Endpoint::ApprovalGrant | Endpoint::ApprovalGrantForm => "ApprovalGrant",
        Endpoint::ApprovalRefuse | Endpoint::ApprovalRefuseForm => "ApprovalRefuse",
        Endpoint::PolicyListEverywhere => "PolicyRead",
        Endpoint::PolicyPutEverywhere
        | Endpoint::PolicyRollBackEverywhere
        | Endpoint::AttachForm
        | Endpoint::AttachmentSettingsForm
        | Endpoint::AttachmentStateForm
        | Endpoint::AttachmentOrderForm
        | Endpoint::AttachmentRollBackForm
        | Endpoint::DetachForm => "PolicyWrite",
        Endpoint::PolicyModuleList
        | Endpoint::PolicyModuleShow
        | Endpoint::PolicyModulePull
        | Endpoint::ModulePage
        | Endpoint::AttachPage
        | Endpoint::ModuleTryPage
        | Endpoint::ModuleTryForm
        | Endpoint::ModuleRemovePage => "PolicyModuleRead",
        Endpoint::PolicyModulePush | Endpoint::ModuleUploadForm => "PolicyModulePush",
        Endpoint::DecisionForesee => "DecisionForesee",
        Endpoint::ReplayRun | Endpoint::ReplayForm => "PolicyReplay",
        Endpoint::ReplayList | Endpoint::ReplayShow | Endpoint::ReplaysPage | Endpoint::ReplayPage => {
            "PolicyReplayRead"
        }
        Endpoint::ReplayReview | Endpoint::ReplayReviewForm => "PolicyReplayReview",
        Endpoint::PolicyModuleRemove | Endpoint::ModuleRemoveForm => "PolicyModuleDelete",
        Endpoint::PolicyDocumentList
        | Endpoint::PolicyDocumentShow
        | Endpoint::DocumentsPage
        | Endpoint::DocumentPage
        | Endpoint::DocumentEditPage
        | Endpoint::DocumentRemovePage => "PolicyDocumentRead",
        Endpoint::PolicyDocumentPut | Endpoint::NewDocumentForm | Endpoint::DocumentEditForm => "PolicyDocumentPut",
        Endpoint::PolicyDocumentRemove | Endpoint::DocumentRemoveForm => "PolicyDocumentDelete",
        Endpoint::AccessPolicyList | Endpoint::AccessPolicyPage | Endpoint::AccessPolicyRemovePage => "AccessPolicyRead",
        Endpoint::AccessPolicyPut
        | Endpoint::AccessPolicyRemove
        | Endpoint::AccessPolicyForm
        | Endpoint::AccessPolicyRemoveForm => "AccessPolicyWrite",
        Endpoint::AssignmentAdd | Endpoint::ScopedAssignmentCreate | Endpoint::NewAssignmentForm => {
            "RoleAssignmentCreate"
        }
        Endpoint::AccessList
        | Endpoint::AssignmentList
        | Endpoint::AssignmentShow
        | Endpoint::AssignmentUses
        | Endpoint::ScopedAssignmentList
        | Endpoint::ScopedAssignmentGet
        | Endpoint::AccessPage
        | Endpoint::GrantsPage
        | Endpoint::UnusedGrantsPage
        | Endpoint::VaultAccessPage
        | Endpoint::AssignmentRemovePage => "RoleAssignmentRead",
        Endpoint::AssignmentRemove
        | Endpoint::ScopedAssignmentDelete
        | Endpoint::AssignmentRemoveForm
        | Endpoint::UnusedGrantsForm
        | Endpoint::DropRoleForm => "RoleAssignmentDelete",
        Endpoint::VaultDelete | Endpoint::VaultDeleteForm => "VaultDelete",
        Endpoint::DeletedVaultList | Endpoint::DeletedVaultsPage => "VaultListDeleted",
        Endpoint::DeletedVaultGet | Endpoint::VaultPurgePage => "VaultGetDeleted",
        Endpoint::DeletedVaultRecover | Endpoint::VaultRecoverForm => "VaultRecover",
        Endpoint::DeletedVaultPurge | Endpoint::VaultPurgeForm => "VaultPurge",
        Endpoint::WorkloadCreate | Endpoint::NewWorkloadForm => "WorkloadCreate",
        Endpoint::AuditQuery
        | Endpoint::NetworkHits
        | Endpoint::AuditPage
        | Endpoint::AuditEntryPage
        | Endpoint::WhyDecisionPage
        | Endpoint::AuditExportPage
        | Endpoint::AuditVerifyPage
        | Endpoint::AuditBundlePage
        | Endpoint::AuditLive
        | Endpoint::AuditCheckpoint
        | Endpoint::AuditChain
        | Endpoint::AuditReceipt => "AuditRead",
        Endpoint::TokenExplain | Endpoint::TokenTryForm => "TokenExplain",
        Endpoint::ProviderTestForm => "SignInProviderTest",
        Endpoint::TokenKeyList | Endpoint::SettingsPage | Endpoint::TokenKeysRevokePage => "TokenKeyRead",
        Endpoint::TokenKeyRotate | Endpoint::TokenKeysRotateForm => "TokenKeyRotate",
        Endpoint::TokenKeyRevoke | Endpoint::TokenKeysRevokeForm => "TokenKeyRevoke",
        Endpoint::SessionsEnd | Endpoint::EndSessionsForm => "SessionRevoke",
        Endpoint::WorkloadList | Endpoint::WorkloadsPage => "WorkloadList",
        Endpoint::WorkloadShow
        | Endpoint::WorkloadPage
        | Endpoint::WorkloadDeletePage
        | Endpoint::ClientSecretRemovePage
        | Endpoint::CertificateRemovePage
        | Endpoint::FederationRemovePage => "WorkloadGet",
        Endpoint::WorkloadUpdate
        | Endpoint::WorkloadRenameForm
        | Endpoint::WorkloadEnableForm
        | Endpoint::WorkloadDisableForm => "WorkloadUpdate",
        Endpoint::WorkloadDelete | Endpoint::WorkloadDeleteForm => "WorkloadDelete",
        Endpoint::WorkloadSecretAdd | Endpoint::NewClientSecretForm => "WorkloadSecretAdd",
        Endpoint::WorkloadSecretRemove | Endpoint::ClientSecretRemoveForm => "WorkloadSecretRemove",
        Endpoint::WorkloadCertificateAdd | Endpoint::NewCertificateForm => "WorkloadCertificateAdd",
        Endpoint::WorkloadCertificateRemove | Endpoint::CertificateRemoveForm => "WorkloadCertificateRemove",
        Endpoint::WorkloadFederationAdd | Endpoint::NewFederationForm => "WorkloadFederationAdd",
        Endpoint::WorkloadFederationRemove | Endpoint::FederationRemoveForm => "WorkloadFederationRemove",
        Endpoint::TokenV1 | Endpoint::TokenV2 => "Authentication",
        Endpoint::SignInCallback | Endpoint::ProviderCallback => "SessionBegin",
        // What is done with each stands in the record of each.
        Endpoint::BulkSecretsForm => "SecretBulk",
        Endpoint::SecretImportLookForm => "SecretImportLook",
        Endpoint::SecretImportForm => "SecretImport",
        Endpoint::SetupPage => "SetupShow",
        Endpoint::SetupForm => "SetupFinish",
        Endpoint::BackChannelLogout => "SessionEndByProvider",
        Endpoint::SignOut | Endpoint::SessionEndForm | Endpoint::EndOthersForm => "SessionEnd",
        Endpoint::MePage => "SessionList",
        Endpoint::CommandLinePage => "CommandLineAsk",
        Endpoint::CommandLineAllow => "CommandLineAllow",
        Endpoint::SessionBegin => "CommandLineSignIn",
        Endpoint::SessionShow | Endpoint::DropRolePage => "SessionShow",
        Endpoint::SessionEnd => "CommandLineSignOut",
        Endpoint::TenantDiscovery | Endpoint::TenantDiscoveryV2 | Endpoint::TenantKeys | Endpoint::TenantKeysV1 => {
            "Discovery"
        }
        Endpoint::CloudMetadata => "CloudMetadata",
        Endpoint::SubscriptionList => "SubscriptionList",
        Endpoint::TenantList => "TenantList",
        Endpoint::Asset => "Asset",
        Endpoint::Health | Endpoint::Ready => "Probe",
    }
}

/// Operation name for a record of the edge that says that all went well. What a request did is recorded by its use case; where
/// none did, it did nothing, and a record that called it by what its form is for would tell of something that did not happen.
pub(crate) fn unrecorded(route: &Route) -> &'static str {
    match (route.method, route.access) {
        (Method::Get, _) => operation(route.endpoint),
        (_, Access::Session) => "Page",
        _ => "Request",
    }
}

/// The status of a route's answer when all went well, for records: they are written before it.
pub(crate) fn success_status(endpoint: Endpoint) -> u16 {
    match endpoint {
        Endpoint::CertificateCreate => 202,
        Endpoint::CertificatePendingMerge
        | Endpoint::VaultCreate
        | Endpoint::RoleCreate
        | Endpoint::PolicyModulePush
        | Endpoint::ReplayRun
        | Endpoint::DefinitionPut
        | Endpoint::AssignmentAdd
        | Endpoint::ScopedAssignmentCreate
        | Endpoint::WorkloadCreate
        | Endpoint::WorkloadSecretAdd
        | Endpoint::WorkloadCertificateAdd
        | Endpoint::WorkloadFederationAdd => 201,
        Endpoint::DeletedPurge
        | Endpoint::DeletedKeyPurge
        | Endpoint::DeletedCertificatePurge
        | Endpoint::DeletedVaultPurge
        | Endpoint::RoleDelete
        | Endpoint::PolicyModuleRemove
        | Endpoint::PolicyDocumentRemove
        | Endpoint::AssignmentRemove
        | Endpoint::AccessPolicyRemove
        | Endpoint::WorkloadDelete
        | Endpoint::WorkloadSecretRemove
        | Endpoint::WorkloadCertificateRemove
        | Endpoint::WorkloadFederationRemove
        | Endpoint::SessionEnd => 204,
        Endpoint::SignInCallback
        | Endpoint::ProviderCallback
        | Endpoint::SetupForm
        | Endpoint::SignOut
        | Endpoint::CommandLineAllow
        | Endpoint::SessionEndForm
        | Endpoint::NewSecretForm
        | Endpoint::NewVersionForm
        | Endpoint::SecretDeleteForm
        | Endpoint::VersionEditForm
        | Endpoint::VersionEnableForm
        | Endpoint::VersionDisableForm
        | Endpoint::RollBackForm
        | Endpoint::RecoverForm
        | Endpoint::PurgeForm
        | Endpoint::TokenKeysRotateForm
        | Endpoint::TokenKeysRevokeForm
        | Endpoint::NewKeyForm
        | Endpoint::KeyEditForm
        | Endpoint::KeyEnableForm
        | Endpoint::KeyDisableForm
        | Endpoint::KeyImportForm
        | Endpoint::KeyRestoreForm
        | Endpoint::KeyRotateForm
        | Endpoint::KeyRotationForm
        | Endpoint::KeyDeleteForm
        | Endpoint::KeyRecoverForm
        | Endpoint::KeyPurgeForm
        | Endpoint::MakeCertificateForm
        | Endpoint::CertificateImportForm
        | Endpoint::CertificatePolicyForm
        | Endpoint::CertificateDeleteForm
        | Endpoint::CertificateRenewForm
        | Endpoint::CertificateMergeForm
        | Endpoint::CertificateCancelForm
        | Endpoint::CertificateForgetForm
        | Endpoint::CertificateEditForm
        | Endpoint::CertificateEnableForm
        | Endpoint::CertificateDisableForm
        | Endpoint::CertificateRecoverForm
        | Endpoint::CertificatePurgeForm
        | Endpoint::RevokeSignedForm
        | Endpoint::RevokeVersionForm
        | Endpoint::NewIssuerForm
        | Endpoint::IssuerEditForm
        | Endpoint::IssuerEnableForm
        | Endpoint::IssuerDisableForm
        | Endpoint::IssuerDeleteForm
        | Endpoint::ContactsForm
        | Endpoint::ContactsDeleteForm
        | Endpoint::NewVaultForm
        | Endpoint::VaultSettingsForm
        | Endpoint::VaultProtectForm
        | Endpoint::NetworkForm
        | Endpoint::VaultDeleteForm
        | Endpoint::VaultRecoverForm
        | Endpoint::VaultPurgeForm
        | Endpoint::AccessPolicyForm
        | Endpoint::AccessPolicyRemoveForm
        | Endpoint::NewAssignmentForm
        | Endpoint::AssignmentRemoveForm
        | Endpoint::DropRoleForm
        | Endpoint::NewRoleForm
        | Endpoint::RoleEditForm
        | Endpoint::RoleDeleteForm
        | Endpoint::NewWorkloadForm
        | Endpoint::WorkloadRenameForm
        | Endpoint::WorkloadEnableForm
        | Endpoint::WorkloadDisableForm
        | Endpoint::WorkloadDeleteForm
        | Endpoint::NewCertificateForm
        | Endpoint::NewFederationForm
        | Endpoint::ClientSecretRemoveForm
        | Endpoint::CertificateRemoveForm
        | Endpoint::FederationRemoveForm
        | Endpoint::ModuleUploadForm
        | Endpoint::ModuleRemoveForm
        | Endpoint::AttachForm
        | Endpoint::AttachmentSettingsForm
        | Endpoint::AttachmentStateForm
        | Endpoint::AttachmentOrderForm
        | Endpoint::AttachmentRollBackForm
        | Endpoint::ApprovalAskForm
        | Endpoint::ApprovalGrantForm
        | Endpoint::ApprovalRefuseForm
        | Endpoint::ReplayForm
        | Endpoint::ReplayReviewForm
        | Endpoint::NewDocumentForm
        | Endpoint::DocumentEditForm
        | Endpoint::DocumentRemoveForm
        | Endpoint::DetachForm => 303,
        _ => 200,
    }
}
