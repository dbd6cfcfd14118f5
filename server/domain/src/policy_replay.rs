//! Results of replays: what a candidate would have made of recorded decisions, kept so that they can be looked at again
//! and shown to others.
//!
//! There is a fixed number of places for them; the newest takes that of the oldest. They hold ids and reasons as
//! records do, and never more.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    admin::Counted,
    names::VaultId,
    policy::{AttachmentState, PolicyAttachment},
    principal::PrincipalId,
};

/// In place of a vault where decisions of all of them were asked again: no vault has it.
pub const ALL_VAULTS: VaultId = VaultId(Uuid::nil());

/// How many of the newest records are asked again when nobody says how many. One that asked fewer again, and not all
/// that there are, is no review of what a module would change.
const USUAL: usize = 200;
/// What an earlier one found that was made no longer before the newest, in milliseconds, is still to be reviewed.
const STILL_OPEN: i64 = 86_400_000;

/// How many are kept, of all vaults together.
pub const MAX_REPLAYS: i64 = 50;

/// What a candidate would have made of recorded decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReplay {
    /// Its place: 0 to [`MAX_REPLAYS`], exclusive.
    pub slot: i64,
    /// By which it is addressed: the id of the request that made it.
    pub id: Uuid,
    /// On which vault's decisions; [`ALL_VAULTS`] for those of all.
    pub vault: VaultId,
    /// Who had it made.
    pub by: PrincipalId,
    /// When, Unix milliseconds.
    pub at: i64,
    /// Revision of the vault's settings that it was compared with.
    pub settings_revision: i64,
    /// The attachments that were tried in place of the vault's own, in order.
    pub candidate: Vec<PolicyAttachment>,
    /// Whether they were tried in place of those of all vaults instead, and that is whose revision stands here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everywhere: bool,
    /// How many decisions were asked again, of the newest records of the vault.
    pub replayed: u64,
    /// What would change.
    pub counted: Counted,
    /// Which groups of what would change somebody looked at. Older results have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<GroupReview>,
    /// Grows with every replay in this place, and with every review of one.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// That somebody looked at what would change alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReview {
    /// Which group: its number in the result, from 1.
    pub group: usize,
    /// Who looked at it.
    pub by: PrincipalId,
    /// When, Unix milliseconds.
    pub at: i64,
}

/// How far what would change by an attachment, were it enforced, was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// The replay that found it.
    pub replay: Uuid,
    /// On which vault's decisions.
    pub vault: VaultId,
    /// When they were asked again, Unix milliseconds.
    pub at: i64,
    /// How many decisions it asked again.
    pub decisions: u64,
    /// Groups of decisions that would change alike.
    pub groups: usize,
    /// Those of them that nobody has reviewed.
    pub open: usize,
    /// Decisions that would change and are in none of the groups, because there were too many to tell apart: nobody can
    /// review them.
    pub untold: u64,
}

impl Reviewed {
    /// Whether everything that would change was reviewed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open == 0 && self.untold == 0
    }
}

impl PolicyReplay {
    /// Who reviewed a group first, by its number from 1.
    #[must_use]
    pub fn review_of(&self, group: usize) -> Option<&GroupReview> {
        self.reviews.iter().find(|review| review.group == group)
    }

    /// How far it was reviewed.
    #[must_use]
    pub fn reviewed(&self) -> Reviewed {
        let counted = &self.counted;
        let groups = counted.groups.len();
        let told: u64 = counted.groups.iter().map(|group| group.count).sum();
        let changed = [counted.newly_allowed, counted.newly_denied, counted.indeterminate];
        let changed = changed.into_iter().fold(0, u64::saturating_add);
        Reviewed {
            replay: self.id,
            vault: self.vault,
            at: self.at,
            decisions: self.replayed,
            groups,
            open: (1..=groups).filter(|group| self.review_of(*group).is_none()).count(),
            untold: changed.saturating_sub(told),
        }
    }

