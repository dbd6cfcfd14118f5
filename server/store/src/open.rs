//! Opening the store: who may, and what must be true before anybody reads or writes.

use std::{path::PathBuf, sync::Arc};

use strongroom_migrations::Standing;
use tokio::sync::{Mutex, watch};

use crate::{
    LogVerdict, Store,
    caches::Caches,
    connect::{self, Place},
    foreign::foreign_objects,
    heads::KnownHeads,
    lock::Ownership,
    presence::Presence,
    strangers::{Strangers, strangers},
    tallies::Tallies,
    writer::Writer,
};

/// Connections for looking through the log, so that nobody who does keeps a request waiting.
const LOG_READERS: u32 = 2;
/// Connections for what a node must read to answer anybody, so that no request keeps it from that: one for covering the
/// log, one for looking whether it answers.
const OWN_READERS: u32 = 2;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Name of this node in the audit chain. Two nodes of one database must not share it.
    pub node: String,
    /// Connections for reading.
    pub readers: u32,
    /// About how many bytes the caches may hold. Zero turns them off.
    pub cache_bytes: usize,
    /// Whether no node may be at the database meanwhile. An embedded one has one process anyhow.
    pub alone: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { node: "node-1".to_owned(), readers: 4, cache_bytes: 64 * 1024 * 1024, alone: false }
    }
}

/// Why a store does not open. One line each, for the person who started the program.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither SQLite nor PostgreSQL, or a form that cannot be made durable.
    #[error("the database address is not usable: {0}")]
    Address(String),
    /// The file cannot be made or written.
    #[error("the database {} cannot be written: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// There is no such database, where none is to be made.
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    /// Another process has it.
    #[error("the database {} is in use by another process, most likely a `strongroom dev` or `serve` that still runs: stop it, or name another directory with --data", .0.display())]
    AlreadyInUse(PathBuf),
    /// Another process is this node.
    #[error(
        "a node named {0} is at work on this database already: give each node another name, `node` in its configuration, or stop that one"
    )]
    NodeIsThere(String),
    /// Nodes are at the database, and none may be.
    #[error("servers are at work on this database: stop all of them first")]
    NodesAreThere,
    /// A command is alone with the database.
    #[error(
        "a command that needs this database to itself is at work, such as `seal rotate`: start again when it has ended"
    )]
    SomebodyIsAlone,
    /// A newer program has been here; this one might destroy what it does not know.
    #[error(
        "the database has schema {database}, newer than {program}, the newest this program knows: run the newer program"
    )]
    NewerSchema {
        /// The newest step the database has.
        database: String,
        /// The newest step this program knows.
        program: String,
    },
    /// An older program made it, and this opener may not change it.
    #[error("the database has an older schema: start the server once to bring it up to date")]
    OlderSchema,
    /// Somebody put something there that acts on what is written or read.
    #[error("the database has what no release of this program makes: {}: find out who made it, and drop it", .0.join(", "))]
    Foreign(Vec<String>),
    /// The server does not answer.
    #[error("the database server {server} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The server answers, and lets nobody in under this name and password, or has no such database.
    #[error("the database server {server} refuses the connection: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// What it said.
        reason: String,
    },
    /// It answers, and something is wrong: damaged file, failed migration.
    #[error("the database cannot be used: {0}")]
    Unusable(String),
}

