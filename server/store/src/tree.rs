//! The Merkle tree over every node's chain, as it is stored: what is not covered yet, adding to it,
//! and proofs out of it.
//!
//! Only grows. What was read is extended or nothing is: a second node that read the same tree finds
//! it longer, and a place that is taken cannot be taken again.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};
use strongroom_crypto::{
    chain,
    merkle::{self, Frontier, Hash, Leaves, Subtree},
    tree::position_leaf,
};
use strongroom_domain::{
    ports::StoreError,
    record::{Growth, Proof, Receipt, Segment, TreeCheckpoint},
};
use uuid::Uuid;

use crate::{
    Store,
    entity::{audit_checkpoint, audit_record, audit_segment, audit_tree},
    fault::{damaged, store_error},
    heads::{Head, lost},
    installation,
    reading::{LinkRow, links_after},
    rows,
};

/// Most positions of one segment: bounds what is read for a receipt.
pub(crate) const MAX_SEGMENT: u64 = 1024;
/// Most segments of one checkpoint: bounds a transaction.
const MAX_SEGMENTS: usize = 64;
/// Most nodes.
const MAX_NODES: usize = 1024;
/// The lock of the tree on PostgreSQL: "auditree" as a number.
const TREE_LOCK: i64 = 0x6175_6469_7472_6565;

fn number(what: u64) -> Result<i64, StoreError> {
    i64::try_from(what).map_err(|error| damaged("audit tree", error))
}

impl Store {
    /// What no checkpoint covers yet.
    ///
    /// # Errors
    /// When the database cannot say, a chain does not follow from what is covered, or this node's chain
    /// does not go through what this node wrote.
    pub async fn tree_growth(&self) -> Result<Growth, StoreError> {
        // Before anything is read: what is written meanwhile only lies behind it.
        let mut known = self.heads.all();
        let last = newest(&self.own_reader).await?;
        // As large as it was then: what others add meanwhile changes nothing of what is full.
        let size = last.as_ref().map_or(0, |last| last.size);
        let frontier = frontier(&self.own_reader, size).await?;
        let mut growth = Growth { frontier, last, segments: Vec::new(), more: false };
        for node in nodes(&self.own_reader).await? {
            let known = if node == self.node { std::mem::take(&mut known) } else { Vec::new() };
            self.grow(&node, known, &mut growth).await?;
        }
        // A chain of which nothing is left.
        known.first().map_or(Ok(growth), |(seq, _)| Err(lost(*seq)))
    }

    /// Adds what a node's chain has grown by; it must go through `known`.
    async fn grow(&self, node: &str, mut known: Vec<Head>, growth: &mut Growth) -> Result<(), StoreError> {
        let covered = growth.last.iter().flat_map(|last| &last.heads).find(|head| head.node == node);
        let (mut seq, mut head) = match covered {
            Some(covered) => (covered.seq, covered.head),
            None => (0, self.genesis(node).await?),
        };
        // What lies before a checkpoint was looked at when that was made.
        known.retain(|at| at.0 >= seq && *at != (seq, head));
        loop {
            let links = links(&self.own_reader, node, seq, MAX_SEGMENT).await?;
            if links.is_empty() {
                return known.first().map_or(Ok(()), |(seq, _)| Err(lost(*seq)));
            }
            if growth.segments.len() == MAX_SEGMENTS {
                growth.more = true;
                return Ok(());
            }
            let first = seq.saturating_add(1);
            let mut leaves = Vec::with_capacity(links.len());
            for link in &links {
                let expected = seq.saturating_add(1);
                if link.seq != expected || chain::extend(&head, expected, &link.record_hash) != link.head {
                    return Err(damaged("audit chain", format_args!("position {expected} of node {node}")));
                }
                (seq, head) = (link.seq, link.head);
                known.retain(|at| *at != (seq, head));
                leaves.push(position_leaf(link.seq, &link.record_hash, &link.head));
            }
            let segment = Segment { node: node.to_owned(), first, last: seq, head, root: merkle::root(&leaves) };
            growth.segments.push(segment);
        }
    }

    async fn genesis(&self, node: &str) -> Result<Hash, StoreError> {
        let installation = installation::load(&self.own_reader)
            .await?
            .ok_or_else(|| StoreError::Unavailable("there is no installation yet".to_owned()))?;
        Ok(chain::genesis(installation.id.0.as_bytes(), node))
    }

