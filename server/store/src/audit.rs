//! The audit log: the batch goes to the writer; questions go to the readers, but for the one whose
//! answer must be certain.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use strongroom_domain::{
    permit::{Held, Permit},
    ports::{AppendError, AuditLog, MAX_CHAIN_PAGE, StoreError},
    principal::PrincipalId,
    record::{
        ChainedRecord, Checkpoint, Denials, Entry, News, Outcome, Proof, Record, RecordFilter, Repeats, Settled,
        StretchToVerify, Tally, TreeCheckpoint, UsedGrant, Uses, VerifiedStretch,
    },
    secret::Page,
};
use uuid::Uuid;

use crate::{
    Store,
    entity::{audit_fence, audit_record, checkpoint},
    fault::{damaged, store_error, unavailable_or_long},
    reading, rows,
};

/// Position, id, body and head of a record.
type ChainRow = (Option<i64>, Uuid, String, Option<Vec<u8>>);

/// Most records of a page.
pub(crate) const MAX_PAGE: usize = 1000;
/// Most bytes of records of a page, unless one alone has more: those with long tags have 48 KB each.
const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// Most ids of one question.
const IDS_PER_SELECT: usize = 1000;

#[async_trait]
impl AuditLog for Store {
    async fn append(&self, batch: Vec<Entry>) -> Result<Vec<Settled>, AppendError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.writer.lock().await.append(self.caches(), &batch).await
    }

    async fn durable(&self, records: &[Uuid]) -> Result<Vec<bool>, StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        raise_fence(&transaction, &self.node).await?;
        let mut found = std::collections::HashSet::with_capacity(records.len());
        for ids in records.chunks(IDS_PER_SELECT) {
            let present: Vec<Uuid> = audit_record::Entity::find()
                .select_only()
                .column(audit_record::Column::Id)
                .filter(audit_record::Column::Id.is_in(ids.iter().copied()))
                .into_tuple()
                .all(&transaction)
                .await
                .map_err(|e| store_error(&e))?;
            found.extend(present);
        }
        transaction.commit().await.map_err(|e| store_error(&e))?;
        if let Some(caches) = self.caches() {
            caches.forget_all();
        }
        writer.settle();
        Ok(records.iter().map(|id| found.contains(id)).collect())
    }

    async fn query(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Record>, StoreError>> {
        let page = self.page(&filter).await;
        permit.hold(page)
    }

    async fn repeats(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Repeats>, StoreError>> {
        let page = self.folded(&filter).await;
        permit.hold(page)
    }

    async fn tally(
        &self,
        permit: Permit,
        filter: RecordFilter,
        stretch: i64,
    ) -> Held<Result<Option<Vec<Tally>>, StoreError>> {
        let tally = self.tallied(&filter, stretch).await;
        permit.hold(tally)
    }

    async fn denials(&self, permit: Permit, from: i64) -> Held<Result<Denials, StoreError>> {
        let denials = self.denied_since(from).await;
        permit.hold(denials)
    }

    async fn news(&self, permit: Permit, since: i64) -> Held<Result<Option<News>, StoreError>> {
        let news = self.news_since(since).await;
        permit.hold(news)
    }

    async fn uses(&self, grants: &[UsedGrant]) -> Result<Option<Uses>, StoreError> {
        self.used_lately(grants).await
    }

    async fn chain(
        &self,
        permit: Permit,
        node: &str,
        after: u64,
        limit: usize,
    ) -> Held<Result<Vec<ChainedRecord>, StoreError>> {
        let page = self.chain_page(node, after, limit.clamp(1, MAX_CHAIN_PAGE)).await;
        permit.hold(page)
    }

    async fn verify_stretch(
        &self,
        permit: Permit,
        stretch: &StretchToVerify,
    ) -> Held<Result<VerifiedStretch, StoreError>> {
        let found = self.verified(stretch).await;
        permit.hold(found)
    }

    async fn checkpoint(&self, permit: Permit) -> Held<Result<Option<TreeCheckpoint>, StoreError>> {
        let found = self.latest_tree_checkpoint().await;
        permit.hold(found)
    }

    async fn receipt(&self, permit: Permit, record: Uuid) -> Held<Result<Proof, StoreError>> {
        let proof = self.proof(record).await;
        permit.hold(proof)
    }

    async fn receipts(&self, permit: Permit, records: &[Uuid]) -> Held<Result<Vec<Proof>, StoreError>> {
        let proofs = self.proofs(records).await;
        permit.hold(proofs)
    }

    async fn prove_writable(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        raise_fence(&transaction, &self.node).await?;
        // What is rolled back never comes to the disk, and shows nothing of it.
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(())
    }

    async fn chain_head(&self) -> Result<Option<(u64, [u8; 32])>, StoreError> {
        // Who asks wants to know whether this node can go on.
        if let Some(presence) = &self.presence {
            presence.check()?;
        }
        reading::head_of(&self.own_reader, &self.node).await
    }

    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let row = rows::checkpoint_row(checkpoint)?;
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        // The same position again says nothing new.
        let keep = OnConflict::columns([checkpoint::Column::Node, checkpoint::Column::Seq]).do_nothing().to_owned();
        checkpoint::Entity::insert(row.into_active_model())
            .on_conflict(keep)
            .exec_without_returning(&transaction)
            .await
            .map_err(|e| store_error(&e))?;
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(())
    }
}

