//! Client assertions (RFC 7523): signed by an issuer that the workload is federated with, or by the
//! workload itself with the key of a registered certificate (Entra's certificate credentials).
//!
//! Must never fetch anything that a registered federation does not name, nor take a key or certificate
//! from the assertion.

use jsonwebtoken::Algorithm;
use strongroom_crypto::{SecretText, sha256};
use strongroom_domain::identity::{CertificateCredential, UsedAssertion, Workload};
use uuid::Uuid;

use super::credential::CredentialError;
use crate::{
    issuer::Issuers,
    jwks::VerificationKey,
    jwt::{CLOCK_SKEW, TokenError, TokenUse, Unverified},
};

/// Longest time that a workload's own assertion may still count when it is shown, in seconds. It
/// bounds how long its `jti` is remembered.
pub const MAX_ASSERTION_SECONDS: i64 = 3600;

/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// What an assertion proved, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionProof {
    /// The federation's issuer and subject, or the certificate's id.
    pub credential: String,
    /// Id of the credential, by which tokens name it.
    pub id: Uuid,
    /// The workload's own assertion, which counts once. A token of a foreign issuer counts until it
    /// expires: platforms write it to a file from which it is read again and again.
    pub once: Option<UsedAssertion>,
}

/// Checks a client assertion. `endpoints` are the addresses of this token endpoint: the audience of a
/// workload's own assertions.
///
/// Keys are fetched only when the claims match a registered federation, so nobody can make this
/// server ask a host of their choice.
///
/// # Errors
/// [`CredentialError`], for the record; turn it into [`super::TokenEndpointError`] for the answer.
pub async fn check_assertion(
    issuers: &Issuers,
    endpoints: &[String],
    workload: Option<&Workload>,
    assertion: &SecretText,
    now_seconds: i64,
) -> Result<AssertionProof, CredentialError> {
    let unverified = Unverified::read(assertion.expose(), TokenUse::Assertion).map_err(CredentialError::Assertion)?;
    let workload = workload.ok_or(CredentialError::UnknownFederatedClient)?;
    if !workload.enabled {
        return Err(CredentialError::DisabledFederated);
    }
    if unverified.issuer == workload.client_id.to_string() {
        own(endpoints, workload, unverified, now_seconds)
    } else {
        federated(issuers, workload, unverified, now_seconds).await
    }
}

async fn federated(
    issuers: &Issuers,
    workload: &Workload,
    unverified: Unverified<'_>,
    now: i64,
) -> Result<AssertionProof, CredentialError> {
    let claimed = unverified.peek();
    let subject = claimed.subject().map_err(CredentialError::Assertion)?;
    let federation = workload
        .federations
        .iter()
        .find(|federation| {
            federation.issuer == unverified.issuer
                && federation.covers_subject(subject)
                && claimed.check_audience(std::slice::from_ref(&federation.audience)).is_ok()
        })
        .ok_or(CredentialError::NoFederation)?;
    let credential = format!("{}#{subject}", federation.issuer);
    let issuer = issuers.federation(&federation.issuer).ok_or(CredentialError::Assertion(TokenError::UnknownIssuer))?;
    let key =
        issuer.key(unverified.key_id.as_deref(), unverified.algorithm).await.map_err(CredentialError::Assertion)?;
    let claims = unverified.verify(&key).map_err(CredentialError::Assertion)?;
    claims.view().check_times(now).map_err(out_of_time)?;
    Ok(AssertionProof { credential, id: workload.credential_of(federation), once: None })
}

/// A workload's own assertion, as Entra specifies it: issuer and subject are the client id, the
/// audience is the token endpoint, `x5t` or `x5t#S256` names the certificate, RS256 or PS256.
fn own(
    endpoints: &[String],
    workload: &Workload,
    unverified: Unverified<'_>,
    now: i64,
) -> Result<AssertionProof, CredentialError> {
    if !matches!(unverified.algorithm, Algorithm::RS256 | Algorithm::PS256) {
        return Err(CredentialError::Assertion(TokenError::ForbiddenAlgorithm));
    }
    let subject = unverified.peek().subject().map_err(CredentialError::Assertion)?;
    let certificate = workload
        .certificates
        .iter()
        .find(|certificate| is_meant(certificate, &unverified))
        .filter(|certificate| subject == unverified.issuer && counts(certificate, now))
        .ok_or(CredentialError::NoCertificate)?;
    let key = VerificationKey::registered_rsa(&certificate.public_key);
    let claims = unverified.verify(&key).map_err(CredentialError::Assertion)?;
    let claims = claims.view();
    let expires = claims.check_times(now).map_err(out_of_time)?;
    if expires > now.saturating_add(MAX_ASSERTION_SECONDS + CLOCK_SKEW) {
        return Err(CredentialError::OutOfTime);
    }
    claims.check_audience(endpoints).map_err(|error| match error {
        TokenError::WrongAudience => CredentialError::WrongAudience,
        other => CredentialError::Assertion(other),
    })?;
    let jti = claims
        .text("jti")
        .filter(|jti| (1..=MAX_JTI).contains(&jti.len()))
        .ok_or(CredentialError::Assertion(TokenError::Malformed))?;
    let id_hash = sha256(format!("{}\n{jti}", workload.client_id).as_bytes());
    let once = Some(UsedAssertion { id_hash, used: now, expires });
    Ok(AssertionProof { credential: certificate.id.to_string(), id: certificate.id, once })
}

/// Every fingerprint that is given must fit, and at least one must be given.
fn is_meant(certificate: &CertificateCredential, unverified: &Unverified<'_>) -> bool {
    let named = &unverified.thumbprints;
    let fits = |given: &Option<Vec<u8>>, own: &Vec<u8>| given.as_ref().is_none_or(|given| given == own);
    (named.sha1.is_some() || named.sha256.is_some())
        && fits(&named.sha1, &certificate.sha1)
        && fits(&named.sha256, &certificate.sha256)
}

fn counts(certificate: &CertificateCredential, now: i64) -> bool {
    certificate.not_before <= now.saturating_add(CLOCK_SKEW) && now < certificate.expires
}

fn out_of_time(error: TokenError) -> CredentialError {
    match error {
        TokenError::Expired | TokenError::NotYetValid => CredentialError::OutOfTime,
        other => CredentialError::Assertion(other),
    }
}
