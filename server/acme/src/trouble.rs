//! Why no certificate came: told apart, each in a sentence of ours.
//!
//! What an authority writes is read for its type alone, and for the name that it is about if that is one of the order. The
//! rest of it goes to the server's log.

use http::StatusCode;
use instant_acme::{Error, Problem};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use strongroom_domain::proofs::ProofKind;

use crate::{
    egress::{Conversation, EgressError},
    names::Identifiers,
};

/// Longest time that an authority can put us off, in seconds; then it says so again.
const LONGEST: i64 = 86_400;
/// Shortest, and what is taken when it says nothing of it, in seconds.
const SHORTEST: i64 = 60;
const USUAL: i64 = 3600;
/// What all types of ACME begin with.
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// What an authority found when it looked for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proven {
    /// Nothing answered there.
    NoConnection,
    /// The DNS had no such name or record, or no answer.
    NoName,
    /// Something else answered.
    OtherAnswer,
    /// The domain's CAA records name other authorities.
    Caa,
    /// The authority said nothing of it that is known here.
    Unsaid,
}

impl std::fmt::Display for Proven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoConnection => "it could not connect to the address of the name",
            Self::NoName => "it found no such name or record in the DNS",
            Self::OtherAnswer => "it was answered something else",
            Self::Caa => "the domain's CAA records do not name this authority",
            Self::Unsaid => "it did not say why",
        })
    }
}

/// Why there is no certificate.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AcmeError {
    /// What is asked for, no authority could be asked for so.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// The authority certifies no such name, or not for this account.
    #[error("the authority issues no certificate for {}", .0.as_deref().unwrap_or("these names"))]
    NameRefused(Option<String>),
    /// The authority does not take the request: its key, its names or what else it asks for.
    #[error(
        "the authority does not accept the request: its key, its names or what else the policy asks for is not to its rules, \
         or not what was ordered"
    )]
    RequestRefused,
    /// A name was not proven.
    #[error("the authority could not prove {} by {kind}: {proven}", .name.as_deref().unwrap_or("a name"))]
    NotProven {
        /// Which, of the order.
        name: Option<String>,
        /// How.
        kind: ProofKind,
        /// What it found.
        proven: Proven,
    },
    /// The authority offers no proof of this kind for a name.
    #[error("the authority offers no proof by {1} for {0}")]
    NoSuchProof(String, ProofKind),
    /// Too often, by the authority's measure.
    #[error("the authority limits how often it is asked: the next attempt is in {} minutes", .0.div_ceil(60))]
    RateLimited(u64),
    /// The authority wants an account of an external binding, and none is set up or not the right one.
    #[error(
        "the authority wants accounts bound to one that it knows already: set the issuer up with the key id and MAC key it gave out"
    )]
    BindingWanted,
    /// The authority knows no such account.
    #[error("the authority does not know the account any more")]
    AccountGone,
    /// The account may not do this.
    #[error(
        "the authority does not accept the account: it was closed there, or its terms, contact or key are to be seen to"
    )]
    AccountRefused,
    /// It takes no certificate back for this reason.
    #[error(
        "the authority does not revoke for this reason: most take unspecified, keyCompromise, superseded and cessationOfOperation"
    )]
    ReasonRefused,
    /// Not reached, or it does not work at the moment.
    #[error("the authority cannot be reached: {0}")]
    Unreachable(String),
    /// It is not to be asked, by this server's rules.
    #[error("the authority is not asked: {0}")]
    Forbidden(String),
    /// Something else than RFC 8555 says.
    #[error("the authority's answer is not what RFC 8555 says")]
    Garbled,
    /// It did not come to an end.
    #[error("the authority did not decide within the time that an order has")]
    Endless,
    /// The program for dns-01.
    #[error("the program for dns-01 {0}")]
    Hook(String),
    /// Where answers for http-01 are shown.
    #[error("the answer for http-01 could not be shown: {0}")]
    NotShown(String),
}

