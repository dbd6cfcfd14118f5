//! Errors on the wire: the only place that picks a status, here and in the two modules below for the errors of use
//! cases.
//!
//! Azure's shape (`{"error":{"code","message","innererror"}}`) on every JSON route. A message says
//! what the caller can act on; it never repeats a stored value, a file name or a database error.

mod administration;
mod objects;

use serde::Serialize;
use serde_json::json;
use strongroom_domain::{
    decision::{ApprovalWanted, Denial, DenyReason, STEP_UP, StepUp},
    entrance::DISABLED,
    record::{NoRecord, Outcome},
    sign_in::TokenRejected,
};
use utoipa::ToSchema;

use crate::{
    message::Response,
    paths::{Addresses, TargetError},
};

/// An error as the caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Azure's error code.
    pub code: &'static str,
    /// Azure's inner error code.
    pub inner: Option<&'static str>,
    /// For a person.
    pub message: String,
    /// Machine-readable reason for the audit record.
    pub reason: &'static str,
    /// Seconds after which to try again, where it is known.
    pub retry_after: Option<u32>,
    /// On a 401: how the caller would have to sign in.
    pub step_up: Option<Box<StepUp>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ErrorBody)]
struct Body<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    innererror: Option<Inner<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InnerError)]
struct Inner<'a> {
    code: &'a str,
}

impl Problem {
    /// 401 for a code of the command line that is not good, without a hint why.
    pub(crate) fn invalid_code() -> Self {
        Self::new(401, "Unauthorized", "invalid-credential", "The code or its verifier is not valid any more.")
    }

    fn new(status: u16, code: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, inner: None, message: message.into(), reason, retry_after: None, step_up: None }
    }

    fn inner(self, inner: &'static str) -> Self {
        Self { inner: Some(inner), ..self }
    }

    /// 400: the caller's input is not as documented.
    #[must_use]
    pub fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", "bad-parameter", message)
    }

    /// 409: what would change was not reviewed, and no reason is given for doing it all the same.
    pub(crate) fn not_reviewed(message: impl Into<String>) -> Self {
        Self::new(409, "Conflict", "not-reviewed", message)
    }

    /// 404: there is no such route.
    #[must_use]
    pub fn no_route() -> Self {
        Self::new(404, "NotFound", "no-route", "There is no such resource.")
    }

    /// 405: the route does not answer this method.
    #[must_use]
    pub fn method_not_allowed(method: &str) -> Self {
        Self::new(405, "MethodNotAllowed", "method-not-allowed", format!("HTTP {method} not allowed"))
    }

    /// 413: the body is longer than any request needs.
    #[must_use]
    pub fn body_too_large() -> Self {
        Self::new(413, "RequestEntityTooLarge", "body-too-large", "The request body is too large.")
    }

    /// 431: the head is longer than any request needs.
    #[must_use]
    pub fn head_too_large() -> Self {
        Self::new(431, "RequestHeaderFieldsTooLarge", "head-too-large", "The request head is too large.")
    }

    /// 400: a proxy in front does not say who the client is, so nothing can be judged.
    #[must_use]
    pub fn unknown_client() -> Self {
        Self::new(
            400,
            "BadRequest",
            "client-unknown",
            "The proxy in front of this server does not say who the client is.",
        )
    }

    /// What the server's library finds wrong with what is no request yet, by the status that it would answer.
    pub(crate) fn unparsed(status: u16) -> Self {
        match status {
            405 => Self::method_not_allowed("CONNECT"),
            408 => Self::timeout(),
            414 => TargetError::TooLong.into(),
            431 => Self::head_too_large(),
            500.. => Self::internal(),
            _ => Self::new(
                400,
                "BadRequest",
                "malformed",
                "This is not a request by HTTP/1.1, or it leaves open where it ends.",
            ),
        }
    }

    /// 421: the host is not one of this installation.
    #[must_use]
    pub fn misdirected() -> Self {
        Self::new(421, "MisdirectedRequest", "foreign-host", "This host is not served here.")
    }

    /// 429: the caller has as much under way as one may have; another time, after so many seconds.
    pub(crate) fn throttled(retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                429,
                "Throttled",
                "throttled",
                "You have as many requests of this kind under way as one caller may have. Try again later. \
                 Reason: VaultRequestTypeLimitReached.",
            )
        }
    }

    /// 408: the body did not arrive in time.
    #[must_use]
    pub fn timeout() -> Self {
        Self::new(408, "RequestTimeout", "request-timeout", "The request did not arrive in time.")
    }

    /// 403: the form was not sent from one of our own pages.
    #[must_use]
    pub fn foreign_form() -> Self {
        Self::new(
            403,
            "Forbidden",
            "foreign-form",
            "The form was not sent from this dashboard, or its session is over.",
        )
    }

    /// 500: a fault of ours.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "InternalError", "internal", "An internal error occurred.")
    }

    /// 503: try again later.
    #[must_use]
    pub fn unavailable(reason: &'static str) -> Self {
        Self::new(503, "ServiceUnavailable", reason, "The service is temporarily unavailable. Nothing was given out.")
    }

    /// 401 without a token.
    #[must_use]
    pub fn missing_token() -> Self {
        Self::new(401, "Unauthorized", "token-missing", "AKV10000: Request is missing a Bearer or PoP token.")
    }

    /// The answer, in Azure's shape. A 401 carries the challenge, in the exact form that every SDK parses.
    #[must_use]
    pub fn respond(&self, addresses: &Addresses) -> Response {
        let innererror = self.inner.map(|code| Inner { code });
        let body = Envelope { error: Body { code: self.code, message: &self.message, innererror } };
        let response = Response::json(self.status, &body);
        match self.status {
            401 => response.with(
                "www-authenticate",
                format!(
                    "Bearer authorization=\"{}\", resource=\"{}\"{}",
                    addresses.authorization(),
                    addresses.base(),
                    self.step_up.as_deref().map(claims_challenge).unwrap_or_default()
                ),
            ),
            503 => response.with("retry-after", "2".to_owned()),
            _ => match self.retry_after {
                Some(seconds) => response.with("retry-after", seconds.to_string()),
                None => response,
            },
        }
    }
}

