//! Where the root key comes from: one port, and its providers.
//!
//! | provider | what gives the key | what is stored beside what it wraps |
//! |---|---|---|
//! | `file` | a file of mode 0600 | nothing |
//! | `passphrase` | Argon2id over a passphrase | salt and cost |
//! | `credential` | a systemd credential | nothing |
//! | `environment` | a variable, taken out of the environment | nothing |
//! | `pkcs11` | nobody: a token keeps it and works with it (the crate `strongroom-pkcs11`) | nothing |
//!
//! A provider gives a key and never says whether it is the right one: whoever asks compares its id with
//! the one that the database is sealed under. Must never keep the key, nor name it in an error.

mod passphrase;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::entropy::Entropy;
use crate::key_file;
use crate::root::{RootKey, RootKeyError};
use crate::root_cipher::RootCipher;
use crate::secret::SecretText;

pub use passphrase::PassphraseProvider;

/// The port: a source of the root key.
pub trait RootKeyProvider: Send + Sync {
    /// Its name: what configuration and status call it.
    fn name(&self) -> &'static str;

    /// The key as it was made, by the parameters that were stored then.
    ///
    /// # Errors
    /// [`RootKeyError`], one line that names what to do.
    fn open(&self, parameters: &str) -> Result<Box<dyn RootCipher>, RootKeyError>;

    /// The key for a new installation or a rotation, with the parameters to store for
    /// [`RootKeyProvider::open`]. They are public. Where somebody has made a key before, it is that one.
    ///
    /// # Errors
    /// [`RootKeyError`], one line that names what to do.
    fn create(&self, entropy: &dyn Entropy) -> Result<(Box<dyn RootCipher>, String), RootKeyError>;
}

/// A key file, made where there is none.
pub struct FileProvider(pub PathBuf);

impl RootKeyProvider for FileProvider {
    fn name(&self) -> &'static str {
        "file"
    }

    fn open(&self, _parameters: &str) -> Result<Box<dyn RootCipher>, RootKeyError> {
        Ok(Box::new(RootKey::from_file(&self.0)?))
    }

    fn create(&self, entropy: &dyn Entropy) -> Result<(Box<dyn RootCipher>, String), RootKeyError> {
        let key = match RootKey::create_file(&self.0, entropy) {
            Err(RootKeyError::AlreadyExists(_)) => RootKey::from_file(&self.0)?,
            made => made?,
        };
        Ok((Box::new(key), String::new()))
    }
}

/// A key that somebody else keeps and gives as text at every start: the content of a key file, or its second
/// line alone.
pub struct GivenProvider {
    name: &'static str,
    text: SecretText,
}

impl GivenProvider {
    /// From a variable of the environment. The caller has taken it out of there.
    #[must_use]
    pub fn environment(text: SecretText) -> Self {
        Self { name: "environment", text }
    }

    /// From a credential of the service manager: a file that is private to this user or to root.
    ///
    /// # Errors
    /// [`RootKeyError`] when it cannot be read or others can.
    pub fn credential(path: &Path) -> Result<Self, RootKeyError> {
        Ok(Self { name: "credential", text: read_credential(path)? })
    }
}

/// Reads a credential as text.
///
/// # Errors
/// [`RootKeyError`] when it cannot be read or others can.
pub fn read_credential(path: &Path) -> Result<SecretText, RootKeyError> {
    let bytes = key_file::read_credential(path)?;
    let text = crate::secret::Plaintext::from_zeroizing(bytes).into_utf8();
    text.map_err(|_| RootKeyError::NotAKey("credential"))
}

impl RootKeyProvider for GivenProvider {
    fn name(&self) -> &'static str {
        self.name
    }

    fn open(&self, _parameters: &str) -> Result<Box<dyn RootCipher>, RootKeyError> {
        let key = key_file::from_text(self.text.expose().as_bytes());
        Ok(Box::new(key.map(RootKey::from_zeroizing).ok_or(RootKeyError::NotAKey(self.name))?))
    }

    fn create(&self, _entropy: &dyn Entropy) -> Result<(Box<dyn RootCipher>, String), RootKeyError> {
        Ok((self.open("")?, String::new()))
    }
}
