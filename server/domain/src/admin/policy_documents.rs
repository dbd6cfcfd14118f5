//! Use cases of the documents that policy modules read.

use super::{AdminError, Administration, is_other, vaults::ATTEMPTS};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case},
    policy_document::{MAX_DOCUMENT_BYTES, PolicyDocument, is_document_name},
};

impl Administration {
    /// Writes a document, new or in place of the one of this name. Modules are given it from the next request on.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_document(
        &self,
        ctx: &RequestContext,
        name: &str,
        text: &str,
    ) -> Result<PolicyDocument, AdminError> {
        self.write_document(ctx, (name, text), None).await
    }

    /// The same in place of the one at this revision alone; 0 where there is none.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_document_at(
        &self,
        ctx: &RequestContext,
        (name, text): (&str, &str),
        expected: i64,
    ) -> Result<PolicyDocument, AdminError> {
        self.write_document(ctx, (name, text), Some(expected)).await
    }

    async fn write_document(
        &self,
        ctx: &RequestContext,
        (name, text): (&str, &str),
        expected: Option<i64>,
    ) -> Result<PolicyDocument, AdminError> {
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, Ask::server(Action::PolicyDocumentWrite)).await?;
            if !is_document_name(name) {
                let why = "a document's name has 1 to 64 characters of a-z, 0-9 and -";
                return Err(self.refuse(ctx, case, AdminError::Invalid(why)).await);
            }
            case.record.object = Some(name.to_owned());
            if text.len() > MAX_DOCUMENT_BYTES {
                let why = "a document has at most 4096 bytes: it stands in every record of a decision it was given for";
                return Err(self.refuse(ctx, case, AdminError::Invalid(why)).await);
            }
            let all = match self.documents().await {
                Ok(all) => all,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            let replaces = all.iter().find(|document| document.name == name).map(|document| document.revision);
            if is_other(expected, replaces) {
                return Err(self.refuse(ctx, case, AdminError::OtherRevision).await);
            }
            // As of every row: without a gap from its making to its end, by which the log can be verified.
            let revision = replaces.map_or(ctx.now, |before| before.saturating_add(1));
            let mut document = PolicyDocument {
                name: name.to_owned(),
                text: text.to_owned(),
                written_by: ctx.principal.id.clone(),
                written_at: ctx.now,
                revision,
                tag: Vec::new(),
            };
            if !document.fits_beside(&all) {
                return Err(self.refuse(ctx, case, AdminError::TooManyDocuments).await);
            }
            document.tag = self.keyring.tag_policy_document(&document)?;
            let change = Change::PutPolicyDocument { document: Box::new(document.clone()), replaces };
            if let Some(document) = self.change(ctx, case, revision, change, document).await? {
                return Ok(document);
            }
        }
        Err(self.contended(ctx, Ask::server(Action::PolicyDocumentWrite)).await)
    }

    /// Every document, in order of name.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_documents(&self, ctx: &RequestContext) -> Result<Vec<PolicyDocument>, AdminError> {
        let Case { permit, record, .. } = self.admit(ctx, Ask::server(Action::PolicyDocumentRead)).await?;
        let found = self.documents().await;
        self.recorder.release(ctx, record, permit.hold(found)).await?
    }

    /// One document.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_document(&self, ctx: &RequestContext, name: &str) -> Result<PolicyDocument, AdminError> {
        let Case { permit, mut record, .. } = self.admit(ctx, Ask::server(Action::PolicyDocumentRead)).await?;
        record.object = is_document_name(name).then(|| name.to_owned());
        let found = self.document(name).await;
        self.recorder.release(ctx, record, permit.hold(found)).await?
    }

    /// Removes a document. Modules that ask for it see from the next request on that there is none.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_document(&self, ctx: &RequestContext, name: &str) -> Result<(), AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::PolicyDocumentDelete)).await?;
        case.record.object = is_document_name(name).then(|| name.to_owned());
        let document = match self.document(name).await {
            Ok(document) => document,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let revision = document.revision.saturating_add(1);
        let change = Change::DeletePolicyDocument(Box::new(document));
        self.change(ctx, case, revision, change, ()).await?.ok_or(AdminError::Contended)
    }

    async fn documents(&self) -> Result<Vec<PolicyDocument>, AdminError> {
        let all = self.modules.policy_documents().await?;
        for document in &all {
            self.keyring.verify_policy_document(document)?;
        }
        Ok(all)
    }

    async fn document(&self, name: &str) -> Result<PolicyDocument, AdminError> {
        let found = self.modules.policy_document(name).await?.ok_or(AdminError::DocumentNotFound)?;
        self.keyring.verify_policy_document(&found)?;
        if found.name == name { Ok(found) } else { Err(AdminError::Tampered) }
    }
}
