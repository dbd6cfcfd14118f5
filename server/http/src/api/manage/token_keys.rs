//! `/api/v1/token/keys`: the keys that sign this installation's tokens. Only public facts of them are ever told.

use serde::Serialize;
use strongroom_domain::token_keys::{TokenKeyFacts, TokenKeyState};
use utoipa::ToSchema;

use crate::{edge::Call, message::Response, openapi::shapes, problem::Problem, services::Services};

#[derive(Serialize, ToSchema)]
#[schema(as = TokenKey)]
pub(crate) struct View {
    /// The `kid` of its tokens (RFC 7638).
    key_id: String,
    #[schema(value_type = shapes::TokenKeyState)]
    state: TokenKeyState,
    /// Since when it is published, Unix milliseconds.
    announced_at: i64,
    /// From when on it signs, Unix milliseconds.
    signs_from: i64,
    /// When it is destroyed, Unix milliseconds; absent as long as no other takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_until: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TokenKeyList)]
pub(crate) struct Keys {
    /// In the order in which they sign.
    value: Vec<View>,
}

fn answer(facts: Vec<TokenKeyFacts>) -> Response {
    let view = |facts: TokenKeyFacts| View {
        key_id: facts.key_id,
        state: facts.state,
        announced_at: facts.announced,
        signs_from: facts.signs_from,
        published_until: facts.published_until,
    };
    Response::json(200, &Keys { value: facts.into_iter().map(view).collect() })
}

/// GET /api/v1/token/keys
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    Ok(answer(services.admin.token_keys(&call.ctx).await?))
}

/// POST /api/v1/token/keys/rotate and /api/v1/token/keys/revoke
pub(crate) async fn rotate(services: &Services, call: &Call, revoke: bool) -> Result<Response, Problem> {
    Ok(answer(services.admin.rotate_token_keys(&call.ctx, revoke).await?))
}
