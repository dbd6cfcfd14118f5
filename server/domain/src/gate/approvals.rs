//! Approvals at the gate: those that count are a fact for the modules that want to know, and a module that denies
//! for want of them has a request opened, in the transaction of the denial's record.
//!
//! One that was given is never taken for granted: each time it would count, its giver must still hold the action in
//! the vault, by a role of their own or by one of the group that carried it, and a workload of this installation must
//! not be gone or disabled, nor have been since, nor have a credential that whoever asks gave it. That costs a request at most [`MAX_APPROVERS`] look-ups of
//! assignments, which are cached. What cannot be read counts for nothing. Whether a person is still in the group, or
//! still at their issuer, is not known here: until the approval ends, the way to take it back is to refuse.
//!
//! [`MAX_APPROVERS`]: crate::approval::MAX_APPROVERS

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::{
    Ask, Gate, Judged, Proposed, Trace,
    grants::granted,
    seen::{policy_after, policy_request},
    told::told,
    unreadable,
};
use crate::{
    action::Action,
    approval::{Approval, ApprovalRequest, ApprovalSubject, Approver, Content},
    change::Change,
    context::RequestContext,
    decision::{ApprovalWanted, ApprovalWrite, Denial, DenyReason},
    grant::Target,
    names::{ObjectKind, VaultId},
    permit::{Held, ObjectRef, Permit},
    policy::{Obligation, PolicyApproval, PolicyRequest},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::{Denied, NoRecord, Record, Recorder},
    secret::SecretFacts,
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
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        // Without a vault there is nobody to ask.
        let Some((subject, _)) = subject(ctx, ask, judged) else {
            request.approvals = Some(Vec::new());
            return Ok(());
        };
        let found = async {
            let found = self.request_for(&subject, ctx.judged_seconds()).await?;
            match found.filter(|found| found.is_of(revision(judged))) {
                Some(found) => self.standing(ctx, found).await.map(Some),
                None => Ok(None),
            }
        };
        match found.await {
            Ok(found) => {
                let counting = found.iter().flat_map(|found| found.counting(ctx.judged_seconds()));
                let approvals = counting.map(|one| PolicyApproval {
                    issuer: one.by.issuer.clone(),
                    subject: one.by.subject.clone(),
                    granted: one.granted,
                    until: one.until,
                });
                let approvals: Vec<_> = approvals.collect();
                judged.spends = found.filter(|_| counts_once(ask.action) && !approvals.is_empty()).map(Box::new);
                request.approvals = Some(approvals);
                Ok(())
            }
            Err(DenyReason::Tampered) => Err(trace.deny("approvals", DenyReason::Tampered, None)),
            Err(_) => Ok(()),
        }
    }

    /// The request without the approvals of those who may not give them any more.
    pub(crate) async fn standing(
        &self,
        ctx: &RequestContext,
        mut request: ApprovalRequest,
    ) -> Result<ApprovalRequest, DenyReason> {
        let mut standing = Vec::with_capacity(request.approvals.len());
        for approval in std::mem::take(&mut request.approvals) {
            if self.still_decides(ctx, &approval, &request.subject).await? {
                standing.push(approval);
            } else {
                tracing::info!(request = %request.id, by = %approval.by, "an approval counts no more: its giver may not decide");
            }
        }
        Ok(ApprovalRequest { approvals: standing, ..request })
    }

    async fn still_decides(
        &self,
        ctx: &RequestContext,
        approval: &Approval,
        subject: &ApprovalSubject,
    ) -> Result<bool, DenyReason> {
        let by = &approval.by;
        let own = by.issuer == self.own_issuer;
        if own {
            let Ok(client_id) = Uuid::try_parse(&by.subject) else { return Ok(false) };
            let found = self.identities.workload(client_id).await.map_err(|error| {
                tracing::error!(%error, "the gate could not read the workload of an approver");
                unreadable(&error)
            })?;
            let Some(workload) = found else { return Ok(false) };
            if self.keyring.verify_workload(&workload).is_err() || workload.client_id != client_id {
                return Err(DenyReason::Tampered);
            }
            let speaks_for_itself = !workload.givers.contains(&subject.principal);
            if !workload.enabled || approval.generation != Some(workload.generation) || !speaks_for_itself {
                return Ok(false);
            }
        }
        let approver = Principal {
            id: by.clone(),
            kind: if own { PrincipalKind::Workload } else { PrincipalKind::User },
            groups: approval.group.iter().cloned().collect(),
            claims: BTreeMap::new(),
            token: None,
            ends: None,
        };
        self.may_decide(ctx, approver, subject.vault).await
    }

    /// Whether somebody may answer requests in a vault, by roles alone.
    async fn may_decide(&self, ctx: &RequestContext, who: Principal, vault: VaultId) -> Result<bool, DenyReason> {
        let target = Target { vault: Some(vault), kind: ObjectKind::Vault, name: None };
        let theirs =
            RequestContext::new(ctx.request_id, Arc::new(who), ctx.client, ctx.listener.clone(), ctx.judged_by());
        granted(self.judge_roles(&theirs, Action::ApprovalDecide, target, &mut Trace::default()).await)
    }

    /// The caller as one who answers requests in a vault: by a role of their own, or by which of their groups.
    pub(crate) async fn approver(&self, ctx: &RequestContext, vault: VaultId) -> Result<Approver, DenyReason> {
        let principal = &ctx.principal;
        let with = |groups| Principal { groups, ..(**principal).clone() };
        let mut group = None;
        if !self.may_decide(ctx, with(Vec::new()), vault).await? {
            let reaching = self.grants.assignments_reaching(principal, Some(vault)).await;
            for assignment in reaching.map_err(|error| unreadable(&error))?.iter() {
                let Grantee::Group { group: name, .. } = &assignment.grantee else { continue };
                if self.may_decide(ctx, with(vec![name.clone()]), vault).await? {
                    group = Some(name.clone());
                    break;
                }
            }
        }
        Ok(Approver {
            id: principal.id.clone(),
            group,
            generation: principal.token.map(|token| token.generation),
            owns_installation: self.owns_installation(ctx).await.map_err(|error| unreadable(&error))?,
        })
    }

    /// Whether the caller is a workload that somebody gave a credential, who could answer as it.
    pub(crate) async fn could_be(&self, ctx: &RequestContext, who: &PrincipalId) -> Result<bool, DenyReason> {
        let Some(client_id) = ctx.principal.id.workload_of(&self.own_issuer) else { return Ok(false) };
        match self.identities.workload(client_id).await.map_err(|error| unreadable(&error))? {
            Some(workload) if self.keyring.verify_workload(&workload).is_err() => Err(DenyReason::Tampered),
            found => Ok(found.is_some_and(|workload| workload.givers.contains(who))),
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
    ///
    /// A stranger to the vault is one whom a module with authority would let in once others approved. For them what is
    /// not there waits for nobody; neither that nor a request is told, because either would tell which objects there are.
    pub(super) async fn approval_wanted(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        attachment: &str,
        (approvers, valid_for): (u32, u32),
        stranger: bool,
    ) -> ApprovalWanted {
        let none = ApprovalWanted { of_stranger: stranger, ..ApprovalWanted::default() };
        let (Some((subject, details)), Some(vault)) = (subject(ctx, ask, judged), ask.vault) else { return none };
        if stranger && ask.name.is_some() && judged.facts.is_none() && !ask.action.makes_objects() {
            return none;
        }
        let now = ctx.judged_seconds();
        let Ok(known) = self.request_for(&subject, now).await else { return none };
        let seen = revision(judged);
        let (mut next, replaces) = match &known {
            None => {
                let new = ApprovalRequest::open(ctx.request_id, subject, seen, attachment, approvers, valid_for, now);
                (ApprovalRequest { details, ..new }, None)
            }
            Some(known) if !known.is_of(seen) => {
                (known.anew(seen, attachment, approvers, valid_for, now), Some(known.revision))
            }
            Some(known) => match known.asking_for(attachment, approvers, valid_for, now) {
                Some(next) => (next, Some(known.revision)),
                None if stranger => return none,
                None => {
                    let refused_until = known.refusal.as_ref().map(|refusal| refusal.until);
                    return ApprovalWanted { request: Some(known.id), refused_until, ..none };
                }
            },
        };
        if ctx.only_looks() {
            return ApprovalWanted { askable: !stranger, ..none };
        }
        next.stranger = stranger;
        let Ok(tag) = self.keyring.tag_approval(&next) else { return none };
        next.tag = tag;
        let write = ApprovalWrite { request: next, replaces, vault: vault.clone() };
        let request = (!stranger).then_some(write.request.id);
        ApprovalWanted { request, writes: Some(Box::new(write)), ..none }
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
        let change = Change::PutApproval { request: Box::new(request), replaces, now: ctx.judged_seconds() };
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
                        (wanted.request, wanted.writes) = (known.filter(|_| !wanted.of_stranger), None);
                    }
                    denial
                };
                recorder.release(ctx, record, denial.map(without)).await
            }
        }
    }
}

