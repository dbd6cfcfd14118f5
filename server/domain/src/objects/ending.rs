//! What ends soon in several vaults at once. Every vault is judged by itself, as if its list were asked for; one record
//! tells of all.

use std::{ops::Range, sync::Arc};

use super::{ObjectError, Objects, Verbs};
use crate::{
    action::Action,
    context::RequestContext,
    decision::{DenyReason, Stage, StageEffect},
    gate::{Ask, Case, Judgement},
    keyring::VaultKeys,
    names::{ObjectKind, VaultId, VaultName},
    permit::{Held, Permits},
    ports::StoreError,
    record::Record,
    secret::{Endings, SecretItem},
    vault::Vault,
};

/// What it is called on record.
pub const ENDING: &str = "EndingList";
/// Most vaults that are judged for one answer.
pub const MAX_VAULTS_AT_ONCE: usize = 50;

/// What ends soon of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingSoon {
    /// The kind.
    pub kind: ObjectKind,
    /// Vaults and what is in them, the first to end first.
    pub items: Vec<(VaultName, SecretItem)>,
    /// Not everything that ends within the time was looked at.
    pub more: bool,
    /// In how many vaults the caller may not list the kind.
    pub hidden: usize,
    /// How many are behind, by vault; where none is, it is not there.
    pub behind: Vec<(VaultName, u64)>,
    /// In how many vaults nothing is counted, because a policy module judges each name there.
    pub uncounted: usize,
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Ahead {
    /// Ends within these seconds.
    pub within: Range<i64>,
    /// Secrets that were made before this moment are behind.
    pub made_before: i64,
    /// Keys and certificates that should have got another version before this moment are.
    pub due_before: i64,
    /// How much of each kind.
    pub limit: usize,
}

/// What of one kind may be shown.
#[derive(Default)]
struct Shown {
    items: Vec<(VaultName, SecretItem)>,
    more: bool,
    behind: Vec<(VaultName, u64)>,
    /// Vaults of which nothing is shown, and of which nothing is counted.
    kept_back: usize,
    uncounted: usize,
}

/// A vault whose objects of a kind the caller may list.
struct Listable<'a> {
    ask: Ask<'a>,
    vault: Arc<Vault>,
    keys: Arc<VaultKeys>,
    record: Record,
}