    /// Adds what was read to the tree, with the checkpoint that covers it. False when the tree was
    /// extended by somebody else meanwhile: then nothing happened.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn extend_tree(&self, growth: &Growth, checkpoint: &TreeCheckpoint) -> Result<bool, StoreError> {
        let mut place = growth.frontier.size();
        let (mut segments, mut nodes) = (Vec::new(), Vec::new());
        let mut tree = growth.frontier.clone();
        for segment in &growth.segments {
            segments.push(segment_row(place, segment)?.into_active_model());
            tree.push(segment.leaf(), |at, root| nodes.push((at, root)));
            place = place.saturating_add(1);
        }
        let nodes = nodes
            .into_iter()
            .map(|(at, root)| {
                let place = number(at.position)?;
                Ok(audit_tree::Model { level: i64::from(at.level), place, root: root.to_vec() }.into_active_model())
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let checkpoint = checkpoint_row(checkpoint)?.into_active_model();

        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let lock = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_advisory_xact_lock($1)",
                [TREE_LOCK.into()],
            );
            transaction.execute_raw(lock).await.map_err(|e| store_error(&e))?;
        }
        let same = size(&transaction).await? == growth.frontier.size();
        if same {
            let failed = |e| store_error(&e);
            audit_segment::Entity::insert_many(segments).exec_without_returning(&transaction).await.map_err(failed)?;
            audit_tree::Entity::insert_many(nodes).exec_without_returning(&transaction).await.map_err(failed)?;
            audit_checkpoint::Entity::insert(checkpoint).exec_without_returning(&transaction).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(same)
    }

    /// The newest checkpoint of the whole log.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn latest_tree_checkpoint(&self) -> Result<Option<TreeCheckpoint>, StoreError> {
        newest(&self.reader).await
    }

    /// A proof that the tree of `first` segments is the beginning of the tree of `second`
    /// ([`merkle::verify_consistency`]); none when it cannot be.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn tree_consistency(&self, first: u64, second: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        match merkle::consistency(first, second) {
            Some(of) if second <= size(&self.own_reader).await? => Ok(Some(roots(&self.own_reader, &of).await?)),
            _ => Ok(None),
        }
    }

    /// The proof of a record.
    pub(crate) async fn proof(&self, record: Uuid) -> Result<Proof, StoreError> {
        let failed = |e| store_error(&e);
        let found = audit_record::Entity::find_by_id(record).one(&self.reader).await.map_err(failed)?;
        let Some(found) = found else { return Ok(Proof::NoRecord) };
        // A record that no node wrote has no place in any chain, and nothing is proven of it.
        let (Some(node), Some(place)) = (&found.node, found.seq) else { return Ok(Proof::NoRecord) };
        let (seq, head) = rows::position(found.seq, found.head.as_deref())?;
        let segment = audit_segment::Entity::find()
            .filter(audit_segment::Column::Node.eq(node.as_str()))
            .filter(audit_segment::Column::Last.gte(place))
            .order_by_asc(audit_segment::Column::Last)
            .one(&self.reader)
            .await
            .map_err(failed)?;
        let Some(segment) = segment else { return Ok(Proof::NotYet) };
        let (index, segment) = segment_of(segment)?;
        let Some(checkpoint) = self.latest_tree_checkpoint().await? else { return Ok(Proof::NotYet) };
        let Some(of) = merkle::inclusion(index, checkpoint.size) else { return Ok(Proof::NotYet) };
        let segment_path = roots(&self.reader, &of).await?;
        let length = segment.last.saturating_sub(segment.first).saturating_add(1);
        if seq < segment.first || length > MAX_SEGMENT {
            return Err(damaged("audit tree", "a segment does not hold what it should"));
        }
        let links = links(&self.reader, &segment.node, segment.first.saturating_sub(1), length).await?;
        let leaves: Vec<Hash> = links.iter().map(|l| position_leaf(l.seq, &l.record_hash, &l.head)).collect();
        let installation = installation::load(&self.reader)
            .await?
            .ok_or_else(|| damaged("installation", "the database holds none"))?;
        Ok(Proof::Covered(Box::new(Receipt {
            receipt: 1,
            installation: installation.id.0,
            id: record,
            record: found.body,
            seq,
            head,
            position_path: path_in(&leaves, seq - segment.first)
                .ok_or_else(|| damaged("audit chain", "positions of a segment are missing"))?,
            segment,
            index,
            segment_path,
            checkpoint,
        })))
    }
}

/// One position of a chain.
pub(crate) struct Position {
    pub(crate) seq: u64,
    pub(crate) record_hash: Hash,
    pub(crate) head: Hash,
}

/// Positions after `after`, in order, at most `limit`.
pub(crate) async fn links(
    database: &impl ConnectionTrait,
    node: &str,
    after: u64,
    limit: u64,
) -> Result<Vec<Position>, StoreError> {
    let position = |row: LinkRow| {
        let (seq, head) = rows::position(row.seq, row.head.as_deref())?;
        let record_hash = rows::array("audit chain", &row.record_hash.unwrap_or_default())?;
        Ok(Position { seq, record_hash, head })
    };
    links_after(database, node, number(after)?, limit).await?.into_iter().map(position).collect()
}

fn path_in(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    let of = merkle::inclusion(index, u64::try_from(leaves.len()).ok()?)?;
    let root = |range: Leaves| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        Some(merkle::root(leaves.get(start..end)?))
    };
    of.into_iter().map(root).collect()
}

