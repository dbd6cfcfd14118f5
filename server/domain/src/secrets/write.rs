//! Changing secrets: new versions, soft delete, recovery, purge.

use strongroom_crypto::{Plaintext, SecretText};

use super::{
    ATTEMPTS, InVault, SecretError, Secrets,
    read::{active, deleted},
};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, Proposed, by_schedule},
    grant::Scope,
    keyring::VaultKeys,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    secret::{
        AttributeError, AttributePatch, LifeState, MAX_VALUE_BYTES, OpenedSecret, SealedVersion, SecretAttributes,
        SecretFacts, SecretItem, SecretMeta, VaultFacts, VersionMeta,
    },
};

const SECONDS_A_DAY: i64 = 86_400;

impl Secrets {
    /// PUT /secrets/{name}: a new version, the current one from now on.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn set(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        attributes: &SecretAttributes,
        value: SecretText,
    ) -> Result<OpenedSecret, SecretError> {
        attributes.check()?;
        if value.len() > MAX_VALUE_BYTES {
            return Err(AttributeError::ValueTooLong.into());
        }
        for _ in 0..ATTEMPTS {
            let ask =
                Ask { proposed: Some(Proposed::Whole(attributes)), ..Ask::secret(Action::SecretSet, vault, name) };
            let InVault { mut case, vault, keys } = self.admit(ctx, ask).await?;
            let before = case.facts.clone();
            if before.as_ref().is_some_and(|f| f.secret.life != LifeState::Active) {
                return Err(self.refuse(ctx, case, SecretError::DeletedButRecoverable(name.clone())).await);
            }
            let (item, change) = self.new_version(ctx, &keys, name, attributes, &value, before.as_deref())?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            if let Some(item) = self.change(ctx, case, change, item).await? {
                let vault = VaultFacts::from(&*vault);
                return Ok(OpenedSecret { secret: item.secret, meta: item.version, vault, value });
            }
        }
        Err(SecretError::Contended)
    }

    /// PATCH /secrets/{name}/{version}: other attributes for a version, or for the current one. The
    /// value is neither changed nor given out.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn update(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
        patch: &AttributePatch,
    ) -> Result<(SecretItem, VaultFacts), SecretError> {
        patch.check()?;
        for _ in 0..ATTEMPTS {
            let proposed = Some(Proposed::Patch(patch));
            let ask = Ask { version, proposed, ..Ask::secret(Action::SecretUpdate, vault, name) };
            let InVault { mut case, vault, keys } = self.admit(ctx, ask).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.refuse(ctx, case, SecretError::NotFound(name.clone(), version.cloned())).await);
            };
            let attributes = patch.over(&item.version.attributes);
            if let Err(error) = attributes.check_window() {
                return Err(self.refuse(ctx, case, error.into()).await);
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let revision = item.secret.revision + 1;
            let mut meta = VersionMeta { attributes, updated: ctx.seconds(), tag: Vec::new(), ..item.version };
            meta.tag = self.keyring.tag_version(&keys, name, &meta)?;
            let mut secret = SecretMeta { revision, tag: Vec::new(), ..item.secret };
            secret.tag = self.keyring.tag_secret(&keys, &secret)?;
            let after = SecretItem { secret: secret.clone(), version: meta.clone() };
            let change = Change::UpdateSecret { secret, version: Box::new(meta) };
            if let Some(after) = self.change(ctx, case, change, after).await? {
                return Ok((after, VaultFacts::from(&*vault)));
            }
        }
        Err(SecretError::Contended)
    }

    /// DELETE /secrets/{name}: soft delete of the name with all its versions.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn delete(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), SecretError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } = self.admit(ctx, Ask::secret(Action::SecretDelete, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life == LifeState::Active) else {
                return Err(self.refuse(ctx, case, SecretError::NotFound(name.clone(), None)).await);
            };
            let deleted_at = ctx.seconds();
            let purge_at = deleted_at + i64::from(vault.settings.retention_days) * SECONDS_A_DAY;
            let life = LifeState::Deleted { deleted_at, purge_at };
            if let Some(item) = self.change_life(ctx, case, &keys, &facts, life).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(SecretError::Contended)
    }

    /// POST /deletedsecrets/{name}/recover.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn recover(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), SecretError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::secret(Action::SecretRecover, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life != LifeState::Active) else {
                return Err(self.refuse(ctx, case, SecretError::DeletedNotFound(name.clone())).await);
            };
            if let Some(item) = self.change_life(ctx, case, &keys, &facts, LifeState::Active).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(SecretError::Contended)
    }

    /// DELETE /deletedsecrets/{name}: gone for good, with every grant at exactly this object, so that
    /// none comes back to life for a later secret of the name. Before its purge date only where the
    /// vault is not protected, and never by the schedule.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn purge(&self, ctx: &RequestContext, vault: &VaultName, name: &ObjectName) -> Result<(), SecretError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, .. } = self.admit(ctx, Ask::secret(Action::SecretPurge, vault, name)).await?;
            let Some(LifeState::Deleted { purge_at, .. }) = deleted(case.facts.as_deref()).map(|item| item.secret.life)
            else {
                return Err(self.refuse(ctx, case, SecretError::DeletedNotFound(name.clone())).await);
            };
            let early = ctx.seconds() < purge_at;
            if early && (vault.settings.purge_protection || by_schedule(ctx, Action::SecretPurge)) {
                return Err(self.refuse(ctx, case, SecretError::PurgeProtected).await);
            }
            let scope = Scope::Object { vault: vault.id, kind: ObjectKind::Secret, name: name.clone() };
            let assignments = self.gate.grants.assignments_at(&scope).await?;
            let change = Change::PurgeSecret { vault_revision: vault.revision, assignments };
            if self.change(ctx, case, change, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(SecretError::Contended)
    }

    /// Seals a value as the next version of a name.
    fn new_version(
        &self,
        ctx: &RequestContext,
        keys: &VaultKeys,
        name: &ObjectName,
        attributes: &SecretAttributes,
        value: &SecretText,
        before: Option<&SecretFacts>,
    ) -> Result<(SecretItem, Change), SecretError> {
        let mut random = [0u8; 16];
        self.entropy.fill(&mut random).map_err(|_| SecretError::Unavailable)?;
        let version = ObjectVersion::from_bytes(random);
        let value = Plaintext::from_slice(value.expose().as_bytes());
        let sealed = self.keyring.seal(keys, name, &version, &value, &*self.entropy)?;
        let ordinal = before.and_then(|f| f.version.as_ref()).map_or(1, |v| v.ordinal + 1);
        let mut meta = VersionMeta {
            version: version.clone(),
            attributes: attributes.clone(),
            created: ctx.seconds(),
            updated: ctx.seconds(),
            ordinal,
            data_key_id: sealed.data_key_id,
            tag: Vec::new(),
        };
        meta.tag = self.keyring.tag_version(keys, name, &meta)?;
        let mut secret = SecretMeta {
            // The first spelling stays: ids of earlier versions were given out with it.
            name: before.map_or_else(|| name.clone(), |f| f.secret.name.clone()),
            life: LifeState::Active,
            current: version,
            revision: before.map_or_else(|| first_revision(random), |f| f.secret.revision + 1),
            tag: Vec::new(),
        };
        secret.tag = self.keyring.tag_secret(keys, &secret)?;
        let item = SecretItem { secret: secret.clone(), version: meta.clone() };
        Ok((item, Change::SetSecret { secret, version: Box::new(SealedVersion { meta, sealed }) }))
    }

    async fn change_life(
        &self,
        ctx: &RequestContext,
        case: Case,
        keys: &VaultKeys,
        facts: &SecretFacts,
        life: LifeState,
    ) -> Result<Option<SecretItem>, SecretError> {
        let version = facts.version.clone().ok_or(SecretError::Tampered)?;
        let mut secret =
            SecretMeta { life, revision: facts.secret.revision + 1, tag: Vec::new(), ..facts.secret.clone() };
        secret.tag = self.keyring.tag_secret(keys, &secret)?;
        let item = SecretItem { secret: secret.clone(), version };
        self.change(ctx, case, Change::SetSecretLife { secret }, item).await
    }

    /// Commits a change with its record. `None`: judged anew, the object changed meanwhile.
    pub(super) async fn change<T>(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        change: Change,
        answer: T,
    ) -> Result<Option<T>, SecretError> {
        case.record.revision = Some(match &change {
            Change::SetSecret { secret, .. }
            | Change::UpdateSecret { secret, .. }
            | Change::RestoreSecret { secret, .. }
            | Change::SetSecretLife { secret } => secret.revision,
            _ => case.permit.revision().map_or(0, |r| r + 1),
        });
        let (change, held) = case.permit.apply(change, answer).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            SecretError::Unavailable
        })?;
        Ok(self.recorder.commit(ctx, case.record, change, held).await?)
    }
}

/// Where the revisions of a new name begin: anywhere. A name made again after a purge would otherwise
/// come to revisions that its predecessor had, and a permit judged on the predecessor would fit it.
pub(super) fn first_revision(random: [u8; 16]) -> i64 {
    let [a, b, c, d, ..] = random;
    i64::from(u32::from_be_bytes([a, b, c, d])) + 1
}
