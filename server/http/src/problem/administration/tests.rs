use std::collections::BTreeSet;

use strongroom_domain::{
    action::Action,
    admin::OwnRestriction,
    decision::{Denial, DenyReason},
    network::ShutOut,
    policy::PolicyFailure,
    record::NoRecord,
    role::DefinitionError,
};
use uuid::Uuid;

use super::*;
use crate::problem::{status_of, status_of_page};

/// The error after this one, so that all of them are told; one that is new does not compile until it has its place.
fn next(error: &AdminError) -> Option<AdminError> {
    use AdminError as E;
    Some(match error {
        E::Denied(_) => E::VaultExists,
        E::VaultExists => E::VaultDeletedButRecoverable,
        E::VaultDeletedButRecoverable => E::VaultNotFound,
        E::VaultNotFound => E::RecordNotFound,
        E::RecordNotFound => E::NotCovered,
        E::NotCovered => E::WorkloadNotFound,
        E::WorkloadNotFound => E::CredentialNotFound,
        E::CredentialNotFound => E::CredentialExists("certificate"),
        E::CredentialExists(_) => E::DeletedVaultNotFound,
        E::DeletedVaultNotFound => E::PurgeProtected,
        E::PurgeProtected => E::TooManyVaults,
        E::TooManyVaults => E::GrantsMoreThanHeld("Owner".to_owned()),
        E::GrantsMoreThanHeld(_) => E::GranteeNotFound,
        E::GranteeNotFound => E::NoSuchRoleName,
        E::NoSuchRoleName => E::RoleNotFound,
        E::RoleNotFound => E::RoleExists,
        E::RoleExists => E::RoleInUse,
        E::RoleInUse => E::TooManyRoles,
        E::TooManyRoles => E::NotAssignableHere,
        E::NotAssignableHere => E::PermitsMoreThanHeld,
        E::PermitsMoreThanHeld => E::AuthorityNotHeld,
        E::AuthorityNotHeld => E::MayBeGrantedMore,
        E::MayBeGrantedMore => E::LiftsOwnRestriction(OwnRestriction::AccessMode),
        E::LiftsOwnRestriction(_) => E::LocksEverybodyOut,
        E::LocksEverybodyOut => E::LocksAuthorOut(ShutOut::Now),
        E::LocksAuthorOut(_) => E::AccessPolicyNotFound,
        E::AccessPolicyNotFound => E::TooManyAccessPolicies,
        E::TooManyAccessPolicies => E::AttachmentRefused { name: "two".to_owned(), why: PolicyFailure::Missing.into() },
        E::AttachmentRefused { .. } => E::ModuleNotFound,
        E::ModuleNotFound => E::ModuleShips,
        E::ModuleShips => E::ModuleInUse,
        E::ModuleInUse => E::ModuleRefused("it is none".to_owned()),
        E::ModuleRefused(_) => E::ModuleNotSigned,
        E::ModuleNotSigned => E::ModuleSignedOtherwise,
        E::ModuleSignedOtherwise => E::TooManyModules,
        E::TooManyModules => E::AttachmentNotFound,
        E::AttachmentNotFound => E::DocumentNotFound,
        E::DocumentNotFound => E::TooManyDocuments,
        E::TooManyDocuments => E::ReplayNotFound,
        E::ReplayNotFound => E::ApprovalNotFound,
        E::ApprovalNotFound => E::OwnApproval,
        E::OwnApproval => E::ApprovalRefused,
        E::ApprovalRefused => E::AssignmentNotFound,
        E::AssignmentNotFound => E::AssignmentExists,
        E::AssignmentExists => E::TooManyAssignments,
        E::TooManyAssignments => E::LastOwner,
        E::LastOwner => E::TokenKeyAnnounced,
        E::TokenKeyAnnounced => E::Invalid("it is too long"),
        E::Invalid(_) => E::Definition(DefinitionError::Limit("it is too long")),
        E::Definition(_) => E::OtherRevision,
        E::OtherRevision => E::Contended,
        E::Contended => E::Tampered,
        E::Tampered => E::TooMuchToLookThrough,
        E::TooMuchToLookThrough => E::Busy,
        E::Busy => E::Unavailable,
        E::Unavailable => E::NoRecord(NoRecord::NotWritten),
        E::NoRecord(_) => return None,
    })
}

fn all() -> Vec<AdminError> {
    let denied = |reason| Denial { request_id: Uuid::nil(), action: Action::VaultRead, reason };
    let mut all: Vec<_> = [DenyReason::NoRole, DenyReason::Identity, DenyReason::Tampered, DenyReason::Unavailable]
        .into_iter()
        .map(|reason| AdminError::Denied(denied(reason)))
        .collect();
    while let Some(error) = all.last().and_then(next) {
        all.push(error);
    }
    all
}

#[test]
fn a_record_has_the_status_of_the_answer_whatever_went_wrong() {
    for error in all() {
        let (outcome, reason) = error.how();
        let (outcome, reason) = (outcome, reason.to_owned());
        let recorded = (status_of(outcome, &reason), status_of_page(outcome, &reason));
        let answered = Some(Problem::from(error).status);
        assert_eq!(recorded, (answered, answered), "{reason}");
    }
}

#[test]
fn every_reason_has_one_line_and_none_is_without_use() {
    let told: BTreeSet<String> = all().iter().map(|error| error.how().1.to_owned()).collect();
    let listed: Vec<&str> = WIRES.iter().map(|wire| wire.reason).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    for reason in listed {
        assert!(told.contains(reason), "{reason}");
    }
}
