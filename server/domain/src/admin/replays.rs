//! Use cases of replays: a candidate against recorded decisions, on the server, and the results that are kept.
//!
//! A replay decides nothing and changes no rule. It is for who may read the records, and the settings of the vault.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    AdminError, Administration,
    policies::next_everywhere,
    vaults::ATTEMPTS,
    would_allow::{REPLAY_GROUPS, WhatChanges, Which, supposed_vault},
};
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, Judgement, Supposition},
    names::VaultName,
    policy::PolicyAttachment,
    policy_replay::{PolicyReplay, next_place},
    vault::{Vault, VaultUpdate},
};

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
        self.replay_at(ctx, name, (candidate, Which::Vault), last).await
    }

    /// The same with other attachments in place of those of all vaults. For who may see those, too.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn replay_everywhere(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        candidate: &[PolicyAttachment],
        last: usize,
    ) -> Result<PolicyReplay, AdminError> {
        self.replay_at(ctx, name, (candidate, Which::Everywhere), last).await
    }

    async fn replay_at(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        candidate: (&[PolicyAttachment], Which),
        last: usize,
    ) -> Result<PolicyReplay, AdminError> {
        let Some(_place) = self.looks.enter(&ctx.principal.id).await else {
            let (case, _) = self.admit_replay(ctx, Action::PolicyReplay, name, candidate.1).await?;
            return Err(self.refuse(ctx, case, AdminError::Busy).await);
        };
        for _ in 0..ATTEMPTS {
            let (case, vault) = self.admit_replay(ctx, Action::PolicyReplay, name, candidate.1).await?;
            let (mut replay, replaces) = match self.replay_of(ctx, &vault, candidate, last).await {
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
        vault: &Vault,
        (candidate, which): (&[PolicyAttachment], Which),
        last: usize,
    ) -> Result<(PolicyReplay, Option<i64>), AdminError> {
        let candidate = candidate.to_vec();
        let (mut candidate, rule, settings_revision) = match which {
            Which::Vault => {
                let update = VaultUpdate { policies: Some(candidate), ..VaultUpdate::default() };
                let settings = update.apply(&vault.settings)?;
                let candidate = settings.policies.clone();
                (candidate, supposed_vault(&self.keyring, vault, settings)?, vault.revision)
            }
            Which::Everywhere => {
                let before = self.everywhere().await?;
                let after = next_everywhere(&self.keyring, &before, candidate)?;
                (after.policies.clone(), Supposition::Everywhere(Arc::new(after)), before.revision)
            }
        };
        self.loaded(&candidate).await?;
        candidate.iter_mut().for_each(|attachment| attachment.previous = None);
        let records = self.newest_decisions(ctx, &vault.name, last).await?;
        let what = WhatChanges { change: None, rule: Some(&rule), groups: REPLAY_GROUPS };
        let counted = self.replayed(ctx, &records, what, Instant::now() + PATIENCE).await;
        let kept = self.modules.policy_replays().await?;
        let (slot, replaces) = next_place(&kept);
        let replay = PolicyReplay {
            slot,
            id: ctx.request_id,
            vault: vault.id,
            by: ctx.principal.id.clone(),
            at: ctx.now,
            settings_revision,
            candidate,
            everywhere: which == Which::Everywhere,
            replayed: counted.asked,
            counted,
            revision: replaces.unwrap_or(0).saturating_add(1),
            tag: Vec::new(),
        };
        Ok((replay, replaces))
    }

    /// The results that are kept of a vault, the newest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_replays(&self, ctx: &RequestContext, name: &VaultName) -> Result<Vec<PolicyReplay>, AdminError> {
        let (case, vault) = self.admit_replay(ctx, Action::PolicyReplayRead, name, Which::Vault).await?;
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let found = self.replays_of(&vault).await;
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// One result by its id.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_replay(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        id: Uuid,
    ) -> Result<PolicyReplay, AdminError> {
        let (mut case, vault) = self.admit_replay(ctx, Action::PolicyReplayRead, name, Which::Vault).await?;
        case.record.object = Some(id.to_string());
        let found = self.replays_of(&vault).await;
        let found = found.and_then(|all| all.into_iter().find(|one| one.id == id).ok_or(AdminError::ReplayNotFound));
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    async fn replays_of(&self, vault: &Vault) -> Result<Vec<PolicyReplay>, AdminError> {
        let mut found = self.modules.policy_replays().await?;
        found.retain(|replay| replay.vault == vault.id);
        for replay in &found {
            self.keyring.verify_policy_replay(replay)?;
        }
        found.sort_by_key(|replay| std::cmp::Reverse((replay.at, replay.id)));
        Ok(found)
    }

    /// Admits who may read the records, and the settings of the vault; and what is attached to all, where that is varied.
    async fn admit_replay(
        &self,
        ctx: &RequestContext,
        action: Action,
        name: &VaultName,
        which: Which,
    ) -> Result<(Case, Vault), AdminError> {
        let mut case = self.admit(ctx, Ask::server(action)).await?;
        if which == Which::Everywhere {
            self.admit(ctx, Ask::server(Action::PolicyRead)).await?;
        }
        let of_vault = match self.gate.judge(ctx, &Ask::vault(Action::VaultRead, name)).await {
            Judgement::Permitted(of_vault) => of_vault,
            Judgement::Denied(record, denial) => {
                let denied = self.gate.turn_away(&self.recorder, ctx, *record, denial).await;
                return Err(denied.map_or_else(AdminError::NoRecord, AdminError::Denied));
            }
        };
        case.record.vault = Some(name.as_str().to_owned());
        match of_vault.vault {
            Some((vault, _)) => Ok((case, (*vault).clone())),
            None => Err(self.refuse(ctx, case, AdminError::VaultNotFound).await),
        }
    }
}
