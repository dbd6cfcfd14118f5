//! The audit list: what was decided, newest first.

use askama::Template;

use crate::{Moment, RenderError, Shell, render};

/// One page of audit records.
#[derive(Debug, Clone, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// The frame.
    pub shell: Shell,
    /// Records, newest first.
    pub rows: Vec<AuditRow>,
    /// The filter in force.
    pub filter: AuditFilter,
    /// Older records; `None` on the last page.
    pub next_href: Option<String>,
    /// The newest records; `None` when this is that page.
    pub first_href: Option<String>,
    /// What is known about the chain.
    pub chain: ChainBadge,
    /// What is missing from the list and why, as one sentence.
    pub partial: Option<String>,
}

/// The filter form (GET). Its fields are `outcome` (`allowed`, `denied`, `failed`, or empty),
/// `principal` and `object`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Where the form leads; also the address without a filter.
    pub action: String,
    /// Only this outcome.
    pub outcome: Option<Outcome>,
    /// Text the principal must match; empty for any.
    pub principal: String,
    /// Text the object must match; empty for any.
    pub object: String,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed and done.
    Allowed,
    /// Refused by the gate.
    Denied,
    /// Allowed, or not judged, and not done.
    Failed,
}

impl Outcome {
    /// All, in the order of the filter's list.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::Failed];

    /// The value of the filter's `outcome` field.
    #[must_use]
    pub fn as_query(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// The reverse of [`Outcome::as_query`]; `None` for anything else, the empty text included.
    #[must_use]
    pub fn from_query(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_query() == value)
    }
}

/// What kind of principal acted; picks the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person.
    Person,
    /// A workload.
    Workload,
    /// The installation itself.
    System,
    /// Nobody that could be told.
    Unknown,
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Calendar day in UTC: `23 Nov 2026`.
    pub date: String,
    /// Time of day in UTC to the millisecond: `03:12:07.904`.
    pub time: String,
    /// RFC 3339 in UTC to the millisecond, for the `datetime` attribute.
    pub iso: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Reason code, if one was given.
    pub reason: Option<String>,
    /// What kind of principal acted.
    pub principal_kind: PrincipalKind,
    /// Who acted: a name, or an id when there is no name.
    pub principal: String,
    /// The action: `secrets.get`.
    pub action: String,
    /// The object: `demo/secrets/db-password`.
    pub object: String,
    /// HTTP status of the answer; `None` where none was sent.
    pub status: Option<u16>,
    /// Address the request came from, if any.
    pub address: Option<String>,
    /// The decision's id.
    pub decision_id: String,
}

/// What is known about the audit chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainBadge {
    /// No check has run yet.
    NotVerified {
        /// Position of the newest record, if known: `18,204,551`.
        head_position: Option<String>,
        /// First digits of the newest hash, if known.
        head_hash: Option<String>,
    },
    /// The last check found no gap.
    Verified {
        /// Position of the last record the check covered: `18,204,551`.
        head_position: String,
        /// First digits of that record's hash.
        head_hash: String,
        /// When the check ran.
        at: Moment,
    },
    /// The last check found a fault.
    Broken {
        /// What was found and where, as one sentence.
        finding: String,
        /// When the check ran.
        at: Moment,
    },
}

impl AuditPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("audit", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn selects(&self, outcome: &Outcome) -> bool {
        self.filter.outcome == Some(*outcome)
    }

    /// Says what the list holds; it counts the page, because the log has no cheap total.
    fn headline(&self) -> String {
        let count = self.rows.len();
        let kind = match self.filter.outcome {
            None => "",
            Some(Outcome::Allowed) => "allowed ",
            Some(Outcome::Denied) => "denied ",
            Some(Outcome::Failed) => "failed ",
        };
        let noun = if count == 1 { "record" } else { "records" };
        match (count, self.next_href.is_some(), self.first_href.is_some()) {
            (0, ..) => format!("No {kind}records"),
            (_, false, false) => format!("{count} {kind}{noun}"),
            (_, _, false) => format!("Newest {count} {kind}{noun}"),
            (_, _, true) => format!("{count} older {kind}{noun}"),
        }
    }
}

impl AuditFilter {
    fn is_set(&self) -> bool {
        self.outcome.is_some() || !self.principal.is_empty() || !self.object.is_empty()
    }

    /// The filter in words, for the page that found nothing.
    fn words(&self) -> String {
        let outcome = self.outcome.map(|outcome| format!("outcome {}", outcome.as_query()));
        let principal = (!self.principal.is_empty()).then(|| format!("who “{}”", self.principal));
        let object = (!self.object.is_empty()).then(|| format!("object “{}”", self.object));
        let set: Vec<_> = [outcome, principal, object].into_iter().flatten().collect();
        set.join(" and ")
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::Denied => "Denied",
            Self::Failed => "Failed",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Denied => "deny",
            Self::Failed => "warn",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Allowed => "check",
            Self::Denied => "ban",
            Self::Failed => "circle-x",
        }
    }
}

impl PrincipalKind {
    fn label(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Workload => "workload",
            Self::System => "system",
            Self::Unknown => "unknown",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Person => "user",
            Self::Workload => "box",
            Self::System => "server",
            Self::Unknown => "circle-help",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_survive_the_query() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_query(outcome.as_query()), Some(outcome));
        }
        assert_eq!(Outcome::from_query(""), None);
        assert_eq!(Outcome::from_query("Denied"), None);
    }
}
