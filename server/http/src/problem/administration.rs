//! What goes wrong when vaults, roles, identities, modules and sessions are managed, on the wire.

use strongroom_domain::{admin::AdminError, entrance::EntranceError, role::Role};

use super::Problem;

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let message = error.to_string();
        match error {
            AdminError::Denied(denial) => denial.into(),
            AdminError::VaultExists => Self::new(409, "Conflict", "vault-exists", message),
            AdminError::VaultNotFound => Self::new(404, "VaultNotFound", "vault-not-found", "There is no such vault."),
            AdminError::RecordNotFound => Self::new(404, "RecordNotFound", "record-not-found", message),
            AdminError::NotCovered => Self::new(409, "Conflict", "not-covered-yet", message),
            AdminError::WorkloadNotFound => {
                Self::new(404, "NotFound", "workload-not-found", "There is no such workload identity.")
            }
            AdminError::CredentialNotFound => {
                Self::new(404, "NotFound", "credential-not-found", "The workload identity has no such credential.")
            }
            AdminError::VaultDeletedButRecoverable => {
                Self::new(409, "Conflict", "vault-deleted-but-recoverable", message)
                    .inner("VaultIsDeletedButRecoverable")
            }
            AdminError::DeletedVaultNotFound => {
                Self::new(404, "VaultNotFound", "deleted-vault-not-found", "There is no such deleted vault.")
            }
            AdminError::PurgeProtected => Self::new(
                403,
                "Forbidden",
                "purge-protected",
                "Operation purge is not allowed because purge protection is enabled for this vault.",
            )
            .inner("ForbiddenByPolicy"),
            AdminError::TooManyVaults => Self::new(409, "Conflict", "too-many-vaults", message),
            AdminError::GrantsMoreThanHeld(_) => {
                Self::new(403, "Forbidden", "grants-more-than-held", message).inner("ForbiddenByRbac")
            }
            AdminError::ApprovalNotFound => Self::new(404, "ApprovalNotFound", "approval-not-found", message),
            AdminError::OwnApproval => Self::new(403, "Forbidden", "own-approval", message).inner("OwnApproval"),
            AdminError::ApprovalRefused => {
                Self::new(409, "Conflict", "approval-refused", message).inner("ApprovalRefused")
            }
            AdminError::AssignmentNotFound => {
                Self::new(404, "RoleAssignmentNotFound", "assignment-not-found", "There is no such role assignment.")
            }
            AdminError::AssignmentExists => {
                Self::new(409, "Conflict", "assignment-exists", message).inner("RoleAssignmentExists")
            }
            AdminError::TooManyAssignments => {
                Self::new(409, "Conflict", "too-many-assignments", message).inner("RoleAssignmentLimitExceeded")
            }
            AdminError::LastOwner => Self::new(409, "Conflict", "last-owner", message).inner("LastOwner"),
            AdminError::GranteeNotFound => Self::new(400, "PrincipalNotFound", "grantee-not-found", message),
            AdminError::NoSuchRoleName => {
                let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
                let names = names.join(", ");
                Self {
                    reason: "no-such-role-name",
                    ..Self::bad_parameter(format!("There is no role of this name. Built-in roles: {names}."))
                }
            }
            AdminError::RoleNotFound => {
                Self::new(404, "RoleDefinitionNotFound", "role-not-found", "There is no such role definition.")
            }
            AdminError::RoleExists => {
                Self::new(409, "Conflict", "role-exists", message).inner("RoleDefinitionWithSameNameExists")
            }
            AdminError::RoleInUse => {
                Self::new(409, "Conflict", "role-in-use", message).inner("RoleDefinitionHasAssignments")
            }
            AdminError::TooManyRoles => {
                Self::new(409, "Conflict", "too-many-roles", message).inner("RoleDefinitionLimitExceeded")
            }
            AdminError::AttachmentRefused { .. } => {
                Self { reason: "attachment-refused", ..Self::bad_parameter(message) }
            }
            AdminError::ModuleRefused(_) => Self { reason: "module-refused", ..Self::bad_parameter(message) },
            AdminError::ModuleNotSigned => Self { reason: "module-not-signed", ..Self::bad_parameter(message) },
            AdminError::ModuleNotFound => Self::new(404, "PolicyModuleNotFound", "module-not-found", message),
            AdminError::ModuleShips => Self::new(409, "Conflict", "module-ships", message),
            AdminError::ModuleInUse => Self::new(409, "Conflict", "module-in-use", message),
            AdminError::TooManyModules => Self::new(409, "Conflict", "too-many-modules", message),
            AdminError::DocumentNotFound => Self::new(404, "PolicyDocumentNotFound", "document-not-found", message),
            AdminError::TooManyDocuments => Self::new(409, "Conflict", "too-many-documents", message),
            AdminError::NotAssignableHere => Self { reason: "not-assignable-here", ..Self::bad_parameter(message) },
            AdminError::PermitsMoreThanHeld => {
                Self::new(403, "Forbidden", "permits-more-than-held", message).inner("ForbiddenByRbac")
            }
            AdminError::AuthorityNotHeld => {
                Self::new(403, "Forbidden", "authority-not-held", message).inner("ForbiddenByRbac")
            }
            AdminError::LiftsOwnRestriction => {
                Self::new(403, "Forbidden", "lifts-own-restriction", message).inner("ForbiddenByPolicy")
            }
            AdminError::LocksEverybodyOut => {
                Self::new(409, "Conflict", "locks-everybody-out", message).inner("LocksEverybodyOut")
            }
            AdminError::LocksAuthorOut(_) => {
                Self::new(409, "Conflict", "locks-author-out", message).inner("LocksAuthorOut")
            }
            AdminError::AccessPolicyNotFound => {
                Self::new(404, "AccessPolicyNotFound", "access-policy-not-found", message)
            }
            AdminError::TooManyAccessPolicies => {
                Self::new(409, "Conflict", "too-many-access-policies", message).inner("TooManyAccessPolicies")
            }
            AdminError::TokenKeyAnnounced => {
                Self::new(409, "Conflict", "token-key-announced", message).inner("TokenKeyAnnounced")
            }
            AdminError::Invalid(_) | AdminError::Definition(_) => Self::bad_parameter(message),
            AdminError::OtherRevision => Self::new(
                412,
                "PreconditionFailed",
                "other-revision",
                "What is to be changed is not at the revision that If-Match names. Read it again.",
            ),
            AdminError::Contended => {
                Self::new(409, "Conflict", "contended", "It is being changed by others. Try again.")
            }
            AdminError::Tampered => {
                Self { reason: "tampered", message: "Stored data fails its authentication.".into(), ..Self::internal() }
            }
            AdminError::TooMuchToLookThrough => Self::new(400, "BadParameter", "too-much-to-look-through", message),
            AdminError::Busy => Self::throttled(1),
            AdminError::Unavailable => Self::unavailable("unavailable"),
            AdminError::NoRecord(no_record) => no_record.into(),
        }
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
