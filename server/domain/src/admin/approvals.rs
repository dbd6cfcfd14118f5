//! Use cases of approvals: seeing what waits, and granting or refusing what somebody else asks for.
//!
//! Nobody answers their own request, by whatever name they come: issuer and subject are compared. Nor does a workload
//! grant one of whoever gave it a credential. What somebody else
//! refused an Owner of the installation lifts by granting, and the record says that they did.

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;

use super::{AdminError, Administration, WorkloadLabels, content};
use crate::{
    action::Action,
    approval::{ApprovalRequest, ApprovalState, Unheard, Verdict},
    change::Change,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    gate::{Ask, Judgement, OWNER_OVERRULES},
    names::VaultName,
    principal::PrincipalId,
    vault::Vault,
};

/// How often a request is judged anew because what it is about changed meanwhile.
const ATTEMPTS: usize = 4;

/// Requests for approval as people see them.
#[derive(Debug)]
pub struct ApprovalsShown {
    /// Those that have not ended.
    pub requests: Vec<ApprovalRequest>,
    /// Names of the modules that have a say in the vault now: a request of any other waits for nobody.
    pub enforced: BTreeSet<String>,
    /// What is said of the workloads in them.
    pub labels: WorkloadLabels,
}

/// What somebody lacks who may do something once others approve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalLacking {
    /// The module that wants it, as requests for approval name it.
    pub attachment: String,
    /// Their own request for it, if there is one, and how it stands.
    pub asked: Option<(Uuid, ApprovalState)>,
}

impl Administration {
    /// Whether other people's approval is what somebody lacks now, without a record and without asking anybody: for a page
    /// that offers to ask them.
    pub async fn lacks_approval(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Option<ApprovalLacking> {
        let Judgement::Denied(_, denial) = self.gate.judge_ahead(ctx, ask).await else { return None };
        let attachment = denial.inspect(|denial| match &denial.reason {
            DenyReason::Policy { attachment, approval: Some(_), .. } if !attachment.is_empty() => {
                Some(attachment.clone())
            }
            _ => None,
        })?;
        let vault = self.vaults.vault(ask.vault?).await.ok().flatten()?.id;
        let now = ctx.seconds();
        let own = self.gate.approvals.approvals_of(&ctx.principal.id, now).await.unwrap_or_default();
        let asked = own.iter().find(|request| {
            let subject = &request.subject;
            let same = (subject.vault, subject.action) == (vault, ask.action)
                && (subject.name.as_ref(), subject.version.as_ref()) == (ask.name, ask.version);
            same && request.is_there(now) && self.keyring.verify_approval(request).is_ok()
        });
        Some(ApprovalLacking { attachment, asked: asked.map(|request| (request.id, request.state(now))) })
    }

    /// How many requests of others wait in a vault for whom the caller could be to answer them, without a record: a number
    /// beside the way to them, which is no answer by itself.
    ///
    /// # Errors
    /// [`AdminError::Unavailable`] or [`AdminError::Tampered`], where that cannot be told.
    pub async fn waiting_approvals(&self, ctx: &RequestContext, vault: &Arc<Vault>) -> Result<usize, AdminError> {
        let enforced = self.gate.enforced(Arc::clone(vault)).await.map_err(unread)?;
        if enforced.is_empty() {
            return Ok(0);
        }
        let Judgement::Permitted(case) =
            self.gate.judge_ahead(ctx, &Ask::vault(Action::ApprovalRead, &vault.name)).await
        else {
            return Ok(0);
        };
        let now = ctx.seconds();
        let held = self.gate.approvals.approvals(case.permit, now).await;
        let waits = |request: &&ApprovalRequest| {
            request.is_there(now)
                && request.state(now) == ApprovalState::Waiting
                && enforced.contains(&request.attachment)
                && request.subject.principal != ctx.principal.id
        };
        let waiting = held.inspect(|found| match found {
            Ok(all) => Ok(all.iter().filter(waits).count()),
            Err(_) => Err(AdminError::Unavailable),
        })?;
        let decides = waiting > 0 && self.may(ctx, &Ask::vault(Action::ApprovalDecide, &vault.name)).await;
        Ok(if decides { waiting } else { 0 })
    }

    /// The requests for approval in a vault that have not ended, with the names of the workloads in them: whoever is to
    /// agree sees who asks.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_approvals(&self, ctx: &RequestContext, vault: &VaultName) -> Result<ApprovalsShown, AdminError> {
        let case = self.admit(ctx, Ask::vault(Action::ApprovalRead, vault)).await?;
        let Some(of) = case.vault.as_ref().map(|(vault, _)| Arc::clone(vault)) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let enforced = match self.gate.enforced(of).await {
            Ok(enforced) => enforced,
            Err(why) => return Err(self.refuse(ctx, case, unread(why)).await),
        };
        let held = self.gate.approvals.approvals(case.permit, ctx.seconds()).await;
        let held = held.map(|all| {
            let mut all = all?;
            if all.iter().any(|request| self.keyring.verify_approval(request).is_err()) {
                return Err(AdminError::Tampered);
            }
            all.retain(|request| request.is_there(ctx.seconds()));
            Ok(all)
        });
        let requests: Vec<ApprovalRequest> = self.recorder.release(ctx, case.record, held).await??;
        let mut principals: Vec<&PrincipalId> = requests.iter().map(|request| &request.subject.principal).collect();
        principals.extend(requests.iter().flat_map(|request| request.approvals.iter().map(|one| &one.by)));
        principals.extend(requests.iter().filter_map(|request| Some(&request.refusal.as_ref()?.by)));
        let ids: Vec<Uuid> = principals.iter().filter_map(|id| id.workload_of(&self.gate.own_issuer)).collect();
        let labels = self.labels(ids).await;
        Ok(ApprovalsShown { requests, enforced, labels })
    }

