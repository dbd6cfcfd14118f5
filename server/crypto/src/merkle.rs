//! The Merkle tree of RFC 9162 section 2.1, with SHA-256: roots, inclusion and consistency proofs.
//!
//! Leaves and inner nodes are hashed with different first bytes, so that none passes for the other.
//! Proofs are made of *perfect* subtrees (a power of two leaves, at a multiple of their size): those
//! never change once they are full, so whoever keeps them can prove anything about any size of the
//! tree without reading the leaves again. Verifying needs no tree and no key.
//!
//! Must never change for trees that exist.

use aws_lc_rs::digest;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// A perfect subtree: the `position`-th one of `2^level` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subtree {
    /// 0 for a leaf.
    pub level: u8,
    /// Place among the subtrees of its level, from 0.
    pub position: u64,
}

/// Consecutive leaves, `start` included, `end` not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaves {
    /// First leaf.
    pub start: u64,
    /// Behind the last leaf.
    pub end: u64,
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The hash of a leaf: `SHA-256(0x00 || data)`.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    hash(&[&[0], data])
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

/// The root over subtrees that stand side by side, largest first; the empty tree's root for none.
#[must_use]
pub fn join(subtrees: &[Hash]) -> Hash {
    let mut from_right = subtrees.iter().rev();
    match from_right.next() {
        Some(last) => from_right.fold(*last, |right, left| node(left, &right)),
        None => hash(&[]),
    }
}

/// The root over leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| {
        tree.push(*leaf, |_, _| {});
    });
    tree.root()
}

/// The perfect subtrees of which leaves from an aligned start consist, largest first.
///
/// For a start that no tree of RFC 9162 splits at, the answer has more and smaller subtrees.
#[must_use]
pub fn subtrees(leaves: Leaves) -> Vec<Subtree> {
    let mut found = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        let fits = (leaves.end - start).ilog2();
        let level = if start == 0 { fits } else { fits.min(start.trailing_zeros()) };
        found.push(Subtree { level: u8::try_from(level).unwrap_or(u8::MAX), position: start >> level });
        start += 1 << level;
    }
    found
}

