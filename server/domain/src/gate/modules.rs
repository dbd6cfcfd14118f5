//! Attached policy modules, at their stage: with the network rules, or last. Every one can deny; in the
//! access mode `modules` one with authority must allow.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_crypto::key::KeySpec;

use super::{Ask, Gate, Judged, Trace, grants::mode_for};
use crate::{
    access_policy::AccessMode,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect, StepUp},
    key::KeyProperties,
    policy::{
        AttachmentState, Effect, FactValue, ObjectState, Obligation, PolicyAnswer, PolicyAttachment, PolicyConnection,
        PolicyFailure, PolicyKeyOperation, PolicyNeeds, PolicyObject, PolicyPrincipal, PolicyRequest, PolicyStage,
        RECORDED_FOR_1_0,
    },
    secret::{LifeState, SecretFacts},
    vault::Vault,
};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The fact that tells the age of the current version.
const ROTATION: &str = "days-since-rotation";
/// How the stage of an attached module begins in a trace; its attachment's name follows.
pub(crate) const POLICY_STAGE: &str = "policy:";

impl Gate {
    /// Asks the modules that judge connections alone. What one of them denies is denied by the network.
    pub(super) async fn judge_connection(
        &self,
        ctx: &RequestContext,
        vault: &Vault,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let attached = self.enforced(vault, PolicyStage::Network).await;
        if attached.is_empty() {
            return Ok(());
        }
        let request = PolicyRequest {
            recorded_for: RECORDED_FOR_1_0,
            connection: connection(ctx),
            object: PolicyObject { vault: vault.name.as_str().to_owned(), kind: "vault".into(), ..Default::default() },
            time: ctx.seconds(),
            ..PolicyRequest::default()
        };
        let mut verdict = Ok(());
        let (attached, answers) = self.ask_modules(&attached, &request).await;
        for (attachment, answer) in attached.into_iter().zip(answers) {
            if let Err(reason) = conclude(ctx, attachment, answer, &request, trace) {
                verdict = Err(match reason {
                    DenyReason::Policy { .. } => DenyReason::Network,
                    failure => failure,
                });
                break;
            }
        }
        judged.input = Some(Box::new(request));
        verdict
    }

    pub(super) async fn judge_modules(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        vault: &Vault,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let attached = self.enforced(vault, PolicyStage::Request).await;
        // In the mode `modules` nothing is granted until a module with authority allows it.
        let mut granted = mode_for(ask.action, Some(vault)) != AccessMode::Modules;
        if attached.is_empty() {
            return if granted { Ok(()) } else { Err(trace.deny("modules", DenyReason::NoAuthority, None)) };
        }
        let mut request = policy_request(ctx, ask, vault, judged.facts.as_deref());
        let wanted = attached.iter().any(|(_, needs)| needs.facts.iter().any(|fact| fact == ROTATION));
        if wanted && !request.holds(ROTATION) {
            let newest = self.newest(vault, ask, judged, trace).await?;
            request.facts.insert(ROTATION.to_owned(), newest.as_deref().and_then(|facts| age(ctx, facts)));
        }
        let mut verdict = Ok(());
        let (attached, answers) = self.ask_modules(&attached, &request).await;
        for (attachment, answer) in attached.into_iter().zip(answers) {
            match conclude(ctx, attachment, answer, &request, trace) {
                Ok(effect) => granted |= attachment.authority && effect == Effect::Allow,
                Err(reason) => {
                    verdict = Err(reason);
                    break;
                }
            }
        }
        // It holds what the modules of the connection were asked, too.
        judged.input = Some(Box::new(request));
        verdict?;
        if granted { Ok(()) } else { Err(trace.deny("modules", DenyReason::NoAuthority, None)) }
    }

