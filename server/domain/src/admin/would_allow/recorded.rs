//! What a change would make of decisions that are on record, counted and grouped with samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    super::{AdminError, Administration, foresee::writes_attributes},
    candidates::SingleChange,
};
use crate::{
    context::RequestContext,
    gate::{Again, Recorded, Supposition},
    grant::Target,
    names::{ObjectVersion, VaultName},
    policy::PolicyObject,
    record::{Outcome, Record, RecordFilter},
};

/// Most decisions that are asked again.
pub const MAX_REPLAYED: usize = 500;
/// Most groups that are told apart of a change that would let a request through; the others are counted all the same.
pub(super) const GROUPS: usize = 20;
/// Most groups of a replay.
pub(in crate::admin) const REPLAY_GROUPS: usize = 100;
/// Decisions that are named for each group.
const SAMPLES: usize = 3;

/// Of a listing that others would be asked about the entries of.
const ENTRIES: &str = "which entries a listing showed is not on record";

/// How a recorded decision would change: it would come out otherwise than it did, and would not without the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Altered {
    /// It would be allowed, and would not be without the change.
    NewlyAllowed,
    /// It would be denied, and would not be without the change.
    NewlyDenied,
    /// The record does not hold what would have to be judged.
    Indeterminate,
}

impl Altered {
    /// The word of it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NewlyAllowed => "newly-allowed",
            Self::NewlyDenied => "newly-denied",
            Self::Indeterminate => "indeterminate",
        }
    }
}

/// Decisions that would change alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedAlike {
    /// How.
    pub altered: Altered,
    /// Who asked.
    pub principal: String,
    /// What was done.
    pub operation: String,
    /// With what.
    pub object: String,
    /// Why it is denied, would be denied, or cannot be told.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Some of them, the newest first.
    pub samples: Vec<Uuid>,
}

/// What a change would make of recorded decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many would be allowed that are not without it.
    pub newly_allowed: u64,
    /// How many would be denied that are not without it.
    pub newly_denied: u64,
    /// Of how many it cannot be told.
    pub indeterminate: u64,
    /// Alike together, the most first; so many at most as are told apart.
    pub groups: Vec<ChangedAlike>,
    /// Whether time was up before all were asked.
    pub cut: bool,
    /// How many decisions were asked again, or need not be, because they cannot change. Older results have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked: u64,
    /// How many were allowed and would be. Older results have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stay_allowed: u64,
    /// How many were denied and would be. Older results have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stay_denied: u64,
    /// How many of the records were no decisions of the gate and its modules on the vault, and were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Whether these were all that there are, and not as many as were asked for. Older results do not tell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A change, and the rule as it would be.
#[derive(Clone, Copy)]
pub(in crate::admin) struct WhatChanges<'a> {
    /// None for more than a single one.
    pub(in crate::admin) change: Option<&'a SingleChange>,
    pub(in crate::admin) rule: Option<&'a Supposition>,
    /// Most groups that are told apart.
    pub(in crate::admin) groups: usize,
}

type Key = (Altered, String, String, String, String);

impl Administration {
    /// The newest decisions on a vault, or on all of them: of the newest records, those that are about one.
    pub(in crate::admin) async fn newest_decisions(
        &self,
        ctx: &RequestContext,
        vault: Option<&VaultName>,
        last: usize,
    ) -> Result<Vec<Record>, AdminError> {
        let limit = last.min(MAX_REPLAYED);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let Some(vault) = vault else {
            let newest = RecordFilter { limit: MAX_REPLAYED, ..RecordFilter::default() };
            let mut found = self.records(ctx, newest).await?;
            found.retain(|record| record.vault.is_some());
            found.truncate(limit);
            return Ok(found);
        };
        self.records(ctx, RecordFilter { vault: Some(vault.as_str().to_owned()), limit, ..RecordFilter::default() })
            .await
    }

