//! Client secrets of workloads: made by the server, shown once, stored as a keyed hash.
//!
//! A client secret has 256 random bits, so a fast keyed hash is enough: there is nothing to guess
//! and a stolen database without the root key gives nothing to test guesses against. Must never be
//! used for passwords that people choose.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::entropy::{Entropy, EntropyError, draw_key};
use crate::mac::MacKey;
use crate::secret::SecretText;

/// In front of every client secret, so that scanners find one that leaked.
pub const CLIENT_SECRET_PREFIX: &str = "srs_";

/// Characters of a client secret: the prefix and 43 of base64url.
pub const CLIENT_SECRET_LEN: usize = CLIENT_SECRET_PREFIX.len() + 43;

/// Draws a client secret: `srs_` and 256 random bits in base64url (RFC 4648 section 5, unpadded).
///
/// # Errors
/// [`EntropyError`] when no randomness is available.
pub fn new_client_secret(entropy: &dyn Entropy) -> Result<SecretText, EntropyError> {
    let random = draw_key(entropy)?;
    let mut text = String::with_capacity(CLIENT_SECRET_LEN);
    text.push_str(CLIENT_SECRET_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.as_slice(), &mut text);
    Ok(SecretText::new(text))
}

/// The stored form of a client secret, bound to its client.
#[must_use]
pub fn hash_client_secret(key: &MacKey, client_id: &str, secret: &str) -> [u8; 32] {
    key.tag(&[LABEL, client_id.as_bytes(), secret.as_bytes()])
}

/// Whether `secret` is the one whose stored form is `expected`, in time that does not depend on
/// where they differ. Text of another length than this server ever issued is refused unhashed.
#[must_use]
pub fn verify_client_secret(key: &MacKey, client_id: &str, secret: &str, expected: &[u8]) -> bool {
    secret.len() == CLIENT_SECRET_LEN && key.verify(&[LABEL, client_id.as_bytes(), secret.as_bytes()], expected)
}

const LABEL: &[u8] = b"strongroom/v1/client-secret";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{NoEntropy, SeededEntropy};
    use crate::root::RootKey;

    fn key(seed: u64) -> MacKey {
        RootKey::generate(&SeededEntropy::new(seed)).unwrap().mac_key("client-secret", &[1; 16])
    }

    #[test]
    fn a_client_secret_has_its_prefix_and_256_bits() {
        let stream = SeededEntropy::new(1);
        let first = new_client_secret(&stream).unwrap();
        let second = new_client_secret(&stream).unwrap();
        assert_eq!(first.len(), CLIENT_SECRET_LEN);
        let random = first.expose().strip_prefix("srs_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
        assert_ne!(first.expose(), second.expose());
        assert!(new_client_secret(&NoEntropy).is_err());
    }

    #[test]
    fn a_secret_verifies_for_its_client_and_key_only() {
        let stream = SeededEntropy::new(1);
        let secret = new_client_secret(&stream).unwrap();
        let other = new_client_secret(&stream).unwrap();
        let stored = hash_client_secret(&key(1), "app-1", secret.expose());
        assert!(verify_client_secret(&key(1), "app-1", secret.expose(), &stored));
        assert!(!verify_client_secret(&key(1), "app-2", secret.expose(), &stored));
        assert!(!verify_client_secret(&key(1), "app-1", other.expose(), &stored));
        assert!(!verify_client_secret(&key(2), "app-1", secret.expose(), &stored));
        assert!(!verify_client_secret(&key(1), "app-1", secret.expose(), &stored[..31]));
        assert!(!verify_client_secret(&key(1), "app-1", secret.expose(), &[]));
    }

    #[test]
    fn text_of_another_length_is_refused_even_with_a_matching_hash() {
        for secret in ["", "srs_", &"a".repeat(CLIENT_SECRET_LEN + 1)] {
            let stored = hash_client_secret(&key(1), "app-1", secret);
            assert!(!verify_client_secret(&key(1), "app-1", secret, &stored));
        }
    }
}
