//! A clock that goes when it is told to.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Clock;

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this Unix time in milliseconds.
    #[must_use]
    pub fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    /// Moves it, backwards too.
    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn ticks_micros(&self) -> u64 {
        self.now_millis().unsigned_abs().saturating_mul(1000)
    }
}
