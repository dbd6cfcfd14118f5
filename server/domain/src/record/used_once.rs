//! What a record says of an assertion, a code or a provider's token that its change used up: enough to tell later
//! whether the row that remembers it is still there, as it was written.
//!
//! Apart from the rows that a record tells of: such a row goes by itself once it has expired, and a client's own
//! repetition leaves it as it is. Written from the change itself, so that no way in can forget it.

use serde::{Deserialize, Serialize};

use crate::{
    change::{Change, PermittedChange},
    identity::UsedAssertion,
};

/// Bytes of the digest that a record holds: enough that nobody makes two assertions that look the same.
const DIGEST_BYTES: usize = 16;

/// One use of what counts once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedOnce {
    /// The beginning of the digest that it is remembered by, hexadecimal.
    pub id: String,
    /// When it was used, Unix seconds. Of several uses the row keeps the first.
    pub used: i64,
    /// When it expires, Unix seconds: until then it is remembered.
    pub expires: i64,
}

impl UsedOnce {
    /// Of a use.
    #[must_use]
    pub fn of(used: &UsedAssertion) -> Self {
        Self { id: Self::id_of(&used.id_hash), used: used.used, expires: used.expires }
    }

    /// How a record names what is remembered by this digest.
    #[must_use]
    pub fn id_of(id_hash: &[u8]) -> String {
        let beginning = id_hash.get(..DIGEST_BYTES).unwrap_or(id_hash);
        data_encoding::HEXLOWER.encode(beginning)
    }
}

impl PermittedChange {
    /// What this change uses up.
    #[must_use]
    pub fn used_once(&self) -> Option<UsedOnce> {
        match self.change() {
            Change::UseAssertion(used)
            | Change::BeginCommandLine { code: used, .. }
            | Change::EndSessionsAtProvider { token: used, .. } => Some(UsedOnce::of(used)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins the form: records are hashed as written and read for as long as they are kept.
    #[test]
    fn a_use_keeps_its_form() {
        let used = UsedOnce::of(&UsedAssertion { id_hash: [7; 32], used: 1000, expires: 1600 });
        let text = serde_json::to_string(&used).unwrap();
        assert_eq!(text, r#"{"id":"07070707070707070707070707070707","used":1000,"expires":1600}"#);
        assert_eq!(serde_json::from_str::<UsedOnce>(&text).unwrap(), used);
    }
}
