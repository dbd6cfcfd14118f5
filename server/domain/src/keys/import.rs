//! Keys from elsewhere. Whatever was sent, it is looked at for those alone who may import, and where it takes long, where
//! keys are made: it keeps nobody from using theirs.

use std::collections::BTreeSet;

use strongroom_crypto::key::{KeyParts, KeyRejected, NewKey};

use super::{KeyError, KeyRequest, Keys, Source};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Ask, Proposed},
    key::KeyOperation,
    names::{ObjectKind, ObjectName, VaultName},
    objects::{InVault, ObjectError},
    permit::Held,
    principal::PrincipalId,
    record::HowItWent,
    secret::{SecretAttributes, SecretItem, VaultFacts},
};

/// A key that was made elsewhere, and what it shall be here.
pub struct Import {
    /// What was brought.
    pub parts: KeyParts,
    /// Into hardware.
    pub hardware: bool,
    /// What it may be used for; none for what is usual for its type.
    pub operations: Option<BTreeSet<KeyOperation>>,
}

/// What a look at a key that may be imported is called in records.
const INSPECT: &str = "KeyInspect";

impl Keys {
    /// What is in a document, for whoever may import a key under this name. Nothing is kept of it, and policy modules are
    /// asked when it is imported.
    ///
    /// `read` may take seconds, because the document may be encrypted in a way that does. It is done for those alone whom
    /// address and grants let through, on a thread where slow keys are made, within the same bounds.
    ///
    /// # Errors
    /// [`KeyError`] when it is not read; what reading it came to stands within.
    pub async fn look_into<T, E>(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        read: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, KeyError>
    where
        T: Send + 'static,
        E: HowItWent + Send + 'static,
    {
        let known = Ask::object(ObjectKind::Key, Action::KeyImport, vault, name);
        let Some(mut record) = self.objects.gate.until_modules(ctx, &known).await else {
            let InVault { case, .. } = self.objects.admit(ctx, known).await?;
            // Let in between the two questions: to be asked again.
            return Err(self.objects.refuse(ctx, case, ObjectError::Contended.into()).await);
        };
        INSPECT.clone_into(&mut record.operation);
        let looked = match self.forge.work(&ctx.principal.id, read).await {
            Ok(looked) => looked,
            Err(why) => return Err(self.objects.refuse_early(ctx, record, why).await),
        };
        let held = Held::without_permit(ctx.request_id, looked);
        let looked = self.objects.recorder.release(ctx, record, held).await.map_err(ObjectError::from)?;
        Ok(looked)
    }

    /// PUT /keys/{name}: a key that was made elsewhere, as a new version.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn import(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        Import { parts, hardware, operations }: Import,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        if hardware {
            self.hardware()?;
            return Err(KeyError::NotMadeInHardware);
        }
        let spec = match parts.spec() {
            Ok(spec) => spec,
            Err(why) => {
                attributes.check().map_err(ObjectError::from)?;
                let proposed = Some(Proposed::Whole(attributes));
                let ask = Ask { proposed, ..Ask::object(ObjectKind::Key, Action::KeyImport, vault, name) };
                let InVault { case, .. } = self.objects.admit(ctx, ask).await?;
                return Err(self.objects.refuse(ctx, case, why.into()).await);
            }
        };
        let request = KeyRequest { spec, hardware, operations };
        let source = Source { parts: Some(parts), made: None };
        self.put(ctx, (vault, name), Action::KeyImport, source, &request, attributes).await
    }

    /// The key that the parts are, if it is a good one.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when it is not, [`KeyError::Busy`] when too much waits already.
    pub(super) async fn looked_at(&self, principal: &PrincipalId, parts: KeyParts) -> Result<NewKey, KeyError> {
        let judged = parts.spec()?;
        let key = if judged.is_slow_to_make() {
            self.forge.work(principal, move || parts.into_key()).await??
        } else {
            parts.into_key()?
        };
        if key.spec == judged { Ok(key) } else { Err(KeyRejected::Inconsistent.into()) }
    }
}
