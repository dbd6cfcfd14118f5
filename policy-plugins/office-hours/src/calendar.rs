//! Days and times, as far as office hours need them.

use serde::{Deserialize, Deserializer};

use crate::Day;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// A day, `2026-12-24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// A time of day, `08:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(u32);

/// What a clock and a calendar on the wall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    pub(crate) day: Day,
    /// Minutes since midnight.
    pub(crate) minute: u32,
}

impl Time {
    /// Minutes since midnight.
    pub(crate) fn minutes(self) -> u32 {
        self.0
    }
}

impl Moment {
    /// Of so many seconds since 1970 began.
    pub(crate) fn at(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        // 1 January 1970 was a Thursday.
        let day = match days.rem_euclid(7) {
            0 => Day::Thu,
            1 => Day::Fri,
            2 => Day::Sat,
            3 => Day::Sun,
            4 => Day::Mon,
            5 => Day::Tue,
            _ => Day::Wed,
        };
        let minute = u32::try_from(seconds.rem_euclid(DAY) / MINUTE).unwrap_or_default();
        Self { date: Date::of(days), day, minute }
    }
}

impl Date {
    /// Of so many days since 1970 began, in the Gregorian calendar; its years count from March here, so
    /// that the leap day is their last.
    fn of(days: i64) -> Self {
        let days = days.saturating_add(719_468);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        (parts.next().is_none() && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text} is not a date, for example 2026-12-24")))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.split_once(':').and_then(|(hour, minute)| Some((digits(hour, 2)?, digits(minute, 2)?)));
        match parsed {
            Some((hour @ 0..=23, minute @ 0..=59)) => Ok(Self(u32::try_from(hour * 60 + minute).unwrap_or_default())),
            Some((24, 0)) => Ok(Self(24 * 60)),
            _ => Err(serde::de::Error::custom(format!("{text} is not a time of day, for example 08:30"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_days_and_times() {
        for (seconds, date, day, minute) in [
            (0, "1970-01-01", Day::Thu, 0),
            (-1, "1969-12-31", Day::Wed, 24 * 60 - 1),
            (951_782_400, "2000-02-29", Day::Tue, 0),
            (951_868_800, "2000-03-01", Day::Wed, 0),
            (1_780_315_200, "2026-06-01", Day::Mon, 12 * 60),
            (4_107_542_399, "2100-02-28", Day::Sun, 24 * 60 - 1),
            (4_107_542_400, "2100-03-01", Day::Mon, 0),
        ] {
            let expected = Moment { date: Date::parse(date).expect(date), day, minute };
            assert_eq!(Moment::at(seconds), expected, "{seconds}");
        }
        // However far away, there is an answer.
        let _ = (Moment::at(i64::MAX), Moment::at(i64::MIN));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "26-04-01", "2026-4-1", "2026-04-01-01", ""]
        {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2028-02-29").is_some());
    }
}
