//! Time and identifiers as arguments: the ports behind which the real clock stands.

use std::time::Duration;

use strongroom_crypto::{Entropy, EntropyError};
use uuid::Uuid;

/// Tells the time. Only `app` has one that reads the machine's clock.
pub trait Clock: Send + Sync {
    /// Unix time in milliseconds.
    fn now_millis(&self) -> i64;

    /// A steadily rising count of microseconds, for durations only.
    fn ticks_micros(&self) -> u64;
}

/// A duration in whole microseconds.
#[must_use]
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Makes a UUID of version 7 (RFC 9562) from a given time.
///
/// # Errors
/// When the source of randomness fails.
pub fn uuid_v7(now_millis: i64, entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0u8; 10];
    entropy.fill(&mut random)?;
    Ok(uuid::Builder::from_unix_timestamp_millis(now_millis.unsigned_abs(), &random).into_uuid())
}

/// Makes a random UUID of version 4 (RFC 9562).
///
/// # Errors
/// When the source of randomness fails.
pub fn uuid_v4(entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0u8; 16];
    entropy.fill(&mut random)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}
