//! Encrypting and wrapping with symmetric keys, and decrypting with all that can.

use aes_kw::{KeyInit as _, KwAes192};
use aws_lc_rs::{
    aead::{self, AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        self, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
    key_wrap::{self, AesKek, KeyWrap as _},
};
use zeroize::Zeroizing;

use super::{DataAlgorithm, Opened, OperationError, PrivateKey, algorithm::Mode, oct::Use};
use crate::{
    entropy::{Entropy, draw},
    secret::Plaintext,
};

/// Bytes of a nonce of AES-GCM.
const GCM_NONCE: usize = 12;
/// Bytes of a tag of AES-GCM.
const GCM_TAG: usize = 16;
/// Bytes of a block and of an initialization vector of AES-CBC.
const BLOCK: usize = 16;

/// What encrypting or wrapping gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext.
    pub value: Vec<u8>,
    /// The initialization vector, if the algorithm has one.
    pub iv: Option<Vec<u8>>,
    /// The tag, if the algorithm has one.
    pub tag: Option<Vec<u8>>,
}

impl PrivateKey {
    /// Encrypts or wraps with a symmetric key. The initialization vector of GCM is always drawn here: one
    /// that came twice would give the key away. The one of CBC may be given, as Azure's packages do, and is
    /// drawn otherwise; see [`super::oct`] for what that lends.
    ///
    /// # Errors
    /// [`OperationError`].
    pub fn encrypt(
        &self,
        algorithm: DataAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, OperationError> {
        let Some(of) = Use::of(algorithm.mode()).filter(|_| algorithm.fits(self.spec())) else {
            return Err(OperationError::Algorithm);
        };
        if aad.is_some() && algorithm.mode() != Mode::Gcm {
            return Err(OperationError::Parameter);
        }
        let key = match &self.0 {
            Opened::Oct(key) => key.bytes(of),
            Opened::Token(key) => return key.encrypt(algorithm, plaintext, iv, aad, entropy),
            Opened::Rsa { .. } | Opened::Ec { .. } => return Err(OperationError::Algorithm),
        };
        match algorithm.mode() {
            Mode::Rsa => Err(OperationError::Algorithm),
            Mode::Gcm => {
                if iv.is_some() {
                    return Err(OperationError::Parameter);
                }
                let nonce: [u8; GCM_NONCE] = draw(entropy).map_err(|_| OperationError::Failed)?;
                let mut value = plaintext.to_vec();
                let tag = gcm(algorithm, key)?
                    .seal_in_place_separate_tag(
                        Nonce::assume_unique_for_key(nonce),
                        Aad::from(aad.unwrap_or_default()),
                        &mut value,
                    )
                    .map_err(|_| OperationError::Failed)?;
                Ok(Sealed { value, iv: Some(nonce.to_vec()), tag: Some(tag.as_ref().to_vec()) })
            }
            mode @ (Mode::Cbc | Mode::CbcPad) => {
                let iv: [u8; BLOCK] = match iv {
                    Some(iv) => iv.try_into().map_err(|_| OperationError::Parameter)?,
                    None => draw(entropy).map_err(|_| OperationError::Failed)?,
                };
                let context = EncryptionContext::Iv128(FixedLength::from(iv));
                let key = unbound(algorithm, key)?;
                let mut value = plaintext.to_vec();
                if mode == Mode::Cbc {
                    if value.is_empty() || !value.len().is_multiple_of(BLOCK) {
                        return Err(OperationError::InputLength);
                    }
                    let key = EncryptingKey::cbc(key).map_err(|_| OperationError::Failed)?;
                    key.less_safe_encrypt(&mut value, context).map_err(|_| OperationError::Failed)?;
                } else {
                    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| OperationError::Failed)?;
                    key.less_safe_encrypt(&mut value, context).map_err(|_| OperationError::Failed)?;
                }
                Ok(Sealed { value, iv: Some(iv.to_vec()), tag: None })
            }
            Mode::KeyWrap => {
                if iv.is_some() {
                    return Err(OperationError::Parameter);
                }
                if plaintext.len() < BLOCK || !plaintext.len().is_multiple_of(8) {
                    return Err(OperationError::InputLength);
                }
                let mut value = vec![0; plaintext.len() + 8];
                let length = match kek(algorithm, key)? {
                    Kek::AwsLc(kek) => kek.wrap(plaintext, &mut value).map_err(|_| OperationError::Failed)?.len(),
                    Kek::Aes192(kek) => kek.wrap_key(plaintext, &mut value).map_err(|_| OperationError::Failed)?.len(),
                };
                value.truncate(length);
                Ok(Sealed { value, iv: None, tag: None })
            }
        }
    }

