//! Following one chain, link by link, without a database: what fits and what does not.

use std::collections::BTreeSet;

use strongroom_crypto::chain;
use uuid::Uuid;

use super::Finding;

/// Most broken links among which exchanged ones are looked for.
const MAX_COMPARED: usize = 64;
/// Most places at which positions were passed over that are remembered.
const MAX_GAPS: usize = 64;
/// Most positions behind their place that are remembered.
const MAX_LATE: usize = 100_000;

/// One link as it stands in the database.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) record: Uuid,
    pub(super) record_hash: [u8; 32],
    pub(super) head: [u8; 32],
}

/// A link that does not follow from the one before.
struct Broken {
    link: Link,
    previous: [u8; 32],
}

impl Broken {
    fn fits(&self, previous: &[u8; 32], record_hash: &[u8; 32], head: &[u8; 32]) -> bool {
        chain::extend(previous, self.link.seq, record_hash) == *head
    }
}

/// Positions that were passed over, and which of them came behind their place.
struct Gap {
    from: u64,
    to: u64,
    late: BTreeSet<u64>,
    /// They came as when the first of them and the one behind them were exchanged.
    exchanged: bool,
}

impl Gap {
    fn lacks(&self, seq: u64) -> bool {
        (self.from..=self.to).contains(&seq) && !self.late.contains(&seq)
    }

    /// A position came behind its place, when the chain had come to `last`.
    fn came(&mut self, seq: u64, last: u64) {
        let came = u64::try_from(self.late.len()).unwrap_or(u64::MAX);
        let others = self.to.saturating_sub(self.from);
        let turn = if came < others { self.from.saturating_add(1).saturating_add(came) } else { self.from };
        self.exchanged &= seq == turn && last == self.to.saturating_add(1);
        self.late.insert(seq);
    }

    fn findings(self, node: &str) -> Vec<Finding> {
        let node = || node.to_owned();
        let Self { from, to, late, exchanged } = self;
        let (Some(first), Some(last)) = (late.first(), late.last()) else {
            return vec![Finding::LinksMissing { node: node(), from, to }];
        };
        let whole = u64::try_from(late.len()).is_ok_and(|came| came > to.saturating_sub(from));
        if whole && exchanged {
            return vec![Finding::Reordered { node: node(), seq: from, other: to.saturating_add(1) }];
        }
        let mut findings = vec![Finding::OutOfOrder { node: node(), from: *first, to: *last }];
        let mut next = from;
        for seq in late.iter().copied().chain([to.saturating_add(1)]) {
            if seq > next {
                findings.push(Finding::LinksMissing { node: node(), from: next, to: seq.saturating_sub(1) });
            }
            next = seq.saturating_add(1);
        }
        findings
    }
}

/// Follows a chain from its beginning.
pub(super) struct Follower {
    node: String,
    pub(super) last: u64,
    pub(super) head: [u8; 32],
    broken: Vec<Broken>,
    gaps: Vec<Gap>,
    late: usize,
    /// There were more gaps than are remembered, and what is missing there was told at once.
    more_gaps: bool,
}

impl Follower {
    pub(super) fn new(node: &str, genesis: [u8; 32]) -> Self {
        Self {
            node: node.to_owned(),
            last: 0,
            head: genesis,
            broken: Vec::new(),
            gaps: Vec::new(),
            late: 0,
            more_gaps: false,
        }
    }

    /// The same from behind a position on.
    pub(super) fn behind(node: &str, last: u64, head: [u8; 32]) -> Self {
        Self { last, ..Self::new(node, head) }
    }

    /// Takes the next link there is; gives what is wrong with it at once. Goes on from the head that
    /// stands there, so that one change is one finding.
    pub(super) fn follow(&mut self, link: Link) -> Option<Finding> {
        let expected = self.last.saturating_add(1);
        if link.seq < expected {
            return self.late(&link);
        }
        let gap = link.seq != expected;
        let told = if gap { self.passed_over(expected, link.seq.saturating_sub(1)) } else { None };
        // Behind a gap, what the link followed from is not known.
        let follows = gap || chain::extend(&self.head, link.seq, &link.record_hash) == link.head;
        let previous = std::mem::replace(&mut self.head, link.head);
        self.last = link.seq;
        if follows {
            return told;
        }
        if self.broken.len() < MAX_COMPARED {
            self.broken.push(Broken { link, previous });
            return None;
        }
        Some(Finding::LinkBroken { node: self.node.clone(), seq: link.seq, record: link.record })
    }

    /// Positions that are not there. They are missing, if they do not come yet.
    fn passed_over(&mut self, from: u64, to: u64) -> Option<Finding> {
        if self.gaps.len() < MAX_GAPS {
            self.gaps.push(Gap { from, to, late: BTreeSet::new(), exchanged: true });
            return None;
        }
        self.more_gaps = true;
        Some(Finding::LinksMissing { node: self.node.clone(), from, to })
    }

