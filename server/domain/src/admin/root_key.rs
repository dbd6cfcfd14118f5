//! Which root key the installation is sealed under, for people: nothing here can use it or change it. It is changed
//! beside the server alone, see [`crate::seal`].

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Ask, Case},
    seal::{RootKeyFact, SealedKeys},
};

/// The root key in use, and what it wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeyShown {
    /// What is known of it; none in an installation from before that was written down.
    pub fact: Option<RootKeyFact>,
    /// How many vault keys it wraps, deleted vaults' too.
    pub vaults: usize,
    /// How many keys of the installation's own.
    pub blobs: usize,
}

impl Administration {
    /// The root key in use.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn root_key(&self, ctx: &RequestContext) -> Result<RootKeyShown, AdminError> {
        let Case { permit, record, .. } = self.admit(ctx, Ask::server(Action::TokenKeyRead)).await?;
        let shown = self.root_key_shown().await;
        self.recorder.release(ctx, record, permit.hold(shown)).await?
    }

    async fn root_key_shown(&self) -> Result<RootKeyShown, AdminError> {
        let SealedKeys { root_key, blobs, vaults } = self.token_keys.store.sealed_keys().await?;
        if let Some(fact) = &root_key {
            self.keyring.verify_root_key(fact)?;
        }
        Ok(RootKeyShown { fact: root_key, vaults: vaults.len(), blobs: blobs.len() })
    }
}