impl Store {
    /// The last checkpoint of this node's chain.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn latest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        checkpoint::Entity::find()
            .filter(checkpoint::Column::Node.eq(self.node.as_str()))
            .order_by_desc(checkpoint::Column::Seq)
            .one(&self.reader)
            .await
            .map_err(|e| store_error(&e))?
            .map(rows::checkpoint)
            .transpose()
    }

    /// The newest record that one of Strongroom's own jobs wrote of an operation, on whichever node.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn newest_of_job(&self, job: PrincipalId, operation: &str) -> Result<Option<Record>, StoreError> {
        let (whole_principal, operation) = (Some(job), Some(operation.to_owned()));
        let filter = RecordFilter { whole_principal, operation, limit: 1, ..RecordFilter::default() };
        Ok(self.page(&filter).await?.items.into_iter().next())
    }

    async fn proofs(&self, records: &[Uuid]) -> Result<Vec<Proof>, StoreError> {
        let mut proofs = Vec::with_capacity(records.len());
        for record in records {
            proofs.push(self.proof(*record).await?);
        }
        Ok(proofs)
    }

    async fn chain_page(&self, node: &str, after: u64, limit: usize) -> Result<Vec<ChainedRecord>, StoreError> {
        use audit_record::Column;

        let Ok(after) = i64::try_from(after) else { return Ok(Vec::new()) };
        let found: Vec<ChainRow> = audit_record::Entity::find()
            .select_only()
            .columns([Column::Seq, Column::Id, Column::Body, Column::Head])
            .filter(Column::Node.eq(node))
            .filter(Column::Seq.gt(after))
            .order_by_asc(Column::Seq)
            .limit(u64::try_from(limit).unwrap_or(u64::MAX))
            .into_tuple()
            .all(&self.log_reader)
            .await
            .map_err(|e| unavailable_or_long(&e))?;
        let chained = |(seq, id, record, head): ChainRow| {
            let (seq, head) = rows::position(seq, head.as_deref())?;
            Ok(ChainedRecord { seq, id, record, head })
        };
        found.into_iter().map(chained).collect()
    }

    async fn tallied(&self, filter: &RecordFilter, stretch: i64) -> Result<Option<Vec<Tally>>, StoreError> {
        use audit_record::Column;

        let stretch = Ord::max(stretch, 1);
        if let Some(counted) = self.counted(filter, stretch).await? {
            return Ok(Some(counted));
        }
        let subjects = self.subjects(filter).await?;
        if self.is_too_much(filter, subjects.as_deref()).await? {
            return Ok(None);
        }
        // A number of ours, written out: PostgreSQL would take two parameters for two expressions.
        let place = Expr::cust(format!("CAST(at AS bigint) / {stretch}"));
        let challenge = Expr::cust(format!("CASE WHEN {} THEN 1 ELSE 0 END", self.challenge()));
        let found: Vec<(i64, String, i32, i64)> = audit_record::Entity::find()
            .filter(self.conditions(filter, subjects.as_deref())?)
            // What somebody edited into none of these is told by whoever verifies the log.
            .filter(Column::Outcome.is_in(Outcome::ALL.map(Outcome::as_str)))
            .select_only()
            .column_as(place.clone(), "place")
            .column(Column::Outcome)
            .column_as(challenge.clone(), "challenge")
            .column_as(Column::Id.count(), "records")
            .group_by(place.clone())
            .group_by(Column::Outcome)
            .group_by(challenge.clone())
            .order_by_asc(place)
            .order_by_asc(Column::Outcome)
            .order_by_asc(challenge)
            .into_tuple()
            .all(&self.log_reader)
            .await
            .map_err(|e| unavailable_or_long(&e))?;
        let tally = |(place, outcome, challenge, records): (i64, String, i32, i64)| {
            let outcome = Outcome::parse(&outcome).ok_or_else(|| damaged("audit log", "an outcome is unknown"))?;
            let (from, records) = (place.saturating_mul(stretch), u64::try_from(records).unwrap_or(0));
            Ok(Tally { from, outcome, challenge: challenge != 0, records })
        };
        found.into_iter().map(tally).collect::<Result<_, _>>().map(Some)
    }

    async fn page(&self, filter: &RecordFilter) -> Result<Page<Record>, StoreError> {
        let mut items = Vec::new();
        let bounds = (filter.limit.clamp(1, MAX_PAGE), MAX_PAGE_BYTES);
        let take = |record| {
            items.push(record);
            true
        };
        let next = self.go_through(filter, bounds, take).await?;
        Ok(Page { items, next })
    }
}

/// Writes something, so that this transaction stands behind every earlier one also on the disk: if
/// a failed commit left pages of its own in SQLite's log, they are overwritten now.
async fn raise_fence(transaction: &DatabaseTransaction, node: &str) -> Result<(), StoreError> {
    let row = audit_fence::Model { node: node.to_owned(), raised: 1 };
    let again = OnConflict::column(audit_fence::Column::Node)
        .value(audit_fence::Column::Raised, Expr::col((audit_fence::Entity, audit_fence::Column::Raised)).add(1))
        .to_owned();
    audit_fence::Entity::insert(row.into_active_model())
        .on_conflict(again)
        .exec_without_returning(transaction)
        .await
        .map_err(|e| store_error(&e))?;
    Ok(())
}
