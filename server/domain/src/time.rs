//! Time and identifiers as arguments: the ports behind which the real clock stands.

use std::time::Duration;

use strongroom_crypto::{Entropy, EntropyError};
use time::OffsetDateTime;
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

/// A moment in Unix seconds as people read it, in UTC (RFC 3339); where the calendar ends, as the number.
pub(crate) fn utc(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(
        |_| seconds.to_string(),
        |at| {
            let (date, time) = (at.date(), at.time());
            let (month, hour, minute, second) = (u8::from(date.month()), time.hour(), time.minute(), time.second());
            format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), date.day())
        },
    )
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
