//! The whole log's Merkle tree against the chains, and chains and tree against every checkpoint,
//! wherever it is kept. Reads the segments once, in order, and keeps only the tree's right edge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};
use strongroom_crypto::{
    merkle::{self, Frontier, Hash, Subtree},
    tree::position_leaf,
};
use strongroom_domain::{
    names::InstallationId,
    ports::StoreError,
    record::{Segment, TreeCheckpoint},
};
use uuid::Uuid;

use super::{
    Finding, Source,
    walk::{PAGE, Walk, database},
};
use crate::{
    decoding::FoundRow,
    entity::{audit_checkpoint, audit_segment, audit_tree},
    tree::{MAX_SEGMENT, checkpoint_of, links, segment_of},
};

/// What the tree must be at some sizes, by one source.
struct Roots {
    source: Source,
    wanted: BTreeMap<u64, Hash>,
    /// The first size at which it is not.
    wrong: Option<u64>,
}

impl Roots {
    fn reached(&mut self, tree: &Frontier) {
        if let Some(root) = self.wanted.remove(&tree.size())
            && root != tree.root()
        {
            self.wrong = self.wrong.or(Some(tree.size()));
        }
    }
}

/// What the database's own checkpoints say.
struct Own {
    roots: Roots,
    /// Sizes of checkpoints that are kept elsewhere, without those that were found here.
    missing: BTreeSet<u64>,
}

/// The stored nodes of the tree beside those that the segments give, page by page.
#[derive(Default)]
struct Nodes {
    /// By the segments, not compared yet.
    page: Vec<(Subtree, Hash)>,
    /// How many were given and how many of them are stored as they are.
    given: u64,
    right: u64,
}

impl Nodes {
    async fn compare(&mut self, moment: &DatabaseTransaction) -> Result<(), StoreError> {
        let mut levels: BTreeMap<u8, BTreeMap<i64, Hash>> = BTreeMap::new();
        for (at, root) in self.page.drain(..) {
            self.given = self.given.saturating_add(1);
            // Nodes of a level come one after the other.
            if let Ok(place) = i64::try_from(at.position) {
                levels.entry(at.level).or_default().insert(place, root);
            }
        }
        for (level, given) in levels {
            let (Some((first, _)), Some((last, _))) = (given.first_key_value(), given.last_key_value()) else {
                continue;
            };
            let stored = audit_tree::Entity::find()
                .filter(audit_tree::Column::Level.eq(i64::from(level)))
                .filter(audit_tree::Column::Place.between(*first, *last))
                .into_model::<FoundRow<audit_tree::Entity>>()
                .all(moment)
                .await
                .map_err(database)?;
            // One that does not read is none of those that should be there.
            let right = |found: &FoundRow<audit_tree::Entity>| match found {
                FoundRow::Read((_, place), row) => given.get(place).is_some_and(|root| row.root == root),
                FoundRow::Unreadable(..) => false,
            };
            let right = stored.iter().filter(|found| right(found)).count();
            self.right = self.right.saturating_add(u64::try_from(right).unwrap_or(0));
        }
        Ok(())
    }

    /// How many are wrong, missing or too many.
    async fn wrong(&self, moment: &DatabaseTransaction) -> Result<u64, StoreError> {
        let stored = audit_tree::Entity::find().count(moment).await.map_err(database)?;
        Ok(self.given.max(stored).saturating_sub(self.right))
    }
}

