//! This node's copy of the keys that sign tokens: which of them signs now, and which are published and verify.
//!
//! The same copy does all three, so that a node never signs what it would not accept. Must never sign by a copy
//! that may have missed the next key.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use strongroom_crypto::PublicJwk;
use strongroom_domain::{
    principal::TokenOrigin,
    token_keys::{STALE_MILLIS, TokenKeyHolder, TokenKeys},
};
use uuid::Uuid;

use super::{MintError, TokenMinter, TokenResponse};
use crate::issuer::Issuers;

struct Held {
    keys: TokenKeys,
    /// One for each key, in the same order.
    minters: Vec<TokenMinter>,
    published: Vec<PublicJwk>,
    seen_at: i64,
}

/// The keys as last seen.
pub struct OwnKeys {
    base: String,
    installation: Uuid,
    issuers: Arc<Issuers>,
    held: ArcSwap<Held>,
    /// Taken while the copy changes: requests and the schedule may both bring another.
    changing: Mutex<()>,
}

impl OwnKeys {
    /// Holds the keys as they are stored at `now` (Unix milliseconds), for the API at `base`. `issuers` verify
    /// by what is published from now on.
    #[must_use]
    pub fn new(base: &str, installation: Uuid, issuers: Arc<Issuers>, keys: TokenKeys, now: i64) -> Self {
        let held = ArcSwap::from_pointee(held(base, installation, keys, now));
        let own = Self { base: base.to_owned(), installation, issuers, held, changing: Mutex::default() };
        own.publish(&own.held.load());
        own
    }

    /// The public keys, for the key set.
    #[must_use]
    pub fn published(&self) -> Vec<PublicJwk> {
        self.held.load().published.clone()
    }

    /// Makes a token for a workload whose credential has been checked, see [`TokenMinter::mint`].
    ///
    /// # Errors
    /// [`MintError`], also when the stored keys have not been seen for a while.
    pub fn mint(
        &self,
        client_id: Uuid,
        from: TokenOrigin,
        token_id: Uuid,
        now_millis: i64,
    ) -> Result<TokenResponse, MintError> {
        let held = self.held.load();
        if now_millis.saturating_sub(held.seen_at) > STALE_MILLIS {
            tracing::error!("no token is signed: the stored keys have not been seen for minutes");
            return Err(MintError);
        }
        held.minters.get(held.keys.signing(now_millis)).ok_or(MintError)?.mint(client_id, from, token_id, now_millis)
    }

    fn publish(&self, held: &Held) {
        if let Err(error) = self.issuers.replace_own_keys(&held.published) {
            tracing::error!(%error, "the keys of this installation's tokens cannot be used to verify");
        }
    }
}

impl TokenKeyHolder for OwnKeys {
    fn hold(&self, keys: TokenKeys, now: i64) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.held.load_full();
        if keys.revision() < before.keys.revision() {
            let (found, known) = (keys.revision(), before.keys.revision());
            tracing::error!(found, known, "the token keys that were read are older than those in use, and not used");
            return;
        }
        let next = Arc::new(held(&self.base, self.installation, keys, now));
        if next.published != before.published {
            tracing::info!(keys = next.published.len(), "other keys of tokens are published");
            self.publish(&next);
        }
        self.held.store(next);
    }
}

fn held(base: &str, installation: Uuid, keys: TokenKeys, now: i64) -> Held {
    let minters = keys.keys().iter().map(|key| TokenMinter::new(base, installation, &key.signer)).collect();
    Held { minters, published: keys.published(now), keys, seen_at: now }
}
