//! Making a key in a token, with what shows later that its objects are still the ones that were made.
//!
//! The public half shows it of an RSA or elliptic key. Of a symmetric one each object encrypts a text when it is
//! made, and both are sealed with the key's id: only that object decrypts the one into the other. Objects are asked to
//! decrypt it and never to encrypt it again, because a nonce of GCM serves once. Must never ask an object
//! to encrypt what a user gave before it has shown that.

use super::{
    Family, KeySpec, NewKey,
    token::{KeyToken, TOKEN_KEY_ID_LEN, TokenCipher, TokenKeyId, TokenTrouble, TokenUse},
};
use crate::{
    entropy::{Entropy, EntropyError, draw},
    secret::Plaintext,
};

/// Stands after the id where proofs follow. Keys that were made before there were any are their id alone.
const PROOFS_FOLLOW: u8 = 1;
const TEXT: usize = 16;
const NONCE: usize = 12;
const IV: usize = 16;

/// What is drawn for a new key in a token.
pub struct TokenDraw {
    id: TokenKeyId,
    challenge: Challenge,
}

/// What each object of a symmetric key encrypts when it is made.
#[derive(Clone, Copy)]
struct Challenge {
    text: [u8; TEXT],
    nonce: [u8; NONCE],
    iv: [u8; IV],
}

impl TokenDraw {
    /// Draws it.
    ///
    /// # Errors
    /// [`EntropyError`].
    pub fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let challenge = Challenge { text: draw(entropy)?, nonce: draw(entropy)?, iv: draw(entropy)? };
        Ok(Self { id: draw(entropy)?, challenge })
    }
}

/// Has a token make a key, and gives its id there to be sealed, with what shows that it is still there. Waits for the
/// token.
///
/// # Errors
/// [`TokenTrouble`]; then no object of it is left, unless the token went away.
pub fn make_in_token(
    token: &dyn KeyToken,
    spec: KeySpec,
    label: &str,
    drawn: &TokenDraw,
) -> Result<NewKey, TokenTrouble> {
    let public = token.make(spec, label, &drawn.id)?;
    if spec.family() != Family::Oct {
        return Ok(NewKey { spec, private: Plaintext::from_slice(&drawn.id), public });
    }
    match Proofs::make(token, &drawn.id, drawn.challenge) {
        Ok(proofs) => Ok(NewKey { spec, private: proofs.sealed_with(&drawn.id), public }),
        Err(trouble) => {
            // When this fails too, the token went away.
            let _ = token.discard(spec, &drawn.id);
            Err(trouble)
        }
    }
}

/// What the objects of a symmetric key made of the challenge; nothing of a use that the token lacks.
pub(super) struct Proofs {
    challenge: Challenge,
    encrypted: [Vec<u8>; 3],
}

impl Challenge {
    fn cipher(&self, of: TokenUse) -> TokenCipher<'_> {
        match of {
            TokenUse::Gcm => TokenCipher::Gcm { nonce: self.nonce, aad: &[] },
            TokenUse::Cbc => TokenCipher::Cbc { iv: self.iv, padded: false },
            TokenUse::Wrap => TokenCipher::Wrap,
        }
    }
}

impl Proofs {
    fn make(token: &dyn KeyToken, id: &TokenKeyId, challenge: Challenge) -> Result<Self, TokenTrouble> {
        let mut proofs = Self { challenge, encrypted: Default::default() };
        for (of, encrypted) in TokenUse::ALL.into_iter().zip(&mut proofs.encrypted) {
            *encrypted = match token.encrypt(id, challenge.cipher(of), &challenge.text) {
                Ok(encrypted) if !encrypted.is_empty() && u8::try_from(encrypted.len()).is_ok() => encrypted,
                Err(TokenTrouble::Lacks) => Vec::new(),
                // Nobody gave it anything to refuse, so it is the token that failed.
                Ok(_) | Err(TokenTrouble::Refused) => return Err(TokenTrouble::Unreachable),
                Err(trouble) => return Err(trouble),
            };
        }
        Ok(proofs)
    }

