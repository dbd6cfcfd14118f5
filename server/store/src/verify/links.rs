//! Following one chain, link by link, without a database: what fits and what does not.

use strongroom_crypto::chain;
use uuid::Uuid;

use super::Finding;

/// Most broken links among which exchanged ones are looked for.
const MAX_COMPARED: usize = 64;

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

/// Follows a chain from its beginning.
pub(super) struct Follower {
    node: String,
    pub(super) last: u64,
    pub(super) head: [u8; 32],
    broken: Vec<Broken>,
}

impl Follower {
    pub(super) fn new(node: &str, genesis: [u8; 32]) -> Self {
        Self { node: node.to_owned(), last: 0, head: genesis, broken: Vec::new() }
    }

    /// Takes the next link there is; gives what is wrong with it at once. Goes on from the head that
    /// stands there, so that one change is one finding.
    pub(super) fn follow(&mut self, link: Link) -> Option<Finding> {
        let expected = self.last.saturating_add(1);
        if link.seq < expected {
            // Positions come in order and once, so this is one that no chain has.
            return Some(Finding::LinkBroken { node: self.node.clone(), seq: link.seq, record: link.record });
        }
        let gap = (link.seq != expected).then(|| Finding::LinksMissing {
            node: self.node.clone(),
            from: expected,
            to: link.seq.saturating_sub(1),
        });
        // Behind a gap, what the link followed from is not known.
        let follows = gap.is_some() || chain::extend(&self.head, link.seq, &link.record_hash) == link.head;
        let previous = std::mem::replace(&mut self.head, link.head);
        self.last = link.seq;
        if follows {
            return gap;
        }
        if self.broken.len() < MAX_COMPARED {
            self.broken.push(Broken { link, previous });
            return None;
        }
        Some(Finding::LinkBroken { node: self.node.clone(), seq: link.seq, record: link.record })
    }

    /// What is wrong with the links that did not follow: exchanged ones are named as such.
    pub(super) fn finish(self) -> Vec<Finding> {
        let Self { node, mut broken, .. } = self;
        let mut findings = Vec::new();
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
