//! What a root key does, wherever it is: in this process's memory, or in a token that never gives it out.
//!
//! Everything that the root key protects goes through [`RootCipher`], so nothing else can tell the two apart,
//! but that a token may be out of reach for a while. Must never give the key itself out.

use zeroize::Zeroizing;

use crate::canonical::Canonical;
use crate::entropy::Entropy;
use crate::envelope::{OpenError, SealError, WRAP_FORMAT, strip_format};
use crate::root::RootKey;
use crate::secret::Plaintext;

/// What a root key seals. A key in memory derives one for each use; a key in a token is one for both, and the
/// associated data, which begins differently for each, keeps them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootUse {
    /// Keys of vaults.
    VaultKeys,
    /// Blobs of the installation: signing keys and MAC keys.
    Blobs,
}

/// A root key at work.
pub trait RootCipher: Send + Sync {
    /// A short public fingerprint, 16 hexadecimal digits.
    fn id(&self) -> String;

    /// Seals with AES-256-GCM: `nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// [`SealError`].
    fn seal(
        &self,
        purpose: RootUse,
        associated: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError>;

    /// Opens what [`RootCipher::seal`] sealed for the same purpose with the same associated data.
    ///
    /// # Errors
    /// [`OpenError::Tampered`] when it is not that; [`OpenError::Unreachable`] when nobody can say.
    fn open(&self, purpose: RootUse, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError>;

    /// The key, where this process holds it; none where each use is a call that may take its time.
    fn in_memory(&self) -> Option<&RootKey>;

    /// Whether it answered the last time it was asked, or has not been asked yet.
    fn is_reachable(&self) -> bool;

    /// Whether it is out of reach because it is in a token that takes no PIN.
    fn refuses_pin(&self) -> bool {
        false
    }

    /// Seals something small that belongs to the installation as a whole, such as a signing key.
    /// `label` names what it is; it opens under the same label only.
    ///
    /// The result is `format (1 byte) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// [`SealError`] when no randomness is available or the plaintext is too long.
    fn seal_blob(
        &self,
        label: &str,
        installation: &[u8; 16],
        plaintext: &Plaintext,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let sealed = self.seal(RootUse::Blobs, &blob_place(label, installation), plaintext.expose(), entropy)?;
        Ok(with_format(&sealed))
    }

    /// Opens what [`RootCipher::seal_blob`] sealed under the same label for the same installation.
    ///
    /// # Errors
    /// [`OpenError`] when anything differs.
    fn open_blob(&self, label: &str, installation: &[u8; 16], sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let plaintext = self.open(RootUse::Blobs, &blob_place(label, installation), strip_format(sealed)?)?;
        Ok(Plaintext::from_zeroizing(plaintext))
    }
}

/// Puts the format byte before what was sealed.
pub(crate) fn with_format(sealed: &[u8]) -> Vec<u8> {
    [&[WRAP_FORMAT], sealed].concat()
}

fn blob_place(label: &str, installation: &[u8; 16]) -> Vec<u8> {
    Canonical::new("strongroom/v1/blob")
        .u64(u64::from(WRAP_FORMAT))
        .field(label.as_bytes())
        .field(installation)
        .into_bytes()
}
