//! Ending the dashboard sessions of somebody: of a person who left, or whose machine was taken. Whoever
//! their provider still lets in can sign in again.

use super::{AdminError, Administration};
use crate::{action::Action, change::Change, context::RequestContext, gate::Ask, principal::PrincipalId};

/// Most sessions that are ended at once: each is named in the record.
pub const MAX_ENDED_SESSIONS: usize = 100;

/// What was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSessions {
    /// How many.
    pub ended: usize,
    /// Whether there are more: ask again.
    pub more: bool,
}

impl Administration {
    /// Ends the sessions of a principal, at once and on every node, at most [`MAX_ENDED_SESSIONS`].
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn end_sessions(&self, ctx: &RequestContext, of: &PrincipalId) -> Result<EndedSessions, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::SessionRevoke)).await?;
        case.record.object = Some(of.to_string());
        let found = self.gate.identities.sessions_to_end(of).await?;
        let more = found.len() > MAX_ENDED_SESSIONS;
        let sessions: Vec<_> = found.iter().take(MAX_ENDED_SESSIONS).map(|session| session.id_hash).collect();
        let ended = EndedSessions { ended: sessions.len(), more };
        self.change(ctx, case, 1, Change::EndSessions(sessions), ended).await?.ok_or(AdminError::Contended)
    }
}