/// The status with which an outcome will be answered, for its record. None for reasons that are not
/// listed here: better no status than a wrong one. The edge compares it with the answer it sends.
pub(crate) fn status_of(outcome: Outcome, reason: &str) -> Option<u16> {
    Some(match (outcome, reason) {
        (Outcome::Denied, STEP_UP) => 401,
        (_, "tampered") => 500,
        (_, "unavailable" | "no-record" | "signing-failed" | "issuer-unreachable") => 503,
        (_, "token-unreachable" | "token-lacks-key") => 503,
        (_, "token-full") => 507,
        (Outcome::Allowed, _) => return None,
        // As Entra answers, and RFC 6749 wants it.
        (Outcome::Unauthenticated, DISABLED) => 400,
        (Outcome::Unauthenticated, _) => 401,
        (Outcome::Denied, _) => 403,
        (Outcome::Failed, "disabled" | "managed" | "issuer-works") => 403,
        (Outcome::Failed, "key-disabled" | "outside-window" | "operation-not-permitted" | "algorithm-refused") => 403,
        (Outcome::Failed, "not-found" | "deleted-not-found" | "pending-not-found") => 404,
        (Outcome::Failed, "deleted-but-recoverable" | "exists" | "name-taken") => 409,
        (Outcome::Failed, "certificate-in-progress" | "certificate-unfinished" | "not-due") => 409,
        (
            Outcome::Failed,
            "invalid"
            | "bad-backup"
            | "too-much-to-back-up"
            | "no-hardware"
            | "not-made-in-hardware"
            | "in-token"
            | "issuer-disabled"
            | "not-revoked"
            | "operation-failed",
        ) => 400,
        (Outcome::Failed, "throttled") => 429,
        (Outcome::Failed, reason) => return administration::status_of(reason),
    })
}

/// The same for answers that are pages: a browser is told what to do, and not challenged.
pub(crate) fn status_of_page(outcome: Outcome, reason: &str) -> Option<u16> {
    status_of(outcome, if reason == STEP_UP { "denied" } else { reason })
}

/// The part of a challenge that asks for another sign-in: a claims challenge as Azure's SDKs know it (they
/// ask for a new token with these claims and try once more), and the parameters of RFC 9470 beside it.
/// The host lets no quotes or blanks into what a module asks for.
fn claims_challenge(step_up: &StepUp) -> String {
    let StepUp { acr, amr, max_age } = step_up;
    let mut wanted = serde_json::Map::new();
    for (name, values) in [("acr", acr), ("amr", amr)] {
        if !values.is_empty() {
            wanted.insert(name.to_owned(), json!({ "essential": true, "values": values }));
        }
    }
    if max_age.is_some() {
        wanted.insert("auth_time".to_owned(), json!({ "essential": true }));
    }
    let claims = json!({ "access_token": wanted }).to_string();
    let mut challenge =
        format!(", error=\"insufficient_claims\", claims=\"{}\"", data_encoding::BASE64.encode(claims.as_bytes()));
    if !acr.is_empty() {
        challenge.push_str(&format!(", acr_values=\"{}\"", acr.join(" ")));
    }
    if let Some(max_age) = max_age {
        challenge.push_str(&format!(", max_age=\"{max_age}\""));
    }
    challenge
}

