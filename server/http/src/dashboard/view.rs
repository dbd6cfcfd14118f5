//! Putting times, states and figures into words. Knows no request and decides nothing.

use std::collections::BTreeMap;

use strongroom_crypto::key::KeySpec;
use strongroom_domain::{
    key::KeyProperties,
    record::{Outcome, Record},
    search::Standing,
    secret::{SecretAttributes, VaultFacts},
};
use strongroom_web::{Cell, Clock, Icon, ItemState, Moment, Tag, Tone, say};
use time::{OffsetDateTime, format_description::StaticFormatDescription, macros::format_description};

const DAY: StaticFormatDescription = format_description!("[day padding:none] [month repr:short] [year]");
const MINUTE: StaticFormatDescription = format_description!("[hour]:[minute]");
const MILLISECOND: StaticFormatDescription = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
const ISO: StaticFormatDescription = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// Words for a moment that no calendar here can hold.
fn beyond() -> &'static str {
    say!("view-an-unknown-time")
}

fn at_millis(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

fn words(at: Option<OffsetDateTime>, format: StaticFormatDescription) -> String {
    at.and_then(|at| at.format(format).ok()).unwrap_or_else(|| beyond().to_owned())
}

/// A moment given in Unix seconds: `23 Nov 2026, 03:12 UTC`.
pub(super) fn moment(seconds: i64) -> Moment {
    moment_millis(seconds.saturating_mul(1000))
}

/// The day of a moment (Unix seconds), in UTC: `23 Nov 2026`.
pub(super) fn day(seconds: i64) -> String {
    words(at_millis(seconds.saturating_mul(1000)), DAY)
}

/// A moment given in Unix milliseconds.
pub(super) fn moment_millis(millis: i64) -> Moment {
    let at = at_millis(millis);
    match at {
        Some(_) => {
            Moment { iso: words(at, ISO), text: say!("view-at-at2-utc", at = words(at, DAY), at2 = words(at, MINUTE)) }
        }
        None => Moment { iso: String::new(), text: beyond().to_owned() },
    }
}

/// A moment (Unix seconds) as a field of a form holds it: to the second where it has some, so that a form that is sent
/// back as it was moves nothing.
pub(super) fn for_field(seconds: i64) -> String {
    let minute = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let second = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let format = if seconds.rem_euclid(60) == 0 { minute } else { second };
    at_millis(seconds.saturating_mul(1000)).and_then(|at| at.format(format).ok()).unwrap_or_default()
}

/// The top bar's clock.
pub(super) fn clock(millis: i64) -> Clock {
    let at = at_millis(millis);
    Clock { iso: words(at, ISO), hours_minutes: words(at, MINUTE) }
}

/// `03:11 UTC` on the day of `now`, with the date otherwise.
pub(super) fn short_moment(millis: i64, now: i64) -> String {
    let (at, today) = (at_millis(millis), at_millis(now));
    if at.map(OffsetDateTime::date) == today.map(OffsetDateTime::date) {
        say!("view-at-utc", at = words(at, MINUTE))
    } else {
        moment_millis(millis).text
    }
}

/// A time as audit rows show it.
pub(super) struct AuditTime {
    /// `23 Nov 2026`.
    pub(super) date: String,
    /// `03:12:07.904`.
    pub(super) time: String,
    /// `2026-11-23T03:12:07.904Z`.
    pub(super) iso: String,
}

/// To the millisecond, from Unix milliseconds.
pub(super) fn audit_time(millis: i64) -> AuditTime {
    let at = at_millis(millis);
    let time = words(at, MILLISECOND);
    let day = words(at, format_description!("[year]-[month]-[day]"));
    AuditTime { date: words(at, DAY), iso: format!("{day}T{time}Z"), time }
}

/// State of a version at a moment (Unix seconds).
pub(super) fn state(attributes: &SecretAttributes, now: i64) -> ItemState {
    match Standing::of(attributes, now) {
        Standing::Disabled => ItemState::Disabled,
        Standing::Expired => ItemState::Expired,
        Standing::NotYetValid => ItemState::NotYetValid,
        Standing::Expiring => ItemState::Expiring,
        Standing::Enabled => ItemState::Enabled,
    }
}

/// A state as a badge.
pub(super) fn state_badge(state: ItemState) -> (Tone, Icon, String) {
    let (tone, icon, word) = match state {
        ItemState::Enabled => (Tone::Good, Icon::Check, say!("view-enabled")),
        ItemState::Expiring => (Tone::Warn, Icon::Warning, say!("view-expiring")),
        ItemState::Expired => (Tone::Bad, Icon::Over, say!("view-expired")),
        ItemState::NotYetValid => (Tone::Plain, Icon::Hourglass, say!("view-not-yet-valid")),
        ItemState::Disabled => (Tone::Plain, Icon::Off, say!("view-disabled")),
    };
    (tone, icon, word.to_owned())
}

/// Tags as a cell.
pub(super) fn tags_cell(held: &BTreeMap<String, String>) -> Cell {
    if held.is_empty() { Cell::None(say!("view-none").to_owned()) } else { Cell::Tags(tags(held)) }
}

/// What kind of key: `EC P-256`, `RSA 2048`, `oct 256`.
pub(super) fn key_kind(spec: KeySpec) -> String {
    match spec {
        KeySpec::Rsa { bits } => format!("RSA {bits}"),
        KeySpec::Ec { crv } => format!("EC {}", crv.as_str()),
        KeySpec::Oct { bits } => format!("oct {bits}"),
    }
}

/// The same of a key that is there: `RSA-HSM 2048` when it is in a hardware token.
pub(super) fn kind_of(key: &KeyProperties) -> String {
    let kind = key_kind(key.spec);
    match kind.split_once(' ') {
        Some((_, size)) => format!("{} {size}", key.type_name()),
        None => kind,
    }
}

/// Tags as the pages show them.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(name, value)| Tag { name: name.clone(), value: value.clone() }).collect()
}

