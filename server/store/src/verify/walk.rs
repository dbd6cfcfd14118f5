//! Reading the trail in one consistent moment and comparing it with itself and with checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use sea_orm::{
    AccessMode, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IdenStatic as _, IsolationLevel, Iterable as _, PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect, Select,
    TransactionOptions, TransactionTrait, sea_query::Expr,
};
use strongroom_crypto::{CheckpointBody, chain, verify_named_audit_signature};
use strongroom_domain::{ports::StoreError, record::Checkpoint};

use super::{
    Anchors, AuditReader, Finding, NodeReport, Source, VerifyReport,
    again::Again,
    compare::Ledger as _,
    expected::{changed, is_early},
    links::Follower,
    once::Once,
    records::{Chained, Id, Node, NodeCell, hash, judged},
    sketch::Sketch,
};
use crate::{
    decoding::FoundRow,
    entity::{audit_record, audit_segment, checkpoint},
    fault::{damaged, store_error},
    foreign::foreign_objects,
    installation,
    reading::links_after,
    rows,
};

/// Rows of one SELECT: bounds memory, whatever the length of the trail.
pub(super) const PAGE: u64 = 1000;

/// Longest stretch of time, in milliseconds, over which records may lie behind the newest checkpoint of
/// their chain. Between the first and the last of them, not until now: a server that was killed left what
/// it had written in its last seconds, however late that is looked at. One that runs covers what it writes
/// every two seconds, and answers nobody after ten without.
const MAX_UNCOVERED: i64 = 60_000;

pub(super) fn database(error: DbErr) -> StoreError {
    store_error(&error)
}

/// Verifies every node's chain, every record and every checkpoint.
///
/// `public_keys` are the Ed25519 keys that this installation has signed checkpoints with; a
/// checkpoint by any other key counts as forged. `anchors` are checkpoints kept elsewhere, see
/// [`super::read_anchors`]. Reads in one transaction: on SQLite the log file grows until it is done.
///
/// # Errors
/// When the database cannot be read. What is wrong with the trail is in the report.
pub async fn verify_chain(
    reader: &AuditReader,
    public_keys: &[[u8; 32]],
    anchors: &[Checkpoint],
) -> Result<VerifyReport, StoreError> {
    let anchors = Anchors { checkpoints: anchors.to_vec(), ..Anchors::default() };
    verify_log(reader, public_keys, &anchors).await
}

