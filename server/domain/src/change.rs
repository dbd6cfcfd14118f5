//! Changes: everything that can be written, as data, so that one transaction can carry a change
//! together with its audit record. A change without a permit cannot be built.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    access_policy::AccessPolicy,
    action::Action,
    approval::ApprovalRequest,
    grant::{Assignment, Scope},
    identity::{Session, UsedAssertion, Workload},
    names::ObjectKind,
    permit::{ObjectRef, Permit},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::SealedBlob,
    role::{Role, RoleDefinition},
    seal::Reseal,
    secret::{LifeState, SealedVersion, SecretMeta, VersionMeta},
    vault::Vault,
};

/// An Owner of the installation that must still be there, as it was found: the last way in is never taken
/// away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// The Owner's assignment.
    pub assignment: Uuid,
    /// When a workload of ours is the Owner: its client id, and the revision at which it could come.
    pub workload: Option<(Uuid, i64)>,
}

/// One name of several that are written together.
#[derive(Debug)]
pub struct NameWrite {
    /// Of what kind.
    pub kind: ObjectKind,
    /// Revision that its row must still have; none when there must be no row.
    pub judged: Option<i64>,
    /// The name's row after the change.
    pub name: SecretMeta,
    /// Versions that are made.
    pub new: Vec<SealedVersion>,
    /// Versions whose metadata change, as they are afterwards.
    pub updated: Vec<VersionMeta>,
}

/// What to write. The permit it is bound to says on which object, and of which kind.
#[derive(Debug)]
pub enum Change {
    /// A new version, and the name's row that points to it.
    SetSecret {
        /// The name's row after the change.
        secret: SecretMeta,
        /// The version.
        version: Box<SealedVersion>,
    },
    /// The name's row after a soft delete or a recovery, or with other times for what is done by itself.
    SetSecretLife {
        /// The name's row after the change.
        secret: SecretMeta,
    },
    /// A name with its one version, new or in place of the one that is there, sealed value and all: of what has no
    /// history.
    PutWhole {
        /// The name's row after the change.
        secret: SecretMeta,
        /// The version, which stays the same one for as long as the name.
        version: Box<SealedVersion>,
    },
    /// Other attributes of a version; its value stays.
    UpdateSecret {
        /// The name's row after the change.
        secret: SecretMeta,
        /// The version's metadata after the change.
        version: Box<VersionMeta>,
    },
    /// The name, all its versions and every grant at exactly this object, gone for good.
    PurgeSecret {
        /// Revision of the vault's row that was judged: purge protection must not have been turned
        /// on meanwhile.
        vault_revision: i64,
        /// Of a certificate: the key and the secret that go with it, with the revisions of their names.
        companions: Vec<(ObjectKind, i64)>,
        /// The grants at exactly this object and at what goes with it: all of them, so that the record can tell
        /// which went.
        assignments: Vec<Assignment>,
    },
    /// The name of a certificate, and with it the key and the secret of that name: all of it or nothing. The
    /// certificate's own comes first.
    WriteCertificate(Vec<NameWrite>),
    /// A name made again with all its versions, from a backup.
    RestoreSecret {
        /// The name's row.
        secret: SecretMeta,
        /// The versions, the current one among them.
        versions: Vec<SealedVersion>,
    },
    /// A new vault.
    MakeVault {
        /// The vault.
        vault: Box<Vault>,
        /// Beside how many others it may be made, deleted ones included.
        beside: usize,
    },
    /// A vault that was changed.
    PutVault(Box<Vault>),
    /// A vault with its key, everything in it and every grant in it, gone for good.
    PurgeVault,
    /// A grant.
    AddAssignment(Box<Assignment>),
    /// A grant is taken away.
    RemoveAssignment {
        /// The grant.
        assignment: Box<Assignment>,
        /// The Owner that must remain, if an Owner is taken away.
        remaining: Option<Remaining>,
    },
    /// A custom role definition, new or in place of the one of this revision.
    PutRole {
        /// The definition.
        role: Box<RoleDefinition>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
    },
    /// A custom role definition that no assignment refers to is deleted.
    DeleteRole(Box<RoleDefinition>),
    /// An access policy, new or in place of the one of this revision.
    PutAccessPolicy {
        /// The policy.
        policy: Box<AccessPolicy>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
    },
    /// An access policy is taken away.
    RemoveAccessPolicy(Box<AccessPolicy>),
    /// A policy module that was uploaded, new or with another signature in place of the one of this revision.
    PutPolicyModule {
        /// What is known of it.
        module: Box<PolicyModule>,
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
    },
    /// An uploaded policy module that is attached nowhere is removed.
    DeletePolicyModule(Box<PolicyModule>),
    /// A document that policy modules read, new or in place of the one of this revision.
    PutPolicyDocument {
        /// The document.
        document: Box<PolicyDocument>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
    },
    /// A document that policy modules read is removed.
    DeletePolicyDocument(Box<PolicyDocument>),
    /// The result of a replay, new in its place or in that of the one of this revision.
    PutPolicyReplay {
        /// The result.
        replay: Box<PolicyReplay>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
    },
    /// The modules attached to every vault, one revision on.
    PutInstallationPolicies(Box<InstallationPolicies>),
    /// A request for approval, new or in place of the one of this revision.
    PutApproval {
        /// The request.
        request: Box<ApprovalRequest>,
        /// Revision of the one it replaces.
        replaces: Option<i64>,
        /// Unix seconds: what has ended in the vault goes when a new one comes.
        now: i64,
    },
    /// A workload, new or changed.
    PutWorkload {
        /// The workload.
        workload: Box<Workload>,
        /// The Owner that must remain, if this one is an Owner who can no longer come.
        remaining: Option<Remaining>,
    },
    /// The permitted workload, gone for good.
    DeleteWorkload {
        /// The Owner that must remain, if this one is an Owner.
        remaining: Option<Remaining>,
    },
    /// A client's own assertion is exchanged for a token.
    UseAssertion(UsedAssertion),
    /// Every key below the root key, wrapped by a new one.
    Reseal(Box<Reseal>),
    /// Other keys sign tokens.
    PutTokenKeys(Box<PutTokenKeys>),
    /// An installation that nobody owns is set up: its first provider, and its Owner.
    FinishSetup {
        /// The door, which is closed by it.
        put: Box<PutTokenKeys>,
        /// The Owner.
        owner: Box<Assignment>,
    },
    /// A dashboard session begins.
    BeginSession(Box<Session>),
    /// A session of the command line begins: a code is exchanged, and counts no more.
    BeginCommandLine {
        /// The session.
        session: Box<Session>,
        /// The code, remembered until it expires: that its session has ended does not make it count again.
        code: UsedAssertion,
        /// Hash of the dashboard session it was allowed from, which must still be there.
        allowed_from: [u8; 32],
    },
    /// A dashboard session ends.
    EndSession {
        /// SHA-256 of the cookie's value.
        id_hash: [u8; 32],
    },
    /// Dashboard sessions end, by their hashes.
    EndSessions(Vec<[u8; 32]>),
    /// Dashboard sessions end because a provider says so, by a token that counts once.
    EndSessionsAtProvider {
        /// Hashes of the sessions.
        sessions: Vec<[u8; 32]>,
        /// The provider's token.
        token: UsedAssertion,
    },
}

