//! Requests that are on record, judged again by the rules as they are, or would be: by the gate's own code, from what
//! the record says of the request and nothing else.
//!
//! What the record does not hold is never looked up in its place, because it may be another by now: then the answer
//! is [`Again::Indeterminate`].

use std::sync::Arc;

use super::{
    Ask, Gate, Judged, OWNER_OVERRULES, Trace,
    attached::{Guards, OfStage},
    by_schedule,
    facts::is_gathered,
    is_judged, judge_network,
    modules::{VERSION_BY_VERSION, conclude},
    unreadable,
};
use crate::{
    access_policy::AccessMode,
    action::Action,
    context::RequestContext,
    decision::{DenyReason, StageEffect},
    gate::grants::mode_for,
    names::{ObjectName, ObjectVersion, VaultName},
    policy::{Effect, ModuleDigest, PolicyObject, PolicyRequest, PolicyStage, RECORDED_FOR_1_0, Said},
    principal::{Principal, PrincipalKind},
    record::Record,
};

/// Nothing can be told of a module that there was no time to ask.
const TOO_SLOW: &str = "the machine was too slow to ask a module";

/// What the record of a change tells that is of the modules alone: which are attached, and how far what comes to be enforced
/// was reviewed.
const TOLD_OF_MODULES: [&str; 3] = ["policies", "reviewed", "emergency_enforce"];

/// What becomes of a recorded request when it is judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would go through.
    Allowed,
    /// The listing would go through, and these would be asked about each entry of it. The entries are not on record, so
    /// what it would show is the same where the same are asked, and otherwise not known.
    Listed(EntryByEntry),
    /// It would be denied, for this reason.
    Denied(String),
    /// The record does not hold what would have to be judged.
    Indeterminate(&'static str),
}

/// Who is asked about the entries of a listing, in order, and whether something else than a module grants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryByEntry {
    granted: bool,
    modules: Vec<EntryModule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct EntryModule {
    module: ModuleDigest,
    settings: String,
    gives: bool,
}

/// A recorded request in the terms of the gate.
pub(crate) struct Recorded<'a> {
    pub(crate) record: &'a Record,
    pub(crate) action: Action,
    pub(crate) vault: VaultName,
    pub(crate) name: Option<ObjectName>,
    version: Option<ObjectVersion>,
    groups_known: bool,
    /// As it was, from where it was, at the moment at which it is judged again: rules end by that.
    pub(crate) ctx: RequestContext,
}

impl<'a> Recorded<'a> {
    /// The request of a record; none where the gate did not judge anything that somebody asks of a vault, or a schedule
    /// does there before the modules' eyes.
    pub(crate) fn of(record: &'a Record, now: i64) -> Option<Self> {
        let id = record.principal.clone()?;
        let (kind, action) = match record.principal_kind.as_str() {
            "user" => (PrincipalKind::User, Action::in_vault(&record.operation)?),
            "workload" => (PrincipalKind::Workload, Action::in_vault(&record.operation)?),
            "system" => (PrincipalKind::System, Action::done_in_vault(&record.operation)?),
            _ => return None,
        };
        // What modules were asked holds the groups, too.
        let asked = record.input.as_deref().filter(|input| !input.principal.issuer.is_empty());
        let groups = asked.map_or_else(|| record.groups.clone(), |input| input.principal.groups.clone());
        let principal = Principal { id, kind, groups, claims: record.claims.clone(), token: None, ends: None };
        let client = record.client.parse().ok()?;
        let ctx = RequestContext::new(record.id, Arc::new(principal), client, record.listener.clone(), now);
        // A schedule's request may leave no stage behind, where no module was attached.
        let of_a_certificate = record.input.as_deref().is_some_and(|input| input.certificate_request.is_some());
        let was_judged = match kind {
            PrincipalKind::System => by_schedule(&ctx, action) && is_judged(&ctx, action, of_a_certificate),
            _ => !record.trace.is_empty(),
        };
        if !was_judged {
            return None;
        }
        Some(Self {
            record,
            action,
            vault: VaultName::parse(record.vault.as_deref()?).ok()?,
            name: record.object.as_deref().map(ObjectName::parse).transpose().ok()?,
            groups_known: asked.is_some(),
            version: record.version.as_deref().map(ObjectVersion::parse).transpose().ok()?,
            ctx,
        })
    }

