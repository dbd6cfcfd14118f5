//! When a certificate is renewed by itself, and when its end is told of, as its policy's lifetime actions say.
//!
//! The times are worked out whenever a version or the policy changes, stored with the name and authenticated with it,
//! so neither a restart nor another node loses them. Nothing here acts: [`crate::certificates`] does.
//!
//! What was made together is not renewed together: a part of each age is left to chance, but never beyond what the
//! policy says. It is drawn out of the version's id, which is random for each: every node draws the same, at any time.

use crate::{
    certificate::{CertificatePolicy, CertificateState, Inquiry, LifetimeWork, Trigger, UNKNOWN, Window},
    issuance::RenewalInformation,
    names::ObjectVersion,
    rotation::{FailedAttempts, Rotation},
    secret::{SecretMeta, VersionMeta},
};

const SECONDS_A_DAY: i64 = 86_400;
/// Seconds from the first renewal that failed to the next attempt; twice as long after each further one.
const FIRST_PAUSE: i64 = 900;
/// Longest time between two attempts, in seconds.
const LONGEST_PAUSE: i64 = SECONDS_A_DAY;

/// What part of the age at which a version is renewed is left to chance, and how much of it at most, in seconds.
const SPREAD: i64 = 50;
const LONGEST_SPREAD: i64 = SECONDS_A_DAY;
/// A version that does not live much longer than the days before its end at which it would be renewed, as one of an
/// authority that signs for shorter than was asked, is renewed in the middle of its life: else its successors would
/// be made one right after the other. How much longer it has to live: this part of its life.
const LEAST_PART: i64 = 10;
/// A version that an authority wants renewed at once is left alone so long after it was made, in seconds, for the same
/// reason; so is one of which a small part of a short life is as good as none, for half of its life at most.
const LEAST_AGE: i64 = 3600;
/// Seconds to the next question to an authority when it wants a version renewed: where it does not say, and within
/// which bounds it may.
pub(crate) const USUAL_INQUIRY: i64 = 6 * 3600;
const SOONEST_INQUIRY: i64 = 3600;
const LATEST_INQUIRY: i64 = SECONDS_A_DAY;

impl Trigger {
    /// When it is, in a life between two moments (all Unix seconds).
    fn moment(self, begin: i64, end: i64) -> i64 {
        match self {
            Self::Percentage(percentage) => {
                let life = end - begin;
                begin + (life * i64::from(percentage) / 100).max(LEAST_AGE.min(life / 2))
            }
            Self::DaysBefore(days) => {
                let (moment, life) = (end - i64::from(days) * SECONDS_A_DAY, end - begin);
                if moment - begin < life / LEAST_PART { begin + life / 2 } else { moment }
            }
        }
    }
}

impl CertificatePolicy {
    /// Whether new versions can be made without anybody. Of `Unknown` only a request could be, which somebody must
    /// have signed.
    #[must_use]
    pub fn renews_by_itself(&self) -> bool {
        !self.issuer.name.eq_ignore_ascii_case(UNKNOWN)
    }
}

/// What is to be done while a version is the current one. What is not there yet, or was taken out of use, is left
/// alone.
pub(crate) fn plan(state: &CertificateState, version: &VersionMeta) -> Rotation {
    if let Some(ask_at) = state.asks_at() {
        // The next version is on its way: what is due is the question after it.
        let before = plan(&CertificateState { pending: None, ..state.clone() }, version);
        return Rotation { rotate_at: Some(ask_at), ..before };
    }
    let attributes = &version.attributes;
    let is_there = version.certificate.as_ref().is_some_and(|certificate| certificate.leaf().is_some());
    let (Some(begin), Some(end), true) = (attributes.not_before, attributes.expires, is_there && attributes.enabled)
    else {
        return Rotation::default();
    };
    let first = |work| {
        let actions = state.policy.lifetime_actions.iter().filter(|action| action.work == work);
        actions.map(|action| action.trigger.moment(begin, end)).min()
    };
    let (renewed, told) = (first(LifetimeWork::AutoRenew), first(LifetimeWork::EmailContacts));
    let (rotate_at, notify_at) = if state.policy.renews_by_itself() {
        let renewed = renewed.map(|at| at - left_to_chance(&version.version, at - begin));
        // Not later than the policy says, whatever the authority wishes.
        let wished = state.renew_at.map(|wished| wished.max(version.created + LEAST_AGE));
        (renewed.map(|at| wished.map_or(at, |wished| at.min(wished))), told)
    } else {
        // Somebody has to do it, and is told when it should be done.
        (None, [renewed, told].into_iter().flatten().min())
    };
    let inquiry = state.inquiry.as_ref().filter(|_| rotate_at.is_some());
    Rotation { rotate_at, notify_at, inquire_at: inquiry.map(|inquiry| inquiry.ask_at), ..Rotation::default() }
}

