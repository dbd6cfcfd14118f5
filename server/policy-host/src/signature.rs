//! Signatures of modules: Ed25519 (RFC 8032) over the module's bytes as they are, in 64 bytes, so that other
//! tools make and check the same.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

/// What is before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why there is no signature, or none that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key is not an Ed25519 key.
    #[error("that is not an Ed25519 key")]
    Key,
    /// The signature was not made by this key over these bytes.
    #[error("the signature does not hold")]
    Forged,
}

/// Signs a module by a private key in PKCS#8 (RFC 8410), with the public key in it or without.
///
/// # Errors
/// [`SignatureError::Key`].
pub fn sign(module: &[u8], pkcs8: &[u8]) -> Result<[u8; 64], SignatureError> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| SignatureError::Key)?;
    pair.sign(module).as_ref().try_into().map_err(|_| SignatureError::Key)
}

/// Somebody whose signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer([u8; 32]);

impl Signer {
    /// The holder of a key, by its public half (`SubjectPublicKeyInfo`, DER).
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn of(spki: &[u8]) -> Result<Self, SignatureError> {
        let key = spki.strip_prefix(&SPKI).ok_or(SignatureError::Key)?;
        key.try_into().map(Self).map_err(|_| SignatureError::Key)
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// [`SignatureError::Forged`].
    pub fn verify(&self, module: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(&ED25519, self.0).verify(module, signature).map_err(|_| SignatureError::Forged)
    }
}

/// Checks a signature against a public key (`SubjectPublicKeyInfo`, DER).
///
/// # Errors
/// [`SignatureError`].
pub fn verify(module: &[u8], signature: &[u8], spki: &[u8]) -> Result<(), SignatureError> {
    Signer::of(spki)?.verify(module, signature)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair as _;

    use super::*;

    #[test]
    fn a_signature_holds_for_its_module_and_its_key_alone() {
        // Test 1 of RFC 8032, section 7.1: the seed, in PKCS#8 without a public key.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed = data_encoding::HEXLOWER.decode(seed.as_bytes()).expect("hexadecimal");
        let mut pkcs8 =
            vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        pkcs8.extend_from_slice(&seed);
        let made = sign(b"", &pkcs8).expect("a key");
        assert_eq!(data_encoding::HEXLOWER.encode(&made[..8]), "e5564300c360ac72");

        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).expect("a key");
        let spki = [SPKI.as_slice(), pair.public_key().as_ref()].concat();
        assert_eq!(verify(b"", &made, &spki), Ok(()));
        assert_eq!(verify(b"x", &made, &spki), Err(SignatureError::Forged));
        assert_eq!(verify(b"", &made[..63], &spki), Err(SignatureError::Forged));
        let other = [SPKI.as_slice(), &[7; 32]].concat();
        assert_eq!(verify(b"", &made, &other), Err(SignatureError::Forged));
        assert_eq!(verify(b"", &made, &spki[..43]), Err(SignatureError::Key));
        assert_eq!(sign(b"", &pkcs8[..40]), Err(SignatureError::Key));
    }
}
