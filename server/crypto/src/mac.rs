//! HMAC-SHA256 (RFC 2104, FIPS 198-1) over lists of fields, with one key per purpose.
//!
//! Authenticates what is stored in the clear but judged: metadata and control rows. Must never be
//! given a key that also does something else, and never compares tags in variable time.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::canonical::length_prefix;
use crate::entropy::{Entropy, EntropyError};
use crate::envelope::OpenError;
use crate::root::RootKey;
use crate::secret::Plaintext;

/// A key for one purpose, made by [`crate::RootKey::mac_key`] or [`crate::VaultKey::mac_key`].
pub struct MacKey(hmac::Key);

/// Bytes of the secret of a MAC key.
const SECRET_LEN: usize = 32;

impl MacKey {
    /// Draws the secret of a new key, to be sealed and kept.
    ///
    /// # Errors
    /// [`EntropyError`] when no randomness is available.
    pub fn generate_secret(entropy: &dyn Entropy) -> Result<Plaintext, EntropyError> {
        let mut secret = vec![0u8; SECRET_LEN];
        entropy.fill(&mut secret)?;
        Ok(Plaintext::new(secret))
    }

    /// The key of a secret that was kept.
    ///
    /// # Errors
    /// [`OpenError::Tampered`] when it has another length.
    pub fn from_kept(secret: &Plaintext) -> Result<Self, OpenError> {
        let secret = <&[u8; SECRET_LEN]>::try_from(secret.expose()).map_err(|_| OpenError::Tampered)?;
        Ok(Self::from_secret(secret))
    }

    pub(crate) fn from_secret(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// A key of its own for one more purpose, as long-lived as this one. No tag is made of this field.
    #[must_use]
    pub fn for_purpose(&self, purpose: &'static str) -> Self {
        Self::from_secret(&Zeroizing::new(self.tag(&[b"strongroom/v1/mac-key/authenticates", purpose.as_bytes()])))
    }

    /// Authenticates a list of fields. Each is preceded by its length (64 bits, big-endian), so
    /// moving bytes from one field to the next changes the tag.
    #[must_use]
    pub fn tag(&self, fields: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for field in fields {
            context.update(&length_prefix(field));
            context.update(field);
        }
        let mut tag = [0u8; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// A key in memory for sealing what need not outlive this one, such as a sign-in under way. No tag is made
    /// of this field.
    #[must_use]
    pub fn sealing_key(&self) -> RootKey {
        RootKey::from_zeroizing(Zeroizing::new(self.tag(&[b"strongroom/v1/mac-key/seals"])))
    }

    /// Whether `tag` is the tag of `fields`, in time that does not depend on where they differ.
    /// A tag of another length is never right.
    #[must_use]
    pub fn verify(&self, fields: &[&[u8]], tag: &[u8]) -> bool {
        self.tag(fields).as_slice().ct_eq(tag).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RootKey, SeededEntropy, VaultKey};
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn key(purpose: &'static str, installation: u8) -> MacKey {
        RootKey::generate(&SeededEntropy::new(1)).unwrap().mac_key(purpose, &[installation; 16])
    }

    /// RFC 4231 test cases 1, 2 and 6 (a key longer than one block), through the same library calls.
    #[test]
    fn hmac_gives_the_vectors_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (secret, message, expected) in cases {
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
            context.update(message);
            assert_eq!(HEXLOWER.encode(context.sign().as_ref()), expected);
        }
    }

    /// Pins the layout: a change here would invalidate every stored tag.
    #[test]
    fn a_tag_is_hmac_over_length_prefixed_fields() {
        let secret = [7u8; 32];
        let message = b"\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01c";
        let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message);
        assert_eq!(MacKey::from_secret(&secret).tag(&[b"ab", b"", b"c"]), expected.as_ref());
    }

    #[test]
    fn purpose_and_installation_separate_keys() {
        let tag = key("metadata", 1).tag(&[b"row"]);
        assert!(key("metadata", 1).verify(&[b"row"], &tag));
        assert!(!key("assignment", 1).verify(&[b"row"], &tag));
        assert!(!key("metadata", 2).verify(&[b"row"], &tag));
    }

    #[test]
    fn vaults_have_keys_of_their_own() {
        let vault_key = VaultKey::generate(&SeededEntropy::new(2)).unwrap();
        let tag = vault_key.mac_key("metadata", &[1; 16], &[2; 16]).tag(&[b"row"]);
        let verifies = |key: MacKey| key.verify(&[b"row"], &tag);
        assert!(verifies(vault_key.mac_key("metadata", &[1; 16], &[2; 16])));
        assert!(!verifies(vault_key.mac_key("metadata", &[1; 16], &[3; 16])));
        assert!(!verifies(vault_key.mac_key("metadata", &[2; 16], &[1; 16])));
        assert!(!verifies(vault_key.mac_key("other", &[1; 16], &[2; 16])));
        let other = VaultKey::generate(&SeededEntropy::new(3)).unwrap();
        assert!(!verifies(other.mac_key("metadata", &[1; 16], &[2; 16])));
    }

    #[test]
    fn a_tag_of_another_length_is_refused() {
        let tag = key("metadata", 1).tag(&[b"row"]);
        assert!(!key("metadata", 1).verify(&[b"row"], &tag[..31]));
        assert!(!key("metadata", 1).verify(&[b"row"], b""));
        assert!(!key("metadata", 1).verify(&[b"row"], &[tag.as_slice(), b"\0"].concat()));
    }

    proptest! {
        #[test]
        fn a_tag_stands_for_one_list_only(
            left in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
            right in prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4),
        ) {
            let left_fields: Vec<&[u8]> = left.iter().map(Vec::as_slice).collect();
            let right_fields: Vec<&[u8]> = right.iter().map(Vec::as_slice).collect();
            let key = key("metadata", 1);
            prop_assert_eq!(key.verify(&right_fields, &key.tag(&left_fields)), left == right);
        }

        #[test]
        fn any_changed_bit_of_a_tag_is_refused(bit in 0usize..256, row in any::<Vec<u8>>()) {
            let key = key("metadata", 1);
            let mut tag = key.tag(&[&row]);
            tag[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!key.verify(&[&row], &tag));
        }
    }
}