impl Objects {
    /// Secrets, keys and certificates in these vaults whose current version ends soon, of each kind the first, and how
    /// many are behind. Of more than [`MAX_VAULTS_AT_ONCE`] vaults the others are not looked at.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn ending(
        &self,
        ctx: &RequestContext,
        vaults: &[VaultName],
        ahead: &Ahead,
    ) -> Result<Vec<EndingSoon>, ObjectError> {
        let (permit, mut record) = match self.gate.identified(ctx, Action::SecretList).await {
            Judgement::Permitted(case) => (case.permit, case.record),
            Judgement::Denied(mut record, denial) => {
                ENDING.clone_into(&mut record.operation);
                return Err(self.recorder.release(ctx, *record, denial).await?.into());
            }
        };
        ENDING.clone_into(&mut record.operation);
        let mut held = permit.hold(Ok(Vec::new()));
        for verbs in [Verbs::CERTIFICATES, Verbs::SECRETS, Verbs::KEYS] {
            let (listable, permits, hidden) = self.listable(ctx, verbs, vaults).await?;
            let told = format!("{} of {}", listable.len(), listable.len() + hidden);
            record.trace.push(
                Stage::new("grants", StageEffect::Allow, "judged-one-by-one")
                    .with_detail(format!("{}: {told}", verbs.list.operation())),
            );
            let lane = move |shown: Shown| EndingSoon {
                kind: verbs.kind,
                items: shown.items,
                more: shown.more,
                hidden: hidden + shown.kept_back,
                behind: shown.behind,
                uncounted: shown.uncounted,
            };
            let Some(permits) = permits else {
                held = held.map(|lanes| with(lanes, Ok(lane(Shown::default()))));
                continue;
            };
            let before = if verbs.kind == ObjectKind::Secret { ahead.made_before } else { ahead.due_before };
            let endings = self.store.ending(permits, ahead.within.clone(), before, ahead.limit).await;
            let endings = endings.map(|found| self.authentic_endings(verbs, &listable, found));
            let endings = self.shown_endings(ctx, listable, &mut record, endings).await;
            let endings = endings.map(|shown| shown.map(lane));
            held = held.and(endings).map(|(lanes, lane)| with(lanes, lane));
        }
        self.recorder.release(ctx, record, held).await?
    }

    /// The vaults in which the caller may list the kind, the permits for it, and in how many it may not.
    async fn listable<'a>(
        &self,
        ctx: &RequestContext,
        verbs: &Verbs,
        vaults: &'a [VaultName],
    ) -> Result<(Vec<Listable<'a>>, Option<Permits>, usize), ObjectError> {
        let (mut listable, mut permits, mut hidden) = (Vec::new(), Vec::new(), 0);
        for name in vaults.iter().take(MAX_VAULTS_AT_ONCE) {
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
    fn authentic_endings(
        &self,
        verbs: &Verbs,
        listable: &[Listable<'_>],
        found: Result<Endings, StoreError>,
    ) -> Result<Endings, ObjectError> {
        let found = found?;
        for (vault, item) in &found.items {
            let inside = listable.iter().find(|listable| listable.vault.id == *vault).ok_or(ObjectError::Tampered)?;
            self.keyring.verify_name(&inside.keys, verbs.kind, &item.secret.name, &item.secret)?;
            self.keyring.verify_version(&inside.keys, verbs.kind, &item.secret.name, &item.version)?;
        }
        Ok(found)
    }

    /// What no policy module denies; of a vault whose modules give no answer nothing.
    async fn shown_endings(
        &self,
        ctx: &RequestContext,
        listable: Vec<Listable<'_>>,
        told: &mut Record,
        endings: Held<Result<Endings, ObjectError>>,
    ) -> Held<Result<Shown, ObjectError>> {
        let (mut kept_back, mut uncounted) = (0, 0);
        let (mut names, mut counted) = (Vec::new(), Vec::new());
        let mut endings = endings;
        for Listable { ask, vault, mut record, .. } in listable {
            let inside = |id: VaultId| id == vault.id;
            let items = || {
                endings.inspect(|found| {
                    let found = found.iter().flat_map(|found| &found.items);
                    found.filter(|(id, _)| inside(*id)).map(|(_, item)| item.clone()).collect::<Vec<_>>()
                })
            };
            let judged = record.trace.len();
            let shown = self.gate.entries(ctx, &ask, &vault, &mut record, items).await;
            told.trace.extend(record.trace.drain(judged..));
            let shown = match shown {
                Ok(None) => None,
                Ok(Some(shown)) => Some(shown),
                Err(_) => {
                    kept_back += 1;
                    Some(Vec::new())
                }
            };
            if let Some(shown) = shown {
                endings = endings.map(|found| {
                    let mut found = found?;
                    let mut shown = shown.into_iter();
                    found.items.retain(|(id, _)| !inside(*id) || shown.next().unwrap_or(false));
                    Ok(found)
                });
            }
            match self.gate.looks_at_entries(&ask, &vault).await {
                Ok(false) => counted.push(vault.id),
                _ => uncounted += 1,
            }
            names.push((vault.id, vault.name.clone()));
        }
        endings.map(|found| {
            let Endings { items, more, behind } = found?;
            let name = |id: VaultId| names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone());
            let items = items.into_iter().filter_map(|(id, item)| Some((name(id)?, item))).collect();
            let behind = behind.into_iter().filter(|(id, _)| counted.contains(id));
            let behind = behind.filter_map(|(id, count)| Some((name(id)?, count))).collect();
            Ok(Shown { items, more, behind, kept_back, uncounted })
        })
    }
}

/// One more of them, unless one of them failed.
fn with(
    lanes: Result<Vec<EndingSoon>, ObjectError>,
    lane: Result<EndingSoon, ObjectError>,
) -> Result<Vec<EndingSoon>, ObjectError> {
    let mut lanes = lanes?;
    lanes.push(lane?);
    Ok(lanes)
}
