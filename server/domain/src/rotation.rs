//! When a key gets a new version by itself: rotation policies in Azure's terms.
//!
//! Durations are ISO 8601 dates (`P90D`, `P1Y6M`), counted in the calendar of UTC. What a policy asks for
//! is stored with the name of the key, together with when it is due, and authenticated with it. Nothing here
//! acts: [`crate::keys`] does, when a schedule or a caller asks. When a certificate is due is stored in the same
//! place and worked out in [`crate::renewal`].

mod span;

use serde::{Deserialize, Serialize};

pub use self::span::{NotASpan, Span};
use crate::secret::{SecretAttributes, SecretMeta, VersionMeta};

/// Shortest time from making a key to its rotation, and from its rotation to its end, in days (Azure: 7).
const MIN_DAYS: u32 = 7;
/// Shortest life of a version, in days (Azure: 28).
const MIN_EXPIRY_DAYS: u32 = 28;
/// Longest duration in a policy, in days: beyond it moments have no date, and nothing would ever be done.
const MAX_DAYS: u32 = 1000 * 12 * 31;
/// 2096-01-01T00:00:00Z. Eight years from here, a year without a leap day in the middle of them, hold every distance in
/// the calendar.
const EIGHT_YEARS_FROM: i64 = 3_976_214_400;
const DAY: i64 = 86_400;
/// Days of Azure's default notice before a version ends.
const DEFAULT_NOTICE: Span = Span::days(30);

/// When something of a policy happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// So long after the version was made.
    AfterCreation(Span),
    /// So long before the version ends.
    BeforeExpiry(Span),
}

/// What is done by itself in the life of a key or a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeAction {
    /// A new version is made.
    Rotate,
    /// It is put on record that the current version ends soon.
    Notify,
    /// It is worked out when something is due with a certificate of which that was never said.
    Plan,
}

/// What a policy asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationTerms {
    /// When a new version is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate: Option<Trigger>,
    /// How long before the end of a version notice is given of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<Span>,
    /// How long versions made by rotation last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Span>,
}

/// A policy that somebody gave a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationPolicy {
    /// What it asks for.
    pub terms: RotationTerms,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds.
    pub updated: i64,
}

/// New versions that should have been made and were not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempts {
    /// How many, one after the other.
    pub count: u32,
    /// When the last one was, Unix seconds.
    pub last: i64,
    /// Why it failed, as its record says.
    pub reason: String,
}

/// What is to be done by itself with a key or a certificate, as it is stored with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The policy of a key; none as long as nobody gave it one, and the usual one counts. A certificate's stands with
    /// what is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<RotationPolicy>,
    /// When the next version is made (Unix seconds); none for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_at: Option<i64>,
    /// When notice is given of the end of the current version (Unix seconds); none for never, or not again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_at: Option<i64>,
    /// Of a certificate: when the authority that signed it is asked again when it wants it renewed (Unix seconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquire_at: Option<i64>,
    /// Of a certificate: its renewals that failed since the current version was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedAttempts>,
}

/// Why a policy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Not a duration.
    #[error(transparent)]
    Span(#[from] NotASpan),
    /// Too early, or too close to the end.
    #[error("a key is rotated at least 7 days after it was made and at least 7 days before it expires")]
    TooSoon,
    /// Versions must last.
    #[error("expiryTime is at least 28 days")]
    ExpiryTooShort,
    /// A trigger counts from an end that no version will have.
    #[error("a time before expiry needs an expiryTime that is longer")]
    NoExpiry,
    /// Nothing would ever be done.
    #[error("a time in a rotation policy is at most 1000 years")]
    TooLong,
}

impl RotationTerms {
    /// The same, with the usual notice where none was asked for and versions last longer than that (Azure: who
    /// sets a rotation alone keeps the notice).
    #[must_use]
    pub fn with_usual_notice(self) -> Self {
        let fits = self.expiry.is_none_or(|expiry| expiry.least_days() > DEFAULT_NOTICE.least_days());
        Self { notify: self.notify.or(fits.then_some(DEFAULT_NOTICE)), ..self }
    }

    /// Azure's policy of a key that nobody gave one.
    #[must_use]
    pub fn usual() -> Self {
        Self { notify: Some(DEFAULT_NOTICE), ..Self::default() }
    }