impl AcmeError {
    /// A word for records.
    #[must_use]
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unsuitable(_) => "acme-unsuitable",
            Self::NameRefused(_) => "acme-name-refused",
            Self::RequestRefused => "acme-request-refused",
            Self::ReasonRefused => "acme-reason-refused",
            Self::NotProven { .. } | Self::NoSuchProof(..) => "acme-not-proven",
            Self::RateLimited(_) => "acme-rate-limited",
            Self::BindingWanted | Self::AccountGone | Self::AccountRefused => "acme-account-refused",
            Self::Unreachable(_) => "acme-unreachable",
            Self::Forbidden(_) => "acme-forbidden",
            Self::Garbled | Self::Endless => "acme-failed",
            Self::Hook(_) => "acme-hook-failed",
            Self::NotShown(_) => "acme-not-shown",
        }
    }

    /// In how many seconds the same order can be gone on with; none when it has come to its end.
    #[must_use]
    pub(crate) fn again_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::Unreachable(_) | Self::NotShown(_) => Some(SHORTEST.unsigned_abs()),
            _ => None,
        }
    }

    /// What went wrong in an exchange of a conversation, at a time (Unix seconds).
    pub(crate) fn of(error: &Error, with: &Conversation, names: Option<&Identifiers>, now: i64) -> Self {
        match error {
            Error::Api(problem) => Self::of_problem(problem, with, names, now),
            Error::Other(cause) => match cause.downcast_ref::<EgressError>() {
                Some(EgressError::Unreachable(why)) => {
                    tracing::warn!(why, "an ACME authority does not answer");
                    Self::Unreachable(
                        "it does not answer, not in time, or not with a certificate that is trusted here".to_owned(),
                    )
                }
                Some(forbidden @ (EgressError::Forbidden(_) | EgressError::Private(_))) => {
                    Self::Forbidden(forbidden.to_string())
                }
                _ => Self::Garbled,
            },
            // No JSON where there should be: of a server in front that is out of order, or no authority at all.
            Error::Json(_) | Error::Str(_) => match with.status() {
                Some(StatusCode::TOO_MANY_REQUESTS) => Self::RateLimited(seconds(with.retry_after().as_deref(), now)),
                Some(status) if status.is_server_error() => {
                    Self::Unreachable(format!("it answers {}", status.as_u16()))
                }
                _ => Self::Garbled,
            },
            _ => Self::Garbled,
        }
    }

    /// The same of a request that is handed in once every name of its order is proven: whoever is told there that he may
    /// not, or that it does not read, has an account that is as good as before and a request that is not.
    pub(crate) fn of_request(error: &Error, with: &Conversation, names: Option<&Identifiers>, now: i64) -> Self {
        match error {
            Error::Api(problem) if matches!(kind(problem), "unauthorized" | "malformed") => {
                told_to_operators(problem);
                Self::RequestRefused
            }
            other => Self::of(other, with, names, now),
        }
    }

    fn of_problem(problem: &Problem, with: &Conversation, names: Option<&Identifiers>, now: i64) -> Self {
        told_to_operators(problem);
        let about = |problem: &Problem| {
            let texts = problem.subproblems.iter().filter_map(|sub| sub.identifier.as_ref());
            texts.filter_map(|identifier| names?.ours(&crate::names::shown(identifier))).next()
        };
        match kind(problem) {
            "rateLimited" => Self::RateLimited(seconds(with.retry_after().as_deref(), now)),
            "rejectedIdentifier" | "unsupportedIdentifier" | "caa" => Self::NameRefused(about(problem)),
            "badCSR" | "badPublicKey" | "badSignatureAlgorithm" => Self::RequestRefused,
            "badRevocationReason" => Self::ReasonRefused,
            "accountDoesNotExist" => Self::AccountGone,
            "badNonce" => Self::Unreachable("it does not take the numbers that it gives out itself".to_owned()),
            "externalAccountRequired" => Self::BindingWanted,
            "unauthorized" | "userActionRequired" | "invalidContact" | "unsupportedContact" => Self::AccountRefused,
            "serverInternal" => Self::Unreachable("it has a fault of its own".to_owned()),
            _ if problem
                .status
                .or_else(|| with.status().map(|status| status.as_u16()))
                .is_some_and(|status| status >= 500) =>
            {
                Self::Unreachable("it has a fault of its own".to_owned())
            }
            _ => Self::Garbled,
        }
    }

    /// What an authority found where the proof of a name should have been.
    pub(crate) fn not_proven(name: Option<String>, kind_of_proof: ProofKind, problem: Option<&Problem>) -> Self {
        if let Some(problem) = problem {
            tracing::warn!(problem = %plain(&problem.to_string()), "an ACME authority could not prove a name");
        }
        let proven = match problem.map(kind) {
            Some("connection" | "tls") => Proven::NoConnection,
            Some("dns") => Proven::NoName,
            Some("unauthorized" | "incorrectResponse") => Proven::OtherAnswer,
            Some("caa") => Proven::Caa,
            Some("rejectedIdentifier") => return Self::NameRefused(name),
            _ => Proven::Unsaid,
        };
        Self::NotProven { name, kind: kind_of_proof, proven }
    }
}

/// Whether an authority refuses to take a certificate back because it did so before.
pub(crate) fn is_revoked_already(problem: &Problem) -> bool {
    kind(problem) == "alreadyRevoked"
}

/// An authority's own words, for the server's log alone.
fn told_to_operators(problem: &Problem) {
    tracing::warn!(problem = %plain(&problem.to_string()), "an ACME authority refuses");
}

/// The type of a problem, without what all have.
fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix(PREFIX).unwrap_or(kind)
}

/// How long an authority puts us off, by its `Retry-After`, in seconds: within bounds.
fn seconds(said: Option<&str>, now: i64) -> u64 {
    asked_after(said, now).unwrap_or(USUAL).clamp(SHORTEST, LONGEST).unsigned_abs()
}

/// What a `Retry-After` says, in seconds from now (Unix seconds).
pub(crate) fn asked_after(said: Option<&str>, now: i64) -> Option<i64> {
    let said = said?;
    if let Ok(seconds) = said.parse::<u32>() {
        return Some(i64::from(seconds));
    }
    OffsetDateTime::parse(said, &Rfc2822).ok().map(|moment| moment.unix_timestamp().saturating_sub(now))
}

/// What somebody else wrote, fit for the log: of one line, without control characters, not long.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_can_put_us_off_for_so_long_and_not_longer() {
        assert_eq!(seconds(Some("120"), 0), 120);
        assert_eq!(seconds(Some("1"), 0), 60);
        assert_eq!(seconds(Some("99999999"), 0), 86_400);
        assert_eq!(seconds(None, 0), 3600);
        assert_eq!(seconds(Some("soon"), 0), 3600);
        assert_eq!(seconds(Some("Fri, 31 Dec 1999 23:59:59 GMT"), 946_684_799 - 600), 600);
        assert_eq!(seconds(Some("Fri, 31 Dec 1999 23:59:59 GMT"), 946_684_799 + 600), 60);
    }
}
