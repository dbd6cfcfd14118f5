//! Writing versions: a new one, or other attributes for one that is there.

use strongroom_crypto::Plaintext;

use super::{ATTEMPTS, InVault, ObjectError, Objects, Verbs, active};
use crate::{
    approval::ApprovalRequest,
    change::{Change, PermittedChange, Spent},
    context::RequestContext,
    gate::{Ask, Case, Proposed},
    key::{KeyOperation, KeyProperties},
    keyring::VaultKeys,
    names::{ObjectName, ObjectVersion, VaultName},
    rotation,
    secret::{
        AttributePatch, LifeState, SealedVersion, SecretAttributes, SecretFacts, SecretItem, SecretMeta, VaultFacts,
        VersionMeta,
    },
};

/// What a new version is made of.
pub(crate) struct NewVersion<'a> {
    /// What its maker says of it.
    pub(crate) attributes: &'a SecretAttributes,
    /// Of a key: what kind.
    pub(crate) key: Option<KeyProperties>,
    /// What is sealed.
    pub(crate) value: &'a Plaintext,
}

/// What of a version is to be changed.
#[derive(Clone, Copy)]
pub(crate) struct VersionPatch<'a> {
    /// Attributes.
    pub(crate) attributes: &'a AttributePatch,
    /// Of a key: what it may be used for from now on.
    pub(crate) operations: Option<&'a std::collections::BTreeSet<KeyOperation>>,
}

impl Objects {
    /// Other attributes for a version, or for the current one. What is sealed is neither changed nor given
    /// out.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn update(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        (name, version): (&ObjectName, Option<&ObjectVersion>),
        patch: VersionPatch<'_>,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        patch.attributes.check()?;
        let proposed = Some(Proposed::Patch(patch.attributes));
        let operations = patch.operations;
        let ask = || Ask { version, proposed, operations, ..Ask::object(verbs.kind, verbs.update, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.admit(ctx, ask()).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.refuse(ctx, case, ObjectError::NotFound(name.clone(), version.cloned())).await);
            };
            if item.secret.managed {
                return Err(self.refuse(ctx, case, ObjectError::Managed(name.clone())).await);
            }
            let attributes = patch.attributes.over(&item.version.attributes);
            let before = item.version.clone();
            if let Err(error) = patch.attributes.check_outcome(&attributes) {
                return Err(self.refuse(ctx, case, error.into()).await);
            }
            let mut key = item.version.key.clone();
            if let (Some(key), Some(operations)) = (&mut key, patch.operations) {
                key.operations.clone_from(operations);
                if let Err(error) = key.check_operations() {
                    return Err(self.refuse(ctx, case, error.into()).await);
                }
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let revision = item.secret.revision + 1;
            // What is done by itself counts from the end of the current version, which may be another one now.
            let other_end = item.version.attributes.expires != attributes.expires;
            let mut meta = VersionMeta { attributes, key, updated: ctx.seconds(), tag: Vec::new(), ..item.version };
            meta.tag = self.keyring.tag_version(&keys, verbs.kind, name, &meta)?;
            let rotation = if other_end && item.secret.current == meta.version {
                rotation::follow(Some(&item.secret), &meta)
            } else {
                item.secret.rotation.clone()
            };
            let mut secret = SecretMeta { revision, rotation, tag: Vec::new(), ..item.secret };
            secret.tag = self.keyring.tag_name(&keys, verbs.kind, &secret)?;
            let after = SecretItem { secret: secret.clone(), version: meta.clone() };
            if let (Some(was), Some(is)) = (&before.key, &meta.key) {
                case.record.detail_change((&before.attributes, &meta.attributes), Some((was, is)));
            }
            let change = Change::UpdateSecret { secret, version: Box::new(meta) };
            if let Some(after) = self.change(ctx, case, change, after).await? {
                return Ok((after, VaultFacts::from(&*vault)));
            }
        }
        Err(self.contended(ctx, ask()).await)
    }

    /// Seals something as the next version of a name.
    pub(crate) fn new_version(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        keys: &VaultKeys,
        name: &ObjectName,
        new: NewVersion<'_>,
        before: Option<&SecretFacts>,
    ) -> Result<(SecretItem, Change), ObjectError> {
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
        let version = ObjectVersion::from_bytes(random);
        let sealed = self.keyring.seal(keys, verbs.kind, name, &version, new.value, &*self.entropy)?;
        let ordinal = before.and_then(|f| f.version.as_ref()).map_or(1, |v| v.ordinal + 1);
        let mut meta = VersionMeta {
            version: version.clone(),
            attributes: new.attributes.clone(),
            created: ctx.seconds(),
            updated: ctx.seconds(),
            ordinal,
            data_key_id: sealed.data_key_id,
            key: new.key.map(Box::new),
            certificate: None,
            tag: Vec::new(),
        };
        meta.tag = self.keyring.tag_version(keys, verbs.kind, name, &meta)?;
        let mut secret = SecretMeta {
            // The first spelling stays: ids of earlier versions were given out with it.
            name: before.map_or_else(|| name.clone(), |f| f.secret.name.clone()),
            life: LifeState::Active,
            current: version,
            revision: before.map_or_else(|| first_revision(random), |f| f.secret.revision + 1),
            managed: false,
            certificate: None,
            rotation: rotation::follow(before.map(|f| &f.secret), &meta),
            tag: Vec::new(),
        };
        secret.tag = self.keyring.tag_name(keys, verbs.kind, &secret)?;
        let item = SecretItem { secret: secret.clone(), version: meta.clone() };
        Ok((item, Change::SetSecret { secret, version: Box::new(SealedVersion { meta, sealed }) }))
    }

    /// Commits a change with its record. `None`: judged anew, the object changed meanwhile.
    pub(crate) async fn change<T>(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        change: Change,
        answer: T,
    ) -> Result<Option<T>, ObjectError> {
        case.record.revision = Some(match &change {
            Change::SetSecret { secret, .. }
            | Change::PutWhole { secret, .. }
            | Change::UpdateSecret { secret, .. }
            | Change::RestoreSecret { secret, .. }
            | Change::SetSecretLife { secret } => secret.revision,
            Change::WriteCertificate(writes) => writes.first().map_or(0, |own| own.name.revision),
            _ => case.permit.revision().map_or(0, |r| r + 1),
        });
        let (change, held) = case.permit.apply(change, answer).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            ObjectError::Unavailable
        })?;
        let change = self.spending(change, case.spends, ctx.seconds())?;
        Ok(self.recorder.commit(ctx, case.record, change, held).await?)
    }

    /// The change together with the end of the approval that it rests on, where that is for one time.
    pub(crate) fn spending(
        &self,
        change: PermittedChange,
        rests_on: Option<Box<ApprovalRequest>>,
        now: i64,
    ) -> Result<PermittedChange, ObjectError> {
        let Some(rests_on) = rests_on else { return Ok(change) };
        let mut request = rests_on.spent(now);
        request.tag = self.keyring.tag_approval(&request)?;
        change.spending(Spent { request, replaces: rests_on.revision }).map_err(|error| {
            tracing::error!(%error, "an approval is not of the change that rests on it");
            ObjectError::Unavailable
        })
    }
}

/// Where the revisions of a new name begin: anywhere. A name made again after a purge would otherwise
/// come to revisions that its predecessor had, and a permit judged on the predecessor would fit it.
pub(crate) fn first_revision(random: [u8; 16]) -> i64 {
    let [a, b, c, d, ..] = random;
    i64::from(u32::from_be_bytes([a, b, c, d])) + 1
}
