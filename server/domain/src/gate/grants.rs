//! The grants stage: role assignments and access policies, by the vault's access mode.

use std::sync::Arc;

use uuid::Uuid;

use super::{Ask, Gate, Judged, OWN_ASSIGNMENT, Trace, by_schedule, may_bootstrap, unreadable};
use crate::{
    access_policy::AccessMode,
    action::Action,
    context::RequestContext,
    decision::DenyReason,
    grant::{Assignment, Scope, Target},
    names::{ObjectKind, VaultId, VaultName},
    ports::StoreError,
    principal::{Grantee, PrincipalKind},
    role::{Role, RoleDefinition, RoleRef},
    vault::Vault,
};

impl Gate {
    pub(super) async fn judge_grants(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        if may_bootstrap(ctx, ask.action) {
            trace.allow("grants", "system", None);
            return Ok(());
        }
        if by_schedule(ctx, ask.action) {
            trace.allow("grants", "schedule", None);
            return Ok(());
        }
        let vault = judged.vault.as_ref().map(|(vault, _)| &**vault);
        let target = Target { vault: vault.map(|vault| vault.id), kind: ask.kind, name: ask.name };
        if let Some(own) = ask.assignment.filter(|given| self.is_own_to_give_up(ctx, ask.action, target, given)) {
            return self.judge_giving_up(ctx, ask.action, target, own, trace).await;
        }
        let mode = mode_for(ask.action, vault);
        if mode.asks_roles() {
            self.judge_roles(ctx, ask.action, target, trace).await?;
        }
        if let Some(vault) = vault.filter(|_| mode.asks_access_policies()) {
            self.judge_access_policies(ctx, ask.action, vault, trace).await?;
        }
        Ok(())
    }

    /// Whether it is to take away what a person holds by name: not what a group of theirs holds, and not a workload's, whose
    /// token may be in other hands.
    fn is_own_to_give_up(&self, ctx: &RequestContext, action: Action, target: Target<'_>, given: &Assignment) -> bool {
        action == Action::AssignmentRemove
            && ctx.principal.kind == PrincipalKind::User
            && matches!(&given.grantee, Grantee::Principal { id } if *id == ctx.principal.id)
            && given.scope.covers(target)
            && self.keyring.verify_assignment(given).is_ok()
    }

    /// What one holds oneself takes no grant to give up. Whoever may take it from anybody does so by that.
    async fn judge_giving_up(
        &self,
        ctx: &RequestContext,
        action: Action,
        target: Target<'_>,
        own: &Assignment,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let mut by_role = Trace::default();
        match self.judge_roles(ctx, action, target, &mut by_role).await {
            Err(DenyReason::NoRole) => {
                trace.allow("grants", OWN_ASSIGNMENT, Some(own.id.to_string()));
                Ok(())
            }
            verdict => {
                trace.stages.append(&mut by_role.stages);
                verdict
            }
        }
    }

    /// The reason of a denial in a vault as the caller may hear it: who holds nothing that reaches into the vault does
    /// not learn that it exists.
    pub(super) async fn as_told(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        reason: DenyReason,
    ) -> DenyReason {
        if self.is_stranger(ctx, ask, judged).await { DenyReason::Concealed(Box::new(reason)) } else { reason }
    }

    /// Whether the caller holds nothing that reaches into the vault: no assignment on it, in it or on the installation,
    /// and no access policy, whatever they allow. What cannot be read counts for nothing.
    pub(super) async fn is_stranger(&self, ctx: &RequestContext, ask: &Ask<'_>, judged: &Judged) -> bool {
        let Some((vault, _)) = &judged.vault else { return false };
        if by_schedule(ctx, ask.action) || may_bootstrap(ctx, ask.action) {
            return false;
        }
        !self.reaches_into(ctx, Some(vault.id)).await.unwrap_or(false)
    }

    /// Whether the caller holds something that reaches into a vault, or of one that nobody knows the identity of, on the
    /// installation.
    pub(super) async fn reaches_into(&self, ctx: &RequestContext, vault: Option<VaultId>) -> Result<bool, StoreError> {
        let who = &ctx.principal;
        let assignments = self.grants.assignments_reaching(who, vault).await?;
        let assigned = assignments.iter().any(|assignment| {
            assignment.counts_at(ctx.judged_by())
                && assignment.grantee.covers(who)
                && assignment.scope.vault().is_none_or(|of| vault == Some(of))
                && self.keyring.verify_assignment(assignment).is_ok()
        });
        let Some(vault) = vault.filter(|_| !assigned) else { return Ok(assigned) };
        let policies = self.grants.access_policies(vault, who).await?;
        Ok(policies.iter().any(|policy| {
            policy.vault == vault && policy.grantee.covers(who) && self.keyring.verify_access_policy(policy).is_ok()
        }))
    }

    /// Whether the caller holds nothing that reaches into the vault of this name; so also of one that is not there, or
    /// cannot be read.
    pub(crate) async fn is_stranger_to(&self, ctx: &RequestContext, name: &VaultName) -> bool {
        match self.vaults.vault(name).await {
            Ok(Some(vault)) => !self.reaches_into(ctx, Some(vault.id)).await.unwrap_or(false),
            Ok(None) | Err(_) => true,
        }
    }

    /// Which vault it is whose row does not read, by what of it does.
    pub(super) async fn id_of_damaged(&self, name: &VaultName) -> Option<VaultId> {
        for deleted in [false, true] {
            let names = self.vaults.vault_names(deleted).await.ok()?;
            if let Some((id, _)) = names.into_iter().find(|(_, stored)| stored == name) {
                return Some(id);
            }
        }
        None
    }

