//! Use case: who may give access at a scope, for whoever looks for somebody to ask. It tells nothing that the list of
//! assignments does not tell, and nobody who may not read that.

use super::{
    AdminError, Administration,
    assignments::{AssignmentShown, ScopeRequest, shown},
};
use crate::{access_policy::AccessMode, action::Action, context::RequestContext, grant::Scope, role::Permissions};

impl Administration {
    /// The assignments at exactly this scope by which access can be given to a vault of this access mode: by roles, and by
    /// access policies where the mode asks them. One that has ended is none.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn who_gives_access(
        &self,
        ctx: &RequestContext,
        at: &ScopeRequest,
        mode: AccessMode,
    ) -> Result<Vec<AssignmentShown>, AdminError> {
        let case = self.admit(ctx, at.ask(Action::AssignmentRead)).await?;
        let Some(scope) = at.resolve(&case) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let found = self.givers(ctx, &scope, mode).await;
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    async fn givers(
        &self,
        ctx: &RequestContext,
        scope: &Scope,
        mode: AccessMode,
    ) -> Result<Vec<AssignmentShown>, AdminError> {
        let all = self.grants.assignments_at(scope).await?;
        // A line that Strongroom did not write grants nothing, and is not shown as if it did.
        if all.iter().any(|assignment| self.keyring.verify_assignment(assignment).is_err()) {
            return Err(AdminError::Tampered);
        }
        let mut giving = Vec::new();
        for assignment in all.into_iter().filter(|assignment| assignment.counts_at(ctx.now)) {
            if self.permits(&assignment, |role| gives_access(role, mode)).await? {
                giving.push(assignment);
            }
        }
        giving.sort_by_key(|assignment| assignment.created_at);
        let names = self.names_for(giving.iter()).await?;
        Ok(giving.into_iter().map(|assignment| shown(assignment, &names)).collect())
    }
}

fn gives_access(permissions: Permissions<'_>, mode: AccessMode) -> bool {
    permissions.allows(Action::AssignmentAdd)
        || (mode.asks_access_policies() && permissions.allows(Action::AccessPolicyWrite))
}
