//! Names of the facts that a module can ask for, as `policy.wit` lists them, and how they are read.

use crate::Request;
use crate::contract::exports::strongroom::policy::guard::FactValue;

/// `principal.groups`
pub const GROUPS: &str = "groups";
/// `principal.claims`
pub const CLAIMS: &str = "claims";
/// `object.tags`
pub const TAGS: &str = "tags";
/// Read it with [`Request::days_since_rotation`].
pub const DAYS_SINCE_ROTATION: &str = "days-since-rotation";
/// `approvals`
pub const APPROVALS: &str = "approvals";

impl Request {
    /// Whole days since the current version of the object was made; none where there is no version. Ask for
    /// [`DAYS_SINCE_ROTATION`].
    #[must_use]
    pub fn days_since_rotation(&self) -> Option<i64> {
        self.number(DAYS_SINCE_ROTATION)
    }

    /// A fact that is a number, for example `count/principal/denied/60`.
    #[must_use]
    pub fn number(&self, fact: &str) -> Option<i64> {
        match self.fact(fact)? {
            FactValue::Number(number) => Some(*number),
            FactValue::Text(_) => None,
        }
    }

    /// A fact that is a text, for example `document/allowed-hosts`.
    #[must_use]
    pub fn text(&self, fact: &str) -> Option<&str> {
        match self.fact(fact)? {
            FactValue::Number(_) => None,
            FactValue::Text(text) => Some(text),
        }
    }

    fn fact(&self, name: &str) -> Option<&FactValue> {
        self.facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
    }
}
