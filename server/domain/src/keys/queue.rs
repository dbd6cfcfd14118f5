//! Queues for work that holds a core for long: done on threads of their own, so many at a time, and nobody
//! can queue so much that the others wait for it: callers take turns, however much each of them brought.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{KeyError, workers::Workers};
use crate::{objects::ObjectError, principal::PrincipalId};

/// How much of a sort of work may be done, or waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// In hand at the same time: done, or ready to be done.
    pub(super) at_once: usize,
    /// Done or waited for, of everybody together. Who has nothing in it may have one more each, up to twice as much.
    pub(super) waiting: usize,
    /// Done or waited for, of one caller.
    pub(super) waiting_of_one: usize,
    /// When to try again, in seconds: about as long as a piece of work takes.
    pub(super) retry_after: u32,
}

/// No place in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy {
    pub(super) retry_after: u32,
}

#[derive(Default)]
struct Waiting {
    all: usize,
    of: HashMap<PrincipalId, Own>,
}

/// What one caller has in a queue.
struct Own {
    waiting: usize,
    /// As many of their pieces of work stand in line with those of others as are done at the same time. The rest
    /// stand behind these.
    line: Arc<Semaphore>,
}

/// A queue.
pub(crate) struct Queue {
    limits: Limits,
    pub(super) places: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
    workers: Option<Arc<Workers>>,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, places: Arc::new(Semaphore::new(limits.at_once)), waiting: Arc::default(), workers: None }
    }

    /// One whose work is done by threads of its own, so many of them. More may be in hand, so that none of them is idle
    /// while somebody is told that the turn has come.
    pub(super) fn worked_by(mut self, threads: usize) -> Self {
        self.workers = Some(Arc::new(Workers::new(threads)));
        self
    }

    /// How much is done or waited for.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        lock(&self.waiting).all
    }

    /// Joins the queue.
    ///
    /// # Errors
    /// [`Busy`] when the caller, or everybody together, has as much in it as may be.
    pub(super) fn join(&self, principal: &PrincipalId) -> Result<Joined, Busy> {
        let mut waiting = lock(&self.waiting);
        let own = waiting.of.get(principal).map_or(0, |own| own.waiting);
        // A few who fill the queue shut out nobody who has nothing in it; twice as much is the end of it.
        let full = waiting.all >= self.limits.waiting && (own > 0 || waiting.all >= 2 * self.limits.waiting);
        if full || own >= self.limits.waiting_of_one {
            return Err(Busy { retry_after: self.limits.retry_after });
        }
        waiting.all += 1;
        let line = || Own { waiting: 0, line: Arc::new(Semaphore::new(self.limits.at_once)) };
        let own = waiting.of.entry(principal.clone()).or_insert_with(line);
        own.waiting += 1;
        let line = Arc::clone(&own.line);
        Ok(Joined { waiting: Arc::clone(&self.waiting), principal: principal.clone(), line })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// When the program is ending.
    pub(super) async fn come(&self, joined: Joined) -> Result<Turn, KeyError> {
        // In line behind the caller's own work first, then with everybody's, which are both first come, first served.
        let in_line = Arc::clone(&joined.line).acquire_owned().await.map_err(|_| ObjectError::Unavailable)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ObjectError::Unavailable)?;
        let (of, workers) = (Arc::clone(&self.places), self.workers.clone());
        Ok(Turn { of, workers, late: false, _held: (joined, in_line, place) })
    }

    /// Joins, and waits for the turn.
    ///
    /// # Errors
    /// [`KeyError::Busy`], and when the program is ending.
    pub(crate) async fn turn(&self, principal: &PrincipalId) -> Result<Turn, KeyError> {
        self.come(self.join(principal)?).await
    }

    /// Does the work when its turn has come.
    ///
    /// # Errors
    /// When the program is ending.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        joined: Joined,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, KeyError> {
        self.come(joined).await?.run(work).await
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The turn that has come; given back when dropped.
pub(crate) struct Turn {
    of: Arc<Semaphore>,
    workers: Option<Arc<Workers>>,
    /// Whether it came back once, because a core was free too late.
    late: bool,
    _held: (Joined, OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Turn {
    /// Whether it is one of this queue.
    pub(super) fn is_of(&self, queue: &Queue) -> bool {
        Arc::ptr_eq(&self.of, &queue.places)
    }

    /// Does the work.
    ///
    /// # Errors
    /// When the program is ending.
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, KeyError> {
        self.run_unless(|| false, work).await?.map_err(|_| ObjectError::Unavailable.into())
    }

    /// Does the work, unless it is too late for it when a core is free: then the turn comes back, once, and its work is
    /// the next that is done.
    ///
    /// # Errors
    /// When the program is ending.
    pub(super) async fn run_unless<T: Send + 'static>(
        mut self,
        too_late: impl FnOnce() -> bool + Send + 'static,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Result<T, Self>, KeyError> {
        let (workers, next) = (self.workers.clone(), self.late);
        let work = move || {
            if !next && too_late() {
                self.late = true;
                return Err(self);
            }
            // Held until the core is free again, also when nobody waits any more.
            let _held = self;
            Ok(work())
        };
        let Some(workers) = workers else {
            return Ok(tokio::task::spawn_blocking(work).await.map_err(|_| ObjectError::Unavailable)?);
        };
        let (tell, told) = oneshot::channel();
        workers.hand_over(Box::new(move || drop(tell.send(work()))), next)?;
        Ok(told.await.map_err(|_| ObjectError::Unavailable)?)
    }
}

/// A place in a queue; given back when dropped.
pub(super) struct Joined {
    waiting: Arc<Mutex<Waiting>>,
    principal: PrincipalId,
    line: Arc<Semaphore>,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.all = waiting.all.saturating_sub(1);
        match waiting.of.get_mut(&self.principal) {
            Some(own) if own.waiting > 1 => own.waiting -= 1,
            _ => {
                waiting.of.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { at_once: 2, waiting: 9, waiting_of_one: 4, retry_after: 2 };

    fn principal(subject: usize) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_string() }
    }

