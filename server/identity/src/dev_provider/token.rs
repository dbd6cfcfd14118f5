//! The token endpoint of the development provider: a code, once, with the verifier behind it.

use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;
use strongroom_crypto::{Entropy, EntropyError, sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{CLIENT_ID, CODE_LIFETIME_MILLIS, DevProvider, Grant};
use crate::form::{Form, FormError};

/// How long an id token counts, in seconds.
const ID_TOKEN_LIFETIME_SECONDS: i64 = 300;

const PARAMETERS: &[(&str, usize)] =
    &[("grant_type", 64), ("client_id", 256), ("code", 256), ("redirect_uri", 2048), ("code_verifier", 128)];

/// Why there are no tokens (RFC 6749 section 5.2). Always status 400 but for [`Self::Failed`] (500).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DevTokenError {
    /// A parameter is missing, doubled or too long.
    #[error("the parameter {0} is missing or malformed")]
    InvalidRequest(&'static str),
    /// Another client.
    #[error("the client is not registered")]
    InvalidClient,
    /// Another grant type.
    #[error("the grant type is not authorization_code")]
    UnsupportedGrantType,
    /// The code is unknown, used, too old, or for another redirect address or verifier.
    #[error("the code is unknown or used, or the redirect address or verifier is another")]
    InvalidGrant,
    /// No randomness, or no signature.
    #[error("the tokens could not be made")]
    Failed,
}

impl DevTokenError {
    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Failed { 500 } else { 400 }
    }

    /// The error code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidGrant => "invalid_grant",
            Self::Failed => "server_error",
        }
    }

    /// The JSON body.
    #[must_use]
    pub fn body(self) -> serde_json::Value {
        serde_json::json!({ "error": self.code(), "error_description": self.to_string() })
    }
}

impl From<EntropyError> for DevTokenError {
    fn from(_: EntropyError) -> Self {
        Self::Failed
    }
}

/// The answer. Has no `Debug`: it holds tokens.
pub struct DevTokens {
    access_token: Zeroizing<String>,
    id_token: Zeroizing<String>,
}

impl DevTokens {
    /// The JSON body. To be sent with `Cache-Control: no-store`.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Both tokens are base64url and dots only.
        let (access, id) = (self.access_token.as_str(), self.id_token.as_str());
        let text = format!(
            r#"{{"token_type":"Bearer","expires_in":{ID_TOKEN_LIFETIME_SECONDS},"access_token":"{access}","id_token":"{id}"}}"#
        );
        Zeroizing::new(text.into_bytes())
    }
}

#[derive(Serialize)]
struct IdClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    name: &'a str,
    groups: &'a [&'a str],
    acr: &'a str,
    amr: [&'a str; 1],
}

impl DevProvider {
    /// `POST /token` with the decoded pairs of the form.
    ///
    /// A code counts once: whatever is wrong with the attempt, it is gone afterwards.
    ///
    /// # Errors
    /// [`DevTokenError`].
    pub fn token(
        &self,
        pairs: impl IntoIterator<Item = (String, String)>,
        now_millis: i64,
        entropy: &dyn Entropy,
    ) -> Result<DevTokens, DevTokenError> {
        let mut form = Form::pick(pairs, PARAMETERS).map_err(|error| match error {
            FormError::Duplicate(name) | FormError::TooLong(name) => DevTokenError::InvalidRequest(name),
            FormError::TooMany => DevTokenError::InvalidRequest("form"),
        })?;
        let mut required = |name| form.take(name).ok_or(DevTokenError::InvalidRequest(name));
        if required("grant_type")? != "authorization_code" {
            return Err(DevTokenError::UnsupportedGrantType);
        }
        if required("client_id")? != CLIENT_ID {
            return Err(DevTokenError::InvalidClient);
        }
        let code = Zeroizing::new(required("code")?);
        let grant = self.spend(&code).ok_or(DevTokenError::InvalidGrant)?;
        let redirect_uri = required("redirect_uri")?;
        let verifier = Zeroizing::new(required("code_verifier")?);
        let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
        let verifies = bool::from(challenge.as_bytes().ct_eq(grant.challenge.as_bytes()));
        let in_time = (0..CODE_LIFETIME_MILLIS).contains(&now_millis.saturating_sub(grant.created));
        if !verifies || !in_time || redirect_uri != grant.redirect_uri {
            return Err(DevTokenError::InvalidGrant);
        }
        self.issue(&grant, now_millis.div_euclid(1000), entropy)
    }

    /// Takes the grant of a code out, so that it counts once.
    fn spend(&self, code: &str) -> Option<Grant> {
        let hash = sha256(code.as_bytes());
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let at = grants.iter().position(|grant| grant.code_hash == hash)?;
        grants.remove(at)
    }

    fn issue(&self, grant: &Grant, now: i64, entropy: &dyn Entropy) -> Result<DevTokens, DevTokenError> {
        let mut random = Zeroizing::new([0u8; 32]);
        entropy.fill(random.as_mut_slice())?;
        let access_token = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
        let hash = sha256(access_token.as_bytes());
        let half = hash.get(..16).unwrap_or_default();
        let claims = IdClaims {
            iss: &self.issuer,
            sub: grant.person.id,
            aud: CLIENT_ID,
            iat: now,
            exp: now.saturating_add(ID_TOKEN_LIFETIME_SECONDS),
            auth_time: now,
            nonce: grant.nonce.as_deref(),
            at_hash: URL_SAFE_NO_PAD.encode(half),
            name: grant.person.name,
            groups: grant.person.groups,
            acr: "urn:strongroom:development",
            amr: ["pick"],
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.jwk.kid.clone());
        let id_token = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| DevTokenError::Failed)?;
        Ok(DevTokens { access_token, id_token: Zeroizing::new(id_token) })
    }
}
