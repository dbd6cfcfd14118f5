//! Operations of RSA and elliptic keys.

use aws_lc_rs::{
    digest::Digest,
    hmac,
    rsa::{
        self, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
        Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PublicEncryptingKey,
    },
    signature::{self, RsaSignatureEncoding},
};

use super::{DataAlgorithm, KeySpec, Opened, OperationError, PrivateKey, PublicKey, SignAlgorithm, oct::Use};
use crate::secret::Plaintext;

pub(super) fn digest_of(algorithm: SignAlgorithm, digest: &[u8]) -> Result<Digest, OperationError> {
    Digest::import_less_safe(digest, algorithm.hash()).map_err(|_| OperationError::DigestLength)
}

fn rsa_encoding(algorithm: SignAlgorithm) -> Option<&'static RsaSignatureEncoding> {
    Some(match algorithm {
        SignAlgorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        SignAlgorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        SignAlgorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        SignAlgorithm::Ps256 => &signature::RSA_PSS_SHA256,
        SignAlgorithm::Ps384 => &signature::RSA_PSS_SHA384,
        SignAlgorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => return None,
    })
}

fn hmac_of(algorithm: SignAlgorithm) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        SignAlgorithm::Hs256 => hmac::HMAC_SHA256,
        SignAlgorithm::Hs384 => hmac::HMAC_SHA384,
        SignAlgorithm::Hs512 => hmac::HMAC_SHA512,
        _ => return None,
    })
}

impl PrivateKey {
    /// Signs a digest; elliptic signatures are `r ‖ s` of fixed length (RFC 7518, section 3.4). A
    /// symmetric key authenticates the bytes themselves, of any length.
    ///
    /// # Errors
    /// [`OperationError`].
    pub fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, OperationError> {
        if !algorithm.fits(self.spec()) {
            return Err(OperationError::Algorithm);
        }
        match &self.0 {
            Opened::Token(key) => key.sign(algorithm, digest),
            Opened::Rsa { signing, .. } => {
                let encoding = rsa_encoding(algorithm).ok_or(OperationError::Algorithm)?;
                let mut signature = vec![0; signing.public_modulus_len()];
                let digest = digest_of(algorithm, digest)?;
                signing.sign_digest(encoding, &digest, &mut signature).map_err(|_| OperationError::Failed)?;
                Ok(signature)
            }
            Opened::Ec { pair, .. } => {
                let signature = pair.sign_digest(&digest_of(algorithm, digest)?);
                Ok(signature.map_err(|_| OperationError::Failed)?.as_ref().to_vec())
            }
            Opened::Oct(key) => {
                let hmac = hmac_of(algorithm).ok_or(OperationError::Algorithm)?;
                Ok(hmac::sign(&hmac::Key::new(hmac, key.bytes(Use::Mac)), digest).as_ref().to_vec())
            }
        }
    }

    /// Whether a symmetric key made this authentication code, compared in constant time.
    ///
    /// # Errors
    /// [`OperationError::Algorithm`] for every other key: their public half verifies.
    pub fn verify(&self, algorithm: SignAlgorithm, message: &[u8], code: &[u8]) -> Result<bool, OperationError> {
        match (&self.0, hmac_of(algorithm)) {
            (Opened::Oct(key), Some(hmac)) => {
                Ok(hmac::verify(&hmac::Key::new(hmac, key.bytes(Use::Mac)), message, code).is_ok())
            }
            _ => Err(OperationError::Algorithm),
        }
    }

    pub(super) fn rsa_decrypt(
        decrypting: &rsa::PrivateDecryptingKey,
        algorithm: DataAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Plaintext, OperationError> {
        let mut out = zeroize::Zeroizing::new(vec![0; decrypting.key_size_bytes()]);
        let decrypted = match algorithm {
            DataAlgorithm::Rsa15 => Pkcs1PrivateDecryptingKey::new(decrypting.clone())
                .and_then(|key| key.decrypt(ciphertext, &mut out).map(|text| text.len())),
            DataAlgorithm::RsaOaep | DataAlgorithm::RsaOaep256 => OaepPrivateDecryptingKey::new(decrypting.clone())
                .and_then(|key| key.decrypt(oaep(algorithm), ciphertext, &mut out, None).map(|text| text.len())),
            _ => return Err(OperationError::Algorithm),
        };
        let length = decrypted.map_err(|_| OperationError::Failed)?;
        out.truncate(length);
        Ok(Plaintext::from_zeroizing(out))
    }
}

fn oaep(algorithm: DataAlgorithm) -> &'static rsa::OaepAlgorithm {
    if algorithm == DataAlgorithm::RsaOaep { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 }
}

impl PublicKey {
    /// Encrypts to the key: RSA alone.
    ///
    /// # Errors
    /// [`OperationError`].
    pub fn encrypt(&self, algorithm: DataAlgorithm, plaintext: &[u8]) -> Result<Vec<u8>, OperationError> {
        let Self::Rsa { n, .. } = self else { return Err(OperationError::Algorithm) };
        let bits = u16::try_from(n.len() * 8).unwrap_or(0);
        if !algorithm.fits(KeySpec::Rsa { bits }) {
            return Err(OperationError::Algorithm);
        }
        let spki = self.spki().map_err(|_| OperationError::Failed)?;
        let key = PublicEncryptingKey::from_der(&spki).map_err(|_| OperationError::Failed)?;
        let mut out = vec![0; key.key_size_bytes()];
        let failed = |_| OperationError::Failed;
        let length = if algorithm == DataAlgorithm::Rsa15 {
            let key = Pkcs1PublicEncryptingKey::new(key).map_err(failed)?;
            if plaintext.len() > key.max_plaintext_size() {
                return Err(OperationError::InputLength);
            }
            key.encrypt(plaintext, &mut out).map_err(failed)?.len()
        } else {
            let key = OaepPublicEncryptingKey::new(key).map_err(failed)?;
            if plaintext.len() > key.max_plaintext_size(oaep(algorithm)) {
                return Err(OperationError::InputLength);
            }
            key.encrypt(oaep(algorithm), plaintext, &mut out, None).map_err(failed)?.len()
        };
        out.truncate(length);
        Ok(out)
    }
}
