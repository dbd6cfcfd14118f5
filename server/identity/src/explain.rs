//! What is wrong with a token, in words that help to put it right.
//!
//! Words only: the judging is that of `bearer`, or of the token endpoint for an assertion, noted step by step. Must never
//! repeat the token, and tells issuers, audiences and federations of this installation, so it is for administrators.

use std::{collections::BTreeSet, sync::Arc};

use strongroom_domain::{
    identity::{Federation, Workload},
    principal::Principal,
    sign_in::{CheckState, TokenCheck, TokenExplanation},
};

use crate::{
    IssuerConfig,
    issuer::Issuers,
    jwt::{CLOCK_SKEW, MAX_TOKEN_LEN, TokenError},
    token_endpoint::MAX_ASSERTION_SECONDS,
    trace::{Check, Notes},
};

/// The steps of taking a token apart, in the order in which they are taken. The others follow them.
const READ: [Check; 9] = [
    Check::Length,
    Check::Shape,
    Check::Header,
    Check::Algorithm,
    Check::Extensions,
    Check::Type,
    Check::KeyId,
    Check::Payload,
    Check::Issuer,
];

/// The further steps of a bearer token.
const BEARER: [Check; 9] = [
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

/// The further steps of an assertion of a federated issuer.
const FEDERATED: [Check; 12] = [
    Check::Workload,
    Check::Subject,
    Check::FederationIssuer,
    Check::FederationSubject,
    Check::FederationAudience,
    Check::KnownIssuer,
    Check::AllowedAlgorithm,
    Check::Key,
    Check::Signature,
    Check::Expires,
    Check::NotBefore,
    Check::IssuedAt,
];

/// The further steps of an assertion that a workload signed itself.
const OWN: [Check; 11] = [
    Check::Workload,
    Check::AllowedAlgorithm,
    Check::Subject,
    Check::Certificate,
    Check::Signature,
    Check::Expires,
    Check::NotBefore,
    Check::IssuedAt,
    Check::Lifetime,
    Check::Audience,
    Check::TokenId,
];

/// Puts the notes of a bearer token into words. The first `verified` of them were taken on the way that counts, the
/// others on claims that nobody has verified.
pub(crate) fn explanation(
    issuers: &Issuers,
    verdict: Result<Arc<Principal>, TokenError>,
    notes: &Notes,
    verified: usize,
    now: i64,
) -> TokenExplanation {
    let words = Words { issuers, assertion: None, named: named(notes), now };
    let (principal, reason) = match verdict {
        Ok(principal) => (Some(Arc::unwrap_or_clone(principal)), None),
        Err(error) => (None, Some(error.code())),
    };
    TokenExplanation { principal, reason, checks: words.told(&BEARER, notes, |place| place < verified) }
}

/// What an assertion is judged by.
pub(crate) struct Assertion<'a> {
    /// The workload that it is to stand for.
    pub(crate) workload: Option<&'a Workload>,
    /// The addresses of the token endpoint.
    pub(crate) endpoints: &'a [String],
    /// Whether the workload signed it itself, as far as it says.
    pub(crate) own: bool,
}

/// Puts the notes of an assertion into words. Nobody comes by it: whom the token would be for is for the caller to say.
pub(crate) fn of_assertion(
    issuers: &Issuers,
    assertion: Assertion<'_>,
    reason: Option<&'static str>,
    notes: &Notes,
    now: i64,
) -> TokenExplanation {
    let signed = notes.0.iter().any(|step| step.check == Check::Signature && step.failed.is_none());
    let order: &[Check] = if assertion.own { &OWN } else { &FEDERATED };
    let words = Words { issuers, assertion: Some(assertion), named: named(notes), now };
    TokenExplanation { principal: None, reason, checks: words.told(order, notes, |_| signed) }
}

/// The issuer that was found, or not.
fn named(notes: &Notes) -> Option<&str> {
    notes.0.iter().find(|step| step.check == Check::KnownIssuer).map(|step| step.found.as_str())
}

/// What words are made of.
struct Words<'a> {
    issuers: &'a Issuers,
    /// Of an assertion; none of a bearer token.
    assertion: Option<Assertion<'a>>,
    named: Option<&'a str>,
    now: i64,
}

