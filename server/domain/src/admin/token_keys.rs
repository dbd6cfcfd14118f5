//! Use cases: the keys that sign tokens. They change by age, by an administrator's word, and at once when one
//! may be known to somebody else.
//!
//! Many nodes may do it at the same time: a change is bound to the stored document that was read, so each
//! happens once, and every node takes what is stored.

use std::sync::Arc;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    change::{Change, PutTokenKeys},
    context::RequestContext,
    gate::{Ask, Case},
    keyring::Keyring,
    ports::{SealStore, SealedBlob, StoreError},
    token_keys::{TokenKeyFacts, TokenKeyHolder, TokenKeys, TokenKeysError},
};

/// Where the keys of tokens are kept, and who holds this node's copy of them.
pub struct TokenKeyring {
    /// Where they are stored.
    pub store: Arc<dyn SealStore>,
    /// Under which label.
    pub label: &'static str,
    /// When the installation was made, Unix milliseconds: since when its first key signs.
    pub made_at: i64,
    /// Signs and verifies.
    pub holder: Arc<dyn TokenKeyHolder>,
}

impl TokenKeyring {
    async fn read(&self, keyring: &Arc<Keyring>) -> Result<(SealedBlob, TokenKeys), AdminError> {
        let stored = self.store.sealed_blob(self.label).await?;
        let stored = stored.ok_or_else(|| StoreError::Damaged("the token keys are gone".to_owned()))?;
        let (label, made_at) = (self.label, self.made_at);
        let opening =
            move |keyring: &Keyring| TokenKeys::open(keyring, label, &stored, made_at).map(|keys| (stored, keys));
        Ok(keyring.apart(opening).await?)
    }
}

impl From<TokenKeysError> for AdminError {
    fn from(error: TokenKeysError) -> Self {
        match error {
            TokenKeysError::Announced => Self::TokenKeyAnnounced,
            TokenKeysError::Signer(error) => {
                tracing::error!(%error, "no token key could be made");
                Self::Unavailable
            }
        }
    }
}

impl Administration {
    /// The keys, in the order in which they sign.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn token_keys(&self, ctx: &RequestContext) -> Result<Vec<TokenKeyFacts>, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::TokenKeyRead)).await?;
        let facts = self.token_keys.read(&self.keyring).await.map(|(_, keys)| keys.facts(ctx.now));
        self.recorder.release(ctx, case.record, case.permit.hold(facts)).await?
    }

    /// Announces a new key: published now, signs in ten minutes; the one that signs now stays published until its
    /// last token has expired. With `revoke`, the new key signs now and no other counts any more.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::Contended`] when another node changed them at the same moment.
    pub async fn rotate_token_keys(
        &self,
        ctx: &RequestContext,
        revoke: bool,
    ) -> Result<Vec<TokenKeyFacts>, AdminError> {
        let action = if revoke { Action::TokenKeyRevoke } else { Action::TokenKeyRotate };
        let case = self.admit(ctx, Ask::server(action)).await?;
        let next = self.token_keys.read(&self.keyring).await.and_then(|(before, keys)| {
            let next =
                if revoke { keys.revoked(ctx.now, &*self.entropy) } else { keys.rotated(ctx.now, &*self.entropy) };
            Ok((before, next?))
        });
        match next {
            Ok((before, next)) => self.put_token_keys(ctx, case, before, next).await?.ok_or(AdminError::Contended),
            Err(why) => Err(self.refuse(ctx, case, why).await),
        }
    }

    /// Takes the keys as they are stored, announces a new one when the newest has signed for `max_age_millis`,
    /// and destroys those that have ended. To be called every few seconds by a system principal, see
    /// [`crate::token_keys::PRINCIPAL`].
    ///
    /// # Errors
    /// [`AdminError`]; the next call tries again.
    pub async fn keep_token_keys(&self, ctx: &RequestContext, max_age_millis: i64) -> Result<(), AdminError> {
        let (before, keys) = self.token_keys.read(&self.keyring).await?;
        let (action, next) = if keys.is_due(ctx.now, max_age_millis) {
            (Action::TokenKeyRotate, keys.rotated(ctx.now, &*self.entropy)?)
        } else if let Some(left) = keys.without_ended(ctx.now) {
            (Action::TokenKeyRetire, left)
        } else {
            self.token_keys.holder.hold(keys, ctx.now);
            return Ok(());
        };
        let case = self.admit(ctx, Ask::server(action)).await?;
        // When another node was first, its keys are taken the next time.
        self.put_token_keys(ctx, case, before, next).await.map(drop)
    }

    async fn put_token_keys(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        before: SealedBlob,
        next: TokenKeys,
    ) -> Result<Option<Vec<TokenKeyFacts>>, AdminError> {
        let label = self.token_keys.label;
        let document = next.to_document().map_err(crate::keyring::KeyringError::from)?;
        let entropy = Arc::clone(&self.entropy);
        let sealed = self.keyring.apart(move |keyring| keyring.seal_blob(label, &document, &*entropy)).await;
        let after = match sealed {
            Ok(bytes) => SealedBlob { bytes, revision: next.revision() },
            Err(why) => return Err(self.refuse(ctx, case, why.into()).await),
        };
        case.record.object = next.newest().map(|key| key.signer.key_id());
        let (revision, facts) = (after.revision, next.facts(ctx.now));
        let change = Change::PutTokenKeys(Box::new(PutTokenKeys { label, before, after }));
        let done = self.change(ctx, case, revision, change, facts).await?;
        if done.is_some() {
            self.token_keys.holder.hold(next, ctx.now);
        }
        Ok(done)
    }
}
