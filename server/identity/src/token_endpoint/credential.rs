//! Whether a client is the workload that it says it is.
//!
//! The reasons are for the audit record; all of one kind of credential become the same answer
//! (`From<CredentialError> for TokenEndpointError`), but for a right one of a disabled workload. Must never compare in variable time, nor skip
//! the hashing for a client that does not exist. Assertions: `assertion.rs`.

use strongroom_crypto::{MacKey, SecretText, verify_client_secret};
use strongroom_domain::identity::Workload;
use uuid::Uuid;

use super::error::TokenEndpointError;
use crate::jwt::TokenError;

/// Why a credential does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// No workload has the client id (client secret).
    #[error("no workload has this client id")]
    UnknownClient,
    /// The client secret is right, and the workload is disabled.
    #[error("the workload is disabled")]
    Disabled,
    /// The workload has no such client secret.
    #[error("the client secret is wrong")]
    WrongSecret,
    /// The client secret was right once.
    #[error("the client secret has expired")]
    ExpiredSecret,
    /// No workload has the client id (assertion).
    #[error("no workload has this client id")]
    UnknownFederatedClient,
    /// The assertion is right, and the workload is disabled.
    #[error("the workload is disabled")]
    DisabledFederated,
    /// No federation of the workload has this issuer, subject and audience.
    #[error("no federation of the workload matches the assertion")]
    NoFederation,
    /// The workload has no valid certificate of this fingerprint.
    #[error("no certificate of the workload matches the assertion")]
    NoCertificate,
    /// The assertion is signed as it should be, but it is not within its time, or lives for longer
    /// than an hour.
    #[error("the assertion is not within its time")]
    OutOfTime,
    /// The assertion is signed as it should be, for another audience than this token endpoint.
    #[error("the assertion is for another audience")]
    WrongAudience,
    /// The assertion does not verify.
    #[error("the assertion is refused: {0}")]
    Assertion(TokenError),
}

impl CredentialError {
    /// The reason as written into records: stable, lower case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownClient | Self::UnknownFederatedClient => "client-unknown",
            Self::Disabled | Self::DisabledFederated => "client-disabled",
            Self::WrongSecret => "client-secret-wrong",
            Self::ExpiredSecret => "client-secret-expired",
            Self::NoFederation => "client-federation-none",
            Self::NoCertificate => "client-certificate-none",
            Self::OutOfTime => "assertion-out-of-time",
            Self::WrongAudience => "assertion-wrong-audience",
            Self::Assertion(error) => error.code(),
        }
    }
}

impl From<CredentialError> for TokenEndpointError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::UnknownClient
            | CredentialError::WrongSecret
            | CredentialError::ExpiredSecret => Self::InvalidClientSecret,
            CredentialError::Disabled | CredentialError::DisabledFederated => Self::ClientDisabled,
            CredentialError::OutOfTime => Self::AssertionOutOfTime,
            CredentialError::WrongAudience => Self::AssertionWrongAudience,
            CredentialError::UnknownFederatedClient
            | CredentialError::NoFederation
            | CredentialError::NoCertificate
            // An issuer that cannot be asked too: only who names a registered federation gets as far as that, and
            // another answer would say so.
            | CredentialError::Assertion(_) => Self::InvalidClientAssertion,
        }
    }
}

/// Checks a client secret; gives the id of the credential that matched.
///
/// `workload` is the one that `client_id` names, if there is one; its stored hashes are those of
/// [`strongroom_crypto::hash_client_secret`] under `mac`, with the client id as hyphenated lower
/// case UUID. Without a workload, or one without secrets, a hash is computed all the same.
///
/// # Errors
/// [`CredentialError`], for the record; turn it into [`TokenEndpointError`] for the answer.
pub fn check_secret(
    workload: Option<&Workload>,
    mac: &MacKey,
    client_id: &str,
    secret: &SecretText,
    now_seconds: i64,
) -> Result<Uuid, CredentialError> {
    let hashes = workload.map_or(&[][..], |workload| workload.secrets.as_slice());
    let named = workload.map_or_else(|| client_id.to_owned(), |workload| workload.client_id.to_string());
    let verifies = |hash: &[u8]| verify_client_secret(mac, &named, secret.expose(), hash);
    let dummy_verifies = hashes.is_empty() && verifies(&[0; 32]);
    // Every one is compared, so the time does not tell which one matched.
    let matched =
        hashes.iter().fold(None, |matched, stored| if verifies(&stored.hash) { Some(stored) } else { matched });
    let workload = workload.filter(|_| !dummy_verifies).ok_or(CredentialError::UnknownClient)?;
    let matched = matched.ok_or(CredentialError::WrongSecret)?;
    if matched.expires.is_some_and(|expires| expires <= now_seconds) {
        return Err(CredentialError::ExpiredSecret);
    }
    if !workload.enabled {
        return Err(CredentialError::Disabled);
    }
    Ok(matched.id)
}
