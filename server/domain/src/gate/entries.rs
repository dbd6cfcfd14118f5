//! The entries of a listing: what a module denies by name is not shown in a list either.
//!
//! The listing itself was judged before, as one request about the whole collection. Here the enforced modules that want
//! to see the action are asked about all entries of a page in one call: the same action, with each entry as the object and the
//! facts of the listing. An entry that is denied is left out, whatever would lift the denial; nobody is asked to
//! approve one, and no alert comes of it. What gives no usable answer denies the whole listing.

use std::sync::Arc;

use super::{Ask, Gate, Judged, Trace, attached::Attached, grants::mode_for, seen::policy_request};
use crate::{
    access_policy::AccessMode,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    policy::{Effect, PolicyFailure, PolicyRequest, PolicyStage},
    record::Record,
    secret::{SecretFacts, SecretItem},
    vault::Vault,
};

/// What the record says where entries of a listing were left out, or could have been.
const ENTRY_BY_ENTRY: &str = "judged-entry-by-entry";

impl Gate {
    /// Which entries of a page may be shown, in their order; none when all may, because no module looks at them. `ask` is
    /// what was asked of the listing, and `record` says how it was judged.
    pub(crate) async fn entries(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        vault: &Arc<Vault>,
        record: &mut Record,
        items: impl FnOnce() -> Vec<SecretItem>,
    ) -> Result<Option<Vec<bool>>, DenyReason> {
        let mut trace = Trace::default();
        let guards = self.guards(Some(Arc::clone(vault)), &mut trace).await?;
        let asked = self.of_stage(&guards, PolicyStage::Request, &mut Judged::default()).await;
        let wants = |module| self.policies.wants(module, ask.action.data_action());
        let modules: Vec<_> = asked.enforced.iter().filter(|attached| wants(&attached.attachment.module)).collect();
        if modules.is_empty() {
            return Ok(None);
        }
        let items = items();
        let requests: Vec<_> = items.iter().map(|item| entry(ctx, ask, item, record.input.as_deref())).collect();
        if requests.is_empty() {
            return Ok(None);
        }
        // In the mode `modules` nothing is shown that no authority allows.
        let granted = mode_for(ask.action, Some(&**vault)) != AccessMode::Modules;
        let shown = self.pass(&modules, &requests, granted).await?;
        let told = format!("{} of {}", shown.iter().filter(|shown| **shown).count(), shown.len());
        record.trace.push(Stage::new("modules", StageEffect::Allow, ENTRY_BY_ENTRY).with_detail(told));
        Ok(Some(shown))
    }

    /// Whether a module looks at the entries of this listing one by one, so that a count of them would tell of some that
    /// it denies.
    pub(crate) async fn looks_at_entries(&self, ask: &Ask<'_>, vault: &Arc<Vault>) -> Result<bool, DenyReason> {
        let guards = self.guards(Some(Arc::clone(vault)), &mut Trace::default()).await?;
        let asked = self.of_stage(&guards, PolicyStage::Request, &mut Judged::default()).await;
        Ok(asked
            .enforced
            .iter()
            .any(|attached| self.policies.wants(&attached.attachment.module, ask.action.data_action())))
    }

    /// Which of these requests no module denies; where nothing else grants them, those that a module of the vault's own
    /// with authority allows besides. Each module is asked about all of them in one call.
    pub(super) async fn pass(
        &self,
        modules: &[&Attached<'_>],
        requests: &[PolicyRequest],
        granted: bool,
    ) -> Result<Vec<bool>, DenyReason> {
        let mut entries = vec![(true, granted); requests.len()];
        for attached in modules {
            let failed = |failure| DenyReason::PolicyFailed { attachment: attached.shown(), failure };
            if !attached.is_there {
                return Err(failed(PolicyFailure::NotReady));
            }
            let answers = self.policies.decide(attached.attachment, requests).await.map_err(failed)?;
            if answers.len() != entries.len() {
                return Err(failed(PolicyFailure::BadAnswer));
            }
            let authority = attached.attachment.authority && attached.vault.is_some();
            for ((passes, given), answer) in entries.iter_mut().zip(answers) {
                *passes &= answer.effect != Effect::Deny;
                *given |= authority && answer.effect == Effect::Allow;
            }
        }
        Ok(entries.into_iter().map(|(passes, given)| passes && given).collect())
    }
}

/// An entry as the object of the listing's request.
fn entry(ctx: &RequestContext, ask: &Ask<'_>, item: &SecretItem, listing: Option<&PolicyRequest>) -> PolicyRequest {
    let SecretItem { secret, version } = item.clone();
    let (name, number) = (secret.name.clone(), version.version.clone());
    let facts = SecretFacts { secret, version: Some(version) };
    let ask = Ask { name: Some(&name), version: ask.name.map(|_| &number), ..ask.clone() };
    let mut request = policy_request(ctx, &ask, Some(&facts));
    if let Some(listing) = listing {
        for (fact, value) in &listing.facts {
            request.facts.entry(fact.clone()).or_insert_with(|| value.clone());
        }
        // They are of the listing.
        request.approvals = listing.approvals.as_ref().map(|_| Vec::new());
    }
    request
}
