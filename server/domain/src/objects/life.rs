//! Soft delete, recovery, purge: always of a name with all its versions.

use super::{ATTEMPTS, InVault, ObjectError, Objects, Verbs, deleted};
use crate::{
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, by_schedule},
    grant::Scope,
    keyring::VaultKeys,
    names::{ObjectName, VaultName},
    secret::{LifeState, SecretFacts, SecretItem, SecretMeta, VaultFacts},
};

const SECONDS_A_DAY: i64 = 86_400;

impl Objects {
    /// Soft delete of the name with all its versions.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn delete(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.delete, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life == LifeState::Active) else {
                return Err(self.refuse(ctx, case, ObjectError::NotFound(name.clone(), None)).await);
            };
            let deleted_at = ctx.seconds();
            let purge_at = deleted_at + i64::from(vault.settings.retention_days) * SECONDS_A_DAY;
            let life = LifeState::Deleted { deleted_at, purge_at };
            if let Some(item) = self.change_life(verbs, ctx, case, &keys, &facts, life).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(ObjectError::Contended)
    }

    /// Takes a soft-deleted name back into use.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn recover(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, keys } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.recover, vault, name)).await?;
            let Some(facts) = case.facts.clone().filter(|f| f.secret.life != LifeState::Active) else {
                return Err(self.refuse(ctx, case, ObjectError::DeletedNotFound(name.clone())).await);
            };
            if let Some(item) = self.change_life(verbs, ctx, case, &keys, &facts, LifeState::Active).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(ObjectError::Contended)
    }

    /// Gone for good, with every grant at exactly this object, so that
    /// none comes back to life for a later object of the name. Before its purge date only where the
    /// vault is not protected, and never by the schedule.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn purge(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(), ObjectError> {
        for _ in 0..ATTEMPTS {
            let InVault { case, vault, .. } =
                self.admit(ctx, Ask::object(verbs.kind, verbs.purge, vault, name)).await?;
            let Some(LifeState::Deleted { purge_at, .. }) = deleted(case.facts.as_deref()).map(|item| item.secret.life)
            else {
                return Err(self.refuse(ctx, case, ObjectError::DeletedNotFound(name.clone())).await);
            };
            let early = ctx.seconds() < purge_at;
            if early && (vault.settings.purge_protection || by_schedule(ctx, verbs.purge)) {
                return Err(self.refuse(ctx, case, ObjectError::PurgeProtected).await);
            }
            let scope = Scope::Object { vault: vault.id, kind: verbs.kind, name: name.clone() };
            let assignments = self.gate.grants.assignments_at(&scope).await?;
            let change = Change::PurgeSecret { vault_revision: vault.revision, assignments };
            if self.change(ctx, case, change, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    async fn change_life(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        case: Case,
        keys: &VaultKeys,
        facts: &SecretFacts,
        life: LifeState,
    ) -> Result<Option<SecretItem>, ObjectError> {
        let version = facts.version.clone().ok_or(ObjectError::Tampered)?;
        let mut secret =
            SecretMeta { life, revision: facts.secret.revision + 1, tag: Vec::new(), ..facts.secret.clone() };
        secret.tag = self.keyring.tag_name(keys, verbs.kind, &secret)?;
        let item = SecretItem { secret: secret.clone(), version };
        self.change(ctx, case, Change::SetSecretLife { secret }, item).await
    }
}
