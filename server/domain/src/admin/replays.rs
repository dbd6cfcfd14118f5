//! Use cases of replays: a candidate against recorded decisions, on the server, and the results that are kept.
//!
//! A replay decides nothing and changes no rule. It is for who may read the records, and the settings of the vault.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    AdminError, Administration,
    access::{decides_alike, enforced},
    policies::next_everywhere,
    vaults::ATTEMPTS,
    would_allow::{MAX_REPLAYED, REPLAY_GROUPS, WhatChanges, Which, supposed_vault},
};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, Judgement, Supposition},
    names::{VaultId, VaultName},
    policy::{ModuleDigest, PolicyAttachment},
    policy_replay::{ALL_VAULTS, GroupReview, PolicyReplay, Reviewed, next_place, to_review},
    principal::PrincipalKind,
    record::Record,
    vault::{Vault, VaultUpdate},
};

/// Most numbers of groups that a record tells.
const MAX_TOLD: usize = 100;
/// How long decisions are asked again; what is not reached by then is not counted, and the result says so.
const PATIENCE: Duration = Duration::from_secs(15);

impl Administration {
    /// Asks the newest decisions on a vault again, with other attachments in place of the vault's, and keeps what would
    /// change.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn replay(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        candidate: &[PolicyAttachment],
        last: usize,
    ) -> Result<PolicyReplay, AdminError> {
        self.replay_at(ctx, Some(name), (candidate, Which::Vault), last).await
    }

    /// The same with other attachments in place of those of all vaults, on the decisions of one vault, or of all where none is
    /// named. For who may see those attachments, too.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn replay_everywhere(
        &self,
        ctx: &RequestContext,
        name: impl Into<Option<&VaultName>>,
        candidate: &[PolicyAttachment],
        last: usize,
    ) -> Result<PolicyReplay, AdminError> {
        self.replay_at(ctx, name.into(), (candidate, Which::Everywhere), last).await
    }

    async fn replay_at(
        &self,
        ctx: &RequestContext,
        name: Option<&VaultName>,
        candidate: (&[PolicyAttachment], Which),
        last: usize,
    ) -> Result<PolicyReplay, AdminError> {
        let Some(_place) = self.looks.enter(&ctx.principal.id).await else {
            let (case, _) = self.admit_replay(ctx, Action::PolicyReplay, name, candidate.1).await?;
            return Err(self.refuse(ctx, case, AdminError::Busy).await);
        };
        for _ in 0..ATTEMPTS {
            let (case, vault) = self.admit_replay(ctx, Action::PolicyReplay, name, candidate.1).await?;
            let (mut replay, replaces) = match self.replay_of(ctx, vault.as_ref(), candidate, last).await {
                Ok(made) => made,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            replay.tag = self.keyring.tag_policy_replay(&replay)?;
            let (revision, kept) = (replay.revision, Box::new(replay.clone()));
            let change = Change::PutPolicyReplay { replay: kept, replaces };
            // Another replay took the place meanwhile.
            if let Some(replay) = self.change(ctx, case, revision, change, replay).await? {
                return Ok(replay);
            }
        }
        Err(AdminError::Contended)
    }

    async fn replay_of(
        &self,
        ctx: &RequestContext,
        vault: Option<&Vault>,
        (candidate, which): (&[PolicyAttachment], Which),
        last: usize,
    ) -> Result<(PolicyReplay, Option<i64>), AdminError> {
        let candidate = candidate.to_vec();
        let (mut candidate, rule, settings_revision) = match (which, vault) {
            (Which::Vault, None) => return Err(AdminError::VaultNotFound),
            (Which::Vault, Some(vault)) => {
                let update = VaultUpdate { policies: Some(candidate), ..VaultUpdate::default() };
                let settings = update.apply(&vault.settings)?;
                let candidate = settings.policies.clone();
                (candidate, supposed_vault(&self.keyring, vault, settings)?, vault.revision)
            }
            (Which::Everywhere, _) => {
                let before = self.everywhere().await?;
                let after = next_everywhere(&self.keyring, &before, candidate)?;
                (after.policies.clone(), Supposition::Everywhere(Arc::new(after)), before.revision)
            }
        };
        self.loaded(&candidate).await?;
        candidate.iter_mut().for_each(|attachment| attachment.previous = None);
        let records = self.newest_decisions(ctx, vault.map(|vault| &vault.name), last).await?;
        let what = WhatChanges { change: None, rule: Some(&rule), groups: REPLAY_GROUPS };
        let mut counted = self.replayed(ctx, &records, what, Instant::now() + PATIENCE).await;
        counted.all = !counted.cut && records.len() < last.min(MAX_REPLAYED);
        let kept = self.modules.policy_replays().await?;
        let (slot, replaces) = next_place(&kept);
        let replay = PolicyReplay {
            slot,
            id: ctx.request_id,
            vault: vault.map_or(ALL_VAULTS, |vault| vault.id),
            by: ctx.principal.id.clone(),
            at: ctx.now,
            settings_revision,
            candidate,
            everywhere: which == Which::Everywhere,
            replayed: counted.asked,
            counted,
            reviews: Vec::new(),
            revision: replaces.unwrap_or(0).saturating_add(1),
            tag: Vec::new(),
        };
        Ok((replay, replaces))
    }

    /// The results that are kept of a vault's decisions, or of those of all vaults, the newest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_replays(
        &self,
        ctx: &RequestContext,
        name: impl Into<Option<&VaultName>>,
    ) -> Result<Vec<PolicyReplay>, AdminError> {
        let (case, vault) = self.admit_replay(ctx, Action::PolicyReplayRead, name.into(), Which::Vault).await?;
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let found = self.replays_of(vault.as_ref()).await;
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// The results that are kept in which a module was tried, the newest first, each with the name of the vault whose
    /// decisions were asked again, or none for those of all: of what the caller may see the settings of.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn replays_of_module(
        &self,
        ctx: &RequestContext,
        module: ModuleDigest,
    ) -> Result<Vec<(Option<VaultName>, PolicyReplay)>, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::PolicyReplayRead)).await?;
        case.record.object = Some(module.to_string());
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let found = self.seen_of_module(ctx, module).await;
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    async fn seen_of_module(
        &self,
        ctx: &RequestContext,
        module: ModuleDigest,
    ) -> Result<Vec<(Option<VaultName>, PolicyReplay)>, AdminError> {
        let mut kept = self.modules.policy_replays().await?;
        kept.retain(|replay| replay.candidate.iter().any(|tried| tried.module == module));
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let mut seen = BTreeMap::new();
        for (id, name) in self.vaults.vault_names(false).await? {
            if kept.iter().any(|replay| replay.vault == id)
                && self.may(ctx, &Ask::vault(Action::VaultRead, &name)).await
            {
                seen.insert(id, name);
            }
        }
        let of_all = self.may(ctx, &Ask::server(Action::PolicyRead)).await;
        let mut found = Vec::new();
        for replay in kept {
            let name = seen.get(&replay.vault).cloned();
            if name.is_some() || (of_all && replay.vault == ALL_VAULTS) {
                self.keyring.verify_policy_replay(&replay)?;
                found.push((name, replay));
            }
        }
        found.sort_by_key(|(_, replay)| std::cmp::Reverse((replay.at, replay.id)));
        Ok(found)
    }

    /// One result by its id.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_replay(
        &self,
        ctx: &RequestContext,
        name: impl Into<Option<&VaultName>>,
        id: Uuid,
    ) -> Result<PolicyReplay, AdminError> {
        let (mut case, vault) = self.admit_replay(ctx, Action::PolicyReplayRead, name.into(), Which::Vault).await?;
        case.record.object = Some(id.to_string());
        let found = self.replays_of(vault.as_ref()).await;
        let found = found.and_then(|all| all.into_iter().find(|one| one.id == id).ok_or(AdminError::ReplayNotFound));
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// Says that the caller has looked at groups of what would change, by their numbers from 1. What somebody reviewed
    /// before stays theirs. For a person: who takes the blame for an enforced module is no program.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn review_replay(
        &self,
        ctx: &RequestContext,
        name: impl Into<Option<&VaultName>>,
        id: Uuid,
        groups: &[usize],
    ) -> Result<PolicyReplay, AdminError> {
        let name = name.into();
        for _ in 0..ATTEMPTS {
            let (mut case, vault) = self.admit_replay(ctx, Action::PolicyReplayReview, name, Which::Vault).await?;
            case.record.object = Some(id.to_string());
            let told = groups.iter().take(MAX_TOLD).map(usize::to_string).collect::<Vec<_>>().join(", ");
            case.record.detail("groups", told);
            let found = match self.replays_of(vault.as_ref()).await {
                Ok(all) => all.into_iter().find(|one| one.id == id).ok_or(AdminError::ReplayNotFound),
                Err(why) => Err(why),
            };
            let before = match found.and_then(|before| may_review(ctx, before, groups)) {
                Ok(before) => before,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            let mut after = before.clone();
            for group in groups {
                if after.review_of(*group).is_none() {
                    after.reviews.push(GroupReview { group: *group, by: ctx.principal.id.clone(), at: ctx.now });
                }
            }
            if after.reviews.len() == before.reviews.len() {
                return self.recorder.release(ctx, case.record, case.permit.hold(Ok(before))).await?;
            }
            after.revision = before.revision.saturating_add(1);
            after.tag = self.keyring.tag_policy_replay(&after)?;
            let (revision, kept) = (after.revision, Box::new(after.clone()));
            let change = Change::PutPolicyReplay { replay: kept, replaces: Some(before.revision) };
            if let Some(after) = self.change(ctx, case, revision, change, after).await? {
                return Ok(after);
            }
        }
        Err(AdminError::Contended)
    }

    /// What the record of a change says of each attachment that comes to be enforced by it: whether what that would
    /// change was looked at. A reason that somebody states for enforcing what was not makes it an emergency.
    pub(super) async fn tell_reviews(
        &self,
        ctx: &RequestContext,
        record: &mut Record,
        vault: Option<VaultId>,
        before: &[PolicyAttachment],
        after: &[PolicyAttachment],
    ) {
        let new = enforced(after).filter(|new| !enforced(before).any(|known| decides_alike(new, known)));
        let new: Vec<&PolicyAttachment> = new.collect();
        if new.is_empty() {
            return;
        }
        let kept = self.replays_to_tell_of().await;
        let found = new.iter().map(|one| (one.name.as_str(), to_review(&kept, vault, one).map(PolicyReplay::reviewed)));
        let found: Vec<_> = found.collect();
        let told = found.iter().map(|(name, reviewed)| match reviewed {
            None => format!("{name}: no replay"),
            Some(Reviewed { replay, decisions, groups, open, untold, .. }) => {
                let more = if *untold == 0 { String::new() } else { format!(", {untold} decisions in no group") };
                let done = groups.saturating_sub(*open);
                format!("{name}: {done} of {groups} groups of replay {replay} of {decisions} decisions{more}")
            }
        });
        let told = told.collect::<Vec<_>>().join("; ");
        record.detail("reviewed", told);
        let complete = found.iter().all(|(_, reviewed)| reviewed.is_some_and(|reviewed| reviewed.is_complete()));
        if !complete && ctx.stated_reason().is_some() {
            record.detail("emergency_enforce", true);
        }
    }

    /// The results that are kept and authentic. That they cannot be read keeps nobody from enforcing or mending anything:
    /// what is not known to be reviewed is told as not reviewed.
    pub(super) async fn replays_to_tell_of(&self) -> Vec<PolicyReplay> {
        match self.modules.policy_replays().await {
            Ok(mut kept) => {
                kept.retain(|replay| self.keyring.verify_policy_replay(replay).is_ok());
                kept
            }
            Err(error) => {
                tracing::warn!(%error, "results of replays cannot be read");
                Vec::new()
            }
        }
    }

    async fn replays_of(&self, vault: Option<&Vault>) -> Result<Vec<PolicyReplay>, AdminError> {
        let mut found = self.modules.policy_replays().await?;
        let of = vault.map_or(ALL_VAULTS, |vault| vault.id);
        found.retain(|replay| replay.vault == of);
        for replay in &found {
            self.keyring.verify_policy_replay(replay)?;
        }
        found.sort_by_key(|replay| std::cmp::Reverse((replay.at, replay.id)));
        Ok(found)
    }

    /// Admits who may read the records, and the settings of the vault if one is named; and what is attached to all, where
    /// that is varied.
    async fn admit_replay(
        &self,
        ctx: &RequestContext,
        action: Action,
        name: Option<&VaultName>,
        which: Which,
    ) -> Result<(Case, Option<Vault>), AdminError> {
        let mut case = self.admit(ctx, Ask::server(action)).await?;
        if which == Which::Everywhere || name.is_none() {
            self.admit(ctx, Ask::server(Action::PolicyRead)).await?;
        }
        let Some(name) = name else { return Ok((case, None)) };
        let of_vault = match self.gate.judge(ctx, &Ask::vault(Action::VaultRead, name)).await {
            Judgement::Permitted(of_vault) => of_vault,
            Judgement::Denied(record, denial) => {
                let denied = self.gate.turn_away(&self.recorder, ctx, *record, denial).await;
                return Err(denied.map_or_else(AdminError::NoRecord, AdminError::Denied));
            }
        };
        case.record.vault = Some(name.as_str().to_owned());
        match of_vault.vault {
            Some((vault, _)) => Ok((case, Some((*vault).clone()))),
            None => Err(self.refuse(ctx, case, AdminError::VaultNotFound).await),
        }
    }
}

/// The result, if the caller may review these groups of it.
fn may_review(ctx: &RequestContext, replay: PolicyReplay, groups: &[usize]) -> Result<PolicyReplay, AdminError> {
    if ctx.principal.kind != PrincipalKind::User {
        return Err(AdminError::Invalid("a group is reviewed by a person, and by no workload"));
    }
    let there = 1..=replay.counted.groups.len();
    if groups.is_empty() || groups.iter().any(|group| !there.contains(group)) {
        return Err(AdminError::Invalid("groups are reviewed by their numbers in the result, from 1"));
    }
    Ok(replay)
}