/// Whether an approval is for one time: of data it is for a while, of the management of a vault and of what is revoked
/// for what was agreed to, which is done then.
fn counts_once(action: Action) -> bool {
    !action.is_data() || action == Action::CertificateRevoke
}

/// What an approval would be for, and what is told of it; none without a vault, whose approvers could be asked.
fn subject(
    ctx: &RequestContext,
    ask: &Ask<'_>,
    judged: &Judged,
) -> Option<(ApprovalSubject, BTreeMap<String, String>)> {
    let (vault, _) = judged.vault.as_ref()?;
    let content = match (ask.content, ask.proposed) {
        // What is told of a change is not what comes of it: two that were agreed to, one laid over the other, would be
        // something that nobody agreed to.
        (Some(content), Some(Proposed::Patch(_))) => Some(content.clone().over(revision(judged)).ok()?),
        (Some(content), _) => Some(content.clone()),
        // What cannot be told apart from something else is not asked for.
        (None, _) => written(ctx, ask, judged.facts.as_deref()).ok()?,
    };
    let (content, details) = content.map(Content::into_parts).unzip();
    let subject = ApprovalSubject {
        vault: vault.id,
        principal: ctx.principal.id.clone(),
        action: ask.action,
        kind: ask.kind,
        name: ask.name.cloned(),
        version: ask.version.cloned(),
        content,
    };
    Some((subject, details.unwrap_or_default()))
}

