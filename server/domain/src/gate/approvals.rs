//! Approvals at the gate: those that count are a fact for the modules that want to know, and a module that denies
//! for want of them has a request opened, in the transaction of the denial's record.

use super::{Ask, Gate, Judged, Trace, unreadable};
use crate::{
    action::Action,
    approval::{ApprovalRequest, ApprovalSubject},
    change::Change,
    context::RequestContext,
    decision::{ApprovalWanted, ApprovalWrite, Denial, DenyReason},
    names::ObjectKind,
    permit::{Held, ObjectRef, Permit},
    policy::{Obligation, PolicyApproval, PolicyRequest},
    record::{Denied, NoRecord, Record, Recorder},
};

/// The fact that tells which other people agree.
pub(super) const APPROVALS: &str = "approvals";

impl Gate {
    /// Puts the approvals that count now into a request. Where they cannot be read they are left out, and a module
    /// that wants them fails.
    pub(super) async fn gather_approvals(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        request: &mut PolicyRequest,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        // Without a vault there is nobody to ask.
        let Some(subject) = subject(ctx, ask, judged) else {
            request.approvals = Some(Vec::new());
            return Ok(());
        };
        match self.request_for(&subject, ctx.seconds()).await {
            Ok(found) => {
                let counting = found.iter().flat_map(|found| found.counting(ctx.seconds()));
                let approvals = counting.map(|one| PolicyApproval {
                    issuer: one.by.issuer.clone(),
                    subject: one.by.subject.clone(),
                    granted: one.granted,
                    until: one.until,
                });
                request.approvals = Some(approvals.collect());
                Ok(())
            }
            Err(DenyReason::Tampered) => Err(trace.deny("approvals", DenyReason::Tampered, None)),
            Err(_) => Ok(()),
        }
    }

    /// The authentic request for this subject that has not ended.
    async fn request_for(&self, subject: &ApprovalSubject, now: i64) -> Result<Option<ApprovalRequest>, DenyReason> {
        let found = self.approvals.approval_for(&subject.key(), now).await.map_err(|error| {
            tracing::error!(%error, "the gate could not read a request for approval");
            unreadable(&error)
        })?;
        match found {
            Some(found) if self.keyring.verify_approval(&found).is_err() || found.subject != *subject => {
                tracing::error!(request = %found.id, "a request for approval fails its authentication");
                Err(DenyReason::Tampered)
            }
            // What its row says of its end is authentic only now.
            found => Ok(found.filter(|found| found.is_there(now))),
        }
    }

    /// What becomes of a module's wish that other people approve. Writes nothing: [`Gate::turn_away`] does.
    pub(super) async fn approval_wanted(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        attachment: &str,
        (approvers, valid_for): (u32, u32),
    ) -> ApprovalWanted {
        let none = ApprovalWanted { request: None, refused_until: None, writes: None };
        let (Some(subject), Some(vault)) = (subject(ctx, ask, judged), ask.vault) else { return none };
        let now = ctx.seconds();
        let Ok(known) = self.request_for(&subject, now).await else { return none };
        let (mut next, replaces) = match &known {
            None => (ApprovalRequest::open(ctx.request_id, subject, attachment, approvers, valid_for, now), None),
            Some(known) => match known.asking_for(approvers, valid_for, now) {
                Some(next) => (next, Some(known.revision)),
                None => {
                    let refused_until = known.refusal.as_ref().map(|refusal| refusal.until);
                    return ApprovalWanted { request: Some(known.id), refused_until, writes: None };
                }
            },
        };
        let Ok(tag) = self.keyring.tag_approval(&next) else { return none };
        next.tag = tag;
        let write = ApprovalWrite { request: next, replaces, vault: vault.clone() };
        ApprovalWanted { request: Some(write.request.id), refused_until: None, writes: Some(Box::new(write)) }
    }

    /// Records a denial and tells it. Where a module wants other people's approval, the request for it is opened in
    /// the same transaction; if it cannot be, the denial says so and stands.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub(crate) async fn turn_away(
        &self,
        recorder: &Recorder,
        ctx: &RequestContext,
        record: Record,
        denial: Held<Denial>,
    ) -> Result<Denial, NoRecord> {
        let write = denial.inspect(|denial| denial.reason.approval().and_then(|wanted| wanted.writes.clone()));
        let Some(write) = write else { return recorder.release(ctx, record, denial).await };
        let ApprovalWrite { request, replaces, vault } = *write;
        let subject = request.subject.clone();
        let object = ObjectRef { vault: Some((subject.vault, vault)), kind: ObjectKind::Vault, name: None };
        let permit = Permit::grant(ctx.request_id, Action::ApprovalOpen, object, record.settings_revision);
        let change = Change::PutApproval { request: Box::new(request), replaces, now: ctx.seconds() };
        let Ok((change, _)) = permit.apply(change, ()) else {
            tracing::error!("a request for approval did not fit its permit");
            return Err(NoRecord::NotWritten);
        };
        match recorder.deny(ctx, record.clone(), change, denial).await? {
            Denied::Told(denial) => Ok(denial),
            // There are too many, or another request of the same was quicker.
            Denied::NotWritten(denial) => {
                let known = self.request_for(&subject, ctx.seconds()).await.ok().flatten().map(|known| known.id);
                let without = |mut denial: Denial| {
                    if let Some(wanted) = denial.reason.approval_mut() {
                        (wanted.request, wanted.writes) = (known, None);
                    }
                    denial
                };
                recorder.release(ctx, record, denial.map(without)).await
            }
        }
    }
}

/// What an approval would be for; none without a vault, whose approvers could be asked.
fn subject(ctx: &RequestContext, ask: &Ask<'_>, judged: &Judged) -> Option<ApprovalSubject> {
    let (vault, _) = judged.vault.as_ref()?;
    Some(ApprovalSubject {
        vault: vault.id,
        principal: ctx.principal.id.clone(),
        action: ask.action,
        kind: ask.kind,
        name: ask.name.cloned(),
        version: ask.version.cloned(),
    })
}

/// How many people an answer wants to approve, and for how long that counts: the strictest of what it says.
pub(super) fn wanted(obligations: &[Obligation]) -> Option<(u32, u32)> {
    let wishes = obligations.iter().filter_map(|obligation| match obligation {
        Obligation::RequireApproval { approvers, valid_for } => Some((*approvers, *valid_for)),
        _ => None,
    });
    wishes.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))
}
