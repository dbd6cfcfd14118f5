//! A root key from a passphrase: Argon2id (RFC 9106).
//!
//! The cost is the second recommendation of RFC 9106, above the minimum of OWASP's password storage sheet
//! (19 MiB, 2 passes): 64 MiB, 3 passes, 4 lanes, a random salt of 16 bytes. Salt and cost are stored in the
//! clear; who changes them changes the key, which is then not the one that the database is sealed under.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::RootKeyProvider;
use crate::entropy::{Entropy, draw};
use crate::key_file::MIN_PASSPHRASE;
use crate::root::{RootKey, RootKeyError};
use crate::root_cipher::RootCipher;
use crate::secret::SecretText;

const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_LEN: usize = 16;
/// What stored parameters may ask for: no less than OWASP's minimum, no more than a machine can bear.
const MEMORY_BOUNDS: std::ops::RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const PASS_BOUNDS: std::ops::RangeInclusive<u32> = 2..=16;
const LANE_BOUNDS: std::ops::RangeInclusive<u32> = 1..=16;

/// As stored: public.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
}

/// A passphrase that a person or another program knows.
pub struct PassphraseProvider(SecretText);

impl PassphraseProvider {
    /// Takes a passphrase of at least sixteen characters.
    ///
    /// # Errors
    /// [`RootKeyError::WeakPassphrase`].
    pub fn new(passphrase: SecretText) -> Result<Self, RootKeyError> {
        let length = passphrase.expose().chars().count();
        if length < MIN_PASSPHRASE { Err(RootKeyError::WeakPassphrase(length)) } else { Ok(Self(passphrase)) }
    }

    fn derive(&self, stored: &Stored) -> Result<RootKey, RootKeyError> {
        let unusable = RootKeyError::Parameters;
        if stored.kdf != "argon2id" {
            return Err(unusable("the function is not argon2id"));
        }
        let bounded = MEMORY_BOUNDS.contains(&stored.memory_kib)
            && PASS_BOUNDS.contains(&stored.passes)
            && LANE_BOUNDS.contains(&stored.lanes);
        if !bounded {
            return Err(unusable("the cost is out of bounds"));
        }
        let salt = STANDARD.decode(&stored.salt).map_err(|_| unusable("the salt is not base64"))?;
        if salt.len() != SALT_LEN {
            return Err(unusable("the salt has a wrong length"));
        }
        let mut key = Zeroizing::new([0u8; 32]);
        let params = Params::new(stored.memory_kib, stored.passes, stored.lanes, Some(key.len()))
            .map_err(|_| unusable("the cost is out of bounds"))?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.expose().as_bytes(), &salt, key.as_mut_slice())
            .map_err(|error| RootKeyError::Derivation(error.to_string()))?;
        Ok(RootKey::from_zeroizing(key))
    }
}

impl RootKeyProvider for PassphraseProvider {
    fn name(&self) -> &'static str {
        "passphrase"
    }

    fn open(&self, parameters: &str) -> Result<Box<dyn RootCipher>, RootKeyError> {
        let stored: Stored =
            serde_json::from_str(parameters).map_err(|_| RootKeyError::Parameters("they are not what is stored"))?;
        Ok(Box::new(self.derive(&stored)?))
    }

    fn create(&self, entropy: &dyn Entropy) -> Result<(Box<dyn RootCipher>, String), RootKeyError> {
        let salt: [u8; SALT_LEN] = draw(entropy)?;
        let stored = Stored {
            kdf: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: STANDARD.encode(salt),
        };
        let parameters = serde_json::to_string(&stored).map_err(|_| RootKeyError::Parameters("they have no text"))?;
        Ok((Box::new(self.derive(&stored)?), parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    /// Pins the derivation: a change here would lock every installation with a passphrase out of its data.
    #[test]
    fn the_derivation_stays_what_it_is() {
        let stored = Stored {
            kdf: "argon2id".to_owned(),
            memory_kib: 65536,
            passes: 3,
            lanes: 4,
            salt: STANDARD.encode([7u8; 16]),
        };
        let provider =
            PassphraseProvider::new(SecretText::new("correct horse battery staple".to_owned())).ok().unwrap();
        assert_eq!(provider.derive(&stored).ok().unwrap().id(), PINNED);
    }

    const PINNED: &str = "be502fac79bc7947";

    #[test]
    fn a_short_passphrase_is_refused() {
        for (text, refused) in [("fifteen-charact", true), ("sixteen-characte", false), ("äöüäöüäöüäöüäöüä", false)]
        {
            let provider = PassphraseProvider::new(SecretText::new(text.to_owned()));
            assert_eq!(provider.is_err(), refused, "{text}");
        }
    }

    #[test]
    fn cheap_or_absurd_costs_and_other_functions_are_refused() {
        let provider =
            PassphraseProvider::new(SecretText::new("correct horse battery staple".to_owned())).ok().unwrap();
        let (_, good) = provider.create(&SeededEntropy::new(1)).ok().unwrap();
        for (from, to) in [
            ("65536", "1024"),
            ("65536", "4000000"),
            ("\"passes\":3", "\"passes\":1"),
            ("\"lanes\":4", "\"lanes\":0"),
            ("argon2id", "argon2i"),
            ("\"salt\":\"", "\"salt\":\"AAAA"),
            ("{", "["),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good);
            assert!(matches!(provider.open(&changed), Err(RootKeyError::Parameters(_))), "{changed}");
        }
    }
}