    /// What the gate was asked.
    pub(crate) fn ask(&self) -> Ask<'_> {
        let (name, version) = (self.name.as_ref(), self.version.as_ref());
        let mends_modules = self.mends_modules() == Some(true);
        Ask { name, version, mends_modules, ..Ask::objects(self.action.object_kind(), self.action, &self.vault) }
    }

    /// Whether somebody makes it, and not a schedule.
    pub(crate) fn is_of_somebody(&self) -> bool {
        self.ctx.principal.kind != PrincipalKind::System
    }

    /// Whether it did nothing but change which modules are attached to the vault; none where the record does not tell,
    /// because nothing was changed.
    fn mends_modules(&self) -> Option<bool> {
        if self.action != Action::VaultUpdate {
            return Some(false);
        }
        let overruled = |said: &crate::decision::Stage| said.reason == OWNER_OVERRULES;
        if self.record.trace.iter().any(overruled) {
            return Some(true);
        }
        let details = &self.record.details;
        (!details.is_empty()).then(|| details.keys().all(|detail| TOLD_OF_MODULES.contains(&detail.as_str())))
    }

    /// What tells modules whether they want to see it.
    fn in_short(&self, ask: &Ask<'_>) -> PolicyRequest {
        let object = PolicyObject {
            vault: self.vault.as_str().to_owned(),
            kind: ask.kind.as_str().to_owned(),
            name: ask.name.map(|name| name.as_str().to_owned()).unwrap_or_default(),
            ..PolicyObject::default()
        };
        PolicyRequest { action: ask.action.data_action().to_owned(), object, ..PolicyRequest::default() }
    }

    /// Whether the stage of this name let it through at that time.
    fn passed(&self, stage: &str) -> bool {
        self.record.trace.iter().any(|said| said.stage == stage && said.effect == StageEffect::Allow)
    }

    /// Whether modules were asked about versions besides the one on record, or would have been, had it not been denied.
    fn is_of_several_versions(&self) -> bool {
        let module_denied = |said: &crate::decision::Stage| {
            said.effect == StageEffect::Deny && said.stage.starts_with(super::POLICY_STAGE)
        };
        let mut trace = self.record.trace.iter();
        trace.clone().any(|said| said.reason == VERSION_BY_VERSION)
            || (self.action.is_of_versions() && trace.any(module_denied))
    }

    fn denied_at(&self, stage: &str) -> Option<&str> {
        let denied = |said: &&crate::decision::Stage| said.stage == stage && said.effect == StageEffect::Deny;
        self.record.trace.iter().find(denied).map(|said| said.reason.as_str())
    }
}

impl Gate {
    /// Judges a recorded request again. No permit, no record, and nothing comes of it.
    pub(crate) async fn judge_again(&self, recorded: &Recorded<'_>) -> Again {
        match Box::pin(self.again(recorded)).await {
            Ok(None) => Again::Allowed,
            Ok(Some(entries)) => Again::Listed(entries),
            Err(other) => other,
        }
    }

