//! The last way in: an Owner of the installation without an end stays, whatever is taken away.
//!
//! Another Owner that was found must still be there, unchanged, when the change is committed
//! ([`Remaining`]); otherwise two who take each other's away would both succeed.

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    change::Remaining,
    context::RequestContext,
    grant::{Assignment, Scope},
    identity::Workload,
    principal::{Grantee, PrincipalId},
    role::Role,
};

/// Whether a grantee can be anybody at all now.
enum Presence {
    /// Somebody or some group of another issuer, which knows more than we do.
    Elsewhere,
    /// A workload of ours, as it is at this revision.
    Workload(Uuid, i64),
    /// Nobody.
    Nobody,
}

impl Administration {
    /// The Owners of the installation by authentic assignments that have not ended at this moment (Unix
    /// milliseconds). For a start of the server, which has to know before it appoints anybody.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn owners(&self, now: i64) -> Result<Vec<Grantee>, AdminError> {
        let assigned = self.grants.installation_assignments().await?;
        let owns = assigned.into_iter().filter(|assignment| {
            assignment.role == Role::Owner
                && assignment.scope == Scope::Server
                && assignment.ends_at.is_none_or(|end| end > now)
                && self.keyring.verify_assignment(assignment).is_ok()
        });
        Ok(owns.map(|assignment| assignment.grantee).collect())
    }

    /// Whether this assignment of the caller's own cannot be given up, because no other Owner of the installation without
    /// an end would be left. For a page that says so beforehand.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn is_last_owner(&self, ctx: &RequestContext, own: &Assignment) -> Result<bool, AdminError> {
        if !(own.role == Role::Owner && own.scope == Scope::Server && own.grantee.covers(&ctx.principal)) {
            return Ok(false);
        }
        match self.another_owner(ctx, |other| other.id == own.id).await {
            Ok(_) => Ok(false),
            Err(AdminError::LastOwner) => Ok(true),
            Err(why) => Err(why),
        }
    }

    /// Another authentic Owner of the installation than those whom `gone` names, without an end. A group
    /// counts, because who is in it is known elsewhere; a workload that could get no token does not.
    pub(super) async fn another_owner(
        &self,
        ctx: &RequestContext,
        gone: impl Fn(&Assignment) -> bool,
    ) -> Result<Remaining, AdminError> {
        for other in self.grants.installation_assignments().await? {
            if gone(&other) || !self.owns_without_end(&other) {
                continue;
            }
            let workload = match self.presence(ctx, &other.grantee).await? {
                Presence::Elsewhere => None,
                Presence::Workload(client_id, revision) => Some((client_id, revision)),
                Presence::Nobody => continue,
            };
            return Ok(Remaining { assignment: other.id, workload });
        }
        Err(AdminError::LastOwner)
    }

    /// What must remain when a workload is changed, or deleted (`after` none): another Owner, if this one
    /// is an Owner and could get no token any more.
    pub(super) async fn remaining_without(
        &self,
        ctx: &RequestContext,
        before: &Workload,
        after: Option<&Workload>,
    ) -> Result<Option<Remaining>, AdminError> {
        let now = ctx.seconds();
        if !before.can_come(now) || after.is_some_and(|after| after.can_come(now)) {
            return Ok(None);
        }
        let id = PrincipalId { issuer: self.gate.own_issuer.clone(), subject: before.client_id.to_string() };
        let grantee = Grantee::Principal { id };
        let owns = |a: &Assignment| a.grantee == grantee && self.owns_without_end(a);
        if !self.grants.installation_assignments().await?.iter().any(owns) {
            return Ok(None);
        }
        self.another_owner(ctx, |other| other.grantee == grantee).await.map(Some)
    }

    fn owns_without_end(&self, assignment: &Assignment) -> bool {
        assignment.role == Role::Owner
            && assignment.scope == Scope::Server
            && assignment.ends_at.is_none()
            && self.keyring.verify_assignment(assignment).is_ok()
    }

    async fn presence(&self, ctx: &RequestContext, grantee: &Grantee) -> Result<Presence, AdminError> {
        let Grantee::Principal { id } = grantee else { return Ok(Presence::Elsewhere) };
        if id.issuer != self.gate.own_issuer {
            return Ok(Presence::Elsewhere);
        }
        let Ok(client_id) = Uuid::try_parse(&id.subject) else { return Ok(Presence::Nobody) };
        let workload = self.gate.identities.workload(client_id).await?;
        let workload = workload.filter(|w| w.can_come(ctx.seconds()) && self.keyring.verify_workload(w).is_ok());
        Ok(workload.map_or(Presence::Nobody, |w| Presence::Workload(w.client_id, w.revision)))
    }
}
