//! Reading what is known of objects, and listings of them; never a value.

use super::{InVault, MAX_PAGE, ObjectError, ObjectPage, Objects, Verbs};
use crate::{
    context::RequestContext,
    gate::Ask,
    keyring::VaultKeys,
    names::{ObjectName, ObjectVersion, VaultName},
    permit::Held,
    secret::{LifeState, Page, SecretFacts, SecretItem, VaultFacts},
};

/// What may be read of a name: it is active and the version exists.
pub(crate) fn active(facts: Option<&SecretFacts>) -> Option<SecretItem> {
    let facts = facts.filter(|f| f.secret.life == LifeState::Active)?;
    let version = facts.version.clone()?;
    Some(SecretItem { secret: facts.secret.clone(), version })
}

/// A name that is soft deleted.
pub(crate) fn deleted(facts: Option<&SecretFacts>) -> Option<SecretItem> {
    let facts = facts.filter(|f| f.secret.life != LifeState::Active)?;
    let version = facts.version.clone()?;
    Some(SecretItem { secret: facts.secret.clone(), version })
}

impl Objects {
    /// Metadata of a version, without its value.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn show(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        let ask = Ask { version, ..Ask::object(verbs.kind, verbs.show, vault, name) };
        let InVault { case, vault, .. } = self.admit(ctx, ask).await?;
        let item = active(case.facts.as_deref()).ok_or_else(|| ObjectError::NotFound(name.clone(), version.cloned()));
        let held = case.permit.hold(item.map(|item| (item, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// A soft-deleted name.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn get_deleted(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
    ) -> Result<(SecretItem, VaultFacts), ObjectError> {
        let InVault { case, vault, .. } =
            self.admit(ctx, Ask::object(verbs.kind, verbs.get_deleted, vault, name)).await?;
        let item = deleted(case.facts.as_deref()).ok_or_else(|| ObjectError::DeletedNotFound(name.clone()));
        let held = case.permit.hold(item.map(|item| (item, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Active or soft-deleted names in order, after `after`.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn list(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<ObjectPage, ObjectError> {
        let action = if deleted { verbs.list_deleted } else { verbs.list };
        let InVault { case, vault, keys } = self.admit(ctx, Ask::objects(verbs.kind, action, vault)).await?;
        let held = self.store.list(case.permit, deleted, after, limit.clamp(1, MAX_PAGE)).await;
        let held = held.map(|page| self.authentic(verbs, &keys, page?).map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// The versions of a name. A name that does not exist has no versions, as in Azure.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn versions(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Result<ObjectPage, ObjectError> {
        let ask = Ask::object(verbs.kind, verbs.list_versions, vault, name);
        let InVault { case, vault, keys } = self.admit(ctx, ask).await?;
        let held: Held<Result<Page<SecretItem>, ObjectError>> = if active(case.facts.as_deref()).is_some() {
            let held = self.store.versions(case.permit, after, limit.clamp(1, MAX_PAGE)).await;
            held.map(|page| self.authentic(verbs, &keys, page?))
        } else {
            case.permit.hold(Ok(Page { items: Vec::new(), next: None }))
        };
        let held = held.map(|page| page.map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Checks every row of a page. One foreign row fails the page: a listing must not lie.
    fn authentic(
        &self,
        verbs: &Verbs,
        keys: &VaultKeys,
        page: Page<SecretItem>,
    ) -> Result<Page<SecretItem>, ObjectError> {
        for item in &page.items {
            self.keyring.verify_name(keys, verbs.kind, &item.secret.name, &item.secret)?;
            self.keyring.verify_version(keys, verbs.kind, &item.secret.name, &item.version)?;
        }
        Ok(page)
    }
}