/// How much earlier a version is renewed than at this age, in seconds.
fn left_to_chance(version: &ObjectVersion, age: i64) -> i64 {
    let drawn = version.as_str().get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
    (age / SPREAD).clamp(0, LONGEST_SPREAD) * i64::from(drawn) / i64::from(u32::MAX)
}

/// Whether the authority of the version in use is to be asked now when it wants that renewed: not when it is renewed
/// anyway, or should have been.
pub(crate) fn is_to_inquire(name: &SecretMeta, now: i64) -> bool {
    let passed = |at: Option<i64>| at.is_some_and(|at| at <= now);
    name.rotation
        .as_ref()
        .is_some_and(|rotation| rotation.failed.is_none() && passed(rotation.inquire_at) && !passed(rotation.rotate_at))
}

/// The moment in a suggested window at which a version is renewed (Unix seconds), drawn with `random`: a window that has
/// begun is still drawn from as a whole. None for a window that is none, or that begins when the version has ended.
pub(crate) fn drawn(window: Window, expires: Option<i64>, random: u64) -> Option<i64> {
    let Window { begin, end } = window;
    let expires = expires?;
    if begin >= end || begin >= expires {
        return None;
    }
    let width = u128::from(end.min(expires).abs_diff(begin));
    let drawn = i64::try_from(width * u128::from(random) / u128::from(u64::MAX)).ok()?;
    Some(begin.saturating_add(drawn))
}

/// How an authority is asked again that has said this now.
pub(crate) fn inquiry(issuer: &str, said: RenewalInformation, now: i64) -> Inquiry {
    let pause = said.retry_after.unwrap_or(USUAL_INQUIRY).clamp(SOONEST_INQUIRY, LATEST_INQUIRY);
    Inquiry { issuer: issuer.to_owned(), ask_at: now + pause, window: said.window }
}

/// A state by what the authority of the current version says of it. A window that is as it was has had its draw.
pub(crate) fn informed(
    state: &CertificateState,
    said: RenewalInformation,
    (expires, now): (Option<i64>, i64),
    random: u64,
) -> CertificateState {
    let Some(known) = &state.inquiry else { return state.clone() };
    let mut next = inquiry(&known.issuer, said, now);
    let renew_at = match said.window {
        Some(window) if known.window != Some(window) => drawn(window, expires, random),
        _ => state.renew_at,
    };
    next.window = next.window.or(known.window);
    CertificateState { renew_at, inquiry: Some(next), ..state.clone() }
}

/// What is to be done after a change of the state or of the current version. What was told and tried stands as long
/// as that changes nothing of it; another policy is tried at once.
pub(crate) fn follow(
    before: Option<(&SecretMeta, &VersionMeta)>,
    state: &CertificateState,
    version: &VersionMeta,
) -> Box<Rotation> {
    let planned = plan(state, version);
    let unchanged = before.and_then(|(name, was)| {
        let (rotation, state_before) = (name.rotation.as_ref()?, name.certificate.as_deref()?);
        let same = was.version == version.version && plan(state_before, was) == planned;
        (same && (rotation.failed.is_none() || state_before.policy == state.policy)).then(|| rotation.clone())
    });
    unchanged.unwrap_or_else(|| Box::new(planned))
}