impl Words<'_> {
    fn told(&self, order: &[Check], notes: &Notes, verified: impl Fn(usize) -> bool) -> Vec<TokenCheck> {
        let told = |check: &Check| {
            let (name, expected) = self.described(*check);
            let noted = notes.0.iter().enumerate().find(|(_, step)| step.check == *check);
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
                verified: verified(place),
                found: step.found.clone(),
                expected,
                advice: step.failed.map(|error| self.advice(*check, error)),
            }
        };
        READ.iter().chain(order).map(told).collect()
    }

    /// The name of a check, and what it wants to see.
    fn described(&self, check: Check) -> (&'static str, String) {
        let now = self.now;
        let latest = now.saturating_add(CLOCK_SKEW);
        match check {
            Check::Length => ("length", format!("1 to {MAX_TOKEN_LEN} bytes")),
            Check::Shape => ("shape", "header.claims.signature (compact JWS, RFC 7515)".to_owned()),
            Check::Header => {
                ("header", "base64url without padding of a JSON object that names nothing twice".to_owned())
            }
            Check::Algorithm => ("alg", "an asymmetric signature algorithm".to_owned()),
            Check::Extensions => ("crit, enc, zip, b64", "none".to_owned()),
            Check::Type if self.assertion.is_some() => ("typ", "absent, JWT or client-authentication+jwt".to_owned()),
            Check::Type => ("typ", "absent, JWT or at+jwt".to_owned()),
            Check::KeyId => ("kid", "absent or text of at most 256 bytes".to_owned()),
            Check::Payload => {
                ("claims", "base64url without padding of a JSON object that names nothing twice".to_owned())
            }
            Check::Issuer => ("iss", "text".to_owned()),
            Check::KnownIssuer if self.assertion.is_some() => {
                ("issuer", "one that this server takes assertions of".to_owned())
            }
            Check::KnownIssuer => ("issuer", format!("exactly one of: {}", self.issuers.names().join(", "))),
            Check::AllowedAlgorithm => ("allowed alg", self.algorithms()),
            Check::Key => ("key", "a key that the issuer publishes now and that fits the algorithm".to_owned()),
            Check::Signature => ("signature", "one that holds under that key".to_owned()),
            Check::Expires => ("exp", format!("later than {now} (now)")),
            Check::NotBefore => ("nbf", format!("absent or at most {latest} (a minute from now)")),
            Check::IssuedAt => ("iat", format!("absent or at most {latest} (a minute from now)")),
            Check::Audience => ("aud", self.audience()),
            Check::Mapping => ("sub, groups and claims", self.mapping()),
            Check::Workload => ("workload", "enabled".to_owned()),
            Check::Subject if self.assertion.as_ref().is_some_and(|assertion| assertion.own) => {
                ("sub", "the client id, as iss is".to_owned())
            }
            Check::Subject => ("sub", "1 to 256 characters, none of them a control character".to_owned()),
            Check::FederationIssuer => ("federation issuer", self.federations(|federation| &federation.issuer)),
            Check::FederationSubject => ("federation subject", self.federations(|federation| &federation.subject)),
            Check::FederationAudience => ("federation audience", self.federations(|federation| &federation.audience)),
            Check::Certificate => ("certificate", self.certificates()),
            Check::Lifetime => ("lifetime", format!("at most {MAX_ASSERTION_SECONDS} seconds from now")),
            Check::TokenId => ("jti", "text, another one in each assertion".to_owned()),
        }
    }

    fn of_issuer(&self, want: impl FnOnce(&IssuerConfig) -> String) -> String {
        let issuer = self.named.and_then(|name| self.issuers.bearer(name));
        issuer.map_or_else(|| "as configured for the issuer".to_owned(), |issuer| want(&issuer.config))
    }

    fn algorithms(&self) -> String {
        if self.assertion.as_ref().is_some_and(|assertion| assertion.own) {
            return "RS256 or PS256".to_owned();
        }
        self.of_issuer(|config| config.algorithms.join(", "))
    }

    fn audience(&self) -> String {
        if let Some(assertion) = &self.assertion {
            return format!("exactly one of: {}", assertion.endpoints.join(", "));
        }
        self.of_issuer(|config| match config.audience.as_slice() {
            [] => "none: this issuer is for sign-in and federation alone".to_owned(),
            audiences => format!("exactly one of: {}", audiences.join(", ")),
        })
    }

    fn mapping(&self) -> String {
        self.of_issuer(|config| {
            let whole = config.groups_claim.iter().cloned();
            let values = config.claims_as_groups.iter().map(|claim| format!("{claim} as {claim}=VALUE"));
            let groups: Vec<String> = whole.chain(values).collect();
            let groups = if groups.is_empty() { "none".to_owned() } else { groups.join(", ") };
            format!("sub of 1 to 256 characters; groups from: {groups}; claims: {}", config.claims.join(", "))
        })
    }

    /// What the federations of the workload say, each once.
    fn federations<'a>(&'a self, part: impl Fn(&'a Federation) -> &'a String) -> String {
        let workload = self.assertion.as_ref().and_then(|assertion| assertion.workload);
        let said = workload.into_iter().flat_map(|workload| &workload.federations).map(part);
        let said: BTreeSet<&String> = said.collect();
        if said.is_empty() {
            return "a federation: the workload has none".to_owned();
        }
        let said: Vec<&str> = said.into_iter().map(String::as_str).collect();
        format!("as in one federation: {}", said.join(", "))
    }

    fn certificates(&self) -> String {
        let workload = self.assertion.as_ref().and_then(|assertion| assertion.workload);
        let names = workload.into_iter().flat_map(|workload| &workload.certificates);
        let names: Vec<&str> = names.map(|certificate| certificate.name.as_str()).collect();
        if names.is_empty() {
            return "a registered certificate: the workload has none".to_owned();
        }
        format!("one of those registered, within its time: {}", names.join(", "))
    }

    /// What to change when a check fails.
    fn advice(&self, check: Check, error: TokenError) -> &'static str {
        match &self.assertion {
            Some(assertion) => advice_of_assertion(check, error, assertion.own),
            None => advice(check, error),
        }
    }
}

