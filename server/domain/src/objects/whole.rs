//! Names with one sealed document and no history, in the tables of everything else: issuers, contacts, and what the
//! authorities of a vault have revoked.

use std::sync::Arc;

use strongroom_crypto::Plaintext;

use super::{ATTEMPTS, InVault, ObjectError, Objects, active, first_revision};
use crate::{
    change::{Change, PermittedChange},
    context::RequestContext,
    gate::Ask,
    keyring::{Keyring, VaultKeys},
    names::{ObjectKind, ObjectName, ObjectVersion},
    permit::{Held, Permit},
    ports::StoreError,
    rotation::Rotation,
    secret::{LifeState, SealedVersion, SecretAttributes, SecretFacts, SecretItem, SecretMeta, VersionMeta},
};

impl Objects {
    /// A name with its one version: a new one, or the one there is with another document in it; and when something is
    /// due with it.
    pub(crate) fn whole(
        &self,
        ctx: &RequestContext,
        keys: &VaultKeys,
        (kind, name): (ObjectKind, &ObjectName),
        document: &Plaintext,
        attributes: &SecretAttributes,
        (rotation, before): (Option<Box<Rotation>>, Option<&SecretFacts>),
    ) -> Result<(SecretItem, Change), ObjectError> {
        let known = before.and_then(|facts| facts.version.as_ref());
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let version = known.map_or_else(|| ObjectVersion::from_bytes(random), |known| known.version.clone());
        let name = before.map_or(name, |facts| &facts.secret.name);
        let sealed = self.keyring.seal(keys, kind, name, &version, document, &*self.entropy)?;
        let mut meta = VersionMeta {
            version: version.clone(),
            attributes: attributes.clone(),
            created: known.map_or_else(|| ctx.seconds(), |known| known.created),
            updated: ctx.seconds(),
            ordinal: 1,
            data_key_id: sealed.data_key_id,
            key: None,
            certificate: None,
            tag: Vec::new(),
        };
        meta.tag = self.keyring.tag_version(keys, kind, name, &meta)?;
        let mut secret = SecretMeta {
            name: name.clone(),
            life: LifeState::Active,
            current: version,
            revision: before.map_or_else(|| first_revision(random), |facts| facts.secret.revision + 1),
            managed: false,
            certificate: None,
            rotation,
            tag: Vec::new(),
        };
        secret.tag = self.keyring.tag_name(keys, kind, &secret)?;
        let item = SecretItem { secret: secret.clone(), version: meta.clone() };
        Ok((item, Change::PutWhole { secret, version: Box::new(SealedVersion { meta, sealed }) }))
    }

    /// A document, opened under a permit of its own; none when there is none.
    pub(crate) async fn read_whole(
        &self,
        ctx: &RequestContext,
        ask: Ask<'_>,
    ) -> Result<Option<(SecretItem, Plaintext)>, ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { mut case, keys, .. } = self.admit(ctx, ask.clone()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                let missing =
                    ask.name.map_or(ObjectError::Unavailable, |name| ObjectError::NotFound(name.clone(), None));
                return match self.refuse::<ObjectError>(ctx, case, missing).await {
                    ObjectError::NotFound(..) => Ok(None),
                    why => Err(why),
                };
            };
            case.record.revision = Some(item.secret.revision);
            let held = self.store.read(case.permit, &item.version.version).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let keyring = Arc::clone(&self.keyring);
            let held = held.map(|read| {
                let document = opened_whole(&keyring, &keys, ask.kind, &item, read)?;
                Ok::<_, ObjectError>((item, document))
            });
            return Ok(Some(self.recorder.release(ctx, case.record, held).await??));
        }
        Err(self.contended::<ObjectError>(ctx, ask).await)
    }
}

/// What is sealed in a version, which must be the one that was judged.
pub(crate) fn opened_whole(
    keyring: &Keyring,
    keys: &VaultKeys,
    kind: ObjectKind,
    item: &SecretItem,
    read: Result<Arc<SealedVersion>, StoreError>,
) -> Result<Plaintext, ObjectError> {
    let row = read?;
    if row.meta != item.version || row.sealed.data_key_id != item.version.data_key_id {
        return Err(ObjectError::Tampered);
    }
    Ok(keyring.open(keys, kind, &item.secret.name, &item.version.version, &row.sealed)?)
}

/// A change that does not fit its permit is a mistake of this program.
pub(crate) fn spent<T, E: From<ObjectError>>(
    permit: Permit,
    change: Change,
    answer: T,
) -> Result<(PermittedChange, Held<T>), E> {
    permit.apply(change, answer).map_err(|error| {
        tracing::error!(%error, "a change did not fit its permit");
        ObjectError::Unavailable.into()
    })
}