    /// What is enforced at a stage, in order, with what each module needs. A module that cannot be had fails
    /// at the last one.
    async fn enforced<'a>(
        &self,
        vault: &'a Vault,
        stage: PolicyStage,
    ) -> Vec<(&'a PolicyAttachment, Arc<PolicyNeeds>)> {
        let mut enforced = Vec::new();
        for attachment in vault.settings.policies.iter().filter(|a| a.state == AttachmentState::Enforce) {
            let needs = self.policies.needs(&attachment.module).await.unwrap_or_default();
            if needs.stage == stage {
                enforced.push((attachment, needs));
            }
        }
        enforced
    }

    /// The object with its current version, when an older one is asked for.
    async fn newest(
        &self,
        vault: &Vault,
        ask: &Ask<'_>,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<Option<Arc<SecretFacts>>, DenyReason> {
        let (Some((_, keys)), Some(name)) = (&judged.vault, ask.name) else { return Ok(None) };
        self.find_object(vault, keys, name, &Ask { version: None, ..ask.clone() }, trace).await
    }

    /// Asks modules in order, up to and including the first that denies or fails. Behind the answers stands a
    /// failure: an engine that leaves a module out without saying why has not judged.
    async fn ask_modules<'a>(
        &self,
        attached: &[(&'a PolicyAttachment, Arc<PolicyNeeds>)],
        request: &PolicyRequest,
    ) -> (Vec<&'a PolicyAttachment>, Vec<Result<PolicyAnswer, PolicyFailure>>) {
        let attachments: Vec<_> = attached.iter().map(|(attachment, _)| *attachment).collect();
        let mut answers = self.policies.judge(&attachments, request).await;
        answers.push(Err(PolicyFailure::BadAnswer));
        (attachments, answers)
    }
}

/// Puts the answer of one module into the trace; a denial and every failure is an error.
fn conclude(
    ctx: &RequestContext,
    attachment: &PolicyAttachment,
    answer: Result<PolicyAnswer, PolicyFailure>,
    request: &PolicyRequest,
    trace: &mut Trace,
) -> Result<Effect, DenyReason> {
    let stage = format!("{POLICY_STAGE}{}", attachment.name);
    let answer = match answer.and_then(carried_out) {
        Ok(answer) => answer,
        Err(failure) => {
            let reason = DenyReason::PolicyFailed { attachment: attachment.name.clone(), failure };
            return Err(trace.deny(&stage, reason, Some(attachment.module.to_string())));
        }
    };
    let denies = answer.effect == Effect::Deny;
    for obligation in &answer.obligations {
        // The sentence may repeat what a caller chose, so it is in the record alone.
        if let Obligation::Alert { severity, .. } = obligation {
            let (policy, vault, code) = (&attachment.name, &request.object.vault, &answer.reason_code);
            let severity = severity.as_str();
            tracing::warn!(decision = %ctx.request_id, severity, %policy, %vault, %code, "a policy module alerts");
        }
    }
    let step_up = answer.obligations.iter().find_map(|obligation| match obligation {
        Obligation::StepUp { acr, amr, max_age } => {
            Some(Box::new(StepUp { acr: acr.clone(), amr: amr.clone(), max_age: *max_age }))
        }
        _ => None,
    });
    trace.0.push(Stage {
        stage,
        effect: if denies { StageEffect::Deny } else { StageEffect::Allow },
        reason: answer.reason_code.clone(),
        detail: Some(format!("{} {}", attachment.module, answer.sentence).trim_end().to_owned()),
        fuel: Some(answer.fuel),
        obligations: answer.obligations,
    });
    if denies {
        return Err(DenyReason::Policy {
            attachment: attachment.name.clone(),
            code: answer.reason_code,
            sentence: answer.sentence,
            step_up,
        });
    }
    Ok(answer.effect)
}

/// The answer, if this server carries out all that it wants done.
fn carried_out(answer: PolicyAnswer) -> Result<PolicyAnswer, PolicyFailure> {
    let known = |obligation: &Obligation| matches!(obligation, Obligation::Alert { .. } | Obligation::StepUp { .. });
    if answer.obligations.iter().all(known) { Ok(answer) } else { Err(PolicyFailure::UnknownObligation) }
}

fn connection(ctx: &RequestContext) -> PolicyConnection {
    PolicyConnection {
        client_address: ctx.client.to_canonical().to_string(),
        listener: ctx.listener.to_owned(),
        proxies: ctx.wire.proxies.iter().map(|proxy| proxy.to_canonical().to_string()).collect(),
        tls: ctx.wire.tls.clone(),
        client_certificate: ctx.wire.client_certificate.clone(),
    }
}

