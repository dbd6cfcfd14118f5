//! The committer: one task per node that makes records and changes durable, many at a time.
//!
//! Whoever waits in the queue when a commit begins shares it: one transaction, one fsync. An
//! answer is given only for what is certainly durable. When the database does not say whether a
//! commit happened, the committer asks it until it knows or gives up; giving up answers
//! [`NoRecord`], never "recorded". No wait is without end: whoever has waited [`PATIENCE`] is told
//! what is certain by then. There is never a second batch beside one that has not come back, because
//! only the first one's end says what the chain continues from. Server decision record 0002 tells
//! how this was found and proven.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{Entry, Settled};
use crate::ports::{AppendError, AuditLog};

/// Most members of a batch: bounds how long the last one waits for the first.
const MAX_BATCH: usize = 256;
/// Most members waiting. When the queue is full, new requests are refused rather than buffered.
pub(super) const MAX_WAITING: usize = 4096;
/// A commit that takes longer makes the node not ready, though it may still succeed: so that it is so within two
/// seconds, also for who asks in between.
const SLOW_COMMIT: Duration = Duration::from_millis(1800);
/// Longest time anybody waits for their record.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// Longest time a single question about an unknown outcome may take.
const ASKING: Duration = Duration::from_secs(2);
/// Longest time that a log which works takes for a small write. With the pause between two of them it is less than two
/// seconds.
const LOOKING: Duration = Duration::from_millis(1200);
/// How far apart an unknown outcome is asked for before giving up.
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

/// Whether commits work: what readiness shows.
#[derive(Clone, Debug, Default)]
pub struct CommitterHealth(Arc<Health>);

#[derive(Debug, Default)]
struct Health {
    failing: AtomicBool,
    uncovered: AtomicBool,
    under_way: AtomicBool,
}

impl CommitterHealth {
    /// True when the last commit failed, when the one under way takes too long, and when the
    /// committer has ended. The next commit that works makes it false again; so that there is one
    /// even when nobody asks for anything, see [`super::Recorder::resume_when_possible`].
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Acquire) || self.is_uncovered()
    }

    /// True while records cannot be covered by a checkpoint. A record that no signature covers can be
    /// taken away by whoever writes the database, so it is worth as little as none: nobody is answered.
    #[must_use]
    pub fn is_uncovered(&self) -> bool {
        self.0.uncovered.load(Ordering::Acquire)
    }

    /// To be told by the job that makes checkpoints.
    pub fn set_uncovered(&self, uncovered: bool) {
        if !uncovered && self.is_uncovered() {
            // So that a record says when the log went on.
            self.set(true);
        }
        self.0.uncovered.store(uncovered, Ordering::Release);
    }

    fn set(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::Release);
    }
}

/// Who of the committer and the waiting caller was first: an entry is either committed or withdrawn.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

struct Waiting {
    entry: Entry,
    claim: Claim,
    answer: oneshot::Sender<Result<Settled, NoRecord>>,
}

/// The way to the committer. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
    health: CommitterHealth,
    log: Arc<dyn AuditLog>,
}

