//! `/api/v1/vaults/{vault}/replays`: recorded decisions, asked again with other policy modules; results are kept. `_all`
//! stands for the decisions of all vaults.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::{Counted, MAX_REPLAYED},
    names::VaultName,
    policy::PolicyAttachment,
    policy_replay::{GroupReview, PolicyReplay},
    principal::PrincipalId,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{List, foresee::GroupView, vault_name};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

/// In place of a vault's name, for the decisions of all.
const ALL: &str = "_all";
/// Decisions that are asked again when nothing else is said.
const LAST: usize = 200;

/// What is to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RunReplay)]
pub(crate) struct Body {
    /// The attachments in place of all that the vault has, in order.
    #[schema(value_type = Vec<shapes::PolicyAttachment>)]
    policies: Vec<PolicyAttachment>,
    /// Whether they stand in place of those of all vaults, and the vault's own stay as they are.
    #[serde(default)]
    all_vaults: bool,
    /// How many of the newest decisions on the vault are asked again: at most 500, 200 when absent.
    #[serde(default)]
    last: Option<usize>,
}

/// What a candidate would have made of recorded decisions.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyReplay)]
pub(crate) struct View<'a> {
    /// By which it is addressed.
    id: Uuid,
    /// When, Unix milliseconds.
    at: i64,
    /// Who had it made.
    #[schema(value_type = shapes::PrincipalId)]
    by: &'a PrincipalId,
    /// Revision of the vault's settings that it was compared with; with `all_vaults`, of what was attached to all.
    settings_revision: i64,
    /// Whether `policies` were tried in place of those of all vaults.
    all_vaults: bool,
    /// What was tried.
    #[schema(value_type = Vec<shapes::PolicyAttachment>)]
    policies: &'a [PolicyAttachment],
    /// How many decisions were asked again, of the newest records of the vault.
    replayed: u64,
    /// How many of those records are no decisions of the gate and its modules, and were left out.
    left_out: u64,
    /// How many recorded denials would be allowed, and would not by the rules as they are.
    newly_allowed: u64,
    /// How many that were allowed would be denied, and would not by the rules as they are.
    newly_denied: u64,
    /// Of how many it cannot be told, because the record does not hold what would have to be judged.
    indeterminate: u64,
    /// Whether time was up before all were asked.
    cut: bool,
    /// Those that would change alike, at most 100.
    groups: Vec<GroupView>,
    /// Which of the groups somebody has looked at.
    reviews: Vec<ReviewView<'a>>,
}

/// That somebody looked at a group.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyReplayReview)]
pub(crate) struct ReviewView<'a> {
    /// Its number in `groups`, from 1.
    group: usize,
    /// Who looked at it.
    #[schema(value_type = shapes::PrincipalId)]
    by: &'a PrincipalId,
    /// When, Unix milliseconds.
    at: i64,
}

/// What the caller has looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReviewReplay)]
pub(crate) struct Looked {
    /// Numbers of groups in the result, from 1.
    groups: Vec<usize>,
}

impl<'a> View<'a> {
    fn of(replay: &'a PolicyReplay) -> Self {
        let PolicyReplay { id, at, by, settings_revision, candidate, everywhere, replayed, counted, reviews, .. } =
            replay;
        let review = |GroupReview { group, by, at }: &'a GroupReview| ReviewView { group: *group, by, at: *at };
        let Counted { newly_allowed, newly_denied, indeterminate, groups, cut, left_out, .. } = counted;
        Self {
            id: *id,
            at: *at,
            by,
            settings_revision: *settings_revision,
            all_vaults: *everywhere,
            policies: candidate,
            replayed: *replayed,
            left_out: *left_out,
            newly_allowed: *newly_allowed,
            newly_denied: *newly_denied,
            indeterminate: *indeterminate,
            cut: *cut,
            groups: groups.iter().cloned().map(GroupView::of).collect(),
            reviews: reviews.iter().map(review).collect(),
        }
    }
}

/// POST /api/v1/vaults/{vault}/replays
pub(crate) async fn run(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_of(call)?;
    let Body { policies, all_vaults, last } = wire::body(request)?;
    let last = last.unwrap_or(LAST);
    if last > MAX_REPLAYED {
        return Err(Problem::bad_parameter("last is at most 500."));
    }
    let replay = match vault {
        Some(vault) if !all_vaults => services.admin.replay(&call.ctx, &vault, &policies, last).await?,
        None if !all_vaults => {
            return Err(Problem::bad_parameter("Of the decisions of all vaults, all_vaults is true."));
        }
        of => services.admin.replay_everywhere(&call.ctx, of.as_ref(), &policies, last).await?,
    };
    Ok(Response::json(201, &View::of(&replay)))
}

/// GET /api/v1/vaults/{vault}/replays
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let found = services.admin.list_replays(&call.ctx, vault_of(call)?.as_ref()).await?;
    Ok(Response::json(200, &List { value: found.iter().map(View::of).collect() }))
}

/// POST /api/v1/vaults/{vault}/replays/{id}/reviews
pub(crate) async fn review(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_of(call)?;
    let id = id(call)?;
    let Looked { groups } = wire::body(request)?;
    let replay = services.admin.review_replay(&call.ctx, vault.as_ref(), id, &groups).await?;
    Ok(Response::json(200, &View::of(&replay)))
}

/// The vault whose decisions are asked again; none for those of all, which no vault's name stands for.
fn vault_of(call: &Call) -> Result<Option<VaultName>, Problem> {
    match call.parameter(0) {
        ALL => Ok(None),
        name => vault_name(name).map(Some),
    }
}

fn id(call: &Call) -> Result<Uuid, Problem> {
    Uuid::try_parse(call.parameter(1)).map_err(|_| Problem::bad_parameter("A replay's id is a UUID."))
}

/// GET /api/v1/vaults/{vault}/replays/{id}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let found = services.admin.show_replay(&call.ctx, vault_of(call)?.as_ref(), id(call)?).await?;
    Ok(Response::json(200, &View::of(&found)))
}