    /// Asks recorded decisions again, with the change and without it.
    pub(in crate::admin) async fn replayed(
        &self,
        ctx: &RequestContext,
        records: &[Record],
        what: WhatChanges<'_>,
        until: Instant,
    ) -> Counted {
        let (mut counted, mut groups) = (Counted::default(), BTreeMap::<Key, (u64, Vec<Uuid>)>::new());
        for record in records {
            if Instant::now() >= until {
                counted.cut = true;
                break;
            }
            let Some(recorded) = Recorded::of(record, ctx.now) else {
                counted.left_out += 1;
                continue;
            };
            counted.asked += 1;
            let Some((altered, reason)) = self.altered(&recorded, what).await else {
                match record.outcome {
                    Outcome::Denied => counted.stay_denied += 1,
                    _ => counted.stay_allowed += 1,
                }
                continue;
            };
            match altered {
                Altered::NewlyAllowed => counted.newly_allowed += 1,
                Altered::NewlyDenied => counted.newly_denied += 1,
                Altered::Indeterminate => counted.indeterminate += 1,
            }
            let principal = recorded.ctx.principal.id.to_string();
            let object = [record.vault.as_deref(), record.object.as_deref()];
            let object = object.into_iter().flatten().collect::<Vec<_>>().join("/");
            let seen = groups.entry((altered, principal, record.operation.clone(), object, reason)).or_default();
            seen.0 += 1;
            if seen.1.len() < SAMPLES {
                seen.1.push(record.id);
            }
        }
        let mut groups: Vec<_> = groups
            .into_iter()
            .map(|((altered, principal, operation, object, reason), (count, samples))| ChangedAlike {
                altered,
                principal,
                operation,
                object,
                reason,
                count,
                samples,
            })
            .collect();
        groups.sort_by_key(|group| (group.altered, std::cmp::Reverse(group.count)));
        groups.truncate(what.groups);
        counted.groups = groups;
        counted
    }

    /// How a recorded decision would change, and why; none where it would not.
    async fn altered(&self, recorded: &Recorded<'_>, what: WhatChanges<'_>) -> Option<(Altered, String)> {
        if !concerns(recorded, what) {
            return None;
        }
        let before = self.gate.judge_again(recorded).await;
        let after = match (what.rule, what.change) {
            (Some(rule), _) => self.gate.supposing(rule.clone()).judge_again(recorded).await,
            (None, Some(SingleChange::Update { after, .. })) => {
                // The record of a request that was made of the object, as it would be made of the changed one.
                let mut record = recorded.record.clone();
                if let Some(input) = &mut record.input {
                    input.object = PolicyObject {
                        enabled: Some(after.enabled),
                        not_before: after.not_before,
                        expires: after.expires,
                        ..input.object.clone()
                    };
                }
                let changed = Recorded::of(&record, recorded.ctx.now)?;
                self.gate.judge_again(&changed).await
            }
            (None, _) => return None,
        };
        // What came out otherwise by the rules of its time is not changed by this.
        let denied = recorded.record.outcome == Outcome::Denied;
        match (before, after) {
            (Again::Denied(reason), Again::Allowed | Again::Listed(_)) if denied => {
                Some((Altered::NewlyAllowed, reason))
            }
            (Again::Allowed | Again::Listed(_), Again::Denied(reason)) if !denied => {
                Some((Altered::NewlyDenied, reason))
            }
            (_, Again::Indeterminate(why)) | (Again::Indeterminate(why), _) => {
                Some((Altered::Indeterminate, why.to_owned()))
            }
            (before @ (Again::Allowed | Again::Listed(_)), after @ (Again::Allowed | Again::Listed(_)))
                if before != after && !denied =>
            {
                Some((Altered::Indeterminate, ENTRIES.to_owned()))
            }
            _ => None,
        }
    }
}

/// Whether a change can make a difference to a request at all: what is about somebody, somewhere or something else is
/// not asked again.
fn concerns(recorded: &Recorded<'_>, what: WhatChanges<'_>) -> bool {
    let principal = &recorded.ctx.principal;
    let Some(change) = what.change else { return true };
    match (change, what.rule) {
        (SingleChange::Assign { .. }, Some(Supposition::Assignment(assignment))) => {
            let target = Target {
                vault: assignment.scope.vault(),
                kind: recorded.action.object_kind(),
                name: recorded.name.as_ref(),
            };
            assignment.grantee.covers(principal) && assignment.scope.covers(target)
        }
        (SingleChange::Permit { permission, .. }, Some(Supposition::AccessPolicy(policy))) => {
            let wanted = crate::access_policy::ObjectPermission::of(recorded.action);
            policy.grantee.covers(principal) && wanted == Some(*permission)
        }
        (SingleChange::Enable { after, .. }, _) => principal.id.subject == after.client_id.to_string(),
        (SingleChange::LetIn(network), _) => network.contains(&recorded.ctx.client.to_canonical()),
        (SingleChange::LetInBy(listener), _) => *listener == recorded.ctx.listener,
        // What was written is on record as it was to be, whatever was there before.
        (SingleChange::Update { kind, name, version, .. }, _) => {
            let asked = recorded.record.input.as_ref().map(|input| input.object.version.as_deref());
            !writes_attributes(recorded.action)
                && recorded.action.object_kind() == *kind
                && recorded.name.as_ref() == Some(name)
                && asked.is_none_or(|asked| asked == version.as_ref().map(ObjectVersion::as_str))
        }
        _ => true,
    }
}
