//! Who is told about the certificates of a vault, as data: one list of a vault, sealed as a whole as issuers are.

use serde::{Deserialize, Serialize};
use strongroom_crypto::Plaintext;

use crate::issuer::{IssuerInvalid, document, is_mail, is_text};

/// Most contacts of a vault.
pub const MAX_CONTACTS: usize = 50;

/// Somebody who is told about the certificates of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct Contact {
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Those who are told about the certificates of a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    /// In the order in which they were given.
    pub contacts: Vec<Contact>,
}

impl Contacts {
    /// Checks the limits.
    ///
    /// # Errors
    /// [`IssuerInvalid`].
    pub fn check(&self) -> Result<(), IssuerInvalid> {
        if self.contacts.len() > MAX_CONTACTS {
            return Err(IssuerInvalid::TooManyContacts);
        }
        if self.contacts.is_empty() {
            return Err(IssuerInvalid::NoContacts);
        }
        if !self.contacts.iter().all(|contact| is_mail(&contact.email)) {
            return Err(IssuerInvalid::Mail);
        }
        let mut texts = self.contacts.iter().flat_map(|contact| [&contact.name, &contact.phone]).flatten();
        if texts.all(|text| is_text(text)) { Ok(()) } else { Err(IssuerInvalid::Text) }
    }

    /// The document that is sealed.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn to_document(&self) -> Result<Plaintext, serde_json::Error> {
        document(self)
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_document(document: &Plaintext) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(document.expose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_have_addresses_and_limits() {
        let one = |email: &str| Contact { email: email.to_owned(), name: None, phone: None };
        let of = |contacts| Contacts { contacts }.check();
        assert_eq!(of(vec![one("a@b.example")]), Ok(()));
        assert_eq!(of(Vec::new()), Err(IssuerInvalid::NoContacts));
        assert_eq!(of(vec![one("a@b.example\r\nbcc: c")]), Err(IssuerInvalid::Mail));
        assert_eq!(of(vec![one("a@b.example"); MAX_CONTACTS + 1]), Err(IssuerInvalid::TooManyContacts));
    }
}