    /// Whether it looked at too few records to tell what a module would change, though there are more.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        let looked = self.replayed.saturating_add(self.counted.left_out);
        !self.counted.all && usize::try_from(looked).is_ok_and(|looked| looked < USUAL)
    }

    /// Whether an attachment was tried in it enforced, as it is in all else: of a vault, or of all. What is attached to all
    /// vaults changes decisions in each of them, so one vault's do not tell enough.
    #[must_use]
    pub fn enforced(&self, vault: Option<VaultId>, attachment: &PolicyAttachment) -> bool {
        let PolicyAttachment { name, module, settings, authority, state: _, previous: _ } = attachment;
        vault.map_or(self.everywhere && self.vault == ALL_VAULTS, |vault| !self.everywhere && self.vault == vault)
            && self.candidate.iter().any(|tried| {
                tried.state == AttachmentState::Enforce
                    && (&tried.name, &tried.module, &tried.settings, &tried.authority)
                        == (name, module, settings, authority)
            })
    }

    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether its place is one that there is.
    #[must_use]
    pub fn has_place(&self) -> bool {
        (0..MAX_REPLAYS).contains(&self.slot)
    }
}

/// Where the next one goes, and the revision of the one that stands there: the first free place, or the oldest's.
#[must_use]
pub fn next_place(kept: &[PolicyReplay]) -> (i64, Option<i64>) {
    let free = (0..MAX_REPLAYS).find(|slot| kept.iter().all(|replay| replay.slot != *slot));
    let oldest = || kept.iter().min_by_key(|replay| (replay.at, replay.slot));
    match (free, oldest()) {
        (Some(free), _) => (free, None),
        (None, oldest) => oldest.map_or((0, None), |oldest| (oldest.slot, Some(oldest.revision))),
    }
}