    /// Grants or refuses a request of somebody else, for so many seconds, or as long as it may when none are said.
    /// Holds on the next request. A refusal takes back what was granted.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn answer_approval(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        id: Uuid,
        verdict: Verdict,
        seconds: Option<u32>,
    ) -> Result<ApprovalRequest, AdminError> {
        let operation = match verdict {
            Verdict::Grant => "ApprovalGrant",
            Verdict::Refuse => "ApprovalRefuse",
        };
        let asked = content(ctx, &(id, operation, seconds), |told| {
            told.detail("answer", operation);
            told.detail("request", id);
        })?;
        let ask = || Ask { content: Some(&asked), ..Ask::vault(Action::ApprovalDecide, vault) };
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, ask()).await?;
            case.record.object = Some(id.to_string());
            operation.clone_into(&mut case.record.operation);
            let Some(of) = case.vault.as_ref().map(|(vault, _)| vault.id) else {
                return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
            };
            let next = async {
                let found = self.gate.approvals.approval(id).await?.ok_or(AdminError::ApprovalNotFound)?;
                self.keyring.verify_approval(&found)?;
                if found.subject.vault != of || found.id != id || !found.is_there(ctx.seconds()) {
                    return Err(AdminError::ApprovalNotFound);
                }
                // Whoever may not approve any more stands in nobody's place.
                let found = self.gate.standing(ctx, found).await.map_err(unread)?;
                let by = self.gate.approver(ctx, of).await.map_err(unread)?;
                if verdict == Verdict::Grant
                    && self.gate.could_be(ctx, &found.subject.principal).await.map_err(unread)?
                {
                    return Err(AdminError::OwnApproval);
                }
                let overruled = found.is_refused_by_other_than(&by.id);
                let mut next = found.answered(&by, verdict, seconds, ctx.seconds())?;
                next.tag = self.keyring.tag_approval(&next)?;
                Ok((next, found.revision, overruled))
            };
            let (next, before, overruled) = match next.await {
                Ok(next) => next,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            if overruled {
                case.record.trace.push(Stage::new("approvals", StageEffect::Allow, OWNER_OVERRULES));
            }
            let change =
                Change::PutApproval { request: Box::new(next.clone()), replaces: Some(before), now: ctx.seconds() };
            if let Some(done) = self.change(ctx, case, next.revision, change, next).await? {
                return Ok(done);
            }
        }
        Err(self.contended(ctx, ask()).await)
    }
}

/// What the gate could not find out.
fn unread(why: DenyReason) -> AdminError {
    if why == DenyReason::Tampered { AdminError::Tampered } else { AdminError::Unavailable }
}

impl From<Unheard> for AdminError {
    fn from(why: Unheard) -> Self {
        match why {
            Unheard::Own => Self::OwnApproval,
            Unheard::Seconds => {
                Self::Invalid("the seconds are from 60 to what the policy module lets an approval of this count")
            }
            Unheard::Enough => Self::Invalid("as many people as may have approved this already"),
            Unheard::Refused => Self::ApprovalRefused,
        }
    }
}
