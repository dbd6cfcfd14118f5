//! What ends soon in several vaults at once. Every vault is judged by itself, as if its list were asked for; one record
//! tells of all.

use std::ops::Range;

use super::{
    ObjectError, Objects, Verbs,
    across::{Listable, judged_one_by_one, named, with},
};
use crate::{
    context::RequestContext,
    names::{ObjectKind, VaultName},
    permit::Held,
    record::Record,
    secret::{Endings, SecretItem},
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
    /// How many there are in each vault in which they may be listed and counted, if that was asked for.
    pub counts: Vec<(VaultName, u64)>,
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
    /// Whether all that there is is counted.
    pub count: bool,
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
    counts: Vec<(VaultName, u64)>,
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
        let (permit, mut record) = self.begin_across(ctx, ENDING).await?;
        let mut held = permit.hold(Ok(Vec::new()));
        for verbs in [Verbs::CERTIFICATES, Verbs::SECRETS, Verbs::KEYS] {
            let (listable, permits, hidden) = self.listable(ctx, verbs, vaults.iter().take(MAX_VAULTS_AT_ONCE)).await?;
            record.trace.push(judged_one_by_one(verbs, listable.len(), hidden));
            let lane = move |shown: Shown| EndingSoon {
                kind: verbs.kind,
                items: shown.items,
                more: shown.more,
                hidden: hidden + shown.kept_back,
                behind: shown.behind,
                uncounted: shown.uncounted,
                counts: shown.counts,
            };
            let Some(permits) = permits else {
                held = held.map(|lanes| with(lanes, Ok(lane(Shown::default()))));
                continue;
            };
            let before = if verbs.kind == ObjectKind::Secret { ahead.made_before } else { ahead.due_before };
            let endings = self.store.ending(permits, ahead.within.clone(), before, ahead.limit, ahead.count).await;
            let endings = endings.map(|found| self.authentic_across(verbs, &listable, found?));
            let endings = self.shown_endings(ctx, listable, &mut record, (endings, ahead.count)).await;
            let endings = endings.map(|shown| shown.map(lane));
            held = held.and(endings).map(|(lanes, lane)| with(lanes, lane));
        }
        self.recorder.release(ctx, record, held).await?
    }

    /// What no policy module denies; of a vault whose modules give no answer nothing.
    async fn shown_endings(
        &self,
        ctx: &RequestContext,
        listable: Vec<Listable<'_>>,
        told: &mut Record,
        (endings, counted): (Held<Result<Endings, ObjectError>>, bool),
    ) -> Held<Result<Shown, ObjectError>> {
        let (endings, judged) = self.shown_across(ctx, listable, told, endings).await;
        let kept_back = judged.iter().filter(|judged| judged.kept_back).count();
        let uncounted = judged.iter().filter(|judged| !judged.is_counted).count();
        endings.map(|found| {
            let Endings { items, more, behind, counts } = found?;
            let behind = behind.into_iter().filter_map(|(id, count)| {
                let judged = judged.iter().find(|judged| judged.id == id && judged.is_counted)?;
                Some((judged.name.clone(), count))
            });
            let behind = behind.collect();
            let countable = judged.iter().filter(|judged| counted && judged.is_counted && !judged.kept_back);
            let count_of = |id| counts.iter().find(|(of, _)| *of == id).map_or(0, |(_, count)| *count);
            let counts = countable.map(|judged| (judged.name.clone(), count_of(judged.id))).collect();
            Ok(Shown { items: named(&judged, items), more, behind, kept_back, uncounted, counts })
        })
    }
}
