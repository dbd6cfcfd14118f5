//! The one connection that writes, and the transaction of a batch.
//!
//! The writer is *sound* while every transaction it began has certainly ended. Before each
//! transaction it stops being sound and becomes so again with a successful commit; whoever finds it
//! unsound (an error, a panic, a caller that went away in the middle) replaces the connection,
//! forgets the chain's head and empties the caches before doing anything else. So no half-finished
//! transaction, no stale head and no stale cache can survive a failure.
//!
//! The database is not taken at its word: before COMMIT the batch is read back, and a head that is read
//! anew must lie behind what this process wrote.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IntoActiveModel, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use strongroom_crypto::chain;
use strongroom_domain::{
    change::{Change, PermittedChange},
    ports::{AppendError, StoreError},
    record::{Entry, Settled},
};

use crate::{
    apply::{Obstacle, apply},
    bounds,
    caches::Caches,
    connect::{self, Place},
    entity::audit_record,
    fault::{damaged, store_error},
    heads::{Head, KnownHeads},
    installation, lock,
    presence::{self, Presence, ROOT_KEY, another_root_key},
    reading::head_of,
    rows, serials,
};

/// Most rows of one INSERT: times twelve columns this stays far below the bind limits of SQLite
/// (32,766) and PostgreSQL (65,535).
const ROWS_PER_INSERT: usize = 64;
/// How long to wait for a connection that failed to close.
const CLOSING: Duration = Duration::from_secs(2);

/// The writing connection with what it knows.
pub(crate) struct Writer {
    place: Place,
    node: String,
    connection: DatabaseConnection,
    sound: bool,
    closed: bool,
    head: Option<Head>,
    known: Arc<KnownHeads>,
    presence: Option<Arc<Presence>>,
    root_key: Option<String>,
}

impl Writer {
    pub(crate) fn new(
        place: Place,
        node: String,
        connection: DatabaseConnection,
        known: Arc<KnownHeads>,
        presence: Option<Arc<Presence>>,
    ) -> Self {
        Self { place, node, connection, sound: true, closed: false, head: None, known, presence, root_key: None }
    }

    /// Says which root key wraps what this process writes; under another one it writes nothing.
    pub(crate) fn works_with(&mut self, root_key: &str) {
        self.root_key = Some(root_key.to_owned());
        if let Some(presence) = &self.presence {
            presence.works_with(root_key);
        }
    }

