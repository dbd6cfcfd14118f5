//! Envelope encryption: root key → vault key → data key → value, with AES-256-GCM throughout.
//!
//! Each stored version has a data key of its own. Its place is authenticated twice, with the value
//! and with the wrapped data key, so neither opens anywhere but where it was put. Must never say
//! why something does not open, and never give out part of a value.

mod place;
#[cfg(test)]
mod tests;

use aes_gcm::Aes256Gcm;
use zeroize::Zeroizing;

pub use place::{Place, PlaceParts};

use crate::canonical::Canonical;
use crate::derive::derive_key;
use crate::entropy::{Entropy, EntropyError, draw, draw_key};
use crate::gcm;
use crate::mac::MacKey;
use crate::root_cipher::{RootCipher, RootUse, with_format};
use crate::secret::Plaintext;

/// The row format this version writes, and the only one it reads.
pub const ROW_FORMAT: u16 = 1;

/// The longest message that can be sealed, in bytes: far above every object a vault stores, and low
/// enough that one request cannot take the memory of others.
pub const MAX_PLAINTEXT_LEN: usize = 1024 * 1024;

/// The longest backup that can be sealed, in bytes: 500 versions of the longest secret and their
/// attributes.
pub const MAX_BACKUP_LEN: usize = 16 * 1024 * 1024;

/// The first byte of every wrapped key and sealed blob.
pub(crate) const WRAP_FORMAT: u8 = 1;

/// Why a value was not sealed. Nothing was produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No nonce or data key could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The plaintext is longer than [`MAX_PLAINTEXT_LEN`].
    #[error("the value is longer than {MAX_PLAINTEXT_LEN} bytes and cannot be sealed")]
    TooLong,
    /// The root key is in a token that does not answer.
    #[error("the root key is out of reach: its token does not answer")]
    Unreachable,
}

/// Why a sealed value was not opened. Deliberately opaque: nothing tells a changed byte from a wrong
/// key or a moved row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The value, its wrapped key or its place is not what was sealed under this key.
    #[error("the sealed value is not authentic: it was changed, moved, or sealed under another key")]
    Tampered,
    /// A format this version does not know, for example from a newer version of the product.
    #[error("the sealed value has a format this version does not support")]
    UnsupportedFormat,
    /// The root key is in a token that does not answer. Says nothing about the value.
    #[error("the root key is out of reach: its token does not answer")]
    Unreachable,
}

impl From<gcm::Forged> for OpenError {
    fn from(_: gcm::Forged) -> Self {
        Self::Tampered
    }
}

/// A vault key, sealed under the root key: `format (1 byte) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);

/// A sealed value as it is stored. Holds no secret without the vault key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// Public identity of the data key; part of the place.
    pub data_key_id: [u8; 16],
    /// The data key, sealed under the vault key, laid out as in [`WrappedKey`].
    pub wrapped_data_key: Vec<u8>,
    /// `nonce (12) ‖ ciphertext ‖ tag (16)`.
    pub ciphertext: Vec<u8>,
    /// The layout of this row; part of the place.
    pub row_format: u16,
}

/// The key of one vault. Wraps the data keys of the vault's versions and derives the keys that
/// authenticate its metadata; never encrypts a value itself.
pub struct VaultKey {
    secret: Zeroizing<[u8; 32]>,
    // Expanded once: opening a value then costs two decryptions and no derivation. Cleared on drop
    // by aes-gcm's `zeroize` feature.
    wrapping: Aes256Gcm,
}

