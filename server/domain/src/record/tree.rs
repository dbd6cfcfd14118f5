//! Checkpoints of the whole log: one signed statement over the heads of all nodes, consistent with
//! the one before it.
//!
//! Which node makes one does not matter: the tree is the installation's, and a checkpoint extends
//! exactly the tree that was read. What is signed is compared first with what was signed before; a
//! log with two pasts is never signed again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom_crypto::{
    AuditSigner,
    merkle::{self, Frontier, Hash},
    tree::{TreeHead, head_leaf, segment_leaf},
    verify_named_audit_signature,
};

use crate::names::InstallationId;

/// Hashes and signatures in documents: hexadecimal.
pub(super) mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer, T: AsRef<[u8]>>(bytes: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&data_encoding::HEXLOWER.encode(bytes.as_ref()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(D::Error::custom)?;
        T::try_from(bytes).map_err(|_| D::Error::custom("it has the wrong length"))
    }
}

/// How far one node's chain had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeHead {
    /// Which node.
    pub node: String,
    /// Position of its last record covered.
    pub seq: u64,
    /// Head of its chain there.
    #[serde(with = "hex")]
    pub head: Hash,
}

/// A run of consecutive positions of one node's chain: one leaf of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose chain.
    pub node: String,
    /// First position.
    pub first: u64,
    /// Last position.
    pub last: u64,
    /// Head after the last position.
    #[serde(with = "hex")]
    pub head: Hash,
    /// Root over the positions ([`strongroom_crypto::tree::position_leaf`]).
    #[serde(with = "hex")]
    pub root: Hash,
}

impl Segment {
    /// The segment's leaf in the tree.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        segment_leaf(&self.node, self.first, self.last, &self.head, &self.root)
    }
}

/// A signed statement about the whole log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeCheckpoint {
    /// How many segments the tree had.
    pub size: u64,
    /// Its root.
    #[serde(with = "hex")]
    pub root: Hash,
    /// The heads of all nodes, in order of their names.
    pub heads: Vec<NodeHead>,
    /// Unix milliseconds.
    pub at: i64,
    /// Key id of the signer.
    pub key_id: String,
    /// Ed25519 signature over [`TreeCheckpoint::head`].
    #[serde(with = "hex")]
    pub signature: Vec<u8>,
}

/// The root over heads that are in order of their nodes' names.
fn root_of(heads: &[NodeHead]) -> Hash {
    let leaves: Vec<Hash> = heads.iter().map(|head| head_leaf(&head.node, head.seq, &head.head)).collect();
    merkle::root(&leaves)
}

impl TreeCheckpoint {
    /// What is signed.
    #[must_use]
    pub fn head(&self, installation: InstallationId) -> TreeHead {
        TreeHead {
            installation: *installation.0.as_bytes(),
            size: self.size,
            root: self.root,
            heads_root: root_of(&self.heads),
            at_millis: self.at,
        }
    }

    /// Whether one of these keys has signed it for this installation, the one that it names.
    #[must_use]
    pub fn is_authentic(&self, installation: InstallationId, keys: &[[u8; 32]]) -> bool {
        let signed = self.head(installation).to_signed_bytes();
        keys.iter().any(|key| verify_named_audit_signature(&self.key_id, key, &signed, &self.signature))
    }
}

/// What the log has that no checkpoint covers yet, with all it takes to cover it.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The right edge of the tree as it is stored.
    pub frontier: Frontier,
    /// The newest checkpoint.
    pub last: Option<TreeCheckpoint>,
    /// New segments, in the order in which they will be leaves.
    pub segments: Vec<Segment>,
    /// There is more than fits into one checkpoint.
    pub more: bool,
}

/// A checkpoint cannot be signed, because that would testify to two pasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwoPasts {
    /// The newest checkpoint in the database was not signed by this installation.
    #[error("the newest checkpoint in the database is not signed by this installation")]
    Forged,
    /// The stored tree is not the one that the newest checkpoint covers.
    #[error("the stored tree is not what the newest checkpoint covers")]
    Changed,
    /// A segment does not continue its node's chain.
    #[error("a segment does not continue what the newest checkpoint covers")]
    Gap,
    /// A checkpoint that was kept outside is not the beginning of what is stored now.
    #[error("the log is not the continuation of a checkpoint that was kept outside the database: it was forked")]
    Forked,
}

impl Growth {
    /// Covers the new segments.
    ///
    /// # Errors
    /// [`TwoPasts`] when the stored tree is not what was signed last.
    pub fn sign(
        &self,
        installation: InstallationId,
        signer: &AuditSigner,
        at: i64,
    ) -> Result<TreeCheckpoint, TwoPasts> {
        let mut heads = self.check(installation, &signer.public_key())?;
        let mut tree = self.frontier.clone();
        for segment in &self.segments {
            let seq = heads.get(&segment.node).map_or(0, |head| head.seq);
            if seq.checked_add(1) != Some(segment.first) || segment.last < segment.first {
                return Err(TwoPasts::Gap);
            }
            let head = NodeHead { node: segment.node.clone(), seq: segment.last, head: segment.head };
            heads.insert(segment.node.clone(), head);
            tree.push(segment.leaf(), |_, _| {});
        }
        let heads = heads.into_values().collect();
        let (size, root) = (tree.size(), tree.root());
        let mut checkpoint = TreeCheckpoint { size, root, heads, at, key_id: signer.key_id(), signature: Vec::new() };
        checkpoint.signature = signer.sign(&checkpoint.head(installation).to_signed_bytes()).to_vec();
        Ok(checkpoint)
    }

