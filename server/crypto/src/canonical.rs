//! The one way this crate turns several fields into bytes to authenticate, derive from or hash.
//!
//! Each field is preceded by its length as a 64-bit big-endian number, and the first field is a
//! domain label. Two different lists of fields therefore never give the same bytes, and bytes made
//! for one purpose never stand for another. Must never be used to parse: it is written, not read.

use aws_lc_rs::digest;

/// A growing, unambiguous encoding of a list of fields.
pub(crate) struct Canonical {
    bytes: Vec<u8>,
}

impl Canonical {
    /// Starts an encoding in the domain `label`.
    pub(crate) fn new(label: &str) -> Self {
        Self { bytes: Vec::with_capacity(256) }.field(label.as_bytes())
    }

    /// Adds one field of any length.
    pub(crate) fn field(mut self, field: &[u8]) -> Self {
        self.bytes.extend_from_slice(&length_prefix(field));
        self.bytes.extend_from_slice(field);
        self
    }

    /// Adds a number, as a field of eight bytes.
    pub(crate) fn u64(self, number: u64) -> Self {
        self.field(&number.to_be_bytes())
    }

    /// Adds a signed number, as a field of eight bytes in two's complement.
    pub(crate) fn i64(self, number: i64) -> Self {
        self.field(&number.to_be_bytes())
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// SHA-256 (FIPS 180-4) of the encoding.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        sha256(&self.bytes)
    }
}

/// The length of `field` as it precedes it.
pub(crate) fn length_prefix(field: &[u8]) -> [u8; 8] {
    // usize is at most 64 bits wide on every target of Rust, so the conversion is exact.
    (field.len() as u64).to_be_bytes()
}

/// SHA-256 (FIPS 180-4) without a domain label: for identifiers that are random themselves, never for
/// what people choose and never where two kinds of input could be confused.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(label: &str, fields: &[Vec<u8>]) -> Vec<u8> {
        fields.iter().fold(Canonical::new(label), |encoding, field| encoding.field(field)).into_bytes()
    }

    #[test]
    fn sha256_gives_the_vector_of_fips_180_4() {
        assert_eq!(
            data_encoding::HEXLOWER.encode(&sha256(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn moving_a_byte_over_a_border_changes_the_encoding() {
        let shifted = |a: &str, b: &str| encode("l", &[a.into(), b.into()]);
        assert_ne!(shifted("ab", "c"), shifted("a", "bc"));
        assert_ne!(shifted("", "abc"), shifted("abc", ""));
        assert_ne!(encode("l", &[]), encode("l", &[vec![]]));
        assert_ne!(encode("la", &[b"b".to_vec()]), encode("l", &[b"ab".to_vec()]));
    }

    proptest! {
        #[test]
        fn different_lists_never_share_an_encoding(
            left in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
            right in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
        ) {
            prop_assert_eq!(encode("l", &left) == encode("l", &right), left == right);
        }
    }
}
