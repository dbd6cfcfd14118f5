//! The JSON routes: parse into domain types, call one use case, render. No judgement is made here.

pub mod access_control;
pub mod arm;
pub mod certificates;
mod endpoints;
pub mod health;
pub mod issuers;
pub mod key_operations;
pub mod key_rotation;
pub mod keys;
pub mod manage;
mod object_life;
pub mod revocations;
pub mod secrets;
pub mod token;
pub mod wire;

use std::sync::Arc;

use strongroom_domain::{approval::Verdict, keys::Sealing, names::VaultName};

pub(crate) use endpoints::{operation, success_status, unrecorded};

use crate::{
    boxed::boxed,
    dashboard,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
    services::Services,
};

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
        Endpoint::SecretGet | Endpoint::SecretGetVersion => boxed(|| secrets::get(services, call, &vault, &request)),
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
        Endpoint::ContactsGet => boxed(|| issuers::contacts(services, call, &vault)),
        Endpoint::ContactsSet => boxed(|| issuers::set_contacts(services, call, &vault, &request)),
        Endpoint::ContactsDelete => boxed(|| issuers::delete_contacts(services, call, &vault)),
        Endpoint::IssuerList => boxed(|| issuers::list(services, call, &vault, &request)),
        Endpoint::IssuerGet => boxed(|| issuers::get(services, call, &vault)),
        Endpoint::IssuerSet => boxed(|| issuers::set(services, call, &vault, &request)),
        Endpoint::IssuerUpdate => boxed(|| issuers::update(services, call, &vault, &request)),
        Endpoint::IssuerDelete => boxed(|| issuers::delete(services, call, &vault)),
        Endpoint::CertificateRevoke => boxed(|| revocations::revoke(services, call, &vault, &request)),
        Endpoint::RevocationsGet => boxed(|| revocations::show(services, call, &vault)),
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
        Endpoint::CertificateDelete | Endpoint::CertificateVersionsDelete => {
            boxed(|| certificates::delete(services, call, &vault))
        }
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

/// Every parameter of a query that some operation of the management API reads, `api-version` besides.
pub(crate) const QUERY: [&str; 27] = [
    "above",
    "after",
    "api-version",
    "before",
    "client",
    "client_id",
    "force",
    "from",
    "group",
    "id",
    "issuer",
    "kind",
    "limit",
    "object",
    "operation",
    "outcome",
    "principal",
    "reason",
    "role",
    "scope",
    "signature",
    "state",
    "subject",
    "until",
    "vault",
    "who",
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

/// Routes of the base host.
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
        Endpoint::NetworkHits => boxed(|| manage::network_hits::show(services, call)),
        Endpoint::ApprovalList => boxed(|| manage::approvals::list(services, call)),
        Endpoint::ApprovalGrant => boxed(|| manage::approvals::answer(services, call, &request, Verdict::Grant)),
        Endpoint::ApprovalRefuse => boxed(|| manage::approvals::answer(services, call, &request, Verdict::Refuse)),
        Endpoint::PolicyPutEverywhere => boxed(|| manage::policies::put(services, call, &request)),
        Endpoint::PolicyRollBackEverywhere => boxed(|| manage::policies::roll_back(services, call, &request)),
        Endpoint::PolicyModuleList => boxed(|| manage::policy_modules::list(services, call)),
        Endpoint::PolicyModulePush => boxed(|| manage::policy_modules::push(services, call, request)),
        Endpoint::PolicyModuleShow => boxed(|| manage::policy_modules::show(services, call)),
        Endpoint::DecisionForesee => boxed(|| manage::foresee::foresee(services, call, &request)),
        Endpoint::ReplayList => boxed(|| manage::replays::list(services, call)),
        Endpoint::ReplayRun => boxed(|| manage::replays::run(services, call, &request)),
        Endpoint::ReplayShow => boxed(|| manage::replays::show(services, call)),
        Endpoint::ReplayReview => boxed(|| manage::replays::review(services, call, &request)),
        Endpoint::PolicyModulePull => boxed(|| manage::policy_modules::pull(services, call)),
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
        Endpoint::AccessList => boxed(|| manage::access::list(services, call, &request)),
        Endpoint::AssignmentAdd => boxed(|| manage::assignments::add(services, call, &request)),
        Endpoint::AssignmentList => boxed(|| manage::assignments::list(services, call, &request)),
        Endpoint::AssignmentShow => boxed(|| manage::assignments::show(services, call)),
        Endpoint::AssignmentUses => boxed(|| manage::access::uses(services, call)),
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
        Endpoint::RevocationList => boxed(|| revocations::published(services, call)),
        Endpoint::CloudMetadata => boxed(|| async { Ok(arm::metadata(services)) }),
        Endpoint::SubscriptionList | Endpoint::TenantList => boxed(|| arm::one_of_a_kind(services, call)),
        Endpoint::TokenV1 | Endpoint::TokenV2 => boxed(|| token::issue(services, call, &request)),
        _ => boxed(|| dashboard::page(services, call, request)),
    };
    answer.await
}
