//! The threads that talk with the token, and how long anybody waits for them.
//!
//! One is enough for a root key: what it wraps is unwrapped once and kept. Keys of vaults have some more, each
//! with a session of its own ([`Token::another`]); all of them know the same of the token. A call that does not come
//! back in time leaves its thread behind, and the next call gets another; when several are left behind, the
//! token counts as hanging until one of them comes back.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SendError, Sender, SyncSender, channel, sync_channel},
    },
    time::{Duration, Instant},
};

use cryptoki::session::Session;

use crate::{
    Settings, TokenName,
    error::TokenError,
    module,
    session::{Connection, Door},
};

/// Most threads that are left behind in calls that do not come back.
const MOST_LEFT: usize = 4;
/// After a failure, whoever asks within this time is told the same without asking the token: a token that is
/// away must not hold up everybody one after the other.
const PAUSE: Duration = Duration::from_secs(1);

/// Something to do in the thread's session.
type Job = Box<dyn FnOnce(&mut Connection<'_>) + Send>;

/// A token, by one thread and its session.
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
    worker: Arc<Mutex<Option<Worker>>>,
}

#[derive(Clone)]
struct Worker {
    jobs: Sender<Job>,
    /// Set when a call of it did not come back in time.
    left: Arc<AtomicBool>,
}

struct Shared {
    door: Door,
    /// Threads in a call that nobody waits for any more.
    left: AtomicUsize,
    /// What is wrong is told in the log also before the first answer.
    tells: AtomicBool,
    trouble: Mutex<Option<(TokenError, Instant)>>,
}

impl Token {
    /// A token; nothing is asked of it yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                door: Door::new(settings),
                left: AtomicUsize::new(0),
                tells: AtomicBool::new(false),
                trouble: Mutex::default(),
            }),
            worker: Arc::default(),
        }
    }

    /// The same token by another thread, in a session of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), worker: Arc::default() }
    }

    /// From now on what is wrong is told in the log, also before the first answer.
    pub(crate) fn tell(&self) {
        self.shared.tells.store(true, Ordering::SeqCst);
    }

    pub(crate) fn name(&self) -> &TokenName {
        &self.shared.door.settings.token
    }

    pub(crate) fn limit(&self) -> Duration {
        self.shared.door.settings.limit
    }

    /// Whether the last call was answered.
    pub(crate) fn is_reachable(&self) -> bool {
        lock(&self.shared.trouble).is_none()
    }

    /// Whether the last call was not, because the token took no PIN.
    pub(crate) fn refuses_pin(&self) -> bool {
        use TokenError::{LastTry, PinLocked, PinRefused};
        matches!(&*lock(&self.shared.trouble), Some((PinRefused(_) | PinLocked(_) | LastTry(_), _)))
    }

    /// Does something in a session with the token and waits for it, but not for ever. It may be tried again in another
    /// session.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&Session) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        self.call_or_undo(self.limit(), work, |_| Ok(()))
    }

    /// The same with a limit of its own. When it is done after whoever asked has gone, it is undone.
    pub(crate) fn call_or_undo<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Fn(&Session) -> Result<T, TokenError> + Send + 'static,
        undo: impl Fn(&Session) -> Result<(), TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        if let Some((trouble, since)) = &*lock(&self.shared.trouble)
            && since.elapsed() < PAUSE
        {
            return Err(trouble.clone());
        }
        let done = self.ask(limit, work, undo);
        self.note(done.as_ref().err());
        done
    }

    fn ask<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Fn(&Session) -> Result<T, TokenError> + Send + 'static,
        undo: impl Fn(&Session) -> Result<(), TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let (answer, answered) = sync_channel(1);
        let job: Job = Box::new(move |connection| {
            let done = connection.run(&work);
            deliver(&answer, done, || connection.run(&undo));
        });
        let hangs = || TokenError::Hangs(self.name().clone());
        let worker = self.worker()?;
        worker.jobs.send(job).map_err(|_| hangs())?;
        answered.recv_timeout(limit).unwrap_or_else(|_| {
            self.leave(&worker);
            Err(hangs())
        })
    }

    /// The thread that works, or another one.
    fn worker(&self) -> Result<Worker, TokenError> {
        let mut worker = lock(&self.worker);
        if let Some(worker) = &*worker {
            return Ok(worker.clone());
        }
        if self.shared.left.load(Ordering::SeqCst) >= MOST_LEFT {
            return Err(TokenError::Hangs(self.name().clone()));
        }
        let (jobs, queue): (_, Receiver<Job>) = channel();
        let left = Arc::new(AtomicBool::new(false));
        let (shared, was_left) = (Arc::clone(&self.shared), Arc::clone(&left));
        let own = Arc::clone(&self.worker);
        let run = move || {
            // Who can send to it is kept by itself, so it ends with the program and not before, unless it was left behind:
            // a session that is closed while the program ends meets the module's own end, and the program dies of that.
            let _own = own;
            let mut connection = Connection::new(&shared.door);
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
            let mut current = lock(&self.worker);
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.left, &worker.left)) {
                *current = None;
            }
        }
    }

    /// Says once that the token is away, and once that it is back. One of a root key that never answered is the
    /// caller's to tell of: the start fails with that.
    fn note(&self, error: Option<&TokenError>) {
        let mut trouble = lock(&self.shared.trouble);
        match (error, trouble.as_ref()) {
            (Some(error), known) => {
                let told = known.is_some_and(|(known, _)| known == error);
                let tells = self.shared.tells.load(Ordering::SeqCst) || self.shared.door.known.load(Ordering::SeqCst);
                if !told && tells {
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

/// Gives what was done to whoever asked. Nobody waits any more when this was the call that took too long: then it is
/// undone.
fn deliver<T>(
    answer: &SyncSender<Result<T, TokenError>>,
    done: Result<T, TokenError>,
    undo: impl FnOnce() -> Result<(), TokenError>,
) {
    if let Err(SendError(Ok(_))) = answer.send(done)
        && let Err(error) = undo()
    {
        tracing::error!(%error, "what a call of the token did too late could not be undone");
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
        token.ask(token.limit(), |_| Ok(()), |_| Ok(())).unwrap_err()
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
    fn what_is_done_after_whoever_asked_has_gone_is_undone_and_what_failed_is_not() {
        let undone = |waits: bool, done: Result<(), TokenError>| {
            let (answer, answered) = sync_channel(1);
            let answered = waits.then_some(answered);
            let mut undone = false;
            deliver(&answer, done, || {
                undone = true;
                Ok(())
            });
            drop(answered);
            undone
        };
        let failed = || Err(TokenError::Hangs(TokenName::Slot(1)));
        assert!(undone(false, Ok(())));
        assert!(!undone(false, failed()));
        assert!(!undone(true, Ok(())) && !undone(true, failed()));
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
