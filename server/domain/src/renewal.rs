//! When a certificate is renewed by itself, and when its end is told of, as its policy's lifetime actions say.
//!
//! The times are worked out whenever a version or the policy changes, stored with the name and authenticated with it,
//! so neither a restart nor another node loses them. Nothing here acts: [`crate::certificates`] does.

use crate::{
    certificate::{CertificatePolicy, CertificateState, LifetimeWork, Trigger, UNKNOWN},
    rotation::{FailedAttempts, Rotation},
    secret::{SecretMeta, VersionMeta},
};

const SECONDS_A_DAY: i64 = 86_400;
/// Seconds from the first renewal that failed to the next attempt; twice as long after each further one.
const FIRST_PAUSE: i64 = 900;
/// Longest time between two attempts, in seconds.
const LONGEST_PAUSE: i64 = SECONDS_A_DAY;

impl Trigger {
    /// When it is, in a life between two moments (all Unix seconds).
    fn moment(self, begin: i64, end: i64) -> i64 {
        match self {
            Self::Percentage(percentage) => begin + (end - begin) * i64::from(percentage) / 100,
            Self::DaysBefore(days) => end - i64::from(days) * SECONDS_A_DAY,
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
        // Not later than the policy says, whatever the authority wishes.
        (renewed.map(|at| state.renew_at.map_or(at, |wished| at.min(wished))), told)
    } else {
        // Somebody has to do it, and is told when it should be done.
        (None, [renewed, told].into_iter().flatten().min())
    };
    Rotation { rotate_at, notify_at, ..Rotation::default() }
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
        CertificateState { policy, policy_created: 0, policy_updated: 0, pending: None, newest: 1, renew_at: None }
    }

    fn version(enabled: bool, chain: usize) -> VersionMeta {
        VersionMeta {
            version: ObjectVersion::from_bytes([1; 16]),
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