    async fn again(&self, recorded: &Recorded<'_>) -> Result<Option<EntryByEntry>, Again> {
        const GONE: &str = "the vault is not the one of that time any more";
        let mut trace = Trace { described: true, ..Trace::default() };
        let (ask, ctx) = (recorded.ask(), &recorded.ctx);
        let found = self.find_vault(&recorded.vault, ask.action, &mut trace).await.map_err(denied)?;
        let mut judged = Judged { vault: found, ..Judged::default() };
        let Some((vault, _)) = judged.vault.clone().filter(|(vault, _)| vault.created_at <= recorded.record.at) else {
            return Err(Again::Indeterminate(GONE));
        };
        // A schedule comes over no connection, and what it does was granted when it was set.
        let own = by_schedule(ctx, ask.action);
        if !own {
            judge_network(ctx, &vault, &mut trace).map_err(denied)?;
        }
        let guards = self.guards(Some(Arc::clone(&vault)), &mut trace).await.map_err(denied)?;
        let asked = self.of_stage(&guards, PolicyStage::Network, &mut judged).await;
        if !own && !asked.enforced.is_empty() {
            let input = recorded.record.input.as_deref();
            let input = input.ok_or(Again::Indeterminate("the connection is not on record as modules see it"))?;
            let connection = PolicyRequest {
                recorded_for: input.recorded_for,
                connection: input.connection.clone(),
                object: crate::policy::PolicyObject {
                    vault: input.object.vault.clone(),
                    kind: "vault".to_owned(),
                    ..Default::default()
                },
                time: input.time,
                ..PolicyRequest::default()
            };
            let said = self.ask_again(ctx, &asked, &connection, &mut trace).await;
            self.unless_overruled(recorded, said).await?;
        }
        if own {
            return self.modules_again(recorded, &ask, &guards, &mut judged, &mut trace).await;
        }
        if let Some(reason) = recorded.denied_at("identity") {
            return Err(Again::Denied(reason.to_owned()));
        }
        self.grants_again(recorded, &ask, &judged, &mut trace).await?;
        let said = self.modules_again(recorded, &ask, &guards, &mut judged, &mut trace).await;
        self.unless_overruled(recorded, said).await
    }

    /// What modules deny, an Owner of the installation overrules who changes modules alone.
    async fn unless_overruled<T: Default>(&self, recorded: &Recorded<'_>, said: Result<T, Again>) -> Result<T, Again> {
        let (Err(Again::Denied(_)), mends) = (&said, recorded.mends_modules()) else { return said };
        if mends == Some(false) {
            return said;
        }
        match (self.owns_installation(&recorded.ctx).await, mends) {
            (Err(error), _) => Err(denied(unreadable(&error))),
            (Ok(true), Some(_)) => Ok(T::default()),
            (Ok(true), None) => Err(Again::Indeterminate("what an Owner would have changed is not on record")),
            (Ok(false), _) if !recorded.groups_known && recorded.ctx.principal.id.issuer != self.own_issuer => {
                Err(Again::Indeterminate("the groups of who asked are not on record"))
            }
            (Ok(false), _) => said,
        }
    }

    /// What was granted then was granted; the groups of who asked are on record where a module was asked.
    async fn grants_again(
        &self,
        recorded: &Recorded<'_>,
        ask: &Ask<'_>,
        judged: &Judged,
        trace: &mut Trace,
    ) -> Result<(), Again> {
        const STAGES: [&str; 2] = ["grants", "access-policy"];
        let denied_then = STAGES.iter().any(|stage| recorded.denied_at(stage).is_some());
        if !denied_then && STAGES.iter().any(|stage| recorded.passed(stage)) {
            return Ok(());
        }
        let known = denied_then || recorded.groups_known || recorded.ctx.principal.id.issuer == self.own_issuer;
        match self.judge_grants(&recorded.ctx, ask, judged, trace).await {
            Err(DenyReason::NoRole | DenyReason::NoAccessPolicy) if !known => {
                Err(Again::Indeterminate("the groups of who asked are not on record"))
            }
            verdict => verdict.map_err(denied),
        }
    }

