//! Use cases of access modes and access policies.
//!
//! Whoever changes what grants access to a vault gains nothing by it: nobody gives what they do not
//! hold by role, nobody lifts their own restriction, and no change of mode leaves a vault in which
//! nobody can be granted anything. Taking away is never refused; management stays with roles, so it
//! can always be mended.

use super::{ACCESS_POLICY_PREVIEW, AdminError, Administration, OwnRestriction, content, is_other};
use crate::{
    access_policy::{
        AccessMode, AccessPolicy, MAX_ACCESS_POLICIES, ObjectPermission, ObjectPermissions, all_of_a_vault,
    },
    action::Action,
    change::Change,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    gate::Ask,
    grant::{Scope, Target},
    names::{ObjectKind, ObjectName, VaultName},
    policy::{AttachmentState, PolicyAttachment},
    principal::Grantee,
    vault::{Vault, VaultSettings},
};

/// How often a request is judged anew because its object changed meanwhile.
const ATTEMPTS: usize = 4;
/// What the record says when an Owner of the installation takes a guard away or changes it.
const GUARD_LIFTED: &str = "guard-changed-by-owner";

/// The access policies of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPoliciesShown {
    /// All of them.
    pub policies: Vec<AccessPolicy>,
    /// Whether none of them counts, because the vault's access mode does not ask them.
    pub asleep: bool,
}

/// An access policy that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPolicyGiven {
    /// As it is now.
    pub policy: AccessPolicy,
    /// Whether it does not count, because the vault's access mode does not ask access policies.
    pub asleep: bool,
}

