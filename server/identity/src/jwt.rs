//! Compact JSON Web Tokens (RFC 7515, RFC 7519), read strictly, as RFC 8725 advises.
//!
//! Nothing of a token is believed before its signature holds under a key of the issuer's own key
//! set; until then its `iss` only chooses whose keys to try. Must never look at `jwk`, `jku`, `x5u`
//! or `x5c`, never accept `none` or a symmetric algorithm, and never repair a malformed token.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::{
    jwks::VerificationKey,
    strict_json,
    trace::{Check, Silent, Trace},
};

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
    /// Logout token (OpenID Connect Back-Channel Logout 1.0).
    Logout,
}

impl TokenUse {
    fn permits(self, typ: &str) -> bool {
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        typ.eq_ignore_ascii_case("JWT")
            || match self {
                Self::Access => typ.eq_ignore_ascii_case("at+jwt"),
                Self::Identity => false,
                Self::Assertion => typ.eq_ignore_ascii_case("client-authentication+jwt"),
                Self::Logout => typ.eq_ignore_ascii_case("logout+jwt"),
            }
    }
}

/// A token taken apart. Nothing in it is verified.
pub(crate) struct Unverified<'a> {
    /// An asymmetric algorithm; whether the issuer may use it is not checked yet.
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) issuer: String,
    /// Names of a registered certificate; empty when there are none.
    pub(crate) thumbprints: Thumbprints,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub(crate) fn read(token: &'a str, token_use: TokenUse) -> Result<Self, TokenError> {
        Self::read_noting(token, token_use, &mut Silent)
    }

    /// Takes a token apart, with every step noted.
    pub(crate) fn read_noting(token: &'a str, token_use: TokenUse, trace: &mut impl Trace) -> Result<Self, TokenError> {
        let length = match token.len() {
            0 => Err(TokenError::Missing),
            1..=MAX_TOKEN_LEN => Ok(()),
            _ => Err(TokenError::TooLarge),
        };
        trace.note(Check::Length, || format!("{} bytes", token.len()), length)?;
        let shape = token
            .rsplit_once('.')
            .and_then(|(signed, signature)| Some((signed, signed.split_once('.')?, signature)))
            .ok_or(TokenError::Malformed);
        let parts = || format!("{} parts", token.split('.').count());
        let (signed, (header, claims), signature) = trace.note(Check::Shape, parts, shape)?;
        // A dot left in `claims` is not base64url and ends here, so JWE's five parts do too.
        let header = trace.note(Check::Header, String::new, part(header))?;
        let named = |name: &str| header.get(name).map_or_else(|| "absent".to_owned(), Value::to_string);
        let algorithm = trace.note(Check::Algorithm, || named("alg"), algorithm(&header))?;
        let extension = ["crit", "enc", "zip", "b64"].into_iter().find(|name| header.contains_key(*name));
        let extended = if extension.is_some() { Err(TokenError::Malformed) } else { Ok(()) };
        trace.note(Check::Extensions, || extension.unwrap_or("none").to_owned(), extended)?;
        let typ = match header.get("typ") {
            None => Ok(()),
            Some(Value::String(typ)) if token_use.permits(typ) => Ok(()),
            Some(_) => Err(TokenError::WrongType),
        };
        trace.note(Check::Type, || named("typ"), typ)?;
        let key_id = match header.get("kid") {
            None => Ok(None),
            Some(Value::String(kid)) if kid.len() <= 256 => Ok(Some(kid.clone())),
            Some(_) => Err(TokenError::Malformed),
        };
        let key_id = trace.note(Check::KeyId, || named("kid"), key_id)?;
        let thumbprints = match token_use {
            TokenUse::Assertion => {
                Thumbprints::of(&header).or_else(|error| trace.note(Check::Certificate, || named("x5t"), Err(error)))?
            }
            TokenUse::Access | TokenUse::Identity | TokenUse::Logout => Thumbprints::default(),
        };
        let claims = trace.note(Check::Payload, String::new, part(claims))?;
        let issuer = match claims.get("iss") {
            Some(Value::String(issuer)) => Ok(issuer.clone()),
            _ => Err(TokenError::Malformed),
        };
        let issuer = trace.note(Check::Issuer, || shown(claims.get("iss")), issuer)?;
        Ok(Self { algorithm, key_id, issuer, thumbprints, claims, signed, signature })
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

/// Fingerprints of a certificate in a header (RFC 7515 sections 4.1.7 and 4.1.8). They name a
/// certificate that was registered before; none is taken from the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Thumbprints {
    pub(crate) sha1: Option<Vec<u8>>,
    pub(crate) sha256: Option<Vec<u8>>,
}

impl Thumbprints {
    fn of(header: &Map<String, Value>) -> Result<Self, TokenError> {
        let read = |name: &str, len: usize| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => URL_SAFE_NO_PAD
                // Clients of Entra pad it, against the standard.
                .decode(text.trim_end_matches('='))
                .ok()
                .filter(|bytes| bytes.len() == len)
                .map(Some)
                .ok_or(TokenError::Malformed),
            Some(_) => Err(TokenError::Malformed),
        };
        Ok(Self { sha1: read("x5t", 20)?, sha256: read("x5t#S256", 32)? })
    }

    /// As somebody who looks for the certificate wants to see them.
    pub(crate) fn shown(&self) -> String {
        let hex = |name: &str, print: &Option<Vec<u8>>| {
            print.as_ref().map(|print| {
                print.iter().fold(format!("{name} "), |mut hex, byte| {
                    // Writing into text does not fail.
                    let _ = write!(hex, "{byte:02x}");
                    hex
                })
            })
        };
        let named = [hex("x5t", &self.sha1), hex("x5t#S256", &self.sha256)];
        let named: Vec<String> = named.into_iter().flatten().collect();
        if named.is_empty() { "no x5t and no x5t#S256".to_owned() } else { named.join(", ") }
    }
}

/// A claim as somebody who puts a token right wants to see it.
pub(crate) fn shown(claim: Option<&Value>) -> String {
    claim.map_or_else(|| "absent".to_owned(), Value::to_string)
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
        let expires = self.check_expiry(now)?;
        self.check_begun("nbf", now)?;
        self.check_begun("iat", now)?;
        Ok(expires)
    }

    /// Checks `exp`, which is required; gives it.
    pub(crate) fn check_expiry(self, now: i64) -> Result<i64, TokenError> {
        let expires = self.time("exp")?.ok_or(TokenError::Malformed)?;
        if now >= expires { Err(TokenError::Expired) } else { Ok(expires) }
    }

    /// Checks `nbf` or `iat`, which may be absent.
    pub(crate) fn check_begun(self, name: &str, now: i64) -> Result<(), TokenError> {
        match self.time(name)? {
            Some(time) if time > now.saturating_add(CLOCK_SKEW) => Err(TokenError::NotYetValid),
            _ => Ok(()),
        }
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
