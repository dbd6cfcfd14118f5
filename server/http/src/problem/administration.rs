//! What goes wrong when vaults, roles, identities, modules and sessions are managed, on the wire.

use strongroom_domain::{admin::AdminError, entrance::EntranceError, record::HowItWent, role::Role, setup::SetupError};

use super::Problem;

/// What one reason looks like on the wire.
struct Wire {
    reason: &'static str,
    status: u16,
    code: &'static str,
    inner: Option<&'static str>,
}

const fn wire(reason: &'static str, status: u16, code: &'static str) -> Wire {
    Wire { reason, status, code, inner: None }
}

const fn with_inner(reason: &'static str, status: u16, code: &'static str, inner: &'static str) -> Wire {
    Wire { reason, status, code, inner: Some(inner) }
}

/// What fails by itself, by the reason in its record: the answer and the record have the status from here alone.
const WIRES: &[Wire] = &[
    wire("vault-exists", 409, "Conflict"),
    wire("vault-not-found", 404, "VaultNotFound"),
    wire("record-not-found", 404, "RecordNotFound"),
    wire("not-covered-yet", 409, "Conflict"),
    wire("workload-not-found", 404, "NotFound"),
    wire("credential-not-found", 404, "NotFound"),
    wire("credential-exists", 409, "Conflict"),
    with_inner("vault-deleted-but-recoverable", 409, "Conflict", "VaultIsDeletedButRecoverable"),
    wire("deleted-vault-not-found", 404, "VaultNotFound"),
    with_inner("purge-protected", 403, "Forbidden", "ForbiddenByPolicy"),
    wire("too-many-vaults", 409, "Conflict"),
    with_inner("grants-more-than-held", 403, "Forbidden", "ForbiddenByRbac"),
    wire("replay-not-found", 404, "NotFound"),
    wire("approval-not-found", 404, "ApprovalNotFound"),
    with_inner("own-approval", 403, "Forbidden", "OwnApproval"),
    with_inner("approval-refused", 409, "Conflict", "ApprovalRefused"),
    wire("assignment-not-found", 404, "RoleAssignmentNotFound"),
    with_inner("assignment-exists", 409, "Conflict", "RoleAssignmentExists"),
    with_inner("too-many-assignments", 409, "Conflict", "RoleAssignmentLimitExceeded"),
    with_inner("last-owner", 409, "Conflict", "LastOwner"),
    wire("grantee-not-found", 400, "PrincipalNotFound"),
    wire("no-such-role-name", 400, "BadParameter"),
    wire("role-not-found", 404, "RoleDefinitionNotFound"),
    with_inner("role-exists", 409, "Conflict", "RoleDefinitionWithSameNameExists"),
    with_inner("role-in-use", 409, "Conflict", "RoleDefinitionHasAssignments"),
    with_inner("too-many-roles", 409, "Conflict", "RoleDefinitionLimitExceeded"),
    wire("attachment-refused", 400, "BadParameter"),
    wire("module-refused", 400, "BadParameter"),
    wire("module-not-signed", 400, "BadParameter"),
    wire("module-signed-otherwise", 409, "Conflict"),
    wire("module-not-found", 404, "PolicyModuleNotFound"),
    wire("module-ships", 409, "Conflict"),
    wire("module-in-use", 409, "Conflict"),
    wire("too-many-modules", 409, "Conflict"),
    wire("attachment-not-found", 404, "PolicyAttachmentNotFound"),
    wire("document-not-found", 404, "PolicyDocumentNotFound"),
    wire("too-many-documents", 409, "Conflict"),
    wire("not-assignable-here", 400, "BadParameter"),
    with_inner("permits-more-than-held", 403, "Forbidden", "ForbiddenByRbac"),
    with_inner("authority-not-held", 403, "Forbidden", "ForbiddenByRbac"),
    with_inner("may-be-granted-more", 403, "Forbidden", "ForbiddenByRbac"),
    with_inner("lifts-own-restriction", 403, "Forbidden", "ForbiddenByPolicy"),
    with_inner("locks-everybody-out", 409, "Conflict", "LocksEverybodyOut"),
    with_inner("locks-author-out", 409, "Conflict", "LocksAuthorOut"),
    wire("access-policy-not-found", 404, "AccessPolicyNotFound"),
    with_inner("too-many-access-policies", 409, "Conflict", "TooManyAccessPolicies"),
    with_inner("token-key-announced", 409, "Conflict", "TokenKeyAnnounced"),
    wire("other-revision", 412, "PreconditionFailed"),
    wire("contended", 409, "Conflict"),
    wire("too-much-to-look-through", 400, "BadParameter"),
];