/// What to change when a check of an assertion fails that is none of a bearer token, or goes otherwise there.
fn advice_of_assertion(check: Check, error: TokenError, own: bool) -> &'static str {
    match check {
        Check::Type => {
            "This is another sort of token: send the token that the platform gives for federation, or a client assertion."
        }
        Check::Workload => {
            "No enabled workload identity has this client id: check the client id, or enable the workload."
        }
        Check::Subject if own => "An assertion that a workload signs itself has the client id as `iss` and as `sub`.",
        Check::Subject => "The issuer must put a `sub` of 1 to 256 characters into the token.",
        Check::FederationIssuer => {
            "No federation of the workload has this issuer: add one (`strongroom identity federation add`), byte by byte as `iss` stands in the token. A client that signs for itself puts its client id there."
        }
        Check::FederationSubject => {
            "No federation with this issuer covers the subject: add one with exactly this `sub`, or with a pattern, whose asterisks stand for anything but a colon."
        }
        Check::FederationAudience => {
            "No federation with this issuer and subject has the audience: ask the platform for a token with the audience of the federation, or add a federation with this `aud`."
        }
        Check::KnownIssuer => {
            "The federation is there, but this server takes no assertions of its issuer: add the issuer to [[issuers]] of the configuration."
        }
        Check::AllowedAlgorithm if own => "Sign the assertion by RS256 or PS256.",
        Check::Certificate => {
            "Register the certificate (`strongroom identity certificate add`), or name a registered one that is within its time by `x5t` or `x5t#S256`."
        }
        Check::Signature if own => {
            "The assertion was not signed by the private key of the certificate that its header names."
        }
        Check::Lifetime => "Sign an assertion that expires within an hour.",
        Check::Audience => {
            "An assertion that a workload signs itself is for the token endpoint: put its address into `aud`."
        }
        Check::TokenId => "Put a `jti` of 1 to 256 bytes into the assertion, another one each time.",
        _ => advice(check, error),
    }
}

/// What to change when a check of any token fails.
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
            "Add the issuer to [[issuers]] of the configuration, byte by byte as it stands in the token, or take the token from a configured one. If it is to be exchanged at the token endpoint, say for which workload (`--workload`, or `client_id` over the API)."
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
            "Ask the issuer for a token for this installation (scope or resource = the base address), or add the audience to the issuer in the configuration. If it is to be exchanged at the token endpoint, say for which workload (`--workload`, or `client_id` over the API)."
        }
        (Check::Audience, _) => "`aud` must be text or a list of at most 32 texts.",
        (Check::Mapping, TokenError::TooLarge) => {
            "Too many groups (200) or too long a claim: have the issuer put less into the token."
        }
        (Check::Mapping, _) => "`sub` must be text without control characters, and groups a list of texts.",
        // Of assertions alone, and told before.
        (
            Check::Workload
            | Check::Subject
            | Check::FederationIssuer
            | Check::FederationSubject
            | Check::FederationAudience
            | Check::Certificate
            | Check::Lifetime
            | Check::TokenId,
            _,
        ) => "The assertion is not one that counts for the workload.",
    }
}
