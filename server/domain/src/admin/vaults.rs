//! Use cases of vaults: making, showing, listing.

use std::{collections::BTreeSet, sync::Arc};

use ipnet::IpNet;

use super::{
    AdminError, Administration,
    access::{decides_alike, enforced},
    content,
};
use crate::{
    action::Action,
    approval::Content,
    change::Change,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    gate::{self, Ask, Budgets, Case, Judgement},
    grant::Scope,
    keyring::Keyring,
    names::{ObjectKind, VaultId, VaultName},
    network::{NetworkRule, ShutOut},
    permit::{ObjectRef, Permit},
    policy::PolicyAttachment,
    ports::VaultStore,
    record::{Record, Recorder},
    secret::LifeState,
    time::uuid_v4,
    vault::{KEPT_VAULTS, MAX_VAULTS, NewVault, Vault, VaultSettings, VaultUpdate},
};

/// How often a request is judged anew because its vault changed meanwhile.
pub(super) const ATTEMPTS: usize = 4;
/// What the record of a change says that was made although it locks its author out.
const FORCED: &str = "lock-out-forced";
/// What the record of a change says that was made with the root key in hand, because rules locked everybody out.
const RECOVERED: &str = "recovered-with-root-key";

/// A vault that was changed.
#[derive(Clone, Debug)]
pub struct ChangedVault {
    /// As it was.
    pub before: Arc<Vault>,
    /// As it is.
    pub after: Arc<Vault>,
}

/// The vaults of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultListing {
    /// Those that the caller may see, in order of their names.
    pub vaults: Vec<Arc<Vault>>,
    /// Those that the caller may see by their roles, and nobody can, because what is stored of them fails its
    /// authentication. By the names that stand there, which may be wrong as well.
    pub damaged: Vec<VaultName>,
    /// Those that the roles of the caller show, and something else keeps from them. Nobody else is told of one.
    pub kept_back: Vec<KeptBack>,
}

/// A vault that is left out of a list although the roles of the caller show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBack {
    /// Which one.
    pub vault: VaultName,
    /// What keeps it back.
    pub by: KeptBy,
}

/// What keeps a vault back from somebody whose roles show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// Its network rules.
    Network,
    /// A policy module that refuses, by the name of its attachment.
    Module(String),
    /// One that gives no answer.
    SilentModule(String),
}

impl KeptBy {
    /// What the caller is told of a denial by something else than their roles. A module that they are not to hear of by its
    /// name has none.
    fn of(told: &DenyReason) -> Option<Self> {
        match told {
            DenyReason::Network(_) => Some(Self::Network),
            DenyReason::Policy { attachment, .. } if !attachment.is_empty() => Some(Self::Module(attachment.clone())),
            DenyReason::PolicyFailed { attachment, .. } => Some(Self::SilentModule(attachment.clone())),
            _ => None,
        }
    }
}

/// A page of the list of vaults.
#[derive(Clone, Copy, Debug)]
pub struct VaultsWanted<'a> {
    /// Part of their names, small letters; empty for any.
    pub words: &'a str,
    /// Only names behind this one.
    pub after: Option<&'a VaultName>,
    /// At most so many.
    pub limit: usize,
}

impl VaultsWanted<'_> {
    fn takes(&self, name: &VaultName) -> bool {
        name.as_str().contains(self.words) && self.after.is_none_or(|after| name > after)
    }
}

