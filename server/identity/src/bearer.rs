//! Bearer tokens of the API: verified once, remembered for at most a minute.
//!
//! What is remembered is bound to the hash of the whole token and to the key set it was verified
//! with; it counts for nothing once the token has expired or the issuer's keys have changed. Must
//! never remember a refusal, and never the token itself.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use strongroom_crypto::sha256;
use strongroom_domain::{principal::Principal, sign_in::TokenExplanation, time::Clock};

use crate::{
    explain,
    issuer::{Issuer, Issuers},
    jwt::{Claims, MAX_TOKEN_LEN, TokenError, TokenUse, Unverified, shown},
    mapping,
    trace::{Check, Notes, Silent, Trace},
};

/// Longest time for which a verified token is remembered: the bound on how long a withdrawn key may
/// still count after its withdrawal became known.
pub const REMEMBERED_SECONDS: u64 = 60;

/// Most tokens that are remembered.
const REMEMBERED_TOKENS: u64 = 10_000;

/// Judges the claims of a token by the configuration of its issuer; gives `exp` and the principal.
/// Takes every step, so that notes are complete; the first one that failed is the verdict.
fn judge_claims(
    issuer: &Issuer,
    claims: Claims<'_>,
    now: i64,
    trace: &mut impl Trace,
) -> Result<(i64, Principal), TokenError> {
    let found = |name: &'static str| move || shown(claims.get(name));
    let expires = trace.note(Check::Expires, found("exp"), claims.check_expiry(now));
    let begun = trace.note(Check::NotBefore, found("nbf"), claims.check_begun("nbf", now));
    let issued = trace.note(Check::IssuedAt, found("iat"), claims.check_begun("iat", now));
    let audience = trace.note(Check::Audience, found("aud"), claims.check_audience(&issuer.config.audience));
    let principal = trace.note(Check::Mapping, found("sub"), mapping::principal(&issuer.config, claims));
    let expires = expires?;
    begun.and(issued).and(audience)?;
    let token = if issuer.is_own() { mapping::origin(claims) } else { None };
    Ok((expires, Principal { token, ends: Some(expires), ..principal? }))
}

#[derive(Clone)]
struct Remembered {
    principal: Arc<Principal>,
    issuer: Arc<Issuer>,
    generation: u64,
    expires: i64,
    verified_at: u64,
}

/// Turns bearer tokens into principals.
pub struct BearerValidator {
    issuers: Arc<Issuers>,
    clock: Arc<dyn Clock>,
    remembered: Cache<[u8; 32], Remembered>,
}

impl BearerValidator {
    /// Whether an issuer of this name is configured.
    #[must_use]
    pub fn knows(&self, issuer: &str) -> bool {
        self.issuers.bearer(issuer).is_some()
    }

    /// The exact names of the issuers whose tokens may be accepted, the installation's own first.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        self.issuers.names().into_iter().map(str::to_owned).collect()
    }

    /// A validator for the tokens of these issuers.
    #[must_use]
    pub fn new(issuers: Arc<Issuers>, clock: Arc<dyn Clock>) -> Self {
        let remembered = Cache::builder()
            .max_capacity(REMEMBERED_TOKENS)
            .time_to_live(Duration::from_secs(REMEMBERED_SECONDS))
            .build();
        Self { issuers, clock, remembered }
    }

    /// Who the bearer of a token is, at `now_millis` (Unix). `token` is what follows `Bearer `.
    ///
    /// A token of this installation proves only that it was issued: whether its workload still
    /// exists and is enabled is for the caller to look up.
    ///
    /// # Errors
    /// [`TokenError`] says why not.
    pub async fn authenticate(&self, token: &str, now_millis: i64) -> Result<Arc<Principal>, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLarge);
        }
        let now = now_millis.div_euclid(1000);
        let key = sha256(token.as_bytes());
        if let Some(known) = self.remembered.get(&key) {
            if self.still_counts(&known, now) {
                return Ok(known.principal);
            }
            self.remembered.invalidate(&key);
        }
        let remembered = self.verify(token, now).await?;
        let principal = Arc::clone(&remembered.principal);
        self.remembered.insert(key, remembered);
        Ok(principal)
    }

    /// When a token ends that is remembered as verified, Unix milliseconds.
    #[must_use]
    pub fn ends(&self, token: &str) -> Option<i64> {
        self.remembered.get(&sha256(token.as_bytes())).map(|known| known.expires.saturating_mul(1000))
    }

    async fn verify(&self, token: &str, now: i64) -> Result<Remembered, TokenError> {
        self.examine(token, now, &mut Silent).await
    }

    /// Judges a token, with every step noted. The only way in which a bearer token is judged.
    async fn examine(&self, token: &str, now: i64, trace: &mut impl Trace) -> Result<Remembered, TokenError> {
        let unverified = Unverified::read_noting(token, TokenUse::Access, trace)?;
        let issuer = self.issuers.bearer(&unverified.issuer).ok_or(TokenError::UnknownIssuer);
        let issuer = trace.note(Check::KnownIssuer, || unverified.issuer.clone(), issuer)?;
        let algorithm = || format!("{:?}", unverified.algorithm);
        trace.note(Check::AllowedAlgorithm, algorithm, issuer.permits(unverified.algorithm))?;
        // Before the key is looked up: a change of the key set in between is noticed next time.
        let generation = issuer.generation();
        let key = issuer.key(unverified.key_id.as_deref(), unverified.algorithm).await;
        let key = trace.note(Check::Key, || unverified.key_id.clone().unwrap_or("absent".to_owned()), key)?;
        let claims = trace.note(Check::Signature, String::new, unverified.verify(&key))?;
        let (expires, principal) = judge_claims(issuer, claims.view(), now, trace)?;
        let verified_at = self.clock.ticks_micros();
        let principal = Arc::new(principal);
        Ok(Remembered { principal, issuer: Arc::clone(issuer), generation, expires, verified_at })
    }

    /// Judges a token and tells how every step went. When the claims were not reached they are looked
    /// at all the same, unverified, because what is wrong with them should be known too.
    pub(crate) async fn explain(&self, token: &str, now_millis: i64) -> TokenExplanation {
        let now = now_millis.div_euclid(1000);
        let mut notes = Notes::default();
        let verdict = self.examine(token, now, &mut notes).await;
        let verified = notes.0.len();
        if !notes.0.iter().any(|step| step.check == Check::Expires)
            && let Ok(unverified) = Unverified::read(token, TokenUse::Access)
            && let Some(issuer) = self.issuers.bearer(&unverified.issuer)
        {
            // Only for the notes: the verdict stands.
            let _ = judge_claims(issuer, unverified.peek(), now, &mut notes);
        }
        explain::explanation(&self.issuers, verdict.map(|known| known.principal), &notes, verified, now)
    }

    fn still_counts(&self, known: &Remembered, now: i64) -> bool {
        let age = self.clock.ticks_micros().saturating_sub(known.verified_at);
        now < known.expires && age < REMEMBERED_SECONDS * 1_000_000 && known.generation == known.issuer.generation()
    }
}