/// What a write makes of an object, as far as modules see it, and of an operation with a key its algorithm; none of
/// what is neither. Never a value nor data: whoever agrees to a write or an operation agrees to any. Moments that follow
/// from the time at which it is made are left out, since it is made later than it was asked for.
fn written(
    ctx: &RequestContext,
    ask: &Ask<'_>,
    facts: Option<&SecretFacts>,
) -> Result<Option<Content>, serde_json::Error> {
    let writes = ask.proposed.is_some() || ask.key.is_some() || ask.operations.is_some();
    if !writes && ask.certificate.is_none() && ask.policy.is_none() && ask.versions.is_empty() {
        // Of what a key does: by which algorithm. What it does it to is a value, or stands for one.
        let by = |algorithm: &str| {
            let told = BTreeMap::from([("algorithm".to_owned(), algorithm.to_owned())]);
            Content::of(&("algorithm", algorithm), told)
        };
        return ask.algorithm.map(by).transpose();
    }
    let mut seen = policy_request(ctx, ask, facts);
    let from_now_on = match ask.proposed {
        Some(Proposed::Whole(_) | Proposed::Patch(_)) => ask.action == Action::CertificateCreate,
        _ => true,
    };
    if from_now_on {
        (seen.object.not_before, seen.object.expires) = (None, None);
    }
    // Fewer each day of one that is there, whose end is told in any case.
    if (from_now_on || ask.next.is_some())
        && let Some(request) = &mut seen.certificate_request
    {
        request.validity_days = None;
    }
    let terms = match ask.proposed {
        Some(Proposed::SuccessorBy { terms, .. }) => Some(terms),
        _ => None,
    };
    let policy = policy_after(ask, facts);
    let policy = policy.as_ref().or(ask.next).or(ask.certificate.map(|(policy, _)| policy));
    let metas = ask.versions.iter().map(|version| &version.meta);
    let versions: Vec<_> = metas.map(|meta| (&meta.attributes, &meta.key, &meta.certificate)).collect();
    let object = &seen.object;
    // No module sees it, and who agrees does: programs go by it.
    let proposed = ask.proposed.and_then(|proposed| proposed.over(facts));
    let content_type = proposed.as_ref().and_then(|attributes| attributes.content_type.as_deref());
    let attributes = (&object.tags, object.enabled, object.not_before, object.expires, content_type);
    let mut details = told(&seen, content_type, policy, ask.versions)?;
    if let Some(terms) = terms {
        let mut record = Record::of(ctx, ask.action.operation());
        record.detail_rotation(terms);
        details.append(&mut record.details);
    }
    let all = (attributes, &seen.key_operation, &seen.certificate_request, policy, terms, versions);
    Content::of(&all, details).map(Some)
}

/// At which revision the name of the object is that is judged; none when there is no such object.
fn revision(judged: &Judged) -> Option<i64> {
    judged.facts.as_ref().map(|facts| facts.secret.revision)
}

/// How many people an answer wants to approve, and for how long that counts: the strictest of what it says.
pub(super) fn wanted(obligations: &[Obligation]) -> Option<(u32, u32)> {
    let wishes = obligations.iter().filter_map(|obligation| match obligation {
        Obligation::RequireApproval { approvers, valid_for } => Some((*approvers, *valid_for)),
        _ => None,
    });
    wishes.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))
}
