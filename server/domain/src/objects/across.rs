//! Objects of several vaults at once: each vault is judged as if its list were asked for, each row is authenticated by the
//! keys of its own, and the policy modules of each look at what was found in it.

use std::sync::Arc;

use super::{ObjectError, Objects, Verbs};
use crate::{
    action::Action,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    gate::{Ask, Case, Judgement},
    keyring::VaultKeys,
    names::{VaultId, VaultName},
    permit::{Held, Permit, Permits},
    record::Record,
    search::Found,
    secret::{Endings, SecretItem},
    vault::Vault,
};

/// A vault whose objects of a kind the caller may list.
pub(super) struct Listable<'a> {
    ask: Ask<'a>,
    vault: Arc<Vault>,
    keys: Arc<VaultKeys>,
    record: Record,
}

/// How the policy modules of a vault looked at what was found in it.
pub(super) struct Judged {
    pub(super) id: VaultId,
    pub(super) name: VaultName,
    /// They gave no answer, so nothing is shown.
    pub(super) kept_back: bool,
    /// None looks at names one by one, so that they may be counted.
    pub(super) is_counted: bool,
}

/// What was found in several vaults.
pub(super) trait Across {
    fn items(&self) -> &[(VaultId, SecretItem)];
    fn items_mut(&mut self) -> &mut Vec<(VaultId, SecretItem)>;
}

impl Across for Endings {
    fn items(&self) -> &[(VaultId, SecretItem)] {
        &self.items
    }

    fn items_mut(&mut self) -> &mut Vec<(VaultId, SecretItem)> {
        &mut self.items
    }
}

impl Across for Found {
    fn items(&self) -> &[(VaultId, SecretItem)] {
        &self.items
    }

    fn items_mut(&mut self) -> &mut Vec<(VaultId, SecretItem)> {
        &mut self.items
    }
}

/// With the name of the vault of each.
pub(super) fn named(judged: &[Judged], items: Vec<(VaultId, SecretItem)>) -> Vec<(VaultName, SecretItem)> {
    let name = |id: VaultId| judged.iter().find(|judged| judged.id == id).map(|judged| judged.name.clone());
    items.into_iter().filter_map(|(id, item)| Some((name(id)?, item))).collect()
}

/// What the record says of the vaults of a kind.
pub(super) fn judged_one_by_one(verbs: &Verbs, listable: usize, hidden: usize) -> Stage {
    let told = format!("{}: {listable} of {}", verbs.list.operation(), listable + hidden);
    Stage::new("grants", StageEffect::Allow, "judged-one-by-one").with_detail(told)
}

/// One more of them, unless one of them failed.
pub(super) fn with<T>(all: Result<Vec<T>, ObjectError>, one: Result<T, ObjectError>) -> Result<Vec<T>, ObjectError> {
    let mut all = all?;
    all.push(one?);
    Ok(all)
}

impl Objects {
    /// What holds the answer until its one record is written, if the caller counts at all.
    pub(super) async fn begin_across(
        &self,
        ctx: &RequestContext,
        operation: &str,
    ) -> Result<(Permit, Record), ObjectError> {
        match self.gate.identified(ctx, Action::SecretList).await {
            Judgement::Permitted(case) => {
                let Case { permit, mut record, .. } = *case;
                operation.clone_into(&mut record.operation);
                Ok((permit, record))
            }
            Judgement::Denied(mut record, denial) => {
                operation.clone_into(&mut record.operation);
                Err(self.recorder.release(ctx, *record, denial).await?.into())
            }
        }
    }

    /// The vaults in which the caller may list the kind, the permits for it, and in how many it may not.
    pub(super) async fn listable<'a>(
        &self,
        ctx: &RequestContext,
        verbs: &Verbs,
        vaults: impl Iterator<Item = &'a VaultName>,
    ) -> Result<(Vec<Listable<'a>>, Option<Permits>, usize), ObjectError> {
        let (mut listable, mut permits, mut hidden) = (Vec::new(), Vec::new(), 0);
        for name in vaults {
            let ask = Ask::objects(verbs.kind, verbs.list, name);
            match self.gate.judge(ctx, &ask).await {
                Judgement::Permitted(case) => {
                    let Case { permit, record, vault, .. } = *case;
                    if let Some((vault, keys)) = vault {
                        permits.push(permit);
                        listable.push(Listable { ask, vault, keys, record });
                    }
                }
                Judgement::Denied(record, denial) => match denial.inspect(|denial| denial.reason.truly().clone()) {
                    DenyReason::Unavailable => return Err(ObjectError::Unavailable),
                    // Not about this vault: the caller does not count at all any more.
                    DenyReason::Identity => return Err(self.recorder.release(ctx, *record, denial).await?.into()),
                    _ => hidden += 1,
                },
            }
        }
        Ok((listable, Permits::together(permits), hidden))
    }

    /// Checks every row. One foreign row fails all: what is shown must not lie.
    pub(super) fn authentic_across<T: Across>(
        &self,
        verbs: &Verbs,
        listable: &[Listable<'_>],
        found: T,
    ) -> Result<T, ObjectError> {
        for (vault, item) in found.items() {
            let inside = listable.iter().find(|listable| listable.vault.id == *vault).ok_or(ObjectError::Tampered)?;
            self.keyring.verify_name(&inside.keys, verbs.kind, &item.secret.name, &item.secret)?;
            self.keyring.verify_version(&inside.keys, verbs.kind, &item.secret.name, &item.version)?;
        }
        Ok(found)
    }

    /// What no policy module denies; of a vault whose modules give no answer nothing.
    pub(super) async fn shown_across<T: Across>(
        &self,
        ctx: &RequestContext,
        listable: Vec<Listable<'_>>,
        told: &mut Record,
        mut held: Held<Result<T, ObjectError>>,
    ) -> (Held<Result<T, ObjectError>>, Vec<Judged>) {
        let mut all = Vec::new();
        for Listable { ask, vault, mut record, .. } in listable {
            let inside = |id: VaultId| id == vault.id;
            let items = || {
                held.inspect(|found| {
                    let found = found.iter().flat_map(|found| found.items());
                    found.filter(|(id, _)| inside(*id)).map(|(_, item)| item.clone()).collect::<Vec<_>>()
                })
            };
            let judged = record.trace.len();
            let shown = self.gate.entries(ctx, &ask, &vault, &mut record, items).await;
            told.trace.extend(record.trace.drain(judged..));
            let kept_back = shown.is_err();
            if let Some(shown) = shown.unwrap_or_else(|_| Some(Vec::new())) {
                held = held.map(|found| {
                    let mut found = found?;
                    let mut shown = shown.into_iter();
                    found.items_mut().retain(|(id, _)| !inside(*id) || shown.next().unwrap_or(false));
                    Ok(found)
                });
            }
            let is_counted = matches!(self.gate.looks_at_entries(&ask, &vault).await, Ok(false));
            all.push(Judged { id: vault.id, name: vault.name.clone(), kept_back, is_counted });
        }
        (held, all)
    }
}
