//! `/api/v1/token/explain`: what is wrong with a token. It is in no answer, no record and no log line.

use serde::{Deserialize, Serialize};
use strongroom_domain::sign_in::{CheckState, TokenExplanation};

use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainToken {
    token: wire::Value,
}

#[derive(Serialize)]
struct View<'a> {
    /// Whether a request with this token would get as far as the question of permission.
    accepted: bool,
    #[serde(flatten)]
    explanation: &'a TokenExplanation,
}

/// POST /api/v1/token/explain
pub(crate) async fn explain(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: ExplainToken = wire::body(request)?;
    let explanation = services.admin.explain_token(&call.ctx, &*services.authenticator, &body.token.0).await?;
    let accepted = explanation.checks.iter().all(|check| check.state == CheckState::Passed);
    Ok(Response::json(200, &View { accepted, explanation: &explanation }))
}
