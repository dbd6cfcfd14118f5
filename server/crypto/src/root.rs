//! The root key: the one secret that is not in the database.
//!
//! Comes from a [`crate::RootKeyProvider`]. Everything it protects is protected by a key derived from it
//! for that use. Must never be stored
//! beside what it protects, printed, or used directly as an encryption key.

use std::path::Path;

use aes_gcm::Aes256Gcm;
use zeroize::Zeroizing;

pub use crate::key_file::RootKeyError;

use crate::derive::derive_key;
use crate::entropy::{Entropy, EntropyError, draw_key};
use crate::envelope::{OpenError, SealError};
use crate::mac::MacKey;
use crate::root_cipher::{RootCipher, RootUse};
use crate::secret::Plaintext;
use crate::{gcm, key_file};

/// 256 uniformly random bits at the top of the hierarchy, in this process's memory.
pub struct RootKey(Zeroizing<[u8; 32]>);

impl RootKey {
    /// Draws a new root key that exists in memory only.
    ///
    /// # Errors
    /// [`EntropyError`] when no randomness is available.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        draw_key(entropy).map(Self)
    }

    /// Reads a key file that [`RootKey::create_file`] wrote.
    ///
    /// Refuses a symbolic link, anything but a regular file, and any permission for group or others.
    ///
    /// # Errors
    /// [`RootKeyError`], one clear line for each thing that can be wrong.
    pub fn from_file(path: &Path) -> Result<Self, RootKeyError> {
        key_file::read(path).map(Self)
    }

    /// Draws a new root key and writes it to a new file of mode 0600, durable when this returns.
    /// Never replaces a file: an overwritten root key is the loss of everything under it.
    ///
    /// # Errors
    /// [`RootKeyError`]; an incomplete file is removed again.
    pub fn create_file(path: &Path, entropy: &dyn Entropy) -> Result<Self, RootKeyError> {
        let key = draw_key(entropy)?;
        key_file::create(path, &key)?;
        Ok(Self(key))
    }

    /// Derives the key that authenticates control rows for one purpose.
    #[must_use]
    pub fn mac_key(&self, purpose: &'static str, installation: &[u8; 16]) -> MacKey {
        MacKey::from_secret(&self.derive("strongroom/v1/root-key/mac", &[purpose.as_bytes(), installation]))
    }

    /// The secret of [`RootKey::mac_key`], to be kept as a key of its own: what an installation from
    /// the time when its keys were derived needs once, before its root key can change.
    #[must_use]
    pub fn mac_secret(&self, purpose: &'static str, installation: &[u8; 16]) -> Plaintext {
        let secret = self.derive("strongroom/v1/root-key/mac", &[purpose.as_bytes(), installation]);
        Plaintext::from_slice(secret.as_slice())
    }

    pub(crate) fn from_zeroizing(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    #[cfg(test)]
    pub(crate) fn from_secret(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }

    fn cipher(&self, purpose: RootUse) -> Aes256Gcm {
        let label = match purpose {
            RootUse::VaultKeys => "strongroom/v1/root-key/wraps-vault-keys",
            RootUse::Blobs => "strongroom/v1/root-key/seals-blobs",
        };
        gcm::cipher(&self.derive(label, &[]))
    }

    fn derive(&self, label: &str, context: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        derive_key(&self.0, label, context)
    }
}

impl RootCipher for RootKey {
    /// Derived one way: it gives nothing of the key away, and tells a wrong key from a damaged database.
    fn id(&self) -> String {
        let fingerprint = self.derive("strongroom/v1/root-key/id", &[]);
        data_encoding::HEXLOWER.encode(fingerprint.first_chunk::<8>().unwrap_or(&[0; 8]))
    }

    fn seal(
        &self,
        purpose: RootUse,
        associated: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        gcm::seal(&self.cipher(purpose), &[], associated, plaintext, entropy)
    }

    fn open(&self, purpose: RootUse, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        Ok(gcm::open(&self.cipher(purpose), associated, sealed)?)
    }

    fn in_memory(&self) -> Option<&RootKey> {
        Some(self)
    }

    fn is_reachable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{NoEntropy, SeededEntropy};

    fn root(seed: u64) -> RootKey {
        RootKey::generate(&SeededEntropy::new(seed)).unwrap()
    }

    #[test]
    fn the_fingerprint_is_short_stable_and_differs_between_keys() {
        assert_eq!(root(1).id(), root(1).id());
        assert_ne!(root(1).id(), root(2).id());
        assert_eq!(root(1).id().len(), 16);
        assert_ne!(root(1).id(), "0000000000000000");
    }

    #[test]
    fn nothing_is_generated_without_randomness() {
        assert!(RootKey::generate(&NoEntropy).is_err());
        let plaintext = Plaintext::from_slice(b"x");
        assert_eq!(
            root(1).seal_blob("l", &[1; 16], &plaintext, &NoEntropy).err(),
            Some(SealError::Entropy(EntropyError))
        );
    }

    #[test]
    fn a_blob_opens_under_its_label_installation_and_key_only() {
        let plaintext = Plaintext::from_slice(b"signing key");
        let sealed = root(1).seal_blob("audit-signer", &[1; 16], &plaintext, &SeededEntropy::new(9)).unwrap();
        let opened = root(1).open_blob("audit-signer", &[1; 16], &sealed);
        assert_eq!(opened.ok().unwrap().expose(), b"signing key");

        let refused = [
            root(1).open_blob("token-signer", &[1; 16], &sealed),
            root(1).open_blob("audit-signer", &[2; 16], &sealed),
            root(2).open_blob("audit-signer", &[1; 16], &sealed),
            root(1).open_blob("audit-signer", &[1; 16], &[]),
            root(1).open_blob("audit-signer", &[1; 16], &sealed[..28]),
        ];
        for result in refused {
            assert_eq!(result.err(), Some(OpenError::Tampered));
        }
    }

    #[test]
    fn every_bit_of_a_blob_counts() {
        let plaintext = Plaintext::from_slice(b"signing key");
        let sealed = root(1).seal_blob("l", &[1; 16], &plaintext, &SeededEntropy::new(9)).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected = if bit < 8 { OpenError::UnsupportedFormat } else { OpenError::Tampered };
            assert_eq!(root(1).open_blob("l", &[1; 16], &changed).err(), Some(expected));
        }
    }
}
