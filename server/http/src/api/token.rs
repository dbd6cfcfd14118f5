//! The token endpoint of Entra's shape: discovery documents, keys, and a credential for a token.

use serde_json::Value;
use strongroom_domain::entrance::{AccessToken, ClientProof, EntranceError};

use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
    services::Services,
};

/// A token request, read.
pub struct TokenForm {
    /// Client id as sent.
    pub client_id: String,
    /// What the client shows.
    pub proof: ClientProof,
}

/// An error of the token endpoint, in Entra's shape.
pub struct TokenProblem {
    /// HTTP status.
    pub status: u16,
    /// JSON body.
    pub body: Value,
    /// Machine-readable reason for the record.
    pub reason: &'static str,
    /// Seconds after which to try again.
    pub retry_after: Option<u32>,
}

fn no_store(response: Response) -> Response {
    response.with("cache-control", "no-store".to_owned())
}

impl TokenProblem {
    fn respond(&self) -> Response {
        let response = no_store(Response { reason: self.reason, ..Response::json(self.status, &self.body) });
        match self.retry_after {
            Some(seconds) => response.with("retry-after", seconds.to_string()),
            None => response,
        }
    }
}

/// The wire shapes of the token endpoint; implemented over `identity` by `app`.
pub trait TokenDesk: Send + Sync {
    /// The OpenID configuration of a tenant, if it is ours.
    fn discovery(&self, tenant: &str, v2: bool) -> Option<Value>;
    /// The public keys.
    fn keys(&self) -> Value;
    /// Reads a token request.
    ///
    /// # Errors
    /// What to answer instead.
    fn read(&self, tenant: &str, form: &[u8], request_id: &str, now_millis: i64) -> Result<TokenForm, TokenProblem>;
    /// The answer to a good one.
    fn granted(&self, token: AccessToken) -> Response;
    /// The answer to a credential that is not good enough, or to a fault.
    fn refused(&self, why: &EntranceError, proof: &ClientProof, request_id: &str, now_millis: i64) -> TokenProblem;
}

pub(crate) fn document(services: &Services, call: &Call) -> Result<Response, Problem> {
    let tenant = call.parameter(0);
    let v2 = call.endpoint == Endpoint::TenantDiscoveryV2;
    let known = services.token_desk.discovery(tenant, v2).ok_or_else(Problem::no_route)?;
    let document = if matches!(call.endpoint, Endpoint::TenantKeys | Endpoint::TenantKeysV1) {
        services.token_desk.keys()
    } else {
        known
    };
    Ok(Response::json(200, &document))
}

pub(crate) async fn issue(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let desk = &services.token_desk;
    let (id, now) = (call.ctx.request_id.to_string(), call.ctx.now);
    let form = match desk.read(call.parameter(0), &request.body, &id, now) {
        Ok(form) => form,
        Err(problem) => return Ok(problem.respond()),
    };
    match services.entrance.issue_token(&call.ctx, &form.client_id, &form.proof).await {
        Ok(token) => Ok(no_store(desk.granted(token))),
        Err(EntranceError::NoRecord(no_record)) => Err(no_record.into()),
        Err(why) => Ok(desk.refused(&why, &form.proof, &id, now).respond()),
    }
}