/// The largest power of two that is smaller than `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Whose roots prove that a leaf is in the tree of `size` leaves (RFC 9162 section 2.1.3.1), in the
/// order of the proof. None when there is no such leaf.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Leaves>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(Leaves { start: middle, end });
            end = middle;
        } else {
            path.push(Leaves { start, end: middle });
            start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// Whose roots prove that the tree of `first` leaves is the beginning of the tree of `second` leaves
/// (RFC 9162 section 2.1.4.1), in the order of the proof. None when it cannot be, or is empty.
#[must_use]
pub fn consistency(first: u64, second: u64) -> Option<Vec<Leaves>> {
    if first == 0 || first > second {
        return None;
    }
    let mut path = Vec::new();
    let (mut start, mut end, mut whole) = (0, second, true);
    while first != end {
        let middle = start + split(end - start);
        if first <= middle {
            path.push(Leaves { start: middle, end });
            end = middle;
        } else {
            path.push(Leaves { start, end: middle });
            start = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(Leaves { start, end });
    }
    path.reverse();
    Some(path)
}

/// Whether `path` proves that `leaf` stands at `index` of the tree of `size` leaves with this root
/// (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut reached) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            reached = node(sibling, &reached);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            reached = node(&reached, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && reached == *root
}

/// Whether `path` proves that the tree of `first` leaves with one root is the beginning of the tree
/// of `second` leaves with another (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn verify_consistency(first: u64, first_root: &Hash, second: u64, second_root: &Hash, path: &[Hash]) -> bool {
    if first == second {
        return path.is_empty() && first_root == second_root;
    }
    if first == 0 || first > second {
        return false;
    }
    let mut rest = path.iter();
    let begin = if first.is_power_of_two() { Some(first_root) } else { rest.next() };
    let Some(begin) = begin else { return false };
    let (mut place, mut last) = (first - 1, second - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*begin, *begin);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old = node(sibling, &old);
            new = node(sibling, &new);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new = node(&new, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old == *first_root && new == *second_root
}

/// The right edge of a tree: all that it takes to add leaves and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees, largest first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree of `size` leaves, from the roots of [`Frontier::of_size`]. None when their
    /// number does not fit.
    #[must_use]
    pub fn new(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == peaks.len()).then_some(Self { size, peaks })
    }

    /// The subtrees whose roots are the edge of a tree of `size` leaves.
    #[must_use]
    pub fn of_size(size: u64) -> Vec<Subtree> {
        subtrees(Leaves { start: 0, end: size })
    }

    /// How many leaves there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.peaks)
    }

    /// Adds a leaf; tells every perfect subtree that is full by it, the leaf first.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Subtree, Hash)) {
        let mut place = Subtree { level: 0, position: self.size };
        let mut root = leaf;
        full(place, root);
        while place.position & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            root = node(&left, &root);
            place = Subtree { level: place.level.saturating_add(1), position: place.position >> 1 };
            full(place, root);
        }
        self.peaks.push(root);
        self.size = self.size.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    /// The definition of RFC 9162 section 2.1.1, word by word.
    fn definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash(&[]),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(usize::try_from(split(leaves.len() as u64)).unwrap());
                node(&definition(left), &definition(right))
            }
        }
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    fn range(leaves: &[Hash], of: Leaves) -> Hash {
        definition(&leaves[usize::try_from(of.start).unwrap()..usize::try_from(of.end).unwrap()])
    }

    /// The tree over the inputs of Certificate Transparency's own tests (RFC 6962 and RFC 9162 trees
    /// are the same).
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let inputs: [&str; 8] =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let leaves: Vec<Hash> = inputs.iter().map(|i| leaf(&HEXLOWER.decode(i.as_bytes()).unwrap())).collect();
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (n, expected) in roots.iter().enumerate() {
            assert_eq!(HEXLOWER.encode(&root(&leaves[..=n])), *expected, "of {} leaves", n + 1);
        }
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(HEXLOWER.encode(&root(&[])), empty);
    }

    /// The example of RFC 9162 section 2.1.5: a tree of seven leaves.
    #[test]
    fn proofs_are_those_of_the_example_of_rfc_9162() {
        let l = leaves(7);
        let [a, b, c, d, e, f, j] = [l[0], l[1], l[2], l[3], l[4], l[5], l[6]];
        let (g, h, i) = (node(&a, &b), node(&c, &d), node(&e, &f));
        let (k, last) = (node(&g, &h), node(&i, &j));
        let proof = |of: Vec<Leaves>| of.into_iter().map(|r| range(&l, r)).collect::<Vec<_>>();
        assert_eq!(proof(inclusion(0, 7).unwrap()), [b, h, last]);
        assert_eq!(proof(inclusion(3, 7).unwrap()), [c, g, last]);
        assert_eq!(proof(inclusion(4, 7).unwrap()), [f, j, k]);
        assert_eq!(proof(inclusion(6, 7).unwrap()), [i, k]);
        assert_eq!(proof(consistency(3, 7).unwrap()), [c, d, g, last]);
        assert_eq!(proof(consistency(4, 7).unwrap()), [last]);
        assert_eq!(proof(consistency(6, 7).unwrap()), [i, j, k]);
    }

    #[test]
    fn a_leaf_is_no_node_and_there_is_nothing_outside_the_tree() {
        assert_ne!(leaf(&[[1; 32], [2; 32]].concat()), node(&[1; 32], &[2; 32]));
        assert_eq!((inclusion(0, 0), inclusion(5, 5), consistency(0, 3), consistency(4, 3)), (None, None, None, None));
        let one = leaves(1);
        assert!(!verify_inclusion(&one[0], 1, 1, &[], &one[0]) && !verify_inclusion(&one[0], 0, 0, &[], &one[0]));
        assert!(!verify_consistency(0, &root(&[]), 1, &one[0], &[]));
        assert_eq!(Frontier::new(3, vec![[0; 32]]), None);
    }

    fn change(path: &mut Vec<Hash>, how: u8, at: usize) -> bool {
        if path.is_empty() {
            path.push([0; 32]);
            return true;
        }
        let at = at % path.len();
        match how {
            0 => path[at][31] ^= 1,
            1 => _ = path.remove(at),
            _ => path.insert(at, [9; 32]),
        }
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(192))]

        #[test]
        fn the_frontier_and_its_subtrees_give_the_definition(count in 0usize..200, size in any::<prop::sample::Index>()) {
            let leaves = leaves(count);
            let mut kept = HashMap::new();
            let mut tree = Frontier::default();
            for leaf in &leaves {
                tree.push(*leaf, |place, root| { kept.insert(place, root); });
            }
            prop_assert_eq!(tree.root(), definition(&leaves));
            prop_assert!(kept.len() < 2 * count.max(1), "perfect subtrees are told once");
            // Any earlier size can be made again from what was kept.
            let size = size.index(count + 1);
            let of = Frontier::of_size(size as u64);
            let again = Frontier::new(size as u64, of.iter().map(|place| kept[place]).collect()).unwrap();
            prop_assert_eq!(again.root(), definition(&leaves[..size]));
        }

        #[test]
        fn every_leaf_is_proven_and_nothing_else(
            count in 1usize..120, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
            how in 0u8..3, place in any::<usize>(),
        ) {
            let l = leaves(count);
            let (index, size, root) = (at.index(count), count as u64, definition(&l));
            let mut kept = HashMap::new();
            let mut tree = Frontier::default();
            l.iter().for_each(|leaf| tree.push(*leaf, |place, root| { kept.insert(place, root); }));
            let of = inclusion(index as u64, size).unwrap();
            let path: Vec<Hash> =
                of.iter().map(|r| join(&subtrees(*r).iter().map(|place| kept[place]).collect::<Vec<_>>())).collect();
            prop_assert_eq!(&path, &of.into_iter().map(|r| range(&l, r)).collect::<Vec<_>>());
            prop_assert!(verify_inclusion(&l[index], index as u64, size, &path, &root));
            let other = other.index(count);
            if other != index {
                prop_assert!(!verify_inclusion(&l[other], index as u64, size, &path, &root));
                prop_assert!(!verify_inclusion(&l[index], other as u64, size, &path, &root));
            }
            prop_assert!(!verify_inclusion(&l[index], index as u64, size, &path, &[0; 32]));
            let mut changed = path.clone();
            prop_assert!(change(&mut changed, how, place));
            prop_assert!(!verify_inclusion(&l[index], index as u64, size, &changed, &root));
        }

        #[test]
        fn every_beginning_is_proven_and_no_fork(
            count in 1usize..120, at in any::<prop::sample::Index>(), forked in any::<prop::sample::Index>(),
            how in 0u8..3, place in any::<usize>(),
        ) {
            let l = leaves(count);
            let (first, second) = (1 + at.index(count), count);
            let (old, new) = (definition(&l[..first]), definition(&l));
            let path: Vec<Hash> =
                consistency(first as u64, second as u64).unwrap().into_iter().map(|r| range(&l, r)).collect();
            let holds = |old: &Hash, path: &[Hash]| verify_consistency(first as u64, old, second as u64, &new, path);
            prop_assert!(holds(&old, &path));
            // Another past leads to another root, and no proof joins the two.
            let mut fork = l[..first].to_vec();
            fork[forked.index(first)][0] ^= 1;
            prop_assert!(!holds(&definition(&fork), &path));
            let mut changed = path.clone();
            prop_assert!(change(&mut changed, how, place));
            prop_assert!(!holds(&old, &changed));
        }
    }
}
