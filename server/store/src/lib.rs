//! Everything that lasts: the domain's store ports on SQLite and on PostgreSQL, from one code base.
//!
//! | part | file |
//! |---|---|
//! | opening: ownership, schema, refusals | `open`, `connect`, `lock`, `presence`, `foreign`, `strangers` |
//! | the transaction of a batch: changes, records, hash chain | `writer`, `apply`, `bounds` |
//! | what this process knows of its chain, whatever the database says | `heads` |
//! | what the log tells of vaults, before a purge | `evidence` |
//! | what a filter asks of the log, by its indexes; its records by stretches of time | `log_query`, `tallies` |
//! | the ports | `audit`, `counts`, `secrets`, `vaults`, `grants`, `policies`, `approvals`, `identities` |
//! | the Merkle tree over all chains, and proofs out of it | `tree` |
//! | what the root key wraps | `seal` |
//! | scheduled purges | `purge` |
//! | exact caches | `cache` and `directory` (how), `caches` (what) |
//! | rows, each by itself, whatever stands in it | `decoding`, `rows` |
//! | checking the audit trail without any key | [`verify`] |
//!
//! # What is promised
//!
//! - A batch is one durable transaction: every member's change with its record, or neither, and the
//!   node's hash chain over the records, in order. A member that conflicts is left out alone.
//! - What a caller got an answer for is never answered from an older state: see `caches`.
//! - A database whose schema is newer than this program is refused; one SQLite file has one owner.
//!
//! # What must never happen here
//!
//! Opening a sealed value, judging a request, reading a clock. Rows are not trusted: what is judged
//! carries a tag that the domain verifies, and a row that does not parse is an error.

mod apply;
mod approvals;
mod audit;
mod bounds;
mod cache;
mod caches;
mod condemned;
mod connect;
mod counts;
mod decoding;
mod directory;
mod endings;
mod entity;
mod evidence;
mod fault;
mod foreign;
mod grants;
mod heads;
mod identities;
mod installation;
mod lock;
mod log_query;
mod open;
mod policies;
mod presence;
mod proofs;
mod purge;
mod reading;
mod repeats;
mod rows;
mod seal;
mod search;
mod secrets;
mod serials;
mod strangers;
mod tallies;
mod tree;
mod vaults;
pub mod verify;
mod writer;

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use strongroom_domain::ports::StoreError;
use tokio::sync::{Mutex, watch};

pub use evidence::LogVerdict;
pub use installation::Installation;
pub use open::{OpenError, StoreOptions};

use crate::{
    caches::Caches, evidence::Told, fault::store_error, heads::KnownHeads, lock::Ownership, presence::Presence,
    tallies::Tallies, writer::Writer,
};

/// An open database. Implements the store ports of the domain; share it in an `Arc`.
pub struct Store {
    /// One transaction at a time: the committer is the only busy writer.
    writer: Mutex<Writer>,
    reader: DatabaseConnection,
    /// For looking through the log, which may take long; see [`connect::log_readers`].
    log_reader: DatabaseConnection,
    /// For what this node must read to answer anybody: nothing that a request asks goes here.
    own_reader: DatabaseConnection,
    caches: Option<Caches>,
    node: String,
    heads: Arc<KnownHeads>,
    verdict: watch::Sender<LogVerdict>,
    told: Mutex<Told>,
    tallies: Tallies,
    presence: Option<Arc<Presence>>,
    _ownership: Option<Ownership>,
}

impl Store {
    fn caches(&self) -> Option<&Caches> {
        self.caches.as_ref()
    }

    /// Waits for the batch that is under way and closes every connection; whoever uses the store
    /// afterwards gets an error. A SQLite database is free for another process when the store is
    /// dropped.
    ///
    /// # Errors
    /// When a connection cannot be closed in order; nothing that was answered is lost by that.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.writer.lock().await.close().await?;
        if let Some(presence) = &self.presence {
            presence.close().await;
        }
        self.log_reader.close_by_ref().await.map_err(|e| store_error(&e))?;
        self.own_reader.close_by_ref().await.map_err(|e| store_error(&e))?;
        self.reader.close_by_ref().await.map_err(|e| store_error(&e))
    }

    /// Says which root key wraps what this process writes. Nothing is written once another one is in use.
    pub async fn works_with(&self, root_key: &str) {
        self.writer.lock().await.works_with(root_key);
    }

    /// Looks whether this node is still known to the others by its locks, and takes them again if not. To be called
    /// every so often; an embedded database needs none of it.
    ///
    /// # Errors
    /// Why this node writes nothing and does not count as ready until a later call succeeds.
    pub async fn keep_presence(&self) -> Result<(), StoreError> {
        match &self.presence {
            Some(presence) => presence.keep().await,
            None => Ok(()),
        }
    }

    /// Whether this node does what is done once for all nodes of the installation: one of them does, until it is gone.
    pub async fn leads(&self) -> bool {
        match &self.presence {
            Some(presence) => presence.leads().await,
            None => true,
        }
    }

    /// Position and head of this node's chain after the last batch that this process certainly wrote.
    #[must_use]
    pub fn written_head(&self) -> Option<(u64, [u8; 32])> {
        self.heads.written()
    }

    /// Takes note of a head that this node testified to before it was started: a chain that does not go
    /// through it is neither continued after a failure nor covered by a checkpoint.
    pub fn testified_head(&self, seq: u64, head: [u8; 32]) {
        self.heads.testify((seq, head));
    }

    /// Name of this node in the audit chain.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }
}
