//! The gate: the only place that says yes.
//!
//! Judged in this order: the vault, network rules, modules that judge connections, the identity's state,
//! grants, the object's metadata, policy modules. Default deny, any deny wins, an error denies. Reads metadata, never a
//! value. A `yes` is a [`Permit`], bound to what was judged.

mod approvals;
mod ask;
mod attached;
mod entries;
mod facts;
mod find_vault;
mod grants;
mod modules;
mod recorded;
mod runs;
mod seen;
mod shadow;
mod supposed;
mod told;

pub(crate) use attached::EVERYWHERE;
pub use modules::BEHIND_A_DENIAL;
pub(crate) use modules::POLICY_STAGE;
pub(crate) use recorded::{Again, Recorded};
pub(crate) use supposed::Supposition;
pub(crate) use told::{changed_tags, signing};

use std::{collections::BTreeMap, sync::Arc};

pub use ask::{Ask, DescribedObject, Proposed};
pub use attached::READY_WITHIN;
pub use runs::{FailureSeen, ModuleRuns, RunsSeen};
pub use shadow::{SHADOW_BUDGET, SHADOW_SAMPLES, ShadowCount, ShadowCounts, ShadowSample, ShadowSeen};
use uuid::Uuid;

use crate::{
    access_policy::AccessMode,
    action::Action,
    approval::ApprovalRequest,
    context::RequestContext,
    decision::{Denial, DenyReason, Stage, StageEffect},
    identity::Workload,
    keyring::{Keyring, VaultKeys},
    names::{ObjectKind, ObjectName, VaultName},
    permit::{Held, ObjectRef, Permit},
    policy::{ModuleDigest, PolicyEngine, PolicyRequest},
    ports::{
        ApprovalStore, GrantStore, IdentityStore, ObjectStore, PolicyStore, RequestCounts, StoreError, VaultStore,
    },
    principal::{PrincipalKind, SYSTEM_ISSUER},
    record::{Outcome, Record},
    secret::SecretFacts,
    vault::Vault,
};

/// A permitted request: the permit, what was judged, and the record begun.
pub struct Case {
    /// The permit.
    pub permit: Permit,
    /// The record, to be completed by how it went.
    pub record: Record,
    /// The vault with its keys; none for the installation itself.
    pub vault: Option<(Arc<Vault>, Arc<VaultKeys>)>,
    /// The object, if there is one.
    pub facts: Option<Arc<SecretFacts>>,
    /// The workload that was asked about, if there is one.
    pub workload: Option<Arc<Workload>>,
    /// The request for approval that it rests on, where that is for one time.
    pub spends: Option<Box<ApprovalRequest>>,
}

/// What the gate concluded. A denial is held like everything else until it is on record.
pub enum Judgement {
    /// Go on with the permit.
    Permitted(Box<Case>),
    /// No.
    Denied(Box<Record>, Held<Denial>),
}

/// What the gate would say of a request that nobody makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Why it would be denied, if it would.
    pub denied: Option<DenyReason>,
    /// What each stage would say.
    pub trace: Vec<Stage>,
    /// How long each policy module ran, microseconds, by the name of its stage.
    pub module_micros: BTreeMap<String, u64>,
    /// Revision of the vault's settings that were in force.
    pub settings_revision: Option<i64>,
    /// Behind the gate: what the state of the object would make of it, where whoever asks may read that.
    pub state: Option<Stage>,
    /// What modules were asked last, if any was. For trying other rules on it, and not to be shown.
    pub(crate) input: Option<Box<PolicyRequest>>,
}

/// The gate with what it asks.
pub struct Gate {
    /// Own issuer: principals of it are workloads kept here, whose state is judged too.
    pub own_issuer: String,
    /// Vaults.
    pub vaults: Arc<dyn VaultStore>,
    /// Assignments.
    pub grants: Arc<dyn GrantStore>,
    /// Metadata of what is in vaults.
    pub objects: Arc<dyn ObjectStore>,
    /// Workloads' state.
    pub identities: Arc<dyn IdentityStore>,
    /// Policy modules.
    pub policies: Arc<dyn PolicyEngine>,
    /// Which of them are attached to every vault.
    pub attached: Arc<dyn PolicyStore>,
    /// Counts requests for the modules that want to know.
    pub counts: Arc<dyn RequestCounts>,
    /// What other people agreed to.
    pub approvals: Arc<dyn ApprovalStore>,
    /// What modules in shadow would have said.
    pub shadows: ShadowCounts,
    /// How modules fared lately.
    pub runs: ModuleRuns,
    /// Authenticates what is judged.
    pub keyring: Arc<Keyring>,
}