/// The same with all that an anchor file holds.
///
/// # Errors
/// As [`verify_chain`].
pub async fn verify_log(
    reader: &AuditReader,
    public_keys: &[[u8; 32]],
    anchors: &Anchors,
) -> Result<VerifyReport, StoreError> {
    let connection = &reader.connection;
    let isolation =
        (connection.get_database_backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
    let options = TransactionOptions {
        isolation_level: isolation,
        access_mode: isolation.map(|_| AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    let moment = connection.begin_with_options(options).await.map_err(database)?;
    let installation =
        installation::load(&moment).await?.ok_or_else(|| damaged("installation", "the database holds none"))?;
    let mut walk = Walk {
        moment: &moment,
        installation: *installation.id.0.as_bytes(),
        public_keys,
        sketch: Sketch::holding(reader.holds, false),
        is_sound: true,
        untracked: false,
        once: Once::default(),
        report: VerifyReport::default(),
        ends: BTreeMap::new(),
        covered: BTreeMap::new(),
        beyond: BTreeMap::new(),
        contradicted: BTreeMap::new(),
    };
    let nodes: Vec<String> = walk.nodes(anchors).await?.into_iter().collect();
    // What one node did is on record in the order in which it was done.
    walk.sketch = Sketch::holding(reader.holds, nodes.len() == 1);
    for (index, node) in nodes.iter().enumerate() {
        walk.chain(index, node).await?;
    }
    let numbered = walk.numbered::<checkpoint::Entity>(checkpoint::Column::Seq).await?;
    for node in &nodes {
        walk.checkpoints(node, &anchors.checkpoints, &numbered).await?;
    }
    walk.trees(&anchors.trees, &anchors.witnessed).await?;
    walk.conclude();
    walk.uncovered().await?;
    walk.unchained().await?;
    for what in foreign_objects(&moment).await.map_err(database)? {
        walk.report.add(Finding::Foreign { what });
    }
    let Walk { sketch, untracked, is_sound, once, mut report, .. } = walk;
    once.compare(&moment, &mut report).await?;
    let again = Again { moment: &moment, nodes: &nodes, is_sound, untracked };
    again.rows(sketch, &mut report).await?;
    moment.rollback().await.map_err(database)?;
    Ok(report)
}

pub(super) struct Walk<'a> {
    pub(super) moment: &'a DatabaseTransaction,
    pub(super) installation: [u8; 16],
    pub(super) public_keys: &'a [[u8; 32]],
    sketch: Sketch,
    /// Whether every record was found as it was written.
    is_sound: bool,
    /// Changes were recorded before records told of rows: a row without a record proves nothing.
    untracked: bool,
    once: Once,
    pub(super) report: VerifyReport,
    /// Last position of every node's chain.
    ends: BTreeMap<String, u64>,
    /// By node and source, the highest position at which an authentic checkpoint and the chain agree.
    covered: BTreeMap<(String, Source), u64>,
    /// The highest authentic checkpoint behind the end of the chain.
    beyond: BTreeMap<(String, Source), u64>,
    /// The lowest authentic checkpoint that the chain contradicts.
    contradicted: BTreeMap<(String, Source), u64>,
}

impl Walk<'_> {
    async fn nodes(&mut self, anchors: &Anchors) -> Result<BTreeSet<String>, StoreError> {
        let mut nodes: BTreeSet<String> = anchors.checkpoints.iter().map(|anchor| anchor.node.clone()).collect();
        let outside = anchors.trees.iter().chain(&anchors.witnessed);
        nodes.extend(outside.flat_map(|tree| &tree.heads).map(|head| head.node.clone()));
        let chained = audit_record::Entity::find().filter(audit_record::Column::Node.is_not_null());
        self.names(chained, audit_record::Column::Node, &mut nodes).await?;
        self.names(checkpoint::Entity::find(), checkpoint::Column::Node, &mut nodes).await?;
        self.names(audit_segment::Entity::find(), audit_segment::Column::Node, &mut nodes).await?;
        Ok(nodes)
    }

    /// The nodes that a table names. Rows whose node does not read are told, because nobody comes by them.
    async fn names<E: EntityTrait>(
        &mut self,
        select: Select<E>,
        node: E::Column,
        into: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let names = select.clone().select_only().column(node).distinct().into_model::<NodeCell>();
        let names = names.all(self.moment).await.map_err(database)?;
        let all_read = names.iter().all(|NodeCell(name)| name.is_some());
        into.extend(names.into_iter().filter_map(|NodeCell(name)| name));
        if all_read {
            return Ok(());
        }
        let keys = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        let rows = select.select_only().columns(keys).column(node).into_model::<FoundRow<E, Node>>();
        let mut rows = rows.stream(self.moment).await.map_err(database)?;
        while let Some(found) = rows.try_next().await.map_err(database)? {
            if let FoundRow::Unreadable(_, row) = found {
                self.report.add(row.into());
            }
        }
        Ok(())
    }

    /// What a page of a table is made of, in the order of a number: all rows that have one. On SQLite there may be
    /// others, which are told at once.
    pub(super) async fn numbered<E: EntityTrait>(&mut self, number: E::Column) -> Result<Condition, StoreError> {
        if self.moment.get_database_backend() == DbBackend::Postgres {
            return Ok(Condition::all());
        }
        let number = Expr::cust(format!("typeof(\"{}\") = 'integer'", number.as_str()));
        let others = E::find().filter(Condition::all().add(number.clone()).not()).into_model::<FoundRow<E>>();
        let mut rows = others.stream(self.moment).await.map_err(database)?;
        while let Some(found) = rows.try_next().await.map_err(database)? {
            if let FoundRow::Unreadable(_, row) = found {
                self.report.add(row.into());
            }
        }
        Ok(Condition::all().add(number))
    }

    async fn chain(&mut self, index: usize, node: &str) -> Result<(), StoreError> {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let mut follower = Follower::new(node, chain::genesis(&self.installation, node));
        let mut records: u64 = 0;
        let chain = audit_record::Entity::find()
            .filter(audit_record::Column::Node.eq(node))
            .filter(audit_record::Column::Seq.is_not_null())
            .order_by_asc(audit_record::Column::Seq)
            .into_model::<FoundRow<audit_record::Entity, Chained>>();
        let mut chain = chain.stream(self.moment).await.map_err(database)?;
        while let Some(found) = chain.try_next().await.map_err(database)? {
            records = records.saturating_add(1);
            let (link, judged) = match found {
                FoundRow::Read(_, chained) => judged(node, chained),
                FoundRow::Unreadable(_, row) => {
                    self.is_sound = false;
                    self.report.add(row.into());
                    continue;
                }
            };
            match judged {
                Ok(record) => {
                    self.untracked |= is_early(&record);
                    if let Some(used) = &record.used_once {
                        self.once.learn(used, &mut self.report);
                    }
                    self.sketch.learn((index, link.seq), changed(record.outcome, &record.changed));
                }
                Err(finding) => {
                    self.is_sound = false;
                    self.report.add(finding);
                }
            }
            if let Some(finding) = follower.follow(link) {
                self.report.add(finding);
            }
        }
        drop(chain);
        let (last, head) = (follower.last, follower.head);
        follower.finish().into_iter().for_each(|finding| self.report.add(finding));
        self.ends.insert(node.to_owned(), last);
        let head = (last > 0).then_some(head);
        self.report.nodes.push(NodeReport { node: node.to_owned(), records, last, head, covered: None });
        Ok(())
    }

    /// Compares a chain with every checkpoint of it alone.
    async fn checkpoints(
        &mut self,
        node: &str,
        anchors: &[Checkpoint],
        numbered: &Condition,
    ) -> Result<(), StoreError> {
        for anchor in anchors.iter().filter(|anchor| anchor.node == node) {
            self.checkpoint(anchor, Source::Anchor).await?;
        }
        let mut after = i64::MIN;
        loop {
            let rows = checkpoint::Entity::find()
                .filter(checkpoint::Column::Node.eq(node))
                .filter(checkpoint::Column::Seq.gt(after))
                .filter(numbered.clone())
                .order_by_asc(checkpoint::Column::Seq)
                .limit(PAGE)
                .into_model::<FoundRow<checkpoint::Entity>>()
                .all(self.moment)
                .await
                .map_err(database)?;
            if rows.is_empty() {
                return Ok(());
            }
            for found in rows {
                let (seq, row) = match found {
                    FoundRow::Read((_, seq), row) => (seq, Ok(row)),
                    // Of the key, the one half was asked for and the other is a number.
                    FoundRow::Unreadable(key, row) => (key.map_or(after, |(_, seq)| seq), Err(row)),
                };
                after = seq;
                let seq = u64::try_from(seq).unwrap_or(0);
                match row.map_err(StoreError::from).and_then(rows::checkpoint) {
                    Ok(checkpoint) => self.checkpoint(&checkpoint, Source::Database).await?,
                    // Nobody signs what is no checkpoint.
                    Err(_) => {
                        let (node, source) = (node.to_owned(), Source::Database);
                        self.report.add(Finding::CheckpointForged { node, seq, source });
                    }
                }
            }
        }
    }

    async fn checkpoint(&mut self, checkpoint: &Checkpoint, source: Source) -> Result<(), StoreError> {
        let (node, seq) = (&checkpoint.node, checkpoint.seq);
        if self.is_authentic(checkpoint) {
            return self.compare_head(node, seq, &checkpoint.head, source).await;
        }
        self.report.add(Finding::CheckpointForged { node: node.clone(), seq, source });
        Ok(())
    }

    /// Compares a chain with what an authentic checkpoint says of it.
    pub(super) async fn compare_head(
        &mut self,
        node: &str,
        seq: u64,
        head: &[u8; 32],
        source: Source,
    ) -> Result<(), StoreError> {
        let key = (node.to_owned(), source);
        if seq > self.end_of(node) {
            let beyond = self.beyond.entry(key).or_insert(seq);
            *beyond = seq.max(*beyond);
            return Ok(());
        }
        match self.head_at(node, seq).await? {
            Some(found) if found == *head => {
                let covered = self.covered.entry(key).or_insert(seq);
                *covered = seq.max(*covered);
            }
            Some(_) => {
                let contradicted = self.contradicted.entry(key).or_insert(seq);
                *contradicted = seq.min(*contradicted);
            }
            // The position is missing, which was told already.
            None => {}
        }
        Ok(())
    }

    /// Last position of a node's chain; 0 when it has none.
    pub(super) fn end_of(&self, node: &str) -> u64 {
        self.ends.get(node).copied().unwrap_or(0)
    }

    /// Whether a chain was found to contradict what this source says.
    pub(super) fn is_told(&self, by: Source) -> bool {
        self.beyond.keys().chain(self.contradicted.keys()).any(|(_, source)| *source == by)
    }

    /// Whether something was found wrong with this node's chain.
    pub(super) fn is_named(&self, node: &str) -> bool {
        let named = |(found, _): &(String, Source)| found == node;
        self.beyond.keys().chain(self.contradicted.keys()).any(named)
            || self.report.findings.iter().any(|finding| finding.node() == Some(node))
    }

    /// What the comparisons with checkpoints come to. One cut is one finding, by the checkpoint that
    /// shows most of it; one rewriting is one, by the checkpoint that shows where it began.
    fn conclude(&mut self) {
        for ((node, source), checkpoint) in std::mem::take(&mut self.beyond) {
            let ends = self.end_of(&node);
            self.report.add(Finding::Truncated { node, ends, checkpoint, source });
        }
        for ((node, source), seq) in std::mem::take(&mut self.contradicted) {
            let own = self.covered.get(&(node.clone(), Source::Database));
            // Two statements of ours that exclude each other: the log went on from an older state.
            let forked = source != Source::Database && own.is_some_and(|covered| *covered >= seq);
            self.report.add(if forked {
                Finding::Forked { node, seq, source }
            } else {
                Finding::Rewritten { node, seq, source }
            });
        }
        for report in &mut self.report.nodes {
            let sources = [Source::Database, Source::Anchor, Source::Witness];
            report.covered =
                sources.into_iter().filter_map(|s| self.covered.get(&(report.node.clone(), s)).copied()).max();
        }
    }

    /// What lies behind the newest checkpoints.
    async fn uncovered(&mut self) -> Result<(), StoreError> {
        for (node, covered, last) in
            self.report.nodes.iter().map(|n| (n.node.clone(), n.covered.unwrap_or(0), n.last)).collect::<Vec<_>>()
        {
            let Some(behind) = last.checked_sub(covered).filter(|behind| *behind > 0) else { continue };
            self.report.uncovered = self.report.uncovered.saturating_add(behind);
            let from = covered.saturating_add(1);
            let (Some(first), Some(end)) = (self.time_at(&node, from).await?, self.time_at(&node, last).await?) else {
                // A position that is missing was told.
                continue;
            };
            self.report.uncovered_since = Some(self.report.uncovered_since.map_or(first, |since| since.min(first)));
            let millis = end.saturating_sub(first);
            if millis > MAX_UNCOVERED && !self.is_named(&node) {
                self.report.add(Finding::Uncovered { node, from, to: last, millis });
            }
        }
        Ok(())
    }

    /// When the record of a position was made.
    async fn time_at(&self, node: &str, seq: u64) -> Result<Option<i64>, StoreError> {
        let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
        let at = audit_record::Entity::find()
            .select_only()
            .column(audit_record::Column::At)
            .filter(audit_record::Column::Node.eq(node))
            .filter(audit_record::Column::Seq.eq(seq))
            .into_tuple()
            .one(self.moment)
            .await
            .map_err(database);
        unless_told(at)
    }

    fn is_authentic(&self, checkpoint: &Checkpoint) -> bool {
        let signed = CheckpointBody {
            installation: self.installation,
            node: checkpoint.node.clone(),
            seq: checkpoint.seq,
            head: checkpoint.head,
            at_millis: checkpoint.at,
        }
        .to_signed_bytes();
        let Checkpoint { key_id, signature, .. } = checkpoint;
        self.public_keys.iter().any(|key| verify_named_audit_signature(key_id, key, &signed, signature))
    }

    async fn head_at(&self, node: &str, seq: u64) -> Result<Option<[u8; 32]>, StoreError> {
        let Some(before) = i64::try_from(seq).ok().and_then(|seq| seq.checked_sub(1)) else { return Ok(None) };
        let links = unless_told(links_after(self.moment, node, before, 1).await.map(Some))?.unwrap_or_default();
        let here = links.first().filter(|link| link.seq == Some(before.saturating_add(1)));
        Ok(here.map(|link| hash(link.head.as_deref())))
    }

    async fn unchained(&mut self) -> Result<(), StoreError> {
        let nowhere =
            Condition::any().add(audit_record::Column::Node.is_null()).add(audit_record::Column::Seq.is_null());
        let records = audit_record::Entity::find().select_only().column(audit_record::Column::Id).filter(nowhere);
        let records = records.order_by_asc(audit_record::Column::Id).into_model::<FoundRow<audit_record::Entity, Id>>();
        let mut records = records.stream(self.moment).await.map_err(database)?;
        while let Some(found) = records.try_next().await.map_err(database)? {
            self.report.add(match found {
                FoundRow::Read(_, Id { id: record }) => Finding::Unchained { record },
                FoundRow::Unreadable(_, row) => row.into(),
            });
        }
        Ok(())
    }
}

/// What does not read was told when the chain was walked.
fn unless_told<T>(read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(StoreError::Damaged(_)) => Ok(None),
        read => read,
    }
}
