//! Errors of the token endpoint: RFC 6749 section 5.2, with the numbers and texts of Entra that its
//! clients show to people.

use serde::Serialize;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use uuid::Uuid;

const TIMESTAMP: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");

/// Most characters of a caller's text that an error repeats.
const MAX_ECHO: usize = 200;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenEndpointError {
    /// A required parameter is missing. AADSTS900144.
    #[error("The request body must contain the following parameter: '{0}'.")]
    MissingParameter(&'static str),
    /// A parameter came twice. AADSTS9000411.
    #[error("The request is not properly formatted. The parameter '{0}' is duplicated.")]
    DuplicateParameter(&'static str),
    /// A parameter is too long, or does not go with the others. AADSTS90013.
    #[error("Invalid input received from the user: {0}.")]
    InvalidInput(&'static str),
    /// The tenant is not this installation. AADSTS90002.
    #[error("Tenant not found. Check that the tenant of the request is the id of this installation, or 'adfs'.")]
    UnknownTenant,
    /// Another grant type than `client_credentials`. AADSTS70003.
    #[error("The app requested an unsupported grant type '{0}'.")]
    UnsupportedGrantType(String),
    /// Another scope than `<base>/.default`. AADSTS70011.
    #[error("The provided value for the input parameter 'scope' is not valid. The scope {0} is not valid.")]
    InvalidScope(String),
    /// No credential. AADSTS7000216.
    #[error("'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")]
    MissingCredential,
    /// The credential is right, and the workload is disabled. AADSTS7000112.
    #[error("The application is disabled.")]
    ClientDisabled,
    /// The client secret does not authenticate the client, for whatever reason. AADSTS7000215.
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."
    )]
    InvalidClientSecret,
    /// The assertion does not authenticate the client, for whatever reason. AADSTS70021.
    #[error(
        "No matching federated identity record found for presented assertion, or the assertion is not valid. Check issuer, subject, audience and expiry of the assertion."
    )]
    InvalidClientAssertion,
    /// The assertion is signed as it should be, and not within its time. AADSTS700024.
    #[error(
        "Client assertion is not within its valid time range. It must be valid now, and expire within an hour from now when the client signs it itself."
    )]
    AssertionOutOfTime,
    /// The assertion is signed as it should be, for another audience. AADSTS700023.
    #[error(
        "Client assertion audience claim does not match Realm issuer. It must be the address of the token endpoint."
    )]
    AssertionWrongAudience,
    /// Too many requests from there or for this client. AADSTS90055.
    #[error("There are too many incoming requests. Try again later.")]
    TooManyRequests,
    /// Something of ours that is needed (the database, the keys that sign) is not there just now.
    /// AADSTS90033.
    #[error("A transient error has occurred. Please try again.")]
    Unavailable,
}

impl TokenEndpointError {
    /// A grant type that is refused, shortened for the answer.
    pub(crate) fn grant_type(text: &str) -> Self {
        Self::UnsupportedGrantType(echo(text))
    }

    /// A scope that is refused, shortened for the answer.
    pub(crate) fn scope(text: &str) -> Self {
        Self::InvalidScope(echo(text))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::MissingCredential
            | Self::InvalidClientSecret
            | Self::InvalidClientAssertion
            | Self::AssertionOutOfTime
            | Self::AssertionWrongAudience => 401,
            Self::TooManyRequests => 429,
            Self::Unavailable => 503,
            _ => 400,
        }
    }

    /// The error code of RFC 6749 section 5.2.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingParameter(_) | Self::DuplicateParameter(_) | Self::InvalidInput(_) | Self::UnknownTenant => {
                "invalid_request"
            }
            Self::UnsupportedGrantType(_) => "unsupported_grant_type",
            Self::ClientDisabled => "unauthorized_client",
            Self::InvalidScope(_) => "invalid_scope",
            Self::MissingCredential
            | Self::InvalidClientSecret
            | Self::InvalidClientAssertion
            | Self::AssertionOutOfTime
            | Self::AssertionWrongAudience => "invalid_client",
            Self::TooManyRequests | Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// The number of Entra's error.
    #[must_use]
    pub fn number(&self) -> u32 {
        match self {
            Self::MissingParameter(_) => 900_144,
            Self::DuplicateParameter(_) => 9_000_411,
            Self::InvalidInput(_) => 90_013,
            Self::UnknownTenant => 90_002,
            Self::UnsupportedGrantType(_) => 70_003,
            Self::InvalidScope(_) => 70_011,
            Self::MissingCredential => 7_000_216,
            Self::ClientDisabled => 7_000_112,
            Self::InvalidClientSecret => 7_000_215,
            Self::InvalidClientAssertion => 70_021,
            Self::AssertionOutOfTime => 700_024,
            Self::AssertionWrongAudience => 700_023,
            Self::TooManyRequests => 90_055,
            Self::Unavailable => 90_033,
        }
    }

    /// The body of the answer. `trace_id` is the request id; `correlation_id` the client's own
    /// (`client-request-id`), or the request id again.
    #[must_use]
    pub fn body(&self, trace_id: Uuid, correlation_id: Uuid, now_millis: i64) -> ErrorBody {
        let moment = OffsetDateTime::from_unix_timestamp(now_millis.div_euclid(1000));
        let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        // Writing digits into text does not fail; an empty timestamp would harm nobody.
        let timestamp = moment.format(TIMESTAMP).unwrap_or_default();
        let number = self.number();
        let error_description = format!(
            "AADSTS{number}: {self} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
        );
        ErrorBody { error: self.code(), error_description, error_codes: [number], timestamp, trace_id, correlation_id }
    }
}

fn echo(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_ECHO).collect()
}

/// The JSON body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// Code of RFC 6749.
    pub error: &'static str,
    /// `AADSTS<number>: <text>` with the ids of the request.
    pub error_description: String,
    /// The number alone.
    pub error_codes: [u32; 1],
    /// `2026-01-31 12:00:00Z`.
    pub timestamp: String,
    /// The request.
    pub trace_id: Uuid,
    /// The client's name for the request.
    pub correlation_id: Uuid,
}
