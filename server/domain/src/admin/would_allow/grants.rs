//! Grants as candidates: the least role at the narrowest scope that the caller may assign, or one more permission.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    super::{AdminError, Administration, Described, ScopeRequest},
    Trial,
    candidates::SingleChange,
};
use crate::{
    access_policy::{AccessPolicy, MAX_ACCESS_POLICIES, ObjectPermission, ObjectPermissions},
    action::Action,
    context::RequestContext,
    gate::{Ask, Supposition},
    grant::{Assignment, Scope},
    names::{ObjectKind, VaultName},
    principal::Grantee,
    role::{Role, RoleDefinition, RoleRef},
    vault::Vault,
};

/// A role with what it is called and how much it allows.
struct Found {
    role: RoleRef,
    custom: Option<Arc<RoleDefinition>>,
    breadth: (usize, usize),
    name: String,
}

impl Administration {
    /// The least role that the caller may assign to the principal, at the narrowest scope; or, where there is none,
    /// the least of all with why not. None where a role alone does not suffice.
    pub(super) async fn least_role(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
    ) -> Result<Option<Trial>, AdminError> {
        let (mut suffices, mut refused) = (false, None);
        let roles = self.roles_with(ctx, vault, described.action).await?;
        for (place, scope) in scopes(vault, described) {
            let may_here = self.may_manage(ctx, &place.ask(Action::AssignmentAdd)).await;
            for found in
                roles.iter().filter(|found| found.custom.as_ref().is_none_or(|role| role.assignable_at(&scope)))
            {
                let rule = self.supposed_assignment(theirs, found.role, &scope)?;
                // At the same scope, one role that has the action does as well as another.
                if !suffices && !self.lets_through(theirs, &described.ask(&vault.name), rule.clone()).await {
                    break;
                }
                suffices = true;
                let may = match &may_here {
                    Ok(()) => self.may_give(ctx, theirs, found, &scope).await,
                    Err(AdminError::Denied(denial)) => Err(AdminError::Denied(denial.clone())),
                    Err(_) => Err(AdminError::Unavailable),
                };
                let change = SingleChange::Assign { role: found.role, name: found.name.clone(), scope: place.clone() };
                let trial = Trial { change, rule: Some(rule), may, lifts_rule: false };
                if trial.may.is_ok() {
                    return Ok(Some(trial));
                }
                refused.get_or_insert(trial);
                if may_here.is_err() {
                    break;
                }
            }
        }
        Ok(refused)
    }

    async fn may_give(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        found: &Found,
        scope: &Scope,
    ) -> Result<(), AdminError> {
        let wanted = match (found.role, &found.custom) {
            (RoleRef::BuiltIn(role), _) => role.permissions(),
            (RoleRef::Custom(_), Some(custom)) => custom.permissions(),
            (RoleRef::Custom(_), None) => return Err(AdminError::RoleNotFound),
        };
        if !self.holds(ctx, wanted, scope.target(), None).await? {
            return Err(AdminError::GrantsMoreThanHeld(found.name.clone()));
        }
        self.can_be_assigned(&Grantee::Principal { id: theirs.principal.id.clone() }, found.role, scope, None).await
    }

    /// The roles that have an action, the least first: built in, and those of the vault that the caller may see.
    async fn roles_with(&self, ctx: &RequestContext, vault: &Vault, action: Action) -> Result<Vec<Found>, AdminError> {
        let built_in = Role::ALL.iter().filter(|role| role.allows(action)).map(|role| Found {
            role: RoleRef::BuiltIn(*role),
            custom: None,
            breadth: role.permissions().breadth(),
            name: role.name().to_owned(),
        });
        let mut found: Vec<_> = built_in.collect();
        if self.may_manage(ctx, &Ask::vault(Action::RoleRead, &vault.name)).await.is_ok() {
            let within = Scope::Vault { vault: vault.id };
            for role in self.grants.role_definitions().await? {
                let fits = role.touches(&within) && role.permissions().allows(action);
                if fits && self.keyring.verify_role(&role).is_ok() {
                    let (breadth, name) = (role.permissions().breadth(), role.name.clone());
                    found.push(Found { role: RoleRef::Custom(role.id), custom: Some(Arc::new(role)), breadth, name });
                }
            }
        }
        found.sort_by(|a, b| (a.breadth, a.custom.is_some(), &a.name).cmp(&(b.breadth, b.custom.is_some(), &b.name)));
        Ok(found)
    }

    fn supposed_assignment(
        &self,
        theirs: &RequestContext,
        role: RoleRef,
        scope: &Scope,
    ) -> Result<Supposition, AdminError> {
        let mut assignment = Assignment {
            // It is written nowhere, so it needs no id of its own.
            id: Uuid::nil(),
            grantee: Grantee::Principal { id: theirs.principal.id.clone() },
            role,
            scope: scope.clone(),
            created_at: theirs.now,
            ends_at: None,
            tag: Vec::new(),
        };
        assignment.tag = self.keyring.tag_assignment(&assignment)?;
        Ok(Supposition::Assignment(assignment))
    }

    /// One more permission in the access policy of the principal. None where it alone does not suffice.
    pub(super) async fn one_more_permission(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
        permission: ObjectPermission,
    ) -> Result<Option<Trial>, AdminError> {
        let grantee = Grantee::Principal { id: theirs.principal.id.clone() };
        let all = self.grants.all_access_policies(vault.id).await?;
        let before = all.iter().find(|policy| policy.grantee == grantee);
        let mut permissions = before.map_or_else(ObjectPermissions::default, |policy| policy.permissions.clone());
        permissions.insert(permission);
        let mut policy = AccessPolicy {
            vault: vault.id,
            grantee: grantee.clone(),
            permissions: permissions.clone(),
            revision: before.map_or(theirs.now, |policy| policy.revision),
            tag: Vec::new(),
        };
        policy.tag = self.keyring.tag_access_policy(&policy)?;
        let rule = Supposition::AccessPolicy(policy);
        if !self.lets_through(theirs, &described.ask(&vault.name), rule.clone()).await {
            return Ok(None);
        }
        let may = async {
            self.may_manage(ctx, &Ask::vault(Action::AccessPolicyWrite, &vault.name)).await?;
            if before.is_none() && all.len() >= MAX_ACCESS_POLICIES {
                return Err(AdminError::TooManyAccessPolicies);
            }
            if !self.can_be(&grantee).await? {
                return Err(AdminError::GranteeNotFound);
            }
            self.may_permit(ctx, vault, &grantee, &permissions, before).await
        };
        let may = may.await;
        Ok(Some(Trial {
            change: SingleChange::Permit { permissions, permission },
            rule: Some(rule),
            may,
            lifts_rule: false,
        }))
    }
}

/// Where a role could be assigned, the narrowest first.
fn scopes(vault: &Vault, described: &Described) -> Vec<(ScopeRequest, Scope)> {
    let kind = described.action.object_kind();
    let of: Option<fn(VaultName, crate::names::ObjectName) -> ScopeRequest> = match kind {
        ObjectKind::Secret => Some(ScopeRequest::Secret),
        ObjectKind::Key => Some(ScopeRequest::Key),
        ObjectKind::Certificate => Some(ScopeRequest::Certificate),
        _ => None,
    };
    let object = of
        .zip(described.name.clone())
        .map(|(of, name)| (of(vault.name.clone(), name.clone()), Scope::Object { vault: vault.id, kind, name }));
    let whole = (ScopeRequest::Vault(vault.name.clone()), Scope::Vault { vault: vault.id });
    object.into_iter().chain([whole]).collect()
}
