//! What is wrong with a token, in words that help to put it right.
//!
//! Words only: the judging is that of `bearer`, noted step by step. Must never repeat the token, and
//! tells issuers and audiences of this installation, so it is for administrators.

use std::sync::Arc;

use strongroom_domain::{
    principal::Principal,
    sign_in::{CheckState, TokenCheck, TokenExplanation},
};

use crate::{
    issuer::Issuers,
    jwt::{CLOCK_SKEW, MAX_TOKEN_LEN, TokenError},
    trace::{Check, Notes},
};

/// Every step, in the order in which they are taken.
const ALL: [Check; 18] = [
    Check::Length,
    Check::Shape,
    Check::Header,
    Check::Algorithm,
    Check::Extensions,
    Check::Type,
    Check::KeyId,
    Check::Payload,
    Check::Issuer,
    Check::KnownIssuer,
    Check::AllowedAlgorithm,
    Check::Key,
    Check::Signature,
    Check::Expires,
    Check::NotBefore,
    Check::IssuedAt,
    Check::Audience,
    Check::Mapping,
];

/// Puts notes into words. The first `verified` of them were taken on the way that counts, the others
/// on claims that nobody has verified.
pub(crate) fn explanation(
    issuers: &Issuers,
    verdict: Result<Arc<Principal>, TokenError>,
    notes: &Notes,
    verified: usize,
    now: i64,
) -> TokenExplanation {
    let named = notes.0.iter().find(|step| step.check == Check::KnownIssuer).map(|step| step.found.as_str());
    let checks = ALL.into_iter().map(|check| {
        let (name, expected) = described(check, issuers, named, now);
        let noted = notes.0.iter().enumerate().find(|(_, step)| step.check == check);
        let Some((place, step)) = noted else {
            return TokenCheck {
                check: name,
                state: CheckState::NotReached,
                verified: false,
                found: String::new(),
                expected,
                advice: None,
            };
        };
        TokenCheck {
            check: name,
            state: if step.failed.is_some() { CheckState::Failed } else { CheckState::Passed },
            verified: place < verified,
            found: step.found.clone(),
            expected,
            advice: step.failed.map(|error| advice(check, error)),
        }
    });
    let checks = checks.collect();
    let (principal, reason) = match verdict {
        Ok(principal) => (Some(Arc::unwrap_or_clone(principal)), None),
        Err(error) => (None, Some(error.code())),
    };
    TokenExplanation { principal, reason, checks }
}

/// The name of a check, and what it wants to see.
fn described(check: Check, issuers: &Issuers, named: Option<&str>, now: i64) -> (&'static str, String) {
    let issuer = named.and_then(|name| issuers.bearer(name));
    let of_issuer = |want: &dyn Fn(&crate::IssuerConfig) -> String| {
        issuer.map_or_else(|| "as configured for the issuer".to_owned(), |issuer| want(&issuer.config))
    };
    let latest = now.saturating_add(CLOCK_SKEW);
    match check {
        Check::Length => ("length", format!("1 to {MAX_TOKEN_LEN} bytes")),
        Check::Shape => ("shape", "header.claims.signature (compact JWS, RFC 7515)".to_owned()),
        Check::Header => ("header", "base64url without padding of a JSON object that names nothing twice".to_owned()),
        Check::Algorithm => ("alg", "an asymmetric signature algorithm".to_owned()),
        Check::Extensions => ("crit, enc, zip, b64", "none".to_owned()),
        Check::Type => ("typ", "absent, JWT or at+jwt".to_owned()),
        Check::KeyId => ("kid", "absent or text of at most 256 bytes".to_owned()),
        Check::Payload => ("claims", "base64url without padding of a JSON object that names nothing twice".to_owned()),
        Check::Issuer => ("iss", "text".to_owned()),
        Check::KnownIssuer => ("issuer", format!("exactly one of: {}", issuers.names().join(", "))),
        Check::AllowedAlgorithm => ("allowed alg", of_issuer(&|config| config.algorithms.join(", "))),
        Check::Key => ("key", "a key that the issuer publishes now and that fits the algorithm".to_owned()),
        Check::Signature => ("signature", "one that holds under that key".to_owned()),
        Check::Expires => ("exp", format!("later than {now} (now)")),
        Check::NotBefore => ("nbf", format!("absent or at most {latest} (a minute from now)")),
        Check::IssuedAt => ("iat", format!("absent or at most {latest} (a minute from now)")),
        Check::Audience => (
            "aud",
            of_issuer(&|config| match config.audience.as_slice() {
                [] => "none: this issuer is for sign-in and federation alone".to_owned(),
                audiences => format!("exactly one of: {}", audiences.join(", ")),
            }),
        ),
        Check::Mapping => (
            "sub, groups and claims",
            of_issuer(&|config| {
                let groups = config.groups_claim.as_deref().unwrap_or("none");
                format!("sub of 1 to 256 characters; groups from: {groups}; claims: {}", config.claims.join(", "))
            }),
        ),
    }
}