/// A permit that rests on holding the root key in use: whoever does can open everything as it is. For the
/// process that has opened an installation with it, never for a request.
pub(crate) fn holder_of_root_key(ctx: &RequestContext, action: Action) -> Case {
    let ask = Ask::server(action);
    let object = ObjectRef { vault: None, kind: ask.kind, name: None };
    let permit = Permit::grant(ctx.request_id, action, object, None);
    Case { permit, record: begin_record(ctx, &ask), vault: None, facts: None, workload: None, spends: None }
}

/// A judgement in progress: the trace so far, and how long the modules in it ran.
#[derive(Default)]
struct Trace {
    stages: Vec<Stage>,
    micros: BTreeMap<String, u64>,
    /// How the modules in it fared.
    runs: Vec<runs::Ran>,
    /// Nobody makes the request: nothing must come of it.
    described: bool,
    /// Nobody makes it yet: what is judged is whether to show what leads there. Modules in shadow are not asked.
    ahead: bool,
    /// One of many that one answer is made of, whose record holds none of these stages: nobody looks for it there.
    of_many: bool,
}

/// What the modules may take of the time of one answer, however many judgements it is made of.
#[derive(Default)]
pub(crate) struct Budgets {
    shadows: shadow::ShadowBudget,
    patience: attached::Patience,
}

impl Trace {
    /// Whether somebody makes the request, so that it counts and others are told of it.
    fn is_of_a_request(&self) -> bool {
        !self.described && !self.ahead
    }

    fn allow(&mut self, stage: &str, reason: &str, detail: Option<String>) {
        self.push(stage, StageEffect::Allow, reason, detail);
    }

    fn deny(&mut self, stage: &str, reason: DenyReason, detail: Option<String>) -> DenyReason {
        self.push(stage, StageEffect::Deny, reason.code(), detail);
        reason
    }

    fn push(&mut self, stage: &str, effect: StageEffect, reason: &str, detail: Option<String>) {
        self.stages.push(Stage::new(stage, effect, reason).with_detail(detail));
    }

    /// Notes how long the module of a stage ran, if it did.
    fn took(&mut self, stage: &str, micros: Option<u64>) {
        if let Some(micros) = micros {
            self.micros.insert(stage.to_owned(), micros);
        }
    }
}

#[derive(Default)]
struct Judged {
    vault: Option<(Arc<Vault>, Arc<VaultKeys>)>,
    facts: Option<Arc<SecretFacts>>,
    workload: Option<Arc<Workload>>,
    input: Option<Box<PolicyRequest>>,
    /// Revision of what is attached to all vaults, where anything is.
    everywhere: Option<i64>,
    /// Enforced modules that could not be had when the connection was judged. They are asked last, whatever they
    /// turn out to judge: one that comes in between is not to be left out at both stages.
    missed: Vec<ModuleDigest>,
    /// The request for approval whose approvals count here, where they do once.
    spends: Option<Box<ApprovalRequest>>,
    /// What modules in shadow may still take of the request's time.
    shadows: shadow::ShadowBudget,
    /// How long enforced ones may still take until they are there.
    patience: attached::Patience,
}

