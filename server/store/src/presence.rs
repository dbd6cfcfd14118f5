//! Who is at a PostgreSQL database, by locks of a session that is kept for nothing else: every node holds one that
//! all nodes share and one by its name, and a command that must find no node there holds the first one alone. For
//! SQLite, see [`crate::lock`].
//!
//! A session that ends takes its locks along, whatever ended it. So a node looks after its session, takes the locks
//! again, and writes nothing while it has not got them: under its name another may be at work by then. A new root
//! key, which is put in place only by who is alone, is noticed at the same look.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use strongroom_domain::ports::StoreError;
use tokio::time::{sleep, timeout};

use crate::{
    connect::{REACHED_WITHIN, limits, refused},
    open::OpenError,
};

/// The lock that all nodes share: "strongnd" as a number.
pub(crate) const NODES: i64 = 0x7374_726f_6e67_6e64;
/// The lock of the one node that does what is done once for all: "strongla" as a number.
const LEADS: i64 = 0x7374_726f_6e67_6c61;
/// How often a lock that somebody has is tried again at a start: a process that was killed has it for a moment.
const TRIES: u32 = 10;
/// Between two tries.
const BETWEEN: Duration = Duration::from_millis(100);
/// A session whose other end does not answer is given up by the server after this many seconds, more or less, so that
/// the node can come back under its name.
const KEEPALIVE: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];
/// The root key in use.
pub(crate) const ROOT_KEY: &str = "SELECT key_id FROM root_keys WHERE retired_at IS NULL ORDER BY since DESC LIMIT 1";

/// The session with its locks.
pub(crate) struct Presence {
    server: PgConnectOptions,
    node: String,
    alone: bool,
    session: tokio::sync::Mutex<Option<PgConnection>>,
    standing: Mutex<Standing>,
}

/// What the last look found.
#[derive(Default)]
struct Standing {
    /// Why nothing may be written, if so.
    lost: Option<String>,
    /// The root key that this process works with; none before it is known.
    root_key: Option<String>,
}

impl Presence {
    /// Takes the locks.
    pub(crate) async fn take(server: &PgConnectOptions, node: &str, alone: bool) -> Result<Self, OpenError> {
        let server = server.clone().options(limits()).options(KEEPALIVE);
        let session = session(&server, node, alone, TRIES).await?;
        Ok(Self {
            server,
            node: node.to_owned(),
            alone,
            session: tokio::sync::Mutex::new(Some(session)),
            standing: Mutex::default(),
        })
    }

    /// Whether no node may be there beside this process.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// Says which root key this process works with.
    pub(crate) fn works_with(&self, root_key: &str) {
        self.stand(|standing| standing.root_key = Some(root_key.to_owned()));
    }

    fn stand<T>(&self, with: impl FnOnce(&mut Standing) -> T) -> T {
        with(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// # Errors
    /// Why this process may not write.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.stand(|standing| standing.lost.clone()).map_or(Ok(()), |why| Err(StoreError::Unavailable(why)))
    }

    /// Looks whether the session is still there, and takes the locks in another one if not.
    pub(crate) async fn keep(&self) -> Result<(), StoreError> {
        let kept = self.look().await;
        self.stand(|standing| standing.lost = kept.as_ref().err().cloned());
        kept.map_err(StoreError::Unavailable)
    }

    /// Whether this node does what is done once for all nodes: the first one that asks, as long as its session lasts.
    pub(crate) async fn leads(&self) -> bool {
        let mut session = self.session.lock().await;
        let Some(session) = session.as_mut() else { return false };
        let ask = sqlx::query_scalar::<sqlx::Postgres, bool>("SELECT pg_try_advisory_lock($1)").bind(LEADS);
        matches!(timeout(REACHED_WITHIN, ask.fetch_one(session)).await, Ok(Ok(true)))
    }

    async fn look(&self) -> Result<(), String> {
        let mut session = self.session.lock().await;
        let mut found = match session.as_mut() {
            Some(session) => root_key(session).await,
            None => None,
        };
        if found.is_none() {
            *session = None;
            // What it says names this node, or the server that is away.
            let mut taken = connected(&self.server, &self.node, self.alone, TRIES).await?;
            found = root_key(&mut taken).await;
            *session = Some(taken);
        }
        let Some(found) = found else { return Err("the database does not answer".to_owned()) };
        match self.stand(|standing| standing.root_key.clone()) {
            Some(known) if found.as_ref() != Some(&known) => Err(another_root_key(&known)),
            _ => Ok(()),
        }
    }

    /// Gives the locks back, at once and not when the server gets to it.
    pub(crate) async fn close(&self) {
        let Some(mut session) = self.session.lock().await.take() else { return };
        let unlock = sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut session);
        if let Ok(Ok(_)) = timeout(REACHED_WITHIN, unlock).await {
            let _ = timeout(REACHED_WITHIN, session.close()).await;
        }
    }
}

/// Why a process with this root key writes nothing any more.
pub(crate) fn another_root_key(known: &str) -> String {
    format!("the root key {known}, with which this process was started, is not the one in use any more: start it again")
}

/// The root key in use; outermost none when the session does not answer.
async fn root_key(session: &mut PgConnection) -> Option<Option<String>> {
    let ask = sqlx::query_scalar::<sqlx::Postgres, String>(ROOT_KEY).fetch_optional(session);
    timeout(REACHED_WITHIN, ask).await.ok()?.ok()
}

async fn connected(server: &PgConnectOptions, node: &str, alone: bool, tries: u32) -> Result<PgConnection, String> {
    session(server, node, alone, tries).await.map_err(|error| error.to_string())
}

async fn session(server: &PgConnectOptions, node: &str, alone: bool, tries: u32) -> Result<PgConnection, OpenError> {
    let connecting = timeout(REACHED_WITHIN, server.connect()).await;
    let connecting = connecting.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut));
    let mut session = connecting.map_err(|error| refused(&error, server))?;
    let all = if alone { "SELECT pg_try_advisory_lock($1)" } else { "SELECT pg_try_advisory_lock_shared($1)" };
    if !got(&mut session, all, NODES, tries).await.map_err(|error| refused(&error, server))? {
        return Err(if alone { OpenError::NodesAreThere } else { OpenError::SomebodyIsAlone });
    }
    let by_name = "SELECT pg_try_advisory_lock($1)";
    if !got(&mut session, by_name, name_key(node), tries).await.map_err(|error| refused(&error, server))? {
        return Err(OpenError::NodeIsThere(node.to_owned()));
    }
    Ok(session)
}

async fn got(session: &mut PgConnection, ask: &'static str, key: i64, tries: u32) -> sqlx::Result<bool> {
    for left in (0..tries).rev() {
        if sqlx::query_scalar::<sqlx::Postgres, bool>(ask).bind(key).fetch_one(&mut *session).await? {
            return Ok(true);
        }
        // Never waited for in the database: who waits to be alone there keeps everybody else waiting.
        if left > 0 {
            sleep(BETWEEN).await;
        }
    }
    Ok(false)
}

fn name_key(node: &str) -> i64 {
    crate::lock::number("strongroom-node/", node)
}
