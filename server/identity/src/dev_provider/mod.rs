//! The identity provider that development mode brings along, so that sign-in goes the same way as
//! everywhere: OpenID Connect, authorization code with PKCE, no password.
//!
//! Logic only; the HTTP crate serves it on a listener of its own, on loopback. One public client,
//! three sample people, everything in memory and bounded. **Whoever reaches it is whoever they
//! pick**: it must never be reachable from another machine, and never run outside development.

mod authorize;
mod token;

use std::{collections::VecDeque, sync::Mutex};

use jsonwebtoken::EncodingKey;
use serde::Serialize;
use strongroom_crypto::{PublicJwk, TokenSigner};

use crate::token_endpoint::JwksDocument;

pub use authorize::{Authorize, AuthorizeRequest, PickerPage, RequestRefused};
pub use token::{DevTokenError, DevTokens};

/// The only client: the dashboard of the same installation, a public client with PKCE.
pub const CLIENT_ID: &str = "strongroom-dashboard";

/// How long a code may be redeemed, in milliseconds.
pub const CODE_LIFETIME_MILLIS: i64 = 60_000;

/// Most codes waiting to be redeemed; the oldest goes first.
const MAX_CODES: usize = 256;

/// A sample person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Subject of the tokens, and value of the form's choice.
    pub id: &'static str,
    /// Name shown.
    pub name: &'static str,
    /// Groups.
    pub groups: &'static [&'static str],
}

/// The sample people.
pub const PEOPLE: [Person; 3] = [
    Person { id: "ada", name: "Ada Lovelace", groups: &["vault-admins"] },
    Person { id: "grace", name: "Grace Hopper", groups: &["app-team"] },
    Person { id: "edsger", name: "Edsger Dijkstra", groups: &[] },
];

/// A code that was given out. The code itself is not kept, only its hash.
struct Grant {
    code_hash: [u8; 32],
    person: Person,
    redirect_uri: String,
    nonce: Option<String>,
    challenge: String,
    created: i64,
}

/// The provider.
pub struct DevProvider {
    issuer: String,
    redirect_uris: Vec<String>,
    jwk: PublicJwk,
    key: EncodingKey,
    grants: Mutex<VecDeque<Grant>>,
}

impl DevProvider {
    /// A provider at `issuer` (an origin without trailing slash) that sends browsers back to one of
    /// `redirect_uris`, compared byte by byte. `signer` is its own key, no other token's.
    #[must_use]
    pub fn new(issuer: &str, redirect_uris: Vec<String>, signer: &TokenSigner) -> Self {
        Self {
            issuer: issuer.to_owned(),
            redirect_uris,
            jwk: signer.jwk(),
            key: EncodingKey::from_ec_der(&signer.pkcs8_der()),
            grants: Mutex::default(),
        }
    }

    /// `GET /.well-known/openid-configuration`. Routes: `/authorize` (GET: [`Self::authorize`],
    /// POST with the choice: [`Self::choose`]), `/token` (POST: [`Self::token`]), `/jwks`.
    #[must_use]
    pub fn discovery(&self) -> DevDiscovery {
        let at = |path: &str| format!("{}{path}", self.issuer);
        DevDiscovery {
            issuer: self.issuer.clone(),
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            jwks_uri: at("/jwks"),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: ["authorization_code"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["ES256"],
            scopes_supported: ["openid", "profile"],
            claims_supported: ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "groups", "acr", "amr"],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: ["none"],
            authorization_response_iss_parameter_supported: true,
        }
    }

    /// `GET /jwks`.
    #[must_use]
    pub fn jwks(&self) -> JwksDocument {
        JwksDocument { keys: vec![self.jwk.clone()] }
    }
}

/// The provider's metadata (OpenID Connect Discovery 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DevDiscovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    scopes_supported: [&'static str; 2],
    claims_supported: [&'static str; 11],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}