fn wire_of(reason: &str) -> Option<&'static Wire> {
    WIRES.iter().find(|wire| wire.reason == reason)
}

/// The status of what failed for this reason when something was managed.
pub(super) fn status_of(reason: &str) -> Option<u16> {
    wire_of(reason).map(|wire| wire.status)
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Denied(denial) => denial.into(),
            AdminError::Invalid(_) | AdminError::Definition(_) => Self::bad_parameter(error.to_string()),
            AdminError::Tampered => {
                Self { reason: "tampered", message: "Stored data fails its authentication.".into(), ..Self::internal() }
            }
            AdminError::Busy => Self::throttled(1),
            AdminError::Unavailable => Self::unavailable("unavailable"),
            AdminError::NoRecord(no_record) => no_record.into(),
            error => match wire_of(error.how().1) {
                Some(Wire { reason, status, code, inner }) => {
                    Self { inner: *inner, ..Self::new(*status, code, reason, message_of(&error)) }
                }
                None => Self::internal(),
            },
        }
    }
}

/// What a caller reads, where it is not what the error says of itself.
fn message_of(error: &AdminError) -> String {
    match error {
        AdminError::VaultNotFound => "There is no such vault.".to_owned(),
        AdminError::WorkloadNotFound => "There is no such workload identity.".to_owned(),
        AdminError::CredentialNotFound => "The workload identity has no such credential.".to_owned(),
        AdminError::DeletedVaultNotFound => "There is no such deleted vault.".to_owned(),
        AdminError::PurgeProtected => {
            "Operation purge is not allowed because purge protection is enabled for this vault.".to_owned()
        }
        AdminError::AssignmentNotFound => "There is no such role assignment.".to_owned(),
        AdminError::NoSuchRoleName => {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
            format!("There is no role of this name. Built-in roles: {}.", names.join(", "))
        }
        AdminError::RoleNotFound => "There is no such role definition.".to_owned(),
        AdminError::OtherRevision => {
            "What is to be changed is not at the revision that If-Match names. Read it again.".to_owned()
        }
        AdminError::Contended => "It is being changed by others. Try again.".to_owned(),
        error => error.to_string(),
    }
}

impl From<EntranceError> for Problem {
    fn from(error: EntranceError) -> Self {
        match error {
            EntranceError::Credential(_) => Self::missing_token(),
            EntranceError::TooMany(too_many) => Self {
                retry_after: Some(too_many.retry_after),
                ..Self::new(
                    429,
                    "TooManyRequests",
                    "too-many-requests",
                    "There are too many requests. Try again later.",
                )
            },
            EntranceError::Unavailable => Self::unavailable("unavailable"),
            EntranceError::NoRecord(no_record) => no_record.into(),
        }
    }
}

impl From<SetupError> for Problem {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Closed => Self { reason: "setup-closed", ..Self::no_route() },
            SetupError::TooMany(too_many) => EntranceError::TooMany(too_many).into(),
            SetupError::Code => Self::foreign_form(),
            SetupError::Invalid(sentence) => Self::bad_parameter(sentence),
            SetupError::Provider(_) | SetupError::Unavailable => Self::unavailable("unavailable"),
            SetupError::NoRecord(no_record) => no_record.into(),
        }
    }
}

#[cfg(test)]
mod tests;