    /// Decrypts or unwraps.
    ///
    /// # Errors
    /// [`OperationError::Failed`] for whatever is wrong with the ciphertext; [`OperationError::Algorithm`]
    /// and [`OperationError::Parameter`] for what the caller can see without a key.
    pub fn decrypt(
        &self,
        algorithm: DataAlgorithm,
        ciphertext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        tag: Option<&[u8]>,
    ) -> Result<Plaintext, OperationError> {
        if !algorithm.fits(self.spec()) {
            return Err(OperationError::Algorithm);
        }
        let mode = algorithm.mode();
        let has_iv = matches!(mode, Mode::Gcm | Mode::Cbc | Mode::CbcPad);
        if iv.is_some() != has_iv || tag.is_some() != (mode == Mode::Gcm) || (aad.is_some() && mode != Mode::Gcm) {
            return Err(OperationError::Parameter);
        }
        let iv = iv.unwrap_or_default();
        let failed = |_| OperationError::Failed;
        let key = match &self.0 {
            Opened::Rsa { decrypting, .. } => return Self::rsa_decrypt(decrypting, algorithm, ciphertext),
            Opened::Ec { .. } => return Err(OperationError::Algorithm),
            Opened::Token(key) => return key.decrypt(algorithm, ciphertext, iv, aad, tag),
            Opened::Oct(key) => key.bytes(Use::of(mode).ok_or(OperationError::Algorithm)?),
        };
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let length = match mode {
            Mode::Rsa => return Err(OperationError::Algorithm),
            Mode::Gcm => {
                let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| OperationError::Parameter)?;
                let tag = tag.filter(|tag| tag.len() == GCM_TAG).ok_or(OperationError::Parameter)?;
                let (text, aad) = (ciphertext.to_vec(), Aad::from(aad.unwrap_or_default()));
                gcm(algorithm, key)?.open_separate_gather(nonce, aad, &text, tag, &mut buffer).map_err(failed)?;
                buffer.len()
            }
            Mode::Cbc | Mode::CbcPad => {
                let iv: [u8; BLOCK] = iv.try_into().map_err(|_| OperationError::Parameter)?;
                let context = DecryptionContext::Iv128(FixedLength::from(iv));
                let key = unbound(algorithm, key)?;
                if buffer.is_empty() || !buffer.len().is_multiple_of(BLOCK) {
                    return Err(OperationError::Failed);
                }
                if mode == Mode::Cbc {
                    let key = DecryptingKey::cbc(key).map_err(failed)?;
                    key.decrypt(&mut buffer, context).map_err(failed)?.len()
                } else {
                    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(failed)?;
                    key.decrypt(&mut buffer, context).map_err(failed)?.len()
                }
            }
            Mode::KeyWrap => match kek(algorithm, key)? {
                _ if ciphertext.len() < BLOCK + 8 || !ciphertext.len().is_multiple_of(8) => {
                    return Err(OperationError::Failed);
                }
                Kek::AwsLc(kek) => kek.unwrap(ciphertext, &mut buffer).map_err(failed)?.len(),
                Kek::Aes192(kek) => kek.unwrap_key(ciphertext, &mut buffer).map_err(|_| OperationError::Failed)?.len(),
            },
        };
        buffer.truncate(length);
        Ok(Plaintext::from_zeroizing(buffer))
    }
}

fn gcm(algorithm: DataAlgorithm, key: &[u8]) -> Result<LessSafeKey, OperationError> {
    let algorithm: &'static aead::Algorithm = match algorithm.key_bits() {
        128 => &AES_128_GCM,
        192 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| OperationError::Failed)
}

fn unbound(algorithm: DataAlgorithm, key: &[u8]) -> Result<UnboundCipherKey, OperationError> {
    let algorithm = match algorithm.key_bits() {
        128 => &cipher::AES_128,
        192 => &cipher::AES_192,
        _ => &cipher::AES_256,
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| OperationError::Failed)
}

enum Kek {
    AwsLc(AesKek),
    Aes192(Box<KwAes192>),
}

fn kek(algorithm: DataAlgorithm, key: &[u8]) -> Result<Kek, OperationError> {
    let failed = OperationError::Failed;
    match algorithm.key_bits() {
        128 => AesKek::new(&key_wrap::AES_128, key).map(Kek::AwsLc).map_err(|_| failed),
        256 => AesKek::new(&key_wrap::AES_256, key).map(Kek::AwsLc).map_err(|_| failed),
        _ => KwAes192::new_from_slice(key).map(|key| Kek::Aes192(Box::new(key))).map_err(|_| failed),
    }
}
