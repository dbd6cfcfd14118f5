//! What checkpoints of the whole audit log hash and sign: one Merkle tree over the segments of every
//! node's chain, and the heads of all nodes.
//!
//! A *segment* is a run of consecutive positions of one node's chain. Its own tree is over its
//! positions; the log's tree ([`crate::merkle`]) is over segments, in the order in which they were
//! covered, and only ever grows. So a record is proven by two short paths and one signature. Every
//! leaf has a label of its own. Needs no key. Must never change for logs that exist.

use crate::{
    canonical::Canonical,
    merkle::{self, Hash},
};

/// The leaf of one position in the tree of its segment.
#[must_use]
pub fn position_leaf(seq: u64, record_hash: &Hash, head: &Hash) -> Hash {
    let data = Canonical::new("strongroom/v2/audit-position").u64(seq).field(record_hash).field(head).into_bytes();
    merkle::leaf(&data)
}

/// The leaf of a segment in the tree of the log: positions `first` to `last` of a node's chain, the
/// head after `last`, and the root over the positions.
#[must_use]
pub fn segment_leaf(node: &str, first: u64, last: u64, head: &Hash, root: &Hash) -> Hash {
    let data = Canonical::new("strongroom/v2/audit-segment")
        .field(node.as_bytes())
        .u64(first)
        .u64(last)
        .field(head)
        .field(root)
        .into_bytes();
    merkle::leaf(&data)
}

/// The leaf of a node's head in the tree of heads.
#[must_use]
pub fn head_leaf(node: &str, seq: u64, head: &Hash) -> Hash {
    let data = Canonical::new("strongroom/v2/audit-node-head").field(node.as_bytes()).u64(seq).field(head).into_bytes();
    merkle::leaf(&data)
}

/// What is signed about the whole log at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The installation's identity.
    pub installation: [u8; 16],
    /// How many segments the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Root over the heads of all nodes, in order of their names.
    pub heads_root: Hash,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_millis: i64,
}

impl TreeHead {
    /// The bytes to sign and to verify: different heads never give the same bytes.
    #[must_use]
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        Canonical::new("strongroom/v2/audit-checkpoint")
            .field(&self.installation)
            .u64(self.size)
            .field(&self.root)
            .field(&self.heads_root)
            .i64(self.at_millis)
            .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CheckpointBody, canonical::sha256};

    /// Pins the layout by hand, so that an independent verifier can be written from it.
    #[test]
    fn a_position_is_a_leaf_over_length_prefixed_fields() {
        let mut bytes = vec![0];
        for field in [b"strongroom/v2/audit-position".as_slice(), &7u64.to_be_bytes(), &[1; 32], &[2; 32]] {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field);
        }
        assert_eq!(position_leaf(7, &[1; 32], &[2; 32]), sha256(&bytes));
    }

    #[test]
    fn every_field_of_every_leaf_counts() {
        let (a, b) = ([1; 32], [2; 32]);
        let position = [position_leaf(1, &a, &b), position_leaf(2, &a, &b), position_leaf(1, &b, &b)];
        let segment = [
            segment_leaf("n", 1, 2, &a, &b),
            segment_leaf("m", 1, 2, &a, &b),
            segment_leaf("n", 2, 2, &a, &b),
            segment_leaf("n", 1, 3, &a, &b),
            segment_leaf("n", 1, 2, &b, &b),
            segment_leaf("n", 1, 2, &a, &a),
        ];
        let head = [head_leaf("n", 1, &a), head_leaf("m", 1, &a), head_leaf("n", 2, &a), head_leaf("n", 1, &b)];
        let all: std::collections::BTreeSet<Hash> = [&position[..], &segment, &head].concat().into_iter().collect();
        assert_eq!(all.len(), 13);
    }

    #[test]
    fn every_field_of_a_head_is_signed_and_none_passes_for_an_earlier_checkpoint() {
        let base = TreeHead { installation: [1; 16], size: 7, root: [2; 32], heads_root: [3; 32], at_millis: -1 };
        let changed = [
            TreeHead { installation: [2; 16], ..base },
            TreeHead { size: 8, ..base },
            TreeHead { root: [3; 32], ..base },
            TreeHead { heads_root: [2; 32], ..base },
            TreeHead { at_millis: 1, ..base },
        ];
        for other in changed {
            assert_ne!(base.to_signed_bytes(), other.to_signed_bytes());
        }
        let old = CheckpointBody { installation: [1; 16], node: "n".into(), seq: 7, head: [2; 32], at_millis: -1 };
        assert_ne!(base.to_signed_bytes(), old.to_signed_bytes());
    }
}
