//! Attached policy modules, at their stage: with the network rules, or last; those of all vaults first. Every
//! enforced one can deny; in the access mode `modules` one of the vault's own with authority must allow.

use super::{
    Ask, Gate, Judged, Trace,
    approvals::wanted,
    attached::{Attached, Guards, Patience},
    by_schedule,
    grants::mode_for,
    runs::Fared,
    seen::{connection_alone, of_leaving, of_next, of_restored, policy_request, vault_of},
    unreadable,
};
use crate::{
    access_policy::AccessMode,
    backup::MAX_BACKUP_VERSIONS,
    context::RequestContext,
    decision::{ApprovalWanted, DenyReason, Stage, StageEffect, StepUp},
    names::VaultName,
    policy::{Effect, Obligation, PolicyAttachment, PolicyFailure, PolicyRequest, PolicyStage, Said},
};

/// How the stage of an attached module begins in a trace; its attachment's name follows.
pub(crate) const POLICY_STAGE: &str = "policy:";
/// Reason of a module that was not asked any more, because one before it denied.
pub const BEHIND_A_DENIAL: &str = "behind-a-denial";
/// What the record says where a request was about several versions, of which it holds one.
pub(super) const VERSION_BY_VERSION: &str = "judged-version-by-version";

impl Gate {
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
        if verdict.is_err() {
            name_those_behind(&asked.enforced, trace);
        }
        self.ask_shadows(ctx, &asked.shadows, &request, &mut judged.shadows, trace).await;
        judged.input = Some(Box::new(request));
        verdict
    }

    /// Whether one of these modules, were it enforced in a vault, or in all of them where none is named, would keep out the
    /// connection that the caller asks over.
    pub(crate) async fn would_keep_out(
        &self,
        ctx: &RequestContext,
        vault: Option<&VaultName>,
        modules: impl Iterator<Item = &PolicyAttachment> + Send,
    ) -> bool {
        let request = connection_alone(ctx, vault.map(|vault| vault.as_str().to_owned()).unwrap_or_default());
        let mut patience = Patience::default();
        for attachment in modules {
            let needs = patience.for_needs(self.policies.needs(&attachment.module)).await.flatten();
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
        let (others, beside) = match &verdict {
            Ok(_) => self.to_ask_about(ask, &asked.enforced, &request, judged, granted, trace).await?,
            Err(_) => (Vec::new(), 0),
        };
        // That there were others is on record, because they are not.
        let mut several = (beside > 0).then(|| {
            Stage::new("modules", StageEffect::Allow, VERSION_BY_VERSION).with_detail(format!("{beside} others"))
        });
        for other in others {
            let Ok(given) = verdict else { break };
            let Trace { described, ahead, of_many, .. } = *trace;
            let mut apart = Trace { described, ahead, of_many, ..Trace::default() };
            let said = self.ask_enforced(ctx, ask, &asked.enforced, &other, judged, &mut apart).await;
            trace.runs.append(&mut apart.runs);
            let denies = match &said {
                // That no authority allows it is a denial where nothing else grants anything.
                Ok(also) => given && !also && !granted,
                Err(_) => true,
            };
            verdict = said.map(|also| also && given);
            if denies {
                // What is on record is what was denied, so that it can be judged again.
                trace.stages.truncate(begun);
                trace.stages.extend(several.take());
                trace.stages.append(&mut apart.stages);
                trace.micros.append(&mut apart.micros);
                request = other;
                break;
            }
        }
        trace.stages.extend(several);
        self.ask_shadows(ctx, &asked.shadows, &request, &mut judged.shadows, trace).await;
        // It holds what the modules of the connection were asked, too.
        judged.input = Some(Box::new(request));
        if verdict? || granted { Ok(()) } else { Err(self.no_authority(ctx, ask, judged, trace).await) }
    }

    /// What a request that is about several versions is about besides: of a restore those that come back, of a backup
    /// those that leave; and how many there are that look different. One call to each module sorts out what nobody denies. There are no more of them than a backup
    /// holds, and where nobody is enforced nobody is asked.
    async fn to_ask_about(
        &self,
        ask: &Ask<'_>,
        enforced: &[Attached<'_>],
        request: &PolicyRequest,
        judged: &Judged,
        granted: bool,
        trace: &mut Trace,
    ) -> Result<(Vec<PolicyRequest>, usize), DenyReason> {
        if enforced.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let mut others: Vec<_> = ask.versions.iter().map(|version| of_restored(ask, request, &version.meta)).collect();
        others.extend(of_next(ask, request));
        if let (true, Some((vault, keys)), Some(facts)) = (ask.action.backs_up(), &judged.vault, &judged.facts) {
            let name = &facts.secret.name;
            let found = self.objects.version_metas(vault.id, ask.kind, name, MAX_BACKUP_VERSIONS).await;
            let found = found.map_err(|error| {
                tracing::error!(%error, "the gate could not read the versions of an object");
                trace.deny("object", unreadable(&error), None)
            })?;
            if !found.iter().all(|version| self.keyring.verify_version(keys, ask.kind, name, version).is_ok()) {
                return Err(trace.deny("object", DenyReason::Tampered, None));
            }
            let leave = found.iter().filter(|version| version.version != facts.secret.current);
            others.extend(leave.map(|version| of_leaving(ask, request, version)));
        }
        others.retain(|other| other != request);
        if others.is_empty() {
            return Ok((others, 0));
        }
        let beside = others.len();
        let modules: Vec<_> = enforced.iter().collect();
        // Without usable answers to all at once, each is asked about by itself.
        let passed = self.pass(&modules, &others, granted).await.unwrap_or_else(|_| vec![false; others.len()]);
        let denied = others.into_iter().zip(passed).filter_map(|(other, passed)| (!passed).then_some(other));
        Ok((denied.collect(), beside))
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
        let asked = |module: &&Attached<'_>| module.is_there && module.attachment.authority && module.vault.is_some();
        for module in modules.iter().filter(asked) {
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
                        name_those_behind(enforced, trace);
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
                    name_those_behind(enforced, trace);
                    return Err(if stranger { reason.without_name() } else { reason });
                }
            }
        }
        Ok(given)
    }

    /// Asks modules in order, up to and including the first that denies or fails, or was not there in time. Behind the
    /// answers stands a failure: an engine that leaves a module out without saying why has not judged.
    pub(super) async fn ask_modules(&self, attached: &[Attached<'_>], request: &PolicyRequest) -> Vec<Said> {
        let there = attached.iter().take_while(|attached| attached.is_there);
        let attachments: Vec<_> = there.map(|attached| attached.attachment).collect();
        let missing =
            if attachments.len() < attached.len() { PolicyFailure::NotReady } else { PolicyFailure::BadAnswer };
        let mut answers =
            if attachments.is_empty() { Vec::new() } else { self.policies.judge(&attachments, request).await };
        answers.truncate(attachments.len());
        answers.push(missing.into());
        answers
    }
}

