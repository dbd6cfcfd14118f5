//! Which records are asked for, and which of them are left out because they say nothing new.

use std::{net::IpAddr, ops::RangeInclusive};

use uuid::Uuid;

use super::{Outcome, Record};
use crate::{names::ObjectKind, principal::PrincipalId};

/// Reasons of records of requests that came without any credential and were told how to get one: the first
/// request of every SDK, and a browser that is led to sign-in.
pub const CHALLENGES: [&str; 2] = ["token-missing", "session-missing"];

/// Which records to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Only this outcome.
    pub outcome: Option<Outcome>,
    /// Only this vault.
    pub vault: Option<String>,
    /// Only objects whose name contains this, canonical.
    pub object: Option<String>,
    /// Whether `object` is the whole name.
    pub whole_name: bool,
    /// Only what concerns the vault of this name, or objects whose name contains it, canonical.
    pub concerns: Option<String>,
    /// Only principals whose subject contains this.
    pub principal: Option<String>,
    /// Only this principal.
    pub whole_principal: Option<PrincipalId>,
    /// Only this operation, exactly.
    pub operation: Option<String>,
    /// Only this reason, exactly.
    pub reason: Option<String>,
    /// Only requests from this address.
    pub client: Option<IpAddr>,
    /// Only what is about a thing of this kind.
    pub kind: Option<ObjectKind>,
    /// Only what people changed.
    pub changes_of_people: bool,
    /// None of these.
    pub without: Without,
    /// Only the record of this decision, or those whose ids begin so.
    pub id: Option<IdPrefix>,
    /// Only requests that arrived at this moment or later, Unix milliseconds.
    pub from: Option<i64>,
    /// Only requests that arrived before this moment, Unix milliseconds.
    pub until: Option<i64>,
    /// Only records before this one (exclusive), for the next page.
    pub before: Option<Uuid>,
    /// Where parts of names are looked for, which no index finds: the newest so many records alone. A page may end
    /// there, and the next one goes on; a tally tells nothing when there are more.
    pub look_through: Option<usize>,
    /// At most this many, 1 to 1,000.
    pub limit: usize,
}

/// What is left out. A denial and a failure never are, nor a credential that did not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Requests without any credential, see [`CHALLENGES`].
    pub challenges: bool,
    /// What this principal was allowed to read of the log.
    pub reads_of: Option<PrincipalId>,
    /// These operations, where they were allowed.
    pub allowed: Vec<String>,
}

impl RecordFilter {
    /// Whether no index finds something of what is asked for, so that records are looked through for it; parts of a
    /// subject aside, which an index may find.
    #[must_use]
    pub fn is_looked_for(&self) -> bool {
        let in_part = self.concerns.is_some() || (self.object.is_some() && !self.whole_name);
        in_part || self.reason.is_some() || self.client.is_some() || self.kind.is_some()
    }
}

impl Without {
    /// Whether a record is left out.
    #[must_use]
    pub fn leaves_out(&self, record: &Record) -> bool {
        match record.outcome {
            Outcome::Unauthenticated => self.challenges && record.is_challenge(),
            Outcome::Allowed => {
                let read = record.operation == crate::action::Action::AuditRead.operation();
                (read && self.reads_of.is_some() && record.principal == self.reads_of)
                    || self.allowed.contains(&record.operation)
            }
            Outcome::Denied | Outcome::Failed => false,
        }
    }
}

impl Record {
    /// Whether a person changed something by this request.
    #[must_use]
    pub fn is_change_of_person(&self) -> bool {
        self.outcome == Outcome::Allowed && self.principal_kind == "user" && !self.changed.is_empty()
    }

    /// Whether nobody tried anything here: the request came without any credential and was told how to get one.
    #[must_use]
    pub fn is_challenge(&self) -> bool {
        self.outcome == Outcome::Unauthenticated && CHALLENGES.contains(&self.reason.as_str())
    }
}

/// A record's id, or the beginning of one. The shortest beginning is the millisecond of the request (RFC 9562,
/// version 7), so what it takes is always a short stretch of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix {
    first: Uuid,
    last: Uuid,
}

