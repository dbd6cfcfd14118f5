//! Use cases: what is wrong with a token, as a bearer's or as a workload's assertion. The token itself is used for nothing and kept nowhere.

use strongroom_crypto::SecretText;
use uuid::Uuid;

use super::{AdminError, Administration, workloads::name_of};
use crate::{
    action::Action,
    context::RequestContext,
    entrance::Credentials,
    gate::Ask,
    principal::{Principal, PrincipalId, PrincipalKind},
    sign_in::{Authenticator, CheckState, TokenCheck, TokenExplanation},
};

const GONE: &str = "The token is good, and every request with it is denied: there is no such workload identity any more, and none \
                    gets its client id again. Use another.";
const TAMPERED: &str = "The token is good, and every request with it is denied: what is stored of the workload identity was edited \
                        in the database. `strongroom verify` on the server's machine names it.";
const DISABLED: &str = "The token is good, and every request with it is denied: enable the workload identity and take a new token, \
                        or use another.";
const OUTLIVED: &str = "The token is good, and every request with it is denied: take a new one.";
const REMOVED: &str = "The token is good, and every request with it is denied: take a new token with a credential that is still \
                       there, as `strongroom identity show` lists them.";

impl Administration {
    /// Judges a token as a request with it would be, and tells how every check went. For those who
    /// may: it tells what this installation accepts.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn explain_token(
        &self,
        ctx: &RequestContext,
        authenticator: &dyn Authenticator,
        token: &SecretText,
    ) -> Result<TokenExplanation, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::TokenExplain)).await?;
        let mut explanation = authenticator.explain(token.expose(), ctx.now).await;
        if let Some(principal) = &explanation.principal
            && principal.id.issuer == self.gate.own_issuer
        {
            let (found, advice) = self.state_of(principal).await?;
            explanation.checks.push(TokenCheck {
                check: "workload",
                state: if advice.is_none() { CheckState::Passed } else { CheckState::Failed },
                verified: true,
                found: found.to_owned(),
                expected: "enabled".to_owned(),
                advice,
            });
        }
        self.recorder.release(ctx, case.record, case.permit.hold(Ok(explanation))).await?
    }

    /// Judges a token as the token endpoint would, as the assertion of a workload, and tells how every check went: which
    /// of its federations or certificates it falls short of. Nothing is exchanged, and nothing used up. For those who may
    /// see the workload too: it tells what that is federated with.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn explain_assertion(
        &self,
        ctx: &RequestContext,
        credentials: &dyn Credentials,
        client_id: Uuid,
        token: &SecretText,
    ) -> Result<TokenExplanation, AdminError> {
        let name = name_of(client_id)?;
        let workload = self.admit(ctx, Ask::workload(Action::WorkloadRead, &name)).await?.workload;
        let mut case = self.admit(ctx, Ask::server(Action::TokenExplain)).await?;
        case.record.object = Some(client_id.to_string());
        let mut explanation = credentials.explain(workload.as_deref(), token, ctx.now).await;
        if explanation.reason.is_none() {
            let id = PrincipalId { issuer: self.gate.own_issuer.clone(), subject: client_id.to_string() };
            let who = Principal { id, kind: PrincipalKind::Workload, ..Principal::anonymous() };
            explanation.principal = Some(who);
        }
        self.recorder.release(ctx, case.record, case.permit.hold(Ok(explanation))).await?
    }

    /// What the gate would say of a workload's state, with what to do where it denies every request with the token.
    async fn state_of(&self, principal: &Principal) -> Result<(&'static str, Option<&'static str>), AdminError> {
        let Ok(client_id) = Uuid::try_parse(&principal.id.subject) else {
            return Ok(("no client id", Some(GONE)));
        };
        Ok(match self.gate.identities.workload(client_id).await? {
            None => ("deleted", Some(GONE)),
            Some(workload) if self.keyring.verify_workload(&workload).is_err() => ("tampered with", Some(TAMPERED)),
            Some(workload) if !workload.enabled => ("disabled", Some(DISABLED)),
            Some(workload) => match principal.token {
                Some(token) if workload.stands_behind(token) => ("enabled", None),
                Some(token) if token.generation != workload.generation => {
                    ("enabled again, and the token is from before it was disabled", Some(OUTLIVED))
                }
                _ => ("enabled, and the credential that the token was made from was removed", Some(REMOVED)),
            },
        })
    }
}
