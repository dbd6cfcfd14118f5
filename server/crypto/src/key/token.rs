//! A key that lives in a hardware token: made there, used there, never here.
//!
//! What a caller asks is checked here as for every other key; the token is asked only for what it alone can do.
//! What it signs is verified with the public half before anybody gets it, so an object that was put in the
//! place of another one is found. Must never hold more of such a key than the id of its object.
//!
//! A symmetric key is three objects, one for each use: AES-CBC lends whoever may use it the bare block cipher,
//! which under one key for all would be the key stream of AES-GCM (see [`super::oct`]).

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{
    DataAlgorithm, KeySpec, OperationError, PrivateKey, PublicKey, Sealed, SignAlgorithm, algorithm::Mode, asymmetric,
};
use crate::{
    entropy::{Entropy, draw},
    secret::Plaintext,
};

/// Bytes of the id of a key in a token.
pub const TOKEN_KEY_ID_LEN: usize = 16;
const GCM_TAG: usize = 16;
const BLOCK: usize = 16;

/// Id of a key in a token, made at random when the key is.
pub type TokenKeyId = [u8; TOKEN_KEY_ID_LEN];

/// Why a token did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenTrouble {
    /// It is not plugged in, does not answer, or refuses its PIN. Says nothing about the key.
    #[error("the hardware token does not answer")]
    Unreachable,
    /// Its module has no such mechanism, curve or size.
    #[error("the hardware token cannot do this: its module lacks the algorithm, the curve or the size")]
    Lacks,
    /// It has no room for another key. Says nothing about those that are in it.
    #[error("the hardware token is full: it has no room for another key")]
    Full,
    /// The token answers and the key is not in it.
    #[error("the key is not in the hardware token that is plugged in")]
    Missing,
    /// What it signed is not of the key whose public half is known.
    #[error("the hardware token has another key in this one's place")]
    Exchanged,
    /// It refused. Of a decryption: whatever the reason.
    #[error("the operation failed")]
    Refused,
}

/// What a symmetric key in a token is used for. An object each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// AES-GCM.
    Gcm,
    /// AES-CBC.
    Cbc,
    /// AES key wrap.
    Wrap,
}

impl TokenUse {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gcm, Self::Cbc, Self::Wrap];
}

/// What an AES object does with data.
#[derive(Clone, Copy, Debug)]
pub enum TokenCipher<'a> {
    /// AES-GCM (NIST SP 800-38D); the tag follows the ciphertext.
    Gcm {
        /// Drawn here for each message.
        nonce: [u8; 12],
        /// Additional authenticated data.
        aad: &'a [u8],
    },
    /// AES-CBC, with the padding of PKCS#7 or without any.
    Cbc {
        /// Initialization vector.
        iv: [u8; BLOCK],
        /// With padding.
        padded: bool,
    },
    /// AES key wrap (RFC 3394).
    Wrap,
}

impl TokenCipher<'_> {
    /// Which object does it.
    #[must_use]
    pub fn of_use(&self) -> TokenUse {
        match self {
            Self::Gcm { .. } => TokenUse::Gcm,
            Self::Cbc { .. } => TokenUse::Cbc,
            Self::Wrap => TokenUse::Wrap,
        }
    }
}

/// A token that makes keys and uses them. Every call waits for it: never on a thread that serves requests.
pub trait KeyToken: Send + Sync {
    /// Makes a key that cannot leave the token, and gives its public half; none of a symmetric one. `label` says
    /// whose it is, for [`KeyToken::destroy`].
    ///
    /// # Errors
    /// [`TokenTrouble`]; then no object of it is left, unless the token went away.
    fn make(&self, spec: KeySpec, label: &str, id: &TokenKeyId) -> Result<Option<PublicKey>, TokenTrouble>;