    /// A position behind its place. A database gives positions in order and once, a file as they stand in it.
    fn late(&mut self, link: &Link) -> Option<Finding> {
        let (node, seq, record) = (self.node.clone(), link.seq, link.record);
        if seq == 0 {
            // No chain has it.
            return Some(Finding::LinkBroken { node, seq, record });
        }
        let gap = self.gaps.iter_mut().find(|gap| gap.lacks(seq));
        if gap.is_none() && !self.more_gaps {
            return Some(Finding::Repeated { node, seq, record });
        }
        let Some(gap) = gap.filter(|_| self.late < MAX_LATE) else {
            return Some(Finding::OutOfOrder { node, from: seq, to: seq });
        };
        gap.came(seq, self.last);
        self.late = self.late.saturating_add(1);
        None
    }

    /// What is wrong with what was passed over, and with the links that did not follow: exchanged ones are named as
    /// such.
    pub(super) fn finish(self) -> Vec<Finding> {
        let Self { node, mut broken, gaps, .. } = self;
        let mut findings: Vec<_> = gaps.into_iter().flat_map(|gap| gap.findings(&node)).collect();
        while let Some((one, other)) = exchanged(&broken) {
            // The later one first, so that the earlier one's place stays.
            let (second, first) = (broken.remove(other), broken.remove(one));
            broken.retain(|b| {
                ![&first, &second].into_iter().any(|e| b.fits(&e.link.head, &b.link.record_hash, &b.link.head))
            });
            findings.push(Finding::Reordered { node: node.clone(), seq: first.link.seq, other: second.link.seq });
        }
        findings.extend(broken.into_iter().map(|b| Finding::LinkBroken {
            node: node.clone(),
            seq: b.link.seq,
            record: b.link.record,
        }));
        findings
    }
}

/// Two broken links that fit once they are exchanged, with or without their heads.
fn exchanged(broken: &[Broken]) -> Option<(usize, usize)> {
    for (i, x) in broken.iter().enumerate() {
        for (j, y) in broken.iter().enumerate().skip(i + 1) {
            let whole = x.fits(&x.previous, &y.link.record_hash, &y.link.head);
            let records = x.fits(&x.previous, &y.link.record_hash, &x.link.head)
                && y.fits(&y.previous, &x.link.record_hash, &y.link.head);
            if whole || records {
                return Some((i, j));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chain_of(length: u64) -> Vec<Link> {
        let mut head = [0; 32];
        (1..=length)
            .map(|seq| {
                let record = Uuid::from_u128(u128::from(seq));
                let record_hash = chain::record_hash(record.as_bytes(), b"body");
                head = chain::extend(&head, seq, &record_hash);
                Link { seq, record, record_hash, head }
            })
            .collect()
    }

    fn findings(links: Vec<Link>) -> Vec<Finding> {
        let mut follower = Follower::new("n", [0; 32]);
        let mut found: Vec<_> = links.into_iter().filter_map(|link| follower.follow(link)).collect();
        found.extend(follower.finish());
        found
    }

    proptest! {
        #[test]
        fn an_untouched_chain_is_intact_and_any_exchange_is_named(
            length in 2u64..20, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), whole in any::<bool>(),
        ) {
            let links = chain_of(length);
            prop_assert_eq!(findings(links.clone()), vec![]);
            let (a, b) = (a.index(links.len()), b.index(links.len()));
            prop_assume!(a < b);
            let mut changed = links.clone();
            changed.swap(a, b);
            for (place, seq) in [(a, links[a].seq), (b, links[b].seq)] {
                changed[place].seq = seq;
                if !whole {
                    changed[place].head = links[place].head;
                }
            }
            let expected = Finding::Reordered { node: "n".into(), seq: links[a].seq, other: links[b].seq };
            prop_assert_eq!(findings(changed), vec![expected]);
        }

        #[test]
        fn lines_in_another_order_are_named_by_what_was_done_to_them(
            length in 2u64..20, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
        ) {
            let links = chain_of(length);
            let (a, b) = (a.index(links.len()), b.index(links.len()));
            let seq = links[a].seq;
            let mut doubled = links.clone();
            doubled.insert(a + 1, links[a].clone());
            let repeated = Finding::Repeated { node: "n".into(), seq, record: links[a].record };
            prop_assert_eq!(findings(doubled), vec![repeated]);
            prop_assume!(a < b);
            let mut swapped = links.clone();
            swapped.swap(a, b);
            let exchanged = Finding::Reordered { node: "n".into(), seq, other: links[b].seq };
            prop_assert_eq!(findings(swapped), vec![exchanged]);
            let mut moved = links.clone();
            let link = moved.remove(a);
            moved.insert(b, link);
            let moved = findings(moved);
            let missing = |finding: &Finding| matches!(finding, Finding::LinksMissing { .. });
            prop_assert!(!moved.is_empty() && !moved.iter().any(missing), "{:?}", moved);
        }

        #[test]
        fn any_other_change_is_found(length in 1u64..20, at in any::<prop::sample::Index>(), what in 0..3) {
            let mut links = chain_of(length);
            let at = at.index(links.len());
            match what {
                0 => links[at].record_hash[0] ^= 1,
                1 => links[at].head[31] ^= 1,
                _ => { links.remove(at); }
            }
            let cut_at_the_end = what == 2 && at == links.len();
            prop_assert_eq!(findings(links).is_empty(), cut_at_the_end);
        }
    }
}