/// The replay whose groups are to be reviewed before an attachment is enforced: of those that tried it enforced, as it is
/// in all else, and are not narrow, the newest; but as long as one of the day before that has something open, that one.
#[must_use]
pub fn to_review<'a>(
    kept: &'a [PolicyReplay],
    vault: Option<VaultId>,
    attachment: &PolicyAttachment,
) -> Option<&'a PolicyReplay> {
    let tried = || kept.iter().filter(move |replay| replay.enforced(vault, attachment) && !replay.is_narrow());
    let newest = tried().max_by_key(|replay| (replay.at, replay.id))?;
    let since = newest.at.saturating_sub(STILL_OPEN);
    let open = tried().filter(|replay| replay.at >= since && !replay.reviewed().is_complete());
    open.max_by_key(|replay| (replay.at, replay.id)).or(Some(newest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admin::{Altered, ChangedAlike},
        policy::ModuleDigest,
    };

    fn attachment(name: &str, state: AttachmentState) -> PolicyAttachment {
        PolicyAttachment {
            name: name.to_owned(),
            module: ModuleDigest([1; 32]),
            settings: "{}".to_owned(),
            state,
            authority: false,
            previous: None,
        }
    }

    fn ada() -> PrincipalId {
        PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() }
    }

    fn replay(at: i64, groups: &[u64]) -> PolicyReplay {
        let group = |count: &u64| ChangedAlike {
            altered: Altered::NewlyDenied,
            principal: String::new(),
            operation: String::new(),
            object: String::new(),
            reason: String::new(),
            count: *count,
            samples: Vec::new(),
        };
        PolicyReplay {
            slot: 0,
            id: Uuid::from_u128(u128::from(at.unsigned_abs())),
            vault: VaultId(Uuid::from_u128(7)),
            by: ada(),
            at,
            settings_revision: 1,
            candidate: vec![attachment("guard", AttachmentState::Enforce)],
            everywhere: false,
            replayed: 200,
            counted: Counted {
                newly_denied: groups.iter().sum(),
                groups: groups.iter().map(group).collect(),
                ..Counted::default()
            },
            reviews: Vec::new(),
            revision: 1,
            tag: Vec::new(),
        }
    }

    #[test]
    fn each_group_waits_for_somebody_and_what_is_in_none_cannot_be_reviewed() {
        let mut one = replay(1, &[3, 1]);
        assert_eq!((one.reviewed().groups, one.reviewed().open), (2, 2));
        one.reviews.push(GroupReview { group: 2, by: ada(), at: 5 });
        assert_eq!((one.reviewed().open, one.reviewed().is_complete()), (1, false));
        one.reviews.push(GroupReview { group: 1, by: ada(), at: 6 });
        assert!(one.reviewed().is_complete());
        one.counted.newly_allowed = 2;
        assert_eq!((one.reviewed().untold, one.reviewed().is_complete()), (2, false));
        assert!(replay(1, &[]).reviewed().is_complete(), "nothing would change");
    }

    #[test]
    fn the_newest_replay_counts_that_tried_it_as_it_is() {
        let vault = VaultId(Uuid::from_u128(7));
        let shadow = attachment("guard", AttachmentState::Shadow);
        let (first, second) = (replay(1, &[]), replay(2, &[]));
        let mut without = replay(3, &[]);
        without.candidate.clear();
        let mut in_shadow = replay(4, &[]);
        in_shadow.candidate = vec![shadow.clone()];
        let mut everywhere = replay(5, &[]);
        (everywhere.everywhere, everywhere.vault) = (true, ALL_VAULTS);
        let mut of_one = replay(6, &[]);
        of_one.everywhere = true;
        let kept = [second.clone(), first, without, in_shadow, everywhere.clone(), of_one];
        assert_eq!(to_review(&kept, Some(vault), &shadow), Some(&second));
        assert_eq!(to_review(&kept, None, &shadow), Some(&everywhere));
        assert_eq!(to_review(&kept, Some(VaultId(Uuid::max())), &shadow), None);
        let others = PolicyAttachment { settings: "{\"x\":1}".to_owned(), ..shadow };
        assert_eq!(to_review(&kept, Some(vault), &others), None, "other settings were not tried");
    }

    #[test]
    fn few_decisions_are_no_review_and_what_was_open_stays_open_for_a_day() {
        let (vault, guard) = (VaultId(Uuid::from_u128(7)), attachment("guard", AttachmentState::Shadow));
        let counts = |kept: &[PolicyReplay]| to_review(kept, Some(vault), &guard).map(|replay| replay.at);
        let narrow = PolicyReplay { replayed: 199, ..replay(5, &[]) };
        assert_eq!(counts(std::slice::from_ref(&narrow)), None);
        let mut all = narrow.clone();
        all.counted.all = true;
        assert_eq!(counts(&[all]), Some(5), "there are no more");
        let mut others = narrow.clone();
        others.counted.left_out = 1;
        assert_eq!(counts(&[others]), Some(5), "as many records were looked at");
        let mut open = replay(1, &[3]);
        assert_eq!(counts(&[open.clone(), narrow]), Some(1));
        assert_eq!(counts(&[replay(1 + STILL_OPEN, &[]), open.clone()]), Some(1));
        assert_eq!(counts(&[replay(2 + STILL_OPEN, &[]), open.clone()]), Some(2 + STILL_OPEN));
        open.reviews.push(GroupReview { group: 1, by: ada(), at: 5 });
        assert_eq!(counts(&[replay(6, &[]), open]), Some(6));
    }

    /// Pins the form: tags are over it, and older results have no reviews.
    #[test]
    fn a_result_without_reviews_keeps_its_form() {
        let text = serde_json::to_string(&replay(1, &[])).unwrap();
        assert!(!text.contains("reviews"), "{text}");
        assert_eq!(serde_json::from_str::<PolicyReplay>(&text).unwrap(), replay(1, &[]));
    }
}
