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
    principal::PrincipalId,
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

impl Keys {
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