    /// Whether the caller is an Owner of the installation now.
    pub(crate) async fn owns_installation(&self, ctx: &RequestContext) -> Result<bool, StoreError> {
        let assignments = self.grants.assignments_reaching(&ctx.principal, None).await?;
        Ok(assignments.iter().any(|assignment| {
            assignment.role == Role::Owner
                && assignment.scope == Scope::Server
                && assignment.concerns(&ctx.principal, Scope::Server.target(), ctx.judged_by())
                && self.keyring.verify_assignment(assignment).is_ok()
        }))
    }

    /// Whether roles alone allow an action on a vault that cannot be judged, because its row is not what was written, or
    /// that something else keeps back: to say that there it is, and for nothing else.
    pub(crate) async fn roles_allow(&self, ctx: &RequestContext, action: Action, vault: VaultId) -> bool {
        let target = Target { vault: Some(vault), kind: ObjectKind::Vault, name: None };
        self.judge_roles(ctx, action, target, &mut Trace::default()).await.is_ok()
    }

    /// Whether grants alone would allow an action in a vault if it had this access mode. In `modules`
    /// nothing is granted before a module says so.
    pub(crate) async fn grants_would_allow(
        &self,
        ctx: &RequestContext,
        action: Action,
        target: Target<'_>,
        vault: &Vault,
        mode: AccessMode,
    ) -> Result<bool, DenyReason> {
        let mut unused = Trace::default();
        let mut allowed = mode != AccessMode::Modules;
        if allowed && mode.asks_roles() {
            allowed &= granted(self.judge_roles(ctx, action, target, &mut unused).await)?;
        }
        if allowed && mode.asks_access_policies() {
            allowed &= granted(self.judge_access_policies(ctx, action, vault, &mut unused).await)?;
        }
        Ok(allowed)
    }

    pub(super) async fn judge_roles(
        &self,
        ctx: &RequestContext,
        action: Action,
        target: Target<'_>,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let assignments = match self.grants.assignments_reaching(&ctx.principal, target.vault).await {
            Ok(assignments) => assignments,
            Err(error) => {
                tracing::error!(%error, "the gate could not read assignments");
                return Err(trace.deny("grants", unreadable(&error), None));
            }
        };
        for assignment in assignments.iter() {
            let custom = match assignment.role {
                RoleRef::BuiltIn(role) if !role.allows(action) => continue,
                _ if !assignment.concerns(&ctx.principal, target, ctx.judged_by()) => continue,
                RoleRef::BuiltIn(_) => None,
                RoleRef::Custom(id) => match self.custom_role(id, trace).await? {
                    Some(role) if role.permissions().allows(action) && role.assignable_at(&assignment.scope) => {
                        Some(role)
                    }
                    _ => continue,
                },
            };
            if self.keyring.verify_assignment(assignment).is_ok() {
                let role = match (assignment.role, &custom) {
                    (RoleRef::BuiltIn(role), _) => role.name(),
                    (RoleRef::Custom(_), custom) => custom.as_ref().map_or("", |role| role.name.as_str()),
                };
                trace.allow("grants", role, Some(assignment.id.to_string()));
                return Ok(());
            }
            tracing::error!(assignment = %assignment.id, "an assignment fails its authentication and is ignored");
        }
        Err(trace.deny("grants", DenyReason::NoRole, None))
    }

    /// A custom role definition; one that Strongroom did not write permits nothing.
    async fn custom_role(&self, id: Uuid, trace: &mut Trace) -> Result<Option<Arc<RoleDefinition>>, DenyReason> {
        match self.grants.role_definition(id).await {
            Ok(Some(role)) if role.id == id && self.keyring.verify_role(&role).is_ok() => Ok(Some(role)),
            Ok(Some(_)) => {
                tracing::error!(role = %id, "a role definition fails its authentication and is ignored");
                Ok(None)
            }
            Ok(None) => Ok(None),
            Err(StoreError::Damaged(why)) => {
                tracing::error!(%why, role = %id, "a role definition is damaged and is ignored");
                Ok(None)
            }
            Err(error) => {
                tracing::error!(%error, "the gate could not read a role definition");
                Err(trace.deny("grants", unreadable(&error), None))
            }
        }
    }

    async fn judge_access_policies(
        &self,
        ctx: &RequestContext,
        action: Action,
        vault: &Vault,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        const STAGE: &str = "access-policy";
        let policies = match self.grants.access_policies(vault.id, &ctx.principal).await {
            Ok(policies) => policies,
            Err(error) => {
                tracing::error!(%error, "the gate could not read access policies");
                return Err(trace.deny(STAGE, unreadable(&error), None));
            }
        };
        let concerns = |p: &&crate::access_policy::AccessPolicy| {
            p.vault == vault.id && p.grantee.covers(&ctx.principal) && p.allows(action)
        };
        for policy in policies.iter().filter(concerns) {
            if self.keyring.verify_access_policy(policy).is_ok() {
                trace.allow(STAGE, policy.grantee.sort(), Some(format!("revision {}", policy.revision)));
                return Ok(());
            }
            tracing::error!(vault = %vault.name, "an access policy fails its authentication and is ignored");
        }
        Err(trace.deny(STAGE, DenyReason::NoAccessPolicy, None))
    }
}

/// Only what is in a vault follows the vault's access mode; management is by roles alone.
pub(super) fn mode_for(action: Action, vault: Option<&Vault>) -> AccessMode {
    vault.filter(|_| action.is_data()).map_or(AccessMode::Rbac, |vault| vault.settings.access_mode)
}

/// A missing grant is an answer; anything else that denies is a failure to find out.
pub(super) fn granted(verdict: Result<(), DenyReason>) -> Result<bool, DenyReason> {
    match verdict {
        Ok(()) => Ok(true),
        Err(DenyReason::NoRole | DenyReason::NoAccessPolicy) => Ok(false),
        Err(other) => Err(other),
    }
}