impl Gate {
    /// Judges a request.
    pub async fn judge(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Judgement {
        self.judged(ctx, ask, Trace::default(), &mut Budgets::default()).await
    }

    /// Judges one of many requests that one answer is made of, within what is left of the answer's budgets. What modules
    /// in shadow would say is counted, and not named as a sample: the answer's record holds no stage of it.
    pub(crate) async fn judge_one_of_many(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        budgets: &mut Budgets,
    ) -> Judgement {
        self.judged(ctx, ask, Trace { of_many: true, ..Trace::default() }, budgets).await
    }

    /// Judges a request that the caller may go on to make, for showing or leaving out what leads there: alike, but
    /// nobody is alerted, and modules in shadow are not asked. Whoever makes it is judged again.
    pub(crate) async fn judge_ahead(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Judgement {
        self.judge_ahead_within(ctx, ask, &mut Budgets::default()).await
    }

    /// The same of one of many, within what is left of the answer's budgets.
    pub(crate) async fn judge_ahead_within(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        budgets: &mut Budgets,
    ) -> Judgement {
        budgets.shadows = shadow::ShadowBudget::spent();
        self.judged(ctx, ask, Trace { ahead: true, ..Trace::default() }, budgets).await
    }

    async fn judged(&self, ctx: &RequestContext, ask: &Ask<'_>, mut trace: Trace, budgets: &mut Budgets) -> Judgement {
        trace.stages.reserve(6);
        let Budgets { shadows, patience } = std::mem::take(budgets);
        let mut judged = Judged { shadows, patience, ..Judged::default() };
        // On the heap: what the stages hold is much, and every use case would carry it on its stack.
        let verdict = Box::pin(self.stages(ctx, ask, &mut trace, &mut judged)).await;
        *budgets =
            Budgets { shadows: std::mem::take(&mut judged.shadows), patience: std::mem::take(&mut judged.patience) };
        self.runs.note(ctx, std::mem::take(&mut trace.runs));
        let mut record = begin_record(ctx, ask);
        (record.trace, record.module_micros) = (trace.stages, trace.micros);
        record.settings_revision = judged.vault.as_ref().map(|(vault, _)| vault.revision);
        record.policies_revision = judged.everywhere;
        record.input = judged.input;
        match verdict {
            Ok(()) => {
                let object = ObjectRef {
                    vault: judged.vault.as_ref().map(|(vault, _)| (vault.id, vault.name.clone())),
                    kind: ask.kind,
                    name: match (ask.name, ask.kind, ask.vault) {
                        (None, ObjectKind::Vault, Some(new)) if judged.vault.is_none() => {
                            ObjectName::parse(new.as_str()).ok()
                        }
                        (name, ..) => name.cloned(),
                    },
                };
                let revision = match ask.kind {
                    kind if kind.is_in_vault() => judged.facts.as_ref().map(|f| f.secret.revision),
                    ObjectKind::Vault => judged.vault.as_ref().map(|(vault, _)| vault.revision),
                    ObjectKind::Workload => judged.workload.as_ref().map(|workload| workload.revision),
                    _ => None,
                };
                let permit = Permit::grant(ctx.request_id, ask.action, object, revision);
                let Judged { vault, facts, workload, spends, .. } = judged;
                Judgement::Permitted(Box::new(Case { permit, record, vault, facts, workload, spends }))
            }
            Err(reason) => {
                if reason != *reason.told() {
                    record.status = ctx.status_of(Outcome::Denied, reason.told().code());
                }
                let denial = Denial { request_id: ctx.request_id, action: ask.action, reason };
                Judgement::Denied(Box::new(record), Held::without_permit(ctx.request_id, denial))
            }
        }
    }

    /// Judges a request that nobody makes, stage by stage as ever, and lets nothing come of it: no permit, no record,
    /// no request for approval, no alert, no count of what modules in shadow would say.
    pub(crate) async fn foresee(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Foreseen {
        let (mut trace, mut judged) = (Trace { described: true, ..Trace::default() }, Judged::default());
        let denied = Box::pin(self.stages(ctx, ask, &mut trace, &mut judged)).await.err();
        let settings_revision = judged.vault.as_ref().map(|(vault, _)| vault.revision);
        let Judged { input, .. } = judged;
        Foreseen { denied, trace: trace.stages, module_micros: trace.micros, settings_revision, state: None, input }
    }

    /// What is known of an object, without its value, for whom the gate would let do this with it; none for all others.
    /// Nothing comes of it either.
    pub(crate) async fn peek(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Option<Option<Arc<SecretFacts>>> {
        let mut trace = Trace { described: true, ahead: true, ..Trace::default() };
        let mut judged = Judged { shadows: shadow::ShadowBudget::spent(), ..Judged::default() };
        Box::pin(self.stages(ctx, ask, &mut trace, &mut judged)).await.ok()?;
        Some(judged.facts)
    }

    /// Judges a request as far as the policy modules: address, identity and grants. Gives no permit; for what must be
    /// done before all is known that is judged, and not for everybody. The record is for when it cannot be done.
    pub(crate) async fn until_modules(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Option<Record> {
        let (mut trace, mut judged) = (Trace::default(), Judged::default());
        judged.vault = self.find_vault(ask.vault?, ask.action, &mut trace).await.ok()?;
        judge_network(ctx, &judged.vault.as_ref()?.0, &mut trace).ok()?;
        self.judge_identity(ctx, &mut trace).await.ok()?;
        self.judge_grants(ctx, ask, &judged, &mut trace).await.ok()?;
        let settings_revision = judged.vault.as_ref().map(|(vault, _)| vault.revision);
        Some(Record { trace: trace.stages, settings_revision, ..begin_record(ctx, ask) })
    }

    /// A permit that rests on a proven credential instead of a grant: for the ways in, which
    /// nobody can have a role for before they are in.
    pub(crate) fn proven(&self, ctx: &RequestContext, action: Action) -> Case {
        let ask = Ask::server(action);
        let object = ObjectRef { vault: None, kind: ask.kind, name: None };
        let permit = Permit::grant(ctx.request_id, action, object, None);
        Case { permit, record: begin_record(ctx, &ask), vault: None, facts: None, workload: None, spends: None }
    }

    /// Judges the caller's identity alone: for lists of what one may see, whose entries are each judged.
    pub(crate) async fn identified(&self, ctx: &RequestContext, action: Action) -> Judgement {
        let mut trace = Trace::default();
        let verdict = self.judge_identity(ctx, &mut trace).await;
        let mut case = self.proven(ctx, action);
        case.record.trace = trace.stages;
        match verdict {
            Ok(()) => Judgement::Permitted(Box::new(case)),
            Err(reason) => {
                let denial = Denial { request_id: ctx.request_id, action, reason };
                Judgement::Denied(Box::new(case.record), Held::without_permit(ctx.request_id, denial))
            }
        }
    }

    /// Judges stage by stage. That something in a vault cannot be judged, because it is damaged or out of reach, is told
    /// to those alone who hold something there.
    async fn stages(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        trace: &mut Trace,
        judged: &mut Judged,
    ) -> Result<(), DenyReason> {
        match (self.each_stage(ctx, ask, trace, judged).await, ask.vault) {
            (Err(reason @ (DenyReason::Tampered | DenyReason::Unavailable)), Some(name)) => {
                Err(self.unfit(ctx, ask, name, judged, reason, trace).await)
            }
            (verdict, _) => verdict,
        }
    }

    async fn each_stage(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        trace: &mut Trace,
        judged: &mut Judged,
    ) -> Result<(), DenyReason> {
        if let Some(name) = ask.vault {
            judged.vault = self.find_vault(name, ask.action, trace).await?;
        }
        let own = by_schedule(ctx, ask.action);
        if let Some((vault, _)) = judged.vault.as_ref().filter(|_| !own)
            && let Err(reason) = judge_network(ctx, vault, trace)
        {
            return Err(self.kept_out(ctx, ask, judged, reason, trace).await);
        }
        let vault = judged.vault.as_ref().map(|(vault, _)| Arc::clone(vault));
        let concerns_all = concerns_all_vaults(ask.action) && !may_bootstrap(ctx, ask.action);
        let guards = if is_judged(ctx, ask.action, ask.certificate.is_some()) && (vault.is_some() || concerns_all) {
            Some(self.guards(vault, trace).await?)
        } else {
            None
        };
        let everywhere = guards.as_ref().map(|guards| &guards.everywhere);
        judged.everywhere = everywhere.filter(|all| !all.policies.is_empty()).map(|all| all.revision);
        // A schedule comes over no connection.
        if let Some(guards) = guards.as_ref().filter(|_| !own)
            && let Err(reason) = self.judge_connection(ctx, ask, guards, judged, trace).await
            && !self.overrules(ctx, ask, trace).await?
        {
            return Err(self.kept_out(ctx, ask, judged, reason, trace).await);
        }
        self.judge_identity(ctx, trace).await?;
        if let Err(reason) = self.judge_grants(ctx, ask, judged, trace).await {
            let of_vault = reason == DenyReason::NoAccessPolicy;
            return Err(if of_vault { self.as_told(ctx, ask, judged, reason).await } else { reason });
        }
        if let (ObjectKind::Workload, Some(name)) = (ask.kind, ask.name) {
            judged.workload = self.find_workload(name, trace).await?;
        }
        if let (Some((vault, keys)), Some(name)) = (&judged.vault, ask.name) {
            judged.facts = if ask.action.purges() {
                self.find_condemned(vault, keys, name, ask, trace).await?
            } else {
                self.find_object(vault, keys, name, ask, trace).await?
            };
        }
        if let Some(guards) = &guards
            && let Err(reason) = self.judge_modules(ctx, ask, guards, judged, trace).await
            && !self.overrules(ctx, ask, trace).await?
        {
            return Err(reason);
        }
        Ok(())
    }

    /// Whether the caller may go on against what a module denied: an Owner of the installation who changes modules alone.
    /// One that is broken, or denies its own removal, whether of the request or of its connection, must not keep the
    /// owners out for ever.
    async fn overrules(&self, ctx: &RequestContext, ask: &Ask<'_>, trace: &mut Trace) -> Result<bool, DenyReason> {
        let overrules = ask.mends_modules && self.owns_installation(ctx).await.map_err(|error| unreadable(&error))?;
        if overrules {
            trace.allow("modules", OWNER_OVERRULES, None);
        }
        Ok(overrules)
    }

    /// The reason of a denial by where a request comes from, as the caller may hear it.
    async fn kept_out(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        judged: &Judged,
        reason: DenyReason,
        trace: &mut Trace,
    ) -> DenyReason {
        let told = self.as_told(ctx, ask, judged, reason).await;
        self.as_of_no_vault(ctx, told, trace).await
    }

    /// That something cannot be judged, as the caller may hear it: who holds nothing in the vault hears what everybody
    /// hears of one that does not exist.
    async fn unfit(
        &self,
        ctx: &RequestContext,
        ask: &Ask<'_>,
        name: &VaultName,
        judged: &Judged,
        reason: DenyReason,
        trace: &mut Trace,
    ) -> DenyReason {
        if by_schedule(ctx, ask.action) || may_bootstrap(ctx, ask.action) {
            return reason;
        }
        let found = match &judged.vault {
            Some((vault, _)) => Ok(Some(Arc::clone(vault))),
            None => self.vaults.vault(name).await,
        };
        let vault = match found {
            // A module that cannot be asked now may let in whoever holds nothing: they are to try again.
            Ok(Some(vault))
                if reason == DenyReason::Unavailable
                    && grants::mode_for(ask.action, Some(&vault)) == AccessMode::Modules =>
            {
                return reason;
            }
            Ok(Some(vault)) => Some(vault.id),
            Err(StoreError::Damaged(_)) => self.id_of_damaged(name).await,
            // It does not exist, or nobody can say.
            Ok(None) | Err(_) => return reason,
        };
        match self.reaches_into(ctx, vault).await {
            Ok(true) => reason,
            Ok(false) => self.as_of_no_vault(ctx, DenyReason::Concealed(Box::new(reason)), trace).await,
            Err(error) => unreadable(&error),
        }
    }

    /// Of a vault that does not exist a stranger hears whether their identity counts, and then that they hold nothing.
    async fn as_of_no_vault(&self, ctx: &RequestContext, told: DenyReason, trace: &mut Trace) -> DenyReason {
        if !matches!(told, DenyReason::Concealed(_)) {
            return told;
        }
        let mut aside = Trace { described: trace.described, ..Trace::default() };
        match self.judge_identity(ctx, &mut aside).await {
            Ok(()) => told,
            Err(of_identity) => {
                trace.stages.append(&mut aside.stages);
                of_identity
            }
        }
    }

    async fn judge_identity(&self, ctx: &RequestContext, trace: &mut Trace) -> Result<(), DenyReason> {
        let principal = &ctx.principal;
        // Looked at when it arrived; it may have ended since, where the request waited long.
        if principal.ends.is_some_and(|ends| ends <= ctx.judged_seconds()) {
            return Err(trace.deny(
                "identity",
                DenyReason::Identity,
                Some("its token has expired meanwhile".to_owned()),
            ));
        }
        if principal.id.issuer != self.own_issuer {
            return Ok(());
        }
        let client_id = match principal.id.subject.parse() {
            Ok(client_id) if principal.kind == PrincipalKind::Workload => client_id,
            _ => return Err(trace.deny("identity", DenyReason::Identity, None)),
        };
        match self.identities.workload(client_id).await {
            Ok(Some(workload)) => {
                if self.keyring.verify_workload(&workload).is_err() || workload.client_id != client_id {
                    return Err(trace.deny("identity", DenyReason::Tampered, None));
                }
                if !workload.enabled {
                    return Err(trace.deny("identity", DenyReason::Identity, None));
                }
                // A token outlives neither the credential it was made from nor a time of being disabled. Who is only
                // described has none, and could get one or not.
                let (backed, otherwise) = if trace.described {
                    (workload.can_come(ctx.judged_seconds()), "it has no credential that counts now")
                } else {
                    let backed = principal.token.is_some_and(|token| workload.stands_behind(token));
                    (backed, "what the token was made from is gone")
                };
                if !backed {
                    return Err(trace.deny("identity", DenyReason::Identity, Some(otherwise.to_owned())));
                }
                trace.allow("identity", "enabled", None);
                Ok(())
            }
            Ok(None) => Err(trace.deny("identity", DenyReason::Identity, None)),
            Err(error) => {
                tracing::error!(%error, "the gate could not read a workload");
                Err(trace.deny("identity", unreadable(&error), None))
            }
        }
    }

    async fn find_workload(&self, name: &ObjectName, trace: &mut Trace) -> Result<Option<Arc<Workload>>, DenyReason> {
        let Ok(client_id) = Uuid::try_parse(name.as_str()) else { return Ok(None) };
        match self.identities.workload(client_id).await {
            Ok(Some(found)) if self.keyring.verify_workload(&found).is_ok() && found.client_id == client_id => {
                Ok(Some(found))
            }
            Ok(Some(_)) => Err(trace.deny("object", DenyReason::Tampered, None)),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(%error, "the gate could not read a workload");
                Err(trace.deny("object", unreadable(&error), None))
            }
        }
    }

    async fn find_object(
        &self,
        vault: &Vault,
        keys: &VaultKeys,
        name: &ObjectName,
        ask: &Ask<'_>,
        trace: &mut Trace,
    ) -> Result<Option<Arc<SecretFacts>>, DenyReason> {
        let facts = match self.objects.facts(vault.id, ask.kind, name, ask.version).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return Ok(None),
            Err(error) => {
                tracing::error!(%error, "the gate could not read an object");
                return Err(trace.deny("object", unreadable(&error), None));
            }
        };
        let mut authentic = self.keyring.verify_name(keys, ask.kind, name, &facts.secret).is_ok();
        if let Some(version) = &facts.version {
            let wanted = ask.version.unwrap_or(&facts.secret.current);
            authentic &=
                version.version == *wanted && self.keyring.verify_version(keys, ask.kind, name, version).is_ok();
        } else {
            // The row that `current` points to can only be missing if somebody took it away.
            authentic &= ask.version.is_some_and(|wanted| *wanted != facts.secret.current);
        }
        if authentic { Ok(Some(facts)) } else { Err(trace.deny("object", DenyReason::Tampered, None)) }
    }
}

/// What Strongroom itself does at a first start, before anybody holds a role: a vault, identities
/// and their grants. A system principal comes from `app` alone: no token and no session carries one.
pub(crate) fn may_bootstrap(ctx: &RequestContext, action: Action) -> bool {
    ctx.principal.kind == PrincipalKind::System
        && ctx.principal.id.issuer == SYSTEM_ISSUER
        && matches!(
            action,
            Action::VaultCreate
                | Action::WorkloadCreate
                | Action::WorkloadRead
                | Action::WorkloadCredential
                | Action::AssignmentAdd
        )
}

/// What Strongroom itself does when its time has come: a purge date, the age of a key that signs tokens, what the
/// policy of a key or a certificate says, or a start without an issuer that there are sessions of. The use case checks that it
/// has. The certificate that the server shows is read so too, when the configuration names one.
pub(crate) fn by_schedule(ctx: &RequestContext, action: Action) -> bool {
    let principal = &ctx.principal;
    principal.kind == PrincipalKind::System
        && principal.id.issuer == SYSTEM_ISSUER
        && match principal.id.subject.as_str() {
            crate::purge::PRINCIPAL => action.purges(),
            crate::entrance::past_issuers::PRINCIPAL => action == Action::SessionRevoke,
            crate::token_keys::PRINCIPAL => matches!(action, Action::TokenKeyRotate | Action::TokenKeyRetire),
            crate::keys::ROTATION_PRINCIPAL => matches!(action, Action::KeyRotateIfDue | Action::KeyNearExpiry),
            crate::certificates::RENEWAL_PRINCIPAL => matches!(
                action,
                Action::CertificateRenewIfDue
                    | Action::CertificateRenewalPostpone
                    | Action::CertificateRenewalPlan
                    | Action::CertificateNearExpiry
                    | Action::CertificateEnroll
                    | Action::CertificateIssue
                    | Action::AuthoritySign
                    | Action::IssuerAsk
            ),
            crate::revocations::PRINCIPAL => matches!(
                action,
                Action::AuthoritySign
                    | Action::RevocationListIssue
                    | Action::RevocationListPublish
                    | Action::IssuerAsk
                    | Action::CertificateNoteRevoked
            ),
            crate::certificates::SERVER_PRINCIPAL => action == Action::SecretGet,
            _ => false,
        }
}

/// Whether something is changed outside of any vault that reaches into all of them, or makes one: who may do what, who
/// can come, and what modules read. The modules of all vaults are asked about it. Which modules those are is none of
/// it, so that there is always a way back.
fn concerns_all_vaults(action: Action) -> bool {
    matches!(
        action,
        Action::VaultCreate
            | Action::AssignmentAdd
            | Action::AssignmentRemove
            | Action::RoleWrite
            | Action::RoleDelete
            | Action::WorkloadCreate
            | Action::WorkloadUpdate
            | Action::WorkloadCredential
            | Action::WorkloadDelete
            | Action::PolicyDocumentWrite
            | Action::PolicyDocumentDelete
    )
}

/// Whether modules are asked about it. What a schedule does was settled when the object was deleted or its policy set,
/// before the modules' eyes. A new version is more than that: since then modules may have come, and other settings. So is
/// reading a value, and a certificate that an authority signs, for whichever vault; what it says to be revoked is not.
fn is_judged(ctx: &RequestContext, action: Action, of_a_certificate: bool) -> bool {
    let certifies = action == Action::AuthoritySign && of_a_certificate;
    !by_schedule(ctx, action) || makes_a_version(action) || action == Action::SecretGet || certifies
}

/// Of what a schedule does: whether something comes of it that was not there.
fn makes_a_version(action: Action) -> bool {
    matches!(action, Action::KeyRotateIfDue | Action::CertificateRenewIfDue | Action::CertificateIssue)
}

/// What the record says when an Owner of the installation changes the modules of a vault against them.
pub(crate) const OWNER_OVERRULES: &str = "overruled-by-owner";

/// What the record says when somebody gives up a role of their own, and may not take it from others.
pub(crate) const OWN_ASSIGNMENT: &str = "own-assignment";

/// A row that does not parse was not written by Strongroom; anything else may pass.
fn unreadable(error: &StoreError) -> DenyReason {
    match error {
        StoreError::Damaged(_) => DenyReason::Tampered,
        StoreError::Unavailable(_) | StoreError::TooLong | StoreError::Stale => DenyReason::Unavailable,
    }
}

fn judge_network(ctx: &RequestContext, vault: &Vault, trace: &mut Trace) -> Result<(), DenyReason> {
    let network = &vault.settings.network;
    let verdict = network.judge(ctx.client, &ctx.listener, ctx.judged_by());
    let ground = (!network.rules.is_empty()).then(|| verdict.ground());
    if !verdict.admits() {
        return Err(trace.deny("network", DenyReason::Network(ctx.client), ground));
    }
    trace.allow("network", "admitted", ground);
    Ok(())
}

fn begin_record(ctx: &RequestContext, ask: &Ask<'_>) -> Record {
    let mut record = Record::of(ctx, ask.action.operation());
    record.vault = ask.vault.map(|v| v.as_str().to_owned());
    record.kind = Some(ask.kind.as_str().to_owned());
    record.object = ask.name.map(|n| n.as_str().to_owned());
    record.version = ask.version.map(|v| v.as_str().to_owned());
    record.algorithm = ask.algorithm.map(str::to_owned);
    record
}
