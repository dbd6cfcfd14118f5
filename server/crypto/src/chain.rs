//! The hashes of the audit trail: each record, the chain over them, and what a checkpoint signs.
//!
//! Everything is SHA-256 over the canonical encoding with a label of its own, so a record cannot
//! pass for a link nor a link for a checkpoint. Needs no key: an auditor computes the same with
//! public data alone. Must never change for records that exist.

use crate::canonical::Canonical;

/// The hash of one audit record.
///
/// `canonical_body` is the record as it is stored, byte for byte.
#[must_use]
pub fn record_hash(record_id: &[u8; 16], canonical_body: &[u8]) -> [u8; 32] {
    Canonical::new("strongroom/v1/audit-record").field(record_id).field(canonical_body).sha256()
}

/// The head of an empty chain: every node of every installation begins at a value of its own.
#[must_use]
pub fn genesis(installation: &[u8; 16], node: &str) -> [u8; 32] {
    Canonical::new("strongroom/v1/audit-genesis").field(installation).field(node.as_bytes()).sha256()
}

/// The head after the record at position `seq` was added to a chain whose head was `previous`.
#[must_use]
pub fn extend(previous: &[u8; 32], seq: u64, record_hash: &[u8; 32]) -> [u8; 32] {
    Canonical::new("strongroom/v1/audit-link").field(previous).u64(seq).field(record_hash).sha256()
}

/// What a node signs about its chain at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointBody {
    /// The installation's identity.
    pub installation: [u8; 16],
    /// The node whose chain it is.
    pub node: String,
    /// The position of the last record covered.
    pub seq: u64,
    /// The head of the chain after that record.
    pub head: [u8; 32],
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_millis: i64,
}

impl CheckpointBody {
    /// The bytes to sign and to verify: different checkpoints never give the same bytes.
    #[must_use]
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        Canonical::new("strongroom/v1/audit-checkpoint")
            .field(&self.installation)
            .field(self.node.as_bytes())
            .u64(self.seq)
            .field(&self.head)
            .i64(self.at_millis)
            .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::sha256;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn head_of(records: &[Vec<u8>]) -> [u8; 32] {
        records
            .iter()
            .zip(0u64..)
            .fold(genesis(&[1; 16], "node-1"), |head, (body, seq)| extend(&head, seq, &record_hash(&[9; 16], body)))
    }

    /// Pins the layout by hand, so that an independent verifier can be written from it.
    #[test]
    fn a_link_is_sha256_over_length_prefixed_fields() {
        let mut bytes = Vec::new();
        for field in [b"strongroom/v1/audit-link".as_slice(), &[1; 32], &7u64.to_be_bytes(), &[2; 32]] {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        assert_eq!(extend(&[1; 32], 7, &[2; 32]), sha256(&bytes));
    }

    #[test]
    fn nodes_and_installations_begin_apart() {
        assert_ne!(genesis(&[1; 16], "a"), genesis(&[1; 16], "b"));
        assert_ne!(genesis(&[1; 16], "a"), genesis(&[2; 16], "a"));
        assert_ne!(genesis(&[1; 16], ""), [0; 32]);
        assert_eq!(HEXLOWER.encode(&genesis(&[1; 16], "a")).len(), 64);
    }

    #[test]
    fn every_field_of_a_link_and_of_a_record_counts() {
        let base = extend(&[1; 32], 7, &[2; 32]);
        assert_ne!(base, extend(&[3; 32], 7, &[2; 32]));
        assert_ne!(base, extend(&[1; 32], 8, &[2; 32]));
        assert_ne!(base, extend(&[1; 32], 7, &[3; 32]));
        assert_ne!(record_hash(&[1; 16], b"a"), record_hash(&[2; 16], b"a"));
        assert_ne!(record_hash(&[1; 16], b"a"), record_hash(&[1; 16], b"b"));
    }

    #[test]
    fn every_field_of_a_checkpoint_is_signed() {
        let base =
            CheckpointBody { installation: [1; 16], node: "node-1".to_owned(), seq: 7, head: [2; 32], at_millis: -1 };
        let changed = [
            CheckpointBody { installation: [2; 16], ..base.clone() },
            CheckpointBody { node: "node-2".to_owned(), ..base.clone() },
            CheckpointBody { seq: 8, ..base.clone() },
            CheckpointBody { head: [3; 32], ..base.clone() },
            CheckpointBody { at_millis: 1, ..base.clone() },
        ];
        for other in changed {
            assert_ne!(base.to_signed_bytes(), other.to_signed_bytes());
        }
    }

    proptest! {
        #[test]
        fn removing_swapping_or_changing_a_record_changes_the_head(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 2..8),
            at in any::<prop::sample::Index>(),
            with in any::<prop::sample::Index>(),
        ) {
            let head = head_of(&records);
            let (at, with) = (at.index(records.len()), with.index(records.len()));

            let mut shorter = records.clone();
            shorter.remove(at);
            prop_assert_ne!(head, head_of(&shorter));

            let mut changed = records.clone();
            changed[at].push(0);
            prop_assert_ne!(head, head_of(&changed));

            let mut swapped = records.clone();
            swapped.swap(at, with);
            prop_assert_eq!(head == head_of(&swapped), records == swapped);
        }
    }
}
