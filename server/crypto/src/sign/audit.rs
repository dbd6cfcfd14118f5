//! The Ed25519 key (RFC 8032) that signs checkpoints of the audit chain.
//!
//! Must never sign anything but checkpoints: its signatures are what an auditor trusts.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{SignerError, thumbprint};
use crate::entropy::{Entropy, draw_key};
use crate::secret::Plaintext;

/// Signs audit checkpoints.
pub struct AuditSigner {
    pair: Ed25519KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    public: [u8; 32],
}

impl AuditSigner {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`SignerError::Entropy`] when no randomness is available.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, SignerError> {
        Self::from_seed(&*draw_key(entropy)?)
    }

    /// Reads a key that [`AuditSigner::to_pkcs8`] gave.
    ///
    /// # Errors
    /// [`SignerError::Rejected`] when it is anything else.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| SignerError::Rejected)?;
        Self::from_pair(pair)
    }

    /// The private key (PKCS#8 version 2, RFC 5958), to be sealed.
    #[must_use]
    pub fn to_pkcs8(&self) -> Plaintext {
        Plaintext::from_slice(&self.pkcs8)
    }

    /// The public key, to be published.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public
    }

    /// The name of the key: the thumbprint of its public JSON Web Key (RFC 7638, RFC 8037).
    #[must_use]
    pub fn key_id(&self) -> String {
        key_id(&self.public)
    }

    /// Signs `message`, normally the bytes of a [`crate::CheckpointBody`].
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0u8; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }

    fn from_seed(seed: &[u8; 32]) -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SignerError::Rejected)?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: Ed25519KeyPair) -> Result<Self, SignerError> {
        let document = pair.to_pkcs8().map_err(|_| SignerError::Rejected)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| SignerError::Rejected)?;
        Ok(Self { pkcs8: Zeroizing::new(document.as_ref().to_vec()), pair, public })
    }
}

/// Whether `signature` is one by the holder of `public` over `message`. Needs no secret.
#[must_use]
pub fn verify_audit_signature(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

/// The same of a signature that names the key it is by ([`AuditSigner::key_id`]).
#[must_use]
pub fn verify_named_audit_signature(name: &str, public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    key_id(public) == name && verify_audit_signature(public, message, signature)
}

fn key_id(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    thumbprint(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{NoEntropy, SeededEntropy};
    use crate::sign::TokenSigner;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    fn signer() -> AuditSigner {
        AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap()
    }

    /// RFC 8032 section 7.1, test 2.
    #[test]
    fn ed25519_gives_the_vector_of_rfc_8032() {
        let signer = AuditSigner::from_seed(&hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
            .ok()
            .unwrap();
        assert_eq!(signer.public_key(), hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
        let signature: [u8; 64] = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(signer.sign(&[0x72]), signature);
        assert!(verify_audit_signature(&signer.public_key(), &[0x72], &signature));
    }

    /// RFC 8037 appendix A.3.
    #[test]
    fn the_key_id_is_the_thumbprint_of_rfc_8037() {
        let public = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(key_id(&public.try_into().unwrap()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_survives_sealing_as_pkcs8() {
        let signer = signer();
        let again = AuditSigner::from_pkcs8(signer.to_pkcs8().expose()).ok().unwrap();
        assert_eq!(again.public_key(), signer.public_key());
        assert_eq!(again.key_id(), signer.key_id());
        assert_eq!(again.sign(b"m"), signer.sign(b"m"));
    }

    #[test]
    fn other_bytes_are_not_a_key() {
        let token = TokenSigner::generate(&SeededEntropy::new(1)).ok().unwrap();
        for bytes in [b"".as_slice(), b"no key", token.to_pkcs8().expose()] {
            assert_eq!(AuditSigner::from_pkcs8(bytes).err(), Some(SignerError::Rejected));
        }
        assert!(AuditSigner::generate(&NoEntropy).is_err());
    }

    #[test]
    fn another_key_or_a_short_signature_does_not_verify() {
        let other = AuditSigner::generate(&SeededEntropy::new(2)).ok().unwrap();
        let signature = signer().sign(b"m");
        assert!(!verify_audit_signature(&other.public_key(), b"m", &signature));
        assert!(!verify_audit_signature(&signer().public_key(), b"m", &signature[..63]));
        assert!(!verify_audit_signature(&signer().public_key(), b"m", b""));
    }

    proptest! {
        #[test]
        fn any_changed_bit_does_not_verify(bit in 0usize..512, message in any::<Vec<u8>>()) {
            let signer = signer();
            let mut signature = signer.sign(&message);
            prop_assert!(verify_audit_signature(&signer.public_key(), &message, &signature));
            signature[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify_audit_signature(&signer.public_key(), &message, &signature));
        }
    }
}