    fn sealed_with(&self, id: &TokenKeyId) -> Plaintext {
        let Challenge { text, nonce, iv } = &self.challenge;
        let mut whole = [id.as_slice(), &[PROOFS_FOLLOW], text, nonce, iv].concat();
        for encrypted in &self.encrypted {
            whole.extend(u8::try_from(encrypted.len()));
            whole.extend(encrypted);
        }
        Plaintext::new(whole)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (text, rest) = bytes.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (iv, mut rest) = rest.split_first_chunk()?;
        let mut encrypted: [Vec<u8>; 3] = Default::default();
        for one in &mut encrypted {
            let (length, after) = rest.split_first()?;
            let (bytes, after) = after.split_at_checked(usize::from(*length))?;
            *one = bytes.to_vec();
            rest = after;
        }
        rest.is_empty().then_some(Self { challenge: Challenge { text: *text, nonce: *nonce, iv: *iv }, encrypted })
    }

    /// Makes sure that the object of a use is the one that was made.
    pub(super) fn check(&self, token: &dyn KeyToken, id: &TokenKeyId, of: TokenUse) -> Result<(), TokenTrouble> {
        let [gcm, cbc, wrap] = &self.encrypted;
        let encrypted = match of {
            TokenUse::Gcm => gcm,
            TokenUse::Cbc => cbc,
            TokenUse::Wrap => wrap,
        };
        if encrypted.is_empty() {
            return Err(TokenTrouble::Lacks);
        }
        match token.decrypt(id, self.challenge.cipher(of), encrypted) {
            Ok(text) if *text == self.challenge.text => Ok(()),
            Ok(_) | Err(TokenTrouble::Refused) => Err(TokenTrouble::Exchanged),
            Err(trouble) => Err(trouble),
        }
    }
}

/// What is sealed of a key in a token: its id, and proofs if they had been invented.
pub(super) fn read(sealed: &Plaintext) -> Option<(TokenKeyId, Option<Proofs>)> {
    let (id, rest) = sealed.expose().split_first_chunk::<TOKEN_KEY_ID_LEN>()?;
    match rest {
        [] => Some((*id, None)),
        [PROOFS_FOLLOW, proofs @ ..] => Some((*id, Some(Proofs::read(proofs)?))),
        _ => None,
    }
}