impl Administration {
    /// All access policies of a vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_access_policies(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
    ) -> Result<AccessPoliciesShown, AdminError> {
        let case = self.admit(ctx, Ask::vault(Action::AccessPolicyRead, vault)).await?;
        let found = case.vault.as_ref().map(|(vault, _)| (vault.id, vault.settings.access_mode));
        let Some((id, mode)) = found else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let found = self.grants.all_access_policies(id).await.map_err(AdminError::from).and_then(|all| {
            let forged = |policy: &AccessPolicy| self.keyring.verify_access_policy(policy).is_err();
            if all.iter().any(forged) {
                return Err(AdminError::Tampered);
            }
            Ok(AccessPoliciesShown { policies: all, asleep: !mode.asks_access_policies() })
        });
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// Gives somebody an access policy, in place of the one they have.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_access_policy(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        grantee: &Grantee,
        permissions: &ObjectPermissions,
    ) -> Result<AccessPolicyGiven, AdminError> {
        self.write_access_policy(ctx, name, (grantee, permissions), None).await
    }

    /// The same in place of the one at this revision alone; 0 where there is none.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_access_policy_at(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        (grantee, permissions): (&Grantee, &ObjectPermissions),
        expected: i64,
    ) -> Result<AccessPolicyGiven, AdminError> {
        self.write_access_policy(ctx, name, (grantee, permissions), Some(expected)).await
    }

    /// Whether whoever asks may see beforehand what an access policy would change: judged as giving it is, and nothing is
    /// given.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn preview_access_policy(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        grantee: &Grantee,
        permissions: &ObjectPermissions,
    ) -> Result<(), AdminError> {
        let asked = content(ctx, &(grantee, Some(permissions)), |told| {
            told.detail_access_policy(grantee, None, Some(permissions));
        })?;
        let ask = Ask { content: Some(&asked), ..Ask::vault(Action::AccessPolicyWrite, name) };
        let case = self.admit_preview(ctx, ask, ACCESS_POLICY_PREVIEW).await?;
        if case.vault.is_none() {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        }
        self.previewed(ctx, case).await
    }

    async fn write_access_policy(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        (grantee, permissions): (&Grantee, &ObjectPermissions),
        expected: Option<i64>,
    ) -> Result<AccessPolicyGiven, AdminError> {
        let asked = content(ctx, &(grantee, Some(permissions)), |told| {
            told.detail_access_policy(grantee, None, Some(permissions));
        })?;
        let ask = || Ask { content: Some(&asked), ..Ask::vault(Action::AccessPolicyWrite, name) };
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, ask()).await?;
            let Some((vault, _)) = case.vault.clone() else {
                return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
            };
            let all = self.grants.all_access_policies(vault.id).await?;
            let before = all.iter().find(|policy| policy.grantee == *grantee);
            if is_other(expected, before.map(|policy| policy.revision)) {
                return Err(self.refuse(ctx, case, AdminError::OtherRevision).await);
            }
            if before.is_none() && all.len() >= MAX_ACCESS_POLICIES {
                return Err(self.refuse(ctx, case, AdminError::TooManyAccessPolicies).await);
            }
            if !self.can_be(grantee).await? {
                return Err(self.refuse(ctx, case, AdminError::GranteeNotFound).await);
            }
            if let Err(why) = self.may_permit(ctx, &vault, grantee, permissions, before).await {
                return Err(self.refuse(ctx, case, why).await);
            }
            let replaces = before.map(|policy| policy.revision);
            let mut policy = AccessPolicy {
                vault: vault.id,
                grantee: grantee.clone(),
                permissions: permissions.clone(),
                revision: replaces.map_or(ctx.now, |revision| revision.saturating_add(1)),
                tag: Vec::new(),
            };
            policy.tag = self.keyring.tag_access_policy(&policy)?;
            let was = before.map(|policy| &policy.permissions);
            case.record.detail_access_policy(grantee, was, Some(&policy.permissions));
            let change = Change::PutAccessPolicy { policy: Box::new(policy.clone()), replaces };
            let asleep = !vault.settings.access_mode.asks_access_policies();
            if let Some(policy) = self.change(ctx, case, policy.revision, change, policy).await? {
                return Ok(AccessPolicyGiven { policy, asleep });
            }
        }
        Err(self.contended(ctx, ask()).await)
    }

    /// Takes an access policy away.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_access_policy(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        grantee: &Grantee,
    ) -> Result<(), AdminError> {
        let asked = content(ctx, &(grantee, None::<&ObjectPermissions>), |told| {
            told.detail_access_policy(grantee, None, None);
            told.detail("permissions", "none");
        })?;
        let ask = || Ask { content: Some(&asked), ..Ask::vault(Action::AccessPolicyWrite, name) };
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, ask()).await?;
            let Some((vault, _)) = case.vault.clone() else {
                return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
            };
            let all = self.grants.all_access_policies(vault.id).await?;
            let Some(policy) = all.into_iter().find(|policy| policy.grantee == *grantee) else {
                return Err(self.refuse(ctx, case, AdminError::AccessPolicyNotFound).await);
            };
            let after = policy.revision.saturating_add(1);
            case.record.detail_access_policy(grantee, Some(&policy.permissions), None);
            let change = Change::RemoveAccessPolicy(Box::new(policy));
            if let Some(done) = self.change(ctx, case, after, change, ()).await? {
                return Ok(done);
            }
        }
        Err(self.contended(ctx, ask()).await)
    }

    /// Whether the caller may give these permissions in place of those that were given before.
    pub(super) async fn may_permit(
        &self,
        ctx: &RequestContext,
        vault: &Vault,
        grantee: &Grantee,
        permissions: &ObjectPermissions,
        before: Option<&AccessPolicy>,
    ) -> Result<(), AdminError> {
        let scope = Scope::Vault { vault: vault.id };
        let had = |permission: &ObjectPermission| {
            before.is_some_and(|b| b.permissions.contains(*permission) && self.keyring.verify_access_policy(b).is_ok())
        };
        for permission in permissions.iter().filter(|permission| !had(permission)) {
            if !self.holds(ctx, permission.as_permissions(), scope.target(), None).await? {
                return Err(AdminError::PermitsMoreThanHeld);
            }
            if vault.settings.access_mode.asks_access_policies() && grantee.covers(&ctx.principal) {
                return Err(AdminError::LiftsOwnRestriction(OwnRestriction::AccessPolicy));
            }
        }
        Ok(())
    }

    /// Whether a new vault may have these settings: its maker must hold what modules could grant, and one must be
    /// there that can.
    ///
    /// Without an access policy nobody has access to one that asks them, and nobody had any before: who holds
    /// permissions by role gives them, once it is there.
    pub(super) async fn may_begin_with(&self, ctx: &RequestContext, after: &VaultSettings) -> Result<(), AdminError> {
        let bootstrap = crate::gate::may_bootstrap(ctx, Action::VaultCreate);
        if after.access_mode == AccessMode::Modules
            && !bootstrap
            && !self.holds(ctx, all_of_a_vault(), Scope::Server.target(), None).await?
        {
            return Err(AdminError::AuthorityNotHeld);
        }
        if no_module_could_grant(after) { Err(AdminError::LocksEverybodyOut) } else { Ok(()) }
    }

    /// Whether a vault's settings may change so, as far as they say what grants access to it.
    pub(super) async fn may_change_access(
        &self,
        ctx: &RequestContext,
        vault: &Vault,
        after: &VaultSettings,
    ) -> Result<(), AdminError> {
        let before = &vault.settings;
        let authorities =
            |settings: &VaultSettings| -> Vec<PolicyAttachment> { settings.authorities().cloned().collect() };
        let same_mode = before.access_mode == after.access_mode;
        if after.access_mode == AccessMode::Modules && !(same_mode && authorities(before) == authorities(after)) {
            let scope = Scope::Vault { vault: vault.id };
            if !self.holds(ctx, all_of_a_vault(), scope.target(), None).await? {
                return Err(AdminError::AuthorityNotHeld);
            }
        }
        if same_mode {
            return Ok(());
        }
        let nobody = match after.access_mode {
            AccessMode::Rbac | AccessMode::Modules => no_module_could_grant(after),
            AccessMode::AccessPolicy | AccessMode::Layered => {
                self.grants.all_access_policies(vault.id).await?.iter().all(|policy| policy.permissions.is_empty())
            }
        };
        if nobody {
            return Err(AdminError::LocksEverybodyOut);
        }
        self.gains_nothing(ctx, vault, after.access_mode).await
    }

    /// Whether the guards of a vault may change so: whoever may do something with its contents is restricted
    /// by them, and lifts none. An Owner of the installation may, because they could have it done by somebody
    /// they appoint; their record says it.
    ///
    /// One with authority is a guard as well, because what it denies is denied: to make one of a guard, to let
    /// it grant by the mode, and to change it there are changes of a guard.
    pub(super) async fn may_change_guards(
        &self,
        ctx: &RequestContext,
        trace: &mut Vec<Stage>,
        vault: &Vault,
        after: &VaultSettings,
    ) -> Result<(), AdminError> {
        let before = &vault.settings;
        let guards_kept = guards_kept(&before.policies, &after.policies);
        let known = |authority: &PolicyAttachment| enforced(&before.policies).any(|a| decides_alike(a, authority));
        let grants_alike = after.access_mode != AccessMode::Modules
            || (before.access_mode == AccessMode::Modules && after.authorities().all(known));
        // An algorithm that is refused restricts whoever uses keys, as a guard does.
        let still_refused = after.refused_algorithms.is_superset(&before.refused_algorithms);
        if guards_kept && grants_alike && still_refused {
            return Ok(());
        }
        if self.gate.owns_installation(ctx).await? {
            trace.push(Stage::new("modules", StageEffect::Allow, GUARD_LIFTED));
            return Ok(());
        }
        // What modules would grant is not known beforehand.
        if [before.access_mode, after.access_mode].contains(&AccessMode::Modules) {
            return Err(AdminError::LiftsOwnRestriction(OwnRestriction::Guard));
        }
        for place in self.places(ctx, vault).await? {
            for action in Action::ALL.iter().copied().filter(|action| action.is_data()) {
                if self.would(ctx, action, place.as_target(vault), vault, after.access_mode).await? {
                    return Err(AdminError::LiftsOwnRestriction(OwnRestriction::Guard));
                }
            }
        }
        Ok(())
    }

    /// Whether the guards of all vaults may change so. Whoever may write them may hold something in any vault, or
    /// be let in by a module's authority, so that an Owner of the installation alone lifts one; their record says
    /// it. To add one is everybody's who may write them.
    pub(super) async fn may_change_guards_everywhere(
        &self,
        ctx: &RequestContext,
        trace: &mut Vec<Stage>,
        before: &[PolicyAttachment],
        after: &[PolicyAttachment],
    ) -> Result<(), AdminError> {
        if guards_kept(before, after) {
            return Ok(());
        }
        if self.gate.owns_installation(ctx).await? {
            trace.push(Stage::new("modules", StageEffect::Allow, GUARD_LIFTED));
            return Ok(());
        }
        Err(AdminError::LiftsOwnRestriction(OwnRestriction::GuardOfAll))
    }

    /// Where in a vault the caller may hold something: all of it, and the objects they have roles on.
    async fn places(&self, ctx: &RequestContext, vault: &Vault) -> Result<Vec<Place>, AdminError> {
        let assignments = self.grants.assignments_reaching(&ctx.principal, Some(vault.id)).await?;
        let own = assignments.iter().filter_map(|assignment| match &assignment.scope {
            Scope::Object { vault: id, kind, name } if *id == vault.id => Some(Place(*kind, Some(name.clone()))),
            _ => None,
        });
        Ok(std::iter::once(Place(ObjectKind::Secret, None)).chain(own).collect())
    }

    async fn would(
        &self,
        ctx: &RequestContext,
        action: Action,
        target: Target<'_>,
        vault: &Vault,
        mode: AccessMode,
    ) -> Result<bool, AdminError> {
        self.gate.grants_would_allow(ctx, action, target, vault, mode).await.map_err(|reason| match reason {
            DenyReason::Tampered => AdminError::Tampered,
            _ => AdminError::Unavailable,
        })
    }

    /// Whether the caller may do no more with what is in the vault once it has another access mode.
    /// What modules would say is not known beforehand, so leaving `modules` gains whatever is granted.
    async fn gains_nothing(&self, ctx: &RequestContext, vault: &Vault, mode: AccessMode) -> Result<(), AdminError> {
        if mode == AccessMode::Modules {
            return Ok(());
        }
        for place in self.places(ctx, vault).await? {
            for action in Action::ALL.iter().copied().filter(|action| action.is_data()) {
                let would = async |mode| self.would(ctx, action, place.as_target(vault), vault, mode).await;
                if would(mode).await? && !would(vault.settings.access_mode).await? {
                    return Err(AdminError::LiftsOwnRestriction(OwnRestriction::AccessMode));
                }
            }
        }
        Ok(())
    }
}

