//! Attached policy modules, at their stage: with the network rules, or last; those of all vaults first. Every
//! enforced one can deny; in the access mode `modules` one of the vault's own with authority must allow.

use std::{collections::BTreeSet, sync::Arc};

use strongroom_crypto::{key::KeySpec, x509::Subject};

use super::{
    Ask, Gate, Judged, Trace,
    approvals::wanted,
    by_schedule,
    facts::{at_hand, is_gathered},
    grants::mode_for,
    unreadable,
};
use crate::{
    access_policy::AccessMode,
    certificate::CertificatePolicy,
    context::RequestContext,
    decision::{ApprovalWanted, DenyReason, Stage, StageEffect, StepUp},
    key::KeyProperties,
    names::{VaultId, VaultName},
    policy::{
        AttachmentState, Effect, ObjectState, Obligation, PolicyAttachment, PolicyCertificateRequest, PolicyConnection,
        PolicyFailure, PolicyKeyOperation, PolicyObject, PolicyPrincipal, PolicyRequest, PolicyStage, RECORDED_FOR_1_0,
        Said,
    },
    policy_module::InstallationPolicies,
    secret::{LifeState, SealedVersion, SecretFacts},
    vault::Vault,
};

/// How the stage of an attached module begins in a trace; its attachment's name follows.
pub(crate) const POLICY_STAGE: &str = "policy:";
/// How the name of an attachment to all vaults begins there.
pub(crate) const EVERYWHERE: &str = "everywhere/";

/// What is attached where a request goes: to all vaults, and to the vault itself, if there is one.
pub(super) struct Guards {
    pub(super) everywhere: Arc<InstallationPolicies>,
    pub(super) vault: Option<Arc<Vault>>,
}

/// A module and where it is attached.
#[derive(Clone, Copy)]
pub(super) struct Attached<'a> {
    pub(super) attachment: &'a PolicyAttachment,
    /// The vault; none when it is attached to all of them.
    pub(super) vault: Option<VaultId>,
}

impl Attached<'_> {
    /// Its name in records and denials.
    pub(super) fn shown(&self) -> String {
        let name = &self.attachment.name;
        if self.vault.is_some() { name.clone() } else { format!("{EVERYWHERE}{name}") }
    }
}

impl Guards {
    /// In the order in which they are asked.
    fn all(&self) -> impl Iterator<Item = Attached<'_>> {
        let of_all = self.everywhere.policies.iter().map(|attachment| Attached { attachment, vault: None });
        let own = self.vault.iter().flat_map(|vault| {
            let id = Some(vault.id);
            vault.settings.policies.iter().map(move |attachment| Attached { attachment, vault: id })
        });
        of_all.chain(own)
    }
}

/// What is asked at a stage, in order.
#[derive(Default)]
pub(super) struct OfStage<'a> {
    pub(super) enforced: Vec<Attached<'a>>,
    shadows: Vec<Attached<'a>>,
    /// What the enforced ones want to see and the gate has to gather.
    pub(super) facts: BTreeSet<String>,
    /// What those in shadow want.
    shadow_facts: BTreeSet<String>,
}

impl Gate {
    /// The names, as requests for approval tell them, of the modules that have a say in a vault now.
    pub(crate) async fn enforced(&self, vault: Arc<Vault>) -> Result<BTreeSet<String>, DenyReason> {
        let guards = self.guards(Some(vault), &mut Trace::default()).await?;
        let enforced = guards.all().filter(|attached| attached.attachment.state == AttachmentState::Enforce);
        Ok(enforced.map(|attached| attached.shown()).collect())
    }

    /// What is attached to all vaults and to this one.
    pub(super) async fn guards(&self, vault: Option<Arc<Vault>>, trace: &mut Trace) -> Result<Guards, DenyReason> {
        match self.attached.installation_policies().await {
            Ok(everywhere) if self.keyring.verify_installation_policies(&everywhere).is_ok() => {
                Ok(Guards { everywhere, vault })
            }
            Ok(_) => Err(trace.deny("modules", DenyReason::Tampered, None)),
            Err(error) => {
                tracing::error!(%error, "the gate could not read the modules of all vaults");
                Err(trace.deny("modules", unreadable(&error), None))
            }
        }
    }

