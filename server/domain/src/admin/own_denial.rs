//! What was denied to somebody, told to them again: what the answer told then, and nothing else of its record. Open to
//! everybody who counts, because each is told of their own requests alone.
//!
//! Somebody else's decision, one that was no denial and one that there never was are the same to whoever asks.

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect, StepUp},
    gate::{Judgement, POLICY_STAGE},
    names::VaultName,
    policy::Obligation,
    record::{IdPrefix, Outcome, Record, RecordFilter},
};

/// The name of the question in records.
const OPERATION: &str = "DecisionShow";

/// A denial as whoever was denied may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDenial {
    /// The decision.
    pub id: Uuid,
    /// When it was asked for, Unix milliseconds.
    pub at: i64,
    /// What was asked for; none for what no release of this program asks for.
    pub action: Option<Action>,
    /// The vault, as it was asked for.
    pub vault: Option<String>,
    /// Kind of the object.
    pub kind: Option<String>,
    /// The object, as it was asked for.
    pub object: Option<String>,
    /// Why not: what may be told now. Who holds nothing in the vault is told what is told of none.
    pub reason: DenyReason,
}

impl Administration {
    /// The caller's own denial.
    ///
    /// # Errors
    /// [`AdminError::RecordNotFound`] for everything else, and others of [`AdminError`].
    pub async fn own_denial(&self, ctx: &RequestContext, id: Uuid) -> Result<OwnDenial, AdminError> {
        let (permit, mut record) = match self.gate.identified(ctx, Action::AuditRead).await {
            Judgement::Permitted(case) => (case.permit, case.record),
            Judgement::Denied(mut record, denial) => {
                OPERATION.clone_into(&mut record.operation);
                return Err(self.recorder.release(ctx, *record, denial).await?.into());
            }
        };
        OPERATION.clone_into(&mut record.operation);
        record.object = Some(id.to_string());
        let filter = RecordFilter { id: Some(IdPrefix::from(id)), limit: 1, ..RecordFilter::default() };
        let held = self.audit.query(permit, filter).await;
        let own =
            |found: &&Record| found.outcome == Outcome::Denied && found.principal.as_ref() == Some(&ctx.principal.id);
        let vault = held.inspect(|found| {
            let found = found.as_ref().ok()?.items.iter().find(own)?;
            found.vault.clone()
        });
        let stranger = match vault.as_deref().map(VaultName::parse) {
            None => false,
            Some(Ok(vault)) => self.gate.is_stranger_to(ctx, &vault).await,
            Some(Err(_)) => true,
        };
        let held = held.map(|found| {
            let page = found.map_err(AdminError::from)?;
            let found = page.items.iter().find(own).ok_or(AdminError::RecordNotFound)?;
            Ok::<_, AdminError>(told(ctx, found, stranger))
        });
        self.recorder.release(ctx, record, held).await?
    }
}

fn told(ctx: &RequestContext, record: &Record, stranger: bool) -> OwnDenial {
    OwnDenial {
        id: record.id,
        at: record.at,
        action: Action::ALL.iter().copied().find(|action| action.operation() == record.operation),
        vault: record.vault.clone(),
        kind: record.kind.clone(),
        object: record.object.clone(),
        reason: if stranger { DenyReason::NoRole } else { reason(ctx, record) },
    }
}

/// Why, by the stage that denied.
fn reason(ctx: &RequestContext, record: &Record) -> DenyReason {
    let Some(stage) = record.trace.iter().rfind(|stage| stage.effect == StageEffect::Deny) else {
        return DenyReason::NoRole;
    };
    match stage.stage.as_str() {
        "network" => DenyReason::Network(record.client.parse().unwrap_or(ctx.client)),
        "identity" => DenyReason::Identity,
        "access-policy" => DenyReason::NoAccessPolicy,
        "modules" => DenyReason::NoAuthority,
        other => other.strip_prefix(POLICY_STAGE).map_or(DenyReason::NoRole, |name| of_module(name, stage)),
    }
}

/// What a module said publicly. The digest of the module stands before its sentence on record.
fn of_module(attachment: &str, stage: &Stage) -> DenyReason {
    let step_up = stage.obligations.iter().find_map(|obligation| match obligation {
        Obligation::StepUp { acr, amr, max_age } => {
            Some(Box::new(StepUp { acr: acr.clone(), amr: amr.clone(), max_age: *max_age }))
        }
        _ => None,
    });
    let sentence = stage.detail.as_deref().and_then(|detail| detail.split_once(' ')).map_or("", |(_, said)| said);
    DenyReason::Policy {
        attachment: attachment.to_owned(),
        code: stage.reason.clone(),
        sentence: sentence.to_owned(),
        step_up,
        // What became of a request for approval is no part of the decision.
        approval: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_said_publicly_is_told_again_and_its_digest_is_not() {
        let stage = Stage {
            obligations: vec![Obligation::RequireApproval { approvers: 1, valid_for: 60 }],
            ..Stage::new("policy:two-person", StageEffect::Deny, "needs-approval")
                .with_detail("00ff Somebody else has to agree.".to_owned())
        };
        let DenyReason::Policy { attachment, code, sentence, step_up, approval } = of_module("two-person", &stage)
        else {
            panic!("a module denied");
        };
        assert_eq!((attachment.as_str(), code.as_str()), ("two-person", "needs-approval"));
        assert_eq!(sentence, "Somebody else has to agree.");
        assert!(step_up.is_none() && approval.is_none());
    }
}
