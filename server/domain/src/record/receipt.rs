//! Receipts: one record with everything it takes to check, without the server and without its
//! database, that it is in the audit log.

use serde::{Deserialize, Serialize};
use strongroom_crypto::{
    chain::record_hash,
    merkle::{Hash, verify_inclusion},
    tree::position_leaf,
};
use uuid::Uuid;

use super::{Record, Segment, TreeCheckpoint, tree::hex};
use crate::names::InstallationId;

/// Most bytes of a receipt's document.
pub const MAX_RECEIPT: usize = 1024 * 1024;

/// Hashes of a path, hexadecimal.
mod path {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};
    use strongroom_crypto::merkle::Hash;

    #[derive(serde::Serialize, Deserialize)]
    struct Step(#[serde(with = "super::hex")] Hash);

    pub(super) fn serialize<S: Serializer>(path: &[Hash], to: S) -> Result<S::Ok, S::Error> {
        path.iter().map(|hash| Step(*hash)).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
        Ok(Vec::<Step>::deserialize(from)?.into_iter().map(|step| step.0).collect())
    }
}

/// A record with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Form of this document: 1.
    pub receipt: u32,
    /// The installation.
    pub installation: Uuid,
    /// The record's id.
    pub id: Uuid,
    /// The record as it was written, byte for byte.
    pub record: String,
    /// Its position in the chain of the segment's node.
    pub seq: u64,
    /// Head of that chain at the position.
    #[serde(with = "hex")]
    pub head: Hash,
    /// Proof that the position is in the segment.
    #[serde(with = "path")]
    pub position_path: Vec<Hash>,
    /// The segment.
    pub segment: Segment,
    /// Place of the segment in the log's tree.
    pub index: u64,
    /// Proof that the segment is in the tree.
    #[serde(with = "path")]
    pub segment_path: Vec<Hash>,
    /// The checkpoint that covers it.
    pub checkpoint: TreeCheckpoint,
}

/// What of a receipt does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A form that this program does not know.
    #[error("the receipt has a form that this program does not know")]
    Form,
    /// The record's text is not the record of this id.
    #[error("the record is not the one that the receipt names")]
    Record,
    /// The record, or its position, is not in the segment.
    #[error("the record is not what was chained at this position")]
    Position,
    /// The segment is not in the tree.
    #[error("the segment is not in the tree that the checkpoint covers")]
    Segment,
    /// No key that was given has signed the checkpoint.
    #[error("the checkpoint is not signed by the given key")]
    Signature,
}

impl Receipt {
    /// Checks everything; gives the record.
    ///
    /// # Errors
    /// [`ReceiptError`] says what does not hold.
    pub fn verify(&self, keys: &[[u8; 32]]) -> Result<Record, ReceiptError> {
        if self.receipt != 1 {
            return Err(ReceiptError::Form);
        }
        let record: Record = serde_json::from_str(&self.record).map_err(|_| ReceiptError::Record)?;
        if record.id != self.id {
            return Err(ReceiptError::Record);
        }
        let Segment { first, last, root, .. } = &self.segment;
        let hash = record_hash(self.id.as_bytes(), self.record.as_bytes());
        let leaf = position_leaf(self.seq, &hash, &self.head);
        let place = self.seq.checked_sub(*first).ok_or(ReceiptError::Position)?;
        let size = last.checked_sub(*first).and_then(|more| more.checked_add(1)).ok_or(ReceiptError::Position)?;
        if !verify_inclusion(&leaf, place, size, &self.position_path, root) {
            return Err(ReceiptError::Position);
        }
        let TreeCheckpoint { size, root, .. } = &self.checkpoint;
        if !verify_inclusion(&self.segment.leaf(), self.index, *size, &self.segment_path, root) {
            return Err(ReceiptError::Segment);
        }
        if !self.checkpoint.is_authentic(InstallationId(self.installation), keys) {
            return Err(ReceiptError::Signature);
        }
        Ok(record)
    }
}
