//! The key of an authority that is kept in a vault, opened for one signature and no longer, on record at the authority's
//! own name. What is signed with it, and whether a disabled version may, is for whoever asks.

use strongroom_crypto::{Plaintext, key::KeySpec};

use super::{ATTEMPTS, InVault, ObjectError, Objects, active};
use crate::{
    context::RequestContext,
    gate::Ask,
    names::{ObjectKind, VaultId},
    ports::StoreError,
    record::HowItWent,
    secret::SecretItem,
};

/// What an authority signs with.
pub(crate) struct SigningKey<'a> {
    /// What sort of key it is.
    pub(crate) spec: KeySpec,
    /// The key.
    pub(crate) private: &'a Plaintext,
    /// The authority's own certificate, and those above it, DER.
    pub(crate) chain: &'a [Vec<u8>],
}

impl SigningKey<'_> {
    /// As signing takes it.
    pub(crate) fn key(&self) -> (KeySpec, &Plaintext) {
        (self.spec, self.private)
    }
}

impl Objects {
    /// Signs with the version that is asked for, if it is there, has a certificate and is `fit` for it, in this vault. What
    /// was signed is `told` on its record.
    ///
    /// # Errors
    /// [`ObjectError`]; what `missing` says of an authority that is not there; whatever `fit` and `sign` fail with.
    pub(crate) async fn sign_as_authority<T, E>(
        &self,
        ctx: &RequestContext,
        ask: Ask<'_>,
        (fit, missing): (impl Fn(VaultId, &SecretItem) -> Result<(), E>, impl Fn() -> E),
        sign: impl Fn(&SigningKey<'_>) -> Result<T, E>,
        told: impl Fn(&T) -> Vec<(&'static str, String)>,
    ) -> Result<T, E>
    where
        E: HowItWent + From<ObjectError>,
    {
        let kind = ObjectKind::Certificate;
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, vault } = self.admit(ctx, ask.clone()).await?;
            let found = match active(case.facts.as_deref()) {
                Some(item) => fit(vault.id, &item).and_then(|()| parts(item).ok_or_else(&missing)),
                None => Err(missing()),
            };
            let (item, spec, chain) = match found {
                Ok(found) => found,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            case.record.version = Some(item.version.version.as_str().to_owned());
            let held = self.store.read(case.permit, &item.version.version).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|read| -> Result<T, E> {
                let row = read.map_err(ObjectError::from)?;
                if row.meta != item.version || row.sealed.data_key_id != item.version.data_key_id {
                    return Err(ObjectError::Tampered.into());
                }
                let (own, version) = (&item.secret.name, &item.version.version);
                let private = self.keyring.open(&keys, kind, own, version, &row.sealed).map_err(ObjectError::from)?;
                sign(&SigningKey { spec, private: &private, chain: &chain })
            });
            let details = held.inspect(|signed| signed.as_ref().map(&told).unwrap_or_default());
            for (name, detail) in details {
                case.record.detail(name, detail);
            }
            return self.recorder.release(ctx, case.record, held).await.map_err(ObjectError::from)?;
        }
        Err(self.contended(ctx, ask).await)
    }
}

/// A version with its key's sort and its chain; none of one that waits for its certificate.
fn parts(item: SecretItem) -> Option<(SecretItem, KeySpec, Vec<Vec<u8>>)> {
    let spec = item.version.key.as_ref()?.spec;
    let chain = item.version.certificate.as_ref().map(|certificate| certificate.chain.clone())?;
    (!chain.is_empty()).then_some((item, spec, chain))
}
