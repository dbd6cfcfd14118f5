//! Use cases of a vault's life: soft delete, recovery, purge.
//!
//! A deleted vault keeps its name and everything in it until its purge date; to its data plane it is
//! as if it had never been. A protected vault is purged by nobody before that date.

use std::sync::Arc;

use super::{AdminError, Administration, vaults::ATTEMPTS};
use crate::{
    action::Action,
    change::Change,
    condemned::Condemned,
    context::RequestContext,
    gate::{Ask, Case, by_schedule},
    names::VaultName,
    secret::LifeState,
    vault::Vault,
};

const SECONDS_A_DAY: i64 = 86_400;

impl Administration {
    /// Soft delete: the vault can be recovered until its purge date.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn delete_vault(&self, ctx: &RequestContext, name: &VaultName) -> Result<Arc<Vault>, AdminError> {
        self.change_life(ctx, name, Action::VaultDelete, |vault| {
            let deleted_at = ctx.seconds();
            let purge_at = deleted_at + i64::from(vault.settings.retention_days) * SECONDS_A_DAY;
            LifeState::Deleted { deleted_at, purge_at }
        })
        .await
    }

    /// Takes a soft-deleted vault back into use, as it was.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn recover_vault(&self, ctx: &RequestContext, name: &VaultName) -> Result<Arc<Vault>, AdminError> {
        self.change_life(ctx, name, Action::VaultRecover, |_| LifeState::Active).await
    }

    /// A soft-deleted vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_deleted_vault(&self, ctx: &RequestContext, name: &VaultName) -> Result<Arc<Vault>, AdminError> {
        let Case { permit, record, vault, .. } = self.admit(ctx, Ask::vault(Action::VaultGetDeleted, name)).await?;
        let held = permit.hold(vault.map(|(vault, _)| vault).ok_or(AdminError::DeletedVaultNotFound));
        self.recorder.release(ctx, record, held).await?
    }

    /// Removes a soft-deleted vault for good: its key, everything in it, every grant in it. Before
    /// its purge date only when it is not protected, and never by the schedule.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn purge_vault(&self, ctx: &RequestContext, name: &VaultName) -> Result<(), AdminError> {
        for _ in 0..ATTEMPTS {
            let case = self.admit(ctx, Ask::vault(Action::VaultPurge, name)).await?;
            let Some((vault, LifeState::Deleted { purge_at, .. })) =
                case.vault.as_ref().map(|(vault, _)| (Arc::clone(vault), vault.life))
            else {
                return Err(self.refuse(ctx, case, AdminError::DeletedVaultNotFound).await);
            };
            let early = ctx.seconds() < purge_at;
            if early && (vault.settings.purge_protection || by_schedule(ctx, Action::VaultPurge)) {
                return Err(self.refuse(ctx, case, AdminError::PurgeProtected).await);
            }
            let revision = vault.revision.checked_add(1).ok_or(AdminError::Tampered)?;
            if let Err(why) = self.condemn_keys(ctx, &vault).await {
                return Err(self.refuse(ctx, case, why).await);
            }
            if self.change(ctx, case, revision, Change::PurgeVault, ()).await?.is_some() {
                self.keyring.forget(vault.id);
                return Ok(());
            }
        }
        Err(self.contended(ctx, Ask::vault(Action::VaultPurge, name)).await)
    }

    /// Writes down what is to be destroyed in a hardware token once the vault is gone. Whether this node has one does
    /// not matter: another does it then.
    async fn condemn_keys(&self, ctx: &RequestContext, vault: &Vault) -> Result<(), AdminError> {
        if self.condemned.has_token_keys(vault.id).await? {
            self.condemned.condemn(&Condemned::new(&self.keyring, vault, None, ctx.seconds())?).await?;
        }
        Ok(())
    }

    async fn change_life(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        action: Action,
        life: impl Fn(&Vault) -> LifeState,
    ) -> Result<Arc<Vault>, AdminError> {
        for _ in 0..ATTEMPTS {
            let case = self.admit(ctx, Ask::vault(action, name)).await?;
            let Some((before, _)) = case.vault.clone() else {
                let missing = match action {
                    Action::VaultRecover => AdminError::DeletedVaultNotFound,
                    _ => AdminError::VaultNotFound,
                };
                return Err(self.refuse(ctx, case, missing).await);
            };
            let after = self.next(&before, |vault| vault.life = life(&before))?;
            let change = Change::PutVault(Box::new((*after).clone()));
            if let Some(vault) = self.change(ctx, case, after.revision, change, after).await? {
                return Ok(vault);
            }
        }
        Err(self.contended(ctx, Ask::vault(action, name)).await)
    }

    /// The row that follows: changed, one revision on, authenticated.
    pub(super) fn next(&self, before: &Vault, change: impl FnOnce(&mut Vault)) -> Result<Arc<Vault>, AdminError> {
        let mut after = before.clone();
        change(&mut after);
        after.revision = before.revision.checked_add(1).ok_or(AdminError::Tampered)?;
        after.tag = self.keyring.tag_vault(&after)?;
        Ok(Arc::new(after))
    }
}
