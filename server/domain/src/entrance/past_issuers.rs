//! Sessions of issuers that are not configured any more: ended, on record, at the next start.
//!
//! Such a session counts for nothing anyhow while its issuer is unknown. But whoever takes a provider out because
//! somebody else came in by it, and puts it back when it is clean, must not let that somebody's sessions live again.

use std::collections::BTreeMap;

use super::{Entrance, EntranceError};
use crate::{
    action::Action,
    admin::MAX_ENDED_SESSIONS,
    change::Change,
    context::RequestContext,
    gate::{Ask, Judgement},
    ports::StoreError,
};

/// The system principal that ends them.
pub const PRINCIPAL: &str = "past-issuers";
/// How many sessions are looked at at a time.
const PAGE: usize = 500;

impl Entrance {
    /// Ends the sessions of every issuer that nobody may sign in by as the installation is configured now; gives
    /// how many. `request` makes a request of [`PRINCIPAL`]: each record is of one issuer and names at most
    /// [`MAX_ENDED_SESSIONS`].
    ///
    /// # Errors
    /// [`EntranceError`].
    pub async fn end_sessions_of_past_issuers<E: From<EntranceError>>(
        &self,
        request: impl Fn() -> Result<RequestContext, E>,
    ) -> Result<usize, E> {
        let past = self.past_issuers().await.map_err(|error| {
            tracing::error!(%error, "the sessions could not be read");
            EntranceError::Unavailable
        })?;
        let mut ended = 0;
        for (issuer, sessions) in past {
            for these in sessions.chunks(MAX_ENDED_SESSIONS) {
                self.end_of(&request()?, &issuer, these).await?;
                ended += these.len();
            }
        }
        Ok(ended)
    }

    async fn past_issuers(&self) -> Result<BTreeMap<String, Vec<[u8; 32]>>, StoreError> {
        let (mut past, mut after) = (BTreeMap::<String, Vec<[u8; 32]>>::new(), None);
        loop {
            let page = self.identities.all_sessions(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(past) };
            after = Some(last.id_hash);
            for session in page.iter().filter(|session| !self.sign_in.knows(&session.principal.id.issuer)) {
                past.entry(session.principal.id.issuer.clone()).or_default().push(session.id_hash);
            }
        }
    }

    async fn end_of(&self, ctx: &RequestContext, issuer: &str, sessions: &[[u8; 32]]) -> Result<(), EntranceError> {
        let case = match self.gate.judge(ctx, &Ask::server(Action::SessionRevoke)).await {
            Judgement::Permitted(case) => *case,
            Judgement::Denied(record, denial) => {
                let denial = self.recorder.release(ctx, *record, denial).await?;
                tracing::error!(reason = denial.reason.code(), "sessions of a past issuer could not be ended");
                return Err(EntranceError::Unavailable);
            }
        };
        let mut record = case.record;
        record.object = Some(issuer.to_owned());
        self.change(ctx, case.permit, record, Change::EndSessions(sessions.to_vec()), ()).await
    }
}