/// What is to be done after a renewal has failed now (Unix seconds): it is tried again, the later the more often it
/// failed, and not by all that failed together at the same moment.
pub(crate) fn postponed(rotation: &Rotation, reason: &str, now: i64, random: u32) -> Rotation {
    let count = rotation.failed.as_ref().map_or(0, |failed| failed.count).saturating_add(1);
    let pause = FIRST_PAUSE.saturating_mul(1 << (count - 1).min(20)).min(LONGEST_PAUSE);
    let earlier = pause / 4 * i64::from(random) / i64::from(u32::MAX);
    Rotation {
        rotate_at: Some(now + pause - earlier),
        inquire_at: None,
        failed: Some(FailedAttempts { count, last: now, reason: reason.to_owned() }),
        ..rotation.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        certificate::{CertificateVersion, ContentType, IssuerReference, LifetimeAction, SELF},
        names::ObjectVersion,
        secret::SecretAttributes,
    };

    const DAY: i64 = SECONDS_A_DAY;

    fn state(issuer: &str, actions: &[(Trigger, LifetimeWork)]) -> CertificateState {
        let policy = CertificatePolicy {
            issuer: IssuerReference { name: issuer.to_owned(), certificate_type: None, transparency: None },
            lifetime_actions: actions
                .iter()
                .map(|(trigger, work)| LifetimeAction { trigger: *trigger, work: *work })
                .collect(),
            ..CertificatePolicy::default()
        };
        CertificateState {
            policy,
            policy_created: 0,
            policy_updated: 0,
            pending: None,
            newest: 1,
            renew_at: None,
            inquiry: None,
            revoked: Vec::new(),
            authority_since: None,
        }
    }

    fn version(enabled: bool, chain: usize) -> VersionMeta {
        VersionMeta {
            // The least that can be drawn.
            version: ObjectVersion::from_bytes([0; 16]),
            attributes: SecretAttributes {
                enabled,
                not_before: Some(100 * DAY),
                expires: Some(200 * DAY),
                content_type: None,
                tags: std::collections::BTreeMap::new(),
            },
            created: 0,
            updated: 0,
            ordinal: 1,
            data_key_id: [0; 16],
            key: None,
            certificate: Some(Box::new(CertificateVersion {
                content_type: ContentType::Pem,
                chain: vec![vec![1]; chain],
            })),
            tag: Vec::new(),
        }
    }

    #[test]
    fn times_are_those_of_the_policy_and_the_earliest_counts() {
        use LifetimeWork::{AutoRenew, EmailContacts};
        use Trigger::{DaysBefore, Percentage};
        let planned = |issuer, actions: &[_]| {
            let planned = plan(&state(issuer, actions), &version(true, 1));
            (planned.rotate_at.map(|at| at / DAY), planned.notify_at.map(|at| at / DAY))
        };
        assert_eq!(planned(SELF, &[(Percentage(80), AutoRenew)]), (Some(180), None));
        assert_eq!(
            planned("self", &[(DaysBefore(30), AutoRenew), (DaysBefore(10), EmailContacts)]),
            (Some(170), Some(190))
        );
        assert_eq!(planned(SELF, &[(DaysBefore(30), AutoRenew), (Percentage(60), AutoRenew)]), (Some(160), None));
        assert_eq!(planned(SELF, &[]), (None, None));
        // Nobody but a person can have it signed elsewhere.
        assert_eq!(planned(UNKNOWN, &[(Percentage(80), AutoRenew)]), (None, Some(180)));
        assert_eq!(
            planned("unknown", &[(Percentage(80), AutoRenew), (Percentage(50), EmailContacts)]),
            (None, Some(150))
        );
    }

    #[test]
    fn a_part_of_the_age_is_left_to_chance_and_never_more_than_a_day() {
        let of = |bytes: [u8; 16], age| left_to_chance(&ObjectVersion::from_bytes(bytes), age);
        assert_eq!((of([0; 16], 300 * DAY), of([255; 16], 300 * DAY)), (0, DAY));
        assert_eq!(of([255; 16], 5 * DAY), DAY / 10, "a fiftieth of what lives for days");
        assert_eq!((of([255; 16], 0), of([255; 16], -DAY)), (0, 0));
        let half = of([0x80; 16], 300 * DAY);
        assert!((DAY / 2..DAY / 2 + 1000).contains(&half), "{half}");
        let late = VersionMeta { version: ObjectVersion::from_bytes([255; 16]), ..version(true, 1) };
        let usual = state(SELF, &[(Trigger::Percentage(80), LifetimeWork::AutoRenew)]);
        assert_eq!(plan(&usual, &late).rotate_at, Some(179 * DAY));
    }

    #[test]
    fn what_lives_shorter_than_was_asked_serves_half_its_life() {
        let days = |days| Trigger::DaysBefore(days).moment(0, 7 * DAY);
        assert_eq!((days(30), days(7)), (7 * DAY / 2, 7 * DAY / 2));
        assert_eq!(days(5), 2 * DAY);
        let percent = |percentage, life| Trigger::Percentage(percentage).moment(0, life);
        assert_eq!(percent(1, 100 * DAY), DAY, "what was said of its life is what counts");
        assert_eq!((percent(1, DAY), percent(80, DAY)), (LEAST_AGE, DAY * 4 / 5), "not one right after the other");
        assert_eq!((percent(1, 600), percent(80, 600)), (300, 480));
    }

    #[test]
    fn an_authority_has_what_it_signed_renewed_earlier_and_not_later_and_not_at_once() {
        let usual = state(SELF, &[(Trigger::Percentage(80), LifetimeWork::AutoRenew)]);
        let made = || VersionMeta { created: 100 * DAY, ..version(true, 1) };
        let wished =
            |renew_at| plan(&CertificateState { renew_at: Some(renew_at), ..usual.clone() }, &made()).rotate_at;
        assert_eq!(wished(150 * DAY), Some(150 * DAY));
        assert_eq!(wished(190 * DAY), Some(180 * DAY));
        assert_eq!(wished(0), Some(100 * DAY + LEAST_AGE));
        let asked = Inquiry { issuer: "far".to_owned(), ask_at: 101 * DAY, window: None };
        let asked = CertificateState { inquiry: Some(asked), ..usual.clone() };
        let planned = plan(&asked, &made());
        assert_eq!(
            (planned.rotate_at, planned.inquire_at, planned.looked_at()),
            (Some(180 * DAY), Some(101 * DAY), Some(101 * DAY))
        );
        let by_hand = CertificateState { policy: state(UNKNOWN, &[]).policy, ..asked };
        assert_eq!(plan(&by_hand, &made()).inquire_at, None, "what is not renewed is not asked about");
    }

    #[test]
    fn a_window_is_drawn_from_once_and_authorities_are_asked_within_bounds() {
        let window = Window { begin: 100, end: 200 };
        assert_eq!((drawn(window, Some(900), 0), drawn(window, Some(900), u64::MAX)), (Some(100), Some(200)));
        assert_eq!(drawn(window, Some(150), u64::MAX), Some(150), "not after its end");
        for (window, expires) in [(Window { begin: 200, end: 200 }, Some(900)), (window, Some(100)), (window, None)] {
            assert_eq!(drawn(window, expires, 7), None);
        }
        let said = |retry_after| RenewalInformation { window: Some(window), retry_after };
        for (retry_after, pause) in
            [(None, 21_600), (Some(-5), 3600), (Some(5), 3600), (Some(7200), 7200), (Some(i64::MAX), DAY)]
        {
            assert_eq!(inquiry("far", said(retry_after), 1000).ask_at, 1000 + pause, "{retry_after:?}");
        }
        let known =
            CertificateState { renew_at: Some(150), inquiry: Some(inquiry("far", said(None), 0)), ..state(SELF, &[]) };
        let after = |window, random| {
            informed(&known, RenewalInformation { window, retry_after: None }, (Some(900), 50), random)
        };
        assert_eq!(after(Some(window), u64::MAX).renew_at, Some(150), "it is the window that it was");
        let silent = after(None, 0);
        assert_eq!((silent.renew_at, silent.inquiry.unwrap().window), (Some(150), Some(window)));
        assert_eq!(after(Some(Window { begin: 60, end: 80 }), 0).renew_at, Some(60), "it moved");
    }

    #[test]
    fn what_is_disabled_or_waits_is_left_alone() {
        let usual = state(SELF, &[(Trigger::Percentage(80), LifetimeWork::AutoRenew)]);
        assert_eq!(plan(&usual, &version(false, 1)), Rotation::default());
        assert_eq!(plan(&usual, &version(true, 0)), Rotation::default());
    }

    #[test]
    fn attempts_come_later_and_later_and_not_together() {
        let mut rotation = Rotation { rotate_at: Some(5), notify_at: Some(6), ..Rotation::default() };
        let mut pauses = Vec::new();
        for _ in 0..10 {
            rotation = postponed(&rotation, "invalid", 1000, 0);
            pauses.push(rotation.rotate_at.unwrap() - 1000);
        }
        assert_eq!(pauses, [900, 1800, 3600, 7200, 14_400, 28_800, 57_600, DAY, DAY, DAY]);
        let failed = rotation.failed.clone().unwrap();
        assert_eq!(
            (failed.count, failed.last, failed.reason.as_str(), rotation.notify_at),
            (10, 1000, "invalid", Some(6))
        );
        let sooner = postponed(&Rotation::default(), "invalid", 1000, u32::MAX);
        assert_eq!(sooner.rotate_at, Some(1000 + 900 - 225), "by up to a quarter");
        let last = FailedAttempts { count: u32::MAX, last: 0, reason: String::new() };
        let endless = postponed(&Rotation { failed: Some(last), ..Rotation::default() }, "invalid", 1000, 0);
        assert_eq!(endless.rotate_at, Some(1000 + DAY));
    }
}
