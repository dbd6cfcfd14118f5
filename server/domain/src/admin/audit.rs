//! Use cases of the audit log: reading it.

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    record::{Record, RecordFilter},
    secret::Page,
};

impl Administration {
    /// Audit records, newest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn query_audit(&self, ctx: &RequestContext, filter: RecordFilter) -> Result<Page<Record>, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::AuditRead)).await?;
        let held = self.audit.query(case.permit, filter).await.map(|page| page.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }
}