    /// Whether the stored tree is what was signed last; gives the heads it covers.
    fn check(&self, installation: InstallationId, key: &[u8; 32]) -> Result<BTreeMap<String, NodeHead>, TwoPasts> {
        let Some(last) = &self.last else {
            return if self.frontier.size() == 0 { Ok(BTreeMap::new()) } else { Err(TwoPasts::Changed) };
        };
        if !last.is_authentic(installation, std::slice::from_ref(key)) {
            return Err(TwoPasts::Forged);
        }
        if (last.size, last.root) != (self.frontier.size(), self.frontier.root()) {
            return Err(TwoPasts::Changed);
        }
        Ok(last.heads.iter().map(|head| (head.node.clone(), head.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::SeededEntropy;
    use uuid::Uuid;

    use super::*;

    const INSTALLATION: InstallationId = InstallationId(Uuid::from_u128(7));

    fn signer(seed: u64) -> AuditSigner {
        AuditSigner::generate(&SeededEntropy::new(seed)).ok().unwrap()
    }

    fn segment(node: &str, first: u64, last: u64) -> Segment {
        Segment { node: node.into(), first, last, head: [1; 32], root: [2; 32] }
    }

    fn growth(last: Option<TreeCheckpoint>, frontier: Frontier, segments: Vec<Segment>) -> Growth {
        Growth { frontier, last, segments, more: false }
    }

    fn begun() -> (TreeCheckpoint, Frontier) {
        let segments = vec![segment("b", 1, 4), segment("a", 1, 1)];
        let mut frontier = Frontier::default();
        segments.iter().for_each(|s| frontier.push(s.leaf(), |_, _| {}));
        let first = growth(None, Frontier::default(), segments).sign(INSTALLATION, &signer(1), 5).unwrap();
        (first, frontier)
    }

    #[test]
    fn a_checkpoint_covers_the_heads_of_all_nodes() {
        let (first, frontier) = begun();
        assert_eq!((first.size, first.root), (2, frontier.root()));
        let heads: Vec<_> = first.heads.iter().map(|h| (h.node.as_str(), h.seq)).collect();
        assert_eq!(heads, [("a", 1), ("b", 4)]);
        let next = growth(Some(first), frontier, vec![segment("a", 2, 9)]).sign(INSTALLATION, &signer(1), 6).unwrap();
        let heads: Vec<_> = next.heads.iter().map(|h| (h.node.as_str(), h.seq)).collect();
        assert_eq!((next.size, heads), (3, vec![("a", 9), ("b", 4)]), "also of those that did nothing");
    }

    #[test]
    fn nothing_is_signed_over_a_tree_that_was_changed() {
        let (first, frontier) = begun();
        let sign = |last: &TreeCheckpoint, frontier: &Frontier, segments| {
            growth(Some(last.clone()), frontier.clone(), segments).sign(INSTALLATION, &signer(1), 6).map(|_| ())
        };
        let next = || vec![segment("a", 2, 9)];
        assert_eq!(sign(&first, &frontier, next()), Ok(()));
        let mut longer = frontier.clone();
        longer.push([0; 32], |_, _| {});
        assert_eq!(sign(&first, &longer, next()), Err(TwoPasts::Changed));
        let other = TreeCheckpoint { root: [9; 32], ..first.clone() };
        assert_eq!(sign(&other, &frontier, next()), Err(TwoPasts::Forged));
        let mut moved = first.clone();
        moved.heads[0].seq = 2;
        assert_eq!(sign(&moved, &frontier, next()), Err(TwoPasts::Forged), "heads are signed too");
        for wrong in [segment("a", 3, 9), segment("a", 1, 9), segment("c", 2, 2), segment("a", 2, 1)] {
            assert_eq!(sign(&first, &frontier, vec![wrong]), Err(TwoPasts::Gap));
        }
        let headless = growth(None, frontier, next()).sign(INSTALLATION, &signer(1), 6);
        assert_eq!(headless, Err(TwoPasts::Changed), "who takes the checkpoints away takes the signature along");
    }

    #[test]
    fn a_checkpoint_is_of_one_installation_and_one_key_and_survives_as_a_document() {
        let (first, _) = begun();
        let key = signer(1).public_key();
        assert!(first.is_authentic(INSTALLATION, &[signer(2).public_key(), key]));
        assert!(!first.is_authentic(InstallationId(Uuid::nil()), &[key]));
        assert!(!first.is_authentic(INSTALLATION, &[signer(2).public_key()]));
        let renamed = TreeCheckpoint { key_id: signer(2).key_id(), ..first.clone() };
        assert!(!renamed.is_authentic(INSTALLATION, &[signer(2).public_key(), key]), "it names another key");
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<TreeCheckpoint>(&text).unwrap(), first);
        assert!(text.starts_with(r#"{"size":2,"root":""#), "{text}");
        assert!(serde_json::from_str::<TreeCheckpoint>(&text.replace(r#""root":""#, r#""root":"00"#)).is_err());
    }
}
