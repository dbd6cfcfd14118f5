//! Compact JSON Web Tokens (RFC 7515, RFC 7519), read strictly, as RFC 8725 advises.
//!
//! Nothing of a token is believed before its signature holds under a key of the issuer's own key
//! set; until then its `iss` only chooses whose keys to try. Must never look at `jwk`, `jku`, `x5u`
//! or `x5c`, never accept `none` or a symmetric algorithm, and never repair a malformed token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::{jwks::VerificationKey, strict_json};

/// Longest token that is looked at, in bytes.
pub(crate) const MAX_TOKEN_LEN: usize = 16 * 1024;

/// How far an issuer's clock may be ahead of ours, in seconds. Only for `nbf` and `iat`: what has
/// expired has expired.
pub(crate) const CLOCK_SKEW: i64 = 60;

/// Most audiences one token may name.
const MAX_AUDIENCES: usize = 32;

/// Why a token does not say who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// There is no token.
    #[error("no token was given")]
    Missing,
    /// Not a compact JWT with strict JSON, a required claim is missing or of the wrong type, or the
    /// header demands an extension (`crit`).
    #[error("the token is malformed")]
    Malformed,
    /// Longer than 16 KiB, or more groups or text in a claim than is looked at.
    #[error("the token is too large")]
    TooLarge,
    /// The issuer is not configured.
    #[error("the token's issuer is unknown")]
    UnknownIssuer,
    /// Not meant for this service.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies more than a minute ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The signature does not hold under the issuer's key.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// The issuer publishes no such key.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// `none`, symmetric, unknown, or not configured for the issuer.
    #[error("the token's algorithm is not allowed")]
    ForbiddenAlgorithm,
    /// `typ` says that it is something else than a token of this sort.
    #[error("the token is of another type")]
    WrongType,
    /// The issuer's keys are not known and cannot be fetched now.
    #[error("the token's issuer cannot be reached")]
    IssuerUnavailable,
}

impl TokenError {
    /// The reason as written into records: stable, lower case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Malformed => "token-malformed",
            Self::TooLarge => "token-too-large",
            Self::UnknownIssuer => "token-unknown-issuer",
            Self::WrongAudience => "token-wrong-audience",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::BadSignature => "token-bad-signature",
            Self::UnknownKey => "token-unknown-key",
            Self::ForbiddenAlgorithm => "token-forbidden-algorithm",
            Self::WrongType => "token-wrong-type",
            Self::IssuerUnavailable => "token-issuer-unavailable",
        }
    }
}

/// What a token is used for; decides which `typ` it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenUse {
    /// `Authorization: Bearer` (RFC 6750, RFC 9068).
    Access,
    /// OpenID Connect id token.
    Identity,
    /// Client assertion (RFC 7523).
    Assertion,
}

impl TokenUse {
    fn permits(self, typ: &str) -> bool {
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        typ.eq_ignore_ascii_case("JWT")
            || match self {
                Self::Access => typ.eq_ignore_ascii_case("at+jwt"),
                Self::Identity => false,
                Self::Assertion => typ.eq_ignore_ascii_case("client-authentication+jwt"),
            }
    }
}

/// A token taken apart. Nothing in it is verified.
pub(crate) struct Unverified<'a> {
    /// An asymmetric algorithm; whether the issuer may use it is not checked yet.
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) issuer: String,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'a str, token_use: TokenUse) -> Result<Self, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        // A dot left in `claims` is not base64url and ends here, so JWE's five parts do too.
        let header = part(header)?;
        let algorithm = algorithm(&header)?;
        if ["crit", "enc", "zip", "b64"].iter().any(|name| header.contains_key(*name)) {
            return Err(TokenError::Malformed);
        }
        match header.get("typ") {
            None => {}
            Some(Value::String(typ)) if token_use.permits(typ) => {}
            Some(_) => return Err(TokenError::WrongType),
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= 256 => Some(kid.clone()),
            Some(_) => return Err(TokenError::Malformed),
        };
        let claims = part(claims)?;
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) => issuer.clone(),
            _ => return Err(TokenError::Malformed),
        };
        Ok(Self { algorithm, key_id, issuer, claims, signed, signature })
    }

    /// What the token claims for itself, to choose what to compare it with. Not to be believed.
    pub(crate) fn peek(&self) -> Claims<'_> {
        Claims(&self.claims)
    }

    /// Checks the signature and gives the claims, whose times and audience are not checked yet.
    pub(crate) fn verify(self, key: &VerificationKey) -> Result<VerifiedClaims, TokenError> {
        if !key.fits(self.algorithm) {
            return Err(TokenError::UnknownKey);
        }
        match jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key.decoding(), self.algorithm) {
            Ok(true) => Ok(VerifiedClaims(self.claims)),
            Ok(false) | Err(_) => Err(TokenError::BadSignature),
        }
    }
}

