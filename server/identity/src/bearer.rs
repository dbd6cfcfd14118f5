//! Bearer tokens of the API: verified once, remembered for at most a minute.
//!
//! What is remembered is bound to the hash of the whole token and to the key set it was verified
//! with; it counts for nothing once the token has expired or the issuer's keys have changed. Must
//! never remember a refusal, and never the token itself.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use strongroom_crypto::sha256;
use strongroom_domain::{principal::Principal, time::Clock};

use crate::{
    issuer::{Issuer, Issuers},
    jwt::{MAX_TOKEN_LEN, TokenError, TokenUse, Unverified},
    mapping,
};

/// Longest time for which a verified token is remembered: the bound on how long a withdrawn key may
/// still count after its withdrawal became known.
pub const REMEMBERED_SECONDS: u64 = 60;

/// Most tokens that are remembered.
const REMEMBERED_TOKENS: u64 = 10_000;

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

    async fn verify(&self, token: &str, now: i64) -> Result<Remembered, TokenError> {
        let unverified = Unverified::read(token, TokenUse::Access)?;
        let issuer = self.issuers.bearer(&unverified.issuer).ok_or(TokenError::UnknownIssuer)?;
        // Before the key is looked up: a change of the key set in between is noticed next time.
        let generation = issuer.generation();
        let key = issuer.key(unverified.key_id.as_deref(), unverified.algorithm).await?;
        let claims = unverified.verify(&key)?;
        let expires = claims.view().check_times(now)?;
        claims.view().check_audience(&issuer.config.audience)?;
        let principal = Arc::new(mapping::principal(&issuer.config, claims.view())?);
        let verified_at = self.clock.ticks_micros();
        Ok(Remembered { principal, issuer: Arc::clone(issuer), generation, expires, verified_at })
    }

    fn still_counts(&self, known: &Remembered, now: i64) -> bool {
        let age = self.clock.ticks_micros().saturating_sub(known.verified_at);
        now < known.expires && age < REMEMBERED_SECONDS * 1_000_000 && known.generation == known.issuer.generation()
    }
}
