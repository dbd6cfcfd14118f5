//! A key that lives in a hardware token: made there, used there, never here.
//!
//! What a caller asks is checked here as for every other key; the token is asked only for what it alone can do.
//! An object that was put in the place of another one is found: what a token signs is verified with the public half
//! before anybody gets it, and what encrypts and decrypts has to show that it is the one that was made, once after
//! the key was opened (see [`super::token_proof`]). Must never hold more of such a key than the id of its object and
//! what that showed.
//!
//! A symmetric key is three objects, one for each use: AES-CBC lends whoever may use it the bare block cipher,
//! which under one key for all would be the key stream of AES-GCM (see [`super::oct`]).

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{
    DataAlgorithm, KeySpec, OperationError, PrivateKey, PublicKey, Sealed, SignAlgorithm,
    algorithm::Mode,
    asymmetric,
    token_proof::{self, Proofs},
};
use crate::{
    entropy::{Entropy, draw},
    secret::Plaintext,
};

/// Bytes of the id of a key in a token.
pub(super) const TOKEN_KEY_ID_LEN: usize = 16;
const GCM_TAG: usize = 16;
const BLOCK: usize = 16;
/// What an RSA key is asked to decrypt.
const PROBE: &[u8] = b"strongroom";

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
    /// The object that answers is not the one that was made.
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

    /// Whether it is out of reach because it takes no PIN: nobody is let in until that is mended.
    fn refuses_pin(&self) -> bool {
        false
    }

    /// How many calls it takes at the same time.
    fn sessions(&self) -> usize;
}

/// A key in a token, as it is used.
pub(super) struct InToken {
    pub(super) spec: KeySpec,
    pub(super) public: Option<PublicKey>,
    pub(super) id: TokenKeyId,
    pub(super) token: Arc<dyn KeyToken>,
    /// Of a symmetric key, unless it is older than they are.
    proofs: Option<Proofs>,
    /// Uses whose objects have shown since this was opened that they are the ones that were made.
    shown: Mutex<Vec<TokenUse>>,
    /// By which algorithms the token was found to decrypt with this key, or not to.
    decrypts: Mutex<Vec<(DataAlgorithm, bool)>>,
}

impl PrivateKey {
    /// A key in a token, by what is sealed of it. Asks nothing of the token.
    #[must_use]
    pub fn in_token(
        spec: KeySpec,
        public: Option<PublicKey>,
        sealed: &Plaintext,
        token: Arc<dyn KeyToken>,
    ) -> Option<Self> {
        let (id, proofs) = token_proof::read(sealed)?;
        let (shown, decrypts) = (Mutex::default(), Mutex::default());
        Some(Self(super::Opened::Token(InToken { spec, public, id, token, proofs, shown, decrypts })))
    }

    /// Makes sure that what is encrypted to the public half of an RSA key can be decrypted: of a key in a token the token
    /// may lack the algorithm, or have another key in its place. Waits for the token the first time.
    ///
    /// # Errors
    /// [`TokenTrouble::Lacks`] when it cannot, [`TokenTrouble::Exchanged`], and any other when the token does not say.
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

    /// Finds out by trying, because a module's list of mechanisms does not name the hashes that OAEP takes, and because
    /// whoever decrypts what was encrypted to the public half has the private one.
    fn check_decrypts(&self, algorithm: DataAlgorithm) -> Result<(), OperationError> {
        let Some(public @ PublicKey::Rsa { .. }) = &self.public else { return Err(OperationError::Algorithm) };
        let told = || self.decrypts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told().iter().find(|(of, _)| *of == algorithm).map(|(_, decrypts)| *decrypts);
        let decrypts = match known {
            Some(decrypts) => decrypts,
            None => {
                let probe = public.encrypt(algorithm, PROBE)?;
                let decrypts = match self.token.rsa_decrypt(&self.id, algorithm, &probe) {
                    Ok(text) if *text == PROBE => true,
                    Err(TokenTrouble::Lacks) => false,
                    Ok(_) | Err(TokenTrouble::Refused) => {
                        // Another key, or one that the token lets nobody decrypt with: what it signs tells which.
                        self.sign(SignAlgorithm::Rs256, &[0; 32])?;
                        false
                    }
                    Err(trouble) => return Err(trouble.into()),
                };
                told().push((algorithm, decrypts));
                decrypts
            }
        };
        if decrypts { Ok(()) } else { Err(TokenTrouble::Lacks.into()) }
    }

    /// Makes sure that the object of a use is the one that was made, once.
    fn check_shown(&self, of: TokenUse) -> Result<(), TokenTrouble> {
        let shown = || self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(proofs) = self.proofs.as_ref().filter(|_| !shown().contains(&of)) else { return Ok(()) };
        proofs.check(&*self.token, &self.id, of)?;
        shown().push(of);
        Ok(())
    }

    fn encrypt_there(&self, cipher: TokenCipher<'_>, text: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
        self.check_shown(cipher.of_use())?;
        self.token.encrypt(&self.id, cipher, text)
    }

    fn decrypt_there(&self, cipher: TokenCipher<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
        self.check_shown(cipher.of_use())?;
        self.token.decrypt(&self.id, cipher, sealed)
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
                let mut value = self.encrypt_there(cipher, plaintext)?;
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
                let value = self.encrypt_there(TokenCipher::Cbc { iv, padded }, plaintext)?;
                Ok(Sealed { value, iv: Some(iv.to_vec()), tag: None })
            }
            Mode::KeyWrap if iv.is_some() => Err(OperationError::Parameter),
            Mode::KeyWrap if plaintext.len() < BLOCK || !plaintext.len().is_multiple_of(8) => {
                Err(OperationError::InputLength)
            }
            Mode::KeyWrap => {
                let value = self.encrypt_there(TokenCipher::Wrap, plaintext)?;
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
            Mode::Rsa => {
                self.check_decrypts(algorithm)?;
                self.token.rsa_decrypt(&self.id, algorithm, ciphertext)?
            }
            Mode::Gcm => {
                let nonce = iv.try_into().map_err(parameter)?;
                let tag: [u8; GCM_TAG] = tag.unwrap_or_default().try_into().map_err(parameter)?;
                let cipher = TokenCipher::Gcm { nonce, aad: aad.unwrap_or_default() };
                self.decrypt_there(cipher, &[ciphertext, tag.as_slice()].concat())?
            }
            Mode::Cbc | Mode::CbcPad => {
                let iv = iv.try_into().map_err(parameter)?;
                if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK) {
                    return Err(OperationError::Failed);
                }
                let cipher = TokenCipher::Cbc { iv, padded: mode == Mode::CbcPad };
                self.decrypt_there(cipher, ciphertext)?
            }
            Mode::KeyWrap => {
                if ciphertext.len() < BLOCK + 8 || !ciphertext.len().is_multiple_of(8) {
                    return Err(OperationError::Failed);
                }
                self.decrypt_there(TokenCipher::Wrap, ciphertext)?
            }
        };
        Ok(Plaintext::from_zeroizing(opened))
    }
}