impl Administration {
    /// Makes a vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_vault(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        new: impl Into<NewVault>,
    ) -> Result<Arc<Vault>, AdminError> {
        let NewVault { mut settings, force } = new.into();
        settings.policies = PolicyAttachment::following(settings.policies, &[]);
        settings.check()?;
        let mut case =
            self.admit(ctx, Ask { kind: ObjectKind::Vault, ..Ask::vault(Action::VaultCreate, name) }).await?;
        if let Some((taken, _)) = &case.vault {
            let why = match taken.life {
                LifeState::Active => AdminError::VaultExists,
                LifeState::Deleted { .. } => AdminError::VaultDeletedButRecoverable,
            };
            return Err(self.refuse(ctx, case, why).await);
        }
        let count = self.vaults.vault_names(false).await?.len() + self.vaults.vault_names(true).await?.len();
        let free = MAX_VAULTS.saturating_sub(KEPT_VAULTS);
        let kept = count >= free && self.may(ctx, &Ask::server(Action::AssignmentAdd)).await;
        let beside = if kept { MAX_VAULTS } else { free };
        if count >= beside {
            return Err(self.refuse(ctx, case, AdminError::TooManyVaults).await);
        }
        if let Err(why) = self.loaded(&settings.policies).await {
            return Err(self.refuse(ctx, case, why).await);
        }
        if let Err(why) = self.may_begin_with(ctx, &settings).await {
            return Err(self.refuse(ctx, case, why).await);
        }
        if let Err(why) = lets_author_in(ctx, &mut case.record.trace, None, &settings, force) {
            return Err(self.refuse(ctx, case, why).await);
        }
        let trace = &mut case.record.trace;
        if let Err(why) = self.modules_let_author_in(ctx, trace, Some(name), &[], &settings.policies, force).await {
            return Err(self.refuse(ctx, case, why).await);
        }
        let id = VaultId(uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?);
        let entropy = Arc::clone(&self.entropy);
        let wrapped_key = match self.keyring.apart(move |keyring| keyring.new_vault_key(id, &*entropy)).await {
            Ok(wrapped_key) => wrapped_key,
            Err(why) => return Err(self.refuse(ctx, case, why.into()).await),
        };
        let mut vault = Vault {
            id,
            name: name.clone(),
            settings,
            revision: 1,
            created_at: ctx.now,
            wrapped_key,
            life: LifeState::Active,
            tag: Vec::new(),
        };
        vault.tag = self.keyring.tag_vault(&vault)?;
        let vault = Arc::new(vault);
        case.record.detail_settings(None, &vault.settings);
        let change = Change::MakeVault { vault: Box::new((*vault).clone()), beside };
        match self.change(ctx, case, 1, change, vault).await? {
            Some(vault) => Ok(vault),
            // Somebody took the name meanwhile, or the last place.
            None if self.vaults.vault(name).await?.is_some() => Err(AdminError::VaultExists),
            None => Err(AdminError::TooManyVaults),
        }
    }

    /// The settings of one vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_vault(&self, ctx: &RequestContext, name: &VaultName) -> Result<Arc<Vault>, AdminError> {
        let Case { permit, record, vault, .. } = self.admit(ctx, Ask::vault(Action::VaultRead, name)).await?;
        let held = permit.hold(vault.map(|(vault, _)| vault).ok_or(AdminError::VaultNotFound));
        self.recorder.release(ctx, record, held).await?
    }

    /// Changes settings. With `expected`, only if the vault is at that revision.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn update_vault(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        expected: Option<i64>,
        update: &VaultUpdate,
    ) -> Result<Arc<Vault>, AdminError> {
        Ok(self.change_vault(ctx, name, expected, update).await?.after)
    }

    /// The same, with what the vault was before.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn change_vault(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        expected: Option<i64>,
        update: &VaultUpdate,
    ) -> Result<ChangedVault, AdminError> {
        for _ in 0..ATTEMPTS {
            // What would come of it, as far as that is known before anybody is asked.
            let known = self.vaults.vault(name).await.ok().flatten();
            let asked = known.as_ref().map(|before| asked_for(ctx, before, update)).transpose()?.flatten();
            let mends_modules = update.changes_modules_alone();
            let ask = Ask { mends_modules, content: asked.as_ref(), ..Ask::vault(Action::VaultUpdate, name) };
            let mut case = self.admit(ctx, ask).await?;
            let Some((before, _)) = case.vault.clone() else {
                return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
            };
            if known.is_none_or(|known| known.revision != before.revision) {
                continue;
            }
            if expected.is_some_and(|expected| expected != before.revision) {
                return Err(self.refuse(ctx, case, AdminError::OtherRevision).await);
            }
            let settings = match self.settings_after(ctx, &mut case.record.trace, &before, update).await {
                Ok(settings) => settings,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            let after = self.next(&before, |vault| vault.settings = settings)?;
            case.record.detail_settings(Some(&before.settings), &after.settings);
            let (old, new) = (&before.settings.policies, &after.settings.policies);
            self.tell_reviews(ctx, &mut case.record, Some(before.id), old, new).await;
            let change = Change::PutVault(Box::new((*after).clone()));
            if let Some(after) = self.change(ctx, case, after.revision, change, after).await? {
                return Ok(ChangedVault { before, after });
            }
        }
        Err(self.contended(ctx, Ask::vault(Action::VaultUpdate, name)).await)
    }

    /// The settings after a change, if the caller, who may change the vault, may change them so. What the record is to
    /// say of it stands in the trace.
    pub(super) async fn settings_after(
        &self,
        ctx: &RequestContext,
        trace: &mut Vec<Stage>,
        before: &Vault,
        update: &VaultUpdate,
    ) -> Result<VaultSettings, AdminError> {
        let after = update.clone().apply(&before.settings)?;
        // Who only takes one away is not held up by another that cannot be had.
        if update.policies.is_some() || update.roll_back.is_some() {
            self.loaded(&after.policies).await?;
        }
        self.may_change_access(ctx, before, &after).await?;
        self.may_change_guards(ctx, trace, before, &after).await?;
        lets_author_in(ctx, trace, Some(&before.settings), &after, update.force)?;
        let (old, new) = (&before.settings.policies, &after.policies);
        self.modules_let_author_in(ctx, trace, Some(&before.name), old, new, update.force).await?;
        Ok(after)
    }

    /// The same as [`lets_author_in`] for modules that judge connections: those that come to be enforced are asked about
    /// the caller's own. What the others will say keeps no change from being made.
    pub(super) async fn modules_let_author_in(
        &self,
        ctx: &RequestContext,
        trace: &mut Vec<Stage>,
        vault: Option<&VaultName>,
        before: &[PolicyAttachment],
        after: &[PolicyAttachment],
        force: bool,
    ) -> Result<(), AdminError> {
        let new = enforced(after).filter(|new| !enforced(before).any(|known| decides_alike(new, known)));
        match self.gate.would_keep_out(ctx, vault, new).await {
            false => Ok(()),
            true if force => {
                trace.push(Stage::new("network", StageEffect::Allow, FORCED));
                Ok(())
            }
            true => Err(AdminError::LocksAuthorOut(ShutOut::ByModule)),
        }
    }

    /// Whether every module is there, takes its settings, and answers when it is asked.
    pub(super) async fn loaded(&self, policies: &[PolicyAttachment]) -> Result<(), AdminError> {
        for attachment in policies {
            if let Err(why) = self.policies.check(attachment).await {
                tracing::warn!(failure = %why.failure, attachment = %attachment.name, "a policy attachment is refused");
                return Err(AdminError::AttachmentRefused { name: attachment.name.clone(), why });
            }
        }
        Ok(())
    }

    /// The vaults that the caller may see the settings of. Judged vault by vault; one record for all. A damaged one takes
    /// no other away, and is named; so is one that something else than roles keeps from the caller.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_vaults(&self, ctx: &RequestContext) -> Result<VaultListing, AdminError> {
        Ok(self.list(ctx, Action::VaultRead, "VaultList", None).await?.0)
    }

    /// A page of them in order of their names, and the name behind which the next one begins. What is not on it is not
    /// judged, but for the one that says that there is more.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_vaults_page(
        &self,
        ctx: &RequestContext,
        wanted: VaultsWanted<'_>,
    ) -> Result<(VaultListing, Option<VaultName>), AdminError> {
        self.list(ctx, Action::VaultRead, "VaultList", Some(wanted)).await
    }

    /// The soft-deleted vaults that the caller may see.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_deleted_vaults(&self, ctx: &RequestContext) -> Result<VaultListing, AdminError> {
        Ok(self.list(ctx, Action::VaultGetDeleted, "VaultListDeleted", None).await?.0)
    }

    /// Whether the caller counts as somebody, on record under the name of the operation: for answers
    /// that say nothing of the installation's own.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn identified(&self, ctx: &RequestContext, operation: &str) -> Result<(), AdminError> {
        self.identified_to(ctx, operation, async { Ok(()) }).await
    }

    /// The same, and what is told to somebody who counts.
    pub(super) async fn identified_to<T>(
        &self,
        ctx: &RequestContext,
        operation: &str,
        told: impl Future<Output = Result<T, AdminError>> + Send,
    ) -> Result<T, AdminError> {
        let (record, held) = match self.gate.identified(ctx, Action::VaultRead).await {
            Judgement::Permitted(case) => (case.record, case.permit.hold(told.await)),
            Judgement::Denied(mut record, denial) => {
                operation.clone_into(&mut record.operation);
                return Err(self.recorder.release(ctx, *record, denial).await?.into());
            }
        };
        let record = Record { operation: operation.to_owned(), ..record };
        self.recorder.release(ctx, record, held).await?
    }

    async fn list(
        &self,
        ctx: &RequestContext,
        action: Action,
        operation: &str,
        wanted: Option<VaultsWanted<'_>>,
    ) -> Result<(VaultListing, Option<VaultName>), AdminError> {
        let (permit, mut record) = match self.gate.identified(ctx, action).await {
            Judgement::Permitted(case) => (case.permit, case.record),
            Judgement::Denied(mut record, denial) => {
                operation.clone_into(&mut record.operation);
                return Err(self.recorder.release(ctx, *record, denial).await?.into());
            }
        };
        // One at a time: each vault is judged by itself.
        let _place = self.listing(ctx).await?;
        let deleted = action == Action::VaultGetDeleted;
        let (count, mut names) = self.within_reach(ctx, deleted).await?;
        if let Some(wanted) = &wanted {
            names.retain(|(_, name)| wanted.takes(name));
            names.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
        }
        let (mut seen, mut next) = (VaultListing::default(), None);
        let mut budgets = Budgets::default();
        for (id, name) in names {
            match self.gate.judge_one_of_many(ctx, &Ask::vault(action, &name), &mut budgets).await {
                Judgement::Permitted(_) if wanted.is_some_and(|wanted| seen.vaults.len() >= wanted.limit) => {
                    next = seen.vaults.last().map(|vault| vault.name.clone());
                    break;
                }
                Judgement::Permitted(case) => seen.vaults.extend(case.vault.map(|(vault, _)| vault)),
                Judgement::Denied(record, denial) => {
                    let reason = denial.inspect(|denial| denial.reason.clone());
                    match reason.truly() {
                        DenyReason::Unavailable => return Err(AdminError::Unavailable),
                        // Not about this vault: the caller does not count at all any more.
                        DenyReason::Identity => return Err(self.recorder.release(ctx, *record, denial).await?.into()),
                        DenyReason::Tampered => {
                            tracing::error!(vault = %name, %id, "a list leaves a vault out: what is stored of it fails its authentication");
                            if self.gate.roles_allow(ctx, action, id).await {
                                seen.damaged.push(name);
                            }
                        }
                        _ => seen.kept_back.extend(self.kept_back(ctx, action, (id, name), &reason).await),
                    }
                }
            }
        }
        let judged = Stage::new("grants", StageEffect::Allow, "judged-one-by-one");
        let mut told = format!("{} of {}", seen.vaults.len(), count);
        if !seen.damaged.is_empty() {
            told.push_str(&format!(", {} damaged", seen.damaged.len()));
        }
        if !seen.kept_back.is_empty() {
            told.push_str(&format!(", {} kept back", seen.kept_back.len()));
        }
        record.trace.push(judged.with_detail(told));
        operation.clone_into(&mut record.operation);
        record.kind = Some(ObjectKind::Vault.as_str().to_owned());
        self.recorder.release(ctx, record, permit.hold(Ok((seen, next)))).await?
    }

    /// The vaults that the caller may see the settings of, judged vault by vault and without a record:
    /// for the navigation around a page that has its own. Never an answer by itself.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn visible_vaults(&self, ctx: &RequestContext) -> Result<Vec<Arc<Vault>>, AdminError> {
        Ok(self.vaults_at_hand(ctx, usize::MAX, |_, _| true).await?.0)
    }

    /// The same, with those that something else than roles keeps from the caller.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn visible_and_kept_back(&self, ctx: &RequestContext) -> Result<VaultListing, AdminError> {
        let _place = self.listing(ctx).await?;
        let (mut seen, mut budgets) = (VaultListing::default(), Budgets::default());
        for (id, name) in self.within_reach(ctx, false).await?.1 {
            let ask = Ask::vault(Action::VaultRead, &name);
            match self.gate.judge_ahead_within(ctx, &ask, &mut budgets).await {
                Judgement::Permitted(case) => seen.vaults.extend(case.vault.map(|(vault, _)| vault)),
                Judgement::Denied(_, denial) => {
                    let reason = denial.inspect(|denial| denial.reason.clone());
                    seen.kept_back.extend(self.kept_back(ctx, ask.action, (id, name.clone()), &reason).await);
                }
            }
        }
        Ok(seen)
    }

    /// A vault of a list that was refused for this reason, if the roles of the caller show it.
    async fn kept_back(
        &self,
        ctx: &RequestContext,
        action: Action,
        (id, vault): (VaultId, VaultName),
        reason: &DenyReason,
    ) -> Option<KeptBack> {
        let by = KeptBy::of(reason.told())?;
        self.gate.roles_allow(ctx, action, id).await.then_some(KeptBack { vault, by })
    }

    /// Of the vaults that the caller may see the settings of: all, where there are at most so many within their reach, and
    /// otherwise those that are wanted, and that there are more. What it takes is bounded by that number and by what is
    /// wanted, however many vaults there are. As [`Self::visible_vaults`] in all else.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn vaults_at_hand(
        &self,
        ctx: &RequestContext,
        most: usize,
        wanted: impl Fn(VaultId, &VaultName) -> bool + Send,
    ) -> Result<(Vec<Arc<Vault>>, bool), AdminError> {
        // As for a list that is asked for: each vault is judged by itself.
        let _place = self.listing(ctx).await?;
        let mut names = self.within_reach(ctx, false).await?.1;
        let more = names.len() > most;
        if more {
            names.retain(|(id, name)| wanted(*id, name));
        }
        let (mut seen, mut budgets) = (Vec::new(), Budgets::default());
        for (_, name) in names {
            let ask = Ask::vault(Action::VaultRead, &name);
            if let Judgement::Permitted(case) = self.gate.judge_ahead_within(ctx, &ask, &mut budgets).await {
                seen.extend(case.vault.map(|(vault, _)| vault));
            }
        }
        Ok((seen, more))
    }

    /// How many vaults there are, and identities and names of those that some role of the caller reaches: the others are
    /// managed by nobody like them, and need not be looked at to say so.
    async fn within_reach(
        &self,
        ctx: &RequestContext,
        deleted: bool,
    ) -> Result<(usize, Vec<(VaultId, VaultName)>), AdminError> {
        let all = self.vaults.vault_names(deleted).await?;
        let assignments = self.grants.assignments(&ctx.principal).await?;
        let everywhere = assignments.iter().any(|assignment| assignment.scope == Scope::Server);
        let reached: BTreeSet<VaultId> = assignments.iter().filter_map(|assignment| assignment.scope.vault()).collect();
        let count = all.len();
        let names = all.into_iter().filter(|(id, _)| everywhere || reached.contains(id));
        Ok((count, names.collect()))
    }
}