impl Walk<'_> {
    /// Compares the tree, after the chains were walked.
    pub(super) async fn trees(
        &mut self,
        anchors: &[TreeCheckpoint],
        witnessed: &[TreeCheckpoint],
    ) -> Result<(), StoreError> {
        let mut kept = Roots { source: Source::Anchor, wanted: BTreeMap::new(), wrong: None };
        for anchor in anchors {
            self.tree_checkpoint(anchor, &mut kept).await?;
        }
        let mut seen = Roots { source: Source::Witness, wanted: BTreeMap::new(), wrong: None };
        for checkpoint in witnessed {
            self.tree_checkpoint(checkpoint, &mut seen).await?;
        }
        let mut own = Own {
            roots: Roots { source: Source::Database, wanted: BTreeMap::new(), wrong: None },
            missing: kept.wanted.keys().chain(seen.wanted.keys()).copied().collect(),
        };
        let mut tree = Frontier::default();
        // The first one of each node, to be told if nothing else tells of that node.
        let mut changed: Vec<Segment> = Vec::new();
        let mut nodes = Nodes::default();
        let (mut checkpoints, mut more) = (VecDeque::<audit_checkpoint::Model>::new(), true);
        let mut after = i64::MIN;
        let mut place = i64::MIN;
        let placed = self.numbered::<audit_segment::Entity>(audit_segment::Column::Place).await?;
        let sized = self.numbered::<audit_checkpoint::Entity>(audit_checkpoint::Column::Size).await?;
        'segments: loop {
            let rows = audit_segment::Entity::find()
                .filter(audit_segment::Column::Place.gt(place))
                .filter(placed.clone())
                .order_by_asc(audit_segment::Column::Place)
                .limit(PAGE)
                .into_model::<FoundRow<audit_segment::Entity>>()
                .all(self.moment)
                .await
                .map_err(database)?;
            if rows.is_empty() {
                break;
            }
            for found in rows {
                let row = match found {
                    FoundRow::Read(at, row) => {
                        place = at;
                        row
                    }
                    FoundRow::Unreadable(_, row) => {
                        self.report.add(row.into());
                        break 'segments;
                    }
                };
                let Some((_, segment)) = segment_of(row).ok().filter(|(at, _)| *at == tree.size()) else {
                    break 'segments;
                };
                let same = self.is_as_covered(&segment).await?;
                if !same && changed.iter().all(|other| other.node != segment.node) {
                    changed.push(segment.clone());
                }
                tree.push(segment.leaf(), |at, root| nodes.page.push((at, root)));
                kept.reached(&tree);
                seen.reached(&tree);
                // Checkpoints of the database come in pages as well, as far as the tree has come.
                while more
                    && checkpoints.back().is_none_or(|last| u64::try_from(last.size).is_ok_and(|s| s <= tree.size()))
                {
                    more = self.more_checkpoints(&mut after, &sized, &mut checkpoints).await?;
                }
                while checkpoints.front().is_some_and(|c| u64::try_from(c.size).map_or(true, |s| s <= tree.size())) {
                    if let Some(row) = checkpoints.pop_front() {
                        self.own_checkpoint(row, &mut own).await?;
                    }
                }
                own.roots.reached(&tree);
            }
            nodes.compare(self.moment).await?;
        }
        nodes.compare(self.moment).await?;
        // What lies behind the end of the tree.
        for row in std::mem::take(&mut checkpoints) {
            self.own_checkpoint(row, &mut own).await?;
        }
        while more {
            more = self.more_checkpoints(&mut after, &sized, &mut checkpoints).await?;
            for row in std::mem::take(&mut checkpoints) {
                self.own_checkpoint(row, &mut own).await?;
            }
        }
        let findings = self.report.findings.len();
        for roots in [own.roots, kept, seen] {
            self.judge_roots(&roots, &tree);
        }
        let wrong = nodes.wrong(self.moment).await?;
        // Of a tree over other segments than those that were signed, nothing more is to be said.
        if wrong > 0 && self.report.findings.len() == findings && changed.is_empty() {
            self.report.add(Finding::TreeNodes { wrong });
        }
        // What lies behind the end of the tree was cut off with it. Of a log that was changed, that is what there is to say.
        let missing: Vec<u64> = own.missing.range(..=tree.size()).copied().collect();
        if let ([first, ..], [.., last], true) = (&*missing, &*missing, self.report.findings.is_empty()) {
            self.report.add(Finding::CheckpointsMissing { count: missing.len(), first: *first, last: *last });
        }
        for Segment { node, first, last, .. } in changed {
            if !self.is_named(&node) {
                self.report.add(Finding::SegmentChanged { node, first, last });
            }
        }
        Ok(())
    }

    /// The next page of the database's own checkpoints; whether there was one.
    async fn more_checkpoints(
        &mut self,
        after: &mut i64,
        sized: &Condition,
        into: &mut VecDeque<audit_checkpoint::Model>,
    ) -> Result<bool, StoreError> {
        let page = audit_checkpoint::Entity::find()
            .filter(audit_checkpoint::Column::Size.gt(*after))
            .filter(sized.clone())
            .order_by_asc(audit_checkpoint::Column::Size)
            .limit(PAGE)
            .into_model::<FoundRow<audit_checkpoint::Entity>>()
            .all(self.moment)
            .await
            .map_err(database)?;
        let more = !page.is_empty();
        for found in page {
            match found {
                FoundRow::Read(size, row) => {
                    *after = size;
                    into.push_back(row);
                }
                FoundRow::Unreadable(size, row) => {
                    *after = size.unwrap_or(*after);
                    self.report.add(row.into());
                }
            }
        }
        Ok(more)
    }

    /// A tree that is not what a checkpoint says is told only where no chain tells it better.
    fn judge_roots(&mut self, roots: &Roots, tree: &Frontier) {
        let source = roots.source;
        if self.is_told(source) {
            return;
        }
        if let Some(size) = roots.wrong {
            self.report.add(Finding::TreeChanged { size, source });
        } else if let Some((size, _)) = roots.wanted.last_key_value() {
            self.report.add(Finding::TreeCut { ends: tree.size(), size: *size, source });
        }
    }

    async fn own_checkpoint(&mut self, row: audit_checkpoint::Model, own: &mut Own) -> Result<(), StoreError> {
        let size = u64::try_from(row.size).unwrap_or(0);
        own.missing.remove(&size);
        match checkpoint_of(row) {
            Ok(checkpoint) => self.tree_checkpoint(&checkpoint, &mut own.roots).await,
            // Nobody signs what is no checkpoint.
            Err(_) => {
                self.report.add(Finding::TreeForged { size, source: Source::Database });
                Ok(())
            }
        }
    }

    async fn tree_checkpoint(&mut self, checkpoint: &TreeCheckpoint, roots: &mut Roots) -> Result<(), StoreError> {
        let (size, source) = (checkpoint.size, roots.source);
        let installation = InstallationId(Uuid::from_bytes(self.installation));
        if !checkpoint.is_authentic(installation, self.public_keys) {
            self.report.add(Finding::TreeForged { size, source });
            return Ok(());
        }
        // Two of one size can only contradict each other in their roots; the first one counts here.
        let known = *roots.wanted.entry(size).or_insert(checkpoint.root);
        if known != checkpoint.root {
            roots.wrong = roots.wrong.or(Some(size));
        }
        for head in &checkpoint.heads {
            self.compare_head(&head.node, head.seq, &head.head, source).await?;
        }
        Ok(())
    }

    /// Whether the chain has what a segment covers. Behind the chain's end, the checkpoints tell.
    async fn is_as_covered(&self, segment: &Segment) -> Result<bool, StoreError> {
        let Segment { node, first, last, head, root } = segment;
        if *last > self.end_of(node) {
            return Ok(true);
        }
        let length = last.saturating_sub(*first).saturating_add(1);
        if *first == 0 || last < first || length > MAX_SEGMENT {
            return Ok(false);
        }
        let found = match links(self.moment, node, first.saturating_sub(1), length).await {
            Ok(found) => found,
            // What does not read as a position was told when the chain was walked.
            Err(StoreError::Damaged(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        let leaves: Vec<Hash> = found.iter().map(|l| position_leaf(l.seq, &l.record_hash, &l.head)).collect();
        Ok(found.last().is_some_and(|end| end.seq == *last && end.head == *head) && merkle::root(&leaves) == *root)
    }
}
