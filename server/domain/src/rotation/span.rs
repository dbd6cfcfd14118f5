//! Durations in the form of ISO 8601, in whole years, months, weeks and days, counted in the calendar of UTC.
//!
//! What is accepted is stored in its normal form and read again from it for ever: what cannot be is refused.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};

/// Greatest number in a duration that somebody gives, in years, months and days as well.
const MAX_COUNT: u32 = 9999;
/// Greatest number in a duration that is stored: what was once accepted as weeks is read as days.
const MAX_STORED: u32 = 99_999;

/// A duration of whole years, months, weeks and days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    months: u32,
    days: u32,
}

/// A text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration is in the form of ISO 8601 and in whole days, for example P90D or P1Y6M")]
pub struct NotASpan;

impl Span {
    /// So many days.
    pub(super) const fn days(days: u32) -> Self {
        Self { months: 0, days }
    }

    /// Reads `PnYnMnWnD`, at least one part, in this order.
    ///
    /// # Errors
    /// [`NotASpan`].
    pub fn parse(text: &str) -> Result<Self, NotASpan> {
        let span = Self::read(text, MAX_COUNT)?;
        let (years, _, days) = span.parts();
        Some(span).filter(|_| years <= MAX_COUNT && days <= MAX_COUNT).ok_or(NotASpan)
    }

    fn read(text: &str, greatest: u32) -> Result<Self, NotASpan> {
        let mut rest = text.strip_prefix(['P', 'p']).filter(|rest| !rest.is_empty()).ok_or(NotASpan)?;
        let (mut months, mut days, mut units) = (0, 0, "YMWD");
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (count, after) = rest.split_at_checked(digits).ok_or(NotASpan)?;
            let count: u32 = count.parse().ok().filter(|count| *count <= greatest).ok_or(NotASpan)?;
            let unit = after.chars().next().ok_or(NotASpan)?.to_ascii_uppercase();
            let place = units.find(unit).ok_or(NotASpan)?;
            units = units.get(place + 1..).unwrap_or_default();
            match unit {
                'Y' => months += count * 12,
                'M' => months += count,
                'W' => days += count * 7,
                _ => days += count,
            }
            rest = after.get(1..).ok_or(NotASpan)?;
        }
        Ok(Self { months, days })
    }

    /// Years, months and days.
    #[must_use]
    pub fn parts(self) -> (u32, u32, u32) {
        (self.months / 12, self.months % 12, self.days)
    }

    /// At least so many days, however short its months are.
    pub(super) fn least_days(self) -> u32 {
        self.months * 28 + self.days
    }

    /// At most so many days, however long its months are.
    pub(super) fn most_days(self) -> u32 {
        self.months * 31 + self.days
    }

    /// A moment (Unix seconds) moved by the span, forwards or backwards; none beyond the year 9999.
    fn moved(self, moment: i64, forwards: bool) -> Option<i64> {
        let begin = OffsetDateTime::from_unix_timestamp(moment).ok()?;
        let sign = |count: u32| i64::from(count) * if forwards { 1 } else { -1 };
        let months = i64::from(begin.year()) * 12 + i64::from(u8::from(begin.month())) - 1 + sign(self.months);
        let year = i32::try_from(months.div_euclid(12)).ok()?;
        let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
        let day = begin.day().min(month.length(year));
        let date = Date::from_calendar_date(year, month, day).ok()?;
        let moved = begin.replace_date(date).checked_add(time::Duration::days(sign(self.days)))?;
        Some(moved.unix_timestamp()).filter(|moved| (0..=crate::secret::LAST_SECOND).contains(moved))
    }

    /// The moment (Unix seconds) so much later; none outside of the years that are kept.
    #[must_use]
    pub fn after(self, moment: i64) -> Option<i64> {
        self.moved(moment, true)
    }

    /// The moment (Unix seconds) so much earlier, likewise.
    #[must_use]
    pub fn before(self, moment: i64) -> Option<i64> {
        self.moved(moment, false)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        let (years, months, days) = self.parts();
        let parts = [(years, 'Y'), (months, 'M'), (days, 'D')];
        if parts.iter().all(|(count, _)| *count == 0) {
            return f.write_str("0D");
        }
        parts.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;
    fn try_from(text: String) -> Result<Self, NotASpan> {
        Self::read(&text, MAX_STORED)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;
    /// 2024-01-31T12:00:00Z.
    const JANUARY: i64 = 1_706_702_400;

    fn span(text: &str) -> Span {
        Span::parse(text).unwrap()
    }

    #[test]
    fn durations_are_counted_in_the_calendar() {
        for (text, shown) in
            [("P90D", "P90D"), ("p2y", "P2Y"), ("P18M", "P1Y6M"), ("P1Y2M3W4D", "P1Y2M25D"), ("P0D", "P0D")]
        {
            assert_eq!(span(text).to_string(), shown);
        }
        for bad in [
            "",
            "P",
            "90D",
            "P90",
            "PD",
            "P1D1Y",
            "P1D2D",
            "PT24H",
            "P1.5D",
            "P-1D",
            "P99999D",
            "P1DT1H",
            "P1H",
            "P1\u{e9}",
            "P1500W",
            "P9999W9999D",
            "P9999Y9999M",
        ] {
            assert_eq!(Span::parse(bad), Err(NotASpan), "{bad}");
        }
        assert_eq!(span("P1M").after(JANUARY), Some(JANUARY + 29 * DAY), "the end of a leap year's February");
        assert_eq!(span("P90D").before(JANUARY), Some(JANUARY - 90 * DAY));
        assert_eq!(span("P1Y").after(JANUARY), Some(JANUARY + 366 * DAY));
        assert_eq!(span("P9000Y").after(JANUARY), None);
        assert_eq!(span("P60Y").before(JANUARY), None);
    }

    #[test]
    fn what_was_once_stored_is_read() {
        for text in ["P10500D", "P10832Y3M", "P79992D"] {
            let stored: Span = serde_json::from_value(text.into()).unwrap();
            assert_eq!(stored.to_string(), text);
        }
        assert!(serde_json::from_value::<Span>("P100000D".into()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(months in 0u32..5000, days in 0u32..9999) {
            let shown = Span { months, days }.to_string();
            prop_assert_eq!(Span::parse(&shown), Ok(Span { months, days }));
        }

        #[test]
        fn what_is_accepted_is_read_again(text in "P([0-9]{1,4}Y)?([0-9]{1,4}M)?([0-9]{1,4}W)?([0-9]{1,4}D)?") {
            if let Ok(span) = Span::parse(&text) {
                prop_assert_eq!(Span::parse(&span.to_string()), Ok(span), "{}", text);
            }
        }

        #[test]
        fn nothing_makes_it_fall_over(text in "\\PC{0,20}", moment in any::<i64>()) {
            if let Ok(span) = Span::parse(&text) {
                let _ = (span.after(moment), span.before(moment));
            }
        }
    }
}