impl VaultKey {
    pub(crate) fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        let wrapping = gcm::cipher(&derive_key(&secret, "strongroom/v1/vault-key/wraps-data-keys", &[]));
        Self { secret, wrapping }
    }

    /// Draws a new vault key.
    ///
    /// # Errors
    /// [`EntropyError`] when no randomness is available.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        Ok(Self::from_secret(draw_key(entropy)?))
    }

    /// Seals this key under the root key, for exactly this installation and vault. Wrapping again
    /// under a new root key is how the root key is rotated.
    ///
    /// # Errors
    /// [`SealError::Entropy`] when no nonce can be drawn.
    pub fn wrap(
        &self,
        root: &dyn RootCipher,
        installation: &[u8; 16],
        vault: &[u8; 16],
        entropy: &dyn Entropy,
    ) -> Result<WrappedKey, SealError> {
        let place = vault_key_place(installation, vault);
        let sealed = root.seal(RootUse::VaultKeys, &place, self.secret.as_slice(), entropy)?;
        Ok(WrappedKey(with_format(&sealed)))
    }

    /// Opens a vault key that [`VaultKey::wrap`] sealed for this installation and vault.
    ///
    /// # Errors
    /// [`OpenError`] when it was not sealed there, or not under this root key.
    pub fn unwrap(
        wrapped: &WrappedKey,
        root: &dyn RootCipher,
        installation: &[u8; 16],
        vault: &[u8; 16],
    ) -> Result<Self, OpenError> {
        let place = vault_key_place(installation, vault);
        let opened = root.open(RootUse::VaultKeys, &place, strip_format(&wrapped.0)?)?;
        let secret: &[u8; 32] = opened.as_slice().try_into().map_err(|_| OpenError::Tampered)?;
        Ok(Self::from_secret(Zeroizing::new(*secret)))
    }

    /// Seals `plaintext` for one place under a fresh data key.
    ///
    /// # Errors
    /// [`SealError`] when no randomness is available or the plaintext is too long.
    pub fn seal(
        &self,
        parts: &PlaceParts<'_>,
        plaintext: &Plaintext,
        entropy: &dyn Entropy,
    ) -> Result<SealedValue, SealError> {
        let data_key_id: [u8; 16] = draw(entropy)?;
        let data_key = draw_key(entropy)?;
        let place = parts.place(&data_key_id, ROW_FORMAT);
        let wrapped_data_key =
            gcm::seal(&self.wrapping, &[WRAP_FORMAT], &place.encode_for_data_key(), data_key.as_slice(), entropy)?;
        let ciphertext =
            gcm::seal(&gcm::cipher(&data_key), &[], &place.encode_for_value(), plaintext.expose(), entropy)?;
        Ok(SealedValue { data_key_id, wrapped_data_key, ciphertext, row_format: ROW_FORMAT })
    }

    /// Opens a value at the place it is expected, not at the place it claims.
    ///
    /// # Errors
    /// [`OpenError::UnsupportedFormat`] for a format of another version, otherwise
    /// [`OpenError::Tampered`].
    pub fn open(&self, place: &Place<'_>, sealed: &SealedValue) -> Result<Plaintext, OpenError> {
        if sealed.row_format != ROW_FORMAT {
            return Err(OpenError::UnsupportedFormat);
        }
        if place.row_format != sealed.row_format || *place.data_key_id != sealed.data_key_id {
            return Err(OpenError::Tampered);
        }
        let data_key =
            gcm::open_key(&self.wrapping, &place.encode_for_data_key(), strip_format(&sealed.wrapped_data_key)?)?;
        let plaintext = gcm::open(&gcm::cipher(&data_key), &place.encode_for_value(), &sealed.ciphertext)?;
        Ok(Plaintext::from_zeroizing(plaintext))
    }

    /// Seals a backup of an object of this vault, as `format (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag
    /// (16)`. The key is derived from the vault's own: a backup outlives a change of the root key, and
    /// no other vault or installation can open it.
    ///
    /// # Errors
    /// [`SealError`] when no randomness is available or the backup is longer than [`MAX_BACKUP_LEN`].
    pub fn seal_backup(
        &self,
        installation: &[u8; 16],
        vault: &[u8; 16],
        backup: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let place = backup_place(installation, vault);
        gcm::seal_up_to(MAX_BACKUP_LEN, &self.backup_cipher(), &[WRAP_FORMAT], &place, backup, entropy)
    }

    /// Opens what [`VaultKey::seal_backup`] sealed for the same installation and vault.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs.
    pub fn open_backup(&self, installation: &[u8; 16], vault: &[u8; 16], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let place = backup_place(installation, vault);
        let opened = gcm::open_up_to(MAX_BACKUP_LEN, &self.backup_cipher(), &place, strip_format(sealed)?)?;
        // What is in it is sealed for itself.
        Ok(opened.to_vec())
    }

    fn backup_cipher(&self) -> Aes256Gcm {
        gcm::cipher(&derive_key(&self.secret, "strongroom/v1/vault-key/seals-backups", &[]))
    }

    /// Derives the key that authenticates this vault's metadata for one purpose.
    #[must_use]
    pub fn mac_key(&self, purpose: &'static str, installation: &[u8; 16], vault: &[u8; 16]) -> MacKey {
        MacKey::from_secret(&derive_key(
            &self.secret,
            "strongroom/v1/vault-key/mac",
            &[purpose.as_bytes(), installation, vault],
        ))
    }
}

fn vault_key_place(installation: &[u8; 16], vault: &[u8; 16]) -> Vec<u8> {
    Canonical::new("strongroom/v1/vault-key").u64(u64::from(WRAP_FORMAT)).field(installation).field(vault).into_bytes()
}

fn backup_place(installation: &[u8; 16], vault: &[u8; 16]) -> Vec<u8> {
    Canonical::new("strongroom/v1/backup").u64(u64::from(WRAP_FORMAT)).field(installation).field(vault).into_bytes()
}

/// Takes the format byte off a wrapped key or sealed blob.
pub(crate) fn strip_format(wrapped: &[u8]) -> Result<&[u8], OpenError> {
    match wrapped.split_first() {
        Some((&WRAP_FORMAT, sealed)) => Ok(sealed),
        Some(_) => Err(OpenError::UnsupportedFormat),
        None => Err(OpenError::Tampered),
    }
}
