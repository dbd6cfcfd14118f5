//! `/api/v1/policies` and `/api/v1/vaults/{vault}/policies`: which modules are attached, and what those in
//! shadow would have said. Attaching to one vault is a change of its settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::{AttachmentShown, PoliciesShown},
    gate::{RunsSeen, ShadowSample},
    policy::PolicyAttachment,
    policy_replay::Reviewed,
};
use utoipa::ToSchema;

use super::{vault_name, vaults::expected_revision};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    routes::Endpoint,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutPolicies)]
pub(crate) struct Body {
    #[schema(value_type = Vec<shapes::PolicyAttachment>)]
    policies: Vec<PolicyAttachment>,
    /// Even if one of them denies the connection that is asked over.
    #[serde(default)]
    force: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Policies)]
pub(crate) struct View<'a> {
    /// In the order in which they are asked.
    policies: Vec<AttachmentView<'a>>,
    /// Grows by one with every change; the entity tag.
    revision: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttachedPolicy)]
pub(crate) struct AttachmentView<'a> {
    #[schema(value_type = shapes::PolicyAttachment)]
    attachment: &'a PolicyAttachment,
    shadow: ShadowView<'a>,
    /// How far what would change, were it enforced as it is, was looked at; absent when no replay that is kept tried it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<ReviewedView>,
    last_day: RunsView,
}

/// How the module fared within the last 24 hours: seen by the node that answers, since it started.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyRuns)]
pub(crate) struct RunsView {
    /// Since when it is watched, Unix milliseconds; absent before it was asked at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// How often it was asked.
    asked: u64,
    /// How often it denied, enforced.
    denied: u64,
    /// Within how many microseconds 99 of 100 runs ended, to a quarter; absent where none was timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_micros: Option<u64>,
    /// How often it gave no usable answer, by what was wrong.
    failed: BTreeMap<String, u64>,
    /// How often it was not heard within the budget of modules in shadow.
    over_budget: u64,
}

impl RunsView {
    fn of(runs: &RunsSeen) -> Self {
        Self {
            since: runs.since,
            asked: runs.asked,
            denied: runs.denied,
            p99_micros: runs.p99,
            failed: runs.failed.iter().map(|(failure, count)| (failure.reason_code().to_owned(), *count)).collect(),
            over_budget: runs.over_budget,
        }
    }
}

/// How far the newest replay that tried an attachment enforced was reviewed.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyReviewed)]
pub(crate) struct ReviewedView {
    /// The replay's id.
    replay: String,
    /// When decisions were asked again, Unix milliseconds.
    at: i64,
    /// Groups of decisions that would change alike.
    groups: usize,
    /// Those that nobody has reviewed.
    not_reviewed: usize,
    /// Decisions that would change and are in no group, which nobody can review.
    untold: u64,
}

impl ReviewedView {
    fn of(reviewed: &Reviewed) -> Self {
        let Reviewed { replay, vault: _, at, decisions: _, groups, open, untold } = *reviewed;
        Self { replay: replay.to_string(), at, groups, not_reviewed: open, untold }
    }
}

/// What the module would have said in shadow: seen by the node that answers, since it started.
#[derive(Serialize, ToSchema)]
#[schema(as = ShadowSeen)]
pub(crate) struct ShadowView<'a> {
    would_allow: u64,
    would_deny: u64,
    /// It had no opinion. What it does not want to see is not counted.
    would_abstain: u64,
    /// It gave no usable answer, which would have denied.
    would_fail: u64,
    /// It was not asked, or not heard, within the 5 ms that all modules in shadow have together.
    over_budget: u64,
    /// When the first of these was counted, Unix milliseconds: another module, other settings, and attaching it anew begin
    /// at nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// What it would have denied last, the newest first; at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<SampleView<'a>>,
}

/// A request that a module in shadow would have denied.
#[derive(Serialize, ToSchema)]
#[schema(as = ShadowSample)]
pub(crate) struct SampleView<'a> {
    /// Id of the decision, as it is on record.
    decision: String,
    /// Unix milliseconds.
    at: i64,
    reason: &'a str,
}

impl<'a> SampleView<'a> {
    fn of(sample: &'a ShadowSample) -> Self {
        Self { decision: sample.decision.to_string(), at: sample.at, reason: &sample.reason }
    }
}

impl<'a> View<'a> {
    fn of(shown: &'a PoliciesShown) -> Self {
        let one = |AttachmentShown { attachment, shadow, reviewed, runs }: &'a AttachmentShown| AttachmentView {
            attachment,
            last_day: RunsView::of(runs),
            reviewed: reviewed.as_ref().map(ReviewedView::of),
            shadow: ShadowView {
                would_allow: shadow.count.would_allow,
                would_deny: shadow.count.would_deny,
                would_abstain: shadow.count.would_abstain,
                would_fail: shadow.count.would_fail,
                over_budget: shadow.count.over_budget,
                since: shadow.since,
                samples: shadow.samples.iter().map(SampleView::of).collect(),
            },
        };
        Self { policies: shown.policies.iter().map(one).collect(), revision: shown.revision }
    }
}

fn answer(shown: &PoliciesShown) -> Response {
    Response::json(200, &View::of(shown)).with("etag", format!("\"{}\"", shown.revision))
}

/// GET /api/v1/policies and GET /api/v1/vaults/{vault}/policies
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let vault = match call.endpoint {
        Endpoint::PolicyList => Some(vault_name(call.parameter(0))?),
        _ => None,
    };
    Ok(answer(&services.admin.show_policies(&call.ctx, vault.as_ref()).await?))
}

/// PUT /api/v1/policies: in place of all that are attached to every vault. `If-Match` takes the revision.
pub(crate) async fn put(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: Body = wire::body(request)?;
    let expected = expected_revision(request)?;
    Ok(answer(&services.admin.put_policies_everywhere(&call.ctx, expected, &body.policies, body.force).await?))
}

/// POST /api/v1/policies/{attachment}/rollback[?force=true]. `If-Match` takes the revision.
pub(crate) async fn roll_back(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let force = match request.query("force") {
        Some("true") => true,
        None | Some("false") => false,
        Some(_) => return Err(Problem::bad_parameter("force is true or false.")),
    };
    let expected = expected_revision(request)?;
    Ok(answer(&services.admin.roll_back_everywhere(&call.ctx, call.parameter(0), expected, force).await?))
}
