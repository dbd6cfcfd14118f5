//! The steps of judging a token, noted while they are taken.
//!
//! There is one way to judge a token; explaining is the same way with somebody taking notes. Must
//! never hold the token, its signature, or more of a claim than helps to put it right.

use crate::jwt::TokenError;

/// Most characters of what was found that are noted.
const MAX_FOUND: usize = 200;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Length,
    Shape,
    Header,
    Algorithm,
    Extensions,
    Type,
    KeyId,
    Payload,
    Issuer,
    KnownIssuer,
    AllowedAlgorithm,
    Key,
    Signature,
    Expires,
    NotBefore,
    IssuedAt,
    Audience,
    Mapping,
    Workload,
    Subject,
    FederationIssuer,
    FederationSubject,
    FederationAudience,
    Certificate,
    Lifetime,
    TokenId,
}

/// Takes notes, or not.
pub(crate) trait Trace: Send {
    /// Notes how a step went and gives its result back.
    fn note<T>(
        &mut self,
        check: Check,
        found: impl FnOnce() -> String,
        result: Result<T, TokenError>,
    ) -> Result<T, TokenError>;
}

/// Takes none: for tokens that come with requests.
pub(crate) struct Silent;

impl Trace for Silent {
    fn note<T>(
        &mut self,
        _: Check,
        _: impl FnOnce() -> String,
        result: Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        result
    }
}

/// What was noted of one step.
pub(crate) struct Step {
    pub(crate) check: Check,
    pub(crate) found: String,
    pub(crate) failed: Option<TokenError>,
}

/// Takes them all.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Vec<Step>);

impl Trace for Notes {
    fn note<T>(
        &mut self,
        check: Check,
        found: impl FnOnce() -> String,
        result: Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let found = found().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(MAX_FOUND).collect();
        self.0.push(Step { check, found, failed: result.as_ref().err().copied() });
        result
    }
}
