//! Threads for work that holds a core for long: as many as there are cores, so that a core that ends one piece of work
//! begins the next at once, and asks nobody for it who has to be woken first.
//!
//! They judge nothing, and wait for nothing but work: who has a turn in a [`super::Queue`] hands it over.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use crate::objects::ObjectError;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads. They begin when there is work, and end when nobody can bring any more.
pub(super) struct Workers {
    most: usize,
    shared: Arc<Shared>,
}

impl Workers {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), shared: Arc::default() }
    }

    /// Has this done as soon as a core is free: after what waits, or before it.
    ///
    /// # Errors
    /// [`ObjectError::Unavailable`] when no thread is there and none can begin. Then it is not done.
    pub(super) fn hand_over(&self, job: Job, next: bool) -> Result<(), ObjectError> {
        let mut state = self.shared.state();
        if state.jobs.len() >= state.idle && state.threads < self.most {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new().name("keys".to_owned()).spawn(move || work(&shared)) {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => return Err(ObjectError::Unavailable),
                // Those that are there do it.
                Err(_) => {}
            }
        }
        if next {
            state.jobs.push_front(job)
        } else {
            state.jobs.push_back(job)
        }
        let somebody_sleeps = state.idle > 0;
        drop(state);
        if somebody_sleeps {
            self.shared.more.notify_one();
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.more.notify_all();
    }
}

fn work(shared: &Shared) {
    let mut state = shared.state();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            drop(state);
            // Who waits for a job that panicked sees that nothing came of it; the others are served on.
            let _ = catch_unwind(AssertUnwindSafe(job));
            state = shared.state();
        } else if state.ended {
            return;
        } else {
            state.idle += 1;
            state = shared.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_is_done_in_turn_and_a_panic_ends_nobody_elses() {
        let workers = Workers::new(1);
        let (tell, told) = mpsc::channel();
        let (open, opened) = mpsc::channel::<()>();
        workers.hand_over(Box::new(move || opened.recv().unwrap()), false).unwrap();
        for (number, next) in [(1, false), (2, false), (0, true)] {
            let tell = tell.clone();
            workers.hand_over(Box::new(move || tell.send(number).unwrap()), next).unwrap();
        }
        workers.hand_over(Box::new(|| std::panic::resume_unwind(Box::new("a job of a test"))), false).unwrap();
        workers.hand_over(Box::new(move || tell.send(3).unwrap()), false).unwrap();
        open.send(()).unwrap();
        assert_eq!(told.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(workers.shared.state().threads, 1);
    }

    #[test]
    fn threads_end_with_those_who_bring_work_and_do_what_was_brought() {
        let (workers, (tell, told)) = (Workers::new(4), mpsc::channel());
        for number in 0..20 {
            let tell = tell.clone();
            workers.hand_over(Box::new(move || tell.send(number).unwrap()), false).unwrap();
        }
        let shared = Arc::downgrade(&workers.shared);
        drop((workers, tell));
        assert_eq!(told.iter().count(), 20);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
