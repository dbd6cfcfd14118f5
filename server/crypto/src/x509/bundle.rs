//! A certificate with its chain and its private key in one document, as programs import it.

use data_encoding::BASE64;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};

use crate::secret::{Plaintext, SecretText};

/// Rounds of key derivation. The password is empty, as Azure's is, so they protect nothing; few, so that reading
/// costs nobody time.
const ITERATIONS: u32 = 2048;

/// A document could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate could not be written as a document")]
pub struct BundleError;

impl From<p12_keystore::error::Error> for BundleError {
    fn from(_: p12_keystore::error::Error) -> Self {
        Self
    }
}

/// PKCS#12 with an empty password: the chain, leaf first, and the private key (PKCS#8) unless it is to stay here.
/// AES-256 and HMAC-SHA-256, which OpenSSL, .NET, Java and macOS of today read.
///
/// # Errors
/// [`BundleError`].
pub fn pkcs12(private: Option<&Plaintext>, chain: &[Vec<u8>], alias: &str) -> Result<Plaintext, BundleError> {
    let certificates = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let mut store = KeyStore::new();
    match private {
        Some(private) => {
            let key = PrivateKey::from_der(private.expose())?;
            let leaf = chain.first().ok_or(BundleError)?;
            let entry = PrivateKeyChain::new(super::thumbprint(leaf).as_slice(), key, certificates);
            store.add_entry(alias, KeyStoreEntry::PrivateKeyChain(entry));
        }
        None => {
            for (number, certificate) in certificates.into_iter().enumerate() {
                let alias = if number == 0 { alias.to_owned() } else { format!("{alias}-{number}") };
                store.add_entry(&alias, KeyStoreEntry::Certificate(certificate));
            }
        }
    }
    let writer = store.writer("").encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS);
    Ok(Plaintext::new(writer.write()?))
}

/// PEM: the private key (PKCS#8) unless it is to stay here, then the chain, leaf first.
#[must_use]
pub fn pem(private: Option<&Plaintext>, chain: &[Vec<u8>]) -> SecretText {
    let encoded: usize =
        chain.iter().map(Vec::len).chain(private.map(Plaintext::len)).map(|length| length * 2 + 128).sum();
    // Allocated as a whole: nothing of it is left behind while it grows.
    let mut text = String::with_capacity(encoded);
    if let Some(private) = private {
        block(&mut text, "PRIVATE KEY", private.expose());
    }
    for certificate in chain {
        block(&mut text, "CERTIFICATE", certificate);
    }
    SecretText::new(text)
}

/// RFC 7468: 64 characters a line.
fn block(text: &mut String, label: &str, bytes: &[u8]) {
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in bytes.chunks(48) {
        BASE64.encode_append(line, text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
}
