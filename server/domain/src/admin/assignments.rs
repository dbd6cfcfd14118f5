//! Use cases of role assignments. Nobody can grant what they do not hold.

use super::{AdminError, Administration};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::Ask,
    grant::{Assignment, Scope, Target},
    names::{ObjectKind, ObjectName, VaultName},
    principal::Grantee,
    role::Role,
    time::uuid_v4,
};

/// Where an assignment is to apply, in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeRequest {
    /// The whole installation.
    Server,
    /// A vault.
    Vault(VaultName),
    /// A secret of a vault.
    Secret(VaultName, ObjectName),
}

impl Administration {
    /// Gives a role to somebody. The granting principal must hold every action of it at the scope.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn add_assignment(
        &self,
        ctx: &RequestContext,
        grantee: Grantee,
        role: Role,
        scope: &ScopeRequest,
    ) -> Result<Assignment, AdminError> {
        let ask = match scope {
            ScopeRequest::Server => Ask::server(Action::AssignmentAdd),
            ScopeRequest::Vault(vault) => Ask::vault(Action::AssignmentAdd, vault),
            ScopeRequest::Secret(vault, name) => Ask::secret(Action::AssignmentAdd, vault, name),
        };
        let case = self.admit(ctx, ask).await?;
        let vault = case.vault.as_ref().map(|(vault, _)| vault.id);
        let (resolved, target) = match (scope, vault) {
            (ScopeRequest::Server, _) => (Scope::Server, Target { vault: None, kind: ObjectKind::Server, name: None }),
            (ScopeRequest::Vault(_), Some(vault)) => {
                (Scope::Vault { vault }, Target { vault: Some(vault), kind: ObjectKind::Vault, name: None })
            }
            (ScopeRequest::Secret(_, name), Some(vault)) => (
                Scope::Object { vault, kind: ObjectKind::Secret, name: name.clone() },
                Target { vault: Some(vault), kind: ObjectKind::Secret, name: Some(name) },
            ),
            (_, None) => return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await),
        };
        let bootstrap = crate::gate::may_bootstrap(ctx, Action::AssignmentAdd);
        if !bootstrap && !self.holds(ctx, role, target).await? {
            return Err(self.refuse(ctx, case, AdminError::GrantsMoreThanHeld(role)).await);
        }
        let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let mut assignment = Assignment { id, grantee, role, scope: resolved, created_at: ctx.now, tag: Vec::new() };
        assignment.tag = self.keyring.tag_assignment(&assignment)?;
        let change = Change::AddAssignment(Box::new(assignment.clone()));
        self.change(ctx, case, 1, change, assignment).await?.ok_or(AdminError::Unavailable)
    }

    /// Whether the principal holds everything in `role` at the target, by grants that are authentic.
    async fn holds(&self, ctx: &RequestContext, role: Role, target: Target<'_>) -> Result<bool, AdminError> {
        let assignments = self.grants.assignments(&ctx.principal).await?;
        let held: Vec<Role> = assignments
            .iter()
            .filter(|a| a.grantee.covers(&ctx.principal) && a.scope.covers(target))
            .filter(|a| self.keyring.verify_assignment(a).is_ok())
            .map(|a| a.role)
            .collect();
        Ok(role.data_actions().iter().all(|wanted| held.iter().any(|role| role.covers(wanted))))
    }
}