/// The line that tells a caller whom they have to wait for: an id for the person who grants it.
fn approval_line(wanted: &ApprovalWanted) -> String {
    if wanted.of_stranger {
        return String::new();
    }
    match (wanted.request, wanted.refused_until) {
        (Some(id), None) => format!("\r\nApproval request: {id}"),
        (Some(id), Some(_)) => format!("\r\nApproval request: {id}, which somebody refused"),
        (None, _) => {
            "\r\nApproval request: none could be opened, because too many wait or there is nobody to ask".to_owned()
        }
    }
}

impl From<TargetError> for Problem {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::TooLong => Self::new(414, "UriTooLong", "target-too-long", "The request target is too long."),
            TargetError::Encoding => Self::bad_parameter("The request target is not percent-encoded UTF-8."),
        }
    }
}

impl From<TokenRejected> for Problem {
    fn from(why: TokenRejected) -> Self {
        let unauthorized = |message: &str| Self::new(401, "Unauthorized", why.reason(), message);
        match why {
            TokenRejected::WrongAudience => {
                unauthorized("AKV10022: Invalid audience. The token is not for this installation.")
            }
            TokenRejected::Expired => unauthorized("AKV10032: The token has expired."),
            TokenRejected::NotYetValid => unauthorized("AKV10032: The token is not valid yet."),
            TokenRejected::Invalid(_) => unauthorized("AKV10032: The token is not valid."),
            TokenRejected::IssuerUnavailable => Self::unavailable("token-issuer-unavailable"),
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let forbidden =
            |inner: &'static str, message: String| Self::new(403, "Forbidden", "denied", message).inner(inner);
        let id = denial.request_id;
        match denial.reason {
            DenyReason::Network(client) => forbidden(
                "ForbiddenByFirewall",
                format!(
                    "Client address is not authorized and caller is not a trusted service.\r\nClient address: {}\r\nDecision: {id}",
                    client.to_canonical()
                ),
            ),
            DenyReason::Identity => {
                forbidden("ForbiddenByPolicy", format!("The caller's identity is disabled or gone.\r\nDecision: {id}"))
            }
            DenyReason::NoRole | DenyReason::Concealed(_) => forbidden(
                "ForbiddenByRbac",
                format!(
                    // The same words for a vault that does not exist as for one that is nobody's business.
                    "Caller is not authorized to perform action on resource{}.\r\nAction: '{}'\r\nDecision: {id}",
                    if denial.action.is_in_vault() { ", or there is no such vault" } else { "" },
                    denial.action.data_action()
                ),
            ),
            DenyReason::NoAccessPolicy => forbidden(
                "ForbiddenByPolicy",
                format!(
                    "The caller does not have the permission for this action by an access policy of the vault.\r\nAction: '{}'\r\nDecision: {id}",
                    denial.action.data_action()
                ),
            ),
            DenyReason::NoAuthority => forbidden(
                "ForbiddenByPolicy",
                format!(
                    "No policy module with authority allows this action.\r\nAction: '{}'\r\nDecision: {id}",
                    denial.action.data_action()
                ),
            ),
            DenyReason::Policy { attachment, code, sentence, step_up, approval } => {
                let asked = approval.as_deref().map(approval_line).unwrap_or_default();
                // A stranger to the vault is told of no module.
                let policy = if attachment.is_empty() { "one of the vault" } else { attachment.as_str() };
                let message = format!("{sentence}\r\nPolicy: {policy}\r\nReason: {code}{asked}\r\nDecision: {id}");
                match step_up {
                    None if approval.is_some() => forbidden("ApprovalRequired", message),
                    None => forbidden("ForbiddenByPolicy", message),
                    Some(step_up) => {
                        Self { step_up: Some(step_up), ..Self::new(401, "Unauthorized", "denied", message) }
                    }
                }
            }
            DenyReason::PolicyFailed { attachment, failure } => forbidden(
                "ForbiddenByPolicy",
                format!(
                    "A policy could not be evaluated, so the request is denied.\r\nPolicy: {attachment}\r\nReason: {}\r\nDecision: {id}",
                    failure.reason_code()
                ),
            ),
            DenyReason::Tampered => Self::new(
                500,
                "InternalError",
                "tampered",
                format!("Stored data fails its authentication.\r\nDecision: {id}"),
            ),
            DenyReason::Unavailable => Self::unavailable("unavailable"),
        }
    }
}

impl From<NoRecord> for Problem {
    fn from(_: NoRecord) -> Self {
        Self::unavailable("no-record")
    }
}
