//! Ports of authentication: bearer tokens and OIDC sign-in, as the domain needs them.
//!
//! What a token or a provider says is checked behind these ports; here is only what may come of it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use strongroom_crypto::Plaintext;

use crate::{decision::StepUp, identity::UsedAssertion, principal::Principal};

/// Why a bearer token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// For another audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// Past its `exp`.
    #[error("the token has expired")]
    Expired,
    /// Before its `nbf`.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Malformed, unknown issuer or key, wrong signature, algorithm or type. The reason code is for
    /// the record, not for the caller.
    #[error("the token is not valid")]
    Invalid(&'static str),
    /// The issuer's keys cannot be had.
    #[error("the token's issuer is not reachable")]
    IssuerUnavailable,
}

impl TokenRejected {
    /// Machine-readable reason for the record.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::WrongAudience => "token-wrong-audience",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::Invalid(reason) => reason,
            Self::IssuerUnavailable => "token-issuer-unavailable",
        }
    }
}

/// How one check of a token went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// Something before it failed, so that there was nothing to look at.
    NotReached,
}

/// One check of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenCheck {
    /// What is checked: a claim, a header, the signature.
    pub check: &'static str,
    /// How it went.
    pub state: CheckState,
    /// Whether what was looked at is covered by a signature that holds. Claims are looked at without,
    /// when the signature is what fails.
    pub verified: bool,
    /// What the token says, shortened.
    pub found: String,
    /// What it should say.
    pub expected: String,
    /// What to change, when it failed.
    pub advice: Option<&'static str>,
}

/// What became of a token, check by check. Holds nothing that the token could be made of again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenExplanation {
    /// Who the bearer is; none when the token is not accepted.
    pub principal: Option<Principal>,
    /// Machine-readable reason when it is not accepted.
    pub reason: Option<&'static str>,
    /// Every check, in order.
    pub checks: Vec<TokenCheck>,
}

/// Turns a bearer token into a principal.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Validates a token for this installation.
    ///
    /// # Errors
    /// [`TokenRejected`].
    async fn authenticate(&self, token: &str, now_millis: i64) -> Result<Arc<Principal>, TokenRejected>;

    /// When a token ends that was accepted lately, Unix milliseconds; none when that is not known any more. Says
    /// nothing of whether it counts.
    fn ends(&self, token: &str) -> Option<i64>;

    /// Validates a token in the same way and tells how every check went. For administrators alone:
    /// it tells what this installation accepts.
    async fn explain(&self, token: &str, now_millis: i64) -> TokenExplanation;

    /// Whether principals of this issuer may come at all, as the installation is configured now.
    fn knows(&self, issuer: &str) -> bool;

    /// The exact names of all issuers whose tokens may be accepted, the installation's own first.
    fn issuers(&self) -> Vec<String>;
}

/// A provider that people may sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInProvider {
    /// Identifier in addresses.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// The exact issuer of its tokens.
    pub issuer: String,
}

/// What a sign-in asks of the provider beyond an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInDemand {
    /// That the person proves again who they are, whatever session the provider has.
    pub afresh: bool,
    /// Authentication context classes, the preferred one first; none for any.
    pub acr: Vec<String>,
}

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub principal: Principal,
    /// A name to greet the person with; never identifies.
    pub display_name: String,
    /// The provider's own session (`sid`), if it told one.
    pub provider_session: Option<String>,
    /// When the person proved who they are, Unix seconds, if the provider told.
    pub authenticated: Option<i64>,
}

/// A logout token that holds (OpenID Connect Back-Channel Logout 1.0): a provider says that a session, or
/// everything of a person, is over. At least one of `subject` and `session` is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutToken {
    /// Who says so.
    pub issuer: String,
    /// Whose sessions.
    pub subject: Option<String>,
    /// Which session at the provider.
    pub session: Option<String>,
    /// The token itself, which counts once.
    pub once: UsedAssertion,
}

/// Why a sign-in did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No provider of that identifier is configured.
    #[error("there is no such provider")]
    UnknownProvider,
    /// The provider does not answer.
    #[error("the provider is not reachable")]
    Unreachable,
    /// The provider said no.
    #[error("the provider refused the sign-in")]
    Refused,
    /// State, nonce, issuer, code or token do not fit. The reason code is for the record.
    #[error("the provider's answer is not valid")]
    Invalid(&'static str),
}

impl SignInError {
    /// Machine-readable reason for the record.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "sign-in-unknown-provider",
            Self::Unreachable => "sign-in-provider-unreachable",
            Self::Refused => "sign-in-refused",
            Self::Invalid(reason) => reason,
        }
    }
}

/// What a provider answered when it was asked a moment ago: nothing of it counts for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLook {
    /// When it was asked, Unix milliseconds.
    pub at: i64,
    /// Where its discovery document is looked for.
    pub discovery_uri: String,
    /// What that says, or why it says nothing.
    pub discovery: Result<ProviderTold, String>,
    /// How many keys it has that can be verified with here, or why none are known.
    pub keys: Result<usize, String>,
    /// How far its clock is ahead of the one it was asked by, in seconds, if it tells.
    pub clock_ahead: Option<i64>,
}

/// What a discovery document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTold {
    /// Where people are sent.
    pub authorization_endpoint: Option<String>,
    /// Where codes are redeemed.
    pub token_endpoint: Option<String>,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Where its own session is ended.
    pub end_session_endpoint: Option<String>,
}

/// OIDC sign-in by authorization code with PKCE (RFC 7636, OpenID Connect Core 3.1).
#[async_trait]
pub trait SignIn: Send + Sync {
    /// Who can be signed in with, in the order of the configuration.
    fn providers(&self) -> Vec<SignInProvider>;

    /// Whether people of this issuer can be signed in.
    fn knows(&self, issuer: &str) -> bool;

    /// How people of this issuer must have signed in before they do what cannot be undone or gives power away, as the
    /// installation is configured; none for in any way.
    fn step_up(&self, _issuer: &str) -> Option<StepUp> {
        None
    }

    /// Asks a provider how it answers now, once in a while: within it, the last answer is told again.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`]; what the provider itself does not answer is in the look.
    async fn look(&self, _provider: &str, _now_millis: i64) -> Result<ProviderLook, SignInError> {
        Err(SignInError::UnknownProvider)
    }

    /// Begins: gives the provider's address to go to, and what must be kept until the way back
    /// (state, nonce, code verifier), which the caller seals.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn begin(
        &self,
        provider: &str,
        redirect_uri: &str,
        demand: &SignInDemand,
        now_millis: i64,
    ) -> Result<(String, Plaintext), SignInError>;

    /// Finishes: checks what the browser brought back against what was kept. `came_to` is the address that it was
    /// brought to: an answer that came to another than its sign-in went out with is another provider's.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn finish(
        &self,
        kept: &Plaintext,
        came_to: &str,
        query: &[(String, String)],
        now_millis: i64,
    ) -> Result<SignedIn, SignInError>;

    /// Where to go to end the provider's own session, and then come back to `redirect_uri` (OpenID Connect
    /// RP-Initiated Logout 1.0); none when the provider offers no such place.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn end(&self, provider: &str, redirect_uri: &str) -> Result<Option<String>, SignInError>;

    /// Checks a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.6). That it counts once is
    /// for the caller to see to.
    ///
    /// # Errors
    /// [`SignInError`].
    async fn logout_token(&self, provider: &str, token: &str, now_millis: i64) -> Result<LogoutToken, SignInError>;
}
