//! The committer: one task per node that makes records and changes durable, many at a time.
//!
//! Whoever waits in the queue when a commit begins shares it: one transaction, one fsync. An
//! answer is given only for what is certainly durable. When the database does not say whether a
//! commit happened, the committer asks it until it knows or gives up; giving up answers
//! [`NoRecord`], never "recorded". Server decision record 0002 tells how this was found and proven.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Entry, Settled};
use crate::ports::{AppendError, AuditLog};

/// Most members of a batch: bounds how long the last one waits for the first.
const MAX_BATCH: usize = 256;
/// Most members waiting. When the queue is full, new requests are refused rather than buffered.
const MAX_WAITING: usize = 4096;
/// How often, and how far apart, an unknown outcome is asked for before giving up.
const RESOLVE_PAUSES: [Duration; 5] = [
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(1000),
];

/// There is no durable record, so there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// The record and its change did certainly not happen.
    #[error("the audit record could not be written; nothing was changed")]
    NotWritten,
    /// Whether they happened is not known. They happened together or not at all.
    #[error("the audit record's fate is unknown")]
    Unknown,
    /// Too many requests are waiting for the audit log.
    #[error("too many requests are waiting for the audit log")]
    Overloaded,
}

/// Whether the last commit worked: what readiness shows.
#[derive(Clone, Debug, Default)]
pub struct CommitterHealth(Arc<AtomicBool>);

impl CommitterHealth {
    /// True when the last commit failed and none has succeeded since.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self, failing: bool) {
        self.0.store(failing, Ordering::Release);
    }
}

struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<Result<Settled, NoRecord>>,
}

/// The way to the committer. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
    health: CommitterHealth,
}

impl Committer {
    /// Hands an entry over and waits until its fate is known.
    ///
    /// # Errors
    /// [`NoRecord`]: nothing may be released on the strength of this entry.
    pub async fn submit(&self, entry: Entry) -> Result<Settled, NoRecord> {
        let (answer, fate) = oneshot::channel();
        self.queue.try_send(Waiting { entry, answer }).map_err(|_| NoRecord::Overloaded)?;
        fate.await.unwrap_or(Err(NoRecord::Unknown))
    }

    /// Whether commits work.
    #[must_use]
    pub fn health(&self) -> &CommitterHealth {
        &self.health
    }
}

/// Starts the node's committer. The task ends when every [`Committer`] is gone and the queue is
/// empty, so a graceful stop loses nothing.
pub fn spawn(log: Arc<dyn AuditLog>) -> (Committer, tokio::task::JoinHandle<()>) {
    let (queue, waiting) = mpsc::channel(MAX_WAITING);
    let health = CommitterHealth::default();
    let task = tokio::spawn(run(log, waiting, health.clone()));
    (Committer { queue, health }, task)
}

async fn run(log: Arc<dyn AuditLog>, mut waiting: mpsc::Receiver<Waiting>, health: CommitterHealth) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (entries, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|w| (w.entry, w.answer)).unzip();
        let fates = commit(&log, entries).await;
        health.set(fates.iter().any(Result::is_err));
        for (answer, fate) in answers.into_iter().zip(fates) {
            // A client that hung up does not undo what is durable.
            let _ = answer.send(fate);
        }
    }
}

async fn commit(log: &Arc<dyn AuditLog>, entries: Vec<Entry>) -> Vec<Result<Settled, NoRecord>> {
    let ids: Vec<Uuid> = entries.iter().map(|e| e.record.id).collect();
    let appending = {
        let log = Arc::clone(log);
        // In a task of its own: an adapter that panics must not end the committer.
        tokio::spawn(async move { log.append(entries).await })
    };
    match appending.await {
        Ok(Ok(settled)) if settled.len() == ids.len() => settled.into_iter().map(Ok).collect(),
        Ok(Err(AppendError::RolledBack(why))) => {
            tracing::error!(members = ids.len(), %why, "an audit batch was rolled back");
            vec![Err(NoRecord::NotWritten); ids.len()]
        }
        Ok(Err(AppendError::Ambiguous(why))) => {
            tracing::error!(members = ids.len(), %why, "the outcome of an audit commit is unknown");
            resolve(log, &ids).await
        }
        Ok(Ok(_)) => {
            tracing::error!("the audit log answered for another number of members");
            resolve(log, &ids).await
        }
        Err(_) => {
            tracing::error!("the audit log's adapter panicked");
            resolve(log, &ids).await
        }
    }
}

/// Finds out what an unanswered commit did.
async fn resolve(log: &Arc<dyn AuditLog>, ids: &[Uuid]) -> Vec<Result<Settled, NoRecord>> {
    for pause in RESOLVE_PAUSES {
        if let Ok(durable) = log.durable(ids).await
            && durable.len() == ids.len()
        {
            return durable
                .into_iter()
                .map(|d| if d { Ok(Settled::Recorded) } else { Err(NoRecord::NotWritten) })
                .collect();
        }
        tokio::time::sleep(pause).await;
    }
    vec![Err(NoRecord::Unknown); ids.len()]
}