/// A sealed document that changes, before and after: the keys that sign tokens, or the door of the setup.
#[derive(Clone, Debug)]
pub struct PutTokenKeys {
    /// Label of the sealed document.
    pub label: &'static str,
    /// As it must still be stored, or nothing happens.
    pub before: SealedBlob,
    /// As it is stored afterwards.
    pub after: SealedBlob,
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
    spends: Option<Box<Spent>>,
}

/// A request for approval that ends with the change which rests on it.
#[derive(Clone, Debug)]
pub struct Spent {
    /// As it is afterwards.
    pub request: ApprovalRequest,
    /// The revision that it must still have.
    pub replaces: i64,
}

impl PermittedChange {
    pub(crate) fn bind(permit: Permit, change: Change) -> Result<Self, ChangeError> {
        if fits(&permit, &change) { Ok(Self { permit, change, spends: None }) } else { Err(ChangeError) }
    }

    /// The change together with the end of the approval that it rests on: both are written, or neither is.
    pub(crate) fn spending(self, spent: Spent) -> Result<Self, ChangeError> {
        let vault = self.permit.object().vault.as_ref().map(|(id, _)| *id);
        let subject = &spent.request.subject;
        let follows = spent.replaces.checked_add(1) == Some(spent.request.revision);
        if vault != Some(subject.vault) || self.permit.action() != subject.action || !follows {
            return Err(ChangeError);
        }
        // With a vault all requests in it go.
        let goes = matches!(self.change, Change::PurgeVault);
        Ok(Self { spends: (!goes).then(|| Box::new(spent)), ..self })
    }

