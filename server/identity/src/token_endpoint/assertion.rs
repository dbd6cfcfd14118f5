//! Client assertions (RFC 7523): signed by an issuer that the workload is federated with, or by the
//! workload itself with the key of a registered certificate (Entra's certificate credentials).
//!
//! Must never fetch anything that a registered federation does not name, nor take a key or certificate
//! from the assertion.

use jsonwebtoken::Algorithm;
use strongroom_crypto::{SecretText, sha256};
use strongroom_domain::{
    identity::{CertificateCredential, Federation, UsedAssertion, Workload},
    sign_in::TokenExplanation,
};
use uuid::Uuid;

use super::credential::CredentialError;
use crate::{
    explain,
    issuer::Issuers,
    jwks::VerificationKey,
    jwt::{CLOCK_SKEW, Claims, TokenError, TokenUse, Unverified, shown},
    trace::{Check, Notes, Silent, Trace},
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
    examine(issuers, endpoints, workload, assertion, now_seconds, &mut Silent).await
}

/// The same with every step noted. The only way in which an assertion is judged.
async fn examine(
    issuers: &Issuers,
    endpoints: &[String],
    workload: Option<&Workload>,
    assertion: &SecretText,
    now: i64,
    trace: &mut impl Trace,
) -> Result<AssertionProof, CredentialError> {
    let unverified = Unverified::read_noting(assertion.expose(), TokenUse::Assertion, trace);
    let unverified = unverified.map_err(CredentialError::Assertion)?;
    let enabled = match workload {
        None => Err(CredentialError::UnknownFederatedClient),
        Some(workload) if !workload.enabled => Err(CredentialError::DisabledFederated),
        Some(_) => Ok(()),
    };
    let found = || workload.map_or("none", |workload| if workload.enabled { "enabled" } else { "disabled" }).to_owned();
    let enabled = step(trace, Check::Workload, found, enabled);
    let workload = workload.ok_or(CredentialError::UnknownFederatedClient)?;
    let proof = if unverified.issuer == workload.client_id.to_string() {
        own(endpoints, workload, unverified, now, trace)
    } else {
        federated(issuers, workload, unverified, now, trace).await
    }?;
    // Last: only whose assertion is right learns that the workload is disabled.
    enabled.map(|()| proof)
}

/// Judges an assertion and tells how every step went. Uses nothing up.
pub(crate) async fn explain_assertion(
    issuers: &Issuers,
    endpoints: &[String],
    workload: Option<&Workload>,
    assertion: &SecretText,
    now: i64,
) -> TokenExplanation {
    let mut notes = Notes::default();
    let verdict = examine(issuers, endpoints, workload, assertion, now, &mut notes).await;
    let issuer = Unverified::read(assertion.expose(), TokenUse::Assertion).map(|unverified| unverified.issuer);
    // A fingerprint that does not read is told as what it was to be: the name of a certificate.
    let names_one = notes.0.iter().any(|step| step.check == Check::Certificate);
    let signs = workload.is_some_and(|workload| issuer.is_ok_and(|issuer| issuer == workload.client_id.to_string()));
    let own = names_one || signs;
    let reason = verdict.err().map(CredentialError::code);
    explain::of_assertion(issuers, explain::Assertion { workload, endpoints, own }, reason, &notes, now)
}

/// Notes a step whose outcome has a reason of its own.
fn step<T>(
    trace: &mut impl Trace,
    check: Check,
    found: impl FnOnce() -> String,
    result: Result<T, CredentialError>,
) -> Result<T, CredentialError> {
    let noted = match &result {
        Ok(_) => Ok(()),
        Err(CredentialError::Assertion(error)) => Err(*error),
        // Only for the notes: that it failed says all there is to say.
        Err(_) => Err(TokenError::Malformed),
    };
    // The verdict is the result's own.
    let _ = trace.note(check, found, noted);
    result
}

/// The federations that are meant so far; none is the end of it.
fn some<'a>(meant: impl Iterator<Item = &'a Federation>) -> Result<Vec<&'a Federation>, CredentialError> {
    let meant: Vec<&Federation> = meant.collect();
    if meant.is_empty() { Err(CredentialError::NoFederation) } else { Ok(meant) }
}

