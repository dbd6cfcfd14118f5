//! The use cases of secrets. What they share with every other kind of object is in [`crate::objects`];
//! here is what gives a value out or takes one in.

use std::sync::Arc;

use strongroom_crypto::{Plaintext, SecretText};

pub use crate::objects::{MAX_PAGE, ObjectError as SecretError, ObjectPage as SecretPage};
use crate::{
    action::Action,
    certificate::ContentType,
    context::RequestContext,
    gate::{Ask, Proposed},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{ATTEMPTS, InVault, NewVersion, ObjectPage, Objects, Verbs, VersionPatch, active, common_life},
    ports::StoreError,
    secret::{
        AttributeError, AttributePatch, LifeState, MAX_VALUE_BYTES, OpenedSecret, SecretAttributes, SecretItem,
        VaultFacts,
    },
};

/// The use cases with what they conduct.
pub struct Secrets {
    /// What they share with other kinds.
    pub objects: Arc<Objects>,
}

common_life!(Secrets, Verbs::SECRETS, SecretError);

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
        self.get_as(ctx, vault, name, version, None).await
    }

    /// The same; that of a certificate in this form, whatever it is kept in.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn get_as(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
        form: Option<ContentType>,
    ) -> Result<OpenedSecret, SecretError> {
        let ask = || Ask { version, ..Ask::secret(Action::SecretGet, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            let Some(mut item) = active(case.facts.as_deref()) else {
                return Err(self
                    .objects
                    .refuse(ctx, case, SecretError::NotFound(name.clone(), version.cloned()))
                    .await);
            };
            if !item.version.attributes.enabled {
                return Err(self.objects.refuse(ctx, case, SecretError::Disabled).await);
            }
            case.record.version = Some(item.version.version.as_str().to_owned());
            let told = match self.objects.told(&vault, &keys, &item, form).await {
                Ok(told) => told,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            let held = self.objects.store.read(case.permit, &item.version.version).await;
            if held.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                continue;
            }
            let held = held.map(|read| {
                let row = read?;
                // Metadata was judged from one row and the value comes from another read of it.
                if row.meta != item.version || row.sealed.data_key_id != item.version.data_key_id {
                    return Err(SecretError::Tampered);
                }
                let value =
                    self.objects.keyring.open(&keys, ObjectKind::Secret, name, &item.version.version, &row.sealed)?;
                let (value, other) = told.given(value.into_utf8().map_err(|_| SecretError::Tampered)?)?;
                if let Some(other) = other {
                    item.version.attributes.content_type = Some(other.as_str().to_owned());
                }
                let (vault, previous) = (VaultFacts::from(&*vault), told.previous);
                Ok(OpenedSecret { secret: item.secret, meta: item.version, vault, value, previous })
            });
            return self.objects.recorder.release(ctx, case.record, held).await?;
        }
        Err(self.objects.contended(ctx, ask()).await)
    }

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
        let sealed = Plaintext::from_slice(value.expose().as_bytes());
        let ask = || Ask { proposed: Some(Proposed::Whole(attributes)), ..Ask::secret(Action::SecretSet, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            let before = case.facts.clone();
            if before.as_ref().is_some_and(|f| f.secret.life != LifeState::Active) {
                return Err(self.objects.refuse(ctx, case, SecretError::DeletedButRecoverable(name.clone())).await);
            }
            if before.as_ref().is_some_and(|f| f.secret.managed) {
                return Err(self.objects.refuse(ctx, case, SecretError::Managed(name.clone())).await);
            }
            let new = NewVersion { attributes, key: None, value: &sealed };
            let (item, change) = self.objects.new_version(Verbs::SECRETS, ctx, &keys, name, new, before.as_deref())?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            if let Some(item) = self.objects.change(ctx, case, change, item).await? {
                let vault = VaultFacts::from(&*vault);
                return Ok(OpenedSecret { secret: item.secret, meta: item.version, vault, value, previous: None });
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
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
        let patch = VersionPatch { attributes: patch, operations: None };
        self.objects.update(Verbs::SECRETS, ctx, vault, (name, version), patch).await
    }
}