impl Committer {
    /// Hands an entry over and waits until its fate is known, at most [`PATIENCE`]. Dropping the
    /// future withdraws nothing: what was handed over goes on.
    ///
    /// # Errors
    /// [`NoRecord`]: nothing may be released on the strength of this entry.
    pub async fn submit(&self, entry: Entry) -> Result<Settled, NoRecord> {
        if self.health.is_uncovered() {
            return Err(NoRecord::NotWritten);
        }
        let (answer, fate) = oneshot::channel();
        let claim = Claim::default();
        let waiting = Waiting { entry, claim: claim.clone(), answer };
        self.queue.try_send(waiting).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => NoRecord::Overloaded,
            mpsc::error::TrySendError::Closed(_) => NoRecord::NotWritten,
        })?;
        match timeout(PATIENCE, fate).await {
            Ok(Ok(settled)) => settled,
            // The committer ended, or is at it for too long, with this entry in its hands or not.
            Ok(Err(_)) | Err(_) => Err(if claim.take() { NoRecord::NotWritten } else { NoRecord::Unknown }),
        }
    }

    /// Has the log make something small durable. One that cannot makes the node not ready before the first request
    /// finds out: a full disk can still be read. While a commit is under way, that one shows how the log is.
    pub(super) async fn look(&self) {
        if self.health.0.under_way.load(Ordering::Acquire) {
            return;
        }
        match timeout(LOOKING, self.log.prove_writable()).await {
            Ok(Ok(())) => {}
            failed => {
                let why =
                    failed.map_or_else(|_| "no answer in time".to_owned(), |answer| format!("{:?}", answer.err()));
                tracing::error!(%why, "the audit log cannot be written");
                self.health.set(true);
            }
        }
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
    let task = tokio::spawn(run(Arc::clone(&log), waiting, Ended(health.clone())));
    (Committer { queue, health, log }, task)
}

/// Without a committer nothing can be recorded, however it came to end.
struct Ended(CommitterHealth);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

async fn run(log: Arc<dyn AuditLog>, mut waiting: mpsc::Receiver<Waiting>, health: Ended) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (entries, answers): (Vec<_>, Vec<_>) =
            batch.drain(..).filter(|w| w.claim.take()).map(|w| (w.entry, w.answer)).unzip();
        if entries.is_empty() {
            continue;
        }
        health.0.0.under_way.store(true, Ordering::Release);
        let fates = commit(&log, entries, &health.0).await;
        health.0.0.under_way.store(false, Ordering::Release);
        for (answer, fate) in answers.into_iter().zip(fates) {
            // A client that hung up does not undo what is durable.
            let _ = answer.send(fate);
        }
    }
}

async fn commit(
    log: &Arc<dyn AuditLog>,
    entries: Vec<Entry>,
    health: &CommitterHealth,
) -> Vec<Result<Settled, NoRecord>> {
    let ids: Vec<Uuid> = entries.iter().map(|e| e.record.id).collect();
    let mut appending = {
        let log = Arc::clone(log);
        // In a task of its own: an adapter that panics must not end the committer.
        tokio::spawn(async move { log.append(entries).await })
    };
    let appended = match timeout(SLOW_COMMIT, &mut appending).await {
        Ok(appended) => appended,
        Err(_) => {
            tracing::error!(members = ids.len(), "an audit commit takes too long");
            health.set(true);
            // Not aborted: an abandoned commit may still happen, and then nobody could say when.
            appending.await
        }
    };
    let why = match appended {
        Ok(Ok(settled)) if settled.len() == ids.len() => {
            health.set(false);
            return settled.into_iter().map(Ok).collect();
        }
        Ok(Err(AppendError::RolledBack(why))) => {
            tracing::error!(members = ids.len(), %why, "an audit batch was rolled back");
            health.set(true);
            return vec![Err(NoRecord::NotWritten); ids.len()];
        }
        Ok(Err(AppendError::Ambiguous(why))) => why,
        Ok(Ok(_)) => "the adapter answered for another number of members".to_owned(),
        Err(_) => "the adapter panicked".to_owned(),
    };
    tracing::error!(members = ids.len(), %why, "the outcome of an audit commit is unknown");
    health.set(true);
    resolve(log, &ids).await
}

/// Finds out what an unanswered commit did.
async fn resolve(log: &Arc<dyn AuditLog>, ids: &[Uuid]) -> Vec<Result<Settled, NoRecord>> {
    for pause in RESOLVE_PAUSES {
        if let Ok(Ok(durable)) = timeout(ASKING, log.durable(ids)).await
            && durable.len() == ids.len()
        {
            return durable
                .into_iter()
                .map(|d| if d { Ok(Settled::Recorded) } else { Err(NoRecord::NotWritten) })
                .collect();
        }
        sleep(pause).await;
    }
    vec![Err(NoRecord::Unknown); ids.len()]
}
