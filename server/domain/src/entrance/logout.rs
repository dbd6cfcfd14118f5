//! The end of sessions that a provider orders (OpenID Connect Back-Channel Logout 1.0). Whether its token holds is
//! the business of `identity`; here the sessions are found, and ended together with the token being used up.

use std::sync::Arc;

use super::{CredentialError, Entrance, EntranceError};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::Case,
    identity::Session,
    principal::{PrincipalId, PrincipalKind},
    sign_in::LogoutToken,
};

/// Most sessions that one record of it names.
pub const MAX_ENDED_AT_PROVIDER: usize = 1000;

impl Entrance {
    /// Ends what a logout token names: the sessions that came from one session at the provider, those of the
    /// command line too, or all of a person. Gives how many.
    ///
    /// # Errors
    /// [`EntranceError`]; [`CredentialError::Invalid`] for a token that was used before.
    pub async fn end_at_provider(&self, ctx: &RequestContext, told: LogoutToken) -> Result<usize, EntranceError> {
        let found = self.named_by(&told).await.map_err(|error| {
            tracing::error!(%error, "sessions could not be read");
            EntranceError::Unavailable
        })?;
        let mut sessions: Vec<[u8; 32]> = found.iter().map(|session| session.id_hash).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let ended = sessions.len();
        let whose = told.subject.or_else(|| found.first().map(|session| session.principal.id.subject.clone()));
        let whose = whose.map(|subject| PrincipalId { issuer: told.issuer, subject });
        let begin = |ctx: &RequestContext, action| {
            let Case { permit, mut record, .. } = self.gate.proven(ctx, action);
            "SessionEndByProvider".clone_into(&mut record.operation);
            if let Some(id) = &whose {
                record.principal = Some(id.clone());
                PrincipalKind::User.as_str().clone_into(&mut record.principal_kind);
            }
            (permit, record)
        };
        // The token is used up with the first of them, or whoever repeats it would end what began since. Of what a crash
        // leaves to stand the provider is not told that it ended.
        let mut parts = sessions.chunks(MAX_ENDED_AT_PROVIDER);
        let first = parts.next().unwrap_or_default().to_vec();
        let (permit, record) = begin(ctx, Action::SessionChange);
        let change = Change::EndSessionsAtProvider { sessions: first, token: told.once };
        let (change, held) = permit.apply(change, ()).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            EntranceError::Unavailable
        })?;
        // The token was used before: nothing happened, and the edge records the refusal.
        self.recorder.commit(ctx, record, change, held).await?.ok_or(CredentialError::Invalid)?;
        for part in parts {
            let further = self.further(ctx, &ctx.principal)?;
            let (permit, record) = begin(&further, Action::SessionRevoke);
            self.change(&further, permit, record, Change::EndSessions(part.to_vec()), ()).await?;
        }
        Ok(ended)
    }

    async fn named_by(&self, told: &LogoutToken) -> Result<Vec<Arc<Session>>, crate::ports::StoreError> {
        let mut found = Vec::new();
        if let Some(at_provider) = &told.session {
            let whose =
                |s: &Arc<Session>| told.subject.as_ref().is_none_or(|subject| *subject == s.principal.id.subject);
            found.extend(self.identities.sessions_at(&told.issuer, at_provider).await?.into_iter().filter(whose));
        }
        if let Some(subject) = &told.subject {
            let id = PrincipalId { issuer: told.issuer.clone(), subject: subject.clone() };
            // Where the provider named one of its sessions, another one of the same person goes on; one of which
            // it is not known where it came from does not.
            let meant = |s: &Arc<Session>| told.session.is_none() || s.provider_session.is_none();
            found.extend(self.identities.sessions_to_end(&id).await?.into_iter().filter(meant));
        }
        // A row that nobody made is no session, however many of them there are.
        found.retain(|session| self.keyring.verify_session(session).is_ok());
        Ok(found)
    }
}
