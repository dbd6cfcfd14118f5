//! Candidates put to the trial: would the gate let the request through with the change, and may the caller make it.

use std::sync::Arc;

use super::{
    super::{AdminError, Administration, Described, policies::next_everywhere, workloads::name_of},
    Trial,
    candidates::{Candidate, SingleChange, Which, update_of},
    settings::{Other, others},
    supposed_vault,
};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Ask, Foreseen, Proposed, Supposition},
    policy::{AttachmentState, Effect, PolicyAttachment, PolicyRequest},
    vault::Vault,
};

/// Behind a name, so that it is another.
const ELSE: &str = "-other";
/// Addresses that nobody has (RFC 5737).
const ELSEWHERE: &str = "203.0.113.200";
const NEITHER: &str = "198.51.100.200";

impl Administration {
    /// The trial of a candidate; none where the change alone does not let the request through.
    pub(super) async fn settled(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
        candidate: Candidate,
    ) -> Result<Option<Trial>, AdminError> {
        let change = match candidate {
            Candidate::LeastRole => return self.least_role(ctx, theirs, vault, described).await,
            Candidate::Permit(permission) => {
                return self.one_more_permission(ctx, theirs, vault, described, permission).await;
            }
            Candidate::Change(change) => *change,
            // Each of what is offered is a change by itself.
            Candidate::OtherSettings(..) => return Ok(None),
        };
        match &change {
            SingleChange::Update { .. } => self.try_object(ctx, theirs, vault, described, change).await,
            SingleChange::Enable { client_id, after, .. } => {
                let (client_id, rule) = (*client_id, Supposition::Workload(Arc::clone(after)));
                let may = async {
                    let name = name_of(client_id)?;
                    self.may_manage(ctx, &Ask::workload(Action::WorkloadUpdate, &name)).await?;
                    self.may_become(ctx, client_id).await
                };
                Ok(self.tried(theirs, &described.ask(&vault.name), (change, rule), may).await)
            }
            SingleChange::SetState { which: Which::Everywhere, .. }
            | SingleChange::RollBack { which: Which::Everywhere, .. }
            | SingleChange::Settings { which: Which::Everywhere, .. } => {
                self.try_everywhere(ctx, theirs, vault, described, change).await
            }
            _ => self.try_settings(ctx, theirs, vault, described, change).await,
        }
    }

    /// Other settings of an attachment that its module's schema offers for the request that was judged, the narrowest
    /// first. None of a module that cannot be had.
    pub(super) async fn other_settings(
        &self,
        attachment: &PolicyAttachment,
        which: Which,
        foreseen: &Foreseen,
    ) -> Vec<Candidate> {
        let Ok(facts) = self.library.facts(&attachment.module).await else { return Vec::new() };
        let offered = others(&facts.settings_schema, &attachment.settings, foreseen.input.as_deref());
        let change = |Other { settings, how }| {
            Candidate::from(SingleChange::Settings {
                attachment: attachment.name.clone(),
                which,
                module: attachment.module,
                settings,
                authority: attachment.authority,
                how: Some(how),
            })
        };
        offered.into_iter().map(change).collect()
    }

    /// Whether somebody else, from elsewhere, with something else, is let through by other settings of a module and is
    /// not by those that it has: then the change is none for the request that was asked about alone.
    pub(super) async fn lifts_rule(
        &self,
        attachment: &PolicyAttachment,
        change: &SingleChange,
        foreseen: &Foreseen,
    ) -> bool {
        let (SingleChange::Settings { settings, .. }, Some(input)) = (change, foreseen.input.as_deref()) else {
            return false;
        };
        let other = somebody_else(input);
        let after = PolicyAttachment { settings: settings.clone(), ..attachment.clone() };
        let lets = async |attachment: &PolicyAttachment| {
            let said = self.policies.decide(attachment, std::slice::from_ref(&other)).await;
            let effect = said.ok().and_then(|answers| answers.first().map(|answer| answer.effect));
            match effect {
                Some(Effect::Allow) => true,
                // A module with authority grants by saying yes alone.
                Some(Effect::Abstain) => !attachment.authority,
                Some(Effect::Deny) | None => false,
            }
        };
        !lets(attachment).await && lets(&after).await
    }

