//! A moment on the command line: a time with its zone, or a date, which is its first moment in UTC.

use std::str::FromStr;

use time::{Date, OffsetDateTime, Time, format_description::well_known::Rfc3339, macros::format_description};

/// A moment, and whether only its day was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    at: OffsetDateTime,
    day_alone: bool,
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self { at, day_alone: false });
        }
        let day = Date::parse(text, format_description!("[year]-[month]-[day]"));
        match day {
            Ok(day) => Ok(Self { at: day.with_time(Time::MIDNIGHT).assume_utc(), day_alone: true }),
            Err(_) => {
                Err("it is a time with its zone, such as 2027-01-31T18:00:00Z or 2027-01-31T18:00:00+01:00, or a \
                           date, such as 2027-01-31, which is its first moment in UTC")
            }
        }
    }
}

impl Moment {
    /// Unix seconds. Of a date, standard error says which moment it is taken for.
    pub(crate) fn seconds(self) -> i64 {
        if self.day_alone {
            eprintln!("{} is taken for its first moment in UTC, {}", self.at.date(), self);
        }
        self.at.unix_timestamp()
    }

    /// Unix milliseconds, likewise.
    pub(crate) fn millis(self) -> i64 {
        self.seconds().saturating_mul(1000)
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.at.format(&Rfc3339).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_in_utc_and_nonsense_is_told_what_to_write() {
        let read = |text: &str| text.parse::<Moment>().map(Moment::seconds);
        assert_eq!(read("2027-01-31"), Ok(1_801_353_600));
        assert_eq!(read("2027-01-31T00:00:00Z"), Ok(1_801_353_600));
        assert_eq!(read("2027-01-31T01:00:00+01:00"), Ok(1_801_353_600));
        assert_eq!("2027-01-31".parse::<Moment>().unwrap().to_string(), "2027-01-31T00:00:00Z");
        for nonsense in ["tomorrow", "2027-02-30", "31.01.2027", "2027-01-31T00:00:00", "1801353600", ""] {
            assert!(read(nonsense).unwrap_err().contains("2027-01-31T18:00:00Z"), "{nonsense}");
        }
    }
}
