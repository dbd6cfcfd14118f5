//! `/api/v1/sessions`: the dashboard sessions of somebody else.

use serde::{Deserialize, Serialize};
use strongroom_domain::{admin::EndedSessions, principal::PrincipalId};
use utoipa::ToSchema;

use super::grantee::bounded;
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSessions {
    /// Issuer of the person, as it stands in records.
    issuer: String,
    /// Their subject at the issuer.
    subject: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndedSessions)]
pub(crate) struct View {
    /// How many were ended.
    ended: usize,
    /// There are more: ask again.
    more: bool,
}

/// POST /api/v1/sessions/end
pub(crate) async fn end(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let EndSessions { issuer, subject } = wire::body(request)?;
    let of = PrincipalId { issuer: bounded(issuer)?, subject: bounded(subject)? };
    let EndedSessions { ended, more } = services.admin.end_sessions(&call.ctx, &of).await?;
    Ok(Response::json(200, &View { ended, more }))
}
