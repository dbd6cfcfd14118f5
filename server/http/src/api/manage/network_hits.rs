//! `/api/v1/vaults/{vault}/network-hits`: how often each network rule decided lately.

use serde::Serialize;
use strongroom_domain::network::NetworkAction;
use utoipa::ToSchema;

use super::vault_name;
use crate::{edge::Call, message::Response, problem::Problem, services::Services};

/// What network rules decided in the last 24 hours, since they are what they are.
#[derive(Serialize, ToSchema)]
#[schema(as = NetworkHits)]
pub(crate) struct View {
    /// The rules that decided something.
    rules: Vec<OfRule>,
    /// How often the default action decided.
    default: u64,
    /// Whether everything that was allowed was counted; where not, it may be more than is said.
    all_allowed: bool,
    /// Whether everything that was denied was counted.
    all_denied: bool,
}

/// How often one rule decided.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleHits)]
pub(crate) struct OfRule {
    /// Its place, from 1.
    rule: usize,
    count: u64,
    /// When it last did, Unix milliseconds.
    last: i64,
}

/// GET /api/v1/vaults/{vault}/network-hits
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let hits = services.admin.network_hits(&call.ctx, &vault_name(call.parameter(0))?).await?;
    let rules =
        hits.rules().map(|(place, of)| OfRule { rule: place.saturating_add(1), count: of.count, last: of.last });
    let view = View {
        rules: rules.collect(),
        default: hits.of(None).map_or(0, |of| of.count),
        all_allowed: hits.are_all(NetworkAction::Allow),
        all_denied: hits.are_all(NetworkAction::Deny),
    };
    Ok(Response::json(200, &view))
}