impl Store {
    /// Opens the database at `url` (`sqlite://PATH` or `postgres://...`), makes it if it is a file
    /// that is not there, and applies the migrations that are missing.
    ///
    /// A SQLite database belongs to one process at a time; that is what makes exact caches possible.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(url: &str, options: StoreOptions) -> Result<Self, OpenError> {
        let place = connect::place(url)?;
        let ownership = match &place {
            Place::File(file) => Some(Ownership::take(&file.path)?),
            Place::Server(_) => None,
        };
        // Before the schema is touched: under this name, or beside somebody who must be alone, nothing is.
        let presence = match &place {
            Place::Server(server) => Some(Arc::new(Presence::take(server, &options.node, options.alone).await?)),
            Place::File(_) => None,
        };
        prepare(&place).await?;
        let writer = connect::writer(&place).await?;
        let reader = connect::readers(&place, options.readers.max(1)).await?;
        let log_reader = connect::log_readers(&place, LOG_READERS).await?;
        let own_reader = connect::readers(&place, OWN_READERS).await?;
        let exclusive = ownership.is_some();
        let caches = (exclusive && options.cache_bytes > 0).then(|| Caches::new(options.cache_bytes));
        let heads = Arc::new(KnownHeads::default());
        Ok(Self {
            writer: Mutex::new(Writer::new(place, options.node.clone(), writer, Arc::clone(&heads), presence.clone())),
            presence,
            reader,
            log_reader,
            own_reader,
            caches,
            node: options.node,
            heads,
            verdict: watch::Sender::new(LogVerdict::Pending),
            told: Mutex::default(),
            tallies: Tallies::default(),
            _ownership: ownership,
        })
    }
}

/// Brings the schema up to date, unless it is newer. On a connection of its own, because a
/// migration may take longer than any request may.
async fn prepare(place: &Place) -> Result<(), OpenError> {
    let unusable = |error: sea_orm::DbErr| OpenError::Unusable(error.to_string());
    if connect::is_open_to_others(place) {
        tracing::warn!(
            "the way to the database leads to another machine, and its certificate is not checked: whoever sits between can read \
             names and records, and answer in its place; say sslmode=verify-full, and sslrootcert=FILE for an authority of your own"
        );
    }
    let database = connect::migrator(place).await?;
    let standing = strongroom_migrations::standing(&database).await.map_err(unusable)?;
    let outcome = match standing {
        Standing::Current => Ok(()),
        Standing::Newer { database, program } => Err(OpenError::NewerSchema { database, program }),
        Standing::Behind => {
            // Nodes that start at the same moment do this one after the other.
            connect::lock_migrations(&database).await.map_err(unusable)?;
            strongroom_migrations::migrate(&database).await.map_err(unusable)
        }
    };
    let outcome = match outcome {
        Ok(()) => crate::serials::note(&database).await.map_err(unusable),
        Err(why) => Err(why),
    };
    let foreign = foreign_objects(&database).await.map_err(unusable);
    let others = strangers(&database).await.map_err(unusable);
    // The lock of a session ends with it.
    database.close().await.map_err(unusable)?;
    outcome?;
    match others? {
        Some(Strangers::Everybody(statements)) => tracing::warn!(
            "every role of the database server may connect to this database, and so can stop its nodes and use up its \
             connections: say there {statements}"
        ),
        Some(Strangers::Some(roles, statement)) => tracing::warn!(
            "other roles may connect to this database, and so can stop its nodes and use up its connections: {roles}. \
             Those that need not to, as for backups, can be shut out: {statement}"
        ),
        None => {}
    }
    match foreign? {
        none if none.is_empty() => Ok(()),
        foreign => Err(OpenError::Foreign(foreign)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::TransactionTrait as _;
    use strongroom_domain::ports::AuditLog as _;

    use super::*;

    /// Were these to wait for what requests ask, the node would take the log for uncovered and answer nobody.
    #[tokio::test]
    async fn requests_keep_the_node_from_nothing_that_it_must_read_itself() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("db").display());
        let store = Store::open(&url, StoreOptions { readers: 1, ..StoreOptions::default() }).await.unwrap();
        let _asked_for_long = store.reader.begin().await.unwrap();
        let _looked_through = [store.log_reader.begin().await.unwrap(), store.log_reader.begin().await.unwrap()];
        let within = Duration::from_secs(5);
        assert_eq!(tokio::time::timeout(within, store.chain_head()).await.unwrap().unwrap(), None);
        let growth = tokio::time::timeout(within, store.tree_growth()).await.unwrap().unwrap();
        assert!(growth.segments.is_empty());
        assert_eq!(tokio::time::timeout(within, store.tree_consistency(0, 1)).await.unwrap().unwrap(), None);
    }
}