async fn federated(
    issuers: &Issuers,
    workload: &Workload,
    unverified: Unverified<'_>,
    now: i64,
    trace: &mut impl Trace,
) -> Result<AssertionProof, CredentialError> {
    let claimed = unverified.peek();
    let found = |name: &'static str| move || shown(claimed.get(name));
    let subject = trace.note(Check::Subject, found("sub"), claimed.subject()).map_err(CredentialError::Assertion)?;
    let meant = workload.federations.iter().filter(|federation| federation.issuer == unverified.issuer);
    let meant = step(trace, Check::FederationIssuer, found("iss"), some(meant))?;
    let meant = meant.into_iter().filter(|federation| federation.covers_subject(subject));
    let meant = step(trace, Check::FederationSubject, found("sub"), some(meant))?;
    let federation = meant
        .into_iter()
        .find(|federation| claimed.check_audience(std::slice::from_ref(&federation.audience)).is_ok())
        .ok_or(CredentialError::NoFederation);
    let federation = step(trace, Check::FederationAudience, found("aud"), federation)?;
    let credential = format!("{}#{subject}", federation.issuer);
    let issuer = issuers.federation(&federation.issuer).ok_or(TokenError::UnknownIssuer);
    let issuer = trace.note(Check::KnownIssuer, || federation.issuer.clone(), issuer);
    let issuer = issuer.map_err(CredentialError::Assertion)?;
    let algorithm = || format!("{:?}", unverified.algorithm);
    trace
        .note(Check::AllowedAlgorithm, algorithm, issuer.permits(unverified.algorithm))
        .map_err(CredentialError::Assertion)?;
    let key = issuer.key(unverified.key_id.as_deref(), unverified.algorithm).await;
    let key = trace.note(Check::Key, || unverified.key_id.clone().unwrap_or("absent".to_owned()), key);
    let key = key.map_err(CredentialError::Assertion)?;
    let claims = trace.note(Check::Signature, String::new, unverified.verify(&key));
    let claims = claims.map_err(CredentialError::Assertion)?;
    times(claims.view(), now, trace).map_err(out_of_time)?;
    Ok(AssertionProof { credential, id: workload.credential_of(federation), once: None })
}

/// A workload's own assertion, as Entra specifies it: issuer and subject are the client id, the
/// audience is the token endpoint, `x5t` or `x5t#S256` names the certificate, RS256 or PS256.
fn own(
    endpoints: &[String],
    workload: &Workload,
    unverified: Unverified<'_>,
    now: i64,
    trace: &mut impl Trace,
) -> Result<AssertionProof, CredentialError> {
    let allowed = matches!(unverified.algorithm, Algorithm::RS256 | Algorithm::PS256);
    let allowed = if allowed { Ok(()) } else { Err(TokenError::ForbiddenAlgorithm) };
    trace
        .note(Check::AllowedAlgorithm, || format!("{:?}", unverified.algorithm), allowed)
        .map_err(CredentialError::Assertion)?;
    let claimed = unverified.peek();
    let subject = claimed.subject().map_err(CredentialError::Assertion)?;
    let of_itself = if subject == unverified.issuer { Ok(()) } else { Err(CredentialError::NoCertificate) };
    step(trace, Check::Subject, || shown(claimed.get("sub")), of_itself)?;
    let certificate = workload
        .certificates
        .iter()
        .find(|certificate| is_meant(certificate, &unverified))
        .filter(|certificate| counts(certificate, now))
        .ok_or(CredentialError::NoCertificate);
    let certificate = step(trace, Check::Certificate, || unverified.thumbprints.shown(), certificate)?;
    let key = VerificationKey::registered_rsa(&certificate.public_key);
    let claims = trace.note(Check::Signature, String::new, unverified.verify(&key));
    let claims = claims.map_err(CredentialError::Assertion)?;
    let claims = claims.view();
    let found = |name: &'static str| move || shown(claims.get(name));
    let expires = times(claims, now, trace).map_err(out_of_time)?;
    let short = expires <= now.saturating_add(MAX_ASSERTION_SECONDS + CLOCK_SKEW);
    let short = if short { Ok(()) } else { Err(CredentialError::OutOfTime) };
    step(trace, Check::Lifetime, || format!("{} seconds from now", expires.saturating_sub(now)), short)?;
    trace.note(Check::Audience, found("aud"), claims.check_audience(endpoints)).map_err(|error| match error {
        TokenError::WrongAudience => CredentialError::WrongAudience,
        other => CredentialError::Assertion(other),
    })?;
    let jti = claims.text("jti").filter(|jti| (1..=MAX_JTI).contains(&jti.len())).ok_or(TokenError::Malformed);
    let jti = trace.note(Check::TokenId, found("jti"), jti).map_err(CredentialError::Assertion)?;
    let id_hash = sha256(format!("{}\n{jti}", workload.client_id).as_bytes());
    let once = Some(UsedAssertion { id_hash, used: now, expires });
    Ok(AssertionProof { credential: certificate.id.to_string(), id: certificate.id, once })
}

/// The times of an assertion; gives `exp`. Takes every step, so that notes are complete; the first one that failed is
/// the verdict.
fn times(claims: Claims<'_>, now: i64, trace: &mut impl Trace) -> Result<i64, TokenError> {
    let found = |name: &'static str| move || shown(claims.get(name));
    let expires = trace.note(Check::Expires, found("exp"), claims.check_expiry(now));
    let begun = trace.note(Check::NotBefore, found("nbf"), claims.check_begun("nbf", now));
    let issued = trace.note(Check::IssuedAt, found("iat"), claims.check_begun("iat", now));
    let expires = expires?;
    begun.and(issued)?;
    Ok(expires)
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
