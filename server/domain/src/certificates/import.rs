//! Importing: a certificate that was made elsewhere, with its key.

use std::sync::Arc;

use strongroom_crypto::{
    key::NewKey,
    x509::{
        CertificateFacts, Document, ImportError, Imported, Inspected, NotACertificate, Template, Validity, inspect,
        sound,
    },
};

use super::{CertificateError, Certificates, not_reserved, valid_now};
use crate::{
    action::Action,
    certificate::{CertificatePolicy, KeyPolicy, PolicyPatch},
    context::RequestContext,
    gate::{Ask, Proposed},
    names::{ObjectKind, ObjectName, VaultName},
    objects::{InVault, ObjectError},
    permit::Held,
    secret::{SecretAttributes, SecretItem, VaultFacts},
};

/// What a look at a document that may be imported is called in records.
const INSPECT: &str = "CertificateInspect";

/// What came along.
pub(super) struct Brought {
    pub(super) key: Arc<NewKey>,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) facts: CertificateFacts,
    pub(super) window: Validity,
}

impl Certificates {
    /// POST /certificates/{name}/import: a certificate with its key that were made elsewhere, as a new version. Its
    /// policy says of key, names and usages what the certificate says, whatever is given: that is what is judged.
    ///
    /// `read` may take seconds. It is done for those alone whom address and grants let through, on a thread where slow
    /// keys are made, within the same bounds; policy modules are asked once it is known what the certificate says.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn import(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        read: impl FnOnce() -> Result<Imported, ImportError> + Send + 'static,
        given: &PolicyPatch,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), CertificateError> {
        not_reserved(name)?;
        attributes.check().map_err(ObjectError::from)?;
        let known = Ask {
            proposed: Some(Proposed::Whole(attributes)),
            ..Ask::object(ObjectKind::Certificate, Action::CertificateImport, vault, name)
        };
        let Some(record) = self.objects.gate.until_modules(ctx, &known).await else {
            let InVault { case, .. } = self.objects.admit(ctx, known).await?;
            // Let in between the two questions: to be asked again.
            return Err(self.objects.refuse(ctx, case, ObjectError::Contended.into()).await);
        };
        let began = self.objects.recorder.ticks_micros();
        let read = match self.forge.work(&ctx.principal.id, read).await {
            Ok(Ok(imported)) => Brought::of(imported, given, ctx.seconds()),
            Ok(Err(why)) => Err(why.into()),
            Err(why) => Err(why.into()),
        };
        let (brought, policy) = match read {
            Ok(read) => read,
            Err(why) => return Err(self.objects.refuse_early(ctx, record, why).await),
        };
        // It is judged again in any case.
        self.objects.is_judged_too_long_ago(ctx, began);
        self.put(ctx, (vault, name), Action::CertificateImport, Some(policy), Some(&brought), attributes).await
    }
}

/// What is in a document that may be imported.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Its certificates, from the leaf to the root, with what is wrong with each.
    pub chain: Vec<Inspected>,
    /// Whether a private key is among them.
    pub has_key: bool,
}

impl Certificates {
    /// What is in a document, for whoever may import it under this name. Nothing is kept of it, and policy modules are
    /// asked when it is imported. `read` may take seconds, and is done as [`Certificates::import`] does it.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub async fn look_into(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        read: impl FnOnce() -> Result<Document, ImportError> + Send + 'static,
    ) -> Result<Looked, CertificateError> {
        not_reserved(name)?;
        let known = Ask::object(ObjectKind::Certificate, Action::CertificateImport, vault, name);
        let Some(mut record) = self.objects.gate.until_modules(ctx, &known).await else {
            let InVault { case, .. } = self.objects.admit(ctx, known).await?;
            // Let in between the two questions: to be asked again.
            return Err(self.objects.refuse(ctx, case, ObjectError::Contended.into()).await);
        };
        INSPECT.clone_into(&mut record.operation);
        let now = ctx.seconds();
        let look = move || -> Result<Looked, CertificateError> {
            let Document { key, certificates } = read()?;
            Ok(Looked { chain: inspect(&certificates, key.as_ref(), now)?, has_key: key.is_some() })
        };
        let looked = match self.forge.work(&ctx.principal.id, look).await {
            Ok(looked) => looked,
            Err(why) => Err(why.into()),
        };
        let held = Held::without_permit(ctx.request_id, looked);
        self.objects.recorder.release(ctx, record, held).await.map_err(ObjectError::from)?
    }
}

impl Brought {
    /// What was read, with the policy that it says itself together with what is given beside.
    fn of(imported: Imported, given: &PolicyPatch, now: i64) -> Result<(Self, CertificatePolicy), CertificateError> {
        let leaf = imported.chain.first().ok_or(NotACertificate)?;
        let facts = CertificateFacts::of_chain(&imported.chain)?;
        let facts = facts.into_iter().next().ok_or(NotACertificate)?;
        let template = Template::in_full(leaf)?;
        if template.subject.is_empty() && template.names.is_empty() {
            return Err(ImportError::Nameless.into());
        }
        let usual = CertificatePolicy::default();
        let said = CertificatePolicy { key: KeyPolicy { spec: imported.key.spec, ..usual.key }, template, ..usual };
        let beside = PolicyPatch {
            spec: None,
            subject: None,
            names: None,
            extended_usages: None,
            usages: None,
            ca: None,
            path_length: None,
            constraints: None,
            ..given.clone()
        };
        let policy = beside.over(&said);
        policy.check()?;
        let window = Validity { not_before: facts.not_before, not_after: facts.not_after };
        valid_now(window.not_before, window.not_after, now)?;
        sound(&imported.chain, now)?;
        Ok((Self { key: Arc::new(imported.key), chain: imported.chain, facts, window }, policy))
    }
}
