//! Tokens of this installation: ES256, one hour, for its own API and nothing else.
//!
//! Must never sign for another audience, nor anything that is not an access token of a workload.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use strongroom_crypto::{SecretText, TokenSigner};
use strongroom_domain::principal::TokenOrigin;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::own_issuer;

pub use strongroom_domain::token_keys::TOKEN_SECONDS as TOKEN_LIFETIME_SECONDS;

/// The signing key refused, or there was no randomness to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed")]
pub struct MintError;

/// The answer of the token endpoint (RFC 6749 section 5.1). Has no `Debug`: it holds the token.
pub struct TokenResponse {
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds; the same. Clients of Entra look at it in outages.
    pub ext_expires_in: i64,
    /// The token.
    pub access_token: SecretText,
}

impl TokenResponse {
    /// The answer that carries a token which counts for `expires_in` seconds.
    #[must_use]
    pub fn new(access_token: SecretText, expires_in: i64) -> Self {
        Self { token_type: "Bearer", expires_in, ext_expires_in: expires_in, access_token }
    }

    /// The JSON body. To be sent with `Cache-Control: no-store` and `Pragma: no-cache`.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        // Written by hand so that no copy stays behind: the token is base64url and dots only.
        Zeroizing::new(
            format!(
                r#"{{"token_type":"{}","expires_in":{},"ext_expires_in":{},"access_token":"{}"}}"#,
                self.token_type,
                self.expires_in,
                self.ext_expires_in,
                self.access_token.expose()
            )
            .into_bytes(),
        )
    }
}

/// Claims of an access token, named as Entra names them.
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: Uuid,
    appid: Uuid,
    azp: Uuid,
    oid: Uuid,
    tid: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    idtyp: &'static str,
    ver: &'static str,
    credential: Uuid,
    generation: i64,
}

/// Makes tokens.
pub struct TokenMinter {
    issuer: String,
    base: String,
    installation: Uuid,
    key_id: String,
    key: EncodingKey,
}

impl TokenMinter {
    /// A minter for the API at `base` (an origin without trailing slash), which is the audience.
    #[must_use]
    pub fn new(base: &str, installation: Uuid, signer: &TokenSigner) -> Self {
        Self {
            issuer: own_issuer(base, installation),
            base: base.to_owned(),
            installation,
            key_id: signer.key_id(),
            key: EncodingKey::from_ec_der(&signer.pkcs8_der()),
        }
    }

    /// The issuer of the tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Makes a token for a workload whose credential has been checked; `from` says which one. `token_id`
    /// becomes its `jti` and should be that of the record.
    ///
    /// # Errors
    /// [`MintError`].
    pub fn mint(
        &self,
        client_id: Uuid,
        from: TokenOrigin,
        token_id: Uuid,
        now_millis: i64,
    ) -> Result<TokenResponse, MintError> {
        let now = now_millis.div_euclid(1000);
        let claims = AccessClaims {
            iss: &self.issuer,
            aud: &self.base,
            sub: client_id,
            appid: client_id,
            azp: client_id,
            oid: client_id,
            tid: self.installation,
            iat: now,
            nbf: now,
            exp: now.saturating_add(TOKEN_LIFETIME_SECONDS),
            jti: token_id,
            idtyp: "app",
            ver: "2.0",
            credential: from.credential,
            generation: from.generation,
        };
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| MintError)?;
        Ok(TokenResponse::new(SecretText::new(token), TOKEN_LIFETIME_SECONDS))
    }
}
