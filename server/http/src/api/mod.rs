//! The JSON routes: parse into domain types, call one use case, render. No judgement is made here.

pub mod access_control;
pub mod arm;
pub mod certificates;
pub mod health;
pub mod key_operations;
pub mod key_rotation;
pub mod keys;
pub mod manage;
mod object_life;
pub mod secrets;
pub mod token;
pub mod wire;

use std::sync::Arc;

use strongroom_domain::{approval::Verdict, keys::Sealing, names::VaultName};

use crate::{
    boxed::boxed,
    dashboard,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
    services::Services,
};

/// Operation name for records that the edge writes.
pub(crate) fn operation(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::SecretList => "SecretList",
        Endpoint::SecretSet | Endpoint::NewSecretForm | Endpoint::NewVersionForm | Endpoint::RollBackForm => {
            "SecretSet"
        }
        Endpoint::SecretGet | Endpoint::SecretGetVersion | Endpoint::SecretReveal | Endpoint::CompareForm => {
            "SecretGet"
        }
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
        Endpoint::KeyImport => "KeyImport",
        Endpoint::KeyGet
        | Endpoint::KeyGetVersion
        | Endpoint::KeyPage
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
        Endpoint::KeyBackup => "KeyBackup",
        Endpoint::KeyRestore => "KeyRestore",
        Endpoint::DeletedKeyList | Endpoint::DeletedKeysPage => "KeyListDeleted",
        Endpoint::DeletedKeyGet | Endpoint::KeyPurgePage => "KeyGetDeleted",
        Endpoint::DeletedKeyPurge | Endpoint::KeyPurgeForm => "KeyPurge",
        Endpoint::DeletedKeyRecover | Endpoint::KeyRecoverForm => "KeyRecover",
        Endpoint::CertificateList => "CertificateList",
        Endpoint::CertificateCreate => "CertificateCreate",
        Endpoint::CertificateImport => "CertificateImport",
        Endpoint::CertificateGet | Endpoint::CertificateGetVersion => "CertificateGet",
        Endpoint::CertificateUpdate | Endpoint::CertificateUpdateVersion => "CertificateUpdate",
        Endpoint::CertificateDelete => "CertificateDelete",
        Endpoint::CertificateVersions => "CertificateListVersions",
        Endpoint::CertificatePolicyGet => "CertificatePolicyGet",
        Endpoint::CertificatePolicyUpdate => "CertificatePolicyUpdate",
        Endpoint::CertificatePendingGet => "CertificatePendingGet",
        Endpoint::CertificatePendingUpdate => "CertificatePendingUpdate",
        Endpoint::CertificatePendingDelete => "CertificatePendingDelete",
        Endpoint::CertificatePendingMerge => "CertificatePendingMerge",
        Endpoint::CertificateBackup => "CertificateBackup",
        Endpoint::CertificateRestore => "CertificateRestore",
        Endpoint::DeletedCertificateList => "CertificateListDeleted",
        Endpoint::DeletedCertificateGet => "CertificateGetDeleted",
        Endpoint::DeletedCertificatePurge => "CertificatePurge",
        Endpoint::DeletedCertificateRecover => "CertificateRecover",
        Endpoint::SecretsPage => "SecretList",
        Endpoint::SecretPage
        | Endpoint::SecretVersionPage
        | Endpoint::NewVersionPage
        | Endpoint::VersionEditPage
        | Endpoint::SecretDeletePage => "SecretShow",
        // A form to fill in: nothing of the vault is on it.
        Endpoint::NewSecretPage
        | Endpoint::NewKeyPage
        | Endpoint::LookForm
        | Endpoint::NewVaultPage
        | Endpoint::NewAssignmentPage
        | Endpoint::NewRolePage
        | Endpoint::ModuleUploadPage
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
        Endpoint::AttachmentPage | Endpoint::AttachmentSettingsPage | Endpoint::DetachPage => "PolicyRead",
        Endpoint::ApprovalList => "ApprovalRead",
        Endpoint::ApprovalGrant => "ApprovalGrant",
        Endpoint::ApprovalRefuse => "ApprovalRefuse",
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
        | Endpoint::ModulePage
        | Endpoint::AttachPage
        | Endpoint::ModuleTryPage
        | Endpoint::ModuleTryForm
        | Endpoint::ModuleRemovePage => "PolicyModuleRead",
        Endpoint::PolicyModulePush | Endpoint::ModuleUploadForm => "PolicyModulePush",
        Endpoint::DecisionForesee => "DecisionForesee",
        Endpoint::PolicyModuleRemove | Endpoint::ModuleRemoveForm => "PolicyModuleDelete",
        Endpoint::PolicyDocumentList | Endpoint::PolicyDocumentShow => "PolicyDocumentRead",
        Endpoint::PolicyDocumentPut => "PolicyDocumentPut",
        Endpoint::PolicyDocumentRemove => "PolicyDocumentDelete",
        Endpoint::AccessPolicyList | Endpoint::AccessPolicyPage => "AccessPolicyRead",
        Endpoint::AccessPolicyPut
        | Endpoint::AccessPolicyRemove
        | Endpoint::AccessPolicyForm
        | Endpoint::AccessPolicyRemoveForm => "AccessPolicyWrite",
        Endpoint::AssignmentAdd | Endpoint::ScopedAssignmentCreate | Endpoint::NewAssignmentForm => {
            "RoleAssignmentCreate"
        }
        Endpoint::AssignmentList
        | Endpoint::AssignmentShow
        | Endpoint::ScopedAssignmentList
        | Endpoint::ScopedAssignmentGet
        | Endpoint::AccessPage
        | Endpoint::VaultAccessPage
        | Endpoint::AssignmentRemovePage => "RoleAssignmentRead",
        Endpoint::AssignmentRemove | Endpoint::ScopedAssignmentDelete | Endpoint::AssignmentRemoveForm => {
            "RoleAssignmentDelete"
        }
        Endpoint::VaultDelete | Endpoint::VaultDeleteForm => "VaultDelete",
        Endpoint::DeletedVaultList | Endpoint::DeletedVaultsPage => "VaultListDeleted",
        Endpoint::DeletedVaultGet | Endpoint::VaultPurgePage => "VaultGetDeleted",
        Endpoint::DeletedVaultRecover | Endpoint::VaultRecoverForm => "VaultRecover",
        Endpoint::DeletedVaultPurge | Endpoint::VaultPurgeForm => "VaultPurge",
        Endpoint::WorkloadCreate | Endpoint::NewWorkloadForm => "WorkloadCreate",
        Endpoint::AuditQuery
        | Endpoint::AuditPage
        | Endpoint::AuditEntryPage
        | Endpoint::AuditExportPage
        | Endpoint::AuditCheckpoint
        | Endpoint::AuditChain
        | Endpoint::AuditReceipt => "AuditRead",
        Endpoint::TokenExplain => "TokenExplain",
        Endpoint::TokenKeyList | Endpoint::SettingsPage | Endpoint::TokenKeysRevokePage => "TokenKeyRead",
        Endpoint::TokenKeyRotate | Endpoint::TokenKeysRotateForm => "TokenKeyRotate",
        Endpoint::TokenKeyRevoke | Endpoint::TokenKeysRevokeForm => "TokenKeyRevoke",
        Endpoint::SessionsEnd => "SessionRevoke",
        Endpoint::WorkloadList | Endpoint::WorkloadsPage => "WorkloadList",
        Endpoint::WorkloadShow | Endpoint::WorkloadPage | Endpoint::WorkloadDeletePage => "WorkloadGet",
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
        Endpoint::SignInPage | Endpoint::SignInStart | Endpoint::SignInCallback => "SessionBegin",
        Endpoint::BackChannelLogout => "SessionEndByProvider",
        Endpoint::SignOut | Endpoint::SignedOut | Endpoint::SessionEndForm | Endpoint::EndOthersForm => "SessionEnd",
        Endpoint::MePage => "SessionList",
        Endpoint::CommandLinePage => "CommandLineAsk",
        Endpoint::CommandLineAllow => "CommandLineAllow",
        Endpoint::SessionBegin => "CommandLineSignIn",
        Endpoint::SessionShow => "SessionShow",
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

/// The status of a route's answer when all went well, for records: they are written before it.
pub(crate) fn success_status(endpoint: Endpoint) -> u16 {
    match endpoint {
        Endpoint::CertificateCreate => 202,
        Endpoint::CertificatePendingMerge
        | Endpoint::VaultCreate
        | Endpoint::RoleCreate
        | Endpoint::PolicyModulePush
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
        | Endpoint::KeyRotateForm
        | Endpoint::KeyRotationForm
        | Endpoint::KeyDeleteForm
        | Endpoint::KeyRecoverForm
        | Endpoint::KeyPurgeForm
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
        | Endpoint::DetachForm => 303,
        _ => 200,
    }
}

/// Routes of a vault's host.
pub(crate) async fn vault_site(
    services: &Services,
    call: &Call,
    vault: Option<VaultName>,
    request: Request,
) -> Result<Response, Problem> {
    wire::check_api_version(&request)?;
    // A label that cannot be a vault's name is answered like a vault that nobody gave the caller.
    let Some(vault) = vault else {
        return Err(Problem { reason: "vault-not-found", ..Problem::no_route() });
    };
    let answer = match call.endpoint {
        Endpoint::SecretSet => boxed(|| secrets::set(services, call, &vault, request)),
        Endpoint::SecretGet | Endpoint::SecretGetVersion => boxed(|| secrets::get(services, call, &vault)),
        Endpoint::SecretUpdate | Endpoint::SecretUpdateVersion => {
            boxed(|| secrets::update(services, call, &vault, &request))
        }
        Endpoint::SecretList => boxed(|| secrets::list(services, call, &vault, &request, false)),
        Endpoint::SecretVersions => boxed(|| secrets::versions(services, call, &vault, &request)),
        Endpoint::SecretDelete => boxed(|| secrets::delete(services, call, &vault)),
        Endpoint::SecretBackup => boxed(|| secrets::backup(services, call, &vault)),
        Endpoint::SecretRestore => boxed(|| secrets::restore(services, call, &vault, request)),
        Endpoint::DeletedList => boxed(|| secrets::list(services, call, &vault, &request, true)),
        Endpoint::DeletedGet => boxed(|| secrets::get_deleted(services, call, &vault)),
        Endpoint::DeletedPurge => boxed(|| secrets::purge(services, call, &vault)),
        Endpoint::DeletedRecover => boxed(|| secrets::recover(services, call, &vault)),
        Endpoint::KeyCreate => boxed(|| keys::create(services, call, &vault, &request)),
        Endpoint::KeyImport => boxed(|| keys::import(services, call, &vault, request)),
        Endpoint::KeyGet | Endpoint::KeyGetVersion => boxed(|| keys::get(services, call, &vault)),
        Endpoint::KeyUpdate | Endpoint::KeyUpdateVersion => boxed(|| keys::update(services, call, &vault, &request)),
        Endpoint::KeyList => boxed(|| keys::list(services, call, &vault, &request, false)),
        Endpoint::KeyVersions => boxed(|| keys::versions(services, call, &vault, &request)),
        Endpoint::KeyDelete => boxed(|| keys::delete(services, call, &vault)),
        Endpoint::KeyBackup => boxed(|| keys::backup(services, call, &vault)),
        Endpoint::KeyRestore => boxed(|| keys::restore(services, call, &vault, request)),
        Endpoint::DeletedKeyList => boxed(|| keys::list(services, call, &vault, &request, true)),
        Endpoint::DeletedKeyGet => boxed(|| keys::get_deleted(services, call, &vault)),
        Endpoint::DeletedKeyPurge => boxed(|| keys::purge(services, call, &vault)),
        Endpoint::DeletedKeyRecover => boxed(|| keys::recover(services, call, &vault)),
        Endpoint::KeyRotate => boxed(|| key_rotation::rotate(services, call, &vault)),
        Endpoint::KeyRotationGet => boxed(|| key_rotation::get(services, call, &vault)),
        Endpoint::KeyRotationPut => boxed(|| key_rotation::put(services, call, &vault, &request)),
        Endpoint::CertificateCreate => boxed(|| certificates::create(services, call, &vault, &request)),
        Endpoint::CertificateImport => boxed(|| certificates::import(services, call, &vault, request)),
        Endpoint::CertificateGet | Endpoint::CertificateGetVersion => {
            boxed(|| certificates::get(services, call, &vault))
        }
        Endpoint::CertificateUpdate | Endpoint::CertificateUpdateVersion => {
            boxed(|| certificates::update(services, call, &vault, &request))
        }
        Endpoint::CertificateList => boxed(|| certificates::list(services, call, &vault, &request, false)),
        Endpoint::CertificateVersions => boxed(|| certificates::versions(services, call, &vault, &request)),
        Endpoint::CertificatePolicyGet => boxed(|| certificates::policy(services, call, &vault)),
        Endpoint::CertificatePolicyUpdate => boxed(|| certificates::update_policy(services, call, &vault, &request)),
        Endpoint::CertificatePendingGet => boxed(|| certificates::pending(services, call, &vault, &request)),
        Endpoint::CertificatePendingUpdate => boxed(|| certificates::cancel(services, call, &vault, &request)),
        Endpoint::CertificatePendingDelete => boxed(|| certificates::delete_pending(services, call, &vault)),
        Endpoint::CertificatePendingMerge => boxed(|| certificates::merge(services, call, &vault, &request)),
        Endpoint::CertificateDelete => boxed(|| certificates::delete(services, call, &vault)),
        Endpoint::CertificateBackup => boxed(|| certificates::backup(services, call, &vault)),
        Endpoint::CertificateRestore => boxed(|| certificates::restore(services, call, &vault, request)),
        Endpoint::DeletedCertificateList => boxed(|| certificates::list(services, call, &vault, &request, true)),
        Endpoint::DeletedCertificateGet => boxed(|| certificates::get_deleted(services, call, &vault)),
        Endpoint::DeletedCertificatePurge => boxed(|| certificates::purge(services, call, &vault)),
        Endpoint::DeletedCertificateRecover => boxed(|| certificates::recover(services, call, &vault)),
        Endpoint::KeyEncrypt => boxed(|| key_operations::encrypt(services, call, &vault, request, Sealing::Data)),
        Endpoint::KeyWrap => boxed(|| key_operations::encrypt(services, call, &vault, request, Sealing::Key)),
        Endpoint::KeyDecrypt => boxed(|| key_operations::decrypt(services, call, &vault, &request, Sealing::Data)),
        Endpoint::KeyUnwrap => boxed(|| key_operations::decrypt(services, call, &vault, &request, Sealing::Key)),
        Endpoint::KeySign => boxed(|| key_operations::sign(services, call, &vault, &request)),
        Endpoint::KeyVerify => boxed(|| key_operations::verify(services, call, &vault, &request)),
        Endpoint::RandomBytes => boxed(|| key_operations::random_bytes(services, call, &vault, &request)),
        Endpoint::DefinitionList => boxed(|| access_control::list_definitions(services, call, &vault, &request)),
        Endpoint::DefinitionGet => boxed(|| access_control::get_definition(services, call, &vault)),
        Endpoint::DefinitionPut => boxed(|| access_control::put_definition(services, call, &vault, &request)),
        Endpoint::DefinitionDelete => boxed(|| access_control::delete_definition(services, call, &vault)),
        Endpoint::ScopedAssignmentList => boxed(|| access_control::list_assignments(services, call, &vault, &request)),
        Endpoint::ScopedAssignmentGet => boxed(|| access_control::get_assignment(services, call, &vault)),
        Endpoint::ScopedAssignmentCreate => {
            boxed(|| access_control::create_assignment(services, call, &vault, &request))
        }
        Endpoint::ScopedAssignmentDelete => boxed(|| access_control::delete_assignment(services, call, &vault)),
        _ => boxed(|| async { Err(Problem::no_route()) }),
    };
    answer.await
}

/// Routes of the base host.
/// Every parameter of a query that some operation of the management API reads, `api-version` besides.
pub(crate) const QUERY: [&str; 19] = [
    "after",
    "api-version",
    "before",
    "client_id",
    "from",
    "group",
    "id",
    "issuer",
    "limit",
    "object",
    "operation",
    "outcome",
    "principal",
    "scope",
    "signature",
    "subject",
    "until",
    "vault",
    "without",
];

/// Refuses a parameter that nobody reads: a mistyped one would widen what is answered, and nobody would see it.
fn only_known_parameters(request: &Request) -> Result<(), Problem> {
    let known = |name: &str| QUERY.iter().any(|known| known.eq_ignore_ascii_case(name));
    match request.query.iter().find(|(name, _)| !known(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
            Err(Problem::bad_parameter(format!(
                "There is no parameter '{name}' of a query: there are {}.",
                QUERY.join(", ")
            )))
        }
    }
}

pub(crate) async fn base_site(services: &Arc<Services>, call: &Call, request: Request) -> Result<Response, Problem> {
    if call.path_begins("api") {
        only_known_parameters(&request)?;
    }
    let answer = match call.endpoint {
        Endpoint::VaultList => boxed(|| manage::vaults::list(services, call)),
        Endpoint::VaultCreate => boxed(|| manage::vaults::create(services, call, &request)),
        Endpoint::VaultGet => boxed(|| manage::vaults::show(services, call)),
        Endpoint::VaultUpdate => boxed(|| manage::vaults::update(services, call, &request)),
        Endpoint::RoleList => boxed(|| manage::roles::list(services, call, &request)),
        Endpoint::RoleCreate => boxed(|| manage::roles::create(services, call, &request)),
        Endpoint::RoleShow => boxed(|| manage::roles::show(services, call)),
        Endpoint::RolePut => boxed(|| manage::roles::put(services, call, &request)),
        Endpoint::RoleDelete => boxed(|| manage::roles::delete(services, call)),
        Endpoint::PolicyList | Endpoint::PolicyListEverywhere => boxed(|| manage::policies::list(services, call)),
        Endpoint::ApprovalList => boxed(|| manage::approvals::list(services, call)),
        Endpoint::ApprovalGrant => boxed(|| manage::approvals::answer(services, call, &request, Verdict::Grant)),
        Endpoint::ApprovalRefuse => boxed(|| manage::approvals::answer(services, call, &request, Verdict::Refuse)),
        Endpoint::PolicyPutEverywhere => boxed(|| manage::policies::put(services, call, &request)),
        Endpoint::PolicyRollBackEverywhere => boxed(|| manage::policies::roll_back(services, call)),
        Endpoint::PolicyModuleList => boxed(|| manage::policy_modules::list(services, call)),
        Endpoint::PolicyModulePush => boxed(|| manage::policy_modules::push(services, call, request)),
        Endpoint::PolicyModuleShow => boxed(|| manage::policy_modules::show(services, call)),
        Endpoint::DecisionForesee => boxed(|| manage::foresee::foresee(services, call, &request)),
        Endpoint::PolicyModuleRemove => boxed(|| manage::policy_modules::remove(services, call)),
        Endpoint::PolicyDocumentList => boxed(|| manage::policy_documents::list(services, call)),
        Endpoint::PolicyDocumentShow => boxed(|| manage::policy_documents::show(services, call)),
        Endpoint::PolicyDocumentPut => boxed(|| manage::policy_documents::put(services, call, &request)),
        Endpoint::PolicyDocumentRemove => boxed(|| manage::policy_documents::remove(services, call)),
        Endpoint::AccessPolicyList => boxed(|| manage::access_policies::list(services, call)),
        Endpoint::AccessPolicyPut => boxed(|| manage::access_policies::put(services, call, &request)),
        Endpoint::AccessPolicyRemove => boxed(|| manage::access_policies::remove(services, call, &request)),
        Endpoint::VaultDelete => boxed(|| manage::vaults::delete(services, call)),
        Endpoint::DeletedVaultList => boxed(|| manage::vaults::list_deleted(services, call)),
        Endpoint::DeletedVaultGet => boxed(|| manage::vaults::show_deleted(services, call)),
        Endpoint::DeletedVaultRecover => boxed(|| manage::vaults::recover(services, call)),
        Endpoint::DeletedVaultPurge => boxed(|| manage::vaults::purge(services, call)),
        Endpoint::AssignmentAdd => boxed(|| manage::assignments::add(services, call, &request)),
        Endpoint::AssignmentList => boxed(|| manage::assignments::list(services, call, &request)),
        Endpoint::AssignmentShow => boxed(|| manage::assignments::show(services, call)),
        Endpoint::AssignmentRemove => boxed(|| manage::assignments::remove(services, call)),
        Endpoint::TokenExplain => boxed(|| manage::tokens::explain(services, call, &request)),
        Endpoint::SessionBegin => boxed(|| manage::session::begin(services, call, &request)),
        Endpoint::SessionShow => boxed(|| manage::session::show(services, call, &request)),
        Endpoint::SessionEnd => boxed(|| manage::session::end(services, call, &request)),
        Endpoint::TokenKeyList => boxed(|| manage::token_keys::list(services, call)),
        Endpoint::TokenKeyRotate => boxed(|| manage::token_keys::rotate(services, call, false)),
        Endpoint::TokenKeyRevoke => boxed(|| manage::token_keys::rotate(services, call, true)),
        Endpoint::SessionsEnd => boxed(|| manage::sessions::end(services, call, &request)),
        Endpoint::WorkloadList => boxed(|| manage::workloads::list(services, call, &request)),
        Endpoint::WorkloadCreate => boxed(|| manage::workloads::create(services, call, &request)),
        Endpoint::WorkloadShow => boxed(|| manage::workloads::show(services, call)),
        Endpoint::WorkloadUpdate => boxed(|| manage::workloads::update(services, call, &request)),
        Endpoint::WorkloadDelete => boxed(|| manage::workloads::delete(services, call)),
        Endpoint::WorkloadSecretAdd => boxed(|| manage::workloads::add_secret(services, call, &request)),
        Endpoint::WorkloadCertificateAdd => boxed(|| manage::workloads::add_certificate(services, call, &request)),
        Endpoint::WorkloadFederationAdd => boxed(|| manage::workloads::add_federation(services, call, &request)),
        Endpoint::WorkloadSecretRemove | Endpoint::WorkloadCertificateRemove | Endpoint::WorkloadFederationRemove => {
            boxed(|| manage::workloads::remove(services, call))
        }
        Endpoint::AuditQuery => boxed(|| manage::audit::query(services, call, &request)),
        Endpoint::AuditCheckpoint => boxed(|| manage::audit::checkpoint(services, call)),
        Endpoint::AuditChain => boxed(|| manage::audit::chain(services, call, &request)),
        Endpoint::AuditReceipt => boxed(|| manage::audit::receipt(services, call)),
        Endpoint::TenantDiscovery | Endpoint::TenantDiscoveryV2 | Endpoint::TenantKeys | Endpoint::TenantKeysV1 => {
            boxed(|| async { token::document(services, call) })
        }
        Endpoint::CloudMetadata => boxed(|| async { Ok(arm::metadata(services)) }),
        Endpoint::SubscriptionList | Endpoint::TenantList => boxed(|| arm::one_of_a_kind(services, call)),
        Endpoint::TokenV1 | Endpoint::TokenV2 => boxed(|| token::issue(services, call, &request)),
        _ => boxed(|| dashboard::page(services, call, request)),
    };
    answer.await
}