    /// Checks the documented rules.
    ///
    /// # Errors
    /// The first [`RotationError`] that applies.
    pub fn check(&self) -> Result<(), RotationError> {
        let trigger = self.rotate.map(|trigger| match trigger {
            Trigger::AfterCreation(span) | Trigger::BeforeExpiry(span) => span,
        });
        if [self.expiry, self.notify, trigger].into_iter().flatten().any(|span| span.most_days() > MAX_DAYS) {
            return Err(RotationError::TooLong);
        }
        if self.expiry.is_some_and(|span| span.least_days() < MIN_EXPIRY_DAYS) {
            return Err(RotationError::ExpiryTooShort);
        }
        match (self.rotate, self.expiry) {
            (Some(Trigger::BeforeExpiry(_)), None) => return Err(RotationError::NoExpiry),
            // Of a version that ends sooner than the policy would have it, too.
            (Some(Trigger::BeforeExpiry(span)), _) if span.least_days() < MIN_DAYS => {
                return Err(RotationError::TooSoon);
            }
            _ => {}
        }
        // Months are of different length, so that no rule of thumb tells what lies how far from what.
        (0..8 * 366).try_for_each(|day| self.check_of_one_made_at(EIGHT_YEARS_FROM + day * DAY))
    }

    /// The documented distances in the life of a version that was made then (Unix seconds).
    fn check_of_one_made_at(&self, made: i64) -> Result<(), RotationError> {
        let least = i64::from(MIN_DAYS) * DAY;
        let ends = self.expiry.and_then(|span| span.after(made));
        if let Some(rotated) = self.planned_at(made, ends)
            && (rotated - made < least || ends.is_some_and(|ends| ends - rotated < least))
        {
            return Err(RotationError::TooSoon);
        }
        match ends {
            Some(ends) if self.notify_at(Some(ends)).is_some_and(|noticed| noticed <= made) => {
                Err(RotationError::NoExpiry)
            }
            _ => Ok(()),
        }
    }

    /// When the policy's own words have the version after this one made.
    fn planned_at(&self, created: i64, expires: Option<i64>) -> Option<i64> {
        match self.rotate? {
            Trigger::AfterCreation(span) => span.after(created),
            Trigger::BeforeExpiry(span) => span.before(expires?),
        }
    }

    /// When the version after this one is made: never in its first week, unless it ends about then, so that no policy
    /// makes one version after the other.
    #[must_use]
    pub fn rotate_at(&self, created: i64, expires: Option<i64>) -> Option<i64> {
        let planned = self.planned_at(created, expires)?;
        let week = created.saturating_add(i64::from(MIN_DAYS) * DAY);
        let earliest = expires.map_or(week, |ends| week.min(ends.saturating_sub(DAY)));
        Some(planned.max(earliest))
    }

    /// When notice is given of the end of a version.
    #[must_use]
    pub fn notify_at(&self, expires: Option<i64>) -> Option<i64> {
        self.notify?.before(expires?)
    }

    /// Attributes of the version that follows one: the same labels, and an end if the policy has one. What
    /// was disabled is not put back into use by a rotation.
    pub(crate) fn successor(&self, attributes: &SecretAttributes, now: i64) -> SecretAttributes {
        SecretAttributes {
            enabled: attributes.enabled,
            not_before: None,
            expires: self.expiry.and_then(|span| span.after(now)),
            content_type: None,
            tags: attributes.tags.clone(),
        }
    }
}

impl Rotation {
    /// What is to be done while a version is the current one; none when there is nothing.
    #[must_use]
    pub fn of(policy: Option<RotationPolicy>, version: &VersionMeta) -> Option<Box<Self>> {
        version.key.as_ref()?;
        if version.certificate.is_some() {
            // Has a key and is none: its own policy says when it is renewed.
            return None;
        }
        let usual = RotationTerms::usual();
        let terms = policy.as_ref().map_or(&usual, |policy| &policy.terms);
        let rotate_at = terms.rotate_at(version.created, version.attributes.expires);
        let notify_at = terms.notify_at(version.attributes.expires);
        let something = policy.is_some() || rotate_at.is_some() || notify_at.is_some();
        something.then(|| Box::new(Self { policy, rotate_at, notify_at, inquire_at: None, failed: None }))
    }

