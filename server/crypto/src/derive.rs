//! Key separation: one derived key per use, by HKDF-SHA256 (RFC 5869).
//!
//! Must never give the same key for two uses: the label and every context field are part of `info`
//! in the canonical encoding.

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::canonical::Canonical;

/// The salt of every derivation. The input keys are uniformly random, so RFC 5869 section 3.1 asks
/// for no secret salt; a fixed one separates this product from others that might share a key.
const SALT: &[u8] = b"strongroom/v1/hkdf-sha256";

/// Derives the 256-bit key for the use `label` in `context` from a uniformly random 256-bit key.
pub(crate) fn derive_key(key: &[u8; 32], label: &str, context: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let info = context.iter().fold(Canonical::new(label), |info, field| info.field(field)).into_bytes();
    let mut out = Zeroizing::new([0u8; 32]);
    #[expect(
        clippy::expect_used,
        reason = "RFC 5869 bounds the output at 255 hashes; 32 bytes is one, whatever the input"
    )]
    hkdf_sha256(SALT, key, &info, out.as_mut_slice()).expect("HKDF-SHA256 gives 32 bytes");
    out
}

/// A length HKDF-SHA256 cannot give: more than 8160 bytes.
#[derive(Debug)]
struct TooLong;

/// An output length in the form the library asks for.
struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256 extract and expand, RFC 5869 sections 2.2 and 2.3.
fn hkdf_sha256(salt: &[u8], input: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
    let length = Len(out.len());
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(input)
        .expand(&[info], length)
        .and_then(|okm| okm.fill(out))
        .map_err(|_| TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 5869 appendix A.1, A.2 and A.3.
    #[test]
    fn hkdf_gives_the_vectors_of_rfc_5869() {
        let ascending = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
        let cases = [
            (
                vec![0x0b; 22],
                ascending(0x00, 0x0c),
                ascending(0xf0, 0xf9),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                ascending(0x00, 0x4f),
                ascending(0x60, 0xaf),
                ascending(0xb0, 0xff),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                vec![],
                vec![],
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ];
        for (input, salt, info, expected) in cases {
            let expected = hex(expected);
            let mut out = vec![0u8; expected.len()];
            hkdf_sha256(&salt, &input, &info, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn more_than_255_blocks_are_refused() {
        assert!(hkdf_sha256(b"", b"key", b"", &mut vec![0u8; 255 * 32]).is_ok());
        assert!(hkdf_sha256(b"", b"key", b"", &mut vec![0u8; 255 * 32 + 1]).is_err());
    }

    /// Pins the derivation: a change here would lock every existing installation out of its data.
    #[test]
    fn derivation_is_salt_label_and_length_prefixed_context() {
        let mut info = Vec::new();
        for field in [b"label".as_slice(), b"one", b"two"] {
            info.extend_from_slice(&(field.len() as u64).to_be_bytes());
            info.extend_from_slice(field);
        }
        let mut expected = [0u8; 32];
        hkdf_sha256(b"strongroom/v1/hkdf-sha256", &[7; 32], &info, &mut expected).unwrap();
        assert_eq!(*derive_key(&[7; 32], "label", &[b"one", b"two"]), expected);
    }

    #[test]
    fn every_input_changes_the_key() {
        let base = derive_key(&[7; 32], "label", &[b"one", b"two"]);
        assert_ne!(base, derive_key(&[8; 32], "label", &[b"one", b"two"]));
        assert_ne!(base, derive_key(&[7; 32], "labels", &[b"one", b"two"]));
        assert_ne!(base, derive_key(&[7; 32], "label", &[b"on", b"etwo"]));
        assert_ne!(base, derive_key(&[7; 32], "label", &[b"one", b"two", b""]));
    }
}
