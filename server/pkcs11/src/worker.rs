//! The thread that talks with the token, and how long anybody waits for it.
//!
//! One at a time is enough for a root key: what it wraps is unwrapped once and kept. A call that does not come
//! back in time leaves its thread behind, and the next call gets another; when several are left behind, the
//! token counts as hanging until one of them comes back.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel, sync_channel},
    },
    time::{Duration, Instant},
};

use cryptoki::session::Session;

use crate::{Settings, TokenName, error::TokenError, module, session::Connection};

/// Most threads that are left behind in calls that do not come back.
const MOST_LEFT: usize = 4;
/// After a failure, whoever asks within this time is told the same without asking the token: a token that is
/// away must not hold up everybody one after the other.
const PAUSE: Duration = Duration::from_secs(1);

/// Something to do in the thread's session.
type Job = Box<dyn FnOnce(&mut Connection<'_>) + Send>;

/// A token.
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Worker {
    jobs: Sender<Job>,
    /// Set when a call of it did not come back in time.
    left: Arc<AtomicBool>,
}

struct Shared {
    settings: Settings,
    worker: Mutex<Option<Worker>>,
    /// Threads in a call that nobody waits for any more.
    left: AtomicUsize,
    /// Whether it has ever done what it was asked.
    known: AtomicBool,
    trouble: Mutex<Option<(TokenError, Instant)>>,
}

impl Token {
    /// A token; nothing is asked of it yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                worker: Mutex::default(),
                left: AtomicUsize::new(0),
                known: AtomicBool::new(false),
                trouble: Mutex::default(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &TokenName {
        &self.shared.settings.token
    }

    /// Whether the last call was answered.
    pub(crate) fn is_reachable(&self) -> bool {
        lock(&self.shared.trouble).is_none()
    }

    /// Does something in a session with the token and waits for it, but not for ever. It may be tried again in another
    /// session.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&Session) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        if let Some((trouble, since)) = &*lock(&self.shared.trouble)
            && since.elapsed() < PAUSE
        {
            return Err(trouble.clone());
        }
        let done = self.ask(work);
        self.note(done.as_ref().err());
        done
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl Fn(&Session) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let (answer, answered) = sync_channel(1);
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more when this was the call that took too long.
            let _ = answer.send(connection.run(&work));
        });
        let hangs = || TokenError::Hangs(self.name().clone());
        let worker = self.worker()?;
        worker.jobs.send(job).map_err(|_| hangs())?;
        answered.recv_timeout(self.shared.settings.limit).unwrap_or_else(|_| {
            self.leave(&worker);
            Err(hangs())
        })
    }

    /// The thread that works, or another one.
    fn worker(&self) -> Result<Worker, TokenError> {
        let mut worker = lock(&self.shared.worker);
        if let Some(worker) = &*worker {
            return Ok(worker.clone());
        }
        if self.shared.left.load(Ordering::SeqCst) >= MOST_LEFT {
            return Err(TokenError::Hangs(self.name().clone()));
        }
        let (jobs, queue): (_, Receiver<Job>) = channel();
        let left = Arc::new(AtomicBool::new(false));
        let (shared, was_left) = (Arc::clone(&self.shared), Arc::clone(&left));
        let run = move || {
            let mut connection = Connection::new(&shared.settings, &shared.known);
            for job in queue {
                if !was_left.load(Ordering::SeqCst) {
                    job(&mut connection);
                }
            }
            {
                let _call = module::call();
                drop(connection);
            }
            if was_left.load(Ordering::SeqCst) {
                shared.left.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let spawned = std::thread::Builder::new().name("pkcs11".to_owned()).spawn(run);
        spawned.map_err(|error| TokenError::Failed { token: self.name().clone(), why: error.to_string() })?;
        Ok(worker.insert(Worker { jobs, left }).clone())
    }

    /// Leaves a thread behind in its call. It ends when it comes back, because nobody can send to it any more.
    fn leave(&self, worker: &Worker) {
        if !worker.left.swap(true, Ordering::SeqCst) {
            self.shared.left.fetch_add(1, Ordering::SeqCst);
            let mut current = lock(&self.shared.worker);
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.left, &worker.left)) {
                *current = None;
            }
        }
    }

    /// Says once that the token is away, and once that it is back. One that never answered is the caller's to
    /// tell of: the start fails with that.
    fn note(&self, error: Option<&TokenError>) {
        let mut trouble = lock(&self.shared.trouble);
        match (error, trouble.as_ref()) {
            (Some(error), known) => {
                let told = known.is_some_and(|(known, _)| known == error);
                if !told && self.shared.known.load(Ordering::SeqCst) {
                    tracing::error!(%error, "the token is out of reach");
                }
                *trouble = Some((error.clone(), Instant::now()));
            }
            (None, Some(_)) => {
                tracing::info!(token = %self.name(), "the token answers again");
                *trouble = None;
            }
            (None, None) => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, sync::mpsc};

    use super::*;
    use crate::Pin;

    fn token(limit: Duration) -> Token {
        let pin = Pin::new(Box::new(|| Err("none".to_owned())));
        let (module, token) = (PathBuf::from("/nowhere.so"), TokenName::Label("t".to_owned()));
        Token::new(Settings { module, token, pin, limit })
    }

    /// Puts a job that waits for a word into the thread, as a module would that hangs.
    fn hang(token: &Token) -> mpsc::Sender<()> {
        let (end, ended) = mpsc::channel::<()>();
        let worker = token.worker().unwrap();
        let job: Job = Box::new(move |_| ended.recv().unwrap_or_default());
        worker.jobs.send(job).unwrap();
        end
    }

    fn ask(token: &Token) -> TokenError {
        token.ask(|_| Ok(())).unwrap_err()
    }

    #[test]
    fn a_module_that_hangs_costs_some_threads_and_its_callers_a_bounded_time() {
        let token = token(Duration::from_millis(20));
        assert!(matches!(ask(&token), TokenError::Module { .. }), "the thread answers");
        let mut ends = Vec::new();
        for left in 1..=MOST_LEFT {
            ends.push(hang(&token));
            assert!(matches!(ask(&token), TokenError::Hangs(_)));
            assert_eq!(token.shared.left.load(Ordering::SeqCst), left);
        }
        assert!(token.worker().is_err(), "no thread more");
        assert!(matches!(ask(&token), TokenError::Hangs(_)));
        drop(ends.pop());
        while token.shared.left.load(Ordering::SeqCst) == MOST_LEFT {
            std::thread::yield_now();
        }
        assert!(matches!(ask(&token), TokenError::Module { .. }), "one came back, so there is a thread again");
    }

    #[test]
    fn whoever_asks_right_after_a_failure_is_told_the_same_without_asking_the_token() {
        let token = token(Duration::from_secs(5));
        assert!(token.is_reachable());
        let first = token.call(|_| Ok(())).unwrap_err();
        assert!(!token.is_reachable());
        let end = hang(&token);
        assert_eq!(token.call(|_| Ok(())).unwrap_err(), first, "and without waiting for the thread");
        drop(end);
    }
}