    async fn modules_again(
        &self,
        recorded: &Recorded<'_>,
        ask: &Ask<'_>,
        guards: &Guards,
        judged: &mut Judged,
        trace: &mut Trace,
    ) -> Result<Option<EntryByEntry>, Again> {
        let asked = self.of_stage(guards, PolicyStage::Request, judged).await;
        let by_rules = by_schedule(&recorded.ctx, ask.action)
            || mode_for(ask.action, guards.vault.as_deref()) != AccessMode::Modules;
        let mut granted = by_rules;
        if !asked.enforced.is_empty() {
            let input = recorded.record.input.as_deref().filter(|input| !input.action.is_empty());
            // Whoever does not want to see such a request needs nothing of it.
            let in_short = recorded.in_short(ask);
            let seen = input.unwrap_or(&in_short);
            let wants = |module| !self.policies.passes_over(module, seen);
            let asking: Vec<_> = asked.enforced.iter().filter(|attached| wants(&attached.attachment.module)).collect();
            if asking.is_empty() {
                return if granted { Ok(self.entry_by_entry(recorded, &asked, by_rules)) } else { Err(no_authority()) };
            }
            let input =
                input.ok_or(Again::Indeterminate("no module was asked, so what it would see is not on record"))?;
            if input.recorded_for < RECORDED_FOR_1_0 {
                return Err(Again::Indeterminate("recorded before modules were told what they are told now"));
            }
            if !asking.iter().all(|attached| attached.is_there) {
                return Err(Again::Indeterminate(TOO_SLOW));
            }
            for attached in asking {
                let needs = self.policies.needs(&attached.attachment.module).await.unwrap_or_default();
                if !needs.facts.iter().filter(|fact| is_gathered(fact)).all(|fact| input.holds(fact)) {
                    return Err(Again::Indeterminate("a fact that a module wants was not recorded"));
                }
            }
            granted |= self.ask_again(&recorded.ctx, &asked, input, trace).await?;
            if granted && recorded.is_of_several_versions() {
                return Err(Again::Indeterminate(
                    "one of several versions is on record, and denied it would be by any",
                ));
            }
        }
        if granted { Ok(self.entry_by_entry(recorded, &asked, by_rules)) } else { Err(no_authority()) }
    }

    /// Who would be asked about the entries of a listing, which are not on record.
    fn entry_by_entry(&self, recorded: &Recorded<'_>, asked: &OfStage<'_>, granted: bool) -> Option<EntryByEntry> {
        if !recorded.action.is_of_entries() {
            return None;
        }
        let in_short = recorded.in_short(&recorded.ask());
        let wants = |module| match &recorded.name {
            // All entries are versions of this one.
            Some(_) => !self.policies.passes_over(module, &in_short),
            None => self.policies.wants(module, recorded.action.data_action()),
        };
        let modules = asked.enforced.iter().filter(|attached| wants(&attached.attachment.module));
        let modules: Vec<_> = modules
            .map(|attached| EntryModule {
                module: attached.attachment.module,
                settings: attached.attachment.settings.clone(),
                gives: attached.attachment.authority && attached.vault.is_some(),
            })
            .collect();
        (!modules.is_empty()).then_some(EntryByEntry { granted, modules })
    }

    /// Asks the enforced modules of a stage; gives whether one of the vault's own with authority allowed.
    async fn ask_again(
        &self,
        ctx: &RequestContext,
        asked: &OfStage<'_>,
        request: &PolicyRequest,
        trace: &mut Trace,
    ) -> Result<bool, Again> {
        let mut granted = false;
        let answers = self.ask_modules(&asked.enforced, request).await;
        for (attached, said) in asked.enforced.iter().zip(answers) {
            if by_the_clock(&said) {
                return Err(Again::Indeterminate(TOO_SLOW));
            }
            let effect = conclude(ctx, *attached, said, request, trace).map_err(denied)?;
            granted |= attached.attachment.authority && attached.vault.is_some() && effect == Effect::Allow;
        }
        Ok(granted)
    }
}

/// A clock's verdict is another one each time.
fn by_the_clock(said: &Said) -> bool {
    said.answer.as_ref().is_err_and(|failure| failure.is_of_the_moment())
}

fn no_authority() -> Again {
    Again::Denied(DenyReason::NoAuthority.code().to_owned())
}

fn denied(reason: DenyReason) -> Again {
    match reason {
        DenyReason::Unavailable => Again::Indeterminate("what would be judged could not be read"),
        reason => Again::Denied(reason.code().to_owned()),
    }
}
