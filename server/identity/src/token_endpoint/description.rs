//! How the token endpoint describes itself: discovery documents and key set.
//!
//! Clients of Entra read the tenant out of `token_endpoint`, so every address lies under the tenant
//! of the request. `issuer` is the same whatever the tenant, because the tokens are.

use serde::Serialize;
use strongroom_crypto::PublicJwk;
use uuid::Uuid;

use super::{own_issuer, request::Tenant};

/// Which of the two discovery documents of a tenant. For `adfs` they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `/{tenant}/.well-known/openid-configuration`
    V1,
    /// `/{tenant}/v2.0/.well-known/openid-configuration`
    V2,
}

/// A discovery document (OpenID Connect Discovery 1.0 section 3, RFC 8414).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// Issuer of the tokens.
    pub issuer: String,
    /// Demanded by clients; nobody signs in there.
    pub authorization_endpoint: String,
    /// Where tokens are made.
    pub token_endpoint: String,
    /// Where the key set is.
    pub jwks_uri: String,
    /// How clients authenticate.
    pub token_endpoint_auth_methods_supported: [&'static str; 2],
    /// Algorithms of assertions.
    pub token_endpoint_auth_signing_alg_values_supported: [&'static str; 5],
    /// None: there is no authorization endpoint.
    pub response_types_supported: [&'static str; 0],
    /// `client_credentials`.
    pub grant_types_supported: [&'static str; 1],
    /// Sorts of subjects.
    pub subject_types_supported: [&'static str; 1],
    /// Algorithm of the tokens.
    pub id_token_signing_alg_values_supported: [&'static str; 1],
    /// The one scope there is.
    pub scopes_supported: [String; 1],
}

/// The discovery document of a tenant. `base` is an origin without trailing slash.
///
/// | tenant | token endpoint | key set |
/// |---|---|---|
/// | id, V2 | `/{id}/oauth2/v2.0/token` | `/{id}/discovery/v2.0/keys` |
/// | id, V1 | `/{id}/oauth2/token` | `/{id}/discovery/keys` |
/// | adfs | `/adfs/oauth2/token` | `/adfs/discovery/keys` |
#[must_use]
pub fn discovery(base: &str, installation: Uuid, tenant: Tenant, protocol: Protocol) -> Discovery {
    let version = match (tenant, protocol) {
        (Tenant::Installation(_), Protocol::V2) => "/v2.0",
        _ => "",
    };
    let root = format!("{base}/{tenant}");
    Discovery {
        issuer: own_issuer(base, installation),
        authorization_endpoint: format!("{root}/oauth2{version}/authorize"),
        token_endpoint: format!("{root}/oauth2{version}/token"),
        jwks_uri: format!("{root}/discovery{version}/keys"),
        token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["RS256", "PS256", "ES256", "ES384", "EdDSA"],
        response_types_supported: [],
        grant_types_supported: ["client_credentials"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
        scopes_supported: [format!("{base}/.default")],
    }
}

/// A key set (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwksDocument {
    /// Public keys.
    pub keys: Vec<PublicJwk>,
}

/// The key set document.
#[must_use]
pub fn jwks(keys: Vec<PublicJwk>) -> JwksDocument {
    JwksDocument { keys }
}