/// Whether modules alone grant access, and none is attached that may.
fn no_module_could_grant(settings: &VaultSettings) -> bool {
    settings.access_mode == AccessMode::Modules && settings.authorities().next().is_none()
}

pub(super) fn enforced(policies: &[PolicyAttachment]) -> impl Iterator<Item = &PolicyAttachment> {
    policies.iter().filter(|attachment| attachment.state == AttachmentState::Enforce)
}

/// Whether everything that is enforced stays so.
fn guards_kept(before: &[PolicyAttachment], after: &[PolicyAttachment]) -> bool {
    enforced(before).all(|guard| enforced(after).any(|other| decides_alike(other, guard)))
}

/// Whether two attachments are one guard: a name and what stood there before decide nothing, everything else does.
pub(super) fn decides_alike(one: &PolicyAttachment, other: &PolicyAttachment) -> bool {
    let PolicyAttachment { name: _, module, settings, state, authority, previous: _ } = one;
    (module, settings, state, authority) == (&other.module, &other.settings, &other.state, &other.authority)
}

/// A kind of objects in a vault, or one object.
struct Place(ObjectKind, Option<ObjectName>);

impl Place {
    fn as_target(&self, vault: &Vault) -> Target<'_> {
        Target { vault: Some(vault.id), kind: self.0, name: self.1.as_ref() }
    }
}
