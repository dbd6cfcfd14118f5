//! The last stage: attached policy modules. Every one can deny; in the access mode `modules` one with
//! authority must allow.

use super::{Ask, Gate, Judged, Trace, grants::mode_for};
use crate::{
    access_policy::AccessMode,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    policy::{AttachmentState, Effect, PolicyConnection, PolicyObject, PolicyPrincipal, PolicyRequest},
    secret::SecretFacts,
    vault::Vault,
};

impl Gate {
    pub(super) async fn judge_modules(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        vault: &Vault,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let attached: Vec<_> = vault.settings.policies.iter().filter(|a| a.state == AttachmentState::Enforce).collect();
        // In the mode `modules` nothing is granted until a module with authority allows it.
        let mut granted = mode_for(ask.action, Some(vault)) != AccessMode::Modules;
        if attached.is_empty() {
            return if granted { Ok(()) } else { Err(trace.deny("modules", DenyReason::NoAuthority, None)) };
        }
        let request = policy_request(ctx, ask, vault, judged.facts.as_deref());
        let mut verdict = Ok(());
        for attachment in attached {
            let stage = format!("policy:{}", attachment.name);
            let answer = self
                .policies
                .decide(attachment, std::slice::from_ref(&request))
                .await
                .and_then(|answers| answers.into_iter().next().ok_or(crate::policy::PolicyFailure::BadAnswer));
            match answer {
                Ok(answer) => {
                    let denies = answer.effect == Effect::Deny;
                    granted |= attachment.authority && answer.effect == Effect::Allow;
                    trace.0.push(Stage {
                        stage,
                        effect: if denies { StageEffect::Deny } else { StageEffect::Allow },
                        reason: answer.reason_code.clone(),
                        detail: Some(format!("{} {}", attachment.module, answer.sentence)),
                        fuel: Some(answer.fuel),
                    });
                    if denies {
                        verdict = Err(DenyReason::Policy {
                            attachment: attachment.name.clone(),
                            code: answer.reason_code,
                            sentence: answer.sentence,
                        });
                        break;
                    }
                }
                Err(failure) => {
                    let reason = DenyReason::PolicyFailed { attachment: attachment.name.clone(), failure };
                    verdict = Err(trace.deny(&stage, reason, Some(attachment.module.to_string())));
                    break;
                }
            }
        }
        judged.input = Some(Box::new(request));
        verdict?;
        if granted { Ok(()) } else { Err(trace.deny("modules", DenyReason::NoAuthority, None)) }
    }
}

/// What modules see: on a write the attributes as they would be, otherwise as they are.
fn policy_request(ctx: &RequestContext, ask: &Ask<'_>, vault: &Vault, facts: Option<&SecretFacts>) -> PolicyRequest {
    let stored = facts.and_then(|f| f.version.as_ref()).map(|v| &v.attributes);
    let proposed = ask.proposed.and_then(|proposed| proposed.over(stored));
    let attributes = proposed.as_ref().or(stored);
    let principal = &ctx.principal;
    PolicyRequest {
        principal: PolicyPrincipal {
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            kind: principal.kind.as_str().to_owned(),
            groups: principal.groups.clone(),
            claims: principal.claims.clone(),
        },
        connection: PolicyConnection {
            client_address: ctx.client.to_canonical().to_string(),
            listener: ctx.listener.to_owned(),
        },
        action: ask.action.data_action().to_owned(),
        object: PolicyObject {
            vault: vault.name.as_str().to_owned(),
            kind: ask.kind.as_str().to_owned(),
            name: ask.name.map(|n| n.as_str().to_owned()).unwrap_or_default(),
            version: ask.version.map(|v| v.as_str().to_owned()),
            tags: attributes.map(|a| a.tags.clone()).unwrap_or_default(),
            enabled: attributes.map(|a| a.enabled),
            not_before: attributes.and_then(|a| a.not_before),
            expires: attributes.and_then(|a| a.expires),
        },
        time: ctx.seconds(),
    }
}