impl NewKey {
    /// Of a key that was made in a token: its id there.
    #[must_use]
    pub fn token_id(&self) -> Option<TokenKeyId> {
        read(&self.private).map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use zeroize::Zeroizing;

    use super::*;
    use crate::{
        SeededEntropy,
        key::{DataAlgorithm, OperationError, PrivateKey, PublicKey, SignAlgorithm, generate},
    };

    /// A token with one key, whose symmetric objects are a byte each that texts are changed and marked with.
    #[derive(Default)]
    struct Played {
        objects: Mutex<[u8; 3]>,
        rsa: Mutex<Option<PrivateKey>>,
        lacks: Option<TokenUse>,
        refuses_to_decrypt: bool,
        decrypted: AtomicUsize,
    }

    impl Played {
        fn object(&self, of: TokenUse) -> Result<(u8, usize), TokenTrouble> {
            let [gcm, cbc, wrap] = *self.objects.lock().unwrap();
            match of {
                of if self.lacks == Some(of) => Err(TokenTrouble::Lacks),
                TokenUse::Gcm => Ok((gcm, 16)),
                TokenUse::Cbc => Ok((cbc, 0)),
                TokenUse::Wrap => Ok((wrap, 8)),
            }
        }

        fn exchange(&self, spec: KeySpec) {
            let other = SeededEntropy::new(9);
            let other = PrivateKey::open(spec, &generate(spec, &other).ok().unwrap().private).ok();
            *self.objects.lock().unwrap() = [7, 8, 9];
            *self.rsa.lock().unwrap() = other;
        }
    }

    impl KeyToken for Played {
        fn make(&self, spec: KeySpec, _: &str, _: &TokenKeyId) -> Result<Option<PublicKey>, TokenTrouble> {
            let made = generate(spec, &SeededEntropy::new(1)).map_err(|_| TokenTrouble::Lacks)?;
            *self.objects.lock().unwrap() = [1, 2, 3];
            *self.rsa.lock().unwrap() = PrivateKey::open(spec, &made.private).ok();
            Ok(made.public)
        }

        fn sign(&self, _: &TokenKeyId, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
            let rsa = self.rsa.lock().unwrap();
            rsa.as_ref().unwrap().sign(algorithm, digest).map_err(|_| TokenTrouble::Refused)
        }

        fn rsa_decrypt(
            &self,
            _: &TokenKeyId,
            algorithm: DataAlgorithm,
            ciphertext: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
            self.decrypted.fetch_add(1, Ordering::SeqCst);
            if self.refuses_to_decrypt {
                return Err(TokenTrouble::Refused);
            }
            let rsa = self.rsa.lock().unwrap();
            let opened = rsa.as_ref().unwrap().decrypt(algorithm, ciphertext, None, None, None);
            opened.map(|text| Zeroizing::new(text.expose().to_vec())).map_err(|_| TokenTrouble::Refused)
        }

        fn encrypt(&self, _: &TokenKeyId, cipher: TokenCipher<'_>, text: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
            let (object, marks) = self.object(cipher.of_use())?;
            Ok(text.iter().map(|byte| byte ^ object).chain(std::iter::repeat_n(object, marks)).collect())
        }

        fn decrypt(
            &self,
            _: &TokenKeyId,
            cipher: TokenCipher<'_>,
            sealed: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
            self.decrypted.fetch_add(1, Ordering::SeqCst);
            let (object, marks) = self.object(cipher.of_use())?;
            let (text, marked) = sealed.split_at(sealed.len() - marks);
            if marked.iter().any(|mark| *mark != object) {
                return Err(TokenTrouble::Refused);
            }
            Ok(Zeroizing::new(text.iter().map(|byte| byte ^ object).collect()))
        }

        fn discard(&self, _: KeySpec, _: &TokenKeyId) -> Result<(), TokenTrouble> {
            Ok(())
        }

        fn destroy(&self, _: &str) -> Result<usize, TokenTrouble> {
            Ok(0)
        }

        fn look(&self) -> Result<(), TokenTrouble> {
            Ok(())
        }

        fn is_reachable(&self) -> bool {
            true
        }

        fn sessions(&self) -> usize {
            1
        }
    }

    const OCT: KeySpec = KeySpec::Oct { bits: 256 };
    const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
    const SYMMETRIC: [DataAlgorithm; 3] = [DataAlgorithm::A256Gcm, DataAlgorithm::A256Cbc, DataAlgorithm::A256Kw];

    fn made(token: &Arc<Played>, spec: KeySpec) -> NewKey {
        make_in_token(&**token, spec, "k", &TokenDraw::draw(&SeededEntropy::new(3)).unwrap()).unwrap()
    }

    fn opened(token: &Arc<Played>, made: &NewKey) -> PrivateKey {
        PrivateKey::in_token(made.spec, made.public.clone(), &made.private, Arc::clone(token) as _).unwrap()
    }

    fn encrypt(key: &PrivateKey, algorithm: DataAlgorithm) -> Result<(), OperationError> {
        key.encrypt(algorithm, &[5; 16], None, None, &SeededEntropy::new(4)).map(drop)
    }

    fn exchanged<T>(done: Result<T, OperationError>) -> bool {
        matches!(done, Err(OperationError::Token(TokenTrouble::Exchanged)))
    }

    #[test]
    fn what_was_put_in_the_place_of_a_symmetric_key_encrypts_and_decrypts_nothing() {
        let token = Arc::new(Played::default());
        let new = made(&token, OCT);
        let key = opened(&token, &new);
        for algorithm in SYMMETRIC {
            encrypt(&key, algorithm).unwrap();
            encrypt(&key, algorithm).unwrap();
        }
        assert_eq!(token.decrypted.load(Ordering::SeqCst), 3, "each object shows it once while it is kept");
        token.exchange(OCT);
        let key = opened(&token, &new);
        for algorithm in SYMMETRIC {
            assert!(exchanged(encrypt(&key, algorithm)) && exchanged(encrypt(&key, algorithm)), "{algorithm:?}");
        }
        let (nonce, tag) = ([0; 12], [7; 16]);
        assert!(exchanged(key.decrypt(DataAlgorithm::A256Gcm, &[1; 4], Some(&nonce), None, Some(&tag))));
        assert!(exchanged(key.decrypt(DataAlgorithm::A256Kw, &[9; 24], None, None, None)));
    }

    #[test]
    fn what_was_put_in_the_place_of_an_rsa_key_decrypts_nothing_and_nothing_is_encrypted_to_it() {
        let token = Arc::new(Played::default());
        let new = made(&token, RSA);
        let (algorithm, public) = (DataAlgorithm::RsaOaep256, new.public.as_ref().unwrap());
        let sealed = public.encrypt(algorithm, b"text").unwrap();
        let key = opened(&token, &new);
        for _ in 0..2 {
            let text = key.decrypt(algorithm, &sealed, None, None, None).unwrap();
            assert_eq!(text.expose(), b"text");
        }
        assert_eq!(token.decrypted.load(Ordering::SeqCst), 3, "it shows it once while it is kept");
        token.exchange(RSA);
        let key = opened(&token, &new);
        for algorithm in [DataAlgorithm::RsaOaep256, DataAlgorithm::Rsa15] {
            assert!(exchanged(key.decrypt(algorithm, &sealed, None, None, None)), "{algorithm:?}");
            assert!(exchanged(key.check_decrypts(algorithm)), "{algorithm:?}");
        }
        assert!(exchanged(key.sign(SignAlgorithm::Ps256, &[7; 32])));
    }

    #[test]
    fn a_token_that_lets_nobody_decrypt_is_not_taken_for_one_with_another_key() {
        let token = Arc::new(Played { refuses_to_decrypt: true, ..Played::default() });
        let key = opened(&token, &made(&token, RSA));
        let lacks = OperationError::Token(TokenTrouble::Lacks);
        assert_eq!(key.check_decrypts(DataAlgorithm::RsaOaep), Err(lacks));
        let token = Arc::new(Played { lacks: Some(TokenUse::Wrap), ..Played::default() });
        let key = opened(&token, &made(&token, OCT));
        encrypt(&key, DataAlgorithm::A256Gcm).unwrap();
        assert_eq!(encrypt(&key, DataAlgorithm::A256Kw), Err(lacks));
    }

    #[test]
    fn keys_from_before_there_were_proofs_are_used_and_what_is_cut_short_opens_nothing() {
        let token = Arc::new(Played::default());
        let new = made(&token, OCT);
        let whole = new.private.expose();
        let id = new.token_id().unwrap();
        assert_eq!(id.as_slice(), &whole[..TOKEN_KEY_ID_LEN]);
        let of =
            |sealed: &[u8]| PrivateKey::in_token(OCT, None, &Plaintext::from_slice(sealed), Arc::clone(&token) as _);
        token.exchange(OCT);
        let old = of(&id).unwrap();
        encrypt(&old, DataAlgorithm::A256Gcm).unwrap();
        assert!(exchanged(encrypt(&of(whole).unwrap(), DataAlgorithm::A256Gcm)));
        for length in (0..whole.len()).filter(|length| *length != TOKEN_KEY_ID_LEN) {
            assert!(of(&whole[..length]).is_none(), "{length} bytes");
        }
        assert!(of(&[whole, &[0]].concat()).is_none());
    }
}