    async fn try_settings(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
        change: SingleChange,
    ) -> Result<Option<Trial>, AdminError> {
        let Some(update) = change.of_vault(vault)? else { return Ok(None) };
        // A list that is full, for one.
        let Ok(settings) = update.clone().apply(&vault.settings) else { return Ok(None) };
        let rule = supposed_vault(&self.keyring, vault, settings)?;
        let may = async {
            let mends_modules = update.changes_modules_alone();
            self.may_manage(ctx, &Ask { mends_modules, ..Ask::vault(Action::VaultUpdate, &vault.name) }).await?;
            self.settings_after(ctx, &mut Vec::new(), vault, &update).await.map(drop)
        };
        Ok(self.tried(theirs, &described.ask(&vault.name), (change, rule), may).await)
    }

    async fn try_everywhere(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
        change: SingleChange,
    ) -> Result<Option<Trial>, AdminError> {
        let before = self.everywhere().await?;
        let after = next_everywhere(&self.keyring, &before, change.attachments(&before.policies)?)?;
        let rule = Supposition::Everywhere(Arc::new(after.clone()));
        let may = async {
            self.may_manage(ctx, &Ask::server(Action::PolicyWrite)).await?;
            self.may_put_everywhere(ctx, &mut Vec::new(), (&before, &after), false).await
        };
        Ok(self.tried(theirs, &described.ask(&vault.name), (change, rule), may).await)
    }

    /// A change of the rules, where it lets the request through; whether the caller may make it is asked only then.
    async fn tried(
        &self,
        theirs: &RequestContext,
        ask: &Ask<'_>,
        (change, rule): (SingleChange, Supposition),
        may: impl Future<Output = Result<(), AdminError>>,
    ) -> Option<Trial> {
        if !self.lets_through(theirs, ask, rule.clone()).await {
            return None;
        }
        let lifts_rule = sets_a_guard_aside(&change);
        Some(Trial { change, rule: Some(rule), may: may.await, lifts_rule })
    }

    async fn try_object(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        vault: &Vault,
        described: &Described,
        change: SingleChange,
    ) -> Result<Option<Trial>, AdminError> {
        let SingleChange::Update { kind, name, version, patch, after } = &change else { return Ok(None) };
        let Some(update) = update_of(*kind) else { return Ok(None) };
        let as_it_would_be = Ask { proposed: Some(Proposed::Whole(after)), ..described.ask(&vault.name) };
        if self.gate.foresee(theirs, &as_it_would_be).await.denied.is_some() {
            return Ok(None);
        }
        let ask = Ask {
            version: version.as_ref(),
            proposed: Some(Proposed::Patch(patch)),
            ..Ask::object(*kind, update, &vault.name, name)
        };
        let may = self.may_manage(ctx, &ask).await;
        Ok(Some(Trial { change, rule: None, may, lifts_rule: false }))
    }
}

/// Whether a guard has no say any more.
fn sets_a_guard_aside(change: &SingleChange) -> bool {
    matches!(change, SingleChange::SetState { state: AttachmentState::Off | AttachmentState::Shadow, .. })
}

/// A request like this one in nothing but what is done and by which way: of somebody else, from elsewhere, with something
/// else, that nobody has approved.
fn somebody_else(request: &PolicyRequest) -> PolicyRequest {
    let mut other = request.clone();
    other.principal.subject.push_str(ELSE);
    other.principal.groups.clear();
    other.principal.claims.clear();
    other.object.tags.clear();
    if !other.object.name.is_empty() {
        other.object.name.push_str(ELSE);
    }
    let from = if request.connection.client_address == ELSEWHERE { NEITHER } else { ELSEWHERE };
    from.clone_into(&mut other.connection.client_address);
    other.approvals = other.approvals.map(|_| Vec::new());
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_else_shares_nothing_that_settings_could_name() {
        let mut request = PolicyRequest::default();
        "ada".clone_into(&mut request.principal.subject);
        request.principal.groups = vec!["ops".to_owned()];
        "db".clone_into(&mut request.object.name);
        "203.0.113.200".clone_into(&mut request.connection.client_address);
        let other = somebody_else(&request);
        assert_ne!(other.principal.subject, request.principal.subject);
        assert_ne!(other.object.name, request.object.name);
        assert_ne!(other.connection.client_address, request.connection.client_address);
        assert!(other.principal.groups.is_empty());
        assert_eq!(other.action, request.action);
    }
}
