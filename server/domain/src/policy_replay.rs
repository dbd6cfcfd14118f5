//! Results of replays: what a candidate would have made of recorded decisions, kept so that they can be looked at again
//! and shown to others.
//!
//! There is a fixed number of places for them; the newest takes that of the oldest. They hold ids and reasons as
//! records do, and never more.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{admin::Counted, names::VaultId, policy::PolicyAttachment, principal::PrincipalId};

/// How many are kept, of all vaults together.
pub const MAX_REPLAYS: i64 = 50;

/// What a candidate would have made of recorded decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReplay {
    /// Its place: 0 to [`MAX_REPLAYS`], exclusive.
    pub slot: i64,
    /// By which it is addressed: the id of the request that made it.
    pub id: Uuid,
    /// On which vault's decisions.
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
    /// Grows with every replay in this place.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl PolicyReplay {
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
