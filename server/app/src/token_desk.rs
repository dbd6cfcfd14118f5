//! The token endpoint's wire shapes, which `identity` knows, behind the port that `http` has for them.

use std::sync::Arc;

use serde_json::Value;
use strongroom_domain::entrance::{AccessToken, ClientProof, CredentialError, DISABLED, EntranceError};
use strongroom_http::{
    api::token::{TokenDesk, TokenForm, TokenProblem},
    message::Response,
};
use strongroom_identity::token_endpoint::{
    ClientCredential, OwnKeys, Protocol, Tenant, TokenEndpointError, TokenRequest, TokenResponse, discovery, jwks,
};
use uuid::Uuid;

/// The desk of one installation.
pub(crate) struct Desk {
    pub(crate) base: String,
    pub(crate) installation: Uuid,
    pub(crate) keys: Arc<OwnKeys>,
}

fn problem(error: &TokenEndpointError, request_id: &str, now_millis: i64) -> TokenProblem {
    let id = Uuid::try_parse(request_id).unwrap_or_default();
    let body = serde_json::to_value(error.body(id, id, now_millis)).unwrap_or_default();
    TokenProblem { status: error.status(), body, reason: reason(error), retry_after: None }
}

/// What the record says: more than RFC 6749's few codes, never more than the caller is told.
fn reason(error: &TokenEndpointError) -> &'static str {
    match error {
        TokenEndpointError::TooManyRequests => "too-many-requests",
        TokenEndpointError::ClientDisabled => DISABLED,
        other => other.code(),
    }
}

impl TokenDesk for Desk {
    fn discovery(&self, tenant: &str, v2: bool) -> Option<Value> {
        let tenant = Tenant::described(tenant, self.installation).ok()?;
        let protocol = if v2 { Protocol::V2 } else { Protocol::V1 };
        serde_json::to_value(discovery(&self.base, self.installation, tenant, protocol)).ok()
    }

    fn keys(&self) -> Value {
        serde_json::to_value(jwks(self.keys.published())).unwrap_or_default()
    }

    fn read(&self, tenant: &str, form: &[u8], request_id: &str, now_millis: i64) -> Result<TokenForm, TokenProblem> {
        let read = || {
            Tenant::parse(tenant, self.installation)?;
            let pairs = url::form_urlencoded::parse(form).map(|(key, value)| (key.into_owned(), value.into_owned()));
            TokenRequest::parse(&self.base, pairs)
        };
        let request = read().map_err(|error| problem(&error, request_id, now_millis))?;
        let proof = match request.credential {
            ClientCredential::Secret(secret) => ClientProof::Secret(secret),
            ClientCredential::Assertion(assertion) => ClientProof::Assertion(assertion),
        };
        Ok(TokenForm { client_id: request.client_id, proof })
    }

    fn granted(&self, token: AccessToken) -> Response {
        let body = TokenResponse::new(token.token, token.expires_in.into()).to_json();
        Response { body, ..Response::json(200, &()) }
    }

    fn refused(&self, why: &EntranceError, proof: &ClientProof, request_id: &str, now_millis: i64) -> TokenProblem {
        let error = match (why, proof) {
            (EntranceError::Credential(CredentialError::Invalid), ClientProof::Secret(_)) => {
                TokenEndpointError::InvalidClientSecret
            }
            // The same for an issuer that cannot be asked, or anybody could find out which federations there are.
            (
                EntranceError::Credential(CredentialError::Invalid | CredentialError::IssuerUnavailable),
                ClientProof::Assertion(_),
            ) => TokenEndpointError::InvalidClientAssertion,
            (EntranceError::Credential(CredentialError::Disabled), _) => TokenEndpointError::ClientDisabled,
            (EntranceError::Credential(CredentialError::OutOfTime), _) => TokenEndpointError::AssertionOutOfTime,
            (EntranceError::Credential(CredentialError::WrongAudience), _) => {
                TokenEndpointError::AssertionWrongAudience
            }
            (EntranceError::TooMany(_), _) => TokenEndpointError::TooManyRequests,
            _ => TokenEndpointError::Unavailable,
        };
        let retry_after = match why {
            EntranceError::TooMany(too_many) => Some(too_many.retry_after),
            _ if error == TokenEndpointError::Unavailable => Some(2),
            _ => None,
        };
        TokenProblem { retry_after, ..problem(&error, request_id, now_millis) }
    }
}
