//! `/api/v1/token/explain`: what is wrong with a token. It is in no answer, no record and no log line.

use serde::{Deserialize, Serialize};
use strongroom_domain::sign_in::{CheckState, TokenExplanation};
use utoipa::ToSchema;
use uuid::Uuid;

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
    /// The workload that the token is to stand for: it is explained as an assertion at the token endpoint, and not as a
    /// bearer token.
    #[serde(default)]
    client_id: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TokenExplanation)]
pub(crate) struct View<'a> {
    /// Whether a request with this token would get as far as the question of permission; of an assertion, whether the
    /// token endpoint would exchange it, if it was not exchanged before.
    accepted: bool,
    #[serde(flatten)]
    #[schema(value_type = shapes::TokenChecks)]
    explanation: &'a TokenExplanation,
}

/// POST /api/v1/token/explain
pub(crate) async fn explain(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: ExplainToken = wire::body(request)?;
    let token = &body.token.0;
    let explanation = match body.client_id {
        None => services.admin.explain_token(&call.ctx, &*services.authenticator, token).await?,
        Some(client_id) => {
            let credentials = &*services.entrance.credentials;
            services.admin.explain_assertion(&call.ctx, credentials, client_id, token).await?
        }
    };
    let accepted = explanation.checks.iter().all(|check| check.state == CheckState::Passed);
    Ok(Response::json(200, &View { accepted, explanation: &explanation }))
}