    /// Signs a digest of the length that the algorithm asks for; elliptic signatures are `r ‖ s`.
    ///
    /// # Errors
    /// [`TokenTrouble`].
    fn sign(&self, id: &TokenKeyId, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, TokenTrouble>;

    /// Decrypts with an RSA key.
    ///
    /// # Errors
    /// [`TokenTrouble`].
    fn rsa_decrypt(
        &self,
        id: &TokenKeyId,
        algorithm: DataAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble>;

    /// Encrypts or wraps with a symmetric key.
    ///
    /// # Errors
    /// [`TokenTrouble`].
    fn encrypt(&self, id: &TokenKeyId, cipher: TokenCipher<'_>, text: &[u8]) -> Result<Vec<u8>, TokenTrouble>;

    /// Decrypts or unwraps with a symmetric key.
    ///
    /// # Errors
    /// [`TokenTrouble`].
    fn decrypt(
        &self,
        id: &TokenKeyId,
        cipher: TokenCipher<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble>;

    /// Destroys one key for good, because nobody got it. None is no error.
    ///
    /// # Errors
    /// [`TokenTrouble`].
    fn discard(&self, spec: KeySpec, id: &TokenKeyId) -> Result<(), TokenTrouble>;

    /// Destroys every key whose label begins so, for good; gives how many objects that were. None is no error.
    ///
    /// # Errors
    /// [`TokenTrouble`]; some may be gone then.
    fn destroy(&self, label: &str) -> Result<usize, TokenTrouble>;

    /// Looks whether the token answers.
    ///
    /// # Errors
    /// [`TokenTrouble::Unreachable`].
    fn look(&self) -> Result<(), TokenTrouble>;

    /// Whether it answered the last time.
    fn is_reachable(&self) -> bool;

    /// How many calls it takes at the same time.
    fn sessions(&self) -> usize;
}

/// A key in a token, as it is used.
pub(super) struct InToken {
    pub(super) spec: KeySpec,
    pub(super) public: Option<PublicKey>,
    pub(super) id: TokenKeyId,
    pub(super) token: Arc<dyn KeyToken>,
    /// By which algorithms the token was found to decrypt with this key, or not to.
    decrypts: Mutex<Vec<(DataAlgorithm, bool)>>,
}

impl PrivateKey {
    /// A key in a token, by what is sealed of it: its id there. Asks nothing of the token.
    #[must_use]
    pub fn in_token(
        spec: KeySpec,
        public: Option<PublicKey>,
        sealed: &Plaintext,
        token: Arc<dyn KeyToken>,
    ) -> Option<Self> {
        let id = sealed.expose().try_into().ok()?;
        Some(Self(super::Opened::Token(InToken { spec, public, id, token, decrypts: Mutex::default() })))
    }

    /// Makes sure that what is encrypted to the public half of an RSA key can be decrypted: of a key in a token the token
    /// may lack the algorithm. Waits for the token the first time.
    ///
    /// # Errors
    /// [`TokenTrouble::Lacks`] when it cannot, and any other when the token does not say.
    pub fn check_decrypts(&self, algorithm: DataAlgorithm) -> Result<(), OperationError> {
        match &self.0 {
            super::Opened::Token(key) => key.check_decrypts(algorithm),
            _ => Ok(()),
        }
    }
}

impl InToken {
    /// With an algorithm that is one of the key.
    pub(super) fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, OperationError> {
        // A symmetric key in a token encrypts and wraps; it authenticates nothing.
        let public = self.public.as_ref().ok_or(OperationError::Algorithm)?;
        asymmetric::digest_of(algorithm, digest)?;
        let signature = self.token.sign(&self.id, algorithm, digest)?;
        if public.verify(algorithm, digest, &signature)? { Ok(signature) } else { Err(TokenTrouble::Exchanged.into()) }
    }

    /// Finds out by trying, because a module's list of mechanisms does not name the hashes that OAEP takes.
    fn check_decrypts(&self, algorithm: DataAlgorithm) -> Result<(), OperationError> {
        let Some(PublicKey::Rsa { n, .. }) = &self.public else { return Err(OperationError::Algorithm) };
        let told = || self.decrypts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told().iter().find(|(of, _)| *of == algorithm).map(|(_, decrypts)| *decrypts);
        let decrypts = match known {
            Some(decrypts) => decrypts,
            None => {
                // The number 1, which no padding has: whoever knows the algorithm refuses the ciphertext.
                let mut probe = vec![0; n.len()];
                if let Some(last) = probe.last_mut() {
                    *last = 1;
                }
                let decrypts = match self.token.rsa_decrypt(&self.id, algorithm, &probe) {
                    Ok(_) | Err(TokenTrouble::Refused) => true,
                    Err(TokenTrouble::Lacks) => false,
                    Err(trouble) => return Err(trouble.into()),
                };
                told().push((algorithm, decrypts));
                decrypts
            }
        };
        if decrypts { Ok(()) } else { Err(TokenTrouble::Lacks.into()) }
    }

    /// With parameters that [`PrivateKey::encrypt`] has looked at.
    pub(super) fn encrypt(
        &self,
        algorithm: DataAlgorithm,
        plaintext: &[u8],
        iv: Option<&[u8]>,
        aad: Option<&[u8]>,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, OperationError> {
        let mode = algorithm.mode();
        let failed = |_| OperationError::Failed;
        match mode {
            Mode::Rsa => Err(OperationError::Algorithm),
            Mode::Gcm if iv.is_some() => Err(OperationError::Parameter),
            Mode::Gcm => {
                let nonce: [u8; 12] = draw(entropy).map_err(failed)?;
                let cipher = TokenCipher::Gcm { nonce, aad: aad.unwrap_or_default() };
                let mut value = self.token.encrypt(&self.id, cipher, plaintext)?;
                let tag = value.split_off(plaintext.len().min(value.len()));
                if tag.len() != GCM_TAG {
                    return Err(OperationError::Failed);
                }
                Ok(Sealed { value, iv: Some(nonce.to_vec()), tag: Some(tag) })
            }
            Mode::Cbc | Mode::CbcPad => {
                let iv: [u8; BLOCK] = match iv {
                    Some(iv) => iv.try_into().map_err(|_| OperationError::Parameter)?,
                    None => draw(entropy).map_err(failed)?,
                };
                let padded = mode == Mode::CbcPad;
                if !padded && (plaintext.is_empty() || !plaintext.len().is_multiple_of(BLOCK)) {
                    return Err(OperationError::InputLength);
                }
                let value = self.token.encrypt(&self.id, TokenCipher::Cbc { iv, padded }, plaintext)?;
                Ok(Sealed { value, iv: Some(iv.to_vec()), tag: None })
            }
            Mode::KeyWrap if iv.is_some() => Err(OperationError::Parameter),
            Mode::KeyWrap if plaintext.len() < BLOCK || !plaintext.len().is_multiple_of(8) => {
                Err(OperationError::InputLength)
            }
            Mode::KeyWrap => {
                let value = self.token.encrypt(&self.id, TokenCipher::Wrap, plaintext)?;
                Ok(Sealed { value, iv: None, tag: None })
            }
        }
    }

    /// With parameters that [`PrivateKey::decrypt`] has looked at.
    pub(super) fn decrypt(
        &self,
        algorithm: DataAlgorithm,
        ciphertext: &[u8],
        iv: &[u8],
        aad: Option<&[u8]>,
        tag: Option<&[u8]>,
    ) -> Result<Plaintext, OperationError> {
        let mode = algorithm.mode();
        let parameter = |_| OperationError::Parameter;
        let opened = match mode {
            Mode::Rsa => self.token.rsa_decrypt(&self.id, algorithm, ciphertext)?,
            Mode::Gcm => {
                let nonce = iv.try_into().map_err(parameter)?;
                let tag: [u8; GCM_TAG] = tag.unwrap_or_default().try_into().map_err(parameter)?;
                let cipher = TokenCipher::Gcm { nonce, aad: aad.unwrap_or_default() };
                self.token.decrypt(&self.id, cipher, &[ciphertext, tag.as_slice()].concat())?
            }
            Mode::Cbc | Mode::CbcPad => {
                let iv = iv.try_into().map_err(parameter)?;
                if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
                    return Err(OperationError::Failed);
                }
                let cipher = TokenCipher::Cbc { iv, padded: mode == Mode::CbcPad };
                self.token.decrypt(&self.id, cipher, ciphertext)?
            }
            Mode::KeyWrap => {
                if ciphertext.len() < BLOCK + 8 || !ciphertext.len().is_multiple_of(8) {
                    return Err(OperationError::Failed);
                }
                self.token.decrypt(&self.id, TokenCipher::Wrap, ciphertext)?
            }
        };
        Ok(Plaintext::from_zeroizing(opened))
    }
}