impl IdPrefix {
    /// Fewest characters of a beginning.
    pub const LEAST: usize = "01900000-0000".len();

    /// Reads an id, or a beginning of at least [`Self::LEAST`] characters as ids are shown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return None;
        }
        if let Ok(whole) = Uuid::try_parse(text) {
            return Some(Self::from(whole));
        }
        let shown = Uuid::nil().hyphenated().to_string();
        if !(Self::LEAST..shown.len()).contains(&text.len()) {
            return None;
        }
        let rest = shown.get(text.len()..)?;
        let filled = |digit: &str| Uuid::try_parse(&format!("{text}{}", rest.replace('0', digit))).ok();
        Some(Self { first: filled("0")?, last: filled("f")? })
    }

    /// The ids that begin so, from the first to the last.
    #[must_use]
    pub fn ids(&self) -> RangeInclusive<Uuid> {
        self.first..=self.last
    }
}

impl From<Uuid> for IdPrefix {
    fn from(id: Uuid) -> Self {
        Self { first: id, last: id }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_beginning_of_an_id_is_none() {
        let id = "01900000-0000-7abc-8000-000000000001";
        for text in
            ["", "01900000", "01900000-000", "0190000000000", "01900000-0000_7", "01900000-0000-7abg", "{01900000-0000"]
        {
            assert_eq!(IdPrefix::parse(text), None, "{text}");
        }
        assert_eq!(IdPrefix::parse(&format!("{id}0")), None, "more than an id");
        assert_eq!(IdPrefix::parse("01900000-0000é-7abc"), None);
        let upper = IdPrefix::parse("01900000-0000-7ABC").unwrap();
        assert!(upper.ids().contains(&id.parse::<Uuid>().unwrap()), "however it is written");
    }

    proptest! {
        #[test]
        fn an_id_is_among_those_that_begin_as_it_does(bits: u128, other: u128, length in IdPrefix::LEAST..=36_usize) {
            let (id, other) = (Uuid::from_u128(bits), Uuid::from_u128(other));
            let text = id.to_string();
            let prefix = IdPrefix::parse(&text[..length]).unwrap();
            prop_assert!(prefix.ids().contains(&id));
            prop_assert_eq!(prefix.ids().contains(&other), other.to_string().starts_with(&text[..length]));
        }
    }

    #[test]
    fn neither_a_denial_nor_a_failed_attempt_is_ever_left_out() {
        let reader = PrincipalId { issuer: "i".into(), subject: "ada".into() };
        let without =
            Without { challenges: true, reads_of: Some(reader.clone()), allowed: vec!["Asset".into(), "Page".into()] };
        let left_out = |operation: &str, outcome, reason: &str, who: Option<&PrincipalId>| {
            let mut record: Record = serde_json::from_str(
                r#"{"id":"01900000-0000-7000-8000-000000000001","at":1,"principal_kind":"user","client":"::1","listener":"main","operation":"","outcome":"denied","reason":"","duration_micros":0}"#,
            )
            .unwrap();
            record.operation = operation.into();
            record.outcome = outcome;
            record.reason = reason.into();
            record.principal = who.cloned();
            without.leaves_out(&record)
        };
        assert!(left_out("SecretGet", Outcome::Unauthenticated, "token-missing", None));
        assert!(left_out("AuditRead", Outcome::Allowed, "ok", Some(&reader)));
        assert!(left_out("Asset", Outcome::Allowed, "ok", Some(&reader)));
        let other = PrincipalId { issuer: "j".into(), ..reader.clone() };
        assert!(!left_out("AuditRead", Outcome::Allowed, "ok", Some(&other)), "of the same subject elsewhere");
        assert!(!left_out("SecretGet", Outcome::Unauthenticated, "token-expired", None));
        for outcome in [Outcome::Denied, Outcome::Failed] {
            for operation in ["AuditRead", "Asset", "Page"] {
                assert!(!left_out(operation, outcome, "token-missing", Some(&reader)), "{operation}");
            }
        }
    }
}