/// Puts into the trace who was not asked any more, because the last one that was denies.
fn name_those_behind(enforced: &[Attached<'_>], trace: &mut Trace) {
    let stage = |attached: &Attached<'_>| format!("{POLICY_STAGE}{}", attached.shown());
    let Some(last) = trace.stages.last().map(|last| last.stage.clone()) else { return };
    let behind = enforced.iter().skip_while(|attached| stage(attached) != last).skip(1);
    let unasked = behind.map(|attached| {
        let detail = attached.attachment.module.to_string();
        Stage::new(stage(attached), StageEffect::NotAsked, BEHIND_A_DENIAL).with_detail(detail)
    });
    trace.stages.extend(unasked.collect::<Vec<_>>());
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
    trace.ran(&attached, Fared::of(&said.answer, true), said.micros);
    let answer = match said.answer {
        Ok(answer) => answer,
        Err(failure) => {
            trace.stages.push(Stage::of_module(stage, attachment.module, Err(failure)));
            return Err(DenyReason::PolicyFailed { attachment: name, failure });
        }
    };
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
    let (effect, code, sentence) = (answer.effect, answer.reason_code.clone(), answer.sentence.clone());
    trace.stages.push(Stage::of_module(stage, attachment.module, Ok(answer)));
    if effect == Effect::Deny {
        return Err(DenyReason::Policy { attachment: name, code, sentence, step_up, approval });
    }
    Ok(effect)
}