    /// Asks the modules that judge connections alone. What one of them denies is denied by the network.
    pub(super) async fn judge_connection(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        guards: &Guards,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let asked = self.of_stage(guards, PolicyStage::Network, judged).await;
        if asked.enforced.is_empty() && asked.shadows.is_empty() {
            return Ok(());
        }
        let request = connection_alone(ctx, vault_of(ask));
        let mut verdict = Ok(());
        let answers = self.ask_modules(&asked.enforced, &request).await;
        for (attached, said) in asked.enforced.iter().zip(answers) {
            if let Err(reason) = conclude(ctx, *attached, said, &request, trace) {
                verdict = Err(match reason {
                    DenyReason::Policy { .. } => DenyReason::Network(ctx.client),
                    failure => failure,
                });
                break;
            }
        }
        self.ask_shadows(ctx, &asked.shadows, &request, &mut judged.shadows, trace).await;
        judged.input = Some(Box::new(request));
        verdict
    }

    /// Whether one of these modules, were it enforced in a vault, would keep out the connection that the caller asks over.
    pub(crate) async fn would_keep_out(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        modules: impl Iterator<Item = &PolicyAttachment> + Send,
    ) -> bool {
        let request = connection_alone(ctx, vault.as_str().to_owned());
        for attachment in modules {
            let needs = self.policies.needs(&attachment.module).await;
            if needs.is_none_or(|needs| needs.stage != PolicyStage::Network) {
                continue;
            }
            let said = self.policies.judge(&[attachment], &request).await.into_iter().next();
            if !said.is_some_and(|said| said.answer.is_ok_and(|answer| answer.effect != Effect::Deny)) {
                return true;
            }
        }
        false
    }