    /// Begins a transaction in which this node's chain belongs to it alone, on a sound connection.
    /// The writer is unsound until [`Writer::settle`].
    pub(crate) async fn begin(&mut self, caches: Option<&Caches>) -> Result<DatabaseTransaction, StoreError> {
        if self.closed {
            return Err(StoreError::Unavailable("the store was closed".to_owned()));
        }
        if let Some(presence) = &self.presence {
            // Under this node's name another one may have written meanwhile: what was known of the chain does not count.
            self.sound &= presence.check().is_ok();
            presence.check()?;
        }
        if !self.sound {
            self.renew(caches).await?;
        }
        self.sound = false;
        let options = TransactionOptions {
            access_mode: Some(AccessMode::ReadWrite),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await.map_err(|e| store_error(&e))?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // Waits for a transaction of this node that another connection may have left behind:
            // what happened to it is certain afterwards. SQLite has one writer at a time anyhow.
            let lock = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_advisory_xact_lock($1)",
                [lock_key(&self.node).into()],
            );
            transaction.execute_raw(lock).await.map_err(|e| store_error(&e))?;
            self.nobody_is_alone(&transaction).await?;
        }
        Ok(transaction)
    }

    /// Until this transaction ends, nobody begins to be alone with the database: also where this node's session
    /// ended and nobody has noticed yet.
    async fn nobody_is_alone(&self, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
        if self.presence.as_ref().is_none_or(|presence| presence.is_alone()) {
            return Ok(());
        }
        let ask = "SELECT pg_try_advisory_xact_lock_shared($1) AS shared";
        let ask = Statement::from_sql_and_values(DbBackend::Postgres, ask, [presence::NODES.into()]);
        let found = transaction.query_one_raw(ask).await.map_err(|e| store_error(&e))?;
        match found.map(|row| row.try_get::<bool>("", "shared")).transpose().map_err(|e| store_error(&e))? {
            Some(true) => Ok(()),
            _ => Err(StoreError::Unavailable("a command is alone with the database".to_owned())),
        }
    }

    /// To be called once a transaction has certainly been committed.
    pub(crate) fn settle(&mut self) {
        self.sound = true;
    }

    /// Closes the connection, for good.
    pub(crate) async fn close(&mut self) -> Result<(), StoreError> {
        self.closed = true;
        self.connection.close_by_ref().await.map_err(|e| store_error(&e))
    }

    async fn renew(&mut self, caches: Option<&Caches>) -> Result<(), StoreError> {
        let fresh = connect::writer(&self.place).await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let failed = std::mem::replace(&mut self.connection, fresh);
        if tokio::time::timeout(CLOSING, failed.close()).await.is_err() {
            tracing::warn!("a failed writing connection did not close in time");
        }
        self.head = None;
        if let Some(caches) = caches {
            caches.forget_all();
        }
        self.sound = true;
        Ok(())
    }

    /// See [`strongroom_domain::ports::AuditLog::append`].
    pub(crate) async fn append(
        &mut self,
        caches: Option<&Caches>,
        batch: &[Entry],
    ) -> Result<Vec<Settled>, AppendError> {
        let rolled_back = |why: StoreError| AppendError::RolledBack(why.to_string());
        let transaction = self.begin(caches).await.map_err(rolled_back)?;
        let (settled, head, root_key) = match self.write(&transaction, batch).await {
            Ok(written) => written,
            Err(why) => {
                // COMMIT was never sent, so nothing can be in the database, whatever this says.
                if let Err(error) = transaction.rollback().await {
                    tracing::warn!(%error, "a failed batch could not be rolled back in order");
                }
                return Err(rolled_back(why));
            }
        };
        let committed = transaction.commit().await;
        // After the commit and before the answer; no await in between.
        if let Some(caches) = caches {
            batch.iter().filter_map(|entry| entry.change.as_ref()).for_each(|change| caches.forget(change));
        }
        committed.map_err(|error| AppendError::Ambiguous(error.to_string()))?;
        self.head = Some(head);
        self.known.write(head);
        if let Some(key) = root_key {
            self.works_with(&key);
        }
        self.settle();
        Ok(settled)
    }

    async fn write(
        &self,
        transaction: &DatabaseTransaction,
        batch: &[Entry],
    ) -> Result<(Vec<Settled>, Head, Option<String>), StoreError> {
        let database = |error: DbErr| store_error(&error);
        let mut settled = Vec::with_capacity(batch.len());
        let mut root_key = self.root_key.clone();
        let mut records = Vec::with_capacity(batch.len());
        bounds::take_turn(transaction, batch).await.map_err(database)?;
        serials::take_turns(transaction, batch).await.map_err(database)?;
        for entry in batch {
            if let Some(change) = &entry.change {
                let member = transaction.begin().await.map_err(database)?;
                match apply(&member, change).await {
                    Ok(()) => member.commit().await.map_err(database)?,
                    Err(Obstacle::Database(error)) => return Err(store_error(&error)),
                    Err(obstacle) => {
                        member.rollback().await.map_err(database)?;
                        settled.push(match obstacle {
                            Obstacle::Unwritable(error) => {
                                tracing::error!(%error, "a change cannot be written");
                                Settled::Refused
                            }
                            _ => Settled::Conflict,
                        });
                        continue;
                    }
                }
            }
            if let Some(Change::Reseal(reseal)) = entry.change.as_ref().map(PermittedChange::change) {
                root_key = Some(reseal.root_key.key_id.clone());
            }
            records.push(rows::record_row(&entry.record)?);
            settled.push(Settled::Recorded);
        }
        let head = match self.head {
            Some(head) => head,
            None => self.read_head(transaction).await?,
        };
        let after = self.link(&mut records, head)?;
        if !records.is_empty() {
            insert_all(transaction, records).await.map_err(database)?;
            self.read_back(transaction, head.0, after, root_key.as_deref()).await?;
        }
        Ok((settled, after, root_key))
    }

    /// Whether the batch is in the database, as far as this transaction sees it: what stands there may drop
    /// or change what is inserted, and say nothing.
    async fn read_back(
        &self,
        transaction: &DatabaseTransaction,
        before: u64,
        after: Head,
        root_key: Option<&str>,
    ) -> Result<(), StoreError> {
        let (last, head) = after;
        let number = |seq: u64| i64::try_from(seq).map_err(|e| damaged("audit chain", e));
        let ask = Statement::from_sql_and_values(
            transaction.get_database_backend(),
            format!(
                "SELECT count(*) AS records, (SELECT head FROM audit_records WHERE node = $1 AND seq = $2) AS head, \
                 ({ROOT_KEY}) AS root_key FROM audit_records WHERE node = $1 AND seq > $3"
            ),
            [self.node.as_str().into(), number(last)?.into(), number(before)?.into()],
        );
        let found = transaction.query_one_raw(ask).await.map_err(|e| store_error(&e))?;
        let found = found.ok_or_else(|| damaged("audit chain", "the database counts nothing"))?;
        let records: i64 = found.try_get("", "records").map_err(|e| store_error(&e))?;
        let there: Option<Vec<u8>> = found.try_get("", "head").map_err(|e| store_error(&e))?;
        let in_use: Option<String> = found.try_get("", "root_key").map_err(|e| store_error(&e))?;
        if let Some(known) = root_key.filter(|known| in_use.as_deref() != Some(*known)) {
            return Err(StoreError::Unavailable(another_root_key(known)));
        }
        if u64::try_from(records).ok() == last.checked_sub(before) && there.as_deref() == Some(head.as_slice()) {
            return Ok(());
        }
        Err(damaged("audit chain", "the database does not keep the records that it was given"))
    }

    async fn read_head(&self, transaction: &DatabaseTransaction) -> Result<Head, StoreError> {
        self.known.hold_in(transaction, &self.node).await?;
        if let Some(head) = head_of(transaction, &self.node).await? {
            return Ok(head);
        }
        let installation = installation::load(transaction)
            .await?
            .ok_or_else(|| StoreError::Unavailable("there is no installation yet".to_owned()))?;
        Ok((0, chain::genesis(installation.id.0.as_bytes(), &self.node)))
    }

    /// Gives the batch's records their places in the chain, in order; the head after them.
    fn link(&self, records: &mut [audit_record::Model], head: Head) -> Result<Head, StoreError> {
        let (mut seq, mut head) = head;
        for record in records {
            seq = seq.checked_add(1).ok_or_else(|| damaged("audit chain", "its last position is the highest"))?;
            let record_hash = chain::record_hash(record.id.as_bytes(), record.body.as_bytes());
            head = chain::extend(&head, seq, &record_hash);
            record.node = Some(self.node.clone());
            record.seq = Some(i64::try_from(seq).map_err(|e| damaged("audit chain", e))?);
            record.record_hash = Some(record_hash.to_vec());
            record.head = Some(head.to_vec());
        }
        Ok((seq, head))
    }
}

/// Writes the batch's records. Batches have every length, statements only powers of two: those few are
/// prepared once and found again.
async fn insert_all(transaction: &DatabaseTransaction, mut rows: Vec<audit_record::Model>) -> Result<(), DbErr> {
    while let Some(power) = rows.len().checked_ilog2() {
        let rest = rows.split_off(ROWS_PER_INSERT.min(1 << power));
        let chunk = std::mem::replace(&mut rows, rest);
        audit_record::Entity::insert_many(chunk.into_iter().map(IntoActiveModel::into_active_model))
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Two nodes that met by chance would only wait for each other.
fn lock_key(node: &str) -> i64 {
    lock::number("strongroom-audit-chain/", node)
}