    /// When a schedule looks at it to make a new version, or to ask when that is to be (Unix seconds).
    #[must_use]
    pub fn looked_at(&self) -> Option<i64> {
        self.rotate_at.into_iter().chain(self.inquire_at).min()
    }

    /// When an action is due (Unix seconds).
    #[must_use]
    pub fn at(&self, action: LifetimeAction) -> Option<i64> {
        match action {
            LifetimeAction::Rotate => self.rotate_at,
            LifetimeAction::Notify => self.notify_at,
            LifetimeAction::Plan => None,
        }
    }
}

/// The policy that was given to a key.
#[must_use]
pub fn policy_of(secret: &SecretMeta) -> Option<&RotationPolicy> {
    secret.rotation.as_deref()?.policy.as_ref()
}

/// What is to be done with a name after its current version has become this one, or has another end.
pub(crate) fn follow(secret: Option<&SecretMeta>, version: &VersionMeta) -> Option<Box<Rotation>> {
    Rotation::of(secret.and_then(policy_of).cloned(), version)
}

/// Whether an action is due now (Unix seconds).
pub(crate) fn is_due(secret: &SecretMeta, action: LifetimeAction, now: i64) -> bool {
    if action == LifetimeAction::Plan {
        return secret.certificate.is_some() && secret.rotation.is_none();
    }
    secret.rotation.as_ref().and_then(|rotation| rotation.at(action)).is_some_and(|at| at <= now)
}

/// Whether a schedule is to be told of a name for an action: what is due, and of a new version also the question when
/// that is to be.
pub(crate) fn is_looked_at(secret: &SecretMeta, action: LifetimeAction, now: i64) -> bool {
    let asks = || secret.rotation.as_ref().and_then(|rotation| rotation.looked_at()).is_some_and(|at| at <= now);
    is_due(secret, action, now) || (action == LifetimeAction::Rotate && asks())
}

