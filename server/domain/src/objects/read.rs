//! Reading what is known of objects, and listings of them; never a value.

use std::sync::Arc;

use super::{InVault, MAX_PAGE, ObjectError, ObjectPage, Objects, Verbs};
use crate::{
    context::RequestContext,
    decision::Denial,
    gate::{Ask, Case},
    keyring::VaultKeys,
    names::{ObjectName, ObjectVersion, VaultName},
    permit::Held,
    record::Record,
    secret::{LifeState, Page, SecretFacts, SecretItem, VaultFacts},
    vault::Vault,
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
        let ask = Ask::objects(verbs.kind, action, vault);
        let InVault { case, vault, keys } = self.admit(ctx, ask.clone()).await?;
        let Case { permit, mut record, .. } = case;
        let held = self.store.list(permit, deleted, after, limit.clamp(1, MAX_PAGE)).await;
        let held = held.map(|page| self.authentic(verbs, &keys, page?));
        let held = self.shown(ctx, &ask, &vault, &mut record, held).await;
        let held = held.map(|page| page.map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, record, held).await?
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
        let InVault { case, vault, keys } = self.admit(ctx, ask.clone()).await?;
        let Case { permit, mut record, facts, .. } = case;
        let held: Held<Result<Page<SecretItem>, ObjectError>> = if active(facts.as_deref()).is_some() {
            let held = self.store.versions(permit, after, limit.clamp(1, MAX_PAGE)).await;
            held.map(|page| self.authentic(verbs, &keys, page?))
        } else {
            permit.hold(Ok(Page { items: Vec::new(), next: None }))
        };
        let held = self.shown(ctx, &ask, &vault, &mut record, held).await;
        let held = held.map(|page| page.map(|page| (page, VaultFacts::from(&*vault))));
        self.recorder.release(ctx, record, held).await?
    }

    /// The page without the entries that a policy module denies. Where it goes on stays where it was: a page may be short,
    /// and empty.
    pub(super) async fn shown(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        vault: &Arc<Vault>,
        record: &mut Record,
        held: Held<Result<Page<SecretItem>, ObjectError>>,
    ) -> Held<Result<Page<SecretItem>, ObjectError>> {
        let items = || held.inspect(|page| page.as_ref().map(|page| page.items.clone()).unwrap_or_default());
        let shown = match self.gate.entries(ctx, ask, vault, record, items).await {
            Ok(None) => return held,
            Ok(Some(shown)) => shown,
            Err(reason) => {
                let denial = Denial { request_id: ctx.request_id, action: ask.action, reason };
                return held.map(|_| Err(ObjectError::Denied(denial)));
            }
        };
        held.map(|page| {
            let Page { items, next } = page?;
            let items = items.into_iter().zip(shown).filter_map(|(item, shown)| shown.then_some(item)).collect();
            Ok(Page { items, next })
        })
    }

    /// Checks every row of a page. One foreign row fails the page: a listing must not lie.
    pub(super) fn authentic(
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
