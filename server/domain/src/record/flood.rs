//! Floods of anonymous requests: recorded one by one while they are few, counted when they are many.
//!
//! An unauthenticated caller costs nothing to be; it must not be able to fill the audit log. What is
//! not recorded singly is recorded as a count, so the log still says how much there was. Failures
//! and successful reads of public routes have a bucket each: whoever fetches pages must not hide
//! somebody who tries credentials.

use std::sync::Mutex;

/// Records an anonymous caller may cause at once.
const BURST: f64 = 20.0;
/// Records a second after that.
const PER_SECOND: f64 = 5.0;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: i64,
    counted: u64,
}

/// How many requests were counted instead of recorded singly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Without a valid credential, or not done for another reason.
    pub failures: u64,
    /// Public routes that were answered.
    pub reads: u64,
}

/// Decides which anonymous requests are recorded singly.
#[derive(Debug, Default)]
pub struct FloodGate {
    failures: Mutex<Bucket>,
    reads: Mutex<Bucket>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { tokens: BURST, at: 0, counted: 0 }
    }
}

impl Bucket {
    fn admit(&mut self, now: i64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds are exact in f64")]
        let elapsed = now.saturating_sub(self.at).clamp(0, 60_000) as f64 / 1000.0;
        self.tokens = (self.tokens + elapsed * PER_SECOND).min(BURST);
        self.at = self.at.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            true
        } else {
            self.counted = self.counted.saturating_add(1);
            false
        }
    }
}

impl FloodGate {
    /// Whether this failure, at this time (Unix milliseconds), gets a record of its own; otherwise
    /// it is counted.
    pub fn admit(&self, now: i64) -> bool {
        self.failures.lock().is_ok_and(|mut bucket| bucket.admit(now))
    }

    /// The same for a public route that was answered.
    pub fn admit_read(&self, now: i64) -> bool {
        self.reads.lock().is_ok_and(|mut bucket| bucket.admit(now))
    }

    /// How many were counted since the last call.
    pub fn take(&self) -> Counted {
        let take = |bucket: &Mutex<Bucket>| bucket.lock().map_or(0, |mut bucket| std::mem::take(&mut bucket.counted));
        Counted { failures: take(&self.failures), reads: take(&self.reads) }
    }

    /// Puts back what was taken and could not be recorded, so that the next count has it.
    pub fn put_back(&self, counted: Counted) {
        let add = |bucket: &Mutex<Bucket>, count: u64| {
            if let Ok(mut bucket) = bucket.lock() {
                bucket.counted = bucket.counted.saturating_add(count);
            }
        };
        add(&self.failures, counted.failures);
        add(&self.reads, counted.reads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_time_lets_records_through_again() {
        let gate = FloodGate::default();
        let single = (0..1000).filter(|_| gate.admit(1_000)).count();
        assert_eq!(single, 20);
        assert_eq!(gate.take(), Counted { failures: 980, reads: 0 });
        assert_eq!(gate.take(), Counted::default());
        assert_eq!((0..100).filter(|_| gate.admit(3_000)).count(), 10, "two seconds later");
    }

    #[test]
    fn public_reads_do_not_hide_failures() {
        let gate = FloodGate::default();
        while gate.admit_read(1_000) {}
        assert!(gate.admit(1_000));
        assert_eq!(gate.take(), Counted { failures: 0, reads: 1 });
    }

    #[test]
    fn a_count_that_could_not_be_recorded_is_not_lost() {
        let gate = FloodGate::default();
        while gate.admit(1_000) {}
        let taken = gate.take();
        assert!(!gate.admit(1_000));
        gate.put_back(taken);
        assert_eq!(gate.take(), Counted { failures: 2, reads: 0 });
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let gate = FloodGate::default();
        while gate.admit(10_000) {}
        assert!(!gate.admit(0));
        assert!(!gate.admit(10_000));
    }
}