/// Attributes of the version that a rotation makes now (Unix seconds).
pub(crate) fn successor(secret: &SecretMeta, attributes: &SecretAttributes, now: i64) -> SecretAttributes {
    match policy_of(secret) {
        Some(policy) => policy.terms.successor(attributes, now),
        None => RotationTerms::usual().successor(attributes, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-31T12:00:00Z.
    const JANUARY: i64 = 1_706_702_400;

    fn span(text: &str) -> Span {
        Span::parse(text).unwrap()
    }

    #[test]
    fn policies_keep_azures_distances() {
        let terms = |rotate: Option<Trigger>, expiry: Option<&str>| RotationTerms {
            rotate,
            notify: None,
            expiry: expiry.map(span),
        };
        let after = |text: &str| Some(Trigger::AfterCreation(span(text)));
        let before = |text: &str| Some(Trigger::BeforeExpiry(span(text)));
        assert_eq!(terms(after("P7D"), None).check(), Ok(()));
        assert_eq!(terms(after("P6D"), None).check(), Err(RotationError::TooSoon));
        assert_eq!(terms(after("P22D"), Some("P28D")).check(), Err(RotationError::TooSoon));
        assert_eq!(terms(after("P21D"), Some("P28D")).check(), Ok(()));
        assert_eq!(terms(before("P30D"), None).check(), Err(RotationError::NoExpiry));
        assert_eq!(terms(before("P30D"), Some("P2Y")).check(), Ok(()));
        assert_eq!(terms(before("P6D"), Some("P2Y")).check(), Err(RotationError::TooSoon));
        assert_eq!(terms(None, Some("P27D")).check(), Err(RotationError::ExpiryTooShort));
        assert_eq!(RotationTerms::usual().check(), Ok(()));
        // In the calendar, whenever a version is made: 12 months before the end of 343 days lie before their begin.
        assert_eq!(terms(before("P12M"), Some("P343D")).check(), Err(RotationError::TooSoon));
        assert_eq!(terms(before("P1M"), Some("P35D")).check(), Err(RotationError::TooSoon));
        assert_eq!(terms(before("P1M"), Some("P38D")).check(), Ok(()));
        assert_eq!(terms(before("P11M"), Some("P1Y")).check(), Ok(()));
        assert_eq!(terms(after("P11M"), Some("P1Y")).check(), Ok(()));
        assert_eq!(terms(after("P1Y"), Some("P366D")).check(), Err(RotationError::TooSoon));
        let notice =
            |notify: &str, expiry: &str| RotationTerms { notify: Some(span(notify)), ..terms(None, Some(expiry)) };
        assert_eq!(notice("P1M", "P31D").check(), Err(RotationError::NoExpiry));
        assert_eq!(notice("P1M", "P32D").check(), Ok(()));
        // What would silently mean never.
        assert_eq!(terms(before("P7D"), Some("P8000Y")).check(), Err(RotationError::TooLong));
        assert_eq!(terms(after("P8000Y"), None).check(), Err(RotationError::TooLong));
        assert_eq!(terms(after("P9999D"), Some("P900Y")).check(), Ok(()));
    }

    #[test]
    fn no_policy_makes_one_version_after_the_other() {
        // Accepted once, when months were counted as four weeks.
        let terms = RotationTerms {
            rotate: Some(Trigger::BeforeExpiry(span("P12M"))),
            notify: None,
            expiry: Some(span("P343D")),
        };
        let ends = span("P343D").after(JANUARY);
        assert_eq!(terms.rotate_at(JANUARY, ends), Some(JANUARY + 7 * DAY));
        // Whoever gave a version a short life has the next one before its end, and not at once.
        assert_eq!(terms.rotate_at(JANUARY, Some(JANUARY + 3 * DAY)), Some(JANUARY + 2 * DAY));
        assert_eq!(terms.rotate_at(JANUARY, Some(JANUARY + 3600)), Some(JANUARY + 3600 - DAY));
    }

    #[test]
    fn a_version_is_due_by_its_own_times() {
        let terms = RotationTerms { rotate: Some(Trigger::BeforeExpiry(span("P30D"))), ..RotationTerms::default() };
        assert_eq!(terms.rotate_at(0, None), None, "it never ends");
        assert_eq!(terms.rotate_at(0, Some(JANUARY)), Some(JANUARY - 30 * DAY));
        let terms = RotationTerms { rotate: Some(Trigger::AfterCreation(span("P90D"))), ..RotationTerms::default() };
        assert_eq!(terms.rotate_at(JANUARY, None), Some(JANUARY + 90 * DAY));
        let usual = RotationTerms::usual();
        assert_eq!(
            (usual.rotate_at(0, Some(JANUARY)), usual.notify_at(Some(JANUARY))),
            (None, Some(JANUARY - 30 * DAY))
        );
    }

    #[test]
    fn who_asks_for_no_notice_gets_the_usual_one_where_it_fits() {
        let terms = |expiry: Option<&str>| RotationTerms { expiry: expiry.map(span), ..RotationTerms::default() };
        assert_eq!(terms(None).with_usual_notice().notify, Some(DEFAULT_NOTICE));
        assert_eq!(terms(Some("P90D")).with_usual_notice().notify, Some(DEFAULT_NOTICE));
        assert_eq!(terms(Some("P28D")).with_usual_notice().notify, None);
    }

    /// Pins the form: it is authenticated as written and kept for as long as the key.
    #[test]
    fn it_keeps_its_form() {
        let terms = RotationTerms {
            rotate: Some(Trigger::AfterCreation(span("P90D"))),
            notify: Some(span("P30D")),
            expiry: Some(span("P2Y")),
        };
        let rotation = Rotation {
            policy: Some(RotationPolicy { terms, created: 1, updated: 2 }),
            rotate_at: Some(3),
            notify_at: None,
            inquire_at: None,
            failed: None,
        };
        let text = serde_json::to_string(&rotation).unwrap();
        assert_eq!(
            text,
            r#"{"policy":{"terms":{"rotate":{"after-creation":"P90D"},"notify":"P30D","expiry":"P2Y"},"created":1,"updated":2},"rotate_at":3}"#
        );
        assert_eq!(serde_json::from_str::<Rotation>(&text).unwrap(), rotation);
        let failed = FailedAttempts { count: 2, last: 4, reason: "invalid".to_owned() };
        let rotation = Rotation { rotate_at: Some(5), failed: Some(failed), ..Rotation::default() };
        let text = serde_json::to_string(&rotation).unwrap();
        assert_eq!(text, r#"{"rotate_at":5,"failed":{"count":2,"last":4,"reason":"invalid"}}"#);
        assert_eq!(serde_json::from_str::<Rotation>(&text).unwrap(), rotation);
    }
}
