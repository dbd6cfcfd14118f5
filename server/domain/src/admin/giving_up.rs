//! Giving up a role of one's own: open to every person, because it gives nobody anything, and everything else that is asked of
//! a removal is asked of it too: network rules, policy modules with the approvals that they want, the record, the last Owner.
//!
//! One thing it must never do: let somebody who configures a vault shed what binds them there. Whoever may do nothing with what is in
//! a vault lifts its modules; who made themselves such a one could lift them for a colleague.

use super::{AdminError, Administration, OwnRestriction};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Case, OWN_ASSIGNMENT},
    grant::{Assignment, Scope},
    role::{Permissions, RoleRef},
};

/// Whether a removal rests on nothing but that it is the caller's own.
pub(super) fn gives_up(case: &Case) -> bool {
    case.record.trace.iter().any(|stage| stage.stage == "grants" && stage.reason == OWN_ASSIGNMENT)
}

impl Administration {
    /// Whether the caller stays bound to what restricts them without this assignment of theirs.
    pub(super) async fn may_give_up(&self, ctx: &RequestContext, own: &Assignment) -> Result<(), AdminError> {
        if !own.counts_at(ctx.now) || !self.permits(own, |role| role.concern_contents()).await? {
            return Ok(());
        }
        for other in self.grants.assignments(&ctx.principal).await?.iter() {
            let reaches = !matches!(other.scope, Scope::Object { .. }) && other.scope.meets(&own.scope);
            let counts = other.id != own.id && other.counts_at(ctx.now) && other.grantee.covers(&ctx.principal);
            if reaches
                && counts
                && self.keyring.verify_assignment(other).is_ok()
                && self.permits(other, |role| role.allows(Action::VaultUpdate)).await?
            {
                return Err(AdminError::LiftsOwnRestriction(OwnRestriction::OwnRole));
            }
        }
        Ok(())
    }

    /// Whether the role of an assignment permits something where it is assigned.
    pub(super) async fn permits(
        &self,
        assignment: &Assignment,
        what: impl Fn(Permissions<'_>) -> bool + Send,
    ) -> Result<bool, AdminError> {
        Ok(match assignment.role {
            RoleRef::BuiltIn(role) => what(role.permissions()),
            RoleRef::Custom(id) => {
                let role = self.custom_role(id).await?.filter(|role| role.assignable_at(&assignment.scope));
                role.is_some_and(|role| what(role.permissions()))
            }
        })
    }
}
