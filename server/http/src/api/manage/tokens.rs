//! `/api/v1/token/explain`: what is wrong with a token. It is in no answer, no record and no log line.

use serde::{Deserialize, Serialize};
use strongroom_domain::sign_in::{CheckState, TokenExplanation};
use utoipa::ToSchema;

use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainToken {
    #[schema(value_type = String)]
    token: wire::Value,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TokenExplanation)]
pub(crate) struct View<'a> {
    /// Whether a request with this token would get as far as the question of permission.
    accepted: bool,
    #[serde(flatten)]
    #[schema(value_type = shapes::TokenChecks)]
    explanation: &'a TokenExplanation,
}

/// POST /api/v1/token/explain
pub(crate) async fn explain(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: ExplainToken = wire::body(request)?;
    let explanation = services.admin.explain_token(&call.ctx, &*services.authenticator, &body.token.0).await?;
    let accepted = explanation.checks.iter().all(|check| check.state == CheckState::Passed);
    Ok(Response::json(200, &View { accepted, explanation: &explanation }))
}