    /// The request for approval that ends with it.
    #[must_use]
    pub fn spends(&self) -> Option<&Spent> {
        self.spends.as_deref()
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

/// Whether a vault's row is of the permitted vault and one revision on.
fn follows(permit: &Permit, new: &Vault) -> bool {
    let object = permit.object();
    object.kind == ObjectKind::Vault
        && object.vault.as_ref().is_some_and(|(id, name)| *id == new.id && *name == new.name)
        && permit.revision().is_some_and(|judged| judged.checked_add(1) == Some(new.revision))
}

/// Whether a change is on the permitted object, follows the permitted revision, and is of the
/// permitted sort.
fn fits(permit: &Permit, change: &Change) -> bool {
    let object = permit.object();
    let vault = object.vault.as_ref().map(|(id, _)| *id);
    let in_vault = object.kind.is_in_vault() && vault.is_some();
    // A permit for one kind of object never covers a row of another.
    let of_kind = |secret: Action, key: &[Action]| match object.kind {
        ObjectKind::Secret => permit.action() == secret,
        ObjectKind::Key => key.contains(&permit.action()),
        _ => false,
    };
    let shaped = |version: &VersionMeta| shaped(object.kind, version);
    let next = |secret: &SecretMeta| {
        in_vault
            // What belongs to a certificate changes with it alone.
            && !secret.managed
            && object.name.as_ref() == Some(&secret.name)
            && permit.revision().is_none_or(|judged| judged.checked_add(1) == Some(secret.revision))
    };
    match (change, permit.action()) {
        (Change::SetSecret { secret, version }, _)
            if of_kind(
                Action::SecretSet,
                &[Action::KeyCreate, Action::KeyImport, Action::KeyRotate, Action::KeyRotateIfDue],
            ) =>
        {
            next(secret)
                && shaped(&version.meta)
                && secret.life == LifeState::Active
                && secret.current == version.meta.version
                // What is rotated is there.
                && (permit.revision().is_some()
                    || !matches!(permit.action(), Action::KeyRotate | Action::KeyRotateIfDue))
        }
        (
            Change::PutWhole { secret, version },
            Action::IssuerSet
            | Action::IssuerUpdate
            | Action::IssuerAsk
            | Action::ContactsSet
            | Action::CertificateRevoke
            | Action::RevocationListIssue,
        ) => {
            next(secret)
                && object.kind == permit.action().object_kind()
                && shaped(&version.meta)
                && secret.life == LifeState::Active
                && secret.current == version.meta.version
                // What is updated is there.
                && (permit.revision().is_some() || permit.action().makes_objects())
        }
        (Change::PurgeSecret { companions, .. }, Action::IssuerDelete | Action::ContactsDelete) => {
            in_vault
                && object.kind == permit.action().object_kind()
                && object.name.is_some()
                && permit.revision().is_some()
                && companions.is_empty()
        }
        (Change::UpdateSecret { secret, version }, _) if of_kind(Action::SecretUpdate, &[Action::KeyUpdate]) => {
            next(secret) && shaped(version) && permit.revision().is_some() && secret.life == LifeState::Active
        }
        (Change::RestoreSecret { secret, versions }, _) if of_kind(Action::SecretRestore, &[Action::KeyRestore]) => {
            next(secret)
                && versions.iter().all(|version| shaped(&version.meta))
                && permit.revision().is_none()
                && secret.life == LifeState::Active
                && versions.iter().any(|version| version.meta.version == secret.current)
        }
        (Change::SetSecretLife { secret }, _) if of_kind(Action::SecretDelete, &[Action::KeyDelete]) => {
            next(secret) && permit.revision().is_some() && secret.life != LifeState::Active
        }
        (Change::SetSecretLife { secret }, _)
            if of_kind(
                Action::SecretRecover,
                &[Action::KeyRecover, Action::KeyRotationPolicySet, Action::KeyNearExpiry],
            ) =>
        {
            next(secret) && permit.revision().is_some() && secret.life == LifeState::Active
        }
        (Change::PurgeSecret { companions, .. }, _) if of_kind(Action::SecretPurge, &[Action::KeyPurge]) => {
            in_vault && object.name.is_some() && permit.revision().is_some() && companions.is_empty()
        }
        (Change::PurgeSecret { companions, .. }, Action::CertificatePurge) => {
            object.kind == ObjectKind::Certificate
                && in_vault
                && object.name.is_some()
                && permit.revision().is_some()
                && distinct_companions(companions.iter().map(|(kind, _)| *kind))
        }
        (Change::WriteCertificate(writes), _) => in_vault && certificate_fits(permit, writes),
        (Change::MakeVault { vault: new, .. }, Action::VaultCreate) => {
            object.kind == ObjectKind::Vault
                && object.vault.is_none()
                && object.name.as_ref().is_some_and(|name| name.as_str() == new.name.as_str())
        }
        (Change::PutVault(new), Action::VaultUpdate | Action::VaultRecover | Action::PolicyRecover) => {
            follows(permit, new) && new.life == LifeState::Active
        }
        (Change::PutVault(new), Action::VaultDelete) => follows(permit, new) && new.life != LifeState::Active,
        (Change::PurgeVault, Action::VaultPurge) => {
            object.kind == ObjectKind::Vault && vault.is_some() && permit.revision().is_some()
        }
        (Change::AddAssignment(new), Action::AssignmentAdd) => is_of(object, &new.scope),
        (Change::RemoveAssignment { assignment, .. }, Action::AssignmentRemove) => is_of(object, &assignment.scope),
        (Change::PutWorkload { workload: new, .. }, Action::WorkloadUpdate | Action::WorkloadCredential) => {
            object.kind == ObjectKind::Workload
                && object.name.as_ref().is_some_and(|name| name.as_str() == new.client_id.to_string())
                && permit.revision().and_then(|judged| judged.checked_add(1)) == Some(new.revision)
        }
        (Change::DeleteWorkload { .. }, Action::WorkloadDelete) => {
            object.kind == ObjectKind::Workload && object.name.is_some() && permit.revision().is_some()
        }
        (Change::PutRole { role, .. }, Action::RoleWrite) | (Change::DeleteRole(role), Action::RoleDelete) => {
            // Where all its assignable scopes lie.
            match object.kind {
                ObjectKind::Server => true,
                ObjectKind::Vault => {
                    vault.is_some() && role.assignable_scopes.iter().all(|scope| scope.vault() == vault)
                }
                _ => false,
            }
        }
        (Change::PutAccessPolicy { policy, .. } | Change::RemoveAccessPolicy(policy), Action::AccessPolicyWrite) => {
            object.kind == ObjectKind::Vault && vault == Some(policy.vault)
        }
        (Change::PutApproval { request, replaces, .. }, Action::ApprovalOpen | Action::ApprovalDecide) => {
            object.kind == ObjectKind::Vault
                && vault == Some(request.subject.vault)
                && replaces.unwrap_or(0).checked_add(1) == Some(request.revision)
                // Only the gate opens one.
                && (replaces.is_some() || permit.action() == Action::ApprovalOpen)
        }
        (Change::PutTokenKeys(put), Action::TokenKeyRotate | Action::TokenKeyRevoke | Action::TokenKeyRetire) => {
            object.kind == ObjectKind::Server && put.before.revision.checked_add(1) == Some(put.after.revision)
        }
        (Change::FinishSetup { put, owner }, Action::SetupFinish) => {
            object.kind == ObjectKind::Server
                && put.label == crate::setup::LABEL
                && (put.before.revision, put.after.revision) == (0, 1)
                && owner.scope == Scope::Server
                && owner.role == Role::Owner
                && owner.ends_at.is_none()
        }
        (Change::PutPolicyReplay { replay, replaces }, Action::PolicyReplay) => {
            object.kind == ObjectKind::Server
                && replay.has_place()
                && replaces.unwrap_or(0).checked_add(1) == Some(replay.revision)
        }
        // What was found stays: only who looked at it is added.
        (Change::PutPolicyReplay { replay, replaces: Some(before) }, Action::PolicyReplayReview) => {
            object.kind == ObjectKind::Server
                && replay.has_place()
                && before.checked_add(1) == Some(replay.revision)
                && !replay.reviews.is_empty()
        }
        (Change::PutPolicyModule { .. }, Action::PolicyModuleWrite)
        | (Change::DeletePolicyModule(_), Action::PolicyModuleDelete)
        | (Change::PutPolicyDocument { .. }, Action::PolicyDocumentWrite)
        | (Change::DeletePolicyDocument(_), Action::PolicyDocumentDelete)
        | (Change::PutInstallationPolicies(_), Action::PolicyWrite | Action::PolicyRecover)
        | (Change::Reseal(_), Action::SealRotate)
        | (Change::PutWorkload { .. }, Action::WorkloadCreate)
        | (Change::UseAssertion(_), Action::TokenIssue)
        | (Change::EndSessions(_), Action::SessionRevoke)
        | (
            Change::BeginSession(_)
            | Change::BeginCommandLine { .. }
            | Change::EndSession { .. }
            | Change::EndSessionsAtProvider { .. },
            Action::SessionChange,
        ) => object.kind == ObjectKind::Server,
        _ => false,
    }
}

/// A version of a key or a certificate says what kind of key it is, one of a certificate what it certifies, and no
/// other version does.
fn shaped(kind: ObjectKind, version: &VersionMeta) -> bool {
    version.key.is_some() == matches!(kind, ObjectKind::Key | ObjectKind::Certificate)
        && version.certificate.is_some() == (kind == ObjectKind::Certificate)
}

/// A certificate has one key and one secret.
fn distinct_companions(kinds: impl Iterator<Item = ObjectKind>) -> bool {
    let kinds: Vec<ObjectKind> = kinds.collect();
    match kinds.as_slice() {
        [] => true,
        [one] => matches!(one, ObjectKind::Key | ObjectKind::Secret),
        [one, other] => {
            one != other && [one, other].iter().all(|kind| matches!(kind, ObjectKind::Key | ObjectKind::Secret))
        }
        _ => false,
    }
}

/// Whether what is written of a certificate and of what goes with it is on the permitted name, follows what was
/// judged, and is of the permitted sort.
fn certificate_fits(permit: &Permit, writes: &[NameWrite]) -> bool {
    let Some((own, companions)) = writes.split_first() else { return false };
    let object = permit.object();
    let active = own.name.life == LifeState::Active;
    let sort = match permit.action() {
        Action::CertificateCreate | Action::CertificateImport | Action::CertificatePendingMerge => active,
        Action::CertificateIssue => active && own.judged.is_some(),
        // What is renewed is there.
        Action::CertificateRenewIfDue => active && own.judged.is_some(),
        Action::CertificateRestore => active && writes.iter().all(|write| write.judged.is_none()),
        Action::CertificateUpdate
        | Action::CertificatePolicyUpdate
        | Action::CertificatePendingUpdate
        | Action::CertificatePendingDelete => {
            active && writes.iter().all(|write| write.judged.is_some() && write.new.is_empty())
        }
        // When something is due, and what was revoked, is said of the name alone.
        Action::CertificateNoteRevoked
        | Action::CertificateRenewalPostpone
        | Action::CertificateRenewalPlan
        | Action::CertificateNearExpiry
        | Action::CertificateEnroll => {
            active && own.judged.is_some() && own.new.is_empty() && own.updated.is_empty() && companions.is_empty()
        }
        action @ (Action::CertificateDelete | Action::CertificateRecover) => {
            let untouched = |write: &NameWrite| write.new.is_empty() && write.updated.is_empty();
            active == (action == Action::CertificateRecover)
                && writes.iter().all(|write| write.judged.is_some() && untouched(write))
        }
        _ => false,
    };
    let each = |write: &NameWrite| {
        let versions = write.new.iter().map(|version| &version.meta).chain(&write.updated);
        object.name.as_ref() == Some(&write.name.name)
            && write.name.life == own.name.life
            && write.judged.is_none_or(|judged| judged.checked_add(1) == Some(write.name.revision))
            && versions.into_iter().all(|version| shaped(write.kind, version))
    };
    sort && object.kind == ObjectKind::Certificate
        && own.kind == ObjectKind::Certificate
        && own.judged == permit.revision()
        && own.name.certificate.is_some()
        && !own.name.managed
        && distinct_companions(companions.iter().map(|write| write.kind))
        && companions.iter().all(|write| {
            let points_to_it = |version: &SealedVersion| version.meta.version == write.name.current;
            write.name.managed
                && write.name.certificate.is_none()
                && (write.new.is_empty() || write.new.iter().any(points_to_it))
        })
        && writes.iter().all(each)
}

/// Whether a scope is exactly the permitted object.
fn is_of(object: &ObjectRef, scope: &Scope) -> bool {
    let vault = object.vault.as_ref().map(|(id, _)| *id);
    match scope {
        Scope::Server => object.kind == ObjectKind::Server,
        Scope::Vault { vault: scope } => object.kind == ObjectKind::Vault && vault == Some(*scope),
        Scope::Object { vault: scope, kind, name } => {
            object.kind == *kind && vault == Some(*scope) && object.name.as_ref() == Some(name)
        }
    }
}