/// What to change when a check fails.
fn advice(check: Check, error: TokenError) -> &'static str {
    match (check, error) {
        (Check::Length, TokenError::Missing) => "Send the token after `Bearer ` in the Authorization header.",
        (Check::Length, _) => "Ask the issuer for fewer groups and claims in the token.",
        (Check::Shape, _) => {
            "This is no signed JWT. An opaque or encrypted token (five parts) cannot be verified here: ask the issuer for a JWT access token for this audience."
        }
        (Check::Header | Check::Payload, _) => {
            "The token was cut, wrapped or changed on its way: copy it again, without line breaks."
        }
        (Check::Algorithm, _) => {
            "`none` and symmetric algorithms (HS256) are never accepted: configure the client at the issuer for RS256, PS256, ES256, ES384 or EdDSA."
        }
        (Check::Extensions, _) => {
            "The issuer demands an extension of JWS that is not supported: switch it off for this client."
        }
        (Check::Type, _) => {
            "This is another sort of token (an id token's neighbour, a logout token, a client assertion): send the access token."
        }
        (Check::KeyId, _) => "The issuer's key id is not text of at most 256 bytes.",
        (Check::Issuer, _) => "The token names no issuer: ask the issuer for a JWT access token.",
        (Check::KnownIssuer, _) => {
            "Add the issuer to [[issuers]] of the configuration, byte by byte as it stands in the token, or take the token from a configured one."
        }
        (Check::AllowedAlgorithm, _) => {
            "Add the algorithm to `algorithms` of the issuer in the configuration, or change it at the issuer."
        }
        (Check::Key, TokenError::IssuerUnavailable) => {
            "The issuer's keys cannot be fetched: check that this server reaches its discovery document and key set (DNS, firewall, certificate authority)."
        }
        (Check::Key, _) => {
            "The issuer does not publish this key (any more): take a new token; if it persists, the token is of another issuer or `jwks_uri` is wrong."
        }
        (Check::Signature, _) => {
            "The token was changed, or signed by somebody else than the issuer it names. Take a new one from the issuer."
        }
        (Check::Expires, TokenError::Expired) => {
            "The token has expired: take a new one. Expiry has no tolerance; check the clocks if it is new."
        }
        (Check::Expires, _) => "The issuer must put a numeric `exp` into the token.",
        (Check::NotBefore | Check::IssuedAt, TokenError::NotYetValid) => {
            "The token begins in the future: the clocks of issuer and server differ by more than a minute."
        }
        (Check::NotBefore | Check::IssuedAt, _) => "The issuer must write times as numbers (seconds since 1970).",
        (Check::Audience, TokenError::WrongAudience) => {
            "Ask the issuer for a token for this installation (scope or resource = the base address), or add the audience to the issuer in the configuration."
        }
        (Check::Audience, _) => "`aud` must be text or a list of at most 32 texts.",
        (Check::Mapping, TokenError::TooLarge) => {
            "Too many groups (200) or too long a claim: have the issuer put less into the token."
        }
        (Check::Mapping, _) => "`sub` must be text without control characters, and groups a list of texts.",
    }
}
