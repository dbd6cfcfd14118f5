//! Looking through the names and tags of a vault, or of every vault that the caller may list: judged as a list is, with
//! one record for a search. What comes back is read, authenticated and shown to policy modules like a list of the same
//! objects; nobody is asked about what was looked through and is not like it.

use super::{
    InVault, ObjectError, Objects, Verbs,
    across::{judged_one_by_one, named, with},
};
use crate::{
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::{Ask, Case},
    names::{ObjectKind, ObjectName, VaultName},
    permit::Permits,
    search::{Found, MOST_LOOKED_THROUGH, Search},
    secret::{Page, SecretItem},
};

/// What a search over all vaults is called on record.
pub const NAME_SEARCH: &str = "NameSearch";
/// Most vaults that are searched for one answer.
pub const MAX_VAULTS_SEARCHED: usize = 200;
/// Most objects that one search gives back.
const MOST: usize = 1000;

/// What was found in a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searched {
    /// In the order that was asked for. There may be fewer than there was room for.
    pub items: Vec<SecretItem>,
    /// There is more of it.
    pub more: bool,
    /// Not all names were looked through.
    pub in_part: bool,
    /// In the order of names: the name behind which there is more to look at.
    pub next: Option<ObjectName>,
}

/// What was found of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOfKind {
    /// The kind.
    pub kind: ObjectKind,
    /// Vaults and what is in them.
    pub items: Vec<(VaultName, SecretItem)>,
    /// There is more of it.
    pub more: bool,
    /// Not all names were looked through.
    pub in_part: bool,
    /// In how many vaults the policy modules gave no answer, so that nothing is shown.
    pub kept_back: usize,
}

fn looked_through(verbs: &Verbs, in_part: bool) -> Stage {
    let told = if in_part { format!("the first {MOST_LOOKED_THROUGH}") } else { "all".to_owned() };
    let told = format!("{}: {told}", verbs.list.operation());
    Stage::new("search", StageEffect::Abstain, "names-looked-through").with_detail(told)
}

impl Objects {
    /// Active objects of a vault that are like this.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub(crate) async fn search(
        &self,
        verbs: &Verbs,
        ctx: &RequestContext,
        vault: &VaultName,
        search: &Search,
        limit: usize,
    ) -> Result<Searched, ObjectError> {
        let ask = Ask::objects(verbs.kind, verbs.list, vault);
        let InVault { case, vault, keys } = self.admit(ctx, ask.clone()).await?;
        let Case { permit, mut record, .. } = case;
        let held = self.store.search(Permits::one(permit), search, limit.clamp(1, MOST)).await;
        let (more, in_part) = held.inspect(|found| found.as_ref().map_or((false, false), |f| (f.more, f.in_part)));
        record.trace.push(looked_through(verbs, in_part));
        let held = held.map(|found| -> Result<Page<SecretItem>, ObjectError> {
            let Found { items, next, .. } = found?;
            let items = items.into_iter().map(|(_, item)| item).collect();
            let mut page = self.authentic(verbs, &keys, Page { items, next })?;
            page.items.retain(|item| search.takes(item));
            Ok(page)
        });
        let held = self.shown(ctx, &ask, &vault, &mut record, held).await;
        let held = held.map(|page| -> Result<Searched, ObjectError> {
            let Page { items, next } = page?;
            let next = next.and_then(|next| ObjectName::parse(&next).ok());
            Ok(Searched { items, more, in_part, next })
        });
        self.recorder.release(ctx, record, held).await?
    }

    /// Secrets, keys and certificates in these vaults that are like this, of each kind the first. Of more than
    /// [`MAX_VAULTS_SEARCHED`] vaults the others are not looked at, and of vaults in which the caller may not list a kind
    /// nothing is said.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub async fn search_all(
        &self,
        ctx: &RequestContext,
        vaults: &[VaultName],
        search: &Search,
        limit: usize,
    ) -> Result<Vec<FoundOfKind>, ObjectError> {
        let (permit, mut record) = self.begin_across(ctx, NAME_SEARCH).await?;
        let mut held = permit.hold(Ok(Vec::new()));
        for verbs in [Verbs::SECRETS, Verbs::KEYS, Verbs::CERTIFICATES] {
            let (listable, permits, hidden) =
                self.listable(ctx, verbs, vaults.iter().take(MAX_VAULTS_SEARCHED)).await?;
            record.trace.push(judged_one_by_one(verbs, listable.len(), hidden));
            let Some(permits) = permits else { continue };
            let found = self.store.search(permits, search, limit.clamp(1, MOST)).await;
            let in_part = found.inspect(|found| found.as_ref().is_ok_and(|found| found.in_part));
            record.trace.push(looked_through(verbs, in_part));
            let found = found.map(|found| -> Result<Found, ObjectError> {
                let mut found = self.authentic_across(verbs, &listable, found?)?;
                found.items.retain(|(_, item)| search.takes(item));
                Ok(found)
            });
            let (found, judged) = self.shown_across(ctx, listable, &mut record, found).await;
            let kept_back = judged.iter().filter(|judged| judged.kept_back).count();
            let found = found.map(|found| -> Result<FoundOfKind, ObjectError> {
                let Found { items, more, .. } = found?;
                Ok(FoundOfKind { kind: verbs.kind, items: named(&judged, items), more, in_part, kept_back })
            });
            held = held.and(found).map(|(all, one)| with(all, one));
        }
        self.recorder.release(ctx, record, held).await?
    }
}