/// The key of an operation on a key. Neither a digest nor a text that goes through it.
fn key_operation(ask: &Ask<'_>, key: &KeyProperties) -> PolicyKeyOperation {
    let (key_type, key_size, curve) = match key.spec {
        KeySpec::Rsa { bits } => ("RSA", Some(u32::from(bits)), None),
        KeySpec::Ec { crv } => ("EC", None, Some(crv.as_str().to_owned())),
        KeySpec::Oct { bits } => ("oct", Some(u32::from(bits)), None),
    };
    PolicyKeyOperation {
        algorithm: ask.algorithm.map(str::to_owned),
        key_type: key_type.to_owned(),
        key_size,
        curve,
        key_ops: key.operations.iter().map(|operation| operation.as_str().to_owned()).collect(),
        exportable: key.exportable,
    }
}

/// What modules see: on a write the attributes as they would be, otherwise as they are.
fn policy_request(ctx: &RequestContext, ask: &Ask<'_>, vault: &Vault, facts: Option<&SecretFacts>) -> PolicyRequest {
    let version = facts.and_then(|f| f.version.as_ref());
    let stored = version.map(|v| &v.attributes);
    let proposed = ask.proposed.and_then(|proposed| proposed.over(stored));
    let attributes = proposed.as_ref().or(stored);
    let (state, deleted, purge) = match facts.map(|f| f.secret.life) {
        None => (ObjectState::Absent, None, None),
        Some(LifeState::Active) => (ObjectState::Active, None, None),
        Some(LifeState::Deleted { deleted_at, purge_at }) => (ObjectState::Deleted, Some(deleted_at), Some(purge_at)),
    };
    let principal = &ctx.principal;
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        principal: PolicyPrincipal {
            issuer: principal.id.issuer.clone(),
            subject: principal.id.subject.clone(),
            kind: principal.kind.as_str().to_owned(),
            groups: principal.groups.clone(),
            claims: principal.claims.clone(),
        },
        connection: connection(ctx),
        action: ask.action.data_action().to_owned(),
        object: PolicyObject {
            vault: vault.name.as_str().to_owned(),
            kind: ask.kind.as_str().to_owned(),
            name: ask.name.map(|n| n.as_str().to_owned()).unwrap_or_default(),
            version: ask.version.map(|v| v.as_str().to_owned()),
            state,
            tags: attributes.map(|a| a.tags.clone()).unwrap_or_default(),
            enabled: attributes.map(|a| a.enabled),
            not_before: attributes.and_then(|a| a.not_before),
            expires: attributes.and_then(|a| a.expires),
            created: version.map(|v| v.created),
            updated: version.map(|v| v.updated),
            deleted,
            purge,
        },
        key_operation: ask.key.or_else(|| version?.key.as_deref()).map(|key| key_operation(ask, key)),
        certificate_request: None,
        time: ctx.seconds(),
        facts: gathered(ctx, facts),
        approvals: None,
    }
}

/// The facts that cost nothing: they are gathered and recorded whoever asks for them, so that any module
/// can be asked again with them.
fn gathered(ctx: &RequestContext, facts: Option<&SecretFacts>) -> BTreeMap<String, Option<FactValue>> {
    match facts {
        // Where there is nothing, nothing was rotated.
        None => BTreeMap::from([(ROTATION.to_owned(), None)]),
        Some(facts) => match age(ctx, facts) {
            Some(age) => BTreeMap::from([(ROTATION.to_owned(), Some(age))]),
            // An older version was looked at: nothing is said of the current one.
            None => BTreeMap::new(),
        },
    }
}

/// Whole days since the current version was made, if it is the one at hand.
fn age(ctx: &RequestContext, facts: &SecretFacts) -> Option<FactValue> {
    let version = facts.version.as_ref().filter(|version| version.version == facts.secret.current)?;
    Some(FactValue::Number(ctx.seconds().saturating_sub(version.created).div_euclid(DAY)))
}