/// What a change of settings comes to, for whoever has to agree; none when they may not be changed so.
fn asked_for(ctx: &RequestContext, before: &Vault, update: &VaultUpdate) -> Result<Option<Content>, AdminError> {
    let Ok(after) = update.clone().apply(&before.settings) else { return Ok(None) };
    content(ctx, &(before.revision, &after, update.force), |told| {
        told.detail_settings(Some(&before.settings), &after);
        if let Some(tags) = gate::changed_tags(&before.settings.tags, &after.tags) {
            told.details.insert("tags".to_owned(), tags);
        }
        if update.force {
            told.detail("force", true);
        }
    })
    .map(Some)
}

/// Whether network rules may be put in place: when the caller can reach the vault under them and goes on to, or says
/// that it shall be made so all the same, which the record then tells. What will come of rules that stay as they are
/// keeps no other change from being made.
fn lets_author_in(
    ctx: &RequestContext,
    trace: &mut Vec<Stage>,
    before: Option<&VaultSettings>,
    after: &VaultSettings,
    force: bool,
) -> Result<(), AdminError> {
    let shut_out = match after.network.shuts_out(ctx.client, &ctx.listener, ctx.now) {
        Some(ShutOut::OnceEnded(_)) if before.is_some_and(|before| before.network == after.network) => None,
        shut_out => shut_out,
    };
    match shut_out {
        None => Ok(()),
        Some(_) if force => {
            trace.push(Stage::new("network", StageEffect::Allow, FORCED));
            Ok(())
        }
        Some(shut_out) => Err(AdminError::LocksAuthorOut(shut_out)),
    }
}