    /// Asks the modules of all vaults, then the vault's own. Without a vault (it is to be made, or all are meant) the
    /// former.
    pub(super) async fn judge_modules(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        guards: &Guards,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<(), DenyReason> {
        let asked = self.of_stage(guards, PolicyStage::Request, judged).await;
        // In the mode `modules` nothing is granted until a module with authority allows it. What is due by a policy that
        // somebody was allowed to set is granted by it, and modules can only deny it.
        let granted =
            by_schedule(ctx, ask.action) || mode_for(ask.action, guards.vault.as_deref()) != AccessMode::Modules;
        if asked.enforced.is_empty() && asked.shadows.is_empty() {
            return if granted { Ok(()) } else { Err(self.no_authority(ctx, ask, judged, trace).await) };
        }
        let mut request = policy_request(ctx, ask, judged.facts.as_deref());
        for fact in &asked.facts {
            self.gather(ctx, ask, fact, &mut request, judged, trace).await?;
        }
        for fact in &asked.shadow_facts {
            // What a module in shadow would like to see neither denies nor takes long.
            let mut budget = std::mem::take(&mut judged.shadows);
            // Nothing rests on it.
            let spends = judged.spends.take();
            let _ = budget.within(self.gather(ctx, ask, fact, &mut request, judged, &mut Trace::default())).await;
            (judged.shadows, judged.spends) = (budget, spends);
        }
        let begun = trace.stages.len();
        let mut verdict = self.ask_enforced(ctx, ask, &asked.enforced, &request, judged, trace).await;
        // Of a restore every version comes back. There are no more of them than a backup holds, and where nobody is
        // enforced nobody is asked.
        for version in ask.versions.iter().filter(|_| !asked.enforced.is_empty()) {
            let Ok(given) = verdict else { break };
            let other = of_version(ask, &request, version);
            if other == request {
                continue;
            }
            let mut apart = Trace { described: trace.described, ahead: trace.ahead, ..Trace::default() };
            let said = self.ask_enforced(ctx, ask, &asked.enforced, &other, judged, &mut apart).await;
            let denies = match &said {
                // That no authority allows it is a denial where nothing else grants anything.
                Ok(also) => given && !also && !granted,
                Err(_) => true,
            };
            verdict = said.map(|also| also && given);
            if denies {
                // What is on record is what was denied, so that it can be judged again.
                trace.stages.truncate(begun);
                trace.stages.append(&mut apart.stages);
                trace.micros.append(&mut apart.micros);
                request = other;
                break;
            }
        }
        self.ask_shadows(ctx, &asked.shadows, &request, &mut judged.shadows, trace).await;
        // It holds what the modules of the connection were asked, too.
        judged.input = Some(Box::new(request));
        if verdict? || granted { Ok(()) } else { Err(self.no_authority(ctx, ask, judged, trace).await) }
    }

    async fn no_authority(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        trace: &mut Trace,
    ) -> DenyReason {
        let reason = trace.deny("modules", DenyReason::NoAuthority, None);
        self.as_told(ctx, ask, judged, reason).await
    }

    /// Whether one of these modules with authority in the vault would allow a request.
    async fn would_give(&self, modules: &[Attached<'_>], request: &PolicyRequest) -> bool {
        for module in modules.iter().filter(|module| module.attachment.authority && module.vault.is_some()) {
            let said = self.policies.judge(&[module.attachment], request).await.into_iter().next();
            if said.and_then(|said| said.answer.ok()).is_some_and(|answer| answer.effect == Effect::Allow) {
                return true;
            }
        }
        false
    }

    /// Asks enforced modules about one request. Whether one of the vault's own with authority allows it.
    async fn ask_enforced(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        enforced: &[Attached<'_>],
        request: &PolicyRequest,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<bool, DenyReason> {
        let mut given = false;
        let answers = self.ask_modules(enforced, request).await;
        for (index, (attached, said)) in enforced.iter().zip(answers).enumerate() {
            match conclude(ctx, *attached, said, request, trace) {
                // Only the owners of a vault give a module the say in it.
                Ok(effect) => {
                    given |= attached.attachment.authority && attached.vault.is_some() && effect == Effect::Allow;
                }
                Err(mut reason) => {
                    // For whom neither a grant nor an authority speaks, the vault does not exist, and nobody is asked
                    // to approve.
                    let behind = enforced.get(index + 1..).unwrap_or_default();
                    // What an authority asks for before it allows is told: who is to step up has to know.
                    let invites = attached.attachment.authority && attached.vault.is_some() && reason.can_be_met();
                    let stranger =
                        !given && self.is_stranger(ctx, ask, judged).await && !self.would_give(behind, request).await;
                    if stranger && !invites {
                        return Err(DenyReason::Concealed(Box::new(reason)));
                    }
                    // Nobody approves for a schedule: its denial stands until the module says otherwise.
                    if !by_schedule(ctx, ask.action)
                        && let Some(approval) = reason.approval_mut()
                        && let Some(wish) = trace.stages.last().and_then(|stage| wanted(&stage.obligations))
                    {
                        let by = attached.shown();
                        *approval = self.approval_wanted(ctx, ask, judged, &by, wish, stranger).await;
                    }
                    return Err(if stranger { reason.without_name() } else { reason });
                }
            }
        }
        Ok(given)
    }

    /// What is asked at a stage. A module that cannot be had fails at the last one; one in shadow that is not
    /// there in time is not waited for.
    pub(super) async fn of_stage<'a>(
        &self,
        guards: &'a Guards,
        stage: PolicyStage,
        judged: &mut Judged,
    ) -> OfStage<'a> {
        let mut asked = OfStage::default();
        for attached in guards.all() {
            let needs = self.policies.needs(&attached.attachment.module);
            let (needs, list, facts) = match attached.attachment.state {
                AttachmentState::Off => continue,
                AttachmentState::Shadow => {
                    (judged.shadows.within(needs).await.flatten(), &mut asked.shadows, &mut asked.shadow_facts)
                }
                AttachmentState::Enforce => (needs.await, &mut asked.enforced, &mut asked.facts),
            };
            let (module, enforced) =
                (attached.attachment.module, attached.attachment.state == AttachmentState::Enforce);
            if needs.is_none() && enforced && stage == PolicyStage::Network {
                judged.missed.push(module);
            }
            let late = enforced && stage == PolicyStage::Request && judged.missed.contains(&module);
            let needs = needs.unwrap_or_default();
            if needs.stage == stage || late {
                list.push(attached);
                facts.extend(needs.facts.iter().filter(|fact| is_gathered(fact)).cloned());
            }
        }
        asked
    }

    /// Asks modules in order, up to and including the first that denies or fails. Behind the answers stands a
    /// failure: an engine that leaves a module out without saying why has not judged.
    pub(super) async fn ask_modules(&self, attached: &[Attached<'_>], request: &PolicyRequest) -> Vec<Said> {
        let attachments: Vec<_> = attached.iter().map(|attached| attached.attachment).collect();
        if attachments.is_empty() {
            return Vec::new();
        }
        let mut answers = self.policies.judge(&attachments, request).await;
        answers.push(PolicyFailure::BadAnswer.into());
        answers
    }
}

/// Puts the answer of one module into the trace; a denial and every failure is an error.
pub(super) fn conclude(
    ctx: &RequestContext,
    attached: Attached<'_>,
    said: Said,
    request: &PolicyRequest,
    trace: &mut Trace,
) -> Result<Effect, DenyReason> {
    let (attachment, name) = (attached.attachment, attached.shown());
    let stage = format!("{POLICY_STAGE}{name}");
    trace.took(&stage, said.micros);
    let answer = match said.answer {
        Ok(answer) => answer,
        Err(failure) => {
            let reason = DenyReason::PolicyFailed { attachment: name, failure };
            return Err(trace.deny(&stage, reason, Some(attachment.module.to_string())));
        }
    };
    let denies = answer.effect == Effect::Deny;
    for obligation in answer.obligations.iter().filter(|_| trace.is_of_a_request()) {
        // The sentence may repeat what a caller chose, so it is in the record alone.
        if let Obligation::Alert { severity, .. } = obligation {
            let (policy, vault, code) = (&name, &request.object.vault, &answer.reason_code);
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
    let approval = wanted(&answer.obligations).map(|_| Box::new(ApprovalWanted::default()));
    let effect = match answer.effect {
        _ if answer.is_unasked() => StageEffect::NotAsked,
        Effect::Allow => StageEffect::Allow,
        Effect::Deny => StageEffect::Deny,
        Effect::Abstain => StageEffect::Abstain,
    };
    let detail = format!("{} {}", attachment.module, answer.sentence).trim_end().to_owned();
    let stage = Stage::new(stage, effect, answer.reason_code.clone()).with_detail(detail);
    let (fuel, messages, obligations) = (Some(answer.fuel), answer.messages, answer.obligations);
    trace.stages.push(Stage { fuel, messages, obligations, ..stage });
    if denies {
        return Err(DenyReason::Policy {
            attachment: name,
            code: answer.reason_code,
            sentence: answer.sentence,
            step_up,
            approval,
        });
    }
    Ok(answer.effect)
}

fn vault_of(ask: &Ask<'_>) -> String {
    ask.vault.map(|vault| vault.as_str().to_owned()).unwrap_or_default()
}

/// What modules that judge connections are asked.
fn connection_alone(ctx: &RequestContext, vault: String) -> PolicyRequest {
    PolicyRequest {
        recorded_for: RECORDED_FOR_1_0,
        connection: connection(ctx),
        object: PolicyObject { vault, kind: "vault".into(), ..Default::default() },
        time: ctx.judged_seconds(),
        ..PolicyRequest::default()
    }
}

fn connection(ctx: &RequestContext) -> PolicyConnection {
    PolicyConnection {
        client_address: ctx.client.to_canonical().to_string(),
        listener: ctx.listener.clone().into_owned(),
        proxies: ctx.wire.proxies.iter().map(|proxy| proxy.to_canonical().to_string()).collect(),
        tls: ctx.wire.tls.clone(),
        client_certificate: ctx.wire.client_certificate.clone(),
    }
}

/// The key of an operation on a key, on a write as it would be. Neither a digest nor a text that goes through it.
fn key_operation(ask: &Ask<'_>, key: &KeyProperties) -> PolicyKeyOperation {
    let (key_size, curve) = match key.spec {
        KeySpec::Rsa { bits } | KeySpec::Oct { bits } => (Some(u32::from(bits)), None),
        KeySpec::Ec { crv } => (None, Some(crv.as_str().to_owned())),
    };
    let operations = ask.operations.unwrap_or(&key.operations);
    PolicyKeyOperation {
        algorithm: ask.algorithm.map(str::to_owned),
        key_type: key.type_name().to_owned(),
        key_size,
        curve,
        key_ops: operations.iter().map(|operation| operation.as_str().to_owned()).collect(),
        exportable: key.exportable,
    }
}

/// The certificate that is asked for, as it would be.
fn certificate_request(policy: &CertificatePolicy, days: u32) -> PolicyCertificateRequest {
    let said = &policy.template;
    let subject = Subject::parse(&said.subject).map(|subject| subject.to_string());
    PolicyCertificateRequest {
        // Checked before anybody was asked; should it not be a name after all, modules see what was written.
        subject: subject.unwrap_or_else(|_| said.subject.clone()),
        names: said.names.labelled(),
        issuer: policy.issuer.name.clone(),
        validity_days: Some(days),
    }
}

/// What modules see of another version of a backup that is restored.
fn of_version(ask: &Ask<'_>, of_current: &PolicyRequest, version: &SealedVersion) -> PolicyRequest {
    let attributes = &version.meta.attributes;
    let object = PolicyObject {
        tags: attributes.tags.clone(),
        enabled: Some(attributes.enabled),
        not_before: attributes.not_before,
        expires: attributes.expires,
        ..of_current.object.clone()
    };
    let key_operation = version.meta.key.as_deref().map(|key| key_operation(ask, key));
    PolicyRequest { object, key_operation, ..of_current.clone() }
}

/// Of another policy of a certificate: what the next version would be made of.
pub(super) fn policy_after(ask: &Ask<'_>, facts: Option<&SecretFacts>) -> Option<CertificatePolicy> {
    Some(ask.policy?.over(&facts?.secret.certificate.as_ref()?.policy))
}

/// What modules see: on a write the attributes and the key as they would be, otherwise as they are.
pub(super) fn policy_request(ctx: &RequestContext, ask: &Ask<'_>, facts: Option<&SecretFacts>) -> PolicyRequest {
    let version = facts.and_then(|f| f.version.as_ref());
    let stored = version.map(|v| &v.attributes);
    let proposed = ask.proposed.and_then(|proposed| proposed.over(facts));
    let attributes = proposed.as_ref().or(stored);
    let by_policy = policy_after(ask, facts);
    let next_key = by_policy.as_ref().map(CertificatePolicy::next_key);
    let key = ask.key.or(next_key.as_ref()).or_else(|| version?.key.as_deref());
    let next = by_policy.as_ref().map(|policy| (policy, policy.days_from(ctx.seconds())));
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
            vault: vault_of(ask),
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
        key_operation: key.map(|key| key_operation(ask, key)),
        certificate_request: ask.certificate.or(next).map(|(policy, days)| certificate_request(policy, days)),
        time: ctx.judged_seconds(),
        facts: at_hand(ctx, facts),
        approvals: None,
    }
}
