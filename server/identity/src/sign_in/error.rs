//! Why a sign-in does not go on, and what the errors of providers and of the library mean.

use openidconnect::ClaimsVerificationError;
use strongroom_crypto::EntropyError;

use crate::jwt::TokenError;

/// Why a sign-in does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No provider has this name.
    #[error("no identity provider has this name")]
    UnknownProvider,
    /// The provider does not answer, or not as one.
    #[error("the identity provider cannot be reached")]
    ProviderUnreachable,
    /// The answer belongs to another sign-in, or to none.
    #[error("the answer does not belong to this sign-in")]
    StateMismatch,
    /// The answer names another issuer, or none although the provider promises to (RFC 9207).
    #[error("the answer comes from another identity provider")]
    IssuerMismatch,
    /// The id token was made for another sign-in.
    #[error("the id token does not belong to this sign-in")]
    NonceMismatch,
    /// The person had to prove again who they are, and did not.
    #[error("the person did not sign in again")]
    NotAfresh,
    /// More than ten minutes have passed.
    #[error("the sign-in has taken too long")]
    TooLate,
    /// The person or the provider said no.
    #[error("the identity provider denied the sign-in")]
    Denied,
    /// The provider knows nobody to sign in.
    #[error("the identity provider has no account to sign in with")]
    NoAccount,
    /// The provider answered with an error, or refused the code.
    #[error("the identity provider refused the sign-in")]
    Refused,
    /// The query of the answer is malformed.
    #[error("the answer is malformed")]
    MalformedAnswer,
    /// The id token does not count.
    #[error("the id token is refused: {0}")]
    InvalidToken(TokenError),
    /// The redirect address of this server is not an address.
    #[error("the redirect address is malformed")]
    RedirectAddress,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl SignInError {
    /// The reason as written into records: stable, lower case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownProvider => "sign-in-unknown-provider",
            Self::ProviderUnreachable => "sign-in-provider-unreachable",
            Self::StateMismatch => "sign-in-state-mismatch",
            Self::IssuerMismatch => "sign-in-issuer-mismatch",
            Self::NonceMismatch => "sign-in-nonce-mismatch",
            Self::NotAfresh => "sign-in-not-afresh",
            Self::TooLate => "sign-in-too-late",
            Self::Denied => "sign-in-denied",
            Self::NoAccount => "sign-in-no-account",
            Self::Refused => "sign-in-refused",
            Self::MalformedAnswer => "sign-in-malformed-answer",
            Self::InvalidToken(error) => error.code(),
            Self::RedirectAddress => "sign-in-redirect-address",
            Self::Entropy(_) => "entropy-unavailable",
        }
    }
}

/// Error codes of RFC 6749 section 4.1.2.1 and OpenID Connect Core section 3.1.2.6.
pub(super) fn provider_error(code: &str) -> SignInError {
    match code {
        "access_denied" | "consent_required" => SignInError::Denied,
        "login_required" | "interaction_required" | "account_selection_required" => SignInError::NoAccount,
        "temporarily_unavailable" | "server_error" => SignInError::ProviderUnreachable,
        _ => SignInError::Refused,
    }
}

pub(super) fn verification_error(error: &ClaimsVerificationError) -> SignInError {
    SignInError::InvalidToken(match error {
        ClaimsVerificationError::InvalidNonce(_) => return SignInError::NonceMismatch,
        ClaimsVerificationError::Expired(_) => TokenError::Expired,
        ClaimsVerificationError::InvalidAudience(_) => TokenError::WrongAudience,
        ClaimsVerificationError::InvalidIssuer(_) => TokenError::UnknownIssuer,
        ClaimsVerificationError::SignatureVerification(_) => TokenError::BadSignature,
        _ => TokenError::Malformed,
    })
}