fn part(encoded: &str) -> Result<Map<String, Value>, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    strict_json::parse_object(&json).ok_or(TokenError::Malformed)
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, TokenError> {
    let Some(Value::String(name)) = header.get("alg") else { return Err(TokenError::Malformed) };
    match name.parse() {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => Err(TokenError::ForbiddenAlgorithm),
        Ok(algorithm) => Ok(algorithm),
    }
}

/// Claims of a token whose signature holds.
pub(crate) struct VerifiedClaims(Map<String, Value>);

impl VerifiedClaims {
    /// A view of the claims.
    pub(crate) fn view(&self) -> Claims<'_> {
        Claims(&self.0)
    }
}

/// A view of claims.
#[derive(Clone, Copy)]
pub(crate) struct Claims<'a>(&'a Map<String, Value>);

impl<'a> Claims<'a> {
    /// One claim.
    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// One claim that is text.
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The subject: required, 1 to 256 characters, none of them a control character.
    pub(crate) fn subject(self) -> Result<&'a str, TokenError> {
        let subject = self.text("sub").ok_or(TokenError::Malformed)?;
        if subject.is_empty() || subject.chars().any(char::is_control) {
            return Err(TokenError::Malformed);
        }
        if subject.chars().count() > 256 { Err(TokenError::TooLarge) } else { Ok(subject) }
    }

    /// Checks `exp` (required), `nbf` and `iat` against `now` (Unix seconds); gives `exp`.
    pub(crate) fn check_times(self, now: i64) -> Result<i64, TokenError> {
        let expires = self.time("exp")?.ok_or(TokenError::Malformed)?;
        if now >= expires {
            return Err(TokenError::Expired);
        }
        for name in ["nbf", "iat"] {
            if self.time(name)?.is_some_and(|time| time > now.saturating_add(CLOCK_SKEW)) {
                return Err(TokenError::NotYetValid);
            }
        }
        Ok(expires)
    }

    /// Whether one of the token's audiences is, byte by byte, one of ours.
    pub(crate) fn check_audience(self, ours: &[String]) -> Result<(), TokenError> {
        let is_ours = |audience: &str| ours.iter().any(|own| own == audience);
        let matches = match self.0.get("aud") {
            Some(Value::String(audience)) => is_ours(audience),
            Some(Value::Array(audiences)) if audiences.len() <= MAX_AUDIENCES => {
                let texts: Option<Vec<&str>> = audiences.iter().map(Value::as_str).collect();
                texts.ok_or(TokenError::Malformed)?.into_iter().any(is_ours)
            }
            Some(Value::Array(_)) => return Err(TokenError::TooLarge),
            None => false,
            Some(_) => return Err(TokenError::Malformed),
        };
        if matches { Ok(()) } else { Err(TokenError::WrongAudience) }
    }

    /// A time in Unix seconds (RFC 7519 `NumericDate`; fractions are cut).
    pub(crate) fn time(self, name: &str) -> Result<Option<i64>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number
                .as_i64()
                .or_else(|| number.as_f64().and_then(whole_seconds))
                .map(Some)
                .ok_or(TokenError::Malformed),
            Some(_) => Err(TokenError::Malformed),
        }
    }
}

fn whole_seconds(seconds: f64) -> Option<i64> {
    // Beyond the year 10000 nothing is a date, and below 2^53 the conversion is exact.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked and fractions are to be cut")]
    (seconds.abs() < 253_402_300_800.0).then_some(seconds as i64)
}
