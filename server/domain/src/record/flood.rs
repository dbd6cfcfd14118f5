//! Floods of anonymous failures: recorded one by one while they are few, counted when they are many.
//!
//! An unauthenticated caller costs nothing to be; it must not be able to fill the audit log. What is
//! not recorded singly is recorded as a count, so the log still says how much there was.

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

/// Decides which anonymous failures are recorded singly.
#[derive(Debug)]
pub struct FloodGate(Mutex<Bucket>);

impl Default for FloodGate {
    fn default() -> Self {
        Self(Mutex::new(Bucket { tokens: BURST, at: 0, counted: 0 }))
    }
}

impl FloodGate {
    /// Whether this failure, at this time (Unix milliseconds), gets a record of its own; otherwise
    /// it is counted.
    pub fn admit(&self, now: i64) -> bool {
        let Ok(mut bucket) = self.0.lock() else { return false };
        #[expect(clippy::cast_precision_loss, reason = "a few seconds in milliseconds are exact in f64")]
        let elapsed = now.saturating_sub(bucket.at).clamp(0, 60_000) as f64 / 1000.0;
        bucket.tokens = (bucket.tokens + elapsed * PER_SECOND).min(BURST);
        bucket.at = bucket.at.max(now);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            true
        } else {
            bucket.counted += 1;
            false
        }
    }

    /// How many were counted since the last call.
    pub fn take(&self) -> u64 {
        self.0.lock().map_or(0, |mut bucket| std::mem::take(&mut bucket.counted))
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
        assert_eq!(gate.take(), 980);
        assert_eq!(gate.take(), 0);
        assert_eq!((0..100).filter(|_| gate.admit(3_000)).count(), 10, "two seconds later");
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let gate = FloodGate::default();
        while gate.admit(10_000) {}
        assert!(!gate.admit(0));
        assert!(!gate.admit(10_000));
    }
}
