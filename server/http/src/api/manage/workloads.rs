//! `/api/v1/workloads`.

use serde::{Deserialize, Serialize};
use strongroom_domain::identity::Federation;
use uuid::Uuid;

use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateWorkload {
    name: String,
    #[serde(default)]
    federations: Vec<Federation>,
}

#[derive(Serialize)]
struct NewWorkload<'a> {
    client_id: Uuid,
    name: &'a str,
    /// Told this once.
    client_secret: &'a str,
}

/// POST /api/v1/workloads
pub(crate) async fn create(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: CreateWorkload = wire::body(request)?;
    let long = |f: &Federation| [&f.issuer, &f.subject, &f.audience].into_iter().any(|t| t.is_empty() || t.len() > 256);
    if body.federations.iter().any(long) {
        return Err(Problem::bad_parameter("A federation's issuer, subject and audience have 1 to 256 characters."));
    }
    let (workload, secret) = services.admin.create_workload(&call.ctx, &body.name, body.federations).await?;
    let view = NewWorkload { client_id: workload.client_id, name: &workload.name, client_secret: secret.expose() };
    Ok(Response::json(201, &view))
}
