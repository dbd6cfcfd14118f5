//! Reading secrets: values, metadata, listings.

use super::{ATTEMPTS, InVault, MAX_PAGE, SecretError, SecretPage, Secrets};
use crate::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    keyring::VaultKeys,
    names::{ObjectName, ObjectVersion, VaultName},
    permit::Held,
    ports::StoreError,
    secret::{LifeState, OpenedSecret, Page, SecretFacts, SecretItem, VaultFacts},
};

/// What may be read of a name: it is active and the version exists.
pub(super) fn active(facts: Option<&SecretFacts>) -> Option<SecretItem> {
    let facts = facts.filter(|f| f.secret.life == LifeState::Active)?;
    let version = facts.version.clone()?;
    Some(SecretItem { secret: facts.secret.clone(), version })
}

/// A name that is soft deleted.
pub(super) fn deleted(facts: Option<&SecretFacts>) -> Option<SecretItem> {
    let facts = facts.filter(|f| f.secret.life != LifeState::Active)?;
    let version = facts.version.clone()?;
    Some(SecretItem { secret: facts.secret.clone(), version })
}

impl Secrets {
    /// GET /secrets/{name}/{version}: the value of a version, or of the current one.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn get(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<OpenedSecret, SecretError> {
        for _ in 0..ATTEMPTS {
            let ask = Ask { version, ..Ask::secret(Action::SecretGet, vault, name) };
            let InVault { mut case, vault, keys } = self.admit(ctx, ask).await?;
            let Some(item) = active(case.facts.as_deref()) else {
                return Err(self.refuse(ctx, case, SecretError::NotFound(name.clone(), version.cloned())).await);
            };
            if !item.version.attributes.enabled {
                return Err(self.refuse(ctx, case, SecretError::Disabled).await);
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let held = self.store.read(case.permit, &item.version.version).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|read| {
                let row = read?;
                // Metadata was judged from one row and the value comes from another read of it.
                if row.meta != item.version || row.sealed.data_key_id != item.version.data_key_id {
                    return Err(SecretError::Tampered);
                }
                let value = self.keyring.open(&keys, name, &item.version.version, &row.sealed)?;
                let value = value.into_utf8().map_err(|_| SecretError::Tampered)?;
                Ok(OpenedSecret { secret: item.secret, meta: item.version, vault: VaultFacts::from(&*vault), value })
            });
            return self.recorder.release(ctx, case.record, held).await?;
        }
        Err(SecretError::Contended)
    }

    /// Metadata of a version, without its value.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn show(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<(SecretItem, VaultFacts), SecretError> {
        let ask = Ask { version, ..Ask::secret(Action::SecretShow, vault, name) };
        let InVault { case, vault, .. } = self.admit(ctx, ask).await?;
        let item = active(case.facts.as_deref()).ok_or_else(|| SecretError::NotFound(name.clone(), version.cloned()));
        let held = case.permit.hold(item.map(|item| (item, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// GET /deletedsecrets/{name}.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn get_deleted(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), SecretError> {
        let InVault { case, vault, .. } = self.admit(ctx, Ask::secret(Action::SecretGetDeleted, vault, name)).await?;
        let item = deleted(case.facts.as_deref()).ok_or_else(|| SecretError::DeletedNotFound(name.clone()));
        let held = case.permit.hold(item.map(|item| (item, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// GET /secrets and GET /deletedsecrets: names in order, after `after`.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn list(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<SecretPage, SecretError> {
        let action = if deleted { Action::SecretListDeleted } else { Action::SecretList };
        let InVault { case, vault, keys } = self.admit(ctx, Ask::secrets(action, vault)).await?;
        let held = self.store.list(case.permit, deleted, after, limit.clamp(1, MAX_PAGE)).await;
        let held = held.map(|page| self.authentic(&keys, page?).map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// GET /secrets/{name}/versions. A name that does not exist has no versions, as in Azure.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn versions(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Result<SecretPage, SecretError> {
        let ask = Ask::secret(Action::SecretListVersions, vault, name);
        let InVault { case, vault, keys } = self.admit(ctx, ask).await?;
        let held: Held<Result<Page<SecretItem>, SecretError>> = if active(case.facts.as_deref()).is_some() {
            let held = self.store.versions(case.permit, after, limit.clamp(1, MAX_PAGE)).await;
            held.map(|page| self.authentic(&keys, page?))
        } else {
            case.permit.hold(Ok(Page { items: Vec::new(), next: None }))
        };
        let held = held.map(|page| page.map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Checks every row of a page. One foreign row fails the page: a listing must not lie.
    fn authentic(&self, keys: &VaultKeys, page: Page<SecretItem>) -> Result<Page<SecretItem>, SecretError> {
        for item in &page.items {
            self.keyring.verify_secret(keys, &item.secret.name, &item.secret)?;
            self.keyring.verify_version(keys, &item.secret.name, &item.version)?;
        }
        Ok(page)
    }
}