/// What a recovery level says, among other words, where something can be purged before its date.
const PURGEABLE: &str = "Purgeable";

/// Whether what is deleted can be purged before its date.
pub(super) fn is_purgeable(facts: VaultFacts) -> bool {
    facts.recovery_level.contains(PURGEABLE)
}

/// What deletion means in a vault.
pub(super) fn recovery(facts: VaultFacts) -> String {
    let days = facts.recoverable_days;
    if is_purgeable(facts) {
        say!("view-recoverable-for-days-days", days = days)
    } else {
        say!("view-recoverable-for-days-days-purge", days = days)
    }
}

/// Whether anything goes before its purge date, as the end of a sentence.
pub(super) fn purge_words(facts: VaultFacts) -> &'static str {
    if is_purgeable(facts) { say!("view-until-then-it-can-also") } else { say!("view-nothing-in-this-vault-is") }
}

/// Somebody, by the words of records: `user`, `workload`, `system`.
pub(super) fn who(kind: &str, name: String, small: Option<String>) -> Cell {
    let (icon, kind) = match kind {
        "user" => (Icon::Person, say!("view-person")),
        "workload" => (Icon::Workload, say!("view-workload")),
        "system" => (Icon::Server, say!("view-installation")),
        _ => (Icon::Unknown, say!("view-unknown")),
    };
    Cell::Who { icon, kind: kind.to_owned(), name, small }
}

/// How a request ended, as a badge.
pub(super) fn outcome(record: &Record) -> (Tone, Icon, &'static str) {
    match record.outcome {
        _ if record.is_challenge() => (Tone::Plain, Icon::Key, say!("view-challenged")),
        Outcome::Allowed => (Tone::Good, Icon::Check, say!("view-allowed")),
        Outcome::Denied => (Tone::Bad, Icon::Ban, say!("view-denied")),
        Outcome::Failed => (Tone::Warn, Icon::Failed, say!("view-failed")),
        Outcome::Unauthenticated => (Tone::Warn, Icon::Failed, say!("view-unauthenticated")),
    }
}

/// A whole number with its thousands apart: `18,204,551`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use strongroom_domain::search::NEAR;

    use super::*;

    /// 2026-11-23T03:12:07.904Z
    const NIGHT: i64 = 1_795_403_527_904;

    #[test]
    fn times_carry_their_zone() {
        let moment = moment_millis(NIGHT);
        assert_eq!(moment.text, "23 Nov 2026, 03:12 UTC");
        assert_eq!(moment.iso, "2026-11-23T03:12:07Z");
        assert_eq!(super::moment(0).text, "1 Jan 1970, 00:00 UTC");
        assert_eq!(clock(NIGHT).hours_minutes, "03:12");
    }

    #[test]
    fn audit_times_go_to_the_millisecond() {
        let at = audit_time(NIGHT);
        assert_eq!(
            (at.date.as_str(), at.time.as_str(), at.iso.as_str()),
            ("23 Nov 2026", "03:12:07.904", "2026-11-23T03:12:07.904Z")
        );
        assert_eq!(audit_time(NIGHT + 96).time, "03:12:08.000");
    }

    #[test]
    fn a_moment_of_today_needs_no_date() {
        assert_eq!(short_moment(NIGHT - 60_000, NIGHT), "03:11 UTC");
        assert_eq!(short_moment(NIGHT - 4 * 3_600_000, NIGHT), "22 Nov 2026, 23:12 UTC");
    }

    #[test]
    fn no_moment_is_too_far() {
        for millis in [i64::MIN, i64::MAX] {
            assert_eq!(moment(millis).text, beyond());
            assert!(!audit_time(millis).time.is_empty());
        }
    }

    #[test]
    fn a_state_is_what_the_attributes_say_now() {
        let now = 1_000_000_000;
        let of = |enabled, not_before, expires| {
            let attributes =
                SecretAttributes { enabled, not_before, expires, content_type: None, tags: BTreeMap::new() };
            state(&attributes, now)
        };
        assert_eq!(of(true, None, None), ItemState::Enabled);
        assert_eq!(of(false, None, Some(now)), ItemState::Disabled);
        assert_eq!(of(true, None, Some(now)), ItemState::Expired);
        assert_eq!(of(true, Some(now + 1), Some(now + 2)), ItemState::NotYetValid);
        assert_eq!(of(true, Some(now), Some(now + 1)), ItemState::Expiring);
        assert_eq!(of(true, None, Some(now + NEAR)), ItemState::Expiring);
        assert_eq!(of(true, None, Some(now + NEAR + 1)), ItemState::Enabled);
        assert_eq!(of(true, Some(0), None), ItemState::Enabled);
    }

    #[test]
    fn recovery_says_whether_a_purge_is_possible() {
        let facts = |recovery_level| VaultFacts { recovery_level, recoverable_days: 90 };
        assert_eq!(recovery(facts("Recoverable+Purgeable")), "Recoverable for 90 days");
        assert_eq!(recovery(facts("Recoverable")), "Recoverable for 90 days, purge protected");
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (18_204_551, "18,204,551")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
