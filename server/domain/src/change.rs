//! Changes: everything that can be written, as data, so that one transaction can carry a change
//! together with its audit record. A change without a permit cannot be built.

use crate::{
    action::Action,
    grant::Assignment,
    identity::{Session, Workload},
    names::ObjectKind,
    permit::Permit,
    secret::{SealedVersion, SecretMeta},
    vault::Vault,
};

/// What to write. The permit it is bound to says on which object.
#[derive(Debug)]
pub enum Change {
    /// A new version, and the name's row that points to it.
    SetSecret {
        /// The name's row after the change.
        secret: SecretMeta,
        /// The version.
        version: Box<SealedVersion>,
    },
    /// The name's row after a soft delete or a recovery.
    SetSecretLife {
        /// The name's row after the change.
        secret: SecretMeta,
    },
    /// The name and all its versions, gone for good.
    PurgeSecret,
    /// A vault, new or changed.
    PutVault(Box<Vault>),
    /// A grant.
    AddAssignment(Box<Assignment>),
    /// A workload, new or changed.
    PutWorkload(Box<Workload>),
    /// A dashboard session begins.
    BeginSession(Box<Session>),
    /// A dashboard session ends.
    EndSession {
        /// SHA-256 of the cookie's value.
        id_hash: [u8; 32],
    },
}

/// A change does not fit the permit it was to spend. A mistake in this program, never of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the change is not what the permit was given for")]
pub struct ChangeError;

/// A change together with the permit it spends.
#[derive(Debug)]
pub struct PermittedChange {
    permit: Permit,
    change: Change,
}

impl PermittedChange {
    pub(crate) fn bind(permit: Permit, change: Change) -> Result<Self, ChangeError> {
        let object = permit.object();
        let names = |secret: &SecretMeta| {
            object.kind == ObjectKind::Secret && object.name.as_ref() == Some(&secret.name) && object.vault.is_some()
        };
        let fits = match (&change, permit.action()) {
            (Change::SetSecret { secret, .. }, Action::SecretSet)
            | (Change::SetSecretLife { secret }, Action::SecretDelete | Action::SecretRecover) => names(secret),
            (Change::PurgeSecret, Action::SecretPurge) => object.name.is_some() && object.vault.is_some(),
            (Change::PutVault(_), Action::VaultCreate)
            | (Change::AddAssignment(_), Action::AssignmentAdd)
            | (Change::PutWorkload(_), Action::WorkloadCreate)
            | (Change::BeginSession(_) | Change::EndSession { .. }, Action::SessionChange) => true,
            _ => false,
        };
        if fits { Ok(Self { permit, change }) } else { Err(ChangeError) }
    }

    /// The permit: object and the revision that its row must still have.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What to write.
    #[must_use]
    pub fn change(&self) -> &Change {
        &self.change
    }
}
