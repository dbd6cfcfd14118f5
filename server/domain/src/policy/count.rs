//! Counts of recent requests, as modules ask for them: `count/BY/OUTCOME/SECONDS`.

use crate::{principal::PrincipalId, record::Outcome};

/// Longest stretch of time that is counted over, in seconds.
pub const LONGEST_COUNT: u32 = 86_400;

/// Where counting stops: so many means so many or more. What is counted costs time in each request, and whoever
/// floods a vault's log must not make the requests of others too slow to be judged.
pub const MOST_COUNTED: u64 = 10_000;

/// What a module wants counted, in the vault of the request that it judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountFact {
    /// Requests of the same principal alone.
    pub by_principal: bool,
    /// Requests for the same object alone.
    pub by_object: bool,
    /// Requests that went out so alone.
    pub outcome: Option<Outcome>,
    /// How far back, in seconds: 1 to [`LONGEST_COUNT`].
    pub seconds: u32,
}

impl CountFact {
    /// What is wanted by a fact of this name; none for any other fact.
    #[must_use]
    pub fn parse(fact: &str) -> Option<Self> {
        let mut parts = fact.split('/');
        if parts.next() != Some("count") {
            return None;
        }
        let (by_principal, by_object) = match parts.next()? {
            "principal" => (true, false),
            "object" => (false, true),
            "principal-object" => (true, true),
            _ => return None,
        };
        let outcome = match parts.next()? {
            "any" => None,
            outcome @ ("allowed" | "denied" | "failed") => Some(Outcome::parse(outcome)?),
            _ => return None,
        };
        let seconds = parts.next().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        let whole = parts.next().is_none() && (1..=LONGEST_COUNT).contains(&seconds);
        whole.then_some(Self { by_principal, by_object, outcome, seconds })
    }
}

/// Which records are counted, up to [`MOST_COUNTED`]. What is none is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRequests {
    /// Name of the vault.
    pub vault: String,
    /// Who asked.
    pub principal: Option<PrincipalId>,
    /// Kind and name of the object.
    pub object: Option<(String, String)>,
    /// How it went out.
    pub outcome: Option<Outcome>,
    /// Not earlier, Unix milliseconds.
    pub from: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_named_in_one_way() {
        let any = CountFact { by_principal: true, by_object: false, outcome: None, seconds: 60 };
        assert_eq!(CountFact::parse("count/principal/any/60"), Some(any));
        let both = CountFact { by_principal: true, by_object: true, outcome: Some(Outcome::Denied), seconds: 86_400 };
        assert_eq!(CountFact::parse("count/principal-object/denied/86400"), Some(both));
        for other in [
            "count/vault/any/60",
            "count/object/unauthenticated/60",
            "count/object/any",
            "count/object/any/60/",
            "count/object/any/0",
            "count/object/any/86401",
            "count/object/any/+60",
            "count/object/any/",
            "Count/object/any/60",
            "claims",
        ] {
            assert_eq!(CountFact::parse(other), None, "{other}");
        }
    }
}
