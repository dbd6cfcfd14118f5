//! Documents that policy modules are given when they ask for `document/NAME`: lists and tables that change more often than
//! the modules that read them.
//!
//! They stand in the record of every decision that they were given for, so they are short, and no place for anything
//! secret.

use serde::{Deserialize, Serialize};

use crate::principal::PrincipalId;

/// Longest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024;
/// Most documents of an installation.
pub const MAX_DOCUMENTS: usize = 32;
/// Most bytes of all documents together, so that those for one request fit into a message to the modules.
pub const MAX_ALL_DOCUMENTS_BYTES: usize = 64 * 1024;
/// Longest name, in characters.
const MAX_NAME: usize = 64;
/// How the fact that is a document begins; the document's name follows.
const FACT: &str = "document/";

/// A document as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// `[a-z0-9-]`, 1 to 64 characters.
    pub name: String,
    /// What modules are given, at most [`MAX_DOCUMENT_BYTES`].
    pub text: String,
    /// Who wrote it last.
    pub written_by: PrincipalId,
    /// When, Unix milliseconds.
    pub written_at: i64,
    /// Grows with every change.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl PolicyDocument {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether there is room for it among all documents, the one that it replaces aside.
    #[must_use]
    pub fn fits_beside<'a>(&self, all: impl IntoIterator<Item = &'a Self>) -> bool {
        let (mut others, mut bytes) = (0_usize, self.text.len());
        for other in all.into_iter().filter(|other| other.name != self.name) {
            others = others.saturating_add(1);
            bytes = bytes.saturating_add(other.text.len());
        }
        others < MAX_DOCUMENTS && bytes <= MAX_ALL_DOCUMENTS_BYTES
    }
}

/// Whether a text can be a document's name.
#[must_use]
pub fn is_document_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The document that a fact is, if it is one.
#[must_use]
pub fn document_of(fact: &str) -> Option<&str> {
    fact.strip_prefix(FACT).filter(|name| is_document_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_names_a_document_or_none() {
        assert_eq!(document_of("document/allowed-hosts"), Some("allowed-hosts"));
        let long = format!("document/{}", "a".repeat(65));
        for fact in ["document/", "document/a/b", "document/A", "document/a b", "document", "documents/a", &long] {
            assert_eq!(document_of(fact), None, "{fact}");
        }
    }
}
