//! Where a sealed value belongs: the associated data of its encryption.
//!
//! Must never hold anything that changes during the life of a row: a place is frozen at sealing.

use super::WRAP_FORMAT;
use crate::canonical::Canonical;

/// The part of a place that is known before sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceParts<'a> {
    /// The installation's identity.
    pub installation: &'a [u8; 16],
    /// The vault's identity.
    pub vault: &'a [u8; 16],
    /// The kind of object, for example `secret`.
    pub kind: &'a str,
    /// The object's name in its canonical case.
    pub name: &'a str,
    /// The version's identity.
    pub version: &'a str,
}

impl<'a> PlaceParts<'a> {
    /// The full place, with what sealing added.
    #[must_use]
    pub fn place(&self, data_key_id: &'a [u8; 16], row_format: u16) -> Place<'a> {
        Place {
            installation: self.installation,
            vault: self.vault,
            kind: self.kind,
            name: self.name,
            version: self.version,
            data_key_id,
            row_format,
        }
    }
}

/// The one place at which a sealed value opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The installation's identity.
    pub installation: &'a [u8; 16],
    /// The vault's identity.
    pub vault: &'a [u8; 16],
    /// The kind of object, for example `secret`.
    pub kind: &'a str,
    /// The object's name in its canonical case.
    pub name: &'a str,
    /// The version's identity.
    pub version: &'a str,
    /// The identity of the version's data key.
    pub data_key_id: &'a [u8; 16],
    /// The layout of the row.
    pub row_format: u16,
}

impl Place<'_> {
    /// Associated data of the value's ciphertext.
    pub(super) fn encode_for_value(&self) -> Vec<u8> {
        self.encode(Canonical::new("strongroom/v1/value"))
    }

    /// Associated data of the wrapped data key.
    pub(super) fn encode_for_data_key(&self) -> Vec<u8> {
        self.encode(Canonical::new("strongroom/v1/data-key").u64(u64::from(WRAP_FORMAT)))
    }

    fn encode(&self, start: Canonical) -> Vec<u8> {
        start
            .field(self.installation)
            .field(self.vault)
            .field(self.kind.as_bytes())
            .field(self.name.as_bytes())
            .field(self.version.as_bytes())
            .field(self.data_key_id)
            .u64(u64::from(self.row_format))
            .into_bytes()
    }
}