/// The newest checkpoint of the whole log.
async fn newest(database: &impl ConnectionTrait) -> Result<Option<TreeCheckpoint>, StoreError> {
    let row = audit_checkpoint::Entity::find().order_by_desc(audit_checkpoint::Column::Size).one(database);
    row.await.map_err(|e| store_error(&e))?.map(checkpoint_of).transpose()
}

/// How many segments the tree has.
async fn size(database: &impl ConnectionTrait) -> Result<u64, StoreError> {
    let last: Option<i64> = audit_segment::Entity::find()
        .select_only()
        .column(audit_segment::Column::Place)
        .order_by_desc(audit_segment::Column::Place)
        .into_tuple()
        .one(database)
        .await
        .map_err(|e| store_error(&e))?;
    match last {
        Some(last) => u64::try_from(last)
            .ok()
            .and_then(|last| last.checked_add(1))
            .ok_or_else(|| damaged("audit tree", "a place is none")),
        None => Ok(0),
    }
}

async fn frontier(database: &impl ConnectionTrait, size: u64) -> Result<Frontier, StoreError> {
    let mut peaks = Vec::new();
    for place in Frontier::of_size(size) {
        peaks.push(subtree(database, place).await?);
    }
    Frontier::new(size, peaks).ok_or_else(|| damaged("audit tree", "its edge has the wrong length"))
}

/// The roots over some ranges of leaves.
async fn roots(database: &impl ConnectionTrait, of: &[Leaves]) -> Result<Vec<Hash>, StoreError> {
    let mut roots = Vec::with_capacity(of.len());
    for leaves in of {
        let mut perfect = Vec::new();
        for place in merkle::subtrees(*leaves) {
            perfect.push(subtree(database, place).await?);
        }
        roots.push(merkle::join(&perfect));
    }
    Ok(roots)
}

async fn subtree(database: &impl ConnectionTrait, at: Subtree) -> Result<Hash, StoreError> {
    let row = audit_tree::Entity::find_by_id((i64::from(at.level), number(at.position)?))
        .one(database)
        .await
        .map_err(|e| store_error(&e))?
        .ok_or_else(|| damaged("audit tree", "a subtree is missing"))?;
    rows::array("audit tree", &row.root)
}

/// The names of all nodes that have a chain. One step into the index each, however long the chains.
pub(crate) async fn nodes(database: &impl ConnectionTrait) -> Result<Vec<String>, StoreError> {
    use audit_record::Column;

    let mut nodes: Vec<String> = Vec::new();
    loop {
        let mut query = audit_record::Entity::find().select_only().column(Column::Node);
        query = match nodes.last() {
            Some(last) => query.filter(Column::Node.gt(last.as_str())),
            None => query.filter(Column::Node.is_not_null()),
        };
        let next: Option<String> = query
            .order_by_asc(Column::Node)
            .order_by_asc(Column::Seq)
            .limit(1)
            .into_tuple()
            .one(database)
            .await
            .map_err(|e| store_error(&e))?;
        match next {
            Some(next) if nodes.len() < MAX_NODES => nodes.push(next),
            Some(_) => return Err(damaged("audit chain", "there are more nodes than any installation has")),
            None => return Ok(nodes),
        }
    }
}

pub(crate) fn segment_of(row: audit_segment::Model) -> Result<(u64, Segment), StoreError> {
    let position = |number| u64::try_from(number).map_err(|e| damaged("audit segment", e));
    let segment = Segment {
        node: row.node,
        first: position(row.first)?,
        last: position(row.last)?,
        head: rows::array("audit segment", &row.head)?,
        root: rows::array("audit segment", &row.root)?,
    };
    Ok((position(row.place)?, segment))
}

fn segment_row(place: u64, segment: &Segment) -> Result<audit_segment::Model, StoreError> {
    Ok(audit_segment::Model {
        place: number(place)?,
        node: segment.node.clone(),
        first: number(segment.first)?,
        last: number(segment.last)?,
        head: segment.head.to_vec(),
        root: segment.root.to_vec(),
    })
}

pub(crate) fn checkpoint_of(row: audit_checkpoint::Model) -> Result<TreeCheckpoint, StoreError> {
    Ok(TreeCheckpoint {
        size: u64::try_from(row.size).map_err(|e| damaged("checkpoint", e))?,
        root: rows::array("checkpoint", &row.root)?,
        heads: rows::parsed("checkpoint", &row.heads)?,
        at: row.at,
        key_id: row.key_id,
        signature: row.signature,
    })
}

fn checkpoint_row(checkpoint: &TreeCheckpoint) -> Result<audit_checkpoint::Model, StoreError> {
    Ok(audit_checkpoint::Model {
        size: number(checkpoint.size)?,
        root: checkpoint.root.to_vec(),
        heads: rows::json(&checkpoint.heads)?,
        at: checkpoint.at,
        key_id: checkpoint.key_id.clone(),
        signature: checkpoint.signature.clone(),
    })
}
