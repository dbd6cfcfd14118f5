//! Rates: how often something may happen, counted apart for everybody it is counted for.
//!
//! The generic cell rate algorithm (ITU-T I.371): one number for each key, whole milliseconds, no
//! background work. Bounded in memory whatever keys are invented. Must never be asked about something
//! that somebody else can use up: a rate that a stranger can exhaust is a way to lock people out.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

/// Most keys that are counted at a time.
const MAX_KEYS: usize = 20_000;

/// So much at once, and then one in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Milliseconds until the next one.
    pub every_millis: i64,
}

/// Too often. Says in how many whole seconds it may be tried again, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests: try again in {retry_after} s")]
pub struct TooMany {
    /// Seconds (`Retry-After`, RFC 9110 section 10.2.3).
    pub retry_after: u32,
}

/// Counts against one rate.
#[derive(Debug)]
pub struct Throttle<K> {
    rate: Rate,
    /// For each key the time at which it would be as good as new.
    clear_at: Mutex<HashMap<K, i64>>,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// Counts against this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, clear_at: Mutex::default() }
    }

    /// Whether it may happen now (Unix milliseconds), without counting it.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn check(&self, key: &K, now: i64) -> Result<(), TooMany> {
        let mut clear_at = self.clear_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge(clear_at.get_mut(key), now).map(drop)
    }

    /// Counts it, if it may happen now.
    ///
    /// # Errors
    /// [`TooMany`]; then nothing was counted.
    pub fn count(&self, key: &K, now: i64) -> Result<(), TooMany> {
        let mut clear_at = self.clear_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.judge(clear_at.get_mut(key), now)?;
        if clear_at.len() >= MAX_KEYS && !clear_at.contains_key(key) {
            make_room(&mut clear_at, now);
        }
        clear_at.insert(key.clone(), from.saturating_add(self.rate.every_millis));
        Ok(())
    }

    fn judge(&self, clear_at: Option<&mut i64>, now: i64) -> Result<i64, TooMany> {
        let tolerance = self.rate.every_millis.saturating_mul(i64::from(self.rate.burst) - 1);
        let most = now.saturating_add(tolerance).saturating_add(self.rate.every_millis);
        let from = match clear_at {
            Some(at) => {
                // Further ahead it can only be after the clock went back: as exhausted as can be, not more.
                *at = (*at).min(most);
                now.max(*at)
            }
            None => now,
        };
        let wait = from.saturating_sub(tolerance).saturating_sub(now);
        if wait <= 0 {
            return Ok(from);
        }
        let seconds = wait.saturating_add(999).div_euclid(1000);
        Err(TooMany { retry_after: u32::try_from(seconds).unwrap_or(u32::MAX) })
    }
}

/// Forgets those that are as good as new, and if that is not enough the half that is nearest to it.
fn make_room<K: Hash + Eq>(clear_at: &mut HashMap<K, i64>, now: i64) {
    clear_at.retain(|_, at| *at > now);
    if clear_at.len() < MAX_KEYS {
        return;
    }
    let mut times: Vec<i64> = clear_at.values().copied().collect();
    let half = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(half);
    let median = *median;
    clear_at.retain(|_, at| *at > median);
}

/// Whom a client address is counted as: an IPv6 network of 64 bits is one customer's, who can take any
/// address of it.
#[must_use]
pub fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: Rate = Rate { burst: 5, every_millis: 200 };

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let throttle = Throttle::new(RATE);
        let count = |key, now| (0..20).filter(|_| throttle.count(key, now).is_ok()).count();
        assert_eq!(count(&"a", 1_000), 5);
        assert_eq!(throttle.count(&"a", 1_000), Err(TooMany { retry_after: 1 }));
        assert_eq!(throttle.check(&"a", 1_199), Err(TooMany { retry_after: 1 }));
        assert_eq!(throttle.check(&"a", 1_200), Ok(()));
        assert_eq!(count(&"a", 1_400), 2);
        assert_eq!(count(&"b", 1_400), 5, "others are counted apart");
        assert_eq!(count(&"a", 100_000), 5, "no more than a burst is saved up");
        let slow = Throttle::new(Rate { burst: 1, every_millis: 60_000 });
        assert_eq!(slow.count(&"a", 0), Ok(()));
        assert_eq!(slow.count(&"a", 1), Err(TooMany { retry_after: 60 }));
    }

    #[test]
    fn a_clock_that_goes_back_neither_frees_nor_blocks_for_ever() {
        let throttle = Throttle::new(RATE);
        while throttle.count(&"a", 10_000_000).is_ok() {}
        assert_eq!(throttle.count(&"a", 0), Err(TooMany { retry_after: 1 }));
        assert_eq!(throttle.count(&"a", 1_000), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_worst_stay_known() {
        let throttle = Throttle::new(RATE);
        while throttle.count(&u64::MAX, 0).is_ok() {}
        for key in 0..60_000u64 {
            assert_eq!(throttle.count(&key, 0), Ok(()));
        }
        assert!(throttle.clear_at.lock().unwrap().len() <= MAX_KEYS);
        assert!(throttle.check(&u64::MAX, 0).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    proptest! {
        /// Never more than a burst and what the time since the first one allows.
        #[test]
        fn never_more_than_the_rate(steps in prop::collection::vec(0i64..400, 1..200)) {
            let throttle = Throttle::new(RATE);
            let (mut now, mut admitted) = (0i64, 0i64);
            for step in steps {
                now += step;
                admitted += i64::from(throttle.count(&"a", now).is_ok());
                prop_assert!(admitted <= 5 + now / RATE.every_millis);
            }
        }
    }
}