    #[test]
    fn nobody_queues_more_than_their_share_and_all_together_no_more_than_fits() {
        let queue = Queue::new(LIMITS);
        let own: Vec<_> = (0..4).map(|_| queue.join(&principal(0)).unwrap()).collect();
        assert_eq!(queue.join(&principal(0)).err(), Some(Busy { retry_after: 2 }));
        let others: Vec<_> = (4..9).map(|number| queue.join(&principal(number)).unwrap()).collect();
        assert!(queue.join(&principal(4)).is_err(), "who has something in a full queue waits");
        let late: Vec<_> = (9..18).map(|number| queue.join(&principal(number)).unwrap()).collect();
        assert!(queue.join(&principal(1000)).is_err(), "twice as much is enough");
        drop(late);
        drop(own);
        assert!(queue.join(&principal(0)).is_ok());
        drop(others);
        let waiting = lock(&queue.waiting);
        assert!(waiting.all == 0 && waiting.of.is_empty(), "who was served leaves nothing behind");
    }

    #[tokio::test]
    async fn callers_take_turns_however_much_one_of_them_brought() {
        let queue = Arc::new(Queue::new(Limits { at_once: 1, waiting: 99, waiting_of_one: 64, retry_after: 1 }));
        let done = Arc::new(Mutex::new(Vec::new()));
        let (open, closed) = std::sync::mpsc::channel::<()>();
        let mut all = tokio::task::JoinSet::new();
        let mut begin = |caller: usize, work: Box<dyn FnOnce() + Send>| {
            let (queue, done) = (Arc::clone(&queue), Arc::clone(&done));
            let turn = queue.join(&principal(caller)).unwrap();
            all.spawn(async move {
                let work = move || {
                    work();
                    done.lock().unwrap().push(caller);
                };
                queue.run(turn, work).await.unwrap();
            });
        };
        // The core is taken until everybody waits.
        begin(0, Box::new(move || closed.recv().unwrap()));
        tokio::task::yield_now().await;
        for _ in 0..20 {
            begin(0, Box::new(|| ()));
        }
        tokio::task::yield_now().await;
        begin(1, Box::new(|| ()));
        tokio::task::yield_now().await;
        open.send(()).unwrap();
        while let Some(ended) = all.join_next().await {
            ended.unwrap();
        }
        let done = done.lock().unwrap();
        let place = done.iter().position(|caller| *caller == 1).unwrap();
        assert!(done.len() == 22 && place <= 2, "the second caller waited for {place} of the first");
    }
}
