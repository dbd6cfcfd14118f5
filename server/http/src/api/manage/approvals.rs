//! `/api/v1/vaults/{vault}/approvals`: what policy modules want other people's approval for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::ApprovalsShown,
    approval::{Approval, ApprovalRequest, Verdict},
    names::{ObjectName, ObjectVersion},
    principal::PrincipalId,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{List, vault_name};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

/// For how long somebody's word counts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnswerApproval)]
pub(crate) struct Answer {
    /// Seconds from now: 60 to the request's `valid_for`, which it is when absent.
    #[serde(default)]
    seconds: Option<u32>,
}

/// A request for approval: for this principal, this operation, this object and what would be made of it alone.
#[derive(Serialize, ToSchema)]
#[schema(as = ApprovalRequest)]
pub(crate) struct View<'a> {
    id: Uuid,
    /// Who asks.
    #[schema(value_type = shapes::PrincipalId)]
    principal: &'a PrincipalId,
    /// Name of the workload of this installation that they are; in lists alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_name: Option<&'a str>,
    /// Name of the operation, as in audit records.
    operation: &'static str,
    /// Kind of the object.
    kind: &'static str,
    /// Name of the object; absent when the whole collection is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// The version; absent when none was named, which is whatever is current when it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    /// What would be made of it, where the operation does not say it: whom a role is for, which settings would be others,
    /// what a write would set, in the words of audit records. Never a value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: &'a BTreeMap<String, String>,
    /// Name of the attached module that wants it; of several, the one that waits for it now.
    policy: &'a str,
    /// Whether a module of that name has a say in the vault now; when not, nobody waits for this any more. In lists alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_enforced: Option<bool>,
    /// How many people have to approve.
    approvers: u32,
    /// For how long an approval counts at most, in seconds.
    valid_for: u32,
    /// `waiting`, `granted` or `refused`.
    state: &'static str,
    /// When it was opened, Unix seconds.
    opened: i64,
    /// When it ends, Unix seconds: then it is as if it had not been.
    ends: i64,
    /// The approvals that count.
    approvals: Vec<ApprovalView<'a>>,
    /// The refusal that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<RefusalView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
pub(crate) struct ApprovalView<'a> {
    /// Who approved.
    #[schema(value_type = shapes::PrincipalId)]
    by: &'a PrincipalId,
    /// Name of the workload of this installation that they are; in lists alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_name: Option<&'a str>,
    /// Unix seconds.
    granted: i64,
    /// Unix seconds.
    until: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(crate) struct RefusalView<'a> {
    /// Who refused.
    #[schema(value_type = shapes::PrincipalId)]
    by: &'a PrincipalId,
    /// Name of the workload of this installation that they are; in lists alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_name: Option<&'a str>,
    /// Unix seconds.
    refused: i64,
    /// Until when nobody is asked anew, Unix seconds.
    until: i64,
}

fn view(request: &ApprovalRequest, now: i64) -> View<'_> {
    let subject = &request.subject;
    View {
        id: request.id,
        principal: &subject.principal,
        principal_name: None,
        operation: subject.action.operation(),
        kind: subject.kind.as_str(),
        name: subject.name.as_ref().map(ObjectName::display),
        version: subject.version.as_ref().map(ObjectVersion::as_str),
        details: &request.details,
        policy: &request.attachment,
        policy_enforced: None,
        approvers: request.approvers,
        valid_for: request.valid_for,
        state: request.state(now).as_str(),
        opened: request.opened,
        ends: request.ends,
        approvals: request
            .counting(now)
            .map(|Approval { by, granted, until, .. }| ApprovalView {
                by,
                by_name: None,
                granted: *granted,
                until: *until,
            })
            .collect(),
        refusal: request.refusal.as_ref().map(|refusal| RefusalView {
            by: &refusal.by,
            by_name: None,
            refused: refusal.refused,
            until: refusal.until,
        }),
    }
}

/// A request with what a list tells of it besides.
fn listed<'a>(request: &'a ApprovalRequest, of: &'a ApprovalsShown, now: i64, own_issuer: &str) -> View<'a> {
    let name = |id: &PrincipalId| of.labels.name(id, own_issuer);
    let mut shown = view(request, now);
    shown.principal_name = name(shown.principal);
    shown.policy_enforced = Some(of.enforced.contains(shown.policy));
    for approval in &mut shown.approvals {
        approval.by_name = name(approval.by);
    }
    if let Some(refusal) = &mut shown.refusal {
        refusal.by_name = name(refusal.by);
    }
    shown
}

/// GET /api/v1/vaults/{vault}/approvals
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let found = services.admin.list_approvals(&call.ctx, &vault).await?;
    let own_issuer = &services.objects.gate.own_issuer;
    let value = found.requests.iter().map(|request| listed(request, &found, call.ctx.seconds(), own_issuer)).collect();
    Ok(Response::json(200, &List { value }))
}

/// POST /api/v1/vaults/{vault}/approvals/{id}/grant or refuse
pub(crate) async fn answer(
    services: &Services,
    call: &Call,
    request: &Request,
    verdict: Verdict,
) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let id = Uuid::try_parse(call.parameter(1)).map_err(|_| Problem::bad_parameter("An id is a UUID."))?;
    let Answer { seconds } = wire::body(request)?;
    let answered = services.admin.answer_approval(&call.ctx, &vault, id, verdict, seconds).await?;
    Ok(Response::json(200, &view(&answered, call.ctx.seconds())))
}