/// Lets a network reach a vault again, or everybody: for rules that lock out whoever could change them. Gives the
/// rules that had to go for it, from the end of a list that was full.
///
/// Whoever calls holds the root key in use, which is the proof that this rests on. Who is let in by the network still
/// needs roles.
///
/// # Errors
/// [`AdminError`].
pub async fn recover_network(
    ctx: &RequestContext,
    keyring: &Keyring,
    vaults: &dyn VaultStore,
    recorder: &Recorder,
    name: &VaultName,
    network: Option<IpNet>,
) -> Result<Vec<NetworkRule>, AdminError> {
    let before = vaults.vault(name).await?.ok_or(AdminError::VaultNotFound)?;
    keyring.verify_vault(&before)?;
    let mut after = (*before).clone();
    let gone = after.settings.network.let_in(network);
    after.revision = before.revision.checked_add(1).ok_or(AdminError::Tampered)?;
    after.tag = keyring.tag_vault(&after)?;
    let mut case = gate::holder_of_root_key(ctx, Action::VaultUpdate);
    let object = ObjectRef { vault: Some((before.id, name.clone())), kind: ObjectKind::Vault, name: None };
    case.permit = Permit::grant(ctx.request_id, Action::VaultUpdate, object, Some(before.revision));
    case.record.vault = Some(name.as_str().to_owned());
    case.record.kind = Some(ObjectKind::Vault.as_str().to_owned());
    case.record.trace.push(Stage::new("network", StageEffect::Allow, RECOVERED));
    case.record.detail_settings(Some(&before.settings), &after.settings);
    case.record.vault_change = Some(after.as_changed());
    case.record.revision = Some(after.revision);
    let change = Change::PutVault(Box::new(after));
    let (change, held) = case.permit.apply(change, gone).map_err(|_| AdminError::Contended)?;
    recorder.commit(ctx, case.record, change, held).await?.ok_or(AdminError::Contended)
}
